"""The two scripts of a turn: `turn.lua` for what is common, `turn_any.lua` for everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any

from winch.stores.contract import Call, Outcome
from winch.stores.redis.calls import Argument, Calls, unless_refused
from winch.stores.redis.keys import marker_key
from winch.stores.redis.records import pack_outcomes

__all__ = ["PackedOutcomes", "TurnScripts", "pack_queues"]

_GROUP = 50
"""So many queues are looked at together."""

_ARRAY, _TEXT = 0xDD, 0xDB
_size = Struct(">BI").pack

_LONGEST = 63
"""So many turns at most go to `turn_any` before the next is tried with `turn`."""


class PackedOutcomes(tuple[Outcome, ...]):
    """Outcomes, with what the scripts of a turn are given of them.

    Attributes:
        arguments: Those that stand for them.
        are_plain: All have finished.
    """

    arguments: list[Argument]
    are_plain: bool

    def __new__(cls, outcomes: Sequence[Outcome]) -> PackedOutcomes:
        """Pack them."""
        packed = super().__new__(cls, outcomes)
        packed.arguments = pack_outcomes(outcomes)
        packed.are_plain = all(outcome.kind == "finished" for outcome in outcomes)
        return packed


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


@lru_cache(maxsize=64)
def pack_queues(prefix: bytes, queues: tuple[str, ...], *, with_markers: bool) -> list[bytes]:
    """Queues as the scripts of a turn take them, each once: of each group the names, then the keys of the markers or nothing.

    A worker may name a thousand of them turn after turn, and the server would spend most of the turn on making those keys.
    """
    groups: list[bytes] = []
    names = [*dict.fromkeys(queues)]
    for first in range(0, len(names), _GROUP):
        group = names[first : first + _GROUP]
        markers = _packed([marker_key(prefix, name) for name in group]) if with_markers else b""
        groups += (_packed([name.encode() for name in group]), markers)
    return groups


def _packed(texts: Sequence[bytes]) -> bytes:
    """An array of texts as MessagePack."""
    return b"".join((_size(_ARRAY, len(texts)), *[_size(_TEXT, len(text)) + text for text in texts]))
