"""A file in byte ranges that are read apart from each other: every line belongs to exactly one of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Range(NamedTuple):
    """Those lines of a file that begin in the bytes ``[begin, end)``."""

    path: str
    begin: int
    #: None: the whole file, however it must be read.
    end: int | None


def ranges(path: str, size_bytes: int, split_bytes: int) -> list[Range]:
    """A file of lines in ranges of at most so many bytes; a file that is no longer is read whole.

    >>> [(begin, end) for _, begin, end in ranges("a.log", 25, 10)]
    [(0, 10), (10, 20), (20, 25)]
    """
    if size_bytes <= split_bytes:
        return [whole(path)]
    begins = range(0, size_bytes, split_bytes)
    return [Range(path, begin, min(begin + split_bytes, size_bytes)) for begin in begins]


def whole(path: str) -> Range:
    """All of a file."""
    return Range(path, 0, None)


def bundles(costs: Iterable[tuple[Range, int]], most_bytes: int) -> list[list[Range]]:
    """Ranges with what each costs, in order, put together as long as they cost no more than that.

    >>> [len(bundle) for bundle in bundles([(whole("a"), 3), (whole("b"), 3), (whole("c"), 9)], 6)]
    [2, 1]
    """
    found: list[list[Range]] = []
    room_bytes = 0
    for one, cost in costs:
        if not found or cost > room_bytes:
            found.append([])
            room_bytes = most_bytes
        found[-1].append(one)
        room_bytes -= cost
    return found


class OwnLines:
    """Feed it a file's bytes from `read_from` on; it gives the lines that begin in ``[begin, end)``.

    The line that is under way at `begin` belongs to the range before, so the one at `end` is read to its LF.
    """

    def __init__(self, begin: int, end: int) -> None:
        #: A line begins at `begin` if the byte before it is an LF.
        self.read_from = max(0, begin - 1)
        self.is_done = begin >= end
        self._end = end
        self._at = self.read_from
        self._is_inside = begin == 0

    def feed(self, data: bytes) -> bytes:
        """What of it belongs to the range."""
        begin = 0
        if not self._is_inside and not self.is_done:
            begin = data.find(b"\n") + 1
            self._is_inside = begin > 0
            self.is_done = self._at + (begin or len(data)) >= self._end
        if self.is_done or not self._is_inside:
            self._at += len(data)
            return b""
        # The last byte of the range may itself be the LF that ends its last line.
        last = data.find(b"\n", max(begin, self._end - 1 - self._at))
        self.is_done = last >= 0 and self._at + last >= self._end - 1
        self._at += len(data)
        return data[begin : last + 1 if self.is_done else None]
