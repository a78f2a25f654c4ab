"""The executor's helper threads: they act while the main thread is inside a job.

The `Watch` never waits for the store. It obeys the supervisor, and interrupts a job whose time is over or that has to make way.
It sleeps while the executor is idle, and on while that runs a few quick jobs: only an alarm that is not stopped in time wakes
it. While the main thread runs one job after another it looks every `SLOW`; once a job is known as slow it sleeps until
something is due.

The `Settler` takes the turns that cannot wait for the main thread. When a job there takes longer than `SLOW` it settles what is
done, gives back what is claimed beside it and marks the job as begun, so that a slow job delays neither outcomes nor neighbours.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Protocol

from winch.errors import JobInterrupted, JobTimeout, StoreError, WorkerError
from winch.polling import Pipe, readable
from winch.running.run import Run
from winch.stores.contract import Held
from winch.worker.alarm import new_alarm
from winch.worker.channel import Channel
from winch.worker.desk import Desk
from winch.worker.holding import Holding
from winch.worker.lanes import Lane, end_process
from winch.worker.mainlane import MainLane
from winch.worker.pace import SLOW
from winch.worker.stopping import Stopping, end_group
from winch.worker.vitals import Vitals

__all__ = ["Settler", "Watch", "Watched"]

_NAP = 0.02
"""Seconds. Whoever needs it sooner has to wake it."""

_AGAIN = 50_000_000
"""Nanoseconds until an interruption that found no user code running is tried again."""

_STORE_GRACE = 2_000_000_000
"""Nanoseconds. So long after the last moment of a stop the store may still take to answer, if there is something to settle."""

_PROBE = 1_000_000_000
"""Nanoseconds between two questions to the store while the supervisor is silent."""


class Watched(Protocol):
    """What the helpers need of an executor."""

    channel: Channel
    desk: Desk
    holding: Holding
    stopping: Stopping
    vitals: Vitals
    in_batch: bool
    ttl: int

    def obey(self, message: dict[str, Any]) -> None:
        """Do what the supervisor says."""
        ...


class Settler(threading.Thread):
    """See the module.

    Args:
        executor: Whose desk it clears.
    """

    def __init__(self, executor: Watched) -> None:
        super().__init__(name="winch-settler", daemon=True)
        self._executor = executor
        self._asked = threading.Event()

    def ask(self) -> None:
        """Have it take a turn."""
        self._asked.set()

    def run(self) -> None:
        """The loop."""
        try:
            while True:
                self._asked.wait()
                self._asked.clear()
                self._clear()
        except (WorkerError, StoreError) as error:
            self._executor.stopping.die(error)
        except BaseException:
            end_process()

    def _clear(self) -> None:
        desk = self._executor.desk
        with desk.lock:
            run = self._executor.holding.main.run
            if run is None or time.monotonic_ns() - run.started < SLOW:
                desk.turn()
                return
            desk.clear(() if run.marked else (Held(run.claim.token, run.claim.id),))
            run.marked = True  # not before: the main thread would begin the job, which may never let this one finish


class Watch(threading.Thread):
    """See the module.

    Args:
        executor: Whose main thread is watched.
    """

    def __init__(self, executor: Watched) -> None:
        super().__init__(name="winch-watch", daemon=True)
        self._executor = executor
        self._settler = Settler(executor)
        self._pipe = Pipe()
        self._alarm, self._is_set = new_alarm(SLOW), False
        self._asleep = False
        self._silent_since: int | None = None
        self._answering_since: int | None = None
        self._free_since: int | None = None

    def wake(self) -> None:
        """Have it look at what is running. Cheap if it is not asleep."""
        if self._asleep:
            self._asleep = False
            self._pipe.wake()

    def expect(self) -> None:
        """Have it look after `SLOW`, if it is asleep and `rest` does not come before. Called by the main thread, as that one."""
        if self._asleep:
            self._asleep, self._is_set = False, True
            self._alarm.set()

    def rest(self) -> None:
        """Nothing is running any more: let it sleep on."""
        if self._is_set:
            self._is_set = False
            self._alarm.stop()
            self._asleep = True

    def poke(self) -> None:
        """Have it look now, whatever it does. Safe from a signal handler."""
        self._pipe.wake()

    def run(self) -> None:
        """The loop. An executor without it would obey nobody: an error here ends the process."""
        self._settler.start()
        channel = self._executor.channel
        try:
            while not channel.closed:
                # Asleep first, then look: who changes something calls `wake` afterwards, so one of the two notices.
                self._asleep = True
                delay = self._look()
                self._asleep = delay is None or delay > _NAP
                ready = readable([channel, self._pipe, self._alarm], delay)
                self._pipe.drain()
                self._alarm.stop()
                if channel.fileno() in ready:
                    for message in channel.receive():
                        self._executor.obey(message)
        except BaseException:
            end_process()
        end_group()

    # ---- what is due ----

    def _look(self) -> float | None:
        """Do what is due now. Returns seconds until the next look, None if nothing is running."""
        now = time.monotonic_ns()
        self._executor.stopping.request_if_told()
        delays = [self._look_at_main(now), self._look_at_lanes(now), self._look_at_stop(now), self._look_at_lease(now)]
        waits = [delay for delay in delays if delay is not None]
        return max(min(waits) / 1e9, 0.001) if waits else None

    def _look_at_main(self, now: int) -> int | None:
        main = self._executor.holding.main
        run = main.run
        if run is None:
            return SLOW if self._executor.in_batch else None
        if now - run.started < SLOW:
            return SLOW
        desk = self._executor.desk
        if not run.marked or desk.done or desk.returning:
            self._settler.ask()
        return self._time_left(main, run, now)

    def _look_at_lanes(self, now: int) -> int | None:
        lanes = self._executor.holding.lanes
        waits = [self._time_left(lane, run, now) for lane in lanes for run in list(lane.runs.values())]
        return min((wait for wait in waits if wait is not None), default=None)

    def _time_left(self, lane: Lane | MainLane, run: Run, now: int) -> int | None:
        """Interrupt a job whose time is over. Nanoseconds until this one is due, None if never."""
        if run.claim.token in self._executor.holding.lost:
            lane.interrupt(run, JobInterrupted)
            return _AGAIN
        if run.interrupted is not None or run.limit is None:
            return None
        if run.overdue(now):
            lane.interrupt(run, JobTimeout)
            return _AGAIN
        return max(run.started + int(run.limit * 1e9) - now, 1_000_000)

    def _look_at_lease(self, now: int) -> int | None:
        """The supervisor has been silent for a ttl in which the store answered: nobody vouches for these jobs any more."""
        executor = self._executor
        left = executor.vitals.ttl_left(executor.ttl) if executor.holding.running() else 0
        if left >= 0:
            self._silent_since = self._answering_since = None
            return left or None
        if self._silent_since is None:
            self._silent_since = now
        self._settler.ask()
        answered = executor.desk.answered_at
        if answered < self._silent_since or now - answered > 3 * _PROBE:  # the store is away, too
            self._answering_since = None
        elif self._answering_since is None:
            self._answering_since = answered
        elif now - self._answering_since > executor.ttl:
            executor.holding.interrupt_all()
        return _PROBE

    def _look_at_stop(self, now: int) -> int | None:
        stopping = self._executor.stopping
        deadline = stopping.deadline
        if deadline is None:
            return None
        if now >= deadline:
            self._executor.holding.interrupt_all()
        if now > deadline + _STORE_GRACE or self._has_been_free(now):
            stopping.abandon.set()
        return _AGAIN

    def _has_been_free(self, now: int) -> bool:
        """Whether nothing was held for a while: between running and done a job is seen in neither for an instant."""
        if not self._executor.holding.is_free():
            self._free_since = None
        elif self._free_since is None:
            self._free_since = now
        return self._free_since is not None and now - self._free_since >= _AGAIN
