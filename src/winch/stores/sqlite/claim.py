"""Handing out jobs."""
# A job's or a worker's `id` is called so here, as in the contract:
# ruff: noqa: A001

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from winch.states import JobStatus
from winch.stores.contract import TURN_BATCH, TURN_BYTES, Claim, Held, JobRecord
from winch.stores.sqlite.codes import CODES
from winch.stores.sqlite.features import ATTEMPTS, GROUPED, LIMITED, PAYLOAD, SNAPSHOT
from winch.stores.sqlite.grouping import joined
from winch.stores.sqlite.limits import admit, block
from winch.stores.sqlite.payloads import payload_of
from winch.stores.sqlite.queues import as_names, with_queued
from winch.stores.sqlite.records import snapshot_of
from winch.stores.sqlite.settle import Seat, begin
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.steps import by_ids, end, jobs
from winch.stores.sqlite.transaction import Transaction, as_array

__all__ = ["Hand", "claim", "claimed_before", "take"]

SCAN = 5 * TURN_BATCH
"""The most expired, damaged and now blocked jobs that one turn clears away."""

_QUEUED = CODES[JobStatus.QUEUED]

_PLAIN = 0, 0, 0, None, 0, ""
"""What `_only_some` finds for a job that uses no feature."""


@dataclass(slots=True)
class Hand:
    """What a turn hands out.

    Attributes:
        room: How many claims it may become.
        first: The token of the first claim; those of the others follow without a gap.
        claims: In the order in which they should run.
        numbers: Of the claimed jobs.
        bytes: Of their payloads.
        cleared: How many expired, damaged and now blocked jobs were met.
        more: The scan has stopped before the end of the queues.
        alone: A suspect waits that this executor cannot take.
        is_barred: This executor runs a suspect, and gets nothing beside it.
    """

    room: int
    first: int
    claims: list[Claim] = field(default_factory=list[Claim])
    numbers: list[int] = field(default_factory=list[int])
    bytes: int = 0
    cleared: int = 0
    more: bool = False
    alone: bool = False
    is_barred: bool = False

    @property
    def is_full(self) -> bool:
        """Nothing is added any more, from no queue."""
        return self.more or self.is_barred or len(self.claims) >= self.room or self.holds_suspect

    @property
    def holds_suspect(self) -> bool:
        """A suspect is handed out alone."""
        return bool(self.claims) and self.claims[0].suspect


def claim(tx: Transaction, seat: Seat, queues: Sequence[str], room: int) -> Hand:
    """Claim up to `room` jobs of these queues, in the order of the queues."""
    hand = Hand(room, tx.next_token())
    if room > 0:
        if tx.suspects:
            _claim_with_suspects(tx, seat, hand, queues)
        else:
            _take(tx, hand, queues)
    _hold(tx, seat, hand)
    return hand


def take(tx: Transaction, seat: Seat, id: str) -> int:
    """Claim this very job, as begun. Returns its token, 0 if there is none."""
    for job in by_ids(tx, [id]).values():
        if job.state == _QUEUED and _is_free(tx, seat, suspect=bool(job.suspect)):
            hand = Hand(1, tx.next_token())
            rows = tx.db.execute(q.claimable_job, (tx.now, job.number))
            _hand_out(tx, hand, [job.queue], rows, 1, suspect=bool(job.suspect))
            _hold(tx, seat, hand)
            begin(tx, seat, [Held(claim.token, claim.id) for claim in hand.claims])
            return hand.first if hand.claims else 0
    return 0


def _is_free(tx: Transaction, seat: Seat, *, suspect: bool) -> bool:
    """Whether an executor may run something beside what it holds; a suspect runs alone."""
    if suspect:
        return not (tx.one(q.holds_any, seat.number) or tx.one(q.runs_suspect, seat.worker))
    return not tx.one(q.holds_suspect, seat.number)


def _hold(tx: Transaction, seat: Seat, hand: Hand) -> None:
    """Write the claims of a hand."""
    if hand.claims:
        tx.token = hand.claims[-1].token
        tx.db.execute(q.claim_jobs, (hand.first, seat.number, seat.name, tx.now, as_array(hand.numbers)))


def claimed_before(tx: Transaction, seat: Seat, first: int, count: int, then: int) -> tuple[Claim, ...]:
    """Those claims of an earlier turn that are still held, as they were then."""
    rows = tx.db.execute(q.claimed, (seat.number, first, first + count - 1)).fetchall()
    return tuple([_claim_before(tx, then, *row) for row in rows])


def _claim_before(
    tx: Transaction, then: int, number: int, features: int, suspect: int, queued: int, *row: Any
) -> Claim:
    token, id, queue, payload, meta, created, rank = row
    fails, attempts, crashes, parent, repeats, group = _only_some(tx, number, features)
    if features & PAYLOAD:
        payload = payload_of(tx, number)
    known = token, id, queue, payload, meta, suspect == 1, fails, attempts, crashes, created, queued
    return Claim(*known, then - queued, rank, parent, repeats, group)


def _claim_with_suspects(tx: Transaction, seat: Seat, hand: Hand, queues: Sequence[str]) -> None:
    """Queue by queue: first its oldest suspect, if it can be the only claim and the only suspect of its worker."""
    hand.is_barred = not _is_free(tx, seat, suspect=False)
    for name in with_queued(tx, queues):
        if not hand.holds_suspect and tx.one(q.has_suspect, name):
            if hand.claims or not _is_free(tx, seat, suspect=True):
                hand.alone = True
            else:
                _hand_out(tx, hand, [name], _claimable(tx, [name], suspect=True), 1, suspect=True)
        _take(tx, hand, [name])


def _take(tx: Transaction, hand: Hand, queues: Sequence[str]) -> None:
    """The unsuspected jobs of these queues, as many as there is room for."""
    if not hand.is_full:
        _hand_out(tx, hand, queues, _claimable(tx, queues, suspect=False), hand.room, suspect=False)


def _claimable(tx: Transaction, queues: Sequence[str], *, suspect: bool) -> sqlite3.Cursor:
    return tx.db.execute(q.claimable, (tx.now, as_names(queues), suspect))


def _hand_out(
    tx: Transaction, hand: Hand, queues: Sequence[str], rows: sqlite3.Cursor, room: int, *, suspect: bool
) -> None:
    """Turn rows of `claimable` into claims until there are `room`, and clear away what cannot be run.

    It stops early, so that a hundred large payloads are never in memory. A hundred claims are made here per turn, hence
    the plain loop.
    """
    useless: list[tuple[int, bool]] = []
    blocked: list[tuple[int, int]] = []
    now, token, claims, numbers, size = tx.now, hand.first + len(hand.claims), hand.claims, hand.numbers, hand.bytes
    make = Claim._make
    counted = len(claims)
    place: int = 0  # of the queue among these
    for row in rows:
        number, features, at, over, id, payload, meta, created, queued, rank = row
        if at != place:
            _count(tx, queues[place], len(claims) - counted)
            counted, place = len(claims), at
        if len(claims) == room:
            break
        if size > TURN_BYTES or hand.cleared == SCAN:
            hand.more = True
            break
        if features & PAYLOAD:
            payload = payload_of(tx, number)
        damaged = type(payload) is not bytes or type(meta) is not bytes
        if damaged or (over and not suspect):
            useless.append((number, damaged))
            hand.cleared += 1
            continue
        size += len(payload)
        if features & LIMITED and (limit := admit(tx, number)) is not None:
            blocked.append((number, limit))
            hand.cleared += 1
            continue
        fails, tries, crashes, parent, repeats, group = _only_some(tx, number, features) if features else _PLAIN
        known = token, id, queues[place], payload, meta, suspect, fails, tries, crashes, created, queued
        claims.append(make((*known, now - queued, rank, parent, repeats, group)))
        numbers.append(number)
        token += 1
    rows.close()
    hand.bytes = size
    if claims:
        _count(tx, queues[place], len(claims) - counted)
    block(tx, blocked)
    _clear(tx, useless)


def _count(tx: Transaction, name: str, claims: int) -> None:
    """A queue from which nothing is claimed is not even known by that."""
    if claims:
        tx.count(name, _QUEUED, -claims)


def _only_some(tx: Transaction, number: int, features: int) -> tuple[int, int, int, JobRecord | None, int, str]:
    """What only some jobs have: fails, attempts, crashes, the parent that a callback carries, repeats, and the group."""
    fails, attempts, crashes, repeats = (
        tx.db.execute(q.tried, (number,)).fetchone() if features & ATTEMPTS else (0,) * 4
    )
    parent = snapshot_of(tx, number) if features & SNAPSHOT else None
    return fails, attempts, crashes, parent, repeats, joined(tx, number) if features & GROUPED else ""


def _clear(tx: Transaction, useless: Sequence[tuple[int, bool]]) -> None:
    """End what cannot be read, or has waited too long."""
    for number, damaged in useless:
        for job in jobs(tx, q.job_by_number, number):
            if damaged:
                end(tx, job, JobStatus.FAILED, "undecodable")
            else:
                end(tx, job, JobStatus.CANCELED, "expired")
