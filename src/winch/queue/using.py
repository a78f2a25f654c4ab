"""A queue with options set."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ParamSpec, TypeVar, Unpack, cast, overload

from winch.callables import check_signature
from winch.callables.paths import unwrap_task
from winch.job import Job
from winch.options import Duration, JobKeywords, JobOptions
from winch.queue.calls import Call
from winch.queue.enqueuing import delay_of
from winch.queue.putting import Putting

__all__ = ["Using"]

P = ParamSpec("P")
R = TypeVar("R")


class Using:
    """A queue with options set: its calls hold the function's own arguments and nothing else. Made by `Queue.using`.

    Args:
        queue: Where the jobs go.
        options: Of every job.
    """

    def __init__(self, queue: Putting, options: JobOptions) -> None:
        self._queue = queue
        self._options = options

    @property
    def options(self) -> JobOptions:
        """Of every job."""
        return self._options

    def using(self, **options: Unpack[JobKeywords]) -> Using:
        """The same with more options set."""
        return Using(self._queue, self._options.override(options))

    def _put(
        self, f: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: Mapping[str, Any], delay: int = 0
    ) -> Job[Any]:
        _check(f, args, kwargs)
        return self._queue.put(f, args, kwargs, self._options, delay)

    @overload
    def enqueue(
        self, f: Callable[P, Coroutine[Any, Any, R]] | Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Job[R]: ...
    @overload
    def enqueue(self, f: str, /, *args: Any, **kwargs: Any) -> Job[Any]: ...
    def enqueue(self, f: Any, /, *args: Any, **kwargs: Any) -> Job[Any]:
        """Put a job into the queue.

        Raises:
            TypeError: The function cannot be called with these arguments.
            EnqueueError: As `Queue.enqueue`.
        """
        return self._put(f, args, kwargs)

    @overload
    def enqueue_at(
        self,
        datetime: datetime,
        f: Callable[P, Coroutine[Any, Any, R]] | Callable[P, R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Job[R]: ...
    @overload
    def enqueue_at(self, datetime: datetime, f: str, /, *args: Any, **kwargs: Any) -> Job[Any]: ...
    def enqueue_at(self, datetime: datetime, f: Any, /, *args: Any, **kwargs: Any) -> Job[Any]:
        """Put a job into the queue that is due at a time; a naive one is local."""
        return self._put(f, args, kwargs, self._queue.delay_until(datetime))

    @overload
    def enqueue_in(
        self,
        delay: Duration,
        f: Callable[P, Coroutine[Any, Any, R]] | Callable[P, R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Job[R]: ...
    @overload
    def enqueue_in(self, delay: Duration, f: str, /, *args: Any, **kwargs: Any) -> Job[Any]: ...
    def enqueue_in(self, delay: Duration, f: Any, /, *args: Any, **kwargs: Any) -> Job[Any]:
        """Put a job into the queue that is due after a while."""
        return self._put(f, args, kwargs, delay_of(delay))

    @overload
    async def aenqueue(
        self, f: Callable[P, Coroutine[Any, Any, R]] | Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Job[R]: ...
    @overload
    async def aenqueue(self, f: str, /, *args: Any, **kwargs: Any) -> Job[Any]: ...
    async def aenqueue(self, f: Any, /, *args: Any, **kwargs: Any) -> Job[Any]:
        """`enqueue` for coroutines."""
        _check(f, args, kwargs)
        return await self._queue.aput(f, args, kwargs, self._options)

    def enqueue_many(self, calls: Iterable[Call[R]]) -> list[Job[R]]:
        """Put many jobs into the queue, as `Queue.enqueue_many`."""
        return self._queue.put_many(_checked(calls), self._options)


def _check(f: Callable[..., Any] | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    if not isinstance(f, str):
        check_signature(cast("Callable[..., Any]", unwrap_task(f)), args, kwargs)


def _checked(calls: Iterable[Call[R]]) -> Iterator[Call[R]]:
    for one in calls:
        _check(one.function, one.args, one.kwargs)
        yield one
