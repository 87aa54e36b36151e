"""Lines by columns: every visit and exchange is written once, a line is their pieces joined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any, NamedTuple

from w3ctools.core.synth.line import (
    Exchange,
    LineFormat,
    Moment,
    OfExchange,
    OfMoment,
    OfVisit,
    Part,
    Visit,
    Visits,
)


class Drawn(NamedTuple):
    """Lines to come: the numbers of their visits, and of their exchanges."""

    visits: list[int]
    exchanges: list[int]


class _Column(NamedTuple):
    """Neighbouring parts of a template that depend on the same: `OfVisit`, `OfExchange` or `OfMoment`."""

    depends: type
    parts: tuple[Part, ...]

    def text(self, subject: Any) -> str:
        return "".join(part if isinstance(part, str) else part.write(subject) for part in self.parts)


class _Texts(dict[int, str]):
    """What a column has for each of its subjects, by number; written when it is first drawn."""

    def __init__(self, column: _Column, subjects: Visits | Sequence[Exchange]) -> None:
        self._column = column
        self._subjects = subjects

    def __missing__(self, number: int) -> str:
        text = self[number] = self._column.text(self._subjects[number])
        return text


class Lines:
    """Writes lines of a format, with their ends, about visits and exchanges known by their numbers."""

    def __init__(self, line_format: LineFormat, visits: Visits, exchanges: Sequence[Exchange]) -> None:
        #: Of each column: what it depends on, and the text of a number or second.
        self._columns: list[tuple[type, Callable[[int], str]]] = []
        for column in _columns((*line_format.template, "\n")):
            if column.depends is OfMoment:
                self._columns.append((OfMoment, _remembered(column)))
            else:
                subjects: Visits | Sequence[Exchange] = visits if column.depends is OfVisit else exchanges
                self._columns.append((column.depends, _Texts(column, subjects).__getitem__))

    def write(self, drawn: Drawn, stamps_s: int | Sequence[int]) -> list[str]:
        """The lines; `stamps_s` is the second of all of them, or that of each."""
        pieces: list[Iterable[str]] = []
        for depends, text in self._columns:
            if depends is not OfMoment:
                pieces.append(map(text, drawn.visits if depends is OfVisit else drawn.exchanges))
            elif isinstance(stamps_s, int):
                pieces.append(repeat(text(stamps_s), len(drawn.visits)))
            else:
                pieces.append(map(text, stamps_s))
        return list(map("".join, zip(*pieces, strict=True)))


def write_line(line_format: LineFormat, visit: Visit, exchange: Exchange, epoch_s: int) -> str:
    """A single line, without its end."""
    subjects: dict[type, Any] = {OfVisit: visit, OfExchange: exchange, OfMoment: Moment(epoch_s)}
    return "".join(column.text(subjects[column.depends]) for column in _columns(line_format.template))


def _columns(template: Iterable[Part]) -> list[_Column]:
    """Merge neighbours; literal text belongs to what stands before it."""
    columns: list[_Column] = []
    literal: tuple[Part, ...] = ()
    for part in template:
        if isinstance(part, str) and columns:
            columns[-1] = columns[-1]._replace(parts=(*columns[-1].parts, part))
        elif isinstance(part, str):
            literal = (*literal, part)
        elif columns and columns[-1].depends is type(part):
            columns[-1] = columns[-1]._replace(parts=(*columns[-1].parts, part))
        else:
            columns.append(_Column(type(part), (*literal, part)))
            literal = ()
    return columns or [_Column(OfMoment, literal)]


def _remembered(column: _Column) -> Callable[[int], str]:
    # Late lines go back a few seconds.
    return lru_cache(maxsize=16)(lambda epoch_s: column.text(Moment(epoch_s)))
