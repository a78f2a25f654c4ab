"""From a URL or a client of redis-py to what makes our own connections, and to what people and other processes are told."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from winch.errors import InvalidURL
from winch.stores.redis.wire import OURS, Connection, Connector, Server

if TYPE_CHECKING:
    import redis

__all__ = ["Address"]

_OWN = ("namespace", "deadline")
_SCHEMES = {"valkey": "redis", "valkeys": "rediss"}
_PATHS = {
    "redis": ("/?[0-9]*", "a number, like redis://localhost:6379/0"),
    "rediss": ("/?[0-9]*", "a number, like rediss://localhost:6379/0"),
    "redis+cluster": ("/?0?", "0, for a cluster has no other"),
    "redis+sentinel": ("/[^/]+(/[0-9]*)?", "a master and a number, like redis+sentinel://host1,host2/master/0"),
}
_OPTIONS = ("db", "username", "password", "client_name")
"""What may stand in the query of an address without TLS."""


@dataclass(frozen=True)
class Address:
    """Where a store is.

    Attributes:
        url: With the password, for another process.
        place: For people: scheme, host, database and namespace.
        connector: Makes the connections.
    """

    url: str = field(repr=False)
    place: str
    connector: Connector
    _nodes: tuple[tuple[str, int], ...] = ()  # of a cluster, as its URL names them

    @classmethod
    def of_url(cls, url: str, namespace: str) -> Address:
        """The address that a URL names.

        Raises:
            InvalidURL: It is no address of a Redis.
        """
        parts = urlsplit(url)
        scheme = _SCHEMES.get(parts.scheme, parts.scheme)
        options = [(name, value) for name, value in parse_qsl(parts.query) if name not in _OWN]
        plain = parts._replace(scheme=scheme, query=urlencode(options))
        wanted, told = _PATHS.get(scheme, (".*", ""))
        if not re.fullmatch(wanted, parts.path):
            raise InvalidURL(f"{_place(parts, namespace)}: the path names the database: {told}")
        full = _text(parts._replace(query=urlencode([*options, ("namespace", namespace)])))
        nodes = _hosts(plain.netloc, 6379) if scheme == "redis+cluster" else ()
        try:
            return cls(full, _place(parts, namespace), _connector(plain), nodes)
        except ValueError as error:
            raise InvalidURL(f"{_place(parts, namespace)}: {error}") from None

    @classmethod
    def of_client(cls, client: redis.Redis | redis.RedisCluster, namespace: str) -> Address:
        """The address that a client talks to; its settings are taken over, its connections are not used."""
        from winch.stores.redis.driver import Driver, url_of

        url = url_of(client, namespace)
        return cls(url, _place(urlsplit(url), namespace), Driver.of_client(client))

    def connect(self, timeout: float, *, keepalive: bool = False) -> Connection:
        """A new connection: see `Connector.connect`."""
        return self.connector.connect(timeout, keepalive=keepalive)

    def moved_to(self, host: str, port: int) -> Address:
        """The node of the same cluster that holds our slot."""
        return replace(self, connector=self.connector.moved_to(host, port))

    def any_node(self) -> Address:
        """Where to begin (again): of a cluster any of the nodes that its URL names."""
        return self.moved_to(*random.choice(self._nodes)) if self._nodes else self  # noqa: S311 - no secret


def _connector(parts: SplitResult) -> Connector:
    """What makes connections to an address. Only what needs redis-py imports it.

    Raises:
        ValueError: It cannot be used, and why.
    """
    match parts.scheme:
        case "redis" | "unix":
            return _server(parts)
        case "redis+cluster":
            return _server(_first_node(parts))
        case "redis+sentinel":
            from winch.stores.redis.driver import Driver

            master, _, database = parts.path.strip("/").partition("/")
            hosts, login = _hosts(parts.netloc, 26379), parts.netloc.rpartition("@")[0]
            return Driver.of_sentinels(hosts, login, master, database or "0")
        case _:
            from winch.stores.redis.driver import Driver

            return Driver.of_url(_text(parts))


def _server(parts: SplitResult) -> Server:
    options = dict(parse_qsl(parts.query))
    if unknown := [name for name in options if name not in _OPTIONS and name not in OURS]:
        raise ValueError(f"{parts.scheme}:// has no option {unknown[0]!r}")
    server = Server(
        database=_database(parts, options.get("db")),
        user=unquote(parts.username or "") or options.get("username", ""),
        password=unquote(parts.password or "") or options.get("password", ""),
        client_name=options.get("client_name", ""),
    )
    if parts.scheme != "unix":
        return replace(server, host=unquote(parts.hostname or server.host), port=parts.port or server.port)
    if not parts.path:
        raise ValueError("the path is that of the socket, like unix:///run/redis.sock")
    return replace(server, path=unquote(parts.path))


def _database(parts: SplitResult, option: str | None) -> int:
    told = option or (parts.path.strip("/") if parts.scheme != "unix" else "") or "0"
    if not told.isdecimal():
        raise ValueError(f"db={told}: the database is a number")
    return int(told)


def _text(parts: SplitResult) -> str:
    """The URL. `geturl` drops the slashes of schemes that it does not know."""
    return f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")


def _place(parts: SplitResult, namespace: str) -> str:
    """The address without user, password and options."""
    host = parts.netloc.rpartition("@")[2]
    database = dict(parse_qsl(parts.query)).get("db")
    path = parts.path if database is None or parts.scheme != "unix" else f"{parts.path}?db={database}"
    return f"{parts.scheme}://{host}{path} (namespace {namespace})"


def _first_node(parts: SplitResult) -> SplitResult:
    """Of a cluster's nodes the first: from there MOVED leads on."""
    user, at, hosts = parts.netloc.rpartition("@")
    return parts._replace(scheme="redis", netloc=user + at + hosts.split(",")[0], path="/0")


def _hosts(netloc: str, port: int) -> tuple[tuple[str, int], ...]:
    """Host and port of each in `user:password@host,host:port`."""
    pairs = (host.partition(":") for host in netloc.rpartition("@")[2].split(","))
    return tuple((host or "localhost", int(own or port)) for host, _, own in pairs)
