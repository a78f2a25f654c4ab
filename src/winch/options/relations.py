"""What a job has to do with others: those that it waits for, and what they are called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, cast, get_args

from winch.errors import InvalidOption

__all__ = ["Dependency", "DependsOn", "HasId", "OnFailure", "check_args", "check_id", "check_queue"]

OnFailure = Literal["cancel", "wait", "run"]

_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_QUEUE = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class HasId(Protocol):
    """Anything that has a job's id: a `Job`."""

    @property
    def id(self) -> str:
        """The job's id."""
        ...


DependsOn: TypeAlias = "HasId | str | Dependency | Sequence[HasId | str | Dependency]"


@dataclass(frozen=True, slots=True, init=False)
class Dependency:
    """Jobs to wait for.

    Args:
        jobs: One job or id, or several.
        on_failure: What becomes of the waiting job when one of them fails, is canceled or stopped: `"cancel"` it
            (reason `dependency`), `"wait"` on for a requeue, or `"run"` it all the same.
        allow_failure: RQ's name for `on_failure="run"`.
        enqueue_at_front: Once it need not wait any more, the job joins the front of its queue: as `at_front` of the job.

    Raises:
        InvalidOption: No jobs, or an unknown `on_failure`.
    """

    ids: tuple[str, ...]
    on_failure: OnFailure
    enqueue_at_front: bool

    def __init__(
        self,
        jobs: HasId | str | Sequence[HasId | str],
        on_failure: OnFailure = "cancel",
        allow_failure: bool = False,
        enqueue_at_front: bool = False,
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
        object.__setattr__(self, "enqueue_at_front", bool(enqueue_at_front))

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
        stated = _stated([one for one in many if isinstance(one, cls)])
        at_front = any(part.enqueue_at_front for part in parts)
        return cls([found for part in parts for found in part.ids], stated, enqueue_at_front=at_front)


def _stated(parts: Sequence[Dependency]) -> OnFailure:
    """The one `on_failure` of several dependencies."""
    stated: set[OnFailure] = {one.on_failure for one in parts}
    if len(stated) > 1:
        raise InvalidOption(
            f"depends_on mixes on_failure {' and '.join(sorted(stated))}: a job waits for all of them in one way"
        )
    return stated.pop() if stated else "cancel"


def _job_id(job: object) -> str:
    found = job if isinstance(job, str) else getattr(job, "id", None)
    if not isinstance(found, str):
        raise InvalidOption(f"depends_on takes jobs or their ids, not {job!r}")
    return check_id(found)


def check_id(id: str, what: str = "job_id") -> str:
    """The id of a job or of a group as it was given.

    Args:
        id: The id.
        what: What the error calls it.

    Raises:
        InvalidOption: It is not 1 to 128 of letters, digits, `_`, `.` and `-`.
    """
    if not isinstance(id, str) or not _ID.fullmatch(id):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"{what}={id!r}: an id is 1 to 128 letters, digits, '_', '.' and '-'")
    return id


def check_args(args: Iterable[Any]) -> None:
    """Refuse positional arguments that would be taken apart: a text's letters, a dict's keys.

    Raises:
        InvalidOption: It is one value, not several in a row.
    """
    if isinstance(args, str | bytes | dict):
        raise InvalidOption(
            f"args={args!r:.50}: give a list or a tuple of the arguments, args=[{args!r:.50}] for this one"
        )


def check_queue(name: str) -> str:
    """The name of a queue as it was given.

    Raises:
        InvalidOption: It is not 1 to 128 of letters, digits, `_`, `.`, `:` and `-`.
    """
    if not isinstance(name, str) or not _QUEUE.fullmatch(name):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"{name!r} is no queue name: use 1 to 128 letters, digits, '_', '.', ':' and '-'")
    return name
