"""The database of records: every line once and in the order of time, whoever reads it and whatever fails."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from harness import EPOCH, record, records

from w3ctools.core.columns import RowMaker
from w3ctools.core.wire import AlertEvent, encode_line
from w3ctools.edge import record_store
from w3ctools.edge.alert_store import AlertStore, read_alerts
from w3ctools.edge.database import APPLICATION_ID, SCHEMA_VERSION, DatabaseError
from w3ctools.edge.record_store import RecordStore, read_lines

WALL_S = float(EPOCH)
GAP = b'{"event":"gap","from":"a","to":"b"}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "site.db"


@pytest.fixture
def store(path: Path) -> Iterator[RecordStore]:
    store = RecordStore(str(path), lambda: 0.0)
    yield store
    store.close()


def _put(store: RecordStore, *blocks: bytes) -> str | None:
    """Store blocks in one transaction; what is to be told."""
    maker = RowMaker()
    return store.store([maker.feed(block, WALL_S) for block in blocks]).news


def _get(path: Path, since_s: float | None = None, until_s: float | None = None) -> bytes:
    return b"".join(row.line + b"\n" for page in read_lines(str(path), since_s, until_s) for row in page)


def _ask(path: Path, question: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(question, values).fetchall()


def _alert(state: str, epoch: int) -> bytes:
    return encode_line(AlertEvent(state=state, epoch=epoch, time="t", rule="traffic", message="m"))


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_store, "PAGE_LINES", 3)


# Lines and their order


@pytest.mark.usefixtures("small_pages")
def test_lines_come_back_in_the_order_of_time(store: RecordStore, path: Path) -> None:
    _put(store, record(5, path="/a") + GAP + record(3), record(5, path="/b") + GAP)
    _put(store, record(4) + record(5, path="/c"))
    of_five = record(5, path="/a") + GAP + record(5, path="/b") + GAP + record(5, path="/c")
    assert _get(path) == record(3) + record(4) + of_five


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("lines", range(9))
def test_pages_join_whatever_stands_at_the_same_time(store: RecordStore, path: Path, lines: int) -> None:
    data = b"".join(record(5, path=f"/{number}") + (GAP if number % 3 else b"") for number in range(lines))
    _put(store, data)
    assert _get(path) == data


@pytest.mark.usefixtures("small_pages")
def test_since_and_until(store: RecordStore, path: Path) -> None:
    _put(store, b"".join(record(epoch) + GAP for epoch in range(10)))
    for since_s, until_s in ((3, 7), (None, 7), (3, None), (7, 3), (2.5, 3.5), (10, None), (None, 0)):
        expected = range(10)[slice(*(None if end is None else -int(-end // 1) for end in (since_s, until_s)))]
        assert _get(path, since_s, until_s) == b"".join(record(epoch) + GAP for epoch in expected)


@pytest.mark.usefixtures("small_pages")
def test_formats_with_and_without_keys_of_their_own(store: RecordStore, path: Path) -> None:
    timed = record(6).replace(b"}", b',"duration":1.0}')
    data = record(5) * 4 + timed * 4 + record(7) + b'{"epoch":8}\n'
    _put(store, data)
    assert _get(path) == data


def test_ids_tell_the_order_over_both_tables_and_over_restarts(store: RecordStore, path: Path) -> None:
    _put(store, record(5) + GAP)
    store.close()
    with closing(RecordStore(str(path))) as again:
        _put(again, GAP + record(5))
    assert _ask(path, "SELECT id, 'r' FROM records UNION SELECT id, 'e' FROM events ORDER BY id") == [
        (1, "r"),
        (2, "e"),
        (3, "e"),
        (4, "r"),
    ]


@pytest.mark.parametrize("table", ["records", "events"])
def test_an_hour_is_found_by_the_index(store: RecordStore, path: Path, table: str) -> None:
    _put(store, record())
    for condition in (
        "at_epoch = 5 AND id > 7 AND at_epoch < 9 ORDER BY id",
        "at_epoch > 5 AND at_epoch < 9 ORDER BY at_epoch, id",
    ):
        plan = _ask(path, f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {condition} LIMIT 9")
        assert len(plan) == 1
        assert f"SEARCH {table} USING INDEX {table}_at (at_epoch" in plan[0][3].replace("TABLE ", "")


def test_an_hour_of_a_month_is_read_without_the_rest(store: RecordStore, path: Path) -> None:
    hour_s, begin = 3600, EPOCH + 300 * 3600
    _put(store, records(range(EPOCH, EPOCH + 720 * hour_s, 60), user_agent="x" * 300))
    store.close()
    before = _read_bytes()
    assert _get(path, begin, begin + hour_s).count(b"\n") == 60
    assert _read_bytes() - before < path.stat().st_size / 50


def _read_bytes() -> int:
    """What this process has read so far (proc(5))."""
    return int(Path("/proc/self/io").read_text().split()[1])


# Alerts


def test_alerts_are_events_and_rows_of_their_own(store: RecordStore, path: Path) -> None:
    data = record(5) + _alert("raised", 5) + _alert("recovered", 9)
    assert _put(store, data) is None
    assert _get(path) == data
    _put(store, data)
    assert [(row.raised_epoch, row.recovered_epoch) for row in read_alerts(str(path), None)] == [(5, 9)]


def test_alert_that_names_no_rule_is_an_event_alone(store: RecordStore, path: Path) -> None:
    line = encode_line(AlertEvent(state="raised", epoch=5, message="m"))
    _put(store, line)
    assert (_get(path), read_alerts(str(path), None)) == (line, [])


def test_alerts_of_others_may_come_into_the_same_file(store: RecordStore, path: Path) -> None:
    with closing(AlertStore(str(path))) as alerts:
        _put(store, record(5))
        alerts.store_all([AlertEvent(state="raised", epoch=6, rule="traffic")])
        _put(store, record(7))
    assert _get(path) == record(5) + record(7)
    assert [row.raised_epoch for row in read_alerts(str(path), None)] == [6]


# Old databases


#: What version 1 had.
VERSION_1 = f"""
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY, rule TEXT NOT NULL, metric TEXT, key TEXT, value REAL, hits INTEGER,
    threshold REAL, window_s INTEGER, raised TEXT, raised_epoch INTEGER, recovered TEXT,
    recovered_epoch INTEGER, ended_by TEXT, message TEXT, recovered_message TEXT
);
CREATE UNIQUE INDEX alerts_raised ON alerts (rule, key IS NULL, ifnull(key, ''), raised_epoch);
CREATE INDEX alerts_ended ON alerts (rule, key, recovered_epoch);
INSERT INTO alerts (rule, raised_epoch, message) VALUES ('traffic', 5, 'm');
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = 1;
"""


@pytest.fixture
def old(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)
    return path


def test_old_database_is_read_as_it_is(old: Path) -> None:
    before = old.read_bytes()
    assert [row.raised_epoch for row in read_alerts(str(old), None)] == [5]
    assert _get(old) == b""
    assert old.read_bytes() == before


@pytest.mark.parametrize("kind", [RecordStore, AlertStore])
def test_old_database_gets_the_new_tables(old: Path, kind: Callable[[str], RecordStore | AlertStore]) -> None:
    kind(str(old)).close()
    with closing(RecordStore(str(old))) as store:
        _put(store, record(7))
    assert _ask(old, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert _get(old) == record(7)
    assert [row.raised_epoch for row in read_alerts(str(old), None)] == [5]


# Reading beside the writer


def test_database_is_for_its_owner_alone(store: RecordStore, path: Path) -> None:
    _put(store, record())
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_what_was_stored_is_read_while_more_is_written(store: RecordStore, path: Path) -> None:
    _put(store, record(5))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM records").fetchone() == (1,)
        assert _put(store, record(6)) is None
        assert reader.execute("SELECT count(*) FROM records").fetchone() == (1,)
    assert _get(path) == record(5) + record(6)


@pytest.mark.usefixtures("small_pages")
def test_reader_that_stands_still_holds_nothing(store: RecordStore, path: Path) -> None:
    _put(store, records(range(5)))
    reader = read_lines(str(path), None, None)
    next(reader)
    _put(store, record(7))
    with closing(sqlite3.connect(path)) as connection:
        # A reader in mid-transaction would keep the log from being emptied.
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    assert [row.line + b"\n" for page in reader for row in page] == [record(3), record(4), record(7)]


def test_no_database_is_said(path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"site\.db: no such file"):
        _get(path)


# What is too old


def test_expired_rows_go_and_the_rest_stays(store: RecordStore, path: Path) -> None:
    _put(store, b"".join(record(epoch) + GAP for epoch in range(10)))
    assert store.expire(7.5).is_done
    assert _get(path) == b"".join(record(epoch) + GAP for epoch in range(8, 10))
    assert (store.deleted, store.is_behind) == (16, False)


def test_much_is_deleted_in_small_steps_the_oldest_first(
    store: RecordStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_store, "STEP_ROWS", 4)
    _put(store, records(reversed(range(10))) + GAP)
    left: list[list[tuple[int, int]]] = []
    while not left or store.is_behind:
        store.expire(9)
        left.append(_ask(path, "SELECT min(at_epoch), count(*) FROM records"))
    assert left == [[(4, 6)], [(8, 2)], [(9, 1)]]
    assert _get(path) == record(9)


def test_alerts_that_are_over_go_too(store: RecordStore, path: Path) -> None:
    _put(store, _alert("raised", 5) + _alert("recovered", 9) + _alert("raised", 10))
    store.expire(100)
    assert [(row.raised_epoch, row.recovered_epoch) for row in read_alerts(str(path), None)] == [(10, None)]
    _put(store, _alert("recovered", 90))
    store.expire(100 + record_store.ALERTS_EVERY_S)
    assert read_alerts(str(path), None) == []


def test_room_of_deleted_rows_is_used_again(store: RecordStore, path: Path) -> None:
    sizes = []
    for number in range(8):
        _put(store, records(range(1000 * number, 1000 * (number + 1))))
        while store.expire(1000 * number).is_done and store.is_behind:
            pass
        _ask(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        sizes.append(path.stat().st_size)
    assert sizes[-1] <= 1.1 * sizes[2]


# What fails


class Clock:
    """A clock that stands still until it is set."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def quick_to_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_store, "BUSY_S", 0.01)


@pytest.mark.usefixtures("quick_to_give_up")
def test_lock_of_another_is_told_once_and_nothing_is_stored_twice(path: Path) -> None:
    clock = Clock()
    with closing(RecordStore(str(path), clock)) as store:
        made = [RowMaker().feed(records(range(5)), WALL_S)]
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert store.store(made) == (False, f"{path}: cannot be used: database is locked, trying again")
            assert store.pause_s > 0
            clock.now_s += store.pause_s
            assert store.store(made) == (False, None)
        clock.now_s += store.pause_s
        assert store.pause_s == 0
        assert store.store(made) == (True, f"{path}: written again")
    assert _get(path) == records(range(5))


def test_block_is_stored_whole_or_not_at_all(store: RecordStore, path: Path) -> None:
    class Broken(sqlite3.OperationalError):
        pass

    def fail() -> Iterator[Any]:
        raise Broken("disk I/O error")
        yield

    maker = RowMaker()
    good, bad = maker.feed(record(5), WALL_S), maker.feed(record(6) + GAP, WALL_S)
    bad.rows[1].values["line"] = fail()  # type: ignore[assignment]
    assert store.store([good, bad]).news == f"{path}: cannot be used: disk I/O error, trying again"
    assert _get(path) == b""
    assert _put(store, record(7)) == f"{path}: written again"
    assert _get(path) == record(7)


@pytest.mark.parametrize("how", ["moved", "removed", "emptied"])
def test_file_that_goes_away_is_made_anew(store: RecordStore, path: Path, how: str) -> None:
    _put(store, record(5))
    moved = path.with_name("old.db")
    if how == "moved":
        path.rename(moved)
    elif how == "removed":
        path.unlink()
    else:
        os.truncate(path, 0)
    assert _put(store, record(6)) is None
    assert _get(path) == record(6)
    if how == "moved":
        assert _get(moved) == record(5)


FULL_DISK = """
import resource, signal, sys
from w3ctools.core.columns import RowMaker
from w3ctools.edge.record_store import RecordStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, limit = sys.argv[1], int(sys.argv[2])
now_s = 0.0
store = RecordStore(path, lambda: now_s)
maker = RowMaker()
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
for number in range(40):
    lines = b"".join(b'{"epoch":%d}\\n' % epoch for epoch in range(100 * number, 100 * (number + 1)))
    while True:
        now_s += 100
        written = store.store([maker.feed(lines, 0.0)])
        if written.news:
            print(written.news)
        if written.is_done:
            break
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.close()
"""


@pytest.mark.parametrize("limit_bytes", [1, 4096, 40_000, 100_000])
def test_full_disk_is_told_and_nothing_is_lost(path: Path, limit_bytes: int) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(path), str(limit_bytes)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(result.stdout.splitlines()) == 2
    assert "trying again" in result.stdout
    assert result.stdout.endswith(f"{path}: written again\n")
    assert _get(path) == b"".join(b'{"epoch":%d}\n' % epoch for epoch in range(4000))
    assert _ask(path, "PRAGMA integrity_check") == [("ok",)]


KILLED = """
import sys
from w3ctools.core.columns import RowMaker
from w3ctools.edge.record_store import RecordStore
store = RecordStore(sys.argv[1])
maker = RowMaker()
for epoch in range(1_000_000):
    assert store.store([maker.feed(b'{"epoch":%d}\\n' % epoch * 3, 0.0)]).is_done
    print(epoch, flush=True)
"""


def test_what_was_stored_survives_kill_9(path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "20\n":
                process.send_signal(signal.SIGKILL)
        told = int(line)
    stored = _get(path).splitlines()
    assert stored == [b'{"epoch":%d}' % epoch for epoch in range(len(stored) // 3) for _ in range(3)]
    assert len(stored) // 3 in (told + 1, told + 2)
