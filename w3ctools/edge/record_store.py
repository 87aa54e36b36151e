"""Records and events in a database: a row for each line, and the same lines back, in the order of time."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import Any, NamedTuple

from w3ctools.core.columns import LineMaker, Made, Rows
from w3ctools.edge.alert_store import add_alert, is_storable
from w3ctools.edge.database import Writer, Written, read_database

#: How long another who writes is waited for: lines wait upstream meanwhile.
BUSY_S = 1.0
#: What was written goes on into the file itself from so much on: 16 MiB.
CHECKPOINT_PAGES = 2048
#: How many rows one step deletes at most: so many take a few milliseconds.
STEP_ROWS = 2000
#: Alerts that are over are looked for whenever the age limit has moved on by so much.
ALERTS_EVERY_S = 60
#: How many lines are read at a time: a reader that stands still must not keep what was deleted.
PAGE_LINES = 4000

_NEWEST_ID = "SELECT max((SELECT ifnull(max(id), 0) FROM records), (SELECT ifnull(max(id), 0) FROM events))"
_DELETE = "DELETE FROM {0} WHERE id IN (SELECT id FROM {0} WHERE at_epoch < ? ORDER BY at_epoch LIMIT ?)"
_DELETE_ALERTS = "DELETE FROM alerts WHERE recovered_epoch < ?"
_TABLES = ("records", "events")

# Python asks its adapters what to bind for a None, which takes longer than to bind a text; this one answers
# without running Python.
sqlite3.register_adapter(type(None), {}.get)  # type: ignore[arg-type]


class RecordStore:
    """Stores rows in the database at `path`, a block of lines in one transaction.

    Raises DatabaseError where it cannot be used from the first; later `store` and `expire` say what came of
    it, and `pause_s` when to try again. `monotonic_s` is the clock for the pauses.
    """

    def __init__(self, path: str, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._writer = Writer(path, monotonic_s, checkpoint_pages=CHECKPOINT_PAGES, busy_s=BUSY_S)
        self._alerts_before_s: float = -inf
        #: Rows of records and events that were deleted so far.
        self.deleted = 0
        #: Whether the last step may have left rows that are too old.
        self.is_behind = False

    @property
    def pause_s(self) -> float:
        """How long until it is time to try again, after a failure."""
        return self._writer.pause_s

    def store(self, made: Sequence[Made]) -> Written:
        """Store all of these or, if that fails, nothing."""

        def work(connection: sqlite3.Connection) -> None:
            next_id = connection.execute(_NEWEST_ID).fetchone()[0] + 1
            for block in made:
                for rows in block.rows:
                    connection.executemany(_insert(rows), rows.numbered(next_id))
                    next_id += len(rows.places)
                for alert in filter(is_storable, block.alerts):
                    add_alert(connection, alert)

        return self._writer.write(work)

    def expire(self, before_s: float) -> Written:
        """Delete some of what is older than that, the oldest first."""
        deleted = 0

        def work(connection: sqlite3.Connection) -> None:
            nonlocal deleted
            deleted = 0
            for table in _TABLES:
                left = STEP_ROWS - deleted
                deleted += connection.execute(_DELETE.format(table), (before_s, left)).rowcount
            if before_s >= self._alerts_before_s + ALERTS_EVERY_S:
                connection.execute(_DELETE_ALERTS, (before_s,))

        written = self._writer.write(work)
        if written.is_done:
            self.deleted += deleted
            self.is_behind = deleted == STEP_ROWS
            if before_s >= self._alerts_before_s + ALERTS_EVERY_S:
                self._alerts_before_s = before_s
        return written

    def close(self) -> None:
        """Close the database; all that was stored is in the file itself then."""
        self._writer.close()


def _insert(rows: Rows) -> str:
    columns = rows.columns
    return f"INSERT INTO {rows.table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


class Line(NamedTuple):
    """A line of the database, without LF. Lines are ordered by `at_epoch` and `id`."""

    at_epoch: int | float
    id: int
    line: bytes
    is_record: bool


def read_lines(path: str, since_s: float | None, until_s: float | None) -> Iterator[list[Line]]:
    """The lines from `since_s` up to before `until_s`, in the order of time. Raises DatabaseError.

    Each page is read in a transaction of its own, so nothing waits for a slow reader. What comes to stand
    behind the place that was reached, while it is read, is read too.
    """
    reader = _PageReader(-inf if since_s is None else since_s, inf if until_s is None else until_s)
    while page := read_database(path, reader.read, version=2):
        yield page
        reader.go_on_behind(page[-1])


class _PageReader:
    """Reads pages; it leaves out columns that no row has needed so far."""

    def __init__(self, since_s: float, until_s: float) -> None:
        #: What is read stands behind this place.
        self._at, self._id = since_s, -1
        self._until_s = until_s
        self._maker = LineMaker(with_added_keys=False)

    def read(self, connection: sqlite3.Connection) -> list[Line]:
        """The next lines, at most `PAGE_LINES`."""
        connection.execute("BEGIN")
        lines = self._records(connection)
        events = self._events(connection)
        connection.execute("COMMIT")
        if events:
            lines = sorted(lines + events)[:PAGE_LINES]
        return lines

    def go_on_behind(self, line: Line) -> None:
        """Read what follows it next."""
        self._at, self._id = line.at_epoch, line.id

    def _records(self, connection: sqlite3.Connection) -> list[Line]:
        rows = self._select(connection, "records", self._maker.columns)
        if any(row[2] for row in rows) and not self._maker.with_added_keys:
            self._maker = LineMaker(with_added_keys=True)
            return self._records(connection)
        lines = self._maker.lines([row[2:] for row in rows])
        return [Line(row[0], row[1], line, True) for row, line in zip(rows, lines, strict=True)]

    def _events(self, connection: sqlite3.Connection) -> list[Line]:
        return [
            Line(at, number, line if isinstance(line, bytes) else line.encode(), False)
            for at, number, line in self._select(connection, "events", ("line",))
        ]

    def _select(
        self, connection: sqlite3.Connection, table: str, columns: Sequence[str]
    ) -> list[tuple[Any, ...]]:
        """In two steps: SQLite would look for the id among all rows of the same time."""
        select = f"SELECT at_epoch, id, {', '.join(columns)} FROM {table} WHERE"
        rows = connection.execute(
            f"{select} at_epoch = ? AND id > ? AND at_epoch < ? ORDER BY id LIMIT ?",
            (self._at, self._id, self._until_s, PAGE_LINES),
        ).fetchall()
        rows += connection.execute(
            f"{select} at_epoch > ? AND at_epoch < ? ORDER BY at_epoch, id LIMIT ?",
            (self._at, self._until_s, PAGE_LINES - len(rows)),
        )
        return rows
