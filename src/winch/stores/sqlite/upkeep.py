"""What a beat cleans up and counts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import winch.stores.contract as contract
from winch.states import JobStatus
from winch.stores.sqlite.codes import CODES
from winch.stores.sqlite.connection import Database
from winch.stores.sqlite.features import CHILDREN
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.steps import Job, jobs, vanish
from winch.stores.sqlite.transaction import Snapshot, Transaction

__all__ = ["clear_suspects", "prune", "sample", "trim"]

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
PRUNED = 100
"""The most expired jobs that a beat removes in its own transaction."""
CHUNK = 500
"""The most jobs that one transaction of `trim` removes: a few milliseconds."""
TRIM_TIME = 1.0
"""Seconds that a beat trims at most; it lets others write as long as it writes itself."""


def prune(tx: Transaction, most: int = PRUNED) -> int:
    """Remove ended jobs past their expiry. Returns how many."""
    removed = 0
    for name, state, _ in tx.db.execute(q.with_ended).fetchall():
        if removed < most:
            found = jobs(tx, q.expired, name, state, tx.now, most - removed)
            _remove(tx, found)
            removed += len(found)
    tx.db.execute(q.forget_groups, (tx.now,))
    return removed


def _remove(tx: Transaction, found: Sequence[Job]) -> None:
    for job in found:
        if job.features & CHILDREN:
            vanish(tx, job)
    tx.db.executemany(q.delete_job, [(job.number,) for job in found if not job.features & CHILDREN])


def clear_suspects(tx: Transaction, queues: Iterable[str]) -> None:
    """With the last suspect gone nobody looks for any, until there is one again."""
    if tx.suspects and not (tx.one(q.may_be_suspect) or any(tx.one(q.has_suspect, name) for name in queues)):
        tx.suspects = 0


def trim(database: Database) -> None:
    """Remove what is expired or too much, in short transactions with pauses between them."""
    with database.read() as at:
        ended = at.db.execute(q.with_ended).fetchall()
        surplus = _surplus(at, ended)
        left = bool(surplus) or any(at.one(q.has_expired, name, state, at.now) for name, state, _ in ended)
    until = time.monotonic() + TRIM_TIME
    while left and (began := time.monotonic()) < until:
        with database.write() as tx:
            left = prune(tx, CHUNK) == CHUNK
            for (name, state), count in surplus.items():
                oldest = jobs(tx, q.oldest_ended, name, state, tx.now, min(count, CHUNK))
                _remove(tx, oldest)
                surplus[name, state] = count - CHUNK if oldest else 0
                left |= surplus[name, state] > 0
        time.sleep(time.monotonic() - began)


def _surplus(at: Snapshot, ended: Iterable[tuple[str, int, int]]) -> dict[tuple[str, int], int]:
    """How many finished and failed jobs too many there are, by queue and state."""
    kept = {CODES[JobStatus.FINISHED]: contract.KEEP_FINISHED, CODES[JobStatus.FAILED]: contract.KEEP_FAILED}
    found = {
        (name, state): at.one(q.count_ended, name, state, at.now) - kept[state]
        for name, state, count in ended
        if count > kept.get(state, count)
    }
    return {key: count for key, count in found.items() if count > 0}


def sample(tx: Transaction, queues: Iterable[str]) -> None:
    """Once a minute: the depth of each queue, the age of its head, and what is too old to be kept.

    In a queue of one priority the head is the oldest; to find the oldest of all, every row would have to be looked at.
    """
    minute = tx.now // MINUTE * MINUTE
    if minute == tx.sampled:
        return
    tx.sampled = minute
    for name in queues:
        depth, oldest = tx.db.execute(q.depth, (tx.now, name)).fetchone()
        for series, value in (("depth", depth), ("oldest", oldest)):
            tx.db.execute(q.count_metric, (0, minute, name, "", series, 0, value))
    tx.db.execute(q.forget_metrics, (0, tx.now - DAY))
    tx.db.execute(q.forget_metrics, (1, tx.now - 60 * DAY))
    tx.db.execute(q.forget_buckets, (tx.now * 1000,))
    tx.db.execute(q.forget_calls, (tx.now - HOUR,))
    tx.db.execute(q.forget_former_workers, (tx.now - HOUR,))
