"""Real workers run real jobs: what a user gets from enqueue to result."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.integration import tasks
from tests.integration.conftest import StartWorker, WorkerProcess, eventually, lines
from winch import Callback, JobFailed, Queue, Retry
from winch.worker import Worker

pytestmark = pytest.mark.integration


def test_a_burst_runs_everything_and_stops(queue: Queue, start_worker: StartWorker) -> None:
    """A burst worker drains the queue, keeps the results and exits with 0."""
    jobs = [queue.enqueue(tasks.add, n, n) for n in range(300)]
    assert start_worker(burst=True).wait() == 0
    assert [job.result(timeout=0) for job in jobs] == [2 * n for n in range(300)]
    assert queue.count == 0
    assert len(queue.finished) == 300


def test_a_waiting_caller_gets_its_result_at_once(queue: Queue, start_worker: StartWorker) -> None:
    """`result()` blocks until a worker has run the job, and wakes soon after."""
    start_worker()
    assert queue.enqueue(tasks.add, 1, 2).result(timeout=20) == 3
    began = time.monotonic()
    assert queue.enqueue(tasks.add, 2, 3).result(timeout=20) == 5
    assert time.monotonic() - began < 1


def test_queues_are_worked_in_the_order_of_the_worker(store_url: str, start_worker: StartWorker, notes: Path) -> None:
    """With high, default and low listed so, all of high runs before any of default, and so on."""
    for name in ("low", "default", "high"):
        for n in range(3):
            Queue(name, connection=store_url).enqueue(tasks.write, str(notes), f"{name}{n}")
    start_worker("high", "default", "low", burst=True).wait()
    assert lines(notes) == [f"{name}{n}" for name in ("high", "default", "low") for n in range(3)]


def test_a_failed_job_tells_what_went_wrong(queue: Queue, start_worker: StartWorker) -> None:
    """A raising job ends failed with its traceback, and `result()` raises JobFailed."""
    job = queue.enqueue(tasks.fail, "broken")
    start_worker(burst=True).wait()
    job.refresh()
    assert job.is_failed
    assert job.exc_info is not None
    assert "raise ValueError(message)" in job.exc_info
    assert "winch/running" not in job.exc_info
    with pytest.raises(JobFailed, match="broken") as caught:
        job.result(timeout=0)
    assert caught.value.is_a(ValueError)
    assert caught.value.reason == "raised"


def test_retries_wait_their_intervals(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """Retry(max=3, interval=[...]) runs a job again after each interval, and it can still finish."""
    start_worker()
    retry = Retry(max=3, interval=[0.1, 0.2, 0.3])
    job = queue.enqueue(tasks.fail_until, str(notes), 3, retry=retry)
    assert job.result(timeout=20) == "attempt 4"
    times = [float(line) for line in lines(notes)]
    gaps = [later - sooner for sooner, later in pairwise(times)]
    for gap, interval in zip(gaps, (0.1, 0.2, 0.3), strict=True):
        assert interval <= gap + 0.005
    job.refresh()
    assert [attempt.outcome for attempt in job.attempts] == ["retry", "retry", "retry", "finished"]


def test_a_job_may_ask_to_run_later_or_not_at_all(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """RetryLater runs a job again without a policy; NoRetry ends it whatever the policy says."""
    start_worker()
    assert queue.enqueue(tasks.later, str(notes)).result(timeout=20) == "done"
    job = queue.enqueue(tasks.never, retry=5)
    with pytest.raises(JobFailed, match="no use"):
        job.result(timeout=20)
    assert len(lines(notes)) == 2


def test_callbacks_are_called_with_rqs_arguments(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """on_success gets (job, connection, result), on_failure (job, connection, type, value, traceback)."""
    meta = {"path": str(notes)}
    good = queue.enqueue(tasks.add, 1, 2, on_success=tasks.on_success, meta=meta)
    bad = queue.enqueue(tasks.fail, "oh", on_failure=Callback(tasks.on_failure, timeout=5), meta=meta)
    start_worker(burst=True).wait()
    assert sorted(lines(notes)) == sorted(
        [f"success {good.id} 3 finished", f"failure {bad.id} ValueError builtins.ValueError: oh | ValueError: oh"]
    )


def test_dependents_run_after_their_parents(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """A job with depends_on runs once all parents have finished; that of a failed parent is canceled."""
    parents = [queue.enqueue(tasks.nap, str(notes), f"p{n}", 0.05) for n in range(3)]
    child = queue.enqueue(tasks.write, str(notes), "child", depends_on=parents)
    lonely = queue.enqueue(tasks.write, str(notes), "lonely", depends_on=queue.enqueue(tasks.fail, "x"))
    start_worker(burst=True, processes=2).wait()
    assert lines(notes)[-1] == "child"
    assert child.get_status() == "finished"
    assert lonely.get_status() == "canceled"


def test_a_job_sees_itself_and_saves_progress(queue: Queue, start_worker: StartWorker) -> None:
    """get_current_job() inside a job gives the job, and save_meta() is seen from outside."""
    job = queue.enqueue(tasks.progress, meta={"user": 7})
    start_worker(burst=True).wait()
    job.refresh()
    assert job.return_value() == {"id": job.id}
    assert job.meta == {"user": 7, "progress": 100}


def test_scheduled_jobs_start_at_their_time(queue: Queue, start_worker: StartWorker) -> None:
    """enqueue_at and enqueue_in run a job when it is due, not before and not much later."""
    start_worker()
    queue.enqueue(tasks.noop).result(timeout=20)
    at = datetime.now(UTC) + timedelta(seconds=0.5)
    jobs = [queue.enqueue_at(at, tasks.noop), queue.enqueue_in(timedelta(seconds=0.5), tasks.noop)]
    assert all(job.is_scheduled for job in jobs)
    for job in jobs:
        job.result(timeout=20)
        job.refresh()
        assert job.started_at is not None
        delay = (job.started_at - at).total_seconds()
        assert -0.01 <= delay < 0.5


def test_async_jobs_run_many_at_a_time(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """Fifty coroutines that sleep half a second take about as long as one."""
    jobs = [queue.enqueue(tasks.anap, str(notes), str(n), 0.5) for n in range(50)]
    start_worker(burst=True).wait()
    assert {job.get_status() for job in jobs} == {"finished"}
    events = [line.split()[0] for line in lines(notes)]
    most = max(events[:n].count("start") - events[:n].count("end") for n in range(len(events) + 1))
    assert most == 50


def test_threads_run_sync_jobs_side_by_side(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """With four threads up to four sync jobs run at a time in one executor."""
    jobs = [queue.enqueue(tasks.nap, str(notes), str(n), 0.3) for n in range(8)]
    start_worker(burst=True, threads=4).wait()
    assert {job.get_status() for job in jobs} == {"finished"}
    events = [line.split()[0] for line in lines(notes)]
    assert max(events[:n].count("start") - events[:n].count("end") for n in range(len(events) + 1)) == 4


@pytest.mark.parametrize("settings", [{}, {"threads": 2}], ids=["main thread", "threads"])
def test_a_time_limit_ends_a_job(queue: Queue, start_worker: StartWorker, settings: dict[str, int]) -> None:
    """A job over its time fails with reason timeout, and the executor goes on."""
    jobs = [queue.enqueue(tasks.spin, 30, job_timeout=0.3), queue.enqueue(tasks.stubborn_anap, 30, job_timeout=0.3)]
    worker = start_worker(**settings)
    for job in jobs:
        with pytest.raises(JobFailed) as caught:
            job.result(timeout=20)
        assert caught.value.reason == "timeout"
        assert caught.value.is_a("JobTimeout")
    assert "executor killed" not in worker.log


def test_a_sleeping_job_is_woken_by_its_time_limit(queue: Queue, start_worker: StartWorker) -> None:
    """On the main thread a blocked system call does not outlive the limit: no executor has to be killed."""
    job = queue.enqueue(time.sleep, 60, job_timeout=0.3)
    worker = start_worker()
    with pytest.raises(JobFailed) as caught:
        job.result(timeout=20)
    assert caught.value.reason == "timeout"
    assert "executor killed" not in worker.log


@pytest.mark.parametrize("stubborn", [tasks.spin_in_c, tasks.swallow], ids=["C code", "except BaseException"])
def test_a_job_that_ignores_its_limit_is_killed(
    queue: Queue, start_worker: StartWorker, stubborn: Callable[[], Any]
) -> None:
    """It fails with reason timeout, no crash is counted, and what stands behind it runs."""
    job = queue.enqueue(stubborn, job_timeout=0.3)
    behind = queue.enqueue(tasks.add, 1, 1)
    worker = start_worker()
    with pytest.raises(JobFailed, match="was killed") as caught:
        job.result(timeout=20)
    assert caught.value.reason == "timeout"
    assert behind.result(timeout=20) == 2
    assert "executor killed" in worker.log


def test_what_a_worker_does_not_run_is_refused(queue: Queue, start_worker: StartWorker) -> None:
    """A function that is neither the project's nor allowed fails as refused, and the text names the flag."""
    job = queue.enqueue("shutil.rmtree", "/nowhere")
    start_worker(burst=True).wait()
    with pytest.raises(JobFailed, match="--allow") as caught:
        job.result(timeout=0)
    assert caught.value.reason == "refused"


def test_unknown_functions_fail_with_their_import_error(queue: Queue, start_worker: StartWorker) -> None:
    """A path that cannot be imported fails like any exception, and may be retried."""
    job = queue.enqueue("tests.integration.tasks.gone", retry=Retry(1))
    start_worker(burst=True).wait()
    with pytest.raises(JobFailed) as caught:
        job.result(timeout=0)
    assert caught.value.attempts == 2


def test_system_exit_in_a_job_is_a_failure(queue: Queue, start_worker: StartWorker) -> None:
    """sys.exit() in a job fails the job and costs no executor."""
    job = queue.enqueue(tasks.exit_politely)
    worker = start_worker(burst=True)
    worker.wait()
    with pytest.raises(JobFailed) as caught:
        job.result(timeout=0)
    assert caught.value.is_a(SystemExit)
    assert "exited" not in worker.log


def test_max_jobs_and_max_idle_time_end_a_worker(queue: Queue, start_worker: StartWorker) -> None:
    """max_jobs stops after that many jobs exactly; max_idle_time after that long without one."""
    queue.enqueue_many([Queue.prepare_data(tasks.noop) for _ in range(20)])
    assert start_worker(max_jobs=5).wait() == 0
    assert queue.count == 15
    assert start_worker(max_idle_time=0.3).wait() == 0
    assert queue.count == 0


def test_executors_are_recycled(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """With max_jobs_per_executor the jobs run in several processes, and none is lost or blamed."""
    jobs = [queue.enqueue(tasks.nap, str(notes), str(n), 0.01) for n in range(12)]
    start_worker(burst=True, max_jobs_per_executor=4).wait()
    assert {job.get_status() for job in jobs} == {"finished"}
    assert len({line.split()[2] for line in lines(notes) if line.startswith("start")}) >= 3


def test_executors_that_are_larger_than_max_memory_get_on(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """Each runs jobs before it is replaced, and an idle one stays: as with `--max-memory 512`, which forgets the MB."""
    jobs = [queue.enqueue(tasks.nap, str(notes), str(n), 0.01) for n in range(3)]
    worker = start_worker(burst=True, max_memory=512)
    assert worker.wait() == 0
    assert {job.get_status() for job in jobs} == {"finished"}
    assert 1 <= worker.log.count("more than 512: replaced") <= len(jobs)


def test_an_import_that_raises_stops_the_worker(queue: Queue, start_worker: StartWorker) -> None:
    """A broken --import module ends the worker with 1 and its traceback; nothing has been claimed."""
    job = queue.enqueue(tasks.noop)
    worker = start_worker(imports=("tests.integration.broken_setup",))
    assert worker.wait() == 1
    assert "this set-up is broken" in worker.log
    assert job.get_status() == "queued"


def test_hooks_go_round_every_attempt(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """A generator registered with `around` in an --import module runs before and after each job."""
    os.environ["HOOK_PATH"] = str(notes)
    queue.enqueue(tasks.noop)
    start_worker(burst=True, imports=("tests.integration.hook_setup",)).wait()
    assert lines(notes) == ["before tests.integration.tasks.noop", "after"]


def test_a_running_job_can_be_stopped(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """cancel(stop=True) ends a running job as stopped, calls on_stopped, and the worker goes on."""
    meta = {"path": str(notes)}
    jobs = [
        queue.enqueue(tasks.nap, str(notes), "sync", 60, on_stopped=tasks.on_stopped, meta=meta),
        queue.enqueue(tasks.anap, str(notes), "async", 60, on_stopped=tasks.on_stopped, meta=meta),
    ]
    start_worker(processes=2)
    for job in jobs:
        eventually(lambda job=job: job.get_status() == "started")
    eventually(lambda: len(lines(notes)) == 2)
    for job in jobs:
        job.cancel(stop=True)
        assert job.get_status() == "stopped"
    eventually(lambda: {f"stopped {job.id}" for job in jobs} <= set(lines(notes)))
    assert queue.enqueue(tasks.add, 1, 1).result(timeout=20) == 2
    assert not [line for line in lines(notes) if line.startswith("end")]


def test_workers_can_be_looked_at(queue: Queue, store_url: str, start_worker: StartWorker, notes: Path) -> None:
    """Worker.all shows name, state, queues, the current job and the counters."""
    start_worker("default", "low", name="w1")
    job = queue.enqueue(tasks.nap, str(notes), "x", 1)
    eventually(lambda: any(worker.state == "busy" for worker in Worker.all(connection=store_url)))
    (worker,) = Worker.all(connection=store_url)
    assert (worker.name, worker.queues) == ("w1", ["default", "low"])
    current = worker.get_current_job()
    assert current is not None
    assert current.id == job.id
    job.result(timeout=20)
    eventually(lambda: Worker.all(connection=store_url)[0].successful_job_count == 1)
    assert Worker.count(connection=store_url) == 1


def leave_politely(worker: WorkerProcess) -> None:
    """Stop a worker and see that it says good-bye."""
    assert worker.stop() == 0


def test_a_worker_leaves_the_list_when_it_stops(store_url: str, start_worker: StartWorker) -> None:
    """After SIGTERM nobody has to wait for its ttl: it is gone from the list."""
    worker = start_worker()
    eventually(lambda: Worker.count(connection=store_url) == 1)
    leave_politely(worker)
    assert Worker.all(connection=store_url) == []


def test_forked_jobs_run_in_processes_of_their_own(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """With isolation="fork" every job has its own process, sync or async, and keeps limits, results and errors."""
    naps = [queue.enqueue(tasks.nap, str(notes), str(n), 0.01) for n in range(3)]
    naps.append(queue.enqueue(tasks.anap, str(notes), "3", 0.01))
    bad = queue.enqueue(tasks.fail, "oh")
    late = queue.enqueue(time.sleep, 60, job_timeout=0.3)
    assert start_worker(burst=True, isolation="fork").wait() == 0
    assert [job.result(timeout=0) for job in naps] == ["0", "1", "2", "3"]
    assert len({line.split()[2] for line in lines(notes) if line.startswith("start")}) == 4
    with pytest.raises(JobFailed, match="oh"):
        bad.result(timeout=0)
    with pytest.raises(JobFailed) as caught:
        late.result(timeout=0)
    assert caught.value.reason == "timeout"


def test_a_forked_job_that_crashes_is_charged_alone(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """A segfault in a forked job ends as crashed after max_crashes, and what stands behind it runs."""
    bad = queue.enqueue(tasks.segfault, str(notes))
    behind = queue.enqueue(tasks.add, 1, 1)
    start_worker(burst=True, isolation="fork").wait()
    assert behind.result(timeout=0) == 2
    with pytest.raises(JobFailed) as caught:
        bad.result(timeout=0)
    assert caught.value.reason == "crashed"
    assert len(lines(notes)) == 3


def test_workers_are_found_by_queue_as_in_rq(store_url: str, start_worker: StartWorker) -> None:
    """RQ's words work: Worker.all(queue=), count(queue=), get_state() and queue_names()."""
    start_worker("low")
    low, high = Queue("low", connection=store_url), Queue("high", connection=store_url)
    eventually(lambda: [worker.get_state() for worker in Worker.all(queue=low)] == ["idle"])  # at first it is `started`
    assert Worker.count(queue=low) == 1
    (worker,) = Worker.all(queue=low)
    assert (worker.get_state(), worker.queue_names()) == ("idle", ["low"])
    assert Worker.all(queue=high) == []
