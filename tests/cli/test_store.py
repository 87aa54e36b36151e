"""w3c-store: lines into a database, and out of it again."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from harness import EPOCH, Commands, Result, log_line, record, records, utc

GAP = b'{"event":"gap","from":"a","to":"b"}\n'
UNPARSED = b'{"event":"unparsed","line":1,"reason":"r","column":1,"raw":"x","time":null,"epoch":null}\n'
DATA = records(range(EPOCH, EPOCH + 5)) + GAP + UNPARSED + record(None)


def _read(commands: Commands, *args: str | Path) -> Result:
    return commands.run("w3c-store", "read", *args)


class TestStore:
    def test_what_came_is_read_again(self, commands: Commands) -> None:
        assert commands.run("w3c-store", "site.db", stdin=DATA) == Result(0, b"", b"")
        assert _read(commands, "site.db") == Result(0, DATA, b"")

    def test_more_is_added(self, commands: Commands) -> None:
        commands.run("w3c-store", "site.db", stdin=record(EPOCH + 1))
        commands.run("w3c-store", "site.db", stdin=record(EPOCH))
        assert _read(commands, "site.db").stdout == record(EPOCH) + record(EPOCH + 1)

    def test_line_is_in_the_database_when_it_is_passed_on(self, commands: Commands) -> None:
        store = commands.start("w3c-store", "--pass-through", "site.db").ready()
        for number in range(3):
            line = record(EPOCH + number)
            store.feed(line)
            assert store.read_line() == line
            assert _read(commands, "site.db").lines[-1] + b"\n" == line

    def test_without_pass_through_nothing_is_written_on(self, commands: Commands) -> None:
        assert commands.run("w3c-store", "site.db", stdin=DATA).stdout == b""

    def test_line_without_newline_is_a_line(self, commands: Commands) -> None:
        result = commands.run("w3c-store", "--pass-through", "site.db", stdin=record().rstrip(b"\n"))
        assert result.stdout == _read(commands, "site.db").stdout == record()

    def test_what_is_no_json_is_told_and_passed_on_but_not_stored(self, commands: Commands) -> None:
        data = record() + b"\0\x1b\xff\n" + record()
        result = commands.run("w3c-store", "--pass-through", "--summary", "site.db", stdin=data)
        assert (result.status, result.stdout) == (0, data)
        assert result.notes[0] == r"w3c-store: stdin:2: no JSON object: \x00\x1b\xff"
        assert result.notes[-1].startswith("w3c-store: 3 lines in, 2 records, 0 unparsed")
        assert result.notes[-1].endswith("; 2 stored, 0 deleted")
        assert _read(commands, "site.db").stdout == record() * 2

    def test_raw_log_ends_it(self, commands: Commands) -> None:
        result = commands.run("w3c-store", "site.db", stdin=log_line() * 200)
        assert (result.status, result.notes[-1]) == (
            65,
            "w3c-store: this looks like a raw log: put w3c-parse in front",
        )

    def test_reader_that_goes_away_costs_no_line(self, commands: Commands) -> None:
        store = commands.start("w3c-store", "--pass-through", "site.db").ready()
        store.feed(record())
        store.read_line()
        store.close_stdout()
        assert store.wait() == -signal.SIGPIPE
        assert _read(commands, "site.db").stdout == record()

    def test_reader_that_goes_away_while_nothing_can_be_stored(self, commands: Commands) -> None:
        store = commands.start("w3c-store", "--pass-through", "site.db").ready()
        for ending in ("", "-wal", "-shm"):
            (commands.folder / f"site.db{ending}").unlink()
        (commands.folder / "site.db").mkdir()
        store.feed(records((EPOCH, EPOCH + 1)))
        store.read_notes("is a directory")
        store.close_stdout()
        assert store.wait() == -signal.SIGPIPE
        assert store.err.splitlines()[1:] == [b"w3c-store: site.db: lines missing in it: 2"]

    def test_end_by_a_signal_stores_what_is_under_way(self, commands: Commands) -> None:
        store = commands.start("w3c-store", "site.db").ready()
        store.feed(record())
        store.send_signal(signal.SIGTERM)
        store.is_told_to_end()
        store.feed(record())
        assert store.finish().status == -signal.SIGTERM
        assert _read(commands, "site.db").stdout == record() * 2

    def test_database_that_cannot_be_used(self, commands: Commands) -> None:
        commands.write("other", b"#" * 5000)
        result = commands.run("w3c-store", "other", stdin=record())
        assert (result.status, result.notes) == (
            2,
            ["w3c-store: other: is no SQLite database; name another file"],
        )

    def test_age_limit_of_lines_that_have_no_time(self, commands: Commands) -> None:
        """They stand where they came, so they are young."""
        data = record(None) * 2000
        result = commands.run("w3c-store", "--keep", "60s", "--summary", "site.db", stdin=data)
        assert result.notes[0].endswith("2,000 stored, 0 deleted")

    def test_stamp_in_the_future_deletes_nothing(self, commands: Commands) -> None:
        far = record(EPOCH + 10_000_000)
        commands.run("w3c-store", "--keep", "1h", "site.db", stdin=records(range(EPOCH, EPOCH + 9)) + far)
        assert len(_read(commands, "site.db").lines) == 10


class TestRead:
    @pytest.fixture(autouse=True)
    def database(self, commands: Commands) -> None:
        """There is one."""
        commands.run("w3c-store", "site.db", stdin=DATA)

    def test_since_and_until(self, commands: Commands) -> None:
        args = ("--since", utc(EPOCH + 1), "--until", utc(EPOCH + 3))
        assert _read(commands, "site.db", *args).stdout == records((EPOCH + 1, EPOCH + 2))

    def test_time_that_ends_before_it_begins(self, commands: Commands) -> None:
        result = _read(commands, "site.db", "--since", "-1h", "--until", "-2h")
        note = "w3c-store: --since is later than --until: no time is between them (see w3c-store read --help)"
        assert (result.status, result.stdout, result.notes) == (2, b"", [note])

    def test_time_before_now(self, commands: Commands) -> None:
        assert _read(commands, "site.db", "--since", "-2h").stdout == b""
        assert _read(commands, "site.db", "--until", "-2h").stdout == DATA

    def test_where_judges_records_and_lets_events_pass(self, commands: Commands) -> None:
        result = _read(commands, "site.db", "--where", f"epoch == {EPOCH + 1}")
        assert result.stdout == record(EPOCH + 1) + GAP + UNPARSED

    def test_where_sees_keys_of_formats_and_lines_of_others(self, commands: Commands) -> None:
        lines = b'{"epoch":5,"duration":2.5}\n{"epoch":6,"duration":"2.5"}\n{"epoch":7,"extra":{"a":"b"}}\n'
        commands.run("w3c-store", "odd.db", stdin=lines)
        assert _read(commands, "odd.db", "--where", "duration > 2 or extra.a == 'b'").lines == [
            lines.splitlines()[0],
            lines.splitlines()[2],
        ]

    def test_wrong_condition(self, commands: Commands) -> None:
        result = _read(commands, "site.db", "--where", "status = 5")
        assert (result.status, len(result.notes)) == (2, 1)
        assert "(see w3c-store read --help)" in result.notes[0]

    def test_no_database(self, commands: Commands) -> None:
        result = _read(commands, "none.db")
        assert (result.status, result.notes) == (2, ["w3c-store: none.db: no such file"])

    def test_reader_goes_away(self, commands: Commands) -> None:
        commands.run("w3c-store", "big.db", stdin=records(range(EPOCH, EPOCH + 20_000)))
        assert commands.bash("w3c-store read big.db | head -n 1; echo ${PIPESTATUS[0]}").lines[1] == b"141"

    def test_file_of_the_name_of_a_subcommand(self, commands: Commands) -> None:
        commands.run("w3c-store", "./read", stdin=record())
        assert _read(commands, "./read").stdout == record()


class TestWords:
    """A FILE of the name of a subcommand is meant as that, more likely."""

    @pytest.mark.parametrize(
        ("args", "text"),
        [
            (
                ("--keep", "30d", "read", "site.db"),
                "--keep stands before 'read', which does not take it there",
            ),
            (("--summary", "read"), "--summary stands before 'read', which does not take it there"),
            (("--config", "x.ini", "read"), "--config stands before 'read', which does not take it there"),
            (("--", "read"), "'read' is a command: a file of that name is ./read"),
        ],
    )
    def test_subcommand_behind_an_option(self, commands: Commands, args: tuple[str, ...], text: str) -> None:
        commands.write("x.ini", "[store]\n")
        result = commands.run("w3c-store", *args)
        assert (result.status, result.notes) == (2, [f"w3c-store: {text} (see w3c-store --help)"])
        assert [path.name for path in commands.folder.iterdir()] == ["x.ini"]

    def test_option_before_a_file_of_that_name(self, commands: Commands) -> None:
        assert commands.run("w3c-store", "--keep", "30d", "./read").status == 0
        assert (commands.folder / "read").exists()

    def test_second_file(self, commands: Commands) -> None:
        result = commands.run("w3c-store", "site.db", "access.log")
        assert (result.status, len(result.notes)) == (2, 1)
        assert "records come on stdin, not from 'access.log'" in result.notes[0]


class TestNames:
    @pytest.mark.parametrize("args", [(), ("read",)])
    def test_no_file_is_usage_error(self, commands: Commands, args: tuple[str, ...]) -> None:
        result = commands.run("w3c-store", *args)
        assert (result.status, result.notes) == (
            2,
            [
                "w3c-store: which database? FILE names it, or key file in [store] "
                f"(see {' '.join(('w3c-store', *args))} --help)"
            ],
        )

    def test_environment_names_the_file(self, commands: Commands) -> None:
        env = {"W3C_STORE_FILE": "site.db"}
        commands.run("w3c-store", stdin=record(), env=env)
        assert commands.run("w3c-store", "read", env=env).stdout == record()

    def test_configuration_names_the_file(self, commands: Commands) -> None:
        commands.write("my.ini", "[store]\nfile = site.db\npass-through = yes\n")
        assert commands.run("w3c-store", "--config", "my.ini", stdin=record()).stdout == record()
        assert _read(commands, "--config", "my.ini").stdout == record()

    def test_configuration_of_the_working_directory_names_no_file(self, commands: Commands) -> None:
        commands.write("w3ctools.ini", "[store]\nfile = site.db\n")
        result = commands.run("w3c-store", stdin=record())
        assert result.status == 2
        assert "'file' names a file to write" in result.notes[0]

    def test_help_of_both(self, commands: Commands) -> None:
        own, of_read = (commands.run("w3c-store", *args, "--help").lines for args in ((), ("read",)))
        assert own[0] == b"Usage: w3c-store [OPTIONS] FILE"
        assert own[-1] == b"  read  Write the lines of FILE again, in time order."
        assert of_read[0] == b"Usage: w3c-store read [OPTIONS] FILE"
