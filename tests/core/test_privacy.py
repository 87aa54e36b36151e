"""Privacy: what is to be taken out is nowhere afterwards, and the rest is as it was."""

from __future__ import annotations

import ipaddress
import re
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.formats.request import parse_request
from w3ctools.core.privacy import KEPT_BITS, Privacy, PrivacyError, mask_credentials, parse_address
from w3ctools.core.record import FORMAT_KEYS, Record, record_type
from w3ctools.core.wire import encode

ALL = record_type(tuple(FORMAT_KEYS))
ipv4s = st.ip_addresses(v=4)
ipv6s = st.ip_addresses(v=6)
levels = st.sampled_from([1, 2, 3])


def _make(**values: object) -> Record:
    return ALL(**values)  # type: ignore[arg-type]


def _spellings(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[str]:
    if isinstance(address, ipaddress.IPv4Address):
        return [str(address), f"::ffff:{address}"]
    return [address.compressed, address.exploded, address.compressed.upper()]


def _stands_in(spelling: str, text: str) -> bool:
    """Whether a text holds an address, not as a part of a longer number."""
    return re.search(rf"(?<![0-9A-Fa-f:.]){re.escape(spelling)}(?![0-9A-Fa-f:])(?!\.[0-9])", text) is not None


@given(st.one_of(ipv4s, ipv6s), levels)
def test_masked_address_is_the_canonical_network(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, level: int
) -> None:
    parsed = parse_address(str(address))
    assert parsed is not None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    if isinstance(address, ipaddress.IPv6Address) and address.sixtofour:
        return
    kept = KEPT_BITS[level][address.version == 6]
    network = ipaddress.ip_network(f"{address}/{kept}", strict=False)
    assert parsed.masked(level) == str(network.network_address)
    again = parse_address(parsed.masked(level))
    assert again is not None
    assert again.masked(level) == parsed.masked(level)


@given(st.text("0123456789abcdefF:.", max_size=45))
def test_what_is_an_address_is_what_the_library_takes_for_one(text: str) -> None:
    try:
        known = ipaddress.ip_address(text)
    except ValueError:
        known = None
    parsed = parse_address(text)
    if parsed is None:
        assert known is None
    elif known is not None:
        mapped = known.ipv4_mapped if isinstance(known, ipaddress.IPv6Address) else None
        assert parsed.value == int(mapped or known)
    else:
        assert re.search(r"(?<![0-9])0[0-9]", text), "only octets with leading zeros are read more kindly"


@pytest.mark.parametrize(
    ("text", "at_1", "at_2", "at_3"),
    [
        ("192.168.20.77", "192.168.20.0", "192.168.0.0", "192.0.0.0"),
        ("2a03:2880:2110:df07:face::1", "2a03:2880:2110::", "2a03:2880:2110::", "2a03:2880::"),
        ("::ffff:192.168.20.77", "192.168.20.0", "192.168.0.0", "192.0.0.0"),
        ("::1", "::", "::", "::"),
        ("2002:c0a8:144d::1", "2002:c0a8:1400::", "2002:c0a8::", "2002:c000::"),
        ("dsl-7.isp.example", None, None, None),
        ("", None, None, None),
    ],
)
def test_client_at_each_level(text: str, at_1: str | None, at_2: str | None, at_3: str | None) -> None:
    for level, masked in ((0, text), (1, at_1), (2, at_2), (3, at_3)):
        record = Record(client=text)
        Privacy(anonymize_ip=level).apply(record)
        assert record.client == masked


@given(st.data(), st.one_of(ipv4s, ipv6s), levels)
def test_no_copy_of_an_address_is_left(
    data: st.DataObject, address: ipaddress.IPv4Address | ipaddress.IPv6Address, level: int
) -> None:
    parsed = parse_address(str(address))
    assert parsed is not None
    before, after = st.sampled_from(" =/\"'[(,;&"), st.sampled_from(" /\"'])&;,")

    def copy() -> str:
        spelling = data.draw(st.sampled_from(_spellings(address)))
        return f"a{data.draw(before)}{spelling}{data.draw(after)}b"

    first = str(address)
    texts = ("path", "query", "referer", "user_agent", "ident", "user", "vhost", "section", "request")
    record = _make(
        **{key: copy() for key in texts},
        client=first,
        peer=data.draw(st.sampled_from(_spellings(address))),
        forwarded_for=f"{first}, unknown, {first}",
        server_ip=first,
        upstream=f"{first}, unix:/x" if address.version == 4 else f"[{first}]:80",
        extra={"a": copy(), "b": first},
    )
    Privacy(anonymize_ip=level).apply(record)
    raw = Privacy(anonymize_ip=level).apply_text(f"{first} - - [10/Oct/2000:13:55:36 -0700] {copy()}")
    for spelling in _spellings(address):
        if spelling != parsed.masked(level):
            assert not _stands_in(spelling, encode(record).replace('\\"', '"'))
            assert not _stands_in(spelling, raw)
    assert record.client == parsed.masked(level)


@pytest.mark.parametrize(
    ("client", "text", "masked"),
    [
        ("1.2.3.4", "?ip=1.2.3.4&v=5.6.7.8", "?ip=1.2.3.0&v=5.6.7.8"),
        ("1.2.3.4", "%221.2.3.4%22 ip%3D1.2.3.4", "%221.2.3.0%22 ip%3D1.2.3.0"),
        ("1.2.3.4", r"\x221.2.3.4\x22", r"\x221.2.3.0\x22"),
        ("1.2.3.4", "ip1.2.3.4.example 1.2.3.4.", "ip1.2.3.0.example 1.2.3.0."),
        ("1.2.3.4", "11.2.3.4 1.2.3.45 1.2.3.4.5", "11.2.3.4 1.2.3.45 1.2.3.4.5"),
        ("2001:db8::1", "ip=2001%3Adb8%3A%3A1&x", "ip=2001%3Adb8%3A%3A&x"),
        ("2001:db8::1", "ip%3D2001:db8::1", "ip%3D2001:db8::"),
        (
            "2001:db8:5:6::1",
            "[2001:DB8:5:6:0::1]:443 2001:db8:5:6::1: no",
            "[2001:db8:5::]:443 2001:db8:5::: no",
        ),
        ("2001:db8::1", "std::string Net::HTTP URI::Fetch", "std::string Net::HTTP URI::Fetch"),
    ],
)
def test_copies_of_the_client_in_other_texts(client: str, text: str, masked: str) -> None:
    record = Record(client=client, query=text)
    Privacy(anonymize_ip=1).apply(record)
    assert record.query == masked


def test_versions_that_look_like_addresses_stay_outside_extra_and_request() -> None:
    agent = "Mozilla/5.0 Chrome/109.0.54.74"
    record = _make(client="1.2.3.4", user_agent=agent, extra={"x": "9.8.7.6"}, request="PROXY 9.8.7.6")
    Privacy(anonymize_ip=1).apply(record)
    assert record.user_agent == agent
    assert record.extra == {"x": "9.8.7.0"}  # type: ignore[attr-defined]
    assert record.request == "PROXY 9.8.7.0"


def test_names_of_clients_are_taken_out() -> None:
    record = _make(
        client="Dsl-7.isp.example",
        peer="web",
        forwarded_for="joes-laptop, 1.2.3.4:80",
        path="/web/dsl-7.isp.example",
        request="CONNECT dsl-7.isp.example:443",
        extra={"a": "from web, DSL-7.ISP.example.", "b": "h=joes-laptop"},
    )
    Privacy(anonymize_ip=1).apply(record)
    assert (record.client, record.peer) == (None, None)  # type: ignore[attr-defined]
    assert record.forwarded_for == "unknown, 1.2.3.0"  # type: ignore[attr-defined]
    assert record.path == "/web/unknown"
    assert record.request == "CONNECT unknown:443"
    assert record.extra == {"a": "from unknown, unknown.", "b": "h=unknown"}  # type: ignore[attr-defined]


def test_raw_of_a_record_is_cleaned_like_the_record() -> None:
    with_raw: Any = msgspec.defstruct("WithRaw", [("raw", str | None, None)], bases=(Record,))
    record = with_raw(client="web7", raw='web7 - - [x] "GET /a?b=c HTTP/1.1" 5.6.7.8 "http://j:k@h/"')
    Privacy(1, True).apply(record)
    assert record.raw == 'unknown - - [x] "GET /a?b=REDACTED HTTP/1.1" 5.6.7.0 "http://REDACTED@h/"'
    Privacy(drop=("user",)).apply(record)
    assert record.raw is None


def test_what_is_no_name_is_no_name() -> None:
    record = _make(client="1.2.3.4", forwarded_for="-, 123", extra={"a": "- 123"})
    Privacy(1).apply(record)
    assert record.forwarded_for == "unknown, unknown"  # type: ignore[attr-defined]
    assert record.extra == {"a": "- 123"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("raw", "masked"),
    [
        ("1.2.3.4 - - [10/Oct/2000:13:55:36", "1.2.3.0 - - [10/Oct/2000:13:55:36"),
        ("dsl-7.isp.example - - [", "- - - ["),
        ("www.example.com:80 1.2.3.4 - -", "www.example.com:80 1.2.3.0 - -"),
        ("2000:13:55:36 ::1 00:01:02", "2000:13:55:36 :: 00:01:02"),
        ('x "2001:db8:1:2::3, 5.6.7.8"', 'x "2001:db8:1::, 5.6.7.0"'),
    ],
)
def test_raw_line_without_addresses(raw: str, masked: str) -> None:
    assert Privacy(anonymize_ip=1).apply_text(raw) == masked


@pytest.mark.parametrize(
    ("query", "redacted"),
    [
        ("", ""),
        ("x=1", "x=REDACTED"),
        ("X-Amz-Signature=ab&id=7", "X-Amz-Signature=REDACTED&id=REDACTED"),
        ("a=b=c&d==", "a=REDACTED&d=REDACTED"),
        ("a=1;b=2", "a=REDACTED;b=REDACTED"),
        ("token", "REDACTED"),
        ("a=&&b=my secret#at=1", "a=&&b=REDACTED"),
    ],
)
def test_query_keeps_its_names_alone(query: str, redacted: str) -> None:
    privacy = Privacy(redact_query=True)
    record = _make(
        query=query,
        referer=f"https://h/p?{query}",
        request=f"GET http://h/p?{query} HTTP/1.1",
        extra={"uri": f"/p?{query}"},
    )
    privacy.apply(record)
    assert record.query == redacted
    assert record.referer == f"https://h/p?{redacted}"
    assert record.request == f"GET http://h/p?{redacted} HTTP/1.1"
    assert record.extra == {"uri": f"/p?{redacted}"}  # type: ignore[attr-defined]
    raw = f'1.2.3.4 - - [x] "GET /p?{query} HTTP/1.1" 200 "https://h/p?{query}" "Agent (a)"'
    masked = f'1.2.3.4 - - [x] "GET /p?{redacted} HTTP/1.1" 200 "https://h/p?{redacted}" "Agent (a)"'
    assert privacy.apply_text(raw) == masked


@pytest.mark.parametrize(
    ("raw", "redacted"),
    [
        ("GET /a?x=1 200", "GET /a?x=REDACTED 200"),
        ("12:00:00 GET /a id=7&t=secret 200", "12:00:00 GET /a id=REDACTED&t=REDACTED 200"),
        ('"GET /a?x=my secret', '"GET /a?x=REDACTED'),
        (r'"GET /a?x=my \" secret HTTP/1.1" 5', '"GET /a?x=REDACTED HTTP/1.1" 5'),
        ('"', '"'),
    ],
)
def test_raw_line_without_values(raw: str, redacted: str) -> None:
    assert Privacy(redact_query=True).apply_text(raw) == redacted


@given(st.text("ab12=&;", max_size=20))
def test_redacted_record_still_rebuilds_its_request(query: str) -> None:
    parsed = parse_request(f"GET http://h/p?{query} HTTP/1.1")
    record = Record(**parsed._asdict())
    Privacy(redact_query=True).apply(record)
    assert record.request == f"GET http://h/p?{record.query} HTTP/1.1"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("http://joe:secret@h/a", "http://REDACTED@h/a"),
        ("/http://joe@h/a", "/http://REDACTED@h/a"),
        ("http://joe:p@ss@h:80?x=a@b", "http://REDACTED@h:80?x=a@b"),
        ("url=http%3A%2F%2Fjoe%3Asecret%40h%2Fa%40b", "url=http%3A%2F%2FREDACTED%40h%2Fa%40b"),
        ("mail=joe@h&u=http://h/x@y", "mail=joe@h&u=http://h/x@y"),
        ("http://h/?mail=joe@h", "http://h/?mail=joe@h"),
    ],
)
def test_credentials_in_urls_are_always_masked(text: str, masked: str) -> None:
    record = Record(path=text, query=text, request=f"GET {text}", referer=text)
    Privacy().apply(record)
    assert (record.path, record.query, record.request, record.referer) == (
        masked,
        masked,
        f"GET {masked}",
        masked,
    )
    assert Privacy().apply_text(f'x "{text}" y') == f'x "{masked}" y'
    assert mask_credentials(encode(Record(path=text))) == encode(Record(path=masked))


@given(st.sets(st.sampled_from([*Record.__struct_fields__, *FORMAT_KEYS])))
def test_dropped_keys_are_null_and_the_rest_stays(drop: set[str]) -> None:
    record = _make(path="/p/q", query="x", status=200, section="/p", method="GET", extra={"a": "b"})
    before = {key: getattr(record, key) for key in record.__struct_fields__}
    Privacy(drop=tuple(drop)).apply(record)
    gone = drop | ({"section"} if "path" in drop else set())
    for key, value in before.items():
        assert getattr(record, key) == (None if key in gone else value)


@pytest.mark.parametrize("key", ["method", "path", "query", "protocol", "request", "client", "vhost"])
def test_value_of_a_dropped_key_is_not_left_in_request(key: str) -> None:
    request = "GET http://shop.example/p?x=1.2.3.4 HTTP/1.1"
    record = Record(client="1.2.3.4", vhost="shop.example", **parse_request(request)._asdict())
    Privacy(drop=(key,)).apply(record)
    assert record.request is None


def test_dropped_path_takes_its_section_along() -> None:
    record = Record(**parse_request("GET /joe HTTP/1.1")._asdict())
    Privacy(drop=("path",)).apply(record)
    assert "joe" not in encode(record)


def test_address_of_a_dropped_client_is_masked_elsewhere() -> None:
    record = Record(client="1.2.3.4", query="ip=1.2.3.4")
    Privacy(anonymize_ip=1, drop=("client",)).apply(record)
    assert (record.client, record.query) == (None, "ip=1.2.3.0")


def test_keys_of_other_formats_may_be_dropped() -> None:
    record = Record(client="1.2.3.4")
    Privacy(drop=("peer",)).apply(record)
    assert record == Record(client="1.2.3.4")


def test_record_is_left_alone_where_nothing_is_asked() -> None:
    record = _make(client="h", path="/a?b", extra={"a": "1.2.3.4"}, referer="http://h/?x=1")
    before = encode(record)
    Privacy().apply(record)
    assert encode(record) == before


def test_unknown_key_and_level_are_errors() -> None:
    with pytest.raises(PrivacyError, match="unknown key 'cleint': the nearest is client"):
        Privacy(drop=("path", "cleint"))
    with pytest.raises(PrivacyError, match="4 is no level: expected 1, 2 or 3"):
        Privacy(anonymize_ip=4)


@given(st.text(max_size=40))
def test_any_text_can_be_cleaned(text: str) -> None:
    privacy = Privacy(2, True, ("user",))
    record = _make(
        **{key: text for key in ("client", "forwarded_for", "request", "query", "referer", "path")}
    )
    privacy.apply(record)
    privacy.apply_text(text)


@pytest.mark.parametrize(
    "unit", ["?", '"', '\\"', "://", "%3A%2F%2F", "a.", "1.", ":", "1:", "=", "a,", " a"]
)
def test_time_is_linear_in_what_clients_make_up(unit: str) -> None:
    text = unit * (400_000 // len(unit)) + "@"
    privacy = Privacy(1, True)
    started_s = time.perf_counter()
    privacy.apply(_make(client="h.example", request=text, query=text, forwarded_for=text, extra={"a": text}))
    privacy.apply_text(text)
    assert time.perf_counter() - started_s < 10
