"""turn, settling: what each kind of outcome makes of a job, and which outcomes come too late."""

import pytest

from tests.contract.helpers import (
    Boss,
    S,
    add,
    eventually,
    ids,
    job,
    lane,
    outcome,
    put,
    record,
    retention,
    run,
    snapshot,
    states,
)
from winch.states import STATES
from winch.stores.contract import HISTORY, TURN_BATCH, Held, OutcomeKind, Store

ENDS: list[OutcomeKind] = ["finished", "failed", "stopped"]


def test_finished(store: Store) -> None:
    """A finished job keeps its result, its worker and one attempt; nobody holds it."""
    ident = add(store)
    executor = lane(store)
    turn = executor.turn(outcome(executor.one(), result=b"\x00\xff", run=30, age=5))
    found = record(store, ident)
    assert (found.state, found.reason, found.result) == (S.FINISHED, "", b"\x00\xff")
    assert (found.token, found.executor, found.worker) == (0, "", executor.worker.info.name)
    assert (found.ended_at, found.started_at) == (turn.now - 5, turn.now - 35)
    assert (found.attempts, found.fails, found.crashes) == (1, 0, 0)
    [attempt] = found.history
    assert (attempt.outcome, attempt.reason, attempt.worker) == ("finished", "", executor.worker.info.name)
    assert (attempt.started_at, attempt.ended_at, attempt.detail) == (turn.now - 35, turn.now - 5, b"")
    assert ids(store, "q", S.FINISHED) == [ident]


def test_no_result(store: Store) -> None:
    """An empty result is the result None."""
    ident = add(store)
    run(store, ident, result=b"")
    assert record(store, ident).result == b""


@pytest.mark.parametrize("kind", ["failed", "stopped"])
def test_other_ends(store: Store, kind: OutcomeKind) -> None:
    """A failed or stopped job has no result, and its attempt tells the error."""
    ident = add(store)
    run(store, ident, kind, reason="raised", detail=b"why", run=8)
    found = record(store, ident)
    assert (found.state, found.reason, found.result) == (S(kind), "raised", b"")
    assert [(each.outcome, each.reason, each.detail) for each in found.history] == [(kind, "raised", b"why")]
    assert found.fails == 0 or kind == "failed"


@pytest.mark.parametrize("reason", ["raised", "timeout", "refused", "undecodable", "crashed", "interrupted"])
def test_every_reason_is_kept(store: Store, reason: str) -> None:
    """The reason of the last outcome is the job's."""
    ident = add(store)
    run(store, ident, "failed", reason=reason)
    assert (record(store, ident).reason, record(store, ident).history[0].reason) == (reason, reason)


@pytest.mark.parametrize("kind", ENDS)
def test_how_long_an_ended_job_is_kept(store: Store, kind: OutcomeKind) -> None:
    """`result_ttl` bounds finished jobs, `failure_ttl` the others; -1 is without end, 0 not at all."""
    for result_ttl, failure_ttl in ((70_000, 90_000), (90_000, 70_000)):
        ident = add(store, result_ttl=result_ttl, failure_ttl=failure_ttl)
        run(store, ident, kind)
        expected = result_ttl if kind == "finished" else failure_ttl
        assert expected <= retention(store, ident) <= expected + 1_000
    kept, gone = put(store, *(job(result_ttl=ttl, failure_ttl=ttl) for ttl in (-1, 0)))
    run(store, kept, kind)
    run(store, gone, kind)
    assert record(store, kept).expires_at == 0
    assert store.get([gone]) == [None]
    assert len(ids(store, "q", S(kind))) == 3
    assert ids(store, "q", S(kind))[-1] == kept


def test_an_expired_job_is_unknown(store: Store) -> None:
    """Past its expiry an ended job is unknown to every read, before anybody cleans up."""
    ident = add(store, result_ttl=30)
    run(store, ident)
    eventually(lambda: store.get([ident]) == [None])
    assert ids(store, "q", S.FINISHED) == []
    assert store.counts()["q"][S.FINISHED] == 0
    assert store.await_end([ident], 0) == []


def test_retry_joins_the_back(store: Store) -> None:
    """A retry without delay joins the back of its queue and counts as a fail."""
    retried, other = put(store, job(), job())
    executor = lane(store)
    [claim] = executor.take(retried)
    turn = executor.turn(outcome(claim, "retry", reason="raised", detail=b"why", run=3))
    found = record(store, retried)
    assert ids(store, "q", S.QUEUED) == [other, retried]
    assert (found.state, found.fails, found.attempts, found.reason) == (S.QUEUED, 1, 1, "")
    assert found.enqueued_at == turn.now
    assert [(each.outcome, each.reason, each.detail) for each in found.history] == [("retry", "raised", b"why")]


def test_retry_at_the_front(store: Store) -> None:
    """A retry with `at_front` is the next of its priority."""
    high, retried, other = put(store, job(priority=1), job(), job())
    executor = lane(store)
    _, claim = executor.take(high, retried)
    executor.settle(claim, "retry", reason="raised", at_front=True)
    assert ids(store, "q", S.QUEUED) == [retried, other]


def test_retry_later(store: Store) -> None:
    """A retry with a delay is scheduled, and due when the delay is over."""
    ident = add(store)
    executor = lane(store)
    turn = executor.turn(outcome(executor.one(), "retry", reason="raised", delay=60_000))
    found = record(store, ident)
    assert (found.state, found.fails) == (S.SCHEDULED, 1)
    assert abs(found.due_at - (turn.now + 60_000)) <= 1
    assert turn.next_due is not None
    assert turn.next_due <= 60_000


def test_a_retry_that_does_not_count(store: Store) -> None:
    """With `counts=False` the attempt is recorded, `fails` stays."""
    ident = add(store)
    executor = lane(store)
    executor.settle(executor.one(), "retry", reason="raised", counts=False)
    assert (record(store, ident).fails, record(store, ident).attempts) == (0, 1)
    executor.settle(executor.one(), "retry", reason="raised")
    assert (executor.one().fails, record(store, ident).attempts) == (1, 2)


def test_returned_to_the_old_place(store: Store) -> None:
    """What is given back stands where it stood, as if it had never been claimed."""
    added = put(store, *(job(priority=n) for n in (1, 0, 0, -1)))
    before = [record(store, ident) for ident in added]
    executor = lane(store)
    claims = executor.take(*added[:3])
    turn = executor.turn(*(outcome(claim, "returned") for claim in reversed(claims)))
    assert turn.late == ()
    assert ids(store, "q", S.QUEUED) == added
    for old, ident in zip(before, added, strict=True):
        found = record(store, ident)
        assert (found.attempts, found.fails, found.history) == (0, 0, ())
        assert (found.enqueued_at, found.token, found.executor) == (old.enqueued_at, 0, "")


def test_returned_with_a_record(store: Store) -> None:
    """With a detail the run that is given back is recorded, and counts against nothing."""
    first, second = put(store, job(), job())
    executor = lane(store)
    [claim] = executor.take(first)
    executor.settle(claim, "returned", reason="interrupted", detail=b"shutdown", run=9)
    found = record(store, first)
    assert ids(store, "q", S.QUEUED) == [first, second]
    assert (found.fails, found.crashes, found.reason) == (0, 0, "")
    assert [(each.outcome, each.reason, each.detail) for each in found.history] == [
        ("returned", "interrupted", b"shutdown")
    ]


def test_the_newest_attempts_are_kept(store: Store) -> None:
    """The history holds the last ten attempts, oldest first; `attempts` counts all."""
    ident = add(store)
    executor = lane(store)
    for n in range(HISTORY + 3):
        executor.settle(executor.one(), "retry", reason="raised", detail=b"%d" % n)
    found = record(store, ident)
    assert found.attempts == found.fails == HISTORY + 3
    assert [each.detail for each in found.history] == [b"%d" % n for n in range(3, HISTORY + 3)]


def test_long_details_and_results(store: Store) -> None:
    """Results and details are kept whole, whatever their bytes and their size."""
    ident = add(store)
    executor = lane(store)
    long = bytes(range(256)) * 1_000
    executor.settle(executor.one(), "retry", reason="raised", detail=long)
    executor.settle(executor.one(), result=long)
    assert record(store, ident).result == long
    assert record(store, ident).history[0].detail == long


def test_a_hundred_outcomes_in_one_turn(store: Store) -> None:
    """A turn settles a hundred claims of all kinds, in order."""
    added = put(store, *(job() for _ in range(TURN_BATCH)))
    executor = lane(store)
    claims = executor.take(*added)
    kinds: list[OutcomeKind] = ["finished", "failed", "stopped", "retry", "returned"]
    turn = executor.turn(*(outcome(claim, kinds[n % 5]) for n, claim in enumerate(claims)))
    assert turn.late == ()
    expected = {S.FINISHED: 20, S.FAILED: 20, S.STOPPED: 20, S.QUEUED: 40}
    assert store.counts()["q"] == dict.fromkeys(STATES, 0) | expected
    assert ids(store, "q", S.QUEUED) == added[4::5] + added[3::5]


def test_what_a_worker_settled_is_counted(store: Store) -> None:
    """A worker's record sums what its executors settled."""
    put(store, *(job() for _ in range(4)))
    boss = Boss(store)
    one, other = boss.lane(), boss.lane()
    assert one.settle(one.one(), run=10)
    assert other.settle(other.one(), run=10)
    assert one.settle(one.one(), "failed", run=10)
    [found] = store.workers()
    assert (found.finished, found.failed, found.run_ms) == (2, 1, 30)


# ---- late outcomes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["finished", "failed", "retry", "returned", "stopped"])
@pytest.mark.parametrize("wrong", ["token", "lower token", "id", "unknown id", "executor"])
def test_outcomes_are_fenced(store: Store, wrong: str, kind: OutcomeKind) -> None:
    """Under another token, job or executor an outcome does not settle, and is told to be late."""
    one, other = put(store, job(), job())
    executor, stranger = lane(store), lane(store)
    claim, second = executor.take(one, other)
    names = {
        "token": Held(second.token + 10**9, one),
        "lower token": Held(claim.token - 1, one),
        "id": Held(claim.token, other),
        "unknown id": Held(claim.token, "unknown"),
    }
    late = names.get(wrong, Held(claim.token, one))
    before = snapshot(store)
    turn = (stranger if wrong == "executor" else executor).turn(outcome(late, kind))
    assert turn.late == (late.token,)
    assert snapshot(store) == before
    assert executor.settle(claim)


def test_the_late_do_not_hold_up_the_others(store: Store) -> None:
    """Among late outcomes the others settle."""
    one, other, third = put(store, job(), job(), job())
    executor = lane(store)
    first, second, last = executor.take(one, other, third)
    store.cancel(other, stop=True)
    turn = executor.turn(*(outcome(claim) for claim in (first, second, last)))
    assert turn.late == (second.token,)
    assert states(store, one, other, third) == ["finished", "stopped", "finished"]


def test_a_claim_settles_once(store: Store) -> None:
    """The first outcome of a claim stands, in one turn or in two."""
    ident = add(store)
    executor = lane(store)
    claim = executor.one()
    turn = executor.turn(outcome(claim, "failed", reason="raised"), outcome(claim, "finished"))
    assert turn.late == (claim.token,)
    assert not executor.settle(claim, "retry")
    assert states(store, ident) == ["failed"]
    assert record(store, ident).attempts == 1


def test_an_outcome_after_the_claim_was_given_back(store: Store) -> None:
    """Once a job is claimed anew the old claim's outcome is late, also by the same executor."""
    ident = add(store)
    executor = lane(store)
    old = executor.one()
    executor.settle(old, "returned")
    new = executor.one()
    assert not executor.settle(old, "finished")
    assert states(store, ident) == ["started"]
    assert executor.settle(new, "finished")


@pytest.mark.parametrize("end", ["rescue", "retire", "delete", "stop"])
def test_an_outcome_after_the_claim_was_lost(store: Store, end: str) -> None:
    """After a retirement, a deletion or a stop the outcome of the old claim changes nothing."""
    ident = add(store)
    boss = Boss(store)
    executor, colleague = boss.lane(), boss.lane()
    claim = executor.one()
    if end == "rescue":
        Boss(store).beat(gone=[boss.id])
    elif end == "retire":
        executor.retire()
    elif end == "delete":
        store.delete([ident])
    else:
        store.cancel(ident, stop=True)
    before = snapshot(store)
    late = colleague if end == "retire" else lane(store) if end == "rescue" else executor
    turn = late.turn(outcome(claim))
    assert turn.late == (claim.token,)
    after = snapshot(store)
    assert {key: after[key] for key in ("counts", "lists", "jobs")} == {
        key: before[key] for key in ("counts", "lists", "jobs")
    }


def test_an_outcome_for_a_new_job_of_the_same_id(store: Store) -> None:
    """A claim of a job that was deleted does not settle the job that took its id."""
    add(store, id="same")
    executor = lane(store)
    claim = executor.one()
    store.delete(["same"])
    add(store, id="same")
    assert not executor.settle(claim)
    assert states(store, "same") == ["queued"]
    new = executor.one()
    assert not executor.settle(claim)
    assert executor.settle(new)
