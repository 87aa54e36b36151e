"""A made-up site's access log: seed, seconds and counts -> the bytes of its lines.

`Site` writes lines, `Pace` says how many a second gets. Neither waits, reads a clock or does I/O, and
all chance comes from the seed, so a log can be written again byte for byte on any Python from 3.10.

Every string a line can hold is built when a `Site` is made; a line then costs two draws and one
formatting expression. Memory and start-up grow with the number of sections (about 400 strings each).
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate, product
from typing import NamedTuple

from w3ctools.core import timestamp

LOG_FORMATS = ("common", "combined", "vhost_combined")

# Only `random()`, `choices()` and `getrandbits()` are drawn from: these give the same values in every
# Python from 3.10. For the same reason weights are added up with `fsum` and `accumulate`, since
# `sum` of floats rounds differently from 3.12 on.

_SITE = re.compile(r"(https?)://([A-Za-z0-9.-]+)(?::(\d{1,5}))?/?", re.ASCII)
_DEFAULT_PORTS = {"http": "80", "https": "443"}

_HOME_SHARE = 0.02
_CLIENTS = 3_000
# Enough for the rare clients to be among them, few enough to be drawn in about 20 ms.
_VISITS = 16_384
_USER_SHARE = 0.04
_ROBOT_SHARE = 0.12

_PROTOCOLS = {"HTTP/1.1": 0.62, "HTTP/2.0": 0.36, "HTTP/1.0": 0.02}

_STATUSES: Mapping[str, Mapping[int, float]] = {
    "GET": {200: 875, 304: 62, 404: 28, 301: 14, 302: 9, 403: 6, 500: 4, 503: 2},
    "HEAD": {200: 930, 301: 30, 404: 40},
    "POST": {200: 560, 201: 220, 204: 90, 302: 80, 400: 28, 403: 10, 500: 9, 503: 3},
    "PUT": {200: 520, 204: 420, 404: 25, 403: 20, 500: 12, 503: 3},
    "DELETE": {204: 880, 404: 80, 403: 35, 500: 5},
}

_READ = {"GET": 0.97, "HEAD": 0.03}
_FORM = {"GET": 0.78, "POST": 0.21, "HEAD": 0.01}
_REST = {"GET": 0.62, "POST": 0.23, "PUT": 0.09, "DELETE": 0.04, "HEAD": 0.02}


class _Kind(NamedTuple):
    """What the sections of one kind serve.

    `tails` follow the section's name, the most wanted first; `is_page` is whether a browser can come
    from there, so that it shows up as a referer.
    """

    tails: tuple[str, ...]
    methods: Mapping[str, float]
    body_bytes: range
    is_page: bool = True


_PAGES = _Kind(
    (
        "/create",
        "/about",
        "",
        "/contact",
        "/list?page=2",
        "/edit?id=381",
        "/index.html",
        "/team",
        "/terms",
        "/privacy",
    ),
    _FORM,
    range(2_000, 40_000),
)
_ARTICLES = _Kind(
    (
        "/2026/11/ten-years-online",
        "/latest",
        "/2026/10/how-we-moved-house",
        "",
        "/feed.xml",
        "/tags/release",
        "/2026/09/a-short-history-of-logs?utm_source=newsletter&utm_medium=email",
        "/archive?page=3",
        "/authors/frank",
    ),
    _READ,
    range(4_000, 120_000),
)
_SHOP = _Kind(
    (
        "/items/1042",
        "/items/77",
        "/cart",
        "",
        "/items?sort=price&order=asc",
        "/items/2310?colour=blue&size=m",
        "/checkout",
        "/checkout/confirm",
        "/orders/100391",
        "/offers",
    ),
    _FORM,
    range(3_000, 60_000),
)
_SEARCH = _Kind(
    (
        "?q=opening+hours",
        "?q=tent",
        "",
        "?q=blue+jacket&page=2",
        "/suggest?q=te",
        "?q=caf%C3%A9",
        "/advanced",
    ),
    _READ,
    range(1_500, 30_000),
)
_LOGIN = _Kind(
    ("", "?next=%2Faccount", "/reset", "/oauth/callback?state=f3a9c1", "/logout"),
    {"GET": 0.55, "POST": 0.45},
    range(800, 9_000),
)
_API = _Kind(
    (
        "/v1/items?limit=50",
        "/v1/session",
        "/v1/items/1042",
        "/v1/users/381",
        "/v2/events?since=1764000000",
        "/v1/orders",
        "/v1/orders/100391",
        "/health",
        "/v1/users?sort=name&limit=100&offset=200",
        "",
    ),
    _REST,
    range(60, 12_000),
    is_page=False,
)
_IMAGES = _Kind(
    (
        "/logo.svg",
        "/hero.webp",
        "/icons/cart.png",
        "/team/frank.jpg",
        "/items/1042-large.jpg?w=1200",
        "/banner.gif",
        "",
    ),
    _READ,
    range(900, 600_000),
    is_page=False,
)
_STATIC = _Kind(
    (
        "/app.js?v=4.2.1",
        "/main.css?v=4.2.1",
        "/vendor.js",
        "/fonts/inter.woff2",
        "/print.css",
        "/manifest.json",
        "",
    ),
    _READ,
    range(400, 250_000),
    is_page=False,
)
_FILES = _Kind(
    ("/setup-4.2.1.exe", "/handbook.pdf", "/w3c-4.2.1.tar.gz", "", "/checksums.txt", "/intro.mp4"),
    _READ,
    range(20_000, 9_000_000),
    is_page=False,
)

_SECTIONS = {
    "pages": _PAGES,
    "api": _API,
    "images": _IMAGES,
    "blog": _ARTICLES,
    "shop": _SHOP,
    "search": _SEARCH,
    "static": _STATIC,
    "login": _LOGIN,
    "news": _ARTICLES,
    "products": _SHOP,
    "account": _PAGES,
    "docs": _ARTICLES,
    "users": _PAGES,
    "downloads": _FILES,
    "forum": _ARTICLES,
    "help": _ARTICLES,
    "assets": _STATIC,
    "events": _PAGES,
    "jobs": _PAGES,
    "media": _IMAGES,
    "graphql": _API,
    "admin": _PAGES,
    "partners": _PAGES,
    "videos": _FILES,
}

_USERS = ("frank", "alice", "bob", "carol", "j.doe", "maria", "ops", "deploy")

_SEARCH_ENGINES = (
    "https://www.google.com/",
    "https://www.bing.com/",
    "https://duckduckgo.com/",
    "https://www.google.de/",
    "https://search.brave.com/",
    "https://www.ecosia.org/",
    "https://search.yahoo.com/",
    "https://yandex.ru/",
)
_REFERER_SHARES = {"own": 0.50, "none": 0.34, "search": 0.16}

_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) "
    "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.7 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/139.0.0.0 Safari/537.36 OPR/123.0.0.0",
    "Mozilla/5.0 (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0",
    "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
)
_ROBOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "kube-probe/1.31",
    "curl/8.11.1",
    "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
    "python-requests/2.32.3",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "Go-http-client/2.0",
    "Wget/1.24.5",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)",
)


class Pace:
    """Turns a rate into whole lines for one second after another, exactly.

    After any number of seconds the counts add up to the floor of the sum of their rates; with one
    rate, second k (from 0) gets ``floor((k + 1) * rate) - floor(k * rate)`` lines.

    >>> pace = Pace()
    >>> [pace.next_lines(Fraction("2.5")) for _ in range(4)]
    [2, 3, 2, 3]
    """

    def __init__(self) -> None:
        #: The part of a line that earlier seconds left over; 0 <= _owed < 1.
        self._owed = Fraction(0)

    def next_lines(self, rate_per_s: Fraction | int) -> int:
        """The number of lines in the next second; the rate may differ from call to call.

        A negative rate raises ValueError.
        """
        if rate_per_s < 0:
            raise ValueError(f"a rate is 0 or more, not {rate_per_s}")
        self._owed += rate_per_s
        count = math.floor(self._owed)
        self._owed -= count
        return count


class Site:
    """A site whose visitors, pages and habits follow from its seed.

    `url` is ``http://NAME[:PORT]`` or https. `sections` is the number of first path segments that are
    asked for beside ``/``; the n-th gets 1/n of the requests of the first. `log_format` is one of
    `LOG_FORMATS`. The size in `common` and `combined` is that of the body, ``-`` for none; in
    `vhost_combined` it includes the headers. One seed gives the same requests in all three formats.

    A `url`, `sections` or `log_format` outside of this raises ValueError.
    """

    def __init__(self, *, url: str, sections: int, log_format: str, seed: int) -> None:
        match = _SITE.fullmatch(url)
        if match is None:
            raise ValueError(f"{url!r} is not of the form http://my.site.com")
        if sections < 1:
            raise ValueError(f"a site has at least 1 section, not {sections}")
        if log_format not in LOG_FORMATS:
            raise ValueError(f"{log_format!r} is none of {', '.join(LOG_FORMATS)}")
        scheme, host, port = match.groups()
        vhost = f"{host}:{port or _DEFAULT_PORTS[scheme]}"
        exchanges = list(_exchanges(sections, log_format, _rng(seed, "exchanges of the site")))
        self._exchanges = [exchange for exchange, _ in exchanges]
        self._cum_weights = list(accumulate(weight for _, weight in exchanges))
        self._visits = _visits(
            url.rstrip("/"), vhost, sections, log_format, _rng(seed, "visitors of the site")
        )
        # A generator for each field: the lines do not depend on how calls divide them up.
        self._exchange_rng = _rng(seed, "exchanges")
        self._visit_rng = _rng(seed, "visits")

    def lines(self, epoch_s: int, count: int) -> bytes:
        """The next `count` lines, stamped with the UTC second `epoch_s`, each ending in LF.

        The requests depend on the seed and the number of lines before them alone: neither `epoch_s` nor
        how many lines each call asked for changes them. A large second can be had in small blocks.
        """
        stamp = f" [{timestamp.clf(epoch_s)}] "
        visits = self._visit_rng.choices(self._visits, k=count)
        exchanges = self._exchange_rng.choices(self._exchanges, cum_weights=self._cum_weights, k=count)
        return "".join(
            [
                f"{client}{stamp}{exchange}{tail}"
                for (client, tail), exchange in zip(visits, exchanges, strict=True)
            ]
        ).encode("ascii")


def _rng(seed: int, purpose: str) -> random.Random:
    """A generator of its own for each purpose; a text seed does not depend on PYTHONHASHSEED."""
    return random.Random(f"{seed}: {purpose}")


def _zipf(count: int) -> list[float]:
    """The shares of `count` things by rank: the n-th is wanted 1/n times as often as the first."""
    return _shares([1 / rank for rank in range(1, count + 1)])


def _shares(weights: Sequence[float]) -> list[float]:
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def _sections(count: int) -> Iterator[tuple[str, _Kind]]:
    """Names with their kinds: the known ones, then ``pages-2``, ``api-2`` and so on."""
    known = list(_SECTIONS.items())
    for index in range(count):
        name, kind = known[index % len(known)]
        turn = index // len(known) + 1
        yield (name if turn == 1 else f"{name}-{turn}"), kind


def _targets(sections: int) -> Iterator[tuple[str, _Kind, float]]:
    """Every request target of the site with its kind and its share of all requests."""
    yield "/", _PAGES, _HOME_SHARE
    for (name, kind), section_share in zip(_sections(sections), _zipf(sections), strict=True):
        for tail, tail_share in zip(kind.tails, _zipf(len(kind.tails)), strict=True):
            yield f"/{name}{tail}", kind, (1 - _HOME_SHARE) * section_share * tail_share


def _exchanges(sections: int, log_format: str, rng: random.Random) -> Iterator[tuple[str, float]]:
    """Request, status and size as a line holds them, each with its share of all requests."""
    for target, kind, target_share in _targets(sections):
        for method, method_share in kind.methods.items():
            statuses = _STATUSES[method]
            for (status, status_share), (protocol, protocol_share) in product(
                zip(statuses, _shares(list(statuses.values())), strict=True), _PROTOCOLS.items()
            ):
                size = _size(method, status, kind, log_format, rng)
                share = target_share * method_share * status_share * protocol_share
                yield f'"{method} {target} {protocol}" {status} {size}', share


def _size(method: str, status: int, kind: _Kind, log_format: str, rng: random.Random) -> str:
    # Drawn for every format, so that one seed means the same requests in all of them.
    position, header_bytes = rng.random(), 160 + rng.getrandbits(8)
    if method == "HEAD" or status in (204, 304):
        body_bytes = 0
    else:
        sizes = kind.body_bytes if status == 200 else range(150, 900)
        # The square: of a site's answers most are small and a few are large.
        body_bytes = sizes[int(position * position * len(sizes))]
    if log_format == "vhost_combined":
        return str(header_bytes + body_bytes)
    return str(body_bytes or "-")


def _visits(
    origin: str, vhost: str, sections: int, log_format: str, rng: random.Random
) -> list[tuple[str, str]]:
    """A sample of visits: what a line holds before its stamp, and after its size to its end.

    A client keeps its agent and user throughout; robots log in nowhere and come from nowhere.
    """
    clients = [_client(rng) for _ in range(_CLIENTS)]
    pages = [(target, share) for target, kind, share in _targets(sections) if kind.is_page]
    referers = {
        "own": rng.choices([origin + page for page, _ in pages], [share for _, share in pages], k=_VISITS),
        "none": ["-"] * _VISITS,
        "search": rng.choices(_SEARCH_ENGINES, _zipf(len(_SEARCH_ENGINES)), k=_VISITS),
    }
    sources = rng.choices(list(_REFERER_SHARES), list(_REFERER_SHARES.values()), k=_VISITS)
    prefix = f"{vhost} " if log_format == "vhost_combined" else ""
    visits = []
    for visit, (who, agent) in enumerate(rng.choices(clients, _zipf(_CLIENTS), k=_VISITS)):
        referer = "-" if agent in _ROBOTS else referers[sources[visit]][visit]
        tail = "" if log_format == "common" else f' "{referer}" "{agent}"'
        visits.append((f"{prefix}{who}", f"{tail}\n"))
    return visits


def _client(rng: random.Random) -> tuple[str, str]:
    """Address, identity and user of one client, and its user agent."""
    is_robot, is_known = rng.random() < _ROBOT_SHARE, rng.random() < _USER_SHARE
    agents = _ROBOTS if is_robot else _BROWSERS
    agent = rng.choices(agents, _zipf(len(agents)))[0]
    user = rng.choices(_USERS)[0] if is_known and not is_robot else "-"
    return f"{_address(rng)} - {user}", agent


def _address(rng: random.Random) -> str:
    """An address nobody has: from the ranges kept for benchmarks (RFC 2544) and documentation."""
    network = rng.random()
    if network < 0.85:
        return f"198.{18 + rng.getrandbits(1)}.{rng.getrandbits(8)}.{rng.getrandbits(8)}"
    if network < 0.90:
        return f"203.0.113.{rng.getrandbits(8)}"
    return f"2001:db8:{1 + rng.getrandbits(12):x}:{1 + rng.getrandbits(8):x}::{1 + rng.getrandbits(12):x}"
