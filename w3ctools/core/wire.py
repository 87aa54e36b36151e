"""The wire between the commands: JSON lines. Values -> lines, and lines -> values.

What is written here is described in w3ctools(5). Any object that is no record carries the key
``event`` first, and whoever does not know an event passes it on or counts it.

In bash ``tee >(w3c-alert) | w3c-stats`` gives the pipe to w3c-stats to w3c-alert too, as its stdout, and
``tee`` writes pieces that end in mid-line: so a message can stand inside a record. Every message has a
form that cannot be mistaken, and `LineReader` takes it out and puts the record together again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import floor
from typing import Generic, TypeVar, cast

import msgspec

from w3ctools.core.framing import LineFramer, Overlong
from w3ctools.core.timestamp import parse_rfc3339

#: A longer line of JSON is not taken for one.
MAX_JSON_LINE_BYTES = 16 << 20

#: After so many lines of one record each, lines are not counted any more: it takes half as long as to decode.
PROVEN_RECORDS = 1000

#: What ends every line that `encode` gives.
END_OF_LINE = "}\n"
#: What begins the line that w3c-tail writes before lines of another file; readers of JSON lines pass over it.
SOURCE_START = b"#Source: "

_encode = msgspec.json.Encoder().encode
_NULL_PAIR = re.compile(rb',"[a-z_]+":null')
_FIRST_NULL_PAIR = re.compile(rb'^\{"[a-z_]+":null(?:,|(?=\}))', re.MULTILINE)


class Row(msgspec.Struct, gc=False):
    """What every reader of records must know of a line; a command adds the keys that it uses."""

    event: str | None = None
    epoch: int | float | None = None


class Unparsed(msgspec.Struct, gc=False):
    """A line that is in no known format: still traffic, and nothing of it is lost."""

    event: str = "unparsed"
    line: int = 0
    reason: str = ""
    #: 1 is the line's first byte.
    column: int = 0
    #: The line, with control bytes made visible.
    raw: str = ""
    #: Where a stamp could still be read.
    time: str | None = None
    epoch: int | float | None = None


class AlertEvent(msgspec.Struct, gc=False):
    """An alert was raised, has recovered, or was reset because the log's clock went back."""

    event: str = "alert"
    state: str | None = None
    #: RFC 3339, UTC: the second that was judged.
    time: str | None = None
    epoch: int | None = None
    rule: str | None = None
    metric: str | None = None
    #: What the rule counts by, if anything.
    key: str | None = None
    #: What was compared with the threshold.
    value: float | None = None
    #: Requests in the window.
    hits: int | None = None
    threshold: float | None = None
    window_s: int | None = None
    #: The line for people.
    message: str = ""


class SectionCount(msgspec.Struct, gc=False):
    """One section's traffic in a `SummaryEvent`."""

    section: str | None
    requests: int
    #: Responses with a status of 500 to 599.
    errors: int
    bytes: int


class KeyCount(msgspec.Struct, gc=False):
    """The traffic of one value of a key, in a `SummaryEvent`."""

    key: str | None
    requests: int
    #: Responses with a status of 500 to 599.
    errors: int
    bytes: int


class SummaryEvent(msgspec.Struct, gc=False, rename={"from_": "from"}):
    """The traffic of an interval."""

    event: str
    #: RFC 3339, UTC; None in a total of lines without time.
    from_: str | None
    to: str | None
    partial: bool
    requests: int
    rate_per_s: float
    unparsed: int
    #: Came after their second was judged; and of these, too late for their interval.
    late: int
    uncounted: int
    bytes: int
    clients: int
    #: Requests by status; the key is the status as text, ``-`` where the log has none.
    status: dict[str, int]
    methods: dict[str, int]
    sections: list[SectionCount]
    top_clients: dict[str, int]
    failing_paths: dict[str, int]
    errors: int
    client_errors: int
    #: Whether all figures are counts; else there were too many keys, and some are estimates.
    exact: bool
    #: Sections that were in no interval before.
    new_sections: list[str]
    #: Of longer times up to the end of this one, such as ``1m``.
    rates_per_s: dict[str, float]
    #: Percentiles, ``p50`` and others; None where they were not asked for.
    duration_s: dict[str, float | None] | None
    size_bytes: dict[str, float | None] | None
    #: Seconds that all requests of a path took.
    slow_paths_s: dict[str, float] | None
    by: dict[str, list[KeyCount]]
    #: What merging needs: where it comes from, the requests of each second from the first on, unparsed lines
    #: among them, and all that was counted.
    host: str | None
    seconds: list[int] | None
    packed: str | None


class SummaryRow(Row, gc=False, rename={"from_": "from"}):
    """The keys of a ``summary`` event that merging needs."""

    from_: str | None = None
    to: str | None = None
    partial: bool = False
    late: int = 0
    uncounted: int = 0
    host: str | None = None
    seconds: list[int] | None = None
    packed: str | None = None


class HostEvent(msgspec.Struct, gc=False):
    """A host has fallen silent, or is heard again."""

    event: str
    host: str
    state: str
    #: RFC 3339, UTC: its traffic is known up to here.
    until: str


class GapEvent(msgspec.Struct, gc=False, rename={"from_": "from"}):
    """Whole intervals without a request."""

    event: str
    from_: str
    to: str


def encode(value: msgspec.Struct) -> str:
    """A record or event as one line with its LF."""
    return encode_line(value).decode()


def encode_line(value: msgspec.Struct) -> bytes:
    """The same in bytes, for where much is written."""
    return _encode(value) + b"\n"


def file_ending(file: str | None) -> str:
    """What stands for `END_OF_LINE` where the last key is `file`."""
    return f',"file":{_encode(file).decode()}{END_OF_LINE}'


def omit_nulls(lines: bytes) -> bytes:
    """JSON lines as `encode` writes them, without the keys that are null.

    No text can hold such a pair: its quotes would be escaped.
    """
    return _FIRST_NULL_PAIR.sub(b"{", _NULL_PAIR.sub(b"", lines))


MESSAGE_KEY_BYTES = 200
_MESSAGE_AT_END = re.compile(
    rb"(?P<before>.*)(?:High|Low) [a-z0-9-]+(?: [a-z0-9-]+){0,5}?(?: on (?P<key>[^ ]{1,200}))? "
    rb"(?P<what>generated an alert|alert recovered|alert reset) - (?P<detail>[^\n]*)",
    re.DOTALL,
)
_HITS = re.compile(rb"hits = (\d{1,18}),")
_AT = re.compile(rb" at (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)$")
_STATES = {b"generated an alert": "raised", b"alert recovered": "recovered", b"alert reset": "reset"}
_ALERT_START = b'{"event":"alert"'
#: What decoding a line raises that is no JSON of the type; the last, if it is nested too deeply.
_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def _message_event(line: bytes, match: re.Match[bytes]) -> AlertEvent:
    """A message of w3c-alert tells state, time, hits and key; the rest is null."""
    detail = match["detail"]
    hits, at = _HITS.search(detail), _AT.search(detail)
    time = at[1].decode() if at else None
    try:
        epoch = floor(parse_rfc3339(time)) if time is not None else None
    except ValueError:  # an impossible date: not a message of ours, but shown like one
        time = epoch = None
    return AlertEvent(
        state=_STATES[match["what"]],
        time=time,
        epoch=epoch,
        hits=int(hits[1]) if hits else None,
        key=match["key"].decode("utf-8", "replace") if match["key"] else None,
        message=line.decode("utf-8", "replace"),
    )


T = TypeVar("T", bound=Row)


@dataclass
class Read(Generic[T]):
    """What one `feed` gave."""

    #: The whole lines, as they came.
    lines: bytes = b""
    #: Records and unparsed events, in order.
    rows: list[T] = field(default_factory=list)
    #: Alerts, each with the number of `rows` before it.
    alerts: list[tuple[int, AlertEvent]] = field(default_factory=list)
    #: For each row how many lines there are up to its own; None where every line is a row or blank.
    lines_up_to: list[int] | None = None
    #: Summaries that can be merged, where they are asked for beside records.
    summaries: list[SummaryRow] = field(default_factory=list)
    #: Where `lines_up_to` is not None: the lines with messages as events, in front of the records that they
    #: have split. The first piece of a record waits for the rest of it.
    mended: list[bytes] = field(default_factory=list)

    @property
    def whole_lines(self) -> bytes:
        """The lines for a reader that does not know of messages."""
        if self.lines_up_to is None:
            return self.lines
        return b"".join(line + b"\n" for line in self.mended)

    def with_events(self, events: list[tuple[int, AlertEvent]]) -> bytes:
        """The lines with events between them, each behind its number of rows (ascending)."""
        lines, ends = self._split()
        for after_rows, event in reversed(events):
            lines.insert(ends[after_rows - 1] if after_rows else 0, _encode(event))
        return b"\n".join(lines)

    def up_to(self, rows: int) -> Read[T]:
        """What was read up to the row of this number."""
        lines, ends = self._split()
        end = ends[rows - 1] if rows else 0
        return Read(b"".join(line + b"\n" for line in lines[:end]), self.rows[:rows], [], ends[:rows])

    def _split(self) -> tuple[list[bytes], list[int]]:
        """The lines, with what follows the last LF, and for each row how many there are up to its own."""
        lines = self.lines.split(b"\n")
        ends = self.lines_up_to
        return lines, ends or [number for number, line in enumerate(lines, 1) if line.strip()]


class LineReader(Generic[T]):
    """Reads JSON lines as `row_type`, with the messages of w3c-alert between and inside them.

    `feed` it what was read, `flush` it at the end. Memory: one line.
    """

    def __init__(
        self, row_type: type[T], *, row_event: str = "unparsed", with_summaries: bool = False
    ) -> None:
        #: Events of this kind are rows, beside records.
        self._row_event = row_event
        self._decoder = msgspec.json.Decoder(row_type)
        self._event_decoder = msgspec.json.Decoder(Row)
        self._alert_decoder = msgspec.json.Decoder(AlertEvent)
        self._summary_decoder = msgspec.json.Decoder(SummaryRow) if with_summaries else None
        self._framer = LineFramer(MAX_JSON_LINE_BYTES)
        #: The beginning of a record that a message has split.
        self._held = b""
        self.lines = 0
        self.records = 0
        #: Events that tell of an unparsed line, of an alert, of anything else.
        self.unparsed = self.alerts = self.other_events = 0
        #: Those of the others that are summaries.
        self.summaries = 0
        #: Lines that are neither JSON objects nor messages.
        self.foreign = 0
        #: The first of them, and its line number.
        self.first_foreign: tuple[int, bytes] | None = None

    def is_no_json(self, patience_lines: int) -> bool:
        """So many lines and not one JSON object or message: something else feeds this pipe."""
        return self.foreign >= patience_lines and self.foreign == self.lines

    def feed(self, data: bytes) -> Read[T]:
        """Read what came; an unfinished last line waits for the rest of it."""
        return self._read(self._framer.feed(data))

    def flush(self) -> Read[T]:
        """The end of the input: what is left, and a record whose rest never came."""
        read = self._read(self._framer.flush())
        if self._held:
            self._note_foreign(self._held)
            read.mended.append(self._held)
            read.lines_up_to = read.lines_up_to or []
            self._held = b""
        return read

    def _read(self, items: list[bytes | Overlong]) -> Read[T]:
        # The beginning of an overlong line is no JSON object: it will be found foreign.
        block = b"".join(item.head + b"\n" if isinstance(item, Overlong) else item for item in items)
        if not block:
            return Read()
        if not self._held:
            try:
                rows = self._decoder.decode_lines(block)
            except _UNDECODABLE:
                return self._read_lines(block)
            # To search the block for events takes as long as to decode it.
            has_events = [row for row in rows if row.event is not None]
            if not has_events and self._has_a_row_a_line(block, len(rows)):
                self.lines += len(rows)
                self.records += len(rows)
                return Read(block, rows)
        return self._read_lines(block)

    def _has_a_row_a_line(self, block: bytes, rows: int) -> bool:
        """msgspec takes values over several lines, too: whoever writes such does so from the beginning."""
        if self.records >= PROVEN_RECORDS:
            return True
        return rows == block.count(b"\n")

    def _read_lines(self, block: bytes) -> Read[T]:
        """Line by line: for blocks with events, messages, torn records, blank lines or names of sources."""
        lines_up_to: list[int] = []
        read: Read[T] = Read(block, lines_up_to=lines_up_to)
        for number, line in enumerate(block[:-1].split(b"\n"), 1):
            if self._held or (line.strip() and not line.startswith(SOURCE_START)):
                self.lines += 1
                held, self._held = self._held, b""
                self._read_line(held + line, read)
                if len(read.rows) > len(lines_up_to):
                    lines_up_to.append(number)
        return read

    def _read_line(self, line: bytes, read: Read[T]) -> None:
        try:
            row = self._decode(line)
            alert = self._alert_decoder.decode(line) if row.event == "alert" else None
            if row.event == "summary":
                self.summaries += 1
                if self._summary_decoder is not None:
                    read.summaries.append(self._summary_decoder.decode(line))
        except _UNDECODABLE:
            self._read_no_object(line, read)
            return
        read.mended.append(line)
        if row.event is None or row.event == self._row_event:
            read.rows.append(cast(T, row))
        if row.event is None:
            self.records += 1
        elif row.event == "unparsed":
            self.unparsed += 1
        elif alert is not None:
            self.alerts += 1
            read.alerts.append((len(read.rows), alert))
        else:
            self.other_events += 1

    def _decode(self, line: bytes) -> Row:
        """A row, or what all know of an event: its other keys may have types of their own."""
        try:
            return self._decoder.decode(line)
        except msgspec.ValidationError:
            event = self._event_decoder.decode(line)
            if event.event is None or event.event == self._row_event:
                raise
            return event

    def _read_no_object(self, line: bytes, read: Read[T]) -> None:
        """A message, alone or behind the first piece of a record that it has split."""
        at, alert = (0, None) if _is_json(line) else self._find_alert(line)
        if alert is None:
            self._note_foreign(line)
            read.mended.append(line)
            return
        self.alerts += 1
        self._held = line[:at]
        read.mended.append(line[at:] if line.startswith(_ALERT_START, at) else _encode(alert))
        read.alerts.append((len(read.rows), alert))

    def _find_alert(self, line: bytes) -> tuple[int, AlertEvent | None]:
        """The last message or alert event that ends the line, and where it begins."""
        at = line.rfind(_ALERT_START)
        if at > 0:  # first, since an event ends with the words of its message
            try:
                return at, self._alert_decoder.decode(line[at:])
            except _UNDECODABLE:
                pass
        match = _MESSAGE_AT_END.fullmatch(line)
        if match is not None:
            at = match.end("before")
            return at, _message_event(line[at:], match)
        return 0, None

    def _note_foreign(self, line: bytes) -> None:
        self.foreign += 1
        if self.first_foreign is None:
            self.first_foreign = self.lines, line


def _is_json(line: bytes) -> bool:
    """Whether a line that is no row is JSON nonetheless: nothing has split it, whatever it says."""
    try:
        msgspec.json.decode(line)
    except _UNDECODABLE:
        return False
    return True
