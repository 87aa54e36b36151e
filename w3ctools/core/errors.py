"""The errors of this package: data as attributes, the sentence for people in ``str()``."""

from __future__ import annotations


class W3CError(Exception):
    """Something a user can mend; a command prints it in one line and ends."""


class ParseError(W3CError):
    """A log line that is not in the format.

    ``reason`` says what was expected, ``column`` where (1 is the first byte of the line).
    """

    def __init__(self, reason: str, column: int) -> None:
        super().__init__(f"{reason} (column {column})")
        self.reason = reason
        self.column = column


class QuantityError(W3CError):
    """A duration, size, time or number that cannot be read."""


class ConfigError(W3CError):
    """A configuration file that cannot be used; the text names file, line and column."""


class FormatError(W3CError):
    """A format string that cannot be used.

    ``reason`` says what was expected, ``column`` where (1 is the first character of the string).
    """

    def __init__(self, reason: str, column: int) -> None:
        super().__init__(f"{reason} (column {column} of the format)")
        self.reason = reason
        self.column = column
