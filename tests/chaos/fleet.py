"""The workers and the producers, under a restarter."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from tests.chaos.history import History
from tests.chaos.jobs import HISTORY_PATH, WORKER_NAME
from tests.chaos.processes import Child
from tests.integration.conftest import ROOT, children

__all__ = ["TTL", "Berth", "Fleet"]

TTL = 3.0
"""Seconds of every worker's ttl."""

WORKER = """
from tests.chaos.processes import run_until_the_end
from winch.worker import WorkerSettings
run_until_the_end({parent}, WorkerSettings(**{settings!r}))
"""

_COMMON: dict[str, Any] = {
    "paths": (str(ROOT),),
    "allow": ("tests.chaos.*",),
    "worker_ttl": TTL,
    "kill_grace": 0.5,
    "grace": 2.0,
    "log_level": "WARNING",
}

SETTINGS: tuple[dict[str, Any], ...] = (
    {"queues": ("left", "right"), "processes": 2, "async_jobs": 20},
    {"queues": ("right", "left"), "processes": 1, "threads": 4, "order": "round-robin"},
    {"queues": ("left", "right"), "processes": 1, "isolation": "fork", "order": "random"},
)
"""Of the three workers: batches on the main thread, a pool of threads beside a loop, a process per job."""

_RESTART_AFTER = 0.1


class Berth(NamedTuple):
    """A place in the fleet that is never empty for long.

    Attributes:
        name: Its occupants are called `name.1`, `name.2`, ...
        url: Of the store, as seen from here.
        settings: A worker's; None for a producer.
    """

    name: str
    url: str
    settings: dict[str, Any] | None


class Fleet:
    """See the module.

    Args:
        berths: What is to run.
        folder: For histories and logs.
        history: Where starts and ends of workers are noted.
        seed: Of the producers.
        rate: Jobs per second, of all producers together.
    """

    def __init__(self, berths: list[Berth], folder: Path, history: History, seed: int, rate: float) -> None:
        self._berths = {berth.name: berth for berth in berths}
        self._folder, self._history, self._seed = folder, history, seed
        self._rate = rate / sum(berth.settings is None for berth in berths)
        self._count = dict.fromkeys(self._berths, 0)
        self._aboard: dict[str, Child] = {}
        self._leaving: list[Child] = []
        self._restart_at: dict[str, float] = {}
        self._producing = True

    @property
    def workers(self) -> list[str]:
        """Names of the workers' berths."""
        return [name for name, berth in self._berths.items() if berth.settings is not None]

    @property
    def producers(self) -> list[str]:
        """Names of the producers' berths."""
        return [name for name, berth in self._berths.items() if berth.settings is None]

    def start(self) -> None:
        """Fill every berth."""
        for name in self._berths:
            self._start(name)

    def at(self, name: str) -> Child | None:
        """Who is in a berth now."""
        return self._aboard.get(name)

    def executors(self, name: str) -> list[int]:
        """The pids of a worker's executors, oldest first."""
        child = self.at(name)
        return sorted(children(child.pid)) if child else []

    def deploy(self, name: str) -> None:
        """Start a new worker beside the old one, which is asked to end."""
        child = self._aboard.pop(name, None)
        self._start(name)
        if child is not None:
            child.terminate()
            self._leaving.append(child)

    def look_after(self) -> None:
        """Note who has ended, and fill the empty berths."""
        for child in [child for child in self._leaving if child.code is not None]:
            self._leaving.remove(child)
            self._note_end(child)
        for name, child in list(self._aboard.items()):
            if child.code is not None:
                del self._aboard[name]
                self._note_end(child)
                self._restart_at[name] = time.monotonic() + _RESTART_AFTER
        for name, at in list(self._restart_at.items()):
            if at < time.monotonic():
                del self._restart_at[name]
                if self._producing or name in self.workers:
                    self._start(name)

    def stop_producers(self, within: float) -> None:
        """Let every producer finish its call and leave."""
        self._producing = False
        leaving = [self._aboard.pop(name) for name in self.producers if name in self._aboard]
        for child in leaving:
            child.terminate()
        for child in leaving:
            if not child.reap(within):
                child.kill()

    def stop(self, within: float) -> None:
        """End every worker as a deploy does, and note how it ended."""
        leaving = [*self._aboard.values(), *self._leaving]
        for child in leaving:
            child.terminate()
        deadline = time.monotonic() + within
        for child in leaving:
            child.reap(max(0.0, deadline - time.monotonic()))
            self._note_end(child)

    def kill(self) -> None:
        """End everything at once."""
        for child in [*self._aboard.values(), *self._leaving]:
            child.kill()
            child.reap(10)

    def _start(self, name: str) -> None:
        berth = self._berths[name]
        self._count[name] += 1
        unique = f"{name}.{self._count[name]}"
        if berth.settings is None:
            rate, parent = str(self._rate), str(os.getpid())
            words = [berth.url, unique, f"{self._seed}/{unique}", rate, str(self._folder), parent]
            child = Child(unique, ["-m", "tests.chaos.producer", *words], self._folder / f"{name}.log")
        else:
            settings = {**_COMMON, **berth.settings, "url": berth.url, "name": unique}
            settings["queues"] = (only(name), *settings["queues"])
            code = WORKER.format(parent=os.getpid(), settings=settings)
            environment = {HISTORY_PATH: str(self._folder / f"runs-{name}.jsonl"), WORKER_NAME: unique}
            child = Child(unique, ["-c", code], self._folder / f"{name}.log", environment)
            self._history.write("worker", "spawn", w=unique, pid=child.pid)
        self._aboard[name] = child

    def _note_end(self, child: Child) -> None:
        if child.name.partition(".")[0] in self.workers:
            self._history.write("worker", "exit", w=child.name, pid=child.pid, code=child.code, asked=child.asked)


def only(name: str) -> str:
    """The queue to which only the worker in this berth listens."""
    return f"only-{name}"
