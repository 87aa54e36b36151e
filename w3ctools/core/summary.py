"""What is counted over some time: a plain value that can be fed and merged.

Two summaries merged say the same as one fed with both inputs. Memory grows with the distinct sections,
clients and failing paths of the time that it covers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from operator import attrgetter, itemgetter
from typing import TypeVar

from w3ctools.core.wire import Row

#: A status from here on is the server's error; from 400 it is the client's.
SERVER_ERROR, CLIENT_ERROR = 500, 400


T = TypeVar("T")
#: Section, status and method.
_Mix = tuple[str | None, int | None, str | None]
_SECTION: Callable[[_Mix], str | None] = itemgetter(0)
_STATUS: Callable[[_Mix], int | None] = itemgetter(1)
_METHOD: Callable[[_Mix], str | None] = itemgetter(2)
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
        #: Requests and bytes by section, status and method together: one count feeds four tables.
        self._mix: dict[_Mix, list[int]] = {}
        self.clients: Counter[str | None] = Counter()
        #: Paths by server errors.
        self.failing_paths: Counter[str | None] = Counter()

    def feed(self, rows: list[StatsRow]) -> None:
        """Count rows: records, and unparsed events among them."""
        lines, rows = len(rows), [row for row in rows if row.event is None]
        self.unparsed += lines - len(rows)
        self.requests += len(rows)
        mix = self._mix
        for row in rows:  # half of what Counter takes for the tuples and another loop for the bytes
            key = row.section, row.status, row.method
            try:
                counts = mix[key]
            except KeyError:
                counts = mix[key] = [0, 0]
            counts[0] += 1
            counts[1] += row.bytes or 0
        self.clients.update(map(_CLIENT, rows))
        failing = [row.path for row in rows if row.status is not None and row.status >= SERVER_ERROR]
        if failing:
            self.failing_paths.update(failing)

    def merge(self, other: Summary) -> None:
        """Add another summary's counts."""
        self.requests += other.requests
        self.unparsed += other.unparsed
        for key, (requests, size_bytes) in other._mix.items():
            counts = self._mix.setdefault(key, [0, 0])
            counts[0] += requests
            counts[1] += size_bytes
        self.clients.update(other.clients)
        self.failing_paths.update(other.failing_paths)

    @property
    def total_bytes(self) -> int:
        """Response bytes of all requests, as logged."""
        return sum(size_bytes for _, size_bytes in self._mix.values())

    def section_bytes(self) -> Counter[str | None]:
        """Response bytes by section."""
        size: Counter[str | None] = Counter()
        for (section, _, _), (_, size_bytes) in self._mix.items():
            size[section] += size_bytes
        return size

    def sections(self) -> Counter[str | None]:
        """Requests by section."""
        return self._requests_by(_SECTION)

    def statuses(self) -> Counter[int | None]:
        """Requests by status."""
        return self._requests_by(_STATUS)

    def methods(self) -> Counter[str | None]:
        """Requests by method."""
        return self._requests_by(_METHOD)

    def section_errors(self) -> Counter[str | None]:
        """Server errors by section."""
        errors: Counter[str | None] = Counter()
        for (section, status, _), (requests, _) in self._mix.items():
            if status is not None and status >= SERVER_ERROR:
                errors[section] += requests
        return errors

    def _requests_by(self, part: Callable[[_Mix], T]) -> Counter[T]:
        hits: Counter[T] = Counter()
        for key, (requests, _) in self._mix.items():
            hits[part(key)] += requests
        return hits


def top(counts: Counter[T], most: int) -> list[tuple[T, int]]:
    """The keys counted most, and their counts; equals in the order of their names."""
    counted = list(counts.items())
    if most < len(counted):  # few are worth a name to sort by
        least = sorted(counts.values(), reverse=True)[most - 1] if most else 0
        counted = [item for item in counted if item[1] >= least]
    return sorted(counted, key=lambda item: (-item[1], str(item[0] or "")))[:most]
