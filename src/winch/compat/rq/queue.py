"""`rq.queue`: RQ's Queue over winch's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Self, cast

from winch import job as core
from winch.callables import import_object, parameters
from winch.compat.rq.calling import named, row
from winch.compat.rq.connections import client_of, store_of
from winch.compat.rq.executing import prepare
from winch.compat.rq.job import Job
from winch.compat.rq.making import ensure_group, make
from winch.compat.rq.options import job_keywords
from winch.compat.rq.registry import (
    CanceledJobRegistry,
    DeferredJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ReadyJobRegistry,
    RegistryOf,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from winch.compat.rq.serializers import codec_of, resolve_serializer
from winch.compat.rq.utils import as_text, parse_timeout
from winch.errors import AmbiguousOption
from winch.options import HasId, JobKeywords, JobOptions
from winch.queue import Queue as Core
from winch.queue.calls import Call
from winch.stores.contract import NewJob

__all__ = ["EnqueueData", "Queue"]

EnqueueData = Call[Any]

_PREFIX = "rq:queue:"
_OPTIONS = frozenset(
    {
        "args",
        "at_front",
        "depends_on",
        "description",
        "failure_ttl",
        "job_id",
        "job_timeout",
        "kwargs",
        "meta",
        "on_failure",
        "on_stopped",
        "on_success",
        "pipeline",
        "rate_limit",
        "repeat",
        "result_ttl",
        "retry",
        "ttl",
        "unique",
        "webhooks",
    }
)
"""Keywords of `enqueue` that RQ takes for its own."""


class Queue(Core):
    """See `winch.Queue`.

    Args:
        name: As winch's.
        connection: A Redis client, or what `winch.Queue` takes. None: the deprecated stack's, else `WINCH_URL`.
        default_timeout: Seconds that an attempt may run unless the job says otherwise.
        is_async: False: each job runs here, in the call that enqueues it.
        job_class: The class of the jobs that come from here, or its path.
        serializer: `"json"` or `JSONSerializer` for JSON. Anything else: MessagePack, and pickle for what that cannot hold.
        death_penalty_class: No effect.
        **kwargs: No effect.
    """

    DEFAULT_TIMEOUT = 180

    def __init__(
        self,
        name: str = "default",
        connection: Any = None,
        default_timeout: float | str | None = None,
        is_async: bool = True,
        job_class: type[Job] | str | None = None,
        serializer: Any = None,
        death_penalty_class: Any = None,  # noqa: ARG002 - RQ's signature
        **kwargs: Any,  # noqa: ARG002 - RQ's signature
    ) -> None:
        prepare()
        codec = codec_of(serializer)
        defaults: JobKeywords = {"codec": codec} if codec else {}
        limit = parse_timeout(default_timeout) or self.DEFAULT_TIMEOUT
        super().__init__(name, store_of(connection), default_timeout=limit, is_async=is_async, **defaults)
        self.job_class: type[Job] = import_object(job_class) if isinstance(job_class, str) else job_class or Job
        self.serializer = resolve_serializer(serializer)

    @classmethod
    def all(cls, connection: Any = None, job_class: Any = None, serializer: Any = None) -> list[Self]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Every queue that ever held a job and was not deleted, by name."""
        store = store_of(connection)
        return [cls(name, store, job_class=job_class, serializer=serializer) for name in store.queues()]

    @classmethod
    def from_queue_key(cls, queue_key: str, connection: Any = None, **options: Any) -> Self:
        """The queue of a key, `rq:queue:name`.

        Raises:
            ValueError: It is no such key.
        """
        if not queue_key.startswith(_PREFIX):
            raise ValueError(f"Not a valid RQ queue key: {queue_key}")
        return cls(as_text(queue_key)[len(_PREFIX) :], connection, **options)

    @property
    def key(self) -> str:
        """RQ's key of the queue. Winch keeps its jobs elsewhere."""
        return _PREFIX + self.name

    @property
    def connection(self) -> Any:
        """A Redis client where the store is Redis, else the store."""
        return client_of(self.store)

    @property
    def scheduler_pid(self) -> int | None:
        """None: every worker schedules, no process does so alone."""
        return None

    # ---- putting jobs in ----

    def make(
        self,
        f: Callable[..., Any] | str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: JobOptions,
        delay: int = 0,
    ) -> NewJob:
        """A call as the store takes it."""
        return make(self.name, f, args, kwargs, options, delay)

    def put(
        self,
        f: Callable[..., Any] | str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: JobOptions,
        delay: int = 0,
    ) -> Job:
        """The one way into the queue for a single job."""
        call = named(f)
        return self.job_class.of(super().put(call.function, (*call.args, *row(args)), kwargs, options, delay))

    def _submit(
        self, way: str, f: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: dict[str, Any], delay: int = 0
    ) -> Job:
        call_args, call_kwargs, given = _split(f, args, kwargs, way)
        return self.put(f, call_args, call_kwargs, self._defaults.override(job_keywords(given)), delay)

    def enqueue(self, f: Any, /, *call_args: Any, **call_kwargs: Any) -> Job:
        """Put a job into the queue.

        Args:
            f: Any callable, or its path.
            *call_args: Its arguments.
            **call_kwargs: Its keyword arguments, and RQ's options.

        Raises:
            ValueError: An option is out of range.
            UnimportableFunction: A lambda, or a function inside a function.
            AmbiguousOption: An option is also a parameter of the function.
            DuplicateJobError: `job_id` is in use by a job that has not ended.
        """
        return self._submit("enqueue", f, call_args, call_kwargs)

    def enqueue_at(self, datetime: datetime, f: Any, /, *call_args: Any, **call_kwargs: Any) -> Job:
        """`enqueue` for a time; a naive one is local."""
        return self._submit("enqueue_at", f, call_args, call_kwargs, self.delay_until(datetime))

    def enqueue_in(self, time_delta: timedelta | float | str, f: Any, /, *call_args: Any, **call_kwargs: Any) -> Job:
        """`enqueue` for a while later."""
        return cast(Job, super().enqueue_in(time_delta, f, *call_args, **call_kwargs))

    def enqueue_call(  # pyright: ignore[reportIncompatibleMethodOverride] - RQ's options
        self, func: Any, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> Job:
        """RQ's explicit form: the arguments apart, options as keywords (`timeout`, not `job_timeout`)."""
        return self.put(func, args or (), kwargs or {}, self._defaults.override(job_keywords(options)))

    @staticmethod
    def prepare_data(  # pyright: ignore[reportIncompatibleMethodOverride] - RQ's options
        func: Any, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> EnqueueData:
        """A call with options of its own, for `enqueue_many`."""
        call = named(func)
        return Call(call.function, (*call.args, *row(args)), kwargs, job_keywords(options))

    def enqueue_many(  # pyright: ignore[reportIncompatibleMethodOverride] - RQ's signature
        self,
        job_datas: Iterable[EnqueueData],
        pipeline: Any = None,  # noqa: ARG002 - RQ's signature
        group_id: str | None = None,
    ) -> list[Job]:
        """Put many jobs into the queue. Returns them in the order of the calls.

        Args:
            job_datas: Made by `Queue.prepare_data`.
            pipeline: No effect: it is done at once.
            group_id: The group that they belong to.
        """
        if group_id:
            ensure_group(self.store, group_id)
        options = self._defaults.override({"group": group_id})
        return [self.job_class.of(job) for job in self.put_many(job_datas, options)]

    def create_job(  # pyright: ignore[reportIncompatibleMethodOverride] - RQ's options
        self, func: Any, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> Job:
        """A job for this queue that is not enqueued yet."""
        call = named(func)
        keywords = job_keywords(options)
        return self.job_class.of(super().create_job(call.function, (*call.args, *row(args)), kwargs, **keywords))

    def enqueue_job(  # pyright: ignore[reportIncompatibleMethodOverride] - RQ's signature
        self,
        job: Job,
        pipeline: Any = None,  # noqa: ARG002 - RQ's signature
        at_front: bool = False,
        unique: bool = False,  # noqa: ARG002 - an id is in use by one job at most, always
    ) -> Job:
        """Put a job into this queue that `create_job` or `Job.create` made, or that has ended (again)."""
        if job.draft is None:
            self.store.requeue(job.id, at_front=at_front)
            job.refresh()
            return job
        return cast(Job, super().enqueue_job(cast("core.Job[Any]", job), at_front))

    def schedule_job(  # pyright: ignore[reportIncompatibleMethodOverride] - RQ's signature
        self,
        job: Job,
        datetime: datetime,
        pipeline: Any = None,  # noqa: ARG002 - RQ's signature
        unique: bool = False,  # noqa: ARG002 - an id is in use by one job at most, always
    ) -> Job:
        """`enqueue_job` for a time; a naive one is local."""
        return cast(Job, super().schedule_job(cast("core.Job[Any]", job), datetime))

    # ---- looking ----

    def get_jobs(self, offset: int = 0, length: int = -1) -> list[Job]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Queued jobs; a negative length is all."""
        return [self.job_class.of(job) for job in super().get_jobs(offset, length)]

    def fetch_job(self, job_id: str) -> Job | None:
        """A job of this queue in any state, None if it is not known or belongs to another."""
        found = super().fetch_job(job_id)
        return None if found is None else self.job_class.of(found)

    def remove(self, job_or_id: HasId | str, pipeline: Any = None) -> None:  # noqa: ARG002 - RQ's signature
        """Take a queued job out of the queue: it is canceled. Nothing happens if it is not queued here."""
        super().remove(job_or_id)

    started_job_registry = RegistryOf(StartedJobRegistry)
    finished_job_registry = RegistryOf(FinishedJobRegistry)
    failed_job_registry = RegistryOf(FailedJobRegistry)
    deferred_job_registry = RegistryOf(DeferredJobRegistry)
    scheduled_job_registry = RegistryOf(ScheduledJobRegistry)
    canceled_job_registry = RegistryOf(CanceledJobRegistry)
    ready_job_registry = RegistryOf(ReadyJobRegistry)

    def __iter__(self) -> Iterator[Self]:  # pyright: ignore[reportIncompatibleMethodOverride] - RQ's way
        """The queue itself, so that it can stand for a list of queues."""
        yield self

    def __str__(self) -> str:
        return f"<Queue {self.name}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Core):
            raise TypeError("Cannot compare queues to other objects")
        return self.name == other.name

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Core):
            raise TypeError("Cannot compare queues to other objects")
        return self.name < other.name

    def __hash__(self) -> int:
        return hash(self.name)


def _split(
    f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], way: str
) -> tuple[Sequence[Any], Mapping[str, Any], Mapping[str, Any]]:
    """Arguments, keyword arguments and options of a call whose keywords hold both."""
    given = {name: kwargs.pop(name) for name in kwargs.keys() & _OPTIONS}
    if callable(f) and (both := sorted(given.keys() & parameters(f))):
        raise AmbiguousOption(
            f"{both[0]!r} is an option of {way}() and a parameter of {f!r:.100}. For the parameter: "
            f"{way}(f, args=[...], kwargs={{{both[0]!r}: ...}})"
        )
    call_args, call_kwargs = given.pop("args", None), given.pop("kwargs", None)
    if call_args is None and call_kwargs is None:
        return args, kwargs, given
    return call_args or (), call_kwargs or {}, given
