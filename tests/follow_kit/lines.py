"""Lines that carry a number, so that each can be known again wherever it comes out."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Protocol

LINE_BYTES = 160
#: By how much odd lines are longer, so that offsets of one file are seldom line borders of another.
ODD_BYTES = 11
EPOCH = 1_600_000_000
LINES_PER_SECOND_OF_LOG = 1_000


class Shape(Protocol):
    """How numbers are written into lines."""

    def line(self, number: int) -> bytes:
        """The line, with its LF."""
        ...

    def number(self, line: bytes) -> int | None:
        """The number of a whole line given without its LF; None if it is not whole."""
        ...


@dataclass(frozen=True)
class Plain:
    """``seq=00000123 src=a ....``, even and odd ones of one size each, known again byte by byte."""

    source: str = "a"
    size_bytes: int = LINE_BYTES

    def line(self, number: int) -> bytes:
        """The line, with its LF.

        >>> Plain(size_bytes=24).line(6)
        b'seq=00000006 src=a ....\\n'
        """
        size_bytes = self.size_bytes + number % 2 * ODD_BYTES
        return f"seq={number:08d} src={self.source} ".encode().ljust(size_bytes - 1, b".") + b"\n"

    def number(self, line: bytes) -> int | None:
        """The number of a whole line.

        >>> plain = Plain(size_bytes=24)
        >>> plain.number(b"seq=00000006 src=a ...."), plain.number(b"seq=00000006 src=a .")
        (6, None)
        """
        match = re.match(rb"seq=(\d{8}) ", line)
        if match is None or self.line(number := int(match[1])) != line + b"\n":
            return None
        return number


#: The clients are `Combined.line`'s, and whoever asks a server on this machine.
_COMBINED = re.compile(
    rb'(?:198\.18\.0\.1|127\.0\.0\.1) - - \[[^]]{26}\] "GET /[^ ?"]*\?seq=(\d{8})&src=(\w+) HTTP/1\.[01]"'
    rb' \d{3} \d+ "[^"]*" "kit/\1"'
)


@dataclass(frozen=True)
class Combined:
    """Real lines in combined log format: the number stands in the URL, and in the user agent at the end."""

    source: str = "a"

    def line(self, number: int) -> bytes:
        """The line, with its LF."""
        stamp = time.strftime(
            "%d/%b/%Y:%H:%M:%S +0000", time.gmtime(EPOCH + number // LINES_PER_SECOND_OF_LOG)
        )
        request = f"GET {self.target(number)} HTTP/1.1"
        return f'198.18.0.1 - - [{stamp}] "{request}" 200 2326 "-" "{self.user_agent(number)}"\n'.encode()

    def number(self, line: bytes) -> int | None:
        """The number of a whole line, also of one that a server has written.

        >>> Combined().number(Combined().line(7)[:-1])
        7
        """
        match = _COMBINED.fullmatch(line)
        return int(match[1]) if match and match[2].decode() == self.source else None

    def target(self, number: int) -> str:
        """What to ask a server for, so that its log has the line."""
        return f"/pages/create?seq={number:08d}&src={self.source}"

    @staticmethod
    def user_agent(number: int) -> str:
        """The user agent to ask a server as."""
        return f"kit/{number:08d}"


SHAPES: dict[str, type[Plain] | type[Combined]] = {"plain": Plain, "combined": Combined}
