"""A queue in two steps: make a job, then enqueue, schedule or run it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, Unpack, overload

from winch.callables import refuse_during_import
from winch.codec import dumps_meta
from winch.errors import InvalidJobOperation
from winch.job import Connection, Job
from winch.job.making import functions_of
from winch.options import DEFAULT_JOB, JobKeywords, JobOptions
from winch.queue.inlining import run_at_once
from winch.queue.putting import Putting
from winch.states import JobStatus

__all__ = ["Creating"]

R = TypeVar("R")


class Creating(Putting):
    """What a queue offers for jobs that are made before they are enqueued (RQ's two-step interface).

    Args:
        name: The queue's.
        connection: See `Queue`.
        is_async: See `Queue`.
        options: The queue's defaults.
    """

    def __init__(
        self, name: str, connection: Connection, is_async: bool = True, options: JobOptions = DEFAULT_JOB
    ) -> None:
        super().__init__(name, connection, is_async)
        self._defaults = options

    # fmt: off
    @overload
    def create_job(
        self, func: Callable[..., Coroutine[Any, Any, R]], args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None, **options: Unpack[JobKeywords],
    ) -> Job[R]: ...
    @overload
    def create_job(
        self, func: Callable[..., R], args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None, **options: Unpack[JobKeywords],
    ) -> Job[R]: ...
    @overload
    def create_job(
        self, func: str, args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None, **options: Unpack[JobKeywords],
    ) -> Job[Any]: ...
    # fmt: on
    def create_job(
        self,
        func: Any,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[JobKeywords],
    ) -> Job[Any]:
        """A job for this queue that is not enqueued yet, see `Job.create`.

        Args:
            func: A function, or its import path.
            args: Its positional arguments.
            kwargs: Its keyword arguments.
            **options: As in `enqueue_call`; None is the queue's default.

        Raises:
            EnqueueError: As `enqueue`.
            InvalidOption: As `enqueue`.
        """
        chosen = self._defaults.override(options)
        new = self.make(func, args or (), kwargs or {}, chosen)
        return Job[Any].draft_of(self.store, new, functions_of(func, chosen))

    def enqueue_job(self, job: Job[R], at_front: bool = False) -> Job[R]:
        """Put a job into this queue that `create_job` or `Job.create` made.

        Args:
            job: Its id must not be in use; `meta` goes with it as it is now.
            at_front: Join the front.

        Returns:
            The same object.

        Raises:
            InvalidJobOperation: It has been enqueued already.
            EnqueueError: As `enqueue`.
        """
        return self._place(job, at_front=at_front, runs_here=not self.is_async)

    def schedule_job(self, job: Job[R], datetime: datetime) -> Job[R]:
        """`enqueue_job` for a time; a naive one is local. A time that has passed is at once."""
        return self._place(job, delay=self.delay_until(datetime), runs_here=not self.is_async)

    def run_sync(self, job: Job[R]) -> Job[R]:
        """Run a job here and now, as a queue with `is_async=False` does: one that is queued here or not enqueued yet.

        What it raises is recorded, not raised.

        Raises:
            InvalidJobOperation: It is in another state, or in another queue.
        """
        if job.draft:
            return self._place(job, runs_here=True)
        if job.get_status() is not JobStatus.QUEUED or job.origin != self.name:
            raise InvalidJobOperation(f"{job!r} is not queued in {self.name!r}: run_sync takes a job that waits there")
        run_at_once(self.store, [job], ())
        return job

    def _place(self, job: Job[R], *, runs_here: bool, at_front: bool = False, delay: int = 0) -> Job[R]:
        refuse_during_import()
        draft = job.draft
        if draft is None:
            raise InvalidJobOperation(f"{job!r} has been enqueued: requeue() runs one again that has ended")
        new = draft.new._replace(
            queue=self.name,
            at_front=at_front or draft.new.at_front,
            delay=delay or draft.new.delay,
            meta=dumps_meta(job.meta),
        )
        store = self.store
        enqueued = store.enqueue((new,))
        job.enqueued(store, new, enqueued.states[0], enqueued.now)
        if runs_here:
            run_at_once(store, [job], draft.functions)
        return job
