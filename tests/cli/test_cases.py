"""A folder a format: what w3c-parse makes of real lines.

``in.log`` is read, ``out.jsonl`` expected, ``options`` are more words for the command. After a wanted change
``pytest --update-cases`` writes the expectations anew, for `git diff` to be looked at.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from harness import Commands

from w3ctools.core.formats import registry
from w3ctools.core.formats.format import FormatSpec

CASES = sorted(path for path in (Path(__file__).parents[1] / "cases" / "parse").iterdir() if path.is_dir())


def test_every_named_format_has_its_case() -> None:
    names = {spec.name for spec in registry.ALL}
    assert len(names) > 15
    assert names <= {path.name for path in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_lines_give_the_expected_records(commands: Commands, case: Path, pytestconfig: pytest.Config) -> None:
    options = case / "options"
    words = shlex.split(options.read_text()) if options.exists() else []
    run = commands.run("w3c-parse", *words, stdin=(case / "in.log").read_bytes())
    expected = case / "out.jsonl"
    if pytestconfig.getoption("--update-cases"):
        expected.write_bytes(run.stdout)
    assert run.values == [json.loads(line) for line in expected.read_text().splitlines()]
    assert run.values


@pytest.mark.parametrize("spec", registry.DETECTED, ids=lambda spec: spec.name)
def test_a_formats_example_is_recognised_as_that_format(commands: Commands, spec: FormatSpec) -> None:
    run = commands.run("w3c-parse", stdin=spec.example + b"\n")
    assert [note for note in run.notes if "reading as" in note] == [
        f"w3c-parse: stdin: reading as {spec.name}"
    ]
