"""Section A of the fault catalogue: processes that die, stop, are signalled, or are spoilt by their own jobs."""

from __future__ import annotations

import contextlib
import os
import random
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
from tests.integration.conftest import ROOT, START, StartWorker, WorkerProcess, alive, children, eventually, lines
from winch import Job, JobFailed, Queue
from winch.job import get_store
from winch.states import JobStatus
from winch.stores.contract import JobRecord
from winch.worker import Worker

pytestmark = [pytest.mark.integration, pytest.mark.slow]

one_store = pytest.mark.parametrize(
    "store_url", [pytest.param("sqlite", marks=pytest.mark.sqlite)], indirect=True
)  # what happens to processes does not depend on the store
HARMLESS = {"", "interrupted"}


def records(queue: Queue, jobs: list[Job[Any]]) -> list[JobRecord]:
    """What the store has of these jobs, all of which it must have."""
    found = [
        record
        for start in range(0, len(jobs), 1000)
        for record in queue.connection.get([job.id for job in jobs[start : start + 1000]])
    ]
    assert None not in found
    return [record for record in found if record is not None]


def reasons(job: Job[Any]) -> list[tuple[str, str]]:
    """Outcome and reason of every attempt."""
    job.refresh()
    return [(attempt.outcome, attempt.reason) for attempt in job.attempts]


def failure(job: Job[Any]) -> JobFailed:
    """How a job failed."""
    with pytest.raises(JobFailed) as caught:
        job.result(timeout=20)
    return caught.value


def assert_nobody_is_blamed(queue: Queue, jobs: list[Job[Any]]) -> None:
    """No crash was charged, and no attempt ended in one."""
    for record in records(queue, jobs):
        assert record.crashes == 0
        assert {attempt.reason for attempt in record.history} <= HARMLESS


def start_with(patch: str, url: str, log: Path, **settings: Any) -> WorkerProcess:
    """A worker whose supervisor is changed by some lines of Python first."""
    worker = WorkerProcess.__new__(WorkerProcess)
    worker.log_path = log
    defaults: dict[str, Any] = {"url": url, "paths": (str(ROOT),), "allow": ("tests.integration.*",), "worker_ttl": 3.0}
    code = patch + START.format(settings={**defaults, **settings})
    with log.open("ab") as output:
        worker.popen = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=output, stderr=output)
    worker.pid = worker.popen.pid
    return worker


@pytest.fixture
def start_patched(store_url: str, tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """`start_with` on the store under test; what is left at the end is killed."""
    started: list[WorkerProcess] = []

    def start(patch: str, **settings: Any) -> WorkerProcess:
        started.append(start_with(patch, store_url, tmp_path / f"patched-{len(started)}.log", **settings))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
        sys.stdout.write(worker.log)


# ---- signals ----


def test_sigterm_at_any_instant_orphans_no_job(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """Workers and executors get SIGTERM at random instants: no job stays started, none is blamed, each runs exactly once."""
    chance = random.Random(2)
    jobs = queue.enqueue_many(Queue.prepare_data(tasks.write, (str(notes), str(n))) for n in range(2000))
    for _ in range(2):
        workers = [start_worker(worker_ttl=60.0) for _ in range(3)]
        for worker in workers:
            eventually(worker.executors)
        for worker in workers:
            for pid in worker.executors() if chance.random() < 0.5 else []:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            time.sleep(chance.uniform(0, 0.2))  # the random instant itself
            worker.signal(signal.SIGTERM)
        assert [worker.wait() for worker in workers] == [0] * 3
        states = Counter(record.state for record in records(queue, jobs))
        assert set(states) <= {JobStatus.QUEUED, JobStatus.FINISHED}
    assert start_worker(burst=True, worker_ttl=60.0).wait(40) == 0
    assert Counter(record.state for record in records(queue, jobs)) == {JobStatus.FINISHED: 2000}
    assert Counter(lines(notes)) == {str(n): 1 for n in range(2000)}
    assert_nobody_is_blamed(queue, jobs)


@one_store
def test_any_storm_of_signals_ends_a_worker_in_order(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """1 to 20 signals at random times: the worker exits with 0 or 130, no job is lost, failed, blamed or left started."""
    chance = random.Random(15)
    jobs = [queue.enqueue(tasks.nap, str(notes), str(n), 0.01) for n in range(150)]
    for count in (1, 3, 20):
        worker = start_worker(worker_ttl=60.0, processes=2, grace=chance.choice([0.0, 5.0]))
        eventually(worker.executors)
        for _ in range(count):
            time.sleep(chance.uniform(0, 0.05))  # the random time itself
            if worker.popen.poll() is None:
                worker.signal(chance.choice([signal.SIGTERM, signal.SIGINT, signal.SIGHUP]))
        if worker.popen.poll() is None:
            worker.signal(signal.SIGTERM)
        status = worker.wait()
        # A signal that comes after its good-bye ends it as it ends any process.
        assert status in (0, 130) or (status < 0 and not queue.connection.workers())
        assert {record.state for record in records(queue, jobs)} <= {JobStatus.QUEUED, JobStatus.FINISHED}
    assert start_worker(burst=True, processes=2).wait(40) == 0
    assert {record.state for record in records(queue, jobs)} == {JobStatus.FINISHED}
    assert {line.split()[1] for line in lines(notes) if line.startswith("end")} == {str(n) for n in range(150)}
    assert_nobody_is_blamed(queue, jobs)


@one_store
def test_sigterm_to_every_process_at_once_is_a_deploy_too(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """As systemd sends it, to supervisor and executors alike: what runs finishes within the grace, nothing is blamed."""
    worker = start_worker(processes=2, worker_ttl=60.0)
    jobs = [queue.enqueue(tasks.nap, str(notes), str(n), 0.5) for n in range(2)]
    eventually(lambda: len(lines(notes)) == 2)
    for pid in [worker.pid, *worker.executors()]:
        os.kill(pid, signal.SIGTERM)
    assert worker.wait() == 0
    assert [job.get_status() for job in jobs] == ["finished", "finished"]
    assert_nobody_is_blamed(queue, jobs)


# ---- how jobs leave ----


@one_store
def test_whatever_a_job_raises_is_a_failure(queue: Queue, start_worker: StartWorker) -> None:
    """SystemExit, KeyboardInterrupt and other BaseExceptions fail their job, sync or async, and cost no executor."""
    names = ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "CancelledError", "Odd"]
    jobs = [queue.enqueue(f, name) for name in names for f in (catalogue_tasks.raise_one, catalogue_tasks.araise_one)]
    worker = start_worker(burst=True)
    assert worker.wait() == 0
    for job, name in zip(jobs, [name for name in names for _ in range(2)], strict=True):
        error = failure(job)
        assert (error.reason, error.attempts) == ("raised", 1)
        assert error.is_a(name)
    assert "executor exited" not in worker.log


@one_store
@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_leaving_the_process_is_a_crash_whatever_the_status(
    queue: Queue, start_worker: StartWorker, notes: Path, isolation: str
) -> None:
    """os._exit(0) and os._exit(3), sync and async, are crashes: three runs each, then failed; a neighbour finishes."""
    jobs = [
        queue.enqueue(catalogue_tasks.leave_with, str(notes), 0),
        queue.enqueue(catalogue_tasks.aleave_with, str(notes), 3),
    ]
    neighbour = queue.enqueue(tasks.add, 1, 1)
    assert start_worker(burst=True, isolation=isolation).wait(40) == 0
    assert [failure(job).reason for job in jobs] == ["crashed", "crashed"]
    assert neighbour.result(timeout=0) == 2
    assert max(Counter(lines(notes)).values()) <= 4
    (record,) = records(queue, [neighbour])
    assert record.crashes == 0  # it may have run beside a death, and then says so: `returned`, reason `crashed`
    assert "retry" not in {attempt.outcome for attempt in record.history}


def test_what_was_committed_before_a_death_stays_finished(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """Executors are killed again and again under load: a job that the store knows as finished never runs again."""
    worker = start_worker(worker_ttl=60.0)
    jobs = [queue.enqueue(tasks.nap, str(notes), str(n), 0.002) for n in range(400)]
    committed: dict[str, int] = {}
    for kill in range(1, 4):
        eventually(lambda kill=kill: len(lines(notes)) > kill * 150)
        before = Counter(line.split()[1] for line in lines(notes) if line.startswith("start"))
        done = [str(n) for n, record in enumerate(records(queue, jobs)) if record.state is JobStatus.FINISHED]
        committed |= {n: before[n] for n in done}
        for pid in worker.executors():
            os.kill(pid, signal.SIGKILL)
    for job in jobs:
        job.result(timeout=30)
    after = Counter(line.split()[1] for line in lines(notes) if line.startswith("start"))
    assert committed
    assert {n: count for n, count in committed.items() if after[n] > max(count, 1)} == {}
    assert max(record.crashes for record in records(queue, jobs)) <= 1


# ---- pauses ----


@one_store
def test_a_paused_executor_keeps_its_lease_and_its_time_limits(
    queue: Queue, store_url: str, start_worker: StartWorker, notes: Path
) -> None:
    """An executor is stopped for longer than the ttl beside another worker: its job stays its own, a limited one is timed out."""
    worker = start_worker(worker_ttl=1.5, kill_grace=0.3)
    start_worker("elsewhere", worker_ttl=1.5)  # would rescue it
    patient = queue.enqueue(tasks.nap, str(notes), "patient", 0.5)
    eventually(lambda: lines(notes))
    [pid] = worker.executors()
    os.kill(pid, signal.SIGSTOP)
    stopped = time.monotonic()
    eventually(lambda: time.monotonic() - stopped > 3.5)
    assert patient.get_status() == "started"
    os.kill(pid, signal.SIGCONT)
    assert patient.result(timeout=20) == "patient"
    assert reasons(patient) == [("finished", "")]
    limited = queue.enqueue(tasks.nap, str(notes), "limited", 60, job_timeout=1)
    eventually(lambda: len(lines(notes)) == 3)
    os.kill(pid, signal.SIGSTOP)
    assert failure(limited).reason == "timeout"
    assert queue.enqueue(tasks.add, 1, 1).result(timeout=20) == 2
    assert Worker.count(connection=store_url) == 2


# ---- heartbeats ----


CLERK_DIES = """
from winch.worker.clerk import Clerk
beat, beats = Clerk._beat, []
def failing(self):
    beats.append(1)
    if len(beats) == 3:
        raise RuntimeError("a bug")
    beat(self)
Clerk._beat = failing
"""

CLERK_HANGS = """
import threading
import winch.worker.supervisor
from winch.worker.clerk import Clerk
winch.worker.supervisor._CLERK_PATIENCE = 1.0
beat, beats = Clerk._beat, []
def hanging(self):
    beats.append(1)
    if len(beats) == 3:
        threading.Event().wait()
    beat(self)
Clerk._beat = hanging
"""


@one_store
@pytest.mark.parametrize("fault", [CLERK_DIES, CLERK_HANGS], ids=["dies", "hangs"])
def test_a_worker_whose_heartbeat_ends_comes_back(
    queue: Queue, store_url: str, start_patched: Callable[..., WorkerProcess], fault: str
) -> None:
    """The thread that beats dies or hangs: the worker says so, comes back under a new id, and works."""
    worker = start_patched(fault, worker_ttl=1.5)
    eventually(lambda: "comes back under a new id" in worker.log, within=20)
    assert queue.enqueue(tasks.add, 1, 1).result(timeout=20) == 2
    eventually(lambda: Worker.count(connection=store_url) == 1)
    assert worker.stop() == 0


CLERK_DIES_LATE = """
from winch.worker.clerk import Clerk
from winch.worker.supervisor import Supervisor
stop = Supervisor.stop
def failing(self):
    raise RuntimeError("a bug")
def stop_with_a_clerk_that_fails(self, grace):
    Clerk._work = failing
    stop(self, grace)
Supervisor.stop = stop_with_a_clerk_that_fails
"""


def test_a_worker_whose_clerk_fails_takes_its_leave(
    queue: Queue, store_url: str, start_patched: Callable[..., WorkerProcess]
) -> None:
    """The thread that talks to the store dies while the worker stops: the store need not wait for the ttl all the same."""
    worker = start_patched(CLERK_DIES_LATE, worker_ttl=600.0)
    assert queue.enqueue(tasks.add, 1, 1).result(timeout=20) == 2
    assert get_store(store_url).workers()
    assert worker.stop() == 0
    assert "thread for the store failed" in worker.log
    assert not get_store(store_url).workers()


# ---- imports ----


LINGERING = """
import time
from pathlib import Path
while not Path({gate!r}).exists():
    time.sleep(0.01)
answer = lambda: 42
"""


def test_a_job_has_begun_while_its_module_is_imported(
    queue: Queue, store_url: str, start_worker: StartWorker, tmp_path: Path
) -> None:
    """A worker that dies during a slow import leaves a job that had begun, and none of those behind it had."""
    (tmp_path / "lingering.py").write_text(LINGERING.format(gate=str(tmp_path / "gate")))
    worker = start_worker(paths=(str(tmp_path),))
    calls = [Queue.prepare_data("lingering.answer"), Queue.prepare_data(tasks.add, (1, 1))]
    job, behind = queue.enqueue_many(calls)
    eventually(lambda: records(queue, [job])[0].begun, 20)
    worker.kill()
    (tmp_path / "gate").touch()
    start_worker(paths=(str(tmp_path),))
    assert [job.result(timeout=20), behind.result(timeout=20)] == [42, 2]
    assert reasons(job) == [("returned", "crashed"), ("finished", "")]
    assert reasons(behind) == [("finished", "")]


# ---- time limits ----


@one_store
@pytest.mark.parametrize("settings", [{}, {"threads": 4}, {"isolation": "fork"}], ids=["main", "threads", "fork"])
def test_a_limit_that_equals_the_run_time_ends_each_job_exactly_one_way(
    queue: Queue, start_worker: StartWorker, settings: dict[str, Any]
) -> None:
    """Limits of the run time give or take a millisecond: each job is finished or timed out, no executor dies of it."""
    count = 40 if settings.get("isolation") else 150
    jobs = [
        queue.enqueue(f, 0.015, job_timeout=0.015 + (n % 21 - 10) / 10_000)
        for n in range(count)
        for f in (catalogue_tasks.run_for, catalogue_tasks.arun_for)
    ]
    # A job that is interrupted in the import of its module costs an executor: these limits are shorter than an import.
    worker = start_worker(burst=True, kill_grace=10.0, imports=(catalogue_tasks.__name__,), **settings)
    assert worker.wait(50) == 0
    ends = Counter((record.state.value, record.reason, record.attempts) for record in records(queue, jobs))
    assert set(ends) <= {("finished", "", 1), ("failed", "timeout", 1)}
    assert "executor" not in worker.log.replace("executors", "")


# ---- memory ----


@one_store
def test_deep_recursion_is_a_failure_or_a_bounded_crash(queue: Queue, start_worker: StartWorker) -> None:
    """Recursion up to Python's limit raises; without that limit, and with little memory, it ends too, and others run on."""
    shallow = queue.enqueue(catalogue_tasks.recurse)
    deep = queue.enqueue(catalogue_tasks.recurse_without_end)
    neighbour = queue.enqueue(tasks.add, 1, 1)
    assert start_worker(burst=True).wait(40) == 0
    assert failure(shallow).is_a(RecursionError)
    assert failure(deep).reason in ("raised", "crashed")
    assert neighbour.result(timeout=0) == 2


# ---- process 1 ----


def test_strays_are_reaped_and_own_children_are_not() -> None:
    """`reap_strays` takes leave of dead processes that were inherited, and leaves the worker's own to the worker."""
    script = """
import ctypes, os, subprocess, sys, time
from winch.worker.processes import reap_strays
ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: inherits like process 1
own = subprocess.Popen([sys.executable, "-c", "raise SystemExit(5)"])
subprocess.run([sys.executable, "-c", "import os\\nif os.fork() == 0:\\n  os._exit(0)\\nos._exit(0)"])
def zombies():
    pids = open(f"/proc/self/task/{os.getpid()}/children").read().split()
    return [pid for pid in pids if open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] == "Z"]
while str(own.pid) not in zombies():
    time.sleep(0.01)
own_first = os.waitid(os.P_PID, own.pid, os.WEXITED | os.WNOWAIT).si_status
reap_strays([own.pid])
assert own.wait() == own_first == 5
while len(zombies()) > 0:
    reap_strays([])
reap_strays([])
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=30)


@one_store
def test_a_worker_as_process_1_stops_in_order_and_reaps(
    queue: Queue, store_url: str, notes: Path, tmp_path: Path
) -> None:
    """In a pid namespace of its own, as in a container: jobs run, what they leave behind is reaped, SIGTERM ends it with 0."""
    unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    try:
        subprocess.run([*unshare, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system gives nobody a pid namespace: the test of reap_strays is its twin")
    settings = {"url": store_url, "paths": (str(ROOT),), "allow": ("tests.integration.*",)}
    with (tmp_path / "log").open("ab") as log:
        outer = subprocess.Popen(
            [*unshare, sys.executable, "-c", START.format(settings=settings)], cwd=ROOT, stdout=log, stderr=log
        )
    try:
        assert queue.enqueue(tasks.add, 1, 1).result(timeout=20) == 2
        [first] = children(outer.pid)
        queue.enqueue(catalogue_tasks.leave_a_zombie, str(notes)).result(timeout=20)
        assert len(children(first)) == 2
        Path(f"{notes}.go").touch()
        eventually(lambda: len(children(first)) == 1, within=20)
        assert queue.enqueue(tasks.add, 1, 1).result(timeout=20) == 2
        os.kill(first, signal.SIGTERM)
        assert outer.wait(20) == 0
    finally:
        for pid in children(outer.pid):
            os.kill(pid, signal.SIGKILL)
        outer.kill()
        outer.wait()


# ---- threads and forks ----


@one_store
def test_jobs_are_forked_from_a_process_without_threads(queue: Queue, start_worker: StartWorker) -> None:
    """With isolation="fork" a job begins in a process with one thread, forked from one that has one."""
    job = queue.enqueue(catalogue_tasks.threads_at_start)
    worker = start_worker(isolation="fork")
    assert job.result(timeout=20) == 1
    [executor] = worker.executors()
    servers = [
        pid for task in Path(f"/proc/{executor}/task").iterdir() for pid in (task / "children").read_text().split()
    ]
    assert [len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in servers] == [1]


FORK_FAILS = """
import os
fork, calls = os.fork, []
def failing():
    calls.append(1)
    if 1 < len(calls) < 4:  # the first one is the server itself
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return fork()
os.fork = failing
"""


@one_store
def test_a_job_for_which_there_is_no_process_waits(queue: Queue, start_worker: StartWorker, tmp_path: Path) -> None:
    """fork() fails with EAGAIN: the job goes back without blame, after a pause, and runs when there is a process again."""
    (tmp_path / "scarce.py").write_text(FORK_FAILS)
    job = queue.enqueue(tasks.add, 1, 1)
    worker = start_worker(isolation="fork", imports=("scarce",), paths=(str(ROOT), str(tmp_path)))
    assert job.result(timeout=20) == 2
    assert worker.log.count("no process for a job") == 2
    assert_nobody_is_blamed(queue, [job])


POPEN_FAILS = """
import winch.worker.interpreters as interpreters
popen, calls = interpreters.subprocess.Popen, []
def failing(*args, **kwargs):
    calls.append(1)
    if len(calls) <= 3:
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return popen(*args, **kwargs)
interpreters.subprocess.Popen = failing
"""
"""Fails ahead of the store, when the executor is enlisted, and when it is to get its brief."""


@one_store
def test_an_executor_that_cannot_be_started_is_tried_again(
    queue: Queue, start_patched: Callable[..., WorkerProcess]
) -> None:
    """The supervisor cannot start a process: it says so, waits, tries again, and the job runs."""
    job = queue.enqueue(tasks.add, 1, 1)
    worker = start_patched(POPEN_FAILS)
    assert job.result(timeout=20) == 2
    assert worker.log.count("could not be started") == 1


# ---- output ----


@one_store
@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_nobody_reads_what_a_worker_prints(queue: Queue, store_url: str, isolation: str) -> None:
    """The reader of a worker's output has gone: jobs finish as if nothing had been, and the worker stops."""
    settings = {"url": store_url, "paths": (str(ROOT),), "allow": ("tests.integration.*",), "isolation": isolation}
    reading, writing = os.pipe()
    os.close(reading)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    code = START.format(settings=settings)
    popen = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=writing, stderr=writing, env=buffered)
    os.close(writing)
    try:
        jobs = [queue.enqueue(catalogue_tasks.say, str(n)) for n in range(20)]
        assert [job.result(timeout=20) for job in jobs] == [str(n) for n in range(20)]
        assert_nobody_is_blamed(queue, jobs)
        popen.terminate()
        popen.wait(20)
    finally:
        popen.kill()
        popen.wait()


@one_store
def test_output_that_nobody_drains_costs_a_job_its_time_and_no_outcome(queue: Queue, store_url: str) -> None:
    """A job prints into a full pipe: its time limit ends it; once the pipe is drained, work goes on."""
    settings = {"url": store_url, "paths": (str(ROOT),), "allow": ("tests.integration.*",)}
    before = queue.enqueue(tasks.add, 1, 1)
    storm = queue.enqueue(catalogue_tasks.flood, 10_000, job_timeout=1)
    popen = subprocess.Popen(
        [sys.executable, "-c", START.format(settings=settings)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert before.result(timeout=20) == 2
        assert failure(storm).reason == "timeout"
        assert popen.stdout is not None
        os.set_blocking(popen.stdout.fileno(), False)
        after = queue.enqueue(tasks.add, 2, 2)
        eventually(
            lambda: (popen.stdout and popen.stdout.read()) is None and after.get_status() == "finished", within=20
        )
        again = queue.enqueue(catalogue_tasks.flood, 3)
        assert again.result(timeout=20) == "printed"
    finally:
        executors = children(popen.pid)
        popen.kill()
        popen.communicate()
        eventually(lambda: not any(alive(pid) for pid in executors))


# ---- what a job does to its process ----


@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_a_job_that_closes_all_descriptors_harms_only_itself(
    queue: Queue, start_worker: StartWorker, notes: Path, isolation: str
) -> None:
    """It ends as finished or as crashed after at most four runs; what stands behind it finishes without blame."""
    bad = queue.enqueue(catalogue_tasks.close_descriptors, str(notes))
    behind = [queue.enqueue(tasks.add, n, n) for n in range(20)]
    worker = start_worker(isolation=isolation)
    assert [job.result(timeout=30) for job in behind] == [2 * n for n in range(20)]
    eventually(lambda: bad.get_status() in ("finished", "failed"), within=20)
    assert len(lines(notes)) <= 4
    assert {record.crashes for record in records(queue, behind)} == {0}
    assert worker.stop() == 0


@one_store
def test_a_job_that_spoils_its_process_harms_no_other(
    queue: Queue, store_url: str, start_worker: StartWorker, notes: Path, tmp_path: Path
) -> None:
    """Folder, umask, environment, signal handlers, standard output: the next jobs run, in time, and stopping works."""
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    notes.touch()
    relative = os.path.relpath(store_url.removeprefix("sqlite:///"), ROOT)
    worker = start_worker(url=f"sqlite:///{relative}", kill_grace=0.3)
    queue.enqueue(catalogue_tasks.spoil_the_process, str(nowhere)).result(timeout=20)
    assert queue.enqueue(tasks.add, 1, 1).result(timeout=20) == 2
    queue.enqueue(catalogue_tasks.again, str(notes), 2)
    eventually(lambda: lines(notes) == ["2", "1", "0"])
    late = queue.enqueue(tasks.nap, str(notes), "late", 60, job_timeout=0.3)
    assert failure(late).reason == "timeout"
    assert queue.enqueue(tasks.add, 1, 1).result(timeout=20) == 2
    assert worker.stop() == 0
    assert not list(nowhere.iterdir())


# ---- poison ----


@pytest.mark.parametrize(
    ("poison", "neighbour", "settings"),
    [
        (tasks.kill_the_worker, tasks.nap, {}),
        (tasks.kill_the_worker, tasks.nap, {"processes": 4}),
        (catalogue_tasks.akill_the_worker, tasks.anap, {}),
    ],
    ids=["one process", "four processes", "an async lane of 100"],
)
@one_store
def test_poison_ends_after_max_crashes_and_one_deaths(
    queue: Queue,
    start_worker: StartWorker,
    notes: Path,
    poison: Callable[..., Any],
    neighbour: Callable[..., Any],
    settings: dict[str, Any],
) -> None:
    """Under a restarter a job that kills its worker fails as crashed; what ran or was claimed beside it finishes unblamed."""
    deaths = notes.with_name("deaths")
    neighbours = [queue.enqueue(neighbour, str(notes), str(n), 0.01) for n in range(98)]
    bad = queue.enqueue(poison, str(deaths), at_front=True)
    for _ in range(5):
        worker = start_worker(worker_ttl=60.0, **settings)
        eventually(lambda worker=worker: worker.popen.poll() is not None or bad.get_status() == "failed", within=30)
        if bad.get_status() == "failed":
            break
    error = failure(bad)
    assert error.reason == "crashed"
    assert len(lines(deaths)) <= 4
    for job in neighbours:
        job.result(timeout=30)
    assert {record.crashes for record in records(queue, neighbours)} == {0}
    assert {record.state for record in records(queue, neighbours)} == {JobStatus.FINISHED}
