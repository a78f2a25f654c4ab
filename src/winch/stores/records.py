"""The records that cross the seam between winch and a store: what goes in, and what comes out.

The conventions (time, ids, bytes, numbered calls) are those of `winch.stores.contract`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from winch.errors import WorkerError
from winch.states import JobStatus

__all__ = [
    "ALL_QUEUES",
    "COMMANDS",
    "ENQUEUE_BATCH",
    "ENQUEUE_CHUNK",
    "HISTORY",
    "KEEP_FAILED",
    "KEEP_FINISHED",
    "TURN_BATCH",
    "TURN_BYTES",
    "AttemptRecord",
    "Beat",
    "Call",
    "CallbackEvent",
    "Claim",
    "Command",
    "CronTable",
    "Enqueued",
    "EntryRecord",
    "FireKind",
    "Fired",
    "GroupRecord",
    "Held",
    "JobRecord",
    "LimitRecord",
    "MetricRow",
    "NewCallback",
    "NewEntry",
    "NewGroup",
    "NewJob",
    "NewLimit",
    "OnFailure",
    "Outcome",
    "OutcomeKind",
    "Retired",
    "StaleCall",
    "Tally",
    "TallyKey",
    "Turn",
    "WorkerInfo",
    "WorkerRecord",
]

TURN_BATCH = 100
"""The most outcomes, begins, claims, promotions and fired children of one turn."""

TURN_BYTES = 1_000_000
"""A turn claims no further job once the payloads it hands out exceed this many bytes."""

ENQUEUE_BATCH = 1_000
"""The most jobs of one `enqueue` call."""

ENQUEUE_CHUNK = 150
"""Jobs that `enqueue_many` enqueues per call: a script about so many keeps other clients of a Redis waiting for 1.5 ms."""

HISTORY = 10
"""The most attempts that a job's record keeps, the newest."""

COMMANDS = 1_000
"""A worker that has not acknowledged so many commands gets no further one by `send`."""

KEEP_FINISHED, KEEP_FAILED = 500_000, 100_000
"""The most finished and failed jobs kept per queue, the newest."""

ALL_QUEUES = "*"
"""What `pause` and `resume` call all queues, also those that come later. No queue has this name."""

CallbackEvent = Literal["success", "failure", "stopped"]
OnFailure = Literal["cancel", "wait", "run"]
OutcomeKind = Literal["finished", "failed", "retry", "returned", "stopped", "repeat"]
FireKind = Literal["fired", "duplicate", "passed", "early", "changed"]


class StaleCall(WorkerError):
    """A call whose number is lower than the last of its channel: somebody else speaks on the channel."""


class Call(NamedTuple):
    """The number of a changing call. A channel has one call in flight, and its numbers only grow."""

    channel: str
    number: int


# ---- what goes in ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewCallback:
    """A job to create when its parent ends in a certain way: kind `callback`, the parent's queue, its front.

    The callback job's id is `winch.ids.callback_id` (parent id, event, the parent's `created_at` and `attempts`, and its
    place among the parent's callbacks of that event), so that every store makes the same. Several stand in the order in
    which they were given. Its record carries the parent as it was then (`JobRecord.parent`). For `success` it has the
    parent's `result_ttl`, else its `failure_ttl`; no own callbacks, no parents, no group; priority and max_crashes as its
    parent.

    Attributes:
        event: `success` (the job finished, or repeats), `failure` (state failed), `stopped` (state stopped).
        payload: The callback job's payload.
        each: For `failure`: also after an attempt that failed and is retried, that is an outcome `retry` that counts, or a
            charged crash. The parent that it carries is queued or scheduled then.
    """

    event: CallbackEvent
    payload: bytes
    each: bool = False


class NewLimit(NamedTuple):
    """A limit of a job (`winch.options.Limit`). Jobs share it by its key, each is held to its own numbers.

    Attributes:
        key: What is limited.
        concurrency: The most jobs of the key that are `started`; 0 is any number.
        rate: The most that start per `per`; 0 is any number.
        per: Milliseconds.
        burst: How many may start at once after a pause, from 1 on if there is a rate. `burst * per / rate` is at most ten
            years.
    """

    key: str
    concurrency: int = 0
    rate: int = 0
    per: int = 0
    burst: int = 0

    @property
    def step(self) -> int:
        """Microseconds between two tokens, rounded up; 0 without a rate."""
        return -(-self.per * 1000 // self.rate) if self.rate else 0


class NewJob(NamedTuple):
    """A job to enqueue.

    Attributes:
        id: Made by the client, a UUIDv7 in text form unless the user chose one.
        queue: The queue's name.
        payload: Function, arguments and options, opaque.
        delay: Milliseconds until it is due; 0 is at once.
        meta: Opaque.
        priority: -500 to 500, higher first.
        at_front: Join before all others of the same priority once it gets ready, also where it is scheduled or deferred
            first.
        ttl: Milliseconds it may wait in `queued` before its first run; 0 is without end.
        result_ttl: Milliseconds that a finished job is kept; 0 is not at all, -1 without end.
        failure_ttl: The same for failed, canceled and stopped jobs.
        max_crashes: The charged crash with this number ends the job as failed.
        parents: Jobs it waits for, at most 10,000, none twice. Earlier jobs of the same call may be named.
        on_failure: What becomes of it when a parent ends other than finished: `cancel` it, `wait` on (for a requeue of the
            parent), or `run` it all the same.
        callbacks: Any number, also several of one event.
        limits: At most eight, each with a key of its own; see the module.
        group: The id of the group that it joins, `""` for none.
        error: For a job that has failed elsewhere and moves in: the detail of its attempt. It is created `failed`, reason
            `raised`, and brings no parents. Its callbacks of `failure` are called for that end, as for any other.
    """

    id: str
    queue: str
    payload: bytes
    delay: int = 0
    meta: bytes = b""
    priority: int = 0
    at_front: bool = False
    ttl: int = 0
    result_ttl: int = 500_000
    failure_ttl: int = 31_536_000_000
    max_crashes: int = 3
    parents: tuple[str, ...] = ()
    on_failure: OnFailure = "cancel"
    callbacks: tuple[NewCallback, ...] = ()
    limits: tuple[NewLimit, ...] = ()
    group: str = ""
    error: bytes = b""


@dataclass(frozen=True, slots=True)
class NewGroup:
    """A group to create.

    Attributes:
        id: A text like a job's id.
        ttl: Milliseconds that it is kept while nothing of it is pending; -1 is without end.
        queue: Where the job of `payload` goes, `""` if there is none.
        payload: Of the job that each completion creates, `b""` for none.
    """

    id: str
    ttl: int = 86_400_000
    queue: str = ""
    payload: bytes = b""


class Held(NamedTuple):
    """A claim, named by its token and its job. Tokens are unique, the id saves the store a look-up."""

    token: int
    id: str


class Outcome(NamedTuple):
    """What became of a claim. It settles only while the job is `started` under this very token and executor.

    Attributes:
        token: The claim's.
        id: The job's.
        kind: `finished`, `failed` and `stopped` end the job. `retry` puts it into `queued`, or `scheduled` if there is a
            delay. `returned` puts it back to its old place in `queued` as if it had never been claimed; it makes no attempt
            record unless there is a detail. `repeat` is a success of a job that goes on: it waits as after `retry`, with
            `fails` and `crashes` at 0 and `repeats` up by one; its result is kept until the next end, its attempt is
            recorded as `finished`, and its callbacks of `success` are created. Children and waiters hear nothing.
        reason: One of `winch.states.REASONS`.
        run: How long the job ran, in milliseconds. `started_at` is the end less this.
        age: How long ago it ended, in milliseconds.
        result: For `finished` and `repeat`: the encoded value; `b""` is None.
        detail: For the attempt record: the error, as the codec packs it.
        delay: For `retry` and `repeat`: milliseconds from now.
        counts: For `retry`: whether `fails` goes up by one.
        at_front: For `retry` and `repeat`: join the front, after the delay if there is one.
    """

    token: int
    id: str
    kind: OutcomeKind
    reason: str = ""
    run: int = 0
    age: int = 0
    result: bytes = b""
    detail: bytes = b""
    delay: int = 0
    counts: bool = True
    at_front: bool = False


class TallyKey(NamedTuple):
    """What is counted: jobs of a function in a queue, per series and bucket.

    Attributes:
        series: `wait` and `run` (bucket: position on the log scale of `winch.metrics`), `outcome` (bucket: position in
            `winch.metrics.OUTCOMES`).
    """

    queue: str
    function: str
    series: str
    bucket: int


Tally = Mapping[TallyKey, int]
"""Increments to the metrics; they come with a turn and are stored in minute and hour rows."""


class NewEntry(NamedTuple):
    """An entry of the cron table: what to enqueue, again and again.

    Attributes:
        name: Unique in the store.
        schedule: When, opaque.
        template: What job, opaque.
    """

    name: str
    schedule: bytes
    template: bytes


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker that comes to life.

    Attributes:
        id: New for every process.
        name: A label for people; several workers may share it.
        host: Host name.
        boot: Identifies the running kernel and pid namespace: equal means that pids can be compared.
        pid: The supervisor's.
        pid_start: The start time of that process as the kernel tells it, so that a reused pid is not taken for it.
        queues: In the order of their priority.
        version: Of winch and of the user's code, a label.
        ttl: Milliseconds without a beat after which it is dead.
        interval: Milliseconds between its beats.
        processes: How many executors it keeps.
    """

    id: str
    name: str
    host: str
    boot: str
    pid: int
    pid_start: int
    queues: tuple[str, ...]
    version: str
    ttl: int
    interval: int
    processes: int


# ---- what comes out -------------------------------------------------------------------------------------------------


class Enqueued(NamedTuple):
    """The answer to `enqueue`: the store's time, and the state each job was put into."""

    now: int
    states: tuple[JobStatus, ...]


class AttemptRecord(NamedTuple):
    """One run of a job.

    Attributes:
        started_at: Milliseconds since the epoch.
        ended_at: Milliseconds since the epoch.
        outcome: As in `Outcome.kind` (`finished` for `repeat`); `returned` also for a run that was lost in a crash without
            blame. A job ended by `cancel(stop=True)` has an attempt `stopped`. A charged crash is `failed` (the last) or
            `retry`.
        reason: One of `winch.states.REASONS`.
        worker: The worker's name, `""` if it is not known.
        detail: As the codec packed it, or `b""`. For a crash: the UTF-8 text that the retirer gave.
    """

    started_at: int
    ended_at: int
    outcome: OutcomeKind
    reason: str
    worker: str
    detail: bytes


class Claim(NamedTuple):
    """A job handed to an executor. A tuple: a hundred are made per turn.

    Attributes:
        token: Larger than every token before it: the store's time in microseconds, or the last token plus one, whichever is
            larger.
        suspect: It runs alone and has been marked as begun by the claim.
        fails: Attempts that counted against its retry policy.
        attempts: Ended attempts before this one.
        wait: Milliseconds between `enqueued_at` and the claim.
        parent: For a callback: its parent as it was then.
        repeats: How often it has been repeated.
        group: The id of the group that it joined, `""` for none.
    """

    token: int
    id: str
    queue: str
    payload: bytes
    meta: bytes
    suspect: bool
    fails: int
    attempts: int
    crashes: int
    created_at: int
    enqueued_at: int
    wait: int
    priority: int
    parent: JobRecord | None
    repeats: int = 0
    group: str = ""


class Turn(NamedTuple):
    """The answer to `turn`.

    Attributes:
        now: The store's time.
        claims: In the order in which they should run.
        more: The scan stopped before the end of the queues (expired, damaged or now blocked jobs at the head, the batch's
            size in bytes) while there was room: turn again at once. Not set merely because `room` was used up.
        next_due: Milliseconds until the earliest scheduled job of these queues is due, the earliest token comes that a
            blocked job of them waits for, or the earliest pause ends; None if there is none of these.
        late: Tokens of outcomes that did not settle: the claim is not held any more.
        alone: A suspect waits in these queues which this executor could not take: because it holds claims, or because its
            worker already runs a suspect. Such a suspect's queue has its marker; look again in a while rather than at once.
    """

    now: int
    claims: tuple[Claim, ...]
    more: bool
    next_due: int | None
    late: tuple[int, ...]
    alone: bool = False


@dataclass(frozen=True, slots=True)
class JobRecord:
    """All that the store knows of a job.

    Attributes:
        state: Where it is in its life.
        reason: Why it ended so: `reason` of the last outcome, `dependency`, `expired`, ...; `""` while it has not ended.
        fails: Attempts that counted against its retry policy; `requeue` sets it to 0.
        crashes: Charged crashes; `requeue` sets it to 0.
        attempts: Ended attempts over its whole life: one for each attempt record that was ever made.
        suspect: It may have killed a process, and is handed out alone.
        begun: Held, and known to have begun.
        created_at, enqueued_at, started_at, ended_at, due_at: Milliseconds since the epoch, 0 for never. `enqueued_at` is
            the last time it entered `queued` other than by being given back; `started_at` the claim, or the begin, or (once
            settled) the end less the run time of the last attempt; `due_at` is set while it is scheduled (or deferred with
            a delay).
        expires_at: When an ended job will be removed, 0 for never.
        pending: How many parents it still waits for.
        token, executor, worker: Of the current claim; 0 and `""` if it is not held. `worker` is the worker's name, and stays
            after the end.
        repeats: How often it has been repeated after a success; `requeue` sets it to 0.
        result: `b""` if there is none, or it is None. Before the end only a job that has been repeated has one.
        progress: What the latest `report` said, `b""` for none.
        history: Oldest first, at most `HISTORY`.
        parent: For a callback: its parent as it was then (without that one's own `parent` and `limits`).
        limits: As they were given.
        group: The id of the group that it joined, also when that is gone; `""` for none.
        now: The store's time of this reading.
    """

    id: str
    queue: str
    state: JobStatus
    payload: bytes
    reason: str = ""
    priority: int = 0
    fails: int = 0
    crashes: int = 0
    max_crashes: int = 3
    attempts: int = 0
    suspect: bool = False
    begun: bool = False
    created_at: int = 0
    enqueued_at: int = 0
    started_at: int = 0
    ended_at: int = 0
    due_at: int = 0
    expires_at: int = 0
    ttl: int = 0
    result_ttl: int = 0
    failure_ttl: int = 0
    pending: int = 0
    on_failure: OnFailure = "cancel"
    token: int = 0
    executor: str = ""
    worker: str = ""
    result: bytes = b""
    meta: bytes = b""
    progress: bytes = b""
    history: tuple[AttemptRecord, ...] = ()
    parent: JobRecord | None = None
    repeats: int = 0
    limits: tuple[NewLimit, ...] = ()
    group: str = ""
    now: int = 0


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """All that the store knows of a group. `total` is the sum of `pending` and of the five numbers after it.

    Attributes:
        created_at: Milliseconds since the epoch.
        completed_at: When it was last completed, 0 once a job has joined it or was requeued since.
        expires_at: When it will be removed unless a job joins it or is requeued, 0 for never.
        ttl: Milliseconds that it is kept while nothing of it is pending; -1 is without end.
        queue: Where the job of its completion goes.
        payload: Of that job, `b""` for none.
        holds: How many callers are filling it.
        completions: How often it was completed.
        total: Jobs that ever joined it.
        pending: Those that have not ended.
        finished, failed, canceled, stopped: How the others ended.
        deleted: Those deleted before their end.
        now: The store's time of this reading.
    """

    id: str
    created_at: int
    completed_at: int = 0
    expires_at: int = 0
    ttl: int = 86_400_000
    queue: str = ""
    payload: bytes = b""
    holds: int = 0
    completions: int = 0
    total: int = 0
    pending: int = 0
    finished: int = 0
    failed: int = 0
    canceled: int = 0
    stopped: int = 0
    deleted: int = 0
    now: int = 0


class Command(NamedTuple):
    """Something a worker is asked to do. It is kept until a beat acknowledges its number.

    Attributes:
        number: Counts up per worker from 1.
        name: `lost` (the claim was taken away: stop that job), or one of those in `winch.worker.orders`. A worker ignores,
            and acknowledges, what it does not know.
        token: For `lost`, else 0.
        id: The job's for `lost`, else `""`.
    """

    number: int
    name: str
    token: int = 0
    id: str = ""


class Beat(NamedTuple):
    """The answer to `beat`.

    Attributes:
        now: The store's time.
        strays: Executors that are enlisted for this worker and were not named: the supervisor retires them.
        commands: All that are not acknowledged, oldest first.
        next_due: As in `Turn`, for all queues of this worker.
        rescued: Workers that this beat declared dead and whose claims it freed.
        cron: The version of the cron table, 0 if it never had an entry. Another one than before: read it again.
    """

    now: int
    strays: tuple[str, ...]
    commands: tuple[Command, ...]
    next_due: int | None
    rescued: tuple[str, ...]
    cron: int = 0


class Retired(NamedTuple):
    """The answer to `retire`: what became of the claims that were still held, as job ids."""

    returned: tuple[str, ...]
    suspects: tuple[str, ...]
    charged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker as the store sees it.

    Attributes:
        beat_age: Milliseconds since the last beat.
        started_at: Milliseconds since the epoch.
        alive: Its last beat is younger than its ttl.
        jobs: Ids of the jobs that its executors hold, begun ones first, then by token.
        finished, failed: Settled by it so far.
        run_ms: Sum of the run times of what it settled.
        quiet: It claims nothing, as its last beat said.
        commands: Those that it has not acknowledged, oldest first.
    """

    info: WorkerInfo
    beat_age: int
    started_at: int
    alive: bool
    executors: tuple[str, ...]
    jobs: tuple[str, ...]
    finished: int = 0
    failed: int = 0
    run_ms: int = 0
    quiet: bool = False
    commands: tuple[Command, ...] = ()


class LimitRecord(NamedTuple):
    """How a limit stands.

    Attributes:
        key: What is limited.
        running: How many slots of it are held.
        waiting: How many jobs are blocked and wait for it, in all queues.
        full_in: Milliseconds until its bucket is full again, 0 if it is (or there is no rate).
    """

    key: str
    running: int
    waiting: int
    full_in: int


class EntryRecord(NamedTuple):
    """An entry of the cron table as it is now.

    Attributes:
        source: Who wrote it, `""` for one that was added by itself.
        version: Of the source's set that it belongs to.
        schedule: When, opaque.
        template: What job, opaque.
        revision: The version of the cron table in which it was last changed.
        paused: It does not fire.
        created_at: Milliseconds since the epoch.
        since: Slots up to this time (milliseconds since the epoch) are no slots of it: when it was created, got another
            schedule, or was last resumed.
        last_slot: The latest slot that fired, milliseconds since the epoch; 0 for none.
        last_job: The id of its job, `""` for none.
    """

    name: str
    source: str
    version: int
    schedule: bytes
    template: bytes
    revision: int
    paused: bool
    created_at: int
    since: int
    last_slot: int
    last_job: str


class CronTable(NamedTuple):
    """The answer to `cron_table`.

    Attributes:
        now: The store's time.
        version: Larger after every change; 0 if there never was an entry. Firing changes no version.
        entries: By name.
    """

    now: int
    version: int
    entries: tuple[EntryRecord, ...]


class Fired(NamedTuple):
    """The answer to `fire_entry`.

    Attributes:
        now: The store's time.
        kind: `fired`: the job is enqueued. `duplicate`: the slot counts as fired, but the id of its job is in use by one
            that has not ended, so there is no other. `passed`: the slot is not later than the last one, or than `since`.
            `early`: the slot is later than now. `changed`: the entry is gone, paused, or of another revision.
        last_slot: The entry's last slot after that, 0 if the entry is gone.
    """

    now: int
    kind: FireKind
    last_slot: int


class MetricRow(NamedTuple):
    """One number of the metrics: all increments of a key in a minute or an hour that began at `at` (ms).

    Besides the series of `TallyKey` there are `depth` (bucket 0: jobs queued) and `oldest` (bucket 0: the greater age in
    ms, since `enqueued_at`, of the queue's two heads, the first suspect and the first other job), one sample a minute and
    queue, function `""`, minute rows only. In a queue of one priority the head is the oldest; a job of low priority behind
    it may be older: to find that, every job would have to be looked at.
    """

    at: int
    key: TallyKey
    value: int
