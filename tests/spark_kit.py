"""Spark's own master and workers as processes of this machine, to be killed."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
from contextlib import suppress
from pathlib import Path

from harness import Commands, Proc

#: Java takes its time on a loaded machine; only what hangs takes so long.
PATIENCE_S = 240.0
#: For processes that live for a minute.
_QUICK = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
_MASTER = re.compile(r"Starting Spark master at (spark://\S+)")
_REGISTERED = "Successfully registered with master"


class Worker:
    """A worker, and the executors that it has started."""

    def __init__(self, proc: Proc, log: Path) -> None:
        self.proc = proc
        self.log = log

    def executors(self) -> list[int]:
        """The processes of its executors."""
        return [pid for pid, parent in _parents().items() if parent == self.proc.pid]

    def kill(self) -> int:
        """Kill it and its executors by their process ids; gives how many executors there were."""
        executors = self.executors()
        for pid in (self.proc.pid, *executors):
            os.kill(pid, signal.SIGKILL)
        assert self.proc.wait() == -signal.SIGKILL
        return len(executors)


class Cluster:
    """A master without workers, at first."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._started = 0
        master, log = self._start("master.Master", "--port", "0")
        master.until(lambda: _MASTER.search(log.read_text()) is not None, "a master", PATIENCE_S)
        found = _MASTER.search(log.read_text())
        assert found is not None
        self.master = found[1]

    def add_worker(self) -> Worker:
        """Start a worker of one core."""
        proc, log = self._start("worker.Worker", "--cores", "1", "--memory", "1g", self.master)
        proc.until(lambda: _REGISTERED in log.read_text(), "a worker", PATIENCE_S)
        return Worker(proc, log)

    def _start(self, name: str, *args: str) -> tuple[Proc, Path]:
        self._started += 1
        folder = self._commands.folder / f"spark-{self._started}"
        folder.mkdir()
        log = folder / "log"
        log.touch()
        spark = importlib.util.find_spec("pyspark")
        assert spark is not None
        assert spark.origin is not None
        program = Path(spark.origin).parent / "bin" / "spark-class"
        script = 'log="$1"; shift; exec "$@" > "$log" 2>&1'
        words = [str(program), f"org.apache.spark.deploy.{name}"]
        words += ["--host", "127.0.0.1", "--webui-port", "0", *args]
        env = {"SPARK_WORKER_DIR": str(folder), "SPARK_LOCAL_DIRS": str(folder), **_QUICK}
        return self._commands.start_bash(script, log, *words, env=env), log


def descendants(pid: int) -> list[int]:
    """All processes that a process has started, and these, and so on."""
    parents = _parents()
    found, left = [], [pid]
    while left:
        one = left.pop()
        children = [child for child, parent in parents.items() if parent == one]
        found += children
        left += children
    return found


def until_gone(proc: Proc, pids: list[int]) -> None:
    """Wait until all that a command had started has ended."""
    assert pids
    proc.until(lambda: not any(map(is_running, pids)), "nothing left behind", PATIENCE_S)


def is_running(pid: int) -> bool:
    """Whether there is such a process, that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _parents() -> dict[int, int]:
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(FileNotFoundError, ProcessLookupError):
            found[int(name)] = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
    return found
