"""A command that is run for every event, with the event as one JSON line on its stdin."""

from __future__ import annotations

import os
import select
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from w3ctools.core.errors import W3CError
from w3ctools.core.formats.text import visible
from w3ctools.core.wire import AlertEvent, encode_line
from w3ctools.edge.outbox import SendFailed

#: A command that takes longer hangs.
TIME_LIMIT_S = 30.0
#: Ours may hold secrets, and would be taken for its settings by a w3c-alert in the command.
_OUR_SETTINGS = "W3C_ALERT_"
#: How often to look whether it has ended, where nothing else tells.
_LOOK_S = 0.05
#: Enough for what it said last, and all that a pipe of the usual size may still hold (pipe(7)).
_TAIL_BYTES, _PIPE_BYTES = 4096, 64 << 10
_QUOTED_CHARS = 200


class Command:
    """Runs a command line, without a shell. Raises W3CError if it cannot be run.

    What it writes goes to nobody; the last line is quoted if it fails.
    """

    def __init__(self, text: str, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._words = _split(text)
        self._time_limit_s = time_limit_s
        self.name = f"exec ({os.path.basename(self._words[0])})"
        if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
            # wait(2): else there is no exit status, and every failure looks like success.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def send(self, event: AlertEvent) -> None:
        """Run it once, up to its end. Raises SendFailed."""
        output, theirs = os.pipe2(os.O_CLOEXEC)
        try:
            try:
                process = self._start(encode_line(event), theirs)
            finally:
                os.close(theirs)
            last_words = self._watch(process, output)
        except OSError as error:
            raise SendFailed(f"cannot be run: {error.strerror}") from None
        finally:
            os.close(output)
        if process.returncode:
            raise SendFailed(_describe(process.returncode, last_words))

    def _start(self, line: bytes, output: int) -> subprocess.Popen[bytes]:
        # A file in memory: a command that does not read it disturbs nobody, and no pipe can be full.
        stdin = os.memfd_create("event")
        try:
            os.write(stdin, line)
            os.lseek(stdin, 0, os.SEEK_SET)
            with _no_signal_blocked():
                return subprocess.Popen(
                    self._words,
                    stdin=stdin,
                    stdout=output,
                    stderr=output,
                    env={k: v for k, v in os.environ.items() if not k.startswith(_OUR_SETTINGS)},
                    start_new_session=True,
                )
        finally:
            os.close(stdin)

    def _watch(self, process: subprocess.Popen[bytes], output: int) -> bytes:
        """Wait for its end, not for that of what it leaves running; gives the end of its output."""
        os.set_blocking(output, False)
        readable = select.poll()
        readable.register(output, select.POLLIN)
        deadline_s = time.monotonic() + self._time_limit_s
        tail = b""
        while process.poll() is None:
            if time.monotonic() >= deadline_s:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise SendFailed(f"killed: it took longer than {self._time_limit_s:g} s")
            if readable.poll(_LOOK_S * 1000):
                data = _read(output)
                tail = (tail + data)[-_TAIL_BYTES:]
                if not data:
                    readable.unregister(output)
        return (tail + _read(output))[-_TAIL_BYTES:]


def _split(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise W3CError(f"--exec: {str(error).lower()}") from None
    if not words or not words[0]:
        raise W3CError("--exec: no command is named")
    if shutil.which(words[0]) is None:
        # NAME=VALUE in front of a command is of the shell, and the value may be a secret.
        program = visible(os.fsencode(words[0].partition("=")[0]))[:_QUOTED_CHARS]
        raise W3CError(
            f"--exec: {program}: no such program (no shell is involved; for one, write sh -c '...')"
        )
    return words


@contextmanager
def _no_signal_blocked() -> Iterator[None]:
    """What is blocked here would be blocked in the command, from its first to its last moment.

    A signal that comes meanwhile still finds the main thread: the kernel asks that one first.
    """
    before = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _read(fd: int) -> bytes:
    """What there is; nothing at the end, either."""
    try:
        return os.read(fd, _PIPE_BYTES)
    except BlockingIOError:
        return b""


def _describe(status: int, output: bytes) -> str:
    how = f"exit status {status}" if status > 0 else f"ended by signal {-status}"
    lines = output.split(b"\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), b"")
    return f"{how}: {visible(last)[:_QUOTED_CHARS]}" if last else how
