"""Files counted in ranges: whatever is in them, the sum is that of a reader of the whole file."""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import EPOCH, log_line

from w3ctools.core.pieces import Part, Piece, Seen, leading_seconds, together, unsure_paths
from w3ctools.core.split import ranges, whole
from w3ctools.core.summary import Summary
from w3ctools.edge.counted_file import count_range, files_of, is_in_lines

INTERVAL_S = 10

W3C = b"#Fields: date time cs-method cs-uri-stem sc-status\n"
LTSV = b"time:[13/Sep/2020:12:26:40 +0000]\thost:192.0.2.1\treq:GET /a HTTP/1.1\tstatus:200\tsize:5\n"
UVICORN = b'INFO:     127.0.0.1:1 - "GET /a HTTP/1.1" 200 OK\n'
#: What a log may be made of, and how often.
LINES: dict[bytes, int] = {
    log_line(EPOCH): 30,
    log_line(EPOCH + 11, status=500): 30,
    LTSV: 6,
    LTSV * 17: 1,
    UVICORN: 4,
    b"nonsense\n": 2,
    b"\n": 2,
    b"2020-09-13 12:26:40 GET /a 200\n": 4,
}
WITH_DIRECTIVES = {**LINES, W3C: 1, b"#Source: /b.log\n": 1, b"# comment\n": 1}


def in_pieces(path: Path, split_bytes: int) -> tuple[list[Piece], set[str]]:
    """A file as the workers of a cluster count it, and as they count it again where pieces do not fit."""
    pieces = [count_range(one, INTERVAL_S) for one in ranges(str(path), path.stat().st_size, split_bytes)]
    unsure = unsure_paths(piece.seen for piece in pieces)
    return ([count_range(whole(str(path)), INTERVAL_S)] if unsure else pieces), unsure


def total(pieces: list[Piece]) -> dict[int, tuple[object, ...]]:
    """All that was counted, by interval."""
    leading = leading_seconds(piece.seen for piece in pieces)
    parts: dict[int, list[Part]] = {}
    for piece in pieces:
        for key, part in piece.placed(leading[piece.seen.path, piece.seen.begin], INTERVAL_S):
            parts.setdefault(key, []).append(part)
    found: dict[int, tuple[object, ...]] = {}
    for key, several in parts.items():
        part = together(several)
        summary = Summary.from_bytes(part.packed)
        top = [tuple(one) for one in summary.sections.top(99)]
        found[key] = (summary.requests, summary.unparsed, summary.statuses(), top, part.seconds)
    return found


class TestRanges:
    @pytest.mark.parametrize("lines", [LINES, WITH_DIRECTIVES], ids=["lines", "directives"])
    @pytest.mark.parametrize("seed", range(20))
    def test_sum_is_that_of_the_whole_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: dict[bytes, int], seed: int
    ) -> None:
        monkeypatch.setattr("w3ctools.edge.counted_file.READ_BYTES", 500)
        chance = random.Random(seed)
        kinds = chance.sample([*lines], chance.randint(2, len(lines)))
        path = tmp_path / "access.log"
        log = b"".join(chance.choices(kinds, [lines[kind] for kind in kinds], k=100))
        path.write_bytes(log[: -chance.randint(1, 20)])
        expected = total([count_range(whole(str(path)), INTERVAL_S)])
        for split_bytes in (300, 1000, 2345, 5000):
            pieces, _ = in_pieces(path, split_bytes)
            assert total(pieces) == expected

    def test_log_of_one_format_is_not_read_again(self, tmp_path: Path) -> None:
        path = tmp_path / "access.log"
        path.write_bytes(b"".join(log_line(EPOCH + at // 50) for at in range(5000)))
        pieces, unsure = in_pieces(path, 100_000)
        assert (len(pieces), unsure) == (5, set())
        assert sum(piece.seen.records for piece in pieces) == 5000

    def test_w3c_log_with_one_header_is_not_read_again(self, tmp_path: Path) -> None:
        path = tmp_path / "access.log"
        path.write_bytes(W3C + b"2020-09-13 12:26:40 GET /a 200\n" * 5000)
        pieces, unsure = in_pieces(path, 50_000)
        assert (len(pieces), unsure) == (4, set())
        assert sum(piece.seen.records for piece in pieces) == 5000

    def test_range_that_begins_within_the_head_is_unsure(self, tmp_path: Path) -> None:
        path = tmp_path / "access.log"
        path.write_bytes(log_line() * 1000)
        assert in_pieces(path, 1000)[1] == {str(path)}

    @pytest.mark.parametrize("line", [b"x" * 100_000 + b"\n", log_line(target="/" + "x" * 100_000)])
    def test_line_longer_than_ranges_and_reads_counts_once(self, tmp_path: Path, line: bytes) -> None:
        path = tmp_path / "access.log"
        path.write_bytes(log_line() * 1000 + line + log_line() * 10)
        pieces, unsure = in_pieces(path, 70_000)
        assert not unsure
        assert sum(piece.seen.lines for piece in pieces) == 1011


class TestFiles:
    def test_compressed_file_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "access.log.gz"
        path.write_bytes(gzip.compress(log_line() * 10))
        assert not is_in_lines(str(path))
        assert count_range(whole(str(path)), INTERVAL_S).seen.records == 10

    def test_damaged_file_is_read_up_to_there_and_told_of(self, tmp_path: Path) -> None:
        path = tmp_path / "access.log.gz"
        path.write_bytes(gzip.compress(log_line() * 10)[:-4])
        seen = count_range(whole(str(path)), INTERVAL_S).seen
        assert seen.records == 10
        assert seen.problem == f"{path}: gzip data is cut off; read up to there"

    @pytest.mark.parametrize("one", [whole, lambda path: ranges(path, 100, 50)[1]], ids=["whole", "range"])
    def test_missing_file_is_told_of(self, tmp_path: Path, one: Callable[[str], object]) -> None:
        path = str(tmp_path / "no.log")
        piece = count_range(one(path), INTERVAL_S)  # type: ignore[arg-type]
        assert (piece.parts, piece.seen.problem) == ([], f"{path}: No such file or directory")

    def test_empty_file_holds_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "access.log"
        path.write_bytes(b"")
        assert count_range(whole(str(path)), INTERVAL_S) == Piece(Seen(str(path), ends_odd=True), [])

    def test_log_in_no_known_format_is_given_up(self, tmp_path: Path) -> None:
        path = tmp_path / "access.log"
        path.write_bytes(b"nonsense\n" * 1_000_000)
        seen = count_range(whole(str(path)), INTERVAL_S).seen
        assert seen.is_unknown
        assert 1000 <= seen.unparsed < 5000


class TestFolder:
    def test_file_is_itself(self, tmp_path: Path) -> None:
        assert files_of(str(tmp_path / "access.log")) == [str(tmp_path / "access.log")]

    def test_folder_is_its_regular_files_in_order(self, tmp_path: Path) -> None:
        for name in ("b.log", "a.log", ".hidden"):
            (tmp_path / name).touch()
        (tmp_path / "folder").mkdir()
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "link").symlink_to("a.log")
        assert files_of(str(tmp_path)) == [str(tmp_path / name) for name in ("a.log", "b.log", "link")]
