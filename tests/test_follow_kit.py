"""The kit that judges followers, on outputs made by hand and on GNU tail."""

from __future__ import annotations

import gzip
import os
import signal
from pathlib import Path
from random import Random

import pytest
from follow_kit import faults, followers
from follow_kit.followers import Follower
from follow_kit.judge import by_source, judge, numbers_on_files
from follow_kit.lines import SHAPES, Combined, Plain, Shape
from follow_kit.waiting import until
from follow_kit.writer import LogFile, Writer, bursts, pieces
from harness import tool

SHAPE = Plain()


def _output(*numbers: int) -> bytes:
    return b"".join(map(SHAPE.line, numbers))


class TestJudge:
    def test_all_in_order_is_without_fault(self) -> None:
        verdict = judge(range(3), _output(0, 1, 2), SHAPE)
        assert (verdict.faults(), str(verdict)) == ([], "0 / 0 / 0")

    def test_missing_is_told_with_its_numbers(self) -> None:
        verdict = judge(range(10), _output(0, 1, 5, 9), SHAPE)
        assert verdict.faults() == ["6 of 10 missing, though on a file: 2-4, 6-8"]

    def test_what_is_on_no_file_is_no_fault_of_the_follower(self) -> None:
        verdict = judge(range(4), _output(0), SHAPE, on_files={0, 3})
        assert verdict.faults() == ["1 of 4 missing, though on a file: 3"]
        assert (verdict.gone, str(verdict)) == ([1, 2], "3 (2 on no file) / 0 / 0")

    def test_line_that_is_on_no_file_any_more_may_come(self) -> None:
        assert judge(range(2), _output(0, 1), SHAPE, on_files={1}).faults() == []

    def test_duplicates_are_counted_each(self) -> None:
        verdict = judge(range(3), _output(0, 1, 1, 2, 1), SHAPE)
        assert (verdict.duplicated, verdict.out_of_order) == ([1, 1], [])

    def test_order_is_that_of_writing(self) -> None:
        assert judge([0, 2, 1], _output(0, 2, 1), SHAPE).faults() == []
        assert judge([0, 1, 2], _output(0, 2, 1), SHAPE).out_of_order == [1]

    @pytest.mark.parametrize("cut", [1, 3, 20, 100])
    def test_halves_are_torn(self, cut: int) -> None:
        whole = SHAPE.line(1)
        verdict = judge(range(3), SHAPE.line(0) + whole[:cut] + b"\n" + whole[cut:] + SHAPE.line(2), SHAPE)
        assert (len(verdict.torn), verdict.lost) == (2, [1])

    def test_lines_glued_together_are_torn(self) -> None:
        glued = SHAPE.line(1)[:-1] + SHAPE.line(2)
        verdict = judge(range(3), SHAPE.line(0) + glued, SHAPE)
        assert (len(verdict.torn), verdict.lost) == (1, [1, 2])

    def test_what_is_unfinished_at_the_end_of_a_run_is_torn(self) -> None:
        verdict = judge(range(2), [SHAPE.line(0)[:9], _output(0, 1)], SHAPE)
        assert verdict.faults() == ["1 of 2 torn: b'seq=00000'"]

    def test_runs_are_judged_together(self) -> None:
        verdict = judge(range(4), [_output(0, 1), _output(1, 2, 3)], SHAPE)
        assert (verdict.duplicated, verdict.missing, verdict.out_of_order) == ([1], 0, [])

    def test_what_nobody_wrote_is_foreign(self) -> None:
        output = _output(0, 7) + b"==> access.log <==\n#Source: access.log\n"
        assert len(judge(range(1), output, SHAPE).foreign) == 3

    def test_line_of_another_source_is_torn(self) -> None:
        assert judge(range(1), _output(0) + Plain("b").line(0), SHAPE).torn == [Plain("b").line(0)[:-1]]

    def test_numbers_are_found_on_plain_and_compressed_files_once(self, tmp_path: Path) -> None:
        (tmp_path / "access.log").write_bytes(b"\0" * 100 + _output(5) + SHAPE.line(6)[:-1])
        (tmp_path / "access.log.1.gz").write_bytes(gzip.compress(_output(3)) + gzip.compress(_output(4)))
        (tmp_path / "current").symlink_to("nowhere")
        assert numbers_on_files(tmp_path, SHAPE) == {3, 4, 5, 6}

    def test_output_of_several_files_is_told_apart(self) -> None:
        output = b"#Source: /a\n1\n2\n#Source: /b\n3\n#Source: /a\n4\n"
        assert by_source(output) == {"/a": b"1\n2\n4\n", "/b": b"3\n"}

    @pytest.mark.parametrize("shape", [Plain(), Plain("b", 300), Combined(), Combined("b")])
    def test_every_shape_knows_its_lines_and_no_part_of_them(self, shape: Shape) -> None:
        line = shape.line(12_345)
        assert shape.number(line[:-1]) == 12_345
        assert {shape.number(line[:cut]) for cut in range(len(line) - 1)} == {None}
        assert {shape.number(line[cut:-1]) for cut in range(1, len(line))} == {None}


class TestWriter:
    @pytest.mark.parametrize("shape", ["plain", "combined"])
    def test_writes_all_lines(self, tmp_path: Path, shape: str) -> None:
        with Writer(tmp_path / "log", 1_000, shape=shape, cut_seed=1) as writer:
            assert writer.written() == range(1, 1_001)
        known = SHAPES[shape]()
        assert judge(range(1, 1_001), (tmp_path / "log").read_bytes(), known).faults() == []

    def test_keeps_to_its_rate(self) -> None:
        sizes = [len(burst) for burst in bursts(200, 1_000)]
        assert sum(sizes) == 200
        assert len(sizes) > 5

    @pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGUSR1])
    def test_reopens_at_signal(self, tmp_path: Path, signum: int) -> None:
        log = tmp_path / "log"
        with Writer(log, 100_000, 2_000) as writer:
            until(lambda: log.stat().st_size > 0, "a line written")
            log.rename(tmp_path / "log.1")
            os.kill(writer.pid, signum)
            until(lambda: log.exists() and log.stat().st_size > 0, "the log made anew")
            numbers = writer.stop()
        both = (tmp_path / "log.1").read_bytes() + log.read_bytes()
        assert judge(numbers, both, SHAPE).faults() == []

    def test_opens_the_log_for_every_line(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        with Writer(log, 100_000, 2_000, reopen="line") as writer:
            until(lambda: log.exists() and log.stat().st_size > 0, "a line written")
            faults.rotate(log)
            until(lambda: log.stat().st_size > 0, "a line in the new file")
            numbers = writer.stop()
        both = (tmp_path / "log.1").read_bytes() + log.read_bytes()
        assert judge(numbers, both, SHAPE).faults() == []

    def test_without_append_leaves_a_hole_behind_a_truncation(self, tmp_path: Path) -> None:
        with LogFile(tmp_path / "log", append=False) as log:
            log.write(_output(0))
            faults.truncate(tmp_path / "log")
            log.write(_output(1))
        assert (tmp_path / "log").read_bytes() == b"\0" * len(_output(0)) + _output(1)

    def test_pieces_are_the_whole(self) -> None:
        data = bytes(range(256)) * 100
        cut = list(pieces(data, Random(1)))
        assert (b"".join(cut), len(cut) > 3) == (data, True)


class TestFaults:
    def test_rotated_files_move_on_and_the_oldest_go(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        for text in "abcd":
            log.write_text(text)
            faults.rotate(log, keep=2)
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
            "log": "",
            "log.1": "d",
            "log.2": "c",
        }

    def test_copy_keeps_the_file(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        log.write_text("a")
        before = log.stat().st_ino
        faults.copy_and_truncate(log)
        assert (log.stat().st_ino, log.read_text(), (tmp_path / "log.1").read_text()) == (before, "", "a")

    def test_link_never_means_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("a")
        faults.switch_link(tmp_path / "link", "b")
        assert os.readlink(tmp_path / "link") == "b"

    def test_unreadable_for_a_while(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        path.touch(0o640)
        with faults.unreadable(path):
            assert path.stat().st_mode & 0o777 == 0
        assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("command", [followers.GNU_INOTIFY, followers.GNU_POLLING])
class TestFollower:
    """GNU tail is good enough at what is easy."""

    def test_growing_file_is_shown_once(self, tmp_path: Path, command: tuple[str, ...]) -> None:
        log = tmp_path / "log"
        with Follower([tool(command[0]), *command[1:], log], tmp_path) as follower:
            with Writer(log, 2_000, 4_000, cut_seed=1) as writer:
                numbers = writer.written()
            follower.settle(len(numbers))
            follower.stop()
            assert judge(numbers, follower.output, SHAPE).faults() == []

    def test_reader_that_stands_still_gets_all_later(self, tmp_path: Path, command: tuple[str, ...]) -> None:
        log = tmp_path / "log"
        log.write_bytes(_output(0))
        with Follower([tool(command[0]), *command[1:], log], tmp_path) as follower:
            follower.shows(1)
            follower.collector.pause()
            with LogFile(log) as file:
                file.write(_output(*range(1, 2_000)))
            assert follower.collector.lines == 1
            follower.collector.resume()
            follower.settle(2_000)
            assert judge(range(2_000), follower.output, SHAPE).faults() == []

    def test_stopped_follower_shows_nothing(self, tmp_path: Path, command: tuple[str, ...]) -> None:
        log = tmp_path / "log"
        log.write_bytes(_output(0))
        with Follower([tool(command[0]), *command[1:], log], tmp_path) as follower:
            follower.shows(1)
            with faults.stopped(follower.pid), LogFile(log) as file:
                file.write(_output(1))
                assert follower.collector.lines == 1
            follower.shows(2)
            faults.kill(follower.pid)
            assert follower.wait() == -signal.SIGKILL
