"""RQ's interface over winch: `import winch.compat.rq as rq`, or `winch.compat.rq.install()` and `import rq` as before.

The names, module paths and semantics are RQ's where winch's own are others by design: any callable can be enqueued,
arguments and results may be anything that pickle can hold, `on_success` belongs to the attempt and `on_failure` runs at each,
and workers run any function. docs/coming-from-rq.md lists every difference.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from winch.compat.rq.callbacks import Callback
from winch.compat.rq.connections import (
    Connection,
    get_current_connection,
    pop_connection,
    push_connection,
    use_connection,
)
from winch.compat.rq.installing import install
from winch.compat.rq.job import Retry, cancel_job, get_current_job, requeue_job
from winch.compat.rq.queue import Queue
from winch.compat.rq.rate_limit import RateLimit
from winch.compat.rq.repeat import Repeat
from winch.compat.rq.version import VERSION
from winch.compat.rq.webhook import Webhook
from winch.loading import lazy_names

if TYPE_CHECKING:
    from winch.compat.rq.worker import SimpleWorker, SpawnWorker, Worker

__all__ = [
    "VERSION",
    "Callback",
    "Connection",
    "Queue",
    "RateLimit",
    "Repeat",
    "Retry",
    "SimpleWorker",
    "SpawnWorker",
    "Webhook",
    "Worker",
    "cancel_job",
    "get_current_connection",
    "get_current_job",
    "install",
    "pop_connection",
    "push_connection",
    "requeue_job",
    "use_connection",
]

__version__ = VERSION

_MODULES = frozenset({"command", "executions", "group", "results", "scheduler", "suspension", "timeouts", "worker"})
"""Those that `import rq` has RQ load, too."""

_load, __dir__ = lazy_names(globals(), {"winch.compat.rq.worker": ("SimpleWorker", "SpawnWorker", "Worker")})


def __getattr__(name: str) -> Any:
    """Load a worker, or a module of RQ's (PEP 562): an executor needs none of them."""
    return import_module(f"winch.compat.rq.{name}") if name in _MODULES else _load(name)
