"""Loops without an executor: winch's own verbs, and the barest that SQLite and Redis allow in their place."""

from __future__ import annotations

import contextlib
import csv
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path

from tests.servers import find_redis_server
from winch.ids import new_id
from winch.stores.contract import ENQUEUE_BATCH, TURN_BATCH, NewJob, Outcome, Store, WorkerInfo

WORKER, EXECUTOR = "bench.1", "bench.1.1"
VALUE = b"x" * 150
"""As long as the record of a small job."""


def rate(calls: int, action: Callable[[], object]) -> float:
    """Of so many calls, per second."""
    began = time.perf_counter()
    action()
    return calls / (time.perf_counter() - began)


def put(store: Store, jobs: int, payload: bytes = VALUE, queue: str = "bench") -> None:
    """Enqueue so many jobs, a thousand per call."""
    for start in range(0, jobs, ENQUEUE_BATCH):
        some = range(min(ENQUEUE_BATCH, jobs - start))
        store.enqueue([NewJob(new_id(), queue, payload) for _ in some])


def enlist(store: Store, queues: Iterable[str]) -> None:
    """Make the worker and the executor known that `drain` speaks for."""
    store.enlist(WorkerInfo(WORKER, "bench", "host", "boot", 1, 1, tuple(queues), "0", 60_000, 5_000, 1))
    store.enlist_executor(WORKER, EXECUTOR)


def drain(store: Store, queues: list[str], jobs: int, result: bytes = b"", first: int = 0) -> None:
    """Claim by hundreds, run nothing, settle with the next call, until so many are settled. `first`: the last call's number."""
    number, done, outcomes = first, 0, list[Outcome]()
    while done < jobs or outcomes:
        number += 1
        done += len(outcomes)
        claims = store.turn(EXECUTOR, number, outcomes, (), queues, TURN_BATCH if done < jobs else 0, {}).claims
        outcomes = [Outcome(claim.token, claim.id, "finished", result=result) for claim in claims]


# ---- SQLite ----

SCHEMA = """
CREATE TABLE jobs (id INTEGER PRIMARY KEY, state INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE INDEX queued ON jobs (id) WHERE state = 0;
"""
CLAIM = """
UPDATE jobs SET state = 1 WHERE id IN (SELECT id FROM jobs WHERE state = 0 ORDER BY id LIMIT 100) RETURNING id, payload
"""


def bare_table(path: Path) -> sqlite3.Connection:
    """A new file with nothing but jobs, a state and an index, written as winch writes: WAL, no sync per transaction."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.executescript(SCHEMA)
    return db


def insert(db: sqlite3.Connection, jobs: int, batch: int) -> None:
    """Insert so many, `batch` per transaction."""
    for _ in range(jobs // batch):
        with _transaction(db):
            db.executemany("INSERT INTO jobs (state, payload) VALUES (0, ?)", [(VALUE,)] * batch)


def claim_and_settle(db: sqlite3.Connection) -> None:
    """Settle a hundred and claim the next hundred in one transaction, until there are none."""
    rows = list[tuple[int, bytes]]()
    while True:
        with _transaction(db):
            db.executemany("UPDATE jobs SET state = 2 WHERE id = ? AND state = 1", [(number,) for number, _ in rows])
            rows = db.execute(CLAIM).fetchall()
        if not rows:
            return


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Generator[None]:
    db.execute("BEGIN IMMEDIATE")
    yield
    db.execute("COMMIT")


# ---- Redis ----


def redis_benchmark(socket: Path, *command: str) -> float:
    """Commands per second by Redis's own tool: 50 clients, 64 commands in flight each.

    Raises:
        FileNotFoundError: It is neither on PATH nor beside the server.
    """
    server = find_redis_server()
    beside = server.resolve().with_name("redis-benchmark") if server else None
    tool = shutil.which("redis-benchmark") or (str(beside) if beside and beside.exists() else None)
    if tool is None:
        raise FileNotFoundError("no redis-benchmark on PATH or beside the server")
    options = ["-s", str(socket), "-n", "200000", "-c", "50", "-P", "64", "--csv"]
    run = subprocess.run([tool, *options, *command], capture_output=True, text=True, check=True, timeout=60)
    return float(list(csv.reader(run.stdout.splitlines()))[-1][1])
