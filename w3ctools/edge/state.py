"""The state file: where w3c-tail is, kept from one run to the next.

A save writes all of it to a file beside it, has that on the disk, and renames it: whenever the machine
stops, the old state or the new one is there, whole. Two processes cannot use one state: each would undo what
the other has saved, so one holds a lock as long as it lives.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress

from w3ctools.core.checkpoint import Checkpoint, CheckpointError, ForeignError, decode, encode
from w3ctools.core.errors import W3CError
from w3ctools.edge.permissions import why_unreadable

#: A state of thousands of files has a few MiB. What is larger is somebody's log.
MAX_STATE_BYTES = 64 << 20
READ_BYTES = 1 << 20

_REMEDY = "remove it and say with -n where to start: 0 for the end, +1 for all"


class StateError(W3CError):
    """A state file that cannot be used."""


class StateFile:
    """The state at ``path``, or where that links to.

    Raises StateError if another process uses it, or if it could not be saved. Beside it stand PATH.lock,
    which stays, and for the time of a save PATH.tmp. All three are for their owner alone.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        #: A rename onto a link would replace the link, not what it links to.
        self._target = os.path.realpath(path)
        self._tmp = f"{self._target}.tmp"
        #: The last error of saving, to say it once.
        self._trouble = ""
        self._lock_fd = self._lock()
        try:
            # The one test of permissions that is true for every user and file system.
            os.close(self._open_tmp())
            os.unlink(self._tmp)
        except OSError as error:
            self.close()
            raise StateError(f"{path}: {self._why_no_save(error)}") from None

    def load(self) -> Checkpoint | None:
        """Return what was saved last, None if nothing ever was. Raises StateError."""
        try:
            data = self._read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"{self._path}: cannot be read: {why_unreadable(self._path, error)}") from None
        try:
            return decode(data)
        except ForeignError as error:
            raise StateError(f"{self._path}: {error}; name another file for it") from None
        except CheckpointError as error:
            raise StateError(f"{self._path}: {error}; {_REMEDY}") from None

    def save(self, checkpoint: Checkpoint) -> str | None:
        """Replace what was saved before.

        Gives what to tell the user, once, when saving has begun to fail or works again; else None. While it
        fails, what was saved before stays as it is.
        """
        try:
            self._replace(encode(checkpoint))
        except OSError as error:
            trouble = self._why_no_save(error)
            said, self._trouble = self._trouble, trouble
            return None if trouble == said else f"{self._path}: {trouble}, trying again"
        said, self._trouble = self._trouble, ""
        return f"{self._path}: saved again" if said else None

    def close(self) -> None:
        """Give the lock back; a second call does nothing."""
        # Its file stays: were it removed, one process could lock the removed file and another a new one.
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def _lock(self) -> int:
        lock = f"{self._target}.lock"
        try:
            fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StateError(
                f"{self._path}: cannot be locked: {lock}: {why_unreadable(lock, error)}"
            ) from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 20, 0).strip()
            os.close(fd)
            process = f" (process {holder.decode()})" if holder.isdigit() else ""
            raise StateError(f"{self._path}: in use by another w3c-tail{process}") from None
        except OSError as error:
            os.close(fd)
            raise StateError(f"{self._path}: cannot be locked: {lock}: {error.strerror}") from None
        with suppress(OSError):  # for people alone
            os.ftruncate(fd, 0)
            os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        return fd

    def _read(self) -> bytes:
        # open(2): without O_NONBLOCK the open of a FIFO waits for its writer.
        fd = os.open(self._target, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            mode = os.fstat(fd).st_mode
            if not stat.S_ISREG(mode):
                kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
                raise StateError(f"{self._path}: is {kind}; name a file for the state")
            data = bytearray()
            while len(data) <= MAX_STATE_BYTES and (block := os.read(fd, READ_BYTES)):
                data += block
            return bytes(data)
        finally:
            os.close(fd)

    def _open_tmp(self) -> int:
        # What a killed process has left is no use, and O_EXCL follows no link that somebody has laid there.
        with suppress(FileNotFoundError):
            os.unlink(self._tmp)
        return os.open(self._tmp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def _replace(self, data: bytes) -> None:
        fd = self._open_tmp()
        try:
            try:
                _write_all(fd, data)
                # Without it the name can be on the disk before the data: a file of NULs after a crash.
                os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(self._tmp, self._target)
        except OSError:
            with suppress(OSError):
                os.unlink(self._tmp)
            raise
        _sync_folder(os.path.dirname(self._target))

    def _why_no_save(self, error: OSError) -> str:
        return f"cannot be saved: {why_unreadable(os.path.dirname(self._target), error)}"


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _sync_folder(path: str) -> None:
    """Have the new name on the disk, where the file system knows how to."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # fsync(2): no synchronization there
            raise
    finally:
        os.close(fd)
