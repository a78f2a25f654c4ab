"""What runs in arq's own environment: its jobs, its worker's settings, its producer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings

from benchmarks.peers import Order
from benchmarks.peers.work import ASYNC_JOBS, SAFE, SETTING, URL

HAS_BULK = False
QUIET = {"version": 1, "disable_existing_loggers": False, "loggers": {"arq": {"level": "WARNING"}}}


async def run(context: dict[str, Any], job: str, *arguments: Any) -> Any:  # noqa: ARG001
    """One of the jobs."""
    return await ASYNC_JOBS[job](*arguments)


class Settings:
    """What its worker reads."""

    functions = (run,)
    max_jobs = 100 if SETTING == "fast" else 10
    poll_delay = 0.01 if SETTING == "fast" else 0.5
    redis_settings = RedisSettings.from_dsn(URL)
    job_timeout = 1 if SAFE else 300


def send(order: Order) -> None:
    """One by one, at once or each for its time."""
    asyncio.run(_send(order))


send_at = send


async def _send(order: Order) -> None:
    pool = await create_pool(Settings.redis_settings)
    for arguments in order.calls():
        due = datetime.fromtimestamp(arguments[1], UTC) if order.last else None
        await pool.enqueue_job("run", order.job, *arguments, _defer_until=due)
    await pool.aclose()
