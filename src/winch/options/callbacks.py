"""Callbacks: functions to run when a job has ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from winch.errors import InvalidOption
from winch.options.durations import Duration, time_limit
from winch.options.retry import Retry

__all__ = ["Callback", "CallbackEvent", "Callbacks", "callbacks_of"]

CallbackEvent = Literal["success", "failure", "stopped"]


@dataclass(frozen=True, slots=True)
class Callback:
    """A function to run when a job has ended: a small job of its own, at the front of the same queue.

    Args:
        func: A function or its import path.
        timeout: Seconds that it may run; -1 is without end.
        each_attempt: For `on_failure`: run it after each attempt that failed, also where the job is retried (RQ's way), not
            only once the job has failed for good.
        in_attempt: For `on_success`: call it inside the attempt, before the job counts as finished (RQ's way). If it raises, the
            attempt has failed; its time is the attempt's.
        retry: How often the callback itself runs again if it fails: a number, or a `Retry`. Default: not at all.

    Raises:
        InvalidOption: A value is out of range.
    """

    func: Callable[..., Any] | str
    timeout: Duration = 60
    each_attempt: bool = field(default=False, kw_only=True)
    in_attempt: bool = field(default=False, kw_only=True)
    retry: Retry | int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not callable(self.func) and not isinstance(self.func, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOption(f"Callback({self.func!r}): give a function or its import path")
        time_limit(self.timeout, "Callback timeout")
        object.__setattr__(self, "retry", Retry.of(self.retry))

    @property
    def seconds(self) -> float | None:
        """The timeout in seconds, None for without end."""
        return time_limit(self.timeout, "Callback timeout")

    @property
    def policy(self) -> Retry | None:
        """`retry` as a policy."""
        return Retry.of(self.retry)

    @classmethod
    def of(cls, value: Callback | Callable[..., Any] | str) -> Callback:
        """A function or a path is a callback with the default timeout."""
        return value if isinstance(value, cls) else cls(cast("Callable[..., Any] | str", value))


_One: TypeAlias = "Callback | Callable[..., Any] | str"
Callbacks: TypeAlias = "_One | Sequence[_One]"


def callbacks_of(value: Callbacks, event: CallbackEvent) -> tuple[Callback, ...]:
    """What `on_success`, `on_failure` and `on_stopped` accept, as a tuple.

    Raises:
        InvalidOption: It is something else, or asks for each attempt where there is no failure.
    """
    many = [value] if isinstance(value, str) or not isinstance(value, Sequence) else cast("Sequence[_One]", value)
    found = tuple(Callback.of(one) for one in many)
    if event != "failure" and any(one.each_attempt for one in found):
        raise InvalidOption(
            f"on_{event}: each_attempt=True is for on_failure, where an attempt can fail and be retried"
        )
    if event != "success" and any(one.in_attempt for one in found):
        raise InvalidOption(
            f"on_{event}: in_attempt=True is for on_success: what comes after a failure is a job of its own"
        )
    return found
