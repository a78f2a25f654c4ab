"""Commands to workers, under RQ's names. Unlike RQ's they are kept until the worker has obeyed, and reach every kind of worker.

`Worker.find(name).shutdown(wait=10)` and the other methods of `winch.worker.WorkerView` do the same for one worker and tell
whether it has obeyed.
"""

from __future__ import annotations

from typing import Any

from winch.errors import InvalidJobOperation
from winch.job import Job, get_store
from winch.states import JobStatus
from winch.worker import WorkerView

__all__ = [
    "send_kill_horse_command",
    "send_quiet_command",
    "send_restart_command",
    "send_resume_command",
    "send_shutdown_command",
    "send_stop_job_command",
]


def send_shutdown_command(connection: Any, worker_name: str) -> None:
    """Have a worker stop, as on SIGTERM: running jobs have its grace to finish.

    Args:
        connection: As for `Queue`.
        worker_name: Its name or id; all that are alive and have this name are told, and if none is, the dead (one that hangs
            may come back).

    Raises:
        NoSuchWorker: There is none. The same for the functions below.
    """
    for worker in _addressed(connection, worker_name):
        worker.shutdown()


def send_restart_command(connection: Any, worker_name: str) -> None:
    """Have a worker renew its executors one by one, as on SIGHUP."""
    for worker in _addressed(connection, worker_name):
        worker.restart()


def send_quiet_command(connection: Any, worker_name: str) -> None:
    """Have a worker claim nothing more; what runs is finished."""
    for worker in _addressed(connection, worker_name):
        worker.quiet()


def send_resume_command(connection: Any, worker_name: str) -> None:
    """Have a quiet worker claim again."""
    for worker in _addressed(connection, worker_name):
        worker.resume()


def send_kill_horse_command(connection: Any, worker_name: str) -> None:
    """End the jobs that a worker runs now, as `stopped`. If it runs none, nothing happens."""
    for worker in _addressed(connection, worker_name):
        worker.stop_job()


def send_stop_job_command(connection: Any, job_id: str) -> None:
    """End a running job as `stopped`, also one in C code.

    Args:
        connection: As for `Queue`.
        job_id: Its id.

    Raises:
        NoSuchJob: There is none.
        InvalidJobOperation: It does not run.
    """
    job = Job[Any].fetch(job_id, connection)
    state = job.get_status(refresh=False)
    if state is not JobStatus.STARTED:
        raise InvalidJobOperation(f"job {job_id} is {state} and does not run: to end one that waits, cancel it")
    job.cancel(stop=True)


def _addressed(connection: Any, name: str) -> list[WorkerView]:
    found = WorkerView.named(get_store(connection), name)
    return [worker for worker in found if worker.alive] or found
