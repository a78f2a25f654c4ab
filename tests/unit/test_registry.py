"""Registries: a queue's jobs in one state."""

from collections.abc import Iterator

import pytest

from tests.fundamentals.worker import work
from winch import Queue
from winch.errors import InvalidJobOperation
from winch.registry import (
    CanceledJobRegistry,
    DeferredJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from winch.stores import open_store
from winch.stores.contract import Store


def succeed() -> None:
    """Do nothing."""


def fail() -> None:
    """Raise."""
    raise ValueError


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store."""
    store = open_store(store_url)
    yield store
    store.close()


@pytest.fixture
def queue(store: Store) -> Queue:
    """A queue in it."""
    return Queue(connection=store)


def test_each_job_is_in_one_registry(queue: Queue, store: Store) -> None:
    """Of the class with its state's name, from the queue or from the name."""
    good, bad = queue.enqueue(succeed), queue.enqueue(fail)
    gone = queue.enqueue(succeed)
    gone.cancel()
    work(store)
    later, waits = queue.enqueue_in(60, succeed), queue.enqueue_in(60, succeed)
    waits = queue.enqueue(succeed, depends_on=waits)
    for registry, job in (
        (FinishedJobRegistry("default", store), good),
        (FailedJobRegistry("default", store), bad),
        (CanceledJobRegistry("default", store), gone),
        (DeferredJobRegistry("default", store), waits),
    ):
        assert registry.get_job_ids() == [job.id]
        assert job in registry
        assert registry.get_jobs() == [job]
        assert (len(registry), registry.count, bool(registry)) == (1, 1, True)
        assert registry.get_queue() == queue
    assert later in ScheduledJobRegistry("default", store)
    assert FailedJobRegistry(queue=queue) == queue.failed
    assert FailedJobRegistry(queue=Queue("a", store)).get_queue() == Queue("a", store)
    assert queue.failed_job_registry == queue.failed == FailedJobRegistry("default", store)
    assert bad not in queue.finished
    assert bool(StartedJobRegistry("default", store))


def test_parts_of_a_list(queue: Queue) -> None:
    """`end` is included and negative numbers count from the end, as in Redis."""
    ids = [queue.enqueue_in(60 + number, succeed).id for number in range(5)]
    registry = queue.scheduled
    assert registry.get_job_ids(1, 2) == ids[1:3]
    assert registry.get_job_ids(-2) == ids[-2:]
    assert registry.get_job_ids(0, -2) == ids[:-1]
    assert registry.get_job_ids(3, 1) == []
    assert registry.get_job_ids(desc=True) == ids[::-1]


def test_requeue_and_remove(queue: Queue, store: Store) -> None:
    """Only what is there, and nothing is left in no registry."""
    bad, worse = queue.enqueue(fail), queue.enqueue(fail)
    work(store)
    assert queue.failed.requeue(bad.id).is_queued
    with pytest.raises(InvalidJobOperation, match="is not failed"):
        queue.failed.requeue(bad)
    queue.failed.remove(bad)
    assert bad.is_queued
    queue.failed.remove(worse)
    assert worse not in queue.failed
    later = queue.enqueue_in(60, succeed)
    with pytest.raises(InvalidJobOperation, match="cancel"):
        queue.scheduled.remove(later)
    queue.scheduled.remove(later, delete_job=True)
    assert queue.scheduled.count == 0
