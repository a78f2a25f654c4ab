"""Who is woken for a job, and who is not."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from redis import Redis

from tests.integration import tasks
from tests.integration.conftest import StartWorker, eventually
from winch import JobStatus, Queue
from winch.ids import new_id
from winch.stores import open_store
from winch.stores.contract import Beat, NewJob, Store, WorkerInfo
from winch.stores.redis.scripts import script
from winch.worker.clerk import Clerk

pytestmark = pytest.mark.integration


@contextlib.contextmanager
def clerk_at(url: str) -> Generator[tuple[Store, list[Beat]]]:
    """A clerk without a supervisor and without executors: its store, and the beats that it has been answered."""
    store, beats = open_store(url), list[Beat]()

    def post(call: Callable[[], None]) -> None:
        call()

    def on_beat(beat: Beat, _sent: int) -> None:
        beats.append(beat)

    def on_lost(why: str) -> None:
        pytest.fail(why)

    info = WorkerInfo(new_id(), "w", "host", "boot", 1, 1, ("q",), "0", 60_000, 20_000, 1)
    clerk = Clerk(store, info, list, post, on_beat, on_lost, lambda: None)
    clerk.start()
    eventually(lambda: beats)
    yield store, beats
    clerk.leave()
    clerk.join(10)
    store.close()


def test_due_jobs_need_no_beat(store_url: str) -> None:
    """Each of thirty jobs is promoted when it is due, and only what makes the first of them known costs a beat."""
    with clerk_at(store_url) as (store, beats):
        jobs = [NewJob(new_id(), "q", b"", delay=200 + 20 * number) for number in range(30)]
        store.enqueue(jobs)
        eventually(lambda: store.counts()["q"][JobStatus.QUEUED] == len(jobs))
        assert len(beats) < 6


def test_the_first_due_job_finds_its_script_loaded(redis_url: str) -> None:
    """A worker has promoted before anything is due: what that takes the first time makes no job late."""
    with Redis.from_url(redis_url) as client:
        client.script_flush()
        with clerk_at(redis_url):
            eventually(lambda: client.script_exists(script("promote").sha.decode()) == [True])


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, and timers with a descriptor")
def test_quick_jobs_wake_no_helper(queue: Queue, start_worker: StartWorker) -> None:
    """The threads that watch over the main thread of an idle executor sleep on while it runs quick jobs, one now and then."""
    worker = start_worker()
    queue.enqueue(tasks.noop).result(timeout=20)
    [executor] = worker.executors()
    time.sleep(0.1)
    before = switches_of_helpers(executor)
    for _ in range(30):
        queue.enqueue(tasks.noop).result(timeout=20)
        time.sleep(0.03)  # now and then: they would stay awake for jobs that come one after the other
    assert switches_of_helpers(executor) - before < 30


def switches_of_helpers(pid: int) -> int:
    """How often threads besides the main one have gone to sleep."""
    threads = [folder / "status" for folder in Path(f"/proc/{pid}/task").iterdir() if folder.name != str(pid)]
    found = [re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", thread.read_text()) for thread in threads]
    return sum(int(count[1]) for count in found if count)
