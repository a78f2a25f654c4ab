"""No connection is open across a fork.

SQLite keeps one table of files and locks per process. A child inherits it: it would take locks for its own that are the
parent's, and lose what it writes when the parent unlinks the journal. So all connections to files are closed before a fork, each
when the transaction of its thread has ended, and opened again by whoever needs one.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import suppress
from weakref import WeakSet

from winch.stores.sqlite.session import Identity, Session

__all__ = ["GATE"]


class Gate:
    """See the module.

    Attributes:
        lock: Held by who opens a connection, and during a fork.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._sessions: WeakSet[Session] = WeakSet()
        self._forking: list[Session] = []
        self._severed: set[Identity] = set()

    def enter(self, session: Session) -> None:
        """This connection has been opened; called with the lock."""
        self._sessions.add(session)

    def is_severed(self, identity: Identity) -> bool:
        """Whether the parent could not let go of this file in time: this process must not open it."""
        return identity in self._severed

    def before(self) -> None:
        """Close all connections, or wait until their deadlines for those that are in use."""
        self.lock.acquire()
        self._forking = [session for session in [*self._sessions] if not session.closed and session.pid == os.getpid()]
        start = time.monotonic()
        for session in self._forking:
            left = max(0.0, start + session.patience - time.monotonic())
            if not session.is_mine() and session.lock.acquire(timeout=left):
                with session, suppress(sqlite3.Error):
                    session.close()

    def after_in_parent(self) -> None:
        """Go on."""
        self._forking = []
        self.lock.release()

    def after_in_child(self) -> None:
        """Go on without what is still open."""
        for session in self._forking:
            if not session.closed:
                self._severed.add(session.identity)
                session.sever()
        self._forking = []
        self.lock = threading.RLock()  # other threads may have waited at the old one


GATE = Gate()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=GATE.before, after_in_parent=GATE.after_in_parent, after_in_child=GATE.after_in_child)
