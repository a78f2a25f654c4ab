"""Job, waiting for its end: in a thread and in an event loop."""

from __future__ import annotations

from contextlib import suppress
from typing import TypeVar

from winch.callables import refuse_during_import
from winch.errors import InvalidJobOperation, ResultGone, ResultInsideJob, ResultTimeout
from winch.job.describing import no_result, why_no_result_yet
from winch.job.history import History, Result
from winch.job.inside import current
from winch.job.view import ttl_seconds
from winch.job.waiting import Ended, end_waiter, wait_for_end
from winch.options import Duration
from winch.options.durations import patience
from winch.states import ENDED, JobStatus
from winch.stores.contract import JobRecord

__all__ = ["Awaiting"]

R_co = TypeVar("R_co", covariant=True)


class Awaiting(History[R_co]):
    """A job whose end can be waited for."""

    __slots__ = ()

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
            InvalidJobOperation: It has not been enqueued.
        """
        self._check_waitable()
        longest = patience(timeout, "result")
        record = self._store.get([self._id])[0]
        if record is not None and record.state not in ENDED:
            self._check_inside(inside_job)
            try:
                record = wait_for_end(self._store, self._id, longest)
            except TimeoutError as error:
                if type(error) is not TimeoutError:
                    raise
                record = self._ended_by_now(longest or 0)
        return self._outcome(record)

    def latest_result(self, timeout: Duration = 0) -> Result | None:
        """What its latest run came to, None if no run has ended yet.

        Args:
            timeout: How long to wait at most for the job to end, in seconds. The end, not a run that is retried.

        Raises:
            ResultInsideJob: It has not ended, and this is a job itself.
            InvalidOption: `timeout` is negative or no duration.
        """
        longest = patience(timeout, "result")
        if longest and self._look() not in (None, *ENDED):
            self._check_waitable()
            self._check_inside(False)
            with suppress(TimeoutError):
                wait_for_end(self._store, self._id, longest)
        return Result.fetch_latest(self)

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

        self._check_waitable()
        longest = patience(timeout, "result")
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
            async with asyncio.timeout(longest):
                record = await future
        except TimeoutError:
            record = await asyncio.to_thread(self._ended_by_now, longest or 0)
        finally:
            waiter.forget(ticket)
        return self._outcome(record)

    def _check_waitable(self) -> None:
        refuse_during_import()
        if self._draft:
            raise InvalidJobOperation(f"job {self._id} has not been enqueued: queue.enqueue_job(job)")

    def _check_inside(self, inside_job: bool) -> None:
        running = current.get()
        if running is not None and not inside_job:
            raise ResultInsideJob(
                f"job {running.claim.id} waits for job {self._id}, which has not ended: it holds a place in its worker that "
                "the other one may need. Use depends_on, or result(inside_job=True) if another worker runs it"
            )

    def _ended_by_now(self, longest: float) -> JobRecord | None:
        """When the time is over: the record of a job that ended at the last moment, None of one that is gone."""
        state = self._look()
        if state is not None and state not in ENDED:
            raise ResultTimeout(why_no_result_yet(self._store, self.record, longest)) from None
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
