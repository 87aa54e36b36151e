"""Notifications through apprise, to real servers on localhost."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import DEADLINE_S
from receivers import HOST, black_hole, dead_port, http_endpoint, smtp_server

from w3ctools.core.errors import W3CError
from w3ctools.core.wire import AlertEvent
from w3ctools.edge.notify import body_of, open_notifiers, title_of
from w3ctools.edge.outbox import Destination, Outbox, SendFailed

#: Of modules that apprise loads.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

AT = "2020-09-13T12:26:45Z"


def _event(state: str = "raised", what: str = "generated an alert", key: str | None = None) -> AlertEvent:
    return AlertEvent(
        state=state,
        time=AT,
        rule="traffic",
        metric="requests",
        key=key,
        value=1.2,
        hits=12,
        threshold=1.0,
        window_s=10,
        message=f"High traffic{f' on {key}' if key else ''} {what} - hits = 12, triggered at {AT}",
    )


RAISED = _event()
RECOVERED = _event("recovered", "alert recovered")


def _open(url: str) -> Destination:
    (destination,) = open_notifiers([url])
    return destination


def _mail(port: int, to: str = "ops@example.org", more: str = "") -> str:
    return f"mailto://{HOST}:{port}/?from=w3c@example.org&to={to}{more}"


def _failure(url: str) -> SendFailed:
    with pytest.raises(SendFailed) as failed:
        _open(url).send(RAISED)
    assert "\n" not in str(failed.value)
    return failed.value


class TestText:
    def test_title_is_the_message_without_figures(self) -> None:
        assert title_of(RAISED) == "High traffic generated an alert"
        assert title_of(_event(key="/api")) == "High traffic on /api generated an alert"
        assert title_of(RECOVERED) == "High traffic alert recovered"

    def test_long_title_is_cut(self) -> None:
        title = title_of(_event(key="/" + "x" * 150))
        assert len(title) == 100
        assert title.endswith("xxx...")

    def test_body_has_the_message_and_the_facts(self) -> None:
        assert body_of(_event(key="/api"), "web1").splitlines() == [
            f"High traffic on /api generated an alert - hits = 12, triggered at {AT}",
            "",
            "rule: traffic",
            "key: /api",
            "value: 1.2",
            "threshold: 1",
            "hits: 12",
            "window: 10 s",
            "host: web1",
        ]

    def test_unknown_facts_are_left_out(self) -> None:
        assert body_of(AlertEvent(message="m"), "web1") == "m\n\nhost: web1"

    @pytest.mark.parametrize(
        ("key", "shown"),
        [
            ("a\nSubject: b\r", r"a\x0aSubject: b\x0d"),
            ("\x1b[31m", r"\x1b[31m"),
            ("\u202egpj", r"\xe2\x80\xaegpj"),
            ("/@everyone/@HERE/@alice", r"/\x40everyone/\x40HERE/@alice"),
        ],
    )
    def test_key_acts_on_nothing(self, key: str, shown: str) -> None:
        event = _event(key=key)
        assert title_of(event) == f"High traffic on {shown} generated an alert"
        assert f"\nkey: {shown}\n" in body_of(event, "web1")


class TestMail:
    def test_raised_and_recovered_come_in_order(self) -> None:
        with smtp_server() as server:
            destination = _open(_mail(server.port))
            started_s = time.monotonic()
            destination.send(RAISED)
            destination.send(RECOVERED)
            assert time.monotonic() - started_s < 4  # left to itself, apprise sends a mail every 5.5 s
            first, second = server.wait_for(2)
        assert (first.subject, first.to) == ("High traffic generated an alert", ["ops@example.org"])
        assert first.body.startswith(f"{RAISED.message}\n\nrule: traffic\n")
        assert second.subject == "High traffic alert recovered"

    def test_key_can_add_no_header_and_no_markup(self) -> None:
        key = "/<b>*x*</b>\r\nBcc:a@b.example\\n:smile:{{7}}"
        with smtp_server() as server:
            _open(_mail(server.port)).send(_event(key=key))
            (mail,) = server.wait_for(1)
        shown = r"/<b>*x*</b>\x0d\x0aBcc:a@b.example\n:smile:{{7}}"
        assert mail.subject == f"High traffic on {shown} generated an alert"
        assert f"\nkey: {shown}\n" in mail.body
        assert mail.to == ["ops@example.org"]

    def test_emojis_asked_for_by_the_url_stay_off(self) -> None:
        with smtp_server() as server:
            _open(_mail(server.port, more="&emojis=yes")).send(_event(key=":smile:"))
            assert "key: :smile:" in server.wait_for(1)[0].body

    def test_refusal_is_told_by_its_status(self) -> None:
        with smtp_server() as server:
            failure = _failure(_mail(server.port, "nobody@example.org"))
        assert (str(failure), failure.is_final) == ("SMTP status 550", False)

    def test_refusal_of_one_recipient_sends_nothing_twice(self) -> None:
        with smtp_server() as server:
            failure = _failure(_mail(server.port, "ops@example.org,nobody@example.org"))
        assert failure.is_final
        assert str(failure) == "SMTP status 550 for one recipient, others have it"

    def test_login_that_is_not_offered_is_told(self) -> None:
        with smtp_server() as server:
            url = _mail(server.port).replace("mailto://", "mailto://user:secret@")
            assert str(_failure(url)) == "the server offers no login or no encryption"


class TestWebhook:
    @pytest.mark.parametrize(
        ("event", "kind"),
        [(RAISED, "warning"), (RECOVERED, "success"), (_event("reset", "alert reset"), "info")],
    )
    def test_json_has_title_message_and_kind(self, event: AlertEvent, kind: str) -> None:
        with http_endpoint() as endpoint:
            _open(endpoint.notify_url).send(event)
            (body,) = endpoint.wait_for(1)
        assert (body["title"], body["type"]) == (title_of(event), kind)
        assert body["message"].startswith(event.message)

    @pytest.mark.parametrize(("text_format", "shown"), [("html", "/&lt;b&gt;*x*"), ("markdown", r"\*x\*")])
    def test_key_is_no_markup(self, text_format: str, shown: str) -> None:
        with http_endpoint() as endpoint:
            _open(f"{endpoint.notify_url}?format={text_format}").send(_event(key="/<b>*x*"))
            assert shown in endpoint.wait_for(1)[0]["message"]

    @pytest.mark.parametrize("status", [301, 404, 500, 503])
    def test_failure_is_told_by_its_status(self, status: int) -> None:
        with http_endpoint(status) as endpoint:
            assert str(_failure(endpoint.notify_url)) == f"HTTP status {status}"

    def test_slow_answer_is_a_failure(self) -> None:
        with http_endpoint(delay_s=2) as endpoint:
            assert str(_failure(f"{endpoint.notify_url}?rto=0.1")) == "timed out"

    def test_words_of_the_key_are_no_reason(self) -> None:
        with http_endpoint() as endpoint, pytest.raises(SendFailed) as failed:
            _open(f"jsons://{HOST}:{endpoint.port}/").send(_event(key="/connection refused"))
        assert str(failed.value) == "TLS failed"


class TestUnreachable:
    @pytest.mark.parametrize("scheme", ["mailto", "mailtos", "json", "jsons"])
    def test_dead_port_refuses(self, scheme: str) -> None:
        with dead_port() as port:
            url = f"{scheme}://user:secret@{HOST}:{port}/?from=a@b.example&to=a@b.example"
            assert str(_failure(url)) == "connection refused"

    @pytest.mark.parametrize("scheme", ["mailto", "mailtos", "json", "jsons"])
    def test_black_hole_times_out(self, scheme: str) -> None:
        with black_hole() as port:
            url = f"{scheme}://{HOST}:{port}/?from=a@b.example&to=a@b.example&cto=0.1&rto=0.1"
            assert str(_failure(url)) == "timed out"

    def test_unknown_host_is_told(self) -> None:
        assert str(_failure("json://no-such-host.invalid/")) == "host not found"

    def test_black_hole_delays_no_other(self) -> None:
        said: list[str] = []
        with black_hole() as hole, http_endpoint() as endpoint:
            outbox = Outbox(open_notifiers([f"json://{HOST}:{hole}/", endpoint.notify_url]), said.append)
            outbox.put(RAISED)
            outbox.put(RECOVERED)
            titles = [body["title"] for body in endpoint.wait_for(2)]
            outbox.close(timeout_s=0.05)
        assert titles == [title_of(RAISED), title_of(RECOVERED)]
        assert said == ["notify 1 (json): 2 messages were not sent"]


class TestUrls:
    def test_names_are_number_and_scheme(self) -> None:
        urls = ["json://user:secret@host/path", "MailTo://user:secret@host.example"]
        assert [one.name for one in open_notifiers(urls)] == ["notify 1 (json)", "notify 2 (mailto)"]

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("slak://user:secret@host", "not a notification URL that apprise knows (scheme 'slak')"),
            ("secret", "not a notification URL: it has no scheme such as mailto://"),
            ("", "not a notification URL: it has no scheme such as mailto://"),
            ("https://user:secret@host/", "not a notification URL that apprise knows (scheme 'https')"),
            ("slack://secret", "something is missing or wrong in the URL (scheme 'slack')"),
        ],
    )
    def test_unusable_url_is_an_error_with_its_number(self, url: str, reason: str) -> None:
        with pytest.raises(W3CError) as error:
            open_notifiers(["json://host/", url])
        assert str(error.value) == f"notify 2: {reason}"

    def test_service_that_lacks_a_package_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("apprise.plugins.custom_json.NotifyJSON.enabled", False)
        with pytest.raises(W3CError) as error:
            open_notifiers(["json://host/"])
        assert str(error.value) == "notify 1: apprise needs one more package for it (scheme 'json')"

    def test_without_apprise_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "apprise", None)
        with pytest.raises(W3CError) as error:
            open_notifiers(["json://host/"])
        told = "--notify needs apprise: pip install 'w3ctools[notify]', in a checkout '.[notify]'"
        assert str(error.value) == told


#: Opens what is named, sends to it, and writes errors as they are told.
PROGRAM = """
import logging, sys
from w3ctools.core.errors import W3CError
from w3ctools.core.wire import AlertEvent
from w3ctools.edge.notify import open_notifiers
from w3ctools.edge.outbox import SendFailed
assert "apprise" not in sys.modules
for url in sys.argv[1:]:
    try:
        (destination,) = open_notifiers([url])
        destination.send(AlertEvent(state="raised", message="High traffic generated an alert"))
    except (W3CError, SendFailed) as error:
        print(error)
logging.getLogger("whatever.apprise.uses").error("user:secret@host")
"""


class TestQuiet:
    """In a process of its own, with a home of its own."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        config = tmp_path / ".config" / "apprise"
        (config / "plugins").mkdir(parents=True)
        (config / "plugins" / "mine.py").write_text("print('a plugin was loaded')\n")
        return tmp_path

    def _run(self, home: Path, *urls: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "always", "-c", PROGRAM, *urls],
            env={"HOME": str(home), "PATH": "/usr/bin:/bin", **more},
            capture_output=True,
            text=True,
            timeout=3 * DEADLINE_S,
            check=False,
        )

    def test_nothing_but_the_reasons_is_written(self, home: Path) -> None:
        with dead_port() as dead, smtp_server() as mail, http_endpoint(500) as endpoint:
            run = self._run(
                home,
                f"json://user:secret@{HOST}:{dead}/secret?+X-Token=secret",
                f"jsons://user:secret@{HOST}:{endpoint.port}/?verify=no",
                f"mailto://user:secret@{HOST}:{mail.port}/?from=a@b.example&to=a@b.example",
                f"json://user:secret@{HOST}:{endpoint.port}/?token=secret",
                "slack://secret",
                "nothing://user:secret@host",
            )
        assert run.stderr == ""
        assert run.stdout.splitlines() == [
            "connection refused",
            "TLS failed",
            "the server offers no login or no encryption",
            "HTTP status 500",
            "notify 1: something is missing or wrong in the URL (scheme 'slack')",
            "notify 1: not a notification URL that apprise knows (scheme 'nothing')",
        ]

    def test_nothing_is_kept_and_nothing_else_is_loaded(self, home: Path) -> None:
        with http_endpoint() as endpoint, http_endpoint() as other:
            (home / ".config" / "apprise.yml").write_text(f"urls:\n  - {other.notify_url}\n")
            before = sorted(home.rglob("*"))
            run = self._run(home, endpoint.notify_url, APPRISE_URLS=other.notify_url)
            assert (run.stdout, run.stderr, len(endpoint.received)) == ("", "", 1)
            assert other.received == []
        assert sorted(home.rglob("*")) == before
