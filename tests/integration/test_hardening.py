"""What once broke a worker: found by review, each with the case that showed it."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.integration import tasks
from tests.integration.conftest import StartWorker, eventually, lines
from tests.servers import RedisServer
from winch import Job, JobFailed, Queue

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("job", [tasks.nap, tasks.anap], ids=["threads", "async"])
def test_a_poison_job_among_many_runs_alone_and_ends(
    queue: Queue, start_worker: StartWorker, notes: Path, job: object
) -> None:
    """In a lane of many, a job that kills its process ends as crashed after at most four deaths, its neighbours finish."""
    function = tasks.nap if job is tasks.nap else tasks.anap
    neighbours = [queue.enqueue(function, str(notes), str(n), 0.05) for n in range(60)]
    bad = queue.enqueue(tasks.leave_unless_alone, str(notes), at_front=True)
    start_worker(burst=True, threads=4).wait(40)
    with pytest.raises(JobFailed) as caught:
        bad.result(timeout=0)
    assert caught.value.reason == "crashed"
    assert sum(line.startswith("crash") for line in lines(notes)) <= 4
    fetched = Job.fetch_many([each.id for each in neighbours], connection=queue.connection)
    assert Counter(each.get_status(refresh=False) for each in fetched if each) == {"finished": 60}


def test_a_forked_coroutine_keeps_its_time_limit(queue: Queue, start_worker: StartWorker) -> None:
    """isolation="fork" with an async job over its time: a time-out, no crash."""
    job = queue.enqueue(tasks.stubborn_anap, 30, job_timeout=0.3)
    start_worker(burst=True, isolation="fork").wait()
    with pytest.raises(JobFailed) as caught:
        job.result(timeout=0)
    assert caught.value.reason == "timeout"


def test_a_process_that_a_job_left_behind_does_not_hold_the_worker(
    queue: Queue, start_worker: StartWorker, notes: Path
) -> None:
    """A daemon with all our descriptors outlives its executor: the worker replaces the executor all the same."""
    queue.enqueue(tasks.daemonize, str(notes))
    worker = start_worker()
    eventually(lambda: lines(notes))
    assert queue.enqueue(tasks.add, 1, 1).result(timeout=15) == 2
    assert worker.stop() == 0


def test_max_jobs_holds_for_all_executors_together(queue: Queue, start_worker: StartWorker) -> None:
    """With four executors max_jobs=10 runs ten jobs."""
    queue.enqueue_many([Queue.prepare_data(tasks.noop) for _ in range(40)])
    assert start_worker(max_jobs=10, processes=4).wait() == 0
    assert queue.count == 30


def test_a_thread_that_a_job_left_behind_does_not_keep_an_executor(queue: Queue, start_worker: StartWorker) -> None:
    """An executor that is to be replaced goes, though a job started a thread that does not end."""
    worker = start_worker(max_jobs_per_executor=1)
    pids = [queue.enqueue(tasks.leave_a_thread).result(timeout=20) for _ in range(2)]
    assert len(set(pids)) == 2
    assert worker.popen.poll() is None


def test_recycling_lets_long_jobs_finish(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """An executor that is to be replaced does not interrupt what it runs, whatever the grace."""
    long = queue.enqueue(tasks.nap, str(notes), "long", 1.0)
    short = [queue.enqueue(tasks.nap, str(notes), str(n), 0.01) for n in range(10)]
    start_worker(burst=True, threads=2, max_jobs_per_executor=3, grace=0.1).wait()
    assert {job.get_status() for job in [long, *short]} == {"finished"}
    long.refresh()
    assert [attempt.outcome for attempt in long.attempts] == ["finished"]


def test_a_stray_task_does_not_end_the_event_loop(queue: Queue, start_worker: StartWorker) -> None:
    """A task that a job left behind calls sys.exit(): async jobs run on."""
    start_worker()
    assert queue.enqueue(tasks.break_the_loop).result(timeout=20) == "left"
    time.sleep(0.1)  # let the stray task strike; without it the test shows less, never something else
    assert queue.enqueue(tasks.anap, "/dev/null", "x", 0.01).result(timeout=10) == "x"


def test_a_job_that_cancels_every_task_ends_and_so_do_its_neighbours(queue: Queue, start_worker: StartWorker) -> None:
    """A coroutine cancels all tasks, its own and some that have not begun: it has its result, and no slot stays taken."""
    calls = [Queue.prepare_data(tasks.cancel_everybody), Queue.prepare_data(tasks.anap, ("/dev/null", "x", 0.01))]
    jobs = queue.enqueue_many(calls * 20)
    start_worker()
    ended = [eventually(lambda job=job: job.get_status() in ("finished", "failed"), within=30) for job in jobs]
    assert all(ended)
    done = [job for job in jobs if job.get_status() == "finished" and job.func_name.endswith("cancel_everybody")]
    assert [job.return_value() for job in done] == [7] * len(done) != []
    assert queue.enqueue(tasks.anap, "/dev/null", "x", 0.01).result(timeout=20) == "x"


def test_an_endless_delay_is_cut(queue: Queue, start_worker: StartWorker) -> None:
    """RetryLater(inf) puts the job far away and costs no thread and no process."""
    job = queue.enqueue(tasks.for_ever_later)
    worker = start_worker(burst=True, threads=2)
    assert worker.wait() == 0
    assert job.get_status() == "scheduled"
    assert "executor" not in worker.log.replace("executors", "")


def test_coroutines_do_not_wait_for_a_slow_neighbour(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """An async job that stands before a slow sync one in the queue starts before it ends."""
    start_worker()
    queue.enqueue_many([Queue.prepare_data(tasks.noop) for _ in range(200)])[-1].result(timeout=20)
    queue.enqueue_many([
        Queue.prepare_data(tasks.anap, (str(notes), "async", 0.0)),
        Queue.prepare_data(tasks.nap, (str(notes), "sync", 1.0)),
    ])  # fmt: skip
    eventually(lambda: "end sync" in lines(notes))
    assert lines(notes).index("end async") < lines(notes).index("end sync")


@pytest.mark.parametrize("store_url", [pytest.param("redis", marks=pytest.mark.redis)], indirect=True)
def test_an_outage_longer_than_the_ttl_interrupts_no_job(tmp_path: Path, start_worker: StartWorker) -> None:
    """Redis is away for longer than the worker's ttl: a job that runs meanwhile ends as if nothing had been."""
    notes = tmp_path / "notes"
    with RedisServer(appendonly=True) as server:
        queue = Queue(connection=server.url)
        start_worker(url=server.url, worker_ttl=2.0)
        job = queue.enqueue(tasks.nap, str(notes), "x", 8.0)
        eventually(lambda: lines(notes))
        server.stop()
        time.sleep(3)  # an outage has a length; what is asserted does not depend on it
        server.start()
        assert job.result(timeout=20) == "x"
        job.refresh()
        assert [attempt.outcome for attempt in job.attempts] == ["finished"]
