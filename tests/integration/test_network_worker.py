"""Workers whose Redis fails in every way that one can: nobody exits, hangs or spins, nothing is lost, work goes on."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.integration import tasks
from tests.integration.conftest import StartWorker, WorkerProcess, eventually, lines
from tests.leaks import leaked_keys
from tests.proxy import Proxy
from tests.servers import RedisServer, find_redis_server
from winch import Queue

pytestmark = [
    pytest.mark.integration,
    pytest.mark.redis,
    pytest.mark.slow,
    pytest.mark.skipif(find_redis_server() is None, reason="no redis-server"),
]


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """What the fixtures of all integration tests ask for: here each test names its own server."""
    return f"sqlite:///{tmp_path / 'unused.db'}"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server of the test's own, which keeps its data."""
    with RedisServer(appendonly=True) as running:
        yield running


def starts(notes: Path) -> Counter[str]:
    """How often each job has started."""
    return Counter(line.split()[1] for line in lines(notes) if line.startswith("start"))


def consumes(queue: Queue, within: float) -> None:
    """A new job is done in time, and tells how long it took if it is not."""
    job = queue.enqueue(tasks.add, 1, 1)
    assert job.result(timeout=within) == 2


def cpu_seconds(worker: WorkerProcess) -> float:
    """The CPU time of a worker and its executors."""
    ticks = 0
    for pid in (worker.pid, *worker.executors()):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def test_a_half_open_link_is_left(server: RedisServer, start_worker: StartWorker) -> None:
    """Links that have fallen silent for good, without a word: the worker makes new ones and consumes again."""
    direct = Queue(connection=server.url)
    with Proxy(server.socket) as proxy:
        worker = start_worker(url=proxy.url)
        consumes(direct, 20)
        proxy.black_hole(for_good=True)
        eventually(lambda: "trying again until it answers" in worker.log, within=20)
        proxy.heal()
        consumes(direct, 10)
        assert worker.stop() == 0


def test_a_server_that_is_restarted_again_and_again(
    server: RedisServer, start_worker: StartWorker, notes: Path
) -> None:
    """Twenty restarts under load: after each the worker consumes within seconds, and every job ends."""
    queue = Queue(connection=server.url)
    load = queue.enqueue_many([Queue.prepare_data(tasks.nap, (str(notes), str(n), 0.01)) for n in range(300)])
    worker = start_worker(url=server.url, processes=2, worker_ttl=6.0)
    eventually(lambda: len(lines(notes)) > 4)
    for _ in range(20):
        server.restart()
        job = queue.enqueue(tasks.add, 1, 1, at_front=True)
        assert job.result(timeout=15) == 2
    assert [job.result(timeout=30) for job in load] == [str(n) for n in range(300)]
    assert set(starts(notes).values()) == {1}
    assert worker.popen.poll() is None
    assert worker.log.count("comes back under a new id") == 0


def test_an_outcome_outlives_an_outage_at_its_end(server: RedisServer, start_worker: StartWorker, notes: Path) -> None:
    """The server is down when a job ends: the outcome is kept and told when it is back, and the job runs once."""
    queue = Queue(connection=server.url)
    job = queue.enqueue(tasks.nap, str(notes), "x", 0.5)
    start_worker(url=server.url, worker_ttl=20.0)
    eventually(lambda: starts(notes))
    server.stop()
    eventually(lambda: "end x" in lines(notes))
    server.start()
    assert job.result(timeout=20) == "x"
    assert starts(notes) == {"x": 1}


def test_an_absent_server_costs_no_time(server: RedisServer, start_worker: StartWorker) -> None:
    """While the server is away a worker neither exits nor spins."""
    queue = Queue(connection=server.url)
    worker = start_worker(url=server.url)
    consumes(queue, 20)
    server.stop()
    eventually(lambda: "trying again until it answers" in worker.log, within=20)
    before, began = cpu_seconds(worker), time.monotonic()
    time.sleep(2)  # the span that is measured
    assert cpu_seconds(worker) - before < 0.2 * (time.monotonic() - began)
    server.start()
    consumes(queue, 15)


@pytest.mark.parametrize("how", ["killed", "flushed"])
def test_a_server_that_lost_its_data(how: str, start_worker: StartWorker, notes: Path) -> None:
    """A worker whose server comes back empty says so, comes back under a new id, works on and leaves no ghosts."""
    with RedisServer() as server, Redis.from_url(server.url) as client:
        queue = Queue(connection=server.url)
        for n in range(50):
            queue.enqueue(tasks.nap, str(notes), str(n), 0.05)
        worker = start_worker(url=server.url)
        eventually(lambda: len(lines(notes)) > 4)
        if how == "killed":
            server.kill()
            server.start()
        else:
            client.flushdb()
        consumes(queue, 20)
        eventually(lambda: "comes back under a new id" in worker.log, within=20)
        consumes(queue, 20)
        assert worker.stop() == 0
        assert leaked_keys(client) == []
        assert not client.keys("*:worker:*")
        assert not client.keys("*:x:*")


@pytest.mark.parametrize("how", ["stopped", "paused"])
def test_a_slow_server_repeats_nothing(how: str, server: RedisServer, start_worker: StartWorker, notes: Path) -> None:
    """A server that stalls for longer than a call's deadline, but not a ttl: every job runs once."""
    queue = Queue(connection=server.url)
    jobs = [queue.enqueue(tasks.nap, str(notes), str(n), 0.03) for n in range(40)]
    start_worker(url=server.url, processes=2, worker_ttl=15.0)
    eventually(lambda: len(lines(notes)) > 8)
    if how == "stopped":
        os.kill(server.pid, signal.SIGSTOP)
        time.sleep(2.5)  # a stall has a length
        os.kill(server.pid, signal.SIGCONT)
    else:
        with Redis.from_url(server.url) as client:
            client.execute_command("CLIENT", "PAUSE", 2500)
    assert [job.result(timeout=30) for job in jobs] == [str(n) for n in range(40)]
    assert set(starts(notes).values()) == {1}


def test_a_worker_warns_of_an_evicting_server(server: RedisServer, start_worker: StartWorker) -> None:
    """A maxmemory-policy that throws keys away is named when a worker starts, with what to set instead."""
    with Redis.from_url(server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    worker = start_worker(url=server.url, burst=True)
    worker.wait()
    assert "maxmemory-policy allkeys-lru" in worker.log
    assert "CONFIG SET maxmemory-policy noeviction" in worker.log
    assert worker.log.count("allkeys-lru") == 1
