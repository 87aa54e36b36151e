"""Commands as processes: started, fed, read, signalled and ended, every wait with a deadline.

A `Proc` is a session of its own, so that whatever it started can be found and ended. What it writes is kept
whole; a failure shows all there is to know about it.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest
from pytest_console_scripts import RunResult, ScriptRunner

ROOT = Path(__file__).resolve().parent.parent
#: Where the environment that runs the tests has its commands.
SCRIPTS = Path(sysconfig.get_path("scripts"))
PYTHON_COMMANDS = (
    "w3c-tail",
    "w3c-parse",
    "w3c-stats",
    "w3c-alert",
    "w3c-report",
    "w3c-store",
    "w3c-spark",
    "w3c-gen",
)
SHELL_COMMANDS = ("w3c-monitor", "w3c-simulation")

#: Long enough for a loaded machine: only what hangs takes so long.
DEADLINE_S = 60.0
#: What must happen at once.
AT_ONCE_S = 1.5
#: How often states are looked at that cannot be polled.
LOOK_S = 0.01
SMALL_PIPE_BYTES = 4096

#: 2020-09-13T12:26:40Z: long past, so that logs of it are replays; a multiple of ten.
EPOCH = 1_600_000_000


def tool(name: str) -> str:
    """The path of a program that tests need; missing, the test fails in CI and is skipped elsewhere."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed")
    return found


_PATH = f"{SCRIPTS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def unprivileged() -> tuple[str, ...]:
    """Words before a command for which permissions must hold, also where the tests run as root."""
    if os.geteuid() != 0:
        return ()
    return (tool("setpriv"), "--bounding-set=-dac_override,-dac_read_search")


def environment(home: Path) -> dict[str, str]:
    """All that a command is told: nothing of the user's settings."""
    return {"PATH": _PATH, "HOME": str(home), "TZ": "EST5EDT,M3.2.0,M11.1.0", "LC_ALL": "C.UTF-8"}


class Result(NamedTuple):
    """How a command ended, and all that it wrote."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def lines(self) -> list[bytes]:
        """The lines of stdout, without LF."""
        return self.stdout.splitlines()

    @property
    def notes(self) -> list[str]:
        """The lines of stderr."""
        return self.stderr.decode().splitlines()

    @property
    def values(self) -> list[dict[str, Any]]:
        """The JSON lines of stdout."""
        return [json.loads(line) for line in self.lines]


class Proc:
    """A running command. `Commands` starts it, and ends it with all that it started."""

    def __init__(
        self,
        args: list[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdin: int | None = None,
        stdout: int | None = None,
        nonblocking: bool = False,
    ) -> None:
        self.args = args
        self.cwd = cwd
        self.out = bytearray()
        self.err = bytearray()
        self._read_up_to = 0
        self._stdin = self._stdout = -1
        theirs: list[int] = []
        if stdin is None:
            stdin, self._stdin = os.pipe()
            os.set_blocking(self._stdin, False)
            os.set_blocking(stdin, not nonblocking)
            theirs.append(stdin)
        if stdout is None:
            self._stdout, stdout = os.pipe()
            os.set_blocking(stdout, not nonblocking)
            if nonblocking:  # small, so that it is full at nearly every write
                fcntl.fcntl(stdout, fcntl.F_SETPIPE_SZ, SMALL_PIPE_BYTES)
            theirs.append(stdout)
        self._stderr, stderr = os.pipe()
        theirs.append(stderr)
        self._process = subprocess.Popen(
            args,
            cwd=cwd,
            env=dict(env),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        self.pid = self._process.pid
        for fd in theirs:
            os.close(fd)
        self._pid_fd = os.pidfd_open(self.pid)

    # Giving it input

    def feed(self, data: bytes, deadline_s: float = DEADLINE_S) -> None:
        """Write all of `data` to its stdin, and read meanwhile. A command that has ended takes nothing."""
        view = memoryview(data)

        def fed() -> bool:
            nonlocal view
            try:
                while view:
                    view = view[os.write(self._stdin, view) :]
            except BlockingIOError:
                return False
            except BrokenPipeError:
                pass
            return True

        self._wait_until(fed, deadline_s, f"{len(data)} bytes of input taken", writing=True)

    def close_stdin(self) -> None:
        """The end of its input."""
        self._stdin = _closed(self._stdin)

    def send_signal(self, signum: int) -> None:
        """Signal this process alone."""
        self._process.send_signal(signum)

    def signal_group(self, signum: int) -> None:
        """Signal all of its process group, as a terminal does at Ctrl-C."""
        os.killpg(self.pid, signum)

    # Taking its output

    def read_line(self, deadline_s: float = DEADLINE_S) -> bytes:
        """The next line of stdout, with its LF."""
        return self.read_until(b"\n", deadline_s)

    def read_until(self, text: bytes, deadline_s: float = DEADLINE_S) -> bytes:
        """What stdout says next, up to and with `text`."""

        def found() -> bool:
            if text in self.out[self._read_up_to :]:
                return True
            if self._stdout < 0:
                self.fail(f"stdout ended before {text!r}")
            return False

        self._wait_until(found, deadline_s, f"{text!r} on stdout")
        end = self.out.index(text, self._read_up_to) + len(text)
        piece, self._read_up_to = bytes(self.out[self._read_up_to : end]), end
        return piece

    def read_notes(self, text: str, deadline_s: float = DEADLINE_S) -> list[str]:
        """The lines on stderr, once `text` is among them."""
        whole = text.encode()
        self._wait_until(
            lambda: whole in self.err[: self.err.rfind(b"\n") + 1], deadline_s, f"{text!r} on stderr"
        )
        return self.err.decode().splitlines()

    def close_stdout(self) -> None:
        """Its reader goes away."""
        self._stdout = _closed(self._stdout)

    # Watching it

    def ready(self) -> Proc:
        """Wait until it listens to signals, which is when its start-up is over."""
        self._wait_until(lambda: self.catches(signal.SIGUSR1), DEADLINE_S, "started")
        return self

    def catches(self, signum: int) -> bool:
        """Whether it has a handler for the signal."""
        return self._has_signal("SigCgt", signum)

    def ignores(self, signum: int) -> bool:
        """Whether it ignores the signal."""
        return self._has_signal("SigIgn", signum)

    def is_told_to_end(self) -> Proc:
        """Wait until it has noticed the first signal: then it limits its own time by an alarm."""
        self._wait_until(lambda: self.catches(signal.SIGALRM), DEADLINE_S, "first signal noticed")
        return self

    def until(self, done: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
        """Wait for something outside of it; `what` names it in a failure."""
        self._wait_until(done, deadline_s, what)

    def wait(self, deadline_s: float = DEADLINE_S) -> int:
        """Its status once it has ended; what it wrote was read."""
        self._wait_until(lambda: self._process.poll() is not None, deadline_s, "ended")
        while self._step(0):
            pass
        return int(self._process.returncode)

    def finish(self, data: bytes = b"", deadline_s: float = DEADLINE_S) -> Result:
        """Feed it, end its input, and wait for its end."""
        if self._stdin >= 0:
            self.feed(data, deadline_s)
            self.close_stdin()
        return self.result(deadline_s)

    def result(self, deadline_s: float = DEADLINE_S) -> Result:
        """Wait for its end."""
        status = self.wait(deadline_s)
        return Result(status, bytes(self.out), bytes(self.err))

    def descendants(self) -> list[str]:
        """What still runs of its session, without itself."""
        found = []
        for pid in (int(name) for name in os.listdir("/proc") if name.isdecimal()):
            try:
                after_name = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
                words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
                command = words.decode("utf-8", "replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(after_name[3]) == self.pid and pid != self.pid and after_name[0] != b"Z":
                found.append(f"{pid} {command}")
        return found

    def leaves_nothing(self) -> None:
        """Fail if something that it started goes on; what was told to end may take a moment."""
        end_s = time.monotonic() + AT_ONCE_S
        while left := self.descendants():
            if time.monotonic() > end_s:
                self.fail(f"still running: {left}")
            self._step(LOOK_S)

    def fail(self, reason: str) -> NoReturn:
        """Fail the test, with all that is known of this process."""
        pytest.fail(f"{reason}\n{self}")

    def __str__(self) -> str:
        status = self._process.poll()
        return (
            f"command: {' '.join(self.args)}\ncwd: {self.cwd}\n"
            f"status: {'running' if status is None else status}\n"
            f"stdout ({len(self.out)} bytes): {_shortened(self.out)}\n"
            f"stderr ({len(self.err)} bytes): {_shortened(self.err)}"
        )

    def end(self) -> None:
        """Kill it and all of its group and session, reap it and close everything."""
        for pid in (int(text.split()[0]) for text in self.descendants()):
            _kill(os.kill, pid)
        _kill(os.killpg, self.pid)
        self._process.wait()
        for fd in (self._stdin, self._stdout, self._stderr, self._pid_fd):
            _closed(fd)

    def _wait_until(
        self, done: Callable[[], bool], deadline_s: float, what: str, *, writing: bool = False
    ) -> None:
        end_s = time.monotonic() + deadline_s
        while not done():
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                self.fail(f"not {what} within {deadline_s:g} s")
            self._step(min(left_s, LOOK_S), writing=writing)

    def _step(self, timeout_s: float, *, writing: bool = False) -> bool:
        """Read what there is, or wait for something to happen; whether anything was read."""
        poll = select.poll()
        for fd in (self._stdout, self._stderr):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        if self._process.returncode is None:
            poll.register(self._pid_fd, select.POLLIN)
        if writing and self._stdin >= 0:
            poll.register(self._stdin, select.POLLOUT)
        has_read = False
        for fd, _ in poll.poll(timeout_s * 1000):
            if fd not in (self._stdout, self._stderr):
                continue
            data = os.read(fd, 1 << 16)
            has_read |= bool(data)
            if fd == self._stdout:
                self.out += data
                self._stdout = fd if data else _closed(fd)
            else:
                self.err += data
                self._stderr = fd if data else _closed(fd)
        return has_read

    def _has_signal(self, mask: str, signum: int) -> bool:
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        masks = dict(line.split(":", 1) for line in status.splitlines())
        return bool(int(masks.get(mask, "0"), 16) >> (signum - 1) & 1)


class Commands:
    """Starts commands in one folder, which is their HOME too, and ends them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = environment(folder)
        self._running: list[Proc] = []

    def start(
        self,
        *args: str | Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: int | None = None,
        stdout: int | None = None,
        nonblocking: bool = False,
    ) -> Proc:
        """Start a command of this package by its name, or any other by its path."""
        words = [str(word) for word in args]
        if "/" not in words[0]:
            words[0] = str(SCRIPTS / words[0])
        proc = Proc(
            words,
            cwd=cwd or self.folder,
            env={**self.env, **(env or {})},
            stdin=stdin,
            stdout=stdout,
            nonblocking=nonblocking,
        )
        self._running.append(proc)
        return proc

    def run(
        self,
        *args: str | Path,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        nonblocking: bool = False,
    ) -> Result:
        """Run a command to its end."""
        return self.start(*args, env=env, cwd=cwd, nonblocking=nonblocking).finish(stdin)

    def start_bash(self, script: str, *args: str | Path, env: Mapping[str, str] | None = None) -> Proc:
        """Start a script in bash; `args` are its ``$@``."""
        return self.start(tool("bash"), "-c", script, "bash", *args, env=env)

    def bash(
        self,
        script: str,
        *args: str | Path,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> Result:
        """Run a script in bash to its end."""
        return self.start_bash(script, *args, env=env).finish(stdin, deadline_s)

    def write(self, name: str, data: bytes | str) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def append(self, name: str, data: bytes) -> None:
        """Add to a file in the folder, with one write."""
        with open(self.folder / name, "ab", buffering=0) as file:
            file.write(data)

    def end(self) -> None:
        """End all that runs."""
        for proc in reversed(self._running):
            proc.end()


class Script:
    """Runs a command to its end, for what needs no more than text in and text out."""

    def __init__(self, runner: ScriptRunner, commands: Commands) -> None:
        self._runner = runner
        self._commands = commands

    def __call__(self, *args: str | Path, stdin: str = "", env: dict[str, str] | None = None) -> RunResult:
        """Run with `env` on top of an environment without settings."""
        return self._runner.run(
            [str(arg) for arg in args],
            stdin=io.StringIO(stdin),
            cwd=self._commands.folder,
            env={**self._commands.env, **(env or {})},
            timeout=30,
        )


def log_line(
    epoch: int = EPOCH,
    target: str = "/pages/create",
    status: int = 200,
    size: int = 2326,
    client: str = "198.18.0.1",
) -> bytes:
    """A line in combined log format."""
    return f'{client} - - [{stamp(epoch)}] "GET {target} HTTP/1.1" {status} {size} "-" "curl/8"\n'.encode()


def stamp(epoch: int) -> str:
    """The time as a log has it between brackets."""
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(epoch))


def utc(epoch: int) -> str:
    """The time as commands print it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))


def record(epoch: int | None = EPOCH, **keys: Any) -> bytes:
    """A line as w3c-parse writes it."""
    values: dict[str, Any] = {
        "time": None if epoch is None else utc(epoch),
        "epoch": epoch,
        "client": "198.18.0.1",
        "ident": None,
        "user": None,
        "vhost": None,
        "method": "GET",
        "path": "/pages/create",
        "query": None,
        "protocol": "HTTP/1.1",
        "status": 200,
        "bytes": 2326,
        "referer": None,
        "user_agent": "curl/8",
        "section": "/pages",
        "request": None,
    }
    assert keys.keys() <= values.keys()
    return json.dumps({**values, **keys}, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def records(epochs: Iterable[int], **keys: Any) -> bytes:
    """One record at each of these times."""
    return b"".join(record(epoch, **keys) for epoch in epochs)


def _closed(fd: int) -> int:
    if fd >= 0:
        os.close(fd)
    return -1


def _kill(kill: Callable[[int, int], None], pid: int) -> None:
    with suppress(ProcessLookupError):
        kill(pid, signal.SIGKILL)


def _shortened(data: bytearray, most: int = 4000) -> str:
    text = data.decode("utf-8", "backslashreplace")
    return text if len(text) <= most else f"{text[: most // 2]}\n[...]\n{text[-most // 2 :]}"
