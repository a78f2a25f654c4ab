"""Whether a thread hangs in a call that does not return: its count of steps stands still."""

from __future__ import annotations

import time

__all__ = ["Hanging"]

_LOOKS = 20
"""So often it must have been seen hanging: who was stopped himself has not looked."""


class Hanging:
    """See the module.

    Args:
        patience: Seconds that one step may take.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._steps, self._looks = 0, 0
        self._seen_at = time.monotonic()

    def look(self, steps: int) -> float | None:
        """Seconds for which it has hung, once per `patience`; None while there is no reason to say so.

        Args:
            steps: The count, now.
        """
        now = time.monotonic()
        if steps != self._steps:
            self._steps, self._seen_at, self._looks = steps, now, 0
            return None
        self._looks += 1
        hung_for = now - self._seen_at
        if hung_for <= self._patience or self._looks <= _LOOKS:
            return None
        self._seen_at, self._looks = now, 0
        return hung_for
