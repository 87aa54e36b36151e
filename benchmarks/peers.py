"""The tools that the commands are measured beside: what each is asked, and how that differs from our work."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from benchmarks.processes import Workbench, find


@dataclass(frozen=True)
class Peer:
    """A tool, its nearest equivalent as a command line of bash, and what it does otherwise."""

    program: str
    script: str
    does: str
    is_short: bool = False
    version: tuple[str, ...] = ("--version",)


GOACCESS = Peer(
    "goaccess",
    "goaccess $LOG --log-format=COMBINED --no-global-config --no-progress -o $REPORT",
    "counts more (every URL, browsers, referrers, hours); no intervals, no alerts",
)
JC = Peer(
    "jc", "jc --clf-s -qq < $SHORT_LOG", "only reads lines into JSON, more fields of them", True, ("-v",)
)
NGXTOP = Peer(
    "ngxtop",
    "ngxtop --no-follow -f combined -l $SHORT_LOG",
    "counts paths and classes of status in SQLite; no intervals, no alerts",
    True,
    (),
)
LNAV = Peer(
    "lnav",
    """lnav -n -c ";SELECT '/' || substr(cs_uri_stem, 2, instr(substr(cs_uri_stem, 2) || '/', '/') - 1)"""
    """ AS section, count(*) FROM access_log GROUP BY section" $SHORT_LOG""",
    "requests by section in SQL, run without its screen; no intervals, no alerts",
    True,
)
MILLER = Peer(
    "mlr",
    """mlr --inidx --ifs ' ' --ojson put -q '@count[sub($7, "^/?([^/?]*).*", "/\\1")] += 1;"""
    """ end { emit @count, "section" }' $SHORT_LOG""",
    "requests by section only, from columns between blanks",
    True,
)
MAWK = Peer(
    "mawk",
    """mawk -F'"' '{ split($2, request, " "); split(request[2], part, "[/?]"); count["/" part[2]]++ }"""
    """ END { for (section in count) print count[section], section }' $LOG""",
    "requests by section only, and wrongly where a line holds an escaped quote",
    version=("-W", "version"),
)
CAT = Peer("cat", "cat $LOG | cat", "only copies: it is the floor")
PEERS = (GOACCESS, JC, NGXTOP, LNAV, MILLER, MAWK, CAT)


def version(bench: Workbench, peer: Peer) -> str:
    """Such as ``goaccess 1.7``; ngxtop tells none of its own."""
    program = find(peer.program)
    if program is None:
        return f"{peer.program} not installed"
    if not peer.version:
        return peer.program
    said = subprocess.run(
        [program, *peer.version],
        env=bench.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    ).stdout.decode(errors="replace")
    number = re.search(r"\d+(\.\d+)+", said)
    return f"{peer.program} {number[0] if number else '?'}"
