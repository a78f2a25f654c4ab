"""Every name that the public API takes: it comes back as it was given, or is refused in words (FAULTS rows 49 and 78)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from winch import Callback, Dependency, Group, Job, Queue, Retry
from winch.errors import WinchError
from winch.stores import open_store
from winch.worker import Worker
from winch.worker.settings import WorkerSettings

NASTY = [
    "",
    " ",
    "\0",
    "a\nb",
    "a\r\n",
    "'",
    '"; DROP',
    "]]",
    "{x}",
    "a}b",
    "\ud800",
    "ä",
    "x" * 65_536,
    "..",
    "a:b",
    "\x1b[31m",
]

on_each_store = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # the names must not disturb each other, so one store is as good as many


def with_nasty(test: Callable[..., Any]) -> Callable[..., Any]:
    """A property of any text, and of each text that once did harm somewhere."""
    for name in NASTY:
        test = example(name=name)(test)
    return on_each_store(given(name=st.text(st.characters(), max_size=150) | st.sampled_from(NASTY))(test))


def target(*args: Any, **kwargs: Any) -> None:
    """A function."""


@pytest.fixture
def queue(store_url: str) -> Queue:
    """The queue `q` of the store under test."""
    return Queue("q", open_store(store_url))


def accepted(call: Callable[[], Any]) -> Any:
    """What a call returned, None if it was refused. Any other error is let through, and fails the test."""
    try:
        return call()
    except WinchError:
        return None


@with_nasty
def test_names_of_queues(queue: Queue, name: str) -> None:
    """A queue's name is refused, or it is among the queues of the store and its job is found there."""
    named = accepted(lambda: Queue(name, queue.connection))
    if named is None:
        return
    job = named.enqueue(target)
    assert name in queue.connection.queues()
    assert named.get_job_ids()[-1] == job.id
    assert Job.fetch(job.id, queue.connection).origin == name


@with_nasty
def test_ids_of_jobs(queue: Queue, name: str) -> None:
    """A job's id is refused, or the job is found under it, and only there."""
    before = queue.count
    job = accepted(lambda: queue.enqueue(target, job_id=name))
    if job is None:
        assert queue.count == before
        return
    assert Job.fetch(name, queue.connection).id == job.id == name
    job.delete()
    assert not Job.exists(name, queue.connection)


@with_nasty
def test_names_of_groups(queue: Queue, name: str) -> None:
    """A group's name is refused, or the group is found under it, and its job in it."""
    store = queue.connection
    group = accepted(lambda: Group.create(store, name or " "))
    if group is None:
        assert accepted(lambda: queue.using(group=name or " ").enqueue(target)) is None
        return
    job = queue.using(group=group).enqueue(target)
    assert Group.fetch(name, store) == group
    assert (group.job_ids, store.groups(), job.group_id) == ([job.id], [name], name)
    group.delete(delete_jobs=True)


@with_nasty
def test_ids_that_are_asked_for(queue: Queue, name: str) -> None:
    """Whatever is asked for, there is no such job; as a dependency it is refused; nothing is left behind."""
    before = queue.connection.counts()
    assert accepted(lambda: Job.fetch(name, queue.connection)) is None
    assert Job.exists(name, queue.connection) is False
    assert Job.fetch_many([name], queue.connection) == [None]
    assert accepted(lambda: queue.enqueue(target, depends_on=name)) is None
    assert accepted(lambda: Dependency(name) and queue.enqueue(target, depends_on=Dependency(name))) is None
    assert queue.connection.counts() == before


@with_nasty
def test_paths_of_functions(queue: Queue, name: str) -> None:
    """A path is refused, or stored as it was given: for a job and for a callback."""
    job = accepted(lambda: queue.enqueue(name))
    if job is not None:
        assert Job.fetch(job.id, queue.connection).func_name == name
        assert name.isprintable()
    called = accepted(lambda: queue.enqueue(target, on_success=Callback(name)))
    assert (called is None) is (job is None)


@with_nasty
def test_texts_and_keys(queue: Queue, name: str) -> None:
    """Descriptions, keys of meta, names of keywords and of errors are kept as they are, or refused."""
    job = accepted(lambda: queue.enqueue(target, description=name))
    if job is not None:
        assert Job.fetch(job.id, queue.connection).description == name[:2000]
    job = accepted(lambda: queue.enqueue(target, meta={name: name}))
    if job is not None:
        assert Job.fetch(job.id, queue.connection).meta == {name: name}
    job = accepted(lambda: queue.using().enqueue(target, **{name: name}))
    if job is not None:
        assert Job.fetch(job.id, queue.connection).kwargs == {name: name}
    job = accepted(lambda: queue.enqueue(target, retry=Retry(1, on=name)))
    if job is not None:
        assert Job.fetch(job.id, queue.connection).get_status() == "queued"


@with_nasty
def test_names_of_workers(name: str) -> None:
    """A worker's name is one line of text, and the queues that it listens to can exist; else it is refused."""
    if (found := accepted(lambda: WorkerSettings(name=name))) is not None:
        assert found.name.isprintable()
    known = accepted(lambda: Queue(name))
    assert (accepted(lambda: WorkerSettings(queues=(name,))) is None) is (known is None)


def test_a_worker_without_queues_is_refused(tmp_path: Path) -> None:
    """No queue at all is no worker."""
    assert accepted(lambda: Worker([], f"sqlite:///{tmp_path}/jobs.db")) is None


@with_nasty
def test_namespaces(name: str) -> None:
    """A namespace is refused or part of the address; nothing is opened for that."""
    store = accepted(lambda: open_store(f"redis://localhost:1/0?namespace={quote(name, errors='surrogatepass')}"))
    if store is not None and name:
        assert quote(name) in store.url
