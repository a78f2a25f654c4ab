"""Jobs that run where they are enqueued: `is_async=False`, and for all queues while `inline_everywhere` lasts."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from winch.callables import path_of
from winch.errors import NoSuchJob
from winch.job import Job
from winch.job.making import Function
from winch.states import JobStatus
from winch.stores.contract import Store

__all__ = ["inline_everywhere", "is_inline_everywhere", "run_at_once"]

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


def run_at_once(store: Store, jobs: Sequence[Job[Any]], functions: Iterable[Function]) -> None:
    """Run those of these jobs that are queued, in their order, and read them again.

    Args:
        store: Where they are.
        jobs: As they were just enqueued.
        functions: What they call, as far as that is at hand.
    """
    from winch.running.inline import run_here

    waiting = [job for job in jobs if job.record.state in (JobStatus.QUEUED, JobStatus.DEFERRED)]
    if waiting:
        known = {path_of(f): f for f in functions if not isinstance(f, str)}
        run_here(store, [job.id for job in waiting], known)
    for job in waiting:
        with suppress(NoSuchJob):  # it is not kept
            job.refresh()
