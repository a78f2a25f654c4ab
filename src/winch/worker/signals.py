"""What a signal means to a supervisor: SIGTERM and SIGINT stop it, once gently, twice at once; SIGHUP renews its executors.

SIGHUP also comes when the terminal is closed in which a worker runs. Then it stops: nobody would see it, and jobs that print
would fail.
"""

from __future__ import annotations

import os
import signal
import threading
from types import TracebackType
from typing import Any

__all__ = ["Signals"]


class Signals:
    """Turns signals into bytes on a descriptor, while it is entered. In a thread that is not the main one it does nothing."""

    _CAUGHT = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))

    def __init__(self) -> None:
        self._in, self._out = os.pipe()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._before: dict[int, Any] = {}
        self._wakeup = -1
        self._terminals = [descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)]

    def fileno(self) -> int:
        """Readable when a signal has come."""
        return self._in

    def take(self) -> list[int]:
        """The signals that have come; those that others in this process have handlers for are theirs."""
        try:
            return [number for number in os.read(self._in, 256) if number in self._CAUGHT]
        except BlockingIOError:
            return []

    def has_lost_terminal(self) -> bool:
        """Whether the terminal that it was started in has been closed."""
        return not all(os.isatty(descriptor) for descriptor in self._terminals)

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            self._wakeup = signal.set_wakeup_fd(self._out, warn_on_full_buffer=False)
            for number in self._CAUGHT:
                self._before[number] = signal.signal(number, _ignore)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._before:
            signal.set_wakeup_fd(self._wakeup)
        os.close(self._in)
        os.close(self._out)


def _ignore(_number: int, _frame: object) -> None:
    """The wakeup descriptor says it all."""
