"""`rq.callbacks`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from winch import options
from winch.callables import path_of
from winch.compat.rq.defaults import CALLBACK_TIMEOUT
from winch.compat.rq.utils import parse_timeout
from winch.options import CallbackEvent

__all__ = ["Callback", "plain_callbacks"]


class Callback:
    """A function to run when a job has ended.

    Attributes:
        func: The function or its path.
        timeout: Seconds that it may run.

    Args:
        func: A function or its path.
        timeout: Seconds, or a text such as `"10s"`; None is 60.

    Raises:
        ValueError: It is neither, or `timeout` is no time.
    """

    def __init__(self, func: Callable[..., Any] | str, timeout: float | str | None = None) -> None:
        if not callable(func) and not isinstance(func, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"Callback func must be a string or function, not {func!r:.100}")
        self.func = func
        self.timeout = parse_timeout(timeout) or CALLBACK_TIMEOUT

    @property
    def name(self) -> str:
        """Its path."""
        return path_of(self.func)


def plain_callbacks(event: CallbackEvent, value: Any) -> list[options.Callback]:
    """What `on_success`, `on_failure` and `on_stopped` take, as winch takes it: with RQ's ways of calling them."""
    many = cast("Sequence[Any]", value if isinstance(value, list | tuple) else [value])
    return [_plain(event, one) for one in many]


def _plain(event: CallbackEvent, one: Any) -> options.Callback:
    if isinstance(one, options.Callback):
        return one
    wanted = one if isinstance(one, Callback) else Callback(one)
    return options.Callback(wanted.func, wanted.timeout, each_attempt=event == "failure", in_attempt=event == "success")
