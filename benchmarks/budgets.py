"""What the project asks of itself, held against the figures of one run of `benchmarks.queues`.

What the other scripts measure is printed by them alone: `enqueue` beside EVALSHA (0.70), `aenqueue` beside one caller of
redis.asyncio (5) and the flat overhead per job in Redis by `limits`, growth within 20 % by `growth`, a job on `high` within
50 ms by `fairness`, none undone after a crash by `crash`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

Key = tuple[str, str, str]
"""Queue, store, setting."""
Figures = Mapping[str, float]
PYTHON = ("rq", "celery", "dramatiq", "huey", "saq", "taskiq", "arq")
WITH_STATE = ("rq", "celery", "dramatiq", "saq", "arq", "bullmq")
"""Those that know of each job what has become of it; the others push to a list or stream, and that is all."""


@dataclass(frozen=True)
class Found:
    """The figures of a run.

    Attributes:
        figures: By workload, then by queue, store and setting.
        store: winch's, for which the budgets are looked at.
    """

    figures: Mapping[str, Mapping[Key, Figures]]
    store: str

    def ours(self, workload: str, figure: str, setting: str = "default") -> float:
        """What winch has. A KeyError if it was not measured."""
        return self.figures[workload]["winch", self.store, setting][figure]

    def theirs(self, workload: str, figure: str, queue: str, setting: str) -> float:
        """Another queue's on Redis. A KeyError if it was not measured."""
        return self.figures[workload][queue, "redis", setting][figure]

    def all_of(self, workload: str, figure: str, queues: tuple[str, ...]) -> list[float]:
        """Of all settings and stores of these queues, at least one. A KeyError if none was measured."""
        values = [each[figure] for key, each in self.figures[workload].items() if key[0] in queues]
        if not values:
            raise KeyError(workload)
        return values

    def drained(self, setting: str = "default") -> float:
        """The rate of winch."""
        return self.ours("drain", "jobs/s", setting)


class Budget(NamedTuple):
    """A figure and its bound.

    Attributes:
        what: In words.
        bound: What it must reach, or stay below: `is_most`.
        value: Computes it; a KeyError says that the run does not tell.
    """

    what: str
    bound: float
    value: Callable[[Found], float]
    is_most: bool = False


def _most(what: str, bound: float, value: Callable[[Found], float]) -> Budget:
    return Budget(what, bound, value, is_most=True)


BOTH = (
    Budget("drain, of RQ's SimpleWorker, both quiet", 80, lambda f: f.drained() / f.theirs("drain", "jobs/s", "rq", "fast")),
    Budget(
        "drain, of RQ's SimpleWorker, both with log lines", 50,
        lambda f: f.drained("logged") / f.theirs("drain", "jobs/s", "rq", "logged"),
    ),
    Budget(
        "drain with log lines, of RQ's SimpleWorker without", 50,
        lambda f: f.drained("logged") / f.theirs("drain", "jobs/s", "rq", "fast"),
    ),
    Budget("drain, of the best Python queue", 5, lambda f: f.drained() / max(f.all_of("drain", "jobs/s", PYTHON))),
    Budget("drain, of BullMQ", 2, lambda f: f.drained() / max(f.all_of("drain", "jobs/s", ("bullmq",)))),
    _most("drain, us per job", 30, lambda f: f.ours("drain", "us per job")),
    Budget("drain, results dropped, of kept", 1.2, lambda f: f.drained("dropped") / f.drained()),
    Budget("drain, two executors, of one", 1.5, lambda f: f.ours("drain2", "jobs/s") / f.drained()),
    Budget(
        "jobs that compute for 0.2 ms, two executors, of one", 1.5,
        lambda f: f.ours("compute2", "jobs/s") / f.ours("compute", "jobs/s"),
    ),
    Budget(
        "enqueue, of the best that keeps a state per job", 1,
        lambda f: f.ours("enqueue", "one by one /s") / max(f.all_of("enqueue", "one by one /s", WITH_STATE)),
    ),
    _most("lateness p99, ms", 10, lambda f: f.ours("lateness", "p99 ms")),
    _most(
        "2,000 x 50 ms, time of the best Python queue", 1,
        lambda f: f.ours("waiting", "seconds", "async") / min(f.all_of("waiting", "seconds", PYTHON)),
    ),
    _most("2,000 x 50 ms, of the ideal (an aim)", 1.1, lambda f: f.ours("waiting", "of the ideal", "async")),
    _most("idle, % of a core", 0.3, lambda f: f.ours("footprint", "idle % of a core")),
    _most("to the first job, s", 0.4, lambda f: f.ours("footprint", "first job s")),
    _most("PSS, MB", 60, lambda f: f.ours("footprint", "PSS MB")),
)  # fmt: skip

REDIS = (
    Budget("enqueue_many, of RQ's", 8, lambda f: f.ours("enqueue", "bulk /s") / f.theirs("enqueue", "bulk /s", "rq", "fast")),
    _most("latency p50, ms", 0.6, lambda f: f.ours("latency", "p50 ms")),
    _most("latency p99, ms", 2, lambda f: f.ours("latency", "p99 ms")),
    _most(
        "latency p50, of Huey's", 1.2,
        lambda f: f.ours("latency", "p50 ms") / f.theirs("latency", "p50 ms", "huey", "default"),
    ),
    _most(
        "latency p50, of LPUSH and BRPOP (an aim)", 2,
        lambda f: f.ours("latency", "p50 ms") / f.theirs("latency", "p50 ms", "bare", "default"),
    ),
    _most("bytes per queued job", 380, lambda f: f.ours("memory", "queued")),
    _most("bytes per finished job", 480, lambda f: f.ours("memory", "finished")),
    _most(
        "client calls per job", 0.012, lambda f: max(f.ours("calls", "scripts"), f.ours("calls", "round trips")),
    ),
    _most("longest script of a worker, ms", 2, lambda f: f.ours("calls", "draining")),
    _most("longest script of enqueue_many, ms", 2, lambda f: f.ours("calls", "longest script ms, enqueueing")),
)  # fmt: skip

SQLITE = (
    Budget(
        "enqueue_many, of RQ's",
        4,
        lambda f: f.ours("enqueue", "bulk /s") / f.theirs("enqueue", "bulk /s", "rq", "fast"),
    ),
    _most("latency p50, ms", 5, lambda f: f.ours("latency", "p50 ms")),
    _most("latency p99, ms", 10, lambda f: f.ours("latency", "p99 ms")),
)

HEADS = ("what", "store", "must", "here", "")


def budgets(figures: Mapping[str, Mapping[Key, Figures]]) -> list[list[str]]:
    """A row for each budget that the run tells of."""
    rows: list[list[str]] = []
    for store, some in (("redis", BOTH + REDIS), ("sqlite", BOTH + SQLITE)):
        found = Found(figures, store)
        for budget in some:
            try:
                value = budget.value(found)
            except KeyError:
                continue
            is_met = value <= budget.bound if budget.is_most else value >= budget.bound
            sign = "<=" if budget.is_most else ">="
            rows.append(
                [budget.what, store, f"{sign} {budget.bound:g}", f"{value:.3g}", "met" if is_met else "**missed**"]
            )
    return rows
