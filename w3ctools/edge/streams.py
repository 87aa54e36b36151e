"""Pipes: one read, all its whole lines worked on, one write.

So output is flushed exactly when the input runs dry: a line is never held back for the sake of a buffer,
and a backlog moves in full blocks. Everything goes through `os.read` and `os.write`: Python's buffered
streams take a non-blocking stdin for its end, and lose data on a non-blocking stdout.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from w3ctools.core.errors import W3CError
from w3ctools.edge.signals import Signals

#: 64 KiB costs 15 to 20 % of the parser's speed: the block and its JSON leave the cache.
READ_BYTES = 32 << 10
#: A message up to here is written in one piece (PIPE_BUF, pipe(7)).
ATOMIC_BYTES = 4096
#: What a pipe can hold (pipe(7)), and what it holds once it is widened.
USUAL_PIPE_BYTES, WIDE_PIPE_BYTES = 64 << 10, 256 << 10
#: How long a reader may stand still before something else is done.
STANDSTILL_S = 0.05
#: Asked to finish, a filter reads on until its input ends, was silent so long, or so long in all.
FINISH_SILENT_S, FINISH_S = 2.0, 5.0


class ReaderGone(Exception):
    """Nobody reads what this command writes."""


class WriteFailed(W3CError):
    """Output could not be written: a full disk, a broken device."""


class ClosedInput(W3CError):
    """There is no stdin to read from."""


class Waited(NamedTuple):
    """Time passed without input: how long the wait was meant to be, and how long it was."""

    asked_s: float
    took_s: float


def open_standard_streams() -> None:
    """Put /dev/null where standard streams are closed, or the next file opened would become one.

    Nothing can be read from it: that tells a closed stdin from an empty one.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_WRONLY)


def note(text: str) -> None:
    """One line for stderr. Nothing stops on its account: where stderr is full or closed, it is lost."""
    try:
        os.write(2, f"{text}\n".encode("utf-8", "replace")[:ATOMIC_BYTES])
    except OSError:
        pass


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data` to a file or a pipe of our own. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class Output:
    """A descriptor to write to, watched for its reader."""

    def __init__(self, fd: int = 1) -> None:
        self.fd = fd
        self._writable = select.poll()
        self._writable.register(fd, select.POLLOUT)
        mode = os.fstat(fd).st_mode
        self._is_file = stat.S_ISREG(mode)
        self._pipe_bytes = fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ) if stat.S_ISFIFO(mode) else ATOMIC_BYTES

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises ReaderGone or WriteFailed."""
        view = memoryview(data)
        while view:
            view = view[self._write_some(view) :]

    def write_lines(self, data: bytes, meanwhile: Callable[[], None]) -> None:
        """Write whole lines, and call `meanwhile` again and again as long as the reader stands still.

        A pipe that poll calls writable takes PIPE_BUF bytes at once and in one piece (pipe(7)), an empty one
        as much as it can hold. So lines up to PIPE_BUF are never cut, whenever this process is killed.
        """
        if self._is_file:
            self.write(data)
            return
        view = memoryview(data)
        start = 0
        while start < len(data):
            if not self._writable.poll(STANDSTILL_S * 1000):
                meanwhile()
                continue
            end = start + max(ATOMIC_BYTES, self._room_bytes())
            if end < len(data):
                end = data.rfind(b"\n", start, end) + 1 or end
            start += self._write_some(view[start:end])

    def widen(self) -> None:
        """Let a pipe of the usual size hold more, so that writer and reader need not take turns.

        Through 64 KiB a log is copied half as fast, measured. What has another size was given it on purpose;
        where the system refuses (pipe(7), pipe-user-pages-soft), the pipe stays as it is.
        """
        if self._pipe_bytes == USUAL_PIPE_BYTES:
            with suppress(OSError):
                self._pipe_bytes = fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, WIDE_PIPE_BYTES)

    @property
    def is_read(self) -> bool:
        """Whether there still is a reader."""
        poll = select.poll()
        poll.register(self.fd, 0)
        return not poll.poll(0)

    def _room_bytes(self) -> int:
        """What a pipe surely takes at once: its pages may be half empty, the first and the last nearly so."""
        held_bytes = self.held_bytes()
        return self._pipe_bytes - 2 * held_bytes - (2 * ATOMIC_BYTES if held_bytes else 0)

    def held_bytes(self) -> int:
        """What was written and the reader has not taken, where the output is a pipe; else 0."""
        try:
            return int.from_bytes(fcntl.ioctl(self.fd, termios.FIONREAD, bytes(4)), sys.byteorder)
        except OSError:
            return 0

    def _write_some(self, data: memoryview) -> int:
        try:
            return os.write(self.fd, data)
        except BlockingIOError:  # someone who shares the descriptor made it so
            select.select([], [self.fd], [])
            return 0
        except BrokenPipeError:
            raise ReaderGone from None
        except OSError as error:
            raise WriteFailed(f"cannot write: {os.strerror(error.errno or errno.EIO)}") from None


class Input:
    """A descriptor to read from, in blocks, while output and signals are watched. Raises ClosedInput.

    Asked to finish, the reader of a file or terminal stops; a filter on a pipe has data under way and reads
    on to its end.
    """

    def __init__(self, fd: int, output: Output, signals: Signals, *, ends_when_asked: bool = False) -> None:
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
            raise ClosedInput("stdin is closed: there is nothing to read")
        self.fd = fd
        self._signals = signals
        self._output = output
        self._ends_when_asked = ends_when_asked or stat.S_ISREG(os.fstat(fd).st_mode) or os.isatty(fd)
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self._poll.register(signals.wake_fd, select.POLLIN)
        if output.fd != fd:
            self._poll.register(output.fd, 0)  # only ever says that the reader is gone
        self._asked_to_finish_s: float | None = None

    def wake_by(self, fd: int) -> None:
        """End a wait also when there is something to read here; the user reads it."""
        self._poll.register(fd, select.POLLIN)

    @property
    def is_dry(self) -> bool:
        """Whether there is nothing to read at this moment; the end of the input is something."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        return not poll.poll(0)

    def blocks(self, timeout_s: float | None, most_bytes: int = READ_BYTES) -> Iterator[bytes | Waited]:
        """Blocks until the input ends, and a `Waited` whenever `timeout_s` went by without one.

        Raises ReaderGone, also while nothing is to be written.
        """
        last_data_s = time.monotonic()
        while not self._must_end(last_data_s):
            patience_s = timeout_s if self._asked_to_finish_s is None else 0.25
            started_s = time.monotonic()
            ready = self._poll.poll(None if patience_s is None else patience_s * 1000)
            if not ready:
                yield Waited(patience_s or 0.0, time.monotonic() - started_s)
                continue
            for fd, events in ready:
                if fd == self._output.fd and events & (select.POLLERR | select.POLLHUP):
                    raise ReaderGone
                if fd == self._signals.wake_fd:
                    self._signals.drain()
            if not any(fd == self.fd for fd, _ in ready):
                yield Waited(patience_s or 0.0, time.monotonic() - started_s)
            else:
                try:
                    data = os.read(self.fd, most_bytes)
                except BlockingIOError:
                    continue
                if not data:
                    return
                yield data
                last_data_s = time.monotonic()

    def _must_end(self, last_data_s: float) -> bool:
        if self._signals.received is None:
            return False
        now_s = time.monotonic()
        if self._asked_to_finish_s is None:
            self._asked_to_finish_s = now_s
        silent_s = now_s - max(last_data_s, self._asked_to_finish_s)
        return (
            self._ends_when_asked
            or silent_s >= FINISH_SILENT_S
            or now_s - self._asked_to_finish_s >= FINISH_S
        )


class Idle:
    """Waits while output and signals are watched, for a command that looks at files by itself."""

    def __init__(self, output: Output, signals: Signals) -> None:
        self._signals = signals
        self._output = output
        self._poll = select.poll()
        self._poll.register(signals.wake_fd, select.POLLIN)
        self._poll.register(output.fd, 0)

    def wait(self, timeout_s: float) -> None:
        """Wait, or until a signal comes. Raises ReaderGone."""
        for fd, _ in self._poll.poll(timeout_s * 1000):
            if fd == self._output.fd:
                raise ReaderGone
            self._signals.drain()


def open_input(path: str) -> int:
    """Open a FILE for reading. Raises OSError."""
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def open_appended(path: str) -> int:
    """Open a file to add to it; made if it is missing, never truncated. Raises OSError."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


def program_name() -> str:
    """The name this command was called by, as diagnostics begin with it."""
    return os.path.basename(sys.argv[0]) or "w3ctools"
