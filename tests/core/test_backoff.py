"""What waits for a destination: its order, its pauses, and what is told of it. Time is an argument."""

from __future__ import annotations

import pytest

from w3ctools.core.backoff import MAX_WAITING, PATIENCE_S, Pending
from w3ctools.core.wire import AlertEvent


def _event(number: int) -> AlertEvent:
    return AlertEvent(message=f"message {number}")


def _pending(count: int) -> Pending:
    pending = Pending()
    for number in range(count):
        assert pending.put(_event(number), 0) == []
    return pending


def _fail_until(pending: Pending, end_s: float) -> list[tuple[float, str]]:
    """Fail whenever it is time, from 0 on: what was told, and when."""
    told, now_s = [], 0.0
    while now_s <= end_s and (pause_s := pending.pause_s(now_s)) is not None:
        now_s += pause_s
        pending.take()
        told += [(now_s, line) for line in pending.failed("refused", now_s)]
    return told


def test_nothing_waits_at_first() -> None:
    pending = Pending()
    assert (pending.pause_s(0), pending.lost) == (None, 0)


def test_events_come_in_their_order() -> None:
    pending = _pending(3)
    taken = []
    while pending.pause_s(0) is not None:
        taken.append(pending.take())
        assert pending.sent(0) == []
    assert taken == [_event(0), _event(1), _event(2)]


def test_failed_event_keeps_its_place() -> None:
    pending = _pending(2)
    pending.take()
    pending.failed("refused", 0)
    assert pending.take() == _event(0)


def test_pauses_double_up_to_a_minute() -> None:
    pending = _pending(1)
    pauses, now_s = [], 0.0
    for _ in range(9):
        pending.take()
        pending.failed("refused", now_s)
        pause_s = pending.pause_s(now_s)
        assert pause_s is not None
        pauses.append(pause_s)
        now_s += pause_s
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_pause_grows_shorter_as_time_passes() -> None:
    pending = _pending(1)
    pending.take()
    pending.failed("refused", 10)
    assert (pending.pause_s(10.25), pending.pause_s(99)) == (0.75, 0)


def test_success_begins_with_short_pauses_again() -> None:
    pending = _pending(2)
    for now_s in (0, 1, 3):
        pending.take()
        pending.failed("refused", now_s)
    pending.take()
    pending.sent(7)
    assert pending.pause_s(7) == 0
    pending.take()
    pending.failed("refused", 7)
    assert pending.pause_s(7) == 1


def test_failure_and_recovery_are_told_once_each() -> None:
    pending = _pending(2)
    told = []
    for now_s in (0, 1, 3):
        pending.take()
        told.append(pending.failed("refused", now_s))
    for _ in range(2):
        pending.take()
        told.append(pending.sent(7))
    assert told == [["refused: trying again"], [], [], ["sent again"], []]


def test_event_is_given_up_after_an_hour() -> None:
    told = _fail_until(_pending(1), 2 * PATIENCE_S)
    assert [line for _, line in told] == ["refused: trying again", "not sent: message 0: refused"]
    given_up_s = told[-1][0]
    assert PATIENCE_S - 60 <= given_up_s <= PATIENCE_S


def test_events_given_up_at_once_are_one_line() -> None:
    pending = _pending(3)
    told = _fail_until(pending, 2 * PATIENCE_S)
    assert told[-1][1] == "3 messages not sent, the first: message 0: refused"
    assert pending.lost == 0


def test_later_event_has_an_hour_of_its_own() -> None:
    pending = _pending(1)
    pending.put(_event(1), 1800)
    told = _fail_until(pending, 3 * PATIENCE_S)
    last_s, line = told[-1]
    assert line == "not sent: message 1: refused"
    assert 1800 + PATIENCE_S - 60 <= last_s <= 1800 + PATIENCE_S


def test_dead_destination_is_not_asked_at_once_after_giving_up() -> None:
    pending = _pending(1)
    last_s = _fail_until(pending, 2 * PATIENCE_S)[-1][0]
    pending.put(_event(1), last_s)
    assert pending.pause_s(last_s) == 60


def test_refused_event_is_not_tried_again() -> None:
    pending = _pending(2)
    pending.take()
    assert pending.refused("no such user") == ["not sent: message 0: no such user"]
    assert (pending.pause_s(0), pending.take()) == (0, _event(1))


class TestFull:
    def test_oldest_that_waits_is_dropped(self) -> None:
        pending = _pending(MAX_WAITING)
        assert pending.put(_event(MAX_WAITING), 0) == [
            "1 message was dropped, the oldest of more than 1000 that wait"
        ]
        assert pending.take() == _event(1)

    def test_event_being_tried_again_is_not_dropped(self) -> None:
        pending = _pending(1)
        pending.take()
        for number in range(1, MAX_WAITING + 2):
            pending.put(_event(number), 0)
        pending.failed("refused", 0)
        assert pending.take() == _event(0)
        pending.sent(0)
        assert pending.take() == _event(2)

    def test_burst_is_told_once_a_minute_with_all_that_was_dropped(self) -> None:
        pending = _pending(MAX_WAITING)
        told = [(now_s, line) for now_s in range(121) for line in pending.put(_event(now_s), now_s)]
        assert told == [
            (0, "1 message was dropped, the oldest of more than 1000 that wait"),
            (60, "60 messages were dropped, the oldest of more than 1000 that wait"),
            (120, "60 messages were dropped, the oldest of more than 1000 that wait"),
        ]

    @pytest.mark.parametrize("ends", ["sent", "failed"])
    def test_rest_of_a_burst_is_told_by_what_happens_next(self, ends: str) -> None:
        pending = _pending(MAX_WAITING)
        for _ in range(3):
            pending.put(_event(0), 0)
        pending.take()
        told = pending.sent(60) if ends == "sent" else pending.failed("refused", 60)
        assert told[-1] == "2 messages were dropped, the oldest of more than 1000 that wait"

    def test_lost_counts_what_waits_is_tried_or_was_dropped_untold(self) -> None:
        pending = _pending(MAX_WAITING)
        pending.take()
        for _ in range(3):  # the second is dropped and told, the third dropped
            pending.put(_event(0), 0)
        assert pending.lost == 1 + MAX_WAITING + 1


class TestDrain:
    def test_ends_a_long_pause(self) -> None:
        pending = _pending(1)
        _fail_until(pending, 200)
        assert pending.pause_s(200) != 0
        pending.drain()
        assert pending.pause_s(200) == 0

    def test_tries_once_a_second(self) -> None:
        pending = _pending(1)
        pending.drain()
        for now_s in range(5):
            pending.take()
            pending.failed("refused", now_s)
            assert pending.pause_s(now_s) == 1
