"""What the state says was taken: never what the pipe still holds, and not more than once a second."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from w3ctools.core.checkpoint import CODEC, FollowedFile, Place
from w3ctools.edge.follow import progress
from w3ctools.edge.follow.progress import LAST_TAKE_S, SAVE_S, Progress, load_saved
from w3ctools.edge.follow.start import FromLine
from w3ctools.edge.follow.watch import Saved, Watch
from w3ctools.edge.state import StateFile
from w3ctools.edge.streams import Output

pytestmark = pytest.mark.usefixtures("local_file_system")

LINE = b"x" * 9 + b"\n"


class Tail:
    """A watch of one log, the pipe it is written to, and the state, on a clock that the test moves."""

    def __init__(self, folder: Path, clock: SimpleNamespace, rewind_s: float) -> None:
        self.log = folder / "access.log"
        self.log.write_bytes(b"")
        self.clock = clock
        self.folder = folder / "state"
        self.folder.mkdir()
        self.path = self.folder / "state"
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.said: list[str] = []
        self.output = Output(self.writer)
        self.watch = Watch([str(self.log)], FromLine(1), clock.monotonic, open_files=9)
        self.progress = Progress(
            StateFile(str(self.path), CODEC),
            [str(self.log)],
            self.watch,
            self.output,
            self.said.append,
            rewind_s=rewind_s,
        )
        self.pass_on()

    def pass_on(self, lines: int = 0) -> None:
        """Add lines to the log, and write what is new in it to the pipe."""
        with self.log.open("ab") as file:
            file.write(LINE * lines)
        more = True
        while more:
            ((_, look),) = self.watch.turns()
            for piece in look.pieces:
                os.write(self.writer, piece.block)
                self.progress.wrote(piece)
            more = look.more

    def take(self, size_bytes: int) -> None:
        """The reader takes so much."""
        assert len(os.read(self.reader, size_bytes)) == size_bytes

    def save(self) -> Place:
        """Save a second later, and return where the state says the log is."""
        self.clock.now_s += SAVE_S
        self.progress.save_when_due()
        return self.place

    @property
    def place(self) -> Place:
        """Where the state says the log is."""
        (file,) = self.files
        (place,) = file.places
        return place

    @property
    def files(self) -> tuple[FollowedFile, ...]:
        """What the state says."""
        return CODEC.decode(self.path.read_bytes()).files

    def close(self) -> None:
        """Close everything."""
        self.watch.close()
        for fd in (self.reader, self.writer):
            with suppress(OSError):
                os.close(fd)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time as the module knows it; sleeping moves it on."""
    clock = SimpleNamespace(now_s=1000.0, time=time.time)

    def sleep(seconds: float) -> None:
        clock.now_s += seconds

    clock.monotonic, clock.sleep = lambda: clock.now_s, sleep
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.fixture
def tail(tmp_path: Path, clock: SimpleNamespace) -> Iterator[Tail]:
    """Keeps no past."""
    tail = Tail(tmp_path, clock, 0)
    yield tail
    tail.close()


@pytest.fixture
def tail_with_past(tmp_path: Path, clock: SimpleNamespace) -> Iterator[Tail]:
    """Keeps the past of a minute."""
    tail = Tail(tmp_path, clock, 60)
    yield tail
    tail.close()


# What counts as taken


def test_what_the_pipe_holds_is_not_taken(tail: Tail) -> None:
    tail.pass_on(3)
    assert tail.save().offset_bytes == 0


def test_piece_is_taken_with_its_last_byte(tail: Tail) -> None:
    tail.pass_on(3)
    tail.take(29)
    assert tail.save().offset_bytes == 0
    tail.take(1)
    assert tail.save().offset_bytes == 30


def test_each_piece_is_taken_by_itself(tail: Tail) -> None:
    tail.pass_on(1)
    tail.pass_on(2)
    tail.take(15)
    assert tail.save().offset_bytes == 10


def test_line_of_our_own_takes_its_room(tail: Tail) -> None:
    os.write(tail.writer, b"#Source: a\n")
    tail.progress.wrote_source(11)
    tail.pass_on(1)
    tail.take(11)
    assert tail.save().offset_bytes == 0
    tail.take(10)
    assert tail.save().offset_bytes == 10


def test_unfinished_line_is_not_taken(tail: Tail) -> None:
    tail.pass_on(1)
    with tail.log.open("ab") as file:
        file.write(b"unfinished")
    tail.pass_on()
    tail.take(10)
    place = tail.save()
    assert (place.offset_bytes, place.size_bytes) == (10, 20)


def test_rotated_file_stands_before_the_new_one(tail: Tail) -> None:
    tail.pass_on(1)
    tail.log.rename(f"{tail.log}.1")
    tail.pass_on(2)
    tail.take(30)
    tail.clock.now_s += SAVE_S
    tail.progress.save_when_due()
    (file,) = tail.files
    assert [place.offset_bytes for place in file.places] == [10, 20]


def test_truncated_file_whose_lines_are_in_the_pipe_is_the_new_one(tail: Tail) -> None:
    tail.pass_on(3)
    tail.log.write_bytes(b"")
    tail.pass_on(1)
    tail.take(30)
    assert tail.save().offset_bytes == 0
    tail.take(10)
    assert tail.save().offset_bytes == 10


# When


def _saves(tail: Tail) -> bool:
    """Whether it saves now; every save makes a new file."""
    before = os.open(tail.path, os.O_RDONLY)  # held, so that its number is not used again
    try:
        tail.progress.save_when_due()
        return not os.path.samestat(os.fstat(before), os.stat(tail.path))
    finally:
        os.close(before)


def test_first_save_is_at_once(tail: Tail) -> None:
    tail.progress.save_when_due()
    assert tail.place.offset_bytes == 0


def test_next_save_is_a_second_later(tail: Tail) -> None:
    tail.pass_on(1)
    tail.progress.save_when_due()
    tail.pass_on(1)
    tail.clock.now_s += SAVE_S - 0.01
    assert not _saves(tail)
    tail.clock.now_s += 0.01
    assert _saves(tail)


def test_nothing_is_saved_while_nothing_changes(tail: Tail) -> None:
    tail.pass_on(1)
    tail.take(10)
    tail.save()
    tail.clock.now_s += 10 * SAVE_S
    assert not _saves(tail)


def test_what_the_reader_takes_later_is_saved_though_nothing_comes(tail: Tail) -> None:
    tail.pass_on(1)
    assert tail.save().offset_bytes == 0
    tail.take(10)
    assert tail.save().offset_bytes == 10


def test_state_that_cannot_be_saved_is_said_once_and_tried_again(tail: Tail) -> None:
    tail.pass_on(1)
    tail.take(10)
    shutil.rmtree(tail.folder)
    for _ in range(2):
        tail.clock.now_s += SAVE_S
        tail.pass_on(1)
        tail.progress.save_when_due()
    assert len(tail.said) == 1
    tail.folder.mkdir()
    tail.take(20)
    tail.pass_on(1)
    assert tail.save().offset_bytes == 30
    assert len(tail.said) == 2


# The end


def test_end_waits_for_the_reader(tail: Tail, monkeypatch: pytest.MonkeyPatch) -> None:
    tail.pass_on(3)
    monkeypatch.setattr(tail.clock, "sleep", lambda _: tail.take(10))
    tail.progress.finish()
    assert tail.place.offset_bytes == 30


def test_end_does_not_wait_for_ever(tail: Tail) -> None:
    tail.pass_on(3)
    began_s = tail.clock.now_s
    tail.progress.finish()
    assert tail.clock.now_s - began_s == pytest.approx(LAST_TAKE_S, abs=0.1)
    assert tail.place.offset_bytes == 0


def test_end_gives_the_state_to_the_next(tail: Tail) -> None:
    tail.progress.finish()
    StateFile(str(tail.path), CODEC).close()


# The next run


def _load(tail: Tail, rewind_s: float) -> Saved | None:
    state = StateFile(str(tail.path), CODEC)
    try:
        return load_saved(state, rewind_s)
    finally:
        state.close()


def _offset(tail: Tail, rewind_s: float) -> int:
    saved = _load(tail, rewind_s)
    assert saved is not None
    ((_, offset_bytes),) = saved.places[str(tail.log)]
    return offset_bytes


def test_there_is_nothing_to_go_on_with_at_first(tail: Tail) -> None:
    tail.progress.finish()
    tail.path.unlink()
    assert _load(tail, 0) is None


def test_next_run_knows_the_names(tail: Tail) -> None:
    tail.progress.finish()
    saved = _load(tail, 0)
    assert saved is not None
    assert saved.names == (str(tail.log),)


def test_next_run_goes_on_where_the_reader_was(tail: Tail) -> None:
    tail.pass_on(1)
    tail.take(10)
    tail.progress.finish()
    assert _offset(tail, 0) == 10


def test_next_run_goes_back_as_far_as_it_is_told(tail_with_past: Tail) -> None:
    tail = tail_with_past
    for _ in range(6):  # a line every ten seconds
        tail.pass_on(1)
        tail.take(10)
        tail.save()
        tail.clock.now_s += 10 - SAVE_S
    tail.progress.finish()
    assert [_offset(tail, rewind_s) for rewind_s in (0, 10, 25, 60)] == [60, 50, 40, 0]
