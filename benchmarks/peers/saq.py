"""SAQ, whose jobs live in an event loop."""

from __future__ import annotations

import asyncio
from typing import Any

from saq import Job, Queue

from benchmarks.peers.work import SAFE, URL, program, work_async

NAME = "SAQ"
PROCESSES = "2 processes, 10 jobs each"
STORES = ("redis",)
SETTINGS = {
    "default": "1 attempt, job timeout 10 s, sweep every 60 s",
    "safe": "3 attempts, job timeout 5 s, sweep every 5 s",
}

queue = Queue.from_url(URL)


async def work(context: dict[str, Any], *, file: str, number: int) -> None:  # noqa: ARG001
    """The job."""
    await work_async(file, number)


settings = {"queue": queue, "functions": [work], "concurrency": 10, "timers": {"sweep": 5} if SAFE else None}


def command(url: str, setting: str) -> list[str]:  # noqa: ARG001
    """Two processes; the second is a child of the first."""
    return [program("saq"), f"{__name__}.settings", "--workers", "2"]


def enqueue(file: str, jobs: int) -> None:
    """One by one: there is nothing for many."""
    asyncio.run(_enqueue(file, jobs))


async def _enqueue(file: str, jobs: int) -> None:
    options = {"retries": 3, "timeout": 5} if SAFE else {}
    for number in range(jobs):
        await queue.enqueue(Job("work", kwargs={"file": file, "number": number}, **options))
    await queue.disconnect()
