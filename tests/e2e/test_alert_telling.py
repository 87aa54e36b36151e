"""w3c-alert tells others of alerts: mail, webhooks, commands, files; none of them can stop it."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from harness import EPOCH, Commands, Proc, record, records, tool, utc
from receivers import HOST, black_hole, dead_port, http_endpoint, smtp_server

RULE = ("w3c-alert", "-t", "1", "-w", "10s")
HITS = 20
#: Alerts are so far apart: more than the window, less than a jump of the log's clock.
APART_S = 100
#: How long w3c-alert tries at the end, and the rest of its life on a loaded machine.
DRAIN_S, SLACK_S = 10.0, 5.0
#: After a signal everything has to be over by then.
LAST_CALL_S = 8.0
#: The longest pause before the database is tried again, and a loaded machine.
TRIED_AGAIN_S = 8.0 + SLACK_S
SECRET = "s3cr3tw0rd"


def burst(number: int) -> bytes:
    """Records that raise the alert of this number, but for what proves their second over."""
    return records([EPOCH + APART_S * number] * HITS)


def next_second(number: int) -> bytes:
    """The record that proves it."""
    return record(EPOCH + APART_S * number + 3)


def raising(number: int) -> bytes:
    """All that raises the alert of this number."""
    return burst(number) + next_second(number)


def recovering(number: int) -> bytes:
    """The record that ends it."""
    return record(EPOCH + APART_S * number + APART_S // 2)


def raised(number: int) -> str:
    """The message of `raising`."""
    return f"High traffic generated an alert - hits = {HITS}, triggered at {utc(EPOCH + APART_S * number)}"


def recovered(number: int) -> str:
    """The message of `recovering`: in the window is the record of `next_second` alone."""
    return f"High traffic alert recovered - hits = 1, recovered at {utc(EPOCH + APART_S * number + 10)}"


#: A command for --exec that keeps what it gets.
KEEP = "sh -c 'cat >>kept.jsonl'"
#: One that hangs for as long as a test holds the lock.
HANG = "flock lock true"


def kept_by_script(commands: Commands) -> list[dict[str, Any]]:
    """The events that `KEEP` got."""
    path = commands.folder / "kept.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def _lock(commands: Commands) -> Iterator[None]:
    """Holds the lock; when it is released nothing hangs any more, and nothing will."""
    with open(commands.folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _mail_url(port: int) -> str:
    return f"mailto://{HOST}:{port}/?from=alert@example.org&to=ops@example.org"


def _by_flag(commands: Commands, urls: list[str]) -> Proc:
    flags = [word for url in urls for word in ("--notify", url)]
    return commands.start(*RULE, "--exec", KEEP, *flags)


def _by_environment(commands: Commands, urls: list[str]) -> Proc:
    return commands.start(*RULE, "--exec", KEEP, env={"W3C_ALERT_NOTIFY": " ".join(urls)})


def _by_file(commands: Commands, urls: list[str]) -> Proc:
    lines = "".join(f"    {url}\n" for url in urls)
    path = commands.write("own.ini", f"[alert]\nexec = {KEEP}\nnotify =\n{lines}")
    return commands.start(*RULE, "--config", path)


class TestEverybodyIsTold:
    @pytest.mark.parametrize(
        "start", [_by_flag, _by_environment, _by_file], ids=["flag", "environment", "file"]
    )
    def test_mail_webhook_and_command_get_both_messages(
        self, commands: Commands, start: Callable[[Commands, list[str]], Proc]
    ) -> None:
        with smtp_server() as mail, http_endpoint() as web:
            alert = start(commands, [_mail_url(mail.port), web.notify_url])
            result = alert.finish(raising(0) + recovering(0))
            mails, calls = mail.received, web.received
        messages = [raised(0), recovered(0)]
        titles = [message.partition(" - ")[0] for message in messages]
        assert (result.status, result.notes) == (0, [])
        assert result.stdout.decode().splitlines() == messages
        assert [sent.subject for sent in mails] == titles
        assert [sent.body.partition("\n")[0] for sent in mails] == messages
        assert [sent.to for sent in mails] == [["ops@example.org"]] * 2
        assert [(call["title"], call["type"]) for call in calls] == [
            (titles[0], "warning"),
            (titles[1], "success"),
        ]
        assert [call["message"].partition("\n")[0] for call in calls] == messages
        events = kept_by_script(commands)
        assert [(event["state"], event["message"]) for event in events] == [
            ("raised", raised(0)),
            ("recovered", recovered(0)),
        ]

    def test_command_gets_the_event_of_the_output(self, commands: Commands) -> None:
        result = commands.run(*RULE, "-o", "json", "--exec", KEEP, stdin=raising(0) + recovering(0))
        assert kept_by_script(commands) == result.values
        assert len(result.values) == 2

    def test_message_is_sent_while_the_input_goes_on(self, commands: Commands) -> None:
        with http_endpoint() as web:
            alert = commands.start(*RULE, "--notify", web.notify_url)
            alert.feed(raising(0))
            assert web.wait_for(1)[0]["message"].startswith(raised(0))
            alert.feed(recovering(0))
            assert web.wait_for(2)[1]["message"].startswith(recovered(0))


@contextmanager
def _refused() -> Iterator[list[str]]:
    with dead_port() as port:
        yield ["--notify", f"json://{HOST}:{port}/"]


@contextmanager
def _silent() -> Iterator[list[str]]:
    with black_hole() as port:
        yield ["--notify", f"json://{HOST}:{port}/?rto=100"]


@contextmanager
def _hanging() -> Iterator[list[str]]:
    yield ["--exec", HANG]


DEAD = pytest.mark.parametrize(
    "dead", [_refused, _silent, _hanging], ids=["refused port", "silent port", "hanging command"]
)
Dead = Callable[[], AbstractContextManager[list[str]]]


@contextmanager
def _all_dead() -> Iterator[list[str]]:
    with _refused() as refused, _silent() as silent, _hanging() as hanging:
        yield [*refused, *silent, *hanging]


#: What stderr calls the three of `_all_dead`.
NAMES_OF_DEAD = ("exec (flock)", "notify 1 (json)", "notify 2 (json)")


@pytest.mark.usefixtures("_lock")
class TestNobodyAnswers:
    """A message is read before the next record is fed: whoever waited for the dead would never write it."""

    @DEAD
    def test_messages_appear_at_once(self, commands: Commands, dead: Dead) -> None:
        with dead() as words:
            alert = commands.start(*RULE, *words)
            for number in range(3):
                alert.feed(raising(number))
                assert alert.read_line().decode() == f"{raised(number)}\n"
                alert.feed(recovering(number))
                assert alert.read_line().decode() == f"{recovered(number)}\n"

    @DEAD
    def test_records_pass_at_once(self, commands: Commands, dead: Dead) -> None:
        with dead() as words:
            alert = commands.start(*RULE, "--pass-through", *words)
            for number in range(2):
                alert.feed(raising(number))
                assert alert.read_until(next_second(number)) == raising(number)
                assert json.loads(alert.read_line())["message"] == raised(number)
                alert.feed(recovering(number))
                assert alert.read_line() == recovering(number)
                assert json.loads(alert.read_line())["message"] == recovered(number)
            plain = record(EPOCH + 2 * APART_S)
            alert.feed(plain)
            assert alert.read_line() == plain

    def test_living_ones_are_told_beside_the_dead(self, commands: Commands) -> None:
        with _all_dead() as words, http_endpoint() as web:
            alert = commands.start(*RULE, *words, "--notify", web.notify_url)
            alert.feed(raising(0) + recovering(0))
            messages = [call["message"].partition("\n")[0] for call in web.wait_for(2)]
        assert messages == [raised(0), recovered(0)]

    def test_what_was_not_sent_is_said_at_the_end(self, commands: Commands) -> None:
        with _all_dead() as words:
            alert = commands.start(*RULE, *words)
            alert.feed(raising(0) + recovering(0))
            assert alert.read_line().decode() == f"{raised(0)}\n"
            began_s = time.monotonic()
            result = alert.finish(deadline_s=DRAIN_S + SLACK_S)
        assert result.status == 0
        assert time.monotonic() - began_s < DRAIN_S + SLACK_S
        for name in NAMES_OF_DEAD:
            assert f"w3c-alert: {name}: 2 messages were not sent" in result.notes
        assert result.notes.count("w3c-alert: notify 1 (json): connection refused: trying again") == 1
        assert len(result.notes) == 4

    def test_signal_ends_it_in_time(self, commands: Commands) -> None:
        with _all_dead() as words:
            alert = commands.start(*RULE, *words)
            alert.feed(raising(0))
            alert.read_line()
            alert.send_signal(signal.SIGTERM)
            assert alert.wait(LAST_CALL_S) == -signal.SIGTERM
        notes = alert.err.decode().splitlines()
        for name in NAMES_OF_DEAD:
            assert f"w3c-alert: {name}: 1 message was not sent" in notes
        assert len([note for note in notes if "not sent" in note]) == 3

    def test_command_that_fails_is_quoted(self, commands: Commands) -> None:
        words = ("--exec", "sh -c 'echo the pager is off >&2; exit 7'")
        alert = commands.start(*RULE, *words)
        alert.feed(raising(0))
        assert alert.read_notes("the pager is off") == [
            "w3c-alert: exec (sh): exit status 7: the pager is off: trying again"
        ]
        alert.send_signal(signal.SIGTERM)
        assert alert.wait(LAST_CALL_S) == -signal.SIGTERM


class TestSecrets:
    """user:password@ of a URL is seen nowhere."""

    @staticmethod
    def _shows_nothing(alert: Proc) -> None:
        for shown in (bytes(alert.out), bytes(alert.err), _command_line(alert.pid)):
            assert SECRET.encode() not in shown
            assert b"nobody:" not in shown

    @pytest.mark.parametrize("words", [["--notify", "{}"], ["--notify={}"]], ids=["word", "equals"])
    def test_flag_is_hidden_once_started(self, commands: Commands, words: list[str]) -> None:
        with dead_port() as port, black_hole() as silent:
            urls = [f"json://nobody:{SECRET}@{HOST}:{at}/?rto=1&cto=1" for at in (port, silent)]
            flags = [word.format(url) for url in urls for word in words]
            alert = commands.start(*RULE, "--summary", *flags).ready()
            assert b"--notify" in _command_line(alert.pid)
            self._shows_nothing(alert)
            alert.feed(raising(0))
            alert.read_notes("notify 1 (json): connection refused")
            alert.read_notes("notify 2 (json): timed out")
            alert.send_signal(signal.SIGUSR1)
            alert.read_notes("lines in")
            self._shows_nothing(alert)
            alert.send_signal(signal.SIGTERM)
            alert.wait(LAST_CALL_S)
        assert SECRET.encode() not in alert.out + alert.err

    @pytest.mark.parametrize(
        "url",
        [
            f"nosuch://nobody:{SECRET}@{HOST}/",
            f"slack://nobody:{SECRET}@/",
            f"nobody:{SECRET}@{HOST}",
            f"mailto://nobody:{SECRET}@",
            f"json://nobody:{SECRET}@:99999999/",
        ],
    )
    def test_unusable_url_is_not_quoted(self, commands: Commands, url: str) -> None:
        result = commands.run(*RULE, "--notify", url)
        assert (result.status, len(result.notes)) == (2, 1)
        assert result.notes[0].startswith("w3c-alert: notify 1: ")
        assert SECRET.encode() not in result.stdout + result.stderr

    def test_environment_is_not_given_to_the_command(self, commands: Commands) -> None:
        with http_endpoint() as web:
            url = web.notify_url.replace("//", f"//nobody:{SECRET}@")
            words = ("--exec", "sh -c 'env >environment'")
            commands.start(*RULE, *words, env={"W3C_ALERT_NOTIFY": url}).finish(raising(0))
            assert len(web.received) == 1
        shown = (commands.folder / "environment").read_text()
        assert "HOME=" in shown
        assert SECRET not in shown


def _command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


class _Limit:
    """A process that can write no file beyond some bytes: as a full disk, without the right to mount one."""

    #: Enough for the events that a command gets and keeps, too little for a page of a database.
    MOST_BYTES = 4000

    def __init__(self, commands: Commands) -> None:
        self.folder = commands.folder
        # What is added to it is beyond the limit.
        (self.folder / "alert.log").write_bytes(b"#" * (self.MOST_BYTES - 1) + b"\n")

    def fill(self, alert: Proc) -> None:
        """From now on there is no room."""
        resource.prlimit(alert.pid, resource.RLIMIT_FSIZE, (self.MOST_BYTES, resource.RLIM_INFINITY))

    def make_room(self, alert: Proc) -> None:
        """There is room again."""
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(alert.pid, resource.RLIMIT_FSIZE, unlimited)

    def close(self) -> None:
        """Nothing is left."""


class _Disk:
    """A small file system of its own, and somebody who takes whatever room there is on it."""

    MOST_BYTES = 512 << 10

    def __init__(self, commands: Commands) -> None:
        self.folder = commands.folder / "disk"
        self.folder.mkdir()
        mount = [tool("mount"), "-t", "tmpfs", "-o", f"size={self.MOST_BYTES}", "tmpfs", str(self.folder)]
        if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("no file system can be mounted")
        self._filler = self.folder / "filler"
        self._stop, self._is_full = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._take_all)

    def fill(self, alert: Proc) -> None:
        """From now on there is no room, whoever makes some."""
        self._thread.start()
        alert.until(self._is_full.is_set, "the disk full")

    def make_room(self, _alert: Proc) -> None:
        """There is room again."""
        self._stop.set()
        self._thread.join()
        self._filler.unlink()

    def close(self) -> None:
        """Take it away, as soon as nobody uses it any more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        subprocess.run([tool("umount"), "--lazy", self.folder], check=True)

    def _take_all(self) -> None:
        with open(self._filler, "ab", buffering=0) as filler:
            while not self._stop.wait(0.001):
                try:
                    while True:
                        filler.write(b"\0" * 512)
                except OSError:
                    self._is_full.set()


@pytest.fixture(params=[_Limit, _Disk], ids=["limit", "disk"])
def disk(request: pytest.FixtureRequest, commands: Commands) -> Iterator[_Limit | _Disk]:
    disk: _Limit | _Disk = request.param(commands)
    yield disk
    disk.close()


class TestFullDisk:
    def test_messages_go_on_and_are_made_up_for(self, commands: Commands, disk: _Limit | _Disk) -> None:
        log, database = disk.folder / "alert.log", disk.folder / "alerts.db"
        alert = commands.start(*RULE, "--log", log, "--db", database, "--exec", KEEP).ready()
        disk.fill(alert)
        for number in range(2):
            alert.feed(raising(number))
            assert alert.read_line().decode() == f"{raised(number)}\n"
            alert.feed(recovering(number))
            assert alert.read_line().decode() == f"{recovered(number)}\n"
        alert.until(lambda: len(kept_by_script(commands)) == 4, "the command run four times")
        notes = alert.err.decode().splitlines()
        assert [note.split(": ")[1] for note in notes] == [str(log), str(database)]

        disk.make_room(alert)
        alert.feed(raising(2))
        assert alert.read_line().decode() == f"{raised(2)}\n"
        alert.read_notes(f"{log}: written again")
        alert.read_notes(f"{database}: written again", TRIED_AGAIN_S)
        result = alert.finish(recovering(2))

        messages = [f"{message(number)}\n" for number in range(3) for message in (raised, recovered)]
        assert result.stdout.decode() == "".join(messages)
        assert result.notes[2:] == [f"w3c-alert: {path}: written again" for path in (log, database)]
        assert [event["message"] for event in kept_by_script(commands)] == [
            message.rstrip() for message in messages
        ]
        # What the log missed it goes on missing: later messages stand in it.
        assert log.read_text().endswith("".join(messages[4:]))
        assert not any(message in log.read_text() for message in messages[:4])
        stored = commands.run("w3c-alert", "history", "--db", database, "-o", "json").values
        assert [(row["raised_epoch"], row["recovered_epoch"]) for row in stored] == [
            (EPOCH + APART_S * number, EPOCH + APART_S * number + 10) for number in range(3)
        ]

    def test_what_is_missing_at_the_end_is_said(self, commands: Commands, disk: _Limit | _Disk) -> None:
        log, database = disk.folder / "alert.log", disk.folder / "alerts.db"
        alert = commands.start(*RULE, "--log", log, "--db", database).ready()
        disk.fill(alert)
        result = alert.finish(raising(0) + recovering(0))
        assert result.status == 0
        assert result.stdout.decode() == f"{raised(0)}\n{recovered(0)}\n"
        assert result.notes[-1] == f"w3c-alert: {database}: alerts missing in it: 2"
        assert len(result.notes) == 3


class TestHistory:
    @pytest.fixture
    def database(self, commands: Commands) -> str:
        """Two alerts that are over."""
        data = b"".join(raising(number) + recovering(number) for number in range(2))
        assert commands.run(*RULE, "--db", "alerts.db", stdin=data).status == 0
        return "alerts.db"

    def test_table(self, commands: Commands, database: str) -> None:
        result = commands.run("w3c-alert", "history", "--db", database)
        assert (result.status, result.notes) == (0, [])
        assert result.stdout.decode().splitlines() == [
            "raised                recovered  lasted  alert",
            "2020-09-13T12:26:40Z  12:26:50Z     10s  High traffic  hits = 20",
            "2020-09-13T12:28:20Z  12:28:30Z     10s  High traffic  hits = 20",
        ]

    def test_since_leaves_out_what_was_over(self, commands: Commands, database: str) -> None:
        def listed(since: str) -> list[str]:
            result = commands.run("w3c-alert", "history", "--db", database, "-o", "json", "--since", since)
            assert (result.status, result.notes) == (0, [])
            return [row["raised"] for row in result.values]

        both = [utc(EPOCH), utc(EPOCH + APART_S)]
        assert listed(utc(EPOCH + 10)) == both  # open up to that second
        assert listed(utc(EPOCH + 11)) == both[1:]
        assert listed(utc(EPOCH + 2 * APART_S)) == []
        assert listed("-2h") == []

    def test_json_has_all_that_is_known(self, commands: Commands, database: str) -> None:
        first = commands.run("w3c-alert", "history", "--db", database, "-o", "json").values[0]
        assert first == {
            "rule": "traffic",
            "metric": "requests",
            "key": None,
            "value": 2.0,
            "hits": HITS,
            "threshold": 1.0,
            "window_s": 10,
            "raised": utc(EPOCH),
            "raised_epoch": EPOCH,
            "recovered": utc(EPOCH + 10),
            "recovered_epoch": EPOCH + 10,
            "ended_by": "recovered",
            "message": raised(0),
        }

    def test_open_alert_is_listed_while_it_is_watched(self, commands: Commands) -> None:
        alert = commands.start(*RULE, "--db", "alerts.db")
        alert.feed(raising(0))
        alert.read_line()

        def listed() -> list[tuple[str, str | None]]:
            values = commands.run("w3c-alert", "history", "--db", "alerts.db", "-o", "json").values
            return [(row["raised"], row["recovered"]) for row in values]

        alert.until(lambda: listed() == [(utc(EPOCH), None)], "the alert stored")
        alert.feed(recovering(0))
        alert.until(lambda: listed() == [(utc(EPOCH), utc(EPOCH + 10))], "its end stored")

    def test_closed_stdin_is_no_matter(self, commands: Commands, database: str) -> None:
        result = commands.bash('exec w3c-alert history --db "$1" <&-', database)
        assert (result.status, len(result.lines)) == (0, 3)

    def test_stdin_that_never_ends_is_not_read(self, commands: Commands, database: str) -> None:
        history = commands.start("w3c-alert", "history", "--db", database)
        assert history.wait() == 0
        assert len(history.out.splitlines()) == 3

    def test_terminal_is_not_read(self, commands: Commands, database: str) -> None:
        ours, theirs = os.openpty()
        try:
            assert commands.start("w3c-alert", "history", "--db", database, stdin=theirs).wait() == 0
        finally:
            os.close(ours)
            os.close(theirs)

    def test_no_database_is_said(self, commands: Commands) -> None:
        result = commands.run("w3c-alert", "history", "--db", "nowhere.db")
        assert (result.status, result.stdout) == (2, b"")
        assert result.notes == ["w3c-alert: nowhere.db: no such file"]
        assert not (commands.folder / "nowhere.db").exists()


class TestExitOnAlert:
    RULE = (*RULE, "--exit-on-alert")

    def test_first_raised_message_ends_it(self, commands: Commands) -> None:
        data = raising(0) + recovering(0) + raising(1) + recovering(1)
        result = commands.run(*self.RULE, stdin=data)
        assert (result.status, result.notes) == (3, [])
        assert result.stdout.decode() == f"{raised(0)}\n"

    def test_no_alert_is_status_0(self, commands: Commands) -> None:
        assert commands.run(*self.RULE, stdin=records([EPOCH, EPOCH + 3])) == (0, b"", b"")

    def test_alert_of_the_last_seconds_counts(self, commands: Commands) -> None:
        result = commands.run(*self.RULE, stdin=burst(0))
        assert (result.status, result.stdout.decode()) == (3, f"{raised(0)}\n")

    def test_records_pass_up_to_the_one_that_decided(self, commands: Commands) -> None:
        result = commands.run(*self.RULE, "--pass-through", stdin=raising(0) + recovering(0))
        assert result.status == 3
        assert result.stdout.startswith(raising(0))
        (event,) = result.stdout.removeprefix(raising(0)).splitlines()
        assert json.loads(event)["message"] == raised(0)

    def test_input_is_read_no_further(self, commands: Commands) -> None:
        words = " ".join(self.RULE)
        shell = commands.start_bash(f"{words}; echo status $?; exec cat")
        shell.feed(raising(0))
        assert shell.read_until(b"\n").decode() == f"{raised(0)}\n"
        assert shell.read_line() == b"status 3\n"
        assert shell.finish(recovering(0)).stdout.endswith(b"status 3\n" + recovering(0))

    def test_all_were_told_before_it_ends(self, commands: Commands) -> None:
        with smtp_server() as mail, http_endpoint(delay_s=1) as web:
            flags = ("--notify", _mail_url(mail.port), "--notify", web.notify_url)
            words = (*self.RULE, *flags, "--exec", KEEP, "--db", "alerts.db", "--log", "alert.log")
            alert = commands.start(*words)
            alert.feed(raising(0))
            assert alert.wait() == 3
            assert len(mail.received) == len(web.received) == 1
        assert [event["message"] for event in kept_by_script(commands)] == [raised(0)]
        assert (commands.folder / "alert.log").read_text() == f"{raised(0)}\n"
        (row,) = commands.run("w3c-alert", "history", "--db", "alerts.db", "-o", "json").values
        assert (row["raised"], row["recovered"]) == (utc(EPOCH), None)
