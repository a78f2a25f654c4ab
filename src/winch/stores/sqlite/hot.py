"""What happens for every job."""
# A job's or a worker's `id` is called so here, as in the contract:
# ruff: noqa: A001

from __future__ import annotations

from collections.abc import Callable, Sequence

from winch.errors import NoSuchJob
from winch.states import ENDED
from winch.stores.contract import (
    ENQUEUE_BATCH,
    TURN_BATCH,
    Call,
    Claim,
    Enqueued,
    Held,
    JobRecord,
    NewJob,
    Outcome,
    Tally,
    Turn,
    Waiter,
)
from winch.stores.sqlite.base import Verbs
from winch.stores.sqlite.claim import Hand, claim, claimed_before, take
from winch.stores.sqlite.codes import STATES, is_ended
from winch.stores.sqlite.create import create
from winch.stores.sqlite.faults import StoreFull
from winch.stores.sqlite.limits import release
from winch.stores.sqlite.queues import claimable, each_once, unpaused, with_queued
from winch.stores.sqlite.records import records
from winch.stores.sqlite.settle import Seat, begin, seat_of, seats, settle
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.steps import by_ids, fire, lift, next_due, promote
from winch.stores.sqlite.transaction import Transaction, as_array
from winch.stores.sqlite.waiter import SQLiteWaiter

__all__ = ["HotVerbs"]

MINUTE, HOUR = 60_000, 3_600_000


class HotVerbs(Verbs):
    """The contract's `HotPath`."""

    def enqueue(self, jobs: Sequence[NewJob], *, call: Call | None = None) -> Enqueued:
        """Create up to `ENQUEUE_BATCH` jobs in one step: all of them, or none."""
        if len(jobs) > ENQUEUE_BATCH:
            raise ValueError(f"{len(jobs)} jobs in one call, at most {ENQUEUE_BATCH} can be enqueued")
        if not jobs:
            return Enqueued(self._once(call, lambda tx: tx.now), ())
        now, states = self._once(call, lambda tx: (tx.now, create(tx, jobs)))
        return Enqueued(now, tuple([STATES[state] for state in states]))

    def begin_enqueue(self, jobs: Sequence[NewJob]) -> Callable[[], Enqueued]:
        """As `enqueue`, to be waited for later. Here there is nothing to wait for: it is done at once."""
        enqueued = self.enqueue(jobs)
        return lambda: enqueued

    def turn(
        self,
        executor: str,
        number: int,
        outcomes: Sequence[Outcome],
        begins: Sequence[Held],
        queues: Sequence[str],
        room: int,
        tally: Tally,
    ) -> Turn:
        """Settle what is done, mark what has begun, fire, promote, and claim up to `room` jobs, in one step."""
        call, queues = Call(executor, number), each_once(tuple(queues))

        def take(outcomes: Sequence[Outcome], room: int) -> Turn:
            with self._database.write() as tx:
                seat = seat_of(tx, executor)
                if kept := tx.kept(call):
                    return _turn_again(tx, seat, *kept[0])
                late = settle(tx, seat, outcomes)
                begin(tx, seat, begins)
                _count(tx, tally)
                fire(tx, TURN_BATCH)
                lift(tx)
                promote(tx, queues, TURN_BATCH)
                release(tx)
                hand = _claim(tx, seat, queues, min(room, TURN_BATCH), heard)
                release(tx)
                turn = Turn(tx.now, tuple(hand.claims), hand.more, next_due(tx, queues), tuple(late), hand.alone)
                tx.keep(call, [hand.first, len(hand.claims), *turn._replace(claims=())])
            return turn

        with self._database.bells.answering(queues) as heard:
            try:
                return take(outcomes, room)
            except StoreFull as full:
                return self._thriftily(full, outcomes, lambda fewer: take(fewer, 0))

    def begin_turn(
        self,
        executor: str,
        number: int,
        outcomes: Sequence[Outcome],
        begins: Sequence[Held],
        queues: Sequence[str],
        room: int,
        tally: Tally,
    ) -> Callable[[], Turn]:
        """As `turn`, to be waited for later. Here there is nothing to wait for: it is done at once."""
        turn = self.turn(executor, number, outcomes, begins, queues, room, tally)
        return lambda: turn

    def packed(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """As they are: there is nothing to wait for, so nothing to do meanwhile."""
        return outcomes

    def waiter(self, queues: Sequence[str]) -> Waiter:
        """Something to sleep on until one of these queues may have work."""
        bells = self._database.bells
        return SQLiteWaiter(self._database, lambda: bells.listen(queues=queues), lambda at: any(claimable(at, queues)))

    def await_end(self, ids: Sequence[str], timeout: float, wake: int | None = None) -> list[JobRecord]:
        """Wait until at least one of these jobs has ended, at most `timeout` seconds."""

        def look() -> list[JobRecord] | None:
            found = self._found(ids)
            ended = [record for record in found if record.state in ENDED]
            return ended if ended or not found else None

        return self._watch(look, timeout, wake) or []

    def _found(self, ids: Sequence[str]) -> list[JobRecord]:
        """The records of those of these jobs that have ended if any has; else of one that has not, if there is one."""
        with self._database.read() as snapshot:
            states = snapshot.db.execute(q.states_of, (as_array(ids), snapshot.now)).fetchall()
            ended = {id for id, state in states if is_ended(state)}
            wanted = [id for id in dict.fromkeys(ids) if id in ended] or [id for id, _ in states[:1]]
            found = records(snapshot, wanted)
        return [found[id] for id in wanted]

    def take(self, executor: str, id: str, *, call: Call | None = None) -> Claim | None:
        """Claim this very job, as begun."""
        with self._database.write() as tx:
            kept = tx.kept(call)
            if kept is None:
                kept = [take(tx, seat_of(tx, executor), id)]
                release(tx)
                tx.keep(call, *kept)
            claims = [claim for seat in seats(tx, executor) for claim in claimed_before(tx, seat, kept[0], 1, tx.now)]
        return claims[0] if claims else None

    def report(self, held: Held, progress: bytes, *, call: Call | None = None) -> bool:
        """Keep with a job how far it has come, while the claim is held."""
        return self._once(call, lambda tx: tx.db.execute(q.report, (progress, held.id, held.token)).rowcount > 0)

    def annotate(self, id: str, meta: bytes, *, call: Call | None = None) -> None:
        """Replace a job's meta."""

        def step(tx: Transaction) -> None:
            for job in by_ids(tx, [id]).values():
                tx.db.execute(q.annotate, (meta, job.number))
                return
            raise NoSuchJob(f"there is no job {id}")

        self._once(call, step)


def _claim(tx: Transaction, seat: Seat, queues: Sequence[str], room: int, heard: set[str]) -> Hand:
    """Claim, and note in which queues claimable work is left for which others may sleep.

    Those are the queues that this call has put jobs into, and those whose bells were heard here and maybe by nobody else.
    """
    open_queues = unpaused(tx, queues)
    hand = claim(tx, seat, open_queues, room)
    if rung := tx.ready | heard:
        tx.ready.difference_update(queues)
        if hand.alone or hand.is_full:
            tx.ready.update(with_queued(tx, [name for name in open_queues if name in rung]))
    return hand


def _turn_again(
    tx: Transaction,
    seat: Seat,
    first: int,
    count: int,
    now: int,
    _: list[object],
    more: bool,
    due: int | None,
    late: list[int],
    alone: bool,
) -> Turn:
    """The answer to a turn that was taken before."""
    return Turn(now, claimed_before(tx, seat, first, count, now), more, due, tuple(late), alone)


def _count(tx: Transaction, tally: Tally) -> None:
    """Add increments to the metrics of this minute and this hour."""
    spans = ((0, tx.now // MINUTE * MINUTE), (1, tx.now // HOUR * HOUR))
    tx.db.executemany(q.count_metric, [(*span, *key, more) for key, more in tally.items() for span in spans])
