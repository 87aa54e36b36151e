"""What is counted over some time: a plain value that can be fed, merged, and written as bytes.

Two summaries merged say the same as one fed with both inputs. Exact while the keys are few; beyond that a
sketch with a stated error, so that memory does not grow with what a log holds: see `tally` and `quantiles`.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from w3ctools.core.errors import W3CError
from w3ctools.core.quantiles import Quantiles
from w3ctools.core.section import deeper_section
from w3ctools.core.tally import Tally
from w3ctools.core.wire import Row

#: From here to 599 a status is the server's error; from 400 to 499 the client's.
SERVER_ERROR, CLIENT_ERROR, NO_STATUS = 500, 400, 600
#: Distinct combinations that are counted in one dictionary, before each part goes to its own count.
_MOST_STAGED = 8_192
#: No request takes longer; what says so is no duration.
_LONGEST_S = 10**9
#: A summary is some MiB long. What is longer is none.
_MOST_BYTES = 1 << 28
_VERSION = 1

#: Section, status and method.
_Mix = tuple[str | None, int | None, str | None]
_CLIENT = attrgetter("client")


#: What `Summary.to_bytes` packs.
_PACKED = tuple[
    tuple[list[str], int, bool], int, int, int, list[tuple[int | None, int]], list[Any], list[Any], list[Any]
]


class SummaryError(W3CError):
    """Bytes that are no summary, or one that counts something else; the text begins with "is"."""


class Spec(NamedTuple):
    """What a summary counts beside requests, status, methods, sections and clients."""

    #: Keys of the record that have a table of their own.
    by: tuple[str, ...] = ()
    #: Segments of a section.
    depth: int = 1
    #: Percentiles of durations and sizes, and the paths that take the most time.
    timings: bool = False


#: What a summary counts if nothing is said.
USUAL = Spec()


class StatsRow(Row, gc=False):
    """The keys of a record that are always counted."""

    client: str | None = None
    method: str | None = None
    path: str | None = None
    status: int | None = None
    bytes: int | None = None
    section: str | None = None


def stats_row_type(spec: Spec) -> type[StatsRow]:
    """What must be decoded of a record."""
    known = StatsRow.__struct_fields__
    more: dict[str, Any] = {name: Any for name in spec.by if name not in known}
    if spec.timings:
        more["duration"] = int | float | None
    if not more:
        return StatsRow
    fields = [(name, annotation, None) for name, annotation in more.items()]
    made: Any = msgspec.defstruct("DetailedRow", fields, bases=(StatsRow,), gc=False)
    row: type[StatsRow] = made
    return row


class TableRow(NamedTuple):
    """One key's traffic."""

    key: str | None
    requests: int
    #: Responses with a status of 500 to 599.
    errors: int
    bytes: int


class Table:
    """Requests, server errors and bytes by key."""

    def __init__(self) -> None:
        self.requests, self.errors, self.bytes = Tally(), Tally(), Tally()

    @property
    def is_exact(self) -> bool:
        """Whether no figure is an estimate."""
        return self.requests.is_exact and self.errors.is_exact and self.bytes.is_exact

    @property
    def error(self) -> int:
        """How far off a count of requests may be, at most."""
        return self.requests.error

    def distinct(self) -> int:
        """How many keys there are; an estimate, unless the table is exact."""
        return self.requests.distinct()

    def top(self, most: int) -> list[TableRow]:
        """The keys with the most requests; equals in the order of their names. None that is but noise."""
        return [
            TableRow(key, requests, self.errors.count(key), self.bytes.count(key))
            for key, requests in self.requests.leaders(most)
        ]

    def merge(self, other: Table) -> None:
        """Add another table's counts."""
        self.requests.merge(other.requests)
        self.errors.merge(other.errors)
        self.bytes.merge(other.bytes)

    def pack(self) -> list[Any]:
        """What `unpack` takes, for JSON."""
        return [tally.pack() for tally in (self.requests, self.errors, self.bytes)]

    @classmethod
    def unpack(cls, packed: Any) -> Table:
        """A table that was packed. Raises ValueError or TypeError."""
        table = cls()
        table.requests, table.errors, table.bytes = (Tally.unpack(one) for one in packed)
        return table


class Summary:
    """Counts of requests. A key None is a request of which the log did not say it."""

    def __init__(self, spec: Spec = USUAL) -> None:
        self.spec = spec
        self.requests = 0
        #: Lines in no known format: traffic too, but nothing is known of them.
        self.unparsed = 0
        #: Requests and bytes by section, status and method together: one count feeds four tables.
        self._mix: dict[_Mix, list[int]] = {}
        self._new_clients: Counter[str | None] = Counter()
        self._new_failing: Counter[str | None] = Counter()
        self._statuses: Counter[int | None] = Counter()
        self._methods, self._clients = Tally(), Tally()
        self._sections = Table()
        #: Response bytes of what was folded.
        self._bytes = 0
        self.by = {name: Table() for name in spec.by}
        self._failing_paths = Tally()
        #: Microseconds of durations by path.
        self.slow_paths = Tally()
        #: Seconds, and bytes of a response.
        self.durations, self.sizes = Quantiles(), Quantiles()

    def feed(self, rows: list[StatsRow]) -> None:
        """Count rows: records, and unparsed events among them. With a depth, their sections are changed."""
        unparsed = [row for row in rows if row.event is not None]
        if unparsed:
            rows = [row for row in rows if row.event is None]
            self.unparsed += len(unparsed)
        self.requests += len(rows)
        if self.spec.depth > 1:
            for row in rows:
                row.section = deeper_section(row.section, row.path, self.spec.depth)
        mix = self._mix
        for row in rows:  # half of what Counter takes for the tuples and another loop for the bytes
            key = row.section, row.status, row.method
            try:
                counts = mix[key]
            except KeyError:
                counts = mix[key] = [0, 0]
            counts[0] += 1
            counts[1] += row.bytes or 0
        self._new_clients.update(map(_CLIENT, rows))
        failing = [row for row in rows if (row.status or 0) >= SERVER_ERROR]
        if failing:
            self._new_failing.update([row.path for row in failing if _is_error(row.status)])
        if self.spec.timings:
            self._feed_timings(rows)
        for name, table in self.by.items():
            _feed_table(table, attrgetter(name), rows)
        if max(len(mix), len(self._new_clients), len(self._new_failing)) > _MOST_STAGED:
            self._fold()

    def merge(self, other: Summary) -> None:
        """Add another summary's counts. Raises SummaryError if it counts something else."""
        if self.spec != other.spec:
            raise SummaryError(f"is of another kind: {_described(other.spec)}, not {_described(self.spec)}")
        self._fold()
        other._fold()
        self.requests += other.requests
        self.unparsed += other.unparsed
        self._bytes += other._bytes
        self._statuses.update(other._statuses)
        self._methods.merge(other._methods)
        self._clients.merge(other._clients)
        self._sections.merge(other._sections)
        for name, table in self.by.items():
            table.merge(other.by[name])
        self._failing_paths.merge(other._failing_paths)
        self.slow_paths.merge(other.slow_paths)
        self.durations.merge(other.durations)
        self.sizes.merge(other.sizes)

    @property
    def is_exact(self) -> bool:
        """Whether no figure is an estimate."""
        self._fold()
        tables = [self._sections, *self.by.values()]
        tallies = [self._methods, self._clients, self.failing_paths, self.slow_paths]
        counts = all(one.is_exact for one in tables) and all(one.is_exact for one in tallies)
        return counts and self.durations.is_exact and self.sizes.is_exact

    @property
    def total_bytes(self) -> int:
        """Response bytes of all requests, as logged."""
        return self._bytes + sum(size_bytes for _, size_bytes in self._mix.values())

    @property
    def errors(self) -> int:
        """Requests with a status of 500 to 599."""
        return sum(count for status, count in self.statuses().items() if _is_error(status))

    @property
    def client_errors(self) -> int:
        """Requests with a status of 400 to 499."""
        return sum(count for status, count in self.statuses().items() if _is_client_error(status))

    @property
    def sections(self) -> Table:
        """By section, of as many segments as the depth says."""
        self._fold()
        return self._sections

    @property
    def methods(self) -> Tally:
        """Requests by method."""
        self._fold()
        return self._methods

    @property
    def clients(self) -> Tally:
        """Requests by client."""
        self._fold()
        return self._clients

    @property
    def failing_paths(self) -> Tally:
        """Server errors by path."""
        self._fold()
        return self._failing_paths

    def statuses(self) -> Counter[int | None]:
        """Requests by status."""
        self._fold()
        return self._statuses

    def to_bytes(self) -> bytes:
        """All of it, for `from_bytes`: a byte for the version, then compressed JSON."""
        self._fold()
        body = [
            list(self.spec),
            self.requests,
            self.unparsed,
            self._bytes,
            list(self._statuses.items()),
            [tally.pack() for tally in (self._methods, self._clients, self._failing_paths, self.slow_paths)],
            [table.pack() for table in (self._sections, *self.by.values())],
            [self.durations.pack(), self.sizes.pack()],
        ]
        return bytes([_VERSION]) + zlib.compress(msgspec.json.encode(body))

    @classmethod
    def from_bytes(cls, data: bytes) -> Summary:
        """A summary that was written. Raises SummaryError."""
        if data[:1] != bytes([_VERSION]):
            raise SummaryError(f"is no summary of version {_VERSION}")
        try:
            unpacking = zlib.decompressobj()
            body = unpacking.decompress(data[1:], _MOST_BYTES)
            if not unpacking.eof:
                raise ValueError("it is cut off, or too long")
            spec, requests, unparsed, size_bytes, statuses, tallies, tables, quantiles = msgspec.json.decode(
                body, type=_PACKED
            )
            by, depth, timings = spec
            summary = cls(Spec(tuple(by), depth, timings))
            summary.requests, summary.unparsed, summary._bytes = requests, unparsed, size_bytes
            summary._statuses = Counter({status: count for status, count in statuses})
            unpacked = [Tally.unpack(one) for one in tallies]
            summary._methods, summary._clients, summary._failing_paths, summary.slow_paths = unpacked
            summary._sections, *others = (Table.unpack(one) for one in tables)
            summary.by = dict(zip(summary.spec.by, others, strict=True))
            summary.durations, summary.sizes = (Quantiles.unpack(one) for one in quantiles)
        except (msgspec.DecodeError, zlib.error, TypeError, ValueError) as error:
            raise SummaryError(f"is damaged: {error}") from None
        return summary

    def _feed_timings(self, rows: list[StatsRow]) -> None:
        timed: list[Any] = [row for row in rows if getattr(row, "duration", None) is not None]
        if timed:
            self.durations.add([row.duration for row in timed])
            slow: Counter[str | None] = Counter()
            for row in timed:
                slow[row.path] += round(min(max(0, row.duration), _LONGEST_S) * 1e6)
            self.slow_paths.add(slow)
        self.sizes.add([row.bytes for row in rows if row.bytes is not None])

    def _fold(self) -> None:
        """Give each part of what was counted together to its own count."""
        if self._new_clients:
            self._clients.add(self._new_clients)
            self._new_clients = Counter()
        if self._new_failing:
            self._failing_paths.add(self._new_failing)
            self._new_failing = Counter()
        if not self._mix:
            return
        mix, self._mix = self._mix, {}
        statuses = self._statuses
        methods: dict[str | None, int] = {}
        sections: dict[str | None, list[int]] = {}
        for (section, status, method), (requests, size_bytes) in mix.items():
            statuses[status] += requests
            methods[method] = methods.get(method, 0) + requests
            try:
                counts = sections[section]
            except KeyError:
                counts = sections[section] = [0, 0, 0]
            counts[0] += requests
            counts[2] += size_bytes
            if status is not None and 500 <= status <= 599:
                counts[1] += requests
        self._bytes += sum(size_bytes for _, _, size_bytes in sections.values())
        self._methods.add(methods)
        _add_to_table(self._sections, sections)


def _feed_table(table: Table, key_of: Callable[[StatsRow], Any], rows: list[StatsRow]) -> None:
    counts: dict[str | None, list[int]] = {}
    for row in rows:
        key = key_of(row)
        found = counts.setdefault(key if key is None or isinstance(key, str) else _text(key), [0, 0, 0])
        found[0] += 1
        found[1] += _is_error(row.status)
        found[2] += row.bytes or 0
    _add_to_table(table, counts)


def _add_to_table(table: Table, counts: Mapping[str | None, list[int]]) -> None:
    table.requests.add({key: requests for key, (requests, _, _) in counts.items()})
    table.errors.add({key: errors for key, (_, errors, _) in counts.items() if errors})
    table.bytes.add({key: size_bytes for key, (_, _, size_bytes) in counts.items() if size_bytes > 0})


def _text(value: Any) -> str:
    """A value that is no text as JSON writes it."""
    return msgspec.json.encode(value).decode()


def _is_error(status: int | None) -> bool:
    return status is not None and SERVER_ERROR <= status < NO_STATUS


def _is_client_error(status: int | None) -> bool:
    return status is not None and CLIENT_ERROR <= status < SERVER_ERROR


def _described(spec: Spec) -> str:
    by = f" by {', '.join(spec.by)}" if spec.by else ""
    return f"sections of depth {spec.depth}{by}{' with timings' if spec.timings else ''}"
