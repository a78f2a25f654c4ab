"""How soon."""

from __future__ import annotations

import time

from benchmarks.measure import percentile
from benchmarks.site import WITHIN, Site

WAITING, PAUSE = 2_000, 0.05
AT_ONCE = {"dramatiq fast": 64, "rq pool": 16}
"""Jobs at a time, for those who do not run a hundred."""
EVERY = {"rq default": 0.05}
"""Seconds between two jobs, for those who cannot run one every 10 ms: a worker with a backlog is not idle."""


def latency(site: Site) -> dict[str, float]:
    """From the call to the first line of the function, on an idle worker: 300 jobs, one every 10 ms (RQ's Worker: 50 ms)."""
    site.begin()
    jobs = site.scaled(300)
    site.send("stamp", 1 + jobs, every=EVERY.get(site.key, 0.01))
    return _percentiles(_stamps(site, 1 + jobs)[1:], 50, 90, 99)  # the first call connects


def lateness(site: Site) -> dict[str, float]:
    """How late scheduled jobs start on an idle worker: 200 that are due 2 s to 4 s after they were enqueued."""
    site.begin()
    jobs = site.scaled(200)
    site.send("stamp", jobs, first=2.0, last=4.0)
    late = _stamps(site, jobs)
    return {"earliest ms": min(late)} | _percentiles(late, 50, 99)


def waiting(site: Site) -> dict[str, float]:
    """2,000 jobs that each wait 50 ms, by one process; beside it the ideal, 50 ms for each hundred (or how many it runs)."""
    jobs = site.scaled(WAITING)
    site.send("pause", jobs, bulk=True)
    site.start()
    began = site.until(1) - PAUSE
    seconds = site.until(jobs) - began
    at_once = AT_ONCE.get(site.key, 100)
    return {"at a time": at_once, "seconds": seconds, "of the ideal": seconds / (jobs / at_once * PAUSE)}


def _stamps(site: Site, jobs: int) -> list[float]:
    deadline = time.monotonic() + WITHIN
    while len(values := [float(line) for line in _lines(site)]) < jobs:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(values)} of {jobs} jobs ran")
        time.sleep(0.05)
    return values


def _lines(site: Site) -> list[str]:
    return site.file.read_text().split("\n")[:-1] if site.file.exists() else []


def _percentiles(values: list[float], *percents: int) -> dict[str, float]:
    return {f"p{percent} ms": percentile(values, percent) for percent in percents} | {"max ms": max(values)}
