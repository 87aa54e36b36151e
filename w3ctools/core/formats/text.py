r"""Bytes of a log as text that cannot act on a terminal.

Servers escape what they log (Apache's ``ap_escape_logitem``, nginx's ``ngx_http_log_escape``), because
an escape sequence in a request must not reach the terminal of whoever reads the log (CVE-2003-0020,
CVE-2009-4487). Undoing all of it would arm those sequences again, so control characters, bidi
controls and bytes that are not UTF-8 stay visible as ``\xHH``, whether the log had them raw or escaped.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(rb"[ -\[\]-~]*")
_SPECIAL = re.compile(rb'(?:\\x[0-9A-Fa-f]{2}|[\x80-\xff])+|\\["\\tnrbvf]|[\x00-\x1f\x7f]')
_UNSHOWABLE = re.compile(rb"[\x80-\xff]+|[\x00-\x1f\x7f]")
_UNIT = re.compile(rb"\\x..|.", re.DOTALL)
_C_ESCAPES = {b"t": r"\x09", b"n": r"\x0a", b"r": r"\x0d", b"b": r"\x08", b"v": r"\x0b", b"f": r"\x0c"}
#: C0, DEL and C1; line and paragraph separator; bidi controls (Unicode UAX 9, section 2).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def unescape(raw: bytes) -> str:
    r"""The text that a server logged as `raw`: ``\"``, ``\\`` and ``\xHH`` undone where that is safe.

    >>> unescape(rb"a \"q\" caf\xc3\xa9 \x1b[31m")
    'a "q" café \\x1b[31m'
    """
    if _PLAIN.fullmatch(raw):
        return raw.decode("ascii")
    return _rewrite(_SPECIAL, raw)


def visible(raw: bytes) -> str:
    r"""`raw` as it stands in the log, only that what could act on a terminal is written ``\xHH``.

    >>> visible(b"\x1b[31m \\x1b caf\xc3\xa9")
    '\\x1b[31m \\x1b café'
    """
    return _rewrite(_UNSHOWABLE, raw)


def _rewrite(special: re.Pattern[bytes], raw: bytes) -> str:
    pieces, end = [], 0
    for match in special.finditer(raw):
        pieces.append(raw[end : match.start()].decode("ascii"))
        pieces.append(_show(match[0]))
        end = match.end()
    pieces.append(raw[end:].decode("ascii"))
    return "".join(pieces)


def _show(run: bytes) -> str:
    if len(run) == 1 and run < b"\x80":
        return _spelled(run)
    if run[:1] == b"\\" and run[1:2] != b"x":
        return _C_ESCAPES.get(run[1:], run[1:].decode("ascii"))
    units = [match[0] for match in _UNIT.finditer(run)]
    data = bytes(int(unit[2:], 16) if len(unit) > 1 else unit[0] for unit in units)
    shown, at = [], 0
    while at < len(data):
        size, char = _character(data, at)
        if char is None or _UNSAFE.match(char):
            shown += [_spelled(unit) for unit in units[at : at + size]]
        else:
            shown.append(char)
        at += size
    return "".join(shown)


def _character(data: bytes, at: int) -> tuple[int, str | None]:
    """Size in bytes of the UTF-8 character at `at`, and the character: ``(1, None)`` if there is none."""
    first = data[at]
    size = 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    try:
        return size, data[at : at + size].decode("utf-8")
    except UnicodeDecodeError:
        return 1, None


def _spelled(unit: bytes) -> str:
    return unit.decode("ascii") if len(unit) > 1 else f"\\x{unit[0]:02x}"


def shortened(text: str, most_bytes: int) -> str:
    """A text of at most so many bytes in UTF-8; the middle of a longer one is left out.

    >>> shortened("/a", 256), len(shortened("x" * 8192, 256))
    ('/a', 256)
    """
    data = text.encode("utf-8", "replace")
    if len(data) <= most_bytes:
        return text
    half = (most_bytes - 3) // 2
    middle = "." * (most_bytes - 2 * half)
    return data[:half].decode("utf-8", "ignore") + middle + data[-half:].decode("utf-8", "ignore")
