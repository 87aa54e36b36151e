"""w3c-stats: the traffic, interval after interval."""

from __future__ import annotations

import os
from typing import Literal

import click

from w3ctools.cli._command import Ended, ExitStatus, command, finish, run, say
from w3ctools.cli._reading import Batch, ClockMode, Quiet, Records, clock_option, lateness_option
from w3ctools.cli._settings import DURATION, Option, output_option
from w3ctools.core.render import JsonRenderer, Style, TextRenderer
from w3ctools.core.stats import Item, Stats, Total
from w3ctools.core.summary import StatsRow
from w3ctools.core.timestamp import rfc3339
from w3ctools.edge.streams import Output
from w3ctools.edge.terminal import StatusLine, has_colour, is_terminal, width


@command("w3c-stats", "stats")
@click.option(
    "-i",
    "--interval",
    cls=Option,
    type=DURATION,
    default="10s",
    show_default=True,
    help="Length of an interval, in the log's time.",
)
@click.option(
    "--top",
    cls=Option,
    type=click.IntRange(1, 10_000),
    default=10,
    show_default=True,
    help="How many sections to show.",
)
@click.option(
    "--total", cls=Option, is_flag=True, help="Show one summary of everything, at the end of the input."
)
@output_option("Blocks for people, or an event a line.")
@click.option(
    "--color",
    cls=Option,
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colour on a terminal unless NO_COLOR is set, always, or never.",
)
@lateness_option
@clock_option
@click.option("--summary", cls=Option, is_flag=True, help="Say at the end how many lines were read.")
def stats(
    interval: int,
    top: int,
    total: bool,
    output: str,
    color: Literal["auto", "always", "never"],
    lateness: int,
    clock: ClockMode,
    summary: bool,
) -> None:
    """Show the traffic in JSON lines of w3c-parse, interval after interval.

    Sections with the most requests, status, methods, bytes and clients; alerts of w3c-alert on the same
    input are shown at once and repeated in every block.

    \b
    Example:
        w3c-tail access.log | w3c-parse | tee >(w3c-alert) | w3c-stats
    """
    counter = Total(lateness) if total else Stats(interval, lateness)
    screen = _Screen(top, output == "json", has_colour(color, os.environ))
    records = Records(StatsRow, counter.clock, clock, screen.output, lambda: records.report())
    _read(records, counter, screen)
    if counter.clock.unstamped:
        say(f"{counter.clock.unstamped:,} lines had no readable time: counted at the log's clock")
    if summary:
        say(records.report())
    finish(records.signals)
    raise Ended(ExitStatus.DONE)


def _read(records: Records[StatsRow], counter: Stats | Total, screen: _Screen) -> None:
    for item in records:
        if isinstance(item, Batch):
            screen.show(counter.feed(item.read, item.wall_s))
            continue
        if item.elapsed_s is not None:
            screen.show(counter.tick(item.elapsed_s))
        screen.show_quiet(counter, records.live, item)
    screen.show(counter.flush())


class _Screen:
    """Where items go: stdout, as text or JSON, with a line about silence if it is a terminal."""

    def __init__(self, sections: int, json: bool, colour: bool) -> None:
        self.output = Output()
        self._json = JsonRenderer(sections) if json else None
        self._text = TextRenderer(sections)
        self._colour = colour
        self._status = StatusLine() if is_terminal() and not json else None

    def show(self, items: list[Item]) -> None:
        """Write items; all of them in one piece."""
        if not items:
            return
        if self._json is not None:
            text = "".join(self._json.render(item) for item in items)
        else:
            style = Style(width(), self._colour)
            text = "".join(self._text.render(item, style) for item in items)
        self.output.write((self._status.clear() if self._status else b"") + text.encode())

    def show_quiet(self, counter: Stats | Total, live: bool, quiet: Quiet) -> None:
        """Tell a person at a terminal that nothing comes."""
        newest = counter.clock.newest
        if self._status is None:
            return
        if newest is None:
            self.output.write(self._status.show("waiting for the first request", width()))
        elif live and counter.is_quiet and quiet.elapsed_s is not None:
            text = f"no requests since {rfc3339(newest)} ({int(quiet.elapsed_s):,} s)"
            self.output.write(self._status.show(text, width()))


def main() -> None:
    """Entry point."""
    run(stats)


if __name__ == "__main__":
    main()
