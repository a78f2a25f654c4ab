"""RQ's options of a job, and how winch takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from winch import options
from winch.compat.rq.callbacks import plain_callbacks
from winch.compat.rq.rate_limit import RateLimit
from winch.compat.rq.repeat import Repeat
from winch.compat.rq.utils import parse_timeout
from winch.options import Duration, HasId, JobKeywords

__all__ = ["Dependency", "Retry", "job_keywords"]


class Retry(options.Retry):
    """How often a failed job runs again. To return one from a job runs it again, too.

    Args:
        max: How many times, at least 1.
        interval: Seconds to wait before each: one for all, or a list. A list that is shorter than `max` is stretched at its
            begin, as RQ does: `max=5`, `[10, 30, 60]` waits 10, 10, 10, 30, 60; a longer one counts from its end. Returned
            from a job it counts from its begin, and its last value repeats.
        enqueue_at_front: A retry joins the front of its queue.

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(
        self, max: int, interval: Duration | Sequence[Duration] | None = 0, enqueue_at_front: bool = False
    ) -> None:
        super().__init__(max, interval or 0, at_front=enqueue_at_front)
        object.__setattr__(self, "intervals", list(self.intervals))

    @property
    def enqueue_at_front(self) -> bool:
        """Whether a retry joins the front of its queue."""
        return self.at_front

    @property
    def plain(self) -> options.Retry:
        """As winch takes it, where a job is enqueued with it."""
        waits = list(self.intervals)
        missing = 0 if len(waits) == 1 else self.max - len(waits)
        aligned = [waits[0]] * missing + waits if missing > 0 else waits[-self.max :]
        return options.Retry(self.max, aligned, at_front=self.at_front)


class Dependency(options.Dependency):
    """Jobs to wait for.

    Args:
        jobs: A job or its id, or several.
        allow_failure: Run also if one of them does not finish. Otherwise the job is canceled then (RQ: it waits for ever).
        enqueue_at_front: Join the front of the queue in the end.

    Raises:
        ValueError: No jobs, or something else.
    """

    def __init__(
        self,
        jobs: HasId | str | Sequence[HasId | str],
        allow_failure: bool = False,
        enqueue_at_front: bool = False,
    ) -> None:
        super().__init__(jobs, allow_failure=allow_failure, enqueue_at_front=enqueue_at_front)

    @property
    def allow_failure(self) -> bool:
        """Whether the job runs also if one of them does not finish."""
        return self.on_failure == "run"

    @property
    def dependencies(self) -> tuple[str, ...]:
        """Ids of the jobs to wait for."""
        return self.ids


def _dependency(value: Any) -> options.Dependency | None:
    """All that a job is to wait for as one; what one of several asks for holds for all."""
    many = cast("Sequence[Any]", value if isinstance(value, list | tuple | set) else [value])
    parts = [one if isinstance(one, options.Dependency) else Dependency(one) for one in many]
    if not parts:
        return None
    ids = [found for part in parts for found in part.ids]
    runs, front = any(part.on_failure == "run" for part in parts), any(part.enqueue_at_front for part in parts)
    return options.Dependency(ids, allow_failure=runs, enqueue_at_front=front)


def _time_limit(value: Any) -> int | None:
    limit = parse_timeout(value)
    if limit == 0:
        raise ValueError("0 timeout is not allowed. Use -1 for infinite timeout")
    return limit


def _ttl(value: Any) -> int | None:
    limit = parse_timeout(value)
    if limit is not None and limit <= 0:
        raise ValueError("Job ttl must be greater than 0")
    return limit


def _plain(value: Any) -> Any:
    return value.plain if isinstance(value, Retry | Repeat) else value


def _limits(value: Any) -> Any:
    return value.plain if isinstance(value, RateLimit) else value


_TAKEN: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "timeout": ("timeout", _time_limit),
    "job_timeout": ("timeout", _time_limit),
    "result_ttl": ("result_ttl", parse_timeout),
    "failure_ttl": ("failure_ttl", parse_timeout),
    "ttl": ("ttl", _ttl),
    "description": ("description", str),
    "depends_on": ("depends_on", _dependency),
    "job_id": ("job_id", str),
    "id": ("job_id", str),
    "at_front": ("at_front", bool),
    "meta": ("meta", lambda value: value),
    "retry": ("retry", _plain),
    "repeat": ("repeat", _plain),
    "on_success": ("on_success", lambda value: plain_callbacks("success", value)),
    "on_failure": ("on_failure", lambda value: plain_callbacks("failure", value)),
    "on_stopped": ("on_stopped", lambda value: plain_callbacks("stopped", value)),
    "rate_limit": ("limits", _limits),
    "webhooks": ("webhooks", lambda value: value),
    "unique": ("unique", bool),
    "group_id": ("group", str),
}
"""RQ's name of an option -> winch's, and how its value is translated."""

_IGNORED = frozenset({"pipeline", "status", "serializer"})


def job_keywords(given: Mapping[str, Any]) -> JobKeywords:
    """RQ's options as winch takes them.

    Raises:
        TypeError: RQ has no option of that name.
        ValueError: A value is out of range, or does not go with another.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in _TAKEN and name not in _IGNORED:
            raise TypeError(f"{name!r} is no option of a job in RQ")
        if value is not None and name in _TAKEN:
            key, translate = _TAKEN[name]
            found[key] = translate(value)
    if found.get("unique"):
        _check_unique(found)
    return cast(JobKeywords, found)


def _check_unique(found: Mapping[str, Any]) -> None:
    if not found.get("job_id"):
        raise ValueError("unique=True needs a job_id")
    for other in ("depends_on", "limits"):
        if found.get(other):
            raise ValueError(f"unique=True does not go with {other}")
