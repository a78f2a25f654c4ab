"""Commands to workers: obeyed by real processes while jobs run, acknowledged, and not lost."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import signal
import struct
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

from tests.integration import steering_tasks, tasks
from tests.integration.conftest import StartWorker, WorkerProcess, alive, children, eventually, is_stopped, lines
from winch import Job, Queue
from winch.command import (
    send_kill_horse_command,
    send_quiet_command,
    send_resume_command,
    send_shutdown_command,
    send_stop_job_command,
)
from winch.errors import InvalidJobOperation, NoSuchWorker
from winch.job import get_store
from winch.worker import Worker, WorkerView

pytestmark = pytest.mark.integration

PATIENCE = 20.0
"""Seconds for a worker to obey; the machine may be busy."""


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file for which jobs wait."""
    return tmp_path / "gate"


def find(store_url: str, name: str = "w") -> WorkerView:
    """The worker, once an executor of it works."""
    return eventually(lambda: [each for each in Worker.all(store_url) if each.name == name and each.executors], 20)[0]


def begun(queue: Queue, notes: Path, gate: Path, text: str) -> Job[str]:
    """A job that has begun, and goes on until the gate is opened."""
    job = queue.enqueue(steering_tasks.wait_for, str(gate), str(notes), text)
    eventually(lambda: any(line.startswith(f"start {text}") for line in lines(notes)), 20)
    return job


def executor_of(notes: Path, text: str) -> int:
    """The process in which a job has run."""
    return next(int(line.split()[2]) for line in lines(notes) if line.startswith(f"start {text} "))


@pytest.mark.parametrize("lane", [{}, {"threads": 2}], ids=["main thread", "threads"])
def test_a_quiet_worker_finishes_what_it_runs_and_takes_nothing(
    queue: Queue, store_url: str, start_worker: StartWorker, notes: Path, gate: Path, lane: dict[str, int]
) -> None:
    """Told to be quiet it says so, ends its job, and leaves the next one queued; after `resume` it takes that."""
    start_worker(name="w", **lane)
    running = begun(queue, notes, gate, "one")
    worker = find(store_url)
    assert worker.quiet(wait=PATIENCE)
    assert (find(store_url).state, find(store_url).is_quiet) == ("suspended", True)
    behind = queue.enqueue(tasks.add, 1, 1)
    gate.touch()
    assert running.result(timeout=20) == "one"
    eventually(lambda: not find(store_url).get_current_job_ids())
    assert behind.is_queued
    resumed = datetime.now(UTC)
    assert worker.resume(wait=PATIENCE)
    assert behind.result(timeout=20) == 2
    behind.refresh()
    assert behind.started_at is not None
    assert (behind.started_at - resumed).total_seconds() > -0.01
    eventually(lambda: find(store_url).state == "idle")


def test_quiet_outlives_executors_and_identities(queue: Queue, store_url: str, start_worker: StartWorker) -> None:
    """A new executor of a quiet worker claims nothing, and neither does the worker that comes back under a new id."""
    process = start_worker(name="w")
    before = find(store_url)
    send_quiet_command(store_url, "w")
    eventually(lambda: find(store_url).is_quiet, 20)
    assert find(store_url).restart(wait=PATIENCE)
    old = process.executors()
    eventually(lambda: not any(alive(pid) for pid in old) and children(process.pid), 20)
    queue.connection.retire_worker(before.id)
    job = queue.enqueue(tasks.add, 1, 1)
    eventually(lambda: find(store_url).id != before.id and find(store_url).is_quiet, 20)
    assert job.is_queued
    send_resume_command(store_url, "w")
    assert job.result(timeout=20) == 2


def test_a_restart_renews_the_executors_and_loses_nothing(
    queue: Queue, store_url: str, start_worker: StartWorker, notes: Path, gate: Path
) -> None:
    """A job that runs is finished by its old process, and the next one runs in a new one."""
    process = start_worker(name="w", grace=20.0)
    running = begun(queue, notes, gate, "one")
    assert find(store_url).restart(wait=PATIENCE)
    behind = queue.enqueue(tasks.nap, str(notes), "two", 0)
    gate.touch()
    assert running.result(timeout=20) == "one"
    assert behind.result(timeout=20) == "two"
    old, new = executor_of(notes, "one"), executor_of(notes, "two")
    assert old != new
    eventually(lambda: old not in children(process.pid))
    assert [job.attempts[-1].outcome for job in Job.fetch_many([running.id, behind.id], store_url) if job] == [
        "finished"
    ] * 2


def test_a_shutdown_lets_jobs_finish(
    queue: Queue, store_url: str, start_worker: StartWorker, notes: Path, gate: Path
) -> None:
    """The worker obeys, stays until its job has ended, and leaves with 0; what stands behind is left."""
    process = start_worker(name="w", grace=20.0)
    running = begun(queue, notes, gate, "one")
    behind = queue.enqueue(tasks.add, 1, 1)
    assert find(store_url).shutdown(wait=PATIENCE)
    assert alive(process.pid)
    gate.touch()
    assert process.wait() == 0
    assert running.result(timeout=0) == "one"
    assert behind.is_queued
    assert Worker.all(store_url) == []


def test_a_shutdown_now_puts_jobs_back(
    queue: Queue, store_url: str, start_worker: StartWorker, notes: Path, gate: Path
) -> None:
    """With `now` the worker does not wait: the job is queued again, without blame, and its next run ends it."""
    process = start_worker(name="w", grace=600.0)
    running = begun(queue, notes, gate, "one")
    find(store_url).shutdown(now=True)
    assert process.wait() == 0
    assert running.is_queued
    gate.touch()
    start_worker(burst=True).wait()
    running.refresh()
    assert [attempt.outcome for attempt in running.attempts] == ["returned", "finished"]


@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_a_job_in_c_code_can_be_stopped(
    queue: Queue, store_url: str, start_worker: StartWorker, notes: Path, isolation: str
) -> None:
    """It ends as stopped although it never looks; its executor goes with it, and the next job runs."""
    process = start_worker(name="w", isolation=isolation)
    job = queue.enqueue(steering_tasks.spin_in_c_noted, str(notes))
    behind = queue.enqueue(tasks.add, 1, 1)
    eventually(lambda: lines(notes) and job.is_started and find(store_url).get_current_job_id() == job.id, 20)
    eventually(lambda: store_of(queue).get([job.id])[0].begun, 20)  # type: ignore[union-attr]
    send_stop_job_command(store_url, job.id)
    assert job.is_stopped
    assert behind.result(timeout=20) == 2
    assert "executor killed" in process.log
    with pytest.raises(InvalidJobOperation, match="does not run"):
        send_stop_job_command(store_url, job.id)


HALF = """
import time
from pathlib import Path
from .part import *
Path({gate!r} + ".begun").touch()
while not Path({gate!r}).exists():
    time.sleep(0.01)
answer = lambda: part.ANSWER
"""
"""A package that waits while it is imported. As in many a package, the import of a part has bound the part's name."""


def test_a_job_is_stopped_while_its_code_is_imported(
    queue: Queue, store_url: str, start_worker: StartWorker, tmp_path: Path, gate: Path
) -> None:
    """The module is half made then, which spoils every later import of it: the executor is replaced."""
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "__init__.py").write_text(HALF.format(gate=str(gate)))
    (tmp_path / "half" / "part.py").write_text("__all__ = ['ANSWER']\nANSWER = 42\n")
    process = start_worker(name="w", paths=(str(tmp_path),))
    job = queue.enqueue("half.answer")
    eventually(Path(f"{gate}.begun").exists, 20)
    (executor,) = process.executors()
    send_stop_job_command(store_url, job.id)
    assert job.is_stopped
    eventually(lambda: executor not in process.executors(), 20)
    gate.touch()
    assert queue.enqueue("half.answer").result(timeout=20) == 42


def test_what_a_worker_runs_can_be_ended(queue: Queue, store_url: str, start_worker: StartWorker) -> None:
    """RQ's kill-horse ends the job that runs, and only that; with nothing to end nothing happens."""
    start_worker(name="w")
    job, behind = queue.enqueue(time.sleep, 600), queue.enqueue(tasks.add, 1, 1)
    eventually(lambda: find(store_url).get_current_job_id() == job.id, 20)
    eventually(lambda: store_of(queue).get([job.id])[0].begun, 20)  # type: ignore[union-attr]
    send_kill_horse_command(store_url, "w")
    assert job.is_stopped
    assert behind.result(timeout=20) == 2
    send_kill_horse_command(store_url, "w")
    assert find(store_url).state in ("idle", "busy")
    with pytest.raises(InvalidJobOperation, match="does not run job"):
        find(store_url).stop_job(behind.id)


def store_of(queue: Queue) -> object:
    """The store of a queue."""
    return get_store(queue.connection)


def test_a_command_waits_for_a_worker_that_hangs(queue: Queue, store_url: str, start_worker: StartWorker) -> None:
    """Sent to a worker that has been stopped by a signal it stays pending, and is obeyed once the worker goes on."""
    process = start_worker(name="w", worker_ttl=60.0)
    worker = find(store_url)
    process.signal(signal.SIGSTOP)
    eventually(lambda: is_stopped(process.pid))
    assert worker.restart(wait=0.2) is False
    send_shutdown_command(store_url, "w")
    assert find(store_url).pending == ["restart", "shutdown"]
    process.signal(signal.SIGCONT)
    assert process.wait() == 0
    assert queue.count == 0


def test_a_command_outlives_an_identity(queue: Queue, store_url: str, start_worker: StartWorker) -> None:
    """A worker that hangs for longer than its ttl is given up by another one; back under a new id it still obeys."""
    process = start_worker(name="w", worker_ttl=1.0)
    worker = find(store_url)
    start_worker("other", name="judge", worker_ttl=1.0)
    find(store_url, "judge")
    process.signal(signal.SIGSTOP)
    eventually(lambda: is_stopped(process.pid))
    assert worker.quiet(wait=0) is False
    eventually(lambda: all(each.id != worker.id for each in Worker.all(store_url)), 20)
    process.signal(signal.SIGCONT)
    again = find(store_url)
    assert again.id != worker.id
    eventually(lambda: find(store_url).is_quiet and not find(store_url).pending, 20)
    job = queue.enqueue(tasks.add, 1, 1)
    assert again.resume(wait=PATIENCE)
    assert job.result(timeout=20) == 2


def test_commands_that_nobody_knows_are_harmless(queue: Queue, store_url: str, start_worker: StartWorker) -> None:
    """A command of a newer client, a forged `lost` and junk are acknowledged, logged, and nothing else happens."""
    process = start_worker(name="w")
    worker = find(store_url)
    for name in ("lost", "reverse", "__class__", "stop", "x" * 64):
        worker.send(name)
    assert worker.send("last", wait=PATIENCE)
    assert find(store_url).pending == []
    assert queue.enqueue(tasks.add, 1, 1).result(timeout=20) == 2
    assert (find(store_url).id, find(store_url).is_quiet) == (worker.id, False)
    assert "told to do 'reverse', which this version of winch does not know: ignored" in process.log
    with pytest.raises(NoSuchWorker, match="workers there: w"):
        send_shutdown_command(store_url, "nobody")


@pytest.mark.redis
def test_junk_in_redis_is_no_command(redis_url: str, tmp_path: Path) -> None:
    """Who writes into a worker's list of commands or into its hints wakes it, and no more (FAULTS row 70)."""
    log = tmp_path / "log"
    process = WorkerProcess(redis_url, log, {"name": "w"})
    try:
        worker = find(redis_url)
        with Redis.from_url(redis_url) as client:
            forged = struct.pack("<IIHBB", 999, 0, 0, 0, 8) + b"shutdown"
            junk = {
                b"shutdown": 1,
                b'{"command": "shutdown"}': 2,
                b"\x00" * 100_000: 3,
                forged: 999,
            }
            client.zadd(f"{{winch}}:commands:{worker.id}", junk)
            client.rpush(f"{{winch}}:hint:{worker.id}", b"shutdown", b"\xff" * 1_000)
            client.publish("rq:pubsub:w", '{"command": "shutdown"}')
        for _ in range(2):
            assert worker.restart(wait=PATIENCE)
        assert Queue(connection=redis_url).enqueue(tasks.add, 1, 1).result(timeout=20) == 2
        assert (find(redis_url).id, find(redis_url).pending) == (worker.id, [])
        assert "told to do restart" in process.log
        assert "told to do shutdown" not in process.log
    finally:
        process.stop()


def test_every_command_reaches_every_worker_of_a_name(store_url: str, start_worker: StartWorker) -> None:
    """A name that several workers share means all of them; an id means one."""
    processes = [start_worker(name="w"), start_worker(name="w")]
    eventually(lambda: Worker.count(store_url) == 2, 20)
    one = Worker.find(Worker.all(store_url)[0].id, store_url)
    assert one.quiet(wait=PATIENCE)
    assert sorted(worker.is_quiet for worker in Worker.all(store_url)) == [False, True]
    send_shutdown_command(store_url, "w")
    assert [process.wait() for process in processes] == [0, 0]
