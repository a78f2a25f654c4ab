"""When dead executors are replaced: at once, or after a growing pause while they die before they have run anything."""

from __future__ import annotations

import time

__all__ = ["Backoff"]

_NO_PAUSE = 0.5
"""Seconds. The first pause is twice as long, and each that follows twice as long as the one before."""

_LONGEST_PAUSE = 30.0
"""Seconds between two starts of an executor that dies at its start."""


class Backoff:
    """The starts that are to come."""

    def __init__(self) -> None:
        self._start_at: list[float] = []
        self._pause = _NO_PAUSE

    @property
    def waiting(self) -> bool:
        """Whether an executor is to be started."""
        return bool(self._start_at)

    def start_later(self, *, early: bool) -> None:
        """Have an executor started in the place of one that has died, `early` if that was before it had run anything."""
        self._pause = min(_LONGEST_PAUSE, self._pause * 2) if early else _NO_PAUSE
        self._start_at.append(time.monotonic() + (self._pause if early else 0.0))

    def take_due(self) -> int:
        """How many are to be started now. They are not named again."""
        now = time.monotonic()
        due = [at for at in self._start_at if at <= now]
        self._start_at = [at for at in self._start_at if at > now]
        return len(due)

    def clear(self) -> None:
        """Start none."""
        self._start_at.clear()
