"""SAQ, whose jobs live in an event loop."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

from saq import Queue

from benchmarks.peers import Order
from benchmarks.peers.work import ASYNC_JOBS, ROOMY_URL, SAFE, SETTING, program

NAME = "SAQ"
VERSION = version("saq")
PROCESSES = "2 processes, 10 jobs each"
STORES = ("redis",)
SETTINGS = {
    "default": "1 attempt, job timeout 10 s, sweep every 60 s",
    "safe": "3 attempts, job timeout 5 s, sweep every 5 s",
}
SPEEDS = {"default": "10 at a time", "fast": "100 at a time"}
HAS_BULK = False

queue = Queue.from_url(ROOMY_URL)


async def run(context: dict[str, Any], *, job: str, arguments: list[Any]) -> Any:  # noqa: ARG001
    """One of the jobs."""
    return await ASYNC_JOBS[job](*arguments)


settings = {
    "queue": queue,
    "functions": [run],
    "concurrency": 100 if SETTING == "fast" else 10,
    "timers": {"sweep": 5} if SAFE else None,
}


def command(url: str, setting: str) -> list[str]:
    """Two processes; the second is a child of the first."""
    return worker(url, setting, 2)


def worker(url: str, setting: str, processes: int) -> list[str]:  # noqa: ARG001
    """So many processes."""
    return [program("saq"), f"{__name__}.settings", "--workers", str(processes)]


def send(order: Order) -> None:
    """One by one."""
    asyncio.run(_send(order))


send_at = send


async def _send(order: Order) -> None:
    options: dict[str, Any] = {"retries": 3, "timeout": 5} if SAFE else {}
    for arguments in order.calls():
        if order.last:
            options["scheduled"] = int(arguments[1])  # it knows whole seconds
        await queue.enqueue("run", job=order.job, arguments=arguments, **options)
    await queue.disconnect()
