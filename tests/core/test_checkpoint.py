"""The state of a follower: what is written comes back, damage is told, and a rewind goes back far enough."""

from __future__ import annotations

import os

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w3ctools.core.checkpoint import (
    CODEC,
    Checkpoint,
    FollowedFile,
    Place,
    print_of,
    rewind,
    rewound,
)
from w3ctools.core.sealed import ForeignError, SealError

NOTHING = print_of(b"")
PLACE = Place(
    device=2049,
    inode=2**63 + 7,
    head=print_of(b"#Version: 1.0\n"),
    guard=print_of(b"a line\n"),
    offset_bytes=4000,
    size_bytes=5000,
    mtime_ns=-1,
    past=((120.5, 1000), (60.0, 3000), (0.25, 4000)),
)
STATE = Checkpoint(
    names=("/var/log/*.log", os.fsdecode(b"caf\xe9%41%.log")),
    files=(
        FollowedFile(os.fsdecode(b"/var/log/caf\xe9%41\n.log"), (PLACE, PLACE)),
        FollowedFile("/var/log/café.log", ()),
    ),
    saved_at="2026-11-24T14:00:00Z",
)
DATA = CODEC.encode(STATE)


def _with_checksum(body: bytes) -> bytes:
    return b"w3c-tail state 1 " + print_of(body).digest.encode() + b"\n" + body


def _reason(data: bytes) -> str:
    with pytest.raises(SealError) as caught:
        CODEC.decode(data)
    reason = str(caught.value)
    assert "\n" not in reason
    return reason


def test_what_is_encoded_comes_back() -> None:
    assert CODEC.decode(DATA) == STATE


def test_encoded_state_is_two_lines_for_people() -> None:
    header, body, rest = DATA.split(b"\n")
    assert header.startswith(b"w3c-tail state 1 ")
    assert b'"path":"/var/log/caf\xc3\xa9.log"' in body
    assert b'"caf%E9%2541%25.log"' in body
    assert rest == b""


def test_log_lines_do_not_stand_in_the_state() -> None:
    assert b"a line" not in DATA


@given(st.lists(st.binary(max_size=6).map(os.fsdecode), max_size=3))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_paths_of_any_bytes_come_back(paths: list[str]) -> None:
    state = Checkpoint(tuple(paths), tuple(FollowedFile(path, ()) for path in paths), "")
    assert CODEC.decode(CODEC.encode(state)) == state


@pytest.mark.parametrize("escape", ["%FF", "%25", "%2525", "%", "%zz", "%41"])
def test_path_that_looks_escaped_comes_back(escape: str) -> None:
    state = Checkpoint((escape,), (), "")
    assert CODEC.decode(CODEC.encode(state)) == state


def test_state_cut_at_any_byte_is_told() -> None:
    for length in range(len(DATA)):
        assert _reason(DATA[:length]).startswith(("is damaged: ", "is empty")), length


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80, 0xFF])
def test_state_with_any_byte_flipped_is_told(flip: int) -> None:
    for place in range(len(DATA)):
        damaged = bytearray(DATA)
        damaged[place] ^= flip
        assert _reason(bytes(damaged)).startswith("is "), place


def test_state_with_its_end_overwritten_by_nuls_is_told() -> None:
    for length in range(len(DATA)):
        assert _reason(DATA[:length] + bytes(len(DATA) - length)).startswith("is damaged: "), length


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(bytes(4096), "is damaged: its checksum does not match", id="NULs"),
        pytest.param(DATA[:-1], "is damaged: its checksum does not match", id="without its last LF"),
        pytest.param(DATA + b"x", "is damaged: its checksum does not match", id="with more behind it"),
        pytest.param(DATA + DATA, "is damaged: its checksum does not match", id="twice"),
        pytest.param(
            DATA.replace(b"\n", b"\r\n"), "is damaged: its checksum does not match", id="line ends changed"
        ),
        pytest.param(b"w3c-tail state 2 ?", "is of version 2, this w3c-tail reads 1", id="newer version"),
        pytest.param(b"w3c-tail state 10 ", "is of version 10, this w3c-tail reads 1", id="much newer"),
        pytest.param(b"w3c-tail state x ", "is damaged: its checksum does not match", id="no version"),
    ],
)
def test_reason(data: bytes, reason: str) -> None:
    assert _reason(data) == reason


@pytest.mark.parametrize(
    "data", [b"198.18.0.1 - - [", b"{}", b"\xff\xfe", b"\0\0198.18.0.1 - -", b"W3c-tail state 1 "]
)
def test_somebody_elses_file_is_told(data: bytes) -> None:
    with pytest.raises(ForeignError, match=r"^is no state of w3c-tail$"):
        CODEC.decode(data)


def _changed(**values: object) -> bytes:
    """The state with values of its first place changed."""
    state = msgspec.json.decode(DATA.partition(b"\n")[2])
    state["files"][0]["places"][0].update(values)
    return _with_checksum(msgspec.json.encode(state))


def test_unchanged_state_is_accepted() -> None:
    assert CODEC.decode(_changed()) == STATE


@pytest.mark.parametrize(
    "values",
    [
        {"offset_bytes": -1},
        {"offset_bytes": 1.5},
        {"offset_bytes": "4000"},
        {"offset_bytes": None},
        {"offset_bytes": True},
        {"size_bytes": -1},
        {"device": -1},
        {"inode": -1},
        {"mtime_ns": "0"},
        {"head": {"length_bytes": -1, "digest": "0" * 32}},
        {"head": {"length_bytes": 1, "digest": "0" * 31}},
        {"head": {"length_bytes": 1, "digest": "0" * 32 + "\n"}},
        {"head": {"length_bytes": 1, "digest": "X" * 32}},
        {"head": {"length_bytes": 1}},
        {"guard": {"length_bytes": 4001, "digest": "0" * 32}},
        {"past": [[-1, 0]]},
        {"past": [[1, -1]]},
        {"past": [[1]]},
        {"past": [[None, 1]]},
        {"surplus": 1},
    ],
    ids=str,
)
def test_value_of_another_kind_is_refused(values: dict[str, object]) -> None:
    assert _reason(_changed(**values)).startswith("is damaged: ")


@pytest.mark.parametrize("body", [b"", b"\n", b"null\n", b"[]\n", b"{}\n", b"[" * 100_000, b'"\xff"\n', b"{"])
def test_other_json_with_a_checksum_is_refused(body: bytes) -> None:
    assert _reason(_with_checksum(body)).startswith("is damaged: ")


def test_print_tells_contents_apart() -> None:
    assert print_of(b"abc") == print_of(b"abc")
    assert len({print_of(b""), print_of(b"abc"), print_of(b"abd"), print_of(b"ab")}) == 4


@pytest.mark.parametrize(
    ("rewind_s", "offset_bytes"),
    [
        pytest.param(0, 4000, id="none"),
        pytest.param(0.25, 4000, id="no older than the last entry"),
        pytest.param(1, 3000, id="between entries: the older one"),
        pytest.param(60, 3000, id="an entry's own age"),
        pytest.param(60.1, 1000, id="a little more"),
        pytest.param(121, 1000, id="older than all: the oldest"),
    ],
)
def test_rewound(rewind_s: float, offset_bytes: int) -> None:
    assert rewound(PLACE, rewind_s) == offset_bytes


def test_rewound_without_a_past_goes_on_where_it_was() -> None:
    assert rewound(msgspec.structs.replace(PLACE, past=()), 60) == PLACE.offset_bytes


def test_rewound_never_skips_what_was_not_taken() -> None:
    assert rewound(msgspec.structs.replace(PLACE, past=((60.0, 4001),)), 60) == PLACE.offset_bytes


def test_rewind_over_generations() -> None:
    """One finished long ago, one finished within the time, and the one that the name means."""
    places = tuple(
        Place(1, inode, NOTHING, NOTHING, 1000, 1000, 0, past)
        for inode, past in enumerate(
            [((900.0, 0), (200.0, 1000)), ((200.0, 0), (90.0, 600), (30.0, 1000)), ((30.0, 0), (1.0, 1000))]
        )
    )
    resumes = rewind(FollowedFile("access.log", places), 60)
    assert [resume.offset_bytes for resume in resumes] == [1000, 600, 0]
    assert tuple(resume.place for resume in resumes) == places


def test_unread_bytes_are_those_seen_and_not_taken() -> None:
    assert PLACE.unread_bytes == 1000
    assert msgspec.structs.replace(PLACE, size_bytes=0).unread_bytes == 0
