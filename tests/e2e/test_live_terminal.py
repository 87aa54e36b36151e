"""w3c-stats --live at a terminal: what it shows, and that the terminal is as it was on every way out."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from harness import DEADLINE_S, EPOCH, SCRIPTS, Commands, Proc, record, records, tool

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
FRAME = b"\x1b[m\x1b[?25l\x1b[1;1H"
#: Make the terminal on stdout the one that /dev/tty is (tty_ioctl(4)), as a login does.
TAKE_TERMINAL = (
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(1, termios.TIOCSCTTY, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)
ALERT = (
    b'{"event":"alert","state":"raised","time":"2020-09-13T12:26:40Z","message":"High traffic generated'
    b' an alert - hits = 1220, triggered at 2020-09-13T12:26:40Z"}\n'
)
TRAFFIC = records(range(EPOCH, EPOCH + 90))


def has_ended(proc: Proc) -> bool:
    """Whether it has; its status is still to be asked for."""
    return _state(proc) == "Z"


def _state(proc: Proc) -> str:
    """One letter (proc_pid_stat(5))."""
    return Path(f"/proc/{proc.pid}/stat").read_text().rpartition(")")[2].split()[0]


class Terminal:
    """A pty with a command on it: what it shows, and its modes."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._master, self._slave = pty.openpty()
        os.set_blocking(self._master, False)
        self.resize(80, 24)
        self._modes = termios.tcgetattr(self._slave)
        #: All that was written to it.
        self.out = b""
        self.proc: Proc

    def start(self, *words: str | Path, of_its_own: bool = True, term: str = "xterm-256color") -> Proc:
        """Start a command with this terminal as its stdout, and as its /dev/tty if it is to have one."""
        command = [str(SCRIPTS / word) if word == "w3c-stats" else str(word) for word in words]
        launcher = [sys.executable, "-c", TAKE_TERMINAL] if of_its_own else []
        self.proc = self._commands.start(*launcher, *command, stdout=self._slave, env={"TERM": term})
        return self.proc

    def watch(self, *, of_its_own: bool = True) -> Proc:
        """Start the live screen."""
        return self.start("w3c-stats", "--live", "--color", "never", of_its_own=of_its_own)

    def type(self, text: bytes) -> None:
        """A person presses keys."""
        os.write(self._master, text)

    def resize(self, columns: int, rows: int) -> None:
        """The window gets another size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, done: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
        """Wait for something; what is written meanwhile is read."""

        def looked() -> bool:
            self._read()
            return done()

        self.proc.until(looked, what, deadline_s)

    def until_shown(self, *words: str) -> list[str]:
        """Wait until a whole screen has these words; gives its lines."""
        self.until(lambda: all(word in "\n".join(self.screen()) for word in words), f"shown: {words}")
        return self.screen()

    def until_left(self) -> str:
        """Wait for the end of the command; gives what it wrote after the screen."""
        self.until(lambda: has_ended(self.proc), "ended")
        self._read()
        return self.out.rpartition(LEAVE)[2].decode()

    def screen(self) -> list[str]:
        """The lines of the last whole frame."""
        for frame in reversed(self.out.split(FRAME)[1:]):
            lines = re.split(rb"\x1b\[\d+;1H\x1b\[2K", FRAME[-6:] + frame)[1:]
            last, is_whole, _ = lines[-1].partition(b"\x1b[") if lines else (b"", b"", b"")
            if is_whole:
                return [line.decode() for line in [*lines[:-1], last]]
        return []

    def frames(self) -> int:
        """How many were painted."""
        self._read()
        return self.out.count(FRAME)

    @property
    def is_as_it_was(self) -> bool:
        """Modes, cursor, screen."""
        self._read()
        is_on_main_screen = self.out.rfind(LEAVE) > self.out.rfind(ENTER)
        shows_cursor = self.out.rfind(b"\x1b[?25h") > self.out.rfind(b"\x1b[?25l")
        wraps = self.out.rfind(b"\x1b[?7h") > self.out.rfind(b"\x1b[?7l")
        return is_on_main_screen and shows_cursor and wraps and self.is_cooked

    @property
    def is_cooked(self) -> bool:
        """Whether its modes are those of the beginning."""
        modes: list[object] = termios.tcgetattr(self._slave)
        return modes == self._modes

    def hang_up(self) -> None:
        """The window is closed."""
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def close(self) -> None:
        """The end of the test."""
        if self._master >= 0:
            self.hang_up()

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while data := os.read(self._master, 1 << 16):
                self.out += data


@pytest.fixture
def terminal(commands: Commands) -> Iterator[Terminal]:
    """One for each test."""
    terminal = Terminal(commands)
    yield terminal
    terminal.close()


# What is shown


def test_traffic_and_alerts_are_shown_and_painted_every_second(terminal: Terminal) -> None:
    terminal.watch().feed(TRAFFIC + ALERT)
    lines = terminal.until_shown("12:28:09Z", "1.0/s", "/pages", "alerts  1, 1 open", "hits = 1220")
    assert len(lines) == 24
    frames = terminal.frames()
    terminal.until(lambda: terminal.frames() >= frames + 2, "painted again without input")


def test_log_of_now_says_how_far_it_is_behind(terminal: Terminal) -> None:
    now = int(time.time())
    terminal.watch().feed(records(range(now - 30, now - 5)))
    terminal.until_shown("lag ")


def test_resize_paints_at_once_for_the_new_size(terminal: Terminal) -> None:
    terminal.watch().feed(TRAFFIC)
    terminal.until_shown("12:28:09Z")
    terminal.resize(40, 12)
    terminal.until(lambda: len(terminal.screen()) == 12, "painted in 12 rows")
    assert max(map(len, terminal.screen())) <= 40


def test_keys_sort_freeze_and_help(terminal: Terminal) -> None:
    terminal.watch().feed(TRAFFIC)
    terminal.until_shown("▼requests")
    terminal.type(b"5")
    terminal.until_shown("▼errors")
    terminal.type(b"5x\x1b[A9")
    terminal.until_shown("▲errors")
    terminal.type(b"?")
    terminal.until_shown("freeze, and go on")
    terminal.type(b"? ")
    terminal.until_shown("frozen", "▲errors")


def test_frozen_screen_stands_still_while_the_log_is_read_on(terminal: Terminal) -> None:
    proc = terminal.watch()
    proc.feed(TRAFFIC)
    terminal.until_shown("12:28:09Z")
    terminal.type(b" ")
    terminal.until_shown("frozen")
    proc.feed(records(range(EPOCH + 90, EPOCH + 120)))
    frames = terminal.frames()
    terminal.until(lambda: terminal.frames() >= frames + 2, "painted again")
    assert "12:28:09Z" in terminal.screen()[0]
    terminal.type(b" ")
    terminal.until_shown("12:28:39Z")


def test_without_a_terminal_of_its_own_it_goes_on_without_keys(terminal: Terminal) -> None:
    proc = terminal.watch(of_its_own=False)
    proc.feed(TRAFFIC)
    assert "quit" not in terminal.until_shown("12:28:09Z")[-1]
    proc.close_stdin()
    terminal.until_left()
    assert proc.wait() == 0


# The ways out


def _shown(terminal: Terminal) -> Proc:
    proc = terminal.watch()
    proc.feed(TRAFFIC + ALERT)
    terminal.until_shown("12:28:09Z", "hits = 1220")
    assert not terminal.is_cooked
    return proc


def test_q_ends_quietly_and_leaves_summary_and_alerts(terminal: Terminal) -> None:
    proc = _shown(terminal)
    terminal.type(b"q")
    text = terminal.until_left()
    assert proc.wait() == 0
    assert terminal.is_as_it_was
    assert text.splitlines()[0].endswith("triggered at 2020-09-13T12:26:40Z")
    assert "90 requests" in text


def test_of_more_alerts_than_are_kept_the_number_of_the_older_ones_stays(terminal: Terminal) -> None:
    proc = terminal.watch()
    proc.feed(TRAFFIC + ALERT * 1005)
    terminal.until_shown("alerts  1,005")
    proc.close_stdin()
    lines = terminal.until_left().splitlines()
    assert lines[0] == "5 older alerts"
    assert sum("hits = 1220" in line for line in lines) == 1000


def test_end_of_input_leaves_the_same(terminal: Terminal) -> None:
    proc = _shown(terminal)
    proc.close_stdin()
    text = terminal.until_left()
    assert proc.wait() == 0
    assert terminal.is_as_it_was
    assert "90 requests" in text


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_after_what_is_under_way(terminal: Terminal, signum: int) -> None:
    proc = _shown(terminal)
    proc.send_signal(signum)
    terminal.until_shown("ending: reading what is under way")
    proc.feed(records([EPOCH + 90]))
    proc.close_stdin()
    text = terminal.until_left()
    assert proc.wait() == -signum
    assert terminal.is_as_it_was
    assert "91 requests" in text


def test_ctrl_c_is_a_signal(terminal: Terminal) -> None:
    proc = _shown(terminal)
    terminal.type(b"\x03")
    terminal.until_shown("ending: reading what is under way")
    proc.close_stdin()
    terminal.until_left()
    assert proc.wait() == -signal.SIGINT
    assert terminal.is_as_it_was


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_second_signal_ends_at_once(terminal: Terminal, signum: int) -> None:
    proc = _shown(terminal)
    proc.send_signal(signum)
    terminal.until(lambda: proc.catches(signal.SIGALRM), "first signal noticed")
    proc.send_signal(signum)
    terminal.until_left()
    assert proc.wait() == -signum
    assert terminal.is_as_it_was


def test_input_that_is_no_json_ends_it_and_the_terminal_is_as_it_was(terminal: Terminal) -> None:
    proc = _shown_nothing(terminal)
    proc.feed(b"no JSON\n" * 200)
    terminal.until_left()
    assert proc.wait() == 65
    assert terminal.is_as_it_was
    proc.read_notes("put w3c-parse in front")


def _shown_nothing(terminal: Terminal) -> Proc:
    proc = terminal.watch()
    terminal.until_shown("waiting for the first request")
    return proc


def test_window_that_is_closed_ends_it(terminal: Terminal) -> None:
    proc = _shown(terminal)
    terminal.hang_up()
    assert proc.wait() in (-signal.SIGHUP, -signal.SIGPIPE)
    assert b"Traceback" not in proc.err


def test_continued_after_a_stop_it_takes_the_terminal_again(terminal: Terminal) -> None:
    proc = _shown(terminal)
    proc.send_signal(signal.SIGSTOP)
    terminal.until(lambda: _state(proc) == "T", "stopped")
    seen = len(terminal.out)
    proc.send_signal(signal.SIGCONT)
    terminal.until(lambda: ENTER in terminal.out[seen:] and FRAME in terminal.out[seen:], "painted anew")
    terminal.type(b"q")
    terminal.until_left()
    assert terminal.is_as_it_was


def test_killed_while_it_stands_still_it_gives_the_terminal_back(terminal: Terminal) -> None:
    proc = _shown(terminal)
    proc.send_signal(signal.SIGSTOP)
    terminal.until(lambda: _state(proc) == "T", "stopped")
    for signum in (signal.SIGTERM, signal.SIGCONT):
        proc.send_signal(signum)
    proc.close_stdin()
    terminal.until_left()
    assert proc.wait() == -signal.SIGTERM
    assert terminal.is_as_it_was


#: A shell with job control whose first job is the live screen on a pipe.
SHELL = """
{} w3c-stats --live --color never {}
echo AWAY
read -r _ </dev/tty
fg >/dev/null
echo "ENDED $?"
"""


def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(terminal: Terminal) -> None:
    script = SHELL.format("cat |", "")
    terminal.start(tool("bash"), "--norc", "-ic", script).feed(TRAFFIC)
    terminal.until_shown("12:28:09Z")
    terminal.type(b"\x1a")
    terminal.until(lambda: b"AWAY" in terminal.out, "stopped")
    assert terminal.is_as_it_was
    terminal.type(b"\n")
    seen = len(terminal.out)
    terminal.until(lambda: FRAME in terminal.out[seen:], "painted anew")
    terminal.type(b"q")
    terminal.proc.close_stdin()
    terminal.until(lambda: b"ENDED 0" in terminal.out, "ended")
    assert terminal.is_as_it_was


def test_in_the_background_it_leaves_the_terminal_alone(terminal: Terminal) -> None:
    terminal.start(tool("bash"), "--norc", "-ic", SHELL.format("cat |", "&")).feed(TRAFFIC)
    terminal.until(lambda: b"AWAY" in terminal.out, "started")
    terminal.until(lambda: _runs_live(terminal.proc), "reading")
    assert (ENTER in terminal.out, terminal.is_cooked) == (False, True)
    terminal.type(b"\n")
    terminal.until_shown("12:28:09Z")
    terminal.type(b"q")
    terminal.proc.close_stdin()
    terminal.until(lambda: b"ENDED 0" in terminal.out, "ended")
    assert terminal.is_as_it_was


def _runs_live(shell: Proc) -> bool:
    """Whether the live screen is under way: it handles the change of a window's size."""
    pids = [line.split()[0] for line in shell.descendants() if "--live" in line and "bash" not in line]
    masks = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    caught = [int(re.findall(r"SigCgt:\s*([0-9a-f]+)", mask)[0], 16) for mask in masks]
    return any(mask >> (signal.SIGWINCH - 1) & 1 for mask in caught)


# Where there can be none


def test_stdout_must_be_a_terminal(commands: Commands) -> None:
    result = commands.run("w3c-stats", "--live")
    assert (result.status, result.stdout, len(result.notes)) == (2, b"", 1)
    assert "terminal" in result.notes[0]


def test_terminal_must_be_one_that_can_be_painted(terminal: Terminal) -> None:
    proc = terminal.start("w3c-stats", "--live", term="dumb")
    terminal.until(lambda: has_ended(proc), "ended")
    assert proc.wait() == 2
    assert "TERM" in proc.read_notes("TERM")[0]
    assert ENTER not in terminal.out


def test_what_paints_is_loaded_only_where_it_is_asked_for() -> None:
    program = "import sys, w3ctools.cli.stats; sys.exit(any(n.split('.')[0] == 'rich' for n in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# A terminal of another kind


def test_in_tmux_summary_stays_below_what_was_there(commands: Commands, tmp_path: Path) -> None:
    log = commands.write("log.jsonl", TRAFFIC + ALERT)
    socket = tmp_path / "tmux"

    def tmux(*words: str) -> str:
        run = subprocess.run(
            [tool("tmux"), "-S", socket, "-f", "/dev/null", *words],
            env=commands.env,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        return run.stdout

    def pane() -> str:
        return tmux("capture-pane", "-p", "-S", "-", "-t", "live")

    script = f"echo BEFORE; (cat {log}; sleep 60) | w3c-stats --live; echo AFTER; cat"
    watcher = commands.start(tool("sleep"), "60")
    tmux("new-session", "-d", "-s", "live", "-x", "60", "-y", "20", script)
    try:
        watcher.until(lambda: "12:28:09Z" in pane(), "shown in tmux")
        assert "BEFORE" not in pane()
        tmux("resize-window", "-t", "live", "-x", "40", "-y", "10")
        watcher.until(lambda: "q quit" in pane() and len(pane().splitlines()) == 10, "painted in ten rows")
        tmux("resize-window", "-t", "live", "-x", "60", "-y", "20")
        tmux("send-keys", "-t", "live", "q")
        watcher.until(lambda: "90 requests" in pane(), "ended")
        text = pane()
        assert text.index("BEFORE") < text.index("triggered at") < text.index("90 requests")
        assert "q quit" not in text
    finally:
        tmux("kill-server")


def test_record_is_a_row(terminal: Terminal) -> None:
    """One record is not yet a window: the second that it is in is still being written."""
    proc = terminal.watch()
    proc.feed(record())
    terminal.until_shown("12:26:40Z")
    proc.close_stdin()
    assert "1 request" in terminal.until_left()
