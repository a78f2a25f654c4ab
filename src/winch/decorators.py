"""`@task`: a function that knows its queue."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import Any, ClassVar, Generic, NoReturn, ParamSpec, TypeVar, Unpack, cast, overload

from winch.errors import UnimportableFunction
from winch.job import Connection, Job
from winch.options import JobKeywords, JobOptions
from winch.queue import Queue

__all__ = ["Task", "task"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class Task(Generic[P, R_co]):
    """A function that can be called as before, and enqueued with `delay`. Made by `@task`.

    Args:
        function: What it does.
        queue: Where its jobs go.
        options: Of its jobs.
    """

    __winch_task__: ClassVar[bool] = True
    __wrapped__: Callable[P, R_co]

    def __init__(self, function: Callable[P, R_co], queue: Queue, options: JobKeywords) -> None:
        update_wrapper(self, function)
        self.queue = queue
        self._using = queue.using(**options)

    @property
    def options(self) -> JobOptions:
        """Of its jobs."""
        return self._using.options

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function here and now."""
        return self.__wrapped__(*args, **kwargs)

    def __set_name__(self, owner: type, name: str) -> None:
        """It stands in a class, and is no static method."""
        _refuse_method(f"{owner.__qualname__}.{name}")

    @overload
    def delay(self: Task[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> Job[T]: ...
    @overload
    def delay(self: Task[P, T], *args: P.args, **kwargs: P.kwargs) -> Job[T]: ...
    def delay(self, *args: Any, **kwargs: Any) -> Job[Any]:
        """Put a call into the queue; the arguments are the function's own.

        Raises:
            TypeError: The function cannot be called with them.
            EnqueueError: As `Queue.enqueue`.
        """
        return self._using.enqueue(cast(Any, self), *args, **kwargs)

    @overload
    def enqueue(self: Task[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> Job[T]: ...
    @overload
    def enqueue(self: Task[P, T], *args: P.args, **kwargs: P.kwargs) -> Job[T]: ...
    def enqueue(self, *args: Any, **kwargs: Any) -> Job[Any]:
        """The same as `delay`."""
        return self._using.enqueue(cast(Any, self), *args, **kwargs)

    @overload
    async def adelay(self: Task[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> Job[T]: ...
    @overload
    async def adelay(self: Task[P, T], *args: P.args, **kwargs: P.kwargs) -> Job[T]: ...
    async def adelay(self, *args: Any, **kwargs: Any) -> Job[Any]:
        """`delay` for coroutines."""
        return await self._using.aenqueue(cast(Any, self), *args, **kwargs)

    def using(self, **options: Unpack[JobKeywords]) -> Task[P, R_co]:
        """The same task with other options: `send.using(priority=10).delay(user_id)`.

        Raises:
            InvalidOption: An option is out of range.
        """
        other: Task[P, R_co] = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._using = self._using.using(**options)
        return other

    def __repr__(self) -> str:
        return f"<Task {self.__wrapped__.__module__}.{self.__wrapped__.__qualname__} of {self.queue!r}>"


class _Decorator:
    def __init__(self, queue: Queue, options: JobKeywords) -> None:
        self._queue = queue
        self._options = options

    def __call__(self, function: Callable[P, R], /) -> Task[P, R]:
        """Make a task of a function."""
        if isinstance(function, staticmethod):
            raise UnimportableFunction(
                "@task stands below @staticmethod, not above it: the static method is made of the task"
            )
        if isinstance(function, classmethod | property) or _takes_self(function):
            _refuse_method(str(getattr(cast(Any, function), "__qualname__", "of a class")))
        return Task(function, self._queue, self._options)


def task(queue: Queue | str = "default", connection: Connection = None, **options: Unpack[JobKeywords]) -> _Decorator:
    """Give a function a queue: `@task("emails", retry=3)`, then `send.delay(user_id)`.

    Nothing is opened when the module is imported. On a method: static ones only, with `@staticmethod` above `@task`.

    Args:
        queue: A queue or its name.
        connection: See `Queue`.
        **options: Options of its jobs, see `winch.options.JobKeywords`.

    Raises:
        InvalidOption: An option is out of range.
        UnimportableFunction: It is put on a method.
    """
    return _Decorator(queue if isinstance(queue, Queue) else Queue(queue, connection), options)


def _takes_self(function: Callable[..., Any]) -> bool:
    """Whether it looks like a method: defined in a class, with `self` or `cls` in front."""
    outer = getattr(function, "__qualname__", "").rpartition(".")[0]
    if not outer or outer.endswith("<locals>"):
        return False
    first = next(iter(inspect.signature(function).parameters), "")
    return first in ("self", "cls")


def _refuse_method(name: str) -> NoReturn:
    raise UnimportableFunction(
        f"@task cannot make jobs of the method {name}, whose object would have to travel with the job: "
        "make it a function that is given an id, or a @staticmethod (above @task)"
    )
