"""The package for Debian: installed, used and purged on this machine, if root runs the tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import ROOT, tool
from packaging_kit import COMMANDS, built, check_pipe, check_versions, run

#: The `StateDirectory` of the units.
STATE = Path("/var/lib/w3ctools")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def _apt(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool("apt-get"), "-q", "-y", *words],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _query(*words: str | Path) -> str:
    return subprocess.run(
        [tool("dpkg-deb"), *map(str, words)], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """What the package has, folders left out."""
    lines = _query("--contents", built("w3ctools.deb")).splitlines()
    return [Path("/", line.split()[5]) for line in lines if not line.startswith("d")]


@pytest.fixture(scope="module")
def installed() -> Iterator[None]:
    """Has it installed while tests run, and then purged, which leaves nothing."""
    if os.geteuid() != 0:
        pytest.skip("only root can install a package")
    known = subprocess.run([tool("dpkg"), "-s", "w3ctools"], capture_output=True, check=False)
    if known.returncode == 0 or STATE.exists():
        pytest.skip("w3ctools is installed here")
    result = _apt("install", str(built("w3ctools.deb")))
    assert result.returncode == 0, result.stderr
    yield
    _apt("purge", "w3ctools")


def test_nothing_is_outside_of_usr(files: list[Path]) -> None:
    assert [file for file in files if file.parts[1] != "usr"] == []
    assert "conffiles" not in _query("--ctrl-tarfile", built("w3ctools.deb"))


@pytest.mark.usefixtures("installed")
def test_every_command_and_the_pipe_run(tmp_path: Path) -> None:
    check_versions(tmp_path, "/usr/bin:/bin")
    check_pipe(tmp_path, "/usr/bin:/bin")
    assert run("w3ctools", "tail", "--version", path="/usr/bin:/bin", cwd=tmp_path).stdout.startswith(
        "w3c-tail "
    )


def test_manual_completions_and_example_are_in_their_places(tmp_path: Path) -> None:
    """Unpacked, not installed: dpkg of a container may be told to leave manual and documentation out."""
    _query("--extract", built("w3ctools.deb"), tmp_path)
    share = tmp_path / "usr/share"
    for page in (*COMMANDS, "w3ctools"):
        assert run("man", "-M", share / "man", "-w", page, path=PATH, cwd=tmp_path).stdout
    for file in (
        "bash-completion/completions/w3c-tail",
        "zsh/vendor-completions/_w3ctools",
        "fish/vendor_completions.d/w3c-tail.fish",
        "doc/w3ctools/w3ctools.ini.example",
        "doc/w3ctools/copyright",
    ):
        assert (share / file).is_file(), file


@pytest.mark.usefixtures("installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    units = sorted((ROOT / "systemd").glob("*.service"))
    assert units
    for unit in units:
        verify = run("systemd-analyze", "verify", "--man=no", unit.name, path=PATH, cwd=tmp_path)
        assert unit.name not in verify.stderr


@pytest.mark.usefixtures("installed")
def test_purge_leaves_nothing(files: list[Path]) -> None:
    """The last one of those that need it installed."""
    STATE.mkdir()
    (STATE / "alerts.db").touch()
    settings = Path("/etc/w3ctools.ini")
    is_ours = not settings.exists()
    if is_ours:
        settings.touch()
    result = _apt("purge", "w3ctools")
    assert result.returncode == 0, result.stderr
    assert [file for file in files if file.exists() or file.is_symlink()] == []
    places = (Path("/usr/lib/w3ctools"), Path("/usr/share/doc/w3ctools"), STATE)
    assert [place for place in places if place.exists()] == []
    assert settings.exists()  # an administrator's own
    if is_ours:
        settings.unlink()
