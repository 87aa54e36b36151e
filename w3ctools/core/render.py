"""What w3c-stats shows: intervals, gaps and alerts as blocks of text or as events.

Counts stand in full; addresses are never cut; long paths and sections lose their middle. Width
and colour are arguments.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import NamedTuple

from w3ctools.core.formats.text import visible
from w3ctools.core.stats import Gap, Interval, Item
from w3ctools.core.summary import Summary, top
from w3ctools.core.timestamp import rfc3339
from w3ctools.core.wire import AlertEvent, GapEvent, SectionCount, SummaryEvent, encode

#: Alerts kept, and how many of them every block repeats.
KEPT_ALERTS, SHOWN_ALERTS = 1000, 10
TOP_CLIENTS, TOP_PATHS = 5, 5


class Style(NamedTuple):
    """How text is set: the terminal's width, and whether it has colour."""

    width: int
    colour: bool

    def bold(self, text: str) -> str:
        """For what the eye looks for first."""
        return f"\x1b[1m{text}\x1b[0m" if self.colour else text

    def faint(self, text: str) -> str:
        """For headings."""
        return f"\x1b[2m{text}\x1b[0m" if self.colour else text

    def bad(self, text: str) -> str:
        """For errors and alerts."""
        return f"\x1b[31m{text}\x1b[0m" if self.colour else text

    def good(self, text: str) -> str:
        """For recoveries."""
        return f"\x1b[32m{text}\x1b[0m" if self.colour else text


class JsonRenderer:
    """Items -> one JSON line each."""

    def __init__(self, sections: int) -> None:
        self._sections = sections

    def render(self, item: Item) -> str:
        """An item as its line."""
        if isinstance(item, AlertEvent):
            return encode(item)
        if isinstance(item, Gap):
            return encode(GapEvent("gap", _time(item.from_s), _time(item.to_s)))
        summary = item.summary
        return encode(
            SummaryEvent(
                event="summary",
                from_=_time(item.from_s) if item.has_time else None,
                to=_time(item.to_s) if item.has_time else None,
                partial=item.partial,
                requests=summary.requests,
                rate_per_s=round(item.rate_per_s, 3),
                unparsed=summary.unparsed,
                late=item.late,
                uncounted=item.uncounted,
                bytes=summary.total_bytes,
                clients=len(summary.clients),
                status=_named(sorted(summary.statuses().items(), key=lambda pair: pair[0] or 0)),
                methods=_named(top(summary.methods(), len(summary.methods()))),
                sections=_section_counts(summary, self._sections),
                top_clients=_named(top(summary.clients, TOP_CLIENTS)),
                failing_paths=_named(top(summary.failing_paths, TOP_PATHS)),
            )
        )


class TextRenderer:
    """Items -> blocks of text. Remembers the alerts, and the interval before for what has changed."""

    def __init__(self, sections: int) -> None:
        self._sections = sections
        self._alerts: deque[AlertEvent] = deque(maxlen=KEPT_ALERTS)
        self._alert_count = 0
        self._rate_before_per_s = 0.0

    def render(self, item: Item, style: Style) -> str:
        """An item as text, ending with LF."""
        if isinstance(item, AlertEvent):
            self._alerts.append(item)
            self._alert_count += 1
            return f"{_alert(item, style)}\n"
        if isinstance(item, Gap):
            self._rate_before_per_s = 0.0
            return f"no requests from {_time(item.from_s)} to {_time(item.to_s)}\n"
        lines = [
            *self._headline(item, style),
            *_mix(item.summary, style),
            *_section_table(item.summary, self._sections, style),
            *_list("top clients", top(item.summary.clients, TOP_CLIENTS), style),
            *_list("server errors", top(item.summary.failing_paths, TOP_PATHS), style),
            *self._alert_lines(style),
        ]
        self._rate_before_per_s = item.rate_per_s
        return "\n".join(["", *lines, ""])

    def _headline(self, item: Interval, style: Style) -> Iterable[str]:
        partial = "  partial" if item.partial else ""
        begin, end = _time(item.from_s), _time(item.to_s)
        span = f"{begin} to {end[11:] if end[:11] == begin[:11] else end}{partial}"
        yield style.bold(span if item.has_time else "no line had a readable time")
        summary = item.summary
        words = [
            f"{summary.requests:,} requests",
            f"{item.rate_per_s:,.1f}/s",
            self._change(item.rate_per_s),
        ]
        words.append(f"{summary.total_bytes:,} bytes")
        words.append(f"{len(summary.clients):,} clients")
        if summary.unparsed:
            words.append(style.bad(f"{summary.unparsed:,} unparsed"))
        if item.late:
            words.append(f"{item.late:,} late")
        if item.uncounted:
            words.append(f"{item.uncounted:,} too late to count")
        for line in _filled([word for word in words if word], style.width - 2):
            yield f"  {line}"

    def _change(self, rate_per_s: float) -> str:
        if not self._rate_before_per_s:
            return ""
        return f"{rate_per_s / self._rate_before_per_s - 1:+.0%}"

    def _alert_lines(self, style: Style) -> Iterable[str]:
        if not self._alerts:
            return
        older = self._alert_count - min(SHOWN_ALERTS, len(self._alerts))
        yield style.faint(f"  alerts{f' (and {older:,} older)' if older else ''}")
        for event in list(self._alerts)[-SHOWN_ALERTS:]:
            yield _alert(event, style)


def _alert(event: AlertEvent, style: Style) -> str:
    text = _shown(event.message)
    return style.good(text) if event.state == "recovered" else style.bad(text)


def _mix(summary: Summary, style: Style) -> Iterable[str]:
    classes: Counter[str] = Counter()
    for status, count in summary.statuses().items():
        classes["no status" if status is None else f"{status // 100}xx"] += count
    shares = []
    for name in sorted(classes):
        text = f"{name} {classes[name]:,} ({classes[name] / summary.requests:.1%})"
        shares.append(style.bad(text) if name == "5xx" else text)
    yield from _wrapped("status", shares, style)
    methods = [f"{_shown(name)} {count:,}" for name, count in top(summary.methods(), 8)]
    yield from _wrapped("methods", methods, style)


def _section_counts(summary: Summary, most: int) -> list[SectionCount]:
    errors, size_bytes = summary.section_errors(), summary.section_bytes()
    return [
        SectionCount(section, requests, errors[section], size_bytes[section])
        for section, requests in top(summary.sections(), most)
    ]


def _section_table(summary: Summary, most: int, style: Style) -> Iterable[str]:
    rows = _section_counts(summary, most)
    if not rows:
        return
    cells = [
        (f"{row.requests:,}", f"{row.requests / summary.requests:.1%}", f"{row.errors:,}", f"{row.bytes:,}")
        for row in rows
    ]
    heads = ("requests", "share", "errors", "bytes")
    widths = [max(len(head), *(len(row[i]) for row in cells)) for i, head in enumerate(heads)]
    columns = len(heads)
    names = [_shown(row.section) for row in rows]
    name_width = max(len("section"), *(len(name) for name in names))
    while columns > 1 and 2 + name_width + sum(2 + width for width in widths[:columns]) > style.width:
        columns -= 1  # the figures behind give way before a name is cut
    if columns == 1:
        name_width = min(name_width, max(12, style.width - 4 - widths[0]))
    yield style.faint(_table_line("section", name_width, heads, widths, columns))
    for name, row in zip(names, cells, strict=True):
        line = _table_line(_cut(name, name_width), name_width, row, widths, columns)
        yield style.bad(line) if row[2] != "0" else line
    others = len(summary.sections()) - len(rows)
    if others:
        yield style.faint(f"  and {others:,} more")


def _table_line(name: str, name_width: int, cells: tuple[str, ...], widths: list[int], columns: int) -> str:
    figures = "".join(f"  {cell:>{width}}" for cell, width in list(zip(cells, widths, strict=True))[:columns])
    return f"  {name:<{name_width}}{figures}"


def _list(title: str, items: list[tuple[str | None, int]], style: Style) -> Iterable[str]:
    width = style.width - len(title) - 12
    return _wrapped(
        title, [f"{_cut(_shown(name), max(width, 45))} {count:,}" for name, count in items], style
    )


def _wrapped(title: str, words: list[str], style: Style) -> Iterable[str]:
    """Words behind a title, on as many lines as the width asks for."""
    if not words:
        return
    indent = len(title) + 4
    for number, line in enumerate(_filled(words, style.width - indent)):
        lead = f"  {style.faint(title)}  " if number == 0 else " " * indent
        yield lead + line


def _filled(words: list[str], width: int) -> Iterable[str]:
    lines: list[list[str]] = [[]]
    room = width
    for word in words:
        size = len(_plain(word)) + 3
        if lines[-1] and size - 3 > room:
            lines.append([])
            room = width
        lines[-1].append(word)
        room -= size
    return ("   ".join(line) for line in lines)


def _plain(text: str) -> str:
    return text.removeprefix("\x1b[31m").removesuffix("\x1b[0m")


def _cut(text: str, width: int) -> str:
    """`text` in `width` characters, its middle left out if need be."""
    if len(text) <= width:
        return text
    behind = (width - 3) // 2
    return f"{text[: width - 3 - behind]}...{text[-behind:] if behind else ''}"


def _shown(text: str | None) -> str:
    return "-" if text is None else visible(text.encode("utf-8", "replace"))


def _named(pairs: Iterable[tuple[str | None, int]] | Iterable[tuple[int | None, int]]) -> dict[str, int]:
    return {"-" if key is None else str(key): count for key, count in pairs}


def _time(epoch_s: int) -> str:
    return rfc3339(epoch_s) or str(epoch_s)
