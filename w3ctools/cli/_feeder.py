"""How w3c-parse feeds its parser."""

from __future__ import annotations

from collections.abc import Callable

from w3ctools.core.parse import LogParser, Parsed
from w3ctools.edge.streams import READ_BYTES

Show = Callable[[Parsed], None]


class Feeder:
    """Feeds a parser what is read, and shows what it gives."""

    read_bytes = READ_BYTES

    def __init__(self, parser: LogParser, show: Show) -> None:
        self._parser = parser
        self._show = show

    def feed(self, data: bytes) -> None:
        """Parse what was read."""
        self._show(self._parser.feed(data))

    def flush(self) -> None:
        """Parse what is left at the end of the input."""
        self._show(self._parser.flush())

    def close(self) -> None:
        """Leave nothing behind."""
