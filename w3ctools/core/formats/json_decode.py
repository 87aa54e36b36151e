r"""Logs of one JSON object a line: decoded, repaired where a server writes no JSON, with safe texts.

ParseError is raised at the column where the JSON breaks, at 1 where the object is none of the format. Of a
key that occurs twice the last one counts. The decoder limits depth and the size of numbers; time and memory
are in proportion to the line.

Some servers write what is no JSON: nginx without ``escape=json`` writes ``\xHH``, with it nothing at all
for an empty variable outside quotes (``"t":,``), and either way bytes that are not UTF-8. Such a line is
repaired and read again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import values
from w3ctools.core.timestamp import Zone, parse_any

T = TypeVar("T")

#: What a decoder raises where it cannot read; the last, if the line is nested too deeply.
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_BYTE = re.compile(r"\(byte (\d+)\)")
_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|.)", re.DOTALL)
# A string is taken whole, closed or not, so that nothing inside one is ever looked at twice.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"(\s*:(?=\s*[,}]))?|\\?\Z)', re.DOTALL)
_NO_UTF8 = re.compile("[\udc80-\udcff]")
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
decode_text = msgspec.json.Decoder(str).decode


def decoded(decode: Callable[[bytes], T], line: bytes, repair: bool = True) -> T:
    """What `decode` makes of the line, repaired where that is needed; raises ParseError."""
    try:
        return decode(line)
    except UNDECODABLE as error:
        # With its traceback it would know this frame, and all above would wait for the garbage collector.
        failure: Exception = error.with_traceback(None)
    is_broken = not isinstance(failure, (msgspec.ValidationError, RecursionError))
    if repair and is_broken and line.lstrip()[:1] == b"{":
        try:
            return decode(_repaired(line))
        except UNDECODABLE:  # the fault that is told is that of the line as it stands
            pass
    if isinstance(failure, msgspec.ValidationError):
        raise ParseError(f"json: {failure}", 1) from None
    if isinstance(failure, RecursionError):
        raise ParseError("json: nested too deeply", 1) from None
    if "truncated" in str(failure) and line.lstrip()[:1] == b"{":
        raise ParseError("json: the line ends within the object", len(line) + 1) from None
    place = _BYTE.search(str(failure))
    raise ParseError("json: expected an object", min(int(place[1]), len(line)) + 1 if place else 1) from None


def _repaired(line: bytes) -> bytes:
    r"""``\xHH`` as JSON writes it, a value that is missing as null, a byte that is not UTF-8 as ``\\xHH``."""
    line = _ESCAPE.sub(_repair_escape, line)
    line = _STRING.sub(lambda match: match[0] + (b"null" if match[1] else b""), line)
    text = line.decode("utf-8", "surrogateescape")
    return _NO_UTF8.sub(lambda match: f"\\\\x{ord(match[0]) - 0xDC00:02x}", text).encode()


def _repair_escape(match: re.Match[bytes]) -> bytes:
    if match[1] is None:
        return match[0]
    return b"\\u00" + match[1] if match[1] < b"8" else bytes.fromhex(match[1].decode())


def scalars(line: bytes) -> dict[str, str]:
    """The object's texts, and numbers with the digits of the source.

    A null is an empty text; what is nested is left out.
    """
    texts: dict[str, str] = {}
    for key, raw in _decode_object(line).items():
        data = bytes(raw)
        if data[:1] == b'"':
            texts[values.safe(key)] = values.safe(decode_text(data))
        elif data == b"null":
            texts[values.safe(key)] = ""
        elif data[:1] not in b"{[":
            texts[values.safe(key)] = data.decode("ascii")
    return texts


def known(text: str | None) -> str | None:
    """The text; ``-`` and nothing mean unknown."""
    return None if text in ("", "-") else text


def integer(text: str | int | None) -> int | None:
    """A count, as text or as a number."""
    digits = text if isinstance(text, str) else str(text)
    return int(digits) if len(digits) <= values.MAX_DIGITS and digits.isascii() and digits.isdigit() else None


def status(text: str | int | None) -> int | None:
    """A status from 100 to 999, as text or as a number."""
    return values.status(str(text).encode())


def seconds(text: str | None, exponent: int = 0) -> int | float | None:
    """Seconds of a decimal number of 10**`exponent` seconds."""
    return values.seconds(text.encode(), exponent) if text else None


def extra(entry: dict[str, str], used: frozenset[str] | set[str]) -> dict[str, str] | None:
    """What has no key of its own and is known; None if there is nothing."""
    return {key: text for key, text in entry.items() if key not in used and known(text)} or None


def time_of(text: str | None, zone: Zone) -> tuple[str | None, int | float | None]:
    """``(time, epoch)`` of a stamp in any shape that servers use. Raises ParseError."""
    if text is None:
        return None, None
    try:
        return parse_any(text, zone)
    except ValueError:
        raise ParseError("time: expected ISO 8601, Unix seconds or dd/Mon/yyyy:hh:mm:ss zone", 1) from None
