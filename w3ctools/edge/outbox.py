"""Events on their way to somebody, beside the pipe: a queue and a thread for each destination.

So neither the pipe nor another destination waits for one that is slow or dead.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from threading import Condition, Thread
from typing import Protocol

from w3ctools.core.backoff import Pending, messages_were
from w3ctools.core.formats.text import visible
from w3ctools.core.wire import AlertEvent


class SendFailed(Exception):
    """An event could not be sent.

    ``str()`` is the reason, one line without secrets. Where ``is_final``, to try again would do harm.
    """

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


class Destination(Protocol):
    """Somebody who is told."""

    @property
    def name(self) -> str:
        """What diagnostics call it; never a secret."""

    def send(self, event: AlertEvent) -> None:
        """Send one event, however long that takes; called by one thread. Raises SendFailed."""


class Outbox:
    """Sends events to every destination, each in the order they were put in.

    `say` is called, by any thread, with a line for the user. `clock` counts seconds.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._workers = [_Worker(destination, say, clock) for destination in destinations]
        # A signal must find the main thread, which waits for it. Threads take over what is blocked here.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            for worker in self._workers:
                worker.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def put(self, event: AlertEvent) -> None:
        """Have an event sent. Never waits for a destination, and raises nothing on its account."""
        for worker in self._workers:
            worker.put(event)

    def close(self, timeout_s: float = 10.0) -> None:
        """Send what still waits, for `timeout_s` seconds at most, and say what could not be sent.

        What hangs by then goes on hanging: its thread ends with the process.
        """
        deadline_s = self._clock() + timeout_s
        for worker in self._workers:
            worker.drain()
        for worker in self._workers:
            worker.join(max(0.0, deadline_s - self._clock()))
        for worker in self._workers:
            worker.abandon()


class _Worker:
    """One destination, its queue and its thread."""

    def __init__(
        self, destination: Destination, say: Callable[[str], None], clock: Callable[[], float]
    ) -> None:
        self._destination = destination
        self._say = say
        self._clock = clock
        self._pending = Pending()
        self._is_draining = False
        self._is_over = False
        #: Guards what is pending and both flags, and is notified of every change of them.
        self._changed = Condition()
        self._thread = Thread(target=self._work, name=destination.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, event: AlertEvent) -> None:
        with self._changed:
            lines = self._pending.put(event, self._clock())
            self._changed.notify()
        self._tell(lines)

    def drain(self) -> None:
        with self._changed:
            self._pending.drain()
            self._is_draining = True
            self._changed.notify()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def abandon(self) -> None:
        with self._changed:
            lost = self._pending.lost
            self._is_over = True
            self._changed.notify()
        if lost:
            self._tell([f"{messages_were(lost)} not sent"])

    def _work(self) -> None:
        while (event := self._next()) is not None:
            self._tell(self._send(event))

    def _next(self) -> AlertEvent | None:
        """Wait for an event and the time to send it; None at the end."""
        with self._changed:
            while not self._is_over:
                pause_s = self._pending.pause_s(self._clock())
                if pause_s == 0:
                    return self._pending.take()
                if pause_s is None and self._is_draining:
                    return None
                self._changed.wait(pause_s)
            return None

    def _send(self, event: AlertEvent) -> list[str]:
        failure: SendFailed | None = None
        try:
            self._destination.send(event)
        except SendFailed as error:
            failure = error
        except Exception as error:  # a thread that died of it would send nothing ever again
            failure = SendFailed(f"unexpected {type(error).__name__}")
        with self._changed:
            if self._is_over:  # it was told as lost
                return []
            if failure is None:
                return self._pending.sent(self._clock())
            if failure.is_final:
                return self._pending.refused(str(failure))
            return self._pending.failed(str(failure), self._clock())

    def _tell(self, lines: list[str]) -> None:
        """Outside of the lock: stderr may be a pipe that nobody reads."""
        for line in lines:
            # Messages name keys of the log, which can be anything.
            self._say(visible(f"{self._destination.name}: {line}".encode("utf-8", "replace")))
