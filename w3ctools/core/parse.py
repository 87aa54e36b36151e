"""The heart of w3c-parse: blocks of log lines in, JSON lines out, one for every line that is no blank.

Lines of the expected layout take the fast path of `formats.clf_block`; every other line takes the
readable path of `formats.clf` alone. What neither can read becomes an ``unparsed`` event: nothing is
dropped. Memory: one block.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from w3ctools.core.errors import ParseError
from w3ctools.core.formats.clf import Layout, parse_line, stamp_of
from w3ctools.core.formats.clf_block import BlockParser
from w3ctools.core.formats.text import visible
from w3ctools.core.framing import LineFramer, Overlong
from w3ctools.core.timestamp import Zone
from w3ctools.core.wire import Unparsed, encode

MAX_LINE_BYTES = 1 << 20
#: Where no line was recognised within these, the input is in no known format.
PATIENCE_LINES, PATIENCE_BYTES = 1000, 1 << 20
#: As many lines in a row of one other layout make it the expected one.
RELOCK_LINES = 16

_BLANK = b" \t\r\n"


@dataclass
class ParseCounts:
    """Lines in = records + unparsed + skipped."""

    lines: int = 0
    records: int = 0
    unparsed: int = 0
    #: Blank lines and lines that begin with ``#``.
    skipped: int = 0

    def add(self, other: ParseCounts) -> None:
        """Add the counts of another input."""
        self.lines += other.lines
        self.records += other.records
        self.unparsed += other.unparsed
        self.skipped += other.skipped


class Unrecognised(NamedTuple):
    """No line of the input was in a known format: the first line that was not, and why."""

    line: int
    column: int
    reason: str


@dataclass
class Parsed:
    """What one `feed` gave."""

    output: bytes = b""
    #: Lines of this input that could not be parsed.
    unparsed: list[Unparsed] = field(default_factory=list)
    #: The layout chosen, at the first line that was recognised and when another took over.
    chosen: Layout | None = None


class LogParser:
    """Parses one input: `feed` it what was read, then `flush`.

    `site` goes before the sections of origin-form targets, `zone` is for stamps that name none.
    """

    def __init__(self, site: str = "", zone: Zone | None = None) -> None:
        self.counts = ParseCounts()
        self._site = site
        self._zone = zone or Zone()
        self._framer = LineFramer(MAX_LINE_BYTES)
        self._layout: Layout | None = None
        self._block_parser = BlockParser(Layout(), site)
        self._first_failure: Unrecognised | None = None
        self._bytes_seen = 0
        #: Lines in a row, up to the newest one, that had another layout than the expected one.
        self._misses, self._missed_layout, self._missed_line = 0, Layout(), 0

    @property
    def unrecognised(self) -> Unrecognised | None:
        """Set once so much was read without a line in a known format that there will be none."""
        read = self.counts.lines - self.counts.skipped
        out_of_patience = read >= PATIENCE_LINES or self._bytes_seen >= PATIENCE_BYTES
        return self._first_failure if self._layout is None and out_of_patience else None

    @property
    def never_recognised(self) -> Unrecognised | None:
        """As `unrecognised`, at the end of the input."""
        return self._first_failure if self._layout is None else None

    @property
    def zoneless(self) -> int:
        """Stamps so far that named no time zone."""
        return self._zone.used

    def feed(self, data: bytes) -> Parsed:
        """Parse what was read; an unfinished last line waits for the rest of it."""
        self._bytes_seen += len(data)
        return self._parse(self._framer.feed(data))

    def flush(self) -> Parsed:
        """Parse what is left at the end of the input."""
        return self._parse(self._framer.flush())

    def _parse(self, items: list[bytes | Overlong]) -> Parsed:
        parsed = Parsed()
        pieces = [
            self._overlong(item, parsed) if isinstance(item, Overlong) else self._block(item, parsed)
            for item in items
        ]
        parsed.output = b"".join(pieces)
        return parsed

    def _block(self, block: bytes, parsed: Parsed) -> bytes:
        if not self.counts.lines and block.startswith(b"\xef\xbb\xbf"):  # a UTF-8 byte order mark
            block = block[3:]
        if b"\r\n" in block:
            block = block.replace(b"\r\n", b"\n")
        if self._layout is None:
            self._recognise(block, parsed)
        rendered, rows = self._block_parser.parse(block.decode("latin-1"))
        before = self.counts.lines
        self.counts.lines += len(rendered)
        self.counts.records += len(rendered)
        if None not in rendered:
            return "".join(rendered).encode()  # type: ignore[arg-type]
        pieces = [
            self._odd_line(row[-1].encode("latin-1"), number, parsed) if piece is None else piece
            for number, (piece, row) in enumerate(zip(rendered, rows, strict=True), before + 1)
        ]
        return "".join(pieces).encode()

    def _recognise(self, block: bytes, parsed: Parsed) -> None:
        """Expect the layout of the first line that has one."""
        for line in block.split(b"\n"):
            if line.startswith(b"#"):
                continue
            try:
                layout = parse_line(line, self._site).layout
            except ParseError:
                continue
            self._expect(layout, parsed)
            return

    def _expect(self, layout: Layout, parsed: Parsed) -> None:
        self._layout = parsed.chosen = layout
        self._block_parser = BlockParser(layout, self._site)

    def _odd_line(self, line: bytes, number: int, parsed: Parsed) -> str:
        """One line by the readable path; it was counted as a record already."""
        if not line.strip(_BLANK) or line.startswith(b"#"):
            self.counts.records -= 1
            self.counts.skipped += 1
            return ""
        zoneless = self._zone.used
        try:
            layout, record = parse_line(line, self._site, self._zone)
        except ParseError as error:
            self._zone.used = zoneless  # the stamp is read once more, for the event
            self.counts.records -= 1
            return self._unparsed(line, visible(line), number, error, parsed)
        if layout != self._layout:
            self._missed(layout, number, parsed)
        return encode(record)

    def _missed(self, layout: Layout, number: int, parsed: Parsed) -> None:
        """Logs may be joined: expect what many lines in a row have."""
        in_a_row = layout == self._missed_layout and number == self._missed_line + 1
        self._misses = self._misses + 1 if in_a_row else 1
        self._missed_layout, self._missed_line = layout, number
        if self._misses == RELOCK_LINES:
            self._expect(layout, parsed)

    def _unparsed(self, line: bytes, raw: str, number: int, error: ParseError, parsed: Parsed) -> str:
        self.counts.unparsed += 1
        time, epoch = stamp_of(line, self._zone)
        event = Unparsed("unparsed", number, error.reason, error.column, raw, time, epoch)
        parsed.unparsed.append(event)
        if self._first_failure is None:
            self._first_failure = Unrecognised(number, error.column, error.reason)
        return encode(event)

    def _overlong(self, item: Overlong, parsed: Parsed) -> bytes:
        self.counts.lines += 1
        error = ParseError(f"line: {item.size_bytes} bytes, more than {MAX_LINE_BYTES}", MAX_LINE_BYTES + 1)
        return self._unparsed(item.head, visible(item.head), self.counts.lines, error, parsed).encode()
