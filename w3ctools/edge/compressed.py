"""FILEs that are compressed, read as if they were not: rotated logs (``access.log.2.gz``).

gzip, bzip2, xz and zstd are told by their first bytes, whatever a file is called. A thread decompresses
into a pipe, whose read end is polled and read like any stdin. Only whole lines go into it: where a file is
cut off or broken, the piece of a line before that place could pass for a line of other content, so it is
left out. A pipe or device given as a FILE is read as it is.

Memory: `CHUNK_BYTES` a step whatever a file expands to, one line, and what the format itself needs, up
to `MEMORY_BYTES`. Decompressors are imported where they are used: start-up counts, and most FILEs need none.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, NamedTuple

from w3ctools.core.errors import W3CError
from w3ctools.edge.streams import write_all

#: What is read and decompressed at once.
CHUNK_BYTES = 64 << 10
#: A longer line is not waited for: the reader would not take it for one.
MAX_HELD_BYTES = 1 << 20
#: A file of xz can ask for up to 4 GiB; ``xz -9`` makes files that need 65 MiB, ``zstd --ultra`` 128.
MEMORY_BYTES = 192 << 20
#: Stopped early, the thread ends with its next write; this long is waited for it.
STOP_S = 5.0

Chunks = Generator[bytes, None, None]


class CannotDecompress(W3CError):
    """Compressed in a way that nothing on this machine can undo; the text says what to install."""


class _Damaged(Exception):
    """The data ends too soon or is not what it should be; the text says which."""


class OpenFile:
    """A FILE to read from at `fd`. Close it, also before its end."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @property
    def problem(self) -> str | None:
        """Once `fd` has been read to its end: why that is not the end of the file, in one line."""
        return None

    def close(self) -> None:
        """Close it, and end whatever fills it."""
        os.close(self.fd)

    def __enter__(self) -> OpenFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_maybe_compressed(path: str) -> OpenFile:
    """Open a FILE for reading, decompressed if it is compressed. Raises OSError, CannotDecompress."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return decompressed(fd, path) if is_compressed(fd) else OpenFile(fd)
    except BaseException:
        os.close(fd)
        raise


def is_compressed(fd: int) -> bool:
    """Whether a file is compressed, by its first bytes; the descriptor stays where it is."""
    return _kind(fd) is not None


def decompressed(fd: int, path: str) -> OpenFile:
    """Read a compressed file from ``fd``'s place on, and own it. Raises CannotDecompress."""
    kind = _kind(fd)
    assert kind is not None
    try:
        return _Decompressed(path, kind.name, kind.chunks(fd), fd)
    except CannotDecompress as error:
        raise CannotDecompress(f"{path}: {error}") from None


class _Decompressed(OpenFile):
    """Decompresses in a thread until the file ends, is found damaged, or nobody reads any more."""

    def __init__(self, path: str, name: str, chunks: Chunks, file_fd: int) -> None:
        read_fd, self._write_fd = os.pipe2(os.O_CLOEXEC)
        super().__init__(read_fd)
        self._path, self._name = path, name
        self._chunks = chunks
        self._file_fd = file_fd
        self._problem: str | None = None
        # A daemon: a command that ends without closing its file must not wait for the rest of it.
        self._thread = threading.Thread(target=self._run, name=f"decompress {path}", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str | None:
        return self._problem

    def close(self) -> None:
        os.close(self.fd)
        self._thread.join(STOP_S)

    def _run(self) -> None:
        try:
            with closing(self._chunks):
                self._copy_lines()
        except BrokenPipeError:  # the reader has stopped early
            pass
        except _Damaged as error:
            self._problem = f"{self._path}: {self._name} data {error}; read up to there"
        except OSError as error:
            self._problem = f"{self._path}: {os.strerror(error.errno) if error.errno else error}"
        except MemoryError:
            self._problem = f"{self._path}: not enough memory to decompress it"
        finally:
            os.close(self._file_fd)
            os.close(self._write_fd)  # last: whoever sees the end of the pipe may ask for the problem

    def _copy_lines(self) -> None:
        held = b""
        for chunk in self._chunks:
            held += chunk
            end = len(held) if len(held) > MAX_HELD_BYTES else held.rfind(b"\n") + 1
            write_all(self._write_fd, held[:end])
            held = held[end:]
        write_all(self._write_fd, held)


def _gunzip(fd: int) -> Chunks:
    """All members of a gzip file."""
    import gzip
    import zlib

    with open(fd, "rb", buffering=0, closefd=False) as file, gzip.GzipFile(fileobj=file) as members:
        try:
            while data := members.read1(CHUNK_BYTES):  # `read` would lose what comes before an error
                yield data
        except EOFError:
            raise _Damaged("is cut off") from None
        except (zlib.error, gzip.BadGzipFile) as error:
            raise _Damaged(f"is corrupt ({error})") from None


def _decompress(
    fd: int, new: Callable[[], Any], errors: tuple[type[Exception], ...], padding: bytes
) -> Chunks:
    """All streams of a file, by decompressors of the kind that bz2, lzma and zstd share."""
    stream, data = new(), b""
    try:
        while True:
            if stream.eof:
                data = stream.unused_data.lstrip(padding)
                while not data:
                    more = os.read(fd, CHUNK_BYTES)
                    if not more:
                        return
                    data = more.lstrip(padding)
                stream = new()
            if not data and stream.needs_input:
                data = os.read(fd, CHUNK_BYTES)
                if not data:
                    raise _Damaged("is cut off")
            piece, data = stream.decompress(data, CHUNK_BYTES), b""
            if piece:
                yield piece
    except errors as error:
        # bz2 and lzma have no error of their own for every fault; an OSError with a number is the disk's
        if isinstance(error, OSError) and error.errno:
            raise
        is_too_big = str(error).startswith("Memory usage limit")
        raise _Damaged("needs too much memory" if is_too_big else f"is corrupt ({error})") from None


def _bunzip2(fd: int) -> Chunks:
    import bz2

    return _decompress(fd, bz2.BZ2Decompressor, (OSError, ValueError), b"")


def _unxz(fd: int) -> Chunks:
    import lzma

    # Streams may be padded with zeros (xz format specification, section 2.2).
    return _decompress(
        fd, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY_BYTES), (lzma.LZMAError,), b"\0"
    )


def _unzstd(fd: int) -> Chunks:
    """By a module (Python 3.14 has one, ``backports.zstd`` is the same), else by the program."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        return _decompress(fd, module.ZstdDecompressor, (module.ZstdError,), b"")
    import shutil

    program = shutil.which("zstd")
    if program is None:
        raise CannotDecompress("zstd data: install the program zstd, or the Python package backports.zstd")
    return _run_program(program, fd)


def _run_program(program: str, fd: int) -> Chunks:
    import subprocess

    # A session of its own: Ctrl-C asks us to finish, not the program, whose end would look like damage.
    process = subprocess.Popen(
        [program, "-dcq"], stdin=fd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        try:
            while data := os.read(process.stdout.fileno(), CHUNK_BYTES):
                yield data
            said = process.stderr.read(1000).decode("utf-8", "replace")
            if process.wait() != 0:
                raise _Damaged(f"is cut off or corrupt ({' '.join(said.split())[:200] or 'zstd failed'})")
        finally:
            process.kill()
            process.wait()


class _Kind(NamedTuple):
    name: str
    magics: tuple[bytes, ...]
    chunks: Callable[[int], Chunks]


_KINDS = (
    _Kind("gzip", (b"\x1f\x8b",), _gunzip),
    #: Its first block, or the end of a file without any.
    _Kind(
        "bzip2",
        tuple(b"BZh%d%s" % (n, m) for n in range(1, 10) for m in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")),
        _bunzip2,
    ),
    _Kind("xz", (b"\xfd7zXZ\0",), _unxz),
    #: A frame, or one to skip, with which parallel writers begin (RFC 8878 section 3.1.2).
    _Kind(
        "zstd", (b"\x28\xb5\x2f\xfd", *(bytes((n,)) + b"\x2a\x4d\x18" for n in range(0x50, 0x60))), _unzstd
    ),
)


def _kind(fd: int) -> _Kind | None:
    """How a regular file is compressed, if it is."""
    try:
        first = os.pread(fd, 10, 0)
    except OSError:  # a pipe cannot be looked into; a folder says so when it is read
        return None
    return next((kind for kind in _KINDS if first.startswith(kind.magics)), None)
