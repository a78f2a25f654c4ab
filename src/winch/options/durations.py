"""Durations: what users may write, and what it means."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import TypeAlias

from winch.errors import InvalidOption

__all__ = ["Duration", "milliseconds", "patience", "pause_time", "positive", "retention", "seconds", "time_limit"]

Duration: TypeAlias = int | float | str | timedelta

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(-?\d+(?:\.\d*)?|-?\.\d+)([smhd]?)")
_LONGEST = 100 * 365 * 86400.0


def seconds(value: Duration, name: str = "duration") -> float:
    """A duration as seconds.

    Args:
        value: A number of seconds, a text such as `"10s"`, `"5m"`, `"1h"`, `"1d"` or `"90"`, or a `timedelta`.
        name: What the error calls it.

    Raises:
        InvalidOption: It is none of these, or longer than a hundred years.
    """
    number = _number(value)
    if number is None or not abs(number) <= _LONGEST:  # also refuses NaN
        raise InvalidOption(
            f"{name}={value!r} is not a duration of at most a hundred years: "
            'give seconds (90, 0.5), a text ("10s", "5m", "1h", "1d") or a timedelta'
        )
    return number


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if not isinstance(value, int) or abs(value) < 2**60 else None
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip().lower())):
        return float(match[1]) * _UNITS[match[2]]
    return None


def positive(value: Duration, name: str, hint: str = "") -> float:
    """Seconds of a duration that must be more than 0."""
    number = seconds(value, name)
    if number <= 0:
        raise InvalidOption(f"{name} must be more than 0 seconds, not {value!r}{hint}")
    return number


def pause_time(value: Duration | None) -> int:
    """Milliseconds of a pause, 0 for None, which is without end."""
    return 0 if value is None else milliseconds(positive(value, "ttl", " (leave it out for a pause without end)"))


def retention(value: Duration, name: str) -> int:
    """Milliseconds to keep a job, -1 for ever."""
    number = seconds(value, name)
    if number == -1:
        return -1
    if number < 0:
        raise InvalidOption(f"{name} must be 0 (not kept), more, or -1 (kept without end), not {value!r}")
    return milliseconds(number)


def milliseconds(number: float) -> int:
    """Whole milliseconds of seconds, rounded up."""
    return math.ceil(number * 1000)


def time_limit(value: Duration, name: str) -> float | None:
    """Seconds of a time limit, None for -1, which is without end."""
    number = seconds(value, name)
    return None if number == -1 else positive(value, name, " (-1 is without end)")


def patience(timeout: Duration | None, way: str) -> float | None:
    """Seconds to wait in `way(timeout=...)`, None is without end.

    Raises:
        InvalidOption: It is negative or no duration.
    """
    number = None if timeout is None else seconds(timeout, "timeout")
    if number is not None and number < 0:
        raise InvalidOption(f"{way}(timeout={timeout!r}): give 0 or more; leave it out to wait without end")
    return number
