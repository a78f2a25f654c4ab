"""`winch.suspension` and `Queue.pause`: no more jobs are handed out, for a while or until somebody says so."""

import pytest

from tests.contract.helpers import Boss, eventually, lane
from winch import Queue
from winch.errors import InvalidOption
from winch.stores import open_store
from winch.suspension import is_suspended, resume, suspend
from winch.worker import Worker


@pytest.fixture
def queue(store_url: str) -> Queue:
    """The queue `q` of an empty store, with a job."""
    queue = Queue("q", open_store(store_url))
    queue.enqueue("shop.work")
    return queue


def test_suspend_and_resume(queue: Queue) -> None:
    """While all is suspended nothing is handed out, and every queue says that it is paused."""
    store = queue.connection
    assert not is_suspended(store)
    suspend(store)
    assert is_suspended(store)
    assert queue.is_paused
    assert Queue("other", store).is_paused
    assert lane(store).claim() == []
    resume(store)
    assert not is_suspended(store)
    assert not queue.is_paused
    assert len(lane(store).claim()) == 1


def test_a_pause_of_one_queue(queue: Queue) -> None:
    """A pause of one queue is none of all, and goes on when all are resumed."""
    queue.pause()
    assert queue.is_paused
    assert not is_suspended(queue.connection)
    suspend(queue.connection)
    resume(queue.connection)
    assert queue.is_paused
    queue.resume()
    assert not queue.is_paused


def test_pauses_end_by_themselves(queue: Queue) -> None:
    """With a time given a pause and a suspension end by themselves."""
    queue.pause(ttl=0.05)
    suspend(queue.connection, ttl=0.05)
    assert queue.is_paused
    eventually(lambda: not queue.is_paused)
    assert not is_suspended(queue.connection)
    assert len(lane(queue.connection).claim()) == 1


@pytest.mark.parametrize("ttl", [0, -1, "soon"])
def test_times_that_are_none(queue: Queue, ttl: float | str) -> None:
    """A pause lasts for more than no time."""
    with pytest.raises(InvalidOption):
        queue.pause(ttl)
    with pytest.raises(InvalidOption):
        suspend(queue.connection, ttl)
    assert not queue.is_paused


def test_workers_say_so(queue: Queue) -> None:
    """A worker whose queues are all paused, or with everything, is `suspended`."""
    store = queue.connection
    Boss(store, host="elsewhere", queues=("q", "r")).lane()
    [worker] = Worker.all(store)
    assert worker.state == "idle"
    suspend(store)
    [worker] = Worker.all(store)
    assert worker.state == "suspended"
