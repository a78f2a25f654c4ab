"""Small pieces of work that together take every step of the protocol. Each leaves all its jobs ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

from tests.faults import jobs
from tests.faults.stage import PAUSE, Stage
from tests.integration.conftest import ROOT, is_stopped
from winch import Callback
from winch.cron import Cron

__all__ = ["SCENARIOS"]

LONG = 60.0
"""Seconds that a job would run if nobody ended it."""


def work(stage: Stage) -> None:
    """Sync and async jobs, a retry, a child, a callback, and enough small ones for full batches."""
    stage.add("parent", jobs.work, on_success=Callback(jobs.called_back))
    stage.add("child", jobs.work, depends_on="parent")
    stage.add("flaky", jobs.fail_once, retry=1, expect_starts=2)
    stage.add("async", jobs.awork, 0.05)
    for number in range(120):
        stage.add(f"small-{number}", jobs.work)
    stage.start()
    stage.until_done()


def slow(stage: Stage) -> None:
    """A function that was always fast takes its time."""
    for number in range(30):
        stage.add(f"small-{number}", jobs.work)
    stage.add("slow", jobs.work, 0.3)
    stage.add("neighbour", jobs.work)
    stage.start()
    stage.until_done()


def threads(stage: Stage) -> None:
    """Several sync jobs at a time in one executor."""
    for number in range(6):
        stage.add(f"job-{number}", jobs.work, 0.05)
    stage.start(threads=3)
    stage.until_done()


def fork(stage: Stage) -> None:
    """Every job in a process of its own."""
    for number in range(3):
        stage.add(f"job-{number}", jobs.work, 0.02)
    stage.start(isolation="fork")
    stage.until_done()


def later(stage: Stage) -> None:
    """A job falls due while the executors are busy, and another one while they are idle."""
    stage.add("busy", jobs.work, 1.0)
    stage.start(processes=2)
    stage.until_noted("start busy")
    stage.add("due", jobs.work, delay=0.3)
    stage.add("due-later", jobs.work, delay=1.5)
    stage.until_done()


def crash(stage: Stage) -> None:
    """A job kills its executor, and runs again alone."""
    stage.add("before", jobs.work)
    stage.add("crasher", jobs.crash_once, expect_starts=2, expect_crashes=1)
    stage.add("after", jobs.work)
    stage.start()
    stage.until_done()


def overdue(stage: Stage) -> None:
    """A job does not hear that its time is over."""
    stage.add("deaf", jobs.deaf_once, job_timeout=0.3, retry=1, expect_starts=2)
    stage.add("after", jobs.work)
    stage.start()
    stage.until_done()


def stop(stage: Stage) -> None:
    """A deploy, with a job that does not end within the grace and one that has not begun."""
    stage.add("long", jobs.long_once, LONG, expect_starts=2)
    stage.start(grace=0.3)
    stage.until_noted("start long")
    stage.add("waiting", jobs.work)
    stage.dismiss()
    stage.start(planted=False)
    stage.until_done()


def rescue(stage: Stage) -> None:
    """A worker is killed with a job in flight; the next one frees it."""
    stage.add("long", jobs.long_once, LONG, expect_starts=2)
    victim = stage.start(planted=False)
    stage.until_noted("start long")
    stage.start()  # before the death, so that it is this one that finds out
    stage.until(lambda: len(stage.store.workers()) == 2, "the rescuer is enlisted")
    stage.kill(victim)
    stage.until_done()


def taken(stage: Stage) -> None:
    """A running job is stopped by somebody."""
    job = stage.add("long", jobs.long_once, LONG, expect_state="stopped")
    stage.start()
    stage.until_noted("start long")
    job.cancel(stop=True)
    stage.add("after", jobs.work)
    stage.until_done()
    stage.until(lambda: stage.has_struck() or stage.plan is None, "the worker has heard of it")


def told(stage: Stage) -> None:
    """A worker is told to be quiet, to renew its executors and to go on, one after the other, under a job."""
    stage.add("running", jobs.work, 0.5)
    stage.start(processes=2)
    stage.until_noted("start running")
    for name in ("quiet", "restart", "resume"):
        stage.until(lambda name=name: stage.tells(name), f"it can be told to {name}")
    stage.add("after", jobs.work)
    stage.until_done()
    stage.until(lambda: stage.has_struck() or stage.plan is None, "it has acknowledged them")


def renew(stage: Stage) -> None:
    """Executors are replaced under a job."""
    stage.add("running", jobs.work, 0.5)
    worker = stage.start(processes=2)
    stage.until_noted("start running")
    worker.signal(signal.SIGHUP)
    stage.add("after", jobs.work)
    stage.until_done()
    stage.until(lambda: stage.has_struck() or stage.plan is None, "it has begun to renew them")


def lost(stage: Stage) -> None:
    """A worker sleeps for longer than its ttl, with claims at hand that it had not begun; another one takes over."""
    for number in range(30):
        stage.add(f"quick-{number}", jobs.freeze, "frozen")
    sleeper = stage.start()
    stage.until_done()
    stage.add("frozen", jobs.freeze, "frozen", expect_starts=2)
    behind = [f"behind-{number}" for number in range(10)]
    for name in behind:
        stage.add(name, jobs.freeze, "frozen", expect_spare=0)
    pids = [sleeper.pid, *sleeper.executors()]
    stage.until(lambda: all(is_stopped(pid) for pid in pids), "the worker is frozen")
    stage.start(planted=False)
    stage.until_done()
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    stage.until(lambda: stage.has_struck() or "under a new id" in sleeper.log, "the sleeper knows")
    stage.add("after", jobs.work)
    stage.until_done()


def outage(stage: Stage) -> None:
    """The store does not answer for longer than the ttl, while two workers run jobs."""
    for name in ("one", "other"):
        stage.add(name, jobs.work, PAUSE + 1)
        stage.start(planted=name == "one")
        stage.until_noted(f"start {name}")
    stage.silence_the_store(PAUSE)
    stage.add("after", jobs.work)
    stage.until_done()


def burst(stage: Stage) -> None:
    """A worker leaves by itself once nothing is left."""
    stage.add("parent", jobs.work)
    stage.add("child", jobs.work, depends_on="parent")
    stage.start(burst=True)
    stage.until_done()
    stage.until(lambda: stage.has_struck() or stage.plan is None, "it has asked whether something is left")


def produce(stage: Stage) -> None:
    """A producer enqueues one by one and in bulk; if it dies it does so again, under the same ids."""
    names = [f"job-{number}" for number in range(8)]
    command = [sys.executable, "-m", "tests.faults.producer", stage.store.url, stage.notes, *names]

    def is_done() -> bool:
        if stage.producer is None or stage.producer.poll() is not None:
            if len(stage.adopt(names)) == len(names):
                return True
            stage.producer = subprocess.Popen(command, cwd=ROOT, env=os.environ | stage.environment())
        return False

    stage.until(is_done, "the producer has done its work")
    stage.start(planted=False)
    stage.until_done()


def cron(stage: Stage) -> None:
    """An entry fires a slot a second: none is left out, none comes twice. Another comes from a module of the worker."""
    table = Cron(stage.store)
    table.add(jobs.tick, every=1, args=[stage.notes], misfire="all", name="tick", result_ttl="1h")
    stage.start(cron=("tests.faults.crontab",))
    stage.until(lambda: table.get("nightly") and len(stage.queue.finished) >= 4, "slots have fired")
    table.remove("tick")
    stage.until_done()
    ticks = stage.adopt(stage.queue.finished.get_job_ids())
    slots = sorted(int(job.meta["cron"]["slot"].timestamp() * 1000) for job in ticks)
    assert slots == [*range(slots[0], slots[-1] + 1, 1000)]


SCENARIOS: dict[str, Callable[[Stage], None]] = {
    each.__name__: each
    for each in (
        work,
        slow,
        threads,
        fork,
        later,
        crash,
        overdue,
        stop,
        rescue,
        taken,
        told,
        renew,
        lost,
        outage,
        burst,
        produce,
        cron,
    )
}
