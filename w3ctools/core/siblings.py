"""The files beside a log: which are its older generations, which are copies of what was read, in what order.

In: names, sizes, times and first bytes. Out: a yes or no, a `Relation`, or an order. Nothing here reads.

A rotated file is told by its name, a copy by its content. The content must decide, because logrotate's
copytruncate makes a file with a number of its own whose lines have been read already; and no part of the
content alone may, because every file in the W3C extended format begins with the same lines: the first bytes
and the bytes before the place that was reached are compared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from w3ctools.core.rotation import Seen

#: How much of a file's beginning is compared.
HEAD_BYTES = 512

#: How compressed files are named.
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")

_COMPRESSED = rf"(?:{'|'.join(map(re.escape, COMPRESSED))})?"
#: What rotators put behind a name: a number, a date, a time (logrotate's dateformat, Python's and log4j's
#: handlers).
_NUMBERED = r"[.\-_@]\d[\dT.:_+Z-]*"
#: Between the stem and the extension only what cannot be the name of another log, as access-2.log is.
_INSERTED = r"(?:\.\d{1,5}|[.\-_@](?:\d{8}|\d{10}|\d{4}-\d\d(?:-\d\d)?)(?:[T.:_+-][\dT.:_+Z-]*)?)"
_WORDS = r"[.\-_](?:old|prev|previous|bak|back|backup|save|saved|orig|rotated|last)|~"
_DATE = re.compile(r"\d{5}|\d-\d")
#: Companions of a log that hold a digit: checksums.
_CHECKSUM = re.compile(r"\.(?:md5|sha\d+|crc32)\b")


class Relation(Enum):
    """What a file's content has to do with that of a generation."""

    #: Another content.
    OTHER = auto()
    #: A copy, at least up to the place that was reached.
    COPY = auto()
    #: The same as far as it goes, which is not as far as was read: perhaps a copy that is being made.
    BEGINNING = auto()


class Content(NamedTuple):
    """How the content of a generation is recognised."""

    #: Its first bytes, at most HEAD_BYTES of them; fewer where it was shorter when they were read.
    head: bytes
    #: Everything before it was read.
    offset_bytes: int
    #: The bytes right before the offset.
    guard: bytes


class Sibling(NamedTuple):
    """A file beside a log, named as its rotated generations are."""

    path: str
    seen: Seen


def stem(name: str) -> str:
    """What the names of a log's rotated generations begin with.

    >>> stem("access.log"), stem("access")
    ('access', 'access')
    """
    before, _, _ = name.rpartition(".")
    return before or name


def rotated_names(name: str) -> re.Pattern[str]:
    """Return what the names of the rotated generations of ``name`` match in full.

    >>> names = rotated_names("access.log")
    >>> [bool(names.fullmatch(name)) for name in ("access.log.1", "access-20261124.log.gz", "access.log.old")]
    [True, True, True]
    >>> [bool(names.fullmatch(name)) for name in ("access.log", "access-ssl.log", "access.log.offset")]
    [False, False, False]
    """
    before, _, extension = name.rpartition(".")
    forms = [f"{re.escape(name)}(?:{_NUMBERED}|{_WORDS})"]
    if before:  # logrotate's "extension"
        forms.append(f"{re.escape(before)}{_INSERTED}[.]{re.escape(extension)}")
    return re.compile(f"(?!.*{_CHECKSUM.pattern})(?:{'|'.join(forms)}){_COMPRESSED}", re.DOTALL)


def shares_head(known: Content, head: bytes) -> bool:
    """Whether a file begins as a generation does, as far as both go; ``head`` are its first HEAD_BYTES."""
    common = min(len(head), len(known.head))
    return head[:common] == known.head[:common]


def relate(known: Content, head: bytes, before_offset: bytes) -> Relation:
    """Compare a file with a generation.

    ``before_offset`` is what the file has right before the generation's offset: as many bytes as its guard
    has, if the file has as many.
    """
    if not shares_head(known, head):
        return Relation.OTHER
    if not head or len(head) < len(known.head) or len(before_offset) < len(known.guard):
        return Relation.BEGINNING
    return Relation.COPY if known.head and before_offset == known.guard else Relation.OTHER


def oldest_first(siblings: Sequence[Sibling], predecessor: str | None) -> list[Sibling]:
    """Order generations by their last write; those written in one tick of the file system's clock by name.

    Some rotators count up or write dates, others move every file one number on, so a name alone does not tell
    which is the older: it is the one nearer to ``predecessor``, the name of the generation that came before
    all of them. Without one, small numbers are those that move on.
    """
    names = {sibling.path for sibling in siblings} | ({predecessor} if predecessor else set())
    place = {name: index for index, name in enumerate(sorted(names, key=_natural))}
    if predecessor:
        origin = place[predecessor]
    else:
        origin = 0 if any(_DATE.search(name.rpartition("/")[2]) for name in names) else len(names)
    return sorted(siblings, key=lambda sibling: (sibling.seen.mtime_ns, abs(place[sibling.path] - origin)))


def _natural(name: str) -> list[tuple[int, str]]:
    """A sort key by which access.log.10 comes after access.log.9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
