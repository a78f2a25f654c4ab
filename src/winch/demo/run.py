"""The demo from beginning to end: enqueue, work, watch, check."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import sysconfig
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from winch import Job, Queue, Retry, call
from winch.callables import Admission
from winch.demo.jobs import Count, count_code, count_module, merge, merge_counts
from winch.demo.show import Report, Screen
from winch.errors import WinchError
from winch.job import use_admission
from winch.states import ENDED, JobStatus
from winch.stores import open_store
from winch.stores.contract import ENQUEUE_BATCH, Store

__all__ = ["DemoFailed", "find_modules", "run"]

EXECUTORS = 2
ALLOWED = "winch.demo.*"
FAILS_FIRST = 20
"""Every module with this number or a multiple of it fails at its first attempt."""

STALLED = 60.0
"""Seconds without any progress after which the demo gives up."""

LOOK_EVERY = 0.1


class DemoFailed(WinchError):
    """The demo did not come to its end, or to another one than it should."""


def run(url: str | None, limit: int | None, screen: Screen) -> Report:
    """Run the demo.

    Args:
        url: The store; None is an embedded one in a temporary folder.
        limit: Count only so many modules.
        screen: Where it is shown.

    Raises:
        DemoFailed: A job did not finish, or the totals differ.
    """
    use_admission(Admission((), (ALLOWED,)))  # as the worker is told: enqueue warns of what a worker would refuse
    modules = find_modules()[:limit]
    with TemporaryDirectory(prefix="winch-demo-") as folder, _store(url, Path(folder)) as store:
        screen.say(f"store: {store.place} " + ("(--url)" if url else "(temporary, removed at the end)"))
        with _enqueued(store, modules) as jobs:
            screen.say(f"enqueued {len(jobs) - 1} modules of the standard library, and one job that waits for them all")
            with _worker(store, jobs[-1].origin, Path(folder) / "worker.log") as worker:
                _watch(store, jobs[-1].origin, len(jobs), worker, screen)
            screen.say("counting the same files again, in this process and without the queue")
            report = _report(store, jobs, modules)
    screen.report(report)
    if report.merged != report.direct:
        raise DemoFailed("the merged counts differ from the direct count")
    return report


def find_modules() -> list[Path]:
    """The source files of the standard library, without its tests."""
    library = Path(sysconfig.get_path("stdlib"))
    left_out = {"test", "tests", "idle_test", "site-packages", "dist-packages"}
    found = (path.relative_to(library) for path in library.rglob("*.py"))
    return [
        library / path
        for path in sorted(found)
        if path.parts[0].removesuffix(".py") in sys.stdlib_module_names and not left_out.intersection(path.parts)
    ]


# ---- the parts, in the order in which they are used ------------------------------------------------------------------


@contextmanager
def _store(url: str | None, folder: Path) -> Generator[Store]:
    """The store that was asked for, or an embedded one in the folder."""
    store = open_store(url or f"sqlite:///{folder / 'jobs.db'}")
    try:
        store.open()
        yield store
    finally:
        store.close()


@contextmanager
def _enqueued(store: Store, modules: Sequence[Path]) -> Generator[list[Job[Count]]]:
    """One job per module and one that merges their results, in a queue of their own. Removed at the end."""
    queue = Queue(f"winch-demo-{secrets.token_hex(3)}", connection=store, retry=Retry(2, interval=0.2))
    jobs = queue.enqueue_many(
        call(count_module, str(path), fails_first=number % FAILS_FIRST == 0) for number, path in enumerate(modules)
    )
    try:
        last = queue.using(depends_on=jobs, timeout=60).enqueue(merge, [job.id for job in jobs])
        jobs.append(last)
        yield jobs
    finally:
        for start in range(0, len(jobs), ENQUEUE_BATCH):
            store.delete([job.id for job in jobs[start : start + ENQUEUE_BATCH]])
        store.forget(queue.name)


@contextmanager
def _worker(store: Store, queue: str, log: Path) -> Generator[subprocess.Popen[bytes]]:
    """A worker with two executors, as `winch worker` starts it. What it writes goes to a file."""
    command = [sys.executable, "-m", "winch", "worker", queue, "--processes", str(EXECUTORS)]
    command += ["--allow", ALLOWED, "--max-idle-time", "60", "--quiet"]
    environment = {**os.environ, "WINCH_URL": store.url}  # not in the command, where everybody could read the password
    with log.open("wb") as file:
        worker = subprocess.Popen(
            command, stdout=file, stderr=file, cwd=log.parent, env=environment, start_new_session=True
        )
    try:
        yield worker
    except DemoFailed as error:
        raise DemoFailed(f"{error}. The last it wrote:\n{log.read_text()[-2_000:]}") from error
    finally:
        worker.terminate()
        try:
            worker.wait(10)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _watch(store: Store, queue: str, total: int, worker: subprocess.Popen[bytes], screen: Screen) -> None:
    """Show the progress until every job has ended.

    Raises:
        DemoFailed: The worker ended, or nothing happens.
    """
    changed, before = time.monotonic(), None
    with screen.progress(total) as update:
        while True:
            counts = store.counts([queue])[queue]
            update(counts)
            if sum(counts[state] for state in ENDED) == total:
                return
            if counts != before:
                changed, before = time.monotonic(), counts
            elif time.monotonic() - changed > STALLED:
                raise DemoFailed(f"nothing has happened for {STALLED:.0f} s")
            if worker.poll() is not None:
                raise DemoFailed(f"the worker ended with exit code {worker.returncode}")
            time.sleep(LOOK_EVERY)


def _report(store: Store, jobs: Sequence[Job[Count]], modules: Sequence[Path]) -> Report:
    """What came out, and the same counted directly.

    Raises:
        DemoFailed: A job did not finish.
    """
    known = [job for job in Job.fetch_many([job.id for job in jobs], connection=store) if job is not None]
    for job in known:
        if job.get_status(refresh=False) != JobStatus.FINISHED:
            raise DemoFailed(f"{job.description} is {job.get_status(refresh=False)}: {job.exc_info or 'no error'}")
    began = time.monotonic()
    direct = merge_counts(count_code(str(path)) for path in modules)
    started = min(job.record.started_at for job in known)
    ended = max(job.record.ended_at for job in known)
    return Report(
        jobs=len(known),
        retried=sum(len(job.attempts) > 1 for job in known),
        executors=EXECUTORS,
        seconds=(ended - started) / 1000,
        merged=jobs[-1].result(timeout=5),
        direct=direct,
        direct_seconds=time.monotonic() - began,
        metrics=[row for row in store.metrics(3_600_000) if row.key.queue == jobs[-1].origin],
    )
