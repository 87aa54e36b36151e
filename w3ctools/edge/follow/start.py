"""Where the reading of a file starts, and the W3C header that must go before its first line."""

from __future__ import annotations

from typing import NamedTuple

from w3ctools.core.rotation import FIELDS, after_lines, after_newline_from_end, directives_around, last_fields
from w3ctools.edge.follow.contents import BLOCK_BYTES, CompressedContents, Contents

#: The longest W3C header that is repeated, on either side of its #Fields line.
MAX_HEADER_BYTES = 64 * 1024


class FromEnd(NamedTuple):
    """Start with the last ``lines`` whole lines; an unfinished one comes when it is whole."""

    lines: int = 0


class FromLine(NamedTuple):
    """Start with line ``line``, 1 being the first; after the last whole line if there are fewer."""

    line: int = 1


class FromOffset(NamedTuple):
    """Start at a byte, which must be a line's first."""

    offset_bytes: int


Start = FromEnd | FromLine | FromOffset
WHOLE = FromLine(1)


def find_place(contents: Contents, start: Start) -> int:
    """Return the offset of the line to start with; always a line's start.

    A start from the end reads backwards no further than it must, one from a line forwards up to there.
    """
    if isinstance(start, FromOffset):
        return start.offset_bytes
    if isinstance(start, FromEnd):
        return _place_from_end(contents, start.lines)
    return _place_of_line(contents, start.line)


def _place_from_end(contents: Contents, lines: int) -> int:
    wanted = lines + 1  # the LF before the first line wanted; of no lines, the last LF
    end = contents.seen().size_bytes
    while end > 0:
        begin = max(0, end - BLOCK_BYTES)
        block = _read_unless_hole(contents, begin, end)
        newlines = block.count(b"\n")
        if newlines >= wanted:
            return begin + after_newline_from_end(block, wanted)
        wanted -= newlines
        end = begin
    return 0


def _read_unless_hole(contents: Contents, begin: int, end: int) -> bytes:
    data = contents.next_data(begin)
    return b"" if data is None or data >= end else contents.read(end - begin, begin)


def _place_of_line(contents: Contents, line: int) -> int:
    wanted = line - 1
    begin = place = 0
    while wanted > 0:
        block = contents.read(BLOCK_BYTES, begin)
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


def find_header(contents: Contents, offset: int) -> bytes:
    """Return the newest W3C header that stands before ``offset`` (a line's start), b"" where there is none.

    Only a file whose first byte is ``#`` is searched, backwards: IIS writes a header at each restart. Of a
    compressed file, which cannot be, the header at its beginning must do.
    """
    if offset == 0 or contents.read(1, 0) != b"#":
        return b""
    if isinstance(contents, CompressedContents):
        data = contents.read(MAX_HEADER_BYTES, 0)
        return directives_around(data, 0) if last_fields(data) >= 0 else b""
    end = offset
    while end > 0:
        begin = max(0, end - BLOCK_BYTES)
        # The blocks overlap by one search text, and the byte before a line tells that it starts there.
        found = last_fields(contents.read(min(offset, end + len(FIELDS)) - begin, begin))
        if found > 0 or (found == 0 and _starts_line(contents, begin)):
            return _header_around(contents, begin + found, offset)
        end = begin
    return b""


def _starts_line(contents: Contents, place: int) -> bool:
    return place == 0 or contents.read(1, place - 1) == b"\n"


def _header_around(contents: Contents, fields: int, offset: int) -> bytes:
    begin = max(0, fields - MAX_HEADER_BYTES)
    data = contents.read(min(offset, fields + MAX_HEADER_BYTES) - begin, begin)
    cut = data.find(b"\n") + 1 if begin else 0  # a window into the file may begin in mid-line
    return directives_around(data[cut:], fields - begin - cut)
