"""Where jobs run beside the main thread: a pool of threads for sync jobs, an event loop for `async def` jobs.

A lane runs prepared jobs, each under a slot of the vitals. When one is over it is recorded first, then the slot is free, then
the executor is woken: whoever looks in between sees the job twice rather than not at all. The main thread itself is a lane
too; it lives in `mainlane.py`.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, Protocol

from winch.errors import JobInterrupted, JobTimeout
from winch.running.interrupting import let_arrive, raise_in_thread
from winch.running.run import Run, Runner
from winch.stores.contract import Outcome
from winch.worker.vitals import Vitals

if TYPE_CHECKING:
    import asyncio

__all__ = ["Lane", "LoopLane", "Site", "ThreadLane", "end_process", "limit_of"]

logger = logging.getLogger("winch.worker")


def limit_of(run: Run) -> int:
    """A run's time limit as the vitals hold it: nanoseconds, -1 for none."""
    return -1 if run.limit is None else int(run.limit * 1e9)


def end_process() -> NoReturn:
    """Our own code has failed in a thread: print the error and end the process, which is then replaced.

    A process without this thread would hold its jobs and never end them.
    """
    traceback.print_exc()
    os._exit(1)


class Lane(Protocol):
    """A place where jobs run."""

    runs: dict[int, Run]
    """What is running, by slot."""

    def free(self) -> int:
        """How many more jobs can start."""
        ...

    def start(self, run: Run) -> None:
        """Start a prepared job."""
        ...

    def interrupt(self, run: Run, kind: type[BaseException]) -> None:
        """Raise this inside the job, as soon as that is possible. Again is harmless."""
        ...


class Site:
    """What both lanes need of their executor.

    Args:
        runner: Runs the jobs.
        vitals: Of the executor.
        record: Takes a run that is over.
        wake: Has the executor look at what is recorded, and at what is free.
    """

    def __init__(
        self, runner: Runner, vitals: Vitals, record: Callable[[Run, Outcome], None], wake: Callable[[], None]
    ) -> None:
        self.runner, self.vitals, self.record, self.wake = runner, vitals, record, wake

    def begin(self, slot: int, run: Run) -> None:
        """A run begins in this slot."""
        run.started = time.monotonic_ns()
        self.vitals.begin(slot, run.claim.token, run.claim.id, run.started, limit_of(run))


class ThreadLane:
    """Sync jobs on a pool of threads.

    Args:
        threads: How many.
        first_slot: The first of the vitals' slots that it may use.
    """

    def __init__(self, site: Site, threads: int, first_slot: int) -> None:
        self.runs: dict[int, Run] = {}
        self._site = site
        self._slots = list(range(first_slot, first_slot + threads))
        self._idents: dict[int, int] = {}
        self._lock = threading.Lock()
        self._inbox: queue.SimpleQueue[tuple[int, Run]] = queue.SimpleQueue()
        for number in range(threads):
            threading.Thread(target=self._work, name=f"winch-job-{number}", daemon=True).start()

    def free(self) -> int:
        """How many more jobs can start."""
        return len(self._slots)

    def start(self, run: Run) -> None:
        """Start a prepared job."""
        slot = self._slots.pop()
        self._site.begin(slot, run)
        self.runs[slot] = run
        self._inbox.put((slot, run))

    def interrupt(self, run: Run, kind: type[BaseException]) -> None:
        """Raise this inside the job at its next bytecode; a blocked call in C is not interrupted."""
        with self._lock:
            slot = next((slot for slot, held in list(self.runs.items()) if held is run), None)
            ident = None if slot is None else self._idents.get(slot)
            if ident is None or not run.armed or run.interrupted is kind:
                return
            run.interrupted = kind
            raise_in_thread(ident, kind)

    def _work(self) -> NoReturn:
        try:
            while True:
                self._run_next()
        except BaseException:
            end_process()

    def _run_next(self) -> None:
        slot, run = self._inbox.get()
        self._idents[slot] = threading.get_ident()
        outcome = self._site.runner.perform(run)
        while True:
            try:
                self._disarm(slot, run)
                break
            except (JobTimeout, JobInterrupted):
                continue  # it was meant for the job and came after its end
        self._leave(slot, run, outcome)

    def _disarm(self, slot: int, run: Run) -> None:
        """From here on nobody raises anything in this thread; what was raised already arrives before it returns."""
        with self._lock:
            self._idents.pop(slot, None)
        if run.interrupted is not None:
            let_arrive()

    def _leave(self, slot: int, run: Run, outcome: Outcome) -> None:
        """Record the end, then free the slot."""
        self._site.vitals.clear(slot)
        self._site.record(run, outcome)
        del self.runs[slot]
        self._slots.append(slot)
        self._site.wake()


class LoopLane:
    """`async def` jobs on one event loop in a thread of its own.

    Args:
        limit: How many at a time.
        first_slot: The first of the vitals' slots that it may use.
    """

    def __init__(self, site: Site, limit: int, first_slot: int) -> None:
        self.runs: dict[int, Run] = {}
        self._site = site
        self._slots = list(range(first_slot, first_slot + limit))
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._starting: deque[tuple[int, Run]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    def free(self) -> int:
        """How many more jobs can start."""
        return len(self._slots)

    def start(self, run: Run) -> None:
        """Start a prepared job. The loop is made for the first one."""
        slot = self._slots.pop()
        self._site.begin(slot, run)
        self.runs[slot] = run
        if self._loop is None:
            self._loop = self._start_loop()
        self._starting.append((slot, run))
        if len(self._starting) == 1:  # else the loop is about to look: each call wakes it
            self._loop.call_soon_threadsafe(self._spawn_all, self._loop)

    def interrupt(self, run: Run, kind: type[BaseException]) -> None:
        """Cancel the job's task; it is told `kind` as the reason."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel, run, kind)

    def _start_loop(self) -> asyncio.AbstractEventLoop:
        import asyncio

        loop = asyncio.new_event_loop()
        threading.Thread(target=self._turn, args=(loop,), name="winch-loop", daemon=True).start()
        return loop

    def _turn(self, loop: asyncio.AbstractEventLoop) -> NoReturn:
        """Run the loop for ever: a task that a job left behind may stop it, by sys.exit() for one."""
        while True:
            try:
                loop.run_forever()
                logger.warning("a job stopped the event loop: it goes on")
            except BaseException:
                logger.exception("something that a job left behind ended the event loop: it goes on")

    def _spawn_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start all that have come. The last is taken out once it is started, so that whoever comes later calls again."""
        try:
            while self._starting:
                self._spawn(loop, *self._starting[0])
                self._starting.popleft()
        except BaseException:
            end_process()

    def _spawn(self, loop: asyncio.AbstractEventLoop, slot: int, run: Run) -> None:
        task = self._tasks[slot] = loop.create_task(self._perform(slot, run), name=run.function)
        # Not at the end of `_perform`: a task that a neighbour cancels before its first step never runs at all.
        task.add_done_callback(lambda task: self._leave(slot, run, task))

    async def _perform(self, slot: int, run: Run) -> None:
        # Kept here, not returned: a task that cancels itself in its last step has no result.
        self._outcomes[slot] = await self._site.runner.perform_async(run)

    def _cancel(self, run: Run, kind: type[BaseException]) -> None:
        slot = next((slot for slot, held in self.runs.items() if held is run), None)
        task = None if slot is None else self._tasks.get(slot)
        if task is not None and run.armed and run.interrupted is not kind:
            run.interrupted = kind
            task.cancel()

    def _leave(self, slot: int, run: Run, task: asyncio.Task[None]) -> None:
        """Record the end, then free the slot."""
        try:
            self._site.vitals.clear(slot)
            self._site.record(run, self._outcome_of(slot, run, task))
            del self.runs[slot], self._tasks[slot]
            self._slots.append(slot)
            self._site.wake()
        except BaseException:
            end_process()

    def _outcome_of(self, slot: int, run: Run, task: asyncio.Task[None]) -> Outcome:
        if (outcome := self._outcomes.pop(slot, None)) is not None:
            return outcome
        if not task.cancelled():
            task.result()  # raises what went wrong in our own code
        from asyncio import CancelledError

        return self._site.runner.failed(run, CancelledError("cancelled before it began"))
