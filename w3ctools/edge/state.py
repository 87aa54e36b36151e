"""A state file: what a command knows, kept from one run to the next.

A save replaces it in one step. Two processes cannot use one state: each would undo what
the other has saved, so one holds a lock as long as it lives.
"""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from typing import Generic, TypeVar

from w3ctools.core.errors import W3CError
from w3ctools.core.sealed import Codec, ForeignError, SealError
from w3ctools.edge.permissions import why_unreadable
from w3ctools.edge.replacing import open_beside, replace_file

#: A state of thousands of files has a few MiB; of rules whose keys an attacker has invented, hundreds.
MAX_STATE_BYTES = 1 << 30
READ_BYTES = 1 << 20
#: For their owner alone.
_MODE = 0o600

T = TypeVar("T")


class StateError(W3CError):
    """A state file that cannot be used."""


class StateFile(Generic[T]):
    """The state at ``path``, or where that links to.

    Raises StateError if another process uses it, or if it could not be saved. Beside it stand PATH.lock,
    which stays, and for the time of a save PATH.tmp. All three are for their owner alone.
    """

    def __init__(self, path: str, codec: Codec[T]) -> None:
        self._path = path
        self._codec = codec
        #: A rename onto a link would replace the link, not what it links to.
        self._target = os.path.realpath(path)
        #: The last error of saving, to say it once.
        self._trouble = ""
        self._lock_fd = self._lock()
        try:
            # The one test of permissions that is true for every user and file system.
            os.close(open_beside(self._target, _MODE))
            os.unlink(f"{self._target}.tmp")
        except OSError as error:
            self.close()
            raise StateError(f"{path}: {self._why_no_save(error)}") from None

    def load(self) -> T | None:
        """Return what was saved last, None if nothing ever was. Raises StateError."""
        try:
            data = self._read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"{self._path}: cannot be read: {why_unreadable(self._path, error)}") from None
        try:
            return self._codec.decode(data)
        except ForeignError as error:
            raise StateError(f"{self._path}: {error}; name another file for it") from None
        except SealError as error:
            raise StateError(f"{self._path}: {error}; {self._codec.remedy}") from None

    def save(self, state: T) -> str | None:
        """Replace what was saved before.

        Gives what to tell the user, once, when saving has begun to fail or works again; else None. While it
        fails, what was saved before stays as it is.
        """
        try:
            replace_file(self._target, self._codec.encode(state), _MODE)
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
            fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
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
            raise StateError(f"{self._path}: in use by another {self._codec.program}{process}") from None
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
            beginning = os.read(fd, READ_BYTES)
            data = bytearray(beginning)
            if self._codec.claims(beginning):  # else it is somebody's log, however long
                while len(data) <= MAX_STATE_BYTES and (block := os.read(fd, READ_BYTES)):
                    data += block
            return bytes(data)
        finally:
            os.close(fd)

    def _why_no_save(self, error: OSError) -> str:
        return f"cannot be saved: {why_unreadable(os.path.dirname(self._target), error)}"
