"""w3c-alert check: all that is wrong with a file of rules, or its rules as they are understood."""

from __future__ import annotations

import re

import pytest
from harness import SCRIPTS, Commands, Script, unprivileged

BAD = """\
[alert]
treshold = 3
threshold = ten
window = 1w
recover-at = x

[alert:metric]
metric = foo
threshold = 3
log = alerts.log

[alert:both]
below = 3
threshold = 4

[alert:durations]
metric = p95

[alert:flapping]
metric = error-ratio
threshold = 5%
recover-at = 6%

[alert:never]
threshold = 0.0
by = planet

[tail]
lines = many

[prase]

[alert:Shop Errors]
"""
WRONG = """\
my.ini:2:1: no key 'treshold' in [alert]: did you mean 'threshold'?
my.ini:3:13: threshold: 'ten' is no number: expected one such as 10 or 0.5
my.ini:4:10: window: '1w' is no duration: expected 90, 90s, 10m, 2h or 30d
my.ini:8:10: metric: 'foo' is not one of 'requests', 'errors', 'error-ratio', 'bytes', 'unparsed', 'p95'.
my.ini:10:1: 'log' stands in [alert], not in a rule
my.ini:13:9: below: stands beside a threshold: one rule has one of them
my.ini:16:1: threshold: is missing: p95 has no usual one
my.ini:22:14: recover-at: is above the bound that raises the alert: it would flap
my.ini:25:13: threshold: must be above 0: nothing is ever below it
my.ini:26:6: by: 'planet' is not one of 'section', 'vhost', 'client'.
my.ini:31:1: no section [prase]: did you mean 'parse'?
my.ini:33:1: no section [alert:Shop Errors]: the name of a rule is made of a-z, 0-9 and -: \
did you mean 'alert:shop-errors'?
"""

GOOD = """\
[tail]
lines = many

[alert]
threshold = 12.5
window = 5m
recover-at = 11
for = 30s
db = alerts.db

[alert:shop]
metric = error-ratio
by = section
threshold = 5%
keep-firing = 1m
min-requests = 50

[alert:dead]
below = 0.1

[alert:slow]
metric = p95
threshold = 500ms
by = vhost

[alert:exfiltration]
metric = bytes
threshold = 2MiB
by = client
"""
UNDERSTOOD = """\
my.ini: 5 rules
High traffic: requests above 12.5/s over 300 s, recovers at 11/s, for 30 s
High shop by section: error-ratio above 0.05 over 120 s, keeps firing 60 s, from 50 requests on
Low dead: requests below 0.1/s over 120 s
High slow by vhost: p95 above 0.5 s over 120 s
High exfiltration by client: bytes above 2097152 bytes/s over 120 s
"""


def test_all_that_is_wrong_is_named_in_the_order_of_the_file(script: Script, commands: Commands) -> None:
    commands.write("my.ini", BAD)
    result = script("w3c-alert", "check", "my.ini")
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout == WRONG


def test_rules_are_listed_as_they_are_understood(script: Script, commands: Commands) -> None:
    commands.write("my.ini", GOOD)
    result = script("w3c-alert", "check", "my.ini")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == UNDERSTOOD


def test_file_without_rules_has_the_usual_one(commands: Commands) -> None:
    commands.write("my.ini", "[parse]\n")
    result = commands.run("w3c-alert", "check", "my.ini")
    assert (result.status, result.stdout) == (
        0,
        b"my.ini: 1 rule\nHigh traffic: requests above 10/s over 120 s\n",
    )


@pytest.mark.parametrize("name", ["my.ini", "a:1:2: b.ini"])
def test_errors_of_both_kinds_stand_in_the_order_of_the_file(commands: Commands, name: str) -> None:
    commands.write(name, "[alert:b]\nmetric = p95\n[alert:a]\nx = 3\n[alert:c]\nthreshold = x\n[y]\n")
    lines = commands.run("w3c-alert", "check", name).stdout.decode().splitlines()
    assert [re.match(r":(\d+):\d+: ", line.removeprefix(name))[1] for line in lines] == ["1", "4", "6", "7"]  # type: ignore[index]


def test_every_rule_that_says_what_another_says_is_named(commands: Commands) -> None:
    commands.write("my.ini", "[alert:traffic]\nthreshold = 3\n[alert:a]\nbelow = 1\n")
    result = commands.run("w3c-alert", "check", "my.ini")
    assert (result.status, result.stdout) == (
        1,
        b"my.ini:1:1: 'traffic' is what another rule is called already: name it otherwise\n",
    )


@pytest.mark.parametrize(
    "env",
    [
        pytest.param({}, id="in the working directory"),
        pytest.param({"W3CTOOLS_CONFIG": "other/w3ctools.ini"}, id="W3CTOOLS_CONFIG"),
        pytest.param({"XDG_CONFIG_HOME": "xdg"}, id="XDG"),
    ],
)
def test_without_file_it_is_the_one_that_commands_find(commands: Commands, env: dict[str, str]) -> None:
    path = {"W3CTOOLS_CONFIG": "other/w3ctools.ini", "XDG_CONFIG_HOME": "xdg/w3ctools/w3ctools.ini"}
    name = path[next(iter(env))] if env else "w3ctools.ini"
    (commands.folder / name).parent.mkdir(parents=True, exist_ok=True)
    commands.write(name, "[alert]\nwindow = 30s\n")
    env = {key: str(commands.folder / value) for key, value in env.items()}
    result = commands.run("w3c-alert", "check", env=env)
    assert (result.status, result.stderr) == (0, b"")
    head, rule = result.stdout.decode().splitlines()
    assert head.endswith(f"{name}: 1 rule")
    assert rule == "High traffic: requests above 10/s over 30 s"


def test_file_that_is_found_in_the_working_directory_may_not_act(commands: Commands) -> None:
    commands.write("w3ctools.ini", "[alert]\nlog = a\n[alert:b]\nmetric = p95\n")
    result = commands.run("w3c-alert", "check")
    assert result.status == 1
    assert [line.partition(b" and may not")[0] for line in result.lines] == [
        b"w3ctools.ini:2:1: 'log' names a file to write",
        b"w3ctools.ini:3:1: threshold: is missing: p95 has no usual one",
    ]
    assert commands.run("w3c-alert", "check", "w3ctools.ini").lines[1:] == []


def test_no_file_anywhere_is_usage_error(script: Script) -> None:
    result = script("w3c-alert", "check")
    assert (result.returncode, result.stdout) == (2, "")
    text = "there is no configuration file: name one (see w3c-alert check --help)"
    assert result.stderr == f"w3c-alert: {text}\n"


def test_absent_file_is_told(script: Script) -> None:
    result = script("w3c-alert", "check", "absent.ini")
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout == "absent.ini: cannot be read: No such file or directory\n"


def test_unreadable_file_is_told(commands: Commands) -> None:
    commands.write("my.ini", GOOD).chmod(0)
    result = commands.run(*unprivileged(), SCRIPTS / "w3c-alert", "check", "my.ini")
    assert (result.status, result.stdout) == (1, b"my.ini: cannot be read: Permission denied\n")


def test_file_that_cannot_be_parsed_is_one_error(commands: Commands) -> None:
    commands.write("my.ini", "[alert]\nwindow\n[prase]\n")
    result = commands.run("w3c-alert", "check", "my.ini")
    assert (result.status, result.stdout) == (
        1,
        b"my.ini:2:1: unexpected line: 'window': expected key = value\n",
    )


def test_environment_is_no_part_of_the_file(commands: Commands) -> None:
    commands.write("my.ini", "[alert]\n")
    result = commands.run("w3c-alert", "check", "my.ini", env={"W3C_ALERT_WINDOW": "7s"})
    assert result.lines[1] == b"High traffic: requests above 10/s over 120 s"


def test_other_settings_of_the_user_do_not_matter(commands: Commands) -> None:
    commands.write("w3ctools.ini", "[nonsense]\n")
    commands.write("my.ini", "[alert]\n")
    assert commands.run("w3c-alert", "check", "my.ini").status == 0


def test_stdin_is_left_alone(commands: Commands) -> None:
    commands.write("my.ini", GOOD)
    proc = commands.start("w3c-alert", "check", "my.ini")  # whose stdin stays open
    assert proc.wait() == 0
