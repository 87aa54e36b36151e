r"""Access logs of Amazon's load balancers (ALB, classic ELB) and of S3.

A line of bytes in, a record out. Amazon adds fields at the end of its lines: known ones go under their
names into ``extra``, newer ones as they are under ``tail``. A load balancer's time is that of the
response, S3's that of the request; the sizes of ALB have the headers in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import values
from w3ctools.core.formats.format import FormatSpec, Settings
from w3ctools.core.formats.request import Request
from w3ctools.core.formats.text import unescape
from w3ctools.core.record import Record, record_type
from w3ctools.core.timestamp import Zone, parse_clf, parse_iso

_QUOTED = rb"\"([^\"\\]*(?:\\.[^\"\\]*)*)\""
_BALANCED = (
    rb"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z) (?P<elb>[^ \"]+) "
    rb"(?P<client>[^ \"]+:\d{1,5}|-) (?P<upstream>[^ \"]+:\d{1,5}|-) "
    rb"(?P<request_time>-1|\d+\.\d+) (?P<upstream_time>-1|\d+\.\d+) (?P<response_time>-1|\d+\.\d+) "
    rb"(?P<status>\d{1,3}|-) (?P<upstream_status>\d{1,3}|-) (?P<received>-1|\d+|-) (?P<sent>-1|\d+|-) "
    rb"\"(?P<request>[^\"\\]*(?:\\.[^\"\\]*)*)\""
)
_CLIENT_SIDE = (
    rb" "
    + _QUOTED.replace(rb"\"(", rb"\"(?P<agent>", 1)
    + rb" (?P<cipher>[^ \"]+) (?P<tls>(?:TLS|SSL)[^ \"]*|-)"
)
_ALB = re.compile(rb"(?P<type>https?|h2|grpcs?|wss?) " + _BALANCED + _CLIENT_SIDE, re.DOTALL)
# The oldest lines of a classic load balancer end with the request.
_ELB = re.compile(_BALANCED + rb"(?:" + _CLIENT_SIDE + rb"|\Z)", re.DOTALL)
_WORD = re.compile(rb" (?:" + _QUOTED + rb"|([^ \"][^ ]*))(?= |\Z)", re.DOTALL)
_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)")

_ALB_TAIL = (
    "target_group_arn",
    "trace_id",
    "domain_name",
    "chosen_cert_arn",
    "matched_rule_priority",
    "request_creation_time",
    "actions_executed",
    "redirect_url",
    "error_reason",
    "target_port_list",
    "target_status_code_list",
    "classification",
    "classification_reason",
    "conn_trace_id",
    "transformed_host",
    "transformed_uri",
    "request_transform_status",
)
_BALANCER_KEYS = (
    "scheme",
    "vhost_port",
    "client_port",
    "duration",
    "request_bytes",
    "upstream",
    "upstream_status",
    "upstream_duration",
    "request_id",
    "tls_protocol",
    "tls_cipher",
    "extra",
)


class LoadBalancer:
    """Parses lines of ALB, or of the classic load balancer."""

    def __init__(
        self, settings: Settings, name: str, pattern: re.Pattern[bytes], tail: tuple[str, ...]
    ) -> None:
        self.name = name
        self._settings = settings
        self._pattern = pattern
        self._tail = tail
        keys = _BALANCER_KEYS if tail else tuple(key for key in _BALANCER_KEYS if key != "request_id")
        self._type: Callable[..., Record] = record_type(keys)

    def parse(self, line: bytes) -> Record:
        """Parse one line. Raises ParseError."""
        match = self._pattern.match(line)
        if match is None or line[match.end() : match.end() + 1] not in (b"", b" "):
            raise ParseError(f"{self.name}: expected time, name, client:port, target:port, 3 times ...", 1)
        extra = _named(line[match.end() :], self._tail)
        extra["elb"] = unescape(match["elb"])
        if self._tail:
            extra["type"] = unescape(match["type"])
        identity = {"request_id": extra.pop("trace_id", None)} if self._tail else {}
        parts, scheme, vhost, vhost_port = _request(unescape(match["request"]), self._settings.site)
        time, epoch = parse_iso(match["time"].decode())
        client, client_port = _host_and_port(match["client"])
        return self._type(
            time=time,
            epoch=epoch,
            client=client,
            vhost=vhost,
            **parts._asdict(),
            status=values.status(match["status"]),
            bytes=values.integer(match["sent"]),
            user_agent=_text(match["agent"]),
            scheme=scheme,
            vhost_port=vhost_port,
            client_port=client_port,
            duration=_sum(match["request_time"], match["upstream_time"], match["response_time"]),
            request_bytes=values.integer(match["received"]),
            upstream=_text(match["upstream"]),
            upstream_status=values.status(match["upstream_status"]),
            upstream_duration=values.seconds(match["upstream_time"]),
            tls_protocol=_text(match["tls"]),
            tls_cipher=_text(match["cipher"]),
            extra=extra,
            **identity,
        )

    def block_parser(self) -> None:
        """There is none."""


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else values.text(raw)


def _host_and_port(raw: bytes) -> tuple[str | None, int | None]:
    """The port follows the last colon, also behind IPv6 without brackets."""
    host, colon, port = raw.rpartition(b":")
    return (unescape(host).strip("[]"), int(port)) if colon else (None, None)


def _sum(*parts: bytes) -> float | None:
    """Seconds of all parts, None where one did not take place (-1).

    >>> _sum(b"0.1", b"0.2", b"0.0")
    0.3
    """
    return None if b"-1" in parts else float(sum(Decimal(part.decode()) for part in parts))


def _request(text: str, site: str) -> tuple[Request, str | None, str | None, int | None]:
    """The request's parts; scheme, host and port of its target, which is an absolute URL."""
    method, _, rest = text.partition(" ")
    target, _, protocol = rest.rpartition(" ")
    url = _ABSOLUTE.match(target)
    if method == "-":  # "- - - " and "- http://host:80- -": no request was read
        target, url = target.strip("- "), None
    if url is None:
        return values.request_parts(method, target, protocol, site), None, None, None
    parts = values.request_parts(method, target, protocol, site)
    host, port = values.host_and_port(url[2].rpartition("@")[2])
    return parts, url[1].lower(), host.lower() or None, port


def _named(raw: bytes, names: tuple[str, ...]) -> dict[str, str]:
    """The values of `raw`, each with a blank in front, by their names; those without one as ``tail``."""
    named, at = {}, 0
    for name in names:
        word = _WORD.match(raw, at)
        if word is None:
            break
        at = word.end()
        text = values.text(word[1] if word[1] is not None else word[2])
        if text is not None:
            named[name] = text
    tail = raw[at:].strip(b" ")
    if tail:
        named["tail"] = unescape(tail)
    return named


# S3 --------------------------------------------------------------------------------------------------

_S3_HEAD = re.compile(
    rb"(?P<bucket_owner>[0-9A-Za-z_-]+) (?P<bucket>[^ \"\[]+) \[(?P<time>[^\]\"]{20,40})\] "
    rb"(?P<client>[^ \"]+) (?P<user>[^ \"]+) (?P<request_id>[^ \"]+) "
    rb"(?P<operation>[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)+) (?P<key>[^ \"]+) "
    rb"(?:\"(?P<request>.*?)\"|-) (?P<status>\d{3}|-) (?P<error_code>[^ \"]+) (?P<bytes>\d+|-) "
    rb"(?P<object_size>\d+|-) (?P<total>\d+|-) (?P<turn_around>\d+|-) (?=\"|-)",
    re.DOTALL,
)
_S3_HEADERS = re.compile(rb"(?:" + _QUOTED + rb"|-) (?:" + _QUOTED + rb"|-) ([^ \"]+)(?= |\Z)", re.DOTALL)
_S3_EXTRA = ("bucket_owner", "bucket", "operation", "key", "error_code", "object_size")
_S3_TAIL = (
    "host_id",
    "signature_version",
    "tls_cipher",
    "authentication_type",
    "vhost",
    "tls_protocol",
    "access_point_arn",
    "acl_required",
    "source_region",
)


class S3:
    """Parses lines of S3's server access log; rows of a lifecycle rule have no request."""

    name = "s3"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._type: Callable[..., Record] = record_type(
            ("duration", "ttfb", "request_id", "tls_protocol", "tls_cipher", "extra")
        )

    def parse(self, line: bytes) -> Record:
        """Parse one line. Raises ParseError."""
        head = _S3_HEAD.match(line)
        if head is None:
            raise ParseError("s3: expected owner, bucket, [time], client, requester, id, operation ...", 1)
        referer, user_agent, version, tail = _s3_headers(line, head.end())
        named = _named(tail, _S3_TAIL)
        vhost = named.pop("vhost", None)
        tls_cipher, tls_protocol = named.pop("tls_cipher", None), named.pop("tls_protocol", None)
        extra = {key: text for key in _S3_EXTRA if (text := values.text(head[key]))}
        if version is not None:
            extra["version_id"] = version
        method, _, rest = unescape(head["request"] or b"").partition(" ")
        target, _, protocol = rest.rpartition(" ")
        time, epoch = _s3_time(head, self._settings.zone)
        return self._type(
            time=time,
            epoch=epoch,
            client=values.text(head["client"]),
            user=values.text(head["user"]),
            vhost=values.host_and_port(vhost)[0].lower() if vhost else None,
            **values.request_parts(method, target, protocol, self._settings.site)._asdict(),
            status=values.status(head["status"]),
            bytes=0 if head["bytes"] == b"-" else values.integer(head["bytes"]),
            referer=referer,
            user_agent=user_agent,
            duration=values.seconds(head["total"], -3),
            ttfb=values.seconds(head["turn_around"], -3),
            request_id=values.text(head["request_id"]),
            tls_protocol=tls_protocol,
            tls_cipher=tls_cipher,
            extra={**extra, **named},
        )

    def block_parser(self) -> None:
        """There is none."""


def _s3_time(head: re.Match[bytes], zone: Zone) -> tuple[str | None, int | float | None]:
    try:
        return parse_clf(head["time"].decode("latin-1"), zone)
    except ValueError:
        raise ParseError("time: expected dd/Mon/yyyy:hh:mm:ss zone", head.start("time") + 1) from None


def _s3_headers(line: bytes, at: int) -> tuple[str | None, str | None, str | None, bytes]:
    """Referer, user agent, version id and what follows; S3 does not escape the quotes of a header."""
    strict = _S3_HEADERS.match(line, at)
    if strict is not None:
        referer, user_agent, version = (_text(text) for text in strict.groups())
        return referer, user_agent, version, line[strict.end() :]
    quoted, quote, tail = line[at:].rpartition(b'" ')
    first, between, second = quoted.partition(b'" "')
    if not quote or not between:
        raise ParseError("referer: expected two quoted values", at + 1)
    version_id, blank, tail = tail.partition(b" ")
    return _text(first[1:]), _text(second), _text(version_id), blank + tail


SPECS: tuple[FormatSpec, ...] = (
    FormatSpec(
        "alb",
        "AWS Application Load Balancer",
        b"http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 "
        b'10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET http://www.example.com:80/ HTTP/1.1" '
        b'"curl/7.46.0" - - arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/'
        b'73e2d6bc24d8a067 "Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" 0 '
        b'2018-07-02T22:22:48.364000Z "forward" "-" "-"',
        lambda settings: LoadBalancer(settings, "alb", _ALB, _ALB_TAIL),
    ),
    FormatSpec(
        "elb",
        "AWS classic load balancer",
        b"2015-05-13T23:39:43.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 "
        b'0.000057 200 200 0 29 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -',
        lambda settings: LoadBalancer(settings, "elb", _ELB, ()),
    ),
    FormatSpec(
        "s3",
        "AWS S3 server access log",
        b"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be awsexamplebucket1 "
        b"[06/Feb/2019:00:00:38 +0000] 192.0.2.3 "
        b"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be 3E57427F3EXAMPLE "
        b'REST.GET.VERSIONING - "GET /awsexamplebucket1?versioning HTTP/1.1" 200 - 113 - 7 - "-" '
        b'"S3Console/0.4" - s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= '
        b"SigV2 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader awsexamplebucket1.s3.us-west-1.amazonaws.com TLSV1.1",
        S3,
    ),
)
