"""A descriptor that becomes readable after a while. To set it wakes nobody, so who stops it in time was never noticed."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from typing import Protocol

from winch.polling import Pipe

__all__ = ["Alarm", "new_alarm"]


class Alarm(Protocol):
    """See the module."""

    def fileno(self) -> int:
        """Readable once it has gone off, until it is set again or stopped."""
        ...

    def set(self) -> None:
        """Have it go off after its delay from now."""
        ...

    def stop(self) -> None:
        """It is not to go off, and has not."""
        ...


def new_alarm(delay: int) -> Alarm:
    """An alarm that goes off after `delay` nanoseconds, less than a second; where there are no such timers, at once."""
    timer = -1
    if sys.platform == "linux":
        timer = ctypes.PyDLL(None).timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    return _AtOnce() if timer < 0 else _Timer(timer, delay)


class _Timer:
    """A timer of Linux. Python has a function for it from 3.13 on."""

    def __init__(self, timer: int, delay: int) -> None:
        times = ctypes.c_long * 4  # interval and value of a struct itimerspec, each in seconds and nanoseconds
        self._timer, self._delay, self._never = timer, times(0, 0, 0, delay), times()
        self._set = ctypes.PyDLL(None).timerfd_settime

    def fileno(self) -> int:
        return self._timer

    def set(self) -> None:
        self._set(self._timer, 0, self._delay, None)

    def stop(self) -> None:
        self._set(self._timer, 0, self._never, None)


class _AtOnce(Pipe):
    def set(self) -> None:
        self.wake()

    def stop(self) -> None:
        self.drain()
