"""Processes that work on pieces: order, sizes, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from w3ctools.edge.workers import WorkerDied, Workers


@contextmanager
def _workers(count: int) -> Iterator[Workers]:
    with closing(Workers(count, bytes.upper)) as workers:
        yield workers


def test_answers_come_in_the_order_of_the_pieces() -> None:
    answers = []
    with _workers(3) as workers:
        for number in range(20):
            if workers.is_full:
                answers.append(workers.take())
            workers.put(b"a%d" % number * (20 - number))
        while workers.is_busy:
            answers.append(workers.take())
    assert answers == [b"A%d" % number * (20 - number) for number in range(20)]


def test_pieces_may_be_larger_than_pipes() -> None:
    pieces = [bytes([97 + number]) * (5 << 20) for number in range(3)]
    with _workers(3) as workers:
        for piece in pieces:
            workers.put(piece)
        assert workers.is_full
        assert [workers.take() for _ in pieces] == [piece.upper() for piece in pieces]


def test_closing_ends_them_also_while_they_are_busy() -> None:
    workers = Workers(2, bytes.upper)
    workers.put(b"a" * (5 << 20))
    workers.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_those_that_cannot_all_be_started_leave_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.listdir("/proc/self/fd")
    forks = iter([os.fork, os.fork, _refused])
    monkeypatch.setattr(os, "fork", lambda: next(forks)())
    with pytest.raises(BlockingIOError):
        Workers(3, bytes.upper)
    assert os.listdir("/proc/self/fd") == before
    assert _children(os.getpid()) == []


def test_closing_works_where_ended_processes_are_not_waited_for() -> None:
    usual = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with _workers(2) as workers:
            workers.put(b"a")
            assert workers.take() == b"A"
    finally:
        signal.signal(signal.SIGCHLD, usual)
    assert _children(os.getpid()) == []


def test_one_that_has_died_is_told_in_its_turn() -> None:
    with _workers(2) as workers:
        workers.put(b"a")
        assert workers.take() == b"A"
        for pid in _children(os.getpid()):
            os.kill(pid, signal.SIGKILL)
        workers.put(b"b")
        with pytest.raises(WorkerDied):
            workers.take()


def test_they_end_with_the_process_that_they_work_for() -> None:
    program = (
        "import sys, time; from w3ctools.edge.workers import Workers; "
        "w = Workers(2, bytes.upper); w.put(b'a'); print(w.take(), flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"b'A'\n"
        pids = _children(process.pid)
        assert len(pids) == 2
        process.kill()
    deadline_s = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}/exe") for pid in pids):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def _refused() -> int:
    raise BlockingIOError


def _children(parent: int) -> list[int]:
    with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
        return [int(pid) for pid in file.read().split()]
