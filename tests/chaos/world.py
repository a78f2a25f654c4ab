"""The history, sorted by job and by worker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from sys import intern
from typing import Any, NamedTuple

from tests.chaos.history import Line

__all__ = ["SECOND", "CallbackRun", "Job", "Order", "Run", "Span", "World"]

SECOND = 1_000_000_000


_NONE: dict[str, Any] = {}
"""The facts of most jobs, once."""


@dataclass(slots=True)
class Run:
    token: int
    worker: str
    pid: int
    start: int
    end: int = 0
    how: str = ""


@dataclass(slots=True)
class Job:
    id: str
    kind: str
    facts: dict[str, Any]
    invoked: int
    answer: str = "info"
    runs: list[Run] = field(default_factory=list[Run])
    orders: list[Order] = field(default_factory=list["Order"])
    ended: int = 0
    """The earliest moment at which somebody knew that it had ended."""
    seen: tuple[int, ...] = ()
    """The results that were seen."""

    def ordered(self, op: str, *answers: str) -> list[Order]:
        return [order for order in self.orders if order.op == op and order.answer in answers]

    @property
    def touched(self) -> bool:
        """Somebody may have changed its course."""
        return any(order.answer != "fail" for order in self.orders)

    @property
    def requeues(self) -> int:
        return len(self.ordered("requeue", "ok", "info"))


@dataclass(slots=True)
class Order:
    op: str
    invoked: int
    stop: bool
    answered: int = 0
    answer: str = "info"


class CallbackRun(NamedTuple):
    id: str
    event: str
    start: int


class Span(NamedTuple):
    begin: int
    end: int
    kind: str


class World:
    """The history, sorted by job."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.jobs: dict[str, Job] = {}
        self.callbacks: dict[str, list[CallbackRun]] = defaultdict(list)
        self.spans: dict[str, list[Span]] = defaultdict(list)
        self.tokens: dict[int, str] = {}
        self.shared: list[tuple[int, str, str]] = []
        """Tokens under which two runs were started, with the ids of their jobs."""
        self.exits: list[Line] = []
        self.canaries: set[str] = set()
        self.last_worker: dict[str, str] = {}
        self.spawned: dict[str, int] = {}
        self.phases: dict[str, int] = {}
        self._calls: dict[tuple[str, int], list[Job] | Order] = {}
        self._open: dict[tuple[int, int], Run] = {}
        for line in lines:
            getattr(self, f"_{line['op']}")(line)
        for job in self.jobs.values():
            self._conclude(job)

    def _conclude(self, job: Job) -> None:
        """What follows from a job's own history for others: its parents had ended, its executor was killed for it."""
        if job.runs:
            for parent in job.facts.get("parents", []):
                _earliest(self.jobs[parent], min(run.start for run in job.runs))
        for order in job.orders:
            if order.stop and order.answer != "fail":
                for run in job.runs:
                    self.spans[run.worker].append(Span(order.invoked, order.invoked + 3 * SECOND, "taken_away"))

    def felt(self, worker: str) -> Iterator[Span]:
        """What happened to a worker: to it, to whoever has its place, to all."""
        return chain(self.spans[worker], self.spans[_berth(worker)], self.spans["*"])

    # ---- one method per `op` ----

    def _enqueue(self, line: Line) -> None:
        key = (line["p"], line["call"])
        if line["type"] == "invoke":
            made = [Job(one, intern(kind), facts or _NONE, line["t"]) for one, kind, facts in line["jobs"]]
            self._calls[key] = made
            self.jobs.update((job.id, job) for job in made)
        else:
            jobs = self._calls.pop(key)
            assert isinstance(jobs, list)
            for job in jobs:
                job.answer = line["type"]

    def _cancel(self, line: Line) -> None:
        key = (line["p"], line["call"])
        if line["type"] == "invoke":
            order = self._calls[key] = Order(line["op"], line["t"], line.get("stop", False))
            self.jobs[line["id"]].orders.append(order)
        else:
            order = self._calls.pop(key)
            assert isinstance(order, Order)
            order.answered, order.answer = line["t"], line["type"]

    _requeue = _cancel

    def _seen(self, line: Line) -> None:
        for one, _, token in line["ends"]:
            job = self.jobs.get(one)
            if job is not None:
                _earliest(job, line["t"])
                if token is not None and token not in job.seen:
                    job.seen += (token,)

    def _run(self, line: Line) -> None:
        token, pid = line["token"], line["pid"]
        if line["type"] == "end":
            run = self._open.pop((token, pid), None)
            if run is not None:
                run.end, run.how = line["t"], intern(line["how"])
            return
        job = self.jobs.get(line["id"])
        if job is None:
            job = self.jobs[line["id"]] = Job(line["id"], line["kind"], {}, 0)
        run = Run(token, intern(line["w"]), pid, line["t"])
        self._open[token, pid] = run
        job.runs.append(run)
        if self.tokens.setdefault(token, job.id) != job.id or len([one for one in job.runs if one.token == token]) > 1:
            self.shared.append((token, self.tokens[token], job.id))
        if line["kind"] == "callback":
            self._add_callback(line)
        if line["kind"] == "poison":
            self.spans[line["w"]].append(Span(line["t"], line["t"], "poison"))

    def _add_callback(self, line: Line) -> None:
        known = self.callbacks[line["parent"]]
        if all(callback.id != line["id"] for callback in known):
            known.append(CallbackRun(line["id"], line["event"], line["t"]))
        parent = self.jobs.get(line["parent"])
        if parent is not None:
            _earliest(parent, line["t"])

    def _worker(self, line: Line) -> None:
        if line["type"] == "exit":
            self.exits.append(line)
            kind = "left" if line["code"] == 0 else "died"
            self.spans[line["w"]].append(Span(line["t"], line["t"], kind))
        else:
            self.last_worker[_berth(line["w"])] = line["w"]
            self.spawned[line["w"]] = line["t"]

    def _fault(self, line: Line) -> None:
        for worker in line["workers"]:
            self.spans[worker].append(Span(line["since"], line["t"], line["kind"]))

    def _canary(self, line: Line) -> None:
        self.canaries.add(line["w"])

    def _phase(self, line: Line) -> None:
        self.phases[line["name"]] = line["t"]


def _berth(worker: str) -> str:
    return worker.partition(".")[0]


def _earliest(job: Job, at: int) -> None:
    job.ended = min(job.ended or at, at)
