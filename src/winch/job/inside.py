"""What the worker leaves for the code that it runs."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from winch.stores.contract import Claim, Store

__all__ = ["Running", "current"]


class Running:
    """The claim that is being run here.

    Attributes:
        store: Where it lives.
        claim: The job's.
        extra: What the job adds to its line in the log.
        at_end: Called when the attempt is over and before it is settled, if somebody has left something to do. It must
            not raise.
    """

    __slots__ = ("at_end", "claim", "extra", "store")

    def __init__(self, store: Store, claim: Claim, extra: dict[str, Any] | None = None) -> None:
        self.store = store
        self.claim = claim
        self.extra: dict[str, Any] = {} if extra is None else extra
        self.at_end: Callable[[], None] | None = None


current: ContextVar[Running | None] = ContextVar("winch_current", default=None)
"""Set by the worker around each attempt."""
