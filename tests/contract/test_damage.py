"""Damaged records: what cannot be read is set aside as failed, and its neighbours go on (PROTOCOL rule 11)."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from tests.contract.conftest import open_kind
from tests.contract.helpers import Boss, S, add, eventually, fire, ids, job, lane, outcome, put, record, states
from winch.states import STATES
from winch.stores.contract import Store

Damage = Callable[[str], None]


class Damaged:
    """A store, and a way to damage the record of a job in it."""

    def __init__(self, store: Store, damage: Damage) -> None:
        self.store, self.damage = store, damage


def sqlite_damage(column: str, request: pytest.FixtureRequest) -> Damage:
    """Write a value of a wrong type into a job's row."""
    folder: Path = request.getfixturevalue("tmp_path")

    def damage(one: str) -> None:
        with sqlite3.connect(folder / "jobs.db") as database:
            database.execute("PRAGMA ignore_check_constraints = ON")
            changed = database.execute(f"UPDATE jobs SET {column} = 'no bytes' WHERE id = ?", [one]).rowcount
        database.close()
        assert changed == 1

    return damage


def redis_damage(how: str, request: pytest.FixtureRequest) -> Damage:
    """Overwrite a job's key."""
    url: str = request.getfixturevalue("redis_url")

    def damage(one: str) -> None:
        with Redis.from_url(url) as client:
            endings = (one.encode(), uuid.UUID(one).bytes)
            keys = [key for key in cast("list[bytes]", client.keys()) if key.endswith(endings)]
            assert keys
            for key in keys:
                if how == "a wrong type":
                    client.delete(key)
                    client.rpush(key, "x")
                elif client.type(key) == b"string":
                    value = cast("bytes", client.get(key))
                    client.set(key, value[: len(value) // 2] if how == "truncated" else b"\xff" * len(value))

    return damage


WAYS = [
    *(
        pytest.param(("sqlite", column), id=f"sqlite-{column}", marks=pytest.mark.sqlite)
        for column in ("payload", "meta")
    ),
    *(
        pytest.param(("redis", how), id=f"redis-{how}", marks=pytest.mark.redis)
        for how in ("a wrong type", "truncated", "garbage")
    ),
]


@pytest.fixture(params=WAYS)
def damaged(request: pytest.FixtureRequest) -> Iterator[Damaged]:
    """Every real store with every way to damage it."""
    kind, how = request.param
    store = open_kind(kind, request)
    yield Damaged(store, (sqlite_damage if kind == "sqlite" else redis_damage)(how, request))
    store.close()


def assert_set_aside(store: Store, one: str) -> None:
    """The job is listed as failed, reason `undecodable`, and nowhere else; it can be deleted."""
    assert {state: one in ids(store, "q", state) for state in STATES} == {state: state is S.FAILED for state in STATES}
    assert store.counts()["q"][S.FAILED] == 1
    found = record(store, one)
    assert (found.state, found.reason) == (S.FAILED, "undecodable")
    assert store.delete([one]) == 1
    assert store.counts()["q"][S.FAILED] == 0
    assert store.get([one]) == [None]


def test_at_the_head_of_a_queue(damaged: Damaged) -> None:
    """A damaged job is set aside when its turn comes; its neighbours before and behind are claimed."""
    store = damaged.store
    first, bad, last = put(store, job(), job(), job())
    damaged.damage(bad)
    assert [claim.id for claim in lane(store).claim()] == [first, last]
    assert_set_aside(store, bad)


def test_many_damaged(damaged: Damaged) -> None:
    """However many damaged jobs stand at the head, the one behind them is reached, and settled work is settled."""
    store = damaged.store
    done, *bad = put(store, *(job() for _ in range(21)))
    behind = add(store)
    executor = lane(store)
    [claim] = executor.take(done)
    for each in bad:
        damaged.damage(each)
    turn = executor.turn(outcome(claim), room=1)
    assert turn.late == ()
    claims = list(turn.claims) or executor.claim(1)
    assert [each.id for each in claims] == [behind]
    assert states(store, done) == ["finished"]
    assert sorted(ids(store, "q", S.FAILED)) == sorted(bad)


def test_while_it_runs(damaged: Damaged) -> None:
    """A job that is damaged while it runs does not keep its neighbours from settling, nor its executor from retiring."""
    store = damaged.store
    first, bad, last = put(store, job(), job(), job())
    executor = lane(store)
    claims = executor.take(first, bad, last)
    damaged.damage(bad)
    turn = executor.turn(*(outcome(claim) for claim in claims[:2]))
    assert set(turn.late) <= {claims[1].token}
    retired = executor.crash()
    assert last in (*retired.returned, *retired.suspects, *retired.charged)
    assert states(store, first, last) == ["finished", "queued"]
    assert bad not in ids(store, "q", S.QUEUED)


def test_when_its_worker_dies(damaged: Damaged) -> None:
    """A rescue frees the neighbours of a damaged claim."""
    store = damaged.store
    bad, good = put(store, job(), job())
    dead = Boss(store)
    dead.lane().take(bad, good)
    damaged.damage(bad)
    Boss(store).beat(gone=[dead.id])
    assert states(store, good) == ["queued"]
    assert [claim.id for claim in lane(store).claim()] == [good]


def test_when_it_is_due(damaged: Damaged) -> None:
    """A damaged job that becomes due does not hold up the others; it is set aside."""
    store = damaged.store
    bad, good = put(store, job(delay=20), job(delay=20))
    due = record(store, good).due_at
    damaged.damage(bad)
    eventually(lambda: store.now() > due)
    assert [claim.id for claim in lane(store).claim()] == [good]
    assert_set_aside(store, bad)


def test_when_its_parent_ends(damaged: Damaged) -> None:
    """A damaged child does not keep its siblings waiting."""
    store = damaged.store
    parent = add(store, queue="parents")
    first, bad, last = put(store, *(job(parents=(parent,)) for _ in range(3)))
    damaged.damage(bad)
    store.cancel(parent)
    fire(store)
    assert states(store, first, last) == ["canceled", "canceled"]
    assert store.promote() is None


def test_reading_goes_on(damaged: Damaged) -> None:
    """A damaged record among others is no error to read."""
    store = damaged.store
    good, bad = put(store, job(), job())
    damaged.damage(bad)
    found = store.get([bad, good])
    assert found[1] is not None
    assert found[1].id == good
    assert store.counts()["q"][S.QUEUED] == 2
    assert ids(store, "q", S.QUEUED) == [good, bad]


def test_it_can_be_deleted_where_it_is(damaged: Damaged) -> None:
    """A damaged job can be deleted before anybody has noticed, and its queue emptied."""
    store = damaged.store
    bad, worse, good = put(store, job(), job(), job())
    damaged.damage(bad)
    damaged.damage(worse)
    assert store.delete([bad]) == 1
    assert store.empty("q") == 2
    assert store.counts()["q"] == dict.fromkeys(STATES, 0)
    assert store.get([bad, worse, good]) == [None, None, None]
    assert store.forget("q")
