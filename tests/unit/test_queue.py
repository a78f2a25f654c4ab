"""Queue: the ways to put jobs in, and what it shows."""

import asyncio
import gc
import logging
import os
import pickle
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis, UnixDomainSocketConnection

from winch import Call, Job, JobStatus, Queue, Retry, call, codec
from winch.callables.importing import importing_for
from winch.errors import (
    AmbiguousOption,
    DuplicateJob,
    EncodeError,
    EnqueuedDuringImport,
    InvalidJobOperation,
    InvalidOption,
    InvalidURL,
    UnimportableFunction,
    UnknownDependency,
)
from winch.job import making
from winch.stores.contract import ENQUEUE_CHUNK, Enqueued, NewJob, Store


def send(user: int, *, body: str = "") -> str:
    """A function."""
    return body * user


async def asend(user: int) -> int:
    """A coroutine function."""
    return user


def describe(description: str, retry: int = 0) -> str:
    """A function whose parameters are named like options."""
    return description


@pytest.fixture
def queue(store: Store) -> Queue:
    """A queue in it."""
    return Queue("emails", store)


def call_of(job: Job[Any]) -> codec.CallData:
    """What is in a job's payload."""
    return codec.head(job.record.payload)


def test_arguments_and_options_in_one_call(queue: Queue, store: Store) -> None:
    """RQ's way: options beside the function's own keywords."""
    job = queue.enqueue(
        send, 3, body="x", job_timeout="5m", result_ttl=0, failure_ttl=60, ttl=10, job_id="a", priority=7,
        meta={"by": "me"}, retry=Retry(2, 5), description="sends"
    )  # fmt: skip
    found = Job[Any].fetch("a", store)
    assert found == job
    assert (found.args, found.kwargs, found.timeout, found.description) == ((3,), {"body": "x"}, 300, "sends")
    assert (found.result_ttl, found.failure_ttl, found.ttl, found.priority) == (0, 60, 10, 7)
    assert found.meta == {"by": "me"}
    assert call_of(found).run.retry == Retry(2, 5)


def test_what_enqueue_returns_is_what_is_stored(queue: Queue, store: Store) -> None:
    """Without asking the store again."""
    job = queue.enqueue_in(60, send, 1, meta={"a": 1}, depends_on=[queue.enqueue(send, 1)])
    stored = store.get([job.id])[0]
    assert stored is not None
    for name in ("id", "queue", "state", "payload", "created_at", "enqueued_at", "ttl", "result_ttl", "meta"):
        assert getattr(job.record, name) == getattr(stored, name), name


def test_arguments_apart(queue: Queue) -> None:
    """RQ's `args=` and `kwargs=`."""
    job = queue.enqueue(send, args=[3], kwargs={"body": "x"}, job_timeout=5)
    assert (job.args, job.kwargs, job.timeout) == ((3,), {"body": "x"}, 5)
    job = queue.enqueue_call(send, [3], {"body": "y"}, timeout=6)
    assert (job.args, job.kwargs, job.timeout) == ((3,), {"body": "y"}, 6)


def test_an_option_that_is_a_parameter_is_ambiguous(queue: Queue) -> None:
    """The error shows both ways to say it."""
    with pytest.raises(AmbiguousOption, match=r"queue\.using\(description='x'\)\.enqueue\(describe"):
        queue.enqueue(describe, description="x")
    assert queue.using().enqueue(describe, description="x").kwargs == {"description": "x"}
    assert queue.using(description="y").enqueue(describe, description="x").description == "y"
    assert queue.enqueue(describe, "x").args == ("x",)


def test_using_checks_the_arguments(queue: Queue) -> None:
    """Before anything is stored."""
    with pytest.raises(TypeError, match=r"send\(user.*missing a required argument: 'user'"):
        queue.using(retry=3).enqueue(send)  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError, match="bodi"):
        queue.using().enqueue_many([Call[str](send, [1]), Call[str](send, [1], {"bodi": 2})])
    assert queue.is_empty()
    job = queue.using(retry=3).using(timeout=5).enqueue_in(5, send, 1, body="x")
    assert (job.timeout, call_of(job).run.retry, job.is_scheduled) == (5, Retry(3), True)


def test_defaults_of_the_queue(store: Store) -> None:
    """For every option; a job may say otherwise."""
    queue = Queue("a", store, default_timeout=7, retry=2, priority=3)
    job = queue.enqueue(send, 1, priority=4)
    assert (job.timeout, call_of(job).run.retry, job.priority) == (7, Retry(2), 4)
    with pytest.raises(InvalidOption, match="each job needs its own"):
        Queue("a", store, job_id="x")


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, "ä", "a/b", None])
def test_names_of_queues(name: Any) -> None:
    """Letters, digits and a few signs."""
    with pytest.raises(InvalidOption, match="is no queue name"):
        Queue(name)


def test_paths(queue: Queue) -> None:
    """A function that this process does not have."""
    assert queue.enqueue("shop.jobs.send", 1).func_name == "shop.jobs.send"
    with pytest.raises(UnimportableFunction):
        queue.enqueue("send", 1)


def test_times(queue: Queue) -> None:
    """A naive time is local; what has passed is at once."""
    naive = datetime.now() + timedelta(hours=1)  # noqa: DTZ005
    aware = datetime.now(UTC) + timedelta(hours=1)
    for when in (naive, aware):
        job = queue.enqueue_at(when, send, 1)
        assert job.due_at is not None
        assert abs(job.due_at - aware) < timedelta(seconds=5)
    assert queue.enqueue_at(datetime(2020, 1, 1, tzinfo=UTC), send, 1).is_queued
    assert queue.enqueue_in("5m", send, 1).is_scheduled
    assert queue.enqueue_in(-5, send, 1).is_queued
    with pytest.raises(InvalidOption, match="give a datetime"):
        queue.enqueue_at("tomorrow", send, 1)  # pyright: ignore[reportCallIssue, reportArgumentType]


def test_the_ends_of_the_calendar(queue: Queue) -> None:
    """`datetime.max` stands for never, and can be shown; what has no time in UTC is refused as an option."""
    never = queue.enqueue_at(datetime.max.replace(tzinfo=UTC), send, 1)
    due = Job.fetch(never.id, queue.connection).due_at
    assert due is not None
    assert (due.year, due.month, due.day) == (9999, 12, 31)
    assert queue.enqueue_at(datetime.min.replace(tzinfo=UTC), send, 1).is_queued
    with pytest.raises(InvalidOption, match="give a time that exists in UTC"):
        queue.enqueue_at(datetime.min, send, 1)  # noqa: DTZ901


def test_many_in_chunks(queue: Queue, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One store call per 150, from a generator, in the order of the input."""
    sizes: list[int] = []
    enqueue = store.begin_enqueue

    def counting(jobs: Sequence[NewJob]) -> Callable[[], Enqueued]:
        sizes.append(len(jobs))
        return enqueue(jobs)

    monkeypatch.setattr(store, "begin_enqueue", counting)
    jobs = queue.enqueue_many(call(send, number) for number in range(2250))
    assert sizes == [150] * 15
    assert [job.args[0] for job in jobs] == list(range(2250))
    assert queue.job_ids == [job.id for job in jobs]
    assert queue.get_job_ids(1500, 3) == [job.id for job in jobs[1500:1503]]


def test_the_page_knows_the_size_of_a_chunk() -> None:
    """How many jobs of `enqueue_many` are refused together stands in docs/jobs.md."""
    page = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text().replace("\n", " ")
    assert f"{ENQUEUE_CHUNK} per round trip" in page
    assert f"refuses the {ENQUEUE_CHUNK} of its round trip" in page


def test_a_generator_of_calls_may_enqueue_too(queue: Queue) -> None:
    """What a generator enqueues while its own jobs are on their way takes nothing from them."""

    def calls() -> Iterator[Call[str]]:
        for number in range(2100):
            if number == 1050:
                queue.enqueue(send, 7)
                queue.enqueue_many(call(send, 8) for _ in range(1001))
            yield call(send, number)

    assert [job.args[0] for job in queue.enqueue_many(calls())] == list(range(2100))
    assert queue.count == 2100 + 1 + 1001


def test_calls_that_end_in_an_error_keep_those_before(queue: Queue) -> None:
    """The chunks that were on their way are enqueued, and the queue can be used after it."""

    def calls() -> Iterator[Call[str]]:
        yield from [call(send, number) for number in range(900)]
        raise LookupError

    with pytest.raises(LookupError):
        queue.enqueue_many(calls())
    assert queue.count == 900
    queue.enqueue_many([call(send, 1)])
    assert queue.count == 901


def test_prepared_data(queue: Queue) -> None:
    """With options per job, and dependencies between the jobs of one call."""
    jobs = queue.enqueue_many(
        [
            Queue.prepare_data(send, [1], {"body": "x"}, timeout=3, job_id="a"),
            Queue.prepare_data(send, [2], depends_on="a"),
        ]
    )
    assert [job.get_status() for job in jobs] == [JobStatus.QUEUED, JobStatus.DEFERRED]
    assert jobs[0].timeout == 3
    with pytest.raises(InvalidOption, match="enqueue_many takes calls"):
        queue.enqueue_many([send])  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("args", ["ab", b"ab", {"a": 1}])
def test_a_text_is_no_row_of_arguments(queue: Queue, args: Any) -> None:
    """Wherever arguments are given apart, one value is not taken apart into its letters or keys."""
    ways: tuple[Callable[[], Any], ...] = (
        lambda: queue.enqueue(send, args=args),
        lambda: queue.using().enqueue_many([Call[Any]("shop.send", args)]),
        lambda: queue.enqueue_call(send, args),
        lambda: queue.enqueue_many([Queue.prepare_data(send, args)]),
        lambda: queue.create_job(send, args),
        lambda: Job[Any].create(send, args, connection=queue.connection),
    )
    for way in ways:
        with pytest.raises(
            InvalidOption, match=r"^args=.*: give a list or a tuple of the arguments, args=\[.*\] for this"
        ):
            way()
    assert queue.count == 0


def test_refused_jobs_leave_nothing(queue: Queue) -> None:
    """Every error of enqueue comes before anything is written."""
    queue.enqueue(send, 1, job_id="a")
    with pytest.raises(DuplicateJob, match=r"^the id a is in use.*: give another job_id") as taken:
        queue.enqueue(send, 1, job_id="a")
    assert taken.value.job_id == taken.value.args[1] == "a"
    assert str(pickle.loads(pickle.dumps(taken.value))) == str(taken.value)
    with pytest.raises(UnknownDependency, match=r"^[^(]*nobody.*: enqueue it first") as unknown:
        queue.enqueue(send, 1, depends_on="nobody")
    assert unknown.value.job_id == "nobody"
    with pytest.raises(EncodeError):
        queue.enqueue(send, object())
    with pytest.raises(UnimportableFunction, match="lambda"):
        queue.enqueue(send, 1, on_success=lambda: None)
    with pytest.raises(EnqueuedDuringImport), importing_for("x.f"):
        queue.enqueue(send, 1)
    assert queue.count == 1


@pytest.mark.parametrize("result", [None, 5, [1]])
def test_a_result_instead_of_a_function(queue: Queue, result: Any) -> None:
    """`enqueue(f())` is told from `enqueue(f)`, whatever else is given."""
    with pytest.raises(UnimportableFunction, match="pass the function, not its result"):
        queue.enqueue(result, job_timeout=3)
    with pytest.raises(UnimportableFunction, match="pass the function, not its result"):
        queue.using().enqueue_in(5, result)
    with pytest.raises(UnimportableFunction, match="pass the function, not its result"):
        queue.enqueue_many([call(result)])


def test_the_name_of_the_time_limit(queue: Queue) -> None:
    """RQ has two, and each error tells the other."""
    with pytest.raises(InvalidOption, match="here it is called timeout"):
        queue.enqueue_call(send, [1], job_timeout=60)  # pyright: ignore[reportCallIssue]
    with pytest.raises(InvalidOption, match="here it is called timeout"):
        queue.using(job_timeout=5)  # pyright: ignore[reportCallIssue]


def test_callbacks_are_jobs(queue: Queue, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its event and its own time limit."""
    seen: list[NewJob] = []
    enqueue = store.enqueue

    def seeing(jobs: Sequence[NewJob]) -> Enqueued:
        seen.extend(jobs)
        return enqueue(jobs)

    monkeypatch.setattr(store, "enqueue", seeing)
    queue.enqueue(send, 1, on_success=send, on_failure="a.b", on_stopped=describe)
    callbacks = seen[0].callbacks
    assert [callback.event for callback in callbacks] == ["success", "failure", "stopped"]
    heads = [codec.head(callback.payload) for callback in callbacks]
    assert [head.run.kind for head in heads] == ["callback"] * 3
    assert heads[1].function == "a.b"
    assert heads[1].run.timeout == 60


def test_what_a_queue_shows(queue: Queue, store: Store) -> None:
    """Counts, ids, jobs, positions; an empty queue is still a queue."""
    assert (len(queue), bool(queue), queue.is_empty(), queue.jobs) == (0, True, True, [])
    first, second = queue.enqueue(send, 1), queue.enqueue(send, 2)
    assert (queue.count, queue.is_empty(), queue.jobs) == (2, False, [first, second])
    assert (queue.get_job_position(second), queue.get_job_position("nobody")) == (1, None)
    assert queue.fetch_job(first.id) == first
    assert Queue("other", store).fetch_job(first.id) is None
    assert Queue.all(store) == [queue]
    assert queue.empty() == 2


def test_removing_a_job(queue: Queue, store: Store) -> None:
    """It is canceled; what is not queued here stays as it is."""
    first, second, later = queue.enqueue(send, 1), queue.enqueue(send, 2), queue.enqueue_in(60, send, 3)
    queue.remove(first)
    Queue("other", store).remove(second)
    for other in (first, later, "nobody"):
        queue.remove(other)
    assert queue.job_ids == [second.id]
    assert (first.is_canceled, later.is_scheduled) == (True, True)


def test_deleting_a_queue(queue: Queue, store: Store) -> None:
    """With its jobs in every state, or not at all."""
    queue.enqueue(send, 1)
    queue.enqueue_in(60, send, 1)
    with pytest.raises(InvalidJobOperation, match="holds jobs"):
        queue.delete(delete_jobs=False)
    queue.delete()
    assert Queue.all(store) == []


def test_pausing(queue: Queue) -> None:
    """It can be asked for."""
    queue.pause()
    assert queue.is_paused
    queue.resume()
    assert not queue.is_paused


def test_queues_are_equal_by_name(store: Store) -> None:
    """And sort by it."""
    assert Queue("a", store) == Queue("a") != Queue("b")
    assert sorted([Queue("b"), Queue("a")]) == [Queue("a"), Queue("b")]
    assert len({Queue("a"), Queue("a")}) == 1
    assert Queue("a") != "a"
    with pytest.raises(TypeError):
        assert Queue("a") < 3


def test_a_function_that_workers_would_refuse(queue: Queue, caplog: pytest.LogCaptureFixture) -> None:
    """Is enqueued all the same, and warned of once."""
    making._judged.discard("math.factorial")  # pyright: ignore[reportPrivateUsage]
    with caplog.at_level(logging.WARNING, "winch"):
        queue.enqueue("math.factorial", 3)
        queue.enqueue("math.factorial", 3)
    assert [record.getMessage().count("--allow 'math.factorial'") for record in caplog.records] == [1]


def test_a_module_that_does_not_exist(queue: Queue, caplog: pytest.LogCaptureFixture) -> None:
    """The warning does not advise to allow it."""
    making._judged.discard("nomodule.f")  # pyright: ignore[reportPrivateUsage]
    with caplog.at_level(logging.WARNING, "winch"):
        queue.enqueue("nomodule.f")
    assert "there is no module 'nomodule' in" in caplog.text
    assert "--allow" not in caplog.text


def test_pickled_arguments_that_workers_would_refuse(queue: Queue, caplog: pytest.LogCaptureFixture) -> None:
    """Are enqueued all the same, and warned of once, unless the settings permit them."""
    codec.permit_pickle()
    try:
        making._judge_pickle.cache_clear()  # pyright: ignore[reportPrivateUsage]
        queue.enqueue(send, object(), codec="pickle")
    finally:
        codec.permit_pickle(False)
    assert not caplog.records
    making._judge_pickle.cache_clear()  # pyright: ignore[reportPrivateUsage]
    for _ in range(2):
        queue.enqueue(send, object(), codec="pickle")
    assert ["WINCH_PICKLE=1" in record.getMessage() for record in caplog.records] == [True]


# ---- async ----


def test_aenqueue_shares_round_trips(queue: Queue, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What gathers while one call is under way goes with the next."""
    sizes: list[int] = []
    enqueue = store.enqueue

    def counting(jobs: Sequence[NewJob]) -> Enqueued:
        sizes.append(len(jobs))
        return enqueue(jobs)

    monkeypatch.setattr(store, "enqueue", counting)

    async def many() -> list[Job[int]]:
        return await asyncio.gather(*(queue.aenqueue(asend, number) for number in range(1500)))

    jobs = asyncio.run(many())
    assert sum(sizes) == queue.count == 1500
    assert len(sizes) < 300  # a handful on an idle machine
    assert [job.args[0] for job in jobs] == list(range(1500))


def test_one_bad_job_does_not_fail_the_others(queue: Queue) -> None:
    """A refused batch is enqueued one by one."""
    queue.enqueue(send, 1, job_id="taken")

    async def many() -> list[Any]:
        ids = [f"id-{number}" if number != 7 else "taken" for number in range(20)]
        jobs = (queue.aenqueue(send, 1, job_id=one) for one in ids)
        return await asyncio.gather(*jobs, return_exceptions=True)

    answers = asyncio.run(many())
    assert [index for index, answer in enumerate(answers) if isinstance(answer, DuplicateJob)] == [7]
    assert queue.count == 20


def test_aenqueue_survives_its_loop(queue: Queue) -> None:
    """A loop that ends while the call is under way hurts nobody; the next one works."""

    async def one() -> Any:
        return await queue.using(priority=1).aenqueue(asend, 1)

    async def impatient() -> None:
        task = asyncio.ensure_future(one())
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(impatient())
    assert isinstance(asyncio.run(one()), Job)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_enqueue_in_a_forked_child(queue: Queue, tmp_path: Path) -> None:
    """Threads and connections of the parent are not used there."""
    asyncio.run(queue.aenqueue(asend, 1))
    child = os.fork()
    if not child:
        try:
            asyncio.run(queue.aenqueue(asend, 2))
            queue.enqueue(send, 3)
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert queue.count == 3


def test_the_default_connection(tmp_path: Path) -> None:
    """Nothing is opened before the first use; then the place is told once."""
    (tmp_path / "pyproject.toml").touch()
    script = """
import logging, os, pathlib
logging.basicConfig(level="INFO", format="%(message)s")
from winch import Queue
queue = Queue()
assert not pathlib.Path(".winch").exists()
queue.enqueue("shop.jobs.f"); Queue("b").enqueue("shop.jobs.f")
assert pathlib.Path(".winch/jobs.db").exists()
"""
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("WINCH_")},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr.count(str(tmp_path)) >= 1
    assert run.stderr.count("jobs are kept in") == 1


class OwnConnection(UnixDomainSocketConnection):
    """A class that no URL names."""


@pytest.mark.parametrize("kind", [UnixDomainSocketConnection, OwnConnection])
def test_a_client_for_each_request(redis_url: str, kind: type[UnixDomainSocketConnection]) -> None:
    """None of them is kept, and none of their stores that cannot be shared; a client has one store as long as it lives."""
    clients: list[weakref.ref[Redis]] = []
    stores: set[int] = set()
    for _ in range(3):
        client = Redis.from_url(redis_url)  # pyright: ignore[reportUnknownMemberType]
        client.connection_pool.connection_class = kind  # pyright: ignore[reportAttributeAccessIssue] - too narrow
        queue = Queue(connection=client)
        queue.enqueue(send, 1)
        assert queue.connection is Queue(connection=client).connection
        clients.append(weakref.ref(client))
        stores.add(id(queue.connection) if kind is UnixDomainSocketConnection else 0)
        del client, queue
    gc.collect()
    assert [client() for client in clients] == [None, None, None]
    assert len(stores) == 1
    assert Queue(connection=redis_url).count == 3


def test_what_is_no_connection() -> None:
    """It is refused with a list of what is one."""
    with pytest.raises(InvalidURL, match="redis://"):
        Queue(connection=5).enqueue(send, 1)
