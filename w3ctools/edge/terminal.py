"""The terminal, if stdout is one: its width, whether it has colour, and a line that is written over."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

WIDTH_ELSEWHERE = 80


def is_terminal(fd: int = 1) -> bool:
    """Whether a person looks at it."""
    return os.isatty(fd)


def width(fd: int = 1) -> int:
    """Columns of the terminal now; a fixed width elsewhere, so that files do not depend on a window."""
    try:
        return os.get_terminal_size(fd).columns or WIDTH_ELSEWHERE
    except OSError:
        return WIDTH_ELSEWHERE


def has_colour(mode: Literal["auto", "always", "never"], environment: Mapping[str, str], fd: int = 1) -> bool:
    """Whether to write colour: the user's word first, then NO_COLOR (no-color.org), then the terminal."""
    if mode != "auto":
        return mode == "always"
    return is_terminal(fd) and not environment.get("NO_COLOR") and environment.get("TERM", "dumb") != "dumb"


class StatusLine:
    """One line at the end of a terminal that says how things are, until something else is written."""

    def __init__(self) -> None:
        self._shown = ""

    def show(self, text: str, columns: int) -> bytes:
        """The bytes that put `text` there; none if it stands there already."""
        text = text[: columns - 1]
        if text == self._shown:
            return b""
        self._shown = text
        return f"\r\x1b[K{text}".encode()

    def clear(self) -> bytes:
        """The bytes that take it away."""
        if not self._shown:
            return b""
        self._shown = ""
        return b"\r\x1b[K"
