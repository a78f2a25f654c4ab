"""New jobs: what enqueue checks, and what it writes."""
# A job's or a worker's `id` is called so here, as in the contract:
# ruff: noqa: A001

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from winch.errors import DuplicateJob, UnknownDependency
from winch.states import JobStatus
from winch.stores.contract import NewJob
from winch.stores.sqlite.codes import CODES, is_ended
from winch.stores.sqlite.features import AT_FRONT, CALLBACKS, CHILDREN, GROUPED, LIMITED, PARENTS, PAYLOAD
from winch.stores.sqlite.grouping import group_number, hold_group, join, rest
from winch.stores.sqlite.limits import hold
from winch.stores.sqlite.payloads import LARGE, keep_payload
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.steps import attempt, end, jobs
from winch.stores.sqlite.transaction import Transaction, as_array, blob

__all__ = ["create"]

_QUEUED, _SCHEDULED, _DEFERRED = CODES[JobStatus.QUEUED], CODES[JobStatus.SCHEDULED], CODES[JobStatus.DEFERRED]
_FINISHED, _FAILED, _CANCELED = (CODES[state] for state in (JobStatus.FINISHED, JobStatus.FAILED, JobStatus.CANCELED))


class Known(NamedTuple):
    """A job that exists already, or will in a moment.

    Attributes:
        number: 0 for one of this very call.
        state: None for an ended one past its expiry: it can be replaced, and nobody can wait for it.
        created_at: A job that replaces it is younger.
        vanishes: Created canceled and not kept: nobody can wait for it to be requeued.
    """

    number: int
    state: int | None
    features: int
    created_at: int = 0
    vanishes: bool = False

    @property
    def in_use(self) -> bool:
        """Whether its id cannot be given to another."""
        return self.number == 0 or not (self.state is None or is_ended(self.state))

    @property
    def has_failed(self) -> bool:
        """Whether it has ended without success."""
        return self.state is not None and is_ended(self.state) and self.state != _FINISHED

    def holds_up(self, on_failure: str) -> bool:
        """Whether a job that says this of failures has to wait for it."""
        if self.has_failed:
            return on_failure == "wait" and not self.vanishes
        return self.state != _FINISHED


class Plan(NamedTuple):
    """What to write for one job."""

    job: NewJob
    state: int
    unmet: tuple[str, ...]
    replaces: Known | None
    group: int  # its number


def create(tx: Transaction, new: Sequence[NewJob]) -> list[int]:
    """Create these jobs. Returns the codes of their states.

    Raises:
        DuplicateJob: An id is in use.
        UnknownDependency: A parent does not exist.
        NoSuchGroup: A group does not exist.
    """
    plans = _planned(tx, new)
    _write(tx, plans)
    return [plan.state for plan in plans]


# ---- reading --------------------------------------------------------------------------------------------------------


def _planned(tx: Transaction, new: Sequence[NewJob]) -> list[Plan]:
    """Check all, and decide upon their states. Later jobs may wait for earlier ones."""
    ids = [job.id for job in new]
    known = _known(tx, [*ids, *(parent for job in new for parent in job.parents)])
    plans: list[Plan] = []
    for job in new:
        before = known.get(job.id)
        if before is not None and before.in_use:
            raise DuplicateJob(f"the id {job.id} is in use", job.id)
        state, unmet = _state(job, known) if job.parents or job.error else (_SCHEDULED if job.delay else _QUEUED, ())
        known[job.id] = Known(0, state, 0, vanishes=state == _CANCELED and job.failure_ttl == 0)
        plans.append(Plan(job, state, unmet, before, group_number(tx, job.group) if job.group else 0))
    return plans


def _known(tx: Transaction, ids: list[str]) -> dict[str, Known]:
    one, *more = ids
    rows = tx.db.execute(q.known_jobs, (as_array(ids),)) if more else tx.db.execute(q.known_job, (one,))
    return {
        id: Known(number, None if 0 < expires_at <= tx.now else state, features, created_at)
        for id, number, state, features, expires_at, created_at in rows
    }


def _state(job: NewJob, known: dict[str, Known]) -> tuple[int, tuple[str, ...]]:
    """The state that a job with parents or an error is put into, and those whom it has to wait for."""
    if job.error:
        return _FAILED, ()
    parents = [(parent, _parent(known, parent)) for parent in job.parents]
    unmet = tuple(id for id, parent in parents if parent.holds_up(job.on_failure))
    failed = any(parent.has_failed and not parent.holds_up(job.on_failure) for _, parent in parents)
    if failed and job.on_failure != "run":
        return _CANCELED, ()
    if unmet:
        return _DEFERRED, unmet
    return _SCHEDULED if job.delay else _QUEUED, ()


def _parent(known: dict[str, Known], id: str) -> Known:
    """A job that can be waited for."""
    found = known.get(id)
    if found is None or found.state is None:
        raise UnknownDependency(f"there is no job {id} to wait for", id)
    return found


# ---- writing --------------------------------------------------------------------------------------------------------


def _write(tx: Transaction, plans: Sequence[Plan]) -> None:
    tx.db.executemany(q.delete_ended, [(plan.job.id,) for plan in plans if plan.replaces])
    first = tx.jobs + 1
    tx.db.executemany(q.insert_job, [_row(tx, plan) for plan in plans])
    groups = _join(tx, first, plans)
    held = groups if groups and any(is_ended(plan.state) for plan in plans) else ()
    for group in held:
        hold_group(tx, group, 1)  # no group is completed before all of this call have joined, and are there
    for number, plan in enumerate(plans, first):
        if _has_sides(plan.job):
            _write_sides(tx, number, plan)
    for group in held:
        hold_group(tx, group, -1)
        rest(tx, group)


def _join(tx: Transaction, first: int, plans: Sequence[Plan]) -> Iterable[int]:
    """Put the jobs into their groups. Returns these."""
    members = [(number, plan) for number, plan in enumerate(plans, first) if plan.group]
    for number, plan in members:
        join(tx, number, plan.group, plan.job.group)
    return dict.fromkeys(plan.group for _, plan in members)


def _row(tx: Transaction, plan: Plan) -> tuple[object, ...]:
    """The columns of `insert_job`."""
    job, state = plan.job, plan.state
    score = enqueued_at = 0
    due_at = tx.now + job.delay if job.delay else 0
    if state == _QUEUED:
        score, enqueued_at = tx.score(job.priority, at_front=job.at_front), tx.now
        tx.ready.add(job.queue)
    elif state == _SCHEDULED:
        tx.falls_due(job.queue, due_at)
    elif is_ended(state):
        state = _DEFERRED  # for the moment: `end` ends it
    created_at = max(tx.now, plan.replaces.created_at + 1) if plan.replaces else tx.now
    tx.jobs += 1
    tx.count(job.queue, state, 1)
    features, payload = _features(plan), job.payload
    if len(payload) > LARGE:
        keep_payload(tx, tx.jobs, payload)
        features, payload = features | PAYLOAD, b""
    identity = (tx.jobs, job.id, job.queue, state, features, job.priority, score, job.max_crashes)
    times = (created_at, enqueued_at, due_at, job.ttl, job.result_ttl, job.failure_ttl)
    return (*identity, *times, len(plan.unmet), job.on_failure, blob(payload), blob(job.meta))


def _features(plan: Plan) -> int:
    """What the job uses, and whether others wait for the one that it replaces."""
    job = plan.job
    features = plan.replaces.features & CHILDREN if plan.replaces else 0
    if job.callbacks:
        features |= CALLBACKS
    if job.parents:
        features |= PARENTS
    if job.group:
        features |= GROUPED
    if job.at_front and plan.state != _QUEUED:
        features |= AT_FRONT
    if job.limits:
        features |= LIMITED
    return features


def _has_sides(job: NewJob) -> bool:
    return bool(job.callbacks or job.parents or job.limits or job.error)


def _write_sides(tx: Transaction, number: int, plan: Plan) -> None:
    """What only some jobs have."""
    rows = [(number, place, each.event, each.each, each.payload) for place, each in enumerate(plan.job.callbacks)]
    tx.db.executemany(q.write_callback, rows)
    hold(tx, number, plan.job.queue, plan.job.limits)
    _wait_for(tx, number, plan.unmet)
    for job in jobs(tx, q.job_by_number, number) if is_ended(plan.state) else ():
        if plan.job.error:
            job = attempt(tx, job, "failed", "raised", plan.job.error, started=tx.now)  # noqa: PLW2901
            end(tx, job, JobStatus.FAILED, "raised")
        else:
            end(tx, job, JobStatus.CANCELED, "dependency")


def _wait_for(tx: Transaction, number: int, parents: Iterable[str]) -> None:
    tx.db.executemany(q.wait_on, [(number, parent) for parent in parents])
    tx.db.executemany(q.mark_parent, [(parent,) for parent in parents])
