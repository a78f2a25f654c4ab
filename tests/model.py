"""The reference model: the contract of `winch.stores.contract` as the simplest possible program.

Dicts, lists and one clock; every index is a scan. What is held here is obviously right, and slow. `tests/contract` runs
the same tests over it and over the real stores, and `test_machine.py` drives both in lock-step.
"""
# ruff: noqa: A001 - the contract's word is `id`

from __future__ import annotations

import functools
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Concatenate, ParamSpec, TypeVar

from winch.errors import (
    DuplicateGroup,
    DuplicateJob,
    EntryTaken,
    InvalidJobOperation,
    NoSuchGroup,
    NoSuchJob,
    NotEnlisted,
    UnknownDependency,
    WorkerError,
)
from winch.ids import callback_id
from winch.states import ENDED, STATES, TRANSITIONS, JobStatus
from winch.stores.contract import (
    ALL_QUEUES,
    COMMANDS,
    ENQUEUE_BATCH,
    HISTORY,
    KEEP_FAILED,
    KEEP_FINISHED,
    TURN_BATCH,
    TURN_BYTES,
    AttemptRecord,
    Beat,
    Call,
    CallbackEvent,
    Claim,
    Command,
    CronTable,
    Enqueued,
    EntryRecord,
    Fired,
    GroupRecord,
    Held,
    JobRecord,
    LimitRecord,
    MetricRow,
    NewCallback,
    NewEntry,
    NewGroup,
    NewJob,
    NewLimit,
    Outcome,
    OutcomeKind,
    Retired,
    StaleCall,
    Tally,
    TallyKey,
    Turn,
    Waiter,
    WorkerInfo,
    WorkerRecord,
)
from winch.stores.sqlite.wake import sleep

__all__ = ["ModelStore"]

P = ParamSpec("P")
R = TypeVar("R")
S = JobStatus
STEPS = {(old, new) for old, new, _ in TRANSITIONS}
EVENTS: Mapping[JobStatus, CallbackEvent] = {S.FINISHED: "success", S.FAILED: "failure", S.STOPPED: "stopped"}
MINUTE, HOUR = 60_000, 3_600_000


def numbered(
    verb: Callable[Concatenate[ModelStore, P], R],
) -> Callable[Concatenate[ModelStore, P], R]:
    """The numbered call: the same number answers the same and does nothing, a lower one is refused."""

    @functools.wraps(verb)
    def guarded(self: ModelStore, *args: P.args, **kwargs: P.kwargs) -> R:
        call = kwargs.get("call")
        with self.lock, self.moment():
            if not isinstance(call, Call):
                answer = verb(self, *args, **kwargs)
                self.release_blocked()
                return answer
            number, kept = self.channels.get(call.channel, (-1, None))
            if call.number < number:
                raise StaleCall(f"{call} after number {number}")
            if call.number > number:
                kept = verb(self, *args, **kwargs)  # a refused call leaves its number unused
                self.release_blocked()
                self.channels[call.channel] = (call.number, kept)
            return kept

    return guarded


@dataclass
class Ended:
    """The end of a parent that its children have still to hear of."""

    parent: str
    met: bool
    gone: bool
    children: list[str]


@dataclass
class Group:
    """A group and its members, in the order in which they joined."""

    record: GroupRecord
    members: list[str] = field(default_factory=list[str])

    def change(self, **changes: Any) -> None:
        """Set fields."""
        self.record = replace(self.record, **changes)

    def count(self, what: str, more: int = 1) -> None:
        """Add to a number."""
        self.change(**{what: getattr(self.record, what) + more})


@dataclass
class Worker:
    """An enlisted worker."""

    info: WorkerInfo
    started_at: int
    beat: int
    since: int
    executors: list[str] = field(default_factory=list[str])
    commands: list[Command] = field(default_factory=list[Command])
    sent: int = 0
    finished: int = 0
    failed: int = 0
    run_ms: int = 0
    quiet: bool = False


class ModelStore:
    """A store in dicts.

    Attributes:
        source: Milliseconds since the epoch; tests give one that they move.
    """

    place = url = "model://"
    deadline = 5.0
    created = True

    def __init__(self, source: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self.source, self.verb_at = source, 0
        self.lock = threading.RLock()
        self.channels: dict[str, tuple[int, Any]] = {}
        self.jobs: dict[str, JobRecord] = {}
        self.score: dict[str, int] = {}
        self.callbacks: dict[str, tuple[NewCallback, ...]] = {}
        self.fronts: set[str] = set()  # jobs that will join the front once they get ready
        self.unmet: dict[str, set[str]] = {}  # of a deferred job: the parents it waits for
        self.waiting_for: dict[str, list[str]] = {}  # of a parent: those that wait for its next end
        self.firing: list[Ended] = []
        self.waits: dict[str, str] = {}  # of a blocked job: the key it waits for
        self.released: dict[str, str] = {}  # of a job that was blocked and is queued: the key it waited for
        self.refill: defaultdict[str, int] = defaultdict(int)  # of a queue: when its next token comes, 0 if none does
        self.full_at: dict[str, int] = {}  # of a key: when its bucket is full, in microseconds
        self.circle: dict[str, Group] = {}
        self.known: set[str] = set()
        self.held_back: dict[str, int] = {}  # what is paused, and when that ends (0: without end)
        self.markers: set[str] = set()
        self.hinted: set[str] = set()
        self.fleet: dict[str, Worker] = {}
        self.executors: dict[str, str] = {}
        self.past: dict[str, list[Command]] = {}
        self.crontab: dict[str, EntryRecord] = {}
        self.cron_version = 0
        self.rows: dict[tuple[bool, int, TallyKey], int] = {}
        self.sampled = 0
        self.last_token = 0
        self.back = self.front = 0

    def open(self, *, create: bool = True) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def now(self) -> int:
        return self.clock()

    def clock(self) -> int:
        """The time; within a changing verb it stands still."""
        return self.verb_at or self.source()

    @contextmanager
    def moment(self) -> Generator[None]:
        """Stop the clock."""
        before, self.verb_at = self.verb_at, self.clock()
        try:
            yield
        finally:
            self.verb_at = before

    # ---- the shared steps -------------------------------------------------------------------------------------------

    def look(self, id: str) -> JobRecord | None:
        """A job; not one that ended and is past its expiry."""
        job = self.jobs.get(id)
        return None if job and job.expires_at and job.expires_at <= self.clock() else job

    def must(self, id: str) -> JobRecord:
        job = self.look(id)
        if job is None:
            raise NoSuchJob(id)
        return job

    def put(self, id: str, **changes: Any) -> JobRecord:
        old = self.jobs[id]
        new: JobRecord = replace(old, **changes)
        if new.state is not old.state and (old.state, new.state) not in STEPS:
            raise AssertionError(f"{old.state} -> {new.state} is no transition")
        self.jobs[id] = new
        if new.state is not S.BLOCKED:
            self.waits.pop(id, None)
        if new.state is not S.QUEUED:
            self.released.pop(id, None)
        return new

    def of(self, queue: str, state: JobStatus) -> list[JobRecord]:
        """A queue's jobs in a state, in the order that `Control.list` tells."""
        orders: dict[JobStatus, Callable[[JobRecord], Any]] = {
            S.QUEUED: lambda job: (not job.suspect, self.score[job.id]),
            S.SCHEDULED: lambda job: (job.due_at, job.id),
            S.STARTED: lambda job: job.token,
            S.DEFERRED: lambda job: job.created_at,
            S.BLOCKED: lambda job: self.score[job.id],
        }
        order = orders.get(state, lambda job: (job.expires_at or float("inf"), job.id))
        return sorted((job for job in self.jobs.values() if (job.queue, job.state) == (queue, state)), key=order)

    def queue(self, id: str, at_front: bool = False) -> None:
        self.fronts.discard(id)
        if at_front:
            self.front -= 1
        else:
            self.back += 1
        self.score[id] = -self.jobs[id].priority * 2**44 + (self.front if at_front else self.back)
        job = self.put(id, state=S.QUEUED, enqueued_at=self.clock(), due_at=0)
        self.mark(job.queue)

    def schedule(self, id: str, due_at: int) -> None:
        job = self.put(id, state=S.SCHEDULED, due_at=due_at)
        if self.of(job.queue, S.SCHEDULED)[0].id == id:
            self.hint(job.queue)

    def hint(self, queue: str) -> None:
        """Tell supervisors that something of a queue is due earlier than they know."""
        self.hinted |= {worker.info.id for worker in self.fleet.values() if queue in worker.info.queues}

    def ready(self, id: str) -> None:
        due_at = self.jobs[id].due_at
        if due_at > self.clock():
            self.schedule(id, due_at)
        else:
            self.queue(id, id in self.fronts)

    def mark(self, *queues: str) -> None:
        """Push the markers of those queues that have claimable work."""
        self.markers |= {name for name in queues if self.is_open(name) and self.has_queued(name)}

    def has_queued(self, queue: str) -> bool:
        """Whether a queue has a job to claim; the newest are looked at first, for they are the likeliest."""
        return any(job.queue == queue and job.state is S.QUEUED for job in reversed(self.jobs.values()))

    def is_open(self, queue: str) -> bool:
        return queue not in self.held_back and ALL_QUEUES not in self.held_back

    def lift(self) -> None:
        """End the pauses whose time is over."""
        for name in [name for name, until in self.held_back.items() if 0 < until <= self.clock()]:
            self.resume(name)

    def release(self, id: str, state: JobStatus, **changes: Any) -> None:
        job = self.put(id, **{"token": 0, "executor": "", "worker": "", "begun": False, "state": state, **changes})
        if state is S.QUEUED:
            self.mark(job.queue)

    def attempt(
        self, id: str, kind: OutcomeKind, reason: str, detail: bytes = b"", ended: int = 0, run: int | None = None
    ) -> None:
        """Write the end of a run into the job's record."""
        job = self.jobs[id]
        ended = ended or self.clock()
        started = job.started_at if run is None else ended - run
        entry = AttemptRecord(started, ended, kind, reason, job.worker, detail)
        history = (*job.history, entry)[-HISTORY:]
        self.put(id, history=history, attempts=job.attempts + 1, started_at=started)

    def end(
        self, id: str, state: JobStatus, reason: str = "", result: bytes = b"", ended: int = 0, met: bool = False
    ) -> None:
        """The one place where a job becomes terminal."""
        job = self.jobs[id]
        self.detach(id)
        keep = job.result_ttl if state is S.FINISHED else job.failure_ttl
        job = self.put(
            id,
            state=state,
            reason=reason,
            result=result,
            ended_at=ended or self.clock(),
            expires_at=self.clock() + keep if keep > 0 else 0,
            due_at=0,
            token=0,
            executor="",
            begun=False,
            suspect=False,
            pending=0,
        )
        self.count_end(job, state.value)
        self.call_back(job, EVENTS.get(state))
        self.firing.append(Ended(id, met or state is S.FINISHED, False, self.waiting_for.pop(id, [])))
        if keep == 0:
            self.vanish(id)

    def call_back(self, parent: JobRecord, event: CallbackEvent | None, *, each: bool = False) -> None:
        """Create the callback jobs of an event; with `each` only those that hear of every failed attempt."""
        callbacks = [callback for callback in self.callbacks[parent.id] if callback.event == event]
        for place, callback in reversed(list(enumerate(callbacks))):
            if callback.each or not each:
                self.create_callback(parent, callback, place)

    def create_callback(self, parent: JobRecord, callback: NewCallback, place: int) -> None:
        """Create a callback job with the parent's record in it."""
        id = callback_id(parent.id, callback.event, parent.created_at, parent.attempts, place)
        keep = parent.result_ttl if callback.event == "success" else parent.failure_ttl
        job = NewJob(
            id,
            parent.queue,
            callback.payload,
            priority=parent.priority,
            max_crashes=parent.max_crashes,
            result_ttl=keep,
            failure_ttl=parent.failure_ttl,
        )
        self.create_now(job, replace(parent, parent=None, limits=()))

    def create_now(self, job: NewJob, parent: JobRecord | None = None) -> None:
        """Create a job at the front of its queue, by a step of the store."""
        copied = ("id", "queue", "payload", "priority", "max_crashes", "result_ttl", "failure_ttl")
        same: dict[str, Any] = {name: getattr(job, name) for name in copied}
        self.known.add(job.queue)
        self.jobs[job.id] = JobRecord(**same, state=S.QUEUED, created_at=self.clock(), parent=parent)
        self.callbacks[job.id] = ()
        self.queue(job.id, at_front=True)

    def vanish(self, id: str) -> None:
        """Remove a job with all it had; its children hear that it is gone."""
        job = self.jobs[id]
        if job.state not in ENDED:
            self.count_end(job, "deleted")
        self.leave_group(job)
        self.detach(id)
        self.firing.append(Ended(id, False, True, self.waiting_for.pop(id, [])))
        for ended in self.firing:
            ended.gone |= ended.parent == id
        self.fronts.discard(id)
        del self.jobs[id], self.callbacks[id]
        self.waits.pop(id, None)
        self.released.pop(id, None)

    def detach(self, id: str) -> None:
        """A job that is no longer deferred is nobody's child."""
        if self.unmet.pop(id, None) is None:
            return
        for children in (*self.waiting_for.values(), *(ended.children for ended in self.firing)):
            if id in children:
                children.remove(id)

    def fire(self, n: int = 100) -> None:
        """Tell up to n children that a parent ended."""
        while self.firing and n:
            ended = self.firing[0]
            if ended.children:
                n -= 1
                self.hear(ended.children.pop(0), ended)
            else:
                self.firing.pop(0)
        self.firing = [ended for ended in self.firing if ended.children]

    def hear(self, id: str, ended: Ended) -> None:
        job, parent = self.jobs[id], self.jobs.get(ended.parent)
        wait = job.on_failure == "wait" and not ended.gone and parent is not None
        if ended.met or job.on_failure == "run" or (wait and parent and parent.state is S.FINISHED):
            self.unmet[id].discard(ended.parent)
            self.put(id, pending=len(self.unmet[id]))
            if not self.unmet[id]:
                self.ready(id)
        elif wait:
            self.waiting_for.setdefault(ended.parent, []).append(id)
        else:
            self.end(id, S.CANCELED, "dependency")

    # ---- groups -----------------------------------------------------------------------------------------------------

    def group_of(self, id: str) -> Group | None:
        """A group; not one that is past its expiry."""
        group = self.circle.get(id)
        return None if group and group.record.expires_at and group.record.expires_at <= self.clock() else group

    def must_group(self, id: str) -> Group:
        group = self.group_of(id)
        if group is None:
            raise NoSuchGroup(id, id)
        return group

    def membership(self, job: JobRecord) -> Group | None:
        """The group that counts this job."""
        group = self.group_of(job.group)
        return group if group and job.id in group.members else None

    def leave_group(self, job: JobRecord) -> None:
        """Without a word: its end was counted, or will be."""
        if group := self.membership(job):
            group.members.remove(job.id)

    def join_group(self, job: NewJob) -> None:
        if job.group:
            group = self.must_group(job.group)
            group.members.append(job.id)
            group.count("total")
            group.count("pending")
            group.change(completed_at=0, expires_at=0)

    def count_end(self, job: JobRecord, how: str) -> None:
        if group := self.membership(job):
            group.count(how)
            group.count("pending", -1)
            self.settle_group(group)

    def settle_group(self, group: Group) -> None:
        """A group of which nothing is pending expires later, and is completed once, unless somebody holds it."""
        record = group.record
        if record.pending:
            return
        group.change(expires_at=0 if record.ttl < 0 else self.clock() + record.ttl)
        if record.holds or record.completed_at:
            return
        group.count("completions")
        group.change(completed_at=self.clock())
        if record.payload:
            id = callback_id(record.id, "complete", record.created_at, group.record.completions)
            self.create_now(NewJob(id, record.queue, record.payload))

    @numbered
    def create_group(self, group: NewGroup, *, call: Call | None = None) -> GroupRecord:
        old = self.group_of(group.id)
        if old and not old.record.completed_at:
            raise DuplicateGroup(group.id, group.id)
        now, before = self.clock(), self.circle.get(group.id)
        now_or_later = max(now, before.record.created_at + 1) if before else now
        expires_at = 0 if group.ttl < 0 else now + group.ttl
        record = GroupRecord(group.id, now_or_later, 0, expires_at, group.ttl, group.queue, group.payload)
        self.circle[group.id] = Group(record)
        return replace(record, now=now)

    @numbered
    def hold_group(self, group: str, *, call: Call | None = None) -> None:
        self.must_group(group).count("holds")

    @numbered
    def release_group(self, group: str, *, call: Call | None = None) -> None:
        found = self.must_group(group)
        found.change(holds=max(0, found.record.holds - 1))
        self.settle_group(found)

    @numbered
    def delete_group(self, group: str, *, call: Call | None = None) -> bool:
        found = self.group_of(group)
        self.circle.pop(group, None)
        return found is not None

    def get_groups(self, groups: Sequence[str]) -> list[GroupRecord | None]:
        with self.lock:
            found = [self.group_of(id) for id in groups]
            return [group and replace(group.record, now=self.clock()) for group in found]

    def groups(self) -> list[str]:
        return sorted(id for id in self.circle if self.group_of(id))

    def members(self, group: str, *, offset: int = 0, limit: int = 100) -> list[str]:
        with self.lock:
            found = self.group_of(group)
            return found.members[offset : offset + limit] if found else []

    def await_group(self, group: str, timeout: float, wake: int | None = None) -> GroupRecord | None:
        until = time.monotonic() + timeout
        while True:
            [found] = self.get_groups([group])
            if found is None or found.completed_at or time.monotonic() >= until or sleep(0.001, wake):
                return found

    # ---- time -------------------------------------------------------------------------------------------------------

    def due(self, queues: Iterable[str]) -> list[JobRecord]:
        return sorted((job for name in queues for job in self.of(name, S.SCHEDULED)), key=lambda j: (j.due_at, j.id))

    def promote_due(self, queues: Iterable[str], n: int = 100) -> None:
        for job in self.due(queues)[:n]:
            if job.due_at <= self.clock():
                self.queue(job.id, job.id in self.fronts)

    def next_due(self, queues: Iterable[str]) -> int | None:
        times = [job.due_at for job in self.due(queues)[:1]] + [at for name in queues for at in self.refills(name)]
        times += [until for until in self.held_back.values() if until]
        return max(0, min(times) - self.clock()) if times else None

    # ---- limits -----------------------------------------------------------------------------------------------------

    def running(self, key: str) -> int:
        """How many slots of a key are held."""
        held = [job for job in self.jobs.values() if job.state is S.STARTED]
        return sum(limit.key == key and limit.concurrency > 0 for job in held for limit in job.limits)

    def has_slot(self, limit: NewLimit, promised: int = 0) -> bool:
        return not limit.concurrency or self.running(limit.key) + promised < limit.concurrency

    def token_at(self, limit: NewLimit, promised: int = 0) -> int | None:
        """When there is a token beside those that are promised, in microseconds; None: not before one of these is taken."""
        now = self.clock() * 1000
        if not limit.rate:
            return now
        ahead = promised - (limit.burst - 1)
        return None if ahead > 0 else max(self.full_at.get(limit.key, 0), now) + ahead * limit.step

    def has_room(self, limit: NewLimit, promised: int = 0) -> bool:
        at = self.token_at(limit, promised)
        return self.has_slot(limit, promised) and at is not None and at <= self.clock() * 1000

    def admit(self, id: str) -> bool:
        """Take all that a job's limits ask for, or have it wait for the first that has no room."""
        limits = self.jobs[id].limits
        for limit in limits:
            if not self.has_room(limit):
                self.put(id, state=S.BLOCKED)
                self.waits[id] = limit.key
                return False
        for limit in limits:
            if limit.rate:
                self.full_at[limit.key] = max(self.full_at.get(limit.key, 0), self.clock() * 1000) + limit.step
        return True

    def waiters(self, queue: str) -> dict[str, list[JobRecord]]:
        """Of a queue the jobs that wait for each key, in their order."""
        found: dict[str, list[JobRecord]] = {}
        for job in self.of(queue, S.BLOCKED):
            found.setdefault(self.waits[job.id], []).append(job)
        return found

    def promised(self, queue: str, key: str) -> int:
        """How many jobs of a queue were released for a key and are not claimed yet."""
        return sum(each == key and self.jobs[id].queue == queue for id, each in self.released.items())

    def release_blocked(self) -> None:
        """As many as their keys have room for."""
        for name in self.known:
            for key, waiting in self.waiters(name).items():
                for job in waiting:
                    [limit] = [each for each in job.limits if each.key == key]
                    if not self.has_room(limit, self.promised(name, key)):
                        break
                    self.release(job.id, S.QUEUED)
                    self.released[job.id] = key
            refill = min(self.refills(name), default=0)
            if refill and (refill < self.refill[name] or not self.refill[name]):
                self.hint(name)
            self.refill[name] = refill

    def refills(self, queue: str) -> Iterator[int]:
        """When the next token comes for those that wait for one."""
        for key, (job, *_) in self.waiters(queue).items():
            [limit] = [each for each in job.limits if each.key == key]
            promised = self.promised(queue, key)
            at = self.token_at(limit, promised)
            if limit.rate and at is not None and self.has_slot(limit, promised):
                yield -(-at // 1000)

    # ---- enqueue and turn -------------------------------------------------------------------------------------------

    @numbered
    def enqueue(self, jobs: Sequence[NewJob], *, call: Call | None = None) -> Enqueued:
        planned: dict[str, JobStatus] = {}
        gone: set[str] = set()  # born canceled, and not kept
        for job in jobs:
            old = self.look(job.id)
            if job.id in planned or (old and old.state not in ENDED):
                raise DuplicateJob(f"the id {job.id} is in use", job.id)
            planned[job.id] = self.state_of(job, planned, gone)
            if planned[job.id] is S.CANCELED and not job.failure_ttl:
                gone.add(job.id)
            if job.group:
                self.must_group(job.group)
        for job in jobs:
            if job.id in self.jobs:
                self.leave_group(self.jobs[job.id])
            self.join_group(job)
        joined = [self.must_group(id) for id in dict.fromkeys(job.group for job in jobs if job.group)]
        for group in joined:
            group.count("holds")
        for job in jobs[:ENQUEUE_BATCH]:
            self.create(job, planned[job.id])
        for group in joined:
            group.count("holds", -1)
            self.settle_group(group)
        return Enqueued(self.clock(), tuple(planned.values()))

    def state_of(self, job: NewJob, planned: Mapping[str, JobStatus], gone: set[str]) -> JobStatus:
        """The state that a new job is put into."""
        state = S.SCHEDULED if job.delay else S.QUEUED
        if job.error:
            return S.FAILED
        for parent in job.parents:
            before = self.look(parent)
            found = planned.get(parent) or (before and before.state)
            if found is None:
                raise UnknownDependency(f"no job {parent}", parent)
            waits = job.on_failure == "wait" and parent not in gone
            if found not in ENDED or (found is not S.FINISHED and waits):
                state = state if state is S.CANCELED else S.DEFERRED
            elif found is not S.FINISHED and job.on_failure != "run":
                state = S.CANCELED
        return state

    def create(self, job: NewJob, state: JobStatus) -> None:
        now, replaced = self.clock(), self.jobs.get(job.id)
        created_at = max(now, replaced.created_at + 1) if replaced else now
        self.known.add(job.queue)
        unmet = {parent for parent in job.parents if not self.is_met(parent, job)}
        copied = ("id", "queue", "payload", "priority", "max_crashes", "ttl", "result_ttl", "failure_ttl", "meta")
        copied += ("on_failure", "limits", "group")
        self.callbacks[job.id] = job.callbacks
        self.fronts = self.fronts - {job.id} | ({job.id} if job.at_front else set[str]())
        same: dict[str, Any] = {name: getattr(job, name) for name in copied}
        due_at = now + job.delay if job.delay else 0
        self.jobs[job.id] = JobRecord(**same, state=state, created_at=created_at, due_at=due_at)
        if state is S.CANCELED:
            self.end(job.id, state, "dependency")
        elif state is S.FAILED:
            self.attempt(job.id, "failed", "raised", job.error, run=0)
            self.end(job.id, state, "raised")
        elif state is S.DEFERRED:
            self.put(job.id, pending=len(unmet))
            self.unmet[job.id] = unmet
            for parent in unmet:
                self.waiting_for.setdefault(parent, []).append(job.id)
        else:
            self.ready(job.id)

    def is_met(self, parent: str, child: NewJob) -> bool:
        job = self.look(parent)
        return job is None or job.state is S.FINISHED or (job.state in ENDED and child.on_failure == "run")

    def turn(
        self,
        executor: str,
        number: int,
        outcomes: Sequence[Outcome],
        begins: Sequence[Held],
        queues: Sequence[str],
        room: int,
        tally: Tally,
    ) -> Turn:
        with self.lock:
            if executor not in self.executors:
                raise NotEnlisted(executor)
            call = Call(executor, number)
            turn = self.take_turn(executor, outcomes, begins, queues, min(room, TURN_BATCH), tally, call=call)
            held = tuple(claim for claim in turn.claims if self.holds(executor, claim.token, claim.id))
            return turn._replace(claims=held)

    @numbered
    def take_turn(
        self,
        executor: str,
        outcomes: Sequence[Outcome],
        begins: Sequence[Held],
        queues: Sequence[str],
        room: int,
        tally: Tally,
        *,
        call: Call,
    ) -> Turn:
        late = tuple(outcome.token for outcome in outcomes if not self.settle(executor, outcome))
        self.begin(executor, begins)
        self.count(tally)
        self.fire()
        self.lift()
        self.promote_due(queues)
        self.release_blocked()
        claims, more, alone = self.claim(executor, queues, room)
        self.release_blocked()
        self.mark(*queues)
        return Turn(self.clock(), claims, more, self.next_due(queues), late, alone)

    def begin_enqueue(self, jobs: Sequence[NewJob]) -> Callable[[], Enqueued]:
        enqueued = self.enqueue(jobs)
        return lambda: enqueued

    def begin_turn(
        self,
        executor: str,
        number: int,
        outcomes: Sequence[Outcome],
        begins: Sequence[Held],
        queues: Sequence[str],
        room: int,
        tally: Tally,
    ) -> Callable[[], Turn]:
        turn = self.turn(executor, number, outcomes, begins, queues, room, tally)
        return lambda: turn

    def packed(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        return outcomes

    def holds(self, executor: str, token: int, id: str) -> bool:
        job = self.jobs.get(id)
        return job is not None and (job.state, job.token, job.executor) == (S.STARTED, token, executor)

    def held_by(self, executors: Iterable[str]) -> list[JobRecord]:
        """The claims of these executors, by token."""
        held = [job for job in self.jobs.values() if job.state is S.STARTED and job.executor in set(executors)]
        return sorted(held, key=lambda job: job.token)

    def begin(self, executor: str, begins: Sequence[Held]) -> None:
        for held in begins:
            if self.holds(executor, held.token, held.id):
                self.put(held.id, begun=True, started_at=self.clock())

    def settle(self, executor: str, outcome: Outcome) -> bool:
        """One outcome; False if its claim is not held."""
        id, kind = outcome.id, outcome.kind
        if not self.holds(executor, outcome.token, id):
            return False
        worker = self.fleet[self.executors[executor]]
        worker.finished += kind in ("finished", "repeat")
        worker.failed += kind == "failed"
        worker.run_ms += outcome.run
        ended = self.clock() - outcome.age
        if kind != "returned" or outcome.detail:
            recorded: OutcomeKind = "finished" if kind == "repeat" else kind
            self.attempt(id, recorded, outcome.reason, outcome.detail, ended, outcome.run)
        if kind == "returned":
            if not (outcome.detail or outcome.run or self.jobs[id].begun):
                for limit in self.jobs[id].limits:
                    self.full_at[limit.key] = self.full_at.get(limit.key, 0) - limit.step
            self.release(id, S.QUEUED)
        elif kind == "retry":
            self.put(id, fails=self.jobs[id].fails + outcome.counts, suspect=False)
            self.run_again(outcome)
            if outcome.counts:
                self.call_back(self.jobs[id], "failure", each=True)
        elif kind == "repeat":
            fresh = {"fails": 0, "crashes": 0, "suspect": False, "result": outcome.result}
            self.put(id, repeats=self.jobs[id].repeats + 1, **fresh)
            self.run_again(outcome)
            self.call_back(self.jobs[id], "success")
        else:
            self.end(id, S(kind), outcome.reason, outcome.result if kind == "finished" else b"", ended)
        return True

    def run_again(self, outcome: Outcome) -> None:
        """At once, or after a delay."""
        if outcome.delay:
            self.release(outcome.id, S.SCHEDULED)
            self.fronts |= {outcome.id} if outcome.at_front else set[str]()
            self.schedule(outcome.id, self.clock() + outcome.delay)
        else:
            self.release(outcome.id, S.QUEUED)
            self.queue(outcome.id, outcome.at_front)

    def claim(self, executor: str, queues: Sequence[str], room: int) -> tuple[tuple[Claim, ...], bool, bool]:
        """Claims, whether to turn again at once, and whether a suspect could not be taken."""
        colleagues = self.fleet[self.executors[executor]].executors
        runs_suspect = any(job.suspect for job in self.held_by([executor]))
        claims: list[Claim] = []
        alone = False
        size = 0
        for name in queues if room > 0 else ():
            waiting = self.of(name, S.QUEUED) if self.is_open(name) else []
            for job in waiting:
                if job.suspect and (self.held_by([executor]) or any(job.suspect for job in self.held_by(colleagues))):
                    alone = True
                elif job.suspect and self.admit(job.id):
                    return (self.hand_out(job, executor),), False, False
            for job in waiting:
                if job.suspect or runs_suspect or len(claims) == room:
                    continue
                if size > TURN_BYTES:
                    return tuple(claims), True, alone
                if job.ttl and job.enqueued_at + job.ttl <= self.clock() and not job.fails + job.crashes + job.attempts:
                    self.end(job.id, S.CANCELED, "expired")
                    continue
                if not self.admit(job.id):
                    continue
                claims.append(self.hand_out(job, executor))
                size += len(job.payload)
        return tuple(claims), False, alone

    def hand_out(self, job: JobRecord, executor: str) -> Claim:
        now, worker = self.clock(), self.fleet[self.executors[executor]].info.name
        token = self.last_token = max(now * 1000, self.last_token + 1)
        held = {"token": token, "executor": executor, "worker": worker, "started_at": now}
        self.put(job.id, state=S.STARTED, begun=job.suspect, **held)
        copied = ("id", "queue", "payload", "meta", "suspect", "fails", "attempts", "crashes", "created_at")
        copied += ("enqueued_at", "priority", "parent", "repeats", "group")
        return Claim(token=token, wait=now - job.enqueued_at, **{name: getattr(job, name) for name in copied})

    def take(self, executor: str, id: str, *, call: Call | None = None) -> Claim | None:
        with self.lock:
            claim = self.take_one(executor, id, call=call)
            return claim if claim and self.holds(executor, claim.token, id) else None

    @numbered
    def take_one(self, executor: str, id: str, *, call: Call | None) -> Claim | None:
        if executor not in self.executors:
            raise NotEnlisted(executor)
        job = self.look(id)
        if job is None or job.state is not S.QUEUED:
            return None
        mine, ours = self.held_by([executor]), self.held_by(self.fleet[self.executors[executor]].executors)
        if any(held.suspect for held in mine) or (job.suspect and (mine or any(held.suspect for held in ours))):
            return None
        if job.ttl and job.enqueued_at + job.ttl <= self.clock() and not job.fails + job.crashes + job.attempts:
            self.end(id, S.CANCELED, "expired")
            return None
        if not self.admit(id):
            return None
        claim = self.hand_out(job, executor)
        self.put(id, begun=True)
        return claim

    @numbered
    def report(self, held: Held, progress: bytes, *, call: Call | None = None) -> bool:
        job = self.jobs.get(held.id)
        if job is None or job.state is not S.STARTED or job.token != held.token:
            return False
        self.put(held.id, progress=progress)
        return True

    def count(self, tally: Tally) -> None:
        for key, more in tally.items():
            for hours, span in ((False, MINUTE), (True, HOUR)):
                at = (hours, self.clock() // span * span, key)
                self.rows[at] = self.rows.get(at, 0) + more

    # ---- the living and the dead ------------------------------------------------------------------------------------

    @numbered
    def enlist(self, worker: WorkerInfo, *, former: str = "", call: Call | None = None) -> int:
        if worker.id in self.fleet or worker.id in self.past:
            raise StaleCall(worker.id)
        now = self.clock()
        self.fleet[worker.id] = Worker(worker, now, now, now)
        told = self.fleet[former].commands if former in self.fleet else self.past.get(former, [])
        for command in [each for each in told if each.name != "lost"]:
            self.command(worker.id, command.name)
            told.remove(command)
        return now

    @numbered
    def enlist_executor(self, worker: str, executor: str, *, call: Call | None = None) -> None:
        self.enlisted(worker).executors.append(executor)
        self.executors[executor] = worker

    def enlisted(self, worker: str) -> Worker:
        if worker not in self.fleet:
            raise NotEnlisted(worker)
        return self.fleet[worker]

    def beat(
        self,
        worker: str,
        number: int,
        executors: Sequence[str],
        acknowledged: int = 0,
        gone: Sequence[str] = (),
        quiet: bool = False,
    ) -> Beat:
        with self.lock:
            self.enlisted(worker)
            return self.take_beat(worker, executors, acknowledged, gone, quiet, call=Call(worker, number))

    @numbered
    def take_beat(
        self, worker: str, executors: Sequence[str], acknowledged: int, gone: Sequence[str], quiet: bool, *, call: Call
    ) -> Beat:
        me, now = self.fleet[worker], self.clock()
        me.quiet = quiet
        me.commands = [command for command in me.commands if command.number > acknowledged]
        if now - me.beat > 2 * me.info.interval:
            me.since = now
        me.beat = now
        dead = [id for id in gone if id in self.fleet and id != worker]
        for other in self.fleet.values():
            other.beat = min(other.beat, now)
            if now - me.since >= me.info.ttl and now - other.beat > other.info.ttl and other is not me:
                dead.append(other.info.id)
        dead = sorted(set(dead))
        for id in dead:
            self.rescue(id)
        self.fire()
        self.lift()
        self.promote_due(self.known)
        self.release_blocked()
        self.prune(now)
        self.mark(*self.known)
        self.sample(now)
        strays = tuple(executor for executor in me.executors if executor not in executors)
        next_due = self.next_due(me.info.queues)
        return Beat(now, strays, tuple(me.commands), next_due, tuple(dead), self.cron_version)

    def rescue(self, worker: str) -> None:
        claims = self.held_by(self.fleet[worker].executors)
        charged = [job for job in claims if job.suspect]
        begun = [job for job in claims if job.begun and not job.suspect]
        self.lapse(claims, charged, begun or ([] if charged else claims), True)
        self.dismiss(worker)

    def dismiss(self, worker: str) -> None:
        leaving = self.fleet.pop(worker)
        for executor in leaving.executors:
            self.executors.pop(executor, None)
        self.past[worker] = leaving.commands

    def lapse(
        self,
        claims: Sequence[JobRecord],
        charged: Sequence[JobRecord],
        suspects: Sequence[JobRecord],
        crashed: bool,
        detail: str = "",
    ) -> Retired:
        """Give claims back whose executor is gone; charge some, suspect some."""
        returned: list[str] = []
        for job in claims:
            if job in charged:
                self.charge(job, detail)
                continue
            if job.begun and crashed:
                self.attempt(job.id, "returned", "crashed", detail.encode())
            self.release(job.id, S.QUEUED, suspect=job.suspect or job in suspects)
            if job not in suspects:
                returned.append(job.id)
        return Retired(tuple(returned), tuple(job.id for job in suspects), tuple(job.id for job in charged))

    def charge(self, job: JobRecord, detail: str) -> None:
        last = job.crashes + 1 >= job.max_crashes
        self.attempt(job.id, "failed" if last else "retry", "crashed", detail.encode())
        self.put(job.id, crashes=job.crashes + 1)
        if last:
            self.end(job.id, S.FAILED, "crashed")
        else:
            self.release(job.id, S.QUEUED, suspect=True)
            self.call_back(self.jobs[job.id], "failure", each=True)

    @numbered
    def promote(self, *, call: Call | None = None) -> int | None:
        self.fire()
        self.lift()
        self.promote_due(self.known)
        self.release_blocked()
        return 0 if self.firing else self.next_due(self.known)

    @numbered
    def retire(
        self,
        executor: str,
        *,
        outcomes: Sequence[Outcome] = (),
        crashed: bool = False,
        begun: Sequence[Held] = (),
        detail: str = "",
        call: Call | None = None,
    ) -> Retired:
        if executor not in self.executors:
            return Retired((), (), ())
        for outcome in outcomes:
            self.settle(executor, outcome)
        for held in begun:
            if self.holds(executor, held.token, held.id):
                self.put(held.id, begun=True)
        claims = self.held_by([executor])
        began = [job for job in claims if job.begun]
        charged = began if crashed and len(began) == 1 else []
        suspects = (began or claims) if crashed and not charged else []
        self.fleet[self.executors.pop(executor)].executors.remove(executor)
        return self.lapse(claims, charged, suspects, crashed, detail)

    @numbered
    def retire_worker(self, worker: str, *, call: Call | None = None) -> None:
        if worker in self.fleet:
            self.lapse(self.held_by(self.fleet[worker].executors), [], [], False)
            self.dismiss(worker)

    def prune(self, now: int) -> None:
        over = [job for job in self.jobs.values() if job.expires_at and job.expires_at <= now]
        for job in over[:100]:
            self.vanish(job.id)
        self.circle = {id: group for id, group in self.circle.items() if self.group_of(id)}
        for name in self.known:
            for state, keep in ((S.FINISHED, KEEP_FINISHED), (S.FAILED, KEEP_FAILED)):
                for job in self.of(name, state)[:-keep]:
                    self.vanish(job.id)

    def sample(self, now: int) -> None:
        minute = now // MINUTE * MINUTE
        if minute == self.sampled:
            return
        self.sampled = minute
        for name in self.known:
            queued = self.of(name, S.QUEUED)
            heads = [job for job in queued if job.suspect][:1] + [job for job in queued if not job.suspect][:1]
            oldest = max((now - job.enqueued_at for job in heads), default=0)
            self.rows[False, minute, TallyKey(name, "", "depth", 0)] = len(queued)
            self.rows[False, minute, TallyKey(name, "", "oldest", 0)] = oldest

    def workers(self) -> list[WorkerRecord]:
        with self.lock:
            records: list[WorkerRecord] = []
            for worker in self.fleet.values():
                age, info = self.clock() - worker.beat, worker.info
                held = sorted(self.held_by(worker.executors), key=lambda job: (not job.begun, job.token))
                ids, sums = tuple(job.id for job in held), (worker.finished, worker.failed, worker.run_ms)
                executors, told = tuple(worker.executors), (worker.quiet, tuple(worker.commands))
                records.append(WorkerRecord(info, age, worker.started_at, age < info.ttl, executors, ids, *sums, *told))
            return sorted(records, key=lambda record: record.info.name)

    def drained(self, queues: Sequence[str]) -> bool:
        with self.lock:
            dead = [w for w in self.fleet.values() if self.clock() - w.beat > w.info.ttl]
            left = [job for worker in dead for job in self.held_by(worker.executors) if job.queue in queues]
            open_queues = [name for name in queues if self.is_open(name)]
            waiting = [job for name in open_queues for job in self.of(name, S.QUEUED) + self.of(name, S.BLOCKED)]
            return not (left or waiting or any(ended.children for ended in self.firing))

    # ---- waiting ----------------------------------------------------------------------------------------------------

    def waiter(self, queues: Sequence[str]) -> Waiter:
        return ModelWaiter(self, self.markers, frozenset(queues))

    def hints(self, worker: str) -> Waiter:
        return ModelWaiter(self, self.hinted, frozenset({worker}))

    def await_end(self, ids: Sequence[str], timeout: float, wake: int | None = None) -> list[JobRecord]:
        until = time.monotonic() + timeout
        while True:
            found = [job for job in self.get(ids) if job is not None]
            ended = [job for job in found if job.state in ENDED]
            if ended or not found or time.monotonic() >= until:
                return ended
            if sleep(0.001, wake):
                return []

    # ---- control ----------------------------------------------------------------------------------------------------

    def get(self, ids: Sequence[str]) -> list[JobRecord | None]:
        with self.lock:
            found = [self.look(id) for id in ids]
            return [job and replace(job, now=self.clock()) for job in found]

    def list(
        self, queue: str, state: JobStatus, *, offset: int = 0, limit: int = 100, newest: bool = False
    ) -> list[str]:
        with self.lock:
            ids = [job.id for job in self.of(queue, state) if self.look(job.id)]
            return (ids[::-1] if newest else ids)[offset : offset + limit]

    def counts(self, queues: Sequence[str] | None = None) -> dict[str, dict[JobStatus, int]]:
        names = self.queues() if queues is None else queues
        return {name: {state: len(self.list(name, state, limit=10**9)) for state in STATES} for name in names}

    def queues(self) -> list[str]:
        return sorted(self.known)

    def position(self, id: str) -> int | None:
        job = self.look(id)
        return self.list(job.queue, S.QUEUED, limit=10**9).index(id) if job and job.state is S.QUEUED else None

    def paused(self) -> dict[str, int]:
        now = self.clock()
        return {name: until for name, until in sorted(self.held_back.items()) if not 0 < until <= now}

    @numbered
    def annotate(self, id: str, meta: bytes, *, call: Call | None = None) -> None:
        self.must(id)
        self.put(id, meta=meta)

    def children(self, id: str) -> list[str]:
        return [*self.waiting_for.get(id, [])]

    @numbered
    def cancel(
        self, id: str, *, stop: bool = False, enqueue_dependents: bool = False, call: Call | None = None
    ) -> JobStatus:
        job = self.must(id)
        if job.state in ENDED or (job.state is S.STARTED and not stop):
            raise InvalidJobOperation(f"{id} is {job.state}")
        if job.state is S.STARTED:
            self.lose(job)
            self.attempt(id, "stopped", "stopped")
            self.end(id, S.STOPPED, "stopped", met=enqueue_dependents)
        else:
            self.end(id, S.CANCELED, met=enqueue_dependents)
        return job.state

    def lose(self, job: JobRecord) -> None:
        """Tell the worker of a running job that its claim was taken away."""
        if job.state is S.STARTED:
            self.command(self.executors[job.executor], "lost", job.token, job.id)

    def command(self, worker: str, name: str, token: int = 0, id: str = "") -> int:
        to = self.enlisted(worker)
        to.sent += 1
        to.commands.append(Command(to.sent, name, token, id))
        self.hinted.add(worker)
        return to.sent

    @numbered
    def requeue(self, id: str, *, at_front: bool = False, call: Call | None = None) -> JobStatus:
        job = self.must(id)
        if job.state not in ENDED:
            raise InvalidJobOperation(f"{id} is {job.state}")
        fresh = {"fails": 0, "crashes": 0, "repeats": 0, "result": b"", "reason": "", "suspect": False, "worker": ""}
        self.put(id, expires_at=0, ended_at=0, **fresh)
        if group := self.membership(job):
            group.count(job.state.value, -1)
            group.count("pending")
            group.change(completed_at=0, expires_at=0)
        self.queue(id, at_front)
        return job.state

    @numbered
    def delete(self, ids: Sequence[str], *, call: Call | None = None) -> int:
        found = [job for id in dict.fromkeys(ids) if (job := self.look(id))]
        for job in found:
            self.lose(job)
            self.vanish(job.id)
        return len(found)

    @numbered
    def empty(self, queue: str, *, limit: int = 1_000, call: Call | None = None) -> int:
        return self.delete([job.id for job in self.of(queue, S.QUEUED)][:limit])

    @numbered
    def forget(self, queue: str, *, call: Call | None = None) -> bool:
        if any(job.queue == queue for job in self.jobs.values()):
            return False
        self.known.discard(queue)
        self.held_back.pop(queue, None)
        return True

    @numbered
    def pause(self, queue: str, ttl: int = 0, *, call: Call | None = None) -> None:
        self.held_back[queue] = self.clock() + ttl if ttl else 0
        if ttl:
            self.hinted |= set(self.fleet)

    @numbered
    def resume(self, queue: str, *, call: Call | None = None) -> None:
        self.held_back.pop(queue, None)
        self.mark(*(self.known if queue == ALL_QUEUES else [queue]))

    @numbered
    def send(self, worker: str, name: str, *, call: Call | None = None) -> int:
        if len(self.enlisted(worker).commands) >= COMMANDS:
            raise WorkerError(worker)
        return self.command(worker, name)

    def limits(self, keys: Sequence[str] | None = None) -> list[LimitRecord]:
        waited = list(self.waits.values())
        now = self.clock()
        return [
            LimitRecord(key, self.running(key), waited.count(key), max(0, -(-self.full_at.get(key, 0) // 1000) - now))
            for key in (sorted(set(waited))[:1000] if keys is None else keys)
        ]

    # ---- cron -------------------------------------------------------------------------------------------------------

    @numbered
    def put_entries(
        self,
        source: str,
        entries: Sequence[NewEntry],
        *,
        version: int = 0,
        whole: bool = False,
        call: Call | None = None,
    ) -> bool:
        for entry in entries:
            other = self.crontab.get(entry.name)
            if other and other.source != source:
                raise EntryTaken(entry.name, other.source)
        own = [entry for entry in self.crontab.values() if entry.source == source]
        if any(entry.version > version for entry in own):
            return False
        for entry in entries:
            self.put_entry(source, version, entry)
        for entry in own:
            if whole and entry.name not in {each.name for each in entries}:
                self.remove_entry(entry.name)
        return True

    def put_entry(self, source: str, version: int, new: NewEntry) -> None:
        now, old = self.clock(), self.crontab.get(new.name)
        if old is None:
            entry = EntryRecord(new.name, source, version, new.schedule, new.template, 0, False, now, now, 0, "")
            self.change_table(entry)
        elif (old.schedule, old.template) == (new.schedule, new.template):
            self.crontab[new.name] = old._replace(version=version)
        else:
            since = old.since if old.schedule == new.schedule else now
            self.change_table(old._replace(version=version, schedule=new.schedule, template=new.template, since=since))

    def change_table(self, entry: EntryRecord) -> None:
        """Write an entry of the cron table in a new version of it, and tell the supervisors."""
        self.cron_version += 1
        self.crontab[entry.name] = entry._replace(revision=self.cron_version)
        self.hinted |= set(self.fleet)

    @numbered
    def remove_entry(self, name: str, *, call: Call | None = None) -> bool:
        if name not in self.crontab:
            return False
        self.change_table(self.crontab[name])
        del self.crontab[name]
        return True

    @numbered
    def pause_entry(self, name: str, paused: bool, *, call: Call | None = None) -> bool:
        entry = self.crontab.get(name)
        if entry and entry.paused is not paused:
            self.change_table(entry._replace(paused=paused, since=entry.since if paused else self.clock()))
        return entry is not None

    def cron_table(self) -> CronTable:
        return CronTable(self.clock(), self.cron_version, tuple(self.crontab[name] for name in sorted(self.crontab)))

    @numbered
    def fire_entry(self, name: str, revision: int, slot: int, job: NewJob, *, call: Call | None = None) -> Fired:
        entry, now = self.crontab.get(name), self.clock()
        if entry is None or entry.paused or entry.revision != revision:
            return Fired(now, "changed", entry.last_slot if entry else 0)
        if slot <= max(entry.last_slot, entry.since):
            return Fired(now, "passed", entry.last_slot)
        if slot > now:
            return Fired(now, "early", entry.last_slot)
        self.crontab[name] = entry._replace(last_slot=slot)
        try:
            self.enqueue([job])
        except DuplicateJob:
            return Fired(now, "duplicate", slot)
        self.crontab[name] = entry._replace(last_slot=slot, last_job=job.id)
        return Fired(now, "fired", slot)

    def metrics(self, since: int, *, hours: bool = False) -> list[MetricRow]:
        span, keep = (HOUR, 60 * 24 * HOUR) if hours else (MINUTE, 24 * HOUR)
        first = (self.clock() - min(since, keep)) // span * span
        rows = [MetricRow(at, key, count) for (kind, at, key), count in self.rows.items() if kind is hours]
        return sorted(row for row in rows if row.at >= first)

    # ---- for the comparison -----------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """All that matters, in a nested structure that does not depend on the clock."""
        return {
            "jobs": {id: essence(job) for id, job in sorted(self.jobs.items())},
            "indexes": {
                name: {state: [job.id for job in self.of(name, state)] for state in STATES} for name in self.queues()
            },
            "claimable": [n for n in self.queues() if self.is_open(n) and self.of(n, S.QUEUED)],
            "paused": self.paused(),
            "groups": {id: (group_essence(group.record), group.members) for id, group in sorted(self.circle.items())},
            "claims": {executor: [job.id for job in self.held_by([executor])] for executor in sorted(self.executors)},
            "workers": {
                id: (tuple(w.executors), w.finished, w.failed, w.quiet) for id, w in sorted(self.fleet.items())
            },
            "commands": {id: [(c.number, c.name, c.id) for c in w.commands] for id, w in sorted(self.fleet.items())},
        }


def essence(job: JobRecord) -> dict[str, Any]:
    """What two stores must agree on: all of a record but its times and its token."""
    ended = job.state in ENDED
    copied = ("queue", "state", "payload", "reason", "priority", "fails", "crashes", "max_crashes", "attempts", "begun")
    copied += ("repeats", "group")
    copied += ("ttl", "result_ttl", "failure_ttl", "pending", "on_failure", "executor", "worker", "result", "meta")
    copied += ("limits",)
    copied += ("progress",)
    return {
        **{name: getattr(job, name) for name in copied},
        "suspect": job.suspect and not ended,
        "held": job.token > 0,
        "due": job.due_at > 0,
        "expires": job.expires_at > 0,
        "history": [(each.outcome, each.reason, each.worker, told(each)) for each in job.history],
        "parent": job.parent and (job.parent.id, job.parent.state, job.parent.attempts, job.parent.result),
    }


def group_essence(group: GroupRecord) -> GroupRecord:
    """What two stores must agree on: all but the times."""
    completed, expires = bool(group.completed_at), bool(group.expires_at)
    return replace(group, created_at=0, completed_at=completed, expires_at=expires, now=0)


def told(attempt: AttemptRecord) -> bytes:
    """The detail of an attempt; that of a rescue or of a success is not in the contract."""
    return b"" if attempt.reason == "crashed" or attempt.outcome == "finished" else attempt.detail


class ModelWaiter:
    """A waiter that has to be asked: its descriptor never becomes readable, its `poll` is short."""

    poll: float | None = 0.001

    def __init__(self, store: ModelStore, hints: set[str], names: frozenset[str]) -> None:
        self.store, self.hints, self.names = store, hints, names
        self.ends = os.pipe()

    def arm(self) -> None:
        """It always listens."""

    def fileno(self) -> int:
        return self.ends[0]

    def take(self) -> bool:
        with self.store.lock:
            found = self.names & self.hints
            self.hints -= set(sorted(found)[:1])
            return bool(found)

    def disarm(self) -> bool:
        return False

    def close(self) -> None:
        for end in self.ends:
            os.close(end)
