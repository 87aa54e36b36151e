"""This machine's clocks."""

from __future__ import annotations

import time

from w3ctools.core.window import Moment


def now() -> Moment:
    """Both clocks; the one since boot goes on while the machine is suspended (clock_gettime(2))."""
    return Moment(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))
