"""`rq.connections`: Redis clients on the outside, winch's stores within; and the connection stack of RQ 1."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import warnings
from collections import OrderedDict
from collections.abc import Generator
from typing import Any
from urllib.parse import parse_qsl, urlencode

from winch import codec
from winch.callables import Admission
from winch.codec import dumps_result
from winch.compat.rq.defaults import UNSERIALIZABLE_RETURN_VALUE_PAYLOAD
from winch.errors import EncodeError
from winch.job import get_store, local_admission, use_admission
from winch.options import Codec
from winch.stores.contract import Store

__all__ = [
    "Connection",
    "NoRedisConnectionException",
    "admit_everything",
    "client_of",
    "forget",
    "get_current_connection",
    "pop_connection",
    "push_connection",
    "resolve_connection",
    "store_of",
    "use_connection",
]


class NoRedisConnectionException(Exception):
    """There is no connection to take from the stack."""


_stack: list[Any] = []
_fakes: dict[str, tuple[object, Store]] = {}
_clients: OrderedDict[int, tuple[Store, Any]] = OrderedDict()
"""By the store's identity: it, so that its identity stays its own, and the client that it was made of. Those used last."""
_MOST = 100
"""So many are kept: a program may make a client of a Sentinel, and so a store with connections, for each request."""


def store_of(connection: Any = None) -> Store:
    """The store behind a connection: a Redis client, a URL, a store. None: the stack's top, else `WINCH_URL`."""
    admit_everything()
    if connection is None and _stack:
        connection = _stack[-1]
    if not _is_client(connection):
        return get_store(connection)
    is_fake = type(connection).__module__.partition(".")[0] == "fakeredis"
    store = _stand_in(connection) if is_fake else get_store(connection)
    _keep(store, connection)
    return store


def _keep(store: Store, client: Any) -> Any:
    """Remember the client of a store, unless there is one. The one that is remembered."""
    _, kept = _clients.setdefault(id(store), (store, client))
    with contextlib.suppress(KeyError):  # another thread has just made room
        _clients.move_to_end(id(store))
    if len(_clients) > _MOST:
        _clients.popitem(last=False)
    return kept


def _is_client(connection: Any) -> bool:
    """Whether it is a client of redis-py: who has made one has imported it."""
    redis: Any = sys.modules.get("redis")
    return redis is not None and isinstance(connection, redis.Redis)


def _stand_in(fake: Any) -> Store:
    """For a client of fakeredis, which has no scripts: a store in memory, one for each of its servers."""
    from winch.stores.sqlite import SQLiteStore

    settings = fake.connection_pool.connection_kwargs
    server = settings.get("server")
    key = f"{settings.get('host')}:{settings.get('port')}:{settings.get('db')}:{id(server)}"
    return _fakes.setdefault(key, (server, SQLiteStore(None)))[1]  # holds the server, so that its id stays its own


def client_of(store: Store) -> Any:
    """What RQ calls the connection: a Redis client where the store is Redis, else the store."""
    if known := _clients.get(id(store)):
        return known[1]
    is_redis = store.url.startswith(("redis://", "rediss://", "unix://", "valkey://"))
    return _keep(store, _client(store.url) if is_redis else store)


def _client(url: str) -> Any:
    from redis import Redis

    address, _, query = url.replace("valkey", "redis", 1).partition("?")
    kept = [(name, value) for name, value in parse_qsl(query) if name not in ("namespace", "deadline")]
    return Redis.from_url(f"{address}?{urlencode(kept)}" if kept else address)  # pyright: ignore[reportUnknownMemberType]


_prepared: list[int] = []


def admit_everything() -> None:
    """Let this process do as RQ does: load pickles, import what a payload names, and keep any result. Once per process."""
    if _prepared == [os.getpid()]:
        return
    _prepared[:] = [os.getpid()]
    rule = local_admission()
    use_admission(Admission(rule.roots, ("*",), tuple(rule.imports)))
    codec.permit_pickle()
    codec.otherwise(_pickled)


def forget() -> None:
    """For tests: this process is not prepared, and knows no connection."""
    _prepared.clear()
    _fakes.clear()
    _stack.clear()
    _clients.clear()


def _pickled(value: Any, wanted: Codec) -> bytes:
    """A result that its codec cannot hold."""
    try:
        if wanted == "msgpack":
            return dumps_result(value, "pickle")
        if wanted == "json":
            return dumps_result(json.loads(json.dumps(value)), "json")  # tuples come back as lists
    except (EncodeError, TypeError, ValueError):
        pass
    return dumps_result(UNSERIALIZABLE_RETURN_VALUE_PAYLOAD, wanted)


# ---- the stack of RQ 1 ----------------------------------------------------------------------------------------------


def push_connection(redis: Any) -> None:
    """Deprecated: take this connection where none is given."""
    _deprecated("push_connection")
    _stack.append(redis)


def pop_connection() -> Any:
    """Deprecated: the end of `push_connection`.

    Raises:
        NoRedisConnectionException: The stack is empty.
    """
    if not _stack:
        raise NoRedisConnectionException("pop_connection() without push_connection()")
    return _stack.pop()


def use_connection(redis: Any = None) -> None:
    """Deprecated: take this connection, and no other, where none is given. None is `WINCH_URL`, else the project's store."""
    _deprecated("use_connection")
    _stack[:] = [] if redis is None else [redis]


def get_current_connection() -> Any:
    """Deprecated: the connection that is taken where none is given, None if there is none."""
    return _stack[-1] if _stack else None


def resolve_connection(connection: Any = None) -> Any:
    """Deprecated: the connection given, else that of the stack.

    Raises:
        NoRedisConnectionException: There is neither.
    """
    found = get_current_connection() if connection is None else connection
    if found is None:
        raise NoRedisConnectionException("give a connection: Queue(connection=Redis())")
    return found


@contextlib.contextmanager
def Connection(connection: Any = None) -> Generator[None]:  # noqa: N802 - RQ's name
    """Deprecated: in a `with`, takes this connection for what is made inside."""
    _deprecated("Connection")
    _stack.append(connection)
    try:
        yield
    finally:
        _stack.pop()


def _deprecated(name: str) -> None:
    warnings.warn(
        f"{name} is gone from RQ: give each Queue and Worker its connection=", DeprecationWarning, stacklevel=3
    )
