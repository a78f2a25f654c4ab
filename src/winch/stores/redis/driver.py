"""Connections by redis-py, which never repeat anything by themselves: for TLS, for Sentinel and for the client of a user.

The errors of redis-py become those of `wire.py`; it takes the code off the text of some, here it is put back.
"""
# redis-py leaves **kwargs and parts of its pools without types; what comes out of here is typed:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import re
import socket
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

import redis
from redis import exceptions
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

from winch.stores.redis.wire import OURS, Packed, ServerError, keepalive_options

__all__ = ["Driven", "Driver", "url_of", "url_of_client"]

_DROPPED_PREFIXES = ("maint_notifications", "maintenance_", "orig_", "oss_cluster")
_IN_URL = re.compile("host|port|path|db|username|password|client_name|ssl_[a-z_]+")
_POOLS = (ConnectionPool, BlockingConnectionPool)
_CONNECTIONS = (Connection, SSLConnection, UnixDomainSocketConnection)

_CODES: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.OutOfMemoryError, "OOM"),
    (exceptions.NoScriptError, "NOSCRIPT"),
    (exceptions.BusyLoadingError, "LOADING"),
    (exceptions.ReadOnlyError, "READONLY"),
    (exceptions.NoPermissionError, "NOPERM"),
    (exceptions.MasterDownError, "MASTERDOWN"),
    (exceptions.ClusterDownError, "CLUSTERDOWN"),
    (exceptions.TryAgainError, "TRYAGAIN"),
    (exceptions.MovedError, "MOVED"),
    (exceptions.AskError, "ASK"),
    (exceptions.AuthenticationError, "WRONGPASS"),
    (exceptions.ResponseError, ""),
)
"""The errors that a server has answered with, and the codes that redis-py takes off their texts."""


@dataclass(frozen=True)
class Driver:
    """Makes connections of a class of redis-py: a `Connector`."""

    kind: type[AbstractConnection]
    settings: Mapping[str, Any] = field(repr=False)
    owner: object = field(default=None, repr=False)  # a Sentinel's pool must outlive its connections

    @classmethod
    def of_url(cls, url: str) -> Driver:
        """What a URL of redis-py names.

        Raises:
            ValueError: It is none.
        """
        settings: dict[str, Any] = parse_url(url)
        return cls(settings.get("connection_class", Connection), _clean(settings))

    @classmethod
    def of_sentinels(cls, hosts: Sequence[tuple[str, int]], login: str, master: str, database: str) -> Driver:
        """The master that these Sentinels know under its name.

        Args:
            hosts: Host and port of each.
            login: `user:password` of the master, as it stands in a URL.
            master: Its name.
            database: Its number.
        """
        # redis-py decodes the user and the password; what it says of the host is not needed.
        settings: dict[str, Any] = parse_url(f"redis://{login}@localhost/{database}")
        del settings["host"]
        client = Sentinel(hosts, sentinel_kwargs={"socket_timeout": 1.0}).master_for(master, **settings)
        return cls._of_pool(client.connection_pool)

    @classmethod
    def of_client(cls, client: redis.Redis | redis.RedisCluster) -> Driver:
        """What a client talks to; its settings are taken over, its connections are not used."""
        return cls._of_pool(_node(client).connection_pool)

    @classmethod
    def _of_pool(cls, pool: redis.ConnectionPool) -> Driver:
        return cls(pool.connection_class, _clean(pool.connection_kwargs), pool)

    def make(self, timeout: float, *, keepalive: bool = False) -> AbstractConnection:
        """A connection of redis-py, not connected yet."""
        settings: dict[str, Any] = dict(self.settings)
        settings |= {"socket_timeout": timeout, "socket_connect_timeout": timeout, "protocol": 2}
        settings |= {"retry": Retry(NoBackoff(), 0), "health_check_interval": 0, "decode_responses": False}
        if keepalive and issubclass(self.kind, Connection):
            settings |= {"socket_keepalive": True, "socket_keepalive_options": keepalive_options()}
        return self.kind(**settings)

    def connect(self, timeout: float, *, keepalive: bool = False) -> Driven:
        """See `wire.Connector.connect`."""
        connection = self.make(timeout, keepalive=keepalive)
        with _translated():
            connection.connect()
        return Driven(connection)

    def moved_to(self, host: str, port: int) -> Driver:
        """See `wire.Connector.moved_to`."""
        return replace(self, settings={**self.settings, "host": host, "port": port})


class Driven:
    """A connection of redis-py as a `wire.Connection`."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection

    def send(self, packed: Packed) -> None:
        """See `wire.Connection.send`."""
        with _translated():
            self._connection.send_packed_command(packed, check_health=False)

    def read(self) -> Any:
        """See `wire.Connection.read`."""
        with _translated():
            return self._connection.read_response(disable_decoding=True)

    def has_answer(self) -> bool:
        """See `wire.Connection.has_answer`."""
        with _translated():
            return self._connection.can_read(0)

    def fileno(self) -> int:
        """See `wire.Connection.fileno`."""
        # redis-py has no public name for it.
        found: socket.socket | None = self._connection._sock  # pyright: ignore[reportPrivateUsage]
        if found is None:
            raise ConnectionError("not connected")
        return found.fileno()

    def close(self) -> None:
        """See `wire.Connection.close`."""
        self._connection.disconnect()


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except exceptions.RedisError as error:
        for kind, code in _CODES:
            if isinstance(error, kind):
                raise ServerError(f"{code} {error}".lstrip()) from error
        # Where Sentinel knows no master, redis-py adds all settings of each client.
        raise ConnectionError(str(error).partition(" : <")[0]) from error


def url_of(client: redis.Redis | redis.RedisCluster, namespace: str) -> str:
    """A URL for what a client is connected to."""
    pool = _node(client).connection_pool
    return _url_of(pool.connection_class, pool.connection_kwargs, namespace)


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


def _node(client: redis.Redis | redis.RedisCluster) -> redis.Redis:
    """Of a cluster any node: from there MOVED leads on."""
    return client.get_redis_connection(client.get_nodes()[0]) if isinstance(client, redis.RedisCluster) else client


def _clean(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in settings.items() if name not in OURS and not name.startswith(_DROPPED_PREFIXES)
    }
