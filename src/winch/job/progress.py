"""How far a job says it has come.

Told often and written seldom: at most some times a second, and the last value once more at the end of the attempt. What
cannot be written is dropped: progress never fails a job.
"""

from __future__ import annotations

import math
import time
from struct import Struct
from typing import NamedTuple

from winch.errors import InvalidOption, StoreError
from winch.job.inside import Running
from winch.stores.contract import Held

__all__ = ["Progress", "Reporter", "load_progress"]

INTERVAL = 0.25
"""Seconds between two writes of a job's progress."""

PAUSE = 10.0
"""Seconds without a try after one that the store refused or did not answer."""

_FORMAT = Struct("<Idd")


class Progress(NamedTuple):
    """How far a job has come.

    Attributes:
        done: What is done, in the job's own unit.
        total: All there is to do; None if that is not known.
    """

    done: float
    total: float | None = None

    @property
    def percent(self) -> float | None:
        """0 to 100; None if the total is not known."""
        return None if self.total is None else max(0.0, min(100.0, 100 * self.done / self.total))


def load_progress(data: bytes) -> tuple[int, Progress] | None:
    """The number of an attempt and what it said last, None if nothing was said."""
    if len(data) != _FORMAT.size:
        return None
    attempt, done, total = _FORMAT.unpack(data)
    return attempt, Progress(_plain(done), None if math.isnan(total) else _plain(total))


def _plain(number: float) -> float:
    return int(number) if number.is_integer() else number


class Reporter:
    """Writes the progress of the attempt that runs here.

    Args:
        running: The attempt.
    """

    def __init__(self, running: Running) -> None:
        self._running = running
        self._unwritten = b""
        self._next = 0.0

    def tell(self, done: float, total: float | None) -> None:
        """Note how far it has come, and write it if it is time.

        Raises:
            InvalidOption: Not a number, negative, or a total of 0.
        """
        if not _is_number(done) or (total is not None and (not _is_number(total) or total == 0)):
            raise InvalidOption(
                f"progress({done!r}, {total!r}): give what is done and, if it is known, a total above 0"
            )
        attempt = self._running.claim.attempts + 1
        self._unwritten = _FORMAT.pack(attempt, done, math.nan if total is None else total)
        self._running.at_end = self._write
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + INTERVAL
            self._write()

    def _write(self) -> None:
        progress, self._unwritten = self._unwritten, b""
        claim = self._running.claim
        if progress:
            try:
                self._running.store.report(Held(claim.token, claim.id), progress)
            except StoreError:
                self._next = time.monotonic() + PAUSE


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
