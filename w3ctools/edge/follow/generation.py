"""One generation of a followed file: its contents, how far they were read, and the unfinished line.

In: what a look at the file said. Out: the whole lines that are new. It never waits and knows nothing of
names. It holds one block while it reads, and one unfinished line of at most `MAX_LINE_BYTES`.

A generation is a run of lines, not a file: when copytruncate moves the lines into another file, the
generation goes on there (`move_to`).
"""

from __future__ import annotations

from w3ctools.core.delivery import Position
from w3ctools.core.framing import MAX_LINE_BYTES
from w3ctools.core.rotation import GUARD_BYTES, Decision, Known, Seen, decide, same_file, same_times, verify
from w3ctools.core.siblings import HEAD_BYTES, Content
from w3ctools.edge.follow.contents import BLOCK_BYTES, Contents, FileContents
from w3ctools.edge.follow.start import WHOLE, Start, find_header, find_place

#: A run of so many NULs at a line's start is space that was never written, fewer are a line's own.
UNWRITTEN_BYTES = 16


class Generation:
    """Lines from ``start`` on, as they are added. It owns ``contents``.

    OSErrors of reading come out of the constructor and of `step`; a `step` that raised may be tried again.
    """

    def __init__(self, contents: Contents, start: Start = WHOLE) -> None:
        #: None while the file is closed to save descriptors.
        self._contents: Contents | None = contents
        self._head = contents.read(HEAD_BYTES, 0)
        offset = find_place(contents, start)
        #: The W3C header that goes before the first line, once.
        self._header = find_header(contents, offset)
        seen = contents.seen()
        #: For the decision table; replaced after every read.
        self.known = Known(seen.dev, seen.ino, offset, seen.mtime_ns, seen.ctime_ns, settled=False)
        #: The bytes of the file that stand right before the offset, at most GUARD_BYTES of them.
        self._guard = contents.read(min(offset, GUARD_BYTES), max(0, offset - GUARD_BYTES))
        #: What was read after the last LF; at most MAX_LINE_BYTES + 1.
        self._partial = bytearray()
        #: Where it started, and the end of the last whole line that came out.
        self.origin = self.position = Position(offset, self._guard)
        #: How large the file was when it was last looked at.
        self.size_bytes = seen.size_bytes
        #: The last read filled its block: there is more to read at once.
        self.more = False
        #: The last step found new bytes, be it only a piece of a line.
        self.grew = False
        #: What the last step found: READ, IDLE, or that the file is no longer the one that was read.
        self.decision = Decision.READ
        #: When it was last seen to grow, by the follower's clock; None while the name means this file.
        self.quiet_since_s: float | None = None
        #: When it was first seen to be too short, where that may be an error of the network.
        self.short_since_s: float | None = None
        #: Where the search for data after a run of NULs goes on.
        self._data_from = 0
        #: Diagnostics, without the name. The follower takes them out.
        self.notes: list[str] = []

    @property
    def is_open(self) -> bool:
        """Whether it holds a descriptor."""
        return self._contents is not None

    @property
    def key(self) -> tuple[int, int]:
        """The device and the number of its file."""
        return self.known.dev, self.known.ino

    @property
    def is_removed(self) -> bool:
        """Whether its file has no name left at all."""
        return isinstance(self._contents, FileContents) and self._contents.is_removed()

    @property
    def content(self) -> Content:
        """How it is recognised elsewhere."""
        return Content(self._head, self.known.offset_bytes, self._guard)

    @property
    def unread_bytes(self) -> int:
        """What was seen of it and has not come out: what is lost when it is lost now."""
        return max(0, self.size_bytes - self.position.offset_bytes)

    @property
    def can_be_closed(self) -> bool:
        """Whether it was read to its end, and can be found again if it grows."""
        is_read = self.known.settled or self.known.offset_bytes >= self.size_bytes
        return isinstance(self._contents, FileContents) and is_read and not self.more

    def is_file(self, seen: Seen | None) -> bool:
        """Whether ``seen`` is this very file."""
        return seen is not None and same_file(self.known, seen)

    def is_idle(self, seen: Seen | None) -> bool:
        """Whether there is nothing to read, as far as ``seen`` tells."""
        return seen is not None and decide(self.known, seen) is Decision.IDLE

    def step(self, seen: Seen | None) -> bytes:
        """Read at most one block and return its whole lines; b"" when none was finished.

        ``seen`` is what a stat of the name said; the descriptor is asked where that was another file. At the
        end of the file, and only then, `more` is false. See `decision` for whether it still is that file.
        """
        contents = self._opened()
        if seen is None or not same_file(self.known, seen):
            seen = contents.seen()
        self.grew = self.more = False
        self.decision = decide(self.known, seen)
        if self.decision is Decision.IDLE:
            self.short_since_s = None
            return b""
        data = self._read(contents)
        self.decision = verify(self.known.offset_bytes, self._guard, self._head, data)
        if self.decision is not Decision.READ:
            return b""
        self.size_bytes = seen.size_bytes
        self.short_since_s = None
        return self._advance(contents, data, seen)

    def check(self) -> Decision:
        """Say whether it still is the file that was read, READ if so, without reading on."""
        contents = self._opened()
        offset = self.known.offset_bytes
        data = contents.read(len(self._guard) or HEAD_BYTES, offset - len(self._guard))
        self.decision = verify(offset, self._guard, self._head, data)
        if self.decision is Decision.READ:
            self.size_bytes = contents.seen().size_bytes
            self.short_since_s = None
            self.refresh_head()
        return self.decision

    def refresh_head(self) -> None:
        """See more of a file that was short when it was opened, if it still is that file."""
        if len(self._head) < HEAD_BYTES and isinstance(self._contents, FileContents):
            head = self._contents.read(HEAD_BYTES, 0)
            if head.startswith(self._head):
                self._head = head

    def read(self, size_bytes: int, offset_bytes: int) -> bytes:
        """Read the file anywhere; b"" if it is closed, or compressed: that can only be read forwards."""
        is_file = isinstance(self._contents, FileContents)
        return self._contents.read(size_bytes, offset_bytes) if self._contents and is_file else b""

    def finish(self) -> bytes:
        """Return the unfinished last line with a LF added and forget it; b"" when there is none."""
        if not self._partial:
            return b""
        line = self._header + bytes(self._partial) + b"\n"
        self._header = b""
        self._partial.clear()
        self.position = Position(self.known.offset_bytes, self._guard)
        return line

    def move_to(self, contents: Contents) -> Contents:
        """Go on in another file that holds the same lines; return the contents it had."""
        seen = contents.seen()
        left = self._opened()
        self._contents = contents
        self._head = contents.read(HEAD_BYTES, 0)  # a copy can end before what was seen
        self.known = self.known._replace(dev=seen.dev, ino=seen.ino, settled=False)
        self.size_bytes = seen.size_bytes
        return left

    def let_go(self) -> Contents:
        """Give its contents away."""
        contents, self._contents = self._opened(), None
        return contents

    def reopen(self, contents: Contents) -> None:
        """Go on with the file after a `close`; `step` finds out whether it still is what was read."""
        self._contents = contents

    def close(self) -> None:
        """Close the descriptor; a second call does nothing."""
        if self._contents:
            self._contents.close()
            self._contents = None

    def _opened(self) -> Contents:
        assert self._contents is not None, "the generation is closed"
        return self._contents

    def _read(self, contents: Contents) -> bytes:
        # Guard and new bytes come from one pread: a file rewritten between two could show the old guard
        # and the new bytes.
        guard_bytes = len(self._guard)
        return contents.read(guard_bytes + BLOCK_BYTES, self.known.offset_bytes - guard_bytes)

    def _advance(self, contents: Contents, data: bytes, seen: Seen) -> bytes:
        """Take the guard and the new bytes after it; return the lines they finish."""
        start = len(self._guard)
        if not self._partial and data[start : start + UNWRITTEN_BYTES] == bytes(UNWRITTEN_BYTES):
            return self._skip_unwritten(contents, seen)
        self.more = len(data) - start == BLOCK_BYTES
        if b"\0" in data:
            data = self._before_unwritten(contents, data, start)
        new_bytes = len(data) - start
        self.grew = new_bytes > 0
        offset = self.known.offset_bytes + new_bytes
        settled = not self.grew and same_times(self.known, seen)
        self.known = Known(seen.dev, seen.ino, offset, seen.mtime_ns, seen.ctime_ns, settled)
        if not self.grew:
            return b""
        self.refresh_head()
        self._guard = data[-GUARD_BYTES:]
        return self._whole_lines(data, start)

    def _before_unwritten(self, contents: Contents, data: bytes, start: int) -> bytes:
        run = data.find(b"\n" + bytes(UNWRITTEN_BYTES), start) + 1
        if run:
            self.more = True
            return data[:run]
        # NULs at the end are space reserved, not yet written: they come, or what is put in their place.
        if self.more and contents.next_data(self.known.offset_bytes + len(data) - start - 1) is not None:
            return data
        self.more = False
        return data[:start] + data[start:].rstrip(b"\0")

    def _whole_lines(self, data: bytes, start: int) -> bytes:
        end = data.rfind(b"\n", start) + 1
        if not end:
            self._hold(data[start:])
            return b""
        head = self._header
        self._header = b""
        if self._partial:
            newline = data.index(b"\n", start)
            self._hold(data[start:newline])
            head += bytes(self._partial)
            self._partial.clear()
            start = newline
        self._hold(data[end:])
        offset = self.known.offset_bytes - (len(data) - end)
        self.position = Position(offset, data[max(0, end - GUARD_BYTES) : end])
        return head + data[start:end]

    def _hold(self, data: bytes) -> None:
        """Keep a piece of an unfinished line, as far as the limit lets it."""
        held_bytes = len(self._partial)
        if held_bytes > MAX_LINE_BYTES:
            return
        self._partial += data[: MAX_LINE_BYTES + 1 - held_bytes]
        if len(self._partial) > MAX_LINE_BYTES:
            self.notes.append(f"a line is longer than {MAX_LINE_BYTES} bytes, its rest is dropped")

    def _skip_unwritten(self, contents: Contents, seen: Seen) -> bytes:
        """Move on to the data after a run of NULs, if there is any; without, wait at the run's start.

        A writer that does not append leaves a hole after copytruncate (of gigabytes: it costs nothing); one
        that reserves space has NULs after its last line.
        """
        offset = self.known.offset_bytes
        place = contents.next_data(max(offset, self._data_from))
        block = b"" if place is None else contents.read(BLOCK_BYTES, place)
        written = block.lstrip(b"\0")
        if place is None or not block:
            settled = same_times(self.known, seen)
            self.known = Known(seen.dev, seen.ino, offset, seen.mtime_ns, seen.ctime_ns, settled)
            return b""
        self.more = self.grew = True
        if not written:
            self._data_from = place + len(block)
            return b""
        self._data_from = 0
        data = place + len(block) - len(written)
        self._guard = contents.read(min(data, GUARD_BYTES), max(0, data - GUARD_BYTES))
        self.known = self.known._replace(offset_bytes=data)
        self.position = Position(data, self._guard)
        self.notes.append(f"skipped {data - offset:,} NUL bytes that were never written")
        return b""
