"""Job, what became of it: its attempts, its results, its execution under way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, ClassVar, NamedTuple, TypeVar

from winch import codec
from winch.codec import ErrorInfo
from winch.job.asking import Asking
from winch.job.connecting import local_admission
from winch.job.describing import last_error
from winch.states import ENDED, JobStatus
from winch.stores.contract import AttemptRecord, JobRecord, OutcomeKind, WorkerRecord

__all__ = ["Attempt", "Execution", "History", "Result", "ResultType"]

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


class ResultType(Enum):
    """How a run ended (RQ's names and numbers)."""

    SUCCESSFUL = 1
    FAILED = 2
    STOPPED = 3
    RETRIED = 4
    MAX_RETRIES_EXCEEDED = 5


_TYPES = {
    "finished": ResultType.SUCCESSFUL,
    "repeat": ResultType.SUCCESSFUL,
    "failed": ResultType.FAILED,
    "stopped": ResultType.STOPPED,
    "retry": ResultType.RETRIED,
}


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of a job came to.

    Attributes:
        job_id: The job's id.
        type: How it ended.
        created_at: When it ended. Aware, UTC.
        worker_name: The worker that ran it, None if it is not known.
        exc_string: The traceback of its error, or the error's text; None if it had none.
        execution_started_at: When it began.
        execution_ended_at: The same as `created_at`.
    """

    Type: ClassVar = ResultType

    job_id: str
    type: ResultType
    created_at: datetime
    worker_name: str | None
    exc_string: str | None
    execution_started_at: datetime
    _value: Callable[[], Any] = field(repr=False, compare=False)

    @property
    def execution_ended_at(self) -> datetime:
        """When it ended."""
        return self.created_at

    @property
    def return_value(self) -> Any:
        """What the function returned: only a job's last result is kept, the others say None.

        Raises:
            DecodeError: The value cannot be read here.
        """
        return self._value()

    @classmethod
    def all(cls, job: History[Any]) -> list[Result]:
        """A job's results, the newest first."""
        return job.results()

    @classmethod
    def fetch_latest(cls, job: History[Any]) -> Result | None:
        """A job's newest result."""
        return next(iter(job.results()), None)

    @classmethod
    def count(cls, job: History[Any]) -> int:
        """How many results of a job are kept."""
        return len(job.results())


class Execution(NamedTuple):
    """The run of a job that is under way.

    Attributes:
        id: New with every run.
        job_id: The job's id.
        created_at: When it began. Aware, UTC.
        last_heartbeat: When its worker last beat, None if the worker is gone.
        worker_name: The worker that runs it.
        working_time: Seconds since it began.
    """

    id: str
    job_id: str
    created_at: datetime
    last_heartbeat: datetime | None
    worker_name: str
    working_time: float

    @property
    def composite_key(self) -> str:
        """`job:execution`."""
        return f"{self.job_id}:{self.id}"


class History(Asking[R_co]):
    """A job that can be asked what became of it."""

    __slots__ = ()

    @property
    def attempts(self) -> list[Attempt]:
        """Its runs that have ended, oldest first; at most the latest ten."""
        if self.record.attempts and not self.record.history:  # known from a claim
            self._look()
        return [
            Attempt(
                one.worker,
                _moment(one.started_at),
                _moment(one.ended_at),
                one.outcome,
                codec.load_error(one.detail) if one.detail else None,
                one.reason,
            )
            for one in self.record.history
        ]

    @property
    def exc_info(self) -> str | None:
        """The traceback of the latest error, or its text if there is none. Asks the store unless the job has ended."""
        if self.record.state not in ENDED:
            self._look()
        info = last_error(self.record)
        return None if info is None else info.traceback or info.message

    def return_value(self, refresh: bool = False) -> R_co | None:
        """What its function returned, None if it has not finished (or returned None). Of one that repeats: the last time.

        Args:
            refresh: Ask the store also if it was known to have ended.

        Raises:
            DecodeError: The value cannot be read here.
        """
        if refresh or self.record.state not in ENDED:
            self._look()
        has_finished = self.record.state is JobStatus.FINISHED or self.record.repeats > 0
        return self._value(self.record) if has_finished else None

    def _value(self, record: JobRecord) -> R_co:
        return codec.load_result(record.result, local_admission().load_class)

    def results(self) -> list[Result]:
        """What its latest ten runs came to, the newest first. Asks the store. A run that was given back has no result."""
        self._look()
        record = self.record
        runs = [one for one in record.history if one.outcome in _TYPES]
        newest = len(runs) - 1
        return [self._result(record, one, kept=at == newest) for at, one in enumerate(runs)][::-1]

    def _result(self, record: JobRecord, run: AttemptRecord, *, kept: bool) -> Result:
        error = codec.load_error(run.detail) if run.detail else None
        exceeded = error is not None and error.type_name == "winch.errors.MaxRetriesExceeded"
        return Result(
            self._id,
            ResultType.MAX_RETRIES_EXCEEDED if exceeded else _TYPES[run.outcome],
            _moment(run.ended_at),
            run.worker or None,
            None if error is None else error.traceback or error.message,
            _moment(run.started_at),
            lambda: self._value(record) if kept and record.result else None,
        )

    def get_executions(self) -> list[Execution]:
        """Its run that is under way, in a list; an empty one if it does not run. Asks the store."""
        if self._look() is not JobStatus.STARTED:
            return []
        record, worker = self.record, self._holder()
        beat = None if worker is None else _moment(self._store.now()) - timedelta(milliseconds=worker.beat_age)
        took = (record.now - record.started_at) / 1000
        return [Execution(str(record.token), self._id, _moment(record.started_at), beat, record.worker, took)]

    @property
    def last_heartbeat(self) -> datetime | None:
        """When the worker that runs it last beat, None if it does not run. Asks the store."""
        return next((one.last_heartbeat for one in self.get_executions()), None)

    def _holder(self) -> WorkerRecord | None:
        executor = self.record.executor
        return next((worker for worker in self._store.workers() if executor in worker.executors), None)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
