"""Waiting for events with a deadline, and schedules by the monotonic clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

DEADLINE_S = 60.0
LOOK_S = 0.005


class LateError(Exception):
    """What had to happen did not happen in time."""


def until(happened: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Wait for something. Raises LateError."""
    if not within(happened, deadline_s):
        raise LateError(f"not {what} within {deadline_s:g} s")


def within(happened: Callable[[], bool], patience_s: float) -> bool:
    """Whether something happens before the patience is over."""
    end_s = time.monotonic() + patience_s
    while not happened():
        if time.monotonic() > end_s:
            return False
        time.sleep(LOOK_S)
    return True


def ticks(count: int, interval_s: float) -> Iterator[int]:
    """0, 1, 2 ..., each at its time; one that comes late does not move the others."""
    start_s = time.monotonic()
    for tick in range(count):
        wait_until(start_s + tick * interval_s)
        yield tick


def wait_until(moment_s: float) -> None:
    """Wait for a moment of the monotonic clock."""
    time.sleep(max(0.0, moment_s - time.monotonic()))
