"""`rq.registry`: RQ's registries over winch's."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Self, TypeVar, overload

from winch.compat.rq.connections import client_of, store_of
from winch.compat.rq.job import Job
from winch.options import HasId
from winch.queue import registries as core
from winch.queue.registries import Registry
from winch.states import JobStatus

__all__ = [
    "BaseRegistry",
    "CanceledJobRegistry",
    "DeferredJobRegistry",
    "FailedJobRegistry",
    "FinishedJobRegistry",
    "ReadyJobRegistry",
    "RegistryOf",
    "ScheduledJobRegistry",
    "StartedJobRegistry",
    "clean_registries",
]


class BaseRegistry(Registry):
    """See `winch.registry.Registry`.

    Args:
        name: The queue's name.
        connection: A Redis client, or what `winch.Queue` takes.
        job_class: The class of the jobs that come from here.
        queue: A queue, instead of name and connection.
        serializer: No effect.
        death_penalty_class: No effect.
    """

    def __init__(
        self,
        name: str = "default",
        connection: Any = None,
        job_class: type[Job] | None = None,
        queue: Any = None,
        serializer: Any = None,  # noqa: ARG002 - RQ's signature
        death_penalty_class: Any = None,  # noqa: ARG002 - RQ's signature
    ) -> None:
        super().__init__(name, store_of(connection) if queue is None else None, queue)
        self.job_class: type[Job] = job_class or Job

    @property
    def connection(self) -> Any:
        """A Redis client where the store is Redis, else the store."""
        return client_of(self.store)

    def get_job_count(self, cleanup: bool = True) -> int:  # noqa: ARG002 - RQ's signature
        """How many jobs. Reading never cleans."""
        return self.count

    def get_job_ids(  # pyright: ignore[reportIncompatibleMethodOverride] - RQ's signature
        self,
        start: int = 0,
        end: int = -1,
        desc: bool = False,
        cleanup: bool = True,  # noqa: ARG002
    ) -> list[str]:
        """Ids, see `winch.registry.Registry.get_job_ids`. Reading never cleans."""
        return super().get_job_ids(start, end, desc)

    def requeue(self, job_or_id: HasId | str, at_front: bool = False) -> Job:
        """Put a job that has ended back into its queue.

        Raises:
            NoSuchJobError: It is gone.
            InvalidJobOperation: It is not in this registry.
        """
        return self.job_class.of(super().requeue(job_or_id, at_front))

    def cleanup(self, timestamp: float | None = None) -> None:
        """Nothing to do: what expires goes by itself."""


class StartedJobRegistry(BaseRegistry, core.StartedJobRegistry):
    """Jobs that run."""

    def add(self, *_: Any, **__: Any) -> None:
        """Refuse: a job is here while it runs.

        Raises:
            NotImplementedError: Always, as the next one.
        """
        raise NotImplementedError("a job is in the StartedJobRegistry while it runs")

    def remove(self, *_: Any, **__: Any) -> None:
        """Refuse: `remove_executions` or `send_stop_job_command` ends a job that runs."""
        raise NotImplementedError("send_stop_job_command ends a job that runs")


class FinishedJobRegistry(BaseRegistry, core.FinishedJobRegistry):
    """Jobs that ended well and are still kept."""


class FailedJobRegistry(BaseRegistry, core.FailedJobRegistry):
    """Jobs that failed, then those that were stopped."""

    @property
    def _stopped(self) -> core.StoppedJobRegistry:
        return core.StoppedJobRegistry(self.name, self.store)

    @property
    def count(self) -> int:
        """How many jobs."""
        return super().count + self._stopped.count

    def get_job_ids(self, start: int = 0, end: int = -1, desc: bool = False, cleanup: bool = True) -> list[str]:  # noqa: ARG002
        """Ids, as of the other registries."""
        ids = [*super().get_job_ids(desc=desc), *self._stopped.get_job_ids(desc=desc)]
        return ids[start : None if end == -1 else end + 1]

    def __contains__(self, job: HasId | str) -> bool:
        return super().__contains__(job) or job in self._stopped

    def requeue(self, job_or_id: HasId | str, at_front: bool = False) -> Job:
        """Put a job that has failed back into its queue, see `BaseRegistry.requeue`."""
        if job_or_id in self._stopped:
            return self.job_class.of(self._stopped.requeue(job_or_id, at_front))
        return super().requeue(job_or_id, at_front)


class DeferredJobRegistry(BaseRegistry, core.DeferredJobRegistry):
    """Jobs that wait for others."""


class ScheduledJobRegistry(BaseRegistry, core.ScheduledJobRegistry):
    """Jobs that are due later."""

    def get_scheduled_time(self, job: HasId | str) -> datetime:
        """When a job is due, in whole seconds as RQ has it. Aware, UTC.

        Raises:
            NoSuchJobError: It is not here.
        """
        return super().get_scheduled_time(job).replace(microsecond=0)


class CanceledJobRegistry(BaseRegistry, core.CanceledJobRegistry):
    """Jobs that were canceled."""


class ReadyJobRegistry(BaseRegistry):
    """Always empty: a job whose dependencies are done is queued at once."""

    state = JobStatus.CREATED

    def get_job_ids(self, start: int = 0, end: int = -1, desc: bool = False, cleanup: bool = True) -> list[str]:  # noqa: ARG002
        """None."""
        return []


Kind_co = TypeVar("Kind_co", bound=BaseRegistry, covariant=True)


class RegistryOf(Generic[Kind_co]):
    """A queue's attribute: its registry of a class.

    Args:
        kind: The class.
    """

    def __init__(self, kind: type[Kind_co]) -> None:
        self._kind = kind
        self.__doc__ = kind.__doc__

    @overload
    def __get__(self, queue: None, owner: type) -> Self: ...
    @overload
    def __get__(self, queue: Any, owner: type) -> Kind_co: ...
    def __get__(self, queue: Any, owner: type) -> Self | Kind_co:
        return self if queue is None else self._kind(queue.name, queue.store, queue.job_class)


def clean_registries(queue: Any, exception_handlers: Any = None) -> None:
    """Nothing to do: a job whose worker died runs again by itself, and what expires goes."""
