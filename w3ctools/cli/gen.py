"""w3c-gen: simulate a site's access log."""

from __future__ import annotations

import os
import time
from fractions import Fraction
from itertools import count

import click

from w3ctools.cli._command import Ended, ExitStatus, command, finish, listen, run, say
from w3ctools.cli._settings import DURATION, NUMBER, SITE, Option
from w3ctools.core.errors import QuantityError
from w3ctools.core.quantity import parse_time_s
from w3ctools.core.synth import LOG_FORMATS, Pace, Site
from w3ctools.edge.clock import now
from w3ctools.edge.signals import Signals
from w3ctools.edge.streams import Idle, Output, open_appended

#: In real time a second's lines are written in so many parts, so that they come evenly.
PARTS_PER_S = 10
#: Lines are made in blocks of at most so many: more would leave the cache.
BLOCK_LINES = 1000


@command("w3c-gen", "gen")
@click.option(
    "--file",
    cls=Option,
    metavar="FILE",
    names_output=True,
    help="Append to FILE instead of writing to stdout; nothing in it is ever lost.",
)
@click.option(
    "--site", cls=Option, type=SITE, default="http://my.site.com", show_default=True, help="The site's URL."
)
@click.option(
    "--sections",
    cls=Option,
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help="How many sections the site has; the first is asked for most.",
)
@click.option("--rate", cls=Option, type=NUMBER, default="10", show_default=True, help="Requests per second.")
@click.option("--duration", cls=Option, type=DURATION, help="End after so much log time, such as 90s or 10m.")
@click.option(
    "--seed", cls=Option, type=int, default=1, show_default=True, help="The same seed, the same log."
)
@click.option(
    "--format",
    "log_format",
    cls=Option,
    envvar="W3C_GEN_FORMAT",
    type=click.Choice(LOG_FORMATS),
    default="combined",
    show_default=True,
    help="Log format.",
)
@click.option(
    "--start", cls=Option, metavar="TIME", help="First stamp: RFC 3339, or -2h for two hours ago; else now."
)
@click.option("--fast", cls=Option, is_flag=True, help="Do not wait: write as fast as it goes.")
@click.option("--enabled", cls=Option, is_flag=True, help="The switch that --if-enabled looks at.")
@click.option(
    "--if-enabled", cls=Option, is_flag=True, help="End at once unless enabled, as w3c-monitor starts it."
)
@click.option("--summary", cls=Option, is_flag=True, help="Say at the end how many lines were written.")
def gen(
    file: str | None,
    site: str,
    sections: int,
    rate: Fraction,
    duration: int | None,
    seed: int,
    log_format: str,
    start: str | None,
    fast: bool,
    enabled: bool,
    if_enabled: bool,
    summary: bool,
) -> None:
    """Simulate the access log of a site.

    Writes in real time, evenly, until it is stopped or DURATION is over. With --seed, --start and --fast
    the same bytes come every time.

    \b
    Example:
        w3c-gen --rate 20 --duration 2m | w3c-parse | w3c-stats
    """
    if if_enabled and not enabled:
        raise Ended(ExitStatus.DONE)
    if fast and duration is None:
        raise click.UsageError("--fast needs --duration: it would never end")
    try:
        simulated = Site(url=site, sections=sections, log_format=log_format, seed=seed)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--site'") from None
    start_s = _start_s(start)
    end_s = None if duration is None else start_s + duration
    try:
        output = Output() if file is None else Output(open_appended(file))
    except OSError as error:
        say(f"{file}: {os.strerror(error.errno or 0)}")
        raise Ended(ExitStatus.FAILED) from None
    command = _Gen(simulated, output)
    command.write(start_s, end_s, Pace(), rate, fast)
    if summary:
        say(command.report())
    finish(command.signals)
    raise Ended(ExitStatus.DONE)


def _start_s(text: str | None) -> int:
    now_s = int(now().wall_s)
    if text is None:
        return now_s
    try:
        return parse_time_s(text, now_s)
    except QuantityError as error:
        raise click.BadParameter(str(error), param_hint="'--start'") from None


class _Gen:
    def __init__(self, site: Site, output: Output) -> None:
        self._lines = 0
        self._site = site
        self._output = output
        self.signals = listen(self.report)

    def report(self) -> str:
        """What was written up to now."""
        return f"{self._lines:,} lines out"

    def write(self, start_s: int, end_s: int | None, pace: Pace, rate_per_s: Fraction, fast: bool) -> None:
        """Write second after second, until `end_s` or a signal that asks to finish."""
        idle = Idle(self._output, self.signals)
        started_s = time.monotonic()
        for second in count(start_s):
            if second == end_s:
                return
            lines = pace.next_lines(rate_per_s)
            for part in range(1 if fast else PARTS_PER_S):
                if not fast:
                    _wait_until(started_s + second - start_s + part / PARTS_PER_S, idle, self.signals)
                if self.signals.received is not None:
                    return
                share = lines if fast else lines * (part + 1) // PARTS_PER_S - lines * part // PARTS_PER_S
                self._write(second, share)

    def _write(self, second: int, lines: int) -> None:
        for done in range(0, lines, BLOCK_LINES):
            block_lines = min(BLOCK_LINES, lines - done)
            self._output.write(self._site.lines(second, block_lines))
            self._lines += block_lines


def _wait_until(moment_s: float, idle: Idle, signals: Signals) -> None:
    while signals.received is None and (left_s := moment_s - time.monotonic()) > 0:
        idle.wait(left_s)


def main() -> None:
    """Entry point."""
    run(gen)


if __name__ == "__main__":
    main()
