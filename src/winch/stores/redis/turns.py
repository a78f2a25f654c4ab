"""The two scripts of a turn: `turn.lua` for what is common, `turn_any.lua` for everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from winch.stores.contract import Call
from winch.stores.redis.calls import Argument, Calls, unless_refused

__all__ = ["TurnScripts"]

_LONGEST = 63
"""So many turns at most go to `turn_any` before the next is tried with `turn`."""


class TurnScripts:
    """Has a turn done by `turn` if that may do, at half the cost, and else by `turn_any`.

    `turn` finds out before it changes anything that a turn is not for it, and then the other gets the same call. That takes a
    second round trip: so where it is usual, it is tried less and less.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._pause = self._left = 0

    def begin(self, call: Call, *arguments: Argument, is_plain: bool) -> Callable[[], Any]:
        """Send a turn. The function that is returned reads its answer, and raises what `Calls.change` does.

        Args:
            call: Its channel and number.
            arguments: Those of both scripts.
            is_plain: All that has ended in it has finished.
        """
        if not is_plain or self._left > 0:
            self._left -= is_plain
            return self._calls.begin_change("turn_any", call, *arguments)
        read = self._calls.begin_change("turn", call, *arguments)

        def answer() -> Any:
            found = unless_refused(read)
            if found is None:
                self._pause = self._left = min(2 * self._pause + 1, _LONGEST)
                return self._calls.change("turn_any", call, *arguments)
            self._pause = 0
            return found

        return answer
