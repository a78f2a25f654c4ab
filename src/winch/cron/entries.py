"""Entries of the cron table: as they are asked for, and as they are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from winch import codec
from winch.callables import path_of
from winch.cron.schedule import Schedule, find_zone
from winch.cron.slots import to_datetime
from winch.cron.template import META_KEY, pack_template, unpack_template
from winch.decorators import Task
from winch.errors import InvalidOption
from winch.job.making import new_job
from winch.options import DEFAULT_JOB, JobKeywords, JobOptions, check_args, check_queue
from winch.stores.contract import EntryRecord, NewEntry, NewJob

__all__ = ["Entry", "EntrySpec", "next_slot_of"]

_LONGEST_NAME = 200
"""Characters."""


@dataclass(frozen=True, slots=True)
class EntrySpec:
    """What was asked for.

    Attributes:
        name: Unique in the store.
        schedule: When.
        queue: The name of the queue.
        function: A function, or its path.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        options: Of its jobs.
    """

    name: str
    schedule: Schedule
    queue: str
    function: Callable[..., Any] | str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    options: JobOptions

    @classmethod
    def of(
        cls,
        schedule: Schedule,
        func: Callable[..., Any] | str,
        queue: str | None,
        args: Sequence[Any],
        kwargs: Mapping[str, Any] | None,
        name: str | None,
        options: JobKeywords,
    ) -> EntrySpec:
        """Check it. A function that was made by `@task` brings its queue and its options.

        Raises:
            InvalidOption: A value cannot be used.
            UnimportableFunction: No worker could find the function.
        """
        if refused := sorted({"job_id", "depends_on", "group"} & {key for key, value in options.items() if value}):
            raise InvalidOption(f"{refused[0]} is about one job, and a cron entry makes many: leave it out")
        task = _task_of(func)
        chosen = (task.options if task else DEFAULT_JOB).override(options)
        if META_KEY in (chosen.meta or {}) or not _has_text_keys(chosen.meta):
            raise InvalidOption(f"meta={chosen.meta!r:.100}: the keys are texts, and {META_KEY!r} is winch's own")
        check_args(args)
        queue = queue or (task.queue.name if task else "default")
        check_queue(queue)
        spec = cls(_check_name(name or path_of(func)), schedule, queue, func, tuple(args), kwargs or {}, chosen)
        spec.job()  # what cannot be encoded is refused here
        return spec

    def job(self) -> NewJob:
        """The job that each slot enqueues; without an id, unless only one such job may be there at a time."""
        made = new_job(self.queue, self.function, self.args, self.kwargs, self.options)
        return made if self.options.unique else made._replace(id="")

    def packed(self) -> NewEntry:
        """The entry as the store takes it."""
        return NewEntry(self.name, self.schedule.pack(), pack_template(self.job()))


class Entry:
    """An entry of the cron table at the moment of reading.

    Attributes:
        name: Unique in the store.
        source: The module whose set it belongs to, `""` if it was added by itself.
        schedule: When it fires.
        queue: Where its jobs go.
        func_name: The path of the function that they call.
        args: Their positional arguments, as data.
        kwargs: Their keyword arguments, as data.
        paused: It does not fire.
        last_run: The slot that fired last, in the entry's zone; None for none.
        last_job_id: The id of its job, None for none.
        next_run: The next slot, in the entry's zone; None if it is paused, or never comes.

    Args:
        record: As the store has it.
        now: The store's time, milliseconds since the epoch.
    """

    def __init__(self, record: EntryRecord, now: int) -> None:
        template = unpack_template(record.template)
        call = codec.head(template.payload)
        self.name, self.source, self.paused = record.name, record.source, record.paused
        self.schedule = Schedule.unpack(record.schedule)
        self.queue = template.queue
        self.func_name, self.args, self.kwargs = call.function, call.args, call.kwargs
        self.last_job_id = record.last_job or None
        self.last_run = self._time(record.last_slot or None)
        self.next_run = None if record.paused else self._time(next_slot_of(self.schedule, record, now))

    def _time(self, slot: int | None) -> datetime | None:
        return None if slot is None else to_datetime(slot, find_zone(self.schedule.zone))

    def __repr__(self) -> str:
        return f"<cron entry {self.name!r} {self.schedule.text}>"


def next_slot_of(schedule: Schedule, record: EntryRecord, now: int) -> int | None:
    """The next slot of an entry that is later than now, None if there is none."""
    return schedule.next_slot(record.created_at, max(now, record.since, record.last_slot))


def _has_text_keys(meta: Mapping[Any, Any] | None) -> bool:
    return all(isinstance(key, str) for key in meta or ())


def _task_of(function: Any) -> Task[..., Any] | None:
    return cast("Task[..., Any]", function) if isinstance(function, Task) else None


def _check_name(name: str) -> str:
    if not (isinstance(name, str) and name.isprintable() and 1 <= len(name) <= _LONGEST_NAME and " " not in name):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"name={name!r:.100}: a text of 1 to {_LONGEST_NAME} characters, without spaces")
    return name
