"""Groups: jobs that are counted as they end, and completed once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.helpers import (
    Boss,
    Channel,
    S,
    add,
    eventually,
    fire,
    hinted,
    ids,
    job,
    lane,
    outcome,
    put,
    record,
    run,
    states,
)
from winch.errors import DuplicateGroup, DuplicateJob, NoSuchGroup
from winch.ids import callback_id
from winch.stores.contract import Call, GroupRecord, NewCallback, NewGroup, NewJob, OutcomeKind, Store

DONE = NewGroup("g", queue="q", payload=b"done")


def make(store: Store, **options: Any) -> None:
    """Create the group `g`, whose completion creates a job."""
    given: dict[str, Any] = {"id": "g", "queue": "q", "payload": b"done"}
    store.create_group(NewGroup(**given | options))


def group(store: Store, id: str = "g") -> GroupRecord:
    """The record of a group that must exist."""
    [found] = store.get_groups([id])
    assert found is not None
    return found


def counts(store: Store, id: str = "g") -> tuple[int, ...]:
    """Total, pending, finished, failed, canceled, stopped, deleted."""
    found = group(store, id)
    ended = (found.finished, found.failed, found.canceled, found.stopped, found.deleted)
    return (found.total, found.pending, *ended)


def member(**options: Any) -> NewJob:
    """A new job of the group `g`."""
    return job(group="g", **options)


def completions(store: Store) -> list[str]:
    """The jobs that completions have created and that wait, in their order."""
    return [one for one in ids(store, "q", S.QUEUED) if record(store, one).payload == b"done"]


# ---- members --------------------------------------------------------------------------------------------------------


def test_a_new_group(store: Store) -> None:
    """A group begins with nothing, is not completed, and is kept for its ttl."""
    created = store.create_group(NewGroup("g", ttl=70_000, queue="q", payload=b"done"))
    found = group(store)
    assert replace(found, now=0) == replace(created, now=0)
    assert counts(store) == (0,) * 7
    assert (found.id, found.queue, found.payload, found.ttl) == ("g", "q", b"done", 70_000)
    assert (found.completed_at, found.holds, found.completions) == (0, 0, 0)
    assert found.expires_at - found.created_at == 70_000
    assert store.groups() == ["g"]
    assert store.members("g") == []
    assert store.get_groups(["unknown", "g"])[0] is None
    assert store.members("unknown") == []


def test_members_are_counted_and_listed(store: Store) -> None:
    """Jobs of several queues and states are members, in the order in which they joined."""
    make(store)
    joined = put(store, member(), member(queue="other", delay=60_000), job(), member(priority=9))
    waiting = put(store, member(parents=(joined[0],)))
    expected = [joined[0], joined[1], joined[3], *waiting]
    assert store.members("g") == expected
    assert [store.members("g", offset=at, limit=2) for at in (0, 2, 4)] == [expected[:2], expected[2:], []]
    assert counts(store) == (4, 4, 0, 0, 0, 0, 0)
    assert [record(store, one).group for one in joined] == ["g", "g", "", "g"]
    claim = lane(store).one()
    assert (claim.id, claim.group) == (joined[3], "g")
    assert group(store).expires_at == 0


def test_an_unknown_group_refuses_all(store: Store) -> None:
    """A job of a group that nobody knows is refused, and the others of the call with it."""
    make(store)
    with pytest.raises(NoSuchGroup) as refused:
        put(store, job(), member(), job(group="unknown"))
    assert refused.value.args[1] == "unknown"
    assert store.queues() == []
    assert counts(store) == (0,) * 7


def test_a_refused_call_joins_nothing(store: Store) -> None:
    """A call that is refused for another reason leaves the group as it is."""
    make(store)
    add(store, id="one")
    with pytest.raises(DuplicateJob):
        put(store, member(), job(id="one"))
    assert counts(store) == (0,) * 7


@pytest.mark.parametrize(("kind", "expected"), [("finished", 0), ("failed", 1), ("stopped", 3)])
def test_ends_are_counted(store: Store, kind: OutcomeKind, expected: int) -> None:
    """Each end of a member counts under its state."""
    make(store)
    one, _ = put(store, member(), member())
    run(store, one, kind)
    numbers = [0] * 5
    numbers[expected] = 1
    assert counts(store) == (2, 1, *numbers)


def test_what_does_not_end_a_job_is_not_counted(store: Store) -> None:
    """A retry, a repeat and a run that is given back leave the job pending."""
    make(store)
    one = add(store, group="g")
    run(store, one, "retry", reason="raised")
    run(store, one, "repeat", result=b"r")
    run(store, one, "returned")
    assert counts(store) == (1, 1, 0, 0, 0, 0, 0)
    assert record(store, one).group == "g"


def test_cancel_stop_and_delete_are_counted(store: Store) -> None:
    """What people do to members counts: canceled, stopped, deleted; a member that has ended is deleted without a count."""
    make(store)
    one, two, three, four = put(store, *(member() for _ in range(4)))
    lane(store).take(one)
    store.cancel(one, stop=True)
    store.cancel(two)
    store.delete([three])
    assert counts(store) == (4, 1, 0, 0, 1, 1, 1)
    assert store.members("g") == [one, two, four]
    store.delete([one, two])
    assert counts(store) == (4, 1, 0, 0, 1, 1, 1)
    assert store.members("g") == [four]


def test_an_emptied_queue_is_counted(store: Store) -> None:
    """`empty` deletes members, and completes the group."""
    make(store)
    put(store, member(), member())
    assert store.empty("q") == 2
    assert counts(store) == (2, 0, 0, 0, 0, 0, 2)
    assert len(completions(store)) == 1


def test_a_member_that_is_not_kept(store: Store) -> None:
    """A job without retention is counted as it ended and is a member no more."""
    make(store)
    one, two = put(store, member(result_ttl=0), member())
    run(store, one)
    assert states(store, one) == [None]
    assert counts(store) == (2, 1, 1, 0, 0, 0, 0)
    assert store.members("g") == [two]


def test_an_expired_member_is_canceled(store: Store) -> None:
    """A member whose ttl runs out counts as canceled."""
    make(store)
    one = add(store, group="g", ttl=1)
    eventually(lambda: store.now() > record(store, one).enqueued_at + 1)
    assert lane(store).claim(1) != [one]
    assert counts(store) == (1, 0, 0, 0, 1, 0, 0)


def test_children_that_are_canceled(store: Store) -> None:
    """A child that is canceled by its parent's failure counts, whether it waited or comes later."""
    make(store)
    parent = add(store)
    put(store, member(parents=(parent,)))
    run(store, parent, "failed")
    fire(store)
    assert counts(store) == (1, 0, 0, 0, 1, 0, 0)
    put(store, member(parents=(parent,)))
    assert counts(store) == (2, 0, 0, 0, 2, 0, 0)
    assert group(store).completions == 2


def test_crashes_are_counted(store: Store) -> None:
    """A member that fails by its last crash counts; one that returns is pending."""
    make(store)
    one, _ = put(store, member(max_crashes=1), member())
    executor = lane(store)
    first, _ = executor.claim(2)
    executor.begin(first)
    executor.crash()
    assert record(store, one).state is S.FAILED
    assert counts(store) == (2, 1, 0, 1, 0, 0, 0)
    dead, boss = Boss(store), Boss(store)
    dead.lane().claim()
    boss.beat(gone=[dead.id])
    assert counts(store) == (2, 1, 0, 1, 0, 0, 0)


def test_a_requeue_takes_the_count_back(store: Store) -> None:
    """A member that runs again is pending, and the group is not completed any more."""
    make(store)
    one = add(store, group="g")
    run(store, one, "failed")
    assert group(store).completed_at > 0
    store.requeue(one)
    assert counts(store) == (1, 1, 0, 0, 0, 0, 0)
    assert (group(store).completed_at, group(store).expires_at) == (0, 0)
    run(store, completions(store)[0])
    run(store, one)
    assert counts(store) == (1, 0, 1, 0, 0, 0, 0)
    assert group(store).completions == 2


def test_a_job_that_takes_the_id_of_a_member(store: Store) -> None:
    """It joins anew if it is of the group, and leaves if it is not; what has ended stays counted."""
    make(store)
    add(store, id="one", group="g")
    run(store, "one")
    run(store, completions(store)[0])
    eventually(lambda: store.now() > record(store, "one").created_at)
    add(store, id="one", group="g")
    assert counts(store) == (2, 1, 1, 0, 0, 0, 0)
    assert store.members("g") == ["one"]
    run(store, "one", "failed")
    eventually(lambda: store.now() > record(store, "one").created_at)
    add(store, id="one", at_front=True)
    assert counts(store) == (2, 0, 1, 1, 0, 0, 0)
    assert store.members("g") == []
    run(store, "one")
    assert counts(store) == (2, 0, 1, 1, 0, 0, 0)


def test_callbacks_are_no_members(store: Store) -> None:
    """A callback of a member does not belong to the group, but its parent tells of it."""
    make(store)
    one = add(store, group="g", callbacks=(NewCallback("success", b"c"),))
    run(store, one)
    [callback] = [each for each in ids(store, "q", S.QUEUED) if record(store, each).payload == b"c"]
    parent = record(store, callback).parent
    assert parent is not None
    assert (record(store, callback).group, parent.group) == ("", "g")
    assert counts(store) == (1, 0, 1, 0, 0, 0, 0)


# ---- completion -----------------------------------------------------------------------------------------------------


def test_the_last_end_completes(store: Store) -> None:
    """The step that ends the last pending job creates one job, under an id that can be computed, at the front."""
    make(store, queue="other")
    one, two = put(store, member(), member())
    run(store, one)
    assert (group(store).completed_at, store.queues()) == (0, ["q"])
    run(store, two, "failed")
    found = group(store)
    assert found.completed_at == record(store, two).ended_at
    assert found.expires_at == found.completed_at + found.ttl
    expected = callback_id("g", "complete", found.created_at, 1)
    assert ids(store, "other", S.QUEUED) == [expected]
    created, standard = record(store, expected), NewJob("x", "other", b"done")
    assert (created.payload, created.group, created.parent) == (b"done", "", None)
    assert (created.result_ttl, created.failure_ttl) == (standard.result_ttl, standard.failure_ttl)
    assert hinted(store, "other")


def test_a_completion_that_is_claimed_by_the_turn_that_makes_it(store: Store) -> None:
    """A queue is known even if its first job was created and claimed in the same step."""
    make(store, queue="other")
    add(store, group="g")
    executor = lane(store, queues=("other", "q"))
    claim = executor.one()
    [created] = executor.turn(outcome(claim), queues=("other",), room=1).claims
    assert (created.queue, store.queues()) == ("other", ["other", "q"])
    assert store.counts(["other"])["other"][S.STARTED] == 1


def test_callbacks_come_before_the_completion(store: Store) -> None:
    """The job of the completion stands behind the callbacks of the job that was the last."""
    make(store)
    one = add(store, group="g", callbacks=(NewCallback("success", b"c"),))
    other = add(store)
    run(store, one)
    assert [record(store, each).payload for each in ids(store, "q", S.QUEUED)] == [b"c", b"done", b"payload"]
    assert ids(store, "q", S.QUEUED)[-1] == other


def test_many_ends_in_one_turn(store: Store) -> None:
    """A turn that settles all members completes the group once."""
    make(store)
    put(store, *(member() for _ in range(20)))
    executor = lane(store)
    claims = executor.claim(20)
    executor.turn(*(outcome(claim) for claim in claims))
    executor.again(*(outcome(claim) for claim in claims))
    assert counts(store) == (20, 0, 20, 0, 0, 0, 0)
    assert len(completions(store)) == 1


def test_a_group_without_a_job_to_create(store: Store) -> None:
    """A completion may create nothing."""
    store.create_group(NewGroup("g"))
    run(store, add(store, group="g"))
    assert (group(store).completions, ids(store, "q", S.QUEUED)) == (1, [])


def test_more_is_added(store: Store) -> None:
    """A group that was completed goes on when a job joins it, and is completed again."""
    make(store)
    run(store, add(store, group="g"))
    first = completions(store)
    two = add(store, group="g", at_front=True)
    assert (group(store).completed_at, group(store).expires_at) == (0, 0)
    run(store, two)
    assert group(store).completions == 2
    assert len(completions(store)) == 2
    assert completions(store)[1:] == first


def test_a_group_that_is_held(store: Store) -> None:
    """It is completed only once the last hold is taken back; more holds than one are counted."""
    make(store)
    store.hold_group("g")
    store.hold_group("g")
    run(store, add(store, group="g"))
    assert (group(store).completed_at, group(store).holds) == (0, 2)
    store.release_group("g")
    assert (group(store).completed_at, completions(store)) == (0, [])
    store.release_group("g")
    assert group(store).completed_at > 0
    assert len(completions(store)) == 1


def test_a_hold_that_brought_nothing(store: Store) -> None:
    """A group that was completed is not completed again by a hold alone; one that never was, is."""
    make(store)
    store.hold_group("g")
    store.release_group("g")
    assert group(store).completions == 1
    store.hold_group("g")
    store.release_group("g")
    store.release_group("g")
    assert (group(store).completions, group(store).holds) == (1, 0)


def test_a_release_with_pending_jobs(store: Store) -> None:
    """The release of a group with pending jobs completes nothing."""
    make(store)
    store.hold_group("g")
    one = add(store, group="g")
    store.release_group("g")
    assert completions(store) == []
    run(store, one)
    assert len(completions(store)) == 1


def test_a_call_whose_jobs_are_canceled_at_birth(store: Store) -> None:
    """A group is not completed in the middle of a call: all of its jobs join before the first ends."""
    make(store)
    failed = add(store)
    run(store, failed, "failed")
    doomed = [member(parents=(failed,)) for _ in range(2)]
    put(store, doomed[0], member(at_front=True), doomed[1])
    assert (counts(store), completions(store)) == ((3, 1, 0, 0, 2, 0, 0), [])
    store.delete(store.members("g"))
    put(store, *(member(parents=(failed,)) for _ in range(2)))
    assert group(store).completions == 2


@pytest.mark.parametrize("verb", ["hold_group", "release_group"])
def test_holding_what_nobody_knows(store: Store, verb: str) -> None:
    """A group must exist to be held."""
    with pytest.raises(NoSuchGroup) as refused:
        getattr(store, verb)("unknown")
    assert refused.value.args[1] == "unknown"


def test_numbered_calls(store: Store) -> None:
    """Repeated with the same number, creating, holding and deleting change nothing more."""
    channel = Channel()
    asked: list[Callable[[Call], Any]] = [
        lambda call: store.create_group(DONE, call=call),
        lambda call: store.hold_group("g", call=call),
        lambda call: store.release_group("g", call=call),
        lambda call: store.delete_group("g", call=call),
    ]
    for ask in asked:
        call = channel.next()
        first = ask(call)
        before = store.get_groups(["g"])
        assert ask(call) == first
        assert [found and found.holds for found in store.get_groups(["g"])] == [each and each.holds for each in before]


# ---- the life of a group --------------------------------------------------------------------------------------------


def test_an_id_is_in_use_until_completion(store: Store) -> None:
    """A group that is not completed keeps its id; then a new one may have it, which counts its own jobs only."""
    make(store)
    with pytest.raises(DuplicateGroup) as refused:
        make(store)
    assert refused.value.args[1] == "g"
    old = add(store, group="g")
    run(store, old, "failed")
    first = group(store)
    store.delete(completions(store))
    make(store)
    assert (counts(store), store.members("g")) == ((0,) * 7, [])
    assert group(store).created_at > first.created_at
    store.requeue(old)
    run(store, old)
    assert counts(store) == (0,) * 7
    run(store, add(store, group="g"))
    assert len(completions(store)) == 1


def test_a_group_is_deleted(store: Store) -> None:
    """Its jobs stay and run, and complete nothing; nobody can join it."""
    make(store)
    one = add(store, group="g")
    assert store.delete_group("g") is True
    assert store.delete_group("g") is False
    assert (store.groups(), store.get_groups(["g"]), store.members("g")) == ([], [None], [])
    run(store, one)
    assert record(store, one).group == "g"
    assert ids(store, "q", S.QUEUED) == []
    with pytest.raises(NoSuchGroup):
        add(store, group="g")


def test_a_group_expires(store: Store) -> None:
    """Once its time is over a group is unknown, and can be made anew; a beat removes it."""
    make(store, ttl=300)
    run(store, add(store, group="g"))
    eventually(lambda: store.get_groups(["g"]) == [None])
    assert (store.groups(), store.members("g")) == ([], [])
    with pytest.raises(NoSuchGroup):
        store.hold_group("g")
    with pytest.raises(NoSuchGroup):
        add(store, group="g")
    Boss(store).beat()
    make(store)
    assert counts(store) == (0,) * 7


def test_a_member_is_requeued_after_its_group(store: Store) -> None:
    """A job whose group is gone runs without it."""
    make(store, ttl=300)
    one = add(store, group="g")
    run(store, one)
    eventually(lambda: store.get_groups(["g"]) == [None])
    store.delete(ids(store, "q", S.QUEUED))
    store.requeue(one)
    run(store, one)
    assert store.groups() == []


def test_a_group_that_waits_does_not_expire(store: Store) -> None:
    """As long as something is pending a group stays, whatever its ttl; without end also after that."""
    make(store, ttl=300)
    one = add(store, group="g")
    eventually(lambda: store.now() > group(store).created_at + 2)
    assert counts(store) == (1, 1, 0, 0, 0, 0, 0)
    store.cancel(one)
    make(store, id="forever", ttl=-1)
    assert group(store, "forever").expires_at == 0


def test_removed_jobs_leave(store: Store) -> None:
    """Upkeep takes ended members away; what they were counted as stays."""
    make(store)
    one, two = put(store, member(result_ttl=1), member())
    run(store, one)
    eventually(lambda: store.get([one]) == [None])
    Boss(store).beat()
    assert store.members("g") == [two]
    assert counts(store) == (2, 1, 1, 0, 0, 0, 0)


# ---- waiting --------------------------------------------------------------------------------------------------------


def test_waiting_for_a_completion(store: Store) -> None:
    """Who waits is woken by the completion."""
    make(store)
    one = add(store, group="g")
    seen: list[GroupRecord | None] = []
    thread = threading.Thread(target=lambda: seen.append(store.await_group("g", 20)))
    thread.start()
    run(store, one)
    thread.join(10)
    assert seen[0] is not None
    assert (seen[0].finished, seen[0].completed_at > 0) == (1, True)


def test_waiting_does_not_last_for_ever(store: Store) -> None:
    """After the time-out the record is as it is; of an unknown group there is none, and nobody waits for it."""
    make(store)
    for timeout in (0, 0.05):
        found = store.await_group("g", timeout)
        assert found is not None
        assert found.completed_at == 0
    assert store.await_group("unknown", 20) is None
    run(store, add(store, group="g"))
    assert store.await_group("g", 20) == group(store) or group(store).completed_at


def test_a_deleted_group_wakes(store: Store) -> None:
    """Who waits for a group that is deleted is told at once."""
    make(store)
    add(store, group="g")
    seen: list[GroupRecord | None] = []
    thread = threading.Thread(target=lambda: seen.append(store.await_group("g", 20)))
    thread.start()
    store.delete_group("g")
    thread.join(10)
    assert seen == [None]


def test_a_wait_can_be_ended(store: Store) -> None:
    """A descriptor that becomes readable ends it."""
    make(store)
    add(store, group="g")
    wake, bell = os.pipe()
    os.write(bell, b"!")
    found = store.await_group("g", 20, wake)
    assert found is not None
    assert found.completed_at == 0
    for end in (wake, bell):
        os.close(end)


# ---- at the same time -----------------------------------------------------------------------------------------------


def race(*calls: Callable[[], Any]) -> None:
    """Make calls at the same time, each on a thread."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_ends_and_joins_at_the_same_time(store: Store) -> None:
    """However ends, joins and holds mix, every job is counted once and nothing is completed while it is held."""
    make(store)
    store.hold_group("g")

    def fill() -> None:
        for _ in range(10):
            put(store, member(), member())

    def work() -> None:
        executor = lane(store)
        for _ in range(20):
            executor.turn(*(outcome(claim) for claim in executor.claim(3)))

    race(fill, work, work)
    assert group(store).completions == 0
    executor = lane(store)
    while claims := executor.claim(9):
        executor.turn(*(outcome(claim) for claim in claims))
    assert counts(store) == (20, 0, 20, 0, 0, 0, 0)
    store.release_group("g")
    assert group(store).completions == 1
