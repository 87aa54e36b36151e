"""Alerts from summaries of several hosts: the messages that their records would have given together."""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple

from w3ctools.core.alert import Alerts
from w3ctools.core.hosts import HostNews, Hosts, shown
from w3ctools.core.merging import summary_seconds, summary_span
from w3ctools.core.summary import SummaryError
from w3ctools.core.window import Moment
from w3ctools.core.wire import AlertEvent, SummaryRow


class Told(NamedTuple):
    """What there is to tell: alerts, and how hosts do."""

    events: list[AlertEvent]
    news: list[HostNews]


class SummedAlerts:
    """Feed it summaries; the alerts of its rules come when all hosts have told of a second.

    A summary tells of requests only, so other rules cannot be kept: SummaryError names one.
    Memory: the seconds that are held, beside what `Alerts` keeps.
    """

    def __init__(self, alerts: Alerts, mode: Literal["auto", "live", "replay"]) -> None:
        for watch in alerts.watches:
            rule = watch.rule
            if rule.metric != "requests" or rule.by is not None:
                raise SummaryError(
                    f"rule {rule.event_name}: from summaries, which tell how many requests came in a second, "
                    "only rules on requests without --by can be kept"
                )
        self._alerts = alerts
        self._hosts = Hosts(mode)
        #: Requests of seconds that some host has not told of yet.
        self._held: Counter[int] = Counter()

    def feed(self, rows: list[SummaryRow], moment: Moment) -> list[HostNews]:
        """Summaries came. Raises SummaryError."""
        news: list[HostNews] = []
        for row in rows:
            try:
                (from_s, to_s), seconds = summary_span(row), _seconds(row)
            except SummaryError as error:
                name = shown(row.host or "a host without name")
                raise SummaryError(f"summary of {name}: {error}") from None
            news += self._hosts.came(row.host, from_s, to_s, moment)
            self._held.update(seconds)
        return news

    def tick(self, moment: Moment) -> Told:
        """Time has passed, and all that came was fed."""
        news, until = self._hosts.tick(moment), self._hosts.told_until
        if until is None:
            return Told([], news)
        return Told(self._count_before(until, moment) + self._alerts.complete(until - 1), news)

    def flush(self) -> list[AlertEvent]:
        """The end of the input: all that is held counts."""
        return self._count_before(None, None) + self._alerts.flush()

    def _count_before(self, until: int | None, moment: Moment | None) -> list[AlertEvent]:
        told = sorted(second for second in self._held if until is None or second < until)
        counts = [(second, self._held.pop(second)) for second in told]
        return self._alerts.feed_counts(counts, None if moment is None else self._hosts.wall_s(moment))


def _seconds(row: SummaryRow) -> Counter[int]:
    seconds = summary_seconds(row)
    if seconds is None:
        raise SummaryError("does not tell of its seconds: w3c-stats does with --mergeable, not in a total")
    return seconds
