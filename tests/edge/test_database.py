"""The database of alerts: each alert once, whoever kills the writer, fills the disk or holds the lock."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from harness import AT_ONCE_S, DEADLINE_S, EPOCH, unprivileged, utc

from w3ctools.core.history import AlertRow
from w3ctools.core.wire import AlertEvent
from w3ctools.edge import alert_store, database
from w3ctools.edge.alert_store import AlertStore, read_alerts
from w3ctools.edge.database import DatabaseError, open_database


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alerts.db"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(path: Path, clock: Clock) -> Iterator[AlertStore]:
    store = AlertStore(str(path), clock)
    yield store
    store.close()


def _event(state: str, epoch: int, key: str | None = None, rule: str = "traffic") -> AlertEvent:
    return AlertEvent(
        state=state,
        time=utc(epoch),
        epoch=epoch,
        rule=rule,
        metric="requests",
        key=key,
        value=10.5,
        hits=1260,
        threshold=10.0,
        window_s=120,
        message=f"{state} at {epoch}",
    )


def _raised(epoch: int, key: str | None = None) -> AlertEvent:
    return _event("raised", epoch, key)


def _recovered(epoch: int, key: str | None = None) -> AlertEvent:
    return _event("recovered", epoch, key)


def _reset(epoch: int, key: str | None = None) -> AlertEvent:
    return _event("reset", epoch, key)


def _spans(path: Path, since_epoch: int | None = None) -> list[tuple[int | None, int | None]]:
    """When each alert was raised and when it ended."""
    return [(row.raised_epoch, row.recovered_epoch) for row in read_alerts(str(path), since_epoch)]


def _raw(path: Path, question: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(question).fetchall()


def _write_raw(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


# Alerts and their rows


def test_alert_is_a_row_from_its_beginning_to_its_end(store: AlertStore, path: Path) -> None:
    assert store.store_all([_raised(100, "/api")]) is None
    raised = AlertRow(
        rule="traffic",
        metric="requests",
        key="/api",
        value=10.5,
        hits=1260,
        threshold=10.0,
        window_s=120,
        raised=utc(100),
        raised_epoch=100,
        recovered=None,
        recovered_epoch=None,
        ended_by=None,
        message="raised at 100",
    )
    assert read_alerts(str(path), None) == [raised]
    assert store.store_all([_recovered(200, "/api")]) is None
    raised.recovered, raised.recovered_epoch, raised.ended_by = utc(200), 200, "recovered"
    assert read_alerts(str(path), None) == [raised]
    assert _raw(path, "SELECT recovered_message FROM alerts") == [("recovered at 200",)]


def test_reset_ends_an_alert_that_was_raised_later_by_the_clock(store: AlertStore, path: Path) -> None:
    store.store_all([_raised(100), _reset(50)])
    assert [
        (row.raised_epoch, row.recovered_epoch, row.ended_by) for row in read_alerts(str(path), None)
    ] == [(100, 50, "reset")]


def test_reset_to_the_second_of_a_recovery_is_another_event(store: AlertStore, path: Path) -> None:
    store.store_all([_raised(10), _recovered(50), _raised(60), _reset(50)])
    assert _spans(path) == [(10, 50), (60, 50)]


def test_recovery_ends_the_newest_open_alert_before_it(store: AlertStore, path: Path) -> None:
    store.store_all([_raised(100), _raised(200), _raised(400), _recovered(300)])
    assert _spans(path) == [(100, None), (200, 300), (400, None)]


def test_alerts_of_other_rules_and_keys_stay_open(store: AlertStore, path: Path) -> None:
    store.store_all([_raised(1), _raised(2, ""), _raised(3, "/a"), _event("raised", 4, rule="errors")])
    store.store_all([_recovered(9, "")])
    assert _spans(path) == [(1, None), (2, 9), (3, None), (4, None)]
    store.store_all([_recovered(10)])
    assert _spans(path) == [(1, 10), (2, 9), (3, None), (4, None)]


def test_end_without_a_beginning_is_a_row_of_its_own(store: AlertStore, path: Path) -> None:
    store.store_all([_raised(300), _recovered(200)])
    assert _spans(path) == [(None, 200), (300, None)]
    (row, _) = read_alerts(str(path), None)
    assert (row.raised, row.value, row.hits) == (None, None, None)
    assert (row.threshold, row.window_s, row.message) == (10.0, 120, "recovered at 200")


def test_beginning_that_comes_after_all_takes_its_end(store: AlertStore, path: Path) -> None:
    store.store_all([_recovered(200)])
    store.store_all([_raised(100), _recovered(200)])
    assert _spans(path) == [(100, 200)]


STORY = [
    _raised(100),
    _raised(100, ""),
    _raised(100, "/a"),
    _recovered(200, "/a"),
    _recovered(200),
    _raised(300),
    _reset(50),
    _raised(60),
    _recovered(70, ""),
    _recovered(150, "/b"),
    _reset(40, "/c"),
]


@pytest.mark.parametrize("first", range(len(STORY)))
def test_events_that_are_repeated_change_nothing(store: AlertStore, path: Path, first: int) -> None:
    store.store_all(STORY)
    once = _raw(path, "SELECT * FROM alerts ORDER BY id")
    store.store_all(STORY[first:])
    assert _raw(path, "SELECT * FROM alerts ORDER BY id") == once
    assert len(once) == 8


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(AlertEvent(state="raised", time=utc(1), epoch=1), id="no rule"),
        pytest.param(AlertEvent(state="raised", rule="traffic"), id="no time"),
        pytest.param(_event("shelved", 1), id="unknown state"),
        pytest.param(
            AlertEvent(state="raised", epoch=1 << 63, rule="traffic"),
            id="64 bits",
        ),
        pytest.param(
            AlertEvent(state="raised", epoch=1, rule="traffic", hits=1 << 63),
            id="hits of 64 bits",
        ),
    ],
)
def test_event_that_no_row_can_hold_is_missing_and_holds_nobody_up(path: Path, event: AlertEvent) -> None:
    store = AlertStore(str(path))
    assert store.store_all([event, _raised(100)]) is None
    assert store.close() == f"{path}: alerts missing in it: 1"
    assert _spans(path) == [(100, None)]


# Reading


def test_alerts_since_a_time(store: AlertStore, path: Path) -> None:
    store.store_all([_raised(100), _recovered(200), _raised(300), _recovered(400), _raised(500)])
    assert _spans(path, 200) == [(100, 200), (300, 400), (500, None)]
    assert _spans(path, 201) == [(300, 400), (500, None)]
    assert _spans(path, 600) == [(500, None)]
    store.store_all([_reset(50)])
    assert _spans(path, 500) == [(500, 50)]
    assert _spans(path, 501) == []


def test_newest_alert_is_the_last(store: AlertStore, path: Path) -> None:
    store.store_all([_raised(300), _raised(100, "/a"), _recovered(200, "/b")])
    assert _spans(path) == [(100, None), (None, 200), (300, None)]


@pytest.mark.parametrize("data", [None, b""], ids=["new", "empty"])
def test_database_without_alerts(path: Path, data: bytes | None) -> None:
    if data is None:
        AlertStore(str(path)).close()
    else:
        path.write_bytes(data)
    assert read_alerts(str(path), None) == []


def test_reading_makes_no_file(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="^" + f"{path}: no such file" + "$"):
        read_alerts(str(path), None)
    assert os.listdir(tmp_path) == []
    AlertStore(str(path)).close()
    read_alerts(str(path), None)
    assert os.listdir(tmp_path) == ["alerts.db"]


def test_file_that_comes_into_use_while_it_is_read_is_read_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = AlertStore(str(path))
    first.store_all([_raised(100)])
    first.close()
    read, how_read = database._read, []

    def read_meanwhile(target: str, how: str, *args: Any) -> Any:
        rows = read(target, how, *args)
        how_read.append(how)
        if len(how_read) == 1:
            writer = AlertStore(str(path))
            writer.store_all([_raised(200)])
            writer.close()
        return rows

    monkeypatch.setattr(database, "_read", read_meanwhile)
    assert _spans(path) == [(100, None), (200, None)]
    assert how_read == ["mode=ro&immutable=1", "mode=ro"]


#: Before a program that is run apart: what it needs.
PRELUDE = """
import os, resource, sys
from w3ctools.core.errors import W3CError
from w3ctools.core.wire import AlertEvent
from w3ctools.edge.alert_store import AlertStore, read_alerts
path = sys.argv[1]
def raised(epoch):
    return AlertEvent(state="raised", time=str(epoch), epoch=epoch, rule="traffic", message="x" * 2000)
"""


def _run(program: str, path: Path, *, before: tuple[str, ...] = ()) -> str:
    run = subprocess.run(
        [*before, sys.executable, "-c", PRELUDE + program, str(path)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert run.stderr == ""
    return run.stdout


READ = """
try:
    print([row.raised_epoch for row in read_alerts(path, None)])
except W3CError as error:
    print(error)
"""


@pytest.mark.parametrize("writer", ["closed", "killed", "at work"])
def test_right_to_read_is_enough(tmp_path: Path, writer: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "alerts.db"
    store = None if writer == "killed" else AlertStore(str(path))
    if store is None:
        _run("store = AlertStore(path); store.store_all([raised(100)]); os.kill(os.getpid(), 9)", path)
    else:
        store.store_all([_raised(100)])
        if writer == "closed":
            store.close()
    before = sorted(os.listdir(folder))
    for name in before:
        (folder / name).chmod(0o444)
    folder.chmod(0o555)
    try:
        assert _run(READ, path, before=unprivileged()) == "[100]\n"
    finally:
        folder.chmod(0o755)
    assert sorted(os.listdir(folder)) == before
    assert len(before) == (1 if writer == "closed" else 3)
    if store is not None:
        store.close()


def test_database_that_may_not_be_read(path: Path) -> None:
    AlertStore(str(path)).close()
    path.chmod(0)
    assert _run(READ, path, before=unprivileged()).startswith(f"{path}: cannot be read (owner ")


# Files and paths


def test_new_database_is_for_its_owner_alone(path: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = AlertStore(str(path))
        store.store_all([_raised(100)])
    finally:
        os.umask(before)
    assert {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in os.listdir(tmp_path)} == {
        "alerts.db": 0o600,
        "alerts.db-wal": 0o600,
        "alerts.db-shm": 0o600,
    }
    assert store.close() is None
    assert os.listdir(tmp_path) == ["alerts.db"]


def test_empty_file_becomes_a_database_and_keeps_its_mode(path: Path) -> None:
    path.touch()
    path.chmod(0o640)
    store = AlertStore(str(path))
    store.store_all([_raised(100)])
    store.close()
    assert _spans(path) == [(100, None)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    "name", ["a?mode=ro", "a%20b", "a#b", "a b", "ä", ":memory:", "file:a", b"st\xe9te", "a'b"]
)
def test_any_name_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | bytes) -> None:
    monkeypatch.chdir(tmp_path)
    text = os.fsdecode(name)
    for path in (text, f"/{tmp_path}/{text}"):
        store = AlertStore(path)
        store.store_all([_raised(100)])
        store.close()
        assert [row.raised_epoch for row in read_alerts(path, None)] == [100]
    assert os.listdir(tmp_path) == [text]


def test_link_is_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    path.symlink_to("disk/there")
    store = AlertStore(str(path))
    store.store_all([_raised(100)])
    store.close()
    assert path.is_symlink()
    assert _spans(path) == _spans(tmp_path / "disk" / "there") == [(100, None)]
    assert sorted(os.listdir(tmp_path)) == ["alerts.db", "disk"]


def test_it_says_what_it_is(store: AlertStore, path: Path) -> None:
    assert _raw(path, "PRAGMA application_id") == [(0x77336374,)]
    assert _raw(path, "PRAGMA user_version") == [(2,)]
    assert _raw(path, "PRAGMA journal_mode") == [("wal",)]


def test_commit_is_on_the_disk_before_it_returns(path: Path) -> None:
    full = 2
    with closing(open_database(str(path), 0.0)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (full,)


# Files that cannot be used


def _errors(path: Path) -> set[str]:
    """Why it can be neither written nor read, without the path that must begin both."""
    texts = set()
    for use in (lambda: AlertStore(str(path)).close(), lambda: read_alerts(str(path), None)):
        with pytest.raises(DatabaseError) as caught:
            use()
        text = str(caught.value)
        assert text.startswith(f"{path}: ")
        assert "\n" not in text
        texts.add(text.removeprefix(f"{path}: "))
    return texts


def test_file_that_is_no_database_is_left_alone(path: Path, tmp_path: Path) -> None:
    log = b'198.18.0.1 - - [13/Sep/2020:12:26:40 +0000] "GET / HTTP/1.1" 200 1\n' * 100
    path.write_bytes(log)
    assert _errors(path) == {"is no SQLite database; name another file"}
    assert path.read_bytes() == log
    assert os.listdir(tmp_path) == ["alerts.db"]


OURS = f"PRAGMA application_id = {database.APPLICATION_ID}"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param(
            "CREATE TABLE moz_places (id)",
            "is the database of another application; name another file",
            id="other",
        ),
        pytest.param(
            "PRAGMA application_id = 7",
            "is the database of another application; name another file",
            id="other id",
        ),
        pytest.param(
            f"{OURS}; PRAGMA user_version = 3; CREATE TABLE records (id)",
            "is of version 3, this w3ctools knows 2",
            id="newer",
        ),
        pytest.param(
            f"{OURS}; PRAGMA user_version = 1",
            "cannot be used: no such table: alerts",
            id="no alerts",
        ),
    ],
)
def test_database_of_others_is_left_alone(path: Path, tmp_path: Path, script: str, reason: str) -> None:
    _write_raw(path, script)
    data = path.read_bytes()
    assert _errors(path) == {reason}
    assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["alerts.db"]


def test_damaged_database_is_told(path: Path) -> None:
    AlertStore(str(path)).close()
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"\xff" * (len(data) - 100))
    (error,) = _errors(path)
    assert error.startswith("is damaged: ")


def test_directory(path: Path) -> None:
    path.mkdir()
    assert _errors(path) == {"is a directory; name a file for the database"}


def test_fifo_is_refused_without_waiting_for_its_writer(path: Path) -> None:
    os.mkfifo(path)
    assert _errors(path) == {"is not a regular file; name a file for the database"}


def test_missing_folder(path: Path) -> None:
    assert _errors(path / "alerts.db") == {"cannot be opened: No such file or directory", "no such file"}


START = """
try:
    AlertStore(path)
except W3CError as error:
    print(error)
"""


def test_file_that_may_not_be_written(path: Path) -> None:
    AlertStore(str(path)).close()
    path.chmod(0o444)
    out = _run(START, path, before=unprivileged())
    assert out.startswith(f"{path}: cannot be written (owner "), out
    assert out.endswith("mode 0444)\n")


@pytest.mark.parametrize("exists", [False, True], ids=["new", "old"])
def test_folder_that_may_not_be_written(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "alerts.db"
    if exists:
        AlertStore(str(path)).close()
    folder.chmod(0o555)
    try:
        out = _run(START, path, before=unprivileged())
    finally:
        folder.chmod(0o755)
    what = "cannot have files beside it (" if exists else "cannot be opened: Permission denied ("
    assert out.startswith(f"{path}: {what}directory {folder}: owner "), out


# Storing that fails


def _lock(path: Path) -> sqlite3.Connection:
    """Another writer in mid-transaction."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def test_locked_database_holds_nobody_up_and_is_written_later(
    store: AlertStore, path: Path, clock: Clock
) -> None:
    with closing(_lock(path)):
        before_s = time.monotonic()
        assert store.store_all([_raised(100)]) == f"{path}: cannot be used: database is locked, trying again"
        assert time.monotonic() - before_s < AT_ONCE_S
        assert store.store_all([_recovered(200)]) is None
        assert store.retry() is None
        clock.now_s += database.LONGEST_PAUSE_S
        assert store.retry() is None
    assert _spans(path) == []
    clock.now_s += database.LONGEST_PAUSE_S
    assert store.store_all([_raised(300)]) == f"{path}: written again"
    assert store.retry() is None
    assert _spans(path) == [(100, 200), (300, None)]


def test_close_tries_a_last_time_without_a_pause(store: AlertStore, path: Path) -> None:
    with closing(_lock(path)):
        store.store_all([_raised(100)])
    assert store.close() == f"{path}: written again"
    assert _spans(path) == [(100, None)]


def test_start_does_not_wait_for_another_writer(path: Path) -> None:
    AlertStore(str(path)).close()
    with closing(_lock(path)):
        before_s = time.monotonic()
        AlertStore(str(path)).close()
        assert time.monotonic() - before_s < AT_ONCE_S


def test_failing_disk_is_left_in_peace_for_longer_and_longer(
    store: AlertStore, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried_s = []

    def fail(*_: object) -> None:
        tried_s.append(clock.now_s)
        raise DatabaseError("no disk")

    monkeypatch.setattr(database, "open_database", fail)
    path.unlink()
    said = [store.store_all([_raised(100)])]
    for _ in range(200):
        clock.now_s += 0.25
        said.append(store.retry())
    assert [news for news in said if news] == ["no disk, trying again"]
    assert tried_s == [0.0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75, 23.75, 31.75, 39.75, 47.75]
    with monkeypatch.context() as patch:
        patch.setattr(database, "open_database", open_database)
        clock.now_s += database.LONGEST_PAUSE_S
        assert store.retry() == f"{path}: written again"
    path.unlink()
    assert store.store_all([_raised(200)]) == "no disk, trying again"
    before = len(tried_s)
    clock.now_s += 0.25
    assert store.retry() is None
    assert len(tried_s) == before + 1


def test_waiting_events_are_bounded_and_the_oldest_go(
    store: AlertStore, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_store, "MOST_WAITING", 3)
    with closing(_lock(path)):
        store.store_all([_raised(epoch) for epoch in range(4)])
        store.store_all([_raised(4)])
    clock.now_s += 1
    assert store.retry() == f"{path}: written again, alerts missing in it: 2"
    assert _spans(path) == [(2, None), (3, None), (4, None)]
    assert store.store_all([_raised(epoch) for epoch in range(5, 10)]) is None
    assert len(_spans(path)) == 8
    assert store.close() == f"{path}: alerts missing in it: 2"


def test_close_says_what_could_not_be_stored(path: Path) -> None:
    store = AlertStore(str(path))
    with closing(_lock(path)):
        store.store_all([_raised(100), _raised(200)])
        assert store.close() == f"{path}: alerts missing in it: 2"


def test_batch_is_stored_whole_or_not_at_all(
    store: AlertStore, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = alert_store.add_alert

    def fail_late(connection: sqlite3.Connection, event: AlertEvent) -> None:
        add(connection, event)
        if event.epoch == 300:
            raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(alert_store, "add_alert", fail_late)
        said = store.store_all([_raised(100), _raised(200), _raised(300), _raised(400)])
        assert said == f"{path}: cannot be used: disk I/O error, trying again"
    assert _spans(path) == []
    clock.now_s += 1
    store.retry()
    assert [raised for raised, _ in _spans(path)] == [100, 200, 300, 400]


FULL_DISK = """
limit = int(sys.argv[1].rpartition("-")[2])
now_s = 0.0
store = AlertStore(path, lambda: now_s)
for epoch in range(10):
    assert store.store_all([raised(epoch)]) is None
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
for epoch in range(10, 100):
    now_s += 1
    news = store.store_all([raised(epoch)])
    if news:
        print(news)
now_s += 100
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(store.retry())
print(store.close())
"""


@pytest.mark.parametrize("limit_bytes", [1, 4096, 5000, 20_000, 70_000])
def test_full_disk_is_told_once_and_nothing_is_lost(tmp_path: Path, limit_bytes: int) -> None:
    path = tmp_path / f"alerts-{limit_bytes}"
    said = _run(FULL_DISK, path).splitlines()
    assert said == [
        f"{path}: cannot be used: disk I/O error, trying again",
        f"{path}: written again",
        "None",
    ]
    assert [raised for raised, _ in _spans(path)] == list(range(100))
    assert _raw(path, "PRAGMA integrity_check") == [("ok",)]


# Files that change under us


def test_removed_database_is_made_anew(store: AlertStore, path: Path, tmp_path: Path) -> None:
    store.store_all([_raised(100)])
    path.unlink()
    assert store.store_all([_raised(200)]) is None
    assert _spans(path) == [(200, None)]
    for name in os.listdir(tmp_path):
        (tmp_path / name).unlink()
    assert store.store_all([_raised(300)]) is None
    assert _spans(path) == [(300, None)]


def test_moved_database_has_all_that_was_stored(store: AlertStore, path: Path, tmp_path: Path) -> None:
    store.store_all([_raised(100), _raised(200)])
    path.rename(tmp_path / "alerts.db.1")
    assert store.store_all([_raised(300)]) is None
    assert _spans(path) == [(300, None)]
    assert _spans(tmp_path / "alerts.db.1") == [(100, None), (200, None)]


def test_copy_of_the_file_alone_has_all_that_was_stored(
    store: AlertStore, path: Path, tmp_path: Path
) -> None:
    store.store_all([_raised(100), _raised(200)])
    (tmp_path / "copy").write_bytes(path.read_bytes())
    assert _spans(tmp_path / "copy") == [(100, None), (200, None)]


def test_emptied_database_is_made_anew(store: AlertStore, path: Path) -> None:
    store.store_all([_raised(100)])
    os.truncate(path, 0)
    store.store_all([_raised(200)])
    assert _spans(path) == [(200, None)]
    assert _raw(path, "PRAGMA integrity_check") == [("ok",)]


def test_database_that_is_replaced_by_something_else(
    store: AlertStore, path: Path, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "log").write_bytes(b"x" * 5000)
    (tmp_path / "log").rename(path)
    assert (
        store.store_all([_raised(100)]) == f"{path}: is no SQLite database; name another file, trying again"
    )
    assert path.read_bytes() == b"x" * 5000
    path.unlink()
    clock.now_s += 1
    assert store.retry() == f"{path}: written again"
    assert _spans(path) == [(100, None)]


# Others beside us


def test_reader_in_mid_transaction_and_writer_do_not_wait_for_each_other(
    store: AlertStore, path: Path
) -> None:
    question = "SELECT count(*) FROM alerts"
    store.store_all([_raised(100)])
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as reader:
        reader.execute("BEGIN")
        assert reader.execute(question).fetchone() == (1,)
        for epoch in range(200, 300):
            assert store.store_all([_raised(epoch)]) is None
        assert reader.execute(question).fetchone() == (1,)
        reader.execute("COMMIT")
        assert reader.execute(question).fetchone() == (101,)


def _forked(work: Callable[[], None]) -> int:
    """A process that does it; its status says whether it was done without an exception."""
    pid = os.fork()
    if pid == 0:
        status = 1
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(round(3 * DEADLINE_S))  # so that nobody waits for it forever
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return pid


def _statuses(pids: list[int]) -> set[int]:
    return {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids}


def test_reader_sees_whole_batches_while_they_are_written(path: Path) -> None:
    def write() -> None:
        store = AlertStore(str(path))
        for number in range(0, 200, 2):
            store.store_all([_raised(number), _raised(number + 1)])
        assert store.close() is None

    writer = AlertStore(str(path))
    pid = _forked(write)
    deadline_s = time.monotonic() + DEADLINE_S
    while (alerts := len(_spans(path))) < 200:
        assert alerts % 2 == 0
        assert time.monotonic() < deadline_s
    assert _statuses([pid]) == {0}
    writer.close()


def _store_patiently(path: Path, events: list[AlertEvent]) -> None:
    """As a command does: one after the other, with retries."""
    store = AlertStore(str(path))
    for event in events:
        store.store_all([event])
    deadline_s = time.monotonic() + DEADLINE_S
    while store._waiting:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
        store.retry()
    assert store.close() is None


def test_two_writers(path: Path) -> None:
    both = [_raised(epoch, "both") for epoch in range(100)]
    own = [[_raised(epoch, f"of {number}") for epoch in range(100)] for number in range(2)]
    mixed = [[event for pair in zip(both, mine, strict=True) for event in pair] for mine in own]
    pids = [_forked(lambda events=events: _store_patiently(path, events)) for events in mixed]  # type: ignore[misc]
    assert _statuses(pids) == {0}
    keys = sorted((row.key or "", row.raised_epoch or 0) for row in read_alerts(str(path), None))
    assert keys == sorted((event.key or "", event.epoch or 0) for event in [*both, *own[0], *own[1]])


def test_many_start_at_once_on_a_new_file(tmp_path: Path) -> None:
    for round_number in range(15):
        path = tmp_path / str(round_number)
        go, start = os.pipe()

        def work(path: Path = path, go: int = go, start: int = start) -> None:
            os.close(start)
            os.read(go, 1)
            _store_patiently(path, [_raised(100), _raised(os.getpid())])

        pids = [_forked(work) for _ in range(4)]
        os.close(start)
        os.close(go)
        assert _statuses(pids) == {0}
        assert [raised for raised, _ in _spans(path)] == [100, *sorted(pids)]


# kill -9


def _write_until_killed(path: Path, first: int, told_fd: int) -> None:
    """Alert after alert, raised and recovered; each event's number is told once it was stored."""
    store = AlertStore(str(path))
    for number in count(first):
        state = "recovered" if number % 2 else "raised"
        assert store.store_all([_event(state, EPOCH + number)]) is None
        os.write(told_fd, b"%d\n" % number)


def _killed_writer(path: Path, newest: int, chance: random.Random) -> list[int]:
    """Start a writer and kill it at some moment; the numbers that it has told."""
    told, told_fd = os.pipe()
    # As after a restart, some events come again.
    pid = _forked(lambda: _write_until_killed(path, max(newest - 4, 0), told_fd))
    os.close(told_fd)
    with open(told, "rb") as file:
        numbers: list[int] = []
        if chance.random() < 0.8:  # else it is killed while it opens the database
            while not numbers or numbers[-1] <= newest:
                numbers.append(int(file.readline()))
        time.sleep(chance.uniform(0, 0.01))
        os.kill(pid, signal.SIGKILL)
        numbers += map(int, file)
    assert _statuses([pid]) == {-signal.SIGKILL}
    return numbers


def test_what_was_stored_survives_kill_9(path: Path) -> None:
    chance = random.Random(9)
    newest = -1
    for _ in range(100):
        newest = max([newest, *_killed_writer(path, newest, chance)])
        AlertStore(str(path)).close()
        assert _raw(path, "PRAGMA integrity_check") == [("ok",)]
        stored = [epoch - EPOCH for span in _spans(path) for epoch in span if epoch is not None]
        # One more may have been stored and not yet told.
        assert stored in (list(range(newest + 1)), list(range(newest + 2)))
    assert newest > 50
