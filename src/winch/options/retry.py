"""Retry: how often a failed job runs again, and after how long."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from winch.errors import InvalidOption
from winch.options.durations import Duration, positive, seconds

__all__ = ["ErrorNames", "Retry"]

ErrorNames: TypeAlias = "type[BaseException] | str | Sequence[type[BaseException] | str]"


def _error_names(names: ErrorNames | None, option: str) -> tuple[str, ...]:
    if names is None:
        return ()
    many = [names] if isinstance(names, type | str) else list(names)
    return tuple(_error_name(name, option) for name in many)


def _error_name(name: object, option: str) -> str:
    if isinstance(name, str) and name:
        return name
    if isinstance(name, type) and issubclass(name, BaseException):
        return f"{name.__module__}.{name.__qualname__}"
    raise InvalidOption(f"Retry({option}=...) takes exception classes or their names, not {name!r}")


@dataclass(frozen=True, slots=True, init=False)
class Retry:
    """How often a failed job runs again, and after how long.

    Args:
        max: How many times it may run again, at least 1.
        interval: Seconds to wait before each: one duration for all, or a list with one for each retry in turn. With
            `max=3`, `[1, 2, 3]` waits 1, 2 and 3 s. Where the list is shorter than `max` its last value repeats
            (`max=5`, `[10, 30, 60]`: 10, 30, 60, 60, 60 - RQ repeats the first instead); the rest of a longer list is
            not used.
        on: Only these errors are retried: classes or names, subclasses included. None: all.
        never: These are never retried.
        jitter: A share of the wait, 0 to 1: `0.1` spreads 60 s evenly over 54 to 66 s, so that jobs which failed
            together do not come back together.
        at_front: A retry joins the front of its queue.

    Raises:
        InvalidOption: A value is out of range.
    """

    max: int
    intervals: tuple[float, ...]
    on: tuple[str, ...] | None
    never: tuple[str, ...]
    jitter: float
    at_front: bool

    def __init__(
        self,
        max: int,
        interval: Duration | Sequence[Duration] = 0,
        *,
        on: ErrorNames | None = None,
        never: ErrorNames = (),
        jitter: float = 0.0,
        at_front: bool = False,
    ) -> None:
        if isinstance(max, bool) or not isinstance(max, int) or not 1 <= max <= 1_000_000:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(
                f"Retry(max={max!r}): max is how often a failed job runs again, a number from 1 to 1,000,000"
            )
        waits = list(interval) if isinstance(interval, Sequence) and not isinstance(interval, str) else [interval]
        intervals = tuple(seconds(wait, "interval") for wait in waits)
        if not intervals or min(intervals) < 0:
            raise InvalidOption(f"Retry(interval={interval!r}): give one wait of 0 s or more, or a list of them")
        if not 0 <= jitter <= 1:
            raise InvalidOption(f"Retry(jitter={jitter!r}): jitter is a share of the wait, from 0 to 1")
        self._set("max", max)
        self._set("intervals", intervals)
        self._set("on", None if on is None else _error_names(on, "on"))
        self._set("never", _error_names(never, "never"))
        self._set("jitter", float(jitter))
        self._set("at_front", bool(at_front))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @classmethod
    def exponential(
        cls,
        max: int,
        first: Duration = 10,
        factor: float = 3,
        cap: Duration = 3600,
        jitter: float = 0.1,
        *,
        on: ErrorNames | None = None,
        never: ErrorNames = (),
        at_front: bool = False,
    ) -> Retry:
        """Waits that grow: `first`, `first * factor`, `first * factor**2`, ... and never more than `cap` seconds.

        Raises:
            InvalidOption: A value is out of range.
        """
        start, most = positive(first, "first"), positive(cap, "cap")
        if not factor >= 1:
            raise InvalidOption(f"Retry.exponential(factor={factor!r}): factor must be 1 or more")
        waits = [min(start, most)]
        while len(waits) < max and factor > 1 and waits[-1] < most:
            waits.append(min(waits[-1] * factor, most))
        return cls(max, waits, on=on, never=never, jitter=jitter, at_front=at_front)

    def delay(self, failure: int) -> float:
        """Seconds to wait after a failure, jitter applied.

        Args:
            failure: Which failure it is, counted from 1.
        """
        wait = self.intervals[min(failure, len(self.intervals)) - 1]
        if self.jitter and wait:
            wait *= 1 + self.jitter * random.uniform(-1, 1)  # noqa: S311 - spreads load, guards nothing
        return wait

    def covers(self, mro: Sequence[str]) -> bool:
        """Whether an error is retried at all.

        Args:
            mro: Dotted names of the raised class and its bases. A policy's name matches a dotted or a bare name.
        """
        known = {*mro, *(name.rpartition(".")[2] for name in mro)}
        if not known.isdisjoint(self.never):
            return False
        return self.on is None or not known.isdisjoint(self.on)

    @classmethod
    def of(cls, value: Retry | int | None) -> Retry | None:
        """`retry=3` is `Retry(3)`; 0 and None are no retry."""
        if value is None or isinstance(value, cls):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return cls(value) if value else None
        raise InvalidOption(f"retry={value!r}: give a number of retries or Retry(max, interval)")
