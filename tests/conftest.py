"""Fixtures: commands as processes, in a folder and an environment of their own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Commands, Script
from pytest_console_scripts import ScriptRunner


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of our own."""
    parser.addoption(
        "--update-cases",
        action="store_true",
        default=False,
        help="write what w3c-parse gives into tests/cases, for git diff to be looked at",
    )


def pytest_configure() -> None:
    """Hear Ctrl-C, as commands that are started from here must: a shell makes background jobs deaf to it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    """Starts commands; whatever a test leaves behind is ended."""
    folder = tmp_path / "home"
    folder.mkdir()
    commands = Commands(folder)
    yield commands
    commands.end()


@pytest.fixture
def script(script_runner: ScriptRunner, commands: Commands) -> Script:
    """Runs the installed commands through pytest-console-scripts."""
    return Script(script_runner, commands)


@pytest.fixture
def local_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever these tests run: an overlay's sizes would not be believed at once."""
    monkeypatch.setattr("w3ctools.edge.follow.follower.is_local", lambda device: True)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where a log is to be."""
    return tmp_path / "access.log"
