"""nginx's log_format strings -> formats.

Variables are those of ngx_http_log_module, ngx_http_core_module and ngx_http_upstream_module. ``default``
escaping logs ``-`` for what is missing, ``json`` and ``none`` log nothing. All stamps of nginx are of the
log write, which is the end of the request.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from w3ctools.core.errors import FormatError
from w3ctools.core.formats import pattern_kind as kind
from w3ctools.core.formats.format import FormatSpec, Settings
from w3ctools.core.formats.pattern import PatternFormat, compile_format
from w3ctools.core.formats.pattern_field import EXTRA, Field
from w3ctools.core.formats.timeformat import CLF, ISO8601, MSEC

Escape = Literal["default", "json", "none"]

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))", re.ASCII)
_STAMPS = {
    "time_local": CLF._replace(is_end=True),
    "time_iso8601": ISO8601._replace(is_end=True),
    "msec": MSEC._replace(is_end=True),
}


class _Variable(NamedTuple):
    """What a variable tells. Of several with one name the highest rank keeps it."""

    name: str
    kind: kind.Kind
    rank: int = 0


_SECONDS = kind.seconds()
_VARIABLES = {
    "remote_addr": _Variable("client", kind.CLIENT, 1),
    "remote_user": _Variable("user", kind.USER),
    "remote_port": _Variable("client_port", kind.INTEGER),
    "request": _Variable("request", kind.REQUEST),
    "request_method": _Variable("method", kind.METHOD),
    "request_uri": _Variable("target", kind.TARGET, 3),
    "uri": _Variable("target", kind.TARGET, 2),
    "document_uri": _Variable("target", kind.TARGET, 1),
    "args": _Variable("args", kind.WORD, 2),
    "query_string": _Variable("args", kind.WORD, 1),
    "server_protocol": _Variable("protocol", kind.PROTOCOL),
    "scheme": _Variable("scheme", kind.WORD),
    "status": _Variable("status", kind.STATUS),
    "body_bytes_sent": _Variable("bytes", kind.INTEGER),
    "bytes_sent": _Variable("wire_bytes", kind.INTEGER),
    "request_length": _Variable("request_bytes", kind.INTEGER),
    "request_time": _Variable("duration", _SECONDS),
    "upstream_addr": _Variable("upstream", kind.UPSTREAM),
    "upstream_status": _Variable("upstream_status", kind.UPSTREAM_STATUS),
    "upstream_response_time": _Variable("upstream_duration", kind.UPSTREAM_SECONDS),
    "upstream_cache_status": _Variable("cache", kind.TEXT),
    "http_host": _Variable("vhost", kind.HOST, 3),
    "host": _Variable("vhost", kind.NAME, 2),
    "server_name": _Variable("vhost", kind.NAME, 1),
    "server_addr": _Variable("server_ip", kind.CLIENT),
    "server_port": _Variable("server_port", kind.INTEGER),
    "realip_remote_addr": _Variable("peer", kind.CLIENT),
    "http_referer": _Variable("referer", kind.TEXT),
    "http_user_agent": _Variable("user_agent", kind.TEXT),
    "http_x_forwarded_for": _Variable("forwarded_for", kind.ADDRESSES, 2),
    "proxy_add_x_forwarded_for": _Variable("forwarded_for", kind.ADDRESSES, 1),
    "request_id": _Variable("request_id", kind.TEXT, 2),
    "http_x_request_id": _Variable("request_id", kind.TEXT, 1),
    "req_id": _Variable("request_id", kind.TEXT, 3),
    "ssl_protocol": _Variable("tls_protocol", kind.TEXT),
    "ssl_cipher": _Variable("tls_cipher", kind.TEXT),
    "sent_http_content_type": _Variable("content_type", kind.TEXT),
}
#: Families of variables, and what they are called in `extra`: as Apache's are.
_FAMILIES = (("sent_http_", "res."), ("http_", "req."), ("cookie_", "cookie."), ("arg_", "arg."))


def compile_log_format(text: str, escape: Escape, settings: Settings, name: str = "nginx") -> PatternFormat:
    """The format of a log_format string: its quoted pieces, joined.

    An unknown ``$x`` is ``extra.x``. Raises FormatError, with the column in `text`.
    """
    text = text.replace("$is_args$", "$is_args_")  # the question mark is where the query is
    found = list(_VARIABLE.finditer(text))
    names = [match[1] or match[2] for match in found]
    pieces: list[str | Field] = []
    at = 0
    for match, field in zip(found, _fields(names, found, escape != "default"), strict=True):
        pieces += [_literal(text, at, match.start()), field]
        at = match.end()
    pieces.append(_literal(text, at, len(text)))
    return compile_format(pieces, settings, name)


def _literal(text: str, at: int, end: int) -> str:
    literal = text[at:end]
    if "$" in literal:
        raise FormatError("expected a variable's name behind $", at + literal.index("$") + 1)
    if "\n" in literal:
        raise FormatError("expected one line for each request", at + literal.index("\n") + 1)
    return literal


def _fields(names: list[str], found: list[re.Match[str]], may_be_empty: bool) -> list[Field]:
    best: dict[str, str] = {}
    for name in names:
        variable = _variable(name)
        known = best.get(variable.name)
        if known is None or variable.rank > _variable(known).rank:
            best[variable.name] = name
    fields = []
    seen: set[str] = set()
    for name, match in zip(names, found, strict=True):
        field = _field(name, match.start() + 1, may_be_empty)
        if name not in _STAMPS:
            field = _settled(field, name, best, seen)
        seen.add(name)
        fields.append(field)
    return fields


def _variable(name: str) -> _Variable:
    if name in _STAMPS:
        return _Variable("time", kind.TIME)
    if name in ("is_args_args", "is_args_query_string"):
        return _Variable("query_part", kind.QUERY)
    known = _VARIABLES.get(name)
    if known is not None:
        return known
    for prefix, shown in _FAMILIES:
        if name.startswith(prefix):
            rest = name.removeprefix(prefix)
            return _Variable(
                EXTRA + shown + (rest.replace("_", "-") if "http" in prefix else rest), kind.TEXT
            )
    if name.startswith("upstream_"):
        return _Variable(EXTRA + name, kind.UPSTREAM)
    return _Variable(EXTRA + name, kind.TEXT)


def _field(name: str, column: int, may_be_empty: bool) -> Field:
    variable = _variable(name)
    if name in _STAMPS:
        return Field("time", kind.TIME, _STAMPS[name], label=name, column=column)
    list_name = name if variable.kind in kind.LISTS and not variable.name.startswith(EXTRA) else ""
    meaning = variable.name
    return Field(meaning, variable.kind, None, may_be_empty, False, list_name, name, column, meaning)


def _settled(field: Field, variable: str, best: dict[str, str], seen: set[str]) -> Field:
    """A field that lost its name to a better one keeps its own in `extra`, if it says anything else."""
    name = field.name
    if name == "wire_bytes" and "bytes" not in best:
        name = "bytes"
    if variable in seen:
        return field._replace(name="", list_name="")
    if "request" in best and name in ("method", "target", "args", "query_part", "protocol"):
        name = ""
    elif name in ("args", "query_part") and best.get("target") == "request_uri":
        name = ""  # it has them
    elif best[field.name] != variable:
        name = "" if field.name in ("target", "args") else EXTRA + variable
    return field._replace(name=name)


_INGRESS = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
    '"$http_user_agent" $request_length $request_time [$proxy_upstream_name] '
    "[$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length "
    "$upstream_response_time $upstream_status $req_id"
)

SPECS = (
    FormatSpec(
        "ingress_nginx",
        "ingress-nginx's upstreaminfo: combined, sizes, times and upstreams",
        b'192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/2.0" 200 12 "-" "curl/8.5" 462 0.050 '
        b"[default-web-80] [] 10.0.50.80:9000 12 0.049 200 752178adb17130b291aefd8c386279e7",
        lambda settings: compile_log_format(_INGRESS, "default", settings, "ingress_nginx"),
    ),
)
