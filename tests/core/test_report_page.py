"""The page: all that was logged is text on it, it holds nothing active, and it stays small."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from w3ctools.core.report import KEPT_ALERTS, MESSAGE_CHARACTERS, Report, ReportRow
from w3ctools.core.report_page import POLICY, VALUE_CHARACTERS, page
from w3ctools.core.wire import AlertEvent, Read

T0_S = 1_700_006_400
MOST_PAGE_BYTES = 5_000_000
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</title></style><script>alert(1)</script>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "&lt;b&gt; &amp; &#60;",
    "]]><!--",
    "style=width:expression(1);background:url(http://evil.example/)",
)
#: Tags and attributes that a page is made of; whatever else stands there came from a log.
TAGS = {
    *("html", "head", "meta", "link", "title", "style", "body", "main", "header", "footer", "section"),
    *(
        "h1",
        "h2",
        "p",
        "span",
        "div",
        "b",
        "i",
        "small",
        "dl",
        "dt",
        "dd",
        "ul",
        "li",
        "figure",
        "figcaption",
    ),
    *("table", "thead", "tbody", "tr", "th", "td", "svg", "defs", "pattern", "desc", "path", "rect", "g"),
}
ATTRIBUTES = {
    *(
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "rel",
        "href",
        "class",
        "style",
        "id",
        "role",
        "scope",
    ),
    *("tabindex", "aria-labelledby", "aria-hidden", "aria-label", "viewbox", "preserveaspectratio", "width"),
    *("height", "x", "y", "d", "patternunits", "patterntransform"),
}
STYLES = re.compile(r"(?:width|bottom|left):[\d.]+%|height:\d+px")


class Reader(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str | None] = set()
        self.styles: set[str] = set()
        self.policies: list[str | None] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value for name, value in attrs if name in ("href", "src", "action", "xlink:href")}
        self.styles |= {value or "" for name, value in attrs if name == "style"}
        values = dict(attrs)
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policies.append(values["content"])
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        before = list(self.open)
        self.handle_starttag(tag, attrs)
        self.open = before

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All of the text."""
        return "\n".join(self.texts)


def row(second: int = 0, **keys: object) -> ReportRow:
    values: dict[str, object] = {
        "client": "198.18.0.1",
        "method": "GET",
        "path": "/a/b",
        "section": "/a",
        "status": 200,
        "bytes": 1500,
    }
    return ReportRow(epoch=T0_S + second, **{**values, **keys})  # type: ignore[arg-type]


def alert(state: str, second: int, key: str = "") -> AlertEvent:
    on, words = f" on {key}" if key else "", "generated an alert" if state == "raised" else "alert recovered"
    message = f"High errors{on} {words} - errors = 9, at TIME"
    return AlertEvent(state=state, epoch=T0_S + second, key=key, message=message)


def report_of(rows: list[ReportRow], alerts: list[AlertEvent] | None = None) -> Report:
    report = Report(2)
    report.feed(Read(rows=rows, alerts=[(len(rows), event) for event in alerts or []]))
    report.flush()
    return report


def text_of(report: Report, most: int = 10) -> str:
    return Reader(page(report, "The title", most)).text.replace("\u00a0", " ")


def hostile_rows() -> list[ReportRow]:
    rows = []
    for number, value in enumerate(HOSTILE):
        fields = dict.fromkeys(("client", "method", "path", "section", "referer", "user_agent"), value)
        rows.append(row(number, **fields, status=500, duration=0.1))
        rows.append(row(number, event="unparsed", reason=value))
    return rows


class TestHostileValues:
    def test_they_make_no_tag_attribute_style_or_link(self) -> None:
        alerts = [alert("raised", number, value) for number, value in enumerate(HOSTILE)]
        for title in HOSTILE:
            reader = Reader(page(report_of(hostile_rows(), alerts), title, 100))
            assert reader.tags <= TAGS
            assert reader.attributes <= ATTRIBUTES
            assert reader.links == {"data:,"}
            assert [style for style in reader.styles if not STYLES.fullmatch(style)] == []
            assert reader.open == []

    @pytest.mark.parametrize("value", HOSTILE)
    def test_they_are_read_as_they_were_logged(self, value: str) -> None:
        alerts = [alert("raised", number, hostile) for number, hostile in enumerate(HOSTILE)]
        texts = Reader(page(report_of(hostile_rows(), alerts), value, 100)).texts
        assert texts.count(value) == 2 + len(
            ("client", "method", "section", "path", "path", "referer", "ua", "reason")
        )
        assert sum(f"on {value} generated" in text for text in texts) == 2

    @pytest.mark.parametrize("more", [1, 1000, 100_000])
    def test_long_ones_are_cut(self, more: int) -> None:
        value = "x" * (VALUE_CHARACTERS + more)
        text = page(report_of([row(user_agent=value, path=value, section=value, status=500)]), value, 10)
        assert max(map(len, re.findall("x+", text))) == VALUE_CHARACTERS
        assert len(re.findall("x…", text)) >= 4

    @pytest.mark.parametrize("value", ["a\x1b[31m", "a\u202egnp.exe", "a\x00", "a\ud800"])
    def test_what_could_act_is_visible(self, value: str) -> None:
        text = page(report_of([row(user_agent=value)]), "T", 10)
        assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800]", text) is None


class TestPage:
    def test_policy_forbids_everything_but_its_own_style(self) -> None:
        text = page(report_of([row()]), "T", 10)
        assert Reader(text).policies == [POLICY]
        assert POLICY == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
        assert text.index("Content-Security-Policy") < text.index("<title>") < text.index("<style>")

    def test_nothing_on_it_names_another_place(self) -> None:
        text = page(report_of([row(duration=0.1)], [alert("raised", 0)]), "T", 10)
        assert re.findall(r"https?:|@import|@font-face|url\((?!#hatch\))", text) == []

    def test_header_has_the_figures(self) -> None:
        rows = [row(0), row(0, status=404), row(9, status=503, client="198.18.0.2"), row(9, event="unparsed")]
        text = text_of(report_of(rows))
        for words in (
            "The title",
            "2023-11-15 00:00:00",
            "2023-11-15 00:00:09 UTC · 10 s",
            "4 lines, 1 unparsed",
            "0.3",
            "busiest second: 2",
            "33.3 %",
            "1 server, 1 client errors",
            "4.5 kB",
            "1.5 kB a request",
            "1.5 requests a client",
        ):
            assert words in text

    def test_sections_have_their_figures(self) -> None:
        rows = [row(0, duration=0.5), row(0, status=500, duration=0.5), row(0, section="/z", bytes=0)]
        text = text_of(report_of(rows))
        cells = re.sub(r"\n+", " ", text[text.index("Sections") :])
        assert re.search(r"/a 2 66\.7 % 1 50\.0 % 3 kB (49\d|50\d) ms /z 1 33\.3 % 0 0 % 0 B –", cells)

    def test_tables_have_as_many_rows_as_asked_for(self) -> None:
        text = text_of(report_of([row(0, section=f"/{number:02}") for number in range(30)]), 7)
        assert [f"/{number:02}" in text for number in range(8)] == [True] * 7 + [False]
        assert "top 7 of 30" in text

    @pytest.mark.parametrize(
        ("title", "known"), [("Latency", row(duration=0.1)), ("Referers", row(referer="x"))]
    )
    def test_what_the_log_does_not_have_is_left_out(self, title: str, known: ReportRow) -> None:
        assert title in text_of(report_of([known]))
        assert title not in text_of(report_of([row()]))

    def test_alerts_stand_newest_first_with_their_end(self) -> None:
        events = [alert("raised", 1, "/a"), alert("recovered", 4, "/a"), alert("raised", 7, "/b")]
        text = text_of(report_of([row(0), row(9)], events))
        listed = text[text.rindex("\nAlerts\n") :]
        assert listed.index("on /b") < listed.index("on /a")
        assert re.search(r"open\n+High errors on /b .*\n+2023-11-15 00:00:07\n+–\n+–\n", listed)
        assert re.search(r"recovered\n+High errors on /a .*\n+\S+ 00:00:01\n+\S+ 00:00:04\n+3 s\n", listed)

    def test_older_alerts_are_counted(self) -> None:
        events = [alert("raised", 0, f"/{number}") for number in range(KEPT_ALERTS + 5)]
        text = text_of(report_of([row()], events))
        assert "5 older ones are not listed" in text
        assert f"{KEPT_ALERTS + 5:,}" in text

    def test_an_alert_reset_by_the_clock_is_marked_where_it_was_raised(self) -> None:
        raised = alert("raised", 50)
        reset = AlertEvent(state="reset", epoch=T0_S, message="High errors alert reset - at TIME")
        text = page(report_of([row(0), row(99)], [raised, reset]), "T", 10)
        assert re.findall(r'class="lanes".*?<rect x="(\d+)"', text) == ["500"]

    def test_a_long_message_is_cut(self) -> None:
        event = AlertEvent(state="raised", epoch=T0_S, message="x" * 5000)
        text = page(report_of([row()], [event]), "T", 10)
        assert [len(run) for run in re.findall("(x{9,})…", text)] == [VALUE_CHARACTERS, MESSAGE_CHARACTERS]

    def test_alerts_off_the_axis_are_listed_alone(self) -> None:
        events = [alert("raised", -(10**9), "/a"), alert("recovered", -(10**9) + 5, "/a")]
        text = page(report_of([row()], events), "T", 10)
        assert 'class="lanes"' not in text
        assert "on /a generated" in text

    @pytest.mark.parametrize("rows", [[], [ReportRow()], [ReportRow(event="unparsed")]])
    def test_a_page_about_little_is_whole(self, rows: list[ReportRow]) -> None:
        reader = Reader(page(report_of(rows), "T", 10))
        assert reader.open == []
        assert ("nothing to show" in reader.text) is True

    @pytest.mark.parametrize("epoch", [-(10**30), -1, 0, 10**11, 10**30, 1e300])
    def test_absurd_times_are_shown(self, epoch: float) -> None:
        rows = [ReportRow(epoch=epoch), ReportRow(epoch=epoch)]
        assert "Traffic" in Reader(page(report_of(rows), "T", 10)).text

    def test_absurd_figures_are_shown(self) -> None:
        rows = [row(0, bytes=-(10**20), duration=-1.0, status=-7), row(1, bytes=10**40, duration=1e300)]
        assert Reader(page(report_of(rows), "T", 10)).open == []

    def test_small_rates_have_digits_enough(self) -> None:
        rows = [row(number * 100, status=500 if number % 100 == 0 else 200) for number in range(10_000)]
        text = page(report_of(rows), "T", 10)
        labels = re.findall(
            r"bottom:[\d.]+%\">([^<]+)<", text[text.index("<h2>Errors") : text.index("<h2>Data")]
        )
        assert labels == ["0", "0.0002", "0.0004", "0.0006"]
        assert '<b class="">0.01</b>' in text

    def test_the_same_input_gives_the_same_page(self) -> None:
        rows = [row(number // 3, client=str(number % 7), duration=number / 1e4) for number in range(9000)]
        assert page(report_of(rows), "T", 10) == page(report_of(rows), "T", 10)


@pytest.mark.parametrize("character", ['"', "\u202e", "\x9f", "\U0001f600"])
def test_a_page_stays_small_whatever_the_log(character: str) -> None:
    worst = character * 1000
    rows = []
    for number in range(3000):
        value = f"{number}{worst}"
        fields = dict.fromkeys(("client", "method", "path", "section", "referer", "user_agent"), value)
        rows.append(
            row(number * 50, **fields, status=number % 600, duration=number / 7 + 1e-5, bytes=number**5)
        )
        rows.append(row(number * 50, event="unparsed", reason=value))
    events = [alert("raised", number, f"{number}{worst}") for number in range(20_000)]
    assert len(page(report_of(rows, events), worst, 200).encode()) < MOST_PAGE_BYTES
