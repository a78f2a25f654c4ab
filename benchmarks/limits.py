"""How near winch comes to what its parts allow: calls beside bare round trips and bare loops, in one run.

    make bench BENCH=limits [ARGS='--rounds 5']

Each line is measured in turn in every round; the medians are printed, and the ratio to the line that the group names first.
Every client has made its connections and a first call before its time is taken.
Redis is private and on a Unix socket, for all alike; the database is a new file. Last comes what a job takes in Redis above its
payload and its result. The floor beneath the latency is `bare` in benchmarks.queues.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from importlib.metadata import version
from itertools import count
from pathlib import Path

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from rq import Queue as RQQueue

from benchmarks.loops import bare_table, claim_and_settle, drain, enlist, insert, put, rate, redis_benchmark
from benchmarks.measure import machine, table
from benchmarks.noop import noop
from tests.servers import RedisServer
from winch import Queue, call
from winch.stores import open_store

Groups = dict[str, dict[str, Callable[[], float]]]

ONE_BY_ONE = 2_000
BULK = 10_000
CALLERS = 100
TURNED = 20_000
"""Jobs of the loops: some tenths of a second."""
SIZES = (30, 300)
SCRIPT = "redis.call('SET', KEYS[1] .. ARGV[1], ARGV[2]) return 1"


def main() -> int:
    """Measure and print. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print(f"{machine()}, RQ {version('rq')}, winch {version('winch')}")
    with RedisServer() as server, tempfile.TemporaryDirectory() as folder:
        groups = _groups(server.url, Path(folder)) | _loops(server, Path(folder))
        rates = _measure(groups, server.url, rounds)
        sizes = _sizes(server.url)
    for group, measures in groups.items():
        medians = [(name, statistics.median(rates[group, name])) for name in measures if rates[group, name]]
        rows = [(name, f"{each:,.0f}", f"{each / medians[0][1]:.2f}") for name, each in medians]
        print(f"\n{table([group, 'per second', 'ratio'], rows)}")
    print(f"\n{table(['Redis: bytes of payload, and of result', 'above it, queued', 'above both, finished'], sizes)}")
    return 0


def _measure(groups: Groups, url: str, rounds: int) -> dict[tuple[str, str], list[float]]:
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    for number in range(rounds):
        for group, measures in groups.items():
            for name, measure in measures.items():
                _flush(url)
                try:
                    rates[group, name].append(measure())
                except FileNotFoundError as error:
                    if number == 0:
                        print(f"skipped: {name} ({error})")
    return rates


def _flush(url: str) -> None:
    with Redis.from_url(url) as client:
        client.flushall()


def _sizes(url: str) -> list[list[str]]:
    """What so many jobs with payloads and results of 30 and of 300 bytes add to the server's memory, less those bytes."""
    rows: list[list[str]] = []
    for size in SIZES:
        _flush(url)
        with contextlib.closing(open_store(url)) as store, Redis.from_url(url) as client:
            enlist(store, ["bench"])
            put(store, BULK, bytes(size))
            drain(store, ["bench"], BULK, bytes(size))  # what the store has but once is there before it is measured
            empty = client.info("memory")["used_memory"]
            put(store, BULK, bytes(size))
            queued = client.info("memory")["used_memory"] - empty
            drain(store, ["bench"], BULK, bytes(size), first=BULK)
            finished = client.info("memory")["used_memory"] - empty
        rows.append([str(size), f"{queued / BULK - size:.0f}", f"{finished / BULK - 2 * size:.0f}"])
    return rows


def _groups(url: str, folder: Path) -> Groups:
    fresh = count()

    def new_file() -> str:
        return f"sqlite:///{folder}/{next(fresh)}.db"

    return {
        "one by one": {
            "redis-py EVALSHA of a script that sets a key": lambda: _evalsha(url),
            "redis-py LPUSH": lambda: _lpush(url),
            "winch enqueue, Redis": lambda: _enqueue(url),
            "RQ enqueue": lambda: _enqueue_rq(url),
            "SQLite, an INSERT per transaction": lambda: _insert(folder / f"{next(fresh)}.bare", ONE_BY_ONE, 1),
            "winch enqueue, SQLite": lambda: _enqueue(new_file()),
        },
        "in bulk": {
            "RQ enqueue_many": lambda: _enqueue_many_rq(url),
            "winch enqueue_many, Redis": lambda: _enqueue_many(url),
            "winch enqueue_many, SQLite": lambda: _enqueue_many(new_file()),
            "SQLite, 1,000 INSERTs per transaction": lambda: _insert(folder / f"{next(fresh)}.bare", BULK, 1_000),
        },
        f"{CALLERS} callers in one event loop": {
            "redis.asyncio, SET, one caller": lambda: asyncio.run(_async_set(url, callers=1, sets=ONE_BY_ONE)),
            "redis.asyncio, SET": lambda: asyncio.run(_async_set(url)),
            "winch aenqueue, Redis": lambda: asyncio.run(_aenqueue(url)),
            "winch aenqueue, SQLite": lambda: asyncio.run(_aenqueue(new_file())),
        },
    }


def _loops(server: RedisServer, folder: Path) -> Groups:
    fresh = count()
    value = "x" * 150  # as long as the record of a small job
    return {
        "claim and settle by hundreds, nothing run": {
            "bare loop on SQLite": lambda: _bare_loop(folder / f"{next(fresh)}.loop"),
            "winch's turns, SQLite": lambda: _turns(f"sqlite:///{folder}/{next(fresh)}-turns.db"),
            "winch's turns, Redis": lambda: _turns(server.url),
        },
        "redis-benchmark, 50 clients, -P 64": {
            "LPUSH": lambda: redis_benchmark(server.socket, "LPUSH", "list", value),
            "EVALSHA of a script that sets a key": lambda: _scripts(server, value),
        },
    }


def _bare_loop(path: Path) -> float:
    with contextlib.closing(bare_table(path)) as db:
        insert(db, TURNED, 1_000)
        return rate(TURNED, lambda: claim_and_settle(db))


def _turns(url: str) -> float:
    with contextlib.closing(open_store(url)) as store:
        enlist(store, ["bench"])
        put(store, TURNED)
        return rate(TURNED, lambda: drain(store, ["bench"], TURNED))


def _scripts(server: RedisServer, value: str) -> float:
    with Redis.from_url(server.url) as client:
        sha = client.script_load(SCRIPT)
    return redis_benchmark(server.socket, "EVALSHA", str(sha), "1", "bench:", "key", value)


def _evalsha(url: str) -> float:
    with Redis.from_url(url) as client:
        sha = client.script_load(SCRIPT)
        value = b"x" * 150  # as long as the record of a small job

        def action() -> None:
            for number in range(ONE_BY_ONE):
                client.evalsha(sha, 1, "bench:", str(number), value)

        return rate(ONE_BY_ONE, action)


def _lpush(url: str) -> float:
    with Redis.from_url(url) as client:
        client.ping()
        return rate(ONE_BY_ONE, lambda: [client.lpush("list", b"x" * 150) for _ in range(ONE_BY_ONE)])


def _enqueue(url: str) -> float:
    queue = Queue("default", url)
    queue.enqueue(noop)
    return rate(ONE_BY_ONE, lambda: [queue.enqueue(noop) for _ in range(ONE_BY_ONE)])


def _enqueue_rq(url: str) -> float:
    with Redis.from_url(url) as client:
        queue = RQQueue(connection=client)
        queue.enqueue(noop)
        return rate(ONE_BY_ONE, lambda: [queue.enqueue(noop) for _ in range(ONE_BY_ONE)])


def _insert(path: Path, jobs: int, batch: int) -> float:
    with contextlib.closing(bare_table(path)) as db:
        return rate(jobs, lambda: insert(db, jobs, batch))


def _enqueue_many(url: str) -> float:
    queue = Queue("default", url)
    queue.enqueue(noop)
    return rate(BULK, lambda: queue.enqueue_many(call(noop) for _ in range(BULK)))


def _enqueue_many_rq(url: str) -> float:
    with Redis.from_url(url) as client:
        queue = RQQueue(connection=client)
        queue.enqueue(noop)
        return rate(BULK, lambda: queue.enqueue_many([RQQueue.prepare_data(noop) for _ in range(BULK)]))


async def _async_set(url: str, callers: int = CALLERS, sets: int = BULK) -> float:
    async with AsyncRedis.from_url(url) as client:

        async def caller() -> None:
            for _ in range(sets // callers):
                await client.set("key", b"x" * 150)

        await asyncio.gather(*(client.ping() for _ in range(callers)))
        return await _together(caller, callers, sets)


async def _aenqueue(url: str) -> float:
    queue = Queue("default", url)
    await queue.aenqueue(noop)

    async def caller() -> None:
        for _ in range(BULK // CALLERS):
            await queue.aenqueue(noop)

    return await _together(caller)


async def _together(caller: Callable[[], object], callers: int = CALLERS, calls: int = BULK) -> float:
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())  # pyright: ignore[reportArgumentType]
    return calls / (time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main())
