"""Sections of request targets: what stands before the second slash of the path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.formats.request import parse_request
from w3ctools.core.section import Target, parse_site, split_target

SITE = "http://my.site.com"

origin_forms = st.text(st.one_of(st.sampled_from("/?#@%;. "), st.characters()), max_size=30).map(
    lambda t: f"/{t}"
)
hosts = st.one_of(
    st.sampled_from(["h", "My.Site.COM", "[::1]", "10.0.0.1"]),
    st.from_regex(r"[A-Za-z0-9.-]+", fullmatch=True),
)
absolute_forms = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(["http", "HTTPS", "ws", "wss", "x-y+z.1"]),
    st.sampled_from(["", "joe@", "joe:secret@", "a@b@"]),
    hosts,
    st.sampled_from(["", ":", ":80", ":443", ":8443"]),
    st.one_of(st.just(""), origin_forms, st.just("?x=/y"), st.just("#x/y")),
)


@pytest.mark.parametrize(
    ("target", "section"),
    [
        pytest.param("/", "/", id="root"),
        pytest.param("/pages", "/pages", id="one segment"),
        pytest.param("/pages/", "/pages", id="one segment and a slash"),
        pytest.param("/pages/create", "/pages", id="two segments"),
        pytest.param("/pages?x=1", "/pages", id="query"),
        pytest.param("/pages?next=/a/b", "/pages", id="slashes in the query"),
        pytest.param("/?x=/a", "/", id="root with slashes in the query"),
        pytest.param("//a/b", "/", id="two slashes are a path, not a host"),
        pytest.param("///", "/", id="slashes alone"),
        pytest.param("/a//b", "/a", id="an empty second segment"),
        pytest.param("/img.gif", "/img.gif", id="a file at the root"),
        pytest.param("http://my.site.com/pages/create", "http://my.site.com/pages", id="absolute"),
        pytest.param(
            "HTTP://My.Site.com:80/Pages/x", "http://my.site.com/Pages", id="absolute, odd case, port"
        ),
        pytest.param("https://h:8443/a/b", "https://h:8443/a", id="a port that is not the default"),
        pytest.param("https://h:443/a/b", "https://h/a", id="default port of https"),
        pytest.param("http://h:443/a/b", "http://h:443/a", id="default port of another scheme"),
        pytest.param("ws://h:80/a/b", "ws://h/a", id="default port of ws"),
        pytest.param("wss://h:443/a/b", "wss://h/a", id="default port of wss"),
        pytest.param("http://h:/a/b", "http://h/a", id="a colon without port"),
        pytest.param("http://h", "http://h/", id="absolute without path"),
        pytest.param("http://h?x=/y", "http://h/", id="absolute without path, query"),
        pytest.param("http://h#x/y", "http://h/", id="absolute without path, fragment"),
        pytest.param("http://u:p@h/a/b", "http://h/a", id="credentials"),
        pytest.param("http://u@x:p@h/a/b", "http://h/a", id="credentials with an at sign"),
        pytest.param("http://[::1]:80/a/b", "http://[::1]/a", id="IPv6 with port"),
        pytest.param("http://[::1]/a/b", "http://[::1]/a", id="IPv6"),
        pytest.param("http:///x/y", None, id="absolute without host"),
        pytest.param("http://:80/x/y", None, id="absolute with a port alone"),
        pytest.param("http://u:p@/x/y", None, id="absolute with credentials alone"),
        pytest.param("*", None, id="asterisk"),
        pytest.param("-", None, id="hyphen"),
        pytest.param("", None, id="nothing"),
        pytest.param("\\x16\\x03\\x01", None, id="escaped bytes"),
        pytest.param("index.html", None, id="relative"),
        pytest.param("javascript:alert(1)", None, id="a scheme without slashes"),
        pytest.param("1http://h/a", None, id="a scheme that begins with a digit"),
        pytest.param("/a%2Fb/c", "/a%2Fb", id="an encoded slash is data"),
        pytest.param("/%70ages/x", "/%70ages", id="an encoded letter stays encoded"),
        pytest.param("/Pages/x", "/Pages", id="the path keeps its case"),
        pytest.param("/pages;jsessionid=1/create", "/pages;jsessionid=1", id="path parameter"),
        pytest.param("/../etc/passwd", "/..", id="dot segments"),
        pytest.param("/a b/c", "/a b", id="a blank"),
        pytest.param("/a#f/b", "/a", id="a fragment"),
        pytest.param("/~joe/x", "/~joe", id="a tilde"),
        pytest.param("/http://evil/x", "/http:", id="a URL in the path"),
    ],
)
def test_a_target_has_the_section_before_its_second_slash(target: str, section: str | None) -> None:
    assert split_target(target).section == section


@pytest.mark.parametrize(
    "request_line",
    [
        pytest.param("CONNECT my.site.com:443 HTTP/1.1", id="CONNECT with a host"),
        pytest.param("CONNECT /a/b HTTP/1.1", id="CONNECT with a path"),
        pytest.param("OPTIONS * HTTP/1.1", id="OPTIONS of the server"),
        pytest.param("-", id="hyphen"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_request_without_path_has_no_section(request_line: str) -> None:
    assert parse_request(request_line).section is None


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        pytest.param("/a/b?x=1?y", Target("/a/b", "x=1?y", "/a"), id="query from the first question mark"),
        pytest.param("/a?", Target("/a", "", "/a"), id="empty query"),
        pytest.param("/a#f?x", Target("/a#f", "x", "/a"), id="fragment before the query"),
        pytest.param("http://h?x=/y", Target("/", "x=/y", "http://h/"), id="absolute without path"),
        pytest.param("http://h/a/b?c", Target("/a/b", "c", "http://h/a"), id="absolute"),
        pytest.param("a/b?c", Target(None, None, None), id="relative"),
    ],
)
def test_a_target_is_split_into_path_and_query(target: str, parts: Target) -> None:
    assert split_target(target) == parts


@pytest.mark.parametrize(
    ("target", "section"),
    [
        pytest.param("/pages/create", "http://my.site.com/pages", id="before an origin form"),
        pytest.param("https://other/a/b", "https://other/a", id="not before an absolute form"),
        pytest.param("index.html", None, id="not before what has no section"),
    ],
)
def test_a_site_goes_before_origin_forms_alone(target: str, section: str | None) -> None:
    assert split_target(target, SITE).section == section


@given(origin_forms)
def test_the_section_of_an_origin_form_begins_its_target(target: str) -> None:
    assert target.startswith(split_target(target).section or "none")


@given(origin_forms)
def test_the_section_of_an_origin_form_has_one_slash_and_no_query_or_fragment(target: str) -> None:
    section = split_target(target).section or ""
    assert (section.count("/"), section.count("?"), section.count("#")) == (1, 0, 0)


@given(absolute_forms)
def test_the_section_of_an_absolute_form_has_a_host_and_one_slash_more(target: str) -> None:
    scheme, _, rest = (split_target(target).section or "").partition("://")
    assert (scheme.islower(), rest.count("/"), rest.count("?"), rest.count("#")) == (True, 1, 0, 0)


@given(absolute_forms)
def test_the_section_of_an_absolute_form_holds_no_credentials(target: str) -> None:
    authority = (split_target(target).section or "").split("/")[2]
    assert "@" not in authority


@given(st.one_of(origin_forms, absolute_forms))
def test_the_section_of_a_section_is_itself(target: str) -> None:
    section = split_target(target).section or ""
    assert split_target(section).section == section


@given(origin_forms)
def test_a_site_changes_nothing_but_the_section(target: str) -> None:
    plain, with_site = split_target(target), split_target(target, SITE)
    assert with_site == plain._replace(section=f"{SITE}{plain.section}")


@given(st.text())
def test_path_and_query_rebuild_an_origin_form(text: str) -> None:
    path, query, _ = split_target(f"/{text}")
    assert (path or "") + ("" if query is None else f"?{query}") == f"/{text}"


@pytest.mark.parametrize(
    ("text", "site"),
    [
        pytest.param("http://my.site.com", "http://my.site.com", id="as sections carry it"),
        pytest.param("HTTP://My.Site.com:80/", "http://my.site.com", id="case, port and slash"),
        pytest.param("https://joe:secret@h:8443", "https://h:8443", id="credentials"),
        pytest.param("http://[::1]:8080", "http://[::1]:8080", id="IPv6"),
    ],
)
def test_a_site_is_brought_into_the_form_of_sections(text: str, site: str) -> None:
    assert parse_site(text) == site


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("my.site.com", id="no scheme"),
        pytest.param("http://", id="no host"),
        pytest.param("http://h/a", id="a path"),
        pytest.param("http://h?x", id="a query"),
        pytest.param('http://h"', id="a quote"),
        pytest.param("http://h\\", id="a backslash"),
        pytest.param("http://h h", id="a blank"),
        pytest.param("http://\u00e9", id="not ASCII"),
    ],
)
def test_what_is_no_site_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no site"):
        parse_site(text)
