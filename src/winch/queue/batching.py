"""Enqueuing from event loops: one thread per process and store takes what has gathered and makes one call of it.

A thread that finds nothing for a while leaves; the next job starts a new one. If a call is refused because of one job
(`DuplicateJob`, `UnknownDependency`), its jobs are enqueued one by one, so that the others do not fail with it.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any, TypeAlias

from winch.errors import EnqueueError
from winch.job import Job
from winch.states import JobStatus
from winch.stores.contract import ENQUEUE_BATCH, NewJob, Store

__all__ = ["Batcher", "batcher"]

IDLE = 10.0
"""Seconds without a job after which the thread leaves."""

Answer: TypeAlias = "tuple[JobStatus, int] | BaseException"


_Future: TypeAlias = "asyncio.Future[tuple[JobStatus, int]]"


class Batcher:
    """See the module.

    Args:
        store: Where the jobs go.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._orders: deque[tuple[NewJob, _Future]] = deque()
        self._some = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_idle = True  # nobody takes orders: who has one says so; one such call per batch

    async def enqueue(self, job: NewJob) -> Job[Any]:
        """Enqueue one job together with all that others enqueue at the moment.

        Raises:
            DuplicateJob: Its id is in use.
            UnknownDependency: It waits for a job that does not exist.
            StoreUnavailable: The store does not answer.
        """
        future: _Future = asyncio.get_running_loop().create_future()
        self._orders.append((job, future))
        if self._is_idle:  # after the order has joined: the thread says that it is idle, then looks for orders
            self._rouse()
        state, now = await future
        return Job.from_enqueued(self.store, job, state, now)

    def _rouse(self) -> None:
        with self._some:
            self._is_idle = False
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="winch-enqueue", daemon=True)
                self._thread.start()
            self._some.notify()

    def _run(self) -> None:
        try:
            while orders := self._next():
                answers = self._call([job for job, _ in orders])
                _deliver([future for _, future in orders], answers)
        finally:
            self._is_idle = True

    def _next(self) -> list[tuple[NewJob, _Future]]:
        """What has gathered; empty if nobody came for a while."""
        with self._some:
            if not self._orders:
                self._is_idle = True
                if not self._some.wait_for(lambda: self._orders, IDLE):
                    self._thread = None
                    return []
                self._is_idle = False
            return [self._orders.popleft() for _ in range(min(len(self._orders), ENQUEUE_BATCH))]

    def _call(self, jobs: Sequence[NewJob]) -> list[Answer]:
        try:
            enqueued = self.store.enqueue(jobs)
            return [(state, enqueued.now) for state in enqueued.states]
        except EnqueueError as error:
            if len(jobs) == 1:
                return [error]
            return [answer for job in jobs for answer in self._call([job])]
        except BaseException as error:
            return [error for _ in jobs]


def _deliver(futures: Sequence[_Future], answers: Sequence[Answer]) -> None:
    """One call into each loop."""
    per_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Future, Answer]]] = {}
    for future, answer in zip(futures, answers, strict=True):
        per_loop.setdefault(future.get_loop(), []).append((future, answer))
    for loop, pairs in per_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, pairs)
        except RuntimeError:
            continue  # the loop was closed meanwhile; nobody waits any more


def _settle(pairs: Sequence[tuple[_Future, Answer]]) -> None:
    for future, answer in pairs:
        if future.done():
            continue
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)


_batchers: dict[int, Batcher] = {}
_guard = threading.Lock()


def _after_fork() -> None:
    """The thread did not come along into the child."""
    global _guard  # noqa: PLW0603
    _guard = threading.Lock()
    _batchers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def batcher(store: Store) -> Batcher:
    """The batcher of this process for this store."""
    found = _batchers.get(id(store))
    if found is None:
        with _guard:
            found = _batchers.setdefault(id(store), Batcher(store))  # holds the store, so that its id stays its own
    return found
