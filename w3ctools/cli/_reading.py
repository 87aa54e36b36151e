"""Reading JSON lines on stdin: what w3c-stats and w3c-alert do alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeVar

import click

from w3ctools.cli._command import Ended, ExitStatus, say
from w3ctools.cli._settings import Option, Quantity
from w3ctools.core.errors import QuantityError
from w3ctools.core.formats.text import visible
from w3ctools.core.quantity import parse_duration_s
from w3ctools.core.window import GRACE_S, LogClock, Moment, Silence
from w3ctools.core.wire import LineReader, Read, Row
from w3ctools.edge.clock import now
from w3ctools.edge.signals import Signals
from w3ctools.edge.streams import Input, Output, Waited

#: How often time is looked at while nothing comes.
TICK_S = 0.25
#: Where as many lines hold no JSON object, this is no JSON lines.
PATIENCE_LINES = 100
MAX_LATENESS_S = 60

ClockMode = Literal["auto", "live", "replay"]
T = TypeVar("T", bound=Row)


def _lateness_s(text: str) -> int:
    lateness_s = parse_duration_s(text)
    if not 1 <= lateness_s <= MAX_LATENESS_S:
        raise QuantityError(f"must be from 1s to {MAX_LATENESS_S}s")
    return lateness_s


lateness_option = click.option(
    "--lateness",
    cls=Option,
    type=Quantity("DURATION", _lateness_s),
    default="2s",
    show_default=True,
    help="How far lines may be out of order without changing the outcome.",
)
clock_option = click.option(
    "--clock",
    cls=Option,
    type=click.Choice(["auto", "live", "replay"]),
    default="auto",
    show_default=True,
    help="Whether silence on stdin means that nothing happens (live) or nothing at all (replay).",
)


@dataclass(frozen=True)
class Batch(Generic[T]):
    """What was read, and when."""

    read: Read[T]
    #: This machine's clock; None in a replay.
    wall_s: float | None
    moment: Moment


class Quiet(NamedTuple):
    """Nothing came; `elapsed_s` since the newest record if that is proven."""

    elapsed_s: float | None
    moment: Moment
    #: Whether nothing has ever come, long enough to prove that this is no replay.
    is_idle: bool


class Records(Generic[T]):
    """The rows on stdin, and the silences between them, on the clock of the log."""

    def __init__(
        self,
        row_type: type[T],
        clock: LogClock,
        mode: ClockMode,
        output: Output,
        report: Callable[[], str],
        *,
        row_event: str = "unparsed",
        with_summaries: bool = False,
        in_front: str = "w3c-parse",
    ) -> None:
        """`row_event`, `with_summaries`: see `LineReader`. `in_front`: what makes such input of a raw log."""
        self.signals = Signals()
        self._report = report
        self._reader = LineReader(row_type, row_event=row_event, with_summaries=with_summaries)
        self._clock = clock
        self._mode = mode
        self._in_front = in_front
        self._silence = Silence(mode)
        self._input = Input(0, output, self.signals)
        self._told_replay = self._told_foreign = False

    @property
    def unstamped(self) -> int:
        """Lines without a readable time so far."""
        return self._clock.unstamped

    @property
    def live(self) -> bool:
        """Whether the log is written now, so that silence means that nothing happens."""
        return self._silence.live

    @property
    def is_dry(self) -> bool:
        """Whether nothing more has come by now."""
        return self._input.is_dry

    def wake_by(self, fd: int) -> None:
        """Give a `Quiet` also when there is something to read from this descriptor."""
        self._input.wake_by(fd)

    def go_on(self) -> None:
        """The clock was restored: what it knows was read before, so silence counts from now on."""
        if self._clock.newest is not None:
            self._silence.stamped(self._clock.newest, now())

    def report(self) -> str:
        """Counts up to now."""
        reader, clock = self._reader, self._clock
        return (
            f"{reader.lines:,} lines in, {reader.records:,} records, {reader.unparsed:,} unparsed, "
            f"{reader.alerts:,} alerts, {reader.other_events:,} other events, {reader.foreign:,} foreign; "
            f"{clock.late:,} late, {clock.outliers:,} outliers, {clock.unstamped:,} without time"
        )

    def __iter__(self) -> Iterator[Batch[T] | Quiet]:
        self.signals.answer(lambda: say(self._report()))
        for block in self._input.blocks(TICK_S):
            moment = now()
            if isinstance(block, Waited):
                self._silence.waited(block.asked_s, block.took_s)
                yield Quiet(self._silence.elapsed_s(moment), moment, self._is_idle)
                self._tell_replay(moment)
                continue
            stamped = self._clock.stamped
            yield Batch(self._reader.feed(block), self._silence.wall_s(moment), moment)
            self._tell_foreign()
            if self._clock.stamped > stamped:
                self._silence.stamped(self._clock.newest, moment)
        yield Batch(self._reader.flush(), None, now())
        self._tell_foreign(at_end=True)

    @property
    def foreign(self) -> int:
        """Lines that are neither JSON objects nor messages, so far."""
        return self._reader.foreign

    @property
    def has_summaries_alone(self) -> bool:
        """Whether what came are summaries, and no records."""
        reader = self._reader
        return bool(reader.summaries) and not (reader.records or reader.unparsed)

    @property
    def _is_idle(self) -> bool:
        return self._clock.newest is None and self._mode != "replay" and self._silence.lasted(GRACE_S)

    def _tell_foreign(self, *, at_end: bool = False) -> None:
        if self._reader.first_foreign is None:
            return
        if self._reader.is_no_json(PATIENCE_LINES if not at_end else 1):
            say(f"this looks like a raw log: put {self._in_front} in front")
            raise Ended(ExitStatus.DATA)
        if not self._told_foreign:
            self._told_foreign = True
            number, line = self._reader.first_foreign
            say(f"stdin:{number}: no JSON object: {visible(line)[:200]}")

    def _tell_replay(self, moment: Moment) -> None:
        newest = self._clock.newest
        if self._told_replay or newest is None or self._silence.live or not self._silence.lasted(GRACE_S):
            return
        self._told_replay = True
        behind_s = int(moment.wall_s) - newest
        say(f"log time is {behind_s:,} s behind this machine's: taken as a replay (--clock live forces it)")
