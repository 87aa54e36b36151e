"""The pages of a made-up site: what can be asked for, how often, and how it is answered."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import product
from typing import NamedTuple

from w3ctools.core.synth.chance import shares, zipf
from w3ctools.core.synth.line import Exchange

_HOME_SHARE = 0.02
#: How many paths a greedy robot asks for.
_CRAWLED_PATHS = 4_000
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


class Kind(NamedTuple):
    """What the sections of one kind serve.

    `tails` follow the section's name, the most wanted first; `is_page` is whether a browser can come
    from there, so that it shows up as a referer.
    """

    tails: tuple[str, ...]
    methods: Mapping[str, float]
    body_bytes: range
    is_page: bool = True


_PAGES = Kind(
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
_ARTICLES = Kind(
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
_SHOP = Kind(
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
_SEARCH = Kind(
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
_LOGIN = Kind(
    ("", "?next=%2Faccount", "/reset", "/oauth/callback?state=f3a9c1", "/logout"),
    {"GET": 0.55, "POST": 0.45},
    range(800, 9_000),
)
_API = Kind(
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
_IMAGES = Kind(
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
_STATIC = Kind(
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
_FILES = Kind(
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


class Target(NamedTuple):
    """A request target with its share of all requests."""

    target: str
    kind: Kind
    share: float


def targets(sections: int) -> Iterator[Target]:
    """Every request target of the site."""
    yield Target("/", _PAGES, _HOME_SHARE)
    for (name, kind), section_share in zip(_sections(sections), zipf(sections), strict=True):
        for tail, tail_share in zip(kind.tails, zipf(len(kind.tails)), strict=True):
            yield Target(f"/{name}{tail}", kind, (1 - _HOME_SHARE) * section_share * tail_share)


def _sections(count: int) -> Iterator[tuple[str, Kind]]:
    """Names with their kinds: the known ones, then ``pages-2``, ``api-2`` and so on."""
    known = list(_SECTIONS.items())
    for index in range(count):
        name, kind = known[index % len(known)]
        turn = index // len(known) + 1
        yield (name if turn == 1 else f"{name}-{turn}"), kind


def exchanges(sections: int, rng: random.Random, times: random.Random) -> Iterator[tuple[Exchange, float]]:
    """Every exchange of the site with its share of all of them; `times` is for durations."""
    for target, kind, target_share in targets(sections):
        for method, method_share in kind.methods.items():
            statuses = _STATUSES[method]
            for (status, status_share), (protocol, protocol_share) in product(
                zip(statuses, shares(list(statuses.values())), strict=True), _PROTOCOLS.items()
            ):
                share = target_share * method_share * status_share * protocol_share
                body_bytes, head_bytes = _sizes(method, status, kind, rng)
                yield (
                    exchange(method, target, status, body_bytes, times, protocol=protocol, head=head_bytes),
                    share,
                )


def exchange(
    method: str,
    target: str,
    status: int,
    body_bytes: int,
    times: random.Random,
    *,
    protocol: str = "HTTP/1.1",
    head: int = 180,
) -> Exchange:
    """An exchange with a request's size and a duration that suit it."""
    request_bytes = 120 + len(target) + times.getrandbits(9) + (900 if method in ("POST", "PUT") else 0)
    # The cube: most answers take milliseconds and a few take seconds.
    duration_us = 800 + int(times.random() ** 3 * 1_500_000) + body_bytes // 20
    return Exchange(method, target, protocol, status, body_bytes, head, request_bytes, duration_us)


def _sizes(method: str, status: int, kind: Kind, rng: random.Random) -> tuple[int, int]:
    """Bytes of the response's body and head."""
    position, head_bytes = rng.random(), 160 + rng.getrandbits(8)
    if method == "HEAD" or status in (204, 304):
        return 0, head_bytes
    sizes = kind.body_bytes if status == 200 else range(150, 900)
    # The square: of a site's answers most are small and a few are large.
    return sizes[int(position * position * len(sizes))], head_bytes


def failures(sections: int, times: random.Random) -> Iterator[tuple[Exchange, float]]:
    """Answers while servers are replaced: 500, 502 and 503, four of five in the first section."""
    first = next(iter(_SECTIONS))
    for target, kind, share in targets(sections):
        for status, status_share in {500: 0.5, 502: 0.3, 503: 0.2}.items():
            method = "GET" if status != 502 or "POST" not in kind.methods else "POST"
            weight = share * status_share * (12 if target.startswith(f"/{first}") else 1)
            yield exchange(method, target, status, 150 + times.getrandbits(8), times), weight


def crawled(sections: int, times: random.Random) -> Iterator[tuple[Exchange, float]]:
    """Thousands of paths, each as likely as the other; of two in five there is no such page."""
    names = [name for name, _ in _sections(sections)]
    for number in range(_CRAWLED_PATHS):
        status = 404 if number % 5 < 2 else 200
        target = f"/{names[number % len(names)]}/{number // 60 % 24:02}/{number:05}"
        yield exchange("GET", target, status, 300 + times.getrandbits(12), times), 1.0


def logins(times: random.Random) -> Iterator[tuple[Exchange, float]]:
    """Attempts to log in that are turned away with a few bytes, or find the server overloaded."""
    for status, weight in {429: 0.8, 503: 0.15, 401: 0.05}.items():
        yield exchange("POST", "/login", status, 24, times), weight
