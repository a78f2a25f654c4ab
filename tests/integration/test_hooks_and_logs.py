"""Exception handlers, crash hooks, and the one line per job: with real workers."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.integration import steering_tasks, tasks
from tests.integration.conftest import StartWorker, WorkerProcess, eventually, lines
from winch import Queue, Retry
from winch.job import FIXED_FIELDS

pytestmark = pytest.mark.integration

HERE = "tests.integration.steering_tasks"
CHAIN = tuple(f"{HERE}.{name}_handler" for name in ("broken", "first", "last", "never"))


@pytest.mark.parametrize(
    ("settings", "job"),
    [
        ({}, steering_tasks.fail_with_meta),
        ({"threads": 2}, steering_tasks.fail_with_meta),
        ({}, steering_tasks.afail_with_meta),
        ({"isolation": "fork"}, steering_tasks.fail_with_meta),
    ],
    ids=["main thread", "threads", "async", "fork"],
)
def test_exception_handlers_are_called_for_each_failed_attempt(
    queue: Queue, start_worker: StartWorker, notes: Path, settings: dict[str, Any], job: Any
) -> None:
    """In every lane, with RQ's arguments; one that raises is logged, a false answer ends the chain."""
    failed = queue.enqueue(job, str(notes), retry=Retry(1))
    good = queue.enqueue(tasks.add, 1, 1)
    worker = start_worker(burst=True, exception_handlers=CHAIN, **settings)
    assert worker.wait() == 0
    assert lines(notes) == [f"first {failed.id} ValueError broken True True", f"last {failed.id}"] * 2
    assert (failed.get_status(), good.get_status()) == ("failed", "finished")
    assert worker.log.count("RuntimeError: this handler is broken") == 2


def test_exception_handlers_hear_of_time_outs(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """A job over its time is told as JobTimeout, with the text that its history has."""
    job = queue.enqueue(steering_tasks.sleep_with_meta, str(notes), job_timeout=0.3)
    start_worker(burst=True, exception_handlers=CHAIN).wait()
    assert lines(notes)[0] == f"first {job.id} JobTimeout the job ran longer than its limit of 0.3 s True True"


def test_a_job_that_has_to_make_way_is_no_failure(
    queue: Queue, start_worker: StartWorker, notes: Path, tmp_path: Path
) -> None:
    """A shutdown puts a job back: no exception handler hears of that."""
    job = queue.enqueue(steering_tasks.wait_for, str(tmp_path / "gate"), str(notes), "x", meta={"path": str(notes)})
    worker = start_worker(exception_handlers=CHAIN, grace=0.1)
    eventually(lambda: lines(notes), 20)
    worker.stop()
    assert job.is_queued
    assert [line.split()[0] for line in lines(notes)] == ["start"]


def test_a_handler_that_cannot_be_imported_stops_the_worker(queue: Queue, start_worker: StartWorker) -> None:
    """At the start, with 1 and the reason, before anything is claimed; the same for a crash hook."""
    queue.enqueue(tasks.noop)
    for option in ("exception_handlers", "on_crash"):
        worker = start_worker(**{option: (f"{HERE}.missing",)})
        assert worker.wait() == 1
        assert "has no 'missing'" in worker.log
    worker = start_worker(exception_handlers=(f"{HERE}.aorder",))
    assert worker.wait() == 1
    assert "is no plain function" in worker.log
    assert queue.count == 1


def crashes(notes: Path) -> list[list[str]]:
    """What crash hooks have noted."""
    return [line.split() for line in lines(notes) if line.startswith("crash ")]


def test_a_crash_is_told_with_what_is_known_of_it(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """Each crash of an executor: the job as it is afterwards, pid, wait status and usage, told in a process of its own."""
    meta, other = {"path": str(notes)}, notes.with_name("deaths")
    job = queue.enqueue(tasks.segfault, str(other), meta=meta)
    gone = queue.enqueue(tasks.leave, str(other), 7, meta=meta)
    worker = start_worker(burst=True, on_crash=(f"{HERE}.on_crash",))
    assert worker.wait(60) == 0
    found = crashes(notes)
    assert sorted(each[1] for each in found) == sorted([job.id] * 3 + [gone.id] * 3)
    statuses = {each[1]: int(each[3]) for each in found}
    assert statuses[job.id] & 0x7F == signal.SIGSEGV
    assert statuses[gone.id] == 7 << 8
    assert {each[4] for each in found} == {"True"}
    assert [each[5] for each in found if each[1] == job.id][-1] == "failed"
    dead = {line.split()[1] for line in lines(other)}
    assert {each[2] for each in found} == dead
    assert not dead & {each[6] for each in found}
    assert str(worker.pid) not in {each[6] for each in found}


def test_a_hard_time_out_is_told_and_a_stop_is_not(
    queue: Queue, store_url: str, start_worker: StartWorker, notes: Path, tmp_path: Path
) -> None:
    """A job that was killed because it ignored its limit counts as a crash; one that was stopped on request does not."""
    meta, begun = {"path": str(notes)}, tmp_path / "begun"
    late = queue.enqueue(tasks.spin_in_c, job_timeout=0.3, meta=meta)
    worker = start_worker(
        on_crash=(f"{HERE}.on_crash",), imports=(tasks.__name__,)
    )  # none of its time goes into imports
    eventually(lambda: crashes(notes), 30)
    assert [each[1:6:2] for each in crashes(notes)] == [[late.id, str(int(signal.SIGKILL)), "failed"]]
    stopped = queue.enqueue(steering_tasks.spin_in_c_noted, str(begun), meta=meta)
    eventually(begun.exists, 20)
    stopped.cancel(stop=True)
    eventually(lambda: worker.log.count("executor killed") == 2, 20)
    assert queue.enqueue(tasks.add, 1, 1).result(timeout=20) == 2
    assert worker.stop() == 0
    assert len(crashes(notes)) == 1


def test_a_crash_hook_that_crashes_harms_nobody(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """Worker and executors go on; the job ends as it would have."""
    job = queue.enqueue(tasks.leave, str(notes), 1, meta={"path": str(notes)})
    behind = queue.enqueue(tasks.add, 1, 1)
    assert start_worker(burst=True, on_crash=(f"{HERE}.crash_too",)).wait(60) == 0
    assert (job.get_status(), behind.get_status()) == ("failed", "finished")
    assert [line for line in lines(notes) if line.startswith("hook")]


# ---- the line per job -----------------------------------------------------------------------------------------------


def told(worker: WorkerProcess) -> list[dict[str, Any]]:
    """The lines about jobs in a log of JSON."""
    found = [json.loads(line) for line in worker.log.splitlines() if line.startswith("{")]
    return [each for each in found if "job_id" in each]


@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_one_line_per_job_with_what_the_job_adds(queue: Queue, start_worker: StartWorker, isolation: str) -> None:
    """As JSON: the fixed fields and those of log_extra, in the process of the job and forked, sync, async, well and failed."""
    good, failed = queue.enqueue(steering_tasks.order, 7, "a b"), queue.enqueue(steering_tasks.order, 8, fails=True)
    other, plain = queue.enqueue(steering_tasks.aorder, 9), queue.enqueue(tasks.add, 1, 1)
    worker = start_worker(burst=True, isolation=isolation, log_format="json", name="w")
    worker.wait()
    found = {each["job_id"]: each for each in told(worker)}
    assert len(told(worker)) == 4
    assert all(set(FIXED_FIELDS) <= set(each) for each in found.values())
    assert {each["worker"] for each in found.values()} == {"w"}
    assert [found[job.id]["state"] for job in (good, failed, other, plain)] == [
        "finished",
        "failed",
        "finished",
        "finished",
    ]
    assert [found[job.id].get("order") for job in (good, failed, other, plain)] == [7, 8, 9, None]
    assert (found[good.id]["text"], found[failed.id]["reason"]) == ("a b", "raised")


def test_the_line_as_text(queue: Queue, start_worker: StartWorker) -> None:
    """Function and state in words, then the fields; what a job adds is quoted where it would not be one word."""
    job = queue.enqueue(steering_tasks.order, 7, 'say "hi"\n\x1b[31m')
    worker = start_worker(burst=True, name="w")
    worker.wait()
    (line,) = [line for line in worker.log.splitlines() if job.id in line]
    assert f"I {HERE}.order finished job_id={job.id} queue=default attempt=1 wait_ms=" in line
    assert line.endswith(r'worker=w order=7 text="say \"hi\"\n\u001b[31m"')


def test_jobs_that_end_with_their_process_have_their_line(
    queue: Queue, start_worker: StartWorker, notes: Path, tmp_path: Path
) -> None:
    """A crash, a kill for time and a stop: job id, function, queue, attempt, state and reason are in the log as well."""
    begun = tmp_path / "begun"
    crashed = queue.enqueue(tasks.leave, str(notes), 1)
    late = queue.enqueue(tasks.spin_in_c, job_timeout=0.3)
    worker = start_worker(log_format="json", imports=(tasks.__name__,))  # none of its time goes into imports
    eventually(lambda: crashed.is_failed and late.is_failed, 40)
    stopped = queue.enqueue(steering_tasks.wait_for, str(begun / "never"), str(begun), "")
    eventually(begun.exists, 20)
    stopped.cancel(stop=True)
    eventually(lambda: any(each["job_id"] == stopped.id for each in told(worker)), 20)
    worker.stop()
    states = [(each["job_id"], each["attempt"], each["state"], each["reason"], each["queue"]) for each in told(worker)]
    assert states == [
        (crashed.id, 1, "retry", "crashed", "default"),
        (crashed.id, 2, "retry", "crashed", "default"),
        (crashed.id, 3, "failed", "crashed", "default"),
        (late.id, 1, "failed", "timeout", "default"),
        (stopped.id, 1, "stopped", "stopped", "default"),
    ]


def test_the_logging_of_jobs_can_carry_their_id(queue: Queue, start_worker: StartWorker) -> None:
    """With the filter on a handler, what a job logs through `logging` names the job."""
    job = queue.enqueue(steering_tasks.order, 7)
    worker = start_worker(burst=True, imports=("tests.integration.log_setup",))
    worker.wait()
    assert f"shop.orders WARNING [{job.id} default 1] order 7" in worker.log.splitlines()


def test_a_format_of_logging_is_taken(queue: Queue, start_worker: StartWorker) -> None:
    """log_format and date_format as RQ has them: a format string of `logging`, and one of strftime."""
    job = queue.enqueue(tasks.add, 1, 1)
    worker = start_worker(burst=True, log_format="<%(asctime)s> %(message)s", date_format="at")
    worker.wait()
    assert f"<at> tests.integration.tasks.add finished job_id={job.id} " in worker.log
