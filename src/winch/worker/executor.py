"""An executor: claims, runs and settles jobs. `entry.py` is the process around it.

1. Takes a turn: settles what is done, claims what should start within 10 ms.
2. Runs what it claimed: sync jobs on this thread or in a pool, `async def` jobs on a loop.
3. Sleeps on the store's hint when there is nothing to do.
4. Told to stop, gives back what has not begun, waits for the rest, settles it, and leaves.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from winch import codec
from winch.errors import DecodeError, JobInterrupted, StoreError, WorkerError
from winch.options import DEFAULT_RUN, DEFAULT_TIMEOUT
from winch.polling import Pipe, Source, readable
from winch.running.run import Run
from winch.stores import open_store
from winch.stores.contract import TURN_BATCH, Held, Outcome, Turn
from winch.worker.channel import Brief, Channel
from winch.worker.desk import Desk
from winch.worker.lanes import Lane, LoopLane, Site, ThreadLane, limit_of
from winch.worker.log import JobLog
from winch.worker.mainlane import MainLane
from winch.worker.order import QueueOrder
from winch.worker.pace import Pace
from winch.worker.settings import WorkerSettings
from winch.worker.surroundings import die_with, make_runner, resident_bytes
from winch.worker.vitals import BUSY, IDLE, LEASE_SHARE, Vitals, clock
from winch.worker.watch import Watch

if TYPE_CHECKING:
    from winch.worker.forking import ForkServer

__all__ = ["EXIT_LOST", "Executor"]

EXIT_LOST = 3
"""The exit status of an executor that the store has given up on."""

STREAM = 50
"""With this many claims at hand the next turn is sent before they run."""

_GATHER = 0.002
"""Seconds that an outcome may wait for those of fast jobs."""

_TRY_AGAIN = 1_000_000_000
"""Nanoseconds between two tries to be free for a suspect."""

_UNKNOWN_LIMIT = int(DEFAULT_TIMEOUT * 1e9)
"""Until a job's options are decoded: the limit of `DEFAULT_RUN`, so that an import that hangs is killed too."""

Starting: TypeAlias = dict[Lane, list[Run]]
"""Runs that are about to start, by their lanes."""

logger = logging.getLogger("winch.worker")


class Executor:
    """See the module.

    Args:
        brief: What to do.
        channel: To the supervisor.
    """

    def __init__(self, brief: Brief, channel: Channel) -> None:
        settings = brief.settings
        forks = _fork_server(settings) if settings.isolation == "fork" else None
        self.channel = channel
        self.lost: set[int] = set()
        self.stop_at: int | None = None
        self.in_batch = False
        self._gathers = False
        self.ttl = int(settings.worker_ttl * 1e9)
        self.why = "stopped"
        self._settings, self._budget = settings, brief.budget
        self._stopping, self._abandon = threading.Event(), threading.Event()
        self._told_to_stop, self._quiet = False, brief.quiet
        self._pipe = Pipe()
        # Two stores on purpose: while a turn is under way, jobs may talk to the store too.
        self._store = open_store(settings.url, deadline=2.0)
        self._runner, self._pace = make_runner(settings), Pace()
        self._log = JobLog(brief.worker_name, quiet=settings.quiet)
        queues = QueueOrder(settings.queues, settings.order, settings.weights)
        self.desk = Desk(self._store, brief.executor, queues, self._pace, self._log, self._abandon)
        self._waiter, self._stale = self._store.waiter(settings.queues), False
        self.main = MainLane(forks)
        self._perform = self._runner.perform if forks is None else forks.perform
        self._open_lanes(brief)
        self._seen_async = self._seen_sync = self._alone = False
        self._was_alone_at = 0
        self._watch = Watch(self)

    def _open_lanes(self, brief: Brief) -> None:
        settings = brief.settings
        threads = 0 if settings.threads == 1 else settings.threads
        self._vitals = Vitals(brief.vitals, settings.slots)
        site = Site(self._runner, self._vitals, self._record, self._wake)
        self._threads = ThreadLane(site, threads, 1) if threads else None
        self._loop = LoopLane(site, settings.async_jobs, 1 + threads)
        self.lanes: tuple[Lane, ...] = (self._threads, self._loop) if self._threads else (self._loop,)

    # ---- the loop ----

    def run(self) -> None:
        """Work until told to stop."""
        self._watch.start()
        self.channel.send({"say": "ready"})
        try:
            while not self._stopping.is_set():
                if not self._vitals.lease_holds():
                    self._hold()
                elif not self._cycle():
                    self._sleep()
            self._drain()
        except (WorkerError, StoreError) as error:
            self.die(error)
        self._waiter.close()
        self.channel.send({"say": "bye", "why": self.why})

    def _cycle(self) -> bool:
        """Run what is at hand, and take a turn. False: there was nothing to do."""
        self.in_batch = True
        if len(self.desk.ready) >= STREAM and not self.lanes_busy() and not self._alone and (room := self._room()):
            self.desk.send(room)
        self._run_ready()
        self._gather()
        if not self._has_to_turn():
            return False
        asked_empty = not self._holds_anything()
        turn = self._take_turn()
        if turn.alone and asked_empty:
            self._was_alone_at = time.monotonic_ns()
        self._alone = turn.alone
        self._vitals.set_state(BUSY, self.desk.turns, self.desk.jobs)
        self._recycle_if_due()
        return bool(turn.claims or turn.more or self.desk.ready or self.desk.done or self.desk.returning)

    def _gather(self) -> None:
        """Wait a moment for the fast jobs in the lanes: what ends together is settled, and replaced, in one turn."""
        until = time.monotonic() + _GATHER
        self._gathers = True
        while self._runs_fast() and not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
            readable([self._pipe], left)
            self._pipe.drain()
        self._gathers = False

    def _runs_fast(self) -> bool:
        """Whether a job in a lane will be over soon."""
        return any(not run.marked for lane in self.lanes for run in list(lane.runs.values()))

    def _has_to_turn(self) -> bool:
        """Whether there is something to tell the store, or to ask it for."""
        desk = self.desk
        has_news = desk.is_waiting or desk.done or desk.returning or self._alone
        return bool(has_news or self._room() > 0 or not self.running())

    def _take_turn(self) -> Turn:
        """The turn that is under way, or else a new one."""
        if not self.desk.is_waiting:
            self.desk.send(self._room())
        self._watch.expect()
        return self.desk.receive() or self.desk.turn(self._room())

    def _run_ready(self) -> None:
        """Start every claim that is at hand: on this thread one after the other, in the lanes all at once."""
        starting: Starting = {}
        if self.desk.ready:
            self._seen_async = self._seen_sync = False
        while not self._stopping.is_set() and (claim := self.desk.next_claim()) is not None:
            if not self._vitals.lease_holds():
                self.desk.give_back(claim)
                break
            if claim.token in self.lost:
                self.lost.discard(claim.token)
            else:
                self._take_up(Run(claim), starting)
        self._start(starting)

    def _take_up(self, run: Run, starting: Starting) -> None:
        """Prepare a claim, and run it here or line it up for a lane."""
        self._vitals.begin(0, run.claim.token, run.claim.id, run.started, _UNKNOWN_LIMIT)
        self.main.run = run
        outcome = self._read_envelope(run) if self.main.forks is not None else self._runner.prepare(run)
        if outcome is not None:
            if run.interrupted is not None:  # maybe in the middle of an import, which may leave modules half made
                self.request_stop("recycled")
            self._finish_on_main(run, outcome)
        elif self.main.forks is None and (run.is_async or self._threads):
            self._leave_main()
            self._line_up(run, starting)
        else:
            self._seen_sync = True
            if starting:
                self._start(starting)  # they do not wait for this one
                starting.clear()
            self._perform_on_main(run)

    def _read_envelope(self, run: Run) -> None:
        """For a job that runs in a process of its own: only its envelope is read here."""
        with contextlib.suppress(DecodeError):
            head = codec.head(run.claim.payload)
            run.function, run.options = head.function, head.run

    def _perform_on_main(self, run: Run) -> None:
        if not run.marked and self._pace.needs_mark(run.function):
            run.marked = True
            self._vitals.set_limit(0, -1)  # the store may take its time: that is not the job's
            self.desk.clear((Held(run.claim.token, run.claim.id),))
            if self._stopping.is_set() or run.claim.token in self.lost:
                self._leave_main()
                self.desk.give_back(run.claim)
                return
            run.started = time.monotonic_ns()
            self._vitals.begin(0, run.claim.token, run.claim.id, run.started, limit_of(run))
        elif run.options is not DEFAULT_RUN:
            self._vitals.set_limit(0, limit_of(run))
        self._finish_on_main(run, self._perform(run))

    def _finish_on_main(self, run: Run, outcome: Outcome) -> None:
        if run.marked and not self._pipe.is_intact():
            logger.error("%s has closed descriptors of its executor, which ends", run.function)
            os._exit(1)  # while this job is the one that runs: it is to blame, not what stands behind it
        self._leave_main()
        self._record(run, outcome)
        if run.marked:
            self._watch.expect()

    def _leave_main(self) -> None:
        self.main.run = None
        self._vitals.clear(0)

    def _line_up(self, run: Run, starting: Starting) -> None:
        self._seen_async |= run.is_async
        self._seen_sync |= not run.is_async
        lane = self._loop if run.is_async or self._threads is None else self._threads
        runs = starting.setdefault(lane, [])
        if len(runs) < lane.free():
            runs.append(run)
        else:
            self.desk.give_back(run.claim)

    def _start(self, starting: Starting) -> None:
        """Start jobs in their lanes, the new and slow ones marked as begun first, in one turn."""
        runs = [(lane, run) for lane, some in starting.items() for run in some]
        new = [run for _, run in runs if not run.marked and self._pace.needs_mark(run.function)]
        if new:
            self.desk.turn(0, [Held(run.claim.token, run.claim.id) for run in new])
        for run in new:
            run.marked = True
        for lane, run in runs:
            if self._stopping.is_set() or run.claim.token in self.lost:
                self.desk.give_back(run.claim)
            else:
                lane.start(run)
        if runs:
            self._watch.wake()

    def _record(self, run: Run, outcome: Outcome) -> None:
        """A run is over. Called on the thread that ran it."""
        if run.claim.token in self.lost:
            self.lost.discard(run.claim.token)
            self._log.taken_away(run)  # nobody waits for its outcome any more
        else:
            self.desk.done.append((run, outcome))

    def _wake(self) -> None:
        """Have the main thread look, if it sleeps and waits for no others, or somebody else if it is inside a job."""
        if not self._gathers or not self._runs_fast():
            self._pipe.wake()
        if self.main.run is not None:
            self._watch.wake()

    # ---- how much to claim ----

    def _room(self) -> int:
        """How many jobs to ask for: what should start within 10 ms in the lanes that were of use lately."""
        if self._quiet or self._holds_suspect() or (self._makes_way() and self._holds_anything()):
            return 0
        ready = len(self.desk.ready)
        room = self._threads.free() - ready if self._threads else self._pace.room()
        if self._seen_async:
            room = min(room, self._loop.free() - ready) if self._seen_sync else self._loop.free() - ready
        if self._budget is not None:
            held = len(self.desk.done) + ready + self.running()
            room = min(room, self._budget - self.desk.jobs - held)
        return max(min(room, TURN_BATCH), 0)

    def _holds_suspect(self) -> bool:
        """A suspect runs alone: nothing is claimed beside it."""
        runs = [self.main.run, *(run for lane in self.lanes for run in list(lane.runs.values()))]
        return any(run is not None and run.claim.suspect for run in runs) or any(
            claim.suspect for claim in list(self.desk.ready)
        )

    def _makes_way(self) -> bool:
        """A suspect waits: become empty to take it. Where that was of no use, go on for a second before the next try."""
        return self._alone and time.monotonic_ns() - self._was_alone_at > _TRY_AGAIN

    def _holds_anything(self) -> bool:
        return bool(self.desk.ready or self.desk.done or self.running())

    def running(self) -> int:
        """How many jobs are running."""
        return sum(len(lane.runs) for lane in self.lanes) + (self.main.run is not None)

    def lanes_busy(self) -> bool:
        """Whether a lane besides the main thread runs jobs."""
        return any(lane.runs for lane in self.lanes)

    # ---- sleeping and waking ----

    def _sleep(self) -> None:
        """Wait for a hint, for a lane, or for the supervisor. For a suspect that cannot be taken now: a second at most."""
        self.in_batch = False
        room = self._room()
        listen = room > 0 and not self._alone
        if not listen:
            self._stop_listening()
        if not self.running():
            self._vitals.set_state(IDLE, self.desk.turns, self.desk.jobs)
            self._watch.rest()
        if listen:
            self._listen()
        sources: list[Source] = [self._pipe, *([self._waiter] if listen else [])]
        while not self._stopping.is_set() and self._vitals.lease_holds():
            ready = readable(sources, self._longest_sleep(listen))
            if self._pipe.fileno() in ready:
                self._pipe.drain()
                return
            if not listen or self._is_hint(bool(ready), room):
                return

    def _is_hint(self, came: bool, room: int) -> bool:
        """Whether there may be work. Where the descriptor alone tells, the turn is sent first and the hint read meanwhile."""
        if not came or self._waiter.poll is not None:
            return self._waiter.take()
        self.desk.send(room)
        self._waiter.take()
        return True

    def _listen(self) -> None:
        if self._stale:
            self._stale = False
            self._stop_listening()
            self._waiter.close()
            self._waiter = self._store.waiter(self._settings.queues)
        self._waiter.arm()

    def _stop_listening(self) -> None:
        """A hint that came meanwhile is passed on: a turn does that."""
        if self._waiter.disarm():
            self.desk.turn(0)

    def _longest_sleep(self, listen: bool) -> float | None:
        if self._alone:
            return 1.0
        poll = self._waiter.poll if listen else None
        lease = max(self.lease_left() / 1e9, 0.1)  # an executor whose lease ends has to notice it
        return lease if poll is None else min(poll, lease)

    def _hold(self) -> None:
        """The supervisor has not beaten for too long: start nothing, give back what has not begun, and look again soon."""
        self.desk.give_back_all()
        self._stop_listening()
        if self.desk.returning or self.desk.done or self.running() == 0:
            self.desk.turn(0)
        readable([self._pipe], 0.1)
        self._pipe.drain()

    # ---- what the supervisor says ----

    def obey(self, message: dict[str, Any]) -> None:
        """Do what the supervisor says. Called on the watch's thread."""
        if message["do"] == "stop":
            self.request_stop("stopped", float(message["grace"]))
        elif message["do"] == "lost":
            self._lose(set(message["tokens"]))
        elif message["do"] == "reconnect":
            self._stale = True
            self._pipe.wake()
        elif message["do"] == "quiet":
            self._quiet = bool(message["on"])
            self._pipe.wake()

    def _lose(self, tokens: set[int]) -> None:
        """Claims were taken away: those that are held here are forgotten, or their jobs interrupted."""
        runs = [self.main.run, *(run for lane in self.lanes for run in list(lane.runs.values()))]
        held = {run.claim.token for run in runs if run is not None} | {claim.token for claim in list(self.desk.ready)}
        self.lost |= tokens & held

    def tell_to_stop(self) -> None:
        """Stop, asked for by a signal: safe in a handler."""
        self._told_to_stop = True
        self._watch.poke()

    def stop_if_told(self) -> None:
        """Stop, if a signal has asked for it."""
        if self._told_to_stop and not self._stopping.is_set():
            self.request_stop("recycled", self._settings.grace)

    # ---- stopping ----

    def request_stop(self, why: str, grace: float | None = None) -> None:
        """Stop claiming. Safe from any thread; again shortens the grace.

        Args:
            why: What the supervisor is told.
            grace: Jobs that still run after so many seconds are interrupted; None lets them run to their own limits.
        """
        if not self._stopping.is_set():
            self.why = why
        if grace is not None:
            deadline = time.monotonic_ns() + int(grace * 1e9)
            self.stop_at = deadline if self.stop_at is None else min(deadline, self.stop_at)
        self._stopping.set()
        self._pipe.wake()
        self._watch.wake()

    def interrupt_all(self) -> None:
        """Have every running job make way."""
        if (run := self.main.run) is not None:
            self.main.interrupt(run, JobInterrupted)
        for lane in self.lanes:
            for run in list(lane.runs.values()):
                lane.interrupt(run, JobInterrupted)

    def _drain(self) -> None:
        """Give back what has not begun, settle what has as it ends."""
        self.desk.give_back_all()
        self.desk.turn(0)
        self.desk.give_back_all()
        while self.running() or self.desk.done or self.desk.returning:
            if not (self.desk.done or self.desk.returning):
                readable([self._pipe], 1.0)
                self._pipe.drain()
            self.desk.turn(0)
        self._stop_listening()
        self._vitals.set_state(BUSY, self.desk.turns, self.desk.jobs)

    def _recycle_if_due(self) -> None:
        settings = self._settings
        if self._budget is not None and self.desk.jobs >= self._budget:
            self.request_stop("spent")
        elif settings.max_jobs_per_executor is not None and self.desk.jobs >= settings.max_jobs_per_executor:
            self.request_stop("recycled")
        elif settings.max_memory is not None and resident_bytes() > settings.max_memory:
            logger.info("this executor uses more than %d bytes: replaced", settings.max_memory)
            self.request_stop("recycled")

    def lease_left(self) -> int:
        """Nanoseconds until the worker's ttl is over: the lease ends before it, by the supervisor's margin."""
        return self._vitals.lease() + int(self.ttl * (1 - LEASE_SHARE)) - clock()

    def abandon(self) -> None:
        """There is no more time to wait for the store."""
        self._abandon.set()

    def supervisor_gone(self) -> NoReturn:
        """The supervisor is dead: so are its executors, and all that they started."""
        os.killpg(0, signal.SIGKILL)
        os._exit(1)

    def die(self, error: Exception) -> NoReturn:
        """Leave at once: the store has given this executor's jobs to others, or there is no more time to wait for it."""
        logger.warning("%s", error)
        self.channel.send({"say": "bye", "why": "lost" if isinstance(error, WorkerError) else "stopped"})
        logging.shutdown()
        os._exit(EXIT_LOST)


def _fork_server(settings: WorkerSettings) -> ForkServer:
    from winch.worker.forking import ForkServer

    return ForkServer(lambda: make_runner(settings), die_with)
