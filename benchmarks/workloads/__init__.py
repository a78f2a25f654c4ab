"""What is measured: each workload takes an open `Site` and returns figures by name.

Who takes part: every setting that is not for certain workloads only (`ALSO`), unless the workload has a list of its own
(`ONLY`).
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.site import Site
from benchmarks.workloads.costs import calls, footprint, memory
from benchmarks.workloads.rates import compute, compute2, drain, drain2, enqueue, payload_1k, payload_100k
from benchmarks.workloads.times import latency, lateness, waiting

Figures = dict[str, float]

WORKLOADS: dict[str, Callable[[Site], Figures]] = {
    each.__name__: each
    for each in (
        drain, drain2, compute, compute2, latency, lateness, enqueue, payload_1k, payload_100k, waiting, memory, calls, footprint,
    )
}  # fmt: skip
"""By name, in the order of the tables."""

ALSO = {
    "winch dropped": {"drain"},
    "winch logged": {"drain"},
    "winch threads": {"drain"},
    "winch async": {"drain"},
    "rq logged": {"drain"},
    "rq scheduler": {"lateness"},
    "rq pool": {"waiting"},
    "celery fast": {"drain"},
    "celery late": {"drain"},
    "huey quick": {"latency"},
    "bullmq dropped": {"drain"},
    "taskiq results": {"payload_1k", "payload_100k"},
    "taskiq scheduler": {"lateness"},
}
"""Settings that are for these workloads only."""

ONE = {
    "winch default", "rq fast", "celery default", "dramatiq fast", "huey default", "saq fast", "taskiq default",
    "arq fast", "bullmq fast", "bare default",
}  # fmt: skip
"""One setting of each, where others would say the same again."""
RESULTS = (ONE | {"taskiq results"}) - {"taskiq default", "bare default"}
TWO = {
    "winch default", "rq fast", "celery default", "dramatiq fast", "huey default", "saq fast", "taskiq default", "arq fast",
}  # fmt: skip
"""Those with two processes, or two workers of one each. BullMQ's jobs are not Python's: they cannot compute the same."""
ONLY = {
    "enqueue": ONE,
    "drain2": TWO | {"bullmq fast"},
    "compute": TWO,
    "compute2": TWO,
    "lateness": {
        "winch default", "rq scheduler", "celery default", "celery threads", "dramatiq default", "dramatiq fast",
        "huey default", "huey threads", "saq default", "saq fast", "taskiq scheduler", "arq default", "arq fast",
        "bullmq default", "bullmq fast",
    },
    "payload_1k": RESULTS,
    "payload_100k": RESULTS,
    "memory": ONE - {"bare default"},
    "calls": ONE,
    "waiting": {
        "winch threads", "winch async", "rq pool", "celery threads", "dramatiq fast", "huey threads", "saq fast",
        "taskiq default", "arq fast", "bullmq fast",
    },
    "footprint": {
        "winch default", "rq default", "rq fast", "celery default", "celery threads", "dramatiq default", "huey default",
        "huey threads", "saq default", "taskiq default", "arq default", "bullmq default",
    },
}  # fmt: skip
"""Workloads that are for these settings only."""


def takes_part(name: str, setting: str, workload: str) -> bool:
    """Whether this queue at this setting is measured there."""
    key = f"{name} {setting}"
    if workload in ONLY:
        return key in ONLY[workload]
    return workload in ALSO.get(key, {workload})


def takes_store(store: str, workload: str) -> bool:
    """Whether it can be measured on this store: calls are those of a Redis server."""
    return store == "redis" or workload != "calls"
