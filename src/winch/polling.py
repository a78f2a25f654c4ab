"""Waiting for descriptors, without `select`'s limit of 1,024."""

from __future__ import annotations

import contextlib
import math
import os
import select
import time
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

__all__ = ["Pipe", "Source", "readable", "readable_until"]

_LATE = 0.002
"""The share of a wait that the system may add to it: Linux takes a thousandth, to wake several sleepers at once."""


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
    if not hasattr(select, "poll"):  # Windows
        return {n if isinstance(n, int) else n.fileno() for n in select.select([*sources], [], [], timeout)[0]}
    poll = select.poll()
    for source in sources:
        poll.register(source, select.POLLIN)
    return {number for number, _ in poll.poll(None if timeout is None else max(0, math.ceil(timeout * 1000)))}


def readable_until(sources: Sequence[Source], moment: float) -> set[int]:
    """As `readable`, until a moment of `time.monotonic()`, and not much longer.

    A poll of ten seconds may end ten milliseconds late, and every poll counts in whole ones. So it ends too early, is followed
    by a shorter one, and the last millisecond or two are slept through.
    """
    while (left := moment - time.monotonic()) > 0.002:
        if found := readable(sources, left * (1 - _LATE) - 0.001):
            return found
    time.sleep(max(0.0, left))
    return readable(sources, 0)


class Pipe:
    """Wakes a thread that waits for its descriptor. Any number of wakes before it looks are one."""

    def __init__(self) -> None:
        self._in, self._out = os.pipe()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._made = os.fstat(self._in)

    def is_intact(self) -> bool:
        """Whether its descriptor is still its own: a job may have closed all of the process."""
        try:
            return os.path.samestat(os.fstat(self._in), self._made)
        except OSError:
            return False

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
        """Release both descriptors. To wake it from then on is in vain: their numbers may be those of others by now."""
        descriptors, self._in, self._out = (self._in, self._out), -1, -1
        for descriptor in descriptors:
            os.close(descriptor)
