"""The executor, cycle by cycle: its own code with a real store and real lanes, in the tests' process and without its watch."""
# It is moved by hand, by what its loop calls:
# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gated import BEGUN, GATES, pass_gate
from winch import Job, Queue
from winch.ids import new_id
from winch.job import use_admission
from winch.running.interrupting import INTERRUPT
from winch.running.run import Run
from winch.states import JobStatus
from winch.stores.contract import WorkerInfo
from winch.stores.sqlite import SQLiteStore
from winch.worker import executor as room
from winch.worker.channel import Brief, Channel
from winch.worker.executor import Executor
from winch.worker.settings import WorkerSettings
from winch.worker.vitals import Vitals, clock
from winch.worker.watch import Settler

ROOT = Path(__file__).parents[2]

MakeExecutor = Callable[..., Executor]


@pytest.fixture
def queue(sqlite: SQLiteStore) -> Queue:
    """The default queue."""
    return Queue(connection=sqlite)


@pytest.fixture
def make_executor(sqlite: SQLiteStore, path: Path) -> Iterator[MakeExecutor]:
    """A function that makes an enlisted executor of the test's store, ready to run."""
    channels: list[Channel] = []
    handler = signal.getsignal(INTERRUPT)

    def make(**settings: Any) -> Executor:
        worker, executor = new_id(), new_id()
        sqlite.enlist(WorkerInfo(worker, "w", "h", "b", 1, 1, ("default",), "", 60_000, 5_000, 1))
        sqlite.enlist_executor(worker, executor)
        asked = WorkerSettings(url=f"sqlite:///{path}", paths=(str(ROOT),), worker_ttl=60.0, quiet=True, **settings)
        vitals = Vitals.create(asked.slots)
        vitals.extend(clock() + 60_000_000_000)
        ours, its = (Channel(end) for end in socket.socketpair())
        channels.extend((ours, its))
        return Executor(Brief(asked, executor, "w", os.getppid(), vitals.descriptor, None, quiet=False), its)

    yield make
    for gate in GATES.values():
        gate.set()
    BEGUN.clear()
    GATES.clear()
    for channel in channels:
        channel.close()
    use_admission(None)
    signal.signal(INTERRUPT, handler)


def enqueue(queue: Queue, *names: str) -> list[Job[Any]]:
    """Jobs that wait for these gates, enqueued together."""
    return queue.enqueue_many(Queue.prepare_data(pass_gate, (name,)) for name in names)


def until(condition: Callable[[], Any]) -> None:
    """Wait for what another thread does."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_fast_jobs_that_end_together_are_settled_in_one_turn(
    make_executor: MakeExecutor, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outcome of the first waits a moment for those of its neighbours, and the turn that settles all asks for as many."""
    monkeypatch.setattr(room, "_GATHER", 20.0)
    executor = make_executor(threads=3)
    jobs = enqueue(queue, "a", "b", "c", "next")
    executor._pace.saw(jobs[0].func_name, 1000)  # as fast as they get
    assert executor._cycle()
    assert len(executor.desk.ready) == 3
    turns = executor.desk.turns

    def end_one_after_the_other() -> None:
        for ended, name in enumerate("abc"):
            until(lambda ended=ended: len(executor.desk.done) == ended)
            until(BEGUN[name].is_set)
            GATES[name].set()

    ender = threading.Thread(target=end_one_after_the_other)
    ender.start()
    began = time.monotonic()
    assert executor._cycle()
    assert time.monotonic() - began < 10, "the last one to end has woken it"
    ender.join()
    assert executor.desk.turns == turns + 1
    assert [job.get_status() for job in jobs] == [*[JobStatus.FINISHED] * 3, JobStatus.STARTED]


def test_slow_jobs_are_not_waited_for(
    make_executor: MakeExecutor, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that may take long, as any of a new function, does not hold up what else the executor has to do."""
    monkeypatch.setattr(room, "_GATHER", 20.0)
    executor = make_executor(threads=2)
    enqueue(queue, "slow")
    assert executor._cycle()
    began = time.monotonic()
    executor._cycle()
    assert time.monotonic() - began < 10
    assert executor.holding.running() == 1


def test_an_executor_with_full_lanes_and_nothing_to_tell_takes_no_turn(
    make_executor: MakeExecutor, queue: Queue
) -> None:
    """However often it is woken: the store is asked once there is something to settle, and for what has become free."""
    executor = make_executor(threads=2)
    jobs = enqueue(queue, "a", "b", "next")
    assert executor._cycle()
    assert executor._cycle() is False
    assert executor.holding.running() == 2
    turns = executor.desk.turns
    for _ in range(3):
        assert executor._cycle() is False
    assert executor.desk.turns == turns
    GATES["a"].set()
    until(lambda: executor.desk.done and executor._threads and executor._threads.free())
    assert executor._cycle()
    assert executor.desk.turns == turns + 1
    expected = [JobStatus.FINISHED, JobStatus.STARTED, JobStatus.STARTED]
    assert [job.get_status() for job in jobs] == expected


def test_a_job_counts_as_marked_once_the_store_knows_it(
    make_executor: MakeExecutor, sqlite: SQLiteStore, queue: Queue, path: Path
) -> None:
    """While the settler's turn is under way its job is not marked: the main thread would begin what the store calls not begun."""
    executor = make_executor()
    (job,) = enqueue(queue, "a")
    assert executor._cycle()
    claim = executor.desk.next_claim()
    assert claim is not None
    run = executor.holding.main.run = Run(claim)
    run.started -= 1_000_000_000  # for so long, say, it has been importing
    settler, turns = threading.Thread(target=Settler(executor)._clear), executor.desk.turns
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        settler.start()
        until(lambda: executor.desk.turns > turns)
        marked_early = run.marked
    settler.join()
    assert run.marked
    assert not marked_early
    record = sqlite.get([job.id])[0]
    assert record is not None
    assert record.begun
