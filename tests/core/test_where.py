"""Conditions on records: what they say, and what is said about those that cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.errors import W3CError
from w3ctools.core.record import FILE_KEY, FORMAT_KEYS, Record, record_type
from w3ctools.core.where import KINDS, MAX_SEARCHED_CHARS, WhereError, compile_where, nearest_key

RECORD = record_type(("duration", "extra"))(  # type: ignore[call-arg]
    epoch=971211336,
    client="127.0.0.1",
    user='DOMAIN\\joe "x"',
    method="GET",
    path="/api/a.php",
    query="",
    status=503,
    bytes=0,
    duration=0.109,
    extra={"x-tail": "9221", "a b": "yes"},
)


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("status == 503", True),
        ("status==503", True),
        ("status != 503", False),
        ("status < 503", False),
        ("status <= 503", True),
        ("status > 502.5", True),
        ("status >= 504", False),
        ("bytes == -0", True),
        ("bytes", True),
        ("query", True),
        ("referer", False),
        ("not referer", True),
        ("duration == 0.109", True),
        ("duration < 1", True),
        ("epoch >= 971211336 and epoch < 971211337", True),
        ('method == "GET"', True),
        ("method == 'GET'", True),
        ('method < "HEAD"', True),
        ('method in ("GET", "HEAD")', True),
        ('method in ("POST")', False),
        ("status in (500, 503)", True),
        ('referer in ("a", null)', True),
        ('not method in ("GET")', False),
        (r'path ~ "\.php$"', True),
        ('path ~ "^api"', False),
        ('path !~ "^api"', True),
        ('path ~ "(?i)API"', True),
        (r"""user == 'DOMAIN\joe "x"'""", True),
        (r'user == "DOMAIN\joe \"x\""', True),
        (r'user ~ "\\joe"', True),
        ("extra", True),
        ("extra == null", False),
        ('extra.x-tail == "9221"', True),
        ('extra."a b" ~ "y"', True),
        ("extra.none", False),
        # null: known to be, or not, and nothing else
        ("referer == null", True),
        ("referer != null", False),
        ("client != null", True),
        ('referer == "x"', False),
        ('referer != "x"', False),
        ('referer < "x"', False),
        ('referer !~ "x"', False),
        ('not referer ~ "x"', True),
        ("ttfb >= 0", False),
        ("ttfb == null", True),
        # binding: not, and, or
        ("true or false and false", True),
        ("(true or false) and false", False),
        ("not false and false", False),
        ("not (false and false)", True),
        ("not not true", True),
        ("true", True),
        ("false or status >= 500 and not referer", True),
        ("\tstatus\n== 503 ", True),
    ],
)
def test_condition_says(text: str, truth: bool) -> None:
    assert compile_where(text)(RECORD) is truth


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("", 1, "expected a key, such as status"),
        ("   ", 4, "expected a key, such as status"),
        ("stauts == 1", 1, "unknown key stauts: the nearest is status"),
        ("status == 1 and referrer", 17, "unknown key referrer: the nearest is referer"),
        ('status == "503"', 11, "status is a number, this is text"),
        ("method == 5", 11, "method is text, this is a number: put it in quotes"),
        ('status in (500, "x")', 17, "status is a number, this is text"),
        ("status == true", 11, "expected a value: status is a number"),
        ("method == GET", 11, "expected a value: text stands in quotes"),
        ("method == status", 11, "expected a value: text stands in quotes"),
        ("status < null", 10, "null is compared with == and != only"),
        ("status ~ '5'", 8, "status is a number: only text is searched"),
        ("path ~ 5", 8, "expected a regular expression in quotes"),
        ('extra == "x"', 10, "extra is an object, this is text"),
        ("extra in (null)", 1, "extra is an object: name one of its values, extra.NAME"),
        ("extra.x > 5", 11, "extra.x is text, this is a number: put it in quotes"),
        ("status = 5", 8, "= is written == here"),
        ("status == 5 && bytes", 13, "&& is written and here"),
        ("status =~ 5", 8, "=~ is written ~ here"),
        ("!status", 1, "! is written not here"),
        ('path == "x', 9, 'the quote " is not closed'),
        ("status == 1234567890123456789", 11, "expected a number of at most 18 digits, such as 0.5"),
        ("status == 5xx", 11, "expected a number of at most 18 digits, such as 0.5"),
        ("status; bytes", 7, "unexpected ';'"),
        ("(status == 5", 13, "expected and, or, or )"),
        ("status == 5)", 12, "expected and, or, or the end"),
        ("status bytes", 8, "expected and, or, or the end"),
        ("status in 5", 11, "expected ("),
        ("status in (5", 13, "expected , or )"),
        ("status ==", 10, "expected a value: status is a number"),
        ("not", 4, "expected a key, such as status"),
        ("(" * 60 + "status" + ")" * 60, 51, "more than 50 parentheses in each other"),
        ("not " * 60 + "status", 201, "more than 50 parentheses in each other"),
        ('path ~ "ab(c"', 11, "regular expression: missing ), unterminated subpattern"),
        (r'path ~ "a\"b("', 13, "regular expression: missing ), unterminated subpattern"),
        ("__class__ == 1", 1, f"unknown key __class__: the nearest is {nearest_key('__class__')}"),
    ],
)
def test_condition_that_cannot_be_read_says_why_and_where(text: str, column: int, reason: str) -> None:
    with pytest.raises(WhereError) as caught:
        compile_where(text)
    assert (caught.value.column, caught.value.reason, caught.value.text) == (column, reason, text)
    assert str(caught.value) == f"{reason} (column {column})"


def test_error_shows_the_place() -> None:
    with pytest.raises(W3CError) as caught:
        compile_where("status\t= 5")
    assert isinstance(caught.value, WhereError)
    assert caught.value.shown == "status = 5\n       ^"


@pytest.mark.parametrize("pattern", ["(", "[[a]", "a{99999999999999}", "(" * 5000, "(?P<a>x)(?P<a>y)", "*"])
def test_bad_pattern_is_a_where_error(pattern: str) -> None:
    with pytest.raises(WhereError, match="regular expression"):
        compile_where(f"path ~ '{pattern}'")


def test_search_ends_where_too_much_text_begins() -> None:
    ends_in_x = compile_where('path ~ "x"')
    assert ends_in_x(Record(path="a" * (MAX_SEARCHED_CHARS - 1) + "x"))
    assert not ends_in_x(Record(path="a" * MAX_SEARCHED_CHARS + "x"))


def test_long_chains_are_not_deep() -> None:
    assert not compile_where(" and ".join(["status"] * 5000))(Record())
    assert compile_where(" or ".join(["status == 1"] * 5000 + ["true"]))(Record())


def test_every_key_can_be_asked_of_every_record() -> None:
    assert set(KINDS) == {*Record.__struct_fields__, *FORMAT_KEYS, *FILE_KEY}
    for key in KINDS:
        assert not compile_where(key)(Record())
        assert not compile_where(key)(record_type(tuple(FORMAT_KEYS))())


@pytest.mark.parametrize(
    ("name", "key"),
    [("stauts", "status"), ("useragent", "user_agent"), ("Path", "path"), ("duratoin", "duration")],
)
def test_nearest_key(name: str, key: str) -> None:
    assert nearest_key(name) == key


TOKENS = [*KINDS, "==", "!=", "<", ">=", "~", "!~", "(", ")", ",", "and", "or", "not", "in", "null", "true"]
TOKENS += ['"GET"', "'a'", "5", "-0.5", "extra.x", 'extra."', "$", "\\", '"', "[[", "'[a'", "é", "²", " "]


@given(st.lists(st.one_of(st.sampled_from(TOKENS), st.text(max_size=5)), max_size=12))
def test_soup_raises_nothing_but_where_error(words: list[str]) -> None:
    text = " ".join(words)
    error = _error_of(text)
    if error is None:
        assert compile_where(text)(RECORD) in (True, False)
        assert compile_where(text)(Record()) in (True, False)
    else:
        assert 1 <= error.column <= len(text) + 1
        assert error.shown.count("\n") == 1


def _error_of(text: str) -> WhereError | None:
    try:
        compile_where(text)
    except WhereError as error:
        return error
    return None
