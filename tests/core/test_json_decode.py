"""JSON of a client who means harm costs no more than its length, in every format of JSON objects."""

from __future__ import annotations

import subprocess
import sys

HOSTILE = """
from w3ctools.core.errors import ParseError
from w3ctools.core.formats.format import Settings
from w3ctools.core.formats import caddy, flat_json, own_record, traefik_json
from w3ctools.core.timestamp import Zone
n = 1 << 18
example = caddy.SPECS[0].example
units = (b'"', b'{"', b'\\\\\\\\"', b'{"a":', b"[", b'":,', b"\\\\x", b" ")
lines = [unit * (n // len(unit)) for unit in units]
lines += [b'{"' + line for line in lines] + [b'{"a":"' + line for line in lines]
lines += [b'{"status":200,"time":1,"request":"' + b"a b" * (n // 3) + b'"}', b'{"status":' + b"9" * n + b"}"]
lines += [example.replace(b"curl", b"\\xff" * n), example.replace(b"10900", b"1" * n)]
lines += [b'{"status":1,"time":1,"request":"","upstream_addr":"' + b", " * (n // 2) + b'"}']
lines += [b'{' + b",".join(b'"k%d":1' % i for i in range(n // 10)) + b"}"]
for spec in own_record.SPECS + caddy.SPECS + traefik_json.SPECS + flat_json.SPECS:
    for line in lines:
        try:
            spec.make(Settings("", Zone())).parse(line)
        except ParseError:
            pass
"""


def test_hostile_lines_cost_no_more_than_their_length() -> None:
    subprocess.run([sys.executable, "-c", HOSTILE], check=True, timeout=60)
