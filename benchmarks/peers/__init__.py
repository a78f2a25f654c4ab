"""One small adapter per queue, so that a workload is written once.

`python -m benchmarks.peers NAME ...` enqueues, in a process of its own, as the worker runs in one: both are told by
their environment which store and which setting it is (`work.py`). An adapter can be imported without either.
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).parents[2]
NAMES = ("winch", "rq", "celery", "dramatiq", "huey", "saq", "taskiq", "arq", "bullmq")
FLOOR = ("bare",)
"""What is measured beside them, except in a crash."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to enqueue.

    Attributes:
        job: One of `work.JOBS`. `work` is the job of the crash.
        file: What the jobs write to.
        jobs: How many.
        bulk: In the way meant for many, else one by one.
        every: Seconds between two calls.
        size: Characters that each is given on top, 0 for none.
        first, last: Seconds from now when the first and the last are due; 0 is at once.
    """

    job: str
    file: str
    jobs: int
    bulk: bool = False
    every: float = 0.0
    size: int = 0
    first: float = 0.0
    last: float = 0.0

    def calls(self) -> Iterator[tuple[Any, ...]]:
        """The arguments of each job, when it is its turn: file, the time now or when it is due, and the characters.

        Those of `work` are the file and its number.
        """
        data = (base64.b64encode(os.urandom(self.size))[: self.size].decode(),) if self.size else ()
        began = time.time()
        for number in range(self.jobs):
            due = began + self.first + number / self.jobs * (self.last - self.first)
            at = due if self.last else time.time()
            yield (self.file, number) if self.job == "work" else (self.file, at, *data)
            if self.every:
                time.sleep(self.every)

    def json(self) -> str:
        """For a command line: `Order(**json.loads(text))` is the same."""
        return json.dumps(asdict(self))


class Peer(Protocol):
    """What each module here offers."""

    NAME: str
    """For people."""

    VERSION: str
    """Of the package that is measured."""

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

    def worker(self, url: str, setting: str, processes: int) -> list[str]:
        """The command line of a worker with a speed setting and this many processes that run jobs."""
        ...

    def send(self, order: Order) -> None:
        """Enqueue `work.JOBS[order.job]` with the arguments of `order.calls()`, one by one."""
        ...

    def send_many(self, order: Order) -> None:
        """The same in bulk. Only with `HAS_BULK`."""
        ...

    def send_at(self, order: Order) -> None:
        """The same for jobs that are due at the time that is their second argument. Only where it is measured."""
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
