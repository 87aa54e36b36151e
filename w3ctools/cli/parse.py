"""w3c-parse: lines of an access log -> JSON lines."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, NamedTuple

import click

from w3ctools.cli._choice import FORMAT, KEYS, TIME, check_span, where_option
from w3ctools.cli._command import Ended, ExitStatus, command, finish, listen, run, say
from w3ctools.cli._feeder import Feeder
from w3ctools.cli._settings import FILE, NAMES_OUTPUT, SITE, Option, Quantity
from w3ctools.core.errors import W3CError
from w3ctools.core.formats.format import Format, MakeFormat, Settings
from w3ctools.core.formats.text import visible
from w3ctools.core.parse import LogParser, ParseCounts, Parsed, Reject, Unrecognised
from w3ctools.core.record import Record
from w3ctools.core.select import Selection
from w3ctools.core.timestamp import Zone
from w3ctools.core.wire import omit_nulls
from w3ctools.edge.compressed import CannotDecompress, OpenFile, open_maybe_compressed
from w3ctools.edge.permissions import why_unreadable
from w3ctools.edge.streams import Input, Output, Waited, open_appended

if TYPE_CHECKING:
    from w3ctools.core.privacy import Privacy

#: Unparsed lines are quoted on stderr this rarely: a broken log must not flood a terminal.
QUOTE_EVERY_S = 10.0
QUOTE_CHARS = 200
#: How much of a line stands before the caret that points into it.
CARET_CHARS = 60
#: Of each input, so many formats of its sources are told.
MOST_TOLD = 100
#: How many records --detect shows.
SHOWN_RECORDS = 3
#: Formats that tell no time of a request.
WITHOUT_TIME = ("uvicorn",)


def read_zone(text: str) -> tzinfo:
    """A time zone by its IANA name or as ``+01:00``. Raises ValueError."""
    if text[:1] in "+-" and len(text) == 6 and text[3] == ":" and (text[1:3] + text[4:]).isdigit():
        offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:]))
        return timezone(-offset if text[0] == "-" else offset)
    import zoneinfo  # here and below: start-up counts, and few ask for it

    try:
        return zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{text!r} is no time zone: expected one such as Europe/Paris or +01:00") from None


def _list_formats(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from w3ctools.cli._format import list_formats

        click.echo(list_formats(), nl=False)
        ctx.exit()


def _make_format(text: str | None, config_path: str | None) -> MakeFormat | None:
    """What makes the format that is named; None where it is to be detected."""
    if text is None and config_path is None:
        return None
    # Imported here, as above: all formats load with it, and start-up counts.
    from w3ctools.cli._format import choose_format

    return choose_format(text, config_path)


class Reading(NamedTuple):
    """How lines become records."""

    make_format: MakeFormat | None
    zone: tzinfo
    site: str
    selection: Selection | None
    #: Whether each line says which log it comes from.
    tell_file: bool


class Telling(NamedTuple):
    """What is told beside the records."""

    omit_null: bool
    explain: bool
    rejects: Output | None


@command("w3c-parse", "parse")
@click.argument("files", nargs=-1, type=FILE, metavar="[FILE]...")
@click.option(
    "--format",
    "format_text",
    cls=Option,
    envvar="W3C_PARSE_FORMAT",
    type=FORMAT,
    help="A name of --list-formats, Apache's LogFormat, nginx's log_format, or a #Fields: line.",
)
@click.option(
    "--from-config",
    cls=Option,
    type=FILE,
    metavar="CONFIG",
    help="Take the format from nginx.conf or apache2.conf; --format names one of several.",
)
@click.option(
    "--list-formats",
    cls=Option,
    is_flag=True,
    is_eager=True,
    expose_value=False,
    allow_from_autoenv=False,
    callback=_list_formats,
    help="List the formats that have a name, and end.",
)
@click.option(
    "--detect",
    cls=Option,
    is_flag=True,
    allow_from_autoenv=False,
    help="Say which format the input has, show three records, and end.",
)
@click.option(
    "--site",
    cls=Option,
    type=SITE,
    help="Put the site before sections: /pages becomes http://my.site.com/pages.",
)
@click.option(
    "--tz",
    cls=Option,
    type=Quantity("ZONE", read_zone),
    default="UTC",
    show_default=True,
    help="Time zone of stamps that name none: an IANA name or +01:00.",
)
@where_option
@click.option(
    "--since",
    cls=Option,
    type=TIME,
    help="Only records from TIME on: RFC 3339, or -2h.",
)
@click.option("--until", cls=Option, type=TIME, help="Only records before TIME.")
@click.option(
    "--anonymize-ip",
    cls=Option,
    type=click.IntRange(1, 3),
    metavar="LEVEL",
    help="Cut addresses short: 1 the least, 3 the most.",
)
@click.option("--redact-query", cls=Option, is_flag=True, help="Replace the values in queries by REDACTED.")
@click.option("--drop", cls=Option, type=KEYS, help="Set these keys to null.")
@click.option("--source", cls=Option, is_flag=True, help="Add the key file: the log that a line comes from.")
@click.option("--omit-null", cls=Option, is_flag=True, help="Leave out keys that are null.")
@click.option(
    "--explain",
    cls=Option,
    is_flag=True,
    help="Show each line that cannot be parsed, and where and why it fails.",
)
@click.option(
    "--rejects",
    cls=Option,
    type=FILE,
    acts=NAMES_OUTPUT,
    help="Append lines that cannot be parsed to FILE, as they are.",
)
@click.option(
    "-j",
    "--jobs",
    cls=Option,
    type=click.IntRange(1, 64),
    metavar="N",
    default=1,
    show_default=True,
    help="Parse large FILEs with so many processes; the output is the same.",
)
@click.option("--strict", cls=Option, is_flag=True, help="Fail at the end if a line could not be parsed.")
@click.option("--summary", cls=Option, is_flag=True, help="Say at the end how many lines were read.")
def parse(
    files: tuple[str, ...],
    format_text: str | None,
    from_config: str | None,
    detect: bool,
    site: str | None,
    tz: tzinfo,
    where: Callable[[Record], bool] | None,
    since: int | None,
    until: int | None,
    anonymize_ip: int | None,
    redact_query: bool,
    drop: str | None,
    source: bool,
    omit_null: bool,
    explain: bool,
    rejects: str | None,
    jobs: int,
    strict: bool,
    summary: bool,
) -> None:
    """Turn the lines of an access log into JSON lines.

    Reads the FILEs one after the other, compressed ones too, or stdin. The format is found by itself; see
    --list-formats. A line in no known format becomes an "unparsed" event; nothing is dropped.

    \b
    Example:
        w3c-tail access.log | w3c-parse | jq .section
    """
    check_span(since, until)
    selection = Selection(where, since, until, _privacy(anonymize_ip or 0, redact_query, drop or ""))
    if detect and (format_text is not None or from_config is not None):
        raise click.UsageError("--detect finds the format: it goes with neither --format nor --from-config")
    reading = Reading(
        _make_format(format_text, from_config),
        tz,
        site or "",
        None if selection.is_everything else selection,
        source,
    )
    if reading.make_format is not None:
        reading.make_format(Settings("", Zone()))  # a bad format string is said before anything is read
    telling = Telling(omit_null, explain, _open_rejects(rejects))
    command = _Parse(reading, telling, jobs)
    for path in files or ("-",):
        command.read(path, detect)
    if summary or command.counts.unparsed:
        say(command.report())
    finish(command.signals)
    failed = strict and command.counts.unparsed and command.status is ExitStatus.DONE
    raise Ended(ExitStatus.FAILED if failed else command.status)


def _privacy(address_level: int, redact_query: bool, drop: str) -> Privacy | None:
    keys = tuple(key for key in drop.split(",") if key)
    if not (address_level or redact_query or keys):
        return None
    from w3ctools.core.privacy import Privacy, PrivacyError

    try:
        return Privacy(address_level, redact_query, keys)
    except PrivacyError as error:
        raise click.BadParameter(str(error), param_hint="'--drop'") from None


def _open_rejects(path: str | None) -> Output | None:
    if path is None:
        return None
    try:
        return Output(open_appended(path))
    except OSError as error:
        raise W3CError(f"--rejects: {path}: {error.strerror}") from None


class _Parse:
    def __init__(self, reading: Reading, telling: Telling, jobs: int) -> None:
        self.status = ExitStatus.DONE
        self.counts = ParseCounts()
        self.signals = listen(self.report)
        self._reading = reading
        self._telling = telling
        self._jobs = jobs
        self._output = Output()
        self._parser: LogParser | None = None
        self._quoted_at_s: float | None = None
        self._name = ""
        #: What stands for the present input in the key `file`.
        self._file: str | None = None
        #: Formats that its sources had.
        self._formats = 0

    def report(self) -> str:
        """Counts of all inputs up to now."""
        total = ParseCounts()
        total.add(self.counts)
        if self._parser is not None:
            total.add(self._parser.counts)
        filtered = f", {total.filtered:,} filtered" if self._reading.selection is not None else ""
        return (
            f"{total.lines:,} lines in, {total.records:,} records, {total.unparsed:,} unparsed, "
            f"{total.skipped:,} skipped{filtered}"
        )

    def read(self, path: str, detect: bool) -> None:
        """Parse one FILE, or stdin for ``-``, to its end."""
        if self.signals.received is not None:
            return
        self._name = "stdin" if path == "-" else path
        self._file = None if path == "-" else visible(os.fsencode(path))
        self._formats = 0
        read = self._detect if detect else self._read
        try:
            if path == "-":
                read(0)
                return
            with open_maybe_compressed(path) as file:
                read(file.fd)
                self._tell_problem(file)
        except CannotDecompress as error:
            say(str(error))
            self.status = ExitStatus.FAILED
        except OSError as error:
            say(f"{path}: {why_unreadable(path, error)}")
            self.status = ExitStatus.FAILED

    def _tell_problem(self, file: OpenFile) -> None:
        if file.problem is not None:
            say(file.problem)
            self.status = ExitStatus.FAILED

    def _new_parser(self, zone: Zone) -> LogParser:
        reading = self._reading
        return LogParser(
            Settings(reading.site, zone),
            reading.make_format,
            reading.selection,
            tell_file=reading.tell_file,
            file=self._file,
        )

    def _feeder(self, fd: int, parser: LogParser) -> Feeder:
        if self._jobs == 1:
            return Feeder(parser, self._show)
        from w3ctools.cli._jobs import ParallelFeeder, why_one

        why = why_one(fd)
        if why is None:
            return ParallelFeeder(parser, self._show, self._jobs, self._say_one)
        self._say_one(why)
        return Feeder(parser, self._show)

    def _say_one(self, why: str) -> None:
        say(f"{self._name}: --jobs {self._jobs} is not worth it: {why}")

    def _read(self, fd: int) -> None:
        zone = Zone(self._reading.zone)
        self._parser = parser = self._new_parser(zone)
        with closing(self._feeder(fd, parser)) as feeder:
            blocks = Input(fd, self._output, self.signals, ends_when_asked=fd != 0).blocks(
                None, feeder.read_bytes
            )
            for block in blocks:
                if isinstance(block, Waited):
                    continue
                feeder.feed(block)
                if parser.unrecognised is not None:
                    break
            else:
                feeder.flush()
        if parser.never_recognised is not None:
            self._give_up(parser.never_recognised)
        if zone.used:
            say(f"{self._name}: {zone.used:,} stamps name no time zone: taken as {self._reading.zone}")
        self.counts.add(parser.counts)
        self._parser = None

    def _show(self, parsed: Parsed) -> None:
        if parsed.output:
            self._output.write(omit_nulls(parsed.output) if self._telling.omit_null else parsed.output)
        for file, chosen in parsed.chosen.items():
            self._tell_format(file, chosen.name)
        if parsed.rejects:
            self._tell(parsed.rejects)

    def _tell_format(self, file: str | None, name: str) -> None:
        """Sources can be invented: a terminal must not be flooded with them."""
        if file is not None:
            self._formats += 1
            if self._formats == MOST_TOLD + 1:
                say(f"{self._name}: the formats of further sources are not told")
            if self._formats > MOST_TOLD:
                return
        log = file or self._name
        say(f"{log}: reading as {name}")
        if name.partition(" ")[0] in WITHOUT_TIME:
            say(f"{log}: {name} has no time: it gives no alerts and no live intervals")

    def _tell(self, rejects: list[Reject]) -> None:
        if self._telling.rejects is not None:
            self._telling.rejects.write(b"".join(reject.line + b"\n" for reject in rejects))
        if self._telling.explain:
            for event, _, shown_before in rejects:
                self._explain(event.line, event.column, event.reason, event.raw, shown_before)
            return
        now_s = time.monotonic()
        if self._quoted_at_s is None or now_s - self._quoted_at_s >= QUOTE_EVERY_S:
            self._quoted_at_s = now_s
            event = rejects[0].event
            say(f"{self._name}:{event.line}:{event.column}: {event.reason}: {event.raw[:QUOTE_CHARS]}")

    def _explain(self, number: int, column: int, reason: str, raw: str, shown_before: int) -> None:
        begin = max(0, shown_before - CARET_CHARS)
        say(f"{self._name}:{number}:{column}: {reason}")
        say(f"  {raw[begin : begin + 2 * CARET_CHARS]}")
        say(f"  {' ' * (shown_before - begin)}^")

    def _give_up(self, failure: Unrecognised) -> None:
        say(f"{self._name}: no line in a known format (w3c-parse --list-formats); the closest:")
        self._explain(failure.number, failure.column, failure.reason, failure.raw, failure.shown_before)
        self.status = ExitStatus.DATA

    def _detect(self, fd: int) -> None:
        """Say which format the input has, with what it makes of the first lines."""
        parser = self._new_parser(Zone(self._reading.zone))
        records: list[bytes] = []
        chosen: Format | None = None
        for block in Input(fd, self._output, self.signals, ends_when_asked=True).blocks(None):
            if isinstance(block, Waited):
                continue
            parsed = parser.feed(block)
            chosen = next(reversed(parsed.chosen.values()), chosen)
            records += [line for line in parsed.output.splitlines() if not line.startswith(b'{"event"')]
            if parser.unrecognised is not None or (chosen is not None and len(records) >= SHOWN_RECORDS):
                break
        else:
            parsed = parser.flush()
            chosen = next(reversed(parsed.chosen.values()), chosen)
            records += [line for line in parsed.output.splitlines() if not line.startswith(b'{"event"')]
        if parser.never_recognised is not None:
            self._give_up(parser.never_recognised)
        elif chosen is not None:
            from w3ctools.cli._format import format_option

            shown = b"".join(line + b"\n" for line in records[:SHOWN_RECORDS])
            self._output.write(
                f"{chosen.name}\n--format {shlex.quote(format_option(chosen))}\n".encode() + shown
            )


def main() -> None:
    """Entry point."""
    run(parse)


if __name__ == "__main__":
    main()
