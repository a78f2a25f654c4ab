"""What became of a job: results, executions, retries; and its progress."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from winch import Job, Queue, Retry, RetryLater, current_job
from winch.errors import InvalidJobOperation, InvalidOption, StoreUnavailable
from winch.ids import new_id
from winch.job import Execution, Progress, Result, ResultType, progress
from winch.job.inside import Running
from winch.job.progress import Reporter
from winch.stores.contract import Claim, Held, Store, WorkerInfo
from winch.testing import drain

calls: list[str] = []


def add(a: int, b: int = 0) -> int:
    """Add up."""
    return a + b


def fail() -> None:
    """Raise."""
    raise ValueError("no")


def fail_twice() -> str:
    """Fail in the first two attempts."""
    job = current_job()
    assert job
    calls.append(f"{job.attempt} {job.idempotency_key}")
    if job.attempt < 3:
        raise ValueError("not yet")
    return "done"


def step(steps: int) -> str:
    """Tell how far it has come."""
    job = current_job()
    assert job
    for number in range(steps):
        job.progress(number + 1, steps)
    return job.idempotency_key


def wait_a_little() -> None:
    """Ask for another attempt."""
    raise RetryLater(60)


@pytest.fixture
def queue(store: Store) -> Queue:
    """A queue in it."""
    return Queue("q", store)


def claim(store: Store) -> tuple[str, Claim]:
    """An executor, and the next job of `q` that it holds."""
    info = WorkerInfo(new_id(), "boss", "here", "boot", 1, 2, ("q",), "1", 30_000, 5_000, 1)
    executor = new_id()
    store.enlist(info)
    store.enlist_executor(info.id, executor)
    return executor, store.turn(executor, 1, (), (), ("q",), 1, {}).claims[0]


def test_results(queue: Queue, store: Store) -> None:
    """One for each run, the newest first; only the last has a value."""
    calls.clear()
    job = queue.enqueue(fail_twice, retry=2)
    assert (job.results(), job.latest_result(), job.retries_left, job.number_of_retries) == ([], None, 2, 0)
    drain(store)
    last, second, first = job.results()
    assert [each.type for each in (first, second, last)] == [
        ResultType.RETRIED,
        ResultType.RETRIED,
        Result.Type.SUCCESSFUL,
    ]
    assert (first.return_value, last.return_value, last.exc_string) == (None, "done", None)
    assert "ValueError: not yet" in str(first.exc_string)
    assert first.created_at <= last.execution_started_at <= last.execution_ended_at <= datetime.now(UTC)
    assert (last.job_id, last.worker_name) == (job.id, job.worker_name)
    assert Result.all(job) == job.results()
    assert Result.fetch_latest(job) == job.latest_result() == last
    assert (Result.count(job), job.retries_left, job.number_of_retries) == (3, 0, 2)


def test_a_failed_job_has_a_result(queue: Queue, store: Store) -> None:
    """Failed for good and stopped are told apart."""
    failed, stopped = queue.enqueue(fail), queue.enqueue(add, 1)
    stopped_by = Job[int].fetch(stopped.id, store)
    failed.cancel()
    claim(store)
    stopped_by.cancel(stop=True)
    failed.requeue()
    drain(store)
    assert [each.type for each in failed.results()] == [ResultType.FAILED]
    assert [each.type for each in stopped.results()] == [ResultType.STOPPED]


def test_latest_result_waits_for_the_end(queue: Queue, store: Store) -> None:
    """At most so long; a job that does not end has the result of its last run."""
    job = queue.enqueue(add, 1)
    start = time.monotonic()
    assert job.latest_result(timeout=0.05) is None
    assert 0.04 < time.monotonic() - start < 5
    drain(store)
    latest = job.latest_result(timeout=60)
    assert latest
    assert latest.return_value == 1
    with pytest.raises(InvalidOption):
        job.latest_result(timeout=-1)


def test_executions(queue: Queue, store: Store) -> None:
    """While it runs there is one, which tells of its worker; before and afterwards there is none."""
    job = queue.enqueue(add, 1)
    assert (job.get_executions(), job.last_heartbeat) == ([], None)
    _, held = claim(store)
    [execution] = job.get_executions()
    assert isinstance(execution, Execution)
    assert execution.composite_key == f"{job.id}:{held.token}"
    assert (execution.worker_name, execution.created_at) == ("boss", job.started_at)
    assert 0 <= execution.working_time < 60
    for beat in (job.last_heartbeat, execution.last_heartbeat):
        assert beat
        assert abs((datetime.now(UTC) - beat).total_seconds()) < 60


def test_retry_policy(queue: Queue) -> None:
    """A job tells its policy; one without it says None."""
    job = queue.enqueue(fail, retry=Retry(3, [1, 2], at_front=True))
    assert (job.retries_left, job.retry_intervals, job.enqueue_at_front_on_retry) == (3, [1, 2], True)
    plain = queue.enqueue(fail)
    assert (plain.retries_left, plain.retry_intervals, plain.enqueue_at_front_on_retry) == (None, None, False)
    assert (plain.repeats_left, plain.repeat_intervals) == (None, None)


def test_attempt_and_idempotency_key(queue: Queue, store: Store) -> None:
    """The attempts are counted from 1; the key is the same in all of them, and another one for a later job of the id."""
    calls.clear()
    job = queue.enqueue(fail_twice, retry=2, job_id="same")
    assert job.attempt == 1
    drain(store)
    key = job.idempotency_key
    assert calls == [f"1 {key}", f"2 {key}", f"3 {key}"]
    assert (job.get_status(), job.attempt, len(key)) == ("finished", 3, 36)
    job.requeue()
    assert (job.attempt, job.idempotency_key) == (4, key)
    job.delete()
    again = queue.enqueue(step, 1, job_id="same")
    drain(store)
    assert again.return_value() != key


# ---- progress -------------------------------------------------------------------------------------------------------


def test_progress(queue: Queue, store: Store) -> None:
    """Others read how far it has come; the last value is there in the end, however quick it was."""
    job = queue.enqueue(step, 1_000, meta={"kept": 1})
    assert (job.progress_value, job.percent) == (None, None)
    drain(store)
    job.refresh()
    assert (job.progress_value, job.percent) == (Progress(1_000, 1_000), 100.0)
    assert job.meta == {"kept": 1}


def test_progress_is_written_some_times_a_second(queue: Queue, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is told."""
    written: list[bytes] = []

    def write(store: Store, held: Held, progress: bytes) -> bool:
        written.append(progress)
        return True

    monkeypatch.setattr(type(store), "report", write)
    queue.enqueue(step, 10_000)
    drain(store)
    assert 2 <= len(written) < 100


def test_progress_that_cannot_be_written_is_no_error(
    queue: Queue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job goes on, and the store is left alone for a while."""
    asked: list[Held] = []

    def refuse(store: Store, held: Held, progress: bytes) -> bool:
        asked.append(held)
        raise StoreUnavailable("gone")

    monkeypatch.setattr(type(store), "report", refuse)
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    job = queue.enqueue(step, 1_000)
    drain(store)
    assert job.result(timeout=5)
    assert len(asked) <= 2


@pytest.mark.parametrize(
    ("told", "value", "percent"),
    [
        ((3, 10), Progress(3, 10), 30.0),
        ((0.5, 2), Progress(0.5, 2), 25.0),
        ((7,), Progress(7, None), None),
        ((0, 1), Progress(0, 1), 0.0),
        ((20, 10), Progress(20, 10), 100.0),
    ],
)
def test_what_can_be_told(
    queue: Queue, store: Store, told: tuple[float, ...], value: Progress, percent: float | None
) -> None:
    """Whole numbers and others, with and without a total; it is read while the job runs."""
    job = queue.enqueue(add, 1)
    _, held = claim(store)
    Reporter(Running(store, held)).tell(*told, *([None] if len(told) == 1 else []))
    job.refresh()
    assert (job.progress_value, job.percent) == (value, percent)


@pytest.mark.parametrize("told", [(-1, 2), (1, 0), (1, -1), ("1", 2), (True, 2), (float("nan"), 1), (1, float("inf"))])
def test_what_cannot_be_told(queue: Queue, store: Store, told: tuple[Any, Any]) -> None:
    """Wrong numbers are refused, so that the job's author hears of it."""
    queue.enqueue(add, 1)
    _, held = claim(store)
    with pytest.raises(InvalidOption, match="progress"):
        Reporter(Running(store, held)).tell(*told)


def test_progress_of_a_job_that_does_not_run_here(queue: Queue) -> None:
    """Only the job itself tells."""
    with pytest.raises(InvalidJobOperation, match="current_job"):
        queue.enqueue(add, 1).progress(1, 2)


def test_the_next_attempt_starts_anew(queue: Queue, store: Store) -> None:
    """What an earlier attempt said is shown until the next one runs."""
    job = queue.enqueue(add, 1)
    executor, held = claim(store)
    Reporter(Running(store, held)).tell(1, 2)
    store.retire(executor, crashed=True, begun=[Held(held.token, held.id)])
    job.refresh()
    assert (job.attempt, job.percent) == (2, 50.0)
    claim(store)
    job.refresh()
    assert (job.attempt, job.percent) == (2, None)
