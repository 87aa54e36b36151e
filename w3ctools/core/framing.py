"""Bytes as they arrive -> whole lines.

Lines end with LF alone: other line separators are data, or a client could cut records in two. Memory
is bounded by one line of `max_line_bytes`.
"""

from __future__ import annotations

from typing import NamedTuple

#: The longest line of a log, its LF not counted, that is taken as a whole.
MAX_LINE_BYTES = 1 << 20


class Overlong(NamedTuple):
    """A line beyond the limit: its first bytes, and how long it was in all."""

    head: bytes
    size_bytes: int


class LineFramer:
    """Collects bytes into blocks of whole lines.

    A line of more than `max_line_bytes` (its LF not counted) is given as `Overlong` with its first
    `head_bytes`; the rest of it is counted and forgotten.
    """

    def __init__(self, max_line_bytes: int, head_bytes: int = 8192) -> None:
        self._max_line_bytes = max_line_bytes
        self._head_bytes = head_bytes
        #: The unfinished last line, in the pieces in which it came.
        self._pieces: list[bytes] = []
        self._pieces_bytes = 0
        #: Once the unfinished line is over the limit: what is kept of it.
        self._overlong_head: bytes | None = None

    def feed(self, data: bytes) -> list[bytes | Overlong]:
        """Whole lines in order: blocks, each ending with LF, and overlong lines."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._hold(data)
            return []
        if not self._pieces_bytes:
            items: list[bytes | Overlong] = self._check(data[:end])
        elif self._overlong_head is None and self._pieces_bytes + end <= self._max_line_bytes:
            items = [b"".join((*self._pieces, data[:end]))]
            self._release()
        else:
            first = data.index(b"\n") + 1
            self._hold(data[: first - 1])
            items = [*self._finish_line(), *self._check(data[first:end])]
        if end < len(data):
            self._hold(data[end:])
        return items

    def flush(self) -> list[bytes | Overlong]:
        """The end of the input: an unfinished last line counts as a line."""
        return self._finish_line() if self._pieces_bytes else []

    def _hold(self, data: bytes) -> None:
        self._pieces_bytes += len(data)
        if self._overlong_head is None:
            self._pieces.append(data)
            if self._pieces_bytes > self._max_line_bytes:
                self._overlong_head = b"".join(self._pieces)[: self._head_bytes]
                self._pieces = []

    def _finish_line(self) -> list[bytes | Overlong]:
        item: bytes | Overlong
        if self._overlong_head is not None:
            item = Overlong(self._overlong_head, self._pieces_bytes)
        else:
            item = b"".join((*self._pieces, b"\n"))
        self._release()
        return [item]

    def _release(self) -> None:
        self._pieces, self._pieces_bytes, self._overlong_head = [], 0, None

    def _check(self, block: bytes) -> list[bytes | Overlong]:
        """Split a block at its overlong lines; a block no longer than the limit holds none."""
        if len(block) <= self._max_line_bytes:
            return [block] if block else []
        items: list[bytes | Overlong] = []
        start = at = 0
        while at < len(block):
            end = block.index(b"\n", at)
            if end - at > self._max_line_bytes:
                if start < at:
                    items.append(block[start:at])
                items.append(Overlong(block[at:end][: self._head_bytes], end - at))
                start = end + 1
            at = end + 1
        if start < len(block):
            items.append(block[start:])
        return items
