"""A clock that stands still until it is moved."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime

from winch.errors import InvalidOption
from winch.options import Duration, seconds

__all__ = ["FakeClock"]


class FakeClock:
    """The time of a `MemoryStore`: it stands still until `advance` or `move_to`, and never goes back.

    It tells the store when a job is due, has waited too long, or expires. It has no effect on `time` and `datetime`, nor on
    the time limits of jobs.

    Args:
        start: What it shows at first; a naive time is local. None is now.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._milliseconds = time.time_ns() // 1_000_000 if start is None else _milliseconds(start)

    def __call__(self) -> int:
        """Milliseconds since the epoch: what a store asks."""
        return self._milliseconds

    def now(self) -> datetime:
        """What it shows. Aware, UTC."""
        return datetime.fromtimestamp(self._milliseconds / 1000, UTC)

    def advance(self, by: Duration) -> datetime:
        """Let time pass.

        Args:
            by: A `timedelta`, seconds, or a text such as `"5m"`.

        Returns:
            What it shows then.

        Raises:
            InvalidOption: A negative time.
        """
        step = math.ceil(seconds(by, "advance") * 1000)
        if step < 0:
            raise InvalidOption(f"advance({by!r}): time does not go back")
        self._milliseconds += step
        return self.now()

    def move_to(self, when: datetime) -> datetime:
        """Let time pass until then; a naive time is local.

        Returns:
            What it shows then.

        Raises:
            InvalidOption: A time that has passed.
        """
        then = _milliseconds(when)
        if then < self._milliseconds:
            raise InvalidOption(f"move_to({when}): it is {self.now()} already, and time does not go back")
        self._milliseconds = then
        return self.now()

    def __repr__(self) -> str:
        return f"FakeClock({self.now().isoformat()})"


def _milliseconds(when: datetime) -> int:
    return math.ceil(when.timestamp() * 1000)
