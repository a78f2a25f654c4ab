"""What the worker leaves for the code that it runs."""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple

from winch.stores.contract import Claim, Store

__all__ = ["Running", "current"]


class Running(NamedTuple):
    """The claim that is being run here."""

    store: Store
    claim: Claim


current: ContextVar[Running | None] = ContextVar("winch_current", default=None)
"""Set by the worker around each attempt."""
