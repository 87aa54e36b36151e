"""The Common Log Format's family as formats: one a layout, though each reads its relatives too."""

from __future__ import annotations

from functools import lru_cache

from w3ctools.core.errors import ParseError
from w3ctools.core.formats.clf import Layout, Line, parse_line
from w3ctools.core.formats.clf_block import BlockParser
from w3ctools.core.formats.format import FormatSpec, Settings
from w3ctools.core.formats.wrapper import unwrap
from w3ctools.core.record import Record


class ClfFormat:
    """Lines of one layout: `parse` refuses those of another, unless `relatives` are welcome too.

    Common and combined are one: a line tells which by itself, and both have the same keys.
    """

    def __init__(self, layout: Layout, settings: Settings, *, relatives: bool = False) -> None:
        self.name = layout.name
        self.layout = layout
        self._settings = settings
        self._relatives = relatives
        self._keys = (layout.vhost, layout.forwarded_for)

    def parse(self, line: bytes) -> Record:
        """Parse one line. Raises ParseError."""
        layout, record = _parse(line, self._settings)
        if not self._relatives and (layout.vhost, layout.forwarded_for) != self._keys:
            raise ParseError(f"format: expected {self.name}, found {layout.name}", 1)
        return record

    def block_parser(self) -> BlockParser:
        """The fast path of this layout."""
        return _block_parser(self.layout, self._settings.site)


@lru_cache(maxsize=64)
def _block_parser(layout: Layout, site: str) -> BlockParser:
    """One for all logs of a layout, which may come in turns: it only remembers texts and their JSON."""
    return BlockParser(layout, site)


def recognise(line: bytes, settings: Settings) -> tuple[ClfFormat, Record]:
    """The format of a line of the family, and its record. Raises ParseError."""
    layout, record = _parse(line, settings)
    return ClfFormat(layout, settings), record


def _parse(line: bytes, settings: Settings) -> Line:
    """A user may hold blanks, so a collector's prefix would pass for client, identity and user."""
    parsed = parse_line(line, settings.site, settings.zone)
    if " " in (parsed.record.user or "") and unwrap(line) is not None:
        raise ParseError("client: expected no collector's prefix before it", 1)
    return parsed


def _spec(layout: Layout, summary: str, example: bytes, name: str | None = None) -> FormatSpec:
    def make(settings: Settings) -> ClfFormat:
        return ClfFormat(layout, settings, relatives=True)

    return FormatSpec(name or layout.name, summary, example, make)


_LINE = b'127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326'
_AGENT = b' "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"'

SPECS = (
    _spec(Layout(), "Common Log Format: Apache, nginx, W3C httpd, NCSA", _LINE),
    _spec(Layout(combined=True), "CLF with referer and user agent", _LINE + _AGENT),
    _spec(
        Layout(vhost=True, combined=True),
        "Debian's Apache with several sites: host:port in front",
        b"www.example.com:80 " + _LINE + _AGENT,
    ),
    _spec(Layout(vhost=True), "CLF with host:port in front", b"www.example.com:80 " + _LINE),
    _spec(
        Layout(vhost=True, combined=True, forwarded_for=True),
        "main with host:port in front",
        b"www.example.com:80 " + _LINE + _AGENT + b' "203.0.113.7"',
    ),
    _spec(
        Layout(combined=True, forwarded_for=True),
        "nginx's package default: combined and X-Forwarded-For",
        _LINE + _AGENT + b' "203.0.113.7"',
    ),
    # Servers whose usual log is one of these, under the names that users look for.
    _spec(
        Layout(combined=True),
        "gunicorn's access log: combined",
        b'127.0.0.1 - - [24/Nov/2026:10:53:30 +0000] "GET /api/items HTTP/1.1" 200 512 "-" "curl/8.5.0"',
        "gunicorn",
    ),
    _spec(
        Layout(combined=True),
        "varnishncsa: combined, targets with scheme and host",
        b'192.0.2.7 - - [24/Nov/2026:10:53:30 +0000] "GET http://my.site.com/pages/create HTTP/1.1" 200 512 '
        b'"-" "curl/8.5.0"',
        "varnish",
    ),
    _spec(
        Layout(),
        "Tomcat's AccessLogValve: common or combined",
        b'0:0:0:0:0:0:0:1 - - [24/Nov/2026:10:53:30 +0000] "GET /manager/html HTTP/1.1" 401 2473',
        "tomcat",
    ),
    _spec(
        Layout(combined=True),
        "Jetty's CustomRequestLog: combined, quotes not escaped",
        b'192.0.2.7 - - [24/Nov/2026:10:53:30 +0000] "GET /a HTTP/1.1" 200 512 "-" "an "odd" agent"',
        "jetty",
    ),
)
