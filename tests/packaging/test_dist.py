"""The sdist and the wheel, installed alone by every Python that is here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness import ROOT
from packaging_kit import built, check_pipe, check_versions, run, system_path

OLDEST_MINOR, NEWEST_MINOR = 10, 19
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")


def _pythons() -> list[str]:
    """Every Python that is new enough, once, by its path: on PATH and beside its other versions in pyenv."""
    found = []
    for minor in range(OLDEST_MINOR, NEWEST_MINOR + 1):
        name = f"python3.{minor}"
        pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob(f"3.{minor}.*/bin/{name}"))
        places = [shutil.which(name), *map(str, pyenv)]
        found += [place for place in places if place is not None and _runs(place)][:1]
    return found


def _runs(python: str) -> bool:
    """Whether there is something behind the name, able to make environments: pyenv's shims may be empty."""
    asked = subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True, check=False)
    return asked.returncode == 0


def _python_id(python: str) -> str:
    return re.sub(".*/", "", python)


def _pip_install(python: Path | str, *what: str | Path) -> None:
    """Settings of the machine say where packages come from."""
    words = [str(python), *PIP, "install", "--no-compile", *map(str, what)]
    result = subprocess.run(words, cwd="/", capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr


def _environment(python: str, folder: Path, *packages: str | Path) -> Path:
    """The commands' folder of a new environment."""
    subprocess.run([python, "-m", "venv", folder], check=True, timeout=120)
    _pip_install(folder / "bin/python", *packages)
    return folder / "bin"


def test_there_is_a_python_to_try() -> None:
    assert _pythons()


@pytest.mark.parametrize("python", _pythons(), ids=_python_id)
def test_wheel_alone_runs(python: str, tmp_path: Path) -> None:
    scripts = _environment(python, tmp_path / "environment", built("*.whl"))
    folder = tmp_path / "empty"
    folder.mkdir()
    check_versions(folder, system_path(scripts))
    check_pipe(folder, system_path(scripts))
    packages = run(
        scripts / "python", *PIP, "list", "--format=freeze", path="/usr/bin:/bin", cwd=folder
    ).stdout
    assert not re.search(r"^(pytest|mypy|ruff|hypothesis|pyspark|apprise)\b", packages, re.MULTILINE)


def test_sdist_gives_commands_too(tmp_path: Path) -> None:
    scripts = _environment(sys.executable, tmp_path / "environment", built("*.tar.gz"))
    check_versions(tmp_path, system_path(scripts))
    check_pipe(tmp_path, system_path(scripts))
    check_data(tmp_path / "environment")


def check_data(environment: Path) -> None:
    """Pages and the example are where `man` and people look."""
    pages = sorted((ROOT / "man").glob("*.[157]"))
    assert pages
    wanted = [f"man/man{page.suffix[1:]}/{page.name}" for page in pages] + [
        "doc/w3ctools/w3ctools.ini.example"
    ]
    assert [name for name in wanted if not (environment / "share" / name).is_file()] == []


def test_pipx_installs_the_commands(tmp_path: Path) -> None:
    tools = _environment(sys.executable, tmp_path / "tools", "pipx")
    places = {
        "PIPX_HOME": tmp_path / "home",
        "PIPX_BIN_DIR": tmp_path / "bin",
        "PIPX_MAN_DIR": tmp_path / "man",
    }
    result = subprocess.run(
        [tools / "pipx", "install", "--python", sys.executable, built("*.whl")],
        env={**os.environ, **{name: str(place) for name, place in places.items()}},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    check_versions(tmp_path, system_path(tmp_path / "bin"))
    check_pipe(tmp_path, system_path(tmp_path / "bin"))
    assert run("w3ctools", "tail", "--version", path=system_path(tmp_path / "bin"), cwd=tmp_path).stdout
    assert (tmp_path / "man/man1/w3c-tail.1").exists()
