"""Where jobs run beside the main thread: a pool of threads for sync jobs, an event loop for `async def` jobs.

A lane runs prepared jobs, each under a slot of the vitals, and hands (run, outcome) to `done`. The main thread itself is a
lane too; it lives in the executor.
"""

from __future__ import annotations

import asyncio
import ctypes
import queue
import threading
import time
from collections.abc import Callable
from typing import Protocol

from winch.errors import JobInterrupted, JobTimeout
from winch.running.run import Run, Runner
from winch.stores.contract import Outcome
from winch.worker.vitals import Vitals

__all__ = ["Lane", "LoopLane", "ThreadLane", "limit_of"]

Done = Callable[[Run, Outcome], None]


def limit_of(run: Run) -> int:
    """A run's time limit as the vitals hold it: nanoseconds, -1 for none."""
    return -1 if run.limit is None else int(run.limit * 1e9)


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


class ThreadLane:
    """Sync jobs on a pool of threads.

    Args:
        threads: How many.
        first_slot: The first of the vitals' slots that it may use.
    """

    def __init__(self, runner: Runner, vitals: Vitals, done: Done, threads: int, first_slot: int) -> None:
        self.runs: dict[int, Run] = {}
        self._runner, self._vitals, self._done = runner, vitals, done
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
        run.started = time.monotonic_ns()
        self._vitals.begin(slot, run.claim.token, run.claim.id, run.started, limit_of(run))
        self.runs[slot] = run
        self._inbox.put((slot, run))

    def interrupt(self, run: Run, kind: type[BaseException]) -> None:
        """Raise this inside the job at its next bytecode; a blocked call in C is not interrupted."""
        with self._lock:
            slot = next((slot for slot, held in self.runs.items() if held is run), None)
            if slot is None or not run.armed or run.interrupted is kind:
                return
            run.interrupted = kind
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._idents[slot]), ctypes.py_object(kind))

    def _work(self) -> None:
        while True:
            slot, run = self._inbox.get()
            self._idents[slot] = threading.get_ident()
            outcome = self._runner.perform(run)
            self._swallow_late_interrupt(run)
            self._vitals.clear(slot)
            with self._lock:
                del self.runs[slot]
            self._slots.append(slot)
            self._done(run, outcome)

    def _swallow_late_interrupt(self, run: Run) -> None:
        """An exception sent to this thread just before the job ended arrives within a few bytecodes: here."""
        with self._lock:
            sent = run.interrupted
        if sent is None:
            return
        try:
            for _ in range(100):
                time.sleep(0)
        except (JobTimeout, JobInterrupted):
            return


class LoopLane:
    """`async def` jobs on one event loop in a thread of its own.

    Args:
        limit: How many at a time.
        first_slot: The first of the vitals' slots that it may use.
    """

    def __init__(self, runner: Runner, vitals: Vitals, done: Done, limit: int, first_slot: int) -> None:
        self.runs: dict[int, Run] = {}
        self._runner, self._vitals, self._done = runner, vitals, done
        self._slots = list(range(first_slot, first_slot + limit))
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def free(self) -> int:
        """How many more jobs can start."""
        return len(self._slots)

    def start(self, run: Run) -> None:
        """Start a prepared job. The loop is made for the first one."""
        slot = self._slots.pop()
        run.started = time.monotonic_ns()
        self._vitals.begin(slot, run.claim.token, run.claim.id, run.started, limit_of(run))
        self.runs[slot] = run
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="winch-loop", daemon=True).start()
        self._loop.call_soon_threadsafe(self._spawn, slot, run)

    def interrupt(self, run: Run, kind: type[BaseException]) -> None:
        """Cancel the job's task; it is told `kind` as the reason."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel, run, kind)

    def _spawn(self, slot: int, run: Run) -> None:
        loop = asyncio.get_running_loop()
        self._tasks[slot] = loop.create_task(self._perform(slot, run), name=run.function)

    def _cancel(self, run: Run, kind: type[BaseException]) -> None:
        slot = next((slot for slot, held in self.runs.items() if held is run), None)
        task = None if slot is None else self._tasks.get(slot)
        if task is not None and run.armed and run.interrupted is not kind:
            run.interrupted = kind
            task.cancel()

    async def _perform(self, slot: int, run: Run) -> None:
        outcome = await self._runner.perform_async(run)
        self._vitals.clear(slot)
        del self.runs[slot], self._tasks[slot]
        self._slots.append(slot)
        self._done(run, outcome)
