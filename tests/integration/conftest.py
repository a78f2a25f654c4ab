"""Real workers for the integration tests: processes with their own output, ended by their ids."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from winch import Queue

ROOT = Path(__file__).parent.parent.parent

START = """
import sys
from winch.worker import WorkerSettings, run_worker
sys.exit(run_worker(WorkerSettings(**{settings!r})))
"""


def eventually(condition: Callable[[], Any], within: float = 10.0) -> Any:
    """Wait until a condition holds and return what it gave; fail if it does not in time."""
    deadline = time.monotonic() + within
    while True:
        if result := condition():
            return result
        if time.monotonic() > deadline:
            pytest.fail(f"it did not come true within {within} s")
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    """The living children of a process."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    return _state_of(pid) not in "ZX"


def is_stopped(pid: int) -> bool:
    """Whether a process has been stopped by a signal."""
    return _state_of(pid) == "T"


def _state_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return "X"


def lines(path: Path) -> list[str]:
    """What jobs have noted."""
    return path.read_text().splitlines() if path.exists() else []


class WorkerProcess:
    """A `winch` worker in a process of its own."""

    def __init__(
        self, url: str, log: Path, settings: dict[str, Any], environment: dict[str, str] | None = None
    ) -> None:
        self.log_path = log
        defaults: dict[str, Any] = {
            "url": url,
            "paths": (str(ROOT),),
            "allow": ("tests.integration.*", "time.sleep"),
            "worker_ttl": 3.0,
            "kill_grace": 0.5,
            "grace": 5.0,
        }
        code = START.format(settings={**defaults, **settings})
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=ROOT,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env=os.environ | (environment or {}),
            )
        self.pid = self.popen.pid

    @property
    def log(self) -> str:
        """What it has written."""
        return self.log_path.read_text()

    def executors(self) -> list[int]:
        """The pids of its executors."""
        return children(self.pid)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.popen.send_signal(number)

    def wait(self, within: float = 20.0) -> int:
        """Wait for its end and return its exit status."""
        return self.popen.wait(within)

    def stop(self) -> int:
        """End it as a deploy does."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """Kill the supervisor; its executors die with it."""
        with contextlib.suppress(ProcessLookupError):
            self.popen.kill()
        self.popen.wait()


StartWorker = Callable[..., WorkerProcess]


@pytest.fixture
def queue(store_url: str) -> Queue:
    """The default queue of the store under test."""
    return Queue(connection=store_url)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A file for jobs to write to."""
    return tmp_path / "notes"


@pytest.fixture
def start_worker(store_url: str, tmp_path: Path) -> Iterator[StartWorker]:
    """A function that starts a worker on the store under test; what is left at the end is killed."""
    started: list[WorkerProcess] = []

    def start(*queues: str, environment: dict[str, str] | None = None, **settings: Any) -> WorkerProcess:
        log = tmp_path / f"worker-{len(started)}.log"
        worker = WorkerProcess(store_url, log, {"queues": queues or ("default",), **settings}, environment)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        pids = worker.executors()
        worker.kill()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        sys.stdout.write(f"--- {worker.log_path.name}\n{worker.log}")
