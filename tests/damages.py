"""What can become of a state file, as functions of its content."""

from __future__ import annotations

from collections.abc import Callable


def _with_one_bit_changed(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "one byte": lambda data: data[:1],
    "half": lambda data: data[: len(data) // 2],
    "short": lambda data: data[:-2],
    "one bit": _with_one_bit_changed,
    "NULs": lambda data: b"\0" * len(data),
    "a log": lambda data: b'192.0.2.1 - - [01/Jan/2026:00:00:00 +0000] "GET /a HTTP/1.1" 200 7\n',
}
