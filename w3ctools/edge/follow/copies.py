"""Whether a file holds what was read already: the copy that copytruncate makes, or a compressed one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from w3ctools.core.rotation import GUARD_BYTES
from w3ctools.core.siblings import HEAD_BYTES, Content, Relation, relate, shares_head
from w3ctools.edge.follow.contents import BLOCK_BYTES, Contents
from w3ctools.edge.follow.generation import Generation


def compare(contents: Contents, generations: Sequence[Generation], remembered: Iterable[Content]) -> Relation:
    """Compare a file with what is followed, and with what was; OTHER if nobody has seen what it holds."""
    for generation in generations:
        generation.refresh_head()
    block = contents.read(BLOCK_BYTES, 0)
    if not block:
        return Relation.BEGINNING
    known = [*(generation.content for generation in generations if generation.content.guard), *remembered]
    relations = {_holds(content, block[:HEAD_BYTES], contents) for content in sorted(known, key=_offset)}
    for generation in generations:
        head, guard = generation.content.head, generation.content.guard
        now = generation.read(BLOCK_BYTES, 0)
        is_rewritten = not now.startswith(head)
        if not guard:  # nothing was read of it: its beginning must tell
            relations.add(_begins_alike(block, head if is_rewritten else now))
        if is_rewritten:  # and that was not noticed yet
            relations.add(_begins_alike(block, now))
    return next((it for it in (Relation.COPY, Relation.BEGINNING) if it in relations), Relation.OTHER)


def holds(content: Content, contents: Contents) -> bool:
    """Whether a file holds a generation as far as it was read.

    A short one need not hold all that was seen of the generation's beginning: lines can come after the copy
    was made. But it ends with a line.
    """
    head = contents.read(HEAD_BYTES, 0)
    if len(head) >= len(content.head):
        return _holds(content, head, contents) is Relation.COPY
    is_reached = content.offset_bytes <= len(head)
    return is_reached and head.endswith(b"\n") and shares_head(content, head)


def is_beginning(
    contents: Contents, generations: Sequence[Generation], remembered: Iterable[Content]
) -> bool:
    """Whether a file, shorter than what was read and not growing, is the beginning of it."""
    head = contents.read(HEAD_BYTES, 0)
    if not head:
        return False
    gone = [it.content for it in generations if it.is_open and not _has_its_head(it)]
    if any(content.head and shares_head(content, head) for content in (*remembered, *gone)):
        return True  # no more can be said: what it was copied from is gone
    size_bytes = contents.seen().size_bytes
    tail_bytes = min(size_bytes, GUARD_BYTES)
    tail = contents.read(tail_bytes, size_bytes - tail_bytes)
    return any(generation.read(tail_bytes, size_bytes - tail_bytes) == tail for generation in generations)


def _holds(content: Content, head: bytes, contents: Contents) -> Relation:
    if not shares_head(content, head):
        return Relation.OTHER
    guard_bytes = len(content.guard)
    return relate(content, head, contents.read(guard_bytes, content.offset_bytes - guard_bytes))


def _has_its_head(generation: Generation) -> bool:
    """Whether its file still begins as it did."""
    return generation.read(HEAD_BYTES, 0).startswith(generation.content.head)


def _begins_alike(block: bytes, known: bytes) -> Relation:
    common = min(len(block), len(known))
    if not common or block[:common] != known[:common]:
        return Relation.OTHER
    return Relation.COPY if len(block) >= len(known) else Relation.BEGINNING


def _offset(content: Content) -> int:
    """What is compressed can only be read forwards."""
    return content.offset_bytes
