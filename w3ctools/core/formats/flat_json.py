"""Flat JSON objects, one a line, whatever server wrote them: keys are known by their usual names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

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
from w3ctools.core.formats.request import Request, parse_request
from w3ctools.core.record import FORMAT_KEYS, Record, record_type

#: What servers and collectors call a key, the most exact first; in small letters, with ``_`` for any sign.
_SYNONYMS = {
    "time": "msec time_iso8601 time_local timestamp time ts datetime date start_time edgestarttimestamp",
    "client": "remote_addr client_ip clientip remote_ip client client_addr remote_address remote_host "
    "downstream_remote_address",
    "client_port": "remote_port client_port clientport",
    "user": "remote_user user auth_user authuser username",
    "vhost": "http_host host server_name vhost virtual_host authority request_host domain clientrequesthost",
    "server_ip": "server_addr server_ip",
    "server_port": "server_port",
    "scheme": "scheme request_scheme clientrequestscheme",
    "request": "request request_line",
    "method": "request_method method http_method verb clientrequestmethod",
    "target": "request_uri uri request_url url path request_path x_envoy_original_path x_envoy_origin_path "
    "clientrequesturi",
    "query": "args query_string query",
    "protocol": "server_protocol protocol request_protocol proto http_version clientrequestprotocol",
    "status": "status status_code response_code response_status http_status edgeresponsestatus",
    "bytes": "body_bytes_sent bytes_sent bytes size response_size response_bytes edgeresponsebytes",
    "wire_bytes": "bytes_sent",
    "request_bytes": "request_length request_bytes bytes_received clientrequestbytes",
    "referer": "http_referer http_referrer referer referrer request_referer clientrequestreferer",
    "user_agent": "http_user_agent user_agent useragent agent request_user_agent clientrequestuseragent",
    "forwarded_for": "http_x_forwarded_for x_forwarded_for forwarded_for xff",
    "duration": "request_time duration_s request_time_s response_time_s",
    "duration_ms": "duration_ms request_time_ms response_time_ms",
    "upstream": "upstream_addr upstream upstream_host",
    "upstream_status": "upstream_status",
    "upstream_duration": "upstream_response_time",
    "cache": "upstream_cache_status cache_status cachecachestatus",
    "request_id": "request_id x_request_id http_x_request_id req_id trace_id rayid",
    "tls_protocol": "ssl_protocol tls_protocol tls_version",
    "tls_cipher": "ssl_cipher tls_cipher",
    "content_type": "sent_http_content_type content_type",
}
_PLAIN_ROLES = (
    "scheme",
    "forwarded_for",
    "server_ip",
    "cache",
    "request_id",
    "tls_protocol",
    "tls_cipher",
    "content_type",
)
_NAMES = {role: names.split() for role, names in _SYNONYMS.items()}
_NO_NAME = re.compile(r"[^a-z0-9]+")
_LIST = re.compile(r", | : ")
_OWN_KEYS = set(Record.__struct_fields__)


class Flat:
    """Objects without nesting, whatever server wrote them, by the usual names of their keys.

    An object must tell a status, the request or its target, and a time or a client.
    """

    name = "json"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._type: Callable[..., Record] = record_type(
            tuple(key for key in FORMAT_KEYS if key not in ("peer", "ttfb"))
        )

    def parse(self, line: bytes) -> Record:
        """Parse one entry. Raises ParseError."""
        entry = decoded(scalars, line)
        keys = _roles(entry)
        get = {role: entry[key] for role, key in keys.items() if known(entry[key])}.get
        try:
            time, epoch = time_of(get("time"), self._settings.zone)
        except ParseError:  # of a shape unknown: the request is counted nonetheless
            time, epoch = None, None
            del keys["time"]
        for role in ("upstream", "upstream_status", "upstream_duration"):
            if _LIST.search(get(role, "")):  # of which the record has the last one only
                del keys[role]
        client, client_port = values.host_and_port(get("client", ""))
        vhost, vhost_port = values.host_and_port(get("vhost", ""))
        return self._type(
            time=time,
            epoch=epoch,
            client=client or None,
            user=get("user"),
            vhost=vhost.lower() or None,
            **self._request(get)._asdict(),
            status=status(get("status")),
            bytes=integer(get("bytes")),
            referer=get("referer"),
            user_agent=get("user_agent"),
            vhost_port=vhost_port,
            client_port=client_port or integer(get("client_port")),
            server_port=integer(get("server_port")),
            duration=seconds(get("duration")) if get("duration") else seconds(get("duration_ms"), -3),
            request_bytes=integer(get("request_bytes")),
            wire_bytes=integer(get("wire_bytes")),
            upstream=_last(get("upstream")),
            upstream_status=status(_last(get("upstream_status"))),
            upstream_duration=seconds(_last(get("upstream_duration"))),
            **{role: get(role) for role in _PLAIN_ROLES},
            extra=extra(entry, frozenset(keys.values())),
        )

    def _request(self, get: Callable[..., Any]) -> Request:
        if get("request"):
            return parse_request(get("request"), self._settings.site)
        target, query = get("target", ""), get("query")
        if query and "?" not in target:
            target = f"{target}?{query.removeprefix('?')}"
        return values.request_parts(get("method", ""), target, get("protocol", ""), self._settings.site)

    def block_parser(self) -> None:
        """There is none."""


def _roles(entry: dict[str, str]) -> dict[str, str]:
    """The key under which each role was found. Raises ParseError where they do not make a request."""
    named = {_NO_NAME.sub("_", key.lower()).strip("_"): key for key in entry}
    keys: dict[str, str] = {}
    for role, names in _NAMES.items():
        present = [named[name] for name in names if name in named and named[name] not in keys.values()]
        if present:
            keys[role] = next((key for key in present if known(entry[key])), present[0])
    is_request = {"request", "target"} & keys.keys() and {"time", "client"} & keys.keys()
    if "status" not in keys or not is_request or entry.keys() >= _OWN_KEYS:
        raise ParseError("json: expected status, request or target, and time or client", 1)
    return keys


def _last(text: str | None) -> str | None:
    return _LIST.split(text)[-1] if text else None


SPECS: tuple[FormatSpec, ...] = (
    FormatSpec(
        "json",
        "flat JSON objects, by the usual names of their keys (nginx and others)",
        b'{"time_iso8601":"2024-12-31T17:32:06+00:00","remote_addr":"172.24.0.3","remote_user":"alice",'
        b'"request":"GET /a/b?c HTTP/1.1","status":"200","body_bytes_sent":"615","request_time":"0.050",'
        b'"http_referer":"","http_user_agent":"curl/8.11.1","upstream_response_time":"0.010, 0.049"}',
        Flat,
    ),
)
