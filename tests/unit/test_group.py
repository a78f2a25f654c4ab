"""Group: the handle. What a store does is in contract/test_groups.py."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.helpers import add, run
from winch import Callback, Group, GroupCounts, Queue, call
from winch.errors import (
    DuplicateGroup,
    DuplicateJob,
    InvalidOption,
    NoSuchGroup,
    ResultInsideJob,
    ResultTimeout,
    UnimportableFunction,
)
from winch.job import Running, current
from winch.states import JobStatus
from winch.stores.contract import ENQUEUE_BATCH, Claim, Store


def work(*args: Any) -> None:
    """A job."""


@pytest.fixture
def queue(store: Store) -> Queue:
    """The queue `q`."""
    return Queue("q", store)


def finish(store: Store, group: Group) -> None:
    """Run all jobs of a group."""
    for job_id in group.job_ids:
        run(store, job_id)


def test_groups_are_made_and_found(store: Store) -> None:
    """A group has a name, given or new, and is found by it; a name that nobody knows, or that is taken, is told."""
    named, unnamed = Group.create(store, "nightly"), Group.create(store)
    assert named.name == named.id == "nightly"
    assert Group.fetch("nightly", store) == named != unnamed
    assert Group.all(store) == sorted([named, unnamed], key=lambda group: group.name)
    with pytest.raises(NoSuchGroup, match="knows no group 'other'"):
        Group.fetch("other", store)
    with pytest.raises(DuplicateGroup, match=r"Group\.fetch\(\) gives it"):
        Group.create(store, "nightly")
    with pytest.raises(InvalidOption, match="group='a b'"):
        Group.create(store, "a b")


def test_jobs_join_a_group(store: Store, queue: Queue) -> None:
    """By `enqueue_many`, and by `using(group=...)` with the group or its name; they know it, and it knows them."""
    group = Group.create(store, "g")
    jobs = group.enqueue_many(queue, (call(work, n) for n in range(3)))
    jobs.append(queue.using(group=group).enqueue(work))
    jobs.append(Queue("other", store).using(group="g").enqueue(work))
    assert group.job_ids == [job.id for job in jobs]
    assert group.get_jobs() == jobs
    assert {job.group_id for job in group.get_jobs()} == {jobs[0].group_id} == {"g"}
    assert queue.enqueue(work).group_id is None
    assert group.counts == GroupCounts(5, 5, 0, 0, 0, 0, 0)
    assert group.created_at <= jobs[0].created_at
    with pytest.raises(NoSuchGroup):
        queue.using(group="unknown").enqueue(work)


def test_a_parameter_of_the_function_may_be_called_group(queue: Queue) -> None:
    """`enqueue` leaves a keyword `group` to the function."""
    job = queue.enqueue(work_with_group, group="mine")
    assert (job.kwargs, job.group_id) == ({"group": "mine"}, None)


def work_with_group(group: str) -> None:
    """A job with such a parameter."""


def test_many_jobs_of_a_generator(store: Store, queue: Queue) -> None:
    """More than a thousand come in several steps, between which the group is not completed; none are a group of none."""
    group = Group.create(store)
    holds: list[int] = []

    def calls() -> Iterator[Any]:
        for n in range(ENQUEUE_BATCH + 1):
            yield call(work, n)
        [record] = store.get_groups([group.name])
        assert record is not None
        holds.append(record.holds)
        yield call(work, -1)

    assert len(group.enqueue_many(queue, calls())) == ENQUEUE_BATCH + 2 == group.counts.total
    assert holds == [1]
    assert (len(group.job_ids), group.is_complete) == (ENQUEUE_BATCH + 2, False)
    empty = Group.create(store)
    assert empty.enqueue_many(queue, []) == []
    assert empty.is_complete


def test_a_block_holds_it_open(store: Store, queue: Queue) -> None:
    """Within `with group:` it is not completed, though all that is there has ended."""
    group = Group.create(store)
    with group:
        group.enqueue_many(queue, [call(work)])
        finish(store, group)
        assert not group.is_complete
    assert group.is_complete
    assert group.completed_at is not None


def test_a_block_that_fails_leaves_it_open(store: Store, queue: Queue) -> None:
    """What was filled halfway is not completed, until somebody says so."""
    group = Group.create(store)
    add(store, id="taken", queue="other")

    def fill() -> None:
        with group:
            group.enqueue_many(queue, [call(work)])
            queue.using(job_id="taken").enqueue(work)

    with pytest.raises(DuplicateJob):
        fill()
    finish(store, group)
    assert not group.is_complete
    group.release()
    assert group.is_complete


def test_waiting(store: Store, queue: Queue) -> None:
    """`wait` returns the counts when the group is completed, or says what is missing."""
    group = Group.create(store)
    with group:
        group.enqueue_many(queue, [call(work)])
        with pytest.raises(ResultTimeout, match=r"1 of its 1 jobs have not ended, and 1 caller\(s\) still fill it"):
            group.wait(timeout=0.01)
    thread = threading.Thread(target=finish, args=(store, group))
    thread.start()
    assert group.wait(timeout=20) == GroupCounts(1, 0, 1, 0, 0, 0, 0)
    thread.join()
    group.delete()
    with pytest.raises(NoSuchGroup, match="any more"):
        group.wait()
    with pytest.raises(InvalidOption, match="give 0 or more"):
        group.wait(timeout=-1)


def test_waiting_in_a_loop(store: Store, queue: Queue) -> None:
    """`until_complete` does the same, and the loop goes on meanwhile; a wait that is given up leaves no thread behind."""
    group = Group.create(store)
    group.enqueue_many(queue, [call(work)])

    async def main() -> GroupCounts:
        with pytest.raises(ResultTimeout, match="1 of its 1 jobs"):
            await group.until_complete(timeout=0.02)
        given_up = asyncio.create_task(group.until_complete())
        await asyncio.sleep(0.02)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        waiting = asyncio.create_task(group.until_complete(timeout=20))
        await asyncio.to_thread(finish, store, group)
        return await waiting

    assert asyncio.run(main()).finished == 1


def test_a_job_does_not_wait_for_its_own_worker(store: Store, queue: Queue) -> None:
    """Inside a job `wait` raises, unless it is told that others run the jobs, or the group is completed."""
    group = Group.create(store)
    group.enqueue_many(queue, [call(work)])
    token = current.set(Running(store, Claim(1, "id", "q", b"", b"", False, 0, 0, 0, 0, 0, 0, 0, None)))
    try:
        with pytest.raises(ResultInsideJob, match="on_complete"):
            group.wait()
        with pytest.raises(ResultTimeout):
            group.wait(timeout=0, inside_job=True)
        finish(store, group)
        assert group.wait().finished == 1
    finally:
        current.reset(token)


def test_cancel_and_delete(store: Store, queue: Queue) -> None:
    """A group's jobs can be canceled, or deleted one by one, or with it."""
    group, other = Group.create(store), queue.enqueue(work)
    jobs = group.enqueue_many(queue, [call(work) for _ in range(4)])
    store.delete([other.id])
    run(store, jobs[0].id)
    group.delete_job(jobs[1])
    group.delete_job(queue.enqueue(work, job_id="stranger"))
    group.cleanup()
    assert group.counts == GroupCounts(4, 2, 1, 0, 0, 0, 1)
    assert group.cancel() == 2
    assert group.counts == GroupCounts(4, 0, 1, 0, 2, 0, 1)
    assert queue.job_ids == ["stranger"]
    group.delete(delete_jobs=True)
    assert store.get([job.id for job in jobs]) == [None] * 4
    group.delete()
    assert Group.all(store) == []


def test_running_jobs_are_stopped_on_request(store: Store, queue: Queue) -> None:
    """`cancel` leaves what runs, `cancel(stop=True)` stops it."""
    from tests.contract.helpers import lane

    group = Group.create(store)
    [job] = group.enqueue_many(queue, [call(work)])
    lane(store).take(job.id)
    assert group.cancel() == 0
    assert group.cancel(stop=True) == 1
    assert job.get_status() is JobStatus.STOPPED


def test_a_group_that_runs_at_once(store: Store) -> None:
    """With is_async=False the job that ends last runs the completion too, after the callbacks of its own end."""
    here = Queue("q", store, is_async=False)
    group = Group.create(store, on_complete=remember_group)
    seen.clear()
    with group:
        here.using(group=group, on_success=remember).enqueue(work)
    assert seen == ["callback"]
    here.using(group=group, on_success=remember).enqueue(work)
    assert seen == ["callback", "callback", group.name]


seen: list[str] = []


def remember(*args: Any) -> None:
    """A callback."""
    seen.append("callback")


def remember_group(group: Group, connection: Any) -> None:
    """What a completion calls."""
    seen.append(group.name)


def test_what_a_completion_calls(store: Store, queue: Queue) -> None:
    """`on_complete` becomes a job of the queue given; a lambda, a wrong queue, a wrong ttl and each_attempt are refused."""
    group = Group.create(store, on_complete=Callback(work, timeout=7, retry=2), queue=queue, ttl=60)
    group.enqueue_many(queue, [call(work)])
    finish(store, group)
    [done] = queue.jobs
    assert (done.func_name, done.timeout, done.group_id) == ("tests.unit.test_group.work", 7, None)
    with pytest.raises(UnimportableFunction):
        Group.create(store, on_complete=lambda: None)
    with pytest.raises(InvalidOption, match="no queue name"):
        Group.create(store, on_complete=work, queue="a b")
    with pytest.raises(InvalidOption, match="ttl"):
        Group.create(store, ttl=-5)
    with pytest.raises(InvalidOption, match="each_attempt"):
        Group.create(store, on_complete=Callback(work, each_attempt=True))
