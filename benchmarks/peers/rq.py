"""RQ: its `Worker`, which forks for each job, and its `SimpleWorker`, which does not."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from itertools import islice

from redis import Redis
from rq import Queue, Retry

from benchmarks.peers import Order
from benchmarks.peers.work import JOBS, SAFE, URL, program

NAME = "RQ"
VERSION = version("rq")
PROCESSES = "1 process and a child per job"
STORES = ("redis",)
SETTINGS = {
    "default": "no retries, maintenance every 600 s",
    "safe": "Retry(max=3), maintenance and job monitoring every 5 s, worker ttl 20 s",
}
SPEEDS = {
    "default": "Worker",
    "fast": "SimpleWorker",
    "logged": "SimpleWorker, log lines",
    "scheduler": "SimpleWorker with scheduler",
    "pool": "pool of 16 SimpleWorkers",
}
HAS_BULK = True

# It looks for abandoned jobs only between two blocking pops, which last the worker ttl less 15 s.
OFTEN = ["--maintenance-interval", "5", "--job-monitoring-interval", "5", "--worker-ttl", "20"]


def command(url: str, setting: str) -> list[str]:
    """One worker: the pool of workers has no option for maintenance."""
    safe = OFTEN if setting == "safe" else []
    return [program("rq"), "worker", "--url", url, "--quiet", *safe]


def worker(url: str, setting: str, processes: int) -> list[str]:
    """One worker, or a pool of them."""
    kind = "rq.worker.Worker" if setting == "default" else "rq.worker.SimpleWorker"
    options = ["--url", url, "--worker-class", kind, *([] if setting == "logged" else ["--quiet"])]
    processes = 16 if setting == "pool" else processes
    if processes > 1:
        return [program("rq"), "worker-pool", *options, "--num-workers", str(processes)]
    return [program("rq"), "worker", *options, *(["--with-scheduler"] if setting == "scheduler" else [])]


def send(order: Order) -> None:
    """One by one."""
    with Redis.from_url(URL) as client:
        queue = Queue(connection=client)
        for arguments in order.calls():
            queue.enqueue(JOBS[order.job], *arguments)


def send_many(order: Order) -> None:
    """In bulk, a thousand per call."""
    function, retry = JOBS[order.job], Retry(max=3) if SAFE else None
    with Redis.from_url(URL) as client:
        queue = Queue(connection=client)
        calls = order.calls()
        while some := list(islice(calls, 1_000)):
            queue.enqueue_many([Queue.prepare_data(function, arguments, retry=retry) for arguments in some])


def send_at(order: Order) -> None:
    """One by one, each for its time."""
    with Redis.from_url(URL) as client:
        queue = Queue(connection=client)
        for arguments in order.calls():
            queue.enqueue_at(datetime.fromtimestamp(arguments[1], UTC), JOBS[order.job], *arguments)
