"""Time stamps of access logs <-> Unix seconds, by integer arithmetic alone.

No ``strptime``, locale or local time zone: servers write English month names whatever the locale
(Apache's ``apr_month_snames``), and a process's ``TZ`` must not change what a log says.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBER = {name.lower(): number for number, name in enumerate(MONTHS, 1)}
_CLF = re.compile(
    r"(\d{1,2})/([A-Za-z]{3})/(\d{4})[: ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?: ([+-])(\d\d)(\d\d))?",
    re.ASCII,
)
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(?P<fraction>\d+))?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<zone_hour>\d\d):?(?P<zone_minute>\d\d))",
    re.ASCII,
)
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?"
    r"(?:[Zz]| ?([+-])(\d\d):?(\d\d))?",
    re.ASCII,
)
_UNIX = re.compile(r"(\d{1,11})(?:\.(\d{1,9})\d*)?|(\d{10})(\d{3}(?:\.\d+)?|\d{6}|\d{9})", re.ASCII)
_RFC3339_YEARS = range(0, 10_000)


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date of the proleptic Gregorian calendar.

    >>> days_from_civil(2000, 10, 10)
    11240
    """
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def civil_from_days(days: int) -> tuple[int, int, int]:
    """The inverse of `days_from_civil`: ``(year, month, day)``."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_of_year = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_of_year + 2) // 5 + 1
    month = month_of_year + 3 if month_of_year < 10 else month_of_year - 9
    return year_of_era + era * 400 + (month <= 2), month, day


def rfc3339(epoch_s: int, fraction_digits: str = "") -> str | None:
    """UTC text of a second; None outside the years 0 to 9999, which RFC 3339 cannot write.

    >>> rfc3339(971211336)
    '2000-10-10T20:55:36Z'
    """
    days, second_of_day = divmod(epoch_s, 86_400)
    year, month, day = civil_from_days(days)
    if year not in _RFC3339_YEARS:
        return None
    minutes, second = divmod(second_of_day, 60)
    hour, minute = divmod(minutes, 60)
    fraction = f".{fraction_digits}" if fraction_digits else ""
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"


def time_text(epoch_s: int) -> str:
    """The same for output: beyond those years the number of the second stands for it.

    >>> time_text(253_402_300_800)
    '253402300800'
    """
    return rfc3339(epoch_s) or str(epoch_s)


def clf(epoch_s: int) -> str:
    """The stamp an access log holds between its brackets, in UTC.

    >>> clf(971211336)
    '10/Oct/2000:20:55:36 +0000'
    """
    days, second_of_day = divmod(epoch_s, 86_400)
    year, month, day = civil_from_days(days)
    minutes, second = divmod(second_of_day, 60)
    hour, minute = divmod(minutes, 60)
    return f"{day:02}/{MONTHS[month - 1]}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000"


def parse_rfc3339(text: str) -> int | float:
    """Unix seconds of an RFC 3339 time; ``2026-11-24T10:53:30Z`` or with ``+01:00``.

    Raises ValueError where `text` is none.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no time: expected RFC 3339, such as 2026-11-24T10:53:30Z")
    year, month, day, hour, minute, second = (int(number) for number in match.groups()[:6])
    days = days_from_civil(year, month, day)
    if civil_from_days(days) != (year, month, day) or hour > 23 or minute > 59 or second > 60:
        raise ValueError(f"{text!r} is an impossible time: expected one such as 2026-11-24T10:53:30Z")
    epoch_s = days * 86_400 + hour * 3600 + minute * 60 + second
    if match["sign"]:
        if int(match["zone_hour"]) > 23 or int(match["zone_minute"]) > 59:
            raise ValueError(f"{text!r} is an impossible time: expected one such as 2026-11-24T10:53:30Z")
        offset_s = int(match["zone_hour"]) * 3600 + int(match["zone_minute"]) * 60
        epoch_s += offset_s if match["sign"] == "-" else -offset_s
    return epoch_s + float(f"0.{match['fraction']}") if match["fraction"] else epoch_s


class ZoneMemory(NamedTuple):
    """What the stamps of one log say about those that follow, where clocks are set back."""

    newest_local_s: int = 0
    fold: int = 0


class Zone:
    """The time zone for stamps that name none, such as those of Python's ``http.server``.

    Where clocks are set back an hour occurs twice: it is read as the first until the stamps
    themselves go back, then as the second. A skipped hour is read with the offset after it.
    """

    def __init__(self, zone: tzinfo = timezone.utc) -> None:
        self._zone = zone
        self._newest_local_s = 0
        self._fold = 0
        #: Stamps read so far that named no zone.
        self.used = 0

    @property
    def is_fixed(self) -> bool:
        """Whether the offset is the same all year, as that of UTC is."""
        return isinstance(self._zone, timezone)

    def swap(self, memory: ZoneMemory) -> ZoneMemory:
        """Go on with the stamps of another log, of which `memory` is known; gives that of the one before."""
        known = ZoneMemory(self._newest_local_s, self._fold)
        self._newest_local_s, self._fold = memory
        return known

    def offset_s(self, local_s: int) -> int:
        """Seconds east of UTC at a local time, given as seconds since 1970-01-01 on that clock."""
        self.used += 1
        try:
            moment = datetime(1970, 1, 1) + timedelta(seconds=local_s)
        except OverflowError:  # datetime knows the years 1 to 9999 only
            return 0
        first, second = (self._offset(moment, fold) for fold in (0, 1))
        if first == second:
            self._fold = 0
            self._newest_local_s = local_s + 60  # what comes before it and occurs twice is the second
            return first
        if first < second:  # a skipped hour: fold=1 is the offset after the gap
            return second
        if local_s < self._newest_local_s - 60:
            self._fold = 1
        self._newest_local_s = max(self._newest_local_s, local_s) if not self._fold else local_s
        return second if self._fold else first

    def _offset(self, moment: datetime, fold: int) -> int:
        offset = self._zone.utcoffset(moment.replace(fold=fold, tzinfo=self._zone))
        return int(offset.total_seconds()) if offset is not None else 0


def parse_clf(text: str, zone: Zone | None = None) -> tuple[str | None, int | float | None]:
    """``(time, epoch)`` of the text between a CLF line's brackets.

    Takes ``10/Oct/2000:13:55:36 -0700``, a fraction of the second, and a missing zone (`zone`, else
    UTC). A leap second (``:60``) is the next second. A text of another shape raises ValueError; an
    impossible date (31 February) gives ``(None, None)``.

    >>> parse_clf("10/Oct/2000:13:55:36 -0700")
    ('2000-10-10T20:55:36Z', 971211336)
    """
    match = _CLF.fullmatch(text)
    if match is None:
        raise ValueError(text)
    day, month_name, year, hour, minute, second, fraction, sign, zone_hour, zone_minute = match.groups()
    days = _day_number(day, month_name, year)
    if days is None or int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        return None, None
    local_s = days * 86_400 + int(hour) * 3600 + int(minute) * 60 + int(second)
    if sign:
        if int(zone_hour) > 23 or int(zone_minute) > 59:
            return None, None
        offset_s = int(zone_hour) * 3600 + int(zone_minute) * 60
        epoch_s = local_s + offset_s if sign == "-" else local_s - offset_s
    else:
        epoch_s = local_s - (zone.offset_s(local_s) if zone else 0)
    time = rfc3339(epoch_s, fraction or "")
    if time is None:
        return None, None
    return time, float(f"{epoch_s}.{fraction[:6]}") if fraction and epoch_s >= 0 else epoch_s


def parse_iso(text: str, zone: Zone | None = None) -> tuple[str | None, int | float | None]:
    """``(time, epoch)`` of an ISO 8601 stamp, ``2018-07-02T22:23:00.186641Z``, as `parse_clf` gives them.

    Fraction, ``T`` and zone may be missing; digits beyond the ninth are left out. Raises ValueError for
    another shape; an impossible date gives ``(None, None)``.

    >>> parse_iso("2018-07-02T22:23:00.186Z")
    ('2018-07-02T22:23:00.186Z', 1530570180.186)
    """
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError(text)
    year, month, day, hour, minute, second, fraction, sign, zone_hour, zone_minute = match.groups()
    days = _iso_day_number(year, month, day)
    if days is None or hour > "23" or minute > "59" or second > "60":
        return None, None
    if sign and (zone_hour > "23" or zone_minute > "59"):
        return None, None
    epoch_s = days * 86_400 + int(hour) * 3600 + int(minute) * 60 + int(second)
    if sign:
        offset_s = int(zone_hour) * 3600 + int(zone_minute) * 60
        epoch_s += offset_s if sign == "-" else -offset_s
    elif zone is not None and not text.endswith(("Z", "z")):
        epoch_s -= zone.offset_s(epoch_s)
    return _with_fraction(epoch_s, fraction)


def parse_unix(text: str) -> tuple[str | None, int | float | None]:
    """``(time, epoch)`` of Unix seconds with or without fraction, or of 13, 16 or 19 digits (ms, us, ns).

    Milliseconds may have a fraction too. Raises ValueError for another shape.

    >>> parse_unix("1646861401.5241024")
    ('2022-03-09T21:30:01.5241024Z', 1646861401.524102)
    """
    match = _UNIX.fullmatch(text)
    if match is None:
        raise ValueError(text)
    fraction = match[2] if match[1] else match[4].replace(".", "")[:9]
    return _with_fraction(int(match[1] or match[3]), fraction)


def parse_any(text: str, zone: Zone | None = None) -> tuple[str | None, int | float | None]:
    """`parse_unix`, `parse_iso` or `parse_clf`, whichever reads the text; ValueError where none does.

    A date may have slashes: Caddy's ``wall`` format is ``2006/01/02 15:04:05.000``.
    """
    if text.isdecimal() or text[:10].isdecimal():
        return parse_unix(text)
    if text[:4].isdecimal():
        return parse_iso(text.replace("/", "-"), zone)
    return parse_clf(text.strip("[]"), zone)


def _with_fraction(epoch_s: int, fraction: str | None) -> tuple[str | None, int | float | None]:
    time = rfc3339(epoch_s, fraction or "")
    if time is None:
        return None, None
    return time, float(f"{epoch_s}.{fraction[:6]}") if fraction and epoch_s >= 0 else epoch_s


@lru_cache(maxsize=64)
def _iso_day_number(year: str, month: str, day: str) -> int | None:
    days = days_from_civil(int(year), int(month), int(day))
    return days if civil_from_days(days) == (int(year), int(month), int(day)) else None


@lru_cache(maxsize=64)
def _day_number(day: str, month_name: str, year: str) -> int | None:
    month = _MONTH_NUMBER.get(month_name.lower())
    if month is None:
        return None
    days = days_from_civil(int(year), month, int(day))
    return days if civil_from_days(days) == (int(year), month, int(day)) else None


_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)|(\d{1,2})[-/]([A-Za-z]{3})[-/](\d{4})", re.ASCII)
_CLOCK = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{0,9})\d*)?)?", re.ASCII)


def parse_day(text: str) -> int | None:
    """Days since 1970-01-01 of ``1996-01-12``, ``12-Jan-1996`` or ``12/Jan/1996``.

    Raises ValueError for another shape; an impossible date gives None.
    """
    match = _DAY.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return _iso_day_number(*match.groups()[:3]) if match[1] else _day_number(*match.groups()[3:])


def parse_clock(text: str) -> tuple[int | None, str]:
    """Seconds since midnight of ``00:34``, ``00:34:23`` or ``00:34:23.5``, and the fraction's digits.

    Raises ValueError for another shape; an impossible time gives None for the seconds.
    """
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(text)
    hour, minute, second, fraction = match[1], match[2], match[3] or "0", match[4] or ""
    if hour > "23" or minute > "59" or second > "60":
        return None, fraction
    return int(hour) * 3600 + int(minute) * 60 + int(second), fraction


def stamp(epoch_s: int, fraction: str = "") -> tuple[str | None, int | float | None]:
    """``(time, epoch)`` of a second and the digits of its fraction, as `parse_clf` gives them."""
    return _with_fraction(epoch_s, fraction)
