"""A Spark session: started quietly, or one line about why not; closed without a Java process left behind."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import w3ctools
from w3ctools.core.errors import W3CError

#: The oldest Java that Spark 4 runs on.
LEAST_JAVA = 17
INSTALL = (
    "pip install 'w3ctools[spark]', in a checkout '.[spark]', and Java: apt install openjdk-17-jre-headless"
)
#: What a batch needs, and a stream.
BATCH_MODULES, STREAM_MODULES = ("pyspark",), ("pyspark", "pandas", "pyarrow")
_MASTER_PORT = 7077
#: How long a master may take to answer, and Java to end.
_CONNECT_S, _END_S = 5.0, 10.0
_VERSION = re.compile(r'version "(\d+)(?:\.(\d+))?')
#: What Java and Python say of an error; the last one is the first cause.
_CAUSE = re.compile(
    r"^(?:Caused by: |Exception in thread .* )?(?:[\w$]+\.)*(\w*(?:Error|Exception): .+)$", re.MULTILINE
)
_MOST_SHOWN = 300

_QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
_SETTINGS = {
    "spark.app.name": "w3c-spark",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    # The work is Python's: what Java would compile to make faster takes twice as long to compile.
    "spark.driver.extraJavaOptions": _QUICK,
    "spark.executor.extraJavaOptions": _QUICK,
}
#: One machine: nobody else need reach it.
_LOCAL_SETTINGS = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}


class SparkMissing(W3CError):
    """Spark or Java is not installed, or too old; the text says how to get it."""


class SparkFailed(W3CError):
    """Spark could not be started, or has given up; the text says why, in one line."""


class Session:
    """Spark at work. Raises SparkMissing and SparkFailed."""

    def __init__(self, master: str, modules: tuple[str, ...], settings: Mapping[str, str]) -> None:
        _check_modules(modules)
        _check_java()
        _check_master(master)
        # Java and Spark say much on both streams, and stdout is for data alone.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        self._folder = tempfile.TemporaryDirectory(prefix="w3c-spark-")
        self._gateway: Any = None
        #: A pyspark.SparkContext.
        self.context: Any = None
        is_local = master.startswith("local")
        try:
            context = self._start(master, {**_SETTINGS, **(_LOCAL_SETTINGS if is_local else {}), **settings})
            if not is_local:
                context.addPyFile(_zipped_package(self._folder.name))
        except Exception as error:
            said = "" if self._gateway else self._what_java_said()
            self.close()
            raise SparkFailed(f"Spark cannot be started: {_cause(said) or why(error)}") from None

    @property
    def tasks(self) -> tuple[int, int]:
        """Of the work that is under way: how many tasks are done, and how many there are."""
        tracker = self.context.statusTracker()
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        known = [stage for stage in stages if stage is not None]
        return sum(stage.numCompletedTasks for stage in known), sum(stage.numTasks for stage in known)

    def close(self) -> None:
        """End it, and Java with it."""
        if self.context is not None:
            with suppress(Exception):  # of a session that has died there is nothing to stop
                self.context.stop()
        if self._gateway is not None:
            with suppress(Exception):
                self._gateway.shutdown()
            self._gateway.proc.stdin.close()
            try:
                self._gateway.proc.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._gateway.proc.kill()
        self._folder.cleanup()
        self._said.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, master: str, settings: Mapping[str, str]) -> Any:
        from pyspark import SparkConf, SparkContext
        from pyspark.java_gateway import launch_gateway

        # Workers on this machine run what the driver runs.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        conf = SparkConf(loadDefaults=False).setMaster(master).setAll(list(settings.items()))
        self._gateway = launch_gateway(conf, {"stdout": self._said, "stderr": self._said})
        self.context = SparkContext(gateway=self._gateway, conf=conf)
        return self.context

    def _what_java_said(self) -> str:
        self._said.seek(0)
        return self._said.read().decode("utf-8", "replace")


def why(error: BaseException) -> str:
    """The cause of an error in one line; Spark's are pages long."""
    return _cause(str(error)) or type(error).__name__


def _cause(text: str) -> str:
    causes = _CAUSE.findall(text)
    lines = [line.strip() for line in text.splitlines() if not line.startswith("WARNING")]
    return (causes[-1] if causes else next(filter(None, lines), ""))[:_MOST_SHOWN]


def _check_modules(names: tuple[str, ...]) -> None:
    for name in names:
        try:
            is_there = importlib.util.find_spec(name) is not None
        except ValueError:  # it is there, and is None
            is_there = False
        if not is_there:
            if hasattr(sys, "frozen"):
                raise SparkMissing(f"{name} is not in this executable: install w3ctools with pip instead")
            raise SparkMissing(f"{name} is not installed: {INSTALL}")


def _check_java() -> None:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(os.path.join(home, "bin", "java") if home else "java")
    if java is None:
        where = f"in JAVA_HOME, {home}" if home else "on PATH"
        raise SparkMissing(f"there is no java {where}: {INSTALL}")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    match = _VERSION.search(said)
    version = int(match[2] or 0) if match and match[1] == "1" else int(match[1]) if match else 0
    if version < LEAST_JAVA:
        shown = f"Java {version}" if version else "no Java that tells its version"
        raise SparkMissing(f"{java} is {shown}, Spark needs {LEAST_JAVA} or newer: {INSTALL}")


def _check_master(master: str) -> None:
    """Spark itself would try for a minute. Raises SparkFailed."""
    if not master.startswith("spark://"):
        return
    problem = ""
    for host, port in _addresses(master):
        try:
            socket.create_connection((host, port), _CONNECT_S).close()
            return
        except OSError as error:
            problem = error.strerror or str(error)
    raise SparkFailed(f"no Spark master at {master}: {problem}")


def _addresses(master: str) -> Iterator[tuple[str, int]]:
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            host, port = address, str(_MASTER_PORT)
        yield host.strip("[]"), int(port)


def _zipped_package(folder: str) -> str:
    """This package as Spark ships it to workers elsewhere; it is Python alone."""
    package = Path(w3ctools.__file__).parent
    path = os.path.join(folder, "w3ctools.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in sorted(package.rglob("*.py")):
            archive.write(source, source.relative_to(package.parent))
    return path
