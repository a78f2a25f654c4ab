"""SAQ, whose jobs live in an event loop."""

from __future__ import annotations

import asyncio
from typing import Any

from saq import Job, Queue

from benchmarks.peers import Order
from benchmarks.peers.work import ASYNC_JOBS, ROOMY_URL, SAFE, SETTING, program, work_async

NAME = "SAQ"
PROCESSES = "2 processes, 10 jobs each"
STORES = ("redis",)
SETTINGS = {
    "default": "1 attempt, job timeout 10 s, sweep every 60 s",
    "safe": "3 attempts, job timeout 5 s, sweep every 5 s",
}
SPEEDS = {"default": "10 at a time", "fast": "100 at a time"}
HAS_BULK = False

queue = Queue.from_url(ROOMY_URL)


async def work(context: dict[str, Any], *, file: str, number: int) -> None:  # noqa: ARG001
    """The job."""
    await work_async(file, number)


async def run(context: dict[str, Any], *, job: str, file: str, sent: float, data: str | None = None) -> Any:  # noqa: ARG001
    """One of the other jobs."""
    return await ASYNC_JOBS[job](file, sent, *([data] if data else []))


settings = {
    "queue": queue,
    "functions": [work, run],
    "concurrency": 100 if SETTING == "fast" else 10,
    "timers": {"sweep": 5} if SAFE else None,
}


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


def worker(url: str, setting: str, processes: int) -> list[str]:  # noqa: ARG001
    """So many processes."""
    return [program("saq"), f"{__name__}.settings", "--workers", str(processes)]


def send(order: Order) -> None:
    """One by one."""
    asyncio.run(_send(order))


send_at = send


async def _send(order: Order) -> None:
    for arguments in order.calls():
        options = {"scheduled": int(arguments[1])} if order.last else {}  # it knows whole seconds
        await queue.enqueue(
            "run", job=order.job, **dict(zip(("file", "sent", "data"), arguments, strict=False)), **options
        )
    await queue.disconnect()
