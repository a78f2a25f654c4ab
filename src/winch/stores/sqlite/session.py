"""One connection to the database: whose it is, who uses it, and how it is let go of."""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
from contextlib import suppress
from typing import Any, Self

from winch.stores.sqlite.sql import q

__all__ = ["Identity", "Session", "Version"]

Identity = tuple[int, int]
"""Device and inode of a file."""

Version = tuple[int, int, int]
"""Of a connection, its view of what others have written, and what it has written itself."""

_NUMBERS = itertools.count()

_INHERITED: list[sqlite3.Connection] = []
"""Connections of the process that forked this one, kept so that nothing ever closes them."""


class Session:
    """One connection. It belongs to a thread and to a process, and is in use while its lock is held.

    Used as a context manager by who holds the lock, it is released at the end.

    Attributes:
        identity: Device and inode of the file when it was opened.
        patience: Seconds that who closes it, or forks, waits for the end of a transaction.
        commits: Transactions written so far, for `PRAGMA data_version` tells of those of others only.
        turnstile: The descriptor of the lock file, -1 before the first use.
        closed: It is of no use any more; whoever finds out needs another one.
    """

    def __init__(self, db: sqlite3.Connection, identity: Identity = (0, 0), patience: float = 0) -> None:
        self.db = db
        self.identity = identity
        self.patience = patience
        self.lock = threading.RLock()
        self.pid = os.getpid()
        self.number = next(_NUMBERS)
        self.commits = 0
        self.turnstile = -1
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.lock.release()

    def version(self) -> Version:
        """Changes whenever anybody has written; that of another connection is another one."""
        return self.number, self.db.execute(q.data_version).fetchone()[0], self.commits

    def close(self) -> None:
        """Let go of the file, if possible when no other thread uses it; unless it is the parent's (see `sever`)."""
        if self.pid != os.getpid():
            self.sever()
            return
        locked = self.lock.acquire(timeout=self.patience)
        try:
            self.closed = True
            self.db.close()
            self._close_turnstile()
        finally:
            if locked:
                self.lock.release()

    def sever(self) -> None:
        """Never close the parent's connection: that could take away its locks."""
        if not self.closed:
            self.closed = True
            _INHERITED.append(self.db)
            self._close_turnstile()

    def _close_turnstile(self) -> None:
        if self.turnstile >= 0:
            os.close(self.turnstile)
            self.turnstile = -1

    def is_mine(self) -> bool:
        """Whether the calling thread is using it."""
        lock: Any = self.lock
        return bool(lock._is_owned())  # what threading.Condition asks, too

    def is_idle(self) -> bool:
        """Whether the calling thread may leave it to another: it has not been stopped in the middle of a transaction."""
        return not (self.closed or self.is_mine() or self.db.in_transaction)

    def __del__(self) -> None:
        with suppress(Exception):
            self.close()
