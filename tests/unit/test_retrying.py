"""What a failed attempt leads to."""

from dataclasses import replace
from datetime import timedelta

import pytest

from winch.errors import NoRetry, RetryLater
from winch.options import DEFAULT_RUN, Repeat, Retry
from winch.running.retrying import after_failure, after_returned, after_success, names_of

MRO = names_of(ValueError)


def test_without_a_policy_a_failure_is_final() -> None:
    """No retry unless one was asked for."""
    assert not after_failure(DEFAULT_RUN, 0, "raised", MRO, ValueError()).retry


def test_a_policy_retries_up_to_max() -> None:
    """With max=2 the first two failures lead to a retry, each after its interval."""
    options = replace(DEFAULT_RUN, retry=Retry(2, [1, 2]))
    decisions = [after_failure(options, fails, "raised", MRO, ValueError()) for fails in range(3)]
    assert [(decision.retry, decision.delay) for decision in decisions] == [(True, 1000), (True, 2000), (False, 0)]


def test_a_timeout_is_a_failure_like_any_other() -> None:
    """The policy applies to a time-out too."""
    assert after_failure(replace(DEFAULT_RUN, retry=Retry(1)), 0, "timeout", MRO).retry


def test_what_is_no_delay() -> None:
    """A text or a `timedelta` is refused where it is written, with what to give."""
    for delay in ("10m", timedelta(minutes=10), None):
        with pytest.raises(TypeError, match="give seconds, as a number"):
            RetryLater(delay)  # type: ignore[arg-type]


def test_some_reasons_are_final() -> None:
    """What another attempt would not change is not tried again."""
    options = replace(DEFAULT_RUN, retry=Retry(5))
    for reason in ("refused", "undecodable"):
        assert not after_failure(options, 0, reason, MRO).retry


def test_policies_choose_errors() -> None:
    """on= and never= match the class or a base."""
    only = replace(DEFAULT_RUN, retry=Retry(5, on=ArithmeticError))
    assert after_failure(only, 0, "raised", names_of(ZeroDivisionError)).retry
    assert not after_failure(only, 0, "raised", MRO).retry
    never = replace(DEFAULT_RUN, retry=Retry(5, never=ValueError))
    assert not after_failure(never, 0, "raised", names_of(UnicodeError)).retry


def test_a_job_decides_for_itself() -> None:
    """RetryLater needs no policy and does not count unless it says so; NoRetry overrules one."""
    later = after_failure(DEFAULT_RUN, 9, "raised", (), RetryLater(1.5))
    assert (later.retry, later.delay, later.counts) == (True, 1500, False)
    counted = replace(DEFAULT_RUN, retry=Retry(1))
    assert after_failure(counted, 0, "raised", (), RetryLater(1, counts=True)).retry
    assert not after_failure(counted, 1, "raised", (), RetryLater(1, counts=True)).retry
    assert not after_failure(counted, 0, "raised", (), NoRetry()).retry


def test_a_success_leads_to_the_next_repeat() -> None:
    """Each repeat waits its own interval, in the order given, the last one for all that follow; then it is over."""
    repeat = Repeat(4, [5, 10, "15s"])
    assert [after_success(repeat, repeats) for repeats in range(6)] == [5_000, 10_000, 15_000, 15_000, None, None]


def test_a_returned_retry_counts_from_its_first_wait() -> None:
    """Its waits count from the first retry on, the last repeats, and after `max` retries it is over."""
    asked = Retry(3, [10, 30], at_front=True)
    decisions = [after_returned(asked, fails) for fails in range(4)]
    assert [(one.retry, one.delay) for one in decisions] == [(True, 10_000), (True, 30_000), (True, 30_000), (False, 0)]
    assert decisions[0].at_front
