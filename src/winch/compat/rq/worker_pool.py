"""`rq.worker_pool`: one worker with several processes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from winch.compat.rq.queue import Queue
from winch.compat.rq.worker import SimpleWorker, Worker

__all__ = ["WorkerPool"]


class WorkerPool:
    """A `Worker` with that many executors: one supervisor keeps them alive.

    Args:
        queues: Queues or names, in the order of their priority.
        connection: A Redis client, or what `winch.Queue` takes.
        num_workers: How many processes.
        worker_class: Of the worker; a `SimpleWorker` here is a `Worker` all the same.
        **options: As for `Worker`.
    """

    def __init__(
        self,
        queues: Iterable[str | Queue],
        connection: Any = None,
        num_workers: int = 1,
        worker_class: type[Any] = Worker,
        **options: Any,
    ) -> None:
        kind: type[Worker] = Worker if issubclass(worker_class, SimpleWorker) else worker_class
        self.num_workers = num_workers
        self.worker = type(kind.__name__, (kind,), {"processes": num_workers})(queues, connection=connection, **options)

    @property
    def queues(self) -> list[Queue]:
        """Its queues."""
        return self.worker.queues

    def start(self, burst: bool = False, logging_level: str | int | None = "INFO") -> bool:
        """Work, see `Worker.work`."""
        return self.worker.work(burst=burst, logging_level=logging_level)
