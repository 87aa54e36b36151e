"""Starts commands, says what they took, and leaves none behind.

CPU time and size come from the kernel's account of a process, which is complete when it has ended
(wait4(2)). Each command runs in a process group of its own, so that Ctrl-C reaches the benchmark alone,
which then ends what it started.

The largest size of a process includes what it was before exec, and that was a copy of this one: keep the
benchmark itself small. `floor_bytes` is the least that can be seen.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


class CommandFailed(Exception):
    """A measured command ended with another status than 0; its figures would mean nothing."""


@dataclass(frozen=True)
class Usage:
    """What processes took: together, the size of the largest, and the sum of all largest sizes."""

    wall_s: float
    cpu_s: float
    max_rss_bytes: int
    sum_rss_bytes: int


@dataclass
class Pipeline:
    """Commands that run side by side, in one process group; `pids` in the order of the stages."""

    commands: Sequence[Sequence[str]]
    errors: Path
    started_s: float
    pids: list[int] = field(default_factory=list)

    def wait(self) -> tuple[list[Usage], Usage]:
        """What each stage took, and all of it with every process that the stages started.

        A stage that fails raises CommandFailed.
        """
        ended: dict[int, Usage] = {}
        failed = False
        while True:
            try:
                pid, status, used = os.wait4(-self.pids[0], 0)
            except ChildProcessError:
                break
            wall_s = time.monotonic() - self.started_s
            rss_bytes = used.ru_maxrss * 1024
            ended[pid] = Usage(wall_s, used.ru_utime + used.ru_stime, rss_bytes, rss_bytes)
            failed = failed or status != 0
        if failed:
            raise CommandFailed(f"{self}\n{self.errors.read_text(errors='replace')[-500:]}")
        total = Usage(
            max(usage.wall_s for usage in ended.values()),
            sum(usage.cpu_s for usage in ended.values()),
            max(usage.max_rss_bytes for usage in ended.values()),
            sum(usage.sum_rss_bytes for usage in ended.values()),
        )
        return [ended[pid] for pid in self.pids], total

    def kill(self) -> None:
        """End it now; what it says then is of no interest."""
        os.killpg(self.pids[0], signal.SIGKILL)
        while True:
            try:
                os.wait4(-self.pids[0], 0)
            except ChildProcessError:
                return

    def __str__(self) -> str:
        return " | ".join(shlex.join(command) for command in self.commands)


@dataclass
class Workbench:
    """A folder for what is written, and the surroundings that commands see: the same for everybody."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """This checkout's commands first, no settings of the user's, and the names of the sample."""
        return {
            "PATH": f"{ROOT / 'bin'}:{search_path()}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "W3CTOOLS_CONFIG": os.devnull,
            **self.variables,
        }

    def start(self, commands: Sequence[Sequence[str]], *, stdin: str = os.devnull) -> tuple[Pipeline, int]:
        """Start `commands` as one pipe; also gives the end to read from, which is yours to close."""
        pipeline = Pipeline(commands, self.folder / "stderr", time.monotonic())
        errors = os.open(pipeline.errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        source = os.open(stdin, os.O_RDONLY)
        for command in commands:
            output, sink = os.pipe()
            pipeline.pids.append(self._spawn(command, (source, sink, errors), pipeline.pids))
            os.close(source)
            os.close(sink)
            source = output
        os.close(errors)
        return pipeline, source

    def _spawn(self, command: Sequence[str], streams: Sequence[int], group: Sequence[int]) -> int:
        environment = self.environment()
        return os.posix_spawn(
            find(command[0], environment["PATH"]) or command[0],
            list(command),
            environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, stream, number) for number, stream in enumerate(streams)],
            setpgroup=group[0] if group else 0,
            setsigdef=[signal.SIGPIPE],  # which Python ignores
        )

    def run(self, script: str) -> Usage:
        """Run `script` in bash to its end, its output to /dev/null."""
        redirected = f"set -o pipefail\nexec > {os.devnull}\n{script}"
        pipeline, output = self.start([["bash", "-c", redirected]])
        os.close(output)
        return pipeline.wait()[1]


class PssWatch:
    """Looks at the processes of a group while they run: ``with PssWatch(group) as watch: ...``."""

    LOOK_S = 0.2

    def __init__(self, group: int) -> None:
        self.largest_bytes = 0
        self._group = group
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> PssWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self.LOOK_S):
            pids = [pid for pid, _, group in every_process() if group == self._group]
            self.largest_bytes = max(self.largest_bytes, sum(size_bytes(pid)[1] for pid in pids))


def size_bytes(pid: int) -> tuple[int, int]:
    """The resident and the proportional set size (proc_pid_smaps(5)); 0 for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = dict(line.split(":", 1) for line in lines)
    rss_kb, pss_kb = (int(sizes.get(key, "0 kB").split()[0]) for key in ("Rss", "Pss"))
    return rss_kb * 1024, pss_kb * 1024


def search_path() -> str:
    """The user's PATH, then what `make bench-peers` has installed, then this checkout's environment."""
    own = ROOT / ".venv"
    return f"{os.environ.get('PATH', os.defpath)}:{own / 'peers' / 'bin'}:{own / 'bin'}"


def find(program: str, path: str | None = None) -> str | None:
    """Where a program is, or None if it is not installed."""
    return shutil.which(program, path=path or search_path())


def floor_bytes() -> int:
    """The least size that a measured process can show."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def adopt_orphans() -> None:
    """Make children whose parent is gone ours, so that they can be counted and ended.

    Bash does not wait for ``>( )`` in a pipe.
    """
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_on_signals() -> None:
    """Leave through the `finally` clauses on Ctrl-C and its kin; a second one waits for their end."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def leave(number: int, _frame: object) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in numbers:
        signal.signal(number, leave)


def end_all() -> None:
    """Kill and reap every child; grandchildren become children as their parents end."""
    while True:
        for pid in _children():
            os.kill(pid, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def _children() -> list[int]:
    return [pid for pid, parent, _ in every_process() if parent == os.getpid()]


def every_process() -> Iterator[tuple[int, int, int]]:
    """Id, parent and group of every process."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold anything; state, parent and group follow it (proc(5)).
            words = stat.read_text(errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        yield int(stat.parent.name), int(words[1]), int(words[2])
