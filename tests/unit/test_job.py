"""Job: what a handle knows, and how it waits."""

import asyncio
import os
import resource
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.fundamentals.worker import NUMBERS, work
from winch import (
    Job,
    JobCanceled,
    JobFailed,
    JobStatus,
    JobStopped,
    NoSuchJob,
    Queue,
    ResultTimeout,
    cancel_job,
    current_job,
    requeue_job,
)
from winch.errors import InvalidJobOperation, InvalidOption, ResultGone, ResultInsideJob
from winch.job import get_current_job
from winch.job.waiting import EndWaiter, end_waiter
from winch.stores.contract import Store


def add(a: int, b: int = 0) -> int:
    """Add up."""
    return a + b


def fail() -> None:
    """Raise."""
    raise ValueError("no")


def wait_for(other: str) -> object:
    """Wait for another job, inside a job."""
    job = current_job()
    assert job is not None
    assert job is get_current_job()
    return Job[object].fetch(other, job.connection).result()


@pytest.fixture
def queue(store: Store) -> Queue:
    """A queue in it."""
    return Queue(connection=store)


def test_what_a_job_tells(queue: Queue, store: Store) -> None:
    """From the handle of enqueue and from the store alike."""
    job = queue.enqueue(add, 1, b=2)
    fetched = Job[int].fetch(job.id, store)
    assert job == fetched
    assert hash(job) == hash(fetched)
    assert job.description == fetched.description == f"{__name__}.add(1, b=2)"
    assert fetched.func is add
    assert (fetched.args, fetched.kwargs, fetched.origin) == ((1,), {"b": 2}, "default")
    assert (fetched.timeout, fetched.result_ttl, fetched.failure_ttl, fetched.ttl) == (180, 500, 31_536_000, None)
    assert fetched.created_at.utcoffset() is not None
    assert (fetched.started_at, fetched.ended_at, fetched.due_at, fetched.worker_name) == (None, None, None, None)
    assert fetched.get_position() == 0
    assert fetched.get_id() == job.id
    assert repr(fetched) == f"<Job {job.id} queued in default>"


def test_long_arguments_are_cut(queue: Queue) -> None:
    """Each at 75 characters."""
    job = queue.enqueue("a.f", "x" * 100, y=10**5000)
    assert job.description == f"a.f('{'x' * 71}..., y=<int>)"


def test_fetching(queue: Queue, store: Store) -> None:
    """One, many, or only whether it is there."""
    job = queue.enqueue(add, 1)
    assert Job.fetch_many([job.id, "nobody"], store) == [job, None]
    assert Job.exists(job.id, store)
    assert not Job.exists("nobody", store)
    with pytest.raises(NoSuchJob, match="knows no job 'nobody'"):
        Job.fetch("nobody", store)


def test_states_of_a_job_that_is_gone(queue: Queue, store: Store) -> None:
    """No question about it raises; `get_status` does unless it is known how it ended."""
    job = queue.enqueue(add, 1)
    job.delete()
    assert not job.is_queued
    with pytest.raises(NoSuchJob):
        job.get_status()
    job = queue.enqueue(add, 1)
    work(store)
    assert job.is_finished
    job.delete()
    assert job.is_finished
    assert job.get_status() is JobStatus.FINISHED
    assert job.result() == 1


def test_results(queue: Queue, store: Store) -> None:
    """A value, or the reason why there is none."""
    good, bad, canceled = queue.enqueue(add, 1), queue.enqueue(fail), queue.enqueue(add, 1)
    forgotten = queue.enqueue(add, 1, result_ttl=0)
    canceled.cancel()
    assert good.return_value() is None
    work(store)
    assert good.result() == good.return_value() == 1
    with pytest.raises(JobFailed) as caught:
        bad.result()
    assert (caught.value.type_name, caught.value.message, caught.value.attempts) == ("builtins.ValueError", "no", 1)
    with pytest.raises(JobCanceled):
        canceled.result()
    with pytest.raises(ResultGone, match="result_ttl=0 s"):
        forgotten.result()
    with pytest.raises(InvalidJobOperation):
        canceled.cancel()


def test_no_result_in_time(queue: Queue) -> None:
    """The text says what to do about it."""
    job = queue.enqueue(add, 1)
    with pytest.raises(
        ResultTimeout,
        match=r"is queued in queue 'default' of .*, which no live worker.*winch worker default --url",
    ):
        job.result(timeout=0.05)


def test_a_live_worker_is_told(queue: Queue, store: Store) -> None:
    """Then it is only slow."""
    work(store)
    with pytest.raises(ResultTimeout, match=r"1 live worker listens to$"):
        queue.enqueue(add, 1).result(timeout=0.05)


def test_result_waits(queue: Queue, store: Store) -> None:
    """And wakes when the job has ended."""
    job = queue.enqueue(add, 1)
    worker = threading.Timer(0.1, work, [store])
    worker.start()
    started = time.monotonic()
    assert job.result(timeout=10) == 1
    assert time.monotonic() - started < 5
    worker.join()
    job.connection.delete([job.id])
    assert [attempt.outcome for attempt in job.attempts] == ["finished"]  # the handle keeps the end
    assert job.ended_at is not None


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_end_comes_with_the_end_of_the_time(
    queue: Queue, store: Store, monkeypatch: pytest.MonkeyPatch, asynchronous: bool
) -> None:
    """The record read for the text of `ResultTimeout` may show how the job ended: that is the answer then."""
    good, bad, gone = queue.enqueue(add, 1), queue.enqueue(fail), queue.enqueue(add, 1, result_ttl=0)

    def tell_nobody(_waiter: EndWaiter, job_id: str, _deliver: Callable[..., None]) -> tuple[str, int]:
        work(store)
        return job_id, 0

    monkeypatch.setattr(EndWaiter, "watch", tell_nobody)

    def result(job: Job[Any]) -> Any:
        return asyncio.run(job.aresult(0.05)) if asynchronous else job.result(0.05)

    assert result(good) == 1
    with pytest.raises(JobFailed) as caught:
        result(bad)
    assert caught.value.message == "no"
    assert [attempt.outcome for attempt in bad.attempts] == ["failed"]
    with pytest.raises(ResultGone):
        result(gone)


@pytest.mark.parametrize("timeout", [-1, "soon"])
def test_times_that_cannot_be_waited(queue: Queue, timeout: Any) -> None:
    """-1 is no "without end" here; a duration in words is fine."""
    job = queue.enqueue(add, 1)
    with pytest.raises(InvalidOption, match="timeout"):
        job.result(timeout=timeout)
    with pytest.raises(InvalidOption, match="timeout"):
        asyncio.run(job.aresult(timeout=timeout))
    with pytest.raises(ResultTimeout, match=r"within 0\.01 s"):
        job.result(timeout="0.01s")


def test_many_wait_at_once(queue: Queue, store: Store) -> None:
    """In one thread for all; nothing is left behind."""
    jobs = [queue.enqueue(add, number) for number in range(20)]

    async def collect() -> list[int]:
        results = asyncio.gather(*(job.aresult(10) for job in jobs))
        await asyncio.sleep(0.05)
        assert sum(thread.name == "winch-waiter" for thread in threading.enumerate()) >= 1
        await asyncio.to_thread(work, store)
        return await results

    assert asyncio.run(collect()) == list(range(20))
    assert end_waiter(store).waiting == 0


def test_waiting_that_is_given_up(queue: Queue, store: Store) -> None:
    """Leaves nothing behind either."""
    job = queue.enqueue(add, 1)

    async def give_up() -> None:
        with pytest.raises(ResultTimeout):
            await job.aresult(0.05)
        task = asyncio.ensure_future(job.aresult())
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(give_up())
    assert end_waiter(store).waiting == 0


def test_a_job_that_vanishes_while_waited_for(queue: Queue) -> None:
    """Its waiter is told."""
    job = queue.enqueue(add, 1)
    deleter = threading.Timer(0.1, job.delete)
    deleter.start()
    with pytest.raises(ResultGone):
        job.result(timeout=10)
    deleter.join()


def test_the_waiters_thread_leaves_and_comes_back(store: Store, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nobody has waited for a while."""
    monkeypatch.setattr("winch.job.waiting.IDLE", 0.01)
    waiter = EndWaiter(store)
    for _ in range(2):
        told = threading.Event()
        waiter.watch("nobody", lambda ended, told=told: told.set())
        assert told.wait(5)
        for thread in threading.enumerate():
            if thread.name == "winch-waiter" and thread is waiter._thread:  # pyright: ignore[reportPrivateUsage]
                thread.join(5)
    waiter.close()
    assert waiter._thread is None  # pyright: ignore[reportPrivateUsage]


def test_the_waiter_of_a_process_that_has_a_thousand_files_open(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread does not end in the middle of a wait: whoever came meanwhile would wait for ever."""
    monkeypatch.setattr("winch.job.waiting.IDLE", 0.5)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2048)), hard))
    opened = [os.open(os.devnull, os.O_RDONLY)]
    while opened[-1] < 1024:
        opened.append(os.open(os.devnull, os.O_RDONLY))
    waiter = EndWaiter(store)
    told = [threading.Event(), threading.Event()]
    waiter.watch("nobody", lambda _: told[0].set())
    assert told[0].wait(5)
    thread = waiter._thread  # pyright: ignore[reportPrivateUsage]
    assert thread is not None
    thread.join(0.1)  # it has gone to sleep by then, or died
    waiter.watch("nobody", lambda _: told[1].set())
    assert told[1].wait(5)
    assert thread is waiter._thread  # pyright: ignore[reportPrivateUsage]
    thread.join(5)
    waiter.close()
    for descriptor in opened:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_job_does_not_wait_for_a_job(queue: Queue, store: Store) -> None:
    """It would hold the place that the other one may need; one that has ended is no problem."""
    ended = queue.enqueue(add, 5)
    work(store)
    waits = queue.enqueue(wait_for, ended.id)
    work(store)
    assert waits.result() == 5
    later = queue.enqueue_in(60, add, 1)
    stuck = queue.enqueue(wait_for, later.id)
    work(store)
    with pytest.raises(JobFailed) as caught:
        stuck.result()
    assert caught.value.is_a(ResultInsideJob)
    assert current_job() is None


def test_stopping_and_requeuing(queue: Queue, store: Store) -> None:
    """A running job needs `stop=True`."""
    job = queue.enqueue(add, 1)
    work(store)
    store.requeue(job.id)
    store.turn("e-1", next(NUMBERS), (), (), ["default"], 1, {})
    assert job.is_started
    with pytest.raises(InvalidJobOperation):
        job.cancel()
    job.cancel(stop=True)
    with pytest.raises(JobStopped):
        job.result()
    job.requeue()
    assert job.is_queued


def test_canceling_and_requeuing_by_id(queue: Queue, store: Store) -> None:
    """RQ's functions."""
    job = queue.enqueue(add, 1)
    cancel_job(job.id, connection=store)
    assert job.is_canceled
    with pytest.raises(InvalidJobOperation):
        cancel_job(job.id, store)
    again = requeue_job(job.id, connection=store)
    assert (again, again.is_queued) == (job, True)
    for function in (cancel_job, requeue_job):
        with pytest.raises(NoSuchJob):
            function("nobody", store)


def test_meta(queue: Queue, store: Store) -> None:
    """Is written as a whole, and read again by refresh."""
    job = queue.enqueue(add, 1, meta={"a": 1})
    other = Job[int].fetch(job.id, store)
    other.meta["b"] = (2,)
    other.save_meta()
    assert job.meta == {"a": 1}
    assert job.get_meta(refresh=False) == {"a": 1}
    assert job.get_meta() == job.meta == {"a": 1, "b": (2,)}
    other.meta["b"] = 3
    other.save_meta()
    job.refresh()
    assert job.meta == {"a": 1, "b": 3}
    job.delete()
    with pytest.raises(NoSuchJob):
        job.save_meta()
    with pytest.raises(NoSuchJob):
        job.refresh()
