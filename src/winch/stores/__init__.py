"""The stores, and how an address becomes one.

Opening is lazy: the store connects at its first call, and only the driver that an address needs is imported.
"""

from __future__ import annotations

import importlib
import re
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from winch.errors import InvalidURL
from winch.stores.contract import Store, StoreOptions

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["open_store"]

_FORMS = """The address of a store is one of
  sqlite:///jobs.db                a file, relative to the working directory
  sqlite:////var/lib/shop/jobs.db  a file, absolute (four slashes)
  sqlite://                        the memory of this process
  redis://localhost:6379/0         also rediss://, valkey://, valkeys://
  unix:///run/redis.sock?db=0
  redis+sentinel://host1:26379,host2:26379/master/0
  redis+cluster://host:6379
each may end in ?namespace=shop (Redis) or ?synchronous=full (SQLite); or it is an import path like shop.redis:client"""

_REDIS = frozenset({"redis", "rediss", "valkey", "valkeys", "unix", "redis+sentinel", "redis+cluster"})
_REDIS_KEYS = re.compile("namespace|db|username|password|client_name|ssl_[a-z_]+")
_SQLITE_KEYS = re.compile("namespace|synchronous")
_SYNCHRONOUS = ("normal", "full")

_opened: dict[tuple[str, float], Store] = {}
_lock = threading.Lock()


def open_store(target: object, *, deadline: float = 5.0) -> Store:
    """The store at an address. In one process the same address and deadline are the same store.

    That holds for clients, too: they are known by where they connect to and how. One for which a URL cannot tell that (of a
    Sentinel, of a cluster, with settings that are objects) gets a store of its own.

    Args:
        target: A URL, an import path `package.module:attribute` of anything that is listed here, a `redis.Redis`, or a
            store, which is returned as it is.
        deadline: Seconds that a call may take in all, repeats included.

    Raises:
        InvalidURL: It is none of these; the text lists the addresses that there are.
    """
    if isinstance(target, str):
        return _shared(target, deadline) if "://" in target else open_store(_imported(target), deadline=deadline)
    if _is_store(target):
        return cast("Store", target)
    if _is_redis(target):
        return _of_client(cast("Redis", target), deadline)
    raise InvalidURL(f"an object of type {type(target).__name__} is no store. {_FORMS}")


def _is_store(target: object) -> bool:
    return all(hasattr(target, verb) for verb in ("turn", "enqueue", "await_end", "place"))


def _is_redis(target: object) -> bool:
    """Whether it is a client of redis-py: who has made one has imported it."""
    redis: Any = sys.modules.get("redis")
    return redis is not None and isinstance(target, redis.Redis | redis.RedisCluster)


def _imported(text: str) -> object:
    """What an import path names."""
    module, colon, attribute = text.partition(":")
    if not colon or not all(part.isidentifier() for part in f"{module}.{attribute}".split(".")):
        raise InvalidURL(f"{text!r} is not the address of a store. {_FORMS}")
    try:
        found: object = importlib.import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        raise InvalidURL(f"{text!r} cannot be imported: {error}") from error
    if isinstance(found, str) and "://" not in found:
        raise InvalidURL(f"{text!r} is the text {found!r}, which is no URL. {_FORMS}")
    return found


# ---- URLs -----------------------------------------------------------------------------------------------------------


def _shared(url: str, deadline: float) -> Store:
    """The one store of this process at this URL."""
    parts, options = _parsed(url, deadline)
    place = url
    if parts.scheme == "sqlite":
        path = _path(parts)
        place = f"{path}{dict(options.extra)}"
        if path is None:
            deadline = 0.0  # what is in memory would be lost to those with another deadline
    with _lock:
        if (place, deadline) not in _opened:
            make = _sqlite_store if parts.scheme == "sqlite" else _redis_store
            _opened[place, deadline] = make(url, options)
        return _opened[place, deadline]


def _parsed(url: str, deadline: float) -> tuple[SplitResult, StoreOptions]:
    try:
        parts = urlsplit(url, allow_fragments=False)
        query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise InvalidURL(f"{_safe(url)}: {error}. {_FORMS}") from None
    if parts.scheme != "sqlite" and parts.scheme not in _REDIS:
        raise InvalidURL(f"{_safe(url)}: there is no {parts.scheme}:// store. {_FORMS}")
    known = _SQLITE_KEYS if parts.scheme == "sqlite" else _REDIS_KEYS
    if unknown := [name for name in query if not known.fullmatch(name)]:
        raise InvalidURL(f"{_safe(url)}: nobody knows the option {unknown[0]!r}. {_FORMS}")
    namespace = query.pop("namespace", "winch")
    if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,128}", namespace):
        raise InvalidURL(f"{_safe(url)}: a namespace is made of letters, digits and _ . : -")
    if parts.scheme == "sqlite":
        _check_sqlite(url, namespace, query)
    return parts, StoreOptions(namespace=namespace, deadline=deadline, extra=query)


def _check_sqlite(url: str, namespace: str, query: dict[str, str]) -> None:
    if namespace != "winch":
        raise InvalidURL(f"{url}: an SQLite store has no namespaces; use another file, like sqlite:///{namespace}.db")
    if query.get("synchronous", "normal") not in _SYNCHRONOUS:
        raise InvalidURL(f"{url}: synchronous is one of {', '.join(_SYNCHRONOUS)}")


def _path(parts: SplitResult) -> Path | None:
    """The absolute path of an SQLite URL; None for memory."""
    if parts.netloc:
        raise InvalidURL(f"sqlite://{parts.netloc}{parts.path}: a file has three slashes, or four. {_FORMS}")
    path = unquote(parts.path.removeprefix("/"))
    if not parts.path:
        return None
    if not path or path == ":memory:" or "\0" in path:
        raise InvalidURL(f"sqlite://{parts.path} names no file. {_FORMS}")
    return Path(path).absolute()


def _safe(url: str) -> str:
    """A URL without what is secret."""
    return re.sub(r"//[^/?]*@", "//***@", url).partition("?")[0]


def _sqlite_store(url: str, options: StoreOptions) -> Store:
    from winch.stores.sqlite import SQLiteStore

    return SQLiteStore(_path(urlsplit(url, allow_fragments=False)), options)


def _of_client(client: Redis, deadline: float) -> Store:
    """Programs make a client for each request: they share a store."""
    from winch.stores.redis.driver import url_of_client

    url = url_of_client(client, "winch")
    return _shared(url, deadline) if url else _redis_store(client, StoreOptions(deadline=deadline))


def _redis_store(source: str | Redis, options: StoreOptions) -> Store:
    from winch.stores.redis import RedisStore

    return RedisStore(source, options)
