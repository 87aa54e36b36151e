"""What to do with a followed file: the decision table, and where lines begin and end.

In: what is held open and what ``stat`` said now. Out: one `Decision`, or an offset. Nothing here reads,
waits or keeps state; `decide` costs a few comparisons, the helpers one pass over the bytes given.

Why a table and not "has the inode changed?":

- A size below the offset shows only a truncation that is still short. A file cut and grown again past the
  offset before the next look loses its first lines without a word in GNU tail, whose source calls its test
  "only a heuristic". Hence the guard: the last `GUARD_BYTES` before the offset are read again together
  with the new bytes and compared.
- A file rewritten to the very same size shows only in its times (inode(7): st_mtime, st_ctime).
- Inode numbers are used again: on ext4 an unlinked file and its successor had the same number six times of
  six. While a descriptor is open this cannot happen, so identity is compared with open files only.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

#: How much before the offset is compared at each read. Longer than a log line in most logs, so that it
#: holds a time stamp; short enough to cost nothing beside a block of 64 KiB.
GUARD_BYTES = 256

#: The W3C extended log format's directive that names the columns of the lines after it.
FIELDS = b"#Fields:"


class Seen(NamedTuple):
    """What one ``stat`` of a regular file said."""

    dev: int
    ino: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int


class Known(NamedTuple):
    """What is held about one open file."""

    dev: int
    ino: int
    #: Everything before it has been read.
    offset_bytes: int
    #: The times of the last look.
    mtime_ns: int
    ctime_ns: int
    #: A look after the last read found the times unmoved. Before Linux 6.13 file times advance by the
    #: timer tick (1 to 10 ms), so a file rewritten in the tick of a look keeps the times of that look.
    settled: bool


class Decision(Enum):
    """What a look at a name, or at an open file, asks for."""

    #: Nothing is open and nothing is there.
    WAIT = auto()
    #: Nothing is open and a file is there: open it.
    OPEN = auto()
    #: The name is gone, or cannot be reached: go on with what is open.
    KEEP = auto()
    #: The name means another file, by rename, new file or switched link: open that one, keep the old one.
    ROTATED = auto()
    #: Shorter than what was read.
    TRUNCATED = auto()
    #: What stands before the offset is not what was read there.
    REWRITTEN = auto()
    #: There are new bytes, or the file was touched: read, and compare the guard.
    READ = auto()
    #: As it was.
    IDLE = auto()


def decide(known: Known | None, seen: Seen | None) -> Decision:
    """Say what to do about the file held open, given what its name (or its descriptor) shows now.

    ``known`` is None when nothing is open, ``seen`` when there is no regular file to be had: missing, of
    another type, or not permitted. The rows are tried in this order:

    =======  ==============================  =========
    known    seen                            decision
    =======  ==============================  =========
    None     None                            WAIT
    None     a file                          OPEN
    a file   None                            KEEP
    a file   another device or inode         ROTATED
    a file   size < offset                   TRUNCATED
    a file   size > offset                   READ
    a file   times moved, or not settled     READ
    a file   the same                        IDLE
    =======  ==============================  =========

    >>> held = Known(dev=1, ino=7, offset_bytes=100, mtime_ns=5, ctime_ns=5, settled=True)
    >>> decide(held, Seen(dev=1, ino=7, size_bytes=120, mtime_ns=6, ctime_ns=6)).name
    'READ'
    """
    if known is None:
        return Decision.WAIT if seen is None else Decision.OPEN
    if seen is None:
        return Decision.KEEP
    if not same_file(known, seen):
        return Decision.ROTATED
    if seen.size_bytes < known.offset_bytes:
        return Decision.TRUNCATED
    if seen.size_bytes > known.offset_bytes:
        return Decision.READ
    if not (known.settled and same_times(known, seen)):
        return Decision.READ
    return Decision.IDLE


def verify(offset_bytes: int, guard: bytes, head: bytes, data: bytes) -> Decision:
    """Say whether a file still is what was read of it: READ, TRUNCATED or REWRITTEN.

    ``data`` was read from the guard's first byte on. At offset 0 there is no guard: there, the first bytes
    that were seen (``head``), though not yet read, must be the same.
    """
    expected = guard if offset_bytes else head
    if data.startswith(expected):
        return Decision.READ
    return Decision.TRUNCATED if expected.startswith(data) else Decision.REWRITTEN


def same_file(known: Known, seen: Seen) -> bool:
    """Whether both are one file; only meaningful while the known one is open."""
    return known.ino == seen.ino and known.dev == seen.dev


def same_times(known: Known, seen: Seen) -> bool:
    """Whether the file's times are those of the last look."""
    return known.mtime_ns == seen.mtime_ns and known.ctime_ns == seen.ctime_ns


def after_lines(data: bytes, lines: int) -> int:
    """Return where the first ``lines`` lines of ``data`` end: after that many LF, 0 for none.

    ``data`` must hold that many LF.

    >>> after_lines(b"a\\nb\\nc", 2)
    4
    """
    place = 0
    for _ in range(lines):
        place = data.index(b"\n", place) + 1
    return place


def after_newline_from_end(data: bytes, newlines: int) -> int:
    """Return the place after the LF that is number ``newlines`` (1 or more) from the end of ``data``.

    The first gives the end of the last whole line. ``data`` must hold that many LF.

    >>> after_newline_from_end(b"a\\nb\\nc", 1), after_newline_from_end(b"a\\nb\\nc", 2)
    (4, 2)
    """
    place = len(data)
    for _ in range(newlines):
        place = data.rindex(b"\n", 0, place)
    return place + 1


def last_fields(data: bytes) -> int:
    """Return where the last line of ``data`` that begins with ``#Fields:`` starts, or -1.

    The first byte of ``data`` counts as a line's start.

    >>> last_fields(b"#Fields: a\\nx\\n#Fields: b\\n"), last_fields(b"x #Fields: a\\n")
    (13, -1)
    """
    place = data.rfind(b"\n" + FIELDS)
    if place >= 0:
        return place + 1
    return 0 if data.startswith(FIELDS) else -1


def directives_around(data: bytes, place: int) -> bytes:
    """Return the run of whole lines beginning with ``#`` that the line at ``place`` belongs to.

    ``data`` must begin at a line's start. A line without LF at its end is not whole and left out.

    >>> directives_around(b"x\\n#Version: 1.0\\n#Fields: a\\ny\\n", 16)
    b'#Version: 1.0\\n#Fields: a\\n'
    """
    first = place
    while first > 0:
        before = data.rfind(b"\n", 0, first - 1) + 1
        if not data.startswith(b"#", before):
            break
        first = before
    end = place
    while data.startswith(b"#", end):
        newline = data.find(b"\n", end)
        if newline < 0:
            break
        end = newline + 1
    return data[first:end]
