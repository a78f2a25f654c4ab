"""RQ's name for a worker with several processes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from winch.queue import Queue
from winch.worker.worker import Worker

__all__ = ["WorkerPool"]


class WorkerPool:
    """A `Worker` with that many executors: one supervisor keeps them alive.

    Args:
        queues: As for `Worker`.
        connection: As for `Queue`.
        num_workers: How many processes.
        **options: As for `Worker`.

    Raises:
        InvalidOption: An unknown option, or a value out of range.
    """

    def __init__(
        self,
        queues: str | Queue | Iterable[str | Queue] = "default",
        connection: object = None,
        num_workers: int = 1,
        **options: Any,
    ) -> None:
        self.worker = Worker(queues, connection, processes=num_workers, **options)

    def start(self, burst: bool = False, logging_level: str | int = "INFO") -> bool:
        """Work, as `Worker.work`.

        Args:
            burst: Stop when nothing is left to do.
            logging_level: As `logging` names or numbers it.

        Returns:
            Whether any job was done.
        """
        return self.worker.work(burst=burst, logging_level=logging_level)
