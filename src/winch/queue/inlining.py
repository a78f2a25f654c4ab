"""Jobs that run where they are enqueued: `is_async=False`, and for all queues while `inline_everywhere` lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

from winch.callables import path_of
from winch.errors import NoSuchJob
from winch.job import Job
from winch.states import JobStatus
from winch.stores.contract import Store

__all__ = ["Made", "inline_everywhere", "is_inline_everywhere", "run_at_once"]

Made: TypeAlias = "tuple[Callable[..., Any] | str, Job[Any]]"
"""What was enqueued, and the job that it became."""

_lock = threading.Lock()
_depth = 0


@contextmanager
def inline_everywhere() -> Generator[None]:
    """While this lasts every queue of this process runs its jobs at once, in all threads."""
    _deepen(1)
    try:
        yield
    finally:
        _deepen(-1)


def _deepen(step: int) -> None:
    global _depth  # noqa: PLW0603
    with _lock:
        _depth += step


def is_inline_everywhere() -> bool:
    """Whether every queue runs its jobs at once."""
    return _depth > 0


def run_at_once(store: Store, made: Sequence[Made]) -> None:
    """Run those of these jobs that are queued, in their order, and read them again."""
    from winch.running.inline import run_here

    waiting = [job for _, job in made if job.record.state in (JobStatus.QUEUED, JobStatus.DEFERRED)]
    if waiting:
        functions = {path_of(f): f for f, _ in made if not isinstance(f, str)}
        run_here(store, [job.id for job in waiting], functions)
    for job in waiting:
        with suppress(NoSuchJob):  # it is not kept
            job.refresh()
