"""Alerts after the fact: one row for each, and the rows as a table for people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from w3ctools.core.formats.text import visible

#: What an alert was about is padded up to here, so that lines of usual length fit 80 columns.
ALIGNED_COLUMNS = 24
_UNITS_S = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
#: ``High traffic generated an alert - hits = 1220, triggered at 2026-11-24T10:53:30Z``
_MESSAGE = re.compile(
    r"(?P<subject>.+?) (?:generated an alert|alert recovered|alert reset) - "
    r"(?P<detail>.*?)(?:, (?:[a-z]+ )?at [^ ]+)?"
)


class AlertRow(msgspec.Struct, gc=False):
    """An alert from its beginning to its end; encoded, the JSON line of ``-o json``."""

    rule: str
    metric: str | None
    #: What the rule counts by, if anything.
    key: str | None
    #: As of raising, like the three behind it; None where the raising is not known.
    value: float | None
    #: Requests in the window.
    hits: int | None
    threshold: float | None
    window_s: int | None
    #: RFC 3339, UTC; None where the database has the end alone.
    raised: str | None
    raised_epoch: int | None
    #: None while it is open.
    recovered: str | None
    recovered_epoch: int | None
    #: ``recovered``, or ``reset`` where the log's clock went back; None while it is open.
    ended_by: str | None
    #: The line for people that told of the raising, or of the end where that alone is known.
    message: str


def render_history(rows: Sequence[AlertRow]) -> str:
    """The rows as a table of one line each, in their order; every line ends with LF. No rows, no text."""
    if not rows:
        return ""
    cells = [("raised", "recovered", "lasted", "alert", ""), *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    widths[3] = min(widths[3], ALIGNED_COLUMNS)
    return "".join(f"{_line(line, widths)}\n" for line in cells)


def _cells(row: AlertRow) -> tuple[str, str, str, str, str]:
    return (row.raised or "-", _end(row), _lasted(row), *_subject_and_detail(row.message))


def _line(cells: Iterable[str], widths: list[int]) -> str:
    raised, end, lasted, subject, detail = cells
    when = f"{raised:<{widths[0]}}  {end:<{widths[1]}}  {lasted:>{widths[2]}}"
    return f"{when}  {subject:<{widths[3]}}  {detail}".rstrip()


def _end(row: AlertRow) -> str:
    """When it ended; the time of day alone where it was on the day of the raising."""
    if row.recovered is None:
        return "open"
    if row.ended_by == "reset":
        return "reset"
    is_same_day = row.raised is not None and row.raised[:11] == row.recovered[:11]
    return row.recovered[11:] if is_same_day else row.recovered


def _lasted(row: AlertRow) -> str:
    # A reset means that the log's clock went back: what lies between its two times is no duration.
    if row.raised_epoch is None or row.recovered_epoch is None or row.ended_by == "reset":
        return "-"
    return duration(row.recovered_epoch - row.raised_epoch)


def duration(seconds: int) -> str:
    """Its two largest units; what is smaller is left out.

    >>> duration(400), duration(7200), duration(93_784)
    ('6m 40s', '2h 0m', '1d 2h')
    """
    for (name, unit_s), (next_name, next_unit_s) in pairwise(_UNITS_S):
        if seconds >= unit_s:
            return f"{seconds // unit_s}{name} {seconds % unit_s // next_unit_s}{next_name}"
    return f"{seconds}s"


def _subject_and_detail(message: str) -> tuple[str, str]:
    """``High traffic`` and ``hits = 1220``; of what is no message of w3c-alert, all and nothing."""
    text = visible(message.encode("utf-8", "replace"))
    match = _MESSAGE.fullmatch(text)
    return (match["subject"], match["detail"]) if match else (text, "")
