"""Where an option's value comes from: flag, environment, configuration file, default.

Options carry what the file needs to know about them, so that a command states each of them once.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from w3ctools.core.errors import ConfigError, QuantityError, W3CError
from w3ctools.core.quantity import parse_duration_s, parse_number
from w3ctools.core.section import parse_site
from w3ctools.edge.config import NAME, ConfigFile, Found, Section, Setting, ValueLine, find, load
from w3ctools.edge.streams import note, program_name

if TYPE_CHECKING:  # start-up counts, and only shells that complete a line ask for it
    from click.shell_completion import CompletionItem

#: Every section that a file may have: one a command.
SECTIONS = ("tail", "parse", "stats", "alert", "report", "store", "spark", "gen")
#: Beside this one there may be more, each a rule of its own: ``[alert:NAME]``.
_OF_RULES = "alert"
_RULE_NAME = re.compile(r"[a-z0-9-]+")

#: What a key does that must not stand in a file which merely lies in the working directory.
NAMES_OUTPUT = "names a file to write"
RUNS = "runs a command"
SENDS = "sends messages out"
LISTENS = "listens for connections"

#: In ``ctx.meta``: the subcommands that may stand in place of the FILE that a shell completes.
INSTEAD_OF_FILE = f"{__name__}.instead_of_file"
#: Where a command finds the file's `Settings` in ``ctx.meta``.
NAMED = f"{__name__}.named"
#: What a group tells its subcommand: that it leaves the file to it, and what the user named behind --config.
_IS_LEFT_TO_SUBCOMMAND = f"{__name__}.is_left_to_subcommand"
_PATH = f"{__name__}.path"


class Quantity(click.ParamType[Any]):
    """A click type out of a reader that raises W3CError or ValueError.

    `complete`: the values that a shell may offer for the beginning of one.
    """

    def __init__(self, name: str, read: Any, complete: Callable[[str], list[str]] | None = None) -> None:
        self.name = name
        self._read = read
        self._complete = complete

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a text; values that were read already pass."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except (W3CError, ValueError) as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """Called by click for a shell."""
        from click.shell_completion import CompletionItem

        values = self._complete(incomplete) if self._complete is not None else []
        return [CompletionItem(value) for value in values if value.startswith(incomplete)]


class _PathName(click.ParamType[str]):
    """The name of a file or folder, taken as it stands; shells complete it."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self._kind = kind

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """Called by click for a shell, which looks for the files itself."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type=self._kind)]


def _positive_duration_s(text: str) -> int:
    duration_s = parse_duration_s(text)
    if duration_s == 0:
        raise QuantityError("must be longer than 0")
    return duration_s


FILE = _PathName("FILE", "file")
FOLDER = _PathName("DIR", "dir")
DURATION = Quantity("DURATION", _positive_duration_s)
NUMBER = Quantity("NUMBER", parse_number)
SITE = Quantity("URL", parse_site)


class Option(click.Option):
    """An option. `acts`: what its value does, if not every file may set it. `of_rule`: a rule may set it."""

    def __init__(self, *args: Any, acts: str | None = None, of_rule: bool = False, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.acts = acts
        self.of_rule = of_rule


class Argument(click.Argument):
    """A FILE that is named by the environment or the configuration file too; `acts` as for an `Option`."""

    def __init__(self, *args: Any, acts: str | None = None, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.acts = acts

    def get_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Called by click for its command, and for the subcommands of that, which do not take it."""
        return super().get_usage_pieces(ctx) if self in ctx.command.params else []

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Called by click for a shell."""
        from click.shell_completion import CompletionItem

        names = [name for name in ctx.meta.get(INSTEAD_OF_FILE, ()) if name.startswith(incomplete)]
        return [*map(CompletionItem, names), *super().shell_complete(ctx, incomplete)]


def output_option(text: str) -> Callable[[Any], Any]:
    """``--output``, with its help."""
    return click.option(
        "-o",
        "--output",
        cls=Option,
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help=text,
    )


interval_option = click.option(
    "-i",
    "--interval",
    cls=Option,
    type=DURATION,
    default="10s",
    show_default=True,
    help="Length of an interval, in the log's time.",
)


class NamedSection(NamedTuple):
    """A rule, ``[alert:NAME]``: it inherits nothing, neither of ``[alert]`` nor of environment or flags."""

    name: str
    #: ``FILE:LINE:COLUMN`` of its header.
    where: str
    #: By parameter: each option of a rule, as the section says, else the option's default.
    values: dict[str, Any]
    #: By parameter: ``FILE:LINE:COLUMN`` of the values that the section has.
    place_of: dict[str, str]


def config_option(section: str) -> Callable[[Any], Any]:
    """``--config FILE``; whether given or not, it makes the file's settings the command's defaults.

    ``ctx.meta[NAMED]`` becomes the file's `Settings`, with its named sections.
    In a subcommand the section stays that of its group: it takes the keys that it has options for.
    """

    def read(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
        if ctx.resilient_parsing:  # a shell completes a line: nothing is run, and nothing said
            return
        if ctx.meta[_IS_LEFT_TO_SUBCOMMAND]:
            ctx.meta[_PATH] = value
            return
        found = find_config(ctx.meta.get(_PATH) if value is None else value)
        settings = read_settings(ctx, found, section)
        if settings.errors:
            raise settings.errors[0]
        ctx.default_map = settings.defaults
        ctx.meta[NAMED] = settings

    return click.option(
        "--config",
        cls=_ConfigOption,
        type=FILE,
        expose_value=False,
        is_eager=True,
        callback=read,
        help=f"Read settings from FILE instead of the first {NAME} found.",
    )


class _ConfigOption(Option):
    """Tells its callback whether a subcommand follows, which then reads the file instead of its group."""

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """Called by click before the callback; `args` are the words behind the options."""
        ctx.meta[_IS_LEFT_TO_SUBCOMMAND] = isinstance(ctx.command, click.Group) and bool(args)
        return super().handle_parse_result(ctx, opts, args)


def find_config(path: str | None) -> Found:
    """The file that the user named, else the first that there is; says which were passed over, and why."""
    if path is not None:
        return Found(path, True, [])
    found = find(os.environ)
    for text in found.notes:
        note(f"{program_name()}: {text}")
    return found


def read_settings(ctx: click.Context, found: Found, section: str) -> Settings:
    """What a file says to the command of `ctx`, and all that is wrong with it; see `config_option`."""
    settings = Settings(ctx, section)
    if found.path is not None:
        try:
            settings.read(load(found.path, may_act=found.may_act))
        except ConfigError as error:
            settings.errors.append(error)
    return settings


class Settings:
    """What a file says to a command. Where there are errors, the rest is of no use."""

    def __init__(self, ctx: click.Context, section: str) -> None:
        #: What the command's own section sets, by parameter.
        self.defaults: dict[str, Any] = {}
        #: In the file's order.
        self.errors: list[ConfigError] = []
        self._ctx = ctx
        self._section = section
        self._known = _params(ctx.find_root().command)
        self._used = _params(ctx.command)
        #: The rule of the command's own section, and those of the named sections, in the file's order.
        self.own = self._rule("", "")
        self.rules: list[NamedSection] = []

    def read(self, config: ConfigFile) -> None:
        """Take over a file."""
        for name, section in config.sections.items():
            problem = _problem_of_section(name)
            if problem is not None:
                self._error(section.where, problem)
            elif name == self._section:
                self._read_own(section, config.may_act)
            elif name.startswith(f"{self._section}:"):
                self._read_rule(name, section, config.may_act)

    def _read_own(self, section: Section, may_act: bool) -> None:
        for param, setting in self._usable(self._section, section, self._known, may_act):
            name, value = str(param.name), self._convert(param, setting)
            # click would call it, for a default
            self.defaults[name] = setting.value if callable(value) else value
            self.own.place_of[name] = setting.lines[0].where
            if name in self.own.values:
                self.own.values[name] = value

    def _read_rule(self, name: str, section: Section, may_act: bool) -> None:
        rule = self._rule(name.partition(":")[2], section.where)
        for param, setting in self._usable(name, section, _of_rule(self._known), may_act):
            rule.values[str(param.name)] = self._convert(param, setting)
            rule.place_of[str(param.name)] = setting.lines[0].where
        self.rules.append(rule)

    def _rule(self, name: str, where: str) -> NamedSection:
        rule = NamedSection(name, where, {}, {})
        for param in _of_rule(self._used).values():
            default = param.to_info_dict()["default"]
            rule.values[str(param.name)] = param.type_cast_value(self._ctx, default)
        return rule

    def _usable(
        self, name: str, section: Section, allowed: dict[str, click.Parameter], may_act: bool
    ) -> Iterator[tuple[click.Parameter, Setting]]:
        """The settings whose keys are right and are options of this command, not only of its group."""
        for key, setting in section.settings.items():
            param = allowed.get(key)
            if param is None and key in self._known:
                self._error(setting.where, f"{key!r} stands in [{self._section}], not in a rule")
            elif param is None:
                self._error(setting.where, f"no key {key!r} in [{name}]{_nearest(key, list(allowed))}")
            elif isinstance(param, Option | Argument) and param.acts is not None and not may_act:
                self._error(
                    setting.where,
                    f"{key!r} {param.acts} and may not stand in ./{NAME}: "
                    f"name the file with --config or W3CTOOLS_CONFIG, or use ~/.config/w3ctools/{NAME}",
                )
            elif key in self._used:
                yield self._used[key], setting

    def _convert(self, param: click.Parameter, setting: Setting) -> Any:
        """The value read; what cannot be read of it is left out."""
        is_list = param.multiple or param.nargs == -1
        whole = ValueLine(setting.value, setting.lines[0].where)
        values = []
        for text, where in setting.lines if is_list else [whole]:
            try:
                if text or not is_list:
                    values.append(param.type(text, param, self._ctx))
            except click.BadParameter as error:
                self._error(where, f"{_key(param)}: {error.message}")
        return tuple(values) if is_list else next(iter(values), None)

    def _error(self, where: str, text: str) -> None:
        self.errors.append(ConfigError(f"{where}: {text}"))


def _problem_of_section(name: str) -> str | None:
    """Why there is no section of this name, in any command; None if there is."""
    kind, colon, rule = name.partition(":")
    if name in SECTIONS or (kind == _OF_RULES and _RULE_NAME.fullmatch(rule)):
        return None
    if kind == _OF_RULES:
        similar = re.sub(r"[^a-z0-9]+", "-", rule.lower()).strip("-")
        hint = f": did you mean '{kind}:{similar}'?" if similar else ""
        return f"no section [{name}]: the name of a rule is made of a-z, 0-9 and -{hint}"
    rules = [f"{_OF_RULES}:{rule}"] if colon and _RULE_NAME.fullmatch(rule) else []
    return f"no section [{name}]{_nearest(name, [*SECTIONS, *rules])}"


def _params(command: click.Command) -> dict[str, click.Parameter]:
    """By key: what a section can set."""
    return {_key(param): param for param in command.params if _key(param) not in _NO_KEYS}


def _of_rule(params: dict[str, click.Parameter]) -> dict[str, click.Parameter]:
    return {key: param for key, param in params.items() if isinstance(param, Option) and param.of_rule}


#: Actions, not settings.
_NO_KEYS = ("config", "help", "version", "if-enabled", "list-formats", "detect")


def _key(param: click.Parameter) -> str:
    """The name in the file: the long option's, or an argument's own."""
    longest = max(param.opts, key=len)
    return longest.removeprefix("--").lower()


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f": did you mean {near[0]!r}?" if near else f": known are {', '.join(known)}"
