"""Which file is whose: one file has one follower, under however many names it can be found.

A glob like ``access.log*`` matches a rotated file too, whose lines come from the name it had before.
"""

from __future__ import annotations

from w3ctools.core.rotation import Seen
from w3ctools.core.siblings import Content

#: Device and inode.
Key = tuple[int, int]
#: As many files that were closed are remembered with the place that was reached.
LEFT_FILES = 10_000


def key_of(seen: Seen) -> Key:
    """What a file is found by, while it is open somewhere."""
    return seen.dev, seen.ino


class Claims:
    """The open files of all followers, and where those were left that were closed."""

    def __init__(self) -> None:
        self._owners: dict[Key, object] = {}
        self._left: dict[Key, Content] = {}

    def owner(self, key: Key) -> object | None:
        """Who follows this file, if anyone does."""
        return self._owners.get(key)

    def take(self, key: Key, owner: object) -> Content | None:
        """Follow this file; return where it was left, if it was followed before under another name."""
        self._owners[key] = owner
        return self._left.pop(key, None)

    def leave(self, key: Key, content: Content) -> None:
        """Close a file whose name is gone."""
        self._owners.pop(key, None)
        self._left[key] = content
        if len(self._left) > LEFT_FILES:
            del self._left[next(iter(self._left))]

    def drop(self, key: Key) -> None:
        """Follow this file no more, as if it had never been followed."""
        self._owners.pop(key, None)
