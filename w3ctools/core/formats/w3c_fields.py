"""What a ``#Fields:`` line makes of the values below it: which key each goes to, and how it is read.

Field names are those of WD-logfile-960323, of IIS (Microsoft's documentation of its W3C logging), of
CloudFront's standard logs (AWS's documentation) and of Tomcat's ExtendedAccessLogValve. They are
compared without regard to case, as RFC 7937 has it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

from w3ctools.core.formats import values
from w3ctools.core.formats.text import visible
from w3ctools.core.record import Record, record_type

TimeTaken = Literal["auto", "s", "ms", "us"]
#: Gives the value of a key; raises ValueError with the reason where a line must be refused.
Convert = Callable[[bytes], Any]

_EXPONENT = {"s": 0, "ms": -3, "us": -6}

#: The fields that may give each key, the best first; those that are not used go to ``extra``.
_SOURCES: dict[str, tuple[str, ...]] = {
    "client": ("c-ip", "c-dns"),
    "user": ("cs-username", "cs-user", "x-h(remoteuser)"),
    # CloudFront: cs(Host) is its own name, x-host-header what the viewer sent.
    "vhost": ("x-host-header", "cs(host)", "cs-host"),
    "method": ("cs-method",),
    "protocol": ("cs-version", "cs-protocol-version", "x-h(protocol)"),
    "status": ("sc-status",),
    "bytes": ("sc-bytes", "bytes"),
    "referer": ("cs(referer)", "cs(referrer)"),
    "user_agent": ("cs(user-agent)", "c-user-agent"),
    "scheme": ("cs-protocol", "x-h(scheme)"),
    "client_port": ("c-port",),
    "forwarded_for": ("x-forwarded-for", "cs(x-forwarded-for)"),
    "server_ip": ("s-ip",),
    "server_port": ("s-port",),
    "duration": ("time-taken", "timetakenms"),
    "ttfb": ("time-to-first-byte",),
    "request_bytes": ("cs-bytes",),
    "cache": ("x-edge-result-type", "cached"),
    "request_id": ("x-edge-request-id",),
    "tls_protocol": ("ssl-protocol",),
    "tls_cipher": ("ssl-cipher",),
    "content_type": ("sc-content-type",),
}
_HEADERS = ("cs(referer)", "cs(referrer)", "cs(user-agent)", "c-user-agent", "cs(cookie)")
_IIS_FIELDS = {"sc-win32-status", "sc-substatus", "s-sitename"}


class Column(NamedTuple):
    """One value of a line."""

    at: int
    #: Key of the record, or the field's name for ``extra``.
    key: str
    convert: Convert
    #: The same for a value that stood in quotes, where blanks need no stand-in.
    convert_quoted: Convert


class Layout(NamedTuple):
    """A compiled ``#Fields:`` line."""

    dialect: str
    #: Values of a line.
    width: int
    columns: tuple[Column, ...]
    extras: tuple[Column, ...]
    #: Indexes of the fields that make `Record.time` and the request's target.
    date: int | None
    time: int | None
    is_local: bool
    stem: int | None
    uri: int | None
    query: int | None
    type: type[Record]

    @property
    def is_access_log(self) -> bool:
        """Firewalls, FTP and mail servers use the format too."""
        keys = {column.key for column in self.columns}
        return self.stem is not None or self.uri is not None or bool(keys & {"method", "status"})


def compile_layout(names: tuple[str, ...], software: str, has_day: bool, time_taken: TimeTaken) -> Layout:
    """Compile the `names` of a ``#Fields:`` line; `has_day` tells that a ``#Date`` was seen."""
    index: dict[str, int] = {}
    for at, name in enumerate(names):
        index.setdefault(name.lower(), at)
    dialect = _dialect(index, software)
    exponent = (-3 if dialect == "iis" else 0) if time_taken == "auto" else _EXPONENT[time_taken]
    columns = tuple(_columns(index, dialect, exponent))
    date, time, is_local = _stamp_fields(index)
    place = {field: index.get(field) for field in ("cs-uri-stem", "cs-uri", "cs-uri-query")}
    used: set[int | None] = {column.at for column in columns}
    if time is not None and (date is not None or has_day):
        used |= {time, date}
    used |= {place["cs-uri-query"]} | {place["cs-uri" if place["cs-uri-stem"] is None else "cs-uri-stem"]}
    extras = tuple(_extras(names, used, dialect))
    keys = tuple(column.key for column in columns if column.key not in Record.__struct_fields__)
    return Layout(
        dialect=dialect,
        width=len(names),
        columns=columns,
        extras=extras,
        date=date,
        time=time,
        is_local=is_local,
        stem=place["cs-uri-stem"],
        uri=place["cs-uri"],
        query=place["cs-uri-query"],
        type=record_type((*keys, "extra") if extras else keys),
    )


def _dialect(index: dict[str, int], software: str) -> str:
    if any(name.startswith("x-edge-") for name in index):
        return "cloudfront"
    return "iis" if "microsoft" in software.lower() or index.keys() & _IIS_FIELDS else "w3c"


def _stamp_fields(index: dict[str, int]) -> tuple[int | None, int | None, bool]:
    for suffix in ("", "-utc", "-local"):
        if f"time{suffix}" in index:
            return index.get(f"date{suffix}"), index[f"time{suffix}"], suffix == "-local"
    return index.get("date"), None, False


def _columns(index: dict[str, int], dialect: str, exponent: int) -> list[Column]:
    columns = []
    for key, sources in _SOURCES.items():
        field = next((source for source in sources if source in index), None)
        if field is None:
            continue
        convert, quoted = _reading(key, field, dialect, exponent)
        columns.append(Column(index[field], key, convert, quoted))
        if key == "vhost":
            columns.append(Column(index[field], "vhost_port", _port_of_host, _port_of_host))
    return columns


def _extras(names: tuple[str, ...], used: set[int | None], dialect: str) -> list[Column]:
    columns: list[Column] = []
    for at, name in enumerate(names):
        if at in used:
            continue
        times = sum(earlier == name for earlier in names[:at])  # a name given twice loses nothing
        shown = f"{name}.{times + 1}" if times else name
        columns.append(Column(at, shown, _header(name.lower(), dialect), text))
    return columns


def _reading(key: str, field: str, dialect: str, exponent: int) -> tuple[Convert, Convert]:
    if key in _READINGS:
        return _READINGS[key], _READINGS[key]
    if key == "duration":
        seconds = partial(values.seconds, exponent=-3 if field == "timetakenms" else exponent)
        return seconds, seconds
    return _header(field, dialect), text


def _header(field: str, dialect: str) -> Convert:
    """`text`, with the stand-ins undone that a dialect has in the headers a client sent."""
    if field in _HEADERS and dialect == "iis":
        return _plus_is_blank
    return _percent_encoded if field in _HEADERS and dialect == "cloudfront" else text


def text(raw: bytes) -> str | None:
    r"""What was logged; ``-`` and nothing mean unknown. A ``\`` is itself: ``DOMAIN\user``."""
    if raw in (b"-", b""):
        return None
    return raw.decode("ascii") if raw.isascii() and raw.decode("ascii").isprintable() else visible(raw)


def _plus_is_blank(raw: bytes) -> str | None:
    return text(raw.replace(b"+", b" "))


def _percent_encoded(raw: bytes) -> str | None:
    return None if raw == b"-" else text(values.percent_decoded(raw))


def _host(raw: bytes) -> str | None:
    host = text(raw)
    return None if host is None else values.host_and_port(host)[0].lower()


def _client(raw: bytes) -> str | None:
    client = text(raw)
    return None if client is None else values.host_and_port(client)[0]


def _port_of_host(raw: bytes) -> int | None:
    return values.host_and_port(text(raw) or "")[1]


def _status(raw: bytes) -> int | None:
    if raw not in (b"-", b"") and not raw.isdigit():
        raise ValueError("status: expected 3 digits or -")
    return values.status(raw)


def _bytes(raw: bytes) -> int | None:
    if raw not in (b"-", b"") and not raw.isdigit():
        raise ValueError("bytes: expected digits or -")
    return values.integer(raw)


_READINGS: dict[str, Convert] = {
    "client": _client,
    "vhost": _host,
    "status": _status,
    "bytes": _bytes,
    "request_bytes": values.integer,
    "client_port": values.integer,
    "server_port": values.integer,
    "server_ip": _client,
    "ttfb": values.seconds,
}
