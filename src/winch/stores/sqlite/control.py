"""What people and programs ask and tell."""
# A job's or a worker's `id` is called so here, as in the contract:
# ruff: noqa: A001

from __future__ import annotations

from collections.abc import Sequence

from winch.errors import InvalidJobOperation, NoSuchJob, NotEnlisted, WorkerError
from winch.states import ENDED, JobStatus
from winch.states import STATES as EVERY_STATE
from winch.stores.contract import COMMANDS, Call, JobRecord, LimitRecord, MetricRow, TallyKey
from winch.stores.sqlite.base import Verbs
from winch.stores.sqlite.codes import CODES, STATES, is_ended
from winch.stores.sqlite.limits import records_of
from winch.stores.sqlite.records import records
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.steps import Job, attempt, by_ids, command, end, jobs, lose, queue_again, resume, vanish
from winch.stores.sqlite.transaction import Snapshot, Transaction

__all__ = ["ControlVerbs"]

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

_LISTS = {
    JobStatus.QUEUED: (q.list_queued, q.list_queued_newest),
    JobStatus.SCHEDULED: (q.list_scheduled, q.list_scheduled_newest),
    JobStatus.STARTED: (q.list_started, q.list_started_newest),
    JobStatus.DEFERRED: (q.list_waiting, q.list_waiting_newest),
    JobStatus.BLOCKED: (q.list_blocked, q.list_blocked_newest),
    **dict.fromkeys(ENDED, (q.list_ended, q.list_ended_newest)),
}


class ControlVerbs(Verbs):
    """The contract's `Control`."""

    def get(self, ids: Sequence[str]) -> list[JobRecord | None]:
        """The records of these jobs, None for the unknown."""
        with self._database.read() as at:
            found = records(at, [*ids])
        return [found.get(id) for id in ids]

    def counts(self, queues: Sequence[str] | None = None) -> dict[str, dict[JobStatus, int]]:
        """Per queue the number of jobs in every state, for all known queues by name unless some are named."""
        with self._database.read() as at:
            names = at.column(q.queues) if queues is None else queues
            started = dict(at.db.execute(q.count_started).fetchall())
            return {name: _counts(at, name, started.get(name, 0)) for name in names}

    def queues(self) -> list[str]:
        """The names of all queues that ever held a job and were not deleted, sorted."""
        with self._database.read() as at:
            return at.column(q.queues)

    def position(self, id: str) -> int | None:
        """A queued job's place in its queue, 0 is next; None if it is not queued."""
        with self._database.read() as at:
            return at.one(q.position, id)

    def cancel(
        self, id: str, *, stop: bool = False, enqueue_dependents: bool = False, call: Call | None = None
    ) -> JobStatus:
        """End a job that waits as `canceled`; with `stop`, one that runs as `stopped`."""

        def step(tx: Transaction) -> int:
            job = _existing(tx, id)
            if is_ended(job.state):
                raise InvalidJobOperation(f"{id} has ended: it is {STATES[job.state]}")
            if STATES[job.state] is not JobStatus.STARTED:
                end(tx, job, JobStatus.CANCELED, "", met=enqueue_dependents)
            elif stop:
                lose(tx, job)
                end(tx, attempt(tx, job, "stopped", "stopped"), JobStatus.STOPPED, "stopped", met=enqueue_dependents)
            else:
                raise InvalidJobOperation(f"{id} is running: only stop=True ends it")
            return job.state

        return STATES[self._once(call, step)]

    def requeue(self, id: str, *, at_front: bool = False, call: Call | None = None) -> JobStatus:
        """Put an ended job back into its queue, with `fails` and `crashes` at 0, no result, its history kept."""

        def step(tx: Transaction) -> int:
            job = _existing(tx, id)
            if not is_ended(job.state):
                raise InvalidJobOperation(f"{id} has not ended: it is {STATES[job.state]}")
            queue_again(tx, job, at_front=at_front)
            return job.state

        return STATES[self._once(call, step)]

    def delete(self, ids: Sequence[str], *, call: Call | None = None) -> int:
        """Remove up to `ENQUEUE_BATCH` jobs in any state, with all they had. Returns how many there were."""
        return self._once(call, lambda tx: _delete(tx, [*by_ids(tx, ids).values()]))

    def empty(self, queue: str, *, limit: int = 1_000, call: Call | None = None) -> int:
        """Remove up to `limit` of a queue's queued jobs. Returns how many."""
        return self._once(call, lambda tx: _delete(tx, jobs(tx, q.jobs_queued, queue, limit)))

    def forget(self, queue: str, *, call: Call | None = None) -> bool:
        """Take a queue that holds no job from the list of queues, and its pause with it. False: it holds jobs."""

        def step(tx: Transaction) -> bool:
            if tx.db.execute(q.holds_jobs, {"queue": queue}).fetchone()[0]:
                return False
            tx.db.execute(q.forget_queue, (queue,))
            tx.db.execute(q.resume, (queue,))
            return True

        return self._once(call, step)

    def pause(self, queue: str, ttl: int = 0, *, call: Call | None = None) -> None:
        """Hand out no more of a queue's jobs, or of all. They can still be enqueued."""

        def step(tx: Transaction) -> None:
            tx.db.execute(q.pause, (queue, tx.now + ttl if ttl else 0))
            if ttl:
                tx.hints.update(tx.column(q.worker_ids))

        self._once(call, step)

    def resume(self, queue: str, *, call: Call | None = None) -> None:
        """End the pause of a queue, or that of all."""
        self._once(call, lambda tx: resume(tx, queue))

    def paused(self) -> dict[str, int]:
        """The paused queues by name: when the pause ends, 0 without end."""
        with self._database.read() as at:
            return dict(at.db.execute(q.pauses, (at.now,)).fetchall())

    def send(self, worker: str, name: str, *, call: Call | None = None) -> int:
        """Give a worker a command. Returns its number."""

        def step(tx: Transaction) -> int:
            for number, *_ in tx.db.execute(q.worker, (worker,)).fetchall():
                if tx.one(q.count_commands, number) >= COMMANDS:
                    raise WorkerError(
                        f"worker {worker} has {COMMANDS} commands to acknowledge already: does its process still run?"
                    )
                return command(tx, number, worker, name)
            raise NotEnlisted(f"there is no worker {worker}")

        return self._once(call, step)

    def metrics(self, since: int, *, hours: bool = False) -> list[MetricRow]:
        """The metrics' minute or hour rows of the last `since` milliseconds, by time and key."""
        span, keep = (HOUR, 60 * DAY) if hours else (MINUTE, DAY)
        with self._database.read() as at:
            rows = at.db.execute(q.metrics, (hours, (at.now - min(since, keep)) // span * span)).fetchall()
        return [MetricRow(begin, TallyKey(*key), count) for begin, *key, count in rows]

    def limits(self, keys: Sequence[str] | None = None) -> list[LimitRecord]:
        """How limits stand: those of these keys, else the keys that jobs wait for."""
        with self._database.read() as at:
            return records_of(at, keys)

    def now(self) -> int:
        """The store's time in milliseconds."""
        with self._database.read() as at:
            return at.now

    def children(self, id: str) -> list[str]:
        """Ids of the jobs that wait for the next end of this one, in the order in which they came."""
        with self._database.read() as at:
            return at.column(q.waiting_children, id)

    # After all that name the type `list` in this class.
    def list(
        self, queue: str, state: JobStatus, *, offset: int = 0, limit: int = 100, newest: bool = False
    ) -> list[str]:
        """Ids of a queue's jobs in a state, in the order that the contract tells."""
        with self._database.read() as at:
            values = {"queue": queue, "state": CODES[state], "now": at.now, "limit": limit, "offset": offset}
            return [id for (id,) in at.db.execute(_LISTS[state][newest], values)]


def _existing(tx: Transaction, id: str) -> Job:
    for job in by_ids(tx, [id]).values():
        return job
    raise NoSuchJob(f"there is no job {id}")


def _delete(tx: Transaction, found: Sequence[Job]) -> int:
    for job in found:
        lose(tx, job)
        vanish(tx, job)
    return len(found)


def _counts(at: Snapshot, queue: str, started: int) -> dict[JobStatus, int]:
    counts = dict.fromkeys(EVERY_STATE, 0)
    counts |= {STATES[code]: count for code, count in at.db.execute(q.counts, (queue,))}
    counts[JobStatus.STARTED] = started
    for state in ENDED:
        if counts[state]:
            counts[state] = at.one(q.count_ended, queue, CODES[state], at.now)
    return counts
