"""Secrets on the command line: ps(1) must not show them."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from w3ctools.edge import arguments
from w3ctools.edge.arguments import hide_arguments

SECRET = "mailto://user:sëcret@host/?to=a"

PROGRAM = """
import sys
from w3ctools.edge.arguments import hide_arguments
before = list(sys.argv)
print(hide_arguments(sys.argv[1].split("|")), sys.argv == before, flush=True)
sys.stdin.read()
"""


def _hide(values: str, *words: str) -> tuple[str, list[bytes]]:
    """What hide_arguments gives in a process with these words, and the words that others see then."""
    args = [sys.executable, "-c", PROGRAM, values, *words]
    with subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        answer = process.stdout.readline().strip()
        shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert len(shown) == sum(len(word.encode()) + 1 for word in args)
    return answer, shown.split(b"\0")[4:-1]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--notify", "VALUE", "-t", "10"], [b"--notify", b"STARS", b"-t", b"10"]),
        (["--notify=VALUE", "-"], [b"--notify=STARS", b"-"]),
        (["VALUE", "VALUE"], [b"STARS", b"STARS"]),
        (["x"], [b"x"]),
    ],
)
def test_value_is_seen_no_more(words: list[str], shown: list[bytes]) -> None:
    stars = b"*" * len(SECRET.encode())
    seen = _hide(f"{SECRET}|", *(word.replace("VALUE", SECRET) for word in words))[1]
    assert seen == [word.replace(b"STARS", stars) for word in shown]


def test_several_values_are_seen_no_more() -> None:
    answer, seen = _hide("one|two", "--notify", "one", "--notify=two", "three")
    assert seen == [b"--notify", b"***", b"--notify=***", b"three"]
    assert answer == "False True"  # the test's own first word still has them


def test_own_copy_of_the_arguments_stays() -> None:
    assert _hide("nothing-of-it", "x")[0].endswith("True")


def test_value_that_stays_visible_is_reported() -> None:
    assert _hide("secret", "prefix-secret")[0] == "False True"


def test_value_that_is_hidden_is_reported() -> None:
    # The first word is the value itself here.
    assert _hide(SECRET, "--notify", SECRET)[0] == "True True"


def test_value_that_was_never_there_counts_as_hidden() -> None:
    assert hide_arguments(["never on any command line"])


@pytest.mark.parametrize(
    "area", [(0, 0), (8, 4096), (4096, 8), (8, 1 << 62), (1 << 62, (1 << 62) + 100), (-5, 1 << 70)]
)
def test_wrong_addresses_do_no_harm(area: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arguments, "_argument_area", lambda: area)
    first_word = Path("/proc/self/cmdline").read_bytes().partition(b"\0")[0]
    assert not hide_arguments([os.fsdecode(first_word)])


def test_memory_of_something_else_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    first_word = Path("/proc/self/cmdline").read_bytes().partition(b"\0")[0]
    other = ctypes.create_string_buffer(first_word)
    start = ctypes.addressof(other)
    monkeypatch.setattr(arguments, "_argument_area", lambda: (start, start + len(other)))
    assert not hide_arguments([os.fsdecode(first_word)])
    assert other.value == first_word
