"""Enqueue, run, look at the result: the everyday life of a job."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.fundamentals.worker import work
from winch import Callback, Dependency, Job, JobCanceled, JobFailed, JobStatus, Queue, Retry, call, current_job
from winch.stores import open_store
from winch.stores.contract import Store

log: list[object] = []


def add(a: int, b: int = 0) -> int:
    """Add up."""
    return a + b


def fail(message: str) -> None:
    """Raise."""
    raise ValueError(message)


def note(*args: object) -> None:
    """Write down that it ran."""
    log.append(args)


def count_runs() -> int:
    """Fail until the third run."""
    job = current_job()
    assert job is not None
    job.meta["runs"] = job.meta.get("runs", 0) + 1
    job.save_meta()
    if job.meta["runs"] < 3:
        raise ConnectionError("not yet")
    return job.meta["runs"]


def report(job: Job[int], connection: Store, result: int) -> None:
    """An `on_success` callback."""
    log.append((job.id, result))


def mourn(job: Job[int], connection: Store, kind: type, value: JobFailed, traceback: str) -> None:
    """An `on_failure` callback."""
    log.append((job.id, kind, value.message))


@pytest.fixture
def store(store_url: str) -> Store:
    """An empty store."""
    log.clear()
    return open_store(store_url)


@pytest.fixture
def queue(store: Store) -> Queue:
    """A queue in it."""
    return Queue(connection=store)


def test_a_job_runs_and_gives_its_result(queue: Queue, store: Store) -> None:
    """Any function of a module, with its arguments."""
    job = queue.enqueue(add, 2, b=3)
    assert job.get_status() == JobStatus.QUEUED
    work(store)
    assert job.result(timeout=1) == 5
    assert job.is_finished


def test_a_failed_job_tells_what_went_wrong(queue: Queue, store: Store) -> None:
    """The exception is told, not raised again: its class may not even exist here."""
    job = queue.enqueue(fail, "no such user")
    work(store)
    with pytest.raises(JobFailed, match="no such user") as caught:
        job.result(timeout=1)
    assert caught.value.is_a(ValueError)
    assert caught.value.reason == "raised"
    assert "in fail" in (job.exc_info or "")
    assert [attempt.outcome for attempt in job.attempts] == ["failed"]


def test_a_job_is_retried(queue: Queue, store: Store) -> None:
    """`retry=3` runs a job up to four times; `meta` lives as long as the job."""
    job = queue.enqueue(count_runs, retry=3)
    assert work(store) == 3
    assert job.result(timeout=1) == 3
    assert [attempt.outcome for attempt in job.attempts] == ["retry", "retry", "finished"]


def test_only_some_errors_are_retried(queue: Queue, store: Store) -> None:
    """`on` names the errors that another attempt may cure."""
    queue.enqueue(fail, "x", retry=Retry(3, on=ConnectionError))
    assert work(store) == 1


def test_a_job_waits_for_others(queue: Queue, store: Store) -> None:
    """`depends_on`: a job, an id, or a list."""
    first, second = queue.enqueue(add, 1), queue.enqueue(add, 2)
    third = queue.enqueue(add, 3, depends_on=[first, second.id])
    assert third.is_deferred
    work(store)
    assert third.result(timeout=1) == 3


def test_a_job_is_canceled_with_what_it_waits_for(queue: Queue, store: Store) -> None:
    """Unless it says otherwise."""
    broken = queue.enqueue(fail, "x")
    canceled = queue.enqueue(add, 1, depends_on=broken)
    runs = queue.enqueue(add, 2, depends_on=Dependency(broken, on_failure="run"))
    work(store)
    with pytest.raises(JobCanceled, match="depends on"):
        canceled.result(timeout=1)
    assert runs.result(timeout=1) == 2


def test_callbacks_run_after_the_end(queue: Queue, store: Store) -> None:
    """As small jobs of their own, with RQ's arguments."""
    good = queue.enqueue(add, 1, on_success=report, on_failure=mourn)
    bad = queue.enqueue(fail, "x", on_success=report, on_failure=Callback(mourn, timeout=5))
    work(store)
    assert log == [(good.id, 1), (bad.id, ValueError, "x")]


def test_priorities_and_the_front(queue: Queue, store: Store) -> None:
    """Higher first; first in, first out among equals, but for `at_front`."""
    queue.enqueue(note, "b")
    queue.enqueue(note, "c")
    queue.enqueue(note, "a", at_front=True)
    queue.enqueue(note, "urgent", priority=10)
    work(store)
    assert log == [("urgent",), ("a",), ("b",), ("c",)]


def test_a_job_may_be_due_later(queue: Queue, store: Store) -> None:
    """It is scheduled until then, and nobody runs it before."""
    at = queue.enqueue_at(datetime(2100, 1, 1, tzinfo=UTC), add, 1)
    later = queue.enqueue_in(timedelta(hours=1), add, 2)
    assert work(store) == 0
    assert at.due_at is not None
    assert abs(at.due_at - datetime(2100, 1, 1, tzinfo=UTC)) < timedelta(seconds=5)
    assert queue.scheduled.get_job_ids() == [later.id, at.id]


def test_many_jobs_at_once(queue: Queue, store: Store) -> None:
    """A thousand per round trip; the jobs come back in the order of the calls."""
    jobs = queue.enqueue_many(call(add, number, b=1) for number in range(5))
    work(store)
    assert [job.result(timeout=1) for job in jobs] == [1, 2, 3, 4, 5]


def test_failed_jobs_can_run_again(queue: Queue, store: Store) -> None:
    """A job is in exactly one registry; a requeue takes it out of there."""
    job = queue.enqueue(fail, "x")
    work(store)
    assert queue.failed.get_job_ids() == [job.id]
    queue.failed.requeue(job)
    assert queue.failed.count == 0
    assert queue.job_ids == [job.id]


def test_a_queue_can_pause(queue: Queue, store: Store) -> None:
    """Nothing is handed out; enqueuing goes on."""
    queue.pause()
    queue.enqueue(add, 1)
    assert work(store) == 0
    queue.resume()
    assert work(store) == 1
