"""The log's clock: where in time a record counts, and when a second is over.

All arithmetic is in whole Unix seconds taken from the records, so what a command prints is a function
of the bytes it read: a replay of a log says what a live run said. The newest believed stamp is the
clock. A second is *judged*, once, when the clock is `lateness_s` past it; disorder within the lateness
changes nothing. Stamps far off the clock must be confirmed by others before they move it, since one
bad line must neither blind nor empty a window.

The clock only decides; what is counted, and what has to wait, its user keeps. Constant memory.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from itertools import groupby
from math import floor
from typing import Any, Literal, NamedTuple

import msgspec

#: A step of the stamps that needs confirming, whatever window or interval is used.
JUMP_S = 120
#: As many stamps that agree on the past make it the present, if they also span so many seconds.
ERA_RECORDS, ERA_SPAN_S = 10, 10
#: A jump that lands this near to this machine's clock is believed at once.
NEAR_WALL_S = 60
#: How far a live log may be behind this machine's clock.
LIVE_WITHIN_S = 15 * 60
#: How long nothing must have come before that counts as silence: writers buffer.
GRACE_S = 5
#: A wait that took this much longer than asked proves nothing: this process was not running.
OVERSLEPT_S = 0.5


class Kind(Enum):
    """What to do with records."""

    COUNT = auto()  #: Count these records at `Step.second`.
    WAIT = auto()  #: Put these aside, under `Step.second` (None: they have no stamp).
    COUNT_WAITING = auto()  #: Count all that wait, each at its second; those without one at `Step.second`.
    DROP_WAITING = auto()  #: All that wait count nowhere.
    NEW_ERA = auto()  #: The clock was set back to `Step.second`: finish what is open, count all that wait.


class Step(NamedTuple):
    """One thing to do, in the order given."""

    kind: Kind
    second: int | None = None
    #: NEW_ERA: the newest second of the era that ends; all of it is complete.
    finished: int = 0
    #: How many records of the run had come when this was decided.
    after_records: int = 1


class Run(NamedTuple):
    """Records of one second that came one after another."""

    second: int | None
    records: int


def runs(epochs: list[int | float | None]) -> list[Run]:
    """Stamps in arrival order -> runs of equal whole seconds.

    >>> runs([7, 7, 8.25, None])
    [Run(second=7, records=2), Run(second=8, records=1), Run(second=None, records=1)]
    """
    found: list[Run] = []
    for epoch, records in _repeated(epochs):
        second = None if epoch is None else floor(epoch)
        if found and found[-1].second == second:  # fractions of the same second
            records += found.pop().records
        found.append(Run(second, records))
    return found


class ClockState(msgspec.Struct):
    """All that a `LogClock` knows, as a state file keeps it."""

    newest: int | None
    judged: int
    on_time: int
    late: int
    outliers: int
    stamped: int
    unstamped: int
    waiting_unstamped: int
    ahead: int | None
    #: First, highest, newest and number of the stamps that suggest the clock was set back.
    behind: tuple[int, int, int, int]


def _repeated(epochs: list[int | float | None]) -> Iterator[tuple[int | float | None, int]]:
    """Each stamp with how often it comes one after another."""
    stamps: list[Any] = epochs
    try:
        is_ordered = None not in stamps[:1] and sorted(stamps) == stamps
    except TypeError:  # some have none
        is_ordered = False
    if not is_ordered:
        yield from ((epoch, len(list(group))) for epoch, group in groupby(epochs))
        return
    begin = 0
    while begin < len(stamps):  # from one to the next takes half as long as to count them
        end = bisect_right(stamps, stamps[begin], begin)
        yield stamps[begin], end - begin
        begin = end


class LogClock:
    """Feed it runs of records in arrival order; it says where each counts.

    After every call `judged` is the newest second that is over. Each record is tallied once, in
    `on_time`, `late` (at or before the judged second when it came) or `outliers`.
    """

    def __init__(self, lateness_s: int) -> None:
        self.lateness_s = lateness_s
        #: The newest believed stamp; None before the first one.
        self.newest: int | None = None
        self.judged = 0
        self.on_time = self.late = self.outliers = 0
        #: Records with a stamp so far, and without.
        self.stamped = self.unstamped = 0
        #: Records without a stamp that came before the first stamp.
        self._unstamped = 0
        #: A single stamp far ahead, until the next record confirms or refutes it.
        self._ahead: int | None = None
        #: Stamps that suggest the clock was set back: the first, the highest, the last to come, how many.
        self._behind_first = self._behind_highest = self._behind_newest = self._behind_count = 0

    def feed_all(
        self, epochs: list[int | float | None], wall_s: float | None = None
    ) -> Iterator[tuple[Run, list[Step]]]:
        """`feed_runs` of these stamps."""
        return self.feed_runs(runs(epochs), wall_s)

    def feed_runs(
        self, of_one_second: Iterable[Run], wall_s: float | None = None
    ) -> Iterator[tuple[Run, list[Step]]]:
        """`feed` runs one after the other, so that no read's borders can be told."""
        for run in of_one_second:
            decisive = self._decisive_records()
            if 0 < decisive < run.records:
                first = run._replace(records=decisive)
                yield first, self.feed(first, wall_s)
                run = run._replace(records=run.records - decisive)
            yield run, self.feed(run, wall_s)

    def feed(self, run: Run, wall_s: float | None = None) -> list[Step]:
        """Place a run of records; `wall_s` is this machine's clock, None in a replay."""
        second, count = run
        if second is None:
            self.unstamped += count
            return self._feed_unstamped(count)
        self.stamped += count
        steps = []
        if self.newest is None:
            self._begin(second)
            if self._unstamped:
                self.on_time += self._unstamped
                steps.append(Step(Kind.COUNT_WAITING, second))
        elif self._ahead is not None:
            steps.append(self._settle_ahead(second))
        newest = self.newest or 0
        if second - newest <= -JUMP_S:
            return [*steps, *self._feed_behind(second, count)]
        if self._behind_count:
            steps.append(self._drop_behind())
        needs_a_second = second - newest > JUMP_S and not _near(second, wall_s)
        if needs_a_second and count == 1:
            self._ahead = second
            return [*steps, Step(Kind.WAIT, second)]
        self._tally(second, count)
        steps.append(
            Step(Kind.COUNT, second, after_records=2) if needs_a_second else Step(Kind.COUNT, second)
        )
        return steps

    def silent(self, elapsed_s: float) -> int:
        """Nothing came for `elapsed_s`, proven: the second that is over by now, had the log gone on.

        Judges up to it, but not beyond the newest stamp.
        """
        now = floor((self.newest or 0) + elapsed_s - GRACE_S - self.lateness_s)
        self.over(now)
        return now

    def over(self, second: int) -> None:
        """Nothing more comes of the seconds up to this one: judge them, but not beyond the newest stamp."""
        self.judged = max(self.judged, min(second, self.newest or 0))

    def flush(self) -> list[Step]:
        """The end of the input: every second up to the newest stamp is complete."""
        steps = []
        if self._ahead is not None:
            self._ahead = None
            self.outliers += 1
            steps.append(Step(Kind.DROP_WAITING))
        if self._behind_count:
            steps.append(self._drop_behind())
        if self.newest is None:
            self.on_time += self._unstamped
        else:
            self.judged = max(self.judged, self.newest)
        return steps

    def snapshot(self) -> ClockState:
        """All that `restore` needs to go on from here."""
        return ClockState(
            self.newest,
            self.judged,
            self.on_time,
            self.late,
            self.outliers,
            self.stamped,
            self.unstamped,
            self._unstamped,
            self._ahead,
            (self._behind_first, self._behind_highest, self._behind_newest, self._behind_count),
        )

    def restore(self, state: ClockState) -> None:
        """Go on from there."""
        self.newest, self.judged = state.newest, state.judged
        self.on_time, self.late, self.outliers = state.on_time, state.late, state.outliers
        self.stamped, self.unstamped = state.stamped, state.unstamped
        self._unstamped, self._ahead = state.waiting_unstamped, state.ahead
        self._behind_first, self._behind_highest, self._behind_newest, self._behind_count = state.behind

    def _decisive_records(self) -> int:
        """So many records may decide about those that wait, before more of the same second count; 0: none."""
        if self._ahead is not None:
            return 1
        return max(1, ERA_RECORDS - self._behind_count) if self._behind_count else 0

    def _begin(self, second: int) -> None:
        self.newest = second
        self.judged = second - JUMP_S - 1

    def _tally(self, second: int, count: int) -> None:
        if second <= self.judged:
            self.late += count
        else:
            self.on_time += count
        if second > (self.newest or 0):
            self.newest = second
            self.judged = max(self.judged, second - self.lateness_s)

    def _feed_unstamped(self, count: int) -> list[Step]:
        if self.newest is None:
            self._unstamped += count
            return [Step(Kind.WAIT)]
        self._tally(self.newest, count)
        return [Step(Kind.COUNT, self.newest)]

    def _settle_ahead(self, second: int) -> Step:
        ahead, self._ahead = self._ahead or 0, None
        if second >= ahead - JUMP_S:
            self._tally(ahead, 1)
            return Step(Kind.COUNT_WAITING, ahead)
        self.outliers += 1
        return Step(Kind.DROP_WAITING)

    def _feed_behind(self, second: int, count: int) -> list[Step]:
        steps = []
        agrees = (
            -self.lateness_s <= second - self._behind_newest <= JUMP_S
            and second > self._behind_first - JUMP_S
        )
        if self._behind_count and not agrees:
            steps.append(self._drop_behind())
        if not self._behind_count:
            self._behind_first = self._behind_highest = second
        after_records = max(1, ERA_RECORDS - self._behind_count)
        self._behind_newest = second
        self._behind_highest = max(self._behind_highest, second)
        self._behind_count += count
        steps.append(Step(Kind.WAIT, second))
        if self._behind_count >= ERA_RECORDS and second - self._behind_first >= ERA_SPAN_S:
            steps.append(Step(Kind.NEW_ERA, self._behind_first, self.newest or 0, after_records))
            self._begin(self._behind_first)
            self._tally(self._behind_highest, self._behind_count)
            self._behind_count = 0
        return steps

    def _drop_behind(self) -> Step:
        self.late += self._behind_count
        self._behind_count = 0
        return Step(Kind.DROP_WAITING)


def _near(second: int, wall_s: float | None) -> bool:
    return wall_s is not None and abs(second - wall_s) <= NEAR_WALL_S


class Moment(NamedTuple):
    """This machine's clocks at one moment."""

    #: Unix seconds.
    wall_s: float
    #: Seconds since boot, also those spent suspended.
    boot_s: float


class Silence:
    """Whether a live log has gone quiet, and for how long.

    That nothing was read is no proof: this process may have been stopped, or blocked while writing.
    Only waits that ended when they were meant to end count, and only if the log is live: its newest
    stamp was near this machine's clock when it was read.
    """

    def __init__(self, mode: Literal["auto", "live", "replay"]) -> None:
        self._mode = mode
        self._near_wall = False
        self._read_at_s = 0.0
        self._proven_s = 0.0

    def wall_s(self, now: Moment) -> float | None:
        """This machine's clock, for `LogClock.feed`: none in a declared replay."""
        return None if self._mode == "replay" else now.wall_s

    @property
    def live(self) -> bool:
        """Whether silence ends anything."""
        return self._mode == "live" or (self._mode == "auto" and self._near_wall)

    def stamped(self, newest: int | None, now: Moment) -> None:
        """Records with a stamp were read; `newest` is the log's clock."""
        self._near_wall = newest is not None and abs(newest - now.wall_s) <= LIVE_WITHIN_S
        self._read_at_s, self._proven_s = now.boot_s, 0.0

    def waited(self, asked_s: float, took_s: float) -> None:
        """A wait for input brought nothing, or nothing with a stamp."""
        self._proven_s = self._proven_s + took_s if took_s <= asked_s + OVERSLEPT_S else 0.0

    def lasted(self, grace_s: float) -> bool:
        """Whether nothing has come for so long, by waits that prove it."""
        return self._proven_s >= grace_s

    def elapsed_s(self, now: Moment) -> float | None:
        """Seconds since the newest record was read, if silence since then is proven."""
        return now.boot_s - self._read_at_s if self.live and self.lasted(GRACE_S) else None
