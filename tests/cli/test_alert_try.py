"""w3c-alert try: what rules would have told of an old log."""

from __future__ import annotations

import json
import re
import signal

import pytest
from harness import EPOCH, Commands, Proc, Script, log_line, record, records, utc

#: With -t 1 -w 10s: more than 10 in ten seconds at the sixth second, fewer than 10 at the seventeenth.
BURST = records(EPOCH + second for second in range(10) for _ in range(2)) + records(
    EPOCH + second for second in range(12, 41, 2)
)
RULE = ("-t", "1", "-w", "10s")
REPORT = f"""\
{utc(EPOCH)} to {utc(EPOCH + 40)}: 35 records

High traffic: requests above 1/s over 10 s
  1 alert, 11s in all
  raised                recovered  lasted
  {utc(EPOCH + 5)}  {utc(EPOCH + 16)[11:]}     11s  hits = 12
  of the time      50 %      90 %      99 %    99.9 %     100 %
  up to           0.5/s     1.6/s       2/s       2/s       2/s
  -t 2 would be exceeded for at most 0.1 % of the time
"""

RULES = """\
[alert]
threshold = 12
window = 60s

[alert:errors]
metric = errors
threshold = 1
window = 30s

[alert:by-section]
metric = error-ratio
by = section
threshold = 50%
min-requests = 20

[alert:quiet]
below = 8
window = 20s
keep-firing = 10s
"""


def generated(commands: Commands, scenario: str) -> bytes:
    """Records of half an hour."""
    script = f"w3c-gen --fast --duration 30m --scenario {scenario} --seed 7 --start {utc(EPOCH)} | w3c-parse"
    return commands.bash(script, deadline_s=60).stdout


def raised_in(paragraph: str) -> list[str]:
    """The times of the alerts that are listed."""
    return re.findall(r"^  (\d{4}-\d\d-\d\dT\S+)  ", paragraph, re.MULTILINE)


def test_report_of_a_burst(script: Script) -> None:
    result = script("w3c-alert", "try", *RULE, stdin=BURST.decode())
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == REPORT


@pytest.mark.parametrize("scenario", ["flood", "deploy-500"])
def test_alerts_are_those_that_the_same_rules_tell(commands: Commands, scenario: str) -> None:
    data = generated(commands, scenario)
    commands.write("my.ini", RULES)
    events = commands.run("w3c-alert", "--config", "my.ini", "-o", "json", stdin=data).values
    report = commands.run("w3c-alert", "try", "--config", "my.ini", stdin=data)
    names = ("traffic", "errors", "by-section", "quiet")
    paragraphs = report.stdout.decode().split("\n\n")[1:]
    raised = {
        name: [e["time"] for e in events if e["rule"] == name and e["state"] == "raised"] for name in names
    }
    assert any(raised.values())
    for name, paragraph in zip(names, paragraphs, strict=True):
        assert raised_in(paragraph) == raised[name][:20], name
        count = len(raised[name])
        assert paragraph.splitlines()[1].startswith(f"  {count:,} alert" if count else "  no alert"), name


def test_rules_come_from_flags_environment_and_file(commands: Commands) -> None:
    commands.write("w3ctools.ini", "[alert]\nwindow = 30s\nthreshold = 5\n[alert:more]\nbelow = 2\n")
    result = commands.run("w3c-alert", "try", "-w", "20s", env={"W3C_ALERT_METRIC": "unparsed"}, stdin=BURST)
    heads = [paragraph.splitlines()[0] for paragraph in result.stdout.decode().split("\n\n")[1:]]
    assert heads == [
        "High unparsed: unparsed above 5/s over 20 s",
        "Low more: requests below 2/s over 120 s",
    ]


def test_below_lists_what_was_not_reached(commands: Commands) -> None:
    result = commands.run("w3c-alert", "try", "--below", "0.4", "-w", "10s", stdin=BURST)
    assert result.stdout.decode().splitlines()[2:] == [
        "Low traffic: requests below 0.4/s over 10 s",
        "  no alert",
        "  of the time      50 %      90 %      99 %    99.9 %     100 %",
        "  at least        0.5/s     0.5/s     0.4/s     0.4/s     0.4/s",
        "  --below 0.4 would be undercut for at most 0.1 % of the time",
    ]


def test_by_section_names_the_section(commands: Commands) -> None:
    result = commands.run("w3c-alert", "try", "--by", "section", *RULE, stdin=BURST)
    lines = result.stdout.decode().splitlines()
    assert lines[5].endswith("  hits = 12  on /pages")
    assert lines[6].startswith("  of the time of a section  ")


def test_suggestion_is_a_threshold_that_is_hardly_exceeded(commands: Commands) -> None:
    data = generated(commands, "deploy-500")
    args = ("--metric", "error-ratio", "-w", "1m", "--by", "section")
    found = re.search(
        r"-t (\S+) would", commands.run("w3c-alert", "try", "-t", "5%", *args, stdin=data).stdout.decode()
    )
    assert found is not None
    report = commands.run("w3c-alert", "try", "-t", found[1], *args, stdin=data).stdout.decode()
    in_all = re.search(r"^  \d+ alerts?, (\d+)s in all$", report, re.MULTILINE)
    # A thousandth of half an hour of ten sections.
    assert "no alert" in report or (in_all is not None and int(in_all[1]) <= 18)


def test_nothing_is_told_to_anybody(commands: Commands) -> None:
    commands.write(
        "my.ini", "[alert]\nlog = alerts.log\ndb = alerts.db\nexec = touch told\nstate = my.state\n"
    )
    result = commands.run("w3c-alert", "try", "--config", "my.ini", *RULE, stdin=BURST)
    assert (result.status, result.stdout.decode()) == (0, REPORT)
    assert [path.name for path in commands.folder.iterdir()] == ["my.ini"]


@pytest.mark.parametrize("data", [b"", record(None)], ids=["empty", "without time"])
def test_input_without_time_is_told(commands: Commands, data: bytes) -> None:
    result = commands.run("w3c-alert", "try", stdin=data)
    assert (result.status, result.stderr) == (0, b"")
    assert result.stdout == b"no record with a time: there is nothing to try the rules on\n"


def test_raw_log_is_65(script: Script) -> None:
    result = script("w3c-alert", "try", stdin=log_line().decode() * 100)
    assert (result.returncode, result.stdout) == (65, "")
    assert result.stderr == "w3c-alert: this looks like a raw log: put w3c-parse in front\n"


def has_read(proc: Proc, lines: int) -> None:
    """Wait until it says that it has read so many lines."""

    asked = 0

    def says() -> bool:
        nonlocal asked
        if proc.err.count(b" lines in, ") == asked:
            proc.send_signal(signal.SIGUSR1)
            asked += 1
        return f"w3c-alert: {lines} lines in, ".encode() in proc.err

    proc.until(says, f"{lines} lines read")


def test_counts_that_are_asked_for_on_the_way_change_nothing(commands: Commands) -> None:
    proc = commands.start("w3c-alert", "try", *RULE).ready()
    first, rest = BURST.splitlines(keepends=True)[:15], BURST.splitlines(keepends=True)[15:]
    proc.feed(b"".join(first))
    has_read(proc, 15)
    assert proc.finish(b"".join(rest)).stdout.decode() == REPORT


def test_interrupted_it_reports_what_it_has_read(commands: Commands) -> None:
    proc = commands.start("w3c-alert", "try", *RULE).ready()
    proc.feed(BURST)
    has_read(proc, 35)
    proc.send_signal(signal.SIGINT)
    result = proc.result()
    assert (result.status, result.stdout.decode()) == (-signal.SIGINT, REPORT)


def test_durations_are_seconds(commands: Commands) -> None:
    lines = [json.loads(record(EPOCH + second)) | {"duration": 0.25} for second in range(60)]
    data = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    result = commands.run("w3c-alert", "try", "--metric", "p95", "-t", "500ms", stdin=data)
    assert re.fullmatch(
        r"  -t 0\.2[56]s would be exceeded for at most 0\.1 % of the time",
        result.stdout.decode().splitlines()[-1],
    )
