"""Fields of a format, and the regular expression of the text of each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from w3ctools.core.errors import FormatError
from w3ctools.core.formats.pattern_kind import (
    ADDRESSES,
    CLIENT,
    INTEGER,
    LISTS,
    NAME,
    QUERY,
    REQUEST,
    Kind,
)
from w3ctools.core.formats.timeformat import Piece

#: Names of fields that are parts of the request; the record's keys are made of all of them together.
REQUEST_PARTS = ("request", "method", "target", "query_part", "args", "protocol")
EXTRA = "extra."
_QUOTED = r'[^"\\]*(?:\\.[^"\\]*)*'


_SHOWN = {"target": "path", "query_part": "query", "args": "query"}


class Field(NamedTuple):
    """A value of a line."""

    #: The record's key, ``extra.<name>``, a part (`REQUEST_PARTS`, ``time``), or nothing: it is dropped.
    name: str
    kind: Kind
    #: Of the field named ``time``.
    piece: Piece | None = None
    #: Where nothing may be logged.
    may_be_empty: bool = False
    #: Where ``-`` stands for what a condition has left out.
    may_be_absent: bool = False
    #: Where a whole list goes, of which `kind` takes the last value.
    list_name: str = ""
    #: For people, where it is dropped.
    label: str = ""
    #: Where it stands in the format string, from 1.
    column: int = 1
    #: The name that it has where no other field tells the same.
    meaning: str = ""

    @property
    def shown(self) -> str:
        """Its name in a message."""
        if self.name in REQUEST_PARTS or not self.name:
            return _SHOWN.get(self.name, self.name) or self.label
        return self.name.removeprefix(EXTRA)

    @property
    def expected(self) -> str:
        """What a message says was expected."""
        return self.piece.expected if self.piece is not None else self.kind.expected


class Step(NamedTuple):
    """A field and the literal behind it, as regular expressions."""

    field: Field
    #: The field's text, one group.
    pattern: str
    behind: str
    #: Whether quotes stand around it.
    is_quoted: bool


def steps_of(pieces: Iterable[str | Field]) -> tuple[str, list[Step]]:
    """The literal in front, and the fields. Raises FormatError where nothing keeps two fields apart."""
    before, fields, literals = _regular(pieces)
    if not fields:
        raise FormatError("expected a field", 1)
    steps = []
    for number, (field, behind) in enumerate(zip(fields, literals, strict=True)):
        previous = literals[number - 1] if number else before
        following = fields[number + 1] if number + 1 < len(fields) else None
        steps.append(_step(field, behind, following, previous[-1:] == '"'))
    return before, steps


def _regular(pieces: Iterable[str | Field]) -> tuple[str, list[Field], list[str]]:
    """The literal in front, the fields, and the literal behind each."""
    literals, fields = [""], []
    for piece in pieces:
        if isinstance(piece, Field):
            fields.append(piece)
            literals.append("")
        else:  # one character a byte, as lines are read
            literals[-1] += piece.encode("utf-8").decode("latin-1")
    return literals[0], fields, literals[1:]


def _step(field: Field, behind: str, following: Field | None, after_quote: bool) -> Step:
    is_quoted = after_quote and behind[:1] == '"'
    kind = field.kind
    if field.piece is not None:
        pattern = field.piece.own
    elif kind is QUERY and behind[:1] not in ("", " ", '"'):
        pattern = kind.own.replace(' "', f' "{re.escape(behind[0])}')
    elif is_quoted and (not kind.own or kind is REQUEST or kind in LISTS or kind is ADDRESSES):
        return Step(field, f"({_QUOTED})", behind, True)
    elif kind.own:
        pattern = kind.own
    else:
        if kind.blanks and behind[:1] not in ("", " ") and not is_quoted:
            field = field._replace(may_be_empty=True)  # such as between brackets
        pattern = _delimited(field, behind, following)
    if field.may_be_absent:
        pattern = f"{pattern}|-"
    empty = "|" if field.may_be_empty and kind.own else ""
    return Step(field, f"({pattern}{empty})", behind, False)


def _delimited(field: Field, behind: str, following: Field | None) -> str:
    """The text up to `behind`, to what `following` begins with, or to the line's end."""
    kind, more = field.kind, "*" if field.may_be_empty else "+"
    if not behind and following is None:
        return ".*" if kind.blanks else f"[^ ]{more}"
    if not behind:
        if following is None or not following.kind.start:
            raise FormatError(f"expected a blank or other character behind {field.shown}", field.column)
        return f'[^ "{re.escape(following.kind.start)}]{more}'
    first = re.escape(behind[0])
    if not kind.blanks:
        is_address = behind == ":" and kind in (CLIENT, NAME) and following and following.kind is INTEGER
        return f"[^ ]{more}" if is_address else f"[^ {first}]{more}"
    begins = "[0-9]" if following is not None and following.piece is not None else ""
    if len(behind) == 1 and not begins:
        return f"[^{first}]{more}"
    stop = re.escape(behind) + begins
    not_empty = "" if field.may_be_empty else f"(?!{stop})"
    return f"{not_empty}[^{first}]*(?:(?!{stop}){first}[^{first}]*)*"
