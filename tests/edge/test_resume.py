"""Going on where an earlier run stopped, wherever rotation has put the files meanwhile."""

from __future__ import annotations

import bz2
import gzip
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stepped import Tail

from w3ctools.core.checkpoint import Place, Resume, print_of
from w3ctools.core.rotation import GUARD_BYTES
from w3ctools.core.siblings import HEAD_BYTES
from w3ctools.edge.follow.start import FromEnd

pytestmark = pytest.mark.usefixtures("local_file_system")

Resuming = Callable[..., Tail]

#: Seconds of the year 2023, each later than the one before.
TIMES_NS = itertools.count(1_700_000_000_000_000_000, 1_000_000_000)


@pytest.fixture
def resuming(log: Path) -> Iterator[Resuming]:
    """Goes on with the log at places."""
    started: list[Tail] = []

    def resume(*places: Resume) -> Tail:
        # What it is told to start with must not matter.
        started.append(Tail(log, FromEnd(0), places))
        return started[-1]

    yield resume
    for resumed in started:
        resumed.follower.close()


def write(path: Path, data: bytes) -> Path:
    """Write a file that is younger than all that were written before, whatever the clock's tick."""
    path.write_bytes(data)
    now_ns = next(TIMES_NS)
    os.utime(path, ns=(now_ns, now_ns))
    return path


def stopped_at(path: Path, offset_bytes: int) -> Place:
    """The place that a run has saved which read so much of a file."""
    data = path.read_bytes()
    result = path.stat()
    return Place(
        device=result.st_dev,
        inode=result.st_ino,
        head=print_of(data[:HEAD_BYTES]),
        guard=print_of(data[max(0, offset_bytes - GUARD_BYTES) : offset_bytes]),
        offset_bytes=offset_bytes,
        size_bytes=len(data),
        mtime_ns=result.st_mtime_ns,
    )


def going_on(path: Path, offset_bytes: int) -> Resume:
    """The same, to go on right there."""
    return Resume(stopped_at(path, offset_bytes), offset_bytes)


# Found


def test_same_file_goes_on_where_it_was(log: Path, resuming: Resuming) -> None:
    place = going_on(write(log, b"1\n2\n"), 2)
    resumed = resuming(place)
    assert resumed.read() == b"2\n"
    assert resumed.notes == []


def test_same_file_that_has_grown(log: Path, resuming: Resuming) -> None:
    place = going_on(write(log, b"1\n"), 2)
    write(log, b"1\n2\n")
    assert resuming(place).read() == b"2\n"


def test_file_that_was_empty_is_known_by_its_number(log: Path, resuming: Resuming) -> None:
    place = going_on(write(log, b""), 0)
    with log.open("ab") as file:
        file.write(b"1\n")
    resumed = resuming(place)
    assert resumed.read() == b"1\n"
    assert resumed.notes == []


def test_rotated_file_is_read_to_its_end_before_the_new_one(log: Path, resuming: Resuming) -> None:
    place = going_on(write(log, b"1\n2\n"), 2)
    log.rename(f"{log}.1")
    write(log, b"3\n")
    resumed = resuming(place)
    assert resumed.read() == b"2\n3\n"
    assert resumed.notes == []


def test_file_rotated_twice_has_a_younger_one_before_the_new_one(log: Path, resuming: Resuming) -> None:
    place = going_on(write(log, b"1\n2\n"), 2)
    log.rename(f"{log}.2")
    write(Path(f"{log}.1"), b"3\n")
    write(log, b"4\n")
    assert resuming(place).read() == b"2\n3\n4\n"


def test_older_files_beside_it_are_left_alone(log: Path, resuming: Resuming) -> None:
    write(Path(f"{log}.2"), b"long ago\n")
    place = going_on(write(log, b"1\n2\n"), 2)
    log.rename(f"{log}.1")
    write(log, b"3\n")
    assert resuming(place).read() == b"2\n3\n"


def test_rotated_file_and_no_new_one_yet(log: Path, resuming: Resuming) -> None:
    place = going_on(write(log, b"1\n2\n"), 2)
    log.rename(f"{log}.1")
    resumed = resuming(place)
    assert resumed.read() == b"2\n"
    assert resumed.notes == ["waiting for it to appear"]


@pytest.mark.parametrize(
    ("extension", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress)], ids=["gzip", "bzip2"]
)
def test_compressed_file_is_read_to_its_end(
    log: Path, resuming: Resuming, extension: str, compress: Callable[[bytes], bytes]
) -> None:
    place = going_on(write(log, b"1\n2\n"), 2)
    write(Path(f"{log}.1{extension}"), compress(log.read_bytes()))
    log.unlink()
    write(log, b"3\n")
    assert resuming(place).read() == b"2\n3\n"


def test_copy_of_a_truncated_file_is_read_to_its_end(log: Path, resuming: Resuming) -> None:
    place = going_on(write(log, b"1\n2\n"), 2)
    write(Path(f"{log}.1"), log.read_bytes())
    write(log, b"3\n")
    assert resuming(place).read() == b"2\n3\n"


def test_several_places_go_on_oldest_first(log: Path, resuming: Resuming) -> None:
    old = going_on(write(Path(f"{log}.1"), b"1\n2\n"), 2)
    new = going_on(write(log, b"3\n4\n"), 2)
    assert resuming(old, new).read() == b"2\n4\n"


def test_file_read_to_its_end_goes_on_when_its_writer_does(log: Path, resuming: Resuming) -> None:
    old = going_on(write(Path(f"{log}.1"), b"1\n"), 2)
    new = going_on(write(log, b"2\n"), 2)
    resumed = resuming(old, new)
    assert resumed.read() == b""
    with open(f"{log}.1", "ab") as file:
        file.write(b"late\n")
    assert resumed.read() == b"late\n"


# Gone back


def test_rewound_offset_repeats_what_is_after_it(log: Path, resuming: Resuming) -> None:
    place = Resume(stopped_at(write(log, b"1\n2\n3\n"), 4), 2)
    assert resuming(place).read() == b"2\n3\n"


def test_rewound_offset_in_a_rotated_file(log: Path, resuming: Resuming) -> None:
    place = Resume(stopped_at(write(log, b"1\n2\n3\n"), 6), 2)
    log.rename(f"{log}.1")
    write(log, b"4\n")
    assert resuming(place).read() == b"2\n3\n4\n"


HEADER = b"#Version: 1.0\n#Fields: date time\n"


def test_w3c_header_goes_before_the_first_line(log: Path, resuming: Resuming) -> None:
    write(log, HEADER + b"1\n2\n")
    assert resuming(going_on(log, len(HEADER) + 2)).read() == HEADER + b"2\n"


def test_w3c_header_of_a_compressed_file_goes_before_the_first_line(log: Path, resuming: Resuming) -> None:
    place = going_on(write(log, HEADER + b"1\n2\n"), len(HEADER) + 2)
    write(Path(f"{log}.1.gz"), gzip.compress(log.read_bytes()))
    log.unlink()
    assert resuming(place).read() == HEADER + b"2\n"


# Not the same


def test_same_number_with_another_content_is_read_from_its_beginning(log: Path, resuming: Resuming) -> None:
    place = going_on(write(log, b"1\n2\n"), 2)
    write(log, b"another\n")
    assert log.stat().st_ino == place.place.inode
    resumed = resuming(place)
    assert resumed.read() == b"another\n"
    assert resumed.notes == ["2 bytes that were not read yet can no longer be found"]


def test_same_head_and_another_guard_is_another_file(log: Path, resuming: Resuming) -> None:
    place = going_on(write(log, HEADER + b"1\n" * HEAD_BYTES + b"x\n"), len(HEADER) + 2 * HEAD_BYTES)
    new = HEADER + b"1\n" * (HEAD_BYTES - 1) + b"2\n"
    write(log, new)
    assert resuming(place).read() == new


def test_rotated_file_with_the_same_number_and_another_content_is_not_it(
    log: Path, resuming: Resuming
) -> None:
    place = going_on(write(log, b"1\n2\n"), 2)
    log.rename(f"{log}.1")
    write(Path(f"{log}.1"), b"another\n")
    write(log, b"3\n")
    assert resuming(place).read() == b"another\n3\n"


def test_file_that_is_gone_is_told_with_what_was_not_read(log: Path, resuming: Resuming) -> None:
    place = going_on(write(log, b"1\n" * 1000), 2)
    log.rename(log.with_name("elsewhere"))
    write(log, b"3\n")
    resumed = resuming(place)
    assert resumed.read() == b"3\n"
    assert resumed.notes == ["1,998 bytes that were not read yet can no longer be found"]


def test_file_that_was_read_to_its_end_and_is_gone_is_told(log: Path, resuming: Resuming) -> None:
    place = going_on(write(log, b"1\n"), 2)
    log.rename(log.with_name("elsewhere"))
    write(log, b"2\n")
    resumed = resuming(place)
    assert resumed.read() == b"2\n"
    assert resumed.notes == ["the file read last can no longer be found; lines added since may be lost"]


def test_older_file_that_was_read_to_its_end_and_is_gone_is_not_told(log: Path, resuming: Resuming) -> None:
    old = write(Path(f"{log}.1"), b"1\n")
    places = going_on(old, 2), going_on(write(log, b"2\n3\n"), 2)
    old.unlink()
    resumed = resuming(*places)
    assert resumed.read() == b"3\n"
    assert resumed.notes == []
