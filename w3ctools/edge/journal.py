"""A file that messages are added to, one line each.

It is opened anew for every message, so that logrotate may move it at any time.
"""

from __future__ import annotations

import os

from w3ctools.edge.streams import open_appended


class Journal:
    """Appends lines to a file and goes on trying while that fails.

    Raises OSError where it cannot be opened from the first.
    """

    def __init__(self, path: str) -> None:
        os.close(open_appended(path))
        self._path = path
        self._failing = False

    def append(self, line: str) -> str | None:
        """Add a line. Gives what to tell the user, once, when writing has begun to fail or works again."""
        try:
            fd = open_appended(self._path)
            try:
                os.write(fd, f"{line}\n".encode())
            finally:
                os.close(fd)
        except OSError as error:
            was_failing, self._failing = self._failing, True
            return None if was_failing else f"{self._path}: {error.strerror}: messages are missing there"
        was_failing, self._failing = self._failing, False
        return f"{self._path}: written again" if was_failing else None
