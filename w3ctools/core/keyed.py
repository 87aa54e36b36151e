"""One rule with an alert for each section, virtual host or client.

Memory is bounded however many keys a log has, see `MOST_ENTRIES`, and what is remembered does not depend on
how the input was cut into reads.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

from w3ctools.core.gauge import Sum, Traffic
from w3ctools.core.rule import UNKNOWN_KEY, By, Rule, shortened_key
from w3ctools.core.watch import NEVER, Alert, KeyState, Watch, WatchState, in_order
from w3ctools.core.wire import AlertEvent

#: How many sums of a key's second, and keys, are held. An attacker who invents keys makes the rule forget
#: those that came least often. An alert that is open, or may be raised by silence, is never forgotten; what
#: has no room then is not counted.
MOST_ENTRIES = 400_000
#: Stands for every key: there is none without a character.
_ALL = ""


class _KeyAlert(Alert):
    """The alert of one key."""

    __slots__ = ("held",)

    def __init__(self, total: Sum) -> None:
        super().__init__(total)
        #: How many seconds hold sums of it.
        self.held = 0

    @property
    def must_stay(self) -> bool:
        """Whether something would be told wrongly if it were forgotten."""
        return self.firing or self.is_open or self.alive

    @property
    def is_idle(self) -> bool:
        """Whether forgetting it changes nothing."""
        return not (self.held or self.must_stay or self.announced or self.since is not None)


class KeyedWatch(Watch):
    """Count what comes of each key, judge the seconds that are over."""

    def __init__(self, rule: Rule, by: By, most_entries: int = MOST_ENTRIES) -> None:
        self._by: By = by
        self._most_entries = most_entries
        super().__init__(rule)

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._alerts: dict[str, _KeyAlert] = {}
        #: Of each second that is in the window or not yet judged, the sums of its keys.
        self._buckets: dict[int, dict[str, Sum]] = {}
        self._entries = 0
        #: Seconds not yet judged; in the window; and when something is due with a key. Least first.
        self._entering: list[int] = []
        self._leaving: list[int] = []
        self._reminders: list[tuple[int, str]] = []
        #: Keys to look at in the next second judged: what changed lies before it.
        self._late: set[str] = set()
        self._made_room_at: int | None = None

    @property
    def alerts(self) -> dict[str | None, Alert]:
        """By key."""
        return {key: alert for key, alert in self._alerts.items()}

    # What comes

    def count(self, second: int, traffic: Traffic) -> None:
        """Rows of this second came."""
        sums = self._gauge.by_key(traffic, self._by)
        if self._entries + len(self._alerts) + 2 * len(sums) <= self._most_entries:
            self._add(second, sums)
        else:  # one by one: what is forgotten must not depend on where a read has ended
            for row in traffic.each():
                self._add(second, self._gauge.by_key(row, self._by))

    def wait(self, second: int | None, traffic: Traffic) -> None:
        """Rows came of which it is not known yet whether they count."""
        waiting = self._keys_waiting.setdefault(second, {})
        for key, came in self._gauge.by_key(traffic, self._by).items():
            name = self._named(key)
            if name in waiting:
                waiting[name].add(came)
            elif self._entries_waiting < self._most_entries:
                waiting[name] = came
                self._entries_waiting += 1
            else:
                self.forgotten += 1

    def drop_waiting(self) -> None:
        """What waited does not count."""
        self._keys_waiting: dict[int | None, dict[str, Sum]] = {}
        self._entries_waiting = 0

    def count_waiting(self, default_second: int) -> None:
        """What waited counts, each at its second; at the default where it has none."""
        waiting = self._keys_waiting
        self.drop_waiting()
        for second, came in in_order(waiting, default_second):
            sums: dict[str | None, Sum] = {key: of_key for key, of_key in came.items()}
            self._add(second, sums)

    def _named(self, key: str | None) -> str:
        return shortened_key(key or UNKNOWN_KEY)

    def _add(self, second: int, sums: dict[str | None, Sum]) -> None:
        if self._judged is None:
            self._begin(second)
        judged = self._judged or 0
        if second <= judged - self.rule.window_s:
            return
        if judged < second < self._first:
            self._set_first(second)
        alerts, bucket = self._alerts, self._bucket(second, judged)
        for key, came in sums.items():
            name = key if key in alerts else self._named(key)
            held = bucket.get(name)
            if held is not None:
                held.add(came)
                alert = alerts[name]
            else:
                found = self._alert_with_room(second, name)
                if found is None:
                    self.forgotten += 1
                    continue
                alert, bucket[name] = found, came
                alert.held += 1
                self._entries += 1
            if second <= judged:
                alert.total.add(came)
            if (alert.announced and alert.forget_announced(second)) or second <= judged:
                self._late.add(name)
        self._foreseen = None

    def _bucket(self, second: int, judged: int) -> dict[str, Sum]:
        bucket = self._buckets.get(second)
        if bucket is None:
            bucket = self._buckets[second] = {}
            heappush(self._entering if second > judged else self._leaving, second)
        return bucket

    def _alert_with_room(self, second: int, key: str) -> _KeyAlert | None:
        """Where a new sum of this key is to be added; None where there is no room for it."""
        if not self._has_room:
            self._make_room(second)
            if not self._has_room:
                return None
        alert = self._alerts.get(key)
        if alert is None:
            alert = self._alerts[key] = _KeyAlert(self._gauge.nothing())
        return alert

    @property
    def _has_room(self) -> bool:
        return self._entries + len(self._alerts) < self._most_entries

    def _make_room(self, second: int) -> None:
        """Forget the keys with the fewest requests until half is free; once a second: it may be in vain."""
        if self._made_room_at == second:
            return
        self._made_room_at = second
        hits = {key: 0 for key, alert in self._alerts.items() if not alert.must_stay}
        for bucket in self._buckets.values():
            for key in bucket.keys() & hits.keys():
                hits[key] += bucket[key].hits
        gone = set()
        for key in sorted(hits, key=lambda key: (hits[key], key)):
            if self._entries + len(self._alerts) <= self._most_entries // 2:
                break
            self._entries -= self._alerts.pop(key).held
            gone.add(key)
        for bucket in self._buckets.values():
            for key in bucket.keys() & gone:
                del bucket[key]
        self.forgotten += len(gone)

    def _set_first(self, second: int) -> None:
        super()._set_first(second)
        if self.rule.below:
            self._remind(second + self.rule.window_s - 1, _ALL)

    # What is over

    def judge_up_to(self, last: int) -> list[AlertEvent]:
        """Judge every second up to `last` that may change anything."""
        events: list[AlertEvent] = []
        while self._judged is not None and self._judged < last:
            self._judged = second = min(self._next_second(self._judged), last)
            changed, self._late = self._late, set()
            if self._entering and self._entering[0] == second:
                changed |= self._enter()
            if self._leaving and self._leaving[0] == second - self.rule.window_s:
                changed |= self._leave()
            while self._reminders and self._reminders[0][0] <= second:
                key = heappop(self._reminders)[1]
                changed |= self._alerts.keys() if key == _ALL else {key}
            events += self._judge_keys(second, changed)
        return events

    def _judge_keys(self, second: int, keys: set[str]) -> list[AlertEvent]:
        events = []
        for key in keys:
            alert = self._alerts.get(key)
            if alert is None:  # forgotten meanwhile
                continue
            if not self._is_calm(alert):
                event = self._judge(second, key, alert)
                if event is not None:
                    events.append(event)
            if not alert.held and alert.is_idle:
                del self._alerts[key]
        return sorted(events, key=lambda event: event.key or "") if events else events

    def _next_second(self, judged: int) -> int:
        """The next one in which something may change."""
        if self._late:
            return judged + 1
        entering = self._entering[0] if self._entering else NEVER
        leaving = self._leaving[0] + self.rule.window_s if self._leaving else NEVER
        due = self._reminders[0][0] if self._reminders else NEVER
        return max(judged + 1, min(entering, leaving, due))

    def _enter(self) -> set[str]:
        second = heappop(self._entering)
        heappush(self._leaving, second)
        for key, came in self._buckets[second].items():
            self._alerts[key].total.add(came)
        return set(self._buckets[second])

    def _leave(self) -> set[str]:
        second = heappop(self._leaving)
        bucket = self._buckets.pop(second)
        for key, came in bucket.items():
            alert = self._alerts[key]
            alert.total.subtract(came)
            alert.held -= 1
        self._entries -= len(bucket)
        return set(bucket)

    def _remind(self, second: int, key: str | None) -> None:
        heappush(self._reminders, (second, key or _ALL))

    def _copy(self) -> KeyedWatch:
        other = KeyedWatch(self.rule, self._by, self._most_entries)
        other._judged, other._first = self._judged, self._first
        for key, alert in self._alerts.items():
            copied = other._alerts[key] = _KeyAlert(alert.total)
            copied.put(alert)
            copied.held = alert.held
        other._buckets, other._entries = self._buckets.copy(), self._entries
        other._entering, other._leaving = [*self._entering], [*self._leaving]
        other._reminders, other._late = [*self._reminders], self._late.copy()
        return other

    # What a restart needs

    def snapshot(self) -> WatchState:
        """All that `restore` needs to go on from here."""
        state = super().snapshot()
        state.made_room_at = self._made_room_at
        return state

    def restore(self, state: WatchState) -> bool:
        """Go on from there; see `Watch.restore`."""
        self._made_room_at = state.made_room_at
        return super().restore(state)

    def _packed_seconds(self) -> dict[str | None, list[tuple[int, list[Any]]]]:
        packed: dict[str | None, list[tuple[int, list[Any]]]] = {}
        for second, bucket in sorted(self._buckets.items()):
            for key, came in bucket.items():
                packed.setdefault(key, []).append((second, came.pack()))
        return packed

    def _packed_waiting(self) -> list[tuple[int | None, str | None, list[Any]]]:
        return [
            (second, key, came.pack())
            for second, waiting in self._keys_waiting.items()
            for key, came in waiting.items()
        ]

    def _restore_key(self, kept: KeyState, judged: int) -> None:
        key = kept.key or UNKNOWN_KEY
        alert = self._alerts[key] = _KeyAlert(self._gauge.nothing())
        self._restore_alert(alert, kept)
        for second, packed in kept.seconds:
            came = self._bucket(second, judged)[key] = self._gauge.unpack(packed)
            alert.held += 1
            self._entries += 1
            if second <= judged:
                alert.total.add(came)
        self._late.add(key)  # as in `WholeWatch`

    def _restore_waiting(self, second: int | None, key: str | None, packed: list[Any]) -> None:
        self._keys_waiting.setdefault(second, {})[key or UNKNOWN_KEY] = self._gauge.unpack(packed)
        self._entries_waiting += 1
