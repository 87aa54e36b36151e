"""Lines of a server's format string: what `core.formats` compiles it to, written instead of read.

A directive that depends on the status (``%!200{Referer}i``) is always logged.
"""

from __future__ import annotations

import re

from w3ctools.core.errors import FormatError
from w3ctools.core.formats import apache, nginx
from w3ctools.core.formats.format import Settings
from w3ctools.core.formats.pattern import PatternFormat
from w3ctools.core.formats.pattern_field import Field
from w3ctools.core.formats.pattern_kind import HOST
from w3ctools.core.synth.formats_parts import (
    BODY_BYTES,
    CLF_BYTES,
    CLIENT,
    METHOD,
    MICROSECONDS,
    MILLISECONDS,
    PATH,
    PROTOCOL,
    REQUEST,
    REQUEST_BYTES,
    SECONDS_MS,
    STATUS,
    TARGET,
    UPSTREAM,
    WHOLE_SECONDS,
    WIRE_BYTES,
    host_header,
    wire_bytes,
)
from w3ctools.core.synth.formats_time import time_part
from w3ctools.core.synth.line import Exchange, Host, LineFormat, OfExchange, OfVisit, Part
from w3ctools.core.timestamp import Zone

#: nginx's ``escape=``, as it stands before the string in log_format.
_ESCAPE = re.compile(r"escape=(default|json|none)\s+")
#: What is written in the same way wherever it is asked for, by what the parser takes it for.
_PARTS: dict[str, Part] = {
    "client": CLIENT,
    "peer": CLIENT,
    "request": REQUEST,
    "method": METHOD,
    "protocol": PROTOCOL,
    "status": STATUS,
    "wire_bytes": WIRE_BYTES,
    "request_bytes": REQUEST_BYTES,
    "upstream": UPSTREAM,
    "upstream_status": STATUS,
    "upstream_duration": SECONDS_MS,
    "extra.total_bytes": OfExchange(lambda exchange: str(exchange.request_bytes + wire_bytes(exchange))),
    "extra.upstream_response_length": BODY_BYTES,
}
#: Of `Kind.exponent`.
_DURATIONS = {-6: MICROSECONDS, -3: MILLISECONDS}


def named(name: str, host: Host) -> LineFormat:
    """The format of this name, which is a string that is well known."""
    spec = next(spec for spec in (*apache.SPECS, *nginx.SPECS) if spec.name == name)
    compiled = spec.make(Settings("", Zone()))
    assert isinstance(compiled, PatternFormat)  # as all of these are
    return _line_format(compiled, host)


def of_string(text: str, host: Host) -> LineFormat:
    """The format of Apache's or nginx's string. Raises FormatError where w3c-parse refuses it."""
    settings = Settings("", Zone())
    if "%" in text:
        return _line_format(apache.compile_log_format(text, settings), host)
    escape = _ESCAPE.match(text)
    string = text[escape.end() :] if escape else text
    way: nginx.Escape = "default"
    if escape is not None and escape[1] != "default":
        way = "json" if escape[1] == "json" else "none"
    try:
        return _line_format(nginx.compile_log_format(string, way, settings), host)
    except FormatError as error:
        raise FormatError(error.reason, error.column + len(text) - len(string)) from None


def _line_format(compiled: PatternFormat, host: Host) -> LineFormat:
    template: list[Part] = [_literal(compiled.before)]
    for step in compiled.steps:
        template += [_part(step.field, host), _literal(step.behind)]
    meanings = {step.field.meaning or step.field.name for step in compiled.steps}
    line = LineFormat(compiled.name, tuple(part for part in template if part != ""))
    line = line._replace(tells=_told(meanings, has_time=bool(compiled.times)))
    if "bytes" in meanings:
        return line
    return line._replace(size_bytes=wire_bytes if "wire_bytes" in meanings else lambda exchange: None)


def _literal(text: str) -> str:
    return text.encode("latin-1").decode("utf-8")  # one character a byte, as lines are read


def _told(meanings: set[str], *, has_time: bool) -> frozenset[str]:
    told = meanings & {"client", "method", "status"}
    if has_time:
        told.add("time")
    if "request" in meanings:
        told |= {"method", "path"}
    if "target" in meanings:
        told.add("path")
    return frozenset(told)


def _part(field: Field, host: Host) -> Part:
    """What a directive logs; `Field.label` is the directive itself where two mean the same."""
    if field.piece is not None:
        return time_part(field.piece.strftime)
    name = field.meaning or field.name
    missing = "" if field.may_be_empty else "-"
    if name in _PARTS:
        return _PARTS[name]
    if name == "duration":
        whole = WHOLE_SECONDS if field.label.startswith("%") else SECONDS_MS
        return _DURATIONS.get(field.kind.exponent, whole)
    if name == "bytes":
        return CLF_BYTES if field.label.endswith("b") else BODY_BYTES
    if name == "target":
        return TARGET if field.label == "request_uri" else PATH
    if name in ("user", "referer", "user_agent"):
        return OfVisit(lambda visit: getattr(visit, name) or missing)
    if name in ("args", "query_part"):
        return OfExchange(lambda exchange: _query(exchange, field, missing))
    if field.label == "proxy_add_x_forwarded_for":
        return CLIENT
    return _of_host(name, field, host, missing)


def _query(exchange: Exchange, field: Field, missing: str) -> str:
    """With its question mark (Apache's ``%q``, nginx's ``$is_args$args``), or without.

    nginx itself logs ``-`` for ``$args`` behind ``$is_args`` too, which none could tell from a path's end.
    """
    if (field.meaning or field.name) == "query_part":
        return f"?{exchange.query}" if exchange.query else ""
    return exchange.query or missing


def _of_host(name: str, field: Field, host: Host, missing: str) -> str:
    if name == "vhost":
        return host_header(host) if field.kind is HOST else host.name
    if name in ("vhost_port", "server_port"):
        return str(host.port)
    return host.scheme if name == "scheme" else missing
