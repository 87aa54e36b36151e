"""What an interval is beside those before it: change, rates of longer times, and what is new."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterable

import pytest

from w3ctools.core.stats import Interval
from w3ctools.core.summary import StatsRow, Summary
from w3ctools.core.trend import MOST_KNOWN, Change, Trend

T0_S = 1_700_000_000  # a multiple of 10


def interval(
    from_s: int, to_s: int, requests: int, sections: Iterable[str | None] = ("/a",), partial: bool = False
) -> Interval:
    """So many requests, which take turns with the sections; seconds since T0."""
    summary, names = Summary(), list(sections)
    summary.feed([StatsRow(section=names[number % len(names)], status=200) for number in range(requests)])
    return Interval(T0_S + from_s, T0_S + to_s, summary, partial, 0, 0)


def fed(trend: Trend, *intervals: Interval) -> Change:
    """What the last of them is beside those before it."""
    return [trend.feed(one) for one in intervals][-1]


def minutes(trend: Trend, count: int, requests: int, *, from_s: int = 0) -> Change:
    """So many minutes of intervals of 10 s."""
    begins = range(from_s, from_s + 60 * count, 10)
    return fed(trend, *(interval(begin, begin + 10, requests) for begin in begins))


# The change to the interval before.


def test_first_interval_has_nothing_beside_it() -> None:
    assert Trend().feed(interval(0, 10, 5)) == Change(None, {}, set())


def test_change_is_of_the_rate_and_not_of_the_requests() -> None:
    change = fed(Trend(), interval(0, 10, 20), interval(10, 15, 15, partial=True))
    assert change.share == pytest.approx(0.5)


def test_gap_has_no_change_behind_it_and_the_next_interval_has() -> None:
    trend = Trend()
    trend.feed(interval(0, 10, 5))
    trend.pause()
    assert trend.feed(interval(100, 110, 5)).share is None
    assert trend.feed(interval(110, 120, 10)).share == pytest.approx(1.0)


def test_interval_of_unparsed_lines_alone_is_nothing_to_compare_with() -> None:
    assert fed(Trend(), interval(0, 10, 0), interval(10, 20, 5)).share is None


# Rates of longer times.


def test_rates_come_when_their_time_is_over() -> None:
    trend = Trend()
    names = [tuple(minutes(trend, 1, 5, from_s=60 * minute).rates) for minute in range(61)]
    assert names[0] == ("1m", "since start")
    assert names[4] == ("1m", "5m", "since start")
    assert names[59] == ("1m", "5m", "1h", "since start")
    assert Counter(len(name) for name in names) == {2: 4, 3: 55, 4: 2}


def test_rates_are_of_their_own_time() -> None:
    trend = Trend()
    minutes(trend, 60, 10)
    minutes(trend, 4, 20, from_s=3600)
    rates = minutes(trend, 1, 40, from_s=3840).rates
    assert rates["1m"] == pytest.approx(4.0)
    assert rates["5m"] == pytest.approx((4 * 2.0 + 4.0) / 5)
    assert rates["1h"] == pytest.approx((55 * 1.0 + 4 * 2.0 + 4.0) / 60)
    assert rates["since start"] == pytest.approx((60 * 1.0 + 4 * 2.0 + 4.0) / 65)


@pytest.mark.parametrize("length_s", [1, 7, 10, 25, 45, 59, 250])
def test_steady_traffic_has_one_rate_whatever_the_interval(length_s: int) -> None:
    trend = Trend()
    begins = range(0, 8000, length_s)
    rates = fed(trend, *(interval(begin, begin + length_s, 2 * length_s) for begin in begins)).rates
    assert rates.pop("since start") == pytest.approx(2.0)
    assert rates == pytest.approx({name: 2.0 for name in ("1m", "5m", "1h") if name != "1m" or length_s < 60})


@pytest.mark.parametrize("seconds", range(1, 10))
def test_steady_traffic_has_one_rate_in_the_partial_interval_at_the_end(seconds: int) -> None:
    trend = Trend()
    minutes(trend, 2, 20)
    rates = trend.feed(interval(120, 120 + seconds, 2 * seconds, partial=True)).rates
    assert rates == pytest.approx({"1m": 2.0, "since start": 2.0})


def test_interval_longer_than_a_time_has_no_rate_of_it() -> None:
    trend = Trend()
    assert set(fed(trend, interval(0, 300, 5), interval(300, 600, 5)).rates) == {"since start"}
    trend = Trend()
    begins = range(0, 7200, 120)
    assert set(fed(trend, *(interval(begin, begin + 120, 5) for begin in begins)).rates) == {
        "5m",
        "1h",
        "since start",
    }


def test_gap_counts_as_time_without_requests() -> None:
    trend = Trend()
    minutes(trend, 1, 60)
    trend.pause()
    rates = trend.feed(interval(90, 100, 60)).rates
    assert rates == pytest.approx({"1m": (20 + 10) * 6 / 60, "since start": 420 / 100})


def test_gap_longer_than_all_times_leaves_the_last_interval_alone() -> None:
    trend = Trend()
    minutes(trend, 2, 60)
    trend.pause()
    rates = trend.feed(interval(36_000, 36_010, 36)).rates
    assert rates["1m"] == pytest.approx(0.6)
    assert rates["1h"] == pytest.approx(0.01)
    assert rates["since start"] == pytest.approx((12 * 60 + 36) / 36_010)


def test_first_interval_of_unparsed_lines_alone_is_the_start_too() -> None:
    rates = fed(Trend(), interval(0, 10, 0), interval(10, 20, 30)).rates
    assert rates == pytest.approx({"since start": 1.5})


@pytest.mark.parametrize("back_to_s", [-3600, 0, 50, 110])
def test_clock_set_back_is_a_new_start(back_to_s: int) -> None:
    trend = Trend()
    minutes(trend, 2, 600)
    assert trend.feed(interval(back_to_s, back_to_s + 10, 10)).rates == {}
    rates = trend.feed(interval(back_to_s + 10, back_to_s + 20, 10)).rates
    assert rates == pytest.approx({"since start": 1.0})


def test_total_without_time_has_no_rates_and_spoils_none() -> None:
    trend = Trend()
    untimed = interval(0, 0, 5)._replace(from_s=0, to_s=0)
    assert trend.feed(untimed).rates == {}
    assert fed(trend, interval(0, 10, 10), interval(10, 20, 10)).rates == pytest.approx({"since start": 1.0})


# What is new.


def test_section_is_new_once() -> None:
    trend = Trend()
    trend.feed(interval(0, 10, 2, ["/a", "/b"]))
    assert trend.feed(interval(10, 20, 2, ["/a", "/c"])).new_sections == {"/c"}
    assert trend.feed(interval(20, 30, 2, ["/b", "/c"])).new_sections == set()


def test_request_without_section_can_be_new() -> None:
    assert fed(Trend(), interval(0, 10, 1), interval(10, 20, 1, [None])).new_sections == {None}


def test_known_section_stays_known_over_a_gap_and_a_clock_set_back() -> None:
    trend = Trend()
    trend.feed(interval(0, 10, 1, ["/a"]))
    trend.pause()
    trend.feed(interval(90_000, 90_010, 1, ["/b"]))
    assert trend.feed(interval(0, 10, 2, ["/a", "/b"])).new_sections == set()


def test_section_with_few_requests_was_there_too() -> None:
    others = [f"/{number:04}" for number in range(2000)]
    first = interval(0, 10, 2 * len(others) + 1, [*others, *others, "/few"])
    assert fed(Trend(), first, interval(10, 20, 3, ["/few"])).new_sections == set()


def test_section_with_the_most_requests_is_not_forgotten_for_others() -> None:
    trend = Trend()
    often = [name for number in range(MOST_KNOWN // 2) for name in ("/often", f"/{number}")]
    trend.feed(interval(0, 10, len(often), often))
    new = [f"/new-{number}" for number in range(MOST_KNOWN // 2)]
    trend.feed(interval(10, 20, len(new), new))
    assert trend.feed(interval(20, 30, 1, ["/often"])).new_sections == set()


# Memory.


def test_memory_is_bounded_whatever_the_clock_and_the_sections_do() -> None:
    """What it holds is measured as what pickle writes of it, which takes no time."""
    trend, held_bytes = Trend(), []
    for number in range(14_000):
        second = number - 5000 * (number % 6000 == 5999)  # the clock is set back twice
        trend.feed(interval(second, second + 1, 3, [f"/{number:05}-{name}" for name in range(3)]))
        if number % 1000 == 999:
            held_bytes.append(len(pickle.dumps(trend)))
    assert held_bytes[4] > 10 * MOST_KNOWN
    assert max(held_bytes[5:]) <= 1.1 * held_bytes[4]
