"""What runs in arq's own environment: its jobs, its worker's settings, its producer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings

from benchmarks.peers import Order
from benchmarks.peers.work import ASYNC_JOBS, SAFE, SETTING, URL, work_async


async def work(context: dict[str, Any], file: str, number: int) -> None:  # noqa: ARG001
    """The job of the crash."""
    await work_async(file, number)


async def run(context: dict[str, Any], job: str, *arguments: Any) -> Any:  # noqa: ARG001
    """One of the other jobs."""
    return await ASYNC_JOBS[job](*arguments)


class Settings:
    """What its worker reads."""

    functions = (work, run)
    max_jobs = 100 if SETTING == "fast" else 10
    redis_settings = RedisSettings.from_dsn(URL)
    job_timeout = 1 if SAFE else 300


def enqueue(file: str, jobs: int) -> None:
    """One by one: there is nothing for many."""
    asyncio.run(_enqueue([("work", file, number) for number in range(jobs)]))


def send(order: Order) -> None:
    """One by one."""
    asyncio.run(_enqueue((("run", order.job, *arguments) for arguments in order.calls()), is_timed=bool(order.last)))


send_at = send


async def _enqueue(calls: Any, *, is_timed: bool = False) -> None:
    pool = await create_pool(Settings.redis_settings)
    for call in calls:
        due = datetime.fromtimestamp(call[3], UTC) if is_timed else None
        await pool.enqueue_job(*call, _defer_until=due)
    await pool.aclose()
