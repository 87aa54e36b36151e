"""What users write and read for durations, times and rates: one way for every option of every command."""

from __future__ import annotations

import re
from fractions import Fraction
from math import floor, log10

from w3ctools.core.errors import QuantityError
from w3ctools.core.timestamp import parse_rfc3339

_DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d)?")
_UNIT_S = {None: 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_SIZE = re.compile(r"([0-9.]+) ?([KMGT]i?)?B?", re.IGNORECASE)
_UNIT_BYTES: dict[str, int] = {"": 1} | {
    prefix + i: (1024 if i else 1000) ** power for power, prefix in enumerate("kmgt", 1) for i in ("", "i")
}
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?|\.[0-9]{1,9}")


def parse_duration_s(text: str) -> int:
    """Whole seconds of ``90``, ``90s``, ``10m``, ``2h`` or ``30d``. Raises QuantityError.

    >>> parse_duration_s("10m")
    600
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise QuantityError(f"{text!r} is no duration: expected 90, 90s, 10m, 2h or 30d")
    return int(match[1]) * _UNIT_S[match[2]]


def parse_time_s(text: str, now_s: int) -> int:
    """Unix seconds of an RFC 3339 time, or of ``-2h`` before `now_s`. Raises QuantityError."""
    text = text.strip()
    if text.startswith("-"):
        return now_s - parse_duration_s(text[1:])
    try:
        return int(parse_rfc3339(text))
    except ValueError as error:
        raise QuantityError(f"{error}, or -2h for two hours ago") from None


def parse_number(text: str) -> Fraction:
    """A decimal number from 0 up, exactly as written: 0.29 is 29/100. Raises QuantityError."""
    if not _NUMBER.fullmatch(text.strip()):
        raise QuantityError(f"{text!r} is no number: expected one such as 10 or 0.5")
    return Fraction(text.strip())


def parse_share(text: str) -> Fraction:
    """A share from 0 to 1, written ``1%`` or ``0.01``. Raises QuantityError."""
    number, percent, rest = text.strip().partition("%")
    if rest or not _NUMBER.fullmatch(number):
        raise QuantityError(f"{text!r} is no share: expected one such as 1% or 0.01")
    share = Fraction(number) / (100 if percent else 1)
    if share > 1:
        raise QuantityError(f"{text!r} is more than all: expected a share such as 1% or 0.01")
    return share


def parse_factor(text: str) -> Fraction:
    """How many times as fast: ``10x`` or ``10``, above 0. Raises QuantityError."""
    try:
        factor = parse_number(text.strip().removesuffix("x"))
    except QuantityError:
        factor = Fraction(0)
    if factor == 0:
        raise QuantityError(f"{text!r} is no speed: expected one above 0, such as 10x")
    return factor


def parse_size_bytes(text: str) -> Fraction:
    """Bytes of ``500``, ``64KiB`` (1,024 each) or ``2MB`` (1,000,000 each). Raises QuantityError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or not _NUMBER.fullmatch(match[1]):
        raise QuantityError(f"{text!r} is no size: expected one such as 500, 64KiB or 2MB")
    return Fraction(match[1]) * _UNIT_BYTES[(match[2] or "").lower()]


def parse_seconds(text: str) -> Fraction:
    """Seconds of ``0.5``, ``0.5s`` or ``500ms``, exactly. Raises QuantityError."""
    text = text.strip()
    number = text.removesuffix("ms") if text.endswith("ms") else text.removesuffix("s")
    if not _NUMBER.fullmatch(number):
        raise QuantityError(f"{text!r} is no time that a request takes: expected one such as 0.5 or 500ms")
    return Fraction(number) / (1000 if text.endswith("ms") else 1)


def plain(value: float) -> str:
    """Three significant digits, never with an exponent.

    >>> plain(7.234), plain(0.00012), plain(1234.5), plain(5.0), plain(0.0)
    ('7.23', '0.00012', '1234', '5', '0')
    """
    if not value:
        return "0"
    digits = max(0, 2 - floor(log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text
