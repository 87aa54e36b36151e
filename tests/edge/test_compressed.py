"""Compressed FILEs: their lines, as far as there are any, and what is said where there are no more."""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import lzma
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import tool

from w3ctools.edge import compressed
from w3ctools.edge.compressed import CannotDecompress, OpenFile, open_maybe_compressed

LINES = b"".join(
    b'1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /%d HTTP/1.0" 200 5\n' % n for n in range(9000)
)


def _zstd(data: bytes) -> bytes:
    return subprocess.run([tool("zstd"), "-cq"], input=data, capture_output=True, check=True).stdout


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": _zstd,
}
kinds = pytest.mark.parametrize("kind", COMPRESS)


def _read(opened: OpenFile) -> bytes:
    with open(opened.fd, "rb", closefd=False) as file:
        return file.read()


def _read_file(path: Path) -> tuple[bytes, str | None]:
    with open_maybe_compressed(str(path)) as opened:
        return _read(opened), opened.problem


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file whose name says nothing about what is in it."""
    return tmp_path / "access.log"


@pytest.fixture(autouse=True)
def _leaves_nothing_behind() -> object:
    before = set(os.listdir("/proc/self/fd")), threading.active_count()
    yield
    assert (set(os.listdir("/proc/self/fd")), threading.active_count()) == before
    with pytest.raises(ChildProcessError):  # no zombie either
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize("data", [b"", b"\n", b"B", b"BZh9 is no bzip2\n", LINES])
def test_plain_file_is_read_by_its_own_descriptor(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with open_maybe_compressed(str(path)) as opened:
        assert os.fstat(opened.fd).st_size == len(data)
        assert (_read(opened), opened.problem) == (data, None)


@kinds
@pytest.mark.parametrize("data", [b"", b"\n", b"no line end", LINES, LINES + b"no line end"])
def test_compressed_file_gives_what_was_compressed(path: Path, kind: str, data: bytes) -> None:
    path.write_bytes(COMPRESS[kind](data))
    assert _read_file(path) == (data, None)


@kinds
def test_joined_files_are_read_to_the_last(path: Path, kind: str) -> None:
    path.write_bytes(COMPRESS[kind](b"a\nb") + COMPRESS[kind](b"") + COMPRESS[kind](b"c\n" + LINES))
    assert _read_file(path) == (b"a\nbc\n" + LINES, None)


def test_padding_of_xz_is_no_data(path: Path) -> None:
    path.write_bytes(lzma.compress(b"a\n") + b"\0" * 200_000 + lzma.compress(b"b\n") + b"\0" * 4)
    assert _read_file(path) == (b"a\nb\n", None)


@kinds
@pytest.mark.parametrize("part", [0.001, 0.5, 0.9, 0.999])
def test_file_that_is_cut_off_gives_its_whole_lines(path: Path, kind: str, part: float) -> None:
    whole = COMPRESS[kind](LINES)
    path.write_bytes(whole[: max(12, int(len(whole) * part))])
    data, problem = _read_file(path)
    assert LINES.startswith(data)
    assert data == b"" or data.endswith(b"\n")
    assert len(data) > 100_000 or kind in ("bzip2", "xz") or part < 0.9
    assert problem is not None
    assert problem.startswith(f"{path}: {kind} data is cut off")
    assert problem.endswith("; read up to there")
    assert "\n" not in problem


@kinds
def test_corrupt_file_gives_the_lines_before(path: Path, kind: str) -> None:
    whole = bytearray(COMPRESS[kind](LINES))
    for at in range(len(whole) * 9 // 10, len(whole) * 9 // 10 + 40):
        whole[at] ^= 0xA5
    path.write_bytes(COMPRESS[kind](b"first\n") + whole)
    data, problem = _read_file(path)
    assert data.startswith(b"first\n")
    assert data.endswith(b"\n")
    assert problem is not None
    assert problem.startswith(f"{path}: {kind} data is ")
    assert "corrupt" in problem
    assert "\n" not in problem


def test_xz_that_asks_for_too_much_memory_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "MEMORY_BYTES", 1 << 20)
    path.write_bytes(lzma.compress(LINES))
    assert _read_file(path) == (b"", f"{path}: xz data needs too much memory; read up to there")


@kinds
def test_reader_that_stops_early_leaves_nothing_behind(path: Path, kind: str) -> None:
    path.write_bytes(COMPRESS[kind](LINES * 10))
    opened = open_maybe_compressed(str(path))
    assert os.read(opened.fd, 100)
    started_s = time.monotonic()
    opened.close()
    assert time.monotonic() - started_s < 2


@kinds
def test_command_that_ends_without_closing_does_not_hang(path: Path, kind: str) -> None:
    path.write_bytes(COMPRESS[kind](LINES * 10))
    program = (
        "import sys; from w3ctools.edge import compressed; compressed.open_maybe_compressed(sys.argv[1])"
    )
    run = subprocess.run([sys.executable, "-c", program, path], capture_output=True, timeout=20, check=False)
    assert (run.returncode, run.stderr) == (0, b"")


@kinds
def test_memory_is_bounded(path: Path, kind: str) -> None:
    """50 MB of lines, which compress a thousandfold and more."""
    size = 50_000_000
    line = b"a" * 99 + b"\n"
    path.write_bytes(COMPRESS[kind](line * (size // 100)))
    program = """
import os, resource, sys
from w3ctools.edge.compressed import open_maybe_compressed
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
total = 0
with open_maybe_compressed(sys.argv[1]) as opened:
    while data := os.read(opened.fd, 32 << 10):
        total += len(data)
    print(total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, opened.problem)
"""
    run = subprocess.run([sys.executable, "-c", program, path], capture_output=True, timeout=60, check=True)
    total, more_kib, problem = run.stdout.decode().split()
    assert (int(total), problem) == (size, "None")
    assert int(more_kib) < 24 << 10


def test_line_without_end_is_not_held_for_ever(path: Path) -> None:
    path.write_bytes(gzip.compress(b"a" * 5_000_000))
    assert _read_file(path) == (b"a" * 5_000_000, None)


def test_zstd_without_anything_to_undo_it_says_what_to_install(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(b"\x28\xb5\x2f\xfd")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(CannotDecompress) as caught:
        open_maybe_compressed(str(path))
    assert str(caught.value) == (
        f"{path}: zstd data: install the program zstd, or the Python package backports.zstd"
    )


def test_zstd_by_a_module_goes_the_way_of_the_others(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that has the interface of Python 3.14's, with bzip2 inside."""

    class Module:
        ZstdDecompressor = bz2.BZ2Decompressor
        ZstdError = OSError

    def find(name: str) -> type[Module]:
        if name == "compression.zstd":
            raise ImportError
        return Module

    monkeypatch.setattr(importlib, "import_module", find)
    path.write_bytes(bz2.compress(LINES))
    fd = os.open(path, os.O_RDONLY)
    assert b"".join(compressed._unzstd(fd)) == LINES
    os.close(fd)


def test_missing_file_is_an_os_error(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_maybe_compressed(str(path))


def test_pipe_is_read_as_it_is() -> None:
    read_fd, write_fd = os.pipe()
    data = gzip.compress(b"a\n")
    os.write(write_fd, data)
    os.close(write_fd)
    with open_maybe_compressed(f"/dev/fd/{read_fd}") as opened, io.FileIO(opened.fd, closefd=False) as file:
        assert (file.read(), opened.problem) == (data, None)
    os.close(read_fd)
