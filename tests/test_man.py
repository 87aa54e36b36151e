"""The manual pages against the code: all that there is stands in them, and nothing that there is not."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from harness import tool
from msgspec import inspect
from rule_kit import parse_message

from w3ctools.cli._command import CommandWithSubcommands
from w3ctools.cli.alert import alert
from w3ctools.cli.gen import gen
from w3ctools.cli.parse import parse
from w3ctools.cli.report import report
from w3ctools.cli.spark import spark
from w3ctools.cli.stats import stats
from w3ctools.cli.store import store
from w3ctools.cli.tail import tail
from w3ctools.core.alert import Alerts
from w3ctools.core.record import FILE_KEY, FORMAT_KEYS, Record
from w3ctools.core.rule import Rule
from w3ctools.core.section import split_target
from w3ctools.core.wire import (
    AlertEvent,
    GapEvent,
    HostEvent,
    KeyCount,
    Row,
    SectionCount,
    SummaryEvent,
    Unparsed,
)

ROOT = Path(__file__).resolve().parent.parent
MAN = ROOT / "man"
CLICK_COMMANDS = {
    str(command.name): command for command in (tail, parse, stats, alert, report, store, spark, gen)
}
SHELL_COMMANDS = ("w3c-monitor", "w3c-simulation")
COMMANDS = (*CLICK_COMMANDS, *SHELL_COMMANDS)
PAGES = (*(f"{name}.1" for name in COMMANDS), "w3ctools.5", "w3ctools.7")
SECTIONS = (
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "OPTIONS",
    "ENVIRONMENT",
    "FILES",
    "EXIT STATUS",
    "EXAMPLES",
    "SEE ALSO",
)
#: They have no option with a default.
WITHOUT_DEFAULTS = ("w3c-store",)
#: Variables of arguments.
ARGUMENTS = ("W3C_STORE_FILE",)
#: Options that are no settings: neither the file nor the environment has them.
NO_SETTINGS = ("config", "help", "version", "if-enabled", "list-formats", "detect")
KEYS_OF: dict[str, type[msgspec.Struct]] = {
    "Keys of every record": Record,
    "unparsed": Unparsed,
    "alert": AlertEvent,
    "summary": SummaryEvent,
    "Each of sections": SectionCount,
    "Each of by": KeyCount,
    "gap": GapEvent,
    "host": HostEvent,
}


@cache
def source(page: str) -> str:
    """A page as it was written, with the escapes of literal text undone."""
    text = (MAN / page).read_text(encoding="utf-8").replace("\\\n", "")
    for escape, character in {r"\-": "-", r"\(aq": "'", r"\(dq": '"', r"\(ti": "~", r"\&": ""}.items():
        text = text.replace(escape, character)
    return text


def part(page: str, macro: str, title: str) -> str:
    """What stands under a ``.Sh`` or ``.Ss`` heading."""
    match = re.search(rf"^\.{macro} {re.escape(title)}\n(.*?)(?=^\.S[hs] |\Z)", source(page), re.M | re.S)
    assert match is not None, f"{page} has no .{macro} {title}"
    return match[1]


def options_of(name: str) -> set[str]:
    """All options that a command has, short and long."""
    if name in SHELL_COMMANDS:
        return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", shell_help(name).partition("Options:\n")[2]))
    return {text for option in click_options(name) for text in option.opts}


@cache
def shell_help(name: str) -> str:
    """What a shell command says to --help."""
    command = ["sh", str(ROOT / "bin" / name), "--help"]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout


def click_options(name: str) -> list[click.Option]:
    """The options of a click command and of its subcommands, in the order of --help."""
    command = CLICK_COMMANDS[name]
    subcommands: Iterable[click.Command] = ()
    if isinstance(command, click.Group | CommandWithSubcommands):
        subcommands = command.commands.values()
    found: dict[str, click.Option] = {}
    for one in (command, *subcommands):
        context = click.Context(one, info_name=name, **one.context_settings)
        for param in one.get_params(context):
            if isinstance(param, click.Option):
                found.setdefault(long_name(param), param)
    return sorted(found.values(), key=lambda option: long_name(option) in ("config", "version", "help"))


def command_of(name: str, form: str) -> click.Command:
    """The command, or that of its subcommands with whose name a form of the synopsis begins."""
    command = CLICK_COMMANDS[name]
    match = re.match(r"\.Cm (.+)\n", form)
    if match is None:
        return command
    assert isinstance(command, click.Group | CommandWithSubcommands)
    return command.commands[match[1]]


def flags_of(option: click.Option) -> str:
    """The names of an option in mdoc: ``Fl n , -lines``."""
    return "Fl " + " , ".join(text[1:] for text in sorted(option.opts, key=len))


def value_of(option: click.Option) -> str:
    """Its value in mdoc, with a blank in front: `` Ar N``, or `` Cm text | json``; empty for a flag."""
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice):
        return f" Cm {' | '.join(option.type.choices)}"
    return f" Ar {option.make_metavar(click.Context(click.Command(None)))}"


def long_name(param: click.Parameter) -> str:
    """The name of an option or argument in the configuration file."""
    return max(param.opts, key=len).removeprefix("--")


def described(page: str) -> dict[str, str]:
    """Each option that has an item under OPTIONS, with the item's text."""
    items = re.split(r"^\.It ", part(page, "Sh", "OPTIONS"), flags=re.M)[1:]
    return {option: item for item in items for option in flags(item.partition("\n")[0])}


def flags(text: str) -> Iterator[str]:
    """The options in macros: ``Fl n , -lines Ar N`` has -n and --lines."""
    for run in re.findall(r"\bFl ((?:-?[a-z][a-z-]*)(?: [,|] -?[a-z][a-z-]*)*)", text):
        yield from (f"-{word}" for word in re.split(r" [,|] ", run))


def in_commands(text: str) -> Iterator[tuple[str, str]]:
    """Each option behind the name of a command in an example, with that name."""
    for name, rest in re.findall(r"\b(w3c-[a-z]+)\b([^|&;()<>\n]*)", text):
        yield from ((name, option) for option in re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest))


def keys(text: str) -> list[tuple[str, str]]:
    """The items ``.It Va key No (type)``."""
    return re.findall(r"^\.It Va (\w+) No \((.+)\)$", text, re.M)


def json_type(annotation: Any) -> str:
    """What JSON calls a type, such as ``string or null``."""
    info = inspect.type_info(annotation)
    names = {
        inspect.StrType: "string",
        inspect.IntType: "integer",
        inspect.FloatType: "number",
        inspect.BoolType: "boolean",
        inspect.DictType: "object",
        inspect.ListType: "array",
        inspect.NoneType: "null",
    }
    members = info.types if isinstance(info, inspect.UnionType) else (info,)
    found = {names[type(member)] for member in members}
    if "number" in found:
        found.discard("integer")
    return " or ".join(sorted(found, key=lambda name: (name == "null", name)))


def test_every_command_has_a_page_that_is_installed() -> None:
    launchers = {path.name for path in (ROOT / "bin").glob("w3c-*")}
    assert set(COMMANDS) == launchers
    assert {path.name for path in MAN.glob("*.[1-9]")} == set(PAGES)
    setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    assert [page for page in PAGES if f"    man/{page}\n" not in setup] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_has_all_sections_in_order(name: str) -> None:
    headings = re.findall(r"^\.Sh (.+)$", source(f"{name}.1"), re.M)
    assert [heading for heading in headings if heading in SECTIONS] == list(SECTIONS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_described_are_those_there_are(name: str) -> None:
    options = options_of(name)
    assert {"--help", "-h", "--version"} < options
    assert set(described(f"{name}.1")) == options


@pytest.mark.parametrize("name", COMMANDS)
def test_the_synopsis_has_every_option(name: str) -> None:
    synopsis = set(flags(part(f"{name}.1", "Sh", "SYNOPSIS")))
    items = part(f"{name}.1", "Sh", "OPTIONS").split("\n.It ")[1:]
    options = [set(flags(item.partition("\n")[0])) for item in items]
    assert len(options) >= 3
    assert [names for names in options if not names & synopsis] == []


@pytest.mark.parametrize("name", CLICK_COMMANDS)
def test_options_stand_as_in_help(name: str) -> None:
    items = re.findall(r"^\.It (Fl .+)$", part(f"{name}.1", "Sh", "OPTIONS"), re.M)
    assert items == [f"{flags_of(option)}{value_of(option)}" for option in click_options(name)]


@pytest.mark.parametrize("name", SHELL_COMMANDS)
def test_options_of_shell_commands_stand_as_in_help(name: str) -> None:
    items = re.findall(r"^\.It (.+)$", part(f"{name}.1", "Sh", "OPTIONS"), re.M)
    lines = re.findall(r"^  (-\S+(?:, -\S+)*)(?: ([A-Z]+))?  ", shell_help(name), re.M)
    named = [" , ".join(option[1:] for option in options.split(", ")) for options, _ in lines]
    assert items == [
        f"Fl {names}{f' Ar {value}' if value else ''}" for names, (_, value) in zip(named, lines, strict=True)
    ]


@pytest.mark.parametrize("name", CLICK_COMMANDS)
def test_options_mean_what_help_says(name: str) -> None:
    """At least half of the words of an option's help, by their beginnings, are in its item too."""
    items = described(f"{name}.1")
    for option in click_options(name):
        item = items[max(option.opts, key=len)].lower()
        text = str(option.help).partition("[default")[0].lower()
        words = {word[:4] for word in re.findall(r"[a-z]{4,}", text)}
        known = {word for word in words if word in item}
        assert 2 * len(known) >= len(words), (option.opts, words - known)


@pytest.mark.parametrize("name", CLICK_COMMANDS)
def test_the_synopsis_has_options_in_order_with_their_values(name: str) -> None:
    options = {text: option for option in click_options(name) for text in option.opts}
    forms = re.split(r"^\.Nm .+\n", part(f"{name}.1", "Sh", "SYNOPSIS"), flags=re.M)[1:]
    assert len(forms) >= 2
    for form in forms[:-1]:  # the last one is that of --help
        order = [text for param in command_of(name, form).params for text in param.opts]
        places = [order.index(flag) for flag in flags(form)]
        assert places == sorted(places), form
        valued = re.findall(r"\bFl (-?[a-z][a-z-]*)((?: (?:Ar|Cm) \S+(?: \| [\w-]+)*)?)$", form, re.M)
        assert valued or "Fl" not in form
        for flag, value in valued:
            known = value_of(options[f"-{flag}"])
            short = f" Ar {flag[1:].upper()}"  # of a list that is too long for a line
            assert value == (known if known.count("|") < 5 else short), flag


@pytest.mark.parametrize("page", PAGES)
def test_no_page_names_an_option_that_there_is_not(page: str) -> None:
    text = source(page)
    known = {name: options_of(name) for name in COMMANDS}
    own = known.get(page.removesuffix(".1"), set().union(*known.values()))
    named = set(flags(text)) | set(re.findall(r"^\.Ql (--[a-z-]+)", text, re.M))
    assert named
    assert named - own == set()
    used = list(in_commands(text))
    assert used
    assert [(name, option) for name, option in used if option not in known[name]] == []


@pytest.mark.parametrize("name", CLICK_COMMANDS)
def test_defaults_and_ranges_are_described(name: str) -> None:
    items = described(f"{name}.1")
    checked = 0
    for option in click_options(name):
        item = " ".join(re.sub(r"^\.(Cm|Ql) ", "", items[max(option.opts, key=len)], flags=re.M).split())
        if option.show_default is True and not option.is_flag:
            assert re.search(rf"The default is {re.escape(str(option.default))}(?!\w)", item), option.opts
            checked += 1
        if isinstance(option.type, click.IntRange) and option.type.max is not None:
            assert re.search(rf"\b{option.type.min}\b.* {option.type.max}\b", item), option.opts
    assert bool(checked) is (name not in WITHOUT_DEFAULTS)


@pytest.mark.parametrize("name", CLICK_COMMANDS)
def test_every_setting_has_its_variable(name: str) -> None:
    prefix = name.replace("-", "_").upper()
    settings = [long_name(option) for option in click_options(name)]
    variables = {
        f"{prefix}_{setting.replace('-', '_').upper()}" for setting in settings if setting not in NO_SETTINGS
    }
    variables |= {str(param.envvar) for param in CLICK_COMMANDS[name].params if param.envvar in ARGUMENTS}
    assert variables
    assert set(re.findall(rf"{prefix}_\w+", part(f"{name}.1", "Sh", "ENVIRONMENT"))) == variables


@pytest.mark.parametrize("name", CLICK_COMMANDS)
def test_every_setting_has_its_key(name: str) -> None:
    page = part("w3ctools.5", "Sh", "CONFIGURATION FILE")
    match = re.search(rf"^\.It Ic \[{name.removeprefix('w3c-')}\]\n\.Ic (.+)$", page, re.M)
    assert match is not None
    params = [long_name(param) for param in CLICK_COMMANDS[name].params]
    assert sorted(match[1].split(" , ")) == sorted(key for key in params if key not in NO_SETTINGS)


@pytest.mark.parametrize("title", KEYS_OF)
def test_keys_stand_in_order_with_their_types(title: str) -> None:
    fields = msgspec.structs.fields(KEYS_OF[title])
    assert fields
    assert keys(part("w3ctools.5", "Ss", title)) == [
        (field.encode_name, json_type(field.type)) for field in fields
    ]


def test_keys_of_some_formats_stand_in_order_with_their_types() -> None:
    assert FORMAT_KEYS
    assert keys(part("w3ctools.5", "Ss", "Keys of some formats")) == [
        (key, json_type(annotation)) for key, annotation in FORMAT_KEYS.items()
    ]


def test_the_key_that_names_the_file_stands_alone() -> None:
    assert keys(part("w3ctools.5", "Ss", "The key of --source")) == [
        (key, json_type(annotation)) for key, annotation in FILE_KEY.items()
    ]


def test_the_messages_are_those_written() -> None:
    alerts = Alerts([Rule(Fraction(2), 10)], lateness_s=2)
    epochs: list[int | float | None] = [1000] * 50
    epochs += [*range(1001, 1020), *[1100] * 50, *range(1101, 1105), *range(500, 515)]
    events = [event for _, event in alerts.feed([Row(epoch=epoch) for epoch in epochs])]
    assert [event.state for event in events] == ["raised", "recovered", "raised", "reset"]
    written = {re.sub(r"\d{4}-\S+Z$", "TIME", re.sub(r"hits = \d+", "hits = N", e.message)) for e in events}
    block = re.search(r"^\.Bd [^\n]*\n(.*?)^\.Ed$", part("w3ctools.5", "Sh", "MESSAGES"), re.M | re.S)
    assert block is not None
    assert set(block[1].splitlines()) == written


def test_messages_shown_are_messages() -> None:
    shown = [
        line.removeprefix(".Dl ")
        for page in PAGES
        for line in source(page).splitlines()
        if re.match(r"(\.Dl )?(High|Low) ", line) and not line.endswith("TIME")
    ]
    assert len(shown) >= 3
    assert [line for line in shown if parse_message(line.encode()) is None] == []


def test_the_sections_shown_are_the_sections() -> None:
    rows = re.findall(r"^\.It ([/h]\S*) Ta (\S+)$", part("w3ctools.5", "Ss", "The section"), re.M)
    assert len(rows) >= 5
    assert [(target, split_target(target).section) for target, _ in rows] == rows


@pytest.mark.parametrize("page", PAGES)
def test_references_lead_somewhere(page: str) -> None:
    references = re.findall(r"\bXr (w3c\S+) (\d)", source(page))
    assert references
    assert {f"{name}.{number}" for name, number in references} <= set(PAGES)


def test_mandoc_has_nothing_to_say() -> None:
    pages = [str(MAN / page) for page in PAGES]
    assert pages
    command = [tool("mandoc"), "-T", "lint", "-W", "warning", *pages]
    assert subprocess.run(command, capture_output=True, check=False, text=True, timeout=60).stdout == ""


@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_a_terminal(page: str) -> None:
    command = [tool("mandoc"), "-T", "utf8", "-O", "width=80", str(MAN / page)]
    shown = subprocess.run(command, capture_output=True, check=True, encoding="utf-8", timeout=60).stdout
    lines = re.sub(".\\x08", "", shown).splitlines()  # overstruck: bold, underlined
    assert len(lines) > 40
    assert [line for line in lines if len(line) > 80 and "://" not in line] == []
