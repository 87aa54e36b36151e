"""Where a follower is, as its state file keeps it. Values -> bytes, and bytes -> values.

Two lines of text: what the file is, in which version, with a checksum of the rest; then JSON. A file that
was cut, overwritten or filled with NULs by a crash is told from a whole one at any byte.

Log lines never stand in it: a stretch of a file is recognised by its digest. Nothing here reads or asks the
clock; both directions cost one pass.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Annotated, NamedTuple

import msgspec

from w3ctools.core.errors import W3CError

VERSION = 1
_MAGIC = b"w3c-tail state "
_VERSION = re.compile(rb"([0-9]{1,9}) ")
_DIGEST_BYTES = 16

#: What a text in UTF-8 cannot hold of a path: bytes that are no UTF-8, which os.fsdecode made surrogates.
_UNREADABLE = re.compile("[%\udc80-\udcff]")
_ESCAPE = re.compile(r"%(25|[89A-F][0-9A-F])")

Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Digest = Annotated[str, msgspec.Meta(pattern=rf"\A[0-9a-f]{{{2 * _DIGEST_BYTES}}}\Z")]


class CheckpointError(W3CError):
    """The data is not a checkpoint that can be used; the text begins with "is"."""


class ForeignError(CheckpointError):
    """The data was never a checkpoint: perhaps it is somebody's log."""


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
    return Print(len(data), _digest(data))


def encode(checkpoint: Checkpoint) -> bytes:
    """Return the content of a state file."""
    body = msgspec.json.encode(_with_paths(checkpoint, _escaped)) + b"\n"
    return b"%s%d %s\n%s" % (_MAGIC, VERSION, _digest(body).encode(), body)


def decode(data: bytes) -> Checkpoint:
    """Read the content of a state file. Raises CheckpointError, its child ForeignError for other data."""
    _check_kind(data)
    header, _, body = data.partition(b"\n")
    version = _VERSION.match(header, len(_MAGIC))
    if version is not None and int(version[1]) != VERSION:
        raise CheckpointError(f"is of version {int(version[1])}, this w3c-tail reads {VERSION}")
    if version is None or header[version.end() :] != _digest(body).encode():
        raise CheckpointError("is damaged: its checksum does not match")
    try:
        return _with_paths(msgspec.json.decode(body, type=Checkpoint), _unescaped)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Somebody has written it by hand, checksum and all.
        raise CheckpointError(f"is damaged: {error}") from None


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


def _check_kind(data: bytes) -> None:
    if not data:
        raise CheckpointError("is empty")
    # NULs are what a crash leaves where data never reached the disk.
    written_bytes = len(data.rstrip(b"\0"))
    if not data.startswith(_MAGIC[:written_bytes]):
        raise ForeignError("is no state of w3c-tail")


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()


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
