"""What is written down about jobs: one line each, with fixed fields.

Fields: `job_id function queue attempt wait_ms run_ms state reason worker`, then what the job added with `log_extra`. As text
they follow the message, as JSON they are keys.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from winch import codec
from winch.errors import InvalidOption
from winch.job import FIXED_FIELDS
from winch.job.describing import printable
from winch.stores.contract import Outcome
from winch.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from winch.running.run import Run

__all__ = ["JobLog", "level_name", "log_job", "set_up"]

logger = logging.getLogger("winch.worker")

_OURS = frozenset(FIXED_FIELDS)
_NO_WORD = re.compile(r'[\s"=]')
_FORMAT = "%(asctime)s %(levelname).1s %(message)s"

_STATE = {"finished": "finished", "failed": "failed", "stopped": "stopped", "returned": "queued", "retry": "retry"}
_STATE["repeat"] = "finished"
_SUCCESS = frozenset({"finished", "repeat"})


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

    def jobs(self, ended: Iterable[tuple[Run, Outcome]], late: Sequence[int]) -> None:
        """Jobs have run: a line for each, and one for those whose outcomes (their tokens) came too late."""
        for run, outcome in ended:
            if (self._jobs or outcome.kind not in _SUCCESS) and outcome.token not in late:
                self._job(run, outcome)
        if late:
            self._late(late)

    def _job(self, run: Run, outcome: Outcome) -> None:
        if outcome.kind in _SUCCESS:
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
        if outcome.kind == "retry":
            error = f"{error} (again in {outcome.delay / 1000:g} s)"
        self._write(level, run, outcome.run, _STATE[outcome.kind], outcome.reason, error)

    def _write(self, level: int, run: Run, run_ms: int, state: str, reason: str, error: str) -> None:
        claim = run.claim
        fields: dict[str, Any] = {
            "job_id": claim.id,
            "function": run.function,
            "queue": claim.queue,
            "attempt": claim.attempts + 1,
            "wait_ms": claim.wait,
            "run_ms": run_ms,
            "state": state,
            "reason": reason,
            "worker": self._worker,
        }
        if run.extra:
            fields |= run.extra
        log_job(level, f"{run.function} {state}: {error}" if error else f"{run.function} {state}", fields)

    def _late(self, tokens: Sequence[int]) -> None:
        logger.warning(
            "%d outcome(s) dropped: their jobs had been stopped, deleted or given to another executor", len(tokens)
        )

    def taken_away(self, run: Run) -> None:
        """A job ended whose claim had been taken away: stopped on request, or deleted."""
        self._write(logging.INFO, run, run.stop_clock(), "stopped", "stopped", "it was taken away from this worker")

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


def log_job(level: int, text: str, fields: Mapping[str, Any]) -> None:
    """Write a line about one job.

    Args:
        level: Of `logging`.
        text: What there is to say; what a job or its payload says in it stays on the line.
        fields: In their order.
    """
    logger.log(level, "%s", printable(text), extra={"winch": fields})


def _error_of(outcome: Outcome) -> str:
    if not outcome.detail:
        return outcome.reason
    info = codec.load_error(outcome.detail)
    first_line = info.message.partition("\n")[0][:500]
    return f"{info.type_name.removeprefix('builtins.')}: {first_line}" if first_line else info.type_name


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        fields = getattr(record, "winch", None)
        if fields:
            line += "".join([_shown(key, value) for key, value in fields.items() if value != ""])
        return line


def _shown(key: str, value: object) -> str:
    """A field in a line of text. Function and state stand in the message; what a job added is one word, or in quotes."""
    if key in _OURS:
        return "" if key in ("function", "state") else f" {key}={value}"
    text = str(value)
    return f" {key}={json.dumps(text) if not text.isprintable() or _NO_WORD.search(text) else text}"


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


def level_name(level: str | int) -> str:
    """A level of `logging` by its name.

    Raises:
        InvalidOption: There is no such level.
    """
    names = logging.getLevelNamesMapping()
    found = level.upper() if isinstance(level, str) else next((name for name in names if names[name] == level), "")
    if found not in names:
        raise InvalidOption(f"{level!r:.50} is no level of logging: DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return found


def set_up(settings: WorkerSettings) -> None:
    """Send winch's records to standard error as the settings say, in this process. Handlers that the user made are left alone."""
    root = logging.getLogger("winch")
    root.setLevel(settings.log_level)
    if root.handlers or logging.getLogger().handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    text = _FORMAT if settings.log_format == "text" else settings.log_format
    handler.setFormatter(_Json() if settings.log_format == "json" else _Text(text, settings.date_format))
    root.addHandler(handler)
