"""The SQL of the store: named queries, the schema, and its migrations, read from the files beside this one."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from winch.stores.contract import TURN_BATCH
from winch.stores.sqlite.codes import CODES

__all__ = ["MIGRATIONS", "SCHEMA", "VERSION", "q", "statements"]

_HERE = Path(__file__).parent


class Queries:
    """The queries of a file, each an attribute by the name in the `-- name:` line above it."""

    def __init__(self, text: str) -> None:
        for part in re.split(r"^-- name: ", text, flags=re.MULTILINE)[1:]:
            name, _, query = part.partition("\n")
            query = re.sub(r"^--.*\n?", "", query, flags=re.MULTILINE).strip()
            setattr(self, name.strip(), _filled(query, vars(self)))

    def __getattr__(self, name: str) -> str:
        raise AttributeError(f"queries.sql has no query {name!r}")


def statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: `executescript` would commit before it starts."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _filled(text: str, queries: Mapping[str, str]) -> str:
    """Put in what stands in braces: the number of a state, or another query."""
    known = {state.value: str(code) for state, code in CODES.items()} | dict(queries)
    known["batch_of_six"] = ", ".join(["(?, ?, ?, ?, ?, ?)"] * TURN_BATCH)
    return re.sub(r"{(\w+)}", lambda match: known[match[1]], text)


def _migrations() -> dict[int, str]:
    scripts = sorted((path.name, path) for path in (_HERE / "migrations").iterdir() if path.name.endswith(".sql"))
    return {int(name.partition("_")[0]): _filled(path.read_text(encoding="utf-8"), {}) for name, path in scripts}


q = Queries((_HERE / "queries.sql").read_text(encoding="utf-8"))
SCHEMA = _filled((_HERE / "schema.sql").read_text(encoding="utf-8"), {})
MIGRATIONS = _migrations()
"""By the version that each leads to."""
VERSION = max(MIGRATIONS, default=1)
"""Of the schema, as `PRAGMA user_version`."""
