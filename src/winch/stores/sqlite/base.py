"""What the three groups of verbs stand on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from winch.stores.contract import Call, Outcome
from winch.stores.sqlite.connection import Database
from winch.stores.sqlite.faults import StoreFull
from winch.stores.sqlite.limits import release
from winch.stores.sqlite.transaction import Transaction

__all__ = ["Verbs"]

_logger = logging.getLogger("winch")

T = TypeVar("T")


class Verbs:
    """A database, and how a changing verb is called."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _once(self, call: Call | None, step: Callable[[Transaction], T]) -> T:
        """Take a step in a transaction of its own, unless this very call has been made: then only answer the same.

        The answer is kept as JSON, so a repeated call answers lists where the first answered tuples.

        Raises:
            StaleCall: The channel has gone on meanwhile.
        """
        with self._database.write() as tx:
            kept = tx.kept(call)
            if kept is not None:
                return kept[0]
            answer = step(tx)
            release(tx)
            tx.keep(call, answer)
            return answer

    def _thriftily(self, full: StoreFull, outcomes: Sequence[Outcome], settle: Callable[[Sequence[Outcome]], T]) -> T:
        """Settle on a full disk what did not fit: without results, and if need be without what is told of errors.

        What does not fit even so the caller keeps and sends again (FAULTS row 59). Where there is nothing to settle nothing
        is tried: who has nothing to write is told that the disk is full.
        """
        if not outcomes:
            raise full
        self._database.make_room()
        small = [outcome._replace(result=b"") for outcome in outcomes]
        try:
            settled = settle(small)
        except StoreFull:
            settled = settle([outcome._replace(detail=b"") for outcome in small])
        if count := sum(bool(outcome.result) for outcome in outcomes):
            _logger.warning("%s is full: the results of %d jobs were not kept", self._database.place, count)
        return settled
