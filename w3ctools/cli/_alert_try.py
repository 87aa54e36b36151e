"""w3c-alert try: what rules would have told of an old log, and which threshold would suit it."""

from __future__ import annotations

from typing import Any

import click

from w3ctools.cli._command import Ended, ExitStatus, finish, subcommand
from w3ctools.cli._reading import Batch, Records, lateness_option
from w3ctools.cli._rule import rule_options, rules
from w3ctools.core.gauge import row_type
from w3ctools.core.wire import Row
from w3ctools.edge.streams import Output


@subcommand("try", "W3C_ALERT", "alert", reads_records=True)
@rule_options
@lateness_option
@click.pass_context
def try_rules(ctx: click.Context, /, lateness: int, **_others: Any) -> None:
    """Try the rules on JSON lines of an old log.

    For each rule: the alerts that it would have raised, the values that were usual, and a threshold that
    was exceeded for no more than a thousandth of the time. Nobody is told of anything.

    \b
    Example:
        w3c-parse access.log.1 | w3c-alert try --metric errors -t 0.5
    """
    from w3ctools.core.trial import Trial

    chosen = rules(ctx)
    trial = Trial(chosen, lateness)
    output = Output()
    records: Records[Row] = Records(row_type(chosen), trial.clock, "replay", output, lambda: records.report())
    for item in records:
        if isinstance(item, Batch):
            trial.feed(item.read.rows)
    trial.flush()
    output.write(trial.report().encode())
    finish(records.signals)
    raise Ended(ExitStatus.DONE)
