"""Plain text tables of medians with their spread."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Sequence

from benchmarks.processes import floor_bytes

WIDTH = 110


def show(
    title: str, limits: Sequence[str], header: Sequence[str], rows: Sequence[Sequence[str]], names: int = 1
) -> None:
    """Print what the figures do not say, then the figures; the first `names` columns to the left."""
    print(f"\n{title}\n{'=' * len(title)}")
    for limit in limits:
        print(textwrap.fill(limit, WIDTH, initial_indent="- ", subsequent_indent="  "))
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    print()
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [
            cell.ljust(width) if column < names else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip(), flush=True)


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """The median with the least and the greatest.

    >>> spread([3.0, 1.0, 2.0], ".1f")
    '2.0 (1.0-3.0)'
    """
    return f"{statistics.median(values):{form}} ({min(values):{form}}-{max(values):{form}})"


def megabytes(size_bytes: float) -> str:
    """A size in MB of 1,000,000 bytes.

    >>> megabytes(27_340_800)
    '27.3'
    """
    return f"{size_bytes / 1e6:,.1f}"


def size(max_rss_bytes: int) -> str:
    """The size of a process in MB, or that it is smaller than what can be seen."""
    floor = floor_bytes()
    return megabytes(max_rss_bytes) if max_rss_bytes > floor else f"< {megabytes(floor)}"
