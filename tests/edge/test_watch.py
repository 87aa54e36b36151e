"""Many files at once, stepped by hand: patterns, one reader a file, turns, and the budget of descriptors."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from w3ctools.core.delivery import Delivery
from w3ctools.edge.follow import follower
from w3ctools.edge.follow.contents import BLOCK_BYTES
from w3ctools.edge.follow.follower import ROTATE_WAIT_S, Look
from w3ctools.edge.follow.start import FromEnd, FromLine, Start
from w3ctools.edge.follow.watch import GLOB_S, Watch, is_pattern

pytestmark = pytest.mark.usefixtures("local_file_system")

WHOLE = FromLine(1)
TURN_BYTES = follower.TURN_BLOCKS * BLOCK_BYTES
#: What a file that is opened, and what was rotated away from it, may take beyond the budget.
A_FEW = 2


class Many:
    """A watch in one folder, on a clock that the test moves."""

    def __init__(self, folder: Path, start: Start, names: tuple[str, ...], open_files: int) -> None:
        self.now_s = 1000.0
        self.folder = folder
        self.notes: list[str] = []
        #: The most files of the folder that were open at once.
        self.peak_files = 0
        paths = [str(folder / name) for name in names]
        self.watch = Watch(paths, start, lambda: self.now_s, open_files=open_files)

    def turn(self) -> list[tuple[str, Look]]:
        """One turn of every file; each name with what was found."""
        looks = []
        for path, look in self.watch.turns():
            self.peak_files = max(self.peak_files, open_files(self.folder))
            self.notes += look.notes
            looks.append((os.path.relpath(path, self.folder), look))
        return looks

    def read(self) -> list[tuple[str, bytes]]:
        """Take turns until there is nothing more; each line with the name that it came from."""
        lines = []
        more = True
        while more:
            looks = self.turn()
            lines += [(name, line) for name, look in looks for line in look.block.splitlines(keepends=True)]
            more = any(look.more for _, look in looks)
        return lines

    def later(self, seconds: float = GLOB_S) -> list[tuple[str, bytes]]:
        """Read once more after some time."""
        self.now_s += seconds
        return self.read()


Following = Callable[..., Many]


@pytest.fixture
def following(tmp_path: Path) -> Iterator[Following]:
    """Follows names in the folder."""
    started: list[Many] = []

    def follow(*names: str, start: Start = WHOLE, open_files: int = 100) -> Many:
        started.append(Many(tmp_path, start, names, open_files))
        return started[-1]

    yield follow
    for many in started:
        many.watch.close()


def append(path: Path, data: bytes) -> None:
    with path.open("ab", buffering=0) as file:
        file.write(data)


def open_files(folder: Path) -> int:
    """How many files of the folder this process has open."""
    count = 0
    for fd in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the descriptor of listdir itself
            count += os.readlink(f"/proc/self/fd/{fd}").startswith(f"{folder}/")
    return count


# Patterns


@pytest.mark.parametrize(
    ("name", "expected"),
    [("*.log", True), ("a?.log", True), ("[ab].log", True), ("a.log", False), ("a{b,c}.log", False)],
)
def test_is_pattern(name: str, expected: bool) -> None:
    assert is_pattern(name) is expected


def test_name_of_a_file_is_no_pattern(tmp_path: Path) -> None:
    path = tmp_path / "a[1].log"
    assert is_pattern(str(path))
    path.touch()
    assert not is_pattern(str(path))


def test_file_with_a_literal_name_is_followed_alone(tmp_path: Path, following: Following) -> None:
    append(tmp_path / "a[1].log", b"literal\n")
    append(tmp_path / "a1.log", b"match\n")
    many = following("a[1].log")
    assert many.read() == [("a[1].log", b"literal\n")]
    assert not many.watch.is_many


def test_match_that_is_there_begins_where_the_start_says(tmp_path: Path, following: Following) -> None:
    append(tmp_path / "a.log", b"1\n2\n")
    many = following("*.log", start=FromEnd(1))
    assert many.read() == [("a.log", b"2\n")]


def test_match_that_comes_is_found_after_a_second_and_read_whole(
    tmp_path: Path, following: Following
) -> None:
    many = following("*.log", start=FromEnd(0))
    many.read()
    append(tmp_path / "a.log", b"1\n2\n")
    assert many.later(GLOB_S - 0.1) == []
    assert many.later(0.1) == [("a.log", b"1\n"), ("a.log", b"2\n")]


def test_match_that_comes_is_found_while_the_reader_stands_still(
    tmp_path: Path, following: Following
) -> None:
    many = following("*.log", start=FromEnd(0))
    many.read()
    append(tmp_path / "a.log", b"1\n")
    many.now_s += GLOB_S
    many.watch.look()
    (tmp_path / "a.log").unlink()
    assert many.read() == [("a.log", b"1\n")]


def test_folder_that_matches_is_not_followed(tmp_path: Path, following: Following) -> None:
    (tmp_path / "folder.log").mkdir()
    assert list(following("*.log").watch.turns()) == []


def test_compressed_match_is_not_followed(tmp_path: Path, following: Following) -> None:
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(b"packed\n"))
    append(tmp_path / "b.log", b"plain\n")
    many = following("*.log*")
    assert many.read() == [("b.log", b"plain\n")]
    assert many.notes == [f"{tmp_path}/a.log.gz: compressed, not followed (w3c-parse reads it)"]


# One reader a file


def test_name_given_twice_is_followed_once(tmp_path: Path, following: Following) -> None:
    append(tmp_path / "a.log", b"1\n")
    assert following("a.log", "a.log").read() == [("a.log", b"1\n")]


def test_name_that_a_pattern_matches_too_is_followed_once(tmp_path: Path, following: Following) -> None:
    append(tmp_path / "a.log", b"1\n")
    assert following("a.log", "*.log").read() == [("a.log", b"1\n")]


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_file_with_two_names_is_followed_once(
    tmp_path: Path, following: Following, link: Callable[[Path, Path], None]
) -> None:
    append(tmp_path / "a.log", b"1\n")
    link(tmp_path / "a.log", tmp_path / "b.log")
    many = following("a.log", "b.log")
    assert many.read() == [("a.log", b"1\n")]
    append(tmp_path / "b.log", b"2\n")
    assert many.later() == [("a.log", b"2\n")]
    assert many.notes == []


def test_rotated_file_that_a_pattern_matches_comes_once(tmp_path: Path, following: Following) -> None:
    log = tmp_path / "access.log"
    append(log, b"1\n")
    many = following("access.log*")
    many.read()
    append(log, b"2\n")
    log.rename(tmp_path / "access.log.1")
    append(log, b"3\n")
    assert many.later() == [("access.log", b"2\n"), ("access.log", b"3\n")]
    assert many.later() == []


def test_copy_that_a_pattern_matches_comes_once(tmp_path: Path, following: Following) -> None:
    log = tmp_path / "access.log"
    append(log, b"1\n2\n")
    many = following("access.log*")
    many.read()
    (tmp_path / "access.log.1").write_bytes(log.read_bytes())
    os.truncate(log, 0)
    append(log, b"3\n")
    assert many.later() == [("access.log", b"3\n")]
    assert many.later() == []


def test_file_left_by_one_name_goes_on_under_another(tmp_path: Path, following: Following) -> None:
    log, old = tmp_path / "access.log", tmp_path / "access.log.1"
    append(log, b"1\n")
    many = following("access.log*")
    many.read()
    log.rename(old)
    append(log, b"2\n")
    many.later()
    assert many.later(ROTATE_WAIT_S) == []
    assert many.later() == []
    append(old, b"late\n")
    assert many.later() == [("access.log.1", b"late\n")]


# Turns


def test_busy_file_keeps_no_quiet_one_waiting(tmp_path: Path, following: Following) -> None:
    append(tmp_path / "busy.log", b"busy\n" * TURN_BYTES)
    append(tmp_path / "quiet.log", b"quiet\n")
    many = following("busy.log", "quiet.log")
    busy, quiet = many.turn()
    assert busy[1].more
    assert len(busy[1].block) <= TURN_BYTES
    assert quiet[1].block == b"quiet\n"


def test_what_comes_to_a_quiet_file_comes_in_the_next_turn(tmp_path: Path, following: Following) -> None:
    append(tmp_path / "busy.log", b"busy\n" * TURN_BYTES)
    append(tmp_path / "quiet.log", b"quiet\n")
    many = following("busy.log", "quiet.log")
    many.turn()
    append(tmp_path / "quiet.log", b"again\n")
    busy, quiet = many.turn()
    assert busy[1].more
    assert quiet[1].block == b"again\n"


# Descriptors

COUNT, BUDGET = 20, 5


def _write_all(folder: Path, line: bytes) -> list[tuple[str, bytes]]:
    """Write the line to every file; return it as it should come."""
    names = [f"site-{index:02d}.log" for index in range(COUNT)]
    for name in names:
        append(folder / name, line)
    return [(name, line) for name in names]


@pytest.mark.parametrize("start", [WHOLE, FromEnd(1)])
def test_more_files_than_may_be_open_all_come(tmp_path: Path, following: Following, start: Start) -> None:
    expected = _write_all(tmp_path, b"1\n")
    many = following("*.log", start=start, open_files=BUDGET)
    assert many.read() == expected
    for line in (b"2\n", b"3\n"):
        expected = _write_all(tmp_path, line)
        assert many.later(0.05) == expected
    assert many.notes == []


def test_no_more_files_are_open_than_the_budget(tmp_path: Path, following: Following) -> None:
    _write_all(tmp_path, b"1\n")
    many = following("*.log", open_files=BUDGET)
    many.read()
    _write_all(tmp_path, b"2\n")
    many.later(0.05)
    assert many.peak_files <= BUDGET + A_FEW


def test_unfinished_line_of_a_closed_file_is_finished(tmp_path: Path, following: Following) -> None:
    _write_all(tmp_path, b"un")
    many = following("*.log", open_files=BUDGET)
    assert many.read() == []
    expected = [(name, b"unfinished\n") for name, _ in _write_all(tmp_path, b"finished\n")]
    assert many.later(0.05) == expected


def _is_open(path: str) -> bool:
    return any(
        os.path.samestat(os.stat(path), os.stat(f"/proc/self/fd/{fd}"))
        for fd in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{fd}")
    )


@pytest.fixture
def parked(tmp_path: Path, following: Following) -> tuple[Many, Path]:
    """A watch of more files than may be open, and one of them that is closed."""
    _write_all(tmp_path, b"1\n")
    many = following("*.log", open_files=BUDGET)
    for _ in range(3):
        many.later(0.05)
    closed = next(
        path
        for path in map(Path, (file.path for file in many.watch.files(Delivery(), 0.0)))
        if not _is_open(str(path))
    )
    return many, closed


def test_closed_file_that_is_rotated_is_read_to_its_end(parked: tuple[Many, Path]) -> None:
    many, log = parked
    append(log, b"2\n")
    log.rename(f"{log}.1")
    append(log, b"3\n")
    assert many.later(0.05) == [(log.name, b"2\n"), (log.name, b"3\n")]
    assert many.notes == [f"{log}: rotated, 1 line drained, 0 lost"]


def test_closed_file_that_is_rewritten_is_read_afresh(parked: tuple[Many, Path]) -> None:
    many, log = parked
    log.write_bytes(b"another\n")
    assert many.later(0.05) == [(log.name, b"another\n")]
    assert many.notes == [f"{log}: truncated, no unread bytes were seen in it"]


def test_closed_file_that_is_rotated_and_removed_is_told(parked: tuple[Many, Path]) -> None:
    many, log = parked
    old = log.rename(f"{log}.1")
    append(log, b"2\n")  # before the number of the old file is free again
    old.unlink()
    assert many.later(0.05) == [(log.name, b"2\n")]
    assert f"{log}: rotated and removed while it was closed for want of descriptors" in many.notes


def test_close_closes_all(tmp_path: Path, following: Following) -> None:
    _write_all(tmp_path, b"1\n")
    many = following("*.log", open_files=BUDGET)
    many.read()
    assert open_files(tmp_path)
    many.watch.close()
    assert open_files(tmp_path) == 0
