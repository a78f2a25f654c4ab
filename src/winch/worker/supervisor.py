"""The supervisor: a process that runs no user code and keeps executors alive.

Its loop sleeps until an executor says something or dies, a signal comes, or the clerk has an answer from the store. Then:

1. A signal or a command (`orders.py`): stop gently, stop at once, renew the executors one by one, claim nothing more.
2. A dead executor: its claims are retired, blaming only what was running, and it is replaced.
3. A job far over its time, or whose claim was taken away: its executor is killed for it.
4. A burst: stop when every executor is idle and the store has nothing left.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from winch.errors import StoreError
from winch.ids import new_id
from winch.polling import Pipe, readable
from winch.stores.contract import Beat, Store
from winch.worker.backoff import Backoff
from winch.worker.clerk import GIVEN_UP, Clerk
from winch.worker.crashes import CrashHooks
from winch.worker.hanging import Hanging
from winch.worker.identity import identify
from winch.worker.idleness import Idleness, Marks, marks_of
from winch.worker.interpreters import Interpreters
from winch.worker.orders import Orders
from winch.worker.orphans import name_orphans
from winch.worker.overdue import Overdue
from winch.worker.processes import ExecutorProcess, reap_strays
from winch.worker.retirement import retire
from winch.worker.settings import WorkerSettings
from winch.worker.signals import Signals
from winch.worker.vitals import LEASE_SHARE

__all__ = ["Supervisor"]

logger = logging.getLogger("winch.worker")

_KILL_AFTER = 3.0
"""Seconds between the end of a stop's grace and the kill."""

_CLERK_PATIENCE = 30.0
"""Seconds that one call of the clerk may take, or the ttl if that is longer. A call has a deadline of 2 s."""


class Supervisor:
    """See the module.

    Args:
        settings: What was asked of the worker.
        store: Of its own, opened.
        signals: Entered before the first process was started, so that none is missed.
        interpreters: Of which executors are made; some may have been started already.
    """

    def __init__(self, settings: WorkerSettings, store: Store, signals: Signals, interpreters: Interpreters) -> None:
        self.settings = settings
        self.name = settings.name or f"{socket.gethostname()}.{os.getpid()}"
        self.exit_status = 0
        self.jobs_done = 0
        self._store, self._signals, self._interpreters = store, signals, interpreters
        self._processes: list[ExecutorProcess] = []
        self._inbox: deque[tuple[str, Callable[[], None]]] = deque()
        self._pipe = Pipe()
        self._stopping = self._quiet = False
        self._signals_to_stop = 0
        self._renewing: deque[ExecutorProcess] = deque()
        self._backoff = Backoff()
        self._ever_ready = False
        self._writes_cron = bool(settings.cron)
        self._lease = 0
        self._idleness = Idleness()
        self._overdue = Overdue(settings.kill_grace)
        self._crash_hooks = CrashHooks(settings)
        self._asked_drained = False
        self._name_orphans_at = time.monotonic() + 2
        self._info, self._orders = identify(settings, self.name), Orders(self)
        self._clerk = self._hire()
        self._clerk_hangs = Hanging(max(_CLERK_PATIENCE, settings.worker_ttl))

    # ---- life ----

    def run(self) -> int:
        """Work until told to stop, or until the burst is over. Returns the exit status."""
        self._clerk.start()
        for _ in range(self.settings.processes):
            self._spawn()
        while self._processes or self._backoff.waiting or not self._stopping:
            self._wait()
            self._obey(self._signals.take())
            self._read_inbox()
            self._look_after_executors()
            for _ in range(self._backoff.take_due()):
                self._spawn()
            self._name_orphans()
            self._mind_the_clerk()
            self._crash_hooks.look()
            if not self._stopping:
                self._stop_if_done()
        self._dismiss()
        self._read_inbox()
        self._crash_hooks.finish()
        return self.exit_status

    def _hire(self, former: str = "") -> Clerk:
        """A clerk for the present identity. What it posts is dropped once the worker has come back under another."""
        worker = self._info.id

        def post(call: Callable[[], None]) -> None:
            self._inbox.append((worker, call))
            self._pipe.wake()

        calls = (self._on_beat, self._on_lost, self._on_back)
        clerk = Clerk(self._store, self._info, self._living, post, *calls, former)
        clerk.quiet = self._quiet
        return clerk

    def _living(self) -> list[str]:
        return [process.id for process in list(self._processes)]

    # ---- the loop's steps ----

    def _wait(self) -> None:
        sources = [self._signals, self._pipe, *(source for process in self._processes for source in process.sources())]
        readable(sources, self._tick())

    def _tick(self) -> float:
        """Seconds until the next look at the clock."""
        if self.settings.burst or self._stopping or self._backoff.waiting:
            return 0.05
        return min(1.0, self.settings.kill_grace / 4, self.settings.beat / 4)

    def _read_inbox(self) -> None:
        self._pipe.drain()
        while self._inbox:
            worker, call = self._inbox.popleft()
            if worker == self._info.id:
                call()

    def _obey(self, numbers: list[int]) -> None:
        for number in numbers:
            if number == getattr(signal, "SIGHUP", None) and not self._signals.has_lost_terminal():
                self.renew()
                continue
            self._signals_to_stop += 1
            if self._signals_to_stop > 1:
                self.exit_status = 130
            self.shut_down(now=self._signals_to_stop > 1)

    def shut_down(self, *, now: bool) -> None:
        """Stop because somebody says so: running jobs have the grace to finish, or are put back at once."""
        grace = 0.0 if now else self.settings.grace
        if now:
            logger.info("putting running jobs back")
        else:
            logger.info("stopping: running jobs have %g s to finish; a second signal puts them back at once", grace)
        self.stop(grace)

    def set_quiet(self, quiet: bool) -> None:
        """Claim nothing more, or claim again. It lasts until the other comes, also under a new id."""
        self._quiet = self._clerk.quiet = quiet
        for process in self._processes:
            process.set_quiet(quiet)

    def stop(self, grace: float) -> None:
        """Stop claiming; jobs have `grace` seconds to finish, then they are put back."""
        self._stopping = True
        self._backoff.clear()
        self._renewing.clear()
        for process in self._processes:
            process.stop(grace, _KILL_AFTER)

    # ---- executors ----

    def _spawn(self) -> None:
        """Start an executor: its process now, its work once the store has agreed to it."""
        self._interpreters.start(self.settings.processes - len(self._processes))
        executor = new_id()
        worker = self._info.id
        self._clerk.ask(lambda store: store.enlist_executor(worker, executor), lambda _none: self._start(executor))

    def _start(self, executor: str) -> None:
        budget = self._budget()
        if self._stopping or budget == 0:
            self._clerk.ask(lambda store: store.retire(executor))
            return
        try:
            interpreter = self._interpreters.take()
        except OSError as error:
            logger.error("an executor could not be started: %s", error)  # noqa: TRY400 - the text says it all
            self._clerk.ask(lambda store: store.retire(executor))
            self._backoff.start_later(early=True)
            return
        settings = self._settings_of_next()
        process = ExecutorProcess(interpreter, executor, settings, self.name, budget, self._quiet)
        process.vitals.extend(self._lease)
        self._processes.append(process)

    def _settings_of_next(self) -> WorkerSettings:
        """One executor, the first of each code, writes the cron entries of its modules before it works."""
        taken = any(process.settings.cron and not process.ready for process in self._processes)
        return self.settings if self._writes_cron and not taken else replace(self.settings, cron=())

    def _budget(self) -> int | None:
        """The share of `max_jobs` that the next executor may run; None without a limit."""
        if self.settings.max_jobs is None:
            return None
        granted = sum(process.budget or 0 for process in self._processes)
        left = self.settings.max_jobs - self.jobs_done - granted
        return max(left, 0) if left <= 1 else -(-left // max(self.settings.processes - len(self._processes), 1))

    def _look_after_executors(self) -> None:
        if self._renewing and len(self._processes) == self.settings.processes and all(p.works for p in self._processes):
            self._renew_next()
        for process in list(self._processes):
            if process not in self._processes:  # all of them went while we looked
                return
            self._look_after(process)
        if os.getpid() == 1:
            reap_strays([*(process.pid for process in self._processes), *self._interpreters.pids()])

    def _look_after(self, process: ExecutorProcess) -> None:
        process.listen()
        if process.ready:
            self._ever_ready = True
            self._writes_cron = self._writes_cron and not process.settings.cron
        if process.ended():
            self._bury(process)
        elif process.stop_by is not None and time.monotonic() > process.stop_by:
            process.kill()
        else:
            self._overdue.look(process)

    def _bury(self, process: ExecutorProcess) -> None:
        """An executor is dead: what it held is settled in one step, and it is replaced."""
        process.listen()
        self._processes.remove(process)
        self.jobs_done += process.vitals.head().jobs
        worker = self.name
        self._clerk.ask(lambda store: retire(store, process, worker), lambda _none: self._crash_hooks.tell(process))
        if process.failed_to_start and not self._ever_ready:
            self._fail_to_start(process.failure)
        elif process.bye == "lost":
            self._on_lost(GIVEN_UP)
        elif self._spent():
            if not self._stopping:
                logger.info("%d job(s) are done: stopping", self.jobs_done)
            self.stop(self.settings.grace)
        elif not self._stopping:
            self._replace(process)
        process.close()

    def _replace(self, process: ExecutorProcess) -> None:
        """Start a new executor; with a growing pause while they die before they have run anything."""
        if process.failed_to_start:
            logger.error("an executor could not start:\n%s", process.failure.rstrip())
        is_early = not process.ready or (process.vitals.head().turns == 0 and not process.left_in_order)
        self._backoff.start_later(early=is_early)

    def _fail_to_start(self, traceback: str) -> None:
        sys.stderr.write(traceback)
        logger.error("the executors cannot start: see the traceback above. Nothing has been claimed.")
        self.exit_status = 1
        self.stop(0.0)

    # ---- renewal ----

    def renew(self) -> None:
        """Replace the executors one by one."""
        logger.info("renewing %d executor(s), one by one, each once all others work", len(self._processes))
        self._renewing = deque(self._processes)
        self._interpreters.end()  # those that wait have imported the code of before
        for process in self._processes:
            process.settings = replace(process.settings, cron=())
        self._writes_cron = bool(self.settings.cron)

    def _renew_next(self) -> None:
        while self._renewing:
            process = self._renewing.popleft()
            if process in self._processes:
                process.stop(self.settings.grace, _KILL_AFTER)
                return

    # ---- what the store says ----

    def _on_beat(self, beat: Beat, sent: int) -> None:
        self._lease = sent + int(self.settings.worker_ttl * LEASE_SHARE * 1e9)
        for process in self._processes:
            process.vitals.extend(self._lease)
        for worker in beat.rescued:
            logger.warning("worker %s is gone: what it held runs again", worker)
        known = set(self._living())
        for stray in beat.strays:
            if stray not in known:
                self._clerk.ask(lambda store, stray=stray: store.retire(stray))
        number, at_once = self._orders.obey(beat.commands)
        self._clerk.acknowledge(number, at_once=at_once)

    def take_away(self, tokens: Sequence[int]) -> None:
        """Claims were taken away: their jobs are interrupted, and killed if that does not help."""
        self._overdue.take_away(tokens)
        for process in self._processes:
            process.lose(tokens)

    def _on_back(self) -> None:
        """The store has answered again: connections on which executors wait may be dead without having noticed."""
        for process in self._processes:
            process.reconnect()

    def _on_lost(self, why: str) -> None:
        """This worker's standing with the store is gone or unknown: everything stops and comes back under new ids."""
        if self._stopping:
            return
        logger.warning("%s: its jobs are stopped, and it comes back under a new id", why)
        for process in self._processes:
            process.kill()
            process.bye = process.bye or "stopped"
            process.ended()
            process.close()
        self._processes.clear()
        self._backoff.clear()
        self._renewing.clear()
        self._overdue.forget()
        self._asked_drained = False
        before, known_as = self._info.id, self._clerk.known_as
        self._clerk.leave()
        self._info, self._orders = identify(self.settings, self.name), Orders(self)
        self._clerk = self._hire(known_as)
        self._clerk.start()
        self._clerk.ask(lambda store: store.retire_worker(before))  # its enlistment may have had no answer
        for _ in range(self.settings.processes):
            self._spawn()

    def _dismiss(self) -> None:
        """Have the clerk take its leave of the store, if it still can; one that has failed is stood in for."""
        worker = self._info.id
        self._clerk.ask(lambda store: store.retire_worker(worker))
        self._clerk.leave()
        self._clerk.join(timeout=10)
        if self._clerk.failed:
            with contextlib.suppress(StoreError):
                self._store.retire_worker(worker)

    def _mind_the_clerk(self) -> None:
        """A clerk that hangs in a call beats no more: another one takes its place, under a new id."""
        if (hung_for := self._clerk_hangs.look(self._clerk.steps)) is not None:
            self._on_lost(f"a call of the store has not returned for {hung_for:.0f} s")

    # ---- people ----

    def _name_orphans(self) -> None:
        """Once a minute: queues that have jobs and no worker."""
        if self._stopping or time.monotonic() < self._name_orphans_at:
            return
        self._name_orphans_at = time.monotonic() + 60
        self._clerk.ask(name_orphans)

    # ---- when to stop ----

    def _stop_if_done(self) -> None:
        idle_for = self._idleness.look(self._processes, quiet=self._quiet)
        if idle_for is None:
            return
        limit = self.settings.max_idle_time
        if limit is not None and idle_for > limit:
            logger.info("no job for %g s: stopping", limit)
            self.stop(self.settings.grace)
        elif self.settings.burst and not self._asked_drained:
            self._asked_drained = True
            queues, marks = self.settings.queues, self._idleness.marks
            self._clerk.ask(lambda store: store.drained(queues), lambda drained: self._on_drained(drained, marks))

    def _on_drained(self, drained: bool, marks: Marks) -> None:
        self._asked_drained = False
        if drained and marks_of(self._processes) == marks and not self._stopping:
            logger.info("nothing is left to do: stopping")
            self._clerk.ask(name_orphans)
            self.stop(self.settings.grace)

    def _spent(self) -> bool:
        return self.settings.max_jobs is not None and self.jobs_done >= self.settings.max_jobs
