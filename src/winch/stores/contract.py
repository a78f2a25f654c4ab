"""What a store does: the verbs as four protocols. The records that cross the seam are in `winch.stores.records`.

A job changes state only through a verb, and a verb is one guarded, atomic transition. Every store keeps the rules here to
the letter; `tests/model.py` is the same contract as the simplest possible program, `tests/contract/` compares them.

Conventions
    *Time* is the store's, in integer milliseconds since the epoch. What the caller knows crosses the seam as a delay or an
    age in milliseconds, never as a point in time. `0` stands for "no such moment".
    *Ids* are text: a job's, a worker's, an executor's, a channel's.
    *Bytes* are opaque: a store never looks into a payload, a result, a detail or a meta.
    *Changing verbs* take `call`, the number of the call. Repeated with the same number they change nothing and answer the
    same; a lower number than the channel's last changes nothing and raises `StaleCall`. Without `call` the store numbers
    the call itself, on a channel that belongs to the calling thread. (PROTOCOL rules 1 to 4.)
    *A refused call has written nothing*: every verb reads and checks what it cannot do without before its first write.
    What it can do without (a queue that it would only claim from or clean up, a child that it would tell of an end) it
    passes over when that cannot be read; a later call sees to it once it is repaired.

Steps that several verbs share (each exists once per store)
    `queue(job)`   the one way into `queued`: state, index, score, `enqueued_at`, and the queue's marker.
    `end(job)`     the one place where a job becomes terminal or vanishes: result, retention, group, callbacks, children,
                   waiters.
    `fire(n)`      takes up to n children from the children sets of ended parents, each once.
    `promote(n)`   moves up to n due jobs from `scheduled` to `queued`, earliest first.
    `lift()`       ends the pauses whose time is over.
    `lapse(job)`   what becomes of a claim whose executor is gone: see `Liveness.retire`.
    `admit(job)`   at its claim: takes a slot and a token of each of the job's limits, or of none.
    `release(n)`   moves up to n jobs for which a limit has room again from `blocked` to `queued`.

Limits
    A job's limits (`NewJob.limits`) name keys; jobs of any queue share a key, and each is held to its own numbers.
    A *slot* of a key is held by each `started` job that gives a `concurrency` for it: it is taken by the claim, and free when
    the job leaves `started`, however that comes about. A job has room while fewer than `concurrency` slots are held.
    A *token* is taken by the claim of a job that gives a `rate`. The key's bucket is full at a moment that every token puts
    off by `per / rate` (rounded up to a microsecond) from then or from now, whichever is later; a job has room while that is
    at most `burst - 1` such steps ahead. A token is spent, whatever becomes of the run; only what is `returned` without
    having begun (not marked, `run` 0, no detail) puts it back.
    A job is admitted by all its limits at once, or by none. Else it becomes `blocked`, at its old score, and waits for the
    first of its keys that has no room. A job that is released has its old place in its queue and holds nothing; if it finds
    no room when it is claimed it waits again, at its old place.
    *Invariant*: in each queue, as many jobs as a key has room for are released and not claimed yet, if so many wait for it.
    A release happens in the call that makes room; where that is a token's coming, in the first `promote`, `turn` or `beat`
    from then on. So what holds up one queue (a pause, no worker) holds up no other; within a queue the order is that of
    the scores, between queues that of the executors' turns.

Order
    The score of a job in its queue is `-priority * 2**44 + n`; n counts up from 1 per store for jobs that join the back and
    down from -1 for `at_front`. A job keeps its score with it, so what is given back gets its old place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from winch.states import JobStatus
from winch.stores.records import (
    ALL_QUEUES,
    COMMANDS,
    ENQUEUE_BATCH,
    ENQUEUE_CHUNK,
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
    FireKind,
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
    OnFailure,
    Outcome,
    OutcomeKind,
    Retired,
    StaleCall,
    Tally,
    TallyKey,
    Turn,
    WorkerInfo,
    WorkerRecord,
)

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
    "Control",
    "CronTable",
    "Enqueued",
    "EntryRecord",
    "FireKind",
    "Fired",
    "GroupRecord",
    "Groups",
    "Held",
    "HotPath",
    "JobRecord",
    "LimitRecord",
    "Liveness",
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
    "Store",
    "StoreOptions",
    "Tally",
    "TallyKey",
    "Turn",
    "Waiter",
    "WorkerInfo",
    "WorkerRecord",
]


class Waiter(Protocol):
    """Something to sleep on until there may be work. It carries hints, never jobs, and changes no job's state.

    Use: `arm()`, then select on `fileno()` for at most `poll` seconds, then `take()`. Two waiters on the same queue share
    the hints: one hint wakes one of them. Errors of the connection are swallowed: the waiter reconnects, and `take()`
    answers True (look for yourself).
    """

    poll: float | None
    """The longest time in seconds to sleep before `take()` is called all the same; None: as long as you like."""

    def arm(self) -> None:
        """Start to listen, if it does not listen yet. Cheap when it already does."""
        ...

    def fileno(self) -> int:
        """A descriptor that becomes readable when a hint comes."""
        ...

    def take(self) -> bool:
        """Consume what has come, without blocking. True: there may be work, take a turn. It is disarmed then."""
        ...

    def disarm(self) -> bool:
        """Stop to listen. True: a hint came while stopping; the caller takes a turn, which passes it on."""
        ...

    def close(self) -> None:
        """Release the descriptor. A hint that is under way may be lost: the next beat of any worker restores it."""
        ...


class HotPath(Protocol):
    """What happens for every job."""

    def enqueue(self, jobs: Sequence[NewJob], *, call: Call | None = None) -> Enqueued:
        """Create up to `ENQUEUE_BATCH` jobs in one step: all of them, or none.

        A job with an `error` becomes `failed`; one with unmet parents `deferred`; else with a delay `scheduled`; else
        `queued`. A parent that is finished is met. A parent that ended otherwise counts as its child's `on_failure` says:
        `run` met, `wait` unmet, `cancel`: the child is created `canceled`, reason `dependency` (its own later children
        follow the same rule). A parent's id that belongs to a job which vanished is unknown. An ended job with the same id
        is replaced, history, result and index entry included; children that `wait` for it stay its children, and its
        `created_at` is later than that of the job it replaces.

        Raises:
            DuplicateJob: An id is used by a job that has not ended, or twice in `jobs`. The error's `args[1]` is the id.
            UnknownDependency: A parent does not exist. `args[1]` is its id.
            NoSuchGroup: A group does not exist. `args[1]` is its id.
        """
        ...

    def begin_enqueue(self, jobs: Sequence[NewJob]) -> Callable[[], Enqueued]:
        """`enqueue`, sent at once and answered when the returned function is called: the next jobs can be made meanwhile.

        The function is called once, by the thread that has sent the jobs. Other calls may come between.
        """
        ...

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
        """Settle what is done, mark what has begun, fire, promote, and claim up to `room` jobs, in one step.

        The call is numbered: channel `executor`, number `number`. Repeated, it answers the claims of that turn that are
        still held under the same tokens (as they are now); the rest of the answer is as it was. At most `TURN_BATCH` of
        each are given and taken.

        Order: settle (in order), begin, tally, `fire(100)`, `lift()`, `promote(100)` for the queues named, `release`, claim,
        `release`. Claiming takes the queues in the order given, each once, paused ones never; in a queue first the oldest
        suspect, if this executor holds nothing and its worker runs no suspect: then the suspect is the only claim, marked
        begun. Otherwise the unsuspected jobs with the lowest scores, none of them if this executor holds a suspect: nothing
        runs beside it (this sets neither `more` nor `alone`). A job whose `ttl` is over (only before its first run: `fails`,
        `crashes` and `attempts` all 0) ends `canceled`, reason `expired`. A job that its limits do not admit becomes `blocked`;
        where the keys of a limit cannot be read, its queue is left as it is from there on. A record that cannot be read is
        removed from `queued`, and listed as failed with reason `undecodable`; the turn goes on. A queue whose own keys cannot
        be read or changed is left as it is, such records included, as if it were paused; `beat` logs it. A store that is full
        settles all the same, and logs what is lost: results are dropped first, then details (Redis needs no space for those).
        Where even a claim needs space (SQLite) such a turn claims nothing. At the end, each queue touched that has claimable
        work has its marker, and each queue named of which this store's waiters may have taken it.

        Raises:
            NotEnlisted: The executor is not enlisted, or its worker is gone. Nothing happened.
        """
        ...

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
        """`turn`, sent at once and answered when the returned function is called, so that jobs can run meanwhile.

        Until then nothing else may be asked of this store by this thread. The function may be called by another thread.
        """
        ...

    def packed(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """The same, for a turn that is sent later, with what can be done for them now. Asks nothing of the store."""
        ...

    def take(self, executor: str, id: str, *, call: Call | None = None) -> Claim | None:
        """Claim this very job, as begun, whatever stands before it in its queue and also if that is paused.

        What a turn would not hand out this does not either: a job whose `ttl` is over, or one that cannot be read, ends in
        the same way; one that its limits do not admit becomes `blocked`; a suspect stays where it is unless this executor
        holds nothing and its worker runs no suspect; and nothing is claimed beside a suspect. A repeated call answers the
        claim only while it is held.

        Returns:
            None: it is not queued (any more), or stays.

        Raises:
            NotEnlisted: The executor is not enlisted, or its worker is gone.
        """
        ...

    def report(self, held: Held, progress: bytes, *, call: Call | None = None) -> bool:
        """Keep with a job how far it has come, at most 255 bytes. False, and nothing: the claim is not held any more."""
        ...

    def waiter(self, queues: Sequence[str]) -> Waiter:
        """Something to sleep on until one of these queues may have work."""
        ...

    def await_end(self, ids: Sequence[str], timeout: float, wake: int | None = None) -> list[JobRecord]:
        """Wait until at least one of these jobs has ended, at most `timeout` seconds.

        Args:
            ids: Unknown ids are absent from the answer; once all are unknown it returns.
            timeout: Seconds; 0 looks once.
            wake: A descriptor; when it becomes readable the call returns early, with what it has.

        Returns:
            The records of those that have ended, maybe none.
        """
        ...

    def annotate(self, id: str, meta: bytes, *, call: Call | None = None) -> None:
        """Replace a job's meta.

        Raises:
            NoSuchJob: There is no such job.
        """
        ...


class Liveness(Protocol):
    """Who is alive, and what becomes of what the dead held."""

    def enlist(self, worker: WorkerInfo, *, former: str = "", call: Call | None = None) -> int:
        """Register a worker; its beat and its `since` are now. Returns the store's time. An id that exists is an error.

        Args:
            worker: Who it is.
            former: The id under which the same process was enlisted before. What it was told under that one and has not
                acknowledged, `lost` apart, it is told under the new one, in the same order, numbered from 1. That is kept for
                an hour after the former enlistment has ended.
            call: The number of the call.

        Raises:
            StaleCall: A worker of that id exists, or has been here before and was retired or rescued within the hour.
        """
        ...

    def enlist_executor(self, worker: str, executor: str, *, call: Call | None = None) -> None:
        """Allow an executor of this worker to take turns.

        Raises:
            NotEnlisted: The worker is not enlisted.
        """
        ...

    def beat(
        self,
        worker: str,
        number: int,
        executors: Sequence[str],
        acknowledged: int = 0,
        gone: Sequence[str] = (),
        quiet: bool = False,
    ) -> Beat:
        """Say that a worker and these executors are alive; rescue, re-arm and clean up on the way.

        Channel `worker`, number `number`. In this order: drop commands up to number `acknowledged`; its record says whether
        it is `quiet` (nothing depends on that: its executors keep to it); `since` is reset to now
        if the last beat is more than two of the worker's intervals old; its beat is now (a beat in the future is set to
        now); then, if `now - since >= ttl`, every other worker whose beat is older than its own ttl is rescued; workers in
        `gone` (whose process the caller knows to be gone) are rescued in any case; then `fire(100)`, `lift()`,
        `promote(100)`, `release`, for a few of the keys that jobs wait for also where nothing has told that there is room,
        ended jobs past their expiry are removed (up to 100, and those beyond `KEEP_FINISHED`/`KEEP_FAILED`), markers are
        pushed for every queue with claimable work, and once a minute depth and oldest age of each queue are sampled. In a
        store that is full and needs space for it (SQLite) nothing is removed and nothing sampled. A queue whose keys cannot
        be read or changed is passed over, and so is a worker that holds jobs of it; both are logged, at most once a minute.

        A rescue ends the enlistment of the worker and of its executors and lets their claims `lapse`: if the worker ran a
        suspect, the suspect is charged; all other begun jobs become suspects; if no job had begun, all claims do.

        Raises:
            NotEnlisted: The worker is not enlisted, or was rescued. A beat never creates.
        """
        ...

    def promote(self, *, call: Call | None = None) -> int | None:
        """`fire(100)`, `lift()`, `promote(100)` and `release` over all queues.

        Returns:
            Milliseconds until the next due job, token or end of a pause (0: there are more), None if there is none.
        """
        ...

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
        """End an executor's enlistment: settle these outcomes, then let every claim it still holds lapse, in one step.

        An executor that is not enlisted is retired already: the answer is empty, and nothing happens.

        Args:
            executor: Whose claims.
            outcomes: Settled first, as in `turn`; in a store that is full without results, and if need be details.
            crashed: Whether the executor died of what it ran. If not, every claim returns without blame.
            begun: Claims that its vitals show as running, in addition to those the store knows as begun.
            detail: What is known of the crash, for the attempt record ("killed by signal 9").
            call: The number of the call.

        A claim that lapses returns to `queued` at its old place. With `crashed`: the only begun claim is charged; if
        several had begun they all become suspects, uncharged; if none had begun, all claims do. A charged job's `crashes`
        and `attempts` go up by one; at `max_crashes` it ends `failed`, reason `crashed` (attempt `failed`, reason
        `crashed`, and `detail`), below it it returns as a suspect (attempt `retry`, reason `crashed`). A begun job that
        lapses uncharged because of a crash or a rescue gets an attempt `returned`, reason `crashed`, too.
        A claim that was a suspect and was not charged stays one until an outcome of it settles (`returned` keeps it).
        """
        ...

    def retire_worker(self, worker: str, *, call: Call | None = None) -> None:
        """End a worker's enlistment, and that of executors it still has, whose claims return without blame."""
        ...

    def workers(self) -> list[WorkerRecord]:
        """All workers, by name. Also the dead that nobody has rescued yet."""
        ...

    def hints(self, worker: str) -> Waiter:
        """Something for a supervisor to sleep on.

        Readable when a command came, an earlier job became due, a pause got an end, or the cron table changed.
        """
        ...

    def drained(self, queues: Sequence[str]) -> bool:
        """Whether nothing is left for a burst.

        Nothing claimable, blocked (in queues that are not paused) or firing, and no claims of a worker that is dead.
        """
        ...


class Control(Protocol):
    """What people and programs ask and tell. Reading never writes."""

    def get(self, ids: Sequence[str]) -> list[JobRecord | None]:
        """The records of these jobs, None for the unknown (an ended job past its expiry is unknown)."""
        ...

    def list(
        self, queue: str, state: JobStatus, *, offset: int = 0, limit: int = 100, newest: bool = False
    ) -> list[str]:
        """Ids of a queue's jobs in a state.

        In the order of claims for `queued`; by score for `blocked`; by due time for `scheduled`; by the time they got there
        for `started` and `deferred` (the claim's token; the creation); by expiry (ties by id) for ended ones, the expired left
        out, those without end last. `newest` turns it round.
        """
        ...

    def counts(self, queues: Sequence[str] | None = None) -> dict[str, dict[JobStatus, int]]:
        """Per queue the number of jobs in every state (all nine), for all known queues by name unless some are named."""
        ...

    def queues(self) -> list[str]:
        """The names of all queues that ever held a job and were not deleted, sorted."""
        ...

    def position(self, id: str) -> int | None:
        """A queued job's place in its queue, 0 is next; None if it is not queued."""
        ...

    def children(self, id: str) -> list[str]:
        """Ids of the jobs that wait for the next end of this one, in the order in which they came; none if it is unknown.

        Those that have yet to be told of an end it already had are not among them. Many are not read in one moment.
        """
        ...

    def cancel(
        self, id: str, *, stop: bool = False, enqueue_dependents: bool = False, call: Call | None = None
    ) -> JobStatus:
        """End a job that waits as `canceled`; with `stop`, one that runs as `stopped`.

        A stopped job's claim is taken away at once: its outcome will be late, and its worker gets the command `lost`.
        With `enqueue_dependents` its children hear of this end as if it had finished.

        Returns:
            The state it had before.

        Raises:
            NoSuchJob: There is no such job.
            InvalidJobOperation: It has ended, or it runs and `stop` is not set.
        """
        ...

    def requeue(self, id: str, *, at_front: bool = False, call: Call | None = None) -> JobStatus:
        """Put an ended job back into its queue: `fails`, `crashes`, `repeats` 0, no result, not suspect, its history kept.

        Returns:
            The state it had before.

        Raises:
            NoSuchJob: There is no such job.
            InvalidJobOperation: It has not ended.
        """
        ...

    def delete(self, ids: Sequence[str], *, call: Call | None = None) -> int:
        """Remove up to `ENQUEUE_BATCH` jobs in any state, with all they had. Returns how many there were.

        Children go as when the parent failed, save that `wait` cancels too. A running job's claim is taken away as in
        `cancel`.
        """
        ...

    def empty(self, queue: str, *, limit: int = 1_000, call: Call | None = None) -> int:
        """Remove up to `limit` of a queue's queued jobs, as `delete` does. Returns how many."""
        ...

    def forget(self, queue: str, *, call: Call | None = None) -> bool:
        """Take a queue that holds no job from the list of queues, and its pause with it. False: it holds jobs."""
        ...

    def pause(self, queue: str, ttl: int = 0, *, call: Call | None = None) -> None:
        """Hand out no more of a queue's jobs. They can still be enqueued.

        Args:
            queue: Its name, or `ALL_QUEUES`: a pause of its own, beside those of single queues.
            ttl: Milliseconds after which `lift` ends the pause; 0 is without end. It takes the place of an earlier one.
            call: The number of the call.
        """
        ...

    def resume(self, queue: str, *, call: Call | None = None) -> None:
        """End the pause of a queue, or of `ALL_QUEUES`. What neither pause holds back is handed out again."""
        ...

    def paused(self) -> dict[str, int]:
        """The paused queues by name, `ALL_QUEUES` if all are: when the pause ends (ms since the epoch), 0 without end."""
        ...

    def send(self, worker: str, name: str, *, call: Call | None = None) -> int:
        """Give a worker a command, which it gets with its next beats until it acknowledges it. Returns its number.

        Raises:
            NotEnlisted: There is no such worker.
            WorkerError: It has `COMMANDS` commands to acknowledge already.
        """
        ...

    def limits(self, keys: Sequence[str] | None = None) -> list[LimitRecord]:
        """How limits stand: those of these keys, in their order, else the keys that jobs wait for, up to 1,000, sorted."""
        ...

    def put_entries(
        self,
        source: str,
        entries: Sequence[NewEntry],
        *,
        version: int = 0,
        whole: bool = False,
        call: Call | None = None,
    ) -> bool:
        """Write up to `ENQUEUE_BATCH` entries of the cron table in one step: all of them, or none.

        A new entry has never fired, and its slots begin after now. One that exists keeps its last slot, its job and its
        pause; another schedule makes its slots begin after now. One whose schedule and template are the same is as it was,
        so to write a set again changes nothing. Each change gives the table a new version.

        Args:
            source: Who writes. `""` is for entries that are added one by one.
            entries: No name twice.
            version: Of the source's set.
            whole: The source's other entries are removed.
            call: The number of the call.

        Returns:
            False: an entry of the source belongs to a set of a higher version, and nothing was written.

        Raises:
            EntryTaken: An entry of that name belongs to another source. `args[1]` is the name, `args[2]` the source.
        """
        ...

    def remove_entry(self, name: str, *, call: Call | None = None) -> bool:
        """Remove an entry of the cron table. False: there is none."""
        ...

    def pause_entry(self, name: str, paused: bool, *, call: Call | None = None) -> bool:
        """Pause an entry, or resume it: then its slots begin after now. False: there is none. Twice is once."""
        ...

    def cron_table(self) -> CronTable:
        """The cron table."""
        ...

    def fire_entry(self, name: str, revision: int, slot: int, job: NewJob, *, call: Call | None = None) -> Fired:
        """Enqueue the job of an entry's slot, and remember the slot as its last, in one step (PROTOCOL rule 33).

        Only if the entry has this revision and is not paused, and `slot` (milliseconds since the epoch) is later than its
        last slot and its `since`, and not later than now: so each slot fires once, whoever ticks.

        Args:
            name: The entry's.
            revision: Of the entry whose schedule and template slot and job come from.
            slot: What fires.
            job: Without parents, group and error.
            call: The number of the call.
        """
        ...

    def metrics(self, since: int, *, hours: bool = False) -> list[MetricRow]:
        """The metrics' minute (24 h are kept) or hour rows (60 days) of the last `since` milliseconds, by time and key."""
        ...

    def now(self) -> int:
        """The store's time in milliseconds."""
        ...


class Groups(Protocol):
    """Jobs that belong together, counted as they end.

    A job joins a group when it is enqueued (`NewJob.group`) and stays a member until it is removed, or another job takes
    its id. `end(job)` counts a member, in the same step; `delete` of one that has not ended counts it as `deleted`;
    `requeue` takes the count back. A group is *completed* when nothing of it is pending and nobody holds it: by the step
    that ends or deletes its last pending job, or by `release_group`. That happens once for all jobs that have joined or were
    requeued since the last time. The step creates the job of the group's `payload`: with the id `winch.ids.callback_id` (the
    group's id, `complete`, its `created_at`, its `completions`), at the front of the group's queue, with the options that
    are a `NewJob`'s defaults; and it wakes those who wait. The job stands behind the callbacks of the job whose end it was.
    While nothing of it is pending a group expires after its `ttl`, held or not; it is unknown from then on. Its members are
    jobs of their own, and stay.
    """

    def create_group(self, group: NewGroup, *, call: Call | None = None) -> GroupRecord:
        """Create a group without members; one that is completed makes room for it, and is older. Returns its record.

        Raises:
            DuplicateGroup: A group of that id exists and is not completed. `args[1]` is the id.
        """
        ...

    def hold_group(self, group: str, *, call: Call | None = None) -> None:
        """Do not complete this group before `release_group`: more is to come. Several may hold it.

        Raises:
            NoSuchGroup: There is no such group.
        """
        ...

    def release_group(self, group: str, *, call: Call | None = None) -> None:
        """Take a hold back. If it was the last, nothing is pending, and the group is not completed, this completes it.

        Raises:
            NoSuchGroup: There is no such group.
        """
        ...

    def delete_group(self, group: str, *, call: Call | None = None) -> bool:
        """Remove a group; its jobs stay, and count nowhere. False: there was none."""
        ...

    def get_groups(self, groups: Sequence[str]) -> list[GroupRecord | None]:
        """The records of these groups, None for the unknown."""
        ...

    def groups(self) -> list[str]:
        """The ids of all groups, sorted."""
        ...

    def members(self, group: str, *, offset: int = 0, limit: int = 100) -> list[str]:
        """Ids of a group's members, in the order in which they joined; none of a group that is unknown."""
        ...

    def await_group(self, group: str, timeout: float, wake: int | None = None) -> GroupRecord | None:
        """Wait until a group is completed, at most `timeout` seconds.

        Args:
            group: Its id.
            timeout: Seconds; 0 looks once.
            wake: A descriptor; when it becomes readable the call returns early.

        Returns:
            Its record, completed or not; None as soon as it is unknown.
        """
        ...


class Store(HotPath, Liveness, Control, Groups, Protocol):
    """A place where jobs live. Safe to use from any thread and after a fork: connections belong to a thread and a pid."""

    place: str
    """The absolute address for people, without password."""

    url: str
    """The address with which another process can open the same store."""

    deadline: float
    """Seconds that a call may take in all, repeats included."""

    created: bool
    """This object has just made the store: it was not there before."""

    def clock(self) -> int:
        """What a clock on the wall says to this caller, in milliseconds since the epoch.

        It turns a point in time that a user gives into a delay. A store for tests may have a clock of its own.
        """
        ...

    def open(self, *, create: bool = True) -> None:
        """Connect now and check the schema; every verb does it by itself when needed.

        Raises:
            StoreNotFound: There is none, and `create` is False. Nothing is written.
            StoreUnavailable: It does not answer.
            StoreRefused: Its schema is newer than this winch.
        """
        ...

    def close(self) -> None:
        """Close every connection of this process."""
        ...


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How to open a store.

    Attributes:
        namespace: Keeps several winches apart in one store.
        deadline: Seconds that a call may take in all.
        extra: What else the URL's query says.
    """

    namespace: str = "winch"
    deadline: float = 5.0
    extra: Mapping[str, str] = field(default_factory=dict[str, str])
