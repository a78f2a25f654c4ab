"""The cron table of a store, at run time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack
from zoneinfo import ZoneInfo

from winch.cron.entries import Entry, EntrySpec
from winch.cron.registering import registered
from winch.cron.schedule import Misfire, Schedule
from winch.cron.template import job_of, unpack_template
from winch.errors import InvalidOption, NoSuchEntry
from winch.job import Connection, Job, get_store
from winch.options import Duration, JobKeywords
from winch.stores.contract import EntryRecord, Store

__all__ = ["Cron"]

_VERSIONS = 2**53
"""What every store can compare: in Redis a script's numbers are doubles."""


class Cron:
    """The cron table of a store: what its workers enqueue again and again. A change takes effect at once.

    Args:
        connection: As for `Queue`.
    """

    def __init__(self, connection: Connection = None) -> None:
        self._connection = connection

    @property
    def connection(self) -> Store:
        """The store."""
        return get_store(self._connection)

    def entries(self) -> list[Entry]:
        """All entries, by name, with their last and next runs.

        Raises:
            DecodeError: A newer winch has written one.
        """
        table = self.connection.cron_table()
        return [Entry(record, table.now) for record in table.entries]

    def get(self, name: str) -> Entry | None:
        """An entry, None if there is none of that name."""
        return next((entry for entry in self.entries() if entry.name == name), None)

    def add(
        self,
        func: Callable[..., Any] | str,
        queue: str | None = None,
        *,
        cron: str | None = None,
        every: Duration | None = None,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        zone: str | ZoneInfo = "UTC",
        misfire: Misfire | int = "once",
        name: str | None = None,
        **options: Unpack[JobKeywords],
    ) -> str:
        """Add an entry, or put it in the place of the one that was added under its name. Returns the name.

        The arguments are those of `register`. An entry with another schedule starts anew; with the same one it goes on.

        Raises:
            InvalidOption: A value cannot be used.
            EnqueueError: The call cannot be a job.
            EntryTaken: The name belongs to the set of a module.
        """
        spec = EntrySpec.of(Schedule.of(cron, every, zone, misfire), func, queue, args, kwargs, name, options)
        self.connection.put_entries("", [spec.packed()])
        return spec.name

    def sync(self, module: str, *, version: int = 0) -> bool:
        """Write what a module and those below it register, in the place of what it wrote before.

        Entries that are as before go on as before, so that every deploy can do this; those that it registers no more are
        removed.

        Args:
            module: Its name; it is imported.
            version: Of the set, below 2**53. One lower than that in the store is not written: old code that is still there
                cannot bring old entries back.

        Returns:
            False: the store has a higher version, and nothing was written.

        Raises:
            InvalidOption: There is no such module, or the version is out of range.
            EntryTaken: A name belongs to another source.
        """
        if not 0 <= version < _VERSIONS:
            raise InvalidOption(f"version={version}: give a number from 0 to {_VERSIONS - 1}")
        entries = [spec.packed() for spec in registered(module)]
        return self.connection.put_entries(module, entries, version=version, whole=True)

    def remove(self, name: str) -> None:
        """Remove an entry. The jobs that it has enqueued stay.

        Raises:
            NoSuchEntry: There is none of that name.
        """
        if not self.connection.remove_entry(name):
            raise _unknown(name)

    def pause(self, name: str) -> None:
        """Let an entry fire no more until it is resumed.

        Raises:
            NoSuchEntry: There is none of that name.
        """
        if not self.connection.pause_entry(name, True):
            raise _unknown(name)

    def resume(self, name: str) -> None:
        """Let an entry fire again. What it missed meanwhile it does not make up for.

        Raises:
            NoSuchEntry: There is none of that name.
        """
        if not self.connection.pause_entry(name, False):
            raise _unknown(name)

    def run_now(self, name: str) -> Job[Any]:
        """Enqueue an entry's job now, paused or not. Its slots stay as they are.

        Raises:
            NoSuchEntry: There is none of that name.
            DuplicateJob: It is `unique`, and its last job has not ended.
        """
        store = self.connection
        job = job_of(unpack_template(self._record(name).template), name, None)
        enqueued = store.enqueue((job,))
        return Job.from_enqueued(store, job, enqueued.states[0], enqueued.now)

    def _record(self, name: str) -> EntryRecord:
        for record in self.connection.cron_table().entries:
            if record.name == name:
                return record
        raise _unknown(name)


def _unknown(name: str) -> NoSuchEntry:
    return NoSuchEntry(f"there is no cron entry {name!r}: `winch cron list` shows them")
