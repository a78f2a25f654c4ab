"""What type checkers know: checked by pyright, strict, in test_typing.py. Nothing here runs."""

from collections.abc import Coroutine
from typing import Any, assert_type

from winch import Call, Job, Queue, Task, call, requeue_job, task
from winch.job import Progress, Result
from winch.testing import FakeClock, MemoryStore, drain, enqueued, inline, use_store


def sync_job(user: int, *, body: str = "") -> str:
    """A function."""
    return body * user


async def async_job(user: int) -> bytes:
    """A coroutine function."""
    return bytes(user)


class Mailer:
    @staticmethod
    def static(user: int) -> float:
        return user

    @classmethod
    def klass(cls, user: int) -> float:
        return user


@task("emails", retry=3, timeout="5m")
def sync_task(user: int, body: str = "") -> str:
    """A task."""
    return body * user


@task("emails")
async def async_task(user: int) -> bytes:
    """A task that is a coroutine function."""
    return bytes(user)


async def check(queue: Queue) -> None:
    """Every way to enqueue knows what the job returns."""
    assert_type(queue.enqueue(sync_job, 1, body="x", job_timeout="5m", retry=3), Job[str])
    assert_type(queue.enqueue(async_job, 1), Job[bytes])
    assert_type(queue.enqueue(Mailer.static, 1), Job[float])
    assert_type(queue.enqueue(Mailer.klass, 1), Job[float])
    assert_type(queue.enqueue("shop.jobs.send", 1), Job[Any])
    assert_type(queue.enqueue(len, [1]), Job[int])
    assert_type(queue.enqueue(sync_task, 1), Job[str])
    assert_type(queue.enqueue_in(5, async_job, 1), Job[bytes])
    assert_type(await queue.aenqueue(async_job, 1), Job[bytes])
    assert_type(await queue.aenqueue(sync_job, 1), Job[str])
    queue.enqueue(sync_job, 1, priority="high")  # pyright: ignore[reportCallIssue, reportArgumentType]

    assert_type(queue.using(retry=3).enqueue(sync_job, 1, body="x"), Job[str])
    assert_type(queue.using(retry=3).enqueue(async_job, 1), Job[bytes])
    assert_type(queue.using().enqueue("shop.jobs.send", 1), Job[Any])
    assert_type(await queue.using().aenqueue(async_job, 1), Job[bytes])
    queue.using().enqueue(sync_job, "1")  # pyright: ignore[reportCallIssue, reportArgumentType]
    queue.using().enqueue(sync_job, 1, bodi="x")  # pyright: ignore[reportCallIssue]
    queue.using(retri=3)  # pyright: ignore[reportCallIssue]

    assert_type(call(sync_job, 1), Call[str])
    assert_type(call(async_job, 1), Call[bytes])
    assert_type(queue.enqueue_many(call(sync_job, user) for user in range(3)), list[Job[str]])

    assert_type(sync_task(1), str)
    assert_type(await async_task(1), bytes)
    assert_type(sync_task.delay(1, body="x"), Job[str])
    assert_type(async_task.delay(1), Job[bytes])
    assert_type(await async_task.adelay(1), Job[bytes])
    assert_type(sync_task.using(priority=3).delay(1), Job[str])
    sync_task.delay("1")  # pyright: ignore[reportCallIssue, reportArgumentType]
    accepted: Task[[int], Coroutine[Any, Any, bytes]] = async_task
    assert_type(accepted.delay(1), Job[bytes])


async def check_results(job: Job[str]) -> None:
    """A job's result has the type that the function returns."""
    assert_type(job.result(timeout=1), str)
    assert_type(await job.aresult(), str)
    assert_type(job.return_value(), str | None)
    assert_type(job.result("5m"), str)
    assert_type(requeue_job(job.get_id()), Job[Any])
    takes_wider(job)
    assert_type(job.progress_value, Progress | None)
    assert_type(job.percent, float | None)
    assert_type(job.results(), list[Result])
    assert_type(job.latest_result(timeout="5s"), Result | None)
    assert_type(job.dependencies, list[Job[Any]])
    job.progress("3")  # pyright: ignore[reportArgumentType]


def check_two_steps(queue: Queue) -> None:
    """A job that is made knows its type, and keeps it when it is enqueued."""
    assert_type(Job.create(sync_job, (1,), timeout=5), Job[str])
    assert_type(Job.create(async_job, (1,)), Job[bytes])
    assert_type(Job.create("shop.jobs.send", id="mine"), Job[Any])
    assert_type(queue.create_job(async_job, (1,), retry=3), Job[bytes])
    assert_type(queue.enqueue_job(queue.create_job(sync_job, (1,))), Job[str])
    assert_type(queue.run_sync(queue.create_job(sync_job, (1,))), Job[str])
    queue.create_job(sync_job, retri=3)  # pyright: ignore[reportCallIssue]
    Queue("q", is_async=False, unique=True)
    queue.enqueue(sync_job, 1, unique="report:7")
    queue.enqueue(sync_job, 1, unique=7)  # pyright: ignore[reportCallIssue, reportArgumentType]


def check_testing() -> None:
    """The helpers for tests."""
    with inline() as store, use_store(MemoryStore(FakeClock())):
        assert_type(drain(store, until="1h"), list[Job[Any]])
        assert_type(drain(Queue("q"), until=FakeClock().now()), list[Job[Any]])
        assert_type(enqueued(sync_job), list[Job[Any]])
        assert_type(enqueued(sync_task, Queue("q")), list[Job[Any]])


def takes_wider(job: Job[str | int]) -> None:
    """A job of a narrower result is accepted."""
    assert_type(job.result(), str | int)
