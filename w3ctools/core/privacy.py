r"""What a log knows about people, taken out of records and of lines before anybody sees them.

- *Addresses* lose their last bits: at level 1 they keep /24 (IPv4) and /48 (IPv6: a /64 is one household),
  at 2 /16 and /48, at 3 /8 and /32. An IPv4-mapped address is an IPv4 address; one of 6to4 keeps no more
  of the IPv4 address inside it. A client or peer that is a name becomes null, in a list ``unknown``
  (RFC 7239 section 6.2). Addresses of the server and its upstreams are masked alike, and so is every copy
  of the record's addresses in any of its texts; in `extra`, `file`, `raw` and a `request` any address at
  all.
- *Queries*: every value becomes ``REDACTED`` and its name stays, in `query`, `request`, `referer`, `raw`
  and the URLs of `extra`. All values, not those of known secrets alone: nobody can list the names under
  which sites pass tokens and mail addresses. What has no name (``?token``) is a value.
- *Dropped keys* become null. Of a dropped path neither `section` nor `request` is left, since they spell
  it; a dropped method, path, query or protocol takes `request` with it, as does any other value found
  there; any dropped key takes `raw`. Keys with the same fact (`time` and `epoch`) are dropped one by one.
- *Credentials* in URLs (``http://joe:secret@host/``) are always masked.

A line that no format could read has no keys: nothing is dropped from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from w3ctools.core.errors import W3CError
from w3ctools.core.record import Record
from w3ctools.core.where import KINDS, nearest_key

REDACTED = "REDACTED"
#: Bits that IPv4 and IPv6 addresses keep at each level.
KEPT_BITS = {1: (24, 48), 2: (16, 48), 3: (8, 32)}

_REQUEST_PARTS = {"method", "path", "query", "protocol", "request"}
#: Keys with one address or name of somebody, and those of the server's side with any number of addresses.
_PEOPLE, _SERVERS = ("client", "peer"), ("server_ip", "upstream")
#: Where any address is masked, not only the record's own.
_ANY_ADDRESS = {"forwarded_for", "server_ip", "upstream", "request", "extra", "file"}
#: Where clients' names may stand, if they have a dot: a name such as "web" is a word of any path.
_CLIENT_SENT = {"ident", "user", "path", "query", "referer", "user_agent"}
_URLS = {"path", "query", "referer", "section", "request", "extra"}

_CREDENTIALS = re.compile(  # greedy: up to the last @
    r"((?::|%3[Aa])(?:/|%2[Ff]){2})(?:(?!%2[Ff]|%3[Ff]|%23)[^/?#\s\"])*(?=@|%40)"
)
#: What follows the first "=" of a parameter, or all of one without.
_QUERY_VALUE = re.compile(r"(?:(?<![^&;])[^=&;]+(?![^&;])|(?<==)[^&;]+)")
_PROTOCOL = re.compile(r" [A-Za-z]+/[0-9](?:\.[0-9])?\Z")
#: In a raw line: a quoted text (to the end if it is not closed), what follows a "?", a value.
_RAW_PIECE = re.compile(r'"(?:[^"\\]|\\.)*\\?(?:"|\Z)|\?[^\s"]*|(?<==)[^\s"&;]+')
_RAW_VALUE = re.compile(r"(?<==)[^\s\"&;]+")
_NAME = re.compile(r"%[0-9A-Fa-f]{2}|[\w.-]+")
_HOST = re.compile(r"[\d_.-]*[^\W\d_][\w.-]*")  # a letter tells it from an address
#: A line that begins with the client's name; a virtual host would have a port.
_FIRST_NAME = re.compile(r"\A(?:[A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]*\.?(?=[ \t])")

#: An address may follow an escaped byte (``%3D``, ``\x22``), whose digits are not its own.
_ESCAPED = r"(?:(?<=%[0-9A-Fa-f]{2})|(?<=\\x[0-9A-Fa-f]{2})|"
_IPV4 = re.compile(
    _ESCAPED + r"(?<![0-9%])(?<![0-9]\.)(?<!%[0-9A-Fa-f])(?<!\\x)(?<!\\x[0-9A-Fa-f]))"
    r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9])(?!\.[0-9])"
)
_IPV6 = re.compile(
    _ESCAPED + r"(?<![0-9A-Za-z:%])(?<!%[0-9A-Fa-f]))"
    r"(?:[0-9A-Fa-f]{1,4})?(?::|%3[Aa])(?:[0-9A-Fa-f]{0,4}(?::|%3[Aa])){1,7}"
    r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{1,4})?(?![0-9A-Za-z:])"
)
_QUAD = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_GROUP = re.compile(r"[0-9A-Fa-f]{1,4}")


class PrivacyError(W3CError):
    """A level or key that there is not."""


class Address(NamedTuple):
    """An IP address as a number."""

    bits: int
    value: int

    def masked(self, level: int) -> str:
        """Its canonical text (RFC 5952) with the bits of `level` alone.

        >>> parse_address("2a03:2880:2110:df07:face:b00c:0:1").masked(1)
        '2a03:2880:2110::'
        """
        kept4, kept6 = KEPT_BITS[level]
        if self.bits == 32:
            value = self.value >> 32 - kept4 << 32 - kept4
            return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))
        if self.value >> 112 == 0x2002:  # 6to4, RFC 3056: the site's IPv4 address follows
            kept6 = min(kept6, 16 + kept4)
        value = self.value >> 128 - kept6 << 128 - kept6
        groups = [f"{value >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)]
        while groups and groups[-1] == "0":  # the longest run of zeros is always the last one
            groups.pop()
        return ":".join(groups) + "::"


def parse_address(text: str) -> Address | None:
    """The address that `text` is; None if it is none. IPv4-mapped ones are IPv4 addresses.

    >>> parse_address("::ffff:1.2.3.4") == parse_address("1.2.3.4")
    True
    """
    if ":" not in text:
        if not _QUAD.fullmatch(text):
            return None
        octets = [int(octet) for octet in text.split(".")]
        return Address(32, int.from_bytes(octets, "big")) if max(octets) < 256 else None
    head, _, last = text.rpartition(":")
    if "." in last:
        inside = parse_address(last)
        if inside is None:
            return None
        text = f"{head}:{inside.value >> 16:x}:{inside.value & 0xFFFF:x}"
    left, gap, right = text.partition("::")
    groups = [half.split(":") if half else [] for half in (left, right)]
    zeros = 8 - len(groups[0]) - len(groups[1])
    if (zeros < 1 if gap else zeros != 0) or not all(map(_GROUP.fullmatch, groups[0] + groups[1])):
        return None
    value = int("".join(group.zfill(4) for group in groups[0] + ["0"] * zeros + groups[1]), 16)
    return Address(32, value & 0xFFFF_FFFF) if value >> 32 == 0xFFFF else Address(128, value)


def mask_credentials(text: str) -> str:
    """Text whose URLs name no user and password; also for JSON and whole lines of a log.

    >>> mask_credentials("http://joe:secret@host/")
    'http://REDACTED@host/'
    """
    return _CREDENTIALS.sub(rf"\1{REDACTED}", text) if "@" in text or "%40" in text else text


def redact_query(query: str) -> str:
    """A query with its names alone; what has no ``=`` is a value.

    >>> redact_query("id=7&token=a=b&secret&empty=")
    'id=REDACTED&token=REDACTED&REDACTED&empty='
    """
    return _QUERY_VALUE.sub(REDACTED, query)


def _redact_url(text: str) -> str:
    """Redact the query and fragment of a URL or of a request line, whose protocol stays."""
    mark = re.search(r"[?#]", text)
    if mark is None:
        return text
    protocol = _PROTOCOL.search(text, mark.end())
    end = protocol.start() if protocol else len(text)
    return text[: mark.end()] + redact_query(text[mark.end() : end]) + text[end:]


def _redact_piece(match: re.Match[str]) -> str:
    piece = match[0]
    if piece[0] != '"':
        return _redact_url(piece) if piece[0] == "?" else REDACTED
    inner, quote = (piece[1:-1], '"') if piece[1:].endswith('"') else (piece[1:], "")
    return f'"{_redact_url(inner) if "?" in inner else _RAW_VALUE.sub(REDACTED, inner)}{quote}'


class _Own(NamedTuple):
    """Whom a record names: its addresses, and the names that stand where addresses do."""

    addresses: set[Address]
    names: set[str]


@dataclass(frozen=True)
class Privacy:
    """What to take out. Raises PrivacyError for a level or a key that there is not."""

    #: 0 leaves addresses as they are.
    anonymize_ip: int = 0
    redact_query: bool = False
    drop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.anonymize_ip not in (0, *KEPT_BITS):
            raise PrivacyError(f"{self.anonymize_ip} is no level: expected 1, 2 or 3")
        for key in self.drop:
            if key not in KINDS:
                raise PrivacyError(f"unknown key {key!r}: the nearest is {nearest_key(key)}")

    def apply(self, record: Record) -> None:
        """Take out of a record of any `record_type` what is not to be seen."""
        own = _own(record) if self.anonymize_ip else _Own(set(), set())
        if self.drop:
            self._drop(record)
        for key in record.__struct_fields__:
            value = getattr(record, key)
            if isinstance(value, str) and key != "time":
                setattr(record, key, self._cleaned(key, value, own))
            elif isinstance(value, dict):
                setattr(record, key, {name: self._cleaned(key, text, own) for name, text in value.items()})

    def apply_file(self, file: str) -> str | None:
        """The same for the log that a line comes from, whatever the line is: as `apply` leaves it."""
        return None if "file" in self.drop else self._cleaned("file", file, _Own(set(), set()))

    def apply_text(self, raw: str) -> str:
        """The same for a line as it was logged, whose fields are not known."""
        return self._cleaned_raw(raw, _Own(set(), set()))

    def _drop(self, record: Record) -> None:
        dropped = set(self.drop) & set(record.__struct_fields__)
        request = record.request or ""
        told = any(str(value) in request for key in dropped if (value := getattr(record, key)) is not None)
        if told or dropped & _REQUEST_PARTS:
            dropped.add("request")
        if "path" in dropped:
            dropped.add("section")
        if "raw" in record.__struct_fields__:
            dropped.add("raw")
        for key in dropped:
            setattr(record, key, None)

    def _cleaned(self, key: str, text: str, own: _Own) -> str | None:
        if key == "raw":
            return self._cleaned_raw(text, own)
        text = mask_credentials(text) if key in _URLS else text
        if self.redact_query and key == "query":
            text = redact_query(text)
        elif self.redact_query and key in ("request", "referer", "extra"):
            text = _redact_url(text)
        return self._anonymous(key, text, own) if self.anonymize_ip else text

    def _cleaned_raw(self, text: str, own: _Own) -> str:
        text = mask_credentials(text)
        if self.redact_query:
            text = _RAW_PIECE.sub(_redact_piece, text)
        if self.anonymize_ip:
            text = self._masked(_without_names(_FIRST_NAME.sub("-", text), own.names), None)
        return text

    def _anonymous(self, key: str, text: str, own: _Own) -> str | None:
        if key in _PEOPLE:
            address = parse_address(text)
            return address.masked(self.anonymize_ip) if address else None
        if key == "forwarded_for":
            found = (next(_addresses(item), None) for item in text.split(","))
            return ", ".join(item.masked(self.anonymize_ip) if item else "unknown" for item in found)
        if key in ("request", "extra"):
            text = _without_names(text, own.names)
        elif key in _CLIENT_SENT:
            text = _without_names(text, {name for name in own.names if "." in name})
        return self._masked(text, None if key in _ANY_ADDRESS else own.addresses)

    def _masked(self, text: str, only: set[Address] | None) -> str:
        """Text with the addresses in it masked, all of them or `only` these."""

        def mask(match: re.Match[str]) -> str:
            written, colon, rest = _split_candidate(match[0])
            address = parse_address(written)
            if address is None or (only is not None and address not in only):
                return match[0]
            return address.masked(self.anonymize_ip).replace(":", colon) + rest

        if text.count(":") > 1 or "%3" in text:  # worth a look
            text = _IPV6.sub(mask, text)
        return _IPV4.sub(mask, text) if text.count(".") > 2 else text


def _own(record: Record) -> _Own:
    own = _Own(set(), set())
    for key in (*_PEOPLE, *_SERVERS, "forwarded_for"):
        text = getattr(record, key, None) or ""
        own.addresses.update(_addresses(text))
        if key not in _SERVERS:
            items = (item.strip().lower().rstrip(".") for item in text.split(","))
            own.names.update(item for item in items if _HOST.fullmatch(item))
    return own


def _addresses(text: str) -> Iterator[Address]:
    for pattern in (_IPV6, _IPV4):
        for match in pattern.finditer(text):
            address = parse_address(_split_candidate(match[0])[0])
            if address is not None:
                yield address


def _split_candidate(text: str) -> tuple[str, str, str]:
    """What may be an address, how its colons were written, and a last colon that is none of its own."""
    plain, encoded = re.subn("%3[Aa]", ":", text)
    colon = "%3A" if encoded else ":"
    if plain.endswith(":") and not plain.endswith("::"):
        return plain[:-1], colon, colon
    return plain, colon, ""


def _without_names(text: str, names: set[str]) -> str:
    def replace(match: re.Match[str]) -> str:
        name = match[0].rstrip(".")
        return "unknown" + match[0][len(name) :] if name.lower() in names else match[0]

    return _NAME.sub(replace, text) if names else text
