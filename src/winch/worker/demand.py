"""How much an executor claims: what should start within 10 ms in the lanes that were of use lately; nothing beside a suspect."""

from __future__ import annotations

import time

from winch.stores.contract import TURN_BATCH, Turn
from winch.worker.holding import Holding
from winch.worker.lanes import LoopLane, ThreadLane
from winch.worker.pace import Pace

__all__ = ["Demand"]

_TRY_AGAIN = 1_000_000_000
"""Nanoseconds between two tries to be free for a suspect."""


class Demand:
    """See the module.

    Attributes:
        quiet: Whether it was told to claim nothing more.
        alone: Whether a suspect waits for an executor that holds nothing.
        seen_async, seen_sync: Whether the latest claims had such jobs.

    Args:
        holding, pace: Of the executor.
        threads, loop: Its lanes; no threads if sync jobs run on the main thread.
        budget: How many jobs it may run in all; None without a limit.
        quiet: See above.
    """

    def __init__(
        self,
        holding: Holding,
        pace: Pace,
        threads: ThreadLane | None,
        loop: LoopLane,
        budget: int | None,
        *,
        quiet: bool,
    ) -> None:
        self.quiet = quiet
        self.alone = self.seen_async = self.seen_sync = False
        self._holding, self._pace = holding, pace
        self._threads, self._loop, self._budget = threads, loop, budget
        self._was_alone_at = 0

    def room(self) -> int:
        """How many jobs to ask for: 0 to `TURN_BATCH`."""
        if self.quiet or self._holding.suspect() or (self._makes_way() and self._holding.anything()):
            return 0
        desk = self._holding.desk
        ready = len(desk.ready)
        room = self._threads.free() - ready if self._threads else self._pace.room()
        if self.seen_async:
            room = min(room, self._loop.free() - ready) if self.seen_sync else self._loop.free() - ready
        if self._budget is not None:
            held = len(desk.done) + ready + self._holding.running()
            room = min(room, self._budget - desk.jobs - held)
        return max(min(room, TURN_BATCH), 0)

    def _makes_way(self) -> bool:
        """A suspect waits: become empty to take it. Where that was of no use, go on for a second before the next try."""
        return self.alone and time.monotonic_ns() - self._was_alone_at > _TRY_AGAIN

    def learn(self, turn: Turn, *, asked_empty: bool) -> None:
        """What a turn said of suspects that wait; whether it was taken with nothing held."""
        if turn.alone and asked_empty:
            self._was_alone_at = time.monotonic_ns()
        self.alone = turn.alone
