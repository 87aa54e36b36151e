"""The state file: locked, replaced as a whole, and never lost, whatever fails in between."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import DEADLINE_S, unprivileged

from w3ctools.core.checkpoint import CODEC, Checkpoint, FollowedFile, Place, print_of
from w3ctools.edge.state import StateError, StateFile

OLD = Checkpoint(("old",), (), "2026-11-24T14:00:00Z")
PLACE = Place(1, 2, print_of(b"x"), print_of(b"y\n"), 1000, 2000, 3, ((1.5, 10),))
NEW = Checkpoint(("new",), (FollowedFile("new", (PLACE,) * 60),), "2026-11-24T14:00:01Z")

#: Before a program that is run apart: what it needs.
PRELUDE = """
import os, resource, signal, sys
from w3ctools.core.checkpoint import CODEC, Checkpoint
from w3ctools.core.errors import W3CError
from w3ctools.edge.state import StateFile
NEW = Checkpoint(("new",), (), "")
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def state(path: Path) -> Iterator[StateFile[Checkpoint]]:
    state = StateFile(str(path), CODEC)
    yield state
    state.close()


def _run(program: str, path: Path, *, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-c", PRELUDE + program, str(path)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def _start(path: Path) -> None:
    state = StateFile(str(path), CODEC)
    try:
        state.load()
    finally:
        state.close()


def _error(path: Path) -> str:
    """Why the state cannot be used, without the path that must begin it."""
    with pytest.raises(StateError) as caught:
        _start(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


# Saving and loading


def test_there_is_no_state_at_first(state: StateFile[Checkpoint]) -> None:
    assert state.load() is None


def test_what_was_saved_is_loaded(state: StateFile[Checkpoint]) -> None:
    assert state.save(OLD) is None
    assert state.save(NEW) is None
    assert state.load() == NEW


def test_saved_state_is_for_its_owner_alone(state: StateFile[Checkpoint], path: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        state.save(OLD)
    finally:
        os.umask(before)
    assert sorted(os.listdir(tmp_path)) == ["state", "state.lock"]
    assert {stat.S_IMODE(os.stat(it).st_mode) for it in (path, f"{path}.lock")} == {0o600}


def test_link_stays_and_what_it_links_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    path = tmp_path / "link"
    path.symlink_to("disk/state")
    state = StateFile(str(path), CODEC)
    state.save(OLD)
    state.save(NEW)
    state.close()
    assert path.is_symlink()
    assert (tmp_path / "disk" / "state").read_bytes() == CODEC.encode(NEW)
    assert sorted(os.listdir(tmp_path)) == ["disk", "link"]


def test_state_is_found_after_the_working_directory_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    state = StateFile("state", CODEC)
    monkeypatch.chdir("/")
    state.save(NEW)
    state.close()
    assert (tmp_path / "state").read_bytes() == CODEC.encode(NEW)


def test_path_that_is_no_utf8(tmp_path: Path) -> None:
    state = StateFile(os.fsdecode(os.fsencode(tmp_path) + b"/st\xe9te"), CODEC)
    assert state.save(NEW) is None
    assert state.load() == NEW
    state.close()


def test_write_that_takes_little_at_a_time(
    state: StateFile[Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data[:7])))
    assert state.save(NEW) is None
    assert state.load() == NEW


def test_everything_is_on_the_disk_before_it_has_the_name(
    state: StateFile[Checkpoint], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    sync, rename = os.fsync, os.rename

    def synced(fd: int) -> None:
        happened.append(f"fsync {os.readlink(f'/proc/self/fd/{fd}')}")
        sync(fd)

    def renamed(old: str, new: str) -> None:
        happened.append(f"rename {old} {new}")
        assert Path(old).read_bytes() == CODEC.encode(NEW)
        rename(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    state.save(NEW)
    assert happened == [f"fsync {path}.tmp", f"rename {path}.tmp {path}", f"fsync {path.parent}"]


# A state that cannot be used


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(CODEC.encode(NEW)[:-9], "is damaged: its checksum does not match", id="cut"),
        pytest.param(bytes(99), "is damaged: its checksum does not match", id="NULs"),
        pytest.param(b"w3c-tail state 2 x", "is of version 2, this w3c-tail reads 1", id="newer"),
    ],
)
def test_damaged_state_is_refused_and_left_alone(path: Path, data: bytes, reason: str) -> None:
    path.write_bytes(data)
    remedy = "remove it and say with -n where to start: 0 for the end, +1 for all"
    assert _error(path) == f"{reason}; {remedy}"
    assert path.read_bytes() == data


def test_nobody_is_told_to_remove_a_log(path: Path) -> None:
    path.write_bytes(b"198.18.0.1 - - [")
    assert _error(path) == "is no state of w3c-tail; name another file for it"


def test_directory_is_refused(path: Path) -> None:
    path.mkdir()
    assert _error(path) == "is a directory; name a file for the state"


def test_fifo_is_refused_without_waiting_for_its_writer(path: Path) -> None:
    os.mkfifo(path)
    assert _error(path) == "is not a regular file; name a file for the state"


def test_missing_folder_is_refused_at_the_start(path: Path) -> None:
    lock = f"{path}/state.lock"
    assert _error(path / "state") == f"cannot be locked: {lock}: No such file or directory"


def test_link_in_place_of_the_lock_is_not_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "state.lock").symlink_to("passwd")
    assert _error(path).startswith("cannot be locked: ")
    assert not (tmp_path / "passwd").exists()


def test_link_in_place_of_the_new_file_is_not_followed(
    state: StateFile[Checkpoint], path: Path, tmp_path: Path
) -> None:
    Path(f"{path}.tmp").symlink_to("passwd")
    assert state.save(NEW) is None
    assert path.read_bytes() == CODEC.encode(NEW)
    assert sorted(os.listdir(tmp_path)) == ["state", "state.lock"]


START = """
try:
    StateFile(sys.argv[1], CODEC).load()
except W3CError as error:
    print(error)
"""


def test_unreadable_state_is_refused(path: Path) -> None:
    path.write_bytes(CODEC.encode(OLD))
    path.chmod(0)
    run = _run(START, path, before=unprivileged())
    assert run.stdout.startswith(f"{path}: cannot be read: Permission denied (owner "), run
    assert run.stdout.endswith("mode 0000)\n")


@pytest.mark.parametrize("has_lock", [False, True], ids=["first start", "later start"])
def test_unwritable_folder_is_refused_at_the_start(tmp_path: Path, has_lock: bool) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    if has_lock:
        (folder / "state.lock").write_bytes(b"")
    folder.chmod(0o555)
    try:
        run = _run(START, folder / "state", before=unprivileged())
    finally:
        folder.chmod(0o755)
    what = "saved: " if has_lock else f"locked: {folder}/state.lock: "
    assert run.stdout.startswith(
        f"{folder}/state: cannot be {what}Permission denied (directory {folder}: "
    ), run


# The lock


def test_second_user_is_refused_while_the_first_lives(path: Path) -> None:
    program = PRELUDE + "state = StateFile(sys.argv[1], CODEC); print(flush=True); sys.stdin.read()"
    first = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with first:
        assert first.stdin
        assert first.stdout
        assert first.stdout.readline() == b"\n"
        assert _error(path) == f"in use by another w3c-tail (process {first.pid})"
        first.kill()
    StateFile(str(path), CODEC).close()


def test_second_name_of_a_state_is_refused(state: StateFile[Checkpoint], path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("state")
    assert _error(link) == f"in use by another w3c-tail (process {os.getpid()})"


def test_lock_without_a_process_is_told_without_it(state: StateFile[Checkpoint], path: Path) -> None:
    os.truncate(f"{path}.lock", 0)
    assert _error(path) == "in use by another w3c-tail"


def test_lock_is_given_back_and_its_file_stays(path: Path) -> None:
    state = StateFile(str(path), CODEC)
    state.close()
    state.close()
    StateFile(str(path), CODEC).close()
    assert os.path.exists(f"{path}.lock")


def test_refused_start_gives_the_lock_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", _failing(errno.EROFS))
        assert _error(path) == "cannot be saved: Read-only file system"
    StateFile(str(path), CODEC).close()


# Saving that fails


def _failing(number: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("function", ["write", "fsync", "rename"])
def test_full_disk_keeps_the_old_state_and_is_told_once(
    state: StateFile[Checkpoint], path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    state.save(OLD)
    with monkeypatch.context() as patch:
        patch.setattr(os, function, _failing(errno.ENOSPC))
        assert state.save(NEW) == f"{path}: cannot be saved: No space left on device, trying again"
        assert state.save(NEW) is None
        assert sorted(os.listdir(tmp_path)) == ["state", "state.lock"]
        assert state.load() == OLD
        patch.setattr(os, function, _failing(errno.EROFS))
        assert state.save(NEW) == f"{path}: cannot be saved: Read-only file system, trying again"
    assert state.save(NEW) == f"{path}: saved again"
    assert state.save(NEW) is None
    assert state.load() == NEW


def test_disk_that_fills_in_mid_write_keeps_the_old_state(
    state: StateFile[Checkpoint], tmp_path: Path
) -> None:
    state.save(OLD)
    state.close()
    program = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
state = StateFile(sys.argv[1], CODEC)
resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))
print(state.save(NEW))
print(state.load().names)
"""
    run = _run(program, tmp_path / "state")
    assert run.stdout.splitlines() == [
        f"{tmp_path}/state: cannot be saved: File too large, trying again",
        "('old',)",
    ], run
    assert sorted(os.listdir(tmp_path)) == ["state", "state.lock"]


def test_folder_that_cannot_be_synced_is_no_trouble(
    state: StateFile[Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def synced(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            _failing(errno.EINVAL)()
        sync(fd)

    monkeypatch.setattr(os, "fsync", synced)
    assert state.save(NEW) is None


def test_folder_that_goes_away_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    state = StateFile(f"{folder}/state", CODEC)
    folder.rename(tmp_path / "moved")
    assert state.save(NEW) == f"{folder}/state: cannot be saved: No such file or directory, trying again"
    state.close()


@pytest.mark.parametrize("function", ["fsync", "rename"])
def test_kill_before_the_rename_leaves_the_old_state(
    state: StateFile[Checkpoint], path: Path, function: str
) -> None:
    state.save(OLD)
    state.close()
    program = f"""
state = StateFile(sys.argv[1], CODEC)
os.{function} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
state.save(NEW)
"""
    assert _run(program, path).returncode == -signal.SIGKILL
    assert os.path.exists(f"{path}.tmp")
    later = StateFile(str(path), CODEC)
    assert later.load() == OLD
    assert later.save(NEW) is None
    assert later.load() == NEW
    later.close()
    assert not os.path.exists(f"{path}.tmp")


def test_no_descriptor_is_left_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.listdir("/proc/self/fd")
    state = StateFile(str(path), CODEC)
    state.save(NEW)
    state.load()
    assert _error(path).startswith("in use")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", _failing(errno.ENOSPC))
        state.save(NEW)
    state.close()
    assert os.listdir("/proc/self/fd") == before
