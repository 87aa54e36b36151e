r"""Compiled format strings, a block of lines at a time: whole lines in, JSON lines out.

One regular expression finds the fields of all lines; then each column is rendered by one expression, and
one template takes the columns' pieces line by line, so that work stays in C. Every group admits printable
ASCII without quote and backslash only, which is JSON as it stands, and ends where the field of the
readable path ends; a line with anything else lands whole in the last group. What repeats from line to
line is rendered by the readable path's own functions, once, and remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from w3ctools.core.formats.format import BlockParser
from w3ctools.core.formats.pattern_column import (
    Remembered,
    or_null,
    pair,
    query,
    remembering,
    render_of,
    text_or_null,
    to_json,
)
from w3ctools.core.formats.pattern_field import REQUEST_PARTS, Step
from w3ctools.core.formats.pattern_kind import (
    ADDRESSES,
    CLIENT,
    LISTS,
    NAME,
    PROTOCOL,
    QUERY,
    REQUEST,
    TARGET,
    TEXT,
    USER,
    split_host,
)
from w3ctools.core.formats.pattern_line import LineFormat
from w3ctools.core.formats.request import Request
from w3ctools.core.formats.timeformat import has_zone

Row = tuple[str, ...]
#: Columns of text, one for each group, in; a column of JSON out.
Column = Callable[[Sequence[Sequence[str]]], Iterable[str]]

_SAFE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in '"\\')
#: Characters that no `Kind.safe` holds inside its text, so that it ends there as the readable field does.
_ENDS = " \t\"'|;,])}>"
_REQUEST_KEYS = Request._fields


class _Unreadable(Exception):
    """A format that the fast path cannot read."""


def pattern_block_parser(fmt: LineFormat) -> BlockParser | None:
    """The fast path of a format; None where there is none.

    A zone with summer time depends on the lines before, which a block does not read in order.
    """
    if fmt.times and not has_zone(fmt.time_pieces) and not fmt.settings.zone.is_fixed:
        return None
    try:
        return PatternBlockParser(fmt)
    except _Unreadable:
        return None


def _chars(without: str = "") -> str:
    """A class of the characters that JSON need not escape, but for some."""
    return "[" + "".join(re.escape(char) for char in _SAFE if char not in without) + "]"


class _Scan:
    """The regular expression of a format's fast path, and what its groups are."""

    def __init__(self, fmt: LineFormat) -> None:
        self._has_query = bool({"query_part", "args"} & set(fmt.parts))
        self._count = 0
        #: For each field the numbers of its groups.
        self.groups: list[list[int]] = []
        #: A group that no line leaves empty that is taken.
        self.marker = -1
        #: Numbers of the fields whose group holds the quotes too, and nothing where the value is unknown.
        self.with_quotes: set[int] = set()
        regex = re.escape(fmt.before)
        for number, step in enumerate(fmt.steps):
            self.groups.append([])
            behind = re.escape(step.behind)
            is_last = number == len(fmt.steps) - 1
            if step.is_quoted and step.field.kind is TEXT and (is_last or len(step.behind) > 1):
                self.with_quotes.add(number)
                quoted = self._group(f'"{_chars()}+"', True)
                regex = f'{regex[:-1]}(?:"-?"|{quoted}){behind[1:]}'
            else:
                regex += self._step(step) + behind
        if self.marker < 0:
            raise _Unreadable
        self.find = re.compile(rf"^{regex}\n|(.*)\n", re.MULTILINE).findall

    def _group(self, pattern: str, may_be_empty: bool = False) -> str:
        if not may_be_empty and self.marker < 0:
            self.marker = self._count
        self.groups[-1].append(self._count)
        self._count += 1
        return f"({pattern})"

    def _step(self, step: Step) -> str:
        field, kind, end = step.field, step.field.kind, step.behind[:1]
        if field.piece is not None:
            return self._group(field.piece.safe)
        if not kind.own and not step.is_quoted and end and end not in _ENDS:
            is_port_next = kind is CLIENT and step.pattern.startswith("([^ ]")
            if end != ":" or not (kind is NAME or is_port_next):  # a name holds no colon
                raise _Unreadable
        if kind is REQUEST:
            method = self._group("(?!C)[A-Z]+")
            return f"{method} {self._target('', True)} {self._group(PROTOCOL.safe)}"
        if kind is TARGET:
            return self._target(end, not self._has_query)
        if kind is QUERY:
            return self._query(end)
        if kind.safe:
            is_empty = field.may_be_empty and field.name not in REQUEST_PARTS
            return self._group(f"(?:{kind.safe}){'?' * is_empty}", is_empty)
        blanks = "" if step.is_quoted or (kind.blanks and end not in ("", " ")) else " "
        separators = "," if kind in LISTS or kind is ADDRESSES else ""
        user = "[" if kind is USER else ""
        is_empty = step.is_quoted or field.may_be_empty
        return self._group(_chars(blanks + separators + user + end) + "+*"[is_empty], is_empty)

    def _target(self, end: str, with_query: bool) -> str:
        section = self._group(f"/{_chars(' /?#' + end)}*")
        rest = self._group(f"(?:[/#]{_chars(' ?' + end)}*)?", True)
        return section + rest + (self._query(end) if with_query else "")

    def _query(self, end: str) -> str:
        return rf"(?:\?{self._group(_chars(' ' + end) + '+', True)})?"


class PatternBlockParser:
    """Renders the lines of one format; every other line of a block comes back as None."""

    def __init__(self, fmt: LineFormat) -> None:
        scan = _Scan(fmt)
        self._format = fmt
        self._groups, self._with_quotes = scan.groups, scan.with_quotes
        self._find, self._marker = scan.find, scan.marker
        #: Set where the stamps need a zone: it counts them.
        self._zone = fmt.settings.zone if fmt.times and not has_zone(fmt.time_pieces) else None
        pieces = [piece for key in fmt.record_type.__struct_fields__ for piece in self._key(key)]
        self._template = "{" + ",".join(text for text, _ in pieces) + "}\n"
        self._columns = [column for _, columns in pieces for column in columns]

    def parse(self, block: bytes) -> tuple[list[str | None], list[Row]]:
        """Render whole lines: see `format.BlockParser`."""
        rows = self._find(block.decode("latin-1"))
        if not rows:
            return [], []
        zoneless = self._zone.used if self._zone else 0
        groups = list(zip(*rows, strict=True))
        template, taken = self._template, groups[self._marker]
        lines = zip(*[column(groups) for column in self._columns], strict=True)
        rendered: list[str | None]
        if "" in taken:
            rendered = [
                template % line if is_taken else None for line, is_taken in zip(lines, taken, strict=True)
            ]
        else:
            rendered = [template % line for line in lines]
        if self._zone:
            self._zone.used = zoneless + len(rows) - rendered.count(None)
        return rendered, rows

    def _key(self, key: str) -> list[tuple[str, list[Column]]]:
        """The template of a key of the record and the columns it takes; none where another has it."""
        fmt = self._format
        if key == "time" and fmt.times:
            return [("%s", [self._time()])]
        if key == "epoch" and fmt.times:
            return []
        if key in _REQUEST_KEYS and fmt.parts:
            return [self._request_key(key)]
        if key in ("vhost", "vhost_port") and fmt.has_host:
            return [(f'"{key}":%s', [self._host(key)])]
        if key == "extra":
            return [('"extra":%s', [self._extra()])]
        if key not in fmt.keyed:
            return [(f'"{key}":null', [])]
        number = fmt.keyed[key]
        (group,) = self._groups[number]
        render = or_null if number in self._with_quotes else render_of(fmt.steps[number].field.kind)
        return [(f'"{key}":%s', [lambda groups: render(groups[group])])]

    def _time(self) -> Column:
        numbers = [self._groups[number][0] for number in self._format.times]
        read_time = self._format.read_time

        def make(texts: Row) -> str:
            time, epoch = read_time(texts)
            return f'"time":{to_json(time)},"epoch":{to_json(epoch)}'

        known = Remembered(make)
        return lambda groups: [known[texts] for texts in zip(*[groups[n] for n in numbers], strict=True)]

    def _host(self, key: str) -> Column:
        number = self._format.keyed["vhost"]
        if key == "vhost_port" and key in self._format.keyed:
            number = self._format.keyed[key]
            render = render_of(self._format.steps[number].field.kind)
        else:
            render = remembering(lambda raw: split_host(raw)[key == "vhost_port"])
        (group,) = self._groups[number]
        return lambda groups: render(groups[group])

    def _extra(self) -> Column:
        if not self._format.extra:  # whole lists only, and the fast path takes no list
            return lambda groups: ["null"] * len(groups[0])
        pairs = [
            (self._groups[number][0], pair(name, number in self._with_quotes))
            for name, number in self._format.extra
        ]

        def column(groups: Sequence[Sequence[str]]) -> list[str]:
            columns = [render(groups[group]) for group, render in pairs]
            found = map("".join, zip(*columns, strict=True))
            return [f"{{{pairs[1:]}}}" if pairs else "null" for pairs in found]

        return column

    def _request_key(self, key: str) -> tuple[str, list[Column]]:
        groups = self._request_groups()
        if key == "request" or key not in groups:
            return f'"{key}":null', []
        numbers = groups[key]
        if key == "query":
            render = text_or_null if "args" in self._format.parts else query
            return '"query":%s', [lambda columns: render(columns[numbers[0]])]
        site = self._format.settings.site.replace("%", "%%") if key == "section" else ""
        text = f'"{key}":"{site}{"%s" * len(numbers)}"'
        return text, [_plain(number) for number in numbers]

    def _request_groups(self) -> dict[str, list[int]]:
        """The groups of each key of the record that comes from the request."""
        parts = {name: self._groups[number] for name, number in self._format.parts.items()}
        if "request" in parts:
            method, section, rest, args, protocol = parts["request"]
            parts = {"method": [method], "target": [section, rest, args], "protocol": [protocol]}
        found: dict[str, list[int]] = {name: parts[name] for name in ("method", "protocol") if name in parts}
        if "target" in parts:
            section, rest, *query_groups = parts["target"]
            query_groups = parts.get("args") or parts.get("query_part") or query_groups
            found |= {"path": [section, rest], "section": [section]}
            if query_groups:
                found["query"] = query_groups
        return found


def _plain(number: int) -> Column:
    return lambda groups: groups[number]
