"""Where a follower is, as its state file keeps it. Values -> bytes, and bytes -> values.

Log lines never stand in it: a stretch of a file is recognised by its digest. Nothing here reads or asks the
clock; both directions cost one pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, NamedTuple

import msgspec

from w3ctools.core.sealed import Codec, digest

#: What a text in UTF-8 cannot hold of a path: bytes that are no UTF-8, which os.fsdecode made surrogates.
_UNREADABLE = re.compile("[%\udc80-\udcff]")
_ESCAPE = re.compile(r"%(25|[89A-F][0-9A-F])")

Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Digest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]


class Print(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a stretch of bytes is recognised."""

    length_bytes: Count
    digest: Digest


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far one generation of a followed file was read, and how it is recognised."""

    device: Count
    inode: Count
    #: Of its first bytes.
    head: Print
    #: Of the bytes right before the offset.
    guard: Print
    #: Everything before it was taken by the reader; a line's start, or where reading began.
    offset_bytes: Count
    #: As last seen, to say how much can no longer be found.
    size_bytes: Count
    #: As last seen, to order generations.
    mtime_ns: int
    #: Seconds before the save and the offset then, oldest first.
    past: tuple[tuple[Seconds, Count], ...] = ()

    def __post_init__(self) -> None:
        if self.guard.length_bytes > self.offset_bytes:
            raise ValueError("a guard longer than what is before it")

    @property
    def unread_bytes(self) -> int:
        """What was seen of it and not taken."""
        return max(0, self.size_bytes - self.offset_bytes)


class FollowedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name that is followed, and its generations."""

    path: str
    #: Oldest first; the last one is what the name meant.
    places: tuple[Place, ...]


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a follower is in all that it follows."""

    #: The FILEs as they were given: names and globs.
    names: tuple[str, ...]
    files: tuple[FollowedFile, ...]
    #: RFC 3339, for people.
    saved_at: str


class Resume(NamedTuple):
    """Where to go on in a generation.

    The place is as it was saved, since its guard stands before its own offset and nowhere else: find the
    file by it, then read from ``offset_bytes``.
    """

    place: Place
    offset_bytes: int


def print_of(data: bytes) -> Print:
    """Return how these bytes are recognised.

    >>> print_of(b"")
    Print(length_bytes=0, digest='cae66941d9efbd404e4d88758ea67670')
    """
    return Print(len(data), digest(data))


def rewound(place: Place, rewind_s: float) -> int:
    """Return where to go on so that all that was taken in the last ``rewind_s`` before the save comes again.

    As much more comes again as lies between two entries of the past. A past that is too short is read again
    from its first entry on.

    >>> nothing = print_of(b"")
    >>> place = Place(1, 7, nothing, nothing, 500, 500, 0, past=((90.0, 0), (61.0, 300), (5.0, 500)))
    >>> [rewound(place, rewind_s) for rewind_s in (0, 5, 60, 61, 90, 1000)]
    [500, 500, 300, 300, 0, 0]
    """
    if rewind_s <= 0 or not place.past:
        return place.offset_bytes
    old_enough = [offset for age_s, offset in place.past if age_s >= rewind_s]
    offset = old_enough[-1] if old_enough else place.past[0][1]
    return min(offset, place.offset_bytes)


def rewind(file: FollowedFile, rewind_s: float) -> tuple[Resume, ...]:
    """Return where to go on in every generation, oldest first.

    One that was finished earlier goes on at its end. None is left out: a writer may have gone on in a file
    without its name (nginx does until it gets USR1) after the save.
    """
    return tuple(Resume(place, rewound(place, rewind_s)) for place in file.places)


def _with_paths(checkpoint: Checkpoint, change: Callable[[str], str]) -> Checkpoint:
    return Checkpoint(
        tuple(change(name) for name in checkpoint.names),
        tuple(FollowedFile(change(file.path), file.places) for file in checkpoint.files),
        checkpoint.saved_at,
    )


def _escaped(path: str) -> str:
    """Put bytes that are no UTF-8 as %XX, and so the percent sign itself."""
    return _UNREADABLE.sub(lambda match: f"%{ord(match[0]) & 0xFF:02X}", path)


def _unescaped(path: str) -> str:
    return _ESCAPE.sub(lambda match: "%" if match[1] == "25" else chr(0xDC00 | int(match[1], 16)), path)


def _to_json(checkpoint: Checkpoint) -> bytes:
    return msgspec.json.encode(_with_paths(checkpoint, _escaped))


def _from_json(body: bytes) -> Checkpoint:
    return _with_paths(msgspec.json.decode(body, type=Checkpoint), _unescaped)


#: The content of w3c-tail's state file.
CODEC = Codec(
    "w3c-tail", 1, "remove it and say with -n where to start: 0 for the end, +1 for all", _to_json, _from_json
)
