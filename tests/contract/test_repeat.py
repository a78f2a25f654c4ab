"""Safe to repeat: every changing verb, sent twice under one number, does its work once (PROTOCOL rules 1 to 4)."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.helpers import (
    Boss,
    Channel,
    S,
    add,
    due,
    entry,
    held,
    ids,
    job,
    lane,
    outcome,
    put,
    record,
    run,
    snapshot,
    states,
)
from winch.errors import DuplicateJob, NoSuchJob
from winch.ids import new_id
from winch.stores.contract import ALL_QUEUES, Call, Claim, NewGroup, StaleCall, Store, TallyKey, WorkerInfo

Verb = Callable[[Call], Any]
DONE = NewGroup("g", queue="r", payload=b"done")


def enqueue(store: Store) -> Verb:
    """Enqueue two jobs."""
    jobs = [job(), job(delay=60_000)]
    return lambda call: store.enqueue(jobs, call=call)


def enqueue_what_vanished(store: Store) -> Verb:
    """Enqueue a job which vanishes before the call is repeated."""
    jobs = [job(id="vanishing", result_ttl=0)]

    def send(call: Call) -> Any:
        answer = store.enqueue(jobs, call=call)
        if states(store, "vanishing") == ["queued"]:
            run(store, "vanishing")
        return answer

    return send


def annotate(store: Store) -> Verb:
    """Annotate a job."""
    one = add(store)
    return lambda call: store.annotate(one, b"noted", call=call)


def enlist(store: Store) -> Verb:
    """Enlist a worker."""
    info = WorkerInfo(new_id(), "worker", "here", "boot", 1, 2, ("q",), "1", 30_000, 5_000, 1)
    return lambda call: store.enlist(info, call=call)


def enlist_executor(store: Store) -> Verb:
    """Enlist an executor."""
    boss, executor = Boss(store), new_id()
    return lambda call: store.enlist_executor(boss.id, executor, call=call)


def promote(store: Store) -> Verb:
    """Fire and promote."""
    parent = add(store)
    add(store, parents=(parent,))
    run(store, parent)
    return lambda call: store.promote(call=call)


def retire(store: Store) -> Verb:
    """Retire an executor that crashed."""
    put(store, *(job() for _ in range(3)))
    executor = lane(store)
    first, second, _ = executor.claim()
    executor.begin(second)
    settled = [outcome(first, result=b"1", run=5)]
    return lambda call: store.retire(executor.id, outcomes=settled, crashed=True, detail="signal 9", call=call)


def retire_worker(store: Store) -> Verb:
    """Retire a worker."""
    put(store, job(), job())
    executor = lane(store)
    executor.claim()
    return lambda call: store.retire_worker(executor.worker.id, call=call)


def cancel(store: Store) -> Verb:
    """Cancel a job."""
    one = add(store)
    return lambda call: store.cancel(one, call=call)


def cancel_and_enqueue_dependents(store: Store) -> Verb:
    """Cancel a job, and let those run that wait for it."""
    one = add(store)
    add(store, parents=(one,))
    return lambda call: store.cancel(one, enqueue_dependents=True, call=call)


def take(store: Store) -> Verb:
    """Take a job."""
    _, one = put(store, job(), job())
    executor = lane(store)
    return lambda call: claimed(store.take(executor.id, one, call=call))


def report(store: Store) -> Verb:
    """Report how far a job has come."""
    add(store)
    claim = lane(store).one()
    return lambda call: store.report(held(claim), b"half", call=call)


def stop(store: Store) -> Verb:
    """Stop a running job."""
    one = add(store)
    lane(store).one()
    return lambda call: store.cancel(one, stop=True, call=call)


def requeue(store: Store) -> Verb:
    """Requeue a job."""
    one = add(store)
    run(store, one, "failed")
    return lambda call: store.requeue(one, call=call)


def delete(store: Store) -> Verb:
    """Delete jobs."""
    doomed = put(store, job(), job())
    return lambda call: store.delete(doomed, call=call)


def empty(store: Store) -> Verb:
    """Empty a queue a little."""
    put(store, *(job() for _ in range(5)))
    return lambda call: store.empty("q", limit=2, call=call)


def forget(store: Store) -> Verb:
    """Forget a queue."""
    store.delete(put(store, job()))
    return lambda call: store.forget("q", call=call)


def pause(store: Store) -> Verb:
    """Pause a queue."""
    return lambda call: store.pause("q", call=call)


def resume(store: Store) -> Verb:
    """Resume a queue."""
    store.pause("q")
    return lambda call: store.resume("q", call=call)


def pause_for_a_while(store: Store) -> Verb:
    """Pause all queues, with an end."""
    return lambda call: store.pause(ALL_QUEUES, 60_000, call=call)


def put_entries(store: Store) -> Verb:
    """Write the cron table of a source, in the place of another."""
    store.put_entries("shop", [entry("old"), entry("same")], whole=True)
    entries = [entry("same", schedule=b"other"), entry("new")]
    return lambda call: store.put_entries("shop", entries, version=1, whole=True, call=call)


def remove_entry(store: Store) -> Verb:
    """Remove an entry of the cron table."""
    store.put_entries("", [entry("one")])
    return lambda call: store.remove_entry("one", call=call)


def pause_entry(store: Store) -> Verb:
    """Pause an entry of the cron table."""
    store.put_entries("", [entry("one")])
    return lambda call: store.pause_entry("one", True, call=call)


def resume_entry(store: Store) -> Verb:
    """Resume an entry of the cron table."""
    store.put_entries("", [entry("one")])
    store.pause_entry("one", True)
    return lambda call: store.pause_entry("one", False, call=call)


def fire_entry(store: Store) -> Verb:
    """Fire a slot of an entry."""
    revision, slot = due(store, "one")
    fired = job()
    return lambda call: store.fire_entry("one", revision, slot, fired, call=call)


def send_command(store: Store) -> Verb:
    """Send a command."""
    boss = Boss(store)
    return lambda call: store.send(boss.id, "shutdown", call=call)


def claimed(claim: Claim | None) -> Claim | None:
    """A claim without its wait: that goes on, until the answer is given again."""
    return claim and claim._replace(wait=0)


def create_group(store: Store) -> Verb:
    """Create a group in the place of one that is completed."""
    store.create_group(DONE)
    run(store, add(store, group="g"))
    return lambda call: store.create_group(DONE, call=call).id


def hold_group(store: Store) -> Verb:
    """Hold a group."""
    store.create_group(DONE)
    return lambda call: store.hold_group("g", call=call)


def complete_group(store: Store) -> Verb:
    """Release a group whose jobs have ended, which completes it."""
    store.create_group(DONE)
    store.hold_group("g")
    run(store, add(store, group="g"))
    return lambda call: store.release_group("g", call=call)


def delete_group(store: Store) -> Verb:
    """Delete a group with a job."""
    store.create_group(DONE)
    add(store, group="g")
    return lambda call: store.delete_group("g", call=call)


def enqueue_grouped(store: Store) -> Verb:
    """Enqueue jobs of a group, one in the place of a member that ended, one that is canceled at birth."""
    store.create_group(DONE)
    one, failed = add(store, id="one", group="g"), add(store)
    run(store, one)
    store.cancel(failed)
    jobs = [job(id="one", group="g"), job(group="g", delay=60_000), job(group="g", parents=(failed,))]
    return lambda call: store.enqueue(jobs, call=call).states


def delete_grouped(store: Store) -> Verb:
    """Delete the jobs of a group, one of them running, which completes it."""
    store.create_group(DONE)
    members = put(store, job(group="g"), job(group="g"))
    lane(store).take(members[0])
    return lambda call: store.delete(members, call=call)


def cancel_grouped(store: Store) -> Verb:
    """Cancel the only job of a group, which completes it."""
    store.create_group(DONE)
    one = add(store, group="g")
    return lambda call: store.cancel(one, call=call)


def requeue_grouped(store: Store) -> Verb:
    """Requeue a member that has ended."""
    store.create_group(DONE)
    one = add(store, group="g")
    run(store, one, "failed")
    return lambda call: store.requeue(one, call=call)


def retire_grouped(store: Store) -> Verb:
    """Retire an executor, which settles a member and fails another by its last crash."""
    store.create_group(DONE)
    put(store, job(group="g"), job(group="g", max_crashes=1))
    executor = lane(store)
    first, second = executor.claim()
    executor.begin(second)
    settled = [outcome(first, result=b"1")]
    return lambda call: store.retire(executor.id, outcomes=settled, crashed=True, call=call)


GROUPED = [
    *(create_group, hold_group, complete_group, delete_group, enqueue_grouped, delete_grouped, cancel_grouped),
    *(requeue_grouped, retire_grouped),
]

VERBS = [
    *(enqueue, enqueue_what_vanished, annotate, enlist, enlist_executor, promote, retire, retire_worker),
    *(take, report, cancel, cancel_and_enqueue_dependents, stop, requeue, delete, empty, forget),
    *(pause, resume, pause_for_a_while, send_command),
    *(put_entries, remove_entry, pause_entry, resume_entry, fire_entry),
    *GROUPED,
]


@pytest.mark.parametrize("prepare", VERBS)
def test_repeated_it_answers_the_same_and_changes_nothing(store: Store, prepare: Callable[[Store], Verb]) -> None:
    """The same number: the same answer, and the store as it was."""
    verb, call = prepare(store), Channel().next()
    answer, before = verb(call), snapshot(store)
    for _ in range(3):
        assert verb(call) == answer
        assert snapshot(store) == before


@pytest.mark.parametrize("prepare", VERBS)
def test_a_lower_number_is_stale(store: Store, prepare: Callable[[Store], Verb]) -> None:
    """A number lower than the channel's last is refused, and changes nothing."""
    verb, channel = prepare(store), new_id()
    store.pause("other", call=Call(channel, 5))
    before = snapshot(store)
    with pytest.raises(StaleCall):
        verb(Call(channel, 4))
    assert snapshot(store) == before
    verb(Call(channel, 6))


def test_numbers_may_leave_gaps(store: Store) -> None:
    """Numbers only have to grow."""
    channel = new_id()
    for number in (0, 1, 7, 2**40):
        store.enqueue([job()], call=Call(channel, number))
    assert len(ids(store, "q", S.QUEUED)) == 4


def test_a_repeated_delete_spares_a_new_job(store: Store) -> None:
    """A delete, repeated late, does not touch a job that took the id meanwhile."""
    add(store, id="same")
    call = Channel().next()
    assert store.delete(["same"], call=call) == 1
    add(store, id="same")
    assert store.delete(["same"], call=call) == 1
    assert states(store, "same") == ["queued"]


def test_a_repeated_empty_spares_new_jobs(store: Store) -> None:
    """An `empty`, repeated late, does not touch what was enqueued after it."""
    add(store)
    call = Channel().next()
    assert store.empty("q", call=call) == 1
    kept = add(store)
    assert store.empty("q", call=call) == 1
    assert states(store, kept) == ["queued"]


def test_a_repeated_enqueue_is_no_duplicate(store: Store) -> None:
    """An enqueue under its own number is the same call, under another a duplicate."""
    channel, jobs = Channel(), [job()]
    call = channel.next()
    assert store.enqueue(jobs, call=call) == store.enqueue(jobs, call=call)
    with pytest.raises(DuplicateJob):
        store.enqueue(jobs, call=channel.next())
    with pytest.raises(DuplicateJob):
        store.enqueue(jobs)


def test_a_repeated_enqueue_of_a_job_that_runs(store: Store) -> None:
    """A repeated enqueue leaves a job alone that has gone on meanwhile."""
    channel, jobs = Channel(), [job()]
    call = channel.next()
    store.enqueue(jobs, call=call)
    claim = lane(store).one()
    store.enqueue(jobs, call=call)
    assert record(store, jobs[0].id).token == claim.token


def test_a_refused_call_can_be_sent_again(store: Store) -> None:
    """A call that was refused has no answer to keep: sent again it is tried again, and so is the next number."""
    channel, late = Channel(), job(id="late")
    call = channel.next()
    for _ in range(2):
        with pytest.raises(NoSuchJob):
            store.cancel("late", call=call)
    store.enqueue([late])
    assert store.cancel("late", call=channel.next()) is S.QUEUED


def test_channels_are_apart(store: Store) -> None:
    """Two channels with the same numbers do not meet."""
    one, other = Channel(), Channel()
    first, second = job(), job()
    store.enqueue([first], call=one.next())
    store.enqueue([second], call=other.next())
    assert ids(store, "q", S.QUEUED) == [first.id, second.id]


def test_unnumbered_calls_of_many_threads(store: Store) -> None:
    """Without a number the store numbers itself: threads do not take each other's calls for repeats."""
    jobs = [[job() for _ in range(10)] for _ in range(8)]
    failed: list[BaseException] = []

    def work(mine: int) -> None:
        try:
            for each in jobs[mine]:
                store.enqueue([each])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    listed = ids(store, "q", S.QUEUED)
    assert sorted(listed) == sorted(each.id for mine in jobs for each in mine)
    assert all([each for each in listed if each in (own := [j.id for j in mine])] == own for mine in jobs)


# ---- turns and beats ------------------------------------------------------------------------------------------------


def test_a_repeated_turn_hands_out_the_same_claims(store: Store) -> None:
    """A turn, repeated, claims nothing new: it answers the same claims under the same tokens."""
    put(store, *(job(b"%d" % n) for n in range(5)))
    executor = lane(store)
    turn = executor.turn(room=2)
    before = snapshot(store)
    assert executor.again(room=2).claims == turn.claims
    assert snapshot(store) == before


def test_a_repeated_turn_settles_once(store: Store) -> None:
    """Outcomes, begins and the tally of a repeated turn are taken once."""
    put(store, *(job() for _ in range(4)))
    executor = lane(store)
    retried, begun, returned = executor.claim(3)
    outcomes = [outcome(retried, "retry", reason="raised", run=4), outcome(returned, "returned")]
    tally = {TallyKey("q", "f", "run", 3): 2}
    turn = executor.turn(*outcomes, begins=[held(begun)], room=2, tally=tally)
    before = snapshot(store)
    again = executor.again(*outcomes, begins=[held(begun)], room=2, tally=tally)
    assert again.claims == turn.claims
    assert snapshot(store) == before
    assert record(store, retried.id).attempts == 1
    assert sum(row.value for row in store.metrics(60_000) if row.key.series == "run") == 2


def test_a_repeated_turn_answers_only_what_is_still_held(store: Store) -> None:
    """Claims that were lost between a turn and its repetition are left out of the answer."""
    kept, stopped, gone = put(store, job(), job(), job())
    executor = lane(store)
    turn = executor.turn(room=3)
    store.cancel(stopped, stop=True)
    store.delete([gone])
    again = executor.again(room=3)
    assert [claim.id for claim in turn.claims] == [kept, stopped, gone]
    assert again.claims == turn.claims[:1]


def test_a_repeated_turn_answers_no_job_under_a_new_token(store: Store) -> None:
    """A job that was claimed by a turn and anew by somebody else is not in the turn's repeated answer."""
    one, other = put(store, job(), job())
    executor, thief = lane(store), lane(store)
    executor.turn(room=2)
    store.cancel(one, stop=True)
    store.requeue(one, at_front=True)
    thief.take(one)
    assert [claim.id for claim in executor.again(room=2).claims] == [other]


def test_a_stale_turn(store: Store) -> None:
    """A turn with a lower number is refused: it settles and claims nothing."""
    put(store, job(), job())
    executor = lane(store)
    claim = executor.one()
    executor.turn()
    before = snapshot(store)
    with pytest.raises(StaleCall):
        store.turn(executor.id, executor.number - 1, [outcome(claim)], [held(claim)], ["q"], 5, {})
    assert snapshot(store) == before


def test_a_repeated_beat(store: Store) -> None:
    """A beat, repeated, answers the same, and rescues and drops commands once."""
    put(store, job(), job())
    dead, boss = Boss(store), Boss(store)
    dead.lane().claim()
    store.send(boss.id, "shutdown")
    beat = boss.beat(gone=[dead.id])
    before = snapshot(store)
    again = store.beat(boss.id, boss.number, [], 0, [dead.id])
    assert (again.rescued, again.commands, again.strays) == (beat.rescued, beat.commands, beat.strays)
    assert snapshot(store) == before


def test_a_stale_beat(store: Store) -> None:
    """A beat with a lower number is refused: it acknowledges nothing."""
    boss = Boss(store)
    boss.beat()
    number = store.send(boss.id, "shutdown")
    boss.beat()
    with pytest.raises(StaleCall):
        store.beat(boss.id, 1, [], number)
    assert [command.number for command in boss.beat().commands] == [number]
