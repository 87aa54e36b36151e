"""Request lines and their parts: nothing of a line is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.formats.request import Request, parse_request

words = st.sampled_from(
    [
        "GET",
        "None",
        "CONNECT",
        "*",
        "-",
        "",
        " ",
        "/",
        "/a",
        "?",
        "#",
        "?x",
        "HTTP/1.1",
        "http://h",
        "//",
        ":",
        "a b",
    ]
)
request_lines = st.one_of(
    st.text(),
    st.lists(words, max_size=5).map(" ".join),
    st.lists(words, max_size=5).map("".join),
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["GET", "None", "x!"]),
        words,
        st.sampled_from(["HTTP/2", "HTTP/", ""]),
    ),
)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        pytest.param("GET /a?b HTTP/1.1", Request("GET", "/a", "b", "HTTP/1.1", "/a"), id="as usual"),
        pytest.param("GET /a? HTTP/1.1", Request("GET", "/a", "", "HTTP/1.1", "/a"), id="empty query"),
        pytest.param("GET /a", Request("GET", "/a", None, None, "/a"), id="no protocol"),
        pytest.param(
            "GET /a b/c HTTP/1.1",
            Request("GET", "/a b/c", None, "HTTP/1.1", "/a b"),
            id="blanks in the target",
        ),
        pytest.param("GET /a b", Request("GET", "/a b", None, None, "/a b"), id="blanks and no protocol"),
        pytest.param(
            "GET /a HTTP/x",
            Request("GET", "/a HTTP/x", None, None, "/a HTTP"),
            id="a last word that is no protocol",
        ),
        pytest.param(
            "get /a HTTP/2", Request("get", "/a", None, "HTTP/2", "/a"), id="a method keeps its case"
        ),
        pytest.param(
            "M-SEARCH /a HTTP/1.1", Request("M-SEARCH", "/a", None, "HTTP/1.1", "/a"), id="a rare method"
        ),
        pytest.param("GET /a RTSP/1.0", Request("GET", "/a", None, "RTSP/1.0", "/a"), id="another protocol"),
        pytest.param(
            "GET http://H:80/a/b?c HTTP/1.1",
            Request("GET", "/a/b", "c", "HTTP/1.1", "http://h/a", "GET http://H:80/a/b?c HTTP/1.1"),
            id="absolute form is kept whole too",
        ),
        pytest.param(
            "OPTIONS * HTTP/1.1",
            Request("OPTIONS", None, None, "HTTP/1.1", None, "OPTIONS * HTTP/1.1"),
            id="asterisk",
        ),
        pytest.param("OPTIONS *", Request("OPTIONS", request="OPTIONS *"), id="asterisk without protocol"),
        pytest.param(
            "CONNECT h:443 HTTP/1.1",
            Request("CONNECT", None, None, "HTTP/1.1", None, "CONNECT h:443 HTTP/1.1"),
            id="CONNECT",
        ),
        pytest.param(
            "GET None HTTP/1.1",
            Request("GET", None, None, "HTTP/1.1", None, "GET None HTTP/1.1"),
            id="a target called None",
        ),
        pytest.param(
            "GET  /a HTTP/1.1",
            Request("GET", None, None, "HTTP/1.1", None, "GET  /a HTTP/1.1"),
            id="two blanks before the target",
        ),
        pytest.param("GET", Request(request="GET"), id="a method alone"),
        pytest.param("GET HTTP/1.1", Request(request="GET HTTP/1.1"), id="no target"),
        pytest.param(" /a HTTP/1.1", Request(request=" /a HTTP/1.1"), id="no method"),
        pytest.param("G(T /a HTTP/1.1", Request(request="G(T /a HTTP/1.1"), id="a method that is no token"),
        pytest.param(r"\x16\x03\x01", Request(request=r"\x16\x03\x01"), id="no HTTP at all"),
        pytest.param("t3 12.1.2", Request(request="t3 12.1.2"), id="two words that are no HTTP"),
        pytest.param("-", Request(), id="hyphen"),
        pytest.param("", Request(), id="nothing"),
    ],
)
def test_a_request_line_is_split(text: str, request_: Request) -> None:
    assert parse_request(text) == request_


def test_a_site_goes_before_the_section() -> None:
    assert parse_request("GET /a/b HTTP/1.1", "http://my.site.com").section == "http://my.site.com/a"


@given(request_lines)
def test_a_request_line_is_rebuilt_from_its_parts_or_kept(text: str) -> None:
    method, path, query, protocol, _, kept = parse_request(text)
    target = None if path is None else path if query is None else f"{path}?{query}"
    rebuilt = " ".join(part for part in (method, target, protocol) if part is not None)
    assert (rebuilt if kept is None else kept) == ("" if text == "-" else text)
