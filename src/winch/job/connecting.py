"""The store that a queue or a job talks to, and the rule of what this process may load."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, cast
from weakref import WeakKeyDictionary

from winch import codec
from winch.callables import Admission, project_root
from winch.config import settings
from winch.stores import open_store
from winch.stores.contract import Store

__all__ = ["Connection", "current_stand_in", "get_store", "local_admission", "stand_in", "use_admission", "use_url"]

Connection: TypeAlias = Any
"""A Store, a URL, a `redis.Redis`, or an import path such as `shop.redis:client`. None: `WINCH_URL`, else the project's."""

_logger = logging.getLogger("winch")
_opened: dict[str, Store] = {}
_of_objects: WeakKeyDictionary[object, Store] = WeakKeyDictionary()
"""By client: a program may make one for each request."""
_told: set[str] = set()
_admission: list[Admission] = []
_url: list[str] = []
_stand_ins: list[Store] = []


def get_store(connection: Connection = None) -> Store:
    """The store behind a connection, opened lazily; the same one for the same connection, and for all clients that connect alike.

    Raises:
        InvalidURL: The text is not the address of a store.
        InvalidOption: The settings cannot be used.
    """
    if connection is not None and hasattr(connection, "await_end"):
        return cast(Store, connection)
    if _stand_ins:
        return _stand_ins[-1]
    target: Any = _default_url() if connection is None else connection
    known = _opened.get(target) if isinstance(target, str) else _of_object(target)
    if known is None:
        store = open_store(target, deadline=settings().deadline)
        kept = _opened if isinstance(target, str) else _of_objects
        known = kept.setdefault(target, store)
        _tell(known)
    return known


def _of_object(target: object) -> Store | None:
    """What was opened for a client. Nothing for what cannot be one."""
    try:
        return _of_objects.get(target)
    except TypeError:  # a number, a list: `open_store` says what a connection is
        return None


def _tell(store: Store) -> None:
    if store.place not in _told:
        _told.add(store.place)
        _logger.info("jobs are kept in %s", store.place)


def use_url(url: str) -> None:
    """Take this store by default from now on, whatever becomes of the environment: the worker's, inside a worker."""
    _url[:] = [url]


@contextmanager
def stand_in(store: Store) -> Generator[Store]:
    """While this lasts every queue lives in this store, whatever its connection: for tests. A Store given as such is kept."""
    _stand_ins.append(store)
    try:
        yield store
    finally:
        _stand_ins.remove(store)


def current_stand_in() -> Store | None:
    """The store of the innermost `stand_in`, if there is one."""
    return _stand_ins[-1] if _stand_ins else None


def _default_url() -> str:
    return _url[0] if _url else settings().url


def local_admission() -> Admission:
    """What user code in this process may load: the project's own, and what the settings allow."""
    if not _admission:
        chosen = settings()
        if chosen.pickle:
            codec.permit_pickle()
        roots = [project_root(), Path.cwd(), *map(Path, chosen.path)]
        _admission[:] = [Admission(roots, chosen.allow, chosen.imports)]
    return _admission[0]


def use_admission(admission: Admission | None) -> None:
    """Take this rule from now on: the worker's, inside a worker. None: made of the settings at the next use."""
    _admission[:] = [] if admission is None else [admission]
