"""Groups with real workers: one completion, whatever happens to them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.integration import tasks
from tests.integration.conftest import StartWorker, eventually, lines
from winch import Callback, Group, Queue, Retry, call

pytestmark = pytest.mark.integration


def test_a_group_is_waited_for_and_calls_back(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """All jobs run, `wait` tells how they ended, and on_complete is called once with the group and the connection."""
    start_worker(processes=2)
    group = Group.create(queue.connection, "nightly", on_complete=tasks.on_complete)
    group.enqueue_many(queue, [*(call(tasks.add, n, n) for n in range(50)), call(tasks.fail, "oh"), told(notes)])
    counts = group.wait(timeout=30)
    assert (counts.total, counts.pending, counts.finished, counts.failed) == (52, 0, 51, 1)
    eventually(lambda: len(lines(notes)) == 2)
    assert sorted(lines(notes)) == ["complete nightly 52 51 1", "the path"]


def told(notes: Path):
    """A call that tells `on_complete` where to note."""
    return call(tasks.write_and_tell, str(notes), "the path")


def test_the_children_of_a_group_belong_to_it(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """Dependents and retries are part of it: it is completed when the last of them has ended."""
    group = Group.create(queue.connection, on_complete=tasks.on_complete)
    with group:
        inside = queue.using(group=group)
        first = inside.enqueue(tasks.write_and_tell, str(notes), "first")
        inside.using(depends_on=first).enqueue(tasks.write, str(notes), "second")
        inside.using(retry=Retry(1, interval=0.2)).enqueue(tasks.fail, "oh")
        inside.using(depends_on=inside.enqueue(tasks.fail, "no")).enqueue(tasks.write, str(notes), "never")
    start_worker()
    counts = group.wait(timeout=30)
    assert (counts.finished, counts.failed, counts.canceled) == (2, 2, 1)
    eventually(lambda: len(lines(notes)) == 3)
    assert lines(notes) == ["first", "second", f"complete {group.name} 5 2 2"]


def test_workers_that_die_complete_nothing_twice(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """Workers are killed in the middle of a group: every job counts once, and the completion comes once."""
    workers = [start_worker(processes=2, worker_ttl=1.0) for _ in range(2)]
    group = Group.create(queue.connection, on_complete=Callback(tasks.on_complete, timeout=5))
    calls = [call(tasks.nap, f"{notes}.naps", str(n), 0.02) for n in range(100)]
    group.enqueue_many(queue, [told(notes), *calls])
    for worker in workers:
        eventually(lambda: group.counts.finished > 5)
        for executor in worker.executors()[:1]:
            signal_to(executor)
        worker.kill()
        start_worker(processes=2, worker_ttl=1.0)
    counts = group.wait(timeout=60)
    assert (counts.total, counts.pending, counts.finished) == (101, 0, 101)
    eventually(lambda: any(line.startswith("complete") for line in lines(notes)))
    [record] = queue.connection.get_groups([group.name])
    assert record is not None
    assert record.completions == 1
    eventually(lambda: queue.count == len(queue.started) == 0)
    assert [line for line in lines(notes) if line.startswith("complete")] == [f"complete {group.name} 101 101 0"]


def signal_to(pid: int) -> None:
    """Kill an executor."""
    import os
    from contextlib import suppress

    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_a_completion_whose_worker_dies_comes_again(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """The job of a completion is a job like any other: it runs again if its worker dies, and the group knows of one."""
    group = Group.create(queue.connection, on_complete=tasks.on_complete_at_the_second_try)
    group.enqueue_many(queue, [told(notes)])
    start_worker()
    eventually(lambda: len(lines(notes)) == 3, within=30)
    assert lines(notes)[1:] == ["dying", f"complete {group.name}"]
    [record] = queue.connection.get_groups([group.name])
    assert record is not None
    assert record.completions == 1
