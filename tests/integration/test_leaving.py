"""A worker is told to stop while its store does not answer."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.integration import tasks
from tests.integration.conftest import StartWorker, WorkerProcess, eventually, lines
from tests.servers import RedisServer
from winch import Queue
from winch.worker import Worker

pytestmark = pytest.mark.integration

ON_REDIS = pytest.mark.parametrize("store_url", [pytest.param("redis", marks=pytest.mark.redis)], indirect=True)

GRACE = 40.0
"""Seconds. What takes much less has not waited for its end."""

SOON = 12.0
"""Seconds: the executor and the supervisor each end with one last call of 2 s, on a busy machine."""


@contextlib.contextmanager
def stopped(server: RedisServer) -> Generator[None]:
    """Redis is not there."""
    server.stop()
    yield
    server.start()


@contextlib.contextmanager
def silent(server: RedisServer) -> Generator[None]:
    """Redis takes what it is sent, and does not answer."""
    os.kill(server.pid, signal.SIGSTOP)
    yield
    os.kill(server.pid, signal.SIGCONT)


@contextlib.contextmanager
def locked(path: Path) -> Generator[None]:
    """Another process holds the database."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def idle(worker: WorkerProcess, url: str) -> None:
    """Wait until a worker has run a job and sleeps."""
    assert Queue(connection=url).enqueue(tasks.add, 1, 1).result(timeout=20) == 2
    eventually(lambda: [view.state for view in Worker.all(url)] == ["idle"])
    assert worker.popen.poll() is None


def leaves_soon(worker: WorkerProcess) -> None:
    """Send SIGINT: the worker ends in good order, long before the end of its grace."""
    began = time.monotonic()
    worker.signal(signal.SIGINT)
    assert worker.wait(GRACE + 10) == 0
    assert time.monotonic() - began < SOON


@ON_REDIS
@pytest.mark.parametrize(("outage", "known"), [(stopped, True), (silent, False)])
def test_an_idle_worker_does_not_wait_for_its_redis(
    outage: Callable[[RedisServer], contextlib.AbstractContextManager[None]],
    known: bool,
    tmp_path: Path,
    start_worker: StartWorker,
) -> None:
    """It holds nothing, so it leaves soon, whether it knows of the outage already or not; what comes later is run by others."""
    with RedisServer(appendonly=True) as server:
        worker = start_worker(url=server.url, grace=GRACE, processes=2)
        idle(worker, server.url)
        with outage(server):
            if known:
                eventually(lambda: "trying again until it answers" in worker.log)
            leaves_soon(worker)
        job = Queue(connection=server.url).enqueue(tasks.add, 2, 2)
        start_worker(url=server.url)
        assert job.result(timeout=20) == 4


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_an_idle_worker_does_not_wait_for_its_database(store_url: str, start_worker: StartWorker) -> None:
    """The same with a database that another process holds."""
    worker = start_worker(grace=GRACE)
    idle(worker, store_url)
    with locked(Path(store_url.removeprefix("sqlite:///"))):
        leaves_soon(worker)


@ON_REDIS
def test_what_a_worker_holds_is_settled_when_redis_answers_again(notes: Path, start_worker: StartWorker) -> None:
    """Its job ends in the outage: told to stop, it waits for the store, settles the job, and it does not run again."""
    with RedisServer(appendonly=True) as server:
        queue = Queue(connection=server.url)
        worker = start_worker(url=server.url, grace=GRACE, worker_ttl=60.0)
        job = queue.enqueue(tasks.nap, str(notes), "x", 1.0)
        eventually(lambda: lines(notes))
        with stopped(server):
            worker.signal(signal.SIGINT)
            eventually(lambda: "trying again until it answers" in worker.log)
            time.sleep(3)  # an outage has a length; what is asserted does not depend on it
            assert worker.popen.poll() is None
        assert worker.wait() == 0
        assert job.result(timeout=5) == "x"
        assert len(job.attempts) == 1
        assert Worker.all(server.url) == []


@ON_REDIS
def test_a_second_signal_ends_the_wait_for_redis(notes: Path, start_worker: StartWorker) -> None:
    """Its job ends in the outage and waits to be settled: a second SIGINT has the worker leave without."""
    with RedisServer(appendonly=True) as server:
        worker = start_worker(url=server.url, grace=GRACE, worker_ttl=60.0)
        Queue(connection=server.url).enqueue(tasks.nap, str(notes), "x", 0.5)
        eventually(lambda: lines(notes))
        with stopped(server):
            worker.signal(signal.SIGINT)
            eventually(lambda: "trying again until it answers" in worker.log)
            began = time.monotonic()
            worker.signal(signal.SIGINT)
            assert worker.wait(GRACE) == 130
            assert time.monotonic() - began < SOON
