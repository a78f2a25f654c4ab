"""What winch costs as work grows: the same calls with few and with many jobs queued, with few and with many queues.

    make bench BENCH=growth [ARGS='--jobs 1000 100000 1000000 --queues 1 100 1000 --rounds 5']

Enqueue: jobs, one by one. Drain: jobs, claimed and settled a hundred at a time without a worker. Counts: calls of what `winch
info` asks. Page: listings of 50 jobs. All per second of processor time, of this process and the server together, so other load
does not matter much; what a first call takes more is left out. Each is the median of all rounds, followed by its ratio to the
first line of its table.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from redis import Redis

from benchmarks.loops import drain, enlist
from benchmarks.measure import machine, table
from tests.servers import RedisServer
from winch import JobStatus, Queue, call
from winch.stores import open_store
from winch.stores.contract import Store

FUNCTION = "benchmarks.noop.noop"
FIRST, ENQUEUED, DRAINED, CALLS = 200, 3_000, 3_000, 50

Used = Callable[[], float]
"""Processor seconds until now, of all that takes part."""

NewStore = Callable[[], AbstractContextManager[tuple[Store, Used]]]


def main() -> int:
    """Measure and print. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", nargs="+", type=int, default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--queues", nargs="+", type=int, default=[1, 100, 1_000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(machine())
    for name, new_store in (("Redis", _redis), ("SQLite", _sqlite)):
        for sizes in ([(jobs, 1) for jobs in options.jobs], [(10_000, queues) for queues in options.queues]):
            rounds = [[_measured(new_store, *size) for size in sizes] for _ in range(options.rounds)]
            _print(name, sizes, [[*map(statistics.median, zip(*of, strict=True))] for of in zip(*rounds, strict=True)])
    return 0


def _print(name: str, sizes: list[tuple[int, int]], rates: list[list[float]]) -> None:
    rows: list[list[str]] = []
    for (jobs, queues), own in zip(sizes, rates, strict=True):
        pairs = [(f"{rate:,.0f}", f"{rate / one:.2f}") for rate, one in zip(own, rates[0], strict=True)]
        rows.append([f"{jobs:,}", f"{queues:,}", *(cell for pair in pairs for cell in pair)])
    heads = [f"{name}: jobs", "queues", "enqueue /s", "", "drain /s", "", "counts /s", "", "page /s", ""]
    print(f"\n{table(heads, rows)}", flush=True)


@contextmanager
def _redis() -> Generator[tuple[Store, Used]]:
    with RedisServer() as server, Redis.from_url(server.url) as client:

        def used() -> float:
            cpu = client.info("cpu")
            return time.process_time() + float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])

        client.flushall()
        yield open_store(server.url), used


@contextmanager
def _sqlite() -> Generator[tuple[Store, Used]]:
    with tempfile.TemporaryDirectory() as folder:
        yield open_store(f"sqlite:///{Path(folder) / 'jobs.db'}"), time.process_time


def _measured(new_store: NewStore, jobs: int, queues: int) -> list[float]:
    with new_store() as (store, used), closing(store):
        return _measure(store, used, jobs, queues)


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
