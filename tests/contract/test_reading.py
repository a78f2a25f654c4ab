"""get, list, counts, queues, position, workers, metrics, drained: what can be read, and that reading never writes."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

import sqlite3
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, cast

import pytest
from redis import Redis

from tests.contract.conftest import REAL, open_kind
from tests.contract.helpers import Boss, S, add, entry, eventually, ids, job, lane, outcome, put, record, run
from winch.states import STATES
from winch.stores.contract import Store, TallyKey


def one_of_each(store: Store) -> dict[str, str]:
    """A job in every state (but blocked), all in the queue `q`."""
    found = {name: add(store) for name in ("finished", "failed", "stopped", "canceled", "started")}
    executor = lane(store)
    claims = executor.claim()
    executor.turn(
        outcome(claims[0], result=b"1"),
        outcome(claims[1], "failed", reason="raised"),
        outcome(claims[2], "stopped"),
        outcome(claims[3], "returned"),
    )
    store.cancel(found["canceled"])
    found["queued"], found["scheduled"] = put(store, job(), job(delay=60_000))
    found["deferred"] = add(store, parents=(found["queued"],))
    return found


def test_every_job_is_in_one_state(store: Store) -> None:
    """Each job is counted and listed in its state, and only there."""
    found = one_of_each(store)
    assert store.counts() == {"q": {state: 0 if state is S.BLOCKED else 1 for state in STATES}}
    assert {state: ids(store, "q", state) for state in STATES} == {
        state: [found[state.value]] if state.value in found else [] for state in STATES
    }


def test_counts(store: Store) -> None:
    """All known queues are counted by name unless some are named; an unknown one counts nothing."""
    put(store, job(queue="b"), job(queue="a"), job(queue="b"))
    assert list(store.counts()) == ["a", "b"]
    assert store.counts()["b"] == dict.fromkeys(STATES, 0) | {S.QUEUED: 2}
    assert store.counts(["b", "unknown"]) == {"b": store.counts()["b"], "unknown": dict.fromkeys(STATES, 0)}
    assert store.counts([]) == {}
    assert store.queues() == ["a", "b"]


def test_get_many(store: Store) -> None:
    """Records come in the order asked for, None for the unknown, and as often as they are named."""
    one, two = put(store, job(), job())
    found = store.get([two, "unknown", one, two])
    assert [each and each.id for each in found] == [two, None, one, two]
    assert store.get([]) == []
    assert abs(record(store, one).now - store.now()) < 10_000


def test_pages(store: Store) -> None:
    """A list comes in pages, from either end."""
    added = put(store, *(job() for _ in range(10)))
    assert store.list("q", S.QUEUED, limit=4) == added[:4]
    assert store.list("q", S.QUEUED, offset=4, limit=4) == added[4:8]
    assert store.list("q", S.QUEUED, offset=8, limit=4) == added[8:]
    assert store.list("q", S.QUEUED, offset=10) == []
    assert store.list("q", S.QUEUED, newest=True, limit=3) == added[:6:-1]
    assert store.list("q", S.QUEUED, newest=True, offset=3, limit=3) == added[6:3:-1]
    assert store.list("unknown", S.QUEUED) == []


@pytest.mark.parametrize("newest", [False, True])
def test_lists_of_every_state(store: Store, newest: bool) -> None:
    """Lists are in the order of claims, due times, tokens, creation or expiry; those without end come last."""
    later, sooner = put(store, job(delay=90_000), job(delay=60_000))
    one, two = put(store, job(), job())
    executor = lane(store)
    first, second = executor.take(one, two)
    parent = add(store)
    children = [add(store, parents=(parent,)) for _ in range(3)]
    for_ever, long, short = put(store, *(job(queue="e", result_ttl=ttl) for ttl in (-1, 90_000, 60_000)))
    for each in (for_ever, long, short):
        run(store, each)
    expected = {
        ("q", S.SCHEDULED): [sooner, later],
        ("q", S.STARTED): [one, two] if first.token < second.token else [],
        ("q", S.DEFERRED): children,
        ("e", S.FINISHED): [short, long, for_ever],
    }
    for (name, state), order in expected.items():
        assert store.list(name, state, newest=newest) == (order[::-1] if newest else order)


def test_pages_leave_out_what_expired(store: Store) -> None:
    """Expired jobs are in no page, counted from either end."""
    over, one, two = put(store, job(result_ttl=20), job(result_ttl=60_000), job(result_ttl=-1))
    for each in (over, one, two):
        run(store, each)
    eventually(lambda: store.get([over]) == [None])
    assert store.list("q", S.FINISHED, limit=2) == [one, two]
    assert store.list("q", S.FINISHED, offset=1) == [two]
    assert store.list("q", S.FINISHED, newest=True) == [two, one]
    assert store.list("q", S.FINISHED, newest=True, offset=1) == [one]
    assert store.list("q", S.FINISHED, newest=True, offset=2) == []


def test_positions(store: Store) -> None:
    """A queued job's position is its place in the list; no other state has one."""
    found = one_of_each(store)
    low, high = put(store, job(priority=-1), job(priority=1))
    for place, each in enumerate([high, found["queued"], low]):
        assert store.position(each) == place
        assert store.list("q", S.QUEUED, offset=place, limit=1) == [each]
    assert {store.position(each) for name, each in found.items() if name != "queued"} == {None}


def test_suspects_are_next(store: Store) -> None:
    """List and position know that a suspect is handed out first."""
    suspect = add(store, priority=-1)
    executor = lane(store)
    executor.claim()
    executor.crash()
    other = add(store, priority=1)
    assert ids(store, "q", S.QUEUED) == [suspect, other]
    assert [store.position(suspect), store.position(other)] == [0, 1]
    assert store.counts()["q"][S.QUEUED] == 2
    assert store.list("q", S.QUEUED, newest=True, limit=1) == [other]
    assert store.list("q", S.QUEUED, newest=True, offset=1) == [suspect]


# ---- metrics --------------------------------------------------------------------------------------------------------


def test_tallies_are_summed(store: Store) -> None:
    """The tallies of all turns are added up per key, in minute and in hour rows."""
    runs, waits, other = TallyKey("q", "f", "run", 3), TallyKey("q", "f", "wait", -1), TallyKey("q", "g:h", "run", 3)
    executor = lane(store)
    executor.turn(tally={runs: 2, waits: 1})
    executor.turn(tally={runs: 5, other: 1})
    lane(store).turn(tally={runs: 1})
    for hours, span in ((False, 60_000), (True, 3_600_000)):
        rows = store.metrics(120_000, hours=hours)
        sums: dict[TallyKey, int] = {}
        for row in rows:
            assert row.at % span == 0
            sums[row.key] = sums.get(row.key, 0) + row.value
        assert sums == {runs: 8, waits: 1, other: 1}
        assert rows == sorted(rows)


def test_depth_is_sampled(store: Store) -> None:
    """Beats sample the depth of every queue, and how long its oldest job has waited."""
    put(store, job(), job(), job(queue="other"))
    Boss(store).beat()
    samples = {row.key: row.value for row in store.metrics(120_000) if row.key.series == "depth"}
    assert samples == {TallyKey("q", "", "depth", 0): 2, TallyKey("other", "", "depth", 0): 1}
    ages = {row.key.queue: row.value for row in store.metrics(120_000) if row.key.series == "oldest"}
    assert set(ages) == {"q", "other"}
    assert all(0 <= age < 10_000 for age in ages.values())


def test_the_age_of_the_head_is_sampled(store: Store) -> None:
    """`oldest` is the age of the job that is next, not that of an older one with a lower priority behind it."""
    old = add(store, priority=-1)
    eventually(lambda: store.now() > record(store, old).enqueued_at + 30)
    head = add(store)
    now = Boss(store).beat().now
    [age] = [row.value for row in store.metrics(120_000) if row.key.series == "oldest"]
    assert age == now - record(store, head).enqueued_at


# ---- drained --------------------------------------------------------------------------------------------------------


def test_drained(store: Store) -> None:
    """A queue is drained when nothing can be claimed; what the living run, or is due later, does not count."""
    assert store.drained(["q"])
    put(store, job(), job(queue="other"), job(delay=60_000))
    assert not store.drained(["q"])
    assert store.drained([])
    executor = lane(store)
    claim = executor.one()
    assert store.drained(["q"])
    assert not store.drained(["q", "other"])
    executor.settle(claim, "returned")
    assert not store.drained(["q"])
    store.pause("q")
    assert store.drained(["q"])


def test_the_claims_of_the_dead_are_work(store: Store) -> None:
    """A burst waits for what a dead worker holds: it will come back."""
    add(store)
    dead = Boss(store, ttl=30, interval=10)
    dead.lane().claim()
    eventually(lambda: not store.drained(["q"]))
    boss = Boss(store)
    boss.beat(gone=[dead.id])
    [claim] = (executor := boss.lane()).claim()
    executor.settle(claim)
    assert store.drained(["q"])


# ---- reading never writes -------------------------------------------------------------------------------------------


def contents_of(kind: str, request: pytest.FixtureRequest) -> Callable[[], Hashable]:
    """Something that changes whenever anything in the store is written."""
    if kind == "sqlite":
        folder: Path = request.getfixturevalue("tmp_path")
        spy = sqlite3.connect(folder / "jobs.db")
        request.addfinalizer(spy.close)
        return lambda: spy.execute("PRAGMA data_version").fetchone()
    url: str = request.getfixturevalue("redis_url")
    client = Redis.from_url(url)
    request.addfinalizer(client.close)

    def everything() -> Hashable:
        keys = cast("list[bytes]", client.keys())
        ends = [cast("int", client.execute_command("PEXPIRETIME", key)) for key in sorted(keys)]
        return tuple(zip(sorted(keys), map(client.dump, sorted(keys)), ends, strict=True))

    return everything


@pytest.mark.parametrize("kind", REAL)
def test_reading_never_writes(kind: str, request: pytest.FixtureRequest) -> None:
    """No read changes a byte: also not of due and expired jobs, dead workers, suspects and children to be freed."""
    store = open_kind(kind, request)
    found = one_of_each(store)
    over, due = put(store, job(result_ttl=1), job(delay=1))
    run_first = lane(store)
    claims = {claim.id: claim for claim in run_first.claim()}
    run_first.settle(claims[over])
    crashed = Boss(store, ttl=1, interval=1)
    crashed.lane()
    put(store, job())
    executor = lane(store)
    executor.claim()
    executor.crash()
    store.cancel(found["scheduled"])
    store.send(crashed.id, "shutdown")
    run_first.turn(tally={TallyKey("q", "f", "run", 3): 2})
    eventually(lambda: store.get([over]) == [None] and store.now() > record(store, due).created_at + 1)

    store.pause("elsewhere", 1)  # over, and nobody has ended it
    store.put_entries("shop", [entry("one")])
    every = [*found.values(), over, due, "unknown"]
    reads: list[Callable[[], Any]] = [
        lambda: store.get(every),
        *(lambda state=state: store.list("q", state, newest=True) for state in STATES),
        *(lambda state=state: store.list("unknown", state) for state in STATES),
        lambda: store.counts(["q", "unknown"]),
        store.counts,
        store.queues,
        *(lambda each=each: store.position(each) for each in every),
        store.paused,
        store.cron_table,
        store.workers,
        lambda: store.metrics(10**9),
        lambda: store.metrics(10**9, hours=True),
        lambda: store.drained(["q", "unknown"]),
        store.now,
        lambda: store.await_end([found["finished"]], 0),
        lambda: store.await_end(["unknown"], 0),
    ]
    contents = contents_of(kind, request)
    for read in reads:
        before = contents()
        read()
        assert contents() == before
    store.close()
