"""Jobs that are made before they are enqueued, and jobs that are unique."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from winch import (
    Callback,
    Dependency,
    DuplicateJob,
    Job,
    JobStatus,
    Limit,
    NoSuchJob,
    Queue,
    Webhook,
    call,
    current_job,
    task,
)
from winch.codec import dumps_meta, head
from winch.errors import InvalidJobOperation, InvalidOption, UnknownDependency
from winch.job.making import new_job
from winch.options import JobKeywords, JobOptions
from winch.stores import open_store
from winch.stores.contract import NewGroup, Store


def add(a: int, b: int = 0) -> int:
    """Add up."""
    return a + b


def join(words: set[str], *, end: str = "") -> str:
    """Join words."""
    return " ".join(sorted(words)) + end


@pytest.fixture
def queue(store: Store) -> Queue:
    """A queue in it."""
    return Queue("q", store, retry=2)


# ---- two steps ------------------------------------------------------------------------------------------------------


def test_a_job_that_is_made(store: Store) -> None:
    """It has all that it was given, its state is `created`, and no store knows it."""
    job = Job.create(add, (1,), {"b": 2}, store, id="mine", meta={"by": "me"}, timeout=5, description="adds")
    assert (job.id, job.args, job.kwargs, job.timeout, job.description) == ("mine", (1,), {"b": 2}, 5, "adds")
    assert (job.get_status(), job.is_queued, job.origin) == (JobStatus.CREATED, False, "default")
    assert not Job.exists("mine", store)
    assert store.counts() == {}
    job.refresh()
    assert repr(job) == "<Job mine created in default>"


def test_what_cannot_be_done_before_it_is_enqueued(store: Store) -> None:
    """Waiting is refused with what to do; what changes a job does not find it."""
    job = Job[int].create(add, (1,), connection=store)
    with pytest.raises(InvalidJobOperation, match="enqueue_job"):
        job.result(timeout=1)
    with pytest.raises(InvalidJobOperation, match="enqueue_job"):
        asyncio.run(job.aresult(timeout=1))
    with pytest.raises(NoSuchJob):
        job.cancel()
    assert (job.results(), job.get_executions(), job.latest_result()) == ([], [], None)


def test_enqueue_job(queue: Queue, store: Store) -> None:
    """The same object is the queued job then, in this queue, with the meta that it has by now."""
    before = queue.enqueue(add, 0)
    job = Job[int].create(add, (1,), connection=store, origin="elsewhere", meta={"by": "me"})
    job.meta["more"] = [1]
    job.save_meta()
    assert queue.enqueue_job(job, at_front=True) is job
    assert (job.get_status(), job.origin) == (JobStatus.QUEUED, "q")
    assert Job[int].fetch(job.id, store).meta == {"by": "me", "more": [1]}
    assert queue.job_ids == [job.id, before.id]
    with pytest.raises(InvalidJobOperation, match="has been enqueued"):
        queue.enqueue_job(job)


def test_create_job_has_the_queues_defaults(queue: Queue) -> None:
    """A job that a queue makes is as one that it enqueues."""
    job = queue.create_job(add, (1,), timeout=7)
    assert (job.retries_left, job.timeout, job.origin) == (2, 7, "q")
    assert queue.enqueue_job(job).retries_left == 2


def test_a_refused_job_can_be_enqueued_later(queue: Queue, store: Store) -> None:
    """What the store refuses stays a job that is made."""
    queue.enqueue(add, 1, job_id="mine")
    job = queue.create_job(add, (2,), job_id="mine")
    with pytest.raises(DuplicateJob):
        queue.enqueue_job(job)
    assert job.get_status() is JobStatus.CREATED
    store.delete(["mine"])
    assert queue.enqueue_job(job).get_status() is JobStatus.QUEUED


def test_schedule_job(queue: Queue) -> None:
    """For a time, naive ones are local; a time that has passed is at once."""
    at = datetime.now(UTC) + timedelta(hours=1)
    due = queue.schedule_job(queue.create_job(add, (1,)), at).due_at
    assert due
    assert abs(due - at) < timedelta(seconds=5)
    naive = queue.schedule_job(queue.create_job(add, (1,)), datetime.now() + timedelta(hours=1))  # noqa: DTZ005
    assert naive.get_status() is JobStatus.SCHEDULED
    assert queue.schedule_job(queue.create_job(add, (1,)), datetime(2020, 1, 1, tzinfo=UTC)).is_queued


# ---- relatives ------------------------------------------------------------------------------------------------------


def test_dependencies(queue: Queue, store: Store) -> None:
    """A job tells whom it was told to wait for, also when they are gone; and those who still wait for it."""
    first, second = queue.enqueue(add, 1), queue.enqueue(add, 2)
    child = queue.enqueue(add, 3, depends_on=Dependency([first, second], allow_failure=True))
    fetched = Job[int].fetch(child.id, store)
    assert fetched.dependency_ids == child.dependency_ids == [first.id, second.id]
    assert (fetched.dependency, fetched.dependencies, fetched.fetch_dependencies()) == (
        first,
        [first, second],
        [first, second],
    )
    assert (fetched.allow_dependency_failures, first.allow_dependency_failures) == (True, False)
    assert (first.dependent_ids, child.dependent_ids) == ([child.id], [])
    first.delete()
    assert (fetched.dependency, fetched.dependencies, fetched.dependency_ids[0]) == (None, [second], first.id)
    assert (second.dependency, second.dependencies, second.dependency_ids) == (None, [], [])


def test_many_dependencies_do_not_count_as_arguments(queue: Queue) -> None:
    """A job may wait for thousands: their ids are no part of the megabyte that its arguments may take."""
    parents = queue.enqueue_many(call(add, number) for number in range(4_000))
    child = queue.enqueue(join, {"a" * 900_000}, depends_on=parents)
    assert len(child.dependency_ids) == child.record.pending == 4_000 or child.record.pending == 0
    assert child.is_deferred


def test_cancel_and_let_dependents_run(queue: Queue, store: Store) -> None:
    """`enqueue_dependents` frees those who wait; without it they are canceled too."""
    for enqueue_dependents, state in ((True, JobStatus.QUEUED), (False, JobStatus.CANCELED)):
        parent = queue.enqueue(add, 1)
        child = queue.enqueue(add, 2, depends_on=parent)
        parent.cancel(enqueue_dependents=enqueue_dependents)
        store.promote()
        assert child.get_status() is state


def test_delete_with_dependents(queue: Queue) -> None:
    """Also those who wait for those who wait, each once; others stay."""
    parent = queue.enqueue(add, 1)
    left, right = (queue.enqueue(add, number, depends_on=parent) for number in (2, 3))
    grandchild = queue.enqueue(add, 4, depends_on=[left, right])
    other = queue.enqueue(add, 5)
    parent.delete(delete_dependents=True)
    found = Job.fetch_many([parent.id, left.id, right.id, grandchild.id, other.id], queue.connection)
    assert found == [None, None, None, None, other]


def test_group_id(queue: Queue, store: Store) -> None:
    """A job tells the group that it joined."""
    store.create_group(NewGroup("crowd"))
    job = queue.using(group="crowd").enqueue(add, 1)
    assert job.group_id == Job[int].fetch(job.id, store).group_id == "crowd"
    assert queue.enqueue(add, 1).group_id is None


# ---- unique ---------------------------------------------------------------------------------------------------------


def taken(error: pytest.ExceptionInfo[DuplicateJob]) -> str:
    """The id that a refusal names."""
    return error.value.args[1]


def test_unique_by_a_text(queue: Queue, store: Store) -> None:
    """While a job of that text has not ended no other gets in, whatever it calls and in whichever queue."""
    job = queue.enqueue(add, 1, unique="report:7")
    assert job.id.startswith("u-")
    assert len(job.id) == 34
    with pytest.raises(DuplicateJob, match="unique") as error:
        Queue("other", store).enqueue(join, {"a"}, unique="report:7")
    assert taken(error) == job.id
    assert queue.enqueue(add, 1, unique="report:8").id != job.id
    job.cancel()
    assert queue.enqueue(add, 1, unique="report:7").id == job.id


def test_unique_by_the_id(queue: Queue) -> None:
    """With `job_id` it is that id, which is in use until the job has ended."""
    queue.enqueue(add, 1, job_id="mine", unique=True)
    with pytest.raises(DuplicateJob):
        queue.enqueue(add, 2, job_id="mine", unique=True)


def test_unique_by_function_and_arguments(queue: Queue) -> None:
    """Without `job_id` the same call is the same job; the order of keywords does not matter, other options neither."""
    job = queue.enqueue(add, a=1, b=2, unique=True)
    with pytest.raises(DuplicateJob) as error:
        queue.enqueue(add, b=2, a=1, unique=True, priority=3, job_timeout=9)
    assert taken(error) == job.id
    others = [queue.enqueue(add, 1, unique=True), queue.enqueue(add, 1.0, unique=True), queue.enqueue(join, {"a"})]
    assert len({job.id, *(other.id for other in others)}) == 4


@pytest.mark.parametrize("way", ["enqueue_in", "enqueue_at", "aenqueue", "using", "call", "many", "task", "created"])
def test_unique_in_every_way(queue: Queue, way: str) -> None:
    """Scheduled, from a coroutine, with options set, in bulk, of a task, in two steps."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    ways: dict[str, Any] = {
        "enqueue_in": lambda: queue.enqueue_in(60, add, 1, unique="one"),
        "enqueue_at": lambda: queue.enqueue_at(tomorrow, add, 1, unique="one"),
        "aenqueue": lambda: asyncio.run(queue.aenqueue(add, 1, unique="one")),
        "using": lambda: queue.using(unique="one").enqueue(add, 1),
        "call": lambda: queue.enqueue_call(add, (1,), unique="one"),
        "many": lambda: queue.enqueue_many([Queue.prepare_data(add, (1,), unique="one")]),
        "task": lambda: task(queue, unique="one")(add).delay(1),
        "created": lambda: queue.enqueue_job(queue.create_job(add, (1,), unique="one")),
    }
    ways[way]()
    with pytest.raises(DuplicateJob):
        ways[way]()


def test_one_of_many_at_once_is_enqueued(store_url: str) -> None:
    """Of twenty clients, each with a store of its own, one puts the job in; the others are refused."""
    together = threading.Barrier(20)

    def enqueue(number: int) -> str | None:
        store = open_store(store_url)
        together.wait()
        try:
            return Queue("q", store).enqueue(add, number, unique="one").id
        except DuplicateJob:
            return None
        finally:
            store.close()

    with ThreadPoolExecutor(20) as pool:
        ids = list(pool.map(enqueue, range(20)))
    store = open_store(store_url)
    assert [one for one in ids if one] == Queue("q", store).job_ids
    store.close()


def test_one_that_is_unique_can_be_waited_for(queue: Queue) -> None:
    """The refusal's id is what another job depends on."""
    job = queue.enqueue(add, 1, unique="one")
    with pytest.raises(DuplicateJob) as error:
        queue.enqueue(add, 1, unique="one")
    assert queue.enqueue(add, 2, depends_on=taken(error)).dependency == job
    with pytest.raises(UnknownDependency):
        queue.enqueue(add, 2, depends_on="nobody")


def test_a_text_and_an_id_contradict_each_other(queue: Queue) -> None:
    """Both would make the id."""
    with pytest.raises(InvalidOption, match="job_id and unique"):
        queue.enqueue(add, 1, job_id="mine", unique="text")


def test_no_job_runs_here() -> None:
    """Outside a job there is no current one."""
    assert current_job() is None


def test_jobs_that_share_their_options() -> None:
    """Each has all of them, as if it had been given them alone; meta is what it holds at the moment."""
    meta = {"run": 1}
    keywords: JobKeywords = {
        "retry": 3,
        "meta": meta,
        "limits": Limit("api", concurrency=2),
        "on_success": [Callback("shop.then", in_attempt=True), "shop.done"],
        "webhooks": Webhook("https://example.com/"),
        "depends_on": Dependency(["one", "two"], on_failure="wait", enqueue_at_front=True),
        "group": "all",
    }
    options = JobOptions.of(keywords)
    first = new_job("q", add, (1,), {}, options)
    meta["run"] = 2
    second = new_job("q", add, (1,), {}, options)
    assert second == new_job("q", add, (1,), {}, JobOptions.of(keywords))._replace(id=second.id)
    assert first == second._replace(id=first.id, meta=dumps_meta({"run": 1}))
    assert second.parents == ("one", "two")
    assert [len(part) for part in (second.callbacks, second.limits)] == [2, 1]
    assert head(second.payload).run.then == ("shop.then",)
