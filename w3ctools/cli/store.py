"""w3c-store: keep records and events in a database, and give them back."""

from __future__ import annotations

import time
from math import inf

import click

from w3ctools.cli._command import Ended, ExitStatus, command_with_subcommands, finish, run, say, say_if_any
from w3ctools.cli._reading import Batch, Records
from w3ctools.cli._settings import DURATION, NAMES_OUTPUT, Option
from w3ctools.cli._store_read import database_argument, read
from w3ctools.core.columns import Made, RowMaker
from w3ctools.core.window import LogClock
from w3ctools.core.wire import Row
from w3ctools.edge.clock import now
from w3ctools.edge.record_store import RecordStore
from w3ctools.edge.streams import Idle, Output, ReaderGone

#: As much is stored in one transaction, if there always is more: some 40 ms of work.
MOST_BYTES = 1 << 20
#: How long storing is tried at the end of the input; after a signal, which leaves 8 s for everything.
LAST_TRY_S, LAST_TRY_AFTER_SIGNAL_S = 10.0, 2.0
#: How often is looked whether there is something else to do.
LOOK_S = 0.25
#: Of no interest here: nothing is judged.
LATENESS_S = 2
#: After so many records without a time, there will be none.
PATIENCE_RECORDS = 1000


@command_with_subcommands("w3c-store", "store")
@database_argument(NAMES_OUTPUT)
@click.option(
    "--keep",
    cls=Option,
    type=DURATION,
    help="Delete what is older than that by the time of the log, such as 30d.",
)
@click.option(
    "--pass-through",
    cls=Option,
    is_flag=True,
    help="Write lines on to stdout once they are in FILE.",
)
@click.option("--summary", cls=Option, is_flag=True, help="Say at the end how many lines were read.")
def store(file: str, keep: int | None, pass_through: bool, summary: bool) -> None:
    """Keep JSON lines of w3c-parse, and the events between them, in the SQLite database FILE.

    What was read is stored as soon as nothing more has come. The database can be read at any time, by
    anything that knows SQLite, and `w3c-store read FILE` gives the same lines back.

    \b
    Example:
        w3c-tail access.log | w3c-parse | w3c-alert --pass-through | w3c-store --keep 30d site.db
    """
    command = _Store(file, keep, pass_through)
    is_whole = command.run()
    if summary:
        say(command.report())
    if not is_whole:
        command.tell_missing()
        raise Ended(ExitStatus.FAILED)
    finish(command.records.signals)
    raise Ended(ExitStatus.DONE)


store.add_command(read)


class _Store:
    def __init__(self, path: str, keep_s: int | None, pass_through: bool) -> None:
        self._path = path
        self._keep_s = keep_s
        self._pass_through = pass_through
        self._output = Output()
        self._store = RecordStore(path)
        self._maker = RowMaker()
        self._clock = LogClock(LATENESS_S)
        #: What is not in the database yet: its rows, and its lines.
        self._waiting: list[Made] = []
        self._lines: list[bytes] = []
        #: Rows so far, and of these what need not be made up for by deleting.
        self._stored = self._matched = 0
        #: When storing is given up, at the end of the input and after a signal.
        self._last_try_s = self._hurry_s = inf
        self.records = Records(Row, self._clock, "live", self._output, self.report)
        self._idle = Idle(self._output, self.records.signals)

    def report(self) -> str:
        """Counts up to now."""
        return f"{self.records.report()}; {self._stored:,} stored, {self._store.deleted:,} deleted"

    def tell_missing(self) -> None:
        """Say how many lines could not be stored."""
        say(f"{self._path}: lines missing in it: {sum(made.lines for made in self._waiting):,}")

    def run(self) -> bool:
        """Store stdin to its end; whether every line could be stored."""
        try:
            for item in self.records:
                if isinstance(item, Batch):
                    self._take(item)
                if sum(map(len, self._lines)) >= MOST_BYTES or self.records.is_dry:
                    if not self._store_waiting():
                        break
                    self._expire()
            else:
                self._last_try_s = time.monotonic() + LAST_TRY_S
                if self._store_waiting():
                    self._expire()
        except ReaderGone:
            if self._waiting and not self._try_to_store():
                self.tell_missing()
            raise
        finally:
            self._store.close()
        return not self._waiting

    def _take(self, batch: Batch[Row]) -> None:
        for _ in self._clock.feed_all([row.epoch for row in batch.read.rows], batch.wall_s):
            pass
        lines = batch.read.whole_lines
        if lines:
            self._lines.append(lines)
            self._waiting.append(self._maker.feed(lines, now().wall_s))

    def _store_waiting(self) -> bool:
        """Store what waits, however long it takes; False if it could not be done in time for the end."""
        if not self._waiting:
            return True
        while not self._try_to_store():
            if not self._pause():
                return False
        lines, self._lines = self._lines, []
        if self._pass_through:
            self._output.write(b"".join(lines))
        return True

    def _try_to_store(self) -> bool:
        """Store what waits, all or nothing; whether it is stored."""
        written = self._store.store(self._waiting)
        say_if_any(written.news)
        if written.is_done:
            self._stored += sum(made.lines for made in self._waiting)
            self._waiting.clear()
        return written.is_done

    def _pause(self) -> bool:
        """Wait for the next try; whether there is one."""
        end_s = time.monotonic() + self._store.pause_s
        while True:
            now_s = time.monotonic()
            if self.records.signals.received is not None:
                self._hurry_s = min(self._hurry_s, now_s + LAST_TRY_AFTER_SIGNAL_S)
            last_s = min(self._last_try_s, self._hurry_s)
            if now_s >= last_s:
                return False
            if now_s >= end_s:
                return True
            self._idle.wait(min(last_s - now_s, end_s - now_s, LOOK_S))

    def _expire(self) -> None:
        """Delete what is too old: as much as came, at least, and more while nothing comes."""
        before_s = self._oldest_s()
        if before_s is None:
            return
        least = self._store.deleted + 2 * (self._stored - self._matched)
        self._matched = self._stored
        end_s = time.monotonic() + LOOK_S
        while not self._store.pause_s and self.records.signals.received is None:
            written = self._store.expire(before_s)
            say_if_any(written.news)
            if not written.is_done or not self._store.is_behind:
                return
            is_over = time.monotonic() >= end_s or not self.records.is_dry
            if is_over and self._store.deleted >= least:
                return

    def _oldest_s(self) -> float | None:
        """What is older may go; None while the log's time is not known."""
        if self._keep_s is None:
            return None
        wall_s = now().wall_s
        newest = self._clock.newest
        if newest is None:
            return wall_s - self._keep_s if self._clock.unstamped >= PATIENCE_RECORDS else None
        return min(newest, wall_s) - self._keep_s


def main() -> None:
    """Entry point."""
    run(store)


if __name__ == "__main__":
    main()
