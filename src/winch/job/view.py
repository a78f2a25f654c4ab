"""What a handle knows of its job: everything that needs no question to the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from winch import codec
from winch.codec import CallData, ErrorInfo
from winch.job.connecting import local_admission
from winch.job.describing import describe_call
from winch.states import JobStatus
from winch.stores.contract import Claim, JobRecord, NewJob, OutcomeKind, Store

__all__ = ["Attempt", "JobView", "record_of_claim", "record_of_new", "ttl_seconds"]

R_co = TypeVar("R_co", covariant=True)


class Attempt(NamedTuple):
    """One run of a job.

    Attributes:
        worker: The worker's name, `""` if it is not known.
        started_at: Aware, UTC.
        ended_at: Aware, UTC.
        outcome: `finished`, `failed`, `retry`, `returned` or `stopped`.
        error: What went wrong, if anything did.
        reason: One of `winch.states.REASONS`.
    """

    worker: str
    started_at: datetime
    ended_at: datetime
    outcome: OutcomeKind
    error: ErrorInfo | None
    reason: str


def _moment(milliseconds: int) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


def ttl_seconds(milliseconds: int) -> float:
    """A retention in seconds, -1 is without end."""
    return -1 if milliseconds < 0 else milliseconds / 1000


class JobView(Generic[R_co]):
    """A job as it was when it was last read."""

    __slots__ = ("_call", "_id", "_meta", "_source", "_store", "_typed")

    def __init__(self, store: Store, job_id: str, source: JobRecord | Callable[[], JobRecord]) -> None:
        self._store = store
        self._id = job_id
        self._source = source
        self._call: CallData | None = None
        self._typed: CallData | None = None
        self._meta: dict[str, Any] | None = None

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
        if callable(self._source):
            self._source = self._source()
        return self._source

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
        now=started,
    )
