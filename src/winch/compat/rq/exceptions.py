"""`rq.exceptions`: RQ's names for winch's errors. Each is the class that winch raises, or what stands above it."""

from winch.errors import (
    DecodeError,
    DuplicateJob,
    InvalidJobOperation,
    InvalidOption,
    JobInterrupted,
    NoSuchGroup,
    NoSuchJob,
    StoreUnavailable,
    UnknownDependency,
    WinchError,
)

__all__ = [
    "AbandonedJobError",
    "DequeueTimeout",
    "DeserializationError",
    "DuplicateJobError",
    "DuplicateSchedulerError",
    "InvalidJobDependency",
    "InvalidJobOperation",
    "InvalidJobOperationError",
    "NoSuchGroupError",
    "NoSuchJobError",
    "SchedulerNotFound",
    "ShutDownImminentException",
    "StopRequested",
    "TimeoutFormatError",
]

NoSuchJobError = NoSuchJob
NoSuchGroupError = NoSuchGroup
DuplicateJobError = DuplicateJob
DeserializationError = DecodeError
InvalidJobDependency = UnknownDependency
InvalidJobOperationError = InvalidJobOperation
ShutDownImminentException = JobInterrupted
DequeueTimeout = StoreUnavailable


class TimeoutFormatError(InvalidOption):
    """A text that is no duration."""


class AbandonedJobError(WinchError):
    """Never raised: a job whose worker died runs again."""


class StopRequested(WinchError):
    """Never raised: a worker that is told to stop returns from `work`."""


class SchedulerNotFound(WinchError, LookupError):
    """There is no scheduler of that name."""


class DuplicateSchedulerError(WinchError):
    """Never raised: every worker schedules, and each slot fires once."""
