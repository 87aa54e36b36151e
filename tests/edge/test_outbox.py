"""The outbox: whatever a destination does, neither the caller nor another destination has to wait."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

from harness import AT_ONCE_S, DEADLINE_S

from w3ctools.core.backoff import MAX_WAITING
from w3ctools.core.wire import AlertEvent
from w3ctools.edge.outbox import Destination, Outbox, SendFailed


def _event(number: int) -> AlertEvent:
    return AlertEvent(state="raised", message=f"message {number}")


class Said:
    """The lines said so far."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, text: str) -> None:
        with self._changed:
            self.lines.append(text)
            self._changed.notify_all()

    def wait_for(self, text: str) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: text in self.lines, DEADLINE_S):
                raise AssertionError(f"not said: {text!r}, but {self.lines}")


class Friend:
    """A destination that does `first` at the first event, and takes all others."""

    def __init__(self, first: Callable[[], object] = lambda: None, name: str = "friend") -> None:
        self.name = name
        self.got: list[str] = []
        self.called = threading.Semaphore(0)
        self._first: Callable[[], object] | None = first

    def send(self, event: AlertEvent) -> None:
        first, self._first = self._first, None
        try:
            if first is not None:
                first()
            self.got.append(event.message)
        finally:
            self.called.release()

    def is_called(self) -> None:
        assert self.called.acquire(timeout=DEADLINE_S)


class Enemy:
    """A destination that always fails."""

    name = "enemy"

    def send(self, event: AlertEvent) -> None:
        raise SendFailed("connection refused")


def _fails() -> None:
    raise SendFailed("connection refused")


def _outbox(said: Said, *destinations: Destination, clock: Callable[[], float] = time.monotonic) -> Outbox:
    return Outbox(destinations, said, clock)


def test_every_destination_gets_all_in_order() -> None:
    said, one, two = Said(), Friend(), Friend()
    outbox = _outbox(said, one, two)
    for number in range(50):
        outbox.put(_event(number))
    outbox.close(DEADLINE_S)
    assert one.got == two.got == [f"message {number}" for number in range(50)]
    assert said.lines == []


def test_one_that_hangs_delays_no_other() -> None:
    said, release = Said(), threading.Event()
    hanging, other = Friend(lambda: release.wait(DEADLINE_S)), Friend()
    outbox = _outbox(said, hanging, other)
    try:
        outbox.put(_event(0))
        other.is_called()
        assert (hanging.got, other.got) == ([], ["message 0"])
    finally:
        release.set()
        outbox.close(DEADLINE_S)


def test_failed_event_is_sent_when_its_pause_is_over() -> None:
    said, friend = Said(), Friend(_fails)
    now_s = 0.0
    outbox = _outbox(said, friend, clock=lambda: now_s)
    outbox.put(_event(0))
    said.wait_for("friend: connection refused: trying again")
    assert friend.got == []
    now_s = 1.0
    outbox.put(_event(1))  # which has it look at the clock
    said.wait_for("friend: sent again")
    outbox.close(DEADLINE_S)
    assert friend.got == ["message 0", "message 1"]
    assert said.lines == ["friend: connection refused: trying again", "friend: sent again"]


def test_final_failure_is_told_and_the_next_is_sent() -> None:
    def refuse() -> None:
        raise SendFailed("no such user", is_final=True)

    said, friend = Said(), Friend(refuse)
    outbox = _outbox(said, friend)
    outbox.put(_event(0))
    outbox.put(_event(1))
    outbox.close(DEADLINE_S)
    assert friend.got == ["message 1"]
    assert said.lines == ["friend: not sent: message 0: no such user"]


def test_unexpected_error_is_a_failure_like_any_other() -> None:
    def stumble() -> None:
        raise KeyError("user:secret@host")

    said, friend = Said(), Friend(stumble)
    outbox = _outbox(said, friend)
    outbox.put(_event(0))
    said.wait_for("friend: unexpected KeyError: trying again")
    outbox.close(DEADLINE_S)
    assert friend.got == ["message 0"]
    assert said.lines == ["friend: unexpected KeyError: trying again", "friend: sent again"]


def test_more_than_can_wait_is_dropped_and_counted() -> None:
    said, release = Said(), threading.Event()
    friend = Friend(lambda: release.wait(DEADLINE_S))
    outbox = _outbox(said, friend, clock=lambda: 0.0)
    outbox.put(_event(0))
    for number in range(1, MAX_WAITING + 4):
        outbox.put(_event(number))
    release.set()
    outbox.close(DEADLINE_S)
    # The first was taken or was itself the oldest that waited.
    assert friend.got[-MAX_WAITING:] == [f"message {number}" for number in range(4, MAX_WAITING + 4)]
    dropped = MAX_WAITING + 4 - len(friend.got)
    assert said.lines == [
        "friend: 1 message was dropped, the oldest of more than 1000 that wait",
        f"friend: {dropped - 1} messages were not sent",
    ]


def test_line_breaks_and_escapes_of_a_message_are_shown() -> None:
    def refuse() -> None:
        raise SendFailed("no", is_final=True)

    said = Said()
    outbox = _outbox(said, Friend(refuse))
    outbox.put(AlertEvent(message="a\x1b[31m\nb"))
    outbox.close(DEADLINE_S)
    assert said.lines == [r"friend: not sent: a\x1b[31m\x0ab: no"]


def test_close_tries_again_at_once_and_says_what_is_left() -> None:
    said = Said()
    outbox = _outbox(said, Enemy())
    outbox.put(_event(0))
    outbox.put(_event(1))
    said.wait_for("enemy: connection refused: trying again")
    outbox.close(timeout_s=0.05)
    assert said.lines[1:] == ["enemy: 2 messages were not sent"]


def test_close_sends_what_waits_for_a_long_pause() -> None:
    said, friend = Said(), Friend(_fails)
    outbox = _outbox(said, friend, clock=lambda: 0.0)  # the pause is never over
    outbox.put(_event(0))
    said.wait_for("friend: connection refused: trying again")
    outbox.close(DEADLINE_S)
    assert said.lines[1:] == ["friend: sent again"]


def test_close_returns_in_time_though_one_hangs_and_that_one_says_nothing_later() -> None:
    said, release = Said(), threading.Event()

    def hang_and_fail() -> None:
        release.wait(DEADLINE_S)
        raise SendFailed("connection refused")

    hanging, other = Friend(hang_and_fail, "hanging"), Friend()
    outbox = _outbox(said, hanging, other)
    outbox.put(_event(0))
    started_s = time.monotonic()
    outbox.close(timeout_s=0.05)
    assert time.monotonic() - started_s < AT_ONCE_S
    assert said.lines == ["hanging: 1 message was not sent"]
    assert other.got == ["message 0"]
    release.set()
    hanging.is_called()
    assert said.lines == ["hanging: 1 message was not sent"]


def test_close_with_nothing_to_send_is_silent_and_at_once() -> None:
    said = Said()
    outbox = _outbox(said, Friend(), Enemy())
    started_s = time.monotonic()
    outbox.close(DEADLINE_S)
    assert time.monotonic() - started_s < AT_ONCE_S
    assert said.lines == []


def test_threads_leave_signals_to_the_main_thread() -> None:
    masks: list[set[int]] = []
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    outbox = _outbox(Said(), Friend(lambda: masks.append(set(signal.pthread_sigmask(signal.SIG_BLOCK, ())))))
    outbox.put(_event(0))
    outbox.close(DEADLINE_S)
    assert masks == [signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
