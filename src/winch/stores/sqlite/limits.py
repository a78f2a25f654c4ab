"""Limits: who holds slots and tokens, who waits for room, and who goes on (the contract's `admit` and `release`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from winch.stores.contract import TURN_BATCH, LimitRecord, NewLimit
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.transaction import Snapshot, Transaction

__all__ = ["admit", "block", "free", "hold", "limits_of", "note_refills", "records_of", "release", "return_tokens"]

FREE, WAITS, RELEASED, HOLDS = range(4)  # limits.role


def hold(tx: Transaction, job: int, queue: str, limits: Sequence[NewLimit]) -> None:
    """Write down the limits of a new job (its number)."""
    tx.db.executemany(q.write_limit, [(job, place, queue, *limit) for place, limit in enumerate(limits)])


def limits_of(at: Snapshot, job: int) -> tuple[NewLimit, ...]:
    """The limits of a job (its number), in their order."""
    return tuple([NewLimit(*row) for row in at.db.execute(q.limits_of, (job,))])


def admit(tx: Transaction, job: int) -> int | None:
    """Take a slot and a token of each limit of a job (its number). Returns the place of the first that has none, if any."""
    limits = limits_of(tx, job)
    for place, limit in enumerate(limits):
        if not _has_room(tx, limit):
            return place
    tx.db.execute(q.hold_slots, (job,))
    for limit in limits:
        tx.loosened.add(limit.key)
        if limit.rate:
            tx.db.execute(q.fill_bucket, (limit.key, max(_full_at(tx, limit.key), tx.now * 1000) + limit.step))
    return None


def block(tx: Transaction, found: Iterable[tuple[int, int]]) -> None:
    """Have queued jobs wait: number, and the place of the limit that has no room for it."""
    for job, place in found:
        tx.db.execute(q.block_job, (job,))
        tx.db.execute(q.free_limits, (job,))
        tx.db.execute(q.wait_for_limit, (job, place))
        tx.loosened.update(limit.key for limit in limits_of(tx, job))


def free(tx: Transaction, job: int) -> None:
    """A job (its number) leaves its state: it holds nothing any more, and waits for nothing."""
    for key, role in tx.db.execute(q.roles_of, (job,)).fetchall():
        if role != FREE:
            tx.loosened.add(key)
    tx.db.execute(q.free_limits, (job,))


def return_tokens(tx: Transaction, job: int) -> None:
    """A claim that has not begun did not start: its tokens go back."""
    for limit in limits_of(tx, job):
        if limit.rate:
            tx.db.execute(q.return_token, (limit.step, limit.key))


def note_refills(tx: Transaction) -> None:
    """Have `release` look at those keys whose token has come."""
    tx.loosened.update(tx.column(q.refilled, tx.now, TURN_BATCH))


def release(tx: Transaction) -> None:
    """Let those go on that wait for keys of which something has become free, as many as there is room for."""
    while tx.loosened:
        key = tx.loosened.pop()
        queue = tx.one(q.next_waiting_queue, key, "")
        while queue is not None:
            _look_after(tx, queue, key)
            queue = tx.one(q.next_waiting_queue, key, queue)
        tx.db.execute(q.forget_refills, (key,))


def records_of(at: Snapshot, keys: Sequence[str] | None) -> list[LimitRecord]:
    """How limits stand."""
    found: list[LimitRecord] = []
    for key in at.column(q.waited_keys, 1_000) if keys is None else keys:
        full_in = -(-_full_at(at, key) // 1000) - at.now
        found.append(LimitRecord(key, at.one(q.slots_held, key), at.one(q.waiters_of, key), max(0, full_in)))
    return found


def _look_after(tx: Transaction, queue: str, key: str) -> None:
    """Release the first that wait in a queue for a key, and note when the next token comes for the one that stays."""
    promised: int = tx.one(q.released_for, key, queue)
    refill: int | None = None
    for place in range(TURN_BATCH + 1):
        row = tx.db.execute(q.first_waiter, (key, queue)).fetchone()
        if row is None:
            break
        job, *numbers = row
        limit = NewLimit(key, *numbers)
        if place == TURN_BATCH:
            refill = tx.now  # the next call goes on
        elif not _has_slot(tx, limit, promised):
            break
        else:
            refill = _token_at(tx, limit, promised)
        if refill is None or refill > tx.now or place == TURN_BATCH:
            break
        refill = None
        promised += 1
        tx.db.execute(q.release_limit, (job, key))
        tx.db.execute(q.release_job, (job,))
        tx.ready.add(queue)
    _note_refill(tx, queue, key, refill)


def _note_refill(tx: Transaction, queue: str, key: str, refill: int | None) -> None:
    before: int | None = tx.one(q.refill_at, queue, key)
    if refill == before:
        return
    tx.db.execute(q.forget_refill, (queue, key))
    if refill is not None:
        tx.db.execute(q.note_refill, (queue, key, refill))
        if before is None or refill < before:
            tx.falls_due(queue, refill)


def _has_room(at: Snapshot, limit: NewLimit) -> bool:
    token = _token_at(at, limit, 0)
    return _has_slot(at, limit, 0) and token is not None and token <= at.now


def _has_slot(at: Snapshot, limit: NewLimit, promised: int) -> bool:
    if not limit.concurrency:
        return True
    return at.one(q.slots_held_up_to, limit.key, limit.concurrency) + promised < limit.concurrency


def _token_at(at: Snapshot, limit: NewLimit, promised: int) -> int | None:
    """When there is a token beside those that are promised, in milliseconds. None: not before one of these is taken."""
    if not limit.rate:
        return at.now
    ahead = promised - (limit.burst - 1)
    if ahead > 0:
        return None
    return -(-(max(_full_at(at, limit.key), at.now * 1000) + ahead * limit.step) // 1000)


def _full_at(at: Snapshot, key: str) -> int:
    """When the bucket of a key is full, in microseconds."""
    found: int | None = at.one(q.full_at, key)
    return found or 0
