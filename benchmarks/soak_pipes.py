"""The two pipes of a soak run, each led through here once, to be looked at.

- **steady**: ``w3c-tail | w3c-parse | w3c-alert --pass-through | w3c-stats -o json``, looked at before
  w3c-stats, which can be made to stand still.
- **restarted**: ``w3c-tail | w3c-parse | tee >(w3c-alert) | w3c-stats -o json``, in bash, looked at behind
  w3c-tail, and killed and started again.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.processes import CommandFailed, Pipeline, Workbench
from benchmarks.soak_judge import Order, Sums

RATE_PER_S = 250
#: Only the burst is above it.
ALERT = ["-t", str(3 * RATE_PER_S), "-w", "60"]
#: Lines are late by up to 5 s; the rest is for a machine that is busy.
LATENESS = ["--lateness", "10"]
STATS = ["w3c-stats", "-o", "json", "--top", "10000", *LATENESS]
CANONICAL = (
    f"w3c-parse | tee >(w3c-alert {' '.join([*ALERT, *LATENESS])}) | w3c-stats -o json {' '.join(LATENESS)}"
)
PATIENCE_S = 60.0
#: The state is saved once a second; the rest is for a machine that is busy.
SAVED_WITHIN_S = 2.5
#: w3c-tail skips so many NUL bytes where a line should begin: they were never written.
NUL_BYTES = bytes(16)
READ_BYTES = 1 << 18


class Generations:
    """Reads a log that is renamed again and again to ``LOG-YYYYMMDD-EPOCH``: all files, oldest first."""

    def __init__(self, log: Path) -> None:
        self._log = log
        #: What is still to be read; the last one is the log itself, or was.
        self._files: list[int] = []
        self._last_name = ""
        self._rest = b""

    def read(self) -> list[bytes]:
        """Further whole lines, without LF, as w3c-tail must give them; none if there are no more yet."""
        self._find()
        while self._files:
            data = os.read(self._files[0], READ_BYTES)
            if data:
                *lines, self._rest = (self._rest + data).split(b"\n")
                if lines:
                    return [line.lstrip(b"\0") if line.startswith(NUL_BYTES) else line for line in lines]
            elif len(self._files) > 1:  # so nobody writes to the first any more
                os.close(self._files.pop(0))
            else:
                break
        return []

    def close(self) -> None:
        """Let go of all files."""
        while self._files:
            os.close(self._files.pop())

    def _find(self) -> None:
        """The log is opened before the folder is read: its new name is seen then, if it gets one."""
        found: list[int] = []
        with suppress(FileNotFoundError):
            found.append(os.open(self._log, os.O_RDONLY))
        for path in rotated(self._log):
            if path.name > self._last_name:
                self._last_name = path.name
                found.insert(len(found) - 1 if found else 0, os.open(path, os.O_RDONLY))
        for file in found:
            if any(os.path.sameopenfile(file, known) for known in self._files):
                os.close(file)
            else:
                self._files.append(file)


def rotated(log: Path) -> list[Path]:
    """The files that the log has been renamed to, oldest first."""
    return sorted(log.parent.glob(f"{log.name}-*"))


class Tap(threading.Thread):
    """Reads what a pipe gives, has its whole lines looked at, and passes it on."""

    def __init__(self, source: int, look: Callable[[list[bytes]], None], sink: int | None = None) -> None:
        super().__init__(daemon=True)
        #: Behind the last line, when there is no more to come: what a killed writer has not finished.
        self.rest = b""
        self._source, self._sink = source, sink
        self._look = look
        self.start()

    def run(self) -> None:
        """Until the pipe ends; reads on when nobody takes it any more."""
        while data := os.read(self._source, READ_BYTES):
            *lines, self.rest = (self.rest + data).split(b"\n")
            self._look(lines)
            self._pass_on(data)
        os.close(self._source)
        self._close_sink()

    def wait(self, what: str) -> None:
        """Wait for the end of the pipe."""
        self.join(PATIENCE_S)
        if self.is_alive():
            raise CommandFailed(f"{what} has not ended within {PATIENCE_S:.0f} s")

    def _pass_on(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while self._sink is not None and view:
                view = view[os.write(self._sink, view) :]
        except BrokenPipeError:
            self._close_sink()

    def _close_sink(self) -> None:
        if self._sink is not None:
            os.close(self._sink)
            self._sink = None


def _start_behind(bench: Workbench, command: Sequence[str]) -> tuple[Pipeline, int, int]:
    """A command, the end to write to it and the one to read from it."""
    source, sink = os.pipe()
    pipeline, output = bench.start([command], stdin=f"/dev/fd/{source}")
    os.close(source)
    return pipeline, sink, output


class Steady:
    """The pipe that is never killed."""

    name = "steady"

    def __init__(self, bench: Workbench, log: Path) -> None:
        self.through = 0
        self.alerts: list[tuple[str, int]] = []
        self.sums = Sums()
        tail = ["w3c-tail", "-n", "+1", "--state", str(bench.folder / "state"), str(log)]
        alert = ["w3c-alert", "--pass-through", *ALERT, *LATENESS]
        self._front, records = bench.start([tail, ["w3c-parse"], alert])
        self._stats, sink, output = _start_behind(bench, STATS)
        self._taps = [Tap(records, self._look, sink), Tap(output, self.sums.feed)]

    @property
    def groups(self) -> list[int]:
        """The process groups."""
        return [self._front.pids[0], self._stats.pids[0]]

    def stop(self) -> None:
        """Let w3c-stats stand still."""
        os.kill(self._stats.pids[0], signal.SIGSTOP)

    def go_on(self) -> None:
        """End that."""
        os.kill(self._stats.pids[0], signal.SIGCONT)

    def check(self) -> None:
        """All of it still runs."""
        if not all(tap.is_alive() for tap in self._taps):
            raise CommandFailed(f"{self._front} | {self._stats}: ended by itself")

    def finish(self) -> None:
        """End w3c-tail, and wait until the others have."""
        os.kill(self._front.pids[0], signal.SIGTERM)
        for tap in self._taps:
            tap.wait(self.name)
        self._front.kill()
        self._stats.wait()

    def _look(self, lines: list[bytes]) -> None:
        events = [line for line in lines if line.startswith(b'{"event":"alert"')]
        self.through += len(lines) - len(events)
        for event in map(json.loads, events):
            self.alerts.append((event["state"], event["epoch"]))


class Restarted:
    """The pipe that is killed and started again; the bound is what came in the last seconds of a run."""

    name = "restarted"

    def __init__(self, bench: Workbench, log: Path) -> None:
        self.runs = 0
        self.faults: list[str] = []
        self._bench = bench
        self._tail_words = ["w3c-tail", "-n", "+1", "--state", str(bench.folder / "state"), str(log)]
        self._generations = Generations(log)
        self.order = Order(self._generations.read)
        self._start()

    @property
    def groups(self) -> list[int]:
        """The process groups."""
        return [self._tail.pids[0], self._others.pids[0]]

    def restart(self) -> None:
        """Kill w3c-tail, or every other time all of it, and start it again."""
        killed_s = time.monotonic()
        self._end(signal.SIGKILL, everything=self.runs % 2 == 0)
        self.order.restart(sum(lines for at_s, lines in self._recent if at_s > killed_s - SAVED_WITHIN_S))
        self._start()

    def finish(self) -> None:
        """End w3c-tail, and wait until the others have."""
        self._end(signal.SIGTERM, everything=False)
        self.order.finish()
        self._generations.close()

    def _start(self) -> None:
        self.runs += 1
        self._recent: deque[tuple[float, int]] = deque(maxlen=1_000)
        self._run_lines = 0
        self._sums = Sums()
        self._tail, lines = self._bench.start([self._tail_words])
        self._others, sink, output = _start_behind(self._bench, ["bash", "-c", CANONICAL])
        self._taps = [Tap(lines, self._look, sink), Tap(output, self._sums.feed)]

    def _end(self, signum: signal.Signals, *, everything: bool) -> None:
        os.kill(self._tail.pids[0], signum)
        if everything:
            self._others.kill()
        for tap in self._taps:
            tap.wait(self.name)
        self._tail.kill()
        if not everything:
            self._others.wait()
            came = self._run_lines + bool(self._taps[0].rest)
            if self._sums.lines != came:
                self.faults.append(
                    f"run {self.runs}: {came:,} lines, of which {self._sums.lines:,} in w3c-stats"
                )

    def _look(self, lines: list[bytes]) -> None:
        self._recent.append((time.monotonic(), len(lines)))
        self._run_lines += sum(map(bool, lines))
        self.order.feed(lines)
