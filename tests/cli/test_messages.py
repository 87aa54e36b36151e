"""What commands say when something is wrong: each message is provoked, is one line, and says what to do.

Most are provoked where what they are about is tested. Here are the others, and a search of the sources that
finds a message which no test knows.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import pytest
from harness import EPOCH, ROOT, Commands, Result, log_line, record, records

GEN = ("w3c-gen", "--fast", "--duration", "1s")


class Said(NamedTuple):
    """Words of a command line, the one line that is said of them behind the command's name, the status."""

    words: tuple[str, ...]
    text: str
    status: int = 2
    stdin: bytes = b""


def usage(line: str, text: str, command: str = "") -> Said:
    """Wrong use: the line ends by where help is."""
    words = tuple(line.split(" "))
    return Said(words, f"{text} (see {command or words[0]} --help)")


MESSAGES = (
    usage("w3c-tail", "no FILE to follow: name one, or set files in [tail] of w3ctools.ini"),
    usage("w3c-tail - access.log", "- (stdin) is a stream: it has no --state, and no files beside it"),
    usage("w3c-tail access.log pipe", "pipe: a FIFO or device cannot be followed beside files"),
    usage("w3c-tail --unknown", "No such option '--unknown'"),
    usage(
        "w3c-parse --detect --format common",
        "--detect finds the format: it goes with neither --format nor --from-config",
    ),
    usage(
        "w3c-parse --format commn",
        "Invalid value for '--format': 'commn' is neither a format's name nor a format string: "
        "did you mean common?",
    ),
    usage(
        "w3c-parse --tz Nowhere",
        "Invalid value for '--tz': 'Nowhere' is no time zone: expected one such as Europe/Paris or +01:00",
    ),
    usage("w3c-parse --drop usr", "Invalid value for '--drop': unknown key 'usr': the nearest is user"),
    usage(
        "w3c-parse --since 2020-13-01T00:00:00Z",
        "Invalid value for '--since': '2020-13-01T00:00:00Z' is an impossible time: "
        "expected one such as 2026-11-24T10:53:30Z, or -2h for two hours ago",
    ),
    usage(
        "w3c-parse --until now",
        "Invalid value for '--until': 'now' is no time: expected RFC 3339, such as 2026-11-24T10:53:30Z, "
        "or -2h for two hours ago",
    ),
    usage("w3c-parse --since -1h --until -2h", "--since is later than --until: no time is between them"),
    Said(("w3c-parse", "--rejects", "no/where"), "--rejects: no/where: No such file or directory"),
    Said(
        ("w3c-parse", "--config", "site.ini"),
        "site.ini:2:8: site: '3' is no site: expected scheme://host, such as http://my.site.com",
    ),
    Said(("w3c-tail", "--config", "key.ini"), "key.ini:2:1: no key 'lins' in [tail]: did you mean 'lines'?"),
    Said(("w3c-tail", "--config", "open.ini"), "open.ini:1:1: expected ']' at the end of a section's name"),
    Said(("w3c-tail", "--config", "bytes.ini"), "bytes.ini:2:9: not UTF-8: save the file as such"),
    usage("w3c-stats --live", "--live: stdout is no terminal"),
    usage(
        "w3c-stats --live --total",
        "--live shows records as they come: neither -o, --total nor --merge go with it",
    ),
    usage(
        "w3c-stats access.log",
        "records come on stdin, not from 'access.log': w3c-parse LOG | w3c-stats, or w3c-stats < RECORDS",
    ),
    usage(
        "w3c-stats --merge a b",
        "records come on stdin, not from 'a': w3c-parse LOG | w3c-stats, or w3c-stats < RECORDS",
    ),
    usage(
        "w3c-report access.log",
        "records come on stdin, not from 'access.log': w3c-parse LOG | w3c-report, or w3c-report < RECORDS",
    ),
    usage(
        "w3c-alert try access.log",
        "records come on stdin, not from 'access.log': "
        "w3c-parse LOG | w3c-alert try, or w3c-alert try < RECORDS",
        "w3c-alert try",
    ),
    usage("w3c-stats --host a", "--host goes with --mergeable: it names where the summaries come from"),
    usage("w3c-stats --mergeable", "--mergeable goes with -o json: only programs merge"),
    usage(
        "w3c-stats --merge --by path", "--by goes to the w3c-stats that counts, not to the one that merges"
    ),
    usage("w3c-stats -o prometheus", "-o prometheus needs --file or --listen: where do the metrics go?"),
    usage(
        "w3c-stats -o prometheus --total --file x.prom",
        "-o prometheus counts records as they come: without --total and --merge",
    ),
    usage("w3c-stats --file x.prom", "--file is for -o prometheus: the output goes to stdout"),
    usage("w3c-stats --lateness 3m", "Invalid value for '--lateness': must be from 1s to 60s"),
    usage(
        "w3c-alert history", "which database? --db FILE names it, or key db in [alert]", "w3c-alert history"
    ),
    usage("w3c-store", "which database? FILE names it, or key file in [store]"),
    Said(("w3c-alert", "--log", "no/where"), "--log: no/where: No such file or directory"),
    Said(("w3c-alert", "--exec", "'"), "--exec: no closing quotation"),
    Said(
        ("w3c-alert", "--notify", "nobody"),
        "notify 1: not a notification URL: it has no scheme such as mailto://",
    ),
    usage("w3c-gen --fast", "--fast needs --duration: it would never end"),
    usage(
        "w3c-gen --fast --duration 1s --speed 10x",
        "--fast does not wait at all: --speed has no meaning with it",
    ),
    usage("w3c-gen --rotate rename", "a rotation needs --file: stdout has no name"),
    usage("w3c-gen --rotate-every 3s", "--rotate-every needs --rotate"),
    usage(
        "w3c-gen --threshold 0",
        "Invalid value for '--threshold': must be above 0: nothing is ever below it",
    ),
    usage(
        "w3c-gen --junk 3x", "Invalid value for '--junk': '3x' is no share: expected one such as 1% or 0.01"
    ),
    usage(
        "w3c-gen --speed 0",
        "Invalid value for '--speed': '0' is no speed: expected one above 0, such as 10x",
    ),
    usage(
        "w3c-gen --format nonsense",
        "Invalid value for '--format': 'nonsense' is neither a format's name nor a format string: "
        "w3c-parse --list-formats names them",
    ),
    usage("w3c-gen --sections 0", "Invalid value for '--sections': 0 is not in the range 1<=x<=1000"),
)


#: Lines that are not of a format, by its name, and why.
REASONS = (
    ("alb", b"x", "alb: expected time, name, client:port, target:port, 3 times ..."),
    ("s3", b"x", "s3: expected owner, bucket, [time], client, requester, id, operation ..."),
    ("envoy", b"x", 'envoy: expected [time] "request" status flags bytes bytes ms ms "...'),
    (
        "envoy",
        b'[2016-04-15T20:17:00.310Z] "GET / HTTP/2" 204 - 154 0 226 100 "x"',
        "envoy: expected 5 quoted values behind the times",
    ),
    ("haproxy", b"x", "haproxy: expected client:port [date] frontend backend/server timers ..."),
    ("json", b'{"a":1}', "json: expected status, request or target, and time or client"),
    ("json", b'{"a":', "json: the line ends within the object"),
    ("json", b'{"a":' * 3000, "json: nested too deeply"),
    ("traefik_json", b'{"a":1}', "json: expected DownstreamStatus, RequestMethod and RequestPath"),
)


@pytest.mark.parametrize(("name", "line", "reason"), REASONS, ids=[reason for _, _, reason in REASONS])
def test_reason_of_an_unparsed_line_says_what_was_expected(
    commands: Commands, name: str, line: bytes, reason: str
) -> None:
    (event,) = commands.run("w3c-parse", "--format", name, stdin=line + b"\n").values
    assert (event["event"], event["reason"]) == ("unparsed", reason)


def test_format_string_is_refused_with_the_column(commands: Commands) -> None:
    result = commands.run("w3c-parse", "--format", '%h %{xx foo}t "%r"')
    note = "w3c-parse: time: expected letters of a date format, not xx (column 6 of the format)"
    assert (result.status, result.notes) == (2, [note])


@pytest.fixture
def folder(commands: Commands) -> Commands:
    """What the messages are about."""
    commands.write("access.log", log_line())
    commands.write("site.ini", "[parse]\nsite = 3\n")
    commands.write("key.ini", "[tail]\nlins = 3\n")
    commands.write("open.ini", "[tail\nlines = 3\n")
    commands.write("bytes.ini", b"[tail]\nlines = \xff\n")
    os.mkfifo(commands.folder / "pipe")
    return commands


@pytest.mark.parametrize("said", MESSAGES, ids=lambda said: " ".join(said.words))
def test_message_is_one_line_that_says_what_to_do(folder: Commands, said: Said) -> None:
    result = folder.run(*said.words, stdin=said.stdin)
    line = f"{said.words[0]}: {said.text}\n"
    assert result == Result(said.status, b"", line.encode())


def test_summaries_and_a_state_do_not_go_together(commands: Commands) -> None:
    lines = records(range(EPOCH, EPOCH + 20))
    summaries = commands.run("w3c-stats", "-o", "json", "--mergeable", stdin=lines)
    result = commands.run("w3c-alert", "--state", "state", stdin=summaries.stdout)
    note = "w3c-alert: --state keeps what records said: leave it out where summaries come"
    assert (result.status, result.notes) == (2, [note])


def test_history_without_alerts_says_so(commands: Commands) -> None:
    commands.run("w3c-alert", "--db", "alerts.db", stdin=record())
    result = commands.run("w3c-alert", "history", "--db", "alerts.db")
    assert (result.status, result.notes) == (0, ["w3c-alert: alerts.db: no alerts"])


def test_of_many_open_alerts_some_are_named(commands: Commands) -> None:
    lines = b"".join(records([EPOCH + 20] * 300, section=f"/{number}") for number in range(12))
    result = commands.run("w3c-alert", "--by", "section", "-w", "10s", "-t", "1", stdin=lines)
    assert result.notes[-1] == "w3c-alert: 2 more alerts are open"


def test_of_many_sources_some_are_named(commands: Commands) -> None:
    lines = b"".join(b"#Source: %d\n" % number + log_line() for number in range(105))
    notes = commands.run("w3c-parse", stdin=lines).notes
    assert notes[-2:] == [
        "w3c-parse: 99: reading as combined",
        "w3c-parse: stdin: the formats of further sources are not told",
    ]


# The search

#: Calls whose texts are said.
SAYING = {"say", "note", "_error", "_say_one", "News", "BadParameter", "WriteFailed", "SendFailed"}
SAYING |= {"ClosedInput", "CannotDecompress", "SparkMissing", "SparkFailed", "PrometheusError"}
#: Files whose texts no command says as they stand, or only without what tests have.
ELSEWHERE = {
    "core/synth/scenario.py": "the options of w3c-gen refuse it before",
    "core/synth/site.py": "the options of w3c-gen refuse it before",
    "core/checkpoint.py": "what is wrong inside of a state; the command says that it is damaged",
    "core/gauge.py": "what is wrong inside of a state; the command says that it is damaged",
    "core/quantiles.py": "what is wrong inside of a summary; the command says that it is damaged",
    "core/summary.py": "what is wrong inside of a summary; the command says that it is damaged",
    "core/tally.py": "what is wrong inside of a summary; the command says that it is damaged",
}
#: Messages that are not provoked as they stand, and why.
NOT_PROVOKED = {
    "neither a format nor a configuration is named": "the caller has looked before",
    "metrics are at": "tests of --listen read the address behind it",
    "everybody on this machine can read the URL": "only where the kernel refuses to hide it",
    "more keys than can be watched": "takes 400,000 keys; tests/core counts what is forgotten",
    "-o prometheus needs prometheus_client": "tests have it",
    "Spark gave up:": "needs Spark to fail",
    "is no checkpoint of w3c-spark: it holds": "needs Spark",
    "referer: expected two quoted values": "a line of S3 that ends within a header",
    "logger: expected the access log": "stands in a line of Caddy of another logger",
    "ts: expected a time": "a line of Caddy with a time that is none",
    "client: expected no collector's prefix": "makes detection look further: nobody sees it",
    "format: expected": "makes detection look further: nobody sees it",
    "prefix: expected": "makes detection look further: nobody sees it",
    "json: expected an object": "makes detection look further: nobody sees it",
    "json: an event, not a record": "makes detection look further: nobody sees it",
    "stdin is closed: there is nothing to read": "tests/cli/test_contract.py asks for no crash",
}
LEAST_CHARS = 8


class Message(NamedTuple):
    """The constant parts of a literal that is said."""

    where: str
    parts: list[str]


def _literals(node: ast.expr) -> Iterator[list[str]]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield [node.value]
    elif isinstance(node, ast.JoinedStr):
        yield [str(part.value) for part in node.values if isinstance(part, ast.Constant)]
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)
    elif isinstance(node, ast.BinOp):
        yield from _literals(node.left)
        yield from _literals(node.right)


def _messages() -> Iterator[Message]:
    sources = ROOT / "w3ctools"
    for path in sorted(sources.rglob("*.py")):
        where = str(path.relative_to(sources))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if name not in SAYING and not name.endswith("Error"):
                continue
            for parts in (found for argument in call.args for found in _literals(argument)):
                told = [part.strip() for part in parts if len(part.strip()) >= LEAST_CHARS]
                if told:
                    yield Message(f"{where}:{call.lineno}", told)


@cache
def _texts_of_tests() -> tuple[str, ...]:
    found = set()
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                value = node.value
                found.add(value.decode("latin-1") if isinstance(value, bytes) else value)
    return tuple(found)


def _is_known(message: Message) -> bool:
    """Whether a test has a part of it, or a text of some words that is in a part."""
    texts = _texts_of_tests()
    return any(
        part in text or (len(text) >= 12 and " " in text.strip() and text.strip() in part)
        for part in message.parts
        for text in texts
    )


def test_every_message_is_known_to_a_test() -> None:
    messages = [message for message in _messages() if not message.where.startswith(tuple(ELSEWHERE))]
    assert len(messages) > 100
    unknown = [message for message in messages if not _is_known(message)]
    assert unknown == []


def test_a_new_message_would_be_found() -> None:
    assert not _is_known(Message("here", [" ".join(("words", "no", "test", "has"))]))


def test_what_is_excused_is_there() -> None:
    messages = list(_messages())
    assert [place for place in ELSEWHERE if not any(m.where.startswith(place) for m in messages)] == []
    parts = [part for message in messages for part in message.parts]
    assert [text for text in NOT_PROVOKED if not any(text.strip() in part for part in parts)] == []
