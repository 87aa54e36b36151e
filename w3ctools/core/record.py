"""The record: one access-log entry, the same sixteen keys in the same order whatever the format.

``None`` means unknown. Keys that only some formats have follow the sixteen; whether they are present
depends on the format, never on the line. The manual page w3ctools(5) is the public description.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

import msgspec


class Record(msgspec.Struct, gc=False):
    """One request as the server logged it. Texts are safe to show: see `core.formats.text`."""

    #: RFC 3339 in UTC with ``Z``; fraction digits as the source gave them.
    time: str | None = None
    #: Unix seconds of `time`; an integer where the source has no fraction.
    epoch: int | float | None = None
    #: Address or name of the client, without port.
    client: str | None = None
    #: Identity by RFC 1413.
    ident: str | None = None
    #: Authenticated user as logged.
    user: str | None = None
    #: Virtual host, lower case, without port.
    vhost: str | None = None
    method: str | None = None
    #: The target's path, percent-encoding untouched.
    path: str | None = None
    #: What follows the target's first ``?``; empty where nothing follows it.
    query: str | None = None
    #: As logged, such as ``HTTP/1.1``.
    protocol: str | None = None
    #: 100 to 999.
    status: int | None = None
    #: Response size in bytes as logged: with or without headers, which a line does not tell.
    bytes: int | None = None
    referer: str | None = None
    user_agent: str | None = None
    #: What stands before the second ``/`` of the target.
    section: str | None = None
    #: The request line, only where method, path, query and protocol do not rebuild it.
    request: str | None = None


#: Keys of some formats only, in the order in which they follow the sixteen, with their types.
FORMAT_KEYS: dict[str, Any] = {
    "scheme": str | None,
    "vhost_port": int | None,
    "client_port": int | None,
    #: TCP peer, where `Record.client` was taken from a header.
    "peer": str | None,
    #: Addresses as a proxy header lists them.
    "forwarded_for": str | None,
    "server_ip": str | None,
    "server_port": int | None,
    #: Seconds that the request took, with the source's digits.
    "duration": int | float | None,
    #: Seconds to the first byte of the response.
    "ttfb": int | float | None,
    #: Request size in bytes.
    "request_bytes": int | None,
    #: Response size in bytes with headers, where `Record.bytes` is without.
    "wire_bytes": int | None,
    "upstream": str | None,
    "upstream_status": int | None,
    #: Seconds that the upstream took.
    "upstream_duration": int | float | None,
    "cache": str | None,
    "request_id": str | None,
    "tls_protocol": str | None,
    "tls_cipher": str | None,
    "content_type": str | None,
    #: What has no key of its own.
    "extra": dict[str, str] | None,
}
#: The key behind all others, where it is asked for: the log that the line comes from.
FILE_KEY: dict[str, Any] = {"file": str | None}
_ADDED_KEYS = FORMAT_KEYS | FILE_KEY


@lru_cache(maxsize=256)
def record_type(format_keys: tuple[str, ...]) -> type[Record]:
    """The record type of a format with these `FORMAT_KEYS`, in any order, and `FILE_KEY`, if it is named."""
    if not format_keys:
        return Record
    fields = [(key, kind, None) for key, kind in _ADDED_KEYS.items() if key in format_keys]
    name = "Record_" + "_".join(format_keys)
    return cast(type[Record], msgspec.defstruct(name, fields, bases=(Record,), gc=False))


def with_file(record: Record, file: str | None) -> Record:
    """The record with the log it comes from as its last key; one that has the key stays as it is."""
    keys = record.__struct_fields__
    if keys[-1] == "file":
        return record
    kind: Callable[..., Record] = record_type((*keys[len(Record.__struct_fields__) :], "file"))
    return kind(*msgspec.structs.astuple(record), file)
