"""The signatures of `enqueue` and its siblings: options as typed keywords beside those of the function."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypeVar, overload

from winch.job import Job
from winch.options import Callbacks, Codec, DependsOn, Duration, Limits, Repeat, Retry, Webhooks, seconds

__all__ = ["Enqueuing", "delay_of"]

R = TypeVar("R")
OnEvent: TypeAlias = "Callbacks | None"


def delay_of(delay: Duration) -> int:
    """Milliseconds of a delay, 0 for a negative one."""
    return max(0, math.ceil(seconds(delay, "delay") * 1000))


class Enqueuing(ABC):
    """What a queue offers to put one job into it. The overloads differ in the function only: async, sync, a path."""

    @abstractmethod
    def _submit(
        self, way: str, f: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: dict[str, Any], delay: int = 0
    ) -> Job[Any]: ...

    @abstractmethod
    def delay_until(self, when: datetime) -> int:
        """Milliseconds from now to a time, 0 if it has passed. A naive time is local."""

    @abstractmethod
    async def _asubmit(
        self, f: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Job[Any]: ...

    # fmt: off
    @overload
    def enqueue(
        self, f: Callable[..., Coroutine[Any, Any, R]], /, *call_args: Any,
        job_timeout: Duration | None = None, result_ttl: Duration | None = None,
        failure_ttl: Duration | None = None, ttl: Duration | None = None, description: str | None = None,
        job_id: str | None = None, at_front: bool | None = None, priority: int | None = None,
        meta: Mapping[str, Any] | None = None, retry: Retry | int | None = None,
        on_success: OnEvent = None, on_failure: OnEvent = None, on_stopped: OnEvent = None,
        depends_on: DependsOn | None = None, codec: Codec | None = None,
        unique: bool | str | None = None, limits: Limits | None = None, repeat: Repeat | int | None = None,
        webhooks: Webhooks | None = None,
        args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **call_kwargs: Any,
    ) -> Job[R]: ...
    @overload
    def enqueue(
        self, f: Callable[..., R], /, *call_args: Any,
        job_timeout: Duration | None = None, result_ttl: Duration | None = None,
        failure_ttl: Duration | None = None, ttl: Duration | None = None, description: str | None = None,
        job_id: str | None = None, at_front: bool | None = None, priority: int | None = None,
        meta: Mapping[str, Any] | None = None, retry: Retry | int | None = None,
        on_success: OnEvent = None, on_failure: OnEvent = None, on_stopped: OnEvent = None,
        depends_on: DependsOn | None = None, codec: Codec | None = None,
        unique: bool | str | None = None, limits: Limits | None = None, repeat: Repeat | int | None = None,
        webhooks: Webhooks | None = None,
        args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **call_kwargs: Any,
    ) -> Job[R]: ...
    @overload
    def enqueue(
        self, f: str, /, *call_args: Any,
        job_timeout: Duration | None = None, result_ttl: Duration | None = None,
        failure_ttl: Duration | None = None, ttl: Duration | None = None, description: str | None = None,
        job_id: str | None = None, at_front: bool | None = None, priority: int | None = None,
        meta: Mapping[str, Any] | None = None, retry: Retry | int | None = None,
        on_success: OnEvent = None, on_failure: OnEvent = None, on_stopped: OnEvent = None,
        depends_on: DependsOn | None = None, codec: Codec | None = None,
        unique: bool | str | None = None, limits: Limits | None = None, repeat: Repeat | int | None = None,
        webhooks: Webhooks | None = None,
        args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **call_kwargs: Any,
    ) -> Job[Any]: ...
    # fmt: on
    def enqueue(self, f: Any, /, *call_args: Any, **call_kwargs: Any) -> Job[Any]:
        """Put a job into the queue.

        Args:
            f: A function, or its import path.
            *call_args: Its arguments.
            **call_kwargs: Its keyword arguments, and any of these options, of which None is the queue's default:
                `job_timeout`, `result_ttl`, `failure_ttl`, `ttl`, `description`, `job_id`, `at_front`, `priority`,
                `meta`, `retry`, `on_success`, `on_failure`, `on_stopped`, `depends_on`, `codec`, `unique`,
                `limits`, `repeat`, `webhooks` (see
                `winch.options.JobKeywords`); `args` and `kwargs` are RQ's way to give the arguments apart.

        Raises:
            AmbiguousOption: An option is also a parameter of the function.
            UnimportableFunction: A worker could not find the function.
            EncodeError: An argument cannot be encoded.
            PayloadTooLarge: The arguments take more than 1 MB.
            InvalidOption: An option is out of range.
            DuplicateJob: `job_id` is in use.
            UnknownDependency: `depends_on` names a job that does not exist.
            EnqueuedDuringImport: A module that a worker imports does this.
            StoreUnavailable: The store does not answer.
        """
        return self._submit("enqueue", f, call_args, call_kwargs)

    # fmt: off
    @overload
    def enqueue_at(
        self, datetime: datetime, f: Callable[..., Coroutine[Any, Any, R]], /, *call_args: Any,
        job_timeout: Duration | None = None, result_ttl: Duration | None = None,
        failure_ttl: Duration | None = None, ttl: Duration | None = None, description: str | None = None,
        job_id: str | None = None, at_front: bool | None = None, priority: int | None = None,
        meta: Mapping[str, Any] | None = None, retry: Retry | int | None = None,
        on_success: OnEvent = None, on_failure: OnEvent = None, on_stopped: OnEvent = None,
        depends_on: DependsOn | None = None, codec: Codec | None = None,
        unique: bool | str | None = None, limits: Limits | None = None, repeat: Repeat | int | None = None,
        webhooks: Webhooks | None = None,
        args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **call_kwargs: Any,
    ) -> Job[R]: ...
    @overload
    def enqueue_at(
        self, datetime: datetime, f: Callable[..., R], /, *call_args: Any,
        job_timeout: Duration | None = None, result_ttl: Duration | None = None,
        failure_ttl: Duration | None = None, ttl: Duration | None = None, description: str | None = None,
        job_id: str | None = None, at_front: bool | None = None, priority: int | None = None,
        meta: Mapping[str, Any] | None = None, retry: Retry | int | None = None,
        on_success: OnEvent = None, on_failure: OnEvent = None, on_stopped: OnEvent = None,
        depends_on: DependsOn | None = None, codec: Codec | None = None,
        unique: bool | str | None = None, limits: Limits | None = None, repeat: Repeat | int | None = None,
        webhooks: Webhooks | None = None,
        args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **call_kwargs: Any,
    ) -> Job[R]: ...
    @overload
    def enqueue_at(
        self, datetime: datetime, f: str, /, *call_args: Any,
        job_timeout: Duration | None = None, result_ttl: Duration | None = None,
        failure_ttl: Duration | None = None, ttl: Duration | None = None, description: str | None = None,
        job_id: str | None = None, at_front: bool | None = None, priority: int | None = None,
        meta: Mapping[str, Any] | None = None, retry: Retry | int | None = None,
        on_success: OnEvent = None, on_failure: OnEvent = None, on_stopped: OnEvent = None,
        depends_on: DependsOn | None = None, codec: Codec | None = None,
        unique: bool | str | None = None, limits: Limits | None = None, repeat: Repeat | int | None = None,
        webhooks: Webhooks | None = None,
        args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **call_kwargs: Any,
    ) -> Job[Any]: ...
    # fmt: on
    def enqueue_at(self, datetime: datetime, f: Any, /, *call_args: Any, **call_kwargs: Any) -> Job[Any]:
        """Put a job into the queue that is due at a time.

        Args:
            datetime: When; a naive one is local time. A time that has passed is at once.
            f: As `enqueue`.
            *call_args: As `enqueue`.
            **call_kwargs: As `enqueue`.

        Raises:
            EnqueueError: As `enqueue`.
            InvalidOption: As `enqueue`.
        """
        return self._submit("enqueue_at", f, call_args, call_kwargs, self.delay_until(datetime))

    # fmt: off
    @overload
    def enqueue_in(
        self, delay: Duration, f: Callable[..., Coroutine[Any, Any, R]], /, *call_args: Any,
        job_timeout: Duration | None = None, result_ttl: Duration | None = None,
        failure_ttl: Duration | None = None, ttl: Duration | None = None, description: str | None = None,
        job_id: str | None = None, at_front: bool | None = None, priority: int | None = None,
        meta: Mapping[str, Any] | None = None, retry: Retry | int | None = None,
        on_success: OnEvent = None, on_failure: OnEvent = None, on_stopped: OnEvent = None,
        depends_on: DependsOn | None = None, codec: Codec | None = None,
        unique: bool | str | None = None, limits: Limits | None = None, repeat: Repeat | int | None = None,
        webhooks: Webhooks | None = None,
        args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **call_kwargs: Any,
    ) -> Job[R]: ...
    @overload
    def enqueue_in(
        self, delay: Duration, f: Callable[..., R], /, *call_args: Any,
        job_timeout: Duration | None = None, result_ttl: Duration | None = None,
        failure_ttl: Duration | None = None, ttl: Duration | None = None, description: str | None = None,
        job_id: str | None = None, at_front: bool | None = None, priority: int | None = None,
        meta: Mapping[str, Any] | None = None, retry: Retry | int | None = None,
        on_success: OnEvent = None, on_failure: OnEvent = None, on_stopped: OnEvent = None,
        depends_on: DependsOn | None = None, codec: Codec | None = None,
        unique: bool | str | None = None, limits: Limits | None = None, repeat: Repeat | int | None = None,
        webhooks: Webhooks | None = None,
        args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **call_kwargs: Any,
    ) -> Job[R]: ...
    @overload
    def enqueue_in(
        self, delay: Duration, f: str, /, *call_args: Any,
        job_timeout: Duration | None = None, result_ttl: Duration | None = None,
        failure_ttl: Duration | None = None, ttl: Duration | None = None, description: str | None = None,
        job_id: str | None = None, at_front: bool | None = None, priority: int | None = None,
        meta: Mapping[str, Any] | None = None, retry: Retry | int | None = None,
        on_success: OnEvent = None, on_failure: OnEvent = None, on_stopped: OnEvent = None,
        depends_on: DependsOn | None = None, codec: Codec | None = None,
        unique: bool | str | None = None, limits: Limits | None = None, repeat: Repeat | int | None = None,
        webhooks: Webhooks | None = None,
        args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **call_kwargs: Any,
    ) -> Job[Any]: ...
    # fmt: on
    def enqueue_in(self, delay: Duration, f: Any, /, *call_args: Any, **call_kwargs: Any) -> Job[Any]:
        """Put a job into the queue that is due after a while.

        Args:
            delay: A `timedelta`, seconds, or a text such as `"5m"`.
            f: As `enqueue`.
            *call_args: As `enqueue`.
            **call_kwargs: As `enqueue`.

        Raises:
            EnqueueError: As `enqueue`.
            InvalidOption: As `enqueue`.
        """
        return self._submit("enqueue_in", f, call_args, call_kwargs, delay_of(delay))

    # fmt: off
    @overload
    async def aenqueue(
        self, f: Callable[..., Coroutine[Any, Any, R]], /, *call_args: Any,
        job_timeout: Duration | None = None, result_ttl: Duration | None = None,
        failure_ttl: Duration | None = None, ttl: Duration | None = None, description: str | None = None,
        job_id: str | None = None, at_front: bool | None = None, priority: int | None = None,
        meta: Mapping[str, Any] | None = None, retry: Retry | int | None = None,
        on_success: OnEvent = None, on_failure: OnEvent = None, on_stopped: OnEvent = None,
        depends_on: DependsOn | None = None, codec: Codec | None = None,
        unique: bool | str | None = None, limits: Limits | None = None, repeat: Repeat | int | None = None,
        webhooks: Webhooks | None = None,
        args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **call_kwargs: Any,
    ) -> Job[R]: ...
    @overload
    async def aenqueue(
        self, f: Callable[..., R], /, *call_args: Any,
        job_timeout: Duration | None = None, result_ttl: Duration | None = None,
        failure_ttl: Duration | None = None, ttl: Duration | None = None, description: str | None = None,
        job_id: str | None = None, at_front: bool | None = None, priority: int | None = None,
        meta: Mapping[str, Any] | None = None, retry: Retry | int | None = None,
        on_success: OnEvent = None, on_failure: OnEvent = None, on_stopped: OnEvent = None,
        depends_on: DependsOn | None = None, codec: Codec | None = None,
        unique: bool | str | None = None, limits: Limits | None = None, repeat: Repeat | int | None = None,
        webhooks: Webhooks | None = None,
        args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **call_kwargs: Any,
    ) -> Job[R]: ...
    @overload
    async def aenqueue(
        self, f: str, /, *call_args: Any,
        job_timeout: Duration | None = None, result_ttl: Duration | None = None,
        failure_ttl: Duration | None = None, ttl: Duration | None = None, description: str | None = None,
        job_id: str | None = None, at_front: bool | None = None, priority: int | None = None,
        meta: Mapping[str, Any] | None = None, retry: Retry | int | None = None,
        on_success: OnEvent = None, on_failure: OnEvent = None, on_stopped: OnEvent = None,
        depends_on: DependsOn | None = None, codec: Codec | None = None,
        unique: bool | str | None = None, limits: Limits | None = None, repeat: Repeat | int | None = None,
        webhooks: Webhooks | None = None,
        args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **call_kwargs: Any,
    ) -> Job[Any]: ...
    # fmt: on
    async def aenqueue(self, f: Any, /, *call_args: Any, **call_kwargs: Any) -> Job[Any]:
        """`enqueue` for coroutines. Calls that are under way at the same time share one round trip.

        Args:
            f: As `enqueue`.
            *call_args: As `enqueue`.
            **call_kwargs: As `enqueue`.

        Raises:
            EnqueueError: As `enqueue`.
            InvalidOption: As `enqueue`.
        """
        return await self._asubmit(f, call_args, call_kwargs)
