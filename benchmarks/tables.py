"""Markdown tables of medians with their spread, what they do not say before them, and the targets."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.processes import floor_bytes


@dataclass(frozen=True)
class Target:
    """A figure that must be reached; its median is judged. No `values`: it could not be measured."""

    name: str
    bound: float
    values: Sequence[float]
    unit: str
    is_most: bool = False
    form: str = ".1f"

    def cells(self) -> list[str]:
        """Of a row: what, how much, what was measured, whether that is enough.

        >>> Target("parse, faster than jc", 10, [9.0, 11.5, 12.0], "x").cells()
        ['parse, faster than jc', '>= 10x', '11.5 (9.0-12.0)x', 'yes']
        """
        goal = f"{'<=' if self.is_most else '>='} {self.bound:,g}{self.unit}"
        if not self.values:
            return [self.name, goal, "not measured", ""]
        median = statistics.median(self.values)
        is_reached = median <= self.bound if self.is_most else median >= self.bound
        return [self.name, goal, spread(self.values, self.form) + self.unit, "yes" if is_reached else "no"]


@dataclass
class Report:
    """Prints every table as soon as it is there, and keeps them all for a file."""

    introduction: str
    sections: list[str] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def show(
        self,
        title: str,
        limits: Sequence[str],
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        names: int = 1,
    ) -> None:
        """Add a section: its limits, then its table, whose first `names` columns stand to the left."""
        text = _section(title, limits, header, rows, names)
        self.sections.append(text)
        print(f"\n{text}", flush=True)

    def judged(self) -> str:
        """The section of all targets."""
        limits = [
            "The median is judged; ratios are those of wall time within a round.",
            "Throughput and memory are those on the log of high cardinality, start-up is that of the "
            "commands as they are installed.",
        ]
        rows = [target.cells() for target in self.targets]
        return _section("Targets", limits, ["target", "goal", "measured", "reached"], rows, 1)

    def text(self) -> str:
        """All of it: what it was measured on, the targets, then the sections in their order."""
        return "\n".join([self.introduction, self.judged(), *self.sections])


def _section(
    title: str, limits: Sequence[str], header: Sequence[str], rows: Sequence[Sequence[str]], names: int
) -> str:
    aligned = ["---" if column < names else "---:" for column in range(len(header))]
    lines = [f"## {title}", "", *(f"- {limit}" for limit in limits), ""]
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in [header, aligned, *rows]]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """A pipe in a cell would end it.

    >>> _cell("a | b")
    'a \\\\| b'
    """
    return text.replace("|", "\\|")


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """The median with the least and the greatest.

    >>> spread([3.0, 1.0, 2.0], ".1f")
    '2.0 (1.0-3.0)'
    >>> spread([3.0], ".1f")
    '3.0'
    """
    median = f"{statistics.median(values):{form}}"
    return median if len(values) == 1 else f"{median} ({min(values):{form}}-{max(values):{form}})"


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
