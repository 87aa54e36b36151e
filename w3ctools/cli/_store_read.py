"""w3c-store read: the lines of a database, as they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import msgspec

from w3ctools.cli._choice import TIME, check_span, where_option
from w3ctools.cli._command import Ended, ExitStatus, finish, listen, subcommand
from w3ctools.cli._settings import FILE, Argument, Option
from w3ctools.core.record import FILE_KEY, FORMAT_KEYS, Record, record_type
from w3ctools.edge.streams import Output

_decode = msgspec.json.Decoder(record_type((*FORMAT_KEYS, *FILE_KEY))).decode


def _required(_ctx: click.Context, _param: click.Parameter, file: str | None) -> str:
    if file is None:
        raise click.UsageError("which database? FILE names it, or key file in [store]")
    return file


def database_argument(acts: str | None = None) -> Callable[[Any], Any]:
    """FILE, which the environment or the configuration file may name."""
    return click.argument(
        "file",
        cls=Argument,
        type=FILE,
        metavar="FILE",
        required=False,
        envvar="W3C_STORE_FILE",
        callback=_required,
        acts=acts,
    )


@subcommand("read", "W3C_STORE", "store")
@database_argument()
@click.option("--since", cls=Option, type=TIME, help="Only lines from TIME on: RFC 3339, or -2h.")
@click.option("--until", cls=Option, type=TIME, help="Only lines before TIME.")
@where_option
def read(file: str, since: int | None, until: int | None, where: Callable[[Record], bool] | None) -> None:
    """Write the lines of FILE again, in time order.

    \b
    Example:
        w3c-store read site.db --since -2h | w3c-stats
    """
    check_span(since, until)
    command = _Read(where)
    command.run(file, since, until)
    finish(command.signals)
    raise Ended(ExitStatus.DONE)


class _Read:
    def __init__(self, where: Callable[[Record], bool] | None) -> None:
        self._where = where
        self._output = Output()
        self._written = 0
        self.signals = listen(lambda: f"{self._written:,} lines out")

    def run(self, path: str, since_s: int | None, until_s: int | None) -> None:
        """Write to the end, or until a signal asks to finish."""
        from w3ctools.edge.record_store import read_lines

        for page in read_lines(path, since_s, until_s):
            lines = [row.line for row in page if not row.is_record or self._is_wanted(row.line)]
            self._output.write(b"".join(line + b"\n" for line in lines))
            self._written += len(lines)
            if self.signals.received is not None:
                return

    def _is_wanted(self, line: bytes) -> bool:
        if self._where is None:
            return True
        try:
            return self._where(_decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):  # of another program, with values of other kinds
            return False
