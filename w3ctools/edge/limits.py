"""What the system lets this process have: open files, and memory that it need not give back at once."""

from __future__ import annotations

import resource

#: More than all blocks of a turn take together.
SPARED_BYTES = 8 << 20


def max_open_files() -> int:
    """Raise the limit as far as it goes, and return it (getrlimit(2), RLIMIT_NOFILE)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def spare_page_faults() -> None:
    """Keep the memory of freed blocks for the next ones.

    The C library gives large pieces, and what is freed at the end of its heap, back to the system and gets
    them again a block later, page by page: more than half of the time that copying a log took. Once a larger
    piece was freed, it keeps them (mallopt(3), M_MMAP_THRESHOLD, M_TRIM_THRESHOLD; elsewhere this does
    nothing).
    """
    bytes(SPARED_BYTES)
