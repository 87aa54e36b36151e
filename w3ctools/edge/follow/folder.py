"""The folders that logs stand in: which files are beside a log and named as its rotated generations are.

A folder is listed only when its time stamp says that a name came or went, so that an idle log costs one
stat of its folder a look.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable

#: Before Linux 6.13 time stamps advance by the timer tick, 10 ms at most: two changes within one show as one.
TICK_S = 0.05


class Folder:
    """The names in one folder, shared by all logs that stand in it."""

    def __init__(self, path: str, monotonic: Callable[[], float]) -> None:
        self.path = path
        self._monotonic = monotonic
        self._mtime_ns = -1
        self._moved_s: float | None = 0.0
        self._names: list[str] = []
        #: Moves on with every listing.
        self.version = 0

    @property
    def mtime_ns(self) -> int:
        """When a name came or went last, by the file system's clock."""
        return self._mtime_ns

    @property
    def is_there(self) -> bool:
        """Whether it exists, and may be looked at."""
        return self._mtime_ns >= 0

    @property
    def is_settled(self) -> bool:
        """Whether the last listing is sure to have every name: none came, went or moved while it was made."""
        return self._moved_s is None

    def look(self) -> int:
        """List the folder if it has changed and return `version`. A folder that cannot be listed is empty."""
        try:
            mtime_ns = os.stat(self.path).st_mtime_ns
        except OSError:
            mtime_ns = -1
        if mtime_ns != self._mtime_ns:
            self._mtime_ns, self._moved_s = mtime_ns, self._monotonic()
            self._list()
        elif self._moved_s is not None:
            if self._monotonic() - self._moved_s > TICK_S:
                self._moved_s = None
            self._list()
        return self.version

    def starting_with(self, prefix: str) -> list[str]:
        """The names that begin with ``prefix``, as they were listed last."""
        first = bisect_left(self._names, prefix)
        last = first
        while last < len(self._names) and self._names[last].startswith(prefix):
            last += 1
        return self._names[first:last]

    def _list(self) -> None:
        try:
            self._names = sorted(os.listdir(self.path))
        except OSError:
            self._names = []
        self.version += 1


class Folders:
    """Every folder once."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._folders: dict[str, Folder] = {}

    def of(self, path: str) -> Folder:
        """The folder at ``path``."""
        return self._folders.setdefault(path, Folder(path, self._monotonic))
