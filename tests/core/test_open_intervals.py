"""Intervals of a stream: given once, when the log is past them; what is late is given by itself."""

from __future__ import annotations

from harness import EPOCH, log_line
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.open_intervals import (
    AHEAD_S,
    Came,
    Open,
    advance,
    decode_came,
    decode_open,
    encode_came,
    encode_open,
)
from w3ctools.core.pieces import NO_TIME, Grouping, LogCounting, Part
from w3ctools.core.summary import Summary

INTERVAL_S, LATENESS_S = 10, 20
FAR_S = EPOCH + 1_000_000


def came(*epochs: int, path: str = "a.log", modified_s: int = FAR_S, extra: bytes = b"") -> Came:
    """A file with a request at each of these seconds."""
    limit_s = modified_s + AHEAD_S
    counting = LogCounting(path, 0, Grouping(INTERVAL_S, limit_s))
    counting.feed(extra + b"".join(log_line(epoch) for epoch in epochs))
    return Came(counting.flush(), limit_s)


def requests(parts: list[tuple[int, Part]]) -> dict[int, int]:
    """By the first second of each interval, from `EPOCH` on."""
    assert len(dict(parts)) == len(parts)
    return {key - EPOCH: Summary.from_bytes(part.packed).requests for key, part in parts}


class TestAdvance:
    def test_interval_is_given_when_the_log_is_past_its_lateness(self) -> None:
        first = advance(Open(), [came(EPOCH, EPOCH + 9, EPOCH + 29)], INTERVAL_S, LATENESS_S)
        assert (first.given, first.open.newest_s) == ([], EPOCH + 29)
        second = advance(first.open, [came(EPOCH + 30)], INTERVAL_S, LATENESS_S)
        assert requests(second.given) == {0: 2}
        assert requests(second.open.parts) == {20: 1, 30: 1}

    def test_files_of_one_interval_are_summed_up(self) -> None:
        files = [came(EPOCH, path="a"), came(EPOCH + 1, EPOCH + 1, path="b"), came(EPOCH + 30, path="c")]
        after = advance(Open(), files, INTERVAL_S, LATENESS_S)
        assert requests(after.given) == {0: 3}
        assert after.given[0][1].seconds == {EPOCH: 1, EPOCH + 1: 2}

    def test_what_is_late_is_given_by_itself(self) -> None:
        before = advance(Open(), [came(EPOCH, EPOCH + 60)], INTERVAL_S, LATENESS_S)
        assert requests(before.given) == {0: 1}
        after = advance(before.open, [came(EPOCH + 5, EPOCH + 6)], INTERVAL_S, LATENESS_S)
        assert requests(after.given) == {0: 2}
        assert after.open == before.open

    def test_future_stamp_moves_nothing_and_is_given_at_once(self) -> None:
        future = EPOCH + AHEAD_S + 11
        after = advance(Open(), [came(EPOCH, future, modified_s=EPOCH)], INTERVAL_S, LATENESS_S)
        assert requests(after.given) == {AHEAD_S + 10: 1}
        assert requests(after.open.parts) == {0: 1}
        assert after.open.newest_s == EPOCH

    def test_stamp_a_little_ahead_is_believed(self) -> None:
        after = advance(Open(), [came(EPOCH, EPOCH + AHEAD_S, modified_s=EPOCH)], INTERVAL_S, LATENESS_S)
        assert requests(after.given) == {0: 1}

    def test_lines_without_time_count_with_the_next_or_are_given_at_once(self) -> None:
        uvicorn = b'INFO:     127.0.0.1:1 - "GET /a HTTP/1.1" 200 OK\n'
        after = advance(Open(), [came(extra=uvicorn * 3)], INTERVAL_S, LATENESS_S)
        assert [key for key, _ in after.given] == [NO_TIME]
        assert after.open == Open()
        mixed = advance(Open(), [came(EPOCH, extra=uvicorn * 3)], INTERVAL_S, LATENESS_S)
        assert requests(mixed.open.parts) == {0: 4}

    @given(st.lists(st.lists(st.integers(0, 200), max_size=6), max_size=8), st.data())
    def test_every_request_is_given_once_whatever_comes_when(
        self, files: list[list[int]], data: st.DataObject
    ) -> None:
        state = Open()
        given: list[tuple[int, Part]] = []
        left = [came(*(EPOCH + at for at in file), path=str(n)) for n, file in enumerate(files)]
        while left:
            taken = data.draw(st.integers(1, len(left)))
            after = advance(decode_open(encode_open(state)), left[:taken], INTERVAL_S, LATENESS_S)
            state, left = after.open, left[taken:]
            given += after.given
        total: dict[int, int] = {}
        for key, part in [*given, *state.parts]:
            for second, count in (part.seconds or {}).items():
                assert key <= second < key + INTERVAL_S
                total[second - EPOCH] = total.get(second - EPOCH, 0) + count
        expected = [at for file in files for at in file]
        assert total == {at: expected.count(at) for at in expected}


def test_state_and_files_survive_as_bytes() -> None:
    one = came(EPOCH, EPOCH + 60)
    assert decode_came(encode_came(one)) == one
    after = advance(Open(), [one], INTERVAL_S, LATENESS_S)
    assert decode_open(encode_open(after.open)) == after.open
