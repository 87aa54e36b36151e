r"""The Common Log Format and its family, one line at a time.

    client ident user [dd/Mon/yyyy:hh:mm:ss zone] "request" status bytes

is CLF as W3C httpd and NCSA httpd wrote it. In front may stand ``vhost[:port]`` (Apache's and Debian's
``vhost_combined``); behind it ``"referer" "user agent"`` (combined), a third quoted value (nginx's
``main``: ``$http_x_forwarded_for``) or anything else. What each line holds decides its layout, so a log
with mixed lines is read too.

Apache and nginx escape quotes and control bytes (``\"``, ``\x22``) but not blanks, so a user may hold
blanks, and everything up to `` [dd/`` belongs to it. Servers that do not escape (Jetty) are met by
matching quotes from the outside in, once the strict reading has failed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import values
from w3ctools.core.formats.request import NO_REQUEST, parse_request
from w3ctools.core.formats.text import unescape
from w3ctools.core.record import Record, record_type
from w3ctools.core.timestamp import Zone, parse_clf

_QUOTED = rb'"([^"\\]*(?:\\.[^"\\]*)*)"'
_DATE = re.compile(rb"(?:^|[ \t])\[(\d{1,2}/[A-Za-z]{3}/\d{4}[: ][^\]\[]*)\]")
_BEFORE = re.compile(rb"[ \t]*((?:[^ \t]*,[ \t]+)*[^ \t]+)[ \t]+([^ \t]+)[ \t]+([^ \t].*)", re.DOTALL)
_THREE_WORDS = re.compile(rb"[ \t]*(?:[^ \t]+[ \t]+){3}")
_VHOST = re.compile(rb"[ \t]*([A-Za-z0-9_*.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?[ \t]+", re.DOTALL)
_ADDRESS = re.compile(
    rb"\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?|\[?[0-9A-Fa-f]*:[0-9A-Fa-f:.]+(?:%\w+)?\]?(?::\d{1,5})?"
)
_CLIENT_PORT = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]):(\d{1,5})", re.ASCII)
_REQUEST = re.compile(rb"[ \t]*" + _QUOTED + rb"(?=[ \t]|$)", re.DOTALL)
_LOOSE_REQUEST = re.compile(rb'[ \t]*"(.*?)"(?=[ \t]+(?:\d{3}|-)[ \t]+(?:\d+|-)(?:[ \t]|$))', re.DOTALL)
_STATUS = re.compile(rb"[ \t]+(\d{3}|-)(?=[ \t]|$)")
_BYTES = re.compile(rb"[ \t]+(\d+|-)(?=[ \t]|$)")
_TWO_QUOTED = re.compile(rb"[ \t]+" + _QUOTED + rb"[ \t]+" + _QUOTED + rb"(?=[ \t]|$)", re.DOTALL)
_ONE_QUOTED = re.compile(rb"[ \t]+" + _QUOTED + rb"(?=[ \t]|$)", re.DOTALL)
_LOOSE_QUOTED = re.compile(rb'[ \t]+"(.*?)"[ \t]+"(.*)"', re.DOTALL)


class Layout(NamedTuple):
    """What a line of the family holds beside the CLF fields; decides the keys of its record."""

    vhost: bool = False
    combined: bool = False
    forwarded_for: bool = False
    client_port: bool = False
    extra: bool = False

    @property
    def name(self) -> str:
        """The name in use for it: ``combined``, ``vhost_combined``, ``main``."""
        base = "combined" if self.combined else "common"
        if self.forwarded_for and self.combined:
            base = "main"
        return f"vhost_{base}" if self.vhost else base

    @property
    def format_keys(self) -> tuple[str, ...]:
        """The keys that follow the sixteen of every record."""
        present = {
            "vhost_port": self.vhost,
            "client_port": self.client_port,
            "forwarded_for": self.forwarded_for,
            "extra": self.extra,
        }
        return tuple(key for key, is_present in present.items() if is_present)


class Line(NamedTuple):
    """A parsed line: its layout and its record."""

    layout: Layout
    record: Record


def parse_line(line: bytes, site: str = "", zone: Zone | None = None) -> Line:
    """Parse one line, given without its line end.

    `site` goes before the section of origin-form targets; `zone` is for stamps that name none.
    Raises ParseError, with the column where the line stops being of the family.
    """
    date = _DATE.search(line)
    if date is None:
        raise ParseError("time: expected [dd/Mon/yyyy:hh:mm:ss zone]", _column_of_date(line))
    head = _parse_before(line[: date.start()])
    time, epoch = _parse_date(date, zone)
    request, at = _match_request(line, date.end())
    status, at = _take(_STATUS, line, at, "status: expected 3 digits or -")
    size, at = _take(_BYTES, line, at, "bytes: expected digits or -")
    tail = _parse_tail(line, at)
    parts = parse_request(unescape(request), site) if request not in (b"-", b"") else NO_REQUEST

    forwarded_for, extra = tail.forwarded_for, tail.extra
    if head.other_clients is not None:
        if forwarded_for is not None:
            extra = f'"{forwarded_for}"'
        forwarded_for = head.other_clients
    layout = Layout(
        vhost=head.vhost is not None,
        combined=tail.quoted,
        forwarded_for=forwarded_for is not None,
        client_port=head.client_port is not None,
        extra=extra is not None,
    )
    record = record_type(layout.format_keys)(
        time,
        epoch,
        head.client,
        head.ident,
        head.user,
        head.vhost,
        parts.method,
        parts.path,
        parts.query,
        parts.protocol,
        values.status(status),
        0 if size == b"-" else values.integer(size),
        tail.referer,
        tail.user_agent,
        parts.section,
        parts.request,
    )
    if head.vhost is not None:
        record.vhost_port = head.vhost_port  # type: ignore[attr-defined]
    if head.client_port is not None:
        record.client_port = head.client_port  # type: ignore[attr-defined]
    if forwarded_for is not None:
        record.forwarded_for = _or_none(forwarded_for)  # type: ignore[attr-defined]
    if extra is not None:
        record.extra = {"tail": extra}  # type: ignore[attr-defined]
    return Line(layout, record)


def stamp_of(line: bytes, zone: Zone | None = None) -> tuple[str | None, int | float | None]:
    """The stamp of a line that could not be parsed, ``(None, None)`` where it has none."""
    date = _DATE.search(line)
    if date is None:
        return None, None
    try:
        return _parse_date(date, zone)
    except ParseError:
        return None, None


def _take(pattern: re.Pattern[bytes], line: bytes, at: int, reason: str) -> tuple[bytes, int]:
    match = pattern.match(line, at)
    if match is None:
        blanks = len(line[at:]) - len(line[at:].lstrip(b" \t"))
        raise ParseError(reason, at + blanks + 1)
    return match[1], match.end()


def _column_of_date(line: bytes) -> int:
    bracket = line.find(b"[")
    if bracket >= 0:
        return bracket + 1
    before = _THREE_WORDS.match(line)  # client, ident and user: the time would follow
    return before.end() + 1 if before is not None else len(line) + 1


def _parse_date(date: re.Match[bytes], zone: Zone | None) -> tuple[str | None, int | float | None]:
    try:
        return parse_clf(date[1].decode("latin-1"), zone)
    except ValueError:
        raise ParseError("time: expected dd/Mon/yyyy:hh:mm:ss zone", date.start(1) + 1) from None


class _Head(NamedTuple):
    client: str | None
    ident: str | None
    user: str | None
    vhost: str | None = None
    vhost_port: int | None = None
    client_port: int | None = None
    other_clients: str | None = None


def _parse_before(before: bytes) -> _Head:
    """``[vhost[:port]] client ident user``.

    A virtual host is in front where the first word is a name and the second an address, or where the
    first has a port and the third is ``-``; four words at least, since a user may hold blanks.
    """
    vhost = _VHOST.match(before)
    if vhost is not None:
        words = before.split(maxsplit=3)
        is_vhost = len(words) == 4 and (
            (_is_address(words[1].partition(b",")[0]) and not _is_address(words[0]))
            or (vhost[2] is not None and words[2] == b"-")
        )
        if is_vhost:
            head = _parse_before_client(before, vhost.end())
            port = int(vhost[2]) if vhost[2] else None
            return head._replace(vhost=unescape(vhost[1]).lower().strip("[]"), vhost_port=port)
    return _parse_before_client(before, 0)


def _is_address(word: bytes) -> bool:
    return _ADDRESS.fullmatch(word) is not None


def _parse_before_client(before: bytes, at: int) -> _Head:
    match = _BEFORE.match(before, at)
    if match is None:
        words = before[at:].split()
        missing = ("client", "ident", "user")[min(len(words), 2)]
        raise ParseError(f"{missing}: expected client ident user before the time", len(before) + 1)
    client, comma, others = unescape(match[1]).partition(",")
    port = _CLIENT_PORT.fullmatch(client)
    if port is not None:
        client = port[1]
    client = client.strip("[]").partition("%")[0]  # an IPv6 zone id names this host's interface
    user = unescape(match[3].rstrip(b" \t"))
    return _Head(
        client=_or_none(client),
        ident=_or_none(unescape(match[2])),
        user="" if user == '""' else _or_none(user),
        client_port=int(port[2]) if port else None,
        other_clients=others.strip() if comma else None,
    )


def _match_request(line: bytes, at: int) -> tuple[bytes, int]:
    match = _REQUEST.match(line, at)
    if match is None or _STATUS.match(line, match.end()) is None:
        match = _LOOSE_REQUEST.match(line, at) or match
    if match is None:
        return _take(_REQUEST, line, at, "request: expected a quoted request line")
    return match[1], match.end()


class _Tail(NamedTuple):
    quoted: bool = False
    referer: str | None = None
    user_agent: str | None = None
    forwarded_for: str | None = None
    extra: str | None = None


def _parse_tail(line: bytes, at: int) -> _Tail:
    """What follows the size: nothing, ``"referer" "user agent"``, a third quoted value, or a tail."""
    rest = line[at:].rstrip(b" \t")
    if not rest:
        return _Tail()
    if not rest.lstrip(b" \t").startswith(b'"'):
        return _Tail(extra=unescape(rest.lstrip(b" \t")))
    two = _TWO_QUOTED.match(rest)
    if two is None and rest.endswith(b'"'):  # else the loose reading would try every pair of quotes in vain
        two = _LOOSE_QUOTED.fullmatch(rest)
    if two is None:
        return _parse_odd_tail(rest, at)
    referer, agent = (_header(value) for value in two.groups())
    tail = rest[two.end() :]
    if not tail:
        return _Tail(True, referer, agent)
    third = _ONE_QUOTED.fullmatch(tail)
    if third is not None:
        return _Tail(True, referer, agent, forwarded_for=unescape(third[1]) or "-")
    return _Tail(True, referer, agent, extra=unescape(tail.lstrip(b" \t")))


def _parse_odd_tail(rest: bytes, at: int) -> _Tail:
    first = _ONE_QUOTED.match(rest)
    if first is None:
        raise ParseError("referer: no closing quote", at + rest.index(b'"') + 1)
    second = rest.find(b'"', first.end())
    if second >= 0 and not rest[first.end() : second].strip(b" \t"):
        raise ParseError("user_agent: no closing quote", at + second + 1)
    return _Tail(extra=unescape(rest.lstrip(b" \t")))


def _header(value: bytes) -> str | None:
    return _or_none(unescape(value)) or None


def _or_none(text: str) -> str | None:
    return None if text == "-" else text
