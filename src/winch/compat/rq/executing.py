"""Imported by the executors of RQ's workers, before their first job: user code is shown RQ's classes there."""

from __future__ import annotations

from typing import Any

from winch.callables import import_object
from winch.compat.rq.connections import admit_everything, client_of
from winch.compat.rq.job import shown_as_rq
from winch.errors import JobFailed
from winch.job import Job as Core
from winch.running.showing import Showing, show_as
from winch.stores.contract import Store

__all__ = ["AsRQ", "prepare"]


class AsRQ(Showing):
    """RQ's Job, a Redis client, and an exception of the class that was raised."""

    def job(self, job: Core[Any]) -> Any:
        """RQ's view of the job."""
        return shown_as_rq(job)

    def connection(self, store: Store) -> Any:
        """A Redis client where the store is Redis."""
        return client_of(store)

    def error(self, failure: JobFailed) -> tuple[type[BaseException], BaseException, Any]:
        """The class that was raised, if it can be imported here; an instance of it, or the `JobFailed`; the traceback's text."""
        kind = _class_of(failure.type_name)
        if kind is None:
            return JobFailed, failure, failure.traceback
        try:
            return kind, kind(failure.message), failure.traceback
        except Exception:  # its constructor wants other arguments
            return kind, failure, failure.traceback


def _class_of(path: str) -> type[BaseException] | None:
    try:
        found = import_object(path)
    except Exception:
        return None
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def prepare() -> None:
    """Let this process show RQ's classes."""
    admit_everything()
    show_as(AsRQ())


prepare()
