"""The access log of Traefik as flat JSON objects, one a line."""

from __future__ import annotations

from collections.abc import Callable

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import values
from w3ctools.core.formats.format import FormatSpec, Settings
from w3ctools.core.formats.json_decode import (
    decoded,
    extra,
    integer,
    known,
    scalars,
    seconds,
    status,
    time_of,
)
from w3ctools.core.record import Record, record_type

_NEEDS = {"DownstreamStatus", "RequestMethod", "RequestPath"}
_USED = frozenset(
    (
        "StartUTC",
        "StartLocal",
        "time",
        "level",
        "msg",
        "ClientAddr",
        "ClientHost",
        "ClientPort",
        "ClientUsername",
        "RequestAddr",
        "RequestHost",
        "RequestPort",
        "RequestMethod",
        "RequestPath",
        "RequestProtocol",
        "RequestScheme",
        "DownstreamStatus",
        "DownstreamContentSize",
        "Duration",
        "RequestContentSize",
        "ServiceAddr",
        "OriginStatus",
        "OriginDuration",
        "TLSVersion",
        "TLSCipher",
        "request_Referer",
        "request_User-Agent",
        "request_X-Forwarded-For",
        "downstream_Content-Type",
    )
)


class Traefik:
    """Traefik's access log in JSON, its time the start of the request."""

    name = "traefik_json"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._type: Callable[..., Record] = record_type(
            (
                "scheme",
                "vhost_port",
                "client_port",
                "forwarded_for",
                "duration",
                "request_bytes",
                "upstream",
                "upstream_status",
                "upstream_duration",
                "tls_protocol",
                "tls_cipher",
                "content_type",
                "extra",
            )
        )

    def parse(self, line: bytes) -> Record:
        """Parse one entry. Raises ParseError."""
        entry = decoded(scalars, line)
        if not entry.keys() >= _NEEDS:
            raise ParseError("json: expected DownstreamStatus, RequestMethod and RequestPath", 1)
        get = {key: text for key, text in entry.items() if known(text)}.get
        origin_status = status(get("OriginStatus"))
        parts = values.request_parts(
            get("RequestMethod", ""), get("RequestPath", ""), get("RequestProtocol", ""), self._settings.site
        )
        time, epoch = time_of(get("StartUTC") or get("StartLocal") or get("time"), self._settings.zone)
        vhost, vhost_port = values.host_and_port(get("RequestHost", ""))
        client, comma, others = get("ClientHost", "").partition(",")  # several, if a plug-in has set it
        return self._type(
            time=time,
            epoch=epoch,
            client=values.host_and_port(client)[0] or None,
            user=get("ClientUsername"),
            vhost=vhost.lower() or None,
            **parts._asdict(),
            status=status(get("DownstreamStatus")),
            bytes=integer(get("DownstreamContentSize")),
            referer=get("request_Referer"),
            user_agent=get("request_User-Agent"),
            scheme=get("RequestScheme"),
            vhost_port=vhost_port or integer(get("RequestPort")),
            client_port=integer(get("ClientPort")),
            forwarded_for=others.strip() if comma else get("request_X-Forwarded-For"),
            duration=seconds(get("Duration"), -9),
            request_bytes=integer(get("RequestContentSize")),
            upstream=get("ServiceAddr"),
            upstream_status=origin_status,
            upstream_duration=seconds(get("OriginDuration"), -9) if origin_status else None,
            tls_protocol=get("TLSVersion"),
            tls_cipher=get("TLSCipher"),
            content_type=get("downstream_Content-Type"),
            extra=extra(entry, _USED),
        )

    def block_parser(self) -> None:
        """There is none."""


SPECS: tuple[FormatSpec, ...] = (
    FormatSpec(
        "traefik_json",
        "Traefik, JSON",
        b'{"ClientAddr":"10.10.10.1:40084","ClientHost":"10.10.10.1","ClientPort":"40084","ClientUsername":"-",'
        b'"DownstreamContentSize":10699,"DownstreamStatus":200,"Duration":31482552,"OriginContentSize":10699,'
        b'"OriginDuration":31390214,"OriginStatus":200,"Overhead":92338,"RequestContentSize":0,'
        b'"RequestHost":"gw.local","RequestMethod":"GET","RequestPath":"/webpages/index.html?t=1",'
        b'"RequestPort":"-","RequestProtocol":"HTTP/1.1","RequestScheme":"http","RouterName":"web@file",'
        b'"ServiceAddr":"10.0.0.2:80","StartUTC":"2025-01-08T13:27:03.200888017Z",'
        b'"request_User-Agent":"curl/8.5.0","time":"2025-01-08T13:27:03Z"}',
        Traefik,
    ),
)
