"""Large payloads and results: every step of a job leaves them as they are, and the job's end takes them along."""

from random import Random

import pytest

from tests.contract.helpers import (
    Boss,
    Channel,
    S,
    add,
    due,
    eventually,
    fire,
    held,
    ids,
    job,
    lane,
    outcome,
    put,
    record,
    run,
    states,
)
from winch.ids import callback_id
from winch.stores.contract import NewCallback, NewGroup, NewLimit, OutcomeKind, Store

SIZES = [3_000, 5_000, 100_000, 1_000_000]
RESULTS: dict[OutcomeKind, bool] = {
    "finished": True,
    "repeat": True,
    "failed": False,
    "stopped": False,
    "retry": False,
    "returned": False,
}
"""The kinds of outcomes: whether the result is kept."""


def filled(size: int, seed: int = 0) -> bytes:
    """So many bytes, no part of which looks like another."""
    return Random(seed).randbytes(size)


@pytest.fixture(params=SIZES, ids=lambda size: f"{size // 1000}kB")
def payload(request: pytest.FixtureRequest) -> bytes:
    """A large payload."""
    return filled(request.param)


@pytest.fixture
def result(payload: bytes) -> bytes:
    """A result as large as the payload."""
    return filled(len(payload), 1)


def test_while_it_waits(store: Store, payload: bytes) -> None:
    """A payload can be read in every state in which a job waits, beside small ones."""
    small, parent = put(store, job(), job())
    waiting = (
        job(payload),
        job(payload, delay=60_000),
        job(payload, parents=(parent,)),
        job(payload, error=b"elsewhere"),
    )
    added = put(store, *waiting)
    assert states(store, *added) == ["queued", "scheduled", "deferred", "failed"]
    assert [found and found.payload for found in store.get([small, *added])] == [b"payload", *[payload] * 4]
    assert ids(store, "q", S.QUEUED) == [small, parent, added[0]]


def test_a_turn_and_its_repeat(store: Store, payload: bytes) -> None:
    """A claim has the payload, and so has that of the repeated turn."""
    large, small = put(store, job(payload), job())
    executor = lane(store)
    [claim] = executor.turn(room=1).claims
    assert (claim.id, claim.payload) == (large, payload)
    [again] = executor.again(room=1).claims
    assert again == claim
    [other] = executor.take(small)
    assert other.payload == b"payload"


def test_take_and_its_repeat(store: Store, payload: bytes) -> None:
    """So has a claim of this very job."""
    _, one = put(store, job(), job(payload))
    executor, call = lane(store), Channel().next()
    claim = store.take(executor.id, one, call=call)
    assert claim is not None
    assert (claim.id, claim.payload) == (one, payload)
    again = store.take(executor.id, one, call=call)
    assert again is not None
    assert again._replace(wait=0) == claim._replace(wait=0)


@pytest.mark.parametrize("kind", RESULTS)
def test_every_end_of_a_run(store: Store, payload: bytes, result: bytes, kind: OutcomeKind) -> None:
    """However a run ends, the payload stays; the result stays with what finished. Run again, it ends as any other."""
    one = add(store, payload=payload)
    executor = lane(store)
    assert executor.settle(executor.one(), kind, result=result if RESULTS[kind] else b"")
    found = record(store, one)
    assert (found.payload, found.result) == (payload, result if RESULTS[kind] else b"")
    if found.state is S.QUEUED:
        again = executor.one()
        assert again.payload == payload
        assert record(store, one).result == found.result
        assert executor.settle(again, result=b"small")
        assert (record(store, one).payload, record(store, one).result) == (payload, b"small")


def test_a_turn_that_settles_is_repeated(store: Store, payload: bytes, result: bytes) -> None:
    """A result is written once, whether the call comes once or twice."""
    added = put(store, *(job(payload) for _ in range(3)))
    executor = lane(store)
    claims = executor.claim(3)
    for claim in claims:
        assert executor.settle(claim, result=result)
        executor.again(room=0)
    assert [(found.payload, found.result) for found in (record(store, one) for one in added)] == [(payload, result)] * 3


@pytest.mark.parametrize("every", [1, 2, 5, 100])
def test_results_of_one_turn(store: Store, every: int) -> None:
    """A turn settles large and small results side by side, each with its own job."""
    results = [filled(3_000 if number % every == 0 else 3, number) for number in range(60)]
    added = put(store, *(job() for _ in results))
    executor = lane(store)
    claims = executor.take(*added)
    executor.turn(*(outcome(claim, result=result) for claim, result in zip(claims, results, strict=True)))
    assert [found and found.result for found in store.get(added)] == results


def test_repeats_replace_the_result(store: Store, payload: bytes, result: bytes) -> None:
    """Of a job that is repeated the last result is kept, large or small, also while it waits for its time or runs."""
    one = add(store, payload=payload)
    executor = lane(store)
    for each in (result, b"small", result, payload):
        executor.settle(executor.one(), "repeat", result=each, delay=1)
        assert record(store, one).result == each
        eventually(lambda: store.promote() is None)
    assert executor.settle(executor.one(), "failed")
    assert (record(store, one).payload, record(store, one).result) == (payload, b"")


def test_requeue(store: Store, payload: bytes, result: bytes) -> None:
    """A job that starts over keeps its payload and loses its result."""
    one = add(store, payload=payload)
    run(store, one, result=result)
    store.requeue(one)
    assert (record(store, one).payload, record(store, one).result) == (payload, b"")
    executor = lane(store)
    claim = executor.one()
    assert claim.payload == payload
    assert executor.settle(claim, result=result)
    assert record(store, one).result == result


def test_nothing_is_kept(store: Store, payload: bytes, result: bytes) -> None:
    """With a `result_ttl` of 0 job, payload and result go with the end; what is kept is not touched."""
    gone, kept = put(store, job(payload, result_ttl=0), job(payload))
    executor = lane(store)
    for claim in executor.take(gone, kept):
        executor.settle(claim, result=result)
    assert store.get([gone]) == [None]
    assert (record(store, kept).payload, record(store, kept).result) == (payload, result)


def test_what_is_written_while_it_runs(store: Store, payload: bytes) -> None:
    """Meta and progress change beside the payload."""
    one = add(store, payload=payload)
    executor = lane(store)
    claim = executor.one()
    executor.begin(claim)
    store.annotate(one, filled(60_000, 2))
    assert store.report(held(claim), b"half")
    found = record(store, one)
    assert (found.payload, found.meta, found.progress) == (payload, filled(60_000, 2), b"half")
    executor.settle(claim, "retry")
    again = executor.one()
    assert (again.payload, again.meta) == (payload, filled(60_000, 2))


def test_children(store: Store, payload: bytes, result: bytes) -> None:
    """A child has its payload when it has waited for a parent whose result is large."""
    parent = add(store, payload=payload)
    child, other = put(store, job(result, parents=(parent,)), job(payload, parents=(parent,), delay=60_000))
    run(store, parent, result=result)
    fire(store)
    assert states(store, child, other) == ["queued", "scheduled"]
    assert lane(store).one().payload == result
    assert record(store, other).payload == payload


@pytest.mark.parametrize("kind", ["finished", "failed"])
def test_callbacks(store: Store, payload: bytes, result: bytes, kind: OutcomeKind) -> None:
    """A callback has its payload, and its parent as that ended."""
    callbacks = (NewCallback("success", payload[::-1]), NewCallback("failure", payload[::-1]))
    parent = add(store, payload=payload, callbacks=callbacks)
    run(store, parent, kind, result=result if kind == "finished" else b"")
    found = record(store, parent)
    event = "success" if kind == "finished" else "failure"
    callback = callback_id(parent, event, found.created_at, found.attempts)
    store.delete([parent])
    executor = lane(store)
    [claim] = executor.take(callback)
    assert claim.payload == record(store, callback).payload == payload[::-1]
    assert claim.parent is not None
    assert (claim.parent.payload, claim.parent.result) == (payload, found.result)
    executor.settle(claim, result=result)
    assert record(store, callback).result == result


def test_what_a_group_leads_to(store: Store, payload: bytes) -> None:
    """The job of a group's completion has its payload."""
    store.create_group(NewGroup("g", queue="q", payload=payload))
    member = add(store, payload=payload[::-1], group="g")
    run(store, member)
    claim = lane(store).one()
    assert claim.id != member
    assert claim.payload == payload


def test_cron(store: Store, payload: bytes) -> None:
    """An entry of the cron table makes jobs with large payloads."""
    revision, slot = due(store, "nightly")
    new = job(payload)
    assert store.fire_entry("nightly", revision, slot, new).kind == "fired"
    assert lane(store).one().payload == payload


def test_limits(store: Store, payload: bytes) -> None:
    """A job that waits for room, and is released, has its payload."""
    first, second = put(store, *(job(payload, limits=(NewLimit("one", concurrency=1),)) for _ in range(2)))
    executor = lane(store)
    [claim] = executor.claim(2)
    assert states(store, first, second) == ["started", "blocked"]
    assert record(store, second).payload == payload
    executor.settle(claim)
    [claim] = executor.take(second)
    assert claim.payload == payload


def test_a_dead_worker(store: Store, payload: bytes, result: bytes) -> None:
    """What a dead worker held runs again with its payload."""
    begun, waiting = put(store, job(payload), job(payload[::-1]))
    dead = Boss(store)
    executor = dead.lane()
    executor.begin(executor.take(begun, waiting)[0])
    Boss(store).beat(gone=[dead.id])
    executor = lane(store)
    for one, expected in ((begun, payload), (waiting, payload[::-1])):
        [claim] = executor.take(one)
        assert claim.payload == expected
        assert executor.settle(claim, result=result)
        assert record(store, one).result == result


def test_crashes(store: Store, payload: bytes) -> None:
    """A job that crashes until it fails has its payload then, and when it is requeued."""
    one = add(store, payload=payload, max_crashes=2)
    for _ in range(2):
        executor = lane(store)
        claim = executor.one()
        assert claim.payload == payload
        executor.begin(claim)
        assert executor.crash().charged == (one,)
    assert (record(store, one).state, record(store, one).payload) == (S.FAILED, payload)
    store.requeue(one)
    assert lane(store).one().payload == payload


def test_another_job_of_the_same_id(store: Store, payload: bytes, result: bytes) -> None:
    """A job that takes the id of one that has ended has its own payload and no result, be they large or small."""
    for each in (payload, b"small", result, b"", payload):
        put(store, job(each, id="same"))
        found = record(store, "same")
        assert (found.payload, found.result) == (each, b"")
        run(store, "same", result=result)
        assert (record(store, "same").payload, record(store, "same").result) == (each, result)


def test_its_time_is_over(store: Store, payload: bytes) -> None:
    """A job that has waited too long is canceled with its payload, and can be requeued."""
    one = add(store, payload=payload, ttl=1)
    eventually(lambda: store.now() > record(store, one).enqueued_at + 1)
    executor = lane(store)
    assert executor.claim() == []
    assert (record(store, one).state, record(store, one).payload) == (S.CANCELED, payload)


def test_removal(store: Store, payload: bytes, result: bytes) -> None:
    """Jobs can be deleted in any state, their queue emptied; what has expired goes with the next beat."""
    every = job(payload), job(payload), job(payload, delay=60_000), job(payload, error=b"elsewhere")
    added = put(store, *every)
    executor = lane(store)
    executor.settle(executor.one(), result=result)
    executor.one()
    assert states(store, *added) == ["finished", "started", "scheduled", "failed"]
    assert store.delete(added) == 4
    put(store, *(job(payload) for _ in range(3)))
    assert store.empty("q") == 3
    expired = add(store, payload=payload, result_ttl=1)
    run(store, expired, result=result)
    eventually(lambda: store.get([expired]) == [None])
    Boss(store).beat()
    assert [sum(counts.values()) for counts in store.counts().values()] == [0]
