"""The order of the queues, turn by turn."""

from __future__ import annotations

from collections import Counter

import pytest

from winch.errors import InvalidOption
from winch.worker.order import QueueOrder, order_of, split_weights
from winch.worker.settings import WorkerSettings


def test_strict_never_changes() -> None:
    """The first queue is always first."""
    order = QueueOrder(("high", "low"), "strict")
    assert {order.next() for _ in range(5)} == {("high", "low")}


def test_round_robin_moves_on_by_one() -> None:
    """Each queue is the first in turn, and the others keep their order behind it."""
    order = QueueOrder(("a", "b", "c"), "round-robin")
    assert [order.next() for _ in range(4)] == [("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b"), ("a", "b", "c")]


def test_random_names_all() -> None:
    """Every order of two queues comes, and none is left out."""
    order = QueueOrder(("a", "b"), "random")
    assert {order.next() for _ in range(200)} == {("a", "b"), ("b", "a")}


@pytest.mark.parametrize("weights", [(3, 1), (1, 1), (5, 3, 2), (1000, 1)])
def test_weights_are_shares_of_the_first_place(weights: tuple[int, ...]) -> None:
    """In a round of as many turns as the weights sum up to each queue is the first exactly as often as its weight says."""
    queues = tuple("abc"[: len(weights)])
    order = QueueOrder(queues, "strict", weights)
    turns = [order.next() for _ in range(sum(weights))]
    assert Counter(first for first, *_ in turns) == dict(zip(queues, weights, strict=True))
    assert {tuple(sorted(turn)) for turn in turns} == {queues}


def test_weights_are_spread() -> None:
    """A light queue has its turn among those of the heavy one, not after them."""
    order = QueueOrder(("high", "low"), "strict", (3, 1))
    assert "".join(order.next()[0][0] for _ in range(8)) == "hhlhhhlh"


def test_one_queue_has_one_order() -> None:
    """Whatever the order is called."""
    assert QueueOrder(("a",), "random").next() == ("a",)


def test_weights_are_written_behind_the_name() -> None:
    """`high=3` is a name and a weight; without any there are none, and 1 is the weight of those beside."""
    assert split_weights(["a", "b"]) == (("a", "b"), ())
    assert split_weights(["high=3", "low"]) == (("high", "low"), (3, 1))
    for bad in ("a=", "a=x", "a=-1", "a=1.5", "a=1=2", "a=²"):
        with pytest.raises(InvalidOption, match="weight"):
            split_weights([bad])


def test_weights_that_cannot_be() -> None:
    """Out of range, another number than the queues, a queue twice, or beside another order: refused."""
    assert WorkerSettings(queues=("a", "b"), weights=(1, 1000)).weights == (1, 1000)
    for weights in ((0, 1), (1, 1001), (1,)):
        with pytest.raises(InvalidOption, match="weights"):
            WorkerSettings(queues=("a", "b"), weights=weights)
    with pytest.raises(InvalidOption, match="each queue once"):
        WorkerSettings(queues=("a", "a"), weights=(1, 2))
    with pytest.raises(InvalidOption, match="not both"):
        WorkerSettings(queues=("a", "b"), weights=(1, 2), order="random")


def test_orders_as_rq_spells_them() -> None:
    """RQ's names of strategies are known; anything else is refused with those that there are."""
    assert [order_of(name) for name in ("default", "round_robin", "random")] == ["strict", "round-robin", "random"]
    with pytest.raises(InvalidOption, match="strict, round-robin, random"):
        order_of("fair")


def test_a_queue_that_is_named_again_is_dropped() -> None:
    """Each queue is there once, at its first place, for the log as for the store."""
    assert WorkerSettings(queues=("b", "a", "b", "a")).queues == ("b", "a")


def test_numbers_that_can_only_be_a_mistake() -> None:
    """A thousand processes are the most of one worker; the error says how many there may be and what to do for more."""
    for name, most in (("processes", 1_000), ("threads", 10_000), ("async_jobs", 100_000)):
        assert getattr(WorkerSettings(**{name: most}), name) == most  # pyright: ignore[reportArgumentType]
        for number in (0, most + 1):
            with pytest.raises(InvalidOption, match=f"{name}={number}: 1 to {most:,} .* start several"):
                WorkerSettings(**{name: number})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", ["max_jobs", "max_jobs_per_executor", "max_memory", "max_idle_time", "grace"])
def test_limits_that_nothing_could_keep(name: str) -> None:
    """A worker that may run no job would wait for ever, one of negative patience stop at once: refused."""
    for number in (-1, *([0] if name.startswith("max_") and name != "max_idle_time" else [])):
        with pytest.raises(InvalidOption, match=f"{name} must be .* not {number}"):
            WorkerSettings(**{name: number})  # pyright: ignore[reportArgumentType]
