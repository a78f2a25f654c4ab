"""A thread that ends leaves its connection, and the numbers of its calls, to the next."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false
# What a store has for its threads is nobody else's business:
# pyright: reportPrivateUsage=false

import os
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar, cast

import pytest
from redis import Redis

from tests.forks import fork, status_of
from tests.servers import RedisServer, find_redis_server
from winch.ids import new_id
from winch.states import JobStatus
from winch.stores.contract import NewJob, StoreOptions
from winch.stores.handover import Holder, Left, nothing_left, take_over
from winch.stores.redis import RedisStore
from winch.stores.sqlite import SQLiteStore

T = TypeVar("T")


def jobs(count: int = 1) -> list[NewJob]:
    """New jobs."""
    return [NewJob(new_id(), "q", b"payload") for _ in range(count)]


def in_a_thread(act: Callable[[], T]) -> T:
    """Do something in a thread of its own, and wait for the end of that."""
    answers: list[T] = []
    thread = threading.Thread(target=lambda: answers.append(act()))
    thread.start()
    thread.join()
    return answers[0]


class Thing:
    """What may be left."""

    def __init__(self, *, idle: bool = True) -> None:
        self.idle = idle

    def is_idle(self) -> bool:
        """What the test wants."""
        return self.idle


def test_what_is_idle_goes_from_hand_to_hand() -> None:
    """The last that was left first; what is in the middle of something is left to nobody, and there is an upper bound."""
    left: Left[Thing] = nothing_left()
    first, busy, last = Thing(), Thing(idle=False), Thing()
    for thing in (first, busy, last):
        Holder(thing, left)
    assert [take_over(left, lambda thing: thing is not last), take_over(left, lambda _: True)] == [first, None]
    for _ in range(100):
        Holder(Thing(), left)
    assert len(left) == 32


def test_threads_that_take_and_leave_at_once() -> None:
    """Each thing is in one hand at a time, whatever comes between whatever."""
    left: Left[Thing] = deque(Thing() for _ in range(4))
    twice: list[Thing] = []

    def work() -> None:
        for _ in range(2_000):
            thing = take_over(left, lambda _: True) or Thing()
            if not thing.idle:
                twice.append(thing)
            thing.idle = False
            thing.idle = True
            Holder(thing, left)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not twice


# ---- SQLite ---------------------------------------------------------------------------------------------------------


def connection_of(store: SQLiteStore) -> int:
    """Enqueue, and say over which connection."""
    store.enqueue(jobs())
    session = store._database.session()
    assert not session.closed
    return session.number


def test_an_sqlite_connection_goes_from_thread_to_thread(sqlite: SQLiteStore) -> None:
    """Threads that come one after the other share one, and never that of a thread that lives."""
    mine = connection_of(sqlite)
    theirs = {in_a_thread(lambda: connection_of(sqlite)) for _ in range(10)}
    assert len(theirs | {mine}) == 2
    assert connection_of(sqlite) == mine
    assert sqlite.counts()["q"][JobStatus.QUEUED] == 12


def test_a_thread_that_ended_in_a_transaction(sqlite: SQLiteStore) -> None:
    """It is undone at once, so that nobody waits for it, and the connection is not used again."""
    mine = connection_of(sqlite)

    def stop_in_the_middle() -> int:
        session = sqlite._database.session()
        session.db.execute("BEGIN IMMEDIATE")
        session.db.execute("INSERT INTO paused (name, ends) VALUES ('lost', 0)")
        return session.number

    theirs = in_a_thread(stop_in_the_middle)
    assert connection_of(sqlite) == mine
    assert in_a_thread(lambda: connection_of(sqlite)) not in (mine, theirs)
    assert not sqlite.paused()


def test_a_thread_that_ended_with_the_lock(sqlite: SQLiteStore) -> None:
    """Nobody could use that connection."""

    def stop_in_the_middle() -> int:
        session = sqlite._database.session()
        session.lock.acquire()
        return session.number

    theirs = in_a_thread(stop_in_the_middle)
    assert in_a_thread(lambda: connection_of(sqlite)) != theirs


def test_a_file_that_was_replaced_meanwhile(sqlite: SQLiteStore, path: Path) -> None:
    """The next thread works on the new one, not on what a thread has left of the old."""
    in_a_thread(lambda: connection_of(sqlite))
    for file in path.parent.glob("jobs.db*"):
        if file.is_file():
            file.unlink()
    in_a_thread(lambda: connection_of(sqlite))
    assert in_a_thread(lambda: sqlite.counts()["q"][JobStatus.QUEUED]) == 1


def test_a_close_closes_what_threads_have_left(sqlite: SQLiteStore, path: Path) -> None:
    """Then the journal is gone; the next thread connects anew."""
    theirs = in_a_thread(lambda: connection_of(sqlite))
    sqlite.close()
    assert not path.with_name("jobs.db-wal").exists()
    assert in_a_thread(lambda: connection_of(sqlite)) != theirs


def test_a_fork_closes_what_threads_have_left(sqlite: SQLiteStore) -> None:
    """Parent and child go on, each with connections of its own."""
    in_a_thread(lambda: connection_of(sqlite))
    child = fork(lambda: in_a_thread(lambda: connection_of(sqlite)))
    in_a_thread(lambda: connection_of(sqlite))
    assert status_of(child) == 0
    assert sqlite.counts()["q"][JobStatus.QUEUED] == 3


def test_the_end_of_a_program(path: Path) -> None:
    """What threads have left is closed, also while another one goes on: without a word, and without a journal."""
    program = f"""
import threading, time
from winch.ids import new_id
from winch.stores.contract import NewJob
from winch.stores.sqlite import SQLiteStore

store, done = SQLiteStore({str(path)!r}), threading.Event()

def enqueue():
    store.enqueue([NewJob(new_id(), "q", b"payload")])

def go_on():
    enqueue()
    done.set()
    time.sleep(60)

enqueue()
threads = [threading.Thread(target=enqueue) for _ in range(5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
threading.Thread(target=go_on, daemon=True).start()
done.wait()
"""
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not path.with_name("jobs.db-wal").exists()


# ---- Redis ----------------------------------------------------------------------------------------------------------


needs_redis = pytest.mark.skipif(find_redis_server() is None, reason="no redis-server")


@pytest.fixture
def client() -> Iterator[Redis]:
    """A client of redis-py on a server of its own."""
    with RedisServer(port=True) as server, Redis.from_url(server.tcp_url) as connected:
        yield connected


@pytest.fixture(params=["wire", "redis-py"])
def redis(client: Redis, request: pytest.FixtureRequest) -> Iterator[RedisStore]:
    """A store over either kind of connection."""
    settings = client.connection_pool.connection_kwargs
    source = client if request.param == "redis-py" else f"redis://{settings['host']}:{settings['port']}/0"
    opened = RedisStore(source, StoreOptions(deadline=2.0))
    yield opened
    opened.close()


def numbers(client: Redis) -> list[int]:
    """The last number of each channel."""
    kept = [cast(bytes, client.get(key)) for key in client.keys("*ch:*")]
    return sorted(struct.unpack("<q", value[:8])[0] for value in kept)


def connections(client: Redis) -> int:
    """How many there are beside the client's."""
    return len(client.client_list()) - 1


@pytest.mark.redis
@needs_redis
def test_the_first_call_of_a_process(redis: RedisStore, client: Redis) -> None:
    """One connection does for it, and for the look at the server that comes before."""
    redis.enqueue(jobs())
    assert (numbers(client), connections(client)) == ([1], 1)


@pytest.mark.redis
@needs_redis
def test_a_redis_connection_goes_from_thread_to_thread(redis: RedisStore, client: Redis) -> None:
    """Its numbers go on, so a hundred threads leave one channel and not a hundred."""
    redis.enqueue(jobs())
    for _ in range(100):
        in_a_thread(lambda: redis.enqueue(jobs()))
    assert (numbers(client), connections(client)) == ([1, 100], 2)
    assert redis.counts()["q"][JobStatus.QUEUED] == 101


@pytest.mark.redis
@needs_redis
def test_a_thread_that_ended_before_its_answer_came(redis: RedisStore, client: Redis) -> None:
    """That answer is not for the next thread."""

    def leave() -> None:
        redis.begin_enqueue(jobs(3))

    def enqueue() -> int:
        answer = redis.begin_enqueue(jobs())
        return len(answer().states)

    in_a_thread(lambda: redis.enqueue(jobs()))
    in_a_thread(leave)
    assert in_a_thread(enqueue) == 1
    assert numbers(client) == [1, 2]
    assert redis.counts()["q"][JobStatus.QUEUED] == 5


@pytest.mark.redis
@needs_redis
def test_a_connection_that_was_cut_meanwhile(redis: RedisStore, client: Redis) -> None:
    """The next thread makes a new one, and goes on with the numbers."""
    in_a_thread(lambda: redis.enqueue(jobs()))
    client.execute_command("CLIENT", "KILL", "SKIPME", "yes")
    in_a_thread(lambda: redis.enqueue(jobs()))
    assert (numbers(client), connections(client)) == ([2], 1)


@pytest.mark.redis
@needs_redis
def test_a_close_of_what_threads_have_left(redis: RedisStore, client: Redis) -> None:
    """Afterwards nothing is connected; the next thread connects anew."""
    in_a_thread(lambda: redis.enqueue(jobs()))
    redis.close()
    client.ping()
    assert connections(client) == 0
    in_a_thread(lambda: redis.enqueue(jobs()))
    assert redis.counts()["q"][JobStatus.QUEUED] == 2


@pytest.mark.redis
@needs_redis
def test_a_child_does_not_take_over_from_its_parent(redis: RedisStore, client: Redis) -> None:
    """It has a channel of its own, and the parent's next thread goes on with the one that was left."""
    in_a_thread(lambda: redis.enqueue(jobs()))
    child = fork(lambda: [in_a_thread(lambda: redis.enqueue(jobs())) for _ in range(3)])
    assert status_of(child) == 0
    in_a_thread(lambda: redis.enqueue(jobs()))
    assert numbers(client) == [2, 3]
    assert os.getpid() == redis._calls._left[0].pid
