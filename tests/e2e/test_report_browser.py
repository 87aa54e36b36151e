"""A report in a real browser: it shows what it should, runs nothing, and asks nobody for anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser
from harness import EPOCH, Commands, record, utc

HOSTILE = (
    "<script>document.title='owned'</script><img src=http://198.18.0.9/x onerror=\"document.title='owned'\">"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def report(commands: Commands) -> Path:
    """A page about ten minutes, a hostile client and two alerts."""
    lines = []
    for second in range(600):
        values = json.loads(record(EPOCH + second, status=500 if second % 50 == 0 else 200))
        values |= {"duration": 0.1 + second / 1000}
        if second % 7 == 0:
            values |= dict.fromkeys(("user_agent", "referer", "path", "section"), HOSTILE)
        lines.append(json.dumps(values))
        if second in (100, 300):
            lines.append(f"High traffic generated an alert - hits = 9, triggered at {utc(EPOCH + second)}")
        if second in (160, 330):
            lines.append(f"High traffic alert recovered - hits = 1, recovered at {utc(EPOCH + second)}")
    result = commands.run(
        "w3c-report", "--file", "report.html", "--title", HOSTILE, stdin="\n".join(lines).encode() + b"\n"
    )
    assert result.status == 0
    return commands.folder / "report.html"


def test_page_asks_nobody_for_anything_and_has_no_fault(browser: Browser, report: Path) -> None:
    browser.open(report)
    requested = {params["request"]["url"] for params in browser.told("Network.requestWillBeSent")}
    assert requested - {"data:,"} == {report.resolve().as_uri()}
    assert browser.told("Log.entryAdded") == []
    assert browser.told("Runtime.exceptionThrown") == []
    assert browser.told("Runtime.consoleAPICalled") == []


def test_what_was_logged_is_text(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert browser.evaluate("document.title") == HOSTILE
    assert browser.evaluate("document.querySelector('h1').textContent") == HOSTILE
    cells = "[...document.querySelectorAll('tbody th')].map(cell => cell.textContent)"
    assert browser.evaluate(cells).count(HOSTILE) == 5  # user agent, referer, section, failing and slow path
    assert browser.evaluate("document.querySelectorAll('script, img, iframe, object, a, form').length") == 0


def test_alerts_are_marked_where_they_were(browser: Browser, report: Path) -> None:
    browser.open(report)
    marks = browser.evaluate(
        "[...document.querySelectorAll('.lanes rect')].map(rect => {"
        " const own = rect.getBoundingClientRect(), all = rect.ownerSVGElement.getBoundingClientRect();"
        " return [rect.querySelector('title').textContent.split(' - ')[0],"
        " (own.left - all.left) / all.width, own.width / all.width]; })"
    )
    assert [mark[0] for mark in marks] == ["High traffic generated an alert"] * 2
    assert [mark[1] for mark in marks] == pytest.approx([100 / 600, 300 / 600], abs=0.01)
    assert [mark[2] for mark in marks] == pytest.approx([60 / 600, 30 / 600], abs=0.01)
    assert browser.evaluate("document.querySelectorAll('.shades rect').length") == 2


def test_policy_stops_a_script_that_got_in(browser: Browser, report: Path) -> None:
    text = report.read_text()
    assert text.count("</main>") == 1
    attack = "<script>document.title = 'owned'</script><img src='http://198.18.0.9/x'>"
    report.write_text(text.replace("</main>", f"{attack}</main>"))
    browser.open(report)
    assert browser.evaluate("document.querySelectorAll('script, img').length") == 2
    assert browser.evaluate("document.title") == HOSTILE
    stopped = [params["entry"]["text"] for params in browser.told("Log.entryAdded")]
    assert len([text for text in stopped if "Content Security Policy" in text]) == 2
    answered = [params["response"]["url"] for params in browser.told("Network.responseReceived")]
    assert [url for url in answered if "198.18.0.9" in url] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(browser: Browser, report: Path, scheme: str) -> None:
    browser.prefer(scheme)
    browser.open(report)
    contrasts = browser.evaluate(
        "(() => { const channel = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;"
        " const light = color => { const [r, g, b] = color.match(/[\\d.]+/g).map(Number);"
        "  return .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b); };"
        " const style = name => getComputedStyle(document.querySelector(name));"
        " const box = light(style('.box').backgroundColor);"
        " const names = ['h2', '.card small', '.card .bad', 'thead th', 'tbody th', '.ys span', '.xs span'];"
        " return names.map(name => { const text = light(style(name).color);"
        "  return (Math.max(text, box) + .05) / (Math.min(text, box) + .05); }); })()"
    )
    assert min(contrasts) >= 4.5  # WCAG 2.2, 1.4.3
    page = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (page == "rgb(246, 247, 248)") == (scheme == "light")


@pytest.mark.parametrize("width", [320, 400, 800, 1400])
def test_page_fits_the_screen(browser: Browser, report: Path, width: int) -> None:
    browser.resize(width, 800)
    browser.open(report)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    sizes = browser.evaluate(
        "[...document.querySelectorAll('.xs span, .ys span')]"
        ".map(label => parseFloat(getComputedStyle(label).fontSize))"
    )
    assert min(sizes) >= 12
    overlaps = browser.evaluate(
        "[...document.querySelectorAll('.xs')].flatMap(axis => { const boxes = [...axis.children]"
        " .map(e => e.getBoundingClientRect()).filter(box => box.width);"
        " return boxes.slice(1).filter((box, i) => box.left < boxes[i].right); }).length"
    )
    assert overlaps == 0


def test_page_can_be_printed(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert browser.paper().startswith(b"%PDF-")
