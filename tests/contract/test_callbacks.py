"""Callbacks: the job that the end of another creates, once per end, whoever ends it."""

from dataclasses import replace

import pytest

from tests.contract.helpers import (
    Boss,
    S,
    add,
    eventually,
    hinted,
    ids,
    job,
    lane,
    outcome,
    put,
    record,
    run,
    snapshot,
    states,
)
from winch.ids import callback_id
from winch.states import STATES
from winch.stores.contract import CallbackEvent, NewCallback, OutcomeKind, Store

EVENTS: dict[OutcomeKind, CallbackEvent] = {"finished": "success", "failed": "failure", "stopped": "stopped"}
ALL = tuple(NewCallback(event, event.encode()) for event in EVENTS.values())


def created(store: Store, parent: str, event: CallbackEvent, place: int = 0) -> str:
    """The id of the callback of a parent's last end."""
    found = record(store, parent)
    return callback_id(parent, event, found.created_at, found.attempts, place)


@pytest.mark.parametrize("kind", EVENTS)
def test_each_end_has_its_callback(store: Store, kind: OutcomeKind) -> None:
    """A job that ends creates the callback of that event and no other, under an id that can be computed."""
    parent = add(store, callbacks=ALL)
    run(store, parent, kind)
    assert ids(store, "q", S.QUEUED) == [created(store, parent, EVENTS[kind])]
    assert hinted(store)


def test_what_a_callback_is(store: Store) -> None:
    """A callback has its parent's queue and priority and stands at the front; its payload is what was given."""
    high, parent, _ = put(store, job(priority=5), job(priority=2, max_crashes=7, callbacks=ALL), job(priority=2))
    low = add(store, priority=1)
    executor = lane(store)
    _, claim, _ = executor.claim(3)
    executor.settle(claim)
    callback = created(store, parent, "success")
    second = add(store, priority=2)
    assert ids(store, "q", S.QUEUED) == [callback, second, low]
    found = record(store, callback)
    assert (found.payload, found.priority, found.max_crashes, found.queue) == (b"success", 2, 7, "q")
    assert (found.fails, found.attempts, found.pending, found.history, found.meta) == (0, 0, 0, (), b"")
    assert found.created_at == found.enqueued_at == record(store, parent).ended_at
    assert states(store, high) == ["started"]


def test_a_callback_carries_its_parent(store: Store) -> None:
    """Record and claim of a callback carry the parent as it ended."""
    parent = add(store, payload=b"parent", meta=b"m", callbacks=ALL)
    executor = lane(store)
    executor.settle(executor.one(), "retry", reason="raised", detail=b"first")
    executor.settle(executor.one(), result=b"42", run=5)
    ended = record(store, parent)
    [claim] = executor.claim()
    for carried in (claim.parent, record(store, claim.id).parent):
        assert carried is not None
        assert (carried.id, carried.queue, carried.state, carried.payload) == (parent, "q", S.FINISHED, b"parent")
        assert (carried.result, carried.meta, carried.attempts, carried.fails) == (b"42", b"m", 2, 1)
        assert (carried.history, carried.worker) == (ended.history, ended.worker)
        assert (carried.created_at, carried.started_at, carried.ended_at) == (
            ended.created_at,
            ended.started_at,
            ended.ended_at,
        )
        assert carried.parent is None


def test_a_parent_that_is_gone_is_still_carried(store: Store) -> None:
    """The parent is carried by value: it may have vanished, be requeued or be replaced."""
    parent = add(store, payload=b"old", result_ttl=0, callbacks=ALL)
    run(store, parent, result=b"42")
    assert store.get([parent]) == [None]
    add(store, id=parent, payload=b"new", delay=60_000)
    [claim] = lane(store).claim()
    assert claim.parent is not None
    assert (claim.parent.payload, claim.parent.result, claim.parent.state) == (b"old", b"42", S.FINISHED)


@pytest.mark.parametrize(("kind", "expected"), [("finished", 70_000), ("failed", 90_000), ("stopped", 90_000)])
def test_how_long_a_callback_is_kept(store: Store, kind: OutcomeKind, expected: int) -> None:
    """A callback's result is kept as long as its parent is."""
    parent = add(store, result_ttl=70_000, failure_ttl=90_000, callbacks=ALL)
    run(store, parent, kind)
    assert record(store, created(store, parent, EVENTS[kind])).result_ttl == expected


def test_a_callback_has_no_callbacks(store: Store) -> None:
    """When a callback ends nothing is created, and its parent stays as it was."""
    parent = add(store, callbacks=ALL)
    run(store, parent)
    before = snapshot(store)["jobs"][parent]
    callback = created(store, parent, "success")
    run(store, callback, "failed")
    assert ids(store, "q", S.QUEUED) == []
    assert snapshot(store)["jobs"][parent] == before


def test_one_per_end(store: Store) -> None:
    """Every end of a requeued job has a callback of its own."""
    parent = add(store, callbacks=ALL)
    run(store, parent, "failed")
    first = created(store, parent, "failure")
    store.requeue(parent, at_front=True)
    run(store, parent, "failed")
    second = created(store, parent, "failure")
    store.requeue(parent, at_front=True)
    run(store, parent)
    third = created(store, parent, "success")
    assert len({first, second, third}) == 3
    assert ids(store, "q", S.QUEUED) == [third, second, first]


def test_attempts_that_do_not_end_the_job(store: Store) -> None:
    """A retry and a run that is given back create nothing."""
    add(store, callbacks=ALL)
    executor = lane(store)
    executor.settle(executor.one(), "retry", reason="raised")
    executor.settle(executor.one(), "returned")
    assert len(ids(store, "q", S.QUEUED)) == 1


def test_a_late_outcome_calls_nobody(store: Store) -> None:
    """An outcome that does not settle creates nothing."""
    parent = add(store, callbacks=ALL)
    executor = lane(store)
    claim = executor.one()
    executor.turn(outcome(claim), outcome(claim, "failed"))
    assert ids(store, "q", S.QUEUED) == [created(store, parent, "success")]


def test_repeated_turns_call_once(store: Store) -> None:
    """A turn that is repeated creates its callbacks once, also when they ran and vanished meanwhile."""
    parent = add(store, result_ttl=0, callbacks=ALL)
    executor = lane(store)
    [claim] = executor.take(parent)
    executor.turn(outcome(claim))
    [callback] = ids(store, "q", S.QUEUED)
    run(store, callback)
    executor.again(outcome(claim))
    assert store.counts()["q"] == dict.fromkeys(STATES, 0)


# ---- several, and at each attempt -----------------------------------------------------------------------------------

SEVERAL = (
    NewCallback("failure", b"first"),
    NewCallback("success", b"good"),
    NewCallback("failure", b"second", each=True),
    NewCallback("failure", b"third", each=True),
)


def payloads(store: Store) -> list[bytes]:
    """Of the queued jobs, in the order in which they will run."""
    return [record(store, one).payload for one in ids(store, "q", S.QUEUED)]


def test_several_of_one_event(store: Store) -> None:
    """All callbacks of an event are created, in the order in which they were given, each under an id of its own."""
    parent = add(store, callbacks=SEVERAL)
    run(store, parent, "failed")
    assert payloads(store) == [b"first", b"second", b"third"]
    assert ids(store, "q", S.QUEUED) == [created(store, parent, "failure", place) for place in range(3)]


def test_each_failed_attempt(store: Store) -> None:
    """Those that hear of each failed attempt are created after it, under the ids that they have at that attempt."""
    parent = add(store, callbacks=SEVERAL)
    executor = lane(store)
    executor.settle(executor.one(), "retry", reason="raised", detail=b"why", delay=60_000)
    assert payloads(store) == [b"second", b"third"]
    assert ids(store, "q", S.QUEUED) == [created(store, parent, "failure", place) for place in (1, 2)]
    [first, _] = executor.claim(2)
    assert first.parent is not None
    assert (first.parent.id, first.parent.state, first.parent.fails) == (parent, S.SCHEDULED, 1)
    assert [(each.outcome, each.detail) for each in first.parent.history] == [("retry", b"why")]


def test_an_attempt_that_does_not_count_has_not_failed(store: Store) -> None:
    """A retry that does not count, and a run that is given back, call nobody, `each` or not."""
    parent = add(store, callbacks=SEVERAL)
    executor = lane(store)
    executor.settle(executor.one(), "retry", counts=False)
    executor.settle(executor.one(), "returned", reason="interrupted", detail=b"d")
    assert ids(store, "q", S.QUEUED) == [parent]


def test_a_charged_crash_is_a_failed_attempt(store: Store) -> None:
    """A crash that is charged and does not end the job creates the callbacks of each failed attempt."""
    parent = add(store, callbacks=SEVERAL)
    executor = lane(store)
    executor.begin(executor.one())
    executor.crash(detail="signal 9")
    assert payloads(store) == [b"payload", b"second", b"third"]
    second = created(store, parent, "failure", 1)
    carried = record(store, second).parent
    assert carried is not None
    assert (carried.state, carried.crashes, carried.history[-1].detail) == (S.QUEUED, 1, b"signal 9")


def test_how_long_a_callback_of_an_attempt_is_kept(store: Store) -> None:
    """A callback of a failed attempt is kept as long as a failed parent is."""
    parent = add(store, result_ttl=70_000, failure_ttl=90_000, callbacks=SEVERAL)
    executor = lane(store)
    executor.settle(executor.one(), "retry", delay=60_000)
    assert record(store, created(store, parent, "failure", 1)).result_ttl == 90_000


def test_callbacks_of_a_callback_that_is_retried(store: Store) -> None:
    """A callback that is retried, as a webhook is, keeps the parent that it carries."""
    parent = add(store, callbacks=ALL)
    run(store, parent)
    executor = lane(store)
    first = executor.one()
    executor.settle(first, "retry", reason="raised")
    second = executor.one()
    assert first.parent is not None
    assert second.parent is not None
    assert replace(second.parent, now=0) == replace(first.parent, now=0)
    assert second.fails == 1


# ---- whoever ends the job -------------------------------------------------------------------------------------------


def test_a_stop_calls(store: Store) -> None:
    """`cancel` with `stop` creates the callback of `stopped`."""
    parent = add(store, callbacks=ALL)
    lane(store).one()
    store.cancel(parent, stop=True)
    assert ids(store, "q", S.QUEUED) == [created(store, parent, "stopped")]


def test_a_cancel_calls_nobody(store: Store) -> None:
    """There is no callback for a job that is canceled, expires, loses its parent or is deleted."""
    canceled, failed = put(store, job(callbacks=ALL), job())
    child = add(store, parents=(failed,), callbacks=ALL)
    run_second = lane(store)
    store.cancel(canceled)
    [claim] = run_second.take(failed)
    run_second.settle(claim, "failed")
    store.promote()
    expired = add(store, ttl=1, callbacks=ALL)
    eventually(lambda: store.now() > record(store, expired).enqueued_at + 1)
    assert run_second.claim() == []
    deleted = add(store, callbacks=ALL)
    store.delete([deleted])
    assert states(store, canceled, failed, child, expired, deleted) == [
        "canceled",
        "failed",
        "canceled",
        "canceled",
        None,
    ]
    assert ids(store, "q", S.QUEUED) == []


def test_a_retirement_calls(store: Store) -> None:
    """A retirement that ends jobs, by an outcome or by the last crash, creates their callbacks."""
    settled, crashed = put(store, job(callbacks=ALL), job(max_crashes=1, callbacks=ALL))
    executor = lane(store)
    first, second = executor.take(settled, crashed)
    executor.begin(second)
    executor.crash(outcomes=[outcome(first, "failed", reason="timeout")])
    expected = {created(store, settled, "failure"), created(store, crashed, "failure")}
    assert set(ids(store, "q", S.QUEUED)) == expected
    [carried] = [claim.parent for claim in lane(store).claim() if claim.id == created(store, crashed, "failure")]
    assert carried is not None
    assert (carried.reason, carried.crashes) == ("crashed", 1)


def test_a_rescue_calls(store: Store) -> None:
    """A rescue that ends a job creates its callback."""
    parent = add(store, max_crashes=1, callbacks=ALL)
    executor = lane(store)
    executor.one()
    executor.crash()
    dead, boss = Boss(store), Boss(store)
    dead.lane().take(parent)
    boss.beat(gone=[dead.id])
    assert record(store, parent).state is S.FAILED
    assert ids(store, "q", S.QUEUED) == [created(store, parent, "failure")]


def test_callbacks_of_a_replaced_job(store: Store) -> None:
    """A job that takes an ended job's id has its own callbacks only, under another id."""
    add(store, id="same", callbacks=ALL)
    run(store, "same")
    first = created(store, "same", "success")
    store.delete([first])
    eventually(lambda: store.now() > record(store, "same").created_at)
    add(store, id="same", callbacks=(NewCallback("success", b"new"),))
    run(store, "same")
    [callback] = ids(store, "q", S.QUEUED)
    assert callback == created(store, "same", "success") != first
    assert record(store, callback).payload == b"new"


def test_callbacks_of_a_child(store: Store) -> None:
    """A child that is freed keeps its callbacks."""
    parent = add(store)
    child = add(store, parents=(parent,), callbacks=ALL)
    run(store, parent)
    store.promote()
    run(store, child)
    assert ids(store, "q", S.QUEUED) == [created(store, child, "success")]


def test_callbacks_of_a_job_that_failed_elsewhere(store: Store) -> None:
    """Those of other events are kept until it ends in that way; its birth is an end, and calls those of `failure`."""
    parent = add(store, error=b"oh no", callbacks=ALL)
    failure = created(store, parent, "failure")
    assert ids(store, "q", S.QUEUED) == [failure]
    run(store, failure)
    store.requeue(parent)
    run(store, parent)
    assert ids(store, "q", S.QUEUED) == [created(store, parent, "success")]
