"""Inspector: jobs across queues, found by what is known of them, and changed many at a time.

It has no rule of its own: it reads pages, and calls the verbs that `Job` calls. A bulk change takes the jobs that match when it
starts; what changes its state meanwhile is passed over.
"""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from winch import codec
from winch.errors import DecodeError, InvalidJobOperation, InvalidOption, NoSuchJob
from winch.job import Connection, Job, get_store
from winch.options import check_queue
from winch.states import ENDED, REASONS, STATES, WAITING, JobStatus
from winch.stores.contract import JobRecord, Store

__all__ = ["Bulk", "Inspector", "JobFilter"]

PAGE = 500


@dataclass(frozen=True, slots=True)
class JobFilter:
    """What jobs are meant. What is not given does not matter.

    Attributes:
        queues: Names; none is all.
        states: None is all.
        function: A pattern of import paths, as `shop.mail.*`.
        reason: Why they ended, one of `winch.states.REASONS`.
        older: Only those whose last step is at least that many seconds ago: the end of an ended job, else its creation.
        newer: The same, at most.
        ids: Only these; none is all.

    Raises:
        InvalidOption: A name, a state, a reason or a time that cannot be.
    """

    queues: tuple[str, ...] = ()
    states: tuple[JobStatus, ...] = ()
    function: str = ""
    reason: str = ""
    older: float | None = None
    newer: float | None = None
    ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what can match nothing, and what matches more than is meant: -1 is no time without end here."""
        for name in self.queues:
            check_queue(name)
        if self.reason not in REASONS:
            raise InvalidOption(f"reason={self.reason!r}: it is one of {', '.join(filter(None, REASONS))}")
        for name, value in (("older", self.older), ("newer", self.newer)):
            if value is not None and value < 0:
                raise InvalidOption(f"{name}={value:g}: give 0 seconds or more")

    def matches(self, record: JobRecord) -> bool:
        """Whether a job is meant."""
        if (self.queues and record.queue not in self.queues) or (self.states and record.state not in self.states):
            return False
        if self.reason and record.reason != self.reason:
            return False
        age = (record.now - (record.ended_at or record.created_at)) / 1000
        if (self.older is not None and age < self.older) or (self.newer is not None and age > self.newer):
            return False
        return not self.function or fnmatch.fnmatchcase(function_of(record), self.function)


def function_of(record: JobRecord) -> str:
    """The import path of a job's function, `?` if the payload cannot be read."""
    try:
        return codec.head(record.payload).function
    except DecodeError:
        return "?"


class Bulk(NamedTuple):
    """What a bulk change did.

    Attributes:
        done: Ids of the jobs that were changed.
        skipped: Of each job that was not: its id and why.
    """

    done: list[str]
    skipped: list[tuple[str, str]]


class Inspector:
    """Jobs across the queues of a store.

    Args:
        connection: See `Queue`.
    """

    def __init__(self, connection: Connection = None) -> None:
        self._connection = connection

    @property
    def connection(self) -> Store:
        """The store."""
        return get_store(self._connection)

    # ---- finding ----

    def find(self, wanted: JobFilter | None = None, *, newest: bool = False) -> Iterator[Job[Any]]:
        """The jobs that match, queue by queue and state by state, each in the order of `Control.list`.

        Args:
            wanted: None is all.
            newest: Each the other way round.
        """
        wanted = wanted or JobFilter()
        store = self.connection
        for record in _by_ids(store, wanted.ids) if wanted.ids else _by_index(store, wanted, newest):
            if wanted.matches(record):
                yield Job.from_record(store, record)

    def count(self, wanted: JobFilter | None = None) -> int:
        """How many jobs match. Without a condition beyond queue and state no job is read."""
        wanted = wanted or JobFilter()
        if wanted == JobFilter(wanted.queues, wanted.states):  # nothing else was given
            counts = self.connection.counts(wanted.queues or None)
            return sum(found[state] for found in counts.values() for state in wanted.states or STATES)
        return sum(1 for _ in self.find(wanted))

    # ---- changing many ----

    def requeue(self, wanted: JobFilter, *, at_front: bool = False, pace: float | None = None) -> Bulk:
        """Run jobs that have ended again, each with all its retries.

        Args:
            wanted: Of the ended jobs; without ids and states those that failed.
            at_front: They join the front.
            pace: At most that many per second.
        """
        store = self.connection
        chosen = wanted if wanted.states or wanted.ids else replace(wanted, states=(JobStatus.FAILED,))
        return self._each(_within(chosen, ENDED), lambda job: store.requeue(job, at_front=at_front), pace)

    def cancel(self, wanted: JobFilter, *, stop: bool = False, pace: float | None = None) -> Bulk:
        """Cancel jobs that have still to run.

        Args:
            wanted: Of the waiting jobs.
            stop: Stop those that run, too.
            pace: At most that many per second.
        """
        store = self.connection
        chosen = _within(wanted, WAITING | {JobStatus.STARTED} if stop else WAITING)
        return self._each(chosen, lambda job: store.cancel(job, stop=stop), pace)

    def delete(self, wanted: JobFilter, *, pace: float | None = None) -> Bulk:
        """Delete jobs and all they have, whatever their state; those that run are stopped.

        Args:
            wanted: Which.
            pace: At most that many per second.
        """
        store = self.connection
        if pace:
            return self._each(wanted, lambda job: store.delete([job]), pace)
        result = self._chosen(wanted)
        for at in range(0, len(result.done), PAGE):
            store.delete(result.done[at : at + PAGE])
        return result

    def prune(self, older: float, *, queues: Sequence[str] = (), pace: float | None = None) -> Bulk:
        """Delete jobs that ended at least that many seconds ago.

        Args:
            older: Seconds.
            queues: Names; none is all.
            pace: At most that many per second.
        """
        return self.delete(JobFilter(tuple(queues), tuple(ENDED), older=older), pace=pace)

    def _chosen(self, wanted: JobFilter) -> Bulk:
        """What is there now, so that a job that comes back meanwhile does not count twice; and the ids that nobody knows."""
        found = [job.id for job in self.find(wanted)]
        absent = set(wanted.ids) - set(found)
        return Bulk(
            found, [(job, "there is no such job, or it is another kind than was asked for") for job in sorted(absent)]
        )

    def _each(self, wanted: JobFilter, change: Callable[[str], object], pace: float | None) -> Bulk:
        chosen = self._chosen(wanted)
        result = Bulk([], chosen.skipped)
        for number, job in enumerate(chosen.done):
            if pace and number:
                time.sleep(1 / pace)
            try:
                change(job)
                result.done.append(job)
            except (InvalidJobOperation, NoSuchJob) as error:
                result.skipped.append((job, str(error)))
        return result


def _within(wanted: JobFilter, possible: frozenset[JobStatus]) -> JobFilter:
    """The filter, cut to the states in which something can be done. What was named by its id is tried all the same.

    Raises:
        InvalidOption: Nothing can be done in a state that it names.
    """
    if beyond := set(wanted.states) - possible:
        states = ", ".join(sorted(possible))
        raise InvalidOption(f"not possible for jobs that are {', '.join(sorted(beyond))}: only for {states}")
    if wanted.states or wanted.ids:
        return wanted
    return replace(wanted, states=tuple(state for state in JobStatus if state in possible))


def _by_index(store: Store, wanted: JobFilter, newest: bool) -> Iterator[JobRecord]:
    for queue in wanted.queues or store.queues():
        for state in wanted.states or STATES:
            offset = 0
            while ids := store.list(queue, state, offset=offset, limit=PAGE, newest=newest):
                offset += len(ids)
                yield from (record for record in store.get(ids) if record is not None and record.state is state)


def _by_ids(store: Store, ids: Sequence[str]) -> Iterator[JobRecord]:
    for at in range(0, len(ids), PAGE):
        yield from (record for record in store.get(ids[at : at + PAGE]) if record is not None)
