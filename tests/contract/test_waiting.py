"""waiter, hints, await_end: who sleeps is woken (PROTOCOL rules 29 to 32)."""

import fcntl
import os
import resource
import threading
import time
from collections.abc import Callable

import pytest

from tests.contract.helpers import (
    Boss,
    Lane,
    S,
    add,
    eventually,
    has_hint,
    held,
    hinted,
    job,
    lane,
    outcome,
    put,
    record,
    run,
)
from winch.stores.contract import JobRecord, Store


def later(work: Callable[[], object], seconds: float = 0.05) -> threading.Timer:
    """Do something in another thread, in a moment."""
    timer = threading.Timer(seconds, work)
    timer.start()
    return timer


# ---- waiter ---------------------------------------------------------------------------------------------------------


def test_an_enqueue_wakes(store: Store) -> None:
    """A sleeper is woken by an enqueue in another thread."""
    waiter = store.waiter(["q"])
    assert not has_hint(waiter, 0.02)
    timer = later(lambda: add(store))
    assert has_hint(waiter)
    timer.join()
    waiter.close()


def test_work_that_is_there_already(store: Store) -> None:
    """Who goes to sleep while there is work is woken at once."""
    add(store)
    assert hinted(store)


def test_a_hint_that_comes_while_awake_is_passed_on(store: Store) -> None:
    """Who still listens while it takes turns passes on what it heard, also what it heard since the turn before."""
    waiter, executor = store.waiter(["q", "other"]), lane(store)
    assert not has_hint(waiter, 0.02)
    waiter.arm()
    executor.turn(room=0)
    add(store)
    executor.turn(room=0)
    assert hinted(store)
    waiter.disarm()
    waiter.close()


def test_a_hint_that_came_with_the_end_of_listening_is_passed_on(store: Store) -> None:
    """A turn that claims elsewhere passes on what was heard before it, of whichever queue."""
    waiter, executor = store.waiter(["first", "q"]), lane(store)
    add(store)
    assert has_hint(waiter)
    waiter.close()
    add(store, queue="first")
    assert len(executor.claim(1, "first", "q")) == 1
    assert hinted(store)


def test_no_hint_for_other_queues(store: Store) -> None:
    """A sleeper is woken by the queues it named and by no other."""
    add(store, queue="other")
    assert not hinted(store, "q", "third", within=0.05)
    assert hinted(store, "q", "other")


def test_a_turn_that_leaves_work_passes_the_hint_on(store: Store) -> None:
    """Many jobs need many hands: each turn that leaves work wakes the next sleeper."""
    put(store, *(job() for _ in range(5)))
    for left in range(4, -1, -1):
        assert hinted(store), left
        assert len(lane(store).claim(1)) == 1
    assert store.counts()["q"][S.QUEUED] == 0


def test_two_sleepers_share_the_work(store: Store) -> None:
    """Two sleepers on one queue, each taking a turn when it is woken, do all that is enqueued."""
    done: list[str] = []
    stop = threading.Event()

    def work(executor: Lane) -> None:
        waiter = store.waiter(["q"])
        claims = executor.claim()
        while not stop.is_set():
            executor.turn(*(outcome(claim) for claim in claims))
            done.extend(claim.id for claim in claims)
            awake = has_hint(waiter, 0.2) or waiter.disarm()
            claims = executor.turn(room=1).claims if awake else ()
        waiter.close()

    threads = [threading.Thread(target=work, args=(lane(store),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    added = [each for _ in range(10) for each in put(store, job(), job(), job())]
    until = time.monotonic() + 10
    while len(done) < len(added) and time.monotonic() < until:
        time.sleep(0.005)
    stop.set()
    for thread in threads:
        thread.join()
    assert sorted(done) == sorted(added)


@pytest.mark.parametrize("cause", ["retry", "returned", "retire", "rescue", "requeue", "resume", "promote", "fire"])
def test_whatever_queues_a_job_hints(store: Store, cause: str) -> None:
    """Every way into a queue wakes a sleeper."""
    one = add(store)
    boss = Boss(store)
    executor = boss.lane()
    claim = executor.one()
    hinted(store, within=0.01)
    if cause in ("retry", "returned"):
        executor.turn(outcome(claim, "retry" if cause == "retry" else "returned"), queues=[])
    elif cause == "retire":
        executor.retire()
    elif cause == "rescue":
        Boss(store, queues=("other",)).beat(gone=[boss.id])
    elif cause == "requeue":
        executor.settle(claim)
        store.requeue(one)
    elif cause == "resume":
        store.pause("q")
        executor.settle(claim, "retry")
        store.resume("q")
    elif cause == "promote":
        due = add(store, delay=2)
        eventually(lambda: store.now() > record(store, due).created_at + 2)
        store.promote()
    else:
        add(store, parents=(one,))
        executor.turn(outcome(claim), queues=[])
    assert hinted(store)


def test_a_waiting_suspect_has_its_marker(store: Store) -> None:
    """A suspect that a turn could not take is left with the queue's marker, for somebody else."""
    put(store, job(), job())
    executor = lane(store)
    executor.claim()
    executor.crash()
    boss = Boss(store)
    one, other = boss.lane(), boss.lane()
    one.one()
    assert other.turn(room=5).alone
    assert hinted(store)


def test_disarm(store: Store) -> None:
    """A sleeper that stops to listen leaves the hint to others, or is told that it took one and passes it on."""
    waiter, executor = store.waiter(["q"]), lane(store)
    waiter.arm()
    waiter.arm()
    assert not waiter.disarm()
    for _ in range(20):
        waiter.arm()
        add(store)
        if waiter.disarm():
            executor.turn(room=0)
        assert hinted(store)
        executor.claim()
    waiter.close()


def test_take_without_a_hint(store: Store) -> None:
    """Without a hint there is nothing to take, and `take` does not block."""
    waiter = store.waiter(["q"])
    waiter.arm()
    start = time.monotonic()
    waiter.take()
    assert time.monotonic() - start < 1
    waiter.close()


def test_a_waiter_can_be_used_again(store: Store) -> None:
    """One waiter serves all sleeps of its executor."""
    waiter = store.waiter(["q"])
    executor = lane(store)
    for _ in range(5):
        add(store)
        assert has_hint(waiter)
        assert len(executor.claim()) == 1
    waiter.disarm()
    waiter.close()


def test_a_waiter_changes_nothing(store: Store) -> None:
    """Waking takes no job: who is woken and dies costs no more than time."""
    one = add(store)
    assert hinted(store)
    assert record(store, one).state is S.QUEUED


# ---- hints for supervisors ------------------------------------------------------------------------------------------


def woken(boss: Boss, work: Callable[[], object], within: float = 2.0) -> bool:
    """Whether a supervisor that sleeps is woken by something."""
    waiter = boss.store.hints(boss.id)
    try:
        has_hint(waiter, 0.02)
        timer = later(work, 0.02)
        found = has_hint(waiter, within)
        timer.join()
        return found
    finally:
        waiter.close()


def test_a_command_wakes_its_worker(store: Store) -> None:
    """A command wakes the supervisor it is for."""
    boss, other = Boss(store), Boss(store)
    assert woken(boss, lambda: store.send(boss.id, "shutdown"))
    assert not woken(other, lambda: store.send(boss.id, "shutdown"), within=0.1)


def test_a_stop_wakes_its_worker(store: Store) -> None:
    """That a claim was taken away wakes the supervisor whose executor held it."""
    one = add(store)
    boss = Boss(store)
    boss.lane().one()
    assert woken(boss, lambda: store.cancel(one, stop=True))


def test_an_earlier_due_job_wakes(store: Store) -> None:
    """A job that is due before all others wakes the supervisors of its queue, for they hold the timer."""
    boss = Boss(store)
    assert woken(boss, lambda: add(store, delay=60_000))
    assert woken(boss, lambda: add(store, delay=30_000))


def test_a_retry_that_is_due_first_wakes(store: Store) -> None:
    """A retry with a delay is a due job like any other."""
    add(store)
    boss = Boss(store)
    executor = boss.lane()
    claim = executor.one()
    assert woken(boss, lambda: executor.settle(claim, "retry", delay=60_000))


def test_the_next_due_job_wakes_when_the_first_has_passed(store: Store) -> None:
    """A supervisor that was woken for a due job is woken for each that follows, although it is due later."""
    boss = Boss(store)
    waiter = store.hints(boss.id)
    has_hint(waiter, 0.02)
    for _ in range(3):
        one = add(store, delay=50)
        assert has_hint(waiter)
        assert boss.beat().next_due is not None
        eventually(lambda one=one: store.now() >= record(store, one).created_at + 50)
        store.promote()
        assert record(store, one).state is S.QUEUED
    waiter.close()


@pytest.mark.parametrize("promoter", ["turn", "beat", "promote"])
def test_a_due_job_that_passes_while_the_supervisor_is_awake(store: Store, promoter: str) -> None:
    """Whoever promotes, also if the supervisor has not looked since: the next due job wakes it."""
    boss = Boss(store)
    executor, waiter = boss.lane(), store.hints(boss.id)
    one = add(store, delay=30)
    has_hint(waiter, 0.1)
    eventually(lambda: store.now() >= record(store, one).created_at + 30)
    if promoter == "turn":
        executor.one()
    elif promoter == "beat":
        boss.beat()
    else:
        store.promote()
    add(store, delay=60_000)
    assert has_hint(waiter)
    waiter.close()


# ---- await_end ------------------------------------------------------------------------------------------------------


def timed(call: Callable[[], list[JobRecord]]) -> tuple[list[str], float]:
    """The ids in the answer, and the seconds it took."""
    start = time.monotonic()
    found = call()
    return [each.id for each in found], time.monotonic() - start


def test_what_has_ended_is_answered_at_once(store: Store) -> None:
    """Jobs that have ended are answered without waiting, whatever else is asked for."""
    one, two, three = put(store, job(), job(), job())
    run(store, one, result=b"42")
    run(store, two, "failed")
    found, took = timed(lambda: store.await_end([three, one, two], 5))
    assert sorted(found) == sorted([one, two])
    assert took < 2
    assert store.await_end([one], 5)[0].result == b"42"


def test_the_unknown_are_not_waited_for(store: Store) -> None:
    """If nobody knows any of the jobs the call returns at once, with nothing."""
    gone = add(store, result_ttl=0)
    run(store, gone)
    found, took = timed(lambda: store.await_end(["unknown", gone], 5))
    assert found == []
    assert took < 2


def test_time_runs_out(store: Store) -> None:
    """If nothing ends the call returns when the time is over, not before."""
    one = add(store)
    found, took = timed(lambda: store.await_end([one], 0.1))
    assert found == []
    assert 0.09 <= took < 2
    assert timed(lambda: store.await_end([one], 0)) < ([], 0.5)


@pytest.mark.parametrize("end", ["turn", "cancel", "stop", "retire", "rescue", "fire"])
def test_every_end_wakes(store: Store, end: str) -> None:
    """Whatever ends the job, and in whichever thread, wakes who waits for it."""
    parent = add(store, max_crashes=1)
    one = add(store, parents=(parent,)) if end == "fire" else parent
    boss = Boss(store)
    executor = boss.lane()
    claim = None if end == "cancel" else executor.one()
    if claim is not None and end == "rescue":
        executor.crash()
        executor = boss.lane()
        claim = executor.one()

    def work() -> None:
        if claim is None:
            store.cancel(one)
        elif end == "turn":
            executor.settle(claim, result=b"42")
        elif end == "stop":
            store.cancel(one, stop=True)
        elif end == "rescue":
            Boss(store).beat(gone=[boss.id])
        elif end == "fire":
            executor.settle(claim, "failed")
            store.promote()
        else:
            executor.crash(begun=[held(claim)])

    timer = later(work)
    found, took = timed(lambda: store.await_end([one], 5))
    timer.join()
    assert found == [one]
    assert took < 4


@pytest.mark.parametrize("end", ["finish", "delete"])
def test_a_job_that_vanishes_wakes(store: Store, end: str) -> None:
    """A job that ends and is not kept, or is deleted, is waited for no longer."""
    one = add(store, result_ttl=0)
    executor = lane(store)
    claim = executor.one()
    timer = later(lambda: executor.settle(claim) if end == "finish" else store.delete([one]))
    found, took = timed(lambda: store.await_end([one], 5))
    timer.join()
    assert found == []
    assert took < 4


def test_the_first_of_many_wakes(store: Store) -> None:
    """The first end of several jobs is answered."""
    added = put(store, *(job() for _ in range(20)))
    executor = lane(store)
    claims = executor.claim()
    timer = later(lambda: executor.settle(claims[13]))
    assert [found.id for found in store.await_end(added, 5)] == [added[13]]
    timer.join()


def test_many_wait_for_one(store: Store) -> None:
    """Everybody who waits for a job is woken by its end."""
    one = add(store)
    executor = lane(store)
    claim = executor.one()
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.extend(each.id for each in store.await_end([one], 5))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    executor.settle(claim)
    for thread in threads:
        thread.join()
    assert found == [one] * 4


def test_a_retry_does_not_wake(store: Store) -> None:
    """An attempt that does not end the job wakes nobody for good; its end does."""
    one = add(store)
    executor = lane(store)
    claim = executor.one()

    def work() -> None:
        executor.settle(claim, "retry")
        executor.settle(executor.one(), result=b"2")

    timer = later(work)
    [found] = store.await_end([one], 5)
    timer.join()
    assert (found.state, found.attempts) == (S.FINISHED, 2)


def test_a_requeued_job_is_waited_for_again(store: Store) -> None:
    """Waiting again for a job that runs again works as the first time."""
    one = add(store)
    for n in range(3):
        executor = lane(store)
        claim = executor.one()
        timer = later(lambda executor=executor, claim=claim, n=n: executor.settle(claim, result=b"%d" % n), 0.02)
        [found] = store.await_end([one], 5)
        timer.join()
        assert found.result == b"%d" % n
        store.requeue(one)


def test_a_descriptor_ends_the_wait(store: Store) -> None:
    """A byte on the descriptor that was given ends the wait early."""
    one = add(store)
    reader, writer = os.pipe()
    timer = later(lambda: os.write(writer, b"x"))
    found, took = timed(lambda: store.await_end([one], 5, wake=reader))
    timer.join()
    os.close(reader)
    os.close(writer)
    assert found == []
    assert took < 4


def test_a_descriptor_beyond_those_that_select_knows(store: Store) -> None:
    """A process that has a thousand files open can still wait."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2048)), hard))
    one = add(store)
    reader, writer = os.pipe()
    high = fcntl.fcntl(reader, fcntl.F_DUPFD_CLOEXEC, 1100)
    os.write(writer, b"x")
    found, took = timed(lambda: store.await_end([one], 5, wake=high))
    for descriptor in (reader, writer, high):
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == []
    assert took < 4
