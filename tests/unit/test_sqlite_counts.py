"""How many jobs each queue has in each state is kept, and what only some jobs have goes with them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from winch.ids import new_id
from winch.states import STATES
from winch.states import JobStatus as S
from winch.stores.contract import NewCallback, NewJob, Outcome, WorkerInfo
from winch.stores.sqlite import SQLiteStore
from winch.stores.sqlite.sql import q

SIDES = "attempts", "callbacks", "snapshots", "children"


def work(store: SQLiteStore, *kinds: str, result_ttl: int = 500_000) -> list[str]:
    """Have jobs with a callback and a child end in these ways. Returns their ids."""
    store.enlist(WorkerInfo("w", "w", "host", "boot", 1, 1, ("q",), "0", 30_000, 5_000, 1))
    store.enlist_executor("w", "x")
    ids = [new_id() for _ in kinds]
    callback = NewCallback("success", b"callback"), NewCallback("failure", b"callback")
    store.enqueue([NewJob(each, "q", b"payload", result_ttl=result_ttl, callbacks=callback) for each in ids])
    store.enqueue([NewJob(new_id(), "q", b"child", parents=(each,), on_failure="wait") for each in ids])
    claims = store.turn("x", 1, (), (), ["q"], 100, {}).claims
    outcomes = [Outcome(claim.token, claim.id, kind) for claim, kind in zip(claims, kinds, strict=True)]  # type: ignore[arg-type]
    assert store.turn("x", 2, outcomes, (), ["q"], 0, {}).late == ()
    return ids


def test_the_counts_are_those_of_the_rows(sqlite: SQLiteStore, path: Path) -> None:
    """Whatever became of the jobs; a reader of `counts` need not count."""
    ids = work(sqlite, "finished", "failed", "retry", "returned", "stopped", "finished")
    sqlite.cancel(ids[2])
    sqlite.requeue(ids[0])
    sqlite.delete([ids[1]])
    sqlite.promote()
    with closing(sqlite3.connect(path)) as db:
        counted = db.execute("SELECT queue, state, count FROM counts WHERE count <> 0").fetchall()
        rows = db.execute(
            "SELECT queue, state, count(*) FROM jobs WHERE state <> 4 GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()
    assert counted == rows


def test_a_count_reads_no_index(sqlite: SQLiteStore, path: Path) -> None:
    """So that it takes as long with a million jobs as with one."""
    sqlite.enqueue([NewJob(new_id(), "q", b"payload")])
    with closing(sqlite3.connect(path)) as db:
        plan = db.execute(f"EXPLAIN QUERY PLAN {q.counts}", ("q",)).fetchall()
    assert [row[3] for row in plan] == ["SEARCH counts USING PRIMARY KEY (queue=?)"]
    assert sqlite.counts()["q"][S.QUEUED] == 1


def test_a_deleted_job_takes_all_it_had_along(sqlite: SQLiteStore, path: Path) -> None:
    """Attempts, callbacks, the snapshot of a callback's parent, and whom it waits for."""
    work(sqlite, "finished", "failed", "retry", "stopped")
    with closing(sqlite3.connect(path)) as db:
        assert all(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in SIDES)
    everything = [each for state in STATES for each in sqlite.list("q", state)]
    assert sqlite.delete(everything) == len(everything)
    with closing(sqlite3.connect(path)) as db:
        assert [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in SIDES] == [0] * 4
    assert sqlite.forget("q")


def test_nobody_looks_for_suspects_where_there_are_none(sqlite: SQLiteStore, path: Path) -> None:
    """A store remembers that there may be some from the first on, and a beat forgets it with the last."""
    sqlite.enlist(WorkerInfo("w", "w", "host", "boot", 1, 1, ("q",), "0", 30_000, 5_000, 1))

    def looked_for(beat: int) -> int:
        sqlite.beat("w", beat, ["x"])
        with closing(sqlite3.connect(path)) as db:
            return int(db.execute("SELECT suspects FROM meta").fetchone()[0])

    sqlite.enlist_executor("w", "dying")
    sqlite.enqueue([NewJob(new_id(), "q", b"payload")])
    sqlite.turn("dying", 1, (), (), ["q"], 1, {})
    assert looked_for(1) == 0
    sqlite.retire("dying", crashed=True)
    assert looked_for(2) == 1
    sqlite.enlist_executor("w", "x")
    (suspect,) = sqlite.turn("x", 1, (), (), ["q"], 1, {}).claims
    assert suspect.suspect
    assert looked_for(3) == 1
    sqlite.turn("x", 2, [Outcome(suspect.token, suspect.id, "finished")], (), ["q"], 1, {})
    assert looked_for(4) == 0


def test_a_thousand_queues_are_taken_in_their_order(sqlite: SQLiteStore) -> None:
    """Empty, paused and due ones among them; what is left is found by the next turn."""
    names = [f"q{number}" for number in range(1_000)]
    sqlite.enlist(WorkerInfo("w", "w", "host", "boot", 1, 1, tuple(names), "0", 30_000, 5_000, 1))
    sqlite.enlist_executor("w", "x")
    for name in ("q999", "q500", "q7", "q3"):
        sqlite.enqueue([NewJob(f"{name}.{number}", name, b"payload") for number in range(2)])
    sqlite.enqueue([NewJob("later", "q600", b"payload", delay=3_600_000)])
    sqlite.pause("q7")
    first = sqlite.turn("x", 1, (), (), names, 3, {})
    assert [claim.id for claim in first.claims] == ["q3.0", "q3.1", "q500.0"]
    assert first.next_due is not None
    sqlite.resume("q7")
    assert [claim.id for claim in sqlite.turn("x", 2, (), (), names[::-1], 100, {}).claims] == [
        *("q999.0", "q999.1", "q500.1", "q7.0", "q7.1"),
    ]
