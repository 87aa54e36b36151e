"""Fixtures: commands as processes, in a folder and an environment of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Commands, Script
from pytest_console_scripts import ScriptRunner


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
