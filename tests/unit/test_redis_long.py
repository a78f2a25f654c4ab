"""Records that do not pass through Lua as a whole: those of long payloads and results."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

from collections.abc import Iterator
from typing import Any, cast

import pytest
from redis import Redis

from winch.ids import new_id
from winch.states import JobStatus
from winch.stores.contract import Claim, JobRecord, NewJob, Outcome, StoreOptions, WorkerInfo
from winch.stores.redis import RedisStore
from winch.stores.redis.keys import pack_id, prefix, record_key

pytestmark = pytest.mark.redis

SIZES = (0, 3_900, 4_030, 4_095, 4_096, 100_000)


class Site:
    """A store with an executor, and its server as seen from beside it."""

    def __init__(self, url: str, client: Redis) -> None:
        self.store, self.client, self.number = RedisStore(url, StoreOptions("long")), client, 0
        self.store.enlist(WorkerInfo("w", "w", "h", "b", 1, 2, ("q",), "1", 30_000, 5_000, 1))
        self.store.enlist_executor("w", "x")

    def put(self, payload: bytes, **options: Any) -> str:
        """Enqueue a job."""
        job = NewJob(new_id(), "q", payload, **options)
        self.store.enqueue([job])
        return job.id

    def turn(self, *outcomes: Outcome, room: int = 9) -> tuple[Claim, ...]:
        """The claims of a turn."""
        self.number += 1
        return self.store.turn("x", self.number, outcomes, (), ("q",), room, {}).claims

    def finish(self, payload: bytes, result: bytes, **options: Any) -> JobRecord | None:
        """The record of a job that was claimed and has finished."""
        id = self.put(payload, **options)  # noqa: A001
        [claim] = self.turn()
        assert claim.payload == payload
        self.turn(Outcome(claim.token, id, "finished", run=3, result=result))
        return self.store.get([id])[0]

    def scripts(self) -> dict[str, int]:
        """How often the server was told to do what only long records need, and scripts in all."""
        told = cast("dict[str, dict[str, int]]", self.client.info("commandstats"))
        return {name: told.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("evalsha", "mget", "copy")}


@pytest.fixture
def site(redis_url: str) -> Iterator[Site]:
    """With an empty store."""
    with Redis.from_url(redis_url) as client:
        made = Site(redis_url, client)
        yield made
        made.store.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("result", SIZES)
@pytest.mark.parametrize("options", [{}, {"meta": b"m" * 50}, {"meta": b"m" * 5_000, "result_ttl": 1_000_000}], ids=str)
def test_whatever_its_size_a_job_comes_back(site: Site, size: int, result: int, options: dict[str, Any]) -> None:
    """Payload, meta, result and history are there, the value takes what it needs, and no other key is left."""
    payload, value = bytes([7]) * size, bytes([9]) * result
    found = site.finish(payload, value, **options)
    assert found is not None
    assert found.state is JobStatus.FINISHED
    assert (found.payload, found.result, found.meta) == (payload, value, options.get("meta", b""))
    assert [(attempt.outcome, attempt.worker) for attempt in found.history] == [("finished", "w")]
    [key] = cast("list[bytes]", site.client.keys("*:j:*"))
    taken = cast("int", site.client.memory_usage(key, samples=0))
    assert taken < 1.3 * (size + result + len(found.meta)) + 600
    assert not site.client.exists("{long}:copy")


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_long_job_whose_result_is_dropped_leaves_nothing(site: Site, size: int) -> None:
    """Its record is deleted, and never copied."""
    before = site.scripts()["copy"]
    assert site.finish(b"x" * size, b"r" * size, result_ttl=0) is None
    assert not site.client.keys("*:j:*")
    assert site.scripts()["copy"] == before


def test_a_long_job_takes_no_more_scripts_than_a_short_one(site: Site) -> None:
    """Its record is fetched by one command beside the turn."""
    site.finish(b"x", b"")
    before = site.scripts()
    site.finish(b"x" * 5_000, b"r" * 5_000)
    after = site.scripts()
    assert after["evalsha"] == before["evalsha"] + 4  # enqueue, two turns, get
    assert after["mget"] == before["mget"] + 1


def test_a_long_meta_alone_takes_no_other_way(site: Site) -> None:
    """Where no payload is long, a record that is long for its meta is claimed and finished as a short one."""
    before = site.scripts()
    found = site.finish(b"x", b"r", meta=b"m" * 20_000)
    after = site.scripts()
    assert found is not None
    assert (found.payload, found.result, found.meta) == (b"x", b"r", b"m" * 20_000)
    assert after == {**before, "evalsha": before["evalsha"] + 4}


def test_a_record_that_changes_before_it_is_fetched(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is gone, or is held no more, when its claim is fetched, is not handed out, and can be claimed again."""
    gone, lost, kept = (site.put(b"%d" % n * 5_000) for n in range(3))
    command = site.store._calls.command  # pyright: ignore[reportPrivateUsage]

    def late(*words: bytes) -> Any:
        site.client.delete(record_key(prefix("long"), pack_id(gone)))
        other = RedisStore(site.store.url, StoreOptions("long"))
        other.retire("x")
        other.close()
        return command(*words)

    monkeypatch.setattr(site.store._calls, "command", late)  # pyright: ignore[reportPrivateUsage]
    assert site.turn() == ()
    monkeypatch.undo()
    site.store.enlist_executor("w", "x")
    assert {claim.id for claim in site.turn()} == {lost, kept}


def test_a_meta_that_changes_while_a_long_job_runs_is_kept(site: Site) -> None:
    """The record is changed in place, so what came in meanwhile stays."""
    id = site.put(b"x" * 100_000, meta=b"first")  # noqa: A001
    [claim] = site.turn()
    site.store.annotate(id, b"other")
    site.turn(Outcome(claim.token, id, "finished", result=b"r" * 5_000))
    [found] = site.store.get([id])
    assert found is not None
    assert (found.meta, len(found.payload), len(found.result)) == (b"other", 100_000, 5_000)


def test_a_long_job_that_has_to_run_again(site: Site) -> None:
    """Its second run is claimed and finished like any other."""
    id = site.put(b"x" * 5_000)  # noqa: A001
    [claim] = site.turn()
    [again] = site.turn(Outcome(claim.token, id, "retry", "raised", detail=b"no", counts=True))
    assert (again.payload, again.fails) == (claim.payload, 1)
    site.turn(Outcome(again.token, id, "finished", result=b"r" * 5_000))
    [found] = site.store.get([id])
    assert found is not None
    assert (found.state, found.fails, len(found.history)) == (JobStatus.FINISHED, 1, 2)
