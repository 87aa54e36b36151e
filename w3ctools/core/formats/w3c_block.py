"""The W3C Extended Log Format, a block of lines at a time: whole lines in, JSON lines out.

Lines are split at their separator, and then the work goes by columns: what a value becomes is asked of
the readable path's own functions, once for each text, and remembered. Lines with quotes at the start of
a value, of another width, or with blanks in a row are left to the readable path, and so is what it would
refuse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import msgspec

from w3ctools.core.formats.w3c_fields import Column, Layout, text
from w3ctools.core.section import split_target

K = TypeVar("K", bound=Hashable)
Moment = Callable[[str, str], tuple[str | None, int | float | None]]
#: A column's JSON, one text a line; None where the readable path must see the line.
Rendered = Sequence[str | None]
#: Makes it, given the values of all columns.
Hole = Callable[[list[list[str]]], Rendered]

_encode = msgspec.json.Encoder().encode
_SECOND = re.compile(r":[0-5][0-9]")
_MOST_REMEMBERED, _LONGEST_REMEMBERED = 8192, 1024
#: What JSON need not escape, and the LF that joins a column.
_PLAIN = bytes(byte for byte in range(0x20, 0x7F) if byte not in b'"\\') + b"\n"
#: Where one of these is in a block, its lines are looked at one by one. What is sought first is its last
#: character: one that is rare is found absent fastest.
_ODD = {
    " ": ("  ", "\n ", " \n", "\t", ' "', '\n"', " '", "\n'", "\n#"),
    "\t": ("\n\t", "\n ", '\t"', '\n"', "\t'", "\n'", "\n#"),
}


class _Remembered(dict[K, "str | None"]):
    """What `make` gave for the newest few thousand keys; None where it raised ValueError."""

    def __init__(self, make: Callable[[K], str]) -> None:
        self._make = make

    def __missing__(self, key: K) -> str | None:
        try:
            value: str | None = self._make(key)
        except ValueError:
            value = None
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        if value is not None and len(value) <= _LONGEST_REMEMBERED:
            self[key] = value
        return value


class W3CBlockParser:
    """Renders the lines of one layout.

    `moment` gives ``(time, epoch)`` of a date and a time, or raises ValueError.
    """

    def __init__(self, layout: Layout, site: str, moment: Moment) -> None:
        self._layout = layout
        self._site = site
        self._moment = moment
        self._minute, self._minute_stamp = ("", ""), moment("-", "-")
        self._stamps = _Remembered(self._render_stamp)
        self._sections = _Remembered(self._render_section)
        self._texts = _Remembered(_render_text)
        self._extras = _Remembered(self._render_extras)
        self._template, self._holes = self._compile()

    def parse(self, block: bytes) -> tuple[list[str | None], list[tuple[str, ...]]]:
        """Render whole lines; see `format.BlockParser`."""
        text = block.decode("latin-1")
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        takes = self._takes(text, lines)
        taken = [line for line, is_taken in zip(lines, takes, strict=True) if is_taken]
        rendered = self._render(taken) if taken else []
        if len(taken) < len(lines):
            given = iter(rendered)
            rendered = [next(given) if is_taken else None for is_taken in takes]
        return rendered, [(line,) for line in lines]

    def _takes(self, block: str, lines: list[str]) -> list[bool]:
        """Whether each line is of the usual kind; none is from the first directive on."""
        more = self._layout.width - 1
        self._separator = separator = "\t" if more and lines and lines[0].count("\t") == more else " "
        takes = [line.count(separator) == more for line in lines]
        whole = f"\n{block}"
        if any(odd[-1] in block and odd in whole for odd in _ODD[separator]):
            takes = [
                is_taken and not any(odd in f"\n{line}\n" for odd in _ODD[separator])
                for is_taken, line in zip(takes, lines, strict=True)
            ]
        if "\n#" in whole:
            first = next(at for at, line in enumerate(lines) if line.startswith("#"))
            takes[first:] = [False] * (len(lines) - first)
        return takes

    def _render(self, lines: list[str]) -> list[str | None]:
        separator, width = self._separator, self._layout.width
        flat = separator.join(lines).split(separator)
        values = [flat[at::width] for at in range(width)]
        columns = [hole(values) for hole in self._holes]
        write = self._template.__mod__
        if not any(None in column for column in columns):
            return list(map(write, zip(*columns, strict=True)))
        return [None if None in row else write(row) for row in zip(*columns, strict=True)]

    def _compile(self) -> tuple[str, list[Hole]]:
        """The JSON line with a hole for each key that the layout gives, and what fills the holes."""
        holes = self._target_holes()
        holes.update((column.key, self._hole(column)) for column in self._layout.columns)
        date, time = self._layout.date, self._layout.time
        if date is not None and time is not None:
            stamps = self._stamps
            holes["time"] = lambda values: [
                stamps[pair] for pair in zip(values[date], values[time], strict=True)
            ]
        if self._layout.extras:
            extras, places = self._extras, [column.at for column in self._layout.extras]
            holes["extra"] = lambda values: [
                extras[row] for row in zip(*(values[at] for at in places), strict=True)
            ]
        keys = [key for key in self._layout.type.__struct_fields__ if key != "epoch"]
        pairs = [f'"{key}":%s' if key in holes else f'"{key}":null' for key in keys]
        pairs[0] = "%s" if "time" in holes else '"time":null,"epoch":null'
        return "{" + ",".join(pairs) + "}\n", [holes[key] for key in keys if key in holes]

    def _target_holes(self) -> dict[str, Hole]:
        stem, query = self._layout.stem, self._layout.query
        assert stem is not None
        holes: dict[str, Hole] = {
            "path": lambda values: self._paths_of(values[stem]),
            "section": lambda values: self._sections_of(values[stem]),
        }
        if query is not None:
            holes["query"] = lambda values: self._texts_of(values[query])
        return holes

    def _hole(self, column: Column) -> Hole:
        at, convert = column.at, column.convert
        if convert is text:
            return lambda values: self._texts_of(values[at])

        def render(value: str) -> str:
            return _json(convert(_raw(value)))

        look_up = _Remembered(render).__getitem__
        if column.key == "client":
            return lambda values: self._clients_of(values[at], look_up)
        return lambda values: list(map(look_up, values[at]))

    def _clients_of(self, column: list[str], look_up: Callable[[str], str | None]) -> Rendered:
        """Addresses as they stand, but for IPv6, ports and brackets."""
        joined = "\n".join(column)
        if ":" in joined or "%" in joined or "[" in joined or "]" in joined:
            return list(map(look_up, column))
        return self._texts_of(column)

    def _texts_of(self, column: list[str]) -> Rendered:
        """`text` of every value, without asking for each one where nothing is to be escaped."""
        if _is_plain("\n".join(column)):
            return ["null" if value in ("-", "") else f'"{value}"' for value in column]
        return list(map(self._texts.__getitem__, column))

    def _paths_of(self, stems: list[str]) -> Rendered:
        paths = self._texts_of(stems)
        if "\n".join(["", *stems]).count("\n/") == len(stems):
            return paths
        return [path if stem[:1] == "/" else None for path, stem in zip(paths, stems, strict=True)]

    def _sections_of(self, stems: list[str]) -> Rendered:
        joined = "\n".join(stems)
        if not _is_plain(joined) or "?" in joined or "#" in joined:
            return list(map(self._sections.__getitem__, stems))
        site = self._site
        return [
            f'"{site}{stem}"' if (slash := stem.find("/", 1)) < 0 else f'"{site}{stem[:slash]}"'
            for stem in stems
        ]

    def _render_stamp(self, pair: tuple[str, str]) -> str:
        date, time = pair[0] or "-", pair[1]
        if not _SECOND.fullmatch(time, 5):
            return _json_stamp(*self._moment(date, time))
        minute = (date, time[:5])
        if self._minute != minute:  # lines come in order, mostly: the newest minute will do
            self._minute, self._minute_stamp = minute, self._moment(*minute)
        text_of_minute, epoch = self._minute_stamp
        if text_of_minute is None or epoch is None:
            return _json_stamp(None, None)
        return f'"time":"{text_of_minute[:-3]}{time[6:]}Z","epoch":{int(epoch) + int(time[6:])}'

    def _render_section(self, stem: str) -> str:
        return _json(split_target(text(_raw(stem)) or "", self._site).section)

    def _render_extras(self, row: tuple[str, ...]) -> str:
        pairs = zip(self._layout.extras, row, strict=True)
        known = {column.key: column.convert(_raw(value)) for column, value in pairs}
        return _json({name: value for name, value in known.items() if value is not None} or None)


def _render_text(value: str) -> str:
    return _json(text(_raw(value)))


def _json_stamp(time: str | None, epoch: int | float | None) -> str:
    return f'"time":{_json(time)},"epoch":{_json(epoch)}'


def _raw(value: str) -> bytes:
    return value.encode("latin-1")


def _json(value: object) -> str:
    return _encode(value).decode()


def _is_plain(joined: str) -> bool:
    return joined.isascii() and not joined.encode("ascii").translate(None, _PLAIN)
