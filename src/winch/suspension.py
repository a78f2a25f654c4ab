"""All queues at once: hand out no more jobs, and hand them out again."""

from __future__ import annotations

from winch.job import Connection, get_store
from winch.options import Duration
from winch.options.durations import pause_time
from winch.stores.contract import ALL_QUEUES

__all__ = ["is_suspended", "resume", "suspend"]


def suspend(connection: Connection = None, ttl: Duration | None = None) -> None:
    """Hand out no more jobs of any queue, also of those that come later. Jobs that run go on; others can be enqueued.

    Args:
        connection: As for `Queue`.
        ttl: Seconds after which it ends by itself; None is without end.

    Raises:
        InvalidOption: `ttl` is no duration, or not more than 0.
    """
    get_store(connection).pause(ALL_QUEUES, pause_time(ttl))


def resume(connection: Connection = None) -> None:
    """Hand out jobs again. Queues that were paused by themselves stay so."""
    get_store(connection).resume(ALL_QUEUES)


def is_suspended(connection: Connection = None) -> bool:
    """Whether all queues are suspended."""
    return ALL_QUEUES in get_store(connection).paused()
