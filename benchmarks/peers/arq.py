"""arq, one process with an event loop. It wants redis<6: it runs from an environment of its own (README)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings

from benchmarks.peers.work import ASYNC_JOBS, SAFE, SETTING, URL, program, work_async

NAME = "arq"
PROCESSES = "1 process, 10 jobs"
STORES = ("redis",)
SETTINGS = {"default": "job timeout 300 s", "safe": "job timeout 1 s"}
SPEEDS = {"default": "10 at a time", "fast": "100 at a time"}
HAS_BULK = False


async def work(context: dict[str, Any], file: str, number: int) -> None:  # noqa: ARG001
    """The job."""
    await work_async(file, number)


async def run(context: dict[str, Any], job: str, file: str, sent: float) -> None:  # noqa: ARG001
    """One of the other jobs."""
    await ASYNC_JOBS[job](file, sent)


class Settings:
    """What its worker reads."""

    functions = (work, run)
    max_jobs = 100 if SETTING == "fast" else 10
    redis_settings = RedisSettings.from_dsn(URL)
    job_timeout = 1 if SAFE else 300


def command(url: str, setting: str) -> list[str]:  # noqa: ARG001
    """It has but one process."""
    return [program("arq"), f"{__name__}.Settings"]


def enqueue(file: str, jobs: int) -> None:
    """One by one: there is nothing for many."""
    asyncio.run(_enqueue(file, jobs))


async def _enqueue(file: str, jobs: int) -> None:
    pool = await create_pool(Settings.redis_settings)
    for number in range(jobs):
        await pool.enqueue_job("work", file, number)
    await pool.aclose()


def worker(url: str, setting: str, processes: int) -> list[str]:  # noqa: ARG001
    """It has but one process."""
    return command(url, setting)


def send(job: str, file: str, jobs: int, every: float) -> None:
    """One by one."""
    asyncio.run(_send(job, file, jobs, every))


async def _send(job: str, file: str, jobs: int, every: float) -> None:
    pool = await create_pool(Settings.redis_settings)
    for _ in range(jobs):
        await pool.enqueue_job("run", job, file, time.time())
        if every:
            await asyncio.sleep(every)
    await pool.aclose()
