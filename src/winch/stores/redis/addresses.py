"""From a URL or a client of redis-py to connections of our own, which never repeat anything by themselves."""
# redis-py leaves **kwargs and parts of its pools without types; what comes out of here is typed:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import random
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.connection import (
    AbstractConnection,
    BlockingConnectionPool,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.retry import Retry
from redis.sentinel import Sentinel

from winch.errors import InvalidURL

__all__ = ["Address", "url_of_client"]

_OWN = ("namespace", "deadline")
_SCHEMES = {"valkey": "redis", "valkeys": "rediss"}
_PATHS = {
    "redis": ("/?[0-9]*", "a number, like redis://localhost:6379/0"),
    "rediss": ("/?[0-9]*", "a number, like rediss://localhost:6379/0"),
    "redis+cluster": ("/?0?", "0, for a cluster has no other"),
    "redis+sentinel": ("/[^/]+(/[0-9]*)?", "a master and a number, like redis+sentinel://host1,host2/master/0"),
}

# What a client may have set that is ours to decide, or that not every release of redis-py knows.
_DROPPED = (
    "connection_class",
    "decode_responses",
    "driver_info",
    "encoding",
    "encoding_errors",
    "event_dispatcher",
    "health_check_interval",
    "himport_registry",
    "legacy_responses",
    "lib_name",
    "lib_version",
    "max_connections",
    "parser_class",
    "protocol",
    "redis_connect_func",
    "retry",
    "retry_on_error",
    "retry_on_timeout",
    "socket_connect_timeout",
    "socket_keepalive",
    "socket_keepalive_options",
    "socket_read_size",
    "socket_timeout",
)
_IN_URL = re.compile("host|port|path|db|username|password|client_name|ssl_[a-z_]+")
_DROPPED_PREFIXES = ("maint_notifications", "maintenance_", "orig_", "oss_cluster")
_POOLS = (ConnectionPool, BlockingConnectionPool)
_CONNECTIONS = (Connection, SSLConnection, UnixDomainSocketConnection)


def _keepalive_options() -> dict[int, int]:
    """A peer that is silent for 5 s is asked three times, 2 s apart; unacknowledged bytes are given up after 11 s."""
    options: dict[int, int] = {}
    for name, value in (("KEEPIDLE", 5), ("KEEPINTVL", 2), ("KEEPCNT", 3), ("USER_TIMEOUT", 11_000)):
        number = getattr(socket, f"TCP_{name}", None)
        if number is not None:
            options[number] = value
    return options


@dataclass(frozen=True)
class Address:
    """Where a store is.

    Attributes:
        url: With the password, for another process.
        place: For people: scheme, host, database and namespace.
    """

    url: str
    place: str
    _class: type[AbstractConnection]
    _settings: Mapping[str, Any]
    _owner: object = field(default=None, repr=False)  # a Sentinel's pool must outlive its connections
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
        if scheme == "redis+sentinel":
            pool = _sentinel_pool(plain)
            return cls(full, _place(parts, namespace), pool.connection_class, _clean(pool.connection_kwargs), pool)
        try:
            settings: dict[str, Any] = parse_url(_text(_first_node(plain)))
        except ValueError as error:
            raise InvalidURL(f"{_place(parts, namespace)}: {error}") from None
        kind = settings.get("connection_class", Connection)
        return cls(full, _place(parts, namespace), kind, _clean(settings), None, _nodes(plain))

    @classmethod
    def of_client(cls, client: redis.Redis | redis.RedisCluster, namespace: str) -> Address:
        """The address that a client talks to; its settings are taken over, its connections are not used."""
        if isinstance(client, redis.RedisCluster):
            client = client.get_redis_connection(client.get_nodes()[0])  # from any node MOVED leads on
        pool = client.connection_pool
        url = _url_of(pool.connection_class, pool.connection_kwargs, namespace)
        place = _place(urlsplit(url), namespace)
        return cls(url, place, pool.connection_class, _clean(pool.connection_kwargs), pool)

    def connection(self, timeout: float, *, keepalive: bool = False) -> AbstractConnection:
        """A new connection, not connected yet.

        Args:
            timeout: Seconds that connecting, sending and reading may each take.
            keepalive: Notice a peer that vanished while nothing is sent (TCP only).
        """
        settings: dict[str, Any] = dict(self._settings)
        settings |= {"socket_timeout": timeout, "socket_connect_timeout": timeout, "protocol": 2}
        settings |= {"retry": Retry(NoBackoff(), 0), "health_check_interval": 0, "decode_responses": False}
        if keepalive and issubclass(self._class, Connection):
            settings |= {"socket_keepalive": True, "socket_keepalive_options": _keepalive_options()}
        return self._class(**settings)

    def moved_to(self, host: str, port: int) -> Address:
        """The node of the same cluster that holds our slot."""
        return replace(self, _settings={**self._settings, "host": host, "port": port})

    def any_node(self) -> Address:
        """Where to begin (again): of a cluster any of the nodes that its URL names."""
        return self.moved_to(*random.choice(self._nodes)) if self._nodes else self  # noqa: S311 - no secret


def _clean(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in settings.items()
        if name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES)
    }


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
    if parts.scheme != "redis+cluster":
        return parts
    user, at, hosts = parts.netloc.rpartition("@")
    return parts._replace(scheme="redis", netloc=user + at + hosts.split(",")[0], path="/0")


def _nodes(parts: SplitResult) -> tuple[tuple[str, int], ...]:
    """Host and port of all nodes that a cluster's URL names."""
    if parts.scheme != "redis+cluster":
        return ()
    return _hosts(parts.netloc, 6379)


def _hosts(netloc: str, port: int) -> tuple[tuple[str, int], ...]:
    """Host and port of each in `user:password@host,host:port`."""
    pairs = (host.partition(":") for host in netloc.rpartition("@")[2].split(","))
    return tuple((host or "localhost", int(own or port)) for host, _, own in pairs)


def _sentinel_pool(parts: SplitResult) -> redis.ConnectionPool:
    """The pool of redis+sentinel://user:password@h1,h2:26379/master/0."""
    user = parts.netloc.rpartition("@")[0]
    master, _, database = parts.path.strip("/").partition("/")
    # redis-py decodes the user and the password; what it says of the host is not needed.
    settings: dict[str, Any] = parse_url(f"redis://{user}@localhost/{database or 0}")
    del settings["host"]
    client = Sentinel(_hosts(parts.netloc, 26379), sentinel_kwargs={"socket_timeout": 1.0}).master_for(
        master, **settings
    )
    pool: redis.ConnectionPool = client.connection_pool
    return pool


def url_of_client(client: redis.Redis | redis.RedisCluster, namespace: str) -> str | None:
    """The URL of a client, if it says all that the client is set to.

    None for a client of a Sentinel or a cluster, of a class of the user's, or with settings that are objects.
    """
    if isinstance(client, redis.RedisCluster):
        return None
    pool = client.connection_pool
    if type(pool) not in _POOLS or pool.connection_class not in _CONNECTIONS:
        return None
    settings = {name: value for name, value in _clean(pool.connection_kwargs).items() if value is not None}
    if not all(_IN_URL.fullmatch(name) and type(value) in (str, int, bool) for name, value in settings.items()):
        return None
    return _url_of(pool.connection_class, settings, namespace)


def _url_of(kind: type[AbstractConnection], settings: Mapping[str, Any], namespace: str) -> str:
    """A URL for what a client is connected to."""
    user = quote(str(settings.get("username") or ""), safe="")
    password = quote(str(settings.get("password") or ""), safe="")
    login = f"{user}:{password}@" if user or password else ""
    database = settings.get("db") or 0
    options = _url_options(settings) | {"namespace": namespace}
    if issubclass(kind, UnixDomainSocketConnection):
        return f"unix://{login}{settings.get('path', '')}?{urlencode({'db': database} | options)}"
    scheme = "rediss" if issubclass(kind, SSLConnection) else "redis"
    host, port = str(settings.get("host", "localhost")), settings.get("port", 6379)
    return f"{scheme}://{login}{f'[{host}]' if ':' in host else host}:{port}/{database}?{urlencode(options)}"


def _url_options(settings: Mapping[str, Any]) -> dict[str, str]:
    """A client's name and what it is told about TLS, as far as that is text, or yes or no."""
    named = {name: value for name, value in settings.items() if name == "client_name" or name.startswith("ssl_")}
    # Of what is yes or no, this alone is yes by default, and read as such from a URL.
    off = {"ssl_check_hostname": "False"} if named.get("ssl_check_hostname") is False else {}
    return {name: str(value) for name, value in named.items() if type(value) is str or value is True} | off
