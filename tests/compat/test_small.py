"""RQ's small modules: durations, serializers, errors, statuses, time limits, cron, and what it has retired."""

from __future__ import annotations

import gc
import time
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import ConnectionPool, Redis

from tests.compat import functions as f
from tests.compat.running import work
from tests.compat.side import REAL, rq


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(90, 90), ("90", 90), ("1s", 1), ("2m", 120), ("1h", 3600), ("1H", 3600), ("1d", 86400), (None, None)],
)
def test_parse_timeout(given: Any, seconds: int | None) -> None:
    """Durations are numbers and texts."""
    assert rq.utils.parse_timeout(given) == seconds


def test_parse_timeout_refuses() -> None:
    """Another text is an error."""
    with pytest.raises(rq.exceptions.TimeoutFormatError):
        rq.utils.parse_timeout("12x")


def test_serializers() -> None:
    """By name, by class, by object; one that cannot write and read is refused."""
    resolve = rq.serializers.resolve_serializer
    assert resolve("json") is rq.serializers.JSONSerializer
    for serializer in (resolve(None), resolve("pickle"), rq.serializers.PickleSerializer, resolve("json")):
        assert serializer.loads(serializer.dumps({"a": [1, 2]})) == {"a": [1, 2]}
    with pytest.raises(NotImplementedError):
        resolve(object())


def test_statuses() -> None:
    """RQ's names of states."""
    assert {status.value for status in rq.job.JobStatus} >= {
        *("created", "queued", "finished", "failed", "started", "deferred", "scheduled", "stopped", "canceled"),
    }
    assert rq.job.JobStatus.FINISHED == "finished"
    assert rq.worker.WorkerStatus.IDLE == "idle"


def test_time_limit_of_ones_own() -> None:
    """RQ's context manager raises when its time is over."""

    class Mine(Exception):
        pass

    with pytest.raises(Mine), rq.timeouts.UnixSignalDeathPenalty(1, Mine):
        time.sleep(10)
    with rq.timeouts.UnixSignalDeathPenalty(1, Mine):
        pass


@pytest.mark.skipif(REAL, reason="about the errors of winch")
def test_errors_are_winchs() -> None:
    """`except` with RQ's names catches what winch raises."""
    import winch.errors as core

    assert issubclass(core.NoSuchJob, rq.exceptions.NoSuchJobError)
    assert issubclass(core.DuplicateJob, rq.exceptions.DuplicateJobError)
    assert issubclass(core.InvalidJobOperation, rq.exceptions.InvalidJobOperation)
    assert issubclass(core.DecodeError, rq.exceptions.DeserializationError)
    assert not issubclass(rq.timeouts.JobTimeoutException, Exception)


# ---- cron -----------------------------------------------------------------------------------------------------------


def test_cron_interval(connection: Any) -> None:
    """An interval is due when it is new, and then after its time."""
    cron = rq.cron.CronScheduler(connection=connection)
    job = cron.register(f.say_hello, queue_name="greetings", args=("Ann",), interval=60)
    assert (job.func, job.queue_name, job.interval) == (f.say_hello, "greetings", 60)
    assert cron.get_jobs() == [job]
    assert len(cron.enqueue_jobs()) == 1
    assert cron.enqueue_jobs() == []
    queue = rq.Queue("greetings", connection=connection)
    assert queue.count == 1
    assert queue.jobs[0].func_name == "tests.compat.functions.say_hello"
    work(queue)


@pytest.mark.skipif(REAL, reason="RQ fires at every start (RQ.md 3.13)")
def test_cron_interval_is_not_new_twice(connection: Any) -> None:
    """A second scheduler with the same set fires nothing."""
    for expected in (1, 0):
        cron = rq.cron.CronScheduler(connection=connection)
        cron.register(f.say_hello, queue_name="greetings", interval=60)
        assert len(cron.enqueue_jobs()) == expected


def test_cron_expression(connection: Any) -> None:
    """A cron expression fires at its times, not at the start."""
    cron = rq.cron.CronScheduler(connection=connection)
    job = cron.register(f.say_hello, queue_name="greetings", cron="0 3 * * *")
    assert job.cron == "0 3 * * *"
    assert cron.enqueue_jobs() == []


def test_cron_refuses(connection: Any) -> None:
    """One of interval and cron."""
    cron = rq.cron.CronScheduler(connection=connection)
    with pytest.raises(ValueError, match=r".+"):
        cron.register(f.say_hello, queue_name="greetings")
    with pytest.raises(ValueError, match=r".+"):
        cron.register(f.say_hello, queue_name="greetings", interval=1, cron="* * * * *")


@pytest.mark.skipif(REAL, reason="RQ refuses them when it enqueues the first job")
def test_cron_arguments_are_a_list_or_a_tuple(connection: Any) -> None:
    """A text is refused when it is registered."""
    cron = rq.cron.CronScheduler(connection=connection)
    with pytest.raises(TypeError, match="not a valid args list"):
        cron.register(f.say_hello, queue_name="greetings", args="ab", interval=60)


def test_cron_file(connection: Any, tmp_path: Path) -> None:
    """A configuration file registers what it does."""
    file = tmp_path / "config.py"
    file.write_text(
        "from rq.cron import register\n"
        "from tests.compat.functions import say_hello\n"
        "register(say_hello, queue_name='greetings', interval=30)\n"
        "register(say_hello, queue_name='greetings', cron='*/5 * * * *')\n"
    )
    cron = rq.cron.CronScheduler(connection=connection)
    cron.load_config_from_file(str(file))
    assert [(job.interval, job.cron) for job in cron.get_jobs()] == [(30, None), (None, "*/5 * * * *")]
    with pytest.raises(FileNotFoundError):
        cron.load_config_from_file(str(tmp_path / "nothing.py"))


@pytest.mark.skipif(REAL, reason="winch's own way")
def test_seconds_stand_last() -> None:
    """RQ's sixth field is the second; winch takes it first."""
    from winch.compat.rq.cron import seconds_first

    assert seconds_first("1 2 3 4 5 30") == "30 1 2 3 4 5"
    assert seconds_first("1 2 3 4 5") == "1 2 3 4 5"


def test_scheduler(connection: Any) -> None:
    """The scheduler of old programs puts due jobs into their queues."""
    queue = rq.Queue(connection=connection)
    job = queue.enqueue_in(timedelta(seconds=-1), f.add, 1)
    scheduler = rq.scheduler.RQScheduler([queue], connection=queue.connection)
    scheduler.acquire_locks()
    scheduler.enqueue_scheduled_jobs()
    assert queue.job_ids == [job.id]


# ---- retired --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(REAL, reason="RQ has removed them")
@pytest.mark.redis
@pytest.mark.skipif(REAL, reason="RQ has the client's connections")
def test_a_client_for_each_request(redis_url: str) -> None:
    """If no URL says all of it, it has a store of its own. These are let go of with their connections, but not the one in use."""

    class Pool(ConnectionPool):
        """Whose it is nobody can tell."""

    def client() -> Redis:
        return Redis(connection_pool=Pool.from_url(redis_url))  # pyright: ignore[reportUnknownMemberType]

    def connections() -> int:
        return len(mine.client_list())  # pyright: ignore[reportUnknownMemberType]

    mine = client()
    before = connections()
    queue = rq.Queue(connection=mine)
    for _ in range(250):
        rq.Queue(connection=client()).enqueue(f.add, 1, 2)
        assert rq.Queue(connection=mine).connection is mine
    gc.collect()
    assert connections() - before <= 100
    assert (len(queue), queue.connection) == (250, mine)


def test_connection_stack(tmp_path: Path) -> None:
    """RQ 1's `Connection`, `use_connection` and their kin still work, and warn."""
    url = f"sqlite:///{tmp_path / 'old.db'}"
    with pytest.warns(DeprecationWarning, match="gone"), rq.Connection(url):
        assert rq.Queue().connection.place.endswith("old.db")
    with pytest.warns(DeprecationWarning, match="gone"):
        rq.use_connection(url)
    assert rq.get_current_connection() == url
    assert rq.pop_connection() == url
    with pytest.raises(rq.connections.NoRedisConnectionException), warnings.catch_warnings():
        rq.pop_connection()


# ---- testing --------------------------------------------------------------------------------------------------------


def test_fakeredis() -> None:
    """RQ's documented way to test: a client of fakeredis stands for a store in memory."""
    fakeredis: Any = pytest.importorskip("fakeredis")
    client = fakeredis.FakeStrictRedis()
    job = rq.Queue(is_async=False, connection=client).enqueue(f.add, 1, b=2)
    assert job.return_value() == 3
    queue = rq.Queue("other", connection=client)
    waiting = queue.enqueue(f.add, 1, on_success=rq.callbacks.Callback(f.save_result))
    assert rq.SimpleWorker([queue], connection=client).work(burst=True)
    assert rq.job.Job.fetch(waiting.id, connection=client).return_value() == 1
    assert client.get(f"success:{waiting.id}") == b"1"
