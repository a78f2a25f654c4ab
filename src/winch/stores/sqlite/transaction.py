"""What the steps of one call share: the connection, the time, the counters, and whom to wake afterwards."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from winch.stores.contract import Call, StaleCall
from winch.stores.sqlite.sql import q

__all__ = ["FOREVER", "Snapshot", "Transaction", "as_array", "blob"]

FOREVER = 2**62
"""When a job expires that is kept without end: later than all that expire."""

_SMALL = 4_096
"""Bytes that are worth a copy."""

PRIORITY_STEP = 2**44  # the contract's score: -priority * 2**44 + n


class Snapshot:
    """One moment of the database.

    Attributes:
        db: The connection, in a transaction.
        now: Milliseconds since the epoch: this machine's clock, but never earlier than anybody has seen here. Where the
            clock was set back, time goes on from there as fast as the clock does.
        wall: What the clock says now.

    Args:
        clock: The same.
        now: The latest time that anybody has seen here.
        wall: What the clock said then.
    """

    def __init__(self, db: sqlite3.Connection, clock: int, now: int, wall: int) -> None:
        self.db = db
        self.wall = clock
        self.now = max(self.wall, now + max(0, self.wall - wall))

    def one(self, query: str, *values: object) -> Any:
        """The first column of the first row, or None."""
        row = self.db.execute(query, values).fetchone()
        return None if row is None else row[0]

    def column(self, query: str, *values: object) -> list[Any]:
        """The first column of all rows."""
        return [row[0] for row in self.db.execute(query, values)]


class Transaction(Snapshot):
    """A transaction that may write.

    Attributes:
        ready: Queues that may have claimable work, to be told to the executors.
        loosened: Keys of limits that may have room for those who wait (see `limits.release`).
        hints: Workers whose supervisors have something to look at.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        clock: int,
        now: int,
        wall: int,
        token: int,
        back: int,
        front: int,
        jobs: int,
        sampled: int,
        suspects: int,
    ) -> None:
        super().__init__(db, clock, now, wall)
        self.token = token
        self.back = back
        self.front = front
        self.jobs = jobs
        self.sampled = sampled
        self.suspects = suspects
        self.ready: set[str] = set()
        self.hints: set[str] = set()
        self.loosened: set[str] = set()
        self._due: dict[str, int] = {}
        self._counted: dict[tuple[str, int], int] = {}

    def score(self, priority: int, *, at_front: bool = False) -> int:
        """A new place in a queue."""
        if at_front:
            self.front -= 1
            return self.front - priority * PRIORITY_STEP
        self.back += 1
        return self.back - priority * PRIORITY_STEP

    def next_token(self) -> int:
        """What the next claim is called: the time in microseconds, but never a name that was given (PROTOCOL rule 8)."""
        return max(self.now * 1000, self.token + 1)

    def falls_due(self, queue: str, due_at: int) -> None:
        """Note that a job of this queue was scheduled: if nothing is due before it, supervisors are told."""
        self._due[queue] = min(due_at, self._due.get(queue, due_at))

    def count(self, queue: str, state: int, more: int) -> None:
        """Note that a queue has more jobs in a state, or fewer: for the steps that no trigger counts."""
        self._counted[queue, state] = self._counted.get((queue, state), 0) + more

    def kept(self, call: Call | None) -> Any:
        """The answer to this very call in a list of one, if it has been made before, else None.

        Raises:
            StaleCall: The channel has gone on meanwhile.
        """
        if call is None:
            return None  # nobody can repeat it: there is no reply that could be lost on the way
        row = self.db.execute(q.last_call, (call.channel,)).fetchone()
        if row is None or row[0] < call.number:
            return None
        if row[0] > call.number:
            raise StaleCall(f"call {call.number} of channel {call.channel} comes after its call {row[0]}")
        return json.loads(row[1])

    def keep(self, call: Call | None, answer: object) -> None:
        """Remember what a call was answered."""
        if call is not None:
            self.db.execute(q.keep_call, (call.channel, call.number, self.now, json.dumps([answer])))

    def finish(self) -> None:
        """What every transaction does last."""
        for queue, due_at in self._due.items():
            if self.one(q.earliest_due, queue) == due_at:
                self.hints.update(self.column(q.listeners, queue))
        # Also those that balance: a queue is known by its counts, and its first job may have been claimed in this very step.
        self.db.executemany(q.count, [(*key, more) for key, more in self._counted.items()])
        counters = self.token, self.back, self.front, self.jobs, self.sampled, self.suspects
        self.db.execute(q.save_meta, (self.now, self.wall, *counters))


def blob(data: bytes) -> bytes | bytearray:
    """Bytes as a parameter. `sqlite3` looks for an adapter of `bytes` but not of `bytearray`, which takes longer than a copy."""
    return data if len(data) > _SMALL else bytearray(data)


def as_array(values: Iterable[object]) -> str:
    """Values as one parameter, for `json_each(?)`."""
    return json.dumps([*values])
