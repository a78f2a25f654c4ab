"""A worker as seen from outside: RQ's attributes, read from the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from winch.job import Job
from winch.stores.contract import ALL_QUEUES, Store, WorkerRecord
from winch.worker.identity import is_gone

__all__ = ["WorkerView"]


class WorkerView:
    """A registered worker at the moment of reading.

    Attributes:
        id: New for every process.
        name: Its label.
        hostname: Of its machine.
        pid: Of its supervisor.
        queues: Names, in the order of their priority.
        version: Of the winch it runs.
        alive: Its last beat is younger than its ttl, and on this machine its process exists.
        executors: How many executor processes it has.
        successful_job_count: Jobs that it finished.
        failed_job_count: Jobs that it failed.
        total_working_time: Seconds of run time of all its jobs.
        birth_date: When it came to life.
        last_heartbeat: When it last beat.
    """

    def __init__(self, store: Store, record: WorkerRecord, now: int, paused: frozenset[str]) -> None:
        info = record.info
        self.id, self.name, self.hostname, self.pid = info.id, info.name, info.host, info.pid
        self.queues, self.version = list(info.queues), info.version
        self.alive, self.executors = record.alive and not is_gone(info), len(record.executors)
        self.successful_job_count, self.failed_job_count = record.finished, record.failed
        self.total_working_time = record.run_ms / 1000
        self.birth_date = datetime.fromtimestamp(record.started_at / 1000, UTC)
        self.last_heartbeat = datetime.fromtimestamp(now / 1000, UTC) - timedelta(milliseconds=record.beat_age)
        self._store, self._jobs = store, record.jobs
        self._suspended = ALL_QUEUES in paused or (bool(info.queues) and paused.issuperset(info.queues))

    @property
    def state(self) -> str:
        """`busy`, `idle`, `suspended` (all its queues are paused), or `dead` (no beat within its ttl, or its process is gone)."""
        if not self.alive:
            return "dead"
        if self._jobs:
            return "busy"
        return "suspended" if self._suspended else "idle"

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
        """The ids of all jobs that it holds."""
        return list(self._jobs)

    def get_current_job(self) -> Job[Any] | None:
        """The job that it runs, None if there is none (any more)."""
        for record in self._store.get(self._jobs[:1]):
            if record is not None:
                return Job.from_record(self._store, record)
        return None

    def __repr__(self) -> str:
        return f"<winch worker {self.name!r} {self.state} on {', '.join(self.queues)}>"

    @classmethod
    def all(cls, store: Store) -> list[WorkerView]:
        """All workers of a store, by name."""
        now, paused = store.now(), frozenset(store.paused())
        return [cls(store, record, now, paused) for record in store.workers()]
