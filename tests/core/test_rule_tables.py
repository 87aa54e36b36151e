"""What rules of every metric and option say of a series, worked out by hand; `rule_kit` has the language.

What is not named otherwise: over 120 s, lateness 2 s, and times in seconds of the series.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
from rule_kit import LATENESS_S, T0_S, assert_recognised, message, played, rule_of

from w3ctools.core.alert import Alerts
from w3ctools.core.rule import RuleError

YEAR_S = 31_536_000


class Row(NamedTuple):
    """One case."""

    id: str
    rule: str
    series: str
    messages: list[str]
    lateness_s: int = LATENESS_S


REQUESTS = [
    Row("equality says nothing", "threshold=10", "10/s x 600", []),
    Row("whole seconds count", "threshold=10", "20/s x 61", ["raised 60: hits = 1220"]),
    Row(
        "the divisor is the window, also while it fills",
        "threshold=2 window_s=60",
        "120/s x 1, 1/s x 1",
        ["raised 1: hits = 121"],
    ),
    Row(
        "raised and recovered",
        "threshold=10",
        "20/s x 130, 0 x 300, 1/s x 3",
        ["raised 60: hits = 1220", "recovered 190: hits = 1180"],
    ),
    Row(
        "an unparsed line is a request",
        "threshold=1 window_s=10",
        "11/s x 1 unparsed",
        ["raised 0: hits = 11"],
    ),
    Row(
        "a name takes the place of the metric",
        "threshold=1 window_s=10 name=shop-front",
        "11/s x 1",
        ["raised 0: hits = 11"],
    ),
    Row("disorder within the lateness", "threshold=10", "20/s x 61, 40 at -1", ["raised 59: hits = 1240"]),
    Row("a lateness of 30 s", "threshold=10", "20/s x 61, 40 at -29", ["raised 58: hits = 1220"], 30),
    Row(
        "late records count in the seconds to come",
        "threshold=10 window_s=20",
        "10/s x 70, 50 at -20, 10/s x 1",
        ["raised 68: hits = 250"],
    ),
    Row("too late for any window", "threshold=10 window_s=20", "10/s x 70, 50 at -22, 10/s x 1", []),
    Row("one stamp of the future", "threshold=10", f"20/s x 70, 1 at +{YEAR_S}", ["raised 60: hits = 1220"]),
    Row(
        "two stamps of the future",
        "threshold=10",
        f"20/s x 70, 2 at +{YEAR_S}",
        ["raised 60: hits = 1220", "recovered 130: hits = 1180"],
    ),
    Row(
        "the clock set back",
        "threshold=10",
        "20/s x 70, jump -3600, 20/s x 70",
        ["raised 60: hits = 1220", "reset -3530", "raised -3470: hits = 1220"],
    ),
    Row(
        "the end invents nothing",
        "threshold=10 keep_firing_s=5",
        "20/s x 70, 0 x 500",
        ["raised 60: hits = 1220"],
    ),
    Row("no stamp: the log's clock", "threshold=1 window_s=10", "1/s x 5, 6 null", ["raised 4: hits = 11"]),
    Row("no stamp yet: the first", "threshold=1 window_s=10", "11 null, 1/s x 1", ["raised 0: hits = 12"]),
    Row(
        "0.29 times 100 is 29",
        "threshold=0.29 window_s=100",
        "29/s x 1, 0 x 9, 1/s x 1",
        ["raised 10: hits = 30"],
    ),
    Row("a window of one second", "threshold=5 window_s=1", "5/s x 3, 6/s x 1", ["raised 3: hits = 6"]),
    Row(
        "a window of one second recovers in the next",
        "threshold=5 window_s=1",
        "6/s x 3, 1/s x 1",
        ["raised 0: hits = 6", "recovered 3: hits = 1"],
    ),
]

ERRORS = [
    Row(
        "equality says nothing",
        "metric=errors threshold=0.1 window_s=10",
        "1/s x 30 & 1/s x 1 status=500",
        [],
    ),
    Row(
        "one more and it is raised",
        "metric=errors threshold=0.1 window_s=10",
        "2/s x 1 status=503, 1/s x 20 status=200",
        ["raised 0: errors = 2", "recovered 10: errors = 0"],
    ),
    Row(
        "500 and 599 are, 499 and 600 are not",
        "metric=errors threshold=0.3 window_s=10",
        "9/s x 2 status=499 & 9/s x 2 status=600 & 1/s x 2 status=500 & 1/s x 2 status=599",
        ["raised 1: errors = 4"],
    ),
    Row(
        "a null status is no error",
        "metric=errors threshold=0.1 window_s=10",
        "9/s x 9, 9/s x 9 unparsed",
        [],
    ),
    Row(
        "the figure of the example",
        "metric=errors threshold=1",
        "131/s x 1 status=500 & 1/s x 1 status=502",
        ["raised 0: errors = 132"],
    ),
    Row(
        "a named rule",
        "metric=errors threshold=0.1 window_s=10 name=shop-errors",
        "2/s x 1 status=500, 0 x 9, 1/s x 1",
        ["raised 0: errors = 2", "recovered 10: errors = 0"],
    ),
]

RATIO = [
    Row(
        "5 % with 1 of 20 is equality", "metric=error-ratio threshold=5%", "19/s x 9 & 1/s x 9 status=500", []
    ),
    Row(
        "1 of 19 is more than 5 %",
        "metric=error-ratio threshold=5% window_s=1",
        "18/s x 1 status=200 & 1/s x 1 status=500, 1/s x 1",
        ["raised 0: ratio = 5.26 %", "recovered 1: ratio = 0 %"],
    ),
    Row(
        "29 % as a share that no float holds",
        "metric=error-ratio threshold=0.29",
        "71/s x 1 & 29/s x 1 status=500, 1/s x 1 status=500",
        ["raised 1: ratio = 29.7 %"],
    ),
    Row(
        "the figure of the example",
        "metric=error-ratio threshold=5% by=section",
        "464/s x 1 section=/api & 36/s x 1 status=500 section=/api",
        ["raised 0 on /api: ratio = 7.2 %"],
    ),
    Row(
        "from so many requests on",
        "metric=error-ratio threshold=50% min_requests=5",
        "4/s x 1 status=500, 1/s x 1 status=500",
        ["raised 1: ratio = 100 %"],
    ),
    Row(
        "with fewer requests it has recovered",
        "metric=error-ratio threshold=50% min_requests=5 window_s=10",
        "5/s x 1 status=500, 0 x 4, 4/s x 1 status=500, 0 x 4, 1/s x 1, 0 x 5, 1/s x 1",
        ["raised 0: ratio = 100 %", "recovered 15: ratio = 0 %"],
    ),
    Row(
        "without requests it has recovered",
        "metric=error-ratio threshold=50% window_s=10",
        "1/s x 1 status=500, 0 x 20, 1/s x 1",
        ["raised 0: ratio = 100 %", "recovered 10: ratio = 0 %"],
    ),
    Row(
        "an unparsed line is a request without an error",
        "metric=error-ratio threshold=50% window_s=10",
        "1/s x 1 status=500, 1/s x 1 unparsed, 1/s x 1 unparsed",
        ["raised 0: ratio = 100 %", "recovered 2: ratio = 33.3 %"],
    ),
]

BYTES = [
    Row("equality says nothing", "metric=bytes threshold=1kB window_s=10", "1/s x 9 bytes=1000, 1/s x 1", []),
    Row(
        "one byte more",
        "metric=bytes threshold=1kB window_s=10",
        "1/s x 10 bytes=1000, 1/s x 1 bytes=1001",
        ["raised 10: bytes = 10001"],
    ),
    Row(
        "null is nothing",
        "metric=bytes threshold=1KiB window_s=1",
        "1/s x 1 bytes=1024 & 9/s x 1 & 9/s x 1 unparsed, 1/s x 1 bytes=1025",
        ["raised 1: bytes = 1025"],
    ),
    Row(
        "the figure of the example",
        "metric=bytes threshold=10kB",
        "1/s x 1 bytes=1234567",
        ["raised 0: bytes = 1234567"],
    ),
    Row(
        "requests without bytes are below",
        "metric=bytes threshold=1 window_s=5",
        "1/s x 1 bytes=6, 1/s x 9",
        ["raised 0: bytes = 6", "recovered 5: bytes = 0"],
    ),
]

UNPARSED = [
    Row("equality says nothing", "metric=unparsed threshold=0.1", "12/s x 1 unparsed, 99/s x 5", []),
    Row(
        "one more",
        "metric=unparsed threshold=0.1",
        "11/s x 1 unparsed, 9/s x 5, 2/s x 1 unparsed",
        ["raised 6: unparsed = 13"],
    ),
    Row(
        "the figure of the example",
        "metric=unparsed threshold=0.1 window_s=100",
        "12/s x 1 unparsed, 0 x 99, 1/s x 1",
        ["raised 0: unparsed = 12", "recovered 100: unparsed = 0"],
    ),
    Row(
        "it has no key",
        "metric=unparsed threshold=0.1 window_s=10 by=vhost",
        "9/s x 1 vhost=a.example & 2/s x 1 unparsed",
        ["raised 0 on -: unparsed = 2"],
    ),
]

P95 = [
    # The nearest rank: of 19 the 19th, of 20 the 19th, of 21 the 20th, of 40 the 38th.
    Row(
        "of 19 the longest",
        "metric=p95 threshold=2 window_s=1",
        "18/s x 1 duration=0.1 & 1/s x 1 duration=2.5, 1/s x 1 duration=2",
        ["raised 0: p95 = 2.5 s"],
    ),
    Row("of 20 the 19th", "metric=p95 threshold=2", "19/s x 1 duration=0.1 & 1/s x 1 duration=9", []),
    Row(
        "of 20 two are more than one",
        "metric=p95 threshold=2",
        "18/s x 1 duration=0.1 & 2/s x 1 duration=9",
        ["raised 0: p95 = 9 s"],
    ),
    Row("of 21 the 20th", "metric=p95 threshold=2", "20/s x 1 duration=0.1 & 1/s x 1 duration=9", []),
    Row(
        "of 21 two are enough",
        "metric=p95 threshold=2",
        "19/s x 1 duration=0.1 & 2/s x 1 duration=9",
        ["raised 0: p95 = 9 s"],
    ),
    Row("of 40 the 38th", "metric=p95 threshold=2", "38/s x 1 duration=0.1 & 2/s x 1 duration=9", []),
    Row(
        "of 40 three are enough",
        "metric=p95 threshold=2",
        "37/s x 1 duration=0.1 & 3/s x 1 duration=9",
        ["raised 0: p95 = 9 s"],
    ),
    Row("equality says nothing", "metric=p95 threshold=0.3", "9/s x 60 duration=0.3", []),
    Row("equality in milliseconds", "metric=p95 threshold=300ms", "9/s x 60 duration=0.3", []),
    Row("a little more", "metric=p95 threshold=0.3", "9/s x 1 duration=0.3000001", ["raised 0: p95 = 0.3 s"]),
    Row(
        "a little less has recovered",
        "metric=p95 threshold=0.3 window_s=1",
        "1/s x 1 duration=0.4, 1/s x 1 duration=0.3, 1/s x 1 duration=0.2999999",
        ["raised 0: p95 = 0.4 s", "recovered 2: p95 = 0.3 s"],
    ),
    Row(
        "null durations are not looked at",
        "metric=p95 threshold=0.3",
        "99/s x 1 & 99/s x 1 unparsed & 1/s x 1 duration=0.4",
        ["raised 0: p95 = 0.4 s"],
    ),
    Row(
        "without durations it has recovered",
        "metric=p95 threshold=0.3 window_s=5",
        "1/s x 1 duration=0.4, 1/s x 10",
        ["raised 0: p95 = 0.4 s", "recovered 5: p95 = 0 s"],
    ),
    Row(
        "min_requests counts those without durations too",
        "metric=p95 threshold=0.3 min_requests=3",
        "1/s x 1 duration=0.4, 1/s x 3",
        ["raised 2: p95 = 0.4 s"],
    ),
    Row(
        "rises by what leaves the window",
        "metric=p95 threshold=0.3 window_s=5",
        "19/s x 1 duration=0.1, 1/s x 1 duration=0.4, 0 x 4, 1/s x 1",
        ["raised 5: p95 = 0.4 s", "recovered 6: p95 = 0 s"],
    ),
]

FOR_AND_KEEP = [
    Row(
        "for: after as many seconds",
        "threshold=1 window_s=1 for_s=10",
        "2/s x 11",
        ["raised 10: hits = 2"],
    ),
    Row("for: one second less", "threshold=1 window_s=1 for_s=10", "2/s x 10, 1/s x 9", []),
    Row(
        "for: interrupted one second before",
        "threshold=1 window_s=1 for_s=10",
        "2/s x 10, 1/s x 1, 2/s x 10, 1/s x 1, 2/s x 11",
        ["raised 32: hits = 2"],
    ),
    Row(
        "for: nothing comes while it is exceeded",
        "threshold=1 window_s=20 for_s=10",
        "21/s x 1, 0 x 19, 1/s x 1",
        ["raised 10: hits = 21", "recovered 20: hits = 1"],
    ),
    Row("for: the window empties first", "threshold=1 window_s=10 for_s=10", "11/s x 1, 0 x 30, 1/s x 1", []),
    Row(
        "for: one second of the window less",
        "threshold=1 window_s=10 for_s=9",
        "11/s x 1, 0 x 30, 1/s x 1",
        ["raised 9: hits = 11", "recovered 10: hits = 0"],
    ),
    Row(
        "keep: after as many seconds",
        "threshold=1 window_s=1 keep_firing_s=10",
        "2/s x 1, 0 x 10, 1/s x 1",
        ["raised 0: hits = 2"],
    ),
    Row(
        "keep: recovered when they are over",
        "threshold=2 window_s=1 keep_firing_s=10",
        "3/s x 1, 1/s x 11",
        ["raised 0: hits = 3", "recovered 11: hits = 1"],
    ),
    Row(
        "keep: recovered in a gap",
        "threshold=2 window_s=1 keep_firing_s=10",
        "3/s x 1, 0 x 100, 1/s x 1",
        ["raised 0: hits = 3", "recovered 11: hits = 0"],
    ),
    Row(
        "keep: equality interrupts it",
        "threshold=2 window_s=1 keep_firing_s=10",
        "3/s x 1, 1/s x 10, 2/s x 1, 1/s x 11",
        ["raised 0: hits = 3", "recovered 22: hits = 1"],
    ),
    Row(
        "for and keep: the counting starts anew",
        "threshold=2 window_s=1 for_s=3 keep_firing_s=5",
        "3/s x 4, 1/s x 6, 3/s x 3, 1/s x 1, 3/s x 4, 1/s x 5, 3/s x 1",
        ["raised 3: hits = 3", "recovered 9: hits = 1", "raised 17: hits = 3"],
    ),
    Row(
        "for: a record late breaks nothing",
        "threshold=1 window_s=1 for_s=3",
        "2/s x 4, 1 at -1, 0 x 1, 1/s x 1",
        ["raised 3: hits = 2", "recovered 4: hits = 0"],
    ),
]

HYSTERESIS = [
    Row(
        "between the bounds it stays on",
        "threshold=10 recover_at=5 window_s=1",
        "11/s x 1, 6/s x 50, 5/s x 50, 10/s x 5, 4/s x 1",
        ["raised 0: hits = 11", "recovered 106: hits = 4"],
    ),
    Row("between the bounds it stays off", "threshold=10 recover_at=5 window_s=1", "10/s x 9, 6/s x 9", []),
    Row(
        "a ratio",
        "metric=error-ratio threshold=50% recover_at=25% window_s=1",
        "1/s x 1 status=500, 3/s x 1 & 1/s x 1 status=500, 4/s x 1 & 1/s x 1 status=500",
        ["raised 0: ratio = 100 %", "recovered 2: ratio = 20 %"],
    ),
    Row(
        "a percentile",
        "metric=p95 threshold=1 recover_at=500ms window_s=1",
        "1/s x 1 duration=1.5, 1/s x 9 duration=0.5, 1/s x 1 duration=0.49",
        ["raised 0: p95 = 1.5 s", "recovered 10: p95 = 0.49 s"],
    ),
    Row(
        "the same bound is the threshold",
        "threshold=10 recover_at=10 window_s=1",
        "11/s x 1, 10/s x 5, 9/s x 1",
        ["raised 0: hits = 11", "recovered 6: hits = 9"],
    ),
    Row(
        "a low rule",
        "below=5 recover_at=10 window_s=1",
        "4/s x 1, 7/s x 3, 10/s x 3, 11/s x 1",
        ["raised 0: hits = 4", "recovered 7: hits = 11"],
    ),
]

LOW = [
    Row("equality says nothing", "below=1 window_s=10", "1/s x 60", []),
    Row("not judged while the first window fills", "below=1 window_s=10", "1/s x 1, 0 x 7, 1/s x 1", []),
    Row(
        "judged when it is full",
        "below=1 window_s=10",
        "1/s x 1, 0 x 8, 1/s x 1",
        ["raised 9: hits = 2"],
    ),
    Row(
        "a dead site",
        "below=1 window_s=10",
        "2/s x 20, 0 x 200, 20/s x 1",
        ["raised 25: hits = 8", "recovered 220: hits = 20"],
    ),
    Row(
        "equality does not end it",
        "below=1 window_s=10",
        "2/s x 20, 0 x 100, 10/s x 1, 0 x 8, 1/s x 1",
        ["raised 25: hits = 8", "recovered 129: hits = 11"],
    ),
    Row(
        "for and keep",
        "below=1 window_s=1 for_s=5 keep_firing_s=3",
        "1/s x 2, 0 x 5, 1/s x 1, 0 x 6, 2/s x 3, 1/s x 1, 2/s x 4",
        ["raised 13: hits = 0", "recovered 21: hits = 2"],
    ),
    Row(
        "min_requests: a site that is dead has too few",
        "below=1 min_requests=5 window_s=10",
        "2/s x 20, 0 x 50, 1/s x 1",
        ["raised 25: hits = 8", "recovered 27: hits = 4"],
    ),
    Row(
        "a low ratio without requests is none",
        "metric=error-ratio below=10% window_s=5",
        "1/s x 4 status=500, 1/s x 6, 0 x 20, 1/s x 1 status=500",
        ["raised 8: ratio = 0 %", "recovered 14: ratio = 0 %"],
    ),
    Row(
        "a low percentile",
        "metric=p95 below=0.1 window_s=1",
        "1/s x 2 duration=0.1, 1/s x 1 duration=0.09, 1/s x 1 duration=0.1, 1/s x 1 duration=0.11",
        ["raised 2: p95 = 0.09 s", "recovered 4: p95 = 0.11 s"],
    ),
    Row(
        "a low percentile without durations is none",
        "metric=p95 below=0.1 window_s=1",
        "1/s x 1 duration=0.05, 1/s x 1",
        ["raised 0: p95 = 0.05 s", "recovered 1: p95 = 0 s"],
    ),
    Row(
        "after a reset it warms up anew",
        "below=1 window_s=20",
        "2/s x 40, 0 x 20, 1/s x 1, jump -3600, 1/s x 11, 0 x 7, 1/s x 1",
        ["raised 50: hits = 18", "reset -3539"],
    ),
    Row(
        "a first record that comes second",
        "below=1 window_s=10",
        "1/s x 1, 1 at -2, 0 x 7, 1/s x 1",
        ["raised 7: hits = 2"],
    ),
]

BY = [
    Row(
        "each key by itself",
        "threshold=1 window_s=10 by=section",
        "1/s x 10 section=/a & 2/s x 10 section=/b",
        ["raised 5 on /b: hits = 12"],
    ),
    Row(
        "two keys in one second, in order",
        "threshold=1 window_s=10 by=section",
        "11/s x 1 section=/b & 11/s x 1 section=/a, 0 x 9, 1/s x 1 section=/a",
        [
            "raised 0 on /a: hits = 11",
            "raised 0 on /b: hits = 11",
            "recovered 10 on /a: hits = 1",
            "recovered 10 on /b: hits = 0",
        ],
    ),
    Row(
        "by virtual host",
        "threshold=1 window_s=10 by=vhost",
        "11/s x 1 vhost=a.example & 10/s x 1 vhost=b.example",
        ["raised 0 on a.example: hits = 11"],
    ),
    Row(
        "by client",
        "metric=errors threshold=1 window_s=10 by=client",
        "11/s x 1 client=2001:db8::1 status=500 & 99/s x 1 client=192.0.2.1",
        ["raised 0 on 2001:db8::1: errors = 11"],
    ),
    Row("no key", "threshold=1 window_s=10 by=section", "11/s x 1", ["raised 0 on -: hits = 11"]),
    Row(
        "no key, and unparsed",
        "threshold=1 window_s=10 by=client",
        "6/s x 1 & 5/s x 1 unparsed",
        ["raised 0 on -: hits = 11"],
    ),
    Row(
        "blanks in a key",
        "threshold=1 window_s=10 by=section",
        "11/s x 1 'section=/a b c'",
        ["raised 0 on /a%20b%20c: hits = 11"],
    ),
    Row(
        "a long key is cut in the middle",
        "threshold=1 window_s=10 by=section",
        f"11/s x 1 section=/{'x' * 300}/z",
        [f"raised 0 on /{'x' * 97}....{'x' * 96}/z: hits = 11"],
    ),
    Row(
        "long keys that are cut alike are one",
        "threshold=1 window_s=10 by=section",
        f"6/s x 1 section=/{'x' * 300}/z & 5/s x 1 section=/{'x' * 301}/z",
        [f"raised 0 on /{'x' * 97}....{'x' * 96}/z: hits = 11"],
    ),
    Row(
        "bytes of a key",
        "metric=bytes threshold=1kB window_s=1 by=vhost",
        "1/s x 1 vhost=a bytes=1000 & 1/s x 1 vhost=b bytes=600 & 1/s x 1 vhost=b bytes=401",
        ["raised 0 on b: bytes = 1001"],
    ),
    Row(
        "the percentile of a key",
        "metric=p95 threshold=1 window_s=1 by=vhost",
        "19/s x 1 vhost=a duration=0.1 & 1/s x 1 vhost=a duration=2 & 1/s x 1 vhost=b duration=2",
        ["raised 0 on b: p95 = 2 s"],
    ),
    Row(
        "min_requests is of the key",
        "metric=error-ratio threshold=10% min_requests=5 by=vhost",
        "4/s x 1 vhost=a status=500 & 5/s x 1 vhost=b status=500",
        ["raised 0 on b: ratio = 100 %"],
    ),
    Row(
        "for and keep of each key",
        "threshold=1 window_s=1 for_s=2 keep_firing_s=2 by=vhost",
        "2/s x 3 vhost=a & 2/s x 2 vhost=b, 2/s x 1 vhost=b, 0 x 9, 1/s x 1",
        [
            "raised 2 on a: hits = 2",
            "recovered 5 on a: hits = 0",
        ],
    ),
    Row(
        "a reset of each key",
        "threshold=1 window_s=60 by=vhost",
        "61/s x 1 vhost=b & 61/s x 1 vhost=a & 9/s x 1 vhost=c, 1/s x 5, jump -3600, 1/s x 11",
        ["raised 0 on a: hits = 61", "raised 0 on b: hits = 61", "reset -3594 on a", "reset -3594 on b"],
    ),
    Row(
        "resets are in the order of keys, one the beginning of another",
        "threshold=1 window_s=60 by=section",
        "61/s x 1 section=/a & 61/s x 1 'section=/a b', 1/s x 5, jump -3600, 1/s x 11",
        [
            "raised 0 on /a: hits = 61",
            "raised 0 on /a%20b: hits = 61",
            "reset -3594 on /a",
            "reset -3594 on /a%20b",
        ],
    ),
    Row(
        "below: a key that was never alive is not dead",
        "below=1 window_s=5 by=vhost",
        "1/s x 20 vhost=a & 1/s x 1 vhost=b",
        [],
    ),
    Row(
        "below: a key that dies",
        "below=1 window_s=5 by=vhost",
        "1/s x 20 vhost=a & 1/s x 10 vhost=b, 1/s x 1 vhost=a",
        ["raised 10 on b: hits = 4"],
    ),
    Row(
        "below: alive in a burst that came while the first window filled",
        "below=1 window_s=10 by=vhost",
        "1/s x 3 vhost=a, 10/s x 1 vhost=b & 1/s x 1 vhost=a, 1/s x 30 vhost=a",
        ["raised 13 on b: hits = 0"],
    ),
    Row(
        "below: all is quiet when the first window is full",
        "below=1 window_s=10 by=vhost",
        "1/s x 1 vhost=a, 0 x 2, 20/s x 1 vhost=b, 0 x 20, 1/s x 1 vhost=a",
        ["raised 13 on b: hits = 0"],
    ),
    Row(
        "below: the key comes back",
        "below=1 window_s=5 by=vhost",
        "1/s x 30 vhost=a & 1/s x 10 vhost=b, 6/s x 1 vhost=b",
        ["raised 10 on b: hits = 4", "raised 30 on a: hits = 4", "recovered 30 on b: hits = 6"],
    ),
]

# Nothing is over before the newest second + elapsed - 5 - lateness: silence 68 is 61 s beyond the newest.
SILENCE = [
    Row("one second too early", "threshold=10", "20/s x 70, silence 67", ["raised 60: hits = 1220"]),
    Row(
        "in time",
        "threshold=10",
        "20/s x 70, silence 68",
        ["raised 60: hits = 1220", "recovered 130: hits = 1180"],
    ),
    Row(
        "a lateness of 30 s: too early",
        "threshold=10",
        "20/s x 70, silence 95",
        ["raised 60: hits = 1220"],
        30,
    ),
    Row(
        "a lateness of 30 s: in time",
        "threshold=10",
        "20/s x 70, silence 96",
        ["raised 60: hits = 1220", "recovered 130: hits = 1180"],
        30,
    ),
    Row(
        "keep: one second too early",
        "threshold=10 keep_firing_s=20",
        "20/s x 70, silence 87",
        ["raised 60: hits = 1220"],
    ),
    Row(
        "keep: in time, and once",
        "threshold=10 keep_firing_s=20",
        "20/s x 70, silence 88, silence 900, 0 x 100, 1/s x 5",
        ["raised 60: hits = 1220", "recovered 150: hits = 780"],
    ),
    Row(
        "for: raised in silence, and recovered",
        "threshold=10 for_s=20",
        "20/s x 70, silence 400",
        ["raised 80: hits = 1400", "recovered 130: hits = 1180"],
    ),
    Row(
        "a ratio changes more than once",
        "metric=error-ratio threshold=50% window_s=10",
        "1/s x 1 status=500, 2/s x 1 status=200, 1/s x 2 status=500, silence 100",
        [
            "raised 0: ratio = 100 %",
            "recovered 1: ratio = 33.3 %",
            "raised 3: ratio = 60 %",
            "recovered 13: ratio = 0 %",
        ],
    ),
    Row(
        "a ratio rises by what leaves the window",
        "metric=error-ratio threshold=50% window_s=10",
        "9/s x 1, 1/s x 1 status=500, silence 16, silence 17, silence 18, 0 x 30, 1/s x 3",
        ["raised 10: ratio = 100 %", "recovered 11: ratio = 0 %"],
    ),
    Row("a low rule: one second too early", "below=1 window_s=10", "1/s x 10, silence 7", []),
    Row("a low rule: in time", "below=1 window_s=10", "1/s x 10, silence 8", ["raised 10: hits = 9"]),
    Row(
        "a low rule while its first window fills",
        "below=1 window_s=10",
        "1/s x 3, silence 14, 0 x 20, 20/s x 1",
        ["raised 9: hits = 3", "recovered 23: hits = 20"],
    ),
    Row(
        "a low rule by key",
        "below=1 window_s=5 by=vhost",
        "1/s x 10 vhost=b & 1/s x 10 vhost=a & 1/s x 1 vhost=c, silence 60",
        ["raised 10 on a: hits = 4", "raised 10 on b: hits = 4"],
    ),
    Row(
        "by key, several seconds, in order",
        "threshold=1 window_s=10 by=vhost",
        "11/s x 1 vhost=b, 11/s x 1 vhost=a, silence 60",
        [
            "raised 0 on b: hits = 11",
            "raised 1 on a: hits = 11",
            "recovered 10 on b: hits = 0",
            "recovered 11 on a: hits = 0",
        ],
    ),
    Row(
        "void after a stall",
        "threshold=10",
        "20/s x 70, silence 68, 20/s x 30",
        ["raised 60: hits = 1220", "recovered 130: hits = 1180", "raised 70: hits = 1420"],
    ),
    Row(
        "by key, void after a stall",
        "threshold=10 by=vhost",
        "20/s x 70 vhost=a, silence 68, 20/s x 30 vhost=a",
        ["raised 60 on a: hits = 1220", "recovered 130 on a: hits = 1180", "raised 70 on a: hits = 1420"],
    ),
    Row(
        "void by one late record",
        "threshold=0.5 window_s=5",
        "1/s x 5, silence 20, 1 at -1, 2 at +200",
        ["raised 2: hits = 3", "recovered 7: hits = 2", "raised 5: hits = 5", "recovered 8: hits = 1"],
    ),
    Row(
        "by key, void by one late record",
        "threshold=0.5 window_s=5 by=section",
        "1/s x 5, silence 20, 1 at -1, 2 at +200",
        [
            "raised 2 on -: hits = 3",
            "recovered 7 on -: hits = 2",
            "raised 5 on -: hits = 5",
            "recovered 8 on -: hits = 1",
        ],
    ),
    Row(
        "by key, another key that goes on makes nothing void",
        "threshold=1 window_s=10 by=vhost",
        "11/s x 1 vhost=a, silence 17, 1/s x 20 vhost=b",
        ["raised 0 on a: hits = 11", "recovered 10 on a: hits = 0"],
    ),
    Row(
        "what was told to be over is not reset",
        "threshold=10 by=vhost",
        "20/s x 70, silence 68, jump -3600, 1/s x 11",
        ["raised 60 on -: hits = 1220", "recovered 130 on -: hits = 1180"],
    ),
    Row(
        "what was raised in silence is reset",
        "below=1 window_s=10",
        "1/s x 10, silence 60, jump -3600, 1/s x 11",
        ["raised 10: hits = 9", "reset -3590"],
    ),
]

GROUPS = {
    "requests": REQUESTS,
    "errors": ERRORS,
    "ratio": RATIO,
    "bytes": BYTES,
    "unparsed": UNPARSED,
    "p95": P95,
    "for and keep": FOR_AND_KEEP,
    "hysteresis": HYSTERESIS,
    "low": LOW,
    "by": BY,
    "silence": SILENCE,
}

CASES = [pytest.param(row, id=f"{group}: {row.id}") for group, rows in GROUPS.items() for row in rows]


@pytest.mark.parametrize("row", CASES)
def test_series_says_messages(row: Row) -> None:
    rule = rule_of(row.rule)
    events = played(Alerts([rule], row.lateness_s), row.series)
    assert [_p95_to_a_percent(event.message) for event in events] == [
        _p95_to_a_percent(message(rule, short)) for short in row.messages
    ]
    for event in events:
        assert_recognised(event)


def _p95_to_a_percent(text: str) -> tuple[str, object]:
    """A percentile is shown to one per cent, and rounded to three digits."""
    before, label, after = text.partition("p95 = ")
    if not label:
        return text, None
    shown_s, _, rest = after.partition(" ")
    return before + rest, pytest.approx(float(shown_s), rel=0.015)


@pytest.mark.parametrize(
    ("rules", "series", "expected"),
    [
        pytest.param(
            [
                "threshold=1 window_s=10 by=section",
                "metric=errors threshold=1 window_s=10 name=b",
                "threshold=1 window_s=5 name=a",
            ],
            "11/s x 1 section=/b status=500 & 11/s x 1 section=/a, 0 x 9, 1/s x 2",
            [
                "0 High traffic on /a",
                "0 High traffic on /b",
                "0 High b",
                "0 High a",
                "5 High a",
                "10 High traffic on /a",
                "10 High traffic on /b",
                "10 High b",
            ],
            id="by second, rule and key",
        ),
        pytest.param(
            ["threshold=1 window_s=20 name=x", "threshold=1 window_s=10 by=vhost name=w"],
            "21/s x 1 vhost=b & 21/s x 1 vhost=a, silence 60",
            ["0 High x", "0 High w on a", "0 High w on b", "10 High w on a", "10 High w on b", "20 High x"],
            id="also in silence",
        ),
        pytest.param(
            ["threshold=1 window_s=50 by=vhost name=x", "threshold=1 window_s=60 name=w"],
            "99/s x 1 vhost=b & 99/s x 1 vhost=a, 1/s x 1, jump -3600, 1/s x 11",
            [
                "0 High x on a",
                "0 High x on b",
                "0 High w",
                "-3598 High x on a",
                "-3598 High x on b",
                "-3598 High w",
            ],
            id="also when all is reset",
        ),
    ],
)
def test_events_of_several_rules_are_in_order(rules: list[str], series: str, expected: list[str]) -> None:
    events = played(Alerts([rule_of(text) for text in rules], LATENESS_S), series)
    assert [f"{(event.epoch or 0) - T0_S} {_about(event.message)}" for event in events] == expected


def _about(text: str) -> str:
    return text.partition(" generated ")[0].partition(" alert ")[0]


@pytest.mark.parametrize(
    ("rule", "option"),
    [
        pytest.param("threshold=0", "threshold", id="a threshold of 0"),
        pytest.param("below=0", "below", id="below 0"),
        pytest.param("metric=error-ratio threshold=0%", "threshold", id="a share of 0"),
        pytest.param("metric=p95 threshold=0ms", "threshold", id="no time at all"),
        pytest.param("threshold=10 below=5", "below", id="both bounds"),
        pytest.param("metric=errors", "threshold", id="errors without a bound"),
        pytest.param("metric=error-ratio", "threshold", id="error-ratio without a bound"),
        pytest.param("metric=bytes", "threshold", id="bytes without a bound"),
        pytest.param("metric=unparsed", "threshold", id="unparsed without a bound"),
        pytest.param("metric=p95", "threshold", id="p95 without a bound"),
        pytest.param("metric=errors threshold=", "threshold", id="an empty bound"),
        pytest.param("threshold=10 recover_at=10.1", "recover_at", id="recovery above a high bound"),
        pytest.param("below=10 recover_at=9.9", "recover_at", id="recovery below a low bound"),
        pytest.param("recover_at=11", "recover_at", id="recovery above the usual bound"),
        pytest.param("threshold=10 recover_at=x", "recover_at", id="recovery that is no number"),
        pytest.param("metric=error-ratio threshold=101%", "threshold", id="more than all"),
        pytest.param("metric=error-ratio below=1.01", "below", id="a low bound of more than all"),
        pytest.param(
            "metric=error-ratio threshold=5% recover_at=200%", "recover_at", id="recovery above all"
        ),
        pytest.param("threshold=-1", "threshold", id="a negative number"),
        pytest.param("metric=bytes threshold=5q", "threshold", id="no size"),
        pytest.param("metric=p95 threshold=5%", "threshold", id="no time"),
        pytest.param("metric=requests threshold=5%", "threshold", id="no number"),
    ],
)
def test_rule_that_makes_no_sense_names_the_option_to_change(rule: str, option: str) -> None:
    with pytest.raises(RuleError) as refused:
        rule_of(rule)
    assert refused.value.option == option
