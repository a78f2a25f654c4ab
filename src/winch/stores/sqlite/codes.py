"""How states are written in the database: as the numbers of their names, which SQLite compares in no time.

In the .sql files the names stand in braces, `{queued}`. The ended states are those from `{finished}` on.
"""

from __future__ import annotations

from winch.states import JobStatus

__all__ = ["CODES", "ENDED_CODES", "STATES", "is_ended"]

CODES: dict[JobStatus, int] = {
    JobStatus.SCHEDULED: 0,
    JobStatus.DEFERRED: 1,
    JobStatus.BLOCKED: 2,
    JobStatus.QUEUED: 3,
    JobStatus.STARTED: 4,
    JobStatus.FINISHED: 5,
    JobStatus.FAILED: 6,
    JobStatus.CANCELED: 7,
    JobStatus.STOPPED: 8,
}
STATES = {code: state for state, code in CODES.items()}
ENDED_CODES = range(5, 9)


def is_ended(code: int) -> bool:
    """Whether a job in this state does nothing more of itself."""
    return code in ENDED_CODES
