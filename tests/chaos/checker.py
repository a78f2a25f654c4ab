"""The judge: history and final dump in, violations out. Pure; it knows nothing of how they came about.

What is judged, with the names of FAULTS.md section 3:

    lost        S1 H1  an acknowledged job, or one that has started, is not in the store
    unfinished  L1     a job has not ended after the drain
    index       S2     a job is listed in another state than its own, twice, or nowhere
    refused     H5     a job of a refused call exists or has run
    token       S3     two runs under one token
    result      S4 H3  a stored result is none of a run that returned, or changes, or a job ends twice
    late        H2 S10 a run begins after the end of its job was known, or after its cancel was acknowledged
    family      S7     a child begins before the run that its parent finished with ended, or it should not run, or does not
    early              a job begins before it is due
    blame       S6     an innocent job is charged for a crash that no fault explains; poison does not end, or takes too long
    rerun              a run that nothing disturbed is repeated
    state              a job ended otherwise than its kind ends
    callback           a job that ended has not exactly one callback of that event
    worker      L2     a worker ended by itself, or does not work after the faults

At-least-once: a run may be repeated if its worker was disturbed meanwhile. What has no answer may or may not have happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from tests.chaos.excuses import Excuses
from tests.chaos.history import Line
from tests.chaos.world import SECOND, Job, World

__all__ = ["Final", "Report", "Violation", "check"]


class Final(NamedTuple):
    """A job as the store has it at the end.

    Attributes:
        state: Its state.
        reason: Why it ended so.
        fails, crashes: As in the record.
        token: Its result: the token of the run that was committed; None if it has not finished.
        charged: (worker, when the attempt ended in monotonic ns) of each attempt that was charged as a crash.
        listed: The states in whose index it was found.
    """

    state: str
    reason: str = ""
    fails: int = 0
    crashes: int = 0
    token: int | None = None
    charged: tuple[tuple[str, int], ...] = ()
    listed: tuple[str, ...] = ()


class Violation(NamedTuple):
    """What must not be.

    Attributes:
        rule: One of the module's docstring.
        id: The job's, or the worker's name.
        text: What is wrong.
    """

    rule: str
    id: str
    text: str


@dataclass(slots=True)
class Report:
    """What was found.

    Attributes:
        violations: What must not be.
        accepted: Jobs whose enqueue was acknowledged.
        unknown: Jobs whose enqueue had no answer.
        runs: Starts of jobs, callbacks included.
        reruns: Runs of jobs that had run before and neither asked for it nor failed.
        resumed: Seconds between the end of the faults and the next start of a job; None if there was none.
        residuals: Starts after the end, each explained by a pause between the check and the start.
    """

    violations: list[Violation]
    accepted: int = 0
    unknown: int = 0
    runs: int = 0
    reruns: int = 0
    residuals: int = 0
    resumed: float | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """All that a rule may look at."""

    world: World
    final: Mapping[str, Final]
    excuses: Excuses
    max_crashes: int

    @property
    def wiped(self) -> int:
        """When the store lost its data: jobs that were asked for before may be gone. 0: it did not."""
        return self.world.phases.get("wiped", 0)

    def counted(self) -> Iterator[tuple[Job, Final]]:
        """Jobs that must be right: of a call that was not refused, there at the end, not older than a loss of data."""
        for job in self.world.jobs.values():
            if job.id in self.final and job.invoked >= self.wiped:
                yield job, self.final[job.id]


def check(lines: Iterable[Line], final: Mapping[str, Final], *, ttl: float, max_crashes: int = 3) -> Report:
    """Judge a run.

    Args:
        lines: The history, by time.
        final: Every job that the store has at the end.
        ttl: Seconds of the workers' ttl.
        max_crashes: The charged crash with this number ends a job.
    """
    world = World(lines)
    case = _Case(world, final, Excuses(world, int(ttl * SECOND)), max_crashes)
    jobs = world.jobs.values()
    reruns = Counter[str]()
    found = [
        *_conservation(case),
        *_indexes(case),
        *_refusals(case),
        *_tokens(case),
        *_results(case),
        *_late(case),
        *_cancels(case),
        *_families(case),
        *_schedules(case),
        *_blame(case),
        *_poison(case),
        *_reruns(case, reruns),
        *_states(case),
        *_callbacks(case),
        *_workers(case),
    ]
    return Report(
        found,
        accepted=sum(job.answer == "ok" for job in jobs),
        unknown=sum(job.answer == "info" for job in jobs if job.invoked),
        runs=sum(len(job.runs) for job in jobs),
        reruns=reruns.total(),
        residuals=case.excuses.late_starts,
        resumed=_resumed(world),
    )


def _resumed(world: World) -> float | None:
    healed = world.phases.get("healed")
    if healed is None:
        return None
    starts = [run.start for job in world.jobs.values() for run in job.runs if run.start >= healed]
    return (min(starts) - healed) / SECOND if starts else None


# ---- the rules ----


def _conservation(case: _Case) -> Iterator[Violation]:
    for job in case.world.jobs.values():
        if job.invoked < case.wiped or job.answer == "fail":
            continue
        if job.id not in case.final:
            if job.answer == "ok":
                yield Violation("lost", job.id, f"{job.kind}: acknowledged, and not in the store; it ran {_runs(job)}")
            elif job.runs:
                yield Violation("lost", job.id, f"{job.kind}: it ran {_runs(job)}, and is not in the store")
    for job, final in case.final.items():
        if final.state not in ("finished", "failed", "canceled", "stopped"):
            yield Violation("unfinished", job, f"{final.state} after the drain")


def _indexes(case: _Case) -> Iterator[Violation]:
    for job, final in case.final.items():
        if final.listed != (final.state,):
            yield Violation(
                "index", job, f"it is {final.state}, and listed as {' and '.join(final.listed) or 'nothing'}"
            )


def _refusals(case: _Case) -> Iterator[Violation]:
    for job in case.world.jobs.values():
        if job.answer == "fail" and (job.runs or job.id in case.final):
            yield Violation("refused", job.id, f"its call was refused; it ran {_runs(job)}")


def _tokens(case: _Case) -> Iterator[Violation]:
    for token, first, second in case.world.shared:
        yield Violation("token", second, f"token {token} is that of two runs; the other's job is {first}")


def _results(case: _Case) -> Iterator[Violation]:
    for job in case.world.jobs.values():
        final = case.final.get(job.id)
        tokens: set[int | None] = set(job.seen)
        if final is not None and final.state == "finished":
            tokens.add(final.token)
        returned = {run.token for run in job.runs if run.how == "return"}
        for token in tokens - returned:
            yield Violation("result", job.id, f"{job.kind}: the result is {token}, and no run of that token returned")
        if len(tokens) > 1 + job.requeues:
            yield Violation("result", job.id, f"{job.kind}: {len(tokens)} results: {sorted(tokens, key=str)}")


def _late(case: _Case) -> Iterator[Violation]:
    for job in case.world.jobs.values():
        if not job.ended or job.requeues:
            continue
        for run in job.runs:
            if run.start > job.ended and not case.excuses.late_start(run):
                late = (run.start - job.ended) / SECOND
                yield Violation(
                    "late", job.id, f"{job.kind}: begins {late:.3f} s after its end was known ({run.worker})"
                )


def _cancels(case: _Case) -> Iterator[Violation]:
    for job, final in case.counted():
        if job.requeues:
            continue
        for order in job.ordered("cancel", "ok"):
            if final.state not in (("canceled", "stopped") if order.stop else ("canceled",)):
                yield Violation("state", job.id, f"{job.kind}: its cancel was acknowledged, and it is {final.state}")
            for run in job.runs:
                if run.start > order.answered and not order.stop and not case.excuses.late_start(run):
                    yield Violation("late", job.id, f"{job.kind}: begins after its cancel was acknowledged")


def _families(case: _Case) -> Iterator[Violation]:
    for job, final in case.counted():
        parents: list[str] = job.facts.get("parents", [])
        if not parents:
            continue
        runs = job.facts["policy"] == "run" or all(_finished(case, parent) for parent in parents)
        for parent in parents:
            yield from _order_of(case, case.world.jobs[parent], job)
        if runs and final.state != "finished":
            yield Violation("family", job.id, f"its parents ended, and it is {final.state} ({final.reason})")
        if not runs and (job.runs or (final.state, final.reason) != ("canceled", "dependency")):
            yield Violation("family", job.id, f"a parent failed; it ran {_runs(job)} and is {final.state}")


def _order_of(case: _Case, parent: Job, child: Job) -> Iterator[Violation]:
    final = case.final.get(parent.id)
    if final is None or not child.runs:
        return
    first = min(run.start for run in child.runs)
    known = final.state == "finished" and not parent.requeues
    committed = [run for run in parent.runs if run.token == final.token or not known]
    ended = [run.end for run in committed if run.end]
    if parent.runs and (not ended or first < min(ended)):
        yield Violation("family", child.id, f"it begins before its parent {parent.id} ended")


def _finished(case: _Case, id: str) -> bool:
    final = case.final.get(id)
    return final is not None and final.state == "finished"


def _schedules(case: _Case) -> Iterator[Violation]:
    for job in case.world.jobs.values():
        due = job.invoked + int(job.facts.get("delay", 0) * SECOND)
        for run in job.runs:
            if run.start < due - SECOND // 200:
                yield Violation("early", job.id, f"it begins {(due - run.start) / SECOND:.3f} s before it is due")


def _blame(case: _Case) -> Iterator[Violation]:
    """A charge needs a fault that ends processes, in that worker, at that time."""
    for job, final in case.counted():
        if job.kind == "poison":
            continue
        for worker, at in final.charged:
            start = max((run.start for run in job.runs if run.worker == worker and run.start <= at), default=at)
            if not case.excuses.charge(worker, start, at):
                yield Violation("blame", job.id, f"{job.kind}: charged for a crash of {worker} that nobody caused")


def _poison(case: _Case) -> Iterator[Violation]:
    for job, final in case.counted():
        if job.kind != "poison":
            continue
        if (final.state, final.reason) != ("failed", "crashed"):
            yield Violation("blame", job.id, f"poison is {final.state} ({final.reason})")
        besides = sum(case.excuses.death(run) for run in job.runs)
        if len(job.runs) > case.max_crashes + 1 + besides:
            yield Violation("blame", job.id, f"poison ran {len(job.runs)} times, and was disturbed {besides} times")


_ASKED = frozenset({"ValueError", "RetryLater"})


def _reruns(case: _Case, reruns: Counter[str]) -> Iterator[Violation]:
    """A run after one that neither failed nor asked for another needs a fault."""
    for job in case.world.jobs.values():
        if len(job.runs) < 2 or job.kind == "poison" or job.requeues:
            continue
        runs = sorted(job.runs, key=lambda run: run.token)  # in the order of the claims: a zombie starts late
        for run, following in pairwise(runs):
            if run.how in _ASKED:
                continue
            reruns[job.id] += 1
            if not case.excuses.repeat(run, following.start):
                yield Violation("rerun", job.id, f"{job.kind}: runs again although nothing disturbed {run.worker}")


_ENDS = {"broken": ("failed", "raised"), "overdue": ("failed", "timeout")}


def _states(case: _Case) -> Iterator[Violation]:
    for job, final in case.counted():
        if job.touched or job.kind == "poison" or "parents" in job.facts or final.state not in ("finished", "failed"):
            continue
        if final.reason == "crashed" and final.crashes >= case.max_crashes:
            continue  # whether it was to blame is another rule
        expected = _ENDS.get(job.kind, ("finished", ""))
        if (final.state, final.reason) != expected:
            yield Violation("state", job.id, f"{job.kind} is {final.state} ({final.reason}), not {expected[0]}")
        if job.kind == "flaky" and final.fails != job.facts["times"]:
            yield Violation("state", job.id, f"flaky: {final.fails} failures counted, not {job.facts['times']}")
    for job, final in case.counted():
        if job.kind == "poison" or job.touched or "parents" in job.facts:
            continue
        if final.state in ("canceled", "stopped"):
            yield Violation("state", job.id, f"{job.kind} is {final.state} ({final.reason}), and nobody asked for it")


_EVENTS = {"finished": "success", "failed": "failure", "stopped": "stopped"}


def _callbacks(case: _Case) -> Iterator[Violation]:
    for job, final in case.counted():
        made = case.world.callbacks.get(job.id, [])
        wanted = 1 if job.facts.get("callbacks") and final.state in _EVENTS else 0
        if not wanted <= len(made) <= wanted + job.requeues:
            yield Violation(
                "callback", job.id, f"{job.kind} is {final.state} and has {len(made)} callbacks, not {wanted}"
            )
        for callback in made:
            if not job.requeues and callback.event != _EVENTS.get(final.state):
                yield Violation(
                    "callback", job.id, f"{job.kind} is {final.state}; its callback was for {callback.event}"
                )


def _workers(case: _Case) -> Iterator[Violation]:
    for line in case.world.exits:
        if line["code"] is None:
            yield Violation("worker", line["w"], "it did not end when it was asked to")
        elif not (line["asked"] and line["code"] in (0, -9)) and not case.excuses.exit(line):
            yield Violation("worker", line["w"], f"it ended by itself, with status {line['code']}")
    for worker in case.world.last_worker.values():
        if worker not in case.world.canaries:
            yield Violation("worker", worker, "it does not work after the faults")


def _runs(job: Job) -> str:
    return f"{len(job.runs)} time(s)"
