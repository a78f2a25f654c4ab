"""Fields that a job adds to its line in the worker's log."""

from __future__ import annotations

from typing import Any

from winch.errors import InvalidJobOperation, InvalidOption
from winch.job.inside import current

__all__ = ["FIXED_FIELDS", "add_log_fields"]

FIXED_FIELDS = ("job_id", "function", "queue", "attempt", "wait_ms", "run_ms", "state", "reason", "worker")
"""The fields of every job's line, in their order."""

_TAKEN = frozenset({*FIXED_FIELDS, "time", "level", "logger", "message", "exception"})
_MOST = 20
_LONGEST = 500


def add_log_fields(job_id: str, fields: dict[str, Any]) -> None:
    """See `Job.log_extra`."""
    running = current.get()
    if running is None or running.claim.id != job_id:
        raise InvalidJobOperation("log_extra() is for the job that runs here: current_job().log_extra(order=7)")
    if taken := sorted(_TAKEN & fields.keys()):
        raise InvalidOption(f"log_extra({taken[0]}=...): every line has a field of that name, choose another")
    if len(running.extra.keys() | fields.keys()) > _MOST:
        raise InvalidOption(f"log_extra() takes at most {_MOST} fields per job; a dict in meta can hold more")
    running.extra.update({name: _plain(value) for name, value in fields.items()})


def _plain(value: Any) -> str | int | float | None:
    """A value that every formatter can write: numbers and None as they are, all else as text, cut."""
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and value.bit_length() <= 64):
        return value
    try:
        text = str(value)
    except Exception:
        text = f"({type(value).__name__}, which cannot tell itself)"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
