"""What a job has to do with others: callbacks after it, dependencies before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, cast, get_args

from winch.errors import InvalidOption
from winch.options.durations import Duration, time_limit

__all__ = ["Callback", "CallbackEvent", "Dependency", "DependsOn", "HasId", "OnFailure", "check_id", "check_queue"]

OnFailure = Literal["cancel", "wait", "run"]
CallbackEvent = Literal["success", "failure", "stopped"]

_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_QUEUE = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class HasId(Protocol):
    """Anything that has a job's id: a `Job`."""

    @property
    def id(self) -> str:
        """The job's id."""
        ...


DependsOn: TypeAlias = "HasId | str | Dependency | Sequence[HasId | str | Dependency]"


@dataclass(frozen=True, slots=True)
class Callback:
    """A function to run when a job has ended: a small job of its own, at the front of the same queue.

    Args:
        func: A function or its import path.
        timeout: Seconds that it may run; -1 is without end.

    Raises:
        InvalidOption: The timeout is out of range.
    """

    func: Callable[..., Any] | str
    timeout: Duration = 60

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not callable(self.func) and not isinstance(self.func, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(f"Callback({self.func!r}): give a function or its import path")
        time_limit(self.timeout, "Callback timeout")

    @property
    def seconds(self) -> float | None:
        """The timeout in seconds, None for without end."""
        return time_limit(self.timeout, "Callback timeout")

    @classmethod
    def of(cls, value: Callback | Callable[..., Any] | str) -> Callback:
        """A function or a path is a callback with the default timeout."""
        return value if isinstance(value, cls) else cls(cast("Callable[..., Any] | str", value))


@dataclass(frozen=True, slots=True, init=False)
class Dependency:
    """Jobs to wait for.

    Args:
        jobs: One job or id, or several.
        on_failure: What becomes of the waiting job when one of them fails, is canceled or stopped: `"cancel"` it
            (reason `dependency`), `"wait"` on for a requeue, or `"run"` it all the same.
        allow_failure: RQ's name for `on_failure="run"`.

    Raises:
        InvalidOption: No jobs, or an unknown `on_failure`.
    """

    ids: tuple[str, ...]
    on_failure: OnFailure

    def __init__(
        self,
        jobs: HasId | str | Sequence[HasId | str],
        on_failure: OnFailure = "cancel",
        allow_failure: bool = False,
    ) -> None:
        many = jobs if isinstance(jobs, Sequence) and not isinstance(jobs, str) else [jobs]
        ids = tuple(dict.fromkeys(_job_id(job) for job in many))
        if not ids:
            raise InvalidOption("Dependency([]) names no job: leave depends_on out, or name one")
        if on_failure not in get_args(OnFailure):
            raise InvalidOption(f'on_failure={on_failure!r}: it is "cancel", "wait" or "run"')
        if allow_failure and on_failure == "wait":
            raise InvalidOption('allow_failure=True means on_failure="run" and contradicts on_failure="wait": give one')
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "on_failure", "run" if allow_failure else on_failure)

    @classmethod
    def of(cls, value: DependsOn | None) -> Dependency | None:
        """Anything that `depends_on` accepts as one dependency.

        Raises:
            InvalidOption: Several that disagree on `on_failure`.
        """
        if value is None or isinstance(value, cls):
            return value
        many = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        parts = [one if isinstance(one, cls) else cls(cast("HasId | str", one)) for one in many]
        if not parts:
            return None
        stated: set[OnFailure] = {one.on_failure for one in many if isinstance(one, cls)}
        if len(stated) > 1:
            raise InvalidOption(
                f"depends_on mixes on_failure {' and '.join(sorted(stated))}: a job waits for all of them in one way"
            )
        return cls([found for part in parts for found in part.ids], stated.pop() if stated else "cancel")


def _job_id(job: object) -> str:
    found = job if isinstance(job, str) else getattr(job, "id", None)
    if not isinstance(found, str):
        raise InvalidOption(f"depends_on takes jobs or their ids, not {job!r}")
    return check_id(found)


def check_id(id: str) -> str:
    """A job id as it was given.

    Raises:
        InvalidOption: It is not 1 to 128 of letters, digits, `_`, `.` and `-`.
    """
    if not isinstance(id, str) or not _ID.fullmatch(id):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"job_id={id!r}: an id is 1 to 128 letters, digits, '_', '.' and '-'")
    return id


def check_queue(name: str) -> str:
    """The name of a queue as it was given.

    Raises:
        InvalidOption: It is not 1 to 128 of letters, digits, `_`, `.`, `:` and `-`.
    """
    if not isinstance(name, str) or not _QUEUE.fullmatch(name):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"{name!r} is no queue name: use 1 to 128 letters, digits, '_', '.', ':' and '-'")
    return name
