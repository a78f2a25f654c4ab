"""Drain no-op jobs with one `winch worker` and with RQ's SimpleWorker, in one run, and print the ratios.

    make bench BENCH=against_rq [ARGS='--jobs 20000 --rq-jobs 3000 --rounds 5']

Each measurement pre-loads its jobs, starts the worker as its users do, waits until it has ended by itself (`--burst`),
and takes the time from the start of the first job to the end of the last, as the jobs' own records tell it. So the
start of an interpreter counts for nobody. Results are kept, on both sides for the default 500 s. The rounds are
interleaved, a ratio is that of the medians. The redis-server is private: WINCH_REDIS_SERVER or one on PATH, on a socket
of its own, nothing saved.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from redis import Redis
from rq import Queue as RQQueue
from rq.job import Job as RQJob

from benchmarks.measure import machine
from tests.servers import RedisServer
from winch import Job, Queue, call
from winch.stores import open_store

ROOT = Path(__file__).parents[1]
FUNCTION = "benchmarks.noop.noop"
BATCH = 1_000
WITHIN = 300
"""Seconds after which a worker that has not drained its queue is given up."""


def main() -> int:
    """Measure and print. Returns the exit code."""
    options = _options()
    with RedisServer() as server, tempfile.TemporaryDirectory() as folder:
        subjects: dict[str, Callable[[], float]] = {
            "RQ SimpleWorker, Redis": lambda: drain_rq(server.url, options.rq_jobs),
            "winch, Redis": lambda: drain_winch_redis(server.url, options.jobs),
            "winch, SQLite": lambda: drain_winch_sqlite(Path(folder), options.jobs),
        }
        print(f"{machine()}, RQ {version('rq')}, winch {version('winch')}")
        rates: dict[str, list[float]] = {name: [] for name in subjects}
        for _ in range(options.rounds):
            for name, drain in subjects.items():
                rates[name].append(drain())
                print(f"  {name:<24} {rates[name][-1]:>10,.0f} jobs/s", flush=True)
    _print_ratios(rates)
    return 0


def drain_rq(url: str, jobs: int) -> float:
    """Jobs per second of `rq worker --worker-class rq.SimpleWorker --burst --quiet`."""
    with Redis.from_url(url) as client:
        client.flushall()
        queue = RQQueue(connection=client)
        ids = [job.id for job in queue.enqueue_many([RQQueue.prepare_data(FUNCTION) for _ in range(jobs)])]
        _run("rq", "worker", "--url", url, "--worker-class", "rq.SimpleWorker", "--burst", "--quiet")
        ended = [job for job in RQJob.fetch_many(ids, connection=client) if job is not None and job.is_finished]
        _check(len(ended), len(ids))
        return _rate([job.started_at for job in ended], [job.ended_at for job in ended])


def drain_winch_redis(url: str, jobs: int) -> float:
    """Jobs per second of `winch worker --burst --processes 1 --quiet` on Redis."""
    with Redis.from_url(url) as client:
        client.flushall()
    return _drain_winch(url, jobs)


def drain_winch_sqlite(folder: Path, jobs: int) -> float:
    """The same on SQLite, in a new file."""
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        return _drain_winch(f"sqlite:///{fresh}/jobs.db", jobs)


def _drain_winch(url: str, jobs: int) -> float:
    store = open_store(url)
    queue = Queue("default", connection=store)
    ids = [job.id for job in queue.enqueue_many(call(FUNCTION) for _ in range(jobs))]
    _run("winch", "worker", "--url", url, "--burst", "--processes", "1", "--quiet")
    ended: list[Job[None]] = []
    for start in range(0, jobs, BATCH):
        found = Job.fetch_many(ids[start : start + BATCH], connection=store)
        ended += [job for job in found if job is not None and job.is_finished]
    store.close()
    _check(len(ended), len(ids))
    return _rate([job.started_at for job in ended], [job.ended_at for job in ended])


def _run(*command: str) -> None:
    """Run a worker to its end in the repository's folder, where the function is."""
    program = Path(sys.executable).with_name(command[0])
    run = subprocess.run([program, *command[1:]], cwd=ROOT, timeout=WITHIN, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{command[0]} ended with exit code {run.returncode}:\n{run.stderr}")


def _check(ended: int, wanted: int) -> None:
    if ended != wanted:
        raise SystemExit(f"only {ended} of {wanted} jobs finished: no rate to speak of")


def _rate(starts: list[datetime | None], ends: list[datetime | None]) -> float:
    first = min(moment for moment in starts if moment is not None)
    last = max(moment for moment in ends if moment is not None)
    return len(ends) / (last - first).total_seconds()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20_000, help="for winch (20000)")
    parser.add_argument("--rq-jobs", type=int, default=3_000, help="for RQ (3000)")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def _print_ratios(rates: dict[str, list[float]]) -> None:
    """Rates and ratios: of the medians, and of the best rounds, which a busy machine has disturbed least."""
    base = next(iter(rates.values()))
    print(f"\n{'jobs/s':<26} {'median':>10} {'ratio':>8} {'best':>10} {'ratio':>8}")
    for name, values in rates.items():
        cells = [(measure(values), measure(values) / measure(base)) for measure in (statistics.median, max)]
        print(f"{name:<26} " + " ".join(f"{rate:>10,.0f} {ratio:>8.1f}" for rate, ratio in cells))


if __name__ == "__main__":
    sys.exit(main())
