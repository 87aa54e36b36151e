"""What waits to be sent to one destination: in order, one at a time, tried again ever more rarely.

Times are seconds of any clock that never goes back. Whatever there is to tell the user comes back as lines;
the one who asks says whom they are about.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from w3ctools.core.wire import AlertEvent

#: What waits beyond that costs the oldest.
MAX_WAITING = 1000
#: The pauses after failures in a row: 1, 2, 4 ... 60 s.
FIRST_DELAY_S, MAX_DELAY_S = 1.0, 60.0
#: The pause between the last tries, when the input has ended and somebody waits.
DRAIN_DELAY_S = 1.0
#: No message is tried again later than this after it came: the news is old by then.
PATIENCE_S = 3600.0
#: Lost messages are counted, and told no more often than this.
TELL_DROPPED_EVERY_S = 60.0

#: There is nothing to wait for.
_AT_ONCE = float("-inf")


class _Waiting(NamedTuple):
    event: AlertEvent
    since_s: float


class Pending:
    """The events for one destination; `take` one, and say whether it was `sent` or has `failed`."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        #: The event being sent or tried again: it keeps its place, however many come.
        self._current: _Waiting | None = None
        self._delay_s = FIRST_DELAY_S
        self._next_try_s = _AT_ONCE
        self._is_failing = False
        self._is_draining = False
        #: Dropped and not told yet.
        self._dropped = 0
        self._tell_dropped_from_s = _AT_ONCE

    @property
    def lost(self) -> int:
        """How many will not have been sent if it all ends now, as far as that was not told yet."""
        return len(self._waiting) + (self._current is not None) + self._dropped

    def put(self, event: AlertEvent, now_s: float) -> list[str]:
        """An event to send."""
        self._waiting.append(_Waiting(event, now_s))
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        return self._tell_dropped(now_s)

    def pause_s(self, now_s: float) -> float | None:
        """How long to wait until there is something to send; 0 for not at all, None if there is nothing."""
        if self._current is None and not self._waiting:
            return None
        return max(0.0, self._next_try_s - now_s)

    def take(self) -> AlertEvent:
        """The event to send now: the one that failed last, or the oldest."""
        if self._current is None:
            self._current = self._waiting.popleft()
        return self._current.event

    def sent(self, now_s: float) -> list[str]:
        """What was taken is there."""
        self._current = None
        self._delay_s, self._next_try_s = FIRST_DELAY_S, _AT_ONCE
        was_failing, self._is_failing = self._is_failing, False
        return [*(["sent again"] if was_failing else []), *self._tell_dropped(now_s)]

    def failed(self, reason: str, now_s: float) -> list[str]:
        """What was taken could not be sent, and is kept to be tried again unless that would be too late."""
        pause_s = DRAIN_DELAY_S if self._is_draining else self._delay_s
        self._delay_s = min(2 * self._delay_s, MAX_DELAY_S)
        self._next_try_s = now_s + pause_s
        lines = [] if self._is_failing else [f"{reason}: trying again"]
        self._is_failing = True
        return [*lines, *self._give_up_the_old(reason), *self._tell_dropped(now_s)]

    def refused(self, reason: str) -> list[str]:
        """What was taken could not be sent, and must not be tried again."""
        current, self._current = self._current, None
        return [] if current is None else [f"not sent: {current.event.message}: {reason}"]

    def drain(self) -> None:
        """Nothing more will come: from now on no pause is long."""
        self._is_draining = True
        self._next_try_s = _AT_ONCE

    def _give_up_the_old(self, reason: str) -> list[str]:
        """Those whose time will be over at the next try; a long outage ends many at once."""
        too_old: list[AlertEvent] = []
        while (oldest := self._oldest()) and oldest.since_s + PATIENCE_S < self._next_try_s:
            too_old.append(self.take())
            self._current = None
        if not too_old:
            return []
        if len(too_old) == 1:
            return [f"not sent: {too_old[0].message}: {reason}"]
        return [f"{len(too_old)} messages not sent, the first: {too_old[0].message}: {reason}"]

    def _oldest(self) -> _Waiting | None:
        if self._current is not None:
            return self._current
        return self._waiting[0] if self._waiting else None

    def _tell_dropped(self, now_s: float) -> list[str]:
        if not self._dropped or now_s < self._tell_dropped_from_s:
            return []
        count, self._dropped = self._dropped, 0
        self._tell_dropped_from_s = now_s + TELL_DROPPED_EVERY_S
        return [f"{messages_were(count)} dropped, the oldest of more than {MAX_WAITING} that wait"]


def messages_were(count: int) -> str:
    """The beginning of a sentence.

    >>> messages_were(1), messages_were(2)
    ('1 message was', '2 messages were')
    """
    return "1 message was" if count == 1 else f"{count} messages were"
