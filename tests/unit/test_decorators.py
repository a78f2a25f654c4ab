"""`@task`: a function that knows its queue."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from winch import Queue, Retry, codec, task
from winch.callables import Admission, path_of
from winch.errors import InvalidOption, UnimportableFunction
from winch.stores import open_store
from winch.stores.contract import Store

QUEUE = Queue("emails")


@task(QUEUE, retry=3, timeout="1m")
def send(user: int, body: str = "") -> str:
    """Send a message."""
    return body * user


@task("other")
async def asend(user: int) -> int:
    """A coroutine function."""
    return user


class Mailer:
    @staticmethod
    @task(QUEUE)
    def send(user: int) -> int:
        return user


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store."""
    store = open_store(f"sqlite:///{tmp_path / 'jobs.db'}")
    monkeypatch.setattr(QUEUE, "_connection", store)
    monkeypatch.setattr(asend.queue, "_connection", store)
    yield store
    store.close()


def test_it_is_still_a_function() -> None:
    """That can be called, and knows its name and text."""
    assert send(2, "x") == "xx"
    assert asyncio.run(asend(3)) == 3
    assert (getattr(send, "__name__", ""), send.__doc__) == ("send", "Send a message.")
    assert path_of(send) == f"{__name__}.send"
    assert Admission([Path(__file__).parents[2]], ["tests.*"]).resolve(path_of(send)) is send.__wrapped__


def test_delay(store: Store) -> None:
    """Puts a call into the task's queue, with the task's options."""
    job = send.delay(2, body="x")
    assert (job.origin, job.args, job.kwargs, job.timeout) == ("emails", (2,), {"body": "x"}, 60)
    assert codec.head(job.record.payload).run.retry == Retry(3)
    assert send.enqueue(2).origin == "emails"
    assert asyncio.run(asend.adelay(1)).origin == "other"
    assert QUEUE.enqueue(send, 2).func_name == f"{__name__}.send"


def test_other_options(store: Store) -> None:
    """For one call, on top of the task's."""
    job = send.using(priority=5, timeout=7).delay(2)
    assert (job.priority, job.timeout) == (5, 7)
    assert send.delay(2).timeout == 60


def test_arguments_are_checked(store: Store) -> None:
    """When the job is enqueued, not when it runs."""
    with pytest.raises(TypeError, match="send"):
        send.delay()  # pyright: ignore[reportCallIssue]
    with pytest.raises(InvalidOption):
        send.using(priority=1000)


def test_static_methods(store: Store) -> None:
    """With `@staticmethod` above."""
    assert Mailer.send(3) == 3
    assert Mailer.send.delay(3).func_name == f"{__name__}.Mailer.send"


def test_methods_are_refused() -> None:
    """When the class is made, with what to do instead."""
    with pytest.raises(UnimportableFunction, match=r"method .*bad"):

        class _A:  # pyright: ignore[reportUnusedClass]
            @task("a")
            def bad(self) -> None: ...

    with pytest.raises(UnimportableFunction, match="@task stands below @staticmethod"):

        class _B:  # pyright: ignore[reportUnusedClass]
            @task("a")
            @staticmethod
            def bad() -> None: ...

    with pytest.raises((UnimportableFunction, RuntimeError)):

        class _C:  # pyright: ignore[reportUnusedClass]
            @task("a")
            def bad() -> None: ...
