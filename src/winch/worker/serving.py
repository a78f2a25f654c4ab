"""The supervisor's process: its log, its store, a word about what is going on, and work to the end."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

from winch.errors import InvalidOption
from winch.stores import open_store
from winch.stores.contract import Store
from winch.worker.interpreters import Interpreters
from winch.worker.log import set_up
from winch.worker.rule import admission_of
from winch.worker.settings import WorkerSettings
from winch.worker.signals import Signals
from winch.worker.supervisor import Supervisor

__all__ = ["serve"]

logger = logging.getLogger("winch.worker")


def serve(settings: WorkerSettings, signals: Signals, interpreters: Interpreters) -> Supervisor:
    """Open the store, say what is going on, and work. Returns the supervisor after its work.

    Raises:
        InvalidOption: The store is in this process's memory.
        StoreError: It cannot be opened.
    """
    set_up(settings)
    settings = replace(settings, paths=tuple(str(Path(path).resolve()) for path in settings.paths))
    if settings.url.startswith("sqlite://") and not settings.url.startswith("sqlite:///"):
        raise InvalidOption(
            "a store in memory belongs to one process: a worker needs a file, sqlite:///jobs.db, or Redis"
        )
    store = open_store(settings.url, deadline=2.0)
    store.open()
    if settings.url.startswith("sqlite:"):
        settings = replace(settings, url=store.url)  # absolute: a job may change its process's folder
    supervisor = Supervisor(settings, store, signals, interpreters)
    _introduce(supervisor.name, store, settings)
    supervisor.run()
    return supervisor


def _introduce(name: str, store: Store, settings: WorkerSettings) -> None:
    rule = admission_of(settings).describe()
    logger.info("worker %s on %s: queues %s", name, store.place, ", ".join(settings.queues))
    logger.info("%d of %d cores, %s", settings.processes, os.cpu_count() or 1, rule)
    if store.created:
        logger.warning(
            "the store is new: if your application has enqueued jobs already, it did so elsewhere. "
            "print(queue.connection.place) tells where; give that to this worker with --url or WINCH_URL"
        )
