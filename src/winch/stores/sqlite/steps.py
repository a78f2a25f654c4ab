"""The steps that several verbs share, each once: queue, schedule, give back, attempt, end, vanish, fire, promote, lapse.

A step changes the state of a job that its caller has loaded in the same transaction and knows to be in a state from which
the step may start: the guard of a transition is the write lock, held since the transition was decided upon.
"""
# A job's or a worker's `id` is called so here, as in the contract:
# ruff: noqa: A001

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from winch.ids import callback_id
from winch.states import JobStatus
from winch.stores.contract import ALL_QUEUES, CallbackEvent, NewJob, OnFailure, OutcomeKind, Retired
from winch.stores.contract import HISTORY as KEPT_ATTEMPTS
from winch.stores.sqlite.codes import CODES, STATES, is_ended
from winch.stores.sqlite.features import AT_FRONT, CALLBACKS, CHILDREN, GROUPED, LIMITED, PARENTS, SNAPSHOT
from winch.stores.sqlite.grouping import count_end, take_end_back
from winch.stores.sqlite.limits import free, note_refills
from winch.stores.sqlite.making import make_job
from winch.stores.sqlite.queues import unpaused, with_timers
from winch.stores.sqlite.records import pack_snapshot, records
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.transaction import FOREVER, Snapshot, Transaction, as_array

__all__ = [
    "Job",
    "attempt",
    "by_ids",
    "call_back",
    "command",
    "end",
    "expiry",
    "fire",
    "give_back",
    "jobs",
    "lapse",
    "lift",
    "lose",
    "next_due",
    "promote",
    "queue",
    "queue_again",
    "resume",
    "schedule",
    "vanish",
]

QUEUED, STARTED, FINISHED = CODES[JobStatus.QUEUED], CODES[JobStatus.STARTED], CODES[JobStatus.FINISHED]
_EVENTS: dict[JobStatus, CallbackEvent] = {
    JobStatus.FINISHED: "success",
    JobStatus.FAILED: "failure",
    JobStatus.STOPPED: "stopped",
}


class Job(NamedTuple):
    """What the steps must know of a job: its row without the long columns, in the order of `{header}` in queries.sql."""

    number: int
    id: str
    queue: str
    state: int
    features: int
    priority: int
    fails: int
    crashes: int
    max_crashes: int
    attempts: int
    suspect: int
    begun: int
    created_at: int
    started_at: int
    due_at: int
    result_ttl: int
    failure_ttl: int
    on_failure: OnFailure
    token: int
    executor: int | None
    worker: str


def jobs(at: Snapshot, query: str, *values: object) -> list[Job]:
    """The jobs that a query finds."""
    return [Job._make(row) for row in at.db.execute(query, values)]


# ---- into waiting ---------------------------------------------------------------------------------------------------


def queue(tx: Transaction, job: Job, *, at_front: bool = False) -> None:
    """The one way into `queued`, at a new place."""
    _let_go(tx, job)
    tx.db.execute(q.queue_job, (tx.score(job.priority, at_front=at_front), tx.now, job.number))
    tx.ready.add(job.queue)


def queue_again(tx: Transaction, job: Job, *, at_front: bool) -> None:
    """An ended job starts over, with its history."""
    if job.state == FINISHED:
        _write_attempt_of_finished(tx, job)
    if job.features & GROUPED:
        take_end_back(tx, job.number, STATES[job.state])
    tx.db.execute(q.start_over, (job.number,))
    queue(tx, job, at_front=at_front)


def give_back(tx: Transaction, job: Job, *, suspect: bool) -> None:
    """A claim returns to its old place."""
    _let_go(tx, job)
    tx.db.execute(q.give_back_job, (suspect, job.number))
    tx.suspects |= suspect
    tx.ready.add(job.queue)


def schedule(tx: Transaction, job: Job, due_at: int, *, at_front: bool = False) -> None:
    """Wait for a time, then join the back of the queue or the front."""
    _let_go(tx, job)
    tx.db.execute(q.schedule_job, (due_at, AT_FRONT * at_front, job.number))
    tx.falls_due(job.queue, due_at)


def _let_go(tx: Transaction, job: Job) -> None:
    """Free what a job has of its limits."""
    if job.features & LIMITED:
        free(tx, job.number)


def promote(tx: Transaction, queues: Sequence[str], most: int) -> None:
    """Queue what is due in these queues, earliest first, and note the tokens that have come."""
    note_refills(tx)
    due = [row for name in with_timers(tx, queues) for row in tx.db.execute(q.due, (name, tx.now, most))]
    for _, _, number in sorted(due)[:most]:
        for job in jobs(tx, q.job_by_number, number):
            queue(tx, job, at_front=bool(job.features & AT_FRONT))


def next_due(at: Snapshot, queues: Sequence[str]) -> int | None:
    """Milliseconds until a job or token of these queues is due, or a pause ends, whichever is first; None without any."""
    times = [at.one(q.next_end_of_pause), *(at.one(q.earliest_due, name) for name in with_timers(at, queues))]
    known = [time for time in times if time is not None]
    return max(0, min(known) - at.now) if known else None


def lift(tx: Transaction) -> None:
    """End the pauses whose time is over."""
    for name in tx.column(q.pauses_over, tx.now):
        resume(tx, name)


def resume(tx: Transaction, name: str) -> None:
    """End a pause, if there is one. What it held back may be claimable."""
    tx.db.execute(q.resume, (name,))
    tx.ready.update(unpaused(tx, tx.column(q.queues) if name == ALL_QUEUES else [name]))


# ---- out of started -------------------------------------------------------------------------------------------------


def attempt(
    tx: Transaction,
    job: Job,
    outcome: OutcomeKind,
    reason: str,
    detail: bytes = b"",
    *,
    started: int = 0,
    ended: int = 0,
) -> Job:
    """Write the end of a run into the job's history. Returns the job as it is then."""
    job = job._replace(attempts=job.attempts + 1, started_at=started or job.started_at)
    row = (job.number, job.attempts, job.started_at, ended or tx.now, outcome, reason, job.worker, detail)
    tx.db.execute(q.write_attempt, row)
    tx.db.execute(q.trim_attempts, (job.number, job.attempts - KEPT_ATTEMPTS))
    tx.db.execute(q.count_attempt, (job.attempts, job.started_at, job.number))
    return job


def _write_attempt_of_finished(tx: Transaction, job: Job) -> None:
    """A job that is finished no more needs a row for the run that finished it."""
    tx.db.execute(q.write_attempt_of_finished, (job.number,))
    tx.db.execute(q.trim_attempts, (job.number, job.attempts - KEPT_ATTEMPTS))


def command(tx: Transaction, worker: int, id: str, name: str, token: int = 0, job: str = "") -> int:
    """Give a worker (its number and its id) a command. Returns the command's number."""
    number: int = tx.one(q.count_command, worker)
    tx.db.execute(q.write_command, (worker, number, name, token, job))
    tx.hints.add(id)
    return number


def lose(tx: Transaction, job: Job) -> None:
    """Tell the worker of a running job that the claim has been taken away."""
    if job.state == STARTED:
        for worker, id in tx.db.execute(q.worker_of_executor, (job.executor,)).fetchall():
            command(tx, worker, id, "lost", job.token, job.id)


def lapse(
    tx: Transaction,
    claims: Sequence[Job],
    *,
    crashed: bool,
    charged: Collection[Job] = (),
    suspects: Collection[Job] = (),
    detail: str = "",
) -> Retired:
    """What becomes of claims whose executor is gone (PROTOCOL rule 22)."""
    blamed = {job.number for job in charged}
    suspected = {job.number for job in suspects}
    for job in claims:
        if job.number in blamed:
            _charge(tx, job, detail)
            continue
        if crashed and job.begun:
            attempt(tx, job, "returned", "crashed", detail.encode())
        give_back(tx, job, suspect=bool(job.suspect or job.number in suspected))
    returned = [job.id for job in claims if job.number not in blamed | suspected]
    return Retired(tuple(returned), tuple(job.id for job in suspects), tuple(job.id for job in charged))


def _charge(tx: Transaction, job: Job, detail: str) -> None:
    """A crash that this job is to blame for."""
    last = job.crashes + 1 >= job.max_crashes
    job = attempt(tx, job, "failed" if last else "retry", "crashed", detail.encode())
    tx.db.execute(q.count_crash, (job.number,))
    if last:
        end(tx, job, JobStatus.FAILED, "crashed")
    else:
        give_back(tx, job, suspect=True)
        call_back(tx, job, "failure", each=True)


# ---- the end --------------------------------------------------------------------------------------------------------


def expiry(now: int, ttl: int) -> int:
    """When an ended job that is kept for `ttl` milliseconds goes; -1 is without end."""
    return now + ttl if ttl >= 0 else FOREVER


def end(
    tx: Transaction,
    job: Job,
    state: JobStatus,
    reason: str,
    result: bytes = b"",
    *,
    ended: int = 0,
    met: bool = False,
) -> None:
    """The one place where a job becomes terminal: result, retention, callbacks, children.

    With `met` the children hear that it finished, whatever it did.
    """
    ttl = job.result_ttl if state is JobStatus.FINISHED else job.failure_ttl
    _let_go(tx, job)
    if job.features & PARENTS:
        tx.db.execute(q.leave_parents, (job.number,))
    expires_at = expiry(tx.now, ttl or 1)  # a callback still has to read what is not kept at all
    tx.db.execute(q.end_job, (CODES[state], reason, ended or tx.now, expires_at, result, job.number))
    if state is JobStatus.FINISHED:
        tx.count(job.queue, FINISHED, 1)
    if job.features & GROUPED:
        count_end(tx, job.number, state)
    if state in _EVENTS:
        call_back(tx, job, _EVENTS[state])
    if job.features & CHILDREN:
        tx.db.execute(q.fire_children, {"parent": job.id, "met": met or state is JobStatus.FINISHED})
    if ttl == 0:
        vanish(tx, job._replace(state=CODES[state]))


def call_back(tx: Transaction, parent: Job, event: CallbackEvent, *, each: bool = False) -> None:
    """Create the callback jobs that an event calls for; with `each` only those that hear of every failed attempt.

    Each joins the front, so the last is the first to be made.
    """
    if parent.features & CALLBACKS:
        callbacks = tx.db.execute(q.callbacks_of, (parent.number, event)).fetchall()
        for place, (is_each, payload) in reversed([*enumerate(callbacks)]):
            if is_each or not each:
                _create_callback(tx, parent, event, place, payload)


def _create_callback(tx: Transaction, parent: Job, event: CallbackEvent, place: int, payload: bytes) -> None:
    job = NewJob(
        id=callback_id(parent.id, event, parent.created_at, parent.attempts, place),
        queue=parent.queue,
        payload=payload,
        priority=parent.priority,
        max_crashes=parent.max_crashes,
        result_ttl=parent.result_ttl if event == "success" else parent.failure_ttl,
        failure_ttl=parent.failure_ttl,
    )
    number = make_job(tx, job, SNAPSHOT)
    if number is not None:  # else this end has been told before
        record = records(tx, [parent.id])[parent.id]
        tx.db.execute(q.write_snapshot, (number, pack_snapshot(record)))


def vanish(tx: Transaction, job: Job) -> None:
    """Remove a job with all it had; children that still wait for it are canceled."""
    _let_go(tx, job)
    if job.features & GROUPED and not is_ended(job.state):
        count_end(tx, job.number, "deleted")
    if job.features & CHILDREN:
        tx.db.execute(q.fire_children, {"parent": job.id, "met": False})
        tx.db.execute(q.parent_is_gone, (job.id,))
    tx.db.execute(q.delete_job, (job.number,))


def fire(tx: Transaction, most: int) -> None:
    """Tell up to so many children, one after the other, that a parent has ended."""
    while most > 0 and (firing := tx.db.execute(q.next_firing).fetchone()):
        number, parent, upto, met, gone = firing
        children = jobs(tx, q.children_of, parent, upto, most)
        for child in children:
            _hear(tx, child, parent, met=bool(met), gone=bool(gone))
        if len(children) < most:
            tx.db.execute(q.end_firing, (number,))
        most -= len(children)


def _hear(tx: Transaction, child: Job, parent: str, *, met: bool, gone: bool) -> None:
    """A child hears of the end of one of its parents."""
    state = None if gone else tx.one(q.state_of, parent)
    waits = child.on_failure == "wait" and state is not None
    if met or child.on_failure == "run" or (waits and state == FINISHED):
        tx.db.execute(q.leave_parent, (child.number, parent))
        if tx.one(q.count_down, child.number) == 0:
            _ready(tx, child)
    elif waits:
        tx.db.execute(q.wait_on, (child.number, parent))
        tx.db.execute(q.mark_parent, (parent,))
    else:
        end(tx, child, JobStatus.CANCELED, "dependency")


def _ready(tx: Transaction, job: Job) -> None:
    if job.due_at > tx.now:
        schedule(tx, job, job.due_at)
    else:
        queue(tx, job, at_front=bool(job.features & AT_FRONT))


def by_ids(at: Snapshot, ids: Iterable[str]) -> dict[str, Job]:
    """The jobs that exist of these, in the order of the ids. An ended one past its expiry does not."""
    found = {job.id: job for job in jobs(at, q.jobs_by_ids, as_array(ids), at.now)}
    return {id: found[id] for id in ids if id in found}
