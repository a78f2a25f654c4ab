"""What beats remove, and how much one script does at most."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

import time
from collections.abc import Iterator
from typing import cast

import pytest
from redis import Redis

from winch.errors import StoreUnavailable
from winch.states import JobStatus
from winch.stores.contract import NewJob, Outcome, StoreOptions, WorkerInfo
from winch.stores.redis import RedisStore
from winch.stores.redis.calls import Calls

pytestmark = pytest.mark.redis
_NAMESPACE = "upkeep"


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    """A client of redis-py, to look behind the store."""
    with Redis.from_url(redis_url) as connected:
        for key in cast("list[bytes]", connected.keys(f"{{{_NAMESPACE}}}:*")):
            connected.delete(key)
        yield connected


@pytest.fixture
def store(redis_url: str, client: Redis) -> Iterator[RedisStore]:
    """A store with a worker `w` and its executor `x`."""
    opened = RedisStore(redis_url, StoreOptions(_NAMESPACE))
    opened.enlist(WorkerInfo("w", "w", "h", "b", 1, 2, ("q",), "1", 30_000, 5_000, 1))
    opened.enlist_executor("w", "x")
    yield opened
    opened.close()


def run_all(store: RedisStore, *queues: str, number: int = 1) -> None:
    """Claim and finish what is queued."""
    while claims := store.turn("x", number, (), (), queues, 100, {}).claims:
        store.turn("x", number + 1, [Outcome(claim.token, claim.id, "finished") for claim in claims], (), (), 0, {})
        number += 2


def put_expiring(store: RedisStore, queue: str, count: int) -> None:
    """Enqueue jobs whose results expire at once."""
    store.enqueue([NewJob(f"{queue}-{n}", queue, b"x", result_ttl=1) for n in range(count)])


def test_one_beat_removes_all_that_expired(store: RedisStore, client: Redis) -> None:
    """However much expired since the last beat."""
    for queue in ("q", "r", "s"):
        put_expiring(store, queue, 800)
    run_all(store, "q", "r", "s")
    time.sleep(0.01)
    store.beat("w", 1, ["x"])
    assert [client.exists(f"{{{_NAMESPACE}}}:finished:{queue}") for queue in ("q", "r", "s")] == [0, 0, 0]


def test_trouble_while_trimming_is_not_the_beats(
    store: RedisStore, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The beat has happened and is answered; its own part gives each queue its share."""
    put_expiring(store, "q", 500)
    put_expiring(store, "r", 20)
    run_all(store, "q", "r")
    time.sleep(0.01)
    change = Calls.change

    def failing(self: Calls, verb: str, *rest: object) -> object:
        if verb == "trim":
            raise StoreUnavailable("gone")
        return change(self, verb, *rest)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(Calls, "change", failing)
    assert store.beat("w", 1, ["x"]).strays == ()
    assert [client.zcard(f"{{{_NAMESPACE}}}:finished:{queue}") for queue in ("q", "r")] == [420, 0]


def test_only_earlier_ends_are_looked_for(store: RedisStore, client: Redis) -> None:
    """A job that vanishes with its end does not read the list of all that fire."""
    store.enqueue([NewJob("p", "q", b"x", result_ttl=0), NewJob("c", "r", b"x", parents=("p",))])
    (claim,) = store.turn("x", 1, (), (), ["q"], 1, {}).claims
    client.config_resetstat()
    store.turn("x", 2, [Outcome(claim.token, "p", "finished")], (), (), 0, {})
    assert "cmdstat_lrange" not in client.info("commandstats")
    assert store.counts()["r"][JobStatus.QUEUED] == 1


def test_children_that_are_none_any_more_are_few_per_call(store: RedisStore, client: Redis) -> None:
    """One call looks at 1,000 of them; the rest, and real ones behind them, come with the next."""
    store.enqueue([NewJob("p", "q", b"x")])
    for first in range(0, 2500, 500):
        ids = [f"c{n}" for n in range(first, first + 500)]
        store.enqueue([NewJob(id_, "r", b"x", parents=("p",)) for id_ in ids])
        store.delete(ids)
    store.enqueue([NewJob("real", "r", b"x", parents=("p",))])
    (claim,) = store.turn("x", 1, (), (), ["q"], 1, {}).claims
    store.turn("x", 2, [Outcome(claim.token, "p", "finished")], (), (), 0, {})
    (firing,) = client.keys(f"{{{_NAMESPACE}}}:firing:*")
    assert client.zcard(firing) == 1501
    assert store.promote() == 0
    assert client.zcard(firing) == 501
    assert store.promote() is None
    assert store.counts()["r"][JobStatus.QUEUED] == 1
