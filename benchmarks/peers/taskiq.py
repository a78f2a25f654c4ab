"""taskiq on a Redis stream, which acknowledges when a job has ended."""

from __future__ import annotations

import asyncio
import shlex
from datetime import UTC, datetime
from importlib.metadata import version

from taskiq import TaskiqScheduler
from taskiq_redis import ListRedisScheduleSource, RedisAsyncResultBackend, RedisStreamBroker

from benchmarks.peers import Order
from benchmarks.peers.work import ASYNC_JOBS, SAFE, SETTING, URL, program

NAME = "taskiq, stream"
VERSION = f"{version('taskiq')}, taskiq-redis {version('taskiq-redis')}"
PROCESSES = "2 processes, 100 jobs each"
STORES = ("redis",)
SETTINGS = {
    "default": "idle timeout 600 s, reads 100 at a time",
    "safe": "idle timeout 5 s, reads 1 at a time, its lock ends after 5 s",
}
SPEEDS = {
    "default": "100 at a time",
    "results": "100 at a time, results kept 500 s",
    "scheduler": "a scheduler beside it, which looks every second",
}
HAS_BULK = False

safe = {"idle_timeout": 5_000, "xread_count": 1, "unacknowledged_lock_timeout": 5}
broker = RedisStreamBroker(URL, **(safe if SAFE else {}))
if SETTING == "results":
    broker = broker.with_result_backend(RedisAsyncResultBackend(URL, result_ex_time=500))
source = ListRedisScheduleSource(URL)
scheduler = TaskiqScheduler(broker, [source])
tasks = {name: broker.task(function) for name, function in ASYNC_JOBS.items()}


def command(url: str, setting: str) -> list[str]:
    """Two processes."""
    return worker(url, setting, 2)


def worker(url: str, setting: str, processes: int) -> list[str]:  # noqa: ARG001
    """So many processes, with a scheduler beside them where one is wanted."""
    taskiq, quiet = shlex.quote(program("taskiq")), "--log-level WARNING"
    one = f"{taskiq} worker {__name__}:broker --workers {processes} {quiet}"
    if setting != "scheduler":
        return shlex.split(one)
    beside = f"{taskiq} scheduler {__name__}:scheduler --update-interval 1 {quiet}"
    return ["sh", "-c", f"{beside} & exec {one}"]


def send(order: Order) -> None:
    """One by one."""
    asyncio.run(_send(order))


send_at = send


async def _send(order: Order) -> None:
    await broker.startup()
    task = tasks[order.job]
    for arguments in order.calls():
        if order.last:
            await task.schedule_by_time(source, datetime.fromtimestamp(arguments[1], UTC), *arguments)
        else:
            await task.kiq(*arguments)
    await broker.shutdown()
