"""What users put around every attempt.

A hook is a generator function that takes the job and yields once: what stands before the `yield` runs before the job,
what stands after it runs after it, and an exception of the job is raised at the `yield`. Hooks run in the lane that runs
the job, the one registered first is the outermost. An async generator function goes round `async def` jobs only, and a
plain one round both.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from inspect import isasyncgenfunction, isgeneratorfunction
from typing import Any, TypeVar, cast

from winch.errors import InvalidOption
from winch.job import Job

__all__ = ["around", "async_hooks", "clear", "sync_hooks"]

Hook = TypeVar("Hook", bound=Callable[[Job[Any]], Iterator[None] | AsyncIterator[None]])

sync_hooks: list[Callable[[Job[Any]], AbstractContextManager[None]]] = []
async_hooks: list[Callable[[Job[Any]], AbstractAsyncContextManager[None]]] = []


def around(hook: Hook) -> Hook:
    """Register a hook that goes round every attempt in this process. Usable as a decorator in an `--import` module.

    Args:
        hook: A generator function, or an async one, that takes a `Job` and yields once.

    Raises:
        InvalidOption: It is not a generator function.
    """
    if isasyncgenfunction(hook):
        async_hooks.append(asynccontextmanager(cast("Callable[[Job[Any]], AsyncGenerator[None]]", hook)))
    elif isgeneratorfunction(hook):
        sync_hooks.append(contextmanager(cast("Callable[[Job[Any]], Generator[None]]", hook)))
    else:
        raise InvalidOption(f"{hook!r} is not a generator function: write `def hook(job): ...; yield; ...`")
    return hook


def clear() -> None:
    """Forget all hooks."""
    sync_hooks.clear()
    async_hooks.clear()
