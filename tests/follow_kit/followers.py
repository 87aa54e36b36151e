"""w3c-tail and GNU tail as processes, behind a pipe whose reader can stand still."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sysconfig
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from follow_kit.waiting import DEADLINE_S, until, within

W3C_TAIL = (f"{sysconfig.get_path('scripts')}/w3c-tail", "-n", "+1")
GNU_INOTIFY = ("tail", "-n", "+1", "-F")
GNU_POLLING = (*GNU_INOTIFY, "---disable-inotify", "-s", "0.2", "--max-unchanged-stats=1")

READ_BYTES = 1 << 16
#: How often a reader that waits for data looks whether it shall stand still.
LOOK_S = 0.02
#: Nothing more is on its way when nothing came for so long.
SILENCE_S = 0.3


class Collector:
    """Reads a pipe to its end in a thread, keeps all and notes when it came."""

    def __init__(self, fd: int) -> None:
        self.data = bytearray()
        #: At which moment of the monotonic clock how many lines were there.
        self.arrivals: list[tuple[float, int]] = []
        self._fd = fd
        self._may_read, self._stands = threading.Event(), threading.Event()
        self._may_read.set()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return self.arrivals[-1][1] if self.arrivals else 0

    def pause(self) -> None:
        """Stand still: from now on nothing is read."""
        self._stands.clear()
        self._may_read.clear()
        self._stands.wait()

    def resume(self) -> None:
        """Read on."""
        self._may_read.set()

    def join(self, deadline_s: float = DEADLINE_S) -> None:
        """Wait for the end of the pipe."""
        self.resume()
        until(lambda: not self._thread.is_alive(), "end of the output", deadline_s)

    def lines_since(self, moment_s: float) -> int:
        """How many lines have come since then."""
        return self.lines - max((lines for at_s, lines in self.arrivals if at_s < moment_s), default=0)

    def _read(self) -> None:
        lines = 0
        while True:
            if not self._may_read.is_set():
                self._stands.set()
                self._may_read.wait()
            if not select.select([self._fd], [], [], LOOK_S)[0]:
                continue
            block = os.read(self._fd, READ_BYTES)
            if not block:
                break
            self.data += block
            lines += block.count(b"\n")
            self.arrivals.append((time.monotonic(), lines))
        self._stands.set()
        os.close(self._fd)


class Follower:
    """A running follower; killed at the end of the block that it stands in."""

    def __init__(self, words: Sequence[str | Path], folder: Path) -> None:
        """Start it in a folder, which is its HOME too."""
        output, sink = os.pipe()
        self._errors = os.memfd_create("stderr")
        try:
            self._process = subprocess.Popen(
                [str(word) for word in words],
                cwd=folder,
                env=_environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=self._errors,
            )
        finally:
            os.close(sink)
        self.pid = self._process.pid
        self.collector = Collector(output)

    @property
    def output(self) -> bytes:
        """What it has written up to now."""
        return bytes(self.collector.data)

    @property
    def notes(self) -> list[str]:
        """The lines on its stderr."""
        return os.pread(self._errors, os.fstat(self._errors).st_size, 0).decode(errors="replace").splitlines()

    def shows(self, lines: int, deadline_s: float = DEADLINE_S) -> None:
        """Wait until so many lines have come."""
        until(
            lambda: self.collector.lines >= lines or not self.is_running, f"{lines} lines shown", deadline_s
        )
        if self.collector.lines < lines:
            raise ChildProcessError(f"it ended: {self.notes}")

    def settle(self, lines: int, patience_s: float = DEADLINE_S) -> None:
        """Wait until so many lines have come, or none for a while; then until nothing more comes."""
        settle([self], lines, patience_s)

    def stop(self, signum: int = signal.SIGTERM, deadline_s: float = DEADLINE_S) -> int:
        """Signal it, read its output to the end, and give its status."""
        self._process.send_signal(signum)
        self.collector.join(deadline_s)
        return self.wait(deadline_s)

    def wait(self, deadline_s: float = DEADLINE_S) -> int:
        """Its status once it has ended by itself."""
        until(lambda: not self.is_running, "ended", deadline_s)
        return int(self._process.returncode)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def cpu_s(self) -> float:
        """The time it has computed for up to now, by the number that Linux gives to its clock.

        glibc makes it in the same way (clock_getcpuclockid(3)).
        """
        return time.clock_gettime((~self.pid << 3) | 2)

    def peak_bytes(self) -> int:
        """The most memory that it has had (proc(5))."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return 1024 * int(dict(line.split(":", 1) for line in status.splitlines())["VmHWM"].split()[0])

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self.collector.join()
        os.close(self._errors)


def settle(followers: Sequence[Follower], lines: int, patience_s: float = DEADLINE_S) -> None:
    """Wait until all have shown so many lines, or none shows more for a while; then until nothing comes."""

    def size_bytes() -> int:
        return sum(len(each.collector.data) for each in followers)

    def comes_more(for_s: float) -> bool:
        before_bytes = size_bytes()
        return within(lambda: size_bytes() > before_bytes, for_s)

    while any(each.collector.lines < lines for each in followers) and comes_more(patience_s):
        pass
    while comes_more(SILENCE_S):
        pass


def _environment(home: Path) -> dict[str, str]:
    """Nothing of the user's settings."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "W3CTOOLS_CONFIG": os.devnull,
    }
