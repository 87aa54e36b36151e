"""Scenarios: how much of what comes in each second."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest

from w3ctools.core.synth.scenario import CRAWLER, FAILING, FLOOD, SCENARIOS, USUAL, Rates, interleaved

T0_S = 1_600_000_000
MIDNIGHT_S = 1_600_041_600  # 2020-09-14T00:00:00Z


def rates(name: str, second: int) -> Rates:
    return SCENARIOS[name](second, T0_S + second, Fraction(10))


@pytest.mark.parametrize("name", SCENARIOS)
def test_rates_are_exact_and_never_negative(name: str) -> None:
    found = [rate for second in range(1200) for rate in rates(name, second).values()]
    assert found
    assert all(isinstance(rate, Fraction) and rate >= 0 for rate in found)


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - {"day"}))
def test_a_scenario_repeats_itself_every_ten_minutes(name: str) -> None:
    assert [rates(name, second) for second in range(600)] == [rates(name, 600 + s) for s in range(600)]


@pytest.mark.parametrize(
    ("name", "first", "last", "within"),
    [
        ("burst", 240, 359, {USUAL: 80}),
        ("deploy-500", 120, 239, {USUAL: Fraction(39, 5), FAILING: Fraction(26, 5)}),
        ("crawler", 120, 419, {USUAL: 10, CRAWLER: 50}),
        ("flood", 120, 239, {USUAL: 10, FLOOD: 300}),
        ("quiet-night", 180, 479, {}),
    ],
)
def test_it_happens_in_its_minutes_alone(name: str, first: int, last: int, within: Rates) -> None:
    odd = [second for second in range(600) if rates(name, second) != {USUAL: 10}]
    assert odd == list(range(first, last + 1))
    assert [rates(name, second) for second in (first, last)] == [within, within]


def test_a_day_has_a_night_and_an_afternoon_and_is_the_rate_on_average() -> None:
    hours = [SCENARIOS["day"](0, MIDNIGHT_S + minute * 60, Fraction(10))[USUAL] for minute in range(1440)]
    assert (min(hours), max(hours)) == (Fraction(2), Fraction(18))
    assert hours.index(min(hours)) == pytest.approx(240, abs=15)
    assert hours.index(max(hours)) == pytest.approx(960, abs=15)
    assert sum(hours) / 1440 == pytest.approx(10, abs=0.001)


def test_mixes_come_evenly_within_a_second() -> None:
    order = interleaved((("a", 100), ("b", 10)))
    assert Counter(order) == {"a": 100, "b": 10}
    assert [Counter(order[begin : begin + 11])["b"] for begin in range(0, 110, 11)] == [1] * 10


def test_a_mix_without_lines_in_a_second_leaves_no_trace() -> None:
    assert interleaved((("a", 2), ("b", 0))) == ("a", "a")
