"""w3c-tail with ``--state``, ended at any moment and started again while the log is written and rotated."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from damages import DAMAGES
from follow_kit import faults
from follow_kit.cases import Scene
from follow_kit.followers import W3C_TAIL, Follower
from follow_kit.judge import judge, numbers_on_files
from follow_kit.lines import LINE_BYTES, Plain
from follow_kit.waiting import DEADLINE_S, until, wait_until, within
from follow_kit.writer import Writer
from harness import Commands
from rotators import Logrotate, hang_up

LINES_PER_S = 2_000
SHAPE = Plain()
#: The state is saved once a second; the rest is for a machine that is busy.
SAVED_WITHIN_S = 1.5
PIPE_LINES = (64 << 10) // LINE_BYTES
#: A run lasts so long, at random: shorter and longer than the state takes to be saved.
SHORTEST_RUN_S, LONGEST_RUN_S = 0.1, 1.8
#: How often something is rotated while w3c-tail runs, and while it does not.
ROTATED_RUNNING, ROTATED_DOWN = 0.5, 0.3


class Restarts:
    """Runs w3c-tail again and again on one log with one state, and keeps what all runs gave."""

    def __init__(self, folder: Path, log: Path, rotate: Callable[[], None], chance: Random) -> None:
        self._folder = folder
        self._state = folder / "state"
        self._words: list[str | Path] = [*W3C_TAIL, "--state", self._state, log]
        self._rotate = rotate
        self._chance = chance
        self.outputs: list[bytes] = []
        self.notes: list[str] = []
        #: How many lines may come twice: those of each run's last second, and what was in the pipe.
        self.may_repeat = 0

    def start(self) -> Follower:
        """Start the next run."""
        return Follower(self._words, self._folder)

    def run(self, signum: int) -> None:
        """Run for some time and end by the signal, with rotations in between, or not."""
        with self.start() as follower:
            if not self.outputs:  # what is rotated before the first run has begun is none of its concern
                follower.shows(1)
                until(self._state.exists, "the state saved")
            end_s = time.monotonic() + self._chance.uniform(SHORTEST_RUN_S, LONGEST_RUN_S)
            if self._chance.random() < ROTATED_RUNNING:
                wait_until(time.monotonic() + self._chance.uniform(0, SHORTEST_RUN_S))
                self._rotate()
            wait_until(end_s)
            self.end(follower, signum)
        if self._chance.random() < ROTATED_DOWN:
            self._rotate()

    def end(self, follower: Follower, signum: int) -> None:
        """End a run and take what it gave."""
        at_s = time.monotonic()
        status = follower.stop(signum)
        self.may_repeat += follower.collector.lines_since(at_s - SAVED_WITHIN_S) + PIPE_LINES
        self.outputs.append(follower.output)
        self.notes += [f"run {len(self.outputs)}: {note}" for note in follower.notes]
        assert status == -signum, follower.notes

    def finish(self, last: int) -> None:
        """One more run, to the end of what was written."""
        line = SHAPE.line(last)
        is_known = any(line in output for output in self.outputs)
        with self.start() as follower:
            within(lambda: is_known or line in follower.collector.data, DEADLINE_S)
            follower.settle(0)
            self.end(follower, signal.SIGTERM)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir(mode=0o755)
    return folder / "access.log"


def _count(small: int, full: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "count", [small, pytest.param(full, marks=pytest.mark.full)], ids=[f"{small}", f"{full}"]
    )


def _restart(restarts: Restarts, writer: Writer, count: int, signum: int) -> range:
    for _ in range(count):
        restarts.run(signum)
    numbers = writer.stop()
    restarts.finish(numbers[-1])
    return numbers


def _renamed(log: Path, writer: Writer) -> Callable[[], None]:
    def rotate() -> None:
        faults.rotate(log)
        os.kill(writer.pid, signal.SIGHUP)

    return rotate


class TestKilled:
    """Nothing is missing or torn; what comes twice was written in about the last second."""

    @_count(8, 200)
    def test_while_files_are_renamed(self, tmp_path: Path, log: Path, count: int) -> None:
        with Writer(log, 10_000_000, LINES_PER_S) as writer:
            restarts = Restarts(tmp_path, log, _renamed(log, writer), Random(1))
            numbers = _restart(restarts, writer, count, signal.SIGKILL)
        self._judge(restarts, numbers, log)

    @_count(4, 100)
    def test_while_logrotate_compresses(
        self, commands: Commands, tmp_path: Path, log: Path, count: int
    ) -> None:
        with Writer(log, 10_000_000, LINES_PER_S) as writer:
            rotate = Logrotate(commands, log, "create 0644", hang_up(writer.pid), "compress")
            restarts = Restarts(tmp_path, log, rotate, Random(2))
            numbers = _restart(restarts, writer, count, signal.SIGKILL)
        self._judge(restarts, numbers, log)

    @_count(4, 100)
    def test_while_logs_are_copied_and_truncated(self, tmp_path: Path, log: Path, count: int) -> None:
        with Writer(log, 10_000_000, LINES_PER_S) as writer:
            restarts = Restarts(tmp_path, log, lambda: faults.copy_and_truncate(log), Random(3))
            numbers = _restart(restarts, writer, count, signal.SIGKILL)
        self._judge(restarts, numbers, log)

    @staticmethod
    def _judge(restarts: Restarts, numbers: range, log: Path) -> None:
        verdict = judge(numbers, restarts.outputs, SHAPE, on_files=numbers_on_files(log.parent, SHAPE))
        assert len(verdict.duplicated) <= restarts.may_repeat
        verdict.duplicated.clear()
        assert verdict.faults() == [], restarts.notes


class TestAsked:
    """After an orderly end nothing comes twice either."""

    @_count(4, 100)
    @pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
    def test_while_files_are_renamed(self, tmp_path: Path, log: Path, signum: int, count: int) -> None:
        with Writer(log, 10_000_000, LINES_PER_S) as writer:
            restarts = Restarts(tmp_path, log, _renamed(log, writer), Random(4))
            numbers = _restart(restarts, writer, count, signum)
        verdict = judge(numbers, restarts.outputs, SHAPE, on_files=numbers_on_files(log.parent, SHAPE))
        assert verdict.faults() == [], restarts.notes

    def test_same_inode_with_another_file_is_read_from_its_beginning(self, tmp_path: Path, log: Path) -> None:
        """ext4 gives the number of a deleted file to the next one."""
        log.write_bytes(b"".join(map(SHAPE.line, range(10))))
        restarts = Restarts(tmp_path, log, lambda: None, Random(5))
        with restarts.start() as follower:
            follower.shows(10)
            restarts.end(follower, signal.SIGTERM)
        log.unlink()
        log.write_bytes(b"".join(map(SHAPE.line, range(10, 30))))
        with restarts.start() as follower:
            follower.settle(20)
            restarts.end(follower, signal.SIGTERM)
        assert judge(range(30), restarts.outputs, SHAPE).faults() == []


class TestRotatedWhileItStarts:
    """Names move on to other files while it looks for those that it knows."""

    #: About when it has read the state, and looks.
    EARLIEST_S, LATEST_S = 0.05, 0.2
    GENERATIONS, LINES = 60, 5

    @_count(5, 100)
    def test_every_generation_is_found(self, tmp_path: Path, count: int) -> None:
        chance = Random(6)
        for attempt in range(count):
            log = tmp_path / f"attempt-{attempt}" / "access.log"
            log.parent.mkdir()
            self._attempt(log, chance.uniform(self.EARLIEST_S, self.LATEST_S))

    def _attempt(self, log: Path, delay_s: float) -> None:
        scene = Scene(log, [], SHAPE)
        restarts = Restarts(log.parent, log, lambda: None, Random(7))
        scene.append(1)
        with restarts.start() as follower:
            follower.shows(1)
            restarts.end(follower, signal.SIGTERM)
        scene.burst(self.GENERATIONS, self.LINES)
        with restarts.start() as follower:
            wait_until(time.monotonic() + delay_s)
            scene.burst(4, self.LINES, interval_s=0.01)
            follower.settle(scene.next_number - 2, patience_s=3)
            restarts.end(follower, signal.SIGTERM)
        assert judge(range(1, scene.next_number), restarts.outputs, SHAPE).faults() == [], restarts.notes


class TestState:
    @pytest.fixture
    def state(self, commands: Commands) -> Path:
        """What a run on access.log has left."""
        commands.write("access.log", SHAPE.line(0))
        tail = commands.start("w3c-tail", "-n", "+1", "--state", "state", "access.log")
        tail.read_line()
        tail.send_signal(signal.SIGTERM)
        assert tail.wait() == -signal.SIGTERM
        return commands.folder / "state"

    @pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
    def test_damaged_is_said_in_one_line(
        self, commands: Commands, state: Path, damage: Callable[[bytes], bytes]
    ) -> None:
        damaged = damage(state.read_bytes())
        state.write_bytes(damaged)
        result = commands.run("w3c-tail", "--state", "state", "access.log")
        assert (result.status, result.stdout, len(result.notes)) == (2, b"", 1)
        assert "state" in result.notes[0]
        assert state.read_bytes() == damaged

    def test_second_that_uses_it_is_refused(self, commands: Commands, state: Path) -> None:
        first = commands.start("w3c-tail", "--state", "state", "access.log").ready()
        commands.append("access.log", SHAPE.line(1))
        assert first.read_line() == SHAPE.line(1)
        second = commands.run("w3c-tail", "--state", "state", "access.log")
        assert (second.status, second.stdout, len(second.notes)) == (2, b"", 1)
        assert "state" in second.notes[0]
        commands.append("access.log", SHAPE.line(2))
        assert first.read_line() == SHAPE.line(2)
