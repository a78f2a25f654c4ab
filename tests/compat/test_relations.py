"""RQ's dependencies, registries, groups, rate limits and decorators."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compat import functions as f
from tests.compat.running import work
from tests.compat.side import REAL, rq

Dependency: Any = rq.job.Dependency


@pytest.fixture
def queue(connection: Any) -> Any:
    """A queue."""
    return rq.Queue(connection=connection)


def test_depends_on(queue: Any) -> None:
    """A job waits for another, and runs when that has finished."""
    first = queue.enqueue(f.add, 1)
    second = queue.enqueue(f.add, 2, depends_on=first)
    assert second.get_status() == "deferred"
    assert second.is_deferred
    assert second in queue.deferred_job_registry
    assert queue.job_ids == [first.id]
    assert second.dependency == first
    assert [job.id for job in second.fetch_dependencies()] == [first.id]
    assert first.dependent_ids == [second.id]
    work(queue)
    assert second.return_value() == 2


@pytest.mark.parametrize("form", ["list", "tuple", "Dependency", "ids"])
def test_several_dependencies(queue: Any, form: str) -> None:
    """Several, as a list, a tuple, a Dependency, or ids."""
    jobs = [queue.enqueue(f.add, number) for number in range(3)]
    ids: list[str] = [job.id for job in jobs]
    forms = {"list": jobs, "tuple": tuple(jobs), "Dependency": Dependency(jobs=jobs), "ids": ids}
    last = queue.enqueue(f.add, 9, depends_on=forms[form])
    assert last.is_deferred
    work(queue)
    assert last.is_finished


def test_allow_failure(queue: Any) -> None:
    """With `allow_failure` a job runs though another has failed; without it does not."""
    failing = queue.enqueue(f.div_by_zero, 1)
    after = queue.enqueue(f.add, 1, depends_on=Dependency(jobs=[failing], allow_failure=True))
    never = queue.enqueue(f.add, 1, depends_on=failing)
    assert after.allow_dependency_failures
    work(queue)
    assert after.is_finished
    assert never.get_status() in ("deferred", "canceled")
    assert never.return_value() is None


@pytest.mark.skipif(REAL, reason="RQ leaves it deferred for ever (RQ.md 3.10)")
def test_failed_dependency_cancels(queue: Any) -> None:
    """What depends on a job that failed is canceled, not left behind."""
    never = queue.enqueue(f.add, 1, depends_on=queue.enqueue(f.div_by_zero, 1))
    work(queue)
    assert never.is_canceled


def test_dependency_refuses(queue: Any) -> None:
    """A Dependency names jobs."""
    with pytest.raises(ValueError, match=r".+"):
        Dependency(jobs=[])


def test_cancel_with_dependents(queue: Any) -> None:
    """A canceled job's dependents run if that is asked for."""
    first = queue.enqueue(f.add, 1)
    second = queue.enqueue(f.add, 2, depends_on=first)
    first.cancel(enqueue_dependents=True)
    assert second.is_queued


def test_delete_with_dependents(queue: Any, connection: Any) -> None:
    """A deleted job takes its dependents along if that is asked for."""
    first = queue.enqueue(f.add, 1)
    second = queue.enqueue(f.add, 2, depends_on=first)
    first.delete(delete_dependents=True)
    assert not rq.job.Job.exists(second.id, connection=connection)


def test_registries(queue: Any, connection: Any) -> None:
    """Each state has its registry, made from a queue or by name."""
    fine, bad = queue.enqueue(f.add, 1), queue.enqueue(f.div_by_zero, 1)
    work(queue)
    finished = rq.registry.FinishedJobRegistry(queue=queue)
    failed = rq.registry.FailedJobRegistry(name=queue.name, connection=connection)
    assert finished.get_job_ids() == [fine.id]
    assert (len(failed), failed.count, failed.get_job_count()) == (1, 1, 1)
    assert bad in failed
    assert bad.id in failed
    assert fine not in failed
    assert finished.get_queue() == queue
    assert finished == queue.finished_job_registry
    failed.requeue(bad)
    assert (len(failed), queue.job_ids) == (0, [bad.id])
    with pytest.raises(rq.exceptions.InvalidJobOperation):
        failed.requeue(fine)
    finished.remove(fine, delete_job=True)
    assert not rq.job.Job.exists(fine.id, connection=connection)
    finished.cleanup()
    rq.registry.clean_registries(queue)


def test_registry_slices(queue: Any) -> None:
    """Ids by place, from either end."""
    jobs = [queue.enqueue(f.add, number, result_ttl=100 + number) for number in range(4)]
    work(queue)
    registry, ids = queue.finished_job_registry, [job.id for job in jobs]
    assert registry.get_job_ids() == ids
    assert registry.get_job_ids(1, 2) == ids[1:3]
    assert registry.get_job_ids(desc=True) == ids[::-1]
    assert registry.get_job_ids(-2) == ids[2:]


def test_started_registry_refuses(queue: Any) -> None:
    """Nobody can put a job among those that run."""
    registry = queue.started_job_registry
    with pytest.raises(NotImplementedError):
        registry.add("a", 1)
    with pytest.raises(NotImplementedError):
        registry.remove("a")
    assert registry.count == 0
    assert queue.ready_job_registry.count == 0


def test_decorator(connection: Any, queue: Any) -> None:
    """`@job` gives a function its queue."""
    decorated = rq.decorators.job("default", connection=connection, timeout=30, result_ttl=60, description="adds")(
        f.divide
    )
    try:
        job = decorated.delay(6, b=3)
        assert (job.timeout, job.result_ttl, job.description) == (30, 60, "adds")
        assert decorated(4, 2) == 2
        after = decorated.enqueue(1, 1, depends_on=job, job_id="mine")
        assert after.id == "mine"
        work(queue)
        assert (job.return_value(), after.return_value()) == (2, 1)
    finally:
        del f.divide.delay, f.divide.enqueue  # type: ignore[attr-defined]


def test_rate_limit(queue: Any) -> None:
    """Jobs of a key wait while too many of it are there."""
    limit = rq.RateLimit(key="api", concurrency=1)
    jobs = [queue.enqueue(f.add, number, rate_limit=limit) for number in range(3)]
    work(queue)
    assert [job.return_value() for job in jobs] == [0, 1, 2]
    with pytest.raises(ValueError, match=r".+"):
        rq.RateLimit("api", 0)


def test_group(queue: Any, connection: Any) -> None:
    """Jobs that are enqueued into a group are found through it."""
    Group: Any = rq.group.Group  # noqa: N806 - RQ's name
    group = Group.create(connection=connection, name="mine")
    calls = [rq.Queue.prepare_data(f.add, (1,), job_id="one"), rq.Queue.prepare_data(f.add, (2,), job_id="two")]
    jobs = group.enqueue_many(queue, calls)
    assert [job.id for job in jobs] == ["one", "two"]
    assert jobs[0].group_id == "mine"
    found = Group.fetch("mine", connection=connection)
    assert sorted(job.id for job in found.get_jobs()) == ["one", "two"]
    assert [each.name for each in Group.all(connection=connection)] == ["mine"]
    work(queue)
    assert [job.return_value() for job in jobs] == [1, 2]
    group.delete_job("one")
    assert [job.id for job in group.get_jobs()] == ["two"]
    with pytest.raises(rq.exceptions.NoSuchGroupError):
        Group.fetch("nobody", connection=connection)


def test_ttl(queue: Any) -> None:
    """A job without a ttl may wait for ever."""
    assert queue.enqueue(f.add, 1).ttl is None
