"""w3c-report: a page of what came, on stdout or in a file that is replaced."""

from __future__ import annotations

import os
import re
import signal
from functools import partial
from pathlib import Path

import pytest
from harness import EPOCH, Commands, log_line, record, records, utc

RAISED = f"High traffic generated an alert - hits = 12, triggered at {utc(EPOCH + 1)}\n".encode()
RECOVERED = f"High traffic alert recovered - hits = 3, recovered at {utc(EPOCH + 4)}\n".encode()
TRAFFIC = records(range(EPOCH, EPOCH + 10)) + record(EPOCH + 9, section="/failing", status=500)


def requests_of(page: bytes) -> int:
    """The figure at the head of a page, as long as it is small."""
    match = re.search(rb"<dt>Requests</dt><dd><b[^>]*>(\d+)<", page)
    assert match is not None
    return int(match[1])


class TestPage:
    def test_page_comes_on_stdout(self, commands: Commands) -> None:
        result = commands.run("w3c-report", stdin=TRAFFIC)
        assert (result.status, result.stderr) == (0, b"")
        assert result.stdout.startswith(b"<!DOCTYPE html>")
        assert result.stdout.endswith(b"</html>\n")
        assert requests_of(result.stdout) == 11

    def test_same_input_same_bytes(self, commands: Commands) -> None:
        first, second = (commands.run("w3c-report", stdin=TRAFFIC + RAISED) for _ in range(2))
        assert first == second

    def test_messages_and_events_of_alerts_are_shown(self, commands: Commands) -> None:
        event = b'{"event":"alert","state":"raised","epoch":%d,"message":"High errors on /x"}\n' % (EPOCH + 2)
        page = commands.run("w3c-report", stdin=TRAFFIC + RAISED + event + RECOVERED).stdout.decode()
        assert page.count("High traffic generated an alert - hits = 12") == 2
        assert page.count("High errors on /x") == 2
        assert "1 still open" in page

    def test_unparsed_lines_are_told_with_their_reason(self, commands: Commands) -> None:
        event = b'{"event":"unparsed","line":3,"reason":"no <format> fits","column":1,"raw":"?"}\n'
        page = commands.run("w3c-report", stdin=TRAFFIC + event).stdout.decode()
        assert "12 lines, 1 unparsed" in page
        assert "no &lt;format&gt; fits" in page

    def test_title_and_rows_are_options(self, commands: Commands) -> None:
        data = b"".join(record(section=f"/{number}") for number in range(9))
        page = commands.run("w3c-report", "--title", "a <b> c", "--top", "3", stdin=data).stdout.decode()
        assert "<h1>a &lt;b&gt; c</h1>" in page
        assert "<title>a &lt;b&gt; c</title>" in page
        assert "top 3 of 9" in page

    def test_empty_input_gives_a_page(self, commands: Commands) -> None:
        result = commands.run("w3c-report")
        assert result.status == 0
        assert b"no record came" in result.stdout

    def test_parse_and_alert_in_front(self, commands: Commands) -> None:
        log = commands.write("access.log", b"".join(log_line(EPOCH + n // 5) for n in range(100)))
        script = 'w3c-parse "$1" | w3c-alert -t 1 -w 5s --pass-through | w3c-report'
        result = commands.bash(script, log)
        assert result.status == 0
        assert requests_of(result.stdout) == 100
        assert b"High traffic generated an alert" in result.stdout

    def test_summary_is_told(self, commands: Commands) -> None:
        result = commands.run("w3c-report", "--summary", stdin=TRAFFIC + RAISED)
        assert "12 lines in, 11 records, 0 unparsed, 1 alerts" in result.notes[0]

    def test_raw_log_is_refused(self, commands: Commands) -> None:
        result = commands.run("w3c-report", stdin=log_line() * 200)
        assert (result.status, result.stdout) == (65, b"")


class TestFile:
    def test_page_is_what_stdout_would_have_been(self, commands: Commands) -> None:
        result = commands.run("w3c-report", "--file", "report.html", stdin=TRAFFIC)
        assert (result.status, result.stdout) == (0, b"")
        page = commands.folder / "report.html"
        assert page.read_bytes() == commands.run("w3c-report", stdin=TRAFFIC).stdout
        assert page.stat().st_mode & 0o777 == 0o644 & ~_umask()
        assert not (commands.folder / "report.html.tmp").exists()

    def test_what_a_link_points_at_is_replaced(self, commands: Commands) -> None:
        commands.write("real.html", "old")
        (commands.folder / "report.html").symlink_to("real.html")
        commands.run("w3c-report", "--file", "report.html", stdin=TRAFFIC)
        assert (commands.folder / "report.html").is_symlink()
        assert requests_of((commands.folder / "real.html").read_bytes()) == 11

    def test_old_page_stays_until_the_new_one_is_whole(self, commands: Commands) -> None:
        page = commands.write("report.html", "old")
        proc = commands.start("w3c-report", "--file", page)
        proc.feed(TRAFFIC)
        proc.ready()
        assert page.read_text() == "old"
        assert proc.finish().status == 0
        assert page.read_bytes().startswith(b"<!DOCTYPE html>")

    def test_unwritable_file_is_told_before_anything_is_read(self, commands: Commands) -> None:
        proc = commands.start("w3c-report", "--file", "no/report.html")
        assert proc.wait() == 1
        assert proc.err == b"w3c-report: no/report.html: No such file or directory\n"

    @pytest.mark.parametrize("path", ["/dev/null", "/"])
    def test_only_regular_files_are_replaced(self, commands: Commands, path: str) -> None:
        result = commands.run("w3c-report", "--file", path, stdin=TRAFFIC)
        assert result.status == 2
        assert result.notes == [f"w3c-report: {path}: is no regular file, so it cannot be replaced"]
        assert not Path(path).is_file()

    def test_file_may_not_be_named_by_a_file_that_lies_around(self, commands: Commands) -> None:
        commands.write("w3ctools.ini", "[report]\nfile = report.html\n")
        result = commands.run("w3c-report", stdin=TRAFFIC)
        assert result.status == 2
        assert "names a file to write" in result.notes[0]


class TestRefresh:
    def test_page_keeps_up_with_the_input(self, commands: Commands) -> None:
        page = commands.folder / "report.html"
        proc = commands.start("w3c-report", "--file", page, "--refresh", "1s")
        for count in (1, 2, 3):
            proc.feed(record(EPOCH + count))
            proc.until(partial(_has_requests, page, count), f"{count} requests on the page")
        assert proc.finish().status == 0
        assert requests_of(page.read_bytes()) == 3

    def test_page_is_not_written_while_nothing_comes(self, commands: Commands) -> None:
        page = commands.folder / "report.html"
        proc = commands.start("w3c-report", "--file", page, "--refresh", "1s")
        proc.feed(record())
        proc.until(page.exists, "first page")
        page.unlink()
        proc.feed(b'\n{"event":"gap"}\n')  # nothing that a page shows
        proc.read_notes("taken as a replay")  # which is some seconds later
        assert not page.exists()
        proc.feed(record(EPOCH + 1))
        proc.until(lambda: _requests(page) == 2, "second page")

    def test_page_is_written_at_most_so_often(self, commands: Commands) -> None:
        page = commands.folder / "report.html"
        proc = commands.start("w3c-report", "--file", page, "--refresh", "1h")
        proc.feed(record())
        proc.until(lambda: _requests(page) == 1, "first page")
        proc.feed(record(EPOCH + 1))
        proc.feed(b"foreign\n")
        proc.read_notes("no JSON object: foreign")  # the record was read before
        assert _requests(page) == 1
        assert proc.finish().status == 0
        assert _requests(page) == 2

    def test_signal_gives_the_last_page(self, commands: Commands) -> None:
        page = commands.folder / "report.html"
        proc = commands.start("w3c-report", "--file", page, "--refresh", "1h")
        proc.feed(record())
        proc.until(lambda: _requests(page) == 1, "first page")
        proc.feed(record(EPOCH + 1))
        proc.send_signal(signal.SIGTERM)
        assert proc.wait() == -signal.SIGTERM
        assert _requests(page) == 2

    def test_refresh_needs_a_file(self, commands: Commands) -> None:
        result = commands.run("w3c-report", "--refresh", "10s")
        assert result.status == 2
        assert "--refresh needs --file" in result.stderr.decode()


def _requests(page: Path) -> int:
    return requests_of(page.read_bytes()) if page.exists() else 0


def _has_requests(page: Path, count: int) -> bool:
    return _requests(page) == count


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_summaries_make_no_page_of_traffic(commands: Commands) -> None:
    summaries = commands.run("w3c-stats", "-o", "json", "--mergeable", stdin=record()).stdout
    result = commands.run("w3c-report", stdin=summaries)
    assert result.status == 65
    assert "a page is made of records" in result.notes[0]
