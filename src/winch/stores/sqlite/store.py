"""The store itself: an address and the verbs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from winch.stores.contract import StoreOptions
from winch.stores.sqlite.connection import Database, FileDatabase, MemoryDatabase
from winch.stores.sqlite.control import ControlVerbs
from winch.stores.sqlite.crontab import CronVerbs
from winch.stores.sqlite.groups import GroupVerbs
from winch.stores.sqlite.hot import HotVerbs
from winch.stores.sqlite.liveness import LivenessVerbs

__all__ = ["SQLiteStore"]


class SQLiteStore(HotVerbs, LivenessVerbs, ControlVerbs, CronVerbs, GroupVerbs):
    """The contract's `Store` in an SQLite database.

    Args:
        path: Of the file, made absolute at once; None keeps all in the memory of this process.
        options: `deadline`, and in `extra` `synchronous`: `normal` survives the crash of any process, `full` also that of
            the machine without losing the last moments.
        clock: Tells the time in milliseconds since the epoch, instead of the machine's clock: for tests.
    """

    def __init__(
        self, path: str | Path | None, options: StoreOptions | None = None, clock: Callable[[], int] | None = None
    ) -> None:
        options = options or StoreOptions()
        synchronous = options.extra.get("synchronous", "normal")
        database: Database
        if path is None:
            database = MemoryDatabase(deadline=options.deadline)
            self.url = "sqlite://"
        else:
            absolute = Path(path).absolute()
            database = FileDatabase(absolute, deadline=options.deadline, synchronous=synchronous)
            self.url = f"sqlite:///{quote(str(absolute))}" + (
                "" if synchronous == "normal" else f"?synchronous={synchronous}"
            )
        super().__init__(database)
        database.on_made = self._made
        if clock is not None:
            database.clock = clock
        self.place = database.place
        self.deadline = options.deadline
        self.created = False

    def _made(self) -> None:
        self.created = True

    def clock(self) -> int:
        """What a clock on the wall says to this caller, in milliseconds since the epoch."""
        return self._database.clock()

    def open(self, *, create: bool = True) -> None:
        """Connect now and check the schema; every verb does it by itself when needed.

        Raises:
            StoreNotFound: There is none, and `create` is False. Nothing is written.
            StoreUnavailable: Somebody else holds it.
            StoreRefused: Its schema is newer than this winch, or it is no store.
        """
        self._database.open(create=create)

    def close(self) -> None:
        """Close every connection of this process."""
        self._database.close()

    def __repr__(self) -> str:
        return f"SQLiteStore({self.place!r})"
