"""Logged values as the record holds them: text, numbers, seconds, addresses.

Every function takes the bytes of one value as logged and gives None where the log does not know it.
"""

from __future__ import annotations

import re

from w3ctools.core.formats.request import NO_REQUEST, Request, parse_request
from w3ctools.core.formats.text import unescape, visible

#: An integer of more digits is no size any server wrote.
MAX_DIGITS = 18

_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]]*):([0-9]{1,5})")
_DECIMAL = re.compile(rb"[0-9]{1,18}(?:\.[0-9]{1,9})?")


def text(raw: bytes) -> str | None:
    """Unescaped text; ``-`` and nothing mean unknown."""
    return None if raw in (b"-", b"") else unescape(raw)


def integer(raw: bytes) -> int | None:
    """A count; None for anything but up to `MAX_DIGITS` digits."""
    return int(raw) if raw.isdigit() and len(raw) <= MAX_DIGITS else None


def status(raw: bytes) -> int | None:
    """A status from 100 to 999; nginx logs 000 for none and 009 for HTTP/0.9."""
    return int(raw) if len(raw) == 3 and raw.isdigit() and raw[:1] != b"0" else None


def seconds(raw: bytes, exponent: int = 0) -> int | float | None:
    """Seconds of a decimal number of 10**`exponent` seconds: -3 for milliseconds, -6 for microseconds.

    The digits stay those of the source: 109 ms are 0.109.

    >>> seconds(b"109", -3)
    0.109
    """
    if not _DECIMAL.fullmatch(raw):
        return None
    number = raw.decode("ascii")
    return int(number) if exponent == 0 and "." not in number else float(f"{number}e{exponent}")


def safe(text: str) -> str:
    r"""Decoded text, with what could act on a terminal written ``\xHH``.

    >>> safe("caf\xe9 \x1b[31m")
    'caf\xe9 \\x1b[31m'
    """
    # Controls, bidi controls and separators are not printable, nor are lone surrogates.
    return text if text.isprintable() else visible(text.encode("utf-8", "surrogatepass"))


def host_and_port(text: str) -> tuple[str, int | None]:
    """An address or a name without brackets and zone id, and the port behind it if there is one.

    >>> host_and_port("[2001:db8::1]:443"), host_and_port("::1")
    (('2001:db8::1', 443), ('::1', None))
    """
    match = _HOST_AND_PORT.fullmatch(text)
    host, port = (match[1], int(match[2])) if match else (text, None)
    return host.strip("[]").partition("%")[0], port


def request_parts(method: str, target: str, protocol: str, site: str = "") -> Request:
    """`parse_request` where the log has the parts; ``-`` and nothing mean that a part is unknown.

    >>> request_parts("GET", "/a?b", "-").query
    'b'
    """
    known = [part for part in (method, target, protocol) if part not in ("", "-")]
    if not known or known == [protocol]:
        return NO_REQUEST._replace(protocol=known[0] if known else None)
    if method in ("", "-"):
        return Request(request=" ".join(known))
    return parse_request(" ".join(known), site)


_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


def percent_decoded(raw: bytes) -> bytes:
    """`raw` with every ``%XX`` undone once.

    >>> percent_decoded(b"a%20b%2522")
    b'a b%22'
    """
    return _PERCENT.sub(lambda match: bytes((int(match[1], 16),)), raw) if b"%" in raw else raw
