"""One queue at one setting, with a store of its own: what a workload works on."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks.measure import cpu_seconds, tree
from benchmarks.peers import ROOT, Order, Peer, environment, load
from tests.servers import RedisServer

WITHIN = 90.0
"""Seconds after which a run is given up."""


@dataclass(frozen=True)
class Sent:
    """What it took to enqueue: seconds, and the processor seconds of the producer and of the server."""

    seconds: float
    producer: float
    server: float

    @property
    def used(self) -> float:
        """Processor seconds of both."""
        return self.producer + self.server


@dataclass
class Site:
    """A store of its own, with at most one worker.

    Attributes:
        name: The adapter's.
        store: `redis` or `sqlite`.
        setting: One of its speeds.
        scale: What the numbers of jobs are multiplied by.
    """

    name: str
    store: str
    setting: str
    scale: float = 1.0
    peer: Peer = field(init=False)
    folder: Path = field(init=False)
    server: RedisServer | None = field(init=False, default=None)
    url: str = field(init=False)
    process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    @contextlib.contextmanager
    def open(self) -> Generator[Site]:
        """Start the store; end the worker and the store."""
        self.peer = load(self.name)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, contextlib.ExitStack() as stack:
            self.folder = Path(folder)
            self.url = f"sqlite:///{folder}/jobs.db"
            if self.store == "redis":
                self.server = stack.enter_context(RedisServer(port=True))
                self.url = self.server.tcp_url
            stack.callback(self.stop)
            yield self

    @property
    def key(self) -> str:
        """Queue and setting, as the tables of numbers name them."""
        return f"{self.name} {self.setting}"

    @property
    def file(self) -> Path:
        """What jobs write to."""
        return self.folder / "jobs.txt"

    def scaled(self, jobs: int) -> int:
        """So many jobs, or fewer for a quick run."""
        return max(50, round(jobs * self.scale))

    # ---- producer ----

    def send(self, job: str, jobs: int, **options: Any) -> Sent:
        """Enqueue in a process of its own. Options are those of `Order`; `bulk` holds where there is such a call."""
        options["bulk"] = options.get("bulk", False) and self.peer.HAS_BULK
        order = Order(job, str(self.file), jobs, **options)
        command = [sys.executable, "-m", "benchmarks.peers", self.name, order.json()]
        before = self.store_cpu()
        env = environment(self.url, self.setting)
        run = subprocess.run(command, cwd=ROOT, env=env, timeout=WITHIN, capture_output=True, text=True, check=False)
        if run.returncode:
            raise RuntimeError(f"the producer failed: {run.stderr}")
        seconds, used = run.stdout.splitlines()[0].split()
        return Sent(float(seconds), float(used), self.store_cpu() - before)

    # ---- worker ----

    def start(self, processes: int = 1) -> None:
        """Start the worker."""
        with (self.folder / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.peer.worker(self.url, self.setting, processes), cwd=ROOT, env=environment(self.url, self.setting),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def stop(self) -> None:
        """Kill the worker with all it started."""
        if self.process is None:
            return
        for pid in self.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def begin(self) -> None:
        """Start a worker and wait until it has run a job: it is up, and then idle."""
        self.send("touch", 1)
        self.start()
        self.until(1)
        time.sleep(1.0)
        os.truncate(self.file, 0)  # not unlink: jobs keep it open

    def workers(self) -> set[int]:
        """The processes of the worker."""
        return tree(self.process.pid) if self.process else set()

    def processes(self) -> set[int]:
        """Those of the worker, and the server."""
        return self.workers() | ({self.server.pid} if self.server else set())

    def worker_cpu(self) -> float:
        """Processor seconds of the worker."""
        return cpu_seconds(self.workers())

    def size(self) -> int:
        """Bytes that jobs have written."""
        return self.file.stat().st_size if self.file.exists() else 0

    def until(self, size: int) -> float:
        """Wait until the jobs have written that much. Returns when that was."""
        deadline = time.monotonic() + WITHIN
        while self.size() < size:
            if time.monotonic() > deadline or (self.process and self.process.poll() is not None):
                log = (self.folder / "worker.log").read_text(errors="replace")[-500:]
                raise RuntimeError(f"{self.size()} of {size} bytes written: {log}")
            time.sleep(0.001)
        return time.monotonic()

    # ---- store ----

    def store_cpu(self) -> float:
        """Processor seconds of the server, 0 for a file."""
        return cpu_seconds([self.server.pid]) if self.server else 0.0

    def client(self) -> Redis:
        """A client of the server."""
        return Redis.from_url(self.url)

    def bytes_stored(self) -> int:
        """Of the server's memory, or of the file's pages in use."""
        if self.server is not None:
            with self.client() as client:
                return int(client.info("memory")["used_memory"])
        with contextlib.closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as db:
            pages, free, size = (
                int(db.execute(f"PRAGMA {name}").fetchone()[0])
                for name in ("page_count", "freelist_count", "page_size")
            )
        return (pages - free) * size
