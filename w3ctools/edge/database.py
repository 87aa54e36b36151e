"""The database: alerts in a SQLite file, for questions after the fact.

People open it with sqlite3, DuckDB or Datasette, also while it is written: it is in WAL mode, so readers and
the writer do not wait for each other. Beside it stand PATH-wal and PATH-shm for as long as it is in use.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from w3ctools.core.errors import W3CError
from w3ctools.core.history import AlertRow
from w3ctools.core.wire import AlertEvent
from w3ctools.edge.permissions import rights, why_unreadable

#: Whose a database is (https://sqlite.org/fileformat.html#application_id), and what its tables are like.
APPLICATION_ID = int.from_bytes(b"w3ct", "big")
SCHEMA_VERSION = 1
#: Alerts hold addresses of clients.
_MODE = 0o600
#: How long others are waited for: where alerts come in, and where there is nothing else to do.
BUSY_S, PATIENT_S = 0.1, 5.0
#: Events that could not be stored are kept up to here.
MOST_WAITING = 10_000
#: Storing that fails is tried again after so long, twice as long each time up to the second.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 8.0

#: SQLite keeps the comments, for those who look at the schema.
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS alerts (
    id INTEGER PRIMARY KEY,
    rule TEXT NOT NULL,
    metric TEXT,
    key TEXT, -- what the rule counts by, if anything
    value REAL, -- what exceeded the threshold, when the alert was raised
    hits INTEGER, -- requests in the window, then
    threshold REAL,
    window_s INTEGER,
    raised TEXT, -- RFC 3339, UTC; null where only the end is known
    raised_epoch INTEGER,
    recovered TEXT, -- null while the alert is open
    recovered_epoch INTEGER,
    ended_by TEXT CHECK (ended_by IN ('recovered', 'reset')),
    message TEXT,
    recovered_message TEXT
);
-- Nulls are distinct to an index, and '' is a key like any other.
CREATE UNIQUE INDEX IF NOT EXISTS alerts_raised ON alerts (rule, key IS NULL, ifnull(key, ''), raised_epoch);
CREATE INDEX IF NOT EXISTS alerts_ended ON alerts (rule, key, recovered_epoch);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""

_RAISE = """
INSERT INTO alerts (rule, metric, key, value, hits, threshold, window_s, raised, raised_epoch, message)
VALUES (:rule, :metric, :key, :value, :hits, :threshold, :window_s, :time, :epoch, :message)
ON CONFLICT DO NOTHING
"""
_ENDED_THEN = "rule = :rule AND key IS :key AND recovered_epoch = :epoch AND ended_by = :state"
_HAS_ENDED = f"SELECT 1 FROM alerts WHERE {_ENDED_THEN} AND raised_epoch IS NOT NULL"
# A clock that went back may be before the second of the raising.
_END = """
UPDATE alerts SET recovered = :time, recovered_epoch = :epoch, ended_by = :state, recovered_message = :message
WHERE id = (
    SELECT max(id) FROM alerts
    WHERE rule = :rule AND key IS :key AND recovered_epoch IS NULL
    AND (raised_epoch <= :epoch OR :state = 'reset')
)
"""
_END_ALONE = f"""
INSERT INTO alerts
    (rule, metric, key, threshold, window_s, recovered, recovered_epoch, ended_by, recovered_message)
SELECT :rule, :metric, :key, :threshold, :window_s, :time, :epoch, :state, :message
WHERE NOT EXISTS (SELECT 1 FROM alerts WHERE {_ENDED_THEN})
"""
_FORGET_END_ALONE = f"DELETE FROM alerts WHERE {_ENDED_THEN} AND raised_epoch IS NULL"

_READ = """
SELECT rule, metric, key, value, hits, threshold, window_s, raised, raised_epoch, recovered, recovered_epoch,
    ended_by, coalesce(message, recovered_message, '')
FROM alerts
WHERE :since_epoch IS NULL OR recovered_epoch IS NULL
    OR recovered_epoch >= :since_epoch OR raised_epoch >= :since_epoch
ORDER BY ifnull(raised_epoch, recovered_epoch), id
"""
_WHOSE = ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")


class DatabaseError(W3CError):
    """A database that cannot be used; the text begins with its path."""


class _Unusable(Exception):
    """Why a file cannot be used, for `DatabaseError`."""


def open_database(path: str, patience_s: float) -> sqlite3.Connection:
    """Open a database for writing; made if it is missing or empty. Raises DatabaseError.

    Others that write are waited for `patience_s`, here and by each statement later.
    """
    target = os.path.realpath(path)
    try:
        _make(target)
        connection = _connect(target, "mode=rw", patience_s)
        try:
            _set_up_patiently(connection, patience_s)
        except BaseException:
            connection.close()
            raise
    except (OSError, sqlite3.Error, _Unusable) as error:
        raise DatabaseError(f"{path}: {_why(target, error)}") from None
    return connection


def read_alerts(path: str, since_epoch: int | None) -> list[AlertRow]:
    """All alerts, or those that were open at `since_epoch` or later; the newest last. Raises DatabaseError.

    Needs no more than the right to read, where nobody writes.
    """
    target = os.path.realpath(path)
    try:
        _check_readable(target)
        rows = _read_unused(target, since_epoch)
        return _read(target, "mode=ro", since_epoch) if rows is None else rows
    except (OSError, sqlite3.Error, _Unusable) as error:
        raise DatabaseError(f"{path}: {_why(target, error)}") from None


class AlertStore:
    """Stores alerts in the database at `path`, and goes on trying while that fails.

    Raises DatabaseError where it cannot be used from the first. Later nothing is raised: each method gives
    what to tell the user, once when storing has begun to fail and once when it works again. What could not
    be stored waits, up to `MOST_WAITING` events, for the next call once a pause is over. Storing an event
    again changes nothing. `monotonic_s` is the clock for the pauses.
    """

    def __init__(self, path: str, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic_s = monotonic_s
        self._waiting: deque[AlertEvent] = deque()
        #: Events that will never be in the database.
        self._lost = 0
        self._failing = False
        self._pause_s = 0.0
        self._next_try_s = monotonic_s()
        self._connection: sqlite3.Connection | None = self._connect(PATIENT_S)
        self._file = _identity(path)

    def store_all(self, events: Iterable[AlertEvent]) -> str | None:
        """Store events in one transaction, behind those that wait."""
        for event in events:
            if _is_storable(event):
                self._waiting.append(event)
            else:
                self._lost += 1
        news = self.retry()
        self._drop_oldest()
        return news

    def retry(self) -> str | None:
        """Store what waits, if anything does and it is time to."""
        if not self._waiting or self._monotonic_s() < self._next_try_s:
            return None
        return self._try()

    def close(self) -> str | None:
        """Store what waits, now or never, and close the database. Gives what is missing in it."""
        news = self._try() if self._waiting else None
        self._disconnect()
        missing = self._lost + len(self._waiting)
        return f"{self._path}: alerts missing in it: {missing}" if missing else news

    def _drop_oldest(self) -> None:
        # Not the newest: an alert without its beginning tells more than one that never ends.
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._lost += 1

    def _try(self) -> str | None:
        try:
            self._store()
        except (OSError, sqlite3.Error, DatabaseError) as error:
            return self._note_failure(error)
        self._waiting.clear()
        self._pause_s = 0.0
        was_failing, self._failing = self._failing, False
        if not was_failing:
            return None
        missing = f", alerts missing in it: {self._lost}" if self._lost else ""
        return f"{self._path}: written again{missing}"

    def _store(self) -> None:
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        for event in self._waiting:
            _add(connection, event)
        connection.execute("COMMIT")

    def _connected(self) -> sqlite3.Connection:
        """A connection to the file that has the name now: the one before may have been moved or removed."""
        file = _identity(self._path)
        if self._connection is not None and (file is None or file != self._file):
            # All goes into the file it belongs to. SQLite would take what is left in PATH-wal for a part of
            # the new one.
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._disconnect()
        if self._connection is None:
            self._connection = self._connect(BUSY_S)
            self._file = _identity(self._path)
        return self._connection

    def _note_failure(self, error: Exception) -> str | None:
        # To open it anew is the one remedy for whatever has happened to the file; it rolls back, too.
        self._disconnect()
        self._pause_s = min(max(2 * self._pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._next_try_s = self._monotonic_s() + self._pause_s
        was_failing, self._failing = self._failing, True
        if was_failing:
            return None
        told = str(error) if isinstance(error, DatabaseError) else f"{self._path}: {_why(self._path, error)}"
        return f"{told}, trying again"

    def _connect(self, patience_s: float) -> sqlite3.Connection:
        connection = open_database(self._path, patience_s)
        connection.execute(f"PRAGMA busy_timeout = {round(BUSY_S * 1000)}")
        # Alerts are few. So each goes on into the file itself at once, and whoever copies or moves that alone
        # has them all.
        connection.execute("PRAGMA wal_autocheckpoint = 1")
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def _add(connection: sqlite3.Connection, event: AlertEvent) -> None:
    values = msgspec.structs.asdict(event)
    if event.state == "raised":
        connection.execute(_RAISE, values)
    elif connection.execute(_HAS_ENDED, values).fetchone() is None:
        if connection.execute(_END, values).rowcount:
            connection.execute(_FORGET_END_ALONE, values)
        else:
            connection.execute(_END_ALONE, values)


def _is_storable(event: AlertEvent) -> bool:
    """Whether a row can hold it, and tell it from others: one that was read from a text names no rule."""
    return (
        event.state in ("raised", "recovered", "reset")
        and event.rule is not None
        and event.epoch is not None
        and abs(event.epoch) < 1 << 63
    )


def _identity(path: str) -> tuple[int, int] | None:
    """Which file has the name; None if there is none or it was emptied: a database never is empty."""
    try:
        result = os.stat(path)
    except FileNotFoundError:
        return None
    return (result.st_dev, result.st_ino) if result.st_size else None


def _make(target: str) -> None:
    """Have a file there that SQLite can open. Else say why; it says no more than that it cannot."""
    with suppress(FileExistsError):
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE))
    _check_readable(target)
    if not os.access(target, os.W_OK):
        raise _Unusable(f"cannot be written ({rights(target)})")
    folder = os.path.dirname(target)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _Unusable(f"cannot have files beside it ({rights(folder)})")


def _check_readable(target: str) -> None:
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        raise _Unusable("no such file") from None
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
        raise _Unusable(f"is {kind}; name a file for the database")
    # Not by opening it: close(2) would undo the locks that SQLite holds on it in this process (fcntl(2)).
    if not os.access(target, os.R_OK):
        raise _Unusable(f"cannot be read ({rights(target)})")


def _connect(target: str, how: str, patience_s: float) -> sqlite3.Connection:
    """`how` is the query of the URI (https://sqlite.org/uri.html). A path may hold any byte, a URI cannot."""
    uri = f"{Path(target).as_uri()}?{how}"
    return sqlite3.connect(uri, uri=True, timeout=patience_s, isolation_level=None)


def _set_up_patiently(connection: sqlite3.Connection, patience_s: float) -> None:
    """`_set_up`; SQLite itself does not wait where two processes change the mode of a new file at once."""
    give_up_s = time.monotonic() + patience_s
    while True:
        try:
            _set_up(connection)
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= give_up_s:
                raise
        time.sleep(0.01)


def _set_up(connection: sqlite3.Connection) -> None:
    is_new = _is_new(connection)  # before anything is changed in what may be somebody else's
    connection.execute("PRAGMA journal_mode = WAL")
    # In WAL mode NORMAL survives kill -9 as well, but a power cut may take the last transactions along;
    # FULL has each on the disk before COMMIT returns (https://sqlite.org/pragma.html#pragma_synchronous).
    connection.execute("PRAGMA synchronous = FULL")
    if is_new:
        connection.executescript(_SCHEMA)


def _is_new(connection: sqlite3.Connection) -> bool:
    """Whether it has no tables yet. Raises _Unusable if it is of others, sqlite3.Error if it is damaged."""
    connection.execute("BEGIN")  # or another process could make the tables between two questions
    owner, version, tables = (connection.execute(question).fetchone()[0] for question in _WHOSE)
    connection.execute("COMMIT")
    if owner == 0 and tables == 0:
        return True
    if owner != APPLICATION_ID:
        raise _Unusable("is the database of another application; name another file")
    if version != SCHEMA_VERSION:
        raise _Unusable(f"is of version {version}, this w3ctools knows {SCHEMA_VERSION}")
    connection.execute("SELECT * FROM alerts LIMIT 1").fetchone()  # a damaged one fails here
    return False


def _read_unused(target: str, since_epoch: int | None) -> list[AlertRow] | None:
    """Read a file that nobody has open; None if somebody has.

    Read in WAL mode, even the reader makes files beside it, which need rights and stay. Without locks
    (https://sqlite.org/uri.html#uriimmutable) a reader is safe as long as there is no writer, and every
    writer has PATH-wal from its first statement to its end.
    """
    before = _unused_version(target)
    if before is None:
        return None
    try:
        rows = _read(target, "mode=ro&immutable=1", since_epoch)
    except sqlite3.Error:
        if _unused_version(target) == before:
            raise
        return None
    return rows if _unused_version(target) == before else None


def _unused_version(target: str) -> tuple[int, int, int] | None:
    """What changes with the file; None if somebody has it open, or had when the machine stopped."""
    if any(os.path.exists(f"{target}{ending}") for ending in ("-wal", "-journal")):
        return None
    result = os.stat(target)
    return result.st_ino, result.st_size, result.st_mtime_ns


def _read(target: str, mode: str, since_epoch: int | None) -> list[AlertRow]:
    with closing(_connect(target, mode, PATIENT_S)) as connection:
        if _is_new(connection):
            return []
        return [AlertRow(*values) for values in connection.execute(_READ, {"since_epoch": since_epoch})]


def _why(target: str, error: Exception) -> str:
    """The reason in one clause."""
    if isinstance(error, OSError):
        return f"cannot be opened: {why_unreadable(target, error)}"
    text = str(error)
    if isinstance(error, _Unusable):
        return text
    # Python 3.10 gives no codes of SQLite's errors, only its texts.
    if text == "file is not a database":
        return "is no SQLite database; name another file"
    if "malformed" in text:
        return f"is damaged: {text}"
    return f"cannot be used: {text}"
