"""When dead executors are replaced: at once, or after a growing pause while they die before they have run anything."""

from __future__ import annotations

import time

__all__ = ["Backoff"]

_FIRST_PAUSE = 0.5
"""Seconds."""

_LONGEST_PAUSE = 30.0
"""Seconds between two starts of an executor that dies at its start."""


class Backoff:
    """The starts that are to come."""

    def __init__(self) -> None:
        self._start_at: list[float] = []
        self._early_deaths = 0

    @property
    def waiting(self) -> bool:
        """Whether an executor is to be started."""
        return bool(self._start_at)

    def start_later(self, *, early: bool) -> None:
        """Have an executor started in the place of one that has died, `early` if that was before it had run anything."""
        self._early_deaths = self._early_deaths + 1 if early else 0
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._early_deaths) if early else 0.0
        self._start_at.append(time.monotonic() + pause)

    def take_due(self) -> int:
        """How many are to be started now. They are not named again."""
        now = time.monotonic()
        due = [at for at in self._start_at if at <= now]
        self._start_at = [at for at in self._start_at if at > now]
        return len(due)

    def clear(self) -> None:
        """Start none."""
        self._start_at.clear()
