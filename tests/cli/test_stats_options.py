"""w3c-stats beyond the usual tables: by any key, percentiles, rates, what is new, estimates, and merging."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterable
from typing import Any

import pytest
from harness import EPOCH, Commands, Result, Script, log_line, record, records, tool, utc

RAISED = f"High traffic generated an alert - hits = 12, triggered at {utc(EPOCH + 5)}"


def line(epoch: int = EPOCH, **keys: Any) -> bytes:
    """A record with keys that only some formats have behind the sixteen."""
    usual = json.loads(record(epoch))
    return json.dumps({**usual, **keys}, ensure_ascii=False).encode() + b"\n"


def only(result: Result) -> dict[str, Any]:
    """The one event of a run that succeeded."""
    assert result.status == 0, result.stderr
    (value,) = result.values
    return value


def table(text: str, title: str) -> list[list[str]]:
    """The rows of a table, each as its words."""
    lines = text.splitlines()
    begin = next(number for number, row in enumerate(lines) if row.startswith(f"  {title} ")) + 1
    rows = []
    for row in lines[begin:]:
        words = row.split()
        if len(words) < 4 or not words[1].replace(",", "").isdecimal() or "%" not in row:
            break
        rows.append(words)
    return rows


def blocks(result: Result) -> list[str]:
    """What was written, block by block."""
    return result.stdout.decode().strip("\n").split("\n\n")


class TestBy:
    def test_every_key_has_its_table_in_the_order_given(self, commands: Commands) -> None:
        data = record(method="GET", status=200) * 2 + record(method="PUT", status=500)
        result = commands.run("w3c-stats", "--by", "status", "--by", "method", stdin=data)
        text = result.stdout.decode()
        heads = re.findall(r"^  ([a-z_]+) +requests ", text, re.MULTILINE)
        assert heads == ["section", "status", "method"]

    def test_rows_have_requests_errors_and_bytes(self, commands: Commands) -> None:
        data = (
            line(vhost="a.example", bytes=7, status=200) * 2
            + line(vhost="a.example", bytes=None, status=503)
            + line(vhost="b.example", bytes=1, status=404)
        )
        value = only(commands.run("w3c-stats", "-o", "json", "--by", "vhost", stdin=data))
        assert value["by"] == {
            "vhost": [
                {"key": "a.example", "requests": 3, "errors": 1, "bytes": 14},
                {"key": "b.example", "requests": 1, "errors": 0, "bytes": 1},
            ]
        }

    @pytest.mark.parametrize(
        ("key", "value", "text"),
        [
            ("status", 404, "404"),
            ("client_port", 65535, "65535"),
            ("duration", 0.25, "0.25"),
            ("epoch", EPOCH, str(EPOCH)),
            ("section", "/é", "/é"),
            ("referer", "", ""),
            ("extra", {"a": 'b"'}, '{"a":"b\\""}'),
            ("upstream", None, None),
            ("file", "/var/log/a.log", "/var/log/a.log"),
        ],
    )
    def test_values_of_any_kind_are_texts_and_null_stays_null(
        self, commands: Commands, key: str, value: Any, text: str | None
    ) -> None:
        found = only(commands.run("w3c-stats", "-o", "json", "--by", key, stdin=line(**{key: value})))
        assert [row["key"] for row in found["by"][key]] == [text]

    def test_key_that_no_record_has_is_null(self, commands: Commands) -> None:
        found = only(commands.run("w3c-stats", "-o", "json", "--by", "tls_cipher", stdin=record()))
        assert found["by"] == {"tls_cipher": [{"key": None, "requests": 1, "errors": 0, "bytes": 2326}]}

    def test_null_is_a_dash_in_text(self, commands: Commands) -> None:
        text = commands.run("w3c-stats", "--by", "upstream", stdin=record()).stdout.decode()
        assert table(text, "upstream") == [["-", "1", "100.0%", "0", "2,326"]]

    def test_key_named_twice_counts_once(self, commands: Commands) -> None:
        args = ("--by", "status", "--by", "status")
        assert only(commands.run("w3c-stats", *args, "-o", "json", stdin=record()))["by"] == {
            "status": [{"key": "200", "requests": 1, "errors": 0, "bytes": 2326}]
        }
        text = commands.run("w3c-stats", *args, stdin=record()).stdout.decode()
        assert len(re.findall(r"^  status +requests", text, re.MULTILINE)) == 1

    def test_control_characters_stay_off_the_terminal(self, commands: Commands) -> None:
        result = commands.run("w3c-stats", "--by", "user_agent", stdin=line(user_agent="\x1b[2J\n"))
        assert b"\x1b" not in result.stdout
        assert b"\\x1b[2J\\x0a" in result.stdout

    @pytest.mark.parametrize("key", ["", "nope", "Status", "event", "status,method", "extra.a"])
    def test_unknown_key_is_one_line_that_names_the_nearest(self, script: Script, key: str) -> None:
        result = script("w3c-stats", "--by", key)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert f"{key!r} is no key of a record: the nearest is " in result.stderr

    def test_unparsed_lines_are_in_no_table(self, commands: Commands) -> None:
        unparsed = f'{{"event":"unparsed","line":1,"raw":"x","epoch":{EPOCH}}}\n'.encode()
        found = only(commands.run("w3c-stats", "-o", "json", "--by", "status", stdin=unparsed + record()))
        assert sum(row["requests"] for row in found["by"]["status"]) == found["requests"] == 1


class TestDepth:
    @pytest.mark.parametrize(
        ("depth", "sections"),
        [
            ("1", {"/a": 3, "/b": 1}),
            ("2", {"/a/b": 2, "/a/x": 1, "/b": 1}),
            ("3", {"/a/b/c": 1, "/a/b/d": 1, "/a/x": 1, "/b": 1}),
            ("20", {"/a/b/c/d": 1, "/a/b/d": 1, "/a/x": 1, "/b": 1}),
        ],
    )
    def test_sections_have_so_many_segments(
        self, commands: Commands, depth: str, sections: dict[str, int]
    ) -> None:
        paths = ("/a/b/c/d", "/a/b/d", "/a/x", "/b")
        data = b"".join(line(path=path, section=path[:2]) for path in paths)
        found = only(commands.run("w3c-stats", "-o", "json", "--depth", depth, stdin=data))
        assert {row["section"]: row["requests"] for row in found["sections"]} == sections

    def test_site_stays_before_the_section(self, commands: Commands) -> None:
        data = line(path="/a/b/c", section="http://my.site.com/a")
        found = only(commands.run("w3c-stats", "-o", "json", "--depth", "2", stdin=data))
        assert found["sections"][0]["section"] == "http://my.site.com/a/b"

    def test_by_section_is_as_deep(self, commands: Commands) -> None:
        data = line(path="/a/b/c", section="/a")
        found = only(commands.run("w3c-stats", "-o", "json", "--depth", "2", "--by", "section", stdin=data))
        assert found["by"]["section"][0]["key"] == "/a/b"

    @pytest.mark.parametrize("depth", ["0", "21", "-1", "x"])
    def test_useless_depth_is_usage_error(self, script: Script, depth: str) -> None:
        result = script("w3c-stats", "--depth", depth)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)


class TestTop:
    def test_every_table_has_so_many_rows(self, commands: Commands) -> None:
        data = b"".join(
            line(section=f"/{number}", vhost=f"{number}.example", method=f"M{number}") for number in range(7)
        )
        args = ("--top", "3", "--by", "vhost", "--by", "method")
        found = only(commands.run("w3c-stats", "-o", "json", *args, stdin=data))
        rows = [found["sections"], found["methods"], *found["by"].values()]
        assert [len(each) for each in rows] == [3, 3, 3, 3]
        text = commands.run("w3c-stats", *args, stdin=data).stdout.decode()
        assert [len(table(text, title)) for title in ("section", "vhost", "method")] == [3, 3, 3]
        assert text.count("  and 4 more\n") == 3

    def test_table_that_is_whole_says_nothing_of_more(self, commands: Commands) -> None:
        text = commands.run("w3c-stats", "--top", "1", "--by", "status", stdin=record()).stdout.decode()
        assert "more" not in text


class TestPercentiles:
    HUNDRED = b"".join(line(duration=n / 100, bytes=n * 10, path=f"/{n % 4}") for n in range(1, 101))

    def test_json_has_them_and_the_slow_paths(self, commands: Commands) -> None:
        found = only(commands.run("w3c-stats", "-o", "json", "--percentiles", stdin=self.HUNDRED))
        assert found["duration_s"] == {"p50": 0.5, "p95": 0.95, "p99": 0.99}
        assert found["size_bytes"] == {"p50": 500.0, "p95": 950.0, "p99": 990.0}
        assert found["slow_paths_s"] == {"/0": 13.0, "/3": 12.75, "/2": 12.5, "/1": 12.25}

    def test_text_has_them_and_the_slow_paths(self, commands: Commands) -> None:
        rows = commands.run("w3c-stats", "--percentiles", stdin=self.HUNDRED).stdout.decode().splitlines()
        assert "  duration  p50 0.5 s   p95 0.95 s   p99 0.99 s" in rows
        assert "  size  p50 500 bytes   p95 950 bytes   p99 990 bytes" in rows
        assert "  time by path  /0 13 s   /3 12.8 s   /2 12.5 s   /1 12.2 s" in rows

    def test_log_without_durations_has_sizes_alone(self, commands: Commands) -> None:
        found = only(commands.run("w3c-stats", "-o", "json", "--percentiles", stdin=record()))
        assert found["duration_s"] == {"p50": None, "p95": None, "p99": None}
        assert found["size_bytes"] == {"p50": 2326.0, "p95": 2326.0, "p99": 2326.0}
        assert found["slow_paths_s"] == {}
        text = commands.run("w3c-stats", "--percentiles", stdin=record()).stdout.decode()
        assert "duration" not in text
        assert "time by path" not in text
        assert "  size  p50 2,326 bytes" in text

    def test_request_without_duration_is_not_one_of_0_seconds(self, commands: Commands) -> None:
        data = line(duration=2) + line(duration=None) * 9
        found = only(commands.run("w3c-stats", "-o", "json", "--percentiles", stdin=data))
        assert found["duration_s"]["p50"] == 2.0

    def test_not_asked_for_there_are_none(self, commands: Commands) -> None:
        found = only(commands.run("w3c-stats", "-o", "json", stdin=self.HUNDRED))
        assert (found["duration_s"], found["size_bytes"], found["slow_paths_s"]) == (None, None, None)


class TestTrend:
    def test_sections_are_new_from_the_second_block_on(self, commands: Commands) -> None:
        data = (
            record(EPOCH, section="/a")
            + record(EPOCH + 10, section="/a")
            + record(EPOCH + 11, section="/b")
            + record(EPOCH + 20, section="/b")
        )
        first, second, third = blocks(commands.run("w3c-stats", stdin=data))
        assert "(new)" not in first + third
        assert re.findall(r"^  (.+?)  ", second, re.MULTILINE)[-4:-1] == ["section", "/a", "/b (new)"]
        values = commands.run("w3c-stats", "-o", "json", stdin=data).values
        assert [value["new_sections"] for value in values] == [[], ["/b"], []]

    def test_section_that_is_new_behind_a_gap_is_marked(self, commands: Commands) -> None:
        data = record(EPOCH, section="/a") + record(EPOCH + 60, section="/b")
        values = commands.run("w3c-stats", "-o", "json", stdin=data).values
        assert [value.get("new_sections") for value in values] == [[], None, ["/b"]]

    def test_rates_of_longer_times_come_as_time_goes_by(self, commands: Commands) -> None:
        rates = range(EPOCH, EPOCH + 320)
        values = commands.run("w3c-stats", "-o", "json", stdin=records(rates)).values
        names = [tuple(value["rates_per_s"]) for value in values]
        assert names[0] == ()
        assert set(names[1:5]) == {("since start",)}
        assert set(names[5:29]) == {("1m", "since start")}
        assert set(names[29:]) == {("1m", "5m", "since start")}
        assert {rate for value in values for rate in value["rates_per_s"].values()} == {1.0}

    def test_rates_stand_in_text_from_the_second_block_on(self, commands: Commands) -> None:
        data = records(range(EPOCH, EPOCH + 50)) + records([EPOCH + 50] * 70)
        shown = blocks(commands.run("w3c-stats", stdin=data + record(EPOCH + 63)))
        assert "  rates" not in shown[0]
        assert "  rates  since start 1.0/s\n" in shown[1]
        assert "  rates  1m 2.0/s   since start 2.0/s\n" in shown[5]

    def test_total_has_no_rates_beside_its_own(self, commands: Commands) -> None:
        data = records(range(EPOCH, EPOCH + 400))
        found = only(commands.run("w3c-stats", "--total", "-o", "json", stdin=data))
        assert (found["rates_per_s"], found["new_sections"], found["rate_per_s"]) == ({}, [], 1.0)


def from_many_clients(count: int) -> bytes:
    """One record of each, and ten more of one that others must not hide."""
    head, tail = record(client="CLIENT").split(b"CLIENT")
    return b"".join(b"%s10.%d%s" % (head, number, tail) for number in [*range(count), *[0] * 10])


class TestEstimates:
    def test_up_to_10_000_clients_all_is_exact(self, commands: Commands) -> None:
        data = from_many_clients(10_000)
        found = only(commands.run("w3c-stats", "-o", "json", stdin=data))
        assert (found["exact"], found["clients"], found["top_clients"]["10.0"]) == (True, 10_000, 11)
        text = commands.run("w3c-stats", stdin=data).stdout.decode()
        assert " 10,000 clients" in text
        assert "about" not in text

    def test_more_clients_are_told_as_about(self, commands: Commands) -> None:
        data = from_many_clients(10_001)
        found = only(commands.run("w3c-stats", "-o", "json", stdin=data))
        assert not found["exact"]
        assert found["clients"] == pytest.approx(10_001, rel=0.025)
        assert found["requests"] == 10_011
        text = commands.run("w3c-stats", stdin=data).stdout.decode()
        assert f"   about {found['clients']:,} clients" in text

    def test_counts_that_may_be_off_say_by_how_much(self, commands: Commands) -> None:
        data = from_many_clients(40_000)
        text = commands.run("w3c-stats", stdin=data).stdout.decode()
        (off,) = re.findall(r"^  off  clients by up to ([\d,]+)$", text, re.MULTILINE)
        (most,) = re.findall(r"^  top clients  10\.0 ([\d,]+)", text, re.MULTILINE)
        assert 0 < int(off) <= 0.00022 * 40_010
        assert abs(int(most) - 11) <= int(off)

    def test_table_of_too_many_keys_says_about_how_many_more(self, commands: Commands) -> None:
        data = from_many_clients(40_000)
        text = commands.run("w3c-stats", "--top", "2", "--by", "client", stdin=data).stdout.decode()
        (more,) = re.findall(r"^  and about ([\d,]+) more$", text, re.MULTILINE)
        assert int(more.replace(",", "")) == pytest.approx(39_998, rel=0.025)
        assert re.search(r"^  off  client by up to \d+", text, re.MULTILINE)

    def test_sizes_below_0_of_many_sections_end_nothing(self, commands: Commands) -> None:
        head, tail = record(section="SECTION", bytes=-5).split(b"SECTION")
        data = b"".join(b"%s/%d%s" % (head, number, tail) for number in range(11_000))
        run = commands.run("w3c-stats", "-o", "json", stdin=data)
        assert (run.status, run.notes) == (0, [])
        assert only(run)["requests"] == 11_000

    def test_keys_that_came_once_each_are_told_though_none_can_be_named(self, commands: Commands) -> None:
        """A site that is asked for 40,000 paths once must not look like one that is asked for none."""
        head, tail = record(path="PATH").split(b"PATH")
        data = b"".join(b"%s/%d%s" % (head, number, tail) for number in range(40_000))
        text = commands.run("w3c-stats", "--by", "path", stdin=data).stdout.decode()
        assert re.search(r"^  path  about [34]\d,\d{3}", text, re.MULTILINE), text


#: What three hosts have logged, out of step: bursts, gaps, errors, an end of their own.
HOSTS = {
    "web1": [*range(0, 37), *range(70, 74)],
    "web2": [*range(3, 24, 3), 60, 61, 95],
    "web3": [40, 41, 41, 72],
}
EVERYTHING = ("--by", "status", "--by", "vhost", "--depth", "2", "--percentiles", "--top", "3")


def of_host(name: str, second: int) -> bytes:
    number = second * len(HOSTS) + int(name[-1])
    return line(
        EPOCH + second,
        client=f"198.18.0.{number % 5}",
        method=("GET", "POST", None)[number % 3],
        path=f"/{'abc'[number % 3]}/{number % 4}",
        section=f"/{'abc'[number % 3]}",
        status=(200, 404, 503)[number % 7 % 3],
        bytes=number * 10,
        vhost=f"{name}.example",
        duration=number / 1000,
    )


def written(commands: Commands, name: str, *args: str, seconds: Iterable[int] | None = None) -> bytes:
    """What one host sends to be merged."""
    data = b"".join(of_host(name, second) for second in (HOSTS[name] if seconds is None else seconds))
    result = commands.run("w3c-stats", "-o", "json", "--mergeable", "--host", name, *args, stdin=data)
    assert result.status == 0, result.stderr
    return result.stdout


def of_log(second: int) -> bytes:
    """A line of a log; every third second it is followed by one in no format."""
    return log_line(EPOCH + second) + (b"junk\n" if second % 3 == 0 and second else b"")


def all_records() -> bytes:
    pairs = sorted((second, name) for name, seconds in HOSTS.items() for second in seconds)
    return b"".join(of_host(name, second) for second, name in pairs)


class TestMerging:
    @pytest.mark.parametrize("kind", [(), EVERYTHING], ids=["usual", "everything"])
    @pytest.mark.parametrize("total", [(), ("--total",)], ids=["intervals", "total"])
    @pytest.mark.parametrize("output", ["text", "json"])
    def test_three_hosts_say_what_one_command_says_of_all_records(
        self, commands: Commands, kind: tuple[str, ...], total: tuple[str, ...], output: str
    ) -> None:
        texts = [written(commands, name, *kind, *total) for name in HOSTS]
        top = ("--top", "3") if kind else ()
        merged = commands.run("w3c-stats", "--merge", "-o", output, *total, *top, stdin=b"".join(texts))
        once = commands.run("w3c-stats", "-o", output, *total, *kind, stdin=all_records())
        assert (merged.status, merged.notes) == (0, [])
        assert merged.stdout.decode() == once.stdout.decode()

    def test_files_are_merged_with_cat(self, commands: Commands) -> None:
        for name in HOSTS:
            commands.write(f"{name}.jsonl", written(commands, name, "--total"))
        result = commands.bash("cat web1.jsonl web2.jsonl web3.jsonl | w3c-stats --merge --total -o json")
        assert only(result)["requests"] == sum(map(len, HOSTS.values()))

    def test_intervals_become_one_summary_with_total(self, commands: Commands) -> None:
        texts = b"".join(written(commands, name) for name in HOSTS)
        merged = only(commands.run("w3c-stats", "--merge", "--total", "-o", "json", stdin=texts))
        once = only(commands.run("w3c-stats", "--total", "-o", "json", stdin=all_records()))
        assert merged == once

    def test_what_is_merged_can_be_merged_again(self, commands: Commands) -> None:
        pair = b"".join(written(commands, name, "--total") for name in ("web1", "web2"))
        again = commands.run(
            "w3c-stats", "--merge", "--total", "-o", "json", "--mergeable", "--host", "site", stdin=pair
        )
        assert only(again)["host"] == "site"
        both = again.stdout + written(commands, "web3", "--total")
        merged = commands.run("w3c-stats", "--merge", "--total", "-o", "json", stdin=both)
        once = commands.run("w3c-stats", "--total", "-o", "json", stdin=all_records())
        assert merged.stdout == once.stdout

    def test_late_and_uncounted_add_up(self, commands: Commands) -> None:
        seconds = [0, 9, 15, 11, 25, 3, 38]
        texts = [written(commands, name, seconds=seconds) for name in HOSTS]
        told = [json.loads(one) for text in texts for one in text.splitlines()]
        merged = commands.run("w3c-stats", "--merge", "-o", "json", stdin=b"".join(texts)).values
        for key in ("requests", "late", "uncounted", "bytes"):
            assert sum(value[key] for value in merged) == sum(value[key] for value in told), key
        assert sum(value["late"] for value in merged) == 6
        assert sum(value["uncounted"] for value in merged) == 3

    def test_estimates_are_merged(self, commands: Commands) -> None:
        args = ("w3c-stats", "-o", "json", "--mergeable")
        one = commands.run(*args, "--host", "a", stdin=from_many_clients(9000))
        other = commands.run(*args, "--host", "b", stdin=from_many_clients(20_000))
        found = only(commands.run("w3c-stats", "--merge", "-o", "json", stdin=one.stdout + other.stdout))
        assert found["clients"] == pytest.approx(20_000, rel=0.025)
        assert found["requests"] == 29_020
        assert found["top_clients"]["10.0"] == pytest.approx(22, abs=0.00022 * 29_020)

    @pytest.mark.parametrize(
        "keys",
        [
            {"duration": 1e306},
            {"duration": -3},
            {"bytes": -5},
            {"bytes": 1 << 70},
            {"status": -1},
            {"status": 1000},
        ],
        ids=str,
    )
    def test_numbers_that_no_log_has_can_be_counted_and_merged(
        self, commands: Commands, keys: dict[str, Any]
    ) -> None:
        """Records may come from anyone."""
        args = ("--percentiles", "-o", "json", "--mergeable", "--host", "a")
        text = commands.run("w3c-stats", *args, stdin=line(**keys) + line())
        assert (text.status, text.notes) == (0, [])
        assert only(commands.run("w3c-stats", "--merge", "-o", "json", stdin=text.stdout))["requests"] == 2

    def test_alerts_in_the_input_are_shown(self, commands: Commands) -> None:
        text = written(commands, "web1")
        event = commands.run("w3c-stats", "-o", "json", stdin=f"{RAISED}\n".encode()).stdout
        for alert in (event, f"{RAISED}\n".encode()):
            shown = commands.run("w3c-stats", "--merge", stdin=alert + text).stdout.decode()
            assert shown.count(RAISED) == 1 + len(text.splitlines()) - text.count(b'"gap"')
            values = commands.run("w3c-stats", "--merge", "-o", "json", stdin=alert + text).values
            assert values[0]["message"] == RAISED

    def test_host_is_this_machine_if_none_is_named(self, commands: Commands) -> None:
        found = only(commands.run("w3c-stats", "-o", "json", "--mergeable", stdin=record()))
        name = commands.run(tool("uname"), "-n").stdout.decode().strip()
        assert (found["host"], bool(found["packed"])) == (name, True)

    def test_seconds_are_all_requests_and_unparsed_lines(self, commands: Commands) -> None:
        commands.write("access.log", b"".join(of_log(second) for second in (0, 0, 3, 9, 10, 14)))
        run = commands.bash("w3c-parse access.log | w3c-stats -o json --mergeable")
        assert [value["seconds"] for value in run.values] == [[2, 0, 0, 2, 0, 0, 0, 0, 0, 2], [1, 0, 0, 0, 1]]
        for value in run.values:
            assert sum(value["seconds"]) == value["requests"] + value["unparsed"]

    def test_silent_live_log_has_summaries_too(self, commands: Commands) -> None:
        """Also before its first record."""
        words = ("w3c-stats", "-o", "json", "--mergeable", "-i", "1s", "--lateness", "1s", "--clock", "live")
        silent = [commands.start(*words) for _ in range(2)]
        newest = int(time.time())
        silent[1].feed(records([newest]))
        for proc in silent:
            values = [json.loads(proc.read_line()) for _ in range(3)]
            assert [value["requests"] for value in values] == [proc is silent[1], 0, 0]
            assert [value["from"] for value in values[1:]] == [value["to"] for value in values[:2]]
        assert values[0]["from"] == utc(newest)

    def test_files_that_w3c_tail_follows_are_one_input(self, commands: Commands) -> None:
        for name in HOSTS:
            commands.write(f"{name}.jsonl", written(commands, name))
        run = commands.bash("w3c-tail --no-follow -n +1 web?.jsonl | w3c-stats --merge")
        assert (run.status, run.notes) == (0, [])
        assert run.stdout == commands.run("w3c-stats", stdin=all_records()).stdout

    def test_not_mergeable_there_is_no_host(self, commands: Commands) -> None:
        found = only(commands.run("w3c-stats", "-o", "json", stdin=record()))
        assert (found["host"], found["packed"]) == (None, None)

    def test_empty_input_merges_to_nothing(self, commands: Commands) -> None:
        assert commands.run("w3c-stats", "--merge") == Result(0, b"", b"")

    def left_out(self, commands: Commands, data: bytes, *args: str) -> tuple[str, Result]:
        """What is said of the one line that was left out, and the run."""
        result = commands.run("w3c-stats", "--merge", *args, stdin=data)
        assert result.status == 1, result
        note, count = result.notes
        assert note.startswith("w3c-stats: left out: ") or "stdin:2" in note
        assert count == "w3c-stats: left out 1 line, see above"
        return note, result

    def test_summary_that_is_not_mergeable_is_left_out(self, commands: Commands) -> None:
        data = commands.run("w3c-stats", "-o", "json", stdin=record()).stdout
        note, _ = self.left_out(commands, written(commands, "web1", "--total") + data, "--total")
        assert f"{utc(EPOCH)} to {utc(EPOCH + 1)}: holds nothing to merge" in note
        assert "--mergeable" in note

    def test_records_are_refused(self, commands: Commands) -> None:
        result = commands.run("w3c-stats", "--merge", stdin=record())
        assert (result.status, result.stdout) == (2, b"")
        assert "a record is no summary" in result.notes[0]

    def test_summaries_are_refused_where_records_are_expected(self, commands: Commands) -> None:
        result = commands.run("w3c-stats", stdin=written(commands, "web1"))
        assert (result.status, result.stdout) == (65, b"")
        assert "w3c-stats --merge shows their sums" in result.notes[0]

    def test_summary_of_another_kind_is_left_out(self, commands: Commands) -> None:
        other = written(commands, "web2", "--total", "--depth", "2")
        note, _ = self.left_out(commands, written(commands, "web1", "--total") + other, "--total")
        assert "web2" in note
        assert "sections of depth 2, not sections of depth 1" in note

    def test_damaged_summary_is_left_out(self, commands: Commands) -> None:
        text = written(commands, "web1", "--total")
        value = json.loads(text)
        value["packed"] = value["packed"][:40] + "AAAA" + value["packed"][44:]
        note, result = self.left_out(commands, text + json.dumps(value).encode() + b"\n", "--total")
        assert "web1" in note
        assert "is damaged" in note
        assert result.stdout == commands.run("w3c-stats", "--merge", "--total", stdin=text).stdout

    def test_summary_that_is_cut_off_is_left_out_and_the_status_tells(self, commands: Commands) -> None:
        first, second = written(commands, "web1", "--total"), written(commands, "web2", "--total")
        note, result = self.left_out(commands, first + second[:-100], "--total")
        assert "stdin:2: no JSON object" in note
        assert result.stdout == commands.run("w3c-stats", "--merge", "--total", stdin=first).stdout

    def test_raw_log_is_no_summary(self, commands: Commands) -> None:
        result = commands.run("w3c-stats", "--merge", stdin=b'127.0.0.1 - - [x] "GET / HTTP/1.0" 200 1\n')
        assert result.status == 65
        assert "put w3c-parse | w3c-stats -o json --mergeable in front" in result.stderr.decode()

    @pytest.mark.parametrize(
        "args", [("--by", "status"), ("--depth", "2"), ("--percentiles",), ("--interval", "1m")]
    )
    def test_what_was_counted_cannot_be_chosen_when_merging(
        self, script: Script, args: tuple[str, ...]
    ) -> None:
        result = script("w3c-stats", "--merge", *args)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)

    def test_mergeable_is_for_json_alone(self, script: Script) -> None:
        result = script("w3c-stats", "--mergeable")
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)


class TestFollowing:
    def test_json_of_an_interval_comes_before_the_next_record(self, commands: Commands) -> None:
        proc = commands.start("w3c-stats", "-o", "json").ready()
        proc.feed(records(range(EPOCH, EPOCH + 10)))
        for begin in range(EPOCH, EPOCH + 50, 10):
            proc.feed(records(range(begin + 10, begin + 20)))
            value = json.loads(proc.read_line())
            assert (value["from"], value["requests"]) == (utc(begin), 10)
        assert [value["partial"] for value in proc.finish().values[5:]] == [False]

    def test_jq_shows_an_interval_before_the_next_record(self, commands: Commands) -> None:
        jq = shutil.which("jq")
        if jq is None:
            pytest.skip("jq is not installed: in CI neither, as no command needs it")
        proc = commands.start_bash('w3c-stats -o json | "$1" --unbuffered -c "[.from, .requests]"', jq)
        proc.feed(records(range(EPOCH, EPOCH + 10)))
        for begin in range(EPOCH, EPOCH + 30, 10):
            proc.feed(records(range(begin + 10, begin + 20)))
            assert json.loads(proc.read_line()) == [utc(begin), 10]
        proc.close_stdin()
        assert proc.wait() == 0
