"""A rule of w3c-alert: what is measured, when that is too much or too little, and what is said then."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from w3ctools.core.errors import QuantityError, W3CError
from w3ctools.core.formats.text import shortened
from w3ctools.core.quantity import parse_number, parse_seconds, parse_share, parse_size_bytes, plain
from w3ctools.core.timestamp import time_text
from w3ctools.core.wire import MESSAGE_KEY_BYTES, AlertEvent

Metric = Literal["requests", "errors", "error-ratio", "bytes", "unparsed", "p95"]
By = Literal["section", "vhost", "client"]
State = Literal["raised", "recovered", "reset"]


class _Words(NamedTuple):
    #: What a message is about, where the rule has no name of its own.
    subject: str
    #: What stands before the value.
    label: str


WORDS: dict[str, _Words] = {
    "requests": _Words("traffic", "hits"),
    "errors": _Words("errors", "errors"),
    "error-ratio": _Words("error ratio", "ratio"),
    "bytes": _Words("bytes", "bytes"),
    "unparsed": _Words("unparsed", "unparsed"),
    "p95": _Words("p95", "p95"),
}
METRICS = tuple(WORDS)
BY = ("section", "vhost", "client")
#: What a rule may be called: a message says it.
NAME = re.compile(r"[a-z0-9-]+")
#: Where the log does not say what a rule counts by.
UNKNOWN_KEY = "-"

_READERS = {"error-ratio": parse_share, "bytes": parse_size_bytes, "p95": parse_seconds}
_UNITS = {
    "requests": "/s",
    "errors": "/s",
    "error-ratio": "",
    "bytes": " bytes/s",
    "unparsed": "/s",
    "p95": " s",
}


class RuleError(W3CError):
    """Options that make no rule; `option` is the one to change."""

    def __init__(self, option: str, text: str) -> None:
        super().__init__(text)
        self.option = option


class Rule(NamedTuple):
    """What is measured over a window, and its bounds.

    `threshold` and `recover_at` are per second for requests, errors, bytes and unparsed lines, a share for
    error-ratio, seconds for p95 (of the durations).
    """

    threshold: Fraction
    window_s: int
    metric: Metric = "requests"
    #: Raised below the threshold instead of above it.
    below: bool = False
    #: One alert for each of these, instead of one for all.
    by: By | None = None
    #: Where it has recovered, if not on the other side of the threshold.
    recover_at: Fraction | None = None
    #: How long the threshold must have been exceeded, and how long it must be kept again.
    for_s: int = 0
    keep_firing_s: int = 0
    #: With fewer requests in the window there is no alert.
    min_requests: int = 0
    name: str | None = None

    @property
    def recovers_at(self) -> Fraction:
        """The bound of recovery."""
        return self.threshold if self.recover_at is None else self.recover_at

    @property
    def event_name(self) -> str:
        """What events, database and history call it: ``error-ratio``, or its own name."""
        return self.name or WORDS[self.metric].subject.replace(" ", "-")

    @property
    def subject(self) -> str:
        """What its messages are about: ``High traffic``."""
        return f"{'Low' if self.below else 'High'} {self.name or WORDS[self.metric].subject}"

    def about(self, key: str | None) -> str:
        """The same with a key: ``High traffic on /api``."""
        return self.subject if key is None else f"{self.subject} on {message_key(key)}"

    def event(
        self, state: State, second: int, key: str | None, value: float, shown: str, hits: int
    ) -> AlertEvent:
        """What is told of `second`; `shown` is the value for people."""
        time = time_text(second)
        what = self.about(key)
        if state == "reset":
            message = f"{what} alert reset - the log's clock went back, at {time}"
        elif state == "raised":
            message = f"{what} generated an alert - {shown}, triggered at {time}"
        else:
            message = f"{what} alert recovered - {shown}, recovered at {time}"
        return AlertEvent(
            state=state,
            time=time,
            epoch=second,
            rule=self.event_name,
            metric=self.metric,
            key=key,
            value=value,
            hits=hits,
            threshold=float(self.threshold),
            window_s=self.window_s,
            message=message,
        )

    def described(self) -> str:
        """The rule in a line: ``High error ratio by section: error-ratio above 0.05 over 120 s``."""
        unit = _UNITS[self.metric]
        by = f" by {self.by}" if self.by else ""
        bound = f"{self.metric} {'below' if self.below else 'above'} {plain(float(self.threshold))}{unit}"
        more = [
            f"recovers at {plain(float(self.recovers_at))}{unit}" if self.recover_at is not None else "",
            f"for {self.for_s} s" if self.for_s else "",
            f"keeps firing {self.keep_firing_s} s" if self.keep_firing_s else "",
            f"from {self.min_requests} requests on" if self.min_requests else "",
        ]
        return ", ".join([f"{self.subject}{by}: {bound} over {self.window_s} s", *filter(None, more)])


def parse_bound(metric: Metric, text: str) -> Fraction:
    """A threshold in the unit of its metric: ``10``, ``5%``, ``2MiB``, ``500ms``. Raises QuantityError."""
    return _READERS.get(metric, parse_number)(text)


def make_rule(
    *,
    threshold: str | None,
    below: str | None,
    recover_at: str | None,
    metric: Metric,
    **others: Any,
) -> Rule:
    """A rule of texts; `threshold` or `below`, for requests neither: 10 per second. Raises RuleError."""
    if threshold is not None and below is not None:
        raise RuleError("below", "stands beside a threshold: one rule has one of them")
    option, text = ("below", below) if below is not None else ("threshold", threshold)
    if text is None:
        if metric != "requests":
            raise RuleError("threshold", f"is missing: {metric} has no usual one")
        text = DEFAULT_THRESHOLD
    bound = _bound(option, metric, text)
    recovery = None if recover_at is None else _bound("recover_at", metric, recover_at)
    if recovery is not None and (recovery < bound if below is not None else recovery > bound):
        side = "below" if below is not None else "above"
        raise RuleError("recover_at", f"is {side} the bound that raises the alert: it would flap")
    return Rule(bound, metric=metric, below=below is not None, recover_at=recovery, **others)


#: Requests per second.
DEFAULT_THRESHOLD = "10"


def _bound(option: str, metric: Metric, text: str) -> Fraction:
    try:
        bound = parse_bound(metric, text)
    except QuantityError as error:
        raise RuleError(option, str(error)) from None
    if bound == 0:
        raise RuleError(option, "must be above 0: nothing is ever below it")
    return bound


def message_key(key: str) -> str:
    """A key as messages say it: without blanks, and cut in the middle if it is too long.

    >>> message_key("a b"), len(message_key("x" * 999))
    ('a%20b', 200)
    """
    return shortened_key(key.replace(" ", "%20"))


def shortened_key(key: str) -> str:
    """A key of at most `MESSAGE_KEY_BYTES` in UTF-8; the middle of a longer one is left out."""
    return shortened(key, MESSAGE_KEY_BYTES)
