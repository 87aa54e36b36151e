"""Rules tried on an old log: what they would have told, and which values were usual.

The values of a rule are those of its window at each second; how long each was held is kept in a histogram
whose buckets are one per cent wide, so that a month of log needs no more memory than an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log, log10
from typing import Any

from w3ctools.core.alert import Alerts
from w3ctools.core.history import duration
from w3ctools.core.quantity import plain
from w3ctools.core.rule import Rule
from w3ctools.core.timestamp import rfc3339
from w3ctools.core.watch import Judged
from w3ctools.core.wire import AlertEvent

_STEP = 1.01
_NUMBER_OF_0 = -(1 << 30)
#: Of the alerts of a rule, so many are listed.
MOST_LISTED = 20
#: The shares of the time of which is said what the values kept to.
_SHARES = (0.5, 0.9, 0.99, 0.999, 1.0)
#: For so much of the time a suggested threshold was kept to.
_SUGGESTED_SHARE = 0.999
_UNITS = {"requests": "/s", "errors": "/s", "error-ratio": "%", "bytes": "B/s", "unparsed": "/s", "p95": "s"}
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


class Trial:
    """Feed it rows as `Alerts`; once flushed, it reports."""

    def __init__(self, rules: Sequence[Rule], lateness_s: int) -> None:
        self._tried = [_Tried(rule, lateness_s) for rule in rules]
        self._first: int | None = None
        self.clock = self._tried[0].alerts.clock

    def feed(self, rows: list[Any]) -> None:
        """Rows came."""
        if self._first is None:
            self._first = next((floor(row.epoch) for row in rows if row.epoch is not None), None)
        for tried in self._tried:
            tried.feed(rows)

    def flush(self) -> None:
        """The log has ended."""
        for tried in self._tried:
            tried.flush()

    def report(self) -> str:
        """What the rules would have told, a paragraph for each."""
        if self._first is None or self.clock.newest is None:
            return "no record with a time: there is nothing to try the rules on\n"
        records = self.clock.stamped + self.clock.unstamped
        head = f"{rfc3339(self._first)} to {rfc3339(self.clock.newest)}: {records:,} records\n"
        return head + "".join(f"\n{tried.report()}" for tried in self._tried)


@dataclass
class _Alert:
    """One that was raised; `end` is None while it is open."""

    raised: AlertEvent
    end: AlertEvent | None = None


class _Tried:
    """One rule."""

    def __init__(self, rule: Rule, lateness_s: int) -> None:
        self.alerts = Alerts([rule], lateness_s)
        self._rule = rule
        self._log: list[Judged] = []
        self.alerts.watches[0].log = self._log
        self._open: dict[str | None, _Alert] = {}
        self._listed: list[_Alert] = []
        self._count = self._in_all_s = 0
        self._values = _Values()
        #: Of each key, what it measured last, and since when it has measured anything.
        self._last: dict[str | None, Judged] = {}
        self._since: dict[str | None, int] = {}
        self._newest_judged = 0

    def feed(self, rows: list[Any]) -> None:
        """Rows came."""
        self._take([event for _, event in self.alerts.feed(rows)])

    def flush(self) -> None:
        """The log has ended."""
        self._take(self.alerts.flush())
        newest = self.alerts.clock.newest or 0
        for last in self._last.values():
            self._hold(last, newest + 1)
        for alert in self._open.values():
            self._in_all_s += newest - (alert.raised.epoch or 0)

    def report(self) -> str:
        """A paragraph; its lines end with LF."""
        lines = [self._rule.described(), *self._alert_lines(), *self._value_lines()]
        return "\n  ".join(lines) + "\n"

    def _take(self, events: list[AlertEvent]) -> None:
        for judged in self._log:
            self._judged(judged)
        self._log.clear()
        for event in events:
            self._told(event)

    def _judged(self, judged: Judged) -> None:
        if judged.second < self._newest_judged:  # the log's clock went back, and the windows are new
            self._last.clear()
            self._since.clear()
        self._newest_judged = judged.second
        before = self._last.pop(judged.key, None)
        if before is not None:
            self._hold(before, judged.second)
        if self._is_measured(judged):
            self._last[judged.key] = judged
            self._since.setdefault(judged.key, judged.second)
        else:
            self._since.pop(judged.key, None)

    def _is_measured(self, judged: Judged) -> bool:
        """Whether there was anything to measure, and enough of it."""
        if judged.hits < self._rule.min_requests or (self._rule.metric == "p95" and not judged.value):
            return False
        return judged.hits > 0 or self._is_known_without_requests

    @property
    def _is_known_without_requests(self) -> bool:
        # Of keys, those that a window does not hold are without number.
        return self._rule.by is None and self._rule.metric not in ("error-ratio", "p95")

    def _hold(self, judged: Judged, until: int) -> None:
        begin = judged.second
        if self._rule.below:  # a window that fills has a low value, and is not judged
            begin = max(begin, self._since[judged.key] + self._rule.window_s - 1)
        if until > begin:
            self._values.hold(judged.value, until - begin)

    def _told(self, event: AlertEvent) -> None:
        if event.state == "raised":
            alert = self._open[event.key] = _Alert(event)
            self._count += 1
            if len(self._listed) < MOST_LISTED:
                self._listed.append(alert)
            return
        alert = self._open.pop(event.key)
        alert.end = event
        if event.state == "recovered":
            self._in_all_s += (event.epoch or 0) - (alert.raised.epoch or 0)

    def _alert_lines(self) -> list[str]:
        if not self._count:
            return ["no alert"]
        noun = "1 alert" if self._count == 1 else f"{self._count:,} alerts"
        cells = [("raised", "recovered", "lasted", ""), *map(self._cells, self._listed)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        table = [
            f"{raised:<{widths[0]}}  {end:<{widths[1]}}  {lasted:>{widths[2]}}  {value}".rstrip()
            for raised, end, lasted, value in cells
        ]
        more = self._count - len(self._listed)
        return [
            f"{noun}, {duration(self._in_all_s)} in all",
            *table,
            *([f"and {more:,} more"] if more else []),
        ]

    def _cells(self, alert: _Alert) -> tuple[str, str, str, str]:
        raised, end = alert.raised, alert.end
        detail = raised.message.rpartition(" - ")[2].rpartition(", triggered")[0]
        about = self._rule.about(raised.key).removeprefix(self._rule.subject)
        raised_time = raised.time or ""
        if end is None:
            end_text, ended = "open", self.alerts.clock.newest or 0
        else:
            end_time, ended = end.time or "", end.epoch or 0
            end_text = end_time[11:] if end_time[:11] == raised_time[:11] else end_time
        lasted = duration(ended - (raised.epoch or 0))
        if end is not None and end.state == "reset":  # what lies between the two times is no duration
            end_text, lasted = "reset", "-"
        return raised_time, end_text, lasted, f"{detail} {about}".rstrip()

    def _value_lines(self) -> list[str]:
        if not self._values.total_s:
            return [self._why_no_values()]
        low = self._rule.below
        kept = [(self._values.at_least if low else self._values.up_to)(share) for share in _SHARES]
        title = f"of the time of a {self._rule.by}" if self._rule.by else "of the time"
        side = "at least" if low else "up to"
        return [
            title + "".join(f"{f'{100 * share:g} %':>10}" for share in _SHARES),
            f"{side:<{len(title)}}" + "".join(f"{self._shown(value):>10}" for value in kept),
            self._suggestion(),
        ]

    def _why_no_values(self) -> str:
        if self._rule.metric == "p95" and not self._since:
            return "no record has a duration: have the server log it (w3ctools(7))"
        return "nothing was ever measured over a whole window" if self._rule.below else "nothing to measure"

    def _suggestion(self) -> str:
        share = f"{100 * (1 - _SUGGESTED_SHARE):.2g} % of the time"
        if self._rule.below:
            limit = _rounded(self._values.at_least(_SUGGESTED_SHARE), up=False)
            if not limit:
                return f"no --below suits: it was 0 for more than {share}"
            return f"--below {self._shown(limit, is_option=True)} would be undercut for at most {share}"
        limit = _rounded(self._values.up_to(_SUGGESTED_SHARE), up=True)
        if not limit:
            return f"any -t would be exceeded for at most {share}"
        return f"-t {self._shown(limit, is_option=True)} would be exceeded for at most {share}"

    def _shown(self, value: float, *, is_option: bool = False) -> str:
        """With its unit; as the value of an option as that takes it."""
        unit = _UNITS[self._rule.metric]
        if is_option:
            unit = unit.removesuffix("/s")
        if self._rule.metric == "error-ratio":
            return f"{plain(100 * value)}{unit}"
        if self._rule.metric == "bytes":
            size, prefix = next(((size, name) for size, name in _PREFIXES if value >= size), (1.0, ""))
            return f"{plain(value / size)}{prefix}{unit}"
        return f"{plain(value)}{unit}"


@dataclass
class _Bucket:
    """Values within one per cent."""

    held_s: int
    least: float
    most: float


class _Values:
    """How long which values were held."""

    def __init__(self) -> None:
        self.total_s = 0
        #: By the whole part of the logarithm.
        self._buckets: dict[int, _Bucket] = {}

    def hold(self, value: float, held_s: int) -> None:
        """It was this value for so long."""
        self.total_s += held_s
        number = floor(log(value) / log(_STEP)) if value else _NUMBER_OF_0
        bucket = self._buckets.setdefault(number, _Bucket(0, value, value))
        bucket.held_s += held_s
        bucket.least, bucket.most = min(bucket.least, value), max(bucket.most, value)

    def up_to(self, share: float) -> float:
        """What was not exceeded for this share of the time; too much by one per cent at most."""
        return self._bucket(share, downwards=False).most

    def at_least(self, share: float) -> float:
        """What was not undercut for this share of the time; too little by one per cent at most."""
        return self._bucket(share, downwards=True).least

    def _bucket(self, share: float, *, downwards: bool) -> _Bucket:
        """Where the share is full, coming from below or, downwards, from above."""
        numbers = sorted(self._buckets, reverse=downwards)
        # In floating point all of the parts may be a trifle less than the whole.
        left_s = share * self.total_s * (1 - 1e-12)
        for number in numbers:
            left_s -= self._buckets[number].held_s
            if left_s <= 0:
                break
        return self._buckets[number]


def _rounded(value: float, *, up: bool) -> float:
    """To two significant digits."""
    if not value:
        return 0.0
    digit = 10.0 ** (floor(log10(value)) - 1)
    return round((ceil if up else floor)(round(value / digit, 6)) * digit, 12)
