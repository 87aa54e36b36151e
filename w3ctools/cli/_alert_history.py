"""w3c-alert history: the alerts of a database, as they were."""

from __future__ import annotations

from typing import Any

import click

from w3ctools.cli._choice import TIME
from w3ctools.cli._command import Ended, ExitStatus, say, subcommand
from w3ctools.cli._settings import FILE, Option, output_option
from w3ctools.edge.streams import Output


@subcommand("history", "W3C_ALERT", "alert")
@click.option("--db", "database", cls=Option, envvar="W3C_ALERT_DB", type=FILE, help="The database.")
@click.option(
    "--since",
    cls=Option,
    type=TIME,
    help="Only alerts that were open at this time or later: RFC 3339, or -2h.",
)
@output_option("A table for people, or one JSON object for each alert.")
def history(database: str | None, since: int | None, output: str, **_others: Any) -> None:
    """List the alerts that `w3c-alert --db FILE` has kept, newest last.

    \b
    Example:
        w3c-alert history --db alerts.db --since -7d
    """
    from w3ctools.core.history import render_history
    from w3ctools.core.wire import encode_line
    from w3ctools.edge.alert_store import read_alerts

    if database is None:
        raise click.UsageError("which database? --db FILE names it, or key db in [alert]")
    rows = read_alerts(database, since)
    text = b"".join(map(encode_line, rows)) if output == "json" else render_history(rows).encode()
    if text:
        Output().write(text)
    elif output == "text":
        say(f"{database}: no alerts")
    raise Ended(ExitStatus.DONE)
