"""`rq.command`: orders to workers. Unlike RQ's they are kept until the worker has obeyed."""

from __future__ import annotations

from typing import Any

from winch import command
from winch.compat.rq.connections import store_of
from winch.errors import NoSuchJob
from winch.job import Job

__all__ = [
    "send_kill_horse_command",
    "send_shutdown_command",
    "send_stop_execution_command",
    "send_stop_job_command",
]


def send_shutdown_command(connection: Any, worker_name: str) -> None:
    """Have a worker stop, as on SIGTERM.

    Args:
        connection: A Redis client, or what `winch.Queue` takes.
        worker_name: Its name.

    Raises:
        NoSuchWorker: There is none. The same for the next one.
    """
    command.send_shutdown_command(store_of(connection), worker_name)


def send_kill_horse_command(connection: Any, worker_name: str) -> None:
    """End the job that a worker runs now: it is `stopped`."""
    command.send_kill_horse_command(store_of(connection), worker_name)


def send_stop_job_command(connection: Any, job_id: str, serializer: Any = None) -> None:  # noqa: ARG001 - RQ's signature
    """End a running job: it is `stopped`.

    Raises:
        NoSuchJobError: There is none.
        InvalidJobOperation: It does not run.
    """
    command.send_stop_job_command(store_of(connection), job_id)


def send_stop_execution_command(connection: Any, job_id: str, execution_id: str) -> None:
    """End a run of a job, if it is the one that is under way.

    Raises:
        NoSuchJobError: The job does not exist, or this is not its run.
        InvalidJobOperation: It does not run.
    """
    store = store_of(connection)
    runs = Job[Any].fetch(job_id, store).get_executions()
    if runs and runs[0].id != execution_id:
        raise NoSuchJob(f"job {job_id} has no run {execution_id}: it has ended")
    command.send_stop_job_command(store, job_id)
