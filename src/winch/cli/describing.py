"""A job as the command line shows it: as data for `--json`, and as words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from winch.errors import DecodeError
from winch.inspector import function_of
from winch.job import Job

__all__ = ["as_data", "describe", "iso_time", "span"]

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"))


def span(milliseconds: int) -> str:
    """A span of time in its two largest units: `2h 5m`, `41s`, `0.3s`."""
    seconds = max(milliseconds, 0) / 1000
    if seconds < 60:
        return f"{seconds:.1f}s" if seconds < 10 else f"{seconds:.0f}s"
    words: list[str] = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count or words:
            words.append(f"{count:.0f}{unit}")
    return " ".join(words[:2])


def describe(job: Job[Any]) -> str:
    """The call, or that it cannot be read."""
    try:
        return job.description
    except DecodeError as error:
        return f"({error})"


def as_data(job: Job[Any]) -> dict[str, Any]:
    """What there is to tell of a job, in kinds that JSON knows. Times are ISO 8601, spans seconds. Nothing is imported for it."""
    record = job.record
    return {
        "id": job.id,
        "state": record.state.value,
        "reason": record.reason,
        "queue": record.queue,
        "function": function_of(record),
        "description": describe(job),
        "priority": record.priority,
        "created_at": _iso(job.created_at),
        "enqueued_at": _iso(job.enqueued_at),
        "started_at": _iso(job.started_at),
        "ended_at": _iso(job.ended_at),
        "due_at": _iso(job.due_at),
        "expires_at": iso_time(record.expires_at),
        "worker": record.worker,
        "attempts": [
            {
                "worker": attempt.worker,
                "started_at": _iso(attempt.started_at),
                "ended_at": _iso(attempt.ended_at),
                "outcome": attempt.outcome,
                "reason": attempt.reason,
                "error": attempt.error and {"type": attempt.error.type_name, "message": attempt.error.message},
            }
            for attempt in job.attempts
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds")


def iso_time(milliseconds: int) -> str | None:
    """Milliseconds since the epoch as ISO 8601, None for 0."""
    return _iso(datetime.fromtimestamp(milliseconds / 1000).astimezone()) if milliseconds else None
