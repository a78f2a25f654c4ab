"""Limits: how many jobs of a key run at a time, and how many start in a span of time, over all workers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from winch.errors import InvalidOption
from winch.options.durations import Duration, milliseconds, positive

__all__ = ["Limit", "Limits", "limits_of"]

_KEY = re.compile(r"[^\x00-\x1f\x7f]{1,128}")
_MOST = 1_000_000
_LONGEST = 10 * 365 * 86_400_000
MOST_LIMITS = 8
"""The most limits of one job."""


@dataclass(frozen=True, slots=True, init=False)
class Limit:
    """How many jobs that share a key may run at a time, or start in a span of time, over all queues and workers.

    A job that finds no room is `blocked`, and is queued again, in order, as soon as there is some. Jobs of one key should
    name the same numbers: each job is held to its own.

    Args:
        key: What is limited: `"api.example.com"`, `f"customer:{id}"`. 1 to 128 printable characters.
        concurrency: At most that many jobs of the key run at a time.
        rate: At most that many start per `per` (a token bucket: it fills evenly, and holds `burst`).
        per: Seconds, or a text such as `"1m"`.
        burst: How many may start at once after a pause; default `rate`.

    Raises:
        InvalidOption: Neither `concurrency` nor `rate`, a value out of range, or a bucket that takes over ten years to fill.
    """

    key: str
    concurrency: int
    rate: int
    per: int
    burst: int

    def __init__(
        self,
        key: str,
        concurrency: int | None = None,
        *,
        rate: int | None = None,
        per: Duration = 1,
        burst: int | None = None,
    ) -> None:
        if not isinstance(key, str) or not _KEY.fullmatch(key):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(f"Limit({key!r:.200}): a key is 1 to 128 printable characters")
        if concurrency is None and rate is None:
            raise InvalidOption(f"Limit({key!r}) limits nothing: give concurrency=, or rate= and per=")
        if burst is not None and rate is None:
            raise InvalidOption(f"Limit({key!r}): burst goes with rate")
        number = 0 if rate is None else _count("rate", rate)
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "concurrency", 0 if concurrency is None else _count("concurrency", concurrency))
        object.__setattr__(self, "rate", number)
        object.__setattr__(self, "per", milliseconds(positive(per, "per")) if number else 0)
        object.__setattr__(self, "burst", number if burst is None else _count("burst", burst))
        if number and self.burst * self.per > _LONGEST * number:
            raise InvalidOption(
                f"Limit({key!r}): {self.burst} starts at this rate take over ten years; give a smaller burst="
            )


Limits: TypeAlias = "Limit | Sequence[Limit]"


def limits_of(value: Limits) -> tuple[Limit, ...]:
    """What `limits=` accepts, as a tuple.

    Raises:
        InvalidOption: It is something else, names a key twice, or more than eight limits.
    """
    found = (value,) if isinstance(value, Limit) else tuple(value)
    if not all(isinstance(one, Limit) for one in found):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"limits={value!r:.200}: give a Limit, or a list of them")
    if len({one.key for one in found}) < len(found) or len(found) > MOST_LIMITS:
        raise InvalidOption(f"limits={value!r:.200}: at most {MOST_LIMITS}, each with a key of its own")
    return found


def _count(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"Limit({name}={value!r}): a whole number from 1 to {_MOST:,}")
    return value
