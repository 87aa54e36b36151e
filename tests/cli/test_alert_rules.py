"""The rules of w3c-alert: each option by flag, environment and file, many rules together, and refusals."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import pytest
from harness import EPOCH, Commands, Script, records, utc

from w3ctools.core.rule import METRICS


def line(second: int, **keys: Any) -> bytes:
    """A record of the second; beside the keys of every format one that only some have."""
    whole = {
        "epoch": EPOCH + second,
        "client": "198.18.0.1",
        "vhost": "a.example",
        "status": 200,
        "bytes": 1000,
        "section": "/a",
        "duration": 0.1,
    }
    return json.dumps(whole | keys).encode() + b"\n"


def other(second: int) -> bytes:
    """A record that differs in all; from the fifth second on, it is a slow error."""
    bad = {"status": 503, "duration": 0.9} if second >= 4 else {}
    return line(second, client="2001:db8::7", vhost="b.example", section="/b c", bytes=4096, **bad)


def unparsed(second: int) -> bytes:
    return json.dumps({"event": "unparsed", "epoch": EPOCH + second, "raw": "x"}).encode() + b"\n"


#: Two a second, then unparsed lines, six seconds of nothing, and one a second.
LOG = b"".join(
    [
        *[line(second) + other(second) for second in range(10)],
        *[unparsed(second) for second in range(10, 14)],
        *[line(second) for second in range(20, 60)],
    ]
)


def raised(about: str, figure: str, second: int) -> str:
    return f"{about} generated an alert - {figure}, triggered at {utc(EPOCH + second)}"


def recovered(about: str, figure: str, second: int) -> str:
    return f"{about} alert recovered - {figure}, recovered at {utc(EPOCH + second)}"


def by_key(first: str, second: str) -> list[str]:
    """What a rule of 0.7/s by a key tells of the log."""
    return [
        raised(f"High traffic on {first}", "hits = 8", 7),
        raised(f"High traffic on {second}", "hits = 8", 7),
        recovered(f"High traffic on {first}", "hits = 6", 13),
        recovered(f"High traffic on {second}", "hits = 6", 13),
        raised(f"High traffic on {first}", "hits = 8", 27),
    ]


class Case(NamedTuple):
    """Options of a rule over ten seconds, and what it tells of the log."""

    options: dict[str, str]
    told: list[str]


HIGH = raised("High traffic", "hits = 12", 5)
RATIO = [raised("High error ratio", "ratio = 10 %", 4), recovered("High error ratio", "ratio = 0 %", 19)]
P95 = [raised("High p95", "p95 = 0.903 s", 4), recovered("High p95", "p95 = 0 s", 19)]
CASES = {
    "threshold": Case({"threshold": "1"}, [HIGH, recovered("High traffic", "hits = 8", 17)]),
    "recover-at": Case(
        {"threshold": "1", "recover-at": "0.6"}, [HIGH, recovered("High traffic", "hits = 4", 19)]
    ),
    "for": Case(
        {"threshold": "1", "for": "3s"},
        [raised("High traffic", "hits = 18", 8), recovered("High traffic", "hits = 8", 17)],
    ),
    "keep-firing": Case(
        {"threshold": "1", "keep-firing": "5s"}, [HIGH, recovered("High traffic", "hits = 4", 22)]
    ),
    "below": Case(
        {"below": "0.9"},
        [raised("Low traffic", "hits = 8", 17), recovered("Low traffic", "hits = 10", 29)],
    ),
    "errors": Case(
        {"metric": "errors", "threshold": "0.3"},
        [raised("High errors", "errors = 4", 7), recovered("High errors", "errors = 2", 17)],
    ),
    "error-ratio-percent": Case({"metric": "error-ratio", "threshold": "5%"}, RATIO),
    "error-ratio-part": Case({"metric": "error-ratio", "threshold": "0.05"}, RATIO),
    "min-requests": Case(
        {"metric": "error-ratio", "threshold": "5%", "min-requests": "15"},
        [
            raised("High error ratio", "ratio = 25 %", 7),
            recovered("High error ratio", "ratio = 35.7 %", 14),
        ],
    ),
    "bytes-of-1024": Case(
        {"metric": "bytes", "threshold": "2KiB"},
        [raised("High bytes", "bytes = 25480", 4), recovered("High bytes", "bytes = 20384", 15)],
    ),
    "bytes-of-1000": Case(
        {"metric": "bytes", "threshold": "2kB"},
        [raised("High bytes", "bytes = 20384", 3), recovered("High bytes", "bytes = 15288", 16)],
    ),
    "unparsed": Case(
        {"metric": "unparsed", "threshold": "0.2"},
        [raised("High unparsed", "unparsed = 3", 12), recovered("High unparsed", "unparsed = 1", 22)],
    ),
    "p95-milliseconds": Case({"metric": "p95", "threshold": "500ms"}, P95),
    "p95-seconds": Case({"metric": "p95", "threshold": "0.5"}, P95),
    "by-section": Case({"threshold": "0.7", "by": "section"}, by_key("/a", "/b%20c")),
    "by-vhost": Case({"threshold": "0.7", "by": "vhost"}, by_key("a.example", "b.example")),
    "by-client": Case({"threshold": "0.7", "by": "client"}, by_key("198.18.0.1", "2001:db8::7")),
}


class TestOptions:
    @pytest.mark.parametrize("case", CASES.values(), ids=CASES)
    @pytest.mark.parametrize("source", ["flag", "environment", "file"])
    def test_option_does_what_it_says(self, commands: Commands, source: str, case: Case) -> None:
        args, env = ["-w", "10s"], {}
        if source == "flag":
            args += [word for key, value in case.options.items() for word in (f"--{key}", value)]
        elif source == "environment":
            env = {f"W3C_ALERT_{key}".replace("-", "_").upper(): value for key, value in case.options.items()}
        else:
            text = "".join(f"{key} = {value}\n" for key, value in case.options.items())
            commands.write("w3ctools.ini", f"[alert]\n{text}")
        result = commands.run("w3c-alert", *args, env=env, stdin=LOG)
        assert (result.status, result.stdout.decode().splitlines()) == (0, case.told)

    def test_every_metric_is_among_the_cases(self) -> None:
        assert {case.options.get("metric", "requests") for case in CASES.values()} == {*METRICS}

    def test_key_stands_in_the_event_as_it_is(self, commands: Commands) -> None:
        args = ("-w", "10s", "-t", "0.7", "--by", "section", "-o", "json")
        events = commands.run("w3c-alert", *args, stdin=LOG).values
        assert [event["key"] for event in events] == ["/a", "/b c", "/a", "/b c", "/a"]
        assert [event["message"] for event in events] == CASES["by-section"].told

    def test_key_that_the_log_does_not_tell_is_a_dash(self, commands: Commands) -> None:
        data = line(0, section=None) * 3 + line(20)
        args = ("-w", "1s", "-t", "1", "--by", "section", "-o", "json")
        [event, _] = commands.run("w3c-alert", *args, stdin=data).values
        assert (event["key"], event["message"]) == ("-", raised("High traffic on -", "hits = 3", 0))

    def test_event_has_the_value_in_the_unit_of_the_threshold(self, commands: Commands) -> None:
        args = ("-w", "10s", "--metric", "error-ratio", "-t", "5%", "-o", "json")
        event = commands.run("w3c-alert", *args, stdin=LOG).values[0]
        assert (event["rule"], event["metric"], event["value"], event["threshold"], event["hits"]) == (
            "error-ratio",
            "error-ratio",
            0.1,
            0.05,
            10,
        )


MANY = """\
[alert]
threshold = 1
window = 10s

[alert:ratio]
metric = error-ratio
by = section
threshold = 50%
window = 10s
min-requests = 5

[alert:quiet]
below = 0.9
window = 10s

[alert:slow-pages]
metric = p95
threshold = 500ms
window = 10s
"""
TOLD_BY_MANY = [
    raised("High slow-pages", "p95 = 0.903 s", 4),
    HIGH,
    raised("High ratio on /b%20c", "ratio = 55.6 %", 8),
    recovered("High ratio on /b%20c", "ratio = 100 %", 15),
    recovered("High traffic", "hits = 8", 17),
    raised("Low quiet", "hits = 8", 17),
    recovered("High slow-pages", "p95 = 0 s", 19),
    recovered("Low quiet", "hits = 10", 29),
]


class TestManyRules:
    def test_messages_of_all_come_in_the_order_of_time(self, script: Script, commands: Commands) -> None:
        commands.write("my.ini", MANY)
        result = script("w3c-alert", "--config", "my.ini", stdin=LOG.decode())
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.splitlines() == TOLD_BY_MANY

    def test_events_name_their_rules(self, commands: Commands) -> None:
        commands.write("my.ini", MANY)
        events = commands.run("w3c-alert", "--config", "my.ini", "-o", "json", stdin=LOG).values
        assert [(event["rule"], event["state"]) for event in events[:4]] == [
            ("slow-pages", "raised"),
            ("traffic", "raised"),
            ("ratio", "raised"),
            ("ratio", "recovered"),
        ]

    def test_named_rule_inherits_nothing(self, commands: Commands) -> None:
        commands.write("my.ini", "[alert]\nby = section\nmin-requests = 99\n[alert:all]\nthreshold = 1\n")
        env = {"W3C_ALERT_METRIC": "bytes", "W3C_ALERT_FOR": "1m"}
        args = ("--config", "my.ini", "-t", "1TB", "-w", "1s", "--recover-at", "1")
        data = records([EPOCH] * 121 + [EPOCH + 60, EPOCH + 119, EPOCH + 130])
        assert commands.run("w3c-alert", *args, env=env, stdin=data).stdout.decode().splitlines() == [
            raised("High all", "hits = 121", 0),
            recovered("High all", "hits = 2", 120),
        ]

    def test_default_rule_is_there_beside_named_ones(self, commands: Commands) -> None:
        commands.write("my.ini", "[alert:never]\nthreshold = 1000\n")
        data = records([EPOCH] * 1201) + records([EPOCH + 10])
        result = commands.run("w3c-alert", "--config", "my.ini", stdin=data)
        assert result.stdout.decode().splitlines() == [raised("High traffic", "hits = 1201", 0)]

    def test_exit_on_alert_ends_with_the_first_of_any_rule(self, commands: Commands) -> None:
        commands.write("my.ini", MANY)
        result = commands.run("w3c-alert", "--config", "my.ini", "--exit-on-alert", stdin=LOG)
        assert (result.status, result.stdout.decode().splitlines()) == (3, TOLD_BY_MANY[:1])

    @pytest.mark.parametrize(
        ("file", "args", "env", "expected"),
        [
            pytest.param("threshold = 1", ("--below", "0.9"), {}, "below", id="flag below, file threshold"),
            pytest.param("below = 0.9", ("-t", "1"), {}, "threshold", id="flag threshold, file below"),
            pytest.param(
                "below = 0.9", (), {"W3C_ALERT_THRESHOLD": "1"}, "threshold", id="environment, file"
            ),
            pytest.param(
                "", ("--below", "0.9"), {"W3C_ALERT_THRESHOLD": "1"}, "below", id="flag, environment"
            ),
        ],
    )
    def test_bound_of_the_stronger_place_replaces_the_other(
        self, commands: Commands, file: str, args: tuple[str, ...], env: dict[str, str], expected: str
    ) -> None:
        commands.write("my.ini", f"[alert]\nwindow = 10s\n{file}\n")
        result = commands.run("w3c-alert", "--config", "my.ini", *args, env=env, stdin=LOG)
        assert (result.status, result.stdout.decode().splitlines()) == (0, CASES[expected].told)


BESIDE = "stands beside a threshold: one rule has one of them"
ABOVE = "is above the bound that raises the alert: it would flap"
UNDER = "is below the bound that raises the alert: it would flap"
ZERO = "must be above 0: nothing is ever below it"


class TestRefusals:
    @pytest.mark.parametrize(
        ("args", "option", "text"),
        [
            (("-t", "5", "--below", "6"), "below", BESIDE),
            (("--metric", "errors"), "threshold", "is missing: errors has no usual one"),
            (("-t", "5", "--recover-at", "6"), "recover-at", ABOVE),
            (("--below", "5", "--recover-at", "4"), "recover-at", UNDER),
            (("--below", "0"), "below", ZERO),
            (("-t", "5", "--recover-at", "0"), "recover-at", ZERO),
            (("-t", "5%"), "threshold", "'5%' is no number: expected one such as 10 or 0.5"),
            (
                ("--metric", "bytes", "-t", "5s"),
                "threshold",
                "'5s' is no size: expected one such as 500, 64KiB or 2MB",
            ),
            (
                ("--metric", "error-ratio", "-t", "5"),
                "threshold",
                "'5' is more than all: expected a share such as 1% or 0.01",
            ),
            (
                ("--metric", "p95", "-t", "2MiB"),
                "threshold",
                "'2MiB' is no time that a request takes: expected one such as 0.5 or 500ms",
            ),
        ],
    )
    def test_flag_is_named(self, script: Script, args: tuple[str, ...], option: str, text: str) -> None:
        result = script("w3c-alert", *args, stdin=LOG.decode())
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == f"w3c-alert: Invalid value for '--{option}': {text} (see w3c-alert --help)\n"

    @pytest.mark.parametrize(
        ("text", "place", "error"),
        [
            ("[alert]\nthreshold = 5\nbelow = 6\n", "3:9", f"below: {BESIDE}"),
            ("[alert]\nthreshold = 5\nrecover-at = 6\n", "3:14", f"recover-at: {ABOVE}"),
            ("[alert]\n\nbelow = 0\n", "3:9", f"below: {ZERO}"),
            ("[alert:a]\n\nmetric = p95\n", "1:1", "threshold: is missing: p95 has no usual one"),
            ("[tail]\n[alert:a]\nbelow = 3\nthreshold = 5\n", "3:9", f"below: {BESIDE}"),
            ("[alert:a]\nbelow = 5\nrecover-at = 4\n", "3:14", f"recover-at: {UNDER}"),
            (
                "[alert]\n[alert:a]\n[alert:traffic]\n",
                "3:1",
                "'traffic' is what another rule is called already: name it otherwise",
            ),
        ],
    )
    def test_place_in_the_file_is_named(
        self, script: Script, commands: Commands, text: str, place: str, error: str
    ) -> None:
        commands.write("my.ini", text)
        result = script("w3c-alert", "--config", "my.ini", stdin=LOG.decode())
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == f"w3c-alert: my.ini:{place}: {error}\n"

    @pytest.mark.parametrize(
        ("text", "args"),
        [
            pytest.param("[alert:traffic]\nbelow = 1\n", (), id="one high, one low"),
            pytest.param(
                "[alert:error-ratio]\nthreshold = 9\n", ("--metric", "error-ratio", "-t", "5%"), id="a dash"
            ),
        ],
    )
    def test_no_two_rules_have_one_name_in_events(
        self, script: Script, commands: Commands, text: str, args: tuple[str, ...]
    ) -> None:
        # Whoever keeps events takes the end of one for the end of the other.
        commands.write("my.ini", text)
        result = script("w3c-alert", "--config", "my.ini", *args, stdin=LOG.decode())
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert result.stderr.startswith("w3c-alert: my.ini:1:1: ")

    @pytest.mark.parametrize(
        ("key", "acts"),
        [
            ("log", "names a file to write"),
            ("db", "names a file to write"),
            ("state", "names a file to write"),
            ("exec", "runs a command"),
            ("notify", "sends messages out"),
        ],
    )
    def test_file_of_the_working_directory_may_not_act(
        self, script: Script, commands: Commands, key: str, acts: str
    ) -> None:
        commands.write("w3ctools.ini", f"[alert]\n{key} = victim\n")
        result = script("w3c-alert", stdin=LOG.decode())
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == (
            f"w3c-alert: w3ctools.ini:2:1: {key!r} {acts} and may not stand in ./w3ctools.ini: "
            "name the file with --config or W3CTOOLS_CONFIG, or use ~/.config/w3ctools/w3ctools.ini\n"
        )
        assert [path.name for path in commands.folder.iterdir()] == ["w3ctools.ini"]

    def test_word_that_is_no_command(self, script: Script) -> None:
        result = script("w3c-alert", "access.log", stdin=LOG.decode())
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == (
            "w3c-alert: no command 'access.log': records come on stdin, and commands are check, history, try "
            "(see w3c-alert --help)\n"
        )

    @pytest.mark.parametrize("name", ["check", "history", "try"])
    def test_option_before_a_command_is_not_lost_in_silence(self, commands: Commands, name: str) -> None:
        commands.write("w3ctools.ini", "[alert]\n")
        result = commands.run("w3c-alert", "-t", "1", name, stdin=LOG)
        assert (result.status, result.stdout, len(result.notes)) == (2, b"", 1)
        assert "-t" in result.notes[0] or "--threshold" in result.notes[0]


class TestDurations:
    NOTE = "w3c-alert: p95: no record has a duration: have the server log it (w3ctools(7))"

    def test_log_without_them_is_told_once(self, commands: Commands) -> None:
        data = records(EPOCH + second for second in range(1500))
        result = commands.run("w3c-alert", "--metric", "p95", "-t", "1", stdin=data)
        assert (result.status, result.stdout, result.notes) == (0, b"", [self.NOTE])

    def test_log_without_them_is_told_while_it_goes_on(self, commands: Commands) -> None:
        proc = commands.start("w3c-alert", "--metric", "p95", "-t", "1")
        proc.feed(records(EPOCH + second for second in range(1000)))
        assert proc.read_notes("no record has a duration") == [self.NOTE]

    def test_one_duration_is_enough(self, commands: Commands) -> None:
        result = commands.run(
            "w3c-alert", "--metric", "p95", "-t", "1", stdin=records([EPOCH] * 999) + line(0)
        )
        assert result.notes == []

    def test_empty_input_says_nothing_of_them(self, commands: Commands) -> None:
        assert commands.run("w3c-alert", "--metric", "p95", "-t", "1").notes == []

    def test_other_rules_need_none(self, commands: Commands) -> None:
        assert commands.run("w3c-alert", "--metric", "errors", "-t", "1", stdin=records([EPOCH])).notes == []


class TestStats:
    """Whatever w3c-alert writes, w3c-stats on the same pipe knows it."""

    @pytest.mark.parametrize(
        "pipe",
        [
            pytest.param("tee >(w3c-alert --config my.ini) | w3c-stats", id="tee"),
            pytest.param("w3c-alert --config my.ini --pass-through | w3c-stats", id="pass-through"),
        ],
    )
    def test_every_message_is_counted_and_shown(self, commands: Commands, pipe: str) -> None:
        commands.write("my.ini", MANY)
        result = commands.bash(f"{pipe} --summary", stdin=LOG)
        assert result.status == 0
        assert f", 60 records, 4 unparsed, {len(TOLD_BY_MANY)} alerts, 0 other events, 0 foreign;" in (
            next(note for note in result.notes if note.startswith("w3c-stats: "))
        )
        # Blocks list the latest once more.
        shown = re.findall(r"^(?:High|Low) .*", result.stdout.decode(), re.MULTILINE)
        assert [*dict.fromkeys(shown)] == TOLD_BY_MANY

    def test_last_block_lists_the_latest(self, commands: Commands) -> None:
        commands.write("my.ini", MANY)
        result = commands.bash("w3c-alert --config my.ini --pass-through | w3c-stats", stdin=LOG)
        _, _, block = result.stdout.decode().rpartition("  alerts")
        assert block.splitlines()[1:] == TOLD_BY_MANY
