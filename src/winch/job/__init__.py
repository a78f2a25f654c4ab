"""A job, seen from outside and from inside."""

from winch.job.connecting import Connection, get_store, local_admission, use_admission, use_url
from winch.job.current import Running, current, current_job, get_current_job
from winch.job.extra import FIXED_FIELDS
from winch.job.handle import Job, cancel_job, requeue_job
from winch.job.history import Attempt, Execution, Result, ResultType
from winch.job.progress import Progress
from winch.options import Callback, Dependency, Retry
from winch.states import JobStatus

__all__ = [
    "FIXED_FIELDS",
    "Attempt",
    "Callback",
    "Connection",
    "Dependency",
    "Execution",
    "Job",
    "JobStatus",
    "Progress",
    "Result",
    "ResultType",
    "Retry",
    "Running",
    "cancel_job",
    "current",
    "current_job",
    "get_current_job",
    "get_store",
    "local_admission",
    "requeue_job",
    "use_admission",
    "use_url",
]
