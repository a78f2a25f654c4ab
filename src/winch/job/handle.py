"""Job: a handle on one job."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar, Unpack, cast, overload

from winch.errors import InvalidJobOperation, NoSuchJob
from winch.job.awaiting import Awaiting
from winch.job.connecting import Connection, get_store
from winch.job.extra import add_log_fields
from winch.job.inside import Running
from winch.job.making import Function, functions_of, new_job
from winch.job.progress import Reporter
from winch.job.view import Draft, JustEnqueued, record_of_new
from winch.options import JobKeywords, JobOptions, check_queue
from winch.states import JobStatus
from winch.stores.contract import ENQUEUE_BATCH, Claim, JobRecord, NewJob, Store

__all__ = ["Job", "cancel_job", "requeue_job"]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Job(Awaiting[R_co]):
    """A handle on one job, as it was when it was last read: `refresh()` reads again. Equal if the ids are.

    `R_co` is what the job's function returns.
    """

    __slots__ = ()

    # ---- where it comes from ----

    @classmethod
    def from_record(cls, store: Store, record: JobRecord) -> Job[Any]:
        """The job of a record."""
        return cast("Job[Any]", cls(store, record.id, record))

    @classmethod
    def from_claim(cls, store: Store, claim: Claim, running: Running | None = None) -> Job[Any]:
        """The job of a claim, as its worker knows it. `running` if it is the one that runs here."""
        job = cls(store, claim.id, claim)
        job._reporter = None if running is None else Reporter(running)
        return cast("Job[Any]", job)

    @classmethod
    def from_enqueued(cls, store: Store, new: NewJob, state: JobStatus, now: int) -> Job[Any]:
        """The job that was just enqueued."""
        return cast("Job[Any]", cls(store, new.id, JustEnqueued(new, state, now)))

    # fmt: off
    @overload
    @classmethod
    def create(
        cls, func: Callable[..., Coroutine[Any, Any, R]], args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None, connection: Connection = None, *, id: str | None = None,
        origin: str = "default", **options: Unpack[JobKeywords],
    ) -> Job[R]: ...
    @overload
    @classmethod
    def create(
        cls, func: Callable[..., R], args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None, connection: Connection = None, *, id: str | None = None,
        origin: str = "default", **options: Unpack[JobKeywords],
    ) -> Job[R]: ...
    @overload
    @classmethod
    def create(
        cls, func: str, args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None, connection: Connection = None, *, id: str | None = None,
        origin: str = "default", **options: Unpack[JobKeywords],
    ) -> Job[Any]: ...
    # fmt: on
    @classmethod
    def create(
        cls,
        func: Any,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        connection: Connection = None,
        *,
        id: str | None = None,
        origin: str = "default",
        **options: Unpack[JobKeywords],
    ) -> Job[Any]:
        """A job that is not enqueued yet: `queue.enqueue_job(job)` does that. Until then no store knows it.

        Args:
            func: A function, or its import path.
            args: Its positional arguments.
            kwargs: Its keyword arguments.
            connection: See `Queue`.
            id: RQ's name for the option `job_id`.
            origin: The name of a queue; `enqueue_job` puts it into its own.
            **options: See `winch.options.JobKeywords`.

        Raises:
            EnqueueError: As `Queue.enqueue`.
            InvalidOption: As `Queue.enqueue`.
        """
        if id is not None:
            options["job_id"] = id
        checked = JobOptions.of(options)
        new = new_job(check_queue(origin), func, args or (), kwargs or {}, checked)
        return cls.draft_of(get_store(connection), new, functions_of(func, checked))

    @classmethod
    def draft_of(cls, store: Store, new: NewJob, functions: tuple[Function, ...]) -> Job[Any]:
        """A job that was made and not enqueued. `functions` are those that it calls in the end."""
        job = cls(store, new.id, record_of_new(new, JobStatus.CREATED, store.clock()))
        job._draft = Draft(new, functions)
        return cast("Job[Any]", job)

    @classmethod
    def fetch(cls, id: str, connection: Connection = None) -> Job[Any]:
        """The job of an id.

        Args:
            id: Its id.
            connection: See `Queue`.

        Raises:
            NoSuchJob: Nobody knows it.
        """
        store = get_store(connection)
        record = store.get([_askable(id)])[0]
        if record is None:
            raise NoSuchJob(f"{store.place} knows no job {id!r}: it was never there, has expired or was deleted")
        return cls.from_record(store, record)

    @classmethod
    def fetch_many(cls, ids: Sequence[str], connection: Connection = None) -> list[Job[Any] | None]:
        """The jobs of several ids, None for each that is not known."""
        store = get_store(connection)
        records = store.get([_askable(one) for one in ids])
        return [None if record is None else cls.from_record(store, record) for record in records]

    @classmethod
    def exists(cls, id: str, connection: Connection = None) -> bool:
        """Whether the job of an id is known."""
        return get_store(connection).get([_askable(id)])[0] is not None

    # ---- what can be done with it ----

    def progress(self, done: float, total: float | None = None) -> None:
        """Inside the job: say how far it has come. Cheap enough for every turn of a loop.

        It is written at most four times a second, and the last value at the end of the attempt. Others read it as
        `progress_value` and `percent`. A store that does not answer is no error here.

        Args:
            done: What is done, in any unit.
            total: All there is to do, if that is known.

        Raises:
            InvalidJobOperation: It is not the job that `current_job()` gives.
            InvalidOption: A negative number, or a total of 0.
        """
        if self._reporter is None:
            raise InvalidJobOperation(
                f"{self!r} does not run here: current_job().progress(done, total), inside the job"
            )
        self._reporter.tell(done, total)

    def log_extra(self, **fields: Any) -> None:
        """Inside the job: add fields to the line that the worker logs for it: `current_job().log_extra(order=7)`.

        Args:
            **fields: Numbers, None, or anything that has a text; of that, 500 characters. A later value replaces an earlier one.

        Raises:
            InvalidJobOperation: This is not the job that runs here.
            InvalidOption: More than 20 fields, or one that every line has.
        """
        add_log_fields(self._id, fields)

    def cancel(self, stop: bool = False, enqueue_dependents: bool = False) -> None:
        """Take it out of its queue for good.

        Args:
            stop: If it runs, stop it: it is `stopped` at once, and its worker ends it.
            enqueue_dependents: Jobs that wait for it hear of it as if it had finished. Otherwise they do what their
                `Dependency` says.

        Raises:
            NoSuchJob: It is gone.
            InvalidJobOperation: It has ended, or it runs and `stop` is not set.
        """
        self._store.cancel(self._id, stop=stop, enqueue_dependents=enqueue_dependents)
        self._look()

    def delete(self, delete_dependents: bool = False) -> None:
        """Remove it and all it has, whatever its state; if it runs, it is stopped. Nothing happens if it is gone.

        Args:
            delete_dependents: Remove those that wait for it too, and those that wait for them. Otherwise they do what
                their `Dependency` says.
        """
        ids = [self._id, *(descendants(self._store, self._id) if delete_dependents else ())]
        for at in range(0, len(ids), ENQUEUE_BATCH):
            self._store.delete(ids[at : at + ENQUEUE_BATCH])

    def requeue(self, at_front: bool = False) -> None:
        """Run it again after it has ended, with all its retries.

        Raises:
            NoSuchJob: It is gone.
            InvalidJobOperation: It has not ended.
        """
        self._store.requeue(self._id, at_front=at_front)
        self._look()

    # ---- its relatives ----

    @property
    def dependency(self) -> Job[Any] | None:
        """The first of the jobs that it was told to wait for, None if there is none or it is gone. Asks the store."""
        return next(iter(Job.fetch_many(self.dependency_ids[:1], self._store)), None)

    @property
    def dependencies(self) -> list[Job[Any]]:
        """The jobs that it was told to wait for. Asks the store."""
        return self.fetch_dependencies()

    def fetch_dependencies(self) -> list[Job[Any]]:
        """The jobs that it was told to wait for, in that order; those that are gone are left out."""
        ids = self.dependency_ids
        return [job for job in Job.fetch_many(ids, self._store) if job is not None] if ids else []

    @property
    def dependent_ids(self) -> list[str]:
        """Ids of the jobs that still wait for it, in the order in which they came. Asks the store."""
        return self._store.children(self._id)

    def get_position(self) -> int | None:
        """Its place in its queue, 0 is next; None if it is not queued."""
        return self._store.position(self._id)

    def __eq__(self, other: object) -> bool:
        return self._id == other.id if isinstance(other, Job) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._id)

    def __repr__(self) -> str:
        record = self.record
        return f"<Job {self._id} {record.state} in {record.queue}>"


def descendants(store: Store, id: str) -> list[str]:
    """Those who wait for a job, and who wait for them, and so on: each once, nearer ones first."""
    found: dict[str, None] = {}
    nearest = [id]
    while nearest:
        children = [child for parent in nearest for child in store.children(parent)]
        nearest = [child for child in dict.fromkeys(children) if child not in found]
        found |= dict.fromkeys(nearest)
    return list(found)


def _askable(id: object) -> str:
    """An id as a store may be asked for it: what no job can have as its id, and cannot be written, is `""`."""
    return id if isinstance(id, str) and id.isprintable() else ""


def cancel_job(id: str, connection: Connection = None, enqueue_dependents: bool = False) -> None:
    """Take the job of an id out of its queue for good, as `Job.cancel`.

    Args:
        id: Its id.
        connection: See `Queue`.
        enqueue_dependents: See `Job.cancel`.

    Raises:
        NoSuchJob: Nobody knows it.
        InvalidJobOperation: It has ended, or it runs.
    """
    Job[Any].fetch(id, connection).cancel(enqueue_dependents=enqueue_dependents)


def requeue_job(id: str, connection: Connection = None) -> Job[Any]:
    """Run the job of an id again after it has ended, as `Job.requeue`. Returns the job.

    Args:
        id: Its id.
        connection: See `Queue`.

    Raises:
        NoSuchJob: Nobody knows it.
        InvalidJobOperation: It has not ended.
    """
    job = Job[Any].fetch(id, connection)
    job.requeue()
    return job
