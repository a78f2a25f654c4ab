"""What a job and a worker take of memory, of the server's attention and of an idle machine."""

from __future__ import annotations

import time
from typing import Any

from redis import Redis

from benchmarks.measure import exact_cpu_seconds, pss
from benchmarks.site import Site
from benchmarks.workloads.rates import to_drain

SECONDS_IDLE = 10.0
"""The system counts processor time in hundredths of a second: a tenth of a per cent of this."""
KEPT = 3_000
"""Jobs that are counted in the store: few enough for those who run a few hundred per second."""
SETTLED = 1.5
"""Seconds after which the last outcomes are in the store."""
LOGGED = 100
"""Microseconds from which on the server notes a command."""


def memory(site: Site) -> dict[str, float]:
    """Bytes in the store for each no-op job: queued, and finished with what each queue keeps of it by default."""
    jobs = site.scaled(KEPT)
    _run(site, jobs, 0)  # what a store has once and not per job is there before it is measured
    empty = site.bytes_stored()
    site.send("touch", jobs, bulk=True)
    queued = site.bytes_stored() - empty
    _run(site, 0, jobs)
    return {"queued": queued / jobs, "finished": (site.bytes_stored() - empty) / jobs}


def _run(site: Site, more: int, queued: int) -> None:
    before = site.size()
    if more:
        site.send("touch", more, bulk=True)
    site.start()
    site.until(before + more + queued)
    time.sleep(SETTLED)
    site.stop()
    time.sleep(0.2)  # the server frees what it kept for the connections


def calls(site: Site) -> dict[str, float]:
    """What the Redis server is asked per no-op job, from claim to settled, on a busy worker; and its longest script."""
    jobs = to_drain(site)
    with site.client() as client:
        client.config_set("slowlog-log-slower-than", LOGGED)
        client.config_set("slowlog-max-len", 100_000)
        site.send("touch", jobs, bulk=True)
        enqueueing = _longest_script(client)
        site.start()
        site.until(1)
        client.config_resetstat()
        client.slowlog_reset()
        first = site.size()
        site.until(jobs)
        ran = jobs - first
        stats: dict[str, Any] = client.info("commandstats")
        asked: dict[str, Any] = client.info("stats")
        return {
            "round trips": asked["total_reads_processed"] / ran,
            "scripts": sum(_calls(stats, name) for name in ("evalsha", "eval", "fcall")) / ran,
            "commands, those in scripts too": (sum(each["calls"] for each in stats.values()) - 2) / ran,
            "longest script ms, enqueueing": enqueueing,
            "draining": _longest_script(client),
            **_typical_script(client),
        }


def _calls(stats: dict[str, Any], name: str) -> int:
    return stats.get(f"cmdstat_{name}", {"calls": 0})["calls"]


def _longest_script(client: Redis) -> float:
    """Milliseconds; 0 if none was worth a note."""
    entries: list[dict[str, Any]] = client.slowlog_get(100_000)
    return max((each["duration"] for each in entries if b"EVAL" in each["command"][:5].upper()), default=0) / 1e3


def _typical_script(client: Redis) -> dict[str, float]:
    """Milliseconds that half of the scripts, and all but a hundredth, did not exceed; 0 if there were none, or before Redis 7.

    By the clock, as the longest: it goes on while others have the processor.
    """
    stats: dict[str, dict[str, float]] = client.info("latencystats")
    found = stats.get("latency_percentiles_usec_evalsha", {"p50": 0.0, "p99": 0.0})
    return {name: found[name] / 1e3 for name in ("p50", "p99")}


def footprint(site: Site) -> dict[str, float]:
    """Of a worker with one process: from its start to its first job, memory, and what it and the store cost while idle."""
    site.send("touch", 1)
    began = time.monotonic()
    site.start()
    figures = {"first job s": site.until(1) - began}
    time.sleep(1.0)
    processes = site.processes()
    used = exact_cpu_seconds(processes)
    time.sleep(SECONDS_IDLE)
    idle = (exact_cpu_seconds(processes) - used) / SECONDS_IDLE
    return figures | {"PSS MB": pss(site.workers()) / 1e6, "idle % of a core": idle * 100}
