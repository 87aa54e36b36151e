"""The access log of Caddy 2, one JSON object a line."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import values
from w3ctools.core.formats.format import FormatSpec, Settings
from w3ctools.core.formats.json_decode import UNDECODABLE, decode_text, decoded, integer, seconds
from w3ctools.core.record import Record, record_type
from w3ctools.core.section import split_target
from w3ctools.core.timestamp import Zone, parse_any, rfc3339

_GO_DURATION = re.compile(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9}(?:\.\d{1,9})?)s)?")
_GO_FRACTION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|us|\u00b5s|\u03bcs|ns)")
_GO_EXPONENT = {"ms": -3, "us": -6, "\u00b5s": -6, "\u03bcs": -6, "ns": -9}
_Values = list[str] | str | None


class _Headers(msgspec.Struct, gc=False, frozen=True, rename=lambda name: name.title().replace("_", "-")):
    referer: _Values = None
    user_agent: _Values = None
    x_forwarded_for: _Values = None
    content_type: _Values = None


_NO_HEADERS = _Headers()


class _Tls(msgspec.Struct, gc=False):
    version: int = 0
    cipher_suite: int = 0


class _Request(msgspec.Struct, gc=False):
    method: str
    uri: str
    proto: str = ""
    host: str = ""
    #: Before Caddy 2.5 address and port were one.
    remote_addr: str | None = None
    remote_ip: str | None = None
    remote_port: str | int | None = None
    client_ip: str | None = None
    headers: _Headers = _NO_HEADERS
    tls: _Tls | None = None


class _Entry(msgspec.Struct, gc=False):
    ts: msgspec.Raw
    request: _Request
    status: int
    size: int
    logger: str = ""
    user_id: str | None = None
    duration: float | int | str | None = None
    bytes_read: int = -1
    resp_headers: _Headers = _NO_HEADERS


_BACKSLASH, _DELETE = b"\\\x7f"
_decode = msgspec.json.Decoder(_Entry).decode
#: An integer from here on is no size any server wrote.
_LIMIT = 10**values.MAX_DIGITS
_TLS_VERSIONS = {769: "TLSv1", 770: "TLSv1.1", 771: "TLSv1.2", 772: "TLSv1.3"}
_TLS_CIPHERS = {
    4865: "TLS_AES_128_GCM_SHA256",
    4866: "TLS_AES_256_GCM_SHA384",
    4867: "TLS_CHACHA20_POLY1305_SHA256",
}


class Caddy:
    """Caddy 2's access log; headers other than those of the record are left out."""

    name = "caddy"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._type: Callable[..., Record] = record_type(
            (
                "vhost_port",
                "client_port",
                "peer",
                "forwarded_for",
                "duration",
                "request_bytes",
                "tls_protocol",
                "tls_cipher",
                "content_type",
            )
        )

    def parse(self, line: bytes) -> Record:
        """Parse one entry. Raises ParseError; for the error log too, which tells of the same requests."""
        try:
            entry = _decode(line)  # nearly always; a call more is a fiftieth of the time
        except UNDECODABLE:
            entry = decoded(_decode, line)
        if entry.logger[:14] == "http.log.error":
            raise ParseError("logger: expected the access log, not http.log.error", 1)
        record = self._record(entry)
        if not line.isascii() or _BACKSLASH in line or _DELETE in line:  # else no text can be unsafe
            _make_safe(record)
        return record

    def _record(self, entry: _Entry) -> Record:
        request, headers, tls = entry.request, entry.request.headers, entry.request.tls
        client, peer, port = request.client_ip, request.remote_ip, request.remote_port
        method, uri, proto, host = request.method, request.uri, request.proto, request.host
        if peer is None and request.remote_addr:
            peer, port = values.host_and_port(request.remote_addr)
        if client is None or client == peer:
            client, peer, client_port = peer, None, integer(port)
        else:
            client_port = None
        if uri[:1] == "/":
            path, query, section = split_target(uri, self._settings.site)
            whole = None
        else:
            _, path, query, _, section, whole = values.request_parts(method, uri, proto, self._settings.site)
        referer, user_agent = headers.referer, headers.user_agent
        forwarded_for, content_type = headers.x_forwarded_for, entry.resp_headers.content_type
        time, epoch = _stamp(entry.ts, self._settings.zone)
        vhost, vhost_port = values.host_and_port(host) if ":" in host else (host, None)
        tls_protocol = tls_cipher = None
        if tls is not None:
            tls_protocol = _TLS_VERSIONS.get(tls.version)
            tls_cipher = _TLS_CIPHERS.get(tls.cipher_suite) or _tls_cipher(tls.cipher_suite)
        status, size, received, duration = entry.status, entry.size, entry.bytes_read, entry.duration
        return self._type(
            time,
            epoch,
            client.partition("%")[0] if client and "%" in client else client or None,
            None,
            entry.user_id or None,
            vhost.lower() or None,
            method or None,
            path,
            query,
            proto or None,
            status if 100 <= status <= 999 else None,
            size if 0 <= size < _LIMIT else None,
            _header(referer) if referer else None,
            _header(user_agent) if user_agent else None,
            section,
            whole,
            vhost_port,
            client_port,
            peer,
            _header(forwarded_for) if forwarded_for else None,
            duration if duration.__class__ is float else _duration(duration),
            received if 0 <= received < _LIMIT else None,
            tls_protocol,
            tls_cipher,
            _header(content_type) if content_type else None,
        )

    def block_parser(self) -> None:
        """There is none."""


def _make_safe(record: Any) -> None:
    texts = (
        f"{record.client}{record.user}{record.vhost}{record.method}{record.path}{record.query}"
        f"{record.protocol}{record.referer}{record.user_agent}{record.section}{record.request}"
        f"{record.peer}{record.forwarded_for}{record.content_type}"
    )
    if not texts.isprintable():
        for key in record.__struct_fields__:
            value = getattr(record, key)
            setattr(record, key, values.safe(value) if isinstance(value, str) else value)


def _header(texts: list[str] | str) -> str | None:
    """A header's value: several lines of one header are one list (RFC 9110 section 5.3)."""
    if isinstance(texts, str):
        return texts
    return (texts[0] if len(texts) == 1 else ", ".join(texts)) or None


def _tls_cipher(number: int) -> str | None:
    return f"0x{number & 0xFFFF:04x}" if number else None


#: A quotient of integers is the float nearest to it, as that of the digits is, and sooner found.
_SCALES = [10**digits for digits in range(7)]


@lru_cache(maxsize=64)
def _second(text: str) -> str | None:
    time = rfc3339(int(text)) if text.isdecimal() and len(text) <= 11 else None
    return time[:-1] if time else None


def _stamp(raw: msgspec.Raw, zone: Zone) -> tuple[str | None, int | float | None]:
    """``ts`` as Caddy writes it, a float of Unix seconds, or as ``time_format`` has it."""
    text = str(raw, "latin-1")
    second, _, fraction = text.partition(".")
    if fraction.isdecimal():
        time = _second(second)
        if time:
            micros = fraction[:6]
            return f"{time}.{fraction[:9]}Z", int(second + micros) / _SCALES[len(micros)]
    try:
        return parse_any(decode_text(raw) if text[:1] == '"' else text, zone)
    except (ValueError, *UNDECODABLE):
        raise ParseError("ts: expected a time", 1) from None


def _duration(duration: int | float | str | None) -> int | float | None:
    """Seconds; ``duration_format`` may have made it a text, or nanoseconds as an integer.

    An integer tells no unit, and few requests last whole seconds to the nanosecond: it is not guessed at.
    """
    if isinstance(duration, str):
        return _go_duration(duration)
    return 0 if duration == 0 else None


def _go_duration(text: str) -> int | float | None:
    """Seconds of ``1m2.5s`` or ``929.675\u00b5s`` as Go writes durations, or of a decimal number."""
    small, whole = _GO_FRACTION.fullmatch(text), _GO_DURATION.fullmatch(text)
    if small:
        return seconds(small[1], _GO_EXPONENT[small[2]])
    if not whole or not text:
        return seconds(text)
    h, m, s = (Decimal(part or 0) for part in whole.groups())
    return float(h * 3600 + m * 60 + s)


SPECS: tuple[FormatSpec, ...] = (
    FormatSpec(
        "caddy",
        "Caddy 2, JSON",
        b'{"level":"info","ts":1646861401.5241024,"logger":"http.log.access","msg":"handled request",'
        b'"request":{"remote_ip":"127.0.0.1","remote_port":"41342","client_ip":"127.0.0.1","proto":"HTTP/2.0",'
        b'"method":"GET","host":"localhost","uri":"/","headers":{"User-Agent":["curl/7.82.0"]},"tls":{'
        b'"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"example.com"}},'
        b'"bytes_read":0,"user_id":"","duration":0.000929675,"size":10900,"status":200,"resp_headers":{'
        b'"Server":["Caddy"],"Content-Type":["text/html; charset=utf-8"]}}',
        Caddy,
    ),
)
