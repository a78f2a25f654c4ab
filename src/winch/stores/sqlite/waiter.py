"""What an idle executor or supervisor sleeps on."""

from __future__ import annotations

import time
from collections.abc import Callable

from winch.errors import StoreError
from winch.stores.sqlite.connection import Database
from winch.stores.sqlite.transaction import Snapshot
from winch.stores.sqlite.wake import Ear

__all__ = ["SQLiteWaiter"]

NET = 1.0
"""Seconds between two looks of a sleeper that hears nothing: a hint is lost when its writer is killed after the COMMIT."""

DEAF = 0.05
"""The same where hints do not arrive: no named pipes, or none that the others may write to."""


class SQLiteWaiter:
    """The contract's `Waiter`: sleeps on an ear, and looks into the database only if somebody has written.

    A wake-up costs a tenth of a millisecond even if nothing is done. So it looks seldom while hints arrive, and often from
    the time that a look found what no hint had told, until one tells again (docs/decisions/002, rule 40).
    """

    poll: float | None = DEAF

    def __init__(self, database: Database, listen: Callable[[], Ear], look: Callable[[Snapshot], bool]) -> None:
        self._database = database
        self._listen = listen
        self._look = look
        self._ear: Ear | None = None
        self._listens = False
        self._seen: tuple[int, int, int] | None = None
        self._look_at = 0.0

    def arm(self) -> None:
        """Start to listen, if it does not listen yet."""
        if self._ear is None:
            self._ear = self._listen()
            self.poll = 0.0  # what came before it listened it has not heard
        self._listens = True
        self._look_at = time.monotonic() + (self.poll or 0)

    def fileno(self) -> int:
        """A descriptor that becomes readable when a hint comes."""
        return self._armed().fileno()

    def take(self) -> bool:
        """Consume what has come. True: there may be work, take a turn."""
        ear = self._armed()
        heard, usual = ear.drain(), DEAF if ear.is_deaf else NET
        missed = bool(self.poll) and not heard and time.monotonic() >= self._look_at
        self.poll = self.poll or usual
        try:
            version = self._database.version()
            if version == self._seen and not heard:
                return False
            self._seen = version  # from before the look: what comes during it is seen the next time
            with self._database.read() as snapshot:
                found = self._look(snapshot)
            if found:
                self.poll = DEAF if missed else usual
            return found
        except StoreError:
            return True  # the caller's own call tells what is wrong
        finally:
            self.arm()

    def disarm(self) -> bool:
        """Stop to listen. True: a hint came meanwhile, take a turn."""
        listened, self._listens = self._listens, False
        return listened and self._ear is not None and self._ear.drain()

    def close(self) -> None:
        """Release the descriptor."""
        if self._ear is not None:
            self._ear.close()
            self._ear = None

    def _armed(self) -> Ear:
        if self._ear is None:
            self.arm()
        assert self._ear is not None  # noqa: S101 - for the type checker
        return self._ear
