"""A worker inside the caller's process, for `is_async=False` and for tests: it runs jobs on the thread that asks for it.

1. It is enlisted like any other worker: where its process dies on the way, its claims lapse and nothing is lost.
2. It claims a job, runs it as every executor does (`run.py`), and settles it. Errors of a job are recorded, not raised; a
   KeyboardInterrupt is both.
3. A thread beats meanwhile, and interrupts a job that is over its time or was taken away (`guard.py`).
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextvars import copy_context
from dataclasses import replace
from functools import cache
from itertools import count
from types import TracebackType
from typing import Any, Self

from winch.callables.paths import unwrap_task
from winch.identity import boot_id, process_start
from winch.ids import callback_id, new_id
from winch.job import local_admission
from winch.running.guard import BEAT, TTL, Guard
from winch.running.handlers import Handler
from winch.running.interrupting import raise_in_thread
from winch.running.run import Run, Runner
from winch.states import JobStatus
from winch.stores.contract import CallbackEvent, Claim, Outcome, OutcomeKind, Store, WorkerInfo
from winch.version import VERSION

__all__ = ["InlineWorker", "run_here"]

PATIENCE = 1.0
"""Seconds between two looks at a job that another worker was quicker to take."""

LOOKED_AT = 8
"""Callbacks that are looked for at a time. Not every place is taken: some are for each attempt, the others for the end."""

_EVENTS: Mapping[OutcomeKind, CallbackEvent] = {
    "finished": "success",
    "repeat": "success",
    "failed": "failure",
    "retry": "failure",
    "stopped": "stopped",
}


def run_here(store: Store, ids: Sequence[str], functions: Mapping[str, Any]) -> None:
    """Run those of these jobs that are queued, here and now, one after the other.

    A job that another worker took first is waited for.

    Args:
        store: Where they are.
        ids: Theirs.
        functions: By path, those that are at hand.
    """
    with InlineWorker(store, functions) as worker:
        for job in ids:
            worker.run(job)
            while (record := store.get([job])[0]) and record.state in (JobStatus.QUEUED, JobStatus.STARTED):
                store.await_end([job], PATIENCE)


class InlineWorker:
    """See the module. A context manager; one thread at a time may use it.

    Args:
        store: Where the jobs are.
        functions: By path, those that need not be imported.
        name: As others see it; the default is made of host and pid.
        queues: As others see them.
        handlers: Are told of every attempt that failed.
        nudge: Gets this thread out of a blocked call, once an exception waits for it.
    """

    def __init__(
        self,
        store: Store,
        functions: Mapping[str, Any] | None = None,
        name: str = "",
        queues: Sequence[str] = (),
        handlers: Sequence[Handler] = (),
        nudge: Callable[[], object] | None = None,
    ) -> None:
        self._nudge = nudge
        self._store = store
        self._runner = Runner(store, local_admission(), handlers)
        for path, function in (functions or {}).items():
            self._runner.know(path, unwrap_task(function))
        known = _identity(os.getpid())
        self._info = replace(known, id=new_id(), name=name or known.name, queues=tuple(queues))
        self._executor, self._turns = new_id(), 0
        self._guard = Guard(store, self._info.id, self._executor)

    def __enter__(self) -> Self:
        self._store.enlist(self._info)
        self._store.enlist_executor(self._info.id, self._executor)
        self._guard.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._guard.stop()
        self._store.retire_worker(self._info.id)

    def run(self, id: str) -> None:
        """Run a job, its callbacks, and at once every retry that its policy asks for.

        A delay that the job asks for itself (`RetryLater`), or that its `Repeat` does, is kept: then it waits.
        """
        while claim := self._store.take(self._executor, id):
            run, outcome = self._attempt(claim)
            if outcome.kind == "retry" and outcome.counts:
                outcome = outcome._replace(delay=0)
            self._turn((), (run, outcome))
            for callback in (*self._callbacks_of(claim, outcome), *self._completion_of(claim)):
                self.run(callback)

    @property
    def told(self) -> Set[str]:
        """Names of the commands that the worker was given."""
        return self._guard.told

    def claim(self, queues: Sequence[str]) -> Claim | None:
        """The next job of these queues, None if there is none."""
        return self._turn(queues)

    def perform(self, claim: Claim) -> Outcome:
        """Run a job that was claimed, and settle it."""
        run, outcome = self._attempt(claim)
        self._turn((), (run, outcome))
        return outcome

    def perform_callbacks(self, claim: Claim, outcome: Outcome) -> None:
        """Run the callbacks that the end of a job made, ahead of everything else."""
        for callback in self._callbacks_of(claim, outcome):
            self.run(callback)

    def _callbacks_of(self, claim: Claim, outcome: Outcome) -> Iterator[str]:
        """The callback jobs that the end of a claim made: their ids are known, how many there are is not."""
        event = _EVENTS.get(outcome.kind)
        if event is None:
            return
        end = claim.id, event, claim.created_at, claim.attempts + 1
        for first in count(0, LOOKED_AT):
            ids = [callback_id(*end, place) for place in range(first, first + LOOKED_AT)]
            found = [record.id for record in self._store.get(ids) if record is not None]
            if not found:
                return
            yield from found

    def _completion_of(self, claim: Claim) -> Iterator[str]:
        """The job of the completion of the claim's group, if it is completed."""
        group = self._store.get_groups([claim.group])[0] if claim.group else None
        if group is not None and group.completed_at:
            yield callback_id(group.id, "complete", group.created_at, group.completions)

    def run_ready(self, queues: Callable[[], Sequence[str]]) -> Iterator[Claim]:
        """Run what these queues hand out, one job after the other, until there is nothing. Yields each claim afterwards.

        Args:
            queues: Asked before each claim, for jobs may make queues.
        """
        claim = self._turn(queues())
        while claim or self._store.promote() == 0:  # children may still have to hear of an end
            ran, end = claim, self._attempt(claim) if claim else None
            claim = self._turn(queues(), end)
            if ran:
                yield ran

    def _turn(self, queues: Sequence[str], end: tuple[Run, Outcome] | None = None) -> Claim | None:
        """Settle, and claim one job of these queues."""
        outcomes = () if end is None else (end[1],)
        while True:
            self._turns += 1
            room = 1 if queues else 0
            turn = self._store.turn(self._executor, self._turns, outcomes, (), queues, room, {})
            if end and end[0].interrupted is KeyboardInterrupt:
                raise KeyboardInterrupt
            if turn.claims or not turn.more:
                return turn.claims[0] if turn.claims else None
            outcomes = ()

    def _attempt(self, claim: Claim) -> tuple[Run, Outcome]:
        run = Run(claim)
        outcome = self._runner.prepare(run)
        if outcome is None:
            outcome = self._run_async(run) if run.is_async else self._run_sync(run)
        return run, outcome

    def _run_sync(self, run: Run) -> Outcome:
        ident = threading.get_ident()

        def interrupt(kind: type[BaseException]) -> None:
            raise_in_thread(ident, kind)
            if self._nudge:
                self._nudge()

        with self._guard.over(run, interrupt) as watched:
            # In a context of its own: the caller is no job afterwards.
            watched.outcome = copy_context().run(self._runner.perform, run)
        return watched.outcome or self._runner.failed(run, run.interrupted() if run.interrupted else RuntimeError())

    def _run_async(self, run: Run) -> Outcome:
        """On a loop of its own; where this thread has one already, on another thread that is waited for."""
        outcomes: list[Outcome] = []
        context = copy_context()

        def work() -> None:
            outcomes.append(context.run(asyncio.run, self._perform_async(run)))

        if _loop_runs_here():
            thread = threading.Thread(target=work, name="winch-inline")
            thread.start()
            thread.join()
        else:
            work()
        return outcomes[0]

    async def _perform_async(self, run: Run) -> Outcome:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        with self._guard.over(run, lambda _: task and loop.call_soon_threadsafe(task.cancel)):
            return await self._runner.perform_async(run)


def _loop_runs_here() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@cache
def _identity(pid: int) -> WorkerInfo:
    """All but the id: looked up once per process."""
    host, times = socket.gethostname(), (round(TTL * 1000), round(BEAT * 1000))
    name = f"inline.{host}.{pid}"
    return WorkerInfo("", name, host, boot_id(), pid, process_start(pid), (), VERSION, *times, 1)
