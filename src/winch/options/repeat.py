"""Repeat: how often a finished job runs again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from winch.errors import InvalidOption
from winch.options.durations import Duration, seconds

__all__ = ["Repeat"]


@dataclass(frozen=True, slots=True, init=False)
class Repeat:
    """How often a job runs again after it has finished: `times` more runs, `times + 1` in all. A failure ends it.

    Args:
        times: How many more runs, at least 1.
        interval: Seconds to wait before each: one duration for all, or a list with one for each in turn. With `times=3`,
            `[5, 10, 15]` waits 5, 10 and 15 s. Where the list is shorter its last value repeats.

    Raises:
        InvalidOption: A value is out of range.
    """

    times: int
    intervals: tuple[float, ...]

    def __init__(self, times: int, interval: Duration | Sequence[Duration] = 0) -> None:
        if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= 1_000_000:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(f"Repeat(times={times!r}): how often it runs again, a number from 1 to 1,000,000")
        waits = list(interval) if isinstance(interval, Sequence) and not isinstance(interval, str) else [interval]
        intervals = tuple(seconds(wait, "interval") for wait in waits)
        if not intervals or min(intervals) < 0:
            raise InvalidOption(f"Repeat(interval={interval!r}): give one wait of 0 s or more, or a list of them")
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "intervals", intervals)

    def delay(self, repeat: int) -> float:
        """Seconds to wait before a repeat, counted from 1."""
        return self.intervals[min(repeat, len(self.intervals)) - 1]

    @classmethod
    def of(cls, value: Repeat | int) -> Repeat:
        """`repeat=3` is `Repeat(3)`."""
        return value if isinstance(value, cls) else cls(value)  # type: ignore[arg-type]
