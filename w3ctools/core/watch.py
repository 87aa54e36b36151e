"""One rule, kept over time: the sums of its window, and whether an alert is open.

Only what changes costs anything. What is here counts everything together; `keyed` has an alert for each key.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from w3ctools.core.gauge import Sum, Traffic, gauge
from w3ctools.core.rule import Rule, State
from w3ctools.core.window import JUMP_S
from w3ctools.core.wire import AlertEvent

#: Later than any second of a log.
NEVER = 1 << 62


class Judged(NamedTuple):
    """What a window measured at a second in which it changed."""

    second: int
    key: str | None
    value: float
    #: Requests in the window.
    hits: int


class KeyState(msgspec.Struct):
    """One alert, and the sums of its window, as a state file keeps them."""

    key: str | None
    firing: bool
    since: int | None
    alive: bool
    announced: list[tuple[int, Literal["raised", "recovered", "reset"]]]
    #: Seconds in the window or not yet judged, with their sums as `Sum.pack` gives them.
    seconds: list[tuple[int, list[Any]]]


class WatchState(msgspec.Struct):
    """All that a watch knows, as a state file keeps it."""

    #: What the rule counts: the state is of no use for one that counts otherwise.
    counts: list[Any]
    judged: int | None
    first: int
    keys: list[KeyState]
    #: What it is not known of whether it counts: second, key and sums.
    waiting: list[tuple[int | None, str | None, list[Any]]]
    #: The second in which keys were last forgotten.
    made_room_at: int | None = None


T = TypeVar("T")


def in_order(waiting: dict[int | None, T], default_second: int) -> list[tuple[int, T]]:
    """What waits by its second, the earliest first; without one, it is of the default."""
    dated = [(default_second if second is None else second, what) for second, what in waiting.items()]
    return sorted(dated, key=lambda item: item[0])


class Alert:
    """One alert: what its window holds, and whether it is open."""

    __slots__ = ("alive", "announced", "firing", "since", "total")

    def __init__(self, total: Sum) -> None:
        self.total = total
        self.firing = False
        #: Since when it would have changed, but for `for_s` or `keep_firing_s`.
        self.since: int | None = None
        #: Whether it was ever above the threshold: only what was alive can be dead.
        self.alive = False
        #: Told in silence, and not yet reached by the log itself.
        self.announced: list[tuple[int, State]] = []

    @property
    def is_open(self) -> bool:
        """Whether it was raised, and its end was not told."""
        return self.announced[-1][1] == "raised" if self.announced else self.firing

    def put(self, other: Alert) -> None:
        """Be as the other is, but for what was announced."""
        self.total = other.total.copy()
        self.firing, self.since, self.alive = other.firing, other.since, other.alive

    def forget_announced(self, second: int) -> bool:
        """Something came at `second`: if an end of silence was announced for later, the silence was a stall.

        What was told stands then, and all is to be judged afresh.
        """
        if not self.announced or second > self.announced[-1][0]:
            return False
        self.firing, self.since, self.announced = self.is_open, None, []
        return True


class Watch:
    """Count what comes, judge the seconds that are over; it gives the events."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        #: Keys that were forgotten, or never watched, for want of room.
        self.forgotten = 0
        #: What was judged, for who wants to know: a list to add to.
        self.log: list[Judged] | None = None
        self._gauge = gauge(rule)
        self._begin_anew()
        self.drop_waiting()

    def _begin_anew(self) -> None:
        self._judged: int | None = None
        #: The first second that counts.
        self._first = 0
        self._foreseen: Watch | None = None

    @property
    def alerts(self) -> dict[str | None, Alert]:
        """By key; None where the rule counts everything together."""
        raise NotImplementedError

    def open_alerts(self) -> list[tuple[str | None, Alert]]:
        """Those that were raised and whose end was not told, by key."""
        found = [(key, alert) for key, alert in self.alerts.items() if alert.is_open]
        return sorted(found, key=lambda item: item[0] or "")

    # What comes, and what is over

    def count(self, second: int, traffic: Traffic) -> None:
        """Rows of this second came."""
        raise NotImplementedError

    def wait(self, second: int | None, traffic: Traffic) -> None:
        """Rows came of which it is not known yet whether they count."""
        raise NotImplementedError

    def drop_waiting(self) -> None:
        """What waited does not count."""
        raise NotImplementedError

    def count_waiting(self, default_second: int) -> None:
        """What waited counts, each at its second; at the default where it has none."""
        raise NotImplementedError

    def judge_up_to(self, last: int) -> list[AlertEvent]:
        """Judge every second up to `last` that may change anything."""
        raise NotImplementedError

    def begin_era(self, second: int) -> list[AlertEvent]:
        """The log's clock was set back to `second`; what waited is of the new era."""
        events = [self._event("reset", second, key, alert) for key, alert in self.open_alerts()]
        self._begin_anew()
        self.count_waiting(0)
        return events

    def _begin(self, second: int) -> None:
        self._judged = second - JUMP_S - 1
        self._set_first(second)

    def _set_first(self, second: int) -> None:
        self._first = second

    def _judge(self, second: int, key: str | None, alert: Alert) -> AlertEvent | None:
        if self.log is not None:
            self.log.append(Judged(second, key, self._gauge.value(alert.total), alert.total.hits))
        if alert.firing:
            changes, wait_s = self._gauge.is_over(alert.total), self.rule.keep_firing_s
        elif self.rule.below:
            changes, wait_s = self._is_low(second, key, alert), self.rule.for_s
        else:
            changes, wait_s = self._gauge.is_breaching(alert.total), self.rule.for_s
        if not changes:
            alert.since = None
            return None
        if wait_s:
            if alert.since is None:
                alert.since = second
                self._remind(second + wait_s, key)
            if second - alert.since < wait_s:
                return None
            alert.since = None
        alert.firing = not alert.firing
        state: State = "raised" if alert.firing else "recovered"
        if (second, state) in alert.announced:
            alert.announced.remove((second, state))
            return None
        return self._event(state, second, key, alert)

    def _is_calm(self, alert: Alert) -> bool:
        """Whether `_judge` would do nothing, as it nearly always is."""
        if alert.firing or alert.since is not None or self.rule.below or self.log is not None:
            return False
        return not self._gauge.is_breaching(alert.total)

    def _is_low(self, second: int, key: str | None, alert: Alert) -> bool:
        if second < self._first + self.rule.window_s - 1:
            return False  # the window reaches back before the first record
        alert.alive = alert.alive or key is None or self._gauge.reaches_threshold(alert.total)
        return alert.alive and self._gauge.is_breaching(alert.total)

    def _event(self, state: State, second: int, key: str | None, alert: Alert) -> AlertEvent:
        value, shown = self._gauge.value(alert.total), self._gauge.shown(alert.total)
        return self.rule.event(state, second, key, value, shown, alert.total.hits)

    def _remind(self, second: int, key: str | None) -> None:
        """Have this key judged in that second, whatever happens in it."""
        raise NotImplementedError

    # What silence brings

    def foresee(self, now: int) -> list[AlertEvent]:
        """Judge up to `now` as if nothing came any more; what is told is remembered, nothing else changes."""
        if self._foreseen is None:
            if not self._may_change():
                return []
            self._foreseen = self._copy()
        events, alerts = [], self.alerts
        for event in self._foreseen.judge_up_to(now):
            told: tuple[int, Any] = (event.epoch or 0, event.state)
            announced = alerts[event.key].announced
            if told not in announced:
                announced.append(told)
                events.append(event)
        return events

    def _may_change(self) -> bool:
        rises_by_leaving = self.rule.below or self.rule.metric in ("error-ratio", "p95")
        return rises_by_leaving or any(
            alert.firing or alert.since is not None for alert in self.alerts.values()
        )

    def _copy(self) -> Watch:
        """One that goes on by itself; nothing was announced by it."""
        raise NotImplementedError

    # What a restart needs

    def snapshot(self) -> WatchState:
        """All that `restore` needs to go on from here."""
        seconds = self._packed_seconds()
        return WatchState(
            counts=self._counts(),
            judged=self._judged,
            first=self._first,
            keys=[
                KeyState(key, alert.firing, alert.since, alert.alive, alert.announced, seconds.get(key, []))
                for key, alert in self.alerts.items()
            ],
            waiting=self._packed_waiting(),
        )

    def restore(self, state: WatchState) -> bool:
        """Go on from there; False, and nothing done, where it is the state of a rule that counts otherwise.

        Raises TypeError or ValueError for sums that cannot be.
        """
        if state.counts != self._counts():
            return False
        self._judged = state.judged
        if state.judged is not None:
            self._set_first(state.first)
        for kept in state.keys:
            self._restore_key(kept, state.judged or 0)
        for second, key, packed in state.waiting:
            self._restore_waiting(second, key, packed)
        return True

    def _counts(self) -> list[Any]:
        rule = self.rule
        bounds = [str(rule.threshold), str(rule.recovers_at)] if rule.metric == "p95" else []
        return [rule.metric, rule.by, rule.below, rule.window_s, *bounds]

    def _restore_alert(self, alert: Alert, kept: KeyState) -> None:
        alert.firing, alert.since, alert.alive = kept.firing, kept.since, kept.alive
        alert.announced = [*kept.announced]
        if kept.since is not None:
            self._remind(kept.since + (self.rule.keep_firing_s if kept.firing else self.rule.for_s), kept.key)

    def _packed_seconds(self) -> dict[str | None, list[tuple[int, list[Any]]]]:
        raise NotImplementedError

    def _packed_waiting(self) -> list[tuple[int | None, str | None, list[Any]]]:
        raise NotImplementedError

    def _restore_key(self, kept: KeyState, judged: int) -> None:
        raise NotImplementedError

    def _restore_waiting(self, second: int | None, key: str | None, packed: list[Any]) -> None:
        raise NotImplementedError


class WholeWatch(Watch):
    """Counts everything together."""

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._alert = Alert(self._gauge.nothing())
        #: Of each second that is in the window or not yet judged.
        self._seconds: dict[int, Sum] = {}
        #: Whether the next second must be judged, whatever happens in it.
        self._changed = False
        #: When something is due without anything coming or going.
        self._due = NEVER

    @property
    def alerts(self) -> dict[str | None, Alert]:
        """The one."""
        return {None: self._alert}

    def count(self, second: int, traffic: Traffic) -> None:
        """Rows of this second came."""
        self._add(second, self._gauge.whole(traffic))

    def wait(self, second: int | None, traffic: Traffic) -> None:
        """Rows came of which it is not known yet whether they count."""
        came = self._gauge.whole(traffic)
        if second in self._waiting:
            self._waiting[second].add(came)
        else:
            self._waiting[second] = came

    def drop_waiting(self) -> None:
        """What waited does not count."""
        self._waiting: dict[int | None, Sum] = {}

    def count_waiting(self, default_second: int) -> None:
        """What waited counts, each at its second; at the default where it has none."""
        waiting = self._waiting
        self.drop_waiting()
        for second, came in in_order(waiting, default_second):
            self._add(second, came)

    def _add(self, second: int, came: Sum) -> None:
        if self._judged is None:
            self._begin(second)
        judged = self._judged or 0
        if second <= judged - self.rule.window_s:
            return
        if judged < second < self._first:
            self._set_first(second)
        if second in self._seconds:
            self._seconds[second].add(came)
        else:
            self._seconds[second] = came
        if second <= judged:
            self._alert.total.add(came)
            self._changed = True
        if self._alert.announced and self._alert.forget_announced(second):
            self._changed = True
        self._foreseen = None

    def _set_first(self, second: int) -> None:
        super()._set_first(second)
        if self.rule.below:
            self._due = second + self.rule.window_s - 1

    def judge_up_to(self, last: int) -> list[AlertEvent]:
        """Judge every second up to `last` that may change anything."""
        events: list[AlertEvent] = []
        judged = self._judged
        if judged is None:
            return events
        seconds, window_s, total = self._seconds, self.rule.window_s, self._alert.total
        while judged < last:
            if not (total.hits or self._changed):
                # Nothing changes before the next second that counts, or is due: years may lie between.
                judged = max(judged, min(min(seconds, default=last), self._due, last) - 1)
            judged += 1
            came, gone = seconds.get(judged), seconds.pop(judged - window_s, None)
            if came is not None:
                total.add(came)
            elif gone is None and not self._changed and judged < self._due:
                continue
            if gone is not None:
                total.subtract(gone)
            self._changed = False
            if judged >= self._due:
                self._due = NEVER
            if not self._is_calm(self._alert):
                event = self._judge(judged, None, self._alert)
                if event is not None:
                    events.append(event)
        self._judged = judged
        return events

    def _remind(self, second: int, key: str | None) -> None:
        self._due = second

    def _copy(self) -> WholeWatch:
        other = WholeWatch(self.rule)
        other._judged, other._first, other._due = self._judged, self._first, self._due
        other._alert.put(self._alert)
        other._seconds, other._changed = self._seconds.copy(), self._changed
        return other

    def _packed_seconds(self) -> dict[str | None, list[tuple[int, list[Any]]]]:
        return {None: [(second, came.pack()) for second, came in sorted(self._seconds.items())]}

    def _packed_waiting(self) -> list[tuple[int | None, str | None, list[Any]]]:
        return [(second, None, came.pack()) for second, came in self._waiting.items()]

    def _restore_key(self, kept: KeyState, judged: int) -> None:
        self._restore_alert(self._alert, kept)
        for second, packed in kept.seconds:
            came = self._seconds[second] = self._gauge.unpack(packed)
            if second <= judged:
                self._alert.total.add(came)
        # What came late may not have been judged; if nothing did, to judge once more changes nothing.
        self._changed = True

    def _restore_waiting(self, second: int | None, key: str | None, packed: list[Any]) -> None:
        self._waiting[second] = self._gauge.unpack(packed)
