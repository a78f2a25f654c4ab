"""Registries: a queue's jobs in one state."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.fundamentals.worker import work
from winch import NoSuchJob, Queue
from winch.errors import InvalidJobOperation
from winch.registry import (
    BlockedJobRegistry,
    CanceledJobRegistry,
    DeferredJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from winch.stores.contract import Store, WorkerInfo


def succeed() -> None:
    """Do nothing."""


def fail() -> None:
    """Raise."""
    raise ValueError


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


# ---- RQ's members ---------------------------------------------------------------------------------------------------


def test_when_jobs_go(queue: Queue, store: Store) -> None:
    """An ended job tells when, one that is kept without end says None, and so does one that has not ended."""
    good, kept = queue.enqueue(succeed, result_ttl=60), queue.enqueue(succeed, result_ttl=-1)
    waiting = queue.enqueue_in(60, succeed)
    work(store)
    finished = queue.finished_job_registry
    goes = finished.get_expiration_time(good)
    assert goes
    assert goes - (good.ended_at or goes) <= timedelta(seconds=60)
    assert finished.get_expiration_time(kept.id) is None
    assert queue.scheduled.get_expiration_time(waiting) is None
    with pytest.raises(NoSuchJob):
        finished.get_expiration_time(waiting)
    assert finished.get_expired_job_ids() == []
    assert finished.get_expired_job_ids(goes.timestamp() - 1) == []
    assert finished.get_expired_job_ids(goes.timestamp() + 1) == [good.id]
    assert queue.scheduled.get_expired_job_ids(goes.timestamp() + 1) == []
    finished.cleanup()
    queue.compact()
    assert finished.get_job_count() == finished.count == len(finished) == 2


def test_a_job_cannot_be_added(queue: Queue) -> None:
    """Its state is its registry; the refusal says what moves it."""
    with pytest.raises(InvalidJobOperation, match="enqueue_job"):
        queue.failed.add(queue.enqueue(succeed))


def test_what_is_scheduled(queue: Queue, store: Store) -> None:
    """When it is due, what is due by a time, and how to add one that was made."""
    at = datetime.fromtimestamp(store.now() // 1000 + 60, UTC)
    job = queue.scheduled.schedule(queue.create_job(succeed), at)
    later = queue.enqueue_at(at + timedelta(seconds=60), succeed)
    assert abs(queue.scheduled.get_scheduled_time(job) - at) < timedelta(seconds=1)
    assert queue.scheduled.get_jobs_to_schedule() == []
    assert queue.scheduled.get_jobs_to_schedule(at.timestamp() + 5) == [job.id]
    assert queue.scheduled.get_jobs_to_schedule(at.timestamp() + 90) == [job.id, later.id]
    assert queue.scheduled.get_jobs_to_schedule(at.timestamp() + 90, chunk_size=1) == [job.id]
    with pytest.raises(NoSuchJob):
        queue.scheduled.get_scheduled_time(queue.enqueue(succeed))


def test_what_runs(queue: Queue, store: Store) -> None:
    """A job that runs has an execution, and can be stopped through it."""
    job = queue.enqueue(succeed)
    store.enlist(WorkerInfo("w", "w", "here", "boot", 1, 2, ("default",), "1", 30_000, 5_000, 1))
    store.enlist_executor("w", "x")
    [claim] = store.turn("x", 1, (), (), ("default",), 1, {}).claims
    assert queue.started.get_job_and_execution_ids() == [(job.id, str(claim.token))]
    queue.started.remove_executions(job)
    queue.started.remove_executions(job)
    assert job.is_stopped
    assert BlockedJobRegistry("default", store) == queue.blocked_job_registry
    assert len(queue.blocked) == 0
