"""The parts of lines that many formats have in common, as they are logged."""

from __future__ import annotations

from w3ctools.core.section import DEFAULT_PORTS
from w3ctools.core.synth.line import Exchange, Host, OfExchange, OfMoment, OfVisit
from w3ctools.core.timestamp import clf, rfc3339

#: Where formats need one: the first of the ports that clients are given (RFC 6335 section 6), and a server
#: behind a proxy.
CLIENT_PORT = 49152
UPSTREAM = "10.0.0.2:8080"

CLIENT = OfVisit(lambda visit: visit.client)
#: Of what is not there, ``-``.
USER = OfVisit(lambda visit: visit.user or "-")
REFERER = OfVisit(lambda visit: visit.referer or "-")
USER_AGENT = OfVisit(lambda visit: visit.user_agent or "-")

METHOD = OfExchange(lambda exchange: exchange.method)
PATH = OfExchange(lambda exchange: exchange.path)
TARGET = OfExchange(lambda exchange: exchange.target)
PROTOCOL = OfExchange(lambda exchange: exchange.protocol)
REQUEST = OfExchange(lambda exchange: f"{exchange.method} {exchange.target} {exchange.protocol}")
STATUS = OfExchange(lambda exchange: str(exchange.status))
BODY_BYTES = OfExchange(lambda exchange: str(exchange.body_bytes))
#: The same, of nothing ``-``.
CLF_BYTES = OfExchange(lambda exchange: str(exchange.body_bytes or "-"))
WIRE_BYTES = OfExchange(lambda exchange: str(wire_bytes(exchange)))
REQUEST_BYTES = OfExchange(lambda exchange: str(exchange.request_bytes))
WHOLE_SECONDS = OfExchange(lambda exchange: str(exchange.duration_us // 1_000_000))
#: Seconds with three, and with six decimals.
SECONDS_MS = OfExchange(lambda exchange: decimal(exchange.duration_us // 1_000, 3))
SECONDS_US = OfExchange(lambda exchange: decimal(exchange.duration_us, 6))
MILLISECONDS = OfExchange(lambda exchange: str(exchange.duration_us // 1_000))
MICROSECONDS = OfExchange(lambda exchange: str(exchange.duration_us))

#: dd/Mon/yyyy:hh:mm:ss +0000
CLF_TIME = OfMoment(lambda moment: clf(moment.epoch_s))
EPOCH = OfMoment(lambda moment: str(moment.epoch_s))


def iso_time(fraction: str = "", zone: str = "Z") -> OfMoment:
    """yyyy-mm-ddThh:mm:ss, the digits of a fraction, and UTC as it is written."""
    return OfMoment(lambda moment: (rfc3339(moment.epoch_s, fraction) or "-").replace("Z", zone))


def wire_bytes(exchange: Exchange) -> int:
    """The size of the response with its head."""
    return exchange.head_bytes + exchange.body_bytes


def decimal(number: int, digits: int) -> str:
    """A number of 10**-`digits`, with all of them.

    >>> decimal(50, 3)
    '0.050'
    """
    whole, rest = divmod(number, 10**digits)
    return f"{whole}.{rest:0{digits}}"


def host_header(host: Host) -> str:
    """The name, with the port where it is not that of the scheme (RFC 9110 section 7.2)."""
    return host.name if str(host.port) == DEFAULT_PORTS[host.scheme] else f"{host.name}:{host.port}"
