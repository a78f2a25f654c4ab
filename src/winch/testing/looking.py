"""What has been enqueued."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from winch.callables import path_of
from winch.job import Job
from winch.queue import Queue
from winch.queue.registries import list_ids
from winch.states import JobStatus
from winch.testing.draining import Where, store_of

__all__ = ["enqueued"]

_WAITING = (JobStatus.QUEUED, JobStatus.SCHEDULED, JobStatus.DEFERRED, JobStatus.BLOCKED)


def enqueued(f: Callable[..., Any] | str | None = None, where: Where = None) -> list[Job[Any]]:
    """The jobs that have still to run: queued, scheduled, or waiting for others or for a limit.

    `assert [job.args for job in enqueued(send_welcome)] == [("ada",)]`

    Args:
        f: Only those of this function.
        where: As in `drain`.

    Returns:
        By queue and state; queued ones in the order in which they will run, scheduled ones by their time.
    """
    store = store_of(where)
    names = [where.name] if isinstance(where, Queue) else store.queues()
    ids = [one for name in names for state in _WAITING for one in list_ids(store, name, state)]
    jobs = [job for job in Job[Any].fetch_many(ids, store) if job is not None]
    wanted = None if f is None else path_of(f)
    return [job for job in jobs if wanted is None or job.func_name == wanted]
