"""How one waits for a lock that somebody else holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

from winch.polling import readable
from winch.stores.sqlite.wake import Bells, Ear

__all__ = ["Doorstep", "patiently"]

PATIENCE = 0.0001, 0.001
"""Seconds between two looks at the lock: the first, and at most."""


class Doorstep:
    """Where a writer waits until the one before it is done: it is told so, and looks in short whiles in case it is not.

    Args:
        bells: Of the store.
    """

    def __init__(self, bells: Bells) -> None:
        self._bells = bells
        self._ear: Ear | None = None

    def wait(self, seconds: float) -> None:
        """Until it is told, or for so many seconds."""
        if self._ear is None:
            try:
                self._ear = self._bells.listen(writer=True)  # and look at once: the other may have left before
            except OSError:  # no descriptor is left
                time.sleep(seconds)
        elif self._ear.is_deaf:
            time.sleep(seconds)
        elif readable([self._ear], seconds):
            self._ear.drain()

    def close(self) -> None:
        """Go in, or away."""
        if self._ear is not None:
            self._ear.close()


def patiently(until: float, wait: Callable[[float], object] = time.sleep) -> Generator[None]:
    """Yields at once, and again in short whiles until that time of the monotonic clock has come."""
    pause, longest = PATIENCE
    yield
    while time.monotonic() < until:
        wait(pause)
        pause = min(pause * 1.5, longest)
        yield
