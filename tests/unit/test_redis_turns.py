"""The two scripts of a turn, and which of them a turn is sent to."""
# redis-py leaves **kwargs without a type, so strict pyright cannot know its methods in full:
# pyright: reportUnknownMemberType=false

import time
from collections.abc import Iterator
from typing import Any, cast

import pytest
from redis import Redis

from winch.ids import new_id
from winch.states import JobStatus
from winch.stores.contract import Held, NewJob, Outcome, StoreOptions, Turn, WorkerInfo
from winch.stores.redis import RedisStore

pytestmark = pytest.mark.redis


class Executor:
    """An executor of a store of its own, which counts the scripts that a turn takes."""

    def __init__(self, url: str, client: Redis, deadline: float = 5.0) -> None:
        self.store = RedisStore(url, StoreOptions("turns", deadline=deadline))
        self.store.enlist(WorkerInfo("w", "w", "h", "b", 1, 2, ("q",), "1", 30_000, 5_000, 1))
        self.store.enlist_executor("w", "x")
        self.number = 0
        self._client = client

    def put(self, **options: Any) -> None:
        """Enqueue a job."""
        self.store.enqueue([NewJob(new_id(), "q", b"x", **options)])

    def turn(self, *outcomes: Outcome, begins: tuple[Held, ...] = (), room: int = 9) -> tuple[Turn, int]:
        """A turn, and how many scripts it took."""
        before = self._scripts()
        self.number += 1
        turn = self.store.turn("x", self.number, outcomes, begins, ("q",), room, {})
        return turn, self._scripts() - before

    def _scripts(self) -> int:
        told = cast("dict[str, dict[str, int]]", self._client.info("commandstats"))
        return told["cmdstat_evalsha"]["calls"]


@pytest.fixture
def executor(redis_url: str) -> Iterator[Executor]:
    """An executor whose scripts are loaded."""
    with Redis.from_url(redis_url) as client:
        made = Executor(redis_url, client)
        made.put()
        [claim] = made.turn()[0].claims
        made.turn(Outcome(claim.token, claim.id, "failed"))
        yield made
        made.store.close()


def test_a_plain_turn_is_one_script(executor: Executor) -> None:
    """Jobs that finish, kept or dropped, and jobs that are claimed take one call."""
    executor.put(result_ttl=0)
    executor.put()
    turn, scripts = executor.turn()
    assert (len(turn.claims), scripts) == (2, 1)
    executor.put()
    turn, scripts = executor.turn(*(Outcome(claim.token, claim.id, "finished") for claim in turn.claims))
    assert (len(turn.claims), turn.late, scripts) == (1, (), 1)


def test_what_is_known_to_be_unusual_is_one_script_too(executor: Executor) -> None:
    """Who settles a failure does not try the script that cannot do it; to mark what begins it can."""
    executor.put()
    [claim] = executor.turn()[0].claims
    assert executor.turn(begins=(Held(claim.token, claim.id),))[1] == 1
    assert executor.turn(Outcome(claim.token, claim.id, "failed"))[1] == 1


def test_the_short_way_is_tried_less_and_less_where_it_does_not_do(executor: Executor) -> None:
    """A refusal costs a second call: after one the next turn, then three, then seven do without, until one succeeds."""
    executor.store.pause("other")
    assert [executor.turn()[1] for _ in range(8)] == [2, 1, 2, 1, 1, 1, 2, 1]
    executor.store.resume("other")
    assert [executor.turn()[1] for _ in range(8)] == [1] * 8
    executor.store.pause("other")
    assert [executor.turn()[1] for _ in range(3)] == [2, 1, 2]


def test_a_turn_that_is_refused_has_changed_nothing(executor: Executor) -> None:
    """It has looked at an outcome already when it meets a claim that is not for it: the other script settles that outcome."""
    executor.put()
    [claim] = executor.turn()[0].claims
    executor.put(ttl=60_000)  # may have waited too long
    turn, scripts = executor.turn(Outcome(claim.token, claim.id, "finished", result=b"r"))
    assert (len(turn.claims), turn.late, scripts) == (1, (), 2)
    [found] = executor.store.get([claim.id])
    assert found is not None
    assert (found.state, found.result, found.attempts) == (JobStatus.FINISHED, b"r", 1)


def test_an_answer_that_nobody_reads_is_not_taken_for_another(executor: Executor) -> None:
    """A thread that is interrupted between question and answer, by a time limit for one, asks its next question anew."""
    executor.put()
    executor.store.begin_turn("x", 100, (), (), ("q",), 9, {})
    assert executor.store.turn("x", 101, (), (), ("q",), 9, {}).claims == ()
    executor.put()
    assert len(executor.store.turn("x", 102, (), (), ("q",), 9, {}).claims) == 1


def test_an_answer_that_is_read_late(redis_url: str) -> None:
    """The deadline begins when somebody waits for it: then there is time to load a script that the server has forgotten."""
    with Redis.from_url(redis_url) as client:
        executor = Executor(redis_url, client, deadline=0.2)
        executor.put()
        [claim] = executor.store.turn("x", 1, (), (), ("q",), 9, {}).claims
        client.script_flush()
        read = executor.store.begin_turn("x", 2, [Outcome(claim.token, claim.id, "failed")], (), ("q",), 9, {})
        time.sleep(0.25)  # a job that takes longer than the deadline runs meanwhile
        assert read().late == ()
        executor.store.close()


def test_suspects_are_looked_for_only_while_there_are_some(executor: Executor, redis_url: str) -> None:
    """A mark says that there are suspects: it comes with the first, and goes with a beat after the last."""
    executor.put()
    executor.turn()
    executor.store.retire("x", crashed=True)
    executor.store.enlist_executor("w", "y")
    with Redis.from_url(redis_url) as client:
        assert client.hget("{turns}:store", "suspects") == b"1"
        [claim] = executor.store.turn("y", 1, (), (), ("q",), 1, {}).claims
        assert claim.suspect
        executor.store.turn("y", 2, [Outcome(claim.token, claim.id, "finished")], (), ("q",), 0, {})
        executor.store.beat("w", 1, ["y"])
        assert client.hget("{turns}:store", "suspects") is None
