"""What w3c-stats shows as CSV (RFC 4180, with LF): a line for each interval, gap and alert.

All lines have all columns. A gap has counts of 0, so that a curve falls to it, and an alert has none at all,
so that sums and means of a column are those of the traffic.

No cell begins with a value from the log: a spreadsheet could take it for a formula. Of the log's own words
there are those in an alert's message alone, which begins with the rule; it is left as it is, since what
other tools read must be what was told, save that it is one line without control characters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from w3ctools.core.formats.text import visible
from w3ctools.core.hosts import HostNews
from w3ctools.core.metrics import STATUS_CLASSES, status_class
from w3ctools.core.render import PERCENTILES
from w3ctools.core.stats import Gap, Interval, Item
from w3ctools.core.summary import Summary
from w3ctools.core.timestamp import time_text
from w3ctools.core.wire import AlertEvent

_COUNTS = (
    "requests",
    "rate_per_s",
    "unparsed",
    "late",
    "uncounted",
    "bytes",
    "clients",
    "errors",
    "client_errors",
    *(f"status_{name}" for name in STATUS_CLASSES),
)
_DURATIONS = tuple(f"duration_p{percent}_s" for percent in PERCENTILES)


class CsvRenderer:
    """Items -> one line each; `header` goes before the first, and alone where there are none."""

    def __init__(self, *, timings: bool = False) -> None:
        """With `timings` there are columns for the durations."""
        self._figures = (*_COUNTS, *(_DURATIONS if timings else ()))
        self._timings = timings
        self.header = _line(("event", "from", "to", "partial", *self._figures, "message"))

    def render(self, item: Item) -> str:
        """An item as its line."""
        if isinstance(item, AlertEvent):
            message = visible(item.message.encode("utf-8", "replace"))
            return _line(("alert", item.time or "", "", "", *("" for _ in self._figures), message))
        if isinstance(item, HostNews):
            return _line(("host", time_text(item.until_s), "", "", *("" for _ in self._figures), item.text))
        if isinstance(item, Gap):
            nothing = ["" if name in _DURATIONS else "0" for name in self._figures]
            return _line(("gap", time_text(item.from_s), time_text(item.to_s), "", *nothing, ""))
        span = (time_text(item.from_s), time_text(item.to_s)) if item.has_time else ("", "")
        partial = "true" if item.partial else "false"
        durations = _durations(item.summary) if self._timings else ()
        return _line(("summary", *span, partial, *_counts(item), *durations, ""))


def _counts(item: Interval) -> Iterable[str]:
    summary = item.summary
    classes: Counter[str] = Counter()
    for status, requests in summary.statuses().items():
        classes[status_class(status)] += requests
    counts = (
        summary.requests,
        round(item.rate_per_s, 3),
        summary.unparsed,
        item.late,
        item.uncounted,
        summary.total_bytes,
        summary.clients.distinct(),
        summary.errors,
        summary.client_errors,
        *(classes[name] for name in STATUS_CLASSES),
    )
    return map(str, counts)


def _durations(summary: Summary) -> Iterable[str]:
    for percent in PERCENTILES:
        duration_s = summary.durations.quantile(percent / 100)
        yield "" if duration_s is None else f"{duration_s:.6f}"


def _line(cells: Iterable[str]) -> str:
    return f"{','.join(map(_quoted, cells))}\n"


def _quoted(cell: str) -> str:
    """A cell as RFC 4180 has it: in quotes where it needs them, its own doubled.

    >>> print(_quoted("7"), _quoted('a "b" c'))
    7 "a ""b"" c"
    """
    if not any(char in cell for char in ',"\r\n'):
        return cell
    return '"{}"'.format(cell.replace('"', '""'))
