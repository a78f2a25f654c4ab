"""taskiq on a Redis stream, which acknowledges when a job has ended."""

from __future__ import annotations

import asyncio
import shlex
from datetime import UTC, datetime

from taskiq import TaskiqScheduler
from taskiq_redis import ListRedisScheduleSource, RedisAsyncResultBackend, RedisStreamBroker

from benchmarks.peers import Order
from benchmarks.peers.work import ASYNC_JOBS, SAFE, SETTING, URL, program, work_async

NAME = "taskiq, stream"
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
work = broker.task(work_async)
tasks = {name: broker.task(function) for name, function in ASYNC_JOBS.items()}


def command(url: str, setting: str) -> list[str]:  # noqa: ARG001
    """Two processes."""
    return [program("taskiq"), "worker", f"{__name__}:broker", "--workers", "2", "--log-level", "WARNING"]


def enqueue(file: str, jobs: int) -> None:
    """One by one: there is nothing for many."""
    asyncio.run(_enqueue(file, jobs))


async def _enqueue(file: str, jobs: int) -> None:
    await broker.startup()
    for number in range(jobs):
        await work.kiq(file, number)
    await broker.shutdown()


def worker(url: str, setting: str, processes: int) -> list[str]:  # noqa: ARG001
    """So many processes, with a scheduler beside them where one is wanted."""
    command = [program("taskiq"), "worker", f"{__name__}:broker", "--workers", str(processes), "--log-level", "WARNING"]
    if setting != "scheduler":
        return command
    beside = [
        program("taskiq"),
        "scheduler",
        f"{__name__}:scheduler",
        "--update-interval",
        "1",
        "--log-level",
        "WARNING",
    ]
    return ["sh", "-c", f"{shlex.join(beside)} & exec {shlex.join(command)}"]


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
