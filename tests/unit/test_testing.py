"""winch.testing: memory, a clock that is moved, inline, drain, enqueued, and the fixtures."""

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from winch import Job, JobStatus, Limit, Queue, Repeat, Retry, RetryLater, current_job, task
from winch.errors import InvalidOption, JobFailed, ResultGone
from winch.stores import open_store
from winch.testing import FakeClock, MemoryStore, drain, enqueued, inline, use_store

emails = Queue("emails", "redis://nowhere.invalid:1")
calls: list[object] = []


def send(name: str) -> str:
    """A function."""
    calls.append(name)
    return f"welcome, {name}"


def fail_once() -> int:
    """Fail in the first attempt."""
    job = current_job()
    assert job
    if job.attempt == 1:
        raise ValueError("not yet")
    return job.attempt


def poll(times: int) -> int:
    """Ask for another attempt some times."""
    job = current_job()
    assert job
    if job.attempt < times:
        raise RetryLater(30)
    return job.attempt


def send_all(*names: str) -> None:
    """A job that makes jobs, also in another queue."""
    for name in names:
        emails.enqueue(send, name)
    Queue("other", "redis://nowhere.invalid:1").enqueue(send, "other")


@task("tasks")
def remind(name: str) -> str:
    """A task."""
    return name


def sign_up(name: str) -> Job[str]:
    """The code of an application."""
    return emails.enqueue(send, name)


@pytest.fixture(autouse=True)
def no_calls() -> None:
    """Each test begins without any."""
    calls.clear()


# ---- the store ------------------------------------------------------------------------------------------------------


def test_every_queue_is_in_memory(winch_store: MemoryStore, winch_queue: Queue) -> None:
    """Whatever its connection: no server is asked."""
    job = sign_up("ada")
    assert emails.connection is winch_queue.connection is remind.queue.connection is winch_store
    assert Job.exists(job.id)
    assert job.is_queued


def test_each_test_has_its_own(winch_store: MemoryStore) -> None:
    """What the test before has left is gone."""
    assert winch_store.counts() == {}


def test_a_store_that_was_given_is_kept(tmp_path: Path) -> None:
    """A queue that has a Store object stays there, and afterwards every queue is where it was."""
    kept = open_store(f"sqlite:///{tmp_path / 'jobs.db'}")
    with use_store(kept) as outer, use_store() as memory:
        assert Queue("q", kept).connection is kept
        assert Queue("q").connection is memory is not outer
    assert Queue("q", kept.url).connection is kept
    kept.close()


# ---- the clock ------------------------------------------------------------------------------------------------------


def test_time_stands_still(winch_clock: FakeClock, winch_store: MemoryStore) -> None:
    """Until it is moved; the store's time is the clock's."""
    before = winch_clock.now()
    assert winch_store.now() == winch_store.clock() == winch_clock()
    assert winch_clock.advance("1h") == before + timedelta(hours=1) == winch_clock.now()
    assert winch_clock.move_to(before + timedelta(days=1)) == before + timedelta(days=1)
    assert winch_store.now() == winch_clock()
    assert sign_up("ada").created_at == winch_clock.now()


def test_time_does_not_go_back(winch_clock: FakeClock) -> None:
    """Neither by a step nor to a time."""
    with pytest.raises(InvalidOption, match="does not go back"):
        winch_clock.advance(-1)
    with pytest.raises(InvalidOption, match="does not go back"):
        winch_clock.move_to(datetime(2020, 1, 1, tzinfo=UTC))


def test_any_time_can_be_the_first(winch_store: MemoryStore) -> None:
    """Past or future; a scheduled time is one of this clock."""
    for year in (1999, 2099):
        start = datetime(year, 12, 31, 23, 59, tzinfo=UTC)
        with use_store(MemoryStore(FakeClock(start))):
            job = emails.enqueue_at(start + timedelta(minutes=2), send, "ada")
            assert (job.created_at, job.due_at) == (start, start + timedelta(minutes=2))
            assert [each.ended_at for each in drain(until="5m")] == [start + timedelta(minutes=2)]


def test_jobs_expire_as_time_passes(winch_clock: FakeClock) -> None:
    """A result is kept for 500 s of the clock's time, and a job with a `ttl` waits no longer."""
    job = emails.enqueue(send, "ada")
    drain()
    late = emails.enqueue(send, "bob", ttl=60)
    winch_clock.advance(499)
    assert job.is_finished
    winch_clock.advance(1)
    assert not Job.exists(job.id)
    assert drain() == []
    assert late.is_canceled


# ---- inline ---------------------------------------------------------------------------------------------------------


def test_inline() -> None:
    """Every queue runs its jobs at once, in memory; afterwards none does."""
    with inline() as store:
        assert sign_up("ada").result() == "welcome, ada"
        assert remind.delay("bob").result() == "bob"
        assert (emails.is_async, emails.connection) == (False, store)
    assert emails.is_async
    assert calls == ["ada"]


def test_inline_fixture(winch_inline: MemoryStore, winch_clock: FakeClock) -> None:
    """The same as a fixture, with the clock; what is due later is drained."""
    assert sign_up("ada").result() == "welcome, ada"
    later = emails.enqueue_in("1h", send, "bob")
    assert later.is_scheduled
    assert [job.result() for job in drain(until="1h")] == ["welcome, bob"]
    assert winch_inline.time is winch_clock


def test_inline_in_other_threads(winch_inline: MemoryStore) -> None:
    """The code under test may have threads of its own."""
    threads = [threading.Thread(target=sign_up, args=(str(number),)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, calls)) == ["0", "1", "2", "3", "4"]


# ---- drain and enqueued ---------------------------------------------------------------------------------------------


def test_what_was_enqueued(winch_store: MemoryStore) -> None:
    """Of a function, of a queue, or all; what has ended is not among it."""
    sign_up("ada")
    emails.enqueue_in(60, send, "bob")
    parent = emails.enqueue(send_all, "x")
    emails.enqueue(send, "eve", depends_on=parent)
    remind.delay("carl")
    assert [job.args for job in enqueued(send)] == [("ada",), ("bob",), ("eve",)]
    assert [job.args for job in enqueued(remind)] == [("carl",)]
    assert [job.args for job in enqueued(f"{__name__}.send")] == [("ada",), ("bob",), ("eve",)]
    assert [job.func_name for job in enqueued(where=Queue("tasks"))] == [f"{__name__}.remind"]
    assert len(enqueued()) == 5
    drain()
    assert [job.get_status() for job in enqueued()] == [JobStatus.SCHEDULED]


def test_drain(winch_store: MemoryStore) -> None:
    """What is ready runs, with what it enqueues and who waits for it; the jobs are told in the order in which they began."""
    all_of_them = emails.enqueue(send_all, "ada", "bob")
    child = emails.enqueue(send, "eve", depends_on=all_of_them)
    assert drain()[0] == all_of_them
    assert sorted(map(str, calls)) == ["ada", "bob", "eve", "other"]
    assert child.result() == "welcome, eve"
    assert drain() == []


def test_drain_one_queue(winch_store: MemoryStore) -> None:
    """Others are left alone."""
    sign_up("ada")
    waiting = remind.delay("bob")
    assert [job.result() for job in drain(emails)] == ["welcome, ada"]
    assert waiting.is_queued


def test_drain_many_children(winch_store: MemoryStore) -> None:
    """More than one call of the store can tell."""
    parent = emails.enqueue(send, "ada")
    for number in range(250):
        emails.enqueue(send, str(number), depends_on=parent)
    parent.cancel()
    last = emails.enqueue(send, "last")
    assert drain() == [last]
    assert enqueued() == []


def test_a_retry_waits_for_its_time(winch_store: MemoryStore) -> None:
    """With `until` the clock goes from one due time to the next, and stands there in the end."""
    start = winch_store.time.now()
    retried = emails.enqueue(fail_once, retry=Retry(3, "5m"))
    repeated = emails.enqueue(send, "ada", repeat=Repeat(2, "1h"))
    assert [job.get_status() for job in drain()] == ["scheduled", "scheduled"]
    ran = drain(until="90m")
    assert [job.id for job in ran] == [retried.id, repeated.id]
    assert (ran[0].result(), ran[0].ended_at) == (2, start + timedelta(minutes=5))
    assert (calls, ran[1].repeats_left) == (["ada", "ada"], 0)  # the third waits for its time
    assert winch_store.time.now() == start + timedelta(minutes=90)
    with pytest.raises(ResultGone):
        retried.result()  # 500 s after its end


def test_drain_until_a_time(winch_store: MemoryStore) -> None:
    """What is due exactly then runs, what is due later does not."""
    at = winch_store.time.now() + timedelta(hours=1)
    due, later = emails.enqueue_at(at, send, "ada"), emails.enqueue_at(at + timedelta(seconds=1), send, "bob")
    assert drain(until=at) == [due]
    assert later.is_scheduled
    polled = emails.enqueue(poll, 4)
    assert drain(until=90) == [polled, later]
    assert polled.result() == 4


def test_limits_have_room_again_as_time_passes(winch_store: MemoryStore) -> None:
    """A rate lets two start, and the others when their tokens come."""
    for number in range(4):
        emails.enqueue(send, str(number), limits=Limit("k", rate=2, per="1m"))
    assert [job.args for job in drain()] == [("0",), ("1",)]
    assert [job.get_status() for job in enqueued(send)] == [JobStatus.BLOCKED] * 2
    assert [job.args for job in drain(until="30s")] == [("2",)]
    assert [job.args for job in drain(until="30s")] == [("3",)]


def test_errors_are_the_jobs(winch_store: MemoryStore) -> None:
    """`drain` raises none; the result does."""
    job = emails.enqueue(fail_once)
    [ran] = drain()
    assert ran == job
    with pytest.raises(JobFailed, match="not yet"):
        ran.result()


def test_drain_elsewhere(store_url: str) -> None:
    """Any store can be drained; only that in memory can have its time moved."""
    store = open_store(store_url)
    job = Queue("q", store).enqueue(send, "ada")
    with pytest.raises(InvalidOption, match="MemoryStore"):
        drain(store, until=5)
    assert drain(store) == []
    assert job.result() == "welcome, ada"
    store.close()


# ---- the plugin -----------------------------------------------------------------------------------------------------


def test_the_plugin_loads_nothing() -> None:
    """A test suite that does not use winch pays nothing for it."""
    script = (
        "import sys; import pytest; before = set(sys.modules); import winch.testing.plugin; "
        "print(sorted(name for name in set(sys.modules) - before if not name.startswith('importlib')))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "['winch', 'winch.loading', 'winch.testing', 'winch.testing.plugin']"


TEST = """
from winch import Queue
from winch.testing import drain, enqueued


def double(number):
    return number * 2


def test_it(winch_store, winch_queue, winch_clock):
    job = winch_queue.enqueue(double, 2)
    assert enqueued(double) == [job]
    assert drain() == [job]
    assert job.result() == 4


def test_inline(winch_inline):
    assert Queue("any").enqueue(double, 3).result() == 6
"""


def test_in_a_project_of_its_own(tmp_path: Path) -> None:
    """The fixtures are found by the package's entry point, and a job may be a function of the test's own module."""
    (tmp_path / "test_double.py").write_text(TEST)
    arguments = ["-q", "-p", "no:cacheprovider", "-W", "error", "--rootdir", ".", "-c", "none.ini"]
    (tmp_path / "none.ini").write_text("[pytest]\n")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 passed" in run.stdout
    assert not (tmp_path / ".winch").exists()


def test_without_a_fixture_nothing_is_replaced() -> None:
    """The stand-in ends with the test that asked for it."""
    assert emails.is_async
    assert Queue("q", "sqlite://").connection is open_store("sqlite://")
