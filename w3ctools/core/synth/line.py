"""What a line of a made-up log consists of.

A line tells of a `Visit` (who asked), an `Exchange` (what was asked and answered) and a `Moment` (when). A
`LineFormat` says how these are written. Each part of its template depends on one of the three only, and
visits and exchanges come from finite sets: so each of them is written once, and a line costs no more than
joining the pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Host(NamedTuple):
    """The site that is asked: the same in every line of a log."""

    #: ``http`` or ``https``.
    scheme: str
    name: str
    port: int


class Visit(NamedTuple):
    """Who asks, and from where. Every text is printable ASCII without quotes and backslashes."""

    client: str
    #: None: not logged in.
    user: str | None
    referer: str | None
    user_agent: str | None


class Visits(Protocol):
    """Visits by their numbers."""

    def __len__(self) -> int: ...
    def __getitem__(self, number: int, /) -> Visit: ...


class Exchange(NamedTuple):
    """A request and its answer."""

    method: str
    #: Path and query, as on the request line.
    target: str
    #: Such as ``HTTP/1.1``.
    protocol: str
    status: int
    #: Bytes of the response: its body, and its head.
    body_bytes: int
    head_bytes: int
    #: Bytes of the request, and how long the answer took.
    request_bytes: int
    duration_us: int

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str | None:
        """What follows the first ``?``."""
        return self.target.partition("?")[2] or None


class Moment(NamedTuple):
    """When: a whole second of Unix time."""

    epoch_s: int


class OfVisit(NamedTuple):
    """A part of a line that is written from the visit."""

    write: Callable[[Visit], str]


class OfExchange(NamedTuple):
    """A part of a line that is written from the exchange."""

    write: Callable[[Exchange], str]


class OfMoment(NamedTuple):
    """A part of a line that is written from the moment."""

    write: Callable[[Moment], str]


#: Literal text, or what is written in its place.
Part = str | OfVisit | OfExchange | OfMoment


class LineFormat(NamedTuple):
    """How a line is written, without its line end, and what can be read from it again."""

    name: str
    template: tuple[Part, ...]
    #: What stands at the beginning of every file, whole lines with their line ends.
    header: Callable[[Moment], str] = lambda moment: ""
    #: The size of the response as the line tells it; None where it does not.
    size_bytes: Callable[[Exchange], int | None] = lambda exchange: exchange.body_bytes
    #: Which of these a reader of the line knows: ``time``, ``client``, ``method``, ``path``, ``status``.
    tells: frozenset[str] = frozenset({"time", "client", "method", "path", "status"})
    #: Whether its lines are those of the Common Log Format's family, so that odd lines of that are its own.
    is_clf: bool = False
    #: What stands before every target of the site: where URLs are logged, ``http://my.site.com``.
    origin: str = ""
