"""enqueue: which state a new job is put into, where in its queue, and what refuses the whole batch."""

import threading
from itertools import pairwise

import pytest

from tests.contract.helpers import S, add, fire, ids, job, lane, put, record, retention, run, snapshot, states
from winch.errors import DuplicateJob, EnqueueError, UnknownDependency
from winch.states import STATES
from winch.stores.contract import ENQUEUE_BATCH, NewJob, OnFailure, Store


def test_a_job_is_queued_at_once(store: Store) -> None:
    """A plain job is queued, and its record holds what was given."""
    given = job(
        b"\x00bytes\xff", meta=b"\x01", priority=7, ttl=9_000_000, result_ttl=-1, failure_ttl=5_000, max_crashes=5
    )
    answer = store.enqueue([given])
    found = record(store, given.id)
    assert answer.states == (S.QUEUED,)
    assert found.state is S.QUEUED
    same = (
        "id",
        "queue",
        "payload",
        "meta",
        "priority",
        "ttl",
        "result_ttl",
        "failure_ttl",
        "max_crashes",
        "on_failure",
    )
    assert [getattr(found, name) for name in same] == [getattr(given, name) for name in same]
    assert found.created_at == found.enqueued_at == answer.now
    assert (found.fails, found.crashes, found.attempts, found.history, found.parent) == (0, 0, 0, (), None)
    assert (found.started_at, found.ended_at, found.due_at, found.token, found.worker) == (0, 0, 0, 0, "")


def test_the_states_are_told_in_order(store: Store) -> None:
    """The answer tells for each job of a batch the state it was put into."""
    first, later = job(), job(delay=60_000)
    child = job(parents=(first.id, later.id))
    assert store.enqueue([first, later, child]).states == (S.QUEUED, S.SCHEDULED, S.DEFERRED)
    assert states(store, first.id, later.id, child.id) == ["queued", "scheduled", "deferred"]
    assert record(store, child.id).pending == 2


def test_an_empty_batch(store: Store) -> None:
    """No jobs is a batch too."""
    assert store.enqueue([]).states == ()
    assert store.queues() == []


def test_first_in_first_out(store: Store) -> None:
    """Jobs stand in their queue in the order of the calls, and of the batch."""
    added = [*put(store, job(), job()), add(store), *put(store, job(), job())]
    assert ids(store, "q", S.QUEUED) == added
    assert [claim.id for claim in lane(store).claim()] == added


def test_higher_priorities_first(store: Store) -> None:
    """Higher priorities stand first, each in order of arrival."""
    low, normal, high, top, second = put(store, *(job(priority=n) for n in (-500, 0, 3, 500, 3)))
    assert ids(store, "q", S.QUEUED) == [top, high, second, normal, low]


def test_at_front_is_the_front_of_the_priority(store: Store) -> None:
    """`at_front` passes the jobs of the same priority, none of a higher; the latest is first."""
    high, one = put(store, job(priority=1), job())
    two = add(store, at_front=True)
    three = add(store, at_front=True)
    assert ids(store, "q", S.QUEUED) == [high, three, two, one]
    assert [store.position(each) for each in (high, three, two, one)] == [0, 1, 2, 3]


def test_the_largest_batch(store: Store) -> None:
    """A thousand jobs go in one call and keep their order."""
    jobs = [job(b"%d" % n) for n in range(ENQUEUE_BATCH)]
    assert set(store.enqueue(jobs).states) == {S.QUEUED}
    assert store.list("q", S.QUEUED, limit=ENQUEUE_BATCH) == [each.id for each in jobs]


def test_any_bytes(store: Store) -> None:
    """Payload and meta are any bytes, also none."""
    every = bytes(range(256))
    full, empty = put(store, job(every, meta=every), job(b""))
    assert [(found.payload, found.meta) for found in (record(store, full), record(store, empty))] == [
        (every, every),
        (b"", b""),
    ]


def test_ids_that_users_choose(store: Store) -> None:
    """Ids that look alike, or like a UUID, stay apart and come back as they were given."""
    uuid = "0190abcd-1234-7abc-8def-0123456789ab"
    chosen = [uuid, uuid.upper(), uuid.replace("-", ""), "a", "A", "a.b-c_1", "x" * 128, "0" * 16, "-" * 36, "0" * 36]
    put(store, *(job(id=each) for each in chosen))
    assert [record(store, each).id for each in chosen] == chosen
    assert ids(store, "q", S.QUEUED) == chosen
    assert [claim.id for claim in lane(store).claim()] == chosen


def test_names_of_queues(store: Store) -> None:
    """Queues whose names are made of separators are apart."""
    names = ["a", "a:b", "a:b:c", "a.b", "a-b", "A", "a:", ":a", "x" * 128]
    put(store, *(job(queue=name) for name in names))
    assert store.queues() == sorted(names)
    assert all(numbers[S.QUEUED] == 1 for numbers in store.counts().values())


# ---- refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [S.QUEUED, S.SCHEDULED, S.DEFERRED, S.STARTED])
def test_an_id_in_use(store: Store, state: str) -> None:
    """The id of a job that has not ended refuses the whole batch, and names the id."""
    running = add(store)
    lane(store).take(running)
    queued = add(store)
    waiting, child = put(store, job(delay=60_000), job(parents=(queued,)))
    used = {S.QUEUED: queued, S.SCHEDULED: waiting, S.DEFERRED: child, S.STARTED: running}[S(state)]
    before = snapshot(store)
    with pytest.raises(DuplicateJob) as caught:
        store.enqueue([job(queue="other"), job(id=used, queue="other"), job()])
    assert caught.value.args[1] == used
    assert snapshot(store) == before
    assert "other" not in store.queues()


def test_many_clients_with_one_id(store: Store) -> None:
    """Of many clients that enqueue a job under one id at once, one succeeds; all others are told that the id is in use."""
    told: list[str] = []
    start = threading.Barrier(50)

    def enqueue(payload: bytes) -> None:
        start.wait()
        try:
            store.enqueue([job(payload, id="same")])
            told.append("accepted " + payload.decode())
        except DuplicateJob as error:
            told.append(f"refused {error.args[1]}")

    threads = [threading.Thread(target=enqueue, args=(b"%d" % n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told)[1:] == ["refused same"] * 49
    assert min(told) == "accepted " + record(store, "same").payload.decode()
    assert ids(store, "q", S.QUEUED) == ["same"]


def test_an_id_twice_in_a_batch(store: Store) -> None:
    """An id twice in one batch refuses the batch."""
    with pytest.raises(DuplicateJob) as caught:
        store.enqueue([job(), job(id="twice"), job(id="twice")])
    assert caught.value.args[1] == "twice"
    assert store.counts() == {}


@pytest.mark.parametrize("reason", ["never", "deleted", "later in the batch"])
def test_an_unknown_parent(store: Store, reason: str) -> None:
    """A parent that does not exist, exists no more or comes later in the batch refuses the whole batch."""
    parent = job(id="parent")
    if reason == "deleted":
        put(store, parent)
        store.delete([parent.id])
    batch = [job(), job(parents=("parent",)), *([parent] if reason == "later in the batch" else [])]
    before = snapshot(store)
    with pytest.raises(UnknownDependency) as caught:
        store.enqueue(batch)
    assert isinstance(caught.value, EnqueueError)
    assert caught.value.args[1] == "parent"
    assert snapshot(store) == before


def test_a_refused_batch_leaves_its_ids_free(store: Store) -> None:
    """What was refused can be enqueued once the cause is gone."""
    child = job(parents=("parent",))
    with pytest.raises(UnknownDependency):
        store.enqueue([child])
    put(store, job(id="parent"))
    assert store.enqueue([child]).states == (S.DEFERRED,)


# ---- the id of an ended job -----------------------------------------------------------------------------------------


def test_an_ended_job_is_replaced(store: Store) -> None:
    """An ended job's id may be used again: nothing of the old job is left, in no index."""
    add(store, id="again", meta=b"old", result_ttl=-1)
    run(store, "again", result=b"42")
    assert store.enqueue([job(b"new", id="again", queue="other")]).states == (S.QUEUED,)
    found = record(store, "again")
    assert (found.payload, found.meta, found.result, found.history) == (b"new", b"", b"", ())
    assert (found.attempts, found.started_at, found.ended_at, found.expires_at, found.reason) == (0, 0, 0, 0, "")
    assert store.counts()["q"] == dict.fromkeys(STATES, 0)
    assert ids(store, "other", S.QUEUED) == ["again"]


@pytest.mark.parametrize("kind", ["failed", "stopped"])
def test_other_ends_free_the_id_too(store: Store, kind: str) -> None:
    """Failed, stopped and canceled jobs can be replaced as well."""
    add(store, id="ran")
    run(store, "ran", "failed" if kind == "failed" else "stopped", reason="raised")
    add(store, id="waited")
    store.cancel("waited")
    assert store.enqueue([job(id="ran"), job(id="waited", delay=60_000)]).states == (S.QUEUED, S.SCHEDULED)
    assert record(store, "ran").history == ()


def test_who_replaces_a_job_is_younger(store: Store) -> None:
    """No two jobs of an id are created in the same millisecond, so that what is named after them differs."""
    created: list[int] = []
    for _ in range(20):
        add(store, id="same")
        created.append(record(store, "same").created_at)
        store.cancel("same")
    assert all(one < other for one, other in pairwise(created))


def test_replaced_in_the_same_queue(store: Store) -> None:
    """Replaced in its own queue a job is listed once, and keeps no second claim on the old end."""
    add(store, id="again")
    run(store, "again", "failed", reason="raised")
    add(store, id="again")
    assert store.counts()["q"][S.FAILED] == 0
    run(store, "again", result=b"2")
    assert ids(store, "q", S.FINISHED) == ["again"]
    assert record(store, "again").attempts == 1


# ---- parents --------------------------------------------------------------------------------------------------------


def test_a_finished_parent_is_met(store: Store) -> None:
    """Beside a finished parent a child is queued at once."""
    parent = add(store)
    run(store, parent)
    child = job(parents=(parent,))
    assert store.enqueue([child]).states == (S.QUEUED,)
    assert record(store, child.id).pending == 0


@pytest.mark.parametrize(("on_failure", "state"), [("run", S.QUEUED), ("wait", S.DEFERRED), ("cancel", S.CANCELED)])
@pytest.mark.parametrize("end", ["failed", "stopped", "canceled"])
def test_a_parent_that_ended_otherwise(store: Store, end: str, on_failure: OnFailure, state: str) -> None:
    """A parent that did not finish counts as the child says."""
    parent = add(store)
    if end == "canceled":
        store.cancel(parent)
    else:
        run(store, parent, "failed" if end == "failed" else "stopped", reason="raised")
    child = job(parents=(parent,), on_failure=on_failure)
    assert store.enqueue([child]).states == (state,)
    found = record(store, child.id)
    assert found.state == state
    assert found.reason == ("dependency" if state == S.CANCELED else "")
    assert found.pending == (1 if state == S.DEFERRED else 0)


def test_canceled_at_birth_cancels_later_children(store: Store) -> None:
    """A child that is created canceled is itself a parent that did not finish."""
    parent = add(store)
    run(store, parent, "failed", reason="raised")
    child = job(parents=(parent,))
    grandchildren = [job(parents=(child.id,)), job(parents=(child.id,), on_failure="run")]
    assert store.enqueue([child, *grandchildren]).states == (S.CANCELED, S.CANCELED, S.QUEUED)
    found = record(store, child.id)
    assert found.ended_at > 0
    assert found.expires_at == found.ended_at + found.failure_ttl
    assert ids(store, "q", S.CANCELED) == sorted([child.id, grandchildren[0].id])


def test_canceled_at_birth_and_not_kept(store: Store) -> None:
    """A child that is created canceled and vanishes at once cannot be waited for: its own child is canceled, too."""
    parent = add(store)
    run(store, parent, "failed", reason="raised")
    child = job(parents=(parent,), failure_ttl=0)
    grandchildren = [job(parents=(child.id,), on_failure="wait"), job(parents=(child.id,), on_failure="run")]
    assert store.enqueue([child, *grandchildren]).states == (S.CANCELED, S.CANCELED, S.QUEUED)
    assert states(store, child.id, *(each.id for each in grandchildren)) == [None, "canceled", "queued"]


def test_one_failed_parent_of_several_cancels(store: Store) -> None:
    """One parent that ended badly is enough to cancel, whatever the others do."""
    failed = add(store)
    run(store, failed, "failed", reason="raised")
    waiting = add(store)
    child = job(parents=(waiting, failed))
    assert store.enqueue([child]).states == (S.CANCELED,)
    run(store, waiting)
    store.promote()
    assert record(store, child.id).state is S.CANCELED


def test_children_that_wait_stay_with_a_replaced_parent(store: Store) -> None:
    """A child that waits for a failed parent waits for the job that takes the parent's id."""
    add(store, id="parent")
    run(store, "parent", "failed", reason="raised")
    child = add(store, parents=("parent",), on_failure="wait")
    add(store, id="parent")
    run(store, "parent")
    store.promote()
    assert record(store, child).state is S.QUEUED


def test_a_deferred_job_with_a_delay(store: Store) -> None:
    """Parents come first: with unmet parents a delayed job is deferred, and due when it would have been."""
    parent = add(store)
    child = job(parents=(parent,), delay=60_000)
    answer = store.enqueue([child])
    assert answer.states == (S.DEFERRED,)
    assert record(store, child.id).due_at == answer.now + 60_000


def test_many_parents(store: Store) -> None:
    """A job may wait for 10,000 others."""
    parents: list[str] = []
    for _ in range(10):
        parents += put(store, *(job(queue="parents") for _ in range(ENQUEUE_BATCH)))
    child = NewJob("child", "q", b"", parents=tuple(parents))
    assert store.enqueue([child]).states == (S.DEFERRED,)
    assert record(store, "child").pending == 10_000
    store.delete(["child"])


# ---- sent ahead -----------------------------------------------------------------------------------------------------


def test_jobs_can_be_sent_ahead(store: Store) -> None:
    """`begin_enqueue` sends them and answers when asked; other calls may come between, also another batch."""
    jobs = [job(), job(b"other"), job(priority=3), job(meta=b"m"), job(meta=b"m", result_ttl=0)]
    answer = store.begin_enqueue(jobs)
    between = store.begin_enqueue([job()])
    assert between().states == (S.QUEUED,)
    assert answer().states == (S.QUEUED,) * 5
    found = [record(store, one.id) for one in jobs]
    assert [(one.payload, one.priority, one.meta, one.result_ttl) for one in found] == [
        (one.payload, one.priority, one.meta, one.result_ttl) for one in jobs
    ]
    assert len(ids(store, "q", S.QUEUED)) == 6


def test_jobs_sent_ahead_are_refused_when_it_is_answered(store: Store) -> None:
    """At the latest; nothing of the batch is there, and the store can be used after it."""
    one = add(store)
    with pytest.raises(DuplicateJob) as refused:
        store.begin_enqueue([job(), job(id=one)])()
    assert refused.value.args[1] == one
    assert ids(store, "q", S.QUEUED) == [one]
    run(store, one)
    assert store.begin_enqueue([job(id=one)])().states == (S.QUEUED,)
    assert store.begin_enqueue([])().states == ()


def test_jobs_that_replace_others_can_be_sent_ahead_of_more(store: Store) -> None:
    """Also a batch that is not like most is answered when the next one has been sent."""
    one = add(store)
    run(store, one)
    first, second = store.begin_enqueue([job(id=one)]), store.begin_enqueue([job()])
    assert first().states == second().states == (S.QUEUED,)
    assert len(ids(store, "q", S.QUEUED)) == 2


def test_a_job_that_failed_elsewhere_is_born_failed(store: Store) -> None:
    """It has its attempt and its error, is kept for its `failure_ttl`, never runs by itself, and can be requeued."""
    known = add(store)
    id = add(store, error=b"oh no", failure_ttl=7_000)  # noqa: A001
    assert ids(store, "q", S.QUEUED) == [known]
    found = record(store, id)
    assert (found.state, found.reason, found.attempts, retention(store, id)) == (S.FAILED, "raised", 1, 7_000)
    assert [(one.outcome, one.reason, one.worker, one.detail) for one in found.history] == [
        ("failed", "raised", "", b"oh no")
    ]
    store.requeue(id)
    assert ids(store, "q", S.QUEUED) == [known, id]


def test_who_waits_for_an_id_hears_of_the_job_that_takes_it_and_fails_at_once(store: Store) -> None:
    """In one call: a job waits for one that has failed, whose id then goes to one that is born failed."""
    parent = add(store)
    executor = lane(store)
    executor.settle(executor.one(), "failed", reason="raised")
    child = job(id="child", parents=(parent,), on_failure="wait")
    store.enqueue([child, job(id=parent, error=b"elsewhere")])
    assert states(store, parent, "child") == ["failed", "deferred"]
    assert store.children(parent) == []
    fire(store)
    assert store.children(parent) == ["child"]
