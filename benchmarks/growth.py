"""What winch costs as work grows: the same calls with few and with many jobs queued, with few and with many queues.

    make bench BENCH=growth [ARGS='--jobs 1000 100000 1000000 --queues 1 100 1000']

Enqueue: jobs per second, one by one. Drain: jobs per second, claimed and settled a hundred at a time without a worker. Counts:
calls per second of what `winch info` asks. Page: listings of 50 jobs per second. Each is followed by its ratio to the first
line of its store.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from redis import Redis

from benchmarks.loops import drain, enlist, rate
from benchmarks.measure import table
from tests.servers import RedisServer
from winch import JobStatus, Queue, call
from winch.stores import open_store
from winch.stores.contract import Store

FUNCTION = "benchmarks.noop.noop"
ENQUEUED, DRAINED, CALLS = 1_000, 1_000, 20


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


def _print(name: str, new_store: Callable[[], Iterator[Store]], sizes: list[tuple[int, int]]) -> None:
    rows: list[list[str]] = []
    first: list[float] = []
    for jobs, queues in sizes:
        for store in new_store():
            rates = _measure(store, jobs, queues)
            first = first or rates
            cells = [
                cell for rate, one in zip(rates, first, strict=True) for cell in (f"{rate:,.0f}", f"{rate / one:.2f}")
            ]
            rows.append([f"{jobs:,}", f"{queues:,}", *cells])
            store.close()
    heads = [f"{name}: jobs", "queues", "enqueue /s", "", "drain /s", "", "counts /s", "", "page /s", ""]
    print(f"\n{table(heads, rows)}", flush=True)


def _redis() -> Iterator[Store]:
    with RedisServer() as server:
        with Redis.from_url(server.url) as client:
            client.flushall()
        yield open_store(server.url)


def _sqlite() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        yield open_store(f"sqlite:///{Path(folder) / 'jobs.db'}")


def _measure(store: Store, jobs: int, queues: int) -> list[float]:
    """Rates of enqueue, drain, counts and page."""
    names = [f"queue-{number}" for number in range(queues)]
    every = [Queue(name, connection=store) for name in names]
    for queue in every:
        queue.enqueue_many(call(FUNCTION) for _ in range(jobs // queues))
    enqueue = rate(ENQUEUED, lambda: [every[n % queues].enqueue(FUNCTION) for n in range(ENQUEUED)])
    counts = rate(CALLS, lambda: [store.counts() for _ in range(CALLS)])
    page = rate(CALLS, lambda: [store.list(names[0], JobStatus.QUEUED, limit=50) for _ in range(CALLS)])
    enlist(store, names)
    return [enqueue, rate(DRAINED, lambda: drain(store, names, DRAINED)), counts, page]


if __name__ == "__main__":
    sys.exit(main())
