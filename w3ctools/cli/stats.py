"""w3c-stats: the traffic, interval after interval."""

from __future__ import annotations

import os
import socket
from typing import Any, Literal, NamedTuple

import click
from click.core import ParameterSource

from w3ctools.cli._choice import complete_key
from w3ctools.cli._command import Ended, ExitStatus, command, finish, run, say
from w3ctools.cli._reading import Batch, ClockMode, Quiet, Records, clock_option, lateness_option
from w3ctools.cli._settings import FILE, LISTENS, NAMES_OUTPUT, Option, Quantity, interval_option
from w3ctools.core.errors import QuantityError
from w3ctools.core.merging import Merging
from w3ctools.core.record import FILE_KEY, FORMAT_KEYS, Record
from w3ctools.core.render import Style, TextRenderer
from w3ctools.core.render_csv import CsvRenderer
from w3ctools.core.render_json import JsonRenderer
from w3ctools.core.stats import Item, Stats, Total
from w3ctools.core.summary import Spec, StatsRow, stats_row_type
from w3ctools.core.timestamp import rfc3339
from w3ctools.core.wire import SummaryRow
from w3ctools.edge.streams import Output
from w3ctools.edge.terminal import StatusLine, has_colour, is_terminal, width

Counter = Stats | Total


class Form(NamedTuple):
    """What goes to stdout."""

    output: str
    #: Rows of a table.
    top: int
    colour: bool
    #: With `--mergeable`: the name under which others merge it.
    host: str | None
    percentiles: bool


def _record_key(text: str) -> str:
    known = [*Record.__struct_fields__, *FORMAT_KEYS, *FILE_KEY]
    if text not in known:
        from w3ctools.core.where import nearest_key

        raise QuantityError(f"{text!r} is no key of a record: the nearest is {nearest_key(text)}")
    return text


@command("w3c-stats", "stats", reads_records=True)
@interval_option
@click.option(
    "--top",
    cls=Option,
    type=click.IntRange(1, 10_000),
    metavar="N",
    default=10,
    show_default=True,
    help="How many rows a table has.",
)
@click.option(
    "--by",
    cls=Option,
    multiple=True,
    type=Quantity("KEY", _record_key, complete_key),
    help="Count by this key of the record too, in a table of its own; repeatable.",
)
@click.option(
    "--depth",
    cls=Option,
    type=click.IntRange(1, 20),
    metavar="N",
    default=1,
    show_default=True,
    help="How many segments of the path make a section.",
)
@click.option(
    "--percentiles",
    cls=Option,
    is_flag=True,
    help="Show percentiles of duration and size, and the paths that take the most time.",
)
@click.option(
    "--total", cls=Option, is_flag=True, help="Show one summary of everything, at the end of the input."
)
@click.option("--live", cls=Option, is_flag=True, help="Show one screen, painted anew each second.")
@click.option(
    "-o",
    "--output",
    cls=Option,
    type=click.Choice(["text", "json", "csv", "prometheus"]),
    default="text",
    show_default=True,
    help="Blocks for people, an event or a row a line, or metrics.",
)
@click.option(
    "--file",
    cls=Option,
    type=FILE,
    acts=NAMES_OUTPUT,
    help="With -o prometheus, write the metrics to FILE, for node_exporter's textfile collector.",
)
@click.option(
    "--listen",
    cls=Option,
    metavar="ADDRESS",
    acts=LISTENS,
    help="With -o prometheus, serve the metrics at ADDRESS, such as 127.0.0.1:9107.",
)
@click.option(
    "--mergeable",
    cls=Option,
    is_flag=True,
    help="With -o json, write along what --merge needs.",
)
@click.option(
    "--host",
    cls=Option,
    metavar="NAME",
    help="With --mergeable, where the summaries come from.  [default: this machine's name]",
)
@click.option(
    "--merge",
    cls=Option,
    is_flag=True,
    help="Read summaries that --mergeable wrote, perhaps on several hosts, and show their sums.",
)
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
@click.pass_context
def stats(
    ctx: click.Context,
    /,
    interval: int,
    top: int,
    by: tuple[str, ...],
    depth: int,
    percentiles: bool,
    total: bool,
    live: bool,
    output: str,
    file: str | None,
    listen: str | None,
    mergeable: bool,
    host: str | None,
    merge: bool,
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
    _check(ctx)
    spec = Spec(tuple(dict.fromkeys(by)), depth, percentiles or live or output == "prometheus")
    colour = has_colour(color, os.environ)
    form = Form(output, top, colour, (host or socket.gethostname()) if mergeable else None, percentiles)
    records: Records[Any]
    status = ExitStatus.DONE
    if output == "prometheus":
        from w3ctools.cli._metrics import serve

        records = serve(spec, lateness, clock, top, interval, file, listen)
    elif live:
        from w3ctools.cli._live import watch

        records = watch(spec, lateness, clock, form.top, colour)
    elif merge:
        records, status = _merge(form, Merging(clock, in_all=total, mergeable=mergeable), clock)
    else:
        by_interval = Stats(interval, lateness, spec, mergeable=mergeable)
        records, status = _show(form, Total(lateness, spec) if total else by_interval, clock, spec)
    if records.unstamped:
        say(f"{records.unstamped:,} lines had no readable time: counted at the log's clock")
    if summary:
        say(records.report())
    finish(records.signals)
    raise Ended(status)


def _check(ctx: click.Context) -> None:
    """Raise UsageError for options that do not go together."""
    params = ctx.params
    output, apart = params["output"], params["total"] or params["merge"]
    if params["mergeable"] and output != "json":
        raise click.UsageError("--mergeable goes with -o json: only programs merge")
    if not params["mergeable"] and ctx.get_parameter_source("host") == ParameterSource.COMMANDLINE:
        raise click.UsageError("--host goes with --mergeable: it names where the summaries come from")
    if params["live"] and (output != "text" or apart):
        raise click.UsageError(
            "--live shows records as they come: neither -o, --total nor --merge go with it"
        )
    for name in ("by", "depth", "percentiles", "interval") if params["merge"] else ():
        if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} goes to the w3c-stats that counts, not to the one that merges")
    if output == "prometheus" and apart:
        raise click.UsageError("-o prometheus counts records as they come: without --total and --merge")
    if output == "prometheus" and params["file"] is None and params["listen"] is None:
        raise click.UsageError("-o prometheus needs --file or --listen: where do the metrics go?")
    for name in ("file", "listen"):
        if output != "prometheus" and ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} is for -o prometheus: the output goes to stdout")


def _show(form: Form, counter: Counter, mode: ClockMode, spec: Spec) -> tuple[Records[StatsRow], ExitStatus]:
    screen = _Screen(form)
    records = Records(stats_row_type(spec), counter.clock, mode, screen.output, lambda: records.report())
    for item in records:
        if isinstance(item, Batch):
            screen.show(counter.feed(item.read, item.wall_s))
            continue
        if item.is_idle and isinstance(counter, Stats):
            screen.show(counter.idle(item.moment.wall_s))
        elif item.elapsed_s is not None:
            screen.show(counter.tick(item.elapsed_s))
        screen.show_quiet(counter, records.live, item)
    screen.show(counter.flush())
    if records.has_summaries_alone:
        say("these are summaries, not records: w3c-stats --merge shows their sums")
        return records, ExitStatus.DATA
    return records, ExitStatus.DONE


def _merge(form: Form, merging: Merging, mode: ClockMode) -> tuple[Records[SummaryRow], ExitStatus]:
    screen = _Screen(form)
    records = Records(
        SummaryRow,
        merging.clock,
        mode,
        screen.output,
        lambda: records.report(),
        row_event="summary",
        in_front="w3c-parse | w3c-stats -o json --mergeable",
    )
    for item in records:
        if isinstance(item, Batch):
            screen.show(merging.feed(item.read, item.moment))
            for problem in merging.take_problems():
                say(f"left out: {problem}")
        if records.is_dry:  # else another host's turn may be about to come
            screen.show(merging.tick(item.moment))
    screen.show(merging.flush())
    left_out = merging.left_out + records.foreign
    if left_out:
        say(f"left out {left_out:,} {'line' if left_out == 1 else 'lines'}, see above")
    return records, ExitStatus.FAILED if left_out else ExitStatus.DONE


class _Screen:
    """Where items go: stdout, as text or JSON, with a line about silence if it is a terminal."""

    def __init__(self, form: Form) -> None:
        self.output = Output()
        self._text = TextRenderer(form.top) if form.output == "text" else None
        self._data: JsonRenderer | CsvRenderer
        if form.output == "csv":
            self._data = CsvRenderer(timings=form.percentiles)
            self.output.write(self._data.header.encode())
        else:
            self._data = JsonRenderer(form.top, form.host)
        self._colour = form.colour
        self._status = StatusLine() if is_terminal() and self._text is not None else None

    def show(self, items: list[Item]) -> None:
        """Write items; all of them in one piece."""
        if not items:
            return
        if self._text is None:
            text = "".join(self._data.render(item) for item in items)
        else:
            style = Style(width(), self._colour)
            text = "".join(self._text.render(item, style) for item in items)
        self.output.write((self._status.clear() if self._status else b"") + text.encode())

    def show_quiet(self, counter: Counter, live: bool, quiet: Quiet) -> None:
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
