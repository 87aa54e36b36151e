"""More files than may be open, files that are busier than others, and lines and holes larger than memory."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest
from follow_kit import faults
from follow_kit.followers import W3C_TAIL, Follower
from follow_kit.judge import by_source, judge
from follow_kit.lines import Plain
from follow_kit.waiting import DEADLINE_S, until, within
from follow_kit.writer import LogFile
from harness import tool

SHAPE = Plain()
MEGABYTE = 1 << 20
SOON_BYTES = 16 * MEGABYTE
MOST_PEAK_BYTES = 50 * MEGABYTE
#: A huge file takes its time, on a busy machine too.
LONG_S = 120.0


def _sized(small: tuple[int, ...], full: tuple[int, ...], names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        names, [pytest.param(*small, id="small"), pytest.param(*full, id="full", marks=pytest.mark.full)]
    )


class TestMoreFilesThanDescriptors:
    """Lines come under the name of their file, each once, from files that take turns in being open."""

    ROUNDS = 5

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "logs"
        folder.mkdir()
        return folder

    @_sized((300, 64), (2_000, 256), "count, descriptors")
    @pytest.mark.parametrize("by_glob", [True, False], ids=["glob", "names"])
    def test_every_line_of_each_comes_once(
        self, folder: Path, tmp_path: Path, count: int, descriptors: int, by_glob: bool
    ) -> None:
        paths = [folder / f"site-{index:04d}.log" for index in range(count)]
        for path in paths:
            path.write_bytes(Plain(path.stem.replace("-", "")).line(0))
        names = [str(folder / "*.log")] if by_glob else [str(path) for path in paths]
        limited = [tool("prlimit"), f"--nofile={descriptors}"]
        with Follower([*limited, *W3C_TAIL, *names], tmp_path) as follower:
            self._shows(follower, count)
            for number in self._rounds(paths):
                self._shows(follower, count * (number + 1))
            follower.settle(0)
            follower.stop()
            self._judge(paths, follower)

    @staticmethod
    def _shows(follower: Follower, lines: int) -> None:
        """Wait for so many lines that are no headings, but not for ever: the judge says what is missing."""
        within(lambda: follower.collector.data.count(b"\nseq=") >= lines, 2 * DEADLINE_S)

    def _rounds(self, paths: list[Path]) -> Iterator[int]:
        chance = Random(1)
        for number in range(1, self.ROUNDS + 1):
            for path in chance.sample(paths, len(paths)):
                with path.open("ab") as file:
                    file.write(Plain(path.stem.replace("-", "")).line(number))
            yield number

    def _judge(self, paths: list[Path], follower: Follower) -> None:
        outputs = by_source(follower.output)
        assert sorted(outputs) == sorted(map(str, paths)), follower.notes[:8]
        numbers = range(self.ROUNDS + 1)
        faulty = {
            path.name: found
            for path in paths
            if (found := judge(numbers, outputs[str(path)], Plain(path.stem.replace("-", ""))).faults())
        }
        assert dict(list(faulty.items())[:8]) == {}, follower.notes[:8]


@_sized((64,), (1_024,), "backlog_mb")
def test_quiet_file_is_not_starved_by_a_busy_one(tmp_path: Path, backlog_mb: int) -> None:
    """A line of the quiet file comes within 16 MB of the busy one: at any speed, that is soon."""
    busy, quiet = tmp_path / "busy.log", tmp_path / "quiet.log"
    block = b"".join(map(SHAPE.line, range(6_000)))
    with busy.open("wb") as file:
        for _ in range(backlog_mb):
            file.write(block)
    quiet.write_bytes(Plain("quiet").line(0))
    with Follower([*W3C_TAIL, busy, quiet], tmp_path) as follower:
        for number in range(1, 3):
            follower.shows(number * 10 * 6_000)
            follower.collector.pause()
            line, before_bytes = Plain("quiet").line(number), len(follower.collector.data)
            with LogFile(quiet) as log:
                log.write(line)
            follower.collector.resume()
            until(partial(operator.contains, follower.collector.data, line), "line of the quiet file shown")
            assert follower.collector.data.index(line) < before_bytes + SOON_BYTES
        assert follower.output.index(Plain("quiet").line(0)) < SOON_BYTES


class TestLargerThanMemory:
    """Good lines come behind it, and w3c-tail stays small."""

    @pytest.fixture
    def log(self, tmp_path: Path) -> Path:
        path = tmp_path / "access.log"
        path.write_bytes(SHAPE.line(0))
        return path

    @pytest.fixture
    def follower(self, log: Path, tmp_path: Path) -> Iterator[Follower]:
        with Follower([*W3C_TAIL, log], tmp_path) as running:
            running.shows(1)
            yield running

    @_sized((50,), (1_024,), "size_mb")
    def test_line(self, log: Path, follower: Follower, size_mb: int) -> None:
        with LogFile(log) as file:
            for _ in range(size_mb):
                file.write(b"x" * MEGABYTE)
            file.write(b"\n" + b"".join(map(SHAPE.line, range(1, 4))))
        follower.shows(5, LONG_S)
        assert follower.peak_bytes() < MOST_PEAK_BYTES
        first, cut, *others = follower.output.splitlines(keepends=True)
        assert [first, *others] == [SHAPE.line(number) for number in range(4)]
        assert (len(cut), set(cut)) == (MEGABYTE + 2, {*b"x\n"})

    @_sized((10,), (100,), "size_gb")
    def test_hole_before_the_next_line(self, log: Path, follower: Follower, size_gb: int) -> None:
        os.truncate(log, size_gb << 30)
        with LogFile(log) as file:
            file.write(b"".join(map(SHAPE.line, range(1, 4))))
        follower.settle(4, LONG_S)
        assert judge(range(4), follower.output, SHAPE).faults() == [], follower.notes
        assert follower.peak_bytes() < MOST_PEAK_BYTES

    def test_hole_that_a_writer_without_append_leaves(self, tmp_path: Path) -> None:
        """Once its log is copied and truncated, it writes on where it was."""
        log = tmp_path / "access.log"
        lines = 64 * MEGABYTE // len(SHAPE.line(0))
        with LogFile(log, append=False) as file, Follower([*W3C_TAIL, log], tmp_path) as follower:
            for number in range(lines):
                file.write(SHAPE.line(number))
            follower.shows(lines, LONG_S)
            faults.copy_and_truncate(log)
            for number in range(lines, lines + 100):
                file.write(SHAPE.line(number))
            follower.settle(lines + 100)
            assert judge(range(lines + 100), follower.output, SHAPE).faults() == [], follower.notes
            assert follower.peak_bytes() < MOST_PEAK_BYTES
