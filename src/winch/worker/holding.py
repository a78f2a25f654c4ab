"""What an executor holds: jobs that run, on the main thread and in the lanes, and what lies on its desk.

It is asked from every thread of the executor, so it looks at copies: what runs may end in between, and what was claimed may be
given back.
"""

from __future__ import annotations

from collections.abc import Sequence

from winch.errors import JobInterrupted
from winch.running.run import Run
from winch.worker.desk import Desk
from winch.worker.lanes import Lane
from winch.worker.mainlane import MainLane

__all__ = ["Holding"]


class Holding:
    """See the module.

    Attributes:
        lost: Tokens of what is held here and was taken away: its outcome is dropped, its job interrupted or never begun.

    Args:
        desk: Of the executor.
        main: Its main thread.
        lanes: Where it runs jobs beside that.
    """

    def __init__(self, desk: Desk, main: MainLane, lanes: Sequence[Lane]) -> None:
        self.desk, self.main, self.lanes = desk, main, lanes
        self.lost: set[int] = set()

    def runs(self) -> list[Run]:
        """The jobs that are running."""
        main = self.main.run
        runs = [run for lane in self.lanes for run in list(lane.runs.values())]
        return runs if main is None else [main, *runs]

    def running(self) -> int:
        """How many jobs are running."""
        return sum(len(lane.runs) for lane in self.lanes) + (self.main.run is not None)

    def lanes_busy(self) -> bool:
        """Whether a lane besides the main thread runs jobs."""
        return any(lane.runs for lane in self.lanes)

    def lanes_run_fast(self) -> bool:
        """Whether a job in a lane will be over soon."""
        return any(not run.marked for lane in self.lanes for run in list(lane.runs.values()))

    def anything(self) -> bool:
        """Whether there is anything at all."""
        return bool(self.desk.ready or self.desk.done or self.running())

    def is_free(self) -> bool:
        """Whether nothing would be lost with it: it holds no job, and has nothing to tell the store of any."""
        return not (self.anything() or self.desk.returning or self.desk.is_telling)

    def suspect(self) -> bool:
        """Whether there is a suspect, which runs alone."""
        if any(run.claim.suspect for run in self.runs()):
            return True
        return any(claim.suspect for claim in list(self.desk.ready))

    def lose(self, tokens: set[int]) -> None:
        """Claims were taken away: those that are held here are forgotten, or their jobs interrupted."""
        held = {run.claim.token for run in self.runs()} | {claim.token for claim in list(self.desk.ready)}
        self.lost |= tokens & held

    def interrupt_all(self) -> None:
        """Have every running job make way."""
        if (run := self.main.run) is not None:
            self.main.interrupt(run, JobInterrupted)
        for lane in self.lanes:
            for run in list(lane.runs.values()):
                lane.interrupt(run, JobInterrupted)
