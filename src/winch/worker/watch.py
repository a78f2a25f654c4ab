"""The executor's helper thread: it acts while the main thread is inside a job.

1. It obeys the supervisor: stop, give up a lost claim.
2. A job on the main thread that takes longer than `SLOW`: it settles what is done, gives back what is claimed beside it and
   marks the job as begun, so that a slow job delays neither outcomes nor neighbours.
3. A job whose time is over, or that has to make way, is interrupted.

It sleeps while the executor is idle. While the main thread runs one job after another it looks every `SLOW`; once a job is
known as slow it sleeps until something is due.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from typing import Any, Protocol

from winch.errors import JobInterrupted, JobTimeout, StoreError, WorkerError
from winch.running.run import Run
from winch.stores.contract import Held
from winch.worker.channel import Channel
from winch.worker.desk import Desk
from winch.worker.forking import INTERRUPT, ForkServer
from winch.worker.lanes import Lane
from winch.worker.pace import SLOW

__all__ = ["MainLane", "Watch", "Watched"]

_NAP = 0.02
"""Seconds. Whoever needs it sooner has to wake it."""

_AGAIN = 50_000_000
"""Nanoseconds until an interruption that found no user code running is tried again."""


_STORE_GRACE = 2_000_000_000
"""Nanoseconds. So long after the last moment of a stop the store may still take to answer."""


class MainLane:
    """The main thread as a place where jobs run: interrupted by a signal, so also out of a sleep or a read.

    Attributes:
        run: What is running, if anything.
        marked: It is known to the store as begun, and nothing is claimed beside it.
        forks: Runs the jobs in child processes, if that was asked for.
    """

    def __init__(self) -> None:
        self.run: Run | None = None
        self.marked = False
        self.forks: ForkServer | None = None
        self._wanted: tuple[Run, type[BaseException]] | None = None
        self._thread = threading.main_thread().ident or 0
        signal.signal(INTERRUPT, self._on_signal)

    def interrupt(self, run: Run, kind: type[BaseException]) -> None:
        """Raise this inside the job, as soon as that is possible. Again is harmless."""
        if self.forks is not None and self.forks.interrupt(kind):
            return
        if run.armed and run.interrupted is not kind:
            self._wanted = (run, kind)
            signal.pthread_kill(self._thread, INTERRUPT)

    def _on_signal(self, _number: int, _frame: object) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None and wanted[0] is self.run and wanted[0].armed:
            wanted[0].interrupted = wanted[1]
            raise wanted[1]


class Watched(Protocol):
    """What the watch needs of an executor."""

    channel: Channel
    desk: Desk
    main: MainLane
    lanes: tuple[Lane, ...]
    lost: set[int]
    stop_at: int | None
    in_batch: bool

    def request_stop(self, why: str, grace: float) -> None:
        """Stop claiming; interrupt what still runs after `grace` seconds."""
        ...

    def lose(self, token: int) -> None:
        """A claim was taken away."""
        ...

    def abandon(self) -> None:
        """There is no more time to wait for the store."""
        ...

    def running(self) -> int:
        """How many jobs are running."""
        ...

    def interrupt_all(self) -> None:
        """Have every running job make way."""
        ...

    def lease_left(self) -> int:
        """Nanoseconds until the worker's ttl is over, unless the supervisor beats before."""
        ...

    def reconnect(self) -> None:
        """Listen to the store on a new connection."""
        ...

    def supervisor_gone(self) -> None:
        """The supervisor is dead."""
        ...

    def die(self, error: Exception) -> None:
        """Leave at once."""
        ...


class Watch(threading.Thread):
    """See the module.

    Args:
        executor: Whose main thread is watched.
    """

    def __init__(self, executor: Watched) -> None:
        super().__init__(name="winch-watch", daemon=True)
        self._executor = executor
        self._poke_in, self._poke_out = os.pipe()
        os.set_blocking(self._poke_in, False)
        os.set_blocking(self._poke_out, False)
        self._asleep = False

    def wake(self) -> None:
        """Have it look at what is running. Cheap if it is not asleep."""
        if self._asleep:
            self._asleep = False
            self._poke()

    def poke(self) -> None:
        """Have it look now, whatever it does."""
        self._poke()

    def _poke(self) -> None:
        try:
            os.write(self._poke_out, b"x")
        except BlockingIOError:
            return

    def run(self) -> None:
        """The loop. An error here would leave the executor without a supervisor's hand: it ends the process."""
        channel = self._executor.channel
        try:
            while not channel.closed:
                # Asleep first, then look: who changes something calls `wake` afterwards, so one of the two notices.
                self._asleep = True
                delay = self._look()
                self._asleep = delay is None or delay > _NAP
                readable, _, _ = select.select([channel, self._poke_in], [], [], delay)
                if self._poke_in in readable:
                    os.read(self._poke_in, 4096)
                if channel in readable:
                    for message in channel.receive():
                        self._obey(message)
        except (WorkerError, StoreError) as error:
            self._executor.die(error)
        self._executor.supervisor_gone()

    def _obey(self, message: dict[str, Any]) -> None:
        if message["do"] == "stop":
            self._executor.request_stop("stopped", float(message["grace"]))
        elif message["do"] == "lost":
            self._executor.lose(int(message["token"]))
        elif message["do"] == "reconnect":
            self._executor.reconnect()

    # ---- what is due ----

    def _look(self) -> float | None:
        """Do what is due now. Returns seconds until the next look, None if nothing is running."""
        now = time.monotonic_ns()
        delays = [self._look_at_main(now), self._look_at_lanes(now), self._look_at_stop(now), self._look_at_lease()]
        waits = [delay for delay in delays if delay is not None]
        return max(min(waits) / 1e9, 0.001) if waits else None

    def _look_at_main(self, now: int) -> int | None:
        main = self._executor.main
        run = main.run
        if run is None:
            return SLOW if self._executor.in_batch else None
        if now - run.started < SLOW:
            return SLOW
        desk = self._executor.desk
        if not main.marked or desk.done or desk.returning:
            self._mark(run)
        return self._time_left(main, run, now)

    def _mark(self, run: Run) -> None:
        main, desk = self._executor.main, self._executor.desk
        with desk.lock:
            if main.run is run:
                begins = () if main.marked else (Held(run.claim.token, run.claim.id),)
                main.marked = True
                desk.try_to_clear(begins)

    def _look_at_lanes(self, now: int) -> int | None:
        waits = [self._time_left(lane, run, now) for lane in self._executor.lanes for run in list(lane.runs.values())]
        return min((wait for wait in waits if wait is not None), default=None)

    def _time_left(self, lane: Lane | MainLane, run: Run, now: int) -> int | None:
        """Interrupt a job whose time is over. Nanoseconds until this one is due, None if never."""
        if run.claim.token in self._executor.lost:
            lane.interrupt(run, JobInterrupted)
            return _AGAIN
        if run.interrupted is not None or run.limit is None:
            return None
        if run.overdue(now):
            lane.interrupt(run, JobTimeout)
            return _AGAIN
        return max(run.started + int(run.limit * 1e9) - now, 1_000_000)

    def _look_at_lease(self) -> int | None:
        """The supervisor is silent while the store answers: nobody vouches for these jobs any more, they make way."""
        executor = self._executor
        if not executor.running():
            return None
        silent = -executor.lease_left()
        if silent > 0 and executor.desk.try_to_clear(()):
            executor.interrupt_all()
        return _AGAIN if silent > 0 else -silent

    def _look_at_stop(self, now: int) -> int | None:
        deadline = self._executor.stop_at
        if deadline is None:
            return None
        if now < deadline:
            return deadline - now
        self._executor.interrupt_all()
        if now > deadline + _STORE_GRACE:
            self._executor.abandon()
        return _AGAIN
