"""The cron table: what is enqueued again and again, and which slot of it has fired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from winch.errors import EntryTaken
from winch.stores.contract import (
    ENQUEUE_BATCH,
    Call,
    CronTable,
    EntryRecord,
    Fired,
    FireKind,
    NewEntry,
    NewJob,
)
from winch.stores.redis.calls import Argument, Calls, Refusal
from winch.stores.redis.hot import translated
from winch.stores.redis.keys import pack_id, unpack_id
from winch.stores.redis.records import pack_job

__all__ = ["CronVerbs"]

_KINDS: tuple[FireKind, ...] = get_args(FireKind)
"""A kind's position is its number in `fire_entry.lua`."""


class CronVerbs:
    """The part of the contract's `Control` that is about the cron table."""

    _calls: Calls

    def put_entries(
        self,
        source: str,
        entries: Sequence[NewEntry],
        *,
        version: int = 0,
        whole: bool = False,
        call: Call | None = None,
    ) -> bool:
        """See `winch.stores.contract.Control.put_entries`."""
        if len(entries) > ENQUEUE_BATCH:
            raise ValueError(f"at most {ENQUEUE_BATCH} entries per call, not {len(entries)}")
        flat = [part for entry in entries for part in entry]
        answer: int | tuple[int, bytes] = self._change_table("put_entries", call, source, version, int(whole), *flat)
        if isinstance(answer, int):
            return bool(answer)
        place, other = answer
        raise EntryTaken(entries[place].name, other.decode())

    def remove_entry(self, name: str, *, call: Call | None = None) -> bool:
        """See `winch.stores.contract.Control.remove_entry`."""
        return bool(self._change_table("remove_entry", call, name))

    def pause_entry(self, name: str, paused: bool, *, call: Call | None = None) -> bool:
        """See `winch.stores.contract.Control.pause_entry`."""
        return bool(self._change_table("pause_entry", call, name, int(paused)))

    def cron_table(self) -> CronTable:
        """See `winch.stores.contract.Control.cron_table`."""
        now, version, rows = self._calls.read("cron_table")
        return CronTable(now, version, tuple(sorted(map(_record, rows))))

    def fire_entry(self, name: str, revision: int, slot: int, job: NewJob, *, call: Call | None = None) -> Fired:
        """See `winch.stores.contract.Control.fire_entry`."""
        answer = self._change_table("fire_entry", call, name, revision, slot, pack_id(job.id), pack_job(job))
        now, kind, last = answer
        return Fired(now, _KINDS[kind], last)

    def _change_table(self, script: str, call: Call | None, *arguments: Argument) -> Any:
        try:
            return self._calls.change(script, call, *arguments)
        except Refusal as refusal:
            raise translated(refusal) from None


def _record(row: Sequence[bytes]) -> EntryRecord:
    name, source, version, schedule, template, revision, paused, created, since, slot, job = row
    return EntryRecord(
        name=name.decode(),
        source=source.decode(),
        version=int(version),
        schedule=schedule,
        template=template,
        revision=int(revision),
        paused=paused == b"1",
        created_at=int(created),
        since=int(since),
        last_slot=int(slot),
        last_job=unpack_id(job) if job else "",
    )
