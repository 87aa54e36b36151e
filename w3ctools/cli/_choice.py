"""Which records: times and conditions, as several commands take them."""

from __future__ import annotations

from collections.abc import Callable

from w3ctools.cli._settings import Quantity
from w3ctools.core.quantity import parse_time_s
from w3ctools.core.record import Record
from w3ctools.edge.clock import now


def _read_where(text: str) -> Callable[[Record], bool]:
    from w3ctools.core.where import compile_where  # start-up counts, and few ask for it

    return compile_where(text)


TIME = Quantity("TIME", lambda text: parse_time_s(text, int(now().wall_s)))
CONDITION = Quantity("EXPR", _read_where)
