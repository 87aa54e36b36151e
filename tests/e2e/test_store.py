"""w3c-store in whole pipes: killed at random, on a full disk, beside others, and read in part."""

from __future__ import annotations

import os
import random
import re
import resource
import signal
import sqlite3
from array import array
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from harness import DEADLINE_S, EPOCH, Commands, Proc, record, records

GEN = ("w3c-gen", "--fast", "--seed", "1", "--start", "2020-09-13T12:26:40Z")
#: What takes as long as millions of lines take.
LONG_S = 20 * DEADLINE_S


def _ask(database: Path, question: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(question).fetchall()


def _count(database: Path) -> int:
    return int(_ask(database, "SELECT count(*) FROM records")[0][0]) if database.exists() else 0


class Size(NamedTuple):
    """How much is stored, and how often the one who does it is killed."""

    records: int
    kills: int


class Killed:
    """Stores a file of records from where the database ends, again and again, and is killed."""

    def __init__(self, commands: Commands, size: Size) -> None:
        self.database, self.log = commands.folder / "site.db", commands.folder / "records.jsonl"
        self._commands = commands
        self._passed_on = commands.folder / "passed-on"
        gen = (*GEN, "--rate", "1000", "--duration", f"{size.records // 1000}s")
        commands.bash('"${@:2}" | w3c-parse > "$1"', self.log, *gen, deadline_s=LONG_S)
        #: Where each line begins, and the last ends.
        self._begins = array("q", [0])
        with self.log.open("rb") as lines:
            for line in lines:
                self._begins.append(self._begins[-1] + len(line))
        self.records = len(self._begins) - 1

    def go_on(self, kill_after_bytes: int | None) -> bool:
        """Store what is missing; killed once so much was passed on. Whether it was killed."""
        begin = self._begins[_count(self.database)]
        with self.log.open("rb") as stdin, self._passed_on.open("wb") as stdout:
            stdin.seek(begin)
            proc = self._commands.start(
                "w3c-store", "--pass-through", self.database, stdin=stdin.fileno(), stdout=stdout.fileno()
            )
            if kill_after_bytes is not None:
                proc.until(lambda: self._has_passed_on(kill_after_bytes), "passed on", LONG_S)
                proc.send_signal(signal.SIGKILL)
            status = proc.wait(LONG_S)
        self._check(begin)
        return status == -signal.SIGKILL

    def _has_passed_on(self, size_bytes: int) -> bool:
        return self._passed_on.stat().st_size >= size_bytes

    def _check(self, begin: int) -> None:
        """What was passed on is what came, and in the database."""
        passed_on = self._passed_on.read_bytes()
        with self.log.open("rb") as log:
            log.seek(begin)
            assert log.read(len(passed_on)) == passed_on
        assert self._begins[_count(self.database)] >= begin + passed_on.rfind(b"\n") + 1


@pytest.mark.parametrize(
    "size",
    [Size(50_000, 10), pytest.param(Size(5_000_000, 50), marks=pytest.mark.full)],
    ids=["small", "full"],
)
def test_every_record_is_stored_once_however_often_it_is_killed(commands: Commands, size: Size) -> None:
    killed = Killed(commands, size)
    rng = random.Random(1)
    most_bytes = killed.log.stat().st_size // size.kills
    for _ in range(size.kills):
        assert killed.go_on(rng.choice((0, 1, rng.randrange(most_bytes))))
    assert not killed.go_on(None)
    assert _count(killed.database) == killed.records
    same = commands.bash('w3c-store read "$1" | cmp - "$2"', killed.database, killed.log, deadline_s=LONG_S)
    assert same.status == 0, same
    assert _ask(killed.database, "PRAGMA integrity_check") == [("ok",)]


def test_totals_from_the_database_are_those_of_the_log(commands: Commands) -> None:
    log = commands.write("access.log", commands.run(*GEN, "--junk", "2%", "--duration", "5m").stdout)
    total = "w3c-stats --total -o json"
    commands.bash('w3c-parse "$1" | w3c-store site.db', log)
    of_log = commands.bash(f'w3c-parse "$1" | {total}', log)
    of_database = commands.bash(f"w3c-store read site.db | {total}")
    assert of_database == of_log._replace(stderr=of_database.stderr)
    assert of_log.values[0]["unparsed"] > 0


def test_alerts_of_history_are_those_of_the_log(commands: Commands) -> None:
    log = commands.write("access.log", commands.run(*GEN, "--scenario", "burst", "--duration", "10m").stdout)
    alert = "w3c-alert -t 12 -w 1m"
    of_log = commands.bash(f'w3c-parse "$1" | {alert}', log).stdout
    commands.bash(f'w3c-parse "$1" | {alert} --pass-through | w3c-store site.db', log)
    assert commands.bash(f"w3c-store read site.db | {alert}").stdout == of_log
    raised = commands.run("w3c-alert", "history", "--db", "site.db", "-o", "json").values
    assert [row["message"] for row in raised] == re.findall(".*generated.*", of_log.decode())
    assert raised


def test_messages_inside_records_are_taken_out(commands: Commands) -> None:
    """As the canonical pipe brings them: `tee` cuts records, and messages stand between the pieces."""
    message = b"High traffic generated an alert - hits = 9, triggered at 2020-09-13T12:26:50Z"
    line = record(EPOCH + 1)
    data = record() + line[:40] + message + b"\n" + line[40:] + message + b"\n" + record(EPOCH + 2)
    result = commands.run("w3c-store", "--pass-through", "site.db", stdin=data)
    lines = result.stdout.splitlines(keepends=True)
    assert [lines[0], lines[2], lines[4]] == [record(), line, record(EPOCH + 2)]
    assert result.values[1] == result.values[3]
    assert (result.values[1]["event"], result.values[1]["message"]) == ("alert", message.decode())
    assert sorted(commands.run("w3c-store", "read", "site.db").lines) == sorted(result.lines)


class TestFullDisk:
    def test_lines_wait_and_none_is_lost(self, commands: Commands) -> None:
        store = commands.start("w3c-store", "--pass-through", "site.db").ready()
        store.feed(record())
        store.read_line()
        _limit(store, 4096)
        store.feed(record(EPOCH + 1))
        store.read_notes("trying again")
        store.feed(record(EPOCH + 2))
        _limit(store, resource.RLIM_INFINITY)
        assert [store.read_line(), store.read_line()] == [record(EPOCH + 1), record(EPOCH + 2)]
        result = store.finish()
        assert (result.status, len(result.notes)) == (0, 2)
        assert result.notes[1] == "w3c-store: site.db: written again"
        assert commands.run("w3c-store", "read", "site.db").stdout == result.stdout

    def test_what_could_not_be_stored_is_said(self, commands: Commands) -> None:
        store = commands.start("w3c-store", "--pass-through", "site.db").ready()
        store.feed(record())
        store.read_line()
        _limit(store, 4096)
        store.feed(records((EPOCH + 1, EPOCH + 2)))
        store.read_notes("trying again")
        store.send_signal(signal.SIGTERM)
        result = store.finish()
        assert (result.status, result.stdout) == (1, record())
        assert result.notes[-1] == "w3c-store: site.db: lines missing in it: 2"


def _limit(proc: Proc, most_bytes: int) -> None:
    """No file may grow beyond that: as on a full disk."""
    resource.prlimit(proc.pid, resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))


def test_lock_of_another_is_waited_for(commands: Commands) -> None:
    store = commands.start("w3c-store", "--pass-through", "site.db").ready()
    with closing(sqlite3.connect(commands.folder / "site.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.feed(record())
        store.read_notes("database is locked, trying again")
    assert store.read_line() == record()
    assert store.finish().notes[1:] == ["w3c-store: site.db: written again"]


def test_database_is_read_while_it_is_written(commands: Commands) -> None:
    store = commands.start("w3c-store", "--pass-through", "site.db").ready()
    seen = []
    for number in range(5):
        store.feed(record(EPOCH + number))
        store.read_line()
        seen.append(len(commands.run("w3c-store", "read", "site.db").lines))
    assert seen == [1, 2, 3, 4, 5]


def test_right_to_read_is_enough_to_read(commands: Commands) -> None:
    commands.run("w3c-store", "site.db", stdin=record())
    os.chmod(commands.folder / "site.db", 0o400)
    before = sorted(os.listdir(commands.folder))
    assert commands.run("w3c-store", "read", "site.db").stdout == record()
    assert sorted(os.listdir(commands.folder)) == before


def test_age_limit_keeps_pace_with_what_comes(commands: Commands) -> None:
    data = records(range(EPOCH, EPOCH + 20_000))
    result = commands.run("w3c-store", "--keep", "1000s", "--summary", "site.db", stdin=data)
    assert result.notes[0].endswith("20,000 stored, 18,999 deleted")
    kept = records(range(EPOCH + 18_999, EPOCH + 20_000))
    assert commands.run("w3c-store", "read", "site.db").stdout == kept
