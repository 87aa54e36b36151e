"""The follower, stepped by hand: one test per situation, no sleeps, time is a number in a list."""

from __future__ import annotations

import gzip
import os
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stepped import Tail

from w3ctools.core.framing import MAX_LINE_BYTES
from w3ctools.core.siblings import HEAD_BYTES
from w3ctools.edge.follow import follower as follow
from w3ctools.edge.follow import generation, start
from w3ctools.edge.follow.contents import BLOCK_BYTES, FileContents
from w3ctools.edge.follow.follower import ROTATE_WAIT_S, NotRegularError
from w3ctools.edge.follow.start import MAX_HEADER_BYTES, FromEnd, FromLine, Start, find_place

pytestmark = pytest.mark.usefixtures("local_file_system")

TURN_BYTES = follow.TURN_BLOCKS * BLOCK_BYTES


def append(path: Path, data: bytes) -> None:
    with path.open("ab", buffering=0) as file:
        file.write(data)


def rotate(path: Path) -> Path:
    """Rename the file aside, as logrotate does, and return its new name."""
    return path.rename(path.with_name(f"{path.name}.{len(list(path.parent.iterdir()))}"))


def test_import_is_the_checkout() -> None:
    assert Path(generation.__file__).is_relative_to(Path(__file__).parents[2])


# Growth


def test_partial_line_is_held_until_its_newline(log: Path) -> None:
    log.write_bytes(b"one\ntw")
    tail = Tail(log)
    assert tail.read() == b"one\n"
    append(log, b"o")
    assert tail.read() == b""
    append(log, b"\nthree\nfo")
    assert tail.read() == b"two\nthree\n"
    append(log, b"ur\n")
    assert tail.read() == b"four\n"
    assert tail.take_notes() == []


def test_finish_gives_the_unfinished_line_once(log: Path) -> None:
    log.write_bytes(b"one\ntwo")
    tail = Tail(log)
    assert tail.read() == b"one\n"
    assert tail.follower.finish().block == b"two\n"
    assert tail.follower.finish().block == b""


def test_finish_of_empty_and_of_missing_file_is_empty(log: Path) -> None:
    tail = Tail(log)
    tail.read()
    assert tail.follower.finish().block == b""
    log.touch()
    assert tail.read() == b""
    assert tail.follower.finish().block == b""


def test_every_byte_passes_untouched(log: Path) -> None:
    data = bytes(range(256)) * 3 + b"\r\n\xff\xfe\x00\n\n\r\n"
    log.write_bytes(data)
    assert Tail(log).read() == data


def test_one_poll_is_one_turn(log: Path) -> None:
    data = b"".join(b"line %d\n" % number for number in range(40_000))
    log.write_bytes(data)
    tail = Tail(log)
    look = tail.follower.poll()
    assert look.more
    assert TURN_BYTES - 20 < len(look.block) <= TURN_BYTES
    assert look.block + tail.read() == data


def test_file_that_ends_with_its_block_is_read_to_the_end(log: Path) -> None:
    data = (b"x" * 63 + b"\n") * (BLOCK_BYTES // 64)
    log.write_bytes(data)
    assert Tail(log).read() == data


def test_idle_poll_neither_reads_nor_asks_the_time(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write_bytes(b"one\n")
    tail = Tail(log)
    for _ in range(3):
        tail.read()
        tail.now_s += 1
    monkeypatch.delattr(os, "pread")
    monkeypatch.delattr(os, "listdir")
    monkeypatch.delattr(tail, "now_s")
    assert tail.follower.poll() == ([], [], False)


# Where to start


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        (FromEnd(0), b""),
        (FromEnd(1), b"c\n"),
        (FromEnd(3), b"a\nb\nc\n"),
        (FromEnd(4), b"a\nb\nc\n"),
        (FromLine(1), b"a\nb\nc\n"),
        (FromLine(3), b"c\n"),
        (FromLine(4), b""),
        (FromLine(9), b""),
    ],
)
def test_start_place(log: Path, begin: Start, expected: bytes) -> None:
    log.write_bytes(b"a\nb\nc\nd")
    tail = Tail(log, begin)
    assert tail.read() == expected
    append(log, b"d\n")
    assert tail.read() == b"dd\n"


@given(
    data=st.lists(st.sampled_from([b"a", b"\n", b"bcd"]), max_size=30).map(b"".join),
    lines=st.integers(0, 12),
    block_bytes=st.integers(1, 9),
)
@settings(max_examples=100, deadline=None)
def test_start_place_agrees_with_split_for_any_block_size(data: bytes, lines: int, block_bytes: int) -> None:
    whole = data[: data.rfind(b"\n") + 1].splitlines(keepends=True)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryFile() as file:
        patch.setattr(start, "BLOCK_BYTES", block_bytes)
        file.write(data)
        file.flush()
        contents = FileContents(file.fileno())
        at_end = len(b"".join(whole[: max(0, len(whole) - lines)]))
        assert find_place(contents, FromEnd(lines)) == at_end
        at_line = len(b"".join(whole[:lines]))
        assert find_place(contents, FromLine(lines + 1)) == at_line


def test_start_from_the_end_far_into_a_file_reads_only_its_end(log: Path) -> None:
    with log.open("wb") as file:
        file.truncate(1 << 40)  # a hole of 1 TiB
        file.seek(0, os.SEEK_END)
        file.write(b"\none\ntwo\n")
    assert Tail(log, FromEnd(1)).read() == b"two\n"


# W3C headers


def test_header_of_a_compressed_file_that_is_read_whole_comes_once(log: Path) -> None:
    log.write_bytes(OLD + b"1\n")
    tail = Tail(log)
    tail.read()
    rotate(log)
    log.with_name(f"{log.name}.9.gz").write_bytes(gzip.compress(OLD + b"missed\n"))
    log.write_bytes(OLD + b"2\n")
    assert tail.read() == OLD + b"missed\n" + OLD + b"2\n"


OLD = b"#Software: x\n#Fields: date time\n"
NEW = b"#Version: 1.0\n#Fields: date time c-ip\n#Remark: y\n"


@pytest.mark.parametrize(
    ("data", "begin", "expected"),
    [
        pytest.param(OLD + b"1\n2\n", FromEnd(1), OLD + b"2\n", id="one header"),
        pytest.param(OLD + b"1\n2\n", FromLine(4), OLD + b"2\n", id="from a line"),
        pytest.param(OLD + b"1\n2\n", FromEnd(9), OLD + b"1\n2\n", id="whole file, not twice"),
        pytest.param(OLD + b"1\n" + NEW + b"2\n3\n", FromEnd(1), NEW + b"3\n", id="newest of two"),
        pytest.param(
            OLD + b"1\n" + NEW + b"2\n", FromEnd(5), OLD + b"1\n" + NEW + b"2\n", id="newer one inside"
        ),
        pytest.param(
            OLD + b"1\n" + NEW + b"2\n", FromEnd(3), OLD + NEW[14:] + b"2\n", id="start inside a header"
        ),
        pytest.param(OLD + b"1\n#no fields\n2\n", FromEnd(1), OLD + b"2\n", id="comment is no header"),
        pytest.param(b"1\n" + OLD + b"2\n", FromEnd(1), b"2\n", id="file that does not begin with #"),
        pytest.param(b"#x\n1 #Fields: \n2\n", FromEnd(1), b"2\n", id="no #Fields at a line's start"),
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 7, BLOCK_BYTES])
def test_header_goes_before_a_start_inside(
    log: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, begin: Start, expected: bytes, block_bytes: int
) -> None:
    monkeypatch.setattr(start, "BLOCK_BYTES", block_bytes)
    log.write_bytes(data)
    tail = Tail(log, begin)
    assert tail.read() == expected
    append(log, b"later\n")
    assert tail.read() == b"later\n"


def test_header_waits_for_the_first_line(log: Path) -> None:
    log.write_bytes(OLD + b"1\n")
    tail = Tail(log, FromEnd(0))
    assert tail.read() == b""
    append(log, b"2\n")
    assert tail.read() == OLD + b"2\n"


def test_header_far_back_is_found(log: Path) -> None:
    log.write_bytes(OLD + b"1\n" * BLOCK_BYTES + NEW + b"2\n" * BLOCK_BYTES)
    assert Tail(log, FromEnd(1)).read() == NEW + b"2\n"


def test_header_longer_than_its_limit_is_cut_at_a_line(log: Path) -> None:
    remark = b"#Remark: # # # # # # # # # # # #\n"
    log.write_bytes(remark * (MAX_HEADER_BYTES // len(remark) + 9) + OLD + b"1\n")
    header, _, rest = Tail(log, FromEnd(1)).read().partition(OLD)
    assert rest == b"1\n"
    assert set(header.splitlines(keepends=True)) == {remark}
    assert MAX_HEADER_BYTES - 2 * len(remark) < len(header) < MAX_HEADER_BYTES


def test_header_goes_before_an_unfinished_last_line(log: Path) -> None:
    log.write_bytes(OLD + b"1\n2")
    tail = Tail(log, FromEnd(0))
    assert tail.read() == b""
    assert tail.follower.finish().block == OLD + b"2\n"


def test_header_of_a_truncated_file_is_forgotten(log: Path) -> None:
    log.write_bytes(OLD + b"1\n")
    tail = Tail(log, FromEnd(0))
    tail.read()
    log.write_bytes(b"#Fields: a\n")
    assert tail.read() == b"#Fields: a\n"


# Rotation


def test_rename_and_create_reads_the_new_file_from_its_beginning(log: Path) -> None:
    log.write_bytes(b"one\n")
    tail = Tail(log, FromEnd(0))
    assert tail.read() == b""
    rotate(log)
    log.write_bytes(b"two\n")
    assert tail.read() == b"two\n"
    assert tail.take_notes() == ["rotated, 0 lines drained, 0 lost"]


def test_bytes_written_between_the_last_look_and_the_rename_come_first(log: Path) -> None:
    log.write_bytes(b"one\n")
    tail = Tail(log)
    tail.read()
    append(log, b"two\n")
    rotate(log)
    log.write_bytes(b"three\n")
    assert tail.read() == b"two\nthree\n"


def test_long_old_file_is_read_to_its_end_before_the_new_one(log: Path) -> None:
    old = b"".join(b"old %d\n" % number for number in range(30_000))
    log.write_bytes(old)
    tail = Tail(log)
    first = tail.follower.poll().block
    rotate(log)
    log.write_bytes(b"new\n")
    assert first + tail.read() == old + b"new\n"


def test_unread_new_file_is_held_when_it_is_deleted_while_the_old_one_is_read(log: Path) -> None:
    log.write_bytes(b"old\n" * TURN_BYTES)
    tail = Tail(log)
    tail.follower.poll()
    rotate(log)
    log.write_bytes(b"new\n")
    assert tail.follower.poll().more
    log.unlink()
    assert tail.read().endswith(b"old\nnew\n")


def test_rename_gap_create(log: Path) -> None:
    log.write_bytes(b"one\n")
    tail = Tail(log)
    tail.read()
    old = rotate(log)
    assert tail.read() == b""
    assert tail.take_notes() == ["waiting for it to appear"]
    append(old, b"two\n")
    assert tail.read() == b"two\n"
    log.write_bytes(b"three\n")
    assert tail.read() == b"three\n"
    assert tail.take_notes() == ["rotated, 0 lines drained, 0 lost"]


def test_writer_that_keeps_the_old_file_is_read_on(log: Path) -> None:
    with log.open("ab", buffering=0) as writer:
        writer.write(b"one\n")
        tail = Tail(log)
        tail.read()
        rotate(log)
        append(log, b"new\n")
        assert tail.read() == b"new\n"
        for _ in range(5):
            tail.now_s += ROTATE_WAIT_S - 1
            writer.write(b"old\n")
            append(log, b"new\n")
            assert tail.read() == b"old\nnew\n"
        tail.now_s += ROTATE_WAIT_S
        assert tail.read() == b""
        writer.write(b"too late\n")
        assert tail.read() == b""


def test_unfinished_line_is_finished_in_the_old_file(log: Path) -> None:
    with log.open("ab", buffering=0) as writer:
        writer.write(b"half-")
        tail = Tail(log)
        tail.read()
        rotate(log)
        append(log, b"new\npart")
        assert tail.read() == b"new\n"
        writer.write(b"line\n")
        append(log, b"ial\n")
        assert tail.read() == b"half-line\npartial\n"


def test_unfinished_line_of_an_old_file_comes_when_it_has_stood_still(log: Path) -> None:
    log.write_bytes(b"half")
    tail = Tail(log)
    tail.read()
    old = rotate(log)
    log.write_bytes(b"new\n")
    assert tail.read() == b"new\n"
    tail.now_s += ROTATE_WAIT_S - 1
    append(old, b"-grown")
    assert tail.read() == b""
    tail.now_s += ROTATE_WAIT_S - 1
    assert tail.read() == b""
    tail.now_s += 1
    assert tail.read() == b"half-grown\n"


def test_finish_gives_the_unfinished_lines_of_old_and_new_apart(log: Path) -> None:
    log.write_bytes(b"old")
    tail = Tail(log)
    tail.read()
    rotate(log)
    log.write_bytes(b"new")
    assert tail.read() == b""
    assert tail.follower.finish().block == b"old\nnew\n"


def test_several_rotations_keep_every_file_open(log: Path) -> None:
    tail = Tail(log)
    old = []
    for number in range(4):
        append(log, b"%d" % number)
        assert tail.read() == b""
        old.append(rotate(log))
    for path in old:
        append(path, b"!\n")
    assert tail.read() == b"0!\n1!\n2!\n3!\n"


def test_delete_and_create_again(log: Path) -> None:
    log.write_bytes(b"one\ntwo\n")
    tail = Tail(log)
    assert tail.read() == b"one\ntwo\n"
    append(log, b"three\n")
    log.unlink()
    log.write_bytes(b"four\nfive\nsix\nseven\n")
    assert tail.read() == b"three\nfour\nfive\nsix\nseven\n"
    assert tail.take_notes() == ["rotated, 1 line drained, 0 lost"]


def test_deleted_file_is_closed_when_it_has_stood_still(log: Path) -> None:
    log.write_bytes(b"one\n")
    tail = Tail(log)
    tail.read()
    log.unlink()
    tail.read()
    assert f"{log} (deleted)" in open_files()
    tail.now_s += ROTATE_WAIT_S
    tail.read()
    assert f"{log} (deleted)" not in open_files()
    log.write_bytes(b"two\n")
    assert tail.read() == b"two\n"
    assert tail.take_notes() == ["waiting for it to appear", "appeared"]


def test_close_closes_every_file(log: Path) -> None:
    log.write_bytes(b"one")
    tail = Tail(log)
    tail.read()
    rotate(log)
    log.write_bytes(b"two")
    tail.read()
    assert any(name.startswith(str(log)) for name in open_files())
    tail.follower.close()
    tail.follower.close()
    assert not any(name.startswith(str(log)) for name in open_files())


def open_files() -> list[str]:
    names = []
    for fd in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the descriptor of listdir itself
            names.append(os.readlink(f"/proc/self/fd/{fd}"))
    return names


def test_renamed_away_and_back_goes_on_where_it_was(log: Path) -> None:
    log.write_bytes(b"one\n")
    tail = Tail(log)
    tail.read()
    old = rotate(log)
    log.write_bytes(b"two\n")
    assert tail.read() == b"two\n"
    old.rename(log)
    append(log, b"three\n")
    assert tail.read() == b"three\n"
    assert tail.take_notes() == ["rotated, 0 lines drained, 0 lost"]


def test_renamed_away_again_waits_its_whole_time_again(log: Path) -> None:
    log.write_bytes(b"one\n")
    tail = Tail(log)
    tail.read()
    for _ in range(3):
        old = rotate(log)
        tail.read()
        tail.now_s += ROTATE_WAIT_S - 1
        append(old, b"half")
        old.rename(log)
        assert tail.read() == b""
    append(log, b"\n")
    assert tail.read() == b"halfhalfhalf\n"


def test_name_that_changed_back_between_stat_and_open_is_no_rotation(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(b"one\n")
    other = tmp_path / "other"
    other.touch()
    tail = Tail(log)
    tail.read()
    real_stat = os.stat
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", lambda _path: real_stat(other))
        assert tail.read() == b""
    assert tail.take_notes() == []


def test_switched_symlink_is_a_rotation(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    append(first / "log", b"one\n")
    current = tmp_path / "current"
    current.symlink_to("first")
    tail = Tail(current / "log")
    assert tail.read() == b"one\n"
    append(first / "log", b"two\n")
    append(second / "log", b"three\n")
    (tmp_path / "new").symlink_to("second")
    (tmp_path / "new").rename(current)
    assert tail.read() == b"two\nthree\n"
    assert tail.take_notes() == ["rotated, 1 line drained, 0 lost"]


# Truncation

NOTHING_UNREAD = "truncated, no unread bytes were seen in it"


def test_copytruncate(log: Path) -> None:
    log.write_bytes(b"one\ntwo\nthr")
    tail = Tail(log)
    assert tail.read() == b"one\ntwo\n"
    os.truncate(log, 0)
    assert tail.read() == b""
    assert tail.take_notes() == ["truncated, up to 3 bytes could not be recovered"]
    append(log, b"four\n")
    assert tail.read() == b"four\n"
    assert tail.take_notes() == []


def test_truncated_and_shorter(log: Path) -> None:
    log.write_bytes(b"one\ntwo\n")
    tail = Tail(log)
    tail.read()
    log.write_bytes(b"new\n")
    assert tail.read() == b"new\n"
    assert tail.take_notes() == [NOTHING_UNREAD]


def test_truncated_and_grown_past_the_offset(log: Path) -> None:
    log.write_bytes(b"one\n" * 200)
    tail = Tail(log)
    tail.read()
    new = b"a new line\n" * 9000
    log.write_bytes(new)
    assert tail.read() == new
    assert tail.take_notes() == [NOTHING_UNREAD]


def test_rewritten_to_the_same_size(log: Path) -> None:
    log.write_bytes(b"one\ntwo\n")
    tail = Tail(log)
    tail.read()
    log.write_bytes(b"six\nten\n")
    assert tail.read() == b"six\nten\n"
    assert tail.take_notes() == [NOTHING_UNREAD]


def test_rewritten_in_the_same_tick_of_the_clock(log: Path) -> None:
    log.write_bytes(b"one\n")
    times = (log.stat().st_atime_ns, log.stat().st_mtime_ns)
    tail = Tail(log)
    tail.read()
    log.write_bytes(b"six\n")
    os.utime(log, ns=times)
    assert tail.read() == b"six\n"


def test_truncated_while_started_inside(log: Path) -> None:
    log.write_bytes(b"one\ntwo\n")
    tail = Tail(log, FromEnd(0))
    tail.read()
    log.write_bytes(b"three\nfour\n")
    assert tail.read() == b"three\nfour\n"


def test_rewritten_with_the_same_last_byte_after_small_reads(log: Path) -> None:
    tail = Tail(log)
    for byte in b"one\ntwo\n":
        append(log, bytes([byte]))
        tail.read()
    log.write_bytes(b"six\nten\nnew\n")
    assert tail.read() == b"six\nten\nnew\n"


def test_touched_but_unchanged_is_not_read_again(log: Path) -> None:
    log.write_bytes(b"one\n")
    tail = Tail(log)
    tail.read()
    os.utime(log, (1, 1))
    log.chmod(0o600)
    assert tail.read() == b""
    assert tail.take_notes() == []


# Absence


def test_missing_file_is_waited_for_and_read_from_its_beginning(log: Path) -> None:
    tail = Tail(log, FromEnd(0))
    assert tail.read() == b""
    assert tail.read() == b""
    assert tail.take_notes() == ["waiting for it to appear"]
    log.write_bytes(b"one\n")
    assert tail.read() == b"one\n"
    assert tail.take_notes() == ["appeared"]


def test_missing_directory_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "access.log"
    tail = Tail(path)
    tail.read()
    path.parent.mkdir(parents=True)
    tail.read()
    assert tail.take_notes() == ["waiting for it to appear"]
    path.write_bytes(b"one\n")
    assert tail.read() == b"one\n"
    path.unlink()
    path.parent.rmdir()
    path.parent.parent.rmdir()
    assert tail.read() == b""
    path.parent.mkdir(parents=True)
    path.write_bytes(b"two\n")
    assert tail.read() == b"two\n"
    assert tail.take_notes() == ["appeared", "waiting for it to appear", "rotated, 0 lines drained, 0 lost"]


def test_directory_in_its_place_is_waited_out(log: Path) -> None:
    log.mkdir()
    tail = Tail(log)
    tail.read()
    tail.read()
    assert tail.take_notes() == ["a directory, waiting for a regular file"]
    log.rmdir()
    log.write_bytes(b"one\n")
    assert tail.read() == b"one\n"
    assert tail.take_notes() == ["appeared"]


def test_fifo_at_the_first_look_is_refused(log: Path) -> None:
    os.mkfifo(log)
    with pytest.raises(NotRegularError, match=f"{log}: not a regular file"):
        Tail(log).read()


def test_fifo_that_comes_later_is_waited_out(log: Path) -> None:
    log.write_bytes(b"one\n")
    tail = Tail(log)
    tail.read()
    rotate(log)
    os.mkfifo(log)
    assert tail.read() == b""
    assert tail.take_notes() == ["not a regular file, waiting for a regular file"]


@pytest.fixture
def public_dir() -> Iterator[Path]:
    """A directory that an unprivileged user may search; those of tmp_path are for their owner alone."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody for a while, since root may read everything."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        os.setegid(65534)
        os.seteuid(65534)
    try:
        yield
    finally:
        if uid == 0:
            os.seteuid(uid)
            os.setegid(gid)


def test_permission_denied_names_who_may_and_is_retried(public_dir: Path) -> None:
    path = public_dir / "access.log"
    path.write_bytes(b"one\n")
    path.chmod(0o200)
    tail = Tail(path)
    with unprivileged():
        tail.read()
        tail.read()
    (note,) = tail.take_notes()
    assert note == f"permission denied (owner {path.owner()}, group {path.group()}, mode 0200)"
    path.chmod(0o644)
    with unprivileged():
        assert tail.read() == b"one\n"
    assert tail.take_notes() == ["readable now"]


def test_permission_lost_on_an_open_file_changes_nothing(public_dir: Path) -> None:
    path = public_dir / "access.log"
    path.write_bytes(b"one\n")
    path.chmod(0o644)
    tail = Tail(path)
    with unprivileged():
        assert tail.read() == b"one\n"
    path.chmod(0o200)
    append(path, b"two\n")
    with unprivileged():
        assert tail.read() == b"two\n"
    assert tail.take_notes() == []


def test_new_file_is_unreadable_for_a_moment(public_dir: Path) -> None:
    path = public_dir / "access.log"
    path.write_bytes(b"one\n")
    path.chmod(0o644)
    tail = Tail(path)
    with unprivileged():
        tail.read()
    old = rotate(path)
    path.touch(0o200)
    append(old, b"two\n")
    append(path, b"three\n")
    with unprivileged():
        assert tail.read() == b"two\n"
    path.chmod(0o644)
    with unprivileged():
        assert tail.read() == b"three\n"
    denied, ended = tail.take_notes()
    assert denied.startswith("permission denied")
    assert ended == "rotated, 0 lines drained, 0 lost"


def test_directory_that_may_not_be_searched_is_named(public_dir: Path) -> None:
    private = public_dir / "private"
    private.mkdir(0o600)
    tail = Tail(private / "access.log")
    with unprivileged():
        tail.read()
    (note,) = tail.take_notes()
    assert note.startswith(f"permission denied (directory {private}: owner ")


def test_read_error_is_said_once_and_tried_again(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write_bytes(b"one\n")
    tail = Tail(log)
    tail.read()
    append(log, b"two\n")

    def fail(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fail)
        assert tail.read() == b""
        assert tail.read() == b""
    assert tail.take_notes() == ["Input/output error"]
    assert tail.read() == b"two\n"


# Long lines


@pytest.mark.parametrize("over", [0, 1, 2, BLOCK_BYTES, 5 * BLOCK_BYTES])
def test_line_longer_than_the_limit_is_cut_just_after_it(log: Path, over: int) -> None:
    log.write_bytes(b"before\n" + b"x" * (MAX_LINE_BYTES + over) + b"\nafter\n")
    tail = Tail(log)
    assert tail.read() == b"before\n" + b"x" * (MAX_LINE_BYTES + min(over, 1)) + b"\nafter\n"
    expected = [f"a line is longer than {MAX_LINE_BYTES} bytes, its rest is dropped"]
    assert tail.take_notes() == (expected if over else [])


def test_line_without_end_takes_bounded_memory(log: Path) -> None:
    with log.open("wb") as file:
        file.write(b"x")  # and a hole
        file.truncate(32 * MAX_LINE_BYTES)
        file.seek(0, os.SEEK_END)
        file.write(b"\nafter\n")
    tail = Tail(log)
    tracemalloc.start()
    try:
        out = tail.read()
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert out == b"x" + b"\0" * MAX_LINE_BYTES + b"\nafter\n"
    assert peak_bytes < 5 * MAX_LINE_BYTES


def test_long_line_without_newline_is_no_end_of_file(log: Path) -> None:
    log.write_bytes(b"x" * (2 * TURN_BYTES))
    look = Tail(log).follower.poll()
    assert look.block == b""
    assert look.more


# Any order of events

#: (action, how much): write to the newest or to an older file, poll, or rotate (and look once, so that
#: no file comes and goes unseen).
STEPS = st.lists(
    st.tuples(st.sampled_from(["new", "old", "poll", "rotate"]), st.integers(0, 30)), max_size=40
)


def stream(letter: bytes) -> bytes:
    """The text of one file: its letter once, twice, three times, ... so that each line tells its place."""
    return b"".join(letter * count + b"\n" for count in range(1, 60))


@given(steps=STEPS, block_bytes=st.sampled_from([1, 3, 16, BLOCK_BYTES]))
@settings(max_examples=100, deadline=None)
def test_any_order_of_events_gives_each_files_lines_in_order(
    steps: list[tuple[str, int]], block_bytes: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as name:
        patch.setattr(generation, "BLOCK_BYTES", block_bytes)
        patch.setattr(generation, "HEAD_BYTES", min(block_bytes, HEAD_BYTES))
        log = Path(name) / "access.log"
        tail = Tail(log)
        out = b""
        paths = [log]
        written = [0]
        log.touch()
        tail.read()
        for action, amount in steps:
            number = amount % len(paths) if action == "old" else len(paths) - 1
            if action == "poll":
                out += tail.follower.poll().block
            elif action == "rotate":
                paths[-1] = log.rename(f"{log}.{len(paths)}")
                paths.append(log)
                written.append(0)
                log.touch()
                out += tail.follower.poll().block
            else:
                text = stream(bytes([97 + number]))[written[number] :][:amount]
                append(paths[number], text)
                written[number] += len(text)
        out += tail.read() + tail.follower.finish().block
        tail.follower.close()

    lines = out.splitlines()
    assert out.endswith(b"\n") or not out
    for number, amount in enumerate(written):
        letter = bytes([97 + number])
        expected = stream(letter)[:amount].splitlines()
        assert [line for line in lines if line.startswith(letter)] == expected
    assert all(len(set(line)) == 1 for line in lines)
