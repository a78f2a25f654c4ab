"""Servers in trouble: what they refuse is repeated or told with its cure, and a token never comes back."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

import mmap
import shutil
import socketserver
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis, exceptions

from tests.contract.conftest import open_at
from tests.contract.helpers import (
    Boss,
    Channel,
    S,
    add,
    check_consistent,
    eventually,
    ids,
    job,
    lane,
    outcome,
    put,
    states,
)
from tests.servers import RedisServer, find_redis_server
from winch.errors import StoreRefused, StoreUnavailable
from winch.stores.contract import Store

pytestmark = [pytest.mark.redis, pytest.mark.skipif(find_redis_server() is None, reason="no redis-server")]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server that a test may spoil."""
    with RedisServer(port=True) as running:
        yield running


@pytest.fixture
def client(server: RedisServer) -> Iterator[Redis]:
    """A client of redis-py, to make trouble with."""
    with Redis.from_url(server.url) as connected:
        yield connected


@pytest.fixture
def store(server: RedisServer) -> Iterator[Store]:
    """A store in that server."""
    opened = open_at(server.tcp_url, deadline=5.0)
    yield opened
    opened.close()


Heal = Callable[[], object]


# ---- refusals that pass ---------------------------------------------------------------------------------------------


def read_only(server: RedisServer, client: Redis) -> Heal:
    """It has become a replica."""
    client.replicaof("127.0.0.1", str(server.port + 1 if server.port < 65535 else 1))
    return lambda: client.replicaof("NO", "ONE")


def without_its_master(server: RedisServer, client: Redis) -> Heal:
    """It is a replica that has lost its master and serves no stale data."""
    client.config_set("replica-serve-stale-data", "no")
    return read_only(server, client)


def without_replicas(server: RedisServer, client: Redis) -> Heal:
    """It wants replicas that it has not."""
    assert server
    client.config_set("min-replicas-to-write", 1)
    return lambda: client.config_set("min-replicas-to-write", 0)


def busy(server: RedisServer, client: Redis) -> Heal:
    """Somebody's script runs and runs."""
    assert client.config_set("lua-time-limit", 20)

    def hog() -> None:
        with Redis.from_url(server.url) as other, pytest.raises(exceptions.ResponseError):
            other.eval("while true do end", 0)

    thread = threading.Thread(target=hog)
    thread.start()

    def is_busy() -> bool:
        try:
            client.ping()
        except exceptions.ResponseError:
            return True
        return False

    eventually(is_busy)

    def heal() -> None:
        client.execute_command("SCRIPT", "KILL")
        thread.join()

    return heal


@pytest.mark.parametrize("trouble", [read_only, without_its_master, without_replicas, busy])
def test_a_refusal_that_passes_is_outlived(
    store: Store, server: RedisServer, client: Redis, trouble: Callable[[RedisServer, Redis], Heal]
) -> None:
    """A call is repeated until the server can take it, and happens once; calls of afterwards are served, too."""
    executor = lane(store)
    add(store)
    heal = trouble(server, client)
    healer = threading.Timer(0.2, heal)
    healer.start()
    add(store)
    healer.join()
    assert len(ids(store, "q", S.QUEUED)) == 2
    assert executor.settle(executor.one())
    check_consistent(store)


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [read_only, without_its_master, without_replicas, busy])
def test_a_refusal_that_stays_is_told(
    server: RedisServer, client: Redis, trouble: Callable[[RedisServer, Redis], Heal]
) -> None:
    """At its deadline a call says what the server said, and has not happened."""
    store = open_at(server.tcp_url, deadline=1.0)
    add(store)
    heal = trouble(server, client)
    try:
        with pytest.raises(StoreUnavailable, match="has not happened") as caught:
            add(store)
    finally:
        heal()
    assert any(word in str(caught.value) for word in ("replica", "MASTERDOWN", "NOREPLICAS", "BUSY", "MASTER")), caught
    assert len(ids(store, "q", S.QUEUED)) == 1
    store.close()


class Loading(socketserver.StreamRequestHandler):
    """What a server answers that still reads its data."""

    def handle(self) -> None:
        while self.rfile.readline():
            self.wfile.write(b"-LOADING Redis is loading the dataset in memory\r\n")


def test_a_server_that_loads_is_waited_for() -> None:
    """LOADING is no refusal: the call is repeated until its deadline, and tells it then."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Loading) as loading:
        loading.daemon_threads = True
        threading.Thread(target=loading.serve_forever, daemon=True).start()
        store = open_at(f"redis://127.0.0.1:{loading.server_address[1]}/0", deadline=0.3)
        with pytest.raises(StoreUnavailable, match="loading the dataset"):
            add(store)
        loading.shutdown()


# ---- memory ---------------------------------------------------------------------------------------------------------


def test_a_full_server_lets_executors_go(store: Store, client: Redis) -> None:
    """At maxmemory `retire` settles without results, a worker leaves, and a refused enqueue has written nothing."""
    done, held_back = put(store, job(), job())
    executor = lane(store)
    claim, _ = executor.take(done, held_back)
    client.config_set("maxmemory", "1")
    before = sorted(client.keys())  # type: ignore[type-var]
    with pytest.raises(StoreRefused, match="raise maxmemory"):
        put(store, job(), job(queue="other"))
    assert sorted(client.keys()) == before  # type: ignore[type-var]
    executor.retire(outcomes=[outcome(claim, result=b"r" * 1000)])
    store.retire_worker(executor.worker.id)
    client.config_set("maxmemory", "0")
    [found] = store.get([done])
    assert found
    assert (found.state, found.result) == (S.FINISHED, b"")
    assert states(store, held_back) == ["queued"]
    check_consistent(store)


@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru", "volatile-ttl"])
def test_opening_warns_of_eviction(
    server: RedisServer, client: Redis, policy: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is thrown away at maxmemory is missed: the setting is named, and what to set."""
    client.config_set("maxmemory-policy", policy)
    store = open_at(server.url)
    store.open()
    told = " ".join(each.getMessage() for each in caplog.records if each.name == "winch")
    assert (f"maxmemory-policy {policy}" in told) is (policy != "noeviction")
    assert ("CONFIG SET maxmemory-policy noeviction" in told) is (policy != "noeviction")
    store.close()


# ---- lost writes ----------------------------------------------------------------------------------------------------


def test_a_failover_that_lacks_writes_gives_no_token_twice(server: RedisServer, client: Redis) -> None:
    """A replica that missed a claim becomes the master: the job is claimed under a later token, the first is fenced."""
    master = open_at(server.tcp_url)
    with RedisServer(port=True) as other, Redis.from_url(other.url) as follower:
        worker = Boss(master)
        old, new = worker.lane(), worker.lane()
        one = add(master)
        client.config_set("repl-diskless-sync-delay", 0)
        follower.replicaof("127.0.0.1", str(server.port))
        eventually(lambda: client.wait(1, 100) == 1 and follower.exists("{winch}:queued:q"))
        follower.replicaof("NO", "ONE")  # from here on it misses what the master does
        lost = old.one()
        server.kill()
        promoted = open_at(other.tcp_url)
        new.store = old.store = promoted
        again = new.one()
        assert (again.id, lost.id) == (one, one)
        assert again.token > lost.token
        assert not old.settle(lost)
        assert new.settle(again)
        assert states(promoted, one) == ["finished"]
        check_consistent(promoted)
        promoted.close()
        server.start()  # for the fixtures
    master.close()


# ---- the server's clock ---------------------------------------------------------------------------------------------

SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static long offset(void) {
  static volatile long *seconds;
  if (!seconds) seconds = mmap(0, 8, PROT_READ, MAP_SHARED, open(getenv("CLOCK_OFFSET"), O_RDONLY), 0);
  return *seconds;
}
int gettimeofday(struct timeval *now, void *zone) {
  static int (*real)(struct timeval *, void *);
  if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
  int status = real(now, zone);
  now->tv_sec += offset();
  return status;
}
int clock_gettime(clockid_t which, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int status = real(which, now);
  if (which == CLOCK_REALTIME) now->tv_sec += offset();
  return status;
}
"""


@pytest.fixture
def jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[RedisServer, Callable[[int], None]]]:
    """A server, and a function that sets how many seconds its clock is off."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler for the clock shim")
    source, shim, where = tmp_path / "shim.c", tmp_path / "shim.so", tmp_path / "offset"
    source.write_text(SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"], check=True, capture_output=True)
    where.write_bytes(bytes(8))
    server = RedisServer()
    with where.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
        with monkeypatch.context() as environment:
            environment.setenv("LD_PRELOAD", str(shim))
            environment.setenv("CLOCK_OFFSET", str(where))
            server.start()

        def set_to(value: int) -> None:
            shared[:] = struct.pack("q", value)

        yield server, set_to
        server.close()


@pytest.mark.parametrize("hours", [2, -2])
def test_the_servers_clock_jumps(jump: tuple[RedisServer, Callable[[int], None]], hours: int) -> None:
    """By two hours, either way: no living worker is given up, no token comes back, and who dies afterwards is rescued."""
    server, set_to = jump
    store = open_at(server.url)
    first, second = Boss(store, ttl=200, interval=50), Boss(store, ttl=200, interval=50)
    one, other = first.lane(), second.lane()
    put(store, job(), job(), job())
    add(store, id="later", delay=60_000)
    before = one.one()
    beats: list[str] = []
    for boss in (first, second):
        boss.beat()
    now = store.now()
    set_to(hours * 3600)
    eventually(lambda: abs(store.now() - now) > 3_600_000)
    for boss in (first, second, first, second):
        beats += boss.beat().rescued
    assert beats == []
    after = other.one()
    assert after.token > before.token
    assert one.settle(before)
    assert other.settle(after)
    assert len(one.claim(9)) == (2 if hours > 0 else 1)
    eventually(lambda: second.beat().rescued == (first.id,))
    assert len(ids(store, "q", S.STARTED)) == 0
    call = Channel().next()
    assert store.empty("q", call=call) == store.empty("q", call=call) > 0
    store.close()
