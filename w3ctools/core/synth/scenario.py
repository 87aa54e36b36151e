"""How much comes in each second: second and rate -> lines of each mix.

A scenario repeats itself over log time, so that any start and any duration show what it is about. Nothing
here draws or waits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

#: Lines per second of each mix. The mixes are those of `site.Site`.
Rates = dict[str, Fraction]

#: Usual traffic; answers of failing servers; one greedy robot; many clients on one path.
USUAL, FAILING, CRAWLER, FLOOD = "usual", "failing", "crawler", "flood"

_PERIOD_S = 600


def _steady(second: int, epoch_s: int, rate: Fraction) -> Rates:
    return {USUAL: rate}


def _burst(second: int, epoch_s: int, rate: Fraction) -> Rates:
    """Two minutes in the middle of ten at 8 times the rate."""
    return {USUAL: rate * 8 if _is_between(second, 4, 6) else rate}


def _day(second: int, epoch_s: int, rate: Fraction) -> Rates:
    """From 0.2 times the rate at four in the morning, UTC, to 1.8 times in the afternoon; 1 on average."""
    minutes_after_four = (epoch_s // 60 - 240) % 1440
    wave = math.cos(2 * math.pi * minutes_after_four / 1440)
    # Rounded, since libraries disagree in the last digits of a cosine.
    return {USUAL: rate * Fraction(round(1000 - 800 * wave), 1000)}


def _deploy_500(second: int, epoch_s: int, rate: Fraction) -> Rates:
    """Two minutes of ten two answers of five fail, most of them in one section, and clients try again."""
    if not _is_between(second, 2, 4):
        return {USUAL: rate}
    return {USUAL: rate * Fraction(78, 100), FAILING: rate * Fraction(52, 100)}


def _crawler(second: int, epoch_s: int, rate: Fraction) -> Rates:
    """Five minutes of ten a robot asks for 5 times what all others do."""
    return {USUAL: rate, CRAWLER: rate * 5} if _is_between(second, 2, 7) else {USUAL: rate}


def _flood(second: int, epoch_s: int, rate: Fraction) -> Rates:
    """Two minutes of ten many clients try to log in, 30 times as often as all else is asked for."""
    return {USUAL: rate, FLOOD: rate * 30} if _is_between(second, 2, 4) else {USUAL: rate}


def _quiet_night(second: int, epoch_s: int, rate: Fraction) -> Rates:
    """Five minutes of ten nothing at all."""
    return {} if _is_between(second, 3, 8) else {USUAL: rate}


def _is_between(second: int, from_minute: int, to_minute: int) -> bool:
    return from_minute * 60 <= second % _PERIOD_S < to_minute * 60


#: The file is rotated every second, unless something else is asked for.
ROTATION_STORM = "rotation-storm"

#: Seconds since the start, Unix seconds and the rate per second -> lines per second of each mix.
SCENARIOS: dict[str, Callable[[int, int, Fraction], Rates]] = {
    "steady": _steady,
    "burst": _burst,
    "day": _day,
    "deploy-500": _deploy_500,
    "crawler": _crawler,
    "flood": _flood,
    "quiet-night": _quiet_night,
    ROTATION_STORM: _steady,
}


class Pace:
    """Turns a rate into whole lines for one second after another, exactly.

    After any number of seconds the counts add up to the floor of the sum of their rates; with one
    rate, second k (from 0) gets ``floor((k + 1) * rate) - floor(k * rate)`` lines.

    >>> pace = Pace()
    >>> [pace.next_lines(Fraction("2.5")) for _ in range(4)]
    [2, 3, 2, 3]
    """

    def __init__(self) -> None:
        #: The part of a line that earlier seconds left over; 0 <= _owed < 1.
        self._owed = Fraction(0)

    def next_lines(self, rate_per_s: Fraction | int) -> int:
        """The number of lines in the next second; the rate may differ from call to call.

        A negative rate raises ValueError.
        """
        if rate_per_s < 0:
            raise ValueError(f"a rate is 0 or more, not {rate_per_s}")
        self._owed += rate_per_s
        count = math.floor(self._owed)
        self._owed -= count
        return count


@lru_cache(maxsize=16)
def interleaved(counts: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    """The mix of each line of a second, every mix spread evenly over it.

    >>> interleaved((("usual", 4), ("flood", 2)))
    ('usual', 'flood', 'usual', 'usual', 'flood', 'usual')
    """
    if len(counts) == 1:
        return (counts[0][0],) * counts[0][1]
    # The middle of the k-th of n equal parts is (2k + 1) / 2n.
    places = [
        (Fraction(2 * number + 1, 2 * count), order, mix)
        for order, (mix, count) in enumerate(counts)
        for number in range(count)
    ]
    return tuple(mix for _, _, mix in sorted(places))
