"""w3c-parse: lines of an access log -> JSON lines."""

from __future__ import annotations

import os
import time
import zoneinfo
from datetime import timedelta, timezone, tzinfo

import click

from w3ctools.cli._command import Ended, ExitStatus, command, finish, listen, run, say
from w3ctools.cli._settings import SITE, Option, Quantity
from w3ctools.core.parse import LogParser, ParseCounts, Parsed, Unrecognised
from w3ctools.core.timestamp import Zone
from w3ctools.core.wire import omit_nulls
from w3ctools.edge.permissions import why_unreadable
from w3ctools.edge.signals import Signals
from w3ctools.edge.streams import Input, Output, Waited, open_input

#: Unparsed lines are quoted on stderr this rarely: a broken log must not flood a terminal.
QUOTE_EVERY_S = 10.0
QUOTE_CHARS = 200


def read_zone(text: str) -> tzinfo:
    """A time zone by its IANA name or as ``+01:00``. Raises ValueError."""
    if text[:1] in "+-" and len(text) == 6 and text[3] == ":" and (text[1:3] + text[4:]).isdigit():
        offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:]))
        return timezone(-offset if text[0] == "-" else offset)
    try:
        return zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{text!r} is no time zone: expected one such as Europe/Paris or +01:00") from None


@command("w3c-parse", "parse")
@click.argument("files", nargs=-1, metavar="[FILE]...")
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
@click.option("--omit-null", cls=Option, is_flag=True, help="Leave out keys that are null.")
@click.option("--summary", cls=Option, is_flag=True, help="Say at the end how many lines were read.")
def parse(files: tuple[str, ...], site: str | None, tz: tzinfo, omit_null: bool, summary: bool) -> None:
    """Turn the lines of an access log into JSON lines.

    Reads the FILEs one after the other, or stdin. Common, combined, vhost_combined and nginx's main log
    format are told apart line by line. A line in no known format becomes an "unparsed" event; nothing
    is dropped.

    \b
    Example:
        w3c-tail access.log | w3c-parse | jq .section
    """
    command = _Parse(site or "", tz, omit_null)
    for path in files or ("-",):
        command.read(path)
    if summary or command.counts.unparsed:
        say(command.report())
    finish(command.signals)
    raise Ended(command.status)


class _Parse:
    def __init__(self, site: str, zone: tzinfo, omit_null: bool) -> None:
        self.status = ExitStatus.DONE
        self.counts = ParseCounts()
        self.signals: Signals = listen(self.report)
        self._site, self._zone, self._omit_null = site, zone, omit_null
        self._output = Output()
        self._parser = LogParser()
        self._quoted_at_s: float | None = None
        self._name = ""

    def report(self) -> str:
        """Counts of all inputs up to now."""
        total = ParseCounts()
        total.add(self.counts)
        total.add(self._parser.counts)
        return (
            f"{total.lines:,} lines in, {total.records:,} records, {total.unparsed:,} unparsed, "
            f"{total.skipped:,} skipped"
        )

    def read(self, path: str) -> None:
        """Parse one FILE, or stdin for ``-``, to its end."""
        if self.signals.received is not None:
            return
        try:
            fd = 0 if path == "-" else open_input(path)
            self._name = "stdin" if path == "-" else path
            self._read(fd)
        except OSError as error:
            say(f"{path}: {why_unreadable(path, error)}")
            self.status = ExitStatus.FAILED
            return
        if fd:
            os.close(fd)

    def _read(self, fd: int) -> None:
        zone = Zone(self._zone)
        self._parser = parser = LogParser(self._site, zone)
        for block in Input(fd, self._output, self.signals, ends_when_asked=fd != 0).blocks(None):
            if isinstance(block, Waited):
                continue
            self._write(parser.feed(block))
            if parser.unrecognised is not None:
                break
        else:
            self._write(parser.flush())
        if parser.never_recognised is not None:
            self._give_up(parser.never_recognised)
        if zone.used:
            say(f"{self._name}: {zone.used:,} stamps name no time zone: taken as {self._zone}")
        self.counts.add(parser.counts)
        self._parser = LogParser()

    def _write(self, parsed: Parsed) -> None:
        if parsed.output:
            self._output.write(omit_nulls(parsed.output) if self._omit_null else parsed.output)
        if parsed.chosen is not None:
            say(f"{self._name}: reading as {parsed.chosen.name}")
        if parsed.unparsed:
            self._quote(parsed)

    def _quote(self, parsed: Parsed) -> None:
        now_s = time.monotonic()
        if self._quoted_at_s is None or now_s - self._quoted_at_s >= QUOTE_EVERY_S:
            self._quoted_at_s = now_s
            event = parsed.unparsed[0]
            say(f"{self._name}:{event.line}:{event.column}: {event.reason}: {event.raw[:QUOTE_CHARS]}")

    def _give_up(self, failure: Unrecognised) -> None:
        say(
            f"{self._name}:{failure.line}:{failure.column}: no line in a known format "
            f"(common, combined, vhost_combined, main): {failure.reason}"
        )
        self.status = ExitStatus.DATA


def main() -> None:
    """Entry point."""
    run(parse)


if __name__ == "__main__":
    main()
