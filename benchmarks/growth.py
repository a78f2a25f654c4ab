"""What winch costs as work grows: the same calls with few and with many jobs queued, with few and with many queues.

    make bench BENCH=growth [ARGS='--jobs 1000 100000 1000000 --queues 1 100 1000']

Enqueue: jobs, one by one. Drain: jobs, claimed and settled a hundred at a time without a worker. Counts: calls of what `winch
info` asks. Page: listings of 50 jobs. All per second of processor time, of this process and the server together, so other load
does not matter much; what a first call takes more is left out. Each is followed by its ratio to the first line of its store.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from redis import Redis

from benchmarks.loops import drain, enlist
from benchmarks.measure import table
from tests.servers import RedisServer
from winch import JobStatus, Queue, call
from winch.stores import open_store
from winch.stores.contract import Store

FUNCTION = "benchmarks.noop.noop"
FIRST, ENQUEUED, DRAINED, CALLS = 200, 3_000, 3_000, 50

Used = Callable[[], float]
"""Processor seconds until now, of all that takes part."""


def main() -> int:
    """Measure and print. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", nargs="+", type=int, default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--queues", nargs="+", type=int, default=[1, 100, 1_000])
    options = parser.parse_args()
    for name, new_store in (("Redis", _redis), ("SQLite", _sqlite)):
        _print(name, new_store, [(jobs, 1) for jobs in options.jobs])
        _print(name, new_store, [(10_000, queues) for queues in options.queues])
    return 0


def _print(name: str, new_store: Callable[[], Iterator[tuple[Store, Used]]], sizes: list[tuple[int, int]]) -> None:
    rows: list[list[str]] = []
    first: list[float] = []
    for jobs, queues in sizes:
        for store, used in new_store():
            rates = _measure(store, used, jobs, queues)
            first = first or rates
            cells = [
                cell for rate, one in zip(rates, first, strict=True) for cell in (f"{rate:,.0f}", f"{rate / one:.2f}")
            ]
            rows.append([f"{jobs:,}", f"{queues:,}", *cells])
            store.close()
    heads = [f"{name}: jobs", "queues", "enqueue /s", "", "drain /s", "", "counts /s", "", "page /s", ""]
    print(f"\n{table(heads, rows)}", flush=True)


def _redis() -> Iterator[tuple[Store, Used]]:
    with RedisServer() as server, Redis.from_url(server.url) as client:

        def used() -> float:
            cpu = client.info("cpu")
            return time.process_time() + float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])

        client.flushall()
        yield open_store(server.url), used


def _sqlite() -> Iterator[tuple[Store, Used]]:
    with tempfile.TemporaryDirectory() as folder:
        yield open_store(f"sqlite:///{Path(folder) / 'jobs.db'}"), time.process_time


def _measure(store: Store, used: Used, jobs: int, queues: int) -> list[float]:
    """Rates of enqueue, drain, counts and page."""
    names = [f"queue-{number}" for number in range(queues)]
    every = [Queue(name, connection=store) for name in names]

    def enqueue(jobs: int) -> None:
        for number in range(jobs):
            every[number % queues].enqueue(FUNCTION)

    def rate(calls: int, action: Callable[[], object]) -> float:
        began = used()
        action()
        return calls / (used() - began)

    for queue in every:
        queue.enqueue_many(call(FUNCTION) for _ in range(jobs // queues))
    enlist(store, names)
    enqueue(1)
    drain(store, names, FIRST)
    store.counts()
    store.list(names[-1], JobStatus.QUEUED, limit=50)
    return [
        rate(ENQUEUED, lambda: enqueue(ENQUEUED)),
        rate(DRAINED, lambda: drain(store, names, DRAINED, first=FIRST)),
        rate(CALLS, lambda: [store.counts() for _ in range(CALLS)]),
        rate(CALLS, lambda: [store.list(names[-1], JobStatus.QUEUED, limit=50) for _ in range(CALLS)]),
    ]


if __name__ == "__main__":
    sys.exit(main())
