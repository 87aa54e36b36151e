"""How long a line takes from the log to the end of the pipe."""

from __future__ import annotations

import json
import os
import random
import select
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.processes import CommandFailed, Pipeline, Workbench
from benchmarks.sample import SEED, write_log
from benchmarks.tables import Report, Target

SECONDS = 10
#: So far are writes apart, as a share of the mean: not in step with the looks of w3c-tail.
SHORTEST_INTERVAL, LONGEST_INTERVAL = 0.5, 1.5
MOST_P99_MS = 100
#: A line that has not come by then is lost.
PATIENCE_S = 10.0

WHOLE = "w3c-tail LOG | w3c-parse | w3c-alert --pass-through"
TAIL = ["w3c-tail", "-n", "+1"]
PIPES: Sequence[tuple[str, Sequence[Sequence[str]]]] = (
    ("tail -F LOG | cat", [["tail", "-n", "+1", "-F"], ["cat"]]),
    ("w3c-tail LOG | w3c-parse", [TAIL, ["w3c-parse"]]),
    (WHOLE, [TAIL, ["w3c-parse"], ["w3c-alert", "--pass-through"]]),
)


@dataclass(frozen=True)
class Pace:
    """How fast a log grows: so many writes a second, of so many lines each."""

    writes_per_s: int
    lines_per_write: int

    @property
    def rate_per_s(self) -> int:
        """Lines a second."""
        return self.writes_per_s * self.lines_per_write


#: A quiet log, and a busy one whose server writes what a millisecond brought.
PACES = (Pace(10, 1), Pace(1_000, 10))


@dataclass
class Probe:
    """Counts the lines that come out of a pipe, and notes when each did."""

    output: int
    came_s: list[float] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    _rest: bytes = b""

    def watch(self, until_s: float) -> None:
        """Read what comes until then; lines of one read came at the same time."""
        while (left_s := until_s - time.monotonic()) > 0:
            if select.select([self.output], [], [], left_s)[0]:
                self._read()

    def await_lines(self, count: int) -> None:
        """Read until `count` lines have come in all."""
        deadline_s = time.monotonic() + PATIENCE_S
        while len(self.lines) < count:
            left_s = max(0.0, deadline_s - time.monotonic())
            if not select.select([self.output], [], [], left_s)[0]:
                raise CommandFailed(f"{count - len(self.lines)} lines did not come within {PATIENCE_S:.0f} s")
            self._read()

    def _read(self) -> None:
        data = os.read(self.output, 1 << 16)
        now_s = time.monotonic()
        if not data:
            raise CommandFailed("the pipe ended by itself")
        *lines, self._rest = (self._rest + data).split(b"\n")
        # An alert is no line of the log.
        lines = [line for line in lines if not line.startswith(b'{"event"')]
        self.lines += lines
        self.came_s += [now_s] * len(lines)


def measure(bench: Workbench, report: Report) -> None:
    """Drive each pipe with the same lines at the same intervals and show the percentiles."""
    rows = []
    for pace in PACES:
        lines = _lines(bench, pace)
        for name, commands in PIPES:
            latencies_ms = sorted(_latencies_ms(bench, commands, lines, pace))
            p50, p99 = (_percentile(latencies_ms, percent) for percent in (50, 99))
            rows.append([name, f"{pace.rate_per_s:,}", f"{p50:.1f}", f"{p99:.1f}", f"{latencies_ms[-1]:.1f}"])
            if name == WHOLE:
                what = f"whole pipe, latency at {pace.rate_per_s:,} lines/s, p99"
                report.targets.append(Target(what, MOST_P99_MS, [p99], " ms", is_most=True))
    limits = [
        f"{SECONDS} s at each rate, writes at random intervals (seeded); at {PACES[-1].rate_per_s:,} lines/s "
        f"each write holds {PACES[-1].lines_per_write} lines. From just before the write until a line can be "
        "read at the end of the pipe, where w3c-stats would stand. Every line must come out, in order.",
        "The benchmark writes and reads in turn on the same cores, so its own waking up counts, and so does "
        "everything else that runs: on a busy machine p99 and max show the scheduler.",
        "The first pipe, of coreutils, is told of changes by the kernel (inotify) and parses nothing.",
    ]
    report.show("Latency", limits, ["pipe", "lines/s", "p50 ms", "p99 ms", "max ms"], rows)


def _lines(bench: Workbench, pace: Pace) -> list[bytes]:
    """One that shows that a pipe stands, and those that are timed; their stamps begin now."""
    source = bench.folder / "lines.log"
    bench.variables["LINES"] = str(source)
    write_log(
        bench,
        "$LINES",
        1 + SECONDS * pace.rate_per_s,
        int(time.time()),
        pace.rate_per_s,
    )
    return source.read_bytes().splitlines(keepends=True)


def _latencies_ms(
    bench: Workbench, commands: Sequence[Sequence[str]], lines: Sequence[bytes], pace: Pace
) -> list[float]:
    log = bench.folder / "followed.log"
    log.write_bytes(b"")
    first, *others = commands
    pipeline, output = bench.start([[*first, str(log)], *others])
    writer = os.open(log, os.O_WRONLY | os.O_APPEND)
    try:
        return _drive(lines, pace, writer, Probe(output), pipeline)
    finally:
        os.close(writer)
        os.close(output)
        pipeline.kill()


def _drive(lines: Sequence[bytes], pace: Pace, writer: int, probe: Probe, pipeline: Pipeline) -> list[float]:
    """The first line only shows that the pipe stands; the others are timed."""
    rng = random.Random(f"{SEED}: intervals")
    os.write(writer, lines[0])
    try:
        probe.await_lines(1)
        sent_s: list[float] = []
        due_s = time.monotonic()
        for first in range(1, len(lines), pace.lines_per_write):
            due_s += rng.uniform(SHORTEST_INTERVAL, LONGEST_INTERVAL) / pace.writes_per_s
            probe.watch(due_s)
            together = lines[first : first + pace.lines_per_write]
            sent_s += [time.monotonic()] * len(together)
            os.write(writer, b"".join(together))
        probe.await_lines(len(lines))
        _compare(lines, probe.lines)
    except CommandFailed as error:
        raise CommandFailed(f"{pipeline}: {error}") from None
    return [(came_s - left_s) * 1e3 for left_s, came_s in zip(sent_s, probe.came_s[1:], strict=True)]


def _compare(sent: Sequence[bytes], came: Sequence[bytes]) -> None:
    """Every line came out, in order: their queries differ, so they tell."""
    for line, record in zip(sent, came, strict=True):
        if record + b"\n" != line and json.loads(record)["query"].encode() not in line:
            raise CommandFailed(f"not what was written: {record[:200]!r}")


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """The smallest value that so many per cent do not exceed.

    >>> _percentile([1.0, 2.0, 3.0, 4.0], 50)
    2.0
    """
    return ordered[-(-len(ordered) * percent // 100) - 1]
