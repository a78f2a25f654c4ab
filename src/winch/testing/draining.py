"""Running what waits, here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from winch.errors import InvalidOption
from winch.job import Job, get_store
from winch.options import Duration, seconds
from winch.queue import Queue
from winch.running.inline import InlineWorker
from winch.stores.contract import Store
from winch.testing.clock import FakeClock
from winch.testing.memory import MemoryStore

__all__ = ["Where", "drain", "store_of"]

Where: TypeAlias = "Queue | Store | None"


def drain(where: Where = None, *, until: Duration | datetime | None = None) -> list[Job[Any]]:
    """Run on this thread what is ready, and what that enqueues, until nothing is.

    Jobs run as in a worker: by priority, with callbacks, dependents and retries. What they raise is recorded, not raised:
    `job.result()` raises it. A paused queue is passed over.

    Args:
        where: A queue, or a store for all its queues. None is the store of `use_store` or of a fixture, else the project's.
        until: Also what is due by then, a retry that waits for one: the clock is moved from one due time to the next, and
            in the end to `until`. A time, or how long from now. Only in a `MemoryStore`.

    Returns:
        The jobs that ran, each once, callbacks included, in the order in which they began, as they were after their run:
        with `until` what ended early may have expired since.

    Raises:
        InvalidOption: `until` in a store whose time cannot be moved.
    """
    store = store_of(where)
    queues: Callable[[], Sequence[str]] = (lambda: (where.name,)) if isinstance(where, Queue) else store.queues
    ran: dict[str, Job[Any]] = {}
    with InlineWorker(store) as worker:

        def run() -> None:
            started = {claim.id: Job[Any].from_claim(store, claim) for claim in worker.run_ready(queues)}
            found = Job[Any].fetch_many(list(started), store)  # now: what ended may expire when the clock moves
            ran.update((job.id, now or job) for job, now in zip(started.values(), found, strict=True))

        run()
        if until is not None:
            clock = _clock_of(store)
            end = until if isinstance(until, datetime) else _later(clock, until)
            while (due := _next_due(store, clock)) and due <= end:
                clock.move_to(due)
                run()
            clock.move_to(end)
            run()
    return list(ran.values())


def store_of(where: Where) -> Store:
    """The store of a queue, of all queues, or itself."""
    if isinstance(where, Queue):
        return where.store
    return get_store(where)


def _clock_of(store: Store) -> FakeClock:
    if not isinstance(store, MemoryStore):
        raise InvalidOption(f"drain(until=...): the time of {store.place} cannot be moved. Use a MemoryStore")
    return store.time


def _later(clock: FakeClock, after: Duration) -> datetime:
    return datetime.fromtimestamp((clock() + math.ceil(seconds(after, "until") * 1000)) / 1000, UTC)


def _next_due(store: Store, clock: FakeClock) -> datetime | None:
    """When the next job is due, in any queue."""
    left = store.promote()
    return None if left is None else datetime.fromtimestamp((clock() + left) / 1000, UTC)
