"""w3c-gen: simulate a site's access log."""

from __future__ import annotations

import json
import os
import time
from fractions import Fraction
from itertools import count
from typing import Any, NamedTuple

import click

from w3ctools.cli._choice import FORMAT
from w3ctools.cli._command import Ended, ExitStatus, command, finish, listen, run, say
from w3ctools.cli._rule import window_option
from w3ctools.cli._settings import DURATION, FILE, NAMES_OUTPUT, NUMBER, SITE, Option, Quantity
from w3ctools.core.errors import QuantityError, W3CError
from w3ctools.core.quantity import parse_factor, parse_share, parse_time_s
from w3ctools.core.synth.line import Moment
from w3ctools.core.synth.log import Disorder, Log
from w3ctools.core.synth.scenario import ROTATION_STORM, SCENARIOS
from w3ctools.core.synth.site import Site
from w3ctools.core.synth.truth import Rule, Truth
from w3ctools.edge.clock import now
from w3ctools.edge.replacing import replace_file
from w3ctools.edge.rotating import Way, is_begun, rotate
from w3ctools.edge.signals import Signals
from w3ctools.edge.streams import Idle, Output, open_appended

#: In real time a second's lines are written in so many parts, so that they come evenly.
PARTS_PER_S = 10
#: Lines are made in blocks of at most so many: more would leave the cache.
BLOCK_LINES = 1000
#: How often a file is rotated if nothing is said of it, and in the scenario of that name.
ROTATE_EVERY_S, STORM_EVERY_S = 30, 1

SHARE = Quantity("PERCENT", parse_share)


@command("w3c-gen", "gen")
@click.option(
    "--file",
    cls=Option,
    type=FILE,
    acts=NAMES_OUTPUT,
    help="Append to FILE instead of writing to stdout; nothing in it is ever lost.",
)
@click.option(
    "--site", cls=Option, type=SITE, default="http://my.site.com", show_default=True, help="The site's URL."
)
@click.option(
    "--sections",
    cls=Option,
    type=click.IntRange(1, 1000),
    metavar="N",
    default=10,
    show_default=True,
    help="How many sections the site has; the first is asked for most.",
)
@click.option("--rate", cls=Option, type=NUMBER, default="10", show_default=True, help="Requests per second.")
@click.option(
    "--scenario",
    cls=Option,
    type=click.Choice(list(SCENARIOS)),
    default="steady",
    show_default=True,
    help="What happens to the site.",
)
@click.option("--duration", cls=Option, type=DURATION, help="End after so much log time, such as 90s or 10m.")
@click.option(
    "--seed",
    cls=Option,
    type=int,
    metavar="N",
    default=1,
    show_default=True,
    help="The same seed, the same log.",
)
@click.option(
    "--format",
    "log_format",
    cls=Option,
    envvar="W3C_GEN_FORMAT",
    type=FORMAT,
    default="combined",
    show_default=True,
    help="A name or string that w3c-parse --format takes.",
)
@click.option(
    "--junk", cls=Option, type=SHARE, default="0", show_default=True, help="Share of odd and broken lines."
)
@click.option(
    "--late",
    cls=Option,
    type=SHARE,
    default="0",
    show_default=True,
    help="Share of lines written 1 to 5 s after their stamp.",
)
@click.option(
    "--start", cls=Option, metavar="TIME", help="First stamp: RFC 3339, or -2h for two hours ago; else now."
)
@click.option(
    "--speed",
    cls=Option,
    type=Quantity("FACTOR", parse_factor),
    default="1",
    show_default=True,
    help="Let log time run so many times faster, such as 10x.",
)
@click.option("--fast", cls=Option, is_flag=True, help="Do not wait: write as fast as it goes.")
@click.option(
    "--rotate",
    cls=Option,
    type=click.Choice(["rename", "copytruncate"]),
    help="Rotate FILE as logrotate does, to FILE-YYYYMMDD-EPOCH.",
)
@click.option(
    "--rotate-every", cls=Option, type=DURATION, help="How often, in log time.  [30s with --rotate]"
)
@click.option(
    "--truth",
    cls=Option,
    type=FILE,
    acts=NAMES_OUTPUT,
    help="Write to FILE at the end what is true of the log, as JSON.",
)
@click.option(
    "-t",
    "--threshold",
    cls=Option,
    type=NUMBER,
    default="10",
    show_default=True,
    help="Of the alert in the truth, as for w3c-alert.",
)
@window_option("Of the alert in the truth.")
@click.option("--enabled", cls=Option, is_flag=True, help="The switch that --if-enabled looks at.")
@click.option(
    "--if-enabled", cls=Option, is_flag=True, help="End at once unless enabled, as w3c-monitor starts it."
)
@click.option("--summary", cls=Option, is_flag=True, help="Say at the end how many lines were written.")
def gen(**options: Any) -> None:
    """Simulate the access log of a site.

    Writes in real time, evenly, until it is stopped or DURATION is over. With --seed, --start and --fast
    the same bytes come every time.

    \b
    Examples:
        w3c-gen --rate 20 --duration 2m | w3c-parse | w3c-stats
        w3c-gen --scenario burst --truth truth.json --fast --duration 1h > access.log
    """
    settings = Settings(**options)
    if settings.if_enabled and not settings.enabled:
        raise Ended(ExitStatus.DONE)
    _check(settings)
    site = _site(settings)
    rule = Rule(settings.threshold, settings.window)
    truth = Truth(site.line_format, rule) if settings.truth is not None else None
    disorder = Disorder(settings.junk, settings.late)
    log = Log(site, settings.scenario, settings.rate, disorder, truth, settings.seed)
    command = _Gen(log, truth, _Destination(settings, site))
    start_s = _start_s(settings.start)
    command.write(start_s, settings.duration, _speed(settings))
    if truth is not None and settings.truth is not None:
        _save(settings.truth, truth)
    if settings.summary:
        say(command.report())
    finish(command.signals)
    raise Ended(ExitStatus.DONE)


class Settings(NamedTuple):
    """The options, by their names."""

    file: str | None
    site: str
    sections: int
    rate: Fraction
    scenario: str
    duration: int | None
    seed: int
    log_format: str
    junk: Fraction
    late: Fraction
    start: str | None
    speed: Fraction
    fast: bool
    rotate: Way | None
    rotate_every: int | None
    truth: str | None
    threshold: Fraction
    window: int
    enabled: bool
    if_enabled: bool
    summary: bool

    @property
    def rotation(self) -> tuple[Way, int] | None:
        """How and how often the file is rotated; None: never."""
        if self.scenario == ROTATION_STORM:
            return self.rotate or "rename", self.rotate_every or STORM_EVERY_S
        return (self.rotate, self.rotate_every or ROTATE_EVERY_S) if self.rotate is not None else None


def _check(settings: Settings) -> None:
    if settings.fast and settings.duration is None:
        raise click.UsageError("--fast needs --duration: it would never end")
    if settings.fast and settings.speed != 1:
        raise click.UsageError("--fast does not wait at all: --speed has no meaning with it")
    if settings.rotation is not None and settings.file is None:
        raise click.UsageError("a rotation needs --file: stdout has no name")
    if settings.rotation is None and settings.rotate_every is not None:
        raise click.UsageError("--rotate-every needs --rotate")
    if settings.threshold == 0:
        raise click.BadParameter("must be above 0: nothing is ever below it", param_hint="'--threshold'")


def _site(settings: Settings) -> Site:
    try:
        return Site(
            url=settings.site,
            sections=settings.sections,
            log_format=settings.log_format,
            seed=settings.seed,
        )
    except W3CError as error:
        raise click.BadParameter(str(error), param_hint="'--format'") from None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--site'") from None


def _start_s(text: str | None) -> int:
    now_s = int(now().wall_s)
    if text is None:
        return now_s
    try:
        return parse_time_s(text, now_s)
    except QuantityError as error:
        raise click.BadParameter(str(error), param_hint="'--start'") from None


def _speed(settings: Settings) -> Fraction | None:
    """Seconds of the log in one of ours; None: as many as can be written."""
    return None if settings.fast else settings.speed


def _save(path: str, truth: Truth) -> None:
    try:
        replace_file(os.path.realpath(path), f"{json.dumps(truth.values())}\n".encode(), 0o644)
    except OSError as error:
        say(f"{path}: {os.strerror(error.errno or 0)}")
        raise Ended(ExitStatus.FAILED) from None


class _Destination:
    """Where lines go: stdout, or a file that may be rotated. Every file begins with the format's header."""

    def __init__(self, settings: Settings, site: Site) -> None:
        self._path = settings.file
        self._rotation = settings.rotation
        self._header = site.line_format.header
        try:
            self.output = Output() if self._path is None else Output(open_appended(self._path))
        except OSError as error:
            raise self._failed(error) from None

    def begin(self, epoch_s: int) -> None:
        """Write the header, if this is the beginning of a file."""
        if not is_begun(self.output.fd):
            self.output.write(self._header(Moment(epoch_s)).encode())

    def rotate(self, second: int, epoch_s: int) -> bool:
        """Rotate the file if it is time to, `second` after the start."""
        if self._path is None or self._rotation is None or second % self._rotation[1]:
            return False
        try:
            rotate(self._path, self.output.fd, self._rotation[0], epoch_s)
        except OSError as error:
            raise self._failed(error) from None
        self.begin(epoch_s)
        return True

    def _failed(self, error: OSError) -> Ended:
        say(f"{error.filename or self._path}: {os.strerror(error.errno or 0)}")
        return Ended(ExitStatus.FAILED)


class _Gen:
    def __init__(self, log: Log, truth: Truth | None, destination: _Destination) -> None:
        self._lines = 0
        self._log = log
        self._truth = truth
        self._destination = destination
        self.signals = listen(self.report)

    def report(self) -> str:
        """What was written up to now."""
        return f"{self._lines:,} lines out"

    def write(self, start_s: int, duration_s: int | None, speed: Fraction | None) -> None:
        """Write second after second, until `duration_s` is over or a signal asks to finish."""
        idle = Idle(self._destination.output, self.signals)
        started_s = time.monotonic()
        self._destination.begin(start_s)
        for second in count() if duration_s is None else range(duration_s):
            if second and self._destination.rotate(second, start_s + second) and self._truth is not None:
                self._truth.rotations += 1
            mixes = self._log.plan(second, start_s + second)
            parts = 1 if speed is None else PARTS_PER_S
            for part in range(parts):
                if speed is not None:
                    due_s = started_s + float((second + Fraction(part, parts)) / speed)
                    _wait_until(due_s, idle, self.signals)
                if self.signals.received is not None:
                    return
                begin, end = (len(mixes) * number // parts for number in (part, part + 1))
                self._write(mixes[begin:end], start_s + second)

    def _write(self, mixes: tuple[str, ...], epoch_s: int) -> None:
        for begin in range(0, len(mixes), BLOCK_LINES):
            block = mixes[begin : begin + BLOCK_LINES]
            self._destination.output.write(self._log.write(block, epoch_s))
            self._lines += len(block)


def _wait_until(moment_s: float, idle: Idle, signals: Signals) -> None:
    while signals.received is None and (left_s := moment_s - time.monotonic()) > 0:
        idle.wait(left_s)


def main() -> None:
    """Entry point."""
    run(gen)


if __name__ == "__main__":
    main()
