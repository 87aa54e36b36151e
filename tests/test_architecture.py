"""The house's rules, read from its imports: cli uses edge and core, edge uses core, core uses nothing."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import w3ctools

PACKAGE = Path(w3ctools.__file__).parent
#: What a layer may use of the others.
MAY_USE = {"core": {"core"}, "edge": {"edge", "core"}, "cli": {"cli", "edge", "core"}}
#: Modules of the standard library that touch nothing outside.
PURE = {
    "__future__",
    "array",
    "base64",
    "binascii",
    "bisect",
    "collections",
    "contextlib",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "html",
    "itertools",
    "json",
    "math",
    "operator",
    "random",
    "re",
    "string",
    "typing",
    "zlib",
}
CORE_LIBRARIES = {"msgspec", "datasketches"}
#: Functions that reach outside, or would ask the clock or the local time zone.
REACH_OUTSIDE = {"open", "print", "input", "exec", "eval", "__import__", "breakpoint"}
ASK_THE_CLOCK = {"now", "today", "utcnow", "localtime", "fromtimestamp", "astimezone"}


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


class Module:
    """A module of the package: its name and what it is made of."""

    def __init__(self, path: Path) -> None:
        self.name = _name(path)
        self.layer = "" if path.parent == PACKAGE else path.relative_to(PACKAGE).parts[0]
        self.tree = ast.parse(path.read_text(encoding="utf-8"), str(path))

    def imports(self) -> Iterator[str]:
        """The full names of the modules that it imports, wherever in it."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name}: imports are absolute"
                assert node.module
                submodules = {f"{node.module}.{alias.name}" for alias in node.names} & NAMES
                yield from submodules or {node.module}

    def ours(self) -> set[str]:
        """The modules of the package among them."""
        return {name for name in self.imports() if name.split(".")[0] == PACKAGE.name}

    def calls(self) -> Iterator[str]:
        """The dotted names of what it calls."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func)


PATHS = sorted(PACKAGE.rglob("*.py"))
NAMES = {_name(path) for path in PATHS}
MODULES = [Module(path) for path in PATHS]


def _of(layer: str) -> list[Module]:
    return [module for module in MODULES if module.layer == layer]


def _by_name(modules: list[Module]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("module", modules, ids=[module.name for module in modules])


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) > 15
    assert {module.layer for module in MODULES} == {"", *MAY_USE}
    assert sum(len(module.ours()) for module in MODULES) > 30


@_by_name([module for module in MODULES if module.layer])
def test_imports_follow_the_arrow(module: Module) -> None:
    layers = {name.split(".")[1] for name in module.ours() if "." in name}
    assert layers <= MAY_USE[module.layer]


@_by_name(_of("core"))
def test_core_imports_what_is_pure_alone(module: Module) -> None:
    outside = {name.split(".")[0] for name in module.imports()} - {PACKAGE.name}
    assert outside - PURE - CORE_LIBRARIES == set()


@_by_name(_of("core"))
def test_core_reaches_for_nothing_outside(module: Module) -> None:
    assert REACH_OUTSIDE & set(module.calls()) == set()


@_by_name(_of("core"))
def test_core_does_not_ask_the_clock(module: Module) -> None:
    assert ASK_THE_CLOCK & {call.rpartition(".")[2] for call in module.calls()} == set()


@_by_name(_of("core"))
def test_core_takes_chance_from_a_generator_of_its_own(module: Module) -> None:
    drawn = {call for call in module.calls() if call.startswith("random.")}
    assert drawn <= {"random.Random"}


#: What others keep and move: a database, a broker, a cluster.
ENGINES = {"sqlite3", "confluent_kafka", "pyspark", "py4j", "pandas", "pyarrow"}


def test_core_knows_no_engine() -> None:
    """Nor does anything that it imports, however late."""
    text = {module.name: ast.dump(module.tree) for module in _of("core")}
    assert [name for name, tree in text.items() if any(f"'{engine}'" in tree for engine in ENGINES)] == []
    program = "import importlib, sys; [*map(importlib.import_module, sys.argv[1:])]; print(*sys.modules)"
    command = [sys.executable, "-c", program, *text]
    run = subprocess.run(command, capture_output=True, timeout=30, check=True, text=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert "w3ctools" in loaded
    assert ENGINES & loaded == set()


@pytest.mark.parametrize("engine", ["pyspark", "py4j", "pandas"])
def test_spark_is_for_one_folder_alone(engine: str) -> None:
    users = {module.name for module in MODULES if engine in {name.split(".")[0] for name in module.imports()}}
    assert all(name.startswith("w3ctools.edge.spark.") for name in users)


@_by_name([module for module in MODULES if module.layer != "cli"])
def test_click_is_for_cli_alone(module: Module) -> None:
    assert "click" not in {name.split(".")[0] for name in module.imports()}


#: The commands end in one place, and processes forked off them in another.
ENDS = {"w3ctools.cli._command", "w3ctools.edge.workers"}


@_by_name([module for module in MODULES if module.name not in ENDS])
def test_one_place_alone_exits(module: Module) -> None:
    exits = {"sys.exit", "os._exit", "exit", "quit", "os.abort"}
    raised = {
        ast.unparse(node.exc).split("(")[0]
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Raise) and node.exc is not None
    }
    assert (exits & set(module.calls())) | (raised & {"SystemExit", "KeyboardInterrupt"}) == set()


@_by_name([module for module in MODULES if module.layer != "edge"])
def test_environment_is_not_read_by_name_outside_edge(module: Module) -> None:
    looked_up = {
        ast.unparse(node)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Subscript | ast.Call)
        and ast.unparse(node).startswith(("os.environ[", "os.environ.get(", "os.getenv("))
    }
    assert looked_up == set()


COMMANDS = [module for module in _of("cli") if re.fullmatch(r"w3ctools\.cli\.[a-z]+", module.name)]


@_by_name(COMMANDS)
def test_command_imports_no_other_command(module: Module) -> None:
    commands = {command.name for command in COMMANDS}
    assert len(commands) > 3
    assert module.ours() & commands == set()


def test_stats_and_alert_meet_in_the_record_alone() -> None:
    ours = {module.name: module.ours() for module in MODULES}
    assert "w3ctools.core.alert" not in ours["w3ctools.core.stats"]
    assert "w3ctools.core.stats" not in ours["w3ctools.core.alert"]


def test_imports_have_no_cycle() -> None:
    left = {module.name: module.ours() - {module.name} for module in MODULES}
    while free := {name for name, needed in left.items() if not needed & left.keys()}:
        left = {name: needed for name, needed in left.items() if name not in free}
    assert left == {}


def test_import_of_everything_does_nothing() -> None:
    """No output, no descriptor left open, no handler set, without stdin."""
    program = """
import importlib, os, signal, sys
before = set(os.listdir("/proc/self/fd")), [signal.getsignal(number) for number in signal.valid_signals()]
for name in sys.argv[1:]:
    importlib.import_module(name)
after = set(os.listdir("/proc/self/fd")), [signal.getsignal(number) for number in signal.valid_signals()]
os._exit(0 if before == after else 9)
"""
    run = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-c", program, *sorted(NAMES)],
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")
