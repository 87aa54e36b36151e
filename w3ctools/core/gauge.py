"""What a rule measures: rows -> sums of a second, sums -> whether the rule's bounds are exceeded.

Sums add up and can be taken away again, so a window costs as much as what enters and leaves it. Comparing is
exact: of rates and ratios in whole numbers, and of a percentile because the bounds stand between two
buckets of its histogram.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from math import nextafter, sqrt
from operator import attrgetter
from typing import Any

import msgspec

from w3ctools.core.quantity import plain
from w3ctools.core.rule import WORDS, By, Rule
from w3ctools.core.wire import Row

#: The buckets of durations: this much from border to border, so that a value is known to half of it.
_BUCKET_STEP = 1.02
_LEAST_S, _MOST_S = 1e-6, 1e5
_MOST_PIECES = 32


class Sum:
    """Requests, and how much of what the metric counts came with them."""

    __slots__ = ("amount", "hits")

    def __init__(self, hits: int = 0, amount: int = 0) -> None:
        self.hits = hits
        self.amount = amount

    def add(self, other: Sum) -> None:
        """Have the other's in it too."""
        self.hits += other.hits
        self.amount += other.amount

    def subtract(self, other: Sum) -> None:
        """Take out what was added."""
        self.hits -= other.hits
        self.amount -= other.amount

    def copy(self) -> Sum:
        """One that changes by itself."""
        return Sum(self.hits, self.amount)

    def pack(self) -> list[Any]:
        """What `Gauge.unpack` takes."""
        return [self.hits, self.amount]


class Histogram(Sum):
    """Requests, and how many took how long; `amount` are those that tell."""

    __slots__ = ("buckets",)

    def __init__(self, hits: int = 0, buckets: Counter[int] | None = None) -> None:
        super().__init__(hits, 0 if buckets is None else buckets.total())
        self.buckets: Counter[int] = Counter() if buckets is None else buckets

    def add(self, other: Sum) -> None:
        """Have the other's in it too."""
        super().add(other)
        if isinstance(other, Histogram):
            self.buckets.update(other.buckets)

    def subtract(self, other: Sum) -> None:
        """Take out what was added."""
        super().subtract(other)
        if isinstance(other, Histogram):
            buckets = self.buckets
            for bucket, count in other.buckets.items():
                buckets[bucket] -= count
                if not buckets[bucket]:
                    del buckets[bucket]

    def copy(self) -> Histogram:
        """One that changes by itself."""
        return Histogram(self.hits, self.buckets.copy())

    def pack(self) -> list[Any]:
        """What `Gauge.unpack` takes."""
        return [self.hits, sorted(self.buckets.items())]

    def p95_bucket(self) -> int:
        """Where the 95th percentile is, by nearest rank: at most a twentieth of the durations are longer."""
        longer = self.amount // 20
        for bucket in sorted(self.buckets, reverse=True):
            longer -= self.buckets[bucket]
            if longer < 0:
                return bucket
        raise ValueError("no duration has a percentile")


class Traffic:
    """Rows of one second that came one after another, added up in the ways that rules ask for, once each.

    They are those of `rows` from `start` on, before `stop`; `join` adds more, before anything is asked for.
    """

    def __init__(self, rows: list[Any], start: int, stop: int) -> None:
        self._pieces = [(rows, start, stop)]
        #: How many rows there are.
        self.requests = stop - start
        # Not functools.cached_property: for the few rows of a second its lock costs more than the work.
        self._rows: list[Any] | None = None
        self._errors: list[Any] | None = None
        self._sizes_bytes: list[int] | None = None
        self._by: dict[tuple[str, By], Mapping[str | None, int]] = {}

    @property
    def rows(self) -> list[Any]:
        """The rows."""
        if self._rows is None:
            self._rows = [row for rows, start, stop in self._pieces for row in rows[start:stop]]
        return self._rows

    @property
    def errors(self) -> list[Any]:
        """Those with a status of 500 to 599."""
        if self._errors is None:
            self._errors = [row for row in self.rows if 500 <= (row.status or 0) <= 599]
        return self._errors

    @property
    def unparsed(self) -> list[Any]:
        """Those that tell of an unparsed line."""
        return [row for row in self.rows if row.event is not None]

    @property
    def sizes_bytes(self) -> list[int]:
        """Of every row."""
        if self._sizes_bytes is None:
            self._sizes_bytes = [row.bytes or 0 for row in self.rows]
        return self._sizes_bytes

    @property
    def is_long(self) -> bool:
        """Whether no more should be joined: it holds all rows of what was read with its own."""
        return len(self._pieces) >= _MOST_PIECES

    def join(self, other: Traffic) -> None:
        """More of the same second came."""
        self._pieces += other._pieces
        self.requests += other.requests

    def each(self) -> Iterable[Traffic]:
        """Row by row."""
        return (Traffic(self.rows, at, at + 1) for at in range(self.requests))

    def count(self, what: str) -> int:
        """How many ``requests``, ``errors``, ``unparsed`` lines or ``bytes`` there are."""
        if what == "requests":
            return self.requests
        if what == "bytes":
            return sum(self.sizes_bytes)
        return len(self.errors if what == "errors" else self.unparsed)

    def count_by(self, what: str, by: By) -> Mapping[str | None, int]:
        """The same for each key."""
        found = self._by.get((what, by))
        if found is None:
            found = self._by[what, by] = self._count_by(what, by)
        return found

    def _count_by(self, what: str, by: By) -> Mapping[str | None, int]:
        if what == "bytes":
            sums: dict[str | None, int] = {}
            for key, size_bytes in zip(map(attrgetter(by), self.rows), self.sizes_bytes, strict=True):
                sums[key] = sums.get(key, 0) + size_bytes
            return sums
        rows = self.rows if what == "requests" else self.errors if what == "errors" else self.unparsed
        return Counter(map(attrgetter(by), rows)) if rows else {}

    def durations(self) -> list[float]:
        """The seconds that requests took, of those that tell."""
        return [row.duration for row in self.rows if row.duration is not None]

    def durations_by(self, by: By) -> dict[str | None, list[float]]:
        """The same for each key."""
        found: dict[str | None, list[float]] = {}
        for key, row in zip(map(attrgetter(by), self.rows), self.rows, strict=True):
            if row.duration is not None:
                found.setdefault(key, []).append(row.duration)
        return found


class Gauge:
    """Measures for one rule."""

    #: The key of a record that a rule reads, beside what it counts by.
    field: str | None = None

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._threshold, self._recovery = rule.threshold, rule.recovers_at
        self._sign = -1 if rule.below else 1
        self._min_requests = rule.min_requests

    def whole(self, traffic: Traffic) -> Sum:
        """What came."""
        raise NotImplementedError

    def by_key(self, traffic: Traffic, by: By) -> dict[str | None, Sum]:
        """The same for each key; None where the log does not tell."""
        raise NotImplementedError

    def nothing(self) -> Sum:
        """A sum of nothing."""
        return Sum()

    def is_breaching(self, total: Sum) -> bool:
        """Whether this is an alert, on the strength of one second."""
        return self._sign * self._compared(total, 0) > 0 and total.hits >= self._min_requests

    def is_over(self, total: Sum) -> bool:
        """Whether this is the end of one. Between the two bounds, and on them, it is neither."""
        if total.hits < self._min_requests or self._is_unknown(total):
            return True
        return self._sign * self._compared(total, 1) < 0

    def reaches_threshold(self, total: Sum) -> bool:
        """Whether the value is not below the threshold."""
        return not self._is_unknown(total) and self._compared(total, 0) >= 0

    def value(self, total: Sum) -> float:
        """What is compared with the threshold, in its unit; 0 where there is nothing to measure."""
        raise NotImplementedError

    def shown(self, total: Sum) -> str:
        """The same for people, as a message has it."""
        return f"{WORDS[self._rule.metric].label} = {self._text(total)}"

    def unpack(self, packed: list[Any]) -> Sum:
        """A sum that was packed. Raises TypeError or ValueError."""
        hits, amount = packed
        return Sum(_whole(hits), _whole(amount))

    def _is_unknown(self, total: Sum) -> bool:
        return False

    def _compared(self, total: Sum, bound: int) -> int:
        """The sign of value minus threshold (0) or bound of recovery (1); 0 for an unknown value."""
        raise NotImplementedError

    def _text(self, total: Sum) -> str:
        raise NotImplementedError


class LinearGauge(Gauge):
    """Its bounds are lines: whole numbers a, b and c so that a * amount - b * hits - c is 0 on them."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self._lines = [self._line(self._threshold), self._line(self._recovery)]
        self._raise_line = [self._sign * factor for factor in self._lines[0]]

    def is_breaching(self, total: Sum) -> bool:
        """Whether this is an alert, on the strength of one second."""
        a, b, c = self._raise_line  # asked for every key and second
        return a * total.amount > b * total.hits + c and total.hits >= self._min_requests

    def _compared(self, total: Sum, bound: int) -> int:
        a, b, c = self._lines[bound]
        return a * total.amount - b * total.hits - c

    def _line(self, bound: Fraction) -> tuple[int, int, int]:
        raise NotImplementedError


class RateGauge(LinearGauge):
    """So much per second, on average over the window."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.field = {"errors": "status", "bytes": "bytes"}.get(rule.metric)

    def whole(self, traffic: Traffic) -> Sum:
        """What came."""
        return Sum(traffic.requests, traffic.count(self._rule.metric))

    def by_key(self, traffic: Traffic, by: By) -> dict[str | None, Sum]:
        """The same for each key."""
        return _sums(traffic.count_by("requests", by), traffic.count_by(self._rule.metric, by))

    def value(self, total: Sum) -> float:
        """Per second."""
        return total.amount / self._rule.window_s

    def _line(self, bound: Fraction) -> tuple[int, int, int]:
        numerator, denominator = (bound * self._rule.window_s).as_integer_ratio()
        return denominator, 0, numerator

    def _text(self, total: Sum) -> str:
        return str(total.amount)


class RatioGauge(LinearGauge):
    """The share of requests that are server errors."""

    field = "status"

    def whole(self, traffic: Traffic) -> Sum:
        """What came."""
        return Sum(traffic.requests, traffic.count("errors"))

    def by_key(self, traffic: Traffic, by: By) -> dict[str | None, Sum]:
        """The same for each key."""
        sums: dict[str | None, Sum] = {}
        for key, row in zip(map(attrgetter(by), traffic.rows), traffic.rows, strict=True):
            found = sums.get(key)
            if found is None:
                found = sums[key] = Sum()
            found.hits += 1
            if 500 <= (row.status or 0) <= 599:
                found.amount += 1
        return sums

    def value(self, total: Sum) -> float:
        """From 0 to 1."""
        return total.amount / total.hits if total.hits else 0.0

    def _is_unknown(self, total: Sum) -> bool:
        return not total.hits

    def _line(self, bound: Fraction) -> tuple[int, int, int]:
        numerator, denominator = bound.as_integer_ratio()
        return denominator, numerator, 0

    def _text(self, total: Sum) -> str:
        return f"{plain(100 * self.value(total))} %"


class PercentileGauge(Gauge):
    """The 95th percentile of the durations: exact against the bounds, shown to one per cent."""

    field = "duration"

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self._borders = _borders(float(self._threshold), float(self._recovery))
        self._at = [self._bucket(float(bound)) for bound in (self._threshold, self._recovery)]

    def whole(self, traffic: Traffic) -> Sum:
        """What came."""
        return Histogram(traffic.requests, self._bucketed(traffic.durations()))

    def by_key(self, traffic: Traffic, by: By) -> dict[str | None, Sum]:
        """The same for each key."""
        durations = traffic.durations_by(by)
        return {
            key: Histogram(requests, self._bucketed(durations.get(key, [])))
            for key, requests in traffic.count_by("requests", by).items()
        }

    def nothing(self) -> Sum:
        """A sum of nothing."""
        return Histogram()

    def value(self, total: Sum) -> float:
        """Seconds."""
        if not isinstance(total, Histogram) or not total.amount:
            return 0.0
        bucket = total.p95_bucket()
        if bucket in self._at or bucket < 2:
            return self._borders[bucket]
        lower, upper = self._borders[bucket - 1], self._borders[min(bucket, len(self._borders) - 1)]
        return sqrt(lower * upper)

    def unpack(self, packed: list[Any]) -> Sum:
        """A sum that was packed. Raises TypeError or ValueError."""
        hits, buckets = packed
        return Histogram(_whole(hits), Counter({_whole(bucket): _whole(count) for bucket, count in buckets}))

    def _is_unknown(self, total: Sum) -> bool:
        return not total.amount

    def _compared(self, total: Sum, bound: int) -> int:
        if not isinstance(total, Histogram) or not total.amount:
            return 0
        return total.p95_bucket() - self._at[bound]

    def _text(self, total: Sum) -> str:
        return f"{plain(self.value(total))} s"

    def _bucketed(self, durations_s: list[float]) -> Counter[int]:
        return Counter(map(self._bucket, durations_s))

    def _bucket(self, duration_s: float) -> int:
        return bisect_left(self._borders, duration_s)


def gauge(rule: Rule) -> Gauge:
    """What measures for this rule."""
    kinds: dict[str, Callable[[Rule], Gauge]] = {"error-ratio": RatioGauge, "p95": PercentileGauge}
    return kinds.get(rule.metric, RateGauge)(rule)


def row_type(rules: Iterable[Rule]) -> type[Row]:
    """What must be decoded of a record, and no more: it is most of the work."""
    names = {name for rule in rules for name in (rule.by, gauge(rule).field) if name is not None}
    types: dict[str, Any] = {"status": int | None, "bytes": int | None, "duration": int | float | None}
    fields = [(name, types.get(name, str | None), None) for name in sorted(names)]
    made: Any = msgspec.defstruct("AlertRow", fields, bases=(Row,), gc=False) if fields else Row
    row: type[Row] = made
    return row


def _sums(requests: Mapping[str | None, int], amounts: Mapping[str | None, int]) -> dict[str | None, Sum]:
    sums = {key: Sum(hits) for key, hits in requests.items()}
    for key, amount in amounts.items():
        sums[key].amount = amount
    return sums


def _borders(*bounds: float) -> list[float]:
    """Upper borders of buckets; of each bound there is a bucket that holds nothing else."""
    borders = {border for bound in bounds for border in (nextafter(bound, 0.0), bound)}
    borders.add(0.0)
    border = _LEAST_S
    while border < _MOST_S:
        borders.add(border)
        border *= _BUCKET_STEP
    return sorted(borders)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("no count")
    return value
