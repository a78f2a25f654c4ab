"""RQ's workers, commands and suspension."""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import datetime
from typing import Any

import pytest

from tests.compat import functions as f
from tests.compat.side import REAL, rq

CALM: dict[str, Any] = {"burst": True, "logging_level": "CRITICAL"}


@pytest.fixture
def queue(connection: Any) -> Any:
    """A queue."""
    return rq.Queue(connection=connection)


@pytest.mark.parametrize("kind", ["Worker", "SimpleWorker", "SpawnWorker"])
def test_burst(queue: Any, connection: Any, kind: str) -> None:
    """A worker in burst mode runs what there is, and tells whether that was anything."""
    job, failed = queue.enqueue(f.value_of, f.Thing(3)), queue.enqueue(f.div_by_zero, 1)
    worker = getattr(rq, kind)([queue], connection=connection, name="mine")
    assert worker.work(**CALM) is True
    assert job.return_value() == 3
    assert failed.is_failed
    job.refresh()
    assert job.worker_name == "mine"


@pytest.mark.parametrize("queues", ["low", ["high", "low"]])
def test_queues(connection: Any, queues: Any) -> None:
    """Queues may be named, one or several, in the order of their priority."""
    low, high = rq.Queue("low", connection=connection), rq.Queue("high", connection=connection)
    worker = rq.SimpleWorker(queues, connection=connection)
    assert worker.queue_names() == ([queues] if isinstance(queues, str) else queues)
    assert worker.queues[0] in (low, high)
    jobs = [low.enqueue(f.add, 1), high.enqueue(f.add, 1)]
    assert worker.work(**CALM)
    assert [job.is_finished for job in jobs] == [True, "high" in worker.queue_names()]


def test_nothing_to_do(queue: Any, connection: Any) -> None:
    """Without a job `work` says False."""
    assert rq.SimpleWorker([queue], connection=connection).work(**CALM) is False


def test_max_jobs(queue: Any, connection: Any) -> None:
    """A worker stops after `max_jobs`."""
    for number in range(3):
        queue.enqueue(f.add, number)
    rq.SimpleWorker([queue], connection=connection).work(max_jobs=2, **CALM)
    assert queue.count == 1


def test_max_idle_time(queue: Any, connection: Any) -> None:
    """A worker stops when it has had nothing to do for a while."""
    began = time.monotonic()
    rq.SimpleWorker([queue], connection=connection).work(max_idle_time=1, logging_level="CRITICAL")
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(("strategy", "order"), [("default", "aabb"), ("round_robin", "abab")])
def test_order(redis: Any, strategy: str, order: str) -> None:
    """Queues are strict priorities, or take turns."""
    for name in "ab":
        for _ in range(2):
            rq.Queue(name, connection=redis).enqueue(f.append, "order", name)
    chosen = rq.worker.DequeueStrategy(strategy)
    rq.SimpleWorker(["a", "b"], connection=redis).work(dequeue_strategy=chosen, **CALM)
    assert b"".join(redis.lrange("order", 0, -1)).decode() == order


def test_suspension(queue: Any, connection: Any) -> None:
    """While everything is suspended no job runs."""
    suspension = rq.suspension
    job = queue.enqueue(f.add, 1)
    assert not suspension.is_suspended(connection)
    suspension.suspend(connection)
    assert suspension.is_suspended(connection)
    assert not rq.SimpleWorker([queue], connection=connection).work(**CALM)
    assert job.is_queued
    suspension.resume(connection)
    assert rq.SimpleWorker([queue], connection=connection).work(**CALM)
    assert job.is_finished


def test_suspension_ends(connection: Any) -> None:
    """A suspension with a ttl ends by itself."""
    rq.suspension.suspend(connection, ttl=1)
    assert rq.suspension.is_suspended(connection)
    until = time.monotonic() + 10
    while rq.suspension.is_suspended(connection):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_time_limit(queue: Any, connection: Any) -> None:
    """A job that runs too long fails, also while it sleeps."""
    began = time.monotonic()
    job = queue.enqueue(f.sleep, 30, job_timeout=1)
    rq.SimpleWorker([queue], connection=connection).work(**CALM)
    assert time.monotonic() - began < 20
    assert job.is_failed
    job.refresh()
    assert "imeout" in job.exc_info


def test_crash(queue: Any, connection: Any) -> None:
    """A job that kills its process fails, and the worker goes on."""
    killer, job = queue.enqueue(f.kill_myself), queue.enqueue(f.add, 1)
    rq.Worker([queue], connection=connection).work(**CALM)
    assert killer.is_failed
    assert job.is_finished


@pytest.mark.skipif(REAL, reason="RQ calls it once, it does not run the job again (RQ.md 3.5)")
def test_work_horse_killed_handler(redis: Any) -> None:
    """The handler hears of each crash."""
    queue = rq.Queue(connection=redis)
    job = queue.enqueue(f.kill_myself)
    rq.Worker([queue], connection=redis, work_horse_killed_handler=f.killed).work(**CALM)
    assert redis.lrange("killed", 0, -1) == [f"{job.id} True {9 << 8}".encode()] * 3


def test_all_and_count(queue: Any, connection: Any) -> None:
    """Workers are listed while they work, also the one in this process."""
    seen: list[Any] = []

    def look() -> None:
        until = time.monotonic() + 20
        while not seen and time.monotonic() < until:
            seen.extend(each for each in rq.Worker.all(connection=connection) if each.get_current_job_id())
            time.sleep(0.02)
        seen.append(rq.Worker.count(connection=connection))
        seen.append(rq.Worker.count(queue=queue))

    assert rq.Worker.all(connection=connection) == []
    job = queue.enqueue(f.sleep, 2)
    thread = threading.Thread(target=look)
    thread.start()
    rq.SimpleWorker([queue], connection=connection, name="here").work(**CALM)
    thread.join()
    view = seen[0]
    assert (view.name, view.pid, view.queue_names(), view.state) == ("here", os.getpid(), ["default"], "busy")
    assert view.queues == [queue]
    assert view.get_current_job_id() == job.id
    assert view.key == "rq:worker:here"
    assert isinstance(view.birth_date, datetime)
    assert seen[1:] == [1, 1]


@pytest.mark.skipif(REAL, reason="RQ's own is not heard by a SimpleWorker (RQ.md 1.4)")
def test_stop_job(redis: Any) -> None:
    """A running job is stopped by a command, and `on_stopped` hears of it."""
    queue = rq.Queue(connection=redis)
    job = queue.enqueue(f.doze, 30, on_stopped=rq.callbacks.Callback(f.save_stopped))
    worker = threading.Thread(target=rq.SimpleWorker([queue], connection=redis).work, kwargs=CALM)
    worker.start()
    until = time.monotonic() + 20
    while not job.is_started:
        assert time.monotonic() < until
        time.sleep(0.02)
    rq.command.send_stop_job_command(redis, job.id)
    assert job.get_status() == "stopped"
    assert job in queue.failed_job_registry
    worker.join(25)
    assert redis.get(f"stopped:{job.id}") == b"yes"
    with pytest.raises(rq.exceptions.InvalidJobOperation):
        rq.command.send_stop_job_command(redis, job.id)


def test_stop_refuses(queue: Any, connection: Any) -> None:
    """A job that does not run cannot be stopped, and one that is not known neither."""
    with pytest.raises(rq.exceptions.InvalidJobOperation):
        rq.command.send_stop_job_command(connection, queue.enqueue(f.add, 1).id)
    with pytest.raises(rq.exceptions.NoSuchJobError):
        rq.command.send_stop_job_command(connection, "nobody")


def test_shutdown_by_signal(queue: Any, connection: Any) -> None:
    """SIGTERM lets the job finish, and ends the worker."""
    job, other = queue.enqueue(f.sleep, 1), queue.enqueue(f.add, 1)

    def stop() -> None:
        until = time.monotonic() + 20
        while not job.is_started and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    rq.SimpleWorker([queue], connection=connection).work(logging_level="CRITICAL")
    thread.join()
    assert job.is_finished
    assert other.is_queued


@pytest.mark.skipif(REAL, reason="forks from pytest")
def test_pool(queue: Any, connection: Any) -> None:
    """A pool runs jobs in several processes."""
    jobs = [queue.enqueue(f.value_of, f.Thing(number)) for number in range(4)]
    rq.worker_pool.WorkerPool([queue], connection=connection, num_workers=2).start(burst=True, logging_level="CRITICAL")
    assert [job.return_value() for job in jobs] == [0, 1, 2, 3]
