"""Times in format strings: text of a piece -> its parts, parts of all pieces -> one time.

Apache's ``%{...}t`` takes a strftime format or one of ``sec msec usec msec_frac usec_frac``, each with
``begin:`` or ``end:`` in front; they cannot be combined in one directive, so a log may spread a time over
several (manual of mod_log_config, Custom Log Formats). nginx has ``$time_local``, ``$time_iso8601`` and
``$msec`` (ngx_http_log_module). Month names are English ones; no locale, clock or strptime is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from w3ctools.core.errors import FormatError
from w3ctools.core.timestamp import MONTHS, Zone, civil_from_days, days_from_civil, rfc3339

Time = tuple[str | None, int | float | None]
NO_TIME: Time = (None, None)

_FULL_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH_NUMBER = {name: number for number, name in enumerate(_FULL_MONTHS, 1)} | {
    name.lower(): number for number, name in enumerate(MONTHS, 1)
}
_TWO = "[0-9]{2}"
_ZONE = r"[+-][0-9]{2}:?[0-9]{2}|Z"
#: The text of each strftime directive. Groups are the parts of a time; what is not named tells nothing new.
_DIRECTIVES = {
    "a": "[A-Za-z]{3}",
    "A": "[A-Za-z]+",
    "b": "(?P<month_name>[A-Za-z]{3})",
    "h": "(?P<month_name>[A-Za-z]{3})",
    "B": "(?P<month_name>[A-Za-z]+)",
    "C": _TWO,
    "d": f"(?P<day>{_TWO})",
    "e": "(?P<day>[ 0-9]?[0-9])",
    "f": "(?P<fraction>[0-9]{1,9})",
    "g": _TWO,
    "G": "[0-9]{4}",
    "H": f"(?P<hour>{_TWO})",
    "I": f"(?P<hour12>{_TWO})",
    "j": "(?P<day_of_year>[0-9]{3})",
    "k": "(?P<hour>[ 0-9]?[0-9])",
    "l": "(?P<hour12>[ 0-9]?[0-9])",
    "m": f"(?P<month>{_TWO})",
    "M": f"(?P<minute>{_TWO})",
    "n": r"\s",
    "p": "(?P<half>[AaPp][Mm])",
    "P": "(?P<half>[AaPp][Mm])",
    "s": "(?P<s>[0-9]{1,12})",
    "S": f"(?P<second>{_TWO})",
    "t": r"\s",
    "u": "[0-9]",
    "U": _TWO,
    "V": _TWO,
    "w": "[0-9]",
    "W": _TWO,
    "y": f"(?P<short_year>{_TWO})",
    "Y": "(?P<year>[0-9]{4})",
    "z": f"(?P<zone>{_ZONE})",
    "Z": "(?P<zone_name>[A-Za-z]{1,5}|[+-][0-9]{2,4})",
    "%": "%",
}
COMPOUNDS = {
    "c": "%a %b %e %H:%M:%S %Y",
    "D": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "r": "%I:%M:%S %p",
    "R": "%H:%M",
    "T": "%H:%M:%S",
    "x": "%m/%d/%y",
    "X": "%H:%M:%S",
}
_TOKENS = {
    "sec": "(?P<s>[0-9]{1,12})",
    "msec": "(?P<ms>[0-9]{1,15})",
    "usec": "(?P<us>[0-9]{1,18})",
    "msec_frac": "(?P<fraction>[0-9]{3})",
    "usec_frac": "(?P<fraction>[0-9]{6})",
}
#: Letters of Java's SimpleDateFormat, which Tomcat and Jetty take.
_JAVA = {
    "yyyy": "%Y",
    "yy": "%y",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "dd": "%d",
    "d": "%e",
    "HH": "%H",
    "hh": "%I",
    "mm": "%M",
    "ss": "%S",
    "SSS": "%f",
    "a": "%p",
    "EEE": "%a",
    "Z": "%z",
    "X": "%z",
    "XX": "%z",
    "XXX": "%z",
    "zzz": "%Z",
}
_GROUP_NAME = re.compile(r"\(\?P<(\w+)>")
_DATE_PARTS = ({"year", "short_year"}, {"month", "month_name", "day_of_year"}, {"day", "day_of_year"})


class Piece(NamedTuple):
    """A directive that logs a time, or a part of one."""

    #: The text that it can log, without groups.
    own: str
    #: The same text with the parts as named groups.
    pattern: re.Pattern[str]
    #: When the request ended, not when it came.
    is_end: bool = False
    #: What of it the fast path reads: never without a zone that it can have.
    safe: str = ""
    #: For people, behind "expected".
    expected: str = "a time"
    #: What it logs, as a strftime format, or the name of a number: such as ``msec_frac``.
    strftime: str = ""

    @property
    def parts(self) -> set[str]:
        """What it tells."""
        return set(self.pattern.groupindex)


def _piece(pattern: str, is_end: bool = False) -> Piece:
    own = _groupless(pattern)
    return Piece(own, re.compile(pattern), is_end, own)


def _groupless(pattern: str) -> str:
    return _GROUP_NAME.sub("(?:", pattern)


def compile_time(text: str, column: int = 1) -> Piece:
    """The piece that ``%{text}t`` logs. Raises FormatError; `column` is where `text` begins.

    >>> compile_time("%d/%b/%Y").pattern.fullmatch("10/Oct/2000").groupdict()
    {'day': '10', 'month_name': 'Oct', 'year': '2000'}
    """
    prefix, colon, rest = text.partition(":")
    if colon and prefix in ("begin", "end"):
        text, column = rest, column + len(prefix) + 1
    is_end = colon == ":" and prefix == "end"
    if text in _TOKENS:
        return _piece(_TOKENS[text], is_end)._replace(expected="digits", strftime=text)
    strftime = text if "%" in text else _strftime_of_java(text, column)
    piece = _piece(_named_once(_expanded(strftime, column)), is_end)
    return piece._replace(expected=f"a time like {text}", strftime=strftime)


def _expanded(text: str, column: int = 1) -> str:
    pieces = []
    for match in re.finditer(r"%[EO_-]?(.?)|[^%]+", text, re.DOTALL):
        letter = match[1]
        if letter is None:
            pieces.append(re.escape(match[0]))
        elif letter in COMPOUNDS:
            pieces.append(_expanded(COMPOUNDS[letter]))
        elif letter in _DIRECTIVES:
            pieces.append(_DIRECTIVES[letter])
        else:
            raise FormatError(f"time: expected a strftime directive, not {match[0]}", column + match.start())
    return "".join(pieces)


def _named_once(pattern: str) -> str:
    """A part that is logged twice in a piece is read the first time."""
    seen: set[str] = set()

    def name(match: re.Match[str]) -> str:
        known = match[1] in seen
        seen.add(match[1])
        return "(?:" if known else match[0]

    return _GROUP_NAME.sub(name, pattern)


def _strftime_of_java(text: str, column: int) -> str:
    pieces = []
    for match in re.finditer(r"'([^']*)'|([A-Za-z])\2*|[^A-Za-z']+", text.partition("|")[0]):
        word = match[0]
        if match[2] is None:
            pieces.append((match[1] or "'" if word[0] == "'" else word).replace("%", "%%"))
        elif word in _JAVA:
            pieces.append(_JAVA[word])
        else:
            raise FormatError(f"time: expected letters of a date format, not {word}", column + match.start())
    return "".join(pieces)


_CLF_DATE = "(?P<day>[0-9]{1,2})/(?P<month_name>[A-Za-z]{3})/(?P<year>[0-9]{4})[: ]" + _expanded("%T")
#: Between the brackets of ``%t``; some servers leave out the zone.
CLF = _piece(rf"{_CLF_DATE}(?:\.(?P<fraction>[0-9]{{1,9}}))?(?: (?P<zone>{_ZONE}))?")._replace(
    safe=_groupless(_expanded("%d/%b/%Y:%T %z")),
    expected="dd/Mon/yyyy:hh:mm:ss zone",
    strftime="%d/%b/%Y:%T %z",
)
#: nginx: when the entry was written, which is the end of the request.
ISO8601 = _piece(_expanded("%Y-%m-%dT%T%z"))._replace(
    expected="yyyy-mm-ddThh:mm:ss and zone", strftime="%Y-%m-%dT%T+00:00"
)
MSEC = _piece(r"(?P<s>[0-9]{1,12})\.(?P<fraction>[0-9]{3})")._replace(
    expected="seconds.milliseconds", strftime="%s.%f"
)


def chosen_pieces(pieces: Sequence[Piece]) -> list[int]:
    """Which of a format's pieces make the time: those of the beginning where they suffice, by index."""
    for is_end in (False, True):
        numbers = [number for number, piece in enumerate(pieces) if piece.is_end == is_end]
        if is_whole([pieces[number] for number in numbers]):
            return numbers
    return list(range(len(pieces)))


def is_whole(pieces: Sequence[Piece]) -> bool:
    """Whether these pieces tell a date and an hour, or the seconds since 1970."""
    parts: set[str] = set().union(*(piece.parts for piece in pieces))
    has_date = all(parts & some for some in _DATE_PARTS) and bool(parts & {"hour", "hour12"})
    return has_date or bool(parts & {"s", "ms", "us"})


def has_zone(pieces: Sequence[Piece]) -> bool:
    """Whether no line of these pieces needs a zone from elsewhere."""
    parts: set[str] = set().union(*(piece.parts for piece in pieces))
    return bool(parts & {"zone", "s", "ms", "us"})


def read_time(pieces: Sequence[Piece], texts: Sequence[str], zone: Zone) -> Time:
    """The time that the texts of the pieces make; ``(None, None)`` for an impossible or partial one.

    >>> read_time([CLF, compile_time("usec_frac")], ["10/Oct/2000:13:55:36 -0700", "000250"], Zone())
    ('2000-10-10T20:55:36.000250Z', 971211336.00025)
    """
    parts: dict[str, str] = {}
    for piece, text in zip(pieces, texts, strict=True):
        match = piece.pattern.fullmatch(text)
        if match is None:
            return NO_TIME
        for name, value in match.groupdict().items():
            if value is not None:
                parts.setdefault(name, value)
    return _moment(parts, zone)


def _moment(parts: Mapping[str, str], zone: Zone) -> Time:
    fraction = parts.get("fraction", "")
    if "us" in parts or "ms" in parts:
        name, digits = ("us", 6) if "us" in parts else ("ms", 3)
        number = parts[name].rjust(digits + 1, "0")
        epoch_s: int | None = int(number[:-digits])
        fraction = number[-digits:]
    elif "s" in parts:
        epoch_s = int(parts["s"])
    else:
        epoch_s = _civil_s(parts, zone)
    time = None if epoch_s is None else rfc3339(epoch_s, fraction)
    if epoch_s is None or time is None:
        return NO_TIME
    return time, float(f"{epoch_s}.{fraction[:6]}") if fraction and epoch_s >= 0 else epoch_s


def _civil_s(parts: Mapping[str, str], zone: Zone) -> int | None:
    days = _days(parts)
    hour = _hour(parts)
    minute, second = int(parts.get("minute", "0")), int(parts.get("second", "0"))
    if days is None or hour is None or hour > 23 or minute > 59 or second > 60:
        return None
    local_s = days * 86_400 + hour * 3600 + minute * 60 + second
    if "zone" in parts:
        offset_s = _offset_s(parts["zone"])
    elif parts.get("zone_name") in ("UTC", "GMT"):
        offset_s = 0
    else:
        offset_s = zone.offset_s(local_s)
    return None if offset_s is None else local_s - offset_s


def _days(parts: Mapping[str, str]) -> int | None:
    if "year" in parts:
        year = int(parts["year"])
    elif "short_year" in parts:
        year = int(parts["short_year"])
        year += 1900 if year >= 69 else 2000  # POSIX strptime, %y
    else:
        return None
    if "day_of_year" in parts and "day" not in parts:
        days = days_from_civil(year, 1, 1) + int(parts["day_of_year"]) - 1
        return days if civil_from_days(days)[0] == year else None
    name = parts.get("month_name")
    month = _MONTH_NUMBER.get(name.lower()) if name else int(parts.get("month", "0"))
    day = int(parts.get("day", "0"))
    if not month or month > 12:
        return None
    days = days_from_civil(year, month, day)
    return days if civil_from_days(days) == (year, month, day) else None


def _hour(parts: Mapping[str, str]) -> int | None:
    if "hour" in parts:
        return int(parts["hour"])
    if "hour12" not in parts or not 1 <= int(parts["hour12"]) <= 12:
        return None
    return int(parts["hour12"]) % 12 + (12 if parts.get("half", "am").lower() == "pm" else 0)


def _offset_s(zone: str) -> int | None:
    """Seconds east of UTC; None where the offset is impossible."""
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 23 or minutes > 59:
        return None
    return (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)
