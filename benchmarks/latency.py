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
from benchmarks.tables import show

LINES = 1_000
SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 0.005, 0.040
#: A line that has not come by then is lost.
PATIENCE_S = 10.0

TAIL = ["w3c-tail", "-n", "+1"]
PIPES: Sequence[tuple[str, Sequence[Sequence[str]]]] = (
    ("tail -F LOG | cat", [["tail", "-n", "+1", "-F"], ["cat"]]),
    ("w3c-tail LOG | w3c-parse", [TAIL, ["w3c-parse"]]),
    (
        "w3c-tail LOG | w3c-parse | w3c-alert --pass-through",
        [TAIL, ["w3c-parse"], ["w3c-alert", "--pass-through"]],
    ),
)


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


def measure(bench: Workbench) -> None:
    """Drive each pipe with the same lines at the same intervals and print the percentiles."""
    source = bench.folder / "lines.log"
    bench.variables["LINES"] = str(source)
    write_log(bench, "$LINES", LINES + 1, int(time.time()))
    lines = source.read_bytes().splitlines(keepends=True)
    rows = []
    for name, commands in PIPES:
        latencies_ms = sorted(_latencies_ms(bench, commands, lines))
        rows.append(
            [
                name,
                f"{_percentile(latencies_ms, 50):.1f}",
                f"{_percentile(latencies_ms, 99):.1f}",
                f"{latencies_ms[-1]:.1f}",
            ]
        )
    limits = [
        f"{LINES:,} lines, each one write, {SHORTEST_INTERVAL_S * 1e3:.0f} to "
        f"{LONGEST_INTERVAL_S * 1e3:.0f} ms apart (evenly distributed, seeded), from just before the "
        "write until the line can be read at the end of the pipe, where w3c-stats would stand.",
        "The benchmark writes and reads in turn on the same cores, so its own waking up counts, and so does "
        "everything else that runs: on a busy machine p99 and max show the scheduler.",
        "A quieter log than this is looked at less often, up to 50 ms apart.",
        "The first pipe, of coreutils, is told of changes by the kernel (inotify) and parses nothing.",
    ]
    show("Latency", limits, ["pipe", "p50 ms", "p99 ms", "max ms"], rows)


def _latencies_ms(bench: Workbench, commands: Sequence[Sequence[str]], lines: Sequence[bytes]) -> list[float]:
    log = bench.folder / "followed.log"
    log.write_bytes(b"")
    first, *others = commands
    pipeline, output = bench.start([[*first, str(log)], *others])
    writer = os.open(log, os.O_WRONLY | os.O_APPEND)
    try:
        return _drive(lines, writer, Probe(output), pipeline)
    finally:
        os.close(writer)
        os.close(output)
        pipeline.kill()


def _drive(lines: Sequence[bytes], writer: int, probe: Probe, pipeline: Pipeline) -> list[float]:
    """The first line only shows that the pipe stands; the others are timed."""
    rng = random.Random(f"{SEED}: intervals")
    os.write(writer, lines[0])
    try:
        probe.await_lines(1)
        sent_s = []
        due_s = time.monotonic()
        for line in lines[1:]:
            due_s += rng.uniform(SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S)
            probe.watch(due_s)
            sent_s.append(time.monotonic())
            os.write(writer, line)
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
