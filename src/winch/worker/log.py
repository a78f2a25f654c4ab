"""What is written down about jobs: one line each, with fixed fields.

Fields: `job_id function queue attempt wait_ms run_ms state reason worker`. As text they follow the message, as JSON they
are keys.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Sequence
from typing import Any

from winch import codec
from winch.running.run import Run
from winch.stores.contract import Outcome

__all__ = ["JobLog", "set_up"]

logger = logging.getLogger("winch.worker")

_STATE = {"finished": "finished", "failed": "failed", "stopped": "stopped", "returned": "queued", "retry": "retry"}
_STATE["repeat"] = "finished"


class JobLog:
    """Writes the line per job, and says once when the store goes and comes back.

    Args:
        worker: The worker's name.
        quiet: No line for a job that finished.
    """

    def __init__(self, worker: str, *, quiet: bool = False) -> None:
        self._worker = worker
        self._jobs = not quiet and logger.isEnabledFor(logging.INFO)
        self._failures = logger.isEnabledFor(logging.WARNING)
        self._gone: float | None = None
        self._newer = False

    def job(self, run: Run, outcome: Outcome) -> None:
        """A job has run."""
        if outcome.kind in ("finished", "repeat"):
            if self._jobs:
                self._line(logging.INFO, run, outcome, "")
        elif outcome.kind == "retry" and not run.function:
            self._left_alone(outcome)
        elif self._failures:
            level = logging.WARNING if outcome.kind in ("failed", "retry") else logging.INFO
            self._line(level, run, outcome, _error_of(outcome))

    def _left_alone(self, outcome: Outcome) -> None:
        """A job was put back unread. Said once: it comes by again and again."""
        if not self._newer:
            self._newer = True
            again = outcome.delay / 1000
            logger.warning("a newer winch wrote some jobs: they wait, looked at every %g s. Update this worker", again)

    def _line(self, level: int, run: Run, outcome: Outcome, error: str) -> None:
        claim = run.claim
        fields: dict[str, Any] = {
            "job_id": claim.id,
            "function": run.function,
            "queue": claim.queue,
            "attempt": claim.attempts + 1,
            "wait_ms": claim.wait,
            "run_ms": outcome.run,
            "state": _STATE[outcome.kind],
            "reason": outcome.reason,
            "worker": self._worker,
        }
        if outcome.kind == "retry":
            error = f"{error} (again in {outcome.delay / 1000:g} s)"
        text = _printable(f"{run.function} {fields['state']}" + (f": {error}" if error else ""))
        logger.log(level, "%s", text, extra={"winch": fields})

    def late(self, tokens: Sequence[int]) -> None:
        """Outcomes came too late."""
        logger.warning(
            "%d outcome(s) dropped: their jobs had been stopped, deleted or given to another executor", len(tokens)
        )

    def taken_away(self, run: Run) -> None:
        """A job ended whose claim had been taken away: stopped on request, or deleted."""
        logger.info("%s stopped: it was taken away from this worker job_id=%s", run.function, run.claim.id)

    def store_gone(self, error: Exception) -> None:
        """The store does not answer. Said once until it is back."""
        if self._gone is None:
            self._gone = time.monotonic()
            logger.warning("%s; trying again until it answers", error)

    def store_back(self) -> None:
        """The store has answered."""
        if self._gone is not None:
            logger.warning("the store answers again after %.1f s", time.monotonic() - self._gone)
            self._gone = None


def _error_of(outcome: Outcome) -> str:
    if not outcome.detail:
        return outcome.reason
    info = codec.load_error(outcome.detail)
    first_line = info.message.partition("\n")[0][:500]
    return f"{info.type_name.removeprefix('builtins.')}: {first_line}" if first_line else info.type_name


def _printable(text: str) -> str:
    """What a job or its payload says stays on its line, and does not talk to a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        fields = getattr(record, "winch", None)
        if fields:
            line += "".join(
                f" {key}={value}" for key, value in fields.items() if key not in ("function", "state") and value != ""
            )
        return line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "winch", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def set_up(level: str, format: str) -> None:
    """Send winch's records to standard error, in this process. Handlers that the user made are left alone.

    Args:
        level: A level's name, as `logging` knows it.
        format: `text` or `json`.
    """
    root = logging.getLogger("winch")
    root.setLevel(level)
    if root.handlers or logging.getLogger().handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if format == "json" else _Text("%(asctime)s %(levelname).1s %(message)s", "%H:%M:%S"))
    root.addHandler(handler)
