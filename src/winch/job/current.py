"""The job that is running here."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, NamedTuple

from winch.job.handle import Job
from winch.job.inside import Running, current

__all__ = ["Running", "current", "current_job", "get_current_job"]


class _Handle(NamedTuple):
    running: Running
    job: Job[Any]


_handle: ContextVar[_Handle | None] = ContextVar("winch_handle", default=None)


def current_job() -> Job[Any] | None:
    """The job that this code runs in, None outside. Within one run it is always the same object, `meta` included."""
    running = current.get()
    if running is None:
        return None
    known = _handle.get()
    if known is None or known.running is not running:
        known = _Handle(running, Job[Any].from_claim(running.store, running.claim, running))
        _handle.set(known)
    return known.job


def get_current_job() -> Job[Any] | None:
    """RQ's name for `current_job`."""
    return current_job()
