"""No queue at all, but the floor beneath them: a list that is pushed to, and a loop that pops and calls. Nothing is safe.

python -m benchmarks.peers.bare     the loop
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

from redis import Redis

from benchmarks.peers import Order
from benchmarks.peers.work import JOBS, URL

NAME = "LPUSH and BRPOP"
VERSION = f"by redis-py {version('redis')}"
STORES = ("redis",)
SPEEDS = {"default": "nothing is kept"}
HAS_BULK = False


def worker(url: str, setting: str, processes: int) -> list[str]:  # noqa: ARG001
    """One process, one job at a time."""
    return [sys.executable, "-m", "benchmarks.peers.bare"]


def send(order: Order) -> None:
    """One by one."""
    with Redis.from_url(URL) as client:
        for arguments in order.calls():
            client.lpush("jobs", json.dumps([order.job, arguments]))


def _run() -> None:
    with Redis.from_url(URL) as client:
        while True:
            _, job = client.brpop(["jobs"])
            name, arguments = json.loads(job)
            JOBS[name](*arguments)


if __name__ == "__main__":
    _run()
