"""Alerts in a database, one row for each, for questions after the fact."""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable

import msgspec

from w3ctools.core.history import AlertRow
from w3ctools.core.wire import AlertEvent
from w3ctools.edge.database import Writer, read_database

#: Events that could not be stored are kept up to here.
MOST_WAITING = 10_000

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


def read_alerts(path: str, since_epoch: int | None) -> list[AlertRow]:
    """All alerts, or those that were open at `since_epoch` or later; the newest last. Raises DatabaseError.

    Needs no more than the right to read, where nobody writes.
    """

    def read(connection: sqlite3.Connection) -> list[AlertRow]:
        return [AlertRow(*values) for values in connection.execute(_READ, {"since_epoch": since_epoch})]

    return read_database(path, read) or []


class AlertStore:
    """Stores alerts in the database at `path`, and goes on trying while that fails.

    Raises DatabaseError where it cannot be used from the first. Later nothing is raised: each method gives
    what to tell the user, once when storing has begun to fail and once when it works again. What could not
    be stored waits, up to `MOST_WAITING` events, for the next call once a pause is over. Storing an event
    again changes nothing. `monotonic_s` is the clock for the pauses.
    """

    def __init__(self, path: str, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        # Alerts are few. So each goes on into the file itself at once, and whoever copies or moves that alone
        # has them all.
        self._writer = Writer(path, monotonic_s, checkpoint_pages=1)
        self._waiting: deque[AlertEvent] = deque()
        #: Events that will never be in the database.
        self._lost = 0

    def store_all(self, events: Iterable[AlertEvent]) -> str | None:
        """Store events in one transaction, behind those that wait."""
        for event in events:
            if is_storable(event):
                self._waiting.append(event)
            else:
                self._lost += 1
        news = self.retry()
        self._drop_oldest()
        return news

    def retry(self) -> str | None:
        """Store what waits, if anything does and it is time to."""
        return self._try() if self._waiting and self._writer.is_due else None

    def close(self) -> str | None:
        """Store what waits, now or never, and close the database. Gives what is missing in it."""
        news = self._try() if self._waiting else None
        self._writer.close()
        missing = self._lost + len(self._waiting)
        return f"{self._path}: alerts missing in it: {missing}" if missing else news

    def _drop_oldest(self) -> None:
        # Not the newest: an alert without its beginning tells more than one that never ends.
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._lost += 1

    def _try(self) -> str | None:
        is_done, news = self._writer.write(self._store)
        if not is_done:
            return news
        self._waiting.clear()
        return f"{news}, alerts missing in it: {self._lost}" if news is not None and self._lost else news

    def _store(self, connection: sqlite3.Connection) -> None:
        for event in self._waiting:
            add_alert(connection, event)


def add_alert(connection: sqlite3.Connection, event: AlertEvent) -> None:
    """Store an event, inside a transaction; one that is stored already changes nothing."""
    values = msgspec.structs.asdict(event)
    if event.state == "raised":
        connection.execute(_RAISE, values)
    elif connection.execute(_HAS_ENDED, values).fetchone() is None:
        if connection.execute(_END, values).rowcount:
            connection.execute(_FORGET_END_ALONE, values)
        else:
            connection.execute(_END_ALONE, values)


def is_storable(event: AlertEvent) -> bool:
    """Whether a row can hold it, and tell it from others: one that was read from a text names no rule."""
    return (
        event.state in ("raised", "recovered", "reset")
        and event.rule is not None
        and event.epoch is not None
        and all(abs(number or 0) < 1 << 63 for number in (event.epoch, event.hits, event.window_s))
    )
