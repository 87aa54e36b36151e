"""Times by strftime formats, in UTC and with English names: see `core.formats.timeformat`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from w3ctools.core.formats.timeformat import COMPOUNDS
from w3ctools.core.synth.line import Moment, OfMoment
from w3ctools.core.timestamp import MONTHS

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DIRECTIVE = re.compile(r"%[EO_-]?(.)", re.DOTALL)
#: Tokens of Apache's ``%{...}t``: of a whole second.
_TOKENS: dict[str, str] = {
    "sec": "%s",
    "msec": "%s000",
    "usec": "%s000000",
    "msec_frac": "000",
    "usec_frac": "000000",
}
#: Those that depend on the locale or are not in every C library; the others are numbers, and Python's.
_OWN: dict[str, Callable[[datetime], str]] = {
    "a": lambda time: _DAYS[time.weekday()][:3],
    "A": lambda time: _DAYS[time.weekday()],
    "b": lambda time: MONTHS[time.month - 1],
    "h": lambda time: MONTHS[time.month - 1],
    "B": lambda time: _MONTHS[time.month - 1],
    "C": lambda time: f"{time.year // 100:02}",
    "e": lambda time: f"{time.day:2}",
    "f": lambda time: "000",
    "g": lambda time: f"{time.isocalendar()[0] % 100:02}",
    "k": lambda time: f"{time.hour:2}",
    "l": lambda time: f"{(time.hour - 1) % 12 + 1:2}",
    "n": lambda time: " ",
    "p": lambda time: "PM" if time.hour >= 12 else "AM",
    "P": lambda time: "pm" if time.hour >= 12 else "am",
    "s": lambda time: str(int(time.timestamp())),
    "t": lambda time: " ",
    "Y": lambda time: f"{time.year:04}",
}


def time_part(strftime: str) -> OfMoment:
    """What logs a time in this format, or the token of this name."""
    text = _TOKENS.get(strftime, strftime)
    return OfMoment(lambda moment: written(text, moment))


def written(strftime: str, moment: Moment) -> str:
    """The text of a moment.

    >>> written("%a %d/%b/%Y:%T.%f %z", Moment(971211336))
    'Tue 10/Oct/2000:20:55:36.000 +0000'
    """
    time = _EPOCH + timedelta(seconds=moment.epoch_s)

    def directive(match: re.Match[str]) -> str:
        letter = match[1]
        if letter in COMPOUNDS:
            return written(COMPOUNDS[letter], moment)
        return _OWN[letter](time) if letter in _OWN else time.strftime(f"%{letter}")

    return _DIRECTIVE.sub(directive, strftime)
