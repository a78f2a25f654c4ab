"""Processes die, stop and come back; the store goes away: no job is lost, and only the guilty are blamed."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.integration import tasks
from tests.integration.conftest import StartWorker, alive, eventually, lines
from tests.servers import RedisServer
from winch import Job, JobFailed, Queue
from winch.worker import Worker

pytestmark = pytest.mark.integration


def pid_of(notes: Path) -> int:
    """The process of the first job that noted its start."""
    return int(eventually(lambda: lines(notes))[0].split()[2])


def test_a_killed_executors_job_runs_again_within_a_second(
    queue: Queue, start_worker: StartWorker, notes: Path
) -> None:
    """An executor is killed: the job it ran is charged one crash and runs again in a new executor."""
    start_worker()
    job = queue.enqueue(tasks.nap, str(notes), "x", 0.5)
    os.kill(pid_of(notes), signal.SIGKILL)
    began = time.monotonic()
    eventually(lambda: len(lines(notes)) >= 2)
    assert time.monotonic() - began < 2
    assert job.result(timeout=20) == "x"
    job.refresh()
    assert [(attempt.outcome, attempt.reason) for attempt in job.attempts] == [("retry", "crashed"), ("finished", "")]


def test_jobs_claimed_beside_a_crash_are_not_blamed(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """A job that kills its process again and again fails as crashed; all its neighbours finish at their first attempt."""
    before = [queue.enqueue(tasks.add, n, 1) for n in range(40)]
    bad = queue.enqueue(tasks.segfault, str(notes))
    after = [queue.enqueue(tasks.add, n, 1) for n in range(40)]
    start_worker(burst=True, processes=2).wait(40)
    with pytest.raises(JobFailed) as caught:
        bad.result(timeout=0)
    assert caught.value.reason == "crashed"
    assert "SIGSEGV" in caught.value.traceback + caught.value.message
    assert len(lines(notes)) == 3
    records = [Job.fetch(job.id, connection=queue.connection) for job in before + after]
    assert {job.get_status(refresh=False) for job in records} == {"finished"}
    assert not [attempt for job in records for attempt in job.attempts if attempt.outcome == "failed"]


def test_leaving_the_process_with_status_0_is_a_crash_too(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """os._exit(0) in a job is no success: it counts as a crash and the job ends failed."""
    job = queue.enqueue(tasks.leave, str(notes), 0)
    start_worker(burst=True).wait(40)
    with pytest.raises(JobFailed) as caught:
        job.result(timeout=0)
    assert caught.value.reason == "crashed"
    assert len(lines(notes)) == 3


def test_executors_and_their_children_die_with_the_supervisor(
    queue: Queue, start_worker: StartWorker, notes: Path
) -> None:
    """The supervisor is killed: no executor survives it by more than a second."""
    worker = start_worker(processes=2)
    queue.enqueue(tasks.nap, str(notes), "x", 60)
    pid_of(notes)
    executors = worker.executors()
    worker.kill()
    eventually(lambda: not any(alive(pid) for pid in executors), within=2)


def test_a_grandchild_dies_with_its_executor(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """What a job started in its process group goes when its executor is killed."""
    start_worker()
    queue.enqueue(tasks.grandchild, str(notes), job_timeout=60)
    child = int(eventually(lambda: lines(notes))[0])
    parent = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(parent, signal.SIGKILL)
    eventually(lambda: not alive(child), within=5)


def test_another_worker_takes_over_at_once_on_the_same_machine(
    queue: Queue, store_url: str, start_worker: StartWorker, notes: Path
) -> None:
    """A worker killed with a job in flight is rescued by its neighbour long before its ttl, and without blame."""
    first = start_worker(worker_ttl=60.0)
    job = queue.enqueue(tasks.nap, str(notes), "x", 0.5)
    pid_of(notes)
    first.kill()
    start_worker(worker_ttl=3.0)
    assert job.result(timeout=20) == "x"
    job.refresh()
    assert [(attempt.outcome, attempt.reason) for attempt in job.attempts] == [
        ("returned", "crashed"),
        ("finished", ""),
    ]
    eventually(lambda: Worker.count(connection=store_url) == 1)


def test_a_job_that_kills_its_worker_fails_after_max_crashes_plus_one(
    queue: Queue, start_worker: StartWorker, notes: Path
) -> None:
    """Under a restarter, a job that kills the whole worker ends as crashed after at most four deaths; its neighbour lives."""
    bad = queue.enqueue(tasks.kill_the_worker, str(notes))
    good = queue.enqueue(tasks.add, 1, 1)
    for _ in range(5):
        worker = start_worker(worker_ttl=2.0)
        eventually(lambda worker=worker: worker.popen.poll() is not None or bad.get_status() == "failed", within=30)
        if bad.get_status() == "failed":
            break
    assert bad.get_status() == "failed"
    assert len(lines(notes)) <= 4
    assert good.result(timeout=20) == 2


def test_two_hundred_jobs_survive_the_death_of_the_whole_worker(
    queue: Queue, start_worker: StartWorker, notes: Path
) -> None:
    """200 jobs of 20 ms, everything killed half way and started again: all complete, at most one per executor ran twice."""
    jobs = [queue.enqueue(tasks.nap, str(notes), str(n), 0.02) for n in range(200)]
    first = start_worker(processes=2)
    eventually(lambda: sum(line.startswith("end") for line in lines(notes)) >= 100, within=20)
    first.kill()
    start_worker(processes=2, burst=True).wait(40)
    assert Counter(job.get_status() for job in jobs) == {"finished": 200}
    starts = Counter(line.split()[1] for line in lines(notes) if line.startswith("start"))
    assert len(starts) == 200
    assert sum(count - 1 for count in starts.values()) <= 2


def test_sigterm_lets_running_jobs_finish_and_returns_the_rest(
    queue: Queue, start_worker: StartWorker, notes: Path
) -> None:
    """A deploy: the running job finishes within the grace, what has not begun stays queued, nothing fails or is blamed."""
    running = queue.enqueue(tasks.nap, str(notes), "x", 0.5)
    waiting = [queue.enqueue(tasks.noop) for _ in range(20)]
    worker = start_worker()
    pid_of(notes)
    assert worker.stop() == 0
    assert running.get_status() == "finished"
    assert {job.get_status() for job in waiting} == {"queued"}
    assert not any(
        job.attempts for job in Job.fetch_many([job.id for job in waiting], connection=queue.connection) if job
    )


def test_what_does_not_finish_in_the_grace_is_put_back(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """A job longer than the grace is interrupted and queued again without blame; a second signal does so at once."""
    job = queue.enqueue(tasks.nap, str(notes), "x", 60)
    worker = start_worker(grace=0.3)
    pid_of(notes)
    assert worker.stop() == 0
    assert job.get_status() == "queued"
    job.refresh()
    assert [attempt.reason for attempt in job.attempts] == ["interrupted"]
    impatient = start_worker(grace=60.0)
    eventually(lambda: len(lines(notes)) == 2)
    impatient.signal(signal.SIGTERM)
    eventually(lambda: "stopping" in impatient.log)
    impatient.signal(signal.SIGTERM)
    assert impatient.wait() == 130
    assert job.get_status() == "queued"


def test_sighup_renews_the_executors(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """SIGHUP replaces every executor, one after the other, and loses nothing."""
    worker = start_worker(processes=2)
    queue.enqueue(tasks.noop).result(timeout=20)
    old = set(eventually(lambda: worker.executors() if len(worker.executors()) == 2 else None))
    worker.signal(signal.SIGHUP)
    jobs = [queue.enqueue(tasks.nap, str(notes), str(n), 0.02) for n in range(50)]
    eventually(lambda: len(worker.executors()) == 2 and not old & set(worker.executors()), within=20)
    assert [job.result(timeout=20) for job in jobs] == [str(n) for n in range(50)]


def test_a_zombie_worker_cannot_settle_what_it_lost(
    queue: Queue, store_url: str, start_worker: StartWorker, notes: Path
) -> None:
    """A worker stopped past its ttl is rescued; woken, its outcome is dropped, and it comes back under a new id."""
    zombie = start_worker(worker_ttl=1.5)
    job = queue.enqueue(tasks.nap, str(notes), "x", 1.0)
    pids = [zombie.pid, *zombie.executors(), pid_of(notes)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    start_worker(worker_ttl=1.5)
    assert job.result(timeout=20) == "x"
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: "comes back under a new id" in zombie.log, within=20)
    eventually(lambda: Worker.count(connection=store_url) == 2, within=20)
    job.refresh()
    assert [attempt.outcome for attempt in job.attempts] == ["returned", "finished"]
    assert " finished " not in zombie.log


def test_jobs_make_way_when_their_supervisor_falls_silent(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """A supervisor is stopped while the store answers: after a ttl its executors interrupt their jobs, without blame."""
    worker = start_worker(worker_ttl=1.5)
    job = queue.enqueue(tasks.nap, str(notes), "x", 60)
    pid_of(notes)
    os.kill(worker.pid, signal.SIGSTOP)
    eventually(lambda: job.get_status() == "queued", within=20)
    job.refresh()
    assert [attempt.reason for attempt in job.attempts] == ["interrupted"]
    os.kill(worker.pid, signal.SIGCONT)


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_a_worker_goes_on_with_a_database_that_was_put_in_the_place_of_its_own(
    tmp_path: Path, start_worker: StartWorker
) -> None:
    """The database's file is replaced under a worker: it says so, starts afresh, and runs the jobs of the new one."""
    path, other = tmp_path / "jobs.db", tmp_path / "restored.db"
    worker, queue = start_worker(url=f"sqlite:///{path}"), Queue(connection=f"sqlite:///{path}")
    queue.enqueue(tasks.noop).result(timeout=20)
    restored = Queue(connection=f"sqlite:///{other}")
    job = restored.enqueue(tasks.add, 1, 1)
    restored.connection.close()
    for leftover in (f"{path}-wal", f"{path}-shm"):
        Path(leftover).unlink(missing_ok=True)
    other.rename(path)
    queue.connection.close()
    assert Job.fetch(job.id, connection=queue.connection).result(timeout=20) == 2
    assert "deleted or replaced" in worker.log
    assert worker.stop() == 0


@pytest.mark.parametrize("store_url", [pytest.param("redis", marks=pytest.mark.redis)], indirect=True)
def test_a_worker_survives_its_redis_going_away(tmp_path: Path, start_worker: StartWorker) -> None:
    """Redis stops in the middle of work and comes back: no worker exits, nothing is lost, work goes on by itself."""
    notes = tmp_path / "notes"
    with RedisServer(appendonly=True) as server:
        queue = Queue(connection=server.url)
        jobs = [queue.enqueue(tasks.nap, str(notes), str(n), 0.05) for n in range(60)]
        worker = start_worker(url=server.url, worker_ttl=6.0)
        eventually(lambda: len(lines(notes)) > 10)
        server.stop()
        time.sleep(3)  # an outage has a length; what is asserted does not depend on it
        assert worker.popen.poll() is None
        server.start()
        assert [job.result(timeout=30) for job in jobs] == [str(n) for n in range(60)]
        again = Queue(connection=server.url).enqueue(tasks.add, 1, 1)
        assert again.result(timeout=5) == 2
        starts = Counter(line.split()[1] for line in lines(notes) if line.startswith("start"))
        assert len(starts) == 60
        assert worker.stop() == 0
