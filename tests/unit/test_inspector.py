"""Jobs found and changed across queues, on every store."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.helpers import lane, outcome
from winch.errors import InvalidOption
from winch.inspector import Inspector, JobFilter
from winch.job import Job
from winch.queue import Queue
from winch.states import JobStatus
from winch.stores.contract import Store

S = JobStatus


def add(a: int = 0, b: int = 0) -> int:
    """A job."""
    return a + b


def other() -> None:
    """Another job."""


def fail(store: Store, count: int, *queues: str, reason: str = "raised") -> list[str]:
    """Claim so many jobs of these queues and let them fail."""
    executor = lane(store)
    claims = executor.claim(count, *queues)
    assert len(claims) == count
    executor.turn(*(outcome(claim, "failed", reason=reason) for claim in claims), queues=[])
    return [claim.id for claim in claims]


def ids(found: Any) -> list[str]:
    """Their ids."""
    return [job.id for job in found]


def test_jobs_are_found_by_what_is_known(store: Store) -> None:
    """Queue, state, function, reason, age and ids each narrow it down; together they must all hold."""
    first = Queue("a", store).enqueue(add, 1, 2)
    [failed] = fail(store, 1, "a")
    second = Queue("a", store).enqueue(other)
    third = Queue("b", store).enqueue(add)
    look = Inspector(store)
    assert failed == first.id
    assert set(ids(look.find())) == {first.id, second.id, third.id}
    assert ids(look.find(JobFilter(queues=("b",)))) == [third.id]
    assert ids(look.find(JobFilter(states=(S.FAILED,)))) == [first.id]
    assert set(ids(look.find(JobFilter(function="*.add")))) == {first.id, third.id}
    assert ids(look.find(JobFilter(function="*.add", states=(S.QUEUED,)))) == [third.id]
    assert ids(look.find(JobFilter(reason="raised"))) == [first.id]
    assert ids(look.find(JobFilter(reason="timeout"))) == []
    assert ids(look.find(JobFilter(older=3600))) == []
    assert len(ids(look.find(JobFilter(newer=3600)))) == 3
    assert ids(look.find(JobFilter(ids=(third.id, "nobody"), queues=("b",)))) == [third.id]


def test_counting_reads_no_job_where_it_need_not(store: Store) -> None:
    """A count by queue and state is that of the store; one by function looks at the jobs."""
    Queue("a", store).enqueue_many([Queue.prepare_data(add), Queue.prepare_data(other)])
    look = Inspector(store)
    assert look.count() == 2
    assert look.count(JobFilter(queues=("a",), states=(S.QUEUED,))) == 2
    assert look.count(JobFilter(states=(S.FAILED,))) == 0
    assert look.count(JobFilter(function="*.other")) == 1


def test_failed_jobs_are_requeued_by_filter(store: Store) -> None:
    """Without a state the failed ones are meant, and the others stay."""
    for _ in range(3):
        Queue("a", store).enqueue(add)
    fail(store, 2, "a", reason="raised")
    [timed_out] = fail(store, 1, "a", reason="timeout")
    bulk = Inspector(store).requeue(JobFilter(reason="timeout"))
    assert bulk.done == [timed_out]
    assert not bulk.skipped
    assert Queue("a", store).job_ids == [timed_out]
    assert len(Inspector(store).requeue(JobFilter()).done) == 2
    assert Queue("a", store).count == 3


def test_what_cannot_be_done_is_told_per_job(store: Store) -> None:
    """A job in the wrong state and an unknown id are skipped with the reason, and stop nothing (RQ aborts)."""
    queue = Queue("a", store)
    first, second = queue.enqueue(add), queue.enqueue(add)
    fail(store, 1, "a")
    bulk = Inspector(store).requeue(JobFilter(ids=("nobody", second.id, first.id)))
    assert bulk.done == [first.id]
    assert sorted(job for job, _ in bulk.skipped) == sorted(["nobody", second.id])
    assert all(why for _, why in bulk.skipped)


def test_canceling_leaves_what_runs_unless_told(store: Store) -> None:
    """Waiting jobs are canceled; running ones only with `stop`."""
    queue = Queue("a", store)
    running, waiting = queue.enqueue(add), queue.enqueue(add)
    lane(store).claim(1, "a")
    later = queue.enqueue_in(60, add)
    look = Inspector(store)
    assert set(look.cancel(JobFilter(queues=("a",))).done) == {waiting.id, later.id}
    assert look.cancel(JobFilter(), stop=True).done == [running.id]
    assert [Job[Any].fetch(job.id, store).record.state for job in (running, waiting)] == [S.STOPPED, S.CANCELED]


def test_states_in_which_nothing_can_be_done_are_refused(store: Store) -> None:
    """Before anything is changed."""
    with pytest.raises(InvalidOption, match="finished"):
        Inspector(store).cancel(JobFilter(states=(S.FINISHED,)))
    with pytest.raises(InvalidOption, match="queued"):
        Inspector(store).requeue(JobFilter(states=(S.QUEUED,)))
    with pytest.raises(InvalidOption, match="reason"):
        JobFilter(reason="because")


def test_many_are_deleted(store: Store) -> None:
    """More than a page, also at a pace; and what ended long enough ago is pruned."""
    queue = Queue("a", store)
    queue.enqueue_many(Queue.prepare_data(add) for _ in range(1_100))
    kept = queue.enqueue(other)
    look = Inspector(store)
    assert len(look.delete(JobFilter(function="*.add")).done) == 1_100
    assert queue.job_ids == [kept.id]
    fail(store, 1, "a")
    assert look.prune(3600).done == []
    assert look.prune(0, pace=1000).done == [kept.id]
    assert look.count() == 0
