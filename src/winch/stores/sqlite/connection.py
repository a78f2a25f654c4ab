"""The database: a connection per thread, and how a reading and a writing transaction begins and ends.

Writers queue at a lock file beside the database, the *turnstile*: whoever holds it is the next to write, and lets it go as
soon as its transaction has begun. SQLite's own waiting is a lottery that a writer who comes back at once, as an executor
does, wins every time (PROTOCOL rule 38). A writer who is done rings for the one at the turnstile.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from weakref import WeakSet, finalize

from winch.errors import StoreNotFound, StoreRefused, StoreReplaced, StoreUnavailable
from winch.stores.handover import Holder, Left, nothing_left, take_over
from winch.stores.sqlite.faults import explained, is_busy
from winch.stores.sqlite.forks import GATE
from winch.stores.sqlite.patience import Doorstep, patiently
from winch.stores.sqlite.schema import PAGE, bring_up_to_date, is_current
from winch.stores.sqlite.session import Identity, Session, Version
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.transaction import Snapshot, Transaction
from winch.stores.sqlite.wake import Bells, FifoBells, PipeBells

try:
    import fcntl
except ImportError:  # Windows: SQLite's own waiting has to do
    fcntl = None

__all__ = ["Database", "FileDatabase", "MemoryDatabase"]

CHECKPOINT = 16_000_000 // PAGE  # pages in the journal; each check point costs several fsync, about 16 MB apart


class Database(ABC):
    """A database and how to reach it.

    Attributes:
        place: What errors call it.
        deadline: Seconds that a call may wait in all.
        bells: Wake those who sleep until something happens here.
        clock: What a clock on the wall says, in milliseconds since the epoch; tests give another one.
        on_made: Called when this object has put the schema into it.
    """

    place: str
    deadline: float
    bells: Bells
    clock: Callable[[], int] = staticmethod(lambda: time.time_ns() // 1_000_000)
    on_made: Callable[[], None] = staticmethod(lambda: None)

    @abstractmethod
    def open(self, *, create: bool = True) -> None:
        """Connect this thread."""

    @abstractmethod
    def close(self) -> None:
        """Close all connections of this process."""

    @abstractmethod
    def session(self) -> Session:
        """This thread's connection; opens it if need be."""

    @abstractmethod
    def _set_aside(self) -> None:
        """Leave this thread's connection to the transaction that it is in: whoever asks now is a signal handler."""

    @abstractmethod
    def _line_up(self, session: Session, until: float) -> None:
        """Wait at the turnstile, at most until then."""

    @abstractmethod
    def _let_pass(self, session: Session) -> None:
        """Leave the turnstile to the next."""

    def _take(self) -> Session:
        """This thread's session, locked."""
        while True:
            session = self.session()
            session.lock.acquire()
            if not session.closed and not session.db.in_transaction:
                return session
            session.lock.release()
            if not session.closed:  # else a fork or another thread's `close` came in between
                self._set_aside()

    @contextmanager
    def read(self) -> Generator[Snapshot]:
        """One moment of the database, to look at."""
        try:
            with self._take() as session:
                try:
                    until = time.monotonic() + self.deadline
                    yield Snapshot(session.db, self.clock(), *self._begin(session.db, q.begin_reading, q.now, until))
                finally:
                    _roll_back(session.db)  # nothing was written, and it never fails
        except (sqlite3.Error, OSError) as error:
            raise explained(error, self.place) from error

    @contextmanager
    def write(self) -> Generator[Transaction]:
        """A transaction: all that is done in it is written at its end, or nothing if it raises.

        One in which nothing was done, like a repeated call, leaves no trace, not even of its time.
        """
        try:
            with self._take() as session:
                try:
                    tx = self._begin_writing(session)
                    before = session.db.total_changes
                    yield tx
                    if session.db.total_changes > before:
                        tx.finish()
                        session.db.execute(q.commit)
                        session.commits += 1
                finally:
                    _roll_back(session.db)
                    self.bells.ring_writer()
        except (sqlite3.Error, OSError) as error:
            raise explained(error, self.place) from error
        if tx.ready or tx.hints:
            self.bells.ring(tx.ready, tx.hints)

    def _begin_writing(self, session: Session) -> Transaction:
        until = time.monotonic() + self.deadline
        try:
            self._line_up(session, until)
            row = self._begin(session.db, q.begin_writing, q.meta, until)
            return Transaction(session.db, self.clock(), *row)
        finally:
            self._let_pass(session)

    def make_room(self) -> None:
        """On a full disk: empty the journal if nobody reads it, so that the next writer fills it anew and needs no more."""
        try:
            with self._take() as session, suppress(sqlite3.Error):
                session.db.execute("PRAGMA wal_checkpoint(RESTART)")
        except (sqlite3.Error, OSError) as error:
            raise explained(error, self.place) from error

    def version(self) -> Version:
        """Changes for this thread whenever anybody has written."""
        try:
            with self._take() as session:
                return session.version()
        except (sqlite3.Error, OSError) as error:
            raise explained(error, self.place) from error

    def _begin(self, db: sqlite3.Connection, begin: str, first: str, until: float) -> tuple[int, ...]:
        """Begin a transaction and return the first row, which is when SQLite takes the lock of a reader."""
        with closing(Doorstep(self.bells)) as doorstep:
            for _ in patiently(until, doorstep.wait):
                try:
                    _roll_back(db)  # what an exception from outside may have left open
                    db.execute(begin)
                    return db.execute(first).fetchone()
                except sqlite3.OperationalError as error:
                    if not is_busy(error):
                        raise
        raise StoreUnavailable(
            f"{self.place}: another process has held the database for {self.deadline:g} s; nothing was written"
        )


class FileDatabase(Database):
    """A database in a file, opened once per thread and process."""

    def __init__(self, path: Path, *, deadline: float, synchronous: str) -> None:
        self.path = path
        self.place = str(path)
        self.deadline = deadline
        self.bells = FifoBells(Path(f"{path}-wake"))
        self._synchronous = synchronous
        self._local = threading.local()
        self._left: Left[Session] = nothing_left()
        # Also at the end of the program, where a thread that goes on may keep this object, and with it what has been left.
        finalize(self, self._left.clear)
        self._sessions: WeakSet[Session] = WeakSet()

    def open(self, *, create: bool = True) -> None:
        """Connect this thread; with `create` make the file if there is none."""
        try:
            if not create and self._is_missing():
                raise StoreNotFound(f"there is no store at {self.place}")
            self.session()
        except (sqlite3.Error, OSError) as error:
            raise explained(error, self.place) from error

    def close(self) -> None:
        """Close all connections of this process."""
        with GATE.lock:
            sessions, self._sessions, self._local = [*self._sessions], WeakSet(), threading.local()
        for session in sessions:
            session.close()

    def session(self) -> Session:
        """This thread's connection; the file must still be the one that was opened."""
        holder: Holder[Session] | None = getattr(self._local, "holder", None)
        session = holder.held if holder else None
        if session is None or session.closed or session.pid != os.getpid():
            session = take_over(self._left, self._is_usable) or self._connect()
            self._local.holder = Holder(session, self._left)
        elif session.identity != self._identity():
            raise StoreReplaced(f"{self.place}: the file was deleted or replaced while it was in use; start anew")
        return session

    def _is_usable(self, session: Session) -> bool:
        """Whether a thread may go on with what another one has left: neither a fork nor the end of the file came between."""
        return not session.closed and session.pid == os.getpid() and session.identity == self._identity()

    def _connect(self) -> Session:
        if self._is_missing():
            self._make_directory()
        with self._opened() as session:
            self._prepare(session)
        return session

    def _set_aside(self) -> None:
        self._local.holder = Holder(self._connect(), self._left)

    def _opened(self) -> Session:
        """A new session, locked, that a fork and `close` know of."""
        with GATE.lock:
            if GATE.is_severed(self._identity()):
                raise StoreRefused(
                    f"{self.place}: this process was forked in the middle of a transaction; start it in another way"
                )
            db = sqlite3.connect(
                self.path, timeout=self.deadline, isolation_level=None, check_same_thread=False, cached_statements=256
            )
            session = Session(db, self._identity(), self.deadline)
            session.lock.acquire()
            GATE.enter(session)
            self._sessions.add(session)
        return session

    def _prepare(self, session: Session) -> None:
        db = session.db
        if not is_current(db, self.place):
            self._line_up(session, time.monotonic() + self.deadline)
            try:
                was_empty = bring_up_to_date(db)
            finally:
                self._let_pass(session)
            if was_empty:
                self.on_made()
        db.execute(f"PRAGMA synchronous = {self._synchronous}")
        db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        _configure(db)

    def _is_missing(self) -> bool:
        """Whether there is nothing yet: SQLite takes an empty file for a new database."""
        try:
            return self.path.stat().st_size == 0
        except FileNotFoundError:
            return True

    def _make_directory(self) -> None:
        directory = self.path.parent
        if directory.is_dir():
            return
        directory.mkdir(parents=True, exist_ok=True)
        if directory.name == ".winch":
            (directory / ".gitignore").write_text("*\n", encoding="utf-8")

    def _identity(self) -> Identity:
        try:
            found = os.stat(self.place)  # noqa: PTH116 - before each transaction, and Path.stat costs three times as much
        except FileNotFoundError:
            return 0, 0
        return found.st_dev, found.st_ino

    def _line_up(self, session: Session, until: float) -> None:
        if fcntl is None:
            return
        if session.turnstile < 0:
            session.turnstile = os.open(f"{self.place}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        for _ in patiently(until):
            with suppress(BlockingIOError):
                fcntl.flock(session.turnstile, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return

    def _let_pass(self, session: Session) -> None:
        if fcntl is not None and session.turnstile >= 0:
            fcntl.flock(session.turnstile, fcntl.LOCK_UN)


class MemoryDatabase(Database):
    """A database in the memory of one process: one connection that its threads share."""

    place = "memory"

    def __init__(self, *, deadline: float) -> None:
        self.deadline = deadline
        self.bells = PipeBells()
        self._session: Session | None = None
        self._lock = threading.RLock()

    def open(self, *, create: bool = True) -> None:
        """Make the database, if `create` allows."""
        if not create and self._session is None:
            raise StoreNotFound("there is no store in this process's memory")
        self.session()

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            session, self._session = self._session, None
            self.bells.close()
        if session is not None:
            session.close()

    def session(self) -> Session:
        """The one connection."""
        if self._session is not None and self._session.pid != os.getpid():  # where nobody may let go of the lock
            raise StoreRefused("a store in memory belongs to the process that made it; use a file")
        with self._lock:
            if self._session is None:
                db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, cached_statements=256)
                is_current(db, self.place)
                bring_up_to_date(db)
                self.on_made()
                _configure(db)
                self._session = Session(db, patience=self.deadline)
            return self._session

    def _set_aside(self) -> None:
        raise StoreRefused(
            "a store in memory was asked in the middle of another call, by a signal handler: have it set a flag, and ask later"
        )

    def _line_up(self, session: Session, until: float) -> None:
        """All writers are threads of this process, and one of them has the connection."""

    def _let_pass(self, session: Session) -> None:
        """See `_line_up`."""


def _configure(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA foreign_keys = ON")
    # What undoes a statement would go to a file of its own where it concerns more than 64 kB of pages: a claim from many queues.
    db.execute("PRAGMA temp_store = MEMORY")
    # Some builds overwrite what is deleted, and so write every page that becomes free.
    db.execute("PRAGMA secure_delete = FAST")
    db.execute("PRAGMA busy_timeout = 0")  # from here on it is `patiently` that waits


def _roll_back(db: sqlite3.Connection) -> None:
    """After some errors SQLite has done so already."""
    if db.in_transaction:
        db.execute("ROLLBACK")
