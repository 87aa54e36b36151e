"""The content of a state file: whose it is, in which version, with a checksum of the rest, and then JSON.

So a file that was cut, overwritten or filled with NULs by a crash is told from a whole one at any byte.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from w3ctools.core.errors import W3CError

_VERSION = re.compile(rb"([0-9]{1,9}) ")
_DIGEST_BYTES = 16

T = TypeVar("T")


class SealError(W3CError):
    """The data is no state that can be used; the text begins with "is"."""


class ForeignError(SealError):
    """The data was never a state of this program: perhaps it is somebody's log."""


class Codec(Generic[T]):
    """States of `program`, as `version`; `remedy` tells a user what to do about one that is damaged."""

    def __init__(
        self,
        program: str,
        version: int,
        remedy: str,
        to_json: Callable[[T], bytes],
        from_json: Callable[[bytes], T],
    ) -> None:
        self.program, self.remedy = program, remedy
        self._version = version
        self._magic = f"{program} state ".encode()
        self._to_json, self._from_json = to_json, from_json

    def encode(self, state: T) -> bytes:
        """The content of a file."""
        body = self._to_json(state) + b"\n"
        return b"%s%d %s\n%s" % (self._magic, self._version, digest(body).encode(), body)

    def decode(self, data: bytes) -> T:
        """Read the content of a file. Raises SealError, its child ForeignError for other data."""
        self._check_kind(data)
        header, _, body = data.partition(b"\n")
        version = _VERSION.match(header, len(self._magic))
        if version is not None and int(version[1]) != self._version:
            raise SealError(f"is of version {int(version[1])}, this {self.program} reads {self._version}")
        if version is None or header[version.end() :] != digest(body).encode():
            raise SealError("is damaged: its checksum does not match")
        try:
            return self._from_json(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            # Somebody has written it by hand, checksum and all.
            raise SealError(f"is damaged: {error}") from None

    def claims(self, data: bytes) -> bool:
        """Whether data that begins so may be a state of this program."""
        # NULs are what a crash leaves where data never reached the disk.
        written_bytes = len(data.rstrip(b"\0"))
        return data.startswith(self._magic[:written_bytes])

    def _check_kind(self, data: bytes) -> None:
        if not data:
            raise SealError("is empty")
        if not self.claims(data):
            raise ForeignError(f"is no state of {self.program}")


def digest(data: bytes) -> str:
    """How a piece of data is recognised: 32 hexadecimal digits."""
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()
