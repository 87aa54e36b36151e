"""Mail, chat and webhooks: whatever apprise can send to.

Its URLs hold secrets, so nothing of one is ever shown but its scheme, and of what apprise says only what is
known here.
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Sequence
from typing import Any

from w3ctools.core.errors import W3CError
from w3ctools.core.formats.text import visible
from w3ctools.core.wire import AlertEvent
from w3ctools.edge.outbox import Destination, SendFailed

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,19})://")
#: A title is shown in one line, on a phone as well.
_TITLE_CHARS = 100
#: One message a second is what chat services allow. apprise would send a mail every 5.5 s, and what is left
#: at the end of the input has less time than that.
_PACE_S = 1.0
#: Words that call everybody in a room together (Discord, Slack, Matrix); a request may hold them.
_CALLS_ALL = re.compile(r"@(?=everyone|here|channel|all|room)", re.IGNORECASE)
_KINDS = {"raised": "warning", "recovered": "success"}

#: What apprise's log says of a failure, and what is told of it.
_STATUS = (
    (re.compile(r"error=([1-5]\d\d)\.?$", re.MULTILINE), "HTTP status"),
    (re.compile(r"\(([45]\d\d), b['\"]|was refused: ([45]\d\d) "), "SMTP status"),
)
_WORDS = (
    ("connection refused", "connection refused"),
    ("timed out", "timed out"),
    ("name or service not known", "host not found"),
    ("no address associated", "host not found"),
    ("name resolution", "host not found"),
    ("extension not supported", "the server offers no login or no encryption"),
    ("certificate", "the certificate is not trusted"),
    ("[ssl", "TLS failed"),
    ("no route to host", "host unreachable"),
    ("network is unreachable", "host unreachable"),
    ("connection reset", "connection lost"),
    ("closed", "connection lost"),
)


def open_notifiers(urls: Sequence[str]) -> list[Destination]:
    """A destination for each URL. Raises W3CError, which names the URL by its number alone."""
    try:
        import apprise
    except ImportError:
        raise W3CError(
            "--notify needs apprise: pip install 'w3ctools[notify]', in a checkout '.[notify]'"
        ) from None
    _keep_quiet()
    asset = apprise.AppriseAsset(
        app_id="w3ctools",
        app_desc="w3ctools",
        storage_mode="memory",
        secure_logging=True,
        interpret_escapes=False,
        interpret_emojis=False,
        pgp_autogen=False,
        pem_autogen=False,
        # Ours is the thread: one of apprise's own would go on after its time, and send twice.
        async_mode=False,
        service_timeout=0,
    )
    return [_Notifier(apprise, asset, url, number) for number, url in enumerate(urls, 1)]


class _Notifier:
    """One URL."""

    def __init__(self, apprise: Any, asset: Any, url: str, number: int) -> None:
        match = _SCHEME.match(url)
        scheme = match[1].lower() if match else ""
        service = apprise.Apprise.instantiate(url, asset=asset)
        if service is None:
            raise W3CError(f"notify {number}: {_why_unusable(apprise.NotificationManager(), scheme)}")
        self.name = f"notify {number} ({scheme})"
        service.request_rate_per_sec = min(service.request_rate_per_sec, _PACE_S)
        self._services = apprise.Apprise(asset=asset)
        self._services.add(service)
        self._text_format = apprise.NotifyFormat.TEXT
        self._host = socket.gethostname()

    def send(self, event: AlertEvent) -> None:
        """Send a message for people. Raises SendFailed."""
        with self._services.notify(
            title=title_of(event),
            body=body_of(event, self._host),
            notify_type=_KINDS.get(event.state or "", "info"),
            body_format=self._text_format,
            log_level=logging.DEBUG,
        ) as result:
            if not result:
                raise _failure([(entry.level, entry.message) for entry in result.logs()])


def title_of(event: AlertEvent) -> str:
    """What happened, in one short line: the message without its figures."""
    title = _harmless(event.message.partition(" - ")[0])
    return title if len(title) <= _TITLE_CHARS else f"{title[: _TITLE_CHARS - 3]}..."


def body_of(event: AlertEvent, host: str) -> str:
    """The message, and what is known of it, a line each."""
    facts = {
        "rule": event.rule,
        "key": event.key,
        "value": _number(event.value),
        "threshold": _number(event.threshold),
        "hits": _number(event.hits),
        "window": None if event.window_s is None else f"{event.window_s} s",
        "host": host,
    }
    lines = [f"{name}: {_harmless(fact)}" for name, fact in facts.items() if fact is not None]
    return "\n".join([_harmless(event.message), "", *lines])


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.10g}"


def _harmless(text: str) -> str:
    """One line that acts on no terminal, mail header or chat room, whatever a request held."""
    return _CALLS_ALL.sub(r"\\x40", visible(text.encode("utf-8", "replace")))


def _keep_quiet() -> None:
    """Log and warnings of apprise and all it uses go nowhere: they name hosts, users and worse."""
    logging.getLogger().addHandler(logging.NullHandler())
    logging.captureWarnings(True)
    logging.raiseExceptions = False
    # The reason of a failure is told at this level only.
    logging.getLogger("apprise").setLevel(logging.DEBUG)


def _why_unusable(known: Any, scheme: str) -> str:
    if not scheme:
        return "not a notification URL: it has no scheme such as mailto://"
    if scheme not in known:
        return f"not a notification URL that apprise knows (scheme '{scheme}')"
    if not known[scheme].enabled:
        return f"apprise needs one more package for it (scheme '{scheme}')"
    return f"something is missing or wrong in the URL (scheme '{scheme}')"


def _failure(log: list[tuple[str, str]]) -> SendFailed:
    """The reason, in words from here, and whether to try again."""
    # At the level of details, all else is from the message or the answer, and could say anything.
    told = [text for level, text in log if level != "DEBUG" or text.startswith("Socket Exception")]
    reason = _reason("\n".join(told))
    if any(level == "INFO" and text.startswith("Sent ") for level, text in log):
        # To try again would send the same to those recipients once more.
        return SendFailed(f"{reason} for one recipient, others have it", is_final=True)
    return SendFailed(reason)


def _reason(log: str) -> str:
    for pattern, what in _STATUS:
        match = pattern.search(log)
        if match is not None:
            return f"{what} {match[match.lastindex or 1]}"
    lowered = log.lower()
    return next((told for said, told in _WORDS if said in lowered), "refused or unreachable")
