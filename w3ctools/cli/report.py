"""w3c-report: one HTML page about a log."""

from __future__ import annotations

import os

import click

from w3ctools.cli._command import Ended, ExitStatus, command, finish, run, say
from w3ctools.cli._reading import Batch, ClockMode, Records, clock_option, lateness_option
from w3ctools.cli._settings import DURATION, FILE, NAMES_OUTPUT, Option
from w3ctools.core.report import Report, ReportRow
from w3ctools.core.report_page import page
from w3ctools.edge.clock import now
from w3ctools.edge.replacing import open_beside, replace_file
from w3ctools.edge.streams import Output

#: More rows than that are no table that anybody reads; they would make the page large, whatever the log.
MOST_ROWS = 200
#: A report is there to be read.
_MODE = 0o644


@command("w3c-report", "report", reads_records=True)
@click.option(
    "--file",
    "path",
    cls=Option,
    type=FILE,
    acts=NAMES_OUTPUT,
    help="Write the page to FILE, in one step, instead of stdout.",
)
@click.option(
    "--refresh",
    cls=Option,
    type=DURATION,
    help="While the input goes on, write FILE anew, at most so often and only if something came.",
)
@click.option(
    "--title", cls=Option, metavar="TEXT", default="Access log", show_default=True, help="The page's title."
)
@click.option(
    "--top",
    cls=Option,
    type=click.IntRange(1, MOST_ROWS),
    metavar="N",
    default=10,
    show_default=True,
    help="How many rows tables have.",
)
@lateness_option
@clock_option
@click.option("--summary", cls=Option, is_flag=True, help="Say at the end how many lines were read.")
def report(
    path: str | None,
    refresh: int | None,
    title: str,
    top: int,
    lateness: int,
    clock: ClockMode,
    summary: bool,
) -> None:
    """Write a page about JSON lines of w3c-parse, as HTML.

    Traffic, errors, data sent and durations over time, with the alerts of w3c-alert on the same input marked;
    tables of sections, clients, paths, referers and user agents. The page is a file of its own: it holds no
    script and fetches nothing.

    \b
    Example:
        w3c-parse access.log | w3c-alert --pass-through | w3c-report --file report.html
    """
    if refresh is not None and path is None:
        raise click.UsageError("--refresh needs --file: a page on stdout is written once, at the end")
    output = Output()
    shown = Report(lateness)
    destination = _Destination(path, output, title, top)
    records = Records(ReportRow, shown.clock, clock, output, lambda: records.report())
    _read(records, shown, destination, refresh)
    if summary:
        say(records.report())
    if records.has_summaries_alone:
        say("these are summaries, not records: a page is made of records")
    finish(records.signals)
    raise Ended(ExitStatus.DATA if records.has_summaries_alone else ExitStatus.DONE)


def _read(
    records: Records[ReportRow], shown: Report, destination: _Destination, refresh_s: int | None
) -> None:
    is_new, written_s = False, float("-inf")
    for item in records:
        if isinstance(item, Batch):
            is_new |= shown.feed(item.read, item.wall_s)
        if is_new and refresh_s is not None and now().boot_s - written_s >= refresh_s:
            destination.write(shown)
            is_new, written_s = False, now().boot_s
    shown.flush()
    destination.write(shown)


class _Destination:
    """Where the page goes. A FILE that cannot be written is found before anything is read."""

    def __init__(self, path: str | None, output: Output, title: str, rows: int) -> None:
        self._path, self._output, self._title, self._rows = path, output, title, rows
        # A rename onto a link would replace the link, not what it links to.
        self._target = None if path is None else os.path.realpath(path)
        if self._target is None:
            return
        if os.path.exists(self._target) and not os.path.isfile(self._target):
            say(f"{path}: is no regular file, so it cannot be replaced")
            raise Ended(ExitStatus.USAGE)
        try:
            os.close(open_beside(self._target, _MODE))
            os.unlink(f"{self._target}.tmp")
        except OSError as error:
            raise self._failed(error) from None

    def write(self, shown: Report) -> None:
        """Write the page as it is now; the file as a whole or not at all."""
        data = page(shown, self._title, self._rows).encode()
        if self._target is None:
            self._output.write(data)
            return
        try:
            replace_file(self._target, data, _MODE)
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> Ended:
        say(f"{self._path}: {os.strerror(error.errno or 0)}")
        return Ended(ExitStatus.FAILED)


def main() -> None:
    """Entry point."""
    run(report)


if __name__ == "__main__":
    main()
