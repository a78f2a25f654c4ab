"""Jobs that run where they are enqueued: `is_async=False`, `run_sync`, and what watches over them."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fundamentals.worker import work
from winch import (
    Callback,
    Job,
    JobStatus,
    Limit,
    NoRetry,
    Queue,
    Repeat,
    Retry,
    RetryLater,
    call,
    current_job,
    task,
)
from winch.errors import InvalidJobOperation
from winch.identity import process_start
from winch.running import guard
from winch.running.inline import InlineWorker, run_here
from winch.stores import open_store
from winch.stores.contract import Beat, Store

calls: list[object] = []


def add(a: int, b: int = 0) -> int:
    """Add up."""
    calls.append((a, b))
    return a + b


async def aadd(a: int, b: int = 0) -> int:
    """Add up, later."""
    await asyncio.sleep(0)
    return a + b


def fail(times: int) -> int:
    """Fail in the first attempts."""
    job = current_job()
    assert job
    if job.attempt <= times:
        raise ValueError(f"attempt {job.attempt}")
    return job.attempt


def ask_for_later() -> None:
    """Ask for another attempt in a minute."""
    raise RetryLater(60)


def give_up() -> None:
    """Fail for good."""
    raise NoRetry("never")


def interrupt() -> None:
    """Somebody presses Ctrl-C."""
    raise KeyboardInterrupt


def spin() -> None:
    """Never end."""
    while True:
        time.sleep(0.001)


async def aspin() -> None:
    """Never end, on a loop."""
    await asyncio.sleep(60)


def outer(number: int) -> int:
    """A job that enqueues another and waits for it."""
    job = current_job()
    assert job
    inner = Queue("q", job.connection, is_async=False).enqueue(add, number, 1)
    assert current_job() is job
    return inner.result(timeout=1) * 10


def succeeded(job: Job[Any], connection: Store, result: object) -> None:
    """A callback."""
    calls.append(("succeeded", job.id, result))


def failed(job: Job[Any], connection: Store, kind: type[BaseException], error: BaseException, trace: str) -> None:
    """A callback."""
    calls.append(("failed", kind))


def broken(*_: object) -> None:
    """A callback that fails."""
    raise KeyError("nobody")


@pytest.fixture(autouse=True)
def no_calls() -> None:
    """Each test begins without any."""
    calls.clear()


@pytest.fixture(
    params=["memory", pytest.param("sqlite", marks=pytest.mark.sqlite), pytest.param("redis", marks=pytest.mark.redis)]
)
def store(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Store]:
    """An empty store of each kind."""
    urls = {"memory": "sqlite://", "sqlite": f"sqlite:///{tmp_path / 'jobs.db'}"}
    store = open_store(urls.get(request.param) or request.getfixturevalue("redis_url"))
    yield store
    store.close()


@pytest.fixture
def queue(store: Store) -> Queue:
    """A queue in it that runs its jobs at once."""
    return Queue("q", store, is_async=False)


def test_it_runs_at_once(queue: Queue, store: Store) -> None:
    """On this thread, before `enqueue` returns; the job is stored as any other, and nobody stays behind."""
    job = queue.enqueue(add, 1, b=2)
    assert (job.get_status(refresh=False), job.return_value(), calls) == (JobStatus.FINISHED, 3, [(1, 2)])
    assert Job[int].fetch(job.id, store).result(timeout=0) == 3
    assert str(job.worker_name).startswith("inline.")
    assert current_job() is None
    assert store.workers() == []
    assert not queue.is_async


def test_every_way_to_enqueue(queue: Queue) -> None:
    """In bulk, with options set, explicitly, of a task, in two steps."""
    assert [job.result() for job in queue.enqueue_many(call(add, number) for number in range(3))] == [0, 1, 2]
    assert queue.using(timeout=5).enqueue(add, 3).result() == 3
    assert queue.enqueue_call(add, (4,)).result() == 4
    assert task(queue)(add).delay(5).result() == 5
    assert queue.enqueue_job(queue.create_job(add, (6,))).result() == 6
    assert calls == [(number, 0) for number in range(7)]


def test_async_jobs(queue: Queue) -> None:
    """From sync code, from a coroutine, and where a loop runs already."""
    assert queue.enqueue(aadd, 1, 2).result() == 3

    async def main() -> list[int]:
        sync = queue.enqueue(aadd, 3)
        jobs = await asyncio.gather(queue.aenqueue(aadd, 1), queue.aenqueue(add, 2))
        return [sync.result(), *[await job.aresult(timeout=5) for job in jobs]]

    assert asyncio.run(main()) == [3, 1, 2]


def test_errors_are_recorded(queue: Queue) -> None:
    """And not raised."""
    job = queue.enqueue(fail, 9)
    assert job.is_failed
    assert "attempt 1" in str(job.exc_info)
    unfit = queue.enqueue("nomodule.f")
    assert unfit.is_failed


def test_retries_run_at_once(queue: Queue) -> None:
    """Those that the policy asks for, without the wait; the last failure is the end."""
    job = queue.enqueue(fail, 2, retry=Retry(3, 3_600))
    assert (job.return_value(), [each.outcome for each in job.attempts]) == (3, ["retry", "retry", "finished"])
    job = queue.enqueue(fail, 9, retry=Retry(2, 3_600))
    assert (job.is_failed, len(job.attempts)) == (True, 3)
    assert queue.enqueue(give_up, retry=9).attempt == 1


def test_what_a_job_asks_for_itself_waits(queue: Queue) -> None:
    """A delay that the job names is kept: it would ask again for ever."""
    job = queue.enqueue(ask_for_later)
    assert (job.get_status(), len(job.attempts)) == (JobStatus.SCHEDULED, 1)


def test_what_is_due_later_waits(queue: Queue, store: Store) -> None:
    """And so does what depends on it; a worker runs them as usual."""
    later = queue.enqueue_in(0.2, add, 1)
    child = queue.enqueue(add, 2, depends_on=later)
    assert (later.get_status(), child.get_status(), calls) == (JobStatus.SCHEDULED, JobStatus.DEFERRED, [])
    until = store.now() + 250
    while store.now() < until:
        time.sleep(0.01)
    work(store, "q")
    assert (later.result(timeout=5), child.result(timeout=5)) == (1, 2)


def test_dependencies_that_are_met(queue: Queue) -> None:
    """A parent has ended when its child is enqueued, also in one call."""
    parent = queue.enqueue(add, 1)
    assert queue.enqueue(add, 2, depends_on=parent).result() == 2
    first = Queue.prepare_data(add, (3,), job_id="first")
    jobs = queue.enqueue_many([first, Queue.prepare_data(add, (4,), depends_on="first")])
    assert [job.get_status() for job in jobs] == ["finished", "finished"]
    canceled = queue.enqueue(add, 5, depends_on=queue.enqueue(fail, 9))
    assert canceled.is_canceled


def test_callbacks_run(queue: Queue) -> None:
    """After the end of a job and, if they ask for it, after each failed attempt."""
    job = queue.enqueue(add, 1, on_success=succeeded, on_failure=failed)
    queue.enqueue(fail, 9, on_success=succeeded, on_failure=failed)
    assert calls == [(1, 0), ("succeeded", job.id, 1), ("failed", ValueError)]
    calls.clear()
    queue.enqueue(fail, 1, retry=2, on_failure=Callback(failed, each_attempt=True))
    assert calls == [("failed", ValueError)]


def test_repeats(queue: Queue) -> None:
    """Without an interval it runs again at once; with one it waits, as anything that is due later."""
    assert queue.enqueue(add, 1, repeat=2).is_finished
    assert calls == [(1, 0)] * 3
    assert queue.enqueue(add, 2, repeat=Repeat(2, 60)).is_scheduled


def test_a_job_that_enqueues_another(queue: Queue) -> None:
    """It runs inside, and the outer job is the current one again afterwards."""
    assert queue.enqueue(outer, 4).result() == 50


def test_a_limit_without_room(queue: Queue) -> None:
    """A job that its limit does not admit waits, and goes on in a worker when there is room."""
    first, second = (queue.enqueue(add, number, limits=Limit("k", rate=1, per="1h")) for number in (1, 2))
    assert (first.is_finished, second.is_blocked, calls) == (True, True, [(1, 0)])


def test_a_paused_queue(queue: Queue, store: Store) -> None:
    """A pause holds workers back, not who runs its jobs itself."""
    store.pause("q")
    assert queue.enqueue(add, 1).result() == 1


def test_other_jobs_are_left_to_workers(queue: Queue, store: Store) -> None:
    """What stands in the queue before it stays there."""
    waiting = Queue("q", store).enqueue(add, 9, at_front=True, priority=500)
    queue.enqueue(add, 1)
    assert calls == [(1, 0)]
    assert waiting.get_position() == 0


def test_run_sync(queue: Queue, store: Store) -> None:
    """One job of an ordinary queue, here: one that waits there, or one that was only made."""
    other = Queue("q", store)
    job = other.enqueue(add, 1)
    assert other.run_sync(job) is job
    assert job.return_value() == 1
    assert other.run_sync(other.create_job(add, (2,))).result() == 2
    with pytest.raises(InvalidJobOperation, match="run_sync"):
        other.run_sync(job)
    with pytest.raises(InvalidJobOperation, match="run_sync"):
        other.run_sync(Queue("elsewhere", store).enqueue(add, 1))


def test_ctrl_c_reaches_the_caller(queue: Queue, store: Store) -> None:
    """It is recorded, and raised."""
    with pytest.raises(KeyboardInterrupt):
        queue.enqueue(interrupt, job_id="mine")
    assert Job[None].fetch("mine", store).is_failed
    assert store.workers() == []


@pytest.mark.parametrize("job", [spin, aspin])
def test_a_time_limit(queue: Queue, job: Any) -> None:
    """A job that is over its time is interrupted, and retried if it may be."""
    found = queue.enqueue(job, job_timeout=0.1, retry=1)
    assert [(each.outcome, each.reason) for each in found.attempts] == [("retry", "timeout"), ("failed", "timeout")]


def test_a_result_that_is_not_kept(queue: Queue, store: Store) -> None:
    """The job is gone when it has run; that is no error of `enqueue`."""
    job = queue.enqueue(add, 1, result_ttl=0)
    assert calls == [(1, 0)]
    assert not Job.exists(job.id, store)


def test_another_worker_was_quicker(store: Store) -> None:
    """What is taken by somebody else is waited for."""
    job = Queue("q", store).enqueue(add, 1)
    with InlineWorker(store) as other:
        claim = other._turn(("q",))  # pyright: ignore[reportPrivateUsage]
        assert claim
        waiting = threading.Thread(target=run_here, args=(store, [job.id], {}))
        waiting.start()
        other._turn((), other._attempt(claim))  # pyright: ignore[reportPrivateUsage]
    waiting.join(timeout=30)
    assert not waiting.is_alive()
    assert (job.result(timeout=1), calls) == (1, [(1, 0)])


def test_exception_handlers_hear_of_callbacks(store: Store) -> None:
    """A callback is a job: if it fails they are told of it, not of the job that it is about."""
    job = Queue("q", store).enqueue(add, 1, on_success=broken)
    heard: list[tuple[str | None, str, type[BaseException], bool]] = []

    def hear(failed: Job[Any], kind: type[BaseException], *_: object) -> None:
        heard.append((failed.func_name, failed.origin, kind, failed.id == job.id))

    with InlineWorker(store, handlers=[hear]) as worker:
        assert len(list(worker.run_ready(store.queues))) == 2
    assert heard == [(f"{__name__}.broken", "q", KeyError, False)]
    assert job.get_status() is JobStatus.FINISHED


def test_it_beats(queue: Queue, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a job runs its worker is alive, so that nobody else takes the job for lost."""
    monkeypatch.setattr(guard, "BEAT", 0.01)
    beats: list[str] = []

    def beat(store: Store, worker: str, *more: Any) -> Beat:
        beats.append(worker)
        return real(store, worker, *more)

    real: Callable[..., Beat] = type(store).beat
    monkeypatch.setattr(type(store), "beat", beat)
    queue.enqueue(time.sleep, 0.3)
    assert len(beats) >= 2


@pytest.mark.parametrize("job", [spin, aspin])
def test_somebody_else_stops_it(queue: Queue, store: Store, job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that is stopped is interrupted here, too."""
    monkeypatch.setattr(guard, "BEAT", 0.01)

    def stop() -> None:
        while True:
            if (found := store.get(["mine"])[0]) and found.state is JobStatus.STARTED:
                store.cancel("mine", stop=True)
                return
            time.sleep(0.005)

    other = threading.Thread(target=stop)
    other.start()
    found = queue.enqueue(job, job_id="mine", retry=3)
    other.join()
    assert found.is_stopped


DYING = """
import os
import sys
from winch import Queue

Queue("q", sys.argv[1], is_async=False).enqueue(os._exit, 9, job_id="mine")
"""


def test_its_claims_lapse_when_its_process_dies(tmp_path: Path) -> None:
    """Killed in the middle: the job is charged with it, and waits again as soon as a worker of the same machine looks."""
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    run = subprocess.run([sys.executable, "-c", DYING, url], cwd=tmp_path, timeout=60, check=False)
    assert run.returncode == 9
    store = open_store(url)
    job = Job[None].fetch("mine", store)
    [dead] = store.workers()
    assert job.is_started
    assert process_start(dead.info.pid) != dead.info.pid_start
    other = replace(dead.info, id="other")
    store.enlist(other)
    assert store.beat(other.id, 1, (), 0, [dead.info.id]).rescued == (dead.info.id,)
    assert job.is_queued
    assert job.record.suspect
    store.close()
