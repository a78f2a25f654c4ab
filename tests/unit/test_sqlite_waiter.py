"""What an idle executor sleeps on: seldom looks while hints arrive, frequent ones while they do not."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from winch.ids import new_id
from winch.polling import readable
from winch.stores.contract import NewJob, Waiter, WorkerInfo
from winch.stores.sqlite import SQLiteStore
from winch.stores.sqlite.waiter import DEAF, NET


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    """A store in a file."""
    store = SQLiteStore(tmp_path / "jobs.db")
    store.open()
    yield store
    store.close()


def wait(waiter: Waiter) -> float:
    """Sleep as an executor does until there is work. Returns the seconds that it took."""
    began = time.monotonic()
    waiter.arm()
    while time.monotonic() < began + 10:
        select.select([waiter], [], [], waiter.poll)
        if waiter.take():
            return time.monotonic() - began
    raise AssertionError("the waiter slept on")


def put(store: SQLiteStore) -> None:
    """Enqueue a job."""
    store.enqueue([NewJob(new_id(), "q", b"payload")])


def test_a_lost_hint_costs_one_long_sleep_and_then_short_ones(store: SQLiteStore, tmp_path: Path) -> None:
    """Found by the net, it makes the net narrow until a hint arrives again."""
    waiter = store.waiter(["q"])
    waiter.arm()
    assert (waiter.poll, waiter.take(), waiter.poll) == (0, False, NET)
    pipe, away = tmp_path / "jobs.db-wake" / "queue@q", tmp_path / "away"
    pipe.rename(away)  # who rings now finds no pipe
    put(store)
    assert NET <= wait(waiter) < 2 * NET
    assert waiter.poll == DEAF
    put(store)
    assert wait(waiter) < NET
    assert waiter.poll == DEAF
    away.rename(pipe)
    put(store)
    assert wait(waiter) < NET
    assert waiter.poll == NET
    waiter.close()


def test_where_there_are_no_named_pipes_it_looks_often(store: SQLiteStore, tmp_path: Path) -> None:
    """Also after it has found work."""
    (tmp_path / "jobs.db-wake").write_text("in the way of the directory of pipes")
    waiter = store.waiter(["q"])
    waiter.arm()
    assert (waiter.poll, waiter.take(), waiter.poll) == (0, False, DEAF)
    put(store)
    assert wait(waiter) < NET
    assert waiter.poll == DEAF
    waiter.close()


def test_a_hint_that_another_sleeper_took_is_no_lost_one(store: SQLiteStore) -> None:
    """Two are woken by it, one reads it: neither starts to look often."""
    waiters = [store.waiter(["q"]) for _ in range(2)]
    for waiter in waiters:
        assert not waiter.take()
    put(store)
    assert [waiter.take() for waiter in waiters] == [True, True]
    assert [waiter.poll for waiter in waiters] == [NET, NET]
    for waiter in waiters:
        waiter.close()


def test_what_came_before_it_listened_is_found_at_once(store: SQLiteStore) -> None:
    """A hint to a pipe that was not there yet is lost; the first sleep is none."""
    put(store)
    waiter = store.waiter(["q"])
    assert wait(waiter) < NET
    assert waiter.poll == NET
    waiter.close()


def test_who_heard_of_several_jobs_and_takes_one_rings_again(store: SQLiteStore) -> None:
    """A hint wakes one sleeper; the work that it leaves is told to the next, and only that of which it had heard."""
    store.enlist(WorkerInfo("w", "w", "host", "boot", 1, 1, ("q", "r"), "0", 30_000, 5_000, 1))
    store.enlist_executor("w", "x")
    waiters = [store.waiter([name]) for name in ("q", "r")]
    for waiter in waiters:
        assert not waiter.take()
    store.enqueue([NewJob(new_id(), name, b"payload") for name in ("q", "q", "r", "r")])
    assert waiters[0].take()  # not the other
    assert waiters[1].fileno() in readable(waiters, 0)
    assert len(store.turn("x", 1, (), (), ["q", "r"], 1, {}).claims) == 1
    assert waiters[0].fileno() in readable(waiters, 5)
    assert waiters[0].take()
    assert len(store.turn("x", 2, (), (), ["q", "r"], 1, {}).claims) == 1
    assert readable(waiters[:1], 0) == set()
    for waiter in waiters:
        waiter.close()


def test_who_does_not_listen_leaves_hints_to_others(store: SQLiteStore) -> None:
    """A hint that came while it listened is told once, when it stops; later ones stay for those who listen."""
    waiter = store.waiter(["q"])
    waiter.arm()
    put(store)
    assert waiter.disarm()
    put(store)
    assert not waiter.disarm()
    waiter.arm()
    assert readable([waiter], 0)
    waiter.close()
