"""Options: what users may write, what it means, and what the errors say."""

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winch.errors import InvalidOption
from winch.options import DEFAULT_JOB, DEFAULT_RUN, Callback, Dependency, JobKeywords, JobOptions, Retry, seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [(-1, -1), (90, 90), (0.5, 0.5), ("90", 90), ("10s", 10), ("5m", 300), ("1h", 3600), ("1d", 86400), ("1.5H", 5400)],
)
def test_durations(value: Any, expected: float) -> None:
    """RQ's durations, and `timedelta`."""
    assert seconds(value) == expected
    assert seconds(timedelta(seconds=expected)) == expected


@pytest.mark.parametrize("value", ["", "10x", "ten", True, None, [], math.nan, math.inf, 10**400, "9" * 400])
def test_what_is_no_duration(value: Any) -> None:
    """The error says what to give."""
    with pytest.raises(InvalidOption, match="give seconds"):
        seconds(value, "ttl")


def test_a_duration_is_at_most_a_hundred_years() -> None:
    """And the error says so."""
    assert seconds("36500d") == 36500 * 86400
    with pytest.raises(InvalidOption, match="at most a hundred years"):
        seconds("36501d", "ttl")


def test_intervals_in_order() -> None:
    """One interval per retry, in the order in which they were written."""
    assert [Retry(3, [1, 2, 3]).delay(failure) for failure in (1, 2, 3)] == [1, 2, 3]


def test_a_short_list_repeats_its_last_interval() -> None:
    """Waits that grow do not start again."""
    assert [Retry(5, [10, 30, 60]).delay(failure) for failure in range(1, 6)] == [10, 30, 60, 60, 60]


def test_the_rest_of_a_long_list_is_not_used() -> None:
    """The first ones are."""
    assert [Retry(2, [10, "30s", 60]).delay(failure) for failure in (1, 2)] == [10, 30]


def test_exponential_waits() -> None:
    """They grow up to the cap, however many there are."""
    retry = Retry.exponential(1_000_000, jitter=0)
    assert [retry.delay(failure) for failure in (1, 2, 3, 6, 7, 999_999)] == [10, 30, 90, 2430, 3600, 3600]


@given(st.floats(0, 1), st.floats(0, 10_000), st.integers(1, 100))
def test_jitter_stays_in_its_share(jitter: float, interval: float, failure: int) -> None:
    """A jitter of 0.1 is at most a tenth more or less."""
    delay = Retry(5, interval, jitter=jitter).delay(failure)
    assert interval * (1 - jitter) - 1e-6 <= delay <= interval * (1 + jitter) + 1e-6


@pytest.mark.parametrize(
    "bad", [{"max": 0}, {"max": True}, {"max": -1}, {"max": 1, "interval": -1}, {"max": 1, "jitter": 2}]
)
def test_retries_that_cannot_be(bad: dict[str, Any]) -> None:
    """Refused when they are made."""
    with pytest.raises(InvalidOption):
        Retry(**bad)


def test_which_errors_are_retried() -> None:
    """Names match dotted or bare, subclasses included; `never` wins."""
    mro = ("shop.Declined", "builtins.OSError", "builtins.Exception")
    assert Retry(1).covers(mro)
    assert Retry(1, on=OSError).covers(mro)
    assert Retry(1, on=["ValueError", "Declined"]).covers(mro)
    assert not Retry(1, on=ValueError).covers(mro)
    assert not Retry(1, on=OSError, never="shop.Declined").covers(mro)
    assert not Retry(1, on=()).covers(mro)


def test_retry_as_a_number() -> None:
    """`retry=3` is `Retry(3)`, and 0 is none."""
    assert JobOptions.of({"retry": 3}).run.retry == Retry(3)
    assert JobOptions.of({"retry": 0}).run.retry is None


def test_a_plain_call_has_shared_options() -> None:
    """Nothing is built for what is not asked."""
    assert JobOptions.of({}) is DEFAULT_JOB
    assert JobOptions.of({"timeout": None}) is DEFAULT_JOB
    assert JobOptions.of({"timeout": 180, "priority": 1}).run is DEFAULT_RUN


def test_time_limits_and_retention() -> None:
    """-1 is without end, 0 is not kept; fractions of a millisecond round up."""
    options = JobOptions.of({"timeout": -1, "result_ttl": 0, "failure_ttl": -1, "ttl": 0.0001})
    assert (options.run.timeout, options.result_ttl, options.failure_ttl, options.ttl) == (None, 0, -1, 1)


BAD: list[tuple[Any, str]] = [
    ({"timeout": 0}, "more than 0"),
    ({"timeout": -2}, "-1 is without end"),
    ({"result_ttl": -2}, "-1"),
    ({"ttl": 0}, "leave it out"),
    ({"priority": 501}, "-500"),
    ({"priority": 1.5}, "whole number"),
    ({"job_id": "a b"}, "letters"),
    ({"job_id": ""}, "letters"),
    ({"meta": [1]}, "dict"),
    ({"codec": "yaml"}, "msgpack"),
    ({"retry": "3"}, "Retry"),
    ({"description": 3}, "text"),
    ({"on_success": 3}, "function"),
    ({"depends_on": [3]}, "jobs or their ids"),
    ({"tmeout": 3}, r"no such option: tmeout \(did you mean timeout\?\)"),
    ({"job_timeout": 3}, r"no such option: job_timeout \(here it is called timeout\)"),
    ({"unik": True, "prioriti": 3}, r"no such option: prioriti \(did you mean priority\?\), unik"),
]


@pytest.mark.parametrize(("options", "text"), BAD)
def test_errors_say_what_to_do(options: JobKeywords, text: str) -> None:
    """Every refused option names what would do."""
    with pytest.raises(InvalidOption, match=text):
        JobOptions.of(options)


def test_defaults_and_overrides() -> None:
    """None leaves a default as it is."""
    base = JobOptions.of({"timeout": 10, "retry": 2})
    more = base.override({"timeout": None, "priority": 3})
    assert (more.run.timeout, more.run.retry, more.priority) == (10, Retry(2), 3)
    assert base.override({}) is base


def test_dependencies() -> None:
    """Jobs, ids, dependencies and lists of them, none twice."""
    assert Dependency.of(["a", Dependency(["b", "a"], on_failure="run")]) == Dependency(["a", "b"], "run")
    assert Dependency("a", allow_failure=True).on_failure == "run"
    assert Dependency.of([]) is None
    with pytest.raises(InvalidOption, match="one way"):
        Dependency.of([Dependency("a", "run"), Dependency("b", "wait")])
    with pytest.raises(InvalidOption, match="contradicts"):
        Dependency("a", "wait", allow_failure=True)
    with pytest.raises(InvalidOption, match="names no job"):
        Dependency([])


def test_callbacks() -> None:
    """A function, a path, or a Callback with a limit of its own."""
    assert Callback.of("a.b").seconds == 60
    assert Callback(print, -1).seconds is None
    with pytest.raises(InvalidOption):
        Callback(print, 0)


def test_only_a_success_belongs_to_the_attempt() -> None:
    """`in_attempt` is for `on_success`."""
    assert JobOptions.of({"on_success": Callback("a.b", in_attempt=True)}).callbacks[0][1].in_attempt
    with pytest.raises(InvalidOption, match="in_attempt"):
        JobOptions.of({"on_failure": Callback("a.b", in_attempt=True)})
