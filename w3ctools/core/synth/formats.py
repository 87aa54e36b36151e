"""The formats that a made-up log is written in: all those that w3c-parse reads.

`line_format` takes what ``w3c-parse --format`` takes: a name, Apache's LogFormat string, nginx's log_format
string, or a ``#Fields:`` line. What the site knows nothing of is logged as ``-``, fractions of a second as
zeros, every time in UTC.

The Common Log Format's family is here; the modules of the others are loaded where one is asked for.
"""

from __future__ import annotations

from w3ctools.core.errors import W3CError
from w3ctools.core.synth.formats_parts import (
    BODY_BYTES,
    CLF_BYTES,
    CLF_TIME,
    CLIENT,
    METHOD,
    PROTOCOL,
    REFERER,
    REQUEST,
    STATUS,
    TARGET,
    USER,
    USER_AGENT,
    WIRE_BYTES,
    host_header,
    wire_bytes,
)
from w3ctools.core.synth.line import Host, LineFormat, OfExchange, Part

_BEFORE_REQUEST: tuple[Part, ...] = (CLIENT, " - ", USER, " [", CLF_TIME, '] "')
_HEADERS: tuple[Part, ...] = (' "', REFERER, '" "', USER_AGENT, '"')
_FORWARDED_FOR = ' "-"'
#: The names of the family: size, whether the virtual host is in front, and what is behind the size.
#: ``%b`` logs nothing as ``-`` (Apache, Tomcat, varnishncsa), Debian's vhost_combined has ``%O``; nginx,
#: gunicorn and Jetty log 0.
_FAMILY: dict[str, tuple[OfExchange, bool, tuple[Part, ...]]] = {
    "common": (CLF_BYTES, False, ()),
    "combined": (CLF_BYTES, False, _HEADERS),
    "vhost_combined": (WIRE_BYTES, True, _HEADERS),
    "vhost_common": (CLF_BYTES, True, ()),
    "vhost_main": (BODY_BYTES, True, (*_HEADERS, _FORWARDED_FOR)),
    "main": (BODY_BYTES, False, (*_HEADERS, _FORWARDED_FOR)),
    "gunicorn": (BODY_BYTES, False, _HEADERS),
    "varnish": (CLF_BYTES, False, _HEADERS),
    "tomcat": (CLF_BYTES, False, ()),
    "jetty": (BODY_BYTES, False, _HEADERS),
}
#: The names of the other formats, by the module that makes them.
_FIELDS = ("w3c",)
_JSON = ("record", "caddy", "traefik_json", "json")
_BALANCERS = ("alb", "elb", "s3", "envoy", "haproxy", "ltsv", "uvicorn")
_STRINGS = ("ingress_nginx", "traefik", "lighttpd")

#: All names, which are those that w3c-parse knows.
NAMES: tuple[str, ...] = (*_FAMILY, *_FIELDS, *_JSON, *_BALANCERS, *_STRINGS)


def line_format(text: str, host: Host) -> LineFormat:
    """The format of a name or string.

    Raises FormatError for a string that w3c-parse refuses, with the column in it; W3CError for a
    ``#Fields:`` line that names no field of an access log, and for what is neither a name nor a string.
    """
    if text in _FAMILY:
        return _of_family(text, host)
    if text in _JSON:
        from w3ctools.core.synth import formats_json

        return formats_json.named(text, host)
    if text in _BALANCERS:
        from w3ctools.core.synth import formats_balancer

        return formats_balancer.named(text, host)
    if text in _FIELDS or text.startswith("#Fields:"):
        from w3ctools.core.synth import formats_fields

        return formats_fields.iis(host) if text in _FIELDS else formats_fields.of_fields(text, host)
    if text in _STRINGS or "%" in text or "$" in text:
        from w3ctools.core.synth import formats_string

        return (formats_string.named if text in _STRINGS else formats_string.of_string)(text, host)
    raise W3CError(
        f"{text!r} is neither a format's name nor a format string: w3c-parse --list-formats names them"
    )


def _of_family(name: str, host: Host) -> LineFormat:
    size, has_vhost, behind = _FAMILY[name]
    vhost = (f"{host.name}:{host.port} ",) if has_vhost else ()
    request: tuple[Part, ...] = (REQUEST,)
    origin = ""
    if name == "varnish":  # it logs the URL, made of the Host header and the target
        origin = f"{host.scheme}://{host_header(host)}"
        request = (METHOD, f" {origin}", TARGET, " ", PROTOCOL)
    template = (*vhost, *_BEFORE_REQUEST, *request, '" ', STATUS, " ", size, *behind)
    line = LineFormat(name, template, is_clf=True, origin=origin)
    return line._replace(size_bytes=wire_bytes) if size is WIRE_BYTES else line
