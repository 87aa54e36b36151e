r"""HAProxy's HTTP log (``option httplog``), with or without the syslog header in front.

    client:port [accept date] frontend backend/server TR/Tw/Tc/Tr/Ta status bytes cookie cookie state
    actconn/feconn/beconn/srv_conn/retries srv_queue/backend_queue {captured} {captured} "request"

A line of bytes in, a record out. Its time is that of the accept and names no zone. HAProxy writes bytes
outside 32 to 126 and its own delimiters as ``#HH``, so quotes and braces never occur within a value; a line
cut at the log's greatest length has no last quote.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import values
from w3ctools.core.formats.format import FormatSpec, Settings
from w3ctools.core.formats.request import parse_request
from w3ctools.core.formats.text import visible
from w3ctools.core.record import Record, record_type
from w3ctools.core.timestamp import parse_clf

_LINE = re.compile(
    rb"(?:.{0,300}?haproxy(?:\[\d{1,10}\])?: )?"
    rb"(?P<client>[^ \[\]{}\"]+):(?P<port>\d{1,5}) "
    rb"\[(?P<time>\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3})\] "
    rb"(?P<frontend>[^ ]+) (?P<backend>[^ /]+)/(?P<server>[^ ]+) "
    rb"(?P<timers>-?\d+/-?\d+/-?\d+/(?P<response>-?\d+)/(?P<total>[-+]?\d+)) "
    rb"(?P<status>-1|\d{3}) (?P<bytes>\+?\d+) "
    rb"(?P<request_cookie>[^ ]+) (?P<response_cookie>[^ ]+) (?P<termination_state>[^ ]{2,4}) "
    rb"(?P<connections>\d+/\d+/\d+/\d+/\+?\d+) (?P<queues>\d+/\d+) "
    rb"(?:\{(?P<captured_1>[^{}\"]*)\} )?(?:\{(?P<captured_2>[^{}\"]*)\} )?"
    rb"\"(?P<request>[^\"]*)(?:\"(?: (?P<tail>.*))?)?",
    re.DOTALL,
)
_ESCAPE = re.compile(rb"#([0-9A-F]{2})")
_EXTRA = (
    "frontend",
    "timers",
    "request_cookie",
    "response_cookie",
    "termination_state",
    "connections",
    "queues",
    "captured_1",
    "captured_2",
    "tail",
)


class HAProxy:
    """Parses lines of ``option httplog``; what ``option httpslog`` adds is kept as it is."""

    name = "haproxy"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._type: Callable[..., Record] = record_type(
            ("client_port", "duration", "upstream", "upstream_duration", "extra")
        )

    def parse(self, line: bytes) -> Record:
        """Parse one line. Raises ParseError; for HAProxy's other messages too."""
        match = _LINE.fullmatch(line)
        if match is None:
            raise ParseError("haproxy: expected client:port [date] frontend backend/server timers ...", 1)
        time, epoch = parse_clf(match["time"].decode(), self._settings.zone)
        extra = {key: _unescape(match[key]) for key in _EXTRA if match[key] not in (None, b"-", b"")}
        upstream: str | None = f"{_unescape(match['backend'])}/{_unescape(match['server'])}"
        if match["server"] == b"<NOSRV>":
            upstream, extra["backend"] = None, _unescape(match["backend"])
        return self._type(
            time=time,
            epoch=epoch,
            client=values.host_and_port(_unescape(match["client"]))[0],
            **parse_request(_unescape(match["request"]), self._settings.site)._asdict(),
            status=values.status(match["status"]),
            bytes=values.integer(match["bytes"].lstrip(b"+")),
            client_port=int(match["port"]),
            duration=values.seconds(match["total"].lstrip(b"+"), -3),
            upstream=upstream,
            upstream_duration=values.seconds(match["response"], -3),
            extra=extra,
        )

    def block_parser(self) -> None:
        """There is none."""


def _unescape(raw: bytes) -> str:
    r"""Text with ``#HH`` undone where that is safe.

    >>> _unescape(b"a#22b#1B"), _unescape(b"caf#C3#A9")
    ('a"b\\x1b', 'café')
    """
    if b"#" in raw:
        raw = _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), raw)
    return visible(raw)


SPECS: tuple[FormatSpec, ...] = (
    FormatSpec(
        "haproxy",
        "HAProxy, option httplog",
        b"Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in "
        b"static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "
        b'"GET /index.html HTTP/1.1"',
        HAProxy,
    ),
)
