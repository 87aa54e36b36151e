"""Whole lines into a pipe whose reader takes them when it likes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w3ctools.edge import streams
from w3ctools.edge.streams import (
    ATOMIC_BYTES,
    USUAL_PIPE_BYTES,
    WIDE_PIPE_BYTES,
    Output,
    ReaderGone,
    WriteFailed,
)

#: The smallest pipe there is: two pages, so that one line of a page fits beside others or waits.
PIPE_BYTES = 2 * ATOMIC_BYTES


class Pipe(NamedTuple):
    """Both ends of a small pipe. Its reader takes something only when it is told to."""

    reader: int
    writer: int

    @property
    def output(self) -> Output:
        """What writes into it."""
        return Output(self.writer)

    def take(self) -> bytes:
        """All that is in it."""
        return os.read(self.reader, PIPE_BYTES)


def _pipe() -> Pipe:
    pipe = Pipe(*os.pipe())
    fcntl.fcntl(pipe.writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    os.set_blocking(pipe.reader, False)
    return pipe


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    """A small pipe, and nobody who is waited for."""
    monkeypatch.setattr(streams, "STANDSTILL_S", 0)
    pipe = _pipe()
    yield pipe
    for fd in pipe:
        try:
            os.close(fd)
        except OSError:  # the test has
            pass


class Taking:
    """A reader that takes what there is whenever it has stood still, and keeps it piece by piece."""

    def __init__(self, pipe: Pipe, most_bytes: int = PIPE_BYTES) -> None:
        self._pipe = pipe
        self._most_bytes = most_bytes
        self.pieces: list[bytes] = []

    def __call__(self) -> None:
        self.pieces.append(os.read(self._pipe.reader, self._most_bytes))

    def all(self) -> bytes:
        """Everything, once writing is over."""
        while self._pipe.output.held_bytes():
            self()
        return b"".join(self.pieces)


def _never() -> None:
    pytest.fail("the reader does not stand still")


LINE = b"x" * 99 + b"\n"


def test_lines_that_fit_are_written_at_once(pipe: Pipe) -> None:
    pipe.output.write_lines(LINE * 50, _never)
    assert pipe.take() == LINE * 50


def test_nothing_is_written_for_nothing(pipe: Pipe) -> None:
    pipe.output.write_lines(b"", _never)
    assert pipe.output.held_bytes() == 0


def test_held_bytes_are_those_that_the_reader_has_not_taken(pipe: Pipe) -> None:
    output = pipe.output
    assert output.held_bytes() == 0
    output.write_lines(LINE * 3, _never)
    assert output.held_bytes() == 300
    os.read(pipe.reader, 120)
    assert output.held_bytes() == 180


def test_a_file_holds_nothing_back(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        output = Output(file.fileno())
        output.write_lines(LINE * 1000, _never)
        assert output.held_bytes() == 0
    assert (tmp_path / "out").read_bytes() == LINE * 1000


def test_something_else_is_done_as_long_as_the_reader_stands_still(pipe: Pipe) -> None:
    calls = 0

    def take_at_the_third_call() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            pipe.take()

    pipe.output.write_lines(LINE * 80, _never)
    pipe.output.write_lines(LINE * 10, take_at_the_third_call)
    assert calls == 3


def test_writing_goes_on_where_the_reader_has_made_room(pipe: Pipe) -> None:
    reader = Taking(pipe)
    data = b"".join(b"%d\n" % number for number in range(20_000))
    pipe.output.write_lines(data, reader)
    assert reader.all() == data


@pytest.mark.parametrize("line_bytes", [1, 2, 100, ATOMIC_BYTES - 1, ATOMIC_BYTES])
def test_whoever_is_killed_between_two_writes_has_cut_no_line(pipe: Pipe, line_bytes: int) -> None:
    """What is in the pipe whenever the writer waits, or another write has begun, ends with a line."""
    line = b"x" * (line_bytes - 1) + b"\n"
    written = _written(pipe, line * (4 * PIPE_BYTES // line_bytes + 1))
    assert len(written) > 1
    assert all(piece.endswith(b"\n") for piece in written)


@given(
    lengths=st.lists(st.integers(1, ATOMIC_BYTES), min_size=1, max_size=30),
    before_bytes=st.integers(0, PIPE_BYTES),
    most_bytes=st.integers(500, PIPE_BYTES),
)
@settings(max_examples=60, deadline=None)
def test_no_line_is_cut_whatever_the_pipe_holds(
    lengths: list[int], before_bytes: int, most_bytes: int
) -> None:
    pipe = _pipe()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(streams, "STANDSTILL_S", 0)
            os.write(pipe.writer, b"-" * before_bytes)
            lines = [b"x" * (length - 1) + b"\n" for length in lengths]
            written = _written(pipe, b"".join(lines), most_bytes)
    finally:
        for fd in pipe:
            os.close(fd)
    assert all(piece.endswith(b"\n") for piece in written)


def _written(pipe: Pipe, data: bytes, most_bytes: int = PIPE_BYTES) -> list[bytes]:
    """What each write has put into the pipe, by what os.write said."""
    written: list[bytes] = []
    real_write = os.write

    def write(fd: int, view: memoryview) -> int:
        count = real_write(fd, view)
        written.append(bytes(view[:count]))
        return count

    os.set_blocking(pipe.writer, False)  # a write that had to wait would be cut, and show it
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", write)
        pipe.output.write_lines(data, Taking(pipe, most_bytes))
    assert b"".join(written) == data
    return written


@pytest.mark.parametrize("line_bytes", [ATOMIC_BYTES + 1, PIPE_BYTES, PIPE_BYTES + 1, 100_000])
def test_longer_line_goes_through(pipe: Pipe, line_bytes: int) -> None:
    data = LINE + b"x" * (line_bytes - 1) + b"\n" + LINE
    os.set_blocking(pipe.writer, False)
    reader = Taking(pipe)
    pipe.output.write_lines(data, reader)
    assert reader.all() == data


@pytest.mark.parametrize("write", [Output.write, lambda output, data: output.write_lines(data, _never)])
def test_reader_that_has_gone_is_told(pipe: Pipe, write: Callable[[Output, bytes], None]) -> None:
    output = pipe.output
    os.close(pipe.reader)
    with pytest.raises(ReaderGone):
        write(output, LINE)


def test_reader_that_goes_while_it_stands_still_is_told(pipe: Pipe) -> None:
    output = pipe.output
    with pytest.raises(ReaderGone):
        output.write_lines(LINE * 1000, lambda: os.close(pipe.reader))


def test_full_disk_is_told() -> None:
    with open("/dev/full", "wb", buffering=0) as file:
        output = Output(file.fileno())
        with pytest.raises(WriteFailed, match="cannot write: No space left on device"):
            output.write_lines(LINE, _never)


@pytest.mark.parametrize(
    ("pipe_bytes", "widened_bytes"), [(USUAL_PIPE_BYTES, WIDE_PIPE_BYTES), (PIPE_BYTES, PIPE_BYTES)]
)
def test_only_a_pipe_of_the_usual_size_is_widened(pipe_bytes: int, widened_bytes: int) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, pipe_bytes)
    Output(writer).widen()
    assert fcntl.fcntl(reader, fcntl.F_GETPIPE_SZ) == widened_bytes
    os.close(reader)
    os.close(writer)


def test_a_file_is_not_widened(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        Output(file.fileno()).widen()
