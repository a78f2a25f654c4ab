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
import time
from typing import TYPE_CHECKING, Any, TypeAlias

from winch import codec
from winch.errors import DecodeError, StoreError, WorkerError
from winch.options import DEFAULT_RUN, DEFAULT_TIMEOUT
from winch.polling import Pipe
from winch.running.run import Run
from winch.stores import open_store
from winch.stores.contract import Held, Outcome, Turn
from winch.worker.channel import Brief, Channel
from winch.worker.demand import Demand
from winch.worker.desk import Desk
from winch.worker.holding import Holding
from winch.worker.lanes import Lane, LoopLane, Site, ThreadLane, limit_of
from winch.worker.log import JobLog
from winch.worker.mainlane import MainLane
from winch.worker.order import QueueOrder
from winch.worker.pace import Pace
from winch.worker.settings import WorkerSettings
from winch.worker.sleeper import Sleeper
from winch.worker.stopping import Stopping
from winch.worker.surroundings import die_with, make_runner
from winch.worker.vitals import BUSY, IDLE, Vitals
from winch.worker.watch import Watch

if TYPE_CHECKING:
    from winch.worker.forking import ForkServer

__all__ = ["Executor"]

STREAM = 50
"""With this many claims at hand the next turn is sent before they run."""

_GATHER = 0.002
"""Seconds that an outcome may wait for those of fast jobs."""

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
        self.ttl = int(settings.worker_ttl * 1e9)
        self.in_batch = False
        self._gathers = False
        self._pipe = Pipe()
        self.stopping = Stopping(settings, brief.budget, channel, self._wake_all)
        # Two stores on purpose: while a turn is under way, jobs may talk to the store too.
        store = open_store(settings.url, deadline=2.0)
        self._runner, self._pace = make_runner(settings), Pace()
        self._log = JobLog(brief.worker_name, quiet=settings.quiet)
        queues = QueueOrder(settings.queues, settings.order, settings.weights)
        self.desk = Desk(store, brief.executor, queues, self._pace, self._log, self.stopping.abandon)
        self._main = MainLane(forks)
        self._perform = self._runner.perform if forks is None else forks.perform
        self.vitals = Vitals(brief.vitals, settings.slots)
        self._open_lanes(brief)
        self._sleeper = Sleeper(settings, store, self.desk, self.vitals, self.stopping, self._pipe)
        self._watch = Watch(self)

    def _open_lanes(self, brief: Brief) -> None:
        settings = brief.settings
        threads = 0 if settings.threads == 1 else settings.threads
        site = Site(self._runner, self.vitals, self._record, self._wake)
        self._threads = ThreadLane(site, threads, 1) if threads else None
        self._loop = LoopLane(site, settings.async_jobs, 1 + threads)
        lanes: tuple[Lane, ...] = (self._threads, self._loop) if self._threads else (self._loop,)
        self.holding = Holding(self.desk, self._main, lanes)
        self._demand = Demand(self.holding, self._pace, self._threads, self._loop, brief.budget, quiet=brief.quiet)

    # ---- the loop ----

    def run(self) -> None:
        """Work until told to stop."""
        self._watch.start()
        self.channel.send({"say": "ready"})
        try:
            while not self.stopping.requested:
                if not self.vitals.lease_holds():
                    self._hold()
                elif not self._cycle():
                    self._sleep()
            self._drain()
        except (WorkerError, StoreError) as error:
            self.stopping.die(error)
        self._sleeper.close()
        self.stopping.say_bye()

    def _cycle(self) -> bool:
        """Run what is at hand, and take a turn. False: there was nothing to do."""
        self.in_batch = True
        self._send_ahead()
        self._run_ready()
        self._gather()
        if not self._has_to_turn():
            return False
        asked_empty = not self.holding.anything()
        turn = self._take_turn()
        self._demand.learn(turn, asked_empty=asked_empty)
        self.vitals.set_state(BUSY, self.desk.turns, self.desk.jobs)
        self.stopping.request_if_due(self.desk.jobs)
        return bool(turn.claims or turn.more or self.desk.ready or self.desk.done or self.desk.returning)

    def _send_ahead(self) -> None:
        """With many claims at hand: have the store answer the next turn while they run."""
        if len(self.desk.ready) < STREAM or self.holding.lanes_busy() or self._demand.alone:
            return
        if (room := self._demand.room()) > 0:
            self.desk.send(room)

    def _gather(self) -> None:
        """Wait a moment for the fast jobs in the lanes: what ends together is settled, and replaced, in one turn."""
        until = time.monotonic() + _GATHER
        self._gathers = True
        while self.holding.lanes_run_fast() and not self.stopping.requested and (left := until - time.monotonic()) > 0:
            self._sleeper.nap(left)
        self._gathers = False

    def _has_to_turn(self) -> bool:
        """Whether there is something to tell the store, or to ask it for."""
        desk = self.desk
        has_news = desk.is_waiting or desk.done or desk.returning or self._demand.alone
        return bool(has_news or self._demand.room() > 0 or not self.holding.running())

    def _take_turn(self) -> Turn:
        """The turn that is under way, or else a new one."""
        if not self.desk.is_waiting:
            self.desk.send(self._demand.room())
        elif not self.holding.lanes_busy():  # what ends there until the answer comes would miss the next turn
            self.desk.prepare()
        self._watch.expect()
        return self.desk.receive() or self.desk.turn(self._demand.room())

    def _run_ready(self) -> None:
        """Start every claim that is at hand: on this thread one after the other, in the lanes all at once."""
        starting: Starting = {}
        if self.desk.ready:
            self._demand.seen_async = self._demand.seen_sync = False
        while not self.stopping.requested and (claim := self.desk.next_claim()) is not None:
            if not self.vitals.lease_holds():
                self.desk.give_back(claim)
                break
            if claim.token in self.holding.lost:
                self.holding.lost.discard(claim.token)
            else:
                self._take_up(Run(claim), starting)
        self._start(starting)

    def _take_up(self, run: Run, starting: Starting) -> None:
        """Prepare a claim, and run it here or line it up for a lane."""
        self.vitals.begin(0, run.claim.token, run.claim.id, run.started, _UNKNOWN_LIMIT)
        self._main.run = run
        outcome = self._read_envelope(run) if self._main.forks is not None else self._runner.prepare(run)
        if outcome is not None:
            if run.interrupted is not None:  # maybe in the middle of an import, which may leave modules half made
                self.stopping.request("recycled")
            self._finish_on_main(run, outcome)
        elif self._main.forks is None and (run.is_async or self._threads):
            self._leave_main()
            self._line_up(run, starting)
        else:
            self._demand.seen_sync = True
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
            self.vitals.set_limit(0, -1)  # the store may take its time: that is not the job's
            self.desk.clear((Held(run.claim.token, run.claim.id),))
            if self.stopping.requested or run.claim.token in self.holding.lost:
                self._leave_main()
                self.desk.give_back(run.claim)
                return
            run.started = time.monotonic_ns()
            self.vitals.begin(0, run.claim.token, run.claim.id, run.started, limit_of(run))
        elif run.options is not DEFAULT_RUN:
            self.vitals.set_limit(0, limit_of(run))
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
        self._main.run = None
        self.vitals.clear(0)

    def _line_up(self, run: Run, starting: Starting) -> None:
        self._demand.seen_async |= run.is_async
        self._demand.seen_sync |= not run.is_async
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
            if self.stopping.requested or run.claim.token in self.holding.lost:
                self.desk.give_back(run.claim)
            else:
                lane.start(run)
        if runs:
            self._watch.wake()

    def _record(self, run: Run, outcome: Outcome) -> None:
        """A run is over. Called on the thread that ran it."""
        if run.claim.token in self.holding.lost:
            self.holding.lost.discard(run.claim.token)
            self._log.taken_away(run)  # nobody waits for its outcome any more
        else:
            self.desk.done.append((run, outcome))

    def _wake(self) -> None:
        """Have the main thread look, if it sleeps and waits for no others, or somebody else if it is inside a job."""
        if not self._gathers or not self.holding.lanes_run_fast():
            self._pipe.wake()
        if self._main.run is not None:
            self._watch.wake()

    # ---- sleeping ----

    def _sleep(self) -> None:
        """Wait for a hint, for a lane, or for the supervisor. For a suspect that cannot be taken now: a second at most."""
        self.in_batch = False
        alone = self._demand.alone
        room = 0 if alone else self._demand.room()
        if not room:
            self._sleeper.stop_listening()
        if not self.holding.running():
            self.vitals.set_state(IDLE, self.desk.turns, self.desk.jobs)
            self._watch.rest()
        self._sleeper.sleep(room, at_most=1.0 if alone else None)

    def _hold(self) -> None:
        """The supervisor has not beaten for too long: start nothing, give back what has not begun, and look again soon."""
        self.desk.give_back_all()
        self._sleeper.stop_listening()
        if self.desk.returning or self.desk.done or self.holding.running() == 0:
            self.desk.turn(0)
        self._sleeper.nap(0.1)

    # ---- what the supervisor says ----

    def obey(self, message: dict[str, Any]) -> None:
        """Do what the supervisor says. Called on the watch's thread."""
        if message["do"] == "stop":
            self.stopping.request("stopped", float(message["grace"]))
        elif message["do"] == "lost":
            self.holding.lose(set(message["tokens"]))
        elif message["do"] == "reconnect":
            self._sleeper.reconnect()
        elif message["do"] == "quiet":
            self._demand.quiet = bool(message["on"])
            self._pipe.wake()

    # ---- stopping ----

    def tell_to_stop(self) -> None:
        """Stop, asked for by a signal: safe in a handler."""
        self.stopping.told = True
        self._watch.poke()

    def _wake_all(self) -> None:
        self._pipe.wake()
        self._watch.wake()

    def _drain(self) -> None:
        """Give back what has not begun, settle what has as it ends."""
        self.desk.give_back_all()
        self.desk.turn(0)
        self.desk.give_back_all()
        while self.holding.running() or self.desk.done or self.desk.returning:
            if not (self.desk.done or self.desk.returning):
                self._sleeper.nap(1.0)
            self.desk.turn(0)
        self._sleeper.stop_listening()
        self.vitals.set_state(BUSY, self.desk.turns, self.desk.jobs)


def _fork_server(settings: WorkerSettings) -> ForkServer:
    from winch.worker.forking import ForkServer

    return ForkServer(lambda: make_runner(settings), die_with)
