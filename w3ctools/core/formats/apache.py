r"""Apache's LogFormat strings -> formats.

After ``%`` stand, in any order, ``!``, ``<``, ``>``, status numbers with commas and one ``{argument}``,
then a letter, or ``^`` and two (``parse_log_item`` in mod_log_config.c; the manual of mod_log_config,
Custom Log Formats, lists the letters, that of mod_logio ``%I %O %S %^FB``). Where a condition on the
status is not met, ``-`` is logged. Tomcat, Jetty, varnishncsa and lighttpd share most of the letters;
gunicorn writes ``%(h)s`` for ``%h``.

Where two directives tell one thing the better wins: ``%>s`` over ``%s``, ``%a`` over ``%h``, ``%r`` over
``%m %U %q %H``, the finest unit of time. What the other one tells beyond that goes to `extra`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from w3ctools.core.errors import FormatError
from w3ctools.core.formats import pattern_kind as kind
from w3ctools.core.formats.apache_directive import (
    GUNICORN,
    KNOWN_NAMES,
    LETTERS,
    MILLISECONDS,
    NAMED,
    VARIANTS,
    Value,
)
from w3ctools.core.formats.format import FormatSpec, Settings
from w3ctools.core.formats.pattern import PatternFormat, compile_format
from w3ctools.core.formats.pattern_field import EXTRA, REQUEST_PARTS, Field
from w3ctools.core.formats.timeformat import CLF, compile_time

_DIRECTIVE = re.compile(r"%(?P<modifiers>(?:[!<>,0-9]|\{[^}]*\})*)(?P<letter>\^[A-Za-z]{2}|[A-Za-z%]|$)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t"}
_CONDITION = re.compile(r"[0-9!,]")


class _Found(NamedTuple):
    value: Value
    field: Field


def compile_log_format(text: str, settings: Settings, name: str = "apache") -> PatternFormat:
    """The format of a LogFormat string, as it stands between the quotes of the configuration.

    ``%(h)s`` is read in gunicorn's manner. Raises FormatError, with the column in `text`.
    """
    pieces = _gunicorn_pieces(text) if "%(" in text else _pieces(text)
    return compile_format(_settle(pieces), settings, name)


def _pieces(text: str) -> list[str | _Found]:
    pieces: list[str | _Found] = []
    at = 0
    while at < len(text):
        percent = text.find("%", at)
        if percent != at:
            end = percent if percent >= 0 else len(text)
            pieces.append(_literal(text[at:end], at + 1))
            at = end
            continue
        match = _DIRECTIVE.match(text, at)
        if match is None or not match["letter"]:
            raise FormatError("expected a letter behind %", at + 1)
        pieces += _directive(match["modifiers"], match["letter"], at + 1)
        at = match.end()
    return pieces


def _literal(text: str, column: int) -> str:
    literal = _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), text)
    if "\n" in literal:
        raise FormatError("expected one line for each request, not \\n", column)
    return literal


def _directive(modifiers: str, letter: str, column: int) -> list[str | _Found]:
    if letter == "%":
        return ["%"]
    braces = re.search(r"\{([^}]*)\}", modifiers)
    flags = re.sub(r"\{[^}]*\}", "", modifiers)
    argument = braces[1] if braces else None
    is_absent = _CONDITION.search(flags) is not None
    if letter == "t":
        return _time(argument, is_absent, column)
    value = _value(argument, letter, column)
    if letter == "s" and ">" in flags:
        value = value._replace(rank=2, otherwise="")
    label = f"%{modifiers}{letter}"
    field = Field(
        value.name, value.kind, may_be_absent=is_absent, label=label, column=column, meaning=value.name
    )
    return [_Found(value, field)]


def _time(argument: str | None, is_absent: bool, column: int) -> list[str | _Found]:
    piece = compile_time(argument, column + 2) if argument else CLF
    field = Field("time", kind.TIME, piece, may_be_absent=is_absent, column=column)
    found = _Found(Value("time", kind.TIME), field)
    if argument:
        return [found]
    if is_absent:  # the brackets are absent too
        bracketed = piece._replace(
            own=rf"\[{piece.own}\]",
            pattern=re.compile(rf"\[{piece.pattern.pattern}\]"),
            safe=rf"\[{piece.safe}\]",
            strftime=f"[{piece.strftime}]",
        )
        return [found._replace(field=field._replace(piece=bracketed))]
    return ["[", found, "]"]


def _value(argument: str | None, letter: str, column: int) -> Value:
    if argument is not None and letter in NAMED:
        return _named(argument, letter)
    value = VARIANTS.get((argument or "", letter)) or LETTERS.get(letter)
    if value is None:
        wanted = "an argument in braces" if letter in NAMED else "a directive of mod_log_config"
        raise FormatError(f"expected {wanted}, not %{letter}", column)
    return value


def _named(argument: str, letter: str) -> Value:
    prefix, folds_case = NAMED[letter]
    name = prefix + (argument.lower() if folds_case else argument)
    if name == "req.referrer":
        name = "req.referer"
    return KNOWN_NAMES.get(name) or Value(EXTRA + name, kind.TEXT)


def _settle(pieces: list[str | _Found]) -> list[str | Field]:
    """Give every name to the field of the highest rank, the first of equals."""
    found = [piece for piece in pieces if isinstance(piece, _Found)]
    names = {piece.value.name for piece in found}
    best: dict[str, _Found] = {}
    for one in found:
        known = best.get(one.value.name)
        if known is None or one.value.rank > known.value.rank:
            best[one.value.name] = one
    taken = set(best)
    settled: list[str | Field] = []
    for piece in pieces:
        if isinstance(piece, str):
            settled.append(piece)
            continue
        name = piece.value.name
        if name in REQUEST_PARTS and name != "request" and "request" in names:
            name = ""
        elif name == "wire_bytes" and "bytes" not in names:
            name = "bytes"
        if piece is not best[piece.value.name] and name != "time":
            name = piece.value.otherwise if piece.value.otherwise not in taken else ""
            taken.add(name)
        settled.append(piece.field._replace(name=name))
    return settled


def _gunicorn_pieces(text: str) -> list[str | _Found]:
    pieces: list[str | _Found] = []
    at = 0
    for match in re.finditer(r"%\(([^)]*)\)s|%%", text):
        pieces.append(text[at : match.start()])
        at = match.end()
        atom = match[1]
        if atom is None:
            pieces.append("%")
            continue
        directive = GUNICORN.get(atom) or atom
        parts = re.fullmatch(r"(\{[^}]*\})?([A-Za-z])", directive)
        if parts is None or (atom not in GUNICORN and not atom.startswith("{")):
            raise FormatError(f"expected an atom of gunicorn, not {atom}", match.start() + 1)
        pieces += _directive(parts[1] or "", parts[2], match.start() + 1)
    pieces.append(text[at:])
    return [_with_plain_query(piece) for piece in pieces]


def _with_plain_query(piece: str | _Found) -> str | _Found:
    """gunicorn logs the query without its question mark."""
    if isinstance(piece, str) or piece.value.name != "query_part":
        return piece
    value = Value("args", kind.WORD)
    return _Found(value, piece.field._replace(name="args", meaning="args", kind=kind.WORD, may_be_empty=True))


_BEHIND_TIME = '%t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"'
_LIGHTTPD = f"%h %V %u {_BEHIND_TIME}"
_COMBINED = f"%h %l %u {_BEHIND_TIME}"


def _traefik(settings: Settings) -> PatternFormat:
    """combined, the number of the request, router, server and milliseconds (Traefik, access logs)."""
    pieces = [
        *_settle(_pieces(_COMBINED)),
        " ",
        Field("extra.request_count", kind.INTEGER),
        ' "',
        Field("extra.router", kind.TEXT),
        '" "',
        Field("upstream", kind.TEXT),
        '" ',
        Field("duration", MILLISECONDS),
        "ms",
    ]
    return compile_format(pieces, settings, "traefik")


#: Named formats that `clf` does not read as they are meant; those of varnishncsa, Tomcat, Jetty and
#: gunicorn are common or combined.
SPECS = (
    FormatSpec(
        "traefik",
        "Traefik's common: combined, request count, router, server and duration",
        b'192.0.2.7 - - [10/Oct/2000:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8.5" 17 '
        b'"web@docker" "http://10.0.0.2:80" 12ms',
        _traefik,
    ),
    FormatSpec(
        "lighttpd",
        "lighttpd's own: the virtual host where CLF has the identity",
        b'192.0.2.7 www.example.com - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 5 "-" "curl/8.5"',
        lambda settings: compile_log_format(_LIGHTTPD, settings, "lighttpd"),
    ),
)
