"""retire and rescue: who is blamed for a crash, what becomes of suspects, who is left alone (PROTOCOL 22 to 24)."""

from typing import Any

import pytest

from tests.contract.helpers import (
    Boss,
    Lane,
    S,
    add,
    held,
    hinted,
    ids,
    job,
    lane,
    outcome,
    put,
    record,
    snapshot,
    states,
)
from winch.errors import NotEnlisted
from winch.stores.contract import Store


def test_without_a_crash_nobody_is_blamed(store: Store) -> None:
    """An executor that retires in order gives everything back to its old place, begun or not, without a record."""
    added = put(store, *(job() for _ in range(4)))
    executor = lane(store)
    first, second, _ = executor.take(*added[:3])
    executor.begin(first, second)
    assert executor.retire() == (tuple(added[:3]), (), ())
    assert ids(store, "q", S.QUEUED) == added
    for ident in added:
        found = record(store, ident)
        assert (found.suspect, found.begun, found.crashes, found.attempts, found.history) == (False, False, 0, 0, ())
    with pytest.raises(NotEnlisted):
        executor.turn()


def test_the_only_begun_job_is_charged(store: Store) -> None:
    """If one job had begun it is charged, and comes back as a suspect; its neighbours are not blamed."""
    first, guilty, last = put(store, *(job() for _ in range(3)))
    executor = lane(store)
    _, claim, _ = executor.take(first, guilty, last)
    executor.begin(claim)
    retired = executor.crash(detail="killed by signal 9")
    assert (sorted(retired.returned), retired.suspects, retired.charged) == (sorted([first, last]), (), (guilty,))
    found = record(store, guilty)
    assert (found.state, found.suspect, found.crashes, found.attempts, found.fails) == (S.QUEUED, True, 1, 1, 0)
    [attempt] = found.history
    assert (attempt.outcome, attempt.reason, attempt.detail) == ("retry", "crashed", b"killed by signal 9")
    assert attempt.worker == executor.worker.info.name
    assert_unblamed(store, first, last)


def test_of_several_begun_jobs_all_are_suspects(store: Store) -> None:
    """If several had begun they become suspects, uncharged, with a record of the lost run; the others return."""
    one, two, other = put(store, *(job() for _ in range(3)))
    executor = lane(store)
    first, second, _ = executor.take(one, two, other)
    executor.begin(first, second)
    retired = executor.crash()
    assert (retired.returned, sorted(retired.suspects), retired.charged) == ((other,), sorted([one, two]), ())
    for ident in (one, two):
        found = record(store, ident)
        assert (found.state, found.suspect, found.crashes, found.fails) == (S.QUEUED, True, 0, 0)
        assert [(each.outcome, each.reason) for each in found.history] == [("returned", "crashed")]
    assert_unblamed(store, other)


def test_if_none_had_begun_all_are_suspects(store: Store) -> None:
    """If nothing is known to have begun, every claim may be to blame: all are suspects, uncharged, without a record."""
    added = put(store, *(job() for _ in range(3)))
    executor = lane(store)
    executor.take(*added)
    assert tuple(sorted(executor.crash().suspects)) == tuple(sorted(added))
    for ident in added:
        found = record(store, ident)
        assert (found.suspect, found.crashes, found.attempts, found.history) == (True, 0, 0, ())


def test_what_the_vitals_show_counts_as_begun(store: Store) -> None:
    """The supervisor may know better than the store what had begun."""
    one, two = put(store, job(), job())
    executor = lane(store)
    _, second = executor.take(one, two)
    retired = executor.crash(begun=[held(second)])
    assert (retired.returned, retired.charged) == ((one,), (two,))


def test_vitals_and_store_are_added(store: Store) -> None:
    """What the vitals show is in addition to what the store knows as begun."""
    one, two, three = put(store, *(job() for _ in range(3)))
    executor = lane(store)
    first, second, _ = executor.take(one, two, three)
    executor.begin(first)
    retired = executor.crash(begun=[held(first), held(second)])
    assert (retired.returned, sorted(retired.suspects)) == ((three,), sorted([one, two]))


def test_what_finished_is_not_to_blame(store: Store) -> None:
    """Outcomes that come with the retirement settle first; only what is still held is judged."""
    done, guilty, other = put(store, *(job() for _ in range(3)))
    executor = lane(store)
    first, second, _ = executor.take(done, guilty, other)
    executor.begin(first, second)
    retired = executor.crash(outcomes=[outcome(first, result=b"1")])
    assert (retired.returned, retired.charged) == ((other,), (guilty,))
    assert (record(store, done).state, record(store, done).result) == (S.FINISHED, b"1")


def test_outcomes_without_a_crash(store: Store) -> None:
    """A supervisor may settle for an executor that it killed: the job fails, the others return."""
    slow, other = put(store, job(), job())
    executor = lane(store)
    first, _ = executor.take(slow, other)
    retired = executor.retire(outcomes=[outcome(first, "failed", reason="timeout", detail=b"too slow")])
    assert retired == ((other,), (), ())
    assert (record(store, slow).state, record(store, slow).reason) == (S.FAILED, "timeout")
    assert_unblamed(store, other)


def test_a_crash_without_claims(store: Store) -> None:
    """An executor that held nothing leaves nobody to blame."""
    assert lane(store).crash() == ((), (), ())


def test_colleagues_are_left_alone(store: Store) -> None:
    """A crash concerns the claims of its executor, not those of the same worker's others."""
    one, two = put(store, job(), job())
    boss = Boss(store)
    executor, colleague = boss.lane(), boss.lane()
    executor.take(one)
    [claim] = colleague.take(two)
    executor.crash()
    assert states(store, one, two) == ["queued", "started"]
    assert colleague.settle(claim)


def test_max_crashes(store: Store) -> None:
    """A job that crashes every time is run `max_crashes` times, then it is failed, reason `crashed`."""
    ident = add(store, max_crashes=3)
    boss = Boss(store)
    for _ in range(3):
        assert states(store, ident) == ["queued"]
        retired = crash_with(boss.lane(), ident, "signal 11")
        assert retired == (ident,)
    found = record(store, ident)
    assert (found.state, found.reason, found.crashes, found.attempts, found.fails) == (S.FAILED, "crashed", 3, 3, 0)
    assert [each.outcome for each in found.history] == ["retry", "retry", "failed"]
    assert {(each.reason, each.detail) for each in found.history} == {("crashed", b"signal 11")}
    assert ids(store, "q", S.FAILED) == [ident]
    assert found.expires_at > 0


def test_the_first_crash_may_be_the_last(store: Store) -> None:
    """With `max_crashes` 1 the first charged crash ends the job."""
    ident = add(store, max_crashes=1)
    executor = lane(store)
    executor.begin(*executor.take(ident))
    assert executor.crash().charged == (ident,)
    assert record(store, ident).state is S.FAILED


def test_crashes_and_fails_are_counted_apart(store: Store) -> None:
    """A crash takes nothing from the retries, nor a failure from the crashes."""
    ident = add(store, max_crashes=2)
    boss = Boss(store)
    crash_with(boss.lane(), ident)
    executor = boss.lane()
    claim = executor.one()
    assert (claim.crashes, claim.fails, claim.attempts, claim.suspect) == (1, 0, 1, True)
    executor.settle(claim, "retry", reason="raised")
    claim = executor.one()
    assert (claim.crashes, claim.fails, claim.attempts, claim.suspect) == (1, 1, 2, False)


# ---- suspects -------------------------------------------------------------------------------------------------------


def make_suspects(store: Store, n: int = 1, **options: Any) -> list[str]:
    """Jobs that are suspects, uncharged."""
    added = put(store, *(job(**options) for _ in range(n)))
    executor = lane(store)
    executor.take(*added)
    executor.crash()
    return added


def crash_with(executor: Lane, ident: str, detail: str = "") -> tuple[str, ...]:
    """An executor begins a job and dies of it: the jobs charged."""
    executor.begin(*executor.take(ident))
    return executor.crash(detail=detail).charged


def test_a_suspect_goes_alone_and_first(store: Store) -> None:
    """A suspect is the only claim of a turn, before all others of its queue, and has begun by being claimed."""
    [suspect] = make_suspects(store)
    others = put(store, job(priority=5), job())
    executor = lane(store)
    turn = executor.turn(room=10)
    assert [(claim.id, claim.suspect) for claim in turn.claims] == [(suspect, True)]
    assert record(store, suspect).begun
    assert ids(store, "q", S.QUEUED) == others


def test_suspects_one_by_one(store: Store) -> None:
    """Of several suspects the oldest goes first, one per worker at a time; another worker may take the next."""
    one, two = make_suspects(store, 2)
    boss = Boss(store)
    executor, colleague = boss.lane(), boss.lane()
    [claim] = executor.claim(10)
    assert claim.id == one
    turn = colleague.turn(room=10)
    assert (turn.claims, turn.alone) == ((), True)
    assert [claim.id for claim in lane(store).claim(10)] == [two]


def test_beside_a_suspect_others_take_the_rest(store: Store) -> None:
    """While a suspect waits for a worker that has none, the unsuspected jobs of the queue are handed out."""
    make_suspects(store, 2)
    normal = add(store)
    boss = Boss(store)
    executor, colleague = boss.lane(), boss.lane()
    executor.one()
    turn = colleague.turn(room=10)
    assert [claim.id for claim in turn.claims] == [normal]
    assert turn.alone


def test_who_holds_claims_gets_no_suspect(store: Store) -> None:
    """An executor that holds something gets unsuspected jobs only, and is told that somebody waits."""
    first = add(store)
    executor = lane(store)
    [claim] = executor.take(first)
    [suspect] = make_suspects(store)
    normal = add(store)
    turn = executor.turn(room=10)
    assert ([each.id for each in turn.claims], turn.alone) == ([normal], True)
    executor.settle(claim)
    executor.settle(turn.claims[0])
    assert [each.id for each in executor.claim(10)] == [suspect]


def test_nothing_beside_a_suspect(store: Store) -> None:
    """An executor that holds a suspect gets no claims at all beside it, and nobody says that it should ask again."""
    [suspect] = make_suspects(store)
    boss = Boss(store)
    executor, colleague = boss.lane(), boss.lane()
    [claim] = executor.take(suspect)
    others = put(store, job(), job())
    for _ in range(2):
        turn = executor.turn(room=10)
        assert (turn.claims, turn.more, turn.alone) == ((), False, False)
        assert hinted(store), "what it left is left to others"
    assert [each.id for each in colleague.claim(1)] == others[:1]
    turn = executor.turn(outcome(claim), room=10)
    assert [each.id for each in turn.claims] == others[1:]


def test_settling_makes_room_for_a_suspect(store: Store) -> None:
    """What a turn settles it does not hold any more: it may take the suspect in the same turn."""
    first = add(store)
    executor = lane(store)
    [claim] = executor.take(first)
    [suspect] = make_suspects(store)
    turn = executor.turn(outcome(claim), room=10)
    assert [(each.id, each.suspect) for each in turn.claims] == [(suspect, True)]


def test_a_suspect_of_a_later_queue(store: Store) -> None:
    """Claims of an earlier queue come first: the suspect of a later one is left to somebody else."""
    [suspect] = make_suspects(store)
    normal = add(store, queue="first")
    turn = lane(store).turn(queues=["first", "q"], room=10)
    assert [claim.id for claim in turn.claims] == [normal]
    assert turn.alone
    assert states(store, suspect) == ["queued"]


def test_no_suspect_without_room(store: Store) -> None:
    """A turn without room takes no suspect."""
    [suspect] = make_suspects(store)
    assert lane(store).turn(room=0).claims == ()
    assert states(store, suspect) == ["queued"]


def test_a_paused_suspect_waits(store: Store) -> None:
    """A suspect of a paused queue is not handed out, and nobody is told of it."""
    make_suspects(store)
    store.pause("q")
    turn = lane(store).turn(room=10)
    assert (turn.claims, turn.alone) == ((), False)


def test_a_suspect_that_finishes_is_cleared(store: Store) -> None:
    """A suspect that runs to an end of any kind is innocent: it finishes, or is retried as a normal job."""
    one, two = make_suspects(store, 2)
    executor = lane(store)
    assert executor.settle(executor.one())
    claim = executor.one()
    assert executor.settle(claim, "retry", reason="raised")
    assert states(store, one, two) == ["finished", "queued"]
    assert not record(store, two).suspect
    assert not executor.one().suspect


def test_a_suspect_that_is_given_back_stays_one(store: Store) -> None:
    """A suspect that is given back, or whose executor retires in order, stays a suspect at its old place."""
    one, two = make_suspects(store, 2)
    executor = lane(store)
    assert executor.settle(executor.one(), "returned")
    assert record(store, one).suspect
    assert executor.one().id == one
    executor.retire()
    found = record(store, one)
    assert (found.suspect, found.crashes, found.history) == (True, 0, ())
    assert ids(store, "q", S.QUEUED) == [one, two]


def test_a_suspect_that_crashes_is_charged(store: Store) -> None:
    """The claim of a suspect marks it as begun, so its crash is charged without anybody saying more."""
    [suspect] = make_suspects(store)
    executor = lane(store)
    executor.one()
    assert executor.crash().charged == (suspect,)
    found = record(store, suspect)
    assert (found.suspect, found.crashes) == (True, 1)


def test_a_requeued_job_is_no_suspect(store: Store) -> None:
    """Who crashed for the last time and is requeued starts afresh."""
    ident = add(store, max_crashes=1)
    crash_with(lane(store), ident)
    store.requeue(ident)
    found = record(store, ident)
    assert (found.suspect, found.crashes, found.fails, found.attempts) == (False, 0, 0, 1)
    assert [claim.suspect for claim in lane(store).claim()] == [False]


@pytest.mark.parametrize("end", ["cancel", "delete", "empty"])
def test_suspects_can_be_removed(store: Store, end: str) -> None:
    """A suspect that waits can be canceled, deleted and emptied like any job, and is handed out no more."""
    [suspect] = make_suspects(store)
    if end == "cancel":
        store.cancel(suspect)
    else:
        assert (store.delete([suspect]) if end == "delete" else store.empty("q")) == 1
    turn = lane(store).turn(room=10)
    assert (turn.claims, turn.alone) == ((), False)
    assert store.counts()["q"][S.QUEUED] == 0


def test_an_id_is_no_suspect_for_its_successor(store: Store) -> None:
    """A job that takes the id of a canceled suspect is handed out like any other."""
    make_suspects(store, id="same")
    store.cancel("same")
    add(store, id="same")
    other = add(store)
    claims = lane(store).claim(10)
    assert [(claim.id, claim.suspect) for claim in claims] == [("same", False), (other, False)]


def test_a_poison_job_takes_nobody_along(store: Store) -> None:
    """A job that kills whoever runs it among fifty others ends after max_crashes + 1 deaths; the others finish."""
    added = put(store, *(job(b"poison" if n == 20 else b"fine") for n in range(50)))
    boss = Boss(store)
    deaths = 0
    executor = boss.lane()
    while claims := executor.claim(100):
        if any(claim.payload == b"poison" for claim in claims):
            executor.crash()
            executor, deaths = boss.lane(), deaths + 1
        else:
            executor.turn(*(outcome(claim) for claim in claims))
    found = [record(store, ident) for ident in added]
    assert [each.state for each in found] == [S.FAILED if n == 20 else S.FINISHED for n in range(50)]
    assert deaths == 4
    assert {each.crashes for n, each in enumerate(found) if n != 20} == {0}


# ---- rescue ---------------------------------------------------------------------------------------------------------


def test_a_rescue_suspects_what_had_begun(store: Store) -> None:
    """When a whole worker died, all its begun jobs become suspects, also a single one; the others return."""
    one, two, other, single = put(store, *(job() for _ in range(4)))
    dead, boss = Boss(store), Boss(store)
    executor, colleague = dead.lane(), dead.lane()
    first, _ = executor.take(one, two)
    second, _ = colleague.take(other, single)
    executor.begin(first)
    colleague.begin(second)
    boss.beat(gone=[dead.id])
    for ident in (one, other):
        found = record(store, ident)
        assert (found.state, found.suspect, found.crashes) == (S.QUEUED, True, 0)
        assert [(each.outcome, each.reason) for each in found.history] == [("returned", "crashed")]
    assert_unblamed(store, two, single)


def test_a_rescue_without_begun_jobs(store: Store) -> None:
    """If nothing had begun, all claims become suspects, without a record."""
    added = put(store, job(), job())
    dead, boss = Boss(store), Boss(store)
    dead.lane().take(*added)
    boss.beat(gone=[dead.id])
    assert [record(store, ident).suspect for ident in added] == [True, True]
    assert [record(store, ident).attempts for ident in added] == [0, 0]


def test_a_rescue_charges_the_suspect(store: Store) -> None:
    """If the worker ran a suspect, that one is charged; what else had begun is suspected from now on, the rest returns."""
    [suspect] = make_suspects(store)
    begun, other = put(store, job(), job())
    dead, boss = Boss(store), Boss(store)
    executor, colleague = dead.lane(), dead.lane()
    executor.take(suspect)
    claim, _ = colleague.take(begun, other)
    colleague.begin(claim)
    boss.beat(gone=[dead.id])
    found = record(store, suspect)
    assert (found.state, found.suspect, found.crashes, found.attempts) == (S.QUEUED, True, 1, 1)
    assert [(each.outcome, each.reason) for each in found.history] == [("retry", "crashed")]
    lost = record(store, begun)
    assert (lost.state, lost.suspect, lost.crashes) == (S.QUEUED, True, 0)
    assert [(each.outcome, each.reason) for each in lost.history] == [("returned", "crashed")]
    assert_unblamed(store, other)


def test_poison_beside_a_suspect_takes_nobody_along(store: Store) -> None:
    """A job that kills the worker while a colleague's suspect runs becomes one too, and ends before the innocent does."""
    [innocent] = make_suspects(store)
    poison, boss, deaths = add(store), Boss(store), 0
    while record(store, poison).state is S.QUEUED:
        worker = Boss(store)
        first, second = worker.lane(), worker.lane()
        mine, theirs = first.claim(1), second.claim(1)
        second.begin(*theirs)
        if poison in {claim.id for claim in (*mine, *theirs)}:
            boss.beat(gone=[worker.id])
            deaths += 1
        else:
            assert all(first.settle(claim) for claim in mine)
            first.retire()
            second.retire()
            store.retire_worker(worker.id)
    assert record(store, poison).reason == "crashed"
    assert deaths == 4
    assert record(store, innocent).state is S.FINISHED


def test_a_rescue_can_end_a_job(store: Store) -> None:
    """A suspect whose last crash takes the worker along is failed by the rescue."""
    [suspect] = make_suspects(store, max_crashes=1)
    dead, boss = Boss(store), Boss(store)
    dead.lane().take(suspect)
    boss.beat(gone=[dead.id])
    found = record(store, suspect)
    assert (found.state, found.reason, found.crashes) == (S.FAILED, "crashed", 1)


def test_a_retired_executor_is_not_judged_again(store: Store) -> None:
    """What an executor gave back before its worker died is not part of the rescue."""
    one, two = put(store, job(), job())
    dead, boss = Boss(store), Boss(store)
    executor, colleague = dead.lane(), dead.lane()
    executor.take(one)
    colleague.take(two)
    executor.retire()
    boss.beat(gone=[dead.id])
    assert_unblamed(store, one)
    assert record(store, two).suspect


def test_the_vanished_are_not_judged(store: Store) -> None:
    """A claim that was stopped or deleted is nobody's when its executor crashes."""
    stopped, deleted, left = put(store, *(job() for _ in range(3)))
    executor = lane(store)
    executor.begin(*executor.take(stopped, deleted, left))
    store.cancel(stopped, stop=True)
    store.delete([deleted])
    before = snapshot(store)["jobs"][stopped]
    assert executor.crash() == ((), (), (left,))
    assert snapshot(store)["jobs"][stopped] == before


def assert_unblamed(store: Store, *added: str) -> None:
    """These jobs wait as if nothing had happened."""
    for ident in added:
        found = record(store, ident)
        assert (found.state, found.suspect, found.begun, found.crashes) == (S.QUEUED, False, False, 0)
        assert (found.attempts, found.history, found.token) == (0, (), 0)
