"""take and report: claiming one job by its id, and telling how far it has come."""

import pytest

from tests.contract.helpers import (
    Boss,
    Channel,
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
    run,
    states,
)
from winch.errors import NotEnlisted
from winch.ids import new_id
from winch.stores.contract import Held, NewCallback, Store


def test_take(store: Store) -> None:
    """A job is claimed by its id, past those before it, and is known to have begun."""
    first, second = put(store, job(priority=9), job(payload=b"mine", meta=b"m"))
    executor = lane(store)
    claim = store.take(executor.id, second)
    assert claim
    assert (claim.id, claim.payload, claim.meta, claim.attempts) == (second, b"mine", b"m", 0)
    found = record(store, second)
    assert (found.state, found.token, found.executor, found.begun) == (S.STARTED, claim.token, executor.id, True)
    assert ids(store, "q", S.QUEUED) == [first]
    assert executor.settle(claim, result=b"r")
    assert record(store, second).result == b"r"


def test_a_taken_jobs_token_is_the_time(store: Store) -> None:
    """Its token is the store's time in microseconds, so that none comes back after lost writes (PROTOCOL rule 8)."""
    before = store.now()
    claim = store.take(lane(store).id, add(store))
    assert claim
    assert before * 1000 <= claim.token <= (store.now() + 1) * 1000


@pytest.mark.parametrize("state", ["scheduled", "deferred", "started", "ended", "unknown"])
def test_only_what_is_queued_is_taken(store: Store, state: str) -> None:
    """A job in any other state is not taken, and stays as it is."""
    other = lane(store)
    parent = add(store, queue="else")
    one = add(store, delay=60_000 if state == "scheduled" else 0, parents=(parent,) if state == "deferred" else ())
    if state == "started":
        other.one()
    elif state == "ended":
        run(store, one)
    elif state == "unknown":
        store.delete([one])
    before = store.get([one])[0]
    assert store.take(lane(store).id, one) is None
    after = store.get([one])[0]
    assert (before and before.state, before and before.token) == (after and after.state, after and after.token)


def test_who_is_not_enlisted_takes_nothing(store: Store) -> None:
    """An executor that the store does not know is refused."""
    one = add(store)
    with pytest.raises(NotEnlisted):
        store.take(new_id(), one)
    assert states(store, one) == ["queued"]


def test_taken_from_a_paused_queue(store: Store) -> None:
    """A pause holds back what is handed out, not what is asked for by its id."""
    one = add(store)
    store.pause("q")
    assert store.take(lane(store).id, one)


def test_the_others_are_still_hinted_at(store: Store) -> None:
    """Whoever takes one job leaves the marker for those that stay."""
    _, second = put(store, job(), job())
    assert store.take(lane(store).id, second)
    assert hinted(store)


def test_what_waited_too_long_is_not_taken(store: Store) -> None:
    """A job whose ttl is over ends, as in a turn."""
    one = add(store, ttl=1)
    until = store.now() + 5
    while store.now() < until:
        pass
    assert store.take(lane(store).id, one) is None
    assert (record(store, one).state, record(store, one).reason) == (S.CANCELED, "expired")


def suspect(store: Store, executor_of: Boss) -> str:
    """A job that is suspected of having killed an executor."""
    one = add(store)
    executor = executor_of.lane()
    claim = executor.one()
    executor.begin(claim)
    executor.crash()
    assert record(store, one).suspect
    return one


def test_a_suspect_is_taken_alone(store: Store) -> None:
    """A suspect is taken by who holds nothing, and nothing is taken beside it."""
    boss = Boss(store)
    one, other = suspect(store, boss), add(store)
    busy, free = boss.lane(), boss.lane()
    beside = store.take(busy.id, other)
    assert beside
    assert store.take(busy.id, one) is None
    busy.settle(beside)
    claim = store.take(busy.id, one)
    assert claim
    assert claim.suspect
    third = add(store)
    assert store.take(busy.id, third) is None
    assert store.take(free.id, third)


def test_a_callback_is_taken_with_its_parent(store: Store) -> None:
    """A claim of a callback carries its parent, however it was made."""
    parent = add(store, callbacks=(NewCallback("success", b"told"),))
    run(store, parent, result=b"r")
    [callback] = ids(store, "q", S.QUEUED)
    claim = store.take(lane(store).id, callback)
    assert claim
    assert claim.parent
    assert (claim.parent.id, claim.parent.result) == (parent, b"r")


def test_a_claim_that_was_taken_lapses_like_any_other(store: Store) -> None:
    """When its executor dies, the only one that had begun is charged."""
    one = add(store, max_crashes=1)
    executor = lane(store)
    assert store.take(executor.id, one)
    assert executor.crash().charged == (one,)
    assert states(store, one) == ["failed"]


def test_a_repeated_take_of_what_was_settled(store: Store) -> None:
    """A repeat that comes after the settle answers nothing."""
    one = add(store)
    executor = lane(store)
    call = Channel().next()
    claim = store.take(executor.id, one, call=call)
    assert claim
    executor.settle(claim)
    assert store.take(executor.id, one, call=call) is None


# ---- report ---------------------------------------------------------------------------------------------------------


def test_report(store: Store) -> None:
    """What is reported last stands in the record, beside the meta, and stays after the end."""
    one = add(store, meta=b"meta")
    executor = lane(store)
    claim = executor.one()
    assert record(store, one).progress == b""
    for progress in (b"half", b"", b"\xff" * 255, b"all"):
        assert store.report(held(claim), progress)
        assert (record(store, one).progress, record(store, one).meta) == (progress, b"meta")
    executor.settle(claim, result=b"r")
    found = record(store, one)
    assert (found.progress, found.meta, found.result) == (b"all", b"meta", b"r")


@pytest.mark.parametrize("meta", [b"", b"meta", b"\xff", b"\xff\x02ab", b"\xff\x00" * 100])
def test_meta_and_progress_do_not_meet(store: Store, meta: bytes) -> None:
    """Any meta comes back as it was, before a report, after it, and in the next claim."""
    one = add(store, meta=meta)
    executor = lane(store)
    claim = executor.one()
    assert (claim.meta, record(store, one).meta) == (meta, meta)
    store.report(held(claim), b"p")
    assert (record(store, one).meta, record(store, one).progress) == (meta, b"p")
    store.annotate(one, meta + meta)
    assert (record(store, one).meta, record(store, one).progress) == (meta + meta, b"p")
    executor.turn(outcome(claim, "retry"))
    assert executor.one().meta == meta + meta


def test_who_holds_it_no_more_reports_nothing(store: Store) -> None:
    """A report under another token, of an ended or of an unknown job, changes nothing."""
    one = add(store)
    executor = lane(store)
    claim = executor.one()
    assert not store.report(Held(claim.token + 1, one), b"p")
    executor.settle(claim)
    assert not store.report(held(claim), b"p")
    assert not store.report(Held(claim.token, "unknown"), b"p")
    assert record(store, one).progress == b""


def test_a_new_job_of_the_id_has_made_no_progress(store: Store) -> None:
    """Progress belongs to a job, not to its id; a requeue keeps it."""
    add(store, id="same")
    executor = lane(store)
    claim = executor.one()
    store.report(held(claim), b"p")
    executor.settle(claim)
    store.requeue("same")
    assert record(store, "same").progress == b"p"
    executor.settle(executor.one())
    add(store, id="same")
    assert record(store, "same").progress == b""
