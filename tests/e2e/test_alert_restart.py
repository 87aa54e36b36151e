"""w3c-alert with ``--state``, ended at any moment and started again behind the records that it knows."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest
from damages import DAMAGES
from harness import AT_ONCE_S, EPOCH, SMALL_PIPE_BYTES, Commands, Proc, Result, record, records, utc

#: Three rules; one has an alert for each section, one has alerts that wait before they change.
CONFIG = """
[alert]
threshold = 8
window = 20s

[alert:errors]
metric = errors
threshold = 0.5
window = 10s
by = section

[alert:heavy]
metric = bytes
threshold = 30KiB
window = 15s
for = 3s
keep-firing = 5s
"""
SECTIONS = ("/api", "/pages", "/shop", "/static")
LOG_S = 900
#: How long a trouble of the log lasts, and how often one begins, on average.
SHORTEST_TROUBLE_S, LONGEST_TROUBLE_S, TROUBLE_EVERY_S = 5, 60, 90
QUIET_PER_S, BUSY_PER_S = 4, 16
#: A run's input comes in pieces of at most so many records, with pauses of up to so long behind each: so the
#: state is saved more than once.
MOST_AT_ONCE, LONGEST_PAUSE_S = 60, 0.008
#: How long start-up takes at most, and how often the kill may come in it.
START_UP_S, KILLED_STARTING = 0.2, 0.2
#: How often the kill comes at the moment a state is saved, and at which of them at the latest.
KILLED_SAVING, LATEST_SAVE = 0.5, 4


def make_log(chance: Random) -> list[bytes]:
    """Records with troubles of several kinds, out of order by up to a second; in the end all is quiet."""
    busy, failing, heavy = (list(_troubles(chance)) for _ in range(3))
    lines = []
    for second in range(LOG_S):
        for _ in range(BUSY_PER_S if busy[second] else chance.randint(1, QUIET_PER_S)):
            section = chance.choice(SECTIONS)
            fails = chance.random() < (0.7 if failing[second] and section != "/static" else 0.02)
            size = chance.randint(0, 50_000 if heavy[second] else 2_000)
            epoch = EPOCH + max(0, second - chance.randint(0, 1))
            lines.append(record(epoch, section=section, status=503 if fails else 200, bytes=size))
    # Far later: whatever is open has recovered by then. A jump needs more than one stamp to be believed.
    return [*lines, *(record(EPOCH + 2 * LOG_S + second) for second in range(5))]


def _troubles(chance: Random) -> Iterator[bool]:
    """For each second of a log whether there is trouble."""
    left_s = 0
    for _ in range(LOG_S):
        if left_s == 0 and chance.random() < 1 / TROUBLE_EVERY_S:
            left_s = chance.randint(SHORTEST_TROUBLE_S, LONGEST_TROUBLE_S)
        yield left_s > 0
        left_s = max(0, left_s - 1)


class Restarts:
    """Runs w3c-alert again and again over one log with one state, and keeps what all runs gave."""

    def __init__(self, commands: Commands, lines: list[bytes], chance: Random, *words: str) -> None:
        self._commands = commands
        self._lines = lines
        self._chance = chance
        config = commands.write("rules.ini", CONFIG)
        self._rules = ("w3c-alert", "--config", str(config), *words)
        self._kept = ("--state", str(commands.folder / "state"), "--db", str(self.database))
        #: Where each run began, in records.
        self.positions: list[int] = []
        self.output = b""

    @property
    def database(self) -> Path:
        """Where all runs keep their alerts."""
        return self._commands.folder / "alerts.db"

    @property
    def known(self) -> int:
        """How many records the state knows."""
        return records_in(self._commands.folder / "state")

    def uninterrupted(self) -> bytes:
        """What one run without state gives."""
        result = self._commands.run(*self._rules, stdin=b"".join(self._lines))
        assert (result.status, result.notes) == (0, [])
        return result.stdout

    def start(self) -> Proc:
        """The next run."""
        self.positions.append(self.known)
        return self._commands.start(*self._rules, *self._kept)

    def kill(self, runs_left: int) -> None:
        """A run that is killed, perhaps before it has started; `runs_left` with it have the rest to read."""
        alert = self.start()
        if self._chance.random() < KILLED_STARTING:
            time.sleep(self._chance.uniform(0, START_UP_S))
        else:
            alert.ready()
        is_killed_saving = self._chance.random() < KILLED_SAVING
        saves = self._chance.randint(1, LATEST_SAVE) if is_killed_saving else None
        self._feed_until_saved(alert, self._pieces(self._share(runs_left)), saves)
        alert.send_signal(signal.SIGKILL)
        self._end(alert, -signal.SIGKILL)

    def stop(self, runs_left: int, signum: int | None) -> None:
        """A run that ends by this signal, or else with its input; it knows all that it was fed then."""
        alert = self.start()
        fed = self._share(runs_left)
        for piece in self._pieces(fed):
            alert.feed(piece)
        if signum is not None:
            alert.ready().send_signal(signum)
            alert.is_told_to_end()
        alert.close_stdin()
        self._end(alert, 0 if signum is None else -signum)
        assert self.known == self.positions[-1] + fed

    def finish(self) -> None:
        """One more run, to the end of the log."""
        alert = self.start()
        alert.feed(b"".join(self._lines[self.positions[-1] :]))
        alert.close_stdin()
        self._end(alert, 0)
        assert self.known == len(self._lines)
        assert alert.err == b""

    def _share(self, runs_left: int) -> int:
        left = len(self._lines) - self.positions[-1]
        return self._chance.randint(0, min(left, 2 * left // runs_left))

    def _pieces(self, count: int) -> Iterator[bytes]:
        at = self.positions[-1]
        end = at + count
        while at < end:
            after = min(end, at + self._chance.randint(1, MOST_AT_ONCE))
            yield b"".join(self._lines[at:after])
            at = after

    def _feed_until_saved(self, alert: Proc, pieces: Iterator[bytes], saves: int | None) -> None:
        """Feed it all, unless the state has been saved so often before: then return that moment."""
        saved = self._saved()
        for piece in pieces:
            alert.feed(piece)
            # There is nothing to wait for: that the moment is a random one is the point.
            end_s = time.monotonic() + self._chance.uniform(0, LONGEST_PAUSE_S)
            while time.monotonic() < end_s:
                before, saved = saved, self._saved()
                if saves is not None and saved != before:
                    saves -= 1
                    if saves == 0:
                        return

    def _saved(self) -> tuple[int, int] | None:
        """What changes with every save."""
        with suppress(FileNotFoundError):
            result = (self._commands.folder / "state").stat()
            return result.st_ino, result.st_mtime_ns
        return None

    def _end(self, alert: Proc, status: int) -> None:
        assert alert.wait() == status, alert
        self.output += alert.out


def records_in(state: Path) -> int:
    """How many records a state knows; none if it is not there yet."""
    if not state.exists():
        return 0
    records = json.loads(state.read_bytes().split(b"\n")[1])["records"]
    assert isinstance(records, int)
    return records


def stored(database: Path) -> list[tuple[str, str | None, int, int]]:
    """Rule, key, raised and recovered of each alert in a sound database."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return sorted(
            connection.execute("SELECT rule, key, raised_epoch, recovered_epoch FROM alerts"), key=str
        )


def alerts_of(events: bytes) -> list[tuple[str, str | None, int, int]]:
    """The same of an output of ``-o json`` in which all that was raised recovers."""
    begun: dict[tuple[str, str | None], int] = {}
    alerts = []
    for event in map(json.loads, events.splitlines()):
        about = event["rule"], event["key"]
        if event["state"] == "raised":
            assert about not in begun
            begun[about] = event["epoch"]
        else:
            alerts.append((*about, begun.pop(about), event["epoch"]))
    assert begun == {}
    return sorted(alerts, key=str)


def _logs(kills: int, full_kills: int, full_logs: int) -> pytest.MarkDecorator:
    full = [
        pytest.param(seed, full_kills, marks=pytest.mark.full, id=f"log {seed}, {full_kills} kills")
        for seed in range(2, full_logs + 2)
    ]
    return pytest.mark.parametrize(
        ("seed", "kills"), [pytest.param(1, kills, id=f"log 1, {kills} kills"), *full]
    )


class TestKilled:
    """Nothing is missing; what comes twice is a line as it was."""

    @_logs(kills=10, full_kills=50, full_logs=2)
    @pytest.mark.parametrize("output", ["json", "text"])
    def test_all_is_told_and_stored(self, commands: Commands, output: str, seed: int, kills: int) -> None:
        chance = Random(seed)
        lines = make_log(chance)
        restarts = Restarts(commands, lines, chance, "-o", output)
        expected = restarts.uninterrupted()
        for left in range(kills, 0, -1):
            restarts.kill(left + 1)
        restarts.finish()
        # Else nothing was shown: most of the runs went on somewhere in the log.
        assert len(set(restarts.positions)) > kills // 2
        assert list(dict.fromkeys(restarts.output.splitlines())) == expected.splitlines()
        alerts = alerts_of(Restarts(commands, lines, chance, "-o", "json").uninterrupted())
        assert len({rule for rule, *_ in alerts}) == 3
        assert len({key for rule, key, *_ in alerts if rule == "errors"}) >= 3
        assert stored(restarts.database) == alerts

    def test_message_that_waits_for_its_reader_is_not_known_yet(self, commands: Commands) -> None:
        """As long as stdout takes nothing, the state must not hold what was to be told."""
        ours, theirs = os.pipe()
        os.set_blocking(theirs, False)
        with suppress(BlockingIOError):
            while True:
                os.write(theirs, b"#" * SMALL_PIPE_BYTES)
        os.set_blocking(theirs, True)
        alert = commands.start(*RULE, "--state", "state", stdout=theirs)
        alert.feed(RAISING)
        end_s = time.monotonic() + AT_ONCE_S
        alert.until(lambda: records_in(alert.cwd / "state") > 0 or time.monotonic() > end_s, "some time over")
        alert.send_signal(signal.SIGKILL)
        alert.wait()
        os.close(ours)
        os.close(theirs)
        rest = RAISING.splitlines(keepends=True)[records_in(alert.cwd / "state") :]
        assert commands.run(*RULE, "--state", "state", stdin=b"".join(rest)).lines == [RAISED.encode()]


class TestAsked:
    """After an orderly end all goes on as if nothing had been: byte for byte."""

    @pytest.mark.parametrize(
        "signum", [None, signal.SIGTERM, signal.SIGINT], ids=["end of input", "SIGTERM", "SIGINT"]
    )
    @pytest.mark.parametrize("output", ["json", "text"])
    def test_joined_output_is_that_of_one_run(
        self, commands: Commands, signum: int | None, output: str
    ) -> None:
        chance = Random(100)
        restarts = Restarts(commands, make_log(chance), chance, "-o", output)
        for left in range(10, 0, -1):
            restarts.stop(left + 1, signum)
        restarts.finish()
        assert restarts.output == restarts.uninterrupted()

    def test_passed_records_are_those_of_one_run(self, commands: Commands) -> None:
        chance = Random(101)
        restarts = Restarts(commands, make_log(chance), chance, "--pass-through")
        for left in range(5, 0, -1):
            restarts.stop(left + 1, None)
        restarts.finish()
        assert restarts.output == restarts.uninterrupted()


RULE = ("w3c-alert", "-t", "1", "-w", "10s")
#: Raises an alert, and ends it.
RAISING = records([EPOCH] * 20) + record(EPOCH + 3)
RECOVERING = record(EPOCH + 50)
RAISED = f"High traffic generated an alert - hits = 20, triggered at {utc(EPOCH)}"
RECOVERED = f"High traffic alert recovered - hits = 1, recovered at {utc(EPOCH + 10)}"


class TestOpenAlert:
    def test_recovers_once_after_the_restart(self, commands: Commands) -> None:
        words = (*RULE, "--state", "state", "--db", "alerts.db")
        first = commands.run(*words, stdin=RAISING)
        assert first.stdout.decode() == f"{RAISED}\n"
        assert first.notes == [
            f"w3c-alert: High traffic: alert open at the end of the input, last log time {utc(EPOCH + 3)}"
        ]
        second = commands.run(*words, stdin=RECOVERING)
        assert (second.status, second.stdout.decode(), second.notes) == (0, f"{RECOVERED}\n", [])
        third = commands.run(*words, stdin=records([EPOCH + 60, EPOCH + 70]))
        assert (third.status, third.stdout, third.notes) == (0, b"", [])
        assert stored(commands.folder / "alerts.db") == [("traffic", None, EPOCH, EPOCH + 10)]

    def test_is_not_raised_again_by_what_follows(self, commands: Commands) -> None:
        words = (*RULE, "--state", "state")
        assert commands.run(*words, stdin=RAISING).lines == [RAISED.encode()]
        assert commands.run(*words, stdin=records([EPOCH + 4] * 20 + [EPOCH + 8])).stdout == b""

    @pytest.mark.full
    def test_recovers_by_silence_alone(self, commands: Commands) -> None:
        words = (*RULE, "--state", "state", "--clock", "live")
        assert commands.run(*words, stdin=RAISING).lines == [RAISED.encode()]
        alert = commands.start(*words)
        # The window, the lateness, and how long nothing must have come.
        recovery = alert.read_line(10 + 2 + 5 + 10)
        assert recovery.decode() == f"{RECOVERED}\n"

    def test_message_that_could_not_be_written_comes_after_the_restart(self, commands: Commands) -> None:
        words = (*RULE, "--state", "state")
        failed = commands.bash(f"{' '.join(words)} >/dev/full", stdin=RAISING)
        assert failed.status == 1
        lines = (RAISING + RECOVERING).splitlines(keepends=True)
        rest = b"".join(lines[records_in(commands.folder / "state") :])
        assert commands.run(*words, stdin=rest).stdout.decode() == f"{RAISED}\n{RECOVERED}\n"

    def test_alerts_behind_the_one_that_ended_it_come_in_the_next_runs(self, commands: Commands) -> None:
        lines = (RAISING + RECOVERING).splitlines(keepends=True)
        output = b""
        for _ in range(2):
            rest = b"".join(lines[records_in(commands.folder / "state") :])
            output += commands.run(*RULE, "--exit-on-alert", "--state", "state", stdin=rest).stdout
        assert output.decode() == f"{RAISED}\n{RECOVERED}\n"


class TestChangedRules:
    def test_other_threshold_keeps_the_window(self, commands: Commands) -> None:
        first = commands.run("w3c-alert", "-t", "100", "-w", "60s", "--state", "state", stdin=RAISING)
        assert first.stdout == b""
        second = commands.run(
            *("w3c-alert", "-t", "0.5", "-w", "60s", "--state", "state"),
            stdin=records([EPOCH + 5] * 15 + [EPOCH + 8]),
        )
        assert second.lines == [
            f"High traffic generated an alert - hits = 36, triggered at {utc(EPOCH + 5)}".encode()
        ]
        assert [note for note in second.notes if "state" in note] == []

    def test_other_window_begins_anew_and_is_said(self, commands: Commands) -> None:
        commands.run(*RULE, "--state", "state", stdin=records([EPOCH, EPOCH + 3]))
        result = commands.run("w3c-alert", "-t", "1", "-w", "30s", "--state", "state")
        assert (result.status, len(result.notes)) == (0, 1)
        assert "High traffic" in result.notes[0]

    def test_vanished_rule_is_named(self, commands: Commands) -> None:
        config = commands.write("rules.ini", CONFIG)
        assert commands.run("w3c-alert", "--config", config, "--state", "state", stdin=RAISING).status == 0
        config.write_text(CONFIG.partition("[alert:heavy]")[0])
        result = commands.run("w3c-alert", "--config", config, "--state", "state", stdin=RECOVERING)
        assert result.status == 0
        assert result.notes == [
            "w3c-alert: state: High heavy is gone or counts otherwise now: what it knew is forgotten"
        ]

    def test_new_rule_begins_with_an_empty_window(self, commands: Commands) -> None:
        commands.run(*RULE, "--state", "state", stdin=RAISING)
        config = commands.write("rules.ini", "[alert:many]\nthreshold = 1\nwindow = 10s\n")
        result = commands.run(
            *(*RULE, "--config", config, "--state", "state"), stdin=records([EPOCH + 4] * 20 + [EPOCH + 8])
        )
        assert result.lines == [
            f"High many generated an alert - hits = 20, triggered at {utc(EPOCH + 4)}".encode()
        ]


class TestUnusableState:
    @pytest.fixture
    def state(self, commands: Commands) -> Path:
        """What a run has left."""
        assert commands.run(*RULE, "--state", "state", stdin=RAISING).status == 0
        return commands.folder / "state"

    @staticmethod
    def _is_refused(result: Result) -> str:
        assert (result.status, result.stdout, len(result.notes)) == (2, b"", 1)
        assert result.notes[0].startswith("w3c-alert: state: ")
        return result.notes[0]

    @pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
    def test_damaged(self, commands: Commands, state: Path, damage: Callable[[bytes], bytes]) -> None:
        damaged = damage(state.read_bytes())
        state.write_bytes(damaged)
        self._is_refused(commands.run(*RULE, "--state", "state", stdin=RECOVERING))
        assert state.read_bytes() == damaged

    def test_of_w3c_tail(self, commands: Commands) -> None:
        commands.write("access.log", b"")
        tail = commands.start("w3c-tail", "--state", "state", "access.log").ready()
        tail.send_signal(signal.SIGTERM)
        assert tail.wait() == -signal.SIGTERM
        kept = (commands.folder / "state").read_bytes()
        note = self._is_refused(commands.run(*RULE, "--state", "state", stdin=RAISING))
        assert note == "w3c-alert: state: is no state of w3c-alert; name another file for it"
        assert (commands.folder / "state").read_bytes() == kept

    def test_in_use_by_another(self, commands: Commands) -> None:
        first = commands.start(*RULE, "--state", "state").ready()
        note = self._is_refused(commands.run(*RULE, "--state", "state", stdin=RAISING))
        assert note == f"w3c-alert: state: in use by another w3c-alert (process {first.pid})"
        assert first.finish(RAISING + RECOVERING).stdout.decode() == f"{RAISED}\n{RECOVERED}\n"

    def test_killed_one_leaves_no_lock(self, commands: Commands) -> None:
        first = commands.start(*RULE, "--state", "state").ready()
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert commands.run(*RULE, "--state", "state", stdin=RAISING).status == 0
