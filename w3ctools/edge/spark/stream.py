"""A folder watched for new files, each counted once; what is complete is handed to the driver in batches.

One group holds all open intervals and how far the log is. Groups of their own, closed by Spark's watermark,
would lose what is late: Spark drops it before any code of ours sees it. Only summaries get to this group,
some KiB for each file and interval, so one worker keeps up with hundreds of hosts; all of them count lines.

Exactly once: the state is that of the batch before, and what a batch gives is a function of the state and of
its files, so a batch that is repeated gives the same; whoever takes it must replace what it gave before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from w3ctools.core.open_intervals import (
    AHEAD_S,
    Came,
    Open,
    advance,
    decode_came,
    decode_open,
    encode_came,
    encode_open,
)
from w3ctools.core.pieces import Part, Seen
from w3ctools.core.split import whole
from w3ctools.edge.counted_file import count_range

#: How often the folder is looked at.
TRIGGER = "1 second"
#: A backlog is taken in batches of so much, the oldest files first.
_BATCH_BYTES = 1 << 30
#: Spark passes silently over files that are so much older than the newest one: never.
_OLDEST = "36500d"
#: What Spark knows of a file; workers read the contents themselves.
_FILE = "path string, modificationTime timestamp, length long, content binary"
#: One group, so one partition.
SETTINGS = {"spark.sql.shuffle.partitions": "1", "spark.sql.session.timeZone": "UTC"}


class Batch(msgspec.Struct):
    """What a batch gives."""

    parts: list[tuple[int, Part]]
    #: The files of it.
    seen: list[Seen]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Batch).decode

Deliver = Callable[[int, Batch], None]


class Watching:
    """The query over a folder, once started. `deliver` is called in another thread."""

    def __init__(
        self, context: Any, folder: str, checkpoint: str, interval_s: int, lateness_s: int, deliver: Deliver
    ) -> None:
        from pyspark.sql import SparkSession
        from pyspark.sql.functions import lit

        spark = SparkSession(context)
        files = (
            spark.readStream.format("binaryFile")
            .schema(_FILE)
            .option("maxFileAge", _OLDEST)
            .option("maxBytesPerTrigger", _BATCH_BYTES)
            .load(folder)
            .select("path", "modificationTime")
        )
        counted = files.mapInPandas(partial(_count_files, interval_s), "came binary")
        given = (
            counted.withColumn("all", lit(0))
            .groupBy("all")
            .applyInPandasWithState(
                partial(_advance, interval_s, lateness_s),
                "batch binary",
                "open binary",
                "append",
                "NoTimeout",
            )
        )
        self._query = (
            given.writeStream.foreachBatch(partial(_deliver, deliver))
            .option("checkpointLocation", checkpoint)
            .trigger(processingTime=TRIGGER)
            .start()
        )

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end, which is an error; gives whether it has ended. Raises that error."""
        return bool(self._query.awaitTermination(timeout_s))

    @property
    def is_busy(self) -> bool:
        """Whether a batch is under way."""
        return bool(self._query.status["isTriggerActive"])

    def stop(self) -> None:
        """End it; a batch that is under way will be repeated."""
        self._query.stop()


def _count_files(interval_s: int, frames: Iterator[Any]) -> Iterator[Any]:
    import pandas as pd

    for frame in frames:
        came = [
            encode_came(_count_file(uri, int(modified.timestamp()), interval_s))
            for uri, modified in zip(frame["path"], frame["modificationTime"], strict=True)
        ]
        yield pd.DataFrame({"came": came})


def _count_file(uri: str, modified_s: int, interval_s: int) -> Came:
    limit_s = modified_s + AHEAD_S
    return Came(count_range(whole(path_of(uri)), interval_s, limit_s), limit_s)


def path_of(uri: str) -> str:
    """The path of a file as Spark names it: nothing in it is escaped.

    >>> path_of("file:/logs/a b%20c?.log")
    '/logs/a b%20c?.log'
    """
    return uri.removeprefix("file:").removeprefix("//")


def _advance(interval_s: int, lateness_s: int, _key: Any, frames: Iterator[Any], state: Any) -> Iterator[Any]:
    import pandas as pd

    came = [decode_came(data) for frame in frames for data in frame["came"]]
    before = decode_open(state.get[0]) if state.exists else Open()
    after = advance(before, came, interval_s, lateness_s)
    state.update((encode_open(after.open),))
    batch = Batch(after.given, [one.piece.seen for one in came])
    yield pd.DataFrame({"batch": [_encode(batch)]})


def _deliver(deliver: Deliver, rows: Any, number: int) -> None:
    for row in rows.collect():
        deliver(number, _decode(row["batch"]))
