r"""Labeled Tab-separated Values: ``label:value`` between tabs, one line at a time (ltsv.org).

Apache and nginx write it from a format string, and escape values as in their other logs. Labels may
stand in any order and be left out; the keys of the record are the same for every line all the same.

    time        [10/Jul/2018:13:27:05 +0200], the same without brackets, ISO 8601 or Unix seconds
    host ident user forwardedfor vhost     client, ident, user, forwarded_for, vhost
    req         the request line; else method, uri and protocol
    status size reqsize referer ua cache   status, bytes, request_bytes, referer, user_agent, cache
    reqtime     duration in seconds; reqtime_microsec in microseconds is taken before it
    apptime     upstream_duration in seconds

Every other label goes to ``extra``. A size of ``-`` is 0: Apache's ``%b`` alone writes it.
"""

from __future__ import annotations

import re
from typing import Any

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import values
from w3ctools.core.formats.format import BlockParser, FormatSpec, Settings
from w3ctools.core.formats.request import NO_REQUEST, Request, parse_request
from w3ctools.core.formats.text import unescape
from w3ctools.core.record import Record, record_type
from w3ctools.core.timestamp import parse_clf, parse_iso, parse_unix

_PAIR = re.compile(rb"([0-9A-Za-z_.-]+):(.*)", re.DOTALL)
_UPSTREAM_SEPARATOR = re.compile(rb" ?[,:] ?")
_TYPE = record_type(("forwarded_for", "duration", "request_bytes", "upstream_duration", "cache", "extra"))
_REQUEST_LABELS = {"req", "method", "uri", "status"}
#: Labels whose values the record has keys for; not those of times, which may be given twice.
_LABELS = {"time", "host", "ident", "user", "vhost", "forwardedfor", "req", "method", "uri", "protocol"}
_LABELS |= {"status", "size", "reqsize", "referer", "ua", "cache"}


class LTSV:
    """The format, ready to parse."""

    name = "ltsv"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def block_parser(self) -> BlockParser | None:
        """None: labels come in any order."""
        return None

    def parse(self, line: bytes) -> Record:
        """Parse a line, given without its line end. Raises ParseError with reason and column."""
        logged, places = _split(line)
        if not _REQUEST_LABELS & logged.keys():
            raise ParseError("ltsv: expected one of the labels req, method, uri, status", 1)

        def text(label: str) -> str | None:
            return values.text(logged.get(label, b""))

        time, epoch = self._stamp(logged.get("time", b"-"), places.get("time", 1))
        request = self._request(logged)
        record: Any = _TYPE(
            time=time,
            epoch=epoch,
            client=_host(text("host")),
            ident=text("ident"),
            user=text("user"),
            vhost=_host(text("vhost"), is_name=True),
            status=values.status(logged.get("status", b"-")),
            bytes=0 if logged.get("size") == b"-" else values.integer(logged.get("size", b"")),
            referer=text("referer"),
            user_agent=text("ua"),
            **request._asdict(),
        )
        record.forwarded_for = text("forwardedfor")
        record.request_bytes = values.integer(logged.get("reqsize", b""))
        record.cache = text("cache")
        used = _LABELS | _set_durations(record, logged)
        rest = ((label, values.text(raw)) for label, raw in logged.items() if label not in used)
        record.extra = {label: value for label, value in rest if value is not None} or None
        return record  # type: ignore[no-any-return]

    def _stamp(self, raw: bytes, at: int) -> tuple[str | None, int | float | None]:
        if raw in (b"-", b""):
            return None, None
        text = raw.decode("latin-1").removeprefix("[").removesuffix("]")
        zone = self._settings.zone
        try:
            if "/" in text:
                return parse_clf(text, zone)
            return parse_iso(text, zone) if "-" in text else parse_unix(text)
        except ValueError:
            raise ParseError("time: expected [dd/Mon/yyyy:hh:mm:ss zone], ISO 8601 or seconds", at) from None

    def _request(self, logged: dict[str, bytes]) -> Request:
        line = logged.get("req", b"-")
        if line not in (b"-", b""):
            return parse_request(unescape(line), self._settings.site)
        method, uri, protocol = (values.text(logged.get(part, b"")) for part in ("method", "uri", "protocol"))
        if uri is None:
            return NO_REQUEST._replace(method=method, protocol=protocol)
        return values.request_parts(method or "", uri, protocol or "", self._settings.site)


def _split(line: bytes) -> tuple[dict[str, bytes], dict[str, int]]:
    """The values by their labels, and the columns where they begin; the last of a label wins."""
    logged, places, at = {}, {}, 1
    for piece in line.split(b"\t"):
        pair = _PAIR.fullmatch(piece)
        if pair is not None:
            label = pair[1].decode("ascii")
            logged[label], places[label] = pair[2], at + pair.start(2)
        elif piece.strip():
            raise ParseError("ltsv: expected label:value", at)
        at += len(piece) + 1
    return logged, places


def _set_durations(record: Any, logged: dict[str, bytes]) -> set[str]:
    """Set the keys that are in seconds; gives the labels of which nothing is left to tell."""
    used = set()
    for label, exponent in (("reqtime_microsec", -6), ("reqtime", 0)):
        if record.duration is None:
            record.duration = values.seconds(logged.get(label, b""), exponent)
            if record.duration is not None:
                used.add(label)
    # nginx lists a time for each upstream that it tried: the last one answered.
    upstreams = _UPSTREAM_SEPARATOR.split(logged.get("apptime", b""))
    record.upstream_duration = values.seconds(upstreams[-1])
    if record.upstream_duration is not None and len(upstreams) == 1:
        used.add("apptime")
    return used


def _host(text: str | None, is_name: bool = False) -> str | None:
    if text is None:
        return None
    host = values.host_and_port(text)[0]
    return host.lower() if is_name else host


SPECS: tuple[FormatSpec, ...] = (
    FormatSpec(
        "ltsv",
        "Labeled Tab-separated Values: host:... time:... req:... status:...",
        b"host:127.0.0.1\tident:-\tuser:-\ttime:[10/Jul/2018:13:27:05 +0200]\treq:GET / HTTP/1.1\t"
        b"status:200\tsize:16218\treferer:-\tua:curl/7.58.0",
        LTSV,
    ),
)
