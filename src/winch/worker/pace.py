"""How long functions take, and so how many jobs an executor should claim. Pure."""

from __future__ import annotations

from winch.bounded import make_room
from winch.stores.contract import TURN_BATCH

__all__ = ["SLOW", "Pace"]

SLOW = 10_000_000
"""Nanoseconds. A function that usually takes longer is slow: it is marked as begun, and nothing is claimed beside it."""


class Pace:
    """Moving averages of the run time, per function and over all.

    An executor claims what should start within `SLOW`, so it starts with one job and grows from what it sees.
    """

    def __init__(self) -> None:
        self._average: dict[str, float] = {}
        self._recent = float(SLOW)

    def saw(self, function: str, elapsed: int, *, concurrent: bool = False) -> None:
        """A run of this function took `elapsed` nanoseconds; `concurrent` jobs hold up nobody, so they count for themselves."""
        known = self._average.get(function)
        if known is None:
            make_room(self._average)
            known = elapsed
        self._average[function] = known + (elapsed - known) * 0.2
        if not concurrent:
            self._recent += (elapsed - self._recent) * 0.2

    def needs_mark(self, function: str) -> bool:
        """Whether a job of this function is to be marked as begun: it is new here, or usually slow."""
        return self._average.get(function, SLOW) >= SLOW

    def room(self) -> int:
        """How many jobs should start within `SLOW` if they are like the recent ones: 1 to `TURN_BATCH`."""
        return max(1, min(TURN_BATCH, int(SLOW / max(self._recent, 1))))
