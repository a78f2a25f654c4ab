"""Workers as seen from outside, with RQ's attributes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Self

from winch.compat.rq.job import Job
from winch.compat.rq.queue import Queue
from winch.stores.contract import Store, WorkerRecord
from winch.worker import WorkerView as Core

__all__ = ["WorkerView"]


class WorkerView(Core):
    """See `winch.worker.WorkerView`; its jobs and queues are RQ's.

    Attributes:
        queues: Its queues, in the order of their priority.
        job_class: The class of its jobs.
    """

    queues: list[Any]

    def __init__(self, store: Store, record: WorkerRecord, now: int, paused: Collection[str]) -> None:
        super().__init__(store, record, now, paused)
        self.queues = [Queue(name, store) for name in record.info.queues]
        self.job_class: type[Job] = Job

    @classmethod
    def of_store(cls, store: Store, job_class: type[Job]) -> list[Self]:
        """All registered workers, by name."""
        found = cls.all(store)
        for worker in found:
            worker.job_class = job_class
        return found

    @property
    def key(self) -> str:
        """RQ's key of the worker."""
        return f"rq:worker:{self.name}"

    def queue_names(self) -> list[str]:
        """The names of its queues."""
        return list(self.info.queues)

    def get_current_job(self) -> Job | None:
        """The job that it runs, None if there is none."""
        found = super().get_current_job()
        return None if found is None else self.job_class.of(found)

    def refresh(self) -> None:
        """Read it again; as it was if it has left."""
        for worker in self.of_store(self._store, self.job_class):
            if worker.id == self.id:
                self.__dict__.update(vars(worker))

    def get_current_executions(self, refresh: bool = True) -> list[Any]:
        """The runs that it has in hand."""
        if refresh:
            self.refresh()
        job = self.get_current_job()
        return [] if job is None else job.get_executions()
