"""What a handle knows of its job: everything that needs no question to the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from winch import codec
from winch.codec import CallData
from winch.ids import incarnation_key
from winch.job.connecting import local_admission
from winch.job.describing import describe_call
from winch.job.progress import Progress, Reporter, load_progress
from winch.states import ENDED, JobStatus
from winch.stores.contract import Claim, JobRecord, NewJob, Store

__all__ = ["Draft", "JobView", "JustEnqueued", "record_of_new", "ttl_seconds"]

R_co = TypeVar("R_co", covariant=True)


class Draft(NamedTuple):
    """A job that is made and not enqueued.

    Attributes:
        new: As the store will take it.
        functions: What it calls in the end, or paths of that.
    """

    new: NewJob
    functions: tuple[Callable[..., Any] | str, ...]


class JustEnqueued(NamedTuple):
    """What is known of a job that was just enqueued."""

    new: NewJob
    state: JobStatus
    now: int


def _moment(milliseconds: int) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


def ttl_seconds(milliseconds: int) -> float:
    """A retention in seconds, -1 is without end."""
    return -1 if milliseconds < 0 else milliseconds / 1000


class JobView(Generic[R_co]):
    """A job as it was when it was last read."""

    __slots__ = ("_call", "_draft", "_id", "_meta", "_reporter", "_source", "_store", "_typed")

    def __init__(self, store: Store, job_id: str, source: JobRecord | Claim | JustEnqueued) -> None:
        self._store = store
        self._id = job_id
        self._source = source
        self._call: CallData | None = None
        self._typed: CallData | None = None
        self._meta: dict[str, Any] | None = None
        self._draft: Draft | None = None
        self._reporter: Reporter | None = None

    @property
    def id(self) -> str:
        """Its id."""
        return self._id

    def get_id(self) -> str:
        """RQ's way to ask for `id`."""
        return self._id

    @property
    def connection(self) -> Store:
        """The store that it lives in."""
        return self._store

    @property
    def record(self) -> JobRecord:
        """All that the store told, as of the last reading."""
        source = self._source
        if not isinstance(source, JobRecord):  # made when it is asked for, which is seldom
            source = self._source = record_of_claim(source) if isinstance(source, Claim) else record_of_new(*source)
        return source

    @property
    def _head(self) -> CallData:
        if self._call is None:
            self._call = codec.head(self.record.payload)
        return self._call

    @property
    def _arguments(self) -> CallData:
        if self._typed is None:
            self._typed = codec.load_call(self.record.payload, local_admission().load_class)
        return self._typed

    @property
    def func_name(self) -> str:
        """The import path of its function."""
        return self._head.function

    @property
    def func(self) -> Callable[..., R_co]:
        """Its function, imported.

        Raises:
            Refused: It is not the project's own.
        """
        return local_admission().resolve(self.func_name)

    @property
    def args(self) -> tuple[Any, ...]:
        """Its positional arguments.

        Raises:
            DecodeError: They cannot be read here.
        """
        return self._arguments.args

    @property
    def kwargs(self) -> dict[str, Any]:
        """Its keyword arguments.

        Raises:
            DecodeError: They cannot be read here.
        """
        return self._arguments.kwargs

    @property
    def description(self) -> str:
        """The text given at enqueue, or the call as in Python with each argument cut at 75 characters."""
        return describe_call(self._head)

    @property
    def origin(self) -> str:
        """The name of its queue."""
        return self.record.queue

    @property
    def priority(self) -> int:
        """-500 to 500, higher first."""
        return self.record.priority

    @property
    def attempt(self) -> int:
        """The number of its attempt, from 1: the one that runs, or will run next; once it has ended the last one."""
        return max(1, self.record.attempts + (self.record.state not in ENDED))

    @property
    def idempotency_key(self) -> str:
        """A key for calls that must happen once, such as a payment: 36 characters, for the header `Idempotency-Key`.

        The same in all attempts of a job, also after a requeue. Each repeat has its own, and so has a later job that uses
        the id again.
        """
        return incarnation_key(self._id, self.record.created_at, self.record.repeats)

    @property
    def progress_value(self) -> Progress | None:
        """What its latest attempt has said of its progress, None for nothing. See `Job.progress`."""
        told = load_progress(self.record.progress)
        return told[1] if told and (told[0] == self.attempt or self.record.state is not JobStatus.STARTED) else None

    @property
    def percent(self) -> float | None:
        """`progress_value` as a percentage, 0 to 100; None if it said nothing, or no total."""
        told = self.progress_value
        return None if told is None else told.percent

    @property
    def timeout(self) -> float | None:
        """Seconds that one attempt may run, None is without end."""
        return self._head.run.timeout

    @property
    def repeats_left(self) -> int | None:
        """How often it will run again after a success; None if it is no job that repeats."""
        repeat = self._head.run.repeat
        return None if repeat is None else max(0, repeat.times - self.record.repeats)

    @property
    def repeat_intervals(self) -> list[float] | None:
        """Seconds to wait before each repeat, the last for all that follow; None if it is no job that repeats."""
        repeat = self._head.run.repeat
        return None if repeat is None else list(repeat.intervals)

    @property
    def result_ttl(self) -> float:
        """Seconds that it is kept once finished, -1 is without end."""
        return ttl_seconds(self.record.result_ttl)

    @property
    def failure_ttl(self) -> float:
        """Seconds that it is kept once failed, canceled or stopped, -1 is without end."""
        return ttl_seconds(self.record.failure_ttl)

    @property
    def ttl(self) -> float | None:
        """Seconds that it may wait in its queue, None is without end."""
        return self.record.ttl / 1000 or None

    @property
    def number_of_retries(self) -> int:
        """How many retries its failures have cost it; 0 again after a requeue."""
        return self.record.fails

    @property
    def retries_left(self) -> int | None:
        """How many retries it still has, None without a retry policy."""
        policy = self._head.run.retry
        return None if policy is None else max(0, policy.max - self.record.fails)

    @property
    def retry_intervals(self) -> list[float] | None:
        """Seconds to wait before each retry, the last repeats; None without a retry policy."""
        policy = self._head.run.retry
        return None if policy is None else list(policy.intervals)

    @property
    def enqueue_at_front_on_retry(self) -> bool:
        """Whether a retry joins the front of its queue."""
        policy = self._head.run.retry
        return policy is not None and policy.at_front

    @property
    def dependency_ids(self) -> list[str]:
        """Ids of the jobs that it was told to wait for, whatever became of them."""
        return list(self._head.parents)

    @property
    def allow_dependency_failures(self) -> bool:
        """Whether it runs also if a job that it waits for does not finish (`on_failure="run"`)."""
        return self.record.on_failure == "run"

    @property
    def group_id(self) -> str | None:
        """The group that it joined, None for none. A handle of `current_job()` knows it after `refresh()`."""
        return self.record.group or None

    @property
    def worker_name(self) -> str | None:
        """The worker that runs it, or ran it last."""
        return self.record.worker or None

    @property
    def created_at(self) -> datetime:
        """When it was enqueued first. Aware, UTC, as all times here."""
        return datetime.fromtimestamp(self.record.created_at / 1000, UTC)

    @property
    def enqueued_at(self) -> datetime | None:
        """When it last got ready to run."""
        return _moment(self.record.enqueued_at)

    @property
    def started_at(self) -> datetime | None:
        """When its last attempt began."""
        return _moment(self.record.started_at)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended."""
        return _moment(self.record.ended_at)

    @property
    def due_at(self) -> datetime | None:
        """When it will be ready, while it is scheduled."""
        return _moment(self.record.due_at)

    def _take(self, record: JobRecord) -> None:
        self._source = record
        self._call = self._typed = self._meta = None

    @property
    def meta(self) -> dict[str, Any]:
        """Data kept with the job. Change it, then `save_meta()`."""
        if self._meta is None:
            self._meta = codec.load_meta(self.record.meta, local_admission().load_class)
        return self._meta

    @meta.setter
    def meta(self, value: dict[str, Any]) -> None:
        self._meta = value

    # ---- a job that is not enqueued yet ----

    @property
    def draft(self) -> Draft | None:
        """What `Queue.enqueue_job` takes; None for a job that has been enqueued."""
        return self._draft

    def enqueued(self, store: Store, new: NewJob, state: JobStatus, now: int) -> None:
        """It is no draft any more."""
        self._store, self._draft, self._source = store, None, record_of_new(new, state, now)


def record_of_new(new: NewJob, state: JobStatus, now: int) -> JobRecord:
    """The record of a job that was just enqueued."""
    return JobRecord(
        id=new.id,
        queue=new.queue,
        state=state,
        payload=new.payload,
        priority=new.priority,
        max_crashes=new.max_crashes,
        created_at=now,
        enqueued_at=now if state is JobStatus.QUEUED else 0,
        due_at=now + new.delay if new.delay else 0,
        ttl=new.ttl,
        result_ttl=new.result_ttl,
        failure_ttl=new.failure_ttl,
        on_failure=new.on_failure,
        meta=new.meta,
        limits=new.limits,
        group=new.group,
        now=now,
    )


def record_of_claim(claim: Claim) -> JobRecord:
    """What a claim tells of its job."""
    started = claim.token // 1000  # a token is the store's time in microseconds
    return JobRecord(
        id=claim.id,
        queue=claim.queue,
        state=JobStatus.STARTED,
        payload=claim.payload,
        priority=claim.priority,
        fails=claim.fails,
        crashes=claim.crashes,
        attempts=claim.attempts,
        suspect=claim.suspect,
        created_at=claim.created_at,
        enqueued_at=claim.enqueued_at,
        started_at=started,
        token=claim.token,
        meta=claim.meta,
        parent=claim.parent,
        repeats=claim.repeats,
        group=claim.group,
        now=started,
    )
