"""The worker: `Worker` to start one from Python, `WorkerView` to look at those that run and to tell them what to do.

The names are loaded when they are first used: an executor, which lives in this package too, needs none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from winch.worker.pool import WorkerPool
    from winch.worker.settings import WorkerSettings
    from winch.worker.view import WorkerView, state_of
    from winch.worker.worker import Worker, run_worker

__all__ = ["Worker", "WorkerPool", "WorkerSettings", "WorkerView", "run_worker", "state_of"]

_HOMES = {
    "Worker": "winch.worker.worker",
    "WorkerPool": "winch.worker.pool",
    "WorkerSettings": "winch.worker.settings",
    "WorkerView": "winch.worker.view",
    "run_worker": "winch.worker.worker",
    "state_of": "winch.worker.view",
}


def __getattr__(name: str) -> Any:
    """Load a public name (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'winch.worker' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value
