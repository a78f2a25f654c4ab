"""How SQLite looks things up: what a query costs must not grow with the jobs that it does not return."""

import re
import sqlite3
from pathlib import Path

import pytest

from winch.stores.sqlite import SQLiteStore
from winch.stores.sqlite.sql import q


@pytest.fixture
def database(sqlite: SQLiteStore, path: Path) -> sqlite3.Connection:
    """A connection to a store's file."""
    sqlite.queues()  # makes the schema
    return sqlite3.connect(path)


def plan(database: sqlite3.Connection, query: str) -> str:
    """The steps of a query's plan, a line each."""
    named = dict.fromkeys(re.findall(r":(\w+)", query), 1)
    numbered = max(map(int, re.findall(r"\?(\d)", query)), default=query.count("?"))
    return "\n".join(row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {query}", named or [1] * numbered))


@pytest.mark.parametrize(
    "name", ["expired", "has_expired", "count_ended", "oldest_ended", "list_ended", "list_ended_newest"]
)
def test_one_state_is_searched_and_no_other(database: sqlite3.Connection, name: str) -> None:
    """The planner once searched by the partial index's own `state >= 5`: each beat read every job that had ended."""
    assert "(queue=? AND state=? AND expires_at" in plan(database, getattr(q, name))
