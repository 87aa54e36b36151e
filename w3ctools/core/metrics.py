"""Totals since the start for a monitoring system: what has come, as families of metrics.

Every total only ever grows, whatever the log's clock does, and none depends on where one read ended and the
next began. Names and units: https://prometheus.io/docs/practices/naming/.

A section gets a series of its own once `ENOUGH_REQUESTS` of a stretch of `STRETCH_REQUESTS` were for it, as
long as there is room, and keeps it; what came before that, or finds no room, counts as `OTHER`. So the
sections with most requests are there first, the odd paths of a scanner never, and all series together are
all requests. Memory: the series, and the other sections of one stretch.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Literal, NamedTuple

from w3ctools.core.rule import UNKNOWN_KEY
from w3ctools.core.section import deeper_section
from w3ctools.core.summary import NO_STATUS, SERVER_ERROR, USUAL, Spec
from w3ctools.core.window import LogClock
from w3ctools.core.wire import AlertEvent, Read

ENOUGH_REQUESTS, STRETCH_REQUESTS = 10, 10_000
#: A longer section is no name for a series.
MOST_SECTION_CHARS = 200
#: Where all sections count that have no series.
OTHER = "other"
#: Upper bounds of the histogram's buckets in seconds: those that Prometheus' own libraries take.
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: Classes of statuses; the last is all else: 1xx, none at all.
STATUS_CLASSES = ("2xx", "3xx", "4xx", "5xx", "other")
_OTHER_STATUS = STATUS_CLASSES[-1]

#: What a message of w3c-alert is about: ``High error ratio on /api``, and its rule's part of that.
_ABOUT = re.compile(r"((?:High|Low) ([a-z0-9 -]+?)(?: on [^ ]+)?) (?:generated an alert|alert re)")


class Sample(NamedTuple):
    """One value of a family."""

    labels: tuple[tuple[str, str], ...]
    value: float
    #: Goes behind the family's name: ``_bucket``, ``_sum`` and ``_count`` of a histogram.
    suffix: str = ""


class Family(NamedTuple):
    """A metric with all its values."""

    name: str
    help: str
    type: Literal["counter", "gauge", "histogram"]
    samples: tuple[Sample, ...]


def status_class(status: int | None) -> str:
    """The member of `STATUS_CLASSES`.

    >>> status_class(204), status_class(101), status_class(None)
    ('2xx', 'other', 'other')
    """
    name = f"{(status or 0) // 100}xx"
    return name if name in STATUS_CLASSES else _OTHER_STATUS


class Metrics:
    """Feed it what was read; `families` says how much that was by now."""

    def __init__(self, lateness_s: int, most_sections: int, spec: Spec = USUAL) -> None:
        """`most_sections` have series of their own; of `spec` it is the depth and the timings that count."""
        self.clock = LogClock(lateness_s)
        self._statuses = Counter(dict.fromkeys(STATUS_CLASSES, 0))
        self._bytes = self._unparsed = 0
        self._sections = _Sections(most_sections)
        self._depth = spec.depth
        self._durations = _Histogram() if spec.timings else None
        self._alerts = _Alerts()

    def feed(self, read: Read[Any], wall_s: float | None = None) -> None:
        """Count what was read, rows of `stats_row_type`; `wall_s` is this machine's clock, None in a replay.

        With a depth, their sections are changed.
        """
        requests = [row for row in read.rows if row.event is None]
        self._unparsed += len(read.rows) - len(requests)
        for status, count in Counter([row.status for row in requests]).items():
            self._statuses[status_class(status)] += count
        # Below zero only what a program other than w3c-parse wrote; a total must not shrink by it.
        self._bytes += sum([max(0, row.bytes) for row in requests if row.bytes])
        if self._depth > 1:
            for row in requests:
                row.section = deeper_section(row.section, row.path, self._depth)
        self._sections.add(requests)
        if self._durations is not None:
            self._durations.add([row.duration for row in requests])
        for _, event in read.alerts:
            self._alerts.add(event)
        for _ in self.clock.feed_all([row.epoch for row in read.rows], wall_s):
            pass  # the clock tallies by itself, and totals have no use for what it decides

    def flush(self) -> None:
        """The end of the input."""
        self.clock.flush()

    def families(self) -> list[Family]:
        """All there is, as values that stay as they are whatever is fed later."""
        statuses = tuple(Sample((("status", name),), count) for name, count in self._statuses.items())
        families = [
            Family("w3c_requests_total", "Requests, by class of their status.", "counter", statuses),
            _single("w3c_response_bytes_total", "Response bytes, as logged.", "counter", self._bytes),
            _single("w3c_unparsed_lines_total", "Lines in no known format.", "counter", self._unparsed),
            _single(
                "w3c_late_lines_total",
                "Lines that came after their second was judged.",
                "counter",
                self.clock.late,
            ),
            *self._sections.families(),
        ]
        if self._durations is not None and self._durations.count:
            families.append(self._durations.family())
        families += self._alerts.families()
        if self.clock.newest is not None:
            text = "The log's clock: its newest believed time, in Unix seconds."
            families.append(_single("w3c_log_clock_timestamp_seconds", text, "gauge", self.clock.newest))
        return families


class _Sections:
    """Requests and server errors by section."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._requests = 0
        #: Requests and errors of sections that have a series, and of all others.
        self._shown: dict[str | None, list[int]] = {}
        self._others = [0, 0]
        #: The other sections of this stretch.
        self._candidates: Counter[str | None] = Counter()
        self._stretch = 0

    def add(self, requests: Sequence[Any]) -> None:
        shown = self._shown
        for number, row in enumerate(requests, self._requests):
            try:
                counts = shown[row.section]
            except KeyError:
                counts = self._counts_of_new(row.section, number // STRETCH_REQUESTS)
            counts[0] += 1
            if row.status is not None and SERVER_ERROR <= row.status < NO_STATUS:
                counts[1] += 1
        self._requests += len(requests)

    def families(self) -> list[Family]:
        # The names for what is unknown or has no series may be sections too.
        totals = {OTHER: list(self._others)}
        for section, (requests, errors) in self._shown.items():
            total = totals.setdefault(UNKNOWN_KEY if section is None else section, [0, 0])
            total[0] += requests
            total[1] += errors
        names = [(("section", section),) for section in totals]
        requests_of, errors_of = zip(*totals.values(), strict=True)
        return [
            Family(name, text, "counter", tuple(map(Sample, names, counts)))
            for name, text, counts in (
                ("w3c_section_requests_total", "Requests by section.", requests_of),
                ("w3c_section_errors_total", "Server errors (5xx) by section.", errors_of),
            )
        ]

    def _counts_of_new(self, section: str | None, stretch: int) -> list[int]:
        """What to count a request in whose section has had no series up to now."""
        if len(self._shown) >= self._most or len(section or "") > MOST_SECTION_CHARS:
            return self._others
        if stretch != self._stretch:
            self._candidates.clear()
            self._stretch = stretch
        self._candidates[section] += 1
        if self._candidates[section] < ENOUGH_REQUESTS:
            return self._others
        counts = self._shown[section] = [0, 0]
        return counts


class _Histogram:
    """Durations in buckets."""

    def __init__(self) -> None:
        #: Up to each bound, and above all of them.
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self._sum_s = 0.0
        self.count = 0

    def add(self, durations_s: list[float | None]) -> None:
        known_s = [duration_s for duration_s in durations_s if duration_s is not None and duration_s >= 0]
        for duration_s in known_s:
            self._counts[bisect_left(BUCKETS_S, duration_s)] += 1
        self._sum_s += sum(known_s)
        self.count += len(known_s)

    def family(self) -> Family:
        bounds = (*map(str, BUCKETS_S), "+Inf")
        buckets = [
            Sample((("le", bound),), count, "_bucket")
            for bound, count in zip(bounds, accumulate(self._counts), strict=True)
        ]
        ends = [Sample((), self._sum_s, "_sum"), Sample((), self.count, "_count")]
        return Family(
            "w3c_request_duration_seconds", "Durations of requests.", "histogram", (*buckets, *ends)
        )


class _Alerts:
    """Alerts by rule: how many were raised, and which are open."""

    def __init__(self) -> None:
        self._raised: Counter[str] = Counter()
        #: What the open alerts of a rule are about, so that one told twice is one.
        self._open: dict[str, set[str]] = {}

    def add(self, event: AlertEvent) -> None:
        about, rule = _about(event)
        open_alerts = self._open.setdefault(rule, set())
        if event.state == "raised":
            self._raised[rule] += 1
            open_alerts.add(about)
        elif event.state in ("recovered", "reset"):
            open_alerts.discard(about)

    def families(self) -> list[Family]:
        if not self._open:
            return []
        raised = tuple(Sample((("rule", rule),), self._raised[rule]) for rule in self._open)
        are_open = tuple(Sample((("rule", rule),), len(alerts)) for rule, alerts in self._open.items())
        return [
            Family("w3c_alerts_total", "Alerts raised, by rule.", "counter", raised),
            Family("w3c_alert_open", "Alerts that are open now, by rule.", "gauge", are_open),
        ]


def _about(event: AlertEvent) -> tuple[str, str]:
    """What tells an alert from others, and its rule; a message's words where an event lacks the keys.

    >>> _about(AlertEvent(message="Low error ratio on /api generated an alert - ratio = 12%"))
    ('Low error ratio on /api', 'error-ratio')
    """
    match = _ABOUT.match(event.message)
    if match is None:
        return event.key or "", event.rule or UNKNOWN_KEY
    return match[1], event.rule or match[2].replace(" ", "-")


def _single(name: str, text: str, type_: Literal["counter", "gauge"], value: float) -> Family:
    return Family(name, text, type_, (Sample((), value),))
