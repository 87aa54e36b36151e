"""What every way to install must do: the canonical pipe, and all commands by their names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from harness import PYTHON_COMMANDS, ROOT, SHELL_COMMANDS, log_line

import w3ctools

COMMANDS = (*PYTHON_COMMANDS, *SHELL_COMMANDS)
DEADLINE_S = 120
#: More than the 1,200 requests that two minutes may have by default, and the alert before the end.
LOG = b"".join(log_line(1_600_000_000 + second) * 150 for second in range(10))
#: Of other programs it looks for `tee` alone.
PIPE = "w3c-tail -n +1 --no-follow access.log | w3c-parse | tee >(w3c-alert) | w3c-stats"


def built(name: str) -> Path:
    """What a target of make has built."""
    found = sorted((ROOT / "dist").glob(name))
    if not found:
        pytest.fail(f"there is no dist/{name}: run `make test-packages`")
    return found[-1]


def run(
    *words: str | Path, path: str, cwd: Path, status: int = 0, home: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program with this PATH alone, and expect this status."""
    result = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={"PATH": path, "HOME": str(home or cwd), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert result.returncode == status, f"{words}\n{result.stdout}\n{result.stderr}"
    return result


def check_pipe(folder: Path, path: str, home: Path | None = None) -> None:
    """Run the canonical pipe in `folder`, its commands found on `path`."""
    (folder / "access.log").write_bytes(LOG)
    shown = run("/bin/bash", "-c", PIPE, path=path, cwd=folder, home=home)
    assert "\n  1,500 requests   150.0/s" in shown.stdout
    assert (
        "High traffic generated an alert - hits = 1350, triggered at 2020-09-13T12:26:48Z\n" in shown.stdout
    )
    notes = [line for line in shown.stderr.splitlines() if "reading as" not in line]
    assert [line for line in notes if "alert open at the end" not in line] == []


def check_versions(folder: Path, path: str, commands: tuple[str, ...] = COMMANDS) -> None:
    """Every command is on `path`, and of this version."""
    said = run(
        "/bin/bash", "-c", 'for name; do "$name" --version; done', "bash", *commands, path=path, cwd=folder
    )
    assert said.stdout.splitlines() == [f"{name} {w3ctools.__version__}" for name in commands]


def system_path(*folders: Path) -> str:
    """These folders before those of the system."""
    return os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"])
