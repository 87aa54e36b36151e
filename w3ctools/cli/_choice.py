"""Which records, and of what format: what several commands take alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from w3ctools.cli._settings import Option, Quantity
from w3ctools.core.quantity import parse_time_s
from w3ctools.edge.clock import now

if TYPE_CHECKING:
    from w3ctools.core.record import Record


def _read_where(text: str) -> Callable[[Record], bool]:
    from w3ctools.core.where import compile_where  # start-up counts, and few ask for it

    return compile_where(text)


def check_span(since_s: int | None, until_s: int | None) -> None:
    """Raises UsageError for a time that ends before it begins."""
    if since_s is not None and until_s is not None and since_s > until_s:
        raise click.UsageError("--since is later than --until: no time is between them")


def complete_key(_begun: str) -> list[str]:
    """The keys of a record, for a shell."""
    from w3ctools.core.where import KINDS

    return list(KINDS)


def _complete_keys(begun: str) -> list[str]:
    before = begun[: begun.rfind(",") + 1]
    return [before + key for key in complete_key(begun)]


def _complete_where(begun: str) -> list[str]:
    """A key where the condition may go on with one."""
    match = re.fullmatch(r"(|.*\(|.*\b(?:and|or|not) ) *[a-z_]*", begun)
    return [match[1] + key for key in complete_key(begun)] if match is not None else []


def _complete_format(_begun: str) -> list[str]:
    from w3ctools.core.formats import registry

    return [spec.name for spec in registry.ALL]


TIME = Quantity("TIME", lambda text: parse_time_s(text, int(now().wall_s)))
where_option = click.option(
    "--where",
    cls=Option,
    type=Quantity("EXPR", _read_where, _complete_where),
    help="Only records of which EXPR is true: 'status >= 500 and path ~ \"^/api\"'.",
)
KEYS = Quantity("KEY,...", str, _complete_keys)
#: As text: all formats load with what reads it.
FORMAT = Quantity("FORMAT", str, _complete_format)
