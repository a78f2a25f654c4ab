"""What the contract tests are told in: jobs, workers and their executors, and looks at a store."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count, pairwise
from typing import Any, TypeVar

from tests.leaks import orphaned_rows
from winch.ids import new_id
from winch.states import ENDED, STATES, JobStatus
from winch.stores.contract import (
    HISTORY,
    Beat,
    Call,
    Claim,
    EntryRecord,
    Held,
    JobRecord,
    NewEntry,
    NewJob,
    Outcome,
    OutcomeKind,
    Retired,
    Store,
    TallyKey,
    Turn,
    Waiter,
    WorkerInfo,
)
from winch.stores.sqlite import SQLiteStore

T = TypeVar("T")
S = JobStatus


def job(payload: bytes = b"payload", **options: Any) -> NewJob:
    """A new job in the queue `q`."""
    standard: dict[str, Any] = {"id": new_id(), "queue": "q", "payload": payload}
    return NewJob(**standard | options)


def entry(name: str, schedule: bytes = b"hourly", template: bytes = b"work") -> NewEntry:
    """An entry of the cron table."""
    return NewEntry(name, schedule, template)


def due(store: Store, name: str) -> tuple[int, int]:
    """Add an entry to the cron table which may fire: its revision, and a slot that has come."""
    store.put_entries("", [entry(name)])
    found = entry_of(store, name)
    return found.revision, eventually(lambda: (now := store.now()) > found.since and now)


def entry_of(store: Store, name: str) -> EntryRecord:
    """An entry of the cron table, which must exist."""
    [found] = [each for each in store.cron_table().entries if each.name == name]
    return found


def put(store: Store, *jobs: NewJob) -> list[str]:
    """Enqueue jobs in one call; their ids."""
    store.enqueue(jobs)
    return [each.id for each in jobs]


def add(store: Store, **options: Any) -> str:
    """Enqueue one job; its id."""
    return put(store, job(**options))[0]


def record(store: Store, id: str) -> JobRecord:
    """The record of a job that must exist."""
    [found] = store.get([id])
    assert found is not None, f"{id} is unknown"
    return found


def states(store: Store, *ids: str) -> list[str | None]:
    """The states of jobs, None for the unknown."""
    return [found and found.state.value for found in store.get(ids)]


def eventually(check: Callable[[], T], within: float = 5.0) -> T:
    """Ask until the answer is true; fails when it does not come in time."""
    until = time.monotonic() + within
    while True:
        if answer := check():
            return answer
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.002)


def retention(store: Store, id: str) -> int:
    """For how many milliseconds from its end on a job is kept."""
    found = record(store, id)
    return found.expires_at - found.ended_at


class Lane:
    """An executor, as far as the store sees it: it numbers its turns and nothing else."""

    def __init__(self, store: Store, worker: Boss, executor: str) -> None:
        self.store, self.worker, self.id, self.number = store, worker, executor, 0

    def turn(
        self,
        *outcomes: Outcome,
        begins: Sequence[Held] = (),
        queues: Sequence[str] | None = None,
        room: int = 0,
        tally: Mapping[TallyKey, int] | None = None,
    ) -> Turn:
        """The next turn."""
        self.number += 1
        return self.again(*outcomes, begins=begins, queues=queues, room=room, tally=tally)

    def again(
        self,
        *outcomes: Outcome,
        begins: Sequence[Held] = (),
        queues: Sequence[str] | None = None,
        room: int = 0,
        tally: Mapping[TallyKey, int] | None = None,
    ) -> Turn:
        """A turn with the last number."""
        names = self.worker.info.queues if queues is None else queues
        return self.store.turn(self.id, self.number, outcomes, begins, names, room, tally or {})

    def claim(self, room: int = 100, *queues: str) -> list[Claim]:
        """Claim up to `room` jobs, turning again as long as the store asks for it."""
        claims: list[Claim] = []
        while True:
            turn = self.turn(queues=queues or None, room=room - len(claims))
            claims.extend(turn.claims)
            if not turn.more:
                return claims

    def one(self, *queues: str) -> Claim:
        """Claim the next job, which must be there."""
        [claim] = self.claim(1, *queues)
        return claim

    def take(self, *ids: str) -> list[Claim]:
        """Claim these jobs, which must be the next ones."""
        claims = self.claim(len(ids))
        assert [claim.id for claim in claims] == list(ids)
        return claims

    def begin(self, *claims: Claim) -> None:
        """Mark claims as begun."""
        self.turn(begins=[held(claim) for claim in claims])

    def settle(self, claim: Claim | Held, kind: OutcomeKind = "finished", **options: Any) -> bool:
        """Settle a claim; False if that came too late."""
        turn = self.turn(outcome(claim, kind, **options))
        assert turn.late in ((), (claim.token,))
        return not turn.late

    def retire(self, **options: Any) -> Retired:
        """End this executor's enlistment."""
        if self in self.worker.lanes:
            self.worker.lanes.remove(self)
        return self.store.retire(self.id, **options)

    def crash(self, **options: Any) -> Retired:
        """End it as one that died of what it ran."""
        return self.retire(crashed=True, **options)


class Boss:
    """A worker's supervisor, as far as the store sees it."""

    def __init__(self, store: Store, *, former: str = "", **info: Any) -> None:
        ident = new_id()
        standard: dict[str, Any] = {"id": ident, "name": f"w-{ident[-6:]}", "host": "here", "boot": "boot", "pid": 1}
        standard |= {"pid_start": 2, "queues": ("q",), "version": "1", "ttl": 30_000, "interval": 5_000, "processes": 2}
        self.store, self.info, self.number = store, WorkerInfo(**standard | info), 0
        self.lanes: list[Lane] = []
        store.enlist(self.info, former=former)

    @property
    def id(self) -> str:
        """The worker's id."""
        return self.info.id

    def lane(self) -> Lane:
        """Enlist one more executor."""
        lane = Lane(self.store, self, new_id())
        self.store.enlist_executor(self.id, lane.id)
        self.lanes.append(lane)
        return lane

    def beat(
        self,
        acknowledged: int = 0,
        gone: Sequence[str] = (),
        executors: Sequence[str] | None = None,
        quiet: bool = False,
    ) -> Beat:
        """The next beat; it names all lanes that were not retired."""
        self.number += 1
        names = [lane.id for lane in self.lanes] if executors is None else executors
        return self.store.beat(self.id, self.number, names, acknowledged, gone, quiet)


def lane(store: Store, **info: Any) -> Lane:
    """An executor of a worker of its own."""
    return Boss(store, **info).lane()


def held(claim: Claim) -> Held:
    """A claim's name."""
    return Held(claim.token, claim.id)


def outcome(claim: Claim | Held, kind: OutcomeKind = "finished", **options: Any) -> Outcome:
    """What became of a claim."""
    return Outcome(claim.token, claim.id, kind, **options)


def run(store: Store, id: str, kind: OutcomeKind = "finished", **options: Any) -> None:
    """Bring a job that is next in its queue to an end."""
    worker = Boss(store, queues=(record(store, id).queue,))
    executor = worker.lane()
    [claim] = executor.take(id)
    assert executor.settle(claim, kind, **options)
    executor.retire()
    store.retire_worker(worker.id)


def fire(store: Store) -> None:
    """Let every child hear of its parents' ends."""
    for _ in range(1_000):
        if store.promote() != 0:
            return
    raise AssertionError("there is no end of firing")


class Channel:
    """Numbers calls."""

    def __init__(self) -> None:
        self.id, self._numbers = new_id(), count(1)

    def next(self) -> Call:
        """The number of the next call."""
        return Call(self.id, next(self._numbers))


# ---- looks at a whole store -----------------------------------------------------------------------------------------


def snapshot(store: Store) -> dict[str, Any]:
    """All that can be read from a store, without what changes as time goes by."""
    listed = {(name, state): ids(store, name, state) for name in store.queues() for state in STATES}
    every = [each for found in listed.values() for each in found]
    return {
        "counts": store.counts(),
        "lists": listed,
        "jobs": {each: found and replace(found, now=0) for each, found in zip(every, store.get(every), strict=True)},
        "paused": store.paused(),
        "cron": store.cron_table()[1:],
        "groups": [found and replace(found, now=0) for found in store.get_groups(store.groups())],
        "members": {group: store.members(group, limit=100_000) for group in store.groups()},
        "workers": [replace(each, beat_age=0) for each in store.workers()],
        "metrics": [row for row in store.metrics(60_000) if row.key.series not in ("depth", "oldest")],
    }


def ids(store: Store, queue: str, state: JobStatus) -> list[str]:
    """All of a queue's jobs in a state."""
    return store.list(queue, state, limit=100_000)


def check_consistent(store: Store) -> None:
    """Every job is in exactly one index, that of its state, and the indexes are in order (FAULTS S1, S2)."""
    counts, seen = store.counts(), set[str]()
    assert sorted(counts) == store.queues()
    for name, numbers in counts.items():
        assert sorted(numbers) == sorted(STATES)
        for state in STATES:
            listed = ids(store, name, state)
            assert numbers[state] == len(listed), (name, state)
            assert len(seen) + len(listed) == len(seen | set(listed)), "a job is listed twice"
            seen |= set(listed)
            records = [record(store, each) for each in listed]
            assert {(found.queue, found.state) for found in records} <= {(name, state)}
            assert all(found.reason == "undecodable" or is_sound(found) for found in records)
            check_order(state, records)
    check_groups(store)
    if isinstance(store, SQLiteStore) and store.url != "sqlite://":  # in memory nobody else sees it
        assert orphaned_rows(store.place) == [], "a job left something behind"


def check_groups(store: Store) -> None:
    """The numbers of every group are those of its members."""
    for group in store.get_groups(store.groups()):
        assert group is not None
        listed = store.members(group.id, limit=100_000)
        assert len(listed) == len(set(listed)) <= group.total
        members = [found for found in store.get(listed) if found]
        assert {found.group for found in members} <= {group.id}
        assert group.pending == sum(found.state not in ENDED for found in members), group
        ends = {state: sum(found.state is state for found in members) for state in ENDED}
        assert all(getattr(group, state.value) >= count for state, count in ends.items()), group
        ended = group.finished + group.failed + group.canceled + group.stopped + group.deleted
        assert group.total == group.pending + ended, group
        assert not group.pending or (group.completed_at, group.expires_at) == (0, 0), group


def is_sound(found: JobRecord) -> bool:
    """Whether a record's fields agree with its state."""
    running, ended = found.state is S.STARTED, found.state in ENDED
    assert (found.token > 0) is running, found
    assert (found.executor != "") is running, found
    assert found.begun is False or running, found
    assert (found.ended_at > 0) is ended, found
    assert ended or (found.reason, found.expires_at) == ("", 0), found
    assert ended or found.repeats or found.result == b"", found
    assert (found.pending > 0) is (found.state is S.DEFERRED), found
    assert found.due_at > 0 if found.state is S.SCHEDULED else found.due_at == 0 or found.state is S.DEFERRED, found
    assert len(found.history) == min(found.attempts, HISTORY), found
    return True


def check_order(state: JobStatus, records: Sequence[JobRecord]) -> None:
    """The order that `Control.list` promises, as far as the records tell it."""
    orders: dict[JobStatus, Callable[[JobRecord], float]] = {
        S.SCHEDULED: lambda found: found.due_at,
        S.STARTED: lambda found: found.token,
        S.DEFERRED: lambda found: found.created_at,
        S.QUEUED: lambda found: 0 if found.suspect else 1 - found.priority,
    }
    order = orders.get(state, lambda found: found.expires_at or float("inf"))
    assert all(order(one) <= order(other) for one, other in pairwise(records)), state
    for one, other in pairwise(records):
        if state in ENDED and one.expires_at == other.expires_at and len(one.id) == len(other.id) == 36:
            assert one.id < other.id, "ties are in the order of ids"


def has_hint(waiter: Waiter, within: float = 2.0) -> bool:
    """Sleep on a waiter as an executor does: whether a hint came."""
    until = time.monotonic() + within
    waiter.arm()
    while (left := until - time.monotonic()) > 0:
        sleep = left if waiter.poll is None else min(left, waiter.poll)
        poll = select.poll()
        poll.register(waiter.fileno(), select.POLLIN)
        if (poll.poll(sleep * 1000) or waiter.poll is not None) and waiter.take():
            return True
        waiter.arm()
    return False


def hinted(store: Store, *queues: str, within: float = 2.0) -> bool:
    """Whether a fresh sleeper on these queues is woken."""
    waiter = store.waiter(queues or ("q",))
    try:
        found = has_hint(waiter, within)
        return waiter.disarm() or found
    finally:
        waiter.close()
