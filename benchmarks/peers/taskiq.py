"""taskiq on a Redis stream, which acknowledges when a job has ended."""

from __future__ import annotations

import asyncio
import time

from taskiq_redis import RedisStreamBroker

from benchmarks.peers.work import ASYNC_JOBS, SAFE, URL, program, work_async

NAME = "taskiq, stream"
PROCESSES = "2 processes, 100 jobs each"
STORES = ("redis",)
SETTINGS = {
    "default": "idle timeout 600 s, reads 100 at a time",
    "safe": "idle timeout 5 s, reads 1 at a time, its lock ends after 5 s",
}
SPEEDS = {"default": "100 at a time"}
HAS_BULK = False

safe = {"idle_timeout": 5_000, "xread_count": 1, "unacknowledged_lock_timeout": 5}
broker = RedisStreamBroker(URL, **(safe if SAFE else {}))
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
    """So many processes."""
    return [program("taskiq"), "worker", f"{__name__}:broker", "--workers", str(processes), "--log-level", "WARNING"]


def send(job: str, file: str, jobs: int, every: float) -> None:
    """One by one."""
    asyncio.run(_send(job, file, jobs, every))


async def _send(job: str, file: str, jobs: int, every: float) -> None:
    await broker.startup()
    for _ in range(jobs):
        await tasks[job].kiq(file, time.time())
        if every:
            await asyncio.sleep(every)
    await broker.shutdown()
