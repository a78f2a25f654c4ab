"""The SQLite file in bad times: section E of the fault catalogue, rows 57 to 65.

Row 62, the loss of power, cannot be provoked without a block device that forgets; SQLite's own promise has to do: with
`synchronous=normal` (the default) the last commits may be lost and nothing is damaged, with `full` nothing is lost.
"""

import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.helpers import Boss, eventually, lane, outcome
from tests.forks import fork, status_of
from winch.errors import StoreRefused, StoreUnavailable
from winch.ids import new_id
from winch.states import JobStatus
from winch.stores.contract import NewJob, StoreOptions, WorkerInfo
from winch.stores.sqlite import SQLiteStore, liveness, schema
from winch.stores.sqlite.faults import StoreFull

NOBODY = 65534


def job(payload: bytes = b"payload", queue: str = "q") -> NewJob:
    """A new job."""
    return NewJob(new_id(), queue, payload)


def connection_of(store: SQLiteStore) -> sqlite3.Connection:
    """The connection that the store uses in this thread."""
    return store._database.session().db  # pyright: ignore[reportPrivateUsage]


def assert_sound(path: Path) -> None:
    """SQLite finds nothing wrong with the file."""
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def in_a_child(act: Callable[[], object]) -> int:
    """Do something in a child process; its exit code: 0 if nothing was raised, less than 0 if it was killed."""
    return status_of(fork(act))


# ---- somebody else writes: rows 57 and 58 ---------------------------------------------------------------------------


def test_a_call_has_the_lock_before_it_reads(sqlite: SQLiteStore, path: Path) -> None:
    """No reader becomes a writer, which SQLite would refuse at once and in vain: a call that writes begins as a writer."""
    sqlite.enqueue([job()])
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
        database = sqlite._database  # pyright: ignore[reportPrivateUsage]
        with database.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")


def test_calls_that_read_before_they_write(path: Path) -> None:
    """Calls of several threads that decide by what they read all come through: none meets a database that has changed."""
    store = SQLiteStore(path)
    jobs = [[job() for _ in range(30)] for _ in range(4)]
    for mine in jobs:
        store.enqueue(mine)
    refused: list[BaseException] = []

    def work(mine: list[NewJob]) -> None:
        try:
            for each in mine:
                store.cancel(each.id)
                store.requeue(each.id)
        except BaseException as error:
            refused.append(error)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == []
    assert store.counts()["q"][JobStatus.QUEUED] == 120
    store.close()


def test_somebody_holds_the_database(sqlite: SQLiteStore, path: Path) -> None:
    """A writer that does not end makes calls unavailable at their deadline; reading goes on."""
    one = job()
    sqlite.enqueue([one])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    with pytest.raises(StoreUnavailable, match="nothing was written"):
        sqlite.enqueue([job()])
    assert 0.25 < time.monotonic() - start < 2
    assert [record.id for record in sqlite.get([one.id]) if record] == [one.id]
    other.execute("ROLLBACK")
    other.close()
    sqlite.enqueue([job()])
    assert sqlite.counts()["q"][JobStatus.QUEUED] == 2


def test_somebody_holds_the_turnstile(sqlite: SQLiteStore, path: Path) -> None:
    """A process that is stopped at the turnstile keeps nobody longer than to the deadline."""
    fcntl = pytest.importorskip("fcntl")
    sqlite.open()
    with open(f"{path}-lock", "w") as lock:  # noqa: PTH123 - the path is text
        fcntl.flock(lock, fcntl.LOCK_EX)
        start = time.monotonic()
        sqlite.enqueue([job()])  # the lock file is for fairness: SQLite's own lock is what counts
        assert time.monotonic() - start < 2


# ---- no space: rows 59 and 60 ---------------------------------------------------------------------------------------


def fill(store: SQLiteStore) -> None:
    """From here on the file may not grow."""
    database = connection_of(store)
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages}")


def free(store: SQLiteStore) -> None:
    """The file may grow again."""
    connection_of(store).execute(f"PRAGMA max_page_count = {2**30}")


def test_a_full_disk(sqlite: SQLiteStore) -> None:
    """What does not fit is refused as a whole; what was there stays, and small steps go on."""
    sqlite.enqueue([job()])
    fill(sqlite)
    with pytest.raises(StoreRefused, match="disk is full"):
        sqlite.enqueue([job(b"x" * 100_000), job()])
    assert sqlite.counts()["q"][JobStatus.QUEUED] == 1
    sqlite.pause("q")
    assert sqlite.paused() == {"q": 0}
    free(sqlite)
    sqlite.enqueue([job(b"x" * 100_000), job()])


@pytest.mark.parametrize("verb", ["turn", "retire"])
def test_a_full_disk_settles_without_results(sqlite: SQLiteStore, verb: str) -> None:
    """Outcomes are recorded although there is no space for the result and for the text of the error."""
    kept, failed = job(), job()
    sqlite.enqueue([kept, failed])
    executor = lane(sqlite)
    claims = executor.claim()
    fill(sqlite)
    outcomes = [
        outcome(claims[0], result=b"r" * 100_000, run=7),
        outcome(claims[1], "failed", reason="raised", detail=b"d" * 100_000),
    ]
    if verb == "turn":
        assert executor.turn(*outcomes).late == ()
    else:
        assert executor.retire(outcomes=outcomes) == ((), (), ())
    free(sqlite)
    finished, raised = sqlite.get([kept.id, failed.id])
    assert finished is not None
    assert raised is not None
    assert (finished.state, finished.result, finished.ended_at - finished.started_at) == (JobStatus.FINISHED, b"", 7)
    assert (raised.state, raised.reason, len(raised.history)) == (JobStatus.FAILED, "raised", 1)


def test_a_full_disk_keeps_errors_before_results(sqlite: SQLiteStore) -> None:
    """Where it is enough to drop results, what is told of errors is kept."""
    sqlite.enqueue([job(), job()])
    executor = lane(sqlite)
    claims = executor.claim()
    fill(sqlite)
    executor.turn(
        outcome(claims[0], result=b"r" * 100_000), outcome(claims[1], "failed", reason="raised", detail=b"told")
    )
    [failed] = sqlite.list("q", JobStatus.FAILED)
    [record] = sqlite.get([failed])
    assert record is not None
    assert [attempt.detail for attempt in record.history] == [b"told"]


def test_what_could_not_be_settled_is_settled_later(sqlite: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn for which there is no space at all changes nothing; the identical call is taken once there is."""
    one = job()
    sqlite.enqueue([one])
    executor = lane(sqlite)
    claim = executor.one()
    database = sqlite._database  # pyright: ignore[reportPrivateUsage]
    with monkeypatch.context() as patch:
        patch.setattr(database, "write", lambda: _raise(StoreFull("the disk is full")))
        with pytest.raises(StoreRefused, match="full"):
            executor.turn(outcome(claim, result=b"42"))
    [record] = sqlite.get([one.id])
    assert record is not None
    assert record.state is JobStatus.STARTED
    assert executor.again(outcome(claim, result=b"42")).late == ()
    [record] = sqlite.get([one.id])
    assert record is not None
    assert (record.state, record.result) == (JobStatus.FINISHED, b"42")


def _raise(error: Exception) -> None:
    raise error


def test_a_turn_that_only_claims_is_told_of_a_full_disk(sqlite: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has nothing to settle is refused rather than answered nothing: else it would come back at once."""
    sqlite.enqueue([job()])
    executor = lane(sqlite)
    database = sqlite._database  # pyright: ignore[reportPrivateUsage]
    calls: list[None] = []
    with monkeypatch.context() as patch:
        patch.setattr(database, "write", lambda: (calls.append(None), _raise(StoreFull("the disk is full"))))
        with pytest.raises(StoreFull):
            executor.turn(room=1)
    assert len(calls) == 1


def test_a_full_disk_lets_workers_live(sqlite: SQLiteStore) -> None:
    """A beat for whose cleaning and counting there is no space is taken all the same."""
    sqlite.enqueue([NewJob(new_id(), f"queue-{n}-{'x' * 100}", b"x") for n in range(50)])
    boss = Boss(sqlite, queues=("q",))
    fill(sqlite)
    sampled = "SELECT count(*) FROM metrics WHERE series = 'depth'"
    assert boss.beat().rescued == ()
    assert connection_of(sqlite).execute(sampled).fetchone() == (0,)
    free(sqlite)
    boss.beat()
    assert connection_of(sqlite).execute(sampled).fetchone() == (50,)


def test_a_journal_that_cannot_grow(path: Path) -> None:
    """Where there is no space for more journal it is emptied into the file and filled anew, and outcomes are settled.

    The limit on the size of files stands for the full disk.
    """
    one = job()
    store = SQLiteStore(path)
    store.enqueue([one])
    executor = lane(store)
    claim = executor.one()
    store.close()
    assert path.stat().st_size > 50_000  # the journal was emptied into it

    def settle() -> None:
        connection_of(store).execute("PRAGMA wal_autocheckpoint = 0")
        journal = path.with_name(path.name + "-wal")
        while not journal.exists() or journal.stat().st_size <= path.stat().st_size:
            store.pause("q")
            store.resume("q")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = journal.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        assert executor.turn(outcome(claim, result=b"r" * 100)).late == ()
        assert journal.stat().st_size == size

    assert in_a_child(settle) == 0
    [record] = store.get([one.id])
    assert record is not None
    assert record.state is JobStatus.FINISHED
    assert_sound(path)
    store.close()


FULL_DISK = """
import sys
from pathlib import Path
from tests.contract.helpers import job, lane, outcome
from winch.errors import StoreError
from winch.stores.sqlite import SQLiteStore

folder = Path(sys.argv[1])
store = SQLiteStore(folder / "jobs.db")
store.enqueue([job(b"p" * 200) for _ in range(100)])
executor = lane(store)
claims = executor.claim(20)
store.close()  # empties the journal into the file
SQLiteStore(folder / "jobs.db").open()
with (folder / "ballast").open("wb", buffering=0) as ballast:
    try:
        while True:
            ballast.write(b"x" * 1024)
    except OSError as error:
        print(error)
try:
    store.enqueue([job(b"x" * 100_000)])
except StoreError as error:
    print(error)
assert len(store.list("q", "queued", limit=1000)) == 80
try:
    executor.turn(*(outcome(claim, result=b"r" * 10_000) for claim in claims))
except StoreError as error:
    print(error)
    assert len(store.list("q", "started")) == 20
(folder / "ballast").unlink()
assert executor.again(*(outcome(claim, result=b"r" * 10_000) for claim in claims)).late == ()
assert len(store.list("q", "finished")) == 20
store.enqueue([job(b"x" * 100_000)])
"""


@pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode != 0
    if shutil.which("unshare")
    else True,
    reason="needs a mount namespace of its own; the tests above do without",
)
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """On a file system without a free block nothing is written in part, and all goes on once there is space."""
    mounted = 'mount -t tmpfs -o size=600k none "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mounted, "sh", tmp_path, sys.executable, FULL_DISK],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No space left on device" in done.stdout
    assert "the disk is full. Nothing was written" in done.stdout


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
    assert_sound(path)


# ---- killed: row 61 -------------------------------------------------------------------------------------------------


def write_for_ever(path: Path) -> None:
    """Enqueue, cancel and delete until somebody kills this process."""
    store = SQLiteStore(path)
    while True:
        jobs = [job(b"x" * 200) for _ in range(50)]
        store.enqueue(jobs)
        store.cancel(jobs[0].id)
        store.delete([each.id for each in jobs[1:20]])


@pytest.mark.slow
@pytest.mark.parametrize("synchronous", ["normal", "full"])
def test_a_killed_writer_leaves_a_sound_file(path: Path, synchronous: str) -> None:
    """However often a process is killed while it writes, the file is sound and every call is there whole or not at all."""
    store = SQLiteStore(path, StoreOptions(extra={"synchronous": synchronous}))
    store.open()

    def count() -> int:
        return sum(store.counts().get("q", {}).values())

    for _ in range(20):
        before = count()
        child = fork(lambda: write_for_ever(path))
        eventually(lambda before=before: count() > before)
        time.sleep(random.uniform(0, 0.03))  # into the midst of some later write
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert_sound(path)
        assert (count() - before) % 31 in (0, 50 % 31)  # of 50 that were enqueued 19 were deleted, or not yet
        store.enqueue([job(queue="other")])
    store.close()


# ---- damaged, deleted, replaced: rows 63 and 64 ---------------------------------------------------------------------


def test_what_is_no_database_is_refused(sqlite: SQLiteStore, path: Path) -> None:
    """A file of another kind is refused, and stays as it is."""
    path.write_text("these are not the bytes you are looking for" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreRefused, match="no SQLite database"):
        sqlite.open()
    assert path.read_bytes() == before


@pytest.mark.parametrize("at", [0, schema.PAGE * 2], ids=["header", "pages"])
def test_a_damaged_file_is_refused(sqlite: SQLiteStore, path: Path, at: int) -> None:
    """A damaged header and damaged pages are reported with what to do; the file is never replaced and stays as it is."""
    sqlite.enqueue([job(b"x" * 500) for _ in range(200)])
    sqlite.close()
    content = bytearray(path.read_bytes())
    end = len(content) if at else 100
    content[at:end] = b"\xa5" * (end - at)
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(StoreRefused, match="recover" if at else "no SQLite database"):
            sqlite.enqueue([job()])
    sqlite.close()
    assert path.read_bytes() == content


def test_damage_to_a_file_in_use(sqlite: SQLiteStore, path: Path) -> None:
    """Pages that are damaged while the store is open are reported too, not only when it is opened."""
    sqlite.enqueue([job(b"x" * 500) for _ in range(200)])
    connection_of(sqlite).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(schema.PAGE * 2)
        file.write(b"\xa5" * (size - schema.PAGE * 2))
    connection_of(sqlite).execute("PRAGMA shrink_memory")  # SQLite reads again
    with pytest.raises(StoreRefused, match="recover"):
        sqlite.list("q", JobStatus.QUEUED)


@pytest.mark.parametrize("is_replaced", [False, True], ids=["deleted", "replaced"])
def test_a_file_that_was_deleted_or_replaced(
    sqlite: SQLiteStore, path: Path, tmp_path: Path, is_replaced: bool
) -> None:
    """Nothing is written into a file that has no name any more; a store that is closed and opened starts anew."""
    sqlite.enqueue([job()])
    executor = lane(sqlite)
    claim = executor.one()
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    if is_replaced:
        another = SQLiteStore(tmp_path / "another.db")
        another.enqueue([job(queue="restored")])
        another.close()
        (tmp_path / "another.db").rename(path)
    calls: list[Callable[[], object]] = [
        lambda: sqlite.enqueue([job()]),
        lambda: executor.turn(outcome(claim)),
        executor.worker.beat,
        sqlite.counts,
    ]
    for call in calls * 2:
        with pytest.raises(StoreRefused, match="deleted or replaced"):
            call()
    assert path.exists() is is_replaced
    sqlite.close()
    sqlite.open()
    assert sqlite.queues() == (["restored"] if is_replaced else [])


# ---- places: row 65 (forks are in test_sqlite_connection.py) --------------------------------------------------------


@pytest.mark.parametrize("create", [True, False])
def test_a_place_where_nothing_can_be(path: Path, create: bool) -> None:
    """A folder that cannot be made or looked into is refused, with what to do."""
    path.write_text("no folder")
    with pytest.raises(
        StoreRefused, match="make the folder and its files writable for this user, or give another place"
    ):
        SQLiteStore(path / "deep" / "jobs.db").open(create=create)


@pytest.mark.parametrize("what", ["file", "folder", "new"])
def test_a_place_that_is_read_only(what: str) -> None:
    """A file or a folder that may not be written to is refused, with what to do, and the file stays as it is."""
    folder = Path(tempfile.mkdtemp())  # pytest's own is closed to other users
    store = SQLiteStore(folder / "jobs.db", StoreOptions(deadline=0.3))
    if what != "new":
        store.enqueue([job()])
        store.close()
    if what == "file":
        (folder / "jobs.db").chmod(0o444)
    folder.chmod(0o777 if what == "file" else 0o555)
    before = [each.read_bytes() for each in folder.glob("*.db")]

    def write() -> None:
        if os.getuid() == 0:  # nothing is read-only for root
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        with pytest.raises(StoreRefused, match=r"Let this user|make the folder and its files writable|may write to it"):
            store.enqueue([job()])

    try:
        assert in_a_child(write) == 0
        assert [each.read_bytes() for each in folder.glob("*.db")] == before
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_an_old_sqlite_is_refused(sqlite: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library without RETURNING is told apart before anything is written."""
    monkeypatch.setattr(schema.sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(StoreRefused, match=r"needs SQLite 3\.35 or newer"):
        sqlite.open()


# ---- what else may come in between ----------------------------------------------------------------------------------


def test_a_beat_outlives_its_cleaning(sqlite: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is removed after a beat was written can wait for the next one."""

    def trim(_: object) -> None:
        raise StoreUnavailable("somebody holds the database")

    monkeypatch.setattr(liveness, "trim", trim)
    sqlite.enlist(WorkerInfo("w", "w", "host", "boot", 1, 1, ("q",), "1", 60_000, 10_000, 1))
    assert sqlite.beat("w", 1, []).rescued == ()


def test_an_exception_in_a_transaction_leaves_nothing(sqlite: SQLiteStore) -> None:
    """What is raised inside a call, also from outside it, rolls back, and the next call works."""
    database = sqlite._database  # pyright: ignore[reportPrivateUsage]

    def interrupted() -> None:
        with database.write() as tx:
            tx.db.execute("INSERT INTO paused (name, ends) VALUES ('half', 0)")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sqlite.paused() == {}
    database.session().db.execute("BEGIN")  # as if an exception had come between two lines of ours
    sqlite.enqueue([job()])
    assert sqlite.queues() == ["q"]
