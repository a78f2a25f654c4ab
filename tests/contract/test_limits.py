"""limits: slots and tokens are taken by claims, who finds none waits, and goes on when there is room."""

import threading
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.contract.helpers import (
    Boss,
    Channel,
    S,
    add,
    eventually,
    fire,
    has_hint,
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
from winch.stores.contract import Call, LimitRecord, NewCallback, NewJob, NewLimit, OutcomeKind, Store, TallyKey

ONE = NewLimit("k", concurrency=1)
TWO = NewLimit("k", concurrency=2)
DAY = 86_400_000


def limited(limit: NewLimit = ONE, **options: Any) -> NewJob:
    """A new job with a limit."""
    return job(limits=(limit,), **options)


def rated(burst: int = 1, per: int = DAY, rate: int = 1, key: str = "k") -> NewLimit:
    """A rate of `rate` per `per` milliseconds."""
    return NewLimit(key, rate=rate, per=per, burst=burst)


def blocked(store: Store, queue: str = "q") -> list[str]:
    """The jobs of a queue that wait for a limit, in their order."""
    return ids(store, queue, S.BLOCKED)


# ---- concurrency ----------------------------------------------------------------------------------------------------


def test_as_many_as_the_limit_says(store: Store) -> None:
    """A turn hands out two, and the others are blocked."""
    jobs = put(store, *(limited(TWO) for _ in range(5)))
    executor = lane(store)
    assert [claim.id for claim in executor.claim()] == jobs[:2]
    assert blocked(store) == jobs[2:]
    assert ids(store, "q", S.QUEUED) == []
    assert executor.claim() == []


def test_the_limit_holds_for_all_workers_and_queues(store: Store) -> None:
    """Slots are counted over the store."""
    first = add(store, limits=(ONE,))
    second = add(store, limits=(ONE,), queue="other")
    assert lane(store).one().id == first
    assert lane(store).claim(5, "other") == []
    assert blocked(store, "other") == [second]


def test_other_jobs_pass_by(store: Store) -> None:
    """Jobs of other keys and jobs without limits are claimed past a full key, in their order."""
    put(store, *(limited() for _ in range(3)))
    free, other = put(store, job(), limited(NewLimit("other", concurrency=1)))
    assert [claim.id for claim in lane(store).claim()][1:] == [free, other]


def test_keys_have_any_characters(store: Store) -> None:
    """A key is a text of its own: with colons and spaces, and longer than a byte can tell."""
    for key in ("a:b c", "\N{SNOWMAN}" * 128, "%", "'"):
        jobs = put(store, *(limited(NewLimit(key, concurrency=1)) for _ in range(2)))
        assert [claim.id for claim in lane(store).claim()] == jobs[:1]
        assert store.limits([key])[0][:3] == (key, 1, 1)


ENDS: list[OutcomeKind] = ["finished", "failed", "stopped", "retry", "returned"]


@pytest.mark.parametrize("kind", ENDS)
def test_every_outcome_frees_the_slot(store: Store, kind: OutcomeKind) -> None:
    """Whatever becomes of a run: the first that waits is released in the same turn, and claimed by it."""
    first, second, third = put(store, *(limited() for _ in range(3)))
    executor = lane(store)
    claim = executor.one()
    executor.claim()
    assert blocked(store) == [second, third]
    turn = executor.turn(outcome(claim, kind), room=1)
    # what is given back is claimed again, at its old place
    assert [each.id for each in turn.claims] == [first if kind == "returned" else second]
    assert store.limits(["k"])[0].running == 1


def test_a_retry_with_a_delay_holds_no_slot(store: Store) -> None:
    """It waits for its time, and others run."""
    first, second = put(store, limited(), limited())
    executor = lane(store)
    claim = executor.one()
    turn = executor.turn(outcome(claim, "retry", delay=DAY), room=1)
    assert [each.id for each in turn.claims] == [second]
    assert states(store, first) == ["scheduled"]


def test_a_run_whose_result_is_not_kept(store: Store) -> None:
    """A job that vanishes with its end frees its slot, too."""
    put(store, limited(result_ttl=0), limited())
    executor = lane(store)
    claim = executor.one()
    assert executor.claim() == []
    assert len(executor.turn(outcome(claim), room=1).claims) == 1


@pytest.mark.parametrize("end", ["stop", "delete", "retire", "crash", "retire_worker", "rescue"])
def test_whoever_takes_a_claim_away_frees_the_slot(store: Store, end: str) -> None:
    """Stop, delete, crash and death: the next one is released at once, whoever did it."""
    first, second = put(store, limited(), limited())
    executor = lane(store)
    executor.one()
    executor.claim()
    assert states(store, first, second) == ["started", "blocked"]
    if end == "stop":
        store.cancel(first, stop=True)
    elif end == "delete":
        store.delete([first])
    elif end in ("retire", "crash"):
        executor.retire(crashed=end == "crash")
    elif end == "retire_worker":
        store.retire_worker(executor.worker.id)
    else:
        Boss(store, queues=("other",)).beat(gone=[executor.worker.id])
    assert states(store, second) == ["queued"]
    assert store.limits(["k"])[0].running == 0
    assert len(lane(store).claim()) == 1


def test_settles_of_a_retirement_free_slots(store: Store) -> None:
    """The outcomes that a dead executor left behind count like any other."""
    _, second = put(store, limited(), limited())
    executor = lane(store)
    claim = executor.one()
    executor.claim()
    executor.retire(outcomes=[outcome(claim)])
    assert states(store, second) == ["queued"]


def test_late_outcomes_free_nothing(store: Store) -> None:
    """A slot belongs to the claim: who lost it cannot free it for somebody else."""
    first, second, third = put(store, *(limited() for _ in range(3)))
    executor, other = lane(store), lane(store)
    claim = executor.one()
    store.cancel(first, stop=True)
    assert other.one().id == second
    assert not executor.settle(claim)
    assert executor.claim() == []
    assert states(store, third) == ["blocked"]


# ---- order ----------------------------------------------------------------------------------------------------------


def test_they_go_on_in_their_order(store: Store) -> None:
    """By priority, then first come; who came to the front is first."""
    executor = lane(store)
    running = add(store, limits=(ONE,))
    claim = executor.take(running)[0]
    low, first, second = put(store, limited(priority=-1), limited(), limited())
    assert executor.claim() == []
    high, front = put(store, limited(priority=1), limited(at_front=True))
    assert executor.claim() == []
    assert blocked(store) == [high, front, first, second, low]
    assert store.list("q", S.BLOCKED, newest=True, limit=2) == [low, second]
    ran: list[str] = []
    while claim is not None:
        claims = executor.turn(outcome(claim), room=1).claims
        claim = claims[0] if claims else None
        ran += [each.id for each in claims]
    assert ran == [high, front, first, second, low]


def test_a_released_job_has_its_old_place(store: Store) -> None:
    """Jobs that came later stand behind it, those that wait longer before it."""
    executor = lane(store)
    running = executor.take(add(store, limits=(ONE,)))[0]
    before = add(store, queue="q")
    waits = add(store, limits=(ONE,))
    store.pause("other")
    assert [claim.id for claim in executor.claim()] == [before]
    behind = add(store)
    executor.turn(outcome(running))
    assert ids(store, "q", S.QUEUED) == [waits, behind]
    assert store.position(waits) == 0


def test_who_finds_no_room_again_waits_at_the_old_place(store: Store) -> None:
    """A job that came later may take the slot first in another queue; the released one is first again then."""
    executor = lane(store)
    running = executor.take(add(store, limits=(ONE,)))[0]
    first, second = put(store, limited(), limited())
    executor.claim()
    executor.turn(outcome(running))
    assert states(store, first, second) == ["queued", "blocked"]
    other = add(store, limits=(ONE,), queue="other")
    thief = executor.one("other")
    assert thief.id == other
    assert executor.claim() == []
    assert blocked(store) == [first, second]
    assert [claim.id for claim in executor.turn(outcome(thief), room=5).claims] == [first]


def test_many_are_released_at_once(store: Store) -> None:
    """A turn that frees a hundred slots hands out the next hundred."""
    many = NewLimit("k", concurrency=100)
    jobs = put(store, *(limited(many) for _ in range(250)))
    executor = lane(store)
    claims = executor.claim()
    assert [claim.id for claim in claims] == jobs[:100]
    executor.claim()
    assert blocked(store) == jobs[100:]
    turn = executor.turn(*(outcome(claim) for claim in claims), room=100)
    assert [claim.id for claim in turn.claims] == jobs[100:200]


def test_more_room_than_one_call_uses(store: Store) -> None:
    """However many may go on at once: a call releases some, `promote` says that there are more, nobody is forgotten."""
    jobs = put(store, *(limited(NewLimit("k", concurrency=250)) for _ in range(500)))
    executor = lane(store)
    for _ in range(4):
        executor.claim()
    assert len(blocked(store)) == 250
    store.delete(jobs[:250])
    assert ids(store, "q", S.QUEUED) == jobs[250 : 500 - len(blocked(store))]
    while store.promote() == 0:
        pass
    assert ids(store, "q", S.QUEUED) == jobs[250:]
    assert [claim.id for claim in executor.claim()] == jobs[250:350]


# ---- several limits -------------------------------------------------------------------------------------------------


def test_all_limits_or_none(store: Store) -> None:
    """A job that one of its limits refuses takes nothing of the others."""
    a, b = NewLimit("a", concurrency=1), NewLimit("b", concurrency=1)
    executor = lane(store)
    holds_b = executor.take(add(store, limits=(b,)))[0]
    both = add(store, limits=(a, b))
    assert executor.claim() == []
    assert store.limits(["a", "b"]) == [LimitRecord("a", 0, 0, 0), LimitRecord("b", 1, 1, 0)]
    only_a = add(store, limits=(a,))
    assert executor.one().id == only_a
    executor.turn(outcome(holds_b))
    assert states(store, both) == ["queued"]  # now it finds that `a` is full
    assert executor.claim() == []
    assert store.limits(["a", "b"]) == [LimitRecord("a", 1, 1, 0), LimitRecord("b", 0, 0, 0)]


def test_who_moves_on_to_another_key_makes_way(store: Store) -> None:
    """A released job that another limit refuses is no reason for those behind it to wait on."""
    a, b = NewLimit("a", concurrency=1), NewLimit("b", concurrency=1)
    executor = lane(store)
    [holds_a] = executor.take(add(store, limits=(a,)))
    [holds_b] = executor.take(add(store, limits=(b,)))
    both, behind = put(store, job(limits=(b, a)), job(limits=(b,)))
    assert executor.claim() == []
    executor.turn(outcome(holds_b))
    assert states(store, both, behind) == ["queued", "blocked"]
    executor.turn(room=1)  # `both` waits for `a` from now on
    assert [claim.id for claim in executor.claim()] == [behind]
    executor.turn(outcome(holds_a))
    assert states(store, both) == ["queued"]
    assert executor.claim() == []  # `b` is taken by the one that was behind it
    assert [each.waiting for each in store.limits(["a", "b"])] == [0, 1]


@pytest.mark.parametrize("end", ["cancel", "delete", "expire"])
def test_a_released_job_that_is_taken_away_makes_way(store: Store, end: str) -> None:
    """It was promised the slot and will not come for it: the next one is released instead."""
    executor = lane(store)
    running = executor.take(add(store, limits=(ONE,)))[0]
    first, second = put(store, limited(ttl=20 if end == "expire" else 0), limited())
    executor.claim()
    executor.turn(outcome(running))
    assert states(store, first, second) == ["queued", "blocked"]
    if end == "cancel":
        store.cancel(first)
    elif end == "delete":
        store.delete([first])
    else:
        eventually(lambda: store.now() > record(store, first).enqueued_at + 20)
        executor.turn(room=1)
        assert states(store, first) == ["canceled"]
    assert executor.one().id == second


def test_each_job_is_held_to_its_own_numbers(store: Store) -> None:
    """A job that allows more of the key runs where one that allows less waits."""
    executor = lane(store)
    put(store, limited(TWO))
    executor.one()
    strict, generous = put(store, limited(ONE), limited(TWO))
    assert [claim.id for claim in executor.claim()] == [generous]
    assert blocked(store) == [strict]


def test_the_limits_are_in_the_record(store: Store) -> None:
    """As they were given, in their order."""
    limits = (NewLimit("b", 3), NewLimit("a", 0, 5, 1000, 7), NewLimit("c", 1, 2, 60_000, 2))
    one = add(store, limits=limits)
    assert record(store, one).limits == limits
    assert record(store, add(store)).limits == ()


# ---- whatever else a job has ----------------------------------------------------------------------------------------


def test_a_blocked_job_can_be_canceled_and_deleted(store: Store) -> None:
    """It waits no more, and nobody else is disturbed."""
    executor = lane(store)
    claim = executor.take(add(store, limits=(ONE,)))[0]
    canceled, deleted, third = put(store, *(limited() for _ in range(3)))
    executor.claim()
    assert store.cancel(canceled) is S.BLOCKED
    assert store.delete([deleted]) == 1
    assert blocked(store) == [third]
    assert store.limits()[0].waiting == 1
    assert [each.id for each in executor.turn(outcome(claim), room=3).claims] == [third]
    assert store.limits() == []


def test_a_requeued_job_needs_a_slot_again(store: Store) -> None:
    """It joins the queue like a new one."""
    first, second = put(store, limited(), limited())
    executor = lane(store)
    claim = executor.one()
    executor.settle(claim, "failed")
    assert executor.one().id == second
    store.requeue(first)
    assert executor.claim() == []
    assert blocked(store) == [first]


def test_an_id_that_is_used_again(store: Store) -> None:
    """The successor of an ended job has its own limits and no others."""
    add(store, id="one", limits=(ONE,))
    executor = lane(store)
    executor.settle(executor.one())
    add(store, id="one", limits=(NewLimit("other", 1),))
    add(store, limits=(ONE,))
    assert len(executor.claim()) == 2
    assert [each.running for each in store.limits(["k", "other"])] == [1, 1]


def test_blocked_for_too_long(store: Store) -> None:
    """A ttl counts while a job is blocked: its turn comes, and it is canceled."""
    executor = lane(store)
    claim = executor.take(add(store, limits=(ONE,)))[0]
    late, other = put(store, limited(ttl=5), limited())
    executor.claim()
    eventually(lambda: store.now() > record(store, late).enqueued_at + 5)
    executor.turn(outcome(claim), room=1)
    executor.claim(1)
    assert (record(store, late).state, record(store, late).reason) == (S.CANCELED, "expired")
    assert states(store, other) == ["started"]


def test_dependencies_come_before_limits(store: Store) -> None:
    """A deferred job takes no slot; a blocked parent keeps its children waiting."""
    executor = lane(store)
    claim = executor.take(add(store, limits=(ONE,)))[0]
    parent = add(store, limits=(ONE,))
    child = add(store, limits=(ONE,), parents=(parent,))
    assert executor.claim() == []
    assert states(store, parent, child) == ["blocked", "deferred"]
    [claim] = executor.turn(outcome(claim), room=5).claims
    assert claim.id == parent
    [claim] = executor.turn(outcome(claim), room=5).claims
    assert claim.id == child


def test_callbacks_have_no_limits(store: Store) -> None:
    """A callback runs beside the next job of the key."""
    callback = (NewCallback("success", b"s"),)
    put(store, limited(callbacks=callback), limited())
    executor = lane(store)
    claim = executor.one()
    executor.claim()
    claims = executor.turn(outcome(claim), room=5).claims
    assert sorted(each.payload for each in claims) == [b"payload", b"s"]
    parents = [each.parent for each in claims if each.parent]
    assert [parent.limits for parent in parents] == [()]


def test_scheduled_jobs_have_limits(store: Store) -> None:
    """The slot is asked for when it is claimed, not when it is due."""
    executor = lane(store)
    executor.take(add(store, limits=(ONE,)))
    due = add(store, limits=(ONE,), delay=2)
    eventually(lambda: store.now() > record(store, due).created_at + 2)
    assert executor.claim() == []
    assert states(store, due) == ["blocked"]


def test_suspects_have_limits(store: Store) -> None:
    """A suspect waits for its slot like others, and is still handed out alone then."""
    first, second = put(store, limited(), limited())
    executor = lane(store)
    executor.begin(executor.one())
    executor.crash()
    holder = lane(store)
    add(store, limits=(ONE,), queue="other")
    claim = holder.one("other")
    executor = lane(store)
    turn = executor.turn(room=5)
    assert (turn.claims, turn.alone) == ((), False)
    assert blocked(store) == [first, second]
    holder.turn(outcome(claim))
    [claim] = executor.claim()
    assert (claim.id, claim.suspect) == (first, True)


def test_empty_leaves_blocked_jobs(store: Store) -> None:
    """`empty` is about what is queued."""
    executor = lane(store)
    executor.take(add(store, limits=(ONE,)))
    one = add(store, limits=(ONE,))
    executor.claim()
    assert store.empty("q") == 0
    assert not store.forget("q")
    assert blocked(store) == [one]


def test_take_asks_the_limits_too(store: Store) -> None:
    """A job that is claimed by its id takes a slot, or is blocked and goes on like others."""
    first, second = put(store, limited(), limited())
    executor, other = lane(store), lane(store)
    claim = store.take(executor.id, first)
    assert claim is not None
    assert store.take(other.id, second) is None
    assert states(store, first, second) == ["started", "blocked"]
    assert store.take(other.id, second) is None
    executor.turn(outcome(claim))
    taken = store.take(other.id, second)
    assert taken is not None
    assert store.limits(["k"])[0][:3] == ("k", 1, 0)


# ---- queues ---------------------------------------------------------------------------------------------------------


def test_a_paused_queue_holds_up_no_other(store: Store) -> None:
    """Its job is released and waits for the end of the pause; it has no slot, and another queue's job takes it."""
    executor = lane(store)
    claim = executor.take(add(store, limits=(ONE,)))[0]
    first = add(store, limits=(ONE,), queue="a")
    second = add(store, limits=(ONE,), queue="b")
    assert executor.claim(5, "a", "b") == []
    store.pause("a")
    turn = executor.turn(outcome(claim), queues=("a", "b"), room=5)
    assert [each.id for each in turn.claims] == [second]
    store.resume("a")
    assert executor.claim(5, "a") == []
    executor.turn(outcome(turn.claims[0]))
    assert executor.one("a").id == first


def test_a_queue_that_nobody_serves_holds_up_no_other(store: Store) -> None:
    """However many of its jobs came first."""
    executor = lane(store)
    claim = executor.take(add(store, limits=(ONE,)))[0]
    put(store, *(limited(queue="dead") for _ in range(5)))
    mine = put(store, *(limited() for _ in range(3)))
    lane(store).claim(9, "dead")
    executor.claim()
    for one in mine:
        [claim] = executor.turn(outcome(claim), room=1).claims
        assert claim.id == one


def test_the_executor_decides_between_queues(store: Store) -> None:
    """Who names a queue first serves it first, whoever has waited longer."""
    executor = lane(store)
    claim = executor.take(add(store, limits=(ONE,)))[0]
    low = add(store, limits=(ONE,), queue="low")
    high = add(store, limits=(ONE,), queue="high")
    assert executor.claim(5, "high", "low") == []
    [claim] = executor.turn(outcome(claim), queues=("high", "low"), room=5).claims
    assert claim.id == high
    [claim] = executor.turn(outcome(claim), queues=("high", "low"), room=5).claims
    assert claim.id == low


# ---- waking ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", ["settle", "retire", "stop", "delete", "rescue"])
def test_a_release_wakes(store: Store, cause: str) -> None:
    """Whoever makes room wakes who sleeps on the queue of the one that is released."""
    executor = lane(store)
    first = add(store, limits=(ONE,))
    claim = executor.one()
    add(store, limits=(ONE,), queue="other")
    assert lane(store).claim(5, "other") == []
    hinted(store, "other", within=0.01)
    waiter = store.waiter(["other"])
    assert not has_hint(waiter, 0.05)
    if cause == "settle":
        executor.turn(outcome(claim), queues=[])
    elif cause == "retire":
        executor.retire()
    elif cause == "stop":
        store.cancel(first, stop=True)
    elif cause == "delete":
        store.delete([first])
    else:
        Boss(store, queues=("third",)).beat(gone=[executor.worker.id])
    assert has_hint(waiter)
    waiter.close()


def test_full_keys_leave_nobody_spinning(store: Store) -> None:
    """A queue whose jobs are all blocked has no marker."""
    put(store, *(limited() for _ in range(5)))
    lane(store).claim()
    hinted(store, within=0.01)
    assert not hinted(store, within=0.05)


def test_a_burst_waits_for_blocked_jobs(store: Store) -> None:
    """A queue with blocked jobs is not drained, unless it is paused."""
    put(store, limited(), limited())
    executor = lane(store)
    claim = executor.one()
    assert executor.claim() == []
    assert not store.drained(["q"])
    store.pause("q")
    assert store.drained(["q"])
    store.resume("q")
    executor.settle(executor.turn(outcome(claim), room=1).claims[0])
    assert store.drained(["q"])


# ---- rate -----------------------------------------------------------------------------------------------------------


def test_a_burst_then_no_more(store: Store) -> None:
    """As many start at once as the burst allows; that they end makes no room."""
    jobs = put(store, *(limited(rated(burst=3)) for _ in range(5)))
    executor = lane(store)
    claims = executor.claim()
    assert [claim.id for claim in claims] == jobs[:3]
    executor.turn(*(outcome(claim) for claim in claims), room=5)
    assert blocked(store) == jobs[3:]


def test_a_token_comes(store: Store) -> None:
    """The turn says when; then the next one starts, and one only."""
    jobs = put(store, *(limited(rated(per=60)) for _ in range(3)))
    executor = lane(store)
    assert executor.one().id == jobs[0]
    turn = executor.turn(room=5)
    assert turn.claims == ()
    due = executor.turn().next_due
    assert due is not None
    assert 0 <= due <= 60
    started = record(store, jobs[0]).token // 1000
    eventually(lambda: [store.promote(), states(store, jobs[1])][1] == ["queued"])
    assert store.now() >= started + 60
    assert states(store, jobs[2]) == ["blocked"]
    assert [claim.id for claim in executor.claim()] == [jobs[1]]


def test_the_rate_over_a_while(store: Store) -> None:
    """Never more starts in any span than the bucket allows, and nearly as many: what it holds when somebody looks."""
    jobs = put(store, *(limited(rated(rate=100, per=1000, burst=5)) for _ in range(100)))
    executor = lane(store)
    began, looks, starts = store.now(), list[int](), list[int]()
    while store.now() < began + 400:
        turn = executor.turn(room=100)
        looks.append(turn.now)
        starts += [turn.now] * len(turn.claims)
        executor.turn(*(outcome(claim) for claim in turn.claims))
    offered = 5 + sum(min((later - look) / 10, 5) for look, later in pairwise(looks))  # a full bucket does not fill
    assert offered * 2 / 3 <= len(starts) <= 5 + 42
    for n, start in enumerate(starts):
        within = sum(start <= other < start + 100 for other in starts[n:])
        assert within <= 5 + 10
    assert set(blocked(store)) < set(jobs)


def test_supervisors_hear_of_the_next_token(store: Store) -> None:
    """A job that comes to wait for a token is told like one that was scheduled; beat and promote say when."""
    boss = Boss(store)
    executor = boss.lane()
    hints = store.hints(boss.id)
    assert boss.beat().next_due is None
    put(store, limited(rated(per=5_000)), limited(rated(per=5_000)))
    executor.one()
    executor.claim()
    assert has_hint(hints)
    due = boss.beat().next_due
    assert due is not None
    assert 3_000 < due <= 5_000
    assert 3_000 < (store.promote() or 0) <= 5_000
    assert Boss(store, queues=("other",)).beat().next_due is None
    store.cancel(blocked(store)[0])
    assert boss.beat().next_due is None
    hints.close()


def test_what_never_began_puts_its_token_back(store: Store) -> None:
    """A claim that is returned unbegun was no start; one that had begun was."""
    jobs = put(store, *(limited(rated()) for _ in range(3)))
    executor = lane(store)
    claim = executor.one()
    assert executor.claim() == []
    [claim] = executor.turn(outcome(claim, "returned"), room=5).claims
    assert claim.id == jobs[0]
    executor.begin(claim)
    assert executor.turn(outcome(claim, "returned"), room=5).claims == ()
    assert blocked(store) == jobs


@pytest.mark.parametrize("signs", [{"run": 5}, {"detail": b"d"}])
def test_what_shows_signs_of_a_run_has_spent_its_token(store: Store, signs: dict[str, object]) -> None:
    """A run that was interrupted before the store knew of it."""
    put(store, limited(rated()), limited(rated()))
    executor = lane(store)
    claim = executor.one()
    assert executor.turn(outcome(claim, "returned", **signs), room=5).claims == ()


@pytest.mark.parametrize("kind", ["failed", "retry"])
def test_a_run_that_fails_has_spent_its_token(store: Store, kind: OutcomeKind) -> None:
    """So has one whose executor died."""
    put(store, limited(rated(burst=2)), limited(rated(burst=2)), limited(rated(burst=2)))
    executor = lane(store)
    claims = executor.claim()
    executor.turn(outcome(claims[0], kind))
    executor.crash()
    assert lane(store).claim() == []


def test_rate_and_concurrency(store: Store) -> None:
    """Both hold: the slot is free and no token is there, or the other way round."""
    both = NewLimit("k", concurrency=1, rate=2, per=DAY, burst=2)
    jobs = put(store, *(limited(both) for _ in range(4)))
    executor = lane(store)
    [claim] = executor.claim()
    assert executor.turn().next_due is None  # it waits for the slot
    [claim] = executor.turn(outcome(claim), room=5).claims
    assert executor.turn(outcome(claim), room=5).claims == ()
    assert blocked(store) == jobs[2:]
    due = executor.turn().next_due
    assert due is not None
    assert due > DAY / 2 - 60_000


def test_a_paused_queue_spends_no_token(store: Store) -> None:
    """What is released and not claimed has taken nothing."""
    limit = rated(per=30)
    put(store, limited(limit), limited(limit))
    other = add(store, queue="b", limits=(limit,))
    executor = lane(store)
    executor.one()
    executor.claim()
    store.pause("q")
    eventually(lambda: store.promote() is None or store.counts()["q"][S.QUEUED] == 1)
    assert executor.one("b").id == other


# ---- many -----------------------------------------------------------------------------------------------------------


def test_many_jobs_of_a_full_key_stand_in_nobodys_way(store: Store) -> None:
    """A turn passes over some hundreds and says `more`; behind them others are served."""
    put(store, *(limited() for _ in range(1000)))
    behind = add(store)
    executor = lane(store)
    first = executor.one()
    turns = [executor.turn(room=1)]
    while turns[-1].more:
        assert turns[-1].claims == ()
        turns.append(executor.turn(room=1))
    assert [claim.id for claim in turns[-1].claims] == [behind]
    assert len(turns) < 10
    assert len(blocked(store)) == 999
    [claim] = executor.turn(outcome(first), room=1).claims
    assert states(store, claim.id) == ["started"]


def test_many_executors_never_exceed_a_limit(store: Store) -> None:
    """Threads that settle and claim as fast as they can: at no moment more than three run, and all jobs do."""
    three, total = NewLimit("k", concurrency=3), 120
    put(store, *(limited(three, queue="q" if n % 2 else "r") for n in range(total)))
    running, done, most = set[str](), list[str](), list[int]()
    lock, stop = threading.Lock(), threading.Event()

    def work() -> None:
        executor = lane(store, queues=("q", "r"))
        waiter = store.waiter(["q", "r"])
        claims = executor.claim(2)
        while not stop.is_set():
            with lock:
                running.update(claim.id for claim in claims)
                most.append(len(running))
            with lock:
                running.difference_update(claim.id for claim in claims)
                done.extend(claim.id for claim in claims)
            turn = executor.turn(*(outcome(claim) for claim in claims), room=2)
            claims = list(turn.claims)
            if not (claims or turn.more) and not (has_hint(waiter, 0.2) or waiter.disarm()):
                continue
        waiter.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(done) >= total, within=30)
    stop.set()
    for thread in threads:
        thread.join()
    assert Counter(done).most_common(1)[0][1] == 1
    assert max(most) <= 3
    assert store.limits() == []


# ---- again ----------------------------------------------------------------------------------------------------------


def test_a_repeated_turn_takes_nothing_twice(store: Store) -> None:
    """The same number: the same claims, and no further slot or token."""
    limit = NewLimit("k", concurrency=2, rate=2, per=DAY, burst=2)
    jobs = put(store, *(limited(limit) for _ in range(3)))
    executor = lane(store)
    first = executor.turn(room=1)
    assert executor.again(room=1).claims == first.claims
    assert store.limits(["k"])[0].running == 1
    assert [claim.id for claim in executor.claim()] == [jobs[1]]
    assert executor.claim() == []


@pytest.mark.parametrize("verb", ["cancel", "delete", "retire", "promote"])
def test_a_repeated_call_releases_nothing_twice(store: Store, verb: str) -> None:
    """Under the number of the first."""
    executor = lane(store)
    first, second, third = put(store, *(limited() for _ in range(3)))
    executor.one()
    executor.claim()
    calls: dict[str, Callable[[Call], object]] = {
        "cancel": lambda call: store.cancel(first, stop=True, call=call),
        "delete": lambda call: store.delete([first], call=call),
        "retire": lambda call: store.retire(executor.id, call=call),
        "promote": lambda call: store.promote(call=call),
    }
    call = Channel().next()
    answer = calls[verb](call)
    assert calls[verb](call) == answer
    expected = ["blocked", "blocked"] if verb == "promote" else ["queued", "blocked"]
    assert states(store, second, third) == expected


def test_reading_limits(store: Store) -> None:
    """Keys that jobs wait for by name, or those that are asked for in that order; unknown ones are empty."""
    assert store.limits() == []
    put(store, *(limited(NewLimit(key, concurrency=1)) for key in "bab" for _ in range(2)))
    put(store, limited(rated(key="r", per=5_000, burst=2)))
    lane(store).claim()
    assert store.limits() == [LimitRecord("a", 1, 1, 0), LimitRecord("b", 1, 3, 0)]
    [rate, none] = store.limits(["r", "none"])
    assert (rate[:3], none) == (("r", 0, 0), LimitRecord("none", 0, 0, 0))
    assert 4_000 < rate.full_in <= 5_000
    assert store.limits([]) == []


def test_children_of_a_blocked_job_that_is_canceled(store: Store) -> None:
    """Its end is told like any other."""
    executor = lane(store)
    executor.take(add(store, limits=(ONE,)))
    parent = add(store, limits=(ONE,))
    child = add(store, parents=(parent,))
    executor.claim()
    store.cancel(parent)
    fire(store)
    assert states(store, child) == ["canceled"]


def test_metrics_count_blocked_jobs_as_waiting(store: Store) -> None:
    """A tally goes on as ever beside limits; the wait of a claim is counted from its enqueue."""
    executor = lane(store)
    claim = executor.take(add(store, limits=(ONE,)))[0]
    waits = add(store, limits=(ONE,))
    executor.claim()
    eventually(lambda: store.now() > record(store, waits).enqueued_at + 10)
    turn = executor.turn(outcome(claim), room=1, tally={TallyKey("q", "f", "run", 1): 1})
    assert turn.claims[0].wait >= 10


def test_a_limited_job_runs_through(store: Store) -> None:
    """From enqueue to its end, more than once."""
    one = add(store, limits=(ONE, rated(burst=9, key="r")))
    for _ in range(3):
        run(store, one)
        assert states(store, one) == ["finished"]
        store.requeue(one)
