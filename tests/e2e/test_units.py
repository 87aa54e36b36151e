"""The example units: what they start does what they say, and goes on after a restart."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from harness import ROOT, Commands, Proc, tool, utc

UNITS = sorted((ROOT / "systemd").glob("*.service"))
#: 1,200 requests in the window of two minutes are the limit of the default rule.
BURST = 1300


def setting(unit: Path, key: str) -> str:
    match = re.search(rf"^{key}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    assert match is not None, f"{unit.name} has no {key}"
    return match[1]


def start(commands: Commands, unit: Path, config: Path) -> Proc:
    """What systemd runs, as it would: a session of its own, told of its settings by the environment."""
    environment = {"W3CTOOLS_CONFIG": str(config)}
    return commands.start(tool("sh"), "-c", f"exec {setting(unit, 'ExecStart')}", env=environment)


def write(log: Path, second: int, requests: int) -> None:
    stamp = utc(second).translate(str.maketrans("T", " ", "Z"))
    line = f"#Fields: date time c-ip cs-method cs-uri-stem sc-status\n{stamp} 192.0.2.1 GET /a/b 200\n"
    head, body = line.splitlines(keepends=True)
    with log.open("a") as file:
        file.write(("" if log.stat().st_size else head) + body * requests)


def test_there_are_units() -> None:
    assert [unit.name for unit in UNITS] == ["w3c-alert.service", "w3c-monitor.service"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit_is_one_that_systemd_takes(unit: Path, tmp_path: Path) -> None:
    # systemd-analyze wants the programs to be there.
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(encoding="utf-8"), flags=re.M)
    (tmp_path / unit.name).write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.M))
    result = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", str(tmp_path / unit.name)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (result.returncode, [line for line in result.stderr.splitlines() if unit.name in line]) == (0, [])


def test_alert_that_was_open_recovers_after_a_restart_once(commands: Commands) -> None:
    unit = ROOT / "systemd" / "w3c-alert.service"
    log, folder = commands.folder / "access.log", commands.folder
    log.write_bytes(b"")
    text = re.sub(r"^#   ?", "", unit.read_text(encoding="utf-8"), flags=re.M)
    config = text[text.index("[tail]") : text.index("\n\n[Unit]")]
    config = config.replace("/var/log/nginx", str(folder)).replace("/var/lib/w3ctools", str(folder))
    config = re.sub(r"^notify.*$", f"log = {folder}/alerts.log", config, flags=re.M)
    (folder / "w3ctools.ini").write_text(config)
    alerts = folder / "alerts.log"
    second = 1_600_000_000

    service = start(commands, unit, folder / "w3ctools.ini")
    service.until((folder / "tail.state").exists, "w3c-tail has begun")
    write(log, second, BURST)
    write(log, second + 10, 1)
    service.until(lambda: alerts.exists() and b"generated" in alerts.read_bytes(), "alert raised")
    service.signal_group(signal.SIGTERM)
    service.wait()

    write(log, second + 200, 5)
    service = start(commands, unit, folder / "w3ctools.ini")
    write(log, second + 210, 5)
    service.until(lambda: b"recovered" in alerts.read_bytes(), "alert recovered")
    service.signal_group(signal.SIGTERM)
    service.wait()
    assert alerts.read_text().splitlines() == [
        f"High traffic generated an alert - hits = {BURST}, triggered at {utc(second)}",
        f"High traffic alert recovered - hits = 1, recovered at {utc(second + 120)}",
    ]
    listed = commands.run("w3c-alert", "history", "--config", "w3ctools.ini").lines
    assert len(listed) == 2
    assert os.stat(folder / "alerts.db").st_mode & 0o077 == 0


def test_monitor_writes_blocks(commands: Commands) -> None:
    log = commands.folder / "access.log"
    log.write_bytes(b"")
    write(log, 1_600_000_000, 20)
    write(log, 1_600_000_100, 1)
    config = f"[tail]\nfiles = {log}\nlines = +1\n[stats]\ninterval = 1m\n"
    (commands.folder / "w3ctools.ini").write_text(config)
    service = start(commands, ROOT / "systemd" / "w3c-monitor.service", commands.folder / "w3ctools.ini")
    assert b"20 requests" in service.read_until(b"requests")
    service.signal_group(signal.SIGTERM)
    service.wait()
