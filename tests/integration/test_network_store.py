"""A store behind a failing link: every call happens once, says what it knows, and goes on when the link does."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

import ctypes
import gc
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.contract.conftest import open_at
from tests.contract.helpers import (
    Channel,
    Lane,
    S,
    add,
    check_consistent,
    eventually,
    held,
    ids,
    job,
    lane,
    outcome,
    put,
    snapshot,
    states,
)
from tests.contract.test_repeat import VERBS, Verb, enqueue_what_vanished
from tests.proxy import Proxy
from tests.servers import RedisServer
from winch.errors import StoreUnavailable
from winch.stores.contract import Store
from winch.stores.redis import scripts

pytestmark = pytest.mark.redis


@pytest.fixture
def proxy(redis_server: RedisServer, redis_url: str) -> Iterator[Proxy]:
    """A link to an empty database, whose server knows the scripts."""
    with Redis.from_url(redis_url) as client:
        for path in Path(scripts.__file__).parent.glob("lua/*.lua"):
            client.script_load(scripts.script(path.stem).text.decode())
    with Proxy(redis_server.socket) as link:
        yield link


@pytest.fixture
def store(proxy: Proxy) -> Iterator[Store]:
    """A store behind that link. When the test is over it is consistent."""
    opened = open_at(proxy.url, deadline=5.0)
    yield opened
    proxy.heal()
    check_consistent(opened)
    opened.close()


@pytest.fixture
def direct(redis_url: str) -> Iterator[Store]:
    """The same store without the link."""
    opened = open_at(redis_url)
    yield opened
    opened.close()


# ---- the proxy itself -----------------------------------------------------------------------------------------------


def dialled(proxy: Proxy) -> socket.socket:
    """A connection through the proxy, as a client has it."""
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def ask(link: socket.socket, within: float = 5.0) -> bytes:
    """The server's answer to a PING; nothing if the link was closed."""
    link.settimeout(within)
    link.sendall(b"PING\r\n")
    return link.recv(64)


def test_the_proxy_does_what_it_says(proxy: Proxy) -> None:
    """Each fault is seen as such by a plain socket, and `heal` ends it."""
    with dialled(proxy) as link:
        assert ask(link) == b"+PONG\r\n"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            link.recv(1)
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        dialled(proxy)
    proxy.heal()
    with dialled(proxy) as old, dialled(proxy) as lost:
        assert ask(old) == ask(lost) == b"+PONG\r\n"
        proxy.black_hole()
        with pytest.raises(TimeoutError):
            ask(old, within=0.05)
        proxy.heal()
        old.settimeout(5)
        assert old.recv(64) == b"+PONG\r\n"
        proxy.black_hole(for_good=True)
        proxy.heal()
        with pytest.raises(TimeoutError):
            ask(lost, within=0.05)
    with dialled(proxy) as link:
        proxy.delay(0.05)
        began = time.monotonic()
        assert ask(link) == b"+PONG\r\n"
        assert time.monotonic() - began >= 0.1
        proxy.heal()
        gone = proxy.drop_reply(b"PING")
        with pytest.raises(ConnectionResetError):
            ask(link)
        assert gone.is_set()
    proxy.cut()
    eventually(lambda: proxy.links == 0)


# ---- requests and replies that are lost -----------------------------------------------------------------------------


def turn(store: Store) -> Verb:
    """Settle, begin and claim."""
    put(store, *(job() for _ in range(4)))
    executor = lane(store)
    first, second, third = executor.claim(3)

    def send(_: object) -> object:
        answer = executor.again(
            outcome(first, result=b"1"),
            outcome(second, "retry", reason="raised"),
            begins=[held(third)],
            room=2,
        )
        return [(claim.token, claim.id) for claim in answer.claims], answer.late

    executor.number += 1
    return send


def beat(store: Store) -> Verb:
    """Rescue a worker that is gone."""
    add(store)
    dead, living = lane(store), lane(store)
    dead.claim()

    def send(_: object) -> object:
        answer = store.beat(living.worker.id, 1, [living.id], 0, [dead.worker.id])
        return answer.rescued, answer.strays, answer.commands

    return send


LOST = [each for each in (*VERBS, turn, beat) if each is not enqueue_what_vanished]


@pytest.mark.parametrize("how", ["drop_request", "drop_reply"])
@pytest.mark.parametrize("prepare", LOST)
def test_a_lost_message_is_made_good(
    store: Store, direct: Store, proxy: Proxy, how: str, prepare: Callable[[Store], Verb]
) -> None:
    """A request that never arrives, or whose answer never comes back, is sent again by itself and happens once."""
    verb, call = prepare(store), Channel().next()
    lost = getattr(proxy, how)(b"EVALSHA")
    answer = verb(call)
    assert lost.is_set()
    before = snapshot(direct)
    assert verb(call) == answer
    assert snapshot(direct) == before


def test_a_lost_subscription_is_made_anew(store: Store, direct: Store, proxy: Proxy) -> None:
    """Whoever waits for the end of a job hears of it though the link was cut meanwhile."""
    one = add(store)

    def end() -> None:
        eventually(lambda: proxy.links >= 2)
        proxy.cut()
        direct.cancel(one)

    ender = threading.Thread(target=end)
    ender.start()
    assert [found.state for found in store.await_end([one], 20)] == [S.CANCELED]
    ender.join()


# ---- links that are silent or slow ----------------------------------------------------------------------------------


def test_a_half_open_link_meets_the_deadline(proxy: Proxy, redis_url: str) -> None:
    """Nobody hangs on a link that says nothing: the call ends in time, and the next one finds a new link at once."""
    store = open_at(proxy.url, deadline=0.6)
    add(store)
    proxy.black_hole(for_good=True)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="may have happened"):
        add(store)
    assert time.monotonic() - began < 0.6 * 4
    proxy.heal()
    add(store)
    store.close()
    with Redis.from_url(redis_url) as client:
        assert client.zcard("{winch}:queued:q") in (2, 3)  # what was on its way may have arrived


@pytest.mark.slow
def test_a_silence_within_the_deadline_is_outlived(store: Store, direct: Store, proxy: Proxy) -> None:
    """A link that falls silent for good in the middle of a call is left for a new one, and the call happens once."""
    add(store)
    proxy.black_hole(for_good=True)
    healer = threading.Timer(0.2, proxy.heal)
    healer.start()
    add(store)
    healer.join()
    assert len(ids(direct, "q", S.QUEUED)) == 2


@pytest.mark.slow
def test_a_slow_link_repeats_nothing(store: Store, direct: Store, proxy: Proxy) -> None:
    """Delays within the deadline cost time and nothing else."""
    executor = lane(store)
    proxy.delay(0.1)
    add(store)
    claim = executor.one()
    assert executor.settle(claim, result=b"r")
    assert states(direct, claim.id) == ["finished"]
    assert direct.get([claim.id])[0].attempts == 1  # type: ignore[union-attr]


def test_a_sleeper_on_a_cut_link_is_woken(store: Store, direct: Store, proxy: Proxy) -> None:
    """A waiter whose link is cut says so at once, and listens again when it is armed."""
    waiter = store.waiter(["q"])
    waiter.arm()
    proxy.cut()
    assert select.select([waiter], [], [], 5)[0]
    assert waiter.take()
    waiter.arm()
    add(direct)
    assert select.select([waiter], [], [], 5)[0]
    assert waiter.take()
    waiter.close()


# ---- connections that are shared or interrupted ---------------------------------------------------------------------


def test_a_fork_in_the_middle_of_a_call_shares_nothing(store: Store, direct: Store) -> None:
    """While a turn is under way a child asks the store: each gets its own answers, and the child's end cuts no link."""
    put(store, *(job() for _ in range(3)))
    executor = lane(store)
    executor.number += 1
    read = store.begin_turn(executor.id, executor.number, (), (), ["q"], 2, {})  # type: ignore[attr-defined]
    pid = os.fork()
    if pid == 0:
        os._exit(0 if store.queues() == ["q"] and len(ids(store, "q", S.QUEUED)) == 1 else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert len(read().claims) == 2
    assert len(ids(direct, "q", S.STARTED)) == 2


def ignore(_: object) -> None:
    """Do nothing."""


class Interrupted(BaseException):
    """Raised from outside, wherever the thread is."""


@pytest.mark.slow
def test_an_interrupted_call_leaves_no_answer_for_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception may hit a thread anywhere inside the client: no later call ever reads an answer that is not its own."""
    monkeypatch.setattr(sys, "unraisablehook", ignore)  # it also hits destructors, which is no matter here
    names = [f"id-{n}" for n in range(40)]
    for name in names:
        add(store, id=name, payload=name.encode())
    wrong: list[object] = []
    hits, ends = [0], threading.Event()

    def look() -> None:
        while not ends.is_set():
            for name in names:
                try:
                    found = store.get([name])[0]
                    if found is None or found.payload != name.encode():
                        wrong.append((name, found))
                except Interrupted:
                    hits[0] += 1

    def survive() -> None:
        while not ends.is_set():
            try:
                look()
            except Interrupted:
                hits[0] += 1

    thread = threading.Thread(target=survive)
    thread.start()
    until = time.monotonic() + 20
    while hits[0] < 1000 and time.monotonic() < until and not wrong:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(Interrupted))
        time.sleep(0.0005)  # the rate of the interruptions: between two of them calls come through
    ends.set()
    thread.join()
    gc.collect()
    assert not wrong
    assert hits[0] >= 200


def test_scripts_may_be_forgotten_at_any_time(store: Store, redis_url: str) -> None:
    """SCRIPT FLUSH over and over under load: every call comes through and happens once."""
    ends = threading.Event()

    def forget() -> None:
        with Redis.from_url(redis_url) as client:
            while not ends.wait(0.002):
                client.script_flush()

    forgetter = threading.Thread(target=forget)
    forgetter.start()
    try:
        executor: Lane = lane(store)
        for _ in range(100):
            add(store)
            assert executor.settle(executor.one())
    finally:
        ends.set()
        forgetter.join()
    assert store.counts()["q"][S.FINISHED] == 100
