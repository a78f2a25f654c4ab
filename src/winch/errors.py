"""Every error that winch raises, in one tree.

::

    WinchError
    ├── StoreError                   something about the store
    │   ├── StoreUnavailable         it did not answer in time (ConnectionError)
    │   ├── StoreNotFound            there is no store at that place
    │   ├── StoreRefused             it answered no: full, read-only, wrong password, too old or too new
    │   │   └── StoreReplaced        its file was deleted or replaced while it was in use
    │   └── InvalidURL               the text is not a store's address (ValueError)
    ├── EnqueueError                 a job that cannot be enqueued
    │   ├── UnimportableFunction     a worker could not find the function by name (ValueError)
    │   ├── AmbiguousOption          an option is also a parameter of the function (TypeError)
    │   ├── EncodeError              an argument, result or meta that cannot be encoded (TypeError)
    │   ├── PayloadTooLarge          more bytes than the limit (ValueError)
    │   ├── DuplicateJob             the id is in use
    │   ├── UnknownDependency        a job to wait for does not exist
    │   ├── NoSuchGroup              nobody knows the group (LookupError)
    │   ├── DuplicateGroup           the name belongs to a group that is not completed
    │   └── EnqueuedDuringImport     a module enqueues while a worker imports it
    ├── InvalidOption                a value out of range (ValueError)
    ├── CronError                    something about the cron table
    │   ├── EntryTaken               the name belongs to another source
    │   └── NoSuchEntry              there is no entry of that name (LookupError)
    ├── JobError                     something about a job that exists, or should
    │   ├── NoSuchJob                nobody knows the id (LookupError)
    │   ├── InvalidJobOperation      not possible in the job's state
    │   ├── DecodeError              bytes that are not ours, or name a class that may not be loaded
    │   │   └── NewerPayload         written by a newer winch
    │   ├── Refused                  a function that this worker does not run
    │   ├── ResultError              there is no result to give
    │   │   ├── JobFailed            the job failed; tells how
    │   │   ├── JobCanceled
    │   │   ├── JobStopped
    │   │   ├── ResultGone           it finished, its result was not kept
    │   │   ├── ResultInsideJob      a job waits for an unfinished job (RuntimeError)
    │   │   └── ResultTimeout        the time is over (TimeoutError)
    │   ├── WebhookFailed            an attempt to deliver a webhook failed
    │   ├── RetryLater               raised by a job: run me again later
    │   └── NoRetry                  raised by a job: do not run me again
    │       ├── MaxRetriesExceeded   it returned a Retry more often than that allows
    │       └── WebhookRefused       a webhook whose address may not be called, or leads elsewhere
    └── WorkerError
        ├── NotEnlisted              the store does not know this executor or worker (any more)
        └── NoSuchWorker             nobody knows a worker of that name or id (LookupError)

    JobTimeout                       a BaseException, raised inside a job whose time is over
    JobInterrupted                   a BaseException, raised inside a job that has to make way
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

__all__ = [
    "AmbiguousOption",
    "CronError",
    "DecodeError",
    "DuplicateGroup",
    "DuplicateJob",
    "EncodeError",
    "EnqueueError",
    "EnqueuedDuringImport",
    "EntryTaken",
    "InvalidJobOperation",
    "InvalidOption",
    "InvalidURL",
    "JobCanceled",
    "JobError",
    "JobFailed",
    "JobInterrupted",
    "JobStopped",
    "JobTimeout",
    "MaxRetriesExceeded",
    "NewerPayload",
    "NoRetry",
    "NoSuchEntry",
    "NoSuchGroup",
    "NoSuchJob",
    "NoSuchWorker",
    "NotEnlisted",
    "PayloadTooLarge",
    "Refused",
    "ResultError",
    "ResultGone",
    "ResultInsideJob",
    "ResultTimeout",
    "RetryLater",
    "StoreError",
    "StoreNotFound",
    "StoreRefused",
    "StoreReplaced",
    "StoreUnavailable",
    "UnimportableFunction",
    "UnknownDependency",
    "WebhookFailed",
    "WebhookRefused",
    "WinchError",
    "WorkerError",
]


class WinchError(Exception):
    """The root of every error that winch raises."""


class StoreError(WinchError):
    """Something about the store."""


class StoreUnavailable(StoreError, ConnectionError):
    """The store did not answer before the deadline; the text says whether the call may have happened."""


class StoreNotFound(StoreError):
    """There is no store at that place, and this command does not make one."""


class StoreRefused(StoreError):
    """The store answered, and said no: full, read-only, wrong password, an unsupported version."""


class StoreReplaced(StoreRefused):
    """The database's file was deleted or replaced while it was in use; what was held belongs to the old one."""


class InvalidURL(StoreError, ValueError):
    """The text is not the address of a store."""


class EnqueueError(WinchError):
    """A job that cannot be enqueued. Nothing has been written."""


class UnimportableFunction(EnqueueError, ValueError):
    """A worker could not find the function by name."""


class AmbiguousOption(EnqueueError, TypeError):
    """A keyword is an option of `enqueue` and a parameter of the function."""


class EncodeError(EnqueueError, TypeError):
    """An argument, a result or a meta value that cannot be encoded."""


class PayloadTooLarge(EnqueueError, ValueError):
    """More bytes than the limit allows."""


class _AboutJob(EnqueueError):
    """An error about the id of one job: `args` is the fact and the id, the text also says what to do."""

    advice: ClassVar[str]

    def __init__(self, fact: str, job_id: str = "") -> None:
        super().__init__(fact, job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.advice}"


class _AboutGroup(EnqueueError):
    """An error about the id of one group: `args` is the fact and the id, the text also says what to do."""

    advice: ClassVar[str]

    def __init__(self, fact: str, group_id: str = "") -> None:
        super().__init__(fact, group_id)
        self.group_id = group_id

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.advice}"


class DuplicateJob(_AboutJob):
    """The id is in use by a job that has not ended, or one that is `unique` has not.

    Attributes:
        job_id: The id, under which that job can be fetched.
    """

    advice = "give another job_id (or another unique), or cancel the job that has it"


class UnknownDependency(_AboutJob, LookupError):
    """A job to wait for does not exist.

    Attributes:
        job_id: Its id.
    """

    advice = "enqueue it first, or leave it out of depends_on if it ended and was not kept"


class NoSuchGroup(_AboutGroup, LookupError):
    """Nobody knows a group of that id.

    Attributes:
        group_id: The id.
    """

    advice = "create it first with Group.create(name=...); a group is removed a while after its last job has ended"


class DuplicateGroup(_AboutGroup):
    """A group of that id exists, and is not completed.

    Attributes:
        group_id: The id.
    """

    advice = "Group.fetch() gives it, or give the new one another name"


class EnqueuedDuringImport(EnqueueError, RuntimeError):
    """A module enqueues or waits while a worker imports it."""


class InvalidOption(WinchError, ValueError):
    """A value that is out of range or of the wrong kind."""


class CronError(WinchError):
    """Something about the cron table."""


class EntryTaken(CronError):
    """The name of an entry belongs to another source."""

    def __init__(self, name: str, source: str) -> None:
        where = f"belongs to {source}" if source else "was added by itself"
        super().__init__(
            f"the cron entry {name!r} {where}: choose another name, or remove that one first", name, source
        )

    def __str__(self) -> str:
        return str(self.args[0])


class NoSuchEntry(CronError, LookupError):
    """The cron table has no entry of that name."""


class JobError(WinchError):
    """Something about a job."""


class NoSuchJob(JobError, LookupError):
    """Nobody knows a job of that id."""


class InvalidJobOperation(JobError):
    """What was asked is not possible in the state that the job is in."""


class DecodeError(JobError, ValueError):
    """Bytes that are not ours, or that name a class which may not be loaded here."""


class NewerPayload(DecodeError):
    """Bytes written by a newer winch than this one."""


class Refused(JobError):
    """A function that this worker does not run, or cannot find; the text says what to do."""


class ResultError(JobError):
    """There is no result to give."""


class JobFailed(ResultError):
    """The job failed for good. The original exception is told, never instantiated.

    Attributes:
        type_name: Dotted name of the exception's class, e.g. `"builtins.ValueError"`.
        mro: Dotted names of the class and its bases.
        message: Its text.
        traceback: The formatted traceback, `""` if there was none.
        attempts: How many attempts were made.
        reason: One of `winch.states.REASONS`.
    """

    def __init__(
        self,
        type_name: str,
        mro: Sequence[str],
        message: str,
        traceback: str,
        attempts: int,
        reason: str,
    ) -> None:
        super().__init__(f"{type_name}: {message}" if message else type_name)
        self.type_name = type_name
        self.mro = tuple(mro)
        self.message = message
        self.traceback = traceback
        self.attempts = attempts
        self.reason = reason

    def is_a(self, kind: type[BaseException] | str) -> bool:
        """Whether the original exception was of this class, or of a subclass.

        Args:
            kind: An exception class, or its dotted or bare name.
        """
        name = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
        return any(name in (known, known.rpartition(".")[2]) for known in self.mro)


class JobCanceled(ResultError):
    """The job was canceled before it ran."""


class JobStopped(ResultError):
    """The job was stopped while it ran."""


class ResultGone(ResultError):
    """The job finished, and no result was kept (`result_ttl=0`, or its time is over)."""


class ResultInsideJob(ResultError, RuntimeError):
    """A job waits for an unfinished job: it could wait for itself."""


class ResultTimeout(ResultError, TimeoutError):
    """No result came in time; the text says what the job is waiting for."""


class WebhookFailed(JobError):
    """An attempt to deliver a webhook failed; the next one may not."""


class RetryLater(JobError):
    """Raise it inside a job to have the job run again later.

    Args:
        delay: Seconds until the next attempt.
        counts: Whether this attempt counts against the job's `Retry`. The default does not.
        message: Shown in the job's history.

    Raises:
        TypeError: `delay` is no number.
    """

    def __init__(self, delay: float, counts: bool = False, message: str = "") -> None:
        if not isinstance(delay, int | float):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"RetryLater({delay!r}): give seconds, as a number")
        super().__init__(message or f"asked to run again in {delay:g} s")
        self.delay = delay
        self.counts = counts


class NoRetry(JobError):
    """Raise it inside a job to fail at once, whatever its `Retry` says.

    Args:
        reason: Shown in the job's history.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)


class MaxRetriesExceeded(NoRetry):
    """A job that returned a `Retry` once more than that allows."""


class WebhookRefused(NoRetry):
    """A webhook whose address may not be called, or leads elsewhere: to try again would not change that."""


class WorkerError(WinchError):
    """Something about a worker."""


class NotEnlisted(WorkerError):
    """The store does not know this executor or worker, or has given up on it: it must stop and come back anew."""


class NoSuchWorker(WorkerError, LookupError):
    """Nobody knows a worker of that name or id: it has left, or it never was in this store."""


class JobTimeout(BaseException):
    """Raised inside a job whose time is over. A `BaseException`, so that `except Exception` does not swallow it."""


class JobInterrupted(BaseException):
    """Raised inside a job that has to make way: a shutdown, a stop on request, a claim that was lost."""
