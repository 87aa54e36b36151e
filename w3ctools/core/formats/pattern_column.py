"""Columns of logged text -> columns of JSON: what the fast path of compiled formats renders with.

Texts are printable ASCII without quote and backslash, which is JSON as it stands; nothing at all is the
text of a line that was not taken, or unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import msgspec

from w3ctools.core.formats.pattern_kind import (
    ADDRESSES,
    CLIENT,
    INTEGER,
    NAME,
    SIZE,
    TEXT,
    UPSTREAM,
    USER,
    WORD,
    Kind,
)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
#: The texts of a column in, JSON out.
Render = Callable[[Sequence[str]], Sequence[str]]

_MOST_REMEMBERED = 4096
_encode = msgspec.json.Encoder().encode


class Remembered(dict[K, V]):
    """What `make` gave for a key, for the newest few thousand keys."""

    def __init__(self, make: Callable[[K], V]) -> None:
        self._make = make

    def __missing__(self, key: K) -> V:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        value = self[key] = self._make(key)
        return value


def to_json(value: Any) -> str:
    """A value as JSON."""
    return _encode(value).decode()


def text_or_null(column: Sequence[str]) -> Sequence[str]:
    """Text; ``-`` is null."""
    return [f'"{text}"' if text and text != "-" else "null" for text in column]


def or_null(column: Sequence[str]) -> Sequence[str]:
    """Text in its quotes."""
    return [text or "null" for text in column]


def _number_or_null(column: Sequence[str]) -> Sequence[str]:
    return [text if text and text != "-" else "null" for text in column]


def _size(column: Sequence[str]) -> Sequence[str]:
    return [("0" if text == "-" else text) or "null" for text in column]


def query(column: Sequence[str]) -> Sequence[str]:
    """Text; ``-`` is text too."""
    return [f'"{text}"' if text else "null" for text in column]


def pair(name: str, with_quotes: bool) -> Render:
    """Pairs of the object `extra`, each with a comma in front; nothing for what is unknown."""
    key = to_json(name)
    if with_quotes:
        return lambda column: [text and f",{key}:{text}" for text in column]
    return lambda column: [f',{key}:"{text}"' if text and text != "-" else "" for text in column]


def remembering(convert: Callable[[bytes], Any]) -> Render:
    """What `convert` gives, as JSON: for values that repeat."""

    def make(text: str) -> str:
        return to_json(convert(text.encode())) if text else "null"

    known = Remembered(make)
    return lambda column: [known[text] for text in column]


def _scaled(kind: Kind) -> Render:
    """Whole micro- or milliseconds, which hardly repeat.

    Below a second, and from 0.0001 on, JSON writes the digits as they are, without zeros at the end.
    """
    known: Remembered[str, str] = Remembered(
        lambda text: to_json(kind.convert(text.encode()) if text else None)
    )
    digits = -kind.exponent
    least = max(digits - 4, 1)
    return lambda column: [
        f"0.{text:0>{digits}}".rstrip("0") if least < len(text) <= digits else known[text] for text in column
    ]


_RENDER: dict[str, Render] = {
    **{kind.expected: text_or_null for kind in (TEXT, USER, WORD, CLIENT, NAME, ADDRESSES, UPSTREAM)},
    INTEGER.expected: _number_or_null,
}


def render_of(kind: Kind) -> Render:
    """What renders a column of this kind."""
    if kind is SIZE:
        return _size
    if kind.exponent:
        return _scaled(kind)
    return _RENDER.get(kind.expected) or remembering(kind.convert)
