"""The states of a job and every transition between them, as data.

A job that a store holds is in exactly one of nine states at every moment. `TRANSITIONS` is the whole state machine: the
stores keep it, the reference model checks it, and `docs/concepts/lifecycle.md` draws it.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ENDED", "REASONS", "STATES", "TRANSITIONS", "WAITING", "JobStatus"]


class JobStatus(StrEnum):
    """The state of a job (RQ's names)."""

    SCHEDULED = "scheduled"
    """Due later: a delay, a time, or a retry that waits."""
    DEFERRED = "deferred"
    """Waits for other jobs."""
    BLOCKED = "blocked"
    """Waits for a limit."""
    QUEUED = "queued"
    """Ready: the next free worker takes it."""
    STARTED = "started"
    """Held by an executor."""
    FINISHED = "finished"
    FAILED = "failed"
    CANCELED = "canceled"
    STOPPED = "stopped"
    """Ended on request while it ran."""
    CREATED = "created"
    """Made, and not enqueued: only its maker knows it, no store does."""


STATES = tuple(state for state in JobStatus if state is not JobStatus.CREATED)
"""Those in which a store holds a job. Redis keeps the position as the code: append only."""


ENDED = frozenset({JobStatus.FINISHED, JobStatus.FAILED, JobStatus.CANCELED, JobStatus.STOPPED})
"""The states in which a job does nothing more of itself."""

WAITING = frozenset({JobStatus.SCHEDULED, JobStatus.DEFERRED, JobStatus.BLOCKED, JobStatus.QUEUED})
"""The states in which a job has still to start."""

REASONS = (
    "",
    "raised",
    "timeout",
    "crashed",
    "refused",
    "undecodable",
    "dependency",
    "stopped",
    "expired",
    "interrupted",
)
"""Why an attempt or a job ended as it did. The position is the code that the stores keep: append only.

`""` is success, a plain cancel, or a run given back; `expired` a job whose `ttl` ran out in its queue; `interrupted` a run
that a shutdown put back.
"""

_S = JobStatus
TRANSITIONS: frozenset[tuple[JobStatus | None, JobStatus | None, str]] = frozenset(
    {
        # enqueue; None is "does not exist"
        (None, _S.QUEUED, "enqueue"),
        (None, _S.SCHEDULED, "enqueue"),
        (None, _S.DEFERRED, "enqueue"),
        (None, _S.CANCELED, "enqueue"),
        (None, _S.FAILED, "enqueue"),
        # time and other jobs
        (_S.SCHEDULED, _S.QUEUED, "promote"),
        (_S.DEFERRED, _S.QUEUED, "fire"),
        (_S.DEFERRED, _S.SCHEDULED, "fire"),
        (_S.DEFERRED, _S.CANCELED, "fire"),
        (_S.BLOCKED, _S.QUEUED, "release"),
        # a run
        (_S.QUEUED, _S.STARTED, "turn"),
        (_S.QUEUED, _S.CANCELED, "turn"),
        (_S.QUEUED, _S.FAILED, "turn"),
        (_S.QUEUED, _S.BLOCKED, "turn"),
        (_S.STARTED, _S.FINISHED, "turn"),
        (_S.STARTED, _S.FAILED, "turn"),
        (_S.STARTED, _S.STOPPED, "turn"),
        (_S.STARTED, _S.SCHEDULED, "turn"),
        (_S.STARTED, _S.QUEUED, "turn"),
        (_S.STARTED, None, "turn"),
        # a run that was asked for by the job's id
        (_S.QUEUED, _S.STARTED, "take"),
        (_S.QUEUED, _S.CANCELED, "take"),
        (_S.QUEUED, _S.FAILED, "take"),
        (_S.QUEUED, _S.BLOCKED, "take"),
        # an executor or a worker that is gone
        (_S.STARTED, _S.QUEUED, "retire"),
        (_S.STARTED, _S.FAILED, "retire"),
        # people
        *((state, _S.CANCELED, "cancel") for state in WAITING),
        (_S.STARTED, _S.STOPPED, "cancel"),
        *((state, _S.QUEUED, "requeue") for state in ENDED),
        *((state, None, "delete") for state in STATES),
        *((state, None, "prune") for state in ENDED),
    }
)
"""Every allowed step: from, to, the verb (or the step inside a verb) that takes it."""
