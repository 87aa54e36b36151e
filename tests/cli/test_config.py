"""Settings: flag, then environment, then w3ctools.ini, then the default; and what makes a file unusable."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from harness import EPOCH, ROOT, Commands, Result, Script, log_line, record, records, unprivileged

from w3ctools.cli._settings import (
    NAMED,
    NAMES_OUTPUT,
    NUMBER,
    RUNS,
    NamedSection,
    Option,
    config_option,
    find_config,
    read_settings,
)
from w3ctools.core.errors import ConfigError

NAMES = ("tail", "parse", "stats", "alert", "report", "store", "spark", "gen")
#: Actions, not settings.
NO_KEYS = ("config", "version", "if-enabled", "list-formats", "detect")
EXAMPLE = ROOT / "w3ctools.ini.example"


class Choice(NamedTuple):
    """One option of a command, and how to see which of its values holds."""

    section: str
    key: str
    #: Of flag, environment, file and default.
    values: tuple[str, str, str, str]
    args: tuple[str, ...]
    stdin: bytes = b""

    def seen(self, result: Result) -> str:
        """The value that the command's output shows."""
        assert result.status == 0, result
        if self.section in ("tail", "gen"):
            return str(len(result.lines))
        if self.section == "parse":
            return str(result.values[0]["section"]).removesuffix("/pages")
        if self.section == "stats":
            return str(len(result.values[0]["sections"]))
        return str(result.values[0]["window_s"])


CHOICES = (
    Choice("tail", "lines", ("1", "2", "3", "0"), ("--no-follow", "access.log")),
    Choice("parse", "site", ("http://flag", "http://environment", "http://file", ""), (), log_line()),
    Choice(
        "stats",
        "top",
        ("1", "2", "3", "10"),
        ("-o", "json"),
        b"".join(record(section=f"/{number}") for number in range(20)),
    ),
    Choice("alert", "window", ("30", "40", "50", "120"), ("-t", "1", "-o", "json"), records([EPOCH] * 200)),
    Choice("gen", "rate", ("1", "2", "3", "10"), ("--fast", "--duration", "1s")),
)
every_choice = pytest.mark.parametrize("choice", CHOICES, ids=[choice.section for choice in CHOICES])


class TestPrecedence:
    def _run(self, commands: Commands, choice: Choice, *, flag: bool, env: bool, file: bool) -> Result:
        commands.write("access.log", log_line() * 20)
        of_flag, of_env, of_file, _ = choice.values
        if file:
            commands.write("w3ctools.ini", f"[{choice.section}]\n{choice.key} = {of_file}\n")
        variable = f"W3C_{choice.section}_{choice.key}".upper()
        args = (f"--{choice.key}", of_flag) if flag else ()
        name = f"w3c-{choice.section}"
        return commands.run(
            name, *args, *choice.args, stdin=choice.stdin, env={variable: of_env} if env else {}
        )

    @every_choice
    def test_flag_beats_all(self, commands: Commands, choice: Choice) -> None:
        result = self._run(commands, choice, flag=True, env=True, file=True)
        assert choice.seen(result) == choice.values[0]

    @every_choice
    def test_environment_beats_file(self, commands: Commands, choice: Choice) -> None:
        result = self._run(commands, choice, flag=False, env=True, file=True)
        assert choice.seen(result) == choice.values[1]

    @every_choice
    def test_file_beats_default(self, commands: Commands, choice: Choice) -> None:
        result = self._run(commands, choice, flag=False, env=False, file=True)
        assert choice.seen(result) == choice.values[2]

    @every_choice
    def test_nothing_set_is_default(self, commands: Commands, choice: Choice) -> None:
        result = self._run(commands, choice, flag=False, env=False, file=False)
        assert choice.seen(result) == choice.values[3]


class Bad(NamedTuple):
    """A file that cannot be used, and what must be said of it."""

    text: bytes
    #: ``LINE:COLUMN``.
    place: str
    #: All of it must be in the message.
    words: tuple[str, ...]


BAD = {
    "unknown-section": Bad(b"[parse]\n\n[prase]\nsite = x\n", "3:1", ("no section [prase]", "'parse'")),
    "unknown-section-like-none": Bad(
        b"[xyz]\n", "1:1", ("no section [xyz]", "tail", "parse", "stats", "alert", "gen")
    ),
    "section-of-no-rule": Bad(b"[stats:x]\n", "1:1", ("no section [stats:x]", "'stats'")),
    "section-like-a-rule": Bad(b"[alret:shop]\n", "1:1", ("no section [alret:shop]", "'alert:shop'")),
    "rule-without-name": Bad(b"[alert:]\n", "1:1", ("no section [alert:]", "a-z, 0-9 and -")),
    "rule-with-bad-name": Bad(b"[alert:Bad Name]\n", "1:1", ("[alert:Bad Name]", "'alert:bad-name'")),
    "rule-twice": Bad(b"[alert:x]\n[alert:y]\n[alert:x]\n", "3:1", ("duplicate section 'alert:x'",)),
    "section-without-bracket": Bad(b"[parse]\nsite = http://a\n[alert:x\n", "3:1", ("']'",)),
    "unknown-key": Bad(b"[parse]\n\nsiet = http://a\n", "3:1", ("no key 'siet' in [parse]", "'site'")),
    "key-of-another-section": Bad(b"[parse]\nthreshold = 3\n", "2:1", ("no key 'threshold' in [parse]",)),
    "bad-value": Bad(b"[parse]\nomit-null = yes\nsite = nowhere\n", "3:8", ("site", "'nowhere'", "http://")),
    "bad-value-behind-colon": Bad(b"[parse]\nsite:nowhere\n", "2:6", ("'nowhere'",)),
    "bad-value-behind-spaces": Bad(b"[parse]\nsite \t =  nowhere  \n", "2:11", ("'nowhere'",)),
    "bad-value-like-its-key": Bad(b"[parse]\nsite = site\n", "2:8", ("'site'",)),
    "bad-value-like-what-is-before-it": Bad(b"[parse]\ntz ==\n", "2:5", ("'='",)),
    "bad-value-below-its-key": Bad(b"[parse]\nsite =\n\n; http://a\n   nowhere\n", "5:4", ("'nowhere'",)),
    "bad-value-with-windows-line-ends": Bad(b"[parse]\r\n\r\nsite = nowhere\r\n", "3:8", ("'nowhere'",)),
    "bad-value-of-nothing": Bad(b"[parse]\njobs =\nsite = http://a\n", "2:7", ("jobs", "''")),
    "bad-switch": Bad(b"[parse]\nomit-null = perhaps\n", "2:13", ("omit-null", "'perhaps'")),
    "bad-zone": Bad(b"[parse]\ntz = Mars/Base\n", "2:6", ("tz", "'Mars/Base'")),
    "not-utf-8": Bad("[parse]\nsite = http://caf\u00e9".encode() + b"\xe9\n", "2:19", ("not UTF-8",)),
    "not-utf-8-at-once": Bad(b"\xef\xbb\xbf\xff\n", "1:1", ("not UTF-8",)),
    "byte-order-mark": Bad(b"\xef\xbb\xbf[prase]\n", "1:1", ("no section [prase]",)),
    "key-before-any-section": Bad(b"site = http://a\n", "1:1", ("no section header",)),
    "value-before-any-key": Bad(
        b"[parse]\n  site = http://a\n",
        "2:3",
        ("an indented line continues a value, and there is none before it",),
    ),
    "line-without-value": Bad(b"[parse]\nsite\n", "2:1", ("'site'",)),
    "key-twice": Bad(b"[parse]\nsite = http://a\nsite = http://b\n", "3:1", ("duplicate", "'site'")),
    "config-itself": Bad(b"[parse]\nconfig = other.ini\n", "2:1", ("no key 'config'",)),
    "first-of-two": Bad(b"[parse]\nsite = nowhere\n[prase]\n", "2:8", ("'nowhere'",)),
}


class TestBadFile:
    @pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
    def test_bad_file_is_usage_error_naming_its_place(self, commands: Commands, bad: Bad) -> None:
        commands.write("my.ini", bad.text)
        result = commands.run("w3c-parse", "--config", "my.ini", stdin=log_line())
        assert (result.status, result.stdout, len(result.notes)) == (2, b"", 1)
        assert result.notes[0].startswith(f"w3c-parse: my.ini:{bad.place}: ")
        assert [word for word in bad.words if word not in result.notes[0]] == []

    @pytest.mark.parametrize("name", ["absent.ini", "."])
    def test_named_file_that_cannot_be_read_is_usage_error(self, script: Script, name: str) -> None:
        result = script("w3c-parse", "--config", name)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert result.stderr.startswith(f"w3c-parse: {name}: cannot be read: ")

    def test_file_without_permission_is_usage_error(self, commands: Commands) -> None:
        commands.write("my.ini", "[parse]\n").chmod(0)
        result = commands.run(*unprivileged(), "w3c-parse", "--config", "my.ini")
        assert (result.status, result.notes) == (2, ["w3c-parse: my.ini: cannot be read: Permission denied"])

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("section", ["stats:x", "alert:", "alert:Bad Name"])
    def test_names_of_sections_are_every_commands_business(
        self, commands: Commands, name: str, section: str
    ) -> None:
        commands.write("my.ini", f"[{section}]\n")
        files = ["access.log"] if name == "tail" else []
        result = commands.run(f"w3c-{name}", "--config", "my.ini", *files)
        assert result.status == 2
        assert result.notes[0].startswith(f"w3c-{name}: my.ini:1:1: no section [{section}]")

    def test_rules_are_not_this_commands_business(self, commands: Commands) -> None:
        commands.write("my.ini", "[alert:shop-2]\nsome-future-key = 3\n")
        assert commands.run("w3c-parse", "--config", "my.ini", stdin=log_line()).status == 0

    def test_help_is_shown_in_spite_of_it(self, commands: Commands) -> None:
        commands.write("w3ctools.ini", "nonsense")
        assert commands.run("w3c-parse", "--help").status == 0

    def test_keys_of_other_sections_are_not_this_commands_business(self, commands: Commands) -> None:
        commands.write("my.ini", "[alert]\nsome-future-key = 3\n")
        assert commands.run("w3c-parse", "--config", "my.ini", stdin=log_line()).status == 0


class TestWhichFile:
    def _site(self, result: Result) -> str:
        assert result.status == 0, result
        return str(result.values[0]["section"]).removesuffix("/pages")

    def _write(self, commands: Commands, path: str, site: str) -> str:
        (commands.folder / path).parent.mkdir(parents=True, exist_ok=True)
        commands.write(path, f"[parse]\nsite = http://{site}\n")
        return str(commands.folder / path)

    def test_option_beats_variable_beats_folder_beats_xdg(self, commands: Commands) -> None:
        named = self._write(commands, "named.ini", "option")
        env = {
            "W3CTOOLS_CONFIG": self._write(commands, "variable.ini", "variable"),
            "XDG_CONFIG_HOME": str(commands.folder / "xdg"),
        }
        self._write(commands, "w3ctools.ini", "folder")
        self._write(commands, "xdg/w3ctools/w3ctools.ini", "xdg")
        run = commands.run
        sites = [self._site(run("w3c-parse", "--config", named, stdin=log_line(), env=env))]
        sites.append(self._site(run("w3c-parse", stdin=log_line(), env=env)))
        del env["W3CTOOLS_CONFIG"]
        sites.append(self._site(run("w3c-parse", stdin=log_line(), env=env)))
        (commands.folder / "w3ctools.ini").unlink()
        sites.append(self._site(run("w3c-parse", stdin=log_line(), env=env)))
        assert sites == ["http://option", "http://variable", "http://folder", "http://xdg"]

    def test_xdg_folder_is_dot_config_by_default(self, commands: Commands) -> None:
        self._write(commands, ".config/w3ctools/w3ctools.ini", "home")
        assert self._site(commands.run("w3c-parse", stdin=log_line())) == "http://home"

    def test_first_file_is_read_alone(self, commands: Commands) -> None:
        self._write(commands, ".config/w3ctools/w3ctools.ini", "home")
        commands.write("w3ctools.ini", "[parse]\nomit-null = yes\n")
        result = commands.run("w3c-parse", stdin=log_line())
        assert (self._site(result), "user" in result.values[0]) == ("", False)

    def test_absent_file_in_variable_is_usage_error(self, script: Script) -> None:
        result = script("w3c-parse", env={"W3CTOOLS_CONFIG": "absent.ini"})
        assert (result.returncode, result.stderr.count("\n")) == (2, 1)

    @pytest.mark.parametrize("mode", [0o666, 0o664, 0o646])
    def test_folders_file_that_others_may_write_is_not_read(self, commands: Commands, mode: int) -> None:
        self._write(commands, "w3ctools.ini", "folder")
        (commands.folder / "w3ctools.ini").chmod(mode)
        result = commands.run("w3c-parse", stdin=log_line())
        assert self._site(result) == ""
        assert result.notes[0] == (
            "w3c-parse: ./w3ctools.ini: not read: others may write to it (--config w3ctools.ini reads it)"
        )

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
    def test_folders_file_of_another_user_is_not_read(self, commands: Commands) -> None:
        os.chown(self._write(commands, "w3ctools.ini", "folder"), 65534, -1)
        result = commands.run("w3c-parse", stdin=log_line())
        assert self._site(result) == ""
        assert "it belongs to another user" in result.notes[0]

    def test_option_trusts_a_file_that_others_may_write(self, commands: Commands) -> None:
        self._write(commands, "w3ctools.ini", "folder")
        (commands.folder / "w3ctools.ini").chmod(0o666)
        result = commands.run("w3c-parse", "--config", "w3ctools.ini", stdin=log_line())
        assert self._site(result) == "http://folder"

    @pytest.mark.parametrize(
        ("section", "key"), [("tail", "state"), ("parse", "rejects"), ("alert", "log"), ("gen", "file")]
    )
    def test_folders_file_may_not_name_a_file_to_write(
        self, commands: Commands, section: str, key: str
    ) -> None:
        commands.write("w3ctools.ini", f"[{section}]\n{key} = victim\n")
        result = commands.run(f"w3c-{section}")
        assert (result.status, len(result.notes), result.stdout) == (2, 1, b"")
        assert result.notes[0].startswith(f"w3c-{section}: w3ctools.ini:2:1: '{key}' names a file to write")
        assert "--config" in result.notes[0]
        assert not (commands.folder / "victim").exists()

    @pytest.mark.parametrize("how", ["option", "variable", "xdg"])
    def test_trusted_file_may_name_a_file_to_write(self, commands: Commands, how: str) -> None:
        (commands.folder / "xdg/w3ctools").mkdir(parents=True)
        path = commands.write("xdg/w3ctools/w3ctools.ini", "[gen]\nfile = out.log\n")
        args = ("--config", path) if how == "option" else ()
        env = {"variable": {"W3CTOOLS_CONFIG": str(path)}, "xdg": {"XDG_CONFIG_HOME": str(path.parents[1])}}
        commands.run("w3c-gen", "--fast", "--duration", "1s", *args, env=env.get(how))
        assert (commands.folder / "out.log").read_bytes().count(b"\n") == 10


class TestValues:
    def test_files_are_one_a_line(self, commands: Commands) -> None:
        commands.write("a b.log", b"of a\n")
        commands.write("c.log", b"of c\n")
        commands.write("w3ctools.ini", "[tail]\nfiles = a b.log\n    c.log\nlines = +1\n")
        assert commands.run("w3c-tail", "--no-follow").lines == [
            b"#Source: a%20b.log",
            b"of a",
            b"#Source: c.log",
            b"of c",
        ]

    def test_files_on_the_command_line_beat_those_of_the_file(self, commands: Commands) -> None:
        commands.write("a.log", b"of a\n")
        commands.write("c.log", b"of c\n")
        commands.write("w3ctools.ini", "[tail]\nfiles = a.log\nlines = +1\n")
        assert commands.run("w3c-tail", "--no-follow", "c.log").lines == [b"of c"]

    def test_no_files_anywhere_is_usage_error(self, script: Script) -> None:
        result = script("w3c-tail")
        assert (result.returncode, result.stderr.count("\n")) == (2, 1)

    def test_percent_is_text(self, commands: Commands) -> None:
        commands.write("%h-%(user)s.log", b"found\n")
        commands.write("w3ctools.ini", "[tail]\nfiles = %h-%(user)s.log\nlines = +1\n")
        assert commands.run("w3c-tail", "--no-follow").lines == [b"found"]

    @pytest.mark.parametrize(("word", "is_on"), [("yes", True), ("true", True), ("on", True), ("no", False)])
    def test_switch_reads_words(self, commands: Commands, word: str, is_on: bool) -> None:
        commands.write("w3ctools.ini", f"[parse]\nomit-null = {word}\n")
        assert ("user" not in commands.run("w3c-parse", stdin=log_line()).values[0]) is is_on

    def test_bad_value_in_environment_is_usage_error(self, script: Script) -> None:
        result = script("w3c-alert", env={"W3C_ALERT_WINDOW": "soon"})
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert "'soon'" in result.stderr


class TestExample:
    def _uncommented(self) -> str:
        return re.sub(r"^;(?=[a-z-]+ *=|\[)", "", EXAMPLE.read_text(), flags=re.MULTILINE)

    def _keys(self) -> Iterator[tuple[str, str]]:
        section = ""
        for line in self._uncommented().splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif match := re.match(r"([a-z-]+) *=", line):
                yield section.partition(":")[0], match[1]

    def test_every_key_of_every_command_stands_in_it(self) -> None:
        known = {(name, key) for name in NAMES for key in keys(name)}
        assert len(known) > 20
        assert set(self._keys()) == known

    def test_its_header_names_the_keys_that_are_refused_in_the_working_directory(self) -> None:
        header = EXAMPLE.read_text().partition("\n\n")[0].replace("\n;", "")
        places = re.findall(r"\[([a-z]+)\] ([^\[\]()]+)", header)
        told = {(name, key) for name, listed in places for key in re.split(", | and ", listed) if key}
        acting = {
            (name, key) for name in NAMES for key, param in keys(name).items() if getattr(param, "acts", None)
        }
        assert told == acting

    def test_as_it_is_it_changes_nothing(self, commands: Commands) -> None:
        commands.write("w3ctools.ini", EXAMPLE.read_text())
        result = commands.run("w3c-parse", stdin=log_line())
        (commands.folder / "w3ctools.ini").unlink()
        assert result == commands.run("w3c-parse", stdin=log_line())

    @pytest.mark.parametrize("name", NAMES)
    def test_all_uncommented_loads_in_every_command(self, commands: Commands, name: str) -> None:
        log = commands.write("access.log", log_line())
        text = self._uncommented()
        for path, ours in (
            ("/var/log/nginx/access.log.1", log),
            ("/var/log/nginx/access.log", log),
            ("/etc/nginx/nginx.conf", commands.write("nginx.conf", f"access_log {log};\n")),
            ("/var/log/w3c-rejects.log", commands.folder / "rejects.log"),
            ("/var/log/w3c-alert.log", commands.folder / "alerts.log"),
            ("/var/lib/w3ctools/alerts.db", commands.folder / "alerts.db"),
            ("/var/lib/w3ctools/alert.state", commands.folder / "alert.state"),
            ("/usr/local/bin/on-alert", "true"),
            ("/var/lib/w3ctools/site.db", commands.folder / "site.db"),
            ("/var/log/archive", commands.folder / "archive"),
            ("/var/www/html/report.html", commands.folder / "report.html"),
            ("/tmp/access.log", commands.folder / "simulated.log"),
        ):
            text = text.replace(f"= {path}\n", f"= {ours}\n")
        commands.write("my.ini", text)
        (commands.folder / "archive").mkdir()
        more = {"tail": ("--no-follow",), "gen": ("--fast", "--duration", "1s")}
        result = commands.run(f"w3c-{name}", "--config", "my.ini", *more.get(name, ()))
        assert result.status == 0, result

    def test_default_values_in_it_are_the_defaults(self) -> None:
        lines = re.findall(r"^;?\[([a-z:-]+)\]|^;([a-z-]+) = (.*)$", EXAMPLE.read_text(), flags=re.MULTILINE)
        shown, section = {}, ""
        for header, key, value in lines:
            section = header or section
            shown[section, key] = value
        defaults = {
            (name, key): param.default
            for name in NAMES
            for key, param in keys(name).items()
            if isinstance(param.default, str) and param.default
        }
        assert len(defaults) > 5
        assert {key: shown[key] for key in defaults} == defaults


RULE_OPTIONS = (
    click.option("--threshold", cls=Option, type=NUMBER, default="10", of_rule=True),
    click.option("--exec", "exec_", cls=Option, acts=RUNS, of_rule=True),
    click.option("--only", cls=Option, type=click.IntRange(0, 9), multiple=True, of_rule=True),
    click.option("--each", cls=Option, is_flag=True, of_rule=True),
)
#: What a rule has of which its section says nothing.
RULE_DEFAULTS = {"threshold": Fraction(10), "exec_": None, "only": (), "each": False}


def with_options(*options: Any) -> Callable[[Any], Any]:
    """Add options to a function."""

    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def watcher() -> click.Group:
    """A command with rules, and subcommands that read its section; each returns what it was told."""

    @click.group("watcher", invoke_without_command=True, context_settings={"auto_envvar_prefix": "WATCHER"})
    @config_option("alert")
    @with_options(*RULE_OPTIONS, click.option("--log", cls=Option, acts=NAMES_OUTPUT))
    @click.pass_context
    def group(ctx: click.Context, /, **values: Any) -> Any:
        settings = ctx.meta.get(NAMED)
        return values, None if settings is None else settings.rules

    @group.command("try")
    @config_option("alert")
    @with_options(RULE_OPTIONS[0], click.option("--log", cls=Option), click.option("--first", cls=Option))
    @click.pass_context
    def attempt(ctx: click.Context, /, **values: Any) -> Any:
        return values, ctx.meta[NAMED].rules

    @group.command("check")
    @click.option("--config")
    @click.pass_context
    def check(ctx: click.Context, config: str | None) -> list[str]:
        assert ctx.parent is not None
        settings = read_settings(ctx.parent, find_config(config), "alert")
        return [str(error) for error in settings.errors]

    return group


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, without a user's settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("W3CTOOLS_CONFIG", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def watch(*args: str) -> Any:
    """What `watcher` returns."""
    return watcher().main(list(args), standalone_mode=False)


class TestRules:
    def _rules(self, folder: Path, text: str, *args: str) -> list[NamedSection]:
        (folder / "my.ini").write_text(text)
        rules: list[NamedSection] = watch("--config", "my.ini", *args)[1]
        return rules

    def _error(self, folder: Path, text: str) -> str:
        with pytest.raises(ConfigError) as caught:
            self._rules(folder, text)
        return str(caught.value)

    def test_without_file_there_are_none(self, folder: Path) -> None:
        assert watch()[1] == []

    def test_they_come_in_the_files_order_with_their_places(self, folder: Path) -> None:
        rules = self._rules(folder, "[alert:shop]\n\n[alert]\n[tail]\n[alert:api-2]\n")
        assert [(rule.name, rule.where) for rule in rules] == [
            ("shop", "my.ini:1:1"),
            ("api-2", "my.ini:5:1"),
        ]

    def test_values_are_those_written_and_else_the_defaults(self, folder: Path) -> None:
        text = "[alert:shop]\nthreshold = 2.5\nexec = mail -s %h\nonly = 1\n  2\neach = yes\n"
        shop, other = self._rules(folder, f"{text}[alert:b]\neach = yes\n")
        assert shop.values == {
            "threshold": Fraction(5, 2),
            "exec_": "mail -s %h",
            "only": (1, 2),
            "each": True,
        }
        assert other.values == RULE_DEFAULTS | {"each": True}

    def test_list_without_a_line_is_empty(self, folder: Path) -> None:
        [rule] = self._rules(folder, "[alert:shop]\nonly =\n")
        assert (rule.values["only"], [*rule.place_of]) == ((), ["only"])

    def test_they_know_what_was_written_and_where(self, folder: Path) -> None:
        [rule] = self._rules(folder, "[alert:shop]\nthreshold = 10\nexec = \n    mail\n")
        assert rule.place_of == {"threshold": "my.ini:2:13", "exec_": "my.ini:4:5"}

    def test_they_inherit_nothing(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WATCHER_THRESHOLD", "30")
        [rule] = self._rules(folder, "[alert]\nonly = 5\n[alert:shop]\n", "--each")
        assert (rule.values, rule.place_of) == (RULE_DEFAULTS, {})

    def test_they_give_nothing_to_the_command(self, folder: Path) -> None:
        (folder / "my.ini").write_text("[alert:shop]\nthreshold = 3\n")
        assert watch("--config", "my.ini")[0]["threshold"] == 10

    def test_key_of_the_command_alone_is_an_error(self, folder: Path) -> None:
        error = self._error(folder, "[alert:shop]\nlog = a.log\n")
        assert error == "my.ini:2:1: 'log' stands in [alert], not in a rule"

    def test_unknown_key_is_an_error_with_the_nearest_of_a_rule(self, folder: Path) -> None:
        error = self._error(folder, "[alert:shop]\n\ntreshold = 3\n")
        assert error == "my.ini:3:1: no key 'treshold' in [alert:shop]: did you mean 'threshold'?"

    def test_unknown_key_like_none_is_an_error_with_those_of_a_rule(self, folder: Path) -> None:
        error = self._error(folder, "[alert:shop]\nxyz = 3\n")
        assert error == ("my.ini:2:1: no key 'xyz' in [alert:shop]: known are threshold, exec, only, each")

    def test_bad_value_is_an_error(self, folder: Path) -> None:
        assert self._error(folder, "[alert:shop]\nthreshold = x\n").startswith("my.ini:2:13: threshold: 'x'")

    def test_bad_value_in_a_list_is_an_error_that_names_its_line(self, folder: Path) -> None:
        error = self._error(folder, "[alert:shop]\nonly = 1\n\n   # 2\n\t3\n  x y \n  4\n")
        assert error.startswith("my.ini:6:3: only: 'x y'")

    def test_folders_file_may_set_no_key_that_acts(self, folder: Path) -> None:
        (folder / "w3ctools.ini").write_text("[alert:shop]\nexec = rm\n")
        with pytest.raises(
            ConfigError, match=r"^w3ctools\.ini:2:1: 'exec' runs a command and may not stand in"
        ):
            watch()


class TestSubcommand:
    def test_it_uses_the_keys_that_it_has_options_for(self, folder: Path) -> None:
        (folder / "w3ctools.ini").write_text("[alert]\nthreshold = 3\neach = yes\n[alert:shop]\neach = yes\n")
        values, rules = watch("try")
        assert values == {"threshold": Fraction(3), "log": None, "first": None}
        assert [(rule.name, rule.values) for rule in rules] == [("shop", {"threshold": Fraction(10)})]

    def test_its_own_options_are_no_keys(self, folder: Path) -> None:
        (folder / "w3ctools.ini").write_text("[alert]\nfirst = 3\n")
        with pytest.raises(ConfigError, match=r"^w3ctools\.ini:2:1: no key 'first' in \[alert\]"):
            watch("try")

    @pytest.mark.parametrize(
        "args", [("--config", "my.ini", "try"), ("try", "--config", "my.ini")], ids=["before", "behind"]
    )
    def test_file_is_named_before_or_behind_it(self, folder: Path, args: tuple[str, ...]) -> None:
        (folder / "w3ctools.ini").write_text("[nonsense]\n")
        (folder / "my.ini").write_text("[alert]\nthreshold = 3\n")
        assert watch(*args)[0]["threshold"] == 3

    def test_folders_file_may_not_set_what_acts_in_the_group(self, folder: Path) -> None:
        (folder / "w3ctools.ini").write_text("[alert]\nlog = victim\n")
        with pytest.raises(ConfigError, match="'log' names a file to write"):
            watch("try")


class TestCheck:
    def _errors(self, folder: Path, text: str) -> list[str]:
        (folder / "my.ini").write_text(text)
        errors: list[str] = watch("check", "--config", "my.ini")
        return errors

    def test_good_file_has_no_errors(self, folder: Path) -> None:
        assert self._errors(folder, "[alert]\nlog = a\n[alert:shop]\nexec = mail\n[tail]\nfiles = a\n") == []

    def test_all_errors_come_in_the_files_order(self, folder: Path) -> None:
        text = (
            "[alert:shop]\nlog = a\nthreshold = x\nonly = 11\n  2\n  y\n"
            "[prase]\n[alert:Shop]\n[alert]\nsite = a\nthreshold = z\n"
        )
        assert [re.split(r": | and | is ", error)[:2] for error in self._errors(folder, text)] == [
            ["my.ini:2:1", "'log' stands in [alert], not in a rule"],
            ["my.ini:3:13", "threshold"],
            ["my.ini:4:8", "only"],
            ["my.ini:6:3", "only"],
            ["my.ini:7:1", "no section [prase]"],
            ["my.ini:8:1", "no section [alert:Shop]"],
            ["my.ini:10:1", "no key 'site' in [alert]"],
            ["my.ini:11:13", "threshold"],
        ]

    def test_file_that_cannot_be_read_is_one_error(self, folder: Path) -> None:
        assert watch("check", "--config", "absent.ini") == [
            "absent.ini: cannot be read: No such file or directory"
        ]

    def test_file_that_cannot_be_parsed_is_one_error(self, folder: Path) -> None:
        assert self._errors(folder, "[alert]\nlog\n[prase]\n") == [
            "my.ini:2:1: unexpected line: 'log': expected key = value"
        ]

    def test_found_file_is_checked_for_keys_that_act(self, folder: Path) -> None:
        (folder / "w3ctools.ini").write_text("[alert]\nlog = a\n[alert:shop]\nexec = mail\n")
        assert [error.partition(" and ")[0] for error in watch("check")] == [
            "w3ctools.ini:2:1: 'log' names a file to write",
            "w3ctools.ini:4:1: 'exec' runs a command",
        ]

    def test_where_there_is_no_file_there_are_no_errors(self, folder: Path) -> None:
        assert watch("check") == []


def keys(name: str) -> dict[str, click.Parameter]:
    """The keys that a command's section may hold."""
    command: click.Command = getattr(importlib.import_module(f"w3ctools.cli.{name}"), name)
    params = {max(param.opts, key=len).removeprefix("--").lower(): param for param in command.params}
    return {key: param for key, param in params.items() if key not in NO_KEYS}
