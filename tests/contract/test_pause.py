"""Pauses of single queues and of all, with an end and without."""

from typing import Any

import pytest

from tests.contract.helpers import Boss, S, add, eventually, has_hint, hinted, ids, job, lane, put
from winch.stores.contract import ALL_QUEUES, Store


def over(store: Store, queue: str) -> None:
    """Pause a queue, and wait until its time is over."""
    store.pause(queue, 1)
    eventually(lambda: queue not in store.paused())


@pytest.mark.parametrize("name", ["q", ALL_QUEUES])
def test_when_a_pause_ends(store: Store, name: str) -> None:
    """`paused` tells when each pause ends; a later pause takes the place of an earlier one."""
    before = store.now()
    store.pause(name, 60_000)
    assert before + 60_000 <= store.paused()[name] <= store.now() + 60_000
    store.pause(name)
    assert store.paused() == {name: 0}
    store.pause(name, 3_600_000)
    assert store.paused()[name] > before + 60_000
    store.resume(name)
    assert store.paused() == {}


def test_all_queues(store: Store) -> None:
    """A pause of all queues holds back every one, also those that come later, and no hint is given."""
    put(store, job(queue="a"), job(queue="b"))
    executor = lane(store, queues=("a", "b", "c"))
    store.pause(ALL_QUEUES)
    add(store, queue="c")
    assert executor.claim() == []
    assert not hinted(store, "c", within=0.05)
    store.resume(ALL_QUEUES)
    assert all(hinted(store, name) for name in "abc")
    assert len(executor.claim()) == 3


def test_both_pauses_count(store: Store) -> None:
    """A queue is handed out once neither its own pause nor that of all holds it back."""
    put(store, job(queue="a"), job(queue="b"))
    executor = lane(store, queues=("a", "b"))
    assert hinted(store, "a")  # of the time before the pause
    store.pause("a")
    store.pause(ALL_QUEUES)
    store.resume("b")
    assert executor.claim() == []
    store.resume(ALL_QUEUES)
    assert [claim.queue for claim in executor.claim()] == ["b"]
    assert not hinted(store, "a", within=0.05)
    store.resume("a")
    assert [claim.queue for claim in executor.claim()] == ["a"]


@pytest.mark.parametrize("name", ["q", ALL_QUEUES])
@pytest.mark.parametrize("who", ["promote", "beat", "turn"])
def test_the_end_wakes(store: Store, name: str, who: str) -> None:
    """Once its time is over the next turn, beat or `promote` ends a pause, and sleepers are told."""
    add(store)
    boss = Boss(store)
    executor = boss.lane()
    over(store, name)
    if who == "promote":
        assert store.promote() is None
    elif who == "beat":
        assert boss.beat().next_due is None
    else:
        executor.turn()
    assert hinted(store)
    assert len(executor.claim()) == 1


def test_a_turn_claims_what_is_free_now(store: Store) -> None:
    """A turn needs nobody else to end a pause."""
    one = add(store)
    over(store, ALL_QUEUES)
    assert lane(store).one().id == one


@pytest.mark.parametrize("name", ["q", "elsewhere", ALL_QUEUES])
def test_the_next_end_is_a_time_to_wake(store: Store, name: str) -> None:
    """Beats, turns and `promote` tell how long it is until the next pause ends, and supervisors are told of a new one."""
    boss = Boss(store)
    executor, waiter = boss.lane(), store.hints(boss.id)
    has_hint(waiter, within=0.1)
    store.pause(name, 60_000)
    assert has_hint(waiter)
    waiter.close()
    told: list[Any] = [boss.beat().next_due, executor.turn().next_due, store.promote()]
    assert all(50_000 < each <= 60_000 for each in told)
    add(store, delay=1_000)
    assert all(each <= 1_000 for each in (boss.beat().next_due or 0, store.promote() or 0))
    store.resume(name)
    store.delete(ids(store, "q", S.SCHEDULED))
    assert (boss.beat().next_due, store.promote()) == (None, None)


def test_a_burst_does_not_wait_for_a_pause(store: Store) -> None:
    """What is paused is nothing that a burst would wait for."""
    add(store)
    assert not store.drained(["q"])
    store.pause(ALL_QUEUES)
    assert store.drained(["q"])
