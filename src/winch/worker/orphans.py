"""Queues that have jobs and no worker: named once a minute, since nobody else would notice."""

from __future__ import annotations

import contextlib
import logging

from winch.errors import StoreRefused
from winch.states import JobStatus
from winch.stores.contract import Store

__all__ = ["name_orphans"]

logger = logging.getLogger("winch.worker")


def name_orphans(store: Store) -> None:
    """Log each queue with queued jobs to which no living worker listens. Nobody depends on it: a refusal is let pass."""
    with contextlib.suppress(StoreRefused):
        _name_orphans(store)


def _name_orphans(store: Store) -> None:
    served = {queue for worker in store.workers() if worker.alive for queue in worker.info.queues}
    for name, states in store.counts().items():
        count = states[JobStatus.QUEUED]
        if count and name not in served:
            logger.warning("queue %s has %d job(s) and no worker: start one with `winch worker %s`", name, count, name)
