"""The log that is measured: lines of `w3ctools.core.synth`, made as varied as those of a real site.

``python -m benchmarks.sample LINES EPOCH_S`` writes the log to stdout. That is a process of its own, because
the size of the generator would hide that of smaller commands (see `processes`).
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
#: A short log beside the long one, for what would take too long, and to see what grows.
SHORT_SHARE = 10


@dataclass(frozen=True)
class Sample:
    """The logs, and what w3c-parse makes of them."""

    lines: int
    log: Path
    json: Path
    short_lines: int
    short_log: Path
    short_json: Path

    def variables(self) -> dict[str, str]:
        """The paths by the names that shell commands know them by."""
        return {
            "LOG": str(self.log),
            "JSON": str(self.json),
            "SHORT_LOG": str(self.short_log),
            "SHORT_JSON": str(self.short_json),
        }

    def describe(self) -> str:
        """One sentence for the limits of a table."""
        log_bytes, json_bytes = self.log.stat().st_size, self.json.stat().st_size
        return (
            f"One made-up log: {self.lines:,} lines, {RATE_PER_S} a second, "
            f"{log_bytes / self.lines:.0f} bytes each, {json_bytes / self.lines:.0f} as JSON."
        )


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


def varied_lines(lines: int, start_epoch_s: int) -> Iterator[str]:
    """The first `lines` lines of the log, each ending in LF; the same everywhere but for their stamps."""
    from w3ctools.core import synth

    site = synth.Site(url=SITE_URL, sections=SECTIONS, log_format="combined", seed=SEED)
    for number in range(0, lines, RATE_PER_S):
        block = site.lines(start_epoch_s + number // RATE_PER_S, min(RATE_PER_S, lines - number))
        for offset, line in enumerate(block.decode("ascii").splitlines(keepends=True)):
            yield vary(line, number + offset)


def write_log(bench: Workbench, path: str, lines: int, start_epoch_s: int = START_EPOCH_S) -> None:
    """Have the log written to `path`, which may be a variable of the shell."""
    bench.run(f"{sys.executable} -m benchmarks.sample {lines} {start_epoch_s} > {path}")


def prepare(bench: Workbench, lines: int) -> Sample:
    """Write the logs and their JSON into the workbench's folder."""
    folder, short_lines = bench.folder, max(1, lines // SHORT_SHARE)
    sample = Sample(
        lines,
        folder / "access.log",
        folder / "access.json",
        short_lines,
        folder / "short.log",
        folder / "short.json",
    )
    bench.variables.update(sample.variables())
    write_log(bench, "$LOG", lines)
    bench.run(f"head -n {short_lines} $LOG > $SHORT_LOG")
    bench.run("w3c-parse $LOG > $JSON && w3c-parse $SHORT_LOG > $SHORT_JSON")
    return sample


if __name__ == "__main__":
    sys.stdout.writelines(varied_lines(int(sys.argv[1]), int(sys.argv[2])))
