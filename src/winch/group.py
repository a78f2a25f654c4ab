"""Group: jobs that belong together, counted as they end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from winch.callables import path_of, refuse_during_import
from winch.codec import dumps_call
from winch.errors import InvalidJobOperation, InvalidOption, NoSuchGroup, NoSuchJob, ResultInsideJob, ResultTimeout
from winch.ids import new_id
from winch.job import Connection, Job, current, get_store
from winch.options import Callback, Duration, HasId, RunOptions, check_id, check_queue
from winch.options.durations import patience, retention
from winch.stores.contract import ENQUEUE_CHUNK, GroupRecord, NewGroup, Store

__all__ = ["Group", "GroupCounts"]

PAGE = 1_000
ROUND = 30.0
"""Seconds that one question whether a group is completed may take."""


class GroupCounts(NamedTuple):
    """How many jobs of a group are where. `total` is the sum of the others.

    Attributes:
        total: Jobs that ever joined the group.
        pending: Those that have not ended.
        finished, failed, canceled, stopped: How the others ended.
        deleted: Those deleted before their end.
    """

    total: int
    pending: int
    finished: int
    failed: int
    canceled: int
    stopped: int
    deleted: int


class _Putting(Protocol):
    def enqueue_many(self, calls: Iterable[Any], /) -> list[Job[Any]]: ...


class _Queue(Protocol):
    """A `Queue`, or a queue with options set."""

    def using(self, *, group: str) -> _Putting: ...


class Group:
    """Jobs that belong together, of any queues of a store. Its numbers are asked of the store each time.

    A group is *completed* when all of its jobs have ended and nobody is filling it: then its `on_complete` runs, once, and
    who waits goes on. It goes on if a job joins it or is requeued, and is completed again. A day later (`ttl`) it is
    removed; its jobs are jobs like any others and stay for as long as they are kept.

    `with group:` holds it open while jobs are put into it by several calls. If the block raises, the group stays open: fill
    it again, or `release()` it.

    Made by `Group.create` and `Group.fetch`.

    Args:
        connection: See `Queue`.
        name: Its id.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self.name = check_id(name, "group")

    @classmethod
    def create(
        cls,
        connection: Connection = None,
        name: str | None = None,
        *,
        on_complete: Callback | Callable[..., Any] | str | None = None,
        queue: HasName | str = "default",
        ttl: Duration = 86_400,
    ) -> Group:
        """Create a group.

        Args:
            connection: See `Queue`.
            name: Letters, digits, `_`, `.`, `-`, at most 128. Default: a new UUIDv7.
            on_complete: Called with (group, connection) by a small job of its own each time that the group is completed: a
                function, its path, or a `Callback`.
            queue: Where that job goes: a queue or its name.
            ttl: Seconds that the group is kept while nothing of it is pending; -1 is without end.

        Raises:
            DuplicateGroup: A group of that name exists and is not completed.
            InvalidOption: A value is out of range.
            UnimportableFunction: A worker could not find `on_complete` by name.
        """
        refuse_during_import()
        group = cls(connection, name or new_id())
        payload = b"" if on_complete is None else _payload(group.name, Callback.of(on_complete))
        to = check_queue(queue if isinstance(queue, str) else queue.name) if payload else ""
        group.connection.create_group(NewGroup(group.name, retention(ttl, "ttl"), to, payload))
        return group

    @classmethod
    def fetch(cls, name: str, connection: Connection = None) -> Group:
        """The group of a name.

        Raises:
            NoSuchGroup: Nobody knows it.
        """
        group = cls(connection, name)
        group._record()
        return group

    @classmethod
    def all(cls, connection: Connection = None) -> list[Group]:
        """All groups, by name."""
        store = get_store(connection)
        return [cls(store, name) for name in store.groups()]

    @property
    def id(self) -> str:
        """Its name."""
        return self.name

    @property
    def connection(self) -> Store:
        """The store that it lives in."""
        return get_store(self._connection)

    # ---- filling it ----

    def enqueue_many(self, queue: _Queue, calls: Iterable[Any]) -> list[Job[Any]]:
        """Put many jobs into a queue and into this group, which stays open until all are there.

        Args:
            queue: A `Queue`, or a queue with options set.
            calls: As `Queue.enqueue_many`. If that raises, the group stays open, as in `with group:`.

        Returns:
            The jobs, in the order of the calls.

        Raises:
            NoSuchGroup: The group is gone.
            EnqueueError: As `Queue.enqueue_many`.
        """
        remaining = iter(calls)
        first = list(islice(remaining, ENQUEUE_CHUNK + 1))
        putting = queue.using(group=self.name)
        if 0 < len(first) <= ENQUEUE_CHUNK:  # they come in one step
            return putting.enqueue_many(first)
        with self:
            return putting.enqueue_many(chain(first, remaining))

    def hold(self) -> None:
        """Keep it open, until `release()`. `with group:` does both.

        Raises:
            NoSuchGroup: It is gone.
        """
        self.connection.hold_group(self.name)

    def release(self) -> None:
        """Take a `hold()` back; if it was the last and all jobs have ended, this completes the group.

        Raises:
            NoSuchGroup: It is gone.
        """
        self.connection.release_group(self.name)

    def __enter__(self) -> Group:
        self.hold()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.release()

    # ---- looking ----

    def _record(self) -> GroupRecord:
        record = self.connection.get_groups([self.name])[0]
        if record is None:
            raise NoSuchGroup(f"{self.connection.place} knows no group {self.name!r}", self.name)
        return record

    @property
    def counts(self) -> GroupCounts:
        """How many jobs are where.

        Raises:
            NoSuchGroup: It is gone.
        """
        return _counts(self._record())

    @property
    def is_complete(self) -> bool:
        """Whether it is completed.

        Raises:
            NoSuchGroup: It is gone.
        """
        return self._record().completed_at > 0

    @property
    def created_at(self) -> datetime:
        """When it was created. Aware, UTC."""
        return datetime.fromtimestamp(self._record().created_at / 1000, UTC)

    @property
    def completed_at(self) -> datetime | None:
        """When it was completed, None if it is not. Aware, UTC."""
        completed_at = self._record().completed_at
        return datetime.fromtimestamp(completed_at / 1000, UTC) if completed_at else None

    @property
    def job_ids(self) -> list[str]:
        """Ids of its jobs, in the order in which they joined; without those that are not kept any more."""
        return [one for page in self._pages() for one in page]

    def get_jobs(self) -> list[Job[Any]]:
        """Its jobs, in the order in which they joined; without those that are not kept any more."""
        store = self.connection
        return [job for page in self._pages() for job in Job.fetch_many(page, store) if job is not None]

    def _pages(self) -> Iterator[list[str]]:
        offset = 0
        while page := self.connection.members(self.name, offset=offset, limit=PAGE):
            yield page
            offset += len(page)

    # ---- waiting ----

    def wait(self, timeout: Duration | None = None, *, inside_job: bool = False) -> GroupCounts:
        """Wait until it is completed.

        Args:
            timeout: How long to wait at most, in seconds; None is without end.
            inside_job: Wait also inside a job, where the jobs waited for may never get a worker.

        Raises:
            NoSuchGroup: It is gone.
            ResultTimeout: It is not completed in time; the text says what is missing.
            ResultInsideJob: It is not completed, and this is a job itself.
            InvalidOption: `timeout` is negative or no duration.
        """
        refuse_during_import()
        longest = patience(timeout, "wait")
        self._check_inside(inside_job)
        left = longest
        while True:
            span = ROUND if left is None else min(left, ROUND)
            record = self.connection.await_group(self.name, span)
            left = None if left is None else left - span
            if record is None or record.completed_at or (left is not None and left <= 0):
                return self._completed(record, longest)

    async def until_complete(self, timeout: Duration | None = None, *, inside_job: bool = False) -> GroupCounts:  # noqa: ASYNC109 - the twin of `wait`
        """`wait` for coroutines: the event loop goes on meanwhile.

        Args:
            timeout: As `wait`.
            inside_job: As `wait`.

        Raises:
            NoSuchGroup: As `wait`.
            ResultError: As `wait`.
            InvalidOption: As `wait`.
        """
        import asyncio

        refuse_during_import()
        longest = patience(timeout, "wait")
        await asyncio.to_thread(self._check_inside, inside_job)
        wake, bell = os.pipe()
        span = ROUND if longest is None else min(longest, ROUND)
        try:
            async with asyncio.timeout(longest):
                while True:
                    asking = asyncio.to_thread(self.connection.await_group, self.name, span, wake)
                    record = await _shielded(asking, bell)
                    if record is None or record.completed_at or longest == 0:
                        return self._completed(record, longest)
        except TimeoutError:
            record = (await asyncio.to_thread(self.connection.get_groups, [self.name]))[0]
            return self._completed(record, longest)
        finally:
            os.close(wake)
            os.close(bell)

    def _check_inside(self, inside_job: bool) -> None:
        running = current.get()
        if running is not None and not inside_job and not self.is_complete:
            raise ResultInsideJob(
                f"job {running.claim.id} waits for group {self.name}, which is not completed: it holds a place in its worker "
                "that the group's jobs may need. Use on_complete, or wait(inside_job=True) if another worker runs them"
            )

    def _completed(self, record: GroupRecord | None, longest: float | None) -> GroupCounts:
        if record is None:
            raise NoSuchGroup(f"{self.connection.place} knows no group {self.name!r} any more", self.name)
        if not record.completed_at:
            held = f", and {record.holds} caller(s) still fill it" if record.holds else ""
            raise ResultTimeout(
                f"group {self.name} is not completed within {longest or 0:g} s: "
                f"{record.pending} of its {record.total} jobs have not ended{held}"
            )
        return _counts(record)

    # ---- what can be done with it ----

    def cancel(self, stop: bool = False) -> int:
        """Cancel every job of it that has not started. Returns how many.

        Args:
            stop: Those that run, too: they are stopped.
        """
        canceled = 0
        for page in list(self._pages()):
            canceled += sum(self._cancel(one, stop) for one in page)
        return canceled

    def _cancel(self, job_id: str, stop: bool) -> bool:
        try:
            self.connection.cancel(job_id, stop=stop)
        except (NoSuchJob, InvalidJobOperation):
            return False  # it has ended, or it runs
        return True

    def delete_job(self, job: HasId | str) -> None:
        """Delete a job of it, whatever its state. Nothing happens if it is not one, or not any more."""
        job_id = job if isinstance(job, str) else job.id
        record = self.connection.get([job_id])[0]
        if record is not None and record.group == self.name:
            self.connection.delete([job_id])

    def delete(self, delete_jobs: bool = False) -> None:
        """Remove it. Nothing happens if it is gone.

        Args:
            delete_jobs: Its jobs too, in every state; those that run are stopped. Otherwise they go on without a group.
        """
        pages = list(self._pages()) if delete_jobs else []
        self.connection.delete_group(self.name)
        for page in pages:
            self.connection.delete(page)

    def cleanup(self) -> None:
        """RQ's way to take out jobs that are gone. Here they go by themselves: nothing to do."""

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, Group) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"Group({self.name!r})"


class HasName(Protocol):
    """Anything with a name: a `Queue`."""

    name: str


def _payload(group: str, callback: Callback) -> bytes:
    """Of the job that a completion creates."""
    if callback.each_attempt:
        raise InvalidOption("on_complete: each_attempt=True is for on_failure of a job")
    run = RunOptions(timeout=callback.seconds, retry=callback.policy, kind="callback", event="complete")
    return dumps_call(path_of(callback.func), (group,), {}, run)


def _counts(record: GroupRecord) -> GroupCounts:
    return GroupCounts(*(getattr(record, name) for name in GroupCounts._fields))


async def _shielded(asking: Any, bell: int) -> Any:
    """The answer of a thread. If nobody waits for it any more, the thread is woken, and waited for."""
    import asyncio

    task = asyncio.ensure_future(asking)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        os.write(bell, b"!")
        await asyncio.wait([task])
        raise
