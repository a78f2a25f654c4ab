"""What can be asked of a worker, with its defaults."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from winch.callables import path_of
from winch.errors import InvalidOption
from winch.options import check_queue

__all__ = ["Isolation", "Order", "WorkerSettings"]

Order = Literal["strict", "round-robin", "random"]
Isolation = Literal["none", "fork"]

_MOST = {"processes": 1_000, "threads": 10_000, "async_jobs": 100_000}
"""What is more can only be a mistake."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Everything that can be asked of a worker. All times are in seconds.

    Attributes:
        queues: Names in the order of their priority; one that is named again is dropped.
        url: The address of the store.
        name: A label; the default is made of host and pid.
        processes: Executors, each a process; at most 1,000.
        threads: Sync jobs at a time in one executor: 1 runs them on its main thread, more, at most 10,000, in a pool.
        async_jobs: `async def` jobs at a time in one executor; at most 100,000.
        burst: Stop when nothing is left to do.
        max_jobs: Stop after that many jobs.
        max_idle_time: Stop after that long without a job.
        paths: Folders that hold the user's code: put first on `sys.path`, and admitted to run.
        allow: Patterns of functions that may run besides the project's own, `shop.*` or `*`.
        imports: Modules that every executor imports before its first claim.
        cron: Modules whose cron entries (`winch.cron.register`) it writes to the store when it starts.
        order: How the queues take turns, if there are no weights.
        weights: Of the queues, 1 to 1,000 each: how often each is the first to be looked at. None, or one per queue.
        exception_handlers: Paths of functions that are called with `(job, type, value, traceback)` for each failed attempt,
            where it ran. One that returns something false other than None is the last.
        on_crash: Paths of functions that are called with `(job, pid, status, usage)` when a job has crashed its executor, or
            had to be killed with it, in a process of their own.
        worker_ttl: Without a beat for this long the worker counts as dead.
        grace: On SIGTERM running jobs have this long to finish.
        kill_grace: A job that ignores its time limit for this long is killed with its executor.
        isolation: `fork` runs every job in a child process of its own, one at a time per executor.
        max_jobs_per_executor: Replace an executor after that many jobs.
        max_memory: Replace an executor once it uses more than this many bytes.
        log_level: As `logging` names it.
        log_format: `text`, `json`, or a format of `logging`, `%(asctime)s %(message)s`.
        date_format: How the text's times look, for `time.strftime`.
        quiet: No line per job.
        pickle: Whether pickled arguments may be loaded.
    """

    queues: tuple[str, ...] = ("default",)
    url: str = ""
    name: str = ""
    processes: int = 1
    threads: int = 1
    async_jobs: int = 100
    burst: bool = False
    max_jobs: int | None = None
    max_idle_time: float | None = None
    paths: tuple[str, ...] = (".",)
    allow: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    cron: tuple[str, ...] = ()
    order: Order = "strict"
    weights: tuple[int, ...] = ()
    exception_handlers: tuple[str, ...] = ()
    on_crash: tuple[str, ...] = ()
    worker_ttl: float = 30.0
    grace: float = 25.0
    kill_grace: float = 10.0
    isolation: Isolation = "none"
    max_jobs_per_executor: int | None = None
    max_memory: int | None = None
    log_level: str = "INFO"
    log_format: str = "text"
    date_format: str = "%H:%M:%S"
    quiet: bool = False
    pickle: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            InvalidOption: A value is out of range.
            UnimportableFunction: What should be the path of a function is none.
        """
        if not self.name.isprintable() or len(self.name) > 128:
            raise InvalidOption(f"name={self.name!r:.200}: a worker's name is one line of text, at most 128 characters")
        for path in (*self.exception_handlers, *self.on_crash):
            path_of(path)
        self._check_queues()
        self._check_log()
        self._check_numbers()
        if self.isolation == "fork" and self.threads > 1:
            raise InvalidOption("isolation='fork' runs one job at a time: give it processes rather than threads")

    def _check_numbers(self) -> None:
        for name, most in _MOST.items():
            if not 1 <= (number := getattr(self, name)) <= most:
                raise InvalidOption(f"{name}={number}: 1 to {most:,} in one worker; for more start several")
        for name in ("max_jobs", "max_jobs_per_executor", "max_memory"):
            if (number := getattr(self, name)) is not None and number < 1:
                raise InvalidOption(f"{name} must be at least 1, not {number}; None is without a limit")
        for name in ("worker_ttl", "kill_grace"):
            if getattr(self, name) <= 0:
                raise InvalidOption(f"{name} must be more than 0 seconds, not {getattr(self, name)}")
        for name in ("grace", "max_idle_time"):
            if (number := getattr(self, name)) is not None and number < 0:
                raise InvalidOption(f"{name} must be 0 seconds or more, not {number}")

    def _check_queues(self) -> None:
        if not self.queues:
            raise InvalidOption("a worker needs at least one queue")
        for queue in self.queues:
            check_queue(queue)
        if not self.weights:
            object.__setattr__(self, "queues", tuple(dict.fromkeys(self.queues)))
            return
        if len(self.weights) != len(self.queues) or len(set(self.queues)) != len(self.queues):
            raise InvalidOption("weights: one for each queue, and each queue once")
        if not all(1 <= weight <= 1_000 for weight in self.weights):
            raise InvalidOption(f"weights are whole numbers from 1 to 1000, not {', '.join(map(str, self.weights))}")
        if self.order != "strict":
            raise InvalidOption(f"either weights or order={self.order!r} says how the queues take turns, not both")

    def _check_log(self) -> None:
        if self.log_level not in logging.getLevelNamesMapping():
            raise InvalidOption(f"log_level={self.log_level!r:.50}: one of DEBUG, INFO, WARNING, ERROR, CRITICAL")
        if self.log_format in ("text", "json"):
            return
        try:
            logging.Formatter(self.log_format, self.date_format).format(logging.makeLogRecord({}))
        except (ValueError, TypeError) as error:
            raise InvalidOption(
                f"log_format={self.log_format!r:.100}: text, json, or a format of logging like '%(asctime)s %(message)s' "
                f"({error})"
            ) from None

    @property
    def slots(self) -> int:
        """How many jobs an executor can run at a time: on its main thread, on those of the pool, and in the event loop."""
        return 1 + (0 if self.threads == 1 else self.threads) + self.async_jobs

    @property
    def beat(self) -> float:
        """Seconds between two beats: a sixth of the ttl, so that several may be lost before the worker counts as dead."""
        return self.worker_ttl / 6
