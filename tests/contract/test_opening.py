"""open, close, threads and forks: how a store is reached."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

import os
import threading
import time
from pathlib import Path

import pytest
from redis import Redis

from tests.contract.conftest import REAL, address, open_at, open_kind
from tests.contract.helpers import S, add, ids, job, lane, put, states
from winch.errors import StoreNotFound, StoreUnavailable
from winch.stores.contract import Store


@pytest.mark.parametrize("kind", REAL)
def test_a_store_that_is_not_there(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """`open(create=False)` finds no store where there is none, and leaves nothing behind."""
    store = open_kind(kind, request)
    with pytest.raises(StoreNotFound):
        store.open(create=False)
    if kind == "sqlite":
        assert list(tmp_path.iterdir()) == []
    else:
        url: str = request.getfixturevalue("redis_url")
        with Redis.from_url(url) as client:
            assert client.dbsize() == 0
    store.close()


@pytest.mark.parametrize("kind", REAL)
def test_who_made_the_store(kind: str, request: pytest.FixtureRequest) -> None:
    """The first to open a store has created it; the next, also by its `url`, finds it."""
    first = open_kind(kind, request)
    first.open()
    assert first.created
    one = add(first)
    second = open_at(first.url, deadline=5.0)
    second.open(create=False)
    assert not second.created
    assert states(second, one) == ["queued"]
    assert second.place == first.place
    assert second.deadline == 5.0
    for store in (first, second):
        store.close()


@pytest.mark.parametrize("kind", REAL)
def test_a_closed_store_opens_again(kind: str, request: pytest.FixtureRequest) -> None:
    """A store that was closed connects again when it is used."""
    store = open_kind(kind, request)
    one = add(store)
    store.close()
    store.close()
    assert states(store, one) == ["queued"]
    store.close()


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    """A store that does not answer is unavailable, within the deadline."""
    store = open_at(f"unix://{tmp_path / 'nobody.sock'}?db=0", deadline=0.3)
    start = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.open()
    with pytest.raises(StoreUnavailable):
        store.enqueue([job()])
    assert time.monotonic() - start < 3
    store.close()


def test_namespaces_are_apart(redis_url: str) -> None:
    """Two namespaces in one Redis do not see each other."""
    one = open_at(redis_url, namespace="one")
    other = open_at(redis_url, namespace="other")
    add(one, id="same")
    assert (other.queues(), states(other, "same")) == ([], [None])
    add(other, id="same")
    assert lane(one).one().id == "same"
    assert ids(other, "q", S.QUEUED) == ["same"]
    one.close()
    other.close()


def test_many_threads(store: Store) -> None:
    """Threads share a store: each job is claimed and settled once."""
    added = [each for _ in range(10) for each in put(store, *(job() for _ in range(20)))]
    done: list[str] = []

    def work() -> None:
        executor = lane(store)
        while claims := executor.claim(7):
            for claim in claims:
                assert executor.settle(claim)
                done.append(claim.id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == sorted(added)
    assert store.counts()["q"][S.FINISHED] == len(added)


@pytest.mark.parametrize("kind", REAL)
def test_after_a_fork(kind: str, request: pytest.FixtureRequest) -> None:
    """A child process uses the store of its parent over a connection of its own."""
    store = open_kind(kind, request)
    add(store)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            add(store)
            status = len(ids(store, "q", S.QUEUED)) - 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(ids(store, "q", S.QUEUED)) == 2
    store.close()


@pytest.mark.parametrize("kind", REAL)
def test_the_address_shows_no_password(kind: str, request: pytest.FixtureRequest) -> None:
    """`place` is for people: absolute, and without what is secret."""
    store = open_kind(kind, request)
    assert address(kind, request).split("//")[-1].split("?")[0].rsplit("/", 1)[-1] in store.place
    secret = open_at("redis://user:s3cret@localhost:1/0", deadline=1.0)
    assert "s3cret" not in secret.place
    store.close()
