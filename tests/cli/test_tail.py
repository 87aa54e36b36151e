"""w3c-tail: where it begins, what it follows, and that no line is lost on the way."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import AT_ONCE_S, SCRIPTS, Commands, Proc, Script, tool, unprivileged

FIVE = b"1\n2\n3\n4\n5\n"


def follow(commands: Commands, *args: str, content: bytes = b"") -> Proc:
    """Follow access.log from its beginning; what it holds at first was read already."""
    commands.write("access.log", content + b"first\n")
    proc = commands.start("w3c-tail", "-n", "+1", *args, "access.log")
    proc.read_until(b"first\n")
    return proc


def end(proc: Proc) -> None:
    """Ask it to end; it leaves nothing unsaid."""
    proc.send_signal(signal.SIGTERM)
    assert proc.wait() == -signal.SIGTERM


@contextmanager
def standing_still(proc: Proc) -> Iterator[None]:
    """What happens meanwhile, it sees in one look."""
    state = Path(f"/proc/{proc.pid}/stat")
    proc.send_signal(signal.SIGSTOP)
    proc.until(lambda: state.read_bytes().rpartition(b")")[2].split()[0] == b"T", "stopped")
    yield
    proc.send_signal(signal.SIGCONT)


class TestStart:
    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            ("0", b""),
            ("1", b"5\n"),
            ("2", b"4\n5\n"),
            ("-2", b"4\n5\n"),
            ("5", FIVE),
            ("9", FIVE),
            ("+1", FIVE),
            ("+0", FIVE),
            ("+4", b"4\n5\n"),
            ("+6", b""),
            ("+9", b""),
        ],
    )
    def test_lines_says_where_to_begin(self, commands: Commands, lines: str, expected: bytes) -> None:
        commands.write("access.log", FIVE)
        result = commands.run("w3c-tail", "--no-follow", f"--lines={lines}", "access.log")
        assert (result.status, result.stdout, result.stderr) == (0, expected, b"")

    def test_default_is_what_comes_from_now_on(self, commands: Commands) -> None:
        commands.write("access.log", FIVE)
        proc = commands.start("w3c-tail", "access.log").ready()
        # It listens to signals before it looks at the file, so the line may come a moment too early.
        fed = 0

        def heard() -> bool:
            nonlocal fed
            fed += 1
            commands.append("access.log", f"new {fed}\n".encode())
            return bool(proc.out)

        proc.until(heard, "new lines shown")
        assert proc.read_line().startswith(b"new ")

    @pytest.mark.parametrize("lines", ["", "x", "1.5", "--1", "1k"])
    def test_lines_that_is_no_number_is_usage_error(self, script: Script, lines: str) -> None:
        result = script("w3c-tail", f"--lines={lines}", "access.log")
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)

    def test_no_follow_passes_on_an_unfinished_line(self, commands: Commands) -> None:
        commands.write("access.log", FIVE + b"unfinished")
        result = commands.run("w3c-tail", "--no-follow", "-n", "1", "access.log")
        assert result.stdout == b"5\nunfinished\n"

    def test_files_come_in_their_order(self, commands: Commands) -> None:
        commands.write("a.log", b"of a\n")
        commands.write("b.log", b"of b\n")
        result = commands.run("w3c-tail", "--no-follow", "-n", "+1", "a.log", "b.log")
        assert result.stdout == b"#Source: a.log\nof a\n#Source: b.log\nof b\n"

    def test_summary_counts_lines_and_bytes(self, commands: Commands) -> None:
        commands.write("access.log", FIVE)
        result = commands.run("w3c-tail", "--no-follow", "--summary", "-n", "2", "access.log")
        assert result.notes == ["w3c-tail: 2 lines out, 4 bytes"]


class TestStream:
    def test_dash_is_stdin(self, commands: Commands) -> None:
        assert commands.run("w3c-tail", "-", stdin=FIVE).stdout == FIVE

    def test_stdin_passes_whole_lines_only(self, commands: Commands) -> None:
        proc = commands.start("w3c-tail", "-")
        proc.feed(b"whole\nunfin")
        assert proc.read_line() == b"whole\n"
        proc.feed(b"ished\n")
        assert proc.read_line() == b"unfinished\n"

    def test_stdin_beside_files_is_usage_error(self, script: Script) -> None:
        result = script("w3c-tail", "-", "access.log")
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)

    def test_fifo_is_read_to_its_end(self, commands: Commands) -> None:
        path = commands.folder / "fifo"
        os.mkfifo(path)
        proc = commands.start("w3c-tail", path)
        with open(path, "wb", buffering=0) as fifo:
            fifo.write(FIVE)
            assert proc.read_until(b"5\n") == FIVE
        assert proc.wait() == 0

    def test_fifo_beside_files_is_usage_error(self, commands: Commands) -> None:
        os.mkfifo(commands.folder / "fifo")
        commands.write("access.log", FIVE)
        result = commands.run("w3c-tail", "fifo", "access.log")
        assert (result.status, len(result.notes)) == (2, 1)


class TestFollow:
    def test_line_is_shown_when_it_is_whole(self, commands: Commands) -> None:
        proc = follow(commands)
        commands.append("access.log", b"un")
        commands.append("access.log", b"finished\nnext")
        assert proc.read_line() == b"unfinished\n"

    def test_missing_file_is_waited_for_and_read_from_its_beginning(self, commands: Commands) -> None:
        proc = commands.start("w3c-tail", "access.log")
        assert proc.read_notes("waiting") == ["w3c-tail: access.log: waiting for it to appear"]
        commands.write("access.log", FIVE)
        assert proc.read_until(b"5\n") == FIVE
        assert proc.read_notes("appeared")[1:] == ["w3c-tail: access.log: appeared"]

    def test_renamed_file_is_read_to_its_end_before_the_new_one(self, commands: Commands) -> None:
        proc = follow(commands)
        (commands.folder / "access.log").rename(commands.folder / "access.log.1")
        commands.append("access.log.1", b"last of the old\n")
        commands.write("access.log", b"first of the new\n")
        assert proc.read_line() == b"last of the old\n"
        assert proc.read_line() == b"first of the new\n"
        assert "w3c-tail: access.log: rotated, 1 line drained, 0 lost" in proc.read_notes("rotated")

    def test_writer_that_stays_in_the_renamed_file_is_heard(self, commands: Commands) -> None:
        proc = follow(commands)
        (commands.folder / "access.log").rename(commands.folder / "access.log.1")
        commands.write("access.log", b"new\n")
        assert proc.read_line() == b"new\n"
        commands.append("access.log.1", b"old\n")
        assert proc.read_line() == b"old\n"

    def test_truncated_copy_begins_again(self, commands: Commands) -> None:
        proc = follow(commands, content=FIVE)
        path = commands.folder / "access.log"
        shutil.copy(path, commands.folder / "access.log.1")
        os.truncate(path, 0)
        assert "truncated" in proc.read_notes("truncated")[0]
        commands.append("access.log", b"after\n")
        assert proc.read_line() == b"after\n"

    def test_removed_file_is_waited_for(self, commands: Commands) -> None:
        proc = follow(commands)
        (commands.folder / "access.log").unlink()
        proc.read_notes("waiting for it to appear")
        commands.write("access.log", b"again\n")
        assert proc.read_line() == b"again\n"

    def test_switched_link_is_followed(self, commands: Commands) -> None:
        commands.write("a.log", b"of a\n")
        commands.write("b.log", b"of b\n")
        link, new_link = commands.folder / "access.log", commands.folder / "new"
        link.symlink_to("a.log")
        new_link.symlink_to("b.log")
        proc = commands.start("w3c-tail", "-n", "+1", "access.log")
        assert proc.read_line() == b"of a\n"
        new_link.rename(link)
        assert proc.read_line() == b"of b\n"

    def test_several_files_are_followed_at_once(self, commands: Commands) -> None:
        commands.write("a.log", b"a\n")
        commands.write("b.log", b"b\n")
        proc = commands.start("w3c-tail", "-n", "+1", "a.log", "b.log")
        assert proc.read_until(b"b\n") == b"#Source: a.log\na\n#Source: b.log\nb\n"
        commands.append("b.log", b"to b\n")
        assert proc.read_line() == b"to b\n"
        for name in ("a.log", "b.log"):
            commands.append(name, f"to {name}\n".encode())
            assert proc.read_line() == f"#Source: {name}\n".encode()
            assert proc.read_line() == f"to {name}\n".encode()

    def test_unreadable_file_is_named_with_its_owner_and_waited_for(self, commands: Commands) -> None:
        path = commands.write("access.log", FIVE)
        path.chmod(0)
        proc = commands.start(*unprivileged(), "w3c-tail", "access.log")
        (note,) = proc.read_notes("permission denied")
        assert note.startswith("w3c-tail: access.log: permission denied (owner ")
        assert note.endswith(", mode 0000)")
        path.chmod(0o600)
        assert proc.read_until(b"5\n") == FIVE

    def test_signal_ends_it_within_a_long_backlog(self, commands: Commands) -> None:
        commands.write("access.log", FIVE * 1_000_000)
        proc = commands.start("w3c-tail", "-n", "+1", "access.log")
        proc.read_line()
        proc.send_signal(signal.SIGTERM)
        assert proc.wait(AT_ONCE_S) == -signal.SIGTERM
        assert len(proc.out) < 10_000_000
        assert proc.out.endswith(b"\n")


class TestHeader:
    HEADER = b"#Version: 1.0\n#Fields: date time cs-uri\n"

    def test_w3c_header_goes_before_the_first_line(self, commands: Commands) -> None:
        commands.write("u_ex.log", self.HEADER + FIVE)
        result = commands.run("w3c-tail", "--no-follow", "-n", "1", "u_ex.log")
        assert result.stdout == self.HEADER + b"5\n"

    def test_newest_header_is_the_one(self, commands: Commands) -> None:
        newer = self.HEADER.replace(b"cs-uri", b"cs-uri-stem")
        commands.write("u_ex.log", self.HEADER + FIVE + newer + FIVE)
        result = commands.run("w3c-tail", "--no-follow", "-n", "1", "u_ex.log")
        assert result.stdout == newer + b"5\n"

    def test_header_waits_for_the_line(self, commands: Commands) -> None:
        commands.write("u_ex.log", self.HEADER + FIVE)
        assert commands.run("w3c-tail", "--no-follow", "u_ex.log").stdout == b""


class TestSources:
    @pytest.mark.parametrize(
        ("name", "written"),
        [
            pytest.param("my site.log", b"my%20site.log", id="blank"),
            pytest.param("50%.log", b"50%25.log", id="percent sign"),
            pytest.param("a\nb.log", b"a%0Ab.log", id="newline"),
            pytest.param("a\x1b[1mb.log", b"a%1B[1mb.log", id="escape"),
            pytest.param("é.log", "é.log".encode(), id="UTF-8"),
            pytest.param(os.fsdecode(b"\xe9.log"), b"\xe9.log", id="no UTF-8"),
        ],
    )
    def test_odd_name_is_one_word(self, commands: Commands, name: str, written: bytes) -> None:
        commands.write("other.log", b"other\n")
        commands.write(name, b"1\n")
        result = commands.run("w3c-tail", "--no-follow", "-n", "+1", "other.log", name)
        assert result.stdout == b"#Source: other.log\nother\n#Source: " + written + b"\n1\n"

    def test_pattern_is_all_its_files(self, commands: Commands) -> None:
        commands.write("b.log", b"of b\n")
        commands.write("a.log", b"of a\n")
        commands.write("c.txt", b"of c\n")
        result = commands.run("w3c-tail", "--no-follow", "-n", "+1", "*.log")
        assert result.stdout == b"#Source: a.log\nof a\n#Source: b.log\nof b\n"

    def test_file_of_a_pattern_is_named_though_it_is_the_only_one(self, commands: Commands) -> None:
        commands.write("a.log", b"of a\n")
        result = commands.run("w3c-tail", "--no-follow", "-n", "+1", "*.log")
        assert result.stdout == b"#Source: a.log\nof a\n"

    def test_name_with_a_bracket_is_that_file(self, commands: Commands) -> None:
        commands.write("a[1].log", b"literal\n")
        commands.write("a1.log", b"match\n")
        result = commands.run("w3c-tail", "--no-follow", "-n", "+1", "a[1].log")
        assert result.stdout == b"literal\n"

    def test_file_that_comes_later_is_found_and_read_whole(self, commands: Commands) -> None:
        commands.write("a.log", b"first\n")
        proc = commands.start("w3c-tail", "-n", "1", "*.log")
        proc.read_until(b"first\n")
        commands.write("b.log", FIVE)
        assert proc.read_until(b"5\n") == b"#Source: b.log\n" + FIVE

    def test_more_files_than_may_be_open(self, commands: Commands) -> None:
        names = [f"{number:02d}.log" for number in range(60)]
        for name in names:
            commands.write(name, b"1\n")
        limited = (tool("prlimit"), "--nofile=40", str(SCRIPTS / "w3c-tail"))
        result = commands.run(*limited, "--no-follow", "-n", "+1", *names)
        assert (result.status, result.notes) == (0, [])
        assert result.stdout == b"".join(f"#Source: {name}\n1\n".encode() for name in names)


class TestState:
    ONCE = ("w3c-tail", "--no-follow", "--state", "state", "-n", "+1")

    def test_restart_goes_on_where_the_reader_was(self, commands: Commands) -> None:
        commands.write("access.log", b"1\n2\n")
        proc = commands.start("w3c-tail", "--state", "state", "-n", "+1", "access.log")
        proc.read_until(b"2\n")
        end(proc)
        commands.append("access.log", b"3\n")
        proc = commands.start("w3c-tail", "--state", "state", "-n", "+1", "access.log")
        assert proc.read_line() == b"3\n"

    def test_each_line_comes_once_however_often_it_is_called(self, commands: Commands) -> None:
        commands.write("access.log", b"")
        outputs = []
        for number in range(3):
            commands.append("access.log", b"%d\n" % number)
            outputs.append(commands.run(*self.ONCE, "access.log").stdout)
        outputs.append(commands.run(*self.ONCE, "access.log").stdout)
        assert outputs == [b"0\n", b"1\n", b"2\n", b""]

    def test_each_line_comes_once_when_the_log_is_rotated_between_calls(self, commands: Commands) -> None:
        commands.write("access.log", b"1\n")
        commands.run(*self.ONCE, "access.log")
        commands.append("access.log", b"2\n")
        (commands.folder / "access.log").rename(commands.folder / "access.log.1")
        commands.write("access.log", b"3\n")
        result = commands.run(*self.ONCE, "access.log")
        assert (result.stdout, result.notes) == (b"2\n3\n", [])

    def test_unfinished_line_waits_for_the_next_call(self, commands: Commands) -> None:
        commands.write("access.log", b"1\nunfin")
        assert commands.run(*self.ONCE, "access.log").stdout == b"1\n"
        commands.append("access.log", b"ished\n")
        assert commands.run(*self.ONCE, "access.log").stdout == b"unfinished\n"

    def test_lines_holds_for_a_file_that_the_state_does_not_know(self, commands: Commands) -> None:
        commands.write("a.log", b"1\n")
        commands.run(*self.ONCE, "a.log")
        commands.append("a.log", b"2\n3\n")
        commands.write("b.log", b"4\n5\n")
        result = commands.run("w3c-tail", "--no-follow", "--state", "state", "-n", "1", "a.log", "b.log")
        assert result.stdout == b"#Source: a.log\n2\n3\n#Source: b.log\n5\n"

    def test_new_match_of_a_pattern_that_the_state_knows_is_read_whole(self, commands: Commands) -> None:
        commands.write("a.log", b"1\n")
        commands.run(*self.ONCE, "*.log")
        commands.write("b.log", b"2\n3\n")
        result = commands.run("w3c-tail", "--no-follow", "--state", "state", "-n", "0", "*.log")
        assert result.stdout == b"#Source: b.log\n2\n3\n"

    def test_odd_name_is_known_again(self, commands: Commands) -> None:
        name = os.fsdecode(b"%41 \xe9\n.log")
        commands.write(name, b"1\n")
        commands.run(*self.ONCE, name)
        commands.append(name, b"2\n")
        assert commands.run(*self.ONCE, name).stdout == b"2\n"

    def test_rewind_repeats_what_came_last(self, commands: Commands) -> None:
        commands.write("access.log", b"1\n2\n")
        words = (*self.ONCE, "--rewind", "1h", "access.log")
        commands.run(*words)
        commands.append("access.log", b"3\n")
        assert commands.run(*words).stdout == b"1\n2\n3\n"

    def test_rewind_without_a_state_is_usage_error(self, script: Script) -> None:
        result = script("w3c-tail", "--rewind", "2m", "access.log")
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert "--rewind needs --state" in result.stderr


class TestNotes:
    def test_report_says_what_was_passed_on(self, commands: Commands) -> None:
        proc = follow(commands)
        commands.append("access.log", b"second\n")
        proc.read_until(b"second\n")
        proc.send_signal(signal.SIGUSR1)
        (note,) = proc.read_notes("out")
        # The second line may be written and not counted yet.
        assert note in ("w3c-tail: 1 lines out, 6 bytes", "w3c-tail: 2 lines out, 13 bytes")

    def test_report_says_what_is_held(self, commands: Commands) -> None:
        proc = follow(commands)
        (commands.folder / "access.log").rename(commands.folder / "access.log.1")
        commands.write("access.log", b"new\n")
        proc.read_until(b"new\n")
        commands.append("access.log.1", b"unfinished")
        for _ in range(2):  # the second comes from a later look, which has seen what was written before
            commands.append("access.log", b"again\n")
            proc.read_until(b"again\n")
        proc.send_signal(signal.SIGUSR1)
        assert "; 1 rotated file held open, 10 bytes unread" in proc.read_notes("lines out")[-1]

    def test_rest_of_a_truncated_file_is_recovered_from_its_copy(self, commands: Commands) -> None:
        proc = follow(commands)
        path = commands.folder / "access.log"
        with standing_still(proc):
            commands.append("access.log", b"unread\n")
            shutil.copy(path, commands.folder / "access.log.1")
            os.truncate(path, 0)
        assert proc.read_line() == b"unread\n"
        note = "w3c-tail: access.log: truncated, 7 bytes recovered from access.log.1"
        assert note in proc.read_notes("truncated")

    def test_truncated_file_without_a_copy_is_told(self, commands: Commands) -> None:
        proc = follow(commands)
        os.truncate(commands.folder / "access.log", 0)
        note = "w3c-tail: access.log: truncated, no unread bytes were seen in it"
        assert proc.read_notes("truncated") == [note]

    def test_generations_between_two_looks_are_all_read(self, commands: Commands) -> None:
        proc = follow(commands)
        log = commands.folder / "access.log"
        with standing_still(proc):
            for number in (3, 2, 1):
                log.rename(f"{log}.{number}")
                commands.write("access.log", f"{number}\n".encode())
        assert proc.read_until(b"1\n") == b"3\n2\n1\n"
        assert "w3c-tail: access.log: rotated 3 times, 2 lines drained, 0 lost" in proc.read_notes("rotated")

    def test_what_was_never_written_is_skipped(self, commands: Commands) -> None:
        proc = follow(commands)
        with standing_still(proc):
            os.truncate(commands.folder / "access.log", 1_000_006)
            commands.append("access.log", b"after\n")
        assert proc.read_line() == b"after\n"
        note = "w3c-tail: access.log: skipped 1,000,000 NUL bytes that were never written"
        assert proc.read_notes("skipped") == [note]
