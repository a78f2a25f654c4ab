"""How near winch comes to what its parts allow: calls beside bare round trips, in one run.

    make bench BENCH=limits [ARGS='--rounds 5']

Each line is measured in turn in every round; the medians are printed, and the ratio to the line that the group names first.
Redis is private and on a Unix socket, for all alike; the database is a new file.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from pathlib import Path

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from rq import Queue as RQQueue

from benchmarks.measure import table
from benchmarks.noop import noop
from tests.servers import RedisServer
from winch import Queue, call

ONE_BY_ONE = 2_000
BULK = 10_000
CALLERS = 100
SCRIPT = "redis.call('SET', KEYS[1] .. ARGV[1], ARGV[2]) return 1"


def main() -> int:
    """Measure and print. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with RedisServer() as server, tempfile.TemporaryDirectory() as folder:
        groups = _groups(server.url, Path(folder))
        rates: dict[tuple[str, str], list[float]] = defaultdict(list)
        for _ in range(rounds):
            for group, measures in groups.items():
                for name, measure in measures.items():
                    with Redis.from_url(server.url) as client:
                        client.flushall()
                    rates[group, name].append(measure())
    for group, measures in groups.items():
        base = statistics.median(rates[group, next(iter(measures))])
        medians = [(name, statistics.median(rates[group, name])) for name in measures]
        rows = [(name, f"{rate:,.0f}", f"{rate / base:.2f}") for name, rate in medians]
        print(f"\n{table([group, 'per second', 'ratio'], rows)}")
    return 0


def _groups(url: str, folder: Path) -> dict[str, dict[str, Callable[[], float]]]:
    fresh = count()

    def new_file() -> str:
        return f"sqlite:///{folder}/{next(fresh)}.db"

    return {
        "one by one": {
            "redis-py EVALSHA of a script that sets a key": lambda: _evalsha(url),
            "redis-py LPUSH": lambda: _lpush(url),
            "winch enqueue, Redis": lambda: _enqueue(url),
            "RQ enqueue": lambda: _enqueue_rq(url),
            "SQLite, an INSERT per transaction": lambda: _insert(folder / f"{next(fresh)}.db"),
            "winch enqueue, SQLite": lambda: _enqueue(new_file()),
        },
        "in bulk": {
            "RQ enqueue_many": lambda: _enqueue_many_rq(url),
            "winch enqueue_many, Redis": lambda: _enqueue_many(url),
            "winch enqueue_many, SQLite": lambda: _enqueue_many(new_file()),
        },
        f"{CALLERS} callers in one event loop": {
            "redis.asyncio, SET": lambda: asyncio.run(_async_set(url)),
            "winch aenqueue, Redis": lambda: asyncio.run(_aenqueue(url)),
            "winch aenqueue, SQLite": lambda: asyncio.run(_aenqueue(new_file())),
        },
    }


def _rate(jobs: int, action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return jobs / (time.perf_counter() - began)


def _evalsha(url: str) -> float:
    with Redis.from_url(url) as client:
        sha = client.script_load(SCRIPT)
        value = b"x" * 150  # as long as the record of a small job

        def action() -> None:
            for number in range(ONE_BY_ONE):
                client.evalsha(sha, 1, "bench:", str(number), value)

        return _rate(ONE_BY_ONE, action)


def _lpush(url: str) -> float:
    with Redis.from_url(url) as client:
        return _rate(ONE_BY_ONE, lambda: [client.lpush("list", b"x" * 150) for _ in range(ONE_BY_ONE)])


def _enqueue(url: str) -> float:
    queue = Queue("default", url)
    queue.enqueue(noop)
    return _rate(ONE_BY_ONE, lambda: [queue.enqueue(noop) for _ in range(ONE_BY_ONE)])


def _enqueue_rq(url: str) -> float:
    with Redis.from_url(url) as client:
        queue = RQQueue(connection=client)
        return _rate(ONE_BY_ONE, lambda: [queue.enqueue(noop) for _ in range(ONE_BY_ONE)])


def _insert(path: Path) -> float:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("CREATE TABLE jobs (id INTEGER PRIMARY KEY, payload BLOB)")
    value = b"x" * 150
    rate = _rate(
        ONE_BY_ONE, lambda: [db.execute("INSERT INTO jobs (payload) VALUES (?)", (value,)) for _ in range(ONE_BY_ONE)]
    )
    db.close()
    return rate


def _enqueue_many(url: str) -> float:
    queue = Queue("default", url)
    queue.enqueue(noop)
    return _rate(BULK, lambda: queue.enqueue_many(call(noop) for _ in range(BULK)))


def _enqueue_many_rq(url: str) -> float:
    with Redis.from_url(url) as client:
        queue = RQQueue(connection=client)
        return _rate(BULK, lambda: queue.enqueue_many([RQQueue.prepare_data(noop) for _ in range(BULK)]))


async def _async_set(url: str) -> float:
    async with AsyncRedis.from_url(url) as client:

        async def caller() -> None:
            for _ in range(BULK // CALLERS):
                await client.set("key", b"x" * 150)

        return await _together(caller)


async def _aenqueue(url: str) -> float:
    queue = Queue("default", url)
    await queue.aenqueue(noop)

    async def caller() -> None:
        for _ in range(BULK // CALLERS):
            await queue.aenqueue(noop)

    return await _together(caller)


async def _together(caller: Callable[[], object]) -> float:
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(CALLERS):
            group.create_task(caller())  # pyright: ignore[reportArgumentType]
    return BULK / (time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main())
