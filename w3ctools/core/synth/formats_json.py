"""Lines of JSON: our own records, Caddy, Traefik, and flat objects as nginx is made to write them.

The texts of visits and exchanges are JSON as they stand, for they hold neither quotes nor backslashes.
"""

from __future__ import annotations

from collections.abc import Callable

from w3ctools.core.section import split_target
from w3ctools.core.synth.formats_parts import (
    BODY_BYTES,
    CLIENT,
    CLIENT_PORT,
    EPOCH,
    METHOD,
    PATH,
    PROTOCOL,
    REQUEST,
    REQUEST_BYTES,
    SECONDS_MS,
    SECONDS_US,
    STATUS,
    TARGET,
    UPSTREAM,
    USER,
    host_header,
    iso_time,
)
from w3ctools.core.synth.line import Exchange, Host, LineFormat, OfExchange, OfVisit, Part, Visit


def named(name: str, host: Host) -> LineFormat:
    """The format of this name."""
    return LineFormat(name, _MAKE[name](host))


def _text_or_null(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'


def _section(exchange: Exchange) -> str:
    return _text_or_null(split_target(exchange.target, "").section)


def _record(host: Host) -> tuple[Part, ...]:
    """The sixteen keys of w3ctools(5)."""
    return (
        *('{"time":"', iso_time(), '","epoch":', EPOCH, ',"client":"', CLIENT, '","ident":null,"user":'),
        *(OfVisit(lambda visit: _text_or_null(visit.user)), f',"vhost":"{host.name}","method":"', METHOD),
        *('","path":"', PATH, '","query":', OfExchange(lambda exchange: _text_or_null(exchange.query))),
        *(',"protocol":"', PROTOCOL, '","status":', STATUS, ',"bytes":', BODY_BYTES, ',"referer":'),
        *(OfVisit(lambda visit: _text_or_null(visit.referer)), ',"user_agent":'),
        *(OfVisit(lambda visit: _text_or_null(visit.user_agent)), ',"section":', OfExchange(_section)),
        ',"request":null}',
    )


def _caddy_headers(visit: Visit) -> str:
    headers = {"Referer": visit.referer, "User-Agent": visit.user_agent}
    return ",".join(f'"{name}":["{text}"]' for name, text in headers.items() if text is not None)


def _caddy(host: Host) -> tuple[Part, ...]:
    """Caddy's documentation, Log: its JSON encoder."""
    return (
        *('{"level":"info","ts":', EPOCH, '.000000,"logger":"http.log.access","msg":"handled request",'),
        *('"request":{"remote_ip":"', CLIENT, f'","remote_port":"{CLIENT_PORT}","client_ip":"', CLIENT),
        *('","proto":"', PROTOCOL, '","method":"', METHOD, f'","host":"{host_header(host)}","uri":"', TARGET),
        *('","headers":{', OfVisit(_caddy_headers), '}},"bytes_read":', REQUEST_BYTES, ',"user_id":"'),
        *(OfVisit(lambda visit: visit.user or ""), '","duration":', SECONDS_US, ',"size":', BODY_BYTES),
        *(',"status":', STATUS, ',"resp_headers":{"Server":["Caddy"]}}'),
    )


def _traefik_headers(visit: Visit) -> str:
    headers = {"request_Referer": visit.referer, "request_User-Agent": visit.user_agent}
    return "".join(f',"{name}":"{text}"' for name, text in headers.items() if text is not None)


def _address(visit: Visit) -> str:
    return f"[{visit.client}]:{CLIENT_PORT}" if ":" in visit.client else f"{visit.client}:{CLIENT_PORT}"


def _traefik(host: Host) -> tuple[Part, ...]:
    """Traefik's documentation, access logs; headers are kept (``fields.headers``)."""
    nanoseconds = OfExchange(lambda exchange: str(exchange.duration_us * 1000))
    return (
        *(
            '{"ClientAddr":"',
            OfVisit(_address),
            '","ClientHost":"',
            CLIENT,
            f'","ClientPort":"{CLIENT_PORT}"',
        ),
        *(',"ClientUsername":"', USER, '","DownstreamContentSize":', BODY_BYTES, ',"DownstreamStatus":'),
        *(STATUS, ',"Duration":', nanoseconds, ',"OriginContentSize":', BODY_BYTES, ',"OriginDuration":'),
        *(nanoseconds, ',"OriginStatus":', STATUS, ',"Overhead":0,"RequestContentSize":', REQUEST_BYTES),
        *(f',"RequestHost":"{host.name}","RequestMethod":"', METHOD, '","RequestPath":"', TARGET),
        *(f'","RequestPort":"{host.port}","RequestProtocol":"', PROTOCOL),
        *(f'","RequestScheme":"{host.scheme}","ServiceAddr":"{UPSTREAM}","StartUTC":"', iso_time("0" * 9)),
        *('"', OfVisit(_traefik_headers), ',"time":"', iso_time(), '"}'),
    )


def _flat(host: Host) -> tuple[Part, ...]:
    """As a log_format of nginx with ``escape=json`` gives it: what is missing is empty."""
    return (
        *('{"time_iso8601":"', iso_time(zone="+00:00"), '","remote_addr":"', CLIENT, '","remote_user":"'),
        *(OfVisit(lambda visit: visit.user or ""), f'","http_host":"{host_header(host)}","request":"'),
        *(REQUEST, '","status":"', STATUS, '","body_bytes_sent":"', BODY_BYTES, '","request_length":"'),
        *(REQUEST_BYTES, '","request_time":"', SECONDS_MS, '","http_referer":"'),
        *(OfVisit(lambda visit: visit.referer or ""), '","http_user_agent":"'),
        *(OfVisit(lambda visit: visit.user_agent or ""), '"}'),
    )


_MAKE: dict[str, Callable[[Host], tuple[Part, ...]]] = {
    "record": _record,
    "caddy": _caddy,
    "traefik_json": _traefik,
    "json": _flat,
}
