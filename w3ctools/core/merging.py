"""Summaries of several hosts, or runs, put together: what one command would have said of all their lines."""

from __future__ import annotations

from base64 import b64decode

from w3ctools.core.formats.text import visible
from w3ctools.core.stats import Gap, Interval, Item
from w3ctools.core.summary import Summary, SummaryError
from w3ctools.core.timestamp import parse_rfc3339, rfc3339
from w3ctools.core.window import LogClock
from w3ctools.core.wire import Read, Row

#: Of a text that came with the input, so much is shown in an error.
_MOST_SHOWN = 80


class SummaryRow(Row, gc=False, rename={"from_": "from"}):
    """The keys of a ``summary`` event that merging needs."""

    from_: str | None = None
    to: str | None = None
    partial: bool = False
    late: int = 0
    uncounted: int = 0
    host: str | None = None
    packed: str | None = None


class Merging:
    """Feed it summaries in any order; at the end it gives the intervals. The counterpart of `Stats`.

    With `in_all` they are one. Memory: every interval that any host has told of, or one summary.
    """

    def __init__(self, *, in_all: bool) -> None:
        #: Stands still: summaries have been judged where they were made.
        self.clock = LogClock(1)
        self.is_quiet = True
        self._in_all = in_all
        #: By their first second, as each host may have ended at another.
        self._merged: dict[int, Interval] = {}
        #: Of the newest interval that was whole.
        self._length_s: int | None = None

    def feed(self, read: Read[SummaryRow], wall_s: float | None = None) -> list[Item]:
        """Summaries came, and perhaps alerts. Raises SummaryError."""
        for row in read.rows:
            if row.event != "summary":
                raise SummaryError("a record is no summary: records go to w3c-stats without --merge")
            self._add(row)
        return [alert for _, alert in read.alerts]

    def tick(self, elapsed_s: float) -> list[Item]:
        """Silence ends nothing here."""
        return []

    def flush(self) -> list[Item]:
        """The end of the input: the intervals in order, and the gaps between. Raises SummaryError."""
        items: list[Item] = []
        after: Interval | None = None
        for from_s in sorted(self._merged, reverse=True):
            interval = self._merged[from_s]
            if after is not None and interval.has_time:
                interval = self._whole(interval, after)
                if interval.to_s < after.from_s:
                    items.append(Gap(interval.to_s, after.from_s))
            items.append(interval)
            after = interval
        return items[::-1]

    def _whole(self, interval: Interval, after: Interval) -> Interval:
        """One that is not the last: where the hosts that tell of it had ended, time went on."""
        if interval.to_s > after.from_s:
            spans = f"{_span_text(interval)} and {_span_text(after)}"
            raise SummaryError(f"summaries of {spans} overlap: --total puts them together")
        if not interval.partial or self._length_s is None:
            return interval
        to_s = min(interval.from_s + self._length_s, after.from_s)
        return interval._replace(to_s=to_s, partial=False)

    def _add(self, row: SummaryRow) -> None:
        about = f"summary of {_shown(row.host or 'a host without name')}"
        about += f", {_shown(row.from_ or '-')} to {_shown(row.to or '-')}"
        if row.packed is None:
            raise SummaryError(f"{about}: holds nothing to merge: it must be written with --mergeable")
        try:
            interval = _interval(row, row.packed)
            if self._in_all:  # no matter whether the last was cut short
                interval = interval._replace(partial=False)
            key = 0 if self._in_all else interval.from_s
            known = self._merged.get(key)
            self._merged[key] = interval if known is None else self._together(known, interval)
        except SummaryError as error:
            raise SummaryError(f"{about}: {error}") from None
        if interval.has_time and not interval.partial:
            self._length_s = interval.to_s - interval.from_s

    def _together(self, one: Interval, other: Interval) -> Interval:
        is_whole = not one.partial and not other.partial
        if is_whole and not self._in_all and one.to_s != other.to_s:
            raise SummaryError(f"is of another length than {_span_text(one)}: --total puts them together")
        one.summary.merge(other.summary)
        timed = [interval for interval in (one, other) if interval.has_time]
        return Interval(
            min((interval.from_s for interval in timed), default=0),
            max((interval.to_s for interval in timed), default=0),
            one.summary,
            one.partial and other.partial,
            one.late + other.late,
            one.uncounted + other.uncounted,
        )


def _interval(row: SummaryRow, packed: str) -> Interval:
    """Raises SummaryError."""
    try:
        summary = Summary.from_bytes(b64decode(packed, validate=True))
        return Interval(*_span(row), summary, row.partial, row.late, row.uncounted)
    except ValueError as error:
        raise SummaryError(f"is damaged: {error}") from None


def _span(row: SummaryRow) -> tuple[int, int]:
    """Raises ValueError."""
    if row.from_ is None or row.to is None:
        return 0, 0
    from_s, to_s = int(parse_rfc3339(row.from_)), int(parse_rfc3339(row.to))
    if to_s <= from_s:
        raise ValueError("it ends before it begins")
    return from_s, to_s


def _span_text(interval: Interval) -> str:
    return f"{rfc3339(interval.from_s)} to {rfc3339(interval.to_s)}"


def _shown(text: str) -> str:
    return visible(text.encode("utf-8", "replace"))[:_MOST_SHOWN]
