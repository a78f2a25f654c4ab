"""turn, claiming: what an executor is handed, in which order, and what the answer tells beside."""

import pytest

from tests.contract.helpers import (
    Boss,
    S,
    add,
    eventually,
    held,
    hinted,
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
from winch.errors import NotEnlisted
from winch.states import STATES
from winch.stores.contract import TURN_BATCH, TURN_BYTES, Held, Store


def test_a_claim_holds_what_the_run_needs(store: Store) -> None:
    """A claim carries the job, and the job's record says who holds it."""
    ident = add(store, payload=b"\x00\xff", meta=b"m", priority=2)
    executor = lane(store)
    turn = executor.turn(room=1)
    [claim] = turn.claims
    found = record(store, ident)
    assert (claim.id, claim.queue, claim.payload, claim.meta, claim.priority) == (ident, "q", b"\x00\xff", b"m", 2)
    assert (claim.suspect, claim.fails, claim.attempts, claim.crashes, claim.parent) == (False, 0, 0, 0, None)
    assert (claim.created_at, claim.enqueued_at) == (found.created_at, found.enqueued_at)
    assert claim.wait == turn.now - claim.enqueued_at
    assert (found.state, found.token, found.executor) == (S.STARTED, claim.token, executor.id)
    assert (found.worker, found.started_at, found.begun) == (executor.worker.info.name, turn.now, False)
    assert (turn.more, turn.next_due, turn.late, turn.alone) == (False, None, (), False)


def test_each_job_is_claimed_once(store: Store) -> None:
    """What one executor holds no other gets."""
    added = put(store, *(job() for _ in range(5)))
    one, other = lane(store), lane(store)
    assert [claim.id for claim in one.claim(3)] == added[:3]
    assert [claim.id for claim in other.claim(3)] == added[3:]
    assert one.claim() == other.claim() == []


def test_queues_in_the_order_given(store: Store) -> None:
    """Queues are strict priorities: the first is emptied before the next, whatever the jobs' priorities."""
    low, high, other = put(store, job(queue="low", priority=9), job(queue="high", priority=-9), job(queue="other"))
    executor = lane(store)
    assert [claim.id for claim in executor.claim(100, "high", "low")] == [high, low]
    assert record(store, other).state is S.QUEUED


def test_many_queues_in_the_order_given(store: Store) -> None:
    """Of more queues than a store looks at together the first are emptied first, each by priority and age."""
    names = [f"q-{number}" for number in range(120)]
    wanted: list[str] = []
    for name in names[::3]:
        low, high, one = put(store, *(job(queue=name, priority=priority) for priority in (-1, 1, 0)))
        wanted += (high, one, low)
    executor = lane(store)
    assert [claim.id for claim in executor.claim(100, *names)] == wanted[:100]
    assert [claim.id for claim in executor.claim(100, *names)] == wanted[100:]


def test_what_is_left_of_many_queues_has_its_marker(store: Store) -> None:
    """A turn that is full passes on the marker of every queue in which work is left, also of one that it did not come to."""
    names = [f"q-{number}" for number in range(120)]
    put(store, *(job(queue=name) for name in names))
    assert hinted(store, names[50])
    assert hinted(store, names[119])
    assert len(lane(store).claim(2, *names)) == 2
    assert hinted(store, names[50])
    assert hinted(store, names[119])


def test_priorities_decide_within_a_queue(store: Store) -> None:
    """Within a queue the highest priority is claimed first, then the oldest."""
    low, one, high, two = put(store, job(priority=-1), job(), job(priority=1), job())
    assert [claim.id for claim in lane(store).claim()] == [high, one, two, low]


@pytest.mark.parametrize("room", [0, 1, 3])
def test_no_more_than_there_is_room(store: Store, room: int) -> None:
    """`room` bounds the claims; that it is used up does not make `more`."""
    put(store, *(job() for _ in range(5)))
    turn = lane(store).turn(room=room)
    assert len(turn.claims) == room
    assert not turn.more
    assert store.counts()["q"][S.QUEUED] == 5 - room


def test_a_hundred_at_most(store: Store) -> None:
    """A turn hands out a hundred jobs, however much room there is."""
    added = put(store, *(job() for _ in range(TURN_BATCH + 20)))
    executor = lane(store)
    assert [claim.id for claim in executor.turn(room=10 * TURN_BATCH).claims] == added[:TURN_BATCH]
    assert [claim.id for claim in executor.turn(room=TURN_BATCH).claims] == added[TURN_BATCH:]


def test_the_bytes_of_a_turn_are_bounded(store: Store) -> None:
    """A turn stops once it has handed out about a megabyte, and asks to be repeated."""
    size = 2 * TURN_BYTES // 5
    added = put(store, *(job(bytes(size)) for _ in range(5)))
    executor = lane(store)
    turn = executor.turn(room=100)
    assert len(turn.claims) in (2, 3)
    assert turn.more
    assert [claim.id for claim in (*turn.claims, *executor.claim())] == added


def test_the_first_job_is_handed_out_whatever_its_size(store: Store) -> None:
    """A payload above the limit goes alone."""
    large, small = put(store, job(bytes(TURN_BYTES + 1)), job())
    executor = lane(store)
    turn = executor.turn(room=2)
    assert [claim.id for claim in turn.claims] == [large]
    assert turn.more
    assert [claim.id for claim in executor.turn(room=1).claims] == [small]


def test_tokens_grow(store: Store) -> None:
    """Every token is larger than every one before, over turns, executors and claims of the same job."""
    executors = [lane(store), lane(store)]
    tokens: list[int] = []
    for _ in range(20):
        for executor in executors:
            put(store, job(), job(), job())
            claims = executor.claim(3)
            tokens += [claim.token for claim in claims]
            executor.turn(*(outcome(claim, "returned") for claim in claims))
    assert tokens == sorted(set(tokens))
    assert tokens[0] > 1_700_000_000_000_000, "the store's time in microseconds, which survives the loss of the last"


def test_the_ttl_of_a_job(store: Store) -> None:
    """A job that waited longer than its ttl ends canceled, reason `expired`, and the next one is claimed."""
    late, lasting, plain = put(store, job(ttl=1), job(ttl=60_000), job())
    eventually(lambda: store.now() > record(store, late).enqueued_at + 1)
    assert [claim.id for claim in lane(store).claim()] == [lasting, plain]
    found = record(store, late)
    assert (found.state, found.reason, found.attempts) == (S.CANCELED, "expired", 0)


def test_many_expired_at_the_head(store: Store) -> None:
    """However many expired jobs stand at the head, the one behind them is reached."""
    put(store, *(job(ttl=1) for _ in range(250)))
    behind = add(store)
    eventually(lambda: store.now() > record(store, behind).enqueued_at + 1)
    assert [claim.id for claim in lane(store).claim(1)] == [behind]
    assert store.counts()["q"][S.CANCELED] == 250


def test_the_ttl_ends_with_the_first_run(store: Store) -> None:
    """After a run that was recorded, waiting again is not bounded by the ttl."""
    ident = add(store, ttl=40)
    executor = lane(store)
    assert executor.settle(executor.one(), "retry", reason="raised", counts=False)
    eventually(lambda: store.now() > record(store, ident).enqueued_at + 40)
    assert executor.one().id == ident


def test_a_paused_queue_is_left_alone(store: Store) -> None:
    """A paused queue hands out nothing, and the next in line is not held up by it."""
    kept, taken = put(store, job(queue="held"), job(queue="free"))
    store.pause("held")
    assert [claim.id for claim in lane(store).claim(9, "held", "free")] == [taken]
    store.resume("held")
    assert [claim.id for claim in lane(store).claim(9, "held", "free")] == [kept]


def test_a_queue_that_is_named_twice_is_looked_at_once(store: Store) -> None:
    """Each of its jobs becomes one claim, whichever way the turn is taken."""
    worker = Boss(store, queues=("a", "q", "a"))
    put(store, *(job(queue="a") for _ in range(3)), job())
    claims = worker.lane().claim()
    assert len(claims) == len({claim.id for claim in claims}) == 4
    store.pause("other")
    put(store, *(job(queue=f"q{n}") for n in range(6)))
    names = [f"q{n}" for n in range(6)]
    claims = worker.lane().claim(100, *names, *names)
    assert len(claims) == len({claim.id for claim in claims}) == 6


def test_queues_nobody_knows(store: Store) -> None:
    """A queue that holds nothing yet is an empty queue, and is not created by looking."""
    turn = lane(store).turn(queues=["nothing"], room=5)
    assert turn.claims == ()
    assert store.queues() == []


def test_ten_thousand_queues(store: Store) -> None:
    """A worker may name a queue for each of its customers, and be told when the first of their jobs is due."""
    worker = Boss(store, queues=[f"q{n}" for n in range(10_000)])
    put(store, job(queue="q9999"), job(queue="q9998", delay=50_000))
    executor = worker.lane()
    [claim] = executor.claim()
    turn = executor.turn(outcome(claim, "failed", reason="raised"))
    assert turn.late == ()
    assert turn.next_due is not None
    assert worker.beat().next_due is not None


def test_no_queues_at_all(store: Store) -> None:
    """A turn may name no queue: it settles and claims nothing."""
    ident = add(store)
    executor = lane(store)
    claim = executor.one()
    assert executor.turn(outcome(claim), queues=[], room=5).claims == ()
    assert record(store, ident).state is S.FINISHED


def test_the_next_due_job(store: Store) -> None:
    """`next_due` is the time to the earliest scheduled job of the queues named."""
    put(store, job(delay=50_000), job(delay=20_000), job(queue="other", delay=10_000))
    turn = lane(store).turn(room=1)
    assert turn.next_due is not None
    assert 15_000 < turn.next_due <= 20_000


def test_a_turn_promotes_what_is_due(store: Store) -> None:
    """A turn queues and claims the due jobs of the queues it names, earliest first, and leaves the others."""
    second, first, elsewhere = put(store, job(delay=12), job(delay=4), job(queue="other", delay=4))
    eventually(lambda: store.now() > record(store, second).due_at)
    assert [claim.id for claim in lane(store).claim()] == [first, second]
    assert record(store, elsewhere).state is S.SCHEDULED


def test_a_promotion_joins_the_back(store: Store) -> None:
    """A job that becomes due joins the back of its priority, and waits from then on."""
    due, normal = put(store, job(delay=5), job())
    eventually(lambda: store.now() > record(store, due).due_at)
    store.promote()
    found = record(store, due)
    assert ids(store, "q", S.QUEUED) == [normal, due]
    assert found.enqueued_at >= found.created_at + 5
    assert found.due_at == 0


def test_settled_jobs_can_be_claimed_in_the_same_turn(store: Store) -> None:
    """A turn settles first: what it puts back it may claim at once, under a new token."""
    ident = add(store)
    executor = lane(store)
    claim = executor.one()
    turn = executor.turn(outcome(claim, "retry", reason="raised"), room=1)
    assert [again.id for again in turn.claims] == [ident]
    assert turn.claims[0].token > claim.token
    assert (turn.claims[0].fails, turn.claims[0].attempts) == (1, 1)


def test_children_are_claimed_in_the_turn_that_frees_them(store: Store) -> None:
    """A turn fires before it claims: it may get the child of the job it settles."""
    parent = add(store)
    child = add(store, parents=(parent,))
    executor = lane(store)
    [claim] = executor.take(parent)
    assert [each.id for each in executor.turn(outcome(claim), room=1).claims] == [child]


def test_a_stranger_gets_nothing(store: Store) -> None:
    """An executor that is not enlisted, or whose enlistment ended, is refused and nothing happens."""
    put(store, job(), job())
    executor = lane(store)
    claim = executor.one()
    executor.retire()
    before = snapshot(store)
    for stranger in (executor.id, "nobody", executor.worker.id):
        with pytest.raises(NotEnlisted):
            store.turn(stranger, 7, [outcome(claim)], [held(claim)], ["q"], 5, {})
    assert snapshot(store) == before


def test_a_turn_with_a_marker_but_no_room_passes_it_on(store: Store) -> None:
    """A turn that leaves claimable work in a queue it names leaves the queue's marker too."""
    put(store, job(), job())
    executor = lane(store)
    assert hinted(store)
    executor.turn(room=0)
    assert hinted(store)
    executor.turn(room=1)
    assert hinted(store)


# ---- begin ----------------------------------------------------------------------------------------------------------


def test_begin_marks_a_claim(store: Store) -> None:
    """A begun claim says so in its record, and its time counts from there."""
    one, other = put(store, job(), job())
    executor = lane(store)
    claim, _ = executor.take(one, other)
    eventually(lambda: store.now() > record(store, one).started_at)
    turn = executor.turn(begins=[held(claim)])
    assert record(store, one).begun
    assert record(store, one).started_at == turn.now
    assert not record(store, other).begun


@pytest.mark.parametrize("wrong", ["token", "id", "executor", "settled"])
def test_begin_is_fenced(store: Store, wrong: str) -> None:
    """A begin under another token, job or executor, or after the end, changes nothing."""
    one, other = put(store, job(), job())
    executor, stranger = lane(store), lane(store)
    claim, _ = executor.take(one, other)
    name = {"token": Held(claim.token + 10**9, one), "id": Held(claim.token, other)}.get(wrong, held(claim))
    if wrong == "settled":
        executor.settle(claim)
    before = snapshot(store)
    (stranger if wrong == "executor" else executor).turn(begins=[name, Held(claim.token, "unknown")])
    assert snapshot(store) == before


def test_settle_comes_before_begin(store: Store) -> None:
    """In one turn a claim that is settled is not begun any more."""
    ident = add(store)
    executor = lane(store)
    claim = executor.one()
    turn = executor.turn(outcome(claim, "returned"), begins=[held(claim)])
    assert turn.late == ()
    assert states(store, ident) == ["queued"]
    assert not record(store, ident).begun


def test_the_next_claim_has_not_begun(store: Store) -> None:
    """That a claim had begun ends with the claim."""
    ident = add(store)
    executor = lane(store)
    claim = executor.one()
    executor.begin(claim)
    assert executor.settle(claim, "retry", reason="raised")
    assert not executor.one().suspect
    assert not record(store, ident).begun


# ---- a turn sent ahead ----------------------------------------------------------------------------------------------


def test_a_turn_can_be_sent_ahead(store: Store) -> None:
    """`begin_turn` sends the turn and answers it when asked."""
    ident = add(store)
    executor = lane(store)
    answer = store.begin_turn(executor.id, 1, [], [], ["q"], 1, {})
    turn = answer()
    assert [claim.id for claim in turn.claims] == [ident]
    assert record(store, ident).token == turn.claims[0].token


def test_a_turn_sent_ahead_is_refused_when_it_is_answered(store: Store) -> None:
    """A refused turn is refused by the answer at the latest, and the store can be used after it."""
    with pytest.raises(NotEnlisted):
        store.begin_turn("nobody", 1, [], [], ["q"], 1, {})()
    assert store.now() > 0


def test_a_turn_sent_ahead_has_its_number(store: Store) -> None:
    """It is numbered like any other: repeated, it answers the claims that are still held."""
    put(store, job(), job(), job())
    executor = Boss(store).lane()
    first = store.begin_turn(executor.id, 1, [], [], ["q"], 2, {})()
    again = store.begin_turn(executor.id, 1, [], [], ["q"], 2, {})()
    assert again.claims == first.claims
    assert len(ids(store, "q", S.QUEUED)) == 1


def test_outcomes_are_packed_ahead(store: Store) -> None:
    """Packed outcomes are the same outcomes, and a turn settles them like any other: alone, repeated, or with more behind."""
    put(store, job(), job(), job())
    executor = lane(store)
    done, failed, late = executor.claim(3)
    outcomes = [
        outcome(done, run=3, result=b"result"),
        outcome(failed, "failed", reason="raised", detail=b"detail"),
    ]
    packed = store.packed(outcomes)
    assert list(packed) == outcomes
    for _ in range(2):
        assert store.turn(executor.id, 50, packed, [], ["q"], 0, {}).late == ()
    assert (record(store, done.id).result, record(store, failed.id).state) == (b"result", S.FAILED)
    store.turn(executor.id, 51, [*store.packed([]), outcome(late, "returned")], [], ["q"], 0, {})
    assert record(store, late.id).state is S.QUEUED


def test_a_lane_that_claims_leaves_nothing_behind(store: Store) -> None:
    """Claimed and finished, a queue is empty and known."""
    ident = add(store)
    run(store, ident)
    assert store.counts() == {"q": dict.fromkeys(STATES, 0) | {S.FINISHED: 1}}
