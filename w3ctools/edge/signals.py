"""Signals: the first one asks a command to finish, the second one ends it at once.

A handler that only sets a flag does not wake a blocked ``read`` (PEP 475), so Python is told to write
to a descriptor as well, which the loop polls.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType

#: After the first signal, the end is not put off longer than this, even by a reader that stands still.
LAST_CALL_S = 8.0

_ASK_TO_FINISH = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """SIGINT, SIGTERM and SIGHUP ask to finish; SIGUSR1 asks for a report.

    A signal that was ignored when the command started stays ignored: nohup(1), ``cmd &`` in a script.
    """

    def __init__(self) -> None:
        #: The first signal that asked to finish.
        self.received: int | None = None
        #: What must be done however the process ends by a signal: a terminal is put right.
        self.last_act: Callable[[], None] = lambda: None
        self.wake_fd, write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
        for signum in _ASK_TO_FINISH:
            if signal.getsignal(signum) is not signal.SIG_IGN:
                signal.signal(signum, self._ask_to_finish)

    def answer(self, report: Callable[[], None]) -> None:
        """Have SIGUSR1 call `report`, from now on: all that it tells of must be there."""
        signal.signal(signal.SIGUSR1, lambda _signum, _frame: report())

    def drain(self) -> None:
        """Empty the wake-up descriptor."""
        try:
            while os.read(self.wake_fd, 512):
                pass
        except BlockingIOError:
            pass

    def _ask_to_finish(self, signum: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            self._die_by(signum)
        self.received = signum
        signal.signal(signal.SIGALRM, lambda _signum, _frame: self._die_by(signum))
        signal.setitimer(signal.ITIMER_REAL, LAST_CALL_S)

    def _die_by(self, signum: int) -> None:
        self.last_act()
        die_by(signum)


def die_by(signum: int) -> None:
    """End this process by a signal, so that the shell sees what happened and loops end too."""
    signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signum})
    os.kill(os.getpid(), signum)
