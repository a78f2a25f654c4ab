"""`rq.timeouts`: a job's time limit, and RQ's context managers for limits of one's own."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from winch.errors import JobTimeout
from winch.running.interrupting import raise_in_thread

__all__ = [
    "BaseDeathPenalty",
    "BaseTimeoutException",
    "HorseMonitorTimeoutException",
    "JobTimeoutException",
    "TimerDeathPenalty",
    "UnixSignalDeathPenalty",
    "get_default_death_penalty_class",
]

JobTimeoutException = JobTimeout
"""Raised in a job whose time is over. A `BaseException`: `except Exception` does not swallow it."""

BaseTimeoutException = JobTimeout


class HorseMonitorTimeoutException(BaseTimeoutException):
    """Never raised."""


class BaseDeathPenalty:
    """`with UnixSignalDeathPenalty(5, MyTimeout): ...` raises when the block takes longer.

    Args:
        timeout: Seconds; 0 and less is without end.
        exception: The class that is raised.
        **kwargs: No effect.
    """

    def __init__(self, timeout: float, exception: type[BaseException] = BaseTimeoutException, **kwargs: Any) -> None:  # noqa: ARG002
        self._timeout = timeout
        self._exception = exception

    def __enter__(self) -> Self:
        if self._timeout > 0:
            self.setup_death_penalty()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        if self._timeout > 0:
            self.cancel_death_penalty()

    def setup_death_penalty(self) -> None:
        """Set the clock."""
        raise NotImplementedError

    def cancel_death_penalty(self) -> None:
        """Stop the clock."""
        raise NotImplementedError


class UnixSignalDeathPenalty(BaseDeathPenalty):
    """By SIGALRM: the main thread only."""

    def handle_death_penalty(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's
        """Raise."""
        raise self._exception(f"Task exceeded maximum timeout value ({self._timeout} seconds)")

    def setup_death_penalty(self) -> None:
        """Set the alarm."""
        signal.signal(signal.SIGALRM, self.handle_death_penalty)
        signal.setitimer(signal.ITIMER_REAL, self._timeout)

    def cancel_death_penalty(self) -> None:
        """Stop the alarm."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


class TimerDeathPenalty(BaseDeathPenalty):
    """By a thread: it raises at the next bytecode."""

    _timer: threading.Timer

    def setup_death_penalty(self) -> None:
        """Start the thread."""
        self._timer = threading.Timer(self._timeout, raise_in_thread, (threading.get_ident(), self._exception))
        self._timer.daemon = True
        self._timer.start()

    def cancel_death_penalty(self) -> None:
        """Stop it."""
        self._timer.cancel()


def get_default_death_penalty_class() -> type[BaseDeathPenalty]:
    """The one that works here."""
    return UnixSignalDeathPenalty if hasattr(signal, "SIGALRM") else TimerDeathPenalty
