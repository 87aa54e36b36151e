"""w3c-parse: its options, its inputs and what it says of them."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shlex
import subprocess
import time
from typing import Any

import pytest
from harness import EPOCH, Commands, Script, log_line, record, tool, unprivileged, utc

from w3ctools.core.formats import registry

GARBAGE = b"not a line of any log\n"


class TestRecords:
    def test_line_becomes_the_keys_in_their_order(self, commands: Commands) -> None:
        line = b'198.18.0.1 - frank [13/Sep/2020:14:26:40 +0200] "GET /a/b?c=1 HTTP/1.1" 200 7 "-" "curl/8"\n'
        assert commands.run("w3c-parse", stdin=line).stdout == (
            b'{"time":"2020-09-13T12:26:40Z","epoch":1600000000,"client":"198.18.0.1","ident":null,'
            b'"user":"frank","vhost":null,"method":"GET","path":"/a/b","query":"c=1","protocol":"HTTP/1.1",'
            b'"status":200,"bytes":7,"referer":null,"user_agent":"curl/8","section":"/a","request":null}\n'
        )

    def test_crlf_ends_lines_too(self, commands: Commands) -> None:
        unix = commands.run("w3c-parse", stdin=log_line() * 2)
        dos = commands.run("w3c-parse", stdin=log_line().replace(b"\n", b"\r\n") * 2)
        assert dos == unix

    def test_chosen_format_is_told(self, commands: Commands) -> None:
        assert commands.run("w3c-parse", stdin=log_line()).notes == ["w3c-parse: stdin: reading as combined"]

    @pytest.mark.parametrize("log_format", ["common", "combined", "vhost_combined"])
    def test_every_format_of_the_generator_is_read(self, commands: Commands, log_format: str) -> None:
        script = 'w3c-gen --fast --duration 20s --format "$1" | w3c-parse'
        result = commands.bash(script, log_format)
        assert result.notes == [f"w3c-parse: stdin: reading as {log_format}"]
        assert [value for value in result.values if "event" in value] == []
        assert len(result.values) == 200

    def test_unparsed_line_becomes_an_event_in_its_place(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", stdin=log_line() + GARBAGE + log_line())
        assert [value.get("event") for value in result.values] == [None, "unparsed", None]
        event = result.values[1]
        assert list(event) == ["event", "line", "reason", "column", "raw", "time", "epoch"]
        assert (event["line"], event["raw"]) == (2, "not a line of any log")

    def test_unparsed_lines_are_quoted_once_and_counted(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", stdin=log_line() + GARBAGE * 50)
        quotes = [note for note in result.notes if "not a line of any log" in note]
        assert len(quotes) == 1
        assert quotes[0].startswith("w3c-parse: stdin:2:")
        assert result.notes[-1] == "w3c-parse: 51 lines in, 1 records, 50 unparsed, 0 skipped"

    def test_escape_sequences_stay_visible(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", stdin=log_line() + b"\x1b[31mred\xe2\x80\xae\n")
        assert result.values[1]["raw"] == r"\x1b[31mred\xe2\x80\xae"
        assert b"\x1b" not in result.stderr


class TestFiles:
    def test_files_are_read_one_after_the_other(self, commands: Commands) -> None:
        commands.write("a.log", log_line(target="/a"))
        commands.write("b.log", log_line(target="/b").removesuffix(b"\n"))
        commands.write("c.log", log_line(target="/c"))
        result = commands.run("w3c-parse", "a.log", "b.log", "c.log")
        assert [value["path"] for value in result.values] == ["/a", "/b", "/c"]
        assert [note.split(": ")[1] for note in result.notes] == ["a.log", "b.log", "c.log"]

    def test_dash_is_stdin(self, commands: Commands) -> None:
        commands.write("a.log", log_line(target="/a"))
        result = commands.run("w3c-parse", "a.log", "-", stdin=log_line(target="/stdin"))
        assert [value["path"] for value in result.values] == ["/a", "/stdin"]

    def test_files_may_differ_in_format(self, commands: Commands) -> None:
        common = log_line(target="/common").replace(b' "-" "curl/8"', b"")
        commands.write("common.log", common)
        commands.write("combined.log", log_line(target="/combined"))
        result = commands.run("w3c-parse", "common.log", "combined.log")
        assert [value["user_agent"] for value in result.values] == [None, "curl/8"]

    def test_missing_file_is_failure_after_the_others(self, commands: Commands) -> None:
        commands.write("a.log", log_line(target="/a"))
        commands.write("b.log", log_line(target="/b"))
        result = commands.run("w3c-parse", "a.log", "missing.log", "b.log")
        assert (result.status, [value["path"] for value in result.values]) == (1, ["/a", "/b"])
        assert result.notes[1] == "w3c-parse: missing.log: No such file or directory"

    def test_directory_is_failure(self, script: Script) -> None:
        result = script("w3c-parse", "/")
        assert (result.returncode, result.stderr) == (1, "w3c-parse: /: Is a directory\n")

    def test_unreadable_file_is_named_with_owner_group_and_mode(self, commands: Commands) -> None:
        commands.write("a.log", log_line())
        secret = commands.write("secret.log", log_line())
        secret.chmod(0)
        if os.geteuid() == 0:
            os.chown(secret, 65534, grp.getgrnam("adm").gr_gid)
            secret.chmod(0o640)
        found = secret.stat()
        owner, group = pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name
        result = commands.run(*unprivileged(), "w3c-parse", "secret.log", "a.log")
        assert (result.status, len(result.lines)) == (1, 1)
        assert result.notes[0] == (
            f"w3c-parse: secret.log: Permission denied "
            f"(owner {owner}, group {group}, mode {found.st_mode & 0o7777:04o})"
        )

    def test_closed_folder_is_named(self, commands: Commands) -> None:
        folder = commands.folder / "closed"
        folder.mkdir()
        commands.write("closed/a.log", log_line())
        folder.chmod(0)
        result = commands.run(*unprivileged(), "w3c-parse", "closed/a.log")
        folder.chmod(0o700)
        assert result.status == 1
        assert f"directory {folder}: owner " in result.notes[0]


class TestUnknownFormat:
    def test_garbage_is_65_at_its_end(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", stdin=GARBAGE * 3)
        assert result.status == 65
        assert "no line in a known format" in result.notes[-5]
        assert "3 lines in, 0 records, 3 unparsed" in result.notes[-1]

    def test_endless_garbage_is_65_before_its_end(self, commands: Commands) -> None:
        proc = commands.start("w3c-parse")
        proc.feed(GARBAGE * 1001)
        assert proc.wait() == 65

    def test_garbage_first_and_a_log_behind_is_read(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", stdin=GARBAGE * 20 + log_line())
        assert (result.status, len(result.lines)) == (0, 21)

    def test_garbage_still_gives_its_events(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", stdin=GARBAGE * 3)
        assert [value["event"] for value in result.values] == ["unparsed"] * 3


class TestOptions:
    @pytest.mark.parametrize(
        ("site", "section"),
        [
            ("http://my.site.com", "http://my.site.com/pages"),
            ("http://My.Site.com/", "http://my.site.com/pages"),
            ("https://my.site.com:8443", "https://my.site.com:8443/pages"),
        ],
    )
    def test_site_goes_before_the_section(self, commands: Commands, site: str, section: str) -> None:
        result = commands.run("w3c-parse", "--site", site, stdin=log_line())
        assert (result.values[0]["section"], result.values[0]["path"]) == (section, "/pages/create")

    def test_site_that_is_none_is_usage_error(self, script: Script) -> None:
        result = script("w3c-parse", "--site", "my.site.com")
        assert (result.returncode, result.stderr.count("\n")) == (2, 1)

    @pytest.mark.parametrize(
        ("zone", "ahead_s"), [("UTC", 0), ("+01:00", 3600), ("-02:30", -9000), ("Europe/Paris", 7200)]
    )
    def test_tz_is_for_stamps_without_zone(self, commands: Commands, zone: str, ahead_s: int) -> None:
        line = log_line().replace(b" +0000]", b"]")
        result = commands.run("w3c-parse", "--tz", zone, stdin=line + log_line())
        assert [value["time"] for value in result.values] == [utc(EPOCH - ahead_s), utc(EPOCH)]
        assert "w3c-parse: stdin: 1 stamps name no time zone: taken as " in result.notes[-1]

    def test_unknown_zone_is_usage_error(self, script: Script) -> None:
        result = script("w3c-parse", "--tz", "Mars/Base")
        assert (result.returncode, result.stderr.count("\n")) == (2, 1)

    def test_omit_null_leaves_out_nulls_only(self, commands: Commands) -> None:
        data = log_line() + GARBAGE + log_line(target="/x?q=,%22user%22:null")
        all_keys = commands.run("w3c-parse", stdin=data).values
        fewer = commands.run("w3c-parse", "--omit-null", stdin=data).values
        assert fewer == [
            {key: value for key, value in values.items() if value is not None} for values in all_keys
        ]

    def test_summary_adds_up_over_all_files(self, commands: Commands) -> None:
        commands.write("a.log", log_line() + b"\n# comment\n" + log_line())
        commands.write("b.log", log_line() + GARBAGE)
        result = commands.run("w3c-parse", "--summary", "a.log", "b.log")
        assert result.notes[-1] == "w3c-parse: 6 lines in, 3 records, 1 unparsed, 2 skipped"

    def test_no_summary_where_all_is_well(self, commands: Commands) -> None:
        assert "lines in" not in commands.run("w3c-parse", stdin=log_line()).stderr.decode()


class TestFormat:
    TIMED = b"192.0.2.9 1600000000.250 GET /a/b?c 503 0.042\n"

    @pytest.mark.parametrize(
        ("text", "line", "expected"),
        [
            (
                "lighttpd",
                log_line().replace(b" - - ", b" Shop.test - "),
                {"vhost": "shop.test"},
            ),
            ("%h %{ms}T %>s %m %U", b"192.0.2.9 42 503 GET /a/b\n", {"duration": 0.042, "section": "/a"}),
            ("%(h)s %(D)s %(s)s %(r)s", b"192.0.2.9 42 503 GET /a/b HTTP/1.1\n", {"duration": 0.000042}),
            (
                "$remote_addr $msec $request_method $request_uri $status $request_time",
                TIMED,
                {"client": "192.0.2.9", "epoch": 1600000000.25, "query": "c", "duration": 0.042},
            ),
            (
                'escape=json {"c":"$remote_addr","s":$status,"u":"$http_user_agent"}',
                b'{"c":"192.0.2.9","s":404,"u":"a \\"b\\""}\n',
                {"status": 404, "user_agent": 'a "b"'},
            ),
            (
                "#Fields: date time cs-method cs-uri-stem sc-status",
                b"2026-11-24 09:15:02 GET /a/b 200\n",
                {"time": "2026-11-24T09:15:02Z", "path": "/a/b"},
            ),
        ],
        ids=["name", "apache", "gunicorn", "nginx", "nginx json", "fields"],
    )
    def test_each_kind_of_value_reads_its_lines(
        self, commands: Commands, text: str, line: bytes, expected: dict[str, Any]
    ) -> None:
        result = commands.run("w3c-parse", "--format", text, stdin=line * 2)
        assert [{key: values.get(key) for key in expected} for values in result.values] == [expected] * 2

    def test_detected_format_of_other_lines_is_not_taken(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", "--format", "ltsv", stdin=log_line())
        assert (result.status, result.values[0]["event"]) == (0, "unparsed")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("combnied", "'combnied' is neither a format's name nor a format string: did you mean combined?"),
            (
                "qqq",
                "'qqq' is neither a format's name nor a format string: w3c-parse --list-formats",
            ),
            ("%h %>s %", "expected a letter behind % (column 8 of the format)"),
            ("$remote_addr $ x", "expected a variable's name behind $ (column 14 of the format)"),
            ("escape=json $remote_addr $ x", "expected a variable's name behind $ (column 26 of the format)"),
            ("#Fields: a b", "'#Fields: a b' names no fields of an access log"),
        ],
    )
    def test_bad_one_is_usage_error_before_anything_is_read(
        self, commands: Commands, text: str, message: str
    ) -> None:
        result = commands.run("w3c-parse", "--format", text, stdin=log_line())
        assert (result.status, result.stdout, len(result.notes)) == (2, b"", 1)
        assert message in result.notes[0]

    def test_column_behind_a_prefix_is_that_of_the_whole_line(self, commands: Commands) -> None:
        prefix = b"Nov 24 09:15:02 web nginx: "
        bad = log_line().replace(b" 200 ", b" OK ")
        alone = commands.run("w3c-parse", "--format", "combined", stdin=bad).values[0]["column"]
        behind = commands.run("w3c-parse", "--format", "combined", stdin=prefix + bad).values[0]["column"]
        assert behind == alone + len(prefix)

    @pytest.mark.parametrize("text", ["combined", '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"'])
    def test_prefix_of_a_collector_is_no_part_of_the_user(self, commands: Commands, text: str) -> None:
        data = b"Nov 24 09:15:02 web nginx: " + log_line()
        result = commands.run("w3c-parse", "--format", text, stdin=data * 2)
        assert [values["client"] for values in result.values] == ["198.18.0.1"] * 2

    def test_environment_names_it_too(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", stdin=b"GET /a\n", env={"W3C_PARSE_FORMAT": "%r"})
        assert result.values[0]["section"] == "/a"


class TestFromConfig:
    NGINX = (
        "http {\n"
        "    log_format timed '$remote_addr [$time_local] \"$request\" '\n"
        "                     '$status $request_time';\n"
        "    log_format short '$remote_addr $status';\n"
        "    include sites/*.conf;\n"
        "    server { access_log /var/log/a.log timed; }\n"
        "}\n"
    )
    TIMED = b'192.0.2.9 [24/Nov/2026:09:15:02 +0000] "GET /a HTTP/1.1" 200 0.042\n'

    def test_nginx_format_of_the_only_log_is_taken(self, commands: Commands) -> None:
        commands.write("nginx.conf", self.NGINX)
        result = commands.run("w3c-parse", "--from-config", "nginx.conf", stdin=self.TIMED)
        assert (result.values[0]["duration"], result.notes) == (0.042, [])

    def test_format_names_one_that_no_log_uses(self, commands: Commands) -> None:
        commands.write("nginx.conf", self.NGINX)
        args = ("w3c-parse", "--from-config", "nginx.conf", "--format", "short")
        assert commands.run(*args, stdin=b"192.0.2.9 404\n").values[0]["status"] == 404

    def test_log_in_an_included_file_counts(self, commands: Commands) -> None:
        (commands.folder / "sites").mkdir()
        commands.write("sites/b.conf", "access_log /var/log/b.log short;\n")
        commands.write("nginx.conf", self.NGINX)
        result = commands.run("w3c-parse", "--from-config", "nginx.conf", stdin=self.TIMED)
        assert (result.status, result.stdout) == (2, b"")
        assert "several log formats: timed for /var/log/a.log (nginx.conf:2); short for " in result.notes[0]
        assert result.notes[0].endswith("choose one with --format NAME (see w3c-parse --help)")

    def test_apache_format_of_the_only_log_is_taken(self, commands: Commands) -> None:
        commands.write(
            "apache2.conf",
            'LogFormat "%h %t \\"%r\\" %>s %D" timed\n'
            'LogFormat "%h %s" short\n'
            "<VirtualHost *:80>\n    CustomLog ${APACHE_LOG_DIR}/access.log timed\n</VirtualHost>\n",
        )
        line = b'192.0.2.9 [24/Nov/2026:09:15:02 +0000] "GET /a HTTP/1.1" 200 42000\n'
        result = commands.run("w3c-parse", "--from-config", "apache2.conf", stdin=line)
        assert result.values[0]["duration"] == 0.042

    def test_include_that_cannot_be_read_is_named(self, commands: Commands) -> None:
        commands.write("nginx.conf", "include absent.conf;\n" + self.NGINX)
        result = commands.run("w3c-parse", "--from-config", "nginx.conf", stdin=self.TIMED)
        assert result.status == 0
        assert result.notes == [
            f"w3c-parse: {commands.folder}/absent.conf: included by nginx.conf but cannot be read"
        ]

    @pytest.mark.parametrize(
        ("text", "args", "message"),
        [
            (NGINX, ("--format", "other"), "nginx.conf: no log format named 'other' found"),
            ("events {}\n", (), "nginx.conf: no log format found"),
            (None, (), "nginx.conf: No such file or directory"),
        ],
        ids=["no such name", "no format", "no file"],
    )
    def test_nothing_to_take_is_usage_error(
        self, commands: Commands, text: str | None, args: tuple[str, ...], message: str
    ) -> None:
        if text is not None:
            commands.write("nginx.conf", text)
        result = commands.run("w3c-parse", "--from-config", "nginx.conf", *args, stdin=self.TIMED)
        assert (result.status, result.stdout, len(result.notes)) == (2, b"", 1)
        assert message in result.notes[0]


class TestWhichFormat:
    IIS = (
        b"#Software: Microsoft Internet Information Services 10.0\n"
        b"#Fields: date time cs-method cs-uri-stem sc-status time-taken\n"
    )
    IIS_LINE = b"2026-11-24 09:15:02 GET /a 200 15\n"

    def test_list_formats_names_each_in_a_line(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", "--list-formats")
        assert result.status == 0
        assert [line.split()[0].decode() for line in result.lines] == [spec.name for spec in registry.ALL]

    def test_list_formats_is_no_setting(self, commands: Commands) -> None:
        env = {"W3C_PARSE_LIST_FORMATS": "1", "W3C_PARSE_DETECT": "1"}
        assert commands.run("w3c-parse", stdin=log_line(), env=env).values[0]["status"] == 200

    def test_detect_says_name_option_and_three_records(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", "--detect", stdin=GARBAGE + log_line() * 5)
        assert (result.status, result.lines[:2]) == (0, [b"combined", b"--format combined"])
        assert [json.loads(line)["section"] for line in result.lines[2:]] == ["/pages"] * 3

    def test_detect_ends_while_its_input_goes_on(self, commands: Commands) -> None:
        proc = commands.start("w3c-parse", "--detect")
        proc.feed(log_line() * 3)
        assert proc.wait() == 0

    @pytest.mark.parametrize(
        ("data", "name"),
        [
            (IIS + IIS_LINE, "iis"),
            (b"Nov 24 09:15:02 web nginx: " + log_line(), "combined behind syslog"),
        ],
    )
    def test_option_that_detect_names_gives_the_same_records(
        self, commands: Commands, data: bytes, name: str
    ) -> None:
        detected = commands.run("w3c-parse", "--detect", stdin=data)
        assert detected.lines[0].decode() == name
        option, value = shlex.split(detected.lines[1].decode())
        assert commands.run("w3c-parse", option, value, stdin=data).lines == detected.lines[2:]

    def test_detect_of_no_known_format_is_65(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", "--detect", stdin=GARBAGE)
        assert (result.status, result.stdout) == (65, b"")

    @pytest.mark.parametrize("args", [("--format", "combined"), ("--from-config", "nginx.conf")])
    def test_detect_with_a_format_is_usage_error(self, commands: Commands, args: tuple[str, str]) -> None:
        commands.write("nginx.conf", "access_log a.log;\n")
        result = commands.run("w3c-parse", "--detect", *args, stdin=log_line())
        assert (result.status, result.stdout) == (2, b"")

    @pytest.mark.parametrize(
        "prefix",
        [
            b"Nov 24 09:15:02 web nginx[12]: ",
            b"<190>1 2026-11-24T09:15:02Z web nginx - - - ",
            b"2026-11-24T09:15:02.123456+00:00 web nginx: ",
            b"2026-11-24T09:15:02.123456789Z stdout F ",
        ],
        ids=["RFC 3164", "RFC 5424", "RFC 3339", "CRI"],
    )
    def test_prefix_of_a_collector_comes_off(self, commands: Commands, prefix: bytes) -> None:
        result = commands.run("w3c-parse", stdin=prefix + log_line())
        assert result.stdout == commands.run("w3c-parse", stdin=log_line()).stdout

    def test_dockers_json_comes_off(self, commands: Commands) -> None:
        entry = {"log": log_line().decode(), "stream": "stdout", "time": "2026-11-24T09:15:02.1Z"}
        result = commands.run("w3c-parse", stdin=json.dumps(entry).encode() + b"\n")
        assert result.stdout == commands.run("w3c-parse", stdin=log_line()).stdout
        assert result.notes == ["w3c-parse: stdin: reading as combined behind docker"]

    def test_format_without_time_is_told(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", stdin=b'INFO:     192.0.2.9:4711 - "GET /a HTTP/1.1" 200 OK\n')
        assert result.notes[1:] == [
            "w3c-parse: stdin: uvicorn has no time: it gives no alerts and no live intervals"
        ]

    def test_other_format_takes_over_after_sixteen_lines(self, commands: Commands) -> None:
        ltsv = b"time:1600000000\thost:192.0.2.9\treq:GET /a HTTP/1.1\tstatus:200\n"
        before = commands.run("w3c-parse", stdin=log_line() + ltsv * 15 + log_line())
        after = commands.run("w3c-parse", stdin=log_line() + ltsv * 16 + log_line())
        assert (len(before.values), len(after.values)) == (17, 18)
        told = [[note.split()[-1] for note in result.notes] for result in (before, after)]
        assert told == [["combined"], ["ltsv"]]

    def test_fields_line_counts_in_mid_stream(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", stdin=log_line() + self.IIS + self.IIS_LINE)
        assert [values.get("duration") for values in result.values] == [None, 0.015]

    def test_tail_from_the_middle_of_a_w3c_log_is_read(self, commands: Commands) -> None:
        log = commands.write("iis.log", self.IIS + self.IIS_LINE * 100)
        tail = commands.start_bash('w3c-tail -n 1 "$1" | w3c-parse', log)
        assert json.loads(tail.read_line())["path"] == "/a"
        commands.append("iis.log", self.IIS_LINE.replace(b"/a", b"/next"))
        assert json.loads(tail.read_line())["path"] == "/next"


class TestUnparsed:
    BAD = log_line().replace(b" 200 ", b" OK ")
    COLUMN = BAD.index(b"OK ") + 1

    def _caret(self, notes: list[str], number: int) -> str:
        """What the caret below the quote points at."""
        quote, caret = notes[number : number + 2]
        assert caret.strip().endswith("^")
        return quote[caret.index("^") :]

    @pytest.mark.parametrize("before", [b"", b"\x01\x1b\xff", "\u00e9\u202e".encode()])
    def test_explain_points_at_the_place(self, commands: Commands, before: bytes) -> None:
        bad = self.BAD.replace(b"/pages", b"/" + before)
        result = commands.run("w3c-parse", "--explain", stdin=log_line() + bad)
        assert result.notes[1] == (
            f"w3c-parse: stdin:2:{self.COLUMN - 5 + len(before)}: status: expected 3 digits or -"
        )
        assert self._caret(result.notes, 2).startswith("OK 2326")

    def test_explain_shows_every_line(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", "--explain", stdin=log_line() + self.BAD * 20)
        assert len(result.notes) == 1 + 3 * 20 + 1

    def test_closest_line_of_an_unknown_format_is_pointed_into(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", stdin=b"\x01\x02\x1b no log [x\n")
        assert self._caret(result.notes, -3) in ("[x", "x")

    def test_rejects_are_appended_as_they_were(self, commands: Commands) -> None:
        commands.write("odd.log", b"earlier\n")
        odd = [b"\x00\xff\x1b[2J odd", b"no line end"]
        data = log_line() + odd[0] + b"\n" + log_line() + odd[1]
        commands.run("w3c-parse", "--rejects", "odd.log", stdin=data)
        assert (commands.folder / "odd.log").read_bytes() == b"earlier\n" + odd[0] + b"\n" + odd[1] + b"\n"

    def test_rejects_give_their_records_to_the_right_format(self, commands: Commands) -> None:
        commands.run("w3c-parse", "--rejects", "odd.log", stdin=log_line() + b"GET /odd 404\n" * 3)
        result = commands.run("w3c-parse", "--format", "%m %U %>s", "odd.log")
        assert [values["path"] for values in result.values] == ["/odd"] * 3

    def test_rejects_that_cannot_be_written_are_usage_error(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", "--rejects", "absent/odd.log", stdin=log_line())
        assert (result.status, result.stdout, len(result.notes)) == (2, b"", 1)

    @pytest.mark.parametrize(
        ("data", "status"),
        [(log_line(), 0), (log_line() + GARBAGE + log_line(), 1), (GARBAGE, 65)],
        ids=["all parsed", "one unparsed", "no known format"],
    )
    def test_strict_fails_at_the_end(self, commands: Commands, data: bytes, status: int) -> None:
        result = commands.run("w3c-parse", "--strict", stdin=data)
        assert (result.status, len(result.lines)) == (status, data.count(b"\n"))


class TestSelection:
    LOG = b"".join(log_line(EPOCH + number, f"/{number}", 200 + 100 * (number % 4)) for number in range(20))

    def _paths(self, commands: Commands, *args: str, data: bytes = LOG) -> list[str]:
        result = commands.run("w3c-parse", *args, stdin=data)
        assert result.status == 0, result
        return [str(values["path"]) for values in result.values]

    def test_where_writes_what_is_true(self, commands: Commands) -> None:
        paths = self._paths(commands, "--where", 'status >= 500 and path ~ "^/1"')
        assert paths == ["/11", "/15", "/19"]

    def test_since_is_in_and_until_is_out(self, commands: Commands) -> None:
        assert self._paths(commands, "--since", utc(EPOCH + 3), "--until", utc(EPOCH + 5)) == ["/3", "/4"]

    def test_relative_time_counts_from_now(self, commands: Commands) -> None:
        data = log_line(int(time.time()) - 60, "/new") + log_line(int(time.time()) - 7200, "/old")
        assert self._paths(commands, "--since", "-1h", data=data) == ["/new"]

    def test_lines_are_records_unparsed_skipped_and_filtered(self, commands: Commands) -> None:
        data = self.LOG + GARBAGE + b"\n# comment\n" + self.LOG
        result = commands.run("w3c-parse", "--summary", "--where", "status == 500", stdin=data)
        assert result.notes[-1] == ("w3c-parse: 43 lines in, 10 records, 1 unparsed, 2 skipped, 30 filtered")
        assert len(result.lines) == 10 + 1

    def test_events_are_passed_on(self, commands: Commands) -> None:
        event = b'{"event":"gap","from":"2020-09-13T12:26:40Z","to":"2020-09-13T12:26:50Z"}\n'
        result = commands.run("w3c-parse", "--where", "status == 404", stdin=record() + event)
        assert result.stdout == event

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (("--where", "status = 404"), "= is written == here (column 8)"),
            (("--where", "staus == 404"), "unknown key staus: the nearest is status (column 1)"),
            (("--where", "status == 404 and"), "expected a key, such as status (column 18)"),
            (("--where", ""), "expected a key, such as status (column 1)"),
            (("--where", 'path ~ "("'), "regular expression: missing ), unterminated subpattern (column 9)"),
            (("--since", "yesterday"), "-2h for two hours ago"),
            (("--drop", "usr"), "unknown key 'usr': the nearest is user"),
            (("--anonymize-ip", "4"), "4 is not in the range 1<=x<=3"),
        ],
    )
    def test_bad_value_is_usage_error(self, commands: Commands, args: tuple[str, str], message: str) -> None:
        result = commands.run("w3c-parse", *args, stdin=log_line())
        assert (result.status, result.stdout, len(result.notes)) == (2, b"", 1)
        assert message in result.notes[0]


class TestPrivacy:
    IPV4, IPV6 = "198.51.100.77", "2001:db8:1:2::77"

    def _log(self, client: str) -> bytes:
        line = log_line(client=client, target=f"/a?ip={client}&user=jane").replace(b'"curl/8"', b'"for %s"')
        return line.replace(b"%s", client.encode()) + b"odd " + client.encode() + b" line\n"

    @pytest.mark.parametrize(
        ("level", "client", "masked"),
        [
            ("1", IPV4, "198.51.100.0"),
            ("2", IPV4, "198.51.0.0"),
            ("3", IPV4, "198.0.0.0"),
            ("1", IPV6, "2001:db8:1::"),
            ("2", IPV6, "2001:db8:1::"),
            ("3", IPV6, "2001:db8::"),
        ],
    )
    def test_no_copy_of_an_address_is_left(
        self, commands: Commands, level: str, client: str, masked: str
    ) -> None:
        args = ("--anonymize-ip", level, "--rejects", "odd.log", "--explain")
        result = commands.run("w3c-parse", *args, stdin=self._log(client))
        rejects = (commands.folder / "odd.log").read_bytes()
        assert (result.values[0]["client"], rejects) == (masked, f"odd {masked} line\n".encode())
        assert client.encode() not in result.stdout + result.stderr + rejects
        assert result.stdout.count(masked.encode()) == 4

    def test_name_of_a_client_becomes_null(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", "--anonymize-ip", "1", stdin=log_line(client="pc.example.com"))
        assert result.values[0]["client"] is None
        assert b"example.com" not in result.stdout

    def test_redact_query_keeps_the_names(self, commands: Commands) -> None:
        line = log_line(target="/a?token=s3cret&b=").replace(b'"-"', b'"https://x.example/?id=s3cret"')
        result = commands.run("w3c-parse", "--redact-query", stdin=line + b'odd "GET /?x=s3cret"\n')
        values = result.values[0]
        assert (values["query"], values["referer"]) == ("token=REDACTED&b=", "https://x.example/?id=REDACTED")
        assert b"s3cret" not in result.stdout + result.stderr

    def test_drop_sets_keys_to_null(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", "--drop", "client,user_agent,path", stdin=log_line())
        whole = commands.run("w3c-parse", stdin=log_line()).values[0]
        dropped = {"client": None, "user_agent": None, "path": None, "section": None}
        assert (result.values, list(result.values[0])) == ([whole | dropped], list(whole))

    def test_condition_sees_what_is_masked(self, commands: Commands) -> None:
        args = ("--anonymize-ip", "1", "--where", f'client == "{self.IPV4}"')
        result = commands.run("w3c-parse", *args, stdin=log_line(client=self.IPV4) + log_line())
        assert [values["client"] for values in result.values] == ["198.51.100.0"]

    def test_events_are_masked_too(self, commands: Commands) -> None:
        event = {"event": "unparsed", "raw": f'{self.IPV4} "GET /?x=a\\"b'}
        data = record() + json.dumps(event, separators=(",", ":")).encode() + b"\n"
        result = commands.run("w3c-parse", "--anonymize-ip", "1", "--redact-query", stdin=data)
        assert result.values[1] == {"event": "unparsed", "raw": '198.51.100.0 "GET /?x=REDACTED'}


class TestSources:
    IIS = (
        b"#Software: Microsoft Internet Information Services 10.0\n"
        b"#Fields: date time cs-method cs-uri-stem sc-status time-taken\n"
    )
    IIS_LINE = b"2026-11-24 10:53:30 GET /iis 200 15\n"
    JSON_LINE = b'{"time":"10/Oct/2000:13:55:36 -0700","request":"GET /json HTTP/1.1","status":200}\n'
    #: As w3c-tail writes several files.
    BEGIN = b"#Source: /logs/u_ex.log\n" + IIS + IIS_LINE + b"#Source: /logs/my%20site.log\n" + log_line()
    TURN = b"#Source: /logs/u_ex.log\n%b#Source: a.json\n%b%b#Source: /logs/my%%20site.log\n%b" % (
        IIS_LINE,
        JSON_LINE,
        GARBAGE,
        log_line(),
    )
    LOG = BEGIN + TURN * 3
    #: Of each record and event.
    FILES = (
        *("/logs/u_ex.log", "/logs/my site.log"),
        *("/logs/u_ex.log", "a.json", "a.json", "/logs/my site.log") * 3,
    )

    def _files(self, commands: Commands, *args: str, data: bytes = LOG) -> list[Any]:
        return [value["file"] for value in commands.run("w3c-parse", "--source", *args, stdin=data).values]

    def test_each_source_is_read_in_its_own_format(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", stdin=self.LOG)
        assert (result.status, [value.get("event") for value in result.values].count("unparsed")) == (0, 3)
        assert result.notes[:3] == [
            "w3c-parse: /logs/u_ex.log: reading as iis",
            "w3c-parse: /logs/my site.log: reading as combined",
            "w3c-parse: a.json: reading as json",
        ]
        assert result.notes[-1] == "w3c-parse: 27 lines in, 11 records, 3 unparsed, 13 skipped"
        assert [values["duration"] for values in result.values if values.get("path") == "/iis"] == [0.015] * 4

    def test_every_line_says_which_file_it_is_from(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", "--source", stdin=self.LOG)
        assert {list(value)[-1] for value in result.values} == {"file"}
        assert tuple(value["file"] for value in result.values) == self.FILES

    def test_without_it_nothing_changes(self, commands: Commands) -> None:
        plain = commands.run("w3c-parse", stdin=self.LOG)
        told = commands.run("w3c-parse", "--source", stdin=self.LOG)
        assert re.sub(rb',"file":"[^"]*"}\n', b"}\n", told.stdout) == plain.stdout
        assert (told.status, told.stderr) == (plain.status, plain.stderr)

    def test_file_arguments_are_named_as_given(self, commands: Commands) -> None:
        commands.write("a.log", log_line() + GARBAGE)
        commands.write("merged.log", log_line() + b"#Source: /b.log\n" + log_line())
        files = self._files(commands, "a.log", "./merged.log", "-", data=log_line())
        assert files == ["a.log", "a.log", "./merged.log", "/b.log", None]

    def test_null_is_left_out_like_others(self, commands: Commands) -> None:
        result = commands.run("w3c-parse", "--source", "--omit-null", stdin=log_line() + self.LOG)
        assert ["file" in value for value in result.values] == [False] + [True] * 14

    def test_where_knows_the_file(self, commands: Commands) -> None:
        files = self._files(commands, "--where", 'file ~ "^/logs/" and status == 200')
        assert set(files) == {"/logs/u_ex.log", "/logs/my site.log", "a.json"}  # the last by its events
        assert files.count("a.json") == 3

    def test_rejects_stay_as_they_were(self, commands: Commands) -> None:
        commands.run("w3c-parse", "--source", "--rejects", "odd.log", stdin=self.LOG)
        assert (commands.folder / "odd.log").read_bytes() == GARBAGE * 3

    def test_no_source_in_a_known_format_is_65(self, commands: Commands) -> None:
        data = (b"#Source: a\n" + GARBAGE + b"#Source: b\n" + GARBAGE) * 3
        assert commands.run("w3c-parse", stdin=data).status == 65
        assert commands.run("w3c-parse", stdin=data + log_line()).status == 0

    def test_invented_sources_do_not_flood_the_terminal(self, commands: Commands) -> None:
        data = b"".join(b"#Source: %d\n" % number + log_line() for number in range(500))
        assert len(commands.run("w3c-parse", stdin=data).notes) == 101

    def test_configuration_sets_it(self, commands: Commands) -> None:
        commands.write("w3ctools.ini", b"[parse]\nsource = yes\n")
        assert commands.run("w3c-parse", stdin=log_line()).values[0]["file"] is None

    @pytest.mark.parametrize("script", ["w3c-alert --pass-through", "w3c-parse"])
    def test_lines_with_a_file_pass_as_they_are(self, commands: Commands, script: str) -> None:
        told = commands.run("w3c-parse", "--source", stdin=self.LOG).stdout
        assert commands.run(*script.split(), stdin=told).stdout == told

    def test_statistics_are_the_same_with_it(self, commands: Commands) -> None:
        plain, told = (
            commands.run("w3c-parse", *args, stdin=self.LOG).stdout for args in ((), ("--source",))
        )
        totals = [commands.run("w3c-stats", "--total", stdin=records) for records in (plain, told)]
        assert totals[0] == totals[1]
        assert totals[0].stdout


class TestCompressed:
    LOG = b"".join(log_line(target=f"/{number}") for number in range(5000))

    def _compressed(self, program: str) -> bytes:
        command = [tool(program), "-c"]
        return subprocess.run(command, input=self.LOG, capture_output=True, check=True, timeout=30).stdout

    @pytest.mark.parametrize("program", ["gzip", "bzip2", "xz", "zstd"])
    def test_file_is_read_as_if_it_were_not(self, commands: Commands, program: str) -> None:
        commands.write("access.log.2", self._compressed(program))
        result = commands.run("w3c-parse", "access.log.2")
        assert (result.status, result.notes) == (0, ["w3c-parse: access.log.2: reading as combined"])
        assert result.stdout == commands.run("w3c-parse", stdin=self.LOG).stdout

    def test_damaged_file_is_read_up_to_there_and_fails(self, commands: Commands) -> None:
        commands.write("access.log.gz", self._compressed("gzip")[:-3000])
        commands.write("other.log", log_line(target="/other"))
        result = commands.run("w3c-parse", "access.log.gz", "other.log")
        *paths, last = (values["path"] for values in result.values)
        assert (result.status, last) == (1, "/other")
        assert paths == [f"/{number}" for number in range(len(paths))]
        assert 0 < len(paths) < 5000
        assert "w3c-parse: access.log.gz: gzip data is cut off; read up to there" in result.notes
