"""Which faults explain what would be a violation without them. Whatever is not named here explains nothing."""

from __future__ import annotations

from tests.chaos.history import Line
from tests.chaos.world import SECOND, Run, Span, World

__all__ = ["Excuses"]

_KILLS = frozenset({"kill_executor", "kill_supervisor", "poison", "died"})
"""Faults that end a process at once."""

_DYING = SECOND // 2
"""What a process had started, a forked job for one, may live on for a moment."""

_STORE_GONE = frozenset(
    {"hold_lock", "hold_lock_long", "restart", "stall", "refuse", "black_hole", "black_hole_for_good"}
)
"""Faults in which the store does not answer somebody."""

_PAUSES = frozenset(
    {
        *("stop_executor", "stop_executor_long", "stop_worker_long", "stop_supervisor_long", "starved"),
        *("black_hole", "black_hole_for_good", "refuse"),
        *("deploy", "renew", "taken_away"),
    }
)
"""Faults after which a worker may have to let its jobs go. A cut, a delay or a lost reply is no reason to."""

_CHARGES = (_KILLS | _PAUSES) - {"poison"}

_BESIDES = (_KILLS | _PAUSES) - {"poison", "died"}
"""Faults that come from outside."""


class Excuses:
    """See the module.

    Args:
        world: Whose faults.
        ttl: Of the workers, in nanoseconds.
    """

    def __init__(self, world: World, ttl: int) -> None:
        self._world, self._ttl = world, ttl
        self._late: dict[tuple[int, int], int] = {}

    def repeat(self, run: Run, before: int) -> bool:
        """Whether a fault explains that a run was repeated at this time.

        Of a kill: it came after the start, and before the outcome was settled. Of what lasts: it overlaps the run, or was
        still felt.
        """
        until = min(before, self._settled(run) if run.end else before)
        return any(
            run.start <= span.end + _DYING and span.begin <= until
            if span.kind in _KILLS
            else span.kind in _PAUSES and span.begin <= until and span.end + self._ttl >= run.start
            for span in self._world.felt(run.worker)
        )

    def charge(self, worker: str, start: int, at: int) -> bool:
        """Whether a fault explains that an innocent job of this worker was charged for a crash at this time.

        It was alone in an executor that was killed, or the suspect of a worker that died or was given up on. Poison beside
        it is no reason. From its start on: while the store does not answer, nobody can be charged.
        """
        return any(
            span.kind in _CHARGES and span.begin <= at + SECOND and span.end + 2 * self._ttl >= start
            for span in self._world.felt(worker)
        )

    def late_start(self, run: Run) -> bool:
        """Whether a pause of the process, longer than its lease, lies right before a start: nothing can be done about that.

        One per process and pause: whoever starts a second job had time to look at the clock.
        """
        for span in self._world.felt(run.worker):
            long = span.end - span.begin >= 0.8 * self._ttl
            if long and span.kind.startswith("stop_") and 0 <= run.start - span.end < SECOND:
                return self._late.setdefault((run.pid, span.end), run.token) == run.token
        return False

    @property
    def late_starts(self) -> int:
        """How many starts a pause has explained."""
        return len(self._late)

    def death(self, run: Run) -> bool:
        """Whether a fault came in between: then a death is not charged, or to somebody else."""
        return any(
            span.kind in _BESIDES and span.begin <= run.start + SECOND and span.end + SECOND >= run.start
            for span in self._world.felt(run.worker)
        )

    def exit(self, line: Line) -> bool:
        """Poison killed the supervisor; or there was no store when it started (later it waits for it)."""
        spans, at = self._world.felt(line["w"]), line["t"]
        if line["code"] == -9:
            return any(span.kind == "poison" and 0 <= at - span.begin < 5 * SECOND for span in spans)
        born = self._world.spawned.get(line["w"], 0)
        return line["code"] == 1 and at - born < 30 * SECOND and any(_no_store(span, born, at) for span in spans)

    def _settled(self, run: Run) -> int:
        """When its outcome had surely been settled, if nobody was killed: later, if it could not reach the store."""
        at = run.end + self._ttl
        for span in sorted(self._world.felt(run.worker)):
            if span.kind in _STORE_GONE | _PAUSES and span.begin <= at and span.end >= run.end:
                at = max(at, span.end + self._ttl)
        return at


def _no_store(span: Span, begin: int, end: int) -> bool:
    return span.kind in _STORE_GONE and span.begin <= end and span.end >= begin
