"""promote and due times: what is due is queued, in order, and supervisors know when to look again."""

from tests.contract.helpers import S, add, eventually, ids, job, lane, put, record, states
from winch.stores.contract import Store


def test_nothing_is_due(store: Store) -> None:
    """Without scheduled jobs there is no next time."""
    add(store)
    assert store.promote() is None


def test_the_next_time(store: Store) -> None:
    """`promote` answers the time to the next due job of any queue, and leaves it where it is."""
    put(store, job(queue="a", delay=50_000), job(queue="b", delay=20_000))
    left = store.promote()
    assert left is not None
    assert 15_000 < left <= 20_000
    assert store.counts()["b"][S.SCHEDULED] == 1


def test_earliest_first(store: Store) -> None:
    """Due jobs are queued in the order of their times, not of their creation, in all queues."""
    third, first, second, later = put(store, *(job(delay=n) for n in (9, 1, 5, 60_000)))
    other = add(store, queue="other", delay=2)
    eventually(lambda: store.now() > max(record(store, each).due_at for each in (third, other)))
    left = store.promote()
    assert left is not None
    assert left > 30_000
    assert ids(store, "q", S.QUEUED) == [first, second, third]
    assert states(store, other, later) == ["queued", "scheduled"]


def test_a_hundred_at_a_time(store: Store) -> None:
    """More than a hundred due jobs take several steps; 0 says that there are more."""
    put(store, *(job(delay=1) for _ in range(250)))
    eventually(lambda: store.now() > record(store, ids(store, "q", S.SCHEDULED)[-1]).due_at)
    answers = [store.promote() for _ in range(3)]
    assert answers[:2] == [0, 0]
    assert answers[2] is None
    assert len(ids(store, "q", S.QUEUED)) == 250


def test_due_by_priority(store: Store) -> None:
    """Among due jobs the priority decides as ever."""
    low, high = put(store, job(delay=1, priority=-1), job(delay=3, priority=1))
    normal = add(store)
    eventually(lambda: store.now() > record(store, high).due_at)
    store.promote()
    assert ids(store, "q", S.QUEUED) == [high, normal, low]


def test_paused_queues_are_promoted(store: Store) -> None:
    """A pause keeps jobs from being handed out, not from becoming due."""
    one = add(store, delay=1)
    store.pause("q")
    eventually(lambda: store.now() > record(store, one).due_at)
    store.promote()
    assert states(store, one) == ["queued"]
    assert lane(store).claim() == []


def test_a_canceled_job_is_not_due(store: Store) -> None:
    """A scheduled job that is canceled or deleted does not become due, and is no next time."""
    one, two = put(store, job(delay=1), job(delay=1))
    store.cancel(one)
    store.delete([two])
    eventually(lambda: store.now() > record(store, one).ended_at + 2)
    assert store.promote() is None
    assert states(store, one, two) == ["canceled", None]


def test_a_requeued_job_is_not_due_again(store: Store) -> None:
    """A job that was scheduled, canceled and requeued is queued, and has no due time any more."""
    one = add(store, delay=5)
    store.cancel(one)
    store.requeue(one)
    eventually(lambda: store.now() > record(store, one).created_at + 6)
    assert store.promote() is None
    assert (record(store, one).due_at, ids(store, "q", S.QUEUED)) == (0, [one])
