"""What was taken of the output: never more than was, all of it in the end, and how long ago."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w3ctools.core import delivery as delivery_module
from w3ctools.core.delivery import HISTORY_ENTRIES, MAX_PIECES, Delivery, Position


def _at(offset_bytes: int) -> Position:
    return Position(offset_bytes, b"%d\n" % offset_bytes)


def test_piece_in_the_pipe_is_not_taken() -> None:
    delivery = Delivery()
    delivery.wrote("a", _at(100), 100)
    delivery.settle(1, 0)
    assert delivery.position("a") is None
    assert not delivery.is_settled("a")


def test_piece_is_taken_with_its_last_byte() -> None:
    delivery = Delivery()
    delivery.wrote("a", _at(100), 100)
    delivery.wrote("a", _at(150), 50)
    delivery.settle(50, 0)
    assert delivery.position("a") == _at(100)
    assert not delivery.is_settled("a")
    delivery.settle(0, 0)
    assert delivery.position("a") == _at(150)
    assert delivery.is_settled("a")


def test_piece_without_a_key_takes_its_room() -> None:
    delivery = Delivery()
    delivery.wrote(None, _at(0), 30)
    delivery.wrote("a", _at(100), 100)
    delivery.wrote(None, _at(0), 30)
    delivery.settle(31, 0)
    assert delivery.position("a") is None
    delivery.settle(30, 0)
    assert delivery.position("a") == _at(100)
    assert delivery.position(None) is None
    assert delivery.is_settled("a")


def test_piece_of_no_bytes_waits_for_those_before_it() -> None:
    delivery = Delivery()
    delivery.wrote("a", _at(100), 100)
    delivery.wrote("b", _at(7), 0)
    delivery.settle(1, 0)
    assert delivery.position("b") is None
    assert not delivery.is_settled("b")
    delivery.settle(0, 0)
    assert delivery.position("b") == _at(7)
    assert delivery.is_settled("b")


def test_generations_are_told_apart() -> None:
    delivery = Delivery()
    delivery.wrote("old", _at(100), 10)
    delivery.wrote("new", _at(20), 20)
    delivery.settle(20, 0)
    assert (delivery.position("old"), delivery.position("new")) == (_at(100), None)
    assert (delivery.is_settled("old"), delivery.is_settled("new")) == (True, False)


def test_what_others_write_into_the_pipe_takes_nothing_back() -> None:
    delivery = Delivery()
    delivery.wrote("a", _at(100), 100)
    delivery.settle(0, 0)
    delivery.settle(5000, 1)
    assert delivery.position("a") == _at(100)
    assert delivery.is_settled("a")


def test_generation_that_was_begun_is_where_it_began() -> None:
    delivery = Delivery()
    delivery.wrote("old", _at(100), 100)
    delivery.begin("a", _at(40), 0)
    assert delivery.position("a") == _at(40)
    assert delivery.is_settled("a")


def test_unknown_generation_is_nowhere() -> None:
    delivery = Delivery(60)
    assert (delivery.position("a"), delivery.past("a", 0), delivery.is_settled("a")) == (None, (), True)
    delivery.forget("a")


def test_forgotten_generation_does_not_come_back() -> None:
    delivery = Delivery(60)
    delivery.wrote("a", _at(100), 100)
    delivery.wrote("b", _at(200), 100)
    delivery.forget("a")
    delivery.settle(100, 0)
    assert (delivery.position("a"), delivery.position("b")) == (None, None)
    delivery.settle(0, 0)
    assert (delivery.position("a"), delivery.position("b")) == (None, _at(200))


def test_generation_begun_anew_has_nothing_of_the_old_one_under_way() -> None:
    delivery = Delivery(60)
    delivery.wrote("a", _at(100), 100)
    delivery.begin("a", _at(0), 0)
    delivery.settle(0, 1)
    assert delivery.position("a") == _at(0)
    assert delivery.past("a", 1) == ((1, 0),)


# The past


def test_past_is_when_things_were_taken() -> None:
    delivery = Delivery(60)
    delivery.begin("a", _at(0), 1000)
    delivery.wrote("a", _at(100), 100)
    delivery.settle(100, 1010)
    delivery.settle(0, 1020)
    assert delivery.past("a", 1030.25) == ((30.25, 0), (10.25, 100))


def test_past_is_not_kept_without_a_history() -> None:
    delivery = Delivery()
    delivery.begin("a", _at(0), 0)
    delivery.wrote("a", _at(100), 100)
    delivery.settle(0, 1)
    assert delivery.past("a", 1) == ()


def test_past_keeps_one_entry_older_than_the_history() -> None:
    delivery = Delivery(60)
    for second in range(0, 100, 10):
        delivery.wrote("a", _at(second), 1)
        delivery.settle(0, second)
    assert delivery.past("a", 90) == ((60, 30), (50, 40), (40, 50), (30, 60), (20, 70), (10, 80), (0, 90))
    assert delivery.past("a", 95)[0] == (65, 30)
    assert delivery.past("a", 1000) == ((910, 90),)


def test_past_remembers_the_place_before_a_silence() -> None:
    """Of the entries in one step the last stays: after a silence nothing from before it comes again."""
    delivery = Delivery(600)
    for number in range(1, 50):
        delivery.wrote("a", _at(number), 1)
        delivery.settle(0, 1000 + number / 100)
    delivery.wrote("a", _at(100), 1)
    delivery.settle(0, 1300)
    assert delivery.past("a", 1300)[-2:] == ((299.51, 49), (0, 100))


def test_past_begins_where_reading_began_though_more_came_at_once() -> None:
    delivery = Delivery(600)
    delivery.begin("a", _at(0), 1003)
    for number in range(1, 50):
        delivery.wrote("a", _at(number), 1)
        delivery.settle(0, 1003 + number / 100)
    assert delivery.past("a", 1004) == ((1, 0), (0.51, 49))


@pytest.mark.parametrize("step_s", [0.01, 0.3, 1, 7])
def test_past_is_bounded_and_even(step_s: float) -> None:
    history_s = 120
    delivery = Delivery(history_s)
    for number in range(3000):
        delivery.wrote("a", _at(number), 10)
        delivery.settle(5, number * step_s)
        past = delivery.past("a", number * step_s)
        assert len(past) <= HISTORY_ENTRIES
    ages = [age_s for age_s, _ in past]
    gap_s = max(2 * history_s / (HISTORY_ENTRIES - 3), step_s)
    assert all(older > newer and older - newer <= gap_s + 0.01 for older, newer in pairwise(ages))


# However things are cut and mixed

#: A piece (key, size), a look at the pipe (how much of it may be left, and how long after the last look).
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["a", "b", "c", None]), st.integers(0, 5)),
        st.tuples(st.integers(0, 12), st.integers(0, 3)),
    ),
    max_size=60,
)


class Model:
    """The output byte by byte: for each, the generation and the offset behind it."""

    def __init__(self) -> None:
        self.offsets = {"a": 0, "b": 0, "c": 0}
        self.written: list[tuple[str, int] | None] = []
        self.taken_bytes = 0
        #: When the reader had taken how much.
        self.looks: list[tuple[int, int]] = [(0, 0)]

    def write(self, key: str | None, size_bytes: int) -> int:
        """Add a piece; return where its generation is then."""
        for _ in range(size_bytes):
            if key is None:
                self.written.append(None)
                continue
            self.offsets[key] += 1
            self.written.append((key, self.offsets[key]))
        return 0 if key is None else self.offsets[key]

    def take(self, held_bytes: int, now_s: int) -> int:
        """Let the reader take all but so much; return what the pipe holds."""
        self.taken_bytes = max(self.taken_bytes, len(self.written) - held_bytes)
        self.looks.append((now_s, self.taken_bytes))
        return len(self.written) - self.taken_bytes

    def offset(self, key: str, taken_bytes: int) -> int:
        """Up to where a generation was taken when so much of the output was."""
        return max([it[1] for it in self.written[:taken_bytes] if it and it[0] == key], default=0)


@pytest.mark.parametrize("max_pieces", [0, MAX_PIECES], ids=["few pieces under way", "many"])
@given(STEPS)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_position_is_never_beyond_what_was_taken(
    max_pieces: int, steps: list[tuple[str | int | None, int]]
) -> None:
    history_s = 10
    model, delivery, now_s = Model(), Delivery(history_s), 0
    for key in model.offsets:
        delivery.begin(key, _at(0), now_s)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery_module, "MAX_PIECES", max_pieces)
        for step, number in steps:
            if isinstance(step, int):
                now_s += number
                delivery.settle(model.take(step, now_s), now_s)
            else:
                delivery.wrote(step, _at(model.write(step, number)), number)
            _compare(model, delivery, now_s, history_s)
    delivery.settle(model.take(0, now_s), now_s)
    for key, offset in model.offsets.items():
        assert delivery.position(key) == _at(offset)
        assert delivery.is_settled(key)


def _compare(model: Model, delivery: Delivery, now_s: int, history_s: int) -> None:
    for key in model.offsets:
        position = delivery.position(key)
        assert position is not None
        assert position.offset_bytes <= model.offset(key, model.taken_bytes)
        if delivery.is_settled(key):
            assert position.offset_bytes == model.offset(key, model.taken_bytes) == model.offsets[key]
        past = delivery.past(key, now_s)
        assert past[-1][1] == position.offset_bytes
        assert past[0][0] >= min(now_s, history_s)
        for age_s, offset in past:
            taken_bytes = max(taken for then_s, taken in model.looks if then_s <= now_s - age_s)
            assert offset <= model.offset(key, taken_bytes)


def test_pieces_under_way_are_bounded_and_progress_goes_on() -> None:
    """Looks are far apart and the pipe is always full."""
    delivery = Delivery()
    held_bytes = 1000
    lag = 0
    for number in range(1, 50 * MAX_PIECES):
        delivery.wrote(number % 2, _at(number), 1)
        assert len(delivery._pieces) <= MAX_PIECES
        if number % (3 * MAX_PIECES) == 0:
            delivery.settle(held_bytes, 0)
            position = delivery.position(0)
            assert position is not None
            lag = max(lag, number - held_bytes - position.offset_bytes)
    assert 0 < lag < 3 * MAX_PIECES


def test_pieces_of_very_many_generations_are_bounded() -> None:
    delivery = Delivery()
    for number in range(40_000):
        delivery.wrote(number % 1000, _at(number), 1)
    assert len(delivery._pieces) <= 4000
    delivery.settle(0, 0)
    assert [delivery.position(key) for key in range(1000)] == [_at(39_000 + key) for key in range(1000)]
