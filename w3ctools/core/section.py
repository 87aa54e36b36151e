"""The section of a request target: what stands before the second ``/`` of its path.

A target is used as it was sent: no percent-decoding (``%2F`` is data, RFC 3986 section 2.2), no case
folding of the path, no removal of dot segments, no merging of slashes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)")
#: By scheme (RFC 9110 section 4.2, RFC 6455 section 3).
DEFAULT_PORTS = {"http": "80", "ws": "80", "https": "443", "wss": "443"}


class Target(NamedTuple):
    """A request target in its parts; all None where it is neither origin-form nor absolute-form."""

    #: Target without query; for an absolute URL without scheme and authority too.
    path: str | None
    #: What follows the first ``?``.
    query: str | None
    section: str | None


def split_target(target: str, site: str = "") -> Target:
    """Split a target of origin-form (``/a/b?c``) or absolute-form (``http://h/a/b?c``).

    `site` (``http://my.site.com``) goes before the section of an origin-form target. Absolute forms
    carry their own, written with a lower-case host and without credentials and default port; an empty
    path is ``/`` (RFC 9110 section 4.2.3).

    >>> split_target("/pages/create?x=/a").section
    '/pages'
    >>> split_target("http://My.Site.com:80/pages/create").section
    'http://my.site.com/pages'
    """
    if target[:1] != "/":
        match = _ABSOLUTE.match(target)
        site = origin(match[1], match[2]) if match else ""
        if not match or not site:
            return Target(None, None, None)
        target = target[match.end() :]
        if not target.startswith("/"):
            target = f"/{target}"
    path, question_mark, query = target.partition("?")
    before_fragment = path.partition("#")[0] if "#" in path else path
    second_slash = before_fragment.find("/", 1)
    section = before_fragment if second_slash < 0 else before_fragment[:second_slash]
    return Target(path, query if question_mark else None, site + section)


def deeper_section(section: str | None, path: str | None, depth: int) -> str | None:
    """The section with up to `depth` segments of the path that it was made of.

    >>> deeper_section("http://my.site.com/pages", "/pages/create/x", 2)
    'http://my.site.com/pages/create'
    """
    if section is None or path is None:
        return section
    path = path.partition("#")[0]
    end = 0
    for _ in range(depth):
        end = path.find("/", end + 1)
        if end < 0:
            end = len(path)
            break
    first = path.find("/", 1)
    before = section.removesuffix(path if first < 0 else path[:first])
    return before + path[:end]


def origin(scheme: str, authority: str) -> str:
    """``scheme://host[:port]`` as sections carry it; empty where the authority names no host.

    >>> origin("HTTP", "joe:secret@My.Site.com:80")
    'http://my.site.com'
    """
    scheme, authority = scheme.lower(), authority.rpartition("@")[2].lower()
    host, colon, port = authority.rpartition(":")
    if colon and port in ("", DEFAULT_PORTS.get(scheme)):
        authority = host
    return f"{scheme}://{authority}" if authority else ""


def parse_site(text: str) -> str:
    """Check a site given by the user and bring it into the form that sections carry.

    Raises ValueError where it is no ``scheme://host``.
    """
    match = _ABSOLUTE.fullmatch(text.rstrip("/"))
    site = origin(match[1], match[2]) if match else ""
    if not re.fullmatch(r"[!#-\[\]-~]+", site):  # printable ASCII that JSON need not escape
        raise ValueError(f"{text!r} is no site: expected scheme://host, such as http://my.site.com")
    return site
