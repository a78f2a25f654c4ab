"""Huey, on Redis and SQLite. It takes a job out of the queue before it runs it, and has no setting that would not."""

from __future__ import annotations

from datetime import UTC, datetime

from huey import RedisHuey, SqliteHuey

from benchmarks.peers import Order
from benchmarks.peers.work import JOBS, ROOMY_URL, URL, program
from benchmarks.peers.work import work as plain

NAME = "Huey"
PROCESSES = "2 processes, 1 job each"
STORES = ("redis", "sqlite")
SETTINGS = {"default": "at most once"}
SPEEDS = {"default": "processes", "threads": "100 threads"}
HAS_BULK = False

if URL.startswith("sqlite:///"):
    app = SqliteHuey("bench", filename=URL.removeprefix("sqlite:///"))
else:
    app = RedisHuey("bench", url=ROOMY_URL)
work = app.task()(plain)
tasks = {name: app.task()(function) for name, function in JOBS.items()}


def command(url: str, setting: str) -> list[str]:  # noqa: ARG001
    """A consumer of two processes."""
    return [program("huey_consumer"), f"{__name__}.app", "-k", "process", "-w", "2", "-q"]


def enqueue(file: str, jobs: int) -> None:
    """One by one: there is nothing for many."""
    for number in range(jobs):
        work(file, number)


def worker(url: str, setting: str, processes: int) -> list[str]:  # noqa: ARG001
    """So many processes, or a hundred threads."""
    pool = ["-k", "thread", "-w", "100"] if setting == "threads" else ["-k", "process", "-w", str(processes)]
    return [program("huey_consumer"), f"{__name__}.app", *pool, "-q"]


def send(order: Order) -> None:
    """One by one."""
    for arguments in order.calls():
        tasks[order.job](*arguments)


def send_at(order: Order) -> None:
    """One by one, each for its time."""
    for arguments in order.calls():
        tasks[order.job].schedule(arguments, eta=datetime.fromtimestamp(arguments[1], UTC))
