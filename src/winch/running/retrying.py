"""Whether a job runs again: (attempt, policy, error) -> what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from winch.errors import NoRetry, RetryLater
from winch.options import Repeat, Retry, RunOptions

__all__ = ["Decision", "after_failure", "after_returned", "after_success", "names_of"]

LONGEST_DELAY = 100 * 365 * 86_400.0
"""Seconds. What a job asks for beyond it is cut."""

FINAL = frozenset({"refused", "undecodable"})
"""Reasons that another attempt would not change."""


class Decision(NamedTuple):
    """Retry, or fail for good.

    Attributes:
        retry: Whether the job runs again.
        delay: Milliseconds until it does.
        counts: Whether the attempt counts against the policy.
        at_front: Whether it joins the front of its queue.
    """

    retry: bool
    delay: int = 0
    counts: bool = True
    at_front: bool = False


def names_of(kind: type[BaseException]) -> tuple[str, ...]:
    """Dotted names of an exception's class and its bases, without `object`."""
    return tuple(f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__[:-1])


def after_failure(
    options: RunOptions, fails: int, reason: str, mro: Sequence[str], error: BaseException | None = None
) -> Decision:
    """Decide what a failed attempt leads to.

    Args:
        options: Of the job.
        fails: Attempts that counted against the policy before this one.
        reason: Why it failed, one of `winch.states.REASONS`.
        mro: Dotted names of the error's class and its bases.
        error: The error itself, where it was raised in this process.
    """
    if isinstance(error, RetryLater):
        delay = max(error.delay, 0.0) if error.delay <= LONGEST_DELAY else LONGEST_DELAY  # NaN and infinity too
        exhausted = error.counts and (options.retry is None or fails >= options.retry.max)
        return Decision(not exhausted, delay=round(delay * 1000), counts=error.counts)
    policy = options.retry
    if reason in FINAL or isinstance(error, NoRetry) or policy is None:
        return Decision(False)
    if fails >= policy.max or not policy.covers(mro):
        return Decision(False)
    return Decision(True, delay=round(policy.delay(fails + 1) * 1000), at_front=policy.at_front)


def after_returned(policy: Retry, fails: int) -> Decision:
    """Decide what a job's returning a `Retry` leads to.

    Args:
        policy: What it returned: its waits count from the first retry on.
        fails: Attempts that counted before this one.
    """
    if fails >= policy.max:
        return Decision(False)
    return Decision(True, delay=round(policy.delay(fails + 1) * 1000), at_front=policy.at_front)


def after_success(policy: Repeat, repeats: int) -> int | None:
    """Milliseconds until the next run of a job that finished; None if it was the last.

    Args:
        policy: Of the job.
        repeats: How often it had been repeated before this run.
    """
    return round(policy.delay(repeats + 1) * 1000) if repeats < policy.times else None
