"""Large payloads on SQLite: a row of their own, which no step of a job writes again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.helpers import S, add, job, lane, outcome, put, record
from tests.leaks import SIDES, orphaned_rows
from winch.stores.contract import OutcomeKind
from winch.stores.sqlite import SQLiteStore
from winch.stores.sqlite.payloads import LARGE


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    """An empty store."""
    opened = SQLiteStore(tmp_path / "jobs.db")
    yield opened
    opened.close()


def changed(store: SQLiteStore, statement: str) -> int:
    """Have somebody else change the database. Returns how many rows."""
    with closing(sqlite3.connect(store.place, isolation_level=None)) as database:
        return database.execute(statement).rowcount


def journal(store: SQLiteStore) -> int:
    """The size of the journal, which grows with every page that is written."""
    return Path(f"{store.place}-wal").stat().st_size


def test_no_step_writes_it_again(store: SQLiteStore) -> None:
    """A claim, a retry, a second claim and the end of ten jobs write less than one of their payloads."""
    put(store, *(job(bytes(200_000)) for _ in range(10)))
    executor = lane(store)
    before = journal(store)
    kinds: tuple[OutcomeKind, ...] = ("retry", "finished")
    for kind in kinds:
        executor.turn(*(outcome(claim, kind) for claim in executor.claim()))
    assert store.counts()["q"][S.FINISHED] == 10
    assert journal(store) - before < 200_000


@pytest.mark.parametrize(("size", "rows"), [(0, 0), (LARGE, 0), (LARGE + 1, 1)])
def test_small_ones_have_no_row(store: SQLiteStore, size: int, rows: int) -> None:
    """Up to a limit a payload stands in its job's row."""
    one = add(store, payload=bytes(size))
    assert record(store, one).payload == bytes(size)
    assert changed(store, "DELETE FROM payloads") == rows


def test_without_its_row_a_job_is_damaged(store: SQLiteStore) -> None:
    """A job whose payload is missing is set aside as one that cannot be read; its neighbours go on."""
    bad, good = put(store, job(bytes(LARGE + 1)), job(bytes(LARGE - 1)))
    assert changed(store, "DELETE FROM payloads") == 1
    assert [claim.id for claim in lane(store).claim()] == [good]
    found = record(store, bad)
    assert (found.state, found.reason, found.payload) == (S.FAILED, "undecodable", b"")


def test_every_side_table_is_watched(store: SQLiteStore) -> None:
    """What is left of a job is found in each of the tables that the trigger `sides` clears, and in no other case."""
    add(store, payload=bytes(LARGE + 1))
    with closing(sqlite3.connect(store.place)) as database:
        [trigger] = database.execute("SELECT sql FROM sqlite_master WHERE name = 'sides'").fetchone()
    assert all(f"DELETE FROM {table} WHERE {column} = old.number" in trigger for table, column in SIDES.items())
    assert trigger.count("DELETE FROM") == len(SIDES)
    assert orphaned_rows(store.place) == []
    assert changed(store, "UPDATE payloads SET job = 77") == 1
    assert orphaned_rows(store.place) == ["payloads"]
