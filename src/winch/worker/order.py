"""The order in which an executor looks at its queues, turn by turn. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import get_args

from winch.errors import InvalidOption
from winch.worker.settings import Order

__all__ = ["QueueOrder", "order_of", "split_weights"]

_ORDERS: dict[str, Order] = {
    "default": "strict",
    "round_robin": "round-robin",
    **{order: order for order in get_args(Order)},
}


class QueueOrder:
    """Names the queues in the order in which the next claim takes them.

    With weights the queue in front changes so that each is there as often as its weight says, evenly spread (smooth weighted
    round robin, as in nginx): `high=3 low=1` puts `high` in front in three turns of four. Who is in front is emptied first.

    Attributes:
        all: All of them, in the order of their priority.

    Args:
        queues: In the order of their priority.
        order: How they take turns, if there are no weights.
        weights: One per queue, or none.
    """

    def __init__(self, queues: Sequence[str], order: Order, weights: Sequence[int] = ()) -> None:
        self.all, self._order = tuple(queues), order
        self._weights = dict(zip(queues, weights, strict=True)) if weights else {}
        self._credit = dict.fromkeys(self._weights, 0)
        self._turns = 0

    def next(self) -> tuple[str, ...]:
        """The order for the next claim."""
        if len(self.all) < 2:
            return self.all
        if self._weights:
            return self._by_weight()
        if self._order == "round-robin":
            start, self._turns = self._turns % len(self.all), self._turns + 1
            return self.all[start:] + self.all[:start]
        return self.all if self._order == "strict" else tuple(random.sample(self.all, len(self.all)))

    def _by_weight(self) -> tuple[str, ...]:
        for queue, weight in self._weights.items():
            self._credit[queue] += weight
        ranked = sorted(self._weights, key=lambda queue: -self._credit[queue])
        self._credit[ranked[0]] -= sum(self._weights.values())
        return tuple(ranked)


def order_of(name: str) -> Order:
    """The order of a name, also as RQ spells it: `default` (strict), `round_robin`, `random`.

    Raises:
        InvalidOption: There is no such order.
    """
    found = _ORDERS.get(name)
    if found is None:
        raise InvalidOption(f"{name!r:.50} is no order of queues: one of {', '.join(get_args(Order))}")
    return found


def split_weights(queues: Sequence[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names and weights of queues that may be written `high=3`. No weights if none is written so, else 1 where there is none.

    Raises:
        InvalidOption: What stands behind a `=` is no whole number.
    """
    parts = [queue.partition("=") for queue in queues]
    for name, sign, weight in parts:
        if sign and not (weight.isascii() and weight.isdigit()):
            raise InvalidOption(f"{name}={weight!r:.50} is no weight of a queue: write a whole number, {name}=3")
    weights = tuple(int(weight) if sign else 1 for _, sign, weight in parts)
    return tuple(name for name, _, _ in parts), weights if any(sign for _, sign, _ in parts) else ()
