"""Lanes: a run is recorded once and its slot is free again, whatever arrives in the thread after its end."""

from __future__ import annotations

import queue
import signal
import threading
from typing import cast

import pytest

from winch.errors import JobTimeout
from winch.running.interrupting import INTERRUPT
from winch.running.run import Run, Runner
from winch.stores.contract import Claim, Outcome
from winch.worker.lanes import LoopLane, Site, ThreadLane
from winch.worker.mainlane import MainLane
from winch.worker.vitals import Vitals


def claim(id: str) -> Claim:
    """A claim of a job with this id."""
    return Claim(1, id, "q", b"", b"", False, 0, 0, 0, 0, 0, 0, 0, None)


class Quick:
    """A runner whose jobs are over at once, interrupted at their very end."""

    def perform(self, run: Run) -> Outcome:
        """Run nothing."""
        run.interrupted = JobTimeout
        return Outcome(run.claim.token, run.claim.id, "finished")


class Gated:
    """A runner whose first job keeps the event loop from everything else until the gate is open."""

    def __init__(self) -> None:
        self.begun, self.gate = threading.Event(), threading.Event()

    async def perform_async(self, run: Run) -> Outcome:
        """Run nothing."""
        self.begun.set()
        self.gate.wait(10)
        return Outcome(run.claim.token, run.claim.id, "finished")


class Interrupted(ThreadLane):
    """A lane in which the interruption arrives before anything guards against it."""

    def __init__(self, site: Site) -> None:
        self.arrived: list[Run] = []
        super().__init__(site, 1, 0)

    def _disarm(self, slot: int, run: Run) -> None:
        if run not in self.arrived:
            self.arrived.append(run)
            raise JobTimeout
        super()._disarm(slot, run)


def test_an_interruption_that_comes_after_the_end_costs_no_thread() -> None:
    """An exception for a job arrives in its thread after the job: recorded once, and the thread takes the next job."""
    recorded: queue.SimpleQueue[str] = queue.SimpleQueue()
    vitals = Vitals.create(1)
    site = Site(cast(Runner, Quick()), vitals, lambda run, _outcome: recorded.put(run.claim.id), lambda: None)
    lane = Interrupted(site)
    for number in ("first", "second"):
        run = Run(claim(number))
        while not lane.free():
            continue
        lane.start(run)
        assert recorded.get(timeout=10) == number
    assert recorded.empty()
    assert len(lane.arrived) == 2


def test_what_is_started_while_the_loop_is_busy_runs_in_its_order() -> None:
    """Runs that come one after the other, also while the loop starts others, all run: none waits for another to come."""
    recorded: queue.SimpleQueue[str] = queue.SimpleQueue()
    runner = Gated()
    site = Site(cast(Runner, runner), Vitals.create(9), lambda run, _outcome: recorded.put(run.claim.id), lambda: None)
    lane = LoopLane(site, 9, 0)
    ids = [f"job-{number}" for number in range(9)]
    lane.start(Run(claim(ids[0])))
    assert runner.begun.wait(10)
    for name in ids[1:8]:
        lane.start(Run(claim(name)))
    runner.gate.set()
    assert [recorded.get(timeout=10) for _ in range(8)] == ids[:8]
    lane.start(Run(claim(ids[8])))
    assert recorded.get(timeout=10) == ids[8]


def test_the_main_thread_is_interrupted_while_user_code_runs_only() -> None:
    """An interruption is raised in an armed run, once; neither before nor after, and not in the run that follows."""
    before = signal.getsignal(INTERRUPT)
    lane = MainLane(None)
    try:
        run = lane.run = Run(claim("one"))
        lane.interrupt(run, JobTimeout)  # not armed
        assert run.interrupted is None
        run.armed = True
        with pytest.raises(JobTimeout):
            lane.interrupt(run, JobTimeout)
        lane.interrupt(run, JobTimeout)  # it has been
        following = Run(claim("two"))
        following.armed = True
        signal.pthread_sigmask(signal.SIG_BLOCK, {INTERRUPT})
        run.interrupted = None
        lane.interrupt(run, JobTimeout)
        lane.run = following  # between the decision and the signal the job has ended
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {INTERRUPT})
        assert following.interrupted is None
        signal.pthread_sigmask(signal.SIG_BLOCK, {INTERRUPT})
        lane.interrupt(following, JobTimeout)
        following.armed = False
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {INTERRUPT})
        assert following.interrupted is None
    finally:
        signal.signal(INTERRUPT, before)
