"""w3c-alert: say when traffic, errors or durations are out of bounds, and when they have recovered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import click

from w3ctools.cli._alert_check import check
from w3ctools.cli._alert_history import history
from w3ctools.cli._alert_try import try_rules
from w3ctools.cli._command import Ended, ExitStatus, finish, group, run, say, say_if_any
from w3ctools.cli._reading import Batch, ClockMode, Quiet, Records, clock_option, lateness_option
from w3ctools.cli._rule import rule_options, rules
from w3ctools.cli._settings import FILE, NAMES_OUTPUT, Option, output_option
from w3ctools.cli._telling import Telling, telling_options
from w3ctools.core.alert import CODEC, Alerts, AlertState, Placed
from w3ctools.core.errors import W3CError
from w3ctools.core.gauge import row_type
from w3ctools.core.rule import Rule
from w3ctools.core.sealed import SealError
from w3ctools.core.timestamp import rfc3339
from w3ctools.core.window import Moment
from w3ctools.core.wire import AlertEvent, Read, Row, encode
from w3ctools.edge.state import StateFile
from w3ctools.edge.streams import Output

if TYPE_CHECKING:  # start-up counts, and few read summaries
    from w3ctools.core.summed import SummedAlerts

#: A save of the state may cost one part in so many of the time.
SAVE_SHARE = 20
#: Of alerts that are open at the end, so many are named.
MOST_NAMED = 10
#: How long is tried to send what waits at the end; after a signal, which leaves 8 s for everything.
DRAIN_S, LAST_DRAIN_S = 10.0, 2.0
#: What must not come together.
MIXED = "records and summaries on one input: the same requests would count twice"
#: After so many records without a duration, there will be none.
PATIENCE_RECORDS = 1000


class Form(NamedTuple):
    """What goes to stdout, and how long."""

    json: bool
    #: Records go on to stdout, with the alerts between them.
    pass_through: bool
    #: The first alert that is raised ends the command.
    exit_on_alert: bool


@group("w3c-alert", "alert")
@rule_options
@output_option("Messages for people, or events as JSON lines.")
@click.option(
    "--pass-through",
    cls=Option,
    is_flag=True,
    help="Write the records on to stdout, and the alerts between them as JSON events.",
)
@telling_options
@click.option(
    "--state",
    cls=Option,
    type=FILE,
    acts=NAMES_OUTPUT,
    help="Keep windows and open alerts in FILE, and go on with them after a restart.",
)
@click.option(
    "--exit-on-alert", cls=Option, is_flag=True, help="End with status 3 as soon as an alert is raised."
)
@lateness_option
@clock_option
@click.option("--summary", cls=Option, is_flag=True, help="Say at the end how many lines were read.")
@click.pass_context
def alert(
    ctx: click.Context,
    /,
    output: str,
    pass_through: bool,
    state: str | None,
    exit_on_alert: bool,
    lateness: int,
    clock: ClockMode,
    summary: bool,
    **_others: object,
) -> None:
    """Watch JSON lines of w3c-parse and say when something is out of bounds.

    An alert is raised when the average over the window exceeds the threshold, and recovers when it is
    below it. Time is the log's own, so that an old log gives the messages that a live run gave. More rules
    stand in the configuration file, each in a section [alert:NAME].

    \b
    Example:
        w3c-tail access.log | w3c-parse | w3c-alert -t 10 -w 2m
    """
    if ctx.invoked_subcommand is not None:
        return
    form = Form(output == "json" or pass_through, pass_through, exit_on_alert)
    kept = StateFile(state, CODEC) if state is not None else None
    command = _Alert(rules(ctx), lateness, clock, form, Telling.of(ctx), kept)
    status = command.watch(state)
    if summary:
        say(command.report())
    finish(command.records.signals)
    raise Ended(status)


for _command in (history, check, try_rules):
    alert.add_command(_command)


class _Alert:
    def __init__(
        self,
        rules: list[Rule],
        lateness_s: int,
        mode: ClockMode,
        form: Form,
        telling: Telling,
        state_file: StateFile[AlertState] | None,
    ) -> None:
        self._alerts = Alerts(rules, lateness_s)
        self._form = form
        self._output = Output()
        self._telling = telling
        self._state = _State(state_file, self._alerts) if state_file is not None else None
        self._durations = _Durations(any(rule.metric == "p95" for rule in rules))
        self._told_forgotten = False
        self._mode = mode
        #: Where summaries come instead of records.
        self._summed: SummedAlerts | None = None
        self.records = Records(
            row_type(rules), self._alerts.clock, mode, self._output, self.report, with_summaries=True
        )

    def report(self) -> str:
        """Counts up to now."""
        forgotten = self._alerts.forgotten
        return self.records.report() + (f"; {forgotten:,} keys forgotten" if forgotten else "")

    def watch(self, state_path: str | None) -> ExitStatus:
        """Watch stdin to its end, or to the first alert where that is asked for."""
        if self._state is not None:
            self._state.restore(state_path or "")
            self.records.go_on()
        try:
            status = self._watch()
            if self._state is not None:  # not where a message could not be written: it must come again
                self._state.save()
        finally:
            self._telling.close(DRAIN_S if self.records.signals.received is None else LAST_DRAIN_S)
        return status

    def _watch(self) -> ExitStatus:
        for item in self.records:
            if self._take(item) is ExitStatus.ALERT:
                return ExitStatus.ALERT
            if self._state is not None:
                self._state.save_when_due()
            self._tell_forgotten()
        return self._end()

    def _take(self, item: Batch[Row] | Quiet) -> ExitStatus:
        if isinstance(item, Batch) and item.read.summaries:
            self._feed_summaries(item.read, item.moment)
        if isinstance(item, Quiet):
            self._telling.retry()
        if self._summed is not None:
            return self._take_summed(self._summed, item)
        if isinstance(item, Batch):
            self._durations.look(item.read.rows)
            return self._tell(*self._feed(item))
        return self._tell_all(self._alerts.tick(item.elapsed_s) if item.elapsed_s is not None else [])

    def _take_summed(self, summed: SummedAlerts, item: Batch[Row] | Quiet) -> ExitStatus:
        if isinstance(item, Batch):
            if item.read.rows:
                raise W3CError(MIXED)
            self._tell([], item.read)
        if not self.records.is_dry:  # another host's turn may be about to come
            return ExitStatus.DONE
        events, news = summed.tick(item.moment)
        for one in news:
            say(one.text)
        return self._tell_all(events)

    def _feed(self, batch: Batch[Row]) -> tuple[list[Placed], Read[Row]]:
        """The events of what was read, and it; nothing behind the record that ends the command."""
        read = batch.read
        if not self._form.exit_on_alert:
            return self._alerts.feed(read.rows, batch.wall_s), read
        placed: list[Placed] = []
        for number, row in enumerate(read.rows, 1):
            events = [event for _, event in self._alerts.feed([row], batch.wall_s)]
            placed += [Placed(number, event) for event in events]
            if any(event.state == "raised" for event in events):
                return placed, read.up_to(number)
        return placed, read

    def _feed_summaries(self, read: Read[Row], moment: Moment) -> None:
        """Raises W3CError."""
        if read.rows or (self._summed is None and self._alerts.clock.newest is not None):
            if any(row.seconds is not None for row in read.summaries):
                raise W3CError(MIXED)
            return  # somebody's statistics of these records
        if self._state is not None:
            raise W3CError("--state keeps what records said: leave it out where summaries come")
        if self._summed is None:
            from w3ctools.core.summed import SummedAlerts

            self._summed = SummedAlerts(self._alerts, self._mode)
        for news in self._summed.feed(read.summaries, moment):
            say(news.text)

    def _end(self) -> ExitStatus:
        status = ExitStatus.DONE
        if self._state is None:  # with one, the log goes on: its last seconds are not over
            status = self._tell_all((self._summed or self._alerts).flush())
        newest = self._alerts.clock.newest
        for about in self._alerts.open[:MOST_NAMED] if newest is not None else []:
            say(f"{about}: alert open at the end of the input, last log time {rfc3339(newest or 0)}")
        if len(self._alerts.open) > MOST_NAMED:
            say(f"{len(self._alerts.open) - MOST_NAMED:,} more alerts are open")
        self._durations.end()
        return status

    def _tell_all(self, events: list[AlertEvent]) -> ExitStatus:
        """Events that belong behind all that was written."""
        return self._tell([Placed(0, event) for event in events], Read())

    def _tell(self, placed: list[Placed], read: Read[Row]) -> ExitStatus:
        if self._form.pass_through:
            lines = read.with_events(list(placed)) if placed else read.lines
            if lines:
                self._output.write(lines)
        else:
            for _, event in placed:
                self._output.write((encode(event) if self._form.json else f"{event.message}\n").encode())
        if placed:
            self._telling.tell([event for _, event in placed])
        is_alert = self._form.exit_on_alert and any(event.state == "raised" for _, event in placed)
        return ExitStatus.ALERT if is_alert else ExitStatus.DONE

    def _tell_forgotten(self) -> None:
        if self._alerts.forgotten and not self._told_forgotten:
            self._told_forgotten = True
            say("more keys than can be watched: those with the fewest requests are forgotten")


class _Durations:
    """Says once if there is a rule on durations, and no record has one."""

    def __init__(self, wanted: bool) -> None:
        self._missing = wanted
        self._records = 0

    def look(self, rows: list[Row]) -> None:
        """Records came."""
        if self._missing:
            self._records += len(rows)
            self._missing = all(getattr(row, "duration", None) is None for row in rows)
            if self._records >= PATIENCE_RECORDS:
                self.end()

    def end(self) -> None:
        """No more come."""
        if self._missing and self._records:
            self._missing = False
            say("p95: no record has a duration: have the server log it (w3ctools(7))")


class _State:
    """The state file, saved as often as it is worth."""

    def __init__(self, file: StateFile[AlertState], alerts: Alerts) -> None:
        self._file = file
        self._alerts = alerts
        self._saved: object = None
        self._next_s = 0.0

    def restore(self, path: str) -> None:
        """Go on with what was saved. Raises W3CError."""
        state = self._file.load()
        if state is None:
            return
        try:
            for name in self._alerts.restore(state):
                say(f"{path}: {name} is gone or counts otherwise now: what it knew is forgotten")
        except SealError as error:
            raise W3CError(f"{path}: {error}; {CODEC.remedy}") from None

    def save_when_due(self) -> None:
        """Save it if the log's clock went on, but no more often than that saving takes a part of the time."""
        if self._alerts.progress != self._saved and time.monotonic() >= self._next_s:
            self.save()

    def save(self) -> None:
        """Save it now."""
        began_s = time.monotonic()
        self._saved = self._alerts.progress
        say_if_any(self._file.save(self._alerts.snapshot()))
        ended_s = time.monotonic()
        self._next_s = ended_s + SAVE_SHARE * (ended_s - began_s)


def main() -> None:
    """Entry point."""
    run(alert)


if __name__ == "__main__":
    main()
