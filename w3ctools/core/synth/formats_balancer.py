"""Lines of load balancers, of S3 and of servers whose log has one form of its own: made of parts.

The forms are those of `core.formats` under the same names, whose docstrings describe them.
"""

from __future__ import annotations

from collections.abc import Callable

from w3ctools.core.synth.formats_parts import (
    BODY_BYTES,
    CLF_BYTES,
    CLF_TIME,
    CLIENT,
    CLIENT_PORT,
    METHOD,
    MICROSECONDS,
    MILLISECONDS,
    PROTOCOL,
    REFERER,
    REQUEST,
    REQUEST_BYTES,
    SECONDS_MS,
    SECONDS_US,
    STATUS,
    TARGET,
    UPSTREAM,
    USER,
    USER_AGENT,
    WIRE_BYTES,
    host_header,
    iso_time,
    wire_bytes,
)
from w3ctools.core.synth.line import Host, LineFormat, OfExchange, OfMoment, Part

_CLIENT_AND_PORT: tuple[Part, ...] = (CLIENT, f":{CLIENT_PORT}")


def named(name: str, host: Host) -> LineFormat:
    """The format of this name."""
    return _MAKE[name](host)


def _balanced(name: str, host: Host, zero: str, seconds: OfExchange) -> tuple[Part, ...]:
    """What ALB and the classic load balancer have in common: all time is the target's (AWS, access logs)."""
    return (
        *(iso_time("000000"), f" {name} ", *_CLIENT_AND_PORT, f" {UPSTREAM} {zero} ", seconds, f" {zero} "),
        *(STATUS, " ", STATUS, " ", REQUEST_BYTES, " ", WIRE_BYTES, ' "', METHOD),
        *(f" {host.scheme}://{host.name}:{host.port}", TARGET, " ", PROTOCOL, '" "', USER_AGENT, '" - -'),
    )


def _alb(host: Host) -> LineFormat:
    target_group = "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/web/73e2d6bc24d8a067"
    tail = (
        f' {target_group} "-" "-" "-" 0 ',
        *(iso_time("000000"), f' "forward" "-" "-" "{UPSTREAM}" "', STATUS, '" "-" "-"'),
    )
    line = _balanced("app/web/50dc6c495c0c9188", host, "0.000", SECONDS_MS)
    return LineFormat("alb", (f"{host.scheme} ", *line, *tail), size_bytes=wire_bytes, origin=_origin(host))


def _origin(host: Host) -> str:
    return f"{host.scheme}://{host_header(host)}"


def _elb(host: Host) -> LineFormat:
    template = _balanced("web", host, "0.000000", SECONDS_US)
    return LineFormat("elb", template, size_bytes=wire_bytes, origin=_origin(host))


def _s3(host: Host) -> LineFormat:
    """AWS, Amazon S3 server access log format."""
    owner = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
    key = OfExchange(lambda exchange: exchange.path.removeprefix("/") or "-")
    template = (
        *(f"{owner} {host.name} [", CLF_TIME, "] ", CLIENT, " ", USER, " 3E57427F3EXAMPLE REST."),
        *(METHOD, ".OBJECT ", key, ' "', REQUEST, '" ', STATUS, " - ", CLF_BYTES, " ", CLF_BYTES, " "),
        *(MILLISECONDS, " ", MILLISECONDS, ' "', REFERER, '" "', USER_AGENT, f'" - - - - - {host.name} -'),
    )
    return LineFormat("s3", template)


def _envoy(host: Host) -> LineFormat:
    template = (
        *("[", iso_time("000"), '] "', REQUEST, '" ', STATUS, " - ", REQUEST_BYTES, " ", BODY_BYTES, " "),
        *(MILLISECONDS, " ", MILLISECONDS, ' "', CLIENT, '" "', USER_AGENT),
        f'" "-" "{host_header(host)}" "tcp://{UPSTREAM}"',
    )
    return LineFormat("envoy", template)


def _haproxy(host: Host) -> LineFormat:
    """As HAProxy writes it without a syslog header (HAProxy's manual, 8.2.3; ``log stdout format raw``)."""
    time = OfMoment(lambda moment: CLF_TIME.write(moment).replace(" +0000", ".000"))
    template = (
        *(*_CLIENT_AND_PORT, " [", time, "] http-in web/web1 0/0/0/", MILLISECONDS, "/", MILLISECONDS, " "),
        *(STATUS, " ", WIRE_BYTES, ' - - ---- 1/1/0/0/0 0/0 "', REQUEST, '"'),
    )
    return LineFormat("haproxy", template, size_bytes=wire_bytes)


def _ltsv(host: Host) -> LineFormat:
    template = (
        *("host:", CLIENT, "\tident:-\tuser:", USER, "\ttime:[", CLF_TIME, "]\treq:", REQUEST),
        *("\tstatus:", STATUS, "\tsize:", CLF_BYTES, "\treferer:", REFERER, "\tua:", USER_AGENT),
        *(f"\tvhost:{host.name}\treqsize:", REQUEST_BYTES, "\treqtime_microsec:", MICROSECONDS),
    )
    return LineFormat("ltsv", template)


#: Of Python's HTTPStatus, which uvicorn writes.
_PHRASES = {
    200: "OK",
    201: "Created",
    204: "No Content",
    206: "Partial Content",
    301: "Moved Permanently",
    302: "Found",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def _uvicorn(host: Host) -> LineFormat:
    phrase = OfExchange(lambda exchange: _PHRASES.get(exchange.status, ""))
    return LineFormat(
        "uvicorn",
        ("INFO:     ", *_CLIENT_AND_PORT, ' - "', REQUEST, '" ', STATUS, " ", phrase),
        size_bytes=lambda exchange: None,
        tells=frozenset({"client", "method", "path", "status"}),
    )


_MAKE: dict[str, Callable[[Host], LineFormat]] = {
    "alb": _alb,
    "elb": _elb,
    "s3": _s3,
    "envoy": _envoy,
    "haproxy": _haproxy,
    "ltsv": _ltsv,
    "uvicorn": _uvicorn,
}
