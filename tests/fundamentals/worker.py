"""A worker in a few lines, on the calling thread: enough for tests that are not about workers."""

from itertools import count
from pathlib import Path

from winch.callables import Admission
from winch.job import current
from winch.running.run import Run, Runner
from winch.stores.contract import Outcome, Store, WorkerInfo

WORKER = WorkerInfo("w-1", "tester", "here", "boot", 1, 1, ("default",), "0", 30_000, 5_000, 1)
NUMBERS = count(1)
"""Of the turns: they only grow."""


def work(store: Store, *queues: str) -> int:
    """Run what is queued, one job after the other, until nothing is left. Returns how many runs that were."""
    runner = Runner(store, Admission([Path(__file__).parents[2]], allow=["tests.*"]))
    if not store.workers():
        store.enlist(WORKER)
        store.enlist_executor(WORKER.id, "e-1")
    runs, outcomes = 0, list[Outcome]()
    while True:
        turn = store.turn("e-1", next(NUMBERS), outcomes, (), queues or ("default",), 1, {})
        if not turn.claims:
            current.set(None)
            return runs
        run = Run(turn.claims[0])
        outcomes = [runner.prepare(run) or runner.perform(run)]
        runs += 1
