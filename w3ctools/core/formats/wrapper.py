r"""What collectors put before a line of a log, and how it comes off.

    syslog   Feb  6 12:14:14 host prog[123]: LINE            RFC 3164; also behind <PRI>, or with an
             2026-11-24T10:53:30.1+00:00 host prog: LINE     RFC 3339 stamp (rsyslog's file format)
    syslog   <134>1 2026-11-24T10:53:30Z host app - - - LINE RFC 5424
    cri      2026-11-24T10:53:30.123456789Z stdout F LINE    Kubernetes' container runtimes
    docker   {"log":"LINE\n","stream":"stdout","time":"..."} Docker's json-file driver

The collector's own stamp is left out: the line has its own. Runtimes cut lines of 16 KiB and more into
pieces; each of them is a line here, and hardly one that can be parsed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

_STAMP_3164 = rb"[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}"
_STAMP_3339 = rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9]{2}:[0-9]{2})"
_RFC_3164 = re.compile(
    rb"(?:<[0-9]{1,3}>)?(?:%s|%s) [!-~]{1,255} [^ :\[\]]{1,128}(?:\[[^ \]]{1,128}\])?:(?: |\Z)"
    % (_STAMP_3164, _STAMP_3339)
)
_ELEMENT = rb'\[[^"\]]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^"\]]*)*\]'
_RFC_5424 = re.compile(
    rb"<[0-9]{1,3}>[1-9][0-9]{0,2} (?:-|%s) [!-~]{1,255} [!-~]{1,48} [!-~]{1,128} [!-~]{1,32} "
    rb"(?:-|(?:%s)+)(?: (?:\xef\xbb\xbf)?|\Z)" % (_STAMP_3339, _ELEMENT),
    re.DOTALL,
)
_CRI = re.compile(rb"%s (?:stdout|stderr) [FP](?::[^ ]*)?(?: |\Z)" % _STAMP_3339)
_DOCKER = re.compile(rb'[ \t]*\{[ \t]*"log"[ \t]*:[ \t]*"')


class Unwrapped(NamedTuple):
    """A line without its collector's prefix."""

    line: bytes
    #: Column of the line's first byte in what was read, less one.
    offset: int
    #: ``syslog``, ``cri`` or ``docker``.
    kind: str


class _Docker(msgspec.Struct):
    log: str


_decode_docker = msgspec.json.Decoder(_Docker).decode


def unwrap(line: bytes) -> Unwrapped | None:
    """Take a collector's prefix off; None where there is none.

    A column of Docker's is exact up to the line's first JSON escape.

    >>> unwrap(b"2026-11-24T10:53:30.1Z stdout F ::1 - -")
    Unwrapped(line=b'::1 - -', offset=32, kind='cri')
    """
    first = line[:1]
    if first in (b"{", b" ", b"\t"):
        return _unwrap_docker(line)
    if first == b"<":
        return _syslog(_RFC_5424.match(line) or _RFC_3164.match(line), line)
    if not first.isalnum():
        return None
    cri = _CRI.match(line)
    if cri is not None:
        return Unwrapped(line[cri.end() :], cri.end(), "cri")
    return _syslog(_RFC_3164.match(line), line)


def _syslog(prefix: re.Match[bytes] | None, line: bytes) -> Unwrapped | None:
    return None if prefix is None else Unwrapped(line[prefix.end() :], prefix.end(), "syslog")


def _unwrap_docker(line: bytes) -> Unwrapped | None:
    prefix = _DOCKER.match(line)
    if prefix is None:
        return None
    try:
        entry = _decode_docker(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # nested thousands deep
        return None
    log = entry.log.encode("utf-8", "surrogatepass")
    return Unwrapped(log.removesuffix(b"\n").removesuffix(b"\r"), prefix.end(), "docker")
