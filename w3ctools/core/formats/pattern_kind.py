"""Kinds of values in format strings: the form of their text, and the value the record holds of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from w3ctools.core.formats import values
from w3ctools.core.formats.text import unescape

_PORT_AT_END = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]):\d{1,5}", re.ASCII)
_HOST = re.compile(r"(.*?)(?::(\d{1,5}))?", re.ASCII | re.DOTALL)
_LIST_SEPARATOR = re.compile(rb", | : ")


_INTEGERS = "[1-9][0-9]{0,17}|0|-"


class Kind(NamedTuple):
    """What a field holds."""

    #: For people, behind "expected".
    expected: str
    #: The value of a text as logged; None where it is unknown.
    convert: Callable[[bytes], Any]
    #: The texts, where they have a form of their own and do not merely end at the next literal.
    own: str = ""
    #: The first character, where it is always the same.
    start: str = ""
    #: Whether the text may hold blanks.
    blanks: bool = False
    #: The texts that the fast path takes; empty for any that JSON need not escape.
    safe: str = ""
    #: Of a number of seconds: it is logged in units of 10**`exponent` seconds.
    exponent: int = 0


def _address(raw: bytes) -> str | None:
    """An address without brackets, port and zone id, which names an interface of the server."""
    text = values.text(raw)
    if text is None:
        return None
    port = _PORT_AT_END.fullmatch(text)
    return (port[1] if port else text).strip("[]").partition("%")[0] or None


def _user(raw: bytes) -> str | None:
    return "" if raw == b'""' else values.text(raw)  # Apache's log_remote_user


def _size(raw: bytes) -> int | None:
    return 0 if raw == b"-" else values.integer(raw)


def split_host(raw: bytes) -> tuple[str | None, int | None]:
    """Name and port of a Host header or server name."""
    text = values.text(raw)
    match = _HOST.fullmatch(text or "")
    if text is None or match is None:
        return None, None
    return match[1].lower().strip("[]") or None, int(match[2]) if match[2] else None


def _name(raw: bytes) -> str | None:
    text = values.text(raw)
    return None if text is None else text.lower().strip("[]")


def last_of(raw: bytes) -> bytes:
    """The last value of a list: nginx logs one for each upstream, ``a, b``, and ``a : b`` at redirects."""
    return _LIST_SEPARATOR.split(raw)[-1]


def is_list(raw: bytes) -> bool:
    """Whether there is more than one value."""
    return _LIST_SEPARATOR.search(raw) is not None


def _list_of(convert: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    return lambda raw: convert(last_of(raw))


def seconds(exponent: int = 0) -> Kind:
    """A decimal number of 10**`exponent` seconds."""
    return Kind(
        "a number or -",
        lambda raw: values.seconds(raw, exponent),
        own=r"-?[0-9]+(?:\.[0-9]+)?|-",
        safe=_INTEGERS if exponent else r"[0-9]{1,18}(?:\.[0-9]{1,9})?|-",
        exponent=exponent,
    )


_ITEM = "(?!: )[^ ,]+"
_LIST = rf"{_ITEM}(?:(?:, | : ){_ITEM})*(?! : )"

TEXT = Kind("text", values.text, blanks=True)
USER = Kind("a user or -", _user, blanks=True)
WORD = Kind("a word", values.text)
CLIENT = Kind(
    "an address or name", _address, safe="[0-9A-Za-z_][0-9A-Za-z_.-]*|[0-9a-fA-F]*:[0-9a-fA-F:.]+|-"
)
ADDRESSES = Kind("addresses", values.text, own="[^ ,]+(?:, ?[^ ,]+)*")
NAME = Kind("a name", _name, safe="[0-9a-z_*.-]+")
#: A Host header: name and, where it says one, port.
HOST = Kind("a host name", split_host, safe="[0-9a-z_*.-]+(?::[1-9][0-9]{0,4})?")
INTEGER = Kind("digits or -", values.integer, own="-?[0-9]+|-", safe=_INTEGERS)
SIZE = Kind("digits or -", _size, own="-?[0-9]+|-", safe=_INTEGERS)
STATUS = Kind("3 digits or -", values.status, own="[0-9]{3}|-", safe="[0-9]{3}|-")
REQUEST = Kind("a request line", unescape, own="[^ ]+ [^ ]+(?: [A-Za-z]+/[0-9.]+)?|-")
METHOD = Kind("a method", values.text, safe="(?!C)[A-Z]+")
TARGET = Kind("a target", values.text, start="/")
QUERY = Kind("a query with ? or nothing", values.text, own=r'(?:\?[^ "\\]*(?:\\.[^ "\\]*)*|-)?', start="?")
PROTOCOL = Kind("a protocol", values.text, safe=r"HTTP/[0-9]+(?:\.[0-9]+)?")
TIME = Kind("a time", lambda raw: raw.decode("latin-1"))
UPSTREAM = Kind("an upstream", _list_of(values.text), own=_LIST)
UPSTREAM_STATUS = Kind("status of the upstream", _list_of(values.status), own=_LIST, safe="[0-9]{3}|-")
UPSTREAM_SECONDS = Kind(
    "seconds of the upstream", _list_of(values.seconds), own=_LIST, safe=r"[0-9]{1,18}(?:\.[0-9]{1,9})?|-"
)
LISTS = (UPSTREAM, UPSTREAM_STATUS, UPSTREAM_SECONDS)
