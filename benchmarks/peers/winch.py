"""The queue of this repository."""

from __future__ import annotations

from benchmarks.peers.work import URL, program, work
from winch import Queue, call
from winch.stores import open_store

NAME = "winch"
PROCESSES = "2 executors, 1 job each"
STORES = ("redis", "sqlite")
SETTINGS = {"default": "worker ttl 30 s"}


def command(url: str, setting: str) -> list[str]:  # noqa: ARG001
    """A worker of two executors."""
    return [program("winch"), "worker", "--url", url, "--processes", "2", "--quiet"]


def enqueue(file: str, jobs: int) -> None:
    """In bulk."""
    store = open_store(URL)
    Queue("default", connection=store).enqueue_many(call(work, file, number) for number in range(jobs))
    store.close()
