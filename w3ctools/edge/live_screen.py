"""The live screen: a `View` as lines of a terminal, and the terminal while it shows them.

Everything is painted anew each time, since other stages of the pipe may write to the same terminal. The
alternate screen is used: repaints and resizes leave nothing in the scrollback, and what stood there before
comes back when it is left, with the final text below it.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from itertools import zip_longest
from math import ceil, log10
from types import FrameType, TracebackType
from typing import Any, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from w3ctools.core.formats.text import visible
from w3ctools.core.history import duration
from w3ctools.core.live import (
    COLUMNS,
    HISTORY_S,
    SPANS_S,
    Controls,
    SectionLine,
    Told,
    View,
)
from w3ctools.core.timestamp import rfc3339
from w3ctools.edge.keys import Keys
from w3ctools.edge.streams import Output

#: From this share of server errors on, a figure is trouble.
TROUBLE_SHARE = 0.05
#: So far behind, a log that is written now is in trouble.
TROUBLE_LAG_S = 60
#: Less is the difference of two clocks.
AHEAD_S = 2
#: A change of less is noise.
CALM_TREND = 0.2
#: From so many rows on, blocks stand apart.
AIRY_ROWS = 30
#: From so many on, there is a line about keys.
FOOTER_ROWS = 6
#: From so many columns on, the header is in full words.
ROOMY_COLUMNS = 60
#: The least for a pane beside another one; and what is between two things.
PANE_COLUMNS, GAP = 38, 2
LEAST_NAME, MOST_NAME = 11, 40
LEAST_BAR, MOST_BAR = 8, 40
MOST_CELL = 9
#: Lines that are kept free for alerts, so that the first ones move nothing.
LEAST_ALERTS = 2
#: More than any screen has lines.
EVERYTHING = 10_000
USUAL_SIZE = 80, 24

_PLAIN = Style.null()
_TITLE, _FAINT = Style(bold=True), Style(dim=True)
_BAR = Style(color="blue")
_BAD, _GOOD = Style(color="red"), Style(color="green")
_ALARM = Style(color="red", bold=True)

#: Alternate screen, no cursor, no line goes on in the next one; and all of it undone (xterm, ctlseqs).
_ENTER = b"\x1b[?1049h\x1b[?25l\x1b[?7l"
_LEAVE = b"\x1b[m\x1b[H\x1b[J\x1b[?7h\x1b[?25h\x1b[?1049l"

Line = list[Segment]
Size = tuple[int, int]
Handler = Callable[[int, FrameType | None], Any] | int | None


class Cell(NamedTuple):
    """A figure as text, and how it is set."""

    text: str
    style: Style | None = None


class Look(NamedTuple):
    """What the terminal can show."""

    colour: bool
    unicode: bool

    @property
    def bars(self) -> str:
        """Pieces of a bar, the whole one last."""
        return "▏▎▍▌▋▊▉█" if self.unicode else "#"

    @property
    def levels(self) -> str:
        """From nothing to the highest."""
        return " ▁▂▃▄▅▆▇█" if self.unicode else " .:-=+*#"

    @property
    def up(self) -> str:
        """More than before."""
        return "▲" if self.unicode else "+"

    @property
    def down(self) -> str:
        """Less than before."""
        return "▼" if self.unicode else "-"

    @property
    def cut(self) -> str:
        """Something was left out here."""
        return "…" if self.unicode else ".."


def look(environment: Mapping[str, str], colour: bool) -> Look:
    """What the terminal can show, as far as the environment tells."""
    # The fonts of the Linux console lack the blocks of the sparkline.
    return Look(colour, environment.get("TERM") != "linux" and _is_utf8(environment))


def _is_utf8(environment: Mapping[str, str]) -> bool:
    # In a locale without an encoding Python sets LC_CTYPE itself (PEP 538), and takes UTF-8 mode (PEP 540).
    by_python = bool(sys.flags.utf8_mode) and environment.get("LC_CTYPE") == "C.UTF-8"
    names = ("LC_ALL", "LANG") if by_python else ("LC_ALL", "LC_CTYPE", "LANG")
    name = next((environment[name] for name in names if environment.get(name)), "")
    return name.lower().replace("-", "").partition("@")[0].endswith(".utf8")


def why_not(environment: Mapping[str, str], fd: int = 1) -> str | None:
    """What speaks against a live screen; None if there can be one."""
    if not os.isatty(fd):
        return "stdout is no terminal"
    term = environment.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        return f"TERM is {term or 'not set'}: such a terminal cannot be painted"
    return None


def draw(view: View, controls: Controls, size: Size, look: Look, footer: str | None = None) -> list[str]:
    """The lines of a screen of this size, columns and rows, with their colours; none is longer.

    `footer` takes the place of the words about keys.
    """
    lines = _Page(view, controls, size, look, footer).lines()
    return [_ansi(Segment.adjust_line_length(line, size[0], pad=False), look.colour) for line in lines]


def _ansi(line: Line, colour: bool) -> str:
    if not colour:
        return "".join(segment.text for segment in line)
    return "".join(
        (segment.style or _PLAIN).render(segment.text, color_system=ColorSystem.STANDARD) for segment in line
    )


class _Block(NamedTuple):
    """Lines that stand together: how many there could be, and what gives as many as there is room for."""

    name: str
    most: int
    render: Callable[[int], list[Line]]


class _Figure(NamedTuple):
    """A figure of a section: its place in `COLUMNS`, how wide it is, and how it is shown."""

    column: int
    width: int
    cell: Callable[[SectionLine, Look], Cell]


class _Pane(NamedTuple):
    """A small table that stands beside others."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str | None, list[Cell]]]
    #: What stands there if there are no rows.
    nothing: str = ""

    @property
    def most(self) -> int:
        """Lines, if there is room for all."""
        return 1 + max(1, len(self.rows))


class _Page:
    """One view, set for one size."""

    def __init__(self, view: View, controls: Controls, size: Size, look: Look, footer: str | None) -> None:
        self._view = view
        self._controls = controls
        self._columns, self._rows = size
        self._look = look
        self._footer = footer

    def lines(self) -> list[Line]:
        """As many as there are rows."""
        footer = [self._footer_line()] if self._rows >= FOOTER_ROWS else []
        room = self._rows - 1 - len(footer)
        body = (self._help() if self._controls.shows_help else self._body(room))[:room]
        return [self._header(), *body, *[[]] * (room - len(body)), *footer][: self._rows]

    # What is where

    def _body(self, room: int) -> list[Line]:
        """Alerts stand at the bottom, so that nothing moves when there are more of them."""
        sections = self._controls.ordered(self._view.sections)
        upper = [
            _Block("status", 1, lambda _height: [self._statuses()]),
            _Block("sections", 1 + max(1, len(sections)), partial(self._sections, sections)),
            *self._pane_rows(),
        ]
        alerts = _Block("alerts", 1 + max(LEAST_ALERTS, len(self._view.alerts)), self._alerts)
        gap = 1 if self._rows >= AIRY_ROWS else 0
        heights = _allot([*upper, alerts], room, gap)
        lines: list[Line] = []
        for block in upper:
            if heights[block.name]:
                lines += [[]] * gap + block.render(heights[block.name])
        lines += [[]] * (room - len(lines) - heights[alerts.name])
        return lines + alerts.render(heights[alerts.name])

    def _pane_rows(self) -> list[_Block]:
        """The panes, as many beside each other as there is room for."""
        panes = [self._windows(), self._failing(), *self._slowest(), self._clients()]
        beside = max(1, min(len(panes), (self._columns + GAP) // (PANE_COLUMNS + GAP)))
        width = (self._columns - GAP * (beside - 1)) // beside
        return [
            _Block(name, max(pane.most for pane in row), partial(self._pane_row, row, width))
            for name, row in zip(_PANE_ROWS, _chunks(panes, beside), strict=False)
        ]

    def _pane_row(self, panes: list[_Pane], width: int, height: int) -> list[Line]:
        tables = [self._pane(pane, width, height) for pane in panes]
        lines: list[Line] = []
        for row in zip_longest(*tables, fillvalue=()):
            line: Line = []
            for piece in row:
                line += [*Segment.adjust_line_length(list(piece), width), Segment(" " * GAP)]
            lines.append(line[:-1])
        return lines

    # The parts

    def _header(self) -> Line:
        """The log's clock, the rate now and before, and how things are."""
        view = self._view
        time = rfc3339(view.newest) if view.newest is not None else None
        if time is None:
            return [Segment("waiting for the first request", _TITLE)]
        clock = time.replace("T", " ") if self._columns >= ROOMY_COLUMNS else time[11:]
        left = [Segment(f"{clock}  {_rate(view.rate_per_s)}/s", _TITLE)]
        state = self._state()
        room = self._columns - _length(left) - _length(state) - 2 * GAP
        spark = self._spark(room) if room >= LEAST_BAR else ""
        return [*left, Segment(" " * GAP + spark.rjust(room) + " " * GAP), *state]

    def _state(self) -> Line:
        """Whether all is well with the screen, the log and the site."""
        view = self._view
        words: Line = []
        if self._controls.frozen:
            words.append(Segment("frozen", _TITLE))
        words.append(_lag(view))
        if view.open_alerts:
            noun = "alert" if view.open_alerts == 1 else "alerts"
            is_open = " open" if self._columns >= ROOMY_COLUMNS else ""
            words.append(Segment(f"{view.open_alerts:,} {noun}{is_open}", _ALARM))
        return _joined(words)

    def _spark(self, columns: int) -> str:
        """Requests per second of the last minutes. The seconds of a column stay together as time goes on."""
        view, levels = self._view, self._look.levels
        step_s = ceil(HISTORY_S / columns)
        bins: dict[int, list[int]] = {}
        for second, requests in enumerate(view.seconds, view.end - len(view.seconds)):
            bins.setdefault(second // step_s, []).append(requests)
        means = [sum(requests) / len(requests) for requests in bins.values()][-columns:]
        highest = max(means, default=0.0) or 1.0
        return "".join(levels[ceil(mean / highest * (len(levels) - 1))] for mean in means)

    def _statuses(self) -> Line:
        """Classes with their shares, then single statuses as far as there is room: the worst first."""
        view = self._view
        total = max(1, view.window.requests)
        classes: Counter[str] = Counter()
        for status, requests in view.statuses:
            classes["-" if status is None else f"{status // 100}xx"] += requests
        words = [Segment("status", _TITLE)] if self._columns >= ROOMY_COLUMNS else []
        for name, requests in classes.items():
            is_trouble = name == "5xx" and requests >= TROUBLE_SHARE * total
            words.append(Segment(f"{name} {_share(requests / total)}", _BAD if is_trouble else None))
        if view.unparsed:
            words.append(Segment(f"unparsed {_count(view.unparsed, 7)}"))
        line = _joined(words)
        singles = [(status, requests) for status, requests in view.statuses if status is not None]
        for status, requests in sorted(singles, key=lambda one: (-(one[0] // 100), -one[1])):
            segment = Segment(f"   {status} {_count(requests, 8)}", _FAINT)
            if _length([*line, segment]) > self._columns:
                break
            line.append(segment)
        return line

    def _sections(self, sections: list[SectionLine], height: int) -> list[Line]:
        """The table of sections, with bars where there is room for them."""
        names = [self._shown(line.section) for line in sections]
        wanted = min(MOST_NAME, max(LEAST_NAME, *map(cell_len, names), 0))
        figures = _fitting_figures(self._columns - wanted)
        left = self._columns - sum(figure.width for figure in figures)
        bar_columns = min(MOST_BAR, left - wanted - GAP)
        bar_columns, gap = (bar_columns, GAP) if bar_columns >= LEAST_BAR else (0, 0)
        name_columns = min(MOST_NAME, left - bar_columns - gap)
        lines = [
            self._sections_heading(len(sections) - (height - 1), name_columns + gap + bar_columns, figures)
        ]
        highest = max((line.requests for line in sections), default=0) or 1
        for line, name in list(zip(sections, names, strict=True))[: height - 1]:
            bar = self._bar(line.requests / highest, bar_columns)
            lines.append(
                [
                    Segment(self._fit(name, name_columns), _BAD if _is_trouble(line) else None),
                    Segment(" " * gap + bar.ljust(bar_columns), _BAR),
                    *(_segment(figure.cell(line, self._look), figure.width) for figure in figures),
                ]
            )
        return lines if sections else [*lines, [Segment("no requests", _FAINT)]]

    def _sections_heading(self, more: int, columns: int, figures: list[_Figure]) -> Line:
        """`columns` is what the figures leave, `more` the sections that are not shown."""
        hidden = (f", {more:,} more", f" +{more:,}") if more > 0 else ("", "")
        titles = (f"sections, last minute{hidden[0]}", f"sections{hidden[0]}", f"sections{hidden[1]}")
        mark = self._look.down if self._controls.descending else self._look.up
        heads = [
            Segment(f"{mark + COLUMNS[figure.column].title:>{figure.width}}", _TITLE)
            if figure.column == self._controls.column
            else Segment(f"{COLUMNS[figure.column].title:>{figure.width}}", _FAINT)
            for figure in figures
        ]
        mark = mark if self._controls.column == 0 else ""
        title = next((title for title in titles if len(mark + title) <= columns), titles[-1])
        return [Segment(self._fit(mark + title, columns), _TITLE), *heads]

    def _bar(self, share: float, columns: int) -> str:
        pieces = self._look.bars
        whole, rest = divmod(ceil(share * columns * len(pieces)), len(pieces))
        return pieces[-1] * whole + (pieces[rest - 1] if rest else "")

    def _alerts(self, height: int) -> list[Line]:
        """Alerts, the newest first, and how many more there are."""
        view = self._view
        shown = view.alerts[: max(0, height - 1)]
        counts = {
            "": view.alert_count,
            " open": view.open_alerts,
            " not shown": view.alert_count - len(shown),
        }
        words = ", ".join(f"{count:,}{what}" for what, count in counts.items() if count)
        heading = [Segment("alerts  ", _TITLE), Segment(words or "none so far", _FAINT)]
        return [heading, *(self._alert(told) for told in shown)]

    def _alert(self, told: Told) -> Line:
        alert, message = told.alert, self._safe(told.alert.message)
        time = f"{self._safe(alert.time[11:19])}  " if alert.time else ""
        if alert.time and message.endswith(f" at {alert.time}"):  # it stands in front
            message = message.rpartition(",")[0]
        style = _ALARM if told.is_open else _GOOD if alert.state == "recovered" else None
        room = self._columns - len(time)
        if cell_len(message) > room:  # what it is about stands in front
            message = set_cell_size(message, max(0, room - len(self._look.cut))) + self._look.cut
        return [Segment(time, _FAINT), Segment(message, style)]

    def _footer_line(self) -> Line:
        keys = f"q quit  space freeze  1-{len(COLUMNS)} sort  ? help"
        return [Segment(keys, _FAINT) if self._footer is None else Segment(self._footer, _TITLE)]

    def _help(self) -> list[Line]:
        titles = [f"{number} {column.title}" for number, column in enumerate(COLUMNS, 1)]
        explained = [
            ("q", "quit: a summary stays"),
            ("space", "freeze, and go on"),
            (f"1-{len(COLUMNS)}", "sort; again: reverse"),
            *(("", "   ".join(titles[begin : begin + 3])) for begin in range(0, len(titles), 3)),
            ("?", "back"),
        ]
        return [[Segment(f"{key:<8}", _TITLE), Segment(words)] for key, words in explained]

    # The panes

    def _windows(self) -> _Pane:
        spans = self._view.spans
        rows: list[tuple[str | None, list[Cell]]] = [
            ("requests", [Cell(_count(span.requests, 6)) for span in spans]),
            ("per second", [Cell(_rate(span.rate_per_s)) for span in spans]),
            ("errors", [_errors_cell(span.errors, span.requests, 6) for span in spans]),
        ]
        if any(span.p95_s is not None for span in spans):
            rows.append(("p95", [Cell(_seconds(span.p95_s)) for span in spans]))
        return _Pane("traffic", (*(_short(length_s) for length_s in SPANS_S), "all"), rows)

    def _failing(self) -> _Pane:
        rows = [(path, [Cell(_count(errors, 8))]) for path, errors in self._view.failing]
        return _Pane("failing paths", ("errors",), rows, "no server errors")

    def _slowest(self) -> list[_Pane]:
        """None where the log has no durations."""
        rows = [
            (slow.path, [Cell(_seconds(slow.total_s)), Cell(_seconds(slow.total_s / slow.requests))])
            for slow in self._view.slowest
        ]
        return [_Pane("slowest paths", ("total", "mean"), rows)] if rows else []

    def _clients(self) -> _Pane:
        total = max(1, self._view.window.requests)
        rows = [
            (client, [Cell(_count(requests, 8)), Cell(_share(requests / total))])
            for client, requests in self._view.clients
        ]
        return _Pane("clients", ("requests", "share"), rows, "no requests")

    def _pane(self, pane: _Pane, width: int, height: int) -> list[Line]:
        cell = max(1, min(MOST_CELL, (width - LEAST_NAME) // len(pane.heads)))
        name = max(0, width - cell * len(pane.heads))
        heads = [Segment(f"{head:>{cell}}", _FAINT) for head in pane.heads] if pane.rows else []
        lines = [[Segment(self._fit(pane.title, name), _TITLE), *heads]]
        for key, cells in pane.rows[: height - 1]:
            figures = [_segment(figure, cell) for figure in cells]
            lines.append([Segment(self._fit(self._shown(key), name)), *figures])
        return lines if pane.rows else [*lines, [Segment(pane.nothing, _FAINT)]][:height]

    # Texts

    def _shown(self, text: str | None) -> str:
        return "-" if text is None else self._safe(text)

    def _safe(self, text: str) -> str:
        """Text from the log, without anything that could act on a terminal or that it cannot show."""
        safe = visible(text.encode("utf-8", "replace"))
        return safe if self._look.unicode else safe.encode("ascii", "replace").decode()

    def _fit(self, text: str, columns: int) -> str:
        """`text` in exactly so many columns; what is too long loses its middle."""
        if cell_len(text) <= columns:
            return set_cell_size(text, columns)
        cut = self._look.cut
        behind = max(0, columns - len(cut)) // 3
        before = max(0, columns - len(cut) - behind)
        end = set_cell_size(text[::-1], behind)[::-1]
        return set_cell_size(set_cell_size(text, before) + cut + end, columns)


def _allot(blocks: list[_Block], room: int, gap: int) -> dict[str, int]:
    """Lines for each block: wishes come true one after the other, as far as there is room."""
    most = {block.name: block.most for block in blocks}
    heights = dict.fromkeys(most, 0)
    for name, wished in _WISHES:
        more = min(wished, most.get(name, 0)) - heights.get(name, 0)
        if more <= 0:
            continue
        # A block that is not there yet comes with a gap, and as a whole or not at all.
        is_there = heights[name] > 0
        above = 0 if is_there or name == "alerts" else gap
        if is_there:
            more = min(more, room)
        if more + above <= room:
            heights[name] += more
            room -= more + above
    return heights


def _fitting_figures(columns: int) -> list[_Figure]:
    """The most important figures that fit beside the names, in the order in which they stand."""
    chosen: list[_Figure] = []
    for figure in _BY_IMPORTANCE:
        if sum(other.width for other in chosen) + figure.width <= columns:
            chosen.append(figure)
    return sorted(chosen, key=lambda figure: figure.column)


def _lag(view: View) -> Segment:
    """How far the log's clock is behind this machine's."""
    if view.lag_s is None:
        return Segment("replay", _FAINT)
    if view.quiet_s is not None:
        return Segment(f"quiet {duration(int(view.quiet_s))}", _TITLE)
    if view.lag_s <= -AHEAD_S:
        return Segment(f"ahead {duration(int(-view.lag_s))}", _FAINT)
    return Segment(
        f"lag {duration(max(0, int(view.lag_s)))}", _BAD if view.lag_s >= TROUBLE_LAG_S else _FAINT
    )


def _is_trouble(line: SectionLine) -> bool:
    return line.errors > 0 and line.error_share >= TROUBLE_SHARE


def _errors_cell(errors: int, requests: int, width: int) -> Cell:
    if not errors:
        return Cell("0", _FAINT)
    return Cell(_count(errors, width), _BAD if errors >= TROUBLE_SHARE * requests else None)


def _error_share_cell(line: SectionLine) -> Cell:
    if not line.errors:
        return Cell("0%", _FAINT)
    return Cell(_share(line.error_share), _BAD if _is_trouble(line) else None)


def _trend_cell(line: SectionLine, look: Look) -> Cell:
    if line.is_new:
        return Cell("new", _TITLE)
    if line.trend is None:
        return Cell("")
    percent = round(abs(line.trend) * 100)
    text = f"{look.up if line.trend >= 0 else look.down} {min(percent, 999)}%"
    return Cell(text, _FAINT if abs(line.trend) < CALM_TREND else None)


#: The most important first: where there is no room, the last ones are left out.
_BY_IMPORTANCE = (
    _Figure(1, 10, lambda line, _: Cell(_count(line.requests, 9))),
    _Figure(4, 8, lambda line, _: _errors_cell(line.errors, line.requests, 7)),
    _Figure(6, 8, _trend_cell),
    _Figure(5, 8, lambda line, _: _error_share_cell(line)),
    _Figure(3, 8, lambda line, _: Cell(_rate(line.rate_per_s))),
    _Figure(2, 8, lambda line, _: Cell(_share(line.share))),
)
_POWERS = "kMGT"
_PANE_ROWS = ("panes 1", "panes 2", "panes 3", "panes 4")
#: Who gets room for how many lines, the first one first.
_WISHES = (
    ("alerts", 2),
    ("sections", 4),
    ("panes 1", 5),
    ("status", 1),
    ("alerts", 3),
    ("sections", 6),
    ("panes 2", 4),
    ("alerts", 5),
    ("sections", 11),
    ("panes 3", 4),
    ("panes 4", 4),
    ("panes 1", 6),
    ("panes 2", 6),
    ("alerts", 8),
    ("sections", 16),
    ("panes 1", 11),
    ("panes 2", 11),
    ("panes 3", 11),
    ("panes 4", 11),
    ("sections", EVERYTHING),
    ("alerts", EVERYTHING),
)


def _chunks(panes: list[_Pane], size: int) -> list[list[_Pane]]:
    return [panes[begin : begin + size] for begin in range(0, len(panes), size)]


def _length(line: Line) -> int:
    return sum(segment.cell_length for segment in line)


def _joined(words: Line) -> Line:
    """Words with a gap between them."""
    line: Line = []
    for word in words:
        line += [Segment(" " * GAP), word]
    return line[1:]


def _segment(cell: Cell, width: int) -> Segment:
    return Segment(f"{cell.text:>{width}}", cell.style)


def _count(number: float, width: int) -> str:
    """A number in full where that takes no more than `width`, else three figures of it."""
    full = f"{number:,.0f}"
    if len(full) <= width:
        return full
    power = min(len(_POWERS), int(log10(number)) // 3)
    return f"{_three_figures(number / 1000**power)}{_POWERS[power - 1]}"


def _rate(per_s: float) -> str:
    return f"{per_s:.1f}" if per_s < 1000 else _count(per_s, 6)


def _share(share: float) -> str:
    return f"{share:.1%}" if share < 1 else "100%"


def _seconds(seconds: float | None) -> str:
    """A duration in three figures."""
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{_three_figures(seconds * 1000)}ms"
    return f"{_three_figures(seconds)}s" if seconds < 1000 else f"{_count(seconds, 5)}s"


def _three_figures(number: float) -> str:
    decimals = 2 if number < 9.995 else 1 if number < 99.95 else 0
    return f"{number:.{decimals}f}"


def _short(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} m"


class Screen:
    """The terminal on stdout, taken while a command runs, and given back whatever happens.

    Use it as a context. Signals are the terminal's own: a resize and a continuation paint at once, Ctrl-Z
    gives the terminal back first. In the background nothing is painted and no key is read.
    """

    def __init__(self, output: Output, keys: Keys, look: Look) -> None:
        self._output = output
        self._keys = keys
        self._look = look
        #: What `leave` has to undo; and whether it must be done anew, since others may have undone it.
        self._is_taken, self._must_take = False, True
        #: The next view is due at once.
        self.must_paint = True
        self._handlers: dict[int, Handler] = {}

    def __enter__(self) -> Screen:
        for signum, handler in (
            (signal.SIGWINCH, self._repaint),
            (signal.SIGCONT, self._go_on),
            (signal.SIGTSTP, self._stop),
            # A job that is put into the background goes on reading its log, and must not stop for this.
            (signal.SIGTTIN, signal.SIG_IGN),
            (signal.SIGTTOU, signal.SIG_IGN),
        ):
            if signum != signal.SIGTSTP or signal.getsignal(signum) is not signal.SIG_IGN:
                self._handlers[signum] = signal.signal(signum, handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
        for signum, handler in self._handlers.items():
            signal.signal(signum, handler)

    def paint(self, view: View, controls: Controls, footer: str | None = None) -> None:
        """Show a view. Raises ReaderGone or WriteFailed. Not while the terminal takes nothing (Ctrl-S)."""
        if not self._keys.in_foreground or not self._is_writable():
            return
        if self._must_take:
            self._is_taken, self._must_take = True, False
            self._keys.begin()
            self._output.write(_ENTER)
        columns, rows = self._size()
        lines = draw(view, controls, (columns, rows), self._look, footer)
        self._output.write(_frame(lines, columns).encode("utf-8", "replace"))

    def leave(self) -> None:
        """Give the terminal back as it was. May be called at any time, from a signal's handler too."""
        if not self._is_taken:
            return
        self._is_taken, self._must_take = False, True
        with suppress(OSError):
            os.write(self._output.fd, _LEAVE)
        self._keys.end()

    def _size(self) -> Size:
        try:
            columns, rows = os.get_terminal_size(self._output.fd)
        except OSError:
            return USUAL_SIZE
        return (columns, rows) if columns and rows else USUAL_SIZE

    def _is_writable(self) -> bool:
        poll = select.poll()
        poll.register(self._output.fd, select.POLLOUT)
        return bool(poll.poll(0))

    def _repaint(self, _signum: int, _frame: FrameType | None) -> None:
        self.must_paint = True

    def _go_on(self, _signum: int, _frame: FrameType | None) -> None:
        """After a stop that could not be caught, a shell has had the terminal: take it again."""
        self._must_take = self.must_paint = True

    def _stop(self, signum: int, _frame: FrameType | None) -> None:
        self.leave()
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)  # stands still here until it is continued
        signal.signal(signum, self._stop)


def _frame(lines: list[str], columns: int) -> str:
    """The bytes that paint the whole screen, whatever stands there."""
    # What follows the last column of a full line would be wiped with it (xterm's pending wrap).
    rows = [f"\x1b[{row};1H\x1b[2K{line}" for row, line in enumerate(lines, 1)]
    # Where other stages write, their line lands above the last one and moves nothing.
    return f"\x1b[m\x1b[?25l{''.join(rows)}\x1b[{max(1, len(lines) - 1)};1H"
