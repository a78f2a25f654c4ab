"""`rq.scheduler`: nothing is left to do for it. Every worker starts scheduled jobs when they are due."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, ClassVar

from winch.compat.rq.connections import store_of
from winch.compat.rq.utils import parse_names

__all__ = ["RQScheduler", "SchedulerStatus"]


class SchedulerStatus(StrEnum):
    """What a scheduler does."""

    STARTED = "started"
    WORKING = "working"
    STOPPED = "stopped"


class RQScheduler:
    """Here for programs that start one.

    Args:
        queues: Queues or names.
        connection: A Redis client, or what `winch.Queue` takes.
        **options: No effect.
    """

    Status: ClassVar = SchedulerStatus

    def __init__(self, queues: Iterable[Any], connection: Any = None, **options: Any) -> None:
        listed = [queues] if isinstance(queues, str) else list(queues)
        self._store = store_of(connection)
        self._names = parse_names(listed)
        self._options = options
        self.status = SchedulerStatus.STOPPED

    @property
    def acquired_locks(self) -> set[str]:
        """The names of its queues: there is no lock to wait for."""
        return set(self._names) if self.status is not SchedulerStatus.STOPPED else set()

    def acquire_locks(self, auto_start: bool = False) -> set[str]:
        """The names of its queues; with `auto_start` it is started."""
        self.status = SchedulerStatus.STARTED if auto_start else self.status
        return set(self._names)

    def start(self) -> None:
        """Nothing to start."""
        self.status = SchedulerStatus.STARTED

    def stop(self) -> None:
        """Nothing to stop."""
        self.status = SchedulerStatus.STOPPED

    def enqueue_scheduled_jobs(self) -> None:
        """Put jobs that are due into their queues, now."""
        while self._store.promote() == 0:
            pass
