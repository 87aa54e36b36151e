"""w3c-stats: blocks for people, events for machines."""

from __future__ import annotations

import os
import pty
import re

import pytest
from harness import EPOCH, Commands, Script, record, records, utc

RAISED = f"High traffic generated an alert - hits = 12, triggered at {utc(EPOCH + 5)}"
TWO_BLOCKS = (
    record(EPOCH, section="/a", bytes=1000, client="198.18.0.1")
    + record(EPOCH + 3, section="/b", status=404, bytes=None, client="198.18.0.2", method="POST")
    + record(EPOCH + 4, section="/a", status=503, path="/a/failing", bytes=500, client="198.18.0.1")
    + record(EPOCH + 12, section="/c")
)
ESCAPE = re.compile(rb"\x1b\[[0-9;]*[mK]")


class TestBlocks:
    def test_block_shows_the_interval(self, commands: Commands) -> None:
        text = commands.run("w3c-stats", stdin=TWO_BLOCKS).stdout.decode()
        first = text.split("\n\n")[0]
        assert first.strip("\n").splitlines() == [
            f"{utc(EPOCH)} to {utc(EPOCH + 10)[11:]}",
            "  3 requests   0.3/s   1,500 bytes   2 clients",
            "  status  2xx 1 (33.3%)   4xx 1 (33.3%)   5xx 1 (33.3%)",
            "  methods  GET 2   POST 1",
            "  section  requests  share  errors  failing  bytes",
            "  /a              2  66.7%       1    50.0%  1,500",
            "  /b              1  33.3%       0               0",
            "  top clients  198.18.0.1 2   198.18.0.2 1",
            "  server errors  /a/failing 1",
        ]

    def test_last_block_is_partial(self, commands: Commands) -> None:
        first, second = commands.run("w3c-stats", stdin=TWO_BLOCKS).stdout.decode().split("\n\n")
        assert "partial" not in first
        assert second.splitlines()[0].endswith("  partial")

    @pytest.mark.parametrize("start", [0, 3, 7])
    def test_intervals_are_aligned_to_the_clock(self, commands: Commands, start: int) -> None:
        data = records((EPOCH + start, EPOCH + 15))
        result = commands.run("w3c-stats", "-o", "json", stdin=data)
        assert [value["from"] for value in result.values] == [utc(EPOCH), utc(EPOCH + 10)]

    def test_interval_is_an_option(self, commands: Commands) -> None:
        result = commands.run("w3c-stats", "-i", "1m", "-o", "json", stdin=records((EPOCH, EPOCH + 60)))
        assert [value["from"] for value in result.values] == [utc(EPOCH - 40), utc(EPOCH + 20)]

    def test_block_is_shown_while_the_input_goes_on(self, commands: Commands) -> None:
        proc = commands.start("w3c-stats")
        proc.feed(TWO_BLOCKS)
        assert b"/a/failing" in proc.read_until(b"server errors  /a/failing 1\n")

    def test_change_to_the_block_before_is_shown(self, commands: Commands) -> None:
        data = records([EPOCH] * 4 + [EPOCH + 10] * 6 + [EPOCH + 20])
        assert "6 requests   0.6/s   +50%" in commands.run("w3c-stats", stdin=data).stdout.decode()

    def test_gap_is_one_line(self, commands: Commands) -> None:
        text = commands.run("w3c-stats", stdin=records((EPOCH, *[EPOCH + 8 * 3600] * 2))).stdout.decode()
        gaps = [line for line in text.splitlines() if line.startswith("no requests")]
        assert gaps == [f"no requests from {utc(EPOCH + 10)} to {utc(EPOCH + 8 * 3600)}"]

    def test_late_record_is_counted_and_told(self, commands: Commands) -> None:
        data = records((EPOCH, EPOCH + 9, EPOCH + 15, EPOCH + 11, EPOCH + 25))
        result = commands.run("w3c-stats", stdin=data)
        assert "   1 late" in result.stdout.decode()

    def test_unparsed_lines_are_counted_apart(self, commands: Commands) -> None:
        event = f'{{"event":"unparsed","line":2,"raw":"x","epoch":{EPOCH}}}\n'.encode()
        text = commands.run("w3c-stats", stdin=record() + event * 2).stdout.decode()
        assert "1 requests " in text
        assert "2 unparsed" in text

    def test_lines_without_time_are_told(self, commands: Commands) -> None:
        result = commands.run("w3c-stats", stdin=record() + record(None))
        assert result.notes == [
            "w3c-stats: 1 lines had no readable time: counted at the log's clock",
        ]


class TestOptions:
    def test_total_is_one_block_at_the_end(self, commands: Commands) -> None:
        result = commands.run("w3c-stats", "--total", "-o", "json", stdin=TWO_BLOCKS)
        (value,) = result.values
        assert (value["requests"], value["from"], value["to"]) == (4, utc(EPOCH), utc(EPOCH + 13))

    def test_json_event_has_its_keys_in_their_order(self, commands: Commands) -> None:
        value = commands.run("w3c-stats", "-o", "json", stdin=TWO_BLOCKS).values[0]
        assert list(value.items()) == [
            ("event", "summary"),
            ("from", utc(EPOCH)),
            ("to", utc(EPOCH + 10)),
            ("partial", False),
            ("requests", 3),
            ("rate_per_s", 0.3),
            ("unparsed", 0),
            ("late", 0),
            ("uncounted", 0),
            ("bytes", 1500),
            ("clients", 2),
            ("status", {"200": 1, "404": 1, "503": 1}),
            ("methods", {"GET": 2, "POST": 1}),
            (
                "sections",
                [
                    {"section": "/a", "requests": 2, "errors": 1, "bytes": 1500},
                    {"section": "/b", "requests": 1, "errors": 0, "bytes": 0},
                ],
            ),
            ("top_clients", {"198.18.0.1": 2, "198.18.0.2": 1}),
            ("failing_paths", {"/a/failing": 1}),
            ("errors", 1),
            ("client_errors", 1),
            ("exact", True),
            ("new_sections", []),
            ("rates_per_s", {}),
            ("duration_s", None),
            ("size_bytes", None),
            ("slow_paths_s", None),
            ("by", {}),
            ("host", None),
            ("seconds", None),
            ("packed", None),
        ]

    def test_json_gap_is_an_event(self, commands: Commands) -> None:
        result = commands.run("w3c-stats", "-o", "json", stdin=records((EPOCH, EPOCH + 60)))
        assert result.values[1] == {"event": "gap", "from": utc(EPOCH + 10), "to": utc(EPOCH + 60)}

    def test_top_cuts_the_list_and_counts_the_rest(self, commands: Commands) -> None:
        data = b"".join(record(section=f"/{number}") for number in range(12))
        text = commands.run("w3c-stats", "--top", "5", stdin=data).stdout.decode()
        assert re.findall(r"^  (/\d+) ", text, re.MULTILINE) == ["/0", "/1", "/10", "/11", "/2"]
        assert "  and 7 more\n" in text

    @pytest.mark.parametrize("args", [("-i", "0"), ("--top", "0"), ("-o", "xml"), ("--color", "red")])
    def test_useless_value_is_usage_error(self, script: Script, args: tuple[str, ...]) -> None:
        result = script("w3c-stats", *args)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)

    def test_file_is_no_argument(self, script: Script) -> None:
        result = script("w3c-stats", "access.json")
        assert (result.returncode, result.stderr.count("\n")) == (2, 1)

    def test_summary_counts_add_up(self, commands: Commands) -> None:
        result = commands.run("w3c-stats", "--summary", stdin=TWO_BLOCKS + f"{RAISED}\n".encode())
        assert result.notes == [
            "w3c-stats: 5 lines in, 4 records, 0 unparsed, 1 alerts, 0 other events, 0 foreign; "
            "0 late, 0 outliers, 0 without time"
        ]


class TestAlerts:
    def test_message_is_shown_at_once_and_in_every_block(self, commands: Commands) -> None:
        data = record() + f"{RAISED}\n".encode() + records((EPOCH + 10, EPOCH + 20))
        lines = commands.run("w3c-stats", stdin=data).stdout.decode().splitlines()
        assert lines[0] == RAISED
        assert lines.count(RAISED) == 4

    def test_message_is_seen_before_the_next_record(self, commands: Commands) -> None:
        proc = commands.start("w3c-stats")
        proc.feed(f"{RAISED}\n".encode())
        assert proc.read_line() == f"{RAISED}\n".encode()

    def test_newest_ten_are_repeated_and_the_rest_counted(self, commands: Commands) -> None:
        messages = [RAISED.replace("hits = 12", f"hits = {number}") for number in range(12)]
        data = "".join(f"{message}\n" for message in messages).encode() + record()
        lines = commands.run("w3c-stats", stdin=data).stdout.decode().splitlines()
        assert lines[0] == messages[0]
        at = lines.index("  alerts (and 2 older)")
        assert lines[at + 1 :] == messages[2:]

    def test_message_inside_a_record_tears_nothing(self, commands: Commands) -> None:
        whole = record()
        torn = whole[:50] + f"{RAISED}\n".encode() + whole[50:]
        result = commands.run("w3c-stats", "--total", "-o", "json", stdin=torn)
        assert [value["event"] for value in result.values] == ["alert", "summary"]
        assert result.values[1]["requests"] == 1
        assert result.stderr == b""

    def test_json_of_a_message_is_an_event(self, commands: Commands) -> None:
        value = commands.run("w3c-stats", "-o", "json", stdin=f"{RAISED}\n".encode()).values[0]
        known = {key: content for key, content in value.items() if content is not None}
        assert known == {
            "event": "alert",
            "state": "raised",
            "time": utc(EPOCH + 5),
            "epoch": EPOCH + 5,
            "hits": 12,
            "message": RAISED,
        }


class TestColour:
    def test_pipe_has_no_colour(self, commands: Commands) -> None:
        assert b"\x1b" not in commands.run("w3c-stats", stdin=TWO_BLOCKS).stdout

    @pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
    def test_always_is_always(self, commands: Commands, env: dict[str, str]) -> None:
        plain = commands.run("w3c-stats", stdin=TWO_BLOCKS).stdout
        coloured = commands.run("w3c-stats", "--color", "always", stdin=TWO_BLOCKS, env=env).stdout
        assert b"\x1b[" in coloured
        assert ESCAPE.sub(b"", coloured) == plain

    @pytest.mark.parametrize(
        ("args", "env", "has_colour"),
        [
            ((), {"TERM": "xterm"}, True),
            ((), {"TERM": "xterm", "NO_COLOR": ""}, True),
            ((), {"TERM": "xterm", "NO_COLOR": "1"}, False),
            ((), {"TERM": "dumb"}, False),
            ((), {}, False),
            (("--color", "never"), {"TERM": "xterm"}, False),
        ],
    )
    def test_terminal_has_colour_unless_told_otherwise(
        self, commands: Commands, args: tuple[str, ...], env: dict[str, str], has_colour: bool
    ) -> None:
        terminal, stdout = pty.openpty()
        try:
            commands.start("w3c-stats", *args, env=env, stdout=stdout).finish(TWO_BLOCKS)
            shown = os.read(terminal, 1 << 16)
        finally:
            os.close(terminal)
            os.close(stdout)
        assert b"/a/failing" in shown
        assert (b"\x1b[1m" in shown) is has_colour


class TestWidth:
    @pytest.mark.parametrize("rate", ["3", "300"])
    def test_nothing_is_wider_than_80_in_a_pipe(self, commands: Commands, rate: str) -> None:
        script = (
            f"w3c-gen --fast --duration 60s --sections 40 --rate {rate} --start {utc(EPOCH)}"
            " | w3c-parse | w3c-alert --pass-through -t 2 -w 10s | w3c-stats"
        )
        lines = commands.bash(script, env={"COLUMNS": "200"}).stdout.decode().splitlines()
        assert len(lines) > 60
        # Words of an alert are never cut.
        assert [line for line in lines if len(line) > 80 and "High traffic " not in line] == []
