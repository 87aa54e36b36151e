"""The database: records, events and alerts in a SQLite file, for questions after the fact.

People open it with sqlite3, DuckDB or Datasette, also while it is written: it is in WAL mode, so readers and
the writer do not wait for each other. Beside it stand PATH-wal and PATH-shm for as long as it is in use.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from w3ctools.core.columns import COLUMNS
from w3ctools.core.errors import W3CError
from w3ctools.edge.permissions import rights, why_unreadable

#: Whose a database is (https://sqlite.org/fileformat.html#application_id), and what its tables are like.
APPLICATION_ID = int.from_bytes(b"w3ct", "big")
#: Version 1 had alerts alone.
SCHEMA_VERSION = 2
#: Records hold addresses of clients.
_MODE = 0o600
#: Of a new file. Records come in a tenth faster than with SQLite's 4 KiB.
_PAGE_BYTES = 8192
#: How long others are waited for: where lines come in, and where there is nothing else to do.
BUSY_S, PATIENT_S = 0.1, 5.0
#: Storing that fails is tried again after so long, twice as long each time up to the second.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 8.0

_COLUMNS = ",\n    ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
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
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY, -- the order in which lines came, also those in events
    at_epoch NUMERIC NOT NULL, -- epoch, or where that is null, of the line before
    {_COLUMNS},
    shape INTEGER NOT NULL DEFAULT 0, -- what else it takes to write the same line
    line TEXT -- the line, where it cannot be written from the rest
);
CREATE INDEX IF NOT EXISTS records_at ON records (at_epoch);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY,
    at_epoch NUMERIC NOT NULL,
    event TEXT NOT NULL, -- what kind of event it is
    line TEXT NOT NULL -- all of it, as JSON
);
CREATE INDEX IF NOT EXISTS events_at ON events (at_epoch);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""

_WHOSE = ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")


class DatabaseError(W3CError):
    """A database that cannot be used; the text begins with its path."""


class _Unusable(Exception):
    """Why a file cannot be used, for `DatabaseError`."""


T = TypeVar("T")


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


def read_database(path: str, work: Callable[[sqlite3.Connection], T], version: int = 1) -> T | None:
    """What `work` reads, in one piece; None from a database that is older than `version` or empty.

    Needs no more than the right to read, where nobody writes. Raises DatabaseError.
    """
    target = os.path.realpath(path)
    try:
        _check_readable(target)
        is_read, found = _read_unused(target, work, version)
        return found if is_read else _read(target, "mode=ro", work, version)
    except (OSError, sqlite3.Error, _Unusable) as error:
        raise DatabaseError(f"{path}: {_why(target, error)}") from None


class Written(NamedTuple):
    """What came of writing."""

    is_done: bool
    #: What to tell the user, once when writing has begun to fail and once when it works again.
    news: str | None


class Writer:
    """Writes to the database at `path` for long, whatever becomes of the file and the disk meanwhile.

    Raises DatabaseError where it cannot be used from the first. Later nothing is raised. `monotonic_s` is the
    clock for the pauses; `checkpoint_pages`: when what was written goes on into the file itself; `busy_s`:
    how long others are waited for.
    """

    def __init__(
        self, path: str, monotonic_s: Callable[[], float], *, checkpoint_pages: int, busy_s: float = BUSY_S
    ) -> None:
        self._path = path
        self._monotonic_s = monotonic_s
        self._checkpoint_pages = checkpoint_pages
        self._busy_s = busy_s
        self._failing = False
        self._pause_s = 0.0
        self._next_try_s = monotonic_s()
        self._connection: sqlite3.Connection | None = self._connect(PATIENT_S)
        self._file = _identity(path)

    @property
    def is_due(self) -> bool:
        """Whether the pause after a failure is over."""
        return self._monotonic_s() >= self._next_try_s

    @property
    def pause_s(self) -> float:
        """How long until then."""
        return max(0.0, self._next_try_s - self._monotonic_s())

    def write(self, work: Callable[[sqlite3.Connection], None]) -> Written:
        """Do `work` in one transaction, whole or not at all."""
        try:
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            work(connection)
            connection.execute("COMMIT")
        except (OSError, sqlite3.Error, DatabaseError) as error:
            return Written(False, self._note_failure(error))
        self._pause_s = 0.0
        was_failing, self._failing = self._failing, False
        return Written(True, f"{self._path}: written again" if was_failing else None)

    def close(self) -> None:
        """Close the database; what was written is in the file itself then."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _connected(self) -> sqlite3.Connection:
        """A connection to the file that has the name now: the one before may have been moved or removed."""
        file = _identity(self._path)
        if self._connection is not None and (file is None or file != self._file):
            # All goes into the file it belongs to. SQLite would take what is left in PATH-wal for a part of
            # the new one.
            was_emptied = self._is_emptied()
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self.close()
            if was_emptied:  # what was left in PATH-wal is but a part of a database
                os.truncate(self._path, 0)
        if self._connection is None:
            self._connection = self._connect(self._busy_s)
            self._file = _identity(self._path)
        return self._connection

    def _is_emptied(self) -> bool:
        try:
            result = os.stat(self._path)
        except FileNotFoundError:
            return False
        return (result.st_dev, result.st_ino) == self._file and result.st_size == 0

    def _note_failure(self, error: Exception) -> str | None:
        # To open it anew is the one remedy for whatever has happened to the file; it rolls back, too.
        self.close()
        self._pause_s = min(max(2 * self._pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._next_try_s = self._monotonic_s() + self._pause_s
        was_failing, self._failing = self._failing, True
        if was_failing:
            return None
        told = str(error) if isinstance(error, DatabaseError) else f"{self._path}: {_why(self._path, error)}"
        return f"{told}, trying again"

    def _connect(self, patience_s: float) -> sqlite3.Connection:
        connection = open_database(self._path, patience_s)
        connection.execute(f"PRAGMA busy_timeout = {round(self._busy_s * 1000)}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {self._checkpoint_pages}")
        return connection


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
    version = _version(connection)  # before anything is changed in what may be somebody else's
    if version == 0:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = WAL")
    # In WAL mode NORMAL survives kill -9 as well, but a power cut may take the last transactions along;
    # FULL has each on the disk before COMMIT returns (https://sqlite.org/pragma.html#pragma_synchronous).
    connection.execute("PRAGMA synchronous = FULL")
    if version < SCHEMA_VERSION:
        connection.executescript(_SCHEMA)


def _version(connection: sqlite3.Connection) -> int:
    """What its tables are like; 0 if it has none yet.

    Raises _Unusable if it is of others, sqlite3.Error if it is damaged.
    """
    connection.execute("BEGIN")  # or another process could make the tables between two questions
    owner, version, tables = (connection.execute(question).fetchone()[0] for question in _WHOSE)
    connection.execute("COMMIT")
    if owner == 0 and tables == 0:
        return 0
    if owner != APPLICATION_ID:
        raise _Unusable("is the database of another application; name another file")
    if not 1 <= version <= SCHEMA_VERSION:
        raise _Unusable(f"is of version {version}, this w3ctools knows {SCHEMA_VERSION}")
    connection.execute("SELECT * FROM alerts LIMIT 1").fetchone()  # a damaged one fails here
    return int(version)


def _read_unused(target: str, work: Callable[[sqlite3.Connection], T], version: int) -> tuple[bool, T | None]:
    """Read a file that nobody has open; whether nobody had, and what was read.

    Read in WAL mode, even the reader makes files beside it, which need rights and stay. Without locks
    (https://sqlite.org/uri.html#uriimmutable) a reader is safe as long as there is no writer, and every
    writer has PATH-wal from its first statement to its end.
    """
    before = _unused_version(target)
    if before is None:
        return False, None
    try:
        found = _read(target, "mode=ro&immutable=1", work, version)
    except sqlite3.Error:
        if _unused_version(target) == before:
            raise
        return False, None
    return _unused_version(target) == before, found


def _unused_version(target: str) -> tuple[int, int, int] | None:
    """What changes with the file; None if somebody has it open, or had when the machine stopped."""
    if any(os.path.exists(f"{target}{ending}") for ending in ("-wal", "-journal")):
        return None
    result = os.stat(target)
    return result.st_ino, result.st_size, result.st_mtime_ns


def _read(target: str, mode: str, work: Callable[[sqlite3.Connection], T], version: int) -> T | None:
    with closing(_connect(target, mode, PATIENT_S)) as connection:
        return work(connection) if _version(connection) >= version else None


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
