"""The rules of alerts, as options and as sections of the configuration file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click
from click.core import ParameterSource

from w3ctools.cli._settings import DURATION, NAMED, NamedSection, Option, Settings
from w3ctools.core.errors import ConfigError
from w3ctools.core.rule import BY, DEFAULT_THRESHOLD, METRICS, Rule, RuleError, make_rule

#: The parameters that make a rule, by the name that `make_rule` knows them by.
_PARAMETERS = {
    "threshold": "threshold",
    "below": "below",
    "window": "window_s",
    "metric": "metric",
    "by": "by",
    "recover_at": "recover_at",
    "for_s": "for_s",
    "keep_firing": "keep_firing_s",
    "min_requests": "min_requests",
}


def window_option(text: str, **attrs: Any) -> Callable[[Any], Any]:
    """``--window``, with its help; also of w3c-gen, which tells the truth about an alert."""
    return click.option(
        "-w", "--window", cls=Option, type=DURATION, default="120s", show_default=True, help=text, **attrs
    )


_OPTIONS = [
    click.option(
        "-t",
        "--threshold",
        cls=Option,
        of_rule=True,
        metavar="NUMBER",
        help="Raise the alert above it: per second, on average over the window; a share such as 5% for "
        f"error-ratio, a time such as 500ms for p95.  [default: {DEFAULT_THRESHOLD} requests]",
    ),
    click.option(
        "--below",
        cls=Option,
        of_rule=True,
        metavar="NUMBER",
        help="Raise the alert below it instead, once a whole window has passed: for a dead site.",
    ),
    window_option("Length of the window.", of_rule=True),
    click.option(
        "--metric",
        cls=Option,
        of_rule=True,
        type=click.Choice(METRICS),
        default="requests",
        show_default=True,
        help="What is measured; p95 is that of the durations.",
    ),
    click.option(
        "--by",
        cls=Option,
        of_rule=True,
        type=click.Choice(BY),
        help="Have an alert for each of them, instead of one for all.",
    ),
    click.option(
        "--recover-at",
        cls=Option,
        of_rule=True,
        metavar="NUMBER",
        help="Recover on the other side of it, instead of the threshold.",
    ),
    click.option(
        "--for",
        "for_s",
        cls=Option,
        of_rule=True,
        envvar="W3C_ALERT_FOR",
        type=DURATION,
        help="Raise it only when it has held for so long.",
    ),
    click.option(
        "--keep-firing",
        cls=Option,
        of_rule=True,
        type=DURATION,
        help="Recover only when the cause has been gone for so long.",
    ),
    click.option(
        "--min-requests",
        cls=Option,
        of_rule=True,
        type=click.IntRange(min=0),
        metavar="N",
        default=0,
        show_default=True,
        help="No alert while there are fewer in the window.",
    ),
]


def rule_options(function: Any) -> Any:
    """The options that make a rule; `rules` reads them."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def rules(ctx: click.Context) -> list[Rule]:
    """The rule of the options, and those of the file. Raises BadParameter or ConfigError."""
    settings: Settings = ctx.meta[NAMED]
    values = {name: ctx.params[name] for name in _PARAMETERS}
    chosen = _bound_of_highest_rank(ctx)
    if chosen is not None:
        values["below" if chosen == "threshold" else "threshold"] = None
    try:
        own = _rule(None, values)
    except RuleError as error:
        if ctx.get_parameter_source(error.option) == ParameterSource.DEFAULT_MAP:
            raise _error(settings.own, error) from None
        option = f"'--{error.option.replace('_', '-')}'"
        raise click.BadParameter(str(error), param_hint=option) from None
    errors, named = named_rules(settings.rules, [own])
    if errors:
        raise errors[0]
    return [own, *named]


def file_rules(settings: Settings) -> tuple[list[ConfigError], list[Rule]]:
    """The rules of a file alone, without options, and what is wrong with them."""
    errors, own = [], []
    try:
        own.append(_rule(None, settings.own.values))
    except RuleError as error:
        errors.append(_error(settings.own, error))
    more_errors, named = named_rules(settings.rules, own)
    return errors + more_errors, own + named


def named_rules(sections: Sequence[NamedSection], others: list[Rule]) -> tuple[list[ConfigError], list[Rule]]:
    """The rules of ``[alert:NAME]`` sections, and what is wrong with them; each has its own name."""
    errors, made = [], []
    known = {rule.event_name for rule in others}
    for section in sections:
        try:
            rule = _rule(section.name, section.values)
        except RuleError as error:
            errors.append(_error(section, error))
            continue
        if rule.event_name in known:
            text = f"{rule.event_name!r} is what another rule is called already: name it otherwise"
            errors.append(ConfigError(f"{section.where}: {text}"))
        known.add(rule.event_name)
        made.append(rule)
    return errors, made


def _rule(name: str | None, values: dict[str, Any]) -> Rule:
    arguments = {argument: values[parameter] for parameter, argument in _PARAMETERS.items()}
    arguments["for_s"], arguments["keep_firing_s"] = arguments["for_s"] or 0, arguments["keep_firing_s"] or 0
    return make_rule(name=name, **arguments)


def _error(section: NamedSection, error: RuleError) -> ConfigError:
    where = section.place_of.get(error.option, section.where)
    return ConfigError(f"{where}: {error.option.replace('_', '-')}: {error}")


def _bound_of_highest_rank(ctx: click.Context) -> str | None:
    """Which of --threshold and --below counts where both are set, in different places: flags win."""
    ranks = [ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP]
    set_at = {
        name: ranks.index(source)
        for name in ("threshold", "below")
        if (source := ctx.get_parameter_source(name)) in ranks
    }
    if len(set(set_at.values())) < 2:
        return None
    return min(set_at, key=lambda name: set_at[name])
