"""How many files this process may have open."""

from __future__ import annotations

import resource


def max_open_files() -> int:
    """Raise the limit as far as it goes, and return it (getrlimit(2), RLIMIT_NOFILE)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
