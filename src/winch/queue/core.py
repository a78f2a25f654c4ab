"""Queue: a named line of jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import total_ordering
from typing import Any, ParamSpec, TypeVar, Unpack

from winch.errors import InvalidJobOperation, InvalidOption
from winch.job import Connection, Job, get_store
from winch.options import DEFAULT_JOB, Duration, HasId, JobKeywords, JobOptions, check_queue
from winch.options.durations import pause_time
from winch.queue.calls import Call, split_options
from winch.queue.creating import Creating
from winch.queue.enqueuing import Enqueuing
from winch.queue.registries import (
    PAGE,
    BlockedJobRegistry,
    CanceledJobRegistry,
    DeferredJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
    StoppedJobRegistry,
    id_of,
    list_ids,
)
from winch.queue.using import Using
from winch.states import STATES, JobStatus
from winch.stores.contract import ALL_QUEUES

__all__ = ["Queue"]

P = ParamSpec("P")
R = TypeVar("R")


@total_ordering
class Queue(Creating, Enqueuing):
    """A named line of jobs: the highest priority first, and first in, first out within a priority.

    Nothing is opened before the first use. Queues are equal, and sort, by name.

    Args:
        name: 1 to 128 letters, digits, `_`, `.`, `:`, `-`.
        connection: A URL (`sqlite:///jobs.db`, `redis://host`), a `redis.Redis`, an import path `shop.redis:client`, or a
            Store. None: `WINCH_URL`, else the project's `.winch/jobs.db`.
        default_timeout: Seconds that an attempt may run unless the job says otherwise.
        is_async: False: each job runs here, in the call that enqueues it, with its retries and callbacks; it is stored as
            any other, and what it raises is recorded. One that is due later, or waits for others, is left to workers.
        **defaults: The queue's defaults for the other options of a job.

    Raises:
        InvalidOption: The name or a default cannot be used.
    """

    def __init__(
        self,
        name: str = "default",
        connection: Connection = None,
        *,
        default_timeout: Duration | None = None,
        is_async: bool = True,
        **defaults: Unpack[JobKeywords],
    ) -> None:
        check_queue(name)
        if "job_id" in defaults:
            raise InvalidOption("job_id cannot be a default of a queue: each job needs its own")
        if default_timeout is not None:
            defaults["timeout"] = default_timeout
        super().__init__(name, connection, is_async, JobOptions.of(defaults) if defaults else DEFAULT_JOB)

    @classmethod
    def all(cls, connection: Connection = None) -> list[Queue]:
        """Every queue that ever held a job and was not deleted, by name."""
        store = get_store(connection)
        return [cls(name, store) for name in store.queues()]

    # ---- putting jobs in ----

    def _submit(
        self, way: str, f: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: dict[str, Any], delay: int = 0
    ) -> Job[Any]:
        if kwargs:
            call_args, call_kwargs, given = split_options(f, args, kwargs, way)
            return self.put(f, call_args, call_kwargs, self._defaults.override(given), delay)
        return self.put(f, args, kwargs, self._defaults, delay)

    async def _asubmit(self, f: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Job[Any]:
        if kwargs:
            call_args, call_kwargs, given = split_options(f, args, kwargs, "aenqueue")
            return await self.aput(f, call_args, call_kwargs, self._defaults.override(given))
        return await self.aput(f, args, kwargs, self._defaults)

    def enqueue_call(
        self,
        func: Callable[..., Any] | str,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[JobKeywords],
    ) -> Job[Any]:
        """RQ's explicit form: the arguments apart, options as keywords (`timeout`, not `job_timeout`).

        Raises:
            EnqueueError: As `enqueue`.
            InvalidOption: As `enqueue`.
        """
        return self.put(func, args or (), kwargs or {}, self._defaults.override(options))

    @staticmethod
    def prepare_data(
        func: Callable[..., Any] | str,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[JobKeywords],
    ) -> Call[Any]:
        """A call with options of its own, for `enqueue_many`."""
        return Call(func, args or (), kwargs, options)

    def enqueue_many(self, calls: Iterable[Call[R]]) -> list[Job[R]]:
        """Put many jobs into the queue, 150 per round trip.

        Args:
            calls: Made by `call(f, *args, **kwargs)` or `Queue.prepare_data(...)`; a generator is consumed as it goes.

        Returns:
            The jobs, in the order of the calls.

        Raises:
            EnqueueError: As `enqueue`. Each 150 are all or nothing; those before the one refused stay enqueued.
        """
        return self.put_many(calls, self._defaults)

    def using(self, **options: Unpack[JobKeywords]) -> Using:
        """The queue with options set, so that a call holds only the function's own arguments, and these are checked.

        `queue.using(retry=3, timeout="5m").enqueue(send, user_id)`

        Raises:
            InvalidOption: An option is out of range.
        """
        return Using(self, self._defaults.override(options))

    # ---- looking ----

    @property
    def count(self) -> int:
        """How many jobs are queued."""
        return self.store.counts([self.name]).get(self.name, {}).get(JobStatus.QUEUED, 0)

    def __len__(self) -> int:
        return self.count

    def __bool__(self) -> bool:
        """A queue is there also when it is empty."""
        return True

    def is_empty(self) -> bool:
        """Whether no job is queued."""
        return self.count == 0

    @property
    def job_ids(self) -> list[str]:
        """Ids of the queued jobs, in the order in which they will run."""
        return self.get_job_ids()

    @property
    def jobs(self) -> list[Job[Any]]:
        """The queued jobs, in the order in which they will run."""
        return self.get_jobs()

    def get_job_ids(self, offset: int = 0, length: int = -1) -> list[str]:
        """Ids of queued jobs; a negative length is all."""
        return list_ids(self.store, self.name, JobStatus.QUEUED, offset, length)

    def get_jobs(self, offset: int = 0, length: int = -1) -> list[Job[Any]]:
        """Queued jobs; a negative length is all."""
        store, ids = self.store, self.get_job_ids(offset, length)
        chunks = (ids[at : at + PAGE] for at in range(0, len(ids), PAGE))
        return [job for chunk in chunks for job in Job.fetch_many(chunk, store) if job is not None]

    def __iter__(self) -> Iterator[Job[Any]]:
        """The queued jobs."""
        return iter(self.get_jobs())

    def fetch_job(self, job_id: str) -> Job[Any] | None:
        """A job of this queue in any state, None if it is not known or belongs to another."""
        record = self.store.get([job_id])[0]
        return Job.from_record(self.store, record) if record is not None and record.queue == self.name else None

    def get_job_position(self, job_or_id: HasId | str) -> int | None:
        """A job's place in the queue, 0 is next; None if it is not queued here."""
        job = self.fetch_job(id_of(job_or_id))
        return None if job is None else job.get_position()

    def remove(self, job_or_id: HasId | str) -> None:
        """Take a queued job out of the queue: it is canceled. Nothing happens if it is not queued here.

        Raises:
            InvalidJobOperation: A worker has taken it at this moment.
        """
        job = self.fetch_job(id_of(job_or_id))
        if job is not None and job.record.state is JobStatus.QUEUED:
            job.cancel()

    # ---- the queue as a whole ----

    def compact(self) -> None:
        """Nothing to do: a queue never lists a job that is gone. Here because RQ has it."""

    def empty(self) -> int:
        """Delete all queued jobs. Returns how many there were."""
        total = 0
        while deleted := self.store.empty(self.name):
            total += deleted
        return total

    def delete(self, delete_jobs: bool = True) -> None:
        """Delete the queue.

        Args:
            delete_jobs: Its jobs too, in every state; those that run are stopped.

        Raises:
            InvalidJobOperation: It holds jobs, and `delete_jobs` is not set.
        """
        store = self.store
        while not store.forget(self.name):
            if not delete_jobs:
                raise InvalidJobOperation(f"queue {self.name!r} holds jobs: delete(delete_jobs=True), or let them run")
            for state in STATES:
                while ids := store.list(self.name, state, limit=PAGE):
                    store.delete(ids)

    def pause(self, ttl: Duration | None = None) -> None:
        """Hand out no more jobs. They can still be enqueued, and those that run go on.

        Args:
            ttl: Seconds after which the pause ends by itself; None is without end.

        Raises:
            InvalidOption: `ttl` is no duration, or not more than 0.
        """
        self.store.pause(self.name, pause_time(ttl))

    def resume(self) -> None:
        """Hand out jobs again, unless all queues are suspended (`winch.suspension`)."""
        self.store.resume(self.name)

    @property
    def is_paused(self) -> bool:
        """Whether it is paused, by itself or with all others."""
        return not self.store.paused().keys().isdisjoint((self.name, ALL_QUEUES))

    @property
    def started(self) -> StartedJobRegistry:
        """Jobs that run."""
        return StartedJobRegistry(self.name, self.store)

    @property
    def finished(self) -> FinishedJobRegistry:
        """Jobs that ended well and are still kept."""
        return FinishedJobRegistry(self.name, self.store)

    @property
    def failed(self) -> FailedJobRegistry:
        """Jobs that failed for good."""
        return FailedJobRegistry(self.name, self.store)

    @property
    def deferred(self) -> DeferredJobRegistry:
        """Jobs that wait for others."""
        return DeferredJobRegistry(self.name, self.store)

    @property
    def blocked(self) -> BlockedJobRegistry:
        """Jobs that wait for a limit."""
        return BlockedJobRegistry(self.name, self.store)

    @property
    def scheduled(self) -> ScheduledJobRegistry:
        """Jobs that are due later."""
        return ScheduledJobRegistry(self.name, self.store)

    @property
    def canceled(self) -> CanceledJobRegistry:
        """Jobs that were canceled."""
        return CanceledJobRegistry(self.name, self.store)

    @property
    def stopped(self) -> StoppedJobRegistry:
        """Jobs that were stopped while they ran."""
        return StoppedJobRegistry(self.name, self.store)

    started_job_registry = started
    finished_job_registry = finished
    failed_job_registry = failed
    deferred_job_registry = deferred
    blocked_job_registry = blocked
    scheduled_job_registry = scheduled
    canceled_job_registry = canceled
    stopped_job_registry = stopped

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, Queue) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self.name < other.name if isinstance(other, Queue) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"Queue({self.name!r})"
