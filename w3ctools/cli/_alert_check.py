"""w3c-alert check: what is wrong with a file of rules, or what its rules are."""

from __future__ import annotations

import re

import click

from w3ctools.cli._command import Ended, ExitStatus, subcommand
from w3ctools.cli._rule import file_rules, named_rules
from w3ctools.cli._settings import FILE, Settings, find_config, read_settings
from w3ctools.core.errors import ConfigError
from w3ctools.core.rule import Rule
from w3ctools.edge.streams import Output

_PLACE = re.compile(r":(\d+):(\d+): ")


@subcommand("check", "W3C_ALERT")
@click.argument("file", required=False, type=FILE)
@click.pass_context
def check(ctx: click.Context, file: str | None) -> None:
    """Check the rules in FILE, by default the configuration file that w3c-alert would read.

    Everything that is wrong is named with file, line and column; the exit status is 1 then. Else the rules
    are listed as they are understood.

    \b
    Example:
        w3c-alert check /etc/w3ctools.ini
    """
    found = find_config(file)
    if found.path is None:
        raise click.UsageError("there is no configuration file: name one")
    settings = read_settings(ctx.parent or ctx, found, "alert")
    more_errors, rules = _rules(settings)
    errors = _in_order(settings.errors + more_errors, found.path)
    lines = [str(error) for error in errors]
    if not errors:
        lines = [f"{found.path}: {len(rules)} rule{'' if len(rules) == 1 else 's'}"]
        lines += [rule.described() for rule in rules]
    Output().write("".join(f"{line}\n" for line in lines).encode())
    raise Ended(ExitStatus.FAILED if errors else ExitStatus.DONE)


def _rules(settings: Settings) -> tuple[list[ConfigError], list[Rule]]:
    """The rules, and what is wrong with them; no bound can be read where it is not known what is measured."""
    settings.rules = [rule for rule in settings.rules if rule.values["metric"] is not None]
    if settings.own.values["metric"] is None:
        return named_rules(settings.rules, [])
    return file_rules(settings)


def _in_order(errors: list[ConfigError], path: str) -> list[ConfigError]:
    """As they stand in the file; one about the file itself stands alone."""

    def place(error: ConfigError) -> tuple[int, int]:
        match = _PLACE.match(str(error), len(path))
        return (int(match[1]), int(match[2])) if match else (0, 0)

    return sorted(errors, key=place)
