"""Which of the queues that a worker names have something. A worker may name a thousand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from winch.stores.contract import ALL_QUEUES
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.transaction import Snapshot, as_array

__all__ = ["as_names", "claimable", "each_once", "unpaused", "with_queued", "with_timers"]

FEW = 4
"""Up to so many queues a statement for each is quicker than one for all."""


@lru_cache(maxsize=16)
def each_once(queues: tuple[str, ...]) -> tuple[str, ...]:
    """Queues without those that are named again: their jobs would be handed out again."""
    return tuple(dict.fromkeys(queues))


def unpaused(at: Snapshot, queues: Sequence[str]) -> Sequence[str]:
    """Those of these queues that are not paused, in their order."""
    paused = set(at.column(q.paused))
    if ALL_QUEUES in paused:
        return []
    return [name for name in queues if name not in paused] if paused else queues


def claimable(at: Snapshot, queues: Sequence[str]) -> Iterator[str]:
    """Those of these queues that have work to hand out, in their order, found as they are asked for."""
    return with_queued(at, unpaused(at, queues))


def with_queued(at: Snapshot, queues: Sequence[str]) -> Iterator[str]:
    """Those of these queues that have queued jobs, in their order, found as they are asked for."""
    if len(queues) <= FEW:
        yield from (name for name in queues if at.one(q.has_queued, name))
        return
    rows = at.db.execute(q.with_queued, (as_names(queues),))
    try:
        yield from (name for (name,) in rows)
    finally:
        rows.close()  # a statement that has not ended keeps the transaction open


def with_timers(at: Snapshot, queues: Sequence[str]) -> Sequence[str]:
    """Those of these queues in which something waits for its time, and where there are few of them maybe others."""
    if len(queues) <= FEW:
        return queues
    found = set(at.column(q.with_timers))
    return [name for name in queues if name in found] if found else []


def as_names(queues: Sequence[str]) -> str:
    """Queues as one parameter, for `json_each(?)`."""
    return _as_names(tuple(queues))


@lru_cache(maxsize=16)
def _as_names(queues: tuple[str, ...]) -> str:
    """A worker names the same ones turn after turn."""
    return as_array(queues)
