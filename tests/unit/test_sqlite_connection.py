"""The SQLite file in good and in bad times (section E of the fault catalogue)."""

import multiprocessing
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from winch.errors import StoreNotFound, StoreRefused, StoreUnavailable
from winch.ids import new_id
from winch.states import JobStatus
from winch.stores.contract import NewJob, StoreOptions, WorkerInfo
from winch.stores.sqlite import SQLiteStore, connection, liveness, schema, transaction
from winch.stores.sqlite.sql import VERSION


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store of a test is."""
    return tmp_path / "jobs.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    """An empty store with a short deadline."""
    store = SQLiteStore(path, StoreOptions(deadline=0.3))
    yield store
    store.close()


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


def test_a_newer_schema_is_refused(store: SQLiteStore, path: Path) -> None:
    """A store of a newer winch is left alone."""
    store.open()
    store.close()
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    with pytest.raises(StoreRefused, match="newer winch"):
        store.open()


def test_an_older_schema_is_migrated(store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrations run forward, each once, and leave the jobs where they are."""
    store.enqueue([job()])
    store.close()
    monkeypatch.setattr(schema, "VERSION", VERSION + 1)
    monkeypatch.setattr(
        schema, "MIGRATIONS", {VERSION + 1: "CREATE TABLE later (one);\nINSERT INTO later VALUES (1);\n"}
    )
    for _ in range(2):
        store.open()
        assert store.counts()["q"][JobStatus.QUEUED] == 1
        store.close()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM later").fetchone() == (1,)
    database.close()


def test_a_migration_that_fails_changes_nothing(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration is one transaction."""
    store.open()
    store.close()
    monkeypatch.setattr(schema, "VERSION", VERSION + 1)
    monkeypatch.setattr(
        schema, "MIGRATIONS", {VERSION + 1: "CREATE TABLE later (one);\nINSERT INTO nowhere VALUES (1);\n"}
    )
    with pytest.raises(sqlite3.OperationalError):
        store.open()
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'later'").fetchall()
    database.close()


def test_somebody_elses_database_is_refused(store: SQLiteStore, path: Path) -> None:
    """A database of another program is not touched."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE customers (name)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(StoreRefused, match="not a winch store"):
        store.enqueue([job()])
    assert path.read_bytes() == before


# ---- faults ---------------------------------------------------------------------------------------------------------


def test_what_is_no_database_is_refused(store: SQLiteStore, path: Path) -> None:
    """A file of another kind is refused, and stays as it is."""
    path.write_text("these are not the bytes you are looking for" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreRefused, match="no SQLite database"):
        store.open()
    assert path.read_bytes() == before


def test_a_damaged_file_is_refused(store: SQLiteStore, path: Path) -> None:
    """Damaged pages are reported with what to do, and never replaced."""
    store.enqueue([job(b"x" * 500) for _ in range(200)])
    store.close()
    content = bytearray(path.read_bytes())
    content[schema.PAGE * 2 :] = b"\xa5" * (len(content) - schema.PAGE * 2)
    path.write_bytes(content)
    with pytest.raises(StoreRefused, match="recover"):
        store.enqueue([job()])


@pytest.mark.parametrize("create", [True, False])
def test_a_place_where_nothing_can_be(path: Path, create: bool) -> None:
    """A folder that cannot be made or looked into is refused, with what to do."""
    path.write_text("no folder")
    with pytest.raises(StoreRefused, match="make the folder writable for this user, or give another place"):
        SQLiteStore(path / "deep" / "jobs.db").open(create=create)


def test_a_full_disk(store: SQLiteStore) -> None:
    """What does not fit is refused as a whole; what was there stays, and small steps go on."""
    store.enqueue([job()])
    database = store._database.session().db  # pyright: ignore[reportPrivateUsage]
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages + 5}")
    with pytest.raises(StoreRefused, match="disk is full"):
        store.enqueue([job(b"x" * 100_000), job()])
    assert store.counts()["q"][JobStatus.QUEUED] == 1
    store.pause("q")
    assert store.paused() == ["q"]


def test_a_file_that_grew_too_large(path: Path) -> None:
    """An I/O error (here the limit on the size of files) is refused, and the file stays sound."""
    script = (
        "import resource, signal, sys\n"
        "from winch.errors import StoreRefused\n"
        "from winch.stores.contract import NewJob\n"
        "from winch.stores.sqlite import SQLiteStore\n"
        "store = SQLiteStore(sys.argv[1])\n"
        "store.enqueue([NewJob('small', 'q', b'x')])\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "try:\n"
        "    store.enqueue([NewJob('large', 'q', b'x' * 900_000)])\n"
        "except StoreRefused as error:\n"
        "    print(error)\n"
        "print(store.counts()['q'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert "reading or writing failed" in done.stdout
    assert "'queued'>: 1" in done.stdout


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_file(store: SQLiteStore, path: Path) -> None:
    """A store that may not be written to is refused."""
    store.open()
    store.close()
    path.chmod(stat.S_IRUSR)
    with pytest.raises(StoreRefused):
        store.enqueue([job()])


def test_a_file_that_was_deleted_or_replaced(store: SQLiteStore, path: Path) -> None:
    """Nothing is written into a file that has no name any more; a store that is closed and opened starts anew."""
    store.enqueue([job()])
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    with pytest.raises(StoreRefused, match="deleted or replaced"):
        store.enqueue([job()])
    assert not path.exists()
    store.close()
    store.open()
    assert store.queues() == []


def test_somebody_holds_the_database(store: SQLiteStore, path: Path) -> None:
    """A writer that does not end makes calls unavailable at their deadline; reading goes on."""
    one = job()
    store.enqueue([one])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    with pytest.raises(StoreUnavailable, match="nothing was written"):
        store.enqueue([job()])
    assert 0.25 < time.monotonic() - start < 2
    assert [record.id for record in store.get([one.id]) if record] == [one.id]
    other.execute("ROLLBACK")
    other.close()
    store.enqueue([job()])
    assert store.counts()["q"][JobStatus.QUEUED] == 2


def test_somebody_holds_the_turnstile(store: SQLiteStore, path: Path) -> None:
    """A process that is stopped at the turnstile keeps nobody longer than to the deadline."""
    fcntl = pytest.importorskip("fcntl")
    store.open()
    with open(f"{path}-lock", "w") as lock:  # noqa: PTH123 - the path is text
        fcntl.flock(lock, fcntl.LOCK_EX)
        start = time.monotonic()
        store.enqueue([job()])  # the lock file is for fairness: SQLite's own lock is what counts
        assert time.monotonic() - start < 2


def test_time_never_goes_back(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is set back stands still for the store, also after it was opened again."""
    before = store.enqueue([job()]).now
    monkeypatch.setattr(transaction.time, "time_ns", lambda: (before - 3_600_000) * 1_000_000)
    assert store.now() == before
    store.close()
    assert store.enqueue([job()]).now == before


def test_time_goes_on_after_a_clock_was_set_back(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """One jump ahead does not stop the store's time: it goes on as fast as the clock does."""
    wall = store.enqueue([job()]).now

    def tick(at: int) -> int:
        monkeypatch.setattr(transaction.time, "time_ns", lambda: (wall + at) * 1_000_000)
        return store.enqueue([job()]).now - wall

    assert [tick(at) for at in (3_600_000, 0, 70, 100)] == [3_600_000, 3_600_000, 3_600_070, 3_600_100]
    store.close()
    assert store.now() == wall + 3_600_100
    assert tick(150) == 3_600_150
    assert tick(4_000_000) == 3_600_150 + 4_000_000 - 150


def test_a_beat_outlives_its_cleaning(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is removed after a beat was written can wait for the next one."""

    def trim(_: object) -> None:
        raise StoreUnavailable("somebody holds the database")

    monkeypatch.setattr(liveness, "trim", trim)
    store.enlist(WorkerInfo("w", "w", "host", "boot", 1, 1, ("q",), "1", 60_000, 10_000, 1))
    assert store.beat("w", 1, []).rescued == ()


def test_an_exception_in_a_transaction_leaves_nothing(store: SQLiteStore) -> None:
    """What is raised inside a call, also from outside it, rolls back, and the next call works."""
    database = store._database  # pyright: ignore[reportPrivateUsage]

    def interrupted() -> None:
        with database.write() as tx:
            tx.db.execute("INSERT INTO queues (name) VALUES ('half')")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert store.queues() == []
    database.session().db.execute("BEGIN")  # as if an exception had come between two lines of ours
    store.enqueue([job()])
    assert store.queues() == ["q"]


# ---- processes ------------------------------------------------------------------------------------------------------


def _writes(path: str) -> None:
    store = SQLiteStore(path)
    while True:
        ids = [new_id() for _ in range(50)]
        store.enqueue([NewJob(each, "q", b"x" * 200) for each in ids])
        store.cancel(ids[0])
        store.delete(ids[1:20])


@pytest.mark.slow
def test_a_killed_writer_leaves_a_sound_file(path: Path) -> None:
    """However often a process is killed while it writes, the file is sound and every call is there whole or not at all."""
    store = SQLiteStore(path)
    store.open()
    context = multiprocessing.get_context("spawn")
    before = 0
    for _ in range(6):
        process = context.Process(target=_writes, args=(str(path),))
        process.start()
        count = sum(store.counts().get("q", {}).values())
        while sum(store.counts().get("q", {}).values()) == count:
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.05))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        with sqlite3.connect(path) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        database.close()
        total = sum(store.counts()["q"].values())
        assert (total - before) % 31 in (0, 50 % 31)  # of 50 that were enqueued 19 were deleted, or not yet
        before = total
        store.enqueue([job(queue="other")])
    store.close()


def _fork(act: Callable[[], object]) -> int:
    """Do something in a child; its process id. It ends with status 0 if nothing was raised."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def _status(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_no_connection_is_open_across_a_fork(store: SQLiteStore, path: Path) -> None:
    """What a child was acknowledged stays when the parent closes meanwhile; another thread's connection is no obstacle."""
    done, close, closed = threading.Event(), threading.Event(), os.pipe()
    written = os.pipe()
    store.enqueue([job()])

    def idle() -> None:
        store.enqueue([job()])
        done.set()
        close.wait()
        store.enqueue([job()])

    def act() -> None:
        store.enqueue([job()])
        os.write(written[1], b"x")
        os.read(closed[0], 1)
        store.enqueue([job() for _ in range(5)])

    thread = threading.Thread(target=idle)
    thread.start()
    done.wait()
    child = _fork(act)
    os.read(written[0], 1)
    close.set()
    thread.join()
    store.close()
    assert path.with_name(path.name + "-wal").exists()  # it is the child's, too
    os.write(closed[1], b"x")
    assert _status(child) == 0
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
            tx.db.execute("INSERT INTO queues (name) VALUES ('other')")

    thread = threading.Thread(target=write)
    thread.start()
    inside.wait()
    child = _fork(lambda: store.enqueue([job()]))
    thread.join()
    assert _status(child) == 0
    store.enqueue([job()])
    assert store.queues() == ["other", "q"]
    assert store.counts()["q"][JobStatus.QUEUED] == 2
    store.close()


def test_a_fork_waits_no_longer_than_the_deadline(store: SQLiteStore, path: Path) -> None:
    """Of a transaction that does not end the child must know: it refuses to open the file, where it could lose jobs."""
    inside, end = threading.Event(), threading.Event()

    def write() -> None:
        with store._database.write():  # pyright: ignore[reportPrivateUsage]
            inside.set()
            end.wait()

    def act() -> None:
        for each in (store, SQLiteStore(path)):
            with pytest.raises(StoreRefused, match="forked in the middle of a transaction"):
                each.enqueue([job()])

    thread = threading.Thread(target=write)
    thread.start()
    inside.wait()
    start = time.monotonic()
    child = _fork(act)
    assert 0.25 < time.monotonic() - start < 2
    assert _status(child) == 0
    end.set()
    thread.join()
    store.enqueue([job()])
    assert _status(_fork(lambda: store.enqueue([job()]))) == 0
    assert store.counts()["q"][JobStatus.QUEUED] == 2


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
        assert _status(_fork(lambda: [store.enqueue([job()]) for _ in range(3)])) == 0
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
    assert _status(_fork(lambda: None)) == 0
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
    """Waiting looks at least once, and ends in time."""
    assert sum(1 for _ in connection.patiently(time.monotonic() - 1)) == 1
    start = time.monotonic()
    assert sum(1 for _ in connection.patiently(start + 0.02)) > 5
    assert time.monotonic() - start < 0.5
