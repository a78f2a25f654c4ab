"""The worker: `Worker` to start one from Python, `WorkerView` to look at those that run and to tell them what to do.

The names are loaded when they are first used: an executor, which lives in this package too, needs none of them.
"""

from typing import TYPE_CHECKING

from winch.loading import lazy_names

if TYPE_CHECKING:
    from winch.worker.pool import WorkerPool
    from winch.worker.settings import WorkerSettings
    from winch.worker.starting import run_worker
    from winch.worker.view import WorkerView, state_of
    from winch.worker.worker import Worker

__all__ = ["Worker", "WorkerPool", "WorkerSettings", "WorkerView", "run_worker", "state_of"]

_HOMES = {
    "winch.worker.pool": ("WorkerPool",),
    "winch.worker.settings": ("WorkerSettings",),
    "winch.worker.starting": ("run_worker",),
    "winch.worker.view": ("WorkerView", "state_of"),
    "winch.worker.worker": ("Worker",),
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)
