"""arq, one process with an event loop. It wants redis<6: it runs from an environment of its own (README)."""

from __future__ import annotations

import asyncio
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings

from benchmarks.peers.work import SAFE, URL, program, work_async

NAME = "arq"
PROCESSES = "1 process, 10 jobs"
STORES = ("redis",)
SETTINGS = {"default": "job timeout 300 s", "safe": "job timeout 1 s"}


async def work(context: dict[str, Any], file: str, number: int) -> None:  # noqa: ARG001
    """The job."""
    await work_async(file, number)


class Settings:
    """What its worker reads."""

    functions = (work,)
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
