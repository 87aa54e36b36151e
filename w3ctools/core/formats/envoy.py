r"""Envoy's default access log, and Istio's, which adds fields in the middle and at the end.

    [start] "method path protocol" status flags received sent duration upstream_duration
    "x-forwarded-for" "user agent" "request id" "authority" "upstream"

A line of bytes in, a record out. The line does not name the peer, so the client is the first address of
X-Forwarded-For: what a client sent unless a proxy in front of Envoy wrote it. Envoy escapes nothing, so
a request and a user agent may hold quotes; the other values are found from the line's end.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import values
from w3ctools.core.formats.format import FormatSpec, Settings
from w3ctools.core.formats.request import Request
from w3ctools.core.formats.text import visible
from w3ctools.core.record import Record, record_type
from w3ctools.core.timestamp import parse_iso

_HEAD = re.compile(
    rb"\[(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z)\] "
    rb"\"(?P<request>.*?)\" (?P<status>\d{1,3}) (?P<flags>[A-Za-z0-9,-]+) "
    rb"(?:(?P<details>[^ \"]+) (?P<termination>[^ \"]+) \"(?P<failure>[^\"]*)\" )?"
    rb"(?P<received>\d+|-) (?P<sent>\d+|-) (?P<duration>\d+|-) (?P<upstream>\d+|-) \"",
    re.DOTALL,
)
_HEAD_EXTRA = {
    "response_flags": "flags",
    "response_code_details": "details",
    "connection_termination_details": "termination",
    "upstream_transport_failure_reason": "failure",
}
#: What Istio writes behind the upstream.
_TAIL_EXTRA = (
    "upstream_cluster",
    "upstream_local_address",
    "downstream_local_address",
    "downstream_remote_address",
    "requested_server_name",
    "route_name",
)


class Envoy:
    """Parses lines of Envoy's default format and of Istio's."""

    name = "envoy"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._type: Callable[..., Record] = record_type(
            (
                "vhost_port",
                "forwarded_for",
                "duration",
                "request_bytes",
                "upstream",
                "upstream_duration",
                "request_id",
                "extra",
            )
        )

    def parse(self, line: bytes) -> Record:
        """Parse one line. Raises ParseError."""
        head = _HEAD.match(line)
        if head is None:
            raise ParseError('envoy: expected [time] "request" status flags bytes bytes ms ms "...', 1)
        quoted, quote, tail = line[head.end() :].rpartition(b'"')
        texts = [_known(visible(text)) for text in quoted.split(b'" "')]
        if not quote or len(texts) < 5 or (tail and not tail.startswith(b" ")):
            raise ParseError("envoy: expected 5 quoted values behind the times", head.end() + 1)
        request_id, authority, upstream = texts[-3:]
        user_agent = '" "'.join(text or "-" for text in texts[1:-3])
        extra = {key: visible(head[group]) for key, group in _HEAD_EXTRA.items() if head[group] is not None}
        extra.update(_tail_extra(visible(tail.lstrip(b" "))))
        time, epoch = parse_iso(head["time"].decode())
        vhost, vhost_port = values.host_and_port(authority or "")
        client = (texts[0] or extra.get("downstream_remote_address", "")).partition(",")[0].strip()
        return self._type(
            time=time,
            epoch=epoch,
            client=values.host_and_port(client)[0] or None,
            vhost=vhost.lower() or None,
            **_request(visible(head["request"]), self._settings.site)._asdict(),
            status=values.status(head["status"]),
            bytes=values.integer(head["sent"]),
            user_agent=_known(user_agent),
            vhost_port=vhost_port,
            forwarded_for=texts[0],
            duration=values.seconds(head["duration"], -3),
            request_bytes=values.integer(head["received"]),
            upstream=upstream,
            upstream_duration=values.seconds(head["upstream"], -3),
            request_id=request_id,
            extra={key: text for key, text in extra.items() if _known(text)} or None,
        )

    def block_parser(self) -> None:
        """There is none."""


def _known(text: str) -> str | None:
    return None if text in ("", "-") else text


def _tail_extra(tail: str) -> dict[str, str]:
    words = tail.split(" ")
    if len(words) == len(_TAIL_EXTRA):
        return dict(zip(_TAIL_EXTRA, words, strict=True))
    return {"tail": tail}


def _request(text: str, site: str) -> Request:
    """Method, path and protocol, any of them ``-``; a path may hold blanks."""
    method, _, rest = text.partition(" ")
    target, _, protocol = rest.rpartition(" ")
    return values.request_parts(method, target, protocol, site)


SPECS: tuple[FormatSpec, ...] = (
    FormatSpec(
        "envoy",
        "Envoy's default format, and Istio's",
        b'[2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" '
        b'"nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80"',
        Envoy,
    ),
)
