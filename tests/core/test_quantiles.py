"""Quantiles: exact while the values are few, within the stated error of rank beyond, merged in any order."""

from __future__ import annotations

import base64
import json
import random
import struct
import subprocess
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from w3ctools.core.quantiles import MOST_VALUES, RANK_ERROR, Quantiles

SHARES = (0.0, 0.01, 0.5, 0.95, 0.99, 0.999, 1.0)
#: What may come on top of the error of rank: no rank is between two values.
BETWEEN = 2

finite = st.floats(allow_nan=False, allow_infinity=False)


def quantiles_of(*parts: list[float]) -> Quantiles:
    """Those of these values."""
    quantiles = Quantiles()
    for part in parts:
        quantiles.add(part)
    return quantiles


def merged(*parts: Quantiles) -> Quantiles:
    """Those of all of them."""
    quantiles = Quantiles()
    for part in parts:
        quantiles.merge(part)
    return quantiles


def sent(quantiles: Quantiles) -> Quantiles:
    """The same from the other end of a pipe."""
    return Quantiles.unpack(json.loads(json.dumps(quantiles.pack())))


def told(quantiles: Quantiles) -> tuple[int, bool, list[float | None]]:
    """All that they say."""
    return quantiles.count, quantiles.is_exact, [quantiles.quantile(share) for share in SHARES]


def in_parts(values: list[float], number: int) -> list[list[float]]:
    """The same values in so many parts, one after the other."""
    size = -(-len(values) // number)
    return [values[begin : begin + size] for begin in range(0, len(values), size)]


def in_blocks(values: list[float]) -> list[list[float]]:
    """The same values as they come."""
    return in_parts(values, len(values) // 100)


class TestExact:
    def test_of_nothing(self) -> None:
        assert told(Quantiles()) == (0, True, [None] * len(SHARES))

    @pytest.mark.parametrize(
        ("share", "value"),
        [(0.0, 1), (0.07, 7), (0.5, 50), (0.501, 51), (0.95, 95), (0.999, 100), (1.0, 100)],
    )
    def test_nearest_rank(self, share: float, value: int) -> None:
        values = [float(number) for number in range(1, 101)]
        random.Random(1).shuffle(values)
        assert quantiles_of(values).quantile(share) == value

    def test_as_many_values_as_may_be(self) -> None:
        quantiles = quantiles_of([0.1] * MOST_VALUES)
        assert quantiles.is_exact
        quantiles.add([0.1])
        assert (quantiles.is_exact, quantiles.count) == (False, MOST_VALUES + 1)

    def test_what_is_added_stays_as_it_is(self) -> None:
        values = [2.0, 1.0]
        quantiles = quantiles_of(values)
        quantiles.quantile(0.5)
        quantiles.add([0.0])
        assert values == [2.0, 1.0]

    @given(st.lists(st.lists(finite, max_size=20), max_size=6), st.randoms(use_true_random=False))
    def test_any_split_and_any_order_says_the_same(
        self, blocks: list[list[float]], chance: random.Random
    ) -> None:
        whole = quantiles_of([value for block in blocks for value in block])
        parts = [quantiles_of(block) for block in blocks]
        while len(parts) > 1:
            chance.shuffle(parts)
            parts.append(merged(parts.pop(), sent(parts.pop())))
        for quantiles in parts:
            assert told(quantiles) == told(whole)

    @given(st.lists(finite, min_size=1, max_size=50), st.floats(0, 1))
    def test_is_the_least_that_such_a_share_is_not_above(self, values: list[float], share: float) -> None:
        value = quantiles_of(values).quantile(share)
        assert value in values
        not_above = sum(other <= value for other in values)
        below = sum(other < value for other in values)
        assert below / len(values) <= share <= not_above / len(values) + 1e-12

    def test_nothing_else_is_imported(self) -> None:
        program = (
            "import sys; from w3ctools.core.quantiles import Quantiles as Q; q = Q(); q.add([1.0]);"
            "q.merge(Q.unpack(q.pack())); q.quantile(0.5); sys.exit('datasketches' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", program], timeout=30, check=False).returncode == 0


VALUES = 40_000
CHANCE = random.Random(5)
INPUTS: dict[str, list[float]] = {
    "uniform": [CHANCE.uniform(-5, 5) for _ in range(VALUES)],
    "lognormal": [CHANCE.lognormvariate(-3, 2) for _ in range(VALUES)],
    "constant": [0.7] * VALUES,
    "sorted": [float(number) for number in range(VALUES)],
    "reversed": [float(-number) for number in range(VALUES)],
    "milliseconds": [round(CHANCE.expovariate(20), 3) for _ in range(VALUES)],
    "sizes": [float(int(CHANCE.paretovariate(0.5))) for _ in range(VALUES)],
}


def whole(values: list[float]) -> Quantiles:
    return quantiles_of(*in_blocks(values))


def at_once(values: list[float]) -> Quantiles:
    return quantiles_of(values)


def of_parts(values: list[float]) -> Quantiles:
    return merged(*(quantiles_of(part) for part in in_parts(values, 20)))


def of_sent_parts(values: list[float]) -> Quantiles:
    return sent(merged(*(sent(quantiles_of(part)) for part in in_parts(values, 7))))


def into_one_that_is_fed(values: list[float]) -> Quantiles:
    quantiles = sent(quantiles_of(values[: VALUES // 2]))
    for part in in_blocks(values[VALUES // 2 :]):
        quantiles.merge(quantiles_of(part))
    return quantiles


ORDERS = [whole, at_once, of_parts, of_sent_parts, into_one_that_is_fed]


class TestSketch:
    @pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.__name__)
    @pytest.mark.parametrize("name", INPUTS)
    def test_rank_is_within_the_error(self, name: str, order: Callable[[list[float]], Quantiles]) -> None:
        values = INPUTS[name]
        quantiles = order(values)
        ordered = sorted(values)
        assert (quantiles.count, quantiles.is_exact) == (VALUES, False)
        for share in (0.5, 0.9, 0.95, 0.99, 0.999, 1.0):
            value = quantiles.quantile(share)
            assert value is not None
            # Single floats: the ranks of what is as good as equal.
            below = bisect_left(ordered, value - abs(value) * 1e-7)
            not_above = bisect_right(ordered, value + abs(value) * 1e-7)
            off = RANK_ERROR * (1 - share) * VALUES + BETWEEN
            assert below - off <= share * VALUES <= not_above + off, (share, value)

    @pytest.mark.parametrize("value", [0.0, 0.1, 0.3, 0.7, -2.5, 1e-6, 12.3456, 16777216.0])
    def test_decimals_stay_as_they_were(self, value: float) -> None:
        assert quantiles_of([value] * 5_000).quantile(0.5) == value

    @pytest.mark.parametrize("value", [1e300, -1e300])
    def test_is_finite_whatever_came(self, value: float) -> None:
        quantiles = sent(quantiles_of([value] * 5_000))
        assert quantiles.quantile(0.5) == pytest.approx(3.4028235e38 if value > 0 else -3.4028235e38)

    @pytest.mark.parametrize("is_first", [True, False])
    def test_exact_with_sketch(self, is_first: bool) -> None:
        small, large = quantiles_of([9.0]), quantiles_of([1.0] * 5_000)
        quantiles = merged(small, large) if is_first else merged(large, small)
        assert (quantiles.count, quantiles.quantile(1.0)) == (5_001, 9.0)
        assert (small.count, large.count, large.quantile(1.0)) == (1, 5_000, 1.0)

    def test_two_exact_ones_overflow_together(self) -> None:
        quantiles = quantiles_of([1.0] * 4_000)
        quantiles.merge(quantiles_of([2.0] * 4_000))
        assert (quantiles.count, quantiles.is_exact) == (8_000, False)
        assert [quantiles.quantile(share) for share in (0.25, 1.0)] == [1.0, 2.0]

    def test_what_waits_for_its_block_counts(self) -> None:
        quantiles = quantiles_of([1.0] * 5_000, [5.0])
        assert quantiles.quantile(1.0) == 5.0
        quantiles.add([6.0])
        assert sent(quantiles).quantile(1.0) == 6.0
        assert quantiles.count == 5_002

    def test_is_small(self) -> None:
        quantiles = quantiles_of(*in_parts([CHANCE.random() for _ in range(500_000)], 100))
        quantiles.quantile(0.5)
        assert len(json.dumps(quantiles.pack())) < 20_000


def packed_sketch() -> bytes:
    """The bytes of a sketch of many values."""
    packed = quantiles_of([float(number) for number in range(20_000)]).pack()
    return base64.b64decode(packed["sketch"])


def unpacked(data: bytes) -> Quantiles:
    """The quantiles of a sketch of these bytes."""
    return Quantiles.unpack({"version": 1, "values": [], "sketch": base64.b64encode(data).decode()})


class TestPacked:
    @pytest.mark.parametrize("number", [0, 1, 4_096, 4_097, 5_000, 100_000])
    def test_says_the_same(self, number: int) -> None:
        quantiles = quantiles_of(*in_parts([CHANCE.random() for _ in range(number)], 50) if number else [])
        assert told(sent(quantiles)) == told(quantiles)
        assert told(sent(sent(quantiles))) == told(quantiles)

    @pytest.mark.parametrize(
        "packed",
        [
            None,
            7,
            "",
            [],
            {},
            {"version": 2, "values": []},
            {"version": 1},
            {"version": 1, "values": 7},
            {"version": 1, "values": ["a"]},
            {"version": 1, "values": [None]},
            {"version": 1, "values": [float("nan")]},
            {"version": 1, "values": [float("inf")]},
            {"version": 1, "values": [10**400]},
            {"version": 1, "values": [], "more": 1},
            {"version": 1, "values": [], "sketch": ""},
            {"version": 1, "values": [], "sketch": "not base64!"},
            {"version": 1, "values": [], "sketch": "AAAA"},
            {"version": 1, "values": [], "sketch": 7},
        ],
        ids=lambda packed: repr(packed)[:50],
    )
    def test_nonsense_is_refused(self, packed: Any) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            Quantiles.unpack(packed)

    def test_is_refused_when_cut_anywhere(self) -> None:
        data = packed_sketch()
        for end in range(len(data)):
            with pytest.raises(ValueError, match=r"\w"):
                unpacked(data[:end])

    @pytest.mark.parametrize(
        ("at", "change"),
        [
            (0, b"\x02"),
            (1, b"\x02"),
            (2, b"\x07"),
            (3, b"\x00"),
            (3, b"\xff"),
            (4, b"\x04"),
            (5, b"\x01"),
            (6, b"\x01"),
            (6, b"\xff"),
            (8, b"\xff" * 8),
            (16, struct.pack("<f", float("nan"))),
            (32, struct.pack("<f", 1.0)),
            (32, struct.pack("<f", float("nan"))),
            (32, struct.pack("<fBB", 0.0, 0, 0)),
            (36, b"\x01"),
            (37, b"\xff"),
            (40, b"\xff" * 4),
            (44, struct.pack("<f", float("nan"))),
        ],
    )
    def test_is_refused_with_a_damaged_field(self, at: int, change: bytes) -> None:
        data = packed_sketch()
        with pytest.raises(ValueError, match=r"\w"):
            unpacked(data[:at] + change + data[at + len(change) :])

    def test_is_refused_with_something_behind_it(self) -> None:
        data = packed_sketch()
        with pytest.raises(ValueError, match="hold"):
            unpacked(data + b"\0")

    @pytest.mark.parametrize("levels", [1, 60])
    def test_is_refused_with_so_many_levels(self, levels: int) -> None:
        data = packed_sketch()
        header = data[:6] + bytes((levels, 0)) + bytes(8) + data[16:24]
        empty = (bytes(8) + struct.pack("<fBBHI", 12.0, level, 3, 0, 0) for level in range(levels))
        with pytest.raises(ValueError, match="levels"):
            unpacked(header + b"".join(empty))

    @given(
        st.lists(st.tuples(st.integers(0, 600), st.binary(min_size=1, max_size=9)), min_size=1, max_size=3)
    )
    @example([(24, b"\xff" * 8)])
    @settings(deadline=None)
    def test_damage_is_refused_or_harmless(self, damages: list[tuple[int, bytes]]) -> None:
        data = packed_sketch()
        for at, change in damages:
            data = data[:at] + change + data[at + len(change) :]
        try:
            quantiles = unpacked(data)
        except ValueError:
            return
        quantiles.add([1.0] * 10_000)
        quantiles.merge(unpacked(data))
        assert isinstance(quantiles.quantile(0.5), float)
        assert told(sent(quantiles)) == told(quantiles)
