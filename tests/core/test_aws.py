"""Amazon's logs: ALB, classic ELB, S3, their variants and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from format_kit import changed, parse, whole_record

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import aws

SPECS = {spec.name: spec for spec in aws.SPECS}


def test_a_line_of_alb_gives_its_whole_record() -> None:
    assert list(parse(SPECS["alb"], SPECS["alb"].example).items()) == whole_record(
        time="2018-07-02T22:23:00.186641Z",
        epoch=1_530_570_180.186641,
        client="192.168.131.39",
        vhost="www.example.com",
        method="GET",
        path="/",
        protocol="HTTP/1.1",
        status=200,
        bytes=366,
        user_agent="curl/7.46.0",
        section="http://www.example.com/",
        request="GET http://www.example.com:80/ HTTP/1.1",
        scheme="http",
        vhost_port=80,
        client_port=2817,
        duration=0.001,
        request_bytes=34,
        upstream="10.0.0.1:80",
        upstream_status=200,
        upstream_duration=0.001,
        request_id="Root=1-58337262-36d228ad5d99923122bbe354",
        tls_protocol=None,
        tls_cipher=None,
        extra={
            "target_group_arn": "arn:aws:elasticloadbalancing:us-east-2:123456789012:"
            "targetgroup/my-targets/73e2d6bc24d8a067",
            "matched_rule_priority": "0",
            "request_creation_time": "2018-07-02T22:22:48.364000Z",
            "actions_executed": "forward",
            "elb": "app/my-loadbalancer/50dc6c495c0c9188",
            "type": "http",
        },
    )


def test_a_line_of_a_classic_load_balancer_gives_its_whole_record() -> None:
    assert list(parse(SPECS["elb"], SPECS["elb"].example).items()) == whole_record(
        time="2015-05-13T23:39:43.945958Z",
        epoch=1_431_560_383.945958,
        client="192.168.131.39",
        vhost="www.example.com",
        method="GET",
        path="/",
        protocol="HTTP/1.1",
        status=200,
        bytes=29,
        user_agent="curl/7.38.0",
        section="http://www.example.com/",
        request="GET http://www.example.com:80/ HTTP/1.1",
        scheme="http",
        vhost_port=80,
        client_port=2817,
        duration=0.001178,
        request_bytes=0,
        upstream="10.0.0.1:80",
        upstream_status=200,
        upstream_duration=0.001048,
        tls_protocol=None,
        tls_cipher=None,
        extra={"elb": "my-loadbalancer"},
    )


def test_a_line_of_s3_gives_its_whole_record() -> None:
    owner = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
    assert list(parse(SPECS["s3"], SPECS["s3"].example).items()) == whole_record(
        time="2019-02-06T00:00:38Z",
        epoch=1_549_411_238,
        client="192.0.2.3",
        user=owner,
        vhost="awsexamplebucket1.s3.us-west-1.amazonaws.com",
        method="GET",
        path="/awsexamplebucket1",
        query="versioning",
        protocol="HTTP/1.1",
        status=200,
        bytes=113,
        user_agent="S3Console/0.4",
        section="/awsexamplebucket1",
        duration=0.007,
        ttfb=None,
        request_id="3E57427F3EXAMPLE",
        tls_protocol="TLSV1.1",
        tls_cipher="ECDHE-RSA-AES128-GCM-SHA256",
        extra={
            "bucket_owner": owner,
            "bucket": "awsexamplebucket1",
            "operation": "REST.GET.VERSIONING",
            "host_id": "s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234=",
            "signature_version": "SigV2",
            "authentication_type": "AuthHeader",
        },
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        pytest.param(
            "alb",
            b"10.0.0.1:80 0.000 0.001 0.000 200 200",
            b"- -1 -1 -1 502 -",
            {"upstream": None, "duration": None, "upstream_duration": None, "upstream_status": None},
            id="no target was reached",
        ),
        pytest.param(
            "alb", b"0.001 0.000 200", b"-1 0.000 504", {"duration": None}, id="one part is missing"
        ),
        pytest.param("alb", b"0.000 0.001 0.000", b"0.1 0.2 0.3", {"duration": 0.6}, id="a decimal sum"),
        pytest.param(
            "alb", b"192.168.131.39:2817", b"2001:db8::1:2817", {"client": "2001:db8::1"}, id="IPv6"
        ),
        pytest.param(
            "alb", b"192.168.131.39:2817", b"[2001:db8::1]:28", {"client": "2001:db8::1"}, id="IPv6, brackets"
        ),
        pytest.param(
            "alb",
            b"GET http://www.example.com:80/ HTTP/1.1",
            b"GET https://joe@[2001:db8::1]:443/a b?c=1 HTTP/2.0",
            {
                "scheme": "https",
                "vhost": "2001:db8::1",
                "vhost_port": 443,
                "path": "/a b",
                "query": "c=1",
                "section": "https://[2001:db8::1]/a b",
            },
            id="an IPv6 host, a path with a blank",
        ),
        pytest.param(
            "alb",
            b"GET http://www.example.com:80/ HTTP/1.1",
            b"- http://www.example.com:80- -",
            {"method": None, "path": None, "vhost": None, "request": "http://www.example.com:80"},
            id="no request was read",
        ),
        pytest.param(
            "alb",
            b'"curl/7.46.0" - -',
            b'"a \\"q\\" \\x1b[31m caf\xc3\xa9" ECDHE TLSv1.3',
            {"user_agent": 'a "q" \\x1b[31m café', "tls_cipher": "ECDHE", "tls_protocol": "TLSv1.3"},
            id="quotes and an escape sequence",
        ),
        pytest.param("elb", b"200 200 0 29", b"- - -1 -1", {"status": None, "bytes": None}, id="TCP"),
        pytest.param(
            "elb",
            b"GET http://www.example.com:80/ HTTP/1.1",
            b"- - - ",
            {"method": None, "protocol": None, "request": None},
            id="TCP has no request",
        ),
        pytest.param(
            "elb", b' "curl/7.38.0" - -', b"", {"user_agent": None, "tls_cipher": None}, id="the oldest lines"
        ),
        pytest.param("s3", b"200 - 113 - 7 -", b"200 - - - 7 3", {"bytes": 0, "ttfb": 0.003}, id="no bytes"),
        pytest.param("s3", b"VERSIONING -", b"OBJECT a+b.jpg", {"status": 200}, id="an object"),
        pytest.param("s3", b"38 +0000", b"38 +0100", {"time": "2019-02-05T23:00:38Z"}, id="another zone"),
        pytest.param(
            "s3",
            b'"-" "S3Console/0.4" -',
            b'"http://h/?"x" "a "q" b" 3HL4kqt',
            {"referer": 'http://h/?"x', "user_agent": 'a "q" b'},
            id="quotes without escape",
        ),
        pytest.param(
            "s3",
            b'REST.GET.VERSIONING - "GET /awsexamplebucket1?versioning HTTP/1.1" 200 - 113 - 7 - "-" '
            b'"S3Console/0.4"',
            b'S3.EXPIRE.OBJECT a - - - - - - - "-" "-"',
            {"method": None, "status": None, "bytes": 0, "duration": None, "user_agent": None},
            id="a row of a lifecycle rule",
        ),
    ],
)
def test_a_variant_is_read(name: str, old: bytes, new: bytes, expected: dict[str, Any]) -> None:
    record = parse(SPECS[name], changed(SPECS[name], old, new))
    assert {key: record[key] for key in expected} == expected


def test_fields_added_at_the_end_are_kept() -> None:
    line = SPECS["alb"].example + b' "10.0.0.1:80" "200" "-" "-" TID_1 "-" "-" "-" new "field"'
    extra = parse(SPECS["alb"], line)["extra"]
    assert (extra["target_status_code_list"], extra["conn_trace_id"]) == ("200", "TID_1")
    assert extra["tail"] == 'new "field"'
    assert parse(SPECS["elb"], SPECS["elb"].example + b" new")["extra"]["tail"] == "new"
    assert parse(SPECS["s3"], SPECS["s3"].example + b" - Yes us-east-1 new")["extra"]["tail"] == "new"


@pytest.mark.parametrize(
    ("name", "line", "column"),
    [
        pytest.param("alb", b"", 1, id="nothing"),
        pytest.param("alb", changed(SPECS["alb"], b"http ", b"tls "), 1, id="a network load balancer"),
        pytest.param("alb", changed(SPECS["alb"], b" - - arn", b" - arn"), 1, id="no TLS protocol"),
        pytest.param("elb", SPECS["elb"].example[:150], 1, id="cut"),
        pytest.param("s3", changed(SPECS["s3"], b"Feb", b"2"), 85, id="no date"),
        pytest.param("s3", SPECS["s3"].example.partition(b'"-"')[0] + b'"-', 288, id="cut in the referer"),
    ],
)
def test_a_bad_line_is_refused_with_its_column(name: str, line: bytes, column: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse(SPECS[name], line)
    assert caught.value.column == column
