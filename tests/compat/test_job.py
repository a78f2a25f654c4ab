"""RQ's Job: how it is found, what it tells, what can be done with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.compat import functions as f
from tests.compat.running import work
from tests.compat.side import REAL, rq

Queue: Any = rq.Queue
Retry: Any = rq.Retry
Repeat: Any = rq.Repeat
Job: Any = rq.job.Job
JobStatus: Any = rq.job.JobStatus
Result: Any = rq.results.Result
InvalidJobOperation: Any = rq.exceptions.InvalidJobOperation
NoSuchJobError: Any = rq.exceptions.NoSuchJobError


@pytest.fixture
def queue(connection: Any) -> Any:
    """A queue."""
    return Queue(connection=connection)


def test_fetch(queue: Any, connection: Any) -> None:
    """Jobs are found by their ids; those that are not known are an error, or None in a list."""
    job = queue.enqueue(f.add, 1)
    assert Job.fetch(job.id, connection=connection) == job
    found = Job.fetch_many([job.id, "nobody"], connection=connection)
    assert found == [job, None]
    assert Job.exists(job.id, connection=connection)
    assert not Job.exists("nobody", connection=connection)
    with pytest.raises(NoSuchJobError):
        Job.fetch("nobody", connection=connection)


def test_create_and_save(connection: Any) -> None:
    """A job that was made is `created`; once it is saved it can be fetched."""
    job = Job.create(func=f.add, args=(1, 2), connection=connection, description="adds", timeout=30, meta={"a": 1})
    assert job.get_status(refresh=False) == JobStatus.CREATED
    assert job.func_name == "tests.compat.functions.add"
    assert not Job.exists(job.id, connection=connection)
    job.save()
    again = Job.fetch(job.id, connection=connection)
    assert (again.id, again.description, again.timeout, again.meta) == (job.id, "adds", 30, {"a": 1})
    assert tuple(again.args) == (1, 2)


def test_create_refuses(connection: Any) -> None:
    """The function can be called, and an id has no spaces."""
    with pytest.raises(TypeError):
        Job.create(func=4, connection=connection)
    with pytest.raises(ValueError, match=r"id|ID"):
        Job.create(func=f.add, id="a b", connection=connection)


def test_times(queue: Any) -> None:
    """A job knows when it was created, enqueued, started, and has ended."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    job = queue.enqueue(f.add, 1)
    assert before < job.created_at <= datetime.now(UTC) + timedelta(seconds=1)
    assert job.enqueued_at is not None
    assert job.started_at is None
    work(queue)
    job.refresh()
    assert job.started_at is not None
    assert job.ended_at is not None
    assert job.ended_at >= job.started_at
    assert job.worker_name


def test_result(queue: Any) -> None:
    """A finished job's result can be asked for in each of RQ's ways."""
    job = queue.enqueue(f.add, 1, b=2)
    assert job.return_value() is None
    assert job.latest_result() is None
    work(queue)
    assert job.return_value(refresh=True) == 3
    result = job.latest_result(timeout=5)
    assert (result.type, result.return_value) == (Result.Type.SUCCESSFUL, 3)
    assert result.type == result.Type.SUCCESSFUL
    assert isinstance(result.created_at, datetime)
    assert [one.return_value for one in job.results()] == [3]
    assert Result.count(job) == 1
    assert Result.fetch_latest(job).return_value == 3


def test_failure(queue: Any) -> None:
    """A failed job tells why."""
    job = queue.enqueue(f.div_by_zero, 1)
    work(queue)
    job.refresh()
    assert job.is_failed
    assert job.return_value() is None
    assert "ZeroDivisionError" in job.exc_info
    result = job.latest_result()
    assert result.type == Result.Type.FAILED
    assert "ZeroDivisionError" in result.exc_string
    assert "functions.py" in result.exc_string


def test_meta(queue: Any, connection: Any) -> None:
    """`meta` is saved by `save_meta` and `save`, and read by `refresh` and `get_meta`."""
    job = queue.enqueue(f.add, 1)
    other = Job.fetch(job.id, connection=connection)
    job.meta["step"] = 1
    job.save_meta()
    assert other.get_meta() == {"step": 1}
    job.meta["step"] = 2
    job.save()
    other.refresh()
    assert other.meta == {"step": 2}


def test_current_job(queue: Any, connection: Any) -> None:
    """Inside a job `get_current_job` is that job; outside there is none."""
    assert rq.get_current_job() is None
    job, counting = queue.enqueue(f.job_id), queue.enqueue(f.count_in_meta)
    work(queue)
    assert job.return_value() == job.id
    assert Job.fetch(counting.id, connection=connection).meta == {"runs": 1}
    assert rq.get_current_job() is None


def test_cancel(queue: Any, connection: Any) -> None:
    """A canceled job leaves its queue, and cannot be canceled twice."""
    job = queue.enqueue(f.add, 1)
    job.cancel()
    assert job.is_canceled
    assert job.get_status() == JobStatus.CANCELED
    assert queue.is_empty()
    assert job in queue.canceled_job_registry
    with pytest.raises(InvalidJobOperation):
        job.cancel()
    other = queue.enqueue(f.add, 1)
    rq.cancel_job(other.id, connection=connection)
    assert other.is_canceled


def test_delete(queue: Any, connection: Any) -> None:
    """A deleted job is gone."""
    job = queue.enqueue(f.add, 1)
    job.delete()
    assert queue.is_empty()
    with pytest.raises(NoSuchJobError):
        Job.fetch(job.id, connection=connection)


def test_requeue(queue: Any, connection: Any) -> None:
    """A failed job runs again; one that has not failed cannot be requeued."""
    job = queue.enqueue(f.fail_until, 2)
    with pytest.raises(InvalidJobOperation):
        job.requeue()
    work(queue)
    assert job.is_failed
    assert job in queue.failed_job_registry
    job.requeue()
    assert job.is_queued
    work(queue)
    assert job.return_value() == 2
    with pytest.raises(InvalidJobOperation):
        job.requeue()
    failed = queue.enqueue(f.div_by_zero, 1)
    work(queue)
    assert rq.requeue_job(failed.id, connection=connection) == failed
    assert failed.is_queued


def test_result_ttl_zero(queue: Any, connection: Any) -> None:
    """With a result_ttl of 0 nothing is kept of a job that has finished."""
    job = queue.enqueue(f.add, 1, result_ttl=0)
    work(queue)
    assert not Job.exists(job.id, connection=connection)


def test_retry(queue: Any) -> None:
    """A job that fails runs again as often as its Retry says."""
    job = queue.enqueue(f.fail_until, 3, retry=Retry(max=2))
    assert job.retries_left == 2
    work(queue)
    assert job.return_value() == 3
    other = queue.enqueue(f.fail_until, 3, retry=Retry(max=1))
    work(queue)
    other.refresh()
    assert other.is_failed
    assert other.retries_left == 0
    assert [one.type for one in other.results()] == [Result.Type.FAILED]


def test_retry_with_interval(queue: Any) -> None:
    """A retry that waits is scheduled."""
    job = queue.enqueue(f.div_by_zero, 1, retry=Retry(max=3, interval=60))
    assert job.retry_intervals == [60]
    work(queue)
    assert job.get_status() == JobStatus.SCHEDULED
    assert job in queue.scheduled_job_registry
    job.refresh()
    assert job.retries_left == 2


@pytest.mark.parametrize(
    ("most", "intervals", "wait"),
    [(5, [10, 300, 600], 10), (3, [10, 300, 600], 10), (2, [10, 300, 600], 300), (2, 7, 7)],
)
def test_intervals_count_from_the_end(queue: Any, most: int, intervals: Any, wait: int) -> None:
    """A list of intervals that is shorter than `max` is stretched at its begin, a longer one cut there."""
    began = datetime.now(UTC)
    job = queue.enqueue(f.div_by_zero, 1, retry=Retry(max=most, interval=intervals))
    work(queue)
    due = queue.scheduled_job_registry.get_scheduled_time(job)
    assert abs((due - began).total_seconds() - wait) < 5


def test_retry_refuses() -> None:
    """`max` and intervals are checked."""
    for most, interval in ((0, 0), (1, -1), (1, [1, -2])):
        with pytest.raises(ValueError, match=r".+"):
            Retry(max=most, interval=interval)
    assert Retry(max=3, interval=5).intervals == [5]
    assert Retry(max=3, interval=[1, 2, 3]).intervals == [1, 2, 3]
    assert Retry(3, 0, True).enqueue_at_front


def test_returned_retry(queue: Any) -> None:
    """A job that returns a Retry runs again, and fails once it has done so too often."""
    job = queue.enqueue(f.return_retry, 3, 5)
    work(queue)
    assert job.return_value() == 3
    other = queue.enqueue(f.return_retry, 9, 2)
    work(queue)
    assert other.is_failed
    assert other.meta == {} or other.get_meta() == {"runs": 3}
    assert other.latest_result().type == Result.Type.MAX_RETRIES_EXCEEDED


def test_repeat(queue: Any, connection: Any) -> None:
    """A job with Repeat runs again after it has finished."""
    job = queue.enqueue(f.count_in_meta, repeat=Repeat(times=2))
    assert job.repeats_left == 2
    work(queue)
    assert Job.fetch(job.id, connection=connection).meta == {"runs": 3}
    assert Repeat(times=3, interval=[5, 10]).intervals == [5, 10]
    with pytest.raises(ValueError, match=r".+"):
        Repeat(times=0)


def test_repeat_with_interval(queue: Any) -> None:
    """A repeat that waits is scheduled."""
    job = queue.enqueue(f.add, 1, repeat=Repeat(times=1, interval=60))
    work(queue)
    assert job.get_status() == JobStatus.SCHEDULED
    assert job.return_value() == 1
    assert job.repeat_intervals == [60]


def test_position(queue: Any) -> None:
    """A job knows its place."""
    first, second = queue.enqueue(f.add, 1), queue.enqueue(f.add, 2)
    assert (first.get_position(), second.get_position()) == (0, 1)


def test_unserializable_result(queue: Any) -> None:
    """A result that cannot be kept is replaced by a text that says so."""
    job = queue.enqueue(f.return_lambda)
    work(queue)
    assert job.is_finished
    assert job.return_value() == "Unserializable return value"


@pytest.mark.skipif(REAL, reason="RQ raises (RQ.md 3.9)")
def test_expired_job_knows_its_end(queue: Any) -> None:
    """A handle on a job that was not kept still tells how it ended."""
    job = queue.enqueue(f.add, 1)
    work(queue)
    assert job.is_finished
    queue.finished_job_registry.remove(job)
    assert job.is_finished
