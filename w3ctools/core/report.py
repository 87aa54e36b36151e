"""What a report shows: totals, traffic over time, and alerts as spans of time.

Everything is bounded: however long the log, there are at most `MOST_POINTS` points in time, each a few sums
and a coarse histogram. Where a record counts in time the log's clock decides, so that one wrong stamp does
not stretch the axis; the totals count every record.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log, log2

from w3ctools.core.formats.text import shortened
from w3ctools.core.summary import Spec, StatsRow, Summary
from w3ctools.core.tally import KEY_BYTES, Tally
from w3ctools.core.window import Kind, LogClock, Step
from w3ctools.core.wire import AlertEvent, Read

#: What the report counts by, beside what every summary does. Durations are counted here: the summary's
#: percentiles draw lots beyond some thousand values, and the same log must give the same report.
SPEC = Spec(by=("referer", "user_agent"))
#: More points than a screen is wide show nothing more.
MOST_POINTS = 720
#: How long a point in time is. Each is a multiple of the one before, so that neighbours merge into exactly
#: what that length had given from the beginning; that is why 2 s and 10 min are not among them.
POINT_LENGTHS_S = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 604_800)
#: Alerts that are kept; of older ones the number.
KEPT_ALERTS = 1000
#: Sections whose durations are kept: those seen first.
TIMED_SECTIONS = 1000
#: A longer message is cut; what w3c-alert writes is shorter, unless its key is long.
MESSAGE_CHARACTERS = 240

#: Durations from 1 us to 12 days are known to within half of 2 ** (1 / 64), which is 0.6 %; those of a point
#: in time and of a section, of which there are many, to within 2.2 %.
_STEPS_PER_OCTAVE, _OCTAVES, _SHORTEST_S = 64, 40, 1e-6
_LONGEST_S = _SHORTEST_S * 2**_OCTAVES
_COARSE = 4
_KNOWN_CLASSES = range(1, 6)
#: Keys that wait before they are given to their counts.
_MOST_STAGED = 8_192
#: Longer is nothing that w3c-alert writes.
SUBJECT_CHARACTERS = 300
_SUBJECT = re.compile(
    rf"(.{{1,{SUBJECT_CHARACTERS}}}?) (?:generated an alert|alert recovered|alert reset) - "
)


class ReportRow(StatsRow, gc=False):
    """The keys of a record that a report counts, and why a line could not be parsed."""

    duration: float | None = None
    referer: str | None = None
    user_agent: str | None = None
    reason: str = ""


#: A row, and the `step_of` its duration if it has one.
Timed = tuple[ReportRow, int | None]


class Durations:
    """A histogram of durations. Memory: at most `_OCTAVES` times the steps of an octave."""

    __slots__ = ("_counts", "_width")

    def __init__(self, width: int = 1) -> None:
        #: Steps that are counted together.
        self._width = width
        self._counts: dict[int, int] = {}

    @property
    def count(self) -> int:
        """How many were added."""
        return sum(self._counts.values())

    def add(self, steps: Mapping[int, int]) -> None:
        """Count durations by their `step_of`."""
        for step, count in steps.items():
            step //= self._width
            self._counts[step] = self._counts.get(step, 0) + count

    def merge(self, other: Durations) -> None:
        """Add the counts of another of the same width."""
        for step, count in other._counts.items():
            self._counts[step] = self._counts.get(step, 0) + count

    def percentile(self, percent: int) -> float | None:
        """The nearest rank, in seconds; None if there is none."""
        rank = -(-self.count * percent // 100)
        for step in sorted(self._counts):
            rank -= self._counts[step]
            if rank <= 0:
                return _SHORTEST_S * exp(log(2) * (step + 0.5) * self._width / _STEPS_PER_OCTAVE)
        return None


def step_of(duration_s: float) -> int:
    """Where in a histogram a duration counts."""
    if duration_s <= _SHORTEST_S:
        return 0
    return int(log2(min(duration_s, _LONGEST_S) / _SHORTEST_S) * _STEPS_PER_OCTAVE)


class Point:
    """The traffic of one stretch of time."""

    __slots__ = ("by_class", "bytes", "durations", "unparsed")

    def __init__(self) -> None:
        #: Requests by the first digit of their status; 0 where it is unknown.
        self.by_class: dict[int, int] = {}
        self.bytes = self.unparsed = 0
        self.durations = Durations(_COARSE)

    @property
    def requests(self) -> int:
        """Records."""
        return sum(self.by_class.values())

    @property
    def lines(self) -> int:
        """Records and unparsed lines."""
        return self.requests + self.unparsed

    @property
    def server_errors(self) -> int:
        """Requests with a status of 500 to 599."""
        return self.by_class.get(5, 0)

    @property
    def client_errors(self) -> int:
        """Requests with a status of 400 to 499."""
        return self.by_class.get(4, 0)

    @staticmethod
    def class_of(status: int | None) -> int:
        """The first digit of a status; 0 if it has none of its own."""
        digit = (status or 0) // 100
        return digit if digit in _KNOWN_CLASSES else 0

    def feed(self, rows: list[Timed]) -> None:
        """Count rows."""
        statuses: Counter[int | None] = Counter([row.status for row, _ in rows if row.event is None])
        for status, count in statuses.items():
            digit = self.class_of(status)
            self.by_class[digit] = self.by_class.get(digit, 0) + count
        self.unparsed += len(rows) - statuses.total()
        self.bytes += sum([row.bytes for row, _ in rows if row.bytes and row.event is None])
        self.durations.add(Counter([step for _, step in rows if step is not None]))

    def merge(self, other: Point) -> None:
        """Add another point's counts."""
        for digit, count in other.by_class.items():
            self.by_class[digit] = self.by_class.get(digit, 0) + count
        self.bytes += other.bytes
        self.unparsed += other.unparsed
        self.durations.merge(other.durations)


class Timeline:
    """Points by their first second, all of the same length, which grows with the time that they span."""

    def __init__(self) -> None:
        self.point_s = POINT_LENGTHS_S[0]
        self._points: dict[int, Point] = {}
        self._first = self._last = 0

    def __bool__(self) -> bool:
        return bool(self._points)

    @property
    def first_s(self) -> int:
        """The first second of the first point."""
        return self._first

    @property
    def end_s(self) -> int:
        """The second after the last point."""
        return self._last + self.point_s

    def start_of(self, second: int) -> int:
        """The first second of the point that a second belongs to, as long as none is added."""
        return second - second % self.point_s

    def at(self, second: int) -> Point:
        """The point to count a second in; good until the next call."""
        point = self._points.get(self.start_of(second))
        return self._add(second) if point is None else point

    def points(self) -> list[Point]:
        """All from the first to the last, empty ones where nothing came."""
        if not self._points:
            return []
        nothing = Point()
        return [self._points.get(start, nothing) for start in range(self._first, self.end_s, self.point_s)]

    def _add(self, second: int) -> Point:
        start = self.start_of(second)
        if not self._points:
            self._first = self._last = start
        self._first, self._last = min(self._first, start), max(self._last, start)
        while (self._last - self._first) // self.point_s >= MOST_POINTS:
            self._lengthen()
        return self._points.setdefault(self.start_of(second), Point())

    def _lengthen(self) -> None:
        longer = [length_s for length_s in POINT_LENGTHS_S if length_s > self.point_s]
        self.point_s = longer[0] if longer else 2 * self.point_s
        self._first, self._last = self.start_of(self._first), self.start_of(self._last)
        points, self._points = self._points, {}
        for start, point in points.items():
            known = self._points.setdefault(self.start_of(start), point)
            if known is not point:
                known.merge(point)


@dataclass
class Alert:
    """An alert from its beginning to its end."""

    #: The message that it was raised with; that of its end, if the beginning is not known.
    message: str
    #: Seconds of the log; None where it is not known.
    raised_s: int | None
    ended_s: int | None = None
    #: ``recovered`` or ``reset``; None while it lasts.
    ended_by: str | None = None


class Alerts:
    """The newest `KEPT_ALERTS` alerts, each put together from its events."""

    def __init__(self) -> None:
        #: In the order in which they were first heard of.
        self.kept: deque[Alert] = deque(maxlen=KEPT_ALERTS)
        self.count = 0
        #: Those that last, by what they are about.
        self._open: dict[str, Alert] = {}

    def feed(self, event: AlertEvent, now_s: int | None) -> None:
        """Take an event; `now_s` stands in for a time that it does not tell."""
        at_s = now_s if event.epoch is None else event.epoch
        subject = _subject(event)
        if event.state in ("recovered", "reset"):
            alert = self._open.pop(subject, None) or self._keep(Alert(_cut(event.message), None))
            alert.ended_s, alert.ended_by = at_s, event.state
        elif subject not in self._open:
            self._open[subject] = self._keep(Alert(_cut(event.message), at_s))
            if len(self._open) > KEPT_ALERTS:
                del self._open[next(iter(self._open))]

    @property
    def lasting(self) -> int:
        """How many of those kept have not ended."""
        return sum(alert.ended_by is None for alert in self.kept)

    def _keep(self, alert: Alert) -> Alert:
        self.kept.append(alert)
        self.count += 1
        return alert


def _subject(event: AlertEvent) -> str:
    """What an alert is about: the first words of its message, which a message without an event has too."""
    match = _SUBJECT.match(event.message)
    return match[1] if match else f"{event.rule} {event.key}"[:SUBJECT_CHARACTERS]


def _cut(message: str) -> str:
    return message[: MESSAGE_CHARACTERS + 1]  # one more, so that a page sees that there was more


class Report:
    """Feed it what was read; its attributes are what there is to show."""

    def __init__(self, lateness_s: int) -> None:
        self.clock = LogClock(lateness_s)
        self.summary = Summary(SPEC)
        self.timeline = Timeline()
        self.alerts = Alerts()
        #: Why lines could not be parsed.
        self.reasons = Tally()
        #: The first and the newest second in which a record counts; None before there is one.
        self.first_s: int | None = None
        self.last_s = 0
        #: Requests and unparsed lines in the busiest second, without those that came late.
        self.peak_per_s = 0
        #: Records at a time that was not believed: in the totals, at no point in time.
        self.timeless = 0
        self._durations = Durations()
        self._slow_paths = Tally()
        #: What was not given to these and to the sections yet: that costs more than to count it here.
        self._new_durations: Counter[tuple[str | None, int]] = Counter()
        self._new_time_us: defaultdict[str | None, int] = defaultdict(int)
        self._section_durations: dict[str | None, Durations] = {}
        #: Lines of the seconds that are not over.
        self._open_seconds: defaultdict[int, int] = defaultdict(int)
        #: Records that wait for the clock's decision, by their second.
        self._waiting: defaultdict[int | None, Point] = defaultdict(Point)

    def feed(self, read: Read[ReportRow], wall_s: float | None = None) -> bool:
        """Count what was read, and say whether there was anything; `wall_s` as `LogClock.feed` has it."""
        begin = 0
        for end, event in read.alerts:
            self._feed_rows(read.rows[begin:end], wall_s)
            self.alerts.feed(event, self.clock.newest)
            begin = end
        self._feed_rows(read.rows[begin:] if begin else read.rows, wall_s)
        return bool(read.rows or read.alerts)

    def flush(self) -> None:
        """The end of the input: what waits is decided."""
        for step in self.clock.flush():
            self._take(step, [])

    @property
    def durations(self) -> Durations:
        """Of all requests."""
        self._fold_durations()
        return self._durations

    @property
    def slow_paths(self) -> Tally:
        """Microseconds that requests took, by path."""
        self._fold_durations()
        return self._slow_paths

    @property
    def is_exact(self) -> bool:
        """Whether no count is an estimate."""
        return self.summary.is_exact and self.reasons.is_exact and self.slow_paths.is_exact

    @property
    def span_s(self) -> int:
        """Seconds from the first to the newest, both included; 0 if no line had a time."""
        return 0 if self.first_s is None else self.last_s - self.first_s + 1

    @property
    def peak(self) -> int:
        """Lines in the busiest second up to now."""
        return max(self.peak_per_s, *self._open_seconds.values(), 0)

    def section_p95_s(self, section: str | None) -> float | None:
        """The 95th percentile of a section's durations, by the key of its table; None if there is none."""
        self._fold_durations()
        durations = self._section_durations.get(section)
        return None if durations is None else durations.percentile(95)

    def _feed_rows(self, rows: list[ReportRow], wall_s: float | None) -> None:
        if not rows:
            return
        self.summary.feed(list(rows))
        self._feed_reasons(rows)
        timed: list[Timed] = [(row, None if row.duration is None else step_of(row.duration)) for row in rows]
        self._feed_durations(timed)
        begin = end = 0
        start: int | None = None  # of the point in which rows[begin:end] count
        for run, steps in self.clock.feed_all([row.epoch for row in rows], wall_s):
            step = steps[-1]
            is_simple = len(steps) == 1 and step.kind is Kind.COUNT and step.second is not None
            if not is_simple or self.timeline.start_of(step.second or 0) != start:
                self._count(start, timed[begin:end])
                begin, start = end, None
            end += run.records
            if is_simple:
                start = self.timeline.start_of(step.second or 0)
                self._count_second(step.second or 0, run.records)
            else:
                for step in steps:
                    self._take(step, timed[begin:end])
                begin = end
        self._count(start, timed[begin:end])
        self._close_seconds(self.clock.judged)

    def _take(self, step: Step, rows: list[Timed]) -> None:
        if step.kind is Kind.COUNT:
            self._count(step.second, rows)
            self._count_second(step.second or 0, len(rows))
        elif step.kind is Kind.WAIT:
            self._waiting[step.second].feed(rows)
        elif step.kind is Kind.DROP_WAITING:
            self.timeless += sum(point.lines for point in self._waiting.values())
            self._waiting.clear()
        elif step.kind is Kind.COUNT_WAITING:
            self._count_waiting(step.second or 0)
        elif step.kind is Kind.NEW_ERA:
            self._close_seconds(step.finished)
            self._count_waiting(step.second or 0)

    def _count(self, second: int | None, rows: list[Timed]) -> None:
        if second is not None and rows:
            self.timeline.at(second).feed(rows)

    def _count_second(self, second: int, lines: int) -> None:
        self.first_s = second if self.first_s is None else min(self.first_s, second)
        self.last_s = max(self.last_s, second) if self.span_s else second
        if second > self.clock.judged:
            self._open_seconds[second] += lines

    def _count_waiting(self, default_second: int) -> None:
        waiting, self._waiting = self._waiting, defaultdict(Point)
        for second, point in waiting.items():
            at = default_second if second is None else second
            self.timeline.at(at).merge(point)
            self._count_second(at, point.lines)

    def _close_seconds(self, judged: int) -> None:
        """Seconds that are over are looked at for the busiest, and forgotten."""
        for second in [second for second in self._open_seconds if second <= judged]:
            self.peak_per_s = max(self.peak_per_s, self._open_seconds.pop(second))

    def _feed_reasons(self, rows: list[ReportRow]) -> None:
        reasons: defaultdict[str | None, int] = defaultdict(int)
        for row in rows:
            if row.event is not None:
                reasons[row.reason] += 1
        if reasons:
            self.reasons.add(reasons)

    def _feed_durations(self, rows: list[Timed]) -> None:
        rows = [(row, step) for row, step in rows if step is not None]
        self._new_durations.update([(row.section, step or 0) for row, step in rows])
        time_us = self._new_time_us
        for row, _ in rows:
            time_us[row.path] += int(max(0.0, min(row.duration or 0.0, _LONGEST_S)) * 1e6)
        if len(self._new_durations) > _MOST_STAGED or len(time_us) > _MOST_STAGED:
            self._fold_durations()

    def _fold_durations(self) -> None:
        new, self._new_durations = self._new_durations, Counter()
        for (name, step), count in new.items():
            self._durations.add({step: count})
            section = None if name is None else shortened(name, KEY_BYTES)
            if section not in self._section_durations and len(self._section_durations) < TIMED_SECTIONS:
                self._section_durations[section] = Durations(_COARSE)
            if section in self._section_durations:
                self._section_durations[section].add({step: count})
        if self._new_time_us:
            self._slow_paths.add(self._new_time_us)
            self._new_time_us = defaultdict(int)
