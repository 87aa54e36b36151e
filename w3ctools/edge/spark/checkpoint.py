"""A checkpoint and the folder of its output belong together: what the first start was told holds for all."""

from __future__ import annotations

import fcntl
import os

import msgspec

from w3ctools.core.errors import W3CError

#: In the checkpoint, beside what Spark keeps there.
NAME = "w3c-spark.json"
_MOST_BYTES = 1 << 16
#: What files of summaries end with.
SUMMARIES = ".jsonl"


def batch_name(number: int) -> str:
    """The file that a batch of a stream writes."""
    return f"{number:09}{SUMMARIES}"


def is_of_stream(out: str) -> bool:
    """Whether a stream has written into this folder. Raises OSError."""
    stems = (name.removesuffix(SUMMARIES) for name in os.listdir(out) if name.endswith(SUMMARIES))
    return any(stem.isdecimal() for stem in stems)


class CheckpointError(W3CError):
    """A checkpoint that cannot be used; the text says what to do."""


class Begun(msgspec.Struct):
    """What a stream was begun with, and must go on with."""

    interval_s: int
    #: Absolute, as the working directory may be another one next time.
    folder: str
    out: str


class Checkpoint:
    """The checkpoint, locked until it is closed. Raises CheckpointError and OSError."""

    def __init__(self, path: str, begun: Begun) -> None:
        os.makedirs(path, exist_ok=True)
        os.makedirs(begun.out, exist_ok=True)
        self._path = path
        self._fd = os.open(os.path.join(path, NAME), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._claim(begun)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let others use it."""
        os.close(self._fd)

    def _claim(self, begun: Begun) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CheckpointError(f"{self._path}: in use by another w3c-spark") from None
        written = os.pread(self._fd, _MOST_BYTES, 0)
        if written:
            self._compare(written, begun)
        else:
            self._begin(begun)

    def _compare(self, written: bytes, begun: Begun) -> None:
        try:
            before = msgspec.json.decode(written, type=Begun)
        except msgspec.DecodeError as error:
            raise CheckpointError(f"{self._path}/{NAME}: {error}") from None
        for what, old, new in (
            ("--interval", f"{before.interval_s}s", f"{begun.interval_s}s"),
            ("PATH", before.folder, begun.folder),
            ("--out", before.out, begun.out),
        ):
            if old != new:
                raise CheckpointError(
                    f"{self._path}: was begun with {what} {old}, not {new}: "
                    "go on with that, or begin anew with another --checkpoint and --out"
                )

    def _begin(self, begun: Begun) -> None:
        others = [name for name in os.listdir(self._path) if name != NAME]
        if others:
            raise CheckpointError(f"{self._path}: is no checkpoint of w3c-spark: it holds {others[0]}")
        if any(name.endswith(SUMMARIES) for name in os.listdir(begun.out)):
            raise CheckpointError(
                f"{begun.out}: holds the summaries of another run, which would count twice: "
                "give an empty folder, or the --checkpoint of that run"
            )
        os.pwrite(self._fd, msgspec.json.encode(begun) + b"\n", 0)
        os.fsync(self._fd)
