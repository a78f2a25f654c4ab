"""RQ's Queue: what can be enqueued, and how."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.compat import functions as f
from tests.compat.running import work
from tests.compat.side import REAL, rq

Queue: Any = rq.Queue
SimpleWorker: Any = rq.SimpleWorker
Job: Any = rq.job.Job
JobStatus: Any = rq.job.JobStatus
DuplicateJobError: Any = rq.exceptions.DuplicateJobError
NoSuchJobError: Any = rq.exceptions.NoSuchJobError


@pytest.mark.parametrize(
    ("function", "args", "result"),
    [
        (f.say_hello, ("Ann",), "Hi there, Ann!"),
        (f.Thing(4).times, (3,), 12),
        (f.Thing(4), (3,), 7),
        (f.Thing.static, (1,), 2),
        (f.Thing.of_class, (1,), "Thing1"),
        (len, ([1, 2],), 2),
        ("tests.compat.functions.add", (1, 2), 3),
        ("tests.compat.functions.Thing.static", (1,), 2),
        (f.value_of, (f.Thing(3),), 3),
        (f.make_thing, (3,), f.Thing(3)),
        (f.later, (4,), 8),
    ],
)
def test_any_callable(connection: Any, function: Any, args: Any, result: Any) -> None:
    """Functions, methods, builtins, objects and paths can be enqueued; arguments and results are whatever pickle holds."""
    queue = Queue(connection=connection)
    job = queue.enqueue(function, *args)
    assert job.get_status() == JobStatus.QUEUED
    assert work(queue)
    assert job.return_value() == result
    assert job.is_finished
    assert Job.fetch(job.id, connection=connection).result == result


def test_job_attributes(connection: Any) -> None:
    """A job tells what it calls, and how it is described."""
    queue = Queue("emails", connection=connection)
    job = queue.enqueue(f.add, 1, b=2, job_timeout="1m", result_ttl=60, failure_ttl=70, ttl=80, meta={"x": 1})
    again = Job.fetch(job.id, connection=connection)
    assert again.func_name == "tests.compat.functions.add"
    assert again.func is f.add
    assert (tuple(again.args), again.kwargs) == ((1,), {"b": 2})
    assert again.description == "tests.compat.functions.add(1, b=2)"
    assert again.get_call_string() == "tests.compat.functions.add(1, b=2)"
    assert (again.timeout, again.result_ttl, again.failure_ttl, again.ttl) == (60, 60, 70, 80)
    assert again.meta == {"x": 1}
    assert again.origin == "emails"
    assert again == job


def test_method_attributes(connection: Any) -> None:
    """A method's job tells the method and its object."""
    job = Queue(connection=connection).enqueue(f.Thing(4).times, 3)
    again = Job.fetch(job.id, connection=connection)
    assert again.func_name == "times"
    assert again.instance == f.Thing(4)
    assert tuple(again.args) == (3,)
    assert again.description == "times(3)"


def test_args_and_kwargs_apart(connection: Any) -> None:
    """`args` and `kwargs` hold the function's own arguments."""
    job = Queue(connection=connection).enqueue(f.say_hello, args=("Ann",), kwargs={}, description="greets")
    assert tuple(job.args) == ("Ann",)
    assert job.description == "greets"


def test_only_rq_options_are_taken(connection: Any) -> None:
    """A keyword that is an option of winch, and none of RQ's, goes to the function."""
    job = Queue(connection=connection).enqueue(f.keywords, priority=3, codec="x", limits=1)
    assert job.kwargs == {"priority": 3, "codec": "x", "limits": 1}


def test_enqueue_call(connection: Any) -> None:
    """The explicit form takes `timeout`."""
    job = Queue(connection=connection).enqueue_call(func=f.add, args=(1,), kwargs={"b": 2}, timeout=30, job_id="mine")
    assert (job.id, job.timeout) == ("mine", 30)


def test_infinite_timeout_and_zero(connection: Any) -> None:
    """-1 is no limit, 0 is refused, and so is a ttl of 0."""
    queue = Queue(connection=connection)
    assert queue.enqueue(f.add, 1, job_timeout=-1).timeout == -1
    with pytest.raises(ValueError, match="timeout"):
        queue.enqueue(f.add, 1, job_timeout=0)
    with pytest.raises(ValueError, match="ttl"):
        queue.enqueue(f.add, 1, ttl=0)


def test_default_timeout(connection: Any) -> None:
    """180 seconds, or the queue's own."""
    assert Queue(connection=connection).enqueue(f.add, 1).timeout == 180
    assert Queue(connection=connection, default_timeout=50).enqueue(f.add, 1).timeout == 50


def test_at_front(connection: Any) -> None:
    """`at_front` is the next to run."""
    queue = Queue(connection=connection)
    first, second = queue.enqueue(f.add, 1), queue.enqueue(f.add, 2, at_front=True)
    assert queue.job_ids == [second.id, first.id]
    assert queue.get_job_position(first) == 1
    assert first.get_position() == 1


def test_looking(connection: Any) -> None:
    """Counts, ids and jobs of a queue, and whether it is empty."""
    queue = Queue(connection=connection)
    assert queue.is_empty()
    jobs = [queue.enqueue(f.add, number) for number in range(3)]
    assert (queue.count, len(queue), bool(queue)) == (3, 3, True)
    assert queue.get_job_ids(1, 1) == [jobs[1].id]
    assert queue.jobs == jobs
    assert queue.fetch_job(jobs[0].id) == jobs[0]
    assert queue.fetch_job("nobody") is None
    assert Queue("other", connection=connection).fetch_job(jobs[0].id) is None
    queue.remove(jobs[0])
    assert jobs[0].id not in queue.job_ids
    assert queue.empty() == 2
    assert queue.is_empty()


def test_equality(connection: Any) -> None:
    """Queues are equal and ordered by name, and cannot be compared with anything else."""
    one, two = Queue("a", connection=connection), Queue("b", connection=connection)
    assert one == Queue("a", connection=connection)
    assert one < two
    assert hash(one) != hash(two)
    with pytest.raises(TypeError):
        _ = one == "a"
    assert list(one) == [one]


def test_all_queues(connection: Any) -> None:
    """`Queue.all` names those that have held a job."""
    Queue("a", connection=connection).enqueue(f.add, 1)
    assert Queue("a", connection=connection) in Queue.all(connection=connection)


def test_enqueue_at_and_in(connection: Any) -> None:
    """Scheduled jobs wait in the registry with their time."""
    queue = Queue(connection=connection)
    when = datetime(2099, 1, 1, tzinfo=UTC)
    job, soon = queue.enqueue_at(when, f.add, 1), queue.enqueue_in(timedelta(minutes=5), f.add, 1)
    assert job.get_status() == JobStatus.SCHEDULED
    assert job.is_scheduled
    registry = queue.scheduled_job_registry
    assert job in registry
    assert len(registry) == 2
    assert registry.get_scheduled_time(job) == when
    assert registry.get_job_ids() == [soon.id, job.id]
    assert queue.is_empty()
    registry.remove(job, delete_job=True)
    assert not Job.exists(job.id, connection=connection)


def test_enqueue_many(connection: Any) -> None:
    """Calls that were prepared are enqueued together, in their order."""
    queue = Queue(connection=connection)
    jobs = queue.enqueue_many(
        [
            Queue.prepare_data(f.add, (1, 2), job_id="one"),
            Queue.prepare_data(f.say_hello, kwargs={"name": "Ann"}, result_ttl=90),
            Queue.prepare_data(f.value_of, (f.Thing(5),)),
        ]
    )
    assert [job.id for job in jobs] == queue.job_ids
    assert jobs[0].id == "one"
    assert work(queue)
    assert [job.return_value() for job in jobs] == [3, "Hi there, Ann!", 5]


def test_create_then_enqueue(connection: Any) -> None:
    """The two-step interface."""
    queue = Queue(connection=connection)
    job = queue.create_job(f.add, (1,), {"b": 2}, timeout=20)
    assert queue.is_empty()
    queue.enqueue_job(job)
    assert queue.job_ids == [job.id]
    other = Job.create(f.say_hello, args=("Ann",), connection=connection, id="mine", origin=queue.name)
    queue.enqueue_job(other, at_front=True)
    assert queue.job_ids == ["mine", job.id]
    assert work(queue)
    assert (job.return_value(), other.return_value()) == (3, "Hi there, Ann!")


def test_unique(connection: Any) -> None:
    """A unique job's id cannot be enqueued again before it has ended."""
    queue = Queue(connection=connection)
    queue.enqueue(f.add, 1, job_id="mine", unique=True)
    with pytest.raises(DuplicateJobError):
        queue.enqueue(f.add, 1, job_id="mine", unique=True)
    with pytest.raises(ValueError, match="unique"):
        queue.enqueue(f.add, 1, unique=True)


@pytest.mark.skipif(REAL, reason="RQ ignores unique here (RQ.md 1.2)")
def test_unique_scheduled(connection: Any) -> None:
    """`unique` holds for scheduled jobs too."""
    queue = Queue(connection=connection)
    queue.enqueue_in(timedelta(minutes=5), f.add, 1, job_id="mine", unique=True)
    with pytest.raises(DuplicateJobError):
        queue.enqueue_in(timedelta(minutes=5), f.add, 1, job_id="mine", unique=True)


def test_json_serializer(connection: Any) -> None:
    """A queue with JSON carries plain data."""
    queue = Queue(connection=connection, serializer="json")
    job, other = queue.enqueue(f.add, 1, b=2), queue.enqueue(f.keywords, pair=(1, 2))
    assert SimpleWorker([queue], connection=queue.connection, serializer="json").work(burst=True)
    assert Job.fetch(job.id, connection=connection, serializer="json").return_value() == 3
    assert other.return_value() == {"pair": [1, 2]}
    with pytest.raises(TypeError):
        queue.enqueue(f.value_of, f.Thing(1))


def test_is_async_false(connection: Any) -> None:
    """A queue that is not asynchronous runs its jobs where they are enqueued."""
    queue = Queue(connection=connection, is_async=False)
    job = queue.enqueue(f.Thing(4).times, 3)
    assert job.is_finished
    assert job.return_value() == 12
    failed = queue.enqueue(f.div_by_zero, 1)
    assert failed.is_failed


def test_delete_queue(connection: Any) -> None:
    """To delete a queue deletes its jobs."""
    queue = Queue("gone", connection=connection)
    job = queue.enqueue(f.add, 1)
    queue.delete(delete_jobs=True)
    with pytest.raises(NoSuchJobError):
        Job.fetch(job.id, connection=connection)
    assert queue not in Queue.all(connection=connection)


@pytest.mark.skipif(REAL, reason="RQ notices in the worker")
def test_lambda_is_refused(connection: Any) -> None:
    """No worker could find a lambda."""
    with pytest.raises(ValueError, match="lambda"):
        Queue(connection=connection).enqueue(lambda: None)


def test_key(connection: Any) -> None:
    """RQ's keys name queues."""
    queue = Queue("a", connection=connection)
    assert queue.key == "rq:queue:a"
    assert Queue.from_queue_key("rq:queue:a", connection=connection) == queue
    with pytest.raises(ValueError, match="key"):
        Queue.from_queue_key("a", connection=connection)


def test_queue_connection_is_a_client(redis: Any) -> None:
    """On Redis `connection` is a client, and a pipeline of it can be passed."""
    queue = Queue(connection=redis)
    with queue.connection.pipeline() as pipe:
        job = queue.enqueue(f.add, 1, pipeline=pipe)
        pipe.execute()
    assert job.id in queue.job_ids


class Special(Job):  # type: ignore[misc]
    """A class of jobs of the user's own."""

    def shout(self) -> str:
        """Something new."""
        return self.id.upper()


def test_job_class(connection: Any) -> None:
    """A queue gives jobs of the class that it was told."""
    queue = Queue(connection=connection, job_class=Special)
    assert queue.enqueue(f.add, 1, job_id="mine").shout() == "MINE"
    assert queue.jobs[0].shout() == "MINE"
    assert queue.fetch_job("mine").shout() == "MINE"


def test_arguments_are_a_list_or_a_tuple(connection: Any) -> None:
    """Whatever else is given for them is refused, a text as well: its letters are not meant."""
    queue = Queue(connection=connection)
    for way in (
        lambda: queue.enqueue(f.add, args="ab"),
        lambda: queue.enqueue_call(f.add, "ab"),
        lambda: queue.create_job(f.add, "ab"),
        lambda: queue.enqueue_many([Queue.prepare_data(f.add, "ab")]),
    ):
        with pytest.raises(TypeError, match="'ab' is not a valid args list"):
            way()
    assert queue.count == 0
