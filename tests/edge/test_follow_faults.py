"""The follower where the system tells lies or fails: old sizes, short reads, files that a network forgot."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from stepped import Tail

from w3ctools.core.rotation import Decision, Seen
from w3ctools.edge.follow import beside, contents, follower
from w3ctools.edge.follow.follower import SHORT_WAIT_S
from w3ctools.edge.follow.generation import Generation

pytestmark = pytest.mark.usefixtures("local_file_system")

#: Looks while something is wrong, and the time between them: less than a second in all.
FAULTY_LOOKS, LOOK_S = 3, 0.05


class Patient(Tail):
    """A follower that is looked at again while something is wrong."""

    def read_later(self, looks: int = FAULTY_LOOKS, look_s: float = LOOK_S) -> bytes:
        """Read again so many times, each a moment later."""
        blocks = []
        for _ in range(looks):
            self.now_s += look_s
            blocks.append(self.read())
        return b"".join(blocks)


@pytest.fixture
def tail(log: Path) -> Iterator[Patient]:
    """Follows the log on a file system of this machine."""
    tail = Patient(log)
    yield tail
    tail.follower.close()


@pytest.fixture
def remote_tail(tail: Patient, monkeypatch: pytest.MonkeyPatch) -> Patient:
    """Follows the log on a network."""
    monkeypatch.setattr(follower, "is_local", lambda device: False)
    return tail


def append(path: Path, data: bytes) -> None:
    with path.open("ab", buffering=0) as file:
        file.write(data)


def report_size(patch: pytest.MonkeyPatch, size_bytes: int) -> None:
    """Let every file be said to have this size."""
    real = contents.seen_of

    def seen_of(result: os.stat_result) -> Seen:
        return real(result)._replace(size_bytes=size_bytes)

    for module in (contents, follower, beside):
        patch.setattr(module, "seen_of", seen_of)


def end_reads_at(patch: pytest.MonkeyPatch, end: int) -> None:
    """Let every file end there for those who read it."""
    real = os.pread
    patch.setattr(os, "pread", lambda fd, size, offset: real(fd, max(0, min(size, end - offset)), offset))


def fail_reads(patch: pytest.MonkeyPatch, number: int, *, of: str, times: int = 1_000_000) -> None:
    """Let reads of the file with this name fail, so many times."""
    real = os.pread
    left = times

    def pread(fd: int, size: int, offset: int) -> bytes:
        nonlocal left
        if left and os.readlink(f"/proc/self/fd/{fd}").endswith(f"/{of}"):
            left -= 1
            raise OSError(number, os.strerror(number))
        return real(fd, size, offset)

    patch.setattr(os, "pread", pread)


def forget_open_file(patch: pytest.MonkeyPatch, number: int, path: Path) -> None:
    """Let the descriptors that the file has now be of no use any more; it can be opened again."""
    useless = {fd for fd in map(int, os.listdir("/proc/self/fd")) if is_open_as(fd, path)}
    assert useless
    real_pread, real_close = os.pread, os.close

    def pread(fd: int, size: int, offset: int) -> bytes:
        if fd in useless:
            raise OSError(number, os.strerror(number))
        return real_pread(fd, size, offset)

    def close(fd: int) -> None:
        useless.discard(fd)
        real_close(fd)

    patch.setattr(os, "pread", pread)
    patch.setattr(os, "close", close)


def is_open_as(fd: int, path: Path) -> bool:
    """Whether the descriptor is of that file."""
    with suppress(FileNotFoundError):  # the descriptor with which they were listed
        return os.readlink(f"/proc/self/fd/{fd}") == str(path)
    return False


# Old sizes


def test_old_size_repeats_no_line(log: Path, tail: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    append(log, b"one\n")
    tail.read()
    append(log, b"two\n")
    assert tail.read() == b"two\n"
    with monkeypatch.context() as patch:
        report_size(patch, 4)
        assert tail.read_later() == b""
    append(log, b"three\n")
    assert tail.read() == b"three\n"
    assert tail.notes == []


def test_old_size_hides_no_line_for_good(log: Path, tail: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    append(log, b"one\n")
    tail.read()
    append(log, b"two\n")
    out = b""
    with monkeypatch.context() as patch:
        report_size(patch, 4)
        out += tail.read_later()
    assert out + tail.read_later() == b"two\n"


def test_network_that_shows_an_old_state_repeats_no_line(
    log: Path, remote_tail: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    tail = remote_tail
    append(log, b"one\ntwo\n")
    tail.read()
    with monkeypatch.context() as patch:
        report_size(patch, 4)
        end_reads_at(patch, 4)
        assert tail.read_later() == b""
    append(log, b"three\n")
    assert tail.read() == b"three\n"
    assert tail.notes == []


def test_network_that_shows_old_states_now_and_then_is_never_believed(
    log: Path, remote_tail: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second begins with the first short look after a whole one."""
    tail = remote_tail
    append(log, b"one\ntwo\n")
    tail.read()
    for _ in range(3):
        with monkeypatch.context() as patch:
            report_size(patch, 4)
            end_reads_at(patch, 4)
            assert tail.read_later(2, SHORT_WAIT_S / 2 - 0.01) == b""
        assert tail.read_later() == b""
    assert tail.notes == []


def test_truncation_on_a_network_is_believed_after_a_second(log: Path, remote_tail: Patient) -> None:
    tail = remote_tail
    append(log, b"one\ntwo\n")
    tail.read()
    os.truncate(log, 4)
    assert tail.read() == b""
    tail.now_s += SHORT_WAIT_S - 0.01
    assert tail.read() == b""
    assert tail.notes == []
    tail.now_s += 0.01
    assert tail.read() == b"one\n"
    assert tail.notes == ["truncated, no unread bytes were seen in it"]


@pytest.mark.parametrize("new", [b"new\n", b"new and longer\n"])
def test_another_content_on_a_network_is_believed_at_once(
    log: Path, remote_tail: Patient, new: bytes
) -> None:
    tail = remote_tail
    append(log, b"one\ntwo\n")
    tail.read()
    log.write_bytes(new)
    assert tail.read() == new


# Reads that fail


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO])
def test_file_that_cannot_be_read_any_more_is_opened_again(
    log: Path, tail: Patient, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    append(log, b"one\ntw")
    tail.read()
    append(log, b"o\nthree\n")
    with monkeypatch.context() as patch:
        forget_open_file(patch, number, log)
        assert tail.read_later() == b"two\nthree\n"
    assert tail.notes == [os.strerror(number)]


def test_rotated_file_that_a_network_forgot_is_opened_again_by_its_new_name(
    log: Path, tail: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, b"one\n")
    tail.read()
    append(log, b"two\n")
    old = log.rename(f"{log}.1")
    append(log, b"three\n")
    with monkeypatch.context() as patch:
        forget_open_file(patch, errno.ESTALE, old)
        out = tail.read_later()
    assert sorted(out.splitlines()) == [b"three", b"two"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_file_beside_it_that_cannot_be_read_stops_nothing(
    log: Path, tail: Patient, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    append(log, b"one\n")
    out = tail.read() if when == "after" else b""
    fail_reads(monkeypatch, errno.EIO, of="access.log.1")
    Path(f"{log}.1").write_bytes(b"broken\n")
    out += tail.read()
    append(log, b"two\n")
    assert out + tail.read_later() == b"one\ntwo\n"


def test_file_beside_it_that_cannot_be_read_is_not_opened_for_ever(
    log: Path, tail: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, b"one\n")
    tail.read()
    fail_reads(monkeypatch, errno.EIO, of="access.log.1")
    Path(f"{log}.1").write_bytes(b"broken\n")
    for number in range(5):
        (log.parent / f"access.log-other-{number}.tmp").touch()
        tail.read_later()
    assert not any(is_open_as(int(fd), Path(f"{log}.1")) for fd in os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("name", ["access.log", "access.log.1", "access.log.2"])
def test_generation_that_was_missed_is_read_though_a_read_fails_when_it_is_found(
    log: Path, tail: Patient, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    append(log, b"one\n")
    tail.read()
    append(log, b"two\n")
    log.rename(f"{log}.2")
    Path(f"{log}.1").write_bytes(b"missed\n")
    log.write_bytes(b"three\n")
    out = b""
    with monkeypatch.context() as patch:
        fail_reads(patch, errno.ESTALE, of=name, times=1)
        out += tail.read()
    out += tail.read_later()
    assert sorted(out.splitlines()) == [b"missed", b"three", b"two"]


def test_log_that_cannot_be_read_when_something_is_found_beside_it_stops_nothing(
    log: Path, tail: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, b"one\n")
    tail.read()
    append(log, b"two\n")
    Path(f"{log}.1").write_bytes(b"missed\n")

    def fail(_: Generation) -> Decision:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(Generation, "check", fail)
        out = tail.read()
    out += tail.read_later()
    assert out == b"missed\ntwo\n"
