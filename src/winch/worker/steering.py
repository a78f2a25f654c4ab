"""Telling workers what to do, from anywhere: a command goes into the worker's record and stays there until it is obeyed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from winch.errors import InvalidJobOperation, InvalidOption, NoSuchJob, NotEnlisted
from winch.stores.contract import Store, WorkerInfo, WorkerRecord
from winch.worker.orders import SHUTDOWN, SHUTDOWN_NOW

__all__ = ["record_of", "send", "stop_jobs", "wait_until_obeyed"]

_LOOK = 0.05
"""Seconds between two looks at whether a command was obeyed."""

_LONGEST_NAME = 64


def record_of(store: Store, worker: str) -> WorkerRecord | None:
    """What the store knows of a worker, by its id; None once it has left."""
    return next((record for record in store.workers() if record.info.id == worker), None)


def send(store: Store, worker: str, name: str) -> int:
    """Give a worker a command. Returns its number.

    Raises:
        InvalidOption: It cannot be the name of a command.
        NotEnlisted: The worker has left.
        WorkerError: It has too many commands to obey already.
    """
    if not name or not name.isascii() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise InvalidOption(f"{name!r:.100} is no command: one word of ASCII, at most {_LONGEST_NAME} characters")
    return store.send(worker, name)


def wait_until_obeyed(store: Store, worker: WorkerInfo, name: str, number: int, timeout: float) -> bool:
    """Wait until a worker has acknowledged a command, also under another id if it was given up meanwhile.

    Args:
        store: Where the worker is known.
        worker: Who it is.
        name: Of the command.
        number: Of the command.
        timeout: Seconds; 0 looks once.

    Returns:
        Whether it did in time. Who has left has obeyed a shutdown, and nothing else.
    """
    until = time.monotonic() + timeout
    while not _has_obeyed(store, worker, name, number):
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK)
    return True


def _has_obeyed(store: Store, worker: WorkerInfo, name: str, number: int) -> bool:
    records = store.workers()
    for record in records:
        if record.info.id == worker.id:
            return all(command.number != number for command in record.commands)
    for record in records:
        if _process_of(record.info) == _process_of(worker):  # it inherits what it was told under the former id
            return all(command.name != name for command in record.commands)
    return name in (SHUTDOWN, SHUTDOWN_NOW)


def _process_of(worker: WorkerInfo) -> tuple[str, str, int, int]:
    return worker.host, worker.boot, worker.pid, worker.pid_start


def stop_jobs(store: Store, worker: str, jobs: Sequence[str] | None = None) -> list[str]:
    """End jobs that a worker runs as `stopped`: also those in C code, then with their executor.

    Args:
        store: Where the worker is known.
        worker: Its id.
        jobs: Ids; None stops all that it has begun.

    Returns:
        The ids of those that were stopped.

    Raises:
        NotEnlisted: The worker has left.
        InvalidJobOperation: It does not run one of the jobs named.
    """
    record = record_of(store, worker)
    if record is None:
        raise NotEnlisted(f"there is no worker {worker}: it has left")
    if jobs is not None and (others := sorted(set(jobs) - set(record.jobs))):
        raise InvalidJobOperation(f"worker {record.info.name} does not run job {others[0]}")
    if jobs is None:
        jobs = [job.id for job in store.get(record.jobs) if job is not None and job.begun]
    stopped: list[str] = []
    for job in jobs:
        with contextlib.suppress(InvalidJobOperation, NoSuchJob):  # it has just ended by itself
            store.cancel(job, stop=True)
            stopped.append(job)
    return stopped
