"""How a worker starts: first the process of its executor, then everything else. See `interpreters.py`.

So this module, and what the command line imports before it comes here, loads as little as it can.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from winch.worker.interpreters import Interpreters
from winch.worker.settings import WorkerSettings
from winch.worker.signals import Signals

if TYPE_CHECKING:
    from winch.worker.supervisor import Supervisor

__all__ = ["run_worker", "start"]


def run_worker(settings: WorkerSettings) -> int:
    """What `winch worker` does. Returns the exit status."""
    return start(settings).exit_status


def start(settings: WorkerSettings) -> Supervisor:
    """Work until told to stop, or until it is done. Returns the supervisor after its work.

    Raises:
        InvalidOption: The store is in this process's memory.
        StoreError: It cannot be opened.
    """
    with Signals() as signals, Interpreters(settings) as interpreters:
        for _ in range(min(settings.processes, (os.cpu_count() or 1) - 1) or 1):  # a core is left to this process
            interpreters.start(settings.processes)
        from winch.worker.serving import serve

        return serve(settings, signals, interpreters)
