"""What watches over jobs that run inside the caller's process: a thread that beats, and interrupts.

The supervisor of a real worker does this from outside, and can kill. Here a job that is over its time limit, or that
somebody took away, is interrupted at its next bytecode or `await`; a blocked call in C is not.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from winch.errors import JobInterrupted, JobTimeout, StoreError, WorkerError
from winch.running.interrupting import let_arrive
from winch.running.run import Run
from winch.stores.contract import Command, Outcome, Store

__all__ = ["BEAT", "TTL", "Guard"]

TTL, BEAT, LOOK, IDLE = 30.0, 5.0, 0.05, 1.0
"""Seconds: without a beat a worker is dead; between two beats; between two looks; without a guard the thread leaves."""


class Watched:
    """A run that is under way.

    Attributes:
        run: What runs.
        interrupt: Raises an exception in it, from another thread.
        outcome: Of a run on this thread, once there is one.
    """

    def __init__(self, run: Run, interrupt: Callable[[type[BaseException]], object]) -> None:
        self.run = run
        self.interrupt = interrupt
        self.outcome: Outcome | None = None

    def stop(self, kind: type[BaseException]) -> None:
        """Interrupt it, once, if its own code runs."""
        if self.run.armed and self.run.interrupted is None:
            self.run.interrupted = kind
            self.interrupt(kind)


class Guard:
    """Watches over one worker.

    Attributes:
        told: Names of the commands that have come.

    Args:
        store: Where the worker is enlisted.
        worker: Its id.
        executor: Its one executor.
    """

    def __init__(self, store: Store, worker: str, executor: str) -> None:
        self._store, self._worker, self._executor = store, worker, executor
        self._lock = threading.Lock()
        self._watched: Watched | None = None
        self._beats = self._acknowledged = 0
        self.told: set[str] = set()
        self._next_beat = time.monotonic() + BEAT

    def start(self) -> None:
        """Begin to beat."""
        _patrol.add(self)

    def stop(self) -> None:
        """Beat no more."""
        _patrol.remove(self)

    @contextmanager
    def over(self, run: Run, interrupt: Callable[[type[BaseException]], object]) -> Generator[Watched]:
        """Watch over a run while this lasts. What was raised in it and came too late is swallowed at the end."""
        watched = Watched(run, interrupt)
        with self._lock:
            self._watched = watched
        try:
            yield watched
        except (JobTimeout, JobInterrupted):
            if run.interrupted is None:
                raise
        finally:
            self._let_go(run)

    def _let_go(self, run: Run) -> None:
        while True:
            try:
                with self._lock:
                    self._watched = None
                if run.interrupted in (JobTimeout, JobInterrupted) and not run.is_async:
                    let_arrive()
            except (JobTimeout, JobInterrupted):
                continue  # it was meant for the job and came after its end
            return

    def look(self) -> None:
        """Interrupt the run if it is time, and beat if it is time."""
        now = time.monotonic()
        with self._lock:
            if self._watched and self._watched.run.overdue(time.monotonic_ns()):
                self._watched.stop(JobTimeout)
        if now >= self._next_beat:
            self._next_beat = now + BEAT
            self._beat()

    def _beat(self) -> None:
        self._beats += 1
        with suppress(StoreError, WorkerError):  # the next beat, or the settle, will tell
            beat = self._store.beat(self._worker, self._beats, [self._executor], self._acknowledged)
            for command in beat.commands:
                self._acknowledged = command.number
                self._obey(command)

    def _obey(self, command: Command) -> None:
        self.told.add(command.name)
        with self._lock:
            if self._watched and command.name == "lost" and command.token == self._watched.run.claim.token:
                self._watched.stop(JobInterrupted)


class Patrol:
    """The one thread of this process that looks after all guards; it leaves when there has been none for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._guards: list[Guard] = []
        self._thread: threading.Thread | None = None

    def add(self, guard: Guard) -> None:
        """Look after this one too."""
        with self._lock:
            self._guards.append(guard)
            if self._thread is None:
                self._thread = threading.Thread(target=self._walk, name="winch-guard", daemon=True)
                self._thread.start()

    def remove(self, guard: Guard) -> None:
        """Look after this one no more."""
        with self._lock:
            self._guards.remove(guard)

    def _walk(self) -> None:
        last = time.monotonic()
        while True:
            time.sleep(LOOK)  # nobody wakes it: that would cost each short job more than all the rest
            with self._lock:
                guards = [*self._guards]
                if not guards and time.monotonic() - last > IDLE:
                    self._thread = None
                    return
            for guard in guards:
                guard.look()
                last = time.monotonic()


_patrol = Patrol()


def _after_fork() -> None:
    """The thread did not come along into the child."""
    global _patrol  # noqa: PLW0603
    _patrol = Patrol()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
