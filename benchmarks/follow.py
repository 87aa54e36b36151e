"""What followers make of rotations and damage, beside each other; what w3c-tail costs while it follows."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from follow_kit.cases import CASES, Case
from follow_kit.followers import GNU_INOTIFY, GNU_POLLING, W3C_TAIL, Follower
from follow_kit.lines import Plain
from follow_kit.waiting import LateError, ticks
from follow_kit.writer import LogFile

from benchmarks.processes import CommandFailed, Workbench

#: A follower that shows nothing for so long has lost what it does not show.
PATIENCE_S = 1.0
FOLLOWERS: Mapping[str, Sequence[str]] = {
    "tail -F, inotify": GNU_INOTIFY,
    "tail -F, polling 0.2 s": GNU_POLLING,
    "w3c-tail": W3C_TAIL,
}
#: Words that take the right to read everything from a command that root starts.
UNPRIVILEGED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")

LATENCY_LINES, LATENCY_INTERVAL_S = 1_000, 0.01
IDLE_S = 10
PAIRS = 3
BLOCK_LINES = 10_000


def measure(bench: Workbench, backlog_bytes: int) -> None:
    """Print a table of what was lost, then one of what it costs."""
    try:
        _show_faults(bench)
        _show_costs(bench, backlog_bytes)
    except (LateError, ChildProcessError) as error:
        raise CommandFailed(f"follow: {error}") from None


def _show_faults(bench: Workbench) -> None:
    print("\nMissing / duplicated / torn lines; all followers read the same log at the same time.\n")
    _row("case (lines)", *FOLLOWERS)
    _row("---", *["---"] * len(FOLLOWERS))
    for number, case in enumerate(CASES):
        _row(case.name, *_results(case, bench.folder / f"case-{number}"))


def _results(case: Case, folder: Path) -> list[str]:
    prefix: Sequence[str] = ()
    if case.needs_permissions and os.geteuid() == 0:
        if not shutil.which(UNPRIVILEGED[0]):
            return ["skipped: root may read all"] * len(FOLLOWERS)
        prefix = UNPRIVILEGED
    commands = {name: [*prefix, *words] for name, words in FOLLOWERS.items()}
    return [str(verdict) for verdict in case.run(folder, commands, patience_s=PATIENCE_S).values()]


def _show_costs(bench: Workbench, backlog_bytes: int) -> None:
    latencies_ms, idle_percent = _latencies_ms_and_idle_percent(bench)
    seconds, floor_s = _backlog_s(bench, backlog_bytes)
    ratio = statistics.median(ours / floor for ours, floor in zip(seconds, floor_s, strict=True))
    megabytes = backlog_bytes / 1e6
    print("\nWhat it costs to follow.\n")
    _row("", *FOLLOWERS)
    _row("---", *["---"] * len(FOLLOWERS))
    _row(
        f"latency, {LATENCY_LINES:,} lines at {1 / LATENCY_INTERVAL_S:.0f}/s: p50 / p99 ms",
        *(f"{_percentile(each, 50):.1f} / {_percentile(each, 99):.1f}" for each in latencies_ms),
    )
    _row(f"idle for {IDLE_S} s: % of a core", *(f"{percent:.2f}" for percent in idle_percent))
    print(
        f"\nA backlog of {megabytes:,.0f} MB into `cat > /dev/null`, medians of {PAIRS} pairs: "
        f"w3c-tail {megabytes / statistics.median(seconds):,.0f} MB/s, "
        f"`cat FILE` {megabytes / statistics.median(floor_s):,.0f} MB/s; "
        f"w3c-tail takes {ratio:.2f} times as long, starting up included.",
        flush=True,
    )


def _latencies_ms_and_idle_percent(bench: Workbench) -> tuple[list[list[float]], list[float]]:
    """Of each follower; all read the same log."""
    folder = bench.folder / "latency"
    folder.mkdir()
    path = folder / "access.log"
    shape = Plain()
    path.write_bytes(shape.line(0))
    with ExitStack() as running:
        followers = [running.enter_context(Follower([*words, path], folder)) for words in FOLLOWERS.values()]
        for follower in followers:
            follower.shows(1)
        sent_s = []
        with LogFile(path) as log:
            for tick in ticks(LATENCY_LINES, LATENCY_INTERVAL_S):
                sent_s.append(time.monotonic())
                log.write(shape.line(tick + 1))
        for follower in followers:
            follower.shows(1 + LATENCY_LINES)
        before_s = [follower.cpu_s() for follower in followers]
        time.sleep(IDLE_S)
        used_s = [follower.cpu_s() - before for follower, before in zip(followers, before_s, strict=True)]
        latencies_ms = [_latencies_ms(follower, sent_s) for follower in followers]
    return latencies_ms, [100 * seconds / IDLE_S for seconds in used_s]


def _latencies_ms(follower: Follower, sent_s: Sequence[float]) -> list[float]:
    """From before the write of each line until it could be read."""
    came_s: list[float] = []
    for at_s, lines in follower.collector.arrivals:
        came_s += [at_s] * (lines - len(came_s))
    return [(came - sent) * 1e3 for came, sent in zip(came_s[1:], sent_s, strict=True)]


def _backlog_s(bench: Workbench, backlog_bytes: int) -> tuple[list[float], list[float]]:
    """How long w3c-tail and cat take in turns, each through a pipe."""
    path = bench.folder / "backlog.log"
    bench.variables["BACKLOG"] = str(path)
    block = b"".join(map(Plain().line, range(BLOCK_LINES)))
    with path.open("wb") as file:
        for _ in range(max(1, backlog_bytes // len(block))):
            file.write(block)
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(PAIRS):
        for runs, command in zip(seconds, ("w3c-tail -n +1 --no-follow", "cat"), strict=True):
            runs.append(bench.run(f"{command} $BACKLOG | cat").wall_s)
    path.unlink()
    return seconds


def _percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)
