"""Log formats in the configuration of nginx and Apache: text in, format strings out.

nginx: ``log_format name [escape=...] 'piece' 'piece';`` and ``access_log path [name] ...;``
(ngx_http_log_module). Apache: ``LogFormat "..." [nickname]``, ``CustomLog file nickname|"..."`` and
``TransferLog file``, which takes the last LogFormat without a nickname (mod_log_config). Text that is not
well formed is read as far as it goes. Reads no files: `edge.serverconfig` follows the includes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

Kind = Literal["nginx", "apache"]

#: Built into nginx.
NGINX_COMBINED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent"'
)
#: What TransferLog writes where no LogFormat stands before it.
APACHE_COMMON = '%h %l %u %t "%r" %>s %b'

_APACHE_LINE = re.compile(
    r"^\s*(?:LogFormat|CustomLog|TransferLog|ServerRoot|<VirtualHost|LoadModule)\b", re.I | re.M
)
_NGINX_WORD = re.compile(
    r"""\s+|\#[^\n]*|(?P<end>[;{}])|(?P<word>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s;{}"'][^\s;{]*)|.""",
    re.DOTALL,
)
_APACHE_WORD = re.compile(
    r"""(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"'][^\s]*))(?=\s|$)""", re.DOTALL
)


class Found(NamedTuple):
    """A log format, and a log that is written in it."""

    #: Nothing where the format stands in CustomLog itself.
    name: str
    format_string: str
    kind: Kind
    #: nginx's ``escape=``; ``default`` where there is none.
    escape: str
    #: As configured, perhaps with variables; None for a format that no log uses.
    log_file: str | None
    #: ``path:line`` of the format, or of the log for a built-in one.
    where: str


class Directive(NamedTuple):
    """A directive with its words, quotes taken off."""

    words: list[str]
    line: int


def kind_of(texts: Iterable[tuple[str, str]]) -> Kind:
    """Whose configuration this is: Apache's if any line has one of its directives, else nginx's."""
    return "apache" if any(_APACHE_LINE.search(text) for _, text in texts) else "nginx"


def formats_in(texts: Sequence[tuple[str, str]]) -> list[Found]:
    """The formats of a configuration, given as pairs of path and text, includes behind their includers."""
    return _apache_formats(texts) if kind_of(texts) == "apache" else _nginx_formats(texts)


def nginx_directives(text: str) -> Iterator[Directive]:
    """The directives of nginx.conf, those in blocks too."""
    words: list[str] = []
    first_line, line = 1, 1
    for match in _NGINX_WORD.finditer(text):
        if match["word"]:
            if not words:
                first_line = line
            words.append(_unquoted(match["word"]))
        elif match["end"]:
            if words:
                yield Directive(words, first_line)
            words = []
        line += match[0].count("\n")


def _unquoted(word: str) -> str:
    r"""In quotes nginx takes ``\"``, ``\'`` and ``\\`` for the character, ``\t \r \n`` for the control."""
    if word[0] not in "\"'":
        return word
    controls = {"t": "\t", "r": "\r", "n": "\n"}
    return re.sub(r"""\\(["'\\trn])""", lambda match: controls.get(match[1], match[1]), word[1:-1])


def apache_directives(text: str) -> Iterator[Directive]:
    """The directives of an Apache configuration, those in sections too."""
    number = 0
    lines = iter(text.split("\n"))
    for line in lines:
        number += 1
        first = number
        while line.endswith("\\"):
            line = line[:-1] + next(lines, "")
            number += 1
        line = line.strip()
        if line and line[0] not in "#<":
            yield Directive([_apache_word(match) for match in _APACHE_WORD.finditer(line)], first)


def _apache_word(match: re.Match[str]) -> str:
    r"""``\"`` is a quote; other escapes belong to the format string (``ap_getword_conf``)."""
    double, single, plain = match.groups()
    if double is not None:
        return re.sub(r'\\(["\\])', r"\1", double)
    return plain if single is None else single.replace("\\'", "'")


def _nginx_formats(texts: Sequence[tuple[str, str]]) -> list[Found]:
    formats: dict[str, Found] = {}
    logs: list[tuple[str, str, str]] = []
    for path, config in texts:
        for words, line in nginx_directives(config):
            where = f"{path}:{line}"
            if words[0] == "log_format" and len(words) > 2:
                escape = words[2].removeprefix("escape=") if words[2].startswith("escape=") else ""
                pieces = words[3:] if escape else words[2:]
                formats[words[1]] = Found(
                    words[1], "".join(pieces), "nginx", escape or "default", None, where
                )
            elif words[0] == "access_log" and len(words) > 1 and words[1] != "off":
                is_named = len(words) > 2 and "=" not in words[2] and words[2] != "gzip"
                logs.append((words[1], words[2] if is_named else "combined", where))
    return _with_logs(formats, logs, Found("combined", NGINX_COMBINED, "nginx", "default", None, ""))


def _with_logs(formats: dict[str, Found], logs: list[tuple[str, str, str]], built_in: Found) -> list[Found]:
    """One entry for each log, in the order of the logs, then the formats that none uses."""
    found = []
    for log_file, name, where in logs:
        known = formats.get(name)
        if known is None and name == built_in.name:
            known = built_in._replace(where=where)
        if known is not None:
            found.append(known._replace(log_file=log_file))
    used = {entry.name for entry in found}
    return found + [entry for name, entry in formats.items() if name not in used]


def _apache_formats(texts: Sequence[tuple[str, str]]) -> list[Found]:
    formats: dict[str, Found] = {}
    logs: list[tuple[str, str, str]] = []
    direct: list[Found] = []
    default = Found("common", APACHE_COMMON, "apache", "default", None, "")
    for path, text in texts:
        for words, line in apache_directives(text):
            where = f"{path}:{line}"
            directive = words[0].lower() if words else ""
            if directive == "logformat" and len(words) == 2:
                default = Found("", words[1], "apache", "default", None, where)
            elif directive == "logformat" and len(words) > 2:
                formats[words[2]] = Found(words[2], words[1], "apache", "default", None, where)
            elif directive == "transferlog" and len(words) > 1:
                direct.append(default._replace(log_file=words[1], where=default.where or where))
            elif directive == "customlog" and len(words) > 2 and "%" in words[2]:
                direct.append(Found("", words[2], "apache", "default", words[1], where))
            elif directive == "customlog" and len(words) > 2:
                logs.append((words[1], words[2], where))
    return direct + _with_logs(formats, logs, Found("", "", "apache", "default", None, ""))
