"""What a format is, and what all of them are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from w3ctools.core.record import Record
from w3ctools.core.timestamp import Zone


class Settings(NamedTuple):
    """What the user has set for every format."""

    #: ``scheme://host`` before the section of an origin-form target, or nothing.
    site: str
    #: For stamps that name no time zone.
    zone: Zone


class BlockParser(Protocol):
    """The fast path of a format: many lines at once."""

    def parse(self, block: bytes) -> tuple[list[str | None], list[tuple[str, ...]]]:
        """Render whole lines.

        Gives one entry a line, its JSON with LF or None where the line is for `Format.parse`, and the rows
        they were made of: the last item of a row whose entry is None is the line itself, decoded as Latin-1.
        """


class Format(Protocol):
    """One format, ready to parse lines."""

    @property
    def name(self) -> str:
        """The name users know it by."""

    def parse(self, line: bytes) -> Record:
        """Parse a line, given without its line end. Raises ParseError with reason and column."""

    def block_parser(self) -> BlockParser | None:
        """A fast path that gives, byte for byte, what `parse` gives; None if there is none."""


#: Makes a format ready to parse: one input, one format.
MakeFormat = Callable[[Settings], Format]


class FormatSpec(NamedTuple):
    """A format that has a name: an entry of the registry."""

    name: str
    #: One line for ``--list-formats``.
    summary: str
    #: A real line in this format.
    example: bytes
    make: MakeFormat
