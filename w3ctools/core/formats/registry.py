"""Every format that has a name, in the order in which a line is tried on them.

Those that a line of another format can be mistaken for come late; the Common Log Format's family takes a
tail of anything and is last.
"""

from __future__ import annotations

from w3ctools.core.formats import (
    apache,
    aws,
    caddy,
    clf_family,
    envoy,
    flat_json,
    haproxy,
    ltsv,
    nginx,
    own_record,
    traefik_json,
    uvicorn,
    w3c,
)
from w3ctools.core.formats.format import FormatSpec

#: Its lines are those of combined, with the virtual host where that has the identity.
_NEVER_DETECTED = "lighttpd"
_OTHERS: tuple[FormatSpec, ...] = (
    *own_record.SPECS,
    *caddy.SPECS,
    *traefik_json.SPECS,
    *flat_json.SPECS,
    *aws.SPECS,
    *envoy.SPECS,
    *haproxy.SPECS,
    *ltsv.SPECS,
    *uvicorn.SPECS,
    *nginx.SPECS,
    *apache.SPECS,
)
#: Found by its ``#Fields`` line, never by its lines.
W3C = FormatSpec(
    "w3c",
    "W3C extended, its fields named in the log: IIS, CloudFront, Tomcat",
    b"#Fields: date time c-ip cs-method cs-uri-stem cs-uri-query sc-status\n"
    b"2002-05-02 17:42:15 172.22.255.255 GET /images/picture.jpg - 200",
    w3c.W3CExtended,
)
#: Tried in this order; the family of CLF is tried as a whole after them.
DETECTED: tuple[FormatSpec, ...] = tuple(spec for spec in _OTHERS if spec.name != _NEVER_DETECTED)
ALL: tuple[FormatSpec, ...] = (*clf_family.SPECS, W3C, *_OTHERS)


def by_name(name: str) -> FormatSpec | None:
    """The format of this name."""
    return next((spec for spec in ALL if spec.name == name), None)
