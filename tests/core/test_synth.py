"""The made-up log: the same bytes everywhere, exact counts, lines in the format, habits of a site."""

from __future__ import annotations

import hashlib
import math
import os
import re
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.errors import W3CError
from w3ctools.core.synth.scenario import Pace
from w3ctools.core.synth.site import Site

LOG_FORMATS = ("common", "combined", "vhost_combined")
T0_S = 1_795_517_610  # 24 November 2026, 10:53:30 UTC

_COMMON = (
    r"(?P<client>[0-9a-f.:]+) - (?P<user>-|[a-z.]+) "
    r"\[(?P<stamp>\d\d/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/\d{4}:\d\d:\d\d:\d\d \+0000)\] "
    r'"(?P<method>GET|HEAD|POST|PUT|DELETE) (?P<target>/[!#-\[\]-~]*) (?P<protocol>HTTP/(?:1\.0|1\.1|2\.0))" '
    r"(?P<status>[2345]\d\d) (?P<bytes>-|[1-9]\d*)"
)
_COMBINED = _COMMON + r' "(?P<referer>-|https?://[!#-\[\]-~]+)" "(?P<agent>[ !#-\[\]-~]+)"'
STRICT = {
    "common": re.compile(_COMMON),
    "combined": re.compile(_COMBINED),
    "vhost_combined": re.compile(r"my\.site\.com:80 " + _COMBINED),
}

# Of 1,000 lines of each format; a change here is a change of what every seed means.
SHA256 = {
    "common": "930eeb62e19c6219ade8088601d39f2cccb07d36f84c514b511b2ac9d74ff84e",
    "combined": "3fd29914077eb517ea9848b2ebe3d68e5528d22de82e128dfd9f4e22699c7d9d",
    "vhost_combined": "2449e96aa486cda5f872a8f20abc2bf547b2ddc4fb6cf8bd51d3f8bebb73018b",
}


def make(
    *, url: str = "http://my.site.com", sections: int = 20, log_format: str = "combined", seed: int = 1
) -> Site:
    return Site(url=url, sections=sections, log_format=log_format, seed=seed)


def text_lines(site: Site, count: int, epoch_s: int = T0_S) -> list[str]:
    block = site.lines(epoch_s, count)
    assert block.endswith(b"\n")
    return block.decode("ascii").removesuffix("\n").split("\n")


def fields(log_format: str, count: int, sections: int = 20) -> list[dict[str, str]]:
    found = []
    for line in text_lines(make(log_format=log_format, sections=sections), count):
        match = STRICT[log_format].fullmatch(line)
        assert match, line
        found.append(match.groupdict())
    return found


def section(target: str) -> str:
    return "/" + re.split(r"[/?]", target[1:], maxsplit=1)[0]


# The same bytes


@pytest.mark.parametrize("log_format", LOG_FORMATS)
def test_same_seed_gives_the_pinned_bytes(log_format: str) -> None:
    block = make(log_format=log_format, sections=30).lines(T0_S, 1_000)
    assert hashlib.sha256(block).hexdigest() == SHA256[log_format]


def test_hash_seed_changes_nothing() -> None:
    program = (
        "import sys; from w3ctools.core.synth.site import Site; "
        "site = Site(url='http://my.site.com', sections=30, log_format='combined', seed=1); "
        f"sys.stdout.buffer.write(site.lines({T0_S}, 1_000))"
    )
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, check=True
        )
        assert hashlib.sha256(run.stdout).hexdigest() == SHA256["combined"]


def test_another_seed_gives_other_bytes() -> None:
    assert make(seed=1).lines(T0_S, 100) != make(seed=2).lines(T0_S, 100)


def test_two_sites_of_one_seed_do_not_disturb_each_other() -> None:
    one, other = make(), make()
    one.lines(T0_S, 50)
    assert other.lines(T0_S, 100) == make().lines(T0_S, 100)


@pytest.mark.parametrize("counts", [[100], [1] * 100, [0, 99, 0, 1], [7, 13, 80]])
def test_blocks_of_any_size_give_the_same_lines(counts: list[int]) -> None:
    site = make()
    assert b"".join(site.lines(T0_S, count) for count in counts) == make().lines(T0_S, 100)


def test_formats_of_one_seed_tell_the_same_requests() -> None:
    common, combined, vhost = (text_lines(make(log_format=log_format), 500) for log_format in LOG_FORMATS)
    assert all(long.startswith(short + ' "') for short, long in zip(common, combined, strict=True))
    size = re.compile(r'(" \d{3}) (?:-|\d+)')
    assert [size.sub(r"\1", line) for line in vhost] == [
        "my.site.com:80 " + size.sub(r"\1", line) for line in combined
    ]


# Counts


@pytest.mark.parametrize(
    ("rate_per_s", "counts"),
    [
        ("0", [0, 0, 0, 0]),
        ("0.5", [0, 1, 0, 1]),
        ("20", [20, 20, 20, 20]),
        ("12.5", [12, 13, 12, 13]),
        ("1/3", [0, 0, 1, 0, 0, 1]),
    ],
)
def test_rate_gives_whole_lines_each_second(rate_per_s: str, counts: list[int]) -> None:
    pace = Pace()
    assert [pace.next_lines(Fraction(rate_per_s)) for _ in counts] == counts


@given(st.fractions(0, 1_000, max_denominator=1_000), st.integers(1, 200))
def test_constant_rate_never_drifts(rate_per_s: Fraction, seconds: int) -> None:
    pace = Pace()
    counts = [pace.next_lines(rate_per_s) for _ in range(seconds)]
    assert counts == [math.floor((k + 1) * rate_per_s) - math.floor(k * rate_per_s) for k in range(seconds)]


@given(st.lists(st.fractions(0, 50, max_denominator=100), max_size=50))
def test_changing_rate_adds_up(rates_per_s: list[Fraction]) -> None:
    pace = Pace()
    assert sum(pace.next_lines(rate) for rate in rates_per_s) == math.floor(sum(rates_per_s))


def test_negative_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="-1/2"):
        Pace().next_lines(Fraction(-1, 2))


def test_block_holds_the_lines_asked_for() -> None:
    site = make()
    assert [site.lines(T0_S, count).count(b"\n") for count in range(300)] == list(range(300))


# Lines


@pytest.mark.parametrize("log_format", LOG_FORMATS)
@pytest.mark.parametrize("sections", [1, 20, 200])
def test_every_line_is_in_the_format(log_format: str, sections: int) -> None:
    assert len(fields(log_format, 5_000, sections)) == 5_000


@pytest.mark.parametrize("log_format", LOG_FORMATS)
def test_lines_are_printable_ascii(log_format: str) -> None:
    block = make(log_format=log_format, sections=100).lines(T0_S, 20_000)
    assert set(block) - {0x0A} <= set(range(0x20, 0x7F))
    assert b"\\" not in block


@pytest.mark.parametrize(
    ("epoch_s", "stamp"),
    [
        (0, "01/Jan/1970:00:00:00 +0000"),
        (951_782_400, "29/Feb/2000:00:00:00 +0000"),
        (1_709_251_199, "29/Feb/2024:23:59:59 +0000"),
        (1_709_251_200, "01/Mar/2024:00:00:00 +0000"),
        (1_798_761_599, "31/Dec/2026:23:59:59 +0000"),
        (1_798_761_600, "01/Jan/2027:00:00:00 +0000"),
        (T0_S, "24/Nov/2026:10:53:30 +0000"),
    ],
)
def test_stamp_is_the_second_asked_for(epoch_s: int, stamp: str) -> None:
    assert all(f" [{stamp}] " in line for line in text_lines(make(), 3, epoch_s))


@pytest.mark.parametrize(
    ("url", "vhost", "origin"),
    [
        ("http://my.site.com", "my.site.com:80", "http://my.site.com/"),
        ("http://my.site.com/", "my.site.com:80", "http://my.site.com/"),
        ("https://my.site.com", "my.site.com:443", "https://my.site.com/"),
        ("http://localhost:8080", "localhost:8080", "http://localhost:8080/"),
    ],
)
def test_url_gives_virtual_host_and_referers(url: str, vhost: str, origin: str) -> None:
    lines = text_lines(make(url=url, log_format="vhost_combined"), 200)
    assert all(line.startswith(f"{vhost} ") for line in lines)
    assert any(f' "{origin}' in line and f' "{origin}/' not in line for line in lines)


@pytest.mark.parametrize(
    "url", ["", "my.site.com", "ftp://my.site.com", "http://", "http://a b", 'http://a"', "http://a/b"]
)
def test_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(url))):
        make(url=url)


def test_unknown_format_is_refused() -> None:
    with pytest.raises(W3CError, match="neither a format's name nor a format string"):
        make(log_format="nonsense")


def test_site_without_sections_is_refused() -> None:
    with pytest.raises(ValueError, match="not 0"):
        make(sections=0)


# Habits


@pytest.mark.parametrize("sections", [1, 5, 24, 60])
def test_every_section_is_visited_and_no_other(sections: int) -> None:
    seen = {section(line["target"]) for line in fields("common", 50_000, sections)}
    assert len(seen - {"/"}) == sections
    assert "/" in seen


def test_more_sections_keep_the_earlier_names() -> None:
    few, many = ({section(line["target"]) for line in fields("common", 50_000, n)} for n in (5, 40))
    assert few < many
    assert "/pages-2" in many


def test_sections_are_wanted_by_rank() -> None:
    hits = Counter(section(line["target"]) for line in fields("common", 100_000, 10))
    home = hits.pop("/")
    ranked = [count for _, count in hits.most_common()]
    assert hits.most_common(1)[0][0] == "/pages"
    assert ranked[0] / ranked[1] == pytest.approx(2, rel=0.1)
    assert ranked[0] / ranked[9] == pytest.approx(10, rel=0.1)
    assert home == pytest.approx(2_000, rel=0.1)


def test_bare_section_and_query_strings_occur() -> None:
    targets = {line["target"] for line in fields("common", 20_000)}
    assert "/pages" in targets
    assert any("?" in target for target in targets)


def test_clients_are_many_and_from_reserved_networks() -> None:
    hits = Counter(line["client"] for line in fields("common", 50_000))
    networks = [ip_network(name) for name in ("198.18.0.0/15", "203.0.113.0/24", "2001:db8::/32")]
    assert len(hits) > 1_500
    assert hits.most_common(1)[0][1] > 3_000
    for client in hits:
        assert str(ip_address(client)) == client
        assert any(ip_address(client) in network for network in networks)


def test_few_requests_name_a_user() -> None:
    users = Counter(line["user"] for line in fields("common", 50_000))
    assert 0.9 < users["-"] / 50_000 < 1
    assert 3 <= len(users) <= 10


def test_statuses_suit_their_methods() -> None:
    statuses: dict[str, Counter[str]] = {}
    for line in fields("common", 100_000):
        statuses.setdefault(line["method"], Counter())[line["status"]] += 1
    assert set(statuses) == {"GET", "HEAD", "POST", "PUT", "DELETE"}
    assert statuses["GET"].most_common(1)[0][0] == "200"
    assert {"200", "301", "304", "403", "404", "500", "503"} <= set(statuses["GET"])
    assert {"201", "204"} <= set(statuses["POST"])
    assert "304" not in statuses["POST"]
    errors = sum(count for by in statuses.values() for status, count in by.items() if status >= "500")
    assert 0.002 < errors / 100_000 < 0.02


def test_answers_without_a_body_have_a_dash_but_count_headers_in_vhost_combined() -> None:
    for line in fields("combined", 20_000):
        empty = line["method"] == "HEAD" or line["status"] in ("204", "304")
        assert (line["bytes"] == "-") == empty
    for line in fields("vhost_combined", 20_000):
        assert int(line["bytes"]) >= 160


def test_robots_come_from_nowhere_and_browsers_from_everywhere() -> None:
    lines = fields("combined", 50_000)
    assert len({line["agent"] for line in lines}) == 26
    robots = [line for line in lines if "bot" in line["agent"].lower() or line["agent"].startswith("curl")]
    assert robots
    assert {(line["referer"], line["user"]) for line in robots} == {("-", "-")}
    origins = {line["referer"].split("/")[2] if "/" in line["referer"] else "-" for line in lines}
    assert {"-", "my.site.com", "www.google.com"} <= origins


def test_client_keeps_its_agent() -> None:
    agents: dict[str, set[str]] = {}
    for line in fields("combined", 20_000):
        agents.setdefault(line["client"], set()).add(line["agent"])
    assert sum(len(of_client) == 1 for of_client in agents.values()) > 0.95 * len(agents)
