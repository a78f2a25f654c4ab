"""Huey, on Redis and SQLite. It takes a job out of the queue before it runs it, and has no setting that would not."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version

from huey import RedisHuey, SqliteHuey

from benchmarks.peers import Order
from benchmarks.peers.work import JOBS, ROOMY_URL, URL, program

NAME = "Huey"
VERSION = version("huey")
PROCESSES = "2 processes, 1 job each"
STORES = ("redis", "sqlite")
SETTINGS = {"default": "at most once"}
SPEEDS = {"default": "processes", "threads": "100 threads", "quick": "looks every 10 ms"}
HAS_BULK = False

if URL.startswith("sqlite:///"):
    app = SqliteHuey("bench", filename=URL.removeprefix("sqlite:///"))
else:
    app = RedisHuey("bench", url=ROOMY_URL)
tasks = {name: app.task()(function) for name, function in JOBS.items()}


def command(url: str, setting: str) -> list[str]:
    """A consumer of two processes."""
    return worker(url, setting, 2)


def worker(url: str, setting: str, processes: int) -> list[str]:  # noqa: ARG001
    """So many processes (one, and its default of one thread, are equally fast), or a hundred threads."""
    pool = ["-k", "thread", "-w", "100"] if setting == "threads" else ["-k", "process", "-w", str(processes)]
    pool += ["-d", "0.01", "-m", "0.01"] if setting == "quick" else []
    return [program("huey_consumer"), f"{__name__}.app", *pool, "-q"]


def send(order: Order) -> None:
    """One by one."""
    for arguments in order.calls():
        tasks[order.job](*arguments)


def send_at(order: Order) -> None:
    """One by one, each for its time."""
    for arguments in order.calls():
        tasks[order.job].schedule(arguments, eta=datetime.fromtimestamp(arguments[1], UTC))
