"""Single keys from the terminal that a command runs in, while its stdin is a pipe.

They are read from /dev/tty (tty(4)). Where there is none, as in a service, no key is ever pressed.
"""

from __future__ import annotations

import os
import re
import select
import termios
from contextlib import suppress
from typing import Any

_READ_BYTES = 1024
#: What cursor keys and the like send (ECMA-48, 5.4; SS3), and a key pressed together with Alt.
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~]|[^\[O])")
#: The beginning of one, of which the rest is still to come.
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)\Z")
#: Where termios(3) has its local modes.
_LFLAG = 3


class Keys:
    """Keys as they are pressed: no line to be finished, nothing echoed; Ctrl-C and Ctrl-Z stay signals."""

    def __init__(self, path: str = "/dev/tty") -> None:
        #: Becomes readable when a key is pressed, until `read` is called; None where there is no terminal.
        self.wake_fd: int | None = None
        self._modes: list[Any] | None = None
        self._pending = ""
        try:
            # Opened anew: what is set on this descriptor is not set on stdin of others.
            self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            self._fd = -1
            return
        # Edges: what another job is typed, and this one leaves alone, must not wake it again and again.
        self._edges = select.epoll()
        self._edges.register(self._fd, select.EPOLLIN | select.EPOLLET)
        self.wake_fd = self._edges.fileno()

    @property
    def in_foreground(self) -> bool:
        """Whether the terminal is this job's now; True where there is no job control."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return True

    def begin(self) -> None:
        """Take the terminal's keys. In the background its modes are another job's: then not to be called."""
        if self.wake_fd is None:
            return
        with suppress(termios.error):
            modes = termios.tcgetattr(self._fd)
            if self._modes is None:
                self._modes = [*modes]
            modes[_LFLAG] &= ~(termios.ICANON | termios.ECHO)
            termios.tcsetattr(self._fd, termios.TCSANOW, modes)

    def end(self) -> None:
        """Give them back, and the modes as they were; what was typed and not read is forgotten."""
        modes, self._modes = self._modes, None
        if modes is None or not self.in_foreground:
            return
        with suppress(termios.error):
            termios.tcsetattr(self._fd, termios.TCSANOW, modes)
            termios.tcflush(self._fd, termios.TCIFLUSH)

    def read(self) -> str:
        """The keys pressed since, one character each; sequences of cursor keys and the like are left out."""
        if self.wake_fd is None or not self._edges.poll(0) or not self.in_foreground:
            return ""
        try:
            data = os.read(self._fd, _READ_BYTES)
        except OSError:  # nothing there, or the terminal is gone, or another job's since just now
            return ""
        text = self._pending + data.decode("utf-8", "replace")
        rest = _UNFINISHED.search(text)
        self._pending = rest[0] if rest else ""
        return _SEQUENCE.sub("", text.removesuffix(self._pending)).replace("\x1b", "")
