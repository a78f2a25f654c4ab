"""As what the user's functions are given their job, its store and its error.

Winch's own classes, unless this process was told to use others (`winch.compat.rq` does).
"""

from __future__ import annotations

import builtins
from typing import Any

from winch.errors import JobFailed
from winch.job import Job
from winch.stores.contract import Store

__all__ = ["Showing", "show_as", "showing"]


class Showing:
    """What callbacks, hooks and handlers are called with."""

    def job(self, job: Job[Any]) -> Any:
        """The job."""
        return job

    def connection(self, store: Store) -> Any:
        """What a callback can give to a `Queue` as its connection."""
        return store

    def error(self, failure: JobFailed) -> tuple[type[BaseException], BaseException, Any]:
        """Type, value and traceback of an attempt that failed elsewhere."""
        found: object = getattr(builtins, failure.type_name.rpartition(".")[2], None)
        kind = found if isinstance(found, type) and issubclass(found, BaseException) else JobFailed
        return kind, failure, failure.traceback


_showing = [Showing()]


def showing() -> Showing:
    """What holds in this process."""
    return _showing[0]


def show_as(other: Showing) -> None:
    """Let this hold from now on."""
    _showing[:] = [other]
