r"""The Common Log Format's family, a block of lines at a time: whole lines in, JSON lines out.

One regular expression reads a block and one format expression writes each line, so that work stays in
C from read to write. Every group admits printable ASCII without quote and backslash only: such text is
JSON as it stands. A line with anything else fails whole, and is left to `clf.parse_line`, which this
module equals byte for byte on every line that it takes. What repeats from line to line (stamp, method,
protocol, status) is one group each, rendered once and remembered.

Python's `re` takes `[^"]` and `[^ ]` in a third of the time that it takes a set of characters. So there are
two expressions of each kind: where a whole block is printable ASCII without backslash, which is cheap to
know, a loose one will do. What it lets pass beside that is found too: a row over two lines, since there
are fewer rows than lines then, and a stamp, method or protocol of the wrong form, when it is rendered.

No group may nest another repetition of the same characters: ``((/[^/]*)[^?]*)`` took 57 s for one path
of 60 KB, groups side by side take 0.45 ms.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import NamedTuple, TypeVar

from w3ctools.core.formats.clf import Layout
from w3ctools.core.timestamp import parse_clf

T = TypeVar("T")

#: A rendered line and its LF, or None where the line is for the readable path.
Rendered = list[str | None]

_WORD = r"[!#-\[\]-~]"
_CLIENT = r"([0-9A-Za-z_][0-9A-Za-z_.-]*|[0-9a-fA-F]*:[0-9a-fA-F:.]+)"
_VHOST = r"([a-z0-9_*.-]+:[1-9][0-9]{0,4}) "
_SECTION = r"(/[!$-.0->@-\[\]-~]*)"
_REST_OF_PATH = r"((?:[/#][!#->@-\[\]-~]*)?)"
_QUERY = rf"(?:\?({_WORD}+))?"
_BYTES = r"(?:-|(0|[1-9][0-9]{0,17}))"
_ODD = r"\n|(.*)\n"
_IDENT_AND_USER = re.compile(r" ([!#-Z\]-~]+) ([!#-Z\]-~]+) ")
_STAMP = re.compile(r"([0-9]{2}/[A-Z][a-z][a-z]/[0-9]{4}:[0-9]{2}:[0-9]{2}:)([0-9]{2})( [+-][0-9]{4})")
_METHOD = re.compile(r"((?!C)[A-Z]+) ")
_MID_PARTS = re.compile(r'(HTTP/[0-9]+(?:\.[0-9]+)?)" ([1-9][0-9][0-9]) ')
#: What a loose expression may be used for.
_PLAIN_TEXT = bytes(byte for byte in range(0x20, 0x7F) if byte != ord("\\")) + b"\n"


class _Groups(NamedTuple):
    """The groups that have a strict and a loose form."""

    ident: str
    #: User, stamp and method.
    head: str
    #: Protocol and status.
    mid: str
    #: The inside of a quoted header.
    text: str


_STRICT = _Groups(
    ident=r"[!#-Z\]-~]+",
    head=r'[!#-Z\]-~]+ \[[0-9]{2}/[A-Z][a-z][a-z]/[0-9]{4}(?::[0-9]{2}){3} [+-][0-9]{4}\] "(?!C)[A-Z]+ )',
    mid=r'(HTTP/[0-9]+(?:\.[0-9]+)?" [1-9][0-9][0-9] )',
    text=r"[ !#-\[\]-~]+",
)
_LOOSE = _Groups(ident="[^ ]+", head=r'[^ ]+ \[[^]]+\] "[^ ]+ )', mid=r'([^"]+" [0-9]{3} )', text='[^"]+')


class _Patterns(NamedTuple):
    """The expressions of one layout."""

    strict: re.Pattern[str]
    loose: re.Pattern[str]


@cache
def _patterns(*, vhost: bool, forwarded_for: bool) -> _Patterns:
    def pattern(groups: _Groups) -> re.Pattern[str]:
        before = f"{_VHOST}{_CLIENT}( - " if vhost else f"{_CLIENT}( {groups.ident} "
        request = f"{_SECTION}{_REST_OF_PATH}{_QUERY} {groups.mid}{_BYTES}"
        header = f' (?:"-"|("{groups.text}"))'
        headers = 3 * header if forwarded_for else f"(?:{2 * header})?"
        return re.compile(f"^{before}{groups.head}{request}{headers}{_ODD}", re.MULTILINE)

    return _Patterns(pattern(_STRICT), pattern(_LOOSE))


_MOST_REMEMBERED = 4096


class _Remembered(dict[str, T]):
    """What `make` gave for a text, for the newest few thousand texts."""

    def __init__(self, make: Callable[[str], T]) -> None:
        self._make = make

    def __missing__(self, key: str) -> T:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        value = self[key] = self._make(key)
        return value


class _OddError(Exception):
    """The loose expression has taken what is in another form."""


class BlockParser:
    """Renders the lines of one layout; every other line of a block comes back as None.

    `site` goes before sections. `layout` is what most lines are expected to be: common and combined
    together, vhost_combined, or nginx's main.
    """

    def __init__(self, layout: Layout, site: str = "") -> None:
        self._site = site
        self._minutes: dict[tuple[str, str], tuple[str | None, int | None]] = {}
        self._heads = _Remembered(self._render_head)
        self._users = _Remembered(_render_user)
        self._stamps = _Remembered(self._render_stamp)
        self._methods = _Remembered(_render_method)
        self._mids = _Remembered(_render_mid)
        self._vhosts = _Remembered(_render_vhost)
        self._patterns = _patterns(
            vhost=layout.vhost, forwarded_for=layout.forwarded_for and not layout.vhost
        )
        if layout.vhost:
            self._render = self._render_vhost_plain
        elif layout.forwarded_for:
            self._render = self._render_main
        else:
            self._render = self._render_plain

    def parse(self, block: bytes) -> tuple[Rendered, list[tuple[str, ...]]]:
        """Render whole lines.

        Gives what was rendered, one entry a line, and the rows they were made of: the last item of a
        row whose entry is None is the line itself, decoded as Latin-1.
        """
        text = block.decode("latin-1")
        if not block.translate(None, _PLAIN_TEXT):
            rows = self._patterns.loose.findall(text)
            if len(rows) == text.count("\n"):
                with suppress(_OddError):
                    return self._render(rows), rows
        rows = self._patterns.strict.findall(text)
        return self._render(rows), rows

    def _render_plain(self, rows: list[tuple[str, ...]]) -> Rendered:
        heads, mids, site = self._heads, self._mids, self._site
        return [
            f'{before}{c}{behind}null{method}{s}{p}","query":{query},{mids[m]}{n or "0"},'
            f'"referer":{r or "null"},"user_agent":{u or "null"},"section":"{site}{s}","request":null}}\n'
            if s
            else None
            for c, h, s, p, q, m, n, r, u, _ in rows
            for before, behind, method in (heads[h],)
            for query in (f'"{q}"' if q else "null",)
        ]

    def _render_main(self, rows: list[tuple[str, ...]]) -> Rendered:
        heads, mids, site = self._heads, self._mids, self._site
        return [
            f'{before}{c}{behind}null{method}{s}{p}","query":{query},{mids[m]}{n or "0"},'
            f'"referer":{r or "null"},"user_agent":{u or "null"},"section":"{site}{s}",'
            f'"request":null,"forwarded_for":{f or "null"}}}\n'
            if s
            else None
            for c, h, s, p, q, m, n, r, u, f, _ in rows
            for before, behind, method in (heads[h],)
            for query in (f'"{q}"' if q else "null",)
        ]

    def _render_vhost_plain(self, rows: list[tuple[str, ...]]) -> Rendered:
        heads, mids, vhosts, site = self._heads, self._mids, self._vhosts, self._site
        return [
            f'{before}{c}{behind}{vhost}{method}{s}{p}","query":{query},{mids[m]}{n or "0"},'
            f'"referer":{r or "null"},"user_agent":{u or "null"},"section":"{site}{s}",'
            f'"request":null,"vhost_port":{port}}}\n'
            if s
            else None
            for v, c, h, s, p, q, m, n, r, u, _ in rows
            for before, behind, method in (heads[h],)
            for vhost, port in (vhosts[v],)
            for query in (f'"{q}"' if q else "null",)
        ]

    def _render_head(self, head: str) -> tuple[str, str, str]:
        """The JSON before the client, between client and vhost, and from there to the path."""
        if not head:  # a row for the readable path
            return "", "", ""
        user, _, rest = head.partition("[")
        stamp, _, method = rest.partition('] "')
        return self._stamps[stamp], self._users[user], self._methods[method]

    def _render_stamp(self, stamp: str) -> str:
        parts = _STAMP.fullmatch(stamp)
        if parts is None:
            raise _OddError
        time, epoch = self._time_and_epoch(*parts.groups())
        return f'{{"time":{time},"epoch":{epoch},"client":"'

    def _time_and_epoch(self, minute: str, second: str, zone: str) -> tuple[str, str]:
        if second > "59":  # a leap second, or no time at all
            time, epoch = parse_clf(minute + second + zone)
            return (f'"{time}"', str(epoch)) if time else ("null", "null")
        known = self._minutes.get((minute, zone))
        if known is None:
            time, epoch = parse_clf(f"{minute}00{zone}")
            known = (time, None if epoch is None else int(epoch))
            self._minutes = {(minute, zone): known}  # stamps come in order: the newest minute will do
        time, epoch = known
        return (
            (f'"{time[:-3]}{second}Z"', str(epoch + int(second)))
            if time and epoch is not None
            else ("null", "null")
        )


def _quoted(text: str) -> str:
    return "null" if text == "-" else f'"{text}"'


def _render_user(text: str) -> str:
    parts = _IDENT_AND_USER.fullmatch(text)
    if parts is None:
        raise _OddError
    return f'","ident":{_quoted(parts[1])},"user":{_quoted(parts[2])},"vhost":'


def _render_method(text: str) -> str:
    parts = _METHOD.fullmatch(text)
    if parts is None:
        raise _OddError
    return f',"method":"{parts[1]}","path":"'


def _render_mid(mid: str) -> str:
    parts = _MID_PARTS.fullmatch(mid)
    if parts is None:
        raise _OddError
    return f'"protocol":"{parts[1]}","status":{parts[2]},"bytes":'


def _render_vhost(vhost: str) -> tuple[str, str]:
    name, _, port = vhost.rpartition(":")
    return f'"{name}"' if name else "null", port or "null"
