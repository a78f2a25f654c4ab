"""The cron table: what is enqueued again and again, and which slot of it has fired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from winch.errors import DuplicateJob, EntryTaken
from winch.stores.contract import ENQUEUE_BATCH, Call, CronTable, EntryRecord, Fired, NewEntry, NewJob
from winch.stores.sqlite.base import Verbs
from winch.stores.sqlite.create import create
from winch.stores.sqlite.sql import q
from winch.stores.sqlite.transaction import Snapshot, Transaction

__all__ = ["CronVerbs"]


class CronVerbs(Verbs):
    """The part of the contract's `Control` that is about the cron table."""

    def put_entries(
        self,
        source: str,
        entries: Sequence[NewEntry],
        *,
        version: int = 0,
        whole: bool = False,
        call: Call | None = None,
    ) -> bool:
        """Write entries of the cron table in one step: all of them, or none."""
        if len(entries) > ENQUEUE_BATCH:
            raise ValueError(f"{len(entries)} entries in one call, at most {ENQUEUE_BATCH} can be written")
        return self._once(call, lambda tx: _put(tx, source, entries, version, whole=whole))

    def remove_entry(self, name: str, *, call: Call | None = None) -> bool:
        """Remove an entry of the cron table. False: there is none."""

        def step(tx: Transaction) -> bool:
            found = _find(tx, name) is not None
            if found:
                _remove(tx, name, _next_version(tx))
            return found

        return self._once(call, step)

    def pause_entry(self, name: str, paused: bool, *, call: Call | None = None) -> bool:
        """Pause an entry, or resume it: then its slots begin after now. False: there is none."""

        def step(tx: Transaction) -> bool:
            entry = _find(tx, name)
            if entry is not None and entry.paused is not paused:
                since = entry.since if paused else tx.now
                _write(tx, entry._replace(paused=paused, since=since), _next_version(tx))
            return entry is not None

        return self._once(call, step)

    def cron_table(self) -> CronTable:
        """The cron table."""
        with self._database.read() as at:
            rows = at.db.execute(q.entries).fetchall()
            return CronTable(at.now, at.one(q.cron_version), tuple(map(_record, rows)))

    def fire_entry(self, name: str, revision: int, slot: int, job: NewJob, *, call: Call | None = None) -> Fired:
        """Enqueue the job of an entry's slot, and remember the slot as its last, in one step."""
        return Fired(*self._once(call, lambda tx: _fire(tx, _find(tx, name), revision, slot, job)))


def _record(row: Sequence[Any]) -> EntryRecord:
    entry = EntryRecord(*row)
    return entry._replace(paused=bool(entry.paused))


def _find(at: Snapshot, name: str) -> EntryRecord | None:
    row = at.db.execute(q.entry, (name,)).fetchone()
    return None if row is None else _record(row)


def _next_version(tx: Transaction) -> int:
    """A version of the table that never was: as late as the clock, so that it does not come back after a loss."""
    return max(tx.now, tx.one(q.cron_version) + 1)


def _write(tx: Transaction, entry: EntryRecord, revision: int) -> None:
    tx.db.execute(q.write_entry, entry._replace(revision=revision))
    _announce(tx, revision)


def _remove(tx: Transaction, name: str, revision: int) -> None:
    tx.db.execute(q.delete_entry, (name,))
    _announce(tx, revision)


def _announce(tx: Transaction, version: int) -> None:
    """The table has changed: all supervisors look at it."""
    tx.db.execute(q.set_cron_version, (version,))
    tx.hints.update(tx.column(q.worker_ids))


def _put(tx: Transaction, source: str, entries: Sequence[NewEntry], version: int, *, whole: bool) -> bool:
    before = {entry.name: _find(tx, entry.name) for entry in entries}
    for name, entry in before.items():
        if entry is not None and entry.source != source:
            raise EntryTaken(name, entry.source)
    own = dict(tx.db.execute(q.entries_of_source, (source,)).fetchall())
    if any(known > version for known in own.values()):
        return False
    revision = _next_version(tx)
    for new in entries:
        _put_one(tx, source, version, new, before[new.name], revision)
    for name in own.keys() - before.keys() if whole else ():
        _remove(tx, name, revision)
    return True


def _put_one(tx: Transaction, source: str, version: int, new: NewEntry, old: EntryRecord | None, revision: int) -> None:
    if old is None:
        made = EntryRecord(new.name, source, version, new.schedule, new.template, 0, False, tx.now, tx.now, 0, "")
        _write(tx, made, revision)
        return
    entry = old._replace(version=version, schedule=new.schedule, template=new.template)
    if old.schedule != new.schedule:
        entry = entry._replace(since=tx.now)
    if (old.schedule, old.template) != (new.schedule, new.template):
        _write(tx, entry, revision)
    elif old.version != version:
        tx.db.execute(q.write_entry, entry)


def _fire(tx: Transaction, entry: EntryRecord | None, revision: int, slot: int, job: NewJob) -> Fired:
    if entry is None or entry.paused or entry.revision != revision:
        return Fired(tx.now, "changed", entry.last_slot if entry else 0)
    if slot <= max(entry.last_slot, entry.since):
        return Fired(tx.now, "passed", entry.last_slot)
    if slot > tx.now:
        return Fired(tx.now, "early", entry.last_slot)
    try:
        create(tx, [job])
    except DuplicateJob:
        tx.db.execute(q.entry_fired, (slot, entry.last_job, entry.name))
        return Fired(tx.now, "duplicate", slot)
    tx.db.execute(q.entry_fired, (slot, job.id, entry.name))
    return Fired(tx.now, "fired", slot)
