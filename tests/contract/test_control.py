"""cancel, requeue, delete, empty, forget, pause, resume, annotate: what people do to jobs and queues."""

from typing import Any

import pytest

from tests.contract.helpers import Boss, S, add, hinted, ids, job, lane, put, record, retention, run, snapshot, states
from winch.errors import InvalidJobOperation, NoSuchJob
from winch.states import STATES
from winch.stores.contract import Command, Store

WAITING = ["queued", "scheduled", "deferred"]
ENDED = ["finished", "failed", "canceled", "stopped"]


def in_state(store: Store, state: str, **options: Any) -> str:
    """A new job in a state, in the queue `q`."""
    given = job(**options)
    if state == "deferred":
        given = job(**options, parents=(add(store, queue="parents"),))
    elif state == "scheduled":
        given = job(**options, delay=60_000)
    put(store, given)
    if state in ("finished", "failed", "stopped"):
        run(store, given.id, "finished" if state == "finished" else "failed" if state == "failed" else "stopped")
    elif state == "started":
        lane(store).take(given.id)
    elif state == "canceled":
        store.cancel(given.id)
    assert states(store, given.id) == [state]
    return given.id


# ---- cancel ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("state", WAITING)
def test_cancel_what_waits(store: Store, state: str, stop: bool) -> None:
    """A job that waits ends as canceled, without an attempt; the answer is the state it had."""
    one = in_state(store, state)
    assert store.cancel(one, stop=stop) == state
    found = record(store, one)
    assert (found.state, found.reason, found.attempts, found.due_at, found.pending) == (S.CANCELED, "", 0, 0, 0)
    assert retention(store, one) == found.failure_ttl
    assert ids(store, "q", S.CANCELED) == [one]


def test_a_canceled_job_never_runs(store: Store) -> None:
    """What was canceled is not handed out, its neighbours are."""
    one, two, three = put(store, job(), job(), job())
    store.cancel(two)
    assert [claim.id for claim in lane(store).claim()] == [one, three]


def test_a_running_job_is_not_canceled(store: Store) -> None:
    """A job that runs is canceled only with `stop`."""
    one = in_state(store, "started")
    before = snapshot(store)
    with pytest.raises(InvalidJobOperation):
        store.cancel(one)
    assert snapshot(store) == before


def test_stop(store: Store) -> None:
    """A running job that is stopped ends at once; its worker is told to stop it, and its outcome is late."""
    one = add(store)
    boss = Boss(store)
    executor = boss.lane()
    claim = executor.one()
    assert store.cancel(one, stop=True) is S.STARTED
    found = record(store, one)
    assert (found.state, found.reason, found.attempts, found.token, found.executor) == (S.STOPPED, "stopped", 1, 0, "")
    assert [(each.outcome, each.reason, each.worker) for each in found.history] == [
        ("stopped", "stopped", boss.info.name)
    ]
    assert boss.beat().commands == (Command(1, "lost", claim.token, one),)
    assert not executor.settle(claim)
    assert store.workers()[0].jobs == ()


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("state", ENDED)
def test_an_ended_job_is_not_canceled(store: Store, state: str, stop: bool) -> None:
    """A job that has ended cannot be canceled."""
    one = in_state(store, state)
    before = snapshot(store)
    with pytest.raises(InvalidJobOperation):
        store.cancel(one, stop=stop)
    assert snapshot(store) == before


def test_the_unknown(store: Store) -> None:
    """Nobody can cancel, requeue or annotate a job that does not exist."""
    gone = add(store, failure_ttl=0)
    store.cancel(gone)
    for unknown in ("unknown", gone):
        with pytest.raises(NoSuchJob):
            store.cancel(unknown)
        with pytest.raises(NoSuchJob):
            store.cancel(unknown, stop=True)
        with pytest.raises(NoSuchJob):
            store.requeue(unknown)
        with pytest.raises(NoSuchJob):
            store.annotate(unknown, b"")
        assert store.delete([unknown]) == 0
        assert store.position(unknown) is None
    assert store.get(["unknown", gone]) == [None, None]


# ---- requeue --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ENDED)
def test_requeue(store: Store, state: str) -> None:
    """An ended job joins the back of its queue afresh; its history stays. The answer is the state it had."""
    one = in_state(store, state, result_ttl=-1)
    history = record(store, one).history
    other = add(store)
    assert store.requeue(one) == state
    found = record(store, one)
    assert (found.state, found.reason, found.result) == (S.QUEUED, "", b"")
    assert (found.fails, found.crashes, found.suspect, found.ended_at, found.expires_at) == (0, 0, False, 0, 0)
    assert (found.history, found.attempts) == (history, len(history))
    assert found.enqueued_at >= found.created_at
    assert ids(store, "q", S.QUEUED) == [other, one]
    assert ids(store, "q", S(state)) == []
    assert hinted(store)


def test_requeue_at_the_front(store: Store) -> None:
    """A requeued job may join the front of its priority."""
    one = in_state(store, "failed")
    high, normal = put(store, job(priority=1), job())
    store.requeue(one, at_front=True)
    assert ids(store, "q", S.QUEUED) == [high, one, normal]


def test_requeue_resets_the_counts(store: Store) -> None:
    """Retries and crashes start again from 0, attempts count on."""
    one = add(store)
    executor = lane(store)
    executor.settle(executor.one(), "retry", reason="raised")
    executor.settle(executor.one(), "failed", reason="raised")
    store.requeue(one)
    claim = executor.one()
    assert (claim.fails, claim.crashes, claim.attempts, claim.suspect) == (0, 0, 2, False)
    executor.settle(claim, result=b"x")
    assert (record(store, one).attempts, record(store, one).result) == (3, b"x")


@pytest.mark.parametrize("state", [*WAITING, "started"])
def test_only_the_ended_are_requeued(store: Store, state: str) -> None:
    """A job that has not ended cannot be requeued."""
    one = in_state(store, state)
    before = snapshot(store)
    with pytest.raises(InvalidJobOperation):
        store.requeue(one)
    assert snapshot(store) == before


# ---- delete and empty -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [*WAITING, "started", *ENDED])
def test_delete(store: Store, state: str) -> None:
    """A job in any state can be removed with all it had; nothing lists it."""
    one = in_state(store, state)
    assert store.delete([one]) == 1
    assert store.get([one]) == [None]
    assert store.counts()["q"] == dict.fromkeys(STATES, 0)
    assert store.delete([one]) == 0


def test_delete_many(store: Store) -> None:
    """A thousand jobs go in one call; the answer counts those that there were."""
    added = put(store, *(job() for _ in range(600)))
    other = add(store)
    assert store.delete([*added, *(f"unknown-{n}" for n in range(399)), added[0]]) == 600
    assert ids(store, "q", S.QUEUED) == [other]


def test_delete_a_running_job(store: Store) -> None:
    """The worker of a deleted job is told to stop it."""
    one = add(store)
    boss = Boss(store)
    claim = boss.lane().one()
    store.delete([one])
    assert boss.beat().commands == (Command(1, "lost", claim.token, one),)
    assert store.workers()[0].jobs == ()


def test_empty(store: Store) -> None:
    """`empty` removes what is queued, and nothing else, up to the limit."""
    kept = [in_state(store, state) for state in ("finished", "canceled", "started", "scheduled", "deferred")]
    put(store, *(job() for _ in range(5)))
    elsewhere = add(store, queue="other")
    assert store.empty("q", limit=2) == 2
    assert len(ids(store, "q", S.QUEUED)) == 3
    assert store.empty("q") == 3
    assert store.empty("q") == 0
    assert store.empty("unknown") == 0
    assert None not in states(store, *kept, elsewhere)
    assert lane(store).claim() == []


def test_empty_takes_care_of_children(store: Store) -> None:
    """The children of jobs that are emptied hear of it."""
    parent = add(store)
    child = add(store, queue="other", parents=(parent,))
    store.empty("q")
    store.promote()
    assert states(store, child) == ["canceled"]


# ---- queues ---------------------------------------------------------------------------------------------------------


def test_forget(store: Store) -> None:
    """A queue can be forgotten once it holds no job of any state; its pause goes with it."""
    one = in_state(store, "finished")
    store.pause("q")
    assert not store.forget("q")
    assert (store.queues(), store.paused()) == (["q"], {"q": 0})
    store.delete([one])
    assert store.queues() == ["q"]
    assert store.forget("q")
    assert (store.queues(), store.paused(), store.counts()) == ([], {}, {})
    new = add(store)
    assert [claim.id for claim in lane(store).claim()] == [new]


@pytest.mark.parametrize("state", [*WAITING, "started", *ENDED])
def test_a_queue_that_holds_a_job_is_not_forgotten(store: Store, state: str) -> None:
    """Jobs of any state keep a queue."""
    in_state(store, state)
    assert not store.forget("q")
    assert "q" in store.queues()


def test_pause_and_resume(store: Store) -> None:
    """A paused queue takes jobs and hands out none, until it is resumed; twice is once."""
    store.pause("q")
    store.pause("q")
    store.pause("a")
    assert store.paused() == {"a": 0, "q": 0}
    one = add(store)
    assert states(store, one) == ["queued"]
    executor = lane(store)
    assert executor.claim() == []
    store.resume("q")
    store.resume("q")
    assert store.paused() == {"a": 0}
    assert executor.one().id == one


def test_a_pause_gives_no_hints(store: Store) -> None:
    """Paused work wakes nobody; `resume` does."""
    store.pause("q")
    add(store)
    lane(store).turn(room=1)
    assert not hinted(store, within=0.05)
    store.resume("q")
    assert hinted(store)


def test_running_jobs_are_not_paused(store: Store) -> None:
    """What runs when its queue is paused settles as ever."""
    one = add(store)
    executor = lane(store)
    claim = executor.one()
    store.pause("q")
    assert executor.settle(claim, "retry", reason="raised")
    assert states(store, one) == ["queued"]
    assert executor.claim() == []


# ---- annotate -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [*WAITING, "started", *ENDED])
def test_annotate(store: Store, state: str) -> None:
    """A job's meta can be replaced in any state; nothing else changes."""
    one = in_state(store, state, meta=b"old")
    before = snapshot(store)["jobs"][one]
    store.annotate(one, b"\x00new" * 1_000)
    after = snapshot(store)["jobs"][one]
    assert after.meta == b"\x00new" * 1_000
    assert {name for name in before.__slots__ if getattr(before, name) != getattr(after, name)} == {"meta"}
    store.annotate(one, b"")
    assert record(store, one).meta == b""


def test_the_next_run_sees_the_meta(store: Store) -> None:
    """A claim carries the meta as it is."""
    one = add(store, meta=b"old")
    store.annotate(one, b"new")
    assert lane(store).one().meta == b"new"
