"""What peers that follow a log count of one that is rotated and truncated, read off their screens."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import sample
from benchmarks.processes import CommandFailed, Workbench, find

#: A peer that shows nothing new for so long has seen all that it will see.
PATIENCE_S = 5
LOOK_S = 1.5
BEFORE, ADDED, TO_THE_OLD, TO_THE_NEW, TRUNCATED, REGROWN = 100, 20, 40, 60, 80, 100
PAUSE_S = 2
ENDED = re.compile(r"ended with (\d+)")


@dataclass(frozen=True)
class Screen:
    """A peer, the keys that make it say how many requests it has, and how it says so."""

    command: str
    shows: re.Pattern[str]
    keys: tuple[str, ...] = ()


SCREENS = {
    "w3c-tail": Screen("w3c-tail -n +1 {log} | cat -n", re.compile(r"^ *(\d+)\t? ", re.MULTILINE)),
    "goaccess": Screen(
        "goaccess {log} --log-format=COMBINED --no-global-config", re.compile(r"Total Requests +(\d+)")
    ),
    "lnav": Screen(
        "lnav -N {log}",
        re.compile(r"SQL Result: (\d+)"),
        (";SELECT count(*) AS requests FROM access_log", "Enter"),
    ),
    "ngxtop": Screen("ngxtop -f combined -l {log}", re.compile(r"(\d+) records processed")),
}
BEGIN_AT_THE_END = ("ngxtop",)


def measure(bench: Workbench) -> None:
    """Print what each shows after each step, beside what there was to count."""
    if find("tmux") is None:
        raise CommandFailed("tmux is not installed: nothing can be shown")
    print(
        "\nRequests shown after each step; the last is a run of its own, with no file of the name for 2 s.\n"
    )
    print("| follower | lines before | added | rotated | truncated | regrown at once | away |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    print(f"| there were | {' | '.join(str(count) for count in _expected())} |", flush=True)
    for name, screen in SCREENS.items():
        cells = ["not installed"] if find(name) is None else [*_shown(bench, name, screen, _steps)]
        if find(name) is not None:
            cells.append([*_shown(bench, name, screen, _away)][-1])
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(f"\n{' and '.join(BEGIN_AT_THE_END)} begins at the end of a log: {BEFORE} less are right for it.")


def _expected() -> Iterator[int]:
    total = 0
    for lines in (BEFORE, ADDED, TO_THE_OLD + TO_THE_NEW, TRUNCATED, REGROWN):
        total += lines
        yield total
    yield BEFORE + TO_THE_NEW


class Log:
    """A log of the made-up site: each line has come once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = sample.plain_lines(10_000, sample.START_EPOCH_S, sample.RATE_PER_S)
        self.append(BEFORE)

    def next(self, count: int) -> bytes:
        """The lines that come now."""
        return "".join(itertools.islice(self._lines, count)).encode()

    def append(self, count: int) -> None:
        """Open by name, and add."""
        with open(self.path, "ab") as file:
            file.write(self.next(count))

    def rename(self) -> None:
        """As logrotate does."""
        self.path.rename(f"{self.path}.1")


def _steps(log: Log) -> Iterator[None]:
    """Grow; rotate, with a writer that keeps the old file; truncate; truncate and grow past where it was."""
    yield
    log.append(ADDED)
    yield
    with open(log.path, "ab") as kept:
        log.rename()
        log.path.touch()
        kept.write(log.next(TO_THE_OLD))
    time.sleep(PAUSE_S)
    log.append(TO_THE_NEW)
    yield
    os.truncate(log.path, 0)
    time.sleep(PAUSE_S)
    log.append(TRUNCATED)
    yield
    os.truncate(log.path, 0)
    log.append(REGROWN)
    yield


def _away(log: Log) -> Iterator[None]:
    """Rename, and make a new file only after a while."""
    yield
    log.rename()
    time.sleep(PAUSE_S)
    log.append(TO_THE_NEW)
    yield


def _shown(
    bench: Workbench, name: str, screen: Screen, steps: Callable[[Log], Iterator[None]]
) -> Iterator[str]:
    """What it shows after each of the steps on a log of its own."""
    log = Log(bench.folder / f"{name}{steps.__name__}.log")
    command = f"{screen.command.format(log=shlex.quote(str(log.path)))}; echo ended with $?; sleep 1000"
    _terminal(bench, "new-session", "-d", "-s", name, "-x", "150", "-y", "50", command)
    time.sleep(PAUSE_S)  # until it follows
    for _ in steps(log):
        yield _settled(bench, name, screen)
    _terminal(bench, "kill-session", "-t", name)


def _settled(bench: Workbench, name: str, screen: Screen) -> str:
    """The figure that stays."""
    figure, since_s = "nothing", time.monotonic()
    while time.monotonic() < since_s + PATIENCE_S:
        if screen.keys:
            _terminal(bench, "send-keys", "-t", name, *screen.keys)
        time.sleep(LOOK_S)
        text = _terminal(bench, "capture-pane", "-p", "-t", name)
        if ended := ENDED.search(text):
            return f"ended with {ended[1]}"
        found = screen.shows.findall(text)
        if found and found[-1] != figure:
            figure, since_s = found[-1], time.monotonic()
    return figure


def _terminal(bench: Workbench, *words: str) -> str:
    """Tell a tmux of our own something; what it says."""
    environment = {**bench.environment(), "TMUX_TMPDIR": str(bench.folder), "TERM": "xterm-256color"}
    done = subprocess.run(
        ["tmux", "-f", "/dev/null", *words], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CommandFailed(f"tmux {words[0]}: {done.stderr.strip()}")
    return done.stdout
