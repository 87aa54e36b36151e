"""What a live screen shows: the traffic of the last minutes, in the log's own time.

`Live` is fed with what was read and keeps one light `_Second` for each of the last minutes' seconds; every
window is a sum of them. The newest second is still being written, so windows end before it, until the log
has gone quiet or ended. `View` is a value with all that a screen shows, `Controls` what the keys have made
of it.

Memory: `HISTORY_S` seconds of at most `_MOST_KEYS` keys each, `KEPT_ALERTS` alerts, and the `Summary` since
the start.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import floor, log
from typing import Any, NamedTuple, TypeVar

from w3ctools.core.stats import Interval
from w3ctools.core.summary import NO_STATUS, SERVER_ERROR, Spec, StatsRow, Summary
from w3ctools.core.window import Kind, LogClock, Step
from w3ctools.core.wire import AlertEvent, Read

#: How far windows reach back.
HISTORY_S = 300
#: What the tables are about, and what their trend is compared with: the window before.
WINDOW_S = 60
#: The windows beside each other, in seconds.
SPANS_S = (10, WINDOW_S, HISTORY_S)
KEPT_ALERTS = 1000
#: Rows of a list; no screen is higher.
MOST_LISTED = 100
#: Of a second, so many sections, clients or paths are told apart; the others count in its totals alone.
_MOST_KEYS = 100
#: Durations are counted in classes of which each is so much longer than the one before.
_CLASS_GROWTH = 1.05
_SHORTEST_S = 1e-6

T = TypeVar("T")


class Span(NamedTuple):
    """The traffic of one window."""

    #: How long it is; the last one of a view is as long as the log was read.
    length_s: int
    requests: int
    rate_per_s: float
    #: Responses with a status of 500 to 599.
    errors: int
    #: Seconds, to 2.5 %; None where the log has no durations.
    p95_s: float | None


class SectionLine(NamedTuple):
    """One section's traffic in the window."""

    section: str | None
    requests: int
    #: Of all requests.
    share: float
    rate_per_s: float
    errors: int
    #: Of the section's requests.
    error_share: float
    #: Of the rate, to the window before; None where there is nothing to compare with.
    trend: float | None
    #: Not seen in the minutes before.
    is_new: bool


class SlowPath(NamedTuple):
    """A path, the seconds that its requests took in all, and their number."""

    path: str | None
    total_s: float
    requests: int


class Told(NamedTuple):
    """An alert, and whether it is the newest about something that has not recovered."""

    alert: AlertEvent
    is_open: bool


class View(NamedTuple):
    """All that a live screen shows."""

    #: Unix seconds: the log's clock; None before the first stamp.
    newest: int | None
    #: How far the log's clock is behind this machine's; negative if it is ahead. None in a replay.
    lag_s: float | None
    #: How long a live log has been silent; None if it is not.
    quiet_s: float | None
    rate_per_s: float
    #: Requests of every second of the last minutes before `end`, oldest first.
    seconds: list[int]
    #: Unix seconds: where windows end.
    end: int
    #: Those of `SPANS_S`, and since the start.
    spans: list[Span]
    #: Lines in no known format since the start: traffic too, of which nothing is known.
    unparsed: int
    #: Requests by status in the window, in the order of their numbers.
    statuses: list[tuple[int | None, int]]
    #: In no order: see `Controls.ordered`.
    sections: list[SectionLine]
    #: Server errors by path, slow paths by their total, requests by client: the most first, in the window.
    failing: list[tuple[str | None, int]]
    slowest: list[SlowPath]
    clients: list[tuple[str | None, int]]
    #: Those that are kept, the newest first; and how many there were in all.
    alerts: list[Told]
    alert_count: int

    @property
    def window(self) -> Span:
        """The window that sections, statuses and lists are about."""
        return self.spans[SPANS_S.index(WINDOW_S)]

    @property
    def open_alerts(self) -> int:
        """Alerts raised and not recovered, as far as the kept ones tell."""
        return sum(told.is_open for told in self.alerts)


class Live:
    """Feed it what was read; it gives a `View`."""

    def __init__(self, lateness_s: int, spec: Spec) -> None:
        self.clock = LogClock(lateness_s)
        self.alerts: deque[AlertEvent] = deque(maxlen=KEPT_ALERTS)
        self.alert_count = 0
        self._total = Summary(spec)
        self._seconds: dict[int, _Second] = {}
        #: Records that wait for the clock's decision, by their second; None: they have no stamp.
        self._waiting: dict[int | None, _Second] = {}
        #: The first second of the log, or since its clock was set back; and the first and last of the total.
        self._began: int | None = None
        self._first: int | None = None
        self._last = 0
        #: The second before which everything was counted, as far as silence or the end of the input tells.
        self._over = 0
        self._quiet_s: float | None = None

    def feed(self, read: Read[StatsRow], wall_s: float | None = None) -> None:
        """Count what was read; `wall_s` is this machine's clock, None in a replay."""
        self._total.feed(read.rows)
        for _, alert in read.alerts:
            self.alerts.append(alert)
            self.alert_count += 1
        begin = 0
        for run, steps in self.clock.feed_all([row.epoch for row in read.rows], wall_s):
            rows = read.rows[begin : begin + run.records]
            begin += run.records
            for step in steps:
                self._take(step, rows)
        if begin:
            self._quiet_s = None
        if len(self._seconds) > 2 * HISTORY_S:
            self._forget()

    def tick(self, elapsed_s: float) -> None:
        """Nothing came for `elapsed_s`, proven: windows go on."""
        if self.clock.newest is not None:
            self._over = max(self._over, self.clock.silent(elapsed_s) + 1)
            self._quiet_s = elapsed_s

    def flush(self) -> None:
        """The end of the input: the newest second is over."""
        for step in self.clock.flush():
            self._take(step, [])
        if self.clock.newest is not None:
            self._over = max(self._over, self.clock.newest + 1)

    def total(self) -> Interval | None:
        """All since the start; None if there was nothing."""
        if not self._total.requests and not self._total.unparsed:
            return None
        if self._first is None:
            return Interval(0, 0, self._total, False, self.clock.late, 0)
        return Interval(self._first, self._last + 1, self._total, False, self.clock.late, 0)

    def view(self, wall_s: float | None) -> View:
        """All there is to show now; `wall_s` is this machine's clock, None in a replay."""
        self._forget()
        newest, end = self.clock.newest, self._end()
        window, before = self._sum(end - WINDOW_S, end), self._sum(end - 2 * WINDOW_S, end - WINDOW_S)
        spans = [self._span(min(length_s, self._observed_s(end)), end) for length_s in SPANS_S]
        return View(
            newest=newest,
            lag_s=None if wall_s is None or newest is None else wall_s - newest,
            quiet_s=self._quiet_s,
            rate_per_s=spans[0].rate_per_s,
            seconds=[
                self._seconds[second].requests if second in self._seconds else 0
                for second in range(end - min(HISTORY_S, self._observed_s(end)), end)
            ],
            end=end,
            spans=[*spans, self._since_start()],
            unparsed=self._total.unparsed,
            statuses=sorted(window.statuses.items(), key=lambda item: (item[0] is None, item[0] or 0)),
            sections=self._section_lines(window, before, end),
            failing=_most(window.failing, lambda errors: errors),
            slowest=[
                SlowPath(path, total_s, requests)
                for path, (total_s, requests) in _most(window.slow, lambda slow: slow[0])
            ],
            clients=_most(window.clients, lambda requests: requests),
            alerts=list(_told(self.alerts)),
            alert_count=self.alert_count,
        )

    def _end(self) -> int:
        """The second before which windows end."""
        return max(self.clock.newest or 0, self._over)

    def _observed_s(self, end: int) -> int:
        return 0 if self._began is None else end - self._began

    def _take(self, step: Step, rows: list[StatsRow]) -> None:
        if step.kind is Kind.COUNT and step.second is not None:
            self._note(step.second)
            self._seconds.setdefault(step.second, _Second()).feed(rows)
        elif step.kind is Kind.WAIT:
            self._waiting.setdefault(step.second, _Second()).feed(rows)
        elif step.kind is Kind.DROP_WAITING:
            self._waiting.clear()
        elif step.kind is Kind.COUNT_WAITING:
            self._count_waiting(step.second or 0)
        elif step.kind is Kind.NEW_ERA:
            self._seconds.clear()
            self._began, self._over = None, 0
            self._count_waiting(step.second or 0)

    def _count_waiting(self, default_second: int) -> None:
        waiting, self._waiting = self._waiting, {}
        for second, counts in waiting.items():
            counted_at = default_second if second is None else second
            self._note(counted_at)
            self._seconds.setdefault(counted_at, _Second()).merge(counts)

    def _note(self, second: int) -> None:
        """A record counts there. What comes late does not make the log begin earlier."""
        if self._began is None:
            self._began = second
        self._first = second if self._first is None else min(self._first, second)
        self._last = max(self._last, second)

    def _forget(self) -> None:
        oldest = self._end() - HISTORY_S
        for second in [second for second in self._seconds if second < oldest]:
            del self._seconds[second]

    def _between(self, begin: int, end: int) -> Iterator[_Second]:
        return (counts for second, counts in self._seconds.items() if begin <= second < end)

    def _sum(self, begin: int, end: int) -> _Second:
        total = _Second()
        for counts in self._between(begin, end):
            total.merge(counts)
        return total

    def _span(self, length_s: int, end: int) -> Span:
        requests = errors = 0
        classes: Counter[int] = Counter()
        for counts in self._between(end - length_s, end):
            requests += counts.requests
            errors += counts.errors
            classes.update(counts.duration_classes)
        return Span(length_s, requests, requests / max(1, length_s), errors, _quantile_s(classes, 0.95))

    def _since_start(self) -> Span:
        total = self._total
        length_s = 0 if self._first is None else self._last + 1 - self._first
        rate_per_s = total.requests / max(1, length_s)
        return Span(length_s, total.requests, rate_per_s, total.errors, total.durations.quantile(0.95))

    def _section_lines(self, window: _Second, before: _Second, end: int) -> list[SectionLine]:
        length_s = max(1, min(WINDOW_S, self._observed_s(end)))
        known_s = self._observed_s(end) - WINDOW_S
        known = {name for counts in self._between(0, end - WINDOW_S) for name in counts.sections}
        lines = []
        for section in window.sections.keys() | before.sections.keys():
            requests, errors = window.sections.get(section, (0, 0))
            requests_before = before.sections.get(section, (0, 0))[0]
            is_comparable = requests_before > 0 and known_s >= WINDOW_S
            lines.append(
                SectionLine(
                    section=section,
                    requests=requests,
                    share=requests / max(1, window.requests),
                    rate_per_s=requests / length_s,
                    errors=errors,
                    error_share=errors / max(1, requests),
                    trend=requests / requests_before - 1 if is_comparable else None,
                    is_new=known_s >= WINDOW_S and section not in known,
                )
            )
        return lines


class _Second:
    """Counts of one second, or of several that were merged."""

    __slots__ = (
        "clients",
        "duration_classes",
        "errors",
        "failing",
        "requests",
        "sections",
        "slow",
        "statuses",
    )

    def __init__(self) -> None:
        self.requests = self.errors = 0
        self.statuses: Counter[int | None] = Counter()
        #: Requests and server errors.
        self.sections: dict[str | None, tuple[int, int]] = {}
        self.clients: dict[str | None, int] = {}
        #: Server errors by path; seconds and requests by path.
        self.failing: dict[str | None, int] = {}
        self.slow: dict[str | None, tuple[float, int]] = {}
        self.duration_classes: Counter[int] = Counter()

    def feed(self, rows: Iterable[Any]) -> None:
        """Count rows; of them, unparsed lines are no requests."""
        sections, clients = self.sections, self.clients
        for row in rows:
            if row.event is not None:
                continue
            status, section, client = row.status, row.section, row.client
            is_error = status is not None and SERVER_ERROR <= status < NO_STATUS
            self.requests += 1
            self.statuses[status] += 1
            requests, errors = sections.get(section, (0, 0))
            sections[section] = requests + 1, errors + is_error
            clients[client] = clients.get(client, 0) + 1
            if is_error:
                self.errors += 1
                self.failing[row.path] = self.failing.get(row.path, 0) + 1
            duration_s = getattr(row, "duration", None)
            if duration_s is not None:
                self.duration_classes[_class_of(duration_s)] += 1
                total_s, requests = self.slow.get(row.path, (0.0, 0))
                self.slow[row.path] = total_s + duration_s, requests + 1
        self._prune()

    def merge(self, other: _Second) -> None:
        """Add another one's counts."""
        self.requests += other.requests
        self.errors += other.errors
        self.statuses.update(other.statuses)
        self.duration_classes.update(other.duration_classes)
        _add_counts(self.clients, other.clients)
        _add_counts(self.failing, other.failing)
        _add_pairs(self.sections, other.sections)
        _add_pairs(self.slow, other.slow)

    def _prune(self) -> None:
        """Tell apart no more than the keys with the most; twice as many may gather before that."""
        if len(self.sections) > 2 * _MOST_KEYS:
            self.sections = dict(_most(self.sections, lambda counts: counts[0], _MOST_KEYS))
        if len(self.clients) > 2 * _MOST_KEYS:
            self.clients = dict(_most(self.clients, lambda requests: requests, _MOST_KEYS))
        if len(self.failing) > 2 * _MOST_KEYS:
            self.failing = dict(_most(self.failing, lambda errors: errors, _MOST_KEYS))
        if len(self.slow) > 2 * _MOST_KEYS:
            self.slow = dict(_most(self.slow, lambda slow: slow[0], _MOST_KEYS))


class Column(NamedTuple):
    """A column of the sections table, by which it can be sorted."""

    title: str
    key: Callable[[SectionLine], Any]
    #: The order that is wanted first: names from A, figures from the highest.
    descending: bool = True


COLUMNS = (
    Column("section", lambda line: line.section or "", descending=False),
    Column("requests", lambda line: line.requests),
    Column("share", lambda line: line.share),
    Column("per s", lambda line: line.rate_per_s),
    Column("errors", lambda line: line.errors),
    Column("err %", lambda line: line.error_share),
    Column("trend", lambda line: -1.0 if line.trend is None else line.trend),
)
_REQUESTS = 1


class Controls:
    """What the keys have made of the screen."""

    def __init__(self) -> None:
        #: The person wants to leave.
        self.ended = False
        #: The screen stands still.
        self.frozen = False
        self.shows_help = False
        #: Where in `COLUMNS` the one is that sections are sorted by; and whether against its own order.
        self.column = _REQUESTS
        self.reversed = False

    def press(self, key: str) -> bool:
        """A key was pressed. Gives whether it means anything."""
        if key == "q":
            self.ended = True
        elif key == " ":
            self.frozen = not self.frozen
        elif key == "?":
            self.shows_help = not self.shows_help
        elif key in _DIGITS:
            column = _DIGITS.index(key)
            self.reversed = not self.reversed if column == self.column else False
            self.column = column
        else:
            return False
        return True

    @property
    def descending(self) -> bool:
        """Whether the highest stands first."""
        return COLUMNS[self.column].descending != self.reversed

    def ordered(self, lines: list[SectionLine]) -> list[SectionLine]:
        """Sections in the order that was asked for; equals by their names, those without one last."""
        by_name = sorted(lines, key=lambda line: (line.section is None, line.section or ""))
        return sorted(by_name, key=COLUMNS[self.column].key, reverse=self.descending)


_DIGITS = [str(number) for number, _ in enumerate(COLUMNS, 1)]


def closing_alerts(live: Live) -> Iterator[str]:
    """The lines about alerts that stay when the screen is gone: the kept messages, the newest last."""
    older = live.alert_count - len(live.alerts)
    if older:
        yield f"{older:,} older alerts"
    for alert in live.alerts:
        yield alert.message


def _told(alerts: Sequence[AlertEvent]) -> Iterator[Told]:
    """The newest first. Messages tell what they are about, whether rule and key are known or not."""
    seen = set()
    for alert in reversed(alerts):
        subject = _subject(alert.message)
        yield Told(alert, alert.state == "raised" and subject not in seen)
        seen.add(subject)


def _subject(message: str) -> str:
    for words in (" generated an alert", " alert recovered", " alert reset"):
        before, found, _ = message.partition(words)
        if found:
            return before
    return message


def _most(counts: dict[str | None, T], size: Callable[[T], float], most: int = MOST_LISTED) -> list[Any]:
    """The items with the largest size first; equals in the order of their names."""
    by_name = sorted(counts.items(), key=lambda item: item[0] or "")
    return sorted(by_name, key=lambda item: size(item[1]), reverse=True)[:most]


def _add_counts(to: dict[str | None, int], counts: dict[str | None, int]) -> None:
    for key, count in counts.items():
        to[key] = to.get(key, 0) + count


def _add_pairs(to: dict[str | None, Any], pairs: dict[str | None, Any]) -> None:
    for key, (one, other) in pairs.items():
        known_one, known_other = to.get(key, (0, 0))
        to[key] = known_one + one, known_other + other


def _class_of(duration_s: float) -> int:
    return floor(log(max(duration_s, _SHORTEST_S)) / log(_CLASS_GROWTH))


def _quantile_s(classes: Counter[int], share: float) -> float | None:
    """The middle of the class that the nearest rank falls into; None if there is nothing."""
    left = share * classes.total()
    for number in sorted(classes):
        left -= classes[number]
        if left <= 0:
            return float(_CLASS_GROWTH ** (number + 0.5))
    return None
