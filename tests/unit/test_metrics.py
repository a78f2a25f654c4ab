"""The log scale of the metrics."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winch.metrics import bucket, bucket_bounds, percentile


@given(st.integers(min_value=0, max_value=10**13))
def test_a_value_lies_in_the_bounds_of_its_bucket(microseconds: int) -> None:
    """Every duration falls into exactly the bucket whose bounds hold it."""
    low, high = bucket_bounds(bucket(microseconds))
    assert low <= microseconds < high


@given(st.integers(min_value=8, max_value=10**13))
def test_a_bucket_is_narrow(microseconds: int) -> None:
    """No bucket is wider than a quarter of its lower bound."""
    low, high = bucket_bounds(bucket(microseconds))
    assert (high - low) / low <= 0.25


def test_negative_durations_count_as_zero() -> None:
    """A clock that went back does not break the metrics."""
    assert bucket(-5) == 0


def test_percentiles_come_from_counts() -> None:
    """The median of mostly fast runs is fast, the 99th percentile sees the slow ones."""
    counts = [(bucket(1_000), 90), (bucket(1_000_000), 10)]
    assert percentile(counts, 0.5) == pytest.approx(1.0, rel=0.25)
    assert percentile(counts, 0.99) == pytest.approx(1000, rel=0.25)


def test_without_observations_there_is_no_percentile() -> None:
    """An empty history has no median."""
    assert percentile([], 0.5) is None
