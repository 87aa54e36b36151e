"""w3c-alert: messages, events, records passed on, and the file of messages."""

from __future__ import annotations

import json

import pytest
from harness import EPOCH, Commands, Proc, Script, log_line, record, records, utc

#: With -t 1 -w 10s: more than 10 in ten seconds at the sixth second, fewer than 10 ten seconds later.
BURST = records(EPOCH + second for second in range(10) for _ in range(2))
LATER = record(EPOCH + 30)
RULE = ("w3c-alert", "-t", "1", "-w", "10s")
RAISED = f"High traffic generated an alert - hits = 12, triggered at {utc(EPOCH + 5)}"
RECOVERED = f"High traffic alert recovered - hits = 8, recovered at {utc(EPOCH + 15)}"


class TestMessages:
    def test_burst_raises_and_recovers(self, script: Script) -> None:
        result = script(*RULE, stdin=(BURST + LATER).decode())
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == f"{RAISED}\n{RECOVERED}\n"

    def test_generated_log_raises_and_recovers(self, commands: Commands) -> None:
        result = commands.bash(
            f"{{ w3c-gen --fast --duration 60s --rate 20 --start {utc(EPOCH)};"
            f"   w3c-gen --fast --duration 60s --rate 1 --start {utc(EPOCH + 60)}; }}"
            " | w3c-parse | w3c-alert -t 10 -w 30s"
        )
        assert result.lines == [
            f"High traffic generated an alert - hits = 320, triggered at {utc(EPOCH + 15)}".encode(),
            f"High traffic alert recovered - hits = 296, recovered at {utc(EPOCH + 75)}".encode(),
        ]

    def test_default_is_ten_a_second_over_two_minutes(self, commands: Commands) -> None:
        at_limit = records(EPOCH + second for second in range(120) for _ in range(10)) + record(EPOCH + 150)
        assert commands.run("w3c-alert", stdin=at_limit).stdout == b""
        above = records([EPOCH]) + at_limit
        assert commands.run("w3c-alert", stdin=above).stdout.startswith(b"High traffic generated an alert")

    def test_unparsed_line_is_a_hit(self, commands: Commands) -> None:
        event = json.dumps({"event": "unparsed", "line": 1, "raw": "x", "time": utc(EPOCH), "epoch": EPOCH})
        result = commands.run(*RULE, stdin=f"{event}\n".encode() * 11 + LATER)
        assert result.stdout.startswith(b"High traffic generated an alert - hits = 11,")

    def test_message_is_seen_while_the_input_goes_on(self, commands: Commands) -> None:
        proc = commands.start(*RULE)
        proc.feed(BURST)
        assert proc.read_line() == f"{RAISED}\n".encode()

    def test_open_alert_is_named_at_the_end(self, script: Script) -> None:
        result = script(*RULE, stdin=BURST.decode())
        assert (result.returncode, result.stdout) == (0, f"{RAISED}\n")
        assert result.stderr == (
            f"w3c-alert: High traffic: alert open at the end of the input, last log time {utc(EPOCH + 9)}\n"
        )

    def test_clock_set_back_resets(self, commands: Commands) -> None:
        result = commands.run(*RULE, stdin=BURST + records(EPOCH - 3600 + second for second in range(12)))
        assert result.lines[1] == (
            f"High traffic alert reset - the log's clock went back, at {utc(EPOCH - 3600)}".encode()
        )


class TestThreshold:
    """Exact decimals: in floating point 0.29 * 100 is less than 29."""

    @pytest.mark.parametrize(
        ("threshold", "window", "hits", "is_raised"),
        [
            ("0.29", "100", 29, False),
            ("0.29", "100", 30, True),
            ("0.1", "30s", 3, False),
            ("0.1", "30s", 4, True),
            ("1.1", "100", 110, False),
            ("1.1", "100", 111, True),
        ],
    )
    def test_equality_is_no_alert(
        self, commands: Commands, threshold: str, window: str, hits: int, is_raised: bool
    ) -> None:
        data = records([EPOCH] * hits) + record(EPOCH + 500)
        result = commands.run("w3c-alert", "-t", threshold, "-w", window, stdin=data)
        assert result.stdout.startswith(b"High traffic generated an alert") is is_raised

    @pytest.mark.parametrize(
        "args",
        [
            ("-t", "0"),
            ("-t", "0.0"),
            ("-t=-1",),
            ("-t", "ten"),
            ("-w", "0"),
            ("-w", "0s"),
            ("--lateness", "0"),
            ("--lateness", "61s"),
            ("--clock", "wall"),
            ("-o", "xml"),
        ],
    )
    def test_useless_value_is_usage_error(self, script: Script, args: tuple[str, ...]) -> None:
        result = script("w3c-alert", *args)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)


class TestOutput:
    def test_json_event_has_its_keys_in_their_order(self, commands: Commands) -> None:
        result = commands.run(*RULE, "-o", "json", stdin=BURST + LATER)
        assert list(result.values[0].items()) == [
            ("event", "alert"),
            ("state", "raised"),
            ("time", utc(EPOCH + 5)),
            ("epoch", EPOCH + 5),
            ("rule", "traffic"),
            ("metric", "requests"),
            ("key", None),
            ("value", 1.2),
            ("hits", 12),
            ("threshold", 1.0),
            ("window_s", 10),
            ("message", RAISED),
        ]
        assert [value["state"] for value in result.values] == ["raised", "recovered"]

    def test_pass_through_keeps_every_byte_of_the_records(self, commands: Commands) -> None:
        odd = b' {"epoch": 1600000003 , "new-key":[1,2]}\n\n{"event":"summary","x":1}\n'
        data = BURST + odd + LATER
        result = commands.run(*RULE, "--pass-through", stdin=data)
        kept = [line for line in result.stdout.splitlines(keepends=True) if b'"event":"alert"' not in line]
        assert b"".join(kept) == data

    def test_pass_through_puts_events_behind_the_record_that_decided(self, commands: Commands) -> None:
        values = commands.run(*RULE, "--pass-through", stdin=BURST + LATER).values
        events = [(index, value["state"]) for index, value in enumerate(values) if "event" in value]
        # The sixth second is over two seconds of lateness later: with the first record of the eighth.
        assert events == [(15, "raised"), (22, "recovered")]
        assert (values[14]["epoch"], values[21]["epoch"]) == (EPOCH + 7, EPOCH + 30)

    def test_pass_through_carries_the_same_events_as_json(self, commands: Commands) -> None:
        passed = commands.run(*RULE, "--pass-through", stdin=BURST + LATER).values
        alone = commands.run(*RULE, "-o", "json", stdin=BURST + LATER).values
        assert [value for value in passed if "event" in value] == alone

    def test_summary_counts_add_up(self, commands: Commands) -> None:
        unparsed = b'{"event":"unparsed","epoch":null}\n'
        result = commands.run(
            *RULE, "--summary", stdin=BURST + unparsed + record(None) + LATER + record(EPOCH)
        )
        assert result.notes[-1] == (
            "w3c-alert: 24 lines in, 23 records, 1 unparsed, 0 alerts, 0 other events, 0 foreign; "
            "1 late, 0 outliers, 2 without time"
        )


class TestLateness:
    def test_disorder_within_it_changes_nothing(self, commands: Commands) -> None:
        seconds = [EPOCH + second for second in range(10) for _ in range(2)] + [EPOCH + 30]
        mixed = seconds[:]
        mixed[11], mixed[13] = mixed[13], mixed[11]
        assert commands.run(*RULE, stdin=records(mixed)) == commands.run(*RULE, stdin=records(seconds))

    def test_longer_lateness_judges_later(self, commands: Commands) -> None:
        proc = commands.start(*RULE, "--lateness", "5s")
        proc.feed(BURST)
        proc.feed(record(EPOCH + 10))
        assert proc.read_line() == f"{RAISED}\n".encode()
        placed = commands.run(*RULE, "--lateness", "4s", "--pass-through", stdin=BURST + LATER).values
        assert [index for index, value in enumerate(placed) if "event" in value] == [19, 22]


class TestLog:
    def test_log_gets_every_message_at_its_end(self, commands: Commands) -> None:
        path = commands.write("alerts.log", "old\n")
        result = commands.run(*RULE, "--log", "alerts.log", stdin=BURST + LATER)
        assert path.read_text() == f"old\n{RAISED}\n{RECOVERED}\n"
        assert result.stdout == f"{RAISED}\n{RECOVERED}\n".encode()

    def test_log_holds_messages_also_beside_json(self, commands: Commands) -> None:
        commands.run(*RULE, "--pass-through", "--log", "alerts.log", stdin=BURST)
        assert (commands.folder / "alerts.log").read_text() == f"{RAISED}\n"

    def test_log_moved_away_is_begun_anew(self, commands: Commands) -> None:
        path = commands.folder / "alerts.log"
        proc = commands.start(*RULE, "--log", "alerts.log")
        proc.feed(BURST)
        proc.until(lambda: path.exists() and path.read_text() == f"{RAISED}\n", "message in the log")
        path.rename(commands.folder / "alerts.log.1")
        proc.finish(LATER)
        assert path.read_text() == f"{RECOVERED}\n"
        assert (commands.folder / "alerts.log.1").read_text() == f"{RAISED}\n"

    @staticmethod
    def _without_folder(commands: Commands) -> Proc:
        """A command whose log's folder has gone since it began."""
        folder = commands.folder / "logs"
        folder.mkdir()
        proc = commands.start(*RULE, "--log", "logs/alerts.log").ready()
        folder.rename(commands.folder / "old")
        return proc

    def test_log_is_there_from_the_first(self, commands: Commands) -> None:
        commands.run(*RULE, "--log", "alerts.log")
        assert (commands.folder / "alerts.log").read_bytes() == b""

    def test_unwritable_log_is_told_once_and_stops_nothing(self, commands: Commands) -> None:
        result = self._without_folder(commands).finish(BURST + LATER)
        assert (result.status, result.stdout) == (0, f"{RAISED}\n{RECOVERED}\n".encode())
        assert result.notes == [
            "w3c-alert: logs/alerts.log: No such file or directory: messages are missing there"
        ]

    def test_log_that_works_again_is_told(self, commands: Commands) -> None:
        proc = self._without_folder(commands)
        proc.feed(BURST)
        proc.read_notes("messages are missing there")
        (commands.folder / "logs").mkdir()
        result = proc.finish(LATER)
        assert result.notes[1:] == ["w3c-alert: logs/alerts.log: written again"]
        assert (commands.folder / "logs/alerts.log").read_text() == f"{RECOVERED}\n"


class TestForeignInput:
    @pytest.mark.parametrize("name", ["w3c-alert", "w3c-stats"])
    def test_raw_log_is_65(self, script: Script, name: str) -> None:
        result = script(name, stdin=log_line().decode() * 100)
        assert (result.returncode, result.stdout) == (65, "")
        assert result.stderr == f"{name}: this looks like a raw log: put w3c-parse in front\n"

    def test_messages_of_another_alert_are_no_records(self, commands: Commands) -> None:
        result = commands.run(*RULE, "--summary", stdin=f"{RAISED}\n".encode() + record())
        assert ", 1 records, 0 unparsed, 1 alerts, 0 other events, 0 foreign;" in result.notes[-1]
