"""The benchmark still runs on a small log and shows what it should; no figure is judged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from harness import ROOT, SCRIPTS

LINES = 1_000
SECTIONS = (
    "Targets",
    "Throughput, high cardinality",
    "Throughput, realistic cardinality",
    "Throughput, real",
)
COMMANDS = ("w3c-tail", "w3c-parse", "w3c-alert", "w3c-stats", "w3c-gen")
LOG_LINE = b'192.0.2.1 - - [01/Jan/2026:00:00:00 +0000] "GET /a/b HTTP/1.1" 200 7 "-" "-"\n'


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a run of throughput writes."""
    folder: Path = tmp_path_factory.mktemp("benchmarks")
    log, written = folder / "site.log", folder / "results.md"
    log.write_bytes(LOG_LINE * 10)
    words = ["throughput", f"--lines={LINES}", f"--log={log}", "--log-name=Ours", f"--results={written}"]
    environment = {"PATH": f"{SCRIPTS}:/usr/bin:/bin", "TMPDIR": str(folder)}
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    assert [path.name for path in folder.iterdir() if path not in (log, written)] == []
    return written.read_text(encoding="utf-8")


@pytest.mark.parametrize("title", SECTIONS)
def test_section(results: str, title: str) -> None:
    assert f"\n## {title}\n" in results


@pytest.mark.parametrize("command", COMMANDS)
def test_command_has_a_row(results: str, command: str) -> None:
    assert f"\n| {command} " in results


def test_real_log_is_named_and_repeated(results: str) -> None:
    assert "Ours, 10 lines, repeated 100 times" in results


def test_limits_come_first(results: str) -> None:
    assert results.index("## What the figures do not say") < results.index("## Targets")
