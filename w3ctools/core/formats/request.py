"""The request line of an access log and its parts."""

from __future__ import annotations

import re
from typing import NamedTuple

from w3ctools.core.section import Target, split_target

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # token, RFC 9110 section 5.6.2
_PROTOCOL = re.compile(r"[A-Za-z]+/[0-9]+(?:\.[0-9]+)?")


class Request(NamedTuple):
    """The record's keys that come from the request line."""

    method: str | None = None
    path: str | None = None
    query: str | None = None
    protocol: str | None = None
    section: str | None = None
    request: str | None = None


NO_REQUEST = Request()


def parse_request(text: str, site: str = "") -> Request:
    """Split an unescaped request line; what is no HTTP request is kept whole in ``request``.

    Servers log any bytes that came in, so a target may hold spaces: the method ends at the first
    one, and the protocol begins at the last one if it looks like a protocol. ``-`` and nothing at all
    mean that no request was read (Apache, nginx: time-outs).

    >>> parse_request("GET /a b?x=1 HTTP/1.1")
    Request(method='GET', path='/a b', query='x=1', protocol='HTTP/1.1', section='/a b', request=None)
    """
    if text in ("", "-"):
        return NO_REQUEST
    method, blank, target = text.partition(" ")
    before, _, last = target.rpartition(" ")
    protocol = last if before and _PROTOCOL.fullmatch(last) else None
    if protocol:
        target = before
    parts = Target(None, None, None) if method == "CONNECT" else split_target(target, site)
    if not blank or not _METHOD.fullmatch(method) or not (protocol or parts.path or target == "*"):
        return Request(request=text)
    rebuilt = f"{method} {parts.path}" if parts.query is None else f"{method} {parts.path}?{parts.query}"
    if protocol:
        rebuilt = f"{rebuilt} {protocol}"
    kept = None if parts.path is not None and rebuilt == text else text
    return Request(method, parts.path, parts.query, protocol, parts.section, kept)
