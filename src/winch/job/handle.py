"""Job: a handle on one job."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar, cast

from winch import codec
from winch.callables import refuse_during_import
from winch.errors import InvalidOption, NoSuchJob, ResultGone, ResultInsideJob, ResultTimeout
from winch.job.connecting import Connection, get_store, local_admission
from winch.job.describing import last_error, no_result, why_no_result_yet
from winch.job.inside import current
from winch.job.view import Attempt, JobView, record_of_claim, record_of_new, ttl_seconds
from winch.job.waiting import Ended, end_waiter, wait_for_end
from winch.options import Duration, seconds
from winch.states import ENDED, JobStatus
from winch.stores.contract import Claim, JobRecord, NewJob, Store

__all__ = ["Attempt", "Job", "cancel_job", "requeue_job"]

R_co = TypeVar("R_co", covariant=True)


class Job(JobView[R_co]):
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
    def from_claim(cls, store: Store, claim: Claim) -> Job[Any]:
        """The job of a claim, as its worker knows it."""
        return cast("Job[Any]", cls(store, claim.id, lambda: record_of_claim(claim)))

    @classmethod
    def from_enqueued(cls, store: Store, new: NewJob, state: JobStatus, now: int) -> Job[Any]:
        """The job that was just enqueued."""
        return cast("Job[Any]", cls(store, new.id, partial(record_of_new, new, state, now)))

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

    # ---- its state ----

    def refresh(self) -> None:
        """Read the job again, `meta` included.

        Raises:
            NoSuchJob: It is gone.
        """
        if not self._reread():
            raise NoSuchJob(f"job {self._id} is not in {self._store.place} any more: it has expired or was deleted")

    def _reread(self) -> bool:
        record = self._store.get([self._id])[0]
        if record is not None:
            self._take(record)
        return record is not None

    def get_status(self, refresh: bool = True) -> JobStatus:
        """Its state.

        Args:
            refresh: Ask the store; otherwise as of the last reading.

        Raises:
            NoSuchJob: It is gone, and had not ended when it was last read.
        """
        if refresh:
            state = self._look()
            if state is None:
                raise NoSuchJob(f"job {self._id} is not in {self._store.place} any more: it has expired or was deleted")
            return state
        return self.record.state

    def _look(self) -> JobStatus | None:
        """The state now; the last known one if it ended and expired since; None if nobody knows."""
        record = self._store.get([self._id])[0]
        if record is None:
            return self.record.state if self.record.state in ENDED else None
        self._source = record
        return record.state

    @property
    def is_queued(self) -> bool:
        """Ready to run. Each of these asks the store, and is False for a job that is gone."""
        return self._look() is JobStatus.QUEUED

    @property
    def is_started(self) -> bool:
        """Running."""
        return self._look() is JobStatus.STARTED

    @property
    def is_finished(self) -> bool:
        """Ended well."""
        return self._look() is JobStatus.FINISHED

    @property
    def is_failed(self) -> bool:
        """Failed for good."""
        return self._look() is JobStatus.FAILED

    @property
    def is_deferred(self) -> bool:
        """Waiting for other jobs."""
        return self._look() is JobStatus.DEFERRED

    @property
    def is_blocked(self) -> bool:
        """Waiting for a limit."""
        return self._look() is JobStatus.BLOCKED

    @property
    def is_scheduled(self) -> bool:
        """Due later."""
        return self._look() is JobStatus.SCHEDULED

    @property
    def is_canceled(self) -> bool:
        """Canceled before it ran."""
        return self._look() is JobStatus.CANCELED

    @property
    def is_stopped(self) -> bool:
        """Stopped while it ran."""
        return self._look() is JobStatus.STOPPED

    def get_meta(self, refresh: bool = True) -> dict[str, Any]:
        """Its `meta`.

        Args:
            refresh: Read the job again first; what was not saved is lost.

        Raises:
            NoSuchJob: It is gone.
        """
        if refresh:
            self.refresh()
        return self.meta

    def save_meta(self) -> None:
        """Write `meta`, all of it.

        Raises:
            NoSuchJob: The job is gone.
            PayloadTooLarge: More than 64 kB.
        """
        self._store.annotate(self._id, codec.dumps_meta(self.meta))

    # ---- what became of it ----

    @property
    def attempts(self) -> list[Attempt]:
        """Its runs that have ended, oldest first; at most the latest ten."""
        if self.record.attempts and not self.record.history:  # known from a claim
            self._look()
        return [
            Attempt(
                one.worker,
                datetime.fromtimestamp(one.started_at / 1000, UTC),
                datetime.fromtimestamp(one.ended_at / 1000, UTC),
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

    def result(self, timeout: Duration | None = None, *, inside_job: bool = False) -> R_co:
        """Wait for the job to end, and return what its function returned.

        Args:
            timeout: How long to wait at most, in seconds; None is without end.
            inside_job: Wait also inside a job, where the job waited for may never get a worker.

        Raises:
            JobFailed: It failed for good; tells how.
            JobCanceled: It was canceled.
            JobStopped: It was stopped.
            ResultGone: It is not known any more, so its result is not either.
            ResultTimeout: It has not ended in time; the text says why that may be.
            ResultInsideJob: It has not ended, and this is a job itself.
            DecodeError: The value cannot be read here.
            InvalidOption: `timeout` is negative or no duration.
        """
        refuse_during_import()
        patience = _patience(timeout)
        record = self._store.get([self._id])[0]
        if record is not None and record.state not in ENDED:
            self._check_inside(inside_job)
            try:
                record = wait_for_end(self._store, self._id, patience)
            except TimeoutError as error:
                if type(error) is not TimeoutError:
                    raise
                record = self._ended_by_now(patience or 0)
        return self._outcome(record)

    async def aresult(self, timeout: Duration | None = None, *, inside_job: bool = False) -> R_co:  # noqa: ASYNC109 - the twin of `result`
        """`result` for coroutines: the event loop goes on meanwhile.

        Args:
            timeout: How long to wait at most, in seconds; None is without end.
            inside_job: Wait also inside a job, where the job waited for may never get a worker.

        Raises:
            ResultError: As `result`.
            DecodeError: As `result`.
            InvalidOption: As `result`.
        """
        import asyncio

        refuse_during_import()
        patience = _patience(timeout)
        if current.get() is not None and await asyncio.to_thread(self._look) not in (None, *ENDED):
            self._check_inside(inside_job)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Ended] = loop.create_future()

        def settle(ended: Ended) -> None:
            if not future.done():
                future.set_result(ended)

        def deliver(ended: Ended) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, ended)

        waiter = end_waiter(self._store)
        ticket = waiter.watch(self._id, deliver)
        try:
            async with asyncio.timeout(patience):
                record = await future
        except TimeoutError:
            record = await asyncio.to_thread(self._ended_by_now, patience or 0)
        finally:
            waiter.forget(ticket)
        return self._outcome(record)

    def _check_inside(self, inside_job: bool) -> None:
        running = current.get()
        if running is not None and not inside_job:
            raise ResultInsideJob(
                f"job {running.claim.id} waits for job {self._id}, which has not ended: it holds a place in its worker that "
                "the other one may need. Use depends_on, or result(inside_job=True) if another worker runs it"
            )

    def _ended_by_now(self, patience: float) -> JobRecord | None:
        """When the time is over: the record of a job that ended at the last moment, None of one that is gone."""
        state = self._look()
        if state is not None and state not in ENDED:
            raise ResultTimeout(why_no_result_yet(self._store, self.record, patience)) from None
        return None if state is None else self.record

    def _outcome(self, record: Ended) -> R_co:
        if isinstance(record, BaseException):
            raise record
        if record is None:
            known = self.record
            if known.state not in ENDED:
                raise ResultGone(
                    f"job {self._id} is not in {self._store.place} any more: it ended and was not kept "
                    f"(result_ttl={ttl_seconds(known.result_ttl):g} s), or it was deleted"
                )
            record = known
        self._take(record)
        if record.state is JobStatus.FINISHED:
            return self._value(record)
        raise no_result(record)

    # ---- what can be done with it ----

    def cancel(self, stop: bool = False) -> None:
        """Take it out of its queue for good.

        Args:
            stop: If it runs, stop it: it is `stopped` at once, and its worker ends it.

        Raises:
            NoSuchJob: It is gone.
            InvalidJobOperation: It has ended, or it runs and `stop` is not set.
        """
        self._store.cancel(self._id, stop=stop)
        self._look()

    def delete(self) -> None:
        """Remove it and all it has, whatever its state; if it runs, it is stopped. Nothing happens if it is gone."""
        self._store.delete([self._id])

    def requeue(self, at_front: bool = False) -> None:
        """Run it again after it has ended, with all its retries.

        Raises:
            NoSuchJob: It is gone.
            InvalidJobOperation: It has not ended.
        """
        self._store.requeue(self._id, at_front=at_front)
        self._look()

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


def _askable(id: object) -> str:
    """An id as a store may be asked for it: what no job can have as its id, and cannot be written, is `""`."""
    return id if isinstance(id, str) and id.isprintable() else ""


def cancel_job(id: str, connection: Connection = None) -> None:
    """Take the job of an id out of its queue for good, as `Job.cancel`.

    Args:
        id: Its id.
        connection: See `Queue`.

    Raises:
        NoSuchJob: Nobody knows it.
        InvalidJobOperation: It has ended, or it runs.
    """
    Job[Any].fetch(id, connection).cancel()


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


def _patience(timeout: Duration | None) -> float | None:
    """Seconds to wait for a result, None is without end."""
    if timeout is None:
        return None
    number = seconds(timeout, "timeout")
    if number < 0:
        raise InvalidOption(f"result(timeout={timeout!r}): give 0 or more; leave it out to wait without end")
    return number
