"""Which format a line is in: the first one, in a fixed order, that takes the whole line."""

from __future__ import annotations

from w3ctools.core.errors import ParseError
from w3ctools.core.formats.clf_family import ClfFormat, recognise
from w3ctools.core.formats.format import Format, Settings
from w3ctools.core.formats.wrapper import unwrap
from w3ctools.core.record import Record


class Wrapped:
    """A format behind the prefix of a collector: syslog, CRI, docker."""

    def __init__(self, inner: Format, kind: str) -> None:
        self.name = f"{inner.name} behind {kind}"
        self.inner = inner
        self._kind = kind

    def parse(self, line: bytes) -> Record:
        """Parse what stands behind the prefix. Raises ParseError, with the column in the whole line."""
        unwrapped = unwrap(line)
        if unwrapped is None or unwrapped.kind != self._kind:
            raise ParseError(f"prefix: expected {self._kind}", 1)
        try:
            return self.inner.parse(unwrapped.line)
        except ParseError as error:
            raise ParseError(error.reason, error.column + unwrapped.offset) from None

    def block_parser(self) -> None:
        """There is none."""


class Detector:
    """Finds the format of lines, by content alone."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._others: list[Format] | None = None

    def detect(self, line: bytes) -> tuple[Format, Record]:
        """The format of a line and its record.

        Raises ParseError of the format that came closest: the one that read furthest into the line.
        """
        try:
            return self._detect(line)
        except ParseError as closest:
            unwrapped = unwrap(line)
            if unwrapped is None:
                raise
            try:
                inner, record = self._detect(unwrapped.line)
            except ParseError as error:
                column = error.column + unwrapped.offset
                if column > closest.column:
                    raise ParseError(error.reason, column) from None
                raise closest from None
            return Wrapped(inner, unwrapped.kind), record

    def _detect(self, line: bytes) -> tuple[Format, Record]:
        """The family of CLF at once where it takes the line without a tail of anything, else as the last."""
        failures: list[ParseError] = []
        clf: tuple[ClfFormat, Record] | None = None
        try:
            clf = recognise(line, self._settings)
            if not clf[0].layout.extra:
                return clf
        except ParseError as error:
            failures.append(error)
        for candidate in self._other_formats():
            try:
                return candidate, candidate.parse(line)
            except ParseError as error:
                failures.append(error)
        if clf is not None:
            return clf
        try:
            raise max(failures, key=_column)
        finally:
            failures.clear()  # an error knows this frame: its block would be kept until garbage is looked for

    def _other_formats(self) -> list[Format]:
        if self._others is None:
            # Imported here: an access log of the usual kind need not wait for a dozen formats to load.
            from w3ctools.core.formats.registry import DETECTED

            self._others = [spec.make(self._settings) for spec in DETECTED]
        return self._others


def _column(error: ParseError) -> int:
    return error.column
