"""Says by the numbers what a follower has made of the lines that were written."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from follow_kit.lines import Shape

SOURCE = b"#Source: "
#: What begins so was not in a log: GNU tail and w3c-tail say where lines come from.
HEADINGS = (b"#", b"==> ")
SHOWN = 8


@dataclass
class Verdict:
    """What became of the lines, each list in the order of writing or of coming."""

    expected: int
    #: Numbers that did not come, but are on a file that can still be read.
    lost: list[int] = field(default_factory=list)
    #: Numbers that did not come and are on no file: the rotation has lost them, no follower could have them.
    gone: list[int] = field(default_factory=list)
    #: Numbers that came again, each as often as it was too much.
    duplicated: list[int] = field(default_factory=list)
    #: Numbers that came for the first time behind a later one.
    out_of_order: list[int] = field(default_factory=list)
    #: What is no whole line.
    torn: list[bytes] = field(default_factory=list)
    #: Whole lines that nobody wrote, and headings.
    foreign: list[bytes] = field(default_factory=list)
    #: What the follower itself has said of it.
    notes: list[str] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """How many lines did not come, whoever lost them."""
        return len(self.lost) + len(self.gone)

    def faults(self) -> list[str]:
        """What the follower has done wrong, in words; empty if nothing."""
        kinds = {
            "missing, though on a file": ranges(self.lost),
            "duplicated": ranges(self.duplicated),
            "out of order": ranges(self.out_of_order),
            "torn": [repr(line[:80]) for line in self.torn],
            "foreign": [repr(line[:80]) for line in self.foreign],
        }
        counts = [
            len(self.lost),
            len(self.duplicated),
            len(self.out_of_order),
            len(self.torn),
            len(self.foreign),
        ]
        return [
            f"{count} of {self.expected} {kind}: {', '.join(shown[:SHOWN])}{' ...' * (len(shown) > SHOWN)}"
            for count, (kind, shown) in zip(counts, kinds.items(), strict=True)
            if count
        ]

    def __str__(self) -> str:
        gone = f" ({len(self.gone):,} on no file)" if self.gone else ""
        return f"{self.missing:,}{gone} / {len(self.duplicated):,} / {len(self.torn):,}"


def judge(
    expected: Sequence[int],
    outputs: bytes | Sequence[bytes],
    shape: Shape,
    *,
    on_files: Collection[int] | None = None,
) -> Verdict:
    """Compare what was written, in order, with all that came out, of one run or of several in turn.

    `on_files` are the numbers that can be read from some file at the end; None: all of them.
    """
    verdict = Verdict(len(expected))
    place = {number: index for index, number in enumerate(expected)}
    came: Counter[int] = Counter()
    furthest = -1
    for line in whole_lines(outputs, verdict.torn):
        number = shape.number(line)
        if number is None or number not in place:
            is_foreign = number is not None or line.startswith(HEADINGS)
            (verdict.foreign if is_foreign else verdict.torn).append(line)
            continue
        came[number] += 1
        if came[number] > 1:
            verdict.duplicated.append(number)
        elif place[number] < furthest:
            verdict.out_of_order.append(number)
        furthest = max(furthest, place[number])
    for number in expected:
        if not came[number]:
            (verdict.lost if on_files is None or number in on_files else verdict.gone).append(number)
    return verdict


def whole_lines(outputs: bytes | Sequence[bytes], torn: list[bytes]) -> Iterable[bytes]:
    """The lines of each run without LF; what stands behind the last LF of a run goes to `torn`."""
    for output in [outputs] if isinstance(outputs, bytes) else outputs:
        *lines, rest = output.split(b"\n")
        yield from lines
        if rest:
            torn.append(rest)


def numbers_on_files(folder: Path, shape: Shape) -> set[int]:
    """The numbers of the whole lines on the files in the folder, also compressed ones; links do not count."""
    numbers = set()
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        numbers |= {shape.number(line.lstrip(b"\0")) for line in data.split(b"\n")}
    return {number for number in numbers if number is not None}


def by_source(output: bytes) -> dict[str, bytes]:
    """The lines under each ``#Source: PATH``, put together; those before the first have the path ''."""
    path, parts = "", dict[str, list[bytes]]()
    for line in output.splitlines(keepends=True):
        if line.startswith(SOURCE):
            path = line[len(SOURCE) :].rstrip(b"\n").decode()
        else:
            parts.setdefault(path, []).append(line)
    return {path: b"".join(lines) for path, lines in parts.items()}


def ranges(numbers: Sequence[int]) -> list[str]:
    """Numbers in the given order, those that follow each other drawn together.

    >>> ranges([1, 2, 3, 7, 9, 10])
    ['1-3', '7', '9-10']
    """
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return [str(first) if first == last else f"{first}-{last}" for first, last in runs]
