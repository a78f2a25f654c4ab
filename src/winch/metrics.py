"""The scale of the metrics: how a duration becomes a bucket, and how buckets become percentiles. Pure.

The scale is logarithmic with four steps to each doubling, so a percentile is right to about 12 %, from a microsecond to
weeks, with at most 170 buckets.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

__all__ = ["OUTCOMES", "bucket", "bucket_bounds", "percentile"]

OUTCOMES = ("finished", "failed", "retry", "returned", "stopped")
"""The buckets of the series `outcome`. Append only: the position is stored."""

_LINEAR = 8
"""Below this many microseconds every value is a bucket of its own."""


@lru_cache(maxsize=1024)  # the jobs of a turn mostly take and wait about as long
def bucket(microseconds: int) -> int:
    """The bucket of a duration.

    Args:
        microseconds: Negative counts as 0.
    """
    if microseconds < _LINEAR:
        return max(microseconds, 0)
    doublings = microseconds.bit_length() - 3
    return _LINEAR + (doublings - 1) * 4 + ((microseconds >> (doublings)) & 3)


def bucket_bounds(index: int) -> tuple[int, int]:
    """The durations in microseconds that fall into a bucket: from, and up to but without."""
    if index < _LINEAR:
        return index, index + 1
    doublings, quarter = divmod(index - _LINEAR, 4)
    low = (4 + quarter) << (doublings + 1)
    return low, low + (1 << (doublings + 1))


def percentile(counts: Iterable[tuple[int, int]], share: float) -> float | None:
    """The duration in milliseconds below which a share of all observations lies; None without observations.

    Args:
        counts: Pairs of bucket and number of observations, in any order; a bucket may come several times.
        share: 0.5 is the median.
    """
    totals: dict[int, int] = {}
    for index, count in counts:
        totals[index] = totals.get(index, 0) + count
    wanted = share * sum(totals.values())
    seen = 0
    for index in sorted(totals):
        seen += totals[index]
        if seen >= wanted:
            low, high = bucket_bounds(index)
            return (low + high) / 2 / 1000 if index >= _LINEAR else low / 1000
    return None
