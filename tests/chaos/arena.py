"""The store under test, with all that it takes to hurt it: one arena for Redis, one for SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import redis

from tests.chaos.fleet import SETTINGS, Berth, Fleet
from tests.chaos.history import History
from tests.chaos.nemesis import BOTH, REDIS, SQLITE, Fault, Nemesis, RedisNemesis, SqliteNemesis
from tests.leaks import leaked_keys
from tests.proxy import Proxy
from tests.servers import RedisServer

__all__ = ["Arena", "arena"]


class Arena(Protocol):
    """A store and who is on it."""

    url: str
    """For the runner: no fault lies between it and the store."""
    kinds: dict[str, float]
    """The faults that there are, by weight."""
    berths: list[Berth]

    def nemesis(self, faults: Sequence[Fault], fleet: Fleet, history: History) -> Nemesis:
        """Who does the faults."""
        ...

    def leaks(self) -> list[str]:
        """What nothing will ever remove."""
        ...

    def close(self) -> None:
        """End the server."""
        ...


class RedisArena:
    """A Redis that keeps what it acknowledged; two of three workers and producers reach it through proxies."""

    def __init__(self) -> None:
        self.kinds = BOTH | REDIS
        self.server = RedisServer(appendonly=True)
        self.server.start()
        self.url = self.server.url
        names = ["w1", "w2", "p1", "p2"]
        self.proxies = {name: Proxy(self.server.socket) for name in names}
        self.berths = [
            Berth(name, self.proxies[name].url if name in names else self.url, settings) for name, settings in _crew(3)
        ]

    def nemesis(self, faults: Sequence[Fault], fleet: Fleet, history: History) -> Nemesis:
        """Who does the faults."""
        return RedisNemesis(faults, fleet, history, self.server, self.proxies)

    def leaks(self) -> list[str]:
        """Keys without owner and without end."""
        with redis.Redis(unix_socket_path=str(self.server.socket)) as client:
            return leaked_keys(client)

    def close(self) -> None:
        """End the server."""
        for proxy in self.proxies.values():
            proxy.close()
        self.server.close()


class SqliteArena:
    """A database file, used by all."""

    def __init__(self, folder: Path) -> None:
        self.kinds = BOTH | SQLITE
        self.path = folder / "jobs.db"
        self.url = f"sqlite:///{self.path}"
        self.berths = [Berth(name, self.url, settings) for name, settings in _crew(2)]

    def nemesis(self, faults: Sequence[Fault], fleet: Fleet, history: History) -> Nemesis:
        """Who does the faults."""
        return SqliteNemesis(faults, fleet, history, self.path)

    def leaks(self) -> list[str]:
        """Its constraints leave no room for any."""
        return []

    def close(self) -> None:
        """Nothing to end."""


def _crew(producers: int) -> list[tuple[str, dict[str, object] | None]]:
    workers = [(f"w{number}", settings) for number, settings in enumerate(SETTINGS)]
    return [*workers, *((f"p{number}", None) for number in range(producers))]


def arena(store: str, folder: Path) -> Arena:
    """The arena of a store's name."""
    return RedisArena() if store == "redis" else SqliteArena(folder)
