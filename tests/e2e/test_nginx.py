"""The canonical pipe on the access log of a real nginx that answers real requests."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Commands
from servers import Server, nginx

COMBINED = (
    "'$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent '"
    ' \'"$http_referer" "$http_user_agent"\''
)
TARGETS = ["/pages/create?x=/a", "/pages/list", "/api/v1/items", "/missing/a%20b", "/broken"]


@pytest.fixture
def server(commands: Commands, tmp_path: Path) -> Iterator[Server]:
    with nginx(commands, tmp_path / "nginx", {"usual": COMBINED}) as running:
        yield running


def test_sections_counts_the_alert_and_its_recovery_are_seen(commands: Commands, server: Server) -> None:
    pipe = commands.start_bash(
        'w3c-tail -n +1 "$1" | w3c-parse | tee >(w3c-alert -t 5 -w 4) | w3c-stats -i 1m -o json',
        server.logs["usual"],
    )
    sent = Counter(server.get(target, User_Agent='a "quoted" \\ agent') for target in TARGETS * 12)
    seen: list[dict[str, Any]] = []
    alerts: list[dict[str, Any]] = []
    # A summary stands between them where a minute of the wall clock ends meanwhile.
    while len(alerts) < 2:
        seen.append(json.loads(pipe.read_line(deadline_s=30)))
        alerts = [value for value in seen if value["event"] == "alert"]
    raised, recovered = alerts
    assert (raised["state"], recovered["state"]) == ("raised", "recovered")
    assert raised["message"].startswith("High traffic generated an alert - hits = ")
    assert 20 < raised["hits"] <= 60
    assert abs(raised["epoch"] - time.time()) < 60
    pipe.signal_group(signal.SIGINT)
    intervals = [value for value in pipe.result().values if value["event"] == "summary"]
    sections: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    for interval in intervals:
        sections.update({row["section"]: row["requests"] for row in interval["sections"]})
        statuses.update(interval["status"])
    assert sections == {"/pages": 24, "/api": 12, "/missing": 12, "/broken": 12}
    assert statuses == {str(status): count for status, count in sent.items()}
