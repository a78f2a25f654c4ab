"""Whether batches cost fairness: short jobs beside long ones, an urgent job beside a full queue, a producer beside workers.

    make bench BENCH=fairness

idle     two executors, 2,000 jobs of 1 ms mixed with 10 of 1 s: for how long a ready job waited while an executor ran nothing
urgent   one executor drains jobs of 1 ms from `low` at full speed, and every 50 ms one is put on `high`: how long until it starts
calls    two executors drain no-op jobs at full speed, and every 5 ms one is enqueued: how long the call takes

The first two from the lines that the jobs write at their starts and ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import machine, percentile, table
from benchmarks.peers.work import append, program
from tests.servers import RedisServer
from winch import Queue, call

ROOT = Path(__file__).parents[1]
WITHIN = 60.0
SHORT, LONG = 0.001, 1.0
URGENT = 60
CALLS = 300
BACKLOG = 150_000
"""More no-op jobs than two executors run in the meantime."""


def work(file: str, seconds: float) -> None:
    """Take a while, and leave when it began, when it ended, and where."""
    began = time.time()
    time.sleep(seconds)
    append(file, f"{began} {time.time()} {os.getpid()}\n".encode())


def main() -> int:
    """Measure and print. Returns the exit code."""
    print(f"{machine()}\n")
    rows: list[tuple[str, ...]] = []
    with RedisServer() as server, tempfile.TemporaryDirectory() as folder:
        for store, url in (("Redis", server.url), ("SQLite", f"sqlite:///{folder}/jobs.db")):
            for workload in (idle, urgent, calls):
                waits = [wait * 1e3 for wait in _run(workload, url, Path(folder) / f"{store}-{workload.__name__}.txt")]
                figures = (percentile(waits, 50), percentile(waits, 99), max(waits))
                rows.append((workload.__name__, store, *(f"{each:.1f}" for each in figures)))
    print(table(("workload", "store", "p50 ms", "p99 ms", "max ms"), rows))
    return 0


def _run(workload: Callable[[str, Path], list[float]], url: str, file: Path) -> list[float]:
    processes = "1" if workload is urgent else "2"
    command = [program("winch"), "worker", "high", "low", "--url", url, "--processes", processes, "--quiet"]
    worker = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        Queue("low", url).enqueue(work, str(file), 0).result(timeout=WITHIN)
        time.sleep(1)  # for the second executor
        os.truncate(file, 0)
        return workload(url, file)
    finally:
        worker.terminate()
        worker.wait()


def idle(url: str, file: Path) -> list[float]:
    """Seconds that each short job, ready from the start, waited while one of the executors ran nothing."""
    jobs = [call(work, str(file), LONG if number % 200 == 50 else SHORT) for number in range(2_010)]
    Queue("low", url).enqueue_many(jobs)
    runs = sorted(_runs(file, len(jobs)))
    gaps: list[tuple[float, float]] = []
    last: dict[int, float] = {}
    for began, ended, pid in runs:
        if pid in last:
            gaps.append((last[pid], began))
        last[pid] = ended
    newest = runs[-1][0]
    return [end - start for start, end in gaps if end <= newest]


def urgent(url: str, file: Path) -> list[float]:
    """Seconds from each call to the start of its job."""
    Queue("low", url).enqueue_many(call(work, os.devnull, SHORT) for _ in range(int(URGENT * 0.05 / SHORT) + 1_000))
    high, sent = Queue("high", url), list[float]()
    for _ in range(URGENT):
        time.sleep(0.05)
        sent.append(time.time())
        high.enqueue(work, str(file), 0)
    return [began - at for (began, _, _), at in zip(sorted(_runs(file, URGENT)), sent, strict=True)]


def calls(url: str, file: Path) -> list[float]:  # noqa: ARG001
    """Seconds that each call of `enqueue` takes."""
    queue = Queue("low", url)
    queue.enqueue_many(call(work, os.devnull, 0) for _ in range(BACKLOG))
    taken: list[float] = []
    for _ in range(CALLS):
        time.sleep(0.005)
        began = time.perf_counter()
        queue.enqueue(work, os.devnull, 0)
        taken.append(time.perf_counter() - began)
    if not queue.count:
        raise SystemExit("the executors had nothing to do any more")
    queue.empty()
    return taken


def _runs(file: Path, jobs: int) -> list[tuple[float, float, int]]:
    """Start, end and process of so many jobs, as soon as they have run."""
    deadline = time.monotonic() + WITHIN
    while len(lines := file.read_text().splitlines() if file.exists() else []) < jobs:
        if time.monotonic() > deadline:
            raise SystemExit(f"only {len(lines)} of {jobs} jobs ran within {WITHIN:g} s")
        time.sleep(0.05)
    return [(float(began), float(ended), int(pid)) for began, ended, pid in map(str.split, lines)]


if __name__ == "__main__":
    sys.exit(main())
