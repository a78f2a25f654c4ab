"""Parents and children: who is freed, canceled or left waiting when a job ends, and that each hears of it once."""

import threading
from itertools import pairwise

import pytest

from tests.contract.helpers import (
    Boss,
    S,
    add,
    eventually,
    fire,
    hinted,
    ids,
    job,
    lane,
    outcome,
    put,
    record,
    run,
    states,
)
from winch.stores.contract import OnFailure, OutcomeKind, Store

POLICIES: list[OnFailure] = ["cancel", "wait", "run"]


def test_children(store: Store) -> None:
    """Who waits for a job is told in the order in which they came; who waits no more is not."""
    parent, other = add(store), add(store)
    first, second, third = [add(store, parents=(parent,)) for _ in range(3)]
    both = add(store, parents=(other, parent))
    assert store.children(parent) == [first, second, third, both]
    assert store.children(other) == [both]
    store.cancel(first)
    store.delete([second])
    assert store.children(parent) == [third, both]
    run(store, parent)
    fire(store)
    assert store.children(parent) == []
    assert store.children(other) == [both]
    assert store.children("unknown") == []


def test_children_that_wait_on(store: Store) -> None:
    """Who waits for a requeue of a parent that failed is its child again."""
    parent = add(store)
    child = add(store, parents=(parent,), on_failure="wait")
    run(store, parent, "failed", reason="raised")
    fire(store)
    assert store.children(parent) == [child]


def test_children_of_a_large_family(store: Store) -> None:
    """There may be more of them than a store looks at in one go."""
    parent = add(store)
    children = put(store, *(job(parents=(parent,)) for _ in range(1_000)))
    children += put(store, *(job(parents=(parent,)) for _ in range(5)))
    store.delete(children[:3])
    assert store.children(parent) == children[3:]


@pytest.mark.parametrize("on_failure", POLICIES)
@pytest.mark.parametrize("kept", [0, 60_000])
@pytest.mark.parametrize("is_running", [False, True])
def test_a_canceled_parent_that_frees_its_children(
    store: Store, is_running: bool, kept: int, on_failure: OnFailure
) -> None:
    """A job can be canceled, or stopped, so that those run which wait for it."""
    parent = add(store, failure_ttl=kept)
    child = add(store, parents=(parent,), on_failure=on_failure)
    if is_running:
        lane(store).take(parent)
    store.cancel(parent, stop=is_running, enqueue_dependents=True)
    fire(store)
    assert states(store, parent, child) == [("stopped" if is_running else "canceled") if kept else None, "queued"]


@pytest.mark.parametrize("on_failure", POLICIES)
def test_a_finished_parent_frees_its_child(store: Store, on_failure: OnFailure) -> None:
    """When its parent finishes a child is queued, whatever it says about failures."""
    parent = add(store)
    child = add(store, parents=(parent,), on_failure=on_failure)
    run(store, parent)
    fire(store)
    found = record(store, child)
    assert (found.state, found.pending) == (S.QUEUED, 0)
    assert found.enqueued_at >= record(store, parent).ended_at > 0
    assert hinted(store)


@pytest.mark.parametrize("on_failure", POLICIES)
@pytest.mark.parametrize("kind", ["failed", "stopped"])
def test_a_parent_that_fails(store: Store, kind: OutcomeKind, on_failure: OnFailure) -> None:
    """When its parent ends otherwise a child does what it said: is canceled, waits on, or runs all the same."""
    parent = add(store)
    child = add(store, parents=(parent,), on_failure=on_failure)
    run(store, parent, kind, reason="raised")
    fire(store)
    found = record(store, child)
    expected = {"cancel": (S.CANCELED, "dependency", 0), "wait": (S.DEFERRED, "", 1), "run": (S.QUEUED, "", 0)}
    assert (found.state, found.reason, found.pending) == expected[on_failure]


@pytest.mark.parametrize("on_failure", POLICIES)
def test_a_parent_that_is_canceled(store: Store, on_failure: OnFailure) -> None:
    """A canceled parent counts as one that failed."""
    parent = add(store)
    child = add(store, parents=(parent,), on_failure=on_failure)
    store.cancel(parent)
    fire(store)
    assert states(store, child) == [{"cancel": "canceled", "wait": "deferred", "run": "queued"}[on_failure]]


@pytest.mark.parametrize("on_failure", POLICIES)
def test_a_parent_that_is_deleted(store: Store, on_failure: OnFailure) -> None:
    """A deleted parent cannot be requeued, so a child that waits is canceled too."""
    parent = add(store)
    child = add(store, parents=(parent,), on_failure=on_failure)
    store.delete([parent])
    fire(store)
    assert states(store, child) == ["queued" if on_failure == "run" else "canceled"]


def test_a_failed_parent_that_is_deleted_later(store: Store) -> None:
    """A child that waits for a failed parent is canceled when that is deleted."""
    parent = add(store)
    child = add(store, parents=(parent,), on_failure="wait")
    run(store, parent, "failed")
    fire(store)
    store.delete([parent])
    fire(store)
    assert (record(store, child).state, record(store, child).reason) == (S.CANCELED, "dependency")


def test_a_parent_that_is_not_kept(store: Store) -> None:
    """A parent that finished and vanished at once frees its child; one that failed so cancels a child that waits."""
    good, bad = put(store, job(result_ttl=0), job(failure_ttl=0))
    freed, canceled = put(store, job(parents=(good,)), job(parents=(bad,), on_failure="wait"))
    run(store, good)
    run(store, bad, "failed")
    fire(store)
    assert states(store, good, bad, freed, canceled) == [None, None, "queued", "canceled"]


def test_the_child_of_an_expired_parent(store: Store) -> None:
    """A finished parent's expiry takes nothing back from its child."""
    parent, other = put(store, job(result_ttl=10), job())
    child = add(store, parents=(parent, other))
    run(store, parent)
    fire(store)
    eventually(lambda: store.get([parent]) == [None])
    boss = Boss(store)
    boss.beat()
    fire(store)
    assert record(store, child).pending == 1
    run(store, other)
    fire(store)
    assert states(store, child) == ["queued"]


def test_several_parents(store: Store) -> None:
    """A child is freed when the last of its parents is done; `pending` counts those that are left."""
    parents = put(store, *(job() for _ in range(3)))
    child = add(store, parents=tuple(parents))
    for left, parent in ((2, parents[0]), (1, parents[1])):
        run(store, parent)
        fire(store)
        assert (record(store, child).state, record(store, child).pending) == (S.DEFERRED, left)
    run(store, parents[2])
    fire(store)
    assert states(store, child) == ["queued"]


def test_one_failed_parent_cancels(store: Store) -> None:
    """One failed parent of several cancels its child at once, and the others' ends do not bring it back."""
    good, bad = put(store, job(), job())
    child = add(store, parents=(good, bad))
    executor = lane(store)
    first, second = executor.take(good, bad)
    executor.settle(second, "failed")
    fire(store)
    assert states(store, child) == ["canceled"]
    executor.settle(first)
    fire(store)
    assert states(store, child) == ["canceled"]


def test_a_retry_is_no_end(store: Store) -> None:
    """A parent that is tried again, or given back, keeps its children waiting."""
    parent = add(store)
    child = add(store, parents=(parent,))
    executor = lane(store)
    executor.settle(executor.one(), "retry", reason="raised")
    executor.settle(executor.one(), "returned")
    fire(store)
    assert states(store, child) == ["deferred"]
    executor.settle(executor.one())
    fire(store)
    assert states(store, child) == ["queued"]


def test_a_requeued_parent_frees_who_waits(store: Store) -> None:
    """A failed parent that is requeued and finishes frees the child that waited for it."""
    parent = add(store)
    child = add(store, parents=(parent,), on_failure="wait")
    run(store, parent, "failed")
    fire(store)
    store.requeue(parent)
    assert states(store, child) == ["deferred"]
    run(store, parent)
    fire(store)
    assert states(store, child) == ["queued"]


def test_a_requeued_parent_may_fail_again(store: Store) -> None:
    """A child waits as often as its parent fails."""
    parent = add(store)
    child = add(store, parents=(parent,), on_failure="wait")
    for _ in range(3):
        run(store, parent, "failed")
        fire(store)
        assert (record(store, child).state, record(store, child).pending) == (S.DEFERRED, 1)
        store.requeue(parent)
    run(store, parent)
    fire(store)
    assert states(store, child) == ["queued"]


def test_requeued_before_anybody_heard(store: Store) -> None:
    """A parent that fails, is requeued and finishes before its child hears of either frees it in the end."""
    parent = add(store)
    child = add(store, parents=(parent,), on_failure="wait")
    store.cancel(parent)
    store.requeue(parent)
    [claim] = (executor := lane(store)).take(parent)
    executor.settle(claim)
    fire(store)
    fire(store)
    assert states(store, child) == ["queued"]


def test_a_requeued_parent_takes_nothing_back(store: Store) -> None:
    """A finished parent that is requeued leaves the children alone that it freed."""
    parent = add(store)
    child = add(store, parents=(parent,))
    run(store, parent)
    fire(store)
    store.requeue(parent, at_front=True)
    run(store, parent)
    fire(store)
    assert states(store, child) == ["queued"]
    assert ids(store, "q", S.QUEUED) == [child]


def test_cascade(store: Store) -> None:
    """A failure cancels children, their children, and so on, whatever the queue."""
    root = add(store)
    chain = [root]
    for n in range(5):
        chain.append(add(store, queue=f"q{n}", parents=(chain[-1],)))
    last = add(store, parents=(chain[-1],), on_failure="run")
    run(store, root, "failed")
    fire(store)
    eventually(lambda: store.promote() is not None or states(store, last) == ["queued"])
    assert states(store, *chain) == ["failed", *["canceled"] * 5]
    assert {record(store, each).reason for each in chain[1:]} == {"dependency"}


def test_many_children(store: Store) -> None:
    """250 children are freed in steps of at most a hundred, each once, also if every turn leaves some."""
    parent = add(store, queue="parents")
    children: list[str] = []
    for _ in range(5):
        children += put(store, *(job(parents=(parent,)) for _ in range(50)))
    boss = Boss(store)
    executor = boss.lane()
    turn = executor.turn(outcome(executor.one("parents")))
    seen = [len(turn.claims)]
    for _ in range(10):
        queued = len(ids(store, "q", S.QUEUED))
        seen.append(queued)
        assert store.drained(["q"]) is False
        if queued == 250:
            break
        executor.turn(queues=["elsewhere"], room=0)
    assert all(after - before <= 100 for before, after in pairwise(seen))
    assert sorted(ids(store, "q", S.QUEUED)) == sorted(children)
    assert {record(store, each).pending for each in children} == {0}


@pytest.mark.parametrize("on_failure", POLICIES)
def test_a_parent_that_ends_while_a_child_is_added(store: Store, on_failure: OnFailure) -> None:
    """However the end of a parent and the enqueue of its child interleave, the child hears of it once and is queued."""
    parents = put(store, *(job(queue="parents") for _ in range(60)))
    executor = lane(store, queues=("parents",))
    claims = executor.take(*parents)
    children: list[str] = []
    start = threading.Barrier(2)

    def adopt() -> None:
        start.wait()
        children.extend(add(store, parents=(parent,), on_failure=on_failure) for parent in parents)

    thread = threading.Thread(target=adopt)
    thread.start()
    start.wait()
    for claim in claims:
        executor.settle(claim)
    thread.join()
    fire(store)
    assert states(store, *children) == ["queued"] * 60
    assert sorted(ids(store, "q", S.QUEUED)) == sorted(children)
    assert [record(store, child).pending for child in children] == [0] * 60


def test_a_burst_waits_for_children(store: Store) -> None:
    """While children have still to hear, a store is not drained, though nothing is queued."""
    parent = add(store, queue="parents")
    for _ in range(3):
        put(store, *(job(parents=(parent,)) for _ in range(80)))
    store.cancel(parent)
    assert not store.drained(["parents"])
    fire(store)
    assert store.drained(["parents", "q"])


def test_children_in_other_queues_are_hinted(store: Store) -> None:
    """A child that is freed brings its own queue's marker."""
    parent = add(store)
    add(store, queue="other", parents=(parent,))
    run(store, parent)
    fire(store)
    assert hinted(store, "other")


def test_a_canceled_child_hears_nothing(store: Store) -> None:
    """A child that was canceled or deleted while it waited stays so when its parent ends."""
    parent = add(store)
    one, two = put(store, job(parents=(parent,)), job(parents=(parent,)))
    store.cancel(one)
    store.delete([two])
    run(store, parent)
    fire(store)
    assert states(store, one, two) == ["canceled", None]


def test_a_child_that_came_back(store: Store) -> None:
    """A child that took another's id waits for its own parents only."""
    old, new = put(store, job(), job())
    add(store, id="child", parents=(old,))
    store.cancel("child")
    add(store, id="child", parents=(new,))
    run(store, old)
    fire(store)
    assert (record(store, "child").state, record(store, "child").pending) == (S.DEFERRED, 1)
    run(store, new)
    fire(store)
    assert states(store, "child") == ["queued"]


def test_a_requeued_child_waits_no_more(store: Store) -> None:
    """A canceled child that is requeued runs, and its old parents do not count it down."""
    parent, other = put(store, job(), job())
    child = add(store, parents=(parent, other))
    store.cancel(child)
    store.requeue(child, at_front=True)
    assert ids(store, "q", S.QUEUED) == [child, parent, other]
    run(store, child)
    run(store, parent)
    fire(store)
    assert states(store, child) == ["finished"]


def test_a_freed_child_with_a_delay(store: Store) -> None:
    """A child whose delay is not over when it is freed is scheduled; one whose delay is over is queued."""
    parent = add(store)
    later, now = put(store, job(parents=(parent,), delay=60_000), job(parents=(parent,), delay=1))
    due = record(store, later).due_at
    eventually(lambda: store.now() > record(store, now).created_at + 1)
    run(store, parent)
    fire(store)
    assert states(store, later, now) == ["scheduled", "queued"]
    assert record(store, later).due_at == due


def test_children_keep_their_priority(store: Store) -> None:
    """Freed children stand by priority."""
    parent = add(store)
    low, high = put(store, job(parents=(parent,), priority=-1), job(parents=(parent,), priority=1))
    normal = add(store)
    [claim] = (executor := lane(store)).take(parent)
    executor.settle(claim)
    fire(store)
    assert ids(store, "q", S.QUEUED) == [high, normal, low]


def test_children_in_the_order_of_their_creation(store: Store) -> None:
    """Children of one parent are freed in the order in which they were created."""
    parent = add(store)
    children = [*put(store, *(job(parents=(parent,)) for _ in range(5))), add(store, parents=(parent,))]
    run(store, parent)
    fire(store)
    assert ids(store, "q", S.QUEUED) == children


def test_a_diamond(store: Store) -> None:
    """A job that waits for two children of one parent runs once both are done."""
    top = add(store)
    left, right = put(store, job(parents=(top,)), job(parents=(top,)))
    bottom = add(store, parents=(left, right))
    run(store, top)
    fire(store)
    run(store, left)
    fire(store)
    assert states(store, bottom) == ["deferred"]
    run(store, right)
    fire(store)
    assert states(store, bottom) == ["queued"]


def test_other_ways_to_end(store: Store) -> None:
    """Children hear of ends of every kind: an expired ttl, a last crash, a stop."""
    expired = add(store, ttl=1)
    crashed = add(store, max_crashes=1)
    stopped = add(store)
    children = put(store, *(job(queue="c", parents=(each,)) for each in (expired, crashed, stopped)))
    eventually(lambda: store.now() > record(store, expired).enqueued_at + 1)
    executor = lane(store)
    executor.begin(*executor.take(crashed))
    executor.crash()
    lane(store).take(stopped)
    store.cancel(stopped, stop=True)
    fire(store)
    assert states(store, expired, crashed, stopped) == ["canceled", "failed", "stopped"]
    assert states(store, *children) == ["canceled"] * 3
