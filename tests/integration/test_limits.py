"""Limits with real workers: at no moment more jobs of a key than it allows, and none of them forgotten."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration import tasks
from tests.integration.conftest import StartWorker, eventually, lines
from winch import Queue
from winch.options import Limit

pytestmark = pytest.mark.integration


def most_at_once(notes: Path) -> int:
    """How many jobs ran at a time at most, by what they noted."""
    running, most = 0, 0
    for line in lines(notes):
        running += 1 if line.startswith("start") else -1
        most = max(most, running)
    return most


def ended(notes: Path) -> int:
    """How many jobs have noted their end."""
    return sum(line.startswith("end") for line in lines(notes))


@pytest.mark.parametrize(
    ("function", "settings"),
    [
        (tasks.nap, {"processes": 4}),
        (tasks.nap, {"threads": 4}),
        (tasks.anap, {"async_jobs": 20}),
    ],
    ids=["processes", "threads", "async"],
)
def test_two_workers_keep_to_a_concurrency(
    queue: Queue, start_worker: StartWorker, notes: Path, function: Any, settings: dict[str, Any]
) -> None:
    """Sixty jobs of a key, of three limits over two queues; other jobs are not held up by them."""
    other = Queue("other", connection=queue.connection)
    for line in (queue, other):
        calls = [Queue.prepare_data(function, [str(notes), str(n), 0.02]) for n in range(30)]
        line.using(limits=Limit("k", 3)).enqueue_many(calls)
    free = [each.enqueue(tasks.add, 1, 1) for each in (queue, other)]
    workers = [start_worker("default", "other", burst=True, **settings) for _ in range(2)]
    assert [job.result(timeout=20) for job in free] == [2, 2]
    for worker in workers:
        worker.wait(60)
    assert ended(notes) == 60
    assert most_at_once(notes) <= 3
    assert queue.connection.limits() == []


def test_the_limit_is_used(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """With room for all, three do run at a time: nobody waits for a look that comes by and by."""
    calls = [Queue.prepare_data(tasks.nap, [str(notes), str(n), 0.2]) for n in range(12)]
    queue.using(limits=Limit("k", 3)).enqueue_many(calls)
    worker = start_worker(processes=4)
    eventually(lambda: lines(notes))
    began = time.monotonic()
    eventually(lambda: ended(notes) == 12, within=20)
    assert time.monotonic() - began < 4 * 0.2 + 2
    assert most_at_once(notes) == 3
    worker.stop()


def test_a_killed_worker_frees_its_slots(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """What it held runs elsewhere, under the same limit; and the slot is free when that is stopped."""
    one = queue.using(limits=Limit("k", 1))
    held = one.enqueue(tasks.nap, str(notes), "held", 30)
    worker = start_worker()
    eventually(lambda: lines(notes))
    behind = one.enqueue(tasks.write, str(notes), "next")
    start_worker()
    eventually(lambda: behind.is_blocked)
    assert queue.blocked.get_job_ids() == [behind.id]
    worker.kill()
    eventually(lambda: len(lines(notes)) == 2, within=20)
    assert lines(notes)[1].startswith("start held")
    assert [(each.key, each.running) for each in queue.connection.limits(["k"])] == [("k", 1)]
    assert not behind.is_started
    held.cancel(stop=True)
    eventually(lambda: behind.is_finished, within=20)


@pytest.mark.parametrize("function", [tasks.stamp, tasks.astamp], ids=["sync", "async"])
def test_a_rate_is_kept(queue: Queue, start_worker: StartWorker, notes: Path, function: Any) -> None:
    """Thirty per second, and five at once: in no span more starts than the bucket holds, and all of them in time."""
    limit = Limit("k", rate=30, per=1, burst=5)
    queue.using(limits=limit).enqueue_many([Queue.prepare_data(function, [str(notes)]) for _ in range(80)])
    workers = [start_worker(processes=2, imports=(tasks.__name__,)) for _ in range(2)]
    eventually(lambda: len(lines(notes)) == 80, within=20)
    starts = sorted(float(line) for line in lines(notes))
    assert starts[-1] - starts[0] >= (80 - 5) / 30 - 0.1
    assert starts[-1] - starts[0] < (80 - 5) / 30 + 2
    for n, start in enumerate(starts):  # a claim may begin a little later than it was made
        within = sum(other < start + 0.5 for other in starts[n:])
        assert within <= 5 + (0.5 + 0.2) * 30
    for worker in workers:
        worker.stop()


def test_a_worker_that_only_waits_for_tokens_is_idle(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """It sleeps until the token comes, and then is there at once."""
    limit = Limit("k", rate=1, per=1.5)
    queue.using(limits=limit).enqueue_many([Queue.prepare_data(tasks.stamp, [str(notes)]) for _ in range(2)])
    worker = start_worker(imports=(tasks.__name__,))  # the first start is not to come an import after its token
    eventually(lambda: lines(notes))
    before = processor_time(worker.pid, *worker.executors())
    eventually(lambda: len(lines(notes)) == 2)
    first, second = (float(line) for line in lines(notes))
    assert 1.4 < second - first < 1.9
    assert processor_time(worker.pid, *worker.executors()) - before < 0.5
    worker.stop()


def processor_time(*pids: int) -> float:
    """Seconds that processes have used."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / 100
