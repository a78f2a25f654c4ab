"""What a scenario happens on: a store, workers under a restarter, and what the jobs noted."""

# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from redis import Redis

from tests.faults.plant import ENVIRONMENT, Plan
from tests.integration.conftest import ROOT, WorkerProcess, alive, lines
from winch import Job, Queue
from winch.errors import NotEnlisted
from winch.states import ENDED

__all__ = ["TTL", "Expected", "Stage"]

TTL = 3.0
"""Seconds. The workers' own; short, but long enough for a busy machine to beat in."""

PAUSE = 1.5 * TTL
"""Seconds that a stopped process stays stopped: longer than the ttl."""

PATIENCE = 40.0
"""Seconds after which a scenario that does not come to its end has failed."""

SITE = Path(__file__).parent / "site"


@dataclass
class Expected:
    """What a job comes to, whatever happens.

    Attributes:
        job: It.
        starts: How often it starts if nothing is planted.
        state: Its last.
        crashes: How many it is charged with if nothing is planted.
        spare: How many more starts a fault may cost.
    """

    job: Job[Any]
    starts: int = 1
    state: str = "finished"
    crashes: int = 0
    spare: int = 1


class Stage:
    """See the module.

    Args:
        url: The store's.
        folder: For the notes and the logs.
        plan: The fault, None for none.
    """

    def __init__(self, url: str, folder: Path, plan: Plan | None = None) -> None:
        self.queue = Queue(connection=url)
        self.store = self.queue.connection
        self.notes = str(folder / "notes")
        self.jobs: dict[str, Expected] = {}
        self.workers: list[WorkerProcess] = []
        self.plan = plan
        self.producer: subprocess.Popen[bytes] | None = None
        self._url, self._folder = url, folder
        self._dismissed: set[int] = set()
        self._replaced: set[int] = set()
        self._settings: Mapping[str, Any] = {}
        self._is_continued = False

    # ---- what happens ----

    def add(self, name: str, function: Callable[..., Any], *args: object, **options: Any) -> Job[Any]:
        """Enqueue a job under its name, which is also what it notes. `expect_*` go to `Expected`."""
        expected = {key.removeprefix("expect_"): options.pop(key) for key in [*options] if key.startswith("expect_")}
        delay = timedelta(seconds=options.pop("delay", 0))
        job = self.queue.enqueue_in(delay, function, self.notes, name, *args, job_id=name, **options)
        self.jobs[name] = Expected(job, **expected)
        return job

    def adopt(self, names: Sequence[str]) -> list[Job[Any]]:
        """Jobs that somebody else has enqueued under these ids: those that are there."""
        found = [job for job in Job.fetch_many(names, connection=self.store) if job is not None]
        self.jobs |= {job.id: Expected(job) for job in found}
        return found

    def start(self, *, planted: bool = True, **settings: Any) -> WorkerProcess:
        """Start a worker, with the fault in it unless told otherwise."""
        self._settings = settings
        environment = self.environment() if planted else {}
        log = self._folder / f"worker-{len(self.workers)}.log"
        common = {"worker_ttl": TTL, "kill_grace": 0.3, "grace": 5.0, "queues": ("default",), "quiet": True}
        worker = WorkerProcess(self._url, log, {**common, **settings}, environment)
        self.workers.append(worker)
        return worker

    def environment(self) -> dict[str, str]:
        """What plants the fault in a process."""
        if self.plan is None:
            return {}
        path = os.pathsep.join([str(SITE), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {ENVIRONMENT: str(self.plan), "PYTHONPATH": path}

    def has_struck(self) -> bool:
        """Whether the fault has happened."""
        return self.plan is not None and self.plan.flag.exists()

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait for a condition; meanwhile keep workers alive, as a restarter does, and continue what was stopped."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"it never came to that: {what}\n{self.describe()}")
            self._continue_stopped()
            self._restart()
            time.sleep(0.02)

    def tells(self, command: str) -> bool:
        """Tell the worker something. False: there is none at the moment, or it comes back under a new id."""
        for worker in self.store.workers():
            with contextlib.suppress(NotEnlisted):
                self.store.send(worker.info.id, command)
                return True
        return False

    def until_noted(self, line: str) -> None:
        """Wait until a job has noted this."""
        self.until(lambda: any(found.startswith(line + " ") for found in lines(Path(self.notes))), line)

    def until_done(self) -> None:
        """Wait until every job has ended, callbacks included."""
        self.until(self._all_ended, "every job has ended")

    def dismiss(self) -> None:
        """End every worker that there is now, as a deploy does."""
        leaving = [*self.workers]
        self._dismissed |= {worker.pid for worker in leaving}
        for worker in leaving:
            if worker.popen.poll() is None:
                worker.signal(signal.SIGTERM)
        self.until(lambda: all(worker.popen.poll() is not None for worker in leaving), "every worker has left")

    def silence_the_store(self, seconds: float) -> None:
        """Nobody gets an answer from the store for a while, nor a refusal."""
        if self._url.startswith("sqlite"):
            with sqlite3.connect(self.store.place, isolation_level=None) as db:
                db.execute("BEGIN IMMEDIATE")
                time.sleep(seconds)  # it is the length that matters
                db.execute("ROLLBACK")
            db.close()
            return
        with Redis.from_url(self._url) as client:
            client.client_pause(int(seconds * 1000))

    def kill(self, worker: WorkerProcess) -> None:
        """Kill a worker that is not started again."""
        self._dismissed.add(worker.pid)
        worker.kill()

    def clear_up(self) -> None:
        """The workers go; what dead ones have left in the store is freed by one that is started for it."""
        self.dismiss()
        while any(worker.popen.poll() is None for worker in self.workers):  # some were started meanwhile
            self.dismiss()
        if self.plan is None or (self.plan.fault != "exit" and self.plan.step.scenario != "stop"):
            in_order = {worker.pid for worker in self.workers if worker.popen.returncode == 0}
            assert not in_order & {worker.info.pid for worker in self.store.workers()}, "it left without a good-bye"
        if self.store.workers() or not self._all_ended():
            helper = self.start(planted=False).pid
            self.until(lambda: self._is_left_to(helper) and self._all_ended(), "the dead are rescued")
            self.dismiss()

    def close(self) -> None:
        """Nothing of it stays alive."""
        for worker in self.workers:
            pids = worker.executors()
            worker.kill()
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        if self.producer is not None and self.producer.poll() is None:
            self.producer.kill()
            self.producer.wait()

    # ---- meanwhile ----

    def _all_ended(self) -> bool:
        waiting = {state for numbers in self.store.counts().values() for state in numbers if numbers[state]} - ENDED
        return not waiting and all(expected.job.exists for expected in self.jobs.values())

    def _is_left_to(self, pid: int) -> bool:
        return [worker.info.pid for worker in self.store.workers()] == [pid]

    def _continue_stopped(self) -> None:
        """A process that the fault has stopped goes on after a while; until then another worker is there."""
        if self._is_continued or self.plan is None or self.plan.fault != "stop" or not self.has_struck():
            return
        if len(self.workers) == 1:
            self.start(planted=False, **self._settings)
        if time.time() - self.plan.flag.stat().st_mtime > PAUSE:
            self._is_continued = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(self.plan.flag.read_text()), signal.SIGCONT)

    def _restart(self) -> None:
        for worker in [*self.workers]:
            if worker.pid not in self._dismissed | self._replaced and worker.popen.poll() is not None:
                self._replaced.add(worker.pid)
                self.start(planted=False, **self._settings)

    # ---- what is left ----

    def describe(self) -> str:
        """For a failed test."""
        logs = "\n".join(f"--- {worker.log_path.name}\n{worker.log}" for worker in self.workers)
        noted = " · ".join(lines(Path(self.notes))[-40:])
        return f"{self.store.counts()}\n{self.store.workers()}\nnotes: {noted}\n{logs}"

    def survivors(self) -> list[int]:
        """Processes that have run jobs, or were executors, and still live."""
        return [pid for pid in {int(line.split()[2]) for line in lines(Path(self.notes))} if alive(pid)]
