"""For how long the executors of a worker have had nothing to do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TypeAlias

from winch.worker.processes import ExecutorProcess
from winch.worker.vitals import IDLE

__all__ = ["Idleness", "Marks", "marks_of"]

Marks: TypeAlias = tuple[tuple[str, int], ...]
"""The executors and how many turns each has taken: equal at two moments if none of them had anything to do in between."""


def marks_of(processes: Sequence[ExecutorProcess]) -> Marks:
    """The marks at this moment."""
    return tuple((process.id, process.vitals.head().turns) for process in processes)


class Idleness:
    """See the module.

    Attributes:
        marks: At the last look.
    """

    def __init__(self) -> None:
        self.marks: Marks = ()
        self._since = time.monotonic()

    def look(self, processes: Sequence[ExecutorProcess], *, quiet: bool) -> float | None:
        """Seconds since all executors became idle; None if one is not, or has taken a turn since the last look.

        Args:
            processes: The executors.
            quiet: Whether they claim nothing: that is no idleness.
        """
        marks = marks_of(processes)
        idle = bool(marks) and all(p.ready and p.vitals.head().state == IDLE for p in processes)
        if not idle or quiet or marks != self.marks:
            self.marks = marks
            self._since = time.monotonic()
            return None
        return time.monotonic() - self._since
