"""Runs two pipes on one log for a long time, disturbs them, and says what was lost and what has grown.

w3c-gen writes the log in real time and rotates it by renaming. Now and then the end of one pipe stands still
(SIGSTOP); in the end its sums must be the truth that w3c-gen writes. The other one is killed now and then
and started again; what w3c-tail writes there must be what was written, line by line.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.processes import Workbench, every_process, size_bytes
from benchmarks.sample import SEED
from benchmarks.soak_judge import CATCH_UP_S, LEAST_SAMPLES, Lag, Sample, alert_faults, growth
from benchmarks.soak_pipes import ALERT, PATIENCE_S, RATE_PER_S, Generations, Restarted, Steady, rotated
from benchmarks.tables import Report, megabytes

#: A rotated file is deleted when it is so old: long after everybody has read it.
KEPT_S = 300
LOOK_S, SAMPLE_S = 0.1, 5.0
LEAST_S = 20
COMMANDS_LIMITS = (
    f"A sample of each process every {SAMPLE_S:.0f} s; the figures of a pipe that is started again are those "
    "of all its processes.",
    "w3c-gen keeps the truth of what it has written, so that it may grow.",
)
LINES_LIMITS = (
    "Lag is how long a line that has not come to w3c-stats has been in the log; "
    f"{CATCH_UP_S:.0f} s behind a stop count as its consequence.",
)
_COMMAND = re.compile(rb"w3ctools\.cli\.(\w+)")


@dataclass(frozen=True)
class Plan:
    """When what happens, in seconds from the start."""

    duration_s: int
    rotate_every_s: int
    stop_s: float
    stops_s: Sequence[float]
    kills_s: Sequence[float]


def plan(minutes: float) -> Plan:
    """Stops and kills at random moments, spread over the whole time; the same ones every time."""
    duration_s = max(LEAST_S, round(minutes * 60))
    rng = Random(f"{SEED}: soak")

    def moments_s(count: int) -> list[float]:
        return [duration_s / count * (number + 0.2 + 0.4 * rng.random()) for number in range(count)]

    return Plan(
        duration_s,
        # w3c-tail keeps rotated files open for some time: where growth is judged, they must not be many.
        rotate_every_s=30 if duration_s >= LEAST_SAMPLES * SAMPLE_S else 2,
        stop_s=min(30.0, duration_s / 8),
        stops_s=moments_s(max(1, duration_s // 150)),
        kills_s=moments_s(max(1, duration_s // 60)),
    )


@dataclass
class Watch:
    """What was seen of one command of one pipe, over all its runs."""

    samples: list[Sample] = field(default_factory=list)
    #: By process.
    cpu_s: dict[int, float] = field(default_factory=dict)

    def look(self, pid: int) -> None:
        """Take a sample, unless the process has just ended."""
        rss_bytes, pss_bytes = size_bytes(pid)
        with suppress(FileNotFoundError, ProcessLookupError):
            open_files = len(os.listdir(f"/proc/{pid}/fd"))
            words = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            self.cpu_s[pid] = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
            if rss_bytes:
                self.samples.append(Sample(rss_bytes, pss_bytes, open_files))

    def row(self, lines: int) -> list[str]:
        """Of the table."""
        sizes = [sample.rss_bytes for sample in self.samples]
        cpu_s = sum(self.cpu_s.values())
        return [
            str(len(sizes)),
            *map(megabytes, [sizes[0], statistics.median(sizes), sizes[-1], max(sizes)]),
            megabytes(max(sample.pss_bytes for sample in self.samples)),
            str(max(sample.open_files for sample in self.samples)),
            f"{cpu_s:.1f}",
            f"{cpu_s / lines * 1e6:.0f}" if lines else "",
        ]


class Soak:
    """One run."""

    def __init__(self, bench: Workbench, minutes: float) -> None:
        self.plan = plan(minutes)
        self._folder = bench.folder / "logs"
        self._folder.mkdir()
        self._log = self._folder / "access.log"
        self._truth = bench.folder / "truth.json"
        self.written = self.stops = self.kills = 0
        self.lag = Lag()
        self.watches: dict[tuple[str, str], Watch] = {}
        self._generations = Generations(self._log)
        self.steady = Steady(_own(bench, "steady"), self._log)
        self.restarted = Restarted(_own(bench, "restarted"), self._log)
        self._generator, self._output = _own(bench, "generator").start([self._generator_words()])

    def run(self) -> None:
        """Let it run, disturb it, and wait until all has come out."""
        start_s = time.monotonic()
        stops, kills = deque(self.plan.stops_s), deque(self.plan.kills_s)
        stopped_until_s: float | None = None
        next_sample_s = SAMPLE_S  # until then they start
        while os.waitid(os.P_PID, self._generator.pids[0], os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            now_s = time.monotonic() - start_s
            if stopped_until_s is not None and now_s >= stopped_until_s:
                self.steady.go_on()
                stopped_until_s = None
            elif stops and now_s >= stops[0]:
                stopped_until_s = stops.popleft() + self.plan.stop_s
                self.steady.stop()
                self.stops += 1
            if kills and now_s >= kills[0]:
                kills.popleft()
                self.restarted.restart()
                self.kills += 1
            if now_s >= next_sample_s:
                next_sample_s += SAMPLE_S
                self._sample()
                self._delete_old()
            self._look(is_stopped=stopped_until_s is not None)
            time.sleep(LOOK_S)
        self._generator.wait()
        os.close(self._output)
        self._finish()

    def _finish(self) -> None:
        give_up_s = time.monotonic() + PATIENCE_S
        self._look(is_stopped=False)
        while self.steady.through < self.written and time.monotonic() < give_up_s:
            time.sleep(LOOK_S)
            self._look(is_stopped=False)
        self._sample()
        self.steady.finish()
        self.restarted.finish()
        self._generations.close()

    def _look(self, *, is_stopped: bool) -> None:
        through = self.steady.through
        while lines := self._generations.read():
            self.written += len(lines)
        self.lag.look(time.monotonic(), self.written, through, is_stopped)

    def _sample(self) -> None:
        self.steady.check()
        pipes = {
            self._generator.pids[0]: "",
            **dict.fromkeys(self.steady.groups, self.steady.name),
            **dict.fromkeys(self.restarted.groups, self.restarted.name),
        }
        for pid, _, group in every_process():
            if group in pipes and (command := _command(pid)):
                self.watches.setdefault((pipes[group], command), Watch()).look(pid)

    def _delete_old(self) -> None:
        for path in rotated(self._log):
            if time.time() - path.stat().st_mtime > KEPT_S:
                path.unlink()

    def _generator_words(self) -> list[str]:
        return [
            *("w3c-gen", "--file", str(self._log), "--rate", str(RATE_PER_S), "--scenario", "burst"),
            *("--rotate", "rename", "--rotate-every", f"{self.plan.rotate_every_s}s"),
            *("--duration", f"{self.plan.duration_s}s", "--junk", "1%", "--late", "5%"),
            *("--truth", str(self._truth), *ALERT),
        ]

    def faults(self) -> list[str]:
        """All that was wrong, in words."""
        truth = self._read_truth()
        faults = [f"restarted: {fault}" for fault in self.restarted.order.faults() + self.restarted.faults]
        faults += [f"steady: {fault}" for fault in self.steady.sums.faults(truth)]
        if self.steady.through != self.written:
            faults.append(f"steady: {self.steady.through:,} lines came out, not {self.written:,}")
        faults += alert_faults(self.steady.alerts, truth["alert"]["events"])
        faults += [f"steady: {fault}" for fault in self.lag.faults]
        for (pipe, command), watch in self.watches.items():
            if pipe:
                faults += [f"{pipe} {command}: {fault}" for fault in growth(watch.samples)]
        return faults

    def show(self, report: Report) -> None:
        """Print the tables."""
        lines = {"": self.written, "steady": self.steady.through, "restarted": self.restarted.order.came}
        header = ["pipe", "command", "samples", "RSS MB first", "median", "last", "most", "PSS most"]
        header += ["open files", "CPU s", "us/line"]
        rows = [[*names, *watch.row(lines[names[0]])] for names, watch in sorted(self.watches.items())]
        report.show("Soak: commands", COMMANDS_LIMITS, header, rows, names=2)
        report.show("Soak: lines", LINES_LIMITS, ["", "steady", "restarted"], self._figures())

    def _figures(self) -> list[list[str]]:
        order, through = self.restarted.order, self.steady.through
        states = Counter(state for state, _ in self.steady.alerts)
        rotations = f"{self._read_truth()['rotations']:,}"
        return [
            ["lines written", f"{self.written:,}", f"{self.written:,}"],
            ["lines through", f"{through:,}", f"{order.came:,}"],
            ["lost", f"{max(0, self.written - through):,}", f"{order.lost:,}"],
            ["doubled, as a restart may", "", f"{order.repeated:,}"],
            ["doubled", f"{max(0, through - self.written):,}", f"{order.doubled:,}"],
            ["rotations", rotations, rotations],
            ["kills", "", f"{self.kills:,}"],
            [f"stops of {self.plan.stop_s:.1f} s", f"{self.stops:,}", ""],
            ["worst lag s, in and after stops", f"{self.lag.worst_stopped_s:.1f}", ""],
            ["worst lag s, else", f"{self.lag.worst_s:.1f}", ""],
            ["alerts raised / recovered", f"{states['raised']} / {states['recovered']}", ""],
        ]

    def _read_truth(self) -> dict[str, Any]:
        truth: dict[str, Any] = json.loads(self._truth.read_text())
        return truth


def _own(bench: Workbench, name: str) -> Workbench:
    folder = bench.folder / name
    folder.mkdir()
    return Workbench(folder)


def _command(pid: int) -> str | None:
    try:
        found = _COMMAND.search(Path(f"/proc/{pid}/cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return None
    return f"w3c-{found[1].decode()}" if found else None


def measure(bench: Workbench, minutes: float) -> bool:
    """Run, print the tables and the verdict; whether nothing was wrong."""
    soak = Soak(bench, minutes)
    soak.run()
    soak.show(Report(""))
    faults = soak.faults()
    if max(len(watch.samples) for watch in soak.watches.values()) < LEAST_SAMPLES:
        print("\nToo short to judge growth.")
    print(f"\nsoak: {'FAILED: ' + '; '.join(faults) if faults else 'passed'}", flush=True)
    return not faults
