"""A queue's jobs in one state. Reading never cleans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count, islice, takewhile
from typing import Any, ClassVar

from winch.errors import InvalidJobOperation, NoSuchJob
from winch.job import Connection, Job, get_store
from winch.options import HasId
from winch.queue.putting import Putting
from winch.states import ENDED, JobStatus
from winch.stores.contract import JobRecord, Store

__all__ = [
    "BlockedJobRegistry",
    "CanceledJobRegistry",
    "DeferredJobRegistry",
    "FailedJobRegistry",
    "FinishedJobRegistry",
    "Registry",
    "ScheduledJobRegistry",
    "StartedJobRegistry",
    "StoppedJobRegistry",
    "id_of",
    "list_ids",
]

PAGE = 1_000


def id_of(job: HasId | str) -> str:
    """The id of a job or an id."""
    return job if isinstance(job, str) else job.id


def list_ids(
    store: Store, queue: str, state: JobStatus, offset: int = 0, length: int = -1, newest: bool = False
) -> list[str]:
    """Ids of a queue's jobs in a state, page by page; a negative length is all."""
    ids: list[str] = []
    while length < 0 or len(ids) < length:
        limit = PAGE if length < 0 else min(PAGE, length - len(ids))
        page = store.list(queue, state, offset=offset + len(ids), limit=limit, newest=newest)
        ids.extend(page)
        if len(page) < limit:
            break
    return ids


class Registry:
    """A queue's jobs in one state.

    Args:
        name: The queue's name.
        connection: See `Queue`.
        queue: A queue, instead of both.
    """

    state: ClassVar[JobStatus]
    make_queue: ClassVar[Callable[[str, Store], Any]]
    """Set by the package, which knows `Queue`; this module must not."""

    def __init__(self, name: str = "default", connection: Connection = None, queue: Putting | None = None) -> None:
        self.name = name if queue is None else queue.name
        self._connection = connection if queue is None else queue.store

    @property
    def store(self) -> Store:
        """The store."""
        return get_store(self._connection)

    @property
    def connection(self) -> Any:
        """The store, for who writes `connection=queue.connection`."""
        return self.store

    def get_queue(self) -> Any:
        """The `Queue`."""
        return Registry.make_queue(self.name, self.store)

    @property
    def count(self) -> int:
        """How many jobs."""
        return self.store.counts([self.name]).get(self.name, {}).get(self.state, 0)

    def get_job_count(self) -> int:
        """RQ's name for `count`."""
        return self.count

    def __len__(self) -> int:
        return self.count

    def __bool__(self) -> bool:
        """A registry is there also when it is empty."""
        return True

    def __iter__(self) -> Iterator[str]:
        """Ids."""
        return iter(self.get_job_ids())

    def __contains__(self, job: HasId | str) -> bool:
        record = self.store.get([id_of(job)])[0]
        return record is not None and record.queue == self.name and record.state is self.state

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Registry):
            return NotImplemented
        return (self.name, self.state, self.store) == (other.name, other.state, other.store)

    def __hash__(self) -> int:
        return hash((self.name, self.state))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.name}>"

    def get_job_ids(self, start: int = 0, end: int = -1, desc: bool = False) -> list[str]:
        """Ids in the order of `Control.list`.

        Args:
            start: The first, counted from 0; negative from the end.
            end: The last, included; negative from the end.
            desc: The other way round.
        """
        if start < 0 or end < -1:
            count = self.count
            start, end = max(0, start + count if start < 0 else start), end + count if end < 0 else end
            if end < start:
                return []
        length = -1 if end == -1 else max(0, end - start + 1)
        return list_ids(self.store, self.name, self.state, start, length, desc)

    def get_jobs(self, start: int = 0, end: int = -1, desc: bool = False) -> list[Job[Any]]:
        """The jobs; those that vanish meanwhile are left out."""
        ids = self.get_job_ids(start, end, desc)
        return [job for at in range(0, len(ids), PAGE) for job in self._fetch(ids[at : at + PAGE])]

    def _fetch(self, ids: list[str]) -> list[Job[Any]]:
        return [job for job in Job.fetch_many(ids, self.store) if job is not None]

    def get_expiration_time(self, job: HasId | str) -> datetime | None:
        """When a job of this registry goes, None if never: one that has not ended, or is kept without end.

        Raises:
            NoSuchJob: It is not here.
        """
        return _moment(self._record(job).expires_at)

    def get_expired_job_ids(self, timestamp: float | None = None) -> list[str]:
        """Ids of the jobs that will be gone by a time.

        Args:
            timestamp: Seconds since the epoch. None is now: what has expired is unknown at once, so there are none.
        """
        if timestamp is None or self.state not in ENDED:
            return []
        due: list[str] = []
        for job in self._in_order():
            if not 0 < job.expires_at <= timestamp * 1000:
                break
            due.append(job.id)
        return due

    def cleanup(self) -> None:
        """Nothing to do: what expires goes by itself. Here because RQ has it."""

    def add(self, job: HasId | str) -> None:
        """Refuse: a job is in exactly one state, which is its registry.

        Raises:
            InvalidJobOperation: Always.
        """
        raise InvalidJobOperation(
            f"{id_of(job)} cannot be added to the {self.state} jobs: a job's registry is its state. "
            "enqueue_job, schedule_job, cancel and requeue move it"
        )

    def _record(self, job: HasId | str) -> JobRecord:
        found = self.store.get([id_of(job)])[0]
        if found is None or found.queue != self.name or found.state is not self.state:
            raise NoSuchJob(f"{id_of(job)} is not {self.state} in queue {self.name!r}")
        return found

    def _in_order(self) -> Iterator[JobRecord]:
        """The records, page by page in the order of `Control.list`."""
        store = self.store
        for offset in count(0, PAGE):
            ids = store.list(self.name, self.state, offset=offset, limit=PAGE)
            yield from (record for record in store.get(ids) if record is not None)
            if len(ids) < PAGE:
                return

    def requeue(self, job_or_id: HasId | str, at_front: bool = False) -> Job[Any]:
        """Put a job that has ended back into its queue.

        Raises:
            NoSuchJob: It is gone.
            InvalidJobOperation: It has not ended, or is not in this registry.
        """
        job = Job[Any].fetch(id_of(job_or_id), self.store)
        if job.record.state is not self.state or job.origin != self.name:
            raise InvalidJobOperation(f"{job!r} is not {self.state} in queue {self.name!r}")
        job.requeue(at_front=at_front)
        return job

    def remove(self, job: HasId | str, delete_job: bool = False) -> None:
        """Take a job out of here. A job is in exactly one state, so this is only possible by deleting it.

        Args:
            job: The job or its id.
            delete_job: Say so. Not needed for a job that has ended.

        Raises:
            InvalidJobOperation: The job has still to run, and `delete_job` is not set.
        """
        if self.state not in ENDED and not delete_job:
            raise InvalidJobOperation(
                f"a {self.state} job cannot leave its registry and be nowhere: cancel() it, or remove(job, delete_job=True)"
            )
        if job in self:
            self.store.delete([id_of(job)])


def _moment(milliseconds: int) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


class StartedJobRegistry(Registry):
    """Jobs that run."""

    state = JobStatus.STARTED

    def get_job_and_execution_ids(self) -> list[tuple[str, str]]:
        """The id of each job and of its execution."""
        return [(job.id, each.id) for job in self.get_jobs() for each in job.get_executions()]

    def remove_executions(self, job: HasId | str) -> None:
        """Stop a job that runs. Nothing happens if it is not here.

        Raises:
            InvalidJobOperation: It has ended at this moment.
        """
        if job in self:
            self.store.cancel(id_of(job), stop=True)


class FinishedJobRegistry(Registry):
    """Jobs that ended well and are still kept."""

    state = JobStatus.FINISHED


class FailedJobRegistry(Registry):
    """Jobs that failed for good."""

    state = JobStatus.FAILED


class DeferredJobRegistry(Registry):
    """Jobs that wait for others."""

    state = JobStatus.DEFERRED


class BlockedJobRegistry(Registry):
    """Jobs that wait for a limit, in the order in which they will go on."""

    state = JobStatus.BLOCKED


class ScheduledJobRegistry(Registry):
    """Jobs that are due later."""

    state = JobStatus.SCHEDULED

    def schedule(self, job: Job[Any], scheduled_datetime: datetime) -> Job[Any]:
        """Enqueue a job for a time that was made and not enqueued, as `Queue.schedule_job`; a naive time is local.

        Raises:
            InvalidJobOperation: It has been enqueued already.
        """
        scheduled: Job[Any] = self.get_queue().schedule_job(job, scheduled_datetime)
        return scheduled

    def get_scheduled_time(self, job: HasId | str) -> datetime:
        """When a job is due. Aware, UTC.

        Raises:
            NoSuchJob: It is not here.
        """
        return datetime.fromtimestamp(self._record(job).due_at / 1000, UTC)

    def get_jobs_to_schedule(self, timestamp: float | None = None, chunk_size: int = 1_000) -> list[str]:
        """Ids of the jobs that are due, the earliest first.

        Args:
            timestamp: By when, in seconds since the epoch; None is now.
            chunk_size: How many at most.
        """
        until = self.store.now() if timestamp is None else timestamp * 1000
        due = takewhile(lambda record: record.due_at <= until, self._in_order())
        return [record.id for record in islice(due, chunk_size)]


class CanceledJobRegistry(Registry):
    """Jobs that were canceled."""

    state = JobStatus.CANCELED


class StoppedJobRegistry(Registry):
    """Jobs that were stopped while they ran."""

    state = JobStatus.STOPPED
