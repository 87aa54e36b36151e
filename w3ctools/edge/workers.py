"""Processes that work on pieces of input, in turns: what is put in first comes out first.

Each has one piece at most, and is given the next once its answer was taken: so nobody can wait for each
other, and memory is bounded. They are copies of this process (fork(2)) and end when it does, however it does:
their pipe ends.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

from w3ctools.edge.streams import write_all

_SIZE_BYTES = 8
#: So that a worker need not wait for its answer to be taken (pipe(7): the most that anyone may ask for).
_PIPE_BYTES = 1 << 20
#: Whoever asks this process's group to end means the one that gives the pieces.
_NOT_FOR_WORKERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


class WorkerDied(Exception):
    """A process has ended before its time; what it was given must be done by somebody else."""


class _Worker:
    def __init__(self, work: Callable[[bytes], bytes], others: Sequence[_Worker]) -> None:
        with ExitStack() as undo:
            requests, self.requests = _pipe(undo)
            self.answers, answers = _pipe(undo)
            self.pid = _fork()
            undo.pop_all()
        if self.pid == 0:
            # An end that stayed open here would keep another's pipe from ending.
            for fd in (self.requests, self.answers, *(end for other in others for end in other.ends)):
                os.close(fd)
            _serve(work, requests, answers)
        os.close(requests)
        os.close(answers)
        for end in self.ends:
            with suppress(OSError):  # the system may refuse (pipe(7), pipe-user-pages-soft)
                fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    @property
    def ends(self) -> tuple[int, int]:
        return self.requests, self.answers


class Workers:
    """`count` processes that do `work`. Close them, also before they are done.

    Raises OSError where they cannot be started.
    """

    def __init__(self, count: int, work: Callable[[bytes], bytes]) -> None:
        self._idle: deque[_Worker] = deque()
        self._busy: deque[_Worker] = deque()
        try:
            for _ in range(count):
                self._idle.append(_Worker(work, self._idle))
        except OSError:
            self.close()
            raise

    @property
    def is_full(self) -> bool:
        """Whether an answer must be taken before there is more to do."""
        return not self._idle

    @property
    def is_busy(self) -> bool:
        """Whether there is an answer to take."""
        return bool(self._busy)

    def put(self, piece: bytes) -> None:
        """Give a piece to work on to one that is idle."""
        worker = self._idle.popleft()
        with suppress(BrokenPipeError):  # it has died: `take` will tell
            _write(worker.requests, piece)
        self._busy.append(worker)

    def take(self) -> bytes:
        """Wait for the answer to the piece that was put in first. Raises WorkerDied; then close them all."""
        worker = self._busy.popleft()
        self._idle.append(worker)
        answer = _read(worker.answers)
        if answer is None:
            raise WorkerDied
        return answer

    def close(self) -> None:
        """End them, and wait until they have."""
        workers = [*self._idle, *self._busy]
        self._idle.clear()
        self._busy.clear()
        for worker in workers:
            os.close(worker.requests)
            os.close(worker.answers)
        for worker in workers:
            with suppress(ChildProcessError):  # who started this process had SIGCHLD ignored (wait(2))
                os.waitpid(worker.pid, 0)


def _pipe(undo: ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        undo.callback(os.close, end)
    return ends


def _fork() -> int:
    """fork(2), with no moment in which the copy would take a signal as this process does."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _NOT_FOR_WORKERS)
    try:
        pid = os.fork()
        if pid == 0:
            for number in _NOT_FOR_WORKERS:
                signal.signal(number, signal.SIG_IGN)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(work: Callable[[bytes], bytes], requests: int, answers: int) -> None:
    """The life of a worker."""
    try:
        while (piece := _read(requests)) is not None:
            _write(answers, work(piece))
    finally:
        os._exit(0)


def _write(fd: int, message: bytes) -> None:
    write_all(fd, len(message).to_bytes(_SIZE_BYTES, "little"))
    write_all(fd, message)


def _read(fd: int) -> bytes | None:
    """A message; None at the end of the pipe."""
    size = _read_exactly(fd, _SIZE_BYTES)
    return None if size is None else _read_exactly(fd, int.from_bytes(size, "little"))


def _read_exactly(fd: int, size_bytes: int) -> bytes | None:
    pieces = []
    while size_bytes:
        piece = os.read(fd, size_bytes)
        if not piece:
            return None
        pieces.append(piece)
        size_bytes -= len(piece)
    return b"".join(pieces)
