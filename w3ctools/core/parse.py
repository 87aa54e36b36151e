"""The heart of w3c-parse: blocks of log lines in, JSON lines out, one for every line that is no blank.

The format is decided at the first line that has one and expected from then on; lines of it take its fast
path, every other line is looked at by itself. What no format can read becomes an ``unparsed`` event: nothing
is dropped. Logs that ``#Source`` lines tell apart are read as if each came alone. Memory: one block, and a
little for each of the sources, whose number is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from w3ctools.core.ahead import Stretch, stretches
from w3ctools.core.errors import ParseError
from w3ctools.core.formats.clf import stamp_of
from w3ctools.core.formats.detect import Detector
from w3ctools.core.formats.format import BlockParser, Format, MakeFormat, Settings
from w3ctools.core.formats.own_record import Records
from w3ctools.core.formats.text import visible
from w3ctools.core.formats.w3c import W3CExtended
from w3ctools.core.formats.wrapper import unwrap
from w3ctools.core.framing import MAX_LINE_BYTES, LineFramer, Overlong
from w3ctools.core.record import Record, with_file
from w3ctools.core.select import Selection
from w3ctools.core.source import Source, Sources, split_sources
from w3ctools.core.wire import END_OF_LINE, Unparsed, encode, encode_line, file_ending

#: Where no line was recognised within these, the input is in no known format.
PATIENCE_LINES, PATIENCE_BYTES = 1000, 1 << 20
#: As many lines in a row of one other format make it the expected one.
RELOCK_LINES = 16

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
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
    #: The formats chosen, at the first line of a source that was recognised and when another took over, by
    #: the source's path; None where no ``#Source`` line has named one.
    chosen: dict[str | None, Format] = field(default_factory=dict)


class LogParser:
    """Parses one input: `feed` it what was read, then `flush`.

    With `make_format` nothing is detected. `selection` decides which records are wanted and what of them.
    `tell_file` adds the key `file` to every line: its source, or `file` where no ``#Source`` line has come.
    """

    def __init__(
        self,
        settings: Settings,
        make_format: MakeFormat | None = None,
        selection: Selection | None = None,
        *,
        tell_file: bool = False,
        file: str | None = None,
    ) -> None:
        self.counts = ParseCounts()
        self._settings = settings
        self._selection = selection
        self._framer = LineFramer(MAX_LINE_BYTES)
        self._make_format = make_format
        self._fixed = make_format(settings) if make_format is not None else None
        self._tell_file, self._input_file = tell_file, file
        #: The key `file` of the lines that come, and what ends them if it is asked for.
        self._file, self._ending = file, END_OF_LINE
        self._detector: Detector | None = None
        self._closest: Unrecognised | None = None
        self._recognised = self._fixed is not None
        self._bytes_seen = 0
        self._sources = Sources()
        self._source = self._new_source(None)
        #: Lines so far that began with ``#``: those below may be read in another way than those above.
        self.directives = 0
        self._fast: BlockParser | None = None
        #: Set where the fast path is no longer that with which a block was begun.
        self._changed = False
        self._begin(self._source)

    @property
    def unrecognised(self) -> Unrecognised | None:
        """Set once so much was read without a line in a known format that there will be none."""
        read = self.counts.lines - self.counts.skipped
        out_of_patience = read >= PATIENCE_LINES or self._bytes_seen >= PATIENCE_BYTES
        return self.never_recognised if out_of_patience else None

    @property
    def never_recognised(self) -> Unrecognised | None:
        """As `unrecognised`, at the end of the input."""
        return None if self._recognised else self._closest

    @property
    def is_settled(self) -> bool:
        """Whether of all lines so far nothing matters for those to come but which format is expected."""
        source = self._source
        depends = isinstance(source.format, W3CExtended) and source.format.depends_on_lines
        is_missed = source.misses > 0 and source.missed_line == self.counts.lines
        return source.format is not None and not depends and not is_missed

    def feed(self, data: bytes) -> Parsed:
        """Parse what was read; an unfinished last line waits for the rest of it."""
        self._bytes_seen += len(data)
        return self._parse(self._framer.feed(data))

    @property
    def fast_path(self) -> BlockParser | None:
        """What may parse blocks ahead of their turn, until it is another; None where nothing may."""
        is_pure = self._settings.zone.used == 0 and not self._tell_file
        return self._fast if is_pure else None

    def feed_ahead(self, block: bytes, fast: BlockParser, taken: list[Stretch]) -> Parsed:
        """As `feed` with whole lines of which `fast` has already taken stretches.

        Where lines change what is expected, the block is parsed as if it had not been; so it is where one may
        be overlong.
        """
        # A fast path that is given a directive may take it for a record: sources are split before.
        has_directive = b"#" in block and (block.startswith(b"#") or b"\n#" in block)
        is_usable = fast is self.fast_path and self._source.has_begun and len(block) <= MAX_LINE_BYTES
        if has_directive or not is_usable:
            return self.feed(block)
        self._bytes_seen += len(block)
        parsed = Parsed()
        output, rest = self._take(taken, block, parsed)
        parsed.output = output + self._block(rest, parsed)
        return parsed

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
        """Parse whole lines, of one source after the other."""
        block = self._without_mark(block)
        if b"\r" in block:  # one byte is found ten times as fast as two
            block = block.replace(b"\r\n", b"\n")
        pieces = []
        for path, lines in split_sources(block):
            if path is not None:
                self._switch(path)
                lines = self._without_mark(lines)
            if self._source.format is None:
                self._recognise(lines, parsed)
            while lines:
                piece, lines = self._some_lines(lines, parsed)
                pieces.append(piece)
        return b"".join(pieces)

    def _without_mark(self, block: bytes) -> bytes:
        """The lines without the UTF-8 byte order mark that may stand before the first one of a source."""
        if self._source.has_begun or not block:
            return block
        self._source.has_begun = True
        return block.removeprefix(_BYTE_ORDER_MARK)

    def _switch(self, path: bytes) -> None:
        """Take a ``#Source`` line: others follow, as if those of this source had come in a row."""
        before, last_line = self._source, self.counts.lines
        self.counts.lines += 1
        self.counts.skipped += 1
        self.directives += 1
        if path == before.path:
            before.missed_line += 1
            return
        source = self._sources.take(path) or self._new_source(path)
        source.missed_line += self.counts.lines - source.left_at_line
        before.left_at_line = last_line
        before.zone_memory = self._settings.zone.swap(source.zone_memory)
        self._sources.keep(before)
        self._begin(source)

    def _new_source(self, path: bytes | None) -> Source:
        fixed = self._fixed
        if self._make_format is not None and isinstance(fixed, W3CExtended):
            fixed = self._make_format(self._settings)  # alone among formats it remembers lines
        return Source(path, fixed, fixed if isinstance(fixed, W3CExtended) else None)

    def _begin(self, source: Source) -> None:
        """Lines of this source follow."""
        self._source = source
        if self._tell_file:
            self._file = self._input_file if source.path is None else visible(source.path)
            shown = self._file if self._selection is None else self._selection.show_file(self._file)
            self._ending = file_ending(shown)
        self._renew_fast()

    def _some_lines(self, block: bytes, parsed: Parsed) -> tuple[bytes, bytes]:
        """Parse the lines up to one that changes what is expected; gives their JSON and the lines left."""
        fast = self._fast
        if fast is None:
            return self._lines(block, parsed), b""
        rendered, rows = fast.parse(block)
        if self._tell_file:
            rendered = [piece and self._ended(piece) for piece in rendered]
        return self._take(stretches(rendered, rows), block, parsed)

    def _take(self, taken: Iterable[Stretch], block: bytes, parsed: Parsed) -> tuple[bytes, bytes]:
        """As `_some_lines`, of a block whose stretches are known."""
        self._changed = False
        first_line = self.counts.lines
        pieces = []
        for lines, output, odd in taken:
            self.counts.lines += lines
            self.counts.records += lines
            pieces.append(output)
            if odd is not None:
                self.counts.lines += 1
                pieces.append(self._line(odd, self.counts.lines, parsed))
            if self._changed:
                done = self.counts.lines - first_line
                return b"".join(pieces), block.split(b"\n", done)[done]
        return b"".join(pieces), b""

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
        """What most lines need no more than: the expected format, nothing to choose, add or pass on."""
        if self._fixed is not None or self._selection is not None or self._tell_file:
            return None
        format = self._source.format
        return None if format is None or isinstance(format, Records) else format.parse

    def _line(self, line: bytes, number: int, parsed: Parsed) -> bytes:
        """One line by itself."""
        if line[:1] in _NO_RECORD:
            if not line.strip(_BLANK):
                self.counts.skipped += 1
                return b""
            if line.startswith(b"#"):
                self.counts.skipped += 1
                self.directives += 1
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
        if self._tell_file:
            record = with_file(record, self._file)
        if self._selection is not None and not self._selection.take(record):
            self.counts.filtered += 1
            return b""
        self.counts.records += 1
        return encode_line(record)

    def _pass_on(self, line: bytes) -> bytes | None:
        """What w3c-parse wrote itself, as it is; None for any other line, and for a record to choose from."""
        format = self._source.format
        if not isinstance(format, Records):
            return None
        if self._selection is not None and not line.startswith(_EVENT):
            return None
        try:
            piece = format.pass_through(line, self._ending)
        except ParseError:
            return None
        return (self._selection.show_event(piece) if self._selection else piece).encode()

    def _directive(self, line: bytes, parsed: Parsed) -> None:
        """W3C extended logs name their fields in the log, at any point of it."""
        source = self._source
        if self._fixed is not None and source.w3c is None:
            return
        if source.w3c is None:
            source.w3c = W3CExtended(self._settings)
        source.w3c.directive(line)
        source.directive_bytes = max(source.directive_bytes, len(line))
        if source.w3c.has_usable_fields and source.format is not source.w3c and self._fixed is None:
            self._expect(source.w3c, parsed)
        elif source.format is source.w3c:
            self._renew_fast()

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
        format = self._source.format
        if format is None:
            found, record = self._detect(line)
            self._expect(found, parsed)
        elif self._fixed is not None:
            record = self._fixed_record(format, line)
        else:
            try:
                return format.parse(line)
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
        column, reason = 1, "line: in another format"
        try:
            record = fixed.parse(line)
        except ParseError as error:
            column, reason = error.column, error.reason
        if record is not None and " " not in (record.user or ""):
            return record
        unwrapped = unwrap(line)  # a user may hold blanks, and would take the prefix
        if unwrapped is not None:
            try:
                return fixed.parse(unwrapped.line)
            except ParseError as error:
                if error.column + unwrapped.offset > column:
                    column, reason = error.column + unwrapped.offset, error.reason
        if record is None:
            raise ParseError(reason, column)
        return record

    def _expect(self, found: Format, parsed: Parsed) -> None:
        source = self._source
        source.format = found
        parsed.chosen[None if source.path is None else visible(source.path)] = found
        self._recognised = True
        self._renew_fast()

    def _renew_fast(self) -> None:
        """The fast path of the expected format; what must be looked at record by record has none."""
        format = self._source.format
        self._fast = format.block_parser() if format is not None and self._selection is None else None
        self._changed = True

    def _ended(self, line: str) -> str:
        """A line of JSON, with its source if that is asked for."""
        return line[: -len(END_OF_LINE)] + self._ending if self._tell_file else line

    def _missed(self, found: Format, number: int, parsed: Parsed) -> None:
        """Logs may be joined: expect what many lines in a row have."""
        source = self._source
        in_a_row = found.name == source.missed_name and number == source.missed_line + 1
        source.misses = source.misses + 1 if in_a_row else 1
        source.missed_name, source.missed_line = found.name, number
        if source.misses == RELOCK_LINES:
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
        return self._ended(encode(event)).encode()

    def _overlong(self, item: Overlong, parsed: Parsed) -> bytes:
        self._source.has_begun = True
        self.counts.lines += 1
        error = ParseError(f"line: {item.size_bytes} bytes, more than {MAX_LINE_BYTES}", MAX_LINE_BYTES + 1)
        return self._unparsed(item.head, visible(item.head), self.counts.lines, error, parsed)
