"""The command line of this process, as ps(1) shows it to every user of the machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def hide_arguments(values: Sequence[str]) -> bool:
    """Overwrite these values among the arguments, alone or behind ``--option=``, by as many ``*``.

    Gives whether none of them can be seen there any more.
    """
    secrets = [os.fsencode(value) for value in values if value]
    try:
        start, end = _argument_area()
        # proc(5): where an address is wrong, this file gives an error, not a crash.
        memory = os.open("/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)
        try:
            area = os.pread(memory, end - start, start)
            if area == Path("/proc/self/cmdline").read_bytes():
                os.pwrite(memory, _starred(area, secrets), start)
        finally:
            os.close(memory)
        shown = Path("/proc/self/cmdline").read_bytes()
    except (OSError, ValueError, IndexError, OverflowError, MemoryError):
        return False
    return not any(secret in shown for secret in secrets)


def _argument_area() -> tuple[int, int]:
    """arg_start and arg_end, fields 48 and 49 of proc(5)."""
    # The second field is the name, which may hold anything.
    from_third = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    return int(from_third[45]), int(from_third[46])


def _starred(area: bytes, secrets: Sequence[bytes]) -> bytes:
    return b"\0".join(_starred_word(word, secrets) for word in area.split(b"\0"))


def _starred_word(word: bytes, secrets: Sequence[bytes]) -> bytes:
    for secret in secrets:
        before = word.removesuffix(secret)
        if before != word and (not before or (before.startswith(b"-") and before.endswith(b"="))):
            return before + b"*" * len(secret)
    return word
