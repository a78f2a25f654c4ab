"""What becomes of claims whose runs are over."""
# A job's or a worker's `id` is called so here, as in the contract:
# ruff: noqa: A001

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from winch.errors import NotEnlisted
from winch.states import JobStatus
from winch.stores.contract import TURN_BATCH, Held, Outcome
from winch.stores.sqlite.features import CALLBACKS, CHILDREN, GROUPED, LIMITED
from winch.stores.sqlite.limits import return_tokens
from winch.stores.sqlite.payloads import LARGE
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.steps import FINISHED, Job, attempt, call_back, end, expiry, give_back, jobs, queue, schedule
from winch.stores.sqlite.transaction import Transaction, as_array, blob

__all__ = ["Seat", "begin", "seat_of", "seats", "settle"]


FEW = 10
"""Up to so many jobs a statement for each is quicker than the one for a batch."""


_NOTICED = CALLBACKS | CHILDREN | GROUPED | LIMITED
"""Features of jobs whose end others notice."""


class Seat(NamedTuple):
    """An enlisted executor: its number, and its worker's number and name."""

    number: int
    worker: int
    name: str


def seat_of(tx: Transaction, executor: str) -> Seat:
    """The seat of an executor.

    Raises:
        NotEnlisted: It has none.
    """
    for seat in seats(tx, executor):
        return seat
    raise NotEnlisted(f"the executor {executor} is not enlisted, or not any more")


def seats(tx: Transaction, executor: str) -> list[Seat]:
    """The seat of an executor, if it has one."""
    return [Seat(*row) for row in tx.db.execute(q.seat, (executor,))]


def begin(tx: Transaction, seat: Seat, begins: Iterable[Held]) -> None:
    """Mark claims as begun; those that are not held are passed over."""
    tx.db.executemany(q.begin_job, [(tx.now, seat.number, held.token, held.id) for held in begins])


def settle(tx: Transaction, seat: Seat, outcomes: Sequence[Outcome]) -> list[int]:
    """Settle outcomes in their order. Returns the tokens of those whose claim is not held any more.

    Runs that finished, of jobs that use no feature, are written in one go, or deleted if their results are not kept: they
    touch nothing that others could see.
    """
    held = {row[0]: row for row in tx.db.execute(q.claims_held, (seat.number,))} if outcomes else {}
    plain: list[tuple[object, ...]] = []
    large: list[tuple[object, ...]] = []
    names: list[str] = []
    dropped: list[int] = []
    late: list[int] = []
    finished = failed = run_ms = 0
    for outcome in outcomes:
        token, id, kind, reason, run, age, result, detail, *_ = outcome
        claim = held.get(token)
        if claim is None or claim[1] != id:
            late.append(token)
            continue
        del held[token]
        finished += kind in ("finished", "repeat")
        failed += kind == "failed"
        run_ms += run
        _, _, number, name, features, ttl = claim
        if kind != "finished" or detail or features & _NOTICED:
            for job in jobs(tx, q.job_by_number, number):
                _settle(tx, job, outcome)
        elif ttl:
            ended = tx.now - age
            names.append(name)
            rows = plain if len(result) <= LARGE else large
            rows.append((number, reason, ended - run, ended, expiry(tx.now, ttl), blob(result)))
        else:
            dropped.append(number)
    _finish(tx, plain, large)
    for name, more in Counter(names).items():
        tx.count(name, FINISHED, more)
    if dropped:
        tx.db.execute(q.delete_jobs, (as_array(dropped),))
    if len(late) < len(outcomes):
        tx.db.execute(q.count_settled, (finished, failed, run_ms, seat.worker))
    return late


def _finish(tx: Transaction, rows: Sequence[tuple[object, ...]], large: Sequence[tuple[object, ...]]) -> None:
    """The statement for a batch copies all that it is given before it writes: those with large results go without it."""
    if large:
        tx.db.executemany(q.finish_job, large)
    if len(rows) < FEW:
        tx.db.executemany(q.finish_job, rows)
        return
    for start in range(0, len(rows), TURN_BATCH):
        batch = [*chain.from_iterable(rows[start : start + TURN_BATCH])]
        tx.db.execute(q.finish_jobs, batch + [0] * (6 * TURN_BATCH - len(batch)))


def _settle(tx: Transaction, job: Job, outcome: Outcome) -> None:
    """Any outcome."""
    ended = tx.now - outcome.age
    if outcome.kind != "returned" or outcome.detail:
        started = ended - outcome.run
        kind = "finished" if outcome.kind == "repeat" else outcome.kind
        job = attempt(tx, job, kind, outcome.reason, outcome.detail, started=started, ended=ended)
    match outcome.kind:
        case "returned":
            if job.features & LIMITED and not (job.begun or outcome.run or outcome.detail):
                return_tokens(tx, job.number)
            give_back(tx, job, suspect=bool(job.suspect))
        case "retry":
            tx.db.execute(q.count_retry, (outcome.counts, job.number))
            _run_again(tx, job, outcome)
            if outcome.counts:
                call_back(tx, job, "failure", each=True)
        case "repeat":
            tx.db.execute(q.count_repeat, (outcome.result, job.number))
            _run_again(tx, job, outcome)
            call_back(tx, job, "success")
        case "finished":
            end(tx, job, JobStatus.FINISHED, outcome.reason, outcome.result, ended=ended)
        case "failed" | "stopped":
            end(tx, job, JobStatus(outcome.kind), outcome.reason, ended=ended)


def _run_again(tx: Transaction, job: Job, outcome: Outcome) -> None:
    if outcome.delay:
        schedule(tx, job, tx.now + outcome.delay, at_front=outcome.at_front)
    else:
        queue(tx, job, at_front=outcome.at_front)
