"""Whether a database is a store of this version of winch, and how it becomes one."""

from __future__ import annotations

import sqlite3

from winch.errors import StoreRefused
from winch.stores.sqlite.sql import MIGRATIONS, SCHEMA, VERSION, statements

__all__ = ["PAGE", "bring_up_to_date", "is_current"]

APPLICATION_ID = 0x77696E63  # "winc": `PRAGMA application_id` tells our files from those of others
PAGE = 2048  # bytes, for new files: the journal gets whole pages, and one job changes little of each of four
OLDEST_SQLITE = (3, 35, 0)  # the first with RETURNING


def is_current(db: sqlite3.Connection, place: str) -> bool:
    """Whether the schema is this version's. Reads only.

    Raises:
        StoreRefused: The schema is newer, the file is somebody else's, or SQLite is too old.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreRefused(f"winch needs SQLite 3.35 or newer, this Python has {sqlite3.sqlite_version}")
    version = _pragma(db, "user_version")
    if version > VERSION:
        raise StoreRefused(f"{place} has schema {version}, this winch knows up to {VERSION}: install a newer winch")
    if version == 0 and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return False
    if _pragma(db, "application_id") != APPLICATION_ID:
        raise StoreRefused(f"{place} is a database, but not a winch store: choose another file")
    return version == VERSION


def bring_up_to_date(db: sqlite3.Connection) -> bool:
    """Make the schema in an empty database, or migrate an older one. Returns whether it was empty."""
    db.execute(f"PRAGMA page_size = {PAGE}")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    try:
        version = _pragma(db, "user_version")
        if version == 0:
            _run(db, SCHEMA)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for number in range(max(version, 1) + 1, VERSION + 1):
            if version:
                _run(db, MIGRATIONS[number])
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    return version == 0


def _run(db: sqlite3.Connection, script: str) -> None:
    for statement in statements(script):
        db.execute(statement)


def _pragma(db: sqlite3.Connection, name: str) -> int:
    found: int = db.execute(f"PRAGMA {name}").fetchone()[0]
    return found
