"""Moves the jobs of an RQ database into winch: each once, also if it is interrupted and run again.

A job leaves RQ's index and enters a set of those under way in one step, is enqueued in winch under its own id, and is then
removed from RQ. What an interrupted move left under way is looked at first: a job that winch knows has arrived.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from winch.codec import dumps_error
from winch.compat.rqdb import Kind, RQDatabase, RQJob, Unreadable
from winch.errors import EncodeError, EnqueueError, InvalidOption
from winch.job import Connection, Job, get_store
from winch.job.making import new_job
from winch.options import Callback, Dependency, JobKeywords, JobOptions, Repeat, Retry
from winch.stores.contract import NewJob, Store

__all__ = ["Move", "Moved"]

KEPT = 86_400
"""Seconds that a moved job is kept at least once it has finished, so that a move which is run again knows it."""


@dataclass
class Moved:
    """What a move did.

    Attributes:
        moved: How many jobs have arrived, per queue and kind.
        left: Of each job that stays in RQ: its id and why.
    """

    moved: dict[tuple[str, Kind], int] = field(default_factory=dict[tuple[str, Kind], int])
    left: dict[str, str] = field(default_factory=dict[str, str])


class Move:
    """A move from RQ to winch.

    Args:
        source: RQ's database.
        connection: Where to, see `Queue`.
        pickle: Whether arguments that MessagePack cannot hold travel as pickles.
    """

    def __init__(self, source: RQDatabase, connection: Connection = None, *, pickle: bool = False) -> None:
        self._source = source
        self._store: Store = get_store(connection)
        self._pickle = pickle
        self.result = Moved()

    def run(self, queues: Iterable[str]) -> Moved:
        """Move the jobs of these queues. What cannot be moved stays, and the reason is told.

        Raises:
            StoreUnavailable: winch's store does not answer; run it again later.
        """
        names = list(queues)
        self._move(self._source.stranded(), is_taken=True)
        for kind in ("queued", "scheduled", "failed"):
            for name in names:
                self._move(self._source.jobs(name, kind))
        while self._move(job for name in names for job in self._source.jobs(name, "deferred")):
            continue  # those whose parents have arrived now
        return self.result

    def _move(self, jobs: Iterable[RQJob], *, is_taken: bool = False) -> int:
        """Move those that can be moved. Returns how many."""
        count = 0
        for job in jobs:
            try:
                has_moved = self._move_one(job, is_taken)
            except (Unreadable, EnqueueError, InvalidOption) as error:
                self.result.left[job.id] = str(error)
                continue
            if has_moved:
                count += 1
                place = (job.queue, job.kind)
                self.result.left.pop(job.id, None)
                self.result.moved[place] = self.result.moved.get(place, 0) + 1
        return count

    def _move_one(self, job: RQJob, is_taken: bool) -> bool:
        """Move a job. False: a worker of RQ was quicker."""
        if not (is_taken and Job[Any].exists(job.id, self._store)):
            new = self._converted(job)
            if not is_taken and not self._source.take(job):
                return False
            try:
                self._store.enqueue([new])
            except EnqueueError:
                self._source.put_back(job)
                raise
        self._source.forget([job])
        return True

    def _converted(self, job: RQJob) -> NewJob:
        """The job as winch's store takes it.

        Raises:
            Unreadable: It cannot be read, or calls a method of an object.
            EncodeError: An argument cannot travel.
        """
        call = job.call()
        if call.instance is not None:
            raise Unreadable(f"it calls the method {call.function} of an object, which would have to travel with it")
        delay = max(job.due - time.time(), 0) if job.kind == "scheduled" else 0
        options = _options(job)
        try:
            new = new_job(job.queue, call.function, call.args, call.kwargs, JobOptions.of(options), ceil(delay * 1000))
        except EncodeError as error:
            if not self._pickle:
                raise EncodeError(f"{error}; or --pickle, if the workers allow it") from error
            options["codec"] = "pickle"
            new = new_job(job.queue, call.function, call.args, call.kwargs, JobOptions.of(options), ceil(delay * 1000))
        return new if job.kind != "failed" else _failed(new, _error(job))


def _failed(new: NewJob, error: bytes) -> NewJob:
    """The job as one that has failed. RQ has called its `on_failure`; the other callbacks wait for a requeue."""
    callbacks = tuple(one for one in new.callbacks if one.event != "failure")
    return new._replace(error=error, parents=(), callbacks=callbacks)


def _error(job: RQJob) -> bytes:
    """A failed job's error, made of its traceback, whose last line names the class."""
    last = job.error.rstrip().rpartition("\n")[2]
    name, _, message = last.partition(": ")
    return dumps_error(name or "unknown", (name,), message, job.error)


def _options(job: RQJob) -> JobKeywords:
    """What RQ was asked for, in winch's words."""
    options = JobKeywords(
        job_id=job.id,
        description=job.text("description") or None,
        timeout=job.number("timeout"),
        result_ttl=_kept(job.number("result_ttl")),
        failure_ttl=job.number("failure_ttl"),
        ttl=job.number("ttl"),
        meta=job.meta() or None,
        group=None,
    )
    if job.parents:
        policy = "run" if job.text("allow_dependency_failures") == "1" else "wait"
        options["depends_on"] = Dependency(job.parents, policy)
    if retries := job.number("retries_left"):
        options["retry"] = Retry(retries, _remaining(job.numbers("retry_intervals"), retries))
    if repeats := job.number("repeats_left"):
        options["repeat"] = Repeat(repeats, _remaining(job.numbers("repeat_intervals"), repeats))
    if name := job.text("success_callback_name"):
        options["on_success"] = Callback(name, job.number("success_callback_timeout") or 60)
    if name := job.text("failure_callback_name"):
        options["on_failure"] = Callback(name, job.number("failure_callback_timeout") or 60)
    if name := job.text("stopped_callback_name"):
        options["on_stopped"] = Callback(name, job.number("stopped_callback_timeout") or 60)
    return options


def _kept(seconds: int | None) -> int:
    return -1 if seconds == -1 else max(seconds or 0, KEPT)


def _remaining(intervals: list[float], left: int) -> list[float]:
    """The waits that are still to come: RQ counts its list from the end, and repeats the first where it is short."""
    return [intervals[max(len(intervals) - number, 0)] for number in range(left, 0, -1)] if intervals else [0]
