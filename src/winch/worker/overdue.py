"""Jobs that must end and do not: over their time limit, or their claim was taken away. Their executor is killed for them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from winch.worker.processes import ExecutorProcess

__all__ = ["Overdue"]

_REMEMBER = 60.0
"""Seconds, beyond the grace, that a claim which was taken away is remembered."""


class Overdue:
    """See the module.

    Args:
        grace: Seconds that a job has to react before its executor is killed.
    """

    def __init__(self, grace: float) -> None:
        self._grace = int(grace * 1e9)
        self._lost: dict[int, int] = {}

    def take_away(self, tokens: Sequence[int]) -> None:
        """These claims were taken away, from now on."""
        now = time.monotonic_ns()
        keep = self._grace + int(_REMEMBER * 1e9)
        self._lost = {token: at for token, at in self._lost.items() if now - at < keep}
        self._lost |= dict.fromkeys(tokens, now)

    def forget(self) -> None:
        """Nothing is held any more."""
        self._lost.clear()

    def look(self, process: ExecutorProcess) -> None:
        """Kill an executor for a job that is overdue."""
        now = time.monotonic_ns()
        for slot in process.vitals.running():
            if slot.limit >= 0 and now > slot.started + slot.limit + self._grace:
                why = "timeout"
            elif now > self._lost.get(slot.held.token, now) + self._grace:
                why = "lost"
            else:
                continue
            if process.kill_if_still_in(slot, why):
                return
