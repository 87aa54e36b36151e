"""The rule of the alert on traffic, as options: of w3c-alert, and of w3c-gen, which tells its truth."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import click

from w3ctools.cli._settings import DURATION, NUMBER, Option


def threshold_option(text: str) -> Callable[[Any], Any]:
    """``--threshold``, with its help; see `check_threshold`."""
    return click.option(
        "-t", "--threshold", cls=Option, type=NUMBER, default="10", show_default=True, help=text
    )


def window_option(text: str) -> Callable[[Any], Any]:
    """``--window``, with its help."""
    return click.option(
        "-w", "--window", cls=Option, type=DURATION, default="120s", show_default=True, help=text
    )


def check_threshold(threshold_per_s: Fraction) -> None:
    """Raise BadParameter for a threshold that no alert could recover from."""
    if threshold_per_s == 0:
        raise click.BadParameter("must be above 0: an average is never below it", param_hint="'--threshold'")
