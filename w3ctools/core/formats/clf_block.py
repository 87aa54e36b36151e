r"""The Common Log Format's family, a block of lines at a time: whole lines in, JSON lines out.

One regular expression reads a block and one format expression writes each line, so that work stays in
C from read to write. Every group admits printable ASCII without quote and backslash only: such text is
JSON as it stands. A line with anything else fails whole, and is left to `clf.parse_line`, which this
module equals byte for byte on every line that it takes. What repeats from line to line (stamp, method,
protocol, status) is one group each, rendered once and remembered.

No group may nest another repetition of the same characters: ``((/[^/]*)[^?]*)`` took 57 s for one path
of 60 KB, groups side by side take 0.45 ms.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from w3ctools.core.formats.clf import Layout
from w3ctools.core.timestamp import parse_clf

T = TypeVar("T")

#: A rendered line and its LF, or None where the line is for the readable path.
Rendered = list[str | None]

_TEXT = r"[ !#-\[\]-~]"
_WORD = r"[!#-\[\]-~]"
_CLIENT = r"([0-9A-Za-z_][0-9A-Za-z_.-]*|[0-9a-fA-F]*:[0-9a-fA-F:.]+)"
_VHOST = r"([a-z0-9_*.-]+:[1-9][0-9]{0,4}) "
_IDENT = r"[!#-Z\]-~]+"
_HEAD = r"[!#-Z\]-~]+ \[[0-9]{2}/[A-Z][a-z][a-z]/[0-9]{4}(?::[0-9]{2}){3} [+-][0-9]{4}\] \"(?!C)[A-Z]+ )"
_SECTION = r"(/[!$-.0->@-\[\]-~]*)"
_REST_OF_PATH = r"((?:[/#][!#->@-\[\]-~]*)?)"
_QUERY = rf"(?:\?({_WORD}+))?"
_MID = r" (HTTP/[0-9]+(?:\.[0-9]+)?\" [1-9][0-9][0-9] )"
_BYTES = r"(?:-|(0|[1-9][0-9]{0,17}))"
_HEADER = rf'(?:"-"|("{_TEXT}+"))'
_ODD = r"\n|(.*)\n"
_HEAD_PARTS = re.compile(r" (\S+) (\S+) \[(.{18})(..)(.{6})\] \"(\S+) ")

_REQUEST = _SECTION + _REST_OF_PATH + _QUERY + _MID + _BYTES
_PLAIN = re.compile(
    rf"^{_CLIENT}( {_IDENT} {_HEAD}{_REQUEST}(?: {_HEADER} {_HEADER})?{_ODD}",
    re.MULTILINE,
)
_MAIN = re.compile(
    rf"^{_CLIENT}( {_IDENT} {_HEAD}{_REQUEST} {_HEADER} {_HEADER} {_HEADER}{_ODD}",
    re.MULTILINE,
)
_VHOST_PLAIN = re.compile(
    rf"^{_VHOST}{_CLIENT}( - {_HEAD}{_REQUEST}(?: {_HEADER} {_HEADER})?{_ODD}",
    re.MULTILINE,
)

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


class BlockParser:
    """Renders the lines of one layout; every other line of a block comes back as None.

    `site` goes before sections. `layout` is what most lines are expected to be: common and combined
    together, vhost_combined, or nginx's main.
    """

    def __init__(self, layout: Layout, site: str = "") -> None:
        self._site = site
        self._minutes: dict[tuple[str, str], tuple[str | None, int | None]] = {}
        self._heads = _Remembered(self._render_head)
        self._mids = _Remembered(_render_mid)
        self._vhosts = _Remembered(_render_vhost)
        if layout.vhost:
            self._pattern, self._render = _VHOST_PLAIN, self._render_vhost_plain
        elif layout.forwarded_for:
            self._pattern, self._render = _MAIN, self._render_main
        else:
            self._pattern, self._render = _PLAIN, self._render_plain

    def parse(self, block: str) -> tuple[Rendered, list[tuple[str, ...]]]:
        """Render whole lines, decoded as Latin-1.

        Gives what was rendered, one entry a line, and the rows they were made of: the last item of a
        row whose entry is None is the line itself.
        """
        rows = self._pattern.findall(block)
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
        parts = _HEAD_PARTS.fullmatch(head)
        if parts is None:  # a row for the readable path
            return "", "", ""
        ident, user, minute, second, zone, method = parts.groups()
        time, epoch = self._stamp(minute, second, zone)
        return (
            f'{{"time":{time},"epoch":{epoch},"client":"',
            f'","ident":{_quoted(ident)},"user":{_quoted(user)},"vhost":',
            f',"method":"{method}","path":"',
        )

    def _stamp(self, minute: str, second: str, zone: str) -> tuple[str, str]:
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


def _render_mid(mid: str) -> str:
    protocol, _, status = mid[:-1].partition('" ')
    return f'"protocol":"{protocol}","status":{status},"bytes":'


def _render_vhost(vhost: str) -> tuple[str, str]:
    name, _, port = vhost.rpartition(":")
    return f'"{name}"' if name else "null", port or "null"
