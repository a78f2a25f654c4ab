"""What the three groups of verbs stand on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from winch.stores.contract import Call, Outcome
from winch.stores.sqlite.connection import Database
from winch.stores.sqlite.faults import StoreFull
from winch.stores.sqlite.limits import release
from winch.stores.sqlite.transaction import Transaction
from winch.stores.sqlite.wake import sleep

__all__ = ["Verbs"]

WATCH = 0.001, 0.005
"""Seconds between two looks at a database: the first, and at most."""

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

    def _watch(self, look: Callable[[], T | None], timeout: float, wake: int | None) -> T | None:
        """Look whenever the database has changed, until there is something to see, or `wake` is readable.

        None: there was nothing within `timeout` seconds.
        """
        until = time.monotonic() + timeout
        pause, longest = WATCH
        seen = None
        while True:
            version = self._database.version()
            if version != seen:
                seen = version  # from before the look: what comes during it is seen the next time
                if (found := look()) is not None:
                    return found
            left = until - time.monotonic()
            if left <= 0 or sleep(min(pause, left), wake):
                return None
            pause = min(pause * 1.5, longest)

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
