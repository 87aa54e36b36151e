r"""Formats made of literals and fields: what a format string of a server is compiled to.

Pieces -> `PatternFormat`, whose `parse` reads one line with one anchored regular expression. Every field
ends where the literal behind it begins, or has a form of its own, so a line can be read in one way only
and a failing match costs time linear in the line. Only values in quotes have a second reading: where
servers log quotes unescaped (Jetty), one of them at a time may hold anything.

`pattern_field` makes the regular expression of each field, `pattern_line` is the readable path and
`pattern_block` the fast one to the same records.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from w3ctools.core.formats.format import BlockParser, Settings
from w3ctools.core.formats.pattern_block import pattern_block_parser
from w3ctools.core.formats.pattern_field import Field, steps_of
from w3ctools.core.formats.pattern_line import LineFormat


class PatternFormat(LineFormat):
    """A compiled format string: a `Format`."""

    def block_parser(self) -> BlockParser | None:
        """The fast path; None for a format that it cannot read."""
        return self._block_parser

    @cached_property
    def _block_parser(self) -> BlockParser | None:
        return pattern_block_parser(self)


def compile_format(pieces: Iterable[str | Field], settings: Settings, name: str) -> PatternFormat:
    """Make a format of its pieces. Raises FormatError where two fields meet that nothing keeps apart."""
    before, steps = steps_of(pieces)
    return PatternFormat(name, before, steps, settings)
