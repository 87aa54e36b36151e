"""A log file that is rotated while it is written, in the ways of logrotate(8).

The names are those of ``dateext`` with ``dateformat -%Y%m%d-%s``. Nothing is overwritten or deleted.
"""

from __future__ import annotations

import errno
import os
from typing import Literal

from w3ctools.core.timestamp import rfc3339
from w3ctools.edge.streams import open_appended, open_input, write_all

#: ``create``: the file is renamed and a new one made. ``copytruncate``: it is copied and emptied.
Way = Literal["rename", "copytruncate"]

_COPY_BYTES = 1 << 20


def rotate(path: str, fd: int, way: Way, epoch_s: int) -> None:
    """Rotate the file at `path`, to which `fd` appends; afterwards `fd` appends to the empty file there.

    Raises OSError; FileExistsError if there is something of the name that the old file would get.
    """
    day = (rfc3339(epoch_s) or "").partition("T")[0].replace("-", "")
    old = f"{path}-{day}-{epoch_s}"
    if way == "copytruncate":
        _copy(path, old)
        os.ftruncate(fd, 0)
        return
    if os.path.lexists(old):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), old)
    os.rename(path, old)
    new_fd = open_appended(path)
    os.dup2(new_fd, fd, inheritable=False)
    os.close(new_fd)


def _copy(path: str, old: str) -> None:
    source = open_input(path)
    try:
        copy = os.open(old, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            while data := os.read(source, _COPY_BYTES):
                write_all(copy, data)
        finally:
            os.close(copy)
    finally:
        os.close(source)


def is_begun(fd: int) -> bool:
    """Whether there is something in the file already, so that it needs no header."""
    return os.fstat(fd).st_size > 0
