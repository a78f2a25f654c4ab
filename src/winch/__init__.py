"""Background jobs for Python: hand over any function and a worker runs it elsewhere, later, again if it failed.

::

    from winch import Queue

    queue = Queue("emails")
    job = queue.enqueue(send_welcome, user_id)
    job.result(timeout=10)

The names are loaded when they are first used, so that `import winch` costs nothing.
"""

from typing import TYPE_CHECKING

from winch.loading import lazy_names

if TYPE_CHECKING:
    from winch.decorators import Task, task
    from winch.errors import (
        DuplicateJob,
        JobCanceled,
        JobFailed,
        JobInterrupted,
        JobStopped,
        JobTimeout,
        NoRetry,
        NoSuchJob,
        ResultTimeout,
        RetryLater,
        StoreUnavailable,
        WinchError,
    )
    from winch.group import Group, GroupCounts
    from winch.job import Attempt, Job, cancel_job, current_job, get_current_job, requeue_job
    from winch.options import Callback, Dependency, Limit, Repeat, Retry, Webhook
    from winch.queue import Call, Queue, Using, call
    from winch.running.hooks import around
    from winch.states import JobStatus
    from winch.worker import Worker

__all__ = [
    "Attempt",
    "Call",
    "Callback",
    "Dependency",
    "DuplicateJob",
    "Group",
    "GroupCounts",
    "Job",
    "JobCanceled",
    "JobFailed",
    "JobInterrupted",
    "JobStatus",
    "JobStopped",
    "JobTimeout",
    "Limit",
    "NoRetry",
    "NoSuchJob",
    "Queue",
    "Repeat",
    "ResultTimeout",
    "Retry",
    "RetryLater",
    "StoreUnavailable",
    "Task",
    "Using",
    "Webhook",
    "WinchError",
    "Worker",
    "around",
    "call",
    "cancel_job",
    "current_job",
    "get_current_job",
    "requeue_job",
    "task",
]

_HOMES = {
    "winch.decorators": ("Task", "task"),
    "winch.errors": (
        "DuplicateJob",
        "JobCanceled",
        "JobFailed",
        "JobInterrupted",
        "JobStopped",
        "JobTimeout",
        "NoRetry",
        "NoSuchJob",
        "ResultTimeout",
        "RetryLater",
        "StoreUnavailable",
        "WinchError",
    ),
    "winch.group": ("Group", "GroupCounts"),
    "winch.job": ("Attempt", "Job", "cancel_job", "current_job", "get_current_job", "requeue_job"),
    "winch.options": ("Callback", "Dependency", "Limit", "Repeat", "Retry", "Webhook"),
    "winch.queue": ("Call", "Queue", "Using", "call"),
    "winch.running.hooks": ("around",),
    "winch.states": ("JobStatus",),
    "winch.worker": ("Worker",),
}
__getattr__, __dir__ = lazy_names(globals(), _HOMES)
