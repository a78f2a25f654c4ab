"""Who a worker is: what makes its processes comparable with those of other workers on the same machine."""

from __future__ import annotations

import os
import socket

from winch.identity import boot_id, process_start
from winch.ids import new_id
from winch.stores.contract import WorkerInfo
from winch.version import VERSION
from winch.worker.settings import WorkerSettings

__all__ = ["boot_id", "identify", "is_gone", "process_start"]


def identify(settings: WorkerSettings, name: str) -> WorkerInfo:
    """A new identity for a worker of this process."""
    return WorkerInfo(
        id=new_id(),
        name=name,
        host=socket.gethostname(),
        boot=boot_id(),
        pid=os.getpid(),
        pid_start=process_start(os.getpid()),
        queues=settings.queues,
        version=VERSION,
        ttl=round(settings.worker_ttl * 1000),
        interval=round(settings.beat * 1000),
        processes=settings.processes,
    )


def is_gone(worker: WorkerInfo) -> bool:
    """Whether a worker ran on this machine and its process does not exist any more. False if that cannot be told."""
    return (worker.host, worker.boot) == (socket.gethostname(), boot_id()) and process_start(
        worker.pid
    ) != worker.pid_start
