"""What the three groups of verbs stand on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from winch.stores.contract import Call
from winch.stores.sqlite.connection import Database
from winch.stores.sqlite.transaction import Transaction

__all__ = ["Verbs"]

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
            tx.keep(call, answer)
            return answer
