"""w3c-spark over files: what one reader counts, on any number of workers, also if one is killed."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import EPOCH, ROOT, Commands, Proc, Result, log_line, tool, utc
from spark_kit import PATIENCE_S, Cluster, descendants, until_gone

#: What depends on the order of reading, and who wrote it.
NOT_COMPARED = {"late", "uncounted", "host", "packed", "new_sections", "rates_per_s"}
#: A total of summaries begins with the interval of its first line, not with the line.
NOT_OF_TOTALS = {*NOT_COMPARED, "from", "rate_per_s"}
LOCAL = ("--master", "local[2]")
FILES, LINES = 20, 2_000_000


def compared(line: bytes, without: set[str] = NOT_COMPARED) -> dict[str, Any]:
    """A summary, without what may differ."""
    return {key: value for key, value in json.loads(line).items() if key not in without}


def summaries(output: bytes) -> list[dict[str, Any]]:
    """The summaries among events."""
    return [compared(line) for line in output.splitlines() if line.startswith(b'{"event":"summary"')]


class TestCluster:
    _asked = 0

    @pytest.fixture
    def archive(self, commands: Commands) -> Path:
        """2 million lines in 20 files, in the order of time."""
        folder = commands.folder / "archive"
        folder.mkdir()
        generated = "w3c-gen --start 2020-09-13T12:26:40Z --fast --rate 100 --duration 30000"
        script = f'{generated} | head -n {LINES} | split -l {LINES // FILES} -d - "$1"'
        result = commands.bash(script, folder / "access.log.", deadline_s=PATIENCE_S)
        assert (result.status, len(os.listdir(folder))) == (0, FILES)
        return folder

    def test_counts_are_exact_though_a_worker_is_killed(self, commands: Commands, archive: Path) -> None:
        cluster = Cluster(commands)
        workers = [cluster.add_worker(), cluster.add_worker()]
        proc = commands.start("w3c-spark", "--master", cluster.master, archive).ready()
        proc.until(lambda: self._has_done_some(proc), "some tasks done", PATIENCE_S)
        assert all(worker.executors() for worker in workers)
        assert workers[0].kill() > 0
        output = proc.finish(deadline_s=PATIENCE_S)
        done = [int(note.split(";")[1].split()[0]) for note in output.notes]
        assert max(done) < FILES, "it was killed too late"
        assert (output.status, proc.err.count(b"\n")) == (0, len(done))

        script = 'w3c-parse "$@" | w3c-stats -o json --mergeable'
        plain = commands.bash(script, *sorted(archive.iterdir()), deadline_s=PATIENCE_S)
        expected = summaries(plain.stdout)
        assert len(expected) > 1000
        assert sum(summary["requests"] for summary in expected) == LINES
        assert summaries(output.stdout) == expected

    def _has_done_some(self, proc: Proc) -> bool:
        """It tells when it is asked."""
        if self._asked == proc.err.count(b"\n"):
            self._asked += 1
            proc.send_signal(signal.SIGUSR1)
        return any(f"; {done} of {FILES} tasks done" in proc.err.decode() for done in range(4, FILES))


class TestLocal:
    @pytest.fixture
    def folder(self, commands: Commands) -> Path:
        """Logs in all formats that are found by themselves, some of them compressed, and one in ranges."""
        folder = commands.folder / "logs"
        folder.mkdir()
        cases = [case for case in (ROOT / "tests/cases/parse").iterdir() if not (case / "options").exists()]
        assert len(cases) > 15
        compressions: dict[str, Callable[[bytes], bytes]] = {
            ".gz": gzip.compress,
            ".bz2": bz2.compress,
            ".xz": lzma.compress,
        }
        for number, case in enumerate(sorted(cases)):
            log = (case / "in.log").read_bytes()
            (folder / f"{case.name}.log").write_bytes(log)
            for at, (ending, compress) in enumerate(compressions.items()):
                if number % 3 == at:
                    (folder / f"{case.name}.log{ending}").write_bytes(compress(log))
        lines = [
            log_line(EPOCH + at // 50, f"/section-{at % 30}/{at}", 200 + at % 7 * 50) for at in range(9000)
        ]
        (folder / "long.log").write_bytes(b"".join(lines[:4000]) + b"nonsense\n" + b"".join(lines[4000:]))
        uvicorn = b'INFO:     127.0.0.1:1 - "GET /a HTTP/1.1" 200 OK\n'
        (folder / "two.log").write_bytes(b"".join(lines[:3000]) + uvicorn * 2000 + b"".join(lines[3000:]))
        return folder

    def test_folder_of_all_formats_gives_what_parse_and_stats_give(
        self, commands: Commands, folder: Path
    ) -> None:
        proc = commands.start("w3c-spark", *LOCAL, "--split", "128KiB", folder)
        spark = proc.finish(deadline_s=PATIENCE_S)
        assert (spark.status, len(spark.notes)) == (0, 1)
        merged = commands.run("w3c-stats", "--merge", "--total", "-o", "json", stdin=spark.stdout)
        files = sorted(folder.iterdir())
        plain = commands.bash('w3c-parse "$@" | w3c-stats --total -o json', *files)
        assert compared(merged.stdout, NOT_OF_TOTALS) == compared(plain.stdout, NOT_OF_TOTALS)
        assert json.loads(plain.stdout)["requests"] > 18_000

        counts = [note.partition(" lines in")[0] for note in plain.notes if "lines in" in note]
        assert spark.notes[0].startswith(f"w3c-spark: {counts[0].removeprefix('w3c-parse: ')} lines in, ")

    def test_files_that_cannot_be_read_are_told_of_and_the_others_counted(self, commands: Commands) -> None:
        whole = commands.write("access.log", log_line() * 3)
        damaged = commands.write("damaged.log.gz", gzip.compress(log_line() * 2)[:-2])
        strange = commands.write("strange.log", b"nonsense\n")
        files = (whole, damaged, strange, "no.log", whole)
        proc = commands.start("w3c-spark", *LOCAL, "--out", "out", *files)
        result = proc.finish(deadline_s=PATIENCE_S)
        assert (result.status, result.stdout) == (1, b"")
        assert sorted(result.notes) == sorted(
            [
                "w3c-spark: no.log: No such file or directory",
                f"w3c-spark: {damaged}: gzip data is cut off; read up to there",
                f"w3c-spark: {strange}: no line in a known format (w3c-parse --list-formats)",
                "w3c-spark: 6 lines in, 5 records, 1 unparsed, 0 skipped",
            ]
        )
        [out] = (commands.folder / "out").iterdir()
        assert out.name == "summaries.jsonl"
        shown = [
            (one["from"], one["to"], one["requests"], one["unparsed"]) for one in summaries(out.read_bytes())
        ]
        assert shown == [(None, None, 0, 1), (utc(EPOCH), utc(EPOCH + 1), 5, 0)]

    def test_reader_gone_ends_it_by_sigpipe_and_java_with_it(self, commands: Commands, folder: Path) -> None:
        proc = commands.start("w3c-spark", *LOCAL, folder).ready()
        proc.until(lambda: len(descendants(proc.pid)) > 0, "Java started", PATIENCE_S)
        started = descendants(proc.pid)
        proc.close_stdout()
        assert proc.result() == Result(-signal.SIGPIPE, b"", b"")
        until_gone(proc, started)

    @pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
    def test_signal_ends_it_at_once_and_java_with_it(
        self, commands: Commands, folder: Path, signum: int
    ) -> None:
        proc = commands.start("w3c-spark", *LOCAL, folder).ready()
        proc.until(lambda: len(descendants(proc.pid)) > 0, "Java started", PATIENCE_S)
        started = descendants(proc.pid)
        proc.signal_group(signum) if signum == signal.SIGINT else proc.send_signal(signum)
        assert proc.result() == Result(-signum, b"", b"")
        until_gone(proc, started)


class TestMissing:
    INSTALL = (
        "pip install 'w3ctools[spark]', in a checkout '.[spark]', "
        "and Java: apt install openjdk-17-jre-headless"
    )

    def _run(self, commands: Commands, *args: str, **env: str) -> Result:
        commands.write("access.log", log_line())
        result = commands.run("w3c-spark", *args, "access.log", env=env)
        assert (result.status, result.stdout, len(result.notes)) == (2, b"", 1)
        return result

    def test_no_java_is_said_in_one_line(self, commands: Commands) -> None:
        result = self._run(commands, PATH=str(commands.folder))
        assert result.notes == [f"w3c-spark: there is no java on PATH: {self.INSTALL}"]

    def test_wrong_java_home_is_said_in_one_line(self, commands: Commands) -> None:
        result = self._run(commands, JAVA_HOME="/no/java")
        assert result.notes == [f"w3c-spark: there is no java in JAVA_HOME, /no/java: {self.INSTALL}"]

    @pytest.mark.parametrize(("version", "shown"), [("1.8.0_392", "Java 8"), ("11.0.21", "Java 11")])
    def test_old_java_is_said_in_one_line(self, commands: Commands, version: str, shown: str) -> None:
        java = commands.write("java", f"#!/bin/sh\necho 'openjdk version \"{version}\" 2023-10-17' >&2\n")
        java.chmod(0o755)
        result = self._run(commands, PATH=f"{commands.folder}:{os.environ['PATH']}")
        assert result.notes == [f"w3c-spark: {java} is {shown}, Spark needs 17 or newer: {self.INSTALL}"]

    def test_java_that_cannot_start_spark_is_said_in_one_line(self, commands: Commands) -> None:
        script = '#!/bin/sh\nif [ "$*" != -version ]; then echo broken >&2; exit 1; fi\n'
        java = commands.write("java", script + "echo 'openjdk version \"17.0.1\"' >&2\n")
        java.chmod(0o755)
        result = self._run(commands, PATH=f"{commands.folder}:{os.environ['PATH']}")
        assert result.notes == ["w3c-spark: Spark cannot be started: broken"]

    def test_unreachable_master_is_said_in_one_line(self, commands: Commands) -> None:
        tool("java")
        result = self._run(commands, "--master", "spark://127.0.0.1:1")
        assert result.notes == ["w3c-spark: no Spark master at spark://127.0.0.1:1: Connection refused"]

    def test_master_of_no_known_kind_is_said_in_one_line(self, commands: Commands) -> None:
        result = self._run(commands, "--master", "nonsense")
        assert result.notes[0].startswith("w3c-spark: Spark cannot be started: SparkException: Master must ")
