"""One open file of those a followed name has meant: its descriptor, offset, guard and unfinished line.

In: what a look at the file said. Out: the whole lines that are new. It never waits and knows nothing of
names. It holds one block while it reads, and one unfinished line of at most `MAX_LINE_BYTES`.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from w3ctools.core.rotation import (
    FIELDS,
    GUARD_BYTES,
    Decision,
    Known,
    Seen,
    after_lines,
    after_newline_from_end,
    decide,
    directives_around,
    last_fields,
    same_file,
    same_times,
)

#: How much one read asks for.
BLOCK_BYTES = 64 * 1024

#: The longest line that is passed on whole, without its LF. Of a longer one the first MAX_LINE_BYTES + 1
#: bytes are passed on, so that who comes next sees that it is too long.
MAX_LINE_BYTES = 1024 * 1024

#: The longest W3C header that is repeated, on either side of its #Fields line.
MAX_HEADER_BYTES = 64 * 1024


class FromEnd(NamedTuple):
    """Start with the last ``lines`` whole lines; an unfinished one comes when it is whole."""

    lines: int = 0


class FromLine(NamedTuple):
    """Start with line ``line``, 1 being the first; after the last whole line if there are fewer."""

    line: int = 1


Start = FromEnd | FromLine


def seen_of(stat: os.stat_result) -> Seen:
    """Return what the decision table wants to know of a ``stat``."""
    return Seen(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


class Generation:
    """A file held open, read from ``start`` on (from its beginning where that is None) as it grows.

    It owns ``fd``. OSErrors of reading the file come out of the constructor and of `step`; a `step` that
    raised may be tried again.
    """

    def __init__(self, fd: int, start: Start | None = None) -> None:
        seen = seen_of(os.fstat(fd))
        offset = 0 if start is None else find_place(fd, seen.size_bytes, start)
        self._fd = fd
        #: For the decision table; replaced after every read.
        self.known = Known(seen.dev, seen.ino, offset, seen.mtime_ns, seen.ctime_ns, settled=False)
        #: The bytes of the file that stand right before the offset, at most GUARD_BYTES of them.
        self._guard = os.pread(fd, min(offset, GUARD_BYTES), max(0, offset - GUARD_BYTES))
        #: The W3C header that goes before the first line, once.
        self._header = find_header(fd, offset)
        #: What was read after the last LF; at most MAX_LINE_BYTES + 1.
        self._partial = bytearray()
        #: The last read filled its block: there is more to read at once.
        self.more = False
        #: The last step found new bytes, be it only a piece of a line.
        self.grew = False
        #: When it was last seen to grow, by the follower's clock; None while the name means this file.
        self.quiet_since_s: float | None = None
        #: Diagnostics, without the name. The follower takes them out.
        self.notes: list[str] = []

    def is_file(self, seen: Seen | None) -> bool:
        """Whether ``seen`` is this very file."""
        return seen is not None and same_file(self.known, seen)

    def step(self, seen: Seen | None) -> bytes:
        """Read at most one block and return its whole lines; b"" when none was finished.

        ``seen`` is what a stat of the name said; the descriptor is asked where that was another file. At the
        end of the file, and only then, `more` is false.
        """
        if seen is None or not same_file(self.known, seen):
            seen = seen_of(os.fstat(self._fd))
        self.grew = False
        decision = decide(self.known, seen)
        if decision is Decision.IDLE:
            return b""
        if decision is Decision.TRUNCATED:
            self._restart()
        data = self._read()
        if not data.startswith(self._guard):
            self._restart()
            data = self._read()
        return self._advance(data, seen)

    def finish(self) -> bytes:
        """Return the unfinished last line with a LF added and forget it; b"" when there is none."""
        if not self._partial:
            return b""
        line = self._header + bytes(self._partial) + b"\n"
        self._header = b""
        self._partial.clear()
        return line

    def close(self) -> None:
        """Close the descriptor; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read(self) -> bytes:
        # Guard and new bytes come from one pread: a file rewritten between two could show the old guard
        # and the new bytes.
        guard_bytes = len(self._guard)
        return os.pread(self._fd, guard_bytes + BLOCK_BYTES, self.known.offset_bytes - guard_bytes)

    def _advance(self, data: bytes, seen: Seen) -> bytes:
        """Take the guard and the new bytes after it; return the lines they finish."""
        start = len(self._guard)
        new_bytes = len(data) - start
        self.grew = new_bytes > 0
        self.more = new_bytes == BLOCK_BYTES
        settled = not self.grew and same_times(self.known, seen)
        offset = self.known.offset_bytes + new_bytes
        self.known = Known(seen.dev, seen.ino, offset, seen.mtime_ns, seen.ctime_ns, settled)
        if not self.grew:
            return b""
        self._guard = data[-GUARD_BYTES:]
        lines = self._whole_lines(data, start)
        if lines and self._header:
            lines = self._header + lines
            self._header = b""
        return lines

    def _whole_lines(self, data: bytes, start: int) -> bytes:
        end = data.rfind(b"\n", start) + 1
        if not end:
            self._hold(data[start:])
            return b""
        head = b""
        if self._partial:
            newline = data.index(b"\n", start)
            self._hold(data[start:newline])
            head = bytes(self._partial)
            self._partial.clear()
            start = newline
        if end < len(data):
            self._hold(data[end:])
        return head + data[start:end]

    def _hold(self, piece: bytes) -> None:
        """Keep the piece of an unfinished line, as far as the limit lets it."""
        held_bytes = len(self._partial)
        if held_bytes > MAX_LINE_BYTES:
            return
        self._partial += piece[: MAX_LINE_BYTES + 1 - held_bytes]
        if len(self._partial) > MAX_LINE_BYTES:
            self.notes.append(f"a line is longer than {MAX_LINE_BYTES} bytes, its rest is dropped")

    def _restart(self) -> None:
        dropped = f", {len(self._partial)} bytes of an unfinished line dropped" if self._partial else ""
        self.notes.append(f"truncated, starting again at its beginning{dropped}")
        self._partial.clear()
        self._guard = self._header = b""
        self.known = self.known._replace(offset_bytes=0)


def find_place(fd: int, size_bytes: int, start: Start) -> int:
    """Return the offset of the line to start with; always a line's start.

    A start from the end reads backwards no further than it must, one from a line forwards up to there.
    """
    if isinstance(start, FromEnd):
        return _place_from_end(fd, size_bytes, start.lines)
    return _place_of_line(fd, start.line)


def _place_from_end(fd: int, size_bytes: int, lines: int) -> int:
    wanted = lines + 1  # the LF before the first line wanted; of no lines, the last LF
    end = size_bytes
    while end > 0:
        begin = max(0, end - BLOCK_BYTES)
        block = os.pread(fd, end - begin, begin)
        newlines = block.count(b"\n")
        if newlines >= wanted:
            return begin + after_newline_from_end(block, wanted)
        wanted -= newlines
        end = begin
    return 0


def _place_of_line(fd: int, line: int) -> int:
    wanted = line - 1
    begin = place = 0
    while wanted > 0:
        block = os.pread(fd, BLOCK_BYTES, begin)
        if not block:
            break
        newlines = block.count(b"\n")
        if newlines >= wanted:
            return begin + after_lines(block, wanted)
        if newlines:
            place = begin + after_newline_from_end(block, 1)
        wanted -= newlines
        begin += len(block)
    return place


def find_header(fd: int, offset: int) -> bytes:
    """Return the newest W3C header that stands before ``offset`` (a line's start), b"" where there is none.

    Only a file whose first byte is ``#`` is searched, backwards: IIS writes a header at each restart.
    """
    if offset == 0 or os.pread(fd, 1, 0) != b"#":
        return b""
    end = offset
    while end > 0:
        begin = max(0, end - BLOCK_BYTES)
        # The blocks overlap by one search text, and the byte before a line tells that it starts there.
        found = last_fields(os.pread(fd, min(offset, end + len(FIELDS)) - begin, begin))
        if found > 0 or (found == 0 and _starts_line(fd, begin)):
            return _header_around(fd, begin + found, offset)
        end = begin
    return b""


def _starts_line(fd: int, place: int) -> bool:
    return place == 0 or os.pread(fd, 1, place - 1) == b"\n"


def _header_around(fd: int, fields: int, offset: int) -> bytes:
    begin = max(0, fields - MAX_HEADER_BYTES)
    data = os.pread(fd, min(offset, fields + MAX_HEADER_BYTES) - begin, begin)
    cut = data.find(b"\n") + 1 if begin else 0  # a window into the file may begin in mid-line
    return directives_around(data[cut:], fields - begin - cut)
