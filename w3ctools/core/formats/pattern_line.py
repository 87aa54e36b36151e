"""Compiled formats, one line at a time: one anchored regular expression, and a converter for each field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import values
from w3ctools.core.formats.format import Settings
from w3ctools.core.formats.pattern_field import EXTRA, REQUEST_PARTS, Step
from w3ctools.core.formats.pattern_kind import HOST, is_list
from w3ctools.core.formats.request import Request, parse_request
from w3ctools.core.formats.text import unescape
from w3ctools.core.formats.timeformat import NO_TIME, Piece, Time, chosen_pieces, is_whole, read_time
from w3ctools.core.record import FORMAT_KEYS, Record, record_type
from w3ctools.core.section import split_target

_KEYS = {*Record.__struct_fields__, *FORMAT_KEYS} - {"extra"}


class LineFormat:
    """A compiled format string and its readable path: all of a `Format` but its fast one."""

    def __init__(self, name: str, before: str, steps: Sequence[Step], settings: Settings) -> None:
        self.name = name
        #: The literal in front of the first field.
        self.before = before
        self.steps = steps
        self.settings = settings
        #: Numbers of the fields that make the time, and their pieces.
        self.times, self.time_pieces = _times(steps)
        names = [step.field.name for step in steps]
        #: The parts of the request, each with the number of its field.
        self.parts = {name: names.index(name) for name in REQUEST_PARTS if name in names}
        #: Names in `extra`, each with the number of its field.
        self.extra = [
            (name.removeprefix(EXTRA), number) for number, name in enumerate(names) if name.startswith(EXTRA)
        ]
        self._lists = [
            (step.field.list_name, number) for number, step in enumerate(steps) if step.field.list_name
        ]
        #: The other keys, each with the number of its field.
        self.keyed = {
            name: number
            for number, name in enumerate(names)
            if name in _KEYS and name not in REQUEST_PARTS and name != "time"
        }
        self.record_type = record_type(self._format_keys())
        self._match = re.compile(self._regex(), re.DOTALL).fullmatch
        self._strip = b" \t" if steps[-1].behind[-1:] not in (" ", "\t") else b""

    def _format_keys(self) -> tuple[str, ...]:
        keys = {key for key in self.keyed if key in FORMAT_KEYS}
        if self.has_host:
            keys.add("vhost_port")
        if self.extra or self._lists:
            keys.add("extra")
        return tuple(key for key in FORMAT_KEYS if key in keys)

    @property
    def has_host(self) -> bool:
        """Whether the virtual host comes from a Host header, which may name a port."""
        number = self.keyed.get("vhost")
        return number is not None and self.steps[number].field.kind is HOST

    def _regex(self, steps: int | None = None, loose: int | None = None) -> bytes:
        """Of a line, or of what the first `steps` read; `loose` is a field whose quotes may hold quotes."""
        parts = [re.escape(self.before)]
        for number, step in enumerate(self.steps[:steps]):
            pattern = rf"(.*)(?<!\\)(?={re.escape(step.behind)})" if number == loose else step.pattern
            parts.append(pattern + re.escape(step.behind))
        return "".join(parts).encode("latin-1")

    @cached_property
    def _loose(self) -> list[re.Pattern[bytes]]:
        numbers = [number for number, step in enumerate(self.steps) if step.is_quoted]
        return [re.compile(self._regex(loose=number), re.DOTALL) for number in numbers]

    def parse(self, line: bytes) -> Record:
        """Parse a line, given without its line end. Raises ParseError at the first field that fails."""
        match = self._match(line)
        if match is None:
            match = self._match_again(line.rstrip(self._strip) if self._strip else line)
        return self._record(match.groups())

    def _match_again(self, line: bytes) -> re.Match[bytes]:
        match = self._match(line)
        for pattern in self._loose if match is None else ():
            match = pattern.fullmatch(line)
            if match is not None:
                break
        if match is None:
            raise self._error(line)
        return match

    def _error(self, line: bytes) -> ParseError:
        """Where the line stops being of the format: the longest run of first steps that it has."""
        known, failing = -1, len(self.steps) + 1
        end = 0
        while failing - known > 1:
            middle = (known + failing) // 2
            prefix = re.compile(self._regex(middle), re.DOTALL).match(line)
            if prefix is None:
                failing = middle
            else:
                known, end = middle, prefix.end()
        if known < 0:
            return ParseError(f"line: expected {self.before!r}", 1)
        if known == len(self.steps):
            return ParseError(f"line: expected its end behind {self.steps[-1].field.shown}", end + 1)
        step = self.steps[known]
        behind = f" before {step.behind!r}" if len(step.behind) > 1 else ""
        return ParseError(f"{step.field.shown}: expected {step.field.expected}{behind}", end + 1)

    def _record(self, groups: Sequence[bytes]) -> Record:
        fields: dict[str, Any] = {}
        for name, number in self.keyed.items():
            fields[name] = self.steps[number].field.kind.convert(groups[number])
        if "vhost" in fields and isinstance(fields["vhost"], tuple):
            fields["vhost"], port = fields["vhost"]
            fields.setdefault("vhost_port", port)
        if "extra" in self.record_type.__struct_fields__:
            fields["extra"] = self._extra(groups)
        fields["time"], fields["epoch"] = self.read_time([groups[n].decode("latin-1") for n in self.times])
        if self.parts:
            fields.update(self._request(groups)._asdict())
        return self.record_type(**fields)

    def read_time(self, texts: Sequence[str]) -> Time:
        """The time of the texts of `times`."""
        return read_time(self.time_pieces, texts, self.settings.zone) if self.times else NO_TIME

    def _extra(self, groups: Sequence[bytes]) -> dict[str, str] | None:
        """What has no key of its own and is known."""
        logged = [(name, groups[number]) for name, number in self.extra]
        logged += [(name, groups[number]) for name, number in self._lists if is_list(groups[number])]
        known = [(name, values.text(raw)) for name, raw in logged]
        return {name: text for name, text in known if text is not None} or None

    def _request(self, groups: Sequence[bytes]) -> Request:
        site = self.settings.site
        if "request" in self.parts:
            return parse_request(unescape(groups[self.parts["request"]]), site)
        texts = {name: values.text(groups[number]) for name, number in self.parts.items()}
        target = texts.get("target")
        if target is not None:
            query, args = texts.get("query_part") or "", texts.get("args")
            target = f"{target}{query}" if args is None else f"{target}?{args}"
        return request_of_parts(texts.get("method"), target, texts.get("protocol"), site)


def _times(steps: Sequence[Step]) -> tuple[list[int], list[Piece]]:
    times = [(n, step.field.piece) for n, step in enumerate(steps) if step.field.piece is not None]
    times = [times[number] for number in chosen_pieces([piece for _, piece in times])]
    pieces = [piece for _, piece in times]
    return ([number for number, _ in times], pieces) if is_whole(pieces) else ([], [])


def request_of_parts(method: str | None, target: str | None, protocol: str | None, site: str) -> Request:
    """The request that a log has in pieces; where there is no method the target is read alone.

    >>> request_of_parts(None, "/a/b?c", None, "").section
    '/a'
    """
    if method is not None and target is not None:
        return parse_request(" ".join(part for part in (method, target, protocol) if part), site)
    if target is None:
        return Request(method=method, protocol=protocol)
    parts = split_target(target, site)
    kept = target if parts.path is None else None
    return Request(method, parts.path, parts.query, protocol, parts.section, kept)
