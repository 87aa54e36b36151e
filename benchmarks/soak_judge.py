"""Judges what a soak run has seen: lines, lag, growth, sums. Starts nothing and reads no file."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

#: So far back a line that comes again is known again.
KEPT_LINES = 50_000
#: The last third of the samples may exceed the second third by so much; the first third is for warming up.
MOST_GROWTH, MOST_GROWTH_BYTES = 1.05, 1_000_000
#: w3c-tail keeps a rotated file open for five minutes: a run of five minutes still sees them become more.
MOST_MORE_FILES = 4
LEAST_SAMPLES = 18
#: What is behind by so much must have caught up within that time, unless its reader stands still.
BEHIND_S, CATCH_UP_S = 1.0, 10.0
#: What a summary says of a section.
OF_SECTION = ("requests", "errors", "bytes")


class Sample(NamedTuple):
    """A process at one moment."""

    rss_bytes: int
    pss_bytes: int
    open_files: int


def growth(samples: Sequence[Sample]) -> list[str]:
    """In what a command has grown, in words; nothing if it has not, or if there are too few samples."""
    third = len(samples) // 3
    if len(samples) < LEAST_SAMPLES:
        return []
    before, last = samples[third:-third], samples[-third:]
    faults = []
    was, became = (max(sample.rss_bytes for sample in part) for part in (before, last))
    if became > was * MOST_GROWTH and became > was + MOST_GROWTH_BYTES:
        faults.append(f"RSS grew from {was / 1e6:.1f} to {became / 1e6:.1f} MB")
    had, has = (max(sample.open_files for sample in part) for part in (before, last))
    if has > had + MOST_MORE_FILES:
        faults.append(f"open files became {has}, after {had}")
    return faults


class Lag:
    """How long the oldest line that has not come out has been in the log, to the precision of the looks."""

    def __init__(self) -> None:
        self.worst_s = self.worst_stopped_s = 0.0
        self.faults: list[str] = []
        self._written: deque[tuple[float, int]] = deque()
        #: Since when it should be catching up; None while nothing is behind.
        self._behind_since_s: float | None = None
        self._stopped_until_s = float("-inf")

    def look(self, now_s: float, written: int, through: int, is_stopped: bool) -> None:
        """At `now_s` so many lines were in the log, and so many had come out."""
        self._written.append((now_s, written))
        while self._written and self._written[0][1] <= through:
            self._written.popleft()
        lag_s = now_s - self._written[0][0] if self._written else 0.0
        if is_stopped:
            self._stopped_until_s, self._behind_since_s = now_s, None
        if now_s <= self._stopped_until_s + CATCH_UP_S:
            self.worst_stopped_s = max(self.worst_stopped_s, lag_s)
        else:
            self.worst_s = max(self.worst_s, lag_s)
        if is_stopped:
            return
        if lag_s < BEHIND_S:
            self._behind_since_s = None
        elif self._behind_since_s is None:
            self._behind_since_s = now_s
        elif now_s > self._behind_since_s + CATCH_UP_S:
            self.faults.append(f"{lag_s:.1f} s behind, and had {CATCH_UP_S:.0f} s to catch up")
            self._behind_since_s = now_s


class Order:
    """Holds what comes out of a follower that is killed and started again against what was written.

    `written` gives further whole lines of the log, in their order; none if there are no more at present.
    Lines that come behind a restart may be such as came before, up to a bound; from where they begin on, all
    follow one another. Lines may be equal: where a run begins is known once one place is left for it.
    """

    def __init__(self, written: Callable[[], list[bytes]]) -> None:
        self.came = self.lost = self.repeated = self.doubled = self.foreign = 0
        self._written = written
        self._window: list[bytes] = []
        #: Numbers of lines: of the window's first, and of the one that is to come.
        self._first = self._next = 0
        #: Where the lines that have no place yet may begin, and how many they are.
        self._starts: Sequence[int] = ()
        self._unplaced = 0
        self._may_repeat = 0

    def feed(self, lines: Iterable[bytes]) -> None:
        """Further lines have come."""
        for line in lines:
            self.came += 1
            if not self._starts and self._line(self._next) == line:
                self._next += 1
            else:
                self._search(line)
        if self._next - self._first > 2 * KEPT_LINES:
            dropped = self._next - self._first - KEPT_LINES
            del self._window[:dropped]
            self._first += dropped

    def restart(self, may_repeat: int) -> None:
        """What comes now is of another run; so many lines may be such as came before."""
        self._place()
        self._starts = self._everywhere()
        self._may_repeat = may_repeat

    def finish(self) -> None:
        """No line will come any more: those that have not are lost."""
        self._place()
        written = self._everywhere().stop
        self.lost += written - self._next
        self._next = written

    def faults(self) -> list[str]:
        """What is wrong, in words."""
        counts = {
            "lost": self.lost,
            "doubled beyond what a restart may repeat": self.doubled,
            "torn, or written by nobody": self.foreign,
        }
        return [f"lines {what}: {count:,}" for what, count in counts.items() if count]

    def _search(self, line: bytes) -> None:
        if not self._starts:
            self._starts = self._everywhere()
        self._starts = [start for start in self._starts if self._line(start + self._unplaced) == line]
        self._unplaced += 1
        if not self._starts:
            self.foreign += self._unplaced
            self._unplaced = 0
        elif len(self._starts) == 1:
            self._place()

    def _place(self) -> None:
        """Settle where the lines without a place begin: where they explain most."""
        if self._unplaced:
            start = min(self._starts, key=lambda start: abs(start - self._next))
            again = self._next - start
            if again < 0:
                self.lost -= again
            elif again <= self._may_repeat:
                self.repeated += again
            else:
                self.doubled += again
            self._next = start + self._unplaced
            self._may_repeat = 0
        self._starts, self._unplaced = (), 0

    def _everywhere(self) -> range:
        while more := self._written():
            self._window += more
        return range(self._first, self._first + len(self._window))

    def _line(self, number: int) -> bytes | None:
        while number >= self._first + len(self._window):
            more = self._written()
            if not more:
                return None
            self._window += more
        return self._window[number - self._first]


class Sums:
    """Adds up what ``w3c-stats -o json`` writes."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        #: By key of the summary, then by its own keys.
        self.tables: dict[str, Counter[str]] = {"status": Counter(), "methods": Counter()}
        self.sections: dict[str | None, Counter[str]] = {}

    @property
    def lines(self) -> int:
        """Lines that a summary has, or says that none has."""
        return self.counts["requests"] + self.counts["unparsed"] + self.counts["uncounted"]

    def feed(self, lines: Iterable[bytes]) -> None:
        """Further lines of its output; those of alerts and gaps are none of its concern."""
        for line in lines:
            event = json.loads(line)
            if event["event"] != "summary":
                continue
            self.counts.update({key: event[key] for key in ("requests", "unparsed", "bytes", "uncounted")})
            for key, table in self.tables.items():
                table.update(event[key])
            for section in event["sections"]:
                row = self.sections.setdefault(section["section"], Counter())
                row.update({key: section[key] for key in OF_SECTION})

    def faults(self, truth: Mapping[str, Any]) -> list[str]:
        """Where the sums differ from the truth of ``w3c-gen --truth``, in words."""
        expected = {key: truth[key] for key in ("requests", "unparsed", "bytes")}
        faults = [
            f"{key} {self.counts[key]:,}, not {count:,}"
            for key, count in {**expected, "uncounted": 0}.items()
            if self.counts[key] != count
        ]
        faults += [
            f"{key} {dict(table)}, not {truth[key]}"
            for key, table in self.tables.items()
            if table != truth[key]
        ]
        sections = {
            row["section"]: Counter({key: row[key] for key in OF_SECTION}) for row in truth["sections"]
        }
        faults += [
            f"section {name}: {dict(self.sections.get(name, {}))}, not {dict(sections.get(name, {}))}"
            for name in {**sections, **self.sections}
            if sections.get(name) != self.sections.get(name)
        ]
        return faults


def alert_faults(alerts: Sequence[tuple[str, int]], truth: Sequence[Mapping[str, object]]) -> list[str]:
    """Where the alerts are not those of the truth, to the second.

    >>> alert_faults([("raised", 10)], [{"state": "raised", "epoch": 10}])
    []
    >>> alert_faults([("raised", 11)], [{"state": "raised", "epoch": 10}])
    ["steady: alerts [('raised', 11)], not [('raised', 10)]"]
    """
    expected = [(event["state"], event["epoch"]) for event in truth]
    return [] if list(alerts) == expected else [f"steady: alerts {list(alerts)}, not {expected}"]
