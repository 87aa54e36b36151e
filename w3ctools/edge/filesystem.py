"""Which file systems tell a file's size as it is: those of this machine's own disks and memory.

A network's client may report an old size, and an overlay's lower file can be replaced under an open
descriptor; of what is not known, neither is known.
"""

from __future__ import annotations

import os
from functools import lru_cache

_LOCAL = {
    "bcachefs",
    "btrfs",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "jfs",
    "ramfs",
    "reiserfs",
    "tmpfs",
    "xfs",
    "zfs",
}


@lru_cache(maxsize=64)
def is_local(device: int) -> bool:
    """Whether the file system of a ``st_dev`` is known to be local; see proc_pid_mountinfo(5)."""
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as lines:
            kinds = {_kind(line) for line in lines if line.split()[2] == number}
    except OSError:
        return False
    return bool(kinds) and kinds <= _LOCAL


def _kind(line: str) -> str:
    return line.partition(" - ")[2].split()[0]
