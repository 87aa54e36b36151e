"""Several logs that come in turns through one input: whose lines these are, and what is kept of each log.

Where w3c-tail follows several files, it writes a line ``#Source: PATH`` before lines of another file than
those above. Blanks, ``%`` and control bytes of the path are written ``%XX``.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from w3ctools.core.formats.format import Format
from w3ctools.core.formats.w3c import W3CExtended
from w3ctools.core.timestamp import ZoneMemory
from w3ctools.core.wire import SOURCE_START

#: Anybody who can write into a log can invent sources: what is kept of them is bounded, in number and in
#: the bytes of their longest directives, which the fields of a W3C extended log are made of.
MOST_SOURCES, MOST_DIRECTIVE_BYTES = 10_000, 4 << 20
#: Linux opens no longer path (PATH_MAX).
MAX_PATH_BYTES = 4096

_LF = 0x0A
_WRITTEN = re.compile(rb"(?:[!-$&-~\x80-\xff]|%[0-9A-F]{2})+")
_ESCAPED = re.compile(rb"%(..)")
_TO_ESCAPE = re.compile(rb"[\x00- %\x7f]")


def source_line(path: bytes) -> bytes:
    """The line that says where the following lines come from.

    >>> source_line(b"/logs/my site/access.log")
    b'#Source: /logs/my%20site/access.log\\n'
    """
    return SOURCE_START + _TO_ESCAPE.sub(lambda match: b"%%%02X" % match[0][0], path) + b"\n"


def split_sources(block: bytes) -> Iterator[tuple[bytes | None, bytes]]:
    """Whole lines as runs of one source each: its path, and its lines, perhaps none.

    The path of the first run is None: its lines belong to the source of the block before.
    """
    path: bytes | None = None
    begin = 0
    at = block.find(SOURCE_START) if b"#" in block else -1  # most blocks have none, found much faster
    while at >= 0:
        end = block.index(b"\n", at)
        is_first = at == 0 or block[at - 1] == _LF
        named = _path(block[at + len(SOURCE_START) : end]) if is_first else None
        if named is not None:
            yield path, block[begin:at]
            path, begin = named, end + 1
        at = block.find(SOURCE_START, end)
    yield path, block[begin:]


def _path(written: bytes) -> bytes | None:
    """The path, decoded; None where the line is not well formed."""
    if len(written) > 3 * MAX_PATH_BYTES or _WRITTEN.fullmatch(written) is None:
        return None
    path = _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), written)
    return path if len(path) <= MAX_PATH_BYTES else None


@dataclass
class Source:
    """One log, and what its lines up to now say about those that follow."""

    #: None where no ``#Source`` line has named it.
    path: bytes | None = None
    #: The format that is expected.
    format: Format | None = None
    #: The reader that is given all directives.
    w3c: W3CExtended | None = None
    #: Whether there was a line; a byte order mark stands before the first.
    has_begun: bool = False
    #: Lines in a row, up to the newest one, that had another format than the expected one.
    misses: int = 0
    missed_name: str = ""
    missed_line: int = 0
    #: While others have their turn: the number of its last line, and what the zone knew.
    left_at_line: int = 0
    zone_memory: ZoneMemory = field(default_factory=ZoneMemory)
    #: The longest line that began with ``#``.
    directive_bytes: int = 0


class Sources:
    """The sources that may have another turn, the most recently used ones."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Source] = OrderedDict()
        self._directive_bytes = 0

    def take(self, path: bytes) -> Source | None:
        """The source of this path, which is kept no longer; None if it is not known any more, or not yet."""
        source = self._kept.pop(path, None)
        if source is not None:
            self._directive_bytes -= source.directive_bytes
        return source

    def keep(self, source: Source) -> None:
        """Keep a source for its next turn, unless it has no path to come back by."""
        if source.path is None:
            return
        self._kept[source.path] = source
        self._directive_bytes += source.directive_bytes
        while len(self._kept) > MOST_SOURCES or self._directive_bytes > MOST_DIRECTIVE_BYTES:
            _, forgotten = self._kept.popitem(last=False)
            self._directive_bytes -= forgotten.directive_bytes
