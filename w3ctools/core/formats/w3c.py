"""The W3C Extended Log Format, one line at a time.

``#Fields:`` names the values of the lines below it, and may come again, with other fields, anywhere in a
stream: IIS writes its header anew at each start, and rotated files are joined. Values stand between
blanks or tabs, ``-`` is none, quotes are doubled within quotes; dates and times are GMT
(WD-logfile-960323).

Servers differ. IIS and HTTP.sys (Microsoft's documentation) write ``+`` for each blank of a header and
count ``time-taken`` in milliseconds; the draft, CloudFront and Tomcat count it in seconds. CloudFront
(AWS's documentation) separates by tabs and percent-encodes headers. Tomcat's ExtendedAccessLogValve
quotes, in version 7 with apostrophes. ``#Software`` and the fields tell which dialect a log is in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from w3ctools.core.errors import ParseError, W3CError
from w3ctools.core.formats.format import BlockParser, Settings
from w3ctools.core.formats.text import visible
from w3ctools.core.formats.w3c_block import W3CBlockParser
from w3ctools.core.formats.w3c_fields import Column, Layout, TimeTaken, compile_layout, text
from w3ctools.core.record import Record
from w3ctools.core.section import split_target
from w3ctools.core.timestamp import Zone, parse_clock, parse_day, stamp

NO_FIELDS = "fields: no #Fields line yet: name them with --format '#Fields: ...'"

#: Lines are written as requests end, so they may go back a little; further than this is a new day.
_NEW_DAY_S = 12 * 3600
_DAY_S = 24 * 3600
_DIRECTIVE = re.compile(rb"#[ \t]*([A-Za-z-]+)[ \t]*:[ \t]*(.*)", re.DOTALL)


def _token(blank: bytes, quotes: bytes) -> re.Pattern[bytes]:
    """A value: whole quotes, or what stands between blanks. No quote can be scanned twice in vain."""
    alternatives = [
        rb"%c([^%c]*(?:%c%c[^%c]*)*)%c(?=%s|\Z)" % (*(quote,) * 6, blank)
        for quote in quotes  # bytes give integers, which %c takes
    ]
    word = rb"([^\t]*)" if blank == rb"\t" else rb"([^ \t]+)"
    before = rb"(?:\A|\t)" if blank == rb"\t" else b""
    return re.compile(before + rb"(?:" + rb"|".join([*alternatives, word]) + rb")")


_WORDS, _TABBED = _token(rb"[ \t]", b'"'), _token(rb"\t", b'"')
_GENERIC_WORDS, _GENERIC_TABBED = _token(rb"[ \t]", b"\"'"), _token(rb"\t", b"\"'")


class Calendar:
    """The day of lines that log no date: that of the last ``#Date``, and one more at each midnight."""

    def __init__(self, day: int, second: int) -> None:
        self._day = day
        self._newest_s = second
        self._is_first_day = True

    def day_at(self, second: int) -> int:
        """The day of a line, given its time of the day."""
        if self._newest_s - second > _NEW_DAY_S:
            self._day += 1
            self._newest_s = second
            self._is_first_day = False
        elif not self._is_first_day and second - self._newest_s > _DAY_S - 3600:
            return self._day - 1  # a request that ended before midnight and was logged after it
        self._newest_s = max(self._newest_s, second)
        return self._day


class W3CExtended:
    """One input in the format: give it every line that begins with ``#``, then what lies between.

    `time_taken` is the unit of that field where the log's dialect must not decide.
    """

    def __init__(self, settings: Settings, time_taken: TimeTaken = "auto") -> None:
        #: The dialect: ``iis``, ``cloudfront``, or ``w3c`` for any other.
        self.name = "w3c"
        self._settings = settings
        self._time_taken = time_taken
        self._software = ""
        self._names: tuple[str, ...] | None = None
        self._calendar: Calendar | None = None
        #: Compiled anew after each directive, since their order is free.
        self._layout: Layout | None = None

    @property
    def fields_line(self) -> str:
        """The newest ``#Fields`` line, as `compile_fields` takes it."""
        return f"#Fields: {' '.join(self._names or ())}"

    @property
    def has_usable_fields(self) -> bool:
        """Whether a ``#Fields`` line was seen that names a method, a target or a status."""
        return bool(self._names) and self._compiled().is_access_log

    @property
    def depends_on_lines(self) -> bool:
        """Whether lines depend on those before them: for the day, or for which of two hours it is."""
        if not self._names:
            return False
        layout = self._compiled()
        return layout.is_local or (layout.time is not None and layout.date is None)

    def directive(self, line: bytes) -> None:
        """Take a line that begins with ``#``; what is no directive of use is ignored."""
        match = _DIRECTIVE.match(line)
        if match is None:
            return
        name, value = match[1].lower(), visible(match[2])
        if name == b"fields":
            self._names = tuple(visible(field) for field in match[2].split())
        elif name == b"software":
            self._software = value
        elif name in (b"date", b"start-date"):
            self._start_calendar(value)
        self._layout = None
        self.name = self._compiled().dialect if self._names else "w3c"

    def parse(self, line: bytes) -> Record:
        """Parse a line, given without its line end. Raises ParseError with reason and column."""
        layout = self._compiled()
        if not layout.is_access_log:
            raise ParseError("fields: no method, target or status is among them", 1)
        tokens = _split(line, layout)
        raws = [_unquoted(token) for token in tokens]
        record = layout.type()
        for column in layout.columns:
            setattr(record, column.key, _value(column, tokens))
        record.time, record.epoch = self._stamp(layout, tokens, raws)
        self._set_target(record, layout, raws)
        if layout.extras:
            known = ((column.key, _value(column, tokens)) for column in layout.extras)
            extra = {name: value for name, value in known if value is not None}
            record.extra = extra or None  # type: ignore[attr-defined]
        return record

    def block_parser(self) -> BlockParser | None:
        """A fast path up to the block's next directive, whose lines and all below it are for `parse`.

        None where lines depend on each other or log whole URLs.
        """
        if not self._names:
            return None
        layout = self._compiled()
        if self.depends_on_lines or layout.stem is None or not layout.is_access_log:
            return None
        has_day = self._calendar is not None
        return _block_parser(self._names, self._software, has_day, self._time_taken, self._settings.site)

    def _compiled(self) -> Layout:
        if not self._names:
            raise ParseError(NO_FIELDS, 1)
        if self._layout is None:
            self._layout = compile_layout(
                self._names, self._software, self._calendar is not None, self._time_taken
            )
        return self._layout

    def _start_calendar(self, value: str) -> None:
        date, _, rest = value.partition(" ")
        time = next(iter(rest.split()), "00:00")
        try:
            day, second = parse_day(date), parse_clock(time)[0]
        except ValueError:
            return
        if day is not None:
            self._calendar = Calendar(day, second or 0)

    def _stamp(
        self, layout: Layout, tokens: list[re.Match[bytes]], raws: list[bytes]
    ) -> tuple[str | None, int | float | None]:
        if layout.time is None or (layout.date is None and self._calendar is None):
            return None, None
        date = "" if layout.date is None else raws[layout.date].decode("latin-1") or "-"
        zone = self._settings.zone if layout.is_local else None
        try:
            return _moment(date, raws[layout.time].decode("latin-1"), self._calendar, zone)
        except ValueError as error:
            if layout.date is not None and str(error) == date:
                raise ParseError("time: expected yyyy-mm-dd", _column(tokens[layout.date])) from None
            raise ParseError("time: expected hh:mm:ss", _column(tokens[layout.time])) from None

    def _set_target(self, record: Record, layout: Layout, raws: list[bytes]) -> None:
        """Path, query and section of ``cs-uri-stem`` and ``cs-uri-query``, or else of ``cs-uri``.

        A stem is a path whatever it holds, for servers decode it. What is no path stays in ``request``.
        """
        at = layout.uri if layout.stem is None else layout.stem
        target = None if at is None else text(raws[at])
        query = None if layout.query is None else text(raws[layout.query])
        if target is None:
            record.query = query
            return
        parts = split_target(target, self._settings.site)
        is_path = layout.stem is not None and target.startswith("/")
        record.path = target if is_path else parts.path
        record.query = parts.query if query is None and not is_path else query
        record.section = parts.section
        if record.path is None:
            whole = target if query is None else f"{target}?{query}"
            record.query = None
            record.request = " ".join(part for part in (record.method, whole, record.protocol) if part)


@lru_cache(maxsize=16)
def _block_parser(
    names: tuple[str, ...], software: str, has_day: bool, time_taken: TimeTaken, site: str
) -> W3CBlockParser:
    """One for all logs of a header, which may come in turns: it only remembers texts and their JSON."""
    return W3CBlockParser(compile_layout(names, software, has_day, time_taken), site, _moment)


def _moment(
    date: str, time: str, calendar: Calendar | None = None, zone: Zone | None = None
) -> tuple[str | None, int | float | None]:
    """``(time, epoch)``; the calendar's day where `date` is empty; UTC without `zone`. Raises ValueError."""
    if date == "-" or time in ("-", ""):
        return None, None
    day = parse_day(date) if date else None
    second, fraction = parse_clock(time)
    if second is None:
        return None, None
    if not date and calendar is not None:
        day = calendar.day_at(second)
    if day is None:
        return None, None
    local_s = day * _DAY_S + second
    return stamp(local_s - (zone.offset_s(local_s) if zone is not None else 0), fraction)


def compile_fields(directive: str, settings: Settings, time_taken: TimeTaken = "auto") -> W3CExtended:
    """A reader whose fields are those of a ``#Fields: ...`` given by the user.

    Raises W3CError where it is none or names no field of an access log.
    """
    reader = W3CExtended(settings, time_taken)
    reader.directive(directive.encode("utf-8", "surrogateescape"))
    if not reader.has_usable_fields:
        expected = "expected '#Fields: date time c-ip cs-method cs-uri-stem sc-status ...'"
        raise W3CError(f"{directive!r} names no fields of an access log: {expected}")
    return reader


def _split(line: bytes, layout: Layout) -> list[re.Match[bytes]]:
    """The line's values, as many as there are fields; empty ones too many are left out."""
    words, tabbed = (_GENERIC_WORDS, _GENERIC_TABBED) if layout.dialect == "w3c" else (_WORDS, _TABBED)
    if line.count(b"\t") >= layout.width - 1 > 0:
        tokens = _without_surplus(tabbed.finditer(line), layout.width)
        if len(tokens) == layout.width:
            return tokens
    tokens = list(words.finditer(line))
    if len(tokens) < layout.width:
        raise ParseError(f"fields: {len(tokens)} values, {layout.width} in #Fields", len(line) + 1)
    if len(tokens) > layout.width:
        column = _column(tokens[layout.width])
        raise ParseError(f"fields: {len(tokens)} values, {layout.width} in #Fields", column)
    return tokens


def _without_surplus(found: Iterable[re.Match[bytes]], width: int) -> list[re.Match[bytes]]:
    tokens = list(found)
    while len(tokens) > width and not tokens[-1][tokens[-1].lastindex or 0]:
        tokens.pop()
    return tokens


def _value(column: Column, tokens: list[re.Match[bytes]]) -> Any:
    token = tokens[column.at]
    try:
        return (column.convert_quoted if _is_quoted(token) else column.convert)(_unquoted(token))
    except ValueError as error:
        raise ParseError(str(error), _column(token)) from None


def _is_quoted(token: re.Match[bytes]) -> bool:
    return token.lastindex != token.re.groups  # the last alternative is a word without quotes


def _unquoted(token: re.Match[bytes]) -> bytes:
    value: bytes = token[token.lastindex or 0]
    if not _is_quoted(token):
        return value
    quote = token[0].lstrip(b"\t")[:1]
    return value.replace(quote * 2, quote)


def _column(token: re.Match[bytes]) -> int:
    """Where a value begins, within its quotes."""
    return token.start(token.lastindex or 0) + 1
