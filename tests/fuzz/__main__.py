"""``python -m fuzz [--seconds N] [--seed S]``: what fails is shown in hex and saved for the tests."""

from __future__ import annotations

import argparse
import hashlib
import secrets
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

from fuzz.blocks import NAMES, cut, make_block
from fuzz.checks import AUTO, SITES, Fault, find_fault

REGRESSIONS = Path(__file__).resolve().parent.parent / "data" / "fuzz"
#: Spent on making a failing input smaller.
SHRINK_S = 10.0


def main() -> None:
    """Run until the time is over; every kind of failure is reported once. Exit status 1 if there was one."""
    parser = argparse.ArgumentParser(
        "python -m fuzz", description="Feed w3c-parse what no server would write."
    )
    parser.add_argument("--seconds", type=float, default=600, metavar="N", help="how long (default: 600)")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1 << 32), metavar="S", help="repeats a run"
    )
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    executions, failures = _run(Random(options.seed), time.monotonic() + options.seconds)
    for name, count in executions.items():
        print(f"{name:16}{count:>10}")
    print(f"{'in all':16}{executions.total():>10}")
    for kind, count in failures.items():
        print(f"failed {count} times: {kind[1]}: {kind[0]}")
    sys.exit(1 if failures else 0)


def _run(random: Random, until_s: float) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    executions: Counter[str] = Counter()
    failures: Counter[tuple[str, str]] = Counter()
    while time.monotonic() < until_s:
        source = random.choice(NAMES)
        data = make_block(random, source)
        for name in (AUTO, source, random.choice(NAMES)):
            site, chunks = random.randrange(len(SITES)), cut(random, data)
            executions[name] += 1
            fault = find_fault(data, name, site, chunks)
            if fault is None:
                continue
            kind = (fault.check, name)
            failures[kind] += 1
            if failures[kind] == 1:
                _report(fault, data, name, site)
    return executions, failures


def _report(fault: Fault, data: bytes, name: str, site: int) -> None:
    small = _shrink(data, fault.check, name, site)
    again = _fault_of(small, name, site) or fault
    print(f"{name}, setting {site}: {again}\n{small!r}\n{small.hex()}", flush=True)
    REGRESSIONS.mkdir(parents=True, exist_ok=True)
    label = "".join(char if char.isalnum() else "-" for char in fault.check)
    path = REGRESSIONS / f"{name}-{label}-{hashlib.sha256(small).hexdigest()[:8]}.hex"
    path.write_text("\n".join(small.hex()[at : at + 100] for at in range(0, 2 * len(small), 100)) + "\n")


def _fault_of(data: bytes, name: str, site: int) -> Fault | None:
    """The fault of the input in two cuts: byte by byte, and line by line."""
    for chunks in (data.splitlines(keepends=True), [data[at : at + 1] for at in range(len(data))]):
        fault = find_fault(data, name, site, chunks)
        if fault is not None:
            return fault
    return None


def _shrink(data: bytes, check: str, name: str, site: int) -> bytes:
    """A smaller input that fails in the same check."""
    until_s = time.monotonic() + SHRINK_S
    size = len(data) // 2
    while size and time.monotonic() < until_s:
        at, is_smaller = 0, False
        while at < len(data) and time.monotonic() < until_s:
            less = data[:at] + data[at + size :]
            fault = _fault_of(less, name, site)
            if fault is not None and fault.check == check:
                data, is_smaller = less, True
            else:
                at += size
        size = size if is_smaller and size == 1 else size // 2
    return data


if __name__ == "__main__":
    main()
