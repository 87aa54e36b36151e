"""Summaries of several hosts, or runs, put together: what one command would have said of all their lines."""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from typing import Literal

from w3ctools.core.hosts import Hosts, shown
from w3ctools.core.stats import Gap, Interval, Item
from w3ctools.core.summary import Summary, SummaryError
from w3ctools.core.timestamp import parse_rfc3339, rfc3339
from w3ctools.core.window import LogClock, Moment
from w3ctools.core.wire import Read, SummaryRow


class Merging:
    """Feed it summaries in any order; it gives the intervals. The counterpart of `Stats`.

    Live, an interval is given once all hosts have told of it. What comes later is given by itself, so that
    nothing is lost or counted twice. In a replay all are given at the end, and with `in_all` always, in one.
    With `mergeable` empty ones are given too, for whoever merges further.
    Memory: the intervals that are held, live those of some seconds; or one summary.
    """

    def __init__(
        self, mode: Literal["auto", "live", "replay"], *, in_all: bool, mergeable: bool = False
    ) -> None:
        #: Stands still: summaries have been judged where they were made.
        self.clock = LogClock(1)
        self._hosts = Hosts(mode)
        self._in_all = in_all
        self._mergeable = mergeable
        #: By their first second, as each host may have ended at another.
        self._merged: dict[int, Interval] = {}
        #: Of the newest interval that was whole.
        self._length_s: int | None = None
        #: All before it was given; and the end of the last that was not empty.
        self._given_until: int | None = None
        self._busy_until: int | None = None
        #: Summaries that could not be merged, and the first problem of each host, until it is taken.
        self.left_out = 0
        self._problems: dict[str | None, str] = {}
        self._told: set[str | None] = set()

    def feed(self, read: Read[SummaryRow], moment: Moment) -> list[Item]:
        """Summaries came, and perhaps alerts. Raises SummaryError for a record."""
        items: list[Item] = []
        for row in read.rows:
            if row.event != "summary":
                raise SummaryError("a record is no summary: records go to w3c-stats without --merge")
            try:
                items += self._add(row, moment)
            except SummaryError as error:
                self.left_out += 1
                self._problems.setdefault(row.host, str(error))
        return items + [alert for _, alert in read.alerts]

    def take_problems(self) -> list[str]:
        """Why summaries were left out: the first reason of each host, once."""
        problems = [text for host, text in self._problems.items() if host not in self._told]
        self._told.update(self._problems)
        self._problems.clear()
        return problems

    def tick(self, moment: Moment) -> list[Item]:
        """Time has passed, and all that came was fed. Raises SummaryError."""
        news: list[Item] = [*self._hosts.tick(moment)]
        until = self._hosts.told_until
        return news if until is None or self._in_all else news + self._give_up_to(until)

    def flush(self) -> list[Item]:
        """The end of the input: what is held. Raises SummaryError."""
        return self._give_up_to(None)

    def _give_up_to(self, until: int | None) -> list[Item]:
        """The intervals that end until then, in order, and the gaps between them; None: all."""
        items: list[Item] = []
        order = sorted(self._merged)
        for from_s, next_s in zip(order, [*order[1:], until], strict=False):
            if until is not None and from_s >= until:
                break
            interval = self._whole(self._merged[from_s], next_s)
            if until is not None and self._may_grow(interval, until):
                break
            del self._merged[from_s]
            if interval.has_time:
                self._given_until = interval.to_s
            items += self._given(interval)
        return items

    def _may_grow(self, interval: Interval, until: int) -> bool:
        """Whether more may come of it: a host whose command has ended may begin it anew."""
        return interval.to_s > until or (interval.partial and self._hosts.is_any_heard)

    def _given(self, interval: Interval) -> list[Item]:
        if self._mergeable:
            return [interval]
        if _is_empty(interval):
            return []
        busy_until = self._busy_until
        if not interval.has_time:
            return [interval]
        self._busy_until = interval.to_s
        is_gap = busy_until is not None and busy_until < interval.from_s
        return [Gap(busy_until or 0, interval.from_s), interval] if is_gap else [interval]

    def _whole(self, interval: Interval, next_s: int | None) -> Interval:
        """Where the hosts that tell of it had ended, time went on: others tell of `next_s`."""
        if next_s is None or not interval.has_time:
            return interval
        if interval.to_s > next_s and next_s in self._merged:
            spans = f"{_span_text(interval)} and {_span_text(self._merged[next_s])}"
            raise SummaryError(f"summaries of {spans} overlap: --total puts them together")
        if not interval.partial or self._length_s is None:
            return interval
        end_s = interval.from_s + self._length_s
        if next_s < end_s and next_s not in self._merged:
            return interval
        return interval._replace(to_s=min(end_s, next_s), partial=False)

    def _add(self, row: SummaryRow, moment: Moment) -> list[Item]:
        about = f"summary of {shown(row.host or 'a host without name')}"
        about += f", {shown(row.from_ or '-')} to {shown(row.to or '-')}"
        try:
            interval = _interval(row)
            news: list[Item] = [*self._hosts.came(row.host, interval.from_s, interval.to_s, moment)]
            if self._given_until is not None and interval.from_s < self._given_until:
                later = interval._replace(later_of=shown(row.host or "-"))
                return news + ([] if _is_empty(interval) else [later])
            if self._in_all:  # no matter whether the last was cut short
                interval = interval._replace(partial=False)
            key = 0 if self._in_all else interval.from_s
            known = self._merged.get(key)
            self._merged[key] = interval if known is None else self._together(known, interval)
        except SummaryError as error:
            raise SummaryError(f"{about}: {error}") from None
        if interval.has_time and not interval.partial:
            self._length_s = interval.to_s - interval.from_s
        return news

    def _together(self, one: Interval, other: Interval) -> Interval:
        is_whole = not one.partial and not other.partial
        if is_whole and not self._in_all and one.to_s != other.to_s:
            raise SummaryError(f"is of another length than {_span_text(one)}: --total puts them together")
        one.summary.merge(other.summary)
        timed = [interval for interval in (one, other) if interval.has_time]
        seconds = None
        if one.seconds is not None and other.seconds is not None and not self._in_all:
            seconds = one.seconds + other.seconds
        return Interval(
            min((interval.from_s for interval in timed), default=0),
            max((interval.to_s for interval in timed), default=0),
            one.summary,
            one.partial and other.partial,
            one.late + other.late,
            one.uncounted + other.uncounted,
            seconds,
        )


def summary_span(row: SummaryRow) -> tuple[int, int]:
    """The seconds ``[from, to)`` that a summary tells of; (0, 0) without time. Raises SummaryError."""
    if row.from_ is None or row.to is None:
        return 0, 0
    try:
        from_s, to_s = int(parse_rfc3339(row.from_)), int(parse_rfc3339(row.to))
    except ValueError as error:
        raise SummaryError(f"is damaged: {error}") from None
    if to_s <= from_s:
        raise SummaryError("is damaged: it ends before it begins")
    return from_s, to_s


def summary_seconds(row: SummaryRow) -> Counter[int] | None:
    """The requests of each Unix second in which there were any, if it tells. Raises SummaryError."""
    from_s, to_s = summary_span(row)
    if row.seconds is None:
        return None
    if len(row.seconds) != to_s - from_s or min(row.seconds, default=0) < 0:
        raise SummaryError("is damaged: its seconds are not those from its first to its last")
    return Counter({second: count for second, count in enumerate(row.seconds, from_s) if count})


def packed_summary(row: SummaryRow) -> bytes:
    """What `Summary.from_bytes` takes. Raises SummaryError."""
    if row.packed is None:
        raise SummaryError("holds nothing to merge: it must be written with --mergeable")
    try:
        return b64decode(row.packed, validate=True)
    except ValueError as error:
        raise SummaryError(f"is damaged: {error}") from None


def _interval(row: SummaryRow) -> Interval:
    """Raises SummaryError."""
    summary = Summary.from_bytes(packed_summary(row))
    span, seconds = summary_span(row), summary_seconds(row)
    return Interval(*span, summary, row.partial, row.late, row.uncounted, seconds)


def _is_empty(interval: Interval) -> bool:
    summary = interval.summary
    return not (summary.requests or summary.unparsed or interval.late or interval.uncounted)


def _span_text(interval: Interval) -> str:
    return f"{rfc3339(interval.from_s)} to {rfc3339(interval.to_s)}"
