"""Calls come through trouble, or say exactly what happened."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false
# Job ids are called `id`:
# ruff: noqa: A001

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from redis import Redis

from tests.servers import RedisServer, find_redis_server
from winch.errors import StoreNotFound, StoreRefused, StoreUnavailable
from winch.ids import new_id
from winch.states import JobStatus
from winch.stores.contract import NewCallback, NewJob, Outcome, StoreOptions, WorkerInfo
from winch.stores.redis import RedisStore

pytestmark = [pytest.mark.redis, pytest.mark.skipif(find_redis_server() is None, reason="no redis-server")]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server that a test may stop, fill and restart."""
    with RedisServer(port=True, appendonly=True) as running:
        yield running


@pytest.fixture
def client(server: RedisServer) -> Iterator[Redis]:
    """A client of redis-py, to make trouble with."""
    with Redis.from_url(server.url) as connected:
        yield connected


@pytest.fixture
def store(server: RedisServer) -> Iterator[RedisStore]:
    """A store with a short deadline."""
    opened = RedisStore(server.tcp_url, StoreOptions(deadline=1.5))
    yield opened
    opened.close()


def put(store: RedisStore, *, queue: str = "q") -> str:
    """Enqueue one job."""
    id = new_id()
    store.enqueue([NewJob(id, queue, b"x", callbacks=(NewCallback("success", b"c"),))])
    return id


def hire(store: RedisStore) -> None:
    """Enlist a worker `w` with an executor `x`."""
    store.enlist(WorkerInfo("w", "w", "h", "b", 1, 2, ("q",), "1", 30_000, 5_000, 1))
    store.enlist_executor("w", "x")


def cut(client: Redis) -> None:
    """End every connection but the client's."""
    client.execute_command("CLIENT", "KILL", "SKIPME", "yes")


def test_scripts_are_loaded_again(store: RedisStore, client: Redis) -> None:
    """A server that forgot the scripts gets them again."""
    put(store)
    client.script_flush()
    put(store)
    assert store.counts()["q"][JobStatus.QUEUED] == 2


def test_a_cut_connection_is_made_anew(store: RedisStore, client: Redis) -> None:
    """A call on a connection that was cut is repeated, and happens once."""
    hire(store)
    put(store)
    cut(client)
    put(store)
    read = store.begin_turn("x", 1, (), (), ["q"], 9, {})
    cut(client)
    assert len(read().claims) == 2
    assert store.counts()["q"][JobStatus.STARTED] == 2


def test_other_calls_may_come_between(store: RedisStore) -> None:
    """While a turn is under way its thread may call the store."""
    hire(store)
    put(store)
    read = store.begin_turn("x", 1, (), (), ["q"], 9, {})
    assert store.queues() == ["q"]
    assert len(read().claims) == 1


def test_a_signal_handler_asks_in_the_middle_of_a_call(store: RedisStore, client: Redis) -> None:
    """Each of the two gets its own answer: the handler asks over another connection, and under numbers of its own."""
    first, inner = put(store), list[str]()

    def handler(*_: object) -> None:
        inner.append(put(store, queue="inner"))

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        client.client_pause(300)  # so the call waits for its answer when the signal comes
        ident = threading.main_thread().ident or 0
        threading.Timer(0.1, signal.pthread_kill, (ident, signal.SIGUSR1)).start()
        outer = put(store, queue="outer")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert {name: store.list(name, JobStatus.QUEUED) for name in ("q", "outer", "inner")} == {
        "q": [first],
        "outer": [outer],
        "inner": inner,
    }
    assert len(inner) == 1


def test_a_silent_server_meets_the_deadline(store: RedisStore, server: RedisServer) -> None:
    """The error names the place and says that the call may have happened."""
    put(store)
    os.kill(server.pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1.*may have happened"):
            put(store)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert 1.2 < time.monotonic() - began < 2.5


def test_an_absent_server_meets_the_deadline(server: RedisServer) -> None:
    """Without a connection the call has not happened."""
    server.stop()
    with pytest.raises(StoreUnavailable, match="has not happened; is the server running"):
        put(RedisStore(server.tcp_url, StoreOptions(deadline=0.3)))


def test_a_short_outage_is_outlived(store: RedisStore, server: RedisServer) -> None:
    """A call waits for a server that comes back, and happens once."""
    put(store)
    server.stop()
    starter = threading.Timer(0.3, server.start)
    starter.start()
    put(store)
    starter.join()
    assert store.counts()["q"][JobStatus.QUEUED] == 2


def test_a_full_server_settles_without_results(
    store: RedisStore, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """At maxmemory enqueue is refused with advice, settling goes on, callbacks are made, results are not kept: it is logged."""
    hire(store)
    id = put(store)
    (claim,) = store.turn("x", 1, (), (), ["q"], 1, {}).claims
    client.config_set("maxmemory", "1")
    with pytest.raises(StoreRefused, match="raise maxmemory"):
        put(store)
    turn = store.turn("x", 2, [Outcome(claim.token, id, "finished", result=b"r")], (), ["q"], 1, {})
    found = store.get([id])[0]
    assert found is not None
    assert (found.state, found.result, turn.late) == (JobStatus.FINISHED, b"", ())
    assert [one.payload for one in turn.claims] == [b"c"]
    assert [each.message.partition(" is full: ")[2] for each in caplog.records] == [
        "the results of 1 jobs were not kept"
    ]
    assert store.beat("w", 1, ["x"]).strays == ()
    assert store.delete([id]) == 1


def test_refusals_say_what_to_do(server: RedisServer, client: Redis) -> None:
    """A wrong password, a foreign key and a newer schema are refused at once."""
    client.set("{taken}:store", "something else")
    with pytest.raises(StoreRefused, match="choose another namespace"):
        RedisStore(server.url, StoreOptions("taken")).queues()
    client.hset("{newer}:store", "schema", "99")
    with pytest.raises(StoreRefused, match="schema 99"):
        RedisStore(server.url, StoreOptions("newer")).queues()
    client.config_set("requirepass", "secret")
    with pytest.raises(StoreRefused, match="password"):
        RedisStore(server.tcp_url).queues()


@pytest.mark.parametrize("verb", ["queues", "enqueue", "turn"])
def test_a_refused_connection_says_what_to_do(server: RedisServer, verb: str) -> None:
    """What the server refuses before the first call is told with the place, whatever the call."""
    store = RedisStore(f"redis://127.0.0.1:{server.port}/99", StoreOptions(deadline=1.5))
    if verb == "turn":
        store._calls.is_open = True  # pyright: ignore[reportPrivateUsage] - as if it had been open before
    calls: dict[str, Callable[[], object]] = {
        "queues": store.queues,
        "enqueue": lambda: put(store),
        "turn": lambda: store.turn("x", 1, (), (), ["q"], 9, {}),
    }
    with pytest.raises(StoreRefused, match=rf"{server.port}/99 .*out of range.*number of the database"):
        calls[verb]()


def test_a_login_that_is_not_wanted(server: RedisServer) -> None:
    """A password for a server that has none, or a user that it does not know."""
    for login, told in ((":pw", "without any password .*Check the user, the password"), ("me:pw", "check the address")):
        with pytest.raises(StoreRefused, match=told):
            RedisStore(f"redis://{login}@127.0.0.1:{server.port}/0").queues()


@pytest.mark.parametrize("cause", ["rights", "type"])
def test_a_waiter_that_is_refused_rests(
    store: RedisStore, client: Redis, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A sleeper that may not listen looks every half second, says why once, and listens as soon as it may."""
    store.open()
    if cause == "rights":
        client.execute_command("ACL", "SETUSER", "default", "-blpop")
    else:
        client.set("{winch}:marker:q", "something else")
    waiter, takes, until = store.waiter(["q"]), 0, time.monotonic() + 1.2
    while time.monotonic() < until:
        waiter.arm()
        select.select([waiter], [], [], until - time.monotonic() if waiter.poll is None else waiter.poll)
        takes += waiter.take()
    assert 2 <= takes <= 6
    [told] = [each for each in caplog.records if each.name == "winch"]
    assert store.place in told.getMessage()
    if cause == "rights":
        client.execute_command("ACL", "SETUSER", "default", "+blpop")
    else:
        client.delete("{winch}:marker:q")
    time.sleep(0.5)
    waiter.arm()
    assert waiter.poll is None
    put(store)
    assert select.select([waiter], [], [], 5)[0]
    assert waiter.take()
    waiter.close()


def test_reading_makes_no_store(store: RedisStore, client: Redis) -> None:
    """Only a change makes a store; `created` tells."""
    with pytest.raises(StoreNotFound):
        store.open(create=False)
    assert (store.queues(), store.created, client.keys()) == ([], False, [])
    put(store)
    assert store.created


def test_a_waiter_outlives_its_connection(store: RedisStore, client: Redis) -> None:
    """A cut waiter says "look for yourself", and listens again when it is armed."""
    waiter = store.waiter(["q"])
    waiter.arm()
    cut(client)
    assert select.select([waiter], [], [], 5)[0]
    assert waiter.take()
    waiter.arm()
    put(store)
    assert select.select([waiter], [], [], 5)[0]
    assert waiter.take()
    waiter.close()


def test_a_wait_for_an_end_outlives_its_connection(store: RedisStore, client: Redis) -> None:
    """The subscription is made again, and the question asked again."""
    id = put(store)

    def end() -> None:
        with Redis.from_url(store.url.partition("?")[0]) as other:
            deadline = time.monotonic() + 5
            while not cast("list[bytes]", other.pubsub_channels()) and time.monotonic() < deadline:
                time.sleep(0.01)
            other.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        store.cancel(id)

    ender = threading.Thread(target=end)
    ender.start()
    assert [job.state for job in store.await_end([id], 10)] == [JobStatus.CANCELED]
    ender.join()


def test_a_child_process_has_its_own_connections(store: RedisStore) -> None:
    """After a fork parent and child use the same store object side by side."""
    put(store)
    pid = os.fork()
    if pid == 0:
        put(store)
        os._exit(0 if store.queues() == ["q"] else 1)
    put(store)
    assert os.waitpid(pid, 0)[1] == 0
    assert store.counts()["q"][JobStatus.QUEUED] == 3


def test_an_unblock_that_comes_first_is_repeated(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sleeper stops at once also if UNBLOCK overtakes its BLPOP; if nothing helps it drops its connection."""
    store.open()
    calls = store._calls  # pyright: ignore[reportPrivateUsage]
    command, answers = calls.command, [0, 0]
    monkeypatch.setattr(calls, "command", lambda *words: answers.pop() if answers else command(*words))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    waiter = store.waiter(["q"])
    waiter.arm()
    began = time.monotonic()
    assert not waiter.disarm()
    assert time.monotonic() - began < 0.5
    assert not answers
    waiter.arm()
    monkeypatch.setattr(calls, "command", lambda *_: 0)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr(calls, "deadline", 0.05)
    assert waiter.disarm()
    waiter.close()


def test_opening_asks_the_server_once(store: RedisStore, client: Redis) -> None:
    """What it tells of itself is enough for its version and its policy."""
    client.config_resetstat()
    store.open()
    assert client.info("commandstats")["cmdstat_info"]["calls"] == 1
