"""The directives of Apache's LogFormat strings and their relatives: what each tells."""

from __future__ import annotations

from typing import NamedTuple

from w3ctools.core.formats import pattern_kind as kind


class Value(NamedTuple):
    """What a directive tells: a field's name and kind."""

    name: str
    kind: kind.Kind
    #: The highest keeps the name.
    rank: int = 0
    #: Where the others go; nothing: they are dropped.
    otherwise: str = ""


_MICROSECONDS, MILLISECONDS, _SECONDS = kind.seconds(-6), kind.seconds(-3), kind.seconds()
LETTERS = {
    "h": Value("client", kind.CLIENT, 1, "extra.host"),
    "a": Value("client", kind.CLIENT, 2),
    "A": Value("server_ip", kind.CLIENT),
    "l": Value("ident", kind.TEXT),
    "u": Value("user", kind.USER),
    "r": Value("request", kind.REQUEST),
    "m": Value("method", kind.METHOD),
    "U": Value("target", kind.TARGET),
    "q": Value("query_part", kind.QUERY),
    "H": Value("protocol", kind.PROTOCOL),
    "s": Value("status", kind.STATUS, 1, "extra.original_status"),
    "b": Value("bytes", kind.SIZE, 1),
    "B": Value("bytes", kind.SIZE, 2),
    "I": Value("request_bytes", kind.INTEGER),
    "O": Value("wire_bytes", kind.SIZE),
    "S": Value("extra.total_bytes", kind.INTEGER),
    "D": Value("duration", _MICROSECONDS, 3),
    "T": Value("duration", _SECONDS, 1),
    "^FB": Value("ttfb", _MICROSECONDS),
    "v": Value("vhost", kind.NAME, 3, "extra.canonical_name"),
    "V": Value("vhost", kind.NAME, 2, "extra.server_name"),
    "p": Value("vhost_port", kind.INTEGER),
    "k": Value("extra.keepalive", kind.INTEGER),
    "L": Value("extra.log_id", kind.WORD),
    "P": Value("extra.pid", kind.INTEGER),
    "R": Value("extra.handler", kind.TEXT),
    "f": Value("extra.file", kind.TEXT),
    "X": Value("extra.connection", kind.WORD),
    "F": Value("extra.flushed", kind.WORD),
}
#: Letters with an argument that says which of several things is meant.
VARIANTS = {
    ("c", "h"): Value("peer", kind.CLIENT),
    ("c", "a"): Value("peer", kind.CLIENT),
    ("us", "T"): Value("duration", _MICROSECONDS, 3),
    ("ms", "T"): Value("duration", MILLISECONDS, 2),
    ("s", "T"): Value("duration", _SECONDS, 1),
    ("canonical", "p"): LETTERS["p"],
    ("local", "p"): Value("server_port", kind.INTEGER),
    ("remote", "p"): Value("client_port", kind.INTEGER),
    ("c", "L"): Value("extra.connection_log_id", kind.WORD),
    ("pid", "P"): LETTERS["P"],
    ("tid", "P"): Value("extra.tid", kind.WORD),
    ("hextid", "P"): Value("extra.tid", kind.WORD),
    # Jetty, CustomRequestLog
    ("client", "a"): LETTERS["a"],
    ("client", "p"): Value("client_port", kind.INTEGER),
    ("server", "a"): Value("server_ip", kind.CLIENT),
    ("CLF", "I"): LETTERS["I"],
    ("CLF", "O"): LETTERS["O"],
}
#: Letters whose argument names a header, cookie, note or the like; lower case where case does not matter.
NAMED = {
    "i": ("req.", True),
    "o": ("res.", True),
    "C": ("cookie.", False),
    "e": ("env.", False),
    "n": ("note.", False),
    "x": ("var.", False),
    "c": ("var.", False),
    "^ti": ("req_trailer.", True),
    "^to": ("res_trailer.", True),
}
KNOWN_NAMES = {
    "req.referer": Value("referer", kind.TEXT),
    "req.user-agent": Value("user_agent", kind.TEXT),
    "req.host": Value("vhost", kind.HOST, 1, "extra.req.host"),
    "req.x-forwarded-for": Value("forwarded_for", kind.ADDRESSES),
    "req.x-request-id": Value("request_id", kind.TEXT, 2, "extra.req.x-request-id"),
    "env.UNIQUE_ID": Value("request_id", kind.TEXT, 1, "extra.env.UNIQUE_ID"),
    "res.content-type": Value("content_type", kind.TEXT),
    "var.SSL_PROTOCOL": Value("tls_protocol", kind.TEXT),
    "var.SSL_CIPHER": Value("tls_cipher", kind.TEXT),
    "env.SSL_PROTOCOL": Value("tls_protocol", kind.TEXT),
    "env.SSL_CIPHER": Value("tls_cipher", kind.TEXT),
    "var.Varnish:hitmiss": Value("cache", kind.TEXT),
    "var.Varnish:time_firstbyte": Value("ttfb", _SECONDS),
}
#: gunicorn's atoms: the directives they are like (documentation of gunicorn, access_log_format).
GUNICORN = {letter: letter for letter in "hlrmUHsbBTDp"} | {
    "u": "u",
    "t": "t",
    "q": "q",
    "f": "{Referer}i",
    "a": "{User-Agent}i",
    "M": "{ms}T",
    "L": "T",
    "p": "P",
}
