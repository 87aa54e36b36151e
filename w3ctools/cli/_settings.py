"""Where an option's value comes from: flag, environment, configuration file, default.

Options carry what the file needs to know about them, so that a command states each of them once.
"""

from __future__ import annotations

import difflib
import os
from typing import Any

import click

from w3ctools.core.errors import ConfigError, QuantityError, W3CError
from w3ctools.core.quantity import parse_duration_s, parse_number
from w3ctools.core.section import parse_site
from w3ctools.edge.config import NAME, ConfigFile, Setting, find, load
from w3ctools.edge.streams import note, program_name

#: Every section that a file may have: one a command.
SECTIONS = ("tail", "parse", "stats", "alert", "gen")


class Quantity(click.ParamType[Any]):
    """A click type out of a reader that raises W3CError or ValueError."""

    def __init__(self, name: str, read: Any) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a text; values that were read already pass."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except (W3CError, ValueError) as error:
            self.fail(str(error), param, ctx)


def _positive_duration_s(text: str) -> int:
    duration_s = parse_duration_s(text)
    if duration_s == 0:
        raise QuantityError("must be longer than 0")
    return duration_s


DURATION = Quantity("DURATION", _positive_duration_s)
NUMBER = Quantity("NUMBER", parse_number)
SITE = Quantity("URL", parse_site)


class Option(click.Option):
    """An option. `names_output`: its value names a file that is written to."""

    def __init__(self, *args: Any, names_output: bool = False, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.names_output = names_output


def config_option(section: str) -> Any:
    """``--config FILE``; whether given or not, it makes the file's settings the command's defaults."""

    def read(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
        config = _read_config(value)
        if config is not None:
            _check_sections(config)
            ctx.default_map = _defaults(ctx, config, section)

    return click.option(
        "--config",
        cls=Option,
        metavar="FILE",
        expose_value=False,
        is_eager=True,
        callback=read,
        help=f"Read settings from FILE instead of the first {NAME} found.",
    )


def _read_config(value: str | None) -> ConfigFile | None:
    if value is not None:
        return load(value, named=True)
    found = find(os.environ)
    for text in found.notes:
        note(f"{program_name()}: {text}")
    return load(found.path, named=found.named) if found.path is not None else None


def _check_sections(config: ConfigFile) -> None:
    for name, line in config.section_lines.items():
        if name not in SECTIONS:
            raise ConfigError(f"{config.path}:{line}: no section [{name}]{_nearest(name, list(SECTIONS))}")


def _defaults(ctx: click.Context, config: ConfigFile, section: str) -> dict[str, Any]:
    params = {_key(param): param for param in ctx.command.params if _key(param) not in _NO_KEYS}
    defaults: dict[str, Any] = {}
    for key, setting in config.sections.get(section, {}).items():
        where = f"{config.path}:{setting.line}"
        param = params.get(key)
        if param is None:
            raise ConfigError(f"{where}: no key {key!r} in [{section}]{_nearest(key, list(params))}")
        if isinstance(param, Option) and param.names_output and not config.named:
            raise ConfigError(
                f"{where}: {key!r} names a file to write and may not stand in ./{NAME}: "
                f"name the file with --config or W3CTOOLS_CONFIG, or use ~/.config/w3ctools/{NAME}"
            )
        defaults[str(param.name)] = _convert(ctx, param, setting, f"{where}: {key}")
    return defaults


#: Actions, not settings.
_NO_KEYS = ("config", "help", "version", "if-enabled", "list-formats", "detect")


def _key(param: click.Parameter) -> str:
    """The name in the file: the long option's, or an argument's own."""
    longest = max(param.opts, key=len)
    return longest.removeprefix("--").lower()


def _convert(ctx: click.Context, param: click.Parameter, setting: Setting, where: str) -> Any:
    value: Any = setting.value
    if param.multiple or param.nargs == -1:
        value = [line.strip() for line in setting.value.splitlines() if line.strip()]
    try:
        converted = param.type_cast_value(ctx, value)
        return value if callable(converted) else converted  # click would call it, for a default
    except click.BadParameter as error:
        raise ConfigError(f"{where}: {error.message}") from None


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f": did you mean {near[0]!r}?" if near else f": known are {', '.join(known)}"
