"""Who is alive, and what becomes of what the dead held."""
# A job's or a worker's `id` is called so here, as in the contract:
# ruff: noqa: A001

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from winch.errors import NotEnlisted, StoreUnavailable
from winch.stores.contract import (
    TURN_BATCH,
    Beat,
    Call,
    Command,
    Held,
    Outcome,
    Retired,
    StaleCall,
    Waiter,
    WorkerInfo,
    WorkerRecord,
)
from winch.stores.sqlite.base import Verbs
from winch.stores.sqlite.faults import StoreFull
from winch.stores.sqlite.limits import release
from winch.stores.sqlite.queues import claimable, unpaused
from winch.stores.sqlite.settle import Seat, settle
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.steps import command, fire, jobs, lapse, lift, next_due, promote
from winch.stores.sqlite.transaction import Snapshot, Transaction, as_array
from winch.stores.sqlite.upkeep import clear_suspects, prune, sample, trim
from winch.stores.sqlite.waiter import SQLiteWaiter

__all__ = ["LivenessVerbs"]


class Worker(NamedTuple):
    """What a beat must know of a worker."""

    number: int
    id: str
    queues: str
    ttl: int
    interval: int
    beat_at: int
    since: int


class LivenessVerbs(Verbs):
    """The contract's `Liveness`."""

    def enlist(self, worker: WorkerInfo, *, former: str = "", call: Call | None = None) -> int:
        """Register a worker; its beat and its `since` are now. It inherits the commands of its former self."""

        def step(tx: Transaction) -> int:
            if tx.one(q.is_or_was_worker, worker.id):
                raise StaleCall(f"there is or has been a worker {worker.id}; a worker that comes back needs a new id")
            values = {name: getattr(worker, name) for name in WorkerInfo.__slots__}
            tx.db.execute(q.enlist_worker, values | {"queues": json.dumps(worker.queues), "now": tx.now})
            me = _enlisted(tx, worker.id)
            for name in _take_orders(tx, former):
                command(tx, me.number, me.id, name)
            return tx.now

        return self._once(call, step)

    def enlist_executor(self, worker: str, executor: str, *, call: Call | None = None) -> None:
        """Allow an executor of this worker to take turns."""

        def step(tx: Transaction) -> None:
            tx.db.execute(q.enlist_executor, (executor, _enlisted(tx, worker).number))

        self._once(call, step)

    def beat(
        self,
        worker: str,
        number: int,
        executors: Sequence[str],
        acknowledged: int = 0,
        gone: Sequence[str] = (),
        quiet: bool = False,
    ) -> Beat:
        """Say that a worker and these executors are alive; rescue, re-arm and clean up on the way."""
        call = Call(worker, number)

        def take(*, upkeep: bool = True) -> tuple[Any, ...]:
            with self._database.write() as tx:
                me = _enlisted(tx, worker)
                if kept := tx.kept(call):
                    return kept[0]
                answer = _beat(tx, me, executors, acknowledged, gone, quiet=quiet, upkeep=upkeep)
                tx.keep(call, answer)
                return answer

        try:
            answer = take()
        except StoreFull:  # to clean up and to count needs space; to live must not
            self._database.make_room()
            answer = take(upkeep=False)
        now, strays, commands, due, rescued, cron = answer
        for id in rescued:
            self._database.bells.remove(id)
        with suppress(StoreUnavailable, StoreFull):  # the beat is written; the next one trims as well
            trim(self._database)
        return Beat(now, tuple(strays), tuple(Command(*each) for each in commands), due, tuple(rescued), cron)

    def promote(self, *, call: Call | None = None) -> int | None:
        """Fire and promote over all queues. Returns milliseconds until the next due job (0: there are more)."""

        def step(tx: Transaction) -> int | None:
            names = tx.column(q.queues)
            fire(tx, TURN_BATCH)
            lift(tx)
            promote(tx, names, TURN_BATCH)
            release(tx)
            return 0 if tx.one(q.is_firing) else next_due(tx, names)

        return self._once(call, step)

    def retire(
        self,
        executor: str,
        *,
        outcomes: Sequence[Outcome] = (),
        crashed: bool = False,
        begun: Sequence[Held] = (),
        detail: str = "",
        call: Call | None = None,
    ) -> Retired:
        """End an executor's enlistment: settle these outcomes, then let every claim it still holds lapse, in one step."""

        def retired(outcomes: Sequence[Outcome]) -> Retired:
            def step(tx: Transaction) -> Retired:
                row = tx.db.execute(q.seat, (executor,)).fetchone()
                return _retire(tx, Seat(*row), outcomes, begun, crashed, detail) if row else Retired((), (), ())

            returned, suspects, charged = self._once(call, step)
            return Retired(tuple(returned), tuple(suspects), tuple(charged))

        try:
            return retired(outcomes)
        except StoreFull as full:
            return self._thriftily(full, outcomes, retired)

    def retire_worker(self, worker: str, *, call: Call | None = None) -> None:
        """End a worker's enlistment, and that of executors it still has, whose claims return without blame."""

        def step(tx: Transaction) -> None:
            for me in _workers(tx, worker):
                lapse(tx, jobs(tx, q.jobs_held_by_worker, me.number), crashed=False)
                _dismiss(tx, me)

        self._once(call, step)
        self._database.bells.remove(worker)

    def workers(self) -> list[WorkerRecord]:
        """All workers, by name. Also the dead that nobody has rescued yet."""
        with self._database.read() as at:
            return [_record(at, row) for row in at.db.execute(q.worker_records).fetchall()]

    def hints(self, worker: str) -> Waiter:
        """Something for a supervisor to sleep on: readable when a command came or an earlier job became due."""
        bells = self._database.bells
        return SQLiteWaiter(self._database, lambda: bells.listen(worker=worker), News(worker))

    def drained(self, queues: Sequence[str]) -> bool:
        """Whether nothing is left for a burst."""
        with self._database.read() as at:
            left = at.one(q.is_firing) or at.one(q.dead_hold, at.now, as_array(queues))
            return not (left or any(claimable(at, queues)) or _is_any_blocked(at, queues))


class News:
    """Whether there is something that a supervisor has not been told: a command, a time that is due earlier, a cron table.

    A due time that has passed is known to nobody any more: what is due next is news, however late it is.
    """

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._command = 0
        self._cron: int = 0
        self._due: int | None = None

    def __call__(self, at: Snapshot) -> bool:
        """Look."""
        found = _workers(at, self._worker)
        if not found:
            return True  # a beat tells the supervisor that it was rescued
        command: int = at.one(q.last_command, found[0].number) or 0
        left = next_due(at, json.loads(found[0].queues))
        due = None if left is None else at.now + left
        earlier = due is not None and (self._due is None or self._due <= at.now or due < self._due)
        cron: int = at.one(q.cron_version)
        news = command > self._command or earlier or cron != self._cron
        self._command, self._due, self._cron = max(command, self._command), due, cron
        return news


# ---- the steps of these verbs ---------------------------------------------------------------------------------------


def _workers(at: Snapshot, id: str) -> list[Worker]:
    """The worker of that id, if there is one."""
    return [Worker(*row) for row in at.db.execute(q.worker, (id,))]


def _is_any_blocked(at: Snapshot, queues: Sequence[str]) -> bool:
    """Whether a job waits for a limit, in a queue that is not paused."""
    return any(at.one(q.has_blocked, name) for name in unpaused(at, queues))


def _enlisted(tx: Transaction, id: str) -> Worker:
    for worker in _workers(tx, id):
        return worker
    raise NotEnlisted(f"the worker {id} is not enlisted, or not any more")


def _take_orders(tx: Transaction, id: str) -> list[str]:
    """What a worker that is, or was within the hour, has been told and has not done. It will not be told again."""
    for worker in _workers(tx, id):
        names: list[str] = tx.column(q.orders, worker.number)
        tx.db.execute(q.drop_orders, (worker.number,))
        return names
    kept = tx.db.execute(q.former_orders, (id,)).fetchone()
    tx.db.execute(q.drop_former_orders, (id,))
    return json.loads(kept[0]) if kept else []


def _beat(
    tx: Transaction,
    me: Worker,
    executors: Sequence[str],
    acknowledged: int,
    gone: Sequence[str],
    *,
    quiet: bool,
    upkeep: bool,
) -> tuple[Any, ...]:
    """All that a beat does, in the contract's order. Returns the fields of `Beat`."""
    tx.db.execute(q.drop_commands, (me.number, acknowledged))
    since = tx.now if tx.now - me.beat_at > 2 * me.interval else me.since
    tx.db.execute(q.clip_beats, (tx.now, tx.now))
    tx.db.execute(q.beat, (tx.now, since, quiet, me.number))
    rescued = _rescue_dead(tx, me, gone, judges=tx.now - since >= me.ttl)
    names = tx.column(q.queues)
    fire(tx, TURN_BATCH)
    lift(tx)
    promote(tx, names, TURN_BATCH)
    tx.loosened.update(tx.column(q.waited_keys, TURN_BATCH))
    release(tx)
    if upkeep:
        clear_suspects(tx, names)
        prune(tx)
        sample(tx, names)
    tx.ready.update(claimable(tx, names))
    strays = [id for id in tx.column(q.crew, me.number) if id not in set(executors)]
    commands = tx.db.execute(q.commands, (me.number,)).fetchall()
    return tx.now, strays, commands, next_due(tx, json.loads(me.queues)), rescued, tx.one(q.cron_version)


def _rescue_dead(tx: Transaction, me: Worker, gone: Sequence[str], *, judges: bool) -> list[str]:
    """Free what the dead held: those whose process is known to be gone, and, if we may judge, those without a beat."""
    dead = {id: worker for id in gone for worker in _workers(tx, id)}
    if judges:
        dead |= {row[1]: Worker(*row) for row in tx.db.execute(q.dead_workers, (tx.now,)).fetchall()}
    dead.pop(me.id, None)
    for id in sorted(dead):
        _rescue(tx, dead[id])
    return sorted(dead)


def _rescue(tx: Transaction, worker: Worker) -> None:
    claims = jobs(tx, q.jobs_held_by_worker, worker.number)
    charged = [job for job in claims if job.suspect]
    # What had begun beside it in other executors may be to blame all the same.
    begun = [job for job in claims if job.begun and not job.suspect]
    suspects = begun or ([] if charged else claims)
    lapse(tx, claims, crashed=True, charged=charged, suspects=suspects)
    _dismiss(tx, worker)


def _dismiss(tx: Transaction, worker: Worker) -> None:
    """End an enlistment; for an hour nobody may come back under that id."""
    tx.db.execute(q.remember_worker, (worker.id, tx.now, json.dumps(tx.column(q.orders, worker.number))))
    tx.db.execute(q.delete_worker, (worker.number,))


def _retire(
    tx: Transaction, seat: Seat, outcomes: Sequence[Outcome], begun: Sequence[Held], crashed: bool, detail: str
) -> Retired:
    settle(tx, seat, outcomes)
    tx.db.executemany(q.seen_begun, [(seat.number, held.token, held.id) for held in begun])
    claims = jobs(tx, q.jobs_held, seat.number)
    began = [job for job in claims if job.begun]
    charged = began if crashed and len(began) == 1 else []
    suspects = (began or claims) if crashed and not charged else []
    retired = lapse(tx, claims, crashed=crashed, charged=charged, suspects=suspects, detail=detail)
    tx.db.execute(q.delete_executor, (seat.number,))
    return retired


def _record(at: Snapshot, row: tuple[Any, ...]) -> WorkerRecord:
    number, started_at, beat_at, finished, failed, run_ms, queues, *values = row
    id, name, host, boot, pid, pid_start, version, ttl, interval, processes, quiet = values
    names = tuple(json.loads(queues))
    info = WorkerInfo(id, name, host, boot, pid, pid_start, names, version, ttl, interval, processes)
    crew, held = tuple(at.column(q.crew, number)), tuple(at.column(q.worker_holds, number))
    age = at.now - beat_at
    commands = tuple(Command(*each) for each in at.db.execute(q.commands, (number,)))
    return WorkerRecord(info, age, started_at, age < ttl, crew, held, finished, failed, run_ms, quiet == 1, commands)
