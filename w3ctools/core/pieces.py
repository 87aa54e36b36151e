"""A log counted in pieces, interval by interval, wherever each piece is read: what they sum up to is exact.

A piece is a range of a file, or a whole one. The same lines give the same piece, whoever counts them and how
often, so one that was lost is counted again. What a line means may depend on the lines above it; a piece says
what it took for granted of these, and `unsure_paths` which files must be read in one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from w3ctools.core.formats.format import Settings
from w3ctools.core.merging import packed_summary, summary_seconds, summary_span
from w3ctools.core.parse import LogParser, ParseCounts, Parsed
from w3ctools.core.stats import Interval
from w3ctools.core.summary import USUAL, StatsRow, Summary, SummaryError, stats_row_type
from w3ctools.core.timestamp import Zone
from w3ctools.core.window import runs
from w3ctools.core.wire import LineReader, SummaryRow

#: What a file begins with that holds summaries of ``w3c-stats -o json --mergeable`` instead of a log's lines.
SUMMARIES = b'{"event":"summary",'
#: Stands for the first second of an interval where no line of a file has a time.
NO_TIME = -(1 << 62)
#: A log goes from one interval to the next. Of one that jumps, so many are open, and then packed.
_MOST_OPEN = 256


class Part(NamedTuple):
    """What was counted of an interval."""

    #: Of `Summary.to_bytes`.
    packed: bytes
    #: As in `Interval`: requests of each Unix second, None where a summary did not tell.
    seconds: dict[int, int] | None
    late: int = 0
    uncounted: int = 0


class Seen(NamedTuple):
    """What there is to know about a piece, beside its counts."""

    path: str
    begin: int = 0
    #: Whether its lines were read as a reader of the whole file would have, if the lines above it say no more
    #: than which format is expected.
    is_sure: bool = True
    #: Whether its first line, or its last, is in another format than expected: many in a row change that.
    begins_odd: bool = False
    ends_odd: bool = False
    #: The first and the last second in it, in the order of its lines.
    first_s: int | None = None
    last_s: int | None = None
    #: The newest second up to the limit that was given, and the end of what summaries tell of.
    newest_s: int | None = None
    lines: int = 0
    records: int = 0
    unparsed: int = 0
    skipped: int = 0
    #: No line was in a known format.
    is_unknown: bool = False
    #: Why not all of it was counted, in one line.
    problem: str | None = None


class Piece(NamedTuple):
    """What was counted of a range of a file."""

    seen: Seen
    #: By the first second of an interval, in order.
    parts: list[tuple[int, Part]]
    #: Lines without time above the first that has one.
    leading: Part | None = None

    def placed(self, second: int | None, interval_s: int) -> list[tuple[int, Part]]:
        """The parts, with the leading lines counted at `second`; None: there is no time in the whole file."""
        if self.leading is None:
            return self.parts
        counted = sum((self.leading.seconds or {}).values())
        if second is None:
            return [(NO_TIME, self.leading._replace(seconds={})), *self.parts]
        at = second // interval_s * interval_s
        return [(at, self.leading._replace(seconds={second: counted})), *self.parts]


class Grouping:
    """Rows -> parts of intervals: a row at its own second, one without time at that of the row before."""

    def __init__(self, interval_s: int, limit_s: int | None = None) -> None:
        """`limit_s`: seconds beyond it are counted, but are not the newest; see `Seen`."""
        self.interval_s = interval_s
        self.first_s: int | None = None
        self.last_s: int | None = None
        self.newest_s: int | None = None
        self._limit_s = limit_s
        self._open: dict[int, Summary] = {}
        self._seconds: dict[int, Counter[int]] = {}
        self._packed: dict[int, list[Part]] = {}
        self._leading = Summary()

    def feed(self, rows: list[StatsRow]) -> None:
        """Count rows."""
        begin = end = 0
        interval: int | None = None  # of rows[begin:end], which are counted together
        for second, records in runs([row.epoch for row in rows]):
            at = self._at(second)
            key = None if at is None else at // self.interval_s * self.interval_s
            if key != interval:
                self._count(interval, rows[begin:end])
                begin, interval = end, key
            end += records
            if key is not None and at is not None:
                self._seconds.setdefault(key, Counter())[at] += records
        self._count(interval, rows[begin:])

    def add(self, key: int, part: Part, newest_s: int | None) -> None:
        """Add what was counted elsewhere."""
        if newest_s is not None:
            self._see(newest_s)
        self._packed.setdefault(key, []).append(part)

    def flush(self) -> tuple[list[tuple[int, Part]], Part | None]:
        """The parts in order, and the rows without time before the first that has one."""
        self._pack()
        leading = self._leading.requests + self._leading.unparsed
        parts = [(key, together(self._packed[key])) for key in sorted(self._packed)]
        return parts, Part(self._leading.to_bytes(), {0: leading}) if leading else None

    def _at(self, second: int | None) -> int | None:
        if second is None:
            return self.last_s
        if self.first_s is None:
            self.first_s = second
        self.last_s = second
        self._see(second)
        return second

    def _see(self, second: int) -> None:
        if self._limit_s is None or second <= self._limit_s:
            self.newest_s = second if self.newest_s is None else max(self.newest_s, second)

    def _count(self, interval: int | None, rows: list[StatsRow]) -> None:
        if interval is None:
            self._leading.feed(rows)
            return
        if interval not in self._open:
            if len(self._open) >= _MOST_OPEN:
                seconds = self._seconds.pop(interval)
                self._pack()
                self._seconds[interval] = seconds
            self._open[interval] = Summary()
        self._open[interval].feed(rows)

    def _pack(self) -> None:
        for key, summary in self._open.items():
            part = Part(summary.to_bytes(), dict(self._seconds[key]))
            self._packed[key] = [together([*self._packed.get(key, []), part])]
        self._open, self._seconds = {}, {}


class LogCounting:
    """Counts the lines of a log: `feed` them, then `flush`.

    Of a range of a file `feed_head` the file's first lines, which tell its format, then `feed_range` its own.
    """

    def __init__(self, path: str, begin: int, grouping: Grouping) -> None:
        self._path, self._begin = path, begin
        self._grouping = grouping
        self._parser = LogParser(Settings("", Zone()))
        self._reader: LineReader[StatsRow] = LineReader(stats_row_type(USUAL))
        self._not_counted = ParseCounts()
        self._is_sure = True
        self._begins_odd = False
        #: Of the first line behind the head, what has come.
        self._first_line: bytes | None = b"" if begin else None

    @property
    def is_settled(self) -> bool:
        """Whether enough has come to know how the lines of another range are read."""
        return self._parser.is_settled

    @property
    def is_hopeless(self) -> bool:
        """Whether so much has come without a line in a known format that there will be none."""
        return self._parser.unrecognised is not None

    def feed_head(self, lines: bytes) -> None:
        """The file's first lines, whole ones. They count if the range begins the file."""
        output = self._parser.feed(lines).output
        if self._begin:
            self._not_counted = ParseCounts(**vars(self._parser.counts))
        else:
            self._grouping.feed(self._reader.feed(output).rows)

    def feed_range(self, data: bytes) -> None:
        """Lines of the range that do not belong to the head."""
        if self._first_line is not None:
            data = self._first_line + data
            end = data.find(b"\n") + 1
            self._first_line = None if end else data
            self._feed_sure(data[:end])
            self._begins_odd = not self._parser.is_settled
            data = data[end:] if end else b""
        self._feed_sure(data)

    def feed(self, data: bytes) -> None:
        """What was read of a file that is read whole."""
        self._count(self._parser.feed(data))

    def unsure(self) -> None:
        """It cannot be known how the lines of this range are read."""
        self._is_sure = False

    def flush(self) -> Piece:
        """The end of the range."""
        self._feed_sure(self._first_line or b"")
        ends_odd = not self._parser.is_settled
        self._count(self._parser.flush())
        self._grouping.feed(self._reader.flush().rows)
        parts, leading = self._grouping.flush()
        counts, before = self._parser.counts, self._not_counted
        seen = Seen(
            self._path,
            self._begin,
            self._is_sure,
            self._begins_odd,
            ends_odd,
            self._grouping.first_s,
            self._grouping.last_s,
            self._grouping.newest_s,
            counts.lines - before.lines,
            counts.records - before.records,
            counts.unparsed - before.unparsed,
            counts.skipped - before.skipped,
            self._parser.never_recognised is not None,
        )
        return Piece(seen, parts, leading)

    def _feed_sure(self, data: bytes) -> None:
        """Lines below others that were read elsewhere must not depend on what stands in them."""
        directives = self._parser.directives
        parsed = self._parser.feed(data)
        if parsed.chosen or self._parser.directives > directives:
            self._is_sure = False
        self._count(parsed)

    def _count(self, parsed: Parsed) -> None:
        self._grouping.feed(self._reader.feed(parsed.output).rows)


class SummaryCounting:
    """Counts a file of summaries that w3c-stats wrote, empty ones too: these say how far a host has come."""

    def __init__(self, path: str, grouping: Grouping) -> None:
        self._path = path
        self._grouping = grouping
        self._reader = LineReader(SummaryRow, row_event="summary")
        #: The first thing that could not be counted, and how many there were.
        self._problem: str | None = None
        self._left_out = 0

    def feed(self, data: bytes) -> None:
        """What was read of the file."""
        self._add(self._reader.feed(data).rows)

    def flush(self) -> Piece:
        """The end of the file."""
        self._add(self._reader.flush().rows)
        if self._reader.first_foreign is not None:
            self._note(f"line {self._reader.first_foreign[0]} is no summary", self._reader.foreign)
        parts, _ = self._grouping.flush()
        problem = self._problem and f"{self._path}: left out {_lines(self._left_out)}: {self._problem}"
        return Piece(Seen(self._path, newest_s=self._grouping.newest_s, problem=problem), parts)

    def _add(self, rows: Iterable[SummaryRow]) -> None:
        for row in rows:
            try:
                self._add_summary(row)
            except SummaryError as error:
                self._note(f"the summary from {row.from_ or '-'} to {row.to or '-'} {error}")

    def _add_summary(self, row: SummaryRow) -> None:
        """Raises SummaryError."""
        if row.event != "summary":
            raise SummaryError("is a record: a file holds summaries or a log")
        packed = packed_summary(row)
        interval_s = self._grouping.interval_s
        from_s, to_s = summary_span(row)
        key = from_s // interval_s * interval_s if to_s > from_s else NO_TIME
        if to_s > key + interval_s and key != NO_TIME:
            raise SummaryError(f"is of another interval than {interval_s} s")
        summary = Summary.from_bytes(packed)
        if summary.spec != USUAL:
            Summary().merge(summary)  # raises the error that says what it counts
        seconds = summary_seconds(row)
        part = Part(packed, None if seconds is None else dict(seconds), row.late, row.uncounted)
        self._grouping.add(key, part, to_s - 1 if to_s > from_s else None)

    def _note(self, problem: str, lines: int = 1) -> None:
        self._problem = self._problem or problem
        self._left_out += lines


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count:,} lines"


def together(parts: Sequence[Part]) -> Part:
    """The sum of parts of one interval; the same whenever they come in the same order."""
    if len(parts) == 1:
        return parts[0]
    summary = Summary.from_bytes(parts[0].packed)
    seconds: Counter[int] | None = Counter()
    for part in parts[1:]:
        summary.merge(Summary.from_bytes(part.packed))
    for part in parts:
        if seconds is None or part.seconds is None:
            seconds = None
        else:
            seconds.update(part.seconds)
    return Part(
        summary.to_bytes(),
        None if seconds is None else dict(seconds),
        sum(part.late for part in parts),
        sum(part.uncounted for part in parts),
    )


def unsure_paths(seen: Iterable[Seen]) -> set[str]:
    """The files whose pieces do not fit together: each must be read in one."""
    found = set()
    for path, pieces in _by_path(seen):
        are_sure = all(piece.is_sure for piece in pieces)
        if not are_sure or any(above.ends_odd and below.begins_odd for above, below in pairwise(pieces)):
            found.add(path)
    return found


def leading_seconds(seen: Iterable[Seen]) -> dict[tuple[str, int], int | None]:
    """By path and begin of each piece: the second at which its leading lines without time count."""
    found: dict[tuple[str, int], int | None] = {}
    for path, pieces in _by_path(seen):
        at = next((piece.first_s for piece in pieces if piece.first_s is not None), None)
        for piece in pieces:
            found[path, piece.begin] = at
            at = at if piece.last_s is None else piece.last_s
    return found


def _by_path(seen: Iterable[Seen]) -> Iterable[tuple[str, list[Seen]]]:
    order = sorted(seen, key=lambda piece: (piece.path, piece.begin))
    return ((path, list(pieces)) for path, pieces in groupby(order, key=lambda piece: piece.path))


def interval_of(key: int, part: Part, interval_s: int, *, is_last: bool) -> Interval:
    """A part as an interval; the last of a log ends with its last line, as w3c-stats has it."""
    summary = Summary.from_bytes(part.packed)
    if key == NO_TIME:
        return Interval(0, 0, summary, False, part.late, part.uncounted, Counter())
    seconds = None if part.seconds is None else Counter(part.seconds)
    end_s = key + interval_s
    to_s = max(seconds) + 1 if is_last and seconds else end_s
    return Interval(key, to_s, summary, to_s < end_s, part.late, part.uncounted, seconds)
