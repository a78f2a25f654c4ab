"""`rq.suspension`: no worker takes a job while this lasts."""

from __future__ import annotations

from typing import Any

from winch import suspension
from winch.compat.rq.connections import store_of

__all__ = ["is_suspended", "resume", "suspend"]


def suspend(connection: Any, ttl: float | None = None) -> None:
    """Hand out no more jobs.

    Args:
        connection: A Redis client, or what `winch.Queue` takes.
        ttl: Seconds after which it ends by itself; None is without end.

    Raises:
        ValueError: `ttl` is not more than 0.
    """
    suspension.suspend(store_of(connection), ttl)


def resume(connection: Any) -> None:
    """Hand out jobs again."""
    suspension.resume(store_of(connection))


def is_suspended(connection: Any, worker: Any = None) -> bool:  # noqa: ARG001 - RQ's signature
    """Whether no worker takes a job."""
    return suspension.is_suspended(store_of(connection))
