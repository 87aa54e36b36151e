"""w3c-alert: say when the average rate of requests exceeds a threshold, and when it recovers."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import click

from w3ctools.cli._command import Ended, ExitStatus, command, finish, run, say
from w3ctools.cli._reading import Batch, ClockMode, Records, clock_option, lateness_option
from w3ctools.cli._rule import check_threshold, threshold_option, window_option
from w3ctools.cli._settings import Option
from w3ctools.core.alert import Alerts, Placed, Rule
from w3ctools.core.timestamp import rfc3339
from w3ctools.core.wire import Read, Row, encode
from w3ctools.edge.journal import Journal
from w3ctools.edge.streams import Output


class Form(NamedTuple):
    """What goes to stdout."""

    json: bool
    #: Records go on to stdout, with the alerts between them.
    pass_through: bool


@command("w3c-alert", "alert")
@threshold_option("Requests per second, on average over the window.")
@window_option("Length of the window.")
@click.option(
    "-o",
    "--output",
    cls=Option,
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Messages for people, or events as JSON lines.",
)
@click.option(
    "--pass-through",
    cls=Option,
    is_flag=True,
    help="Write the records on to stdout, and the alerts between them as JSON events.",
)
@click.option(
    "--log",
    "log_file",
    cls=Option,
    envvar="W3C_ALERT_LOG",
    metavar="FILE",
    names_output=True,
    help="Append every message to FILE too; opened anew for each, so that logrotate may move it.",
)
@lateness_option
@clock_option
@click.option("--summary", cls=Option, is_flag=True, help="Say at the end how many lines were read.")
def alert(
    threshold: Fraction,
    window: int,
    output: str,
    pass_through: bool,
    log_file: str | None,
    lateness: int,
    clock: ClockMode,
    summary: bool,
) -> None:
    """Watch JSON lines of w3c-parse and say when there is high traffic.

    The alert is raised when the average over the window exceeds the threshold, and recovers when it is
    below it. Time is the log's own, so that an old log gives the messages that a live run gave.

    \b
    Example:
        w3c-tail access.log | w3c-parse | w3c-alert -t 10 -w 2m
    """
    check_threshold(threshold)
    form = Form(json=output == "json" or pass_through, pass_through=pass_through)
    command = _Alert(Rule(threshold, window), lateness, clock, form, log_file)
    command.watch()
    if summary:
        say(command.report())
    finish(command.records.signals)
    raise Ended(ExitStatus.DONE)


class _Alert:
    def __init__(
        self, rule: Rule, lateness_s: int, mode: ClockMode, form: Form, log_file: str | None
    ) -> None:
        self._alerts = Alerts(rule, lateness_s)
        self._form = form
        self._output = Output()
        self._journal = Journal(log_file) if log_file is not None else None
        self.records = Records(Row, self._alerts.clock, mode, self._output, self.report)

    def report(self) -> str:
        """Counts up to now."""
        return self.records.report()

    def watch(self) -> None:
        """Watch stdin to its end."""
        for item in self.records:
            if isinstance(item, Batch):
                epochs = [row.epoch for row in item.read.rows]
                self._tell(self._alerts.feed(epochs, item.wall_s), item.read)
            elif item.elapsed_s is not None:
                self._tell([Placed(0, event) for event in self._alerts.tick(item.elapsed_s)], Read())
        self._tell([Placed(0, event) for event in self._alerts.flush()], Read())
        newest = self._alerts.clock.newest
        if self._alerts.is_open and newest is not None:
            say(f"alert open at the end of the input, last log time {rfc3339(newest)}")

    def _tell(self, placed: list[Placed], read: Read[Row]) -> None:
        if self._form.pass_through:
            lines = read.with_events(list(placed)) if placed else read.lines
            if lines:
                self._output.write(lines)
        for _, event in placed:
            if not self._form.pass_through:
                self._output.write((encode(event) if self._form.json else f"{event.message}\n").encode())
            trouble = self._journal.append(event.message) if self._journal is not None else None
            if trouble is not None:
                say(trouble)


def main() -> None:
    """Entry point."""
    run(alert)


if __name__ == "__main__":
    main()
