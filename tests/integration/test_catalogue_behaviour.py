"""How workers behave when others die, the store goes, or code is deployed: with the mechanism proved, not a lucky time.

Where a time is asserted the ttl is set far above it (or the other way round), so that only the promised mechanism explains it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration import catalogue_tasks, tasks
from tests.integration.conftest import ROOT, START, StartWorker, eventually, lines
from tests.servers import RedisServer
from winch import Job, Queue
from winch.states import JobStatus
from winch.stores.contract import JobRecord
from winch.worker import Worker

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: list[int]) -> float:
    """The processor time that these processes have used."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(field[11]) + int(field[12]) for field in fields) / TICKS


def cpu_share(pids: list[int], seconds: float) -> float:
    """The share of a core that these processes use over a while."""
    used, began = cpu_seconds(pids), time.monotonic()
    eventually(lambda: time.monotonic() - began > seconds, within=seconds + 10)
    return (cpu_seconds(pids) - used) / (time.monotonic() - began)


def records(queue: Queue, jobs: list[Job[Any]]) -> list[JobRecord]:
    """What the store has of these jobs, all of which it must have."""
    found = [record for record in queue.connection.get([job.id for job in jobs]) if record is not None]
    assert len(found) == len(jobs)
    return found


def started(notes: Path) -> list[str]:
    """Which jobs have begun, in order."""
    return [line.split()[1] for line in lines(notes) if line.startswith("start")]


ELSEWHERE = """
import socket
socket.gethostname = lambda: "elsewhere"
"""


@pytest.fixture
def start_elsewhere(store_url: str, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a worker that takes itself for one on another machine: nobody here can look whether its process lives."""
    popens: list[subprocess.Popen[bytes]] = []

    def start(**settings: Any) -> subprocess.Popen[bytes]:
        defaults: dict[str, Any] = {"url": store_url, "paths": (str(ROOT),), "allow": ("tests.integration.*",)}
        code = ELSEWHERE + START.format(settings={**defaults, **settings})
        with (tmp_path / "elsewhere.log").open("ab") as log:
            popens.append(subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=log, stderr=log))
        return popens[-1]

    yield start
    for popen in popens:
        popen.kill()
        popen.wait()


# ---- who dies ----


def test_work_of_a_worker_elsewhere_runs_again_within_its_ttl_and_a_beat(
    queue: Queue, start_elsewhere: Callable[..., subprocess.Popen[bytes]], start_worker: StartWorker, notes: Path
) -> None:
    """A worker on another machine dies with everything in flight: not before its ttl, soon after it, and without blame."""
    ttl = 3.0
    first = start_elsewhere(processes=2, worker_ttl=ttl)
    jobs = [queue.enqueue(catalogue_tasks.aslow_once, str(notes), str(n)) for n in range(20)]
    eventually(lambda: len(started(notes)) == 20, within=20)
    rescuer = start_worker("another", worker_ttl=ttl)
    eventually(lambda: "queues another" in rescuer.log)
    start_worker(worker_ttl=60.0)  # takes no part in the rescue: too young for its own ttl
    first.kill()
    first.wait()
    died = time.monotonic()
    eventually(lambda: len(started(notes)) > 20, within=30)
    passed = time.monotonic() - died
    assert passed > ttl - ttl / 6 - 0.5  # its last beat was at most a beat before its death
    assert passed < ttl + ttl / 6 + 4
    for job in jobs:
        job.result(timeout=30)
    assert {record.crashes for record in records(queue, jobs)} == {0}


def test_work_of_a_worker_here_runs_again_at_once(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """A worker on this machine dies with everything in flight, its ttl a minute: another one has it all in seconds."""
    first = start_worker(processes=2, worker_ttl=60.0)
    jobs = [queue.enqueue(catalogue_tasks.aslow_once, str(notes), str(n)) for n in range(20)]
    eventually(lambda: len(started(notes)) == 20, within=20)
    start_worker(worker_ttl=6.0)
    first.kill()
    eventually(lambda: len(started(notes)) > 20, within=10)
    for job in jobs:
        job.result(timeout=30)
    assert {record.crashes for record in records(queue, jobs)} == {0}


def test_work_of_an_executor_runs_again_at_once(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """Only an executor dies, the ttl is a minute: its supervisor has its jobs run again in seconds, one alone is charged."""
    worker = start_worker(worker_ttl=60.0, threads=4)
    jobs = [queue.enqueue(catalogue_tasks.slow_once, str(notes), str(n)) for n in range(4)]
    eventually(lambda: len(started(notes)) == 4, within=20)
    for pid in worker.executors():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(started(notes)) > 4, within=10)
    for job in jobs:
        job.result(timeout=30)
    assert {record.crashes for record in records(queue, jobs)} == {0}  # of four nobody is proved to blame
    assert "maybe the system was out of memory" in worker.log  # a SIGKILL that was not ours


# ---- the store goes ----


@pytest.mark.parametrize("store_url", [pytest.param("redis", marks=pytest.mark.redis)], indirect=True)
def test_the_store_is_gone_for_long_under_load(tmp_path: Path, start_worker: StartWorker) -> None:
    """Ten seconds without Redis: no worker exits or burns processor time, work goes on soon after, no outcome is lost."""
    notes = tmp_path / "notes"
    with RedisServer(appendonly=True) as server:
        queue = Queue(connection=server.url)
        workers = [start_worker(url=server.url, worker_ttl=6.0, processes=2) for _ in range(2)]
        for worker in workers:
            eventually(lambda worker=worker: len(worker.executors()) == 2)
        jobs = [queue.enqueue(tasks.nap, str(notes), str(n), 0.1) for n in range(200)]
        long = [queue.enqueue(tasks.anap, str(notes), f"long{n}", 5.0) for n in range(4)]
        eventually(lambda: len(started(notes)) > 60, within=30)
        server.stop()
        share = cpu_share([pid for worker in workers for pid in (worker.pid, *worker.executors())], 10.0)
        assert [worker.popen.poll() for worker in workers] == [None, None]
        meanwhile = len(started(notes))
        server.start()
        back = time.monotonic()
        eventually(lambda: len(started(notes)) > meanwhile)
        assert time.monotonic() - back < 5
        assert share < 0.05 * len(workers)
        for job in [*jobs, *long]:
            job.result(timeout=60)
        counts = Counter(started(notes))
        assert set(counts) == {str(n) for n in range(200)} | {f"long{n}" for n in range(4)}
        assert set(counts.values()) == {1}  # what finished meanwhile was not run again: its outcome was kept
        assert {record.attempts for record in records(queue, [*jobs, *long])} == {1}
        assert [worker.stop() for worker in workers] == [0, 0]


# ---- the clock is wrong ----

WRONG_CLOCK = """
import time
right = time.time
time.time = lambda: right() {offset:+}
"""


@pytest.mark.parametrize("offset", [3600, -3600])
@pytest.mark.parametrize("store_url", [pytest.param("redis", marks=pytest.mark.redis)], indirect=True)
def test_a_worker_whose_clock_is_wrong_by_an_hour(
    queue: Queue, store_url: str, start_worker: StartWorker, tmp_path: Path, notes: Path, offset: int
) -> None:
    """Leases and due times are the store's: nobody takes the other for dead, jobs are done once and when they are due."""
    code = WRONG_CLOCK.format(offset=offset)
    (tmp_path / "wrong_clock.py").write_text(code)
    settings: dict[str, Any] = {
        "url": store_url,
        "paths": (str(ROOT), str(tmp_path)),
        "allow": ("tests.integration.*",),
        "imports": ("wrong_clock",),
        "worker_ttl": 1.5,
    }
    popen = subprocess.Popen([sys.executable, "-c", code + START.format(settings=settings)], cwd=ROOT)
    try:
        eventually(lambda: Worker.count(connection=store_url) == 1, within=20)
        due = queue.enqueue_in(1.0, tasks.write, str(notes), "due")
        assert due.get_status() == "scheduled"
        assert due.result(timeout=10) == "due"
        due.refresh()
        assert due.started_at is not None
        assert due.created_at is not None
        assert 0.9 < (due.started_at - due.created_at).total_seconds() < 5
        other = start_worker(worker_ttl=1.5)
        jobs = [queue.enqueue(tasks.nap, str(notes), str(n), 0.1) for n in range(30)]
        for job in jobs:
            job.result(timeout=20)
        assert set(Counter(started(notes)).values()) == {1}
        assert Worker.count(connection=store_url) == 2
        assert "is gone" not in other.log
    finally:
        popen.terminate()
        popen.wait(20)


# ---- deploy ----


def test_a_deploy_under_load_harms_no_job(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """SIGHUP, a new worker, SIGTERM to the old one, all under load: every job runs once, none is blamed or waits for a ttl."""
    jobs = queue.enqueue_many(Queue.prepare_data(tasks.nap, (str(notes), str(n), 0.01)) for n in range(400))
    old = start_worker(worker_ttl=600.0, processes=2)
    eventually(lambda: len(started(notes)) > 50, within=20)
    before = set(old.executors())
    old.signal(signal.SIGHUP)
    eventually(lambda: len(old.executors()) == 2 and not before & set(old.executors()), within=20)
    start_worker(worker_ttl=600.0, processes=2)
    assert old.stop() == 0
    for job in jobs:
        job.result(timeout=50)
    assert Counter(started(notes)) == {str(n): 1 for n in range(400)}
    for record in records(queue, jobs):
        assert (record.state, record.crashes, record.attempts) == (JobStatus.FINISHED, 0, 1)


# ---- who waits, who spins ----


def test_a_paused_queue_spins_nobody(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """Workers beside a paused queue full of jobs sleep, also after a hint for it; resume wakes them at once."""
    queue.pause()
    jobs = [queue.enqueue(tasks.write, str(notes), str(n)) for n in range(50)]
    worker = start_worker("default", "other", worker_ttl=60.0, processes=2)
    other = Queue("other", connection=queue.connection)
    assert other.enqueue(tasks.add, 1, 1).result(timeout=20) == 2
    queue.enqueue(tasks.noop)
    # The first two seconds may still hold the start of the second executor; who spins, spins in all.
    assert min(cpu_share([worker.pid, *worker.executors()], 2.0) for _ in range(3)) < 0.05
    assert other.enqueue(tasks.add, 1, 1).result(timeout=20) == 2
    assert not lines(notes)
    queue.resume()
    for job in jobs:
        job.result(timeout=10)


def test_a_marker_that_a_stopped_process_took_strands_no_job(
    queue: Queue, store_url: str, start_worker: StartWorker
) -> None:
    """An idle executor is stopped and takes the hints for new jobs with it: another worker runs them, beats later at most."""
    sleeper = start_worker(worker_ttl=60.0)
    queue.enqueue(tasks.noop).result(timeout=20)
    awake = start_worker(worker_ttl=3.0)
    eventually(lambda: Worker.count(connection=store_url) == 2)
    queue.enqueue(tasks.noop).result(timeout=20)
    [pid] = eventually(sleeper.executors)
    eventually(awake.executors)
    os.kill(pid, signal.SIGSTOP)
    for n in range(5):
        assert queue.enqueue(tasks.add, n, n).result(timeout=10) == 2 * n
    assert cpu_share([awake.pid, *awake.executors()], 1.0) < 0.05
    os.kill(pid, signal.SIGCONT)
    assert queue.enqueue(tasks.add, 1, 1).result(timeout=10) == 2


def test_a_due_job_does_not_wait_for_a_busy_executor(
    queue: Queue, store_url: str, start_worker: StartWorker, notes: Path
) -> None:
    """The worker that was told of a due job is busy when it is due: it starts in time on an idle one, and nobody spins."""
    busy = start_worker(worker_ttl=60.0)
    queue.enqueue(tasks.nap, str(notes), "busy", 4.0)
    eventually(lambda: lines(notes))
    due = queue.enqueue_in(1.5, tasks.write, str(notes), "due")
    idle = start_worker(worker_ttl=60.0)
    eventually(lambda: Worker.count(connection=store_url) == 2)
    assert due.result(timeout=20) == "due"
    assert "end busy" not in lines(notes)
    assert cpu_share([busy.pid, *busy.executors(), idle.pid, *idle.executors()], 1.0) < 0.05
