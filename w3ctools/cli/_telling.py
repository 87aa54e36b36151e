"""Who is told of alerts beside stdout: files, a database, commands, people. None can stop the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from click.core import ParameterSource

from w3ctools.cli._command import say, say_if_any
from w3ctools.cli._settings import FILE, NAMES_OUTPUT, RUNS, SENDS, Option
from w3ctools.core.errors import W3CError
from w3ctools.core.wire import AlertEvent
from w3ctools.edge.journal import Journal

_OPTIONS = [
    click.option(
        "--log",
        "log_file",
        cls=Option,
        envvar="W3C_ALERT_LOG",
        type=FILE,
        acts=NAMES_OUTPUT,
        help="Append every message to FILE too; opened anew for each, so that logrotate may move it.",
    ),
    click.option(
        "--db",
        "database",
        cls=Option,
        envvar="W3C_ALERT_DB",
        type=FILE,
        acts=NAMES_OUTPUT,
        help="Keep the alerts in this SQLite database too; `w3c-alert history` lists them.",
    ),
    click.option(
        "--exec",
        "command_line",
        cls=Option,
        envvar="W3C_ALERT_EXEC",
        metavar="CMD",
        acts=RUNS,
        help="Run CMD for every event, with the event as JSON on its stdin; no shell is involved.",
    ),
    click.option(
        "--notify",
        cls=Option,
        multiple=True,
        metavar="URL",
        acts=SENDS,
        help="Send every message to URL, such as mailto://..., with apprise; repeatable. A URL with a "
        "password belongs into the configuration file or W3C_ALERT_NOTIFY.",
    ),
]


def telling_options(function: Any) -> Any:
    """The options that `Telling.of` reads."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


class Telling:
    """Everybody who is told, beside stdout.

    Raises W3CError for a log, a database, a command or a URL that cannot be used.
    """

    def __init__(
        self, log_file: str | None, database: str | None, command_line: str | None, notify: Sequence[str]
    ) -> None:
        self._journal = _open_journal(log_file) if log_file is not None else None
        self._store = self._outbox = None
        if database is not None:
            from w3ctools.edge.alert_store import AlertStore  # sqlite3 takes 10 ms to import

            self._store = AlertStore(database)
        if command_line is not None or notify:
            from w3ctools.edge.execute import Command
            from w3ctools.edge.notify import open_notifiers
            from w3ctools.edge.outbox import Outbox

            commands = [Command(command_line)] if command_line is not None else []
            self._outbox = Outbox([*commands, *(open_notifiers(notify) if notify else [])], say)

    @classmethod
    def of(cls, ctx: click.Context) -> Telling:
        """Those whom the options name; URLs of the command line are made unreadable for ps(1)."""
        params = ctx.params
        notify = params["notify"]
        if notify and ctx.get_parameter_source("notify") == ParameterSource.COMMANDLINE:
            from w3ctools.edge.arguments import hide_arguments

            if not hide_arguments(notify):
                say("--notify: everybody on this machine can read the URL: use the configuration file")
        return cls(params["log_file"], params["database"], params["command_line"], notify)

    def tell(self, events: Sequence[AlertEvent]) -> None:
        """Tell of these, in order. Nothing here waits for a network."""
        for event in events:
            if self._outbox is not None:
                self._outbox.put(event)
        for event in events:
            if self._journal is not None:
                say_if_any(self._journal.append(event.message))
        if self._store is not None and events:
            say_if_any(self._store.store_all(events))

    def retry(self) -> None:
        """Time has passed: try again what has failed."""
        if self._store is not None:
            say_if_any(self._store.retry())

    def close(self, timeout_s: float) -> None:
        """The end: give what waits to be sent so much time, and say what is lost."""
        if self._store is not None:
            say_if_any(self._store.close())
        if self._outbox is not None:
            self._outbox.close(timeout_s)


def _open_journal(path: str) -> Journal:
    try:
        return Journal(path)
    except OSError as error:
        raise W3CError(f"--log: {path}: {error.strerror}") from None
