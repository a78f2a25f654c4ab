"""Limit: what can be asked, what crosses the seam, and where a blocked job is seen."""

from typing import Any

import pytest

from tests.contract.helpers import lane, outcome
from winch import Queue
from winch.errors import InvalidOption
from winch.options import Limit
from winch.options.limits import limits_of
from winch.registry import BlockedJobRegistry
from winch.stores.contract import NewLimit, Store


def succeed() -> None:
    """Do nothing."""


def test_what_a_limit_says() -> None:
    """Concurrency alone, rate alone with its defaults, both."""
    assert (Limit("k", 3).concurrency, Limit("k", 3).rate) == (3, 0)
    rate = Limit("k", rate=5)
    assert (rate.concurrency, rate.rate, rate.per, rate.burst) == (0, 5, 1_000, 5)
    both = Limit("k", 2, rate=100, per="1m", burst=1)
    assert (both.concurrency, both.rate, both.per, both.burst) == (2, 100, 60_000, 1)


@pytest.mark.parametrize(
    ("key", "options", "told"),
    [
        ("k", {}, "limits nothing"),
        ("", {"concurrency": 1}, "printable"),
        ("a\nb", {"concurrency": 1}, "printable"),
        ("k" * 129, {"concurrency": 1}, "printable"),
        ("k", {"concurrency": 0}, "concurrency=0"),
        ("k", {"concurrency": True}, "concurrency=True"),
        ("k", {"rate": 1.5}, "rate=1.5"),
        ("k", {"rate": 1, "per": 0}, "per"),
        ("k", {"rate": 1, "burst": 0}, "burst=0"),
        ("k", {"concurrency": 1, "burst": 2}, "goes with rate"),
        ("k", {"rate": 1, "per": "365d", "burst": 11}, "ten years"),
    ],
)
def test_what_a_limit_refuses(key: str, options: dict[str, Any], told: str) -> None:
    """At once, with what is wrong."""
    with pytest.raises(InvalidOption, match=told):
        Limit(key, **options)


def test_several_limits() -> None:
    """One or a list, each with a key of its own, eight at most."""
    one, other = Limit("a", 1), Limit("b", 1)
    assert limits_of(one) == (one,)
    assert limits_of([one, other]) == (one, other)
    for wrong in ([one, Limit("a", 2)], [Limit(str(n), 1) for n in range(9)], ["a"]):
        with pytest.raises(InvalidOption):
            limits_of(wrong)  # pyright: ignore[reportArgumentType]


def test_the_step_between_tokens() -> None:
    """In microseconds, rounded up: never faster than asked for."""
    assert NewLimit("k", rate=3, per=1_000, burst=3).step == 333_334
    assert NewLimit("k", rate=10, per=1_000, burst=1).step == 100_000
    assert NewLimit("k", concurrency=1).step == 0


def test_limits_of_a_queue_a_call_and_a_job(store: Store) -> None:
    """A default of the queue, another for one call; the record tells what a job was given."""
    queue = Queue(connection=store, limits=Limit("k", 1))
    mine = queue.enqueue(succeed)
    other = queue.using(limits=[Limit("l", 2), Limit("m", rate=3, per=2)]).enqueue(succeed)
    assert mine.record.limits == (NewLimit("k", 1),)
    other.refresh()
    assert other.record.limits == (NewLimit("l", 2), NewLimit("m", 0, 3, 2_000, 3))


def test_blocked_jobs_have_a_registry(store: Store) -> None:
    """By the queue and by name; the job says so, too, and leaves it when it has run."""
    queue = Queue(connection=store)
    one = queue.using(limits=Limit("k", 1))
    first, second = one.enqueue(succeed), one.enqueue(succeed)
    executor = lane(store, queues=("default",))
    claim = executor.one()
    assert executor.claim() == []
    assert (first.is_blocked, second.is_blocked) == (False, True)
    assert queue.blocked.get_job_ids() == [second.id]
    assert queue.blocked == queue.blocked_job_registry == BlockedJobRegistry("default", store)
    assert second in queue.blocked
    [claim] = executor.turn(outcome(claim), room=1).claims
    executor.turn(outcome(claim))
    assert second.is_finished
    assert len(queue.blocked) == 0
