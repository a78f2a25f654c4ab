"""Pauses with real workers: what ends by itself wakes at once, and nobody spins meanwhile."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.integration import tasks
from tests.integration.conftest import StartWorker, eventually
from winch import Queue
from winch.suspension import resume, suspend

pytestmark = pytest.mark.integration


def processor_time(*pids: int) -> float:
    """Seconds of processor time that these processes have used."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("whole", [False, True])
def test_the_end_of_a_pause_wakes_at_once(queue: Queue, start_worker: StartWorker, whole: bool) -> None:
    """An idle worker starts what was held back within moments of the end of a pause, not at its next beat."""
    start_worker(worker_ttl=60.0)  # it beats every ten seconds
    queue.enqueue(tasks.noop).result(timeout=20)
    if whole:
        suspend(queue.connection, ttl=1.5)
    else:
        queue.pause(ttl=1.5)
    ends = queue.connection.paused()["*" if whole else queue.name]
    job = queue.enqueue(tasks.noop)
    job.result(timeout=10)
    job.refresh()
    assert job.started_at is not None
    assert 0 <= job.started_at.timestamp() * 1000 - ends < 1_000


def test_a_suspension_spins_nobody(queue: Queue, start_worker: StartWorker) -> None:
    """While all is suspended with work waiting, a worker uses next to no processor time; `resume` wakes it."""
    worker = start_worker()
    queue.enqueue(tasks.noop).result(timeout=20)
    suspend(queue.connection, ttl=600)
    job = queue.enqueue(tasks.noop)
    pids = [worker.pid, *worker.executors()]
    time.sleep(0.5)  # what the suspension itself has set going is over
    before = processor_time(*pids)
    time.sleep(3)  # the span that is measured
    assert processor_time(*pids) - before < 0.5
    assert job.get_status() == "queued"
    resume(queue.connection)
    job.result(timeout=10)


def test_a_burst_leaves_suspended_work(queue: Queue, start_worker: StartWorker) -> None:
    """A burst ends when all that is left is suspended."""
    suspend(queue.connection)
    job = queue.enqueue(tasks.noop)
    assert start_worker(burst=True).wait() == 0
    assert job.get_status() == "queued"
    resume(queue.connection)
    assert start_worker(burst=True).wait() == 0
    eventually(lambda: job.get_status() == "finished")
