"""The jobs of a real RQ database move into winch."""
# redis-py leaves **kwargs without a type:
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.commands import run
from tests.contract.helpers import run as finish
from winch import codec
from winch.compat.moving import Move
from winch.compat.rqdb import RQDatabase
from winch.job import Job
from winch.queue import Queue
from winch.states import JobStatus
from winch.stores import open_store
from winch.stores.contract import Store

S = JobStatus


@pytest.fixture(scope="module")
def rq() -> Iterator[Any]:
    """RQ itself: the tests of winch.compat.rq let `import rq` find winch, in this process too."""
    stand_ins = [finder for finder in sys.meta_path if type(finder).__module__.startswith("winch")]
    modules = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "rq"}
    sys.meta_path[:] = [finder for finder in sys.meta_path if finder not in stand_ins]
    for name in modules:
        del sys.modules[name]
    yield pytest.importorskip("rq")
    for name in [name for name in sys.modules if name.partition(".")[0] == "rq"]:
        del sys.modules[name]
    sys.modules.update(modules)
    sys.meta_path[:0] = stand_ins


@pytest.fixture
def database(redis_url: str) -> Iterator[Any]:
    """The client of an empty database."""
    with Redis.from_url(redis_url) as client:
        yield client
        client.flushdb()  # RQ leaves keys without an end


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Where the jobs go."""
    store = open_store(f"sqlite:///{tmp_path}/jobs.db")
    yield store
    store.close()


def job(store: Store, rq_job: Any) -> Job[Any]:
    """The job in winch that one of RQ has become."""
    return Job[Any].fetch(rq_job.id, store)


def test_jobs_arrive_with_what_was_asked_for(rq: Any, database: Any, store: Store) -> None:
    """Calls, options, order, times and dependencies are those of RQ; RQ keeps nothing."""
    queue = rq.Queue("mail", connection=database)
    first = queue.enqueue(
        "shop.send", 1, to="ada", job_timeout=77, retry=rq.Retry(3, [1, 2]), meta={"x": 1}, description="hello"
    )
    second = queue.enqueue("shop.send", 2, repeat=rq.Repeat(2, [5, 9]), on_success=rq.Callback("shop.thank"))
    later = queue.enqueue_in(timedelta(hours=1), "shop.send", 3)
    child = queue.enqueue("shop.report", depends_on=[first, later])
    result = Move(RQDatabase(database), store).run(["mail"])
    assert (result.left, sum(result.moved.values())) == ({}, 4)
    moved = job(store, first)
    assert (moved.func_name, moved.args, moved.kwargs) == ("shop.send", (1,), {"to": "ada"})
    assert (moved.timeout, moved.meta, moved.description, moved.origin) == (77, {"x": 1}, "hello", "mail")
    retry = codec.head(moved.record.payload).run.retry
    assert retry is not None
    assert (retry.max, retry.intervals) == (3, (1, 1, 2))
    repeat = codec.head(job(store, second).record.payload).run.repeat
    assert repeat is not None
    assert (repeat.times, repeat.intervals) == (2, (5, 9))
    assert [job(store, one).get_status() for one in (first, second, later, child)] == [
        S.QUEUED, S.QUEUED, S.SCHEDULED, S.DEFERRED,
    ]  # fmt: skip
    assert [job(store, one).get_position() for one in (first, second)] == [0, 1]
    due = job(store, later).due_at
    assert due is not None
    assert 3_590 < due.timestamp() - moved.created_at.timestamp() < 3_610
    assert database.keys("rq:job:*") == []
    assert rq.Queue("mail", connection=database).count == 0


def test_failed_jobs_stay_failed(rq: Any, database: Any, store: Store) -> None:
    """With their traceback, and can be requeued. RQ has called `on_failure`, so it stays behind; other callbacks do not."""
    queue = rq.Queue("mail", connection=database)
    failed = queue.enqueue(
        "os.path.join", on_success=rq.Callback("os.path.exists"), on_failure=rq.Callback("os.path.exists")
    )
    rq.SimpleWorker([queue], connection=database).work(burst=True, logging_level="CRITICAL")
    assert sum(Move(RQDatabase(database), store).run(["mail"]).moved.values()) == 1
    moved = job(store, failed)
    assert moved.is_failed
    assert "TypeError" in (moved.exc_info or "")
    assert Queue("mail", store).is_empty()
    moved.requeue()
    assert moved.is_queued
    finish(store, moved.id)
    assert [one.func_name for one in Queue("mail", store).jobs] == ["os.path.exists"]


def test_a_move_that_was_interrupted_is_run_again(rq: Any, database: Any, store: Store) -> None:
    """What had left RQ and not arrived arrives; what had arrived, and has even finished, is not enqueued once more."""
    queue = rq.Queue("mail", connection=database)
    taken, arrived = queue.enqueue("shop.send", 1), queue.enqueue("shop.send", 2)
    source = RQDatabase(database)
    for found in source.jobs("mail", "queued"):
        assert source.take(found)
    Queue("mail", store).enqueue("shop.send", 2, job_id=arrived.id)
    assert rq.Queue("mail", connection=database).count == 0
    result = Move(source, store).run(["mail"])
    assert sum(result.moved.values()) == 2
    assert [one.id for one in Job[Any].fetch_many([taken.id, arrived.id], store) if one] == [taken.id, arrived.id]
    assert store.counts()["mail"][S.QUEUED] == 2
    assert Move(source, store).run(["mail"]).moved == {}


def test_what_cannot_be_moved_stays_in_rq(rq: Any, database: Any, store: Store) -> None:
    """Methods of objects, arguments that cannot travel, and children of those; each with its reason, in its place."""
    queue = rq.Queue("mail", connection=database)
    method = queue.enqueue(Path("x").joinpath, "y")
    odd = queue.enqueue("shop.send", object())
    child = queue.enqueue("shop.send", depends_on=odd)
    fine = queue.enqueue("shop.send", 1)
    result = Move(RQDatabase(database), store).run(["mail"])
    assert set(result.left) == {method.id, odd.id, child.id}
    assert "method" in result.left[method.id]
    assert "--pickle" in result.left[odd.id]
    assert list(result.moved.values()) == [1]
    assert job(store, fine).is_queued
    assert rq.Queue("mail", connection=database).job_ids == [method.id, odd.id]
    assert child.get_status() == "deferred"
    assert set(Move(RQDatabase(database), store, pickle=True).run(["mail"]).left) == {method.id}
    assert job(store, child).is_deferred


def test_the_command_asks_for_consent(rq: Any, database: Any, redis_url: str, tmp_path: Path) -> None:
    """Pickles are not loaded without it; a dry run counts and loads none."""
    url = f"sqlite:///{tmp_path}/jobs.db"
    rq.Queue("mail", connection=database).enqueue("shop.send", 1)
    assert json.loads(run("import-rq", redis_url, "-u", url, "--dry-run", "--json").stdout)["mail"]["queued"] == 1
    assert "--trust-pickles" in run("import-rq", redis_url, "-u", url, code=2).output
    assert rq.Queue("mail", connection=database).count == 1
    assert "1 jobs moved, 0 left." in run("import-rq", redis_url, "-u", url, "--trust-pickles").stdout
    assert "0 jobs moved" in run("import-rq", redis_url, "-u", url, "--trust-pickles").stdout
    told = run("import-rq", "redis://ada:secret@localhost:1/2?password=secret", "-u", url, code=1).output
    assert "redis://localhost:1/2 does not answer" in told
    assert "secret" not in told
