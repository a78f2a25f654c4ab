"""RQ: its `Worker`, which forks for each job, and its `SimpleWorker`, which does not."""

from __future__ import annotations

import time

from redis import Redis
from rq import Queue, Retry

from benchmarks.peers.work import JOBS, SAFE, URL, program, work

NAME = "RQ Worker"
PROCESSES = "1 process and a child per job"
STORES = ("redis",)
SETTINGS = {
    "default": "no retries, maintenance every 600 s",
    "safe": "Retry(max=3), maintenance and job monitoring every 5 s, worker ttl 20 s",
}
SPEEDS = {"default": "Worker", "fast": "SimpleWorker"}
HAS_BULK = True

# It looks for abandoned jobs only between two blocking pops, which last the worker ttl less 15 s.
OFTEN = ["--maintenance-interval", "5", "--job-monitoring-interval", "5", "--worker-ttl", "20"]


def command(url: str, setting: str) -> list[str]:
    """One worker: the pool of workers has no option for maintenance."""
    safe = OFTEN if setting == "safe" else []
    return [program("rq"), "worker", "--url", url, "--quiet", *safe]


def enqueue(file: str, jobs: int) -> None:
    """In bulk."""
    retry = Retry(max=3) if SAFE else None
    with Redis.from_url(URL) as client:
        data = [Queue.prepare_data(work, (file, number), retry=retry) for number in range(jobs)]
        Queue(connection=client).enqueue_many(data)


def worker(url: str, setting: str, processes: int) -> list[str]:
    """One worker, or a pool of them."""
    kind = "rq.worker.SimpleWorker" if setting == "fast" else "rq.worker.Worker"
    if processes == 1:
        return [program("rq"), "worker", "--url", url, "--worker-class", kind, "--quiet"]
    return [
        program("rq"),
        "worker-pool",
        "--url",
        url,
        "--worker-class",
        kind,
        "--quiet",
        "--num-workers",
        str(processes),
    ]


def send(job: str, file: str, jobs: int, every: float) -> None:
    """One by one."""
    with Redis.from_url(URL) as client:
        queue = Queue(connection=client)
        for _ in range(jobs):
            queue.enqueue(JOBS[job], file, time.time())
            if every:
                time.sleep(every)


def send_many(job: str, file: str, jobs: int) -> None:
    """In bulk."""
    with Redis.from_url(URL) as client:
        queue = Queue(connection=client)
        for start in range(0, jobs, 1_000):
            some = range(min(1_000, jobs - start))
            queue.enqueue_many([Queue.prepare_data(JOBS[job], (file, time.time())) for _ in some])
