"""Which files beside a log are its generations, which hold what was read, and which is the older one."""

from __future__ import annotations

import pytest

from w3ctools.core.rotation import Seen
from w3ctools.core.siblings import (
    HEAD_BYTES,
    Content,
    Relation,
    Sibling,
    oldest_first,
    relate,
    rotated_names,
    shares_head,
    stem,
)

# Names


@pytest.mark.parametrize(
    "name",
    [
        "access.log.0",
        "access.log.1",
        "access.log.10",
        "access.log-20261124",
        "access.log-20261124-1732435200",
        "access.log-2026-11-24.gz",
        "access.log.2026-11-24_14",
        "access.log_20261124",
        "access.log.2026-11-24T14:00:00+01:00",
        "access.log.20261124.1",
        "access-20261124.log",
        "access.1.log",
        "access.1.log.gz",
        "access-2026-11-24.log.zst",
        "access.log.old",
        "access.log.old.gz",
        "access.log.bak",
        "access.log~",
        "access.log.1.gz",
        "access.log.1.bz2",
        "access.log.1.xz",
        "access.log.1.zst",
    ],
)
def test_name_of_a_rotated_file(name: str) -> None:
    assert rotated_names("access.log").fullmatch(name)


@pytest.mark.parametrize(
    "name",
    [
        "access.log",
        "access.log.gz",
        "access.log.",
        "access.log.offset",
        "access.log.md5",
        "access.log.1.md5",
        "access.log.1.sha256",
        "access.log.1.gz.sha256",
        "access.log.state",
        "access.log.lock",
        "access.log.tmp",
        "access.log.1.tmp",
        "access.log.1.part",
        "access.log1",
        "access-ssl.log",
        "access-ssl.log.1",
        "access-ssl-20261124.log",
        "access.log-ssl",
        "access.txt",
        "access.1.txt",
        "accessXlog.1",
        "error.log.1",
        "my-access.log.1",
        "access.log.1\n",
    ],
)
def test_name_of_another_file(name: str) -> None:
    assert not rotated_names("access.log").fullmatch(name)


@pytest.mark.parametrize(
    ("log", "name", "is_rotated"),
    [
        pytest.param("a.*+(log", "a.*+(log.1", True, id="regex characters are themselves"),
        pytest.param("a.*+(log", "a.1.*+(log", True, id="regex characters in the extension"),
        pytest.param("a[1].log", "a[1].log.1", True, id="a class is none"),
        pytest.param("a[1].log", "a1.log.1", False, id="a class matches nothing"),
        pytest.param("a\nb.log", "a\nb.log.1", True, id="a newline within"),
        pytest.param("a\nb.log", "a\nb-20261124.log", True, id="a newline in the stem"),
        pytest.param("a\nb.log", "a\nb.log.1.md5", False, id="a checksum behind a newline"),
        pytest.param("access", "access.1", True, id="no extension"),
        pytest.param("access", "access.log", False, id="an extension more"),
        pytest.param(".log", ".log.1", True, id="nothing before the extension"),
        pytest.param(".log", ".1.log", False, id="no stem to put a number behind"),
    ],
)
def test_names_of_an_odd_log(log: str, name: str, is_rotated: bool) -> None:
    assert bool(rotated_names(log).fullmatch(name)) is is_rotated


@pytest.mark.parametrize("name", ["access.log", "access", ".log", "a.b.log", "a\nb.log"])
def test_rotated_names_begin_with_the_stem(name: str) -> None:
    before, dot, extension = name.rpartition(".")
    rotated = [f"{name}.1", f"{name}~"] + ([f"{before}-20261124{dot}{extension}"] if before else [])
    assert all(rotated_names(name).fullmatch(other) and other.startswith(stem(name)) for other in rotated)


# Contents

KNOWN = Content(head=b"head", offset_bytes=100, guard=b"guard")
NOTHING_READ = Content(head=b"head", offset_bytes=0, guard=b"")
EMPTY = Content(head=b"", offset_bytes=0, guard=b"")


@pytest.mark.parametrize(
    ("known", "head", "is_shared"),
    [
        (KNOWN, b"head", True),
        (KNOWN, b"head and more", True),
        (KNOWN, b"he", True),
        (KNOWN, b"", True),
        (EMPTY, b"anything", True),
        (KNOWN, b"heat", False),
        (KNOWN, b"x", False),
        (Content(b"x" * HEAD_BYTES, 1000, b"x"), b"x" * (HEAD_BYTES - 1) + b"y", False),
    ],
)
def test_shares_head(known: Content, head: bytes, is_shared: bool) -> None:
    assert shares_head(known, head) is is_shared


@pytest.mark.parametrize(
    ("known", "head", "before_offset", "relation"),
    [
        pytest.param(KNOWN, b"head", b"guard", Relation.COPY, id="the same"),
        pytest.param(KNOWN, b"head and more", b"guard", Relation.COPY, id="longer"),
        pytest.param(KNOWN, b"heat", b"guard", Relation.OTHER, id="another head"),
        pytest.param(KNOWN, b"head", b"guess", Relation.OTHER, id="another guard"),
        pytest.param(KNOWN, b"head", b"guar", Relation.BEGINNING, id="ends within the guard"),
        pytest.param(KNOWN, b"head", b"", Relation.BEGINNING, id="ends before the guard"),
        pytest.param(KNOWN, b"hea", b"", Relation.BEGINNING, id="ends within the head"),
        pytest.param(KNOWN, b"hex", b"", Relation.OTHER, id="ends within another head"),
        pytest.param(KNOWN, b"", b"", Relation.BEGINNING, id="empty"),
        pytest.param(NOTHING_READ, b"head", b"", Relation.COPY, id="nothing was read, the same head"),
        pytest.param(NOTHING_READ, b"heat", b"", Relation.OTHER, id="nothing was read, another head"),
        pytest.param(EMPTY, b"anything", b"", Relation.OTHER, id="nothing was there"),
        pytest.param(EMPTY, b"", b"", Relation.BEGINNING, id="both empty"),
    ],
)
def test_relate_row(known: Content, head: bytes, before_offset: bytes, relation: Relation) -> None:
    assert relate(known, head, before_offset) is relation


# Order


def _sibling(path: str, mtime_ns: int = 0) -> Sibling:
    return Sibling(path, Seen(dev=1, ino=2, size_bytes=3, mtime_ns=mtime_ns, ctime_ns=0))


def test_older_is_what_was_written_earlier_whatever_its_name() -> None:
    siblings = [_sibling("a.log.1", 2), _sibling("a.log.2", 3), _sibling("a.log-20261124", 1)]
    ordered = oldest_first(siblings, None)
    assert [sibling.path for sibling in ordered] == ["a.log-20261124", "a.log.1", "a.log.2"]


@pytest.mark.parametrize(
    ("names", "predecessor", "ordered"),
    [
        pytest.param(
            ["a.log.1", "a.log.2", "a.log.3"],
            "a.log.4",
            ["a.log.3", "a.log.2", "a.log.1"],
            id="numbers that move on",
        ),
        pytest.param(
            ["a.log.9", "a.log.10", "a.log.1"],
            "a.log.11",
            ["a.log.10", "a.log.9", "a.log.1"],
            id="numbers of two digits that move on",
        ),
        pytest.param(
            ["a.log.11", "a.log.10", "a.log.9"],
            "a.log.8",
            ["a.log.9", "a.log.10", "a.log.11"],
            id="numbers that count up",
        ),
        pytest.param(["a.log.1.gz", "a.log.2.gz"], "a.log.3", ["a.log.2.gz", "a.log.1.gz"], id="compressed"),
        pytest.param(
            ["a.1.log", "a.2.log"], "a.3.log", ["a.2.log", "a.1.log"], id="numbers before the extension"
        ),
        pytest.param(["a.log.1", "a.log.2"], None, ["a.log.2", "a.log.1"], id="numbers alone move on"),
        pytest.param(
            ["a.log-20261125", "a.log-20261124"],
            "a.log-20261123",
            ["a.log-20261124", "a.log-20261125"],
            id="dates",
        ),
        pytest.param(
            ["a.log-20261125", "a.log-20261124"],
            None,
            ["a.log-20261124", "a.log-20261125"],
            id="dates alone",
        ),
        pytest.param(
            ["a.log.2026-11-25", "a.log.2026-11-24"],
            None,
            ["a.log.2026-11-24", "a.log.2026-11-25"],
            id="dates with dashes alone",
        ),
    ],
)
def test_written_in_one_tick_the_name_decides(
    names: list[str], predecessor: str | None, ordered: list[str]
) -> None:
    found = oldest_first([_sibling(name) for name in names], predecessor)
    assert [sibling.path for sibling in found] == ordered


def test_a_folder_with_a_date_in_its_name_is_no_date() -> None:
    siblings = [_sibling("/srv/20261124/a.log.1"), _sibling("/srv/20261124/a.log.2")]
    ordered = oldest_first(siblings, None)
    assert [sibling.path for sibling in ordered] == ["/srv/20261124/a.log.2", "/srv/20261124/a.log.1"]
