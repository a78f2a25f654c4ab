"""How many jobs per second, and at what cost."""

from __future__ import annotations

from benchmarks.site import Sent, Site

JOBS = {
    "rq default": 300, "rq fast": 2_000, "rq logged": 1_500, "celery default": 4_000, "celery fast": 4_000,
    "celery late": 4_000, "celery threads": 4_000, "dramatiq default": 15_000, "dramatiq fast": 15_000,
    "huey default": 15_000, "huey threads": 10_000, "saq default": 5_000, "saq fast": 5_000, "taskiq default": 10_000,
    "taskiq results": 10_000, "arq default": 2_000, "arq fast": 2_000, "bullmq default": 10_000, "bullmq fast": 50_000,
    "bare default": 20_000,
}  # fmt: skip
"""Jobs to drain: some seconds of work for each."""
MANY = 100_000
"""For who is not listed: winch."""
ONE_BY_ONE, BULK = 3_000, 20_000
COMPUTED = 20_000
SMALL, LARGE = 1_000, 100_000


def drain(site: Site) -> dict[str, float]:
    """No-op jobs that each write a byte, by one worker with one process."""
    return _drain(site, 1)


def drain2(site: Site) -> dict[str, float]:
    """No-op jobs that each write a byte, by two processes of one worker, or two workers."""
    return _drain(site, 2)


def compute(site: Site) -> dict[str, float]:
    """Jobs that compute for some 0.2 ms each, by one process: the limit is neither the store nor what winch does."""
    return _compute(site, 1)


def compute2(site: Site) -> dict[str, float]:
    """Jobs that compute for some 0.2 ms each, by two processes."""
    return _compute(site, 2)


def _compute(site: Site, processes: int) -> dict[str, float]:
    jobs = min(to_drain(site), site.scaled(COMPUTED))
    site.send("compute", jobs, bulk=True)
    return run(site, jobs, processes)


def _drain(site: Site, processes: int) -> dict[str, float]:
    jobs = to_drain(site)
    site.send("touch", jobs, bulk=True)
    return run(site, jobs, processes)


def to_drain(site: Site) -> int:
    """How many jobs are some seconds of work for it."""
    return site.scaled(JOBS.get(site.key, MANY))


def run(site: Site, jobs: int, processes: int = 1) -> dict[str, float]:
    """Start a worker, wait until so many jobs have written a byte. Processor time is counted from the first byte on."""
    site.start(processes)
    began = site.until(1)
    first, used, store = site.size(), site.worker_cpu(), site.store_cpu()
    ended = site.until(jobs)
    ran = jobs - first
    used, store = site.worker_cpu() - used, site.store_cpu() - store
    return {
        "jobs/s": ran / (ended - began), "us per job": (used + store) / ran * 1e6, "of the store": store / ran * 1e6,
    }  # fmt: skip


def enqueue(site: Site) -> dict[str, float]:
    """Enqueueing one by one, and in bulk where there is such a call; no worker."""
    jobs = site.scaled(ONE_BY_ONE)
    figures = _sent(site.send("touch", jobs), jobs, "one by one")
    if site.peer.HAS_BULK:
        jobs = site.scaled(BULK)
        figures |= _sent(site.send("touch", jobs, bulk=True), jobs, "bulk")
    return figures


def payload_1k(site: Site) -> dict[str, float]:
    """Jobs that are given 1 kB and return it: enqueued one by one, then drained by one worker."""
    return _payload(site, SMALL, min(to_drain(site), site.scaled(20_000)))


def payload_100k(site: Site) -> dict[str, float]:
    """Jobs that are given 100 kB and return it: enqueued one by one, then drained by one worker."""
    return _payload(site, LARGE, site.scaled(500))


def _payload(site: Site, size: int, jobs: int) -> dict[str, float]:
    return _sent(site.send("echo", jobs, size=size), jobs, "enqueue") | run(site, jobs)


def _sent(sent: Sent, jobs: int, how: str) -> dict[str, float]:
    return {f"{how} /s": jobs / sent.seconds, f"{how} us per job": sent.used / jobs * 1e6}
