"""Alerts by rules, on sliding windows of the log's own time, judged once a second.

An alert is raised when the value over the whole window exceeds the threshold and has recovered when it is
below it; equality changes nothing, which keeps steady traffic from flapping. The window counts whole also
while it fills. Memory: for each rule the sums of one window's seconds, and of at most so many keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from w3ctools.core.gauge import Traffic
from w3ctools.core.keyed import KeyedWatch
from w3ctools.core.rule import Rule
from w3ctools.core.sealed import Codec, SealError
from w3ctools.core.watch import Watch, WatchState, WholeWatch
from w3ctools.core.window import ClockState, Kind, LogClock, Run, Step
from w3ctools.core.wire import AlertEvent


class Placed(NamedTuple):
    """An event, and how many records of the batch had been fed when it happened."""

    after_records: int
    event: AlertEvent


class RuleState(msgspec.Struct):
    """One rule's part of an `AlertState`; `name` is what its messages are about."""

    name: str
    watch: WatchState


class AlertState(msgspec.Struct, kw_only=True):
    """All that `Alerts` knows, as its state file keeps it."""

    #: Records, unparsed lines among them, read so far: the input goes on behind them.
    records: int
    clock: ClockState
    rules: list[RuleState]


class Alerts:
    """Feed it rows in arrival order; it gives the events of all rules."""

    def __init__(self, rules: Sequence[Rule], lateness_s: int) -> None:
        self.clock = LogClock(lateness_s)
        self.watches: list[Watch] = [
            WholeWatch(rule) if rule.by is None else KeyedWatch(rule, rule.by) for rule in rules
        ]
        self._judged: int | None = None
        #: What came of one second, and was not counted yet: the rows of a second come in several reads.
        self._second, self._uncounted = 0, Traffic([], 0, 0)
        #: The last second of which something was told in silence, while the log has not reached it.
        self._announced_until: int | None = None

    @property
    def open(self) -> list[str]:
        """What was raised and whose end was not told, as its message has it."""
        return [watch.rule.about(key) for watch in self.watches for key, _ in watch.open_alerts()]

    @property
    def forgotten(self) -> int:
        """Keys that were forgotten for want of room, of all rules."""
        return sum(watch.forgotten for watch in self.watches)

    @property
    def progress(self) -> tuple[int | None, int]:
        """What changes when a second has passed in the log, or was judged."""
        return self.clock.newest, self.clock.judged

    def feed(self, rows: list[Any], wall_s: float | None = None) -> list[Placed]:
        """Rows of `gauge.row_type` came; `wall_s` is this machine's clock, None in a replay."""
        placed: list[Placed] = []
        fed = 0
        for run, steps in self.clock.feed_all([row.epoch for row in rows], wall_s):
            placed += self._feed(Traffic(rows, fed, fed + run.records), run, steps, fed)
            fed += run.records
        return placed

    def feed_counts(self, counts: Iterable[tuple[int, int]], wall_s: float | None = None) -> list[AlertEvent]:
        """So many requests came in each of these seconds; for rules that count requests together alone."""
        events: list[AlertEvent] = []
        for run, steps in self.clock.feed_runs((Run(*count) for count in counts), wall_s):
            events += [event for _, event in self._feed(Traffic([], 0, run.records), run, steps, 0)]
        return events

    def tick(self, elapsed_s: float) -> list[AlertEvent]:
        """Nothing came for `elapsed_s`, proven: judge what is over and announce what silence brings.

        The state stays as it is: should the silence prove to be a stall, what was announced is void.
        """
        return [] if self.clock.newest is None else self._over(self.clock.silent(elapsed_s))

    def complete(self, second: int) -> list[AlertEvent]:
        """All that came up to this second is known: `tick`, for who knows it otherwise than by silence."""
        if self.clock.newest is None:
            return []
        self.clock.over(second)
        return self._over(second)

    def flush(self) -> list[AlertEvent]:
        """The end of the input: judge what is complete; a recovery is not invented."""
        self._count()
        for step in self.clock.flush():
            self._take(step, Traffic([], 0, 0))
        return [] if self.clock.newest is None else self._judge_up_to(self.clock.judged)

    def snapshot(self) -> AlertState:
        """All that `restore` needs to go on from here."""
        self._count()
        return AlertState(
            records=self.clock.stamped + self.clock.unstamped,
            clock=self.clock.snapshot(),
            rules=[RuleState(watch.rule.subject, watch.snapshot()) for watch in self.watches],
        )

    def restore(self, state: AlertState) -> list[str]:
        """Go on from there; gives what of the state is of no use, since its rule is gone or counts otherwise.

        Raises SealError for a state that cannot be.
        """
        self.clock.restore(state.clock)
        self._judged = state.clock.judged if state.clock.newest is not None else None
        announced = [second for kept in state.rules for key in kept.watch.keys for second, _ in key.announced]
        self._announced_until = max(announced, default=None)
        states = {kept.name: kept.watch for kept in state.rules}
        try:
            fit = [watch.rule.subject for watch in self.watches if self._restored(watch, states)]
        except (TypeError, ValueError, LookupError) as error:
            raise SealError(f"is damaged: {error}") from None
        return [name for name in states if name not in fit]

    def _over(self, second: int) -> list[AlertEvent]:
        self._count()
        events = self._judge_up_to(self.clock.judged)
        if second > (self.clock.newest or 0):
            announced = _in_order([event for watch in self.watches for event in watch.foresee(second)])
            if announced:
                self._announced_until = announced[-1].epoch
            events += announced
        return events

    def _restored(self, watch: Watch, states: dict[str, WatchState]) -> bool:
        state = states.get(watch.rule.subject)
        return state is not None and watch.restore(state)

    def _feed(self, traffic: Traffic, run: Run, steps: list[Step], fed: int) -> list[Placed]:
        events: list[AlertEvent] = []
        after_records = 1
        for step in steps:
            if step.kind is Kind.COUNT:
                self._count_later(step.second or 0, traffic)
            else:
                self._count()
                events += self._take(step, traffic)
            if step.after_records > after_records:
                after_records = step.after_records
        if self.clock.judged != self._judged:
            if self._announced_until is not None:
                self._count()  # what was announced may be void
            events += self._judge_up_to(self.clock.judged)
        return [Placed(fed + after_records, event) for event in events] if events else []

    def _count_later(self, second: int, traffic: Traffic) -> None:
        if second != self._second or self._uncounted.is_long:
            self._count()
            self._second, self._uncounted = second, traffic
        else:
            self._uncounted.join(traffic)

    def _count(self) -> None:
        """Count what was not counted yet."""
        if self._uncounted.requests:
            for watch in self.watches:
                watch.count(self._second, self._uncounted)
            self._uncounted = Traffic([], 0, 0)

    def _take(self, step: Step, traffic: Traffic) -> list[AlertEvent]:
        if step.kind is Kind.NEW_ERA:
            ended = self._judge_up_to(step.finished)
            return ended + [event for watch in self.watches for event in watch.begin_era(step.second or 0)]
        for watch in self.watches:
            if step.kind is Kind.WAIT:
                watch.wait(step.second, traffic)
            elif step.kind is Kind.DROP_WAITING:
                watch.drop_waiting()
            elif step.kind is Kind.COUNT_WAITING:
                watch.count_waiting(step.second or 0)
        return []

    def _judge_up_to(self, second: int) -> list[AlertEvent]:
        self._judged = second
        if self._announced_until is not None and second >= self._announced_until:
            self._announced_until = None
        events: list[AlertEvent] = []
        for watch in self.watches:
            events += watch.judge_up_to(second)
        return _in_order(events) if events else events


def _in_order(events: list[AlertEvent]) -> list[AlertEvent]:
    """By time; of one second by rule and key, as they come."""
    return sorted(events, key=lambda event: event.epoch or 0) if len(events) > 1 else events


def _to_json(state: AlertState) -> bytes:
    return msgspec.json.encode(state)


def _from_json(body: bytes) -> AlertState:
    return msgspec.json.decode(body, type=AlertState)


#: The content of w3c-alert's state file.
CODEC = Codec("w3c-alert", 1, "remove it to begin with an empty window", _to_json, _from_json)
