"""What w3c-stats shows people: intervals, gaps and alerts as blocks of text.

Counts stand in full; addresses are never cut; long paths and sections lose their middle. Width
and colour are arguments.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Set
from typing import NamedTuple

from w3ctools.core.formats.text import visible
from w3ctools.core.hosts import HostNews
from w3ctools.core.quantity import plain
from w3ctools.core.stats import Gap, Interval, Item
from w3ctools.core.summary import Summary, Table
from w3ctools.core.tally import Tally
from w3ctools.core.timestamp import time_text
from w3ctools.core.trend import Trend
from w3ctools.core.wire import AlertEvent

#: Alerts kept, and how many of them every block repeats.
KEPT_ALERTS, SHOWN_ALERTS = 1000, 10
TOP_CLIENTS, TOP_PATHS = 5, 5
PERCENTILES = (50, 95, 99)
#: From this share of errors on a row is red: a single one is usual on a busy site.
FAILING_SHARE = 0.05


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


class TextRenderer:
    """Items -> blocks of text. Remembers the alerts, and the intervals before for what has changed."""

    def __init__(self, rows: int) -> None:
        #: How many rows a table has at most.
        self._rows = rows
        self._alerts: deque[AlertEvent] = deque(maxlen=KEPT_ALERTS)
        self._alert_count = 0
        self._trend = Trend()

    def render(self, item: Item, style: Style) -> str:
        """An item as text, ending with LF."""
        if isinstance(item, AlertEvent):
            self._alerts.append(item)
            self._alert_count += 1
            return f"{_alert(item, style)}\n"
        if isinstance(item, HostNews):
            return f"{item.text}\n"
        if isinstance(item, Gap):
            self._trend.pause()
            return f"no requests from {time_text(item.from_s)} to {time_text(item.to_s)}\n"
        if item.later_of is not None:  # perhaps a day of them: what is of now must not be lost among them
            return "\n".join(["", *_headline(item, None, style), ""])
        change, summary = self._trend.feed(item), item.summary
        lines = [
            *_headline(item, change.share, style),
            *_mix(summary, style),
            *_wrapped("rates", [f"{name} {rate:,.1f}/s" for name, rate in change.rates.items()], style),
            *_timings(summary, style),
            *_table("section", summary.sections, self._rows, style, new=change.new_sections),
            *(
                line
                for name, table in summary.by.items()
                for line in _table(name, table, self._rows, style, widest=max(28, style.width // 2 - 10))
            ),
            *_list("top clients", _counts(summary.clients, TOP_CLIENTS), style),
            *_list("server errors", _counts(summary.failing_paths, TOP_PATHS), style),
            *_list("time by path", _seconds(summary.slow_paths, TOP_PATHS), style),
            *_estimates(summary, style),
            *self._alert_lines(style),
        ]
        return "\n".join(["", *lines, ""])

    def _alert_lines(self, style: Style) -> Iterable[str]:
        if not self._alerts:
            return
        older = self._alert_count - min(SHOWN_ALERTS, len(self._alerts))
        yield style.faint(f"  alerts{f' (and {older:,} older)' if older else ''}")
        for event in list(self._alerts)[-SHOWN_ALERTS:]:
            yield _alert(event, style)


def _headline(item: Interval, change: float | None, style: Style) -> Iterable[str]:
    marks = "  partial" if item.partial else ""
    marks += "" if item.later_of is None else f"  of {item.later_of}, told later"
    begin, end = time_text(item.from_s), time_text(item.to_s)
    span = f"{begin} to {end[11:] if end[:11] == begin[:11] else end}{marks}"
    yield style.bold(span if item.has_time else "no line had a readable time")
    summary = item.summary
    about = "" if summary.clients.is_exact else "about "
    words = [
        f"{summary.requests:,} requests",
        f"{item.rate_per_s:,.1f}/s",
        "" if change is None else f"{change:+.0%}",
        f"{summary.total_bytes:,} bytes",
        f"{about}{summary.clients.distinct():,} clients",
        style.bad(f"{summary.unparsed:,} unparsed") if summary.unparsed else "",
        f"{item.late:,} late" if item.late else "",
        f"{item.uncounted:,} too late to count" if item.uncounted else "",
    ]
    for line in _filled([word for word in words if word], style.width - 2):
        yield f"  {line}"


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
    methods = [f"{_shown(name)} {count}" for name, count in _counts(summary.methods, 8)]
    yield from _wrapped("methods", methods, style)


def _timings(summary: Summary, style: Style) -> Iterable[str]:
    if not summary.spec.timings:
        return
    for title, quantiles, unit in (("duration", summary.durations, " s"), ("size", summary.sizes, " bytes")):
        values = [(name, quantiles.quantile(name / 100)) for name in PERCENTILES]
        words = [
            f"p{name} {f'{value:,.0f}' if unit == ' bytes' else plain(value)}{unit}"
            for name, value in values
            if value is not None
        ]
        yield from _wrapped(title, words, style)


def _estimates(summary: Summary, style: Style) -> Iterable[str]:
    """Which figures are no counts, where a log has too many keys to hold."""
    tables = {"section": summary.sections, **summary.by}
    errors = {f"{name}s" if name == "section" else name: table.error for name, table in tables.items()}
    errors |= {"clients": summary.clients.error, "server errors": summary.failing_paths.error}
    words = [f"{name} by up to {error:,}" for name, error in errors.items() if error]
    yield from _wrapped("off", words, style)


def _table(
    title: str,
    table: Table,
    most: int,
    style: Style,
    *,
    widest: int | None = None,
    new: Set[str | None] = frozenset(),
) -> Iterable[str]:
    """`widest`: where a name is cut even if figures have to give way for it."""
    rows, total = table.top(most), table.requests.total
    if not rows:
        if total:
            yield style.faint(f"  {title}  about {table.distinct():,}, and none stands out")
        return
    cells = [
        (
            f"{row.requests:,}",
            f"{row.requests / total:.1%}",
            f"{row.errors:,}",
            f"{row.errors / max(1, row.requests):.1%}" if row.errors else "",
            f"{row.bytes:,}",
        )
        for row in rows
    ]
    heads = ("requests", "share", "errors", "failing", "bytes")
    widths = [max(len(head), *(len(row[i]) for row in cells)) for i, head in enumerate(heads)]
    columns = len(heads)
    names = [f"{_shown(row.key)}{' (new)' if row.key in new else ''}" for row in rows]
    name_width = max(len(title), *(len(_cut(name, widest or len(name))) for name in names))
    while columns > 1 and 2 + name_width + sum(2 + width for width in widths[:columns]) > style.width:
        columns -= 1  # the figures behind give way before a name is cut
    if columns == 1:
        name_width = min(name_width, max(12, style.width - 4 - widths[0]))
    yield style.faint(_table_line(title, name_width, heads, widths, columns))
    for name, cell, row in zip(names, cells, rows, strict=True):
        line = _table_line(_cut(name, name_width), name_width, cell, widths, columns)
        yield style.bad(line) if row.errors >= FAILING_SHARE * row.requests else line
    others = table.distinct() - len(rows)
    if others > 0:
        yield style.faint(f"  and {'' if table.is_exact else 'about '}{others:,} more")


def _counts(tally: Tally, most: int) -> list[tuple[str | None, str]]:
    return [(key, f"{count:,}") for key, count in tally.leaders(most)]


def _seconds(tally: Tally, most: int) -> list[tuple[str | None, str]]:
    return [(key, f"{plain(microseconds / 1e6)} s") for key, microseconds in tally.leaders(most)]


def _table_line(name: str, name_width: int, cells: tuple[str, ...], widths: list[int], columns: int) -> str:
    figures = "".join(f"  {cell:>{width}}" for cell, width in list(zip(cells, widths, strict=True))[:columns])
    return f"  {name:<{name_width}}{figures}"


def _list(title: str, items: list[tuple[str | None, str]], style: Style) -> Iterable[str]:
    width = style.width - len(title) - 12
    return _wrapped(title, [f"{_cut(_shown(name), max(width, 45))} {text}" for name, text in items], style)


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
