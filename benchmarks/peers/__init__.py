"""One small adapter per queue, so that a workload is written once.

`python -m benchmarks.peers NAME ...` enqueues, in a process of its own, as the worker runs in one: both are told by
their environment which store and which setting it is (`work.py`). An adapter can be imported without either.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).parents[2]
NAMES = ("winch", "rq", "celery", "dramatiq", "huey", "saq", "taskiq", "arq", "bullmq")


class Peer(Protocol):
    """What each module here offers."""

    NAME: str
    """For people."""

    PROCESSES: str
    """How many processes one worker of the crash has, and how many jobs it runs at a time."""

    STORES: tuple[str, ...]
    """`redis`, `sqlite`."""

    SETTINGS: dict[str, str]
    """Of the crash. The first is the default; `safe` is the best there is for not losing work. The values say what it sets."""

    SPEEDS: dict[str, str]
    """Of the other workloads: the default first, then what makes it faster. The values say what it sets."""

    HAS_BULK: bool
    """Whether it has a call that enqueues many jobs at once."""

    def command(self, url: str, setting: str) -> list[str]:
        """The command line of one worker, for the crash."""
        ...

    def enqueue(self, file: str, jobs: int) -> None:
        """Put the jobs `work(file, 0)` to `work(file, jobs - 1)` into the store, in the way meant for many jobs."""
        ...

    def worker(self, url: str, setting: str, processes: int) -> list[str]:
        """The command line of a worker with a speed setting and this many processes that run jobs."""
        ...

    def send(self, job: str, file: str, jobs: int, every: float) -> None:
        """Enqueue `job(file, time of the call)` (one of `work.JOBS`) one by one, so many seconds apart."""
        ...

    def send_many(self, job: str, file: str, jobs: int) -> None:
        """The same in bulk. Only with `HAS_BULK`."""
        ...


def load(name: str) -> Peer:
    """The adapter of this name.

    Raises:
        ImportError: The queue, or what it needs, is not installed.
    """
    return importlib.import_module(f"benchmarks.peers.{name}")


def environment(url: str, setting: str) -> dict[str, str]:
    """The environment for a worker's or producer's process."""
    return os.environ | {"BENCH_URL": url, "BENCH_SETTING": setting, "PYTHONPATH": str(ROOT)}
