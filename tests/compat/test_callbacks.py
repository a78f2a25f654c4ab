"""RQ's callbacks: what they are called with, when, and what their failure does. They write to Redis as RQ's users do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compat import functions as f
from tests.compat.running import work
from tests.compat.side import REAL, rq

Callback: Any = rq.callbacks.Callback


@pytest.fixture
def queue(redis: Any) -> Any:
    """A queue on Redis."""
    return rq.Queue(connection=redis)


@pytest.mark.parametrize("form", [f.save_result, "tests.compat.functions.save_result"])
def test_on_success(queue: Any, redis: Any, form: Any) -> None:
    """A success calls `on_success(job, connection, result)`; a failure does not."""
    job = queue.enqueue(f.add, 1, b=2, on_success=Callback(form))
    failed = queue.enqueue(f.div_by_zero, 1, on_success=Callback(form))
    work(queue)
    assert redis.get(f"success:{job.id}") == b"3"
    assert redis.get(f"success:{failed.id}") is None


def test_on_success_that_fails(queue: Any, redis: Any) -> None:
    """An exception in `on_success` fails the job, and is its error."""
    job = queue.enqueue(f.add, 1, on_success=Callback(f.bad_callback), on_failure=Callback(f.save_error))
    work(queue)
    assert job.is_failed
    job.refresh()
    assert "bad callback" in job.exc_info
    assert redis.lrange(f"failure:{job.id}", 0, -1) == [b"RuntimeError: bad callback"]


def test_on_failure(queue: Any, redis: Any) -> None:
    """A failure calls `on_failure(job, connection, type, value, traceback)` with the exception that was raised."""
    job = queue.enqueue(f.div_by_zero, 1, on_failure=Callback(f.save_error))
    fine = queue.enqueue(f.add, 1, on_failure=Callback(f.save_error))
    work(queue)
    assert redis.lrange(f"failure:{job.id}", 0, -1) == [b"ZeroDivisionError: division by zero"]
    assert not redis.exists(f"failure:{fine.id}")


def test_on_failure_at_each_attempt(queue: Any, redis: Any) -> None:
    """`on_failure` is called at every attempt that fails."""
    job = queue.enqueue(f.div_by_zero, 1, on_failure=Callback(f.save_error), retry=rq.Retry(max=2))
    work(queue)
    assert redis.llen(f"failure:{job.id}") == 3


def test_inline_callbacks(redis: Any) -> None:
    """A queue that is not asynchronous calls them, too."""
    queue = rq.Queue(connection=redis, is_async=False)
    job = queue.enqueue(f.add, 1, b=2, on_success=Callback(f.save_result))
    failed = queue.enqueue(f.div_by_zero, 1, on_failure=Callback(f.save_error))
    assert redis.get(f"success:{job.id}") == b"3"
    assert redis.llen(f"failure:{failed.id}") == 1


def test_in_a_worker(queue: Any, redis: Any) -> None:
    """The same in processes of a Worker."""
    job = queue.enqueue(f.add, 1, b=2, on_success=Callback(f.save_result, timeout="10s"))
    failed = queue.enqueue(f.div_by_zero, 1, on_failure=Callback(f.save_error))
    rq.Worker([queue], connection=redis).work(burst=True, logging_level="ERROR")
    assert redis.get(f"success:{job.id}") == b"3"
    assert redis.lrange(f"failure:{failed.id}", 0, -1) == [b"ZeroDivisionError: division by zero"]


def test_callback_object() -> None:
    """A Callback knows its function's path and its time."""
    callback = Callback(f.save_result, timeout="2m")
    assert (callback.name, callback.timeout) == ("tests.compat.functions.save_result", 120)
    assert Callback("a.b").timeout == 60
    with pytest.raises(ValueError, match=r".+"):
        Callback(1)


def test_exception_handlers(queue: Any, redis: Any) -> None:
    """Exception handlers are called one after the other; one that returns False is the last."""
    called: list[str] = []

    def first(job: Any, *error: Any) -> bool:
        called.append(f"first {job.id} {error[0].__name__}")
        return True

    def second(job: Any, kind: Any, value: Any, traceback: Any) -> bool:
        called.append(f"second {value}")
        return False

    def third(*_: Any) -> None:
        called.append("third")

    job = queue.enqueue(f.div_by_zero, 1)
    work_with(queue, rq.SimpleWorker, [first, second, third])
    assert called == [f"first {job.id} ZeroDivisionError", "second division by zero"]


@pytest.mark.parametrize("local", [False, True])
def test_exception_handlers_of_a_worker(queue: Any, redis: Any, local: bool) -> None:
    """A handler changes the job's meta, also one that is defined inside a function."""

    def inner(job: Any, *error: Any) -> bool:
        return f.handle(job, *error)

    job = queue.enqueue(f.div_by_zero, 1)
    work_with(queue, rq.Worker, [inner if local else f.handle])
    job.refresh()
    assert job.is_failed
    assert job.meta == {"handled": "ZeroDivisionError"}


def work_with(queue: Any, kind: Any, handlers: list[Any]) -> None:
    """Run what there is."""
    kind([queue], connection=queue.connection, exception_handlers=handlers).work(burst=True, logging_level="CRITICAL")


@pytest.mark.skipif(REAL, reason="RQ's webhook needs a server that answers")
def test_webhook_is_refused(queue: Any) -> None:
    """Webhooks are winch's: other schemes than http and https are refused."""
    with pytest.raises(ValueError, match="http"):
        rq.Webhook("ftp://example.org", "finished")
    hook = rq.Webhook("https://example.org/x", "failed", method="POST", headers={"a": "b"}, timeout=5)
    assert queue.enqueue(f.add, 1, webhooks=[hook]).is_queued
