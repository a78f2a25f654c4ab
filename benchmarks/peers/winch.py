"""The queue of this repository."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import winch.stores.redis
import winch.stores.sqlite  # noqa: F401 - imported before the clock starts, as the clients of the other queues are
from benchmarks.peers import Order
from benchmarks.peers.work import ASYNC_JOBS, JOBS, SETTING, URL, program
from winch import Queue, call

NAME = "winch"
VERSION = version("winch")
PROCESSES = "2 executors, 1 job each"
STORES = ("redis", "sqlite")
SETTINGS = {"default": "worker ttl 30 s"}
SPEEDS = {
    "default": "results kept 500 s",
    "dropped": "result_ttl=0",
    "threads": "100 threads",
    "async": "async jobs",
    "logged": "a log line per job",
}
HAS_BULK = True


def command(url: str, setting: str) -> list[str]:
    """A worker of two executors."""
    return worker(url, setting, 2)


def worker(url: str, setting: str, processes: int) -> list[str]:
    """A worker of so many executors."""
    options = ["--threads", "100"] if setting == "threads" else []
    options += [] if setting == "logged" else ["--quiet"]
    return [program("winch"), "worker", "--url", url, "--processes", str(processes), *options]


def send(order: Order) -> None:
    """One by one."""
    queue, function = _queue(), _jobs()[order.job]
    for arguments in order.calls():
        queue.enqueue(function, *arguments)


def send_many(order: Order) -> None:
    """In bulk."""
    function = _jobs()[order.job]
    _queue().enqueue_many(call(function, *arguments) for arguments in order.calls())


def send_at(order: Order) -> None:
    """One by one, each for its time."""
    queue, function = _queue(), _jobs()[order.job]
    for arguments in order.calls():
        queue.enqueue_at(datetime.fromtimestamp(arguments[1], UTC), function, *arguments)


def _queue() -> Queue:
    return Queue("default", URL, result_ttl=0 if SETTING == "dropped" else 500)


def _jobs() -> dict[str, Any]:
    return dict(ASYNC_JOBS if SETTING == "async" else JOBS)
