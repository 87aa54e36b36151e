r"""Conditions on records: ``status >= 500 and path ~ "^/api/"`` -> a function that says yes or no.

A language of comparisons, never Python: nothing is evaluated. A condition becomes closures once.

    status == 404             == != < <= > >=, with a number, "text" or 'text', or null
    path ~ "\.php$"           a regular expression that is found somewhere in the text; !~ for not found
    method in ("PUT", "POST") one of several
    referer                   is not null
    not (a or b) and c        not binds tightest, then and, then or; true and false are conditions too

Keys are those of the record, and ``extra.NAME`` (or ``extra."NAME"``). Text is compared by code points. A
backslash in quotes stands for itself, except before the same quote. Null equals null alone; any other
comparison with a null value is false, ``!=`` and ``!~`` with text or a number too.

Expressions are the user's own, but they search text that clients have made up, and Python's `re` can take
exponential time for a pattern such as ``(a+)+$``. At most `MAX_SEARCHED_CHARS` of a text are searched,
which helps patterns of quadratic time only: whoever writes the condition answers for its patterns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from operator import attrgetter, eq, ge, gt, le, lt, ne
from typing import Any, NamedTuple, NoReturn, get_args, get_type_hints

from w3ctools.core.errors import W3CError
from w3ctools.core.record import FILE_KEY, FORMAT_KEYS, Record

#: As much of a text is searched by a regular expression; what follows is not looked at.
MAX_SEARCHED_CHARS = 8192
#: Parentheses and ``not`` in each other.
MAX_DEPTH = 50

Test = Callable[[Record], bool]
Get = Callable[[Record], Any]


class WhereError(W3CError):
    """A condition that cannot be read: ``reason``, ``column`` (1 is the first character), ``text``."""

    def __init__(self, reason: str, column: int, text: str) -> None:
        super().__init__(f"{reason} (column {column})")
        self.reason = reason
        self.column = column
        self.text = text

    @property
    def shown(self) -> str:
        """The condition, and below it a caret under the place."""
        text = "".join(char if char.isprintable() else " " for char in self.text)
        return f"{text}\n{'^':>{self.column}}"


def compile_where(text: str) -> Test:
    """The condition `text` as a function of a record. Raises WhereError.

    >>> compile_where("status >= 500 or status == null")(Record(status=503))
    True
    """
    return _Parser(text).parse()


def nearest_key(name: str) -> str:
    """The key of a record that is spelled most like `name`.

    >>> nearest_key("referrer")
    'referer'
    """
    asked = _pairs(name.lower())
    return max(KINDS, key=lambda key: len(asked & _pairs(key)) / (len(asked) + len(key)))


def _pairs(name: str) -> set[str]:
    return {a + b for a, b in zip(f" {name}", f"{name} ", strict=True)}


def _kind(annotation: Any) -> str:
    types = set(get_args(annotation))
    return "text" if str in types else "a number" if int in types else "an object"


_HINTS = get_type_hints(Record) | FORMAT_KEYS | FILE_KEY
#: Every key of a record, and what its values are.
KINDS = {key: _kind(_HINTS[key]) for key in (*Record.__struct_fields__, *FORMAT_KEYS, *FILE_KEY)}

_COMPARISONS = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_TOKEN = re.compile(
    r"""(?P<blank>\s+)
    | (?P<number>[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?(?![\w.]))
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<operator>==(?!=)|!=(?!=)|<=|>=|!~|~|<|>)
    | (?P<sign>[(),])
    | (?P<key>extra\."(?:[^"\\]|\\.)*"|extra\.[\w.-]+)
    | (?P<word>[^\W\d]\w*)""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = {"and", "or", "not", "in", "null", "true", "false"}
#: What other languages write, longest first, and what it is here.
_MEANT = {"=~": "~", "===": "==", "!==": "!=", "<>": "!=", "&&": "and", "||": "or", "=": "==", "!": "not"}


class _Token(NamedTuple):
    kind: str
    text: str
    #: Where it begins; 0 is the first character.
    at: int


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise WhereError(_unreadable(text[at:]), at + 1, text)
        kind = str(match.lastgroup)
        if kind == "word" and match[0] in _WORDS:
            kind = "sign"
        if kind != "blank":
            yield _Token(kind, match[0], at)
        at = match.end()
    yield _Token("end", "", at)


def _unreadable(rest: str) -> str:
    for written, meant in _MEANT.items():
        if rest.startswith(written):
            return f"{written} is written {meant} here"
    if rest[0] in "\"'":
        return f"the quote {rest[0]} is not closed"
    is_number = rest[0] in "+-.0123456789"
    return "expected a number of at most 18 digits, such as 0.5" if is_number else f"unexpected {rest[0]!r}"


class _Parser:
    """Recursive descent: one method a level of binding, each of which gives a closure."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0

    def parse(self) -> Test:
        test = self._any_of()
        if self._token.kind != "end":
            self._fail("expected and, or, or the end")
        return test

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    def _fail(self, reason: str, token: _Token | None = None) -> NoReturn:
        raise WhereError(reason, (token or self._token).at + 1, self._text)

    def _take(self) -> _Token:
        token = self._token
        self._at += token.kind != "end"
        return token

    def _took(self, sign: str) -> bool:
        """Go over a sign or keyword if it comes next."""
        found = self._token.kind == "sign" and self._token.text == sign
        self._at += found
        return found

    def _any_of(self) -> Test:
        tests = [self._all_of()]
        while self._took("or"):
            tests.append(self._all_of())
        return _joined(tests, lambda a, b: lambda record: a(record) or b(record))

    def _all_of(self) -> Test:
        tests = [self._one()]
        while self._took("and"):
            tests.append(self._one())
        return _joined(tests, lambda a, b: lambda record: a(record) and b(record))

    def _one(self) -> Test:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} parentheses in each other")
        test = self._nested()
        self._depth -= 1
        return test

    def _nested(self) -> Test:
        if self._took("not"):
            test = self._one()
            return lambda record: not test(record)
        if self._took("("):
            test = self._any_of()
            if not self._took(")"):
                self._fail("expected and, or, or )")
            return test
        if self._took("true"):
            return lambda _record: True
        return (lambda _record: False) if self._took("false") else self._comparison()

    def _comparison(self) -> Test:
        key = self._take()
        if key.kind not in ("word", "key"):
            self._fail("expected a key, such as status", key)
        kind, get = self._key(key)
        if self._took("in"):
            return self._membership(key, kind, get)
        if self._token.kind != "operator":
            return lambda record: get(record) is not None
        operator = self._take()
        if operator.text in ("~", "!~"):
            return self._search(key, kind, get, operator)
        token, value = self._value(key, kind)
        if value is not None:
            compare = _COMPARISONS[operator.text]
            return lambda record: (found := get(record)) is not None and bool(compare(found, value))
        if operator.text not in ("==", "!="):
            self._fail("null is compared with == and != only", token)
        wanted = operator.text == "=="
        return lambda record: (get(record) is None) is wanted

    def _key(self, token: _Token) -> tuple[str, Get]:
        """What the key's values are, and how a record is asked for it."""
        name = token.text
        if token.kind == "key":
            name = _unquoted(name[6:]) if name[6] == '"' else name[6:]
            return "text", lambda record: (getattr(record, "extra", None) or {}).get(name)
        if name not in KINDS:
            self._fail(f"unknown key {name}: the nearest is {nearest_key(name)}", token)
        if name in Record.__struct_fields__:
            return KINDS[name], attrgetter(name)
        return KINDS[name], lambda record: getattr(record, name, None)

    def _value(self, key: _Token, kind: str) -> tuple[_Token, str | int | float | None]:
        """The next value, which must be one that the key can have."""
        token = self._take()
        if token.kind == "sign" and token.text == "null":
            return token, None
        if token.kind in ("word", "key"):
            self._fail("expected a value: text stands in quotes", token)
        found = {"text": "text", "number": "a number"}.get(token.kind)
        if found is None:
            self._fail(f"expected a value: {key.text} is {kind}", token)
        if found != kind:
            hint = ": put it in quotes" if (found, kind) == ("a number", "text") else ""
            self._fail(f"{key.text} is {kind}, this is {found}{hint}", token)
        if token.kind == "text":
            return token, _unquoted(token.text)
        return token, float(token.text) if "." in token.text else int(token.text)

    def _membership(self, key: _Token, kind: str, get: Get) -> Test:
        if kind == "an object":
            self._fail(f"{key.text} is {kind}: name one of its values, {key.text}.NAME", key)
        if not self._took("("):
            self._fail("expected (")
        wanted = {self._value(key, kind)[1]}
        while self._took(","):
            wanted.add(self._value(key, kind)[1])
        if not self._took(")"):
            self._fail("expected , or )")
        return lambda record: get(record) in wanted

    def _search(self, key: _Token, kind: str, get: Get, operator: _Token) -> Test:
        if kind != "text":
            self._fail(f"{key.text} is {kind}: only text is searched", operator)
        token = self._take()
        if token.kind != "text":
            self._fail("expected a regular expression in quotes", token)
        search, end, wanted = self._regex(token).search, MAX_SEARCHED_CHARS, operator.text == "~"
        return lambda record: (text := get(record)) is not None and bool(search(text, 0, end)) is wanted

    def _regex(self, token: _Token) -> re.Pattern[str]:
        try:
            return re.compile(_unquoted(token.text))
        except re.error as error:
            written = [at for at, unit in _units(token.text) for _ in unit]
            at = written[error.pos] if error.pos is not None and error.pos < len(written) else 0
            self._fail(f"regular expression: {error.msg}", token._replace(at=token.at + at))
        except (OverflowError, RecursionError, ValueError, Warning) as error:
            self._fail(f"regular expression: {error}", token)


def _units(quoted: str) -> Iterator[tuple[int, str]]:
    """The characters of a quoted text, a backslash with the next one, and where they are written."""
    for unit in re.finditer(r"\\.|.", quoted[1:-1], re.DOTALL):
        yield unit.start() + 1, unit[0][1:] if unit[0][1:] == quoted[0] else unit[0]


def _unquoted(quoted: str) -> str:
    return "".join(unit for _, unit in _units(quoted))


def _joined(tests: list[Test], join: Callable[[Test, Test], Test]) -> Test:
    """All tests in one, as a balanced tree: a thousand of them must not be a thousand calls deep."""
    if len(tests) == 1:
        return tests[0]
    middle = len(tests) // 2
    return join(_joined(tests[:middle], join), _joined(tests[middle:], join))
