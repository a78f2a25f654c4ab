"""What a thread has for itself goes to a later thread when it ends: connections, and the numbers of its calls.

Some programs start a thread for each request. To connect takes several times as long as to enqueue, and Redis keeps the last
number of each channel for an hour.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

__all__ = ["Holder", "Left", "nothing_left", "take_over"]

_MOST = 32
"""So many are kept for later threads; who leaves more closes the oldest."""


class Leavable(Protocol):
    """What a thread may leave behind."""

    def is_idle(self) -> bool:
        """Whether it is in good order, and nobody is in the middle of a call with it."""
        ...


T = TypeVar("T", bound=Leavable)
Left = deque[T]
"""What threads that have ended have left, the last one at the right."""


def nothing_left() -> Left[T]:
    """An empty one."""
    return deque(maxlen=_MOST)


class Holder(Generic[T]):
    """Belongs to a `threading.local`, and so lives as long as the thread.

    Attributes:
        held: What the thread works with.
    """

    _is_ending = staticmethod(sys.is_finalizing)

    def __init__(self, held: T, left: Left[T]) -> None:
        self.held = held
        self._left = left

    def __del__(self) -> None:
        # This may run at any moment, in any thread, and at the end of the program: no lock, and no name of a module.
        if not self._is_ending() and self.held.is_idle():
            self._left.append(self.held)


def take_over(left: Left[T], is_usable: Callable[[T], bool]) -> T | None:
    """The last that was left and may be used; what is found before it and may not is dropped. None if there is none."""
    while left:
        try:
            found = left.pop()
        except IndexError:  # another thread was quicker
            return None
        if is_usable(found):
            return found
    return None
