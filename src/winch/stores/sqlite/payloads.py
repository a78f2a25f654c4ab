"""Large payloads: a table of their own, for each step of a job writes its row anew from end to end."""

from __future__ import annotations

from typing import Any

from winch.stores.sqlite.sql import q
from winch.stores.sqlite.transaction import Snapshot, Transaction

__all__ = ["LARGE", "keep_payload", "payload_of"]

LARGE = 1_000
"""Bytes up to which a payload stands in its job's row: half a page. To write more than that anew costs more than a second row.
A result needs none: the end is the last that is written of a job, or the next run replaces it."""


def keep_payload(tx: Transaction, job: int, payload: bytes) -> None:
    """Write the large payload of a new job (its number), whose features say so, and whose row has none."""
    tx.db.execute(q.write_payload, (job, payload))


def payload_of(at: Snapshot, job: int) -> Any:
    """The large payload of a job (its number): like any column, something else than bytes if the database is damaged."""
    return at.one(q.payload_of, job)
