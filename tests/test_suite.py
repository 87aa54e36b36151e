"""Every command is in all the places where a command must be, and nowhere else."""

from __future__ import annotations

import importlib
import os
import re
from configparser import ConfigParser

import click
import pytest
from harness import PYTHON_COMMANDS, ROOT, SCRIPTS, SHELL_COMMANDS, Script

import w3ctools

ALL = sorted((*PYTHON_COMMANDS, *SHELL_COMMANDS))
BIN = ROOT / "bin"
LAUNCHER = "w3ctools"


def _setup() -> ConfigParser:
    setup = ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return setup


def _listed(section: str, key: str) -> list[str]:
    return _setup()[section][key].split()


def _click_command(name: str) -> click.Command:
    module = name.removeprefix("w3c-")
    command = getattr(importlib.import_module(f"w3ctools.cli.{module}"), module)
    assert isinstance(command, click.Command)
    return command


def _page(name: str) -> str:
    """A manual page's source with the escapes that stand in words taken out."""
    text = (ROOT / "man" / name).read_text(encoding="utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.startswith(('.\\"', "'\\\"")))
    return re.sub(r"\\f(?:.|\[[^]]*\])|\\[&%|^/,]", "", text).replace(r"\-", "-")


def _long_options(line: str) -> list[str]:
    """The long options on a line of a page, in either set of macros: mdoc writes the first dash by ``Fl``."""
    if re.search(r"(?:^\.| )Fl ", line):
        return re.findall(r"(?: -{1,2}| Fl Fl )([a-z][a-z-]+)", line)
    return re.findall(r"--([a-z][a-z-]+)", line)


class TestCommands:
    def test_modules_are_the_commands(self) -> None:
        modules = [path.stem for path in (ROOT / "w3ctools" / "cli").glob("*.py")]
        assert sorted(name for name in modules if not name.startswith("_")) == sorted(
            name.removeprefix("w3c-") for name in PYTHON_COMMANDS
        )

    def test_entry_points_are_the_commands(self) -> None:
        lines = _setup()["options.entry_points"]["console_scripts"].strip().splitlines()
        assert dict(re.split(r"\s*=\s*", line) for line in lines) == {
            name: f"w3ctools.cli.{name.removeprefix('w3c-')}:main" for name in PYTHON_COMMANDS
        }

    def test_scripts_are_the_shell_commands_and_the_launcher(self) -> None:
        scripts = [f"bin/{name}" for name in (*SHELL_COMMANDS, LAUNCHER)]
        assert sorted(_listed("options", "scripts")) == sorted(scripts)

    def test_bin_holds_the_commands(self) -> None:
        assert sorted(path.name for path in BIN.iterdir()) == sorted([*ALL, LAUNCHER])

    @pytest.mark.parametrize("name", PYTHON_COMMANDS)
    def test_bin_has_a_link_to_the_launcher(self, name: str) -> None:
        assert os.readlink(BIN / name) == LAUNCHER

    @pytest.mark.parametrize("name", [LAUNCHER, *SHELL_COMMANDS])
    def test_script_is_executable_sh(self, name: str) -> None:
        assert (BIN / name).read_bytes().startswith(b"#!/bin/sh\n")
        assert os.access(BIN / name, os.X_OK)

    @pytest.mark.parametrize("name", ALL)
    def test_command_is_installed_here(self, name: str) -> None:
        assert os.access(SCRIPTS / name, os.X_OK)

    @pytest.mark.parametrize("name", SHELL_COMMANDS)
    def test_installed_script_is_the_one_here(self, name: str) -> None:
        """After a change in bin, `make setup` or ``pip install -e .`` copies it; tests run the copy."""
        assert (SCRIPTS / name).read_bytes() == (BIN / name).read_bytes()

    @pytest.mark.parametrize("name", PYTHON_COMMANDS)
    def test_command_knows_its_own_name(self, name: str) -> None:
        assert _click_command(name).name == name

    @pytest.mark.parametrize("name", ALL)
    def test_command_runs_from_the_checkout(self, script: Script, name: str) -> None:
        result = script(BIN / name, "--version")
        if not (ROOT / ".venv/bin/python").exists():
            assert "make setup" in result.stderr
        else:
            assert (result.returncode, result.stdout.split()[0]) == (0, name)


class TestLauncher:
    def test_help_names_the_commands_beside_it(self, script: Script) -> None:
        results = [script(BIN / LAUNCHER, option) for option in ("-h", "--help")]
        assert [(result.returncode, result.stderr) for result in results] == [(0, "")] * 2
        assert results[0].stdout == results[1].stdout
        usage, _, names = results[0].stdout.partition("\nCommands:\n")
        assert usage.startswith("Usage: w3ctools COMMAND [ARGUMENT]...\n")
        assert names.split() == [name.removeprefix("w3c-") for name in ALL]

    def test_version_is_that_of_the_commands(self, script: Script) -> None:
        result = script(SCRIPTS / LAUNCHER, "--version")
        told = (result.returncode, result.stdout, result.stderr)
        assert told == (0, f"w3ctools {w3ctools.__version__}\n", "")

    @pytest.mark.parametrize("words", [(), ("none",), ("--none",)])
    def test_without_a_command_it_is_a_usage_error(self, script: Script, words: tuple[str, ...]) -> None:
        result = script(BIN / LAUNCHER, *words)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)


class TestOptions:
    @pytest.mark.parametrize("name", PYTHON_COMMANDS)
    def test_every_option_has_help(self, name: str) -> None:
        options = [param for param in _click_command(name).params if isinstance(param, click.Option)]
        assert len(options) > 3
        assert [option.name for option in options if not option.help] == []

    def test_option_means_the_same_in_every_command(self) -> None:
        letters: dict[str, set[str]] = {}
        for name in PYTHON_COMMANDS:
            for param in _click_command(name).params:
                for short in param.opts:
                    if re.fullmatch("-[a-z]", short):
                        letters.setdefault(short, set()).add(max(param.opts, key=len))
        assert len(letters) > 3
        assert {short: names for short, names in letters.items() if len(names) > 1} == {}


class TestManual:
    def test_every_command_has_a_page(self) -> None:
        assert sorted(path.name for path in (ROOT / "man").glob("*.1")) == [f"{name}.1" for name in ALL]

    def test_every_page_is_installed(self) -> None:
        for section in "157":
            pages = sorted(f"man/{path.name}" for path in (ROOT / "man").glob(f"*.{section}"))
            assert pages
            assert sorted(_listed("options.data_files", f"share/man/man{section}")) == pages

    @pytest.mark.parametrize("name", [f"{name}.1" for name in ALL] + ["w3ctools.5", "w3ctools.7"])
    def test_page_is_titled_and_named_as_its_file(self, name: str) -> None:
        title, _, section = name.rpartition(".")
        page = _page(name)
        head = re.search(r'^\.(?:TH|Dt)\s+"?([\w-]+)"?\s+"?(\d)"?', page, re.MULTILINE)
        assert head is not None
        assert (head[1].lower(), head[2]) == (title, section)
        assert re.search(rf"^\.S[Hh] \"?NAME\"?\n(?:\.(?:Nm|B) )?{title}\b", page, re.MULTILINE)

    @pytest.mark.parametrize("name", ALL)
    def test_page_has_what_users_look_for(self, name: str) -> None:
        headings = re.findall(r"^\.S[Hh]\s+\"?([A-Z ]+?)\"?$", _page(f"{name}.1"), re.MULTILINE)
        wanted = ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO"]
        assert [heading for heading in wanted if heading not in headings] == []

    @pytest.mark.parametrize("name", PYTHON_COMMANDS)
    def test_page_describes_every_option(self, name: str) -> None:
        long_options = [
            option.removeprefix("--")
            for param in _click_command(name).params
            for option in param.opts
            if option.startswith("--")
        ]
        assert len(long_options) > 3
        described = {option for line in _page(f"{name}.1").splitlines() for option in _long_options(line)}
        assert set(long_options) - described == set()

    @pytest.mark.parametrize("name", PYTHON_COMMANDS)
    def test_page_invents_no_option(self, name: str) -> None:
        known = {
            option.removeprefix("--")
            for command in PYTHON_COMMANDS
            for param in _click_command(command).params
            for option in param.opts
        }
        entries = re.findall(r"^\.(?:It|TP|IP|B|BR|BI|Op|OP)\b.*$", _page(f"{name}.1"), re.MULTILINE)
        described = {option for line in entries for option in _long_options(line)}
        assert len(described) > 3
        assert described - known - {"help"} == set()
