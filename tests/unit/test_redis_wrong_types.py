"""Keys that hold what is not winch's: a call is refused before its first write, or goes on without them (rule 12)."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from redis import Redis

from tests.contract.helpers import (
    Boss,
    Channel,
    Lane,
    S,
    add,
    eventually,
    fire,
    held,
    ids,
    job,
    lane,
    outcome,
    put,
    record,
    run,
    states,
)
from tests.contract.test_repeat import DONE, VERBS, Verb, enqueue_what_vanished
from winch.errors import StoreRefused, WinchError
from winch.stores.contract import Call, Held, NewCallback, NewGroup, NewLimit, Store, StoreOptions, TallyKey, Turn
from winch.stores.redis import RedisStore
from winch.stores.redis.keys import pack_id

pytestmark = pytest.mark.redis

Database = dict[bytes, tuple[bytes, int]]
TALLY = {TallyKey("q", "f", "run", 3): 1}


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    """A client of redis-py, to make trouble with."""
    with Redis.from_url(redis_url) as connected:
        yield connected


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    """A store."""
    opened = RedisStore(redis_url, StoreOptions(deadline=10.0))
    yield opened
    opened.close()


# ---- verbs that test_repeat does not have ---------------------------------------------------------------------------


def settle_all_kinds(store: Store) -> Verb:
    """A turn that settles in every way, with callbacks, children and a delay, counts, and claims."""
    callbacks = (NewCallback("success", b"s"), NewCallback("failure", b"f"))
    parents = put(store, *(job(callbacks=callbacks) for _ in range(2)))
    others = put(store, *(job() for _ in range(6)))
    put(store, job(parents=(parents[0],)), job(parents=(parents[1],), queue="elsewhere", on_failure="run"))
    executor = lane(store)
    one, two, *rest = executor.take(*parents, *others[:4])
    settled = [outcome(one, result=b"r"), outcome(two, "failed", reason="raised"), outcome(rest[0], "returned")]
    settled += [
        outcome(rest[1], "retry", delay=60_000),
        outcome(rest[2], "stopped", reason="stopped"),
        outcome(rest[3]),
    ]
    executor.number += 1
    return lambda _: _told(executor.again(*settled, tally=TALLY, room=9))


def settle_plain(store: Store) -> Verb:
    """A turn that settles one plain job and claims the next."""
    put(store, job(), job())
    executor = lane(store)
    settled = outcome(executor.one())
    executor.number += 1
    return lambda _: _told(executor.again(settled, room=1))


def rescue(store: Store) -> Verb:
    """A beat that rescues a worker with a suspect and one with many claims, fires and promotes."""
    put(store, *(job() for _ in range(4)))
    first, second, living = lane(store), lane(store), lane(store)
    first.begin(first.one())
    second.claim(2)
    dead = [first.worker.id, second.worker.id]
    return lambda _: sorted(store.beat(living.worker.id, 1, [living.id], 0, dead).rescued)


def enqueue_children(store: Store) -> Verb:
    """An enqueue with parents, an id that has ended, a delay, and a parent in the same call."""
    parent, old = put(store, job(), job(id="old"))
    store.cancel(old)
    jobs = [job(id="old", parents=(parent,)), job(id="p", delay=60_000), job(parents=("p", parent), queue="other")]
    return lambda call: store.enqueue(jobs, call=call).states


def fire_into_another_queue(store: Store) -> Verb:
    """Children in other queues are told of an end."""
    parent = add(store)
    put(store, job(queue="b", parents=(parent,)), job(queue="c", parents=(parent,), delay=60_000))
    run(store, parent)
    return lambda call: (store.promote(call=call) or 0) > 0


LIMITS = (NewLimit("k", concurrency=1), NewLimit("r", rate=1, per=60_000, burst=2))


def with_limits(store: Store) -> tuple[Lane, list[str]]:
    """An executor that holds a job with limits, and others that wait for it, in this queue and another."""
    jobs = put(store, *(job(limits=LIMITS) for _ in range(3)), job(limits=LIMITS, queue="b"))
    executor = lane(store)
    executor.one()
    executor.turn(room=9, queues=("q", "b"))
    return executor, jobs


def settle_limited(store: Store) -> Verb:
    """A turn that settles a job with limits, and claims the next."""
    executor, jobs = with_limits(store)
    settled = outcome(Held(record(store, jobs[0]).token, jobs[0]))
    executor.number += 1
    return lambda _: _told(executor.again(settled, room=1))


def return_limited(store: Store) -> Verb:
    """A turn that gives such a job back, and claims from another queue."""
    executor, jobs = with_limits(store)
    settled = outcome(Held(record(store, jobs[0]).token, jobs[0]), "returned")
    executor.number += 1
    return lambda _: _told(executor.again(settled, room=1, queues=("b",)))


def delete_limited(store: Store) -> Verb:
    """Removes a job that runs and one that is blocked."""
    _, jobs = with_limits(store)
    return lambda call: store.delete(jobs[:2], call=call)


def stop_limited(store: Store) -> Verb:
    """Stops a job that runs."""
    _, jobs = with_limits(store)
    return lambda call: store.cancel(jobs[0], stop=True, call=call)


def retire_limited(store: Store) -> Verb:
    """An executor goes that holds one."""
    executor, _ = with_limits(store)
    return lambda call: executor.store.retire(executor.id, call=call)


def rescue_limited(store: Store) -> Verb:
    """A beat rescues a worker that holds one."""
    executor, _ = with_limits(store)
    living = lane(store)
    return lambda _: store.beat(living.worker.id, 1, [living.id], 0, [executor.worker.id]).rescued


def settle_grouped(store: Store) -> Verb:
    """A turn that settles all members of a group, one of them without retention."""
    store.create_group(DONE)
    put(store, job(group="g", result_ttl=0), job(group="g", callbacks=(NewCallback("failure", b"f"),)))
    executor = lane(store)
    first, second = executor.claim()
    settled = [outcome(first), outcome(second, "failed", reason="raised")]
    executor.number += 1
    return lambda _: _told(executor.again(*settled, room=9))


def fire_grouped(store: Store) -> Verb:
    """A child of a group is told that it waits in vain."""
    store.create_group(DONE)
    parent = add(store)
    put(store, job(queue="b", parents=(parent,), group="g"))
    store.cancel(parent)
    return lambda call: (store.promote(call=call) or 0) > 0


def expire_grouped(store: Store) -> Verb:
    """A turn that cancels a member which has waited too long, and claims another job."""
    store.create_group(DONE)
    put(store, job(group="g", ttl=1), job())
    executor = lane(store)
    now = store.now()
    eventually(lambda: store.now() > now + 1)
    executor.number += 1
    return lambda _: _told(executor.again(room=9))


def prune_grouped(store: Store) -> Verb:
    """A beat removes a member that has ended, and a group that is past its time."""
    store.create_group(DONE)
    store.create_group(NewGroup("h", ttl=1))
    one, _ = put(store, job(group="g", result_ttl=1), job(group="g"))
    run(store, one)
    now = store.now()
    eventually(lambda: store.now() > now + 1)
    living = Boss(store)
    return lambda _: store.beat(living.id, 1, [], 0, []).rescued


def _told(turn: Any) -> Any:
    return [claim.id for claim in turn.claims], turn.late, turn.more, turn.alone


MORE: list[Callable[[Store], Verb]] = [
    settle_all_kinds,
    settle_plain,
    rescue,
    enqueue_children,
    fire_into_another_queue,
    settle_limited,
    return_limited,
    delete_limited,
    stop_limited,
    retire_limited,
    rescue_limited,
    settle_grouped,
    fire_grouped,
    expire_grouped,
    prune_grouped,
]
SWEPT = [each for each in (*VERBS, *MORE) if each is not enqueue_what_vanished]


# ---- the whole database ---------------------------------------------------------------------------------------------


def keys(client: Redis) -> list[bytes]:
    """All keys."""
    return sorted(cast("list[bytes]", client.keys()))


def content(client: Redis) -> dict[bytes, Any]:
    """Every key with its type and value, and whether it has a TTL."""
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"string": client.get,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"hash": client.hgetall,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }
    return {
        key: (kind := cast("bytes", client.type(key)), read[kind](key), client.ttl(key) >= 0) for key in keys(client)
    }


def saved(client: Redis) -> Database:
    """The database, to be put back."""
    return {key: (client.dump(key) or b"", max(0, client.pttl(key))) for key in keys(client)}


def put_back(client: Redis, database: Database) -> None:
    """Make it that database again."""
    client.flushdb()
    for key, (value, ttl) in database.items():
        client.restore(key, ttl, value)


def foul(client: Redis, key: bytes) -> None:
    """Put something of a wrong type in a key's place: what is closest to the right one."""
    kind = cast("bytes", client.type(key))
    other = {b"zset": b"set", b"set": b"zset", b"hash": b"string", b"list": b"hash"}.get(kind, b"list")
    client.delete(key)
    makers: dict[bytes, Callable[[], object]] = {
        b"set": lambda: client.sadd(key, "x"),
        b"zset": lambda: client.zadd(key, {"x": 1}),
        b"string": lambda: client.set(key, "x"),
        b"hash": lambda: client.hset(key, "x", "x"),
        b"list": lambda: client.rpush(key, "x"),
    }
    makers[other]()


def refusal_of(verb: Verb, call: Call) -> str:
    """What a call is refused with; nothing if it is not."""
    try:
        verb(call)
    except WinchError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("prepare", SWEPT)
def test_a_key_of_a_wrong_type_stops_a_call_before_its_first_write(
    store: RedisStore, client: Redis, prepare: Callable[[Store], Verb]
) -> None:
    """Whichever key: the call is refused and nothing has changed, and repaired it succeeds; or it needs no such key."""
    verb, call = prepare(store), Channel().next()
    before = saved(client)
    expected = verb(call)
    touched = [key for key in {*before, *keys(client)} if b"}:j:" not in key]
    refused = 0
    for key in touched:
        put_back(client, before)
        foul(client, key)
        as_it_was = content(client)
        refusal = refusal_of(verb, call)
        if refusal:
            assert "choose another namespace" in refusal or "been here before" in refusal
            assert content(client) == as_it_was, key
            refused += 1
            put_back(client, before)
            assert str(verb(call)) == str(expected) or prepare not in MORE
        else:
            assert client.type(key) in (as_it_was[key][0], b"none", b"string"), key
    client.flushdb()
    assert refused >= 1


FAMILIES = [
    "scheduled",
    "deferred",
    "blocked",
    "queued",
    "suspects",
    "started",
    "finished",
    "failed",
    "canceled",
    "stopped",
    "marker",
]
LIMIT_KEYS = [f"{family}:{key}" for family in ("slots", "bucket", "waiting") for key in "kr"]
WAITER_KEYS = [f"{family}:{queue}\n{key}" for family in ("waiters", "released") for queue in "qb" for key in "kr"]
GROUP_KEYS = ["groups", "group:g", "members:g"]
GLOBAL = ["firing", "firing:gone", "due", "paused", "seats", "queues", "workers", "store"]


def parent_that_vanishes(store: Store) -> Verb:
    """A turn that settles jobs with children, one of them for the second time, whose records go with their ends."""
    again = add(store, id="p", failure_ttl=60_000)
    add(store, parents=(again,), on_failure="wait")
    store.cancel(again)
    store.requeue(again)
    parents = [again, add(store, result_ttl=0, failure_ttl=0)]
    put(store, *(job(parents=(each,), queue="r") for each in parents))
    executor = lane(store)
    settled = [outcome(claim, "failed", reason="raised") for claim in executor.take(*parents)]
    executor.number += 1
    return lambda _: _told(executor.again(*settled, room=9))


@pytest.mark.parametrize("wrong", ["a string", "a list"])
@pytest.mark.parametrize("prepare", [*SWEPT, parent_that_vanishes])
def test_a_key_that_is_not_there_yet_and_is_of_a_wrong_type(
    store: RedisStore, client: Redis, prepare: Callable[[Store], Verb], wrong: str
) -> None:
    """Somebody has made it before winch does: a call that is refused for its sake has changed nothing."""
    client.hset("{winch}:store", "schema", "1")  # the first call would open the store, and that is no part of it
    verb, call = prepare(store), Channel().next()
    before = saved(client)
    queues = sorted(each.decode() for each in cast("set[bytes]", client.smembers("{winch}:queues")))
    limits = [*LIMIT_KEYS, *WAITER_KEYS, "waits:q", "waits:b"] if prepare.__name__.endswith("limited") else []
    names = [
        *GLOBAL,
        *limits,
        *GROUP_KEYS,
        *(f"{family}:{queue}" for family in FAMILIES for queue in [*queues, "elsewhere", "other"]),
    ]
    for key in (f"{{winch}}:{name}".encode() for name in names):
        if key in before or (key == b"{winch}:firing" and wrong == "a list"):
            continue
        put_back(client, before)
        if wrong == "a list":
            client.rpush(key, "x")
        else:
            client.set(key, "x")
        as_it_was = content(client)
        if refusal_of(verb, call):
            assert content(client) == as_it_was, key
    client.flushdb()


def test_the_refusal_names_the_key(store: RedisStore, client: Redis) -> None:
    """Who reads the error knows what to repair."""
    add(store)
    client.delete("{winch}:queued:q")
    client.set("{winch}:queued:q", "something else")
    with pytest.raises(StoreRefused, match=r"repair or delete the key '\{winch\}:queued:q' \[WRONGTYPE\]"):
        add(store)
    client.delete("{winch}:queued:q")
    add(store)


# ---- records of jobs that run ---------------------------------------------------------------------------------------


def key_of(client: Redis, index: str) -> bytes:
    """The record of the only job in an index."""
    [member] = cast("list[bytes]", client.zrange(index, 0, -1))
    return b"{winch}:j:" + member


@pytest.mark.parametrize("end", ["settle", "retire", "crash", "retire_worker", "rescue"])
@pytest.mark.parametrize("damage", ["overwritten", "wrong type", "truncated", "gone"])
def test_a_record_that_breaks_while_its_job_runs(store: RedisStore, client: Redis, end: str, damage: str) -> None:
    """The claim and the entry in `started` go; what is there but cannot be read is listed as failed."""
    one = add(store)
    executor = lane(store)
    claim = executor.one()
    key = key_of(client, "{winch}:started:q")
    raw = cast("bytes", client.get(key))
    client.delete(key)
    if damage == "wrong type":
        client.rpush(key, "x")
    elif damage != "gone":
        client.set(key, b"\xff" * 200 if damage == "overwritten" else raw[:-1])
    if end == "settle":
        assert not executor.settle(claim)
        assert client.hkeys(f"{{winch}}:x:{executor.id}") == [b""]
        assert not executor.claim()
    elif end in ("retire", "crash"):
        executor.retire(crashed=end == "crash")
    elif end == "retire_worker":
        store.retire_worker(executor.worker.id)
    else:
        lane(store).worker.beat(gone=[executor.worker.id])
    assert ids(store, "q", S.STARTED) == []
    if damage == "gone":
        assert ids(store, "q", S.FAILED) == []
    else:
        assert (record(store, one).state, record(store, one).reason) == (S.FAILED, "undecodable")
        store.delete([one])
    assert states(store, one) == [None]


@pytest.mark.parametrize("end", ["settle", "retire"])
def test_a_suspect_that_breaks_leaves_its_worker_free(store: RedisStore, client: Redis, end: str) -> None:
    """A worker whose suspect was overwritten takes the next suspect."""
    first, second = put(store, job(), job())
    boss = Boss(store)
    dying = [boss.lane(), boss.lane()]
    for each in dying:
        each.begin(each.one())
    for each in dying:
        each.crash()
    executor = boss.lane()
    claim = executor.one()
    assert claim.id == first
    client.set(key_of(client, "{winch}:started:q"), "nothing")
    if end == "settle":
        assert not executor.settle(claim)
    else:
        executor.retire()
        executor = boss.lane()
    assert executor.one().id == second
    store.delete([first])


@pytest.mark.parametrize("begun", ["both", "broken"])
def test_nobody_else_is_blamed_for_a_crash_of_what_is_broken(store: RedisStore, client: Redis, begun: str) -> None:
    """A begun job whose record broke may have killed the executor: another begun one is a suspect, the rest is free."""
    put(store, job(max_crashes=1), job(max_crashes=1), job(max_crashes=1))
    executor = lane(store)
    broken, healthy, idle = executor.claim(3)
    client.set(b"{winch}:j:" + pack_id(broken.id), "junk")
    running = [broken, healthy] if begun == "both" else [broken]
    retired = executor.retire(crashed=True, begun=[held(each) for each in running])
    assert retired.charged == ()
    assert retired.suspects == ((healthy.id,) if begun == "both" else ())
    assert states(store, healthy.id, idle.id) == ["queued", "queued"]


def test_nobody_else_is_blamed_for_a_suspect_that_broke(store: RedisStore, client: Redis) -> None:
    """A worker died with its suspect, whose record cannot be read: what else it held returns without blame."""
    add(store)
    dying, living = Boss(store), lane(store)
    first = dying.lane()
    first.begin(first.one())
    first.crash()
    suspect = dying.lane().one()
    neighbour = add(store)
    dying.lane().one()
    client.set(b"{winch}:j:" + pack_id(suspect.id), "junk")
    living.worker.beat(gone=[dying.id])
    assert not living.claim()[0].suspect
    assert states(store, neighbour) == ["started"]


def test_a_record_that_says_queued_keeps_no_entry_in_started(store: RedisStore, client: Redis) -> None:
    """A record that was put back behind winch's back, by a restored backup for example, frees its claim and its entry."""
    add(store)
    executor = lane(store)
    executor.one()
    client.setrange(key_of(client, "{winch}:started:q"), 1, b"\x03")  # pyright: ignore[reportArgumentType]
    executor.retire()
    assert not client.exists("{winch}:started:q")


# ---- ends that are still being told ---------------------------------------------------------------------------------


def test_ends_of_a_parent_that_vanished_are_marked_in_one_step(store: RedisStore, client: Redis) -> None:
    """However many ends are being told, a parent that vanishes reads none of them; its children hear that it is gone."""
    parent = add(store, id="p", result_ttl=60_000)
    child = add(store, id="c", parents=(parent,), on_failure="wait", queue="children")
    others = put(store, *(job(queue="r") for _ in range(30)))
    fan = [add(store, parents=(each,), queue="children") for each in others for _ in range(10)]
    for each in others:
        store.cancel(each)
    store.cancel(parent)
    client.config_resetstat()
    store.delete([parent])
    assert not {"cmdstat_lrange", "cmdstat_lset", "cmdstat_rename"} & set(client.info("commandstats"))
    add(store, id="p")  # another job of that name is not the one that the child waits for
    fire(store)
    assert states(store, child, fan[0], fan[-1]) == ["canceled"] * 3
    assert not client.exists("{winch}:firing:gone", "{winch}:firing")


def test_children_behind_a_queue_in_trouble_wait_for_its_repair(store: RedisStore, client: Redis) -> None:
    """A child whose queue cannot take it waits for its repair; children of other ends, and all calls, go on without it."""
    parent, healthy = put(store, job(), job())
    first, second = put(store, job(parents=(parent,), queue="a"), job(parents=(parent,), queue="b"))
    other = add(store, parents=(healthy,), queue="c")
    executor = lane(store)
    claims = executor.take(parent, healthy)
    client.set("{winch}:queued:b", "something else")
    assert executor.settle(claims[0])
    assert executor.settle(claims[1])
    assert states(store, parent, first, second, other) == ["finished", "queued", "deferred", "queued"]
    assert store.promote() is None
    executor.worker.beat()
    client.delete("{winch}:queued:b")
    fire(store)
    assert states(store, second) == ["queued"]
    assert not client.exists("{winch}:firing")


def test_a_child_that_is_none_any_more_stands_in_nobodys_way(store: RedisStore, client: Redis) -> None:
    """Whatever is wrong with the queue of a canceled child."""
    parent = add(store)
    canceled, waiting = put(store, job(parents=(parent,), queue="b"), job(parents=(parent,)))
    executor = lane(store)
    claim = executor.take(parent)[0]
    client.set("{winch}:queued:b", "something else")
    assert executor.settle(claim)
    client.delete("{winch}:queued:b")
    store.cancel(canceled)
    client.set("{winch}:blocked:b", "something else")
    fire(store)
    assert states(store, waiting) == ["queued"]


def test_marks_are_kept_for_ends_that_were_passed_over(store: RedisStore, client: Redis) -> None:
    """A parent vanished while its first end could not be told: that it is gone is known until then."""
    parent = add(store, id="p")
    child = add(store, parents=(parent,), on_failure="wait", queue="b")
    client.set("{winch}:canceled:b", "something else")
    store.cancel(parent)
    store.delete([parent])
    other = add(store)
    behind = add(store, parents=(other,), queue="c")
    run(store, other)
    fire(store)
    assert states(store, child, behind) == ["deferred", "queued"]
    add(store, id="p")
    client.delete("{winch}:canceled:b")
    fire(store)
    assert states(store, child) == ["canceled"]


# ---- queues in trouble ----------------------------------------------------------------------------------------------


def claim_from(executor: Lane, *queues: str, room: int = 9) -> Turn:
    """A turn that only claims."""
    return executor.turn(queues=queues, room=room)


@pytest.mark.parametrize("family", ["queued", "suspects", "started", "finished"])
def test_a_queue_in_trouble_is_not_claimed_from(store: RedisStore, client: Redis, family: str) -> None:
    """Others are served, nobody is told to come again at once, and no marker wakes anybody."""
    put(store, job(queue="a"), job(queue="b"))
    executor = lane(store)
    client.delete(f"{{winch}}:{family}:a")
    client.set(f"{{winch}}:{family}:a", "something else")
    executor.worker.beat()  # a turn looks for suspects if there are some, which a beat notices
    client.delete("{winch}:marker:a")
    told = claim_from(executor, "a", "b")
    assert ([claim.queue for claim in told.claims], told.more, told.alone) == (["b"], False, False)
    assert not client.exists("{winch}:marker:a")


def test_heads_that_cannot_leave_a_queue_in_trouble(store: RedisStore, client: Redis) -> None:
    """Expired jobs that can not be canceled stay where they are, and the next queue is served."""
    put(store, *(job(queue="a", ttl=1) for _ in range(20)), job(queue="b"))
    executor = lane(store)
    client.delete("{winch}:marker:a")
    client.set("{winch}:canceled:a", "something else")
    eventually(lambda: store.now() > record(store, store.list("a", S.QUEUED)[-1]).enqueued_at + 1)
    told = claim_from(executor, "a", "b")
    assert ([claim.queue for claim in told.claims], told.more) == (["b"], False)
    assert not client.exists("{winch}:marker:a")
    client.delete("{winch}:canceled:a")
    claim_from(executor, "a", room=30)
    assert len(store.list("a", S.CANCELED)) == 20


@pytest.mark.parametrize("family", ["finished", "canceled", "queued", "scheduled"])
def test_beats_live_with_a_queue_in_trouble(
    store: RedisStore, client: Redis, caplog: pytest.LogCaptureFixture, family: str
) -> None:
    """They name the key once, wherever the queue is; due and expired jobs of other queues are seen to."""
    expired = [add(store, queue=queue, failure_ttl=1) for queue in ("z", "r")]
    due = put(store, job(queue="z", delay=1), job(queue="r", delay=1))
    for each in expired:
        store.cancel(each)
    boss = Boss(store, queues=("q",) if family == "canceled" else ("z", "r"))
    eventually(lambda: store.get(expired) == [None, None])
    client.delete(f"{{winch}}:{family}:z")
    client.set(f"{{winch}}:{family}:z", "something else")
    for _ in range(3):
        assert boss.beat().next_due is None
    told = [each.message for each in caplog.records if each.name == "winch"]
    assert len(told) == 1
    assert f"'{{winch}}:{family}:z'" in told[0]
    assert states(store, due[1]) == ["queued"]
    assert not client.exists("{winch}:canceled:r")


# ---- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["slots:k", "bucket:k", "waiting:k", "waits:q", "waiters:q\nk", "released:q\nk"])
def test_a_limit_in_trouble_holds_up_its_queue_only(
    store: RedisStore, client: Redis, caplog: pytest.LogCaptureFixture, family: str
) -> None:
    """A queue whose next job has such a limit is passed over without a marker, and the beat names the key."""
    one, other = put(store, job(limits=LIMITS[:1]), job(queue="b"))
    boss = Boss(store, queues=("q", "b"))
    executor = boss.lane()
    client.set(f"{{winch}}:{family}", "something else")
    if family == "bucket:k":
        client.delete(f"{{winch}}:{family}")
        client.rpush(f"{{winch}}:{family}", "something else")
    client.delete("{winch}:marker:q")
    told = claim_from(executor, "q", "b")
    assert ([claim.id for claim in told.claims], told.more) == ([other], False)
    assert not client.exists("{winch}:marker:q")
    boss.beat()
    assert repr(f"{{winch}}:{family}") in caplog.text
    assert not client.exists("{winch}:marker:q")
    client.delete(f"{{winch}}:{family}")
    boss.beat()
    assert client.exists("{winch}:marker:q")
    assert executor.one("q").id == one


@pytest.mark.parametrize("family", ["waits:b", "waiters:b\nk", "released:b\nk", "queued:b"])
def test_waiters_in_a_queue_in_trouble_are_released_after_its_repair(
    store: RedisStore, client: Redis, family: str
) -> None:
    """A slot becomes free while another queue's waiters cannot be told: a beat comes back to them."""
    limit = (NewLimit("k", concurrency=1),)
    held = add(store, limits=limit)
    waits = add(store, limits=limit, queue="b")
    executor = lane(store)
    claim = executor.take(held)[0]
    executor.turn(queues=("b",), room=5)
    assert states(store, waits) == ["blocked"]
    key = f"{{winch}}:{family}"
    if client.exists(key):
        client.rename(key, "{winch}:aside")
    client.set(key, "something else")
    assert executor.settle(claim)
    assert store.promote() is None
    executor.worker.beat()
    assert states(store, waits) == ["blocked"]
    client.delete(key)
    if client.exists("{winch}:aside"):
        client.rename("{winch}:aside", key)
    executor.worker.beat()
    assert executor.one("b").id == waits


@pytest.mark.parametrize("wrong", ["gone", "of a wrong type"])
def test_a_token_that_nobody_can_be_told_of_keeps_nobody_awake(store: RedisStore, client: Redis, wrong: str) -> None:
    """The list of the queues that wait for a key is broken: `promote` does not ask to be called again and again."""
    limit = (NewLimit("r", rate=1, per=20, burst=1),)
    _, waits = put(store, job(limits=limit), job(limits=limit))
    executor = lane(store)
    executor.one()
    executor.claim()
    due = store.now() + (store.promote() or 0)
    client.delete("{winch}:waiting:r")
    if wrong != "gone":
        client.set("{winch}:waiting:r", "something else")
    eventually(lambda: store.now() > due)
    assert [store.promote(), store.promote()] == [None, None]
    assert executor.turn().next_due is None
    if wrong != "gone":
        client.delete("{winch}:waiting:r")
    executor.worker.beat()
    assert states(store, waits) == ["queued"]


@pytest.mark.parametrize("damage", ["junk", "gone"])
def test_a_slot_of_a_record_that_broke_is_freed_by_a_beat(store: RedisStore, client: Redis, damage: str) -> None:
    """Nobody knows its limits any more; the beat finds that who holds the slot does not run."""
    limit = (NewLimit("k", concurrency=1),)
    broken, waits = put(store, job(limits=limit), job(limits=limit))
    executor = lane(store)
    claim = executor.take(broken)[0]
    executor.claim()
    key = b"{winch}:j:" + pack_id(broken)
    if damage == "junk":
        client.set(key, "junk")
    else:
        client.delete(key)
    executor.turn(outcome(claim))
    assert states(store, waits) == ["blocked"]
    executor.worker.beat()
    assert executor.one().id == waits


@pytest.mark.parametrize("family", ["slots:k", "waiters:q\nk", "waits:q"])
def test_an_expired_job_whose_limit_is_in_trouble(store: RedisStore, client: Redis, family: str) -> None:
    """It cannot leave its queue either, and ends once the key is repaired."""
    late = add(store, limits=LIMITS[:1], ttl=1)
    executor = lane(store)
    eventually(lambda: store.now() > record(store, late).enqueued_at + 1)
    client.set(f"{{winch}}:{family}", "something else")
    assert claim_from(executor, "q").claims == ()
    assert states(store, late) == ["queued"]
    client.delete(f"{{winch}}:{family}")
    assert claim_from(executor, "q").claims == ()
    assert states(store, late) == ["canceled"]


def test_a_waiter_whose_record_broke_stands_in_nobodys_way(store: RedisStore, client: Redis) -> None:
    """It is listed as failed, and the one behind it goes on."""
    limit = (NewLimit("k", concurrency=1),)
    held, broken, gone, waits = put(store, *(job(limits=limit) for _ in range(4)))
    executor = lane(store)
    claim = executor.take(held)[0]
    executor.claim()
    client.set(b"{winch}:j:" + pack_id(broken), "junk")
    client.delete(b"{winch}:j:" + pack_id(gone))
    assert [each.id for each in executor.turn(outcome(claim), room=1).claims] == [waits]
    assert (record(store, broken).reason, ids(store, "q", S.BLOCKED)) == ("undecodable", [])
    store.delete([broken])


def test_a_dead_worker_that_holds_jobs_of_a_queue_in_trouble(store: RedisStore, client: Redis) -> None:
    """It is rescued once the queue is repaired; beats go on until then."""
    held = add(store, queue="z")
    dying, living = lane(store), lane(store)
    assert claim_from(dying, "z").claims
    client.set("{winch}:failed:z", "something else")
    assert living.worker.beat(gone=[dying.worker.id]).rescued == ()
    client.delete("{winch}:failed:z")
    client.rename(f"{{winch}}:x:{dying.id}", "{winch}:aside")
    client.set(f"{{winch}}:x:{dying.id}", "something else")
    assert living.worker.beat(gone=[dying.worker.id]).rescued == ()
    client.rename("{winch}:aside", f"{{winch}}:x:{dying.id}")
    assert living.worker.beat(gone=[dying.worker.id]).rescued == (dying.worker.id,)
    assert states(store, held) == ["queued"]
