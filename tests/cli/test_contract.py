"""What every command does alike in a pipe: every command, every manner."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest
from harness import (
    AT_ONCE_S,
    EPOCH,
    PYTHON_COMMANDS,
    SHELL_COMMANDS,
    Commands,
    Proc,
    Result,
    Script,
    log_line,
    record,
    records,
    stamp,
    utc,
)

import w3ctools

START = "2020-09-13T12:26:40Z"
FILTERS = ("w3c-parse", "w3c-stats", "w3c-alert")
GEN = ("w3c-gen", "--start", START, "--fast", "--duration")


class Case(NamedTuple):
    """A command with an input of which it ends by itself."""

    args: tuple[str, ...]
    #: What it reads: stdin, or the file access.log.
    data: Callable[[range], bytes] = lambda _numbers: b""

    def start(self, commands: Commands, numbers: range, *, nonblocking: bool = False) -> Proc:
        """Start it, with its file in place."""
        commands.write("access.log", self.data(numbers))
        return commands.start(*self.args, nonblocking=nonblocking)

    def run(self, commands: Commands, numbers: range, env: Mapping[str, str] | None = None) -> Result:
        """Run it to its end."""
        data = self.data(numbers)
        commands.write("access.log", data)
        return commands.run(*self.args, stdin=data, env=env)


def _lines(numbers: range) -> bytes:
    return b"".join(log_line(EPOCH + number, f"/caf\u00e9-{number}/create") for number in numbers)


def _records(numbers: range) -> bytes:
    return b"".join(record(EPOCH + number, section=f"/caf\u00e9-{number % 7}") for number in numbers)


CASES = {
    "tail": Case(("w3c-tail", "-n", "+1", "--no-follow", "access.log"), _lines),
    "tail-stdin": Case(("w3c-tail", "-"), _lines),
    "parse": Case(("w3c-parse",), _lines),
    "parse-file": Case(("w3c-parse", "access.log"), _lines),
    "alert": Case(("w3c-alert", "-t", "0.5", "-w", "10s"), _records),
    "alert-json": Case(("w3c-alert", "-t", "0.5", "-w", "10s", "-o", "json"), _records),
    "alert-pass-through": Case(("w3c-alert", "-t", "0.5", "-w", "10s", "--pass-through"), _records),
    "store": Case(("w3c-store", "--pass-through", "site.db"), _records),
    "stats": Case(("w3c-stats",), _records),
    "stats-json": Case(("w3c-stats", "-i", "1s", "-o", "json"), _records),
    "gen": Case((*GEN, "9s")),
}
#: Enough to fill every pipe many times over.
BIG = {
    **{
        name: CASES[name]
        for name in ("tail", "tail-stdin", "parse", "parse-file", "alert-pass-through", "store", "stats-json")
    },
    "gen": Case((*GEN, "500s")),
}


def _cases(cases: Mapping[str, Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


class Driver:
    """Starts a command so that it waits for more, and makes it write."""

    def __init__(self, name: str, commands: Commands) -> None:
        self.name = name
        self._commands = commands
        self._count = 0

    def start(self, *wrapper: str, env: Mapping[str, str] | None = None) -> Proc:
        """Start it behind the words of `wrapper`."""
        self._commands.write("access.log", b"")
        return self._commands.start(*wrapper, *self._args(wrapper), env=env)

    def _args(self, wrapper: tuple[str, ...]) -> tuple[str, ...]:
        options = {
            # It listens to signals before it has found the end of the log.
            "w3c-tail": ("-n", "+1", "access.log"),
            "w3c-parse": (),
            "w3c-stats": ("-o", "json", "-i", "1s"),
            "w3c-alert": ("--pass-through",),
            "w3c-report": (),
            "w3c-store": ("--pass-through", "site.db"),
            "w3c-gen": ("--rate", "50"),
        }
        return (self.name, *options[self.name])

    def provoke(self, proc: Proc) -> None:
        """Give what makes it write at least a line."""
        self._count += 1
        epoch = EPOCH + 10 * self._count
        if self.name == "w3c-tail":
            self._commands.append("access.log", log_line(epoch))
        elif self.name == "w3c-parse":
            proc.feed(log_line(epoch))
        elif self.name in ("w3c-alert", "w3c-store"):
            proc.feed(record(epoch))
        elif self.name == "w3c-stats":
            proc.feed(records((epoch, epoch + 5)))
        elif self.name == "w3c-report":  # it writes when all has come
            proc.feed(record(epoch))
            proc.close_stdin()


@pytest.fixture
def drive(commands: Commands) -> Callable[[str], Driver]:
    """A driver for a command."""
    return lambda name: Driver(name, commands)


every_command = pytest.mark.parametrize("name", [*PYTHON_COMMANDS, *SHELL_COMMANDS])
every_python_command = pytest.mark.parametrize("name", PYTHON_COMMANDS)
#: It reads files, by way of another process: `make test-spark` has tests of its manners.
BESIDE_THE_PIPE = ("w3c-spark",)
every_command_of_the_pipe = pytest.mark.parametrize(
    "name", [name for name in PYTHON_COMMANDS if name not in BESIDE_THE_PIPE]
)
every_command_that_writes_as_it_reads = pytest.mark.parametrize(
    "name", [name for name in PYTHON_COMMANDS if name not in ("w3c-report", *BESIDE_THE_PIPE)]
)
every_filter = pytest.mark.parametrize("name", FILTERS)


class TestOptions:
    @every_command
    @pytest.mark.parametrize("option", ["--help", "-h"])
    def test_help_is_all_there_is_on_stdout(self, script: Script, name: str, option: str) -> None:
        result = script(name, option)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith(f"Usage: {name} ")

    @every_command
    def test_version_is_name_and_version(self, script: Script, name: str) -> None:
        result = script(name, "--version")
        assert (result.returncode, result.stdout, result.stderr) == (
            0,
            f"{name} {w3ctools.__version__}\n",
            "",
        )

    @every_command
    def test_unknown_option_is_usage_error_in_one_line(self, script: Script, name: str) -> None:
        result = script(name, "--no-such-option")
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.count("\n") == 1
        assert result.stderr.startswith(f"{name}: ")
        assert "--no-such-option" in result.stderr
        assert f"(see {name} --help)" in result.stderr

    @every_python_command
    def test_help_without_stdout_ends_well(self, commands: Commands, name: str) -> None:
        result = commands.bash(f"{name} --help >&-")
        assert (result.status, result.stderr) == (0, b"")

    @every_python_command
    def test_help_on_full_disk_is_failure_in_one_line(self, commands: Commands, name: str) -> None:
        result = commands.bash(f"{name} --help >/dev/full")
        assert (result.status, result.notes) == (1, [f"{name}: No space left on device"])

    @every_python_command
    def test_help_with_reader_gone_dies_by_sigpipe(self, commands: Commands, name: str) -> None:
        proc = commands.start(name, "--help")
        proc.close_stdout()
        assert proc.result() == Result(-signal.SIGPIPE, b"", b"")


class TestInput:
    @_cases(CASES)
    def test_empty_input_ends_well(self, commands: Commands, case: Case) -> None:
        if case is CASES["gen"]:
            case = Case((*GEN, "9s", "--rate", "0"))
        assert case.run(commands, range(0)) == Result(0, b"", b"")

    @every_command_that_writes_as_it_reads
    def test_line_is_visible_before_the_next_comes(self, drive: Callable[[str], Driver], name: str) -> None:
        driver = drive(name)
        proc = driver.start().ready()
        for _ in range(3):
            driver.provoke(proc)
            assert proc.read_line()

    @pytest.mark.parametrize("name", ["tail", "tail-stdin", "parse", "alert-pass-through", "stats-json"])
    def test_last_line_without_newline_counts(self, commands: Commands, name: str) -> None:
        whole = CASES[name].run(commands, range(3))
        cut = Case(CASES[name].args, lambda numbers: CASES[name].data(numbers).removesuffix(b"\n"))
        assert cut.run(commands, range(3)) == whole

    @pytest.mark.parametrize("name", ["tail", "tail-stdin"])
    def test_odd_bytes_pass_through_tail(self, commands: Commands, name: str) -> None:
        data = bytes(range(256)) + b"\n\xff\xfe\0\r\n"
        assert Case(CASES[name].args, lambda _: data).run(commands, range(1)) == Result(0, data, b"")

    def test_odd_bytes_become_records_in_parse(self, commands: Commands) -> None:
        odd = bytes(byte for byte in range(256) if byte not in b'\n "?#/')
        result = commands.run(
            "w3c-parse", stdin=log_line(target="/a/PLACE").replace(b"PLACE", odd) + log_line()
        )
        first, second = result.values
        assert (result.status, second["path"]) == (0, "/pages/create")
        assert first["path"].startswith(r"/a/\x00\x01")

    @pytest.mark.parametrize("name", ["w3c-alert", "w3c-stats"])
    def test_odd_bytes_are_quoted_by_json_readers(self, commands: Commands, name: str) -> None:
        result = commands.run(name, "--summary", stdin=record() + b"\0\x1b\xff\n" + record())
        assert result.status == 0
        assert result.notes[0] == rf"{name}: stdin:2: no JSON object: \x00\x1b\xff"
        assert result.notes[-1].startswith(f"{name}: 3 lines in, 2 records, 0 unparsed")

    @pytest.mark.parametrize("name", ["tail", "tail-stdin", "alert-pass-through"])
    def test_long_line_passes_through(self, commands: Commands, name: str) -> None:
        case = CASES[name]
        long = case.data(range(1)).replace(b"create", b"x" * 1_000_000) + case.data(range(1, 2))
        assert Case(case.args, lambda _: long).run(commands, range(1)) == Result(0, long, b"")

    def test_long_line_is_a_record_of_parse(self, commands: Commands) -> None:
        target = "/pages/" + "x" * 1_000_000
        result = commands.run("w3c-parse", stdin=log_line(target=target) + log_line())
        assert [value["path"] for value in result.values] == [target, "/pages/create"]

    def test_long_line_is_counted_by_stats(self, commands: Commands) -> None:
        result = commands.run("w3c-stats", "-o", "json", stdin=record(path="/" + "x" * 1_000_000) + record())
        assert [value["requests"] for value in result.values] == [2]

    @_cases(BIG)
    def test_nonblocking_streams_lose_nothing(self, commands: Commands, case: Case) -> None:
        numbers = range(3000)
        expected = case.run(commands, numbers)
        assert len(expected.stdout) > 250_000
        proc = case.start(commands, numbers, nonblocking=True)
        assert proc.finish(case.data(numbers)) == expected


class TestReaderGone:
    """The reader of stdout goes away: a quiet end by SIGPIPE, as coreutils do it."""

    @every_command_of_the_pipe
    def test_before_first_write_dies_by_sigpipe(self, drive: Callable[[str], Driver], name: str) -> None:
        driver = drive(name)
        proc = driver.start()
        proc.close_stdout()
        driver.provoke(proc)
        assert proc.result() == Result(-signal.SIGPIPE, b"", b"")

    @every_command_that_writes_as_it_reads
    def test_after_first_write_dies_by_sigpipe(self, drive: Callable[[str], Driver], name: str) -> None:
        driver = drive(name)
        proc = driver.start().ready()
        driver.provoke(proc)
        proc.read_line()
        if name == "w3c-parse":
            proc.read_notes("reading as combined")
        said = len(proc.err)
        proc.close_stdout()
        driver.provoke(proc)
        assert (proc.wait(AT_ONCE_S), bytes(proc.err[said:])) == (-signal.SIGPIPE, b"")

    @every_command_of_the_pipe
    def test_while_idle_dies_by_sigpipe(self, commands: Commands, name: str) -> None:
        commands.write("access.log", b"")
        idle = {"w3c-tail": ("access.log",), "w3c-store": ("site.db",), "w3c-gen": ("--rate", "0.001")}
        proc = commands.start(name, *idle.get(name, ())).ready()
        proc.close_stdout()
        assert proc.result(AT_ONCE_S) == Result(-signal.SIGPIPE, b"", b"")

    @_cases(BIG)
    def test_in_the_middle_of_much_is_141_in_bash(self, commands: Commands, case: Case) -> None:
        data = case.data(range(20_000 if case is BIG["stats-json"] else 3000))
        commands.write("access.log", data)
        script = '"$@" < access.log 2> notes | head -n 1 > first; echo ${PIPESTATUS[@]}'
        assert commands.bash(script, *case.args).stdout == b"141 0\n"
        notes = (commands.folder / "notes").read_text()
        assert "Traceback" not in notes
        assert "Broken pipe" not in notes


class TestStandardStreams:
    @_cases(CASES)
    def test_full_disk_is_failure_in_one_line(self, commands: Commands, case: Case) -> None:
        commands.write("access.log", case.data(range(30)))
        result = commands.bash('"$@" < access.log > /dev/full', *case.args)
        assert (result.status, result.notes) == (
            1,
            [f"{case.args[0]}: cannot write: No space left on device"],
        )

    @_cases(CASES)
    def test_closed_stdin_is_no_crash(self, commands: Commands, case: Case) -> None:
        commands.write("access.log", case.data(range(30)))
        result = commands.bash('"$@" <&-', *case.args)
        assert result.status in (0, 2)
        assert b"Traceback" not in result.stderr

    @_cases(CASES)
    def test_closed_stdout_is_no_crash(self, commands: Commands, case: Case) -> None:
        expected = case.run(commands, range(30))
        result = commands.bash('"$@" < access.log >&-', *case.args)
        assert result == Result(expected.status, b"", expected.stderr)

    @_cases(CASES)
    def test_closed_stderr_is_no_crash(self, commands: Commands, case: Case) -> None:
        expected = case.run(commands, range(30))
        result = commands.bash('"$@" < access.log 2>&-', *case.args)
        assert result == Result(0, expected.stdout, b"")

    @_cases(CASES)
    def test_full_stderr_stops_nothing(self, commands: Commands, case: Case) -> None:
        expected = case.run(commands, range(30))
        result = commands.bash('"$@" < access.log 2> /dev/full', *case.args)
        assert result == Result(0, expected.stdout, b"")

    def test_closed_stdout_is_not_given_to_the_next_file(self, commands: Commands) -> None:
        commands.write("records", records([EPOCH] * 20 + [EPOCH + 60]))
        commands.bash("w3c-alert -t 1 -w 10s -o json --log alerts < records >&-")
        assert (commands.folder / "alerts").read_text().count("{") == 0

    @pytest.mark.parametrize("name", [name for name in CASES if name != "gen"])
    def test_stdout_holds_data_only(self, commands: Commands, name: str) -> None:
        case = CASES[name]
        quiet = case.run(commands, range(30))
        told = Case((*case.args, "--summary"), case.data).run(commands, range(30))
        assert told.stdout == quiet.stdout
        assert len(told.notes) > len(quiet.notes)

    @pytest.mark.parametrize("name", ["parse", "alert-json", "alert-pass-through", "stats-json"])
    def test_stdout_is_json_lines(self, commands: Commands, name: str) -> None:
        result = CASES[name].run(commands, range(30))
        assert result.lines
        assert all(isinstance(json.loads(line), dict) for line in result.lines)


class TestEnvironment:
    @_cases(CASES)
    def test_time_zone_and_locale_change_nothing(self, commands: Commands, case: Case) -> None:
        expected = case.run(commands, range(30))
        for env in ({"TZ": "Asia/Kolkata", "LC_ALL": "C"}, {"TZ": "UTC", "LC_ALL": "no_SUCH.locale"}):
            assert case.run(commands, range(30), env) == expected

    @_cases(CASES)
    def test_unbuffered_python_changes_nothing(self, commands: Commands, case: Case) -> None:
        expected = case.run(commands, range(30))
        assert case.run(commands, range(30), {"PYTHONUNBUFFERED": "1"}) == expected

    @_cases(CASES)
    def test_hash_seed_changes_nothing(self, commands: Commands, case: Case) -> None:
        expected = case.run(commands, range(30), {"PYTHONHASHSEED": "1"})
        assert case.run(commands, range(30), {"PYTHONHASHSEED": "2"}) == expected

    def test_stamps_without_zone_do_not_follow_this_machine(self, commands: Commands) -> None:
        line = log_line().replace(b" +0000]", b"]")
        outputs = {
            commands.run("w3c-parse", stdin=line, env={"TZ": zone}).stdout for zone in ("UTC", "Asia/Kolkata")
        }
        assert len(outputs) == 1


class TestSignals:
    ask_to_end = pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])

    @pytest.mark.parametrize("name", ["w3c-tail", "w3c-gen"])
    @ask_to_end
    def test_producer_ends_at_once_at_the_end_of_a_line(
        self, drive: Callable[[str], Driver], name: str, signum: int
    ) -> None:
        driver = drive(name)
        proc = driver.start().ready()
        driver.provoke(proc)
        proc.read_line()
        proc.send_signal(signum)
        result = proc.result(AT_ONCE_S)
        assert (result.status, result.stderr) == (-signum, b"")
        assert result.stdout.endswith(b"\n")

    @every_filter
    @pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
    def test_filter_at_a_terminal_ends_at_once(self, commands: Commands, name: str, signum: int) -> None:
        terminal, stdin = os.openpty()
        try:
            proc = commands.start(name, stdin=stdin).ready()
            proc.send_signal(signum)
            assert proc.result(AT_ONCE_S) == Result(-signum, b"", b"")
        finally:
            os.close(terminal)
            os.close(stdin)

    @every_filter
    @pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
    def test_filter_on_a_pipe_reads_on_to_the_end(
        self, drive: Callable[[str], Driver], name: str, signum: int
    ) -> None:
        driver = drive(name)
        proc = driver.start().ready()
        proc.send_signal(signum)
        proc.is_told_to_end()
        driver.provoke(proc)
        proc.read_line()
        driver.provoke(proc)
        result = proc.finish()
        assert result.status == -signum
        # Only the end of the input shows the last of all.
        newest = EPOCH + 25 if name == "w3c-stats" else EPOCH + 20
        assert utc(newest).encode() in result.lines[-1]

    def test_filter_on_a_silent_pipe_gives_up_waiting(self, commands: Commands) -> None:
        proc = commands.start("w3c-stats").ready()
        proc.feed(record())
        proc.send_signal(signal.SIGINT)
        result = proc.result(4)
        assert result.status == -signal.SIGINT
        assert b"1 requests" in result.stdout

    @every_filter
    def test_second_signal_ends_at_once(self, commands: Commands, name: str) -> None:
        proc = commands.start(name).ready()
        proc.send_signal(signal.SIGINT)
        proc.is_told_to_end()
        proc.send_signal(signal.SIGINT)
        assert proc.result(AT_ONCE_S) == Result(-signal.SIGINT, b"", b"")

    @every_command_of_the_pipe
    def test_sigusr1_tells_the_counts_and_goes_on(self, drive: Callable[[str], Driver], name: str) -> None:
        driver = drive(name)
        proc = driver.start().ready()
        proc.send_signal(signal.SIGUSR1)
        notes = proc.read_notes("lines")
        assert len(notes) == 1
        assert notes[0].startswith(f"{name}: ")
        driver.provoke(proc)
        assert proc.read_line()

    @every_command_of_the_pipe
    @pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGHUP])
    def test_ignored_signal_stays_ignored(
        self, drive: Callable[[str], Driver], name: str, signum: signal.Signals
    ) -> None:
        driver = drive(name)
        trap = f'trap "" {signum.name[3:]}; exec "$@"'
        proc = driver.start("/bin/sh", "-c", trap, "sh").ready()
        assert proc.ignores(signum)
        proc.send_signal(signum)
        driver.provoke(proc)
        assert proc.read_line()

    def test_broken_loop_in_bash_ends_too(self, commands: Commands) -> None:
        """A command that only exited with 130 would let the loop go on."""
        proc = commands.start_bash("for i in 1 2 3; do w3c-gen --rate 50; done")
        proc.read_line()
        proc.signal_group(signal.SIGINT)
        assert proc.wait() == -signal.SIGINT


def test_stamp_of_the_harness_is_the_one_of_the_generator(commands: Commands) -> None:
    first = commands.run(*GEN, "1s").lines[0]
    assert f"[{stamp(EPOCH)}]".encode() in first
