"""The visitors of a made-up site: addresses, users, agents, and where they come from."""

from __future__ import annotations

import random
from itertools import accumulate

from w3ctools.core.synth.chance import zipf
from w3ctools.core.synth.line import Visit
from w3ctools.core.synth.pages import targets

_CLIENTS = 3_000
# Enough for the rare clients to be among them, few enough to be drawn in about 20 ms.
_VISITS = 16_384
_USER_SHARE = 0.04
_ROBOT_SHARE = 0.12

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


_ROBOT_RANKS = list(accumulate(zipf(len(_ROBOTS))))
_BROWSER_RANKS = list(accumulate(zipf(len(_BROWSERS))))


class Sample:
    """A sample of visits to the site at `origin`; each is put together when it is asked for.

    A client keeps its agent and user throughout; robots log in nowhere and come from nowhere.
    """

    def __init__(self, origin: str, sections: int, rng: random.Random) -> None:
        clients = [_client(rng) for _ in range(_CLIENTS)]
        pages = [target for target in targets(sections) if target.kind.is_page]
        self._origin = origin
        self._pages = rng.choices([page.target for page in pages], [page.share for page in pages], k=_VISITS)
        self._engines = rng.choices(_SEARCH_ENGINES, zipf(len(_SEARCH_ENGINES)), k=_VISITS)
        self._sources = rng.choices(list(_REFERER_SHARES), list(_REFERER_SHARES.values()), k=_VISITS)
        self._clients = rng.choices(clients, zipf(_CLIENTS), k=_VISITS)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._clients)

    def __getitem__(self, number: int, /) -> Visit:
        """One of them."""
        client = self._clients[number]
        if client.user_agent in _ROBOTS or self._sources[number] == "none":
            return client
        own = self._sources[number] == "own"
        return client._replace(referer=self._origin + self._pages[number] if own else self._engines[number])


def crawler() -> list[Visit]:
    """One robot."""
    return [
        Visit("203.0.113.66", None, None, "Mozilla/5.0 (compatible; GreedyBot/1.0; +http://greedy.example/)")
    ]


def flood(rng: random.Random) -> list[Visit]:
    """Many clients that come from nowhere with the agents of programs."""
    agents = ("python-requests/2.32.3", "Go-http-client/1.1", _BROWSERS[0])
    return [Visit(_address(rng), None, None, rng.choices(agents)[0]) for _ in range(_CLIENTS)]


def _client(rng: random.Random) -> Visit:
    """One client: address and user, and its user agent."""
    is_robot, is_known = rng.random() < _ROBOT_SHARE, rng.random() < _USER_SHARE
    agents = _ROBOTS if is_robot else _BROWSERS
    agent = rng.choices(agents, cum_weights=_ROBOT_RANKS if is_robot else _BROWSER_RANKS)[0]
    user = rng.choices(_USERS)[0] if is_known and not is_robot else None
    return Visit(_address(rng), user, None, agent)


def _address(rng: random.Random) -> str:
    """An address nobody has: from the ranges kept for benchmarks (RFC 2544) and documentation."""
    network = rng.random()
    if network < 0.85:
        return f"198.{18 + rng.getrandbits(1)}.{rng.getrandbits(8)}.{rng.getrandbits(8)}"
    if network < 0.90:
        return f"203.0.113.{rng.getrandbits(8)}"
    return f"2001:db8:{1 + rng.getrandbits(12):x}:{1 + rng.getrandbits(8):x}::{1 + rng.getrandbits(12):x}"
