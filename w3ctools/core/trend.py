"""What an interval is beside those before it: what changed, what is new, and the rates of longer times."""

from __future__ import annotations

from collections import deque
from collections.abc import Set
from typing import NamedTuple

from w3ctools.core.stats import Interval

#: Longer times whose rates stand beside an interval's own.
WINDOWS_S = {"1m": 60, "5m": 300, "1h": 3600}
#: Sections that are remembered, so that one which comes again is not new.
MOST_KNOWN = 10_000


class Change(NamedTuple):
    """An interval beside those before it."""

    #: Of the rate, to the interval before; None if there was none, or a gap.
    share: float | None
    #: Requests per second of longer times, and since the start; empty in the first interval.
    rates: dict[str, float]
    #: Those that were in no interval before; none in the first one.
    new_sections: Set[str | None]


class _Past(NamedTuple):
    """What is kept of an interval ``[from_s, to_s)``."""

    from_s: int
    to_s: int
    requests: int


class _Window:
    """The requests of the newest `length_s` seconds."""

    def __init__(self, length_s: int) -> None:
        self.length_s = length_s
        self._past: deque[_Past] = deque()
        self._requests = 0

    def add(self, past: _Past) -> None:
        """The next interval."""
        self._past.append(past)
        self._requests += past.requests
        while self._past[0].to_s <= past.to_s - self.length_s:
            self._requests -= self._past.popleft().requests

    @property
    def rate_per_s(self) -> float:
        """Of an interval that began before the window, the share that is in it counts."""
        first, begin_s = self._past[0], self._past[-1].to_s - self.length_s
        outside = max(0, begin_s - first.from_s) / (first.to_s - first.from_s)
        return (self._requests - outside * first.requests) / self.length_s


class Trend:
    """Feed it intervals in their order. Memory: an hour of them, as counts, and the names of sections."""

    def __init__(self) -> None:
        self._before_per_s: float | None = None
        #: Of the interval before; None before the first.
        self._ended_s: int | None = None
        self._start()
        #: In the order in which they were seen last.
        self._known: dict[str | None, None] = {}

    def pause(self) -> None:
        """There was a gap."""
        self._before_per_s = None

    def feed(self, interval: Interval) -> Change:
        """The next interval; what a host told of later is beside nothing."""
        if interval.later_of is not None:
            return Change(None, {}, frozenset())
        before, self._before_per_s = self._before_per_s, interval.rate_per_s
        share = interval.rate_per_s / before - 1 if before else None
        past = _Past(interval.from_s, interval.to_s, interval.summary.requests)
        rates = self._rates(past) if interval.has_time else {}
        return Change(share, rates, self._new_sections(interval))

    def _start(self) -> None:
        self._windows = {name: _Window(length_s) for name, length_s in WINDOWS_S.items()}
        self._began_s: int | None = None
        #: Since then.
        self._requests = 0

    def _rates(self, past: _Past) -> dict[str, float]:
        if self._ended_s is not None and past.from_s < self._ended_s:  # the clock was set back
            self._start()
        self._ended_s = past.to_s
        self._requests += past.requests
        for window in self._windows.values():
            window.add(past)
        if self._began_s is None:
            self._began_s = past.from_s
            return {}
        lasted_s = past.to_s - self._began_s
        rates = {
            name: window.rate_per_s
            for name, window in self._windows.items()
            if past.to_s - past.from_s < window.length_s <= lasted_s
        }
        return rates | {"since start": self._requests / lasted_s}

    def _new_sections(self, interval: Interval) -> Set[str | None]:
        seen = [key for key, _ in interval.summary.sections.requests.top(MOST_KNOWN)]
        new = {key for key in seen if key not in self._known} if self._known else set()
        for key in reversed(seen):  # so that those with the fewest requests are forgotten first
            self._known.pop(key, None)
            self._known[key] = None
        while len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        return new
