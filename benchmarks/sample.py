"""The logs that are measured: made-up ones, which are the same everywhere, and a real one.

``python -m benchmarks.sample (varied|plain) LINES EPOCH_S RATE_PER_S`` writes a log to stdout. That is a
process of its own, because the size of the generator would hide that of smaller commands (see `processes`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Workbench

SEED = 1
SITE_URL = "http://my.site.com"
SECTIONS = 12
#: A busy site: an interval of w3c-stats then holds 1,000 lines.
RATE_PER_S = 100
#: 2026-01-01T00:00:00Z
START_EPOCH_S = 1_767_225_600
#: A short log beside the whole one, for peers that would take too long.
SHORT_SHARE = 10
#: A long log, to see what grows.
LONG_FACTOR = 5


@dataclass(frozen=True)
class Sample:
    """A log at ``$LOG``, its beginning at ``$SHORT_LOG``."""

    name: str
    description: str
    lines: int
    short_lines: int


def vary(line: str, number: int) -> str:
    """Give a line a query of its own, and every third line, in no visible order, a client of its own.

    >>> vary('198.18.0.1 - - [01/Jan/2026:00:00:00 +0000] "GET /a HTTP/1.1" 200 7 "-" "-"', 258)
    '10.0.1.2 - - [01/Jan/2026:00:00:00 +0000] "GET /a?n=1944626274 HTTP/1.1" 200 7 "-" "-"'
    """
    # Multiplying by an odd number maps the numbers below 2**32 one to one.
    own = number * 2_654_435_761 % 2**32
    client, *head, target, rest = line.split(" ", 7)
    if own % 3 == 0:
        client = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    mark = "&" if "?" in target else "?"
    return " ".join([client, *head, f"{target}{mark}n={own}", rest])


def plain_lines(lines: int, start_epoch_s: int, rate_per_s: int) -> Iterator[str]:
    """The first `lines` lines of the made-up site, each ending in LF."""
    from w3ctools.core.synth.site import Site

    site = Site(url=SITE_URL, sections=SECTIONS, log_format="combined", seed=SEED)
    for number in range(0, lines, rate_per_s):
        block = site.lines(start_epoch_s + number // rate_per_s, min(rate_per_s, lines - number))
        yield from block.decode("ascii").splitlines(keepends=True)


def varied_lines(lines: int, start_epoch_s: int, rate_per_s: int) -> Iterator[str]:
    """The same lines, each made different from all others."""
    for number, line in enumerate(plain_lines(lines, start_epoch_s, rate_per_s)):
        yield vary(line, number)


def write_log(bench: Workbench, path: str, lines: int, start_epoch_s: int, rate_per_s: int) -> None:
    """Have a log of high cardinality written to `path`, which may be a variable of the shell."""
    bench.run(_script(path, lines, "varied", start_epoch_s, rate_per_s))


def _script(
    path: str, lines: int, kind: str, start_epoch_s: int = START_EPOCH_S, rate_per_s: int = RATE_PER_S
) -> str:
    return f"{sys.executable} -m benchmarks.sample {kind} {lines} {start_epoch_s} {rate_per_s} > {path}"


def varied(bench: Workbench, lines: int) -> Sample:
    """The log of high cardinality: ``$LOG`` is the first part of ``$LONG_LOG``, ``$JSON`` its records."""
    bench.variables["LONG_LOG"] = str(bench.folder / "long.log")
    bench.variables["JSON"] = str(bench.folder / "access.json")
    bench.run(_script("$LONG_LOG", lines * LONG_FACTOR, "varied"))
    sample = _cut(
        bench,
        "high cardinality",
        f"{lines:,} made-up lines, {RATE_PER_S} a second; each has a query of its own, every third a client "
        "of its own",
        lines,
        f"head -n {lines} $LONG_LOG > $LOG",
    )
    bench.run("w3c-parse $LOG > $JSON")
    return sample


def plain(bench: Workbench, lines: int) -> Sample:
    """The made-up log as w3c-gen writes it."""
    description = f"{lines:,} made-up lines as w3c-gen writes them: a few thousand clients and URLs"
    return _cut(bench, "realistic cardinality", description, lines, _script("$LOG", lines, "plain"))


def real(bench: Workbench, log: Path, name: str, lines: int) -> Sample:
    """A log of yours, repeated as a whole until it has at least `lines` lines."""
    with log.open("rb") as file:
        of_one = sum(1 for _ in file)
    times = -(-lines // of_one)
    bench.variables["REAL_LOG"] = str(log)
    return _cut(
        bench,
        "real",
        f"{name}, {of_one:,} lines" + (f", repeated {times:,} times" if times > 1 else ""),
        of_one * times,
        f'for ((n = 0; n < {times}; n++)); do cat "$REAL_LOG"; done > $LOG',
    )


def _cut(bench: Workbench, name: str, description: str, lines: int, script: str) -> Sample:
    """Write the log by `script`, then its beginning."""
    short_lines = max(1, lines // SHORT_SHARE)
    bench.variables["LOG"] = str(bench.folder / "access.log")
    bench.variables["SHORT_LOG"] = str(bench.folder / "short.log")
    bench.run(f"{script}\nhead -n {short_lines} $LOG > $SHORT_LOG")
    return Sample(name, description, lines, short_lines)


if __name__ == "__main__":
    _write = {"varied": varied_lines, "plain": plain_lines}[sys.argv[1]]
    sys.stdout.writelines(_write(*map(int, sys.argv[2:])))
