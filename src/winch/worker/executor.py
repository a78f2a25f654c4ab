"""An executor: a process that claims, runs and settles jobs. Started by the supervisor as `python -m winch.worker.executor`.

1. Reads its brief, ties its life to the supervisor's, imports what it was told to.
2. Takes a turn: settles what is done, claims what should start within 10 ms.
3. Runs what it claimed: sync jobs on this thread or in a pool, `async def` jobs on a loop.
4. Sleeps on the store's hint when there is nothing to do.
5. Told to stop, gives back what has not begun, waits for the rest, settles it, and leaves.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import NoReturn

from winch import codec
from winch.errors import DecodeError, JobInterrupted, StoreError, WorkerError
from winch.job import use_admission
from winch.running.run import Run, Runner
from winch.stores import open_store
from winch.stores.contract import Held, Outcome, Waiter
from winch.worker import log
from winch.worker.channel import Brief, Channel
from winch.worker.desk import Desk
from winch.worker.forking import ForkServer
from winch.worker.lanes import Lane, LoopLane, ThreadLane, limit_of
from winch.worker.pace import Pace
from winch.worker.rule import admission_of
from winch.worker.settings import WorkerSettings
from winch.worker.vitals import BUSY, IDLE, LEASE_SHARE, Vitals, clock
from winch.worker.watch import MainLane, Watch

__all__ = ["EXIT_LOST", "Executor", "main"]

EXIT_LOST = 3
"""The exit status of an executor that the store has given up on."""

STREAM = 50
"""With this many claims at hand the next turn is sent before they run."""

_UNKNOWN_LIMIT = int(180e9)
"""Until a job's options are decoded: the default time limit, so that an import that hangs is killed too."""

_PR_SET_PDEATHSIG = 1

logger = logging.getLogger("winch.worker")


class Executor:
    """See the module.

    Args:
        brief: What to do.
        channel: To the supervisor.
    """

    def __init__(self, brief: Brief, channel: Channel) -> None:
        settings = brief.settings
        forks = ForkServer(lambda: _make_runner(settings), _die_with) if settings.isolation == "fork" else None
        self.channel = channel
        self.lost: set[int] = set()
        self.stop_at: int | None = None
        self.in_batch = False
        self.why = "stopped"
        self._settings, self._budget = settings, brief.budget
        self._stopping, self._abandon = threading.Event(), threading.Event()
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_in, False)
        os.set_blocking(self._wake_out, False)
        lanes_of_threads = 0 if settings.threads == 1 else settings.threads
        self._vitals = Vitals(brief.vitals, 1 + lanes_of_threads + settings.async_jobs)
        self._pace = Pace()
        # Two stores on purpose: while a turn is under way, jobs may talk to the store too.
        store = open_store(settings.url, deadline=2.0)
        self._runner = _make_runner(settings)
        self.desk = Desk(
            store,
            brief.executor,
            settings.queues,
            settings.order,
            self._pace,
            log.JobLog(brief.worker_name, quiet=settings.quiet),
            self._abandon,
        )
        self._store, self._waiter, self._stale = store, store.waiter(settings.queues), False
        self.main = MainLane()
        self.main.forks = forks
        self._threads = (
            ThreadLane(self._runner, self._vitals, self._done, lanes_of_threads, 1) if lanes_of_threads else None
        )
        self._loop = LoopLane(self._runner, self._vitals, self._done, settings.async_jobs, 1 + lanes_of_threads)
        self.lanes: tuple[Lane, ...] = (self._threads, self._loop) if self._threads else (self._loop,)
        self._seen_async = self._seen_sync = self._alone = False
        self._watch = Watch(self)

    # ---- the loop ----

    def run(self) -> None:
        """Work until told to stop."""
        self._watch.start()
        self.channel.send({"say": "ready"})
        try:
            while not self._stopping.is_set():
                if not self._lease_holds():
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
        room = self._room()
        if len(self.desk.ready) >= STREAM and not self.lanes_busy():
            self.desk.send(room)
        self._run_ready()
        turn = self.desk.receive() or self.desk.turn(self._room())
        self._alone = turn.alone
        self._vitals.set_state(BUSY, self.desk.turns, self.desk.jobs)
        self._recycle_if_due()
        return bool(turn.claims or turn.more or self.desk.ready or self.desk.done or self.desk.returning)

    def _run_ready(self) -> None:
        """Start every claim that is at hand: on this thread one after the other, in the lanes all at once."""
        starting: list[Run] = []
        if self.desk.ready:
            self._seen_async = self._seen_sync = False
        self.in_batch = True
        self._watch.wake()
        while not self._stopping.is_set() and (claim := self.desk.next_claim()) is not None:
            if self._vitals.lease() < clock():
                self.desk.give_back(claim)
                break
            run = Run(claim)
            self._vitals.begin(0, claim.token, claim.id, run.started, _UNKNOWN_LIMIT)
            self.main.run, self.main.marked = run, claim.suspect
            if self.main.forks is not None:
                self._run_forked(run)
                continue
            outcome = self._runner.prepare(run)
            if outcome is not None:
                self._finish_on_main(run, outcome)
            elif run.is_async or self._threads:
                self._leave_main()
                self._line_up(run, starting)
            else:
                self._seen_sync = True
                self._perform_on_main(run)
        self._start(starting)
        self.in_batch = False

    def _perform_on_main(self, run: Run) -> None:
        self._vitals.set_limit(0, limit_of(run))
        if not self.main.marked and self._pace.needs_mark(run.function):
            self.main.marked = True
            self.desk.clear((Held(run.claim.token, run.claim.id),))
        perform = self._runner.perform if self.main.forks is None else self.main.forks.perform
        self._finish_on_main(run, perform(run))

    def _run_forked(self, run: Run) -> None:
        """Run a claim in a process of its own; only its envelope is read here."""
        with contextlib.suppress(DecodeError):
            head = codec.head(run.claim.payload)
            run.function, run.options = head.function, head.run
        self._perform_on_main(run)

    def _finish_on_main(self, run: Run, outcome: Outcome) -> None:
        slow = self.main.marked
        self._leave_main()
        self.desk.done.append((run, outcome))
        if slow:
            self._watch.wake()

    def _leave_main(self) -> None:
        self.main.run = None
        self._vitals.clear(0)

    def _line_up(self, run: Run, starting: list[Run]) -> None:
        self._seen_async |= run.is_async
        self._seen_sync |= not run.is_async
        lane = self._lane_of(run)
        if lane.free() > sum(other.is_async == run.is_async for other in starting):
            starting.append(run)
        else:
            self.desk.give_back(run.claim)

    def _lane_of(self, run: Run) -> Lane:
        return self._loop if run.is_async or self._threads is None else self._threads

    def _start(self, starting: list[Run]) -> None:
        """Start jobs in their lanes, the new and slow ones marked as begun first, in one turn."""
        marks = [
            Held(run.claim.token, run.claim.id)
            for run in starting
            if not run.claim.suspect and self._pace.needs_mark(run.function)
        ]
        if marks:
            self.desk.turn(0, marks)
        for run in starting:
            self._lane_of(run).start(run)
        if starting:
            self._watch.poke()

    def _done(self, run: Run, outcome: Outcome) -> None:
        """A lane has run a job. Called on the lane's thread."""
        self.desk.done.append((run, outcome))
        self.wake()
        if self.main.run is not None:
            self._watch.wake()

    # ---- how much to claim ----

    def _room(self) -> int:
        """How many jobs to ask for: what should start within 10 ms in the lanes that were of use lately."""
        room = self._threads.free() if self._threads else self._pace.room()
        if self._seen_async:
            room = min(room, self._loop.free()) if self._seen_sync else self._loop.free()
        if self._budget is not None:
            room = min(
                room, self._budget - self.desk.jobs - len(self.desk.done) - len(self.desk.ready) - self.running()
            )
        return max(min(room, 100), 0)

    def running(self) -> int:
        """How many jobs are running."""
        return sum(len(lane.runs) for lane in self.lanes) + (self.main.run is not None)

    def lanes_busy(self) -> bool:
        """Whether a lane besides the main thread runs jobs."""
        return any(lane.runs for lane in self.lanes)

    # ---- sleeping and waking ----

    def wake(self) -> None:
        """Have the main thread look, if it sleeps."""
        try:
            os.write(self._wake_out, b"x")
        except BlockingIOError:
            return

    def _sleep(self) -> None:
        """Wait for a hint, for a lane, or for the supervisor. For a suspect that cannot be taken now: a second at most."""
        room = self._room()
        listen = room > 0 and not self._alone
        if not listen and self._waiter.disarm():
            self.desk.turn(0)
        if not self.running():
            self._vitals.set_state(IDLE, self.desk.turns, self.desk.jobs)
        if self._stale:
            self._stale = False
            self._waiter.close()
            self._waiter = self._store.waiter(self._settings.queues)
        if listen:
            self._waiter.arm()
        sources: list[int | Waiter] = [self._wake_in, *([self._waiter] if listen else [])]
        while not self._stopping.is_set() and self._lease_holds():
            readable, _, _ = select.select(sources, [], [], self._longest_sleep(listen))
            if self._wake_in in readable:
                os.read(self._wake_in, 4096)
                return
            if not listen or self._waiter.take():
                return

    def _longest_sleep(self, listen: bool) -> float | None:
        if self._alone:
            return 1.0
        return self._waiter.poll if listen else None

    def _lease_holds(self) -> bool:
        return clock() < self._vitals.lease()

    def _hold(self) -> None:
        """The supervisor has not beaten for too long: start nothing, give back what has not begun, and look again soon."""
        self.desk.give_back_all()
        if self.desk.returning or self.desk.done or self.running() == 0:
            self.desk.turn(0)
        select.select([self._wake_in], [], [], 0.1)

    # ---- stopping ----

    def request_stop(self, why: str, grace: float) -> None:
        """Stop claiming; jobs that still run after `grace` seconds are interrupted. Safe from any thread; again shortens it."""
        deadline = time.monotonic_ns() + int(grace * 1e9)
        if not self._stopping.is_set():
            self.why = why
        self.stop_at = deadline if self.stop_at is None else min(deadline, self.stop_at)
        self._stopping.set()
        self.wake()
        self._watch.wake()

    def lose(self, token: int) -> None:
        """A claim was taken away: forget it, or interrupt the job."""
        self.lost.add(token)
        self.desk.drop(token)
        self._watch.wake()

    def _drain(self) -> None:
        """Give back what has not begun, settle what has as it ends."""
        self.desk.give_back_all()
        self.desk.turn(0)
        self.desk.give_back_all()
        self._waiter.disarm()
        while self.running() or self.desk.done or self.desk.returning:
            if not (self.desk.done or self.desk.returning):
                select.select([self._wake_in], [], [], 1.0)
                self._empty_wake_pipe()
            self.desk.turn(0)

    def _empty_wake_pipe(self) -> None:
        try:
            os.read(self._wake_in, 4096)
        except BlockingIOError:
            return

    def _recycle_if_due(self) -> None:
        settings = self._settings
        if self._budget is not None and self.desk.jobs >= self._budget:
            self.request_stop("spent", settings.grace)
        elif settings.max_jobs_per_executor is not None and self.desk.jobs >= settings.max_jobs_per_executor:
            self.request_stop("recycled", settings.grace)
        elif settings.max_memory is not None and _resident_bytes() > settings.max_memory:
            logger.info("this executor uses more than %d bytes: replaced", settings.max_memory)
            self.request_stop("recycled", settings.grace)

    def interrupt_all(self) -> None:
        """Have every running job make way."""
        if (run := self.main.run) is not None:
            self.main.interrupt(run, JobInterrupted)
        for lane in self.lanes:
            for run in list(lane.runs.values()):
                lane.interrupt(run, JobInterrupted)

    def lease_left(self) -> int:
        """Nanoseconds until the worker's ttl is over: the lease ends before it, by the supervisor's margin."""
        margin = int(self._settings.worker_ttl * (1 - LEASE_SHARE) * 1e9)
        return self._vitals.lease() + margin - clock()

    def reconnect(self) -> None:
        """Listen to the store on a new connection. Safe from any thread."""
        self._stale = True
        self.wake()

    def abandon(self) -> None:
        """There is no more time to wait for the store."""
        self._abandon.set()

    def supervisor_gone(self) -> NoReturn:
        """The supervisor is dead: so are its executors, and all that they started."""
        os.killpg(0, signal.SIGKILL)
        os._exit(1)

    def die(self, error: Exception) -> NoReturn:
        """The store has given this executor's jobs to others: stop them by leaving at once."""
        logger.warning("%s", error)
        self.channel.send({"say": "bye", "why": "lost"})
        logging.shutdown()
        os._exit(EXIT_LOST)


def _make_runner(settings: WorkerSettings) -> Runner:
    admission = admission_of(settings)
    admission.describe()  # looks at what is installed, once per process
    use_admission(admission)
    return Runner(open_store(settings.url, deadline=5.0), admission)


def _resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _die_with(supervisor: int) -> None:
    """Have the kernel end this process when the supervisor's main thread ends (Linux); the channel's end does it elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)


def _prepare_process(brief: Brief) -> None:
    _die_with(brief.supervisor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.environ["WINCH_URL"] = brief.settings.url  # what jobs enqueue goes to the store they came from
    for path in reversed(brief.settings.paths):
        sys.path.insert(0, str(Path(path).resolve()))
    codec.permit_pickle(brief.settings.pickle)
    log.set_up(brief.settings.log_level, brief.settings.log_format)


def main() -> int:
    """The process: returns its exit status."""
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    brief = Brief.from_message(channel.receive()[0])
    for descriptor in (channel.fileno(), brief.vitals):
        os.set_inheritable(descriptor, False)  # not for the processes that jobs start
    _prepare_process(brief)
    try:
        for name in brief.settings.imports:
            importlib.import_module(name)
        executor = Executor(brief, channel)
    except BaseException:
        channel.send({"say": "failed", "traceback": traceback.format_exc()})
        return 1
    signal.signal(signal.SIGTERM, lambda _number, _frame: executor.request_stop("recycled", brief.settings.grace))
    executor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
