"""Keys from a terminal: a pty in place of /dev/tty."""

from __future__ import annotations

import os
import pty
import select
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from w3ctools.edge.keys import Keys

AT_ONCE_S = 5.0


class Terminal:
    """A pty: what is typed into it, and its modes."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        self.path = os.ttyname(self._slave)

    def type(self, text: bytes) -> None:
        """A person presses keys."""
        os.write(self._master, text)

    @property
    def modes(self) -> list[object]:
        """As they are now (termios(3))."""
        return termios.tcgetattr(self._slave)

    @property
    def is_cooked(self) -> bool:
        """Whether it waits for whole lines and shows what is typed."""
        lflag = int(termios.tcgetattr(self._slave)[3])
        return lflag & (termios.ICANON | termios.ECHO) == termios.ICANON | termios.ECHO

    def unread(self) -> bool:
        """Whether something was typed and not read."""
        return bool(select.select([self._slave], [], [], 0)[0])

    def hang_up(self) -> None:
        """It is gone."""
        os.close(self._master)
        self._master = -1

    def close(self) -> None:
        """The end of the test."""
        os.close(self._slave)
        if self._master >= 0:
            os.close(self._master)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """One for each test."""
    terminal = Terminal()
    yield terminal
    terminal.close()


def _typed(terminal: Terminal, keys: Keys, text: bytes) -> str:
    terminal.type(text)
    return _read(keys)


def _read(keys: Keys) -> str:
    assert keys.wake_fd is not None
    assert select.select([keys.wake_fd], [], [], AT_ONCE_S)[0], "no key came"
    return keys.read()


def test_key_is_read_without_a_line_and_not_echoed(terminal: Terminal) -> None:
    keys = Keys(terminal.path)
    keys.begin()
    assert not terminal.is_cooked
    assert _typed(terminal, keys, b"q") == "q"


def test_no_key_does_not_block(terminal: Terminal) -> None:
    keys = Keys(terminal.path)
    keys.begin()
    assert keys.read() == ""


def test_key_wakes_once(terminal: Terminal) -> None:
    keys = Keys(terminal.path)
    keys.begin()
    _typed(terminal, keys, b"2")
    assert keys.wake_fd is not None
    assert select.select([keys.wake_fd], [], [], 0)[0] == []


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        (b"12 ?q", "12 ?q"),
        pytest.param(b"\x1b[A", "", id="cursor key"),
        pytest.param(b"\x1b[1;5C", "", id="with Ctrl"),
        pytest.param(b"\x1bOP", "", id="function key"),
        pytest.param(b"\x1b[15~2", "2", id="function key and key"),
        pytest.param(b"\x1bq", "", id="with Alt"),
        pytest.param(b"\x1b", "", id="escape"),
        pytest.param("é界".encode(), "é界", id="other letters"),
        pytest.param(b"\xff", "�", id="no letter"),
    ],
)
def test_sequences_are_no_keys(terminal: Terminal, typed: bytes, keys: str) -> None:
    reader = Keys(terminal.path)
    reader.begin()
    assert _typed(terminal, reader, typed) == keys


def test_sequence_in_two_pieces_is_no_key(terminal: Terminal) -> None:
    keys = Keys(terminal.path)
    keys.begin()
    assert _typed(terminal, keys, b"\x1b[1;") == ""
    assert _typed(terminal, keys, b"5C7") == "7"


def test_modes_are_as_they_were_and_what_was_typed_is_forgotten(terminal: Terminal) -> None:
    before = terminal.modes
    keys = Keys(terminal.path)
    keys.begin()
    terminal.type(b"qqq")
    _read_ready(keys)
    keys.end()
    assert terminal.modes == before
    assert not terminal.unread()


def _read_ready(keys: Keys) -> None:
    assert keys.wake_fd is not None
    assert select.select([keys.wake_fd], [], [], AT_ONCE_S)[0]


def test_taken_twice_the_first_modes_come_back(terminal: Terminal) -> None:
    keys = Keys(terminal.path)
    keys.begin()
    keys.begin()
    keys.end()
    assert terminal.is_cooked


def test_end_without_a_beginning_changes_nothing(terminal: Terminal) -> None:
    before = terminal.modes
    Keys(terminal.path).end()
    assert terminal.modes == before


def test_terminal_that_is_gone_gives_no_key_and_wakes_no_more(terminal: Terminal) -> None:
    keys = Keys(terminal.path)
    keys.begin()
    terminal.hang_up()
    assert _read(keys) == ""
    assert keys.wake_fd is not None
    assert select.select([keys.wake_fd], [], [], 0)[0] == []
    keys.end()


def test_without_a_terminal_there_is_no_key(tmp_path: Path) -> None:
    keys = Keys(str(tmp_path / "none"))
    keys.begin()
    assert (keys.wake_fd, keys.read(), keys.in_foreground) == (None, "", True)
    keys.end()


def test_what_is_typed_for_another_job_stays_there(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = Keys(terminal.path)
    keys.begin()
    monkeypatch.setattr("os.tcgetpgrp", lambda _fd: os.getpgrp() + 1)
    assert _typed(terminal, keys, b"q") == ""
    assert keys.wake_fd is not None
    assert select.select([keys.wake_fd], [], [], 0)[0] == [], "it would wake for ever"
    assert terminal.unread()


def test_modes_of_another_job_are_left_alone(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys(terminal.path)
    keys.begin()
    monkeypatch.setattr("os.tcgetpgrp", lambda _fd: os.getpgrp() + 1)
    before = terminal.modes
    keys.end()
    assert terminal.modes == before
