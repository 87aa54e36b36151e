"""What w3c-stats writes for programs: intervals, gaps and alerts as events, described in w3ctools(5)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable

from w3ctools.core.hosts import HostNews
from w3ctools.core.quantiles import Quantiles
from w3ctools.core.render import PERCENTILES, TOP_CLIENTS, TOP_PATHS
from w3ctools.core.stats import Gap, Interval, Item
from w3ctools.core.summary import Table
from w3ctools.core.tally import Tally
from w3ctools.core.timestamp import time_text
from w3ctools.core.trend import Trend
from w3ctools.core.wire import AlertEvent, GapEvent, HostEvent, KeyCount, SectionCount, SummaryEvent, encode


class JsonRenderer:
    """Items -> one JSON line each. With a `host`, what `--merge` needs goes along."""

    def __init__(self, rows: int, host: str | None = None) -> None:
        self._rows = rows
        self._host = host
        self._trend = Trend()

    def render(self, item: Item) -> str:
        """An item as its line."""
        if isinstance(item, AlertEvent):
            return encode(item)
        if isinstance(item, Gap):
            self._trend.pause()
            return encode(GapEvent("gap", time_text(item.from_s), time_text(item.to_s)))
        if isinstance(item, HostNews):
            return encode(HostEvent("host", item.host, item.state, time_text(item.until_s)))
        return encode(self._event(item))

    def _event(self, item: Interval) -> SummaryEvent:
        summary, change = item.summary, self._trend.feed(item)
        timings = summary.spec.timings
        return SummaryEvent(
            event="summary",
            from_=time_text(item.from_s) if item.has_time else None,
            to=time_text(item.to_s) if item.has_time else None,
            partial=item.partial,
            requests=summary.requests,
            rate_per_s=round(item.rate_per_s, 3),
            unparsed=summary.unparsed,
            late=item.late,
            uncounted=item.uncounted,
            bytes=summary.total_bytes,
            clients=summary.clients.distinct(),
            status=_named(sorted(summary.statuses().items(), key=lambda pair: pair[0] or 0)),
            methods=_top(summary.methods, self._rows),
            sections=[SectionCount(*row) for row in summary.sections.top(self._rows)],
            top_clients=_top(summary.clients, TOP_CLIENTS),
            failing_paths=_top(summary.failing_paths, TOP_PATHS),
            errors=summary.errors,
            client_errors=summary.client_errors,
            exact=summary.is_exact,
            new_sections=["-" if name is None else name for name in sorted(change.new_sections, key=str)],
            rates_per_s={name: round(rate, 3) for name, rate in change.rates.items()},
            duration_s=_percentiles(summary.durations) if timings else None,
            size_bytes=_percentiles(summary.sizes) if timings else None,
            slow_paths_s=_slow(summary.slow_paths) if timings else None,
            by={name: _keys(table, self._rows) for name, table in summary.by.items()},
            host=self._host or item.later_of,
            seconds=None if self._host is None else _seconds(item),
            packed=None if self._host is None else b64encode(summary.to_bytes()).decode(),
        )


def _seconds(item: Interval) -> list[int] | None:
    if item.seconds is None:
        return None
    return [item.seconds[second] for second in range(item.from_s, item.to_s)]


def _top(tally: Tally, most: int) -> dict[str, int]:
    return _named(tally.leaders(most))


def _keys(table: Table, most: int) -> list[KeyCount]:
    return [KeyCount(*row) for row in table.top(most)]


def _percentiles(quantiles: Quantiles) -> dict[str, float | None]:
    return {f"p{name}": quantiles.quantile(name / 100) for name in PERCENTILES}


def _slow(tally: Tally) -> dict[str, float]:
    return {key: microseconds / 1e6 for key, microseconds in _top(tally, TOP_PATHS).items()}


def _named(pairs: Iterable[tuple[str | None, int]] | Iterable[tuple[int | None, int]]) -> dict[str, int]:
    return {"-" if key is None else str(key): count for key, count in pairs}
