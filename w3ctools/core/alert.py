"""The alert on the average rate: a sliding window of the log's own time, judged once a second.

An alert is raised when the average over the whole window exceeds the threshold and has recovered when
it is below it; equality changes nothing, which keeps steady traffic from flapping. The window counts
whole also while it fills. Memory: the counts of one window's seconds.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from w3ctools.core.timestamp import rfc3339
from w3ctools.core.window import JUMP_S, Kind, LogClock, Run, Step
from w3ctools.core.wire import AlertEvent


class Rule(NamedTuple):
    """``threshold_per_s`` requests per second, on average over ``window_s`` seconds."""

    threshold_per_s: Fraction
    window_s: int


class Placed(NamedTuple):
    """An event, and how many records of the batch had been fed when it happened."""

    after_records: int
    event: AlertEvent


class Alerts:
    """Feed it stamps in arrival order; it gives the events."""

    def __init__(self, rule: Rule, lateness_s: int) -> None:
        self.clock = LogClock(lateness_s)
        self._rule = rule
        limit = rule.threshold_per_s * rule.window_s
        #: Whole hits on either side of the limit, so that comparing is exact and cheap.
        self._raise_above, self._recover_below = floor(limit), ceil(limit)
        self._counts: dict[int, int] = {}
        self._in_window = 0
        self._judged: int | None = None
        self._waiting: dict[int | None, int] = {}
        #: Whether an alert is open.
        self.firing = False
        #: A recovery announced in silence that the log itself has not reached yet.
        self._announced: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether an alert was raised whose recovery was not told yet."""
        return self.firing and self._announced is None

    def feed(self, epochs: list[int | float | None], wall_s: float | None = None) -> list[Placed]:
        """Records with these stamps came; `wall_s` is this machine's clock, None in a replay."""
        placed: list[Placed] = []
        fed = 0
        for run, steps in self.clock.feed_all(epochs, wall_s):
            placed += [Placed(fed + after, event) for after, event in self._feed(run, steps)]
            fed += run.records
        return placed

    def tick(self, elapsed_s: float) -> list[AlertEvent]:
        """Nothing came for `elapsed_s`, proven: judge what is over and announce a recovery that is due.

        The state stays as it is: should the silence prove to be a stall, the announcement is void.
        """
        if self.clock.newest is None:
            return []
        now = self.clock.silent(elapsed_s)
        events = self._judge_up_to(self.clock.judged)
        if self.is_open and now > self.clock.newest:
            events += self._announce_recovery(now)
        return events

    def flush(self) -> list[AlertEvent]:
        """The end of the input: judge what is complete; a recovery is not invented."""
        steps = self.clock.flush()
        for step in steps:
            self._take(step, 0)
        return [] if self.clock.newest is None else self._judge_up_to(self.clock.judged)

    def _feed(self, run: Run, steps: list[Step]) -> list[Placed]:
        events: list[AlertEvent] = []
        after_records = 1
        for step in steps:
            events += self._take(step, run.records)
            after_records = max(after_records, step.after_records)
        if self._judged is not None and self.clock.judged > self._judged:
            events += self._judge_up_to(self.clock.judged)
        return [Placed(after_records, event) for event in events] if events else []

    def _take(self, step: Step, count: int) -> list[AlertEvent]:
        if step.kind is Kind.COUNT:
            self._count(step.second or 0, count)
        elif step.kind is Kind.WAIT:
            self._waiting[step.second] = self._waiting.get(step.second, 0) + count
        elif step.kind is Kind.DROP_WAITING:
            self._waiting = {}
        elif step.kind is Kind.COUNT_WAITING:
            self._count_waiting(step.second or 0)
        elif step.kind is Kind.NEW_ERA:
            return self._begin_era(step)
        return []

    def _count_waiting(self, default_second: int) -> None:
        waiting, self._waiting = self._waiting, {}
        for second, count in sorted((s if s is not None else default_second, n) for s, n in waiting.items()):
            self._count(second, count)

    def _begin_era(self, step: Step) -> list[AlertEvent]:
        events = self._judge_up_to(step.finished)
        if self.is_open:
            events.append(self._event("reset", step.second or 0, self._in_window))
        self.firing, self._announced = False, None
        self._counts, self._in_window, self._judged = {}, 0, None
        self._count_waiting(0)
        return events

    def _count(self, second: int, count: int) -> None:
        if self._judged is None:
            self._judged = second - JUMP_S - 1
        if second <= self._judged - self._rule.window_s:
            return
        if self._announced is not None and second <= self._announced:
            self._announced, self.firing = None, False
        self._counts[second] = self._counts.get(second, 0) + count
        if second <= self._judged:
            self._in_window += count

    def _judge_up_to(self, last: int) -> list[AlertEvent]:
        events: list[AlertEvent] = []
        while self._judged is not None and self._judged < last:
            if not self._in_window and not self.firing:
                # Nothing changes before the next counted second: years may lie between.
                self._judged = max(self._judged, min(min(self._counts, default=last), last) - 1)
            self._judged += 1
            self._in_window += self._counts.get(self._judged, 0)
            self._in_window -= self._counts.pop(self._judged - self._rule.window_s, 0)
            event = self._judge(self._judged)
            if event is not None:
                events.append(event)
        return events

    def _judge(self, second: int) -> AlertEvent | None:
        if not self.firing and self._in_window > self._raise_above:
            self.firing = True
            return self._event("raised", second, self._in_window)
        if self.firing and self._is_over(self._in_window):
            self.firing = False
            announced, self._announced = self._announced, None
            return None if announced == second else self._event("recovered", second, self._in_window)
        return None

    def _is_over(self, hits: int) -> bool:
        return hits < self._recover_below or hits == 0

    def _announce_recovery(self, now: int) -> list[AlertEvent]:
        """The first second up to `now` in which the alert has recovered if nothing else comes."""
        hits, second = self._in_window, self._judged or 0
        last_change = max(self._counts, default=second) + self._rule.window_s
        while second < min(now, last_change):
            second += 1
            hits += self._counts.get(second, 0)
            hits -= self._counts.get(second - self._rule.window_s, 0)
            if self._is_over(hits):
                self._announced = second
                return [self._event("recovered", second, hits)]
        return []

    def _event(self, state: str, second: int, hits: int) -> AlertEvent:
        time = rfc3339(second) or str(second)
        if state == "reset":
            message = f"High traffic alert reset - the log's clock went back, at {time}"
        elif state == "raised":
            message = f"High traffic generated an alert - hits = {hits}, triggered at {time}"
        else:
            message = f"High traffic alert recovered - hits = {hits}, recovered at {time}"
        return AlertEvent(
            state=state,
            time=time,
            epoch=second,
            rule="traffic",
            metric="requests",
            value=hits / self._rule.window_s,
            hits=hits,
            threshold=float(self._rule.threshold_per_s),
            window_s=self._rule.window_s,
            message=message,
        )
