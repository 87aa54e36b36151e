"""w3c-parse: its options, its inputs and what it says of them."""

from __future__ import annotations

import grp
import os
import pwd

import pytest
from harness import EPOCH, Commands, Script, log_line, unprivileged, utc

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
        assert "no line in a known format" in result.notes[-2]
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
