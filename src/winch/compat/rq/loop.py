"""A worker's loop in this process, for `SimpleWorker`: claim, run, settle, one job after the other."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any, NamedTuple

from winch.callables import import_object
from winch.compat.rq.executing import AsRQ
from winch.polling import readable
from winch.running.inline import InlineWorker
from winch.running.interrupting import INTERRUPT
from winch.running.showing import show_as
from winch.stores.contract import Claim, Store
from winch.worker.order import QueueOrder, order_of
from winch.worker.orders import SHUTDOWN, SHUTDOWN_NOW

__all__ = ["Counts", "Loop", "Until"]

STOP = frozenset({SHUTDOWN, SHUTDOWN_NOW})
"""Commands that end the loop."""

LOOK = 1.0
"""Seconds that one sleep without a job may take: a signal or a command is noticed after that."""

logger = logging.getLogger("winch.worker")


class Until(NamedTuple):
    """When a loop ends, besides a signal and a command.

    Attributes:
        burst: When nothing is left to do.
        max_jobs: After that many jobs.
        max_idle_time: After that many seconds without one.
    """

    burst: bool = False
    max_jobs: int | None = None
    max_idle_time: float | None = None


@dataclass(slots=True)
class Counts:
    """What a loop has done: jobs, callbacks not counted."""

    done: int = 0
    finished: int = 0
    failed: int = 0
    seconds: float = 0.0


class Loop:
    """See the module.

    Args:
        store: Where the jobs are.
        name: As others see the worker.
        queues: Names, in the order of their priority.
        strategy: How they take turns.
    """

    def __init__(self, store: Store, name: str, queues: Sequence[str], strategy: str) -> None:
        self._store, self._name, self._queues = store, name, tuple(queues)
        self._order = QueueOrder(self._queues, order_of(strategy))
        self._counts = Counts()
        self._waiter = store.waiter(self._queues)
        self._stopping = False

    def work(self, until: Until, handlers: Sequence[Callable[..., Any] | str] = ()) -> Counts:
        """Work until it is done."""
        show_as(AsRQ())
        found = [import_object(one) if isinstance(one, str) else one for one in handlers]
        inline = InlineWorker(self._store, None, self._name, self._queues, found, self._nudge())
        with inline as worker, self._signals():
            try:
                self._work(worker, until)
            finally:
                self._waiter.close()
        return self._counts

    def _work(self, worker: InlineWorker, until: Until) -> None:
        idle_since = time.monotonic()
        while not self._stopping and STOP.isdisjoint(worker.told):
            if until.max_jobs is not None and self._counts.done >= until.max_jobs:
                return
            claim = worker.claim(self._order.next())
            if claim is not None:
                self._run(worker, claim)
                idle_since = time.monotonic()
            elif (due := self._store.promote()) == 0:
                continue  # some are due, or have still to hear of an end
            elif until.burst or _is_over(idle_since, until.max_idle_time):
                return
            else:
                self._sleep(due)

    def _run(self, worker: InlineWorker, claim: Claim) -> None:
        began = time.monotonic()
        outcome = worker.perform(claim)
        worker.perform_callbacks(claim, outcome)
        if claim.parent is None:
            counts = self._counts
            counts.done += 1
            counts.finished += outcome.kind in ("finished", "repeat")
            counts.failed += outcome.kind in ("failed", "retry")
            counts.seconds += time.monotonic() - began

    def _sleep(self, due: int | None) -> None:
        """Until there may be work, but not for long. `due`: milliseconds until there will be."""
        waiter = self._waiter
        longest = min(LOOK, LOOK if waiter.poll is None else waiter.poll, LOOK if due is None else due / 1000)
        waiter.arm()
        readable([waiter], longest)
        waiter.take()

    def _nudge(self) -> Callable[[], None] | None:
        """What gets a job out of a sleep when its time is over: a signal, which the main thread can take."""
        if threading.current_thread() is not threading.main_thread():
            return None
        return partial(signal.pthread_kill, threading.get_ident(), INTERRUPT)

    @contextmanager
    def _signals(self) -> Generator[None]:
        """SIGINT and SIGTERM let the job finish and end the loop; a second one interrupts."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        before[INTERRUPT] = signal.signal(INTERRUPT, _nothing)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's
        if self._stopping:
            raise KeyboardInterrupt
        logger.info("signal %d: the worker stops after this job", number)
        self._stopping = True


def _nothing(number: int, frame: FrameType | None) -> None:
    """A signal handler: what waits to be raised in the thread is raised here."""


def _is_over(since: float, limit: float | None) -> bool:
    return limit is not None and time.monotonic() - since >= limit
