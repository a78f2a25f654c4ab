"""`rq.cron`: jobs that are enqueued again and again, over winch's cron table."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import uuid4

from winch.callables import path_of
from winch.compat.rq.calling import row
from winch.compat.rq.connections import client_of, store_of
from winch.compat.rq.defaults import DEFAULT_RESULT_TTL
from winch.compat.rq.exceptions import SchedulerNotFound
from winch.compat.rq.job import Job
from winch.compat.rq.options import job_keywords
from winch.compat.rq.queue import Queue
from winch.cron import Cron, Entry
from winch.cron.entries import EntrySpec
from winch.cron.schedule import Schedule
from winch.cron.slots import of_datetime, to_datetime
from winch.worker.crontab import CronTab

__all__ = ["CronJob", "CronScheduler", "create_cron", "register"]

LONGEST_SLEEP = 1.0
"""Seconds between two looks at the table."""

_SIX = 6
logger = logging.getLogger("winch.worker")
_registered: list[CronJob] = []


def seconds_first(expression: str) -> str:
    """A cron expression as winch takes it: RQ's sixth field, the seconds, stands last."""
    fields = expression.split()
    return " ".join([fields[-1], *fields[:-1]]) if len(fields) == _SIX else expression


class CronJob:
    """What is enqueued again and again.

    Args:
        queue_name: Where.
        func: A function, or its path.
        args: Positional arguments.
        kwargs: Keyword arguments.
        interval: Seconds.
        cron: Instead: an expression of five fields, or of six with seconds last. The zone is UTC.
        name: Unique in the store; by default the function's path, with a number if it is there several times.
        **options: RQ's: `job_timeout`, `result_ttl`, `ttl`, `failure_ttl`, `meta`, `webhooks`.

    Raises:
        ValueError: Neither or both of `interval` and `cron`, or one cannot be used.
    """

    def __init__(
        self,
        queue_name: str,
        func: Callable[..., Any] | str,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        interval: float | None = None,
        cron: str | None = None,
        name: str = "",
        **options: Any,
    ) -> None:
        self.queue_name, self.func, self.interval, self.cron = queue_name, func, interval, cron
        self.func_name = path_of(func)
        self.args, self.kwargs, self.job_options = row(args), dict(kwargs or {}), options
        self.name = name or self.func_name
        self._schedule = Schedule.of(None if cron is None else seconds_first(cron), interval)

    @property
    def spec(self) -> EntrySpec:
        """As winch's table takes it."""
        keywords = job_keywords(self.job_options)
        return EntrySpec.of(self._schedule, self.func, self.queue_name, self.args, self.kwargs, self.name, keywords)

    def get_next_enqueue_time(self) -> datetime | None:
        """When it comes next, counted from now. Aware, UTC."""
        now = of_datetime(datetime.now(UTC))
        slot = self._schedule.next_slot(now, now)
        return None if slot is None else to_datetime(slot)

    def _entry(self, connection: Any) -> Entry | None:
        return Cron(store_of(connection)).get(self.name)

    def get_job_ids(self, connection: Any = None) -> list[str]:
        """The id of the job that it enqueued last, if it did."""
        entry = self._entry(connection)
        return [] if entry is None or entry.last_job_id is None else [entry.last_job_id]

    def get_times(self, connection: Any = None) -> tuple[datetime | None, datetime | None]:
        """When it was enqueued last, and when it will be next, as the table says."""
        entry = self._entry(connection)
        return (None, None) if entry is None else (entry.last_run, entry.next_run)

    def enqueue(self, connection: Any = None) -> Job:
        """Enqueue its job now."""
        options = dict(self.job_options)
        queue = Queue(self.queue_name, store_of(connection))
        return queue.enqueue_call(self.func, self.args, self.kwargs, **options)


def register(
    func: Callable[..., Any] | str,
    queue_name: str,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    interval: float | None = None,
    cron: str | None = None,
    result_ttl: float = DEFAULT_RESULT_TTL,
    name: str = "",
    **options: Any,
) -> CronJob:
    """In a configuration file: have a function enqueued again and again, see `CronJob`."""
    made = CronJob(queue_name, func, args, kwargs, interval, cron, name, result_ttl=result_ttl, **options)
    _registered.append(made)
    return made


class CronScheduler:
    """A set of cron jobs that a program writes into winch's table, where every worker fires them, each slot once.

    Args:
        connection: A Redis client, or what `winch.Queue` takes.
        logging_level: No effect.
        name: The source of the set in the table: two schedulers of the same name are one. The default is `rq`.
    """

    def __init__(self, connection: Any = None, logging_level: str | int = logging.INFO, name: str = "") -> None:  # noqa: ARG002
        self._store = store_of(connection)
        self.name = name or "rq"
        self._jobs: list[CronJob] = []
        self._tab = CronTab()

    @property
    def connection(self) -> Any:
        """A Redis client where the store is Redis, else the store."""
        return client_of(self._store)

    def register(
        self,
        func: Callable[..., Any] | str,
        queue_name: str,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        interval: float | None = None,
        cron: str | None = None,
        result_ttl: float = DEFAULT_RESULT_TTL,
        name: str = "",
        **options: Any,
    ) -> CronJob:
        """Add a job to the set, see `CronJob`."""
        made = CronJob(queue_name, func, args, kwargs, interval, cron, name, result_ttl=result_ttl, **options)
        return self.add(made)

    def add(self, made: CronJob) -> CronJob:
        """Add a job to the set. A name that is taken gets a number."""
        taken = {job.name for job in self._jobs}
        number, name = 1, made.name
        while made.name in taken:
            number += 1
            made.name = f"{name}-{number}"
        self._jobs.append(made)
        return made

    def get_jobs(self) -> list[CronJob]:
        """The set."""
        return list(self._jobs)

    def load_config_from_file(self, config_path: str) -> None:
        """Add what a file or a module `register`s.

        Raises:
            FileNotFoundError: There is no such file, and no such module.
            ImportError: It cannot be imported.
        """
        _registered.clear()
        path = Path(config_path)
        if path.suffix == ".py" or "/" in config_path:
            if not path.exists():
                raise FileNotFoundError(f"Configuration file not found at '{config_path}'")
            _run_file(path)
        else:
            _import_anew(config_path)
        for made in _registered:
            self.add(made)
        _registered.clear()

    # ---- running ----

    def enqueue_jobs(self) -> list[CronJob]:
        """Write the set, and enqueue what is due now. A new interval is due at once. Returns what was enqueued."""
        fired = self._write()
        fired |= self._tick()
        return [job for job in self._jobs if job.name in fired]

    def start(self) -> None:
        """Write the set, and enqueue what is due until SIGINT or SIGTERM comes. Winch's workers do the same all the time."""
        stop = threading.Event()

        def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, on_signal)
        self._write()
        while not stop.is_set():
            self._tick()
            stop.wait(LONGEST_SLEEP)

    def _write(self) -> set[str]:
        """Write the set into the table. Returns the names of those that were enqueued at once."""
        known = {record.name for record in self._store.cron_table().entries}
        self._store.put_entries(self.name, [job.spec.packed() for job in self._jobs], whole=True)
        new = {job.name for job in self._jobs if job.interval is not None and job.name not in known}
        for name in new:
            Cron(self._store).run_now(name)
        return new

    def _tick(self) -> set[str]:
        """Fire what is due. Returns the names of what was enqueued."""
        table = self._store.cron_table()
        if table.version != self._tab.version:
            self._tab.read(table)
        fired: set[str] = set()
        for firing in self._tab.due(table.now):
            answer = self._store.fire_entry(firing.name, firing.revision, firing.slot, firing.job)
            self._tab.fired(firing, answer)
            if answer.kind == "fired":
                fired.add(firing.name)
        return fired

    def entries(self) -> list[Entry]:
        """The set as it stands in the table, with last and next runs."""
        return [entry for entry in Cron(self._store).entries() if entry.source == self.name]

    @classmethod
    def all(cls, connection: Any = None, cleanup: bool = True) -> list[CronScheduler]:  # noqa: ARG003 - RQ's signature
        """One for each set in the table."""
        names = dict.fromkeys(entry.source for entry in Cron(store_of(connection)).entries() if entry.source)
        return [cls(connection, name=name) for name in names]

    @classmethod
    def fetch(cls, name: str, connection: Any = None) -> CronScheduler:
        """The one of a set.

        Raises:
            SchedulerNotFound: There is none.
        """
        for found in cls.all(connection):
            if found.name == name:
                return found
        raise SchedulerNotFound(f"there is no set {name!r} in the cron table")


def _run_file(path: Path) -> None:
    spec = importlib.util.spec_from_file_location(f"rq_cron_config_{uuid4().hex}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def _import_anew(name: str) -> None:
    """Import a module anew, so that it registers again."""
    module = importlib.import_module(name)
    if not _registered:
        importlib.reload(module)


def create_cron(connection: Any = None) -> CronScheduler:
    """A scheduler with all that was `register`ed in this process."""
    made = CronScheduler(connection)
    for job in _registered:
        made.add(job)
    _registered.clear()
    return made
