"""What is read of a followed file: bytes at an offset, from the file itself or from inside a compressed one.

Rotators compress what they have put aside, at times before all of it was read. A compressed file is read
forwards only, so `Contents.read` is asked for ascending offsets; it may go back to where the read before
began, no further.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Protocol

from w3ctools.core.rotation import Seen
from w3ctools.edge.compressed import OpenFile, decompressed, is_compressed
from w3ctools.edge.streams import READ_BYTES

#: How much one read asks for.
BLOCK_BYTES = 128 * 1024


class Contents(Protocol):
    """An open file. OSErrors come out of every method but `close`."""

    def seen(self) -> Seen:
        """What the decision table wants to know."""

    def read(self, size_bytes: int, offset_bytes: int) -> bytes:
        """As pread(2), but shorter only at the end."""

    def next_data(self, offset_bytes: int) -> int | None:
        """Where the first byte at or after the offset is that was written; None if none was."""

    def close(self) -> None:
        """Release it; a second call does nothing."""


def seen_of(result: os.stat_result) -> Seen:
    """Return what the decision table wants to know of a ``stat``."""
    return Seen(result.st_dev, result.st_ino, result.st_size, result.st_mtime_ns, result.st_ctime_ns)


class FileContents:
    """A file's own bytes. It owns ``fd``."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def seen(self) -> Seen:
        """What fstat says."""
        return seen_of(os.fstat(self._fd))

    def read(self, size_bytes: int, offset_bytes: int) -> bytes:
        """One pread: shorter only at the end of a regular file."""
        return os.pread(self._fd, size_bytes, offset_bytes)

    def next_data(self, offset_bytes: int) -> int | None:
        """Holes, and space that was reserved but not written, are no data (lseek(2), SEEK_DATA)."""
        try:
            return os.lseek(self._fd, offset_bytes, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return None
            if error.errno == errno.EINVAL:  # a file system that cannot tell
                return offset_bytes
            raise

    def is_removed(self) -> bool:
        """Whether it has no name left."""
        return os.fstat(self._fd).st_nlink == 0

    def is_compressed(self) -> bool:
        """Whether it is compressed, by its first bytes."""
        return is_compressed(self._fd)

    def expanded(self, path: str) -> CompressedContents:
        """What the compressed file expands to, from its beginning. Raises CannotDecompress, OSError."""
        os.lseek(self._fd, 0, os.SEEK_SET)
        fd = os.dup(self._fd)
        try:
            opened = decompressed(fd, path)
        except BaseException:
            os.close(fd)
            raise
        return CompressedContents(opened, self.seen(), os.dup(self._fd))

    def close(self) -> None:
        """Close the descriptor."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class CompressedContents:
    """What a compressed file expands to. It keeps what was read last, and what was expanded beyond it."""

    def __init__(self, opened: OpenFile, seen: Seen, fd: int) -> None:
        self._opened: OpenFile | None = opened
        #: Kept open, so that no other file gets its number.
        self._fd = fd
        self._seen = seen
        self._window = bytearray()
        self._window_offset = 0
        self._ended = False

    def seen(self) -> Seen:
        """As if it had one byte more than is known of it, until its end was reached."""
        size_bytes = self._window_offset + len(self._window) + (0 if self._ended else 1)
        return self._seen._replace(size_bytes=size_bytes)

    def read(self, size_bytes: int, offset_bytes: int) -> bytes:
        """Expand as far as is asked for."""
        end = offset_bytes + size_bytes
        while self._opened and not self._ended and self._window_offset + len(self._window) < end:
            data = os.read(self._opened.fd, READ_BYTES)
            self._ended = not data
            self._window += data
            self._forget_before(offset_bytes)
        self._forget_before(offset_bytes)
        return bytes(self._window[:size_bytes])

    def next_data(self, offset_bytes: int) -> int | None:
        """What was compressed is data."""
        return offset_bytes

    def is_whole(self) -> bool:
        """Expand the rest of it, and say whether it ends as it should. Nothing can be read afterwards."""
        while self.read(BLOCK_BYTES, self._window_offset + len(self._window)):
            pass
        return self._opened is not None and self._opened.problem is None

    def close(self) -> None:
        """End the decompression."""
        if self._opened:
            self._opened.close()
            self._opened = None
            os.close(self._fd)

    def _forget_before(self, offset_bytes: int) -> None:
        surplus = min(offset_bytes - self._window_offset, len(self._window))
        if surplus > 0:
            del self._window[:surplus]
            self._window_offset += surplus


def open_file(path: str) -> FileContents | None:
    """Open a regular file; None if it is something else. Raises OSError."""
    # open(2): without O_NONBLOCK the open of a FIFO waits for its writer. Reads of regular files are the
    # same with it, and nobody else has this descriptor.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return FileContents(fd)
    except OSError:
        os.close(fd)
        raise
    os.close(fd)
    return None
