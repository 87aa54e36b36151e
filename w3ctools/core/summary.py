"""What is counted over some time: a plain value that can be fed and merged.

Two summaries merged say the same as one fed with both inputs. Memory grows with the distinct sections,
clients and failing paths of the time that it covers.
"""

from __future__ import annotations

from collections import Counter
from heapq import nsmallest
from operator import attrgetter
from typing import TypeVar

from w3ctools.core.wire import Row

#: A status from here on is the server's error; from 400 it is the client's.
SERVER_ERROR, CLIENT_ERROR = 500, 400


T = TypeVar("T")
_EVENT = attrgetter("event")
_MIX = attrgetter("section", "status", "method")
_CLIENT = attrgetter("client")


class StatsRow(Row, gc=False):
    """The keys of a record that are counted."""

    client: str | None = None
    method: str | None = None
    path: str | None = None
    status: int | None = None
    bytes: int | None = None
    section: str | None = None


class Summary:
    """Counts of requests. A key None is a request of which the log did not say it."""

    def __init__(self) -> None:
        self.requests = 0
        #: Lines in no known format: traffic too, but nothing is known of them.
        self.unparsed = 0
        #: Requests by section, status and method together: one count feeds three tables.
        self._mix: Counter[tuple[str | None, int | None, str | None]] = Counter()
        self.section_bytes: Counter[str | None] = Counter()
        self.clients: Counter[str | None] = Counter()
        #: Paths by server errors.
        self.failing_paths: Counter[str | None] = Counter()

    def feed(self, rows: list[StatsRow]) -> None:
        """Count rows: records, and unparsed events among them."""
        if "unparsed" in map(_EVENT, rows):
            records = [row for row in rows if row.event is None]
            self.unparsed += len(rows) - len(records)
            rows = records
        self.requests += len(rows)
        self._mix.update(map(_MIX, rows))
        self.clients.update(map(_CLIENT, rows))
        section_bytes = self.section_bytes
        for row in rows:
            if row.bytes:
                section_bytes[row.section] += row.bytes
        failing = [row.path for row in rows if row.status is not None and row.status >= SERVER_ERROR]
        if failing:
            self.failing_paths.update(failing)

    def merge(self, other: Summary) -> None:
        """Add another summary's counts."""
        self.requests += other.requests
        self.unparsed += other.unparsed
        self._mix.update(other._mix)
        self.section_bytes.update(other.section_bytes)
        self.clients.update(other.clients)
        self.failing_paths.update(other.failing_paths)

    @property
    def total_bytes(self) -> int:
        """Response bytes of all requests, as logged."""
        return self.section_bytes.total()

    def sections(self) -> Counter[str | None]:
        """Requests by section."""
        hits: Counter[str | None] = Counter()
        for (section, _, _), count in self._mix.items():
            hits[section] += count
        return hits

    def statuses(self) -> Counter[int | None]:
        """Requests by status."""
        hits: Counter[int | None] = Counter()
        for (_, status, _), count in self._mix.items():
            hits[status] += count
        return hits

    def methods(self) -> Counter[str | None]:
        """Requests by method."""
        hits: Counter[str | None] = Counter()
        for (_, _, method), count in self._mix.items():
            hits[method] += count
        return hits

    def section_errors(self) -> Counter[str | None]:
        """Server errors by section."""
        errors: Counter[str | None] = Counter()
        for (section, status, _), count in self._mix.items():
            if status is not None and status >= SERVER_ERROR:
                errors[section] += count
        return errors


def top(counts: Counter[T], most: int) -> list[tuple[T, int]]:
    """The keys counted most, and their counts; equals in the order of their names."""
    return nsmallest(most, counts.items(), key=lambda item: (-item[1], str(item[0] or "")))
