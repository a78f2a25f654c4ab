"""Waiting for descriptors, without `select`'s limit of 1,024."""

from __future__ import annotations

import contextlib
import math
import os
import select
from collections.abc import Iterable
from typing import Protocol, TypeAlias

__all__ = ["Pipe", "Source", "readable"]


class HasFileno(Protocol):
    """Anything with a descriptor."""

    def fileno(self) -> int:
        """The descriptor."""
        ...


Source: TypeAlias = HasFileno | int


def readable(sources: Iterable[Source], timeout: float | None) -> set[int]:
    """Wait until one of these can be read, or its other end is gone. Returns the descriptors of those.

    Args:
        sources: Descriptors, or objects that have one.
        timeout: Seconds, at most; None is without end.
    """
    poll = select.poll()
    for source in sources:
        poll.register(source, select.POLLIN)
    return {number for number, _ in poll.poll(None if timeout is None else max(0, math.ceil(timeout * 1000)))}


class Pipe:
    """Wakes a thread that waits for its descriptor. Any number of wakes before it looks are one."""

    def __init__(self) -> None:
        self._in, self._out = os.pipe()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)

    def fileno(self) -> int:
        """Readable after `wake`, until `drain`."""
        return self._in

    def wake(self) -> None:
        """Make it readable. Safe from any thread and from a signal handler."""
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._out, b"x")

    def drain(self) -> None:
        """Make it not readable."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._in, 65_536)

    def close(self) -> None:
        """Release both descriptors."""
        os.close(self._in)
        os.close(self._out)
