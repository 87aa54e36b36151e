"""The heart of w3c-parse: blocks of log lines in, JSON lines out, one for every line that is no blank.

The format is decided at the first line that has one and expected from then on; lines of it take its fast
path, every other line is looked at by itself. What no format can read becomes an ``unparsed`` event: nothing
is dropped. Memory: one block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from w3ctools.core.errors import ParseError
from w3ctools.core.formats.clf import stamp_of
from w3ctools.core.formats.detect import Detector
from w3ctools.core.formats.format import BlockParser, Format, Settings
from w3ctools.core.formats.own_record import Records
from w3ctools.core.formats.text import visible
from w3ctools.core.formats.w3c import W3CExtended
from w3ctools.core.formats.wrapper import unwrap
from w3ctools.core.framing import LineFramer, Overlong
from w3ctools.core.record import Record
from w3ctools.core.select import Selection
from w3ctools.core.wire import Unparsed, encode_line

MAX_LINE_BYTES = 1 << 20
#: Where no line was recognised within these, the input is in no known format.
PATIENCE_LINES, PATIENCE_BYTES = 1000, 1 << 20
#: As many lines in a row of one other format make it the expected one.
RELOCK_LINES = 16

_BLANK = b" \t\r\n"
_EVENT = b'{"event":"'
#: First bytes of blank lines and directives; the beginning of a line may be blank, too.
_NO_RECORD = (b"", b" ", b"\t", b"\r", b"#")


@dataclass
class ParseCounts:
    """Lines in = records + unparsed + skipped + filtered."""

    lines: int = 0
    records: int = 0
    unparsed: int = 0
    #: Blank lines and lines that begin with ``#``.
    skipped: int = 0
    #: Records that were not wanted.
    filtered: int = 0

    def add(self, other: ParseCounts) -> None:
        """Add the counts of another input."""
        self.lines += other.lines
        self.records += other.records
        self.unparsed += other.unparsed
        self.skipped += other.skipped
        self.filtered += other.filtered


class Unrecognised(NamedTuple):
    """No line of the input was in a known format: the line that came closest, and why it is none."""

    number: int
    column: int
    reason: str
    raw: str
    #: Characters of `raw` before the column.
    shown_before: int


class Reject(NamedTuple):
    """A line that could not be parsed: its event, and its bytes."""

    event: Unparsed
    line: bytes
    #: Characters of the event's `raw` before its column.
    shown_before: int


@dataclass
class Parsed:
    """What one `feed` gave."""

    output: bytes = b""
    #: Lines of this input that could not be parsed.
    rejects: list[Reject] = field(default_factory=list)
    #: The format chosen, at the first line that was recognised and when another took over.
    chosen: Format | None = None


class LogParser:
    """Parses one input: `feed` it what was read, then `flush`.

    With a `format` nothing is detected. `selection` decides which records are wanted and what of them.
    """

    def __init__(
        self,
        settings: Settings,
        format: Format | None = None,
        selection: Selection | None = None,
    ) -> None:
        self.counts = ParseCounts()
        self._settings = settings
        self._selection = selection
        self._framer = LineFramer(MAX_LINE_BYTES)
        self._fixed = format is not None
        self._format = format
        self._w3c: W3CExtended | None = format if isinstance(format, W3CExtended) else None
        self._fast = self._block_parser()
        self._detector: Detector | None = None
        self._closest: Unrecognised | None = None
        self._bytes_seen = 0
        #: Lines in a row, up to the newest one, that had another format than the expected one.
        self._misses, self._missed_name, self._missed_line = 0, "", 0

    @property
    def unrecognised(self) -> Unrecognised | None:
        """Set once so much was read without a line in a known format that there will be none."""
        read = self.counts.lines - self.counts.skipped
        out_of_patience = read >= PATIENCE_LINES or self._bytes_seen >= PATIENCE_BYTES
        return self.never_recognised if out_of_patience else None

    @property
    def never_recognised(self) -> Unrecognised | None:
        """As `unrecognised`, at the end of the input."""
        return self._closest if self._format is None else None

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
        if self._format is None:
            self._recognise(block, parsed)
        pieces = []
        while block:
            piece, block = self._some_lines(block, parsed)
            pieces.append(piece)
        return b"".join(pieces)

    def _some_lines(self, block: bytes, parsed: Parsed) -> tuple[bytes, bytes]:
        """Parse the lines up to one that changes what is expected; gives their JSON and the lines left."""
        fast = self._fast
        if fast is None:
            return self._lines(block, parsed), b""
        rendered, rows = fast.parse(block.decode("latin-1"))
        if None not in rendered:
            self.counts.lines += len(rendered)
            self.counts.records += len(rendered)
            return "".join(rendered).encode(), b""  # type: ignore[arg-type]
        pieces = []
        for index, (piece, row) in enumerate(zip(rendered, rows, strict=True), 1):
            self.counts.lines += 1
            if piece is None:
                piece = self._line(row[-1].encode("latin-1"), self.counts.lines, parsed).decode()
            else:
                self.counts.records += 1
            pieces.append(piece)
            if self._fast is not fast:
                return "".join(pieces).encode(), block.split(b"\n", index)[index]
        return "".join(pieces).encode(), b""

    def _lines(self, block: bytes, parsed: Parsed) -> bytes:
        pieces = []
        zone = self._settings.zone
        parse = self._direct_parse()
        for line in block[:-1].split(b"\n"):
            self.counts.lines += 1
            zoneless = zone.used
            try:
                if parse is not None and line[:1] != b"#":
                    pieces.append(encode_line(parse(line)))
                    self.counts.records += 1
                    continue
            except ParseError:
                zone.used = zoneless
            pieces.append(self._line(line, self.counts.lines, parsed))
            parse = self._direct_parse()
        return b"".join(pieces)

    def _direct_parse(self) -> Callable[[bytes], Record] | None:
        """What most lines need no more than: the expected format, nothing to choose, nothing passed on."""
        if self._fixed or self._selection is not None or isinstance(self._format, Records):
            return None
        return None if self._format is None else self._format.parse

    def _line(self, line: bytes, number: int, parsed: Parsed) -> bytes:
        """One line by itself."""
        if line[:1] in _NO_RECORD:
            if not line.strip(_BLANK):
                self.counts.skipped += 1
                return b""
            if line.startswith(b"#"):
                self.counts.skipped += 1
                self._directive(line, parsed)
                return b""
        passed_on = self._pass_on(line)
        if passed_on is not None:
            self.counts.records += 1
            return passed_on
        zone = self._settings.zone
        zoneless = zone.used
        try:
            record = self._record(line, number, parsed)
        except ParseError as error:
            zone.used = zoneless  # its stamp is read once more
            return self._unparsed(line, visible(line), number, error, parsed)
        if self._selection is not None and not self._selection.take(record):
            self.counts.filtered += 1
            return b""
        self.counts.records += 1
        return encode_line(record)

    def _pass_on(self, line: bytes) -> bytes | None:
        """What w3c-parse wrote itself, as it is; None for any other line, and for a record to choose from."""
        if not isinstance(self._format, Records):
            return None
        if self._selection is not None and not line.startswith(_EVENT):
            return None
        try:
            piece = self._format.pass_through(line)
        except ParseError:
            return None
        return (self._selection.show_event(piece) if self._selection else piece).encode()

    def _directive(self, line: bytes, parsed: Parsed) -> None:
        """W3C extended logs name their fields in the log, at any point of it."""
        if self._fixed and self._w3c is None:
            return
        if self._w3c is None:
            self._w3c = W3CExtended(self._settings)
        self._w3c.directive(line)
        if self._w3c.has_usable_fields and self._format is not self._w3c and not self._fixed:
            self._expect(self._w3c, parsed)
        if self._format is self._w3c:
            self._fast = self._block_parser()

    def _recognise(self, block: bytes, parsed: Parsed) -> None:
        """Expect the format of the first line that has one; a directive is met when its line is."""
        zoneless = self._settings.zone.used
        for line in block.split(b"\n"):
            if line.startswith(b"#Fields:"):
                break
            if line.startswith(b"#") or not line.strip(_BLANK):
                continue
            try:
                self._expect(self._detect(line)[0], parsed)
            except ParseError:
                continue
            break
        self._settings.zone.used = zoneless  # the lines are read once more

    def _detect(self, line: bytes) -> tuple[Format, Record]:
        if self._detector is None:
            self._detector = Detector(self._settings)
        return self._detector.detect(line)

    def _record(self, line: bytes, number: int, parsed: Parsed) -> Record:
        """The record of a line in the expected format, or in any other. Raises ParseError."""
        zone = self._settings.zone
        zoneless = zone.used
        if self._format is None:
            found, record = self._detect(line)
            self._expect(found, parsed)
        elif self._fixed:
            record = self._fixed_record(self._format, line)
        else:
            try:
                return self._format.parse(line)
            except ParseError as expected:
                try:
                    found, record = self._detect(line)
                except ParseError:
                    raise expected from None
            self._missed(found, number, parsed)
        zone.used = min(zone.used, zoneless + 1)  # one stamp, however many formats have read it
        return record

    def _fixed_record(self, fixed: Format, line: bytes) -> Record:
        """The record of a line in the named format, be it behind a prefix. Raises ParseError."""
        record: Record | None = None
        failure = ParseError("line: in another format", 1)
        try:
            record = fixed.parse(line)
        except ParseError as error:
            failure = error
        if record is not None and " " not in (record.user or ""):
            return record
        unwrapped = unwrap(line)  # a user may hold blanks, and would take the prefix
        if unwrapped is not None:
            try:
                return fixed.parse(unwrapped.line)
            except ParseError as error:
                behind = ParseError(error.reason, error.column + unwrapped.offset)
                failure = max(failure, behind, key=lambda failed: failed.column)
        if record is None:
            raise failure
        return record

    def _expect(self, found: Format, parsed: Parsed) -> None:
        self._format = parsed.chosen = found
        self._fast = self._block_parser()

    def _block_parser(self) -> BlockParser | None:
        """The fast path; what must be looked at or changed record by record has none."""
        return self._format.block_parser() if self._format is not None and self._selection is None else None

    def _missed(self, found: Format, number: int, parsed: Parsed) -> None:
        """Logs may be joined: expect what many lines in a row have."""
        in_a_row = found.name == self._missed_name and number == self._missed_line + 1
        self._misses = self._misses + 1 if in_a_row else 1
        self._missed_name, self._missed_line = found.name, number
        if self._misses == RELOCK_LINES:
            self._expect(found, parsed)

    def _unparsed(self, line: bytes, raw: str, number: int, error: ParseError, parsed: Parsed) -> bytes:
        self.counts.unparsed += 1
        time, epoch = stamp_of(line, self._settings.zone)
        before = visible(line[: error.column - 1])
        if self._selection is not None:
            before = self._selection.show(before)
            raw = self._selection.show(raw)
            line = self._selection.show(line.decode("latin-1")).encode("latin-1")
        event = Unparsed("unparsed", number, error.reason, error.column, raw, time, epoch)
        parsed.rejects.append(Reject(event, line, len(before)))
        if self._closest is None or error.column > self._closest.column:
            self._closest = Unrecognised(number, error.column, error.reason, raw, len(before))
        return encode_line(event)

    def _overlong(self, item: Overlong, parsed: Parsed) -> bytes:
        self.counts.lines += 1
        error = ParseError(f"line: {item.size_bytes} bytes, more than {MAX_LINE_BYTES}", MAX_LINE_BYTES + 1)
        return self._unparsed(item.head, visible(item.head), self.counts.lines, error, parsed)
