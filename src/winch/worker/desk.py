"""An executor's side of the turn: outcomes that wait to be settled, claims that wait to be run, one call at a time.

The main thread and the watch both come here, so everything that talks to the store happens under `lock`. A turn that was
sent early (`send`) is received before the next is composed: there are never two.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from winch.errors import StoreError
from winch.metrics import OUTCOMES, bucket
from winch.running.run import Run
from winch.stores.contract import TURN_BATCH, Claim, Held, Outcome, Store, Tally, TallyKey, Turn
from winch.worker.log import JobLog
from winch.worker.order import QueueOrder
from winch.worker.pace import Pace

__all__ = ["Desk"]

_OUTCOME = {kind: index for index, kind in enumerate(OUTCOMES)} | {"repeat": OUTCOMES.index("finished")}


class _Batch(NamedTuple):
    """What has ended and is settled by one turn: the runs, their outcomes as the store has packed them, what is counted."""

    ended: Sequence[tuple[Run, Outcome]]
    outcomes: Sequence[Outcome]
    jobs: int
    tally: Tally


class Desk:
    """Composes turns and keeps what goes in and comes out.

    Attributes:
        done: Runs that are over, to be settled.
        ready: Claims that have not begun. Deque operations are atomic: the settler may take them back at any moment.
        returning: Claims to be given back.
        is_telling: The turn under way says something about jobs: what has ended, is given back or begins.
        turns, jobs: How many there have been.
        answered_at: `time.monotonic_ns()` when the store last answered.

    Args:
        store: A store of its own: while a turn is under way nobody else may use its connection.
        executor: The executor's id, which is also the channel of its turns.
        queues: Names them for each claim.
        pace: Learns from what is settled.
        log: Writes the line per job.
        abandon: Set when there is no more time to wait for the store.
    """

    def __init__(
        self,
        store: Store,
        executor: str,
        queues: QueueOrder,
        pace: Pace,
        log: JobLog,
        abandon: threading.Event,
    ) -> None:
        self.lock = threading.RLock()
        self.done: deque[tuple[Run, Outcome]] = deque()
        self.ready: deque[Claim] = deque()
        self.returning: deque[Outcome] = deque()
        self.is_telling = False
        self.turns = 0
        self.jobs = 0
        self.answered_at = 0
        self._store = store
        self._executor = executor
        self._queues = queues
        self._pace = pace
        self._log = log
        self._abandon = abandon
        self._batch: _Batch | None = None
        self._pending: tuple[Callable[[], Turn], Callable[[], Turn], Sequence[tuple[Run, Outcome]]] | None = None

    # ---- claims ----

    def next_claim(self) -> Claim | None:
        """The next claim to run. Deque operations are atomic: the watch may take the rest away at the same moment."""
        try:
            return self.ready.popleft()
        except IndexError:
            return None

    def give_back(self, claim: Claim) -> None:
        """Return a claim that has not begun, with the next turn."""
        self.returning.append(Outcome(claim.token, claim.id, "returned"))

    def give_back_all(self) -> None:
        """Return every claim that has not begun, with the next turn."""
        while (claim := self.next_claim()) is not None:
            self.give_back(claim)

    # ---- turns ----

    def turn(self, room: int = 0, begins: Sequence[Held] = ()) -> Turn:
        """Settle, mark and claim, and wait for the answer; its claims are in `ready` afterwards.

        Raises:
            NotEnlisted: The store has given up on this executor.
            StoreError: Only once `abandon` is set; until then the call is repeated, whatever the store says.
        """
        with self.lock:
            self.receive()
            self._compose(room, begins)
            return self._answer()

    def clear(self, begins: Sequence[Held]) -> None:
        """Make way for a slow job: settle what is done, give back what has not begun, mark what has."""
        with self.lock:
            self.receive()
            self.give_back_all()
            while len(self.done) > (len(self._batch.ended) if self._batch else TURN_BATCH):
                self.turn()  # more has ended than one turn will settle, and the slow job may be the end of this process
            self.turn(0, begins)

    def send(self, room: int) -> None:
        """Start a turn; `receive` gets its answer. Meanwhile jobs can run."""
        with self.lock:
            self.receive()
            self._compose(room, ())

    @property
    def is_waiting(self) -> bool:
        """Whether a turn is under way."""
        return self._pending is not None

    def receive(self) -> Turn | None:
        """The answer to the turn that was sent, if one is under way."""
        with self.lock:
            return self._answer() if self._pending else None

    def prepare(self) -> None:
        """Count and pack what has ended, for the next turn: there is time for it while the store is at the one under way."""
        with self.lock:
            if self._batch is None and self.done:
                self._batch = self._next_batch()

    def _next_batch(self) -> _Batch:
        # By place: a lane may append to it meanwhile, which an iterator would take amiss.
        ended = [self.done[place] for place in range(min(len(self.done), TURN_BATCH))]
        return _Batch(ended, self._store.packed([outcome for _, outcome in ended]), *self._account(ended))

    def _compose(self, room: int, begins: Sequence[Held]) -> None:
        ended, outcomes, jobs, tally = self._batch or self._next_batch()
        self._batch = None
        self.is_telling = bool(ended or self.returning or begins)  # before it is taken from where it lies
        for _ in ended:
            self.done.popleft()
        if returned := [self.returning.popleft() for _ in range(min(len(self.returning), TURN_BATCH - len(ended)))]:
            outcomes = [*outcomes, *returned]
        self.jobs += jobs
        self.turns += 1
        # Only a claim moves on to the next order: a slow job takes two turns, and would always meet the same one.
        number, queues = self.turns, self._queues.next() if room else self._queues.all

        def repeat() -> Turn:
            # The identical call: the store knows it by its number.
            return self._store.turn(self._executor, number, outcomes, begins, queues, room, tally)

        try:
            first = self._store.begin_turn(self._executor, number, outcomes, begins, queues, room, tally)
        except StoreError:
            first = repeat
        self._pending = (first, repeat, ended)

    def _answer(self) -> Turn:
        """The answer to the turn under way, however long it takes."""
        delay = 0.05
        while (turn := self._receive()) is None:
            self._abandon.wait(delay * random.uniform(0.5, 1))  # noqa: S311 - spreads repeats, guards nothing
            delay = min(delay * 2, 2.0)
        return turn

    def _receive(self) -> Turn | None:
        """Ask for the answer once. None: the store does not answer; the identical call is repeated the next time."""
        if self._pending is None:
            raise RuntimeError("no turn is under way")
        ask, repeat, ended = self._pending
        try:
            turn = ask()
        except StoreError as error:
            self._pending = (repeat, repeat, ended)
            if self._abandon.is_set():
                raise
            self._log.store_gone(error)
            return None
        self._pending, self.is_telling = None, False
        self.answered_at = time.monotonic_ns()
        self._log.store_back()
        self.ready.extend(turn.claims)
        self._log.jobs(ended, turn.late)
        return turn

    def _account(self, ended: Sequence[tuple[Run, Outcome]]) -> tuple[int, Tally]:
        """Learn from what has run, and count it: most runs of a turn are alike, so these are counted together first."""
        alike: Counter[tuple[str, str, int, int, int]] = Counter()
        for run, outcome in ended:
            if run.function:  # else a newer winch's payload, put back unread
                self._pace.saw(run.function, run.elapsed, concurrent=run.is_async)
                claim = run.claim
                waited, took = bucket(claim.wait * 1000), bucket(run.elapsed // 1000)
                alike[claim.queue, run.function, waited, took, _OUTCOME[outcome.kind]] += 1
        tally: Counter[TallyKey] = Counter()
        for (queue, function, waited, took, kind), jobs in alike.items():
            for series, index in (("wait", waited), ("run", took), ("outcome", kind)):
                tally[TallyKey(queue, function, series, index)] += jobs
        return alike.total(), tally
