"""What an idle executor or supervisor sleeps on."""

from __future__ import annotations

from collections.abc import Callable

from winch.errors import StoreError
from winch.stores.sqlite.connection import Database
from winch.stores.sqlite.transaction import Snapshot
from winch.stores.sqlite.wake import Ear

__all__ = ["SQLiteWaiter"]

POLL = 0.05  # seconds between two looks of a sleeper that hears nothing: one PRAGMA data_version each


class SQLiteWaiter:
    """The contract's `Waiter`: sleeps on an ear, and looks into the database only if somebody has written."""

    poll: float | None = POLL

    def __init__(self, database: Database, listen: Callable[[], Ear], look: Callable[[Snapshot], bool]) -> None:
        self._database = database
        self._listen = listen
        self._look = look
        self._ear: Ear | None = None
        self._seen: tuple[int, int, int] | None = None

    def arm(self) -> None:
        """Start to listen, if it does not listen yet."""
        if self._ear is None:
            self._ear = self._listen()

    def fileno(self) -> int:
        """A descriptor that becomes readable when a hint comes."""
        return self._armed().fileno()

    def take(self) -> bool:
        """Consume what has come. True: there may be work, take a turn."""
        try:
            heard = self._armed().drain()
            version = self._database.version()
            if version == self._seen and not heard:
                return False
            self._seen = version  # from before the look: what comes during it is seen the next time
            with self._database.read() as snapshot:
                return self._look(snapshot)
        except StoreError:
            return True  # the caller's own call tells what is wrong

    def disarm(self) -> bool:
        """Stop to listen. True: a hint came meanwhile, take a turn."""
        return self._ear is not None and self._ear.drain()

    def close(self) -> None:
        """Release the descriptor."""
        if self._ear is not None:
            self._ear.close()
            self._ear = None

    def _armed(self) -> Ear:
        self.arm()
        assert self._ear is not None  # noqa: S101 - for the type checker
        return self._ear
