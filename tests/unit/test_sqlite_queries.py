"""The SQL: every query is used and can be prepared, and no hot one looks at more rows than it must."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from winch.stores.sqlite.sql import SCHEMA, q, statements

SOURCE = Path(__file__).parents[2] / "src" / "winch" / "stores" / "sqlite"
FRAGMENTS = {"header", "entry_columns", "is_ended", "is_waiting"}
# What looks at whole tables on purpose: they have one row, or a few per worker, or are looked at once a minute.
SCANS = {
    *(
        "meta",
        "now",
        "listeners",
        "clip_beats",
        "dead_workers",
        "worker_ids",
        "worker_records",
        "dead_hold",
        "queues",
        "paused",
    ),
    *("forget_calls", "forget_former_workers", "parent_is_gone", "next_firing", "is_firing", "count_started"),
    *("list_started", "list_started_newest", "holds_jobs", "save_meta", "may_be_suspect"),
}


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    """An empty database with the schema."""
    connection = sqlite3.connect(":memory:")
    for statement in statements(SCHEMA):
        connection.execute(statement)
    yield connection
    connection.close()


def queries() -> dict[str, str]:
    """All queries that stand for themselves."""
    return {name: text for name, text in vars(q).items() if name not in FRAGMENTS}


def plan(database: sqlite3.Connection, query: str) -> list[str]:
    """How SQLite would run a query."""
    names = re.findall(r"(?<=[\s(,])[:?](\w+)", query)
    count = max([int(name) for name in names if name.isdigit()], default=query.count("?"))
    values = dict.fromkeys(names, 0) if any(not name.isdigit() for name in names) else [0] * count
    return [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {query}", values)]


@pytest.mark.parametrize("name", sorted(queries()))
def test_a_query_needs_no_scan(name: str, database: sqlite3.Connection) -> None:
    """Each query can be prepared, and finds its rows by an index."""
    steps = plan(database, queries()[name])
    scans = [
        step for step in steps if re.match(r"SCAN (jobs|children|attempts|calls|metrics|workers|executors)\b", step)
    ]
    assert not scans or name in SCANS


@pytest.mark.parametrize("name", ["claimable", "due", "list_queued", "jobs_queued", "earliest_due", "depth"])
def test_the_order_of_an_index_is_used(name: str, database: sqlite3.Connection) -> None:
    """What comes first is found without looking at, or sorting, what waits behind it."""
    steps = plan(database, queries()[name])
    assert not [step for step in steps if step == "USE TEMP B-TREE FOR ORDER BY"]


def test_names() -> None:
    """Every query that the code names exists, and every query is named by the code."""
    code = "".join(path.read_text(encoding="utf-8") for path in SOURCE.glob("*.py"))
    assert set(re.findall(r"\bq\.(\w+)", code)) == set(queries())


def test_braces_are_filled_in() -> None:
    """Neither the schema nor a query keeps a placeholder of ours."""
    assert not [name for name, text in vars(q).items() if "{" in text]
    assert "{" not in SCHEMA.replace("`{queued}`", "")
