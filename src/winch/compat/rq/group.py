"""`rq.group`: RQ's Group over winch's, which also counts its jobs and can be waited for."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Self

from winch import group as core
from winch.compat.rq.connections import store_of
from winch.compat.rq.job import Job
from winch.compat.rq.queue import EnqueueData, Queue
from winch.errors import DuplicateGroup
from winch.ids import new_id

__all__ = ["Group"]


class Group(core.Group):
    """See `winch.Group`.

    Args:
        connection: A Redis client, or what `winch.Queue` takes.
        name: Its name. None: a new one.
    """

    def __init__(self, connection: Any = None, name: str | None = None) -> None:
        super().__init__(store_of(connection), name or new_id())

    @classmethod
    def create(cls, connection: Any = None, name: str | None = None, **options: Any) -> Self:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Create a group, or take the one of that name.

        Args:
            connection: A Redis client, or what `winch.Queue` takes.
            name: Its name. None: a new one.
            **options: Winch's: `on_complete`, `queue`, `ttl`.
        """
        group = cls(connection, name)
        if group.connection.get_groups([group.name])[0] is None:
            with suppress(DuplicateGroup):  # somebody was quicker
                super().create(group.connection, group.name, **options)
        return group

    @classmethod
    def all(cls, connection: Any = None) -> list[Self]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """All groups, by name."""
        store = store_of(connection)
        return [cls(store, name) for name in store.groups()]

    def enqueue_many(  # pyright: ignore[reportIncompatibleMethodOverride] - RQ's signature
        self,
        queue: Queue,
        job_datas: Iterable[EnqueueData],
        pipeline: Any = None,  # noqa: ARG002 - RQ's signature
    ) -> list[Job]:
        """Put many jobs into a queue and into this group. Returns them in the order of the calls."""
        return [queue.job_class.of(job) for job in super().enqueue_many(queue, job_datas)]

    def get_jobs(self) -> list[Job]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Its jobs, without those that are not kept any more."""
        return [Job.of(job) for job in super().get_jobs()]
