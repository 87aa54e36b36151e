"""Counts of w3c-stats beside those of awk and, where it is installed, GoAccess: every scenario of w3c-gen."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from harness import Commands

from w3ctools.core.synth.scenario import SCENARIOS

START = "2020-09-13T12:26:40Z"
DEADLINE_S = 30.0
#: How much of each there is.
OPTIONS = {
    "steady": "--rate 10 --duration 5m",
    "burst": "--rate 3 --duration 20m",
    "day": "--rate 1 --duration 4h",
    "deploy-500": "--rate 6 --duration 10m",
    "crawler": "--rate 4 --duration 10m",
    "flood": "--rate 1 --duration 10m",
    "quiet-night": "--rate 8 --duration 20m",
    "rotation-storm": "--rate 20 --duration 2m --rotate rename --rotate-every 30s",
}
#: Keys of a table's row.
Rows = list[dict[str, Any]]


def test_every_scenario_has_its_options() -> None:
    assert OPTIONS.keys() == SCENARIOS.keys()


class Counts(NamedTuple):
    """What is compared."""

    requests: int
    bytes: int
    status: Counter[str]
    methods: Counter[str]
    clients: Counter[str]
    paths: Counter[str]


class Sections(NamedTuple):
    """By section, which GoAccess does not know."""

    requests: Counter[str]
    errors: Counter[str]
    bytes: Counter[str]


@pytest.fixture(params=SCENARIOS)
def site_log(request: pytest.FixtureRequest, commands: Commands) -> Path:
    """All lines of a scenario, in one file."""
    options = f"--scenario {request.param} {OPTIONS[request.param]} --fast --seed 7 --start {START}"
    commands.bash(f"w3c-gen {options} --file part.log", deadline_s=DEADLINE_S)
    commands.bash("cat part.log* > all")
    log = commands.folder / "all"
    assert log.stat().st_size > 100_000
    return log


def told(commands: Commands, log: Path) -> dict[str, Any]:
    """The one summary of w3c-stats, with every row of its tables."""
    keys = " ".join(f"--by {name}" for name in ("client", "path", "section", "status", "method"))
    run = commands.bash(
        f'w3c-parse "$1" | w3c-stats --total -o json --top 10000 {keys}', log, deadline_s=DEADLINE_S
    )
    (value,) = run.values
    assert (value["exact"], value["unparsed"]) == (True, 0)
    return dict(value)


def by(rows: Rows, key: str = "key", figure: str = "requests") -> Counter[str]:
    return Counter({row[key]: row[figure] for row in rows if row[figure]})


def counts_told(value: dict[str, Any]) -> Counts:
    return Counts(
        value["requests"],
        value["bytes"],
        Counter(value["status"]),
        Counter(value["methods"]),
        by(value["by"]["client"]),
        by(value["by"]["path"]),
    )


# awk: the fields of a combined line, split at blanks.

_METHOD = "substr($6, 2)"
_PATH = 'substr($7, 1, index($7 "?", "?") - 1)'
_SECTION = f'substr({_PATH}, 1, index(substr({_PATH}, 2) "/", "/"))'


def uniq(commands: Commands, log: Path, expression: str, where: str = "1") -> Counter[str]:
    """``sort | uniq -c`` of what awk prints of each line."""
    program = f"{where} {{ print {expression} }}"
    run = commands.bash('awk "$1" "$2" | sort | uniq -c', program, log, deadline_s=DEADLINE_S)
    pairs = (line.decode().split(maxsplit=1) for line in run.lines)
    return Counter({key: int(count) for count, key in pairs})


def summed(commands: Commands, log: Path, key: str) -> Counter[str]:
    """The bytes of each key, by awk; a dash adds nothing."""
    program = f'{{ sum[{key}] += $10 }} END {{ for (key in sum) printf "%.0f %s\\n", sum[key], key }}'
    run = commands.bash('awk "$1" "$2"', program, log, deadline_s=DEADLINE_S)
    pairs = (line.decode().split(maxsplit=1) for line in run.lines)
    return Counter({key: int(size) for size, key in pairs if size != "0"})


def test_counts_are_those_of_awk(commands: Commands, site_log: Path) -> None:
    assert counts_told(told(commands, site_log)) == Counts(
        uniq(commands, site_log, '"all"')["all"],
        summed(commands, site_log, '"all"')["all"],
        uniq(commands, site_log, "$9"),
        uniq(commands, site_log, _METHOD),
        uniq(commands, site_log, "$1"),
        uniq(commands, site_log, _PATH),
    )


def test_sections_are_those_of_awk(commands: Commands, site_log: Path) -> None:
    rows = told(commands, site_log)["sections"]
    assert Sections(*(by(rows, "section", figure) for figure in Sections._fields)) == Sections(
        uniq(commands, site_log, _SECTION),
        uniq(commands, site_log, _SECTION, "$9 >= 500 && $9 <= 599"),
        summed(commands, site_log, _SECTION),
    )


def test_tables_add_up(commands: Commands, site_log: Path) -> None:
    value = told(commands, site_log)
    tables: list[Rows] = [value["sections"], *value["by"].values()]
    for figure, total in (("requests", "requests"), ("errors", "errors"), ("bytes", "bytes")):
        assert {sum(row[figure] for row in table) for table in tables} == {value[total]}
    assert (len(value["by"]["client"]), value["errors"]) == (
        value["clients"],
        sum(count for status, count in value["status"].items() if status.startswith("5")),
    )


# GoAccess: its panels, in JSON.


def goaccess(commands: Commands, log: Path) -> dict[str, Any]:
    """Its report of a log, without queries, as w3c-stats has paths."""
    command = shutil.which("goaccess")
    if command is None:
        # In CI too, where no package is installed that the commands do not need: awk judges the same counts.
        pytest.skip("goaccess is not installed")
    options = "--no-global-config --log-format=COMBINED --no-progress --no-query-string --max-items=20000"
    run = commands.bash(f'"$1" "$2" {options} -o report.json', command, log, deadline_s=DEADLINE_S)
    assert run.status == 0, run.stderr
    return dict(json.loads((commands.folder / "report.json").read_bytes()))


def hits(items: list[dict[str, Any]], key: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for item in items:
        counts[item[key]] += item["hits"]["count"]
    return counts


def counts_of(report: dict[str, Any]) -> Counts:
    """Paths are in three panels; a status has its words behind it."""
    paths = [item for panel in ("requests", "static_requests", "not_found") for item in report[panel]["data"]]
    statuses = [item for kind in report["status_codes"]["data"] for item in kind["items"]]
    return Counts(
        report["general"]["valid_requests"],
        report["general"]["bandwidth"],
        Counter({code[:3]: count for code, count in hits(statuses, "data").items()}),
        hits(paths, "method"),
        hits(report["hosts"]["data"], "data"),
        hits(paths, "data"),
    )


def test_counts_are_those_of_goaccess(commands: Commands, site_log: Path) -> None:
    assert counts_told(told(commands, site_log)) == counts_of(goaccess(commands, site_log))
