"""What is true of a made-up log: what a tool that reads it must say.

Nothing here is shared with the commands that are judged by it but the rules. What a line does not tell is
None or ``-``, as w3c-stats shows it.
"""

from __future__ import annotations

from collections import Counter, deque
from fractions import Fraction
from typing import Any, NamedTuple

from w3ctools.core.synth.columns import Drawn
from w3ctools.core.synth.junk import Odd
from w3ctools.core.synth.line import Exchange, LineFormat
from w3ctools.core.synth.site import Mix
from w3ctools.core.timestamp import rfc3339

_SERVER_ERROR = 500


class Rule(NamedTuple):
    """The alert that the truth is for."""

    threshold_per_s: Fraction
    window_s: int


class _Key(NamedTuple):
    section: str | None
    status: int | None
    method: str | None


class _Tally(NamedTuple):
    requests: int
    size_bytes: int


class Truth:
    """Fed with what is written, in order, it says what a reader must find."""

    def __init__(self, line_format: LineFormat, rule: Rule) -> None:
        self._format = line_format
        self._rule = rule
        #: By mix: how often each exchange was written, and which visits were.
        self._exchanges: dict[Mix, Counter[int]] = {}
        self._visits: dict[Mix, set[int]] = {}
        #: The same of odd lines, which are not drawn by number.
        self._odd: dict[_Key, _Tally] = {}
        self._odd_clients: set[str] = set()
        self._unparsed = 0
        #: Hits by second; those that have no time of their own count at the newest before them.
        self._hits: Counter[int] = Counter()
        self._newest_s: int | None = None
        self._before_any = 0
        self._late_lines = self._most_late_s = 0
        self.rotations = 0

    def add(self, mix: Mix, drawn: Drawn) -> None:
        """Lines of a mix were written."""
        self._exchanges.setdefault(mix, Counter()).update(drawn.exchanges)
        self._visits.setdefault(mix, set()).update(drawn.visits)

    def add_odd(self, odd: Odd) -> None:
        """An odd line was written."""
        if odd.record is None:
            self._unparsed += 1
            return
        visit, exchange = odd.record
        self._odd_clients.add(visit.client)
        self._count(self._odd, self._key(exchange, odd.method, odd.section), exchange, 1)

    def add_hits(self, stamp_s: int | None, hits: int) -> None:
        """So many lines had this stamp, or none that can be read."""
        if stamp_s is None or "time" not in self._format.tells:
            if self._newest_s is None:
                self._before_any += hits
            else:
                self._hits[self._newest_s] += hits
            return
        if self._newest_s is None:
            hits += self._before_any
        self._hits[stamp_s] += hits
        self._newest_s = max(stamp_s, self._newest_s or stamp_s)

    def add_late(self, late_s: int) -> None:
        """A line was written so long after its stamp."""
        self._late_lines += 1
        self._most_late_s = max(self._most_late_s, late_s)

    def values(self) -> dict[str, Any]:
        """All of it, to be written as JSON. ``to`` is the first second after the last one."""
        counted = self._counted()
        requests = sum(tally.requests for tally in counted.values())
        return {
            "lines": requests + self._unparsed,
            "records": requests,
            "unparsed": self._unparsed,
            "from": rfc3339(min(self._hits)) if self._hits else None,
            "to": rfc3339(max(self._hits) + 1) if self._hits else None,
            "requests": requests,
            "bytes": sum(tally.size_bytes for tally in counted.values()),
            "clients": self._clients(),
            "status": _ranked({key: tally.requests for key, tally in counted.items()}, "status"),
            "methods": _ranked({key: tally.requests for key, tally in counted.items()}, "method"),
            "sections": _sections(counted),
            "late": {"lines": self._late_lines, "most_s": self._most_late_s},
            "rotations": self.rotations,
            "alert": {
                "threshold_per_s": float(self._rule.threshold_per_s),
                "window_s": self._rule.window_s,
                "events": alert_events(self._hits, self._rule),
            },
        }

    def _counted(self) -> dict[_Key, _Tally]:
        counted = dict(self._odd)
        for mix, numbers in self._exchanges.items():
            for number, requests in numbers.items():
                exchange = mix.exchanges[number]
                key = self._key(exchange, exchange.method, self._format.origin + section_of(exchange))
                self._count(counted, key, exchange, requests)
        return counted

    def _key(self, exchange: Exchange, method: str | None, section: str | None) -> _Key:
        tells = self._format.tells
        return _Key(
            section if "path" in tells else None,
            exchange.status if "status" in tells else None,
            method if "method" in tells else None,
        )

    def _count(self, counted: dict[_Key, _Tally], key: _Key, exchange: Exchange, requests: int) -> None:
        before = counted.get(key, _Tally(0, 0))
        size_bytes = (self._format.size_bytes(exchange) or 0) * requests
        counted[key] = _Tally(before.requests + requests, before.size_bytes + size_bytes)

    def _clients(self) -> int:
        clients = {mix.visits[number].client for mix, numbers in self._visits.items() for number in numbers}
        clients |= self._odd_clients
        return len(clients) if "client" in self._format.tells else min(1, len(clients))


def section_of(exchange: Exchange) -> str:
    """What is before the second ``/`` of the path."""
    return "/".join(exchange.path.split("/")[:2])


def alert_events(hits: Counter[int], rule: Rule) -> list[dict[str, Any]]:
    """The alert as it must be raised and recover, judged each second from the first hit to the last.

    A window's seconds are those after ``second - window_s`` up to ``second``; it counts whole also before
    the log is as old as that. At the limit nothing changes.
    """
    if not hits:
        return []
    limit = rule.threshold_per_s * rule.window_s
    events: list[dict[str, Any]] = []
    window: deque[int] = deque(maxlen=rule.window_s)
    in_window, is_raised = 0, False
    for second in range(min(hits), max(hits) + 1):
        if len(window) == rule.window_s:
            in_window -= window[0]
        window.append(hits[second])
        in_window += hits[second]
        if in_window > limit if not is_raised else in_window < limit:
            is_raised = not is_raised
            state = "raised" if is_raised else "recovered"
            events.append({"state": state, "time": rfc3339(second), "epoch": second, "hits": in_window})
    return events


def _ranked(requests: dict[_Key, int], part: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for key, count in requests.items():
        value = getattr(key, part)
        counts["-" if value is None else str(value)] += count
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _sections(counted: dict[_Key, _Tally]) -> list[dict[str, Any]]:
    rows: dict[str | None, dict[str, Any]] = {}
    for key, tally in counted.items():
        row = rows.setdefault(key.section, {"section": key.section, "requests": 0, "errors": 0, "bytes": 0})
        row["requests"] += tally.requests
        row["bytes"] += tally.size_bytes
        if key.status is not None and key.status >= _SERVER_ERROR:
            row["errors"] += tally.requests
    return sorted(rows.values(), key=lambda row: (-row["requests"], row["section"] or ""))
