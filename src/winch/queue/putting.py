"""The one way into a queue: for a job, for a job from an event loop, for many."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from winch.callables import refuse_during_import
from winch.errors import InvalidOption
from winch.job import Connection, Job, get_store
from winch.job.making import Function, functions_of, new_job
from winch.options import JobOptions
from winch.queue.calls import NO_OPTIONS, Call
from winch.queue.inlining import is_inline_everywhere, run_at_once
from winch.stores.contract import ENQUEUE_CHUNK, Enqueued, NewJob, Store

__all__ = ["Putting"]

R = TypeVar("R")

_LATEST = 253_402_214_400_000
"""The last day of the year 9999, in milliseconds: what is due later could not be shown as a `datetime`."""


class Putting:
    """A named line in a store, into which jobs are put.

    Args:
        name: The queue's.
        connection: See `Queue`.
        is_async: See `Queue`.
    """

    def __init__(self, name: str, connection: Connection, is_async: bool = True) -> None:
        self.name = name
        self._connection = connection
        self._is_async = is_async

    @property
    def is_async(self) -> bool:
        """Whether workers run its jobs. If not they run here, while they are enqueued."""
        return self._is_async and not is_inline_everywhere()

    def delay_until(self, when: datetime) -> int:
        """Milliseconds from now to a time, 0 if it has passed. A naive time is local."""
        if not isinstance(when, datetime):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(f"enqueue_at({when!r}): give a datetime")
        try:
            due = math.ceil(when.timestamp() * 1000)
        except (ValueError, OverflowError):  # a naive one at an end of the calendar, whose time in UTC lies beyond it
            raise InvalidOption(f"enqueue_at({when!r}): give a time that exists in UTC, too") from None
        return max(0, min(due, _LATEST) - self.store.clock())

    @property
    def store(self) -> Store:
        """The store."""
        return get_store(self._connection)

    @property
    def connection(self) -> Any:
        """The store, for who writes `connection=queue.connection`."""
        return self.store

    def make(
        self, f: Function, args: Sequence[Any], kwargs: Mapping[str, Any], options: JobOptions, delay: int = 0
    ) -> NewJob:
        """A call as the store takes it, see `new_job`."""
        return new_job(self.name, f, args, kwargs, options, delay)

    def put(
        self,
        f: Callable[..., Any] | str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: JobOptions,
        delay: int = 0,
    ) -> Job[Any]:
        """The one way into the queue for a single job: everything else here ends up in it.

        Args:
            f: The function or its path.
            args: Positional arguments.
            kwargs: Keyword arguments.
            options: Checked.
            delay: Milliseconds until it is due.

        Raises:
            EnqueueError: As `enqueue`.
        """
        refuse_during_import()
        new = self.make(f, args, kwargs, options, delay)
        store = get_store(self._connection)
        enqueued = store.enqueue((new,))
        job = Job.from_enqueued(store, new, enqueued.states[0], enqueued.now)
        if not self.is_async:
            run_at_once(store, [job], functions_of(f, options))
        return job

    async def aput(
        self,
        f: Callable[..., Any] | str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: JobOptions,
        delay: int = 0,
    ) -> Job[Any]:
        """`put` for coroutines."""
        import asyncio

        from winch.queue.batching import batcher

        refuse_during_import()
        if not self.is_async:
            return await asyncio.to_thread(self.put, f, args, kwargs, options, delay)
        new = self.make(f, args, kwargs, options, delay)
        return await batcher(get_store(self._connection)).enqueue(new)

    def put_many(self, calls: Iterable[Call[R]], options: JobOptions) -> list[Job[R]]:
        """`enqueue_many` with these options for each job that has none of its own."""
        refuse_during_import()
        if not self.is_async:
            return self._put_many_here(calls, options)
        store = get_store(self._connection)
        jobs: list[Job[Any]] = []
        under_way = None
        try:
            for new in self._batches(calls, options):  # made while the store takes those before
                sent, under_way = under_way, None
                enqueued = sent[1]() if sent else None
                under_way = new, store.begin_enqueue(new)
                if sent and enqueued:
                    jobs += _handles(store, sent[0], enqueued)
        finally:
            if under_way:
                jobs += _handles(store, under_way[0], under_way[1]())
        return jobs

    def _put_many_here(self, calls: Iterable[Call[Any]], options: JobOptions) -> list[Job[Any]]:
        store, remaining, jobs = get_store(self._connection), iter(calls), list[Job[Any]]()
        while chunk := list(islice(remaining, ENQUEUE_CHUNK)):
            new = [self._prepared(one, options) for one in chunk]
            made = _handles(store, new, store.enqueue(new))
            run_at_once(store, made, _functions(chunk, options))
            jobs += made
        return jobs

    def _batches(self, calls: Iterable[Call[Any]], options: JobOptions) -> Iterator[list[NewJob]]:
        remaining = iter(calls)
        while chunk := list(islice(remaining, ENQUEUE_CHUNK)):
            yield [self._prepared(one, options) for one in chunk]

    def _prepared(self, one: Call[Any], options: JobOptions) -> NewJob:
        if not isinstance(one, Call):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(
                f"enqueue_many takes calls, call(f, 1, 2) or Queue.prepare_data(f, [1, 2]), not {one!r}"
            )
        return self.make(one.function, one.args, one.kwargs, _chosen(one, options))


def _handles(store: Store, new: Sequence[NewJob], enqueued: Enqueued) -> list[Job[Any]]:
    now = enqueued.now
    return [Job.from_enqueued(store, one, state, now) for one, state in zip(new, enqueued.states, strict=True)]


def _functions(calls: Sequence[Call[Any]], options: JobOptions) -> Iterator[Function]:
    return (f for one in calls for f in functions_of(one.function, _chosen(one, options)))


def _chosen(one: Call[Any], options: JobOptions) -> JobOptions:
    return options if one.options is NO_OPTIONS else options.override(one.options)
