"""A soak run in small, and its judges: what is wrong must make it fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from harness import ROOT, SCRIPTS

from benchmarks.soak_judge import CATCH_UP_S, Lag, Order, Sample, Sums, growth
from benchmarks.soak_pipes import Generations

MINUTES = "0.35"
DEADLINE_S = 120
#: Nothing may be wrong but that the machine was too slow.
VERDICT = r"soak: passed|soak: FAILED: (steady: [\d.]+ s behind[^;]*(; )?)+"
WRITTEN = [b"line %d" % number for number in range(100)]
SUMMARY = (
    b'{"event":"summary","requests":3,"unparsed":1,"uncounted":0,"bytes":70,"status":{"200":2,"404":1},'
    b'"methods":{"GET":3},"sections":[{"section":"/a","requests":3,"errors":0,"bytes":70}]}'
)
TRUTH = {
    "requests": 3,
    "unparsed": 1,
    "bytes": 70,
    "status": {"200": 2, "404": 1},
    "methods": {"GET": 3},
    "sections": [{"section": "/a", "requests": 3, "errors": 0, "bytes": 70}],
}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a short run prints. Whether it kept up is not judged here: other tests run beside it."""
    environment = {"PATH": f"{SCRIPTS}:/usr/bin:/bin", "TMPDIR": str(tmp_path_factory.mktemp("soak"))}
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "soak", "--minutes", MINUTES],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert run.stderr == b""
    assert os.listdir(environment["TMPDIR"]) == []
    return run.stdout.decode()


class TestRun:
    @staticmethod
    def _figures(output: str, name: str) -> tuple[str, str]:
        row = next(line for line in output.splitlines() if line.startswith(f"| {name} |"))
        _, _, steady, restarted, _ = (cell.strip() for cell in row.split("|"))
        return steady, restarted

    @pytest.mark.parametrize("what", ["lost", "doubled"])
    def test_no_line_is(self, output: str, what: str) -> None:
        assert self._figures(output, what) == ("0", "0")

    def test_every_line_comes_through(self, output: str) -> None:
        written = self._figures(output, "lines written")[0]
        assert self._figures(output, "lines through")[0] == written != "0"

    def test_it_was_disturbed(self, output: str) -> None:
        assert "| stops of 2.6 s | 1 |  |" in output
        assert self._figures(output, "kills") == ("", "1")
        assert int(self._figures(output, "rotations")[0]) >= 5

    @pytest.mark.parametrize("pipe", ["steady", "restarted"])
    @pytest.mark.parametrize("command", ["w3c-tail", "w3c-parse", "w3c-alert", "w3c-stats"])
    def test_command_has_a_row(self, output: str, pipe: str, command: str) -> None:
        assert f"\n| {pipe} | {command} | " in output

    def test_verdict_is_the_last_line(self, output: str) -> None:
        assert re.fullmatch(VERDICT, output.splitlines()[-1])


def order() -> Order:
    """Of lines that have been written in two parts."""
    parts = [WRITTEN[:60], WRITTEN[60:]]
    return Order(lambda: parts.pop(0) if parts else [])


def faults(judge: Order) -> list[str]:
    judge.finish()
    return judge.faults()


class TestOrder:
    def test_all_lines_in_order(self) -> None:
        judge = order()
        judge.feed(WRITTEN[:70])
        judge.feed(WRITTEN[70:])
        assert faults(judge) == []

    def test_lost_in_the_middle(self) -> None:
        judge = order()
        judge.feed(WRITTEN[:50] + WRITTEN[53:])
        assert faults(judge) == ["lines lost: 3"]

    def test_lost_at_the_end(self) -> None:
        judge = order()
        judge.feed(WRITTEN[:-1])
        assert faults(judge) == ["lines lost: 1"]

    def test_lost_at_a_restart(self) -> None:
        judge = order()
        judge.feed(WRITTEN[:50])
        judge.restart(may_repeat=10)
        judge.feed(WRITTEN[52:])
        assert faults(judge) == ["lines lost: 2"]

    def test_doubled_without_a_restart(self) -> None:
        judge = order()
        judge.feed(WRITTEN[:50] + WRITTEN[49:])
        assert faults(judge) == ["lines doubled beyond what a restart may repeat: 1"]

    @pytest.mark.parametrize(
        ("repeated", "expected"),
        [(0, []), (10, []), (11, ["lines doubled beyond what a restart may repeat: 11"])],
    )
    def test_repeated_by_a_restart(self, repeated: int, expected: list[str]) -> None:
        judge = order()
        judge.feed(WRITTEN[:50])
        judge.restart(may_repeat=10)
        judge.feed(WRITTEN[50 - repeated :])
        assert faults(judge) == expected

    def test_equal_lines_at_a_restart(self) -> None:
        parts = [[b"a", b"b", b"a", b"a", b"c"]]
        judge = Order(lambda: parts.pop() if parts else [])
        judge.feed([b"a", b"b", b"a"])
        judge.restart(may_repeat=1)
        judge.feed([b"a", b"a", b"c"])
        assert (faults(judge), judge.repeated) == ([], 1)

    def test_torn(self) -> None:
        judge = order()
        judge.feed([*WRITTEN[:50], b"lin", *WRITTEN[50:]])
        assert faults(judge) == ["lines torn, or written by nobody: 1"]


class TestGrowth:
    FLAT = (20_000_000, 20_100_000, 20_050_000) * 4

    @staticmethod
    def _samples(sizes_bytes: Sequence[int], open_files: int = 8) -> list[Sample]:
        return [Sample(size_bytes, size_bytes, open_files) for size_bytes in sizes_bytes]

    @pytest.mark.parametrize("warm_up_bytes", [5_000_000, 20_000_000, 50_000_000])
    def test_flat_after_warming_up(self, warm_up_bytes: int) -> None:
        assert growth(self._samples([warm_up_bytes] * 6 + [*self.FLAT])) == []

    def test_size(self) -> None:
        assert growth(self._samples(range(20_000_000, 23_600_000, 200_000))) == [
            "RSS grew from 22.2 to 23.4 MB"
        ]

    def test_open_files(self) -> None:
        samples = self._samples(self.FLAT) + self._samples(self.FLAT[:6], open_files=13)
        assert growth(samples) == ["open files became 13, after 8"]

    def test_too_few_samples(self) -> None:
        assert growth(self._samples(range(20_000_000, 40_000_000, 2_000_000))) == []


class TestLag:
    @staticmethod
    def _faults(standing_from: int, standing_to: int, *, is_stopped: bool) -> list[str]:
        """A line a second; between these seconds none comes out, then all do."""
        lag = Lag()
        for now_s in range(60):
            stands = standing_from <= now_s < standing_to
            through = standing_from if stands else now_s
            lag.look(float(now_s), now_s, through, is_stopped=stands and is_stopped)
        return lag.faults

    def test_longer_than_it_may_take_to_catch_up(self) -> None:
        assert self._faults(20, 20 + int(CATCH_UP_S) + 4, is_stopped=False) != []

    def test_shortly(self) -> None:
        assert self._faults(20, 20 + int(CATCH_UP_S), is_stopped=False) == []

    def test_while_its_reader_stands_still(self) -> None:
        assert self._faults(20, 50, is_stopped=True) == []


class TestSums:
    def test_equal(self) -> None:
        sums = Sums()
        sums.feed([SUMMARY, b'{"event":"gap"}'])
        assert (sums.faults(TRUTH), sums.lines) == ([], 4)

    @pytest.mark.parametrize("key", ["requests", "unparsed", "bytes"])
    def test_one_less(self, key: str) -> None:
        sums = Sums()
        sums.feed([SUMMARY])
        actual = TRUTH[key]
        assert isinstance(actual, int)
        assert sums.faults({**TRUTH, key: actual + 1}) == [f"{key} {actual}, not {actual + 1}"]

    @pytest.mark.parametrize(
        ("key", "value"), [("status", {"200": 3}), ("methods", {"GET": 2}), ("sections", [])]
    )
    def test_another_table(self, key: str, value: object) -> None:
        sums = Sums()
        sums.feed([SUMMARY])
        assert len(sums.faults({**TRUTH, key: value})) == 1


class TestGenerations:
    def test_renamed_several_times_between_two_looks(self, log: Path) -> None:
        generations = Generations(log)
        assert generations.read() == []
        log.write_bytes(b"1\n2")
        assert generations.read() == [b"1"]
        with log.open("ab") as file:
            file.write(b"2\n")
        for number in (3, 4, 5):
            log.rename(f"{log}-20260101-{number}")
            log.write_bytes(b"%d\n" % number)
        assert [generations.read() for _ in range(5)] == [[b"22"], [b"3"], [b"4"], [b"5"], []]
        generations.close()

    def test_nul_bytes_are_left_out(self, log: Path) -> None:
        log.write_bytes(bytes(512) + b"\n" + bytes(4) + b"x\n")
        generations = Generations(log)
        assert generations.read() == [b"", bytes(4) + b"x"]
        generations.close()
