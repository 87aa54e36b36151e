"""Traffic in intervals of the log's own time.

Intervals begin at multiples of their length, so any start gives the same ones. One is closed when its last
second is judged, when a live log has gone quiet that long, or at the end of the input, marked partial.
Memory: the open intervals.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from w3ctools.core.summary import USUAL, Spec, StatsRow, Summary
from w3ctools.core.window import Kind, LogClock, Step
from w3ctools.core.wire import AlertEvent, Read


class Interval(NamedTuple):
    """A closed interval ``[from_s, to_s)`` of Unix seconds."""

    from_s: int
    to_s: int
    summary: Summary
    #: Cut short at `to_s`: the input ended, or the log's clock was set back.
    partial: bool
    #: Records since the interval before that came after their second was judged; and those that came after
    #: their interval was closed, so that only totals count them.
    late: int
    uncounted: int

    @property
    def has_time(self) -> bool:
        """False in the total of lines of which none had a readable time."""
        return self.to_s > self.from_s

    @property
    def rate_per_s(self) -> float:
        """Requests per second of the log's time."""
        return self.summary.requests / max(1, self.to_s - self.from_s)


class Gap(NamedTuple):
    """No request in whole intervals ``[from_s, to_s)``."""

    from_s: int
    to_s: int


#: What there is to show, in order.
Item = Interval | Gap | AlertEvent


class Stats:
    """Feed it what was read; it gives what is to be shown."""

    def __init__(self, interval_s: int, lateness_s: int, spec: Spec = USUAL) -> None:
        self.clock = LogClock(lateness_s)
        self._interval_s = interval_s
        self._spec = spec
        #: Open intervals by their first second.
        self._open: defaultdict[int, Summary] = defaultdict(self._summary)
        #: Records that wait for the clock's decision, by the first second of their interval.
        self._waiting: defaultdict[int | None, Summary] = defaultdict(self._summary)
        #: Everything before it is closed or empty; None before the first interval is closed.
        self._closed_until: int | None = None
        self._late_told = self._uncounted = 0

    @property
    def is_quiet(self) -> bool:
        """Whether every request that came has been shown."""
        return not self._open

    def feed(self, read: Read[StatsRow], wall_s: float | None = None) -> list[Item]:
        """Count what was read; `wall_s` is this machine's clock, None in a replay."""
        items: list[Item] = []
        begin = 0
        for end, alert in read.alerts:
            items += [*self._feed_rows(read.rows[begin:end], wall_s), alert]
            begin = end
        return items + self._feed_rows(read.rows[begin:] if begin else read.rows, wall_s)

    def tick(self, elapsed_s: float) -> list[Item]:
        """Nothing came for `elapsed_s`, proven: close what is over."""
        return [] if self.clock.newest is None else self._close_up_to(self.clock.silent(elapsed_s))

    def flush(self) -> list[Item]:
        """The end of the input: close all there is."""
        for step in self.clock.flush():
            self._take(step, [])
        newest = self.clock.newest
        return [] if newest is None else [*self._close_up_to(newest), *self._close_partial(newest)]

    def _feed_rows(self, rows: list[StatsRow], wall_s: float | None) -> list[Item]:
        items: list[Item] = []
        begin = end = 0
        interval: int | None = None  # of rows[begin:end], which are counted together
        for run, steps in self.clock.feed_all([row.epoch for row in rows], wall_s):
            step = steps[-1]
            key = self._interval_of(step.second)
            simple = len(steps) == 1 and step.kind is Kind.COUNT and not self._is_over(key)
            if not simple or key != interval:
                self._count(interval, rows[begin:end])
                begin, interval = end, None
            end += run.records
            if simple:
                interval = key
            else:
                for step in steps:
                    items += self._take(step, rows[begin:end])
                begin = end
            if self._is_due(self.clock.judged):
                self._count(interval, rows[begin:end])
                begin, interval = end, None
                items += self._close_up_to(self.clock.judged)
        self._count(interval, rows[begin:end])
        return items + self._close_up_to(self.clock.judged)

    def _summary(self) -> Summary:
        return Summary(self._spec)

    def _interval_of(self, second: int | None) -> int:
        return (second or 0) // self._interval_s * self._interval_s

    def _take(self, step: Step, rows: list[StatsRow]) -> list[Item]:
        if step.kind is Kind.COUNT:
            interval = self._interval_of(step.second)
            if self._is_over(interval):
                self._uncounted += len(rows)
            else:
                self._count(interval, rows)
        elif step.kind is Kind.WAIT:
            key = None if step.second is None else self._interval_of(step.second)
            self._waiting[key].feed(rows)
        elif step.kind is Kind.DROP_WAITING:
            self._uncounted += sum(summary.requests + summary.unparsed for summary in self._waiting.values())
            self._waiting.clear()
        elif step.kind is Kind.COUNT_WAITING:
            self._count_waiting(self._interval_of(step.second))
        elif step.kind is Kind.NEW_ERA:
            items = [*self._close_up_to(step.finished), *self._close_partial(step.finished)]
            self._closed_until = None
            self._count_waiting(0)
            return items
        return []

    def _count(self, interval: int | None, rows: list[StatsRow]) -> None:
        if interval is None or not rows:
            return
        if self._closed_until is not None and interval < self._closed_until:
            self._uncounted += len(rows)
            return
        self._open[interval].feed(rows)

    def _count_waiting(self, default_interval: int) -> None:
        waiting, self._waiting = self._waiting, defaultdict(self._summary)
        for interval, summary in waiting.items():
            key = default_interval if interval is None else interval
            if self._closed_until is not None and key < self._closed_until:
                self._uncounted += summary.requests + summary.unparsed
            else:
                self._open[key].merge(summary)

    def _is_over(self, interval: int) -> bool:
        """Whether its last second is judged: it is closed, or was empty and stays so."""
        return interval + self._interval_s - 1 <= self.clock.judged

    def _is_due(self, judged: int) -> bool:
        """Whether there is an interval to close, or a gap to tell of."""
        if not self._open:
            return False
        first = min(self._open)
        return judged >= first + self._interval_s - 1 or (self._is_gap(first) and judged >= first - 1)

    def _is_gap(self, first: int) -> bool:
        return self._closed_until is not None and first > self._closed_until

    def _close_up_to(self, judged: int) -> list[Item]:
        """Close the intervals whose last second is judged, and tell of the gaps before them."""
        items: list[Item] = []
        while self._is_due(judged):
            first = min(self._open)
            if self._is_gap(first):
                items.append(Gap(self._closed_until or 0, first))
                self._closed_until = first
            else:
                items.append(self._close(first, partial=False))
        return items

    def _close_partial(self, last: int) -> list[Item]:
        """Close what is open; `last` is the newest second there is."""
        items: list[Item] = []
        while self._open:
            first = min(self._open)
            if self._is_gap(first):
                items.append(Gap(self._closed_until or 0, first))
            items.append(self._close(first, partial=True)._replace(to_s=last + 1))
        return items

    def _close(self, first: int, *, partial: bool) -> Interval:
        end = self._closed_until = first + self._interval_s
        late = self.clock.late - self._late_told
        self._late_told = self.clock.late
        uncounted, self._uncounted = self._uncounted, 0
        return Interval(first, end, self._open.pop(first), partial, late, uncounted)


class Total:
    """Everything in one summary, for the end of the input. The counterpart of `Stats`."""

    def __init__(self, lateness_s: int, spec: Spec = USUAL) -> None:
        self.clock = LogClock(lateness_s)
        self._summary = Summary(spec)
        #: The first and the newest second in which a record counts, whatever the clock did since.
        self._first: int | None = None
        self._last = 0
        self.is_quiet = True

    def feed(self, read: Read[StatsRow], wall_s: float | None = None) -> list[Item]:
        """Count what was read."""
        self._summary.feed(read.rows)
        for _, steps in self.clock.feed_all([row.epoch for row in read.rows], wall_s):
            for step in steps:
                if step.kind not in (Kind.WAIT, Kind.DROP_WAITING) and step.second is not None:
                    if self._first is None:
                        self._first = self._last = step.second
                    self._first = min(self._first, step.second)
                    self._last = max(self._last, step.second, self.clock.newest or 0)
        return [alert for _, alert in read.alerts]

    def tick(self, elapsed_s: float) -> list[Item]:
        """Silence ends nothing here."""
        return []

    def flush(self) -> list[Item]:
        """The end of the input: the total, unless there was nothing."""
        self.clock.flush()
        if not self._summary.requests and not self._summary.unparsed:
            return []
        if self._first is None:
            return [Interval(0, 0, self._summary, False, self.clock.late, 0)]
        return [Interval(self._first, self._last + 1, self._summary, False, self.clock.late, 0)]
