"""The desk: what has ended goes into one turn, and into that one only, whenever it was made ready."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.helpers import Lane, S, job, lane, outcome, put, record
from winch import codec
from winch.running.run import Run
from winch.stores.contract import TURN_BATCH, Held, Store, Turn
from winch.worker.desk import Desk
from winch.worker.log import JobLog
from winch.worker.order import QueueOrder
from winch.worker.pace import Pace

PAYLOAD = codec.dumps_call("some.function", (), {})


@pytest.fixture
def executor(store: Store) -> Lane:
    """An enlisted executor."""
    return lane(store)


@pytest.fixture
def desk(store: Store, executor: Lane) -> Desk:
    """Its desk."""
    return Desk(store, executor.id, QueueOrder(("q",), "strict"), Pace(), JobLog("w", quiet=True), threading.Event())


def claim(desk: Desk, jobs: int) -> list[Run]:
    """So many new jobs, enqueued, claimed and begun."""
    put(desk._store, *(job(payload=PAYLOAD) for _ in range(jobs)))  # pyright: ignore[reportPrivateUsage]
    desk.turn(jobs)
    runs = [Run(claim) for claim in desk.ready]
    desk.ready.clear()
    for run in runs:
        run.function = "some.function"
    return runs


def end(desk: Desk, *runs: Run) -> None:
    """These are over."""
    desk.done.extend((run, outcome(run.claim)) for run in runs)


def test_what_was_prepared_is_settled_and_counted_once(store: Store, desk: Desk) -> None:
    """Prepared twice or not at all: the next turn settles and counts the same."""
    runs = claim(desk, 3)
    end(desk, *runs)
    desk.prepare()
    desk.prepare()
    assert (len(desk.done), desk.jobs) == (3, 0)
    desk.turn()
    assert (len(desk.done), desk.jobs) == (0, 3)
    assert [record(store, run.claim.id).state for run in runs] == [S.FINISHED] * 3
    assert sum(row.value for row in store.metrics(60_000) if row.key.series == "outcome") == 3


def test_what_ends_later_goes_into_a_later_turn(store: Store, desk: Desk) -> None:
    """A prepared turn is not changed any more; what has ended since is still there."""
    early, late = claim(desk, 2)
    end(desk, early)
    desk.prepare()
    end(desk, late)
    desk.turn()
    assert [run for run, _ in desk.done] == [late]
    assert record(store, late.claim.id).state is S.STARTED
    desk.turn()
    assert (len(desk.done), desk.jobs) == (0, 2)
    assert record(store, late.claim.id).state is S.FINISHED


@pytest.mark.parametrize(("early", "late"), [(1, 1), (TURN_BATCH, 3), (0, TURN_BATCH + 3)])
def test_all_that_has_ended_is_settled_before_a_slow_job(store: Store, desk: Desk, early: int, late: int) -> None:
    """Prepared or not, and more than one turn takes: the slow job may kill the process, and nothing else would run again."""
    runs = [*claim(desk, TURN_BATCH), *claim(desk, 4)][: early + late + 1]
    slow = runs.pop()
    end(desk, *runs[:early])
    desk.prepare()
    end(desk, *runs[early:])
    desk.clear([Held(slow.claim.token, slow.claim.id)])
    assert not desk.done
    assert {record(store, run.claim.id).state for run in runs} == {S.FINISHED}
    assert record(store, slow.claim.id).begun


def test_claims_are_returned_with_what_was_prepared(store: Store, desk: Desk) -> None:
    """Outcomes that are made ready ahead leave room for claims that are given back in the same turn."""
    done, unbegun = claim(desk, 2)
    end(desk, done)
    desk.prepare()
    desk.give_back(unbegun.claim)
    desk.turn()
    assert record(store, done.claim.id).state is S.FINISHED
    assert record(store, unbegun.claim.id).state is S.QUEUED


def test_a_turn_has_its_size(store: Store, desk: Desk) -> None:
    """A hundred outcomes at most, and claims that are given back among them."""
    runs = claim(desk, TURN_BATCH)
    one, *rest = claim(desk, 2)
    end(desk, *runs, one)
    for run in rest:
        desk.give_back(run.claim)
    desk.turn()
    assert (len(desk.done), len(desk.returning)) == (1, 1)
    desk.turn()
    assert (len(desk.done), len(desk.returning)) == (0, 0)
    assert record(store, rest[0].claim.id).state is S.QUEUED


def test_a_desk_knows_whether_its_turn_is_about_jobs(store: Store, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is settled, given back or begun is in nobody's hands until the store answers; a turn that only asks holds nothing."""
    seen: list[bool] = []
    begin_turn = store.begin_turn

    def beginning(*given: Any) -> Callable[[], Turn]:
        seen.append(desk.is_telling)
        return begin_turn(*given)

    monkeypatch.setattr(store, "begin_turn", beginning)
    ended, begun, given_back = claim(desk, 3)
    desk.turn(1)
    desk.turn(0, [Held(begun.claim.token, begun.claim.id)])
    end(desk, ended)
    desk.send(0)
    assert desk.is_telling
    desk.receive()
    desk.give_back(given_back.claim)
    desk.turn()
    assert not desk.is_telling
    assert seen == [False, False, True, True, True]
