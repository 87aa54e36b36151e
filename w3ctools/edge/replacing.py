"""Files replaced in one step: whenever the machine stops, the old one or the new one is there, whole."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from w3ctools.edge.streams import write_all


def replace_file(path: str, data: bytes, mode: int) -> None:
    """Write all of it to PATH.tmp, have that on the disk, and rename it.

    Raises OSError; then PATH is as it was. A rename onto a link replaces the link, not what it links to.
    """
    with replacing(path, mode) as fd:
        write_all(fd, data)


@contextmanager
def replacing(path: str, mode: int) -> Iterator[int]:
    """The same for what is written in pieces, to this descriptor; after an exception PATH is as it was."""
    beside = f"{path}.tmp"
    fd = open_beside(path, mode)
    try:
        try:
            yield fd
            # Without it the name can be on the disk before the data: a file of NULs after a crash.
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    _sync_folder(os.path.dirname(path) or ".")


def open_beside(path: str, mode: int) -> int:
    """Open a new PATH.tmp. Raises OSError."""
    # What a killed process has left is no use, and O_EXCL follows no link that somebody has laid there.
    with suppress(FileNotFoundError):
        os.unlink(f"{path}.tmp")
    return os.open(f"{path}.tmp", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)


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
