"""Opening an SQLite file, its time, and forks. The faults are in test_sqlite_faults.py."""

import contextlib
import os
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contract.helpers import check_consistent
from tests.forks import fork, status_of
from winch.errors import StoreNotFound, StoreRefused, StoreUnavailable
from winch.ids import new_id
from winch.states import JobStatus
from winch.stores.contract import NewJob, StoreOptions
from winch.stores.sqlite import SQLiteStore, connection, patience, schema
from winch.stores.sqlite.sql import VERSION


def job(payload: bytes = b"payload", queue: str = "q") -> NewJob:
    """A new job."""
    return NewJob(new_id(), queue, payload)


# ---- opening --------------------------------------------------------------------------------------------------------


def test_it_makes_its_directory(tmp_path: Path) -> None:
    """Missing directories are made; one called .winch stays out of git."""
    store = SQLiteStore(tmp_path / "project" / ".winch" / "jobs.db")
    store.open()
    assert store.created
    assert (tmp_path / "project" / ".winch" / ".gitignore").read_text() == "*\n"
    store.close()


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    """`create=False` makes neither file nor directory; an empty file is no store either."""
    with pytest.raises(StoreNotFound):
        SQLiteStore(tmp_path / "no" / "jobs.db").open(create=False)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "jobs.db").touch()
    with pytest.raises(StoreNotFound):
        SQLiteStore(tmp_path / "jobs.db").open(create=False)


def test_one_of_many_makes_the_store(path: Path) -> None:
    """Of many that open a new store at once, one has created it, and all can use it."""
    stores = [SQLiteStore(path) for _ in range(8)]
    threads = [threading.Thread(target=store.enqueue, args=([job()],)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.created for store in stores].count(True) == 1
    assert stores[0].counts()["q"][JobStatus.QUEUED] == 8
    for store in stores:
        store.close()


def test_a_newer_schema_is_refused(sqlite: SQLiteStore, path: Path) -> None:
    """A store of a newer winch is left alone."""
    sqlite.open()
    sqlite.close()
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    with pytest.raises(StoreRefused, match="newer winch"):
        sqlite.open()


def test_an_older_schema_is_migrated(sqlite: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrations run forward, each once, and leave the jobs where they are."""
    sqlite.enqueue([job()])
    sqlite.close()
    monkeypatch.setattr(schema, "VERSION", VERSION + 1)
    monkeypatch.setattr(
        schema, "MIGRATIONS", {VERSION + 1: "CREATE TABLE later (one);\nINSERT INTO later VALUES (1);\n"}
    )
    for _ in range(2):
        sqlite.open()
        assert sqlite.counts()["q"][JobStatus.QUEUED] == 1
        sqlite.close()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM later").fetchone() == (1,)
    database.close()


def test_a_migration_that_fails_changes_nothing(
    sqlite: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration is one transaction."""
    sqlite.open()
    sqlite.close()
    monkeypatch.setattr(schema, "VERSION", VERSION + 1)
    monkeypatch.setattr(
        schema, "MIGRATIONS", {VERSION + 1: "CREATE TABLE later (one);\nINSERT INTO nowhere VALUES (1);\n"}
    )
    with pytest.raises(sqlite3.OperationalError):
        sqlite.open()
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'later'").fetchall()
    database.close()


def test_somebody_elses_database_is_refused(sqlite: SQLiteStore, path: Path) -> None:
    """A database of another program is not touched."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE customers (name)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(StoreRefused, match="not a winch store"):
        sqlite.enqueue([job()])
    assert path.read_bytes() == before


# ---- time ------------------------------------------------------------------------------------------------------------


def test_time_never_goes_back(sqlite: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is set back stands still for the store, also after it was opened again."""
    before = sqlite.enqueue([job()]).now
    monkeypatch.setattr(connection.time, "time_ns", lambda: (before - 3_600_000) * 1_000_000)
    assert sqlite.now() == before
    sqlite.close()
    assert sqlite.enqueue([job()]).now == before


def test_time_goes_on_after_a_clock_was_set_back(sqlite: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """One jump ahead does not stop the store's time: it goes on as fast as the clock does."""
    wall = sqlite.enqueue([job()]).now

    def tick(at: int) -> int:
        monkeypatch.setattr(connection.time, "time_ns", lambda: (wall + at) * 1_000_000)
        return sqlite.enqueue([job()]).now - wall

    assert [tick(at) for at in (3_600_000, 0, 70, 100)] == [3_600_000, 3_600_000, 3_600_070, 3_600_100]
    sqlite.close()
    assert sqlite.now() == wall + 3_600_100
    assert tick(150) == 3_600_150
    assert tick(4_000_000) == 3_600_150 + 4_000_000 - 150


# ---- signal handlers ------------------------------------------------------------------------------------------------


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], None]], None]]:
    """Has a function called by a signal handler once, in the middle of the next transaction that writes."""
    before = signal.getsignal(signal.SIGUSR1)

    def arrange(call: Callable[[], None]) -> None:
        def handler(*_: object) -> None:
            call()

        def clock() -> int:
            monkeypatch.undo()
            signal.raise_signal(signal.SIGUSR1)
            return time.time_ns() // 1_000_000

        signal.signal(signal.SIGUSR1, handler)
        monkeypatch.setattr(connection.Database, "clock", staticmethod(clock))

    yield arrange
    signal.signal(signal.SIGUSR1, before)


def test_a_signal_handler_asks_in_the_middle_of_a_call(
    sqlite: SQLiteStore, interrupt: Callable[[Callable[[], None]], None]
) -> None:
    """It can read; to write it would have to wait for the call that waits for it. What that one writes is whole."""
    sqlite.enqueue([job()])
    told: list[object] = []

    def handler() -> None:
        told.append(sqlite.counts()["q"][JobStatus.QUEUED])
        try:
            sqlite.enqueue([job()])
        except StoreUnavailable as error:
            told.append(type(error))

    interrupt(handler)
    sqlite.enqueue([job(), job()])
    assert told == [1, StoreUnavailable]
    assert sqlite.counts()["q"][JobStatus.QUEUED] == 3
    check_consistent(sqlite)
    sqlite.enqueue([job()])


def test_a_signal_handler_asks_a_store_in_memory(interrupt: Callable[[Callable[[], None]], None]) -> None:
    """That has one connection, which is in use: it is refused, and the call that it came into is whole."""
    store = SQLiteStore(None)
    told: list[str] = []

    def handler() -> None:
        try:
            store.enqueue([job()])
        except StoreRefused as error:
            told.append(str(error))

    store.enqueue([job()])
    interrupt(handler)
    store.enqueue([job()])
    assert len(told) == 1
    assert "set a flag" in told[0]
    check_consistent(store)
    store.close()


# ---- processes ------------------------------------------------------------------------------------------------------


def test_no_connection_is_open_across_a_fork(sqlite: SQLiteStore, path: Path) -> None:
    """What a child was acknowledged stays when the parent closes meanwhile; another thread's connection is no obstacle."""
    done, close, closed = threading.Event(), threading.Event(), os.pipe()
    written = os.pipe()
    sqlite.enqueue([job()])

    def idle() -> None:
        sqlite.enqueue([job()])
        done.set()
        close.wait()
        sqlite.enqueue([job()])

    def act() -> None:
        sqlite.enqueue([job()])
        os.write(written[1], b"x")
        os.read(closed[0], 1)
        sqlite.enqueue([job() for _ in range(5)])

    thread = threading.Thread(target=idle)
    thread.start()
    done.wait()
    child = fork(act)
    os.read(written[0], 1)
    close.set()
    thread.join()
    sqlite.close()
    assert path.with_name(path.name + "-wal").exists()  # it is the child's, too
    os.write(closed[1], b"x")
    assert status_of(child) == 0
    for end in (*written, *closed):
        os.close(end)
    assert SQLiteStore(path).counts()["q"][JobStatus.QUEUED] == 9


def test_a_fork_waits_for_another_threads_transaction(path: Path) -> None:
    """A fork during another thread's write leaves both sides able to write, and the write is there once."""
    store = SQLiteStore(path, StoreOptions(deadline=5.0))
    inside = threading.Event()

    def write() -> None:
        with store._database.write() as tx:  # pyright: ignore[reportPrivateUsage]
            inside.set()
            time.sleep(0.2)
            tx.db.execute("INSERT INTO paused (name, ends) VALUES ('other', 0)")

    thread = threading.Thread(target=write)
    thread.start()
    inside.wait()
    child = fork(lambda: store.enqueue([job()]))
    thread.join()
    assert status_of(child) == 0
    store.enqueue([job()])
    assert ([*store.paused()], store.queues()) == (["other"], ["q"])
    assert store.counts()["q"][JobStatus.QUEUED] == 2
    store.close()


def test_a_fork_waits_no_longer_than_the_deadline(sqlite: SQLiteStore, path: Path) -> None:
    """Of a transaction that does not end the child must know: it refuses to open the file, where it could lose jobs."""
    inside, end = threading.Event(), threading.Event()

    def write() -> None:
        with sqlite._database.write():  # pyright: ignore[reportPrivateUsage]
            inside.set()
            end.wait()

    def act() -> None:
        for each in (sqlite, SQLiteStore(path)):
            with pytest.raises(StoreRefused, match="forked in the middle of a transaction"):
                each.enqueue([job()])

    thread = threading.Thread(target=write)
    thread.start()
    inside.wait()
    start = time.monotonic()
    child = fork(act)
    assert 0.25 < time.monotonic() - start < 2
    assert status_of(child) == 0
    end.set()
    thread.join()
    sqlite.enqueue([job()])
    assert status_of(fork(lambda: sqlite.enqueue([job()]))) == 0
    assert sqlite.counts()["q"][JobStatus.QUEUED] == 2


def test_forks_while_threads_write(path: Path) -> None:
    """Nothing that was acknowledged to a parent's thread or to a child is lost, and nothing hangs."""
    store = SQLiteStore(path, StoreOptions(deadline=20.0))
    stop, counts = threading.Event(), [0, 0]

    def write(number: int) -> None:
        while not stop.is_set():
            store.enqueue([job()])
            counts[number] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        assert status_of(fork(lambda: [store.enqueue([job()]) for _ in range(3)])) == 0
    stop.set()
    for thread in threads:
        thread.join()
    store.close()
    assert store.counts()["q"][JobStatus.QUEUED] == 30 + sum(counts)
    store.close()


def test_a_fork_leaves_the_memory_store_open() -> None:
    """What is in memory would be gone if it were closed."""
    store = SQLiteStore(None)
    store.enqueue([job()])
    assert status_of(fork(lambda: None)) == 0
    assert store.counts()["q"][JobStatus.QUEUED] == 1
    store.close()


def test_memory_belongs_to_one_process() -> None:
    """A child does not work on a copy of what is in its parent's memory."""
    store = SQLiteStore(None)
    store.enqueue([job()])
    child = os.fork()
    if child == 0:
        status = 1
        try:
            store.queues()
        except StoreRefused:
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    store.close()


def test_patience_ends() -> None:
    """Waiting looks at least once, again and again while there is time, and ends in time."""
    assert sum(1 for _ in patience.patiently(time.monotonic() - 1)) == 1
    start = time.monotonic()
    assert sum(1 for _ in patience.patiently(start + 0.1)) > 2
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("fails", [False, True], ids=["written", "undone"])
def test_a_writer_is_told_that_the_one_before_is_done(path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    """Who waits for the database does so at a bell: it would not look by itself for half a minute."""
    monkeypatch.setattr(patience, "PATIENCE", (30.0, 30.0))
    first, second = (SQLiteStore(path, StoreOptions(deadline=60.0)) for _ in range(2))
    first.open()
    second.open()
    waiting = threading.Thread(target=second.enqueue, args=([job()],), daemon=True)
    with contextlib.suppress(KeyError), first._database.write() as tx:  # pyright: ignore[reportPrivateUsage]
        tx.db.execute("UPDATE meta SET token = token")
        waiting.start()
        until_listened_to(Path(f"{path}-wake") / "writer@")
        if fails:
            raise KeyError
    waiting.join(10)
    assert not waiting.is_alive()
    assert second.counts()["q"][JobStatus.QUEUED] == 1
    first.close()
    second.close()


def test_a_writer_waits_without_a_descriptor_for_the_bell(path: Path) -> None:
    """A process that has no file left to open waits for the database as it always did."""
    first, second = (SQLiteStore(path, StoreOptions(deadline=60.0)) for _ in range(2))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ThreadPoolExecutor(1) as pool:
        first.open()
        pool.submit(second.enqueue, [job()]).result(10)
        try:
            with first._database.write() as tx:  # pyright: ignore[reportPrivateUsage]
                tx.db.execute("UPDATE meta SET token = token")
                resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
                waiting = pool.submit(second.enqueue, [job()])
                with pytest.raises(TimeoutError):
                    waiting.result(0.2)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        waiting.result(10)
    first.close()
    second.close()


def until_listened_to(bell: Path) -> None:
    """A bell that nobody hears cannot be rung."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            os.close(os.open(bell, os.O_WRONLY | os.O_NONBLOCK))
            return
        time.sleep(0.001)
    raise AssertionError(f"nobody listens to {bell.name}")
