"""Sections D and F of the fault catalogue: bad code, bad data and forged jobs, through real workers."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from redis import Redis

from tests.contract.helpers import Boss, outcome
from tests.integration import catalogue_tasks, tasks
from tests.integration.conftest import ROOT, StartWorker, eventually, lines
from winch import Callback, Dependency, Job, JobFailed, Queue, Retry, codec
from winch.errors import DecodeError, DuplicateJob, PayloadTooLarge, UnknownDependency
from winch.ids import new_id
from winch.options import RunOptions
from winch.states import JobStatus
from winch.stores.contract import NewJob
from winch.worker import Worker

pytestmark = [pytest.mark.integration, pytest.mark.slow]

one_store = pytest.mark.parametrize(
    "store_url", [pytest.param("sqlite", marks=pytest.mark.sqlite)], indirect=True
)  # what becomes of bytes does not depend on where they were


def failure(job: Job[Any]) -> JobFailed:
    """How a job failed."""
    with pytest.raises(JobFailed) as caught:
        job.result(timeout=20)
    return caught.value


def forge(queue: Queue, payload: bytes) -> Job[Any]:
    """A job whose payload somebody wrote who is not winch."""
    new = NewJob(id=new_id(), queue=queue.name, payload=payload)
    queue.connection.enqueue((new,))
    return Job.fetch(new.id, queue.connection)


# ---- code ----

BAD_MODULES = {
    "raises_at_import": "raise RuntimeError('not today')",
    "exits_at_import": "import sys; sys.exit(3)",
    "hangs_at_import": "while True: pass",
    "sleeps_at_import": "import time; time.sleep(600)",
    "segfaults_at_import": "import ctypes; ctypes.string_at(0)",
    "needs_a_module": "import no_such_module_at_all",
    "is_no_python": "def f(:",
}


@one_store
@pytest.mark.parametrize("settings", [{}, {"isolation": "fork"}], ids=["none", "fork"])
def test_modules_that_cannot_be_imported(
    queue: Queue, start_worker: StartWorker, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """An import that raises, exits, hangs or crashes fails its own job with its traceback, as often as the policy says."""
    for name, text in BAD_MODULES.items():
        (tmp_path / f"{name}.py").write_text(text + "\n")
    jobs = {name: queue.enqueue(f"{name}.f", job_timeout=0.5, retry=1) for name in BAD_MODULES}
    neighbour = queue.enqueue(tasks.add, 1, 1)
    worker = start_worker(burst=True, paths=(str(ROOT), str(tmp_path)), **settings)
    assert worker.wait(50) == 0
    errors = {name: failure(job) for name, job in jobs.items()}
    assert {name: error.reason for name, error in errors.items()} == {
        "raises_at_import": "raised",
        "exits_at_import": "raised",
        "hangs_at_import": "timeout",
        "sleeps_at_import": "timeout",
        "segfaults_at_import": "crashed",
        "needs_a_module": "raised",
        "is_no_python": "raised",
    }
    assert {error.attempts for name, error in errors.items() if name != "segfaults_at_import"} == {2}
    assert "not today" in errors["raises_at_import"].traceback
    assert errors["needs_a_module"].is_a(ImportError)
    assert neighbour.result(timeout=0) == 2


@one_store
def test_code_that_changed_since_the_enqueue(queue: Queue, start_worker: StartWorker) -> None:
    """Another signature is a TypeError, a function that is gone an AttributeError: failures like any other, told in words."""
    worker = start_worker(burst=True)
    signature = queue.enqueue("tests.integration.catalogue_tasks.takes_two", 1)
    gone = queue.enqueue("tests.integration.catalogue_tasks.was_renamed")
    assert worker.wait() == 0
    assert failure(signature).is_a(TypeError)
    assert "missing 1 required positional argument: 'b'" in failure(signature).message
    assert failure(gone).is_a(AttributeError)
    assert "was renamed, or this is older code" in failure(gone).message


def test_a_payload_of_a_newer_winch_is_left_for_a_newer_worker(queue: Queue, start_worker: StartWorker) -> None:
    """It is put back unread, neither failed nor counted; what stands behind it runs."""
    newer = [
        forge(queue, b"\x02from the future"),
        forge(
            queue, b"\x01" + ormsgpack.packb(["a.f", ormsgpack.packb({"colour": "red"}), ormsgpack.packb([[], None])])
        ),
    ]
    behind = queue.enqueue(tasks.add, 1, 1)
    worker = start_worker()
    assert behind.result(timeout=20) == 2
    for job in newer:
        eventually(lambda job=job: job.get_status() == "scheduled")
        record = queue.connection.get([job.id])[0]
        assert record is not None
        assert (record.fails, record.crashes) == (0, 0)
    assert worker.log.count("newer winch") == 1


# ---- bytes ----

JUNK = [
    b"",
    b"\x00",
    b"\x01",
    b"\x01\xff",
    b"\xffjunk" * 100,
    b"\x01" + ormsgpack.packb([]),
    b"\x01" + ormsgpack.packb([1, 2, 3]),
    b"\x01" + ormsgpack.packb(["a.f", [], b""]),
    b"\x01" + ormsgpack.packb(["a.f", {}, b""]),
    b"\x01" + ormsgpack.packb(["a.f", ormsgpack.packb({"timeout": "soon"}), ormsgpack.packb([[], None])]),
    b"\x01" + ormsgpack.packb(["a.f", ormsgpack.packb({"timeout": -1e300}), ormsgpack.packb([[], None])]),
    b"\x01" + ormsgpack.packb(["a.f", ormsgpack.packb({"retry": False}), ormsgpack.packb([[], None])]),
    b"\x01" + ormsgpack.packb(["a.f", ormsgpack.packb({"retry": [1e9, [], 1, 2, 3, 4]}), ormsgpack.packb([[], None])]),
    b"\x01" + ormsgpack.packb(["a.f", None, b"\xdd\xff\xff\xff\xff"]),
    b"\x01" + ormsgpack.packb(["a.f", None, b"\x91" * 5000]),
    codec.dumps_call("tests.integration.tasks.add", (1, 2), {})[:-1],
    codec.dumps_call("tests.integration.tasks.add", (1, 2), {}) + b"\x00",
]


@pytest.mark.parametrize("settings", [{}, {"isolation": "fork"}, {"threads": 2}], ids=["none", "fork", "threads"])
@one_store
def test_bytes_that_are_no_job_are_set_aside(queue: Queue, start_worker: StartWorker, settings: dict[str, Any]) -> None:
    """Junk fails as undecodable with its bytes kept; no executor dies of it, and its neighbours finish."""
    jobs = [(forge(queue, junk), queue.enqueue(tasks.add, 1, n)) for n, junk in enumerate(JUNK)]
    worker = start_worker(burst=True, **settings)
    assert worker.wait(40) == 0
    for n, (bad, neighbour) in enumerate(jobs):
        assert neighbour.result(timeout=0) == n + 1
        record = queue.connection.get([bad.id])[0]
        assert record is not None
        assert (record.state, record.reason, record.crashes) == (JobStatus.FAILED, "undecodable", 0)
        assert record.payload == JUNK[n]
    assert "executor" not in worker.log.replace("executors", "")


@one_store
def test_sizes_around_the_limits(queue: Queue, start_worker: StartWorker) -> None:
    """A megabyte of arguments or result is kept, one byte more is refused: at enqueue, or as a failure that is not retried."""
    overhead = len(codec.dumps_call("tests.integration.catalogue_tasks.takes_two", (b"", 0), {})) + 8
    largest = queue.enqueue(catalogue_tasks.takes_two, b"x" * (1_000_000 - overhead), 0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(PayloadTooLarge, match="1,000,000"):
        queue.enqueue(catalogue_tasks.takes_two, b"x" * 1_000_000, 0)  # pyright: ignore[reportArgumentType]
    fits = queue.enqueue(catalogue_tasks.return_size, 1_000_000 - 5)
    too_large = queue.enqueue(catalogue_tasks.return_size, 1_000_000, retry=3)
    assert start_worker(burst=True).wait() == 0
    assert failure(largest).is_a(TypeError)  # it has arrived: bytes and a number cannot be added
    assert len(fits.result(timeout=0)) == 1_000_000 - 5
    error = failure(too_large)
    assert (error.attempts, error.is_a(PayloadTooLarge)) == (1, True)


@one_store
@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_results_that_cannot_be_kept(queue: Queue, start_worker: StartWorker, isolation: str) -> None:
    """A lambda, a generator, a cycle: the job fails and says so, and is not run again, since its work is done."""
    kinds = ["lambda", "generator", "cycle", "huge", "lock", "surrogate"]
    jobs = [queue.enqueue(catalogue_tasks.return_strange, kind, retry=3) for kind in kinds]
    assert start_worker(burst=True, isolation=isolation).wait() == 0
    for job in jobs:
        error = failure(job)
        assert (error.reason, error.attempts) == ("raised", 1)
        assert error.type_name.startswith("winch.errors.")


@one_store
@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_exceptions_that_are_hard_to_describe(queue: Queue, start_worker: StartWorker, isolation: str) -> None:
    """One whose __str__ raises, one of 100 MB, a cycle of causes, ...: a failure with a text of bounded size."""
    kinds = ["mute", "leaving", "huge", "surrogates", "group", "cycle"]
    jobs = [queue.enqueue(catalogue_tasks.raise_strange, kind, job_timeout=30) for kind in kinds]
    neighbour = queue.enqueue(tasks.add, 1, 1)
    worker = start_worker(burst=True, isolation=isolation)
    assert worker.wait(50) == 0
    for job in jobs:
        error = failure(job)
        assert (error.reason, error.attempts) == ("raised", 1)
        assert len(error.message) + len(error.traceback) < 80_000
    assert neighbour.result(timeout=0) == 2
    assert "\x1b[31m" not in worker.log


# ---- ids, retries, families ----


def test_one_of_fifty_clients_gets_an_id(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """Fifty clients enqueue under one id at once: one job, run once; the others are told."""

    def enqueue(n: int) -> str:
        try:
            return queue.enqueue(tasks.write, str(notes), f"client {n}", job_id="the-one").id
        except DuplicateJob:
            return ""

    with ThreadPoolExecutor(50) as pool:
        got = list(pool.map(enqueue, range(50)))
    assert sorted(got) == [""] * 49 + ["the-one"]
    start_worker(burst=True).wait()
    assert lines(notes) == [f"client {got.index('the-one')}"]


def test_retries_of_jobs_that_fail_together_are_spread(queue: Queue, start_worker: StartWorker) -> None:
    """A thousand jobs fail at once: with jitter they come back evenly over the whole of it, not together."""
    retry = Retry(3, interval=1000, jitter=0.5)
    jobs = queue.enqueue_many(Queue.prepare_data(tasks.fail, ("x",), retry=retry) for _ in range(1000))
    worker = start_worker(quiet=True)
    eventually(lambda: len(queue.scheduled) == 1000, within=40)
    worker.stop()
    due = sorted(record.due_at / 1000 for record in queue.connection.get([job.id for job in jobs]) if record)
    assert len(due) == 1000
    assert due[-1] - due[0] > 800
    in_tenths = Counter(int((at - due[0]) / 100) for at in due)
    assert max(in_tenths.values()) < 200


@one_store
def test_a_job_may_enqueue_itself_and_no_circle_can_be_made(
    queue: Queue, start_worker: StartWorker, notes: Path
) -> None:
    """Re-enqueueing ends when the job stops it; a dependency on itself is refused, also under the id of an ended job."""
    first = queue.enqueue(tasks.noop, job_id="a")
    queue.enqueue(catalogue_tasks.again, str(notes), 5)
    worker = start_worker()
    eventually(lambda: len(lines(notes)) == 6)
    assert first.get_status() == "finished"
    worker.stop()
    with pytest.raises(UnknownDependency):
        queue.enqueue(tasks.noop, job_id="b", depends_on="b")
    renewed = queue.enqueue(tasks.noop, job_id="a", depends_on="a")
    assert renewed.get_status() == "queued"  # it depends on its ended predecessor


def test_children_that_come_while_their_parents_end_run_once(
    queue: Queue, start_worker: StartWorker, notes: Path
) -> None:
    """Children are added at the very time at which their parents finish: each runs exactly once."""
    start_worker()

    def family(n: int) -> Job[Any]:
        parent = queue.enqueue(tasks.noop)
        return queue.enqueue(tasks.write, str(notes), str(n), depends_on=Dependency([parent], on_failure="run"))

    with ThreadPoolExecutor(4) as pool:
        children = list(pool.map(family, range(200)))
    for child in children:
        child.result(timeout=20)
    assert Counter(lines(notes)) == {str(n): 1 for n in range(200)}


# ---- callbacks and hooks ----


@one_store
def test_callbacks_that_go_wrong_change_no_outcome(queue: Queue, start_worker: StartWorker) -> None:
    """A callback raises, hangs or crashes: its job's end stands, and it is the callback that failed."""
    bad = [
        Callback(catalogue_tasks.failing_callback),
        Callback(catalogue_tasks.hanging_callback, timeout=0.5),
        Callback(catalogue_tasks.crashing_callback),
    ]
    good = [queue.enqueue(tasks.add, 1, 1, on_success=callback) for callback in bad]
    failed = [queue.enqueue(tasks.fail, "itself", on_failure=callback) for callback in bad]
    assert start_worker(burst=True).wait(40) == 0
    assert [job.result(timeout=0) for job in good] == [2, 2, 2]
    assert [(failure(job).reason, failure(job).attempts) for job in failed] == [("raised", 1)] * 3
    assert all("itself" in failure(job).message for job in failed)
    ended = Counter(record.reason for record in queue.connection.get(list(queue.failed.get_job_ids())) if record)
    assert ended == {"raised": 3 + 2, "timeout": 2, "crashed": 2}


@one_store
def test_hooks_that_raise_fail_that_attempt_only(queue: Queue, start_worker: StartWorker, tmp_path: Path) -> None:
    """A hook goes round the attempt and is part of it: raising before or after, it fails it; other jobs are as ever."""
    (tmp_path / "hooking.py").write_text(
        "from winch.running.hooks import around\nfrom tests.integration.catalogue_tasks import broken_hook\naround(broken_hook)\n"
    )
    jobs = [queue.enqueue(tasks.add, 1, 1, meta={"hook": where}) for where in ("before", "after")]
    fine = queue.enqueue(tasks.add, 1, 1)
    worker = start_worker(burst=True, imports=("hooking",), paths=(str(ROOT), str(tmp_path)))
    assert worker.wait() == 0
    assert ["the hook is broken before" in failure(jobs[0]).message, "broken after" in failure(jobs[1]).message] == [
        True
    ] * 2
    assert fine.result(timeout=0) == 2
    assert "executor" not in worker.log.replace("executors", "")


# ---- attacks ----


class Bomb:
    """Unpickled, it touches a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@one_store
def test_a_forged_pickle_is_never_loaded(
    queue: Queue, store_url: str, start_worker: StartWorker, tmp_path: Path
) -> None:
    """Pickle in arguments, in the result, in meta: neither worker nor command line nor a reader of the job loads it."""
    touched = tmp_path / "touched"
    bomb = pickle.dumps(((Bomb(touched),), {}))
    options = ormsgpack.packb({"codec": "pickle"})
    jobs = [
        forge(queue, b"\x01" + ormsgpack.packb(["tests.integration.tasks.add", options, bomb])),
        forge(queue, b"\x01" + ormsgpack.packb(["tests.integration.tasks.add", None, bomb])),
        forge(queue, bomb),
    ]
    assert start_worker(burst=True).wait() == 0
    assert [failure(job).reason for job in jobs] == ["undecodable"] * 3
    for job in jobs[:2]:
        assert "add" in str(job.description)
    subprocess.run([sys.executable, "-m", "winch", "info", "--url", store_url], cwd=tmp_path, check=True)
    with pytest.raises(DecodeError):
        codec.load_result(b"\x01p" + bomb, lambda path: int)
    assert "pickled bytes" in str(codec.plain_result(b"\x01p" + bomb))
    assert not touched.exists()


FOREIGN = [
    "os.system",
    "posix.system",
    "subprocess.Popen",
    "builtins.eval",
    "shutil.rmtree",
    "tests.integration.tasks.os.system",
    "tests.integration.tasks.subprocess.Popen",
    "tests.integration.tasks.os.__loader__.exec_module",
    "tests.integration.tasks.note.__globals__.update",
    "tests.integration.tasks.note.__class__",
    "tests.integration.tasks.note.__call__",
    "tests.integration.tasks.note.__builtins__.get",
    "winch.job.Job.delete",
    "winch.codec.permit_pickle",
    "/bin/sh:f",
    "../../etc/passwd:f",
    "",
    ".",
    "..",
    "a",
    "\r\nforged line\x1b[31m",
]


@one_store
def test_a_stored_job_that_names_foreign_code_is_refused(queue: Queue, start_worker: StartWorker) -> None:
    """The function of a stored job is changed to one of the system's, also by detours through own modules: refused, no retry."""
    run = RunOptions(retry=Retry(3))
    jobs = [forge(queue, codec.dumps_call(path, ("/nowhere/at/all",), {}, run)) for path in FOREIGN]
    worker = start_worker(burst=True, allow=())
    assert worker.wait() == 0
    ends = {path: (failure(job).reason, failure(job).attempts) for path, job in zip(FOREIGN, jobs, strict=True)}
    assert ends == dict.fromkeys(FOREIGN, ("refused", 1))
    assert "\nforged line" not in worker.log
    assert "\x1b" not in worker.log


@one_store
def test_forged_results_and_errors_are_data(queue: Queue, start_worker: StartWorker, notes: Path) -> None:
    """A result that names a class, an error that names os.system: nothing is imported, called or made of them."""
    system = ormsgpack.packb(ormsgpack.Ext(15, ormsgpack.packb(["os.system", {"command": "true"}])))
    error = codec.dumps_error("os.system", ("os.system", "builtins.SystemExit"), "touch", "trace\x1b[31m")
    store = queue.connection
    finished, failed = (
        queue.enqueue(tasks.noop),
        queue.enqueue(tasks.noop, on_failure=tasks.on_failure, meta={"path": str(notes)}),
    )
    lane = Boss(store, queues=("default",)).lane()
    claims = {claim.id: claim for claim in lane.claim()}
    lane.turn(outcome(claims[finished.id], "finished", result=b"\x01m" + system))
    lane.turn(outcome(claims[failed.id], "failed", reason="raised", detail=error))
    with pytest.raises(DecodeError, match=r"os\.system"):
        finished.result(timeout=0)
    assert "system" in repr(codec.plain_result(b"\x01m" + system))
    told = failure(failed)
    assert (type(told), told.type_name) == (JobFailed, "os.system")
    lane.retire()
    store.retire_worker(lane.worker.id)
    assert start_worker(burst=True).wait() == 0
    assert lines(notes)[0].startswith(f"failure {failed.id} JobFailed os.system: touch")


@pytest.mark.parametrize("store_url", [pytest.param("redis", marks=pytest.mark.redis)], indirect=True)
def test_junk_commands_do_no_harm(queue: Queue, store_url: str, start_worker: StartWorker) -> None:
    """Commands that nobody knows, and bytes that are no command, in the store: the worker lives and works on."""
    worker = start_worker(worker_ttl=1.5)
    eventually(lambda: Worker.count(connection=store_url) == 1)
    [info] = [view.info for view in queue.connection.workers()]
    for name in ("", "rm -rf /", "lost", "x" * 255):
        queue.connection.send(info.id, name)
    with Redis.from_url(store_url) as client:
        client.zadd(f"{{winch}}:commands:{info.id}", {b"": 90, b"\xff" * 1000: 91, b"{}": 92})
        client.rpush(f"{{winch}}:hint:{info.id}", b"\xff" * 1000)
        client.publish("winch", b"junk" * 1000)
    eventually(lambda: queue.enqueue(tasks.add, 1, 1).result(timeout=20) == 2)
    assert worker.popen.poll() is None
    assert queue.enqueue(tasks.add, 1, 2).result(timeout=20) == 3
    eventually(lambda: Worker.count(connection=store_url) == 1)
    worker.stop()
    with Redis.from_url(store_url) as client:
        client.delete(f"{{winch}}:commands:{info.id}", f"{{winch}}:hint:{info.id}")
