"""enlist, beat, rescue, commands: who is alive, and what is done about those who are not."""

import pytest

from tests.contract.helpers import Boss, S, add, eventually, hinted, ids, job, lane, put, record, run, states
from tests.model import ModelStore
from winch.errors import NotEnlisted, WorkerError
from winch.stores.contract import COMMANDS, Command, StaleCall, Store


def test_a_worker_is_known(store: Store) -> None:
    """A worker that enlisted is listed with all that it told, alive and without work."""
    boss = Boss(store, queues=("high", "low"), name="name", host="host", boot="b", pid=3, pid_start=4, version="9")
    executor = boss.lane()
    [found] = store.workers()
    assert found.info == boss.info
    assert (found.alive, found.executors, found.jobs) == (True, (executor.id,), ())
    assert (found.finished, found.failed, found.run_ms) == (0, 0, 0)
    assert 0 <= found.beat_age < 10_000
    assert abs(found.started_at - store.now()) < 10_000


def test_the_time_of_enlisting(store: Store) -> None:
    """Enlisting answers the store's time."""
    before = store.now()
    boss = Boss(store)
    store.retire_worker(boss.id)
    again = Boss(store)
    assert before <= store.workers()[0].started_at <= store.now()
    assert again.id != boss.id


def test_workers_by_name(store: Store) -> None:
    """Workers are listed by name; two may share one."""
    for name in ("b", "a", "c", "a"):
        Boss(store, name=name)
    assert [found.info.name for found in store.workers()] == ["a", "a", "b", "c"]


def test_what_a_worker_holds(store: Store) -> None:
    """A worker's record names its jobs: begun ones first, then by token."""
    added = put(store, *(job() for _ in range(4)))
    boss = Boss(store)
    one, other = boss.lane(), boss.lane()
    one.take(*added[:2])
    third, _ = other.take(*added[2:])
    other.begin(third)
    [found] = store.workers()
    assert found.jobs == (added[2], added[0], added[1], added[3])
    assert sorted(found.executors) == sorted([one.id, other.id])


def test_a_worker_enlists_once(store: Store) -> None:
    """An id that is enlisted, was retired or was rescued is refused."""
    boss, retired, rescued = Boss(store), Boss(store), Boss(store)
    store.retire_worker(retired.id)
    boss.beat(gone=[rescued.id])
    for each in (boss, retired, rescued):
        with pytest.raises(StaleCall):
            store.enlist(each.info)
    assert [found.info.id for found in store.workers()] == [boss.id]


def test_an_executor_needs_a_worker(store: Store) -> None:
    """An executor of a worker that nobody knows, or that was retired or rescued, is refused."""
    boss, retired, rescued = Boss(store), Boss(store), Boss(store)
    store.retire_worker(retired.id)
    boss.beat(gone=[rescued.id])
    for worker in ("nobody", retired.id, rescued.id):
        with pytest.raises(NotEnlisted):
            store.enlist_executor(worker, "executor")
    with pytest.raises(NotEnlisted):
        store.turn("executor", 1, [], [], ["q"], 1, {})


def test_a_beat_never_creates(store: Store) -> None:
    """The beat of a worker that nobody knows, or that was retired or rescued, is refused."""
    boss, retired, rescued = Boss(store), Boss(store), Boss(store)
    store.retire_worker(retired.id)
    boss.beat(gone=[rescued.id])
    for worker in ("nobody", retired.id, rescued.id):
        with pytest.raises(NotEnlisted):
            store.beat(worker, 9, [])
    assert [found.info.id for found in store.workers()] == [boss.id]


def test_a_beat_is_young(store: Store) -> None:
    """A beat makes the worker young again."""
    boss = Boss(store)
    eventually(lambda: store.workers()[0].beat_age >= 20)
    answer = boss.beat()
    assert store.workers()[0].beat_age < 20
    assert abs(answer.now - store.now()) < 10_000
    assert (answer.strays, answer.commands, answer.next_due, answer.rescued) == ((), (), None, ())


def test_without_beats_a_worker_is_dead(store: Store) -> None:
    """A worker whose beat is older than its ttl is shown as dead, and listed until somebody rescues it."""
    Boss(store, ttl=30, interval=10)
    eventually(lambda: not store.workers()[0].alive)
    assert len(store.workers()) == 1


def test_strays(store: Store) -> None:
    """A beat is told of the executors that are enlisted and were not named."""
    boss = Boss(store)
    one, other, third = boss.lane(), boss.lane(), boss.lane()
    Boss(store).lane()
    assert sorted(boss.beat(executors=[one.id]).strays) == sorted([other.id, third.id])
    other.retire()
    assert boss.beat(executors=[one.id, third.id]).strays == ()


def test_the_next_due_job_of_a_worker(store: Store) -> None:
    """A beat brings the time to the earliest scheduled job of the worker's queues."""
    put(store, job(queue="a", delay=50_000), job(queue="b", delay=20_000), job(queue="c", delay=10_000))
    due = Boss(store, queues=("a", "b")).beat().next_due
    assert due is not None
    assert 15_000 < due <= 20_000


def test_a_beat_fires_and_promotes(store: Store) -> None:
    """A beat brings along children and due jobs of all queues."""
    parent, due = put(store, job(queue="x"), job(queue="y", delay=5))
    child = add(store, queue="z", parents=(parent,))
    run(store, parent)
    eventually(lambda: store.now() > record(store, due).due_at)
    Boss(store).beat()
    assert states(store, child, due) == ["queued", "queued"]


def test_a_beat_restores_the_markers(store: Store) -> None:
    """A hint that was lost with its taker is there again after the beat of any worker, also of other queues."""
    add(store)
    assert hinted(store)
    Boss(store, queues=("other",)).beat()
    assert hinted(store)


def test_a_beat_removes_what_expired(store: Store) -> None:
    """Ended jobs past their expiry are gone for good after a beat; their queue can be forgotten."""
    one, two = put(store, job(result_ttl=10), job(failure_ttl=10))
    run(store, one)
    run(store, two, "failed")
    eventually(lambda: store.get([one, two]) == [None, None])
    Boss(store).beat()
    assert store.forget("q")


def test_an_expired_parent_cancels_who_waits(store: Store) -> None:
    """When a failed parent expires, nobody can requeue it any more: a child that waits for it is canceled."""
    parent = add(store, failure_ttl=30)
    child = add(store, parents=(parent,), on_failure="wait")
    run(store, parent, "failed")
    store.promote()
    assert states(store, child) == ["deferred"]
    eventually(lambda: store.get([parent]) == [None])
    boss = Boss(store)
    eventually(lambda: boss.beat() and states(store, child) == ["canceled"])
    assert record(store, child).reason == "dependency"


# ---- rescue ---------------------------------------------------------------------------------------------------------


def test_the_gone_are_rescued(store: Store) -> None:
    """A worker that the caller knows to be gone is rescued at once: its claims return, its enlistment ends."""
    added = put(store, job(), job())
    dead, boss = Boss(store), Boss(store)
    executor = dead.lane()
    executor.claim()
    beat = boss.beat(gone=[dead.id])
    assert beat.rescued == (dead.id,)
    assert ids(store, "q", S.QUEUED) == added
    assert [found.info.id for found in store.workers()] == [boss.id]
    with pytest.raises(NotEnlisted):
        executor.turn(room=1)


def test_who_is_gone_already(store: Store) -> None:
    """A worker that nobody knows any more is no news."""
    boss, dead = Boss(store), Boss(store)
    assert boss.beat(gone=[dead.id]).rescued == (dead.id,)
    assert boss.beat(gone=[dead.id, "nobody"]).rescued == ()


def test_the_dead_are_rescued(store: Store) -> None:
    """A worker without beats is rescued by another that itself has been standing for its ttl."""
    ident = add(store)
    dead, boss = Boss(store, ttl=40, interval=10), Boss(store, ttl=40, interval=1_000)
    dead.lane().one()
    rescued = eventually(lambda: boss.beat().rescued)
    assert rescued == (dead.id,)
    assert states(store, ident) == ["queued"]


def test_the_living_are_not_rescued(store: Store) -> None:
    """A worker that beats within its ttl is left alone, however long the others' are."""
    boss, other = Boss(store, ttl=1, interval=60_000), Boss(store, ttl=60_000)
    start = store.now()
    while store.now() < start + 30:
        assert boss.beat().rescued == ()
    assert other.beat().rescued == ()


def test_a_newcomer_rescues_nobody(store: Store) -> None:
    """Who has not been standing for its own ttl knows nothing of the others."""
    dead = Boss(store, ttl=10, interval=5)
    eventually(lambda: not store.workers()[0].alive)
    boss = Boss(store, ttl=60_000)
    for _ in range(3):
        assert boss.beat().rescued == ()
    assert dead.beat().rescued == ()


def test_who_was_away_rescues_nobody(store: Store) -> None:
    """After a gap of more than two intervals a worker has to stand for a ttl again: who knows what was stalled."""
    boss, other = Boss(store, ttl=200, interval=20), Boss(store, ttl=50, interval=20)
    start = store.now()
    eventually(lambda: store.now() > start + 210)  # both were stalled
    assert boss.beat().rescued == ()
    assert other.beat().rescued == ()


def test_nobody_rescues_itself(store: Store) -> None:
    """A beat is a sign of life of the one who sends it, however late."""
    boss = Boss(store, ttl=20, interval=60_000)
    eventually(lambda: not store.workers()[0].alive)
    assert boss.beat().rescued == ()
    assert store.workers()[0].alive


def test_beats_of_the_future() -> None:
    """When the clock went back, a beat later than now counts as one of now: its worker is not immortal (model only)."""
    time = 1_000_000
    store = ModelStore(lambda: time)
    dead = Boss(store, ttl=100, interval=10)
    time = 500_000
    boss = Boss(store, ttl=100, interval=1_000)
    assert boss.beat().rescued == ()
    time = 500_101
    assert boss.beat().rescued == (dead.id,)


# ---- retire ---------------------------------------------------------------------------------------------------------


def test_a_worker_retires(store: Store) -> None:
    """A retired worker is gone; what its executors still held returns without blame to its old place."""
    added = put(store, *(job() for _ in range(3)))
    boss = Boss(store)
    executor = boss.lane()
    claim, _ = executor.take(*added[:2])
    executor.begin(claim)
    store.retire_worker(boss.id)
    assert store.workers() == []
    assert ids(store, "q", S.QUEUED) == added
    found = record(store, added[0])
    assert (found.suspect, found.begun, found.crashes, found.history) == (False, False, 0, ())


def test_retiring_the_unknown(store: Store) -> None:
    """Retiring a worker or an executor that is not enlisted does nothing."""
    store.retire_worker("nobody")
    assert store.retire("nobody", crashed=True) == ((), (), ())
    executor = lane(store)
    add(store)
    executor.one()
    executor.retire()
    assert executor.retire(crashed=True) == ((), (), ())


def test_a_retired_executor_is_not_listed(store: Store) -> None:
    """A worker's record lists the executors that are enlisted."""
    boss = Boss(store)
    one, other = boss.lane(), boss.lane()
    one.retire()
    assert store.workers()[0].executors == (other.id,)


# ---- commands -------------------------------------------------------------------------------------------------------


def test_commands_are_kept_until_acknowledged(store: Store) -> None:
    """Every beat brings all commands, oldest first, until one acknowledges them by number."""
    boss, other = Boss(store), Boss(store)
    assert [store.send(boss.id, name) for name in ("shutdown", "x", "y")] == [1, 2, 3]
    expected = (Command(1, "shutdown"), Command(2, "x"), Command(3, "y"))
    assert boss.beat().commands == expected
    assert boss.beat().commands == expected
    assert boss.beat(acknowledged=2).commands == expected[2:]
    assert boss.beat(acknowledged=3).commands == ()
    assert store.send(boss.id, "z") == 4
    assert boss.beat(acknowledged=3).commands == (Command(4, "z"),)
    assert other.beat().commands == ()


def test_a_command_to_nobody(store: Store) -> None:
    """A command to a worker that is not enlisted is refused."""
    boss = Boss(store)
    store.retire_worker(boss.id)
    for worker in ("nobody", boss.id):
        with pytest.raises(NotEnlisted):
            store.send(worker, "shutdown")


def test_pending_commands_can_be_read(store: Store) -> None:
    """A worker's record lists what it has not acknowledged, oldest first; reading it changes nothing."""
    boss, other = Boss(store, name="a"), Boss(store, name="b")
    for name in ("quiet", "no such thing"):
        store.send(boss.id, name)
    expected = (Command(1, "quiet"), Command(2, "no such thing"))
    for _ in range(2):
        assert [found.commands for found in store.workers()] == [expected, ()]
    boss.beat(acknowledged=1)
    assert store.workers()[0].commands == expected[1:]
    assert other.beat().commands == ()


def test_commands_do_not_pile_up_without_end(store: Store) -> None:
    """Who has a thousand commands to acknowledge gets no other, until it has acknowledged some."""
    boss, other = Boss(store), Boss(store)
    for _ in range(COMMANDS):
        store.send(boss.id, "junk")
    with pytest.raises(WorkerError):
        store.send(boss.id, "shutdown")
    assert store.send(other.id, "shutdown") == 1
    assert len(boss.beat(acknowledged=1).commands) == COMMANDS - 1
    assert store.send(boss.id, "shutdown") == COMMANDS + 1


@pytest.mark.parametrize("end", ["rescued", "retired", "still there"])
def test_commands_are_inherited(store: Store, end: str) -> None:
    """A worker that comes back under a new id is told what its former self has not done: once, in order, and not `lost`."""
    one = add(store)
    boss, judge = Boss(store), Boss(store)
    boss.lane().take(one)
    for name in ("quiet", "restart", "resume"):
        store.send(boss.id, name)
    store.cancel(one, stop=True)
    boss.beat(acknowledged=1)
    if end == "rescued":
        judge.beat(gone=[boss.id])
    elif end == "retired":
        store.retire_worker(boss.id)
    again, other = Boss(store, former=boss.id), Boss(store, former=boss.id)
    assert again.beat().commands == (Command(1, "restart"), Command(2, "resume"))
    assert other.beat().commands == ()
    assert store.send(again.id, "shutdown") == 3
    assert again.beat(acknowledged=2).commands == (Command(3, "shutdown"),)
    assert Boss(store, former="nobody").beat().commands == ()


# ---- quiet ----------------------------------------------------------------------------------------------------------


def test_a_worker_says_that_it_is_quiet(store: Store) -> None:
    """A worker's record says what its last beat said; it starts loud, and nobody else becomes quiet."""
    boss, other = Boss(store, name="a"), Boss(store, name="b")
    assert [found.quiet for found in store.workers()] == [False, False]
    boss.beat(quiet=True)
    other.beat()
    assert [found.quiet for found in store.workers()] == [True, False]
    boss.beat()
    assert [found.quiet for found in store.workers()] == [False, False]


def test_quiet_is_not_enforced(store: Store) -> None:
    """What a quiet worker's executors claim, settle and lose is up to them: the store only keeps the word."""
    put(store, job(), job())
    boss = Boss(store)
    executor = boss.lane()
    one = executor.one()
    boss.beat(quiet=True)
    assert executor.settle(one)
    assert executor.claim(1)
    assert store.workers()[0].quiet
