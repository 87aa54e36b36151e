"""Traffic in intervals of the log's own time.

Intervals begin at multiples of their length, so any start gives the same ones. One is closed when its last
second is judged, when a live log has gone quiet that long, or at the end of the input, marked partial.
Memory: the open intervals.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from math import floor
from typing import NamedTuple

from w3ctools.core.hosts import HostNews
from w3ctools.core.summary import USUAL, Spec, StatsRow, Summary
from w3ctools.core.window import GRACE_S, Kind, LogClock, Run, Step
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
    #: Requests of each Unix second, unparsed lines among them; None where nobody merges it.
    seconds: Counter[int] | None = None
    #: The host whose share it is, told of when that of the others had been given; None: it is everybody's.
    later_of: str | None = None

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
Item = Interval | Gap | AlertEvent | HostNews


class Stats:
    """Feed it what was read; it gives what is to be shown.

    What others merge has the requests of each second, and empty intervals while a live log is silent.
    """

    def __init__(
        self, interval_s: int, lateness_s: int, spec: Spec = USUAL, *, mergeable: bool = False
    ) -> None:
        self.clock = LogClock(lateness_s)
        self._interval_s = interval_s
        self._spec = spec
        #: Open intervals by their first second.
        self._open: defaultdict[int, Summary] = defaultdict(self._summary)
        #: Records that wait for the clock's decision, by the first second of their interval.
        self._waiting: defaultdict[int | None, Summary] = defaultdict(self._summary)
        #: Everything before it is closed or empty; None before the first interval is closed.
        self._closed_until: int | None = None
        self._mergeable = mergeable
        #: Requests of each second that is open, and of those that wait.
        self._seconds: Counter[int] = Counter()
        self._waiting_seconds: Counter[int | None] = Counter()
        #: What was told of goes up to here, empty intervals too: what comes of these is told of once more.
        self._told_until: int | None = None
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
        if self.clock.newest is None:
            return []
        over = self.clock.silent(elapsed_s)
        return self._close_up_to(over) + self._empty_up_to(over)

    def idle(self, wall_s: float) -> list[Item]:
        """Nothing has ever come, though this command waits for a live log."""
        if not self._mergeable:
            return []
        over = floor(wall_s - GRACE_S - self.clock.lateness_s)
        if self._told_until is None:
            self._told_until = self._interval_of(over)
        return self._empty_up_to(over)

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
        together: list[Run] = []
        for run, steps in self.clock.feed_all([row.epoch for row in rows], wall_s):
            step = steps[-1]
            key = self._interval_of(step.second)
            simple = len(steps) == 1 and step.kind is Kind.COUNT and not self._is_over(key)
            if not simple or key != interval:
                self._count(interval, rows[begin:end], together)
                begin, interval, together = end, None, []
            end += run.records
            if simple:
                interval = key
                if self._mergeable:
                    together.append(Run(step.second, run.records))
            else:
                for step in steps:
                    items += self._take(step, rows[begin:end])
                begin = end
            if self._is_due(self.clock.judged):
                self._count(interval, rows[begin:end], together)
                begin, interval, together = end, None, []
                items += self._close_up_to(self.clock.judged)
        self._count(interval, rows[begin:end], together)
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
                self._count(interval, rows, [Run(step.second, len(rows))])
        elif step.kind is Kind.WAIT:
            key = None if step.second is None else self._interval_of(step.second)
            self._waiting[key].feed(rows)
            self._waiting_seconds[step.second] += len(rows)
        elif step.kind is Kind.DROP_WAITING:
            self._uncounted += sum(summary.requests + summary.unparsed for summary in self._waiting.values())
            self._waiting.clear()
            self._waiting_seconds.clear()
        elif step.kind is Kind.COUNT_WAITING:
            self._count_waiting(step.second or 0)
        elif step.kind is Kind.NEW_ERA:
            items = [*self._close_up_to(step.finished), *self._close_partial(step.finished)]
            self._closed_until = self._told_until = None
            self._count_waiting(step.second or 0)
            return items
        return []

    def _count(self, interval: int | None, rows: list[StatsRow], of_one_second: list[Run]) -> None:
        if interval is None or not rows:
            return
        if self._closed_until is not None and interval < self._closed_until:
            self._uncounted += len(rows)
            return
        self._open[interval].feed(rows)
        if self._mergeable:
            for second, records in of_one_second:
                self._seconds[second or 0] += records

    def _count_waiting(self, default_second: int) -> None:
        waiting, self._waiting = self._waiting, defaultdict(self._summary)
        seconds, self._waiting_seconds = self._waiting_seconds, Counter()
        closed_until = self._closed_until
        for interval, summary in waiting.items():
            key = self._interval_of(default_second) if interval is None else interval
            if closed_until is not None and key < closed_until:
                self._uncounted += summary.requests + summary.unparsed
            else:
                self._open[key].merge(summary)
        for second, records in seconds.items():
            counts_at = default_second if second is None else second
            if self._mergeable and (closed_until is None or counts_at >= closed_until):
                self._seconds[counts_at] += records

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
                items += self._gap_before(first)
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
                items += self._gap_before(first)
            items.append(self._close(first, partial=True)._replace(to_s=last + 1))
        return items

    def _gap_before(self, first: int) -> list[Item]:
        """The silence that ends now, unless it was told of in empty intervals."""
        told_until = self._told_until or 0
        return [Gap(told_until, first)] if told_until < first else []

    def _empty_up_to(self, over: int) -> list[Item]:
        """The empty intervals that the silence of a live log leaves, up to this second."""
        items: list[Item] = []
        while self._is_empty_next(over):
            from_s = self._told_until or 0
            self._told_until = from_s + self._interval_s
            items.append(Interval(from_s, self._told_until, self._summary(), False, 0, 0, Counter()))
        return items

    def _is_empty_next(self, over: int) -> bool:
        if self._open or self._told_until is None:
            return False
        return self._mergeable and self._told_until + self._interval_s - 1 <= over

    def _close(self, first: int, *, partial: bool) -> Interval:
        end = self._closed_until = first + self._interval_s
        self._told_until = max(end, self._told_until or 0)
        late = self.clock.late - self._late_told
        self._late_told = self.clock.late
        uncounted, self._uncounted = self._uncounted, 0
        seconds = self._pop_seconds(first, end) if self._mergeable else None
        return Interval(first, end, self._open.pop(first), partial, late, uncounted, seconds)

    def _pop_seconds(self, first: int, end: int) -> Counter[int]:
        ours = [second for second in self._seconds if first <= second < end]
        return Counter({second: self._seconds.pop(second) for second in ours})


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
