"""Rows of the database as the contract's records."""

from __future__ import annotations

from typing import Any, cast

import ormsgpack

from winch.states import ENDED, JobStatus
from winch.stores.contract import HISTORY, AttemptRecord, JobRecord
from winch.stores.sqlite.codes import STATES
from winch.stores.sqlite.features import GROUPED, LIMITED, PAYLOAD, SNAPSHOT
from winch.stores.sqlite.limits import limits_of
from winch.stores.sqlite.payloads import payload_of
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.transaction import FOREVER, Snapshot, as_array

__all__ = ["pack_snapshot", "records", "snapshot_of"]


def records(at: Snapshot, ids: list[str]) -> dict[str, JobRecord]:
    """The records of those jobs that exist, by id. An ended job past its expiry does not."""
    rows = at.db.execute(q.records, (as_array(ids), at.now)).fetchall()
    histories = _histories(at, [row[0] for row in rows])
    return {row[2]: _record(at, row, histories.get(row[0], [])) for row in rows}


def snapshot_of(at: Snapshot, number: int) -> JobRecord | None:
    """For a callback: its parent as it ended."""
    packed = at.one(q.snapshot, number)
    return None if packed is None else _unpack_snapshot(packed)


def pack_snapshot(record: JobRecord) -> bytes:
    """A job as it ended, without its limits, and the parent that it may have itself."""
    fields = [getattr(record, name) for name in _FIELDS]
    return ormsgpack.packb([*fields, [list(attempt) for attempt in record.history]])


_FIELDS = tuple(name for name in JobRecord.__slots__ if name not in {"history", "parent", "limits"})


def _unpack_snapshot(packed: bytes) -> JobRecord:
    *values, attempts = cast("list[Any]", ormsgpack.unpackb(packed))
    fields = dict(zip(_FIELDS, values, strict=True))
    fields["state"] = JobStatus(fields["state"])
    return JobRecord(**fields, history=tuple(AttemptRecord(*attempt) for attempt in attempts))


def _histories(at: Snapshot, numbers: list[int]) -> dict[int, list[tuple[int, AttemptRecord]]]:
    """The attempts that have rows, each with its number."""
    found: dict[int, list[tuple[int, AttemptRecord]]] = {}
    for job, number, *attempt in at.db.execute(q.attempts, (as_array(numbers),)):
        found.setdefault(job, []).append((number, AttemptRecord(*attempt)))
    return found


def _record(at: Snapshot, row: tuple[Any, ...], attempts: list[tuple[int, AttemptRecord]]) -> JobRecord:
    number, features, *values = row
    fields = dict(zip(_COLUMNS, values, strict=True))
    if features & PAYLOAD:
        fields["payload"] = payload_of(at, number)
    state = STATES.get(fields["state"])
    if state is None or not all(isinstance(fields[name], bytes) for name in ("payload", "meta", "progress", "result")):
        return _damaged(at, fields)
    fields["state"] = state
    fields["suspect"] = bool(fields["suspect"])
    fields["begun"] = bool(fields["begun"])
    fields["expires_at"] %= FOREVER
    history = [attempt for _, attempt in attempts]
    if state is JobStatus.FINISHED and (not attempts or attempts[-1][0] < fields["attempts"]):
        history.append(_last_attempt(fields))
    only_some: dict[str, Any] = {
        "parent": snapshot_of(at, number) if features & SNAPSHOT else None,
        "limits": limits_of(at, number) if features & LIMITED else (),
        "group": at.one(q.joined, number) if features & GROUPED else "",
    }
    return JobRecord(**fields, **only_some, history=tuple(history[-HISTORY:]), now=at.now)


_COLUMNS = tuple(name for name in JobRecord.__slots__ if name not in {"history", "parent", "limits", "group", "now"})


def _last_attempt(job: dict[str, Any]) -> AttemptRecord:
    """The run that finished a job: it is told by the job's own row."""
    return AttemptRecord(job["started_at"], job["ended_at"], "finished", job["reason"], job["worker"], b"")


def _damaged(at: Snapshot, fields: dict[str, Any]) -> JobRecord:
    """What can be said of a job whose row cannot be read."""
    state = STATES.get(fields["state"], JobStatus.FAILED)
    reason = "undecodable" if state in ENDED else ""
    payload = fields["payload"] if isinstance(fields["payload"], bytes) else b""
    return JobRecord(fields["id"], fields["queue"], state, payload, reason=reason, now=at.now)
