"""A worker as seen from outside: RQ's attributes, read from the store, and what it can be told."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from winch.errors import NoSuchWorker
from winch.job import Job
from winch.stores.contract import ALL_QUEUES, Store, WorkerRecord
from winch.worker import orders
from winch.worker.identity import is_gone
from winch.worker.steering import send, stop_jobs, wait_until_obeyed

__all__ = ["WorkerView", "state_of"]


def state_of(record: WorkerRecord, *, paused: bool, gone: bool) -> str:
    """What a worker does.

    Args:
        record: As the store sees it.
        paused: All its queues are.
        gone: Its process is known not to run any more.

    Returns:
        `dead` (gone, or no beat within its ttl), `suspended` (it was told to be quiet; or its queues are paused and it runs
        nothing), `busy`, `started` (it has no executor yet) or `idle`.
    """
    if gone or not record.alive:
        return "dead"
    if record.quiet or (paused and not record.jobs):
        return "suspended"
    if record.jobs:
        return "busy"
    return "idle" if record.executors else "started"


class WorkerView:
    """A registered worker at the moment of reading.

    Attributes:
        id: New for every process.
        name: Its label.
        hostname: Of its machine.
        pid: Of its supervisor.
        queues: Names, in the order of their priority.
        version: Of the winch it runs.
        state: `started`, `busy`, `idle`, `suspended` or `dead`, see `state_of`.
        alive: Its last beat is younger than its ttl, and on this machine its process exists.
        is_quiet: It was told to be quiet: it claims nothing, and finishes what it runs.
        pending: Commands that it has not obeyed yet, by name, oldest first.
        executors: How many executor processes it has.
        successful_job_count: Jobs that it finished.
        failed_job_count: Jobs that it failed.
        total_working_time: Seconds of run time of all its jobs.
        current_execution_count: How many jobs it has in hand.
        info: All that it has told of itself.
        birth_date: When it came to life.
        last_heartbeat: When it last beat.
    """

    def __init__(self, store: Store, record: WorkerRecord, now: int, paused: Collection[str]) -> None:
        info = self.info = record.info
        self.id, self.name, self.hostname, self.pid = info.id, info.name, info.host, info.pid
        self.queues, self.version = list(info.queues), info.version
        suspended = ALL_QUEUES in paused or all(queue in paused for queue in info.queues)
        self.state = state_of(record, paused=suspended, gone=is_gone(info))
        self.alive, self.is_quiet, self.executors = self.state != "dead", record.quiet, len(record.executors)
        self.pending = [command.name for command in record.commands]
        self.successful_job_count, self.failed_job_count = record.finished, record.failed
        self.total_working_time = record.run_ms / 1000
        self.current_execution_count = len(record.jobs)
        self.birth_date = datetime.fromtimestamp(record.started_at / 1000, UTC)
        self.last_heartbeat = datetime.fromtimestamp(now / 1000, UTC) - timedelta(milliseconds=record.beat_age)
        self._store, self._jobs = store, record.jobs

    def get_state(self) -> str:
        """RQ's name for `state`."""
        return self.state

    def queue_names(self) -> list[str]:
        """The names of its queues, in the order of their priority."""
        return list(self.queues)

    def get_current_job_id(self) -> str | None:
        """The id of the job that it runs; with several, the one it holds longest."""
        return self._jobs[0] if self._jobs else None

    def get_current_job_ids(self) -> list[str]:
        """The ids of all jobs that it has in hand."""
        return list(self._jobs)

    def get_current_job(self) -> Job[Any] | None:
        """The job that it runs, None if there is none (any more)."""
        return next(iter(self._current(1)), None)

    def get_current_jobs(self) -> list[Job[Any]]:
        """The jobs that it has in hand, those that it runs before those that will begin in a moment."""
        return self._current(None)

    def _current(self, most: int | None) -> list[Job[Any]]:
        records = self._store.get(self._jobs[:most])
        return [Job.from_record(self._store, record) for record in records if record is not None]

    # ---- what it can be told ----

    def shutdown(self, *, now: bool = False, wait: float | None = None) -> bool:
        """Have it stop, as on SIGTERM: running jobs have its grace to finish, then they are put back.

        Args:
            now: Put them back at once.
            wait: As for `send`.

        Returns:
            As `send`. It has obeyed once it stops claiming; it leaves when its jobs have ended.

        Raises:
            NotEnlisted: It has left.
        """
        return self.send(orders.SHUTDOWN_NOW if now else orders.SHUTDOWN, wait=wait)

    def restart(self, *, wait: float | None = None) -> bool:
        """Have it renew its executors one by one, as on SIGHUP, so that they run new code. As `send`."""
        return self.send(orders.RESTART, wait=wait)

    def quiet(self, *, wait: float | None = None) -> bool:
        """Have it claim nothing more until `resume`; what runs is finished, and it stays alive. As `send`."""
        return self.send(orders.QUIET, wait=wait)

    def resume(self, *, wait: float | None = None) -> bool:
        """Have it claim again. As `send`."""
        return self.send(orders.RESUME, wait=wait)

    def send(self, command: str, *, wait: float | None = None) -> bool:
        """Give it a command. It is kept until the worker obeys, however long that takes, and wakes it at once.

        Args:
            command: Its name. What the worker does not know it logs, acknowledges and ignores.
            wait: Seconds to wait until it has obeyed; None does not wait.

        Returns:
            Whether it is known to have obeyed; a shutdown also by having left. Without `wait`: False; look at `pending` later.

        Raises:
            NotEnlisted: It has left.
            InvalidOption: That cannot be the name of a command.
            WorkerError: It has too many commands to obey already.
        """
        number = send(self._store, self.id, command)
        return wait is not None and wait_until_obeyed(self._store, self.info, command, number, wait)

    def stop_job(self, job_id: str | None = None) -> list[str]:
        """End a job that it runs as `stopped`; also one in C code, which costs its executor.

        Args:
            job_id: Which; None ends all that it runs.

        Returns:
            The ids of the jobs that were stopped.

        Raises:
            NotEnlisted: It has left.
            InvalidJobOperation: It does not run that job.
        """
        return stop_jobs(self._store, self.id, None if job_id is None else [job_id])

    def __repr__(self) -> str:
        return f"<winch worker {self.name!r} {self.state} on {', '.join(self.queues)}>"

    # ---- where it comes from ----

    @classmethod
    def all(cls, store: Store) -> list[Self]:
        """All workers of a store, by name."""
        now, paused = store.now(), frozenset(store.paused())
        return [cls(store, record, now, paused) for record in store.workers()]

    @classmethod
    def named(cls, store: Store, name: str) -> list[Self]:
        """The workers with this name, or the one with this id: those that are alive, the youngest first, then the dead.

        Raises:
            NoSuchWorker: There is none.
        """
        everybody = cls.all(store)
        found = [worker for worker in everybody if name in (worker.id, worker.name)]
        if not found:
            known = ", ".join(worker.name for worker in everybody[:10]) or "none"
            raise NoSuchWorker(f"{store.place} knows no worker {name!r:.200}; workers there: {known}")
        return sorted(found, key=lambda worker: (worker.alive, worker.birth_date), reverse=True)
