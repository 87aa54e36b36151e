"""The command that is run for every event, with real commands."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import AT_ONCE_S, DEADLINE_S, tool

from w3ctools.core.errors import W3CError
from w3ctools.core.wire import AlertEvent, encode
from w3ctools.edge.execute import Command
from w3ctools.edge.outbox import SendFailed

EVENT = AlertEvent(
    state="raised", key="/café", value=1.5, message="High traffic generated an alert - hits = 12"
)


def _shell(script: str, *args: str | Path, time_limit_s: float = DEADLINE_S) -> Command:
    words = ["/bin/sh", "-c", script, "sh", *map(str, args)]
    return Command(" ".join(f"'{word}'" for word in words), time_limit_s)


def _reason(command: Command) -> str:
    with pytest.raises(SendFailed) as failed:
        command.send(EVENT)
    assert not failed.value.is_final
    return str(failed.value)


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[int]:
    """The reading end of ``fifo``, which ends with the last process that has it open."""
    os.mkfifo(tmp_path / "fifo")
    fd = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    yield fd
    os.close(fd)


class TestCommandLine:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "--exec: no command is named"),
            ("  ", "--exec: no command is named"),
            ("''", "--exec: no command is named"),
            ("mail 'root", "--exec: no closing quotation"),
            ("mail root\\", "--exec: no escaped character"),
        ],
    )
    def test_text_that_is_no_command_is_an_error(self, text: str, reason: str) -> None:
        with pytest.raises(W3CError) as error:
            Command(text)
        assert str(error.value) == reason

    @pytest.mark.parametrize("text", ["no-such-program x", "/no/such/program", "/etc/passwd", "/tmp"])
    def test_program_that_cannot_be_run_is_an_error(self, text: str) -> None:
        with pytest.raises(W3CError, match=f"--exec: {text.split()[0]}: no such program"):
            Command(text)

    def test_value_in_front_of_the_program_is_not_shown(self) -> None:
        with pytest.raises(W3CError) as error:
            Command("TOKEN=secret curl")
        assert str(error.value).startswith("--exec: TOKEN: no such program")

    def test_name_is_the_program_without_its_arguments(self) -> None:
        assert Command("/bin/sh -c 'token secret'").name == "exec (sh)"

    def test_words_are_as_quoted(self, tmp_path: Path) -> None:
        path = tmp_path / "words"
        Command(f"""/bin/sh -c 'printf "%s|" "$@" >{path}' sh "a b" 'c"d' $HOME '*' ;""").send(EVENT)
        assert path.read_text() == 'a b|c"d|$HOME|*|;|'


class TestRun:
    def test_event_is_one_json_line_on_stdin(self, tmp_path: Path) -> None:
        path = tmp_path / "event"
        _shell('cat >"$1"', path).send(EVENT)
        assert path.read_text() == encode(EVENT)
        assert json.loads(path.read_text())["key"] == "/café"

    def test_command_that_reads_nothing_is_no_failure(self) -> None:
        Command("true").send(EVENT)

    def test_output_goes_to_neither_of_ours(self, capfd: pytest.CaptureFixture[str]) -> None:
        _shell("echo out; echo err >&2").send(EVENT)
        assert capfd.readouterr() == ("", "")

    def test_output_of_any_size_is_no_failure(self) -> None:
        _shell("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2").send(EVENT)

    def test_command_that_closes_its_output_is_waited_for(self, tmp_path: Path) -> None:
        path = tmp_path / "done"
        before_s = time.process_time()
        _shell('exec >&- 2>&-; sleep 0.5; : >"$1"', path).send(EVENT)
        assert path.exists()
        assert time.process_time() - before_s < 0.25  # asleep, most of the time

    def test_what_it_leaves_running_is_not_waited_for(self, tmp_path: Path) -> None:
        path = tmp_path / "pid"
        started_s = time.monotonic()
        _shell('sleep 60 & echo $! >"$1"', path).send(EVENT)
        took_s = time.monotonic() - started_s
        os.kill(int(path.read_text()), signal.SIGKILL)  # it is still there
        assert took_s < DEADLINE_S

    def test_settings_of_ours_are_not_in_its_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("W3C_ALERT_NOTIFY", "mailto://user:secret@host")
        monkeypatch.setenv("W3C_ALERT_EXEC", "this")
        monkeypatch.setenv("KEPT", "yes")
        path = tmp_path / "environment"
        _shell('env >"$1"', path).send(EVENT)
        assert "W3C_ALERT" not in path.read_text()
        assert "KEPT=yes\n" in path.read_text()

    def test_it_inherits_no_descriptor(self, tmp_path: Path) -> None:
        ours = os.open("/dev/null", os.O_RDONLY)
        os.set_inheritable(ours, True)
        try:
            path = tmp_path / "descriptors"
            _shell('ls /proc/$$/fd >"$1"', path).send(EVENT)
        finally:
            os.close(ours)
        # The shell may have one of its own, high up.
        assert str(ours) not in path.read_text().split()

    def test_it_has_usual_signals_and_a_session_of_its_own(self, tmp_path: Path) -> None:
        path = tmp_path / "status"
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            Command(f"cp /proc/self/status {path}").send(EVENT)
            _shell('cut -d" " -f1,6 /proc/$$/stat >"$1"', tmp_path / "session").send(EVENT)
            assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) > {signal.SIGTERM}
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        masks = dict(line.split(":\t") for line in path.read_text().splitlines())
        # The C library keeps two for itself.
        usual = sum(1 << number - 1 for number in signal.valid_signals())
        assert (int(masks["SigBlk"], 16) & usual, int(masks["SigIgn"], 16) & usual) == (0, 0)
        pid, session = (tmp_path / "session").read_text().split()
        assert pid == session


class TestFailure:
    @pytest.mark.parametrize(
        ("script", "reason"),
        [
            ("exit 3", "exit status 3"),
            ("echo first >&2; echo last words >&2; echo >&2; exit 3", "exit status 3: last words"),
            ("echo only stdout; exit 1", "exit status 1: only stdout"),
            ("printf no-newline >&2; exit 1", "exit status 1: no-newline"),
            (r'printf "\033[31mred\007\n" >&2; exit 1', r"exit status 1: \x1b[31mred\x07"),
            ("kill -KILL $$", "ended by signal 9"),
        ],
    )
    def test_reason_has_the_status_and_the_last_words(self, script: str, reason: str) -> None:
        assert _reason(_shell(script)) == reason

    def test_last_words_are_bounded(self) -> None:
        reason = _reason(_shell('head -c 100000 /dev/zero | tr "\\0" x >&2; exit 1'))
        assert reason == f"exit status 1: {'x' * 200}"

    def test_program_that_has_gone_since_is_a_failure(self, tmp_path: Path) -> None:
        program = tmp_path / "program"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        command = Command(str(program))
        program.unlink()
        assert _reason(command) == "cannot be run: No such file or directory"

    def test_failures_leave_no_descriptor_open(self) -> None:
        command = _shell("exit 3")
        _reason(command)
        before = os.listdir("/proc/self/fd")
        for _ in range(3):
            _reason(command)
        assert os.listdir("/proc/self/fd") == before

    def test_time_limit_ends_all_that_it_started(self, fifo: int, tmp_path: Path) -> None:
        script = 'exec >"$1"; (sleep 60 & sleep 60) & sleep 60'
        assert (
            _reason(_shell(script, tmp_path / "fifo", time_limit_s=0.2))
            == "killed: it took longer than 0.2 s"
        )
        has_ended = select.poll()
        has_ended.register(fifo, select.POLLHUP)
        assert has_ended.poll(AT_ONCE_S * 1000)  # nobody has it open any more

    def test_time_limit_holds_while_it_writes(self) -> None:
        assert _reason(_shell("yes", time_limit_s=0.2)) == "killed: it took longer than 0.2 s"

    def test_failure_is_seen_though_the_end_of_children_was_ignored(self) -> None:
        program = """
import sys
from w3ctools.core.wire import AlertEvent
from w3ctools.edge.execute import Command
from w3ctools.edge.outbox import SendFailed
is_ignored = "signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN"
try:
    Command(f"{sys.executable} -c 'import signal; exit(3 + ({is_ignored}))'").send(AlertEvent())
except SendFailed as error:
    print(error)
"""
        run = subprocess.run(
            [tool("bash"), "-c", "trap '' CHLD; exec \"$@\"", "bash", sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert (run.stdout, run.stderr) == ("exit status 3\n", "")
