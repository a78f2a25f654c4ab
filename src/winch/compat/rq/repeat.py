"""`rq.repeat`."""

from __future__ import annotations

from collections.abc import Sequence

from winch import options
from winch.options import Duration

__all__ = ["Repeat"]


class Repeat(options.Repeat):
    """How often a job runs again after it has finished.

    Args:
        times: How many more runs, at least 1.
        interval: Seconds to wait before each: one for all, or a list with one for each in turn (RQ takes it backwards).

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(self, times: int, interval: Duration | Sequence[Duration] | None = 0) -> None:
        super().__init__(times, interval or 0)
        object.__setattr__(self, "intervals", list(self.intervals))

    @property
    def plain(self) -> options.Repeat:
        """As winch takes it."""
        return options.Repeat(self.times, list(self.intervals))
