"""The queue of this repository."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.peers.work import ASYNC_JOBS, JOBS, SETTING, URL, program, work
from winch import Queue, call
from winch.stores import open_store

NAME = "winch"
PROCESSES = "2 executors, 1 job each"
STORES = ("redis", "sqlite")
SETTINGS = {"default": "worker ttl 30 s"}
SPEEDS = {
    "default": "results kept 500 s",
    "dropped": "result_ttl=0",
    "threads": "100 threads",
    "async": "async jobs",
}
HAS_BULK = True


def command(url: str, setting: str) -> list[str]:  # noqa: ARG001
    """A worker of two executors."""
    return [program("winch"), "worker", "--url", url, "--processes", "2", "--quiet"]


def enqueue(file: str, jobs: int) -> None:
    """In bulk."""
    store = open_store(URL)
    Queue("default", connection=store).enqueue_many(call(work, file, number) for number in range(jobs))
    store.close()


def worker(url: str, setting: str, processes: int) -> list[str]:
    """A worker of so many executors."""
    threads = ["--threads", "100"] if setting == "threads" else []
    return [program("winch"), "worker", "--url", url, "--processes", str(processes), "--quiet", *threads]


def send(job: str, file: str, jobs: int, every: float) -> None:
    """One by one."""
    queue, function = _queue(), _jobs()[job]
    for _ in range(jobs):
        queue.enqueue(function, file, time.time())
        if every:
            time.sleep(every)


def send_many(job: str, file: str, jobs: int) -> None:
    """In bulk."""
    function = _jobs()[job]
    _queue().enqueue_many(call(function, file, time.time()) for _ in range(jobs))


def _queue() -> Queue:
    return Queue("default", URL, result_ttl=0 if SETTING == "dropped" else 500)


def _jobs() -> dict[str, Any]:
    return dict(ASYNC_JOBS if SETTING == "async" else JOBS)
