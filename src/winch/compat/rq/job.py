"""`rq.job`: RQ's Job over winch's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from enum import StrEnum
from typing import Any, NamedTuple, Self
from weakref import WeakValueDictionary

from winch import job as core
from winch.compat.rq.callbacks import Callback
from winch.compat.rq.calling import CALL_METHOD, named, row, split_method
from winch.compat.rq.connections import client_of, store_of
from winch.compat.rq.making import make
from winch.compat.rq.options import Dependency, Retry, job_keywords
from winch.compat.rq.utils import get_call_string
from winch.errors import InvalidJobOperation
from winch.job import Result, ResultType
from winch.job.making import functions_of
from winch.options import JobOptions, check_queue
from winch.states import JobStatus as State

__all__ = [
    "Callback",
    "Dependency",
    "Job",
    "JobStatus",
    "Retry",
    "cancel_job",
    "get_current_job",
    "parse_job_id",
    "requeue_job",
]

_ASKED = "winch.errors.RetryLater"
CUT = 75
"""Characters of one argument."""


class JobStatus(StrEnum):
    """The state of a job, as RQ names it."""

    CREATED = "created"
    QUEUED = "queued"
    FINISHED = "finished"
    FAILED = "failed"
    STARTED = "started"
    DEFERRED = "deferred"
    SCHEDULED = "scheduled"
    STOPPED = "stopped"
    CANCELED = "canceled"
    RATE_LIMITED = "rate_limited"
    READY_TO_ENQUEUE = "ready_to_enqueue"
    """Never: a job whose dependencies are done is queued at once."""


def _status(state: State) -> JobStatus:
    return JobStatus.RATE_LIMITED if state is State.BLOCKED else JobStatus(state.value)


def parse_job_id(job_or_execution_id: str) -> str:
    """The job's id of `job` or `job:execution`."""
    return job_or_execution_id.partition(":")[0]


class Job(core.Job[Any]):
    """See `winch.Job`."""

    @classmethod
    def of(cls, job: core.Job[Any]) -> Self:
        """RQ's view of a job."""
        if isinstance(job, cls):
            return job
        made = cls(job._store, job._id, job._source)
        made._draft, made._reporter = job._draft, job._reporter
        return made

    @classmethod
    def create(  # pyright: ignore[reportIncompatibleMethodOverride] - RQ's order of parameters
        cls,
        func: Any,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        connection: Any = None,
        *,
        origin: str = "",
        **options: Any,
    ) -> Self:
        """A job that is not enqueued yet: `queue.enqueue_job(job)` does that.

        Args:
            func: Any callable, or its path.
            args: Positional arguments.
            kwargs: Keyword arguments.
            connection: A Redis client, or what `winch.Queue` takes.
            origin: The name of a queue.
            **options: RQ's: `id`, `timeout`, `result_ttl`, `ttl`, `failure_ttl`, `description`, `depends_on`, `meta`, `retry`,
                `on_success`, `on_failure`, `on_stopped`, `webhooks`, `group_id`; `status` and `serializer` have no effect.

        Raises:
            ValueError: A value is out of range.
            TypeError: `func` cannot be called, or `args` or `kwargs` are of another kind.
        """
        if not isinstance(kwargs, dict | None):
            raise TypeError(f"{kwargs!r} is not a valid kwargs dict")
        call, chosen = named(func), JobOptions.of(job_keywords(options))
        new = make(check_queue(origin or "default"), call.function, (*call.args, *row(args)), kwargs or {}, chosen)
        return cls.of(core.Job[Any].draft_of(store_of(connection), new, functions_of(call.function, chosen)))

    @classmethod
    def fetch(cls, id: str, connection: Any = None, serializer: Any = None) -> Self:  # noqa: ARG003 - RQ's signature
        """The job of an id, or of `job:execution`.

        Raises:
            NoSuchJobError: Nobody knows it.
        """
        store = store_of(connection)
        draft = _saved.get((id_of_store(store), parse_job_id(id)))
        return cls.of(draft) if draft else cls.of(super().fetch(parse_job_id(id), store))

    @classmethod
    def fetch_many(  # pyright: ignore[reportIncompatibleMethodOverride] - RQ's names
        cls,
        job_ids: Sequence[str],
        connection: Any = None,
        serializer: Any = None,  # noqa: ARG003 - RQ's signature
    ) -> list[Self | None]:
        """The jobs of several ids, None for each that is not known."""
        found = super().fetch_many([parse_job_id(one) for one in job_ids], store_of(connection))
        return [None if job is None else cls.of(job) for job in found]

    @classmethod
    def exists(cls, job_id: str, connection: Any = None) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Whether the job of an id is known."""
        store = store_of(connection)
        return (id_of_store(store), job_id) in _saved or super().exists(job_id, store)

    # ---- what it is ----

    @property
    def connection(self) -> Any:
        """A Redis client where the store is Redis, else the store."""
        return client_of(self._store)

    @property
    def is_method(self) -> bool:
        """Whether its function is one of an object that travels with it."""
        return super().func_name == CALL_METHOD

    @property
    def func_name(self) -> str:
        """The path of its function; the name of a method."""
        return split_method(super().args)[1] if self.is_method else super().func_name

    @property
    def instance(self) -> Any:
        """The object whose method it calls, None for a function."""
        return split_method(super().args)[0] if self.is_method else None

    @property
    def args(self) -> tuple[Any, ...]:
        """Its positional arguments."""
        return split_method(super().args)[2] if self.is_method else super().args

    @property
    def func(self) -> Callable[..., Any]:
        """Its function, imported."""
        return getattr(self.instance, self.func_name) if self.is_method else super().func

    def get_call_string(self) -> str | None:
        """Its call as in Python, each argument cut at 75 characters."""
        return get_call_string(self.func_name, self.args, self.kwargs, CUT)

    @property
    def timeout(self) -> float:  # pyright: ignore[reportIncompatibleMethodOverride] - RQ has -1 for None
        """Seconds that one attempt may run, -1 is without end."""
        limit = super().timeout
        return -1 if limit is None else limit

    def get_result_ttl(self, default_ttl: int | None = None) -> float | None:
        """Seconds that it is kept once finished."""
        return default_ttl if self.result_ttl is None else self.result_ttl  # pyright: ignore[reportUnnecessaryComparison]

    def get_ttl(self, default_ttl: int | None = None) -> float | None:
        """Seconds that it may wait in its queue."""
        return default_ttl if self.ttl is None else self.ttl

    @property
    def result(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - RQ's is a property
        """What its function returned, None if it has not finished. Deprecated in RQ: `return_value()`."""
        return self.return_value()

    @property
    def exc_info(self) -> str | None:
        """The traceback of the attempt that failed last, None if it has finished."""
        return None if self.get_status() is JobStatus.FINISHED else super().exc_info

    def results(self) -> list[Result]:
        """What its latest runs came to, the newest first: one that raised and is retried leaves no result, as in RQ."""
        return [
            one for one in super().results() if one.type is not ResultType.RETRIED or _ASKED in (one.exc_string or "")
        ]

    # ---- its state ----

    def get_status(self, refresh: bool = True) -> JobStatus:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Its state, in RQ's words."""
        return _status(super().get_status(refresh))

    @property
    def is_ready_to_enqueue(self) -> bool:
        """Never: a job whose dependencies are done is queued at once."""
        return False

    def save(self, pipeline: Any = None, include_meta: bool = True) -> None:  # noqa: ARG002 - RQ's signature
        """Write `meta`. A job that is not enqueued yet is known to this process afterwards, not to others."""
        if self._draft:
            _saved[id_of_store(self._store), self._id] = self
        elif include_meta:
            self.save_meta()

    # ---- what can be done with it ----

    def cancel(  # pyright: ignore[reportIncompatibleMethodOverride] - RQ's order of parameters
        self,
        pipeline: Any = None,  # noqa: ARG002 - RQ's signature
        enqueue_dependents: bool = False,
        remove_from_dependencies: bool = False,
    ) -> None:
        """Take it out of its queue for good.

        Args:
            pipeline: No effect: it is done at once.
            enqueue_dependents: Jobs that wait for it hear of it as if it had finished.
            remove_from_dependencies: The same.

        Raises:
            InvalidJobOperation: It has ended, or it runs: `send_stop_job_command` ends a job that runs.
        """
        super().cancel(enqueue_dependents=enqueue_dependents or remove_from_dependencies)
        self._store.promote()  # those that wait for it hear of it now, not with the next beat of a worker

    def delete(  # pyright: ignore[reportIncompatibleMethodOverride] - RQ's order of parameters
        self,
        pipeline: Any = None,  # noqa: ARG002 - RQ's signature
        remove_from_queue: bool = True,  # noqa: ARG002 - RQ's signature
        delete_dependents: bool = False,
    ) -> None:
        """Remove it and all it has."""
        _saved.pop((id_of_store(self._store), self._id), None)
        if not self._draft:
            super().delete(delete_dependents)

    def requeue(self, at_front: bool = False) -> Self:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Run it again after it has failed.

        Raises:
            InvalidJobOperation: It has not failed.
        """
        if self.get_status() not in (JobStatus.FAILED, JobStatus.STOPPED):
            raise InvalidJobOperation(f"{self!r} has not failed: only a failed job can be requeued")
        super().requeue(at_front)
        return self

    def perform(self) -> Any:
        """Call its function here and now, with no job around it. Returns what that returns."""
        return self.func(*self.args, **self.kwargs)

    def delete_dependents(self, pipeline: Any = None) -> None:  # noqa: ARG002 - RQ's signature
        """Remove those that wait for it, and those that wait for them."""
        for one in self.dependent_ids:
            Job.fetch(one, self._store).delete(delete_dependents=True)

    def dependencies_are_met(self, *_: Any, **__: Any) -> bool:
        """Whether it waits for no other job. Asks the store."""
        self.refresh()
        return self.record.pending == 0

    @property
    def dependency(self) -> Job | None:
        """The first of the jobs that it was told to wait for."""
        found = super().dependency
        return None if found is None else Job.of(found)

    def fetch_dependencies(self, watch: bool = False, pipeline: Any = None) -> list[Job]:  # pyright: ignore[reportIncompatibleMethodOverride]  # noqa: ARG002
        """The jobs that it was told to wait for."""
        return [Job.of(job) for job in super().fetch_dependencies()]

    def __str__(self) -> str:
        return f"<Job {self._id}: {self.description}>"


_saved: WeakValueDictionary[tuple[str, str], Job] = WeakValueDictionary()
"""Drafts that were saved."""


def id_of_store(store: Any) -> str:
    """What tells stores apart in this process."""
    return str(store.url)


class _Current(NamedTuple):
    core: core.Job[Any]
    job: Job


_current: ContextVar[_Current | None] = ContextVar("winch_rq_current", default=None)


def get_current_job(connection: Any = None, job_class: type[Job] | None = None) -> Job | None:  # noqa: ARG001
    """The job that this code runs in, None outside. Within one run it is always the same object."""
    found = core.current_job()
    if found is None:
        return None
    known = _current.get()
    if known is None or known.core is not found:
        known = _Current(found, (job_class or Job).of(found))
        _current.set(known)
    return known.job


def shown_as_rq(job: core.Job[Any]) -> Job:
    """RQ's view of a job; the same object as `get_current_job` gives, if that is the one."""
    running = get_current_job() if job is core.current_job() else None
    return running or Job.of(job)


def cancel_job(
    job_id: str,
    connection: Any = None,
    serializer: Any = None,  # noqa: ARG001 - RQ's signature
    enqueue_dependents: bool = False,
) -> None:
    """Take the job of an id out of its queue for good, as `Job.cancel`."""
    Job.fetch(job_id, connection).cancel(enqueue_dependents=enqueue_dependents)


def requeue_job(job_id: str, connection: Any = None, serializer: Any = None) -> Job:  # noqa: ARG001 - RQ's signature
    """Run the job of an id again after it has failed. Returns the job."""
    return Job.fetch(job_id, connection).requeue()
