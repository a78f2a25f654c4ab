"""One small adapter per queue, so that a workload is written once.

`python -m benchmarks.peers NAME FILE JOBS` enqueues, in a process of its own, as the worker runs in one: both are told by
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
    """How many processes one worker has, and how many jobs it runs at a time."""

    STORES: tuple[str, ...]
    """`redis`, `sqlite`."""

    SETTINGS: dict[str, str]
    """The first is the default; `safe` is the best there is for not losing work. The values say what it sets."""

    def command(self, url: str, setting: str) -> list[str]:
        """The command line of one worker."""
        ...

    def enqueue(self, file: str, jobs: int) -> None:
        """Put the jobs `work(file, 0)` to `work(file, jobs - 1)` into the store, in the way meant for many jobs."""
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
