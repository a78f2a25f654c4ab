"""RQ's `Worker`, which forks for each job."""

from __future__ import annotations

from redis import Redis
from rq import Queue, Retry

from benchmarks.peers.work import SAFE, URL, program, work

NAME = "RQ Worker"
PROCESSES = "1 process and a child per job"
STORES = ("redis",)
SETTINGS = {
    "default": "no retries, maintenance every 600 s",
    "safe": "Retry(max=3), maintenance and job monitoring every 5 s, worker ttl 20 s",
}

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
