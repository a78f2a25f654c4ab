"""What there is to fire of the cron table, and when to look again: decisions, without the store. The clerk does the rest.

Every supervisor knows the whole table and fires what is due. The store lets each slot fire once, and its answers tell the
others how far an entry has come.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NamedTuple

from winch.cron.schedule import Misfire, Schedule, find_zone
from winch.cron.slots import to_datetime
from winch.cron.template import job_of, unpack_template
from winch.errors import WinchError
from winch.stores.contract import CronTable, EntryRecord, Fired, NewJob

__all__ = ["CronTab", "Firing"]

logger = logging.getLogger("winch.worker")


class Firing(NamedTuple):
    """A slot to fire: the arguments of the store's `fire_entry`."""

    name: str
    revision: int
    slot: int
    job: NewJob


class _Watched:
    """An entry that fires, and how far it has come.

    Attributes:
        done: Slots up to this time are done with.
        next: The next slot, None if there is none.
    """

    def __init__(self, record: EntryRecord) -> None:
        self.record = record
        self.schedule = Schedule.unpack(record.schedule)
        self.template = unpack_template(record.template)
        job_of(self.template, record.name, None)  # what would not work when the time has come does not work now
        self.done = 0
        self.next: int | None = None
        self.reach(max(record.since, record.last_slot))

    def reach(self, slot: int) -> None:
        """Slots up to this one are done with."""
        if slot > self.done:
            self.done = slot
            self.next = self.schedule.next_slot(self.record.created_at, slot)

    @property
    def label(self) -> tuple[str, Misfire | int]:
        """For the log."""
        return self.record.name, self.schedule.misfire

    def firing(self, slot: int) -> Firing:
        """How to fire a slot."""
        record, zone = self.record, find_zone(self.schedule.zone)
        return Firing(record.name, record.revision, slot, job_of(self.template, record.name, to_datetime(slot, zone)))


class CronTab:
    """The cron table as a supervisor knows it.

    Attributes:
        version: Of the table that was read last; -1: it has to be read.
    """

    def __init__(self) -> None:
        self.version = 0
        self._watched: dict[str, _Watched] = {}
        self._told: set[tuple[str, int]] = set()
        self._refused: set[str] = set()

    def read(self, table: CronTable) -> None:
        """Take over a table."""
        self.version = table.version
        self._watched = {
            record.name: watched
            for record in table.entries
            if not record.paused and (watched := self._watch(record)) is not None
        }

    def next_at(self) -> int | None:
        """When the next slot comes, in milliseconds since the epoch; None if none does."""
        return min((entry.next for entry in self._watched.values() if entry.next is not None), default=None)

    def due(self, now: int) -> Iterator[Firing]:
        """What to fire now. Each is to be followed by `fired`, which may make others needless, or by `refused`.

        Args:
            now: The store's time.
        """
        self._refused.clear()
        for entry in list(self._watched.values()):
            if entry.next is None or entry.next > now:
                continue
            slots, upto = entry.schedule.due(entry.record.created_at, entry.done, now)
            if not slots or slots[0] > entry.next:
                logger.warning("cron entry %s: missed slots are left out (misfire=%r)", *entry.label)
            for slot in slots:
                if slot > entry.done and self._fires(entry):
                    yield entry.firing(slot)
            if not slots:
                entry.reach(upto)

    def fired(self, firing: Firing, answer: Fired) -> None:
        """Take in what the store has said to a firing."""
        entry = self._watched[firing.name]
        if answer.kind == "changed":
            self.version = -1
            del self._watched[firing.name]
        elif answer.kind != "early":
            entry.reach(max(firing.slot, answer.last_slot))
        if answer.kind in ("fired", "duplicate"):
            kept = "" if answer.kind == "fired" else " is still there, no other is enqueued"
            logger.debug("cron entry %s, slot %s: job %s%s", firing.name, to_datetime(firing.slot), firing.job.id, kept)

    def refused(self, firing: Firing) -> None:
        """The store has refused a firing: the entry waits until the next look, others do not."""
        self._refused.add(firing.name)

    def _fires(self, entry: _Watched) -> bool:
        name = entry.record.name
        return self._watched.get(name) is entry and name not in self._refused

    def _watch(self, record: EntryRecord) -> _Watched | None:
        """Watch an entry. One that this worker cannot read is left to others, and told of once."""
        try:
            return _Watched(record)
        except WinchError as error:
            known = (record.name, record.revision)
            if known not in self._told:
                self._told.add(known)
                logger.error("this worker does not fire the cron entry %s: %s", record.name, error)  # noqa: TRY400
            return None
