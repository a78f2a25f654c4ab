"""Repeats: a job that has finished and goes on."""

from dataclasses import replace

import pytest

from tests.contract.helpers import S, add, ids, job, lane, outcome, put, record, run, states
from winch.ids import callback_id
from winch.stores.contract import NewCallback, Store

GOOD = NewCallback("success", b"good")


def test_a_repeat_is_recorded_as_a_success(store: Store) -> None:
    """A job that is repeated is queued again, with its result, and an attempt that finished."""
    one = add(store)
    executor = lane(store)
    executor.settle(executor.one(), "repeat", result=b"42", run=3)
    found = record(store, one)
    assert (found.state, found.repeats, found.attempts, found.fails, found.result) == (S.QUEUED, 1, 1, 0, b"42")
    assert [(each.outcome, each.reason) for each in found.history] == [("finished", "")]
    claim = executor.one()
    assert (claim.id, claim.repeats, claim.attempts) == (one, 1, 1)


def test_a_repeat_may_wait(store: Store) -> None:
    """With a delay the job is scheduled, and its result can be read meanwhile."""
    one = add(store)
    run(store, one, "repeat", result=b"42", delay=60_000)
    found = record(store, one)
    assert (found.state, found.result, found.due_at > found.now) == (S.SCHEDULED, b"42", True)


def test_a_repeat_joins_the_back_or_the_front(store: Store) -> None:
    """Without a delay it joins the back of its queue, unless it asks for the front."""
    first, second = put(store, job(), job())
    run(store, first, "repeat")
    assert ids(store, "q", S.QUEUED) == [second, first]
    run(store, second, "repeat", at_front=True)
    assert ids(store, "q", S.QUEUED) == [second, first]


def test_fails_and_crashes_start_over(store: Store) -> None:
    """Each repeat has all the retries and crashes that the job may have."""
    one = add(store, max_crashes=2)
    executor = lane(store)
    executor.settle(executor.one(), "retry", reason="raised")
    executor.begin(executor.one())
    executor.crash()
    run(store, one, "repeat")
    found = record(store, one)
    assert (found.fails, found.crashes, found.suspect, found.repeats, found.attempts) == (0, 0, False, 1, 3)


def test_the_result_is_that_of_the_last_success(store: Store) -> None:
    """Another success replaces the result; a retry in between leaves it."""
    one = add(store)
    run(store, one, "repeat", result=b"1")
    run(store, one, "retry", reason="raised")
    assert record(store, one).result == b"1"
    run(store, one, "repeat", result=b"2")
    assert (record(store, one).result, record(store, one).repeats) == (b"2", 2)
    run(store, one, result=b"3")
    found = record(store, one)
    assert (found.state, found.result, found.repeats) == (S.FINISHED, b"3", 2)


@pytest.mark.parametrize("kind", ["failed", "stopped", "canceled"])
def test_an_end_that_is_no_success_keeps_no_result(store: Store, kind: str) -> None:
    """A job that fails, is stopped or canceled after a repeat has no result."""
    one = add(store)
    run(store, one, "repeat", result=b"1")
    if kind == "canceled":
        store.cancel(one)
    elif kind == "stopped":
        lane(store).take(one)
        store.cancel(one, stop=True)
    else:
        run(store, one, "failed", reason="raised")
    found = record(store, one)
    assert (found.state.value, found.result, found.repeats) == (kind, b"", 1)


def test_each_success_calls(store: Store) -> None:
    """Callbacks of success are created at every repeat and at the end, each with the job as it was then."""
    parent = add(store, callbacks=(GOOD,), result_ttl=70_000)
    executor = lane(store)
    executor.settle(executor.one(), "repeat", result=b"1", delay=60_000)
    [first] = executor.claim()
    found = record(store, parent)
    assert first.id == callback_id(parent, "success", found.created_at, 1)
    assert first.parent is not None
    assert (first.parent.id, first.parent.result, first.parent.repeats) == (parent, b"1", 1)
    assert first.parent.state is S.SCHEDULED
    assert record(store, first.id).result_ttl == 70_000


def test_children_and_waiters_go_on_waiting(store: Store) -> None:
    """A repeat is no end: who waits for the job waits on."""
    parent = add(store)
    child = add(store, parents=(parent,))
    run(store, parent, "repeat")
    store.promote()
    assert states(store, parent, child) == ["queued", "deferred"]
    assert store.await_end([parent], 0) == []
    run(store, parent)
    store.promote()
    assert states(store, parent, child) == ["finished", "queued"]
    assert [found.id for found in store.await_end([parent], 5)] == [parent]


def test_a_requeue_starts_from_the_beginning(store: Store) -> None:
    """After `requeue` a job has all its repeats before it, and no result."""
    one = add(store)
    run(store, one, "repeat", result=b"1")
    run(store, one, result=b"2")
    store.requeue(one)
    found = record(store, one)
    assert (found.repeats, found.result) == (0, b"")
    assert lane(store).one().repeats == 0


def test_a_repeated_turn_repeats_once(store: Store) -> None:
    """The identical call again changes nothing."""
    one = add(store, callbacks=(GOOD,))
    executor = lane(store)
    claim = executor.one()
    executor.turn(outcome(claim, "repeat"))
    executor.again(outcome(claim, "repeat"))
    assert record(store, one).repeats == 1
    assert len(ids(store, "q", S.QUEUED)) == 2


def test_a_repeat_counts_as_finished(store: Store) -> None:
    """The worker's record counts each success."""
    one = add(store)
    executor = lane(store)
    executor.settle(executor.one(), "repeat")
    executor.settle(executor.one())
    [worker] = store.workers()
    assert (worker.finished, worker.failed) == (2, 0)
    assert states(store, one) == ["finished"]


def test_a_repeat_of_a_callback(store: Store) -> None:
    """A callback that is repeated keeps the parent that it carries."""
    parent = add(store, callbacks=(GOOD,))
    run(store, parent, result=b"r")
    executor = lane(store)
    first = executor.one()
    executor.settle(first, "repeat", result=b"1")
    second = executor.one()
    assert first.parent is not None
    assert second.parent is not None
    assert replace(second.parent, now=0) == replace(first.parent, now=0)
    assert second.repeats == 1
