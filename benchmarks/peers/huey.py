"""Huey, on Redis and SQLite. It takes a job out of the queue before it runs it, and has no setting that would not."""

from __future__ import annotations

from huey import RedisHuey, SqliteHuey

from benchmarks.peers.work import URL, program
from benchmarks.peers.work import work as plain

NAME = "Huey"
PROCESSES = "2 processes, 1 job each"
STORES = ("redis", "sqlite")
SETTINGS = {"default": "at most once"}

if URL.startswith("sqlite:///"):
    app = SqliteHuey("bench", filename=URL.removeprefix("sqlite:///"))
else:
    app = RedisHuey("bench", url=URL)
work = app.task()(plain)


def command(url: str, setting: str) -> list[str]:  # noqa: ARG001
    """A consumer of two processes."""
    return [program("huey_consumer"), f"{__name__}.app", "-k", "process", "-w", "2", "-q"]


def enqueue(file: str, jobs: int) -> None:
    """One by one: there is nothing for many."""
    for number in range(jobs):
        work(file, number)
